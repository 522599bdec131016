//! Rules, groups and plans from short texts, so that planner tests are text in, text out.

use std::{collections::BTreeMap, path::PathBuf, sync::Arc};

use rulekeep::{
    desired::{DesiredGroup, DesiredPeer, DesiredRule, Limits, Mode, Modes, Selector},
    diag::{Sources, Span},
    model::{
        AccountName, Direction, GroupId, GroupInfo, GroupKind, GroupName, InnerAccess, Lists,
        Network, NicType, ObservedGroup, ObservedRule, OwnerId, Peer, Policy, PortListId, PortSet,
        Ports, PrefixListId, Priority, Protocol, RegionId, Rule, RuleId, VpcId,
    },
    plan::{ChangeKind, Context, GroupInput, Plan, plan},
};

/// A rule from its printed form: `ingress drop tcp/22 from 10.0.0.0/8 priority 5 "description"`. `accept` and the priority may be
/// left out.
pub fn rule(text: &str) -> Rule {
    let (text, description) = match text.split_once('"') {
        Some((text, rest)) => (text.trim(), Some(Arc::from(rest.trim_end_matches('"')))),
        None => (text.trim(), None),
    };
    let mut words = text.split_whitespace().peekable();
    let direction = match words.next() {
        Some("ingress") => Direction::Ingress,
        Some("egress") => Direction::Egress,
        other => panic!("direction, not {other:?}, in {text}"),
    };
    let policy = match words.peek() {
        Some(&"drop") => {
            words.next();
            Policy::Drop
        }
        Some(&"accept") => {
            words.next();
            Policy::Accept
        }
        _ => Policy::Accept,
    };
    let protocol_text = words.next().expect("a protocol");
    let mut rule = Rule {
        direction,
        nic: NicType::Intranet,
        priority: Priority::DEFAULT,
        policy,
        protocol: protocol(protocol_text),
        peer: peer("0.0.0.0/0"),
        local: None,
        description,
        peer_owner: None,
    };
    while let Some(word) = words.next() {
        let value = words
            .next()
            .unwrap_or_else(|| panic!("a value after {word} in {text}"));
        match (word, direction) {
            ("from", Direction::Ingress) | ("to", Direction::Egress) => match value.split_once('/')
            {
                Some((owner, group)) if group.starts_with("sg-") => {
                    rule.peer_owner = Some(OwnerId::new(owner));
                    rule.peer = peer(group);
                }
                _ => rule.peer = peer(value),
            },
            ("to", Direction::Ingress) | ("from", Direction::Egress) => {
                rule.local = Some(value.parse().expect("a CIDR"));
            }
            ("priority", _) => rule.priority = Priority::observed(value.parse().expect("a number")),
            ("on", _) => {
                rule.nic = if value == "internet" {
                    NicType::Internet
                } else {
                    NicType::Intranet
                };
            }
            ("sport", _) => {
                let source = Some(value.parse().expect("ports"));
                rule.protocol = match rule.protocol {
                    Protocol::Tcp(ports) => Protocol::Tcp(Ports { source, ..ports }),
                    Protocol::Udp(ports) => Protocol::Udp(Ports { source, ..ports }),
                    other => panic!("source ports of {other}"),
                };
            }
            _ => panic!("unknown word {word} in {text}"),
        }
    }
    rule
}

fn protocol(text: &str) -> Protocol {
    let (name, ports) = text
        .split_once('/')
        .map_or((text, None), |(name, ports)| (name, Some(ports)));
    let ports = || {
        let ports = ports.expect("ports");
        let destination = if ports.starts_with("prl-") {
            PortSet::List(PortListId::new(ports))
        } else {
            PortSet::Range(ports.parse().expect("ports"))
        };
        Ports {
            destination,
            source: None,
        }
    };
    match name {
        "all" => Protocol::All,
        "tcp" => Protocol::Tcp(ports()),
        "udp" => Protocol::Udp(ports()),
        "icmp" => Protocol::Icmp,
        "icmpv6" => Protocol::Icmpv6,
        "gre" => Protocol::Gre,
        number => Protocol::from_number(number.parse().expect("a protocol")).expect("no ports"),
    }
}

fn peer(text: &str) -> Peer {
    if text.starts_with("sg-") {
        Peer::Group(GroupId::new(text))
    } else if text.starts_with("pl-") {
        Peer::PrefixList(PrefixListId::new(text))
    } else {
        Peer::Cidr(text.parse().expect("a CIDR"))
    }
}

/// A live rule with an id made from its place.
pub fn seen(index: usize, rule: Rule) -> ObservedRule {
    ObservedRule {
        rule,
        id: Some(RuleId::new(format!("sgr-{index:04}"))),
        facts: None,
    }
}

/// A VPC group as it was read.
pub fn observed(id: &str, rules: impl IntoIterator<Item = Rule>) -> ObservedGroup {
    let mut rules: Vec<_> = rules
        .into_iter()
        .enumerate()
        .map(|(index, rule)| seen(index, rule))
        .collect();
    rules.sort_by(|a, b| (&a.rule, &a.id).cmp(&(&b.rule, &b.id)));
    ObservedGroup {
        info: GroupInfo {
            id: GroupId::new(id),
            name: GroupName::new(id.trim_start_matches("sg-")),
            description: Arc::from(""),
            network: Network::Vpc(VpcId::new("vpc-1")),
            kind: GroupKind::Basic,
            managed: false,
            tags: BTreeMap::new(),
        },
        inner_access: InnerAccess::Accept,
        rules,
    }
}

