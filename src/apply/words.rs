//! How calls, changes and errors read in a report.

use crate::{
    diag::Sources,
    plan::{Change, ChangeKind, GroupPlan},
    provider::{ProviderError, RuleAction, RuleCall},
};

use super::compare::said;

/// `authorize 3 ingress rules`.
pub(super) fn call(call: &RuleCall) -> String {
    let (verb, count) = match &call.action {
        RuleAction::Authorize(rules) => ("authorize", rules.len()),
        RuleAction::Revoke(rules) => ("revoke", rules.len()),
        RuleAction::Modify { .. } => ("modify", 1),
    };
    let plural = if count == 1 { "" } else { "s" };
    format!("{verb} {count} {} rule{plural}", call.direction)
}

/// What went wrong, always with the cloud's id of the request where there is one.
pub(super) fn error(error: &ProviderError) -> String {
    match error {
        ProviderError::Unavailable {
            message,
            request_id: Some(id),
            not_sent: _,
        } if !message.contains(id.as_str()) => format!("{message} (request {id})"),
        other => other.to_string(),
    }
}

/// The rule of a change and the place where it is declared, else the rule's id.
pub(super) fn rule(change: &Change, sources: &Sources) -> String {
    let text = match &change.kind {
        ChangeKind::Add(rule) => rule.to_string(),
        ChangeKind::Modify { from, to } => format!("{} -> {to}", said(from)),
        ChangeKind::Delete(seen) => said(seen),
    };
    match change.span {
        Some(span) => format!("{text}, {}", sources.place(span)),
        None => text,
    }
}

/// As [`rule`], with the sign of a plan before it.
pub(super) fn change(change: &Change, sources: &Sources) -> String {
    let sign = match change.kind {
        ChangeKind::Add(_) => '+',
        ChangeKind::Modify { .. } => '~',
        ChangeKind::Delete(_) => '-',
    };
    format!("{sign} {}", rule(change, sources))
}

/// The rules of some changes of a group.
pub(super) fn rules(plan: &GroupPlan, changes: &[usize], sources: &Sources) -> Vec<String> {
    changes
        .iter()
        .map(|at| rule(&plan.changes[*at], sources))
        .collect()
}
