//! Plans, drift and apply reports as Markdown: the comment on a pull request, and the summary of a job.
//!
//! Never longer than [`LIMIT`], whatever is in the plan. What matters most is drawn first and has room of its own: findings,
//! newly admitted traffic, deletes. The groups share what is left, and where that does not do, adds are cut and counted.

mod applied;
mod escape;
mod fit;
mod groups;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use crate::plan::{ChangeKind, GroupPlan, Order};

use self::{
    escape::{code, diff, html, prose},
    fit::{cut, fitting},
};

use super::{
    Review, Subject,
    checked::Checked,
    finding::{Finding, Level, worst},
    text::{self, TextStyle, count, escape as visible},
};

pub use applied::{applied, unapplied};

/// Most bytes of a comment. GitHub refuses more than 65,536 characters; bytes are counted, so whatever it counts is less.
pub const LIMIT: usize = 65_000;

/// Room kept for what joins the parts and counts the groups that are not shown.
const AROUND: usize = 1_000;
/// Room of a title and a fence.
const FENCE: usize = 160;
/// Room that the parts before the groups have of their own.
const FINDINGS: usize = 16_000;
const ADMITTED: usize = 14_000;
const DELETED: usize = 16_000;
const KNOWN: usize = 3_000;
/// Most bytes of a single text of somebody else.
const LONG: usize = 400;

/// A name wider than this does not widen the column of all others.
const WIDEST_NAME: usize = 44;

/// How rules are drawn in a block.
const STYLE: TextStyle = TextStyle {
    width: 150,
    colour: false,
    verbose: false,
};

/// The marker that lets a job find its own comment again; a run over a part of the project has one of its own. What
/// `--since` chooses is all that a pull request is about, so its comment is that of the whole.
pub fn marker(word: &str, part: &str) -> String {
    match part {
        "" | "since" => format!("<!-- rulekeep:{word} -->"),
        part => format!("<!-- rulekeep:{word} {part} -->"),
    }
}

/// A plan, or drift.
pub fn review(review: &Review<'_>) -> String {
    let mut parts = vec![heading(&review.headline(), &review.checked, review.subject)];
    parts.extend(review.plan.part().map(|part| format!("{part}\n")));
    let footer = footer(review);
    let known = known(review);
    if let Some(size) = text::size(review.plan.plan).filter(|_| review.subject == Subject::Plan) {
        parts.push(match Order::of(review.plan.plan) {
            Order::Safe => format!("Order: {} ({size}).\n", Order::Safe),
            order => format!("**Order: {order}** ({size}).\n"),
        });
    }
    let around: usize = parts.iter().chain([&footer, &known]).map(String::len).sum();
    let [fresh, deleted, admitted] = matters(review, LIMIT.saturating_sub(around + AROUND));
    parts.insert(1, fresh);
    parts.extend([admitted, deleted]);
    parts.retain(|part| !part.is_empty());
    let used: usize = parts
        .iter()
        .chain([&footer, &known])
        .map(|part| part.len() + 1)
        .sum();
    parts.extend(groups::blocks(review, LIMIT.saturating_sub(used)));
    parts.push(known);
    parts.push(footer);
    parts.retain(|part| !part.is_empty());
    let text = parts.join("\n");
    match (text.len() <= LIMIT, parts.first(), parts.last()) {
        // No part outgrows its room; a comment that is refused would tell nobody anything.
        (false, Some(first), Some(last)) => format!("{first}\n{last}"),
        _ => text,
    }
}

/// What nobody may overlook: findings, deletes, newly admitted traffic. They have the whole room as long as they need it;
/// beyond that each has the room that is its own, and what one of them leaves goes to the others.
fn matters(review: &Review<'_>, room: usize) -> [String; 3] {
    let fresh: Vec<&Finding> = review.fresh().collect();
    let draw = |which: usize, room: usize| match which {
        0 => list(&fresh, room),
        1 => deleted(review, room).unwrap_or_default(),
        _ => admitted(review, room).unwrap_or_default(),
    };
    let own = [FINDINGS, DELETED, ADMITTED];
    let drawn = [0, 1, 2].map(|which| draw(which, room));
    let mut rooms = [0, 1, 2].map(|which: usize| drawn[which].len().min(own[which]));
    let mut rest = room.saturating_sub(rooms.iter().sum());
    for (which, part) in drawn.iter().enumerate() {
        let more = part.len().saturating_sub(rooms[which]).min(rest);
        rooms[which] += more;
        rest -= more;
    }
    let mut which = 0..;
    drawn.map(|part| {
        let which = which.next().unwrap_or_default();
        match part.len() <= rooms[which] {
            true => part,
            false => draw(which, rooms[which].saturating_sub(FENCE)),
        }
    })
}

