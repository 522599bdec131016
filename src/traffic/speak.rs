//! Sets of packets as statements: lines, and which peers they are about.

use std::collections::{BTreeMap, BTreeSet};

use super::{
    atlas::{Diagram, NodeId, World},
    clause::{Family, Symbol},
    lines::{Cover, Line, lines},
};
use crate::model::Direction;

/// Some traffic in words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Statement {
    /// Services and addresses.
    pub line: Line,
    /// Which peers at those addresses.
    pub who: Who,
}

/// Peers told apart by what they belong to beside their address.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Who {
    /// Whoever has the address (members of named groups aside, if another statement says so).
    Anyone,
    /// Members of the groups, or addresses and ports of lists that could not be read, beyond what anyone gets.
    MembersOf(Vec<Symbol>),
    /// What anyone gets, they do not.
    NotMembersOf(Vec<Symbol>),
}

impl Statement {
    /// `tcp/22 from 0.0.0.0/0`, `tcp/80 from sg-a`, `tcp/80 from sg-a at 10.0.0.0/8`, `not for members of sg-a: tcp/80`.
    pub fn text(&self, direction: Direction) -> String {
        let Line {
            services_text,
            peers_text,
            ..
        } = &self.line;
        let word = direction.preposition();
        let place = if self.line.is_everywhere() {
            String::new()
        } else {
            format!(" at {peers_text}")
        };
        let names = |symbols: &[&Symbol]| {
            let names: Vec<String> = symbols.iter().map(ToString::to_string).collect();
            names.join(" and ")
        };
        let (of_ports, of_peers): (Vec<&Symbol>, Vec<&Symbol>) = match &self.who {
            Who::Anyone => Default::default(),
            Who::MembersOf(symbols) | Who::NotMembersOf(symbols) => symbols
                .iter()
                .partition(|symbol| matches!(symbol, Symbol::PortList(_))),
        };
        // `tcp prl-x`, and where other rules tell ports apart `tcp/22 in prl-x`.
        let within = if services_text.contains(['/', ' ']) {
            " in"
        } else {
            ""
        };
        let services = match &of_ports[..] {
            [] => services_text.clone(),
            lists => format!("{services_text}{within} {}", names(lists)),
        };
        match (&self.who, &of_peers[..]) {
            (Who::Anyone | Who::MembersOf(_), []) => format!("{services} {word} {peers_text}"),
            (Who::Anyone | Who::MembersOf(_), peers) => {
                format!("{services} {word} {}{place}", names(peers))
            }
            (Who::NotMembersOf(_), []) => {
                format!(
                    "not for ports in {}: {services_text}{place}",
                    names(&of_ports)
                )
            }
            (Who::NotMembersOf(_), peers) => {
                format!("not for members of {}: {services}{place}", names(peers))
            }
        }
    }

    /// What anyone gets first, then the most addresses.
    pub fn order(&self) -> impl Ord + '_ {
        let Line {
            services_text,
            peers_text,
            ..
        } = &self.line;
        (
            &self.who,
            std::cmp::Reverse(self.line.size()),
            services_text,
            peers_text,
        )
    }

    /// The memberships of the peers it is about.
    pub fn world(&self) -> &[Symbol] {
        match &self.who {
            Who::Anyone | Who::NotMembersOf(_) => &[],
            Who::MembersOf(symbols) => symbols,
        }
    }
}

/// Says where a label holds. What is true of peers without memberships is said in full, of members only what differs from what is said of
/// their smaller sets of memberships.
pub fn speak<L: Copy + Eq + std::hash::Hash>(
    diagram: &Diagram<L>,
    is: impl Fn(&L) -> bool,
) -> Vec<Statement> {
    speak_covering(
        diagram,
        |label| {
            if is(label) { Cover::Must } else { Cover::Never }
        },
    )
}

/// As [`speak`], of a set whose lines may also reach where a label says so.
pub fn speak_covering<L: Copy + Eq + std::hash::Hash>(
    diagram: &Diagram<L>,
    cover_of: impl Fn(&L) -> Cover,
) -> Vec<Statement> {
    let is = |label: &L| cover_of(label) == Cover::Must;
    let roots: BTreeMap<(&World, Family), NodeId> = diagram
        .roots
        .iter()
        .map(|(world, family, root)| ((world, *family), *root))
        .collect();
    let worlds: BTreeSet<&World> = roots.keys().map(|(world, _)| *world).collect();
    let mut statements = Vec::new();
    for world in &worlds {
        let smaller: Vec<&World> = worlds
            .iter()
            .copied()
            .filter(|other| {
                other.len() < world.len() && other.iter().all(|symbol| world.contains(symbol))
            })
            .collect();
        // Where the world is one of its smaller ones point by point, all has been said.
        let is_known = Family::BOTH.iter().all(|family| {
            let here = roots[&(*world, *family)];
            smaller
                .iter()
                .any(|world| roots[&(*world, *family)] == here)
        });
        if is_known {
            continue;
        }
        // The world itself stands last.
        let tuples = Family::BOTH.map(|family| {
            smaller
                .iter()
                .chain([world])
                .map(|world| roots[&(*world, family)])
                .collect::<Vec<_>>()
        });
        let mut say = |who: Who, cover: &dyn Fn(Cover, &[L]) -> Cover| {
            let (pictures, roots) = diagram.product(&tuples, |labels| {
                let (here, smaller) = labels.split_last().expect("the world itself");
                cover(cover_of(here), smaller)
            });
            let roots: Vec<(Family, NodeId)> = Family::BOTH.into_iter().zip(roots).collect();
            statements.extend(lines(&pictures, &roots).into_iter().map(|line| Statement {
                line,
                who: who.clone(),
            }));
        };
        let more = |here: Cover, smaller: &[L]| match (smaller.iter().any(is), here) {
            (false, Cover::Must) => Cover::Must,
            (true, Cover::Must) | (_, Cover::May) => Cover::May,
            (_, Cover::Never) => Cover::Never,
        };
        let less = |here: Cover, smaller: &[L]| {
            if smaller.iter().all(is) && here == Cover::Never {
                Cover::Must
            } else {
                Cover::Never
            }
        };
        if world.is_empty() {
            say(Who::Anyone, &more);
        } else {
            say(Who::MembersOf((*world).clone()), &more);
            say(Who::NotMembersOf((*world).clone()), &less);
        }
    }
    statements.sort_by(|a, b| a.order().cmp(&b.order()));
    statements
}
