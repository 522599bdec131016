//! Rules of one direction and network interface that meet, cut into packets: which of them do nothing, and which lose where they meet.

use std::collections::BTreeSet;

use super::Declared;
use crate::{
    diag::{Code, Diagnostic, Span},
    model::{Direction, GroupKind, Peer, Policy, PortSet, Rule},
    traffic::{
        bits::Bits,
        clause::{Clause, Resolve, Symbol},
        memberships::Memberships,
        platform::default_policy,
        space::Space,
    },
};

pub(super) struct Look<'a> {
    space: Space<'a>,
    all: Bits,
    spans: Vec<Option<Span>>,
    /// Whether the group has no rules beside these.
    are_all: bool,
    /// For every signature the rules that decide as its winner does, from the winner to the first that does not, or the default.
    agreeing: Vec<Bits>,
}

/// Rules that decide nothing.
#[derive(Default)]
struct Dead {
    all: BTreeSet<usize>,
    /// Those of them that no stronger rule contradicts.
    agreeing: BTreeSet<usize>,
}

impl<'a> Look<'a> {
    pub(super) fn new(
        declared: &'a [Declared],
        direction: Direction,
        resolve: &Resolve<'_>,
        are_all: bool,
    ) -> Self {
        let default = default_policy(direction, GroupKind::Basic);
        let rules = || declared.iter().map(|declared| &declared.rule);
        // Each rule is taken out: where that is seen one of the two winners is the rule, and what says otherwise is the other.
        let worlds = Memberships::new([], rules(), resolve).of_two();
        let space = Space::new(rules(), default, resolve, |_| worlds);
        let mut spans = vec![None; space.rules.len()];
        for declared in declared {
            if let Some(index) = space.index_of(&declared.rule) {
                spans[index] = Some(declared.span);
            }
        }
        let all = space.state(rules());
        let agreeing = space.atlas.signatures.iter();
        let agreeing = agreeing
            .map(|signature| leading(&space, signature, &all))
            .collect();
        Self {
            space,
            all,
            spans,
            are_all,
            agreeing,
        }
    }

    pub(super) fn findings(&self) -> Vec<Diagnostic> {
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
        let mut dead = Dead::default();
        for (index, winners) in winners.iter().enumerate() {
            if self.spans[index].is_some() && !winners.contains(&index) {
                dead.all.insert(index);
                if !self.is_contradicted(index, winners) {
                    dead.agreeing.insert(index);
                }
                found.extend(self.never_effective(index, winners));
            }
        }
        for &(drop, accept) in conflicts
            .iter()
            .filter(|(_, accept)| !dead.all.contains(accept))
        {
            found.extend(self.conflict(drop, accept));
        }
        let spare = self.redundant(&dead, &mut found);
        if self.are_all {
            self.redundant_together(&dead, spare, &mut found);
        }
        found
    }

    fn text(&self, index: usize) -> String {
        self.space.rules[index].map_or_else(|| "the default".to_owned(), ToString::to_string)
    }

    fn is_contradicted(&self, index: usize, winners: &BTreeSet<usize>) -> bool {
        let policy = |index: usize| self.space.clauses[index].policy;
        winners
            .iter()
            .any(|&winner| policy(winner) != policy(index))
    }

    fn never_effective(&self, index: usize, winners: &BTreeSet<usize>) -> Option<Diagnostic> {
        let contradicted = self.is_contradicted(index, winners);
        let message = if contradicted {
            format!(
                "rule never decides, and stronger rules say the opposite: {}",
                self.text(index)
            )
        } else {
            format!("rule never decides: {}", self.text(index))
        };
        let mut diagnostic = Diagnostic::warning(Code::NeverEffective, message).label(
            self.spans[index]?,
            "every packet it matches is decided before",
        );
        for &winner in winners {
            if let Some(span) = self.spans[winner] {
                diagnostic = diagnostic.label(span, format!("decides: {}", self.text(winner)));
            }
        }
        let help = if contradicted {
            "give it a smaller priority number, narrow the stronger rule, or remove it"
        } else {
            "remove it; nothing changes"
        };
        let involved = winners.iter().copied().chain([index]);
        Some(diagnostic.help(help.to_owned() + &self.as_read(involved)))
    }

