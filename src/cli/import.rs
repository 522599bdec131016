//! `rulekeep import`.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

use clap::builder::FalseyValueParser;

use crate::{
    desired::Mode,
    exchange::{self, FileRules, MAX_IMPORT, Problem},
    exit::Exit,
    model::{
        GroupId, GroupInfo, GroupKind, Network, NicType, ObservedGroup, Peer, PortSet, RegionId,
        Rule,
    },
    report::text::{Tone, count, escape},
};

use super::{
    Failure, Global, Screen,
    carry_out::Outcome,
    change::{self, Consent, Origin, Target},
    live::{Place, forget_own},
    pass, project,
};

/// Add the rules of a console JSON or CSV file to a group, and never overwrite one
///
/// Each rule is checked first; what the console would not take is named with the reason. Rules that the group has already
/// stay as they are, descriptions too.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  rulekeep import ecs_cn-hangzhou_sg-bp1web000000000000.json --group db --dry-run
  rulekeep import rules.csv --group sg-bp1db00000000000000 --yes")]
pub(super) struct Args {
    /// A JSON file (an array of rules, or the API's answer) or a CSV file
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// The group that gains the rules: its id or its name
    #[arg(long, value_name = "GROUP", env = "RULEKEEP_GROUP")]
    group: String,
    #[command(flatten)]
    place: Place,
    /// Region that the file was exported from [default: from the name that the console gives to the file]
    #[arg(long, value_name = "REGION", env = "RULEKEEP_FROM_REGION")]
    from_region: Option<String>,
    /// Import the other rules when some fail the check
    #[arg(
        long,
        env = "RULEKEEP_SKIP_FAILED",
        value_parser = FalseyValueParser::new(),
        action = clap::ArgAction::SetTrue
    )]
    skip_failed: bool,
    #[command(flatten)]
    consent: Consent,
}

/// What the check says of a rule.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Verdict {
    Add,
    Exists,
    Skipped(String),
    Fails(String),
}

pub(super) async fn run(args: &Args, global: &Global, screen: &Screen) -> Result<Exit, Failure> {
    let done = import(args, global, screen).await;
    args.consent.end(done, global, screen)
}

async fn import(args: &Args, global: &Global, screen: &Screen) -> Result<Outcome, Failure> {
    args.consent.lock(global, "import", screen).await?;
    let desired = project::load_or_empty(global, screen)?;
    let (text, file) = read(&args.file)?;
    for column in &file.unknown_columns {
        screen.say(&format!(
            "warning: the column `{}` means nothing here and is passed over\n",
            escape(column)
        ));
    }
    if file.rules.len() > MAX_IMPORT {
        return Err(Failure::new(format!(
            "{} has {} rules; a file that is imported has at most {MAX_IMPORT}",
            args.file.display(),
            file.rules.len()
        ))
        .help("split it into several files"));
    }
    let meant = args.place.of(&desired, &args.group)?;
    let session = pass::session(&desired, &[meant.account.clone()].into(), 1).await?;
    let group = session
        .read(&meant.account, &meant.region, &meant.selector)
        .await?;
    let readable = file.rules.iter().filter_map(|rule| rule.rule.as_ref().ok());
    let own = session
        .peers(
            &meant.account,
            &meant.region,
            readable.map(|seen| &seen.rule),
        )
        .await?;
    session.close().await?;

    let from = match &args.from_region {
        Some(region) => Some(RegionId::new(region)),
        None => {
            let name = args.file.file_name().unwrap_or_default().to_string_lossy();
            exchange::region_of(&name)
        }
    };
    let abroad = from.filter(|from| *from != meant.region);
    let check = Check {
        group: &group,
        own: &own,
        abroad: abroad.as_ref(),
        region: &meant.region,
    };
    let mut rules: Vec<(Rule, std::ops::Range<usize>)> = Vec::new();
    let mut lines = String::new();
    let mut failed = 0;
    for (number, rule) in (1..).zip(&file.rules) {
        let (verdict, shown) = match &rule.rule {
            Err(Problem::Priority(priority)) => (
                Verdict::Skipped(format!("priority {priority} is outside 1..100")),
                String::new(),
            ),
            Err(problem) => (Verdict::Fails(problem.to_string()), String::new()),
            Ok(seen) => {
                let mut rule = seen.rule.clone();
                forget_own(&mut rule, &own);
                let before = rules.iter().any(|(other, _)| other.is_same_rule(&rule));
                let verdict = if before {
                    Verdict::Skipped("it stands in the file twice".to_owned())
                } else {
                    check.verdict(&rule)
                };
                (verdict, rule.to_string())
            }
        };
        if let (Verdict::Add, Ok(seen)) = (&verdict, &rule.rule) {
            let mut wanted = seen.rule.clone();
            forget_own(&mut wanted, &own);
            rules.push((wanted, rule.place.clone()));
        }
        failed += usize::from(matches!(verdict, Verdict::Fails(_)));
        lines.push_str(&line(number, &verdict, &shown, screen));
    }
    let preview = format!(
        "Import into {} {}\n{lines}",
        escape(group.info.name.as_str()),
        group.info.id
    );
    if failed > 0 && !args.skip_failed {
        args.consent.show(&preview, screen)?;
        return Err(Failure::new(format!(
            "{} cannot be imported; nothing was changed",
            count(failed, "rule")
        ))
        .help("mend the file, or import the other rules with --skip-failed"));
    }
    let target = Target {
        account: meant.account.clone(),
        region: meant.region.clone(),
        id: group.info.id.clone(),
        declared: meant.declared,
        mode: Mode::Partial,
        allow_empty: true,
    };
    let origin = Origin {
        name: args.file.clone(),
        text: text.into(),
        rules,
        skipped: 0,
    };
    let wanted = change::desired(&desired, &target, &origin);
    change::carry_out(&wanted, &args.consent, global, screen, &|_, _| {
        preview.clone()
    })
    .await
}

