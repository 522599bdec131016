//! `rulekeep apply`.

use std::{
    path::{Path, PathBuf},
    time::Duration,
};

use clap::builder::FalseyValueParser;
use jiff::Timestamp;

use crate::{
    clouds::Kept,
    desired::{Opening, Windows},
    exit::Exit,
};

use super::{
    Failure, Global, Screen,
    carry_out::{Job, Work},
    confirm,
    consent::{self, Consent},
    history, notify,
    pass::{self, Saved},
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

/// How far an apply has come, which says who is still to be told why it failed.
enum Stage {
    /// There is no plan yet.
    Before,
    /// Whoever carries the plan out tells people of it; outputs are still to be written.
    Trying,
    /// Something may have been sent: outputs are written.
    Done,
}

pub(super) async fn run(args: &Args, global: &Global, screen: &Screen) -> Result<Exit, Failure> {
    let plan = args.saved_plan()?;
    let saved = plan.map(pass::read_saved).transpose();
    let part = match &saved {
        Ok(Some(saved)) => saved.selection.part(false),
        Ok(None) | Err(_) => args.selection(plan.is_some()).part(args.since.is_given()),
    };
    let mut stage = Stage::Before;
    let done = match saved {
        Ok(saved) => attempt(args, saved.as_ref(), &part, &mut stage, global, screen).await,
        Err(failure) => Err(failure),
    };
    // Whoever reads the outputs learns why nothing was applied.
    let Consent { shared, yes, .. } = &args.consent;
    if let (Err(failure), Stage::Before | Stage::Trying) = (&done, &stage) {
        unapplied::write(failure, &part, shared, global, screen);
    }
    // Whoever would be asked sees it.
    if let (Err(failure), Stage::Before, true) = (&done, &stage, *yes || plan.is_some()) {
        notify::failed_early("apply", failure, global, screen).await;
    }
    done
}

async fn attempt(
    args: &Args,
    saved: Option<&Saved>,
    part: &str,
    stage: &mut Stage,
    global: &Global,
    screen: &Screen,
) -> Result<Exit, Failure> {
    let Consent { shared, yes, .. } = &args.consent;
    if let (Some(saved), Some(shard)) = (saved, args.part.shard)
        && saved.selection.part.shard != Some(shard)
    {
        let of = match saved.selection.part.shard {
            Some(other) => format!("part {other}"),
            None => "the whole".to_owned(),
        };
        return Err(
            Failure::usage(format!("the saved plan is of {of}, --shard says {shard}")).help(
                "leave out --shard, and unset RULEKEEP_SHARD: a saved plan is applied as it is",
            ),
        );
    }
    let root = project::root(global)?;
    args.consent.lock(&root, "apply", screen).await?;
    let desired = project::load(global, screen)?;
    let parallelism = shared.parallelism.into();
    let asked = match saved {
        Some(saved) => saved.selection.below(&desired.project.root),
        None => args.selection(false),
    };
    let kept = Kept::default();
    let (desired, odd) = pass::discover(desired, &asked, parallelism, &kept).await?;
    screen.diagnostics(&desired.sources, &odd);
    history::mention(&desired.project.root, screen);
    let at = Timestamp::now();
    let selection = match saved {
        Some(_) => asked,
        None => {
            args.since
                .chosen(&asked, &desired, parallelism, global, screen)
                .await?
        }
    };
    let meter = Meter::new(global);
    let prepared = pass::prepare(&desired, &selection, at, parallelism, &meter).await?;
    drop(meter);
    if !args.outside_window && !prepared.is_empty() {
        in_window(desired.project.windows.as_ref())?;
    }
    let job = Job {
        stamp: pass::stamp(&desired, at),
        work: Work::Apply,
        asks: !yes && saved.is_none(),
        dry_run: false,
        shown: false,
        saved,
        overrides: args.consent.overrides(),
        preview: None,
        confirm_within: args.confirm_within,
        aside: false,
        part,
        shared,
        global,
        screen,
    };
    *stage = Stage::Trying;
    let outcome = job.carry_out(&prepared).await?;
    *stage = Stage::Done;
    match args.confirm_within {
        None => outcome.exit(),
        Some(within) => {
            let connected = prepared.into_connected();
            confirm::wait(outcome, within, connected, &desired, &job).await
        }
    }
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
    /// What is chosen; `is_saved`: one of the paths is a saved plan, and no group file.
    fn selection(&self, is_saved: bool) -> Selection {
        Selection {
            paths: match is_saved {
                true => Vec::new(),
                false => self.paths.clone(),
            },
            targets: self.targets.clone(),
            part: self.part,
            ..Selection::default()
        }
    }

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
