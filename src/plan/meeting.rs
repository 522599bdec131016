//! Network interfaces in two groups that both change: their verdicts come from the union of the rules.
//!
//! The order holds for every union of groups; this is the replay of it for two, where they may meet. Groups that are changed in turns for want of
//! room were ordered by themselves, so for them it is more than a check: each is replayed with every planned group of its network that it may
//! meet, also with those that do not change. Groups that are not planned are not looked at.

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

/// Pairs of groups that may meet.
#[derive(Debug, Default)]
pub struct Pairs {
    /// With a group that is changed in turns, which comes first: a rule that changes in it may meet any rule of the other.
    pub in_turns: Vec<(usize, usize)>,
    /// Of two others: a rule that changes in the one may meet one that changes in the other.
    pub others: Vec<(usize, usize)>,
    /// Pairs of others that were not even looked at.
    pub left_out: usize,
}

/// Pairs of groups of one network; `groups` are those that change.
pub fn pairs(drafts: &[Draft], network: &[usize], groups: &BTreeSet<usize>) -> Pairs {
    let kind = |group: usize| drafts[group].plan.observed.info.kind;
    let in_turns = |group: usize| drafts[group].turns.is_some();
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
    let meet = |mine: &[&Rule], theirs: &[&Rule]| {
        mine.iter()
            .any(|a| theirs.iter().any(|b| may_overlap(a, b)))
    };
    let mut pairs = Pairs::default();
    let mut seen: BTreeSet<(usize, usize)> = BTreeSet::new();
    for (one, mine) in rules.iter().filter(|(group, _)| in_turns(*group)) {
        // An interface is in basic groups or in advanced ones, never in both.
        let may_share = |other: &usize| other != one && kind(*other) == kind(*one);
        for other in network.iter().copied().filter(may_share) {
            let observed = drafts[other].plan.observed.rules.iter();
            let mut theirs: Vec<&Rule> = observed.map(|seen| &seen.rule).collect();
            theirs.extend(moving(other));
            if meet(mine, &theirs) && seen.insert((other.min(*one), other.max(*one))) {
                pairs.in_turns.push((*one, other));
            }
        }
    }
    let mut others: Vec<&(usize, Vec<&Rule>)> = rules
        .iter()
        .filter(|(group, _)| !in_turns(*group))
        .collect();
    others.sort_by_key(|(group, _)| kind(*group));
    let mut all = others
        .iter()
        .enumerate()
        .flat_map(|(place, one)| others[place + 1..].iter().map(move |other| (one, other)))
        .filter(|((one, _), (other, _))| kind(*one) == kind(*other));
    let mut looked = 0;
    for ((one, mine), (other, theirs)) in all.by_ref().take(MANY) {
        looked += 1;
        if meet(mine, theirs) {
            pairs.others.push((*one, *other));
        }
    }
    // Of thousands of groups they are too many even to be counted one by one.
    let alike = others.chunk_by(|(one, _), (other, _)| kind(*one) == kind(*other));
    let pairs_of = |groups: usize| groups * groups.saturating_sub(1) / 2;
    pairs.left_out = alike.map(|groups| pairs_of(groups.len())).sum::<usize>() - looked;
    pairs
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
    let (mine, theirs) = (meaning::sides(&a.plan), meaning::sides(&b.plan));
    // What changes in turns may meet what stays in the other group.
    let in_turns = drafts.iter().any(|(_, draft)| draft.turns.is_some());
    let sides: Vec<_> = if in_turns {
        mine.union(&theirs).copied().collect()
    } else {
        mine.intersection(&theirs).copied().collect()
    };
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
