//! Declarations by hand, for tests.

use std::{collections::BTreeMap, path::PathBuf, sync::Arc};

use crate::{
    clouds::fake,
    desired::{
        Desired, DesiredGroup, DesiredPeer, DesiredRule, Limits, Mode, Modes, Project, Selector,
    },
    diag::{FileId, Sources, Span},
    model::{AccountName, Direction, GroupId, GroupName, Peer, RegionId},
};

/// One line per group: `ACCOUNT/REGION/GROUP FILE [RULE..]`, a rule `PORTS@PEER`; sorted as a project is.
pub(crate) fn desired(groups: &[&str]) -> Desired {
    let mut sources = Sources::default();
    sources.add(PathBuf::from("rulekeep.yaml"), Arc::from("rules: rules/\n"));
    let mut files: BTreeMap<&str, FileId> = BTreeMap::new();
    for line in groups {
        let path = line.split(' ').nth(1).unwrap();
        files
            .entry(path)
            .or_insert_with(|| sources.add(PathBuf::from(path), Arc::from(path)));
    }
    let mut groups: Vec<DesiredGroup> = (0..)
        .zip(groups)
        .map(|(at, line)| {
            let mut words = line.split(' ');
            let address: Vec<&str> = words.next().unwrap().split('/').collect();
            let span = Span {
                file: files[words.next().unwrap()],
                start: at * 10,
                end: at * 10 + 5,
                line: at + 1,
                column: 1,
            };
            group(&address, span, words)
        })
        .collect();
    groups.sort_by(|a, b| {
        (&a.account, &a.region, &a.selector).cmp(&(&b.account, &b.region, &b.selector))
    });
    Desired {
        project: Project {
            root: PathBuf::from("project"),
            rules: PathBuf::from("rules"),
            windows: None,
            accounts: BTreeMap::new(),
            assertions: Default::default(),
            waivers: Vec::new(),
            ..Project::default()
        },
        groups,
        templates: Vec::new(),
        matched: Default::default(),
        sources,
    }
}

fn group<'a>(address: &[&str], span: Span, rules: impl Iterator<Item = &'a str>) -> DesiredGroup {
    let name = address[2];
    DesiredGroup {
        account: AccountName::new(address[0]),
        region: RegionId::new(address[1]),
        selector: match GroupId::looks_like(name) {
            true => Selector::Id(GroupId::new(name)),
            false => Selector::Name {
                name: GroupName::new(name),
                vpc: None,
            },
        },
        alias: None,
        span,
        mode: Modes {
            ingress: Mode::Complete,
            egress: Mode::Complete,
        },
        ingress: Some(rules.map(|text| rule(text, span)).collect()),
        egress: None,
        absent: Vec::new(),
        ignore: Vec::new(),
        allow_empty: true,
        system_rules: None,
        limits: Limits::default(),
        quota: 200,
        assertions: Default::default(),
        waivers: Vec::new(),
    }
}

fn rule(text: &str, span: Span) -> DesiredRule {
    let (ports, peer) = text.split_once('@').unwrap();
    let plain = fake::rule(&format!("{ports} 10.0.0.0/8"));
    DesiredRule {
        direction: Direction::Ingress,
        nic: None,
        priority: plain.priority,
        policy: plain.policy,
        protocol: plain.protocol,
        peer: match peer.strip_prefix("group:") {
            Some(name) => DesiredPeer::Declared(GroupName::new(name)),
            None if peer.starts_with("pl-") => {
                DesiredPeer::PrefixList(crate::model::PrefixListId::new(peer))
            }
            None => match fake::rule(&format!("{ports} {peer}")).peer {
                Peer::Cidr(cidr) => DesiredPeer::Cidr(cidr),
                other => panic!("{other}"),
            },
        },
        local: None,
        description: None,
        expires: None,
        span,
    }
}
