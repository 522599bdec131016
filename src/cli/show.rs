//! `rulekeep show`.

use clap::ValueEnum;
use serde_json::json;

use crate::{
    desired::{Desired, DesiredGroup, DesiredRule, Selector},
    exit::Exit,
    model::{
        AccountName, Direction, GroupId, GroupName, InnerAccess, ObservedGroup, ObservedRule, Peer,
        Policy, RegionId, Rule,
    },
    provider::alibaba::wire,
    report::{Format, OutputSpec, OutputSpecError, json as report_json},
};

use super::{
    Failure, Global, Screen, pass, project,
    show_table::{Line, table},
};

/// Show the live rules of a group, as the console does
///
/// The last column says where each rule is declared; `-` is a rule that no file wants.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  rulekeep show web
  rulekeep show sg-bp1web000000000000 --direction ingress --port 22
  rulekeep show web --peer 10.1.2.3 -o json")]
pub(super) struct Args {
    /// A group: its id or its name
    #[arg(value_name = "GROUP")]
    group: String,
    /// Account that holds it [default: that of the declared group, else the only one]
    #[arg(long, value_name = "NAME", env = "RULEKEEP_ACCOUNT")]
    account: Option<String>,
    /// Region that holds it [default: that of the declared group, else the only one]
    #[arg(long, value_name = "REGION", env = "RULEKEEP_REGION")]
    region: Option<String>,
    /// Write the rules as table or json, to stdout or =FILE; may be repeated
    #[arg(
        short,
        long,
        value_name = "FORMAT[=FILE]",
        value_parser = output_spec,
        env = "RULEKEEP_OUTPUT"
    )]
    output: Vec<OutputSpec>,
    #[command(flatten)]
    filter: Filter,
}

/// A table is what text is elsewhere.
fn output_spec(text: &str) -> Result<OutputSpec, OutputSpecError> {
    match text.strip_prefix("table") {
        Some(rest) => format!("{}{rest}", Format::Text).parse(),
        None => text.parse(),
    }
}

/// Which rules are shown; every given one must match.
#[derive(Clone, Debug, Default, clap::Args)]
#[command(next_help_heading = "Filters")]
struct Filter {
    /// ingress or egress
    #[arg(long, value_enum, env = "RULEKEEP_DIRECTION")]
    direction: Option<Way>,
    /// tcp, udp, icmp, icmpv6, gre, all or a number
    #[arg(long, value_name = "PROTOCOL", env = "RULEKEEP_PROTOCOL")]
    protocol: Option<String>,
    /// Rules whose ports include this one
    #[arg(long, value_name = "PORT", value_parser = clap::value_parser!(u16).range(1..), env = "RULEKEEP_PORT")]
    port: Option<u16>,
    /// Rules whose peer covers this address or CIDR, or is this group or prefix list
    #[arg(long, value_name = "PEER", env = "RULEKEEP_PEER")]
    peer: Option<String>,
    /// accept or drop
    #[arg(long, value_enum, env = "RULEKEEP_POLICY")]
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

pub(super) async fn run(args: &Args, global: &Global, screen: &Screen) -> Result<Exit, Failure> {
    let desired = project::load(global, screen)?;
    let declared = args.declared(&desired)?;
    let (account, region) = args.place(&desired, declared)?;
    let selector = match declared {
        Some(group) => group.selector.clone(),
        None if GroupId::looks_like(&args.group) => Selector::Id(GroupId::new(&args.group)),
        None => Selector::Name {
            name: GroupName::new(&args.group),
            vpc: None,
        },
    };
    let observed = pass::read_group(&desired, &account, &region, &selector).await?;
    let lines: Vec<Line<'_>> = observed
        .rules
        .iter()
        .filter(|seen| args.filter.admits(seen))
        .map(|seen| Line {
            seen,
            declared: declared
                .and_then(|group| declaration(group, seen))
                .map(|rule| desired.sources.place(rule.span)),
        })
        .collect();
    let directions: Vec<_> = Direction::BOTH
        .into_iter()
        .filter(|direction| args.filter.direction.is_none_or(|way| way.is(*direction)))
        .collect();
    screen.report(&args.output, |format, style| match format {
        Format::Text => table(&observed, &lines, &directions, style),
        Format::Json => as_json(&account, &region, &observed, &lines),
    })?;
    Ok(Exit::Done)
}

impl Args {
    /// The declared group that is meant, if one is.
    fn declared<'a>(&self, desired: &'a Desired) -> Result<Option<&'a DesiredGroup>, Failure> {
        let fits = |wanted: &Option<String>, has: &str| {
            wanted.as_deref().is_none_or(|wanted| wanted == has)
        };
        let mut meant = desired.groups.iter().filter(|group| {
            project::is_meant(group, &self.group)
                && fits(&self.account, group.account.as_str())
                && fits(&self.region, group.region.as_str())
        });
        let first = meant.next();
        if meant.next().is_some() {
            return Err(Failure::new(format!(
                "several declared groups are called `{}`",
                self.group
            ))
            .help("say which one with --account, --region, or by its id"));
        }
        Ok(first)
    }

    /// Where the group lives.
    fn place(
        &self,
        desired: &Desired,
        declared: Option<&DesiredGroup>,
    ) -> Result<(AccountName, RegionId), Failure> {
        let unknown = |flag: &str| {
            Failure::usage(format!(
                "`{}` is not declared, and where it lives is not clear",
                self.group
            ))
            .help(format!("say it with {flag}"))
        };
        let account = match (&self.account, declared) {
            (Some(account), _) => AccountName::new(account),
            (None, Some(group)) => group.account.clone(),
            (None, None) => {
                only(desired.project.accounts.keys()).ok_or_else(|| unknown("--account"))?
            }
        };
        if !desired.project.accounts.contains_key(&account) {
            let known: Vec<_> = desired
                .project
                .accounts
                .keys()
                .map(AccountName::as_str)
                .collect();
            return Err(
                Failure::usage(format!("the project has no account `{account}`"))
                    .help(format!("it has {}", known.join(", "))),
            );
        }
        let region = match (&self.region, declared) {
            (Some(region), _) => RegionId::new(region),
            (None, Some(group)) => group.region.clone(),
            (None, None) => only(desired.groups.iter().map(|group| &group.region))
                .ok_or_else(|| unknown("--region"))?,
        };
        Ok((account, region))
    }
}

