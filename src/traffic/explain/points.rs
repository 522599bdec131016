//! What becomes of packets when what has not been told is left open.

use std::collections::BTreeSet;

use super::{Fate, Unknown, Verdict};
use crate::{
    model::Policy,
    traffic::atlas::{Diagram, Dimension, Node, NodeId},
};

/// What becomes of points: packets whose source port and own address are left open.
pub(super) struct Points<'d> {
    fates: &'d Diagram<Option<Fate>>,
    /// Whether a node has packets that are asked about.
    leads: Vec<bool>,
    seen: BTreeSet<NodeId>,
    admitted: bool,
    refused: bool,
    open: bool,
    /// What has not been told and tells packets of one point apart.
    pub(super) unknown: BTreeSet<Unknown>,
}

impl<'d> Points<'d> {
    pub(super) fn new(fates: &'d Diagram<Option<Fate>>) -> Self {
        Self {
            fates,
            leads: fates.leads(Option::is_some),
            seen: BTreeSet::new(),
            admitted: false,
            refused: false,
            open: false,
            unknown: BTreeSet::new(),
        }
    }

    /// In one word; `None` without packets.
    pub(super) fn verdict(&self) -> Option<Verdict> {
        match (self.admitted, self.refused, self.open) {
            (false, false, false) => None,
            (true, true, _) => Some(Verdict::Partly),
            (_, _, true) => Some(Verdict::Depends),
            (true, false, false) => Some(Verdict::Admitted),
            (false, true, false) => Some(Verdict::Refused),
        }
    }

    /// Takes in what is below a node of peers, protocols or destination ports.
    pub(super) fn look(&mut self, node: NodeId) {
        if !self.leads[node.index()] || !self.seen.insert(node) {
            return;
        }
        let fates = self.fates;
        match fates.node(node) {
            Node::Cut(Dimension::Peer | Dimension::Protocol | Dimension::Destination, pieces) => {
                for (_, child) in pieces {
                    self.look(*child);
                }
            }
            Node::Cut(Dimension::Source | Dimension::Local, _) | Node::Leaf(_) => {
                let mut all = BTreeSet::new();
                self.below(node, &mut all);
                match all.into_iter().collect::<Vec<_>>()[..] {
                    [Fate::Sure(Policy::Accept)] => self.admitted = true,
                    [Fate::Sure(Policy::Drop)] => self.refused = true,
                    _ => self.open = true,
                }
            }
        }
    }

    /// All fates below a node, and what tells them apart.
    fn below(&mut self, node: NodeId, all: &mut BTreeSet<Fate>) {
        let fates = self.fates;
        match fates.node(node) {
            Node::Leaf(fate) => all.extend(*fate),
            Node::Cut(dimension, pieces) => {
                let children = pieces.iter().map(|(_, child)| *child);
                let inside: BTreeSet<NodeId> =
                    children.filter(|child| self.leads[child.index()]).collect();
                if inside.len() > 1 {
                    match dimension {
                        Dimension::Source => {
                            self.unknown.insert(Unknown::SourcePort);
                        }
                        Dimension::Local => {
                            self.unknown.insert(Unknown::Local);
                        }
                        Dimension::Peer | Dimension::Protocol | Dimension::Destination => {}
                    }
                }
                for child in inside {
                    self.below(child, all);
                }
            }
        }
    }
}
