//! What a group's changes mean in traffic, and the proof that every state on the way is safe.

use std::collections::BTreeSet;

use super::{ChangeKind, GroupPlan, Passing, Schedule, Step, Traffic};
use crate::{
    model::{Direction, Lists, NicType, ObservedRule, PortList, PortListId, PortSet, Rule},
    traffic::{
        certificate::{Move, replay},
        clause::Resolve,
        difference::{default_policy, difference},
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
        for lists in &readings(group.in_turn.is_some(), &old, &waves, lists) {
            let default = default_policy(side.0, kind);
            for transient in replay(&old, &waves, default, &Resolve(Some(lists))) {
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
    }
    found
}

/// What lists may hold that could not be read. An unread port list counts as every port; that hides nothing where the order was made
/// from pairs of rules, which holds whatever they match. Changes made in turns were not ordered so: there a packet may also be in none
/// of some lists, and every case is looked at as far as they are few, else each list by itself and all together.
pub fn readings(
    in_turn: bool,
    old: &[&Rule],
    waves: &[Vec<Move<'_>>],
    lists: &Lists,
) -> Vec<Lists> {
    let moved = waves
        .iter()
        .flatten()
        .flat_map(|step| [step.gone, step.come]);
    let unread: BTreeSet<&PortListId> = old
        .iter()
        .copied()
        .chain(moved.flatten())
        .filter_map(|rule| match &rule.protocol.ports()?.destination {
            PortSet::List(list) => Some(list),
            PortSet::Range(_) => None,
        })
        .filter(|list| !lists.port.contains_key(list))
        .collect();
    let mut all = vec![lists.clone()];
    if !in_turn || unread.is_empty() {
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
