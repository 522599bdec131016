//! The atlas: packet space cut at the borders of all rules in question into pieces in each of which the same rules match.
//!
//! An ordered interval decision diagram: at every level a dimension (peer address, protocol, destination port, source port, own
//! address) is cut into intervals, each leading to a node of a later level, at the end to a *signature*, the set of rules that match
//! there. Equal nodes are one node. What keeps it small is that the node below an interval depends only on which rules are still
//! in play, and is built once for each such set.
//!
//! What a peer belongs to beside its address (groups, unread lists) is a *world*: one diagram for each set of memberships and
//! each address family. Two rule sets that differ anywhere differ in a world of at most two memberships: take the two winners there, and
//! drop all memberships but theirs; only competitors leave.

use std::collections::BTreeSet;

pub use super::diagram::{Diagram, Dimension, Node, NodeId, World};
use super::{
    bits::Bits,
    clause::{Clause, Family, Far, Interval, Symbol},
    diagram::extend,
    quick::QuickMap,
};

/// An index into [`Atlas::signatures`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SignatureId(pub u32);

/// Packet space cut by a list of clauses.
#[derive(Clone, Debug)]
pub struct Atlas {
    /// The distinct sets of clauses that match somewhere, by index into the clauses the atlas was built from.
    pub signatures: Vec<Bits>,
    /// Where each of them is.
    pub diagram: Diagram<SignatureId>,
}

impl Atlas {
    /// Cuts space by clauses, which must stand from strongest to weakest, in each of the worlds.
    pub fn new(clauses: &[Clause], worlds: Vec<World>) -> Self {
        debug_assert!(
            clauses.is_sorted_by_key(Clause::rank),
            "from strongest to weakest"
        );
        let symbols = worlds.iter().flatten();
        let mut builder = Builder {
            clauses,
            told: symbols.cloned().collect(),
            family: Family::V4,
            constrained: constraints(clauses),
            nodes: Vec::new(),
            signatures: Vec::new(),
            leaves: Vec::new(),
            signature_ids: QuickMap::default(),
            memo: QuickMap::default(),
        };
        let peers = Family::BOTH.map(|family| builder.peers(family));
        let mut roots = Vec::new();
        for world in worlds {
            for (family, pieces) in Family::BOTH.into_iter().zip(&peers) {
                let root = builder.root(&world, family, pieces);
                roots.push((world.clone(), family, root));
            }
        }
        Self {
            signatures: builder.signatures,
            diagram: Diagram {
                nodes: builder.nodes,
                roots,
            },
        }
    }

    /// Names every signature anew; pieces that get one name and touch become one. For clauses of one order of dimensions the result
    /// depends on the sets of packets alone, not on the rules they came from.
    pub fn relabel<L: Copy + Eq + std::hash::Hash>(
        &self,
        label: impl Fn(&Bits) -> L,
    ) -> Diagram<L> {
        self.relabel_as(&self.signatures.iter().map(label).collect::<Vec<L>>())
    }

    /// As [`relabel`](Self::relabel), with the names in the order of the signatures.
    pub fn relabel_as<L: Copy + Eq + std::hash::Hash>(&self, labels: &[L]) -> Diagram<L> {
        let mut nodes: Vec<Node<L>> = Vec::new();
        let mut ids: QuickMap<Node<L>, NodeId> = QuickMap::default();
        let mut new_ids: Vec<NodeId> = Vec::with_capacity(self.diagram.nodes.len());
        let mut intern = |node: Node<L>| -> NodeId {
            *ids.entry(node.clone()).or_insert_with(|| {
                nodes.push(node);
                NodeId(u32::try_from(nodes.len() - 1).expect("fewer than 2^32 nodes"))
            })
        };
        // Children stand before their parents.
        for node in &self.diagram.nodes {
            let id = match node {
                Node::Leaf(signature) => intern(Node::Leaf(labels[signature.0 as usize])),
                Node::Cut(dimension, intervals) => {
                    let mut merged: Vec<(u128, NodeId)> = Vec::with_capacity(intervals.len());
                    for &(last, child) in intervals {
                        let child = new_ids[child.0 as usize];
                        extend(&mut merged, last, child);
                    }
                    match merged.as_slice() {
                        [(_, only)] => *only,
                        _ => intern(Node::Cut(*dimension, merged)),
                    }
                }
            };
            new_ids.push(id);
        }
        let roots = self
            .diagram
            .roots
            .iter()
            .map(|(world, family, root)| (world.clone(), *family, new_ids[root.0 as usize]))
            .collect();
        Diagram { nodes, roots }
    }
}

