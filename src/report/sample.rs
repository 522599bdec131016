//! Plans made by hand, for the tests of the reports.

use std::{collections::BTreeMap, path::PathBuf, sync::Arc};

use crate::{
    desired::Mode,
    diag::{FileId, Sources, Span},
    guard::{Reason, Refusal},
    model::{
        AccountName, Direction, GroupId, GroupInfo, GroupKind, GroupName, InnerAccess, Lists,
        Network, NicType, ObservedGroup, ObservedRule, OwnerId, Peer, Policy, PortRange, Priority,
        Protocol, RegionId, Rule, RuleFacts, RuleId, VpcId,
    },
    plan::{Address, Change, ChangeKind, GroupPlan, Plan, QuotaUse, Schedule, Step, traffic},
    provider::{RuleAction, RuleCall},
};

use super::{PlanReport, ReadFailure, Stamp};

/// A file whose every line can be pointed at.
pub(crate) struct Files {
    pub(crate) sources: Sources,
    file: FileId,
}

impl Files {
    pub(crate) fn new() -> Self {
        let mut sources = Sources::default();
        let file = sources.add(PathBuf::from("rules/web.yaml"), Arc::from("\n".repeat(40)));
        Self { sources, file }
    }

    pub(crate) fn line(&self, line: u32) -> Span {
        Span {
            file: self.file,
            start: line - 1,
            end: line,
            line,
            column: 1,
        }
    }
}

/// `ingress accept tcp/443 from 0.0.0.0/0 priority 1`; other forms of peer and protocol as far as tests need them.
pub(crate) fn rule(text: &str, description: &str) -> Rule {
    let words: Vec<_> = text.split(' ').collect();
    let [direction, policy, protocol, _, peer, _, priority] = words[..] else {
        panic!("not a rule: {text}");
    };
    let ports = |text: &str| text.parse::<PortRange>().unwrap().into();
    Rule {
        direction: match direction {
            "ingress" => Direction::Ingress,
            _ => Direction::Egress,
        },
        nic: NicType::Intranet,
        priority: Priority::observed(priority.parse().unwrap()),
        policy: match policy {
            "drop" => Policy::Drop,
            _ => Policy::Accept,
        },
        protocol: match protocol.split_once('/') {
            Some(("tcp", text)) => Protocol::Tcp(ports(text)),
            Some((_, text)) => Protocol::Udp(ports(text)),
            None => Protocol::All,
        },
        peer: match peer.parse() {
            Ok(cidr) => Peer::Cidr(cidr),
            Err(_) => Peer::Group(GroupId::new(peer)),
        },
        local: None,
        description: (!description.is_empty()).then(|| description.into()),
        peer_owner: peer
            .starts_with("sg-far")
            .then(|| OwnerId::new("1234567890123456")),
    }
}

pub(crate) fn seen(id: &str, text: &str, description: &str) -> ObservedRule {
    ObservedRule {
        rule: rule(text, description),
        id: Some(RuleId::new(id)),
        facts: Some(Box::new(RuleFacts {
            created: Some("2021-04-01T08:00:00Z".into()),
            others: BTreeMap::new(),
        })),
    }
}

pub(crate) fn group(name: &str, files: &Files) -> GroupPlan {
    let id = GroupId::new(format!("sg-bp1{name}000000000000"));
    GroupPlan {
        address: Address {
            account: AccountName::new("demo"),
            region: RegionId::new("cn-hangzhou"),
            group: id.clone(),
        },
        name: GroupName::new(name),
        span: files.line(2),
        modes: [Some(Mode::Complete), Some(Mode::Complete)],
        observed: ObservedGroup {
            info: GroupInfo {
                id,
                name: GroupName::new(name),
                description: "".into(),
                network: Network::Vpc(VpcId::new("vpc-bp1demo")),
                kind: GroupKind::Basic,
                managed: false,
                tags: BTreeMap::new(),
            },
            inner_access: InnerAccess::Accept,
            rules: Vec::new(),
        },
        declared: Vec::new(),
        changes: Vec::new(),
        traffic: Vec::new(),
        passing: Vec::new(),
        violations: Vec::new(),
        unmanaged: Vec::new(),
        ignored: Vec::new(),
        system_level: Vec::new(),
        expired: Vec::new(),
        group_peers: QuotaUse::default(),
        in_turn: None,
        wanted_and_ignored: Vec::new(),
        quota: QuotaUse {
            limit: 200,
            before: 4,
            peak: 5,
            after: 5,
        },
    }
}

pub(crate) fn add(rule: Rule, span: Span) -> Change {
    Change {
        kind: ChangeKind::Add(rule),
        span: Some(span),
    }
}

pub(crate) fn modify(from: ObservedRule, to: Rule, span: Span) -> Change {
    Change {
        kind: ChangeKind::Modify { from, to },
        span: Some(span),
    }
}

pub(crate) fn delete(from: ObservedRule) -> Change {
    Change {
        kind: ChangeKind::Delete(from),
        span: None,
    }
}