/// The value that all have, if they all have one.
fn only<'a, T: Clone + PartialEq + 'a>(mut values: impl Iterator<Item = &'a T>) -> Option<T> {
    let first = values.next()?;
    values.all(|value| value == first).then(|| first.clone())
}

/// The declared rule that a live one is. A peer that is declared by name counts as any group: its id is known only to
/// the cloud.
fn declaration<'a>(group: &'a DesiredGroup, seen: &ObservedRule) -> Option<&'a DesiredRule> {
    let Rule { nic, peer, .. } = &seen.rule;
    let rules = group.direction(seen.rule.direction).unwrap_or_default();
    rules.iter().find(|rule| {
        rule.nic.is_none_or(|declared| declared == *nic)
            && rule
                .bind(*nic, |_| match peer {
                    Peer::Group(id) => Some(id.clone()),
                    Peer::Cidr(_) | Peer::PrefixList(_) => None,
                })
                .is_some_and(|bound| bound.is_same_rule(&seen.rule))
    })
}

impl Filter {
    fn admits(&self, seen: &ObservedRule) -> bool {
        let Self {
            direction,
            protocol,
            port,
            peer,
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
            && peer.as_ref().is_none_or(|peer| has_peer(rule, peer))
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
    use crate::model::{PortSet, Protocol};
    match (&rule.protocol, rule.protocol.ports()) {
        (Protocol::All, _) => true,
        (_, None) => false,
        (_, Some(ports)) => match &ports.destination {
            PortSet::Range(range) => range.first() <= port && port <= range.last(),
            PortSet::List(_) => true,
        },
    }
}

fn has_peer(rule: &Rule, wanted: &str) -> bool {
    match (&rule.peer, crate::model::Cidr::parse_masking(wanted)) {
        (Peer::Cidr(cidr), Ok(wanted)) => cidr.net().contains(&wanted.net()),
        (peer, _) => peer.to_string() == wanted,
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
        assert_eq!(with(|f| f.protocol = Some("TCP".into())), ["a", "b"]);
        assert_eq!(with(|f| f.port = Some(22)), ["b", "c"]);
        assert_eq!(with(|f| f.peer = Some("10.1.2.3".into())), ["a", "b"]);
        assert_eq!(with(|f| f.peer = Some("sg-peer".into())), ["c"]);
        assert_eq!(with(|f| f.text = Some("public".into())), ["a"]);
    }
}
