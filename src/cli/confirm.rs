//! `rulekeep confirm`, and the wait of `apply --confirm-within` for it.

use std::{path::Path, time::Duration};

use jiff::Timestamp;

use crate::{
    apply::Verdict,
    clouds::Connected,
    confirm::{self, Pending},
    desired::Desired,
    exit::Exit,
    guard::Overrides,
    journal::{self, Confirmation, Run},
    lock::{self, LockError},
    report::OutputSpec,
    undo::{Later, short},
};

use super::{
    Failure, Global, Screen,
    carry_out::{Job, Outcome, Work},
    history,
    plan::Shared,
    project,
    stop::{terminal_lost, told_to_stop},
    unapplied, undo,
};

/// How often the wait looks whether somebody has confirmed.
const LOOK_EVERY: Duration = Duration::from_millis(250);

/// Keep the changes of an apply that waits with `--confirm-within`
///
/// Run it from where the changes could have cut you off: if it cannot be run, the apply undoes itself.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Example:
  rulekeep apply --confirm-within 5m    in one terminal
  rulekeep confirm                      in another one, through a new connection")]
pub(super) struct Args {
    /// The apply, as `rulekeep history` shows it [default: the only one that waits]
    #[arg(value_name = "ID")]
    id: Option<String>,
}

pub(super) fn run(args: &Args, global: &Global, screen: &Screen) -> Result<Exit, Failure> {
    let root = project::root(global)?;
    let runs = history::read(&root)?;
    let run = match &args.id {
        Some(id) => history::find(&runs, id)?,
        None => only_waiting(&runs)?,
    };
    let id = &run.begun.run;
    let Some(until) = run.deadline() else {
        return Err(Failure::new(format!(
            "apply {} does not wait for anybody",
            short(id)
        )));
    };
    if run.confirm_by.is_none() && lock::is_held(&root) {
        return Err(
            Failure::new(format!("apply {} is still under way", short(id)))
                .help("confirm it when it has come to its end"),
        );
    }
    let answer = journal::settle_confirmation(&root, id, Confirmation::Confirmed)
        .map_err(|error| Failure::new("the confirmation cannot be written").because(&error))?;
    match answer {
        Confirmation::Confirmed => {
            screen.result(&format!(
                "Confirmed: the changes of apply {} stay.\n",
                short(id)
            ))?;
            Ok(Exit::Done)
        }
        Confirmation::Expired => Err(Failure::new(format!(
            "too late: apply {} was to be confirmed by {}, its changes are taken back",
            short(id),
            history::moment(until),
        ))
        .help(
            "`rulekeep history` shows what became of it; `rulekeep apply` makes the changes again",
        )),
    }
}

fn only_waiting(runs: &[Run]) -> Result<&Run, Failure> {
    let waiting: Vec<&Run> = runs
        .iter()
        .filter(|run| run.awaits_confirmation())
        .collect();
    match waiting[..] {
        [run] => Ok(run),
        [] => Err(Failure::new("no apply waits to be confirmed")
            .help("one that was killed before its end is confirmed by its id: `rulekeep history`")),
        _ => {
            let ids: Vec<&str> = waiting.iter().map(|run| short(&run.begun.run)).collect();
            Err(
                Failure::new(format!("several applies wait: {}", ids.join(", ")))
                    .help("name one: `rulekeep confirm ID`"),
            )
        }
    }
}

/// Waits for somebody to confirm an apply, and undoes it when nobody does. A lost terminal changes nothing about the wait; SIGINT and
/// SIGTERM end it, and the changes are undone at once.
pub(super) async fn wait(
    outcome: Outcome,
    within: Duration,
    connected: Connected,
    desired: &Desired,
    job: &Job<'_>,
) -> Result<Exit, Failure> {
    let root = &desired.project.root;
    let run = outcome.report.run_id.clone();
    let runs = history::read(root)?;
    if !runs.iter().any(|known| known.begun.run == run) {
        return outcome.exit(); // Nothing was sent, so that there is nothing to confirm.
    }
    let until = Timestamp::now() + within;
    journal::confirm_by(root, &run, until)
        .map_err(|error| Failure::new("the journal cannot be written").because(&error))?;
    let screen = job.screen;
    if outcome.report.verdict() != Verdict::Interrupted {
        screen.say(&format!(
            "\nRun `rulekeep confirm {}` before {}, or the changes are undone.\n",
            short(&run),
            history::moment(until),
        ));
        if confirmed(root, &run, within).await {
            screen.say("confirmed\n");
            return outcome.exit();
        }
    }
    let beside = Shared {
        output: job.shared.output.iter().filter_map(beside).collect(),
        ..job.shared.clone()
    };
    let job = Job {
        stamp: job.stamp.clone(),
        work: job.work.clone(),
        overrides: Overrides::default(),
        aside: !job.shared.is_text(),
        shared: &beside,
        ..*job
    };
    let Some(undone) = expire(root, &run, connected, &job).await? else {
        screen.say("confirmed\n");
        return outcome.exit();
    };
    let exit = undone.exit()?;
    if exit != Exit::Done {
        return Ok(exit);
    }
    Err(Failure::new(format!(
        "apply {} was not confirmed; its changes were undone",
        short(&run)
    )))
}

