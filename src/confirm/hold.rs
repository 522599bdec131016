//! Whether an unconfirmed apply stands in the way of a plan: for loops, which nobody watches and which would make again what was
//! just taken back.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;

use crate::{
    journal::{self, Answer, Confirmation, Run},
    model::{Rule, RuleIdentity},
    plan::{Address, GroupPlan, Plan},
};

/// What stands in the way of a plan.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Hold {
    /// An apply that is neither confirmed nor taken back: whatever is built on it could be left without it.
    Open {
        /// The run.
        run: String,
        /// Until when somebody is to confirm it.
        until: Timestamp,
    },
    /// The plan would make the changes of an apply that was taken back because nobody confirmed it.
    Again {
        /// The run.
        run: String,
        /// Name of a group that would be as that apply had left it.
        group: String,
    },
}

/// What stands in the way of a plan, by the runs of its folder, the oldest first. For whoever holds the folder's
/// [`Lock`](crate::lock::Lock): no run is under way.
pub fn hold(runs: &[Run], plan: &Plan, now: Timestamp) -> Option<Hold> {
    let unconfirmed: Vec<(usize, &Run, Timestamp)> = runs
        .iter()
        .enumerate()
        .filter(|(_, run)| is_unconfirmed(run))
        .filter_map(|(at, run)| Some((at, run, run.deadline()?)))
        .collect();
    let is_open = |run: &Run| !run.taken_back && journal::undone_by(runs, run).is_none();
    let mut open = unconfirmed.iter().filter(|(_, run, _)| is_open(run));
    // One that cannot be taken back is worse than one that waits.
    if let Some((_, run, until)) = open
        .clone()
        .find(|(.., until)| *until < now)
        .or(open.next())
    {
        return Some(Hold::Open {
            run: run.begun.run.clone(),
            until: *until,
        });
    }
    let groups: BTreeMap<&Address, &GroupPlan> = plan
        .groups
        .iter()
        .filter(|group| !group.changes.is_empty())
        .map(|group| (&group.address, group))
        .collect();
    unconfirmed.iter().rev().find_map(|(at, run, _)| {
        let again = made(run).into_iter().find_map(|(address, made)| {
            let group = groups.get(address)?;
            let is_again =
                made.is_whole_in(&result(group)) && !is_superseded(&runs[at + 1..], address, &made);
            is_again.then(|| group.name.to_string())
        })?;
        Some(Hold::Again {
            run: run.begun.run.clone(),
            group: again,
        })
    })
}

/// Whether a run was to be confirmed and was not.
fn is_unconfirmed(run: &Run) -> bool {
    let kept = run.confirmation == Some(Confirmation::Confirmed);
    run.deadline().is_some() && run.has_sent() && !kept
}

/// Whether somebody has made changes of a run again since, and kept them.
fn is_superseded(later: &[Run], address: &Address, first: &Made<'_>) -> bool {
    let mut later = later.iter().filter(|run| !is_unconfirmed(run));
    later.any(|run| {
        let again = made(run);
        again.get(address).is_some_and(|made| made.meets(first))
    })
}

/// A rule as the files declare it.
type Key<'a> = (RuleIdentity<'a>, Option<&'a str>);

fn key(rule: &Rule) -> Key<'_> {
    (rule.identity(), rule.description.as_deref())
}

/// What a run has made of a group.
#[derive(Debug, Default)]
struct Made<'a> {
    came: BTreeSet<Key<'a>>,
    went: BTreeSet<Key<'a>>,
}

impl Made<'_> {
    /// Whether rules have all that came and nothing that went: what a run made may be less than its plan.
    fn is_whole_in(&self, rules: &BTreeSet<Key<'_>>) -> bool {
        self.came.is_subset(rules) && self.went.is_disjoint(rules)
    }

    fn meets(&self, other: &Made<'_>) -> bool {
        !self.came.is_disjoint(&other.came) || !self.went.is_disjoint(&other.went)
    }
}

fn made(run: &Run) -> BTreeMap<&Address, Made<'_>> {
    let mut groups: BTreeMap<&Address, Made<'_>> = BTreeMap::new();
    for call in run
        .calls
        .iter()
        .filter(|call| call.answer != Answer::NotDone)
    {
        let made = groups.entry(&call.address).or_default();
        for change in &call.changes {
            if let Some(before) = &change.before {
                let key = key(&before.rule);
                if !made.came.remove(&key) {
                    made.went.insert(key);
                }
            }
            if let Some(after) = &change.after {
                let key = key(after);
                if !made.went.remove(&key) {
                    made.came.insert(key);
                }
            }
        }
    }
    groups.retain(|_, made| !made.came.is_empty() || !made.went.is_empty());
    groups
}

/// The rules of a group after its changes.
fn result(group: &GroupPlan) -> BTreeSet<Key<'_>> {
    let mut rules: BTreeSet<Key<'_>> = group
        .observed
        .rules
        .iter()
        .map(|seen| key(&seen.rule))
        .collect();
    for change in &group.changes {
        if let Some(before) = change.kind.before() {
            rules.remove(&key(&before.rule));
        }
    }
    let come = group
        .changes
        .iter()
        .filter_map(|change| change.kind.after());
    rules.extend(come.map(key));
    rules
}

#[cfg(test)]
mod tests;
