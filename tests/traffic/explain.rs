//! What becomes of a set of packets, and who can reach a service.

use std::{
    collections::{BTreeMap, BTreeSet},
    net::IpAddr,
};

use proptest::prelude::*;
use rulekeep::{
    model::{
        Cidr, Direction, GroupId, Peer, Policy, PortListId, PortRange, PortSet, PrefixListId,
        Protocol, Rule,
    },
    traffic::{
        clause::{Clause, Family, Far, Resolve, Symbol, cidr_interval},
        explain::{Fate, Question, Unknown, Verdict, explain},
        reach::reach,
        speak::{Statement, Who},
    },
};

use crate::universe::{
    Packet, addresses_hold, admits, arb_rules, cases, is_about, packets, services_hold,
};

/// Lists that nobody has read.
const LISTS: [&str; 2] = ["pl-a", "prl-b"];

/// Rules of which some name an unread prefix list for their peer, some an unread port list, and some both.
fn arb_rules_with_lists() -> impl Strategy<Value = Vec<Rule>> {
    (arb_rules(), prop::collection::vec(0u8..12, 8)).prop_map(|(rules, lists)| {
        let rules = rules.into_iter().zip(lists).map(|(mut rule, lists)| {
            if lists == 0 || lists == 1 {
                rule.peer = Peer::PrefixList(PrefixListId::new(LISTS[0]));
            }
            if let (0 | 2, Protocol::Tcp(ports) | Protocol::Udp(ports)) =
                (lists, &mut rule.protocol)
            {
                ports.destination = PortSet::List(PortListId::new(LISTS[1]));
            }
            rule
        });
        let rules: BTreeSet<Rule> = rules.collect();
        rules.into_iter().collect()
    })
}

/// The rules as they are for packets that are in some of the lists: those about other lists match nothing.
fn read(rules: &[Rule], lists: &[&str]) -> Vec<(Rule, Rule)> {
    let mut all = Vec::new();
    for rule in rules {
        let mut known = rule.clone();
        if let Protocol::Tcp(ports) | Protocol::Udp(ports) = &mut known.protocol
            && ports.destination == PortSet::List(PortListId::new(LISTS[1]))
        {
            if !lists.contains(&LISTS[1]) {
                continue;
            }
            ports.destination = PortSet::Range(PortRange::ALL);
        }
        if rule.peer == Peer::PrefixList(PrefixListId::new(LISTS[0])) {
            if !lists.contains(&LISTS[0]) {
                continue;
            }
            for everyone in ["0.0.0.0/0", "::/0"] {
                let peer = Peer::Cidr(everyone.parse().unwrap());
                all.push((
                    Rule {
                        peer,
                        ..known.clone()
                    },
                    rule.clone(),
                ));
            }
        } else {
            all.push((known, rule.clone()));
        }
    }
    all
}

/// A question in words that the matcher understands.
#[derive(Clone, Debug)]
struct Asked {
    group: Option<&'static str>,
    addresses: Option<Cidr>,
    protocol: Option<u8>,
    ports: Option<(u16, u16)>,
    source: Option<u16>,
    local: Option<IpAddr>,
}

fn arb_asked() -> impl Strategy<Value = Asked> {
    let peer = prop_oneof![
        2 => Just((Some("sg-x"), None)),
        3 => prop::sample::select(vec!["10.0.0.1/32", "10.0.0.0/8", "2001:db8::2/128", "0.0.0.0/0"])
            .prop_map(|cidr| (None, Some(cidr.parse().unwrap()))),
    ];
    let service = prop_oneof![
        4 => (1u16..5, 0u16..2).prop_map(|(first, more)| (Some(6), Some((first, first + more)))),
        1 => Just((Some(17), Some((2, 2)))),
        1 => Just((Some(50), None)),
        1 => Just((None, None)),
    ];
    (
        peer,
        service,
        prop::option::of(1u16..=3),
        prop::option::of(0u8..3),
        any::<bool>(),
    )
        .prop_map(
            |((group, addresses), (protocol, ports), source, local, v6)| {
                let v6 = addresses.map_or(v6, Cidr::is_ipv6);
                Asked {
                    group,
                    addresses,
                    protocol,
                    ports,
                    source: source.filter(|_| ports.is_some()),
                    local: local.map(|last| {
                        let text = if v6 { "2001:db8::" } else { "10.0.0." };
                        format!("{text}{last}").parse().unwrap()
                    }),
                }
            },
        )
}

