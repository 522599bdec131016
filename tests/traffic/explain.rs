//! One packet, and who can reach a service.

use std::collections::BTreeSet;

use proptest::prelude::*;
use rulekeep::{
    model::{Direction, GroupId, NicType, Policy, Rule},
    traffic::{
        clause::{Clause, Far, Resolve, Symbol},
        explain::{Packet as Asked, explain},
        reach::reach,
        speak::{Statement, Who},
    },
};

use crate::universe::{
    Packet, addresses_hold, admits, arb_rules, cases, is_about, packets, services_hold,
};

fn asked(packet: &Packet) -> Asked {
    let has_ports = packet.ports.0 != 0;
    Asked {
        direction: Direction::Ingress,
        nic: NicType::Intranet,
        protocol: packet.protocol,
        port: has_ports.then_some(packet.ports.0),
        source_port: has_ports.then_some(packet.ports.1),
        peer: Some(packet.peer),
        member_of: packet
            .groups
            .iter()
            .map(|group| Symbol::Group(GroupId::new(group)))
            .collect(),
        local: Some(packet.local),
    }
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

proptest! {
    #![proptest_config(ProptestConfig::with_cases(cases(48)))]

    /// The verdict is that of the matcher; every rule that matches is named, the strongest as the one that decides.
    #[test]
    fn the_rule_that_decides_decides(rules in arb_rules()) {
        for packet in packets() {
            let found = explain(&rules, &asked(&packet), Policy::Drop, None);
            prop_assert_eq!(found.policy == Policy::Accept, admits(&rules, Policy::Drop, &packet));
            let named: BTreeSet<&Rule> = found.decides.into_iter().chain(found.beaten).collect();
            let matching: BTreeSet<&Rule> = rules.iter().filter(|rule| is_about(rule, &packet)).collect();
            prop_assert_eq!(named, matching);
            prop_assert!(found.near.iter().all(|(rule, _)| !is_about(rule, &packet)));
        }
    }

    /// Who can reach tcp/2: exactly those that the matcher admits.
    #[test]
    fn who_can_reach_a_service_is_exact(rules in arb_rules(), open in any::<bool>()) {
        let default = if open { Policy::Accept } else { Policy::Drop };
        let question = Clause {
            far: Far::Anyone,
            protocol: Some(6),
            destination: Some(vec![(2, 2)]),
            ..Clause::default(Policy::Drop)
        };
        let all: Vec<&Rule> = rules.iter().collect();
        let found = reach(&all, &question, Policy::Accept, default, &Resolve(None));
        for packet in packets().iter().filter(|packet| packet.groups.len() <= 1) {
            let asked = packet.protocol == 6 && packet.ports.0 == 2;
            prop_assert_eq!(said(&found, packet), asked && admits(&rules, default, packet), "{:?}", packet);
        }
    }
}
