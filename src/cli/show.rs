//! `rulekeep show`.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::PathBuf,
};

use clap::ValueEnum;
use serde_json::json;

use crate::{
    desired::{Desired, DesiredGroup, DesiredRule, Selector, Vocabulary},
    exit::Exit,
    model::{
        AccountName, Direction, GroupId, GroupInfo, GroupName, InnerAccess, Network, ObservedGroup,
        ObservedRule, Peer, Policy, Protocol, RegionId, Rule,
    },
    provider::alibaba::wire,
    reconcile::near_groups,
    report::{json as report_json, text::TextStyle},
};

use super::{
    Failure, Global, Screen,
    live::{self, Place, own_groups},
    output::write_file,
    pass, project, show_peer,
    show_table::{Line, table},
};

/// Show the live rules of a group, as the console does
///
/// `Declared` is where each rule is declared; `-` is a rule that no file wants.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  rulekeep show web
  rulekeep show sg-bp1web0000000000000000 --direction ingress --port 22
  rulekeep show web --peer 10.1.2.3 -o json
  rulekeep show web --sort peer -o yaml=web.yaml")]
pub(super) struct Args {
    /// A group: its id or its name
    #[arg(value_name = "GROUP")]
    group: String,
    #[command(flatten)]
    place: Place,
    /// Write the rules as table, json or yaml, to stdout or =FILE; may be repeated
    #[arg(
        short,
        long,
        value_name = "FORMAT[=FILE]",
        value_parser = output_spec,
        env = "RULEKEEP_OUTPUT"
    )]
    output: Vec<(Form, Option<PathBuf>)>,
    /// Order of the rules: as the cloud evaluates them, or by one of their fields
    #[arg(
        long,
        value_enum,
        value_name = "FIELD",
        default_value = "rank",
        env = "RULEKEEP_SORT"
    )]
    sort: Order,
    #[command(flatten)]
    filter: Filter,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Form {
    Table,
    Json,
    Yaml,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Order {
    /// By priority, drop before accept: as the cloud evaluates them
    Rank,
    /// By protocol and ports
    Protocol,
    /// By the far end
    Peer,
    /// By description
    Description,
    /// The oldest first
    Created,
}

fn output_spec(text: &str) -> Result<(Form, Option<PathBuf>), String> {
    let (name, path) = match text.split_once('=') {
        None => (text, None),
        Some((name, "")) => {
            return Err(format!("`{name}=` names no file; `{name}` alone is stdout"));
        }
        Some((name, path)) => (name, Some(PathBuf::from(path))),
    };
    let form = match name {
        "table" | "text" => Form::Table,
        "json" => Form::Json,
        "yaml" => Form::Yaml,
        _ => {
            return Err(format!(
                "unknown format `{name}`; known are table, json, yaml"
            ));
        }
    };
    Ok((form, path))
}

/// Which rules are shown; every given one must match.
#[derive(Clone, Debug, Default, clap::Args)]
#[command(next_help_heading = "Filters")]
struct Filter {
    /// ingress or egress
    #[arg(
        long,
        value_enum,
        hide_possible_values = true,
        env = "RULEKEEP_DIRECTION"
    )]
    direction: Option<Way>,
    /// tcp, udp, icmp, icmpv6, gre, all or a number
    #[arg(long, value_name = "PROTOCOL", value_parser = protocol, env = "RULEKEEP_PROTOCOL")]
    protocol: Option<String>,
    /// Rules whose ports include this one
    #[arg(long, value_name = "PORT", value_parser = port, allow_negative_numbers = true, env = "RULEKEEP_PORT")]
    port: Option<u16>,
    /// Rules whose peer covers this address or CIDR, or is this group (id or group:NAME) or prefix list; of a network of
    /// the project, any of its members
    #[arg(long, value_name = "PEER", env = "RULEKEEP_PEER")]
    peer: Option<String>,
    /// accept or drop
    #[arg(long, value_enum, hide_possible_values = true, env = "RULEKEEP_POLICY")]
    policy: Option<Verdict>,
    /// Rules whose description or id contains this, in any case
    #[arg(long, value_name = "TEXT", env = "RULEKEEP_TEXT")]
    text: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Way {
    Ingress,
    Egress,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Verdict {
    Accept,
    Drop,
}

/// A protocol by the name that rules print.
fn protocol(text: &str) -> Result<String, String> {
    let word = text.to_ascii_lowercase();
    let name = match (&*word, word.parse::<u8>()) {
        ("tcp" | "udp" | "icmp" | "icmpv6" | "gre" | "all", _) => word,
        (_, Ok(6)) => "tcp".to_owned(),
        (_, Ok(17)) => "udp".to_owned(),
        (_, Ok(number)) => {
            Protocol::from_number(number).map_or(word, |protocol| protocol.name().into_owned())
        }
        (_, Err(_)) => {
            return Err("not tcp, udp, icmp, icmpv6, gre, all or a number from 0 to 255".into());
        }
    };
    Ok(name)
}

/// One port.
fn port(text: &str) -> Result<u16, String> {
    let number = text.parse().ok().filter(|number| *number > 0);
    number.ok_or_else(|| "not a port from 1 to 65535, such as 22".into())
}

pub(super) async fn run(args: &Args, global: &Global, screen: &Screen) -> Result<Exit, Failure> {
    let desired = project::load_or_empty(global, screen)?;
    let meant = args.place.of(&desired, &args.group)?;
    let declared_names: BTreeSet<GroupName> = here(&desired, &meant.account, &meant.region)
        .filter_map(|group| group.declared_name().cloned())
        .collect();
    let far = match &args.filter.peer {
        Some(text) => {
            let vocabulary = Vocabulary::of(&desired.sources);
            Some(show_peer::meant(text, &vocabulary, &declared_names)?)
        }
        None => None,
    };
    let session = pass::session(&desired, &[meant.account.clone()].into(), 1).await?;
    let observed = session
        .read(&meant.account, &meant.region, &meant.selector)
        .await
        .map_err(|failure| match meant.declared {
            None if !GroupId::looks_like(&args.group)
                && !near_groups(&desired.groups, &args.group).is_empty() =>
            {
                failure.help(project::not_declared(&desired, &args.group))
            }
            _ => failure,
        })?;
    let own = own_groups(&session, &meant, &observed).await?;
    session.close().await?;
    let live_name = |id: &GroupId| own.get(id).map(|info| info.name.as_str());
    if let Some(text) = &args.filter.peer {
        show_peer::refuse_unknown(text, &declared_names, |name| {
            own.values().any(|info| info.name.as_str() == name)
        })?;
    }
    let is_named = |name: &GroupName, id: &GroupId| {
        live_name(id) == Some(name.as_str())
            || stands_for(
                here(&desired, &meant.account, &meant.region),
                name,
                id,
                &own,
            )
    };
    let observed = live::without_own(&observed, &own);
    // The group itself tells which documents with `targets` it matches; nobody needs to list all that do.
    let by_targets = match meant.declared {
        Some(_) => None,
        None => desired
            .documents_about((&meant.account, &meant.region), &observed.info)
            .next(),
    };
    let declaring = meant.declared.or(by_targets.map(|template| &template.body));
    let mut lines: Vec<Line<'_>> = observed
        .rules
        .iter()
        .filter(|seen| args.filter.admits(seen))
        .filter(|seen| {
            far.as_ref()
                .is_none_or(|far| show_peer::covers(far, &seen.rule.peer, is_named))
        })
        .map(|seen| Line {
            seen,
            peer_name: match &seen.rule.peer {
                Peer::Group(id) => live_name(id),
                Peer::Cidr(_) | Peer::PrefixList(_) => None,
            },
            declared: declaring
                .and_then(|group| declaration(&desired, group, seen, &own))
                .map(|rule| desired.sources.place(rule.span)),
        })
        .collect();
    args.sort.apply(&mut lines);
    let directions: Vec<_> = Direction::BOTH
        .into_iter()
        .filter(|direction| args.filter.direction.is_none_or(|way| way.is(*direction)))
        .collect();
    let draw = |form: Form, style: &TextStyle| match form {
        Form::Table => table(&observed, &lines, &directions, style),
        Form::Json => as_json(&meant.account, &meant.region, &observed, &lines),
        Form::Yaml => {
            let rules = lines.iter().map(|line| line.seen.clone()).collect();
            let shown = ObservedGroup {
                rules,
                ..observed.clone()
            };
            let is_whole = lines.len() == observed.rules.len();
            live::group_file(&desired, &meant, &shown, is_whole)
        }
    };
    let stdout = args.output.iter().rev().find(|(_, path)| path.is_none());
    screen.result(&draw(
        stdout.map_or(Form::Table, |(form, _)| *form),
        &screen.out,
    ))?;
    let plain = TextStyle {
        width: 140,
        colour: false,
        verbose: screen.out.verbose,
    };
    for (form, path) in &args.output {
        if let Some(path) = path {
            write_file(path, &draw(*form, &plain))?;
        }
    }
    Ok(Exit::Done)
}

impl Order {
    /// Sorts rules that are in the order of rank.
    fn apply(self, lines: &mut [Line<'_>]) {
        match self {
            Self::Rank => {}
            Self::Protocol => lines.sort_by(|a, b| {
                let key = |line: &Line<'_>| line.seen.rule.protocol.clone();
                key(a).cmp(&key(b))
            }),
            Self::Peer => lines.sort_by(|a, b| a.seen.rule.peer.cmp(&b.seen.rule.peer)),
            Self::Description => {
                lines.sort_by(|a, b| a.seen.rule.description.cmp(&b.seen.rule.description));
            }
            Self::Created => lines.sort_by(|a, b| {
                let key = |line: &Line<'_>| {
                    let facts = line.seen.facts.as_ref();
                    facts.and_then(|facts| facts.created.clone())
                };
                key(a).cmp(&key(b))
            }),
        }
    }
}

/// The declared groups of an account and region.
fn here<'a>(
    desired: &'a Desired,
    account: &'a AccountName,
    region: &'a RegionId,
) -> impl Iterator<Item = &'a DesiredGroup> {
    let groups = desired.groups.iter();
    groups.filter(move |group| group.account == *account && group.region == *region)
}

