//! The table of `show`: one per direction, as the tabs of the console's page.

use comfy_table::{ColumnConstraint, ContentArrangement, Table, Width, presets};

use crate::{
    model::{Direction, InnerAccess, Network, NicType, ObservedGroup, ObservedRule, Rule},
    report::text::{TextStyle, Tone, count, escape, live_cells, width},
};

/// A rule and where it is declared.
#[derive(Clone, Debug)]
pub(super) struct Line<'a> {
    /// As it was read.
    pub(super) seen: &'a ObservedRule,
    /// Name of a peer group of the same account.
    pub(super) peer_name: Option<&'a str>,
    /// `file:line`.
    pub(super) declared: Option<String>,
}

/// Draws the group and its rules.
pub(super) fn table(
    group: &ObservedGroup,
    lines: &[Line<'_>],
    directions: &[Direction],
    style: &TextStyle,
) -> String {
    let info = &group.info;
    let mut text = style.paint(Tone::Strong, escape(info.name.as_str()));
    text = format!("{text}  {}  {}", escape(info.id.as_str()), info.network);
    if info.managed {
        text.push_str("  owned by a cloud service");
    }
    if group.inner_access == InnerAccess::Drop {
        text.push_str("  members are kept apart");
    }
    text.push('\n');
    for (direction, nic) in tabs(group, directions) {
        let is_of =
            |rule: &Rule| rule.direction == direction && nic.is_none_or(|nic| rule.nic == nic);
        let of: Vec<_> = lines.iter().filter(|line| is_of(&line.seen.rule)).collect();
        let all = group.rules.iter();
        let all = all.filter(|seen| is_of(&seen.rule)).count();
        let shown = if of.len() == all {
            count(all, "rule")
        } else {
            format!("{} of {}", of.len(), count(all, "rule"))
        };
        let title = match (direction, nic) {
            (Direction::Ingress, None) => "Ingress",
            (Direction::Egress, None) => "Egress",
            (Direction::Ingress, Some(NicType::Intranet)) => "Ingress, private interface",
            (Direction::Ingress, Some(NicType::Internet)) => "Ingress, public interface",
            (Direction::Egress, Some(NicType::Intranet)) => "Egress, private interface",
            (Direction::Egress, Some(NicType::Internet)) => "Egress, public interface",
        };
        text.push_str(&format!(
            "\n{}  {shown}\n",
            style.paint(Tone::Strong, title)
        ));
        if !of.is_empty() {
            text.push_str(&drawn(direction, &of, style));
        }
    }
    text
}

/// What a row says, in the order of the columns.
struct Cells {
    policy: String,
    priority: String,
    protocol: String,
    peer: String,
    description: String,
    rule: String,
    created: String,
    declared: String,
}

impl Cells {
    fn head(direction: Direction) -> Self {
        let peer = match direction {
            Direction::Ingress => "Source",
            Direction::Egress => "Destination",
        };
        Self {
            policy: "Policy".to_owned(),
            priority: "Priority".to_owned(),
            protocol: "Protocol".to_owned(),
            peer: peer.to_owned(),
            description: "Description".to_owned(),
            rule: "Rule".to_owned(),
            created: "Created".to_owned(),
            declared: "Declared".to_owned(),
        }
    }

    fn of(line: &Line<'_>, direction: Direction) -> Self {
        let Line {
            seen,
            peer_name,
            declared,
        } = line;
        let [_, policy, protocol, _, _] = live_cells(&seen.rule);
        // The tab says the interface.
        let peer = far_end(&seen.rule, *peer_name, direction);
        let created = seen
            .facts
            .as_ref()
            .and_then(|facts| facts.created.as_deref());
        Self {
            policy,
            priority: seen.rule.priority.to_string(),
            protocol,
            peer,
            description: escape(seen.rule.description.as_deref().unwrap_or_default()),
            rule: escape(seen.id.as_ref().map_or("-", |id| id.as_str())),
            created: escape(
                created.map_or("-", |created| created.split('T').next().unwrap_or(created)),
            ),
            declared: declared.as_deref().map_or_else(|| "-".to_owned(), escape),
        }
    }

    /// One line a rule.
    fn flat(self) -> Vec<String> {
        let Self {
            policy,
            priority,
            protocol,
            peer,
            description,
            rule,
            created,
            declared,
        } = self;
        vec![
            policy,
            priority,
            protocol,
            peer,
            rule,
            created,
            declared,
            description,
        ]
    }

    /// Two lines a rule, for narrow terminals: its id below its peer, its places below its description.
    fn stacked(self) -> Vec<String> {
        let Self {
            policy,
            priority,
            protocol,
            peer,
            description,
            rule,
            created: _,
            declared,
        } = self;
        vec![
            policy,
            priority,
            protocol,
            format!("{peer}\n{rule}"),
            format!("{declared}\n{description}").trim_end().to_owned(),
        ]
    }
}

/// `9876543210987654/sg-far (web)`, and behind it the addresses within the group that a rule is limited to.
fn far_end(rule: &Rule, name: Option<&str>, direction: Direction) -> String {
    let mut text = match &rule.peer_owner {
        Some(owner) => format!("{owner}/{}", rule.peer),
        None => rule.peer.to_string(),
    };
    if let Some(name) = name {
        text = format!("{text} ({name})");
    }
    if let Some(local) = &rule.local {
        let word = match direction {
            Direction::Ingress => "to",
            Direction::Egress => "from",
        };
        text = format!("{text} {word} {local}");
    }
    escape(&text)
}

/// Descriptions that are left less than this make room by another layout.
const LEAST_DESCRIPTION: usize = 16;

/// Only descriptions are ever broken: whatever else there is may be copied.
fn drawn(direction: Direction, lines: &[&Line<'_>], style: &TextStyle) -> String {
    let rows = |layout: fn(Cells) -> Vec<String>| -> Vec<Vec<String>> {
        let lines = lines.iter().map(|line| Cells::of(line, direction));
        std::iter::once(Cells::head(direction))
            .chain(lines)
            .map(layout)
            .collect()
    };
    let mut rows_of = rows(Cells::flat);
    let room = left_for_last(&rows_of, style.width);
    let longest = rows_of.iter().filter_map(|row| row.last());
    let longest = longest.map(|cell| width(cell)).max().unwrap_or_default();
    let mut last = longest.min(room);
    if last < longest.min(LEAST_DESCRIPTION) {
        rows_of = rows(Cells::stacked);
        let places = rows_of.iter().filter_map(|row| row.last()?.lines().next());
        let places = places.map(width).max().unwrap_or_default();
        last = left_for_last(&rows_of, style.width).max(places);
    }
    let mut table = Table::new();
    table
        .load_style(presets::NOTHING)
        .set_content_arrangement(ContentArrangement::Dynamic);
    let mut rows_of = rows_of.into_iter();
    if let Some(head) = rows_of.next() {
        table.set_constraints(vec![ColumnConstraint::ContentWidth; head.len()]);
        table.set_header(head);
    }
    table.add_rows(rows_of);
    if let Some(column) = table.column_iter_mut().last() {
        let last = u16::try_from(last + PADDING).unwrap_or(u16::MAX);
        column.set_constraint(ColumnConstraint::UpperBoundary(Width::Fixed(last)));
    }
    let mut text = String::new();
    for line in table.lines() {
        text.push_str(line.trim_end());
        text.push('\n');
    }
    text
}

/// Blanks beside a cell, both together.
const PADDING: usize = 2;

/// What the other columns leave of a width to the last one.
fn left_for_last(rows: &[Vec<String>], width_of_all: usize) -> usize {
    let columns = rows.first().map_or(0, Vec::len);
    let taken: usize = (0..columns.saturating_sub(1))
        .map(|column| {
            let lines = rows.iter().flat_map(|row| row[column].lines());
            lines.map(width).max().unwrap_or_default() + PADDING
        })
        .sum();
    width_of_all.saturating_sub(taken + PADDING)
}

/// The tabs of the console: two, and four in the classic network, where each interface has rules of its own.
fn tabs(group: &ObservedGroup, directions: &[Direction]) -> Vec<(Direction, Option<NicType>)> {
    let nics: &[Option<NicType>] = match group.info.network {
        Network::Vpc(_) => &[None],
        Network::Classic => &[Some(NicType::Internet), Some(NicType::Intranet)],
    };
    let of = |direction: &Direction| {
        nics.iter()
            .map(|nic| (*direction, *nic))
            .collect::<Vec<_>>()
    };
    directions.iter().flat_map(of).collect()
}

#[cfg(test)]
mod tests;
