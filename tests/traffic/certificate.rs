//! The certificate against every state that a schedule may pass through.

use std::collections::BTreeSet;

use proptest::prelude::*;
use rulekeep::{
    model::{Policy, Rule},
    traffic::{
        certificate::{Move, Transient, replay},
        clause::Resolve,
    },
};

use crate::universe::{admits, arb_change, arb_rule, cases, packets};

/// The waves of which some part breaks a packet that should stay as it is, and whether that opens: by trying every part of every wave.
fn broken(old: &[Rule], waves: &[Vec<Move<'_>>]) -> BTreeSet<(usize, bool)> {
    let make = |rules: &mut Vec<Rule>, step: &Move<'_>| {
        if let Some(gone) = step.gone
            && let Some(place) = rules.iter().position(|rule| rule == gone)
        {
            rules.swap_remove(place);
        }
        rules.extend(step.come.cloned());
    };
    let mut end = old.to_vec();
    for step in waves.iter().flatten() {
        make(&mut end, step);
    }
    let packets = packets();
    let same: Vec<(usize, bool)> = packets
        .iter()
        .enumerate()
        .map(|(n, packet)| {
            (
                n,
                admits(old, Policy::Drop, packet),
                admits(&end, Policy::Drop, packet),
            )
        })
        .filter(|(_, before, after)| before == after)
        .map(|(n, before, _)| (n, before))
        .collect();
    let mut broken = BTreeSet::new();
    let mut state = old.to_vec();
    for (number, wave) in waves.iter().enumerate() {
        for part in 0..1u32 << wave.len() {
            let mut now = state.clone();
            for (_, step) in wave.iter().enumerate().filter(|(n, _)| part >> n & 1 == 1) {
                make(&mut now, step);
            }
            for &(n, verdict) in &same {
                let one = (number, !verdict);
                if !broken.contains(&one) && admits(&now, Policy::Drop, &packets[n]) != verdict {
                    broken.insert(one);
                }
            }
        }
        for step in wave {
            make(&mut state, step);
        }
    }
    broken
}

fn found(transients: &[Transient]) -> BTreeSet<(usize, bool)> {
    let found = transients.iter().map(|found| (found.wave, found.opens));
    found.collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(cases(48)))]

    /// For any waves, good or bad: the certificate finds fault exactly in the waves in which some state is at fault.
    #[test]
    fn the_certificate_is_exact(
        (old, new) in arb_change(),
        order in prop::collection::vec((any::<u16>(), 0usize..3), 16),
        pairs in 0usize..3,
    ) {
        let mut gone: Vec<&Rule> = old.iter().filter(|rule| !new.contains(rule)).collect();
        let mut come: Vec<&Rule> = new.iter().filter(|rule| !old.contains(rule)).collect();
        prop_assume!(gone.len() + come.len() <= 8);
        let mut moves = Vec::new();
        for _ in 0..pairs.min(gone.len()).min(come.len()) {
            moves.push(Move { gone: gone.pop(), come: come.pop() });
        }
        moves.extend(gone.into_iter().map(|rule| Move { gone: Some(rule), come: None }));
        moves.extend(come.into_iter().map(|rule| Move { gone: None, come: Some(rule) }));
        let mut waves = vec![Vec::new(); 3];
        let mut keyed: Vec<_> = moves.into_iter().zip(&order).collect();
        keyed.sort_by_key(|(_, (key, _))| *key);
        for (step, (_, wave)) in keyed {
            waves[*wave].push(step);
        }
        let rules: Vec<&Rule> = old.iter().collect();
        let transients = replay(&rules, &waves, Policy::Drop, &Resolve(None));
        prop_assert_eq!(found(&transients), broken(&old, &waves), "{:#?}", transients);
    }
}

/// A rule about everything from one network.
fn rule(priority: i64, policy: Policy) -> Rule {
    Rule {
        direction: rulekeep::model::Direction::Ingress,
        nic: rulekeep::model::NicType::Intranet,
        priority: rulekeep::model::Priority::new(priority).unwrap(),
        policy,
        protocol: rulekeep::model::Protocol::All,
        peer: rulekeep::model::Peer::Cidr("10.0.0.0/8".parse().unwrap()),
        local: None,
        description: None,
        peer_owner: None,
    }
}

