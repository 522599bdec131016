//! `rulekeep confirm`, and the wait of `apply --confirm-within` for it.

use std::{path::Path, time::Duration};

use jiff::Timestamp;

use crate::{
    apply::Verdict,
    clouds::Connected,
    desired::Desired,
    exit::Exit,
    guard::Overrides,
    journal::{self, Confirmation, Run},
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
    let Some(until) = run.confirm_by else {
        return Err(Failure::new(format!(
            "apply {} does not wait for anybody",
            short(id)
        )));
    };
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
        [] => Err(Failure::new("no apply waits to be confirmed")),
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
    let answer = journal::settle_confirmation(root, &run, Confirmation::Expired);
    // When not even that can be written the changes are undone: nobody has confirmed them.
    if let Ok(Confirmation::Confirmed) = answer {
        screen.say("confirmed\n");
        return outcome.exit();
    }
    screen.say(&format!(
        "\nNot confirmed: undoing apply {}.\n",
        short(&run)
    ));
    let beside = Shared {
        output: job.shared.output.iter().filter_map(beside).collect(),
        ..job.shared.clone()
    };
    let plan = Job {
        stamp: job.stamp.clone(),
        work: Work::Undo { run: run.clone() },
        asks: false,
        saved: None,
        // Whoever asked for the wait asked for this undo, whatever its size.
        overrides: Overrides {
            allow_deletes: Some(usize::MAX),
            allow_changes: Some(usize::MAX),
            ..Overrides::default()
        },
        aside: !job.shared.is_text(),
        shared: &beside,
        ..*job
    };
    let undone = undo::undo(root, &run, connected, Later::Keep, &plan).await;
    let failed = |failure: Failure| {
        unapplied::write(&failure, &beside, screen);
        failure.help(format!("`rulekeep undo {}` tries again", short(&run)))
    };
    let exit = undone.map_err(failed)?.exit()?;
    if exit != Exit::Done {
        return Ok(exit);
    }
    Err(Failure::new(format!(
        "apply {} was not confirmed; its changes were undone",
        short(&run)
    )))
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
