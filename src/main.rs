//! Starts the log, parses the arguments, runs the command and returns its exit status.

use std::process::ExitCode;

use rulekeep::cli::{Cli, log};

fn main() -> ExitCode {
    match Cli::from_environment() {
        Ok(cli) => {
            log::start(&cli.global);
            cli.run().into()
        }
        Err(exit) => exit.into(),
    }
}
