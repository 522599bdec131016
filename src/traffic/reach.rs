//! Who may use services: every peer that is admitted, exactly.

use super::{
    clause::{Clause, Resolve},
    memberships::Memberships,
    space::Space,
    speak::{Statement, speak},
};
use crate::model::{Policy, Rule};

/// The part of `questions` (their peers, services and own addresses; rank and policy do not count) that rules admit, or with `Policy::Drop`
/// refuse.
pub fn reach(
    rules: &[&Rule],
    questions: &[Clause],
    wanted: Policy,
    default: Policy,
    resolve: &Resolve<'_>,
) -> Vec<Statement> {
    // Compared with no rules at all, every rule differs.
    let memberships = Memberships::new([], rules.iter().copied(), resolve);
    let space = Space::asking_all(
        rules.iter().copied(),
        default,
        resolve,
        questions.to_vec(),
        |_| memberships.of_two(),
    );
    let state = space.state(rules.iter().copied());
    let labels = space.atlas.relabel(|signature| {
        let mut asked = space.questions.iter();
        asked.any(|asked| signature.contains(*asked)) && space.verdict(signature, &state) == wanted
    });
    speak(&labels, |label| *label)
}
