//! What a group's changes mean in traffic, and the proof that every state on the way is safe.

use std::collections::BTreeSet;

use super::{ChangeKind, GroupPlan, Passing, Schedule, Step, Traffic};
#[cfg(test)]
use crate::traffic::difference::difference;
use crate::{
    model::{Direction, Lists, NicType, ObservedRule, PortList, PortListId, PortSet, Rule},
    traffic::{
        certificate::{Move, replay, replay_in, touched},
        change::changing_space,
        clause::Resolve,
        difference::{Difference, default_policy, difference_in},
    },
};

/// Most unread port lists of which every case is looked at.
const FEW_LISTS: usize = 4;

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
            let space = changing_space(old.iter().copied(), &touched, default, &resolve);
            difference = difference_in(&space, &old, &new);
            let mut transients = replay_in(&space, &old, &waves);
            for lists in &other_readings(group.in_turn.is_some(), &old, &waves, lists) {
                transients.extend(replay(&old, &waves, default, &Resolve(Some(lists))));
            }
            for transient in transients {
                let passing = Passing {
                    with: None,
                    direction: side.0,
                    nic: side.1,
                    transient,
                };
                if !found.contains(&passing) {
                    found.push(passing);
                }
            }
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

/// Lists as they were read, and whatever else those may hold that could not be read. An unread port list counts as every port; that hides nothing where the order was made
/// from pairs of rules, which holds whatever they match. Changes made in turns were not ordered so: there a packet may also be in none
/// of some lists, and every case is looked at as far as they are few, else each list by itself and all together.
pub fn readings(
    in_turn: bool,
    old: &[&Rule],
    waves: &[Vec<Move<'_>>],
    lists: &Lists,
) -> Vec<Lists> {
    let mut all = vec![lists.clone()];
    all.extend(other_readings(in_turn, old, waves, lists));
    all
}

/// As [`readings`], without the lists as they were read.
fn other_readings(
    in_turn: bool,
    old: &[&Rule],
    waves: &[Vec<Move<'_>>],
    lists: &Lists,
) -> Vec<Lists> {
    if !in_turn {
        return Vec::new();
    }
    let unread: BTreeSet<&PortListId> = old
        .iter()
        .copied()
        .chain(touched(waves))
        .filter_map(|rule| match &rule.protocol.ports()?.destination {
            PortSet::List(list) => Some(list),
            PortSet::Range(_) => None,
        })
        .filter(|list| !lists.port.contains_key(list))
        .collect();
    let mut all = Vec::new();
    if unread.is_empty() {
        return all;
    }
    let unread: Vec<&PortListId> = unread.into_iter().collect();
    let mut without = |some: &mut dyn Iterator<Item = &PortListId>| {
        let mut lists = lists.clone();
        for list in some {
            let nothing = PortList {
                name: list.as_str().into(),
                max_entries: 0,
                entries: Vec::new(),
            };
            lists.port.insert(list.clone(), nothing);
        }
        all.push(lists);
    };
    if unread.len() <= FEW_LISTS {
        for choice in 1..1usize << unread.len() {
            let chosen = (0..unread.len()).filter(|number| choice & (1 << number) != 0);
            without(&mut chosen.map(|number| unread[number]));
        }
    } else {
        unread
            .iter()
            .for_each(|list| without(&mut std::iter::once(*list)));
        without(&mut unread.iter().copied());
    }
    all
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
