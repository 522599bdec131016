//! Orders the changes of one network and packs them into calls.

use std::collections::{BTreeMap, BTreeSet};

use super::{
    Change, ChangeKind, GroupPlan, Step,
    draft::{Draft, names_a_group, peer_units},
    exact,
    order::{Known, Node, Order, order},
    quota::count,
};
use crate::{
    diag::Span,
    model::{Direction, Rule},
    provider::{BATCH, RuleAction, RuleCall},
    traffic::platform::default_policy,
};

/// Orders the changes of one network, fills in the changes of its groups, and returns the calls in waves.
///
/// A group that would hold too much at some step is changed in turns.
pub fn schedule(drafts: &mut [Draft], members: &[usize]) -> Vec<Vec<Step>> {
    let mut unfit: BTreeSet<usize> = BTreeSet::new();
    loop {
        let wave_of = waves(drafts, members);
        let crowded: Vec<usize> = members
            .iter()
            .copied()
            .filter(|group| drafts[*group].turns.is_none() && !unfit.contains(group))
            .filter(|&group| holds_too_much(&drafts[group], group, &wave_of))
            .collect();
        if crowded.is_empty() {
            return batch(drafts, members, &wave_of);
        }
        for group in crowded {
            if !drafts[group].take_turns() {
                unfit.insert(group);
            }
        }
    }
}

/// The wave of every change, by group and place.
fn waves(drafts: &mut [Draft], members: &[usize]) -> BTreeMap<(usize, usize), usize> {
    let mut apart: BTreeSet<usize> = BTreeSet::new();
    let mut looks = Looks::new();
    loop {
        let places: Vec<(usize, usize)> = members
            .iter()
            .flat_map(|&group| (0..drafts[group].candidates.len()).map(move |index| (group, index)))
            .collect();
        let tight: BTreeMap<usize, _> = members
            .iter()
            .map(|&group| (group, drafts[group].tightness()))
            .collect();
        let nodes: Vec<Node<'_>> = places
            .iter()
            .map(|&(group, index)| {
                let candidate = &drafts[group].candidates[index];
                let change = &candidate.change.kind;
                let tight = &tight[&group];
                Node {
                    change,
                    group,
                    place: index,
                    splittable: candidate.splittable,
                    turn: drafts[group].turns.as_ref().map(|turns| turns[index]),
                    apart: apart.contains(&group),
                    early: tight.units || (tight.group_peers && names_a_group(change.rule())),
                }
            })
            .collect();
        look(drafts, &nodes, &mut looks);
        let (split, whole) = match order(&nodes, &looks.known) {
            Order::Waves(waves) => return places.into_iter().zip(waves).collect(),
            Order::Circular { split, whole } => (split, whole),
        };
        if !split.is_empty() {
            for (group, index) in split.into_iter().map(|node| places[node]) {
                drafts[group].split(index);
            }
            continue;
        }
        // Changes that stay whole form no circle but with turns of some group, which are then fitted in after all others.
        for circle in whole {
            let mut groups = circle.into_iter().map(|node| places[node].0);
            let turned = groups.find(|group| drafts[*group].turns.is_some());
            apart.insert(turned.expect("only turns make a circle of changes that stay whole"));
        }
    }
}

/// What exact sets of packets say about the order within each group, and the places it was said of.
struct Looks {
    places: BTreeMap<usize, Vec<usize>>,
    known: BTreeMap<usize, Known>,
}

impl Looks {
    fn new() -> Self {
        Self {
            places: BTreeMap::new(),
            known: BTreeMap::new(),
        }
    }
}

