//! Rules as boxes, so that two of them meet where a sentence may ask something of their changes.

use super::{
    bundles::{ANY, Bounds, Interval},
    sentences::{Sentence, Sides},
};
use crate::{
    model::{Cidr, Direction, NicType, Peer, Policy, PortRange, PortSet, Rule},
    traffic::surely_covers,
};
use ipnet::IpNet;

/// A change on one side of a sentence.
pub struct Place {
    pub bounds: Bounds,
    /// Boxes that meet are not enough: the sentence itself must be asked.
    pub loose: bool,
}

/// A change as the one that a sentence asks to be made first; `None` where it asks that of none.
pub fn first(sentence: Sentence, sides: &Sides<'_>) -> Option<Place> {
    match sentence {
        Sentence::E1 => winner(sides.new?, sides.old, true),
        Sentence::E2 => Some(weaker(sides.old?, true)),
        Sentence::E3 => {
            let rule = sides.new?;
            let mut bounds = bounds(rule, false);
            bounds[RANK] = point(rank(rule));
            let own = sides.old.filter(|own| own.policy == rule.policy);
            let covered = own.is_some_and(|own| surely_covers(own, rule));
            // Its old self decides against weaker predecessors.
            if let Some(own) = own.filter(|_| covered) {
                bounds[OTHER_RANK] = (0, rank(own));
            }
            Some(Place {
                bounds,
                loose: own.is_some() && !covered,
            })
        }
    }
}

/// A change as the one that a sentence asks to wait; `None` where it asks that of none.
pub fn then(sentence: Sentence, sides: &Sides<'_>) -> Option<Place> {
    match sentence {
        Sentence::E1 => Some(weaker(sides.new?, false)),
        Sentence::E2 => winner(sides.old?, sides.new, false),
        Sentence::E3 => {
            let rule = sides.old?;
            let mut bounds = bounds(rule, false);
            bounds[OTHER_RANK] = point(rank(rule));
            let own = sides.new.filter(|own| own.policy == rule.policy);
            let covered = own.is_some_and(|own| surely_covers(own, rule));
            // Its new self takes its place, but for successors that are stronger.
            if let Some(own) = own.filter(|_| covered) {
                if rank(own) <= rank(rule) {
                    return None;
                }
                bounds[RANK] = (0, rank(own) - 1);
            }
            Some(Place {
                bounds,
                loose: own.is_some() && !covered,
            })
        }
    }
}

/// The stronger of two opponents, with what it was or becomes.
fn winner(rule: &Rule, own: Option<&Rule>, opposes: bool) -> Option<Place> {
    let mut bounds = bounds(rule, opposes);
    let own = own.filter(|own| own.policy == rule.policy);
    let covered = own.is_some_and(|own| surely_covers(own, rule));
    // What it was or becomes beats everything that is weaker.
    let last = own.filter(|_| covered).map_or(u128::MAX, rank);
    if last <= rank(rule) {
        return None;
    }
    bounds[RANK] = (rank(rule) + 1, last);
    Some(Place {
        bounds,
        loose: own.is_some() && !covered,
    })
}

/// The weaker of two opponents.
fn weaker(rule: &Rule, opposes: bool) -> Place {
    let mut bounds = bounds(rule, opposes);
    bounds[RANK] = point(rank(rule));
    Place {
        bounds,
        loose: false,
    }
}

const SIDE: usize = 0;
const RANK: usize = 1;
const OTHER_RANK: usize = 2;

fn point(value: u128) -> Interval {
    (value, value)
}

fn rank(rule: &Rule) -> u128 {
    let (priority, policy) = crate::traffic::rank(rule);
    2 * u128::from(priority) + u128::from(policy == Policy::Accept)
}

/// What a rule matches, as far as it is known. Boxes meet where [`may_overlap`](crate::traffic::may_overlap) holds.
pub fn matched(rule: &Rule) -> Bounds {
    let mut bounds = bounds(rule, false);
    let (side, _) = bounds[SIDE];
    bounds[SIDE] = point(side & !1);
    bounds
}

/// What a rule matches, as far as it is known, and of which side and verdict it is; of the other verdict if it `opposes`.
fn bounds(rule: &Rule, opposes: bool) -> Bounds {
    let side = (u128::from(rule.direction == Direction::Egress) << 2)
        | (u128::from(rule.nic == NicType::Internet) << 1)
        | u128::from((rule.policy == Policy::Accept) != opposes);
    let number = |number: u8| point(u128::from(number));
    let protocol = rule.protocol.number().map_or(ANY, number);
    let range = |range: PortRange| (u128::from(range.first()), u128::from(range.last()));
    let (to, from) = match rule.protocol.ports() {
        None => (ANY, ANY),
        Some(ports) => {
            let to = match &ports.destination {
                PortSet::Range(ports) => range(*ports),
                PortSet::List(_) => ANY,
            };
            (to, ports.source.map_or(ANY, range))
        }
    };
    // Members of a group may have any address, and entries of a list may be any.
    let (family, address) = match &rule.peer {
        Peer::Cidr(cidr) => addresses(*cidr),
        Peer::Group(_) | Peer::PrefixList(_) => (ANY, ANY),
    };
    let (own_family, own_address) = rule.local.map_or((ANY, ANY), addresses);
    let mut bounds = [ANY; _];
    bounds[SIDE] = point(side);
    bounds[OTHER_RANK + 1..].copy_from_slice(&[
        protocol,
        family,
        address,
        to,
        from,
        own_family,
        own_address,
    ]);
    bounds
}

fn addresses(cidr: Cidr) -> (Interval, Interval) {
    match cidr.net() {
        IpNet::V4(net) => {
            let value = |address| u128::from(u32::from(address));
            (point(4), (value(net.network()), value(net.broadcast())))
        }
        IpNet::V6(net) => (point(6), (net.network().into(), net.broadcast().into())),
    }
}
