//! What a search costs, and that it ends.

use super::*;
use crate::model::{Peer, PortRange, Priority, Protocol, RuleId};

/// Old and new rules, of which no two are about the same port, for a group that holds `quota` units.
struct Case {
    old: Vec<ObservedRule>,
    new: Vec<Rule>,
    quota: usize,
}

fn rule(port: u16, peer: &str) -> Rule {
    let text = format!("sg-{peer}");
    Rule {
        direction: Direction::Ingress,
        nic: crate::model::NicType::Intranet,
        priority: Priority::DEFAULT,
        policy: crate::model::Policy::Accept,
        protocol: Protocol::Tcp(PortRange::new(port, port).unwrap().into()),
        peer: match peer.parse() {
            Ok(cidr) => Peer::Cidr(cidr),
            Err(_) => Peer::Group(crate::model::GroupId::new(&text)),
        },
        local: None,
        description: None,
        peer_owner: None,
    }
}

impl Case {
    /// Every one of so many rules becomes one for members of a group, which the cloud does not make of it.
    fn stuck(rules: u16) -> Self {
        let old = (1..=rules).map(|port| ObservedRule {
            rule: rule(port, "10.0.0.0/8"),
            id: Some(RuleId::new(format!("sgr-{port}"))),
            facts: None,
        });
        Self {
            old: old.collect(),
            new: (1..=rules).map(|port| rule(port, "lb")).collect(),
            quota: usize::from(rules),
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
        let full = Full {
            kind: GroupKind::Basic,
            kept: Vec::new(),
            old: self.old.iter().collect(),
            new: self.new.iter().collect(),
            pairs: Vec::new(),
            in_place: &|_| true,
            weight: &|_| units(1),
            held: units(self.old.len()),
            limit: units(self.quota),
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