/// Whether a group is the one that the declaration of a name selects.
fn stands_for<'a>(
    mut here: impl Iterator<Item = &'a DesiredGroup>,
    name: &GroupName,
    id: &GroupId,
    own: &BTreeMap<GroupId, GroupInfo>,
) -> bool {
    here.any(|other| {
        other.declared_name() == Some(name)
            && match &other.selector {
                Selector::Id(other) => other == id,
                Selector::Name { name, vpc } => own.get(id).is_some_and(|info| {
                    info.name == *name
                        && vpc
                            .as_ref()
                            .is_none_or(|vpc| info.network == Network::Vpc(vpc.clone()))
                }),
            }
    })
}

/// The declared rule that a live one is. A peer that is declared by name is the group that the declaration of that name
/// selects, looked up by its id.
fn declaration<'a>(
    desired: &Desired,
    group: &'a DesiredGroup,
    seen: &ObservedRule,
    own: &BTreeMap<GroupId, GroupInfo>,
) -> Option<&'a DesiredRule> {
    let Rule { nic, peer, .. } = &seen.rule;
    let is_named = |name: &GroupName, id: &GroupId| {
        stands_for(here(desired, &group.account, &group.region), name, id, own)
    };
    let rules = group.direction(seen.rule.direction).unwrap_or_default();
    rules.iter().find(|rule| {
        rule.nic.is_none_or(|declared| declared == *nic)
            && rule
                .bind(*nic, |name| match peer {
                    Peer::Group(id) if is_named(name, id) => Some(id.clone()),
                    Peer::Group(_) | Peer::Cidr(_) | Peer::PrefixList(_) => None,
                })
                .is_some_and(|bound| bound.is_same_rule(&seen.rule))
    })
}

