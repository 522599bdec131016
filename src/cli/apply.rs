//! `rulekeep apply`.

use std::{
    path::{Path, PathBuf},
    time::Duration,
};

use clap::builder::FalseyValueParser;
use jiff::Timestamp;

use crate::{
    desired::{Opening, Windows},
    exit::Exit,
    guard::Overrides,
};

use super::{
    Failure, Global, Screen,
    carry_out::Job,
    confirm,
    exceptions::Exceptions,
    history, pass,
    plan::Shared,
    progress::Meter,
    project::{self, Selection, Targets},
    unapplied,
};

/// Make the cloud hold what the files declare
///
/// Plans, lets the guard look, shows the plan and asks; then makes the changes and reads back that they are there.
/// A saved plan is applied without asking, and refused when anything has moved since it was saved.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  rulekeep apply                    plan, ask, apply
  rulekeep apply --target web       one group
  rulekeep apply plan.json          exactly what `rulekeep plan --out plan.json` has shown
  rulekeep apply --yes -o json=report.json      in CI
  rulekeep apply --confirm-within 5m    for changes to the path you are sitting on")]
pub(super) struct Args {
    /// A saved plan, or only groups declared in these files or folders
    #[arg(value_name = "PLAN|PATH")]
    paths: Vec<PathBuf>,
    #[command(flatten)]
    targets: Targets,
    /// Do not ask
    #[arg(
        long,
        env = "RULEKEEP_YES",
        value_parser = FalseyValueParser::new(),
        action = clap::ArgAction::SetTrue
    )]
    yes: bool,
    #[command(flatten)]
    exceptions: Exceptions,
    /// Undo the changes unless `rulekeep confirm` comes within this time: 5m, 90s, ..
    #[arg(long, value_name = "TIME", value_parser = span, env = "RULEKEEP_CONFIRM_WITHIN")]
    confirm_within: Option<Duration>,
    /// Apply although `windows` of the project file says that this is no time for changes
    #[arg(
        long,
        env = "RULEKEEP_OUTSIDE_WINDOW",
        value_parser = FalseyValueParser::new(),
        action = clap::ArgAction::SetTrue
    )]
    outside_window: bool,
    #[command(flatten)]
    shared: Shared,
}

pub(super) async fn run(args: &Args, global: &Global, screen: &Screen) -> Result<Exit, Failure> {
    // Whoever reads the outputs learns why nothing was applied; nothing that fails after the first call comes here.
    let tell = |failure: Failure| {
        unapplied::write(&failure, &args.shared, screen);
        failure
    };
    let saved = args
        .saved_plan()?
        .map(pass::read_saved)
        .transpose()
        .map_err(tell)?;
    let desired = project::load(global, screen).map_err(tell)?;
    history::mention(&desired.project.root, screen);
    let at = Timestamp::now();
    let parallelism = args.shared.parallelism.into();
    let selection = match &saved {
        Some(saved) => saved.selection.below(&desired.project.root),
        None => Selection {
            paths: args.paths.clone(),
            targets: args.targets.clone(),
        },
    };
    let meter = Meter::new(global);
    let prepared = pass::prepare(&desired, &selection, at, parallelism, &meter)
        .await
        .map_err(tell)?;
    drop(meter);
    if !args.outside_window && !prepared.is_empty() {
        in_window(desired.project.windows.as_ref()).map_err(tell)?;
    }
    let job = Job {
        stamp: pass::stamp(&desired, at),
        asks: !args.yes && saved.is_none(),
        saved: saved.as_ref(),
        overrides: Overrides::from(&args.exceptions),
        undoes: None,
        shared: &args.shared,
        global,
        screen,
    };
    let Some(within) = args.confirm_within else {
        return job.carry_out(&prepared).await.map_err(tell)?.exit();
    };
    let outcome = job.carry_out(&prepared).await.map_err(tell)?;
    confirm::wait(outcome, within, prepared.into_connected(), &desired, &job).await
}

/// Refuses when the project says that this is no time for changes.
fn in_window(windows: Option<&Windows>) -> Result<(), Failure> {
    let Some(windows) = windows else {
        return Ok(());
    };
    let Opening::Closed { until, reason } = windows.at(Timestamp::now()) else {
        return Ok(());
    };
    let again = match until {
        Some(until) => format!("changes may be made again from {}", windows.told(until)),
        None => "no window opens within a year".to_owned(),
    };
    Err(Failure::with(
        Exit::Refused,
        format!("this is no time for changes: {reason}; nothing was changed"),
    )
    .help(format!("{again}; `rulekeep plan` shows them"))
    .help("if it cannot wait: --outside-window"))
}

/// `5m`, `90s`, `1h 30m`: from a second to a day.
fn span(text: &str) -> Result<Duration, String> {
    let span: jiff::SignedDuration = text
        .parse()
        .map_err(|_| "not a time span, such as 5m or 90s".to_owned())?;
    let span = Duration::try_from(span).map_err(|_| "a time span cannot be negative".to_owned())?;
    match span.as_secs() {
        1..=86_400 => Ok(span),
        _ => Err("from 1s to 24h".to_owned()),
    }
}

impl Args {
    /// The saved plan among the arguments: what is one by its content, and, so that a damaged one is called so, what ends
    /// with `.json`: group files are YAML.
    fn saved_plan(&self) -> Result<Option<&Path>, Failure> {
        let is_plan = |path: &&PathBuf| {
            path.extension().is_some_and(|ending| ending == "json") || pass::is_saved_plan(path)
        };
        let Some(plan) = self.paths.iter().find(is_plan) else {
            return Ok(None);
        };
        if self.paths.len() > 1 || !self.targets.targets.is_empty() {
            return Err(Failure::usage(
                "a saved plan is applied as it is, without paths or targets beside it",
            )
            .help("narrow it when it is made: `rulekeep plan --target GROUP --out FILE`"));
        }
        Ok(Some(plan))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_span_is_more_than_a_moment_and_at_most_a_day() {
        assert_eq!(span("5m"), Ok(Duration::from_secs(300)));
        assert_eq!(span("1h 30m"), Ok(Duration::from_secs(5400)));
        for text in ["", "5", "0s", "-5m", "25h", "soon"] {
            assert!(span(text).is_err(), "{text}");
        }
    }
}
