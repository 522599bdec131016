//! Assertions that a plan violates, found violated, or is excused from.

use crate::{
    assertion::{Status, Violation},
    plan::GroupPlan,
    report::{PlanReport, by, deciders},
};

use super::{TextStyle, Tone, count, escape, width};

/// Most lines of traffic of a violation, and of groups without changes, that are shown without `--verbose`.
const MOST_LINES: usize = 4;
const MOST_CALM: usize = 10;
const MOST_IDS: usize = 4;
/// Most violations of a group that were there before.
const MOST_KNOWN: usize = 3;
/// Most violations of a group that refuse the plan.
const MOST_REFUSED: usize = 5;
/// Ids beyond this do not widen their column.
const WIDEST_ID: usize = 36;

/// The section of one group; nothing when no assertion has anything to say. What refuses is told in full, what was violated before in a line.
pub(super) fn section(group: &GroupPlan, report: &PlanReport<'_>, style: &TextStyle) -> String {
    if group.violations.is_empty() {
        return String::new();
    }
    let (most, most_known, most_refused) = if style.verbose {
        (usize::MAX, usize::MAX, usize::MAX)
    } else {
        (MOST_LINES, MOST_KNOWN, MOST_REFUSED)
    };
    let known = |violation: &&Violation| violation.status == Status::Known;
    let hidden = group.violations.iter().filter(known).skip(most_known);
    let refused = group.violations.iter().filter(|one| one.refuses());
    let unsaid: Vec<&Violation> = refused.skip(most_refused).collect();
    let mut hidden: Vec<&Violation> = hidden.collect();
    let before = hidden.len();
    hidden.extend(&unsaid);
    let shown: Vec<&Violation> = group
        .violations
        .iter()
        .filter(|one| !hidden.iter().any(|other| std::ptr::eq(*other, *one)))
        .collect();
    let widest = shown
        .iter()
        .map(|violation| width(&violation.assertion.id).min(WIDEST_ID))
        .max()
        .unwrap_or(0);
    let mut text = String::from("  assertions:\n");
    for violation in shown {
        let (tone, word) = word(violation.status);
        let id = escape(&violation.assertion.id);
        let gap = " ".repeat(widest.saturating_sub(width(&id)));
        let brief = !violation.refuses() && !style.verbose;
        let says = if brief {
            in_brief(violation, group, report)
        } else {
            about(violation)
        };
        let says = format!("{says} ({})", violation.assertion.severity);
        text.push_str(&format!(
            "    {}  {id}{gap}  {}\n",
            style.paint(tone, format!("{word:<10}")),
            escape(&says)
        ));
        if !brief {
            for line in lines(violation, group, report, most) {
                text.push_str(&format!("      {}\n", style.paint(tone, escape(&line))));
            }
            if let Some(see) = violation.assertion.see() {
                let line = format!("      {see}");
                text.push_str(&format!("{}\n", style.paint(Tone::Faint, escape(&line))));
            }
        }
        if let Some(waiver) = &violation.waiver {
            let line = format!("      until {}: {}", waiver.until_text, waiver.reason);
            text.push_str(&format!("{}\n", style.paint(Tone::Faint, escape(&line))));
        }
    }
    for (number, words) in [
        (unsaid.len(), "violated"),
        (before, "that were violated before"),
    ] {
        if number == 0 {
            continue;
        }
        let line = format!("    … and {number} more {words}; --verbose lists them");
        text.push_str(&format!("{}\n", style.paint(Tone::Faint, line)));
    }
    text
}

/// The first line of traffic, and how many more there are.
fn in_brief(violation: &Violation, group: &GroupPlan, report: &PlanReport<'_>) -> String {
    let first = lines(violation, group, report, 1);
    let rest = match violation.traffic.len() {
        0 | 1 => String::new(),
        many => format!(" (and {} more)", many - 1),
    };
    let depends = violation.depends();
    let depends = depends.map(|depends| format!("; {depends}"));
    format!(
        "{}{rest}{}",
        first.first().map_or("", String::as_str),
        depends.unwrap_or_default()
    )
}

fn word(status: Status) -> (Tone, &'static str) {
    match status {
        Status::New => (Tone::Removed, "violated"),
        Status::OnTheWay { .. } => (Tone::Removed, "on the way"),
        // The baseline has the word `known` for itself.
        Status::Known => (Tone::Changed, "before"),
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
        match by(&deciders(group, &evidence.deciders, report.sources)) {
            names if names.is_empty() => {}
            names => line.push_str(&format!(", by {names}")),
        }
    }
    lines
}

/// What groups without changes violate as before, and how much is waived: a line each.
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
            "assertions: {} from before in unchanged groups",
            count(known.len(), "violation")
        );
        text.push_str(&format!("{}\n", style.paint(Tone::Changed, line)));
    }
    let mut by_group: Vec<(&GroupPlan, Vec<&Violation>)> = Vec::new();
    for (group, violation) in known {
        match by_group.last_mut() {
            Some((last, violations)) if std::ptr::eq(*last, group) => violations.push(violation),
            _ => by_group.push((group, vec![violation])),
        }
    }
    // With --verbose every group has a section of its own.
    let shown = if style.verbose { 0 } else { MOST_CALM };
    let hidden = by_group.len().saturating_sub(shown);
    for (group, violations) in by_group.into_iter().take(shown) {
        let said = match violations.as_slice() {
            [only] => format!("{}: {}", only.assertion.id, in_brief(only, group, report)),
            many => {
                let mut ids: Vec<&str> = many.iter().map(|one| &*one.assertion.id).collect();
                ids.dedup();
                let rest = ids.len().saturating_sub(MOST_IDS);
                ids.truncate(MOST_IDS);
                match rest {
                    0 => ids.join(", "),
                    rest => format!("{} and {rest} more", ids.join(", ")),
                }
            }
        };
        let name = escape(group.name.as_str());
        text.push_str(&format!("  {name}  {}\n", escape(&said)));
    }
    if !style.verbose && hidden > 0 {
        let line = format!(
            "  … and {}; --verbose lists them",
            count(hidden, "more group")
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
