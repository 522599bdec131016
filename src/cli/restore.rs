//! `rulekeep restore`.

use std::path::{Path, PathBuf};

use clap::builder::FalseyValueParser;

use crate::{
    desired::{self, Desired, DesiredGroup, DesiredPeer, Mode, Selector, SourceFile},
    diag,
    exchange::Problem,
    exit::Exit,
    model::{AccountName, Direction, Network, NicType, ObservedGroup, RegionId, Rule},
    plan::{ChangeKind, Plan},
    report::text::{TextStyle, Tone, count, escape},
    snapshot,
};

use super::{
    Failure, Global, Screen,
    adopt::{ModeWord, declared_by_name},
    carry_out::Outcome,
    change::{self, Consent, Origin, Target},
    import,
    live::{self, Meant, Place},
    pass::{self, Session},
    project,
};

/// Give a group the rules of another group, a snapshot or a file, as the console's Restore Rules
///
/// `complete` makes the group like the source; `partial` adds what it lacks and keeps the rest. The preview is followed
/// by the guard, the safe order and the question that `apply` asks.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  rulekeep restore --group web --from web-old --mode partial
  rulekeep restore --group web --from .rulekeep/undo/RUN/demo.cn-hangzhou.sg-1.json --mode complete
  rulekeep restore --group web --from ecs_cn-hangzhou_sg-bp1web.json --mode complete --dry-run")]
pub(super) struct Args {
    /// The group that is changed: its id or its name
    #[arg(long, value_name = "GROUP", env = "RULEKEEP_GROUP")]
    group: String,
    /// What it shall be like: a group, a snapshot or undo file, a group file, a console JSON or CSV file
    #[arg(long, value_name = "GROUP|FILE", env = "RULEKEEP_FROM")]
    from: String,
    /// What becomes of rules that the source does not have
    #[arg(long, value_enum, value_name = "MODE", env = "RULEKEEP_MODE")]
    mode: ModeWord,
    #[command(flatten)]
    place: Place,
    /// Let a direction end without any rule
    #[arg(
        long,
        env = "RULEKEEP_ALLOW_EMPTY",
        value_parser = FalseyValueParser::new(),
        action = clap::ArgAction::SetTrue
    )]
    allow_empty: bool,
    #[command(flatten)]
    consent: Consent,
}

pub(super) async fn run(args: &Args, global: &Global, screen: &Screen) -> Result<Exit, Failure> {
    let done = restore(args, global, screen).await;
    args.consent.end(done, global, screen)
}

async fn restore(args: &Args, global: &Global, screen: &Screen) -> Result<Outcome, Failure> {
    args.consent.lock(global, "restore", screen).await?;
    let desired = project::load_or_empty(global, screen)?;
    let meant = args.place.of(&desired, &args.group)?;
    let session = pass::session(&desired, &[meant.account.clone()].into(), 1).await?;
    let group = session
        .read(&meant.account, &meant.region, &meant.selector)
        .await?;
    let source = Source {
        desired: &desired,
        session: &session,
        meant: &meant,
        group: &group,
    };
    let path = Path::new(&args.from);
    let mut origin = if path.is_file() {
        source.of_file(path).await?
    } else {
        source.of_group(&args.from, &args.place).await?
    };
    let rules = origin.rules.iter().map(|(rule, _)| rule);
    let own = session.peers(&meant.account, &meant.region, rules).await?;
    session.close().await?;

    let mut skipped = origin.skipped;
    origin.rules.retain(|(rule, _)| {
        let keep = !rule.priority.is_system_level();
        skipped += usize::from(!keep);
        keep
    });
    for (rule, _) in &mut origin.rules {
        live::forget_own(rule, &own);
    }
    if skipped > 0 {
        screen.say(&format!(
            "warning: {} of {} skipped, because priority 110 cannot be set; to have them, create them by hand with priority 100\n",
            count(skipped, "rule"),
            escape(&args.from),
        ));
    }
    let mode: Mode = args.mode.into();
    let target = Target {
        account: meant.account.clone(),
        region: meant.region.clone(),
        id: group.info.id.clone(),
        declared: meant.declared,
        mode,
        allow_empty: args.allow_empty,
    };
    let wanted = change::desired(&desired, &target, &origin);
    let done = change::carry_out(&wanted, &args.consent, global, screen, &|plan, style| {
        preview(plan, &group, &args.from, mode, style)
    })
    .await?;
    if meant.declared.is_some() && !args.consent.dry_run {
        screen.hint(&format!(
            "{} is declared: `rulekeep adopt {}` brings its file up to date, `rulekeep plan` shows what an apply would change back",
            args.group, args.group
        ));
    }
    Ok(done)
}

