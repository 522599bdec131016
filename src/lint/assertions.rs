//! Declared rules that violate an assertion, told without asking any cloud.
//!
//! In complete mode without `ignore` the declared rules are the result. What the files do not tell is taken the way that spares a warning: the
//! group's kind, what lists hold, and whether its members reach each other anyway. The plan, which knows, judges again.

use std::{collections::BTreeMap, sync::Arc};

use jiff::Timestamp;
use rayon::prelude::*;

use crate::{
    assertion::{
        Assertion, Claim, Status, Violation, Waiver,
        evaluate::{Asked, Course, judge},
        questions::{Known, questions},
    },
    desired::{Desired, DesiredGroup, DesiredRule, Mode, Selector},
    diag::{Code, Diagnostic, Span},
    model::{
        Direction, GroupId, GroupName, ListIds, NicType, Peer, Policy, PortRange, PortSet,
        Protocol, Rule,
    },
    traffic::clause::{Clause, Resolve, Symbol},
};

/// Most lines of traffic that a warning names.
const MOST_TRAFFIC: usize = 4;
/// Most rules that a warning points at.
const MOST_RULES: usize = 3;
/// Most warnings of a direction of a group.
const MOST_WARNINGS: usize = 4;

/// Looks at every group, or at those that `chosen` admits.
pub fn violations(
    desired: &Desired,
    at: Timestamp,
    chosen: impl Fn(usize) -> bool + Sync,
) -> Vec<Diagnostic> {
    desired
        .groups
        .par_iter()
        .enumerate()
        .filter(|(index, _)| chosen(*index))
        .flat_map_iter(|(_, group)| {
            let expired = group
                .waivers
                .iter()
                .filter(move |waiver| waiver.until <= at);
            let expired = expired.map(|waiver| waiver.expired(&name_of(group)));
            let found = Direction::BOTH
                .into_iter()
                .filter(|direction| group.mode(*direction) == Mode::Complete)
                .filter(|_| group.ignore.is_empty())
                .filter_map(|direction| Some((direction, group.direction(direction)?)))
                .flat_map(move |(direction, rules)| direction_of(group, direction, rules, at));
            expired.chain(found)
        })
        .collect()
}

fn name_of(group: &DesiredGroup) -> String {
    group
        .declared_name()
        .map_or_else(|| group.selector.to_string(), ToString::to_string)
}

/// The stand-in for the id of a declared group.
fn by_name(name: &GroupName) -> Option<GroupId> {
    Some(GroupId::new(format!("group:{name}")))
}

/// A rule as it is if the lists that it names hold what spares most warnings: everything where it spares them, else nothing.
fn sparing(rule: Rule, spares: Policy) -> Vec<Rule> {
    let mut named = ListIds::default();
    named.add(&rule);
    if named.is_empty() {
        return vec![rule];
    }
    if rule.policy != spares {
        return Vec::new();
    }
    let mut rule = rule;
    if let Protocol::Tcp(ports) | Protocol::Udp(ports) = &mut rule.protocol
        && matches!(ports.destination, PortSet::List(_))
    {
        ports.destination = PortSet::Range(PortRange::ALL);
    }
    match rule.peer {
        Peer::PrefixList(_) => EVERYONE
            .map(|everyone| Rule {
                peer: Peer::Cidr(everyone.parse().expect("it is one")),
                ..rule.clone()
            })
            .into(),
        Peer::Cidr(_) | Peer::Group(_) => vec![rule],
    }
}

/// All addresses.
const EVERYONE: [&str; 2] = ["0.0.0.0/0", "::/0"];

/// Whether an assertion is about the members of the group itself.
fn is_about_members(asked: &Asked, group: &DesiredGroup) -> bool {
    let called = group.declared_name().and_then(by_name);
    let is_own = |id: &GroupId| {
        Some(id) == called.as_ref() || matches!(&group.selector, Selector::Id(own) if own == id)
    };
    let mut symbols = asked.clauses.iter().filter_map(Clause::symbol);
    symbols.any(|symbol| matches!(symbol, Symbol::Group(id) if is_own(id)))
}

