//! The order of changes in which no moment opens a hole or cuts a path.
//!
//! The groups of a network are ordered together, because one network interface may sit in several of them and its verdicts come from
//! the union of their rules. Which of two changes must come first follows from three sentences about any packet:
//!
//! - E1: a new rule goes in before the weaker new rules that say the opposite;
//! - E2: an old rule goes out before the stronger old rules that say the opposite;
//! - E3: a new rule goes in before an old rule that says the same goes out.
//!
//! "Some packet" is judged pair by pair and on the safe side ([`may_overlap`](crate::traffic::may_overlap)): more order than needed is never
//! less safe. In every state that obeys the three, a packet that is admitted before and after is admitted, one that is refused before and
//! after is refused: its old or its new winner is there, and whatever says the opposite is weaker than the one that is.
//!
//! A modify is an add and a delete in one moment. That its two rules are never there together lets some sentences go (each with its
//! reason in [`sentences`]) and may make others contradict: then it is taken apart.
//!
//! A modify that only changes the priority must stay whole, since the cloud may take the two rules for one. Such modifies, adds and deletes
//! never contradict each other. Put adds and what becomes stronger first, the strongest new rule before the others; then deletes and what becomes
//! weaker, the weakest old rule before the others, of equal ones that with the stronger new rule. All that is asked agrees with it: E1 asks
//! something only of what comes or becomes stronger than the other, E2 and E3 only of what goes or becomes weaker. So a circle has a modify
//! to take apart, or is one of turns, which have an order of their own, with what other groups do.
//!
//! | part | what it does |
//! | --- | --- |
//! | [`sentences`] | the three sentences about one pair of changes |
//! | [`bounds`], [`bundles`] | which pairs there are to ask about, without a look at each |
//! | [`graph`] | what must precede what in one network |
//! | [`circles`] | contradictions, and what to take apart |
//! | [`waves`] | what is sent when |

mod bounds;
mod bundles;
mod circles;
mod graph;
mod sentences;
#[cfg(test)]
mod tests;
mod waves;

use std::collections::BTreeMap;

use super::{ChangeKind, exact::Pairs};
use crate::model::Rule;
use graph::Graph;
use sentences::{Sentence, Sides};

pub use bundles::Bundle;

/// Whether `first` must have happened before `then` may. For two changes of groups in one network.
pub fn must_precede(first: &ChangeKind, then: &ChangeKind) -> bool {
    let (a, b) = (Sides::of(first), Sides::of(then));
    [Sentence::E1, Sentence::E2, Sentence::E3]
        .iter()
        .any(|sentence| sentence.asks(&a, &b))
}

/// Which of the first rules may overlap with which of the second, whatever they say, without a look at every pair.
pub fn overlapping(first: &[&Rule], second: &[&Rule]) -> Vec<Bundle> {
    let boxes =
        |rules: &[&Rule]| -> Vec<_> { rules.iter().copied().map(bounds::matched).collect() };
    bundles::bundles(&boxes(first), &boxes(second), &mut 0)
}

/// The waves of a network's changes, or the changes that contradict each other.
#[derive(Debug, PartialEq, Eq)]
pub enum Order {
    /// The wave of each change, from 0; changes of one wave may be made in any order and side by side.
    Waves(Vec<usize>),
    /// Circles of changes each of which must precede the next.
    Circular {
        /// Modifies that may be taken apart, by index; without them the circles that have any are none.
        split: Vec<usize>,
        /// Circles without such a modify, by index; each has a change that has a turn.
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
    let graph = Graph::new(nodes, known);
    let (split, whole) = graph.split();
    if split.is_empty() && whole.is_empty() {
        return Order::Waves(graph.waves());
    }
    Order::Circular { split, whole }
}
