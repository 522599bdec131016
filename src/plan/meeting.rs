//! Network interfaces in two groups that both change: their verdicts come from the union of the rules.
//!
//! The order holds for every union of groups; this is the replay of it for two, where they may meet. Groups that are changed in turns for want of
//! room were ordered by themselves, so for them it is more than a check: each is replayed with the planned groups of its network that it may
//! meet, also with those that do not change. Groups that are not planned are not looked at. What would take too long is left out and counted.

use std::collections::{BTreeMap, BTreeSet};

use super::{Passing, Schedule, draft::Draft, meaning, order::overlapping};
use crate::{
    model::{GroupKind, Rule},
    traffic::{
        certificate::{Move, replay_in, touched},
        change::changing_space,
        clause::Resolve,
        platform::default_policy,
    },
};

/// Most pairs without a group in turns that are replayed in a network. The order is safe for all of them.
const MANY_PAIRS: usize = 100;

/// Most pairs with a group in turns that are replayed in a network.
const MANY_TURNS: usize = 500;

/// Pairs of groups that may meet.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Pairs {
    /// With a group that is changed in turns, which comes first: a rule that changes in it may meet any rule of the other.
    pub in_turns: Vec<(usize, usize)>,
    /// More of these, which are too many to be replayed.
    pub in_turns_left_out: usize,
    /// By group that is changed in turns, in how many of those it is.
    pub left_out_of: BTreeMap<usize, usize>,
    /// Of two others: a rule that changes in the one may meet one that changes in the other.
    pub others: Vec<(usize, usize)>,
    /// More of these, which are too many to be replayed.
    pub others_left_out: usize,
}

/// Pairs of groups of one network; `groups` are those that change.
pub fn pairs(drafts: &[Draft], network: &[usize], groups: &BTreeSet<usize>) -> Pairs {
    let mut pairs = Pairs::default();
    // An interface is in basic groups or in advanced ones, never in both.
    let mut by_kind: BTreeMap<GroupKind, Vec<usize>> = BTreeMap::new();
    for &group in network {
        let kind = drafts[group].plan.observed.info.kind;
        by_kind.entry(kind).or_default().push(group);
    }
    for members in by_kind.values() {
        let (turned, others): (Vec<usize>, Vec<usize>) = (0..members.len())
            .filter(|&place| groups.contains(&members[place]))
            .partition(|&place| drafts[members[place]].turns.is_some());
        let changing = |places: &[usize]| {
            let of =
                |&place: &usize| moving(&drafts[members[place]]).map(move |rule| (place, rule));
            Matched::new(places.iter().flat_map(of))
        };
        let changed = changing(&others);
        let meets = Meets::new(&changed, &changed);
        for &one in &others {
            for (word, places) in meets.of(one).into_iter().enumerate() {
                for other in bits(word, places).filter(|other| *other > one) {
                    if pairs.others.len() < MANY_PAIRS {
                        pairs.others.push((members[one], members[other]));
                    } else {
                        pairs.others_left_out += 1;
                    }
                }
            }
        }
        if turned.is_empty() {
            continue;
        }
        let held = (0..members.len()).flat_map(|place| {
            let draft = &drafts[members[place]];
            let seen = draft.plan.observed.rules.iter().map(|seen| &seen.rule);
            seen.chain(moving(draft)).map(move |rule| (place, rule))
        });
        let changed = changing(&turned);
        let meets = Meets::new(&changed, &Matched::new(held));
        let rows: BTreeMap<usize, Vec<u64>> =
            turned.iter().map(|&one| (one, meets.of(one))).collect();
        let mut left_out: BTreeMap<usize, usize> = BTreeMap::new();
        let has = |one: usize, other: usize| {
            rows.get(&one)
                .and_then(|row| row.get(other / 64))
                .is_some_and(|word| word >> (other % 64) & 1 == 1)
        };
        for (&one, row) in &rows {
            for (word, &places) in row.iter().enumerate() {
                for other in bits(word, places).filter(|other| *other != one) {
                    if other < one && has(other, one) {
                        continue;
                    }
                    if pairs.in_turns.len() < MANY_TURNS {
                        pairs.in_turns.push((members[one], members[other]));
                    } else {
                        pairs.in_turns_left_out += 1;
                        // The other one may be changed in turns as well.
                        for place in [one, other] {
                            *left_out.entry(place).or_default() += 1;
                        }
                    }
                }
            }
        }
        let of_turned = turned.iter().filter_map(|place| {
            let count = left_out.get(place)?;
            Some((members[*place], *count))
        });
        pairs.left_out_of.extend(of_turned);
    }
    pairs
}

/// Rules that come and rules that go.
fn moving(draft: &Draft) -> impl Iterator<Item = &Rule> {
    let changes = draft.plan.changes.iter().map(|change| &change.kind);
    let moving = changes.filter(|change| meaning::step_of(change).is_some());
    moving.flat_map(|change| {
        let before = change.before().map(|seen| &seen.rule);
        before.into_iter().chain(change.after())
    })
}

/// A set of places of groups: words of bits that are not empty, each with its number.
type Places = BTreeMap<usize, u64>;

