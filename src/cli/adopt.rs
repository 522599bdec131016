//! `rulekeep adopt`.

use std::{collections::BTreeMap, path::PathBuf};

use clap::builder::FalseyValueParser;
use jiff::Timestamp;

use crate::{
    desired::{Desired, Mode, Selector},
    exit::Exit,
    model::{AccountName, GroupId, GroupInfo, GroupName, ObservedGroup, RegionId, VpcId},
    provider::GroupFilter,
};

use super::{
    Failure, Global, Screen,
    live::{self, Place},
    pass::{self, Session},
    progress::Meter,
    project,
};

pub(super) use job::{Job, Notes};

mod job;
mod proof;

/// Write group files from live groups, and prove that their plan is empty
///
/// A group that no file declares gets a file of its own; one that is declared is edited in its file, which keeps its
/// comments and layout. Nothing is written for a group whose plan would not be empty.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  rulekeep adopt sg-bp1web000000000000 db
  rulekeep adopt --all --region cn-shanghai
  rulekeep adopt --all --vpc vpc-bp1prod --tag team=net --dry-run
  rulekeep adopt --from-terraform terraform.tfstate")]
pub(super) struct Args {
    /// Groups: ids or names
    #[arg(
        value_name = "GROUP",
        required_unless_present_any = ["all", "from_terraform"],
        conflicts_with_all = ["all", "from_terraform"]
    )]
    groups: Vec<String>,
    /// Every group of the region
    #[arg(
        long,
        env = "RULEKEEP_ALL",
        value_parser = FalseyValueParser::new(),
        action = clap::ArgAction::SetTrue
    )]
    all: bool,
    /// With --all: only groups of this VPC
    #[arg(long, value_name = "VPC", requires = "all", env = "RULEKEEP_VPC")]
    vpc: Option<String>,
    /// With --all: only groups with this tag, KEY or KEY=VALUE; may be repeated
    #[arg(long, value_name = "TAG", requires = "all", env = "RULEKEEP_TAG")]
    tag: Vec<String>,
    /// The groups of a Terraform state: a state file, the output of `terraform show -json`, or a folder of *.tfstate files
    #[arg(
        long,
        value_name = "FILE|DIR",
        conflicts_with = "all",
        env = "RULEKEEP_FROM_TERRAFORM"
    )]
    from_terraform: Option<PathBuf>,
    #[command(flatten)]
    place: Place,
    /// What new files say of live rules that they do not declare
    #[arg(
        long,
        value_enum,
        value_name = "MODE",
        default_value = "complete",
        env = "RULEKEEP_MODE"
    )]
    pub(super) mode: ModeWord,
    /// Show what would be written, and write nothing
    #[arg(
        long,
        env = "RULEKEEP_DRY_RUN",
        value_parser = FalseyValueParser::new(),
        action = clap::ArgAction::SetTrue
    )]
    pub(super) dry_run: bool,
    /// Most requests at a time
    #[arg(
        long,
        value_name = "N",
        default_value_t = 10,
        value_parser = clap::value_parser!(u16).range(1..=256),
        env = "RULEKEEP_PARALLELISM"
    )]
    pub(super) parallelism: u16,
}

/// A mode on the command line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(super) enum ModeWord {
    /// Live rules that are not declared are deleted
    Complete,
    /// They are left alone
    Partial,
}

impl From<ModeWord> for Mode {
    fn from(word: ModeWord) -> Self {
        match word {
            ModeWord::Complete => Self::Complete,
            ModeWord::Partial => Self::Partial,
        }
    }
}

pub(super) async fn run(args: &Args, global: &Global, screen: &Screen) -> Result<Exit, Failure> {
    let desired = project::load_or_empty(global, screen)?;
    let (account, region) = args.whole(&desired)?;
    let parallelism = args.parallelism.into();
    let at = Timestamp::now();
    if let Some(path) = &args.from_terraform {
        let state = super::adopt_terraform::read(path)?;
        return super::adopt_terraform::run(
            args,
            state,
            &desired,
            (&account, &region),
            global,
            screen,
        )
        .await;
    }
    let meter = Meter::new(global);
    let session = pass::session(&desired, &[account.clone()].into(), parallelism).await?;
    let (groups, found) = args
        .read(&desired, &session, &account, &region, &meter)
        .await?;
    session.close().await?;
    drop(meter);

    let job = Job {
        desired: &desired,
        global,
        screen,
        account: &account,
        region: &region,
        found: &found,
        at,
        parallelism,
        mode: args.mode.into(),
        dry_run: args.dry_run,
        proves: true,
    };
    job.adopt(groups, Notes::default(), Vec::new()).await
}

