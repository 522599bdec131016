//! The plan as people read it.

use crate::{
    desired::Mode,
    diag::Diagnostic,
    guard::{Reason, Refusal},
    model::Direction,
    plan::{ChangeKind, GroupPlan, Plan},
    report::{PlanReport, Unread},
};

use super::{
    TextStyle, Tone, assertions, count, escape, escape_lines,
    order::{order, size},
    refusal::refusals,
    rule_line,
    table::{self, Row},
    traffic, width,
};

/// Without `--verbose`, a longer list of unmanaged rules is cut to this.
const MOST_UNMANAGED: usize = 10;
/// Most refusals named before the last line.
const MOST_REFUSED: usize = 4;
/// Most groups named that could not be read for one reason.
const MOST_UNREAD: usize = 10;
/// Use of the quota worth a word.
const TIGHT_PERCENT: u64 = 80;

/// Draws a plan; the last line is `Plan: 3 to add, 1 to change, 2 to destroy.` or `No changes.`, and neither when something
/// could not be planned: nobody shall take it for the whole.
pub fn plan(report: &PlanReport<'_>, style: &TextStyle) -> String {
    let mut text = String::new();
    for group in &report.plan.groups {
        if style.verbose || !group.changes.is_empty() {
            text.push_str(&header(group, report, style));
            text.push_str(&packed(
                &facts(group, is_undecided(group, report)),
                style.width,
            ));
            text.push_str(&rows(group, report, style));
            text.push('\n');
        }
    }
    text.push_str(&rest(report, style));
    text.push_str(&refusals(report.refusals, report.sources, style));
    if !report.refusals.is_empty() {
        let line = format!("refused: {}", refused(report.refusals));
        text.push_str(&format!("{}\n", style.paint(Tone::Removed, line)));
    }
    text.push_str(&part(report));
    text.push_str(&style.paint(Tone::Strong, summary(report)));
    text.push('\n');
    text
}

/// A line about which part of the estate this is, if it is one: `No changes.` of a part says nothing of the others.
pub(super) fn part(report: &PlanReport<'_>) -> String {
    report
        .part()
        .map(|part| format!("{part}\n"))
        .unwrap_or_default()
}

/// What stands before the last line, which must not read as leave to apply.
fn refused(refusals: &[Refusal]) -> String {
    let mut reasons: Vec<String> = Vec::new();
    for Refusal { name, reason, .. } in refusals {
        let reason = format!("{} ({reason})", escape(name));
        if !reasons.contains(&reason) {
            reasons.push(reason);
        }
    }
    let rest = reasons.len().saturating_sub(MOST_REFUSED);
    reasons.truncate(MOST_REFUSED);
    if rest > 0 {
        reasons.push(format!("{rest} more"));
    }
    let reasons = reasons.join(", ");
    format!("apply makes none of these changes (exit 4): {reasons}")
}

/// The last line.
pub fn summary(report: &PlanReport<'_>) -> String {
    let counts = report.plan.counts();
    if report.is_errored() && counts.is_empty() {
        return format!("Plan incomplete: {}.", report.lacks());
    }
    if report.is_errored() {
        return format!(
            "Plan incomplete: {}. The rest: {} to add, {} to change, {} to destroy.",
            report.lacks(),
            counts.add,
            counts.change,
            counts.destroy
        );
    }
    if counts.is_empty() {
        return "No changes.".to_owned();
    }
    format!(
        "Plan: {} to add, {} to change, {} to destroy.",
        counts.add, counts.change, counts.destroy
    )
}

/// Who the group is.
pub(super) fn header(group: &GroupPlan, report: &PlanReport<'_>, style: &TextStyle) -> String {
    let GroupPlan { address, name, .. } = group;
    let mut head = style.paint(Tone::Strong, escape(name.as_str()));
    if name.as_str() != address.group.as_str() {
        head = format!("{head}  {}", escape(address.group.as_str()));
    }
    let whereabouts = format!(
        "{}/{}/{}",
        address.account, address.region, group.observed.info.network
    );
    let place = style.paint(Tone::Faint, escape(&report.sources.place(group.span)));
    format!(
        "{head}  {}  {}  {place}\n",
        escape(&whereabouts),
        modes(group)
    )
}

