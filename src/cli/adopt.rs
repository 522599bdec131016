//! `rulekeep adopt`.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::PathBuf,
};

use clap::builder::FalseyValueParser;
use jiff::Timestamp;

use crate::{
    adopt::{self, Adopted, NewFile, Refused},
    desired::{self, Desired, Mode, Selector, SourceFile},
    diag::{Diagnostic, FileId},
    exit::Exit,
    model::{AccountName, GroupId, GroupInfo, GroupName, ObservedGroup, RegionId, Rule, VpcId},
    plan::{Counts, Plan},
    provider::GroupFilter,
    report::text::{count, escape},
};

use super::{
    Failure, Global, Screen,
    live::{self, Place},
    output::write_file,
    pass::{self, Session},
    progress::Meter,
    project::{self, Selection},
};

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

/// From groups that were read to files that are proven and written.
pub(super) struct Job<'a> {
    pub(super) desired: &'a Desired,
    pub(super) global: &'a Global,
    pub(super) screen: &'a Screen,
    pub(super) account: &'a AccountName,
    pub(super) region: &'a RegionId,
    pub(super) found: &'a BTreeMap<GroupName, GroupId>,
    pub(super) at: Timestamp,
    pub(super) parallelism: usize,
    pub(super) mode: Mode,
    pub(super) dry_run: bool,
    /// Whether the groups can be read again, to plan them from the new files.
    pub(super) proves: bool,
}

/// What stands in comments of new files, by group.
#[derive(Clone, Debug, Default)]
pub(super) struct Notes {
    /// At the head of the file.
    pub(super) head: BTreeMap<GroupId, Vec<String>>,
    /// Above rules.
    pub(super) rules: BTreeMap<GroupId, BTreeMap<Rule, Vec<String>>>,
}

