//! What becomes of packets over a course: before, after, and in the worst part of every wave; and of how many addresses at once.

use std::collections::BTreeMap;

use super::{Allowance, Claim, evaluate::Course};
use crate::{
    model::{Policy, Rule},
    traffic::{
        atlas::{Diagram, Dimension, Node, NodeId, World},
        bits::Bits,
        certificate::Worst,
        clause::{Family, Symbol},
        space::Space,
    },
};

/// Most modifies of a wave of which every choice is looked at where addresses are counted.
const MANY_CHOICES: usize = 4;

/// What a claim would say of packets, were they meant by it.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    /// Fine in every state.
    Holds,
    /// Fine before and after, bad in some part of a wave.
    Passes { wave: usize },
    /// Bad after.
    Begins,
    /// Bad before and after.
    Stays,
    /// Bad before.
    Ends,
}

/// A wave of a course: the state before it, the places of the rules that go and come, and the worst that packets meet in it which are
/// fine before it and after the last.
pub struct Wave {
    start: Bits,
    steps: Vec<(Option<usize>, Option<usize>)>,
    pub worst: Worst,
}

/// The states of a course, for one claim.
pub struct States {
    pub after: Bits,
    pub waves: Vec<Wave>,
    /// By signature.
    pub fates: Vec<Fate>,
}

/// Which states go beyond an allowance.
#[derive(Clone)]
pub struct Counts {
    pub before: bool,
    pub after: bool,
    pub ever: bool,
    /// Where neither end does, the first wave in which some state does, and by signature what is bad in that state.
    pub between: Option<(usize, Vec<bool>)>,
}

impl States {
    /// Places the rules of a course, and says of every signature what becomes of its packets.
    pub fn new(space: &Space<'_>, course: &Course<'_>, claim: Claim) -> Self {
        let place = |rule: Option<&Rule>| rule.and_then(|rule| space.index_of(rule));
        // The cloud may hold the same rule under two ids; it is there until both are gone.
        let mut held = vec![0usize; space.rules.len()];
        for index in course.old.iter().filter_map(|rule| place(Some(rule))) {
            held[index] += 1;
        }
        let state_of = |held: &[usize]| {
            let mut state = space.state([]);
            (0..held.len())
                .filter(|&index| held[index] > 0)
                .for_each(|index| state.insert(index));
            state
        };
        let before = state_of(&held);
        let mut waves = Vec::with_capacity(course.waves.len());
        for wave in &course.waves {
            let steps: Vec<(Option<usize>, Option<usize>)> = wave
                .iter()
                .map(|step| (place(step.gone), place(step.come)))
                .collect();
            let start = state_of(&held);
            let mut least = held.clone();
            for gone in steps.iter().filter_map(|(gone, _)| *gone) {
                least[gone] = least[gone].saturating_sub(1);
            }
            for &(gone, come) in &steps {
                if let Some(gone) = gone {
                    held[gone] = held[gone].saturating_sub(1);
                }
                if let Some(come) = come {
                    held[come] += 1;
                }
            }
            // What is there whatever part of the wave has taken effect does not vary.
            let varies = |index: &usize| least[*index] == 0;
            let steps: Vec<(Option<usize>, Option<usize>)> = steps
                .into_iter()
                .map(|(gone, come)| (gone.filter(varies), come.filter(varies)))
                .filter(|step| *step != (None, None))
                .collect();
            let opposes = |index: usize| space.clauses[index].policy != verdicts(claim).0;
            let worst = Worst::new(&start, &steps, opposes);
            waves.push(Wave {
                start,
                steps,
                worst,
            });
        }
        let mut states = Self {
            after: state_of(&held),
            waves,
            fates: Vec::new(),
        };
        let signatures = &space.atlas.signatures;
        states.fates = signatures
            .iter()
            .map(|signature| states.fate(space, signature, &before, claim))
            .collect();
        states
    }

    fn fate(&self, space: &Space<'_>, signature: &Bits, before: &Bits, claim: Claim) -> Fate {
        let (_, bad) = verdicts(claim);
        let is_bad = |state: &Bits| space.verdict(signature, state) == bad;
        match (is_bad(before), is_bad(&self.after)) {
            (true, true) => Fate::Stays,
            (false, true) => Fate::Begins,
            (true, false) => Fate::Ends,
            (false, false) => (0..self.waves.len())
                .filter(|&wave| !self.waves[wave].steps.is_empty())
                .find(|&wave| self.waves[wave].is_bad(space, signature, claim))
                .map_or(Fate::Holds, |wave| Fate::Passes { wave }),
        }
    }