/// All sets of at most `size` symbols, the empty one first.
pub fn worlds(symbols: &[Symbol], size: usize) -> Vec<World> {
    let mut all: Vec<(World, usize)> = vec![(Vec::new(), 0)];
    let mut from = 0;
    for _ in 0..size {
        let until = all.len();
        for index in from..until {
            let (world, next) = all[index].clone();
            for (number, symbol) in symbols.iter().enumerate().skip(next) {
                let mut larger = world.clone();
                larger.push(symbol.clone());
                all.push((larger, number + 1));
            }
        }
        from = until;
    }
    all.into_iter().map(|(world, _)| world).collect()
}

/// For every dimension below the peer, the clauses that say something about it.
fn constraints(clauses: &[Clause]) -> [Bits; 4] {
    let mut constrained = [(); 4].map(|()| Bits::new(clauses.len()));
    for (index, clause) in clauses.iter().enumerate() {
        let says = [
            clause.protocol.is_some(),
            clause.destination.is_some(),
            clause.source.is_some(),
            clause.local.is_some(),
        ];
        for (bits, says) in constrained.iter_mut().zip(says) {
            if says {
                bits.insert(index);
            }
        }
    }
    constrained
}

struct Builder<'a> {
    clauses: &'a [Clause],
    /// Symbols of any world. Ports of a list that is none of them are every port.
    told: BTreeSet<Symbol>,
    family: Family,
    constrained: [Bits; 4],
    nodes: Vec<Node<SignatureId>>,
    signatures: Vec<Bits>,
    /// The leaf of each signature.
    leaves: Vec<NodeId>,
    signature_ids: QuickMap<Bits, SignatureId>,
    memo: QuickMap<(Dimension, Bits), NodeId>,
}

impl Builder<'_> {
    /// The addresses of a family in pieces, each by its last, with the clauses that match there whoever the peer is.
    fn peers(&self, family: Family) -> Vec<(u128, Bits)> {
        let mut everywhere = Bits::new(self.clauses.len());
        let mut intervals = Vec::new();
        for (index, clause) in self.clauses.iter().enumerate() {
            match &clause.far {
                _ if !clause.is_of(family) => {}
                Far::Anyone => everywhere.insert(index),
                Far::Member(_) => {}
                Far::Addresses(_, ranges) => {
                    intervals.extend(ranges.iter().map(|&range| (range, index)));
                }
            }
        }
        let mut pieces = Vec::new();
        sweep(
            everywhere,
            &intervals,
            (0, family.last_address()),
            |last, active| pieces.push((last, active.clone())),
        );
        pieces
    }

    /// The diagram of one world: in every piece also match the clauses of its symbols, and those do not that ask for ports of a list which
    /// is told apart and is not in it.
    fn root(&mut self, world: &World, family: Family, pieces: &[(u128, Bits)]) -> NodeId {
        self.family = family;
        let mut members = Bits::new(self.clauses.len());
        let mut other_ports = Bits::new(self.clauses.len());
        for (index, clause) in self.clauses.iter().enumerate() {
            if clause.is_of(family) && clause.symbol().is_some_and(|symbol| world.contains(symbol))
            {
                members.insert(index);
            }
            if let Some(list) = &clause.ports_in {
                let list = Symbol::PortList(list.clone());
                if self.told.contains(&list) && !world.contains(&list) {
                    other_ports.insert(index);
                }
            }
        }
        let mut cuts: Vec<(u128, NodeId)> = Vec::with_capacity(pieces.len());
        for (last, active) in pieces {
            let active = active.or(&members).minus(&other_ports);
            let child = self.below(Some(Dimension::Protocol), &active);
            extend(&mut cuts, *last, child);
        }
        self.cut(Dimension::Peer, cuts)
    }

    fn cut(&mut self, dimension: Dimension, cuts: Vec<(u128, NodeId)>) -> NodeId {
        match cuts.as_slice() {
            [(_, only)] => *only,
            // Built once for each set of clauses, so that there is next to never an equal one to look for.
            _ => self.push(Node::Cut(dimension, cuts)),
        }
    }

    /// The node of the clauses that are still in play, from a dimension on.
    fn below(&mut self, dimension: Option<Dimension>, active: &Bits) -> NodeId {
        let Some(dimension) = dimension else {
            return self.leaf(active);
        };
        let constrained = active.and(&self.constrained[dimension as usize - 1]);
        if constrained.is_empty() {
            return self.below(dimension.next(), active);
        }
        // Families differ in their own addresses alone, and a clause that looks at those is of one: the set tells the family.
        let key = (dimension, active.clone());
        if let Some(&node) = self.memo.get(&key) {
            return node;
        }
        let free = active.minus(&constrained);
        let mut intervals: Vec<(Interval, usize)> = Vec::new();
        for index in constrained.iter() {
            let clause = &self.clauses[index];
            let mut take =
                |ranges: &[Interval]| intervals.extend(ranges.iter().map(|&range| (range, index)));
            match dimension {
                Dimension::Peer => {}
                Dimension::Protocol => {
                    let number = u128::from(clause.protocol.expect("says something about it"));
                    take(&[(number, number)]);
                }
                Dimension::Destination => take(
                    clause
                        .destination
                        .as_deref()
                        .expect("says something about it"),
                ),
                Dimension::Source => {
                    take(clause.source.as_deref().expect("says something about it"))
                }
                Dimension::Local => take(&[clause.local.expect("says something about it").1]),
            }
        }
        let space = match dimension {
            Dimension::Peer | Dimension::Local => (0, self.family.last_address()),
            Dimension::Protocol => (0, 255),
            Dimension::Destination | Dimension::Source => (1, 65535),
        };
        let mut cuts: Vec<(u128, NodeId)> = Vec::with_capacity(intervals.len() + 1);
        sweep(free, &intervals, space, |last, active| {
            let child = self.below(dimension.next(), active);
            extend(&mut cuts, last, child);
        });
        let node = self.cut(dimension, cuts);
        self.memo.insert(key, node);
        node
    }

    fn leaf(&mut self, signature: &Bits) -> NodeId {
        if let Some(&SignatureId(id)) = self.signature_ids.get(signature) {
            return self.leaves[id as usize];
        }
        let id = SignatureId(u32::try_from(self.signatures.len()).expect("fewer than 2^32"));
        self.signatures.push(signature.clone());
        self.signature_ids.insert(signature.clone(), id);
        let leaf = self.push(Node::Leaf(id));
        self.leaves.push(leaf);
        leaf
    }

    fn push(&mut self, node: Node<SignatureId>) -> NodeId {
        let id = NodeId(u32::try_from(self.nodes.len()).expect("fewer than 2^32 nodes"));
        self.nodes.push(node);
        id
    }
}

