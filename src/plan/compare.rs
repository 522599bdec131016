//! Old x new rules of one group -> changes: identity, modify in place, what each mode makes of live-only rules.

use std::cmp::Ordering;

use super::{
    Change, ChangeKind,
    bind::Bound,
    matching::{FORBIDDEN, assign, assign_greedily},
};
use crate::{
    desired::{Mode, SystemRules},
    diag::Span,
    model::{ObservedRule, Peer, PortSet, Rule},
};

/// Most modifies of a direction that are made for the sake of a rule's id alone. A modify is one call, an add or
/// delete shares its call with 99 others: beyond this, batches are cheaper by far.
pub const MAX_OPTIONAL_MODIFIES: usize = 10;

/// A change, and whether a modify may be taken apart into add and delete.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Candidate {
    pub change: Change,
    pub splittable: bool,
}

/// What comparing a direction came to.
#[derive(Debug, Default)]
pub struct Compared {
    pub candidates: Vec<Candidate>,
    pub unmanaged: Vec<ObservedRule>,
    pub ignored: Vec<(ObservedRule, Span)>,
    pub system_level: Vec<ObservedRule>,
    /// Declared rules that are live, by their place among the live rules.
    pub kept: Vec<(usize, Span)>,
    /// Live rules that only a modify could make what is declared, and that have no id to modify them by; they stay.
    pub no_id: Vec<(ObservedRule, Bound)>,
}

/// One direction of one group.
pub struct Comparison<'a> {
    pub mode: Mode,
    /// Live rules, in canonical order.
    pub live: Vec<&'a ObservedRule>,
    /// Desired rules, in canonical order, no two the same.
    pub desired: Vec<Bound>,
    /// The `absent` entry that forbids a live rule, if one does.
    pub absent: &'a dyn Fn(&Rule) -> Option<Span>,
    /// The `ignore` pattern that covers a live rule, if one does.
    pub ignore: &'a dyn Fn(&Rule) -> Option<Span>,
    pub system_rules: Option<SystemRules>,
    /// What room the group has for these desired-only rules beside all live ones.
    pub room: &'a dyn Fn(&[Bound]) -> Room,
}

/// What room a group has for the new rules of a direction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Room {
    /// Old and new fit together.
    Both,
    /// The new ones fit only where old ones make room.
    Tight,
    /// The declared rules are too many by themselves, whatever is done with the live ones.
    Never,
}

impl Comparison<'_> {
    /// Matches, and says what becomes of the rest.
    pub fn run(self, out: &mut Compared) {
        let Self {
            mode,
            live,
            desired,
            absent,
            ignore,
            system_rules,
            room,
        } = self;
        out.kept.clear();
        let (mut live_only, mut desired_only) = join(live, desired, out);
        let room = room(&desired_only);
        match mode {
            Mode::Partial => {
                for seen in live_only {
                    match absent(&seen.rule) {
                        Some(span) => out.delete(seen, Some(span)),
                        None => out.unmanaged.push(seen.clone()),
                    }
                }
            }
            Mode::Complete => {
                live_only.retain(|seen| {
                    if let Some(span) = ignore(&seen.rule) {
                        out.ignored.push(((*seen).clone(), span));
                        false
                    } else if seen.rule.priority.is_system_level()
                        && system_rules != Some(SystemRules::Delete)
                    {
                        out.system_level.push((*seen).clone());
                        false
                    } else {
                        true
                    }
                });
                modify_priority_twins(&mut live_only, &mut desired_only, out);
                if room != Room::Never {
                    modify_similar(&mut live_only, &mut desired_only, room, out);
                }
                for seen in live_only {
                    out.delete(seen, None);
                }
            }
        }
        for bound in desired_only {
            out.candidates.push(Candidate {
                change: Change {
                    kind: ChangeKind::Add(bound.rule),
                    span: Some(bound.span),
                },
                splittable: false,
            });
        }
    }
}

impl Compared {
    fn delete(&mut self, seen: &ObservedRule, span: Option<Span>) {
        self.candidates.push(Candidate {
            change: Change {
                kind: ChangeKind::Delete(seen.clone()),
                span,
            },
            splittable: false,
        });
    }

    fn modify(&mut self, from: &ObservedRule, to: Bound, splittable: bool) {
        // ModifySecurityGroupRule finds a rule by its id alone.
        if from.id.is_none() {
            self.no_id.push((from.clone(), to));
            return;
        }
        self.candidates.push(Candidate {
            change: Change {
                kind: ChangeKind::Modify {
                    from: from.clone(),
                    to: to.rule,
                },
                span: Some(to.span),
            },
            splittable,
        });
    }
}