/// Facts side by side, on as many lines as the terminal needs.
fn packed(facts: &[String], columns: usize) -> String {
    let mut text = String::new();
    let mut line = String::new();
    for fact in facts {
        if line.is_empty() {
            line = format!("  {fact}");
        } else if width(&line) + 3 + width(fact) <= columns {
            line = format!("{line}   {fact}");
        } else {
            text.push_str(&line);
            text.push('\n');
            line = format!("  {fact}");
        }
    }
    text.push_str(&line);
    text.push('\n');
    text
}

/// `complete`, or a word per direction where they differ.
pub(crate) fn modes(group: &GroupPlan) -> String {
    let word = |mode: Option<Mode>| match mode {
        Some(mode) => mode.to_string(),
        None => "not managed".to_owned(),
    };
    let [ingress, egress] = group.modes;
    if ingress == egress {
        word(ingress)
    } else {
        format!("ingress {}, egress {}", word(ingress), word(egress))
    }
}

/// Whether the group file does not say what becomes of its system-level rules.
fn is_undecided(group: &GroupPlan, report: &PlanReport<'_>) -> bool {
    let mut refusals = report.refusals.iter();
    refusals
        .any(|refusal| refusal.reason == Reason::SystemRules && refusal.address == group.address)
}

/// What becomes of it in numbers, and what is tight or unusual.
fn facts(group: &GroupPlan, undecided: bool) -> Vec<String> {
    let counts = group.counts();
    let mut facts = Vec::new();
    if counts.is_empty() {
        facts.push("unchanged".to_owned());
    } else {
        facts.push(format!(
            "+{} ~{} -{}",
            counts.add, counts.change, counts.destroy
        ));
    }
    if group.observed.info.managed {
        facts.push("owned by a cloud service: read only".to_owned());
    }
    // A delete with a place obeys an `absent` entry; one without obeys the mode.
    let live_only = group
        .changes
        .iter()
        .filter(|change| matches!(change.kind, ChangeKind::Delete(_)) && change.span.is_none())
        .count();
    match live_only {
        0 => {}
        1 => facts.push("complete: 1 live-only rule will be deleted".to_owned()),
        n => facts.push(format!("complete: {n} live-only rules will be deleted")),
    }
    for (n, word) in [
        (group.unmanaged.len(), "unmanaged"),
        (group.ignored.len(), "ignored"),
        (group.expired.len(), "expired"),
    ] {
        if n > 0 {
            facts.push(format!("{n} {word}"));
        }
    }
    if !group.system_level.is_empty() {
        let n = group.system_level.len();
        let fate = match undecided {
            true => "undecided",
            false => "kept",
        };
        facts.push(format!("{n} system-level: {fate}"));
    }
    if group.in_turn.is_some() {
        facts.push("in turns: no room for old and new rules together".to_owned());
    }
    let quota = &group.quota;
    let most = quota.before.max(quota.peak).max(quota.after);
    if u64::from(most) * 100 > u64::from(quota.limit) * TIGHT_PERCENT {
        facts.push(if quota.peak > quota.after {
            format!(
                "quota {} of {}, {} on the way",
                quota.after, quota.limit, quota.peak
            )
        } else {
            format!("quota {} of {}", quota.after, quota.limit)
        });
    }
    facts
}

fn rows(group: &GroupPlan, report: &PlanReport<'_>, style: &TextStyle) -> String {
    let mut rows: Vec<Row> = group
        .changes
        .iter()
        .map(|change| rule_line::change(change, report, style))
        .collect();
    let shown = if style.verbose {
        usize::MAX
    } else {
        MOST_UNMANAGED
    };
    for seen in group.unmanaged.iter().take(shown) {
        rows.push(rule_line::live("?", seen, style));
    }
    if style.verbose {
        for (seen, span) in &group.ignored {
            let mut row = rule_line::live(" ", seen, style);
            let place = report.sources.place(*span);
            prefix(&mut row, &format!("ignored by {}", escape(&place)));
            rows.push(row);
        }
        for seen in &group.system_level {
            let mut row = rule_line::live(" ", seen, style);
            let undecided = is_undecided(group, report);
            prefix(
                &mut row,
                if undecided {
                    "system-level, undecided"
                } else {
                    "system-level, kept"
                },
            );
            rows.push(row);
        }
    }
    let mut text = table::draw(&rows, style);
    let hidden = group.unmanaged.len().saturating_sub(shown);
    if hidden > 0 {
        let line = format!("? {hidden} more unmanaged; --verbose lists them");
        text.push_str(&style.paint(Tone::Faint, line));
        text.push('\n');
    }
    for span in &group.expired {
        let line = format!(
            "  expired, no longer desired: {}",
            escape(&report.sources.place(*span))
        );
        text.push_str(&style.paint(Tone::Changed, line));
        text.push('\n');
    }
    for direction in Direction::BOTH {
        let left = not_managed(group, direction);
        if left > 0 {
            let line = format!(
                "  {direction} is not managed: {} left alone",
                count(left, "live rule")
            );
            text.push_str(&style.paint(Tone::Faint, line));
            text.push('\n');
        }
    }
    text.push_str(&traffic::sentences(group, report, style));
    text.push_str(&assertions::section(group, report, style));
    text
}

