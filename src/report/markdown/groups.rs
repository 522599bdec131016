//! A fold per group. The groups share the room that is left, fairly; in what does not fit, adds are cut first.

use crate::{
    plan::{ChangeKind, GroupPlan},
    report::{
        Review,
        text::{self, count, escape as visible},
    },
};

use super::{
    STYLE, code, diff,
    fit::{cut, fitting},
    fold,
};

/// A fold shorter than this says nothing.
const LEAST: usize = 400;
/// More rules than this do not fit anyway.
const MANY: usize = 1_500;
/// Room for the groups that are counted together.
const REST: usize = 400;

/// A fold per group with changes, in all at most so many bytes.
pub(super) fn blocks(review: &Review<'_>, room: usize) -> Vec<String> {
    let groups: Vec<&GroupPlan> = review.changed().collect();
    let mut room = room.saturating_sub(REST);
    let mut blocks = Vec::new();
    let mut shown = 0;
    for (index, group) in groups.iter().enumerate() {
        // What one group leaves is for the groups after it.
        let share = (room / (groups.len() - index)).max(LEAST);
        if share > room {
            break;
        }
        let block = block(review, group, share);
        if block.len() + 1 > room {
            break;
        }
        room -= block.len() + 1;
        shown += 1;
        blocks.push(block);
    }
    let rest = &groups[shown..];
    if !rest.is_empty() {
        let (mut add, mut change, mut destroy) = (0, 0, 0);
        for group in rest {
            let counts = group.counts();
            add += counts.add;
            change += counts.change;
            destroy += counts.destroy;
        }
        let groups = count(rest.len(), "more group");
        blocks.push(format!("… and {groups}: +{add} ~{change} −{destroy}\n"));
    }
    blocks
}

fn block(review: &Review<'_>, group: &GroupPlan, room: usize) -> String {
    let counts = group.counts();
    let title = format!(
        "{} +{} ~{} −{}",
        cut(&review.name(group), 160),
        counts.add,
        counts.change,
        counts.destroy
    );
    let place = review.plan.sources.place(group.span);
    let facts = format!(
        "{} · {} · mode {}\n",
        code(&cut(group.address.group.as_str(), 80)),
        code(&cut(&place, 160)),
        text::modes(group)
    );
    let around = fold(&title, &facts).len() + 200;
    let room = room.saturating_sub(around);
    let closed = closed(review, group, room / 3);
    let rules = rules(review, group, room.saturating_sub(closed.len()));
    let mut body = vec![facts, rules, closed];
    body.retain(|part| !part.is_empty());
    fold(&title, &body.join("\n"))
}

/// The changes, a line each. Where there is no room for all, adds go first, and what is missing is counted.
fn rules(review: &Review<'_>, group: &GroupPlan, room: usize) -> String {
    let row = |index: usize| {
        let change = &group.changes[index];
        let mut row = text::change_row(change, &review.plan, &STYLE);
        if matches!(change.kind, ChangeKind::Modify { .. }) {
            row.lead = "!";
        }
        row
    };
    if group.changes.len() <= MANY {
        let rows: Vec<_> = (0..group.changes.len()).map(row).collect();
        let drawn = diff(&text::draw_rows(&rows, &STYLE));
        if drawn.len() <= room {
            return drawn;
        }
    }
    let is_add = |index: &usize| matches!(group.changes[*index].kind, ChangeKind::Add(_));
    let (adds, others): (Vec<usize>, Vec<usize>) = (0..group.changes.len()).partition(is_add);
    let mut room = room.saturating_sub(160);
    let mut kept: Vec<(usize, String)> = Vec::new();
    let mut left = [0_usize; 2];
    for (kind, indices) in [others, adds].into_iter().enumerate() {
        for (nth, index) in indices.iter().enumerate() {
            let line = text::draw_rows(&[row(*index)], &STYLE);
            if line.len() > room {
                left[kind] = indices.len() - nth;
                room = 0;
                break;
            }
            room -= line.len();
            kept.push((*index, line));
        }
    }
    kept.sort();
    let lines: String = kept.into_iter().map(|(_, line)| line).collect();
    let mut missing = Vec::new();
    if left[0] > 0 {
        missing.push(format!("{} to modify or delete", left[0]));
    }
    if left[1] > 0 {
        missing.push(format!("{} to add", left[1]));
    }
    format!("{}… and {} more\n", diff(&lines), missing.join(", "))
}

/// What is no longer admitted; newly admitted traffic stands outside of any fold. Of drift, what is not admitted now.
fn closed(review: &Review<'_>, group: &GroupPlan, room: usize) -> String {
    let [_, side] = review.subject.sides();
    let said = text::said(group, &review.plan, usize::MAX);
    let units: Vec<String> = text::units(&said, side.tone)
        .into_iter()
        .map(|unit| {
            let lines = unit.into_iter().map(|said| {
                let indent = if said.is_exception { "  " } else { "" };
                let why = super::after(&visible(&side.why(said, review.subject)));
                format!("{} {indent}{}{why}\n", side.sign, side.text(said))
            });
            lines.collect()
        })
        .collect();
    if units.is_empty() {
        return match said.is_empty() {
            true => "Same traffic.\n".to_owned(),
            false => String::new(),
        };
    }
    let title = format!("{}:\n\n", side.title);
    let more = |rest| format!("{} … and {} more\n", side.sign, count(rest, "statement"));
    let lines = fitting(
        units.into_iter(),
        room.saturating_sub(title.len() + 20),
        more,
    );
    format!("{title}{}", diff(&lines))
}
