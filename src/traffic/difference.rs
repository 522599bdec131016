//! What a change of rules means: the traffic that is newly admitted and the traffic that no longer is.

use std::collections::{BTreeMap, BTreeSet};

use super::{
    atlas::{Diagram, Dimension, Node, NodeId, SignatureId},
    bits::Bits,
    change::comparing_space,
    clause::{Family, Interval, Resolve},
    services::{PORTS, ServiceBox},
    space::Space,
    speak::{Statement, speak},
};
use crate::model::{Policy, Rule};

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
    let before: BTreeSet<_> = old.iter().map(|rule| rule.identity()).collect();
    let after: BTreeSet<_> = new.iter().map(|rule| rule.identity()).collect();
    let differs =
        |rule: &&Rule| before.contains(&rule.identity()) != after.contains(&rule.identity());
    let all = old.iter().chain(new).copied();
    let changed: Vec<&Rule> = all.filter(differs).collect();
    if changed.is_empty() {
        return Difference::default();
    }
    let space = comparing_space(old.iter().copied(), &changed, default, resolve);
    difference_in(&space, old, new)
}

/// As [`difference`], in a space that was made of the same change.
pub fn difference_in(space: &Space<'_>, old: &[&Rule], new: &[&Rule]) -> Difference {
    let question = Question {
        space,
        old: space.state(old.iter().copied()),
        new: space.state(new.iter().copied()),
    };
    let fates: Vec<Fate> = space
        .atlas
        .signatures
        .iter()
        .map(|signature| question.fate(signature))
        .collect();
    Difference {
        newly_admitted: question.sentences(&fates, Fate::Opens),
        no_longer_admitted: question.sentences(&fates, Fate::Closes),
    }
}

/// Two states in a space.
struct Question<'a> {
    space: &'a Space<'a>,
    old: Bits,
    new: Bits,
}

impl Question<'_> {
    fn fate(&self, signature: &Bits) -> Fate {
        let verdict = |state| self.space.verdict(signature, state);
        match (verdict(&self.old), verdict(&self.new)) {
            (Policy::Drop, Policy::Accept) => Fate::Opens,
            (Policy::Accept, Policy::Drop) => Fate::Closes,
            _ => Fate::Same,
        }
    }

    /// `fates` in the order of the signatures.
    fn sentences(&self, fates: &[Fate], wanted: Fate) -> Vec<Sentence> {
        if !fates.contains(&wanted) {
            return Vec::new();
        }
        let is_wanted: Vec<bool> = fates.iter().map(|fate| *fate == wanted).collect();
        let atlas = &self.space.atlas;
        let leads = atlas
            .diagram
            .leads(|SignatureId(id)| is_wanted[*id as usize]);
        speak(&atlas.relabel_as(&is_wanted), |wanted| *wanted)
            .into_iter()
            .map(|what| {
                let (before, after) = self.deciders(&what, &leads);
                Sentence {
                    what,
                    before,
                    after,
                }
            })
            .collect()
    }

    /// Who decides about a line before and after: the rules with the largest shares of it.
    fn deciders(&self, what: &Statement, leads: &[bool]) -> (Vec<Option<Rule>>, Vec<Option<Rule>>) {
        let mut before: BTreeMap<usize, f64> = BTreeMap::new();
        let mut after: BTreeMap<usize, f64> = BTreeMap::new();
        for (SignatureId(id), size) in shares(self.space, what, leads) {
            let signature = &self.space.atlas.signatures[id as usize];
            let winner = |state| self.space.winner(signature, state);
            *before.entry(winner(&self.old)).or_default() += size;
            *after.entry(winner(&self.new)).or_default() += size;
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

/// How much of the packets of a statement each signature has, as far as the nodes on the way to it lead somewhere
/// ([`Diagram::leads`]); in the order of signatures.
pub(crate) fn shares(
    space: &Space<'_>,
    what: &Statement,
    leads: &[bool],
) -> Vec<(SignatureId, f64)> {
    let Space { atlas, .. } = space;
    let mut walk = Walk {
        diagram: &atlas.diagram,
        leads,
        services: &what.line.services,
        met: (0..what.line.services.len()).collect(),
        sizes: vec![0.0; atlas.signatures.len()],
    };
    for (own, family, root) in &atlas.diagram.roots {
        if let (true, Some(peers)) = (own == what.world(), what.line.peers.get(family)) {
            walk.peers(*root, *family, peers);
        }
    }
    let sizes = walk.sizes.into_iter().zip(0..);
    sizes
        .filter(|(size, _)| *size > 0.0)
        .map(|(size, id)| (SignatureId(id), size))
        .collect()
}

/// Adds up how much of some services each signature has.
struct Walk<'a> {
    diagram: &'a Diagram<SignatureId>,
    leads: &'a [bool],
    services: &'a [ServiceBox],
    /// The services that meet the region, for every node on the way one after the other.
    met: Vec<usize>,
    sizes: Vec<f64>,
}

impl Walk<'_> {
    fn peers(&mut self, root: NodeId, family: Family, peers: &[Interval]) {
        let diagram = self.diagram;
        let Node::Cut(Dimension::Peer, pieces) = diagram.node(root) else {
            return self.node(root, family, 0, 1.0);
        };
        let mut first = 0;
        for &(last, child) in pieces {
            let inside: f64 = peers
                .iter()
                .map(|&(a, b)| (a.max(first), b.min(last)))
                .filter(|(a, b)| a <= b)
                .map(|(a, b)| (b - a) as f64 + 1.0)
                .sum();
            first = last.wrapping_add(1);
            if inside > 0.0 {
                self.node(child, family, 0, inside);
            }
        }
    }

    /// `from`: where the services that meet the region begin in `met`.
    fn node(&mut self, node: NodeId, family: Family, from: usize, size: f64) {
        if !self.leads[node.index()] {
            return;
        }
        let diagram = self.diagram;
        let (dimension, pieces) = match diagram.node(node) {
            Node::Leaf(SignatureId(id)) => {
                self.sizes[*id as usize] += size;
                return;
            }
            Node::Cut(dimension, pieces) => (*dimension, pieces),
        };
        let until = self.met.len();
        let mut first = match dimension {
            Dimension::Destination | Dimension::Source => PORTS.0,
            Dimension::Peer | Dimension::Protocol | Dimension::Local => 0,
        };
        for &(last, child) in pieces {
            let piece = (first, last);
            first = last.wrapping_add(1);
            if !self.leads[child.index()] {
                continue;
            }
            for at in from..until {
                let service = self.met[at];
                if meets(&self.services[service], dimension, family, piece) {
                    self.met.push(service);
                }
            }
            if self.met.len() > until {
                let width = (piece.1 - piece.0) as f64 + 1.0;
                self.node(child, family, until, size * width);
                self.met.truncate(until);
            }
        }
    }
}

/// Whether a service has something of a piece of one dimension.
fn meets(service: &ServiceBox, dimension: Dimension, family: Family, piece: Interval) -> bool {
    let own = match dimension {
        Dimension::Peer => return true,
        Dimension::Protocol => service.protocol,
        Dimension::Destination => service.destination,
        Dimension::Source => service.source,
        Dimension::Local => match service.local {
            None => return true,
            Some((other, _)) if other != family => return false,
            Some((_, local)) => local,
        },
    };
    own.0 <= piece.1 && piece.0 <= own.1
}
