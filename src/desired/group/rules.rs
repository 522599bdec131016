//! The rules of a group document: `ingress`, `egress` and `absent`.

use std::collections::BTreeSet;

use super::{DIRECTIONS, Scope, of};
use crate::{
    desired::{
        AbsentRule, DesiredRule, Mode, Modes,
        fields::{Entry, Fields, Out, Shape, list},
        rule,
        yaml::{Node, Value},
    },
    diag::{Code, Diagnostic, Span},
    model::Direction,
};

pub(super) fn rules(
    fields: &Fields<'_, '_>,
    direction: Direction,
    room: &mut usize,
    scope: &Scope,
    out: &mut Out,
) -> Option<Vec<DesiredRule>> {
    let entry = fields.entry(match direction {
        Direction::Ingress => "ingress",
        Direction::Egress => "egress",
    })?;
    rule_list(&entry, direction, room, scope, out)
}

fn rule_list(
    entry: &Entry<'_, '_>,
    direction: Direction,
    room: &mut usize,
    scope: &Scope,
    out: &mut Out,
) -> Option<Vec<DesiredRule>> {
    let mut rules = Vec::new();
    for item in list(entry.value, entry.key, out)? {
        let more = rule::check(item, direction, &scope.names, out);
        if more.len() > *room {
            out.push(
                Diagnostic::error(
                    Code::TooManyRules,
                    format!("the rules of this group multiply to more than {}", rule::MAX_PER_GROUP),
                )
                .label(entry.key_span, "in this list")
                .help("no security group holds that many; use wider CIDRs, or prefix lists and port lists of the cloud"),
            );
            break;
        }
        *room -= more.len();
        rules.extend(more);
    }
    rules.sort_by(|a, b| canonical(a).cmp(&canonical(b)));
    Some(rules)
}

/// The order of rules everywhere: from the strongest to the weakest, whatever the order in the file.
fn canonical(rule: &DesiredRule) -> impl Ord + '_ {
    let DesiredRule {
        direction,
        nic,
        priority,
        policy,
        protocol,
        peer,
        local,
        description,
        expires,
        span: _,
    } = rule;
    (
        (direction, nic, priority, policy, protocol, peer, local),
        (description, expires),
    )
}

pub(super) fn absent(
    fields: &Fields<'_, '_>,
    mode: Option<Modes>,
    room: &mut usize,
    scope: &Scope,
    out: &mut Out,
) -> Vec<AbsentRule> {
    let mut rules = Vec::new();
    let Some(sub) = fields
        .get("absent")
        .and_then(|node| Fields::read(node, &ABSENT, out))
    else {
        return rules;
    };
    for direction in Direction::BOTH {
        let key = DIRECTIONS[direction as usize].0;
        let Some(entry) = sub.entry(key) else {
            continue;
        };
        if mode.is_some_and(|mode| of(mode, direction) == Mode::Complete) {
            out.push(
                Diagnostic::error(
                    Code::ModeMismatch,
                    format!("`absent` means nothing for {key} in complete mode"),
                )
                .label(
                    entry.key_span,
                    "every rule that is not declared is deleted anyway",
                )
                .label(
                    fields.get("mode").map_or(fields.head(), |mode| mode.span),
                    "complete",
                )
                .help("remove it, or write `mode: partial`"),
            );
        }
        let with_priority = items_with(entry.value, "priority");
        let more = rule_list(&entry, direction, room, scope, out);
        rules.extend(more.into_iter().flatten().map(|rule| AbsentRule {
            any_priority: !with_priority.contains(&rule.span),
            rule,
        }));
    }
    rules
}

/// The places of a list's items that have a key.
fn items_with(list: &Node<'_>, key: &str) -> BTreeSet<Span> {
    let Value::List(items) = &list.value else {
        return BTreeSet::new();
    };
    let has_key = |item: &&Node<'_>| match &item.value {
        Value::Map(entries) => entries
            .iter()
            .any(|(name, _)| matches!(&name.value, Value::Scalar(name) if name.text == key)),
        Value::Scalar(_) | Value::List(_) => false,
    };
    items.iter().filter(has_key).map(|item| item.span).collect()
}

/// Keys of `absent`.
pub(in crate::desired) const ABSENT: Shape = Shape {
    what: "`absent`",
    keys: &["ingress", "egress"],
    synonyms: &[],
};
