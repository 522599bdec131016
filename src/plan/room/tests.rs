//! What a search costs, and that it ends.

use super::*;
use crate::model::{Peer, Policy, PortRange, Priority, Protocol, RuleId};

/// Old and new rules, of which no two are about the same port, for a group that holds `quota` units.
struct Case {
    old: Vec<ObservedRule>,
    new: Vec<Rule>,
    quota: usize,
    kept: Vec<Rule>,
    pairs: Vec<(usize, usize)>,
    peers: i64,
    in_place: bool,
}

/// `accept 22 10.0.0.0/8 5`: verdict, port, peer and priority.
fn rules(texts: &[&str]) -> Vec<Rule> {
    let parse = |text: &&str| {
        let words: Vec<&str> = text.split(' ').collect();
        let [policy, port, peer, priority] = words[..] else {
            panic!("four words, not {text}");
        };
        Rule {
            policy: match policy {
                "drop" => Policy::Drop,
                _ => Policy::Accept,
            },
            priority: Priority::new(priority.parse().unwrap()).unwrap(),
            ..rule(port.parse().unwrap(), peer)
        }
    };
    texts.iter().map(parse).collect()
}

fn rule(port: u16, peer: &str) -> Rule {
    Rule {
        direction: Direction::Ingress,
        nic: crate::model::NicType::Intranet,
        priority: Priority::DEFAULT,
        policy: Policy::Accept,
        protocol: Protocol::Tcp(PortRange::new(port, port).unwrap().into()),
        peer: match peer.parse() {
            Ok(cidr) => Peer::Cidr(cidr),
            Err(_) => Peer::Group(crate::model::GroupId::new(peer)),
        },
        local: None,
        description: None,
        peer_owner: None,
    }
}

impl Case {
    fn new(old: &[&str], new: &[&str], quota: usize) -> Self {
        let seen = |(number, rule)| ObservedRule {
            rule,
            id: Some(RuleId::new(format!("sgr-{number}"))),
            facts: None,
        };
        Self {
            old: rules(old).into_iter().enumerate().map(seen).collect(),
            new: rules(new),
            quota,
            kept: Vec::new(),
            pairs: Vec::new(),
            peers: 1_000,
            in_place: true,
        }
    }

    /// Every one of so many rules becomes one for members of a group, which the cloud does not make of it.
    fn stuck(rules: u16) -> Self {
        let old = (1..=rules).map(|port| ObservedRule {
            rule: rule(port, "10.0.0.0/8"),
            id: Some(RuleId::new(format!("sgr-{port}"))),
            facts: None,
        });
        Self {
            old: old.collect(),
            new: (1..=rules).map(|port| rule(port, "sg-lb")).collect(),
            quota: usize::from(rules),
            kept: Vec::new(),
            pairs: Vec::new(),
            peers: 1_000,
            in_place: true,
        }
    }

    fn search(&self, work: u64) -> Found {
        self.with(|full| within(full, work).expect("every change can be made"))
    }

