//! What a search costs, and that it ends.

mod choices;
mod many;

use super::*;
use crate::model::{Peer, Policy, PortRange, Priority, Protocol, RuleId};

/// Old and new rules, of which no two are about the same port, for a group that holds `quota` units.
pub(super) struct Case {
    pub(super) old: Vec<ObservedRule>,
    pub(super) new: Vec<Rule>,
    pub(super) quota: usize,
    pub(super) kept: Vec<Rule>,
    pub(super) pairs: Vec<(usize, usize)>,
    peers: i64,
    in_place: bool,
    /// Units of a rule whose peer is a group.
    heavy: i64,
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
    pub(super) fn new(old: &[&str], new: &[&str], quota: usize) -> Self {
        Self::of(rules(old), rules(new), quota)
    }

    pub(super) fn of(old: Vec<Rule>, new: Vec<Rule>, quota: usize) -> Self {
        let seen = |(number, rule)| ObservedRule {
            rule,
            id: Some(RuleId::new(format!("sgr-{number}"))),
            facts: None,
        };
        Self {
            old: old.into_iter().enumerate().map(seen).collect(),
            new,
            quota,
            kept: Vec::new(),
            pairs: Vec::new(),
            peers: 1_000,
            in_place: true,
            heavy: 1,
        }
    }

    /// Every one of so many rules becomes one for members of a group, which the cloud does not make of it.
    fn stuck(rules: u16) -> Self {
        let all = |peer: &str| (1..=rules).map(|port| rule(port, peer)).collect();
        Self::of(all("10.0.0.0/8"), all("sg-lb"), usize::from(rules))
    }

    fn search(&self, work: u64) -> Found {
        self.with(|full| within(full, work).expect("every change can be made"))
    }

    pub(super) fn with<T>(&self, run: impl FnOnce(&Full<'_>) -> T) -> T {
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
                units: if peers(rule) == 0 { 1 } else { self.heavy },
                peers: peers(rule),
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
        assert!(matches!(safe(&board, 0), Answer::Never));
        let one_try = board.budget.spent();
        assert!(matches!(safe(&board, RESTARTS), Answer::Never));
        assert_eq!(board.budget.spent(), 2 * one_try);
    });
}

/// Each harm is mended by the next step.
#[test]
fn what_stuck_rules_take_is_found_with_little_work() {
    let found = Case::stuck(120).search(WORK);
    assert_eq!(found.slots, Some(1));
    assert!(!found.orders_left_out && !found.least_slots_unknown);
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
    assert!(!found.least_slots_unknown, "{}", found.work);
    // What is left is done without looking.
    let short = case.search(100_000);
    assert!(short.least_slots_unknown);
    assert!(short.work < 110_000, "{}", short.work);
    assert_eq!((made(&short), short.harm.opened), (800, 0));
    assert_eq!(case.search(100_000), short);
}

/// The least room that helps is not known then, and that a safe sequence may exist is said.
#[test]
fn without_any_budget_there_is_still_a_sequence() {
    for rules in [4, 40] {
        let found = Case::stuck(rules).search(0);
        assert_eq!(found.slots, None);
        assert!(found.orders_left_out && found.least_slots_unknown);
        let rules = usize::from(rules);
        assert_eq!(made(&found), 2 * rules);
        // All go, then all come: one piece more is cut after each of the first steps, one less after each of the others.
        assert_eq!((found.harm.opened, found.harm.cut), (0, rules * rules));
    }
}

/// Also where few changes are looked at in every sequence.
#[test]
fn every_sequence_of_few_changes_is_within_the_budget_too() {
    let case = Case::stuck(8);
    let found = case.search(WORK);
    assert!(!found.orders_left_out, "{}", found.work);
    assert_eq!(found.harm.cut, 8);
    let short = case.search(1_000);
    assert!(short.least_slots_unknown);
    assert!(short.work < 2_000, "{}", short.work);
}

/// That the budget was spent matters only where no safe sequence was found.
#[test]
fn a_safe_sequence_is_never_said_to_be_unfinished() {
    let mut case = Case::stuck(30);
    case.quota += 1;
    let found = case.search(WORK);
    assert_eq!((found.harm, found.slots), (Harm::default(), None));
    assert!(!found.orders_left_out && !found.least_slots_unknown);
    assert_eq!(made(&found), 60);
}

const NONE: Harm = Harm { opened: 0, cut: 0 };
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
    case.with(|full| {
        let board = Board::new(full);
        let first: Vec<(usize, usize)> = board.kin.all().map(|one| (one.old, one.new)).collect();
        assert_eq!(first[..2], [(0, 1), (1, 0)]);
    });
}

#[test]
fn every_sequence_includes_those_with_modifies() {
    let case = Case::new(&["accept 22 10.0.0.0/8 1"], &["accept 22 10.0.0.0/9 1"], 1);
    case.with(|full| {
        let board = Board::new(full);
        board.budget.allow(WORK);
        let exhaustive::End::Best(acts, harm) = exhaustive::run(&board, true) else {
            panic!("there is one");
        };
        assert_eq!((acts, harm), (vec![Act::Modify(0, 0)], Harm::default()));
    });
}

