//! Which rules of one group really hold back which: the first two sentences of [`order`](super::order) from exact sets of packets.
//!
//! Pair by pair, every stronger rule holds back every weaker one that says the opposite somewhere. Packet by packet, the one that
//! decides is enough, and none is needed against what a rule that stays beats. It is enough to look at peers with at most the two
//! memberships that winner and opponent ask for: dropping others only takes competitors away, and whatever decides then is there
//! with them too.
//!
//! This holds for the rules of one group and also for interfaces in several: where another group's rule decides, it holds back this group's
//! rules pair by pair.

use std::collections::{BTreeMap, BTreeSet};

use crate::{
    model::{Direction, NicType, Policy, PortSet, Rule},
    traffic::{
        atlas::World,
        bits::Bits,
        clause::{Clause, Resolve, Symbol},
        may_overlap, rank,
        space::Space,
    },
};

/// A direction of a network interface.
pub type Side = (Direction, NicType);

/// Most rules, and most with a third range beside peer and ports, for which the exact look is quick.
const MANY_RULES: usize = 400;
const MANY_RANGES: usize = 24;
/// Most sets of memberships.
const MANY_WORLDS: usize = 300;

/// Pairs of changes: the first must come in before the second (or go out after it). Only for sides that could be looked at.
pub type Pairs = BTreeMap<Side, PairSet>;

/// Pairs of small numbers: of two hundred rules there may be tens of thousands, and each is asked about.
#[derive(Clone, Debug, Default)]
pub struct PairSet {
    /// By the first of a pair the second ones.
    rows: Vec<Option<Bits>>,
    /// Above every number.
    end: usize,
}

impl PairSet {
    /// Room for numbers below `end`.
    fn new(end: usize) -> Self {
        Self {
            rows: vec![None; end],
            end,
        }
    }

    fn insert(&mut self, (first, then): (usize, usize)) {
        let row = &mut self.rows[first];
        row.get_or_insert_with(|| Bits::new(self.end)).insert(then);
    }

    /// Whether a pair is one of them.
    pub fn contains(&self, (first, then): (usize, usize)) -> bool {
        let row = self.rows.get(first).and_then(Option::as_ref);
        then < self.end && row.is_some_and(|row| row.contains(then))
    }
}

impl FromIterator<(usize, usize)> for PairSet {
    fn from_iter<I: IntoIterator<Item = (usize, usize)>>(pairs: I) -> Self {
        let pairs: Vec<(usize, usize)> = pairs.into_iter().collect();
        let largest = pairs.iter().map(|&(first, then)| first.max(then)).max();
        let mut set = Self::new(largest.map_or(0, |largest| largest + 1));
        pairs.into_iter().for_each(|pair| set.insert(pair));
        set
    }
}

/// The rules of one group that come (or go), each with the number of its change, beside those that stay.
pub fn pairs(
    kept: &[&Rule],
    changed: &[(usize, &Rule)],
    default: impl Fn(Direction) -> Policy,
) -> Pairs {
    let sides: BTreeSet<Side> = changed
        .iter()
        .map(|(_, rule)| (rule.direction, rule.nic))
        .collect();
    let mut found = Pairs::new();
    for side in sides {
        let of_side = |rule: &Rule| (rule.direction, rule.nic) == side;
        let own: Vec<(usize, &Rule)> = changed
            .iter()
            .copied()
            .filter(|(_, rule)| of_side(rule))
            .collect();
        let kept: Vec<&Rule> = kept.iter().copied().filter(|rule| of_side(rule)).collect();
        if let Some(pairs) = of_one_side(&kept, &own, default(side.0)) {
            found.insert(side, pairs);
        }
    }
    found
}