/// What is said when there is no plan at all: the files are broken.
pub fn broken(message: &str, checked: &Checked<'_>) -> String {
    let findings: Vec<&Finding> = checked
        .findings
        .iter()
        .filter(|one| one.is_fresh())
        .collect();
    let line = format!(
        "### {} {}\n",
        prose(&cut(message, LONG)),
        marker(checked.command, checked.part)
    );
    [line, list(&findings, LIMIT - 4 * LONG)].join("\n")
}

/// The first line: the counts and the worst finding.
fn heading(headline: &str, checked: &Checked<'_>, subject: Subject) -> String {
    let worst = match worst(checked.findings) {
        None => String::new(),
        Some(finding) => {
            let word = finding.level.as_str();
            let place = match finding.group_name() {
                Some(name) => format!(" in {}", code(&cut(name, 80))),
                None => String::new(),
            };
            format!(" · {word}: {}{place}", code(&cut(&finding.rule.id, 80)))
        }
    };
    format!(
        "### {headline}{worst} {}\n",
        marker(subject.as_str(), checked.part)
    )
}

/// Findings as a list that fits: with help, else in a line each, else counted by kind.
fn list(findings: &[&Finding], room: usize) -> String {
    let full: Vec<String> = findings
        .iter()
        .take(500)
        .map(|one| item(one, true))
        .collect();
    if findings.len() == full.len() && total(&full) <= room {
        return full.concat();
    }
    let short: Vec<String> = findings
        .iter()
        .take(500)
        .map(|one| item(one, false))
        .collect();
    if findings.len() == short.len() && total(&short) <= room {
        return short.concat();
    }
    let mut kinds: BTreeMap<(Level, &str), Vec<&Finding>> = BTreeMap::new();
    for finding in findings {
        let kind = (finding.level, &*finding.rule.id);
        kinds.entry(kind).or_default().push(finding);
    }
    let counted = kinds.iter().map(|((level, rule), findings)| {
        let mut names: Vec<&str> = findings.iter().filter_map(|one| one.group_name()).collect();
        names.dedup();
        let groups = match names.is_empty() {
            true => String::new(),
            false => format!(": {}", code(&cut(&names.join(", "), LONG))),
        };
        let rule = code(&cut(rule, 80));
        format!(
            "- **{}** {rule} × {}{groups}\n",
            level.as_str(),
            findings.len()
        )
    });
    fitting(counted, room, |rest| {
        format!("- … and {} more\n", count(rest, "kind"))
    })
}

fn item(finding: &Finding, helped: bool) -> String {
    let Finding {
        rule,
        level,
        message,
        help,
        group,
        place,
        ..
    } = finding;
    let group = match group {
        Some(_) => format!(
            " **in** {}",
            code(&cut(finding.group_name().unwrap_or_default(), 160))
        ),
        None => String::new(),
    };
    let place = match place {
        Some(place) => format!(
            " ({})",
            code(&cut(&format!("{}:{}", place.file, place.line), LONG))
        ),
        None => String::new(),
    };
    let level = level.as_str();
    let rule = code(&rule.id);
    let message = prose(&cut(message, LONG));
    let mut text = format!("- **{level}** {rule}{group}: {message}{place}\n");
    if helped {
        for line in help.iter().filter(|line| !line.trim().is_empty()) {
            text.push_str(&format!("  - {}\n", prose(&cut(line, LONG))));
        }
    }
    text
}

/// Newly admitted traffic of all groups, or how many groups newly admit how much; of drift, what is admitted now.
fn admitted(review: &Review<'_>, room: usize) -> Option<String> {
    let [side, _] = review.subject.sides();
    let mut names: Vec<(String, usize)> = Vec::new();
    let mut units: Vec<(String, Vec<(bool, String)>)> = Vec::new();
    for group in review.changed() {
        let name = visible(&review.name(group));
        let said = text::said(group, &review.plan, usize::MAX);
        let mut n = 0;
        for unit in text::units(&said, side.tone) {
            n += unit.iter().filter(|said| !said.is_exception).count();
            let lines = unit.into_iter().map(|said| {
                let why = after(&side.why(said, review.subject));
                (said.is_exception, format!("{}{why}\n", side.text(said)))
            });
            units.push((name.clone(), lines.collect()));
        }
        if n > 0 {
            names.push((name, n));
        }
    }
    if units.is_empty() {
        let changes = review.changed().next().is_some();
        return changes.then(|| match review.subject {
            Subject::Plan => "No traffic is newly admitted.\n".to_owned(),
            Subject::Drift => "Nothing is admitted now that the files do not admit.\n".to_owned(),
        });
    }
    let column = names.iter().map(|(name, _)| text::width(name));
    let column = column
        .filter(|width| *width <= WIDEST_NAME)
        .max()
        .unwrap_or(0);
    let lines: Vec<String> = units
        .iter()
        .flat_map(|(name, lines)| lines.iter().map(move |line| (name, line)))
        .map(|(name, (is_exception, line))| {
            let gap = " ".repeat(column.saturating_sub(text::width(name)));
            let indent = if *is_exception { "  " } else { "" };
            format!("{} {name}{gap}  {indent}{line}", side.sign)
        })
        .collect();
    let title = side.title;
    // Traffic is never cut within its line: half of it would be another statement.
    if total(&lines) + FENCE > room {
        let sums = names.iter().map(|(name, n)| {
            let lines = count(*n, "line");
            format!("{} {}  {lines} of traffic\n", side.sign, cut(name, LONG))
        });
        let more = |rest| format!("{} … and {} more\n", side.sign, count(rest, "group"));
        let text = fitting(sums, room.saturating_sub(FENCE), more);
        return Some(format!(
            "**{title}, too much to show here:**\n\n{}",
            diff(&text)
        ));
    }
    Some(format!("**{title}:**\n\n{}", diff(&lines.concat())))
}

