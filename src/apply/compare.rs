//! What a group should hold by now beside what reading it returned; pure.

use std::collections::BTreeMap;

use crate::{
    desired::Mode,
    model::{ObservedGroup, ObservedRule, Rule, RuleId, RuleIdentity},
    plan::{ChangeKind, GroupPlan},
};

use super::group::State;

/// The differences between what should be there and what is.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Comparison {
    /// Changes that were accepted and do not show, by index, with words for it.
    pub pending: Vec<(usize, String)>,
    /// What somebody else did to rules that the plan rests on.
    pub drift: Vec<String>,
    /// What somebody else did to rules that the plan leaves alone.
    pub notes: Vec<String>,
}

/// What a rule is found again by: its id where the cloud gives one.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
enum Key<'a> {
    Id(&'a RuleId),
    Identity(RuleIdentity<'a>),
}

impl<'a> Key<'a> {
    fn of(seen: &'a ObservedRule) -> Self {
        match &seen.id {
            Some(id) => Self::Id(id),
            None => Self::Identity(seen.rule.identity()),
        }
    }
}

/// The rules of a reading, each of which can explain one expectation.
struct Live<'a> {
    rules: &'a [ObservedRule],
    taken: Vec<bool>,
    by_key: BTreeMap<Key<'a>, usize>,
    by_identity: BTreeMap<RuleIdentity<'a>, Vec<usize>>,
}

impl<'a> Live<'a> {
    fn new(rules: &'a [ObservedRule]) -> Self {
        let mut by_identity: BTreeMap<_, Vec<usize>> = BTreeMap::new();
        for (at, seen) in rules.iter().enumerate() {
            by_identity
                .entry(seen.rule.identity())
                .or_default()
                .push(at);
        }
        Self {
            rules,
            taken: vec![false; rules.len()],
            by_key: (0..).zip(rules).map(|(at, r)| (Key::of(r), at)).collect(),
            by_identity,
        }
    }

    fn take(&mut self, at: usize) -> &'a ObservedRule {
        self.taken[at] = true;
        &self.rules[at]
    }

    /// The rule that a reading before showed, as it is now.
    fn again(&mut self, seen: &ObservedRule) -> Option<&'a ObservedRule> {
        let at = *self.by_key.get(&Key::of(seen))?;
        Some(self.take(at))
    }

    /// A rule that nothing else explains and that the cloud takes for this one.
    fn same_rule(&mut self, rule: &Rule) -> Option<&'a ObservedRule> {
        let at = *self
            .by_identity
            .get(&rule.identity())?
            .iter()
            .find(|at| !self.taken[**at])?;
        Some(self.take(at))
    }
}

/// Whether the two are one rule with one description.
pub(super) fn same_content(a: &Rule, b: &Rule) -> bool {
    a.is_same_rule(b) && a.description == b.description
}

/// A live rule that differs from a wanted one in priority only, which the cloud may have taken it for.
pub(super) fn priority_twin<'a>(live: &'a ObservedGroup, rule: &Rule) -> Option<&'a ObservedRule> {
    live.rules
        .iter()
        .find(|seen| seen.rule.is_same_but_priority(rule) && !seen.rule.is_same_rule(rule))
}

/// Whether one change shows in a reading.
pub(super) fn in_effect(plan: &GroupPlan, change: usize, live: &ObservedGroup) -> bool {
    let find = |old: &ObservedRule| live.rules.iter().find(|seen| Key::of(seen) == Key::of(old));
    match &plan.changes[change].kind {
        ChangeKind::Add(rule) => live.rules.iter().any(|seen| {
            let is_new = seen.id.is_none()
                || plan
                    .observed
                    .rules
                    .iter()
                    .all(|before| before.id != seen.id);
            is_new && same_content(&seen.rule, rule)
        }),
        ChangeKind::Modify { from, to } if from.id.is_some() => {
            find(from).is_some_and(|seen| same_content(&seen.rule, to))
        }
        ChangeKind::Modify { to, .. } => live.rules.iter().any(|seen| same_content(&seen.rule, to)),
        ChangeKind::Delete(old) => find(old).is_none(),
    }
}

