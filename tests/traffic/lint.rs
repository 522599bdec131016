//! Lint judged by removing rules and looking at every packet.

use std::{collections::BTreeMap, path::PathBuf};

use jiff::Timestamp;
use proptest::prelude::*;
use rulekeep::{
    desired::{SourceFile, load_files},
    diag::Code,
    lint::lint,
    model::{Policy, Rule},
};

use crate::universe::{Packet, admits, arb_rules, cases, is_about, packets};

/// The rules as a group file, one a line from line 4 on.
fn yaml(rules: &[Rule]) -> String {
    let mut text = "group: sg-bp1web000000000000\nmode: complete\ningress:\n".to_owned();
    for rule in rules {
        let (protocol, ports) = match rule.protocol.ports() {
            Some(ports) => {
                let rulekeep::model::PortSet::Range(range) = ports.destination else {
                    panic!("no lists here")
                };
                let source = ports.source.map_or_else(String::new, |source| {
                    format!(", source_ports: \"{source}\"")
                });
                (
                    rule.protocol.name(),
                    format!(", ports: \"{range}\"{source}"),
                )
            }
            None => (rule.protocol.name(), String::new()),
        };
        let local = rule
            .local
            .map_or_else(String::new, |local| format!(", local: \"{local}\""));
        text.push_str(&format!(
            "  - {{ policy: {}, protocol: {protocol}{ports}, from: \"{}\"{local}, priority: {} }}\n",
            rule.policy, rule.peer, rule.priority
        ));
    }
    text
}

/// What is said, by code and the line it points at.
fn linted(rules: &[Rule]) -> Option<BTreeMap<(Code, usize), String>> {
    let project = "rules: rules/\naccounts: { demo: { local: demo.json } }\ndefaults: { region: cn-hangzhou }\n";
    let file = SourceFile::new("rules/web.yaml", yaml(rules));
    let project = SourceFile::new("rulekeep.yaml", project);
    let (desired, _) = load_files(PathBuf::new().as_path(), project, vec![file]).ok()?;
    let found = lint(&desired, Timestamp::UNIX_EPOCH, |_| true);
    let line = |diagnostic: &rulekeep::diag::Diagnostic| {
        usize::try_from(diagnostic.labels[0].span.line).unwrap() - 4
    };
    Some(
        found
            .into_iter()
            .map(|found| ((found.code, line(&found)), found.message.clone()))
            .collect(),
    )
}

/// Of rules with unlike packets; ICMP of IPv6 peers is refused by the reader.
fn readable(rules: &[Rule]) -> bool {
    linted(rules).is_some()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(cases(48)))]

    #[test]
    fn never_effective_rules_are_those_that_decide_no_packet(rules in arb_rules()) {
        prop_assume!(readable(&rules));
        let found = linted(&rules).unwrap();
        for (index, rule) in rules.iter().enumerate() {
            let decides = packets().iter().any(|packet| {
                is_about(rule, packet)
                    && !rules.iter().any(|other| {
                        other != rule
                            && is_about(other, packet)
                            && (other.priority, other.policy) <= (rule.priority, rule.policy)
                            // Of equals that say the same each decides as much as the other.
                            && ((other.priority, other.policy) < (rule.priority, rule.policy) || other < rule)
                    })
            });
            if found.contains_key(&(Code::NeverEffective, index)) {
                prop_assert!(!decides, "{rule}");
            }
        }
    }

    /// And no rule that stronger ones overrule for every packet goes unsaid.
    #[test]
    fn whatever_is_always_overruled_is_said(rules in arb_rules()) {
        prop_assume!(readable(&rules));
        let found = linted(&rules).unwrap();
        let packets = packets();
        for (index, rule) in rules.iter().enumerate() {
            let overruled = |packet: &&Packet| {
                let stronger = |other: &&Rule| (other.priority, other.policy) < (rule.priority, rule.policy);
                rules.iter().filter(stronger).any(|other| is_about(other, packet))
            };
            let own: Vec<&Packet> = packets.iter().filter(|packet| is_about(rule, packet)).collect();
            if !own.is_empty() && own.iter().all(overruled) {
                prop_assert!(found.contains_key(&(Code::NeverEffective, index)), "{rule}: {found:?}");
            }
        }
    }

    #[test]
    fn what_is_called_redundant_or_dead_can_be_removed_together(rules in arb_rules()) {
        prop_assume!(readable(&rules));
        let found = linted(&rules).unwrap();
        let useless = |index: usize| {
            [Code::NeverEffective, Code::RedundantRule].iter().any(|code| found.contains_key(&(*code, index)))
        };
        let rest: Vec<Rule> =
            rules.iter().enumerate().filter(|(index, _)| !useless(*index)).map(|(_, rule)| rule.clone()).collect();
        for packet in packets() {
            prop_assert_eq!(
                admits(&rules, Policy::Drop, &packet),
                admits(&rest, Policy::Drop, &packet),
                "{:?} without {:?}", packet, found
            );
        }
    }
}

#[test]
fn each_finding_points_at_the_rules_it_is_about() {
    let rule = |text: &str| text.to_owned();
    let project = "rules: rules/\naccounts: { demo: { local: demo.json } }\ndefaults: { region: cn-hangzhou }\n";
    let group = [
        "group: sg-bp1web000000000000",
        "mode: complete",
        "ingress:",
        "  - { protocol: tcp, ports: 1-65535, from: 10.0.0.0/8 }",
        "  - { policy: drop, protocol: tcp, ports: 23, from: 10.1.0.0/16, priority: 50 }",
        "  - { protocol: udp, ports: 53, from: 0.0.0.0/0, priority: 7 }",
        "  - { policy: drop, protocol: all, from: 198.51.100.0/24, priority: 7 }",
        "  - { protocol: udp, ports: 53, from: 203.0.113.0/24, priority: 9 }",
        "  - { protocol: tcp, ports: 443, from: 192.0.2.0/24, priority: 3 }",
        "  - { protocol: tcp, ports: 400-500, from: 192.0.2.0/25, priority: 2 }",
        "  - { protocol: tcp, ports: 400-500, from: 192.0.2.128/25, priority: 4 }",
    ]
    .map(rule)
    .join("\n");
    let file = SourceFile::new("rules/web.yaml", group);
    let project = SourceFile::new("rulekeep.yaml", project);
    let (desired, _) = load_files(PathBuf::new().as_path(), project, vec![file]).unwrap();
    let found = lint(&desired, Timestamp::UNIX_EPOCH, |_| true);
    insta::assert_snapshot!(rulekeep::diag::render(&desired.sources, &found, false));
}