impl Asked {
    fn question(&self) -> Question {
        let family = |is_v6: bool| if is_v6 { Family::V6 } else { Family::V4 };
        let range = |(first, last): (u16, u16)| vec![(first.into(), last.into())];
        let far = self.addresses.map_or(Far::Anyone, |cidr| {
            Far::Addresses(family(cidr.is_ipv6()), vec![cidr_interval(cidr)])
        });
        let group = self.group.iter();
        Question {
            member_of: group.map(|id| Symbol::Group(GroupId::new(id))).collect(),
            boxes: vec![Clause {
                far,
                protocol: self.protocol,
                destination: self.ports.map(range),
                source: self.source.map(|port| range((port, port))),
                local: self.local.map(|local| {
                    let one = Cidr::parse_masking(&local.to_string()).unwrap();
                    (family(local.is_ipv6()), cidr_interval(one))
                }),
                ..Clause::default(Policy::Drop)
            }],
        }
    }

    fn holds(&self, packet: &Packet) -> bool {
        let groups: Vec<&str> = packet.groups.iter().copied().collect();
        let (port, source) = packet.ports;
        groups == self.group.into_iter().collect::<Vec<_>>()
            && self
                .addresses
                .is_none_or(|cidr| addresses_hold(&cidr.to_string(), packet.peer))
            && self.protocol.is_none_or(|own| own == packet.protocol)
            && self
                .ports
                .is_none_or(|(first, last)| first <= port && port <= last)
            && self.source.is_none_or(|own| own == source)
            && self.local.is_none_or(|own| own == packet.local)
    }
}

fn default(open: bool) -> Policy {
    if open { Policy::Accept } else { Policy::Drop }
}

/// Who decides, and whether the packet is admitted.
fn winner<'a>(
    rules: &'a [(Rule, Rule)],
    default: Policy,
    packet: &Packet,
) -> (Option<&'a Rule>, bool) {
    let matching = rules.iter().filter(|(rule, _)| is_about(rule, packet));
    let strongest = matching.min_by_key(|(rule, _)| (rule.priority.get(), rule.policy));
    let admitted = admits(rules.iter().map(|(rule, _)| rule), default, packet);
    (strongest.map(|(_, rule)| rule), admitted)
}

fn said(statements: &[Statement], packet: &Packet) -> bool {
    let holds = |statement: &&Statement| {
        services_hold(&statement.line.services_text, packet)
            && addresses_hold(&statement.line.peers_text, packet.peer)
    };
    let names = |symbols: &[Symbol]| {
        symbols
            .iter()
            .all(|symbol| packet.groups.contains(symbol.to_string().as_str()))
    };
    let anyone = statements
        .iter()
        .filter(|s| s.who == Who::Anyone)
        .any(|s| holds(&s));
    let members = statements
        .iter()
        .filter(|s| matches!(&s.who, Who::MembersOf(m) if names(m)))
        .any(|s| holds(&s));
    let not = statements
        .iter()
        .filter(|s| matches!(&s.who, Who::NotMembersOf(m) if names(m)))
        .any(|s| holds(&s));
    members || (anyone && !not)
}

/// A packet without what may be left open.
type Point = (IpAddr, u8, u16);

