//! What is sent when: changes as early as they may be, and moved to a later call where that saves one.

use std::collections::{BTreeMap, BTreeSet};

use super::graph::Graph;
use crate::{model::Direction, plan::ChangeKind, provider::BATCH};

/// Adds and what goes with them, turns that stand apart, deletes.
const PHASES: usize = 3;

impl Graph<'_> {
    /// The longest way to each change; turns that stand apart begin after everything else but deletes, deletes that are not free at the end.
    pub fn waves(&self) -> Vec<usize> {
        let phases: Vec<usize> = (0..self.nodes.len())
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
        let order = self.first_things_first();
        // For a knot, the first wave after what it stands for.
        let mut waves = vec![0; self.before.len()];
        // What makes room goes before anything that takes room.
        let mut base = usize::from(self.makes_room);
        for phase in 0..PHASES {
            let mut end = base;
            for &node in &order {
                let is_knot = node >= self.nodes.len();
                if !is_knot && phases[node] != phase {
                    continue;
                }
                let goes_first = !is_knot && phase == 0 && self.free.contains(&node);
                let floor = if is_knot || goes_first { 0 } else { base };
                let after = |&first: &usize| match phases.get(first) {
                    Some(of) if *of == phase => waves[first] + 1,
                    Some(_) => 0,
                    None => waves[first],
                };
                waves[node] = self.before[node].iter().map(after).fold(floor, usize::max);
                if !is_knot {
                    end = end.max(waves[node] + 1);
                }
            }
            base = end;
        }
        waves.truncate(self.nodes.len());
        self.fill(&phases, &mut waves);
        compact(waves)
    }

    /// All changes and knots, each after those that come before it. There is no circle.
    fn first_things_first(&self) -> Vec<usize> {
        let mut done = vec![false; self.before.len()];
        let mut order = Vec::with_capacity(self.before.len());
        for start in 0..self.before.len() {
            let mut path = vec![(start, 0)];
            while let Some((node, edge)) = path.last_mut() {
                if done[*node] {
                    path.pop();
                } else if let Some(&first) = self.before[*node].get(*edge) {
                    *edge += 1;
                    if !done[first] {
                        path.push((first, 0));
                    }
                } else {
                    done[*node] = true;
                    order.push(*node);
                }
            }
        }
        order
    }

    /// Moves changes that can wait into a later call of their kind that has room, where that saves a call.
    fn fill(&self, phases: &[usize], waves: &mut [usize]) {
        // Group, adds or deletes, direction and phase; by wave.
        type Kind = (usize, bool, Direction, usize);
        let mut calls: BTreeMap<Kind, BTreeMap<usize, Vec<usize>>> = BTreeMap::new();
        for (index, node) in self.nodes.iter().enumerate() {
            let add = match node.change {
                ChangeKind::Add(_) => true,
                ChangeKind::Delete(_) => false,
                ChangeKind::Modify { .. } => continue,
            };
            // What makes room would wait for what takes it.
            let makes_room = !add && node.early && phases[index] == 0;
            if node.turn.is_none() && !makes_room {
                let direction = node.change.rule().direction;
                let call = (node.group, add, direction, phases[index]);
                let by_wave = calls.entry(call).or_default();
                by_wave.entry(waves[index]).or_default().push(index);
            }
        }
        calls.retain(|_, by_wave| by_wave.len() > 1);
        if calls.is_empty() {
            return;
        }
        let mut next = Next::new(self, phases, waves);
        for ((_, _, _, phase), by_wave) in &mut calls {
            let order: Vec<usize> = by_wave.keys().copied().collect();
            for (place, wave) in order.iter().enumerate() {
                for later in &order[place + 1..] {
                    let rest = by_wave[wave].len() % BATCH;
                    let filled = by_wave[later].len() % BATCH;
                    if rest == 0 || filled == 0 || filled + rest > BATCH {
                        continue;
                    }
                    let can_wait = |&&index: &&usize| next.after(index, *phase) > *later;
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
                        next.wave_of[index] = *later;
                        next.moved(index, *phase, *wave, *later);
                    }
                    let stay = |index: &usize| !moved.contains(index);
                    by_wave.get_mut(wave).expect("it is there").retain(stay);
                    by_wave.get_mut(later).expect("it is there").extend(moved);
                }
            }
        }
    }
}

/// When the first of what follows a change is sent.
struct Next<'a> {
    graph: &'a Graph<'a>,
    phases: &'a [usize],
    wave_of: &'a mut [usize],
    after: Vec<Vec<usize>>,
    /// Of each knot, how many of what follows are sent in each phase and wave, further knots with the first of theirs.
    of_knot: Vec<[BTreeMap<usize, usize>; PHASES]>,
}

/// Later than all waves.
const NEVER: usize = usize::MAX;

impl<'a> Next<'a> {
    fn new(graph: &'a Graph<'_>, phases: &'a [usize], wave_of: &'a mut [usize]) -> Self {
        let changes = graph.nodes.len();
        let mut after: Vec<Vec<usize>> = vec![Vec::new(); graph.before.len()];
        for (index, before) in graph.before.iter().enumerate() {
            for &first in before {
                after[first].push(index);
            }
        }
        let mut next = Self {
            graph,
            phases,
            wave_of,
            after,
            of_knot: vec![Default::default(); graph.before.len() - changes],
        };
        for knot in graph.first_things_first().into_iter().rev() {
            if knot < changes {
                continue;
            }
            for follows in 0..next.after[knot].len() {
                let follows = next.after[knot][follows];
                for phase in 0..PHASES {
                    let wave = next.first(follows, phase);
                    if wave != NEVER {
                        *next.of_knot[knot - changes][phase].entry(wave).or_default() += 1;
                    }
                }
            }
        }
        next
    }

    /// The first wave of a phase in which something is sent that follows a change.
    fn after(&self, index: usize, phase: usize) -> usize {
        let follows = self.after[index].iter();
        let waves = follows.map(|&follows| self.first(follows, phase));
        waves.min().unwrap_or(NEVER)
    }

    fn first(&self, index: usize, phase: usize) -> usize {
        match self.phases.get(index) {
            Some(of) if *of == phase => self.wave_of[index],
            Some(_) => NEVER,
            None => {
                let waves = &self.of_knot[index - self.phases.len()][phase];
                waves.first_key_value().map_or(NEVER, |(wave, _)| *wave)
            }
        }
    }

    /// Tells the knots before a change that it has moved.
    fn moved(&mut self, index: usize, phase: usize, from: usize, to: usize) {
        let mut todo = vec![(index, from, to)];
        while let Some((index, from, to)) = todo.pop() {
            for &knot in &self.graph.before[index] {
                let Some(number) = knot.checked_sub(self.phases.len()) else {
                    continue;
                };
                let waves = &mut self.of_knot[number][phase];
                let first = |waves: &BTreeMap<usize, usize>| {
                    *waves.first_key_value().expect("what has moved").0
                };
                let before = first(waves);
                *waves.entry(to).or_default() += 1;
                let left = waves.get_mut(&from).expect("it was there");
                *left -= 1;
                if *left == 0 {
                    waves.remove(&from);
                }
                let now = first(waves);
                if now != before {
                    todo.push((knot, before, now));
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
