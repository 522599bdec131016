//! A group on its way to a plan: declared rules bound, both sides compared, quotas counted.

use std::{
    cell::Cell,
    collections::{BTreeMap, BTreeSet},
};

use super::{
    Change, ChangeKind, Context, GroupInput, GroupPlan, InTurn, QuotaUse,
    bind::{Binder, Bound, MAX_GROUP_PEERS, Names},
    compare::{Candidate, Compared, Comparison, Room},
    room::{self, Act, Full, Weight},
};
use crate::{
    desired::{DesiredGroup, Mode, SystemRules},
    diag::{Code, Diagnostic, Span},
    model::{Direction, Lists, ObservedGroup, ObservedRule, Peer, Rule},
    traffic::{clause::Resolve, platform::default_policy, spare::spare},
};

/// Which of a group's quotas have no room for old and new rules together.
#[derive(Clone, Copy)]
pub struct Tightness {
    pub units: bool,
    pub group_peers: bool,
}

/// A group on its way to a plan. `candidates` become `plan.changes`.
pub struct Draft {
    pub plan: GroupPlan,
    pub candidates: Vec<Candidate>,
    /// The turn of each candidate, where they are made in turns.
    pub turns: Option<Vec<usize>>,
    pub lists: Lists,
}

impl Draft {
    pub fn new(
        input: GroupInput<'_>,
        names: &Names<'_>,
        context: &Context<'_>,
        diagnostics: &mut Vec<Diagnostic>,
    ) -> Self {
        let address = super::build::address(&input);
        let GroupInput { desired, observed } = input;
        let region = context
            .lists
            .get(&(address.account.clone(), address.region.clone()));
        let lists = region
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
            at: context.at,
            lists: region,
            diagnostics: &mut *diagnostics,
        };
        let mut absent: Vec<(Bound, bool)> = desired
            .absent
            .iter()
            .filter_map(|entry| Some((binder.rule(&entry.rule)?, entry.any_priority)))
            .collect();
        let mut compared = Compared::default();
        let mut declared = vec![None; observed.rules.len()];
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
            let live = observed.rules.iter().enumerate();
            let mut live: Vec<(usize, &ObservedRule)> = live
                .filter(|(_, seen)| seen.rule.direction == direction)
                .collect();
            live.sort_by(|(_, a), (_, b)| (&a.rule, &a.id).cmp(&(&b.rule, &b.id)));
            Comparison {
                mode: desired.mode(direction),
                live: live.iter().map(|(_, seen)| *seen).collect(),
                desired: bound,
                absent: &|rule| forbids(&absent, desired.system_rules, rule),
                ignore: &ignore,
                system_rules: desired.system_rules,
                room: &room,
            }
            .run(&mut compared);
            for (place, span) in &compared.kept {
                declared[live[*place].0] = Some(*span);
            }
        }
        let Compared {
            candidates,
            unmanaged,
            ignored,
            system_level,
            no_id,
            kept: _,
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
                declared,
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
                in_turn: None,
                wanted_and_ignored: wanted_and_ignored
                    .into_iter()
                    .map(|(span, rule)| (rule, span))
                    .collect(),
            },
            candidates,
            turns: None,
            lists,
        }
    }

    /// What the group cannot hold of old and new rules together.
    pub fn tightness(&self) -> Tightness {
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
    pub fn split(&mut self, index: usize) {
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

    /// Rules that stay whatever is done.
    pub fn kept(&self) -> Vec<&Rule> {
        let gone: BTreeSet<_> = self
            .candidates
            .iter()
            .filter_map(|candidate| candidate.change.kind.before())
            .map(|seen| (&seen.rule, &seen.id))
            .collect();
        self.plan
            .observed
            .rules
            .iter()
            .filter(|seen| !gone.contains(&(&seen.rule, &seen.id)))
            .map(|seen| &seen.rule)
            .collect()
    }

    /// Looks for an order of the changes in which the group holds no more than it can at any step, and has the changes made in it. `false`
    /// when there is none.
    pub fn take_turns(&mut self) -> bool {
        let is_pair = |candidate: &&Candidate| !candidate.splittable;
        let changes = || self.candidates.iter();
        let mut old: Vec<(&ObservedRule, Option<Span>)> = Vec::new();
        let mut new: Vec<(&Rule, Option<Span>)> = Vec::new();
        let mut pairs = Vec::new();
        // A change of the description alone takes no room and moves no packet.
        let mut aside: Vec<Candidate> = Vec::new();
        for candidate in changes() {
            let Change { kind, span } = &candidate.change;
            match kind {
                ChangeKind::Modify { from, to } if from.rule.is_same_rule(to) => {
                    aside.push(candidate.clone());
                }
                ChangeKind::Modify { from, to } => {
                    if is_pair(&candidate) {
                        pairs.push((old.len(), new.len()));
                    }
                    old.push((from, None));
                    new.push((to, *span));
                }
                ChangeKind::Delete(seen) => old.push((seen, *span)),
                ChangeKind::Add(rule) => new.push((rule, *span)),
            }
        }
        let weight = |rule: &Rule| Weight {
            units: i64::from(self.lists.weight(rule)),
            peers: i64::from(peer_units(rule)),
        };
        let held = Weight {
            units: i64::from(self.plan.quota.before),
            peers: i64::from(self.plan.group_peers.before),
        };
        let limit = Weight {
            units: i64::from(self.plan.quota.limit),
            peers: i64::from(self.plan.group_peers.limit),
        };
        let modes = self.plan.modes;
        let in_place = |direction: Direction| {
            let mode = match direction {
                Direction::Ingress => modes[0],
                Direction::Egress => modes[1],
            };
            mode == Some(Mode::Complete)
        };
        let full = Full {
            kind: self.plan.observed.info.kind,
            kept: self.kept(),
            old: old.iter().map(|(seen, _)| *seen).collect(),
            new: new.iter().map(|(rule, _)| *rule).collect(),
            pairs,
            in_place: &in_place,
            weight: &weight,
            held,
            limit,
            lists: &self.lists,
        };
        let Some(found) = room::search(&full) else {
            return false;
        };
        let spare = if found.slots.is_some() {
            self.spare(&full)
        } else {
            Vec::new()
        };
        let mut candidates = Vec::new();
        let mut turns = Vec::new();
        for (turn, act) in (0..)
            .zip(&found.turns)
            .flat_map(|(turn, acts)| acts.iter().map(move |act| (turn, *act)))
        {
            let (kind, span) = match act {
                Act::Add(at) => (ChangeKind::Add(new[at].0.clone()), new[at].1),
                Act::Delete(at) => (ChangeKind::Delete(old[at].0.clone()), old[at].1),
                Act::Modify(from, to) => (
                    ChangeKind::Modify {
                        from: old[from].0.clone(),
                        to: new[to].0.clone(),
                    },
                    new[to].1,
                ),
            };
            candidates.push(Candidate {
                change: Change { kind, span },
                splittable: false,
            });
            turns.push(turn);
        }
        turns.extend(aside.iter().map(|_| 0));
        candidates.extend(aside);
        self.plan.in_turn = Some(InTurn {
            slots: found.slots,
            spare,
            orders_left_out: found.orders_left_out,
            least_slots_unknown: found.least_slots_unknown,
            memberships_left_out: !found.all_memberships,
            pairs_left_out: 0,
        });
        self.candidates = candidates;
        self.turns = Some(turns);
        true
    }

    /// Declared rules that stay and change nothing, neither before nor after: without them there would be room.
    fn spare(&self, full: &Full<'_>) -> Vec<Rule> {
        let ours = |rule: &Rule| {
            let among = |seen: &ObservedRule| seen.rule.is_same_rule(rule);
            !self.plan.unmanaged.iter().any(among)
                && !self.plan.ignored.iter().any(|(seen, _)| among(seen))
                && !self.plan.system_level.iter().any(among)
                && self.plan.mode(rule.direction).is_some()
        };
        let sides: BTreeSet<_> = full
            .kept
            .iter()
            .map(|rule| (rule.direction, rule.nic))
            .collect();
        let mut found = Vec::new();
        for side in sides {
            let of_side = |rule: &&Rule| (rule.direction, rule.nic) == side;
            let kept = || full.kept.iter().copied().filter(of_side);
            let before: Vec<&Rule> = kept()
                .chain(full.old.iter().map(|seen| &seen.rule).filter(of_side))
                .collect();
            let after: Vec<&Rule> = kept()
                .chain(full.new.iter().copied().filter(of_side))
                .collect();
            let candidates: Vec<&Rule> = kept().filter(|rule| ours(rule)).collect();
            let default = default_policy(side.0, full.kind);
            let resolve = Resolve(Some(&self.lists));
            found.extend(
                spare(&[before, after], &candidates, default, &resolve)
                    .into_iter()
                    .cloned(),
            );
        }
        found
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
        unread: BTreeMap::new(),
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

/// Whether the rule counts against what a group can hold of rules whose peer is a group.
pub fn names_a_group(rule: &Rule) -> bool {
    matches!(rule.peer, Peer::Group(_))
}

/// What a rule counts against the number of group peers.
pub fn peer_units(rule: &Rule) -> u32 {
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
