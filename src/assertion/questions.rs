//! Assertions and waivers as boxes of packets, for one group.

use std::{collections::BTreeMap, sync::Arc};

use super::{Assertion, Claim, Peer, Waiver, evaluate::Asked};
use crate::{
    desired::DesiredPeer,
    model::{AddressFamily, GroupId, GroupName, NicType, Policy, PortRange, PortSet, Protocol},
    traffic::{
        clause::{Clause, Family, Far, Interval, Resolve, Symbol, cidr_interval, merge},
        internet::internet,
    },
};

/// What is known where a question is put.
pub struct Known<'a> {
    /// Lists that could be read.
    pub resolve: &'a Resolve<'a>,
    /// The id of a declared group.
    pub group: &'a dyn Fn(&GroupName) -> Option<GroupId>,
    /// In the classic network: which interface the rules are of.
    pub nic: Option<NicType>,
}

/// The packets of an assertion, and the waivers of the group that are about it. No packets: it says nothing about this group, because it
/// names groups that are not of its account and region.
pub fn questions(assertion: &Assertion, waivers: &[Arc<Waiver>], known: &Known<'_>) -> Asked {
    let Assertion {
        claim,
        services,
        peers,
        allowance,
        id,
        ..
    } = assertion;
    let boxes = |peers: &[Peer], claim: Claim| -> Vec<Clause> {
        let fars = fars(peers, claim, known);
        services_of(services)
            .into_iter()
            .flat_map(|service| {
                fars.iter().map(move |far| Clause {
                    far: far.clone(),
                    ..service.clone()
                })
            })
            .filter(|clause| match (&clause.far, clause.family) {
                (Far::Addresses(own, _), Some(family)) => *own == family,
                _ => true,
            })
            .collect()
    };
    Asked {
        claim: *claim,
        allowance: *allowance,
        clauses: boxes(peers, *claim),
        waivers: waivers
            .iter()
            .enumerate()
            .filter(|(_, waiver)| waiver.assertion == *id)
            .map(|(number, waiver)| {
                let limits = waiver.peers.as_ref();
                (number, limits.map(|peers| boxes(peers, Claim::Forbid)))
            })
            .collect(),
    }
}

/// One box per protocol.
fn services_of(services: &[Protocol]) -> Vec<Clause> {
    let mut ports: BTreeMap<u8, Option<Vec<Interval>>> = BTreeMap::new();
    let mut boxes = Vec::new();
    for protocol in services {
        let plain = |number| Clause {
            protocol: number,
            family: match protocol {
                Protocol::Icmp => Some(Family::V4),
                Protocol::Icmpv6 => Some(Family::V6),
                _ => None,
            },
            ..Clause::default(Policy::Drop)
        };
        match (protocol.number(), protocol.ports()) {
            (Some(number), Some(own)) => {
                let all = ports.entry(number).or_insert_with(|| Some(Vec::new()));
                match &own.destination {
                    PortSet::Range(range) if *range != PortRange::ALL => {
                        if let Some(all) = all {
                            all.push((range.first().into(), range.last().into()));
                        }
                    }
                    // The files cannot name a list here.
                    PortSet::Range(_) | PortSet::List(_) => *all = None,
                }
            }
            (number, _) => boxes.push(plain(number)),
        }
    }
    boxes.extend(ports.into_iter().map(|(number, intervals)| Clause {
        protocol: Some(number),
        destination: intervals.map(merge),
        ..Clause::default(Policy::Drop)
    }));
    boxes
}

/// The far ends: addresses of each family together, and each group and unread list by itself.
fn fars(peers: &[Peer], claim: Claim, known: &Known<'_>) -> Vec<Far> {
    let mut addresses: BTreeMap<Family, Vec<Interval>> = BTreeMap::new();
    let mut fars = Vec::new();
    for peer in peers {
        match peer {
            Peer::Internet => {
                for family in Family::BOTH {
                    let own = addresses.entry(family).or_default();
                    own.extend(internet(family));
                }
            }
            Peer::One(DesiredPeer::Cidr(cidr)) => {
                let family = if cidr.is_ipv6() {
                    Family::V6
                } else {
                    Family::V4
                };
                addresses
                    .entry(family)
                    .or_default()
                    .push(cidr_interval(*cidr));
            }
            Peer::One(DesiredPeer::Group { id, owner: _ }) => {
                fars.push(Far::Member(Symbol::Group(id.clone())));
            }
            Peer::One(DesiredPeer::Declared(name)) => {
                let id = (known.group)(name);
                fars.extend(id.map(|id| Far::Member(Symbol::Group(id))));
            }
            Peer::One(DesiredPeer::PrefixList(id)) => {
                match known.resolve.0.and_then(|lists| lists.prefix.get(id)) {
                    None => fars.push(Far::Member(Symbol::PrefixList(id.clone()))),
                    Some(list) => {
                        let family = match list.family {
                            AddressFamily::Ipv4 => Family::V4,
                            AddressFamily::Ipv6 => Family::V6,
                        };
                        let own = addresses.entry(family).or_default();
                        own.extend(list.entries.iter().map(|cidr| cidr_interval(*cidr)));
                    }
                }
            }
        }
    }
    for (family, intervals) in addresses {
        let mut intervals = merge(intervals);
        if let (Claim::Require, Some(nic)) = (claim, known.nic) {
            intervals = arriving(&intervals, family, nic);
        }
        if !intervals.is_empty() {
            fars.push(Far::Addresses(family, intervals));
        }
    }
    // Rules that name a group exist for the private interface only.
    if claim == Claim::Require && known.nic == Some(NicType::Internet) {
        fars.retain(|far| !matches!(far, Far::Member(_)));
    }
    fars
}

/// In the classic network the internet is at the public interface and everything else at the private one: what must be admitted must
/// be so where it arrives.
fn arriving(intervals: &[Interval], family: Family, nic: NicType) -> Vec<Interval> {
    let mut public = Vec::new();
    let mut private = Vec::new();
    for &(first, last) in intervals {
        let mut next = first;
        for &(from, to) in internet(family) {
            let (from, to) = (from.max(first), to.min(last));
            if from > to {
                continue;
            }
            if next < from {
                private.push((next, from - 1));
            }
            public.push((from, to));
            next = to.saturating_add(1);
        }
        if next <= last {
            private.push((next, last));
        }
    }
    match nic {
        NicType::Internet => public,
        NicType::Intranet => private,
    }
}