    fn with<T>(&self, run: impl FnOnce(&Full<'_>) -> T) -> T {
        let lists = Lists::default();
        let units = |of: usize| Weight {
            units: i64::try_from(of).unwrap(),
            peers: 0,
        };
        let peers = |rule: &Rule| i64::from(matches!(rule.peer, Peer::Group(_)));
        let full = Full {
            kind: GroupKind::Basic,
            kept: self.kept.iter().collect(),
            old: self.old.iter().collect(),
            new: self.new.iter().collect(),
            pairs: self.pairs.clone(),
            in_place: &|_| self.in_place,
            weight: &|rule| Weight {
                peers: peers(rule),
                ..units(1)
            },
            held: Weight {
                peers: self.old.iter().map(|seen| peers(&seen.rule)).sum(),
                ..units(self.old.len())
            },
            limit: Weight {
                peers: self.peers,
                ..units(self.quota)
            },
            lists: &lists,
        };
        run(&full)
    }
}

fn made(found: &Found) -> usize {
    found.turns.iter().map(Vec::len).sum()
}

/// Nothing can be done without harm from the first step on, so that one try tells.
#[test]
fn rules_that_are_stuck_at_once_are_tried_once() {
    Case::stuck(20).with(|full| {
        let board = Board::new(full);
        board.budget.allow(WORK);
        assert_eq!(safe(&board, 0), None);
        let one_try = board.budget.spent();
        assert_eq!(safe(&board, RESTARTS), None);
        assert_eq!(board.budget.spent(), 2 * one_try);
    });
}

/// Each harm is mended by the next step.
#[test]
fn what_stuck_rules_take_is_found_with_little_work() {
    let found = Case::stuck(120).search(WORK);
    assert_eq!((found.slots, found.ended), (Some(1), false));
    let cut = Harm {
        opened: 0,
        cut: 120,
    };
    assert_eq!(found.harm, cut);
    assert_eq!(found.turns.len(), 240);
    assert!(found.work < 1_000_000, "{}", found.work);
}

#[test]
fn many_stuck_rules_stay_within_the_budget() {
    let case = Case::stuck(400);
    let found = case.search(WORK);
    assert!(!found.ended, "{}", found.work);
    // What is left is done without looking.
    let short = case.search(100_000);
    assert!(short.ended);
    assert!(short.work < 110_000, "{}", short.work);
    assert_eq!((made(&short), short.harm.opened), (800, 0));
    assert_eq!(case.search(100_000), short);
}

/// The least room that helps is not known then, and that a safe sequence may exist is said.
#[test]
fn without_any_budget_there_is_still_a_sequence() {
    for rules in [4, 40] {
        let found = Case::stuck(rules).search(0);
        assert_eq!((found.slots, found.ended), (None, true));
        assert_eq!(made(&found), usize::from(2 * rules));
        assert_eq!((found.harm.opened, found.harm.cut), (0, usize::from(rules)));
    }
}

/// Also where few changes are looked at in every sequence.
#[test]
fn every_sequence_of_few_changes_is_within_the_budget_too() {
    let case = Case::stuck(8);
    let found = case.search(WORK);
    assert!(!found.ended, "{}", found.work);
    assert_eq!(found.harm.cut, 8);
    let short = case.search(1_000);
    assert!(short.ended);
    assert!(short.work < 2_000, "{}", short.work);
}

/// That the budget was spent matters only where no safe sequence was found.
#[test]
fn a_safe_sequence_is_never_said_to_be_unfinished() {
    let mut case = Case::stuck(30);
    case.quota += 1;
    let found = case.search(WORK);
    assert_eq!(
        (found.harm, found.slots, found.ended),
        (Harm::default(), None, false)
    );
    assert_eq!(made(&found), 60);
}

const CUT: Harm = Harm { opened: 0, cut: 1 };
const OPENED: Harm = Harm { opened: 1, cut: 0 };

/// Until the stronger twin is gone the weaker one cannot become what both are to be, and without it the drop decides.
#[test]
fn no_rule_becomes_like_one_that_is_there() {
    let mut case = Case::new(
        &["accept 22 10.0.0.0/8 5", "accept 22 10.0.0.0/8 1"],
        &["accept 22 10.0.0.0/8 3"],
        2,
    );
    case.kept = rules(&["drop 22 10.0.0.0/8 4"]);
    case.pairs = vec![(0, 0)];
    assert_eq!(case.search(WORK).harm, CUT);
}

#[test]
fn what_is_opened_on_the_way_counts() {
    let mut case = Case::new(&["drop 22 10.0.0.0/8 1"], &["drop 22 sg-guests 1"], 1);
    case.kept = rules(&["accept 22 0.0.0.0/0 10"]);
    assert_eq!(case.search(WORK).harm, OPENED);
}

/// Where one rule may name a group there is no room for two, whatever the quota; and here none is changed in place.
#[test]
fn rules_that_name_a_group_have_a_limit_of_their_own() {
    let mut case = Case::new(&["accept 22 sg-a 1"], &["accept 22 sg-b 1"], 100);
    case.peers = 1;
    case.in_place = false;
    let found = case.search(WORK);
    assert_eq!((found.harm, found.slots), (CUT, Some(1)));
}

/// Of one rule under two ids the first may go at any time.
#[test]
fn a_rule_that_is_there_twice_makes_room() {
    let twice = ["accept 22 10.0.0.0/8 1"; 2];
    let found = Case::new(&twice, &["accept 22 sg-lb 1"], 2).search(WORK);
    assert_eq!(found.harm, Harm::default());
}

/// The last free slot is kept where the one rule can become the other.
#[test]
fn the_last_slot_is_not_taken_without_need() {
    let case = Case::new(&["accept 22 10.0.0.0/8 1"], &["accept 22 10.0.0.0/9 1"], 2);
    assert_eq!(case.search(WORK).turns, [[Act::Modify(0, 0)]]);
}

/// The cut makes room for the rest, which needs no harm then; opening one thing after the other would not.
#[test]
fn of_what_harms_the_least_comes_first() {
    let ports = 100..109;
    let of_ports = |text: &str| -> Vec<String> {
        ports
            .clone()
            .map(|port| text.replace('#', &port.to_string()))
            .collect()
    };
    let (mut old, mut new) = (of_ports("drop # 10.0.0.0/8 1"), of_ports("drop # sg-lb 1"));
    // Two rules that become one, which the cloud does not make of them.
    old.extend(["accept 1 10.0.0.0/9 1", "accept 1 10.128.0.0/9 1"].map(str::to_owned));
    new.push("accept 1 sg-lb 1".to_owned());
    let texts = |texts: &[String]| -> Vec<Rule> {
        rules(&texts.iter().map(String::as_str).collect::<Vec<_>>())
    };
    let mut case = Case::new(&[], &[], old.len());
    case.new = texts(&new);
    case.old = Case::new(&old.iter().map(String::as_str).collect::<Vec<_>>(), &[], 0).old;
    case.kept = texts(&of_ports("accept # 0.0.0.0/0 10"));
    assert_eq!(case.search(WORK).harm, CUT);
}

/// Without a look at traffic: what is admitted goes before what refuses it.
#[test]
fn what_is_done_without_looking_does_not_open() {
    let case = Case::new(
        &["drop 5 10.0.0.0/16 1", "accept 5 10.0.0.0/8 10"],
        &["drop 5 sg-a 1", "accept 5 sg-b 10"],
        2,
    );
    let found = case.search(0);
    assert_eq!(found.harm.opened, 0, "{found:?}");
    assert!(found.harm.cut > 0, "{found:?}");
}

/// The only free slot goes to what lets an old rule go, not to the strongest.
#[test]
fn the_slot_goes_to_what_is_waited_for() {
    let case = Case::new(
        &["accept 22 10.0.0.0/8 1"],
        &["accept 99 sg-a 1", "accept 22 sg-lb 50"],
        2,
    );
    case.with(|full| {
        let board = Board::new(full);
        board.budget.allow(WORK);
        let greedy::End::Done(acts, harm) = greedy::run(&board, 0, false) else {
            panic!("stuck");
        };
        assert_eq!(harm, Harm::default());
        assert_eq!(acts, [Act::Add(1), Act::Delete(0), Act::Add(0)]);
    });
}

#[test]
fn the_most_alike_are_exchanged_first() {
    let case = Case::new(
        &["accept 22 10.0.0.0/8 1", "accept 23 10.0.0.0/8 1"],
        &["accept 23 10.0.0.0/9 1", "accept 22 10.0.0.0/9 1"],
        2,
    );
    case.with(|full| assert_eq!(Board::new(full).modifies[..2], [(0, 1), (1, 0)]));
}

#[test]
fn every_sequence_includes_those_with_modifies() {
    let case = Case::new(&["accept 22 10.0.0.0/8 1"], &["accept 22 10.0.0.0/9 1"], 1);
    case.with(|full| {
        let board = Board::new(full);
        board.budget.allow(WORK);
        let exhaustive::End::Best(acts, harm) = exhaustive::run(&board) else {
            panic!("there is one");
        };
        assert_eq!((acts, harm), (vec![Act::Modify(0, 0)], Harm::default()));
    });
}
