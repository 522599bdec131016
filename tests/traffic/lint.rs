//! Lint judged by removing rules and looking at every packet.

use std::{collections::BTreeSet, path::PathBuf};

use jiff::Timestamp;
use proptest::prelude::*;
use rulekeep::{
    desired::{SourceFile, load_files},
    diag::{Code, Label},
    lint::{lint, lint_with_lists},
    model::{
        Lists, Peer, Policy, PortList, PortListId, PortRange, PortSet, Ports, Priority, Protocol,
        Rule,
    },
};

use crate::{
    universe::{Packet, admits, arb_rule, arb_rules, cases, is_about, packets},
    unread::{contents, listed},
};

/// The rules as a group file, one a line from line 4 on.
fn yaml(rules: &[Rule]) -> String {
    let mut text = "group: sg-bp1web000000000000\nmode: complete\ningress:\n".to_owned();
    for rule in rules {
        let (protocol, ports) = match rule.protocol.ports() {
            Some(ports) => {
                let destination = match &ports.destination {
                    PortSet::Range(range) => range.to_string(),
                    PortSet::List(list) => list.to_string(),
                };
                let source = ports.source.map_or_else(String::new, |source| {
                    format!(", source_ports: \"{source}\"")
                });
                (
                    rule.protocol.name(),
                    format!(", ports: \"{destination}\"{source}"),
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

/// What is said of one rule.
#[derive(Debug)]
struct Said {
    code: Code,
    /// The rule.
    index: usize,
    /// Rules that have to go where it goes.
    along: BTreeSet<usize>,
}

impl Said {
    fn is_removable(&self) -> bool {
        [Code::NeverEffective, Code::RedundantRule].contains(&self.code)
    }
}

/// What is said with some lists read; `None`: the reader refuses the rules.
fn linted(rules: &[Rule], lists: &Lists) -> Option<Vec<Said>> {
    let project = "rules: rules/\naccounts: { demo: { local: demo.json } }\ndefaults: { region: cn-hangzhou }\n";
    let file = SourceFile::new("rules/web.yaml", yaml(rules));
    let project = SourceFile::new("rulekeep.yaml", project);
    let (desired, _) = load_files(PathBuf::new().as_path(), project, vec![file]).ok()?;
    let group = &desired.groups[0];
    let lists = [((group.account.clone(), group.region.clone()), lists.clone())];
    let found = lint_with_lists(&desired, Timestamp::UNIX_EPOCH, &lists.into(), |_| true);
    let rule = |label: &Label| usize::try_from(label.span.line).unwrap() - 4;
    let said = found.iter().map(|found| Said {
        code: found.code,
        index: rule(&found.labels[0]),
        along: found
            .labels
            .iter()
            .filter(|label| label.text.starts_with("has to go with it"))
            .map(rule)
            .collect(),
    });
    Some(said.collect())
}

/// ICMP of IPv6 peers is refused by the reader.
fn readable(rules: &[Rule]) -> bool {
    linted(rules, &Lists::default()).is_some()
}

/// Whether every packet fares the same without some rules.
fn can_go(rules: &[Rule], gone: &BTreeSet<usize>, packets: &[Packet]) -> bool {
    let rest = || rules.iter().enumerate();
    let rest = || rest().filter(|(index, _)| !gone.contains(index));
    packets.iter().all(|packet| {
        admits(rules, Policy::Drop, packet)
            == admits(rest().map(|(_, rule)| rule), Policy::Drop, packet)
    })
}

/// The packets' view of rules with lists, each as rules for the ports in its list; with the place of the rule that each is from.
fn with_content(rules: &[Rule], lists: &Lists) -> (Vec<Rule>, Vec<usize>) {
    let mut expanded = Vec::new();
    let mut from = Vec::new();
    for (place, rule) in rules.iter().enumerate() {
        let list = match rule.protocol.ports().map(|ports| &ports.destination) {
            Some(PortSet::List(list)) => &lists.port[list],
            Some(PortSet::Range(_)) | None => {
                expanded.push(rule.clone());
                from.push(place);
                continue;
            }
        };
        for range in &list.entries {
            let mut rule = rule.clone();
            if let Protocol::Tcp(ports) | Protocol::Udp(ports) = &mut rule.protocol {
                ports.destination = PortSet::Range(*range);
            }
            expanded.push(rule);
            from.push(place);
        }
    }
    (expanded, from)
}

/// As [`can_go`], of rules with lists of some content.
fn can_go_with(rules: &[Rule], gone: &BTreeSet<usize>, lists: &Lists, packets: &[Packet]) -> bool {
    let (expanded, from) = with_content(rules, lists);
    let places = from.iter().enumerate();
    let places = places.filter(|(_, from)| gone.contains(from));
    can_go(
        &expanded,
        &places.map(|(place, _)| place).collect(),
        packets,
    )
}

/// Layers of overlapping ports with verdicts in turn, of which several can often go together only.
fn arb_layers() -> impl Strategy<Value = Vec<Rule>> {
    let layer = (arb_rule(), 1u16..=4, 0u16..4, any::<bool>());
    prop::collection::vec(layer, 2..7).prop_map(|layers| {
        let layers = layers.into_iter().zip(1..);
        let rules = layers.map(|((rule, first, more, accept), priority)| Rule {
            priority: Priority::new(priority).unwrap(),
            policy: if accept { Policy::Accept } else { Policy::Drop },
            protocol: Protocol::Tcp(Ports {
                destination: PortSet::Range(PortRange::new(first, (first + more).min(4)).unwrap()),
                source: None,
            }),
            peer: Peer::Cidr("10.0.0.0/8".parse().unwrap()),
            local: None,
            ..rule
        });
        rules.collect()
    })
}

fn arb_readable() -> impl Strategy<Value = Vec<Rule>> {
    prop_oneof![arb_rules(), arb_layers()]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(cases(48)))]

    #[test]
    fn never_effective_rules_are_those_that_decide_no_packet(rules in arb_rules()) {
        prop_assume!(readable(&rules));
        let found = linted(&rules, &Lists::default()).unwrap();
        let is_dead = |index: usize| found.iter().any(|said| said.code == Code::NeverEffective && said.index == index);
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
            if is_dead(index) {
                prop_assert!(!decides, "{rule}");
            }
        }
    }

    /// And no rule that stronger ones overrule for every packet goes unsaid.
    #[test]
    fn whatever_is_always_overruled_is_said(rules in arb_rules()) {
        prop_assume!(readable(&rules));
        let found = linted(&rules, &Lists::default()).unwrap();
        let is_dead = |index: usize| found.iter().any(|said| said.code == Code::NeverEffective && said.index == index);
        let packets = packets();
        for (index, rule) in rules.iter().enumerate() {
            let overruled = |packet: &&Packet| {
                let stronger = |other: &&Rule| (other.priority, other.policy) < (rule.priority, rule.policy);
                rules.iter().filter(stronger).any(|other| is_about(other, packet))
            };
            let own: Vec<&Packet> = packets.iter().filter(|packet| is_about(rule, packet)).collect();
            if !own.is_empty() && own.iter().all(overruled) {
                prop_assert!(is_dead(index), "{rule}: {found:?}");
            }
        }
    }

    #[test]
    fn what_is_said_to_change_nothing_changes_nothing(rules in arb_readable()) {
        prop_assume!(readable(&rules));
        let packets = packets();
        for said in linted(&rules, &Lists::default()).unwrap().iter().filter(|said| said.is_removable()) {
            let mut gone = said.along.clone();
            gone.insert(said.index);
            prop_assert!(can_go(&rules, &gone, &packets), "{said:?}: {rules:?}");
            // What goes along is what has to.
            if !said.along.is_empty() {
                prop_assert!(!can_go(&rules, &[said.index].into(), &packets), "{said:?}: {rules:?}");
            }
        }
    }

    #[test]
    fn whichever_of_those_go_that_can_go_alone_nothing_changes(rules in arb_readable(), picks in any::<u8>()) {
        prop_assume!(readable(&rules));
        let found = linted(&rules, &Lists::default()).unwrap();
        let alone = found.iter().filter(|said| said.is_removable() && said.along.is_empty());
        let all: BTreeSet<usize> = alone.map(|said| said.index).collect();
        let packets = packets();
        let picked = all.iter().copied().filter(|index| picks >> (index % 8) & 1 == 1).collect();
        for gone in [&all, &picked] {
            prop_assert!(can_go(&rules, gone, &packets), "{gone:?} of {rules:?}");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(cases(24)))]

    /// Of an unread list what is said holds whatever is in it, of one that was read it holds for what was read.
    #[test]
    fn what_is_said_of_rules_with_lists_is_true(
        rules in arb_readable(),
        picks in prop::collection::vec(0u8..5, 10),
        content in 0usize..64,
    ) {
        let rules = listed(rules, &picks);
        prop_assume!(readable(&rules));
        let lists = &contents()[content];
        let packets = packets();
        for read in [&Lists::default(), lists] {
            for said in linted(&rules, read).unwrap().iter().filter(|said| said.is_removable()) {
                let mut gone = said.along.clone();
                gone.insert(said.index);
                prop_assert!(can_go_with(&rules, &gone, lists, &packets), "{said:?}: {rules:?}");
            }
        }
    }
}

/// What is said of the rules of a group file in complete mode.
fn told(rules: &[&str], lists: &Lists) -> String {
    told_in("complete", rules, lists)
}

fn told_in(mode: &str, rules: &[&str], lists: &Lists) -> String {
    let project = "rules: rules/\naccounts: { demo: { local: demo.json } }\ndefaults: { region: cn-hangzhou }\n";
    let group = format!(
        "group: sg-bp1web000000000000\nmode: {mode}\ningress:\n{}\n",
        rules.join("\n")
    );
    let file = SourceFile::new("rules/web.yaml", group);
    let project = SourceFile::new("rulekeep.yaml", project);
    let (desired, _) = load_files(PathBuf::new().as_path(), project, vec![file]).unwrap();
    let group = &desired.groups[0];
    let lists = [((group.account.clone(), group.region.clone()), lists.clone())];
    let found = lint_with_lists(&desired, Timestamp::UNIX_EPOCH, &lists.into(), |_| true);
    let mut told = String::new();
    for found in found {
        let line = found.labels[0].span.line;
        told.push_str(&format!("{line}: {}: {}\n", found.code, found.message));
        for label in &found.labels[1..] {
            told.push_str(&format!("  {}: {}\n", label.span.line, label.text));
        }
        told.push_str(&format!("  {}\n", found.help.join("; ")));
    }
    told
}

#[test]
fn a_drop_that_keeps_traffic_out_is_not_called_redundant() {
    let rules = [
        "  - { protocol: tcp, ports: 100-200, from: 0.0.0.0/0, priority: 2 }",
        "  - { policy: drop, protocol: tcp, ports: 1-65535, from: 0.0.0.0/0, priority: 50 }",
        "  - { policy: drop, protocol: tcp, ports: 100-200, from: 0.0.0.0/0, priority: 1 }",
    ];
    insta::assert_snapshot!(told(&rules, &Lists::default()), @"
    4: never-effective: rule never decides, and stronger rules say the opposite: ingress accept tcp/100-200 from 0.0.0.0/0 priority 2
      6: decides: ingress drop tcp/100-200 from 0.0.0.0/0 priority 1
      give it a smaller priority number, narrow the stronger rule, or remove it
    ");
}

/// A live accept of priority 50 may come between the two that are declared.
#[test]
fn where_others_have_rules_too_a_weaker_rule_is_no_substitute() {
    let narrow = "  - { policy: drop, protocol: tcp, ports: 22, from: 10.1.0.0/16, priority: 10 }";
    let wide = |priority: u8| {
        format!(
            "  - {{ policy: drop, protocol: tcp, ports: 22, from: 10.0.0.0/8, priority: {priority} }}"
        )
    };
    let said = |mode: &str, priority: u8| {
        let told = told_in(mode, &[narrow, &wide(priority)], &Lists::default());
        told.lines()
            .next()
            .map(|line| line.split(": ").nth(1).unwrap().to_owned())
    };
    let some = |code: &str| Some(code.to_owned());
    for (mode, weaker) in [("complete", some("redundant-rule")), ("partial", None)] {
        assert_eq!(said(mode, 100), weaker, "{mode}");
        // Nothing comes between these.
        assert!(said(mode, 10).is_some(), "{mode}");
        assert_eq!(said(mode, 9), some("never-effective"), "{mode}");
    }
    let ignoring = "complete\nignore: [{ priority: 50 }]";
    assert_eq!(said(ignoring, 100), None);
}

#[test]
fn rules_that_can_only_go_together_say_so() {
    let rules = [
        "  - { policy: drop, protocol: tcp, ports: 100-200, from: 0.0.0.0/0, priority: 1 }",
        "  - { protocol: tcp, ports: 150-300, from: 0.0.0.0/0, priority: 2 }",
        "  - { protocol: tcp, ports: 201-400, from: 0.0.0.0/0, priority: 3 }",
        "  - { policy: drop, protocol: tcp, ports: 1-200, from: 0.0.0.0/0, priority: 4 }",
        "  - { protocol: tcp, ports: 1-65535, from: 0.0.0.0/0, priority: 9 }",
    ];
    insta::assert_snapshot!(told(&rules, &Lists::default()), @"
    6: redundant-rule: rule changes nothing, others admit the same: ingress accept tcp/201-400 from 0.0.0.0/0 priority 3
      8: does the same: ingress accept tcp/1-65535 from 0.0.0.0/0 priority 9
      remove it, or narrow the wider rule if that one is wrong
    5: redundant-rule: rule changes nothing, others admit the same: ingress accept tcp/150-300 from 0.0.0.0/0 priority 2
      8: does the same: ingress accept tcp/1-65535 from 0.0.0.0/0 priority 9
      remove it, or narrow the wider rule if that one is wrong
    4: redundant-rule: rule changes nothing, but only together with another: ingress drop tcp/100-200 from 0.0.0.0/0 priority 1
      5: has to go with it: ingress accept tcp/150-300 from 0.0.0.0/0 priority 2
      remove them in one change, or leave them
    ");
}

#[test]
fn rules_with_lists_are_looked_at_as_far_as_the_lists_are_known() {
    let rules = [
        "  - { policy: drop, protocol: tcp, ports: 1-65535, from: 0.0.0.0/0, priority: 1 }",
        "  - { protocol: tcp, ports: prl-bp1ports0000000000, from: 0.0.0.0/0, priority: 5 }",
        "  - { protocol: udp, ports: prl-bp1ports0000000000, from: 10.0.0.0/8, priority: 5 }",
        "  - { protocol: udp, ports: 53, from: 10.0.0.0/8, priority: 6 }",
    ];
    insta::assert_snapshot!(told(&rules, &Lists::default()), @"
    5: never-effective: rule never decides, and stronger rules say the opposite: ingress accept tcp/prl-bp1ports0000000000 from 0.0.0.0/0 priority 5
      4: decides: ingress drop tcp/1-65535 from 0.0.0.0/0 priority 1
      give it a smaller priority number, narrow the stronger rule, or remove it
    ");
    let list = PortList {
        name: "ports".into(),
        max_entries: 3,
        entries: vec![PortRange::new(53, 53).unwrap()],
    };
    let read = Lists {
        port: [(PortListId::new("prl-bp1ports0000000000"), list)].into(),
        ..Lists::default()
    };
    insta::assert_snapshot!(told(&rules, &read), @"
    5: never-effective: rule never decides, and stronger rules say the opposite: ingress accept tcp/prl-bp1ports0000000000 from 0.0.0.0/0 priority 5
      4: decides: ingress drop tcp/1-65535 from 0.0.0.0/0 priority 1
      give it a smaller priority number, narrow the stronger rule, or remove it; true of prl-bp1ports0000000000 as of now
    7: never-effective: rule never decides: ingress accept udp/53 from 10.0.0.0/8 priority 6
      6: decides: ingress accept udp/prl-bp1ports0000000000 from 10.0.0.0/8 priority 5
      remove it; nothing changes; true of prl-bp1ports0000000000 as of now
    ");
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