/// One pass over the borders of intervals; hands out each piece by its last number, with the clauses that match there.
fn sweep(
    everywhere: Bits,
    intervals: &[(Interval, usize)],
    (start, end): Interval,
    mut piece: impl FnMut(u128, &Bits),
) {
    let mut events: Vec<(u128, bool, usize)> = Vec::with_capacity(intervals.len() * 2);
    for &((first, last), index) in intervals {
        events.push((first, true, index));
        if last < end {
            events.push((last + 1, false, index));
        }
    }
    // At one border what ends goes first, so that adjoining intervals of one clause do not take each other out.
    events.sort_unstable();
    let mut active = everywhere;
    let mut at = start;
    let mut next = 0;
    loop {
        while let Some(&(_, enters, index)) = events.get(next).filter(|event| event.0 <= at) {
            if enters {
                active.insert(index);
            } else {
                active.remove(index);
            }
            next += 1;
        }
        let last = events.get(next).map_or(end, |event| event.0 - 1);
        piece(last, &active);
        if last == end {
            break;
        }
        at = last + 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        model::Policy,
        traffic::clause::{Far, cidr_interval},
    };

    #[test]
    fn equal_sets_of_packets_are_one_node_whatever_rules_made_them() {
        let clause = |cidrs: &[&str]| Clause {
            far: Far::Addresses(
                Family::V4,
                cidrs
                    .iter()
                    .map(|cidr| cidr_interval(cidr.parse().unwrap()))
                    .collect(),
            ),
            ..Clause::default(Policy::Accept)
        };
        // The first is the second in two halves, each with one half of the ports.
        let ports = |first, last| Some(vec![(first, last)]);
        let mut clauses = Vec::new();
        for cidr in ["10.0.0.0/9", "10.128.0.0/9"] {
            for destination in [ports(1, 100), ports(101, 65535)] {
                clauses.push(Clause {
                    destination,
                    ..clause(&[cidr])
                });
            }
        }
        let pieces = Atlas::new(&clauses, vec![Vec::new()]).relabel(|hit| !hit.is_empty());
        let whole =
            Atlas::new(&[clause(&["10.0.0.0/8"])], vec![Vec::new()]).relabel(|hit| !hit.is_empty());
        for family in 0..2 {
            let [a, b] = [&pieces, &whole].map(|diagram| diagram.node(diagram.roots[family].2));
            match (a, b) {
                (Node::Cut(_, a), Node::Cut(_, b)) => {
                    let borders = |cuts: &[(u128, NodeId)]| -> Vec<u128> {
                        cuts.iter().map(|(last, _)| *last).collect()
                    };
                    assert_eq!(borders(a), borders(b));
                }
                _ => assert_eq!(a, b),
            }
        }
        assert_eq!(pieces.leads(|_| true).len(), whole.leads(|_| true).len());
    }
}