    /// Which states violate a claim about the packets that are meant by more addresses than are overlooked.
    pub fn counts(
        &self,
        space: &Space<'_>,
        means: impl Fn(&Bits) -> bool,
        claim: Claim,
        allowance: Allowance,
    ) -> Counts {
        let signatures = &space.atlas.signatures;
        let too_many = |bad: &[bool]| {
            if !bad.contains(&true) {
                return false;
            }
            let diagram = space.atlas.relabel_as(bad);
            // An address counts once, through whichever unread port lists it comes: it is of all of those worlds at once.
            let mut worlds: BTreeMap<(World, Family), Vec<NodeId>> = BTreeMap::new();
            for (world, family, root) in &diagram.roots {
                let mut of_peers = world.clone();
                of_peers.retain(|symbol| !matches!(symbol, Symbol::PortList(_)));
                worlds.entry((of_peers, *family)).or_default().push(*root);
            }
            worlds.into_iter().any(|((_, family), roots)| {
                let most = match family {
                    Family::V4 => allowance.v4,
                    Family::V6 => allowance.v6,
                };
                match &roots[..] {
                    [root] => addresses(&diagram, *root, family) > most,
                    _ => {
                        let (any, roots) = diagram.product(&[roots], |bad| bad.contains(&true));
                        addresses(&any, roots[0], family) > most
                    }
                }
            })
        };
        let exceeds = |is_bad: &dyn Fn(Fate) -> bool| {
            let bad: Vec<bool> = signatures
                .iter()
                .zip(&self.fates)
                .map(|(signature, fate)| is_bad(*fate) && means(signature))
                .collect();
            too_many(&bad)
        };
        let before = exceeds(&|fate| matches!(fate, Fate::Stays | Fate::Ends));
        let after = exceeds(&|fate| matches!(fate, Fate::Stays | Fate::Begins));
        let between = || {
            (0..self.waves.len()).find_map(|wave| {
                self.fullest(space, wave, claim)
                    .into_iter()
                    .map(|mut bad| {
                        for (bad, signature) in bad.iter_mut().zip(signatures) {
                            *bad = *bad && means(signature);
                        }
                        bad
                    })
                    .find(|bad| too_many(bad))
                    .map(|bad| (wave, bad))
            })
        };
        Counts {
            before,
            after,
            between: if before || after { None } else { between() },
            // What is bad in some state, as if it were so at once.
            ever: exceeds(&|fate| matches!(fate, Fate::Stays | Fate::Begins | Fate::Passes { .. })),
        }
    }

    /// What is bad, by signature, in those parts of a wave in which most is. Adds and deletes have one part that is worst for all packets; a
    /// modify that leaves the verdict has one or the other rule, so each such choice is a part of its own. Where they are many, every packet
    /// counts in the part that is worst for itself.
    fn fullest(&self, space: &Space<'_>, wave: usize, claim: Claim) -> Vec<Vec<bool>> {
        let Wave { start, steps, .. } = &self.waves[wave];
        if steps.is_empty() {
            return Vec::new();
        }
        let (good, bad) = verdicts(claim);
        let signatures = &space.atlas.signatures;
        let policy = |index: usize| space.clauses[index].policy;
        // A rule that several steps take or bring is there as long as one of them leaves it or brings it.
        let mut state = start.clone();
        let taken = steps.iter().filter_map(|(gone, _)| *gone);
        taken.for_each(|index| state.remove(index));
        let mut open: Vec<(usize, usize)> = Vec::new();
        for &(gone, come) in steps {
            let there = match (gone, come) {
                (Some(gone), Some(come)) if policy(gone) == policy(come) => {
                    open.push((gone, come));
                    None
                }
                (gone, Some(come)) if policy(come) == good => gone,
                (_, Some(come)) => Some(come),
                (Some(gone), None) if policy(gone) == good => None,
                (gone, None) => gone,
            };
            there.into_iter().for_each(|index| state.insert(index));
        }
        if open.len() > MANY_CHOICES {
            let is_bad = |signature: &Bits| self.waves[wave].is_bad(space, signature, claim);
            return vec![signatures.iter().map(is_bad).collect()];
        }
        (0..1usize << open.len())
            .map(|choice| {
                let mut state = state.clone();
                for (number, &(gone, come)) in open.iter().enumerate() {
                    let is_done = choice & (1 << number) != 0;
                    state.insert(if is_done { come } else { gone });
                }
                let is_bad = |signature: &Bits| space.verdict(signature, &state) == bad;
                signatures.iter().map(is_bad).collect()
            })
            .collect()
    }
}

impl Wave {
    /// Whether some part of the wave does to the packets of a signature what a claim forbids.
    fn is_bad(&self, space: &Space<'_>, signature: &Bits, claim: Claim) -> bool {
        space.clauses[self.worst.winner(signature)].policy == verdicts(claim).1
    }
}

/// The verdict that a claim asks for, and the other.
fn verdicts(claim: Claim) -> (Policy, Policy) {
    match claim {
        Claim::Forbid => (Policy::Drop, Policy::Accept),
        Claim::Require => (Policy::Accept, Policy::Drop),
    }
}

/// How many addresses have some packet below a root that is labelled so.
fn addresses(diagram: &Diagram<bool>, root: NodeId, family: Family) -> u128 {
    let holds = |node: NodeId| *diagram.node(node) != Node::Leaf(false);
    match diagram.node(root) {
        Node::Cut(Dimension::Peer, pieces) => {
            let mut first = 0;
            let mut sum: u128 = 0;
            for &(last, child) in pieces {
                if holds(child) {
                    sum = sum.saturating_add((last - first).saturating_add(1));
                }
                first = last.wrapping_add(1);
            }
            sum
        }
        _ if holds(root) => family.last_address().saturating_add(1),
        _ => 0,
    }
}
