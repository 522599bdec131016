//! The plan in drift words: what the cloud has otherwise than the files say.

use crate::{diag::Diagnostic, plan::ChangeKind, report::PlanReport};

use super::{
    TextStyle, Tone, count,
    plan::{header, part, unread},
    rule_line,
    table::{self, Row},
};

/// Draws drift; the last line is `Drift: 1 missing, 1 differs, 2 live only.` or `No drift.`, and neither when something
/// could not be read.
pub fn drift(report: &PlanReport<'_>, style: &TextStyle) -> String {
    let mut text = String::new();
    let mut calm = 0;
    for group in &report.plan.groups {
        if group.changes.is_empty() {
            calm += 1;
            if !style.verbose {
                continue;
            }
        }
        text.push_str(&header(group, report, style));
        let mut rows: Vec<Row> = group
            .changes
            .iter()
            .map(|change| {
                let mut row = rule_line::change(change, report, style);
                row.lead = match change.kind {
                    ChangeKind::Add(_) => "missing",
                    ChangeKind::Modify { .. } => "differs",
                    ChangeKind::Delete(_) => "live only",
                };
                row
            })
            .collect();
        if style.verbose {
            let left = group.unmanaged.iter();
            rows.extend(left.map(|seen| rule_line::live("unmanaged", seen, style)));
        }
        text.push_str(&table::draw(&rows, style));
        text.push('\n');
    }
    // Of a group with an error nobody knows whether it is as declared.
    let broken = report.plan.diagnostics.iter().any(Diagnostic::is_error);
    if calm > 0 && !style.verbose && !broken {
        text.push_str(&format!("{} as declared\n", count(calm, "group")));
    }
    text.push_str(&unread(report, style));
    if calm > 0 || !report.failures.is_empty() {
        text.push('\n');
    }
    text.push_str(&part(report));
    text.push_str(&style.paint(Tone::Strong, summary(report)));
    text.push('\n');
    text
}

/// The last line.
pub fn summary(report: &PlanReport<'_>) -> String {
    let counts = report.plan.counts();
    if report.is_errored() && counts.is_empty() {
        format!("Drift not fully known: {}.", report.lacks())
    } else if report.is_errored() {
        format!(
            "Drift not fully known: {}. The rest: {} missing, {} different, {} live only.",
            report.lacks(),
            counts.add,
            counts.change,
            counts.destroy
        )
    } else if counts.is_empty() {
        "No drift.".to_owned()
    } else {
        let verb = if counts.change == 1 {
            "differs"
        } else {
            "differ"
        };
        format!(
            "Drift: {} missing, {} {verb}, {} live only.",
            counts.add, counts.change, counts.destroy
        )
    }
}
