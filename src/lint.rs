//! Declared rules that do nothing, or not what they say, judged by the packets they match. Pure.
//!
//! Everything here is a warning: such rules are safe to apply, and somebody probably meant something else.

pub mod assertions;
mod look;

use std::collections::BTreeMap;

use jiff::Timestamp;
use rayon::prelude::*;

use crate::{
    desired::{Desired, DesiredGroup, Mode},
    diag::{Diagnostic, Span},
    model::{AccountName, Direction, GroupId, Lists, NicType, RegionId, Rule},
    traffic::clause::{Clause, Resolve},
};

use self::look::Look;

/// Most rules of a direction that are looked at; more are not written by hand, and the look would be slow.
const MANY_RULES: usize = 1_000;

/// Looks at every group, or at those that `chosen` admits. Of lists only what holds whatever is in them is said.
pub fn lint(
    desired: &Desired,
    at: Timestamp,
    chosen: impl Fn(usize) -> bool + Sync,
) -> Vec<Diagnostic> {
    lint_with_lists(desired, at, &BTreeMap::new(), chosen)
}

/// As [`lint`], of lists that were read, by account and region, what holds now.
pub fn lint_with_lists(
    desired: &Desired,
    at: Timestamp,
    lists: &BTreeMap<(AccountName, RegionId), Lists>,
    chosen: impl Fn(usize) -> bool + Sync,
) -> Vec<Diagnostic> {
    // Many groups may come from one document: it is looked at once, with lists only if all of them are where those are.
    let mut documents: BTreeMap<Span, (&DesiredGroup, Option<&Lists>)> = BTreeMap::new();
    let groups = desired.groups.iter().enumerate();
    let groups = groups.filter(|(index, _)| chosen(*index));
    for group in groups.map(|(_, group)| group) {
        let own = lists.get(&(group.account.clone(), group.region.clone()));
        let known = documents.entry(group.span).or_insert((group, own));
        if (&known.0.account, &known.0.region) != (&group.account, &group.region) {
            known.1 = None;
        }
    }
    for body in desired.templates.iter().map(|template| &template.body) {
        documents.entry(body.span).or_insert((body, None));
    }
    let documents: Vec<_> = documents.into_values().collect();
    documents
        .par_iter()
        .flat_map_iter(|(group, lists)| {
            Direction::BOTH
                .into_iter()
                .map(move |direction| (*group, direction, Resolve(*lists)))
        })
        .flat_map_iter(|(group, direction, resolve)| direction_of(group, direction, at, &resolve))
        .collect()
}

/// A rule with the place that declares it.
struct Declared {
    rule: Rule,
    span: Span,
}

fn direction_of(
    group: &DesiredGroup,
    direction: Direction,
    at: Timestamp,
    resolve: &Resolve<'_>,
) -> Vec<Diagnostic> {
    let by_name = |name: &crate::model::GroupName| Some(GroupId::new(format!("group:{name}")));
    let mut by_nic: BTreeMap<NicType, Vec<Declared>> = BTreeMap::new();
    for declared in group
        .direction(direction)
        .unwrap_or_default()
        .iter()
        .filter(|rule| rule.is_live(at))
    {
        let nic = declared.nic.unwrap_or(NicType::Intranet);
        if let Some(rule) = declared.bind(nic, by_name) {
            by_nic.entry(nic).or_default().push(Declared {
                rule,
                span: declared.span,
            });
        }
    }
    let are_all = group.mode(direction) == Mode::Complete && group.ignore.is_empty();
    by_nic
        .into_values()
        .filter(|rules| rules.len() <= MANY_RULES)
        .flat_map(|rules| meeting(rules, resolve))
        .flat_map(|rules| Look::new(&rules, direction, resolve, are_all).findings())
        .collect()
}

/// Rules by whether a packet can match two of them, directly or over others; those that meet no other rule are left out. Who wins
/// a packet, and who would without the winner, is always one of those that it matches, so that each lot can be looked at alone: most
/// rules of an estate meet no other, and cutting packet space by all of them is most of the work.
fn meeting(rules: Vec<Declared>, resolve: &Resolve<'_>) -> Vec<Vec<Declared>> {
    let clauses: Vec<Clause> = rules
        .iter()
        .map(|declared| Clause::of(&declared.rule, resolve))
        .collect();
    let mut lot: Vec<usize> = (0..rules.len()).collect();
    let mut alone = vec![true; rules.len()];
    for a in 0..rules.len() {
        for b in a + 1..rules.len() {
            if !clauses[a].meets(&clauses[b]) {
                continue;
            }
            (alone[a], alone[b]) = (false, false);
            let (keep, change) = (lot[a].min(lot[b]), lot[a].max(lot[b]));
            if keep != change {
                lot.iter_mut()
                    .filter(|one| **one == change)
                    .for_each(|one| *one = keep);
            }
        }
    }
    let mut lots: BTreeMap<usize, Vec<Declared>> = BTreeMap::new();
    for ((declared, lot), alone) in rules.into_iter().zip(lot).zip(alone) {
        if !alone {
            lots.entry(lot).or_default().push(declared);
        }
    }
    lots.into_values().collect()
}
