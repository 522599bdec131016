//! How many memberships of a peer have to be looked at: two for differences, three for states between. Judged by peers that may be in any of
//! four groups.

use std::collections::BTreeSet;

use proptest::prelude::*;
use rulekeep::{
    model::{Direction, GroupId, NicType, Peer, Policy, Priority, Protocol, Rule},
    traffic::{
        certificate::{Move, replay},
        clause::Resolve,
        difference::difference,
        memberships::Memberships,
        spare::spare,
    },
};

use crate::universe::cases;

/// Peers differ in memberships, and in whether their address is IPv6.
fn peers() -> std::ops::Range<u8> {
    0..32
}

fn admits<'a>(rules: impl IntoIterator<Item = &'a Rule>, peer: u8) -> bool {
    let mut verdict = (u8::MAX, false);
    for rule in rules {
        let about = match &rule.peer {
            Peer::Group(group) => {
                let number: u8 = group.as_str().trim_start_matches("sg-").parse().unwrap();
                peer >> number & 1 == 1
            }
            _ => peer < 16,
        };
        let rank = (rule.priority.get(), rule.policy == Policy::Accept);
        if about && rank < verdict {
            verdict = rank;
        }
    }
    verdict.1
}

fn arb_rules() -> impl Strategy<Value = Vec<Rule>> {
    let rule = (1i64..=6, any::<bool>(), 0u8..5).prop_map(|(priority, drop, peer)| Rule {
        direction: Direction::Ingress,
        nic: NicType::Intranet,
        priority: Priority::new(priority).unwrap(),
        policy: if drop { Policy::Drop } else { Policy::Accept },
        protocol: Protocol::All,
        peer: if peer == 4 {
            Peer::Cidr("0.0.0.0/0".parse().unwrap())
        } else {
            Peer::Group(GroupId::new(format!("sg-{peer}")))
        },
        local: None,
        description: None,
        peer_owner: None,
    });
    prop::collection::vec(rule, 0..7).prop_map(|rules| {
        let rules: BTreeSet<Rule> = rules.into_iter().collect();
        rules.into_iter().collect()
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(cases(400)))]

    #[test]
    fn no_difference_needs_more_than_two(old in arb_rules(), new in arb_rules()) {
        let (a, b): (Vec<&Rule>, Vec<&Rule>) = (old.iter().collect(), new.iter().collect());
        let found = difference(&a, &b, Policy::Drop, &Resolve(None));
        let differs = peers().any(|peer| admits(&old, peer) != admits(&new, peer));
        prop_assert_eq!(!found.is_empty(), differs);
    }

    #[test]
    fn no_state_between_needs_more_than_three(
        old in arb_rules(),
        new in arb_rules(),
        order in prop::collection::vec(any::<u16>(), 16),
    ) {
        let gone = old.iter().filter(|rule| !new.contains(rule));
        let come = new.iter().filter(|rule| !old.contains(rule));
        let mut moves: Vec<Move<'_>> = gone
            .map(|rule| Move { gone: Some(rule), come: None })
            .chain(come.map(|rule| Move { gone: None, come: Some(rule) }))
            .collect();
        let keys = order.iter().cycle();
        let mut keyed: Vec<_> = moves.drain(..).zip(keys).collect();
        keyed.sort_by_key(|(_, key)| **key);
        let waves: Vec<Vec<Move<'_>>> = keyed.into_iter().map(|(step, _)| vec![step]).collect();
        let rules: Vec<&Rule> = old.iter().collect();
        let found = replay(&rules, &waves, Policy::Drop, &Resolve(None));
        let mut state = old.clone();
        let mut broken = false;
        for step in waves.iter().flatten() {
            state.retain(|rule| Some(rule) != step.gone);
            state.extend(step.come.cloned());
            broken |= peers().any(|peer| {
                let before = admits(&old, peer);
                before == admits(&new, peer) && admits(&state, peer) != before
            });
        }
        prop_assert_eq!(!found.is_empty(), broken, "{:#?}", found);
    }

    #[test]
    fn what_can_be_spared_changes_no_verdict_and_leaves_nothing_more_to_spare(old in arb_rules(), new in arb_rules()) {
        let kept: Vec<&Rule> = old.iter().filter(|rule| new.contains(rule)).collect();
        let states = [old.iter().collect::<Vec<_>>(), new.iter().collect()];
        let spared = spare(&states, &kept, Policy::Drop, &Resolve(None));
        let without = |rules: &[Rule], out: &[&Rule]| -> Vec<bool> {
            let left = || rules.iter().filter(|rule| !out.contains(rule));
            peers().map(|peer| admits(left(), peer)).collect()
        };
        for rules in [&old, &new] {
            prop_assert_eq!(without(rules, &[]), without(rules, &spared));
        }
        for rule in kept.iter().filter(|rule| !spared.contains(rule)) {
            let mut more = spared.clone();
            more.push(rule);
            prop_assert!([&old, &new].iter().any(|rules| without(rules, &spared) != without(rules, &more)));
        }
    }
}