proptest! {
    #![proptest_config(ProptestConfig::with_cases(cases(192)))]

    /// `admitted` is all packets of the question whatever the lists hold, `refused` none; every packet is in a share of its fate, with the
    /// rule that decides about it.
    #[test]
    fn the_answer_is_that_of_the_matcher(
        rules in arb_rules_with_lists(),
        asked in arb_asked(),
        open in any::<bool>(),
    ) {
        let default = default(open);
        let all: Vec<&Rule> = rules.iter().collect();
        let found = explain(&all, &asked.question(), default, &Resolve(None)).unwrap();
        let readings: Vec<Vec<(Rule, Rule)>> = (0..4usize)
            .map(|reading| {
                let lists = LISTS.iter().enumerate().filter(|(bit, _)| reading >> bit & 1 == 1);
                read(&rules, &lists.map(|(_, list)| *list).collect::<Vec<_>>())
            })
            .collect();
        let mut points: BTreeMap<Point, BTreeSet<Fate>> = BTreeMap::new();
        let mut deciders: BTreeSet<Option<&Rule>> = BTreeSet::new();
        let (mut by_source, mut by_local) = (BTreeMap::new(), BTreeMap::new());
        let mut matching: BTreeSet<&Rule> = BTreeSet::new();
        for packet in packets().into_iter().filter(|packet| asked.holds(packet)) {
            let verdicts: Vec<(Option<&Rule>, bool)> = readings
                .iter()
                .map(|rules| winner(rules, default, &packet))
                .collect();
            let otherwise = if verdicts[0].1 { Policy::Accept } else { Policy::Drop };
            let fate = if verdicts.iter().all(|(_, admitted)| *admitted == verdicts[0].1) {
                Fate::Sure(otherwise)
            } else {
                Fate::Open { otherwise }
            };
            let Packet { peer, protocol, ports: (port, source), local, .. } = packet.clone();
            points.entry((peer, protocol, port)).or_default().insert(fate);
            by_source
                .entry((peer, protocol, port, local))
                .or_insert_with(BTreeSet::new)
                .insert(fate);
            by_local
                .entry((peer, protocol, port, source))
                .or_insert_with(BTreeSet::new)
                .insert(fate);
            deciders.insert(verdicts[0].0);
            let about = readings[0].iter().filter(|(rule, _)| is_about(rule, &packet));
            matching.extend(about.map(|(_, rule)| rule));
            let holding = found.shares.iter().filter(|share| {
                services_hold(&share.what.line.services_text, &packet)
                    && addresses_hold(&share.what.line.peers_text, peer)
            });
            let holding: Vec<_> = holding.collect();
            prop_assert!(!holding.is_empty(), "{packet:?}");
            for share in holding {
                prop_assert_eq!(share.fate, fate, "{:?}", packet);
                // Two rules of one rank may both be said to decide.
                let rank = |rule: Option<&Rule>| rule.map(|rule| (rule.priority, rule.policy));
                let named = share.by.iter().any(|by| rank(*by) == rank(verdicts[0].0));
                prop_assert!(named, "{:?} is not decided by {:?}", packet, share.by);
            }
        }
        let point = |fates: &BTreeSet<Fate>| match fates.iter().collect::<Vec<_>>()[..] {
            [Fate::Sure(policy)] => Some(*policy),
            _ => None,
        };
        let verdicts: BTreeSet<Option<Policy>> = points.values().map(point).collect();
        let has = |verdict| verdicts.contains(&verdict);
        let expected = match (has(Some(Policy::Accept)), has(Some(Policy::Drop)), has(None)) {
            (true, true, _) => Verdict::Partly,
            (_, _, true) => Verdict::Depends,
            (true, false, false) => Verdict::Admitted,
            (false, _, false) => Verdict::Refused,
        };
        prop_assert_eq!(found.verdict, expected);
        let tells = |fates: &BTreeMap<_, BTreeSet<Fate>>| fates.values().any(|fates| fates.len() > 1);
        prop_assert_eq!(found.unknown.contains(&Unknown::SourcePort), tells(&by_source));
        let tells = by_local.values().any(|fates| fates.len() > 1);
        prop_assert_eq!(found.unknown.contains(&Unknown::Local), tells);
        let is_open = points.values().flatten().any(|fate| matches!(fate, Fate::Open { .. }));
        prop_assert_eq!(found.unknown.iter().any(|one| matches!(one, Unknown::List(_))), is_open);
        let rank = |rule: &Option<&Rule>| rule.map(|rule| (rule.priority, rule.policy));
        let named: BTreeSet<_> = found.shares.iter().flat_map(|share| &share.by).map(rank).collect();
        prop_assert_eq!(named, deciders.iter().map(rank).collect::<BTreeSet<_>>());
        let by = found.shares.iter().flat_map(|share| share.by.iter().flatten().chain(&share.perhaps));
        let named: BTreeSet<&Rule> = by.chain(&found.beaten).copied().collect();
        prop_assert!(matching.is_subset(&named));
        prop_assert!(found.near.iter().all(|(rule, _)| !matching.contains(rule)));
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(cases(48)))]

    /// Who can reach tcp/2: exactly those that the matcher admits.
    #[test]
    fn who_can_reach_a_service_is_exact(rules in arb_rules(), open in any::<bool>()) {
        let default = default(open);
        let ports = |port: u16| Clause {
            far: Far::Anyone,
            protocol: Some(6),
            destination: Some(vec![(port.into(), port.into())]),
            ..Clause::default(Policy::Drop)
        };
        let all: Vec<&Rule> = rules.iter().collect();
        let questions = [ports(2), ports(4)];
        let found = reach(&all, &questions, Policy::Accept, default, &Resolve(None));
        for packet in packets().iter().filter(|packet| packet.groups.len() <= 1) {
            let asked = packet.protocol == 6 && [2, 4].contains(&packet.ports.0);
            prop_assert_eq!(said(&found, packet), asked && admits(&rules, default, packet), "{:?}", packet);
        }
    }
}

