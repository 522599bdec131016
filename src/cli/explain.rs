//! `rulekeep explain`.

use std::{collections::BTreeSet, net::IpAddr};

use crate::{
    desired::{BUILT_IN, Desired, DesiredGroup, DesiredPeer, Mode, Selector},
    exit::Exit,
    model::{
        Direction, GroupId, GroupKind, GroupName, InnerAccess, ListIds, Lists, Network, NicType,
        PortRange, PrefixListId, Rule,
    },
    report::explain::{Asked, Group, Source, answer},
    traffic::{clause::Symbol, explain::Packet},
};

use super::{Failure, Global, Screen, pass, project};

/// Say whether a packet is admitted, by which rule, and who can reach a service
///
/// With a peer: admitted or refused, the rule that decides and where it is declared, what it beat, and rules that nearly
/// matched. Without one: every peer that is admitted.
///
/// Looks at the files; with --live at the groups as they are. Groups joined by commas are those of one network interface:
/// their rules count together.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  rulekeep explain web tcp/22 from 203.0.113.9
  rulekeep explain db tcp/3306 from group:app --live
  rulekeep explain app udp/53 to 100.100.2.138
  rulekeep explain db tcp/3306              who can reach it
  rulekeep explain web,monitored tcp/9100 from 10.20.9.7")]
pub(super) struct Args {
    /// A declared group: its id or its name; several of one interface with commas
    #[arg(value_name = "GROUP")]
    groups: String,
    /// tcp/22, udp/53, icmp, icmpv6, gre or a protocol number; or the name of a service with one port
    #[arg(value_name = "SERVICE")]
    service: String,
    /// `from` or `to`, and an address, a group or a prefix list
    #[arg(value_name = "from|to PEER", num_args = 0..=2)]
    peer: Vec<String>,
    /// The member's own address, for rules with `local`
    #[arg(long, value_name = "ADDRESS", env = "RULEKEEP_LOCAL")]
    local: Option<IpAddr>,
    /// The source port, for rules with `source_ports`
    #[arg(long, value_name = "PORT", value_parser = clap::value_parser!(u16).range(1..), env = "RULEKEEP_SOURCE_PORT")]
    source_port: Option<u16>,
    /// Look at the groups as they are in the cloud, not at the files
    #[arg(
        long,
        env = "RULEKEEP_LIVE",
        value_parser = clap::builder::FalseyValueParser::new(),
        action = clap::ArgAction::SetTrue
    )]
    live: bool,
}

pub(super) async fn run(args: &Args, global: &Global, screen: &Screen) -> Result<Exit, Failure> {
    let desired = project::load(global, screen)?;
    let chosen = args
        .groups
        .split(',')
        .map(|word| declared(&desired, word))
        .collect::<Result<Vec<_>, _>>()?;
    let direction = args.direction()?;
    let (protocol, port) = service(&args.service)?;
    let peer = match args.peer.get(1) {
        Some(text) => Some(far_end(text, &desired, chosen[0])?),
        None => None,
    };
    let mut groups = Vec::new();
    for group in &chosen {
        groups.push(if args.live {
            live(&desired, group).await?
        } else {
            from_files(&desired, group, direction)
        });
    }
    let asked = match peer {
        Some((address, member_of)) => Asked::Packet(Packet {
            direction,
            nic: NicType::Intranet,
            protocol,
            port,
            source_port: args.source_port,
            peer: address,
            member_of,
            local: args.local,
        }),
        None => Asked::Service {
            direction,
            protocol,
            port,
        },
    };
    screen.result(&answer(
        &groups,
        &asked,
        &args.service,
        args.peer.get(1).map(String::as_str),
    ))?;
    Ok(Exit::Done)
}

impl Args {
    fn direction(&self) -> Result<Direction, Failure> {
        match self.peer.first().map(String::as_str) {
            None | Some("from") => Ok(Direction::Ingress),
            Some("to") => Ok(Direction::Egress),
            Some(other) => Err(Failure::usage(format!(
                "`{other}` stands where `from` or `to` is needed"
            ))
            .help("write e.g. `rulekeep explain web tcp/22 from 203.0.113.9`")),
        }
    }
}

