//! Rules -> items that stand for exactly them.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use crate::{
    desired::DesiredPeer,
    model::{Cidr, Direction, NicType, Peer, Policy, PortRange, Priority, Protocol, Rule},
};

use super::Written;

/// What all rules of an item share. Sorted as rules are: the strongest first.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Class {
    pub(super) direction: Direction,
    pub(super) nic: NicType,
    pub(super) priority: Priority,
    pub(super) policy: Policy,
    pub(super) ported: bool,
    pub(super) source: Option<PortRange>,
    pub(super) local: Option<Cidr>,
    pub(super) description: Option<Arc<str>>,
    pub(super) extra: Vec<(String, String)>,
}

/// One item: the product of its protocols and its peers.
pub(super) struct Item {
    pub(super) class: Class,
    pub(super) protocols: BTreeSet<Protocol>,
    pub(super) peers: BTreeSet<DesiredPeer>,
    pub(super) notes: Vec<String>,
}

/// Merges rules into items that stand for exactly them: within a class either protocols with the same peers are joined or
/// peers with the same protocols, whichever gives fewer items.
pub(super) fn merge(rules: &[&Written]) -> Vec<Item> {
    type Pairs<'a> = BTreeMap<(Protocol, DesiredPeer), &'a [String]>;
    let mut classes: BTreeMap<Class, Pairs<'_>> = BTreeMap::new();
    for written in rules {
        let (class, protocol, peer) = parts(written);
        classes
            .entry(class)
            .or_default()
            .insert((protocol, peer), &written.notes);
    }
    let mut items = Vec::new();
    for (class, pairs) in classes {
        let by_protocol = joined(pairs.keys().map(|(protocol, peer)| (protocol, peer)));
        let by_peer = joined(pairs.keys().map(|(protocol, peer)| (peer, protocol)));
        let products: Vec<(BTreeSet<Protocol>, BTreeSet<DesiredPeer>)> =
            if by_protocol.len() <= by_peer.len() {
                by_protocol
            } else {
                by_peer
                    .into_iter()
                    .map(|(peers, protocols)| (protocols, peers))
                    .collect()
            };
        for (protocols, peers) in products {
            let mut notes = Vec::new();
            for protocol in &protocols {
                for peer in &peers {
                    for note in pairs[&(protocol.clone(), peer.clone())] {
                        if !notes.contains(note) {
                            notes.push(note.clone());
                        }
                    }
                }
            }
            items.push(Item {
                class: class.clone(),
                protocols,
                peers,
                notes,
            });
        }
    }
    items
}

/// Every left value beside its right values, left values of equal right values joined.
fn joined<'a, L: Ord + Clone + 'a, R: Ord + Clone + 'a>(
    pairs: impl Iterator<Item = (&'a L, &'a R)>,
) -> Vec<(BTreeSet<L>, BTreeSet<R>)> {
    let mut rights: BTreeMap<&L, BTreeSet<R>> = BTreeMap::new();
    for (left, right) in pairs {
        rights.entry(left).or_default().insert(right.clone());
    }
    let mut lefts: BTreeMap<BTreeSet<R>, BTreeSet<L>> = BTreeMap::new();
    for (left, right) in rights {
        lefts.entry(right).or_default().insert(left.clone());
    }
    let mut joined: Vec<_> = lefts
        .into_iter()
        .map(|(right, left)| (left, right))
        .collect();
    joined.sort();
    joined
}

fn parts(written: &Written) -> (Class, Protocol, DesiredPeer) {
    let Written {
        rule,
        notes: _,
        extra,
    } = written;
    let Rule {
        direction,
        nic,
        priority,
        policy,
        protocol,
        peer,
        local,
        description,
        peer_owner,
    } = rule;
    let mut protocol = protocol.clone();
    let mut source = None;
    if let Protocol::Tcp(ports) | Protocol::Udp(ports) = &mut protocol {
        source = ports.source.take();
    }
    let peer = match peer {
        Peer::Cidr(cidr) => DesiredPeer::Cidr(*cidr),
        Peer::Group(id) => DesiredPeer::Group {
            id: id.clone(),
            owner: peer_owner.clone(),
        },
        Peer::PrefixList(list) => DesiredPeer::PrefixList(list.clone()),
    };
    let class = Class {
        direction: *direction,
        nic: *nic,
        priority: *priority,
        policy: *policy,
        ported: protocol.ports().is_some(),
        source,
        local: *local,
        description: description.clone(),
        extra: extra.clone(),
    };
    (class, protocol, peer)
}
