//! What rules match, as sets of packets; pure.
//!
//! For now two questions about a pair of rules, answered on the safe side: a peer group's members and a list's entries are
//! not known here, so they may overlap with anything and cover only themselves.

use crate::model::{Peer, PortRange, PortSet, Ports, Protocol, Rule};

/// How strongly a rule counts: priority first, at equal priority drop before accept. The smaller wins.
pub fn rank(rule: &Rule) -> (u8, crate::model::Policy) {
    (rule.priority.get(), rule.policy)
}

/// Whether some packet may match both rules. `true` where it cannot be known.
pub fn may_overlap(a: &Rule, b: &Rule) -> bool {
    a.direction == b.direction
        && a.nic == b.nic
        && protocols_may_overlap(&a.protocol, &b.protocol)
        && peers_may_overlap(&a.peer, &b.peer)
        && match (a.local, b.local) {
            (Some(a), Some(b)) => a.overlaps(b),
            (None, _) | (_, None) => true,
        }
}

/// Whether every packet that matches `inner` surely matches `outer`. `false` where it cannot be known.
pub fn surely_covers(outer: &Rule, inner: &Rule) -> bool {
    outer.direction == inner.direction
        && outer.nic == inner.nic
        && protocol_covers(&outer.protocol, &inner.protocol)
        && peer_covers(&outer.peer, &inner.peer)
        && match (outer.local, inner.local) {
            (None, _) => true,
            (Some(outer), Some(inner)) => outer.net().contains(&inner.net()),
            (Some(_), None) => false,
        }
}

fn protocols_may_overlap(a: &Protocol, b: &Protocol) -> bool {
    match (a.number(), b.number()) {
        (None, _) | (_, None) => true,
        (Some(x), Some(y)) if x != y => false,
        (Some(_), Some(_)) => match (a.ports(), b.ports()) {
            (Some(a), Some(b)) => ports_may_overlap(a, b),
            (None, _) | (_, None) => true,
        },
    }
}

fn ports_may_overlap(a: &Ports, b: &Ports) -> bool {
    let destination = match (&a.destination, &b.destination) {
        (PortSet::Range(a), PortSet::Range(b)) => a.overlaps(*b),
        (PortSet::List(_), _) | (_, PortSet::List(_)) => true,
    };
    destination && source(a).overlaps(source(b))
}

fn source(ports: &Ports) -> PortRange {
    ports.source.unwrap_or(PortRange::ALL)
}

fn peers_may_overlap(a: &Peer, b: &Peer) -> bool {
    match (a, b) {
        (Peer::Cidr(a), Peer::Cidr(b)) => a.overlaps(*b),
        // A member of a group has an address, may be in other groups, and its address may be in any list.
        (Peer::Group(_) | Peer::PrefixList(_), _) | (_, Peer::Group(_) | Peer::PrefixList(_)) => {
            true
        }
    }
}

fn protocol_covers(outer: &Protocol, inner: &Protocol) -> bool {
    match (outer.number(), inner.number()) {
        (None, _) => true,
        (Some(outer), Some(inner)) if outer != inner => false,
        (Some(_), None) => false,
        (Some(_), Some(_)) => match (outer.ports(), inner.ports()) {
            (Some(outer), Some(inner)) => ports_cover(outer, inner),
            (None, None) => true,
            (None, Some(_)) | (Some(_), None) => false,
        },
    }
}

fn ports_cover(outer: &Ports, inner: &Ports) -> bool {
    let contains = |outer: PortRange, inner: PortRange| {
        outer.first() <= inner.first() && inner.last() <= outer.last()
    };
    let destination = match (&outer.destination, &inner.destination) {
        (PortSet::Range(outer), PortSet::Range(inner)) => contains(*outer, *inner),
        (PortSet::Range(outer), PortSet::List(_)) => *outer == PortRange::ALL,
        (PortSet::List(outer), PortSet::List(inner)) => outer == inner,
        (PortSet::List(_), PortSet::Range(_)) => false,
    };
    destination && contains(source(outer), source(inner))
}

fn peer_covers(outer: &Peer, inner: &Peer) -> bool {
    match (outer, inner) {
        (Peer::Cidr(outer), Peer::Cidr(inner)) => outer.net().contains(&inner.net()),
        (Peer::Group(outer), Peer::Group(inner)) => outer == inner,
        (Peer::PrefixList(outer), Peer::PrefixList(inner)) => outer == inner,
        (Peer::Cidr(_) | Peer::Group(_) | Peer::PrefixList(_), _) => false,
    }
}
