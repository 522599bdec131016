//! What a change of rules means: the traffic that is newly admitted and the traffic that no longer is.

use std::collections::{BTreeMap, BTreeSet};

use super::{
    atlas::{Atlas, Diagram, Dimension, Node, NodeId, SignatureId, World},
    bits::Bits,
    clause::{Clause, Family, Interval, Resolve, Symbol},
    lines::{Cover, Line, lines},
    may_overlap,
    services::{PORTS, ServiceBox},
};
use crate::model::{Direction, GroupKind, Policy, Rule};

/// What becomes of packets that no rule matches ("Basic and advanced security groups").
pub fn default_policy(direction: Direction, kind: GroupKind) -> Policy {
    match (direction, kind) {
        (Direction::Egress, GroupKind::Basic) => Policy::Accept,
        (Direction::Egress, GroupKind::Advanced) | (Direction::Ingress, _) => Policy::Drop,
    }
}

/// How two states of a direction differ. Both lists empty: they admit exactly the same packets.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Difference {
    /// Refused before, admitted after; the most addresses first.
    pub newly_admitted: Vec<Sentence>,
    /// Admitted before, refused after.
    pub no_longer_admitted: Vec<Sentence>,
}

impl Difference {
    /// Whether the two states admit the same packets.
    pub fn is_empty(&self) -> bool {
        self.newly_admitted.is_empty() && self.no_longer_admitted.is_empty()
    }
}

/// Some traffic, and who decides about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sentence {
    /// Services and addresses.
    pub line: Line,
    /// Which peers at those addresses.
    pub who: Who,
    /// The rules that decided before, the widest first; `None` is the default.
    pub before: Vec<Option<Rule>>,
    /// The rules that decide after.
    pub after: Vec<Option<Rule>>,
}

/// Peers told apart by what they belong to beside their address.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Who {
    /// Whoever has the address (members of named groups aside, if another sentence says so).
    Anyone,
    /// Members of the group, or addresses of a list that could not be read, beyond what anyone gets.
    MembersOf(Vec<Symbol>),
    /// What anyone gets, they do not.
    NotMembersOf(Vec<Symbol>),
}

impl std::fmt::Display for Sentence {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.line.services_text)
    }
}

impl Sentence {
    /// `tcp/22 from 0.0.0.0/0`, `tcp/80 from sg-a`, `tcp/80 from sg-a at 10.0.0.0/8`.
    pub fn text(&self, direction: Direction) -> String {
        let Line { services_text, peers_text, .. } = &self.line;
        let word = direction.preposition();
        let names = |symbols: &[Symbol]| {
            symbols.iter().map(ToString::to_string).collect::<Vec<_>>().join(" and ")
        };
        let everywhere = self.is_everywhere();
        match &self.who {
            Who::Anyone => format!("{services_text} {word} {peers_text}"),
            Who::MembersOf(symbols) if everywhere => format!("{services_text} {word} {}", names(symbols)),
            Who::MembersOf(symbols) => format!("{services_text} {word} {} at {peers_text}", names(symbols)),
            Who::NotMembersOf(symbols) if everywhere => {
                format!("{services_text}, but not {word} {}", names(symbols))
            }
            Who::NotMembersOf(symbols) => {
                format!("{services_text}, but not {word} {} at {peers_text}", names(symbols))
            }
        }
    }

    fn is_everywhere(&self) -> bool {
        Family::BOTH.iter().all(|family| {
            self.line.peers.get(family).is_some_and(|set| *set == [(0, family.last_address())])
        })
    }
}

/// What happens to a packet from one state to the other.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Fate {
    Same,
    Opens,
    Closes,
}

/// Compares two states of one direction (and network interface) of a group.
pub fn difference(old: &[&Rule], new: &[&Rule], default: Policy, resolve: &Resolve<'_>) -> Difference {
    let Some(question) = Question::new(old, new, default, resolve) else { return Difference::default() };
    let atlas = Atlas::new(&question.clauses, question.worlds());
    let fates = atlas.relabel(|signature| question.fate(signature));
    let mut found = Difference::default();
    for (wanted, sentences) in
        [(Fate::Opens, &mut found.newly_admitted), (Fate::Closes, &mut found.no_longer_admitted)]
    {
        question.sentences(&atlas, &fates, wanted, sentences);
        sentences.sort_by(|a, b| {
            (a.who.clone(), std::cmp::Reverse(a.line.size()), &a.line.services_text, &a.line.peers_text).cmp(&(
                b.who.clone(),
                std::cmp::Reverse(b.line.size()),
                &b.line.services_text,
                &b.line.peers_text,
            ))
        });
    }
    found
}

/// The rules that matter to a comparison, from strongest to weakest, the default last.
struct Question<'a> {
    rules: Vec<Option<&'a Rule>>,
    clauses: Vec<Clause>,
    old: Bits,
    new: Bits,
    /// Symbols of rules that differ.
    changed_symbols: BTreeSet<Symbol>,
}

