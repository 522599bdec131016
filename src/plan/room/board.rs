//! The rules that change, the pieces of packet space that must stay as they are, and states between.

mod kin;
mod steps;
mod turns;

use std::collections::{BTreeMap, BTreeSet};

use super::{Act, Full, Harm, TENTHS, WORK, Weight, budget::Budget};
use crate::{
    model::{Direction, NicType, Policy, Rule},
    traffic::{bits::Bits, certificate::changing_space, clause::Resolve, platform::default_policy},
};

pub use kin::{Kin, Modify};

/// Most pieces that are looked at, each counted for every rule that matches it. Even one sequence looks at each of these twice, when it asks for a
/// step and when it makes it: where there are more, none could be looked at to its end.
const MOST_PIECES: u64 = WORK / 10 * TENTHS[0] / 2;

/// A rule that goes or comes.
pub struct Item {
    side: usize,
    /// Its place in the space of its side, which rules that are one to the cloud share.
    index: Option<usize>,
    pub weight: Weight,
    /// Pieces that it matches.
    pub classes: Vec<usize>,
    /// The other half of the only modify that may change it.
    pub pair: Option<usize>,
    /// Where it stands among the strongest.
    pub rank: (u8, Policy),
    /// Of a new rule: old ones that the cloud may take for the same.
    twins: Vec<usize>,
}

/// A piece of packet space whose verdict is the same before and after.
struct Class {
    side: usize,
    signature: Bits,
    verdict: Policy,
    /// New rules of the run of one verdict that decides after the change, by place.
    successors: Vec<usize>,
    /// How many rules that change match it.
    width: usize,
}

/// Everything about a group that the search looks at.
pub struct Board<'a> {
    pub full: &'a Full<'a>,
    pub limit: Weight,
    pub old: Vec<Item>,
    pub new: Vec<Item>,
    classes: Vec<Class>,
    policies: Vec<Vec<Policy>>,
    /// Old and new rules that hold each place, by side.
    at: Vec<Vec<[Vec<usize>; 2]>>,
    /// How many rules hold each place at the start, by side.
    start: Vec<Vec<u32>>,
    /// Modifies that the cloud allows.
    pub kin: Kin,
    pub budget: Budget,
    /// Whether there were more pieces than are looked at.
    pub pieces_left_out: bool,
    /// Whether every set of memberships that may matter was looked at.
    pub all_memberships: bool,
}

/// A state between.
#[derive(Clone)]
pub struct State {
    /// Places that some rule holds, by side.
    sides: Vec<Bits>,
    /// How many do: the cloud may hold one rule under several ids, and it decides until the last is gone.
    holders: Vec<Vec<u32>>,
    pub old: Vec<bool>,
    pub new: Vec<bool>,
    pub held: Weight,
    /// Pieces whose verdict is not what it should be.
    pub wrong: BTreeSet<usize>,
    /// The same, counted.
    pub amiss: Harm,
}

type Side = (Direction, NicType);

/// Places that at least one rule holds.
fn held(holders: &[u32]) -> Bits {
    let mut places = Bits::new(holders.len());
    let held = (0..holders.len()).filter(|&index| holders[index] > 0);
    held.for_each(|index| places.insert(index));
    places
}

fn side_of(rule: &Rule) -> Side {
    (rule.direction, rule.nic)
}

impl<'a> Board<'a> {
    /// Beside cutting packet space, which the replay of any sequence takes as well, this takes no more than a search may.
    pub fn new(full: &'a Full<'a>) -> Self {
        Self::up_to(full, MOST_PIECES)
    }

    /// As [`new`](Self::new), with no more pieces than that.
    pub fn up_to(full: &'a Full<'a>, most_pieces: u64) -> Self {
        let olds = || full.old.iter().map(|seen| &seen.rule);
        let changed = || olds().chain(full.new.iter().copied());
        let sides: BTreeSet<Side> = changed().map(side_of).collect();
        let numbers: BTreeMap<Side, usize> = sides.iter().copied().zip(0..).collect();
        let item = |rule: &Rule| Item {
            side: numbers[&side_of(rule)],
            index: None,
            weight: (full.weight)(rule),
            classes: Vec::new(),
            pair: None,
            rank: crate::traffic::rank(rule),
            twins: Vec::new(),
        };
        let mut old: Vec<Item> = olds().map(item).collect();
        let mut new: Vec<Item> = full.new.iter().map(|rule| item(rule)).collect();
        for &(from, to) in &full.pairs {
            old[from].pair = Some(to);
            new[to].pair = Some(from);
        }
        for (item, twins) in new.iter_mut().zip(kin::twins(full)) {
            item.twins = twins;
        }
        let mut board = Self {
            full,
            limit: full.limit,
            kin: Kin::new(full, &old, &new),
            old,
            new,
            classes: Vec::new(),
            policies: Vec::new(),
            at: Vec::new(),
            start: Vec::new(),
            budget: Budget::new(),
            pieces_left_out: false,
            all_memberships: true,
        };
        let mut room = most_pieces;
        for side in sides {
            board.add_side(side, &numbers, &mut room);
        }
        board
    }

