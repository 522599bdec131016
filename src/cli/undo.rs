//! `rulekeep undo`.

use std::{collections::BTreeMap, path::Path};

use clap::builder::FalseyValueParser;
use jiff::Timestamp;

use crate::{
    clouds::Connected,
    desired::{Desired, SourceFile},
    exit::Exit,
    journal::{self, Call, Run, undone_by, with_undos},
    model::ObservedGroup,
    plan::Address,
    report::Stamp,
    snapshot::{self, Snapshot},
    undo::{Later, declare, moved, short},
};

use super::{
    Failure, Global, Screen,
    carry_out::{self, Job, Outcome, Work},
    confirm,
    consent::Consent,
    history, pass,
    plan::Shared,
    progress::Meter,
    project::{self, Selection},
};

/// Take back the changes of an apply
///
/// Plans the groups as they were before it, lets the guard look, shows the plan and asks, like `apply`. Refuses when a group is no longer as
/// that apply left it.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  rulekeep undo              the last apply
  rulekeep undo 3f2a9c       one that `rulekeep history` shows; an undo can be undone as well
  rulekeep undo --overdue    what was not confirmed in time, where the apply was killed")]
pub(super) struct Args {
    /// The apply: the beginning of its id [default: the last one that was not undone]
    #[arg(value_name = "ID")]
    id: Option<String>,
    /// Undo every apply of this folder that was to be confirmed, is overdue and was killed before it could undo itself, without
    /// asking: for timers
    #[arg(
        long,
        conflicts_with_all = ["id", "keep_later_changes", "discard_later_changes"],
        env = "RULEKEEP_OVERDUE",
        value_parser = FalseyValueParser::new(),
        action = clap::ArgAction::SetTrue
    )]
    overdue: bool,
    /// Take back the changes of that apply alone, and leave what was changed after it
    #[arg(
        long,
        conflicts_with = "discard_later_changes",
        env = "RULEKEEP_KEEP_LATER_CHANGES",
        value_parser = FalseyValueParser::new(),
        action = clap::ArgAction::SetTrue
    )]
    keep_later_changes: bool,
    /// Also take back what was changed after that apply, by whomever
    #[arg(
        long,
        env = "RULEKEEP_DISCARD_LATER_CHANGES",
        value_parser = FalseyValueParser::new(),
        action = clap::ArgAction::SetTrue
    )]
    discard_later_changes: bool,
    #[command(flatten)]
    consent: Consent,
}

pub(super) async fn run(args: &Args, global: &Global, screen: &Screen) -> Result<Exit, Failure> {
    if args.overdue {
        let root = project::root(global)?;
        let undone = confirm::undo_overdue(&root, &args.consent.shared, global, screen).await?;
        if undone == 0 {
            screen.say("No apply is overdue.\n");
        }
        return Ok(Exit::Done);
    }
    let done = take_back(args, global, screen).await;
    args.consent.told(done, global, screen)?.exit()
}

async fn take_back(args: &Args, global: &Global, screen: &Screen) -> Result<Outcome, Failure> {
    let Consent { shared, yes, .. } = &args.consent;
    let root = project::root(global)?;
    args.consent.lock(&root, "undo", screen).await?;
    let runs = history::read(&root)?;
    let run = match &args.id {
        Some(id) => history::find(&runs, id)?,
        None => history::last(&runs)?,
    };
    if let Some(by) = undone_by(&runs, run) {
        return Err(Failure::new(format!(
            "apply {} was undone already, by {}",
            short(&run.begun.run),
            short(&by.begun.run)
        )));
    }
    let (connected, stamp) = connect(&root, &runs, run, shared, global, screen).await?;
    let id = run.begun.run.clone();
    let job = Job {
        stamp,
        work: Work::Undo { run: id.clone() },
        asks: !yes,
        dry_run: false,
        shown: false,
        saved: None,
        overrides: args.consent.overrides(),
        preview: None,
        confirm_within: None,
        aside: false,
        part: "",
        shared,
        global,
        screen,
    };
    let later = match (args.keep_later_changes, args.discard_later_changes) {
        (true, _) => Later::Keep,
        (false, true) => Later::Discard,
        (false, false) => Later::Refuse,
    };
    undo(&root, &id, connected, later, &job).await
}

/// Connects the accounts that a run was about.
pub(super) async fn connect(
    root: &Path,
    runs: &[Run],
    run: &Run,
    shared: &Shared,
    global: &Global,
    screen: &Screen,
) -> Result<(Connected, Stamp), Failure> {
    let before = Before::of(root, runs, run)?;
    let project = project_file(global)?;
    let nothing = BTreeMap::new();
    let undo = before.declare(&project, root, &nothing, Later::Refuse, screen)?;
    let connected = pass::connect_all(&undo.desired, shared.parallelism.into()).await?;
    Ok((connected, pass::stamp(&undo.desired, Timestamp::now())))
}

/// A run with its undo files.
struct Before {
    run: Run,
    snapshots: Vec<Snapshot>,
}