/// Pairs what the cloud would take for duplicates of each other; where only the description differs that is a modify. A declared rule
/// without a description takes whatever description is there: the cloud cannot clear one.
fn join<'a>(
    live: Vec<&'a ObservedRule>,
    desired: Vec<Bound>,
    out: &mut Compared,
) -> (Vec<&'a ObservedRule>, Vec<Bound>) {
    let mut live_only = Vec::new();
    let mut desired_only = Vec::new();
    let mut live = live.into_iter().enumerate().peekable();
    for bound in desired {
        while let Some((_, seen)) = live
            .next_if(|(_, seen)| seen.rule.identity().cmp(&bound.rule.identity()) == Ordering::Less)
        {
            live_only.push(seen);
        }
        // The cloud may hold twins that differ in spelling only; the one with the wanted description stays.
        let mut twins = Vec::new();
        while let Some(seen) = live.next_if(|(_, seen)| seen.rule.is_same_rule(&bound.rule)) {
            twins.push(seen);
        }
        let same = |(_, seen): &(usize, &ObservedRule)| {
            bound.rule.description.is_none() || seen.rule.description == bound.rule.description
        };
        let Some(keep) = twins
            .iter()
            .position(same)
            .or((!twins.is_empty()).then_some(0))
        else {
            desired_only.push(bound);
            continue;
        };
        let kept = twins.remove(keep);
        live_only.extend(twins.into_iter().map(|(_, seen)| seen));
        if same(&kept) {
            out.kept.push((kept.0, bound.span));
        } else {
            out.modify(kept.1, bound, false);
        }
    }
    live_only.extend(live.map(|(_, seen)| seen));
    (live_only, desired_only)
}

/// Whether priority is part of the cloud's key of a rule is not documented. If it is not, adding a rule that differs in priority only
/// adds nothing, and the delete that follows opens a hole: so such pairs are always one modify.
///
/// That holds for a live rule of priority 110 as well. Whether the cloud lets one be modified is not documented; if it refuses, the
/// apply fails with nothing changed, and traffic is what it was. Add and delete could leave neither rule.
fn modify_priority_twins(
    live_only: &mut Vec<&ObservedRule>,
    desired_only: &mut Vec<Bound>,
    out: &mut Compared,
) {
    let mut by_key: std::collections::BTreeMap<_, Vec<usize>> = std::collections::BTreeMap::new();
    for (index, seen) in live_only.iter().enumerate() {
        by_key
            .entry(key_without_priority(&seen.rule))
            .or_default()
            .push(index);
    }
    let mut pairs = Vec::new();
    for (index, bound) in desired_only.iter().enumerate() {
        let twins = by_key.get_mut(&key_without_priority(&bound.rule));
        if let Some(twins) = twins
            && !twins.is_empty()
        {
            pairs.push((twins.remove(0), index));
        }
    }
    for &(old, new) in &pairs {
        let from = live_only[old];
        let mut to = desired_only[new].clone();
        // The cloud cannot clear a description, so one that is not declared stays.
        to.rule.description = to
            .rule
            .description
            .or_else(|| from.rule.description.clone());
        out.modify(from, to, false);
    }
    remove_pairs(live_only, desired_only, &pairs);
}

type KeyWithoutPriority = (
    crate::model::Direction,
    crate::model::NicType,
    crate::model::Policy,
    crate::model::Protocol,
    Peer,
    Option<crate::model::Cidr>,
);

fn key_without_priority(rule: &Rule) -> KeyWithoutPriority {
    (
        rule.direction,
        rule.nic,
        rule.policy,
        rule.protocol.clone(),
        rule.peer.clone(),
        rule.local,
    )
}

/// A live-only and a desired-only rule that differ little are one change: it keeps the rule's id, has no gap and needs no room.
fn modify_similar(
    live_only: &mut Vec<&ObservedRule>,
    desired_only: &mut Vec<Bound>,
    room: Room,
    out: &mut Compared,
) {
    // Beyond this, batches win anyway and the matching would be slow.
    const MANY: usize = 200;
    // Steps that the best matching may take; beyond them a good one must do.
    const BEST: usize = 20_000_000;
    // Pairs that are looked at for a good one; beyond them the plan is left to the quota.
    const GOOD: usize = 4_000_000;
    let (old, new) = (live_only.len(), desired_only.len());
    let (few, many) = (old.min(new), old.max(new));
    if room == Room::Both && few > MANY {
        return;
    }
    let price = |old: usize, new: usize| modify_cost(live_only[old], &desired_only[new].rule);
    let pairs: Vec<(usize, usize)> = if few.saturating_mul(many) > GOOD {
        return;
    } else if few.saturating_mul(few).saturating_mul(few + many) > BEST {
        assign_greedily(old, new, price)
    } else if old <= new {
        assign(live_only.len(), desired_only.len(), price)
            .into_iter()
            .enumerate()
            .filter_map(|(old, new)| Some((old, new?)))
            .collect()
    } else {
        assign(desired_only.len(), live_only.len(), |new, old| {
            price(old, new)
        })
        .into_iter()
        .enumerate()
        .filter_map(|(new, old)| Some((old?, new)))
        .collect()
    };
    if room == Room::Both && pairs.len() > MAX_OPTIONAL_MODIFIES {
        return;
    }
    for &(old, new) in &pairs {
        out.modify(live_only[old], desired_only[new].clone(), true);
    }
    remove_pairs(live_only, desired_only, &pairs);
}

