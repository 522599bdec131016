//! What a change of rules means: the traffic that is newly admitted and the traffic that no longer is.

use std::collections::{BTreeMap, BTreeSet};

use super::{
    atlas::{Diagram, Dimension, Node, NodeId, SignatureId},
    bits::Bits,
    clause::{Family, Interval, Resolve},
    may_overlap,
    memberships::Memberships,
    services::{PORTS, ServiceBox},
    space::Space,
    speak::{Statement, speak},
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
    /// The traffic.
    pub what: Statement,
    /// The rules that decided before, the widest first; `None` is the default.
    pub before: Vec<Option<Rule>>,
    /// The rules that decide after.
    pub after: Vec<Option<Rule>>,
}

/// What happens to a packet from one state to the other.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Fate {
    Same,
    Opens,
    Closes,
}

/// Compares two states of one direction (and network interface) of a group.
pub fn difference(
    old: &[&Rule],
    new: &[&Rule],
    default: Policy,
    resolve: &Resolve<'_>,
) -> Difference {
    let Some(question) = Question::new(old, new, default, resolve) else {
        return Difference::default();
    };
    let fates = question
        .space
        .atlas
        .relabel(|signature| question.fate(signature));
    Difference {
        newly_admitted: question.sentences(&fates, Fate::Opens),
        no_longer_admitted: question.sentences(&fates, Fate::Closes),
    }
}

/// The rules that matter to a comparison, and the two states.
struct Question<'a> {
    space: Space<'a>,
    old: Bits,
    new: Bits,
}

impl<'a> Question<'a> {
    /// `None` when no rule differs.
    fn new(
        old: &[&'a Rule],
        new: &[&'a Rule],
        default: Policy,
        resolve: &Resolve<'_>,
    ) -> Option<Self> {
        let before: BTreeSet<_> = old.iter().map(|rule| rule.identity()).collect();
        let after: BTreeSet<_> = new.iter().map(|rule| rule.identity()).collect();
        let differs =
            |rule: &Rule| before.contains(&rule.identity()) != after.contains(&rule.identity());
        let all = || old.iter().chain(new).copied();
        let changed: Vec<&Rule> = all().filter(|rule| differs(rule)).collect();
        if changed.is_empty() {
            return None;
        }
        // A rule that meets none of those that differ decides nothing about the difference.
        let matters =
            |rule: &&Rule| differs(rule) || changed.iter().any(|other| may_overlap(rule, other));
        let stay = all().filter(|rule| !differs(rule) && matters(rule));
        let worlds = Memberships::new(stay, changed.iter().copied(), resolve).of_two();
        let space = Space::new(all().filter(matters), default, resolve, |_| worlds);
        let (old, new) = (
            space.state(old.iter().copied()),
            space.state(new.iter().copied()),
        );
        Some(Self { space, old, new })
    }

    fn fate(&self, signature: &Bits) -> Fate {
        let verdict = |state| self.space.verdict(signature, state);
        match (verdict(&self.old), verdict(&self.new)) {
            (Policy::Drop, Policy::Accept) => Fate::Opens,
            (Policy::Accept, Policy::Drop) => Fate::Closes,
            _ => Fate::Same,
        }
    }

    fn sentences(&self, fates: &Diagram<Fate>, wanted: Fate) -> Vec<Sentence> {
        speak(fates, |fate| *fate == wanted)
            .into_iter()
            .map(|what| {
                let (before, after) = self.deciders(&what, wanted);
                Sentence {
                    what,
                    before,
                    after,
                }
            })
            .collect()
    }

    /// Who decides about a line before and after: the rules with the largest shares of it.
    fn deciders(&self, what: &Statement, wanted: Fate) -> (Vec<Option<Rule>>, Vec<Option<Rule>>) {
        let atlas = &self.space.atlas;
        let shares = shares(&self.space, what);
        let mut before: BTreeMap<usize, f64> = BTreeMap::new();
        let mut after: BTreeMap<usize, f64> = BTreeMap::new();
        for (SignatureId(id), size) in shares {
            let signature = &atlas.signatures[id as usize];
            if self.fate(signature) == wanted {
                *before
                    .entry(self.space.winner(signature, &self.old))
                    .or_default() += size;
                *after
                    .entry(self.space.winner(signature, &self.new))
                    .or_default() += size;
            }
        }
        let largest = |shares: BTreeMap<usize, f64>| {
            let mut shares: Vec<(usize, f64)> = shares.into_iter().collect();
            shares.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
            shares
                .into_iter()
                .map(|(index, _)| self.space.rules[index].cloned())
                .collect()
        };
        (largest(before), largest(after))
    }
}

/// How much of the packets of a statement each signature has.
pub(crate) fn shares(space: &Space<'_>, what: &Statement) -> BTreeMap<SignatureId, f64> {
    let mut shares = BTreeMap::new();
    let diagram = &space.atlas.diagram;
    for (own, family, root) in &diagram.roots {
        if let (true, Some(peers)) = (own == what.world(), what.line.peers.get(family)) {
            share(
                diagram,
                *root,
                *family,
                peers,
                &what.line.services,
                &ServiceBox::ALL,
                1.0,
                &mut shares,
            );
        }
    }
    shares
}

/// Adds up how much of a region each signature below a node has.
#[expect(
    clippy::too_many_arguments,
    reason = "a recursion that carries the region along"
)]
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
            if services
                .iter()
                .any(|service| service.intersection(within).is_some())
            {
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
                            share(
                                diagram,
                                child,
                                family,
                                peers,
                                services,
                                &part,
                                size * inside,
                                shares,
                            );
                        }
                        continue;
                    }
                    Dimension::Protocol => part.protocol = piece,
                    Dimension::Destination => part.destination = piece,
                    Dimension::Source => part.source = piece,
                    Dimension::Local => part.local = Some((family, piece)),
                }
                if services
                    .iter()
                    .any(|service| service.intersection(&part).is_some())
                {
                    let width = (piece.1 - piece.0) as f64 + 1.0;
                    share(
                        diagram,
                        child,
                        family,
                        peers,
                        services,
                        &part,
                        size * width,
                        shares,
                    );
                }
            }
        }
    }
}
