//! The order of changes in which no moment opens a hole or cuts a path.
//!
//! The groups of a network are ordered together, because one network interface may sit in several of them and its verdicts come from
//! the union of their rules. Which of two changes must come first follows from three sentences about any packet:
//!
//! - E1: a new rule goes in before the weaker new rules that say the opposite;
//! - E2: an old rule goes out before the stronger old rules that say the opposite;
//! - E3: a new rule goes in before an old rule that says the same goes out.
//!
//! "Some packet" is judged pair by pair and on the safe side ([`may_overlap`]): more order than needed is never less safe. In every
//! state that obeys the three, a packet that is admitted before and after is admitted, one that is refused before and after
//! is refused: its old or its new winner is there, and whatever says the opposite is weaker than the one that is.
//!
//! A modify is an add and a delete in one moment. That its two rules are never there together lets some sentences go (each with its
//! reason below) and may make others contradict: such a modify is taken apart, or, where it must stay whole, no order is known.

use std::collections::{BTreeMap, BTreeSet};

use super::{ChangeKind, exact::Pairs};
use crate::{
    model::{Direction, Policy, Rule},
    provider::BATCH,
    traffic::{may_overlap, rank, surely_covers},
};

/// Modifies of one circle for each of which one is taken apart at a time.
const LARGE: usize = 16;

/// Whether `first` must have happened before `then` may. For two changes of groups in one network.
pub fn must_precede(first: &ChangeKind, then: &ChangeKind) -> bool {
    let (a, b) = (Sides::of(first), Sides::of(then));
    e1(&a, &b) || e2(&a, &b) || e3(&a, &b)
}

/// The rule that goes and the rule that comes, as far as traffic is concerned.
#[derive(Clone, Copy)]
struct Sides<'a> {
    old: Option<&'a Rule>,
    new: Option<&'a Rule>,
}

impl<'a> Sides<'a> {
    /// A change of the description alone moves no packet and has no sides.
    fn of(change: &'a ChangeKind) -> Self {
        match change {
            ChangeKind::Add(new) => Self {
                old: None,
                new: Some(new),
            },
            ChangeKind::Delete(old) => Self {
                old: Some(&old.rule),
                new: None,
            },
            ChangeKind::Modify { from, to } if from.rule.is_same_rule(to) => Self {
                old: None,
                new: None,
            },
            ChangeKind::Modify { from, to } => Self {
                old: Some(&from.rule),
                new: Some(to),
            },
        }
    }
}

fn opponents(a: &Rule, b: &Rule) -> bool {
    a.policy != b.policy && may_overlap(a, b)
}

/// `winner` comes in before the weaker opponent `weaker`.
fn e1(winner: &Sides<'_>, weaker: &Sides<'_>) -> bool {
    let (Some(strong), Some(weak)) = (winner.new, weaker.new) else {
        return false;
    };
    if rank(strong) >= rank(weak) || !opponents(strong, weak) {
        return false;
    }
    // Until the winner is modified its old self is there; if that beats the opponent as well, the two may come in any order.
    let held_by_old_self = winner.old.is_some_and(|old| {
        old.policy == strong.policy
            && rank(old) < rank(weak)
            && (surely_covers(old, strong) || surely_covers(old, weak))
    });
    !held_by_old_self
}

/// `opponent` goes out before the stronger `winner` does.
fn e2(opponent: &Sides<'_>, winner: &Sides<'_>) -> bool {
    let (Some(weak), Some(strong)) = (opponent.old, winner.old) else {
        return false;
    };
    if rank(strong) >= rank(weak) || !opponents(strong, weak) {
        return false;
    }
    // Once the winner is modified its new self is there; if that beats the opponent as well, the two may go in any order.
    let held_by_new_self = winner.new.is_some_and(|new| {
        new.policy == strong.policy
            && rank(new) < rank(weak)
            && (surely_covers(new, strong) || surely_covers(new, weak))
    });
    !held_by_new_self
}