/// Undoes an apply that nobody has confirmed; `None`: somebody has, at the last moment.
async fn expire(
    root: &Path,
    run: &str,
    connected: Connected,
    job: &Job<'_>,
) -> Result<Option<Outcome>, Failure> {
    let screen = job.screen;
    let answer = journal::settle_confirmation(root, run, Confirmation::Expired);
    // When not even that can be written the changes are undone: nobody has confirmed them.
    if let Ok(Confirmation::Confirmed) = answer {
        return Ok(None);
    }
    screen.say(&format!("\nNot confirmed: undoing apply {}.\n", short(run)));
    let plan = Job {
        stamp: job.stamp.clone(),
        work: Work::Undo {
            run: run.to_owned(),
        },
        asks: false,
        saved: None,
        // Whoever asked for the wait asked for this undo, whatever its size.
        overrides: Overrides {
            allow_deletes: Some(usize::MAX),
            allow_changes: Some(usize::MAX),
            ..Overrides::default()
        },
        confirm_within: None,
        ..*job
    };
    let undone = undo::undo(root, run, connected, Later::Keep, &plan).await;
    undone.map(Some).map_err(|failure| {
        unapplied::write(&failure, job.part, job.shared, job.global, screen);
        failure.help(format!("`rulekeep undo {}` tries again", short(run)))
    })
}

/// Undoes every apply of a folder that was killed while it waited to be confirmed and is overdue: what the process would have done
/// itself. For loops, at the beginning of each pass; cheap when there is nothing to do, and nothing happens while somebody
/// else changes the cloud from this folder. How many were undone.
pub(super) async fn undo_overdue(
    root: &Path,
    shared: &Shared,
    global: &Global,
    screen: &Screen,
) -> Result<usize, Failure> {
    let overdue = || {
        confirm::overdue(root, Timestamp::now())
            .map_err(|error| Failure::new("the past applies cannot be read").because(&error))
    };
    if overdue()?.is_empty() {
        return Ok(0);
    }
    let _lock = match lock::try_take(root, "undo") {
        Ok(lock) => lock,
        Err(LockError::Held { .. }) => return Ok(0), // Perhaps the one that waits is about to undo itself.
        Err(error @ LockError::File { .. }) => {
            return Err(Failure::new("the lock cannot be taken").because(&error));
        }
    };
    let mut undone = 0;
    // Once more, as nobody else can change it now.
    for Pending { run: id, .. } in overdue()? {
        let runs = history::read(root)?;
        let run = history::find(&runs, &id)?;
        let (connected, stamp) = undo::connect(root, &runs, run, shared, global, screen).await?;
        let job = Job {
            stamp,
            work: Work::Apply,
            asks: false,
            dry_run: false,
            shown: false,
            saved: None,
            overrides: Overrides::default(),
            preview: None,
            confirm_within: None,
            aside: false,
            part: "",
            shared,
            global,
            screen,
        };
        let Some(outcome) = expire(root, &id, connected, &job).await? else {
            continue;
        };
        match outcome.exit()? {
            Exit::Done => undone += 1,
            exit => {
                return Err(Failure::with(
                    exit,
                    format!("apply {} could not be undone", short(&id)),
                )
                .help(format!("`rulekeep undo {}` tries again", short(&id))));
            }
        }
    }
    Ok(undone)
}

/// Where the report of the undo goes: the apply's stays as it is.
fn beside(output: &OutputSpec) -> Option<OutputSpec> {
    let OutputSpec { format, path } = output;
    let path = path.as_ref()?; // stdout has one report.
    let mut name = path.file_stem()?.to_owned();
    name.push(".undo");
    if let Some(ending) = path.extension() {
        name.push(".");
        name.push(ending);
    }
    Some(OutputSpec {
        format: *format,
        path: Some(path.with_file_name(name)),
    })
}

/// Whether somebody confirms in time.
async fn confirmed(root: &Path, run: &str, within: Duration) -> bool {
    let look = async {
        while journal::is_settled(root, run).is_none() {
            tokio::time::sleep(LOOK_EVERY).await;
        }
    };
    // The signal is taken and nothing is done about it: whoever lost the connection may come back to confirm.
    let stay = async {
        loop {
            terminal_lost().await;
        }
    };
    tokio::select! {
        () = look => true,
        () = told_to_stop() => false,
        () = tokio::time::sleep(within) => false,
        () = stay => false,
    }
}