impl Filter {
    /// Whether a rule is shown, but for its peer, which takes the project's names and the live groups to tell.
    fn admits(&self, seen: &ObservedRule) -> bool {
        let Self {
            direction,
            protocol,
            port,
            peer: _,
            policy,
            text,
        } = self;
        let rule = &seen.rule;
        direction.is_none_or(|way| way.is(rule.direction))
            && policy.is_none_or(|verdict| match verdict {
                Verdict::Accept => rule.policy == Policy::Accept,
                Verdict::Drop => rule.policy == Policy::Drop,
            })
            && protocol
                .as_ref()
                .is_none_or(|name| rule.protocol.name().eq_ignore_ascii_case(name))
            && port.is_none_or(|port| has_port(rule, port))
            && text.as_ref().is_none_or(|text| has_text(seen, text))
    }
}

impl Way {
    fn is(self, direction: Direction) -> bool {
        match self {
            Self::Ingress => direction == Direction::Ingress,
            Self::Egress => direction == Direction::Egress,
        }
    }
}

/// Whether a rule matches packets to a port: a rule for every protocol does, one whose ports are in a list may.
fn has_port(rule: &Rule, port: u16) -> bool {
    use crate::model::PortSet;
    match (&rule.protocol, rule.protocol.ports()) {
        (Protocol::All, _) => true,
        (_, None) => false,
        (_, Some(ports)) => match &ports.destination {
            PortSet::Range(range) => range.first() <= port && port <= range.last(),
            PortSet::List(_) => true,
        },
    }
}

