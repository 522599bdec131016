//! What a group's changes mean in traffic, and the proof that every state on the way is safe.

use std::collections::BTreeSet;

use super::{ChangeKind, GroupPlan, Passing, Schedule, Step, Traffic};
#[cfg(test)]
use crate::traffic::difference::difference;
use crate::{
    model::{Direction, Lists, NicType, ObservedRule, Rule},
    traffic::{
        certificate::{Move, replay_in, touched},
        change::changing_space,
        clause::Resolve,
        difference::{Difference, difference_in},
        platform::default_policy,
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

/// Compares the group before and after, and replays the schedule on it: what is not, for a while, what it is before and after. Lists count
/// with their content as it was read.
pub fn judge(
    index: usize,
    group: &GroupPlan,
    schedule: &Schedule,
    lists: &Lists,
) -> (Vec<Traffic>, Vec<Passing>) {
    let mut all = Vec::new();
    let mut found = Vec::new();
    for side in sides(group) {
        let default = default_policy(side.0, group.observed.info.kind);
        let (old, new) = ends(group, side);
        let waves = moves(index, group, schedule, side);
        let touched = touched(&waves);
        let mut difference = Difference::default();
        if !touched.is_empty() {
            // One space for both.
            let resolve = Resolve(Some(lists));
            let (space, _) = changing_space(old.iter().copied(), &touched, default, &resolve);
            difference = difference_in(&space, &old, &new);
            let transients = replay_in(&space, &old, &waves);
            found.extend(transients.into_iter().map(|transient| Passing {
                with: None,
                direction: side.0,
                nic: side.1,
                transient,
            }));
        }
        all.push(Traffic {
            direction: side.0,
            nic: side.1,
            difference,
        });
    }
    (all, found)
}

/// The rules of one side of a group before and after its changes.
fn ends(group: &GroupPlan, side: (Direction, NicType)) -> (Vec<&Rule>, Vec<&Rule>) {
    let mut gone: Vec<&ObservedRule> = group
        .changes
        .iter()
        .filter_map(|change| change.kind.before())
        .collect();
    let observed = || group.observed.rules.iter();
    let old = observed().map(|seen| &seen.rule).filter(is_of(side));
    // One by one: the cloud may hold the same rule under two ids, of which one stays.
    let stays = |seen: &&ObservedRule| match gone.iter().position(|gone| gone == seen) {
        Some(place) => {
            gone.swap_remove(place);
            false
        }
        None => true,
    };
    let kept = observed()
        .filter(stays)
        .map(|seen| &seen.rule)
        .filter(is_of(side));
    let come = group
        .changes
        .iter()
        .filter_map(|change| change.kind.after())
        .filter(is_of(side));
    (old.collect(), kept.chain(come).collect())
}

/// Compares a group before and after.
#[cfg(test)]
pub(crate) fn traffic(group: &GroupPlan, lists: &Lists) -> Vec<Traffic> {
    let kind = group.observed.info.kind;
    let compare = |side: (Direction, NicType)| {
        let (old, new) = ends(group, side);
        let default = default_policy(side.0, kind);
        Traffic {
            direction: side.0,
            nic: side.1,
            difference: difference(&old, &new, default, &Resolve(Some(lists))),
        }
    };
    sides(group).into_iter().map(compare).collect()
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