/// Two groups on one interface that hold the same rule: it is there until both have let it go.
#[test]
fn a_rule_that_another_group_still_holds_is_still_there() {
    let rule = |peer: &str| Rule {
        direction: Direction::Ingress,
        nic: NicType::Intranet,
        priority: Priority::new(1).unwrap(),
        policy: Policy::Accept,
        protocol: Protocol::All,
        peer: Peer::Cidr(peer.parse().unwrap()),
        local: None,
        description: None,
        peer_owner: None,
    };
    let (wide, narrow) = (rule("0.0.0.0/0"), rule("10.0.0.0/8"));
    let delete = Move {
        gone: Some(&narrow),
        come: None,
    };
    let add = Move {
        gone: None,
        come: Some(&wide),
    };
    let replayed = |old: &[&Rule], waves: &[Vec<Move<'_>>]| {
        replay(old, waves, Policy::Drop, &Resolve(None)).is_empty()
    };
    assert!(replayed(&[&narrow, &narrow], &[vec![delete], vec![add]]));
    assert!(!replayed(
        &[&narrow, &narrow],
        &[vec![delete, delete], vec![add]]
    ));
    assert!(replayed(
        &[&narrow, &narrow],
        &[vec![add], vec![delete, delete]]
    ));
}

fn about(group: &str, policy: Policy, priority: i64) -> Rule {
    Rule {
        direction: Direction::Ingress,
        nic: NicType::Intranet,
        priority: Priority::new(priority).unwrap(),
        policy,
        protocol: Protocol::All,
        peer: match group.parse() {
            Ok(cidr) => Peer::Cidr(cidr),
            Err(_) => Peer::Group(GroupId::new(group)),
        },
        local: None,
        description: None,
        peer_owner: None,
    }
}

/// Who is in all three of sg-a, sg-b and sg-c is cut while neither of the first two rules is there, however many other groups there are.
#[test]
fn three_memberships_are_looked_at_among_many_groups() {
    let (a, b) = (
        about("sg-a", Policy::Accept, 1),
        about("sg-b", Policy::Accept, 1),
    );
    let mut rules = vec![
        a.clone(),
        about("sg-c", Policy::Drop, 5),
        about("0.0.0.0/0", Policy::Accept, 10),
        about("::/0", Policy::Accept, 10),
    ];
    rules.extend((0..60).map(|n| about(&format!("sg-{n}"), Policy::Accept, 50)));
    let old: Vec<&Rule> = rules.iter().collect();
    let delete = Move {
        gone: Some(&a),
        come: None,
    };
    let add = Move {
        gone: None,
        come: Some(&b),
    };
    let said = |waves: &[Vec<Move<'_>>]| -> Vec<String> {
        let found = replay(&old, waves, Policy::Drop, &Resolve(None));
        let traffic = found.iter().flat_map(|transient| &transient.traffic);
        traffic.map(|one| one.text(Direction::Ingress)).collect()
    };
    // From the first wave until the second has ended.
    let cut = "all from sg-a and sg-b and sg-c";
    assert_eq!(said(&[vec![delete], vec![add]]), [cut, cut]);
    assert_eq!(said(&[vec![add], vec![delete]]), [""; 0]);
}

/// Only where rules say the opposite, and only up to a number.
#[test]
fn three_memberships_are_looked_at_where_three_rules_may_decide() {
    let rules = |policy: fn(i64) -> Policy| -> Vec<Rule> {
        (1..=90)
            .map(|n| about(&format!("sg-{n}"), policy(n), n))
            .collect()
    };
    let of_three = |rules: &[Rule]| Memberships::new([], rules, &Resolve(None)).of_three();
    let (alike, all) = of_three(&rules(|_| Policy::Accept));
    assert!(all && alike.iter().all(|world| world.len() < 3));
    let mixed = |n| {
        if n % 2 == 0 {
            Policy::Drop
        } else {
            Policy::Accept
        }
    };
    let (worlds, all) = of_three(&rules(mixed)[..12]);
    assert!(all && worlds.iter().any(|world| world.len() == 3));
    let (worlds, all) = of_three(&rules(mixed));
    assert!(!all && worlds.iter().all(|world| world.len() < 3));
}
