//! How near a rule is to matching.

use super::Part;
use crate::traffic::{
    atlas::World,
    clause::{Clause, Family, Far, Interval, Symbol},
};

/// The parts in which all packets of a box fail a rule. What is in an unread list they do not fail.
pub(super) fn fails(rule: &Clause, asked: &Clause, base: &World) -> Vec<Part> {
    let mut failed = Vec::new();
    let common = |a: &[Interval], b: &[Interval]| {
        a.iter().any(|a| b.iter().any(|b| a.0 <= b.1 && b.0 <= a.1))
    };
    let apart = |a: &Option<Vec<Interval>>, b: &Option<Vec<Interval>>| match (a, b) {
        (Some(a), Some(b)) => !common(a, b),
        (None, _) | (_, None) => false,
    };
    let family = match (&asked.far, &asked.local) {
        (Far::Addresses(family, _), _) | (_, Some((family, _))) => Some(*family),
        _ => asked.family,
    };
    let differ = |a: Option<Family>, b: Option<Family>| a.is_some() && b.is_some() && a != b;
    let is_other = match (rule.protocol, asked.protocol) {
        (Some(rule), Some(asked)) => rule != asked,
        (None, _) | (_, None) => false,
    };
    if is_other || differ(rule.family, family) {
        failed.push(Part::Protocol);
    } else {
        if apart(&rule.destination, &asked.destination) {
            failed.push(Part::Port);
        }
        if apart(&rule.source, &asked.source) {
            failed.push(Part::SourcePort);
        }
    }
    let is_peer = match (&rule.far, &asked.far) {
        (Far::Member(Symbol::Group(group)), _) => base.contains(&Symbol::Group(group.clone())),
        (Far::Member(_) | Far::Anyone, _) => true,
        (Far::Addresses(own, addresses), Far::Addresses(asked, wanted)) => {
            own == asked && common(addresses, wanted)
        }
        (Far::Addresses(own, _), Far::Anyone | Far::Member(_)) => !differ(Some(*own), family),
    };
    if !is_peer {
        failed.push(Part::Peer);
    }
    if let (Some((own, local)), Some((asked, wanted))) = (&rule.local, &asked.local)
        && (own != asked || !common(&[*local], &[*wanted]))
    {
        failed.push(Part::Local);
    }
    failed
}