impl Job<'_> {
    /// Writes the files of the groups; `notes` stand above rules, `refused` were refused before.
    pub(super) async fn adopt(
        &self,
        groups: Vec<ObservedGroup>,
        mut notes: Notes,
        mut refused: Vec<Refused>,
    ) -> Result<Exit, Failure> {
        let declared: BTreeMap<GroupId, usize> = self.declared(&groups);
        let not_ours = self.not_ours(&declared).await?;
        let mut adopted = Vec::new();
        for group in groups {
            let id = group.info.id.clone();
            if group.info.managed {
                let reason = "it belongs to a cloud service and cannot be changed by its user";
                refused.push(Refused {
                    group: id,
                    reason: reason.to_owned(),
                    expected: true,
                });
                continue;
            }
            adopted.push(Adopted {
                group,
                declared: declared.get(&id).map(|index| &self.desired.groups[*index]),
                not_ours: not_ours.get(&id).cloned().unwrap_or_default(),
                head: notes.head.remove(&id).unwrap_or_default(),
                notes: notes.rules.remove(&id).unwrap_or_default(),
            });
        }
        // What one group does wrong must not keep the others back: without it everything is tried again.
        let (files, desired, plan) = loop {
            let place = adopt::Place {
                account: self.account,
                region: self.region,
                found: self.found,
                mode: self.mode,
                at: self.at,
            };
            let (files, more) = adopt::files(self.desired, place, &adopted);
            if !more.is_empty() {
                drop_groups(&mut adopted, &mut refused, more);
                continue;
            }
            let desired = match self.load(&files) {
                Ok(desired) => desired,
                Err(more) => {
                    if more.is_empty() {
                        return Err(Failure::new("the written files do not load").help(
                            "please report this with the output of `rulekeep export --format json`",
                        ));
                    }
                    drop_groups(&mut adopted, &mut refused, more);
                    continue;
                }
            };
            let (plan, more) = self.prove(&desired, &adopted).await?;
            if more.is_empty() {
                break (files, desired, plan);
            }
            drop_groups(&mut adopted, &mut refused, more);
        };
        self.write(&files, &adopted, &desired, plan.as_ref(), &refused)
    }

    /// Declarations of the groups, as indices, by the group's id.
    fn declared(&self, groups: &[ObservedGroup]) -> BTreeMap<GroupId, usize> {
        let mut declared = BTreeMap::new();
        for (index, group) in self.desired.groups.iter().enumerate() {
            if group.account != *self.account || group.region != *self.region {
                continue;
            }
            let id = groups
                .iter()
                .map(|group| &group.info)
                .find(|info| match &group.selector {
                    Selector::Id(id) => *id == info.id,
                    Selector::Name { name, vpc } => {
                        info.name == *name
                            && vpc.as_ref().is_none_or(|vpc| {
                                info.network == crate::model::Network::Vpc(vpc.clone())
                            })
                    }
                });
            if let Some(info) = id {
                declared.insert(info.id.clone(), index);
            }
        }
        declared
    }

    /// The live rules that declarations ignore, by group.
    async fn not_ours(
        &self,
        declared: &BTreeMap<GroupId, usize>,
    ) -> Result<BTreeMap<GroupId, BTreeSet<Rule>>, Failure> {
        if declared.is_empty() || !self.proves {
            return Ok(BTreeMap::new());
        }
        let with_ignore: BTreeSet<&GroupId> = declared
            .iter()
            .filter(|(_, index)| !self.desired.groups[**index].ignore.is_empty())
            .map(|(id, _)| id)
            .collect();
        if with_ignore.is_empty() {
            return Ok(BTreeMap::new());
        }
        let kept: BTreeSet<usize> = with_ignore.iter().map(|id| declared[*id]).collect();
        let targets = self.targets(self.desired, |index| kept.contains(&index));
        let meter = Meter::new(self.global);
        let prepared =
            pass::prepare(self.desired, &targets, self.at, self.parallelism, &meter).await?;
        let groups = prepared.plan().groups.iter().map(|plan| {
            let rules = plan.ignored.iter().map(|(seen, _)| {
                let mut rule = seen.rule.clone();
                rule.peer_owner = None;
                rule
            });
            let owned = plan.ignored.iter().map(|(seen, _)| seen.rule.clone());
            (plan.address.group.clone(), rules.chain(owned).collect())
        });
        let groups = groups.collect();
        prepared.close().await?;
        Ok(groups)
    }

    fn targets(&self, desired: &Desired, is_meant: impl Fn(usize) -> bool) -> Selection {
        let targets = desired.groups.iter().enumerate().filter(|(index, group)| {
            group.account == *self.account && group.region == *self.region && is_meant(*index)
        });
        let targets = targets.map(|(_, group)| {
            let name = match &group.selector {
                Selector::Id(id) => id.to_string(),
                Selector::Name { name, .. } => name.to_string(),
            };
            format!("{}/{}/{name}", group.account, group.region)
        });
        Selection {
            paths: Vec::new(),
            targets: project::Targets {
                targets: targets.collect(),
            },
            ..Selection::default()
        }
    }

    /// The project with the new files in place of the old ones, or the groups whose documents are refused.
    fn load(&self, files: &[NewFile]) -> Result<Desired, Vec<Refused>> {
        let mut sources = self.desired.sources.iter();
        let project = sources.next().map_or_else(
            || SourceFile::new("rulekeep.yaml", ""),
            |(_, source)| SourceFile::new(source.path.clone(), source.text.clone()),
        );
        let mut texts: BTreeMap<PathBuf, SourceFile> = sources
            .map(|(_, source)| {
                let file = SourceFile::new(source.path.clone(), source.text.clone());
                (source.path.clone(), file)
            })
            .collect();
        for file in files {
            let source = SourceFile::new(file.path.clone(), file.text.as_str());
            texts.insert(file.path.clone(), source);
        }
        let root = &self.desired.project.root;
        if texts.is_empty() {
            return Ok(self.desired.clone());
        }
        let error = match desired::load_files(root, project, texts.into_values().collect()) {
            Ok((desired, _)) => return Ok(desired),
            Err(error) => error,
        };
        let mut refused = Vec::new();
        for diagnostic in error.diagnostics.iter().filter(|d| d.is_error()) {
            let spans = diagnostic.labels.iter().map(|label| label.span.file);
            let of: BTreeSet<FileId> = spans.collect();
            for id in of {
                let path = &error.sources.get(id).path;
                let file = files.iter().find(|file| file.path == *path);
                for group in file.into_iter().flat_map(|file| &file.groups) {
                    refused.push(Refused {
                        group: group.clone(),
                        reason: told(diagnostic),
                        expected: false,
                    });
                }
            }
        }
        Err(refused)
    }

    /// Plans the adopted groups from the new files; whatever is not empty is refused.
    async fn prove(
        &self,
        desired: &Desired,
        adopted: &[Adopted<'_>],
    ) -> Result<(Option<Plan>, Vec<Refused>), Failure> {
        if adopted.is_empty() || !self.proves {
            return Ok((None, Vec::new()));
        }
        let ids: BTreeSet<&GroupId> = adopted.iter().map(|one| &one.group.info.id).collect();
        let by_name: BTreeSet<&GroupName> = adopted
            .iter()
            .filter_map(|one| match &one.declared?.selector {
                Selector::Name { name, .. } => Some(name),
                Selector::Id(_) => None,
            })
            .collect();
        let selection = self.targets(desired, |index| match &desired.groups[index].selector {
            Selector::Id(id) => ids.contains(id),
            Selector::Name { name, .. } => by_name.contains(name),
        });
        let meter = Meter::new(self.global);
        let prepared =
            pass::prepare(desired, &selection, self.at, self.parallelism, &meter).await?;
        drop(meter);
        let mut refused = Vec::new();
        for diagnostic in prepared.diagnostics() {
            if !diagnostic.is_error() {
                continue;
            }
            let place = diagnostic.labels.first().map(|label| label.span);
            for plan in &prepared.plan().groups {
                if place.is_some_and(|place| place.file == plan.span.file) {
                    refused.push(Refused {
                        group: plan.address.group.clone(),
                        reason: told(&diagnostic),
                        expected: false,
                    });
                }
            }
        }
        for plan in &prepared.plan().groups {
            let Counts {
                add,
                change,
                destroy,
                unmanaged,
                calls: _,
            } = plan.counts();
            let left = if self.is_new(adopted, &plan.address.group) {
                unmanaged
            } else {
                0
            };
            if add + change + destroy + left > 0 {
                refused.push(Refused {
                    group: plan.address.group.clone(),
                    reason: format!(
                        "its plan would not be empty: {add} to add, {change} to change, {destroy} to destroy, {left} unmanaged"
                    ),
                    expected: false,
                });
            }
        }
        // Another group of the same name may have been planned beside an adopted one.
        refused.retain(|one| ids.contains(&one.group));
        let plan = prepared.plan().clone();
        let unread = prepared.failures();
        prepared.close().await?;
        match unread.first() {
            Some(failure) => Err(Failure::new(format!(
                "{} cannot be read again: {}",
                failure.group, failure.error
            ))),
            None => Ok((Some(plan), refused)),
        }
    }

    fn is_new(&self, adopted: &[Adopted<'_>], id: &GroupId) -> bool {
        let mut adopted = adopted.iter();
        adopted.any(|one| one.group.info.id == *id && one.declared.is_none())
    }

    fn write(
        &self,
        files: &[NewFile],
        adopted: &[Adopted<'_>],
        desired: &Desired,
        plan: Option<&Plan>,
        refused: &[Refused],
    ) -> Result<Exit, Failure> {
        let root = &self.desired.project.root;
        let mut text = String::new();
        // Before anything is written.
        let taken = files
            .iter()
            .find(|file| !file.existed && root.join(&file.path).exists());
        if let Some(file) = taken {
            return Err(Failure::new(format!(
                "{} is there already and is no group file of the project",
                file.path.display()
            ))
            .help("move it away, and adopt again"));
        }
        for file in files {
            let path = root.join(&file.path);
            if self.dry_run {
                text.push_str(&format!("# {}\n{}\n", file.path.display(), file.text));
                continue;
            }
            if let Some(folder) = path.parent() {
                fs::create_dir_all(folder).map_err(|error| {
                    Failure::new(format!("{} cannot be made", folder.display())).because(&error)
                })?;
            }
            write_file(&path, &file.text)?;
            let word = if file.existed { "edited" } else { "wrote " };
            text.push_str(&format!("{word} {}\n", file.path.display()));
        }
        let unchanged = adopted.len() - files.iter().map(|file| file.groups.len()).sum::<usize>();
        if unchanged > 0 {
            let groups = count(unchanged, "group");
            text.push_str(&format!("{groups} declared as live already\n"));
        }
        for Refused { group, reason, .. } in refused {
            text.push_str(&format!("not adopted: {group}: {}\n", escape(reason)));
        }
        let rules: usize = desired
            .groups
            .iter()
            .filter(|group| {
                plan.is_some_and(|plan| plan.groups.iter().any(|of| of.span == group.span))
            })
            .map(|group| group.rules().count())
            .sum();
        if let Some(plan) = plan {
            text.push_str(&format!(
                "\n{} with {} planned from the files: No changes.\n",
                count(plan.groups.len(), "group"),
                count(rules, "rule"),
            ));
        }
        if !self.proves && !files.is_empty() {
            text.push_str(
                "\nNot proven: the groups were not read. `rulekeep plan` shows what differs.\n",
            );
        }
        self.screen.result(&text)?;
        let failed = refused.iter().any(|one| !one.expected);
        Ok(match (failed, adopted.is_empty()) {
            (false, _) => Exit::Done,
            (true, true) => Exit::Error,
            (true, false) => Exit::Partial,
        })
    }
}

/// Takes refused groups out.
fn drop_groups(adopted: &mut Vec<Adopted<'_>>, refused: &mut Vec<Refused>, more: Vec<Refused>) {
    for one in more {
        adopted.retain(|adopted| adopted.group.info.id != one.group);
        if !refused.iter().any(|old| old.group == one.group) {
            refused.push(one);
        }
    }
}

fn told(diagnostic: &Diagnostic) -> String {
    let labels = diagnostic.labels.iter().map(|label| label.text.as_str());
    let first = labels.clone().find(|text| !text.is_empty());
    match first {
        Some(label) => format!("{} ({label})", diagnostic.message),
        None => diagnostic.message.clone(),
    }
}