    fn add_side(&mut self, side: Side, numbers: &BTreeMap<Side, usize>, room: &mut u64) {
        let full = self.full;
        let number = numbers[&side];
        let of_side = |rule: &&Rule| side_of(rule) == side;
        let kept = || full.kept.iter().copied().filter(of_side);
        let olds = || full.old.iter().map(|seen| &seen.rule).filter(of_side);
        let touched: Vec<&Rule> = olds()
            .chain(full.new.iter().copied().filter(of_side))
            .collect();
        let (space, all_worlds) = changing_space(
            kept().chain(olds()),
            &touched,
            default_policy(side.0, full.kind),
            &Resolve(Some(full.lists)),
        );
        self.all_memberships &= all_worlds;
        // Old and new rules by the place in the space that they hold.
        let mut at: Vec<[Vec<usize>; 2]> = vec![Default::default(); space.rules.len()];
        let rules = full.old.iter().map(|seen| &seen.rule);
        for (place, rule) in rules.enumerate().filter(|(_, rule)| of_side(rule)) {
            self.old[place].index = space.index_of(rule);
            let index = self.old[place].index;
            index.into_iter().for_each(|index| at[index][0].push(place));
        }
        let rules = full.new.iter().copied();
        for (place, rule) in rules.enumerate().filter(|(_, rule)| of_side(rule)) {
            self.new[place].index = space.index_of(rule);
            let index = self.new[place].index;
            index.into_iter().for_each(|index| at[index][1].push(place));
        }
        let before = space.state(kept().chain(olds()));
        let after = space.state(kept().chain(full.new.iter().copied().filter(of_side)));
        let stays = space.state(kept());
        let mut seen: BTreeSet<Bits> = BTreeSet::new();
        for signature in &space.atlas.signatures {
            let verdict = space.verdict(signature, &before);
            if verdict != space.verdict(signature, &after) {
                continue;
            }
            // What is weaker than a rule that stays never decides; pieces that differ in such rules only are one.
            let last = space.winner(signature, &stays);
            let mut decisive = Bits::new(space.rules.len());
            signature
                .iter()
                .take_while(|&index| index <= last)
                .for_each(|index| decisive.insert(index));
            if decisive.iter().all(|index| index == last) || !seen.insert(decisive.clone()) {
                continue;
            }
            let successors = decisive
                .and(&after)
                .iter()
                .take_while(|&index| space.clauses[index].policy == verdict)
                .flat_map(|index| at[index][1].iter().copied())
                .collect();
            let width: usize = decisive
                .iter()
                .flat_map(|index| &at[index])
                .map(Vec::len)
                .sum();
            let Some(left) = room.checked_sub(width as u64) else {
                self.pieces_left_out = true;
                break;
            };
            *room = left;
            let class = self.classes.len();
            for index in decisive.iter() {
                let [olds, news] = &at[index];
                olds.iter()
                    .for_each(|&old| self.old[old].classes.push(class));
                news.iter()
                    .for_each(|&new| self.new[new].classes.push(class));
            }
            self.classes.push(Class {
                side: number,
                signature: decisive,
                verdict,
                successors,
                width,
            });
        }
        self.at.push(at);
        let policies = space.clauses.iter().map(|clause| clause.policy).collect();
        self.policies.push(policies);
        let mut holders = vec![0; space.rules.len()];
        // What matches everything holds its place by itself.
        before.iter().for_each(|index| holders[index] = 1);
        let mut counted = Bits::new(space.rules.len());
        for index in kept().chain(olds()).filter_map(|rule| space.index_of(rule)) {
            holders[index] += u32::from(counted.contains(index));
            counted.insert(index);
        }
        self.start.push(holders);
    }

    pub fn start(&self) -> State {
        State {
            sides: self.start.iter().map(|holders| held(holders)).collect(),
            holders: self.start.clone(),
            old: vec![true; self.old.len()],
            new: vec![false; self.new.len()],
            held: self.full.held,
            wrong: BTreeSet::new(),
            amiss: Harm::default(),
        }
    }

    /// New rules of which one must be there before a piece can do without what holds it now.
    pub fn successors(&self, class: usize) -> &[usize] {
        &self.classes[class].successors
    }

    /// How many old and new rules match a piece.
    pub fn width(&self, class: usize) -> usize {
        self.classes[class].width
    }

    /// Old and new rules that match a piece.
    pub fn members(&self, class: usize) -> impl Iterator<Item = &[Vec<usize>; 2]> {
        let Class {
            side, signature, ..
        } = &self.classes[class];
        signature.iter().map(|index| &self.at[*side][index])
    }

    /// Old and new rules that match some piece which a step may touch.
    pub fn beside(&self, act: Act) -> impl Iterator<Item = &[Vec<usize>; 2]> {
        let mut touched = self.touched(act).peekable();
        // Both rules of a modify are of one side.
        let side = touched.peek().map(|&class| self.classes[class].side);
        let places = side.map(|side| {
            let mut places = Bits::new(self.at[side].len());
            for class in touched {
                self.budget.spend(1);
                places.add(&self.classes[class].signature);
            }
            let places: Vec<usize> = places.iter().collect();
            places.into_iter().map(move |index| &self.at[side][index])
        });
        places.into_iter().flatten()
    }
}
