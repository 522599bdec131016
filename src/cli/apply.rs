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
};

use super::{
    Failure, Global, Screen,
    carry_out::{Job, Work},
    confirm,
    consent::{self, Consent},
    history, pass,
    progress::Meter,
    project::{self, Part, Selection, Targets},
    since::Since,
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
    #[command(flatten)]
    part: Part,
    #[command(flatten)]
    since: Since,
    /// Undo the changes unless `rulekeep confirm` comes within this time: 5m, 90s, ..; if this process is killed, `rulekeep
    /// undo --overdue` does it
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
    consent: Consent,
}

pub(super) async fn run(args: &Args, global: &Global, screen: &Screen) -> Result<Exit, Failure> {
    // Whoever reads the outputs learns why nothing was applied; nothing that fails after the first call comes here.
    let Consent { shared, yes, .. } = &args.consent;
    let tell = |failure: Failure| {
        unapplied::write(&failure, shared, screen);
        failure
    };
    let saved = args
        .saved_plan()?
        .map(pass::read_saved)
        .transpose()
        .map_err(tell)?;
    if let (Some(saved), Some(shard)) = (&saved, args.part.shard)
        && saved.selection.part.shard != Some(shard)
    {
        let of = match saved.selection.part.shard {
            Some(other) => format!("part {other}"),
            None => "the whole".to_owned(),
        };
        let failure = Failure::usage(format!("the saved plan is of {of}, --shard says {shard}"))
            .help("leave out --shard, and unset RULEKEEP_SHARD: a saved plan is applied as it is");
        return Err(tell(failure));
    }
    let root = project::root(global).map_err(tell)?;
    let lock = args.consent.lock(&root, "apply", screen).await;
    lock.map_err(tell)?;
    let desired = project::load(global, screen).map_err(tell)?;
    let (desired, odd) = pass::discovered(desired, shared.parallelism.into(), screen)
        .await
        .map_err(tell)?;
    screen.diagnostics(&desired.sources, &odd);
    history::mention(&desired.project.root, screen);
    let at = Timestamp::now();
    let parallelism = shared.parallelism.into();
    let selection = match &saved {
        Some(saved) => saved.selection.below(&desired.project.root),
        None => {
            let selection = Selection {
                paths: args.paths.clone(),
                targets: args.targets.clone(),
                part: args.part,
                ..Selection::default()
            };
            let narrowed = args.since.narrow(&selection, &desired, global, screen);
            narrowed.map_err(tell)?
        }
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
        work: Work::Apply,
        asks: !yes && saved.is_none(),
        dry_run: false,
        shown: false,
        saved: saved.as_ref(),
        overrides: args.consent.overrides(),
        preview: None,
        confirm_within: args.confirm_within,
        aside: false,
        shared,
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
    let span = consent::span(text)?;
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
        if self.paths.len() > 1 || !self.targets.targets.is_empty() || self.since.is_given() {
            return Err(Failure::usage(
                "a saved plan is applied as it is, without paths, targets or --since beside it",
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