    fn conflict(&self, drop: usize, accept: usize) -> Option<Diagnostic> {
        let meet = if [drop, accept]
            .iter()
            .any(|&index| asks_for_list(&self.space.clauses[index]))
        {
            "may overlap"
        } else {
            "overlap"
        };
        let message = format!(
            "accept and drop of priority {} {meet}: drop wins where they meet",
            self.space.clauses[accept].priority
        );
        let help = "give the two different priorities, so that the order is said and not implied";
        Some(
            Diagnostic::warning(Code::SamePriorityConflict, message)
                .label(
                    self.spans[accept]?,
                    format!("loses in part: {}", self.text(accept)),
                )
                .label(self.spans[drop]?, format!("wins: {}", self.text(drop)))
                .help(help.to_owned() + &self.as_read([drop, accept])),
        )
    }

    /// Says of rules that decide something that any of them can go, and returns them. Whichever of them and of the dead go, something stays
    /// for every packet that says the same before anything says the opposite: so each piece of advice is true by itself, and beside others.
    fn redundant(&self, dead: &Dead, found: &mut Vec<Diagnostic>) -> BTreeSet<usize> {
        let mut gone = Bits::new(self.space.rules.len());
        for &index in &dead.all {
            gone.insert(index);
        }
        let mut spare = BTreeSet::new();
        // The weakest first.
        for index in (0..self.space.rules.len()).rev() {
            let Some(span) = self.spans[index].filter(|_| !dead.all.contains(&index)) else {
                continue;
            };
            gone.insert(index);
            let mut own = self.agreeing.iter().filter(|all| all.contains(index));
            // That the default says the same is a way to be explicit, and no reason to speak. Between a rule and a weaker one that says the
            // same others may say the opposite that nobody has declared.
            let rank = self.space.clauses[index].rank();
            let does_the_same =
                |other: usize| self.are_all || self.space.clauses[other].rank() <= rank;
            if own.any(|all| !all.minus(&gone).iter().any(does_the_same)) {
                gone.remove(index);
                continue;
            }
            spare.insert(index);
            let decides = self.agreeing.iter();
            let decides = decides.filter(|all| all.iter().next() == Some(index));
            let successors: BTreeSet<usize> = decides
                .filter_map(|all| all.minus(&gone).iter().next())
                .collect();
            let does = match self.space.clauses[index].policy {
                Policy::Accept => "admit",
                Policy::Drop => "drop",
            };
            let message = format!(
                "rule changes nothing, others {does} the same: {}",
                self.text(index)
            );
            let mut diagnostic = Diagnostic::warning(Code::RedundantRule, message)
                .label(span, "without it every packet fares the same");
            for &next in &successors {
                if let Some(span) = self.spans[next].filter(|other| *other != span) {
                    diagnostic =
                        diagnostic.label(span, format!("does the same: {}", self.text(next)));
                }
            }
            let help = "remove it, or narrow the wider rule if that one is wrong".to_owned();
            let involved = successors.into_iter().chain([index]);
            found.push(diagnostic.help(help + &self.as_read(involved)));
        }
        spare
    }

    /// Says which rules can go where others go along that would else decide for them. What to do about a rule that stronger ones contradict
    /// is not clear, so that such a one is not among those.
    fn redundant_together(&self, dead: &Dead, spare: BTreeSet<usize>, found: &mut Vec<Diagnostic>) {
        let mut gone: BTreeSet<usize> = &dead.agreeing | &spare;
        let policy = |index: usize| self.space.clauses[index].policy;
        for index in (0..self.space.rules.len()).rev() {
            let Some(span) =
                self.spans[index].filter(|_| !dead.all.contains(&index) && !gone.contains(&index))
            else {
                continue;
            };
            // What would decide instead and has to go is of the other verdict.
            if gone.iter().all(|&other| policy(other) == policy(index)) {
                continue;
            }
            let mut without = self.all.clone();
            for other in gone.iter().copied().chain([index]) {
                without.remove(other);
            }
            if !self.is_same_without(&without) {
                continue;
            }
            let along = self.needed(index, &gone);
            // With nothing that has to go along it is only the others that cannot go beside it.
            if along.is_empty() {
                continue;
            }
            gone.insert(index);
            let message = format!(
                "rule changes nothing, but only together with {}: {}",
                match along.len() {
                    1 => "another".to_owned(),
                    many => format!("{many} others"),
                },
                self.text(index)
            );
            let mut diagnostic =
                Diagnostic::warning(Code::RedundantRule, message).label(span, "alone it cannot go");
            for &other in &along {
                if let Some(other_span) = self.spans[other].filter(|other| *other != span) {
                    let text = format!("has to go with it: {}", self.text(other));
                    diagnostic = diagnostic.label(other_span, text);
                }
            }
            let help = "remove them in one change, or leave them".to_owned();
            let involved = along.into_iter().chain([index]);
            found.push(diagnostic.help(help + &self.as_read(involved)));
        }
    }

