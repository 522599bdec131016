//! Network interfaces in two groups that both change: their verdicts come from the union of the rules.
//!
//! The order holds for every union of groups; this is the replay of it for two, where they may meet. Groups that are changed in turns for want of
//! room were ordered by themselves, so for them it is more than a check.

use std::collections::BTreeSet;

use super::{ChangeKind, Passing, Schedule, draft::Draft, meaning};
use crate::{
    model::Rule,
    traffic::{
        certificate::{Move, replay},
        clause::Resolve,
        difference::default_policy,
        may_overlap,
    },
};

/// Most pairs that are looked at at all.
const MANY: usize = 50_000;

/// Pairs of groups of which a rule that changes in the one may meet one that changes in the other; those with a group that is changed in
/// turns first.
pub fn pairs(drafts: &[Draft], groups: &BTreeSet<usize>) -> Vec<(usize, usize)> {
    let moving = |group: usize| -> Vec<&Rule> {
        let changes = drafts[group].plan.changes.iter();
        changes
            .map(|change| &change.kind)
            .filter(|change| meaning::step_of(change).is_some())
            .flat_map(|change: &ChangeKind| {
                change
                    .before()
                    .map(|seen| &seen.rule)
                    .into_iter()
                    .chain(change.after())
            })
            .collect()
    };
    let rules: Vec<(usize, Vec<&Rule>)> =
        groups.iter().map(|&group| (group, moving(group))).collect();
    let mut pairs: Vec<(bool, usize, usize)> = Vec::new();
    let all = rules
        .iter()
        .enumerate()
        .flat_map(|(place, one)| rules[place + 1..].iter().map(move |other| (one, other)));
    for ((one, mine), (other, theirs)) in all.take(MANY) {
        let kind = |group: usize| drafts[group].plan.observed.info.kind;
        let meet = |a: &&&Rule| theirs.iter().any(|b| may_overlap(a, b));
        // An interface is in basic groups or in advanced ones, never in both.
        if kind(*one) == kind(*other) && mine.iter().any(|rule| meet(&rule)) {
            let in_turns = [one, other]
                .iter()
                .any(|group| drafts[**group].turns.is_some());
            pairs.push((!in_turns, *one, *other));
        }
    }
    pairs.sort_unstable();
    pairs
        .into_iter()
        .map(|(_, one, other)| (one, other))
        .collect()
}

/// What is not, for a while, what it is before and after on interfaces in both groups, and is in neither alone.
pub fn passing(
    (one, a): (usize, &Draft),
    (other, b): (usize, &Draft),
    schedule: &Schedule,
) -> Vec<Passing> {
    let mut lists = a.lists.clone();
    lists.prefix.extend(b.lists.prefix.clone());
    lists.port.extend(b.lists.port.clone());
    let drafts = [(one, a), (other, b)];
    let sides = meaning::sides(&a.plan)
        .into_iter()
        .filter(|side| meaning::sides(&b.plan).contains(side));
    let mut found = Vec::new();
    for side in sides {
        let old: Vec<&Rule> = drafts
            .iter()
            .flat_map(|(_, draft)| &draft.plan.observed.rules)
            .map(|seen| &seen.rule)
            .filter(meaning::is_of(side))
            .collect();
        let waves: Vec<Vec<Move<'_>>> = meaning::moves(one, &a.plan, schedule, side)
            .into_iter()
            .zip(meaning::moves(other, &b.plan, schedule, side))
            .map(|(mine, theirs)| mine.into_iter().chain(theirs).collect())
            .collect();
        let default = default_policy(side.0, a.plan.observed.info.kind);
        for transient in replay(&old, &waves, default, &Resolve(Some(&lists))) {
            let alone = drafts.iter().any(|(_, draft)| {
                draft.plan.passing.iter().any(|known| {
                    (known.direction, known.nic) == side
                        && known.with.is_none()
                        && known.transient == transient
                })
            });
            if !alone {
                found.push(Passing {
                    with: Some(b.plan.name.clone()),
                    direction: side.0,
                    nic: side.1,
                    transient,
                });
            }
        }
    }
    found
}