/// Compares a group with what it should hold after the changes that were accepted so far.
pub(super) fn compare(plan: &GroupPlan, states: &[State], live: &ObservedGroup) -> Comparison {
    let mut found = Comparison::default();
    let mut live = Live::new(&live.rules);
    let touched: BTreeMap<Key<'_>, usize> = (0..)
        .zip(&plan.changes)
        .filter_map(|(at, change)| Some((Key::of(change.kind.before()?), at)))
        .collect();
    let foreign: std::collections::BTreeSet<Key<'_>> = plan
        .unmanaged
        .iter()
        .chain(plan.ignored.iter().map(|(seen, _)| seen))
        .chain(&plan.system_level)
        .map(Key::of)
        .collect();

    for before in &plan.observed.rules {
        let change = touched.get(&Key::of(before)).copied();
        match change.filter(|at| states[*at].is_sent()) {
            None => {
                let line = match live.again(before) {
                    Some(now) if same_content(&now.rule, &before.rule) => continue,
                    Some(now) => format!("changed: {} is now {}", said(before), now.rule),
                    None => format!("gone: {}", said(before)),
                };
                let is_foreign = change.is_none()
                    && (plan.mode(before.rule.direction).is_none()
                        || foreign.contains(&Key::of(before)));
                if is_foreign {
                    found.notes.push(line);
                } else {
                    found.drift.push(line);
                }
            }
            Some(at) => sent(plan, at, before, &mut live, &mut found),
        }
    }
    for (at, change) in plan.changes.iter().enumerate() {
        let ChangeKind::Add(rule) = &change.kind else {
            continue;
        };
        let wanted = states[at].is_sent();
        if !wanted && states[at] != State::Duplicate {
            continue;
        }
        match live.same_rule(rule) {
            Some(now) if same_content(&now.rule, rule) => {}
            Some(now) => found
                .drift
                .push(format!("{} has another description", said(now))),
            None if wanted => found
                .pending
                .push((at, format!("{rule} does not show with an id of its own"))),
            None => {}
        }
    }
    for (seen, _) in live
        .rules
        .iter()
        .zip(&live.taken)
        .filter(|(_, taken)| !**taken)
    {
        let line = format!("not planned: {}", said(seen));
        match plan.mode(seen.rule.direction) {
            Some(Mode::Complete) => found.drift.push(line),
            Some(Mode::Partial) | None => found.notes.push(line),
        }
    }
    found
}

/// A rule that was modified or deleted.
fn sent(
    plan: &GroupPlan,
    at: usize,
    before: &ObservedRule,
    live: &mut Live<'_>,
    found: &mut Comparison,
) {
    let ChangeKind::Modify { to, .. } = &plan.changes[at].kind else {
        if live.again(before).is_some() {
            found
                .pending
                .push((at, format!("{} still shows", said(before))));
        }
        return;
    };
    let now = match &before.id {
        Some(_) => live.again(before),
        // Without an id it is found by what it is: first as it shall be, else as it was.
        None => match live.same_rule(to) {
            Some(now) => Some(now),
            None => live.same_rule(&before.rule),
        },
    };
    match now {
        Some(now) if same_content(&now.rule, to) => {}
        Some(now) if same_content(&now.rule, &before.rule) => found
            .pending
            .push((at, format!("{} does not show as {to}", said(before)))),
        Some(now) => found
            .drift
            .push(format!("changed: {} is now {}", said(before), now.rule)),
        None => found.drift.push(format!("gone: {}", said(before))),
    }
}

/// `ingress accept tcp/22 from 10.0.0.0/8 priority 1 (sgr-1)`.
pub(super) fn said(seen: &ObservedRule) -> String {
    match &seen.id {
        Some(id) => format!("{} ({id})", seen.rule),
        None => seen.rule.to_string(),
    }
}
