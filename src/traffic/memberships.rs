//! Which sets of memberships tell sets of rules apart.
//!
//! Where sets of rules say different things of a packet, take their winners and drop every membership that none of these asks for: only
//! competitors leave, so they win still. What two sets of rules say differently shows where a peer belongs to what two clauses ask for,
//! and what three say where it belongs to what three do. A clause asks for no membership, for one, or, with a peer and a port list that
//! both have to be taken as they come, for two.

use std::collections::{BTreeMap, BTreeSet};

use super::{
    atlas::World,
    clause::{Clause, Resolve, Symbol},
};
use crate::model::{Peer, PortSet, Rule};

/// Most sets of three clauses' memberships.
const MANY: usize = 5_000;

/// Most times that three clauses are looked at for them.
const MANY_LOOKS: usize = 500_000;

/// Clauses that ask for memberships.
pub struct Memberships {
    asking: Vec<(Clause, bool)>,
}

impl Memberships {
    /// Of rules that stay and rules that differ from one state to the other.
    pub fn new<'a>(
        stay: impl IntoIterator<Item = &'a Rule>,
        differ: impl IntoIterator<Item = &'a Rule>,
        resolve: &Resolve<'_>,
    ) -> Self {
        let stay = stay.into_iter().map(|rule| (rule, false));
        let differ = differ.into_iter().map(|rule| (rule, true));
        let asking = stay
            .chain(differ)
            .filter(|(rule, _)| may_ask(rule))
            .map(|(rule, differs)| (Clause::of(rule, resolve), differs))
            .filter(|(clause, _)| clause.symbols().next().is_some());
        Self {
            asking: asking.collect(),
        }
    }

    /// For two sets of rules: where they differ, one of the two winners is a rule that differs.
    pub fn of_two(&self) -> Vec<World> {
        sorted(self.up_to_two())
    }

    /// For the rules before, between and after, where it is asked whether what is said before and after is said between; and whether these
    /// are all that is needed.
    ///
    /// What says otherwise between is weaker than a winner of the state that it is from, which then is not there and so differs. Of the other two,
    /// one at least differs too: what stays is there in all three.
    pub fn of_three(&self) -> (Vec<World>, bool) {
        let mut all = self.up_to_two();
        let two = all.clone();
        let names = self.names();
        let mut seen: BTreeSet<Names> = BTreeSet::new();
        let mut looks = 0;
        let meet = |a: usize, b: usize| self.asking[a].0.meets(&self.asking[b].0);
        let policy = |at: usize| self.asking[at].0.policy;
        let numbers = || 0..self.asking.len();
        for between in numbers() {
            let (clause, differs) = &self.asking[between];
            let others: Vec<usize> = numbers()
                .filter(|&other| policy(other) != clause.policy && meet(between, other))
                .collect();
            let beaten = |&&other: &&usize| {
                let (winner, differs) = &self.asking[other];
                *differs && winner.rank() < clause.rank()
            };
            for &winner in others.iter().filter(beaten) {
                for &other in &others {
                    let three = names[between].with(names[winner]).with(names[other]);
                    if (*differs || self.asking[other].1)
                        && !seen.contains(&three)
                        && meet(winner, other)
                    {
                        seen.insert(three);
                        all.insert(self.world(&[between, winner, other]));
                    }
                }
                looks += others.len();
                if all.len() > two.len() + MANY || looks > MANY_LOOKS {
                    return (sorted(two), false);
                }
            }
        }
        (sorted(all), true)
    }

    /// Nobody's, each single one, what each clause asks for, and what each two do of which one differs.
    fn up_to_two(&self) -> BTreeSet<World> {
        let mut all: BTreeSet<World> = [Vec::new()].into();
        let symbols = self.asking.iter().flat_map(|(clause, _)| clause.symbols());
        all.extend(symbols.map(|symbol| vec![symbol]));
        let mut own: BTreeSet<(World, bool)> = BTreeSet::new();
        for (number, (_, differs)) in self.asking.iter().enumerate() {
            own.insert((self.world(&[number]), *differs));
        }
        for (world, _) in &own {
            all.insert(world.clone());
        }
        for (world, _) in own.iter().filter(|(_, differs)| *differs) {
            for (other, _) in &own {
                all.insert(joined(world.iter().chain(other)));
            }
        }
        all
    }

    /// What each clause asks for, in numbers.
    fn names(&self) -> Vec<Names> {
        let symbols: BTreeSet<Symbol> = self
            .asking
            .iter()
            .flat_map(|(clause, _)| clause.symbols())
            .collect();
        let numbers: BTreeMap<Symbol, u32> = symbols.into_iter().zip(1..).collect();
        let names = |(clause, _): &(Clause, bool)| {
            let symbols = clause.symbols().map(|symbol| numbers[&symbol]);
            symbols.fold(Names::default(), Names::and)
        };
        self.asking.iter().map(names).collect()
    }

    fn world(&self, clauses: &[usize]) -> World {
        let symbols: Vec<Symbol> = clauses
            .iter()
            .flat_map(|&number| self.asking[number].0.symbols())
            .collect();
        joined(symbols.iter())
    }
}

/// The numbers of the symbols that up to three clauses ask for, in order, zeros last.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
struct Names([u32; 6]);

impl Names {
    fn and(mut self, number: u32) -> Self {
        if !self.0.contains(&number) {
            let free = self.0.iter().position(|known| *known == 0);
            self.0[free.expect("three clauses ask for six symbols at most")] = number;
            self.0.sort_unstable_by_key(|known| match known {
                0 => u32::MAX,
                number => *number,
            });
        }
        self
    }

    fn with(self, other: Self) -> Self {
        let numbers = other.0.into_iter().filter(|number| *number != 0);
        numbers.fold(self, Self::and)
    }
}

/// What most rules are not: about a group or a list.
fn may_ask(rule: &Rule) -> bool {
    let ports = rule.protocol.ports().map(|ports| &ports.destination);
    !matches!(rule.peer, Peer::Cidr(_)) || matches!(ports, Some(PortSet::List(_)))
}

fn joined<'a>(symbols: impl Iterator<Item = &'a Symbol>) -> World {
    let symbols: BTreeSet<&Symbol> = symbols.collect();
    symbols.into_iter().cloned().collect()
}

/// The smaller ones first.
fn sorted(worlds: BTreeSet<World>) -> Vec<World> {
    let mut worlds: Vec<World> = worlds.into_iter().collect();
    worlds.sort_by_key(Vec::len);
    worlds
}
