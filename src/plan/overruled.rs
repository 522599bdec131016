//! Declared rules that decide nothing because of live rules that nobody declares and the plan leaves alone.

use std::collections::BTreeMap;

use super::{GroupPlan, meaning};
use crate::{
    diag::{Code, Diagnostic, Span},
    model::{Lists, ObservedRule, Policy, Priority, Rule},
    traffic::{
        clause::{Clause, Resolve},
        memberships::Memberships,
        platform::default_policy,
        rank,
        space::Space,
    },
};

/// Most rules that are looked at together.
const MANY_RULES: usize = 1_000;

/// Most live rules that are named for a declared one.
const MOST_NAMED: usize = 3;

/// A declared rule with its place.
type Declared<'a> = (&'a Rule, Span);

/// Why a live rule stays that nobody declares.
#[derive(Clone, Copy)]
enum Stays {
    Unmanaged,
    Ignored(Span),
}

/// Says which declared rules decide something among the declared, and nothing beside live rules that say the opposite. A live rule that says
/// the same and is stronger takes nothing from anybody.
pub fn overruled(group: &GroupPlan, lists: &Lists) -> Vec<Diagnostic> {
    let unmanaged = group.unmanaged.iter().map(|seen| (seen, Stays::Unmanaged));
    let ignored = group.ignored.iter();
    let ignored = ignored.map(|(seen, span)| (seen, Stays::Ignored(*span)));
    // What the platform made and the plan keeps is weaker than any rule that can be declared.
    let stay: Vec<(&ObservedRule, Stays)> = unmanaged.chain(ignored).collect();
    if stay.is_empty() {
        return Vec::new();
    }
    let live = group.observed.rules.iter().zip(&group.declared);
    let live = live.filter_map(|(seen, span)| Some((&seen.rule, (*span)?)));
    let come = group.changes.iter();
    let come = come.filter_map(|change| Some((change.kind.after()?, change.span?)));
    let declared: Vec<Declared<'_>> = live.chain(come).collect();
    let sides = stay
        .iter()
        .map(|(seen, _)| (seen.rule.direction, seen.rule.nic));
    let mut sides: Vec<_> = sides.collect();
    sides.sort_unstable();
    sides.dedup();
    let mut found = Vec::new();
    for side in sides {
        let of_side = meaning::is_of(side);
        let declared: Vec<Declared<'_>> = declared
            .iter()
            .copied()
            .filter(|(rule, _)| of_side(rule))
            .collect();
        let stay: Vec<(&ObservedRule, Stays)> = stay
            .iter()
            .copied()
            .filter(|(seen, _)| of_side(&&seen.rule))
            .collect();
        if may_be_overruled(&declared, &stay) {
            found.extend(in_side(group, &declared, &stay, &Resolve(Some(lists))));
        }
    }
    found
}

