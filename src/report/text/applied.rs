//! What came of an apply: a line per group, details where something is left to do.

use crate::apply::{GroupOutcome, GroupReport, Report};

use super::{TextStyle, Tone, count, escape, table::pad, width};

/// Draws the report of an apply; the last line is `Apply complete! Resources: ..` when everything is done.
pub fn applied(report: &Report, style: &TextStyle) -> String {
    let name_width = report
        .groups
        .iter()
        .map(|group| width(&escape(&group.name)))
        .max()
        .unwrap_or(0);
    let counts_width = report.groups.iter().map(|group| counts(group).len()).max();
    let counts_width = counts_width.unwrap_or(0);
    let words = report.groups.iter();
    let word_width = words.map(|group| ending(group).0.len()).max();
    let widths = [name_width, word_width.unwrap_or(0), counts_width];
    let mut text = String::new();
    for group in &report.groups {
        text.push_str(&line(group, widths, style));
        text.push_str(&details(group));
    }
    if !text.is_empty() {
        text.push('\n');
    }
    text.push_str(&style.paint(Tone::Strong, summary(report)));
    text.push('\n');
    text
}

fn counts(group: &GroupReport) -> String {
    format!("+{} ~{} -{}", group.added, group.changed, group.destroyed)
}

/// How a group ended, in a word.
pub(crate) fn ending(group: &GroupReport) -> (&'static str, Tone) {
    match group.outcome {
        GroupOutcome::Done => ("done", Tone::Added),
        GroupOutcome::NotYetVisible(_) => ("not yet visible", Tone::Changed),
        GroupOutcome::Failed { .. } => ("failed", Tone::Removed),
        GroupOutcome::HeldBack { .. } => ("held back", Tone::Changed),
        GroupOutcome::Drifted(_) => ("changed by others", Tone::Changed),
        GroupOutcome::Interrupted => ("interrupted", Tone::Changed),
        GroupOutcome::NotBegun => ("not begun", Tone::Faint),
    }
}

fn line(group: &GroupReport, widths: [usize; 3], style: &TextStyle) -> String {
    let [name_width, word_width, counts_width] = widths;
    let (word, tone) = ending(group);
    format!(
        "{}  {}  {}  {}\n",
        pad(&escape(&group.name), name_width),
        style.paint(tone, pad(word, word_width)),
        pad(&counts(group), counts_width),
        style.paint(Tone::Faint, escape(&group.address.to_string())),
    )
}

/// What is to be said of a group beside its line; empty when all went well.
pub(crate) fn details(group: &GroupReport) -> String {
    let mut text = String::new();
    let mut say = |label: &str, lines: &[String]| {
        let mut label = label;
        for line in lines.iter().flat_map(|text| text.lines()) {
            text.push_str(&format!("    {label:<8}{}\n", escape(line)));
            label = "";
        }
    };
    match &group.outcome {
        GroupOutcome::Done | GroupOutcome::Interrupted | GroupOutcome::NotBegun => {}
        GroupOutcome::NotYetVisible(missing) => {
            say("missing", missing);
            say(
                "next",
                &[
                    "the calls were accepted; `rulekeep plan` shows when they have come through"
                        .into(),
                ],
            );
        }
        GroupOutcome::Failed { call, error, rules } => {
            say("call", std::slice::from_ref(call));
            say("error", std::slice::from_ref(error));
            say("rules", rules);
        }
        GroupOutcome::HeldBack { reason, rules } => {
            say("reason", std::slice::from_ref(reason));
            say("rules", rules);
        }
        GroupOutcome::Drifted(moved) => {
            say("moved", moved);
            say(
                "next",
                &["nothing more was sent; look at a new `rulekeep plan`".into()],
            );
        }
    }
    say("note", &group.notes);
    text
}

/// The last line.
pub fn summary(report: &Report) -> String {
    let (mut added, mut changed, mut destroyed) = (0, 0, 0);
    for group in &report.groups {
        added += group.added;
        changed += group.changed;
        destroyed += group.destroyed;
    }
    let resources = format!("Resources: {added} added, {changed} changed, {destroyed} destroyed.");
    let of = |wanted: fn(&GroupOutcome) -> bool| {
        let groups = report.groups.iter();
        groups.filter(|group| wanted(&group.outcome)).count()
    };
    let done = of(|outcome| matches!(outcome, GroupOutcome::Done));
    if done == report.groups.len() {
        return format!("Apply complete! {resources}");
    }
    let rest = [
        (
            of(|outcome| matches!(outcome, GroupOutcome::Failed { .. })),
            "failed",
        ),
        (
            of(|outcome| matches!(outcome, GroupOutcome::HeldBack { .. })),
            "held back",
        ),
        (
            of(|outcome| matches!(outcome, GroupOutcome::Drifted(_))),
            "changed by others",
        ),
        (
            of(|outcome| matches!(outcome, GroupOutcome::NotYetVisible(_))),
            "not yet visible",
        ),
        (
            of(|outcome| matches!(outcome, GroupOutcome::Interrupted)),
            "interrupted",
        ),
        (
            of(|outcome| matches!(outcome, GroupOutcome::NotBegun)),
            "not begun",
        ),
    ];
    let mut parts = vec![format!("{} done", count(done, "group"))];
    for (n, word) in rest {
        if n > 0 {
            parts.push(format!("{n} {word}"));
        }
    }
    format!("Apply incomplete: {}. {resources}", parts.join(", "))
}
