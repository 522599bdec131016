//! What must precede what among the changes of one network, without a look at every two of them.
//!
//! Changes that do the same in many groups are one for every question but those about their own group, and pairs of which a sentence may
//! ask something are found in bundles ([`bundles`]). A bundle of many changes on both sides is tied in a knot: a node
//! without a change of its own, after the first and before the second. Where some pairs of one group are excepted, two chains of
//! knots over the groups stand for "all groups but this one". So the pairs that hold are exactly those that a look at every pair would find.

use std::collections::{BTreeMap, BTreeSet};

use super::{
    Known, Node,
    bounds::{self, Place},
    bundles::bundles,
    sentences::{Sentence, Sides},
};
use crate::{
    model::{Rule, RuleIdentity},
    plan::{ChangeKind, exact::Pairs},
};

/// Pairs of a bundle that are not worth a knot.
const FEW: usize = 16;

/// For each change of a bundle, pairs that may be asked about one by one. Where more would have to be, all pairs of two groups count as if
/// the sentence asked them: that is more order than needed, through knots. It adds no circle that has nothing to take apart, for what must
/// stay whole (a modify of the priority alone, which holds all that it held) is never among those to be asked about.
const ASKS: usize = 64;

/// Direct predecessors of every change, some of them through knots.
pub struct Graph<'a> {
    pub(super) nodes: &'a [Node<'a>],
    sides: Vec<Sides<'a>>,
    /// Of each change a number that those have which replace the same rule by the same.
    same: Vec<usize>,
    known: &'a BTreeMap<usize, Known>,
    /// By node; after those of the changes come those of the knots.
    pub(super) before: Vec<Vec<usize>>,
    /// Deletes that need not wait for all adds.
    pub(super) free: BTreeSet<usize>,
    /// Whether some of them go first to make room.
    pub(super) makes_room: bool,
    /// Pairs that were looked at.
    pub(super) looked: usize,
    /// See [`ASKS`].
    asks: usize,
}