/// A modify that weakens a rule is at its worst when it is made and the rule that will stand in for it is not there yet.
#[test]
fn a_rule_that_is_weakened_beside_its_successor_is_found() {
    let (old, weaker) = (rule(1, Policy::Accept), rule(50, Policy::Accept));
    let (opponent, successor) = (rule(20, Policy::Drop), rule(2, Policy::Accept));
    let weaken = Move {
        gone: Some(&old),
        come: Some(&weaker),
    };
    let add = Move {
        gone: None,
        come: Some(&successor),
    };
    let replayed =
        |waves: &[Vec<Move<'_>>]| replay(&[&old, &opponent], waves, Policy::Drop, &Resolve(None));
    let together = replayed(&[vec![add, weaken]]);
    assert_eq!(together.len(), 1);
    assert!(!together[0].opens);
    assert_eq!(replayed(&[vec![add], vec![weaken]]), []);
}

/// A wave of weaker rules mends nothing, whatever it passes by.
#[test]
fn what_is_cut_is_said_of_every_wave_until_it_is_admitted_again() {
    let (old, new) = (rule(1, Policy::Accept), rule(2, Policy::Accept));
    let (opponent, weaker) = (rule(20, Policy::Drop), rule(50, Policy::Drop));
    let delete = Move {
        gone: Some(&old),
        come: None,
    };
    let add = |rule| Move {
        gone: None,
        come: Some(rule),
    };
    let waves = [vec![delete], vec![add(&weaker)], vec![add(&new)], vec![]];
    let transients = replay(&[&old, &opponent], &waves, Policy::Drop, &Resolve(None));
    assert_eq!(
        found(&transients),
        [(0, false), (1, false), (2, false)].into()
    );
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(cases(48)))]

    /// Of two groups that one interface is in: the same rule may be held twice, and go from one while it comes to the other, in one wave.
    #[test]
    fn the_certificate_is_exact_for_rules_that_two_groups_share(
        pool in prop::collection::vec(arb_rule(), 2..5),
        held in any::<(u8, u8, u8, u8)>(),
        order in prop::collection::vec((any::<u16>(), 0usize..2), 16),
        pairs in 0usize..3,
    ) {
        let chosen = |mask: u8| pool.iter().enumerate().filter(move |(n, _)| mask & (1 << n) != 0).map(|(_, rule)| rule);
        let mut old: Vec<Rule> = Vec::new();
        let mut moves = Vec::new();
        for (before, after) in [(held.0, held.1), (held.2, held.3)] {
            old.extend(chosen(before).cloned());
            let mut gone: Vec<&Rule> = chosen(before & !after).collect();
            let mut come: Vec<&Rule> = chosen(after & !before).collect();
            for _ in 0..pairs.min(gone.len()).min(come.len()) {
                moves.push(Move { gone: gone.pop(), come: come.pop() });
            }
            moves.extend(gone.into_iter().map(|rule| Move { gone: Some(rule), come: None }));
            moves.extend(come.into_iter().map(|rule| Move { gone: None, come: Some(rule) }));
        }
        let mut keyed: Vec<_> = moves.into_iter().zip(&order).collect();
        keyed.sort_by_key(|(_, (key, _))| *key);
        let mut waves = vec![Vec::new(); 2];
        for (step, (_, wave)) in keyed {
            waves[*wave].push(step);
        }
        let rules: Vec<&Rule> = old.iter().collect();
        let transients = replay(&rules, &waves, Policy::Drop, &Resolve(None));
        prop_assert_eq!(found(&transients), broken(&old, &waves), "{:#?}", transients);
    }
}

/// What is cut for members of two or three groups at once is cut for nobody who is in fewer of them.
#[test]
fn what_only_members_of_several_groups_meet_is_found() {
    let rule = |priority: i64, policy: Policy, peer: &str| Rule {
        direction: rulekeep::model::Direction::Ingress,
        nic: rulekeep::model::NicType::Intranet,
        priority: rulekeep::model::Priority::new(priority).unwrap(),
        policy,
        protocol: rulekeep::model::Protocol::All,
        peer: if peer.starts_with("sg-") {
            rulekeep::model::Peer::Group(rulekeep::model::GroupId::new(peer))
        } else {
            rulekeep::model::Peer::Cidr(peer.parse().unwrap())
        },
        local: None,
        description: None,
        peer_owner: None,
    };
    let everyone = rule(50, Policy::Accept, "0.0.0.0/0");
    let opponent = rule(5, Policy::Drop, "sg-b");
    let old = rule(1, Policy::Accept, "sg-a");
    for new in [
        rule(2, Policy::Accept, "sg-a"),
        rule(2, Policy::Accept, "sg-c"),
    ] {
        let delete = Move {
            gone: Some(&old),
            come: None,
        };
        let add = Move {
            gone: None,
            come: Some(&new),
        };
        let replayed = |waves: &[Vec<Move<'_>>]| {
            replay(
                &[&everyone, &opponent, &old],
                waves,
                Policy::Drop,
                &Resolve(None),
            )
        };
        let cut = replayed(&[vec![delete], vec![add]]);
        assert!(cut.iter().any(|transient| !transient.opens), "{cut:?}");
        assert_eq!(replayed(&[vec![add], vec![delete]]), []);
    }
}