fn direction_of(
    group: &DesiredGroup,
    direction: Direction,
    rules: &[DesiredRule],
    at: Timestamp,
) -> Vec<Diagnostic> {
    let mut by_nic: BTreeMap<NicType, Vec<&DesiredRule>> = BTreeMap::new();
    let live: Vec<&DesiredRule> = rules.iter().filter(|rule| rule.is_live(at)).collect();
    let is_classic = live.iter().any(|rule| rule.nic.is_some());
    for rule in live {
        let nic = rule.nic.unwrap_or(NicType::Intranet);
        by_nic.entry(nic).or_default().push(rule);
    }
    if by_nic.is_empty() {
        by_nic.insert(NicType::Intranet, Vec::new());
    }
    let waivers: Vec<Arc<Waiver>> = group
        .waivers
        .iter()
        .filter(|waiver| at < waiver.until)
        .cloned()
        .collect();
    let mut found: Vec<(Violation, Diagnostic)> = Vec::new();
    for (nic, rules) in &by_nic {
        for claim in [Claim::Forbid, Claim::Require] {
            let spares = match claim {
                Claim::Forbid => Policy::Drop,
                Claim::Require => Policy::Accept,
            };
            let bound: Vec<(Rule, Span)> = rules
                .iter()
                .filter_map(|rule| Some((rule.bind(*nic, by_name)?, rule.span)))
                .flat_map(|(rule, span)| {
                    let rules = sparing(rule, spares);
                    rules.into_iter().map(move |rule| (rule, span))
                })
                .collect();
            let resolve = Resolve(None);
            let known = Known {
                resolve: &resolve,
                group: &by_name,
                nic: is_classic.then_some(*nic),
            };
            let (assertions, asked): (Vec<&Arc<Assertion>>, Vec<Asked>) = group
                .assertions
                .iter()
                .filter(|one| one.direction == direction && one.claim == claim)
                // Which addresses a list holds, the files do not tell.
                .filter(|one| one.named_lists().next().is_none())
                .map(|one| (one, questions(one, &waivers, &known)))
                .filter(|(_, asked)| !asked.clauses.is_empty())
                .filter(|(_, asked)| claim == Claim::Forbid || !is_about_members(asked, group))
                .unzip();
            let course = Course {
                // A basic group is open outbound, an advanced one is not.
                default: match direction {
                    Direction::Ingress => Policy::Drop,
                    Direction::Egress => spares,
                },
                old: bound.iter().map(|(rule, _)| rule).collect(),
                waves: Vec::new(),
            };
            for one in judge(&course, &asked, &resolve) {
                if matches!(one.status, Status::Waived { .. }) {
                    continue;
                }
                let violation = Violation {
                    assertion: Arc::clone(assertions[one.asked]),
                    nic: *nic,
                    is_classic,
                    status: one.status,
                    traffic: one.traffic,
                    depends_on: one.depends_on,
                    waiver: None,
                };
                let diagnostic = warning(group, &violation, &bound);
                found.push((violation, diagnostic));
            }
        }
    }
    few(group, found)
}

/// The worst one by one, the rest by their ids.
fn few(group: &DesiredGroup, mut found: Vec<(Violation, Diagnostic)>) -> Vec<Diagnostic> {
    found.sort_by_key(|(violation, _)| std::cmp::Reverse(violation.assertion.severity));
    let rest = found.split_off(found.len().min(MOST_WARNINGS));
    // Diagnostics are drawn by place: the rest belongs below the last that is told.
    let places = found.iter().filter_map(|(_, told)| told.labels.first());
    let last = places
        .map(|label| label.span)
        .max_by_key(|span| (span.file, span.line, span.column))
        .unwrap_or(group.span);
    let mut all: Vec<Diagnostic> = found.into_iter().map(|(_, one)| one).collect();
    if !rest.is_empty() {
        let ids: Vec<&str> = rest
            .iter()
            .map(|(violation, _)| &*violation.assertion.id)
            .collect();
        let message = format!(
            "{} violates more assertions ({}): {}",
            name_of(group),
            ids.len(),
            ids.join(", ")
        );
        all.push(
            Diagnostic::warning(Code::AssertionViolated, message)
                .label(last, "")
                .help("mend what is told above first: it often is one rule"),
        );
    }
    all
}

fn warning(group: &DesiredGroup, violation: &Violation, bound: &[(Rule, Span)]) -> Diagnostic {
    let assertion = &violation.assertion;
    let name = name_of(group);
    let lines = violation.lines(MOST_TRAFFIC);
    let mut diagnostic = Diagnostic::warning(
        Code::AssertionViolated,
        format!("{name} violates `{}`: {}", assertion.id, assertion.says()),
    );
    let mut places: Vec<Span> = Vec::new();
    let deciders = violation.traffic.iter().flat_map(|one| &one.deciders);
    for rule in deciders.flatten() {
        let place = bound.iter().find(|(own, _)| own.is_same_rule(rule));
        if let Some((_, span)) = place
            && !places.contains(span)
        {
            places.push(*span);
        }
    }
    if places.is_empty() {
        places.push(group.span);
    }
    places.truncate(MOST_RULES);
    for (number, span) in places.into_iter().enumerate() {
        let text = match (number, lines.as_slice()) {
            (0, [only]) => only.clone(),
            (0, [first, rest @ ..]) => format!("{first}, and {} more", rest.len()),
            _ => String::new(),
        };
        diagnostic = diagnostic.label(span, text);
    }
    diagnostic = diagnostic.label(
        assertion.span,
        match (&assertion.because, &assertion.title) {
            (Some(because), _) => format!("because {because}"),
            (None, Some(title)) => title.to_string(),
            (None, None) => "the assertion".to_owned(),
        },
    );
    for help in violation.mend(&name) {
        diagnostic = diagnostic.help(help);
    }
    diagnostic
}