/// Green what is added in either mode, red what the source does not have: removed in complete mode, kept in partial mode.
fn preview(
    plan: &Plan,
    group: &ObservedGroup,
    from: &str,
    mode: Mode,
    style: &TextStyle,
) -> String {
    let info = &group.info;
    let mut text = format!(
        "Restore {} {} from {}, {mode}\n",
        escape(info.name.as_str()),
        info.id,
        escape(from)
    );
    let mut added = Vec::new();
    let mut gone = Vec::new();
    for group in &plan.groups {
        for change in &group.changes {
            match &change.kind {
                ChangeKind::Add(rule) => added.push(rule),
                ChangeKind::Delete(seen) => gone.push((&seen.rule, "removed")),
                ChangeKind::Modify { from, to } => {
                    added.push(to);
                    gone.push((&from.rule, "becomes a rule above"));
                }
            }
        }
        let kept = group.unmanaged.iter();
        gone.extend(kept.map(|seen| (&seen.rule, "kept: partial")));
        let system = group.system_level.iter();
        gone.extend(system.map(|seen| (&seen.rule, "kept: priority 110 cannot be made again")));
    }
    if added.is_empty() && gone.is_empty() {
        return format!("{text}  the rules are identical; there is nothing to restore\n");
    }
    let line = |rule: &Rule| {
        let description = rule.description.as_deref().unwrap_or_default();
        escape(format!("{rule}  {description}").trim_end())
    };
    for rule in added {
        let shown = style.paint(Tone::Added, format!("+ {}", line(rule)));
        text.push_str(&format!("  {shown}\n"));
    }
    for (rule, why) in gone {
        let shown = style.paint(Tone::Removed, format!("- {}  ({why})", line(rule)));
        text.push_str(&format!("  {shown}\n"));
    }
    text
}

/// Finds out what the source is, and whether the group may be restored from it.
struct Source<'a> {
    desired: &'a Desired,
    session: &'a Session,
    meant: &'a Meant<'a>,
    group: &'a ObservedGroup,
}

