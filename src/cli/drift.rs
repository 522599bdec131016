//! `rulekeep drift`.

use jiff::Timestamp;

use crate::{
    diag::Diagnostic,
    exit::Exit,
    guard::Overrides,
    lint::lint,
    notify as message,
    report::{Review, Subject, finding::Origin, text},
};

use super::{
    Failure, Global, Screen,
    gate::{self, Gate},
    notify, pass,
    plan::{Shared, not_whole},
    progress::Meter,
    project::{self, Selection},
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
    let outputs = &args.shared.output;
    let github = Github::new(outputs);
    let part = args.selection.part(args.since.is_given());
    let tell = |failure: Failure| {
        let run = ("drift", part.as_str());
        publish::nothing(&failure, run, outputs, &github, global, screen);
        failure
    };
    let gate = args
        .gate
        .open(args.selection.is_narrow() || args.since.is_given())
        .map_err(tell)?;
    let (desired, mut files) = project::load_with_warnings(global, screen).map_err(tell)?;
    let (desired, more) = pass::discovered(desired, args.shared.parallelism.into(), screen)
        .await
        .map_err(tell)?;
    files.extend(more);
    let at = Timestamp::now();
    let stamp = pass::stamp(&desired, at);
    let meter = Meter::new(global);
    let parallelism = args.shared.parallelism.into();
    let selection = pass::meant(&args.selection, &desired, parallelism)
        .await
        .map_err(tell)?;
    let selection = args
        .since
        .narrow(&selection, &desired, global, screen)
        .map_err(tell)?;
    let prepared = pass::prepare(&desired, &selection, at, parallelism, &meter)
        .await
        .map_err(tell)?;
    drop(meter);

    let mut diagnostics = prepared.diagnostics();
    let refusals = prepared
        .guarded(&Overrides::default())
        .err()
        .unwrap_or_default();
    let report = prepared.report(&refusals, &stamp);
    // For people, drift speaks of the cloud and leaves odd rules to `validate`.
    let mut odd = Vec::new();
    if publish::wants_findings(outputs, &github) || gate.wants_findings() {
        let chosen = selection.choose(&desired).map_err(tell)?;
        odd = lint(&desired, at, |index| chosen.contains(&index));
    }
    let all: Vec<Diagnostic> = files.iter().cloned().chain(odd).collect();
    let findings = publish::Findings::of_drift(
        &prepared,
        (&refusals, &stamp, &all),
        (&gate, outputs, &github),
    )
    .of_part(&part);
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
    publish::review(&review, outputs, &github, screen, draw)?;
    let facts = notify::facts(&desired.project, &stamp);
    if prepared.is_errored() {
        let failure = not_whole(&report, &diagnostics);
        let failed = message::failed("drift", &failure.message, &failure.causes, &facts);
        notify::tell(&desired.project, &[failed], screen).await;
        return Err(failure);
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
