//! What a change admits and refuses, exactly.

use proptest::prelude::*;
use rulekeep::{
    model::{Direction, GroupId, NicType, Peer, Policy, PortRange, Priority, Protocol, Rule},
    traffic::{
        clause::{Resolve, Symbol},
        difference::{Difference, Sentence, difference},
        speak::Who,
    },
};

use crate::universe::{Packet, addresses_hold, admits, arb_change, cases, packets, services_hold};

fn compare(old: &[Rule], new: &[Rule], default: Policy) -> Difference {
    let old: Vec<&Rule> = old.iter().collect();
    let new: Vec<&Rule> = new.iter().collect();
    difference(&old, &new, default, &Resolve(None))
}

fn names(symbols: &[Symbol], packet: &Packet) -> bool {
    symbols
        .iter()
        .all(|symbol| packet.groups.contains(symbol.to_string().as_str()))
}

/// Reads the printed sentences as a person would.
fn said(sentences: &[Sentence], packet: &Packet) -> bool {
    let holds = |sentence: &&Sentence| {
        services_hold(&sentence.what.line.services_text, packet)
            && addresses_hold(&sentence.what.line.peers_text, packet.peer)
    };
    let about = |wanted: fn(&Who) -> Option<&Vec<Symbol>>| {
        sentences
            .iter()
            .filter(move |sentence| {
                wanted(&sentence.what.who).is_some_and(|symbols| names(symbols, packet))
            })
            .any(|sentence| holds(&sentence))
    };
    let anyone = sentences
        .iter()
        .filter(|sentence| sentence.what.who == Who::Anyone)
        .any(|sentence| holds(&sentence));
    let members = about(|who| match who {
        Who::MembersOf(symbols) => Some(symbols),
        _ => None,
    });
    let not_members = about(|who| match who {
        Who::NotMembersOf(symbols) => Some(symbols),
        _ => None,
    });
    members || (anyone && !not_members)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(cases(64)))]

    /// What is said of peers with at most one membership is exactly what happens.
    #[test]
    fn the_printed_lines_are_exactly_the_packets((old, new) in arb_change(), open in any::<bool>()) {
        let default = if open { Policy::Accept } else { Policy::Drop };
        let found = compare(&old, &new, default);
        for packet in packets().iter().filter(|packet| packet.groups.len() <= 1) {
            let (before, after) = (admits(&old, default, packet), admits(&new, default, packet));
            prop_assert_eq!(said(&found.newly_admitted, packet), !before && after, "{:?} in {:#?}", packet, texts(&found));
            prop_assert_eq!(said(&found.no_longer_admitted, packet), before && !after, "{:?} in {:#?}", packet, texts(&found));
        }
    }

    /// Nothing that happens to members of two groups goes unsaid.
    #[test]
    fn what_happens_to_members_of_two_groups_is_said((old, new) in arb_change()) {
        let found = compare(&old, &new, Policy::Drop);
        for packet in packets().iter().filter(|packet| packet.groups.len() == 2) {
            let (before, after) = (admits(&old, Policy::Drop, packet), admits(&new, Policy::Drop, packet));
            if before != after {
                prop_assert!(!found.is_empty());
            }
        }
    }

    /// No difference from itself; the other way round newly admitted and no longer admitted change places.
    #[test]
    fn differences_mirror((old, new) in arb_change()) {
        prop_assert!(compare(&old, &old, Policy::Drop).is_empty());
        let (forth, back) = (texts(&compare(&old, &new, Policy::Drop)), texts(&compare(&new, &old, Policy::Drop)));
        prop_assert_eq!(forth.0, back.1);
        prop_assert_eq!(forth.1, back.0);
    }

    /// The sentences depend on the packets alone: rules that never decide change nothing in them.
    #[test]
    fn rules_that_change_no_packet_change_no_sentence((old, new) in arb_change()) {
        let doubled = |rules: &[Rule]| -> Vec<Rule> {
            let weaker = rules.iter().filter(|rule| rule.priority.get() < 100).map(|rule| Rule {
                priority: rulekeep::model::Priority::new(100).unwrap(),
                ..rule.clone()
            });
            let all: std::collections::BTreeSet<Rule> = rules.iter().cloned().chain(weaker).collect();
            all.into_iter().collect()
        };
        let same = |a: &[Rule], b: &[Rule]| packets().iter().all(|packet| {
            admits(a, Policy::Drop, packet) == admits(b, Policy::Drop, packet)
        });
        let (old2, new2) = (doubled(&old), doubled(&new));
        prop_assume!(same(&old, &old2) && same(&new, &new2));
        prop_assert_eq!(texts(&compare(&old, &new, Policy::Drop)), texts(&compare(&old2, &new2, Policy::Drop)));
    }

    /// The rules that are named as deciding do decide some packet of the sentence, before and after.
    #[test]
    fn deciders_decide((old, new) in arb_change()) {
        let found = compare(&old, &new, Policy::Drop);
        for (sentences, verdicts) in
            [(&found.newly_admitted, (Policy::Drop, Policy::Accept)), (&found.no_longer_admitted, (Policy::Accept, Policy::Drop))]
        {
            for sentence in sentences {
                for (deciders, rules, verdict) in [(&sentence.before, &old, verdicts.0), (&sentence.after, &new, verdicts.1)] {
                    prop_assert!(!deciders.is_empty());
                    for decider in deciders.iter().flatten() {
                        prop_assert!(rules.contains(decider));
                        prop_assert_eq!(decider.policy, verdict);
                    }
                }
            }
        }
    }
}

