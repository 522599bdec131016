//! The space of a change: the rules before and after in one atlas, so that it is cut once for every question about what was, what will be
//! and what is in between.

use std::collections::BTreeSet;

use super::{
    atlas::{World, worlds},
    clause::{Clause, Resolve, Symbol},
    may_overlap,
    space::Space,
};
use crate::model::{Policy, Rule};

/// Most sets of memberships that are looked at with three members; beyond, pairs only.
const MANY_WORLDS: usize = 2_000;

/// Packet space cut for questions about two states and those between: by the rules that change (`touched`) and those of `old` that meet one
/// of them, in the worlds that tell three states (before, between, after) apart.
pub fn changing_space<'a>(
    old: impl IntoIterator<Item = &'a Rule>,
    touched: &[&'a Rule],
    default: Policy,
    resolve: &Resolve<'_>,
) -> Space<'a> {
    of_states(3, old, touched, default, resolve)
}

/// As [`changing_space`], where only the two states before and after are compared.
pub fn comparing_space<'a>(
    old: impl IntoIterator<Item = &'a Rule>,
    touched: &[&'a Rule],
    default: Policy,
    resolve: &Resolve<'_>,
) -> Space<'a> {
    of_states(2, old, touched, default, resolve)
}

fn of_states<'a>(
    states: usize,
    old: impl IntoIterator<Item = &'a Rule>,
    touched: &[&'a Rule],
    default: Policy,
    resolve: &Resolve<'_>,
) -> Space<'a> {
    let changed: BTreeSet<Symbol> = touched
        .iter()
        .filter_map(|rule| Clause::of(rule, resolve).symbol().cloned())
        .collect();
    let matters = |rule: &&Rule| touched.iter().any(|other| may_overlap(rule, other));
    let rules = old
        .into_iter()
        .filter(matters)
        .chain(touched.iter().copied());
    Space::new(rules, default, resolve, |symbols| {
        let all = worlds_of_change(symbols, &changed, states);
        if all.len() <= MANY_WORLDS {
            all
        } else {
            worlds_of_change(symbols, &changed, states.min(2))
        }
    })
}

/// The memberships that tell states of a change apart: those of the rules that decide in each. All but one of these change. Where two
/// states differ one of the two changes, and where a state between differs from both ends, two of the three do: if the rule that
/// decides before or the one that decides after stays, what decides between is stronger than it, so it is of the other end alone, and
/// what decides there is not there yet, or no more.
fn worlds_of_change(symbols: &[Symbol], changed: &BTreeSet<Symbol>, states: usize) -> Vec<World> {
    let (own, others): (Vec<Symbol>, Vec<Symbol>) = symbols
        .iter()
        .cloned()
        .partition(|symbol| changed.contains(symbol));
    let states = if own.len() > 24 {
        states.min(2)
    } else {
        states
    };
    let mut all = Vec::new();
    for world in worlds(&own, states) {
        if world.len() < states {
            all.extend(others.iter().map(|other| {
                let mut world = world.clone();
                world.push(other.clone());
                world.sort();
                world
            }));
        }
        all.push(world);
    }
    all
}
