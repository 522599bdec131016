//! The columns of a picture: services cut at the borders of all rows.

use std::collections::{BTreeMap, BTreeSet};

use super::{
    atlas::{Diagram, Dimension, Node, NodeId},
    clause::Family,
    lines::{Cover, Peers},
    services::{PORTS, PROTOCOLS, ServiceBox},
};

/// A set of rows.
type Mask = Vec<u64>;

/// Whether a node looks at own addresses.
pub(super) fn cuts_local(diagram: &Diagram<Cover>, node: NodeId) -> bool {
    match diagram.node(node) {
        Node::Leaf(_) => false,
        Node::Cut(Dimension::Local, _) => true,
        Node::Cut(_, pieces) => pieces.iter().any(|&(_, child)| cuts_local(diagram, child)),
    }
}

/// The boxes below a node with what their leaves say.
pub(super) fn collect(
    diagram: &Diagram<Cover>,
    node: NodeId,
    family: Option<Family>,
    within: ServiceBox,
    found: &mut Vec<(ServiceBox, Cover)>,
) {
    match diagram.node(node) {
        Node::Leaf(cover) => found.push((within, *cover)),
        Node::Cut(dimension, pieces) => {
            let mut first = match dimension {
                Dimension::Destination | Dimension::Source => PORTS.0,
                Dimension::Peer | Dimension::Protocol | Dimension::Local => PROTOCOLS.0,
            };
            for &(last, child) in pieces {
                let mut part = within.clone();
                let piece = (first, last);
                match dimension {
                    Dimension::Peer => {}
                    Dimension::Protocol => part.protocol = piece,
                    Dimension::Destination => part.destination = piece,
                    Dimension::Source => part.source = piece,
                    Dimension::Local => part.local = family.map(|family| (family, piece)),
                }
                collect(diagram, child, family, part, found);
                first = last.wrapping_add(1);
            }
        }
    }
}

type Columns = (
    Vec<Vec<ServiceBox>>,
    Vec<BTreeSet<usize>>,
    Vec<BTreeSet<usize>>,
);

/// Cuts services at the borders of all rows, and puts the pieces that are in the same rows in one column.
pub(super) fn columns(peers: &[Peers], rows: &[Vec<(ServiceBox, Cover)>]) -> Columns {
    let words = rows.len().div_ceil(64);
    let own = |boxes: &[(ServiceBox, Cover)]| {
        boxes
            .iter()
            .find_map(|(service, _)| service.local.map(|local| local.0))
    };
    // Where a row looks at own addresses, those of the two families are different services.
    let mut pieces: Vec<(ServiceBox, Mask, Mask)> =
        if rows.iter().any(|boxes| own(boxes).is_some()) {
            Family::BOTH
                .map(|family| ServiceBox {
                    local: Some((family, (0, family.last_address()))),
                    ..ServiceBox::ALL
                })
                .to_vec()
        } else {
            vec![ServiceBox::ALL]
        }
        .into_iter()
        .map(|service| (service, vec![0; words], vec![0; words]))
        .collect();
    for (row, boxes) in rows.iter().enumerate() {
        let mut next = Vec::with_capacity(pieces.len() + boxes.len());
        let row_family = own(boxes);
        for (piece, may, must) in pieces {
            let piece_family = piece.local.map(|local| local.0);
            if row_family.is_some() && piece_family != row_family {
                next.push((piece, may, must));
                continue;
            }
            // No packet has a peer of one family and an own address of the other, so nothing must be said of that.
            let exists = piece_family.is_none_or(|family| peers[row].contains_key(&family));
            for (service, cover) in boxes {
                let Some(both) = piece.intersection(service) else {
                    continue;
                };
                let (mut may, mut must) = (may.clone(), must.clone());
                if *cover != Cover::Never {
                    may[row / 64] |= 1 << (row % 64);
                }
                if *cover == Cover::Must && exists {
                    must[row / 64] |= 1 << (row % 64);
                }
                next.push((both, may, must));
            }
        }
        pieces = join(next);
    }
    let mut classes: BTreeMap<(Mask, Mask), Vec<ServiceBox>> = BTreeMap::new();
    for (service, may, must) in pieces {
        if may.iter().any(|word| *word != 0) {
            classes.entry((may, must)).or_default().push(service);
        }
    }
    let mut columns = Vec::new();
    let mut may = vec![BTreeSet::new(); rows.len()];
    let mut must = vec![BTreeSet::new(); rows.len()];
    for (column, ((may_rows, must_rows), boxes)) in classes.into_iter().enumerate() {
        for row in 0..rows.len() {
            let is_in = |mask: &Mask| mask[row / 64] & (1 << (row % 64)) != 0;
            if is_in(&may_rows) {
                may[row].insert(column);
            }
            if is_in(&must_rows) {
                must[row].insert(column);
            }
        }
        columns.push(boxes);
    }
    (columns, may, must)
}

/// Joins boxes that differ in destination ports or protocols alone, touch, and are in the same rows.
fn join(mut pieces: Vec<(ServiceBox, Mask, Mask)>) -> Vec<(ServiceBox, Mask, Mask)> {
    for by_protocol in [false, true] {
        let key = |(service, may, must): &(ServiceBox, Mask, Mask)| {
            let ServiceBox {
                protocol,
                destination,
                source,
                local,
            } = service.clone();
            if by_protocol {
                (
                    may.clone(),
                    must.clone(),
                    local,
                    source,
                    destination,
                    protocol,
                )
            } else {
                (
                    may.clone(),
                    must.clone(),
                    local,
                    source,
                    protocol,
                    destination,
                )
            }
        };
        pieces.sort_by_cached_key(key);
        let mut joined: Vec<(ServiceBox, Mask, Mask)> = Vec::with_capacity(pieces.len());
        for piece in pieces {
            if let Some((open, may, must)) = joined.last_mut()
                && *may == piece.1
                && *must == piece.2
                && open.local == piece.0.local
                && open.source == piece.0.source
            {
                if by_protocol
                    && open.destination == piece.0.destination
                    && open.protocol.1 + 1 == piece.0.protocol.0
                {
                    open.protocol.1 = piece.0.protocol.1;
                    continue;
                }
                if !by_protocol
                    && open.protocol == piece.0.protocol
                    && open.destination.1 + 1 == piece.0.destination.0
                {
                    open.destination.1 = piece.0.destination.1;
                    continue;
                }
            }
            joined.push(piece);
        }
        pieces = joined;
    }
    pieces
}
