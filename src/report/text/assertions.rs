//! Assertions that a plan violates, found violated, or is excused from.

use crate::{
    assertion::{Status, Violation},
    plan::GroupPlan,
    report::{PlanReport, deciders},
};

use super::{TextStyle, Tone, count, escape, width};

/// Most lines of traffic of a violation, and of groups without changes, that are shown without `--verbose`.
const MOST_LINES: usize = 4;
const MOST_CALM: usize = 10;
/// Ids beyond this do not widen their column.
const WIDEST_ID: usize = 36;

/// The section of one group; nothing when no assertion has anything to say.
pub(super) fn section(group: &GroupPlan, report: &PlanReport<'_>, style: &TextStyle) -> String {
    if group.violations.is_empty() {
        return String::new();
    }
    let mut text = String::from("  assertions:\n");
    let widest = group
        .violations
        .iter()
        .map(|violation| width(&violation.assertion.id).min(WIDEST_ID))
        .max()
        .unwrap_or(0);
    for violation in &group.violations {
        let (tone, word) = word(violation.status);
        let id = escape(&violation.assertion.id);
        let gap = " ".repeat(widest.saturating_sub(width(&id)));
        let says = escape(&about(violation));
        text.push_str(&format!(
            "    {}  {id}{gap}  {}\n",
            style.paint(tone, format!("{word:<10}")),
            style.paint(Tone::Faint, says)
        ));
        let most = if style.verbose {
            usize::MAX
        } else {
            MOST_LINES
        };
        for line in lines(violation, group, report, most) {
            text.push_str(&format!("      {}\n", style.paint(tone, escape(&line))));
        }
        if let Some(waiver) = &violation.waiver {
            let line = format!("until {}: {}", waiver.until_text, waiver.reason);
            text.push_str(&format!(
                "      {}\n",
                style.paint(Tone::Faint, escape(&line))
            ));
        }
    }
    text
}

fn word(status: Status) -> (Tone, &'static str) {
    match status {
        Status::New => (Tone::Removed, "violated"),
        Status::OnTheWay { .. } => (Tone::Removed, "on the way"),
        Status::Known => (Tone::Changed, "known"),
        Status::Waived { .. } => (Tone::Faint, "waived"),
    }
}

/// What it says, or its title, and why.
fn about(violation: &Violation) -> String {
    let assertion = &violation.assertion;
    let what = match &assertion.title {
        Some(title) => title.to_string(),
        None => assertion.says(),
    };
    let mut about = match &assertion.because {
        Some(because) => format!("{what}, because {because}"),
        None => what,
    };
    if let Status::OnTheWay { wave } = violation.status {
        about = format!("{about} (layer {})", wave + 1);
    }
    about
}

/// The packets, a line each, with the rules that decide about them.
fn lines(
    violation: &Violation,
    group: &GroupPlan,
    report: &PlanReport<'_>,
    most: usize,
) -> Vec<String> {
    let mut lines = violation.lines(most);
    for (line, evidence) in lines.iter_mut().zip(&violation.traffic).take(most) {
        let names = deciders(group, &evidence.deciders, report.sources);
        match names.as_slice() {
            [] => {}
            [one] => line.push_str(&format!(", by {one}")),
            [one, rest @ ..] => line.push_str(&format!(", by {one} and {} more", rest.len())),
        }
    }
    lines
}

/// What groups without changes are known to violate, and how much is waived: a line each.
pub(super) fn calm(report: &PlanReport<'_>, style: &TextStyle) -> String {
    let calm = || {
        report
            .plan
            .groups
            .iter()
            .filter(|group| group.changes.is_empty())
    };
    let is_waived = |violation: &&Violation| matches!(violation.status, Status::Waived { .. });
    let all = || {
        calm().flat_map(|group| {
            group
                .violations
                .iter()
                .map(move |violation| (group, violation))
        })
    };
    let waived = all().filter(|(_, violation)| is_waived(violation)).count();
    let known: Vec<_> = all()
        .filter(|(_, violation)| !is_waived(violation))
        .collect();
    let mut text = String::new();
    if !known.is_empty() {
        let line = format!(
            "assertions: {} in unchanged groups",
            count(known.len(), "known violation")
        );
        text.push_str(&format!("{}\n", style.paint(Tone::Changed, line)));
    }
    for (group, violation) in known.iter().take(MOST_CALM) {
        let lines = lines(violation, group, report, 1);
        let rest = match violation.traffic.len() {
            0 | 1 => String::new(),
            many => format!(" (and {} more)", many - 1),
        };
        let line = lines.first().cloned().unwrap_or_default();
        text.push_str(&format!(
            "  {}  {}  {}{rest}\n",
            escape(group.name.as_str()),
            escape(&violation.assertion.id),
            escape(&line)
        ));
    }
    if known.len() > MOST_CALM {
        let line = format!(
            "  … and {} more; --verbose lists them",
            known.len() - MOST_CALM
        );
        text.push_str(&format!("{}\n", style.paint(Tone::Faint, line)));
    }
    if waived > 0 {
        let line = format!(
            "assertions: {} in unchanged groups",
            count(waived, "waived violation")
        );
        text.push_str(&format!("{}\n", style.paint(Tone::Faint, line)));
    }
    text
}
