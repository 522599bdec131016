//! Reasons that lie in the traffic: what the assertions say of the result, and what no order can keep on the way.

use super::{Check, Overrides, Reason};
use crate::{
    assertion::Violation,
    diag::Span,
    model::{Peer, Rule},
    plan::{GroupPlan, InTurn, lapses},
};

impl Check<'_> {
    /// What was violated before is told and not refused: a plan must be able to mend something else.
    pub(super) fn assertions(&mut self) {
        let group = self.group;
        let mut refused = group.violations.iter().filter(|one| one.refuses());
        for violation in refused.by_ref().take(MOST_ASSERTIONS) {
            let mut help = violation.lines(MOST_TRAFFIC);
            help.extend(violation.help(group.name.as_str()));
            self.refuse_at(
                Reason::Assertion,
                violation.message(),
                help,
                violation.assertion.span,
            );
            let rules = deciding(group, violation);
            if let Some(refusal) = self.refusals.last_mut() {
                refusal.rules = rules;
            }
        }
        let mut ids: Vec<&str> = refused.map(|violation| &*violation.assertion.id).collect();
        ids.sort_unstable();
        ids.dedup();
        if !ids.is_empty() {
            let ids = ids.join(", ");
            self.refuse(
                Reason::Assertion,
                format!("more assertions would be violated: {ids}"),
                vec!["`rulekeep plan --verbose` has the traffic of each".into()],
            );
        }
    }

    pub(super) fn order(&mut self, overrides: &Overrides) {
        for opens in [false, true] {
            let passing = &self.group.passing;
            let found = passing
                .iter()
                .any(|passing| passing.transient.opens == opens);
            let accepted = if opens {
                overrides.accept_opening
            } else {
                overrides.accept_interruption
            };
            let in_turn = self.group.in_turn.as_ref();
            let unproved = in_turn.is_some_and(|in_turn| !in_turn.is_proved());
            if (!found && !unproved) || accepted {
                continue;
            }
            let mut help: Vec<String> = in_turn.map(left_out).unwrap_or_default();
            if let Some(in_turn) = in_turn
                && found
            {
                help.extend(more_room(self.group, in_turn));
            }
            help.extend(affected(self.group, opens));
            // A full group has no room for that.
            if in_turn.is_none() {
                help.push("make the change in two steps: first declare some of the new rules beside the old ones".into());
            }
            let (reason, verdict, flag) = if opens {
                (Reason::Opening, "refused", "--accept-opening")
            } else {
                (Reason::Interruption, "admitted", "--accept-interruption")
            };
            let known = if found {
                "no order is known in which"
            } else {
                "it is not proved that"
            };
            let message = format!(
                "{known} traffic that is {verdict} before and after is {verdict} at every step"
            );
            help.push(format!("or pass `{flag}` this once"));
            self.refuse(reason, message, help);
        }
    }
}

/// What was not looked at of a group that is changed in turns, and how to do without.
fn left_out(in_turn: &InTurn) -> Vec<String> {
    let mut help = Vec::new();
    if in_turn.memberships_left_out {
        help.push("peers that are in three groups or unread lists at once were not looked at: change fewer rules about groups and lists at a time, or make room for old and new rules together".into());
    }
    let (are, groups) = match in_turn.pairs_left_out {
        0 => return help,
        1 => ("was", "1 group".to_owned()),
        many => ("were", format!("{many} groups")),
    };
    help.push(format!(
        "{groups} that may share an interface with this one {are} not replayed together with it: make room for old and new rules together, with what `quota:` says that the cloud grants this group or with fewer new rules at a time"
    ));
    help
}

/// What would make a full group's change safe.
fn more_room(group: &GroupPlan, in_turn: &InTurn) -> Vec<String> {
    let InTurn {
        slots,
        spare,
        orders_left_out,
        least_slots_unknown,
        memberships_left_out: _,
        pairs_left_out: _,
    } = in_turn;
    let left_out = orders_left_out.then(|| {
        "not every order was tried, there may be a safe one: change fewer rules at a time"
            .to_owned()
    });
    let mut help: Vec<String> = left_out.into_iter().collect();
    let Some(slots) = slots else {
        if *least_slots_unknown {
            help.push("how many more free slots would make it safe is not known".into());
        }
        return help;
    };
    let slots = usize::try_from(*slots).unwrap_or(usize::MAX);
    // `quota:` does not raise how many rules a group holds whose peer is a group.
    let comes = group
        .changes
        .iter()
        .filter_map(|change| change.kind.after());
    let peers = comes.filter(|rule| matches!(rule.peer, Peer::Group(_)));
    let with_new = usize::try_from(group.group_peers.before).unwrap_or(usize::MAX) + peers.count();
    let short_of_peers = with_new > usize::try_from(group.group_peers.limit).unwrap_or(usize::MAX);
    let how = if short_of_peers {
        format!(
            "a group holds {} rules whose peer is a group at most, so name CIDRs or a prefix list instead of some of them",
            group.group_peers.limit
        )
    } else {
        "`quota:` says what the cloud grants this group".to_owned()
    };
    help.push(format!(
        "with {slots} more free {}{} there is an order that is safe at every step: {how}",
        if slots == 1 { "slot" } else { "slots" },
        if *least_slots_unknown {
            ", perhaps with fewer,"
        } else {
            ""
        },
    ));
    let shown: Vec<String> = spare
        .iter()
        .take(slots.min(MOST_TRAFFIC))
        .map(ToString::to_string)
        .collect();
    if !shown.is_empty() {
        help.push(format!(
            "rules that change nothing within this group could go first, in a change of their own: {}",
            shown.join("; ")
        ));
    }
    help
}

/// Each traffic with the layers in which it is not what it should be, as much of it as a refusal names.
fn affected(group: &GroupPlan, opens: bool) -> Vec<String> {
    let mut found = lapses(group);
    found.retain(|lapse| lapse.opens == opens);
    let rest = found.len().saturating_sub(MOST_TRAFFIC);
    let mut lines: Vec<String> = found
        .iter()
        .take(MOST_TRAFFIC)
        .map(|lapse| {
            let with = lapse.with.as_ref();
            let with = with.map(|with| format!(", on interfaces also in {with}"));
            let with = with.unwrap_or_default();
            format!("{}: {}{with}", lapse.layers(), lapse.traffic)
        })
        .collect();
    if rest > 0 {
        lines.push(format!("… and {rest} more"));
    }
    lines
}

/// Most lines of traffic that a refusal names.
const MOST_TRAFFIC: usize = 6;

/// Most rules that a refusal names.
const MOST_RULES: usize = 4;

/// Most assertions of a group that are refused one by one.
const MOST_ASSERTIONS: usize = 5;

/// The rules that make a violation, with the places of those that are declared.
fn deciding(group: &GroupPlan, violation: &Violation) -> Vec<(Rule, Option<Span>)> {
    let mut rules: Vec<(Rule, Option<Span>)> = Vec::new();
    let deciders = violation.traffic.iter().flat_map(|one| &one.deciders);
    for rule in deciders.flatten() {
        if !rules.iter().any(|(known, _)| known == rule) && !group.is_inner_access(rule) {
            rules.push((rule.clone(), group.place_of(rule)));
        }
    }
    rules.truncate(MOST_RULES);
    rules
}
