//! The rules that change, the pieces of packet space that must stay as they are, and states between.

mod steps;
mod turns;

use std::collections::{BTreeMap, BTreeSet};

use super::{Act, Full, Harm, Weight, budget::Budget, distance};
use crate::{
    model::{Direction, NicType, Policy, Rule},
    traffic::{
        bits::Bits, certificate::changing_space, clause::Resolve, difference::default_policy,
    },
};

/// A rule that goes or comes.
pub struct Item {
    side: usize,
    /// Its place in the space of its side; `None`: a twin of it is there whatever is done.
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
    /// Old and new rules that match it, by place.
    members: [Vec<usize>; 2],
}

/// Everything about a group that the search looks at.
pub struct Board<'a> {
    pub full: &'a Full<'a>,
    pub limit: Weight,
    pub old: Vec<Item>,
    pub new: Vec<Item>,
    classes: Vec<Class>,
    policies: Vec<Vec<Policy>>,
    start: Vec<Bits>,
    /// Modifies that the cloud allows, the most alike first.
    pub modifies: Vec<(usize, usize)>,
    pub budget: Budget,
    /// Whether every set of memberships that may matter was looked at.
    pub all_memberships: bool,
}

/// A state between.
#[derive(Clone)]
pub struct State {
    sides: Vec<Bits>,
    pub old: Vec<bool>,
    pub new: Vec<bool>,
    pub held: Weight,
    /// Pieces whose verdict is not what it should be.
    pub wrong: BTreeSet<usize>,
}

type Side = (Direction, NicType);

fn side_of(rule: &Rule) -> Side {
    (rule.direction, rule.nic)
}

impl<'a> Board<'a> {
    pub fn new(full: &'a Full<'a>) -> Self {
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
        let mut board = Self {
            full,
            limit: full.limit,
            old: olds().map(item).collect(),
            new: full.new.iter().map(|rule| item(rule)).collect(),
            classes: Vec::new(),
            policies: Vec::new(),
            start: Vec::new(),
            modifies: Vec::new(),
            budget: Budget::new(),
            all_memberships: true,
        };
        for &(old, new) in &full.pairs {
            board.old[old].pair = Some(new);
            board.new[new].pair = Some(old);
        }
        for side in sides {
            board.add_side(side, &numbers);
        }
        board.find_modifies();
        board
    }

    fn add_side(&mut self, side: Side, numbers: &BTreeMap<Side, usize>) {
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
        // Of rules that are one rule to the cloud only the last to go counts; the search lets the others go at any time.
        let mut taken: BTreeSet<usize> = kept().filter_map(|rule| space.index_of(rule)).collect();
        for (item, rule) in self.old.iter_mut().zip(&full.old).rev() {
            if of_side(&&rule.rule) {
                item.index = space
                    .index_of(&rule.rule)
                    .filter(|index| taken.insert(*index));
            }
        }
        let mut new_at: BTreeMap<usize, usize> = BTreeMap::new();
        for (place, rule) in full.new.iter().enumerate() {
            if of_side(rule) {
                let index = space.index_of(rule).filter(|index| taken.insert(*index));
                self.new[place].index = index;
                new_at.extend(index.map(|index| (index, place)));
            }
        }
        let before = space.state(kept().chain(olds()));
        let after = space.state(kept().chain(full.new.iter().copied().filter(of_side)));
        let stays = before.and(&after);
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
                .filter_map(|index| new_at.get(&index).copied())
                .collect();
            let class = self.classes.len();
            let members = [&mut self.old, &mut self.new].map(|items| {
                let mut members = Vec::new();
                for (place, item) in items.iter_mut().enumerate() {
                    let matches = |index| decisive.contains(index);
                    if item.side == number && item.index.is_some_and(matches) {
                        item.classes.push(class);
                        members.push(place);
                    }
                }
                members
            });
            self.classes.push(Class {
                side: number,
                signature: decisive,
                verdict,
                successors,
                members,
            });
        }
        let policies = space.clauses.iter().map(|clause| clause.policy).collect();
        self.policies.push(policies);
        self.start.push(before);
    }

    fn find_modifies(&mut self) {
        let full = self.full;
        let mut found: Vec<(u32, usize, usize)> = Vec::new();
        for (old, seen) in full.old.iter().enumerate() {
            for (new, rule) in full.new.iter().enumerate() {
                if seen.rule.is_same_but_priority(rule) {
                    self.new[new].twins.push(old);
                }
                let paired = (self.old[old].pair, self.new[new].pair) == (Some(new), Some(old));
                let free = self.old[old].pair.is_none() && self.new[new].pair.is_none();
                if paired {
                    found.push((0, old, new));
                } else if let (true, true, Some(distance)) =
                    (free, (full.in_place)(rule.direction), distance(seen, rule))
                {
                    found.push((distance + 1, old, new));
                }
            }
        }
        found.sort_unstable();
        self.modifies = found.into_iter().map(|(_, old, new)| (old, new)).collect();
    }

    pub fn start(&self) -> State {
        State {
            sides: self.start.clone(),
            old: vec![true; self.old.len()],
            new: vec![false; self.new.len()],
            held: self.full.held,
            wrong: BTreeSet::new(),
        }
    }

    /// New rules of which one must be there before a piece can do without what holds it now.
    pub fn successors(&self, class: usize) -> &[usize] {
        &self.classes[class].successors
    }

    /// Old and new rules that match a piece.
    pub fn members(&self, class: usize) -> &[Vec<usize>; 2] {
        &self.classes[class].members
    }
}
