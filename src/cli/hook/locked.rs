//! One push after the other: what `post-receive` does is done by one of them at a time.

use std::{
    ffi::OsString,
    io,
    path::PathBuf,
    process::Command,
    time::{Duration, Instant},
};

use crate::{
    exit::Exit,
    lock::{self, LockError},
};

use super::super::{Failure, Screen};

/// Run a program while no other does so from this folder; for post-receive
///
/// Not for people: the hooks call it.
#[derive(Debug, clap::Args)]
#[command(hide = true)]
pub(super) struct Locked {
    /// Whose turn it is
    #[arg(value_name = "FOLDER")]
    folder: PathBuf,
    /// What to run, with its arguments
    #[arg(value_name = "PROGRAM", required = true, last = true)]
    program: Vec<OsString>,
}

/// How long a push waits for those before it.
const TURN: Duration = Duration::from_secs(600);

impl Locked {
    pub(super) fn run(&self, screen: &Screen) -> Result<Exit, Failure> {
        let end = Instant::now() + TURN;
        let mut is_told = false;
        let lock = loop {
            match lock::try_take(&self.folder, "hook post-receive") {
                Ok(lock) => break lock,
                Err(LockError::Held { .. }) if Instant::now() < end => {}
                Err(error) => {
                    return Err(
                        Failure::new("nothing is applied: it is not this push's turn")
                            .because(&error)
                            .help("push again once the other one has ended"),
                    );
                }
            }
            if !is_told {
                screen.say("rulekeep: waiting for the push before this one\n");
                is_told = true;
            }
            std::thread::sleep(Duration::from_millis(100));
        };
        let [program, arguments @ ..] = &self.program[..] else {
            return Err(Failure::usage("there is no program to run"));
        };
        let not_run = |error: io::Error| {
            Failure::new(format!("{} cannot be run", program.to_string_lossy())).because(&error)
        };
        // The lock is the program's standard input too: should this process be killed, it is held until the program ends.
        let status = Command::new(program)
            .args(arguments)
            .stdin(lock.share().map_err(not_run)?)
            .status()
            .map_err(not_run)?;
        Ok(match status.code() {
            Some(0) => Exit::Done,
            // Both git and the pusher read what was said, not the number.
            _ => Exit::Error,
        })
    }
}
