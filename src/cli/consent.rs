//! What all commands that change the cloud take: who says yes, what passes the guard, and one at a time.

use std::{path::Path, sync::OnceLock, time::Duration};

use clap::builder::FalseyValueParser;

use crate::{
    guard::Overrides,
    journal,
    lock::{self, Lock, LockError},
    undo::short,
};

use super::{Failure, Global, Screen, exceptions::Exceptions, plan::Shared, unapplied};

/// The flags.
#[derive(Clone, Debug, clap::Args)]
pub(super) struct Consent {
    /// Do not ask
    #[arg(
        long,
        env = "RULEKEEP_YES",
        value_parser = FalseyValueParser::new(),
        action = clap::ArgAction::SetTrue
    )]
    pub(super) yes: bool,
    #[command(flatten)]
    exceptions: Exceptions,
    /// Wait so long for another rulekeep that changes the cloud from this folder: 30s, 10m, ..
    #[arg(
        long,
        value_name = "TIME",
        default_value = "0s",
        value_parser = wait,
        env = "RULEKEEP_LOCK_TIMEOUT"
    )]
    lock_timeout: Duration,
    #[command(flatten)]
    pub(super) shared: Shared,
}

impl Consent {
    /// What passes the guard.
    pub(super) fn overrides(&self) -> Overrides {
        Overrides::from(&self.exceptions)
    }

    /// Takes the lock of the project's folder until the process ends: an embedded cloud lives on for a moment after the command.
    pub(super) async fn lock(
        &self,
        root: &Path,
        command: &str,
        screen: &Screen,
    ) -> Result<(), Failure> {
        static HELD: OnceLock<Lock> = OnceLock::new();
        let waits = |held: &LockError| screen.say(&format!("waiting: {held}\n"));
        let taken = lock::take(root, command, self.lock_timeout, waits).await;
        let lock = taken.map_err(|error| match &error {
            LockError::Held { run, .. } => held(root, &error, run.as_deref()),
            LockError::File { .. } => {
                Failure::new("the lock cannot be taken; nothing was changed").because(&error)
            }
        })?;
        HELD.set(lock).expect("a process runs one command");
        Ok(())
    }

    /// Tells whoever reads the outputs why nothing was applied. Not for what fails after the first call.
    pub(super) fn told<T>(
        &self,
        answer: Result<T, Failure>,
        global: &Global,
        screen: &Screen,
    ) -> Result<T, Failure> {
        answer.inspect_err(|failure| unapplied::write(failure, "", &self.shared, global, screen))
    }
}

fn held(root: &Path, error: &LockError, run: Option<&str>) -> Failure {
    let failure = Failure::new(format!("{error}; nothing was changed"));
    let runs = journal::runs(root).unwrap_or_default();
    let run = runs.iter().find(|known| Some(&*known.begun.run) == run);
    match run {
        Some(run) if run.awaits_confirmation() => failure.help(format!(
            "it waits for `rulekeep confirm {}`",
            short(&run.begun.run)
        )),
        _ => failure.help("`--lock-timeout 10m` waits for its end"),
    }
}

/// `5m`, `90s`, `1h 30m`, ..
pub(super) fn span(text: &str) -> Result<Duration, String> {
    let span: jiff::SignedDuration = text
        .parse()
        .map_err(|_| "not a time span, such as 5m or 90s".to_owned())?;
    Duration::try_from(span).map_err(|_| "a time span cannot be negative".to_owned())
}

/// A time to wait; `0` needs no unit.
fn wait(text: &str) -> Result<Duration, String> {
    match text {
        "0" => Ok(Duration::ZERO),
        text => span(text),
    }
}
