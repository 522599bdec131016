//! Live groups that two documents are about, which would undo each other's work.

use std::collections::{BTreeMap, BTreeSet};

use crate::{
    desired::{Desired, DesiredGroup},
    diag::{Code, Diagnostic, Span},
    model::{AccountName, GroupId, GroupInfo, RegionId},
};

use super::{
    discover,
    read::{Found, called, means},
};

type Live<'a> = (&'a AccountName, &'a RegionId, &'a GroupId);

/// For each such group among the selected ones, the declarations that were looked up and mean it, and what is wrong. Documents that were not
/// chosen count as well, those with `targets` even where nobody has asked for their groups: a group that is known tells whether it matches.
pub(super) fn doubles(
    desired: &Desired,
    selected: &BTreeSet<usize>,
    found: &BTreeMap<usize, Found>,
) -> Vec<(Vec<usize>, Diagnostic)> {
    let mut live: BTreeMap<Live<'_>, (&GroupInfo, Vec<usize>)> = BTreeMap::new();
    for (at, found) in found {
        if let Found::Group(info) = found {
            let DesiredGroup {
                account, region, ..
            } = &desired.groups[*at];
            let entry = live.entry((account, region, &info.id));
            entry.or_insert((info, Vec::new())).1.push(*at);
        }
    }
    // Documents that were not looked up: what the cloud said of the others tells which of them mean the same.
    let mut others: BTreeMap<(&AccountName, &RegionId, &str), Vec<&DesiredGroup>> = BTreeMap::new();
    for (at, group) in desired.groups.iter().enumerate() {
        if !found.contains_key(&at) {
            let place = (&group.account, &group.region, called(&group.selector));
            others.entry(place).or_default().push(group);
        }
    }
    let by_targets = discover::spans(desired);
    let mut doubles = Vec::new();
    for ((account, region, id), (info, declared)) in live {
        let Some(&chosen) = declared.iter().rev().find(|at| selected.contains(at)) else {
            continue;
        };
        let looked_up = declared.iter().map(|at| desired.groups[*at].span);
        let called = [info.id.as_str(), info.name.as_str()].into_iter();
        let not_looked_up = called
            .filter_map(|name| others.get(&(account, region, name)))
            .flatten()
            .filter(|other| means(&other.selector, info))
            .map(|other| other.span);
        let matching = desired.documents_about((account, region), info);
        let matching = matching.map(|template| template.body.span);
        let all: BTreeSet<Span> = looked_up.chain(not_looked_up).chain(matching).collect();
        let group = &desired.groups[chosen];
        let rest: Vec<Span> = all.into_iter().filter(|one| *one != group.span).collect();
        if rest.is_empty() {
            continue;
        }
        let says_targets = |span: &Span| by_targets.contains(span);
        let is_any_by_targets = says_targets(&group.span) || rest.iter().any(says_targets);
        let mut problem = Diagnostic::error(
            Code::DuplicateGroup,
            match is_any_by_targets {
                true => format!(
                    "two documents are about security group {id} ({})",
                    info.name
                ),
                false => format!("two documents declare security group {id}"),
            },
        )
        .label(
            group.span,
            match says_targets(&group.span) {
                true => format!("{} matches", info.name),
                false => format!("{} is {id}", group.selector),
            },
        );
        for other in &rest {
            let here = match (says_targets(other), says_targets(&group.span)) {
                (true, true) => "matches here as well",
                (true, false) => "matches here",
                (false, _) => "declared here as well",
            };
            problem = problem.label(*other, here);
        }
        let problem = problem.help(match is_any_by_targets {
            true => "narrow `targets`, or join the two documents: a group has one list of rules per direction",
            false => "keep one document per group",
        });
        doubles.push((declared, problem));
    }
    doubles
}