/// Deletes of all groups, or how many rules of how many groups are deleted.
fn deleted(review: &Review<'_>, room: usize) -> Option<String> {
    let is_delete = |group: &GroupPlan| {
        group
            .changes
            .iter()
            .filter(|change| matches!(change.kind, ChangeKind::Delete(_)))
            .count()
    };
    let counts: Vec<(&GroupPlan, usize)> = review
        .changed()
        .map(|group| (group, is_delete(group)))
        .filter(|(_, n)| *n > 0)
        .collect();
    let all: usize = counts.iter().map(|(_, n)| n).sum();
    if all == 0 {
        return None;
    }
    let title = match review.subject {
        Subject::Plan => format!("**{} to delete:**", count(all, "rule")),
        Subject::Drift => format!("**{} that nobody declares:**", count(all, "live rule")),
    };
    if all <= 500 {
        let mut rows = Vec::new();
        for (group, _) in &counts {
            let name = visible(&review.name(group));
            for change in group
                .changes
                .iter()
                .filter(|change| matches!(change.kind, ChangeKind::Delete(_)))
            {
                let mut row = text::change_row(change, &review.plan, &STYLE);
                row.cells.insert(0, name.clone());
                rows.push(row);
            }
        }
        let drawn = text::draw_rows(&rows, &STYLE);
        if drawn.len() + FENCE <= room {
            return Some(format!("{title}\n\n{}", diff(&drawn)));
        }
    }
    let sums = counts.iter().map(|(group, n)| {
        let name = visible(&review.name(group));
        format!("- {}  {}\n", cut(&name, LONG), count(*n, "rule"))
    });
    let more = |rest| format!("- … and rules of {} more\n", count(rest, "group"));
    let text = fitting(sums, room.saturating_sub(FENCE), more);
    Some(format!("{title}\n\n{}", diff(&text)))
}

/// What the baseline has, folded.
fn known(review: &Review<'_>) -> String {
    let known: Vec<&Finding> = review.known().collect();
    if known.is_empty() {
        return String::new();
    }
    let title = format!(
        "{}, in the baseline or waived",
        count(known.len(), "known finding")
    );
    fold(&title, &list(&known, KNOWN))
}

fn footer(review: &Review<'_>) -> String {
    let stamp = review.plan.stamp;
    let mut facts = Vec::new();
    if let Some(commit) = &stamp.commit {
        let dirty = match stamp.dirty {
            Some(true) => " with uncommitted changes",
            _ => "",
        };
        facts.push(format!("Commit {}{dirty}", code(&cut(commit, 80))));
    }
    facts.push(format!("Plan {}", code(&review.plan.plan.id())));
    facts.push(format!(
        "made {}",
        code(&stamp.timestamp.strftime("%Y-%m-%dT%H:%M:%SZ").to_string())
    ));
    let facts = facts.join(" · ");
    let apply = code(&cut(review.apply, LONG));
    let next = if review.plan.is_applyable() {
        format!("To apply: {apply}")
    } else if review.plan.is_errored() {
        "Nothing can be applied before the errors above are mended.".to_owned()
    } else if !review.plan.refusals.is_empty() {
        format!("The guard refuses {apply} until the errors above are mended or let through.")
    } else {
        "There is nothing to apply.".to_owned()
    };
    format!("---\n{facts}  \n{next}\n")
}

/// Something that is shown when one asks for it.
fn fold(title: &str, body: &str) -> String {
    format!(
        "<details><summary>{}</summary>\n\n{body}\n</details>\n",
        html(title)
    )
}

/// What decides, after some traffic.
fn after(why: &str) -> String {
    match why {
        "" => String::new(),
        why => format!("  {why}"),
    }
}

fn total(texts: &[String]) -> usize {
    texts.iter().map(String::len).sum()
}
