//! Puts a plan together: binds and compares every group, orders the groups of each network, batches the calls.

use std::{
    cell::Cell,
    collections::{BTreeMap, BTreeSet},
};

use super::{
    Address, Change, ChangeKind, Context, GroupInput, GroupPlan, Plan, QuotaUse, Schedule, Step,
    assertions,
    bind::{Binder, Bound, MAX_GROUP_PEERS, Names},
    compare::{Candidate, Compared, Comparison, Room},
    meaning,
    order::{Order, order},
};
use crate::{
    desired::{DesiredGroup, Mode, SystemRules},
    diag::{Code, Diagnostic, Span},
    model::{
        AccountName, Direction, Lists, Network, ObservedGroup, ObservedRule, Peer, RegionId, Rule,
    },
    provider::{BATCH, RuleAction, RuleCall},
};

/// Compares, matches and orders. Whatever order the groups come in, the plan is the same.
pub fn plan(mut groups: Vec<GroupInput<'_>>, context: &Context<'_>) -> Plan {
    groups.sort_by_key(address);
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
        let waves = schedule(&mut drafts, &members);
        if !waves.is_empty() {
            schedules.push(Schedule {
                account,
                region,
                network,
                waves,
            });
        }
    }
    for schedule in &schedules {
        replay_quota(&mut drafts, schedule);
        say_what_it_means(&mut drafts, schedule);
        let notes = drafts
            .iter()
            .enumerate()
            .filter_map(|(group, draft)| say_what_goes_first(draft, schedule, group));
        diagnostics.extend(notes);
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

fn address(input: &GroupInput<'_>) -> Address {
    Address {
        account: input.desired.account.clone(),
        region: input.desired.region.clone(),
        group: input.observed.info.id.clone(),
    }
}

/// Which of a group's quotas have no room for old and new rules together.
#[derive(Clone, Copy)]
struct Tightness {
    units: bool,
    group_peers: bool,
}

/// A group on its way to a plan. `candidates` become `plan.changes`.
struct Draft {
    plan: GroupPlan,
    candidates: Vec<Candidate>,
    lists: Lists,
}

impl Draft {
    fn new(
        input: GroupInput<'_>,
        names: &Names<'_>,
        context: &Context<'_>,
        diagnostics: &mut Vec<Diagnostic>,
    ) -> Self {
        let address = address(&input);
        let GroupInput { desired, observed } = input;
        let lists = context
            .lists
            .get(&(address.account.clone(), address.region.clone()))
            .map(|lists| named_lists(lists, desired, &observed))
            .unwrap_or_default();
        let resolve = |name: &_| names.resolve(desired, name).map(|info| info.id.clone());
        let before = observed
            .rules
            .iter()
            .map(|seen| lists.weight(&seen.rule))
            .sum::<u32>();
        let peers_before = observed
            .rules
            .iter()
            .map(|seen| peer_units(&seen.rule))
            .sum::<u32>();
        let room_left = Cell::new((
            i64::from(desired.quota) - i64::from(before),
            i64::from(MAX_GROUP_PEERS) - i64::from(peers_before),
        ));
        let room = |new: &[Bound]| {
            let (mut units, mut peers) = room_left.get();
            for Bound { rule, .. } in new {
                units -= i64::from(lists.weight(rule));
                peers -= i64::from(peer_units(rule));
            }
            room_left.set((units, peers));
            if units >= 0 && (peers >= 0 || !new.iter().any(|bound| names_a_group(&bound.rule))) {
                Room::Both
            } else {
                Room::Tight
            }
        };

        let mut binder = Binder {
            desired,
            info: &observed.info,
            names,
            context,
            diagnostics: &mut *diagnostics,
        };
        let mut absent: Vec<(Bound, bool)> = desired
            .absent
            .iter()
            .filter_map(|entry| Some((binder.rule(&entry.rule)?, entry.any_priority)))
            .collect();
        let mut compared = Compared::default();
        let mut expired = Vec::new();
        let mut modes = [None, None];
        let mut wanted_and_ignored = BTreeMap::new();
        for (slot, direction) in modes.iter_mut().zip(Direction::BOTH) {
            let Some(rules) = desired.direction(direction) else {
                continue;
            };
            *slot = Some(desired.mode(direction));
            let (bound, past) = binder.direction(rules);
            expired.extend(past);
            let ignore = |rule: &Rule| {
                let mut patterns = desired.ignore.iter();
                patterns.find(|i| i.matches(rule, resolve)).map(|i| i.span)
            };
            match desired.mode(direction) {
                Mode::Complete => {
                    for Bound { rule, span } in &bound {
                        if ignore(rule).is_some() {
                            wanted_and_ignored
                                .entry(*span)
                                .or_insert_with(|| rule.clone());
                        }
                    }
                }
                // What was declared until its date must not outlive it just because the mode leaves the undeclared alone.
                Mode::Partial => {
                    absent.extend(
                        binder
                            .expired(rules)
                            .into_iter()
                            .map(|bound| (bound, false)),
                    );
                }
            }
            let wanted: u64 = bound
                .iter()
                .map(|bound| u64::from(lists.weight(&bound.rule)))
                .sum();
            let room = |new: &[Bound]| match room(new) {
                Room::Tight if wanted > u64::from(desired.quota) => Room::Never,
                other => other,
            };
            let mut live: Vec<&ObservedRule> = observed
                .rules
                .iter()
                .filter(|seen| seen.rule.direction == direction)
                .collect();
            live.sort_by(|a, b| (&a.rule, &a.id).cmp(&(&b.rule, &b.id)));
            Comparison {
                mode: desired.mode(direction),
                live,
                desired: bound,
                absent: &|rule| forbids(&absent, desired.system_rules, rule),
                ignore: &ignore,
                system_rules: desired.system_rules,
                room: &room,
            }
            .run(&mut compared);
        }
        let Compared {
            candidates,
            unmanaged,
            ignored,
            system_level,
            no_id,
        } = compared;
        diagnostics.extend(no_id.iter().map(|(from, to)| cannot_modify(from, to)));
        let name = desired.declared_name().unwrap_or(&observed.info.name);
        let name = if name.as_str().is_empty() {
            crate::model::GroupName::new(address.group.as_str())
        } else {
            name.clone()
        };
        let quota = QuotaUse {
            limit: desired.quota,
            before,
            peak: before,
            after: before,
        };
        let group_peers = QuotaUse {
            limit: MAX_GROUP_PEERS,
            before: peers_before,
            peak: peers_before,
            after: peers_before,
        };
        Self {
            plan: GroupPlan {
                address,
                name,
                span: desired.span,
                modes,
                observed,
                changes: Vec::new(),
                traffic: Vec::new(),
                passing: Vec::new(),
                violations: Vec::new(),
                unmanaged,
                ignored,
                system_level,
                expired,
                quota,
                group_peers,
                wanted_and_ignored: wanted_and_ignored
                    .into_iter()
                    .map(|(span, rule)| (rule, span))
                    .collect(),
            },
            candidates,
            lists,
        }
    }

    /// What the group cannot hold of old and new rules together.
    fn tightness(&self) -> Tightness {
        let (mut units, mut peers) = (self.plan.quota.before, self.plan.group_peers.before);
        let mut adds_peers = false;
        for candidate in &self.candidates {
            if let ChangeKind::Add(rule) = &candidate.change.kind {
                units = units.saturating_add(self.lists.weight(rule));
                peers = peers.saturating_add(peer_units(rule));
                adds_peers |= names_a_group(rule);
            }
        }
        Tightness {
            units: units > self.plan.quota.limit,
            group_peers: adds_peers && peers > self.plan.group_peers.limit,
        }
    }

    /// Takes a modify apart.
    fn split(&mut self, index: usize) {
        let Candidate {
            change: Change { kind, span },
            ..
        } = self.candidates[index].clone();
        let ChangeKind::Modify { from, to } = kind else {
            return;
        };
        self.candidates[index] = Candidate {
            change: Change {
                kind: ChangeKind::Delete(from),
                span: None,
            },
            splittable: false,
        };
        self.candidates.push(Candidate {
            change: Change {
                kind: ChangeKind::Add(to),
                span,
            },
            splittable: false,
        });
    }
}

/// The lists of a region that matter to one group, so that its weights can be told.
fn named_lists(lists: &Lists, desired: &DesiredGroup, observed: &ObservedGroup) -> Lists {
    if lists.prefix.is_empty() && lists.port.is_empty() {
        return Lists::default();
    }
    let mut wanted = crate::model::ListIds::default();
    for seen in &observed.rules {
        wanted.add(&seen.rule);
    }
    for rule in desired.rules() {
        rule.add_lists(&mut wanted);
    }
    Lists {
        prefix: wanted
            .prefix
            .into_iter()
            .filter_map(|id| lists.prefix.get_key_value(&id))
            .map(|(k, v)| (k.clone(), v.clone()))
            .collect(),
        port: wanted
            .port
            .into_iter()
            .filter_map(|id| lists.port.get_key_value(&id))
            .map(|(k, v)| (k.clone(), v.clone()))
            .collect(),
    }
}

/// Whether an entry forbids a rule. What the platform made cannot be brought back as it was, so that takes a word of its own.
fn forbids(
    absent: &[(Bound, bool)],
    system_rules: Option<SystemRules>,
    rule: &Rule,
) -> Option<Span> {
    if rule.priority.is_system_level() && system_rules != Some(SystemRules::Delete) {
        return None;
    }
    let forbids = |(entry, any_priority): &&(Bound, bool)| {
        entry.rule.is_same_but_priority(rule)
            && (*any_priority || entry.rule.priority == rule.priority)
    };
    absent.iter().find(forbids).map(|(entry, _)| entry.span)
}

fn names_a_group(rule: &Rule) -> bool {
    matches!(rule.peer, Peer::Group(_))
}

/// What a rule counts against the number of group peers.
fn peer_units(rule: &Rule) -> u32 {
    u32::from(names_a_group(rule))
}

fn cannot_modify(from: &ObservedRule, to: &Bound) -> Diagnostic {
    Diagnostic::warning(
        Code::Unsupported,
        format!("the live rule {} cannot be changed in place", from.rule),
    )
    .label(
        to.span,
        "the cloud gave the live rule no id to modify it by; it stays as it is",
    )
    .help("give it the description and priority in the console, or declare it as it is")
}

/// Orders the changes of one network, fills in the changes of its groups, and returns the calls in waves.
fn schedule(drafts: &mut [Draft], members: &[usize]) -> Vec<Vec<Step>> {
    // Changes that contradict each other, by group and the change itself: they come last, and what that does is said.
    let mut stuck: Vec<(usize, Change)> = Vec::new();
    let (nodes, waves) = loop {
        let nodes: Vec<(usize, usize)> = members
            .iter()
            .flat_map(|&group| (0..drafts[group].candidates.len()).map(move |index| (group, index)))
            .filter(|&(group, index)| {
                let change = &drafts[group].candidates[index].change;
                !stuck
                    .iter()
                    .any(|(other, left_out)| *other == group && left_out == change)
            })
            .collect();
        let changes: Vec<&ChangeKind> = nodes
            .iter()
            .map(|&(group, index)| &drafts[group].candidates[index].change.kind)
            .collect();
        let tight: BTreeMap<usize, Tightness> = members
            .iter()
            .map(|&group| (group, drafts[group].tightness()))
            .collect();
        let early = |node: usize| {
            let Tightness { units, group_peers } = tight[&nodes[node].0];
            units || (group_peers && names_a_group(changes[node].rule()))
        };
        let circles = match order(&changes, early) {
            Order::Waves(waves) => break (nodes, waves),
            Order::Circular(circles) => circles,
        };
        for circle in circles {
            let in_circle: Vec<(usize, usize)> =
                circle.into_iter().map(|node| nodes[node]).collect();
            let splittable =
                |&&(group, index): &&(usize, usize)| drafts[group].candidates[index].splittable;
            match in_circle.iter().find(splittable) {
                Some(&(group, index)) => drafts[group].split(index),
                None => {
                    stuck.extend(in_circle.into_iter().map(|(group, index)| {
                        (group, drafts[group].candidates[index].change.clone())
                    }))
                }
            }
        }
    };

    let mut wave_of: BTreeMap<(usize, usize), usize> = nodes.into_iter().zip(waves).collect();
    let last = wave_of.values().max().map_or(0, |last| last + 1);
    for &group in members {
        for index in 0..drafts[group].candidates.len() {
            wave_of.entry((group, index)).or_insert(last);
        }
    }
    batch(drafts, members, &wave_of)
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

/// Compares every group of a schedule before and after, and replays its states.
fn say_what_it_means(drafts: &mut [Draft], schedule: &Schedule) {
    let groups: BTreeSet<usize> = schedule
        .waves
        .iter()
        .flatten()
        .map(|step| step.group)
        .collect();
    for group in groups {
        let draft = &mut drafts[group];
        draft.plan.traffic = meaning::traffic(&draft.plan, &draft.lists);
        draft.plan.passing = meaning::passing(group, &draft.plan, schedule, &draft.lists);
    }
}

/// Counts every group's units and group peers call by call; within a wave what takes room is counted first, since its order is open.
fn replay_quota(drafts: &mut [Draft], schedule: &Schedule) {
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
fn count((more, less): &mut (i64, i64), kind: &ChangeKind, weight: impl Fn(&Rule) -> u32) {
    let of = |rule: Option<&Rule>| rule.map_or(0, |rule| i64::from(weight(rule)));
    let change = of(kind.after()) - of(kind.before().map(|seen| &seen.rule));
    *(if change > 0 { more } else { less }) += change;
}

/// Says of a plan that fits only because deletes go first what that gives up.
fn say_what_goes_first(draft: &Draft, schedule: &Schedule, group: usize) -> Option<Diagnostic> {
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
        ("units of rules", quota, units.0),
        ("rules whose peer is a group", group_peers, peers.0),
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
        .label(*span, format!("can hold {} {what}", quota.limit))
        .help("should the apply stop in between, the new rules are missing until the next apply"),
    )
}