impl<'a> Graph<'a> {
    /// Asks the three sentences about the changes of a network.
    pub fn new(nodes: &'a [Node<'a>], known: &'a BTreeMap<usize, Known>) -> Self {
        Self::asking(nodes, known, ASKS)
    }

    /// The same with another limit than [`ASKS`].
    pub(super) fn asking(
        nodes: &'a [Node<'a>],
        known: &'a BTreeMap<usize, Known>,
        asks: usize,
    ) -> Self {
        let sides: Vec<Sides<'_>> = nodes.iter().map(|node| Sides::of(node.change)).collect();
        let mut graph = Self {
            nodes,
            same: same(&sides),
            sides,
            known,
            before: vec![Vec::new(); nodes.len()],
            free: BTreeSet::new(),
            makes_room: false,
            looked: 0,
            asks,
        };
        let select = |wanted: fn(&ChangeKind) -> bool| -> Vec<usize> {
            (0..nodes.len())
                .filter(|&index| wanted(nodes[index].change))
                .collect()
        };
        let adds = select(|change| matches!(change, ChangeKind::Add(_)));
        let deletes = select(|change| matches!(change, ChangeKind::Delete(_)));
        let modifies = select(|change| matches!(change, ChangeKind::Modify { .. }));
        let coming = [&adds[..], &modifies].concat();
        let going = [&deletes[..], &modifies].concat();
        graph.relate(Sentence::E1, &coming, &coming);
        graph.relate(Sentence::E2, &going, &going);
        // Deletes wait for all adds, so E3 between the two needs no look, but for the few below.
        graph.relate(Sentence::E3, &coming, &modifies);
        graph.relate(Sentence::E3, &modifies, &deletes);
        graph.turns();
        graph.free_deletes(&adds, &deletes);
        graph
    }

    /// Turn after turn.
    fn turns(&mut self) {
        let mut turns: BTreeMap<(usize, usize), Vec<usize>> = BTreeMap::new();
        for (index, node) in self.nodes.iter().enumerate() {
            if let Some(turn) = node.turn {
                turns.entry((node.group, turn)).or_default().push(index);
            }
        }
        for ((group, turn), members) in &turns {
            let previous = turn
                .checked_sub(1)
                .and_then(|turn| turns.get(&(*group, turn)));
            if let Some(previous) = previous {
                self.tie(previous.clone(), members);
            }
        }
    }

    /// Deletes wait for all adds, but for three kinds: those that something else waits for, those that make room and wait for nothing, and
    /// those that have a turn. Of these E3 must be asked.
    fn free_deletes(&mut self, adds: &[usize], deletes: &[usize]) {
        let nodes = self.nodes;
        let is_delete = |index: usize| {
            index < nodes.len() && matches!(nodes[index].change, ChangeKind::Delete(_))
        };
        // Backwards from all that is no delete or has a turn, through knots and deletes.
        let mut seen = vec![false; self.before.len()];
        let mut todo: Vec<usize> = (0..nodes.len())
            .filter(|&index| !is_delete(index) || nodes[index].turn.is_some())
            .collect();
        while let Some(index) = todo.pop() {
            if is_delete(index) {
                self.free.insert(index);
            }
            for &first in &self.before[index] {
                if (first >= nodes.len() || is_delete(first)) && !seen[first] {
                    seen[first] = true;
                    todo.push(first);
                }
            }
        }
        let free: Vec<usize> = self.free.iter().copied().collect();
        self.relate(Sentence::E3, adds, &free);

        let mut unbound: BTreeSet<usize> = deletes
            .iter()
            .copied()
            .filter(|delete| {
                nodes[*delete].early
                    && !self.free.contains(delete)
                    && self.before[*delete].is_empty()
            })
            .collect();
        let early: Vec<usize> = unbound.iter().copied().collect();
        for bound in self.asked(Sentence::E3, adds, &early) {
            for delete in bound.then {
                unbound.remove(&delete);
            }
        }
        self.makes_room = !unbound.is_empty();
        self.free.extend(unbound);
    }

    /// Adds what a sentence asks of two lists of changes.
    fn relate(&mut self, sentence: Sentence, first: &[usize], then: &[usize]) {
        for asked in self.asked(sentence, first, then) {
            self.connect(sentence, asked);
        }
    }

    /// What a sentence asks of two lists of changes, if they are of two groups.
    fn asked(&mut self, sentence: Sentence, first: &[usize], then: &[usize]) -> Vec<Asked> {
        let left = self.alike(first, |sides| bounds::first(sentence, sides));
        let right = self.alike(then, |sides| bounds::then(sentence, sides));
        let boxes =
            |alike: &[Alike]| -> Vec<_> { alike.iter().map(|alike| alike.place.bounds).collect() };
        let members = |alike: &[Alike], places: &[usize]| -> Vec<usize> {
            let mut members: Vec<usize> = places
                .iter()
                .flat_map(|&place| alike[place].members.iter().copied())
                .collect();
            members.sort_unstable_by_key(|&member| (self.nodes[member].group, member));
            members
        };
        let sure = |first, then| Asked {
            first,
            then,
            loose: false,
        };
        let mut looked = 0;
        let mut found = Vec::new();
        for bundle in bundles(&boxes(&left), &boxes(&right), &mut looked) {
            let loose = |of: &[Alike], places: Vec<usize>| -> (Vec<usize>, Vec<usize>) {
                places.into_iter().partition(|&place| of[place].place.loose)
            };
            let (loose_left, sure_left) = loose(&left, bundle.left);
            let (loose_right, sure_right) = loose(&right, bundle.right);
            let each = loose_left.len() * (loose_right.len() + sure_right.len())
                + loose_right.len() * sure_left.len();
            let all = [&loose_left, &loose_right, &sure_left, &sure_right];
            if each > self.asks * all.iter().map(|places| places.len()).sum::<usize>() {
                found.push(Asked {
                    first: members(&left, &[sure_left, loose_left].concat()),
                    then: members(&right, &[sure_right, loose_right].concat()),
                    loose: true,
                });
                continue;
            }
            let asks = |one: usize, other: usize| {
                let sides = |alike: &Alike| self.sides[alike.members[0]];
                sentence.asks(&sides(&left[one]), &sides(&right[other]))
            };
            for &one in &loose_left {
                let all = sure_right.iter().chain(&loose_right).copied();
                let right_of: Vec<usize> = all.filter(|&other| asks(one, other)).collect();
                looked += sure_right.len() + loose_right.len();
                found.push(sure(members(&left, &[one]), members(&right, &right_of)));
            }
            for &other in &loose_right {
                let left_of: Vec<usize> = sure_left
                    .iter()
                    .copied()
                    .filter(|&one| asks(one, other))
                    .collect();
                looked += sure_left.len();
                found.push(sure(members(&left, &left_of), members(&right, &[other])));
            }
            found.push(sure(
                members(&left, &sure_left),
                members(&right, &sure_right),
            ));
        }
        found.retain(|asked: &Asked| !asked.first.is_empty() && !asked.then.is_empty());
        self.looked += looked;
        found
    }

    /// Changes that replace the same rule by the same, with what `place` makes of them. Turns that stand apart are not among them: no
    /// sentence is asked about them.
    fn alike(&self, of: &[usize], place: impl Fn(&Sides<'_>) -> Option<Place>) -> Vec<Alike> {
        let of = of.iter().copied();
        let mut of: Vec<usize> = of.filter(|&index| !self.nodes[index].apart).collect();
        of.sort_unstable_by_key(|&index| (self.same[index], index));
        of.chunk_by(|&a, &b| self.same[a] == self.same[b])
            .filter_map(|members| {
                let place = place(&self.sides[members[0]])?;
                let members = members.to_vec();
                Some(Alike { place, members })
            })
            .collect()
    }

    /// Puts each of the first before each of the second, but for two of one group that need it not.
    fn connect(&mut self, sentence: Sentence, asked: Asked) {
        let Asked { first, then, loose } = asked;
        let then = &then[..];
        if first.len() == 1 || then.len() == 1 || first.len() * then.len() <= FEW {
            self.looked += first.len() * then.len();
            for &then in then {
                let mut needed = first.clone();
                needed.retain(|&first| self.holds(sentence, loose, first, then));
                self.before[then].extend(needed);
            }
            return;
        }
        let nodes = self.nodes;
        let group = |index: usize| nodes[index].group;
        let groups: Vec<Vec<usize>> = first
            .chunk_by(|a, b| group(*a) == group(*b))
            .map(<[usize]>::to_vec)
            .collect();
        // Those that need not wait for all, each with the place of its own group and those of it that it needs.
        let mut excepted: Vec<(usize, usize, Vec<usize>)> = Vec::new();
        let mut others: Vec<usize> = Vec::new();
        for &then in then {
            let own = groups.binary_search_by_key(&group(then), |members| group(members[0]));
            let Ok(place) = own else {
                others.push(then);
                continue;
            };
            self.looked += groups[place].len();
            let mut needed = groups[place].clone();
            needed.retain(|&first| self.holds(sentence, loose, first, then));
            if needed.len() == groups[place].len() {
                others.push(then);
            } else {
                excepted.push((then, place, needed));
            }
        }
        if !others.is_empty() {
            self.tie(first, &others);
        }
        if excepted.is_empty() {
            return;
        }
        let up = self.chain(groups.iter());
        let mut down = self.chain(groups.iter().rev());
        down.reverse();
        for (then, place, needed) in excepted {
            let others = place
                .checked_sub(1)
                .map(|place| up[place])
                .into_iter()
                .chain(down.get(place + 1).copied());
            self.before[then].extend(others.chain(needed));
        }
    }

    /// Knots of which each stands for its group and all before it.
    fn chain<'g>(&mut self, groups: impl Iterator<Item = &'g Vec<usize>>) -> Vec<usize> {
        let mut knots: Vec<usize> = Vec::new();
        for group in groups {
            let all = group.iter().copied().chain(knots.last().copied()).collect();
            knots.push(self.knot(all));
        }
        knots
    }

    /// Puts each of `first` before each of `then`, whatever they are.
    fn tie(&mut self, first: Vec<usize>, then: &[usize]) {
        if first.len() == 1 || then.len() == 1 {
            for &then in then {
                self.before[then].extend(&first);
            }
            return;
        }
        let knot = self.knot(first);
        for &then in then {
            self.before[then].push(knot);
        }
    }

    fn knot(&mut self, after: Vec<usize>) -> usize {
        self.before.push(after);
        self.before.len() - 1
    }

    /// Whether what a sentence asks of two such changes holds for these two.
    fn holds(&self, sentence: Sentence, loose: bool, first: usize, then: usize) -> bool {
        let (one, other) = (&self.nodes[first], &self.nodes[then]);
        if one.group != other.group {
            return true;
        }
        // Turns were made so that they need no more order among themselves.
        if first == then || one.turn.is_some() {
            return false;
        }
        if loose && !sentence.asks(&self.sides[first], &self.sides[then]) {
            return false;
        }
        let known = |pairs: fn(&Known) -> &Pairs, rule: Option<&Rule>, pair: (usize, usize)| {
            let pairs = rule.and_then(|rule| {
                pairs(self.known.get(&one.group)?).get(&(rule.direction, rule.nic))
            });
            pairs.is_none_or(|pairs| pairs.contains(pair))
        };
        match sentence {
            Sentence::E1 => known(
                |known| &known.e1,
                self.sides[first].new,
                (one.place, other.place),
            ),
            Sentence::E2 => known(
                |known| &known.e2,
                self.sides[first].old,
                (other.place, one.place),
            ),
            Sentence::E3 => true,
        }
    }
}

/// See [`Graph::same`].
fn same(sides: &[Sides<'_>]) -> Vec<usize> {
    type Same<'a> = [Option<RuleIdentity<'a>>; 2];
    let mut first: BTreeMap<Same<'_>, usize> = BTreeMap::new();
    let same = sides.iter().enumerate().map(|(index, sides)| {
        let same = [sides.old, sides.new].map(|rule| rule.map(Rule::identity));
        *first.entry(same).or_insert(index)
    });
    same.collect()
}

/// Changes of which a sentence asks, if they are of two groups, that each of the first be made before each of the second.
struct Asked {
    /// In the order of their groups.
    first: Vec<usize>,
    /// In the order of their groups.
    then: Vec<usize>,
    /// Of some pairs it is not known; two of one group are yet to be asked about.
    loose: bool,
}

/// Changes of several groups that do the same.
struct Alike {
    place: Place,
    /// In the order of their indices.
    members: Vec<usize>,
}
