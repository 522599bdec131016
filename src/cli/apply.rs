//! `rulekeep apply`.

use std::path::{Path, PathBuf};

use clap::builder::FalseyValueParser;
use jiff::Timestamp;

use crate::{
    apply::Report,
    exit::Exit,
    guard::{Overrides, Refusal},
    report::{Format, json, text},
};

use super::{
    Failure, Global, Screen, confirm, output, pass, plan,
    plan::Shared,
    progress::Meter,
    project::{self, Selection, Targets},
    stop::stop,
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
  rulekeep apply --yes -o json=report.json      in CI")]
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
    /// Let up to N deletes in a group pass the guard
    #[arg(
        long,
        value_name = "N",
        value_parser = whole_number,
        allow_negative_numbers = true,
        env = "RULEKEEP_ALLOW_DELETES"
    )]
    allow_deletes: Option<usize>,
    /// Let up to N changes in a group pass the guard
    #[arg(
        long,
        value_name = "N",
        value_parser = whole_number,
        allow_negative_numbers = true,
        env = "RULEKEEP_ALLOW_CHANGES"
    )]
    allow_changes: Option<usize>,
    /// Let traffic be cut for a while where no order avoids it
    #[arg(long, env = "RULEKEEP_ACCEPT_INTERRUPTION", value_parser = FalseyValueParser::new(), action = clap::ArgAction::SetTrue)]
    accept_interruption: bool,
    /// Let traffic through for a while where no order avoids it
    #[arg(long, env = "RULEKEEP_ACCEPT_OPENING", value_parser = FalseyValueParser::new(), action = clap::ArgAction::SetTrue)]
    accept_opening: bool,
    #[command(flatten)]
    shared: Shared,
}

pub(super) async fn run(args: &Args, global: &Global, screen: &Screen) -> Result<Exit, Failure> {
    match attempt(args, global, screen).await {
        Ok((report, nothing)) => finish(args, screen, &report, nothing),
        Err(failure) => {
            unapplied::write(&failure, &args.shared, screen);
            Err(failure)
        }
    }
}

/// The report, and whether the plan was empty and has said so; an error: nothing was applied.
async fn attempt(args: &Args, global: &Global, screen: &Screen) -> Result<(Report, bool), Failure> {
    let saved = args.saved_plan()?.map(pass::read_saved).transpose()?;
    let asks = !args.yes && saved.is_none();
    let desired = project::load(global, screen)?;
    let at = Timestamp::now();
    let stamp = pass::stamp(&desired, at);
    let parallelism = args.shared.parallelism.into();
    let selection = match &saved {
        Some(saved) => saved.selection.below(&desired.project.root),
        None => Selection {
            paths: args.paths.clone(),
            targets: args.targets.clone(),
        },
    };
    let meter = Meter::new(global);
    let prepared = pass::prepare(&desired, &selection, at, parallelism, &meter).await?;
    drop(meter);

    let diagnostics = prepared.diagnostics();
    screen.diagnostics(&desired.sources, &diagnostics);
    if let Some(saved) = &saved {
        // Before anything is shown: it would be another plan than the one that was asked for.
        let moved = pass::check(saved, &prepared, &stamp);
        if !moved.is_empty() {
            return Err(stale(moved));
        }
    }
    let guarded = prepared.guarded(&Overrides {
        allow_deletes: args.allow_deletes,
        allow_changes: args.allow_changes,
        accept_interruption: args.accept_interruption,
        accept_opening: args.accept_opening,
    });
    let (approved, refusals) = match guarded {
        Ok(approved) => (Some(approved), Vec::new()),
        Err(refusals) => (None, refusals),
    };
    let shown = prepared.report(&refusals, &stamp);
    if args.shared.is_text() {
        screen.result(&text::plan(&shown, &screen.out))?;
    } else if asks || approved.is_none() {
        screen.say(&text::plan(&shown, &screen.err));
    }
    if prepared.is_errored() {
        return Err(plan::not_whole(&shown, &diagnostics));
    }
    let Some(approved) = approved else {
        return Err(refused(&refusals));
    };
    if prepared.is_empty() {
        return Ok((Report::default(), true));
    }
    if asks {
        if !confirm::can_ask() {
            return Err(confirm::nobody_to_ask());
        }
        if !confirm::ask(screen)? {
            return Err(Failure::new("not confirmed; nothing was changed"));
        }
    }
    let meter = Meter::new(global);
    let stop = stop(
        *screen,
        "stopping after the calls in flight; once more stops at once",
    );
    let report = pass::apply(&prepared, &approved, parallelism, &meter, stop).await?;
    drop(meter);
    Ok((report, false))
}

