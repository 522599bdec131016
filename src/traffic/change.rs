//! The space of a change: the rules before and after in one atlas, so that it is cut once for every question about what was, what will be
//! and what is in between.

use std::collections::BTreeSet;

use super::{clause::Resolve, may_overlap, memberships::Memberships, space::Space};
use crate::model::{Policy, Rule};

/// Packet space cut for questions about two states and those between: by the rules that change (`touched`) and those of `old` that meet one
/// of them, in the worlds that tell three states (before, between, after) apart. `false`: these were too many, and only those of two
/// rules each are looked at.
pub fn changing_space<'a>(
    old: impl IntoIterator<Item = &'a Rule>,
    touched: &[&'a Rule],
    default: Policy,
    resolve: &Resolve<'_>,
) -> (Space<'a>, bool) {
    let (rules, memberships) = involved(old, touched, resolve);
    let (worlds, all) = memberships.of_three();
    (Space::new(rules, default, resolve, |_| worlds), all)
}

/// As [`changing_space`], where only the two states before and after are compared.
pub fn comparing_space<'a>(
    old: impl IntoIterator<Item = &'a Rule>,
    touched: &[&'a Rule],
    default: Policy,
    resolve: &Resolve<'_>,
) -> Space<'a> {
    let (rules, memberships) = involved(old, touched, resolve);
    Space::new(rules, default, resolve, |_| memberships.of_two())
}

/// A rule that meets none of those that change decides nothing about the change.
fn involved<'a>(
    old: impl IntoIterator<Item = &'a Rule>,
    touched: &[&'a Rule],
    resolve: &Resolve<'_>,
) -> (Vec<&'a Rule>, Memberships) {
    let matters = |rule: &&Rule| touched.iter().any(|other| may_overlap(rule, other));
    let mut rules: Vec<&Rule> = old.into_iter().filter(matters).collect();
    let differ: BTreeSet<_> = touched.iter().map(|rule| rule.identity()).collect();
    let stay = rules
        .iter()
        .filter(|rule| !differ.contains(&rule.identity()));
    let memberships = Memberships::new(stay.copied(), touched.iter().copied(), resolve);
    rules.extend(touched);
    (rules, memberships)
}
