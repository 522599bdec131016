//! The certificate of a schedule: every state that applying it may pass through, replayed on signatures.
//!
//! A packet whose verdict is the same before and after must have that verdict in every state between, whatever part of a wave has taken
//! effect. A wave's worst part can be told at once ([`Worst`]): what says the opposite has come and not gone, what says the same has gone
//! and not come. So the check is exact, and linear in waves times signatures.

use std::collections::BTreeSet;

pub use super::change::changing_space;
use super::{
    bits::Bits,
    clause::Resolve,
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
    let touched = touched(waves);
    if touched.is_empty() {
        return Vec::new();
    }
    let (space, _) = changing_space(old.iter().copied(), &touched, default, resolve);
    replay_in(&space, old, waves)
}

/// The rules that waves take and bring.
pub fn touched<'a>(waves: &[Vec<Move<'a>>]) -> Vec<&'a Rule> {
    let steps = waves.iter().flatten();
    steps
        .flat_map(|step| [step.gone, step.come])
        .flatten()
        .collect()
}

/// As [`replay`], in a space that was made of the same change ([`changing_space`]).
pub fn replay_in(space: &Space<'_>, old: &[&Rule], waves: &[Vec<Move<'_>>]) -> Vec<Transient> {
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
    // What happens to a packet whose verdict changes is the difference, and what it is meanwhile nobody can object to.
    let mut steady: Vec<Steady<'_>> = space
        .atlas
        .signatures
        .iter()
        .enumerate()
        .filter_map(|(id, signature)| {
            let winner = space.winner(signature, &before);
            let verdict = space.clauses[winner].policy;
            (verdict == space.verdict(signature, &after)).then_some(Steady {
                id,
                signature,
                verdict,
                winner,
            })
        })
        .collect();
    let mut transients = Vec::new();
    let mut state = before;
    for (number, wave) in waves.iter().enumerate() {
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
        let mut touched = Bits::new(space.rules.len());
        let both = steps.iter().flat_map(|&(gone, come)| [gone, come]);
        both.flatten().for_each(|index| touched.insert(index));
        let [drop, accept] = [Policy::Drop, Policy::Accept].map(|verdict| {
            Worst::new(&state, &steps, |index| {
                space.clauses[index].policy != verdict
            })
        });
        wave.iter().for_each(|step| apply(&mut held, step));
        state = state_of(&held);
        let mut broken: Vec<(usize, bool)> = Vec::new();
        for steady in &mut steady {
            let Steady {
                id,
                signature,
                verdict,
                winner,
            } = *steady;
            let is_right = |winner: usize| space.clauses[winner].policy == verdict;
            // A wave of weaker rules changes nothing.
            let strongest = || signature.first_common(&touched);
            if is_right(winner) && strongest().is_none_or(|strongest| winner < strongest) {
                continue;
            }
            let worst = match verdict {
                Policy::Drop => &drop,
                Policy::Accept => &accept,
            };
            if !is_right(worst.winner(signature)) {
                broken.push((id, verdict == Policy::Drop));
            }
            steady.winner = space.winner(signature, &state);
        }
        let found: BTreeSet<bool> = broken.iter().map(|(_, opens)| *opens).collect();
        if !found.is_empty() {
            let mut labels = vec![None; space.atlas.signatures.len()];
            for (id, opens) in broken {
                labels[id] = Some(opens);
            }
            let labels = space.atlas.relabel_as(&labels);
            for opens in found {
                let traffic = speak(&labels, |label| *label == Some(opens));
                transients.push(Transient {
                    wave: number,
                    opens,
                    traffic,
                });
            }
        }
    }
    transients
}

/// Packets that fare the same before and after.
#[derive(Clone, Copy)]
struct Steady<'a> {
    /// The signature, by its place and itself.
    id: usize,
    signature: &'a Bits,
    verdict: Policy,
    /// Which rule decides when the next wave begins.
    winner: usize,
}

/// What a wave does to the rules of a space: of each of its changes the place of the rule that goes and of the one that comes.
pub type Steps = [(Option<usize>, Option<usize>)];

/// The worst that packets may meet in some part of a wave if they should have one verdict; the same for all of them, whichever rules
/// match: what says the opposite is there, what says the same is not, except that of two such rules that one modify changes into each
/// other one is always there, and where both match the weaker one can be counted on.
///
/// One part of the wave is as bad as that for a packet: of each change by itself the worse half. A rule may be in several changes, of two
/// groups that one interface is in; then it is there as long as one of them leaves it or brings it, and that one has chosen it as the
/// worse of its own two.
#[derive(Clone, Debug)]
pub struct Worst {
    state: Bits,
    /// Pairs of which one rule is always there.
    pairs: Vec<(usize, usize)>,
}

impl Worst {
    /// Of a wave that begins in a state, for the verdict that some rules oppose. What is there whatever part of the wave has taken effect
    /// must not be among the steps.
    pub fn new(start: &Bits, steps: &Steps, opposes: impl Fn(usize) -> bool) -> Self {
        let mut state = start.clone();
        let mut pairs = Vec::new();
        for &(gone, come) in steps {
            for index in [gone, come].into_iter().flatten() {
                if opposes(index) {
                    state.insert(index);
                } else {
                    state.remove(index);
                }
            }
            if let (Some(gone), Some(come)) = (gone, come)
                && !opposes(gone)
                && !opposes(come)
            {
                pairs.push((gone, come));
            }
        }
        Self { state, pairs }
    }

    /// Which rule decides about the packets of a signature, if it is one that opposes; else one that does not.
    pub fn winner(&self, signature: &Bits) -> usize {
        let first = signature
            .first_common(&self.state)
            .expect("the default matches everything");
        // Index is rank: the smaller, the stronger.
        self.pairs
            .iter()
            .filter(|(gone, come)| signature.contains(*gone) && signature.contains(*come))
            .map(|&(gone, come)| gone.max(come))
            .fold(first, usize::min)
    }
}

/// The state in which the packets of a signature that should have a verdict are worst off, in some part of a wave.
pub fn worst_part(
    policies: &[Policy],
    signature: &Bits,
    start: &Bits,
    steps: &Steps,
    verdict: Policy,
) -> Bits {
    let worst = Worst::new(start, steps, |index| policies[index] != verdict);
    let winner = worst.winner(signature);
    let mut state = worst.state;
    state.insert(winner);
    state
}