/// A rules file and its text without a byte order mark, which places do not count.
pub(super) fn read(path: &Path) -> Result<(String, FileRules), Failure> {
    let failed = |error: &dyn std::error::Error| {
        Failure::new(format!("{} cannot be imported", path.display())).because(error)
    };
    let text = fs::read_to_string(path).map_err(|error| failed(&error))?;
    let text = text.strip_prefix('\u{feff}').unwrap_or(&text).to_owned();
    let is_csv = path
        .extension()
        .is_some_and(|ending| ending.eq_ignore_ascii_case("csv"));
    let rules = if is_csv {
        exchange::from_csv(&text)
    } else {
        exchange::from_json(&text)
    };
    match rules {
        Ok(rules) => Ok((text, rules)),
        Err(error) => Err(failed(&error)),
    }
}

fn line(number: usize, verdict: &Verdict, rule: &str, screen: &Screen) -> String {
    let (lead, tone, why) = match verdict {
        Verdict::Add => ("+", Tone::Added, String::new()),
        Verdict::Exists => (
            "=",
            Tone::Faint,
            "is there already, and stays as it is".to_owned(),
        ),
        Verdict::Skipped(why) => ("!", Tone::Changed, format!("skipped: {why}")),
        Verdict::Fails(why) => ("x", Tone::Removed, format!("fails: {why}")),
    };
    let parts = [rule, &why];
    let parts: Vec<String> = parts
        .iter()
        .filter(|part| !part.is_empty())
        .map(|part| escape(part))
        .collect();
    let text = format!("  {lead} {number:>3}  {}", parts.join("  "));
    format!("{}\n", screen.out.paint(tone, text.trim_end()))
}

/// What the console checks, and what the cloud would refuse in the group.
struct Check<'a> {
    group: &'a ObservedGroup,
    own: &'a BTreeMap<GroupId, GroupInfo>,
    abroad: Option<&'a RegionId>,
    region: &'a RegionId,
}

impl Check<'_> {
    fn verdict(&self, rule: &Rule) -> Verdict {
        let live = self.group.rules.iter();
        if live.clone().any(|seen| seen.rule.is_same_rule(rule)) {
            return Verdict::Exists;
        }
        match self.problem(rule) {
            Some(problem) => Verdict::Fails(problem),
            None => Verdict::Add,
        }
    }

    fn problem(&self, rule: &Rule) -> Option<String> {
        let port_list = matches!(
            rule.protocol.ports().map(|ports| &ports.destination),
            Some(PortSet::List(_))
        );
        let named = match &rule.peer {
            Peer::Group(_) => Some("a security group"),
            Peer::PrefixList(_) => Some("a prefix list"),
            Peer::Cidr(_) if port_list => Some("a port list"),
            Peer::Cidr(_) => None,
        };
        if let (Some(from), Some(named)) = (self.abroad, named) {
            return Some(format!(
                "it names {named} of {from}, which {} does not have",
                self.region
            ));
        }
        let info = &self.group.info;
        if let Peer::Group(id) = &rule.peer {
            if *id == info.id {
                return Some("the group would name itself as peer".to_owned());
            }
            if info.kind == GroupKind::Advanced {
                return Some("an advanced group has no rules whose peer is a group".to_owned());
            }
            match self.own.get(id) {
                None if rule.peer_owner.is_none() => {
                    return Some(format!(
                        "there is no security group {id} in {}",
                        self.region
                    ));
                }
                Some(peer) if peer.kind == GroupKind::Advanced => {
                    return Some(format!("{id} is an advanced group, no rule can name it"));
                }
                _ => {}
            }
        }
        match info.network {
            Network::Vpc(_) if rule.nic == NicType::Internet => Some(
                "it is for the public interface, which exists in the classic network only"
                    .to_owned(),
            ),
            Network::Classic => match &rule.peer {
                Peer::Cidr(cidr) if cidr.is_ipv6() => {
                    Some("the classic network has no IPv6".to_owned())
                }
                Peer::PrefixList(_) => Some("the classic network has no prefix lists".to_owned()),
                Peer::Cidr(_) | Peer::Group(_) if port_list => {
                    Some("the classic network has no port lists".to_owned())
                }
                Peer::Cidr(_) | Peer::Group(_) => None,
            },
            Network::Vpc(_) => None,
        }
    }
}