impl Args {
    fn whole(&self, desired: &Desired) -> Result<(AccountName, RegionId), Failure> {
        match self.groups.first() {
            Some(word) => {
                let meant = self.place.of(desired, word)?;
                Ok((meant.account, meant.region))
            }
            None => self.place.whole(desired, "no account or region is given"),
        }
    }

    /// The groups that are meant, with their rules, and the ids of the groups that files declare by name.
    async fn read(
        &self,
        desired: &Desired,
        session: &Session,
        account: &AccountName,
        region: &RegionId,
        meter: &Meter,
    ) -> Result<(Vec<ObservedGroup>, BTreeMap<GroupName, GroupId>), Failure> {
        let infos = if self.all {
            let filter = GroupFilter {
                vpc: self.vpc.as_ref().map(VpcId::new),
                tags: self.tag.iter().map(|tag| key_value(tag)).collect(),
            };
            let mut infos = session.list(account, region, &filter).await?;
            // A document is about them already; a second one would collide with it.
            infos.retain(|info| {
                !desired.templates.iter().any(|template| {
                    let body = &template.body;
                    (&body.account, &body.region) == (account, region)
                        && template.targets.admit(info)
                })
            });
            infos
        } else {
            let mut selectors = Vec::new();
            for word in &self.groups {
                let meant = self.place.of(desired, word)?;
                if (&meant.account, &meant.region) != (account, region) {
                    return Err(
                        Failure::usage("the groups live in different accounts or regions")
                            .help("adopt those of one account and region at a time"),
                    );
                }
                selectors.push(meant.selector);
            }
            one_each(&selectors, session.find(account, region, &selectors).await?)?
        };
        if infos.is_empty() {
            return Err(Failure::new(format!(
                "no group in {account}/{region} is meant"
            )));
        }
        let groups = session.observe(account, region, &infos, meter).await?;
        let rules = groups.iter().flat_map(|group| &group.rules);
        let own = session
            .peers(account, region, rules.map(|seen| &seen.rule))
            .await?;
        let found = declared_by_name(desired, session, account, region).await?;
        let groups = groups.iter().map(|group| live::without_own(group, &own));
        Ok((groups.collect(), found))
    }
}

/// `KEY` or `KEY=VALUE`.
pub(super) fn key_value(text: &str) -> (String, Option<String>) {
    match text.split_once('=') {
        Some((key, value)) => (key.to_owned(), Some(value.to_owned())),
        None => (text.to_owned(), None),
    }
}

/// The group that each selector means, each once.
pub(super) fn one_each(
    selectors: &[Selector],
    found: Vec<Vec<GroupInfo>>,
) -> Result<Vec<GroupInfo>, Failure> {
    let mut infos: BTreeMap<GroupId, GroupInfo> = BTreeMap::new();
    for (selector, mut candidates) in selectors.iter().zip(found) {
        match (candidates.pop(), candidates.len()) {
            (Some(only), 0) => {
                infos.insert(only.id.clone(), only);
            }
            (None, _) => {
                return Err(Failure::new(format!(
                    "there is no security group {selector}"
                )));
            }
            (Some(_), more) => {
                return Err(Failure::new(format!(
                    "{} security groups are called {selector}",
                    more + 1
                ))
                .help("name the one that is meant by its id"));
            }
        }
    }
    Ok(infos.into_values().collect())
}

/// The ids of the groups that files declare by name, where the name means one group.
pub(super) async fn declared_by_name(
    desired: &Desired,
    session: &Session,
    account: &AccountName,
    region: &RegionId,
) -> Result<BTreeMap<GroupName, GroupId>, Failure> {
    let here: Vec<&Selector> = desired
        .groups
        .iter()
        .filter(|group| group.account == *account && group.region == *region)
        .map(|group| &group.selector)
        .collect();
    let mut named: BTreeMap<&GroupName, Vec<Selector>> = BTreeMap::new();
    for selector in here {
        if let Selector::Name { name, .. } = selector {
            named.entry(name).or_default().push(selector.clone());
        }
    }
    let single: Vec<Selector> = named
        .into_values()
        .filter_map(|mut of| if of.len() == 1 { of.pop() } else { None })
        .collect();
    let found = session.find(account, region, &single).await?;
    let pairs = single
        .into_iter()
        .zip(found)
        .filter_map(|(selector, found)| match (selector, &found[..]) {
            (Selector::Name { name, .. }, [only]) => Some((name, only.id.clone())),
            _ => None,
        });
    Ok(pairs.collect())
}