/// Prints what came of it; `nothing`: the plan was empty and has said so.
fn finish(args: &Args, screen: &Screen, report: &Report, nothing: bool) -> Result<Exit, Failure> {
    let draw = |format: Format, style: &text::TextStyle| match format {
        Format::Text if nothing => "No changes.\n".to_owned(),
        Format::Text => text::applied(report, style),
        Format::Json => json::applied(report),
    };
    let shown = if nothing && args.shared.is_text() {
        screen.files(&args.shared.output, draw)
    } else {
        let files = screen.files(&args.shared.output, draw);
        // Apart from the plan above it.
        let gap = if args.shared.is_text() { "\n" } else { "" };
        let format = output::stdout_format(&args.shared.output);
        screen
            .result(&format!("{gap}{}", draw(format, &screen.out)))
            .and(files)
    };
    let exit = Exit::from(report.verdict());
    match shown {
        // What was done to the cloud weighs more than what became of the report.
        Err(failure) if exit != Exit::Done => screen.failure(&failure),
        shown => shown?,
    }
    match exit {
        Exit::Done => {}
        Exit::Interrupted => {
            screen.hint("run `rulekeep apply` again: it makes only what is still missing");
        }
        _ => screen.hint("run `rulekeep apply` again when the cause is mended: it makes only what is still missing"),
    }
    Ok(exit)
}

fn whole_number(text: &str) -> Result<usize, String> {
    text.parse()
        .map_err(|_| "not a whole number, such as 12".into())
}

fn refused(refusals: &[Refusal]) -> Failure {
    let mut failure = Failure::with(
        Exit::Refused,
        format!(
            "the guard refused the plan for {}; nothing was changed",
            text::count(refusals.len(), "reason")
        ),
    );
    let details = refusals.iter().map(|refusal| {
        let Refusal {
            name,
            reason,
            message,
            ..
        } = refusal;
        format!("{name}: {reason}: {message}")
    });
    failure.details = details.collect();
    failure
}

fn stale(moved: Vec<String>) -> Failure {
    let mut failure = Failure::with(
        Exit::Stale,
        "the saved plan no longer fits; nothing was changed",
    )
    .help("make a new one and look at it: `rulekeep plan --out FILE`");
    failure.causes = moved;
    failure
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
    use crate::{
        apply::{GroupOutcome, GroupReport},
        model::{AccountName, GroupId, RegionId},
        plan::Address,
    };

    use super::*;

    fn ended(outcomes: Vec<(GroupOutcome, usize)>) -> Exit {
        let groups = outcomes.into_iter().map(|(outcome, added)| GroupReport {
            address: Address {
                account: AccountName::new("demo"),
                region: RegionId::new("cn-hangzhou"),
                group: GroupId::new("sg-1"),
            },
            name: "web".into(),
            outcome,
            added,
            changed: 0,
            destroyed: 0,
            notes: Vec::new(),
        });
        let groups = groups.collect();
        let run_id = String::new();
        Report { run_id, groups }.verdict().into()
    }

    fn failed() -> GroupOutcome {
        GroupOutcome::Failed {
            call: String::new(),
            error: String::new(),
            rules: Vec::new(),
        }
    }

    #[test]
    fn the_exit_code_says_how_much_was_done() {
        use GroupOutcome::{Done, Interrupted, NotBegun, NotYetVisible};
        assert_eq!(ended(vec![]), Exit::Done);
        assert_eq!(ended(vec![(Done, 1), (Done, 0)]), Exit::Done);
        assert_eq!(ended(vec![(Done, 1), (failed(), 0)]), Exit::Partial);
        assert_eq!(ended(vec![(failed(), 1)]), Exit::Partial);
        assert_eq!(ended(vec![(failed(), 0)]), Exit::Error);
        assert_eq!(ended(vec![(NotYetVisible(vec![]), 1)]), Exit::Partial);
        assert_eq!(ended(vec![(Done, 1), (NotBegun, 0)]), Exit::Interrupted);
        assert_eq!(
            ended(vec![(failed(), 0), (Interrupted, 1)]),
            Exit::Interrupted
        );
    }
}
