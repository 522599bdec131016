//! The certificate of a schedule: every state that applying it may pass through, replayed on signatures.
//!
//! A packet whose verdict is the same before and after must have that verdict in every state between, whatever part of a wave has taken
//! effect. For each signature a wave's worst part can be told at once: what says the opposite has come and not gone, what says the
//! same has gone and not come; of a modify, whichever of its two rules is worse. So the check is exact, and linear in waves times signatures.

use std::collections::BTreeSet;

use super::{
    atlas::{World, worlds},
    bits::Bits,
    clause::{Clause, Resolve, Symbol},
    may_overlap,
    space::Space,
    speak::{Statement, speak},
};
use crate::model::{Policy, Rule};

/// Most sets of memberships that are looked at with three members; beyond, pairs only.
const MANY_WORLDS: usize = 2_000;

/// One change of a group's rules; both rules for a modify.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Move<'a> {
    /// The rule that goes.
    pub gone: Option<&'a Rule>,
    /// The rule that comes.
    pub come: Option<&'a Rule>,
}

/// Traffic that for a while is not what it is before and after.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Transient {
    /// The wave in which it may happen, from 0.
    pub wave: usize,
    /// `true`: refused before and after, admitted meanwhile; `false`: admitted before and after, cut meanwhile.
    pub opens: bool,
    /// Which traffic.
    pub traffic: Vec<Statement>,
}

/// Replays waves of changes from a set of rules, of one direction and network interface, and returns what goes wrong: nothing, if the
/// schedule is safe at every step.
pub fn replay(
    old: &[&Rule],
    waves: &[Vec<Move<'_>>],
    default: Policy,
    resolve: &Resolve<'_>,
) -> Vec<Transient> {
    let moves = || waves.iter().flatten();
    let touched: Vec<&Rule> = moves()
        .flat_map(|step| [step.gone, step.come])
        .flatten()
        .collect();
    if touched.is_empty() {
        return Vec::new();
    }
    let changed_symbols: BTreeSet<Symbol> = touched
        .iter()
        .filter_map(|rule| Clause::of(rule, resolve).symbol().cloned())
        .collect();
    let matters = |rule: &&Rule| touched.iter().any(|other| may_overlap(rule, other));
    let needed = |symbols: &[Symbol]| -> Vec<World> {
        // Three sets of rules (before, between, after) have three winners, so three memberships at most tell them apart.
        let differs = |world: &World| {
            world.len() < 2 || world.iter().any(|symbol| changed_symbols.contains(symbol))
        };
        let triples = worlds(symbols, if symbols.len() > 24 { 2 } else { 3 });
        let few = triples.len() <= MANY_WORLDS;
        triples
            .into_iter()
            .filter(|world| differs(world) && (few || world.len() < 3))
            .collect()
    };
    let rules = old
        .iter()
        .copied()
        .filter(matters)
        .chain(touched.iter().copied());
    let space = Space::new(rules, default, resolve, needed);
    let place = |rule: Option<&Rule>| rule.and_then(|rule| space.index_of(rule));
    let mut state = space.state(old.iter().copied());
    let before = state.clone();
    let mut after = state.clone();
    for step in moves() {
        place(step.gone)
            .into_iter()
            .for_each(|index| after.remove(index));
        place(step.come)
            .into_iter()
            .for_each(|index| after.insert(index));
    }
    let mut transients = Vec::new();
    for (number, wave) in waves.iter().enumerate() {
        let steps: Vec<(Option<usize>, Option<usize>)> = wave
            .iter()
            .map(|step| (place(step.gone), place(step.come)))
            .collect();
        let broken = |signature: &Bits| -> Option<bool> {
            let verdict = space.verdict(signature, &before);
            if verdict != space.verdict(signature, &after) {
                return None;
            }
            let worst = worst_state(&space, signature, &state, &steps, verdict);
            (space.verdict(signature, &worst) != verdict).then_some(verdict == Policy::Drop)
        };
        let found: BTreeSet<bool> = space.atlas.signatures.iter().filter_map(broken).collect();
        if !found.is_empty() {
            let labels = space.atlas.relabel(broken);
            for opens in found {
                let traffic = speak(&labels, |label| *label == Some(opens));
                transients.push(Transient {
                    wave: number,
                    opens,
                    traffic,
                });
            }
        }
        for (gone, come) in steps {
            gone.into_iter().for_each(|index| state.remove(index));
            come.into_iter().for_each(|index| state.insert(index));
        }
    }
    transients
}

/// The part of a wave that is worst for packets of a signature that should have a verdict.
pub(crate) fn worst_state(
    space: &Space<'_>,
    signature: &Bits,
    state: &Bits,
    steps: &[(Option<usize>, Option<usize>)],
    verdict: Policy,
) -> Bits {
    let mut worst = state.clone();
    let matching = |index: Option<usize>| index.filter(|&index| signature.contains(index));
    let opposes = |index: usize| space.clauses[index].policy != verdict;
    for &(gone, come) in steps {
        // Index is rank: the smaller, the stronger.
        let done = match (matching(gone), matching(come)) {
            (None, None) => false,
            (Some(gone), None) => !opposes(gone),
            (None, Some(come)) => opposes(come),
            (Some(gone), Some(come)) => match (opposes(gone), opposes(come)) {
                (false, true) => true,
                (true, false) => false,
                (true, true) => come < gone,
                (false, false) => come > gone,
            },
        };
        if done {
            gone.into_iter().for_each(|index| worst.remove(index));
            come.into_iter().for_each(|index| worst.insert(index));
        }
    }
    worst
}