impl Source<'_> {
    async fn of_group(&self, word: &str, place: &Place) -> Result<Origin, Failure> {
        let (account, region) = (&self.meant.account, &self.meant.region);
        let declared = place.of(self.desired, word).ok();
        let declared = declared.filter(|source| source.declared.is_some());
        if let Some(source) = &declared {
            self.same_place(&source.account, &source.region)?;
        }
        let selector = declared.map_or_else(|| live::selector(word), |source| source.selector);
        let group = self
            .session
            .read(account, region, &selector)
            .await
            .map_err(|failure| {
                failure.help(format!(
                    "the source is a group of the same region, {region}, or a file that is there"
                ))
            })?;
        if group.info.id == self.group.info.id {
            return Err(Failure::usage(
                "the group and its source are the same group",
            ));
        }
        self.same_network(&group.info.network)?;
        let rules = group.rules.into_iter().map(|seen| seen.rule).collect();
        Ok(Origin::of_rules(
            PathBuf::from(group.info.id.as_str()),
            rules,
        ))
    }

    async fn of_file(&self, path: &Path) -> Result<Origin, Failure> {
        let is = |endings: &[&str]| {
            let ending = path.extension().unwrap_or_default().to_string_lossy();
            endings
                .iter()
                .any(|known| ending.eq_ignore_ascii_case(known))
        };
        if is(&["yaml", "yml"]) {
            return self.of_yaml(path).await;
        }
        if is(&["csv"]) {
            return of_console(path);
        }
        match snapshot::read(path) {
            Ok(snapshot) => {
                self.same_place(&snapshot.address.account, &snapshot.address.region)?;
                self.same_network(&snapshot.group.info.network)?;
                let rules = snapshot.group.rules.into_iter().map(|seen| seen.rule);
                Ok(Origin::of_rules(path.to_owned(), rules.collect()))
            }
            Err(error @ snapshot::Error::Newer { .. }) => {
                Err(Failure::new("the snapshot cannot be read").because(&error))
            }
            Err(snapshot::Error::File { .. } | snapshot::Error::Malformed { .. }) => {
                let name = path.file_name().unwrap_or_default().to_string_lossy();
                if let Some(region) = crate::exchange::region_of(&name) {
                    self.same_place(&self.meant.account, &region)?;
                }
                of_console(path)
            }
        }
    }

    /// The one group of a group file; names of networks, services and groups are those of the project.
    async fn of_yaml(&self, path: &Path) -> Result<Origin, Failure> {
        let text = std::fs::read_to_string(path).map_err(|error| {
            Failure::new(format!("{} cannot be read", path.display())).because(&error)
        })?;
        let sources: Vec<_> = self
            .desired
            .sources
            .iter()
            .map(|(_, source)| source)
            .collect();
        let Some((project, sources)) = sources.split_first() else {
            return Err(Failure::new("the project file is not there any more"));
        };
        let project = SourceFile::new(project.path.clone(), project.text.clone());
        let root = &self.desired.project.root;
        // With the project's own files beside it names of groups mean what they mean there; a file of the project
        // is its own text.
        let absolute = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
        let is_same = |other: &Path| {
            std::path::absolute(root.join(other)).is_ok_and(|other| other == absolute)
        };
        let own = sources.iter().find(|source| is_same(&source.path));
        let file = own.map_or_else(|| path.to_owned(), |source| source.path.clone());
        let loaded = if own.is_some() {
            let files = sources
                .iter()
                .map(|source| SourceFile::new(source.path.clone(), source.text.clone()));
            desired::load_files(root, project, files.collect())
        } else {
            let file = SourceFile::new(file.clone(), text);
            desired::load_files(root, project, vec![file])
        };
        let loaded = match loaded {
            Ok((loaded, _)) => loaded,
            Err(error) => {
                let drawn = diag::render(&error.sources, &error.diagnostics, false);
                let mut failure = Failure::new(format!("{} does not load", path.display()));
                failure.causes.push(drawn.trim_end().to_owned());
                return Err(failure);
            }
        };
        let mut groups = loaded
            .groups
            .iter()
            .filter(|group| loaded.sources.get(group.span.file).path == file);
        let (Some(group), None) = (groups.next(), groups.next()) else {
            return Err(
                Failure::new(format!("{} declares no group or several", path.display()))
                    .help("a source is a file with one group"),
            );
        };
        self.same_place(&group.account, &group.region)?;
        let rules = self.bound(&loaded, group).await?;
        let text = std::sync::Arc::clone(&loaded.sources.get(group.span.file).text);
        Ok(Origin {
            name: file,
            text,
            rules,
            skipped: 0,
        })
    }

    /// The rules of a declared group, with ids in place of the names of peer groups.
    async fn bound(
        &self,
        loaded: &Desired,
        group: &DesiredGroup,
    ) -> Result<Vec<(Rule, std::ops::Range<usize>)>, Failure> {
        let mut names =
            declared_by_name(loaded, self.session, &group.account, &group.region).await?;
        for other in &loaded.groups {
            if let (Selector::Id(id), Some(alias)) = (&other.selector, &other.alias)
                && (&other.account, &other.region) == (&group.account, &group.region)
            {
                names.insert(alias.clone(), id.clone());
            }
        }
        let now = jiff::Timestamp::now();
        let mut rules = Vec::new();
        for direction in Direction::BOTH {
            let declared = group.direction(direction).unwrap_or_default();
            for rule in declared.iter().filter(|rule| rule.is_live(now)) {
                let nic = match self.group.info.network {
                    Network::Vpc(_) => NicType::Intranet,
                    Network::Classic => rule.nic.ok_or_else(|| {
                        Failure::new(format!(
                            "{}: a rule does not say `nic`, and the group is in the classic network",
                            loaded.sources.place(rule.span)
                        ))
                    })?,
                };
                let bound = rule.bind(nic, |name| names.get(name).cloned());
                let bound: Rule = bound.ok_or_else(|| {
                    let name = match &rule.peer {
                        DesiredPeer::Declared(name) => name.to_string(),
                        other => other.to_string(),
                    };
                    Failure::new(format!(
                        "{}: `group:{name}` is not one group in {}",
                        loaded.sources.place(rule.span),
                        group.region
                    ))
                })?;
                rules.push((bound, rule.span.start as usize..rule.span.end as usize));
            }
        }
        Ok(rules)
    }

    fn same_place(&self, account: &AccountName, region: &RegionId) -> Result<(), Failure> {
        let meant = self.meant;
        if *region != meant.region {
            return Err(Failure::new(format!(
                "{} is in {}, the source in {region}: rules are restored within one region",
                self.group.info.id, meant.region
            ))
            .help("`rulekeep clone` takes rules to another region"));
        }
        if *account != meant.account {
            return Err(Failure::new(format!(
                "{} is in account {}, the source in {account}",
                self.group.info.id, meant.account
            )));
        }
        Ok(())
    }

    fn same_network(&self, network: &Network) -> Result<(), Failure> {
        let kind = |network: &Network| match network {
            Network::Vpc(_) => "a VPC",
            Network::Classic => "the classic network",
        };
        let (mine, other) = (kind(&self.group.info.network), kind(network));
        if mine == other {
            return Ok(());
        }
        Err(Failure::new(format!(
            "{} is in {mine}, the source in {other}: rules are restored within one network type",
            self.group.info.id
        )))
    }
}

/// The console's JSON or CSV; every rule must be readable, or complete mode would delete what could not be read.
fn of_console(path: &Path) -> Result<Origin, Failure> {
    let (text, file) = import::read(path)?;
    let mut rules: Vec<(Rule, std::ops::Range<usize>)> = Vec::new();
    let mut skipped = 0;
    for (number, rule) in (1..).zip(file.rules) {
        match rule.rule {
            Ok(seen)
                if rules
                    .iter()
                    .any(|(other, _)| other.is_same_rule(&seen.rule)) => {}
            Ok(seen) => rules.push((seen.rule, rule.place)),
            // As the console: such rules are skipped, and said.
            Err(Problem::Priority(_)) => skipped += 1,
            Err(Problem::Unreadable(problem)) => {
                return Err(Failure::new(format!(
                    "rule {number} of {} cannot be read: {problem}",
                    path.display()
                )));
            }
        }
    }
    Ok(Origin {
        name: path.to_owned(),
        text: text.into(),
        rules,
        skipped,
    })
}