/// A plan with every kind of line.
pub(crate) fn every_kind(files: &Files) -> Plan {
    let mut web = group("web", files);
    web.changes = vec![
        add(
            rule(
                "ingress accept tcp/443 from 0.0.0.0/0 priority 1",
                "public web",
            ),
            files.line(7),
        ),
        add(
            rule(
                "ingress accept tcp/443 from ::/0 priority 1",
                "公网 Web 入口",
            ),
            files.line(7),
        ),
        modify(
            seen(
                "sgr-bp1modified0000000",
                "ingress accept tcp/22 from 203.0.113.0/24 priority 1",
                "ssh",
            ),
            rule(
                "ingress accept tcp/22-23 from 203.0.113.0/24 priority 10",
                "ssh from the office",
            ),
            files.line(12),
        ),
        modify(
            seen(
                "sgr-bp1moved0000000000",
                "egress accept udp/53 to 10.0.0.2/32 priority 1",
                "dns",
            ),
            rule("egress accept udp/53 to 10.0.0.53/32 priority 1", "dns"),
            files.line(20),
        ),
        delete(seen(
            "sgr-bp1deleted00000000",
            "ingress accept tcp/3389 from 0.0.0.0/0 priority 1",
            "left over",
        )),
    ];
    web.unmanaged = vec![seen(
        "sgr-bp1unmanaged000000",
        "egress drop all to sg-far0000 priority 100",
        "made by hand",
    )];
    web.ignored = vec![(
        seen(
            "sgr-bp1ignored00000000",
            "ingress drop all from 198.51.100.0/24 priority 1",
            "Cloud Firewall 7",
        ),
        files.line(30),
    )];
    web.system_level = vec![seen(
        "sgr-bp1system000000000",
        "ingress accept all from 0.0.0.0/0 priority 110",
        "System created rule.",
    )];
    web.expired = vec![files.line(16)];
    web.modes = [Some(Mode::Complete), Some(Mode::Partial)];
    web.quota = QuotaUse {
        limit: 200,
        before: 188,
        peak: 191,
        after: 190,
    };

    let kept = web.unmanaged.iter().chain(&web.system_level);
    let changed = web.changes.iter().filter_map(|change| change.kind.before());
    let ignored = web.ignored.iter().map(|(seen, _)| seen);
    web.observed.rules = kept.chain(changed).chain(ignored).cloned().collect();
    web.traffic = traffic(&web, &Lists::default());

    let mut db = group("db", files);
    db.modes = [Some(Mode::Partial), None];
    db.observed.rules = vec![seen(
        "sgr-bp1egress000000000",
        "egress accept all to 0.0.0.0/0 priority 1",
        "",
    )];
    db.changes = vec![add(
        rule(
            "ingress accept tcp/3306 from sg-bp1web000000000000 priority 1",
            "",
        ),
        files.line(33),
    )];

    db.traffic = traffic(&db, &Lists::default());

    let mut calm = group("jump", files);
    calm.modes = [Some(Mode::Partial), Some(Mode::Partial)];
    calm.unmanaged = vec![
        seen(
            "sgr-1",
            "ingress accept tcp/22 from 10.0.0.0/8 priority 1",
            "",
        ),
        seen(
            "sgr-2",
            "ingress accept tcp/22 from 172.16.0.0/12 priority 1",
            "",
        ),
    ];

    let groups = vec![db, calm, group("api", files), web];
    let schedules = vec![Schedule {
        account: AccountName::new("demo"),
        region: RegionId::new("cn-hangzhou"),
        network: Network::Vpc(VpcId::new("vpc-bp1demo")),
        waves: vec![
            vec![
                step(&groups, 0, vec![0]),
                step(&groups, 3, vec![0, 1]),
                step(&groups, 3, vec![2]),
                step(&groups, 3, vec![3]),
            ],
            vec![step(&groups, 3, vec![4])],
        ],
        pairs_left_out: 0,
        turns_left_out: 0,
    }];
    Plan {
        groups,
        schedules,
        diagnostics: Vec::new(),
    }
}

fn step(groups: &[GroupPlan], group: usize, changes: Vec<usize>) -> Step {
    let kinds: Vec<_> = changes
        .iter()
        .map(|change| groups[group].changes[*change].kind.clone())
        .collect();
    let action = match &kinds[0] {
        ChangeKind::Modify { from, to } => RuleAction::Modify {
            from: from.clone(),
            to: to.clone(),
        },
        ChangeKind::Add(_) => {
            RuleAction::Authorize(kinds.iter().map(|kind| kind.rule().clone()).collect())
        }
        ChangeKind::Delete(_) => RuleAction::Revoke(
            kinds
                .iter()
                .filter_map(|kind| kind.before().cloned())
                .collect(),
        ),
    };
    Step {
        group,
        call: RuleCall {
            group: groups[group].address.group.clone(),
            direction: kinds[0].rule().direction,
            action,
        },
        changes,
    }
}

pub(crate) fn refusal(files: &Files) -> Refusal {
    Refusal {
        address: group("web", files).address,
        name: "web".into(),
        reason: Reason::TooManyDeletes,
        message: "12 of 20 live rules would be deleted; the limit is 30 percent".into(),
        help: vec!["`--allow-deletes 12` lets this plan through".into()],
        span: Some(files.line(2)),
        rules: Vec::new(),
    }
}

pub(crate) fn failure() -> ReadFailure {
    ReadFailure {
        group: "prod/cn-beijing/cache".into(),
        is_document: false,
        span: None,
        error: "the cloud refused with Forbidden.RAM: no permission (request 4711)".into(),
    }
}

pub(crate) fn stamp() -> Stamp {
    Stamp {
        timestamp: "2026-11-21T08:00:00Z".parse().unwrap(),
        commit: Some("0123456789abcdef0123456789abcdef01234567".into()),
        dirty: Some(false),
    }
}

/// A report of a plan without anything beside it.
pub(crate) fn bare<'a>(plan: &'a Plan, files: &'a Files, stamp: &'a Stamp) -> PlanReport<'a> {
    PlanReport {
        plan,
        sources: &files.sources,
        refusals: &[],
        failures: &[],
        stamp,
        shard: None,
    }
}
