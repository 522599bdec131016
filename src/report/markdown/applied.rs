//! What came of an apply, as Markdown.

use crate::{
    apply::{GroupOutcome, GroupReport, Report},
    report::{
        checked::Checked,
        finding::Finding,
        text::{self, escape as visible},
    },
};

use super::{LIMIT, LONG, code, cut, fitting, fold, list, marker, prose};

/// Room of the groups that did not end well.
const FAILED: usize = 44_000;
/// Room of those that did.
const DONE: usize = 12_000;

/// What came of an apply: what failed is outside of any fold. `part`: of the project, as a [`Checked`] has it.
pub fn applied(report: &Report, part: &str) -> String {
    let headline = text::applied_summary(report);
    let headline = headline.trim_end_matches('.');
    let mut parts = vec![format!("### {headline} {}\n", marker("apply", part))];
    let is_done = |group: &&GroupReport| group.outcome == GroupOutcome::Done;
    let (done, others): (Vec<_>, Vec<_>) = report.groups.iter().partition(is_done);
    if !others.is_empty() {
        let items: Vec<String> = others.into_iter().map(failed).collect();
        let more = |rest| format!("- … and {} more\n", text::count(rest, "group"));
        parts.push(fitting(items.into_iter(), FAILED, more));
    }
    if !done.is_empty() {
        let title = format!("{} done", text::count(done.len(), "group"));
        let lines: Vec<String> = done.into_iter().map(line).collect();
        let more = |rest| format!("- … and {} more\n", text::count(rest, "group"));
        parts.push(fold(&title, &fitting(lines.into_iter(), DONE, more)));
    }
    if !report.run_id.is_empty() {
        parts.push(format!("---\nRun {}\n", code(&cut(&report.run_id, 80))));
    }
    parts.join("\n")
}

/// An apply that was not begun.
pub fn unapplied(message: &str, reasons: &[String], checked: &Checked<'_>) -> String {
    let line = format!(
        "### Not applied: {} {}\n",
        prose(&cut(message, LONG)),
        marker("apply", checked.part)
    );
    let body = match checked.findings.is_empty() {
        false => list(
            &checked.findings.iter().collect::<Vec<&Finding>>(),
            LIMIT - 4 * LONG,
        ),
        true => {
            let lines = reasons
                .iter()
                .map(|reason| format!("- {}\n", prose(&cut(reason, LONG))));
            let more = |rest| format!("- … and {} more\n", text::count(rest, "reason"));
            fitting(lines, LIMIT - 4 * LONG, more)
        }
    };
    [line, body].join("\n")
}

fn line(group: &GroupReport) -> String {
    let GroupReport {
        address,
        name,
        added,
        changed,
        destroyed,
        notes,
        ..
    } = group;
    let name = code(&cut(name, 160));
    let address = code(&cut(&address.to_string(), 160));
    let mut text = format!("- {name} +{added} ~{changed} −{destroyed} ({address})\n");
    for note in notes {
        text.push_str(&format!("  - Note: {}\n", prose(&cut(note, LONG))));
    }
    text
}

/// `call    authorize ..`, a line of the terminal's columns, without the columns.
fn labelled(line: &str) -> String {
    let shown = |text: &str| code(&cut(&visible(text), LONG));
    match line.split_once("  ") {
        Some((label, rest)) if label.bytes().all(|byte| byte.is_ascii_lowercase()) => {
            format!("**{label}** {}", shown(rest.trim_start()))
        }
        _ => shown(line),
    }
}

fn failed(group: &GroupReport) -> String {
    let (word, _) = text::ending(group);
    let name = code(&cut(&group.name, 160));
    let counts = format!("+{} ~{} −{}", group.added, group.changed, group.destroyed);
    let mut text = format!("- **{word}** {name} {counts}\n");
    let details = text::applied_details(group);
    for detail in details.lines().take(12) {
        text.push_str(&format!("  - {}\n", labelled(detail.trim())));
    }
    let hidden = details.lines().count().saturating_sub(12);
    if hidden > 0 {
        text.push_str(&format!("  - … and {} more\n", text::count(hidden, "line")));
    }
    text
}