fn declared<'a>(desired: &'a Desired, word: &str) -> Result<&'a DesiredGroup, Failure> {
    let mut meant = desired
        .groups
        .iter()
        .filter(|group| project::is_meant(group, word));
    match (meant.next(), meant.next()) {
        (Some(group), None) => Ok(group),
        (Some(_), Some(_)) => Err(Failure::usage(format!(
            "several declared groups are called `{word}`"
        ))
        .help("name the group by its id")),
        (None, _) => Err(
            Failure::usage(format!("no declared group is called `{word}`")).help(
                "`rulekeep validate` lists the files; a group is named by its name or its id",
            ),
        ),
    }
}

/// Protocol number and port of `tcp/22`, `icmp`, `47`, or of a built-in service with one port.
fn service(text: &str) -> Result<(u8, Option<u16>), Failure> {
    let wrong = |why: &str| {
        Failure::usage(format!("`{text}` is not one service: {why}"))
            .help("write tcp/22, udp/53, icmp, icmpv6, gre or a protocol number")
    };
    let (name, port) = match text.split_once('/') {
        Some((name, port)) => (name, Some(port)),
        None => (text, None),
    };
    let number = match name.to_ascii_lowercase().as_str() {
        "tcp" => 6,
        "udp" => 17,
        "icmp" => 1,
        "icmpv6" => 58,
        "gre" => 47,
        other => match other.parse::<u8>() {
            Ok(number) => number,
            Err(_) => {
                return built_in(text)
                    .ok_or_else(|| wrong("no protocol and no built-in service is called so"));
            }
        },
    };
    match (number, port) {
        (6 | 17, None) => Err(wrong("a port is missing")),
        (6 | 17, Some(port)) => match port.parse::<PortRange>() {
            Ok(range) if range.first() == range.last() => Ok((number, Some(range.first()))),
            Ok(_) => Err(wrong("a packet has one port")),
            Err(error) => Err(wrong(&error.to_string())),
        },
        (_, Some(_)) => Err(wrong("the protocol has no ports")),
        (_, None) => Ok((number, None)),
    }
}

fn built_in(name: &str) -> Option<(u8, Option<u16>)> {
    let (_, items) = BUILT_IN.iter().find(|(own, _)| *own == name)?;
    service(items).ok()
}

/// The address, or what the peer is a member of.
fn far_end(
    text: &str,
    desired: &Desired,
    of: &DesiredGroup,
) -> Result<(Option<IpAddr>, BTreeSet<Symbol>), Failure> {
    let member = |symbol| (None, BTreeSet::from([symbol]));
    if let Ok(address) = text.parse::<IpAddr>() {
        return Ok((Some(address), BTreeSet::new()));
    }
    if GroupId::looks_like(text) {
        return Ok(member(Symbol::Group(GroupId::new(text))));
    }
    if text.starts_with("pl-") {
        return Ok(member(Symbol::PrefixList(PrefixListId::new(text))));
    }
    let name = text.strip_prefix("group:").unwrap_or(text);
    let mut groups = desired.groups.iter().filter(|group| {
        (&group.account, &group.region) == (&of.account, &of.region)
            && group
                .declared_name()
                .is_some_and(|own| own.as_str() == name)
    });
    match groups.next() {
        Some(group) => Ok(member(Symbol::Group(stand_in(group, &GroupName::new(name))))),
        None => Err(Failure::usage(format!("`{text}` is no address, no group and no prefix list"))
            .help("write one address such as 203.0.113.9, a group as group:NAME or by its id, or a prefix list by its id")),
    }
}

/// The id of a declared group, or where only the cloud knows it something that stands for it.
fn stand_in(group: &DesiredGroup, name: &GroupName) -> GroupId {
    match &group.selector {
        Selector::Id(id) => id.clone(),
        Selector::Name { .. } => GroupId::new(format!("group:{name}")),
    }
}

