//! Which steps are taken, against a look at every one.

use super::{super::tests::Case, *};
use crate::model::{Direction, GroupId, NicType, Peer, PortRange, Priority, Protocol, Rule};
use proptest::prelude::*;

fn arb_rules(most: usize) -> impl Strategy<Value = Vec<Rule>> {
    let peer = prop_oneof![
        6 => (0u8..4, 29u8..=32).prop_map(|(last, length)| {
            Peer::Cidr(crate::model::Cidr::parse_masking(&format!("10.0.0.{last}/{length}")).unwrap())
        }),
        1 => (0u8..2).prop_map(|number| Peer::Group(GroupId::new(format!("sg-{number}")))),
    ];
    let ports =
        (1u16..=5, 0u16..3).prop_map(|(first, more)| PortRange::new(first, first + more).unwrap());
    let rule =
        (1i64..=3, any::<bool>(), ports, peer).prop_map(|(priority, drops, ports, peer)| Rule {
            direction: Direction::Ingress,
            nic: NicType::Intranet,
            priority: Priority::new(priority).unwrap(),
            policy: if drops { Policy::Drop } else { Policy::Accept },
            protocol: Protocol::Tcp(ports.into()),
            peer,
            local: None,
            description: None,
            peer_owner: None,
        });
    prop::collection::vec(rule, 1..most)
}

/// What is the same before and after stays.
fn case(old: &[Rule], new: &[Rule], room: usize) -> Case {
    let among = |rules: &[Rule], rule: &Rule| rules.iter().any(|one| one.is_same_rule(rule));
    let once = |rules: &[Rule], other: &[Rule]| {
        let mut kept: Vec<Rule> = Vec::new();
        for rule in rules {
            if !among(other, rule) && !among(&kept, rule) {
                kept.push(rule.clone());
            }
        }
        kept
    };
    let (gone, come) = (once(old, new), once(new, old));
    let quota = gone.len().max(come.len()) + room;
    let mut case = Case::of(gone, come, quota);
    case.kept = once(old, &once(old, new));
    case
}

/// The first of all modifies that do no harm, in the order in which they are tried.
fn first_of_all(run: &mut Run<'_>) -> Option<Act> {
    let mut all: Vec<Modify> = run.board.kin.all().collect();
    let late = |one: &Modify| run.first.is_some_and(|first| *one < first);
    all.sort_by_key(|one| (late(one), *one));
    all.into_iter()
        .map(|one| Act::Modify(one.old, one.new))
        .find(|&act| {
            run.board.fits(&run.state, act)
                && run.board.harm(&mut run.state, act, true) == Harm::default()
        })
}

/// Of two rules that put something right the one is taken that puts right more.
#[test]
fn what_mends_most_comes_first() {
    let case = Case::new(
        &["accept 22 10.0.0.0/8 1"],
        &["accept 22 10.0.0.0/9 1", "accept 22 10.0.0.0/7 2"],
        1,
    );
    case.with(|full| {
        let board = Board::new(full);
        board.budget.allow(u64::MAX);
        let mut run = Run::new(&board, 0);
        run.make(Act::Delete(0));
        assert!(run.mend());
        assert_eq!(run.acts[1..], [Act::Add(1)]);
    });
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    /// Most modifies are passed over; none of those is one that could have been made.
    #[test]
    fn no_modify_that_is_passed_over_is_without_harm(
        old in arb_rules(12),
        new in arb_rules(12),
        room in 0usize..2,
        seed in 0u64..4,
    ) {
        case(&old, &new, room).with(|full| {
            let board = Board::new(full);
            board.budget.allow(u64::MAX);
            let mut run = Run::new(&board, seed);
            while !run.is_done() {
                if run.mend() || run.delete() || run.pairs() || run.bring_in() {
                    continue;
                }
                let expected = first_of_all(&mut run);
                let before = run.acts.len();
                let made = run.exchange();
                assert_eq!(run.acts.get(before).copied(), expected);
                if !made && !run.harm_least() {
                    break;
                }
            }
        });
    }

    /// What is known of a step is what a look at it tells.
    #[test]
    fn what_is_known_of_steps_stays_true(
        old in arb_rules(10),
        new in arb_rules(10),
        paired in 0usize..4,
        steps in prop::collection::vec(any::<prop::sample::Index>(), 1..12),
    ) {
        let mut case = case(&old, &new, 100);
        let pairs = paired.min(case.old.len()).min(case.new.len());
        case.pairs = (0..pairs).map(|place| (place, place)).collect();
        case.with(|full| {
            let board = Board::new(full);
            board.budget.allow(u64::MAX);
            let mut run = Run::new(&board, 0);
            let all: Vec<Act> = (0..board.old.len()).map(Act::Delete)
                .chain((0..board.new.len()).map(Act::Add))
                .chain(full.pairs.iter().map(|&(old, new)| Act::Modify(old, new)))
                .collect();
            for step in steps {
                for &act in &all {
                    let ok = board.fits(&run.state, act)
                        && board.harm(&mut run.state, act, false) == Harm::default();
                    prop_assert_eq!(run.is_ok(act), ok);
                }
                for old in run.present() {
                    let fresh = run.find_need(old);
                    prop_assert_eq!(run.need(old), &fresh);
                }
                let fit: Vec<Act> = all.iter().copied().filter(|&act| board.fits(&run.state, act)).collect();
                if fit.is_empty() {
                    break;
                }
                run.make(*step.get(&fit));
            }
            Ok(())
        })?;
    }
}
