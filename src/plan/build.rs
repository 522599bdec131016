//! Puts a plan together: every group is drafted, the groups of each network are ordered, and the result is replayed.

use std::collections::{BTreeMap, BTreeSet};

use super::{
    Address, Context, GroupInput, Plan, Schedule, assertions,
    bind::Names,
    draft::Draft,
    meaning, meeting, overruled,
    quota::{replay_quota, say_what_goes_first},
    schedule,
};
use crate::{
    desired::DesiredGroup,
    model::{AccountName, Network, RegionId},
};

/// Compares, matches and orders. Whatever order the groups come in, the plan is the same.
pub fn plan(mut groups: Vec<GroupInput<'_>>, context: &Context<'_>) -> Plan {
    groups.sort_by_cached_key(address);
    let names = Names::new(context.directory);
    let mut diagnostics = Vec::new();
    let declared: Vec<&DesiredGroup> = groups.iter().map(|input| input.desired).collect();
    let mut drafts: Vec<Draft> = groups
        .into_iter()
        .map(|input| Draft::new(input, &names, context, &mut diagnostics))
        .collect();

    let mut networks: BTreeMap<(AccountName, RegionId, Network), Vec<usize>> = BTreeMap::new();
    for (index, draft) in drafts.iter().enumerate() {
        let Address {
            account,
            region,
            group: _,
        } = &draft.plan.address;
        let network = draft.plan.observed.info.network.clone();
        networks
            .entry((account.clone(), region.clone(), network))
            .or_default()
            .push(index);
    }
    let mut schedules = Vec::new();
    for ((account, region, network), members) in networks {
        let waves = schedule::schedule(&mut drafts, &members);
        if !waves.is_empty() {
            schedules.push(Schedule {
                account,
                region,
                network,
                waves,
                pairs_left_out: 0,
                turns_left_out: 0,
            });
        }
    }
    for schedule in &mut schedules {
        let groups: BTreeSet<usize> = schedule
            .waves
            .iter()
            .flatten()
            .map(|step| step.group)
            .collect();
        replay_quota(&mut drafts, schedule);
        for &group in &groups {
            let draft = &mut drafts[group];
            (draft.plan.traffic, draft.plan.passing) =
                meaning::judge(group, &draft.plan, schedule, &draft.lists);
        }
        meetings(&mut drafts, schedule, &groups);
        for &group in &groups {
            // Whatever was not looked at in search of the steps, the replay found nothing against them.
            let plan = &mut drafts[group].plan;
            if let (true, Some(in_turn)) = (plan.passing.is_empty(), &mut plan.in_turn) {
                in_turn.orders_left_out = false;
                in_turn.least_slots_unknown = false;
            }
        }
        diagnostics.extend(
            groups
                .iter()
                .filter_map(|&group| say_what_goes_first(&drafts[group], schedule, group)),
        );
    }
    for draft in &drafts {
        diagnostics.extend(overruled::overruled(&draft.plan, &draft.lists));
    }
    let judge = assertions::Judge::new(&names, context, &schedules);
    for (index, (draft, desired)) in drafts.iter_mut().zip(declared).enumerate() {
        let violations = judge.group(index, &draft.plan, desired, &mut diagnostics);
        draft.plan.violations = violations;
    }
    diagnostics.sort_by(|a, b| {
        a.labels
            .first()
            .map(|l| l.span)
            .cmp(&b.labels.first().map(|l| l.span))
    });
    Plan {
        groups: drafts.into_iter().map(|draft| draft.plan).collect(),
        schedules,
        diagnostics,
    }
}

/// Where a group lives.
pub fn address(input: &GroupInput<'_>) -> Address {
    Address {
        account: input.desired.account.clone(),
        region: input.desired.region.clone(),
        group: input.observed.info.id.clone(),
    }
}

/// Replays what happens on interfaces in two of the groups, as far as they may meet and are not too many. What is wrong in one of
/// the two alone has been said.
fn meetings(drafts: &mut [Draft], schedule: &mut Schedule, groups: &BTreeSet<usize>) {
    let of_network: Vec<usize> = (0..drafts.len())
        .filter(|&group| {
            let plan = &drafts[group].plan;
            plan.address.account == schedule.account
                && plan.address.region == schedule.region
                && plan.observed.info.network == schedule.network
        })
        .collect();
    let pairs = meeting::pairs(drafts, &of_network, groups);
    schedule.turns_left_out = pairs.in_turns_left_out;
    schedule.pairs_left_out = pairs.in_turns_left_out + pairs.others_left_out;
    for (&group, &count) in &pairs.left_out_of {
        if let Some(in_turn) = &mut drafts[group].plan.in_turn {
            in_turn.pairs_left_out = count;
        }
    }
    let mut found = Vec::new();
    for &(one, other) in pairs.in_turns.iter().chain(&pairs.others) {
        let (a, b) = (&drafts[one], &drafts[other]);
        let (passing, all_memberships) = meeting::passing((one, a), (other, b), schedule);
        found.extend(passing.into_iter().map(|passing| (one, passing)));
        // Only the replay speaks for what is changed in turns.
        for group in [one, other] {
            if let Some(in_turn) = &mut drafts[group].plan.in_turn {
                in_turn.memberships_left_out |= !all_memberships;
            }
        }
    }
    for (group, passing) in found {
        let known = &mut drafts[group].plan.passing;
        if !known.contains(&passing) {
            known.push(passing);
        }
    }
}