/// The rules that the files declare. Of the group itself the files do not tell the kind: a basic one is assumed.
fn from_files(desired: &Desired, group: &DesiredGroup, direction: Direction) -> Group {
    let now = jiff::Timestamp::now();
    let mut by_name = false;
    let mut resolve = |name: &GroupName| {
        let peer = desired.groups.iter().find(|other| {
            (&other.account, &other.region) == (&group.account, &group.region)
                && other.declared_name() == Some(name)
        })?;
        by_name |= matches!(peer.selector, Selector::Name { .. });
        Some(stand_in(peer, name))
    };
    let rules: Vec<(Rule, String)> = group
        .direction(direction)
        .unwrap_or_default()
        .iter()
        .filter(|rule| rule.is_live(now))
        .filter_map(|rule| {
            let bound = rule.bind(rule.nic.unwrap_or(NicType::Intranet), &mut resolve)?;
            Some((bound, desired.sources.place(rule.span)))
        })
        .collect();
    let mut caveats = Vec::new();
    if direction == Direction::Egress {
        caveats.push(
            "the group's kind is not in the files: a basic group, open by default, is assumed"
                .to_owned(),
        );
    }
    if by_name {
        caveats.push("groups declared by name have no id in the files: name peers as group:NAME, or use --live".to_owned());
    }
    match (group.direction(direction), group.mode(direction)) {
        (None, _) => caveats.push(format!(
            "{direction} is not managed: its live rules are not looked at; --live does"
        )),
        (Some(_), Mode::Partial) => {
            caveats.push(format!(
                "{direction} is in partial mode: other live rules may exist; --live looks at them"
            ));
        }
        (Some(_), Mode::Complete) => {}
    }
    Group {
        name: name_of(group),
        source: Source::Files,
        kind: GroupKind::Basic,
        own: None,
        rules,
        lists: Lists::default(),
        caveats,
    }
}

fn name_of(group: &DesiredGroup) -> String {
    group
        .declared_name()
        .map_or_else(|| group.selector.to_string(), ToString::to_string)
}

/// The rules that the group has.
async fn live(desired: &Desired, group: &DesiredGroup) -> Result<Group, Failure> {
    let DesiredGroup {
        account,
        region,
        selector,
        ..
    } = group;
    let session = pass::session(desired, &[account.clone()].into(), 1).await?;
    let observed = session.read(account, region, selector).await?;
    let mut named = ListIds::default();
    for seen in &observed.rules {
        named.add(&seen.rule);
    }
    let lists = session.lists(account, region, &named).await?;
    let declared = |rule: &Rule| {
        let declared = group.direction(rule.direction).unwrap_or_default();
        let same = declared.iter().find(|own| {
            let peer = match &own.peer {
                DesiredPeer::Declared(_) => match &rule.peer {
                    crate::model::Peer::Group(id) => Some(id.clone()),
                    _ => None,
                },
                _ => None,
            };
            own.bind(rule.nic, |_| peer)
                .is_some_and(|bound| bound.is_same_rule(rule))
        });
        same.map(|own| desired.sources.place(own.span))
    };
    let rules = observed
        .rules
        .iter()
        .map(|seen| {
            let id = seen
                .id
                .as_ref()
                .map_or_else(|| "no id".to_owned(), ToString::to_string);
            let place =
                declared(&seen.rule).map_or_else(|| id.clone(), |place| format!("{id}, {place}"));
            (seen.rule.clone(), place)
        })
        .collect();
    let mut caveats = Vec::new();
    if observed.info.network == Network::Classic {
        caveats.push("classic network: the private interface is looked at".to_owned());
    }
    Ok(Group {
        name: name_of(group),
        source: Source::Live,
        kind: observed.info.kind,
        own: (observed.inner_access == InnerAccess::Accept).then(|| observed.info.id.clone()),
        rules,
        lists,
        caveats,
    })
}