fn rule(text: &str, policy: Policy, priority: i64, peer: &str) -> Rule {
    let port: u16 = text.parse().unwrap();
    Rule {
        direction: Direction::Ingress,
        nic: rulekeep::model::NicType::Intranet,
        priority: rulekeep::model::Priority::new(priority).unwrap(),
        policy,
        protocol: Protocol::Tcp(PortRange::new(port, port).unwrap().into()),
        peer: match peer.strip_prefix("pl-") {
            Some(_) => Peer::PrefixList(PrefixListId::new(peer)),
            None => Peer::Cidr(peer.parse().unwrap()),
        },
        local: None,
        description: None,
        peer_owner: None,
    }
}

/// Of the rules about unread lists only those are named that a reader has to know of.
#[test]
fn lists_that_cannot_change_the_verdict_are_not_named() {
    let rules = [
        rule("22", Policy::Accept, 1, "pl-strong"),
        rule("22", Policy::Drop, 5, "pl-drops"),
        rule("22", Policy::Accept, 7, "pl-weak"),
        rule("22", Policy::Accept, 10, "10.0.0.0/8"),
        rule("22", Policy::Drop, 20, "pl-late"),
    ];
    let all: Vec<&Rule> = rules.iter().collect();
    let asked = Asked {
        group: None,
        addresses: Some("10.1.2.3/32".parse().unwrap()),
        protocol: Some(6),
        ports: Some((22, 22)),
        source: None,
        local: None,
    };
    let found = explain(&all, &asked.question(), Policy::Drop, &Resolve(None)).unwrap();
    assert_eq!(found.verdict, Verdict::Depends);
    assert_eq!(found.shares[0].perhaps, [&rules[0], &rules[1]]);
    assert_eq!(found.shares[0].by, [Some(&rules[3])]);
    let without = [&rules[0], &rules[2], &rules[3], &rules[4]];
    let found = explain(&without, &asked.question(), Policy::Drop, &Resolve(None)).unwrap();
    assert_eq!(found.verdict, Verdict::Admitted);
}