/// `successor` comes in before `predecessor` goes out.
fn e3(successor: &Sides<'_>, predecessor: &Sides<'_>) -> bool {
    let (Some(new), Some(old)) = (successor.new, predecessor.old) else {
        return false;
    };
    if new.policy != old.policy || !may_overlap(new, old) {
        return false;
    }
    // The predecessor's own new self takes its place in the same moment, and is as strong as the old rule or as the successor. Only packets
    // of both rules matter, so it is enough that it covers one of the two.
    let replaced = predecessor.new.is_some_and(|own| {
        own.policy == old.policy
            && (surely_covers(own, old) || surely_covers(own, new))
            && (rank(own) <= rank(old) || rank(own) <= rank(new))
    });
    // Where the two overlap, the successor's old self decided, not the predecessor.
    let not_the_winner = successor.old.is_some_and(|own| {
        own.policy == old.policy
            && rank(own) < rank(old)
            && (surely_covers(own, old) || surely_covers(own, new))
    });
    !replaced && !not_the_winner
}

/// The waves of a network's changes, or the changes that contradict each other.
#[derive(Debug, PartialEq, Eq)]
pub enum Order {
    /// The wave of each change, from 0; changes of one wave may be made in any order and side by side.
    Waves(Vec<usize>),
    /// Circles of changes each of which must precede the next; every circle has a modify.
    Circular {
        /// Modifies that may be taken apart, by index; without them the circles that have any are none.
        split: Vec<usize>,
        /// Circles without such a modify, by index.
        whole: Vec<Vec<usize>>,
    },
}

/// A change that is ordered.
#[derive(Clone, Copy)]
pub struct Node<'a> {
    /// The change.
    pub change: &'a ChangeKind,
    /// Its group.
    pub group: usize,
    /// Its place among the changes of the group.
    pub place: usize,
    /// Whether it is a modify that may be taken apart.
    pub splittable: bool,
    /// Where the changes of the group are made in turns: its turn.
    pub turn: Option<usize>,
    /// Whether those turns could not be fitted in with what other groups do: then they come between the others' adds and deletes.
    pub apart: bool,
    /// Whether it should go first if nothing must precede it: a delete in a group that has no room.
    pub early: bool,
}

/// What is known of a group beyond pairs: which rules that come, and which that go, hold each other back, by place.
#[derive(Default)]
pub struct Known {
    /// Of rules that come: the first before the second.
    pub e1: Pairs,
    /// Of rules that go: the first, which is stronger, after the second.
    pub e2: Pairs,
}

/// Puts the changes of one network in waves: adds as early as they may, deletes after all adds but for those that make room.
pub fn order(nodes: &[Node<'_>], known: &BTreeMap<usize, Known>) -> Order {
    let sides: Vec<Sides<'_>> = nodes.iter().map(|node| Sides::of(node.change)).collect();
    let graph = Graph::new(nodes, sides, known);
    let (split, whole) = graph.split();
    if split.is_empty() && whole.is_empty() {
        return Order::Waves(graph.waves());
    }
    Order::Circular { split, whole }
}

/// Direct predecessors of every change.
struct Graph<'a> {
    nodes: &'a [Node<'a>],
    sides: Vec<Sides<'a>>,
    known: &'a BTreeMap<usize, Known>,
    before: Vec<Vec<usize>>,
    /// Deletes that need not wait for all adds.
    free: BTreeSet<usize>,
    /// Whether some of them go first to make room.
    makes_room: bool,
}

/// The three sentences.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Sentence {
    E1,
    E2,
    E3,
}

