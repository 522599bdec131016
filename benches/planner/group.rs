//! Groups from rules: as declared and as they are.

use std::{collections::BTreeMap, path::PathBuf, sync::Arc};

use rulekeep::{
    desired::{DesiredGroup, DesiredPeer, DesiredRule, Limits, Mode, Modes, Selector},
    diag::{Sources, Span},
    model::{
        AccountName, Direction, GroupId, GroupInfo, GroupKind, GroupName, InnerAccess, Network,
        ObservedGroup, ObservedRule, Peer, RegionId, Rule, RuleId, VpcId,
    },
};

/// A group as declared and as it is.
pub struct Case {
    pub desired: DesiredGroup,
    pub observed: ObservedGroup,
}

impl Case {
    pub fn new(number: usize, vpc: &str, live: Vec<Rule>, wanted: Vec<Rule>) -> Self {
        let id = format!("sg-{number:05}");
        let span = span(u32::try_from(number).expect("few groups") * 1_000);
        let wanted: Vec<DesiredRule> = wanted
            .into_iter()
            .zip(1..)
            .map(|(rule, line)| declared(rule, Span { line, ..span }))
            .collect();
        let of = |direction| {
            let rules = wanted.iter().filter(|rule| rule.direction == direction);
            rules.cloned().collect()
        };
        Self {
            desired: DesiredGroup {
                account: AccountName::new("bench"),
                region: RegionId::new("cn-hangzhou"),
                selector: Selector::Id(GroupId::new(&id)),
                alias: None,
                span,
                mode: Modes {
                    ingress: Mode::Complete,
                    egress: Mode::Complete,
                },
                ingress: Some(of(Direction::Ingress)),
                egress: Some(of(Direction::Egress)),
                absent: Vec::new(),
                assertions: Default::default(),
                waivers: Vec::new(),
                ignore: Vec::new(),
                allow_empty: false,
                system_rules: None,
                limits: Limits::default(),
                quota: 1_000,
            },
            observed: ObservedGroup {
                info: GroupInfo {
                    id: GroupId::new(&id),
                    name: GroupName::new(&id),
                    description: Arc::from(""),
                    network: Network::Vpc(VpcId::new(vpc)),
                    kind: GroupKind::Basic,
                    managed: false,
                    tags: BTreeMap::new(),
                },
                inner_access: InnerAccess::Accept,
                rules: live
                    .into_iter()
                    .enumerate()
                    .map(|(index, rule)| ObservedRule {
                        rule,
                        id: Some(RuleId::new(format!("sgr-{number:05}-{index:04}"))),
                        facts: None,
                    })
                    .collect(),
            },
        }
    }
}

fn span(start: u32) -> Span {
    let file = Sources::default().add(PathBuf::from("rules/bench.yaml"), Arc::from(""));
    Span {
        file,
        start,
        end: start + 1,
        line: 1,
        column: 1,
    }
}

fn declared(rule: Rule, span: Span) -> DesiredRule {
    DesiredRule {
        direction: rule.direction,
        nic: None,
        priority: rule.priority,
        policy: rule.policy,
        protocol: rule.protocol,
        peer: match rule.peer {
            Peer::Cidr(cidr) => DesiredPeer::Cidr(cidr),
            Peer::Group(id) => DesiredPeer::Group { id, owner: None },
            Peer::PrefixList(list) => DesiredPeer::PrefixList(list),
        },
        local: rule.local,
        description: rule.description,
        expires: None,
        span,
    }
}
