//! `rulekeep plan`.

use std::path::PathBuf;

use clap::builder::FalseyValueParser;
use jiff::{Timestamp, civil::Date, tz::TimeZone};

use crate::{
    diag::Diagnostic,
    exit::Exit,
    guard::Overrides,
    lint::lint_with_lists,
    notify as message,
    report::{Format, OutputSpec, PlanReport, Review, Subject, finding::Origin, text},
};

use super::{
    Failure, Global, Screen,
    gate::{self, Gate},
    history,
    look::{Asked, Looked},
    notify, output, pass,
    progress::Meter,
    project::{self, Selection},
    publish::{self, Github},
    since::Since,
};

/// Show what `apply` would change
///
/// Reads the files and the cloud and changes neither. What the guard would refuse is shown with the plan.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  rulekeep plan                          every group
  rulekeep plan rules/web.yaml           the groups of one file
  rulekeep plan --target web --verbose   one group, with every field
  rulekeep plan --out plan.json          save it; `rulekeep apply plan.json` applies exactly this
  rulekeep plan -o json | jq .summary    for programs
  rulekeep plan -o text -o markdown=comment.md    and as the comment on a pull request")]
pub(super) struct Args {
    #[command(flatten)]
    selection: Selection,
    #[command(flatten)]
    since: Since,
    /// Save the plan for `apply`, which refuses it when anything has moved since
    #[arg(long, value_name = "FILE", env = "RULEKEEP_OUT")]
    out: Option<PathBuf>,
    /// Exit with 2 when there are changes
    #[arg(
        long,
        env = "RULEKEEP_DETAILED_EXITCODE",
        value_parser = FalseyValueParser::new(),
        action = clap::ArgAction::SetTrue
    )]
    detailed_exitcode: bool,
    /// Plan as of this moment, for `expires`: a date or an RFC 3339 time
    #[arg(long, value_name = "TIME", value_parser = moment, env = "RULEKEEP_AT")]
    at: Option<Timestamp>,
    #[command(flatten)]
    gate: Gate,
    #[command(flatten)]
    shared: Shared,
}

/// What all commands that plan take.
#[derive(Clone, Debug, clap::Args)]
pub(super) struct Shared {
    /// Write the result to stdout or =FILE as text, json, markdown, html, sarif, junit, gitlab, codequality or github;
    /// may be repeated
    #[arg(
        short,
        long = "output",
        value_name = "FORMAT[=FILE]",
        env = "RULEKEEP_OUTPUT"
    )]
    pub(super) output: Vec<OutputSpec>,
    /// Most requests at a time
    #[arg(
        long,
        value_name = "N",
        default_value_t = 10,
        value_parser = parallelism,
        allow_negative_numbers = true,
        env = "RULEKEEP_PARALLELISM"
    )]
    pub(super) parallelism: u16,
}

pub(super) async fn run(args: &Args, global: &Global, screen: &Screen) -> Result<Exit, Failure> {
    let github = Github::new(&args.shared.output);
    let asked = Asked {
        command: "plan",
        selection: &args.selection,
        since: &args.since,
        gate: &args.gate,
        shared: &args.shared,
        global,
        screen,
    };
    let mut is_shown = false;
    let done = plan(args, &asked, &github, &mut is_shown).await;
    asked.end(done, is_shown, &github).await
}

