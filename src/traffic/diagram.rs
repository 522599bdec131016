//! Ordered interval decision diagrams: functions of packets as cuts of one dimension after the other.

use super::{
    clause::{Family, Symbol},
    quick::QuickMap,
};

/// The dimensions, in the order of the diagram.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Dimension {
    /// The peer's address.
    Peer,
    /// Protocol number.
    Protocol,
    /// Destination port; only TCP and UDP are cut here.
    Destination,
    /// Source port.
    Source,
    /// The member's own address.
    Local,
}

impl Dimension {
    /// The one below.
    pub fn next(self) -> Option<Self> {
        match self {
            Self::Peer => Some(Self::Protocol),
            Self::Protocol => Some(Self::Destination),
            Self::Destination => Some(Self::Source),
            Self::Source => Some(Self::Local),
            Self::Local => None,
        }
    }
}

/// A node of a diagram.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NodeId(pub(super) u32);

impl NodeId {
    /// Its place among the nodes of its diagram.
    pub fn index(self) -> usize {
        self.0 as usize
    }
}

/// Cuts one dimension, or ends.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Node<L> {
    /// What is at the end.
    Leaf(L),
    /// Intervals by their last number, in order and without gap; the next begins one above. A dimension that is skipped is not cut.
    Cut(Dimension, Vec<(u128, NodeId)>),
}

/// A set of memberships, at most as many as the question needs.
pub type World = Vec<Symbol>;

/// Diagrams that share their nodes, one for each world and address family.
#[derive(Clone, Debug)]
pub struct Diagram<L> {
    /// Children stand before their parents.
    pub(super) nodes: Vec<Node<L>>,
    /// World, family, root.
    pub roots: Vec<(World, Family, NodeId)>,
}

impl<L> Diagram<L> {
    /// A node.
    pub fn node(&self, id: NodeId) -> &Node<L> {
        &self.nodes[id.index()]
    }

    /// For every node by its place, whether some label below it is one that is looked for.
    pub fn leads(&self, is: impl Fn(&L) -> bool) -> Vec<bool> {
        let mut leads: Vec<bool> = Vec::with_capacity(self.nodes.len());
        for node in &self.nodes {
            leads.push(match node {
                Node::Leaf(label) => is(label),
                Node::Cut(_, pieces) => pieces.iter().any(|(_, child)| leads[child.index()]),
            });
        }
        leads
    }
}

impl<L: Copy + Eq + std::hash::Hash> Diagram<L> {
    /// Diagrams of several others, point by point: `label` gets what each root of a tuple says of a point. The roots of a tuple are
    /// of one family. Returns the new roots in the order of the tuples.
    pub fn product<K: Copy + Eq + std::hash::Hash>(
        &self,
        tuples: &[Vec<NodeId>],
        label: impl Fn(&[L]) -> K,
    ) -> (Diagram<K>, Vec<NodeId>) {
        let mut product = Product {
            of: self,
            label,
            nodes: Vec::new(),
            ids: QuickMap::default(),
            memo: QuickMap::default(),
        };
        let roots = tuples.iter().map(|roots| product.node(roots)).collect();
        (
            Diagram {
                nodes: product.nodes,
                roots: Vec::new(),
            },
            roots,
        )
    }
}

struct Product<'a, L, K, F> {
    of: &'a Diagram<L>,
    label: F,
    nodes: Vec<Node<K>>,
    ids: QuickMap<Node<K>, NodeId>,
    memo: QuickMap<Vec<NodeId>, NodeId>,
}

impl<L: Copy, K: Copy + Eq + std::hash::Hash, F: Fn(&[L]) -> K> Product<'_, L, K, F> {
    fn node(&mut self, parts: &[NodeId]) -> NodeId {
        if let Some(&id) = self.memo.get(parts) {
            return id;
        }
        let first_cut = parts
            .iter()
            .filter_map(|&part| match self.of.node(part) {
                Node::Leaf(_) => None,
                Node::Cut(dimension, _) => Some(*dimension),
            })
            .min();
        let id = match first_cut {
            None => {
                let labels: Vec<L> = parts
                    .iter()
                    .map(|&part| match self.of.node(part) {
                        Node::Leaf(label) => *label,
                        Node::Cut(..) => unreachable!("nothing is cut any more"),
                    })
                    .collect();
                let label = (self.label)(&labels);
                self.intern(Node::Leaf(label))
            }
            Some(dimension) => self.cut(dimension, parts),
        };
        self.memo.insert(parts.to_vec(), id);
        id
    }

    fn cut(&mut self, dimension: Dimension, parts: &[NodeId]) -> NodeId {
        let of = self.of;
        let pieces: Vec<Option<&[(u128, NodeId)]>> = parts
            .iter()
            .map(|&part| match of.node(part) {
                Node::Cut(own, pieces) if *own == dimension => Some(pieces.as_slice()),
                Node::Cut(..) | Node::Leaf(_) => None,
            })
            .collect();
        let mut borders: Vec<u128> = pieces
            .iter()
            .flatten()
            .flat_map(|p| p.iter().map(|(last, _)| *last))
            .collect();
        borders.sort_unstable();
        borders.dedup();
        let mut at = vec![0; parts.len()];
        let mut merged: Vec<(u128, NodeId)> = Vec::with_capacity(borders.len());
        for last in borders {
            let children: Vec<NodeId> = parts
                .iter()
                .zip(&pieces)
                .zip(&at)
                .map(|((&part, pieces), &at)| pieces.map_or(part, |pieces| pieces[at].1))
                .collect();
            let child = self.node(&children);
            extend(&mut merged, last, child);
            for (at, pieces) in at.iter_mut().zip(&pieces) {
                if pieces.is_some_and(|pieces| pieces[*at].0 == last) {
                    *at += 1;
                }
            }
        }
        match merged.as_slice() {
            [(_, only)] => *only,
            _ => self.intern(Node::Cut(dimension, merged)),
        }
    }

    fn intern(&mut self, node: Node<K>) -> NodeId {
        if let Some(&id) = self.ids.get(&node) {
            return id;
        }
        let id = NodeId(u32::try_from(self.nodes.len()).expect("fewer than 2^32 nodes"));
        self.nodes.push(node.clone());
        self.ids.insert(node, id);
        id
    }
}

/// Puts a piece behind others, joined with the last of them where both lead to the same node.
pub(super) fn extend(cuts: &mut Vec<(u128, NodeId)>, last: u128, child: NodeId) {
    match cuts.last_mut() {
        Some(open) if open.1 == child => open.0 = last,
        _ => cuts.push((last, child)),
    }
}