/// Ten rules become one that weighs as much as fifteen times that; it is the only one that comes.
#[test]
fn heavy_rules_take_as_many_slots_as_they_weigh() {
    let old: Vec<String> = (0..10)
        .map(|n| format!("accept 22 10.{n}.0.0/16 1"))
        .collect();
    let old: Vec<&str> = old.iter().map(String::as_str).collect();
    let mut case = Case::new(&old, &["accept 22 sg-lb 1"], 150);
    case.heavy = 150;
    let found = case.search(WORK);
    assert_eq!((found.harm.opened, found.slots), (0, Some(10)));
    assert!(!found.orders_left_out && !found.least_slots_unknown);
    // What the group holds beyond its limit as it is counts too.
    (case.heavy, case.quota) = (3, 5);
    assert_eq!(case.search(WORK).slots, Some(8));
}

/// The cloud may hold one drop under two ids: while either is there the stronger accept is needed.
fn dropped_twice() -> Case {
    let mut case = Case::new(
        &[
            "drop 22 10.0.0.0/8 5",
            "drop 22 10.0.0.0/8 5",
            "accept 22 10.0.0.0/8 1",
        ],
        &[],
        3,
    );
    case.kept = rules(&["accept 22 0.0.0.0/0 10"]);
    case
}

#[test]
fn a_rule_under_two_ids_decides_until_both_are_gone() {
    dropped_twice().with(|full| {
        let board = Board::new(full);
        board.budget.allow(WORK);
        for seed in 0..64 {
            let greedy::End::Done(acts, harm) = greedy::run(&board, seed, false) else {
                panic!("stuck");
            };
            assert_eq!(harm, Harm::default());
            assert_eq!(acts[2], Act::Delete(2), "{seed}: {acts:?}");
        }
        // Nor do both leave in one turn with what they need.
        let acts = [Act::Delete(0), Act::Delete(1), Act::Delete(2)];
        let turns = board.turns(&acts);
        assert_eq!(turns, [acts[..2].to_vec(), acts[2..].to_vec()]);
        // Of what is made anyway the harm is counted.
        let mut state = board.start();
        board.apply(&mut state, Act::Delete(1));
        assert_eq!(board.harm(&mut state, Act::Delete(2), false), CUT);
        board.apply(&mut state, Act::Delete(0));
        assert_eq!(board.harm(&mut state, Act::Delete(2), false), NONE);
    });
}

/// Whichever of the twins is paired, the other may go: the rule is still there.
#[test]
fn the_twin_of_a_pair_goes_without_harm() {
    for paired in [0, 1] {
        let mut case = Case::new(
            &["drop 22 10.0.0.0/8 5", "drop 22 10.0.0.0/8 5"],
            &["drop 22 10.0.0.0/8 3"],
            2,
        );
        case.kept = rules(&["accept 22 0.0.0.0/0 10"]);
        case.pairs = vec![(paired, 0)];
        let found = case.search(WORK);
        assert_eq!((found.harm, found.slots), (NONE, None), "{paired}");
        assert_eq!(
            found.turns,
            [[Act::Delete(1 - paired)], [Act::Modify(paired, 0)]]
        );
    }
}

/// The calls of a turn may be made in any order, and the cloud refuses a result that it takes for another rule of the group.
#[test]
fn a_modify_does_not_share_a_turn_with_the_delete_of_a_twin_of_its_result() {
    let case = Case::new(
        &["accept 22 10.0.0.0/8 1", "accept 22 10.0.0.0/8 2"],
        &["accept 22 10.0.0.0/8 3"],
        2,
    );
    case.with(|full| {
        let board = Board::new(full);
        board.budget.allow(WORK);
        let (delete, modify) = (Act::Delete(1), Act::Modify(0, 0));
        assert_eq!(board.turns(&[delete, modify]), [[delete], [modify]]);
    });
}

/// What is cut for long weighs more than what is mended at once, in both searches.
#[test]
fn harm_counts_every_step_after_which_it_lasts() {
    let case = Case::stuck(3);
    case.with(|full| {
        let board = Board::new(full);
        board.budget.allow(WORK);
        let greedy::End::Done(_, greedy) = greedy::run(&board, 0, true) else {
            panic!("stuck");
        };
        let exhaustive::End::Best(_, least) = exhaustive::run(&board, true) else {
            panic!("there is one");
        };
        assert_eq!((greedy, least), (Harm { opened: 0, cut: 3 }, greedy));
        // Without a budget all three go before any comes: 1 + 2 + 3 + 2 + 1.
        board.budget.allow(0);
        let greedy::End::Done(_, long) = greedy::run(&board, 0, true) else {
            panic!("stuck");
        };
        assert_eq!(long.cut, 9);
    });
}

/// Beyond few changes silence is no proof, unless already every first step does harm.
#[test]
fn of_many_changes_not_every_sequence_is_looked_at() {
    let orders_left_out = |rules: u16, extra: &[&str]| {
        let all = |peer: &str| -> Vec<String> {
            let ports = 1..=rules;
            ports
                .map(|port| format!("accept {port} {peer} 1"))
                .collect()
        };
        let (old, new) = (all("sg-a"), all("sg-b"));
        let old = old.iter().map(String::as_str);
        let old: Vec<&str> = old.chain(extra.iter().copied()).collect();
        let new: Vec<&str> = new.iter().map(String::as_str).collect();
        let mut case = Case::new(&old, &new, 1_000);
        case.in_place = false;
        case.peers = i64::from(rules);
        let found = case.search(WORK);
        assert_eq!(found.harm.cut, usize::from(rules));
        found.orders_left_out
    };
    assert!(!orders_left_out(20, &[]));
    // This one may go at once, which helps nothing.
    let extra = ["drop 99 10.0.0.0/8 1"];
    assert!(orders_left_out(20, &extra));
    // Where they are few, every sequence was looked at.
    assert!(!orders_left_out(5, &extra));
}
