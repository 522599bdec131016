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

use std::collections::BTreeSet;

use super::ChangeKind;
use crate::{
    model::{Policy, Rule},
    traffic::{may_overlap, rank, surely_covers},
};

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
    // The predecessor's own new self takes its place in the same moment, and is as strong as the old rule or as the successor.
    let replaced = predecessor.new.is_some_and(|own| {
        own.policy == old.policy
            && surely_covers(own, old)
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
    /// Circles of changes each of which must precede the next, by index; every circle has a modify.
    Circular(Vec<Vec<usize>>),
}

/// Puts the changes of one network in waves: adds as early as they may, deletes after all adds but for those that make room.
///
/// `early` says which deletes should go first if nothing must precede them: those of groups whose quota has no room.
pub fn order(changes: &[&ChangeKind], early: impl Fn(usize) -> bool) -> Order {
    let sides: Vec<Sides<'_>> = changes.iter().map(|change| Sides::of(change)).collect();
    let graph = Graph::new(changes, &sides, early);
    let circles = graph.circles();
    if !circles.is_empty() {
        return Order::Circular(circles);
    }
    Order::Waves(graph.waves(changes))
}

/// Direct predecessors of every change.
struct Graph {
    before: Vec<Vec<usize>>,
    /// Deletes that need not wait for all adds.
    free: BTreeSet<usize>,
    /// Whether some of them go first to make room.
    makes_room: bool,
}

impl Graph {
    fn new(changes: &[&ChangeKind], sides: &[Sides<'_>], early: impl Fn(usize) -> bool) -> Self {
        let mut graph = Self {
            before: vec![Vec::new(); changes.len()],
            free: BTreeSet::new(),
            makes_room: false,
        };
        let select = |wanted: fn(&ChangeKind) -> bool| -> Vec<usize> {
            (0..changes.len())
                .filter(|&index| wanted(changes[index]))
                .collect()
        };
        let adds = select(|change| matches!(change, ChangeKind::Add(_)));
        let deletes = select(|change| matches!(change, ChangeKind::Delete(_)));
        let modifies: Vec<usize> = (0..changes.len())
            .filter(|&index| sides[index].old.is_some() && sides[index].new.is_some())
            .collect();

        // E1 among adds and E2 among deletes: opposite verdicts only, and one of the two verdicts is usually rare.
        let split = |of: &[usize]| -> [Vec<usize>; 2] {
            let policy = |index: usize| changes[index].rule().policy;
            let (drops, accepts) = of.iter().partition(|&&index| policy(index) == Policy::Drop);
            [drops, accepts]
        };
        for (kind, relation) in [
            (&adds, e1 as fn(&Sides<'_>, &Sides<'_>) -> bool),
            (&deletes, e2),
        ] {
            let [drops, accepts] = split(kind);
            for &drop in &drops {
                for &accept in &accepts {
                    graph.relate(sides, drop, accept, relation);
                    graph.relate(sides, accept, drop, relation);
                }
            }
        }
        // A modify is on both sides.
        for &modify in &modifies {
            for other in (0..changes.len()).filter(|&other| other != modify) {
                let all = |a: &Sides<'_>, b: &Sides<'_>| e1(a, b) || e2(a, b) || e3(a, b);
                graph.relate(sides, other, modify, all);
                if sides[other].old.is_none() || sides[other].new.is_none() {
                    graph.relate(sides, modify, other, all);
                }
            }
        }
        graph.free_deletes(changes, sides, &adds, &deletes, early);
        graph
    }

    fn relate(
        &mut self,
        sides: &[Sides<'_>],
        first: usize,
        then: usize,
        relation: impl Fn(&Sides<'_>, &Sides<'_>) -> bool,
    ) {
        if relation(&sides[first], &sides[then]) {
            self.before[then].push(first);
        }
    }

    /// Deletes wait for all adds, so E3 between them needs no look, but for two kinds: those that something else waits for, and those
    /// that make room and wait for nothing.
    fn free_deletes(
        &mut self,
        changes: &[&ChangeKind],
        sides: &[Sides<'_>],
        adds: &[usize],
        deletes: &[usize],
        early: impl Fn(usize) -> bool,
    ) {
        let is_delete = |index: usize| matches!(changes[index], ChangeKind::Delete(_));
        let mut todo: Vec<usize> = (0..changes.len())
            .filter(|&index| !is_delete(index))
            .flat_map(|index| {
                self.before[index]
                    .iter()
                    .copied()
                    .filter(|&first| is_delete(first))
            })
            .collect();
        while let Some(delete) = todo.pop() {
            if self.free.insert(delete) {
                for &add in adds {
                    self.relate(sides, add, delete, e3);
                }
                todo.extend(
                    self.before[delete]
                        .iter()
                        .copied()
                        .filter(|&first| is_delete(first)),
                );
            }
        }
        for &delete in deletes.iter().filter(|&&delete| early(delete)) {
            let unbound = self.before[delete].is_empty()
                && adds.iter().all(|&add| !e3(&sides[add], &sides[delete]));
            if unbound {
                self.free.insert(delete);
                self.makes_room = true;
            }
        }
    }

    /// Strongly connected parts of more than one change (Tarjan's algorithm without recursion).
    fn circles(&self) -> Vec<Vec<usize>> {
        let n = self.before.len();
        let mut index = vec![usize::MAX; n];
        let mut low = vec![0; n];
        let mut on_stack = vec![false; n];
        let mut stack = Vec::new();
        let mut next = 0;
        let mut circles = Vec::new();
        for root in 0..n {
            if index[root] != usize::MAX {
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

    /// The longest way to each change; deletes that are not free begin after everything else.
    fn waves(&self, changes: &[&ChangeKind]) -> Vec<usize> {
        let late: Vec<bool> = (0..changes.len())
            .map(|index| {
                matches!(changes[index], ChangeKind::Delete(_)) && !self.free.contains(&index)
            })
            .collect();
        let mut waves = vec![usize::MAX; changes.len()];
        // What makes room goes before anything that takes room.
        let base = usize::from(self.makes_room);
        let mut first_late = 0;
        for phase in [false, true] {
            for start in (0..changes.len()).filter(|&index| late[index] == phase) {
                self.wave(
                    start,
                    &late,
                    if phase { first_late } else { base },
                    &mut waves,
                );
            }
            first_late = waves
                .iter()
                .filter(|&&wave| wave != usize::MAX)
                .max()
                .map_or(0, |last| last + 1);
        }
        compact(waves)
    }

    fn wave(&self, start: usize, late: &[bool], base: usize, waves: &mut [usize]) {
        let mut path = vec![start];
        while let Some(&node) = path.last() {
            if waves[node] != usize::MAX {
                path.pop();
                continue;
            }
            let same_phase = |&&first: &&usize| late[first] == late[node];
            let waiting = self.before[node]
                .iter()
                .filter(same_phase)
                .copied()
                .find(|&first| waves[first] == usize::MAX);
            if let Some(first) = waiting {
                path.push(first);
                continue;
            }
            let floor = if self.free.contains(&node) { 0 } else { base };
            waves[node] = self.before[node]
                .iter()
                .filter(same_phase)
                .map(|&first| waves[first] + 1)
                .fold(floor, usize::max);
            path.pop();
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
