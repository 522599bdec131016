//! What keeps a plan that the guard lets through from being applied now.

use jiff::Timestamp;

use crate::{
    confirm::{self, Hold},
    desired::{Desired, Opening},
    exit::Exit,
    plan::Plan,
    undo::short,
    watch::Ending,
};

use super::super::{Failure, history};

/// How a pass ends that applies nothing.
#[derive(Debug)]
pub(super) struct Obstacle {
    pub(super) ending: Ending,
    /// What is to be done about it.
    pub(super) failure: Option<Failure>,
    /// Until when the changes wait, in a sentence; empty: they do not.
    pub(super) waits: String,
}

/// What keeps a plan from being applied now; for whoever holds the lock of the project's folder.
pub(super) fn obstacle(desired: &Desired, plan: &Plan) -> Option<Obstacle> {
    let now = Timestamp::now();
    match history::read(&desired.project.root) {
        Ok(runs) => {
            let hold = confirm::hold(&runs, plan, now);
            hold.map(|hold| held(hold, now))
        }
        Err(failure) => Some(failed(failure)),
    }
    .or_else(|| closed(desired, now))
}

/// An unconfirmed apply is in the way.
fn held(hold: Hold, now: Timestamp) -> Obstacle {
    match hold {
        Hold::Open { run, until } if now <= until => {
            let run = short(&run);
            let reason = format!("apply {run} waits for `rulekeep confirm {run}`");
            waiting(Some(until), reason, Some(history::moment(until)))
        }
        Hold::Open { run, until } => {
            let run = short(&run);
            let failure = Failure::new(format!(
                "apply {run} was to be confirmed by {} and is not taken back yet; nothing was changed",
                history::moment(until)
            ));
            failed(failure.help(format!("`rulekeep undo {run}` takes it back by hand")))
        }
        Hold::Again { run, group } => {
            let run = short(&run);
            let failure = Failure::with(
                Exit::Refused,
                format!(
                    "nobody confirmed apply {run}, which was taken back, and this plan makes its changes to {group} again; nothing was changed"
                ),
            )
            .help("change the files, or make these changes by hand: `rulekeep apply --confirm-within 5m`");
            Obstacle {
                ending: Ending::Held(failure.message.clone()),
                failure: Some(failure),
                waits: String::new(),
            }
        }
    }
}

/// The project says that this is no time for changes.
fn closed(desired: &Desired, now: Timestamp) -> Option<Obstacle> {
    let windows = desired.project.windows.as_ref()?;
    match windows.at(now) {
        Opening::Open => None,
        Opening::Closed { until, reason } => {
            let told = until.map(|until| windows.told(until));
            Some(waiting(until, reason, told))
        }
    }
}

fn waiting(until: Option<Timestamp>, reason: String, told: Option<String>) -> Obstacle {
    let again = match told {
        Some(until) => format!("from {until}"),
        None => "not within a year".to_owned(),
    };
    Obstacle {
        waits: format!("Not applied: {reason}; changes may be made again {again}."),
        ending: Ending::Waiting { until, reason },
        failure: None,
    }
}

fn failed(failure: Failure) -> Obstacle {
    Obstacle {
        ending: Ending::Failed(failure.message.clone()),
        failure: Some(failure),
        waits: String::new(),
    }
}
