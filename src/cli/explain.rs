//! `rulekeep explain`.

mod groups;
mod question;

use std::net::IpAddr;

use clap::ValueEnum;

use crate::{
    clouds::Kept,
    desired::{Desired, DesiredGroup, Vocabulary},
    exit::Exit,
    model::{Direction, ListIds, NicType},
    report::explain::answer,
};

use self::{
    groups::{Names, from_files},
    question::{Words, asked, services},
};
use super::{
    Failure, Global, Screen, pass,
    project::{self, Selection, Targets},
};

/// Say whether a packet is admitted, by which rule, and who can reach a service
///
/// With a peer: admitted or refused, the rules that decide and where they are declared, what they beat, and rules that
/// nearly matched. `partly` where only some of the packets are admitted, with each part; `depends on ..` where something
/// decides that was not told. Without a peer: everyone who is admitted.
///
/// Looks at the files; with --live at the groups as they are. Groups joined by commas are those of one network interface:
/// their rules count together.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  rulekeep explain web tcp/22 from 203.0.113.9
  rulekeep explain db tcp/3306 from group:app --live
  rulekeep explain app dns to 100.100.2.138
  rulekeep explain db mysql from office     every address of a network
  rulekeep explain db tcp/3306              who can reach it
  rulekeep explain web,bastion tcp/9100 from 10.20.9.7")]
pub(super) struct Args {
    /// A declared group: its id or its name; several of one interface with commas
    #[arg(value_name = "GROUP")]
    groups: String,
    /// tcp/22, udp/8000-8010, icmp, icmpv6, gre, all, a protocol number, or the name of a service
    #[arg(value_name = "SERVICE")]
    service: String,
    /// `from` or `to`, and an address, a CIDR, a group, a prefix list or the name of a network
    #[arg(value_name = "from|to PEER", num_args = 0..=2)]
    peer: Vec<String>,
    /// The member's own address, for rules with `local`
    #[arg(long, value_name = "ADDRESS", env = "RULEKEEP_LOCAL")]
    local: Option<IpAddr>,
    /// The source port, for rules with `source_ports`
    #[arg(long, value_name = "PORT", value_parser = clap::value_parser!(u16).range(1..), env = "RULEKEEP_SOURCE_PORT")]
    source_port: Option<u16>,
    /// Classic network: look at one network interface, internet or intranet [default: both]
    #[arg(long, value_enum, value_name = "NIC", env = "RULEKEEP_NIC")]
    nic: Option<Nic>,
    /// Look at the groups as they are in the cloud, not at the files
    #[arg(
        long,
        env = "RULEKEEP_LIVE",
        value_parser = clap::builder::FalseyValueParser::new(),
        action = clap::ArgAction::SetTrue
    )]
    live: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Nic {
    Internet,
    Intranet,
}

impl From<Nic> for NicType {
    fn from(nic: Nic) -> Self {
        match nic {
            Nic::Internet => Self::Internet,
            Nic::Intranet => Self::Intranet,
        }
    }
}

/// The most groups that are looked up or read side by side.
const PARALLELISM: usize = 10;