fn has_text(seen: &ObservedRule, text: &str) -> bool {
    let text = text.to_lowercase();
    let description = seen.rule.description.as_deref().unwrap_or_default();
    let id = seen.id.as_ref().map_or("", |id| id.as_str());
    description.to_lowercase().contains(&text) || id.to_lowercase().contains(&text)
}

fn as_json(
    account: &AccountName,
    region: &RegionId,
    observed: &ObservedGroup,
    lines: &[Line<'_>],
) -> String {
    let info = &observed.info;
    let rules: Vec<_> = lines
        .iter()
        .map(|line| {
            let created = line
                .seen
                .facts
                .as_ref()
                .and_then(|facts| facts.created.clone());
            json!({
                "rule_id": line.seen.id,
                "rule": report_json::rule(&info.id, &line.seen.rule),
                "created": created,
                "peer_name": line.peer_name,
                "declared_at": line.declared,
                "permission": wire::to_json(line.seen),
            })
        })
        .collect();
    let document = json!({
        "format_version": report_json::FORMAT_VERSION,
        "address": format!("{account}/{region}/{}", info.id),
        "name": info.name,
        "description": info.description,
        "network": info.network.to_string(),
        "inner_access": match observed.inner_access {
            InnerAccess::Accept => "accept",
            InnerAccess::Drop => "drop",
        },
        "tags": info.tags,
        "managed": info.managed,
        "rules": rules,
    });
    format!("{document:#}\n")
}

#[cfg(test)]
mod tests {
    use crate::report::sample::seen;

    use super::*;

    fn admitted(filter: &Filter) -> Vec<&'static str> {
        [
            (
                "a",
                "ingress accept tcp/443 from 0.0.0.0/0 priority 1",
                "Public web",
            ),
            ("b", "ingress drop tcp/20-25 from 10.0.0.0/8 priority 1", ""),
            ("c", "egress accept all to sg-peer priority 1", ""),
        ]
        .into_iter()
        .filter(|(id, rule, description)| filter.admits(&seen(id, rule, description)))
        .map(|(id, ..)| id)
        .collect()
    }

    #[test]
    fn filters_narrow_by_what_a_rule_matches() {
        let with = |change: fn(&mut Filter)| {
            let mut filter = Filter::default();
            change(&mut filter);
            admitted(&filter)
        };
        assert_eq!(with(|_| {}), ["a", "b", "c"]);
        assert_eq!(with(|f| f.direction = Some(Way::Egress)), ["c"]);
        assert_eq!(with(|f| f.policy = Some(Verdict::Drop)), ["b"]);
        assert_eq!(with(|f| f.protocol = protocol("TCP").ok()), ["a", "b"]);
        assert_eq!(with(|f| f.protocol = protocol("6").ok()), ["a", "b"]);
        assert_eq!(with(|f| f.port = Some(22)), ["b", "c"]);
        assert_eq!(with(|f| f.text = Some("public".into())), ["a"]);
    }
}