/// What rules match, each once, with the groups that have such a rule.
struct Matched<'a> {
    rules: Vec<&'a Rule>,
    /// By rule.
    groups: Vec<Places>,
    /// By place of a group, its rules.
    of: BTreeMap<usize, Vec<usize>>,
}

impl<'a> Matched<'a> {
    fn new(all: impl Iterator<Item = (usize, &'a Rule)>) -> Self {
        let mut numbers = BTreeMap::new();
        let mut matched = Self {
            rules: Vec::new(),
            groups: Vec::new(),
            of: BTreeMap::new(),
        };
        for (place, rule) in all {
            let peer = (&rule.protocol, &rule.peer, rule.local);
            let number = *numbers
                .entry((rule.direction, rule.nic, peer))
                .or_insert_with(|| {
                    matched.rules.push(rule);
                    matched.groups.push(Places::new());
                    matched.rules.len() - 1
                });
            *matched.groups[number].entry(place / 64).or_default() |= 1 << (place % 64);
            matched.of.entry(place).or_default().push(number);
        }
        matched
    }
}

/// Which groups of the one side have a rule that may overlap with one of which groups of the other.
struct Meets<'a> {
    one: &'a Matched<'a>,
    /// Of each bundle of rules, the groups on the other side.
    bundles: Vec<Places>,
    /// By rule of the one side.
    bundles_of: Vec<Vec<usize>>,
    /// Words that hold all groups of the other side.
    words: usize,
}

impl<'a> Meets<'a> {
    fn new(one: &'a Matched<'a>, other: &Matched<'_>) -> Self {
        let mut meets = Self {
            one,
            bundles: Vec::new(),
            bundles_of: vec![Vec::new(); one.rules.len()],
            words: other.of.keys().last().map_or(0, |last| last / 64 + 1),
        };
        for bundle in overlapping(&one.rules, &other.rules) {
            for &rule in &bundle.left {
                meets.bundles_of[rule].push(meets.bundles.len());
            }
            let mut groups = Places::new();
            for (&word, places) in bundle.right.iter().flat_map(|&rule| &other.groups[rule]) {
                *groups.entry(word).or_default() |= places;
            }
            meets.bundles.push(groups);
        }
        meets
    }

    /// The groups that one may meet, as words of bits.
    fn of(&self, one: usize) -> Vec<u64> {
        let rules = self.one.of.get(&one).into_iter().flatten();
        let bundles: BTreeSet<usize> = rules
            .flat_map(|&rule| self.bundles_of[rule].iter().copied())
            .collect();
        let mut row = vec![0; self.words];
        for (&word, places) in bundles.iter().flat_map(|&bundle| &self.bundles[bundle]) {
            row[word] |= places;
        }
        row
    }
}

/// The places of a word's bits.
fn bits(word: usize, places: u64) -> impl Iterator<Item = usize> {
    (0..64)
        .filter(move |bit| places >> bit & 1 == 1)
        .map(move |bit| word * 64 + bit)
}

/// What is not, for a while, what it is before and after on interfaces in both groups, and is in neither alone. `false`: peers in
/// three groups or unread lists at once were not looked at.
pub fn passing(
    (one, a): (usize, &Draft),
    (other, b): (usize, &Draft),
    schedule: &Schedule,
) -> (Vec<Passing>, bool) {
    let mut lists = a.lists.clone();
    lists.extend(b.lists.clone());
    let drafts = [(one, a), (other, b)];
    let (mine, theirs) = (meaning::sides(&a.plan), meaning::sides(&b.plan));
    // What changes in turns may meet what stays in the other group.
    let in_turns = drafts.iter().any(|(_, draft)| draft.turns.is_some());
    let sides: Vec<_> = if in_turns {
        mine.union(&theirs).copied().collect()
    } else {
        mine.intersection(&theirs).copied().collect()
    };
    let mut found = Vec::new();
    let mut all_memberships = true;
    for side in sides {
        let old: Vec<&Rule> = drafts
            .iter()
            .flat_map(|(_, draft)| &draft.plan.observed.rules)
            .map(|seen| &seen.rule)
            .filter(meaning::is_of(side))
            .collect();
        let waves: Vec<Vec<Move<'_>>> = meaning::moves(one, &a.plan, schedule, side)
            .into_iter()
            .zip(meaning::moves(other, &b.plan, schedule, side))
            .map(|(mine, theirs)| mine.into_iter().chain(theirs).collect())
            .collect();
        let default = default_policy(side.0, a.plan.observed.info.kind);
        let touched = touched(&waves);
        if touched.is_empty() {
            continue;
        }
        let resolve = Resolve(Some(&lists));
        let (space, all) = changing_space(old.iter().copied(), &touched, default, &resolve);
        all_memberships &= all;
        for transient in replay_in(&space, &old, &waves) {
            let alone = drafts.iter().any(|(_, draft)| {
                draft.plan.passing.iter().any(|known| {
                    (known.direction, known.nic) == side
                        && known.with.is_none()
                        && known.transient == transient
                })
            });
            if !alone {
                found.push(Passing {
                    with: Some(b.plan.name.clone()),
                    direction: side.0,
                    nic: side.1,
                    transient,
                });
            }
        }
    }
    (found, all_memberships)
}