fn remove_pairs(
    live_only: &mut Vec<&ObservedRule>,
    desired_only: &mut Vec<Bound>,
    pairs: &[(usize, usize)],
) {
    let old: std::collections::BTreeSet<_> = pairs.iter().map(|&(old, _)| old).collect();
    let new: std::collections::BTreeSet<_> = pairs.iter().map(|&(_, new)| new).collect();
    let mut index = 0..;
    live_only.retain(|_| !old.contains(&index.next().expect("endless")));
    let mut index = 0..;
    desired_only.retain(|_| !new.contains(&index.next().expect("endless")));
}

/// What it costs to make one rule the other in place, [`FORBIDDEN`] where the cloud refuses or the two have too little in common.
fn modify_cost(seen: &ObservedRule, new: &Rule) -> u32 {
    if !can_modify(seen, new) {
        return FORBIDDEN;
    }
    let old = &seen.rule;
    let fields = differences(old, new);
    let differing = count(&fields);
    // A rule for another service and another peer is another rule, and a verdict turns on a rule that else stays what it is.
    let service = fields[2] || fields[3] || fields[4];
    let turns = fields[1];
    if differing > 2 || (service && fields[5]) || (turns && differing > 1) {
        return FORBIDDEN;
    }
    // A verdict that turns is the least alike; a description the most.
    let verdict = u32::from(turns);
    let description = u32::from(old.description != new.description);
    differing * 4 + verdict * 2 + description
}

/// Whether the cloud makes one rule the other in place.
///
/// It fixes the kind of peer, range or list of ports, and the network interface, and lets nothing that is set become empty
/// (ModifySecurityGroupRule: `ModifySgRuleEntityType`, `ModifyPortRangeType`, `ModifyNicType`, `InvalidModifyRuleRequest`).
pub fn can_modify(seen: &ObservedRule, new: &Rule) -> bool {
    let old = &seen.rule;
    let list = |rule: &Rule| {
        matches!(
            rule.protocol.ports().map(|ports| &ports.destination),
            Some(PortSet::List(_))
        )
    };
    let source = |rule: &Rule| rule.protocol.ports().and_then(|ports| ports.source);
    let family = |rule: &Rule| rule.local.map(crate::model::Cidr::is_ipv6);
    // What the platform made is not turned into something else; with its own successor it is paired before.
    let refused = seen.id.is_none()
        || old.priority.is_system_level()
        || old.direction != new.direction
        || old.nic != new.nic
        || !old.peer.same_kind(&new.peer)
        || list(old) != list(new)
        || (source(old).is_some() && source(new).is_none())
        || (old.local.is_some() && family(old) != family(new))
        || (old.description.is_some() && new.description.is_none())
        || (old.peer_owner.is_some() && new.peer_owner.is_none() && old.peer != new.peer);
    !refused
}

/// How many fields of two rules differ, beside the description; another peer counts most, for people know rules by it.
pub fn differing_fields(old: &Rule, new: &Rule) -> u32 {
    let fields = differences(old, new);
    count(&fields) * 2 + u32::from(fields[5])
}

/// Priority, verdict, protocol, ports, source ports, peer, own address.
fn differences(old: &Rule, new: &Rule) -> [bool; 7] {
    let source = |rule: &Rule| rule.protocol.ports().and_then(|ports| ports.source);
    fn destination(rule: &Rule) -> Option<&PortSet> {
        rule.protocol.ports().map(|ports| &ports.destination)
    }
    [
        old.priority != new.priority,
        old.policy != new.policy,
        old.protocol.name() != new.protocol.name(),
        destination(old) != destination(new),
        source(old) != source(new),
        old.peer != new.peer,
        old.local != new.local,
    ]
}

fn count(fields: &[bool]) -> u32 {
    u32::try_from(fields.iter().filter(|differs| **differs).count()).expect("seven fields")
}