impl Before {
    fn of(root: &Path, runs: &[Run], run: &Run) -> Result<Self, Failure> {
        let snapshots = snapshot::read_run(root, &run.begun.run)
            .map_err(|error| Failure::new("the undo files cannot be read").because(&error))?;
        if !run.has_sent() {
            return Err(Failure::new(format!(
                "apply {} has sent nothing; there is nothing to undo",
                short(&run.begun.run)
            )));
        }
        let kept = |call: &Call| snapshots.iter().any(|s| s.address == call.address);
        if let Some(call) = run.calls.iter().find(|call| !kept(call)) {
            return Err(Failure::new(format!(
                "the undo file of {} is not there",
                call.address
            )));
        }
        // An undo that failed half-way has changed the groups as well.
        let run = with_undos(runs, run);
        Ok(Self { run, snapshots })
    }

    fn declare(
        &self,
        project: &SourceFile,
        root: &Path,
        live: &BTreeMap<Address, ObservedGroup>,
        later: Later,
        screen: &Screen,
    ) -> Result<crate::undo::Undo, Failure> {
        let project = project.clone();
        declare(root, project, &self.run, &self.snapshots, live, later).map_err(|error| {
            screen.diagnostics(&error.sources, &error.diagnostics);
            project::not_sound(&error.diagnostics)
        })
    }

    /// What is no longer as the run left it, a line each.
    fn moved(&self, live: &BTreeMap<Address, ObservedGroup>) -> Vec<String> {
        let mut lines = Vec::new();
        for snapshot in &self.snapshots {
            if let Some(live) = live.get(&snapshot.address) {
                let name = &snapshot.group.info.name;
                let moved = moved(&snapshot.group, &self.run, live);
                lines.extend(moved.into_iter().map(|line| format!("{name}: {line}")));
            }
        }
        lines
    }
}

/// The project file alone: an undo does not depend on the group files, which may be what is broken.
fn project_file(global: &Global) -> Result<SourceFile, Failure> {
    let path = project::file(global)?;
    let text = std::fs::read_to_string(&path).map_err(|error| {
        Failure::new(format!("{} cannot be read", path.display())).because(&error)
    })?;
    let name = path.file_name().map_or_else(|| path.clone(), Into::into);
    Ok(SourceFile::new(name, text))
}

/// Takes a run back, over connections that are there already.
pub(super) async fn undo(
    root: &Path,
    id: &str,
    connected: Connected,
    later: Later,
    job: &Job<'_>,
) -> Result<Outcome, Failure> {
    let Job {
        screen,
        shared,
        global,
        ..
    } = job;
    let runs = history::read(root)?;
    let run = history::find(&runs, id)?;
    let before = Before::of(root, &runs, run)?;
    let project = project_file(global)?;
    let parallelism = shared.parallelism.into();
    let all = Selection::default();
    let at = Timestamp::now();

    let first = before.declare(&project, root, &BTreeMap::new(), later, screen)?;
    let meter = Meter::new(global);
    let read = read(&first.desired, connected, parallelism, &meter).await?;
    drop(meter);
    let (live, connected) = read;
    let moved = before.moved(&live);
    if !moved.is_empty() {
        let moved = match later {
            Later::Refuse => {
                let mut failure = Failure::with(
                    Exit::Stale,
                    format!(
                        "the groups are no longer as apply {} left them; nothing was changed",
                        short(id)
                    ),
                )
                .help("the cloud does not say who changed them; its ActionTrail does")
                .help("`--keep-later-changes` takes back the changes of that apply alone")
                .help("`--discard-later-changes` takes these back as well");
                failure.causes = moved;
                return Err(failure);
            }
            Later::Keep => format!("Changed since, and left:\n  {}\n\n", moved.join("\n  ")),
            Later::Discard => {
                format!(
                    "Changed since, and taken back as well:\n  {}\n\n",
                    moved.join("\n  ")
                )
            }
        };
        screen.say(&moved);
    }
    let undo = before.declare(&project, root, &live, later, screen)?;
    for note in &undo.notes {
        screen.say(&format!("note: {note}\n"));
    }
    let meter = Meter::new(global);
    let desired: &Desired = &undo.desired;
    let prepared = pass::prepare_on(connected, desired, &all, at, parallelism, &meter).await?;
    drop(meter);
    if prepared.observed() != live && !prepared.is_errored() {
        return Err(Failure::with(
            Exit::Stale,
            "the groups are being changed by somebody else right now; nothing was changed",
        ));
    }
    let done = job.carry_out(&prepared).await;
    if let Ok(outcome) = &done
        && carry_out::exit(&outcome.report) == Exit::Done
        && let Err(error) = journal::taken_back(root, id)
    {
        tracing::warn!(%error, "the journal of the apply lacks that it was undone");
    }
    // Whoever comes next may need the state of an embedded cloud.
    if let Err(failure) = prepared.close().await {
        screen.failure(&failure);
    }
    done
}

/// The groups as they are; all of them, or none is undone.
async fn read(
    desired: &Desired,
    connected: Connected,
    parallelism: usize,
    meter: &Meter,
) -> Result<(BTreeMap<Address, ObservedGroup>, Connected), Failure> {
    let (all, at) = (Selection::default(), Timestamp::now());
    let prepared = pass::prepare_on(connected, desired, &all, at, parallelism, meter).await?;
    if let Some(failure) = prepared.unread() {
        return Err(failure);
    }
    Ok((prepared.observed(), prepared.into_connected()))
}
