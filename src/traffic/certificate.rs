//! The certificate of a schedule: every state that applying it may pass through, replayed on signatures.
//!
//! A packet whose verdict is the same before and after must have that verdict in every state between, whatever part of a wave has taken
//! effect. For each signature a wave's worst part can be told at once: what says the opposite has come and not gone, what says the
//! same has gone and not come; of a modify, whichever of its two rules is worse. So the check is exact, and linear in waves times signatures.

use std::collections::BTreeSet;

use super::{
    bits::Bits,
    clause::Resolve,
    may_overlap,
    memberships::Memberships,
    space::Space,
    speak::{Statement, speak},
};
use crate::model::{Policy, Rule};

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
    let touched: Vec<&Rule> = waves
        .iter()
        .flatten()
        .flat_map(|step| [step.gone, step.come])
        .flatten()
        .collect();
    if touched.is_empty() {
        return Vec::new();
    }
    let (space, _) = changing_space(old.iter().copied(), &touched, default, resolve);
    let place = |rule: Option<&Rule>| rule.and_then(|rule| space.index_of(rule));
    // Two groups of one interface may hold the same rule; it is there until both have let it go.
    let mut held = vec![0usize; space.rules.len()];
    for index in old.iter().filter_map(|rule| space.index_of(rule)) {
        held[index] += 1;
    }
    let apply = |held: &mut Vec<usize>, step: &Move<'_>| {
        if let Some(gone) = place(step.gone) {
            held[gone] = held[gone].saturating_sub(1);
        }
        if let Some(come) = place(step.come) {
            held[come] += 1;
        }
    };
    let state_of = |held: &[usize]| {
        let mut state = space.state([]);
        (0..held.len())
            .filter(|&index| held[index] > 0)
            .for_each(|index| state.insert(index));
        state
    };
    let before = state_of(&held);
    let mut end = held.clone();
    for step in waves.iter().flatten() {
        apply(&mut end, step);
    }
    let after = state_of(&end);
    let policies: Vec<Policy> = space.clauses.iter().map(|clause| clause.policy).collect();
    let mut transients = Vec::new();
    for (number, wave) in waves.iter().enumerate() {
        let state = state_of(&held);
        let mut least = held.clone();
        for gone in wave.iter().filter_map(|step| place(step.gone)) {
            least[gone] = least[gone].saturating_sub(1);
        }
        let varies = |index: &usize| least[*index] == 0;
        let steps: Vec<(Option<usize>, Option<usize>)> = wave
            .iter()
            .map(|step| {
                (
                    place(step.gone).filter(varies),
                    place(step.come).filter(varies),
                )
            })
            .collect();
        let broken = |signature: &Bits| -> Option<bool> {
            let verdict = space.verdict(signature, &before);
            if verdict != space.verdict(signature, &after) {
                return None;
            }
            let worst = worst_part(&policies, signature, &state, &steps, verdict);
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
        wave.iter().for_each(|step| apply(&mut held, step));
    }
    transients
}

/// Packet space cut for questions about states between two: by the rules that change and those that meet one of them, in the worlds that
/// tell three states (before, between, after) apart. `false`: these were too many, and only those of two rules each are looked at.
pub fn changing_space<'a>(
    old: impl IntoIterator<Item = &'a Rule>,
    touched: &[&'a Rule],
    default: Policy,
    resolve: &Resolve<'_>,
) -> (Space<'a>, bool) {
    let matters = |rule: &&Rule| touched.iter().any(|other| may_overlap(rule, other));
    let old: Vec<&Rule> = old.into_iter().filter(matters).collect();
    let differ: BTreeSet<_> = touched.iter().map(|rule| rule.identity()).collect();
    let stay = old.iter().filter(|rule| !differ.contains(&rule.identity()));
    let memberships = Memberships::new(stay.copied(), touched.iter().copied(), resolve);
    let (worlds, all) = memberships.of_three();
    let rules = old.into_iter().chain(touched.iter().copied());
    (Space::new(rules, default, resolve, |_| worlds), all)
}

/// As [`worst_part`], of the rules of a space.
pub(crate) fn worst_state(
    space: &Space<'_>,
    signature: &Bits,
    state: &Bits,
    steps: &[(Option<usize>, Option<usize>)],
    verdict: Policy,
) -> Bits {
    worst(signature, state, steps, |index| {
        space.clauses[index].policy != verdict
    })
}

/// The part of a wave that is worst for packets of a signature that should have a verdict.
pub fn worst_part(
    policies: &[Policy],
    signature: &Bits,
    state: &Bits,
    steps: &[(Option<usize>, Option<usize>)],
    verdict: Policy,
) -> Bits {
    worst(signature, state, steps, |index| policies[index] != verdict)
}

fn worst(
    signature: &Bits,
    state: &Bits,
    steps: &[(Option<usize>, Option<usize>)],
    opposes: impl Fn(usize) -> bool,
) -> Bits {
    let mut worst = state.clone();
    let matching = |index: Option<usize>| index.filter(|&index| signature.contains(index));
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