impl<'a> Question<'a> {
    /// `None` when no rule differs.
    fn new(old: &[&'a Rule], new: &[&'a Rule], default: Policy, resolve: &Resolve<'_>) -> Option<Self> {
        let mut states: BTreeMap<crate::model::RuleIdentity<'a>, (&'a Rule, bool, bool)> = BTreeMap::new();
        for &rule in old {
            states.entry(rule.identity()).or_insert((rule, false, false)).1 = true;
        }
        for &rule in new {
            states.entry(rule.identity()).or_insert((rule, false, false)).2 = true;
        }
        let changed: Vec<&Rule> =
            states.values().filter(|(_, before, after)| before != after).map(|(rule, ..)| *rule).collect();
        if changed.is_empty() {
            return None;
        }
        // A rule that meets none of those that differ decides nothing about the difference.
        let mut members: Vec<(Clause, Option<&Rule>, bool, bool)> = states
            .into_values()
            .filter(|(rule, before, after)| before != after || changed.iter().any(|other| may_overlap(rule, other)))
            .map(|(rule, before, after)| (Clause::of(rule, resolve), Some(rule), before, after))
            .collect();
        members.push((Clause::default(default), None, true, true));
        members.sort_by_key(|(clause, ..)| clause.rank());
        let mut question = Self {
            rules: Vec::with_capacity(members.len()),
            clauses: Vec::with_capacity(members.len()),
            old: Bits::new(members.len()),
            new: Bits::new(members.len()),
            changed_symbols: BTreeSet::new(),
        };
        for (index, (clause, rule, before, after)) in members.into_iter().enumerate() {
            if before {
                question.old.insert(index);
            }
            if after {
                question.new.insert(index);
            }
            if before != after {
                question.changed_symbols.extend(clause.symbol().cloned());
            }
            question.clauses.push(clause);
            question.rules.push(rule);
        }
        Some(question)
    }

    /// Nobody's world, one for each symbol, and the pairs with a symbol of a rule that differs: wherever the two states differ, one of
    /// the two winners is such a rule.
    fn worlds(&self) -> Vec<World> {
        let symbols: BTreeSet<&Symbol> = self.clauses.iter().filter_map(Clause::symbol).collect();
        let symbols: Vec<Symbol> = symbols.into_iter().cloned().collect();
        super::atlas::worlds(&symbols, 2)
            .into_iter()
            .filter(|world| world.len() < 2 || world.iter().any(|symbol| self.changed_symbols.contains(symbol)))
            .collect()
    }

    fn winner(&self, signature: &Bits, state: &Bits) -> usize {
        signature.first_common(state).expect("the default matches everything")
    }

    fn fate(&self, signature: &Bits) -> Fate {
        let verdict = |state| self.clauses[self.winner(signature, state)].policy;
        match (verdict(&self.old), verdict(&self.new)) {
            (Policy::Drop, Policy::Accept) => Fate::Opens,
            (Policy::Accept, Policy::Drop) => Fate::Closes,
            _ => Fate::Same,
        }
    }

    fn sentences(&self, atlas: &Atlas, fates: &Diagram<Fate>, wanted: Fate, out: &mut Vec<Sentence>) {
        let roots: BTreeMap<(World, Family), NodeId> =
            fates.roots.iter().map(|(world, family, root)| ((world.clone(), *family), *root)).collect();
        let of = |world: &[Symbol], family| roots[&(world.to_vec(), family)];
        let is = |fate: &Fate| *fate == wanted;
        let worlds: BTreeSet<&World> = fates.roots.iter().map(|(world, ..)| world).collect();
        for world in worlds {
            match world.as_slice() {
                [] => {
                    let cover = |here: &[Fate]| if is(&here[0]) { Cover::Must } else { Cover::Never };
                    let tuples = Family::BOTH.map(|family| vec![of(&[], family)]);
                    self.say(atlas, fates, wanted, world, &tuples, Who::Anyone, cover, out);
                }
                [one] => {
                    let tuples =
                        Family::BOTH.map(|family| vec![of(&[], family), of(std::slice::from_ref(one), family)]);
                    let more = |both: &[Fate]| match (is(&both[0]), is(&both[1])) {
                        (false, true) => Cover::Must,
                        (true, true) => Cover::May,
                        (_, false) => Cover::Never,
                    };
                    let less = |both: &[Fate]| match (is(&both[0]), is(&both[1])) {
                        (true, false) => Cover::Must,
                        _ => Cover::Never,
                    };
                    self.say(atlas, fates, wanted, world, &tuples, Who::MembersOf(world.clone()), more, out);
                    self.say(atlas, fates, wanted, &Vec::new(), &tuples, Who::NotMembersOf(world.clone()), less, out);
                }
                [one, two] => {
                    let tuples = Family::BOTH.map(|family| {
                        vec![
                            of(&[], family),
                            of(std::slice::from_ref(one), family),
                            of(std::slice::from_ref(two), family),
                            of(world, family),
                        ]
                    });
                    // Said only where none of the smaller worlds says it already.
                    let more = |all: &[Fate]| match (all[..3].iter().any(is), is(&all[3])) {
                        (false, true) => Cover::Must,
                        (true, true) => Cover::May,
                        (_, false) => Cover::Never,
                    };
                    let less = |all: &[Fate]| match (all[..3].iter().all(is), is(&all[3])) {
                        (true, false) => Cover::Must,
                        _ => Cover::Never,
                    };
                    self.say(atlas, fates, wanted, world, &tuples, Who::MembersOf(world.clone()), more, out);
                    self.say(atlas, fates, wanted, &Vec::new(), &tuples, Who::NotMembersOf(world.clone()), less, out);
                }
                _ => unreachable!("worlds of at most two memberships"),
            }
        }
    }

    #[expect(clippy::too_many_arguments, reason = "one private step of `sentences`")]
    fn say(
        &self,
        atlas: &Atlas,
        fates: &Diagram<Fate>,
        wanted: Fate,
        world: &World,
        tuples: &[Vec<NodeId>; 2],
        who: Who,
        cover: impl Fn(&[Fate]) -> Cover,
        out: &mut Vec<Sentence>,
    ) {
        let (diagram, roots) = fates.product(tuples, cover);
        let roots: Vec<(Family, NodeId)> = Family::BOTH.into_iter().zip(roots).collect();
        for line in lines(&diagram, &roots) {
            let (before, after) = self.deciders(atlas, world, &line, wanted);
            out.push(Sentence { line, who: who.clone(), before, after });
        }
    }

    /// Who decides about a line before and after: the rules with the largest shares of it.
    fn deciders(
        &self,
        atlas: &Atlas,
        world: &World,
        line: &Line,
        wanted: Fate,
    ) -> (Vec<Option<Rule>>, Vec<Option<Rule>>) {
        let mut shares = BTreeMap::new();
        for (own, family, root) in &atlas.diagram.roots {
            if let (true, Some(peers)) = (own == world, line.peers.get(family)) {
                share(&atlas.diagram, *root, *family, peers, &line.services, &ServiceBox::ALL, 1.0, &mut shares);
            }
        }
        let mut before: BTreeMap<usize, f64> = BTreeMap::new();
        let mut after: BTreeMap<usize, f64> = BTreeMap::new();
        for (SignatureId(id), size) in shares {
            let signature = &atlas.signatures[id as usize];
            if self.fate(signature) == wanted {
                *before.entry(self.winner(signature, &self.old)).or_default() += size;
                *after.entry(self.winner(signature, &self.new)).or_default() += size;
            }
        }
        let largest = |shares: BTreeMap<usize, f64>| {
            let mut shares: Vec<(usize, f64)> = shares.into_iter().collect();
            shares.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
            shares.into_iter().map(|(index, _)| self.rules[index].cloned()).collect()
        };
        (largest(before), largest(after))
    }
}

