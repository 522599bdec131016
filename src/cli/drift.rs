//! `rulekeep drift`.

use jiff::Timestamp;

use crate::{
    diag::Diagnostic,
    exit::Exit,
    guard::Overrides,
    lint::lint_with_lists,
    notify as message,
    report::{Review, Subject, finding::Origin, text},
};

use super::{
    Failure, Global, Screen,
    gate::{self, Gate},
    look::{Asked, Looked},
    notify, pass,
    plan::Shared,
    progress::Meter,
    project::Selection,
    publish::{self, Github},
    since::Since,
};

/// Say where the cloud differs from the files
///
/// The same comparison as `plan`, in words for a job that watches. Exits with 2 when there is any drift. Live rules that
/// partial mode leaves alone are no drift.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    selection: Selection,
    #[command(flatten)]
    since: Since,
    #[command(flatten)]
    gate: Gate,
    #[command(flatten)]
    shared: Shared,
}

pub(super) async fn run(args: &Args, global: &Global, screen: &Screen) -> Result<Exit, Failure> {
    let github = Github::new(&args.shared.output);
    let asked = Asked {
        command: "drift",
        selection: &args.selection,
        since: &args.since,
        gate: &args.gate,
        shared: &args.shared,
        global,
        screen,
    };
    let mut is_shown = false;
    let done = drift(&asked, &github, &mut is_shown).await;
    asked.end(done, is_shown, &github).await
}

async fn drift(asked: &Asked<'_>, github: &Github, is_shown: &mut bool) -> Result<Exit, Failure> {
    let (global, screen, outputs) = (asked.global, asked.screen, &asked.shared.output);
    let Looked {
        gate,
        desired,
        warnings: mut files,
        selection,
    } = asked.look().await?;
    let at = Timestamp::now();
    let stamp = pass::stamp(&desired, at);
    let meter = Meter::new(global);
    let parallelism = asked.shared.parallelism.into();
    let prepared = pass::prepare(&desired, &selection, at, parallelism, &meter).await?;
    drop(meter);

    let mut diagnostics = prepared.diagnostics();
    let refusals = prepared
        .guarded(&Overrides::default())
        .err()
        .unwrap_or_default();
    let report = prepared.report(&refusals, &stamp);
    // For people, drift speaks of the cloud and leaves odd rules to `validate`.
    let mut odd = Vec::new();
    if publish::wants_findings(outputs, github) || gate.wants_findings() {
        let chosen = selection.choose(&desired)?;
        odd = lint_with_lists(&desired, at, prepared.lists(), |index| {
            chosen.contains(&index)
        });
    }
    let all: Vec<Diagnostic> = files.iter().cloned().chain(odd).collect();
    let findings = publish::Findings::of_drift(
        &prepared,
        (&refusals, &stamp, &all),
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
        checked: findings.checked("drift", &gate),
        subject: Subject::Drift,
        apply: &format!("rulekeep apply{words}"),
    };
    let draw = |style: &text::TextStyle| text::drift(&report, style);
    *is_shown = true;
    publish::review(&review, outputs, github, screen, draw)?;
    let facts = notify::facts(&desired.project, &stamp);
    if prepared.is_errored() {
        return Err(asked
            .not_whole(&desired, &report, &diagnostics, &stamp)
            .await);
    }
    let fights = notify::fights(&desired.project, None, screen);
    let messages: Vec<_> = message::drifted(&report, &facts)
        .into_iter()
        .chain(message::fought(&fights, &facts))
        .collect();
    notify::tell(&desired.project, &messages, screen).await;
    github.tell(&review, None)?;
    gate.update(&findings.all, Origin::Cloud, screen)?;
    gate.verdict(&findings.all)?;
    if prepared.is_empty() {
        return Ok(Exit::Done);
    }
    screen.hint(&format!(
        "`rulekeep apply{words}` makes the cloud hold what the files declare"
    ));
    Ok(Exit::Changes)
}
