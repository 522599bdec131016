//! What a change admits and refuses, exactly.

use std::{collections::BTreeSet, net::Ipv4Addr};

use ipnet::{IpNet, Ipv4Subnets, Ipv6Subnets};
use proptest::prelude::*;
use rulekeep::{
    model::{
        Cidr, Direction, GroupId, NicType, Peer, Policy, PortRange, PortSet, Ports, Priority,
        Protocol, Rule,
    },
    traffic::{
        clause::{Family, Resolve, Symbol},
        difference::{Difference, Sentence, difference},
        lines::Line,
        services::{PORTS, PROTOCOLS},
        speak::Who,
    },
};

use crate::universe::{
    Packet, addresses_hold, admits, arb_change, arb_rules, cases, packets, services_hold,
};

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

/// Most protocol numbers of a line that become rules, if they are not all.
const MANY_NUMBERS: u128 = 8;

/// Rules that admit what a line says; `None`: there would be too many.
fn read_off(line: &Line) -> Option<Vec<Rule>> {
    let networks = |family: &Family, (first, last): (u128, u128)| -> Vec<Cidr> {
        let nets: Vec<IpNet> = match family {
            Family::V4 => {
                let address = |value: u128| Ipv4Addr::from(u32::try_from(value).unwrap());
                let nets = Ipv4Subnets::new(address(first), address(last), 0);
                nets.map(IpNet::from).collect()
            }
            Family::V6 => Ipv6Subnets::new(first.into(), last.into(), 0)
                .map(IpNet::from)
                .collect(),
        };
        nets.into_iter()
            .map(|net| net.to_string().parse().unwrap())
            .collect()
    };
    let range = |(first, last): (u128, u128)| {
        PortRange::new(first.try_into().unwrap(), last.try_into().unwrap()).unwrap()
    };
    let mut rules = Vec::new();
    for service in &line.services {
        let (first, last) = service.protocol;
        let ports = || Ports {
            destination: PortSet::Range(range(service.destination)),
            source: (service.source != PORTS).then(|| range(service.source)),
        };
        let protocols: Vec<Protocol> = match (first, last) {
            PROTOCOLS => vec![Protocol::All],
            _ if last - first >= MANY_NUMBERS => return None,
            _ => (first..=last)
                .map(|number| match number {
                    6 => Protocol::Tcp(ports()),
                    17 => Protocol::Udp(ports()),
                    other => Protocol::Number(other.try_into().unwrap()),
                })
                .collect(),
        };
        for (family, intervals) in &line.peers {
            let locals: Vec<Option<Cidr>> = match &service.local {
                None => vec![None],
                Some((own, _)) if own != family => continue,
                Some((own, local)) => networks(own, *local).into_iter().map(Some).collect(),
            };
            for peer in intervals
                .iter()
                .flat_map(|interval| networks(family, *interval))
            {
                for (protocol, local) in each(&protocols, &locals) {
                    rules.push(Rule {
                        direction: Direction::Ingress,
                        nic: NicType::Intranet,
                        priority: Priority::new(1).unwrap(),
                        policy: Policy::Accept,
                        protocol: protocol.clone(),
                        peer: Peer::Cidr(peer),
                        local: *local,
                        description: None,
                        peer_owner: None,
                    });
                }
            }
        }
    }
    Some(rules)
}

fn each<'a, A, B>(one: &'a [A], other: &'a [B]) -> impl Iterator<Item = (&'a A, &'a B)> {
    one.iter()
        .flat_map(move |a| other.iter().map(move |b| (a, b)))
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

    /// Rules that are read off the printed lines admit what the first ones did, and are printed in the same lines: these depend on the
    /// packets alone, whatever rules made them.
    #[test]
    fn what_is_printed_read_and_printed_again_is_the_same(rules in arb_rules()) {
        let plain = |rule: &Rule| matches!(rule.peer, Peer::Cidr(_));
        let rules: Vec<Rule> = rules.into_iter().filter(plain).collect();
        let printed = compare(&[], &rules, Policy::Drop);
        let lines = printed.newly_admitted.iter().map(|one| &one.what.line);
        let read: Option<Vec<Vec<Rule>>> = lines.map(read_off).collect();
        // A protocol by its number has one rule for each address and number.
        prop_assume!(read.is_some());
        let read: BTreeSet<Rule> = read.into_iter().flatten().flatten().collect();
        prop_assume!(read.len() <= 200);
        let read: Vec<Rule> = read.into_iter().collect();
        for packet in packets() {
            prop_assert_eq!(admits(&rules, Policy::Drop, &packet), admits(&read, Policy::Drop, &packet), "{:?}", packet);
        }
        prop_assert_eq!(texts(&printed), texts(&compare(&[], &read, Policy::Drop)));
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

#[test]
fn a_range_that_ends_right_before_the_last_number_does_not_reach_it() {
    let rule = |protocol: &str, source: Option<PortRange>, last: u16, peer: &str| Rule {
        direction: Direction::Ingress,
        nic: NicType::Intranet,
        priority: Priority::new(1).unwrap(),
        policy: Policy::Accept,
        protocol: match protocol {
            "tcp" => Protocol::Tcp(Ports {
                destination: PortSet::Range(PortRange::new(1, last).unwrap()),
                source,
            }),
            _ => Protocol::All,
        },
        peer: Peer::Cidr(peer.parse().unwrap()),
        local: None,
        description: None,
        peer_owner: None,
    };
    let opened = |old: Rule, new: Rule| texts(&compare(&[old], &[new], Policy::Drop)).0;
    let port = opened(
        rule("tcp", None, 65534, "10.0.0.0/8"),
        rule("tcp", None, 65535, "10.0.0.0/8"),
    );
    assert_eq!(port, ["tcp/65535 from 10.0.0.0/8"]);
    let from = |last| Some(PortRange::new(1, last).unwrap());
    let source = opened(
        rule("tcp", from(65534), 80, "10.0.0.0/8"),
        rule("tcp", from(65535), 80, "10.0.0.0/8"),
    );
    assert_eq!(source, ["tcp/1-80 sport 65535 from 10.0.0.0/8"]);
    let address = opened(
        rule("all", None, 1, "255.255.255.254/32"),
        rule("all", None, 1, "255.255.255.254/31"),
    );
    assert_eq!(address, ["all from 255.255.255.255/32"]);
}
