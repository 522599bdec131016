//! Declared rules that do nothing, or not what they say, judged by the packets they match. Pure.
//!
//! Everything here is a warning: such rules are safe to apply, and somebody probably meant something else.

pub mod assertions;

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use rayon::prelude::*;

use crate::{
    desired::{Desired, DesiredGroup},
    diag::{Code, Diagnostic, Span},
    model::{Direction, GroupId, GroupKind, NicType, Policy, PortSet, Rule},
    traffic::{
        atlas::worlds,
        bits::Bits,
        clause::{Clause, Resolve},
        difference::default_policy,
        space::Space,
    },
};

/// Most rules of a direction that are looked at; more are not written by hand, and the look would be slow.
const MANY_RULES: usize = 1_000;

/// Looks at every group, or at those that `chosen` admits.
pub fn lint(
    desired: &Desired,
    at: Timestamp,
    chosen: impl Fn(usize) -> bool + Sync,
) -> Vec<Diagnostic> {
    // Many groups may come from one document: it is looked at once.
    let mut seen = BTreeSet::new();
    let groups = desired.groups.iter().enumerate();
    let groups = groups.filter(|(index, group)| chosen(*index) && seen.insert(group.span));
    let mut groups: Vec<&DesiredGroup> = groups.map(|(_, group)| group).collect();
    let templates = desired.templates.iter().map(|template| &template.body);
    groups.extend(templates.filter(|body| seen.insert(body.span)));
    groups
        .par_iter()
        .flat_map_iter(|group| {
            Direction::BOTH
                .into_iter()
                .map(move |direction| (*group, direction))
        })
        .flat_map_iter(|(group, direction)| direction_of(group, direction, at))
        .collect()
}

/// A rule with the place that declares it.
struct Declared {
    rule: Rule,
    span: Span,
}

fn direction_of(group: &DesiredGroup, direction: Direction, at: Timestamp) -> Vec<Diagnostic> {
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
    by_nic
        .into_values()
        .filter(|rules| rules.len() <= MANY_RULES)
        .flat_map(|rules| {
            // Every rule's packets are known: a port list's are not.
            let all = rules.len();
            let known: Vec<Declared> = rules.into_iter().filter(has_known_ports).collect();
            let exact = known.len() == all;
            meeting(known)
                .into_iter()
                .flat_map(move |rules| Look::new(&rules, direction, exact).findings())
        })
        .collect()
}

fn has_known_ports(declared: &Declared) -> bool {
    !matches!(
        declared
            .rule
            .protocol
            .ports()
            .map(|ports| &ports.destination),
        Some(PortSet::List(_))
    )
}

/// Rules by whether a packet can match two of them, directly or over others; those that meet no other rule are left out. Who wins
/// a packet, and who would without the winner, is always one of those that it matches, so that each lot can be looked at alone: most
/// rules of an estate meet no other, and cutting packet space by all of them is most of the work.
fn meeting(rules: Vec<Declared>) -> Vec<Vec<Declared>> {
    let clauses: Vec<Clause> = rules
        .iter()
        .map(|declared| Clause::of(&declared.rule, &Resolve(None)))
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

/// The rules of one direction and network interface, cut into packets.
struct Look<'a> {
    space: Space<'a>,
    all: Bits,
    spans: Vec<Option<Span>>,
    /// Whether every rule's packets are known, also those of other lots.
    exact: bool,
}

impl<'a> Look<'a> {
    fn new(declared: &'a [Declared], direction: Direction, exact: bool) -> Self {
        let default = default_policy(direction, GroupKind::Basic);
        let rules = || declared.iter().map(|declared| &declared.rule);
        let space = Space::new(rules(), default, &Resolve(None), |symbols| {
            worlds(symbols, 2)
        });
        let mut spans = vec![None; space.rules.len()];
        for declared in declared {
            if let Some(index) = space.index_of(&declared.rule) {
                spans[index] = Some(declared.span);
            }
        }
        let all = space.state(rules());
        Self {
            space,
            all,
            spans,
            exact,
        }
    }

