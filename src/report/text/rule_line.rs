//! Rules in columns: direction, policy, protocol, peer, priority, description.

use crate::{
    model::{Direction, NicType, ObservedRule, Protocol, Rule},
    plan::{Change, ChangeKind},
    report::PlanReport,
};

use super::{
    TextStyle, Tone,
    escape::escape,
    table::{Flexible, Row},
};

/// The columns of a live rule. The cloud names the owner of every peer group, also of one's own: `--verbose` shows it.
pub(crate) fn live_cells(rule: &Rule) -> [String; 5] {
    cells_of(rule, "")
}

/// The columns of a declared rule; an owner is declared for a group of another account only.
fn declared_cells(rule: &Rule) -> [String; 5] {
    let owner = match &rule.peer_owner {
        Some(owner) => format!("{owner}/"),
        None => String::new(),
    };
    cells_of(rule, &owner)
}

/// With what stands before the peer; the owner of a peer group is no part of the rule's identity.
fn cells_of(rule: &Rule, owner: &str) -> [String; 5] {
    let Rule {
        direction,
        nic,
        priority,
        policy,
        protocol,
        peer,
        local,
        description: _,
        peer_owner: _,
    } = rule;
    let mut path = format!("{} {owner}{peer}", direction.preposition());
    if let Some(local) = local {
        path = match direction {
            Direction::Ingress => format!("{path} to {local}"),
            Direction::Egress => format!("from {local} {path}"),
        };
    }
    if *nic == NicType::Internet {
        path.push_str(" on internet");
    }
    [
        direction.to_string(),
        policy.to_string(),
        match protocol {
            Protocol::Number(number) => format!("proto {number}"),
            named => escape(&named.to_string()),
        },
        escape(&path),
        format!("prio {priority}"),
    ]
}

fn description(rule: &Rule) -> String {
    escape(rule.description.as_deref().unwrap_or_default())
}

/// The row of a change.
pub(crate) fn change(change: &Change, report: &PlanReport<'_>, style: &TextStyle) -> Row {
    let (lead, tone, cells, description) = match &change.kind {
        ChangeKind::Add(rule) => ("+", Tone::Added, declared_cells(rule), text(rule)),
        ChangeKind::Delete(seen) => ("-", Tone::Removed, live_cells(&seen.rule), text(&seen.rule)),
        ChangeKind::Modify { from, to } => {
            let (cells, description) = difference(&from.rule, to);
            ("~", Tone::Changed, cells, description)
        }
    };
    let place = match (&change.span, change.kind.before()) {
        (Some(span), _) => escape(&report.sources.place(*span)),
        (None, Some(seen)) => id(seen),
        (None, None) => String::new(),
    };
    let mut more = Vec::new();
    if style.verbose {
        // The id stands in the line itself unless the place in the files does.
        let with_id = change.span.is_some();
        more.extend(change.kind.before().map(|seen| facts(seen, with_id)));
    }
    Row {
        lead,
        tone,
        cells: cells.into(),
        description,
        place,
        more,
    }
}

/// The row of a live rule that nothing is done to.
pub(super) fn live(lead: &'static str, seen: &ObservedRule, style: &TextStyle) -> Row {
    Row {
        lead,
        tone: Tone::Faint,
        cells: live_cells(&seen.rule).into(),
        description: text(&seen.rule),
        place: id(seen),
        more: if style.verbose {
            vec![facts(seen, false)]
        } else {
            Vec::new()
        },
    }
}

fn text(rule: &Rule) -> Flexible {
    Flexible::Text(description(rule))
}

/// Old → new for each field that differs, the plain value for the others.
fn difference(from: &Rule, to: &Rule) -> ([String; 5], Flexible) {
    // The live rule names an owner of every group; the declared one tells whether it is another account.
    let owner = |rule: &Rule| match (&rule.peer_owner, &to.peer_owner) {
        (Some(owner), Some(_)) => format!("{owner}/"),
        _ => String::new(),
    };
    let mut old = cells_of(from, &owner(from));
    let mut new = cells_of(to, &owner(to));
    // The word before the number and the peer stands once.
    old[4] = from.priority.to_string();
    new[4] = to.priority.to_string();
    if from.local.is_none() && to.local.is_none() {
        let word = format!("{} ", to.direction.preposition());
        new[3] = new[3].strip_prefix(&word).unwrap_or(&new[3]).to_owned();
        old[3] = old[3].strip_prefix(&word).unwrap_or(&old[3]).to_owned();
        let peer = arrow(&old[3], &new[3]);
        new[3] = format!("{word}{peer}");
        old[3] = new[3].clone();
    }
    // A port change within one protocol names the protocol once.
    let name = format!("{}/", to.protocol.name());
    if let (Some(before), Some(after)) = (old[2].strip_prefix(&name), new[2].strip_prefix(&name)) {
        let ports = arrow(before, after);
        new[2] = format!("{name}{ports}");
        old[2] = new[2].clone();
    }
    let mut cells: [String; 5] = std::array::from_fn(|i| arrow(&old[i], &new[i]));
    cells[4] = format!("prio {}", cells[4]);
    let (before, after) = (description(from), description(to));
    let description = if before == after {
        Flexible::Text(after)
    } else {
        Flexible::Pair(before, after)
    };
    (cells, description)
}

fn arrow(old: &str, new: &str) -> String {
    if old == new {
        new.to_owned()
    } else {
        format!("{old} → {new}")
    }
}

fn id(seen: &ObservedRule) -> String {
    match &seen.id {
        Some(id) => escape(id.as_str()),
        None => "live".to_owned(),
    }
}

/// What only the cloud knows of a rule, for `--verbose`.
fn facts(seen: &ObservedRule, with_id: bool) -> String {
    let ObservedRule { rule, id, facts } = seen;
    let mut parts = vec![format!("nic {}", rule.nic)];
    if let Some(owner) = &rule.peer_owner {
        parts.push(format!("peer owned by {owner}"));
    }
    if with_id && let Some(id) = id {
        parts.insert(0, id.to_string());
    }
    if let Some(facts) = facts {
        if let Some(created) = &facts.created {
            parts.push(format!("created {created}"));
        }
        for (name, value) in &facts.others {
            parts.push(format!("{name} {value}"));
        }
    }
    escape(&parts.join(", "))
}