    /// Whether every packet that a rule decides about fares the same with fewer rules, and still because of a rule.
    fn is_same_without(&self, state: &Bits) -> bool {
        let mut signatures = self.space.atlas.signatures.iter();
        signatures.all(|signature| {
            let (old, new) = (
                self.space.winner(signature, &self.all),
                self.space.winner(signature, state),
            );
            old == new
                || self.space.rules[new].is_some()
                    && self.space.clauses[old].policy == self.space.clauses[new].policy
        })
    }

    /// Those that have to go for a rule to go; with all of `gone` it can.
    fn needed(&self, index: usize, gone: &BTreeSet<usize>) -> BTreeSet<usize> {
        let mut state = self.all.clone();
        state.remove(index);
        let mut needed = BTreeSet::new();
        loop {
            let mut signatures = self.space.atlas.signatures.iter();
            let wrong = signatures.find_map(|signature| {
                let now = self.space.winner(signature, &state);
                let is_wrong =
                    self.space.verdict(signature, &self.all) != self.space.clauses[now].policy;
                (is_wrong && gone.contains(&now)).then_some(now)
            });
            let Some(other) = wrong else {
                return needed;
            };
            state.remove(other);
            needed.insert(other);
        }
    }

    /// What to add where something turns on what was read of a list; empty where nothing does.
    fn as_read(&self, involved: impl IntoIterator<Item = usize>) -> String {
        let lists: BTreeSet<String> = involved
            .into_iter()
            .filter_map(|index| Some((self.space.rules[index]?, &self.space.clauses[index])))
            .flat_map(|(rule, clause)| read_lists(rule, clause))
            .collect();
        match lists.len() {
            0 => String::new(),
            _ => {
                let lists: Vec<String> = lists.into_iter().collect();
                format!("; true of {} as of now", lists.join(" and "))
            }
        }
    }
}

/// The rules of a state that say the same of a signature as its winner, up to the first that does not.
fn leading(space: &Space<'_>, signature: &Bits, state: &Bits) -> Bits {
    let policy = |index: usize| space.clauses[index].policy;
    let mut leading = Bits::new(space.rules.len());
    let mut first = None;
    for index in signature.and(state).iter() {
        let is_rule = space.rules[index].is_some();
        if !is_rule || policy(index) != *first.get_or_insert(policy(index)) {
            break;
        }
        leading.insert(index);
    }
    leading
}

/// The lists of a rule that its clause has the content of.
fn read_lists(rule: &Rule, clause: &Clause) -> Vec<String> {
    let asked: Vec<Symbol> = clause.symbols().collect();
    let peer = match &rule.peer {
        Peer::PrefixList(id) => Some(Symbol::PrefixList(id.clone())),
        Peer::Cidr(_) | Peer::Group(_) => None,
    };
    let ports = match rule.protocol.ports().map(|ports| &ports.destination) {
        Some(PortSet::List(id)) => Some(Symbol::PortList(id.clone())),
        Some(PortSet::Range(_)) | None => None,
    };
    let named = peer.into_iter().chain(ports);
    let read = named.filter(|list| !asked.contains(list));
    read.map(|list| list.to_string()).collect()
}

fn asks_for_list(clause: &Clause) -> bool {
    clause
        .symbols()
        .any(|symbol| matches!(symbol, Symbol::PrefixList(_) | Symbol::PortList(_)))
}