/// Looks at groups whose changes have become others: a modify that is taken apart adds a place, a group in turns needs no look.
fn look(drafts: &[Draft], nodes: &[Node<'_>], looks: &mut Looks) {
    let mut by_group: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
    for node in nodes.iter().filter(|node| node.turn.is_none()) {
        by_group.entry(node.group).or_default().push(node.place);
    }
    looks.known.retain(|group, _| by_group.contains_key(group));
    for (group, places) in &by_group {
        if looks.known.contains_key(group) && looks.places.get(group) == Some(places) {
            continue;
        }
        let draft = &drafts[*group];
        let moves_packets = |change: &ChangeKind| match change {
            ChangeKind::Modify { from, to } => !from.rule.is_same_rule(to),
            ChangeKind::Add(_) | ChangeKind::Delete(_) => true,
        };
        let changes = || {
            let change = |&place: &usize| (place, &draft.candidates[place].change.kind);
            let changes = places.iter().map(change);
            changes.filter(|(_, change)| moves_packets(change))
        };
        let come: Vec<(usize, &Rule)> = changes()
            .filter_map(|(place, change)| Some((place, change.after()?)))
            .collect();
        let gone: Vec<(usize, &Rule)> = changes()
            .filter_map(|(place, change)| Some((place, &change.before()?.rule)))
            .collect();
        let kept = draft.kept();
        let default = |direction| default_policy(direction, draft.plan.observed.info.kind);
        let known = Known {
            e1: exact::pairs(&kept, &come, default),
            e2: exact::pairs(&kept, &gone, default),
        };
        looks.known.insert(*group, known);
    }
    looks.places = by_group;
}

/// Whether a group that can hold what it has and what it shall have holds more at some step.
fn holds_too_much(draft: &Draft, group: usize, wave_of: &BTreeMap<(usize, usize), usize>) -> bool {
    let mut by_wave: BTreeMap<usize, [(i64, i64); 2]> = BTreeMap::new();
    for (index, candidate) in draft.candidates.iter().enumerate() {
        let [units, peers] = by_wave.entry(wave_of[&(group, index)]).or_default();
        count(units, &candidate.change.kind, |rule| {
            draft.lists.weight(rule)
        });
        count(peers, &candidate.change.kind, peer_units);
    }
    let quotas = [&draft.plan.quota, &draft.plan.group_peers];
    (0..2).any(|which| {
        let (mut held, mut peak) = (i64::from(quotas[which].before), 0);
        for sums in by_wave.values() {
            let (more, less) = sums[which];
            if more > 0 {
                peak = peak.max(held + more);
            }
            held += more + less;
        }
        let limit = i64::from(quotas[which].limit);
        peak > limit && held <= limit
    })
}

/// Sorts every group's changes and packs those of one wave, group, direction and kind into calls.
fn batch(
    drafts: &mut [Draft],
    members: &[usize],
    wave_of: &BTreeMap<(usize, usize), usize>,
) -> Vec<Vec<Step>> {
    let mut waves: Vec<Vec<Step>> = Vec::new();
    for &group in members {
        let draft = &mut drafts[group];
        let mut sorted: Vec<(Change, usize)> = std::mem::take(&mut draft.candidates)
            .into_iter()
            .enumerate()
            .map(|(index, candidate)| (candidate.change, wave_of[&(group, index)]))
            .collect();
        sorted.sort_by(|(a, _), (b, _)| sort_key(a).cmp(&sort_key(b)));
        let mut calls: BTreeMap<(usize, u8, Direction), Vec<usize>> = BTreeMap::new();
        for (index, (change, wave)) in sorted.iter().enumerate() {
            let kind = match change.kind {
                ChangeKind::Add(_) => 0,
                ChangeKind::Modify { .. } => 1,
                ChangeKind::Delete(_) => 2,
            };
            calls
                .entry((*wave, kind, change.kind.rule().direction))
                .or_default()
                .push(index);
        }
        draft.plan.changes = sorted.into_iter().map(|(change, _)| change).collect();
        for ((wave, kind, direction), indices) in calls {
            let size = if kind == 1 { 1 } else { BATCH };
            if waves.len() <= wave {
                waves.resize_with(wave + 1, Vec::new);
            }
            for chunk in indices.chunks(size) {
                waves[wave].push(step(group, &draft.plan, direction, chunk));
            }
        }
    }
    // Steps of a wave stand in the order of groups, whatever order their kinds were found in.
    for wave in &mut waves {
        wave.sort_by_key(|step| step.group);
    }
    waves
}

/// Shown and counted in this order: by the rule, deletes before modifies before adds of the same rule.
fn sort_key(change: &Change) -> (&Rule, u8, Option<&crate::model::RuleId>, Option<Span>) {
    let kind = match change.kind {
        ChangeKind::Delete(_) => 0,
        ChangeKind::Modify { .. } => 1,
        ChangeKind::Add(_) => 2,
    };
    let id = change.kind.before().and_then(|seen| seen.id.as_ref());
    (change.kind.rule(), kind, id, change.span)
}

fn step(group: usize, plan: &GroupPlan, direction: Direction, chunk: &[usize]) -> Step {
    let kinds = chunk.iter().map(|&index| &plan.changes[index].kind);
    let action = match &plan.changes[chunk[0]].kind {
        ChangeKind::Add(_) => {
            RuleAction::Authorize(kinds.filter_map(ChangeKind::after).cloned().collect())
        }
        ChangeKind::Delete(_) => {
            RuleAction::Revoke(kinds.filter_map(ChangeKind::before).cloned().collect())
        }
        ChangeKind::Modify { from, to } => RuleAction::Modify {
            from: from.clone(),
            to: to.clone(),
        },
    };
    Step {
        group,
        changes: chunk.to_vec(),
        call: RuleCall {
            group: plan.address.group.clone(),
            direction,
            action,
        },
    }
}
