//! Units and group peers counted call by call, and what a plan that deletes first gives up.

use std::collections::BTreeMap;

use super::{
    ChangeKind, GroupPlan, Schedule,
    draft::{Draft, peer_units},
};
use crate::{
    diag::{Code, Diagnostic},
    model::Rule,
};

/// Counts every group's units and group peers call by call; within a wave what takes room is counted first, since its order is open.
pub fn replay_quota(drafts: &mut [Draft], schedule: &Schedule) {
    for wave in &schedule.waves {
        let mut taken: BTreeMap<usize, [(i64, i64); 2]> = BTreeMap::new();
        for step in wave {
            let draft = &drafts[step.group];
            let [units, peers] = taken.entry(step.group).or_default();
            for &index in &step.changes {
                let kind = &draft.plan.changes[index].kind;
                count(units, kind, |rule| draft.lists.weight(rule));
                count(peers, kind, peer_units);
            }
        }
        for (group, [units, peers]) in taken {
            let plan = &mut drafts[group].plan;
            for (quota, (more, less)) in [(&mut plan.quota, units), (&mut plan.group_peers, peers)]
            {
                let whole = |value: i64| u32::try_from(value.max(0)).unwrap_or(u32::MAX);
                quota.peak = quota.peak.max(whole(i64::from(quota.after) + more));
                quota.after = whole(i64::from(quota.after) + more + less);
            }
        }
    }
}

/// Adds what a change takes to the first sum, or what it gives back to the second.
pub fn count((more, less): &mut (i64, i64), kind: &ChangeKind, weight: impl Fn(&Rule) -> u32) {
    let of = |rule: Option<&Rule>| rule.map_or(0, |rule| i64::from(weight(rule)));
    let change = of(kind.after()) - of(kind.before().map(|seen| &seen.rule));
    *(if change > 0 { more } else { less }) += change;
}

/// Says of a plan that fits only because deletes go first what that gives up.
pub fn say_what_goes_first(draft: &Draft, schedule: &Schedule, group: usize) -> Option<Diagnostic> {
    let GroupPlan {
        name,
        span,
        changes,
        quota,
        group_peers,
        ..
    } = &draft.plan;
    let (mut units, mut peers) = ((0, 0), (0, 0));
    for change in changes {
        if change.kind.before().is_none() {
            count(&mut units, &change.kind, |rule| draft.lists.weight(rule));
            count(&mut peers, &change.kind, peer_units);
        }
    }
    let (what, quota) = [
        (["unit of rules", "units of rules"], quota, units.0),
        (
            ["rule whose peer is a group", "rules whose peer is a group"],
            group_peers,
            peers.0,
        ),
    ]
    .into_iter()
    .find_map(|(what, quota, more)| {
        let both = i64::from(quota.before) + more;
        (more > 0 && both > i64::from(quota.limit) && quota.peak <= quota.limit)
            .then_some((what, quota))
    })?;
    let kind_of = |index: &usize| &changes[*index].kind;
    let first = schedule
        .waves
        .iter()
        .take_while(|wave| {
            let mut own = wave.iter().filter(|step| step.group == group);
            !own.any(|step| {
                step.changes
                    .iter()
                    .any(|index| kind_of(index).before().is_none())
            })
        })
        .flatten()
        .filter(|step| step.group == group)
        .flat_map(|step| &step.changes)
        .filter(|index| kind_of(index).after().is_none())
        .count();
    if first == 0 {
        return None;
    }
    let rules = if first == 1 {
        "1 rule goes".to_owned()
    } else {
        format!("{first} rules go")
    };
    Some(
        Diagnostic::warning(
            Code::DeletesFirst,
            format!(
                "{name} has no room for old and new rules together: {rules} before the new ones come"
            ),
        )
        .label(
            *span,
            format!("can hold {} {}", quota.limit, what[usize::from(quota.limit != 1)]),
        )
        .help("should the apply stop in between, the new rules are missing until the next apply"),
    )
}