impl<'a> Graph<'a> {
    fn new(
        nodes: &'a [Node<'a>],
        sides: Vec<Sides<'a>>,
        known: &'a BTreeMap<usize, Known>,
    ) -> Self {
        use Sentence::{E1, E2, E3};
        let mut graph = Self {
            nodes,
            sides,
            known,
            before: vec![Vec::new(); nodes.len()],
            free: BTreeSet::new(),
            makes_room: false,
        };
        let select = |wanted: fn(&ChangeKind) -> bool| -> Vec<usize> {
            (0..nodes.len())
                .filter(|&index| wanted(nodes[index].change))
                .collect()
        };
        let adds = select(|change| matches!(change, ChangeKind::Add(_)));
        let deletes = select(|change| matches!(change, ChangeKind::Delete(_)));
        let modifies: Vec<usize> = (0..nodes.len())
            .filter(|&index| graph.sides[index].old.is_some() && graph.sides[index].new.is_some())
            .collect();

        // E1 among adds and E2 among deletes: opposite verdicts only, and one of the two verdicts is usually rare.
        let split = |of: &[usize]| -> [Vec<usize>; 2] {
            let policy = |index: usize| nodes[index].change.rule().policy;
            let (drops, accepts) = of.iter().partition(|&&index| policy(index) == Policy::Drop);
            [drops, accepts]
        };
        for (kind, sentence) in [(&adds, E1), (&deletes, E2)] {
            let [drops, accepts] = split(kind);
            for &drop in &drops {
                for &accept in &accepts {
                    graph.relate(drop, accept, &[sentence]);
                    graph.relate(accept, drop, &[sentence]);
                }
            }
        }
        // A modify is on both sides.
        for &modify in &modifies {
            for other in (0..nodes.len()).filter(|&other| other != modify) {
                graph.relate(other, modify, &[E1, E2, E3]);
                if graph.sides[other].old.is_none() || graph.sides[other].new.is_none() {
                    graph.relate(modify, other, &[E1, E2, E3]);
                }
            }
        }
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
            for &member in members {
                self.before[member].extend(previous.into_iter().flatten());
            }
        }
    }

    fn holds(&self, first: usize, then: usize, sentence: Sentence) -> bool {
        let (a, b) = (&self.sides[first], &self.sides[then]);
        let (one, other) = (&self.nodes[first], &self.nodes[then]);
        let same_group = one.group == other.group;
        // Turns were made so that they need no more order among themselves.
        if (same_group && one.turn.is_some()) || (!same_group && (one.apart || other.apart)) {
            return false;
        }
        let known = |pairs: fn(&Known) -> &Pairs, rule: Option<&Rule>, pair: (usize, usize)| {
            let pairs = rule.filter(|_| same_group).and_then(|rule| {
                pairs(self.known.get(&one.group)?).get(&(rule.direction, rule.nic))
            });
            pairs.is_none_or(|pairs| pairs.contains(&pair))
        };
        match sentence {
            Sentence::E1 => e1(a, b) && known(|known| &known.e1, a.new, (one.place, other.place)),
            Sentence::E2 => e2(a, b) && known(|known| &known.e2, a.old, (other.place, one.place)),
            Sentence::E3 => e3(a, b),
        }
    }

    fn relate(&mut self, first: usize, then: usize, sentences: &[Sentence]) {
        if sentences
            .iter()
            .any(|sentence| self.holds(first, then, *sentence))
        {
            self.before[then].push(first);
        }
    }

    /// Deletes wait for all adds, so E3 between them needs no look, but for three kinds: those that something else waits for, those that
    /// make room and wait for nothing, and those that have a turn.
    fn free_deletes(&mut self, adds: &[usize], deletes: &[usize]) {
        let nodes = self.nodes;
        let is_delete = |index: usize| matches!(nodes[index].change, ChangeKind::Delete(_));
        let mut todo: Vec<usize> = (0..nodes.len())
            .filter(|&index| !is_delete(index))
            .flat_map(|index| {
                self.before[index]
                    .iter()
                    .copied()
                    .filter(|&first| is_delete(first))
            })
            .collect();
        todo.extend(
            deletes
                .iter()
                .filter(|&&delete| nodes[delete].turn.is_some()),
        );
        while let Some(delete) = todo.pop() {
            if self.free.insert(delete) {
                for &add in adds {
                    self.relate(add, delete, &[Sentence::E3]);
                }
                todo.extend(
                    self.before[delete]
                        .iter()
                        .copied()
                        .filter(|&first| is_delete(first)),
                );
            }
        }
        for &delete in deletes {
            let unbound = nodes[delete].early
                && !self.free.contains(&delete)
                && self.before[delete].is_empty()
                && adds
                    .iter()
                    .all(|&add| !self.holds(add, delete, Sentence::E3));
            if unbound {
                self.free.insert(delete);
                self.makes_room = true;
            }
        }
    }

    /// Modifies to take apart, so that no circle is left that has one to take apart, and the circles that never had any.
    ///
    /// Of a circle the first goes and the rest is looked at again; of a large one a few go at a time.
    fn split(&self) -> (Vec<usize>, Vec<Vec<usize>>) {
        let mut apart = vec![false; self.nodes.len()];
        let mut split = Vec::new();
        loop {
            let circles = self.circles(&apart);
            let before = split.len();
            for circle in &circles {
                let modifies: Vec<usize> = circle
                    .iter()
                    .copied()
                    .filter(|&index| self.nodes[index].splittable)
                    .collect();
                let some = (modifies.len() / LARGE).max(1);
                split.extend(modifies.into_iter().take(some));
            }
            if split.len() == before {
                return (split, circles);
            }
            for &index in &split[before..] {
                apart[index] = true;
            }
        }
    }

    /// Strongly connected parts of more than one change, without those `left_out` (Tarjan's algorithm without recursion).
    fn circles(&self, left_out: &[bool]) -> Vec<Vec<usize>> {
        let n = self.before.len();
        let mut index = vec![usize::MAX; n];
        let mut low = vec![0; n];
        let mut on_stack = vec![false; n];
        let mut stack = Vec::new();
        let mut next = 0;
        let mut circles = Vec::new();
        for root in 0..n {
            if left_out[root] || index[root] != usize::MAX {
                continue;
            }
            let mut path = vec![(root, 0)];
            while let Some(&mut (node, ref mut edge)) = path.last_mut() {
                if *edge == 0 && index[node] == usize::MAX {
                    index[node] = next;
                    low[node] = next;
                    next += 1;
                    stack.push(node);
                    on_stack[node] = true;
                }
                if let Some(&to) = self.before[node].get(*edge) {
                    *edge += 1;
                    if left_out[to] {
                        continue;
                    }
                    if index[to] == usize::MAX {
                        path.push((to, 0));
                    } else if on_stack[to] {
                        low[node] = low[node].min(index[to]);
                    }
                    continue;
                }
                path.pop();
                if let Some(&(parent, _)) = path.last() {
                    low[parent] = low[parent].min(low[node]);
                }
                if low[node] == index[node] {
                    let start = stack
                        .iter()
                        .rposition(|&on| on == node)
                        .expect("its root is on the stack");
                    let mut part = stack.split_off(start);
                    for &member in &part {
                        on_stack[member] = false;
                    }
                    if part.len() > 1 {
                        part.sort_unstable();
                        circles.push(part);
                    }
                }
            }
        }
        circles.sort();
        circles
    }

    /// The longest way to each change; turns that stand apart begin after everything else but deletes, deletes that are not free at the end.
    fn waves(&self) -> Vec<usize> {
        let phases: Vec<u8> = (0..self.nodes.len())
            .map(|index| {
                let node = &self.nodes[index];
                if node.apart {
                    1
                } else if matches!(node.change, ChangeKind::Delete(_))
                    && !self.free.contains(&index)
                {
                    2
                } else {
                    0
                }
            })
            .collect();
        let mut waves = vec![usize::MAX; self.nodes.len()];
        // What makes room goes before anything that takes room.
        let mut base = usize::from(self.makes_room);
        for phase in 0..=2 {
            for start in (0..self.nodes.len()).filter(|&index| phases[index] == phase) {
                self.wave(start, &phases, base, &mut waves);
            }
            base = waves
                .iter()
                .filter(|&&wave| wave != usize::MAX)
                .max()
                .map_or(0, |last| last + 1);
        }
        self.fill(&phases, &mut waves);
        compact(waves)
    }

    fn wave(&self, start: usize, phases: &[u8], base: usize, waves: &mut [usize]) {
        let mut path = vec![start];
        while let Some(&node) = path.last() {
            if waves[node] != usize::MAX {
                path.pop();
                continue;
            }
            let same_phase = |&&first: &&usize| phases[first] == phases[node];
            let waiting = self.before[node]
                .iter()
                .filter(same_phase)
                .copied()
                .find(|&first| waves[first] == usize::MAX);
            if let Some(first) = waiting {
                path.push(first);
                continue;
            }
            let goes_first = self.free.contains(&node) && phases[node] == 0;
            let floor = if goes_first { 0 } else { base };
            waves[node] = self.before[node]
                .iter()
                .filter(same_phase)
                .map(|&first| waves[first] + 1)
                .fold(floor, usize::max);
            path.pop();
        }
    }

    /// Moves changes that can wait into a later call of their kind that has room, where that saves a call.
    fn fill(&self, phases: &[u8], waves: &mut [usize]) {
        let mut after: Vec<Vec<usize>> = vec![Vec::new(); self.nodes.len()];
        // Group, adds or deletes, direction and phase; by wave.
        type Kind = (usize, bool, Direction, u8);
        let mut calls: BTreeMap<Kind, BTreeMap<usize, Vec<usize>>> = BTreeMap::new();
        for (index, node) in self.nodes.iter().enumerate() {
            for &first in &self.before[index] {
                after[first].push(index);
            }
            let add = match node.change {
                ChangeKind::Add(_) => true,
                ChangeKind::Delete(_) => false,
                ChangeKind::Modify { .. } => continue,
            };
            if node.turn.is_none() {
                let direction = node.change.rule().direction;
                let call = (node.group, add, direction, phases[index]);
                let by_wave = calls.entry(call).or_default();
                by_wave.entry(waves[index]).or_default().push(index);
            }
        }
        for by_wave in calls.values_mut().filter(|by_wave| by_wave.len() > 1) {
            let order: Vec<usize> = by_wave.keys().copied().collect();
            for (place, wave) in order.iter().enumerate() {
                for later in &order[place + 1..] {
                    let rest = by_wave[wave].len() % BATCH;
                    let filled = by_wave[later].len() % BATCH;
                    if rest == 0 || filled == 0 || filled + rest > BATCH {
                        continue;
                    }
                    let can_wait = |&&index: &&usize| {
                        after[index]
                            .iter()
                            .all(|&next| phases[next] != phases[index] || waves[next] > *later)
                    };
                    let moved: Vec<usize> = by_wave[wave]
                        .iter()
                        .filter(can_wait)
                        .take(rest)
                        .copied()
                        .collect();
                    if moved.len() < rest {
                        continue;
                    }
                    for &index in &moved {
                        waves[index] = *later;
                    }
                    let stay = |index: &usize| !moved.contains(index);
                    by_wave.get_mut(wave).expect("it is there").retain(stay);
                    by_wave.get_mut(later).expect("it is there").extend(moved);
                }
            }
        }
    }
}

/// Leaves no wave empty.
fn compact(waves: Vec<usize>) -> Vec<usize> {
    let used: Vec<usize> = waves
        .iter()
        .copied()
        .collect::<BTreeSet<_>>()
        .into_iter()
        .collect();
    waves
        .into_iter()
        .map(|wave| {
            used.binary_search(&wave)
                .expect("every wave is among the used ones")
        })
        .collect()
}
