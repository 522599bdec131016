//! The command line: its commands, the arguments that they share, and how the program ends.
//!
//! Commands parse, call and print; what they decide is decided in the modules below them.

mod adopt;
mod adopt_terraform;
mod apply;
mod arguments;
mod ask;
mod carry_out;
mod change;
mod check_creds;
mod clone;
mod committed;
mod completions;
mod confirm;
mod consent;
mod drift;
mod emulate;
mod exceptions;
mod explain;
mod export;
mod failure;
mod fmt;
mod gate;
mod history;
mod hook;
mod import;
mod init;
mod live;
pub mod log;
mod look;
mod notify;
mod output;
mod pass;
mod plan;
mod progress;
mod project;
mod publish;
mod restore;
mod schema;
mod show;
mod show_peer;
mod show_table;
mod since;
mod stop;
mod unapplied;
mod undo;
mod validate;
mod version;
mod watch;

use std::{path::PathBuf, pin::Pin};

use clap::{
    ArgAction, Args, CommandFactory, Parser, Subcommand, ValueEnum, builder::FalseyValueParser,
};

use crate::exit::Exit;

pub use failure::Failure;
pub use output::Screen;

/// Keep the rules of cloud security groups as they are declared in a git repository
#[derive(Debug, Parser)]
#[command(
    name = "rulekeep",
    bin_name = "rulekeep",
    version,
    args_override_self = true,
    arg_required_else_help = true,
    subcommand_required = true,
    max_term_width = 100,
    after_help = "\
Every flag can be given as an environment variable too: --parallelism as RULEKEEP_PARALLELISM.
RULEKEEP_CLI_ARGS holds arguments that are put before those of the command line.

Exit codes: 0 done, 1 error, 2 changes (drift, plan --detailed-exitcode), 3 fmt --check found work,
4 refused by the guard, 5 the saved plan is stale, 6 interrupted, 7 some groups failed,
64 wrong usage.

Begin with `rulekeep init`, which needs no account and no network."
)]
pub struct Cli {
    /// What every command takes.
    #[command(flatten)]
    pub global: Global,
    #[command(subcommand)]
    command: Command,
}

/// What every command takes.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Global options")]
pub struct Global {
    /// Project file [default: rulekeep.yaml here or in the nearest parent folder]
    #[arg(long, value_name = "FILE", global = true, env = "RULEKEEP_PROJECT")]
    pub project: Option<PathBuf>,
    /// When to use colours
    #[arg(
        long,
        value_name = "WHEN",
        value_enum,
        default_value = "auto",
        global = true,
        env = "RULEKEEP_COLOR"
    )]
    pub color: Color,
    /// Show every field and group, and log what is done; twice: every call
    #[arg(short, long, action = ArgAction::Count, global = true, env = "RULEKEEP_VERBOSE")]
    pub verbose: u8,
    /// Show results and errors only
    #[arg(
        short,
        long,
        global = true,
        env = "RULEKEEP_QUIET",
        value_parser = FalseyValueParser::new(),
        action = ArgAction::SetTrue
    )]
    pub quiet: bool,
}

/// When to use colours.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Color {
    /// On a terminal, unless NO_COLOR is set
    Auto,
    /// Also into files and pipes
    Always,
    /// Not at all
    Never,
}

#[derive(Debug, Subcommand)]
enum Command {
    Init(init::Args),
    Validate(validate::Args),
    Fmt(fmt::Args),
    Plan(plan::Args),
    Apply(apply::Args),
    Undo(undo::Args),
    Confirm(confirm::Args),
    History(history::Args),
    Drift(drift::Args),
    Hook(hook::Args),
    Show(show::Args),
    Explain(explain::Args),
    CheckCreds(check_creds::Args),
    Adopt(adopt::Args),
    Export(export::Args),
    Import(import::Args),
    Restore(restore::Args),
    Clone(clone::Args),
    Watch(watch::Args),
    Emulate(emulate::Args),
    Schema(schema::Args),
    Completions(completions::Args),
    Version(version::Args),
}

impl Cli {
    /// Parses the arguments of the process; help, version and wrong usage are printed and end it.
    pub fn from_environment() -> Result<Self, Exit> {
        arguments::parse()
    }

    /// Runs the command and prints why it failed, if it did.
    pub fn run(self) -> Exit {
        let screen = Screen::new(&self.global);
        let result = match &self.command {
            Command::Validate(args) => validate::run(args, &self.global, &screen),
            Command::Fmt(args) => fmt::run(args, &self.global, &screen),
            Command::Plan(args) => on_runtime(plan::run(args, &self.global, &screen)),
            Command::Apply(args) => on_runtime(apply::run(args, &self.global, &screen)),
            Command::Undo(args) => on_runtime(undo::run(args, &self.global, &screen)),
            Command::Confirm(args) => confirm::run(args, &self.global, &screen),
            Command::History(args) => history::run(args, &self.global, &screen),
            Command::Hook(args) => hook::run(args, &self.global, &screen),
            Command::Drift(args) => on_runtime(drift::run(args, &self.global, &screen)),
            Command::Show(args) => on_runtime(show::run(args, &self.global, &screen)),
            Command::Explain(args) => on_runtime(explain::run(args, &self.global, &screen)),
            Command::CheckCreds(args) => on_runtime(check_creds::run(args, &self.global, &screen)),
            Command::Adopt(args) => on_runtime(adopt::run(args, &self.global, &screen)),
            Command::Export(args) => on_runtime(export::run(args, &self.global, &screen)),
            Command::Import(args) => on_runtime(import::run(args, &self.global, &screen)),
            Command::Restore(args) => on_runtime(restore::run(args, &self.global, &screen)),
            Command::Clone(args) => on_runtime(clone::run(args, &self.global, &screen)),
            Command::Watch(args) => on_runtime(watch::run(args, &self.global, &screen)),
            Command::Emulate(args) => on_runtime(emulate::run(args, &screen)),
            Command::Init(args) => init::run(args, &screen),
            Command::Schema(args) => schema::run(args, &screen),
            Command::Completions(args) => completions::run(args, &screen),
            Command::Version(args) => version::run(args, &screen),
        };
        result.unwrap_or_else(|failure| {
            screen.failure(&failure);
            failure.exit
        })
    }

    /// The command line as clap sees it.
    pub fn definition() -> clap::Command {
        arguments::tidy(Self::command())
    }
}

/// Commands that wait for a cloud get a runtime; the others start without one.
fn on_runtime<'a>(
    command: impl Future<Output = Result<Exit, Failure>> + 'a,
) -> Result<Exit, Failure> {
    // Boxed: the runtime would have a copy of its own of every command.
    let command: Pin<Box<dyn Future<Output = _> + 'a>> = Box::pin(command);
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::new("the program cannot start its threads").because(&error))?;
    runtime.block_on(command)
}