fn texts(found: &Difference) -> (Vec<String>, Vec<String>) {
    let texts = |sentences: &[Sentence]| {
        sentences
            .iter()
            .map(|sentence| sentence.what.text(Direction::Ingress))
            .collect::<Vec<_>>()
    };
    (
        texts(&found.newly_admitted),
        texts(&found.no_longer_admitted),
    )
}

/// Once some line looks at own addresses, those of the two families are different services. IPv4 peers with the IPv6 ones are no packets: a
/// line of them alone would say nothing, and nobody would decide it.
#[test]
fn no_line_is_about_peers_of_one_family_and_own_addresses_of_the_other() {
    let rule = |priority: i64, policy, ports: (u16, u16), peer: Peer, local: Option<&str>| Rule {
        direction: Direction::Ingress,
        nic: NicType::Intranet,
        priority: Priority::new(priority).unwrap(),
        policy,
        protocol: Protocol::Tcp(PortRange::new(ports.0, ports.1).unwrap().into()),
        peer,
        local: local.map(|local| local.parse().unwrap()),
        description: None,
        peer_owner: None,
    };
    let cidr = |text: &str| Peer::Cidr(text.parse().unwrap());
    let (one, member) = (Some("10.0.0.0/32"), Peer::Group(GroupId::new("sg-x")));
    let old = [
        rule(1, Policy::Drop, (2, 2), cidr("10.0.0.0/31"), one),
        rule(1, Policy::Drop, (4, 4), member, None),
        rule(50, Policy::Accept, (1, 65535), cidr("10.0.0.0/30"), None),
    ];
    let new = [
        rule(1, Policy::Accept, (2, 4), cidr("10.0.0.0/8"), None),
        rule(1, Policy::Accept, (4, 4), cidr("0.0.0.0/0"), one),
    ];
    let found = compare(&old, &new, Policy::Drop);
    assert!(!found.newly_admitted.is_empty());
    for sentence in found.newly_admitted.iter().chain(&found.no_longer_admitted) {
        let text = sentence.what.text(Direction::Ingress);
        assert!(
            !sentence.before.is_empty() && !sentence.after.is_empty(),
            "{text}"
        );
    }
}
