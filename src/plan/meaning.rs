//! What a group's changes mean in traffic, and the proof that every state on the way is safe.

use std::collections::BTreeSet;

use super::{ChangeKind, GroupPlan, Passing, Schedule, Step, Traffic};
use crate::{
    model::{Direction, Lists, NicType, ObservedRule, Rule},
    traffic::{
        certificate::{Move, replay},
        clause::Resolve,
        difference::{default_policy, difference},
    },
};

/// Directions and network interfaces that some change is about.
pub fn sides(group: &GroupPlan) -> BTreeSet<(Direction, NicType)> {
    group
        .changes
        .iter()
        .map(|change| change.kind.rule())
        .map(|rule| (rule.direction, rule.nic))
        .collect()
}

/// Picks the rules of one direction and network interface.
pub fn is_of(side: (Direction, NicType)) -> impl Fn(&&Rule) -> bool {
    move |rule| (rule.direction, rule.nic) == side
}

/// Compares the group before and after. Lists count with their content as it was read.
pub fn traffic(group: &GroupPlan, lists: &Lists) -> Vec<Traffic> {
    let kind = group.observed.info.kind;
    sides(group)
        .into_iter()
        .map(|side| {
            let mut gone: Vec<&ObservedRule> = group
                .changes
                .iter()
                .filter_map(|change| change.kind.before())
                .collect();
            let old: Vec<&Rule> = group
                .observed
                .rules
                .iter()
                .map(|seen| &seen.rule)
                .filter(is_of(side))
                .collect();
            // One by one: the cloud may hold the same rule under two ids, of which one stays.
            let stays = |seen: &&ObservedRule| match gone.iter().position(|gone| gone == seen) {
                Some(place) => {
                    gone.swap_remove(place);
                    false
                }
                None => true,
            };
            let kept = group
                .observed
                .rules
                .iter()
                .filter(stays)
                .map(|seen| &seen.rule)
                .filter(is_of(side));
            let come = group
                .changes
                .iter()
                .filter_map(|change| change.kind.after())
                .filter(is_of(side));
            let new: Vec<&Rule> = kept.chain(come).collect();
            let default = default_policy(side.0, kind);
            Traffic {
                direction: side.0,
                nic: side.1,
                difference: difference(&old, &new, default, &Resolve(Some(lists))),
            }
        })
        .collect()
}

/// Replays the schedule on one group: what is not, for a while, what it is before and after.
pub fn passing(
    index: usize,
    group: &GroupPlan,
    schedule: &Schedule,
    lists: &Lists,
) -> Vec<Passing> {
    let kind = group.observed.info.kind;
    let mut found = Vec::new();
    for side in sides(group) {
        let old: Vec<&Rule> = group
            .observed
            .rules
            .iter()
            .map(|seen| &seen.rule)
            .filter(is_of(side))
            .collect();
        let waves = moves(index, group, schedule, side);
        let default = default_policy(side.0, kind);
        let transients = replay(&old, &waves, default, &Resolve(Some(lists)));
        found.extend(transients.into_iter().map(|transient| Passing {
            with: None,
            direction: side.0,
            nic: side.1,
            transient,
        }));
    }
    found
}

/// What the waves of a schedule do to the rules of one side of a group.
pub fn moves<'a>(
    index: usize,
    group: &'a GroupPlan,
    schedule: &Schedule,
    side: (Direction, NicType),
) -> Vec<Vec<Move<'a>>> {
    let moves_of = |wave: &Vec<Step>| {
        wave.iter()
            .filter(|step| step.group == index)
            .flat_map(|step| &step.changes)
            .map(|&change| &group.changes[change].kind)
            .filter(|change| is_of(side)(&change.rule()))
            .filter_map(step_of)
            .collect()
    };
    schedule.waves.iter().map(moves_of).collect()
}

/// A change of the description alone moves no packet.
pub fn step_of(change: &ChangeKind) -> Option<Move<'_>> {
    let (gone, come) = (change.before().map(|seen| &seen.rule), change.after());
    match (gone, come) {
        (Some(gone), Some(come)) if gone.is_same_rule(come) => None,
        _ => Some(Move { gone, come }),
    }
}