/// Live rules of a direction that the files do not manage; 0 when they do.
fn not_managed(group: &GroupPlan, direction: Direction) -> usize {
    if group.mode(direction).is_some() {
        return 0;
    }
    let live = group.observed.rules.iter();
    live.filter(|seen| seen.rule.direction == direction).count()
}

fn prefix(row: &mut Row, text: &str) {
    if let Some(first) = row.more.first_mut() {
        *first = format!("{text}; {first}");
    }
}

/// What there is to say of the run as a whole.
fn rest(report: &PlanReport<'_>, style: &TextStyle) -> String {
    let mut text = String::new();
    // Of a group with an error nobody knows whether it is unchanged.
    if !style.verbose && !report.plan.diagnostics.iter().any(Diagnostic::is_error) {
        text.push_str(&unchanged(report.plan));
        text.push_str(&assertions::calm(report, style));
    }
    text.push_str(&unread(report, style));
    if let Some(size) = size(report.plan) {
        text.push_str(&order(report.plan, &size, style));
    }
    if !text.is_empty() {
        text.push('\n');
    }
    text
}

/// Groups that could not be read, those of one account and region with one error together.
pub(super) fn unread(report: &PlanReport<'_>, style: &TextStyle) -> String {
    let mut text = String::new();
    for unread in report.unread() {
        let count = unread.count();
        let Unread {
            place,
            error,
            names: groups,
            ..
        } = unread;
        let place = escape(&place);
        let line = match &groups[..] {
            [group] => format!("could not be read: {place}/{}", escape(group)),
            groups => {
                let shown = if style.verbose {
                    usize::MAX
                } else {
                    MOST_UNREAD
                };
                let mut names: Vec<_> =
                    groups.iter().take(shown).map(|name| escape(name)).collect();
                let rest = groups.len() - names.len();
                if rest > 0 {
                    names.push(format!("{rest} more"));
                }
                format!(
                    "could not be read: {count} in {place}: {}",
                    names.join(", ")
                )
            }
        };
        text.push_str(&style.paint(Tone::Removed, line));
        text.push('\n');
        for line in escape_lines(error).lines() {
            text.push_str(&format!("  {line}\n"));
        }
    }
    text
}

/// One line for all groups in which nothing is to be done.
fn unchanged(plan: &Plan) -> String {
    let calm: Vec<_> = plan
        .groups
        .iter()
        .filter(|group| group.changes.is_empty())
        .collect();
    if calm.is_empty() {
        return String::new();
    }
    let mut line = format!("{} unchanged", count(calm.len(), "group"));
    let unmanaged: usize = calm.iter().map(|group| group.unmanaged.len()).sum();
    if unmanaged > 0 {
        line.push_str(&format!(", with {}", count(unmanaged, "unmanaged rule")));
        line.push_str(" (--verbose lists them)");
    }
    let (mut unmanaged_groups, mut left) = (0, 0);
    for group in &calm {
        let live = Direction::BOTH
            .iter()
            .map(|direction| not_managed(group, *direction))
            .sum::<usize>();
        unmanaged_groups += usize::from(live > 0);
        left += live;
    }
    if left > 0 {
        let rules = count(left, "live rule");
        let groups = count(unmanaged_groups, "group");
        line.push_str(&format!(
            ", {rules} left alone in directions of {groups} that are not managed"
        ));
    }
    let expired: usize = calm.iter().map(|group| group.expired.len()).sum();
    if expired > 0 {
        line.push_str(&format!(", {}", count(expired, "expired declaration")));
    }
    line.push('\n');
    line
}