/// Whether some rule that stays says the opposite of a weaker one that is declared: mostly none does, and that is quickly told.
fn may_be_overruled(declared: &[Declared<'_>], stay: &[(&ObservedRule, Stays)]) -> bool {
    [Policy::Accept, Policy::Drop].into_iter().any(|policy| {
        let ranks = declared.iter().map(|(rule, _)| *rule);
        let weakest = ranks.filter(|rule| rule.policy == policy).map(rank).max();
        let mut against = stay.iter().map(|(seen, _)| &seen.rule);
        against.any(|rule| rule.policy != policy && Some(rank(rule)) < weakest)
    })
}

fn in_side(
    group: &GroupPlan,
    declared: &[Declared<'_>],
    stay: &[(&ObservedRule, Stays)],
    resolve: &Resolve<'_>,
) -> Vec<Diagnostic> {
    let clause = |rule: &Rule| Clause::of(rule, resolve);
    let own: Vec<Clause> = declared.iter().map(|(rule, _)| clause(rule)).collect();
    let others: Vec<Clause> = stay.iter().map(|(seen, _)| clause(&seen.rule)).collect();
    // Most rules meet none that stays and says the opposite.
    let is_met = |own: &&Clause| {
        let beats = |other: &&Clause| other.policy != own.policy && other.rank() < own.rank();
        others.iter().filter(beats).any(|other| other.meets(own))
    };
    let met: Vec<&Clause> = own.iter().filter(is_met).collect();
    let meets = |clause: &Clause| met.iter().any(|one| one.meets(clause));
    let declared: Vec<Declared<'_>> = declared
        .iter()
        .zip(&own)
        .filter(|(_, clause)| meets(clause))
        .map(|(one, _)| *one)
        .collect();
    let stay: Vec<(&ObservedRule, Stays)> = stay
        .iter()
        .zip(&others)
        .filter(|(_, clause)| meets(clause))
        .map(|(one, _)| *one)
        .collect();
    if met.is_empty() || declared.len() + stay.len() > MANY_RULES {
        return Vec::new();
    }
    let Some((first, _)) = declared.first() else {
        return Vec::new();
    };
    let default = default_policy(first.direction, group.observed.info.kind);
    let ours = || declared.iter().map(|(rule, _)| *rule);
    let theirs = || stay.iter().map(|(seen, _)| &seen.rule);
    let worlds = Memberships::new(theirs(), ours(), resolve).of_two();
    let space = Space::new(ours().chain(theirs()), default, resolve, |_| worlds);
    let alone = space.state(ours());
    let all = space.state(ours().chain(theirs()));
    // For each declared rule: the packets about which it decides among the declared, by who decides about them among all.
    let mut instead: BTreeMap<usize, BTreeMap<usize, usize>> = BTreeMap::new();
    for signature in &space.atlas.signatures {
        let would = space.winner(signature, &alone);
        let does = space.winner(signature, &all);
        *instead.entry(would).or_default().entry(does).or_default() += 1;
    }
    let mut found = Vec::new();
    for (rule, span) in &declared {
        let Some(index) = space.index_of(rule) else {
            continue;
        };
        let Some(winners) = instead.get(&index) else {
            continue;
        };
        let mut against: Vec<(&usize, &usize)> = winners
            .iter()
            .filter(|(winner, _)| space.clauses[**winner].policy != rule.policy)
            .collect();
        if winners.contains_key(&index) || against.is_empty() {
            continue;
        }
        against.sort_by_key(|(winner, share)| (std::cmp::Reverse(**share), **winner));
        let against: Vec<&(&ObservedRule, Stays)> = against
            .into_iter()
            .filter_map(|(winner, _)| {
                let wins = |(seen, _): &&(&ObservedRule, Stays)| {
                    space.index_of(&seen.rule) == Some(*winner)
                };
                stay.iter().find(wins)
            })
            .collect();
        found.push(warning(group, rule, *span, &against));
    }
    found
}

fn warning(
    group: &GroupPlan,
    rule: &Rule,
    span: Span,
    against: &[&(&ObservedRule, Stays)],
) -> Diagnostic {
    let mut live: Vec<String> = against
        .iter()
        .take(MOST_NAMED)
        .map(|(seen, _)| match &seen.id {
            Some(id) => format!("{id} ({})", seen.rule),
            None => seen.rule.to_string(),
        })
        .collect();
    if against.len() > MOST_NAMED {
        live.push(format!("{} more", against.len() - MOST_NAMED));
    }
    let message = format!(
        "{}: rule never decides, live rules that are not declared say the opposite: {rule}",
        group.name
    );
    let mut diagnostic = Diagnostic::warning(Code::OverruledRule, message)
        .label(span, format!("decided before by {}", live.join(" and ")));
    let mut help: Vec<&str> = Vec::new();
    for (_, stays) in against {
        let one = match stays {
            Stays::Unmanaged => "name the live rule under `absent`",
            Stays::Ignored(_) => "narrow the `ignore` pattern",
        };
        if let Stays::Ignored(pattern) = stays
            && !diagnostic.labels.iter().any(|label| label.span == *pattern)
        {
            diagnostic = diagnostic.label(*pattern, "why the live rule is left alone");
        }
        if !help.contains(&one) {
            help.push(one);
        }
    }
    // Nothing is stronger than a drop of priority 1.
    if against
        .iter()
        .all(|(seen, _)| seen.rule.priority > Priority::DEFAULT)
    {
        help.push("or give the declared rule a smaller priority number");
    }
    help.into_iter().fold(diagnostic, Diagnostic::help)
}
