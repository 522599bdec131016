//! What the outputs of `apply` hold when nothing was applied: an old report must never pass for a new one.

use crate::report::{Format, checked::Checked, markdown, text};

use super::{Failure, Global, Screen, plan::Shared, project, publish::Github};

/// Writes why to every file among the outputs, and to stdout where it has another format than text. `part`: of the project.
pub(super) fn write(
    failure: &Failure,
    part: &str,
    shared: &Shared,
    global: &Global,
    screen: &Screen,
) {
    let project = project::seen_from_top(global);
    let reasons: Vec<String> = [&failure.causes, &failure.details]
        .into_iter()
        .flatten()
        .cloned()
        .collect();
    let checked = Checked {
        command: "apply",
        project: &project,
        part,
        findings: &failure.findings,
        is_cut_short: true,
        ..Checked::default()
    };
    // Formats that know findings alone must not show a run that found nothing.
    let findings = failure.as_findings();
    let told = Checked {
        findings: &findings,
        ..checked
    };
    let help = failure.help.iter().cloned();
    let helped: Vec<String> = reasons.iter().cloned().chain(help).collect();
    let draw = |format: Format, _: &text::TextStyle| match format {
        Format::Text => failure.plain(),
        Format::Markdown | Format::Html => format.unapplied(&failure.message, &helped, &checked),
        format => format.unapplied(&failure.message, &reasons, &told),
    };
    let github = Github::new(&shared.output);
    let annotated = github.annotate(&findings, &shared.output, screen);
    let summarized = github.summarize(|| markdown::unapplied(&failure.message, &helped, &checked));
    let written = if shared.is_text() {
        screen.files(&shared.output, draw)
    } else {
        screen.report(&shared.output, draw)
    };
    for unwritten in [annotated, summarized, written]
        .into_iter()
        .filter_map(Result::err)
    {
        screen.failure(&unwritten);
    }
}
