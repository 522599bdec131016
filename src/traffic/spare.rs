//! Rules that a group could do without.

use super::{clause::Resolve, memberships::Memberships, space::Space};
use crate::model::{Policy, Rule};

/// Candidates that can all be removed together without any packet's verdict changing in any of the states, each a set of rules of one
/// direction and network interface that holds the candidates. The weakest go first.
pub fn spare<'a>(
    states: &[Vec<&'a Rule>],
    candidates: &[&'a Rule],
    default: Policy,
    resolve: &Resolve<'_>,
) -> Vec<&'a Rule> {
    let all = || states.iter().flatten().copied();
    // Without a rule the verdict differs only where that rule won.
    let worlds = Memberships::new(all(), candidates.iter().copied(), resolve).of_two();
    let space = Space::new(all(), default, resolve, |_| worlds);
    let mut states: Vec<_> = states
        .iter()
        .map(|rules| space.state(rules.iter().copied()))
        .collect();
    let mut candidates: Vec<(usize, &'a Rule)> = candidates
        .iter()
        .filter_map(|rule| Some((space.index_of(rule)?, *rule)))
        .collect();
    candidates.sort_by_key(|(index, _)| std::cmp::Reverse(*index));
    candidates.retain(|&(index, _)| {
        let without: Vec<_> = states
            .iter()
            .map(|state| {
                let mut without = state.clone();
                without.remove(index);
                without
            })
            .collect();
        let same = space.atlas.signatures.iter().all(|signature| {
            !signature.contains(index)
                || states.iter().zip(&without).all(|(with, without)| {
                    space.verdict(signature, with) == space.verdict(signature, without)
                })
        });
        if same {
            states = without;
        }
        same
    });
    candidates.into_iter().map(|(_, rule)| rule).collect()
}