/// A place in a file that nobody draws.
pub fn span(line: u32) -> Span {
    let mut sources = Sources::default();
    let file = sources.add(PathBuf::from("rules/test.yaml"), Arc::from(""));
    Span {
        file,
        start: line,
        end: line + 1,
        line,
        column: 1,
    }
}

/// A declared rule that binds to `rule`.
pub fn declared(rule: Rule, line: u32) -> DesiredRule {
    let Rule {
        direction,
        nic,
        priority,
        policy,
        protocol,
        peer,
        local,
        description,
        peer_owner,
    } = rule;
    DesiredRule {
        direction,
        nic: (nic == NicType::Internet).then_some(nic),
        priority,
        policy,
        protocol,
        peer: match peer {
            Peer::Cidr(cidr) => DesiredPeer::Cidr(cidr),
            Peer::Group(id) => DesiredPeer::Group {
                id,
                owner: peer_owner,
            },
            Peer::PrefixList(list) => DesiredPeer::PrefixList(list),
        },
        local,
        description,
        expires: None,
        span: span(line),
    }
}

/// A declared group with both directions managed.
pub fn desired(id: &str, mode: Mode, rules: impl IntoIterator<Item = Rule>) -> DesiredGroup {
    let rules: Vec<_> = rules
        .into_iter()
        .zip(10..)
        .map(|(rule, line)| declared(rule, line))
        .collect();
    let of = |direction| {
        rules
            .iter()
            .filter(|rule| rule.direction == direction)
            .cloned()
            .collect()
    };
    DesiredGroup {
        account: AccountName::new("test"),
        region: RegionId::new("cn-hangzhou"),
        selector: Selector::Id(GroupId::new(id)),
        alias: None,
        span: Span {
            start: id.bytes().map(u32::from).sum(),
            ..span(1)
        },
        mode: Modes {
            ingress: mode,
            egress: mode,
        },
        ingress: Some(of(Direction::Ingress)),
        egress: Some(of(Direction::Egress)),
        absent: Vec::new(),
        ignore: Vec::new(),
        allow_empty: false,
        system_rules: None,
        limits: Limits::default(),
        quota: 200,
        assertions: Default::default(),
        waivers: Vec::new(),
    }
}

/// Plans groups as they stand, without lists and with the clock at the epoch.
pub fn plan_groups(groups: &[(DesiredGroup, ObservedGroup)]) -> Plan {
    plan_groups_with(groups, &BTreeMap::new())
}

/// As [`plan_groups`], with lists.
pub fn plan_groups_with(
    groups: &[(DesiredGroup, ObservedGroup)],
    lists: &BTreeMap<(AccountName, RegionId), Lists>,
) -> Plan {
    let directory: Vec<_> = groups
        .iter()
        .map(|(desired, observed)| (desired, observed.info.clone()))
        .collect();
    let context = Context {
        at: jiff::Timestamp::UNIX_EPOCH,
        directory: &directory,
        lists,
    };
    let inputs = groups
        .iter()
        .map(|(desired, observed)| GroupInput {
            desired,
            observed: observed.clone(),
        })
        .collect();
    plan(inputs, &context)
}

/// The plan of one group as text: changes, then calls per wave.
pub fn print(plan: &Plan) -> String {
    use std::fmt::Write as _;
    let mut text = String::new();
    for group in &plan.groups {
        let several = plan.groups.len() > 1;
        for change in &group.changes {
            let name = if several {
                format!("{} ", group.name)
            } else {
                String::new()
            };
            let words = |rule: &Rule| match &rule.description {
                Some(description) => format!("{rule} {description:?}"),
                None => rule.to_string(),
            };
            match &change.kind {
                ChangeKind::Add(rule) => writeln!(text, "+ {name}{}", words(rule)),
                ChangeKind::Delete(seen) => writeln!(text, "- {name}{}", words(&seen.rule)),
                ChangeKind::Modify { from, to } => {
                    writeln!(text, "~ {name}{} -> {}", words(&from.rule), words(to))
                }
            }
            .unwrap();
        }
        for seen in &group.unmanaged {
            writeln!(text, "? {}", seen.rule).unwrap();
        }
        for (seen, _) in &group.ignored {
            writeln!(text, "ignored {}", seen.rule).unwrap();
        }
        for seen in &group.system_level {
            writeln!(text, "system {}", seen.rule).unwrap();
        }
    }
    for schedule in &plan.schedules {
        for (number, wave) in schedule.waves.iter().enumerate() {
            for step in wave {
                let group = &plan.groups[step.group];
                let signs: String = step
                    .changes
                    .iter()
                    .map(|&index| match group.changes[index].kind {
                        ChangeKind::Add(_) => '+',
                        ChangeKind::Delete(_) => '-',
                        ChangeKind::Modify { .. } => '~',
                    })
                    .collect();
                writeln!(text, "wave {number}: {} {signs}", step.call.direction).unwrap();
            }
        }
    }
    for diagnostic in &plan.diagnostics {
        writeln!(
            text,
            "{}[{}]: {}",
            diagnostic.severity, diagnostic.code, diagnostic.message
        )
        .unwrap();
    }
    text
}