async fn plan(
    args: &Args,
    asked: &Asked<'_>,
    github: &Github,
    is_shown: &mut bool,
) -> Result<Exit, Failure> {
    let (global, screen, outputs) = (asked.global, asked.screen, &args.shared.output);
    if args.at.is_some() && args.out.is_some() {
        return Err(
            Failure::usage("a plan of another moment cannot be saved: --at and --out")
                .help("apply plans as of now; leave out --at, or look at that plan without --out"),
        );
    }
    let Looked {
        gate,
        desired,
        warnings,
        selection,
    } = asked.look().await?;
    history::mention(&desired.project.root, screen);
    if let Some(path) = &args.out {
        project::refuse_among_rules(path, &desired)?;
    }
    let at = args.at.unwrap_or_else(Timestamp::now);
    let stamp = pass::stamp(&desired, at);
    let meter = Meter::new(global);
    let parallelism = args.shared.parallelism.into();
    let prepared = pass::prepare(&desired, &selection, at, parallelism, &meter).await?;
    drop(meter);

    let mut diagnostics = prepared.diagnostics();
    let chosen = selection.choose(&desired)?;
    let linted = lint_with_lists(&desired, at, prepared.lists(), |index| {
        chosen.contains(&index)
    });
    let mut files: Vec<Diagnostic> = warnings.into_iter().chain(linted).collect();
    let refusals = prepared
        .guarded(&Overrides::default())
        .err()
        .unwrap_or_default();
    let report = prepared.report(&refusals, &stamp);
    let findings = publish::Findings::of_plan(
        &prepared,
        (&refusals, &stamp, &files),
        (&gate, outputs, github),
    )
    .of_part(&asked.part());
    gate::say_known(&findings.all, &mut files);
    gate::say_known(&findings.all, &mut diagnostics);
    screen.diagnostics(&desired.sources, &files);
    screen.diagnostics(&desired.sources, &diagnostics);
    let words = selection.words();
    let review = Review {
        plan: report,
        checked: findings.checked("plan", &gate),
        subject: Subject::Plan,
        apply: &match &args.out {
            Some(path) => format!(
                "rulekeep apply {}",
                project::quoted(&path.to_string_lossy())
            ),
            None => format!("rulekeep apply{words}"),
        },
    };
    let draw = |style: &text::TextStyle| text::plan(&report, style);
    *is_shown = true;
    publish::review(&review, outputs, github, screen, draw)?;
    if prepared.is_errored() {
        return Err(asked
            .not_whole(&desired, &report, &diagnostics, &stamp)
            .await);
    }
    if let Some(path) = &args.out {
        pass::save(&prepared, path, &refusals, &stamp)?;
    }
    github.tell(&review, args.out.as_deref())?;
    let facts = notify::facts(&desired.project, &stamp);
    let planned = message::planned(&report, &facts);
    notify::tell(&desired.project, planned.as_slice(), screen).await;
    match &args.out {
        Some(path) if !refusals.is_empty() => screen.hint(&format!(
            "{} is saved, but the guard refuses this plan as it stands: `rulekeep apply {}` needs what the refusals name",
            path.display(),
            path.display()
        )),
        _ if prepared.is_empty() => {}
        // Whatever the guard says of it, nobody can apply it.
        None if args.at.is_some() => screen.hint(&format!(
            "this is the plan as of {at}; `rulekeep apply{words}` plans as of now, which may be another plan"
        )),
        _ if !refusals.is_empty() => {}
        Some(path) => screen.hint(&format!(
            "`rulekeep apply {}` applies exactly this plan",
            path.display()
        )),
        None => screen.hint(&format!(
            "`rulekeep apply{words}` makes these changes; with `--out plan.json` this plan is saved for it"
        )),
    }
    gate.update(&findings.all, Origin::Cloud, screen)?;
    gate.verdict(&findings.all)?;
    Ok(if args.detailed_exitcode && !prepared.is_empty() {
        Exit::Changes
    } else {
        Exit::Done
    })
}

/// What is said when the plan lacks something.
pub(super) fn not_whole(report: &PlanReport<'_>, diagnostics: &[Diagnostic]) -> Failure {
    if diagnostics.iter().any(Diagnostic::is_error) {
        return project::not_planned(diagnostics);
    }
    let unread = report.count_unread();
    let failure = Failure::new(format!("{unread} could not be read; nothing was changed"));
    // Where stdout has the text, it has said why.
    let failure = failure.help("mend the access, or leave groups out with PATH or --target");
    report
        .unread()
        .into_iter()
        .take(3)
        .fold(failure, |mut failure, unread| {
            // The plan has the rest of a long explanation.
            let first = unread.error.lines().next().unwrap_or_default();
            let first = first.trim_end_matches(':');
            let place = &unread.place;
            failure.causes.push(match &unread.names[..] {
                [name] => format!("{place}/{name}: {first}"),
                _ => format!("{} in {place}: {first}", unread.count()),
            });
            failure
        })
}

/// A number of requests at a time.
pub(super) fn parallelism(text: &str) -> Result<u16, String> {
    let number = text
        .parse()
        .ok()
        .filter(|number| (1..=256).contains(number));
    number.ok_or_else(|| "not a number from 1 to 256".into())
}

/// A date, meaning its beginning in UTC, or an RFC 3339 time.
fn moment(text: &str) -> Result<Timestamp, String> {
    if let Ok(time) = text.parse::<Timestamp>() {
        return Ok(time);
    }
    // A time without a zone would be read as a date, and its time lost.
    Date::strptime("%Y-%m-%d", text)
        .and_then(|date| date.to_zoned(TimeZone::UTC))
        .map(|zoned| zoned.timestamp())
        .map_err(|_| {
            "neither a date (2027-01-31) nor an RFC 3339 time (2027-01-31T08:00:00Z)".into()
        })
}

impl Shared {
    /// Whether stdout has text.
    pub(super) fn is_text(&self) -> bool {
        output::stdout_format(&self.output) == Format::Text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moment_is_a_date_or_a_time() {
        let at = |text: &str| moment(text).map(|time| time.to_string());
        assert_eq!(at("2027-01-31"), Ok("2027-01-31T00:00:00Z".into()));
        assert_eq!(
            at("2027-01-31T08:00:00+08:00"),
            Ok("2027-01-31T00:00:00Z".into())
        );
        for text in ["", "tomorrow", "2027-02-30", "2027-01-31T08:00"] {
            assert!(moment(text).is_err(), "{text}");
        }
    }
}