pub(super) async fn run(args: &Args, global: &Global, screen: &Screen) -> Result<Exit, Failure> {
    let mut desired = project::load(global, screen)?;
    let direction = args.direction()?;
    if args.live && args.needs_targets(&desired) {
        let meant = Selection {
            targets: Targets {
                targets: args.meant().map(str::to_owned).collect(),
            },
            ..Selection::default()
        };
        let kept = Kept::default();
        let (found, warnings) = pass::discover(desired, &meant, PARALLELISM, &kept).await?;
        screen.diagnostics(&found.sources, &warnings);
        desired = found;
    }
    // Where some groups could not be listed, nobody knows what a word means that no declared group is called.
    let chosen = args.chosen(&desired).map_err(|failure| {
        let unread = desired.matched.unread.values().next();
        unread.map_or(failure, |error| {
            Failure::new("not every group that documents with `targets` are about is known")
                .because(error)
        })
    })?;
    let vocabulary = Vocabulary::of(&desired.sources);
    let words = Words {
        direction,
        vocabulary: &vocabulary,
        service: &args.service,
        protocols: services(&args.service, &vocabulary)?,
        peer: args.peer.get(1).map(String::as_str),
        local: args.local,
        source_port: args.source_port,
    };
    let (groups, nics, names) = if args.live {
        args.live(&desired, &chosen, &words).await?
    } else {
        let names = Names::of_files(&desired, &chosen[0]);
        let groups = chosen.iter();
        let groups = groups.map(|group| from_files(&desired, group, &names, &words));
        let is_classic = chosen.iter().any(says_nic);
        (groups.collect(), args.nics(is_classic)?, names)
    };
    let asked = asked(&words, &names, &groups, &nics)?;
    screen.result(&answer(&groups, &asked))?;
    if args.service.bytes().all(|b| b.is_ascii_digit()) {
        let number = &args.service;
        screen.hint(&format!(
            "{number} is a protocol number here; the port {number} is written tcp/{number} or udp/{number}"
        ));
    }
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

    /// The words that mean groups, each once.
    fn words(&self) -> Vec<&str> {
        let mut words: Vec<&str> = Vec::new();
        for word in self.groups.split(',').map(str::trim) {
            if !words.contains(&word) {
                words.push(word);
            }
        }
        words
    }

    /// Whether documents with `targets` may be what a word means that no declared group is called.
    fn needs_targets(&self, desired: &Desired) -> bool {
        let is_unknown = |word: &str| {
            let mut groups = desired.groups.iter();
            !groups.any(|group| project::is_meant(group, word))
        };
        !desired.templates.is_empty() && self.meant().any(is_unknown)
    }

    /// Every word that means a declared group.
    fn meant(&self) -> impl Iterator<Item = &str> {
        let peer = self.peer.get(1);
        let peer = peer.and_then(|peer| peer.strip_prefix("group:"));
        self.words().into_iter().chain(peer)
    }

    /// The groups that are asked about, which must be able to be on one interface.
    fn chosen(&self, desired: &Desired) -> Result<Vec<DesiredGroup>, Failure> {
        let words = self.words().into_iter();
        let mut chosen: Vec<DesiredGroup> = Vec::new();
        for group in words.map(|word| declared(desired, word)) {
            let group = group?;
            if !chosen.contains(&group) {
                chosen.push(group);
            }
        }
        let place = |group: &DesiredGroup| (group.account.clone(), group.region.clone());
        if let Some(other) = chosen
            .iter()
            .find(|group| place(group) != place(&chosen[0]))
        {
            return Err(Failure::usage(format!(
                "{} and {} cannot be on one network interface: they are of different accounts or regions",
                chosen[0].selector, other.selector
            ))
            .help("ask about each by itself"));
        }
        Ok(chosen)
    }

    /// The interfaces that are looked at.
    fn nics(&self, is_classic: bool) -> Result<Vec<(NicType, bool)>, Failure> {
        match self.nic {
            Some(nic) if is_classic => Ok(vec![(nic.into(), true)]),
            Some(Nic::Internet) => Err(Failure::usage(
                "only groups of the classic network have rules for the public interface",
            )
            .help("leave out --nic: in a VPC a rule covers private and public traffic alike")),
            None if is_classic => Ok(vec![(NicType::Intranet, true), (NicType::Internet, true)]),
            Some(Nic::Intranet) | None => Ok(vec![(NicType::Intranet, false)]),
        }
    }

    async fn live(
        &self,
        desired: &Desired,
        chosen: &[DesiredGroup],
        words: &Words<'_>,
    ) -> Result<groups::Looked, Failure> {
        let accounts = [chosen[0].account.clone()].into();
        // One for all groups: the state of an embedded cloud has one user at a time.
        let session = pass::session(desired, &accounts, PARALLELISM).await?;
        let looked = self.look(&session, desired, chosen, words).await;
        let closed = session.close().await;
        let looked = looked?;
        closed?;
        Ok(looked)
    }

    async fn look(
        &self,
        session: &pass::Session,
        desired: &Desired,
        chosen: &[DesiredGroup],
        words: &Words<'_>,
    ) -> Result<groups::Looked, Failure> {
        let DesiredGroup {
            account, region, ..
        } = &chosen[0];
        let names = Names::of_cloud(session, desired, chosen, words).await?;
        let mut observed = Vec::new();
        for group in chosen {
            observed.push(session.read(account, region, &group.selector).await?);
        }
        if let Some(other) = observed
            .iter()
            .find(|group| group.info.network != observed[0].info.network)
        {
            return Err(Failure::usage(format!(
                "{} and {} cannot be on one network interface: {} and {}",
                observed[0].info.name,
                other.info.name,
                observed[0].info.network,
                other.info.network
            ))
            .help("ask about each by itself"));
        }
        let mut wanted = ListIds::default();
        for seen in observed.iter().flat_map(|group| &group.rules) {
            wanted.add(&seen.rule);
        }
        words.add_lists(&mut wanted);
        let lists = session.lists(account, region, &wanted).await?;
        let is_classic = observed[0].info.network == crate::model::Network::Classic;
        let groups = chosen.iter().zip(&observed);
        let groups =
            groups.map(|(group, observed)| groups::live(desired, group, observed, &lists, &names));
        Ok((groups.collect(), self.nics(is_classic)?, names))
    }
}

/// Whether rules are declared for one interface: only groups of the classic network have two.
fn says_nic(group: &DesiredGroup) -> bool {
    group.rules().any(|rule| rule.nic.is_some())
}

fn declared(desired: &Desired, word: &str) -> Result<DesiredGroup, Failure> {
    let mut meant = desired
        .groups
        .iter()
        .filter(|group| project::is_meant(group, word));
    match (meant.next(), meant.next()) {
        (Some(group), None) => return Ok(group.clone()),
        (Some(_), Some(_)) => {
            return Err(
                Failure::usage(format!("several declared groups are called `{word}`"))
                    .help("name the group by its id, or as ACCOUNT/REGION/GROUP"),
            );
        }
        (None, _) => {}
    }
    let mut fitting = desired
        .templates
        .iter()
        .filter(|template| groups::may_be_about(template, word));
    if let (Some(template), None) = (fitting.next(), fitting.next()) {
        return Ok(groups::of_template(template, word));
    }
    let failure = Failure::usage(project::not_declared(desired, word))
        .help(project::declared(desired, "group"));
    Err(if desired.templates.is_empty() {
        failure
    } else {
        failure.help("which groups documents with `targets` are about only the cloud tells: --live")
    })
}
