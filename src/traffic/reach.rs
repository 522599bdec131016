//! Who may use a service: every peer that is admitted, exactly.

use super::{
    atlas::worlds,
    clause::{Clause, Resolve},
    space::Space,
    speak::{Statement, speak},
};
use crate::model::{Policy, Rule};

/// The part of `question` (its peers, services and own addresses; rank and policy do not count) that rules admit, or with `Policy::Drop`
/// refuse.
pub fn reach(
    rules: &[&Rule],
    question: &Clause,
    wanted: Policy,
    default: Policy,
    resolve: &Resolve<'_>,
) -> Vec<Statement> {
    let space = Space::asking(
        rules.iter().copied(),
        default,
        resolve,
        question.clone(),
        |symbols| worlds(symbols, 2),
    );
    let state = space.state(rules.iter().copied());
    let asked = space.question.expect("it was asked");
    let labels = space.atlas.relabel(|signature| {
        signature.contains(asked) && space.verdict(signature, &state) == wanted
    });
    speak(&labels, |label| *label)
}