/// Adds up how much of a region each signature below a node has.
#[expect(clippy::too_many_arguments, reason = "a recursion that carries the region along")]
fn share(
    diagram: &Diagram<SignatureId>,
    node: NodeId,
    family: Family,
    peers: &[Interval],
    services: &[ServiceBox],
    within: &ServiceBox,
    size: f64,
    shares: &mut BTreeMap<SignatureId, f64>,
) {
    match diagram.node(node) {
        Node::Leaf(signature) => {
            if services.iter().any(|service| service.intersection(within).is_some()) {
                *shares.entry(*signature).or_default() += size;
            }
        }
        Node::Cut(dimension, pieces) => {
            let mut first = match dimension {
                Dimension::Destination | Dimension::Source => PORTS.0,
                Dimension::Peer | Dimension::Protocol | Dimension::Local => 0,
            };
            for &(last, child) in pieces {
                let piece = (first, last);
                first = last.wrapping_add(1);
                let mut part = within.clone();
                match dimension {
                    Dimension::Peer => {
                        let inside: f64 = peers
                            .iter()
                            .map(|&(a, b)| (a.max(piece.0), b.min(piece.1)))
                            .filter(|(a, b)| a <= b)
                            .map(|(a, b)| (b - a) as f64 + 1.0)
                            .sum();
                        if inside > 0.0 {
                            share(diagram, child, family, peers, services, &part, size * inside, shares);
                        }
                        continue;
                    }
                    Dimension::Protocol => part.protocol = piece,
                    Dimension::Destination => part.destination = piece,
                    Dimension::Source => part.source = piece,
                    Dimension::Local => part.local = Some((family, piece)),
                }
                if services.iter().any(|service| service.intersection(&part).is_some()) {
                    let width = (piece.1 - piece.0) as f64 + 1.0;
                    share(diagram, child, family, peers, services, &part, size * width, shares);
                }
            }
        }
    }
}