fn of_one_side(kept: &[&Rule], changed: &[(usize, &Rule)], default: Policy) -> Option<PairSet> {
    let (drops, accepts): (Vec<&Rule>, Vec<&Rule>) = changed
        .iter()
        .map(|(_, rule)| *rule)
        .partition(|rule| rule.policy == Policy::Drop);
    if drops.is_empty() || accepts.is_empty() {
        return Some(PairSet::default());
    }
    let meets = |rule: &Rule, others: &[&Rule]| {
        let opposes = |other: &&Rule| rule.policy != other.policy && may_overlap(rule, other);
        others.iter().any(opposes)
    };
    let involved: Vec<(usize, &Rule)> = changed
        .iter()
        .copied()
        .filter(|(_, rule)| {
            meets(
                rule,
                if rule.policy == Policy::Drop {
                    &accepts
                } else {
                    &drops
                },
            )
        })
        .collect();
    if involved.is_empty() {
        return Some(PairSet::default());
    }
    // A rule weaker than all that are involved decides nothing here.
    let weakest = involved.iter().map(|(_, rule)| rank(rule)).max();
    let matters = |rule: &&Rule| {
        Some(rank(rule)) < weakest && involved.iter().any(|(_, other)| may_overlap(rule, other))
    };
    let kept: Vec<&Rule> = kept.iter().copied().filter(matters).collect();
    let all = || {
        kept.iter()
            .copied()
            .chain(involved.iter().map(|(_, rule)| *rule))
    };
    let port_list = |rule: &Rule| {
        matches!(
            rule.protocol.ports().map(|ports| &ports.destination),
            Some(PortSet::List(_))
        )
    };
    let third_range = |rule: &&Rule| {
        rule.local.is_some()
            || rule
                .protocol
                .ports()
                .is_some_and(|ports| ports.source.is_some())
    };
    // What a port list holds is not looked at: lists change without the plan.
    if all().any(port_list)
        || all().count() > MANY_RULES
        || all().filter(third_range).count() > MANY_RANGES
    {
        return None;
    }
    let worlds = worlds(&involved)?;
    let space = Space::new(all(), default, &Resolve(None), |_| worlds);
    // The cloud may hold the same rule under two ids.
    let mut numbers: Vec<Vec<usize>> = vec![Vec::new(); space.rules.len()];
    for (change, rule) in &involved {
        if let Some(index) = space.index_of(rule) {
            numbers[index].push(*change);
        }
    }
    let is_kept = |index: usize| numbers[index].is_empty();
    // Many signatures tell of the same pairs.
    let mut opposed: Vec<Option<Bits>> = vec![None; space.rules.len()];
    let those = |is: &dyn Fn(usize) -> bool| -> Bits {
        let mut those = Bits::new(space.rules.len());
        let all = 0..space.rules.len();
        all.filter(|&index| is(index))
            .for_each(|index| those.insert(index));
        those
    };
    let policy = |index: usize| space.clauses[index].policy;
    let [drop, accept] = [Policy::Drop, Policy::Accept].map(|verdict| {
        let stays = those(&|index| is_kept(index) && policy(index) == verdict);
        (stays, those(&|index| policy(index) != verdict))
    });
    for signature in &space.atlas.signatures {
        let winner = signature.iter().next();
        let winner = winner.expect("the default is in every signature");
        if is_kept(winner) {
            continue;
        }
        let (stays, opposes) = match policy(winner) {
            Policy::Drop => &drop,
            Policy::Accept => &accept,
        };
        let mut opponents = signature.and(opposes);
        if let Some(first) = signature.first_common(stays) {
            // It stays, and beats everything that is weaker.
            opponents.cut_above(first);
        }
        match &mut opposed[winner] {
            Some(bits) => bits.add(&opponents),
            none => *none = Some(opponents),
        }
    }
    let end = involved.iter().map(|(change, _)| change + 1).max();
    let mut pairs = PairSet::new(end.unwrap_or_default());
    for (winner, opponents) in opposed.iter().enumerate() {
        for opponent in opponents.iter().flat_map(Bits::iter) {
            for &first in &numbers[winner] {
                let then = numbers[opponent].iter();
                then.for_each(|&then| pairs.insert((first, then)));
            }
        }
    }
    Some(pairs)
}

/// Nobody's memberships, each symbol of a rule that changes, and each two of rules that say the opposite.
fn worlds(involved: &[(usize, &Rule)]) -> Option<Vec<World>> {
    let symbols = |policy: Policy| -> BTreeSet<Symbol> {
        involved
            .iter()
            .filter(|(_, rule)| rule.policy == policy)
            .filter_map(|(_, rule)| Clause::of(rule, &Resolve(None)).symbol().cloned())
            .collect()
    };
    let (drops, accepts) = (symbols(Policy::Drop), symbols(Policy::Accept));
    let mut worlds: BTreeSet<World> = [Vec::new()].into();
    worlds.extend(drops.union(&accepts).map(|symbol| vec![symbol.clone()]));
    for drop in &drops {
        for accept in accepts.iter().filter(|accept| *accept != drop) {
            let mut world = vec![drop.clone(), accept.clone()];
            world.sort();
            worlds.insert(world);
        }
    }
    (worlds.len() <= MANY_WORLDS).then(|| worlds.into_iter().collect())
}