    fn findings(&self) -> Vec<Diagnostic> {
        let mut winners: Vec<BTreeSet<usize>> = vec![BTreeSet::new(); self.space.rules.len()];
        let mut conflicts: BTreeSet<(usize, usize)> = BTreeSet::new();
        for signature in &self.space.atlas.signatures {
            let winner = self.space.winner(signature, &self.all);
            for index in signature.and(&self.all).iter() {
                winners[index].insert(winner);
                let (a, b) = (&self.space.clauses[winner], &self.space.clauses[index]);
                if a.priority == b.priority && a.policy != b.policy && self.spans[index].is_some() {
                    conflicts.insert((winner, index));
                }
            }
        }
        let mut found = Vec::new();
        let mut dead = BTreeSet::new();
        for (index, winners) in winners.iter().enumerate() {
            if self.spans[index].is_some() && !winners.contains(&index) {
                dead.insert(index);
                found.extend(self.never_effective(index, winners));
            }
        }
        for &(drop, accept) in conflicts
            .iter()
            .filter(|(_, accept)| !dead.contains(accept))
        {
            found.extend(self.conflict(drop, accept));
        }
        if self.exact {
            found.extend(self.redundant(&dead));
        }
        found
    }

    fn span(&self, index: usize) -> Option<Span> {
        self.spans[index]
    }

    fn text(&self, index: usize) -> String {
        self.space.rules[index].map_or_else(|| "the default".to_owned(), ToString::to_string)
    }

    fn never_effective(&self, index: usize, winners: &BTreeSet<usize>) -> Option<Diagnostic> {
        let own = self.space.clauses[index].policy;
        let opposite = winners
            .iter()
            .any(|&winner| self.space.clauses[winner].policy != own);
        let message = if opposite {
            format!(
                "rule never decides, and stronger rules say the opposite: {}",
                self.text(index)
            )
        } else {
            format!("rule never decides: {}", self.text(index))
        };
        let mut diagnostic = Diagnostic::warning(Code::NeverEffective, message).label(
            self.span(index)?,
            "every packet it matches is decided before",
        );
        for &winner in winners {
            if let Some(span) = self.span(winner) {
                diagnostic = diagnostic.label(span, format!("decides: {}", self.text(winner)));
            }
        }
        Some(diagnostic.help(if opposite {
            "give it a smaller priority number, narrow the stronger rule, or remove it"
        } else {
            "remove it; nothing changes"
        }))
    }

    fn conflict(&self, drop: usize, accept: usize) -> Option<Diagnostic> {
        let message = format!(
            "accept and drop of priority {} overlap: drop wins where they meet",
            self.space.clauses[accept].priority
        );
        Some(
            Diagnostic::warning(Code::SamePriorityConflict, message)
                .label(
                    self.span(accept)?,
                    format!("loses in part: {}", self.text(accept)),
                )
                .label(self.span(drop)?, format!("wins: {}", self.text(drop)))
                .help(
                    "give the two different priorities, so that the order is said and not implied",
                ),
        )
    }

    /// Rules that could be removed together without changing a packet, found from the weakest up.
    fn redundant(&self, dead: &BTreeSet<usize>) -> Vec<Diagnostic> {
        let mut state = self.all.clone();
        for &index in dead {
            state.remove(index);
        }
        let mut found = Vec::new();
        for index in (0..self.space.rules.len()).rev() {
            let Some(span) = self.span(index).filter(|_| !dead.contains(&index)) else {
                continue;
            };
            let mut without = state.clone();
            without.remove(index);
            let policy = self.space.clauses[index].policy;
            let mut successors = BTreeSet::new();
            let removable = self.space.atlas.signatures.iter().all(|signature| {
                if self.space.winner(signature, &state) != index {
                    return true;
                }
                let next = self.space.winner(signature, &without);
                successors.insert(next);
                self.space.clauses[next].policy == policy
            });
            // That the default says the same is a way to be explicit, and no reason to speak; nor is a stronger copy of a drop.
            let covered_by_rules = successors
                .iter()
                .all(|&next| self.space.rules[next].is_some());
            if !removable || !covered_by_rules {
                continue;
            }
            state = without;
            let message = format!(
                "rule changes nothing, others admit the same: {}",
                self.text(index)
            );
            let message = if policy == Policy::Drop {
                message.replace("admit", "drop")
            } else {
                message
            };
            let mut diagnostic = Diagnostic::warning(Code::RedundantRule, message)
                .label(span, "without it every packet fares the same");
            for &next in &successors {
                if let Some(span) = self.span(next).filter(|other| *other != span) {
                    diagnostic =
                        diagnostic.label(span, format!("does the same: {}", self.text(next)));
                }
            }
            found.push(diagnostic.help("remove it, or narrow the wider rule if that one is wrong"));
        }
        found
    }
}
