//! What becomes of one packet, and why: the rule that decides, what it beat, and the rules that nearly matched.

use std::{collections::BTreeSet, net::IpAddr};

use super::{clause::Symbol, rank};
use crate::model::{
    Cidr, Direction, Lists, NicType, Peer, Policy, PortRange, PortSet, Protocol, Rule,
};

/// One packet as a member of a security group sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Packet {
    /// Which way.
    pub direction: Direction,
    /// Network interface; of interest in the classic network only.
    pub nic: NicType,
    /// IANA number.
    pub protocol: u8,
    /// Destination port, for TCP and UDP.
    pub port: Option<u16>,
    /// Source port; `None`: an ordinary one, which no rule names.
    pub source_port: Option<u16>,
    /// The peer's address; `None`: not told, so that no rule with addresses matches.
    pub peer: Option<IpAddr>,
    /// What the peer is a member of.
    pub member_of: BTreeSet<Symbol>,
    /// The member's own address; `None`: one that no rule names.
    pub local: Option<IpAddr>,
}

/// A part of a rule that a packet can fail.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Part {
    /// Protocol number.
    Protocol,
    /// Destination port.
    Port,
    /// Source port.
    SourcePort,
    /// The far end.
    Peer,
    /// The member's own address.
    Local,
}

impl std::fmt::Display for Part {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(match self {
            Self::Protocol => "protocol",
            Self::Port => "port",
            Self::SourcePort => "source port",
            Self::Peer => "peer",
            Self::Local => "own address",
        })
    }
}

/// What becomes of a packet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Explanation<'a> {
    /// The verdict.
    pub policy: Policy,
    /// The rule that decides; `None`: the default of the group.
    pub decides: Option<&'a Rule>,
    /// Rules that match too and are weaker, from strongest to weakest.
    pub beaten: Vec<&'a Rule>,
    /// Rules that fail in exactly one part, from strongest to weakest.
    pub near: Vec<(&'a Rule, Part)>,
    /// Stronger rules that would decide if the packet's peer were in a list whose content is not known.
    pub depends_on: Vec<&'a Rule>,
}

/// Looks at every rule once.
pub fn explain<'a>(
    rules: impl IntoIterator<Item = &'a Rule>,
    packet: &Packet,
    default: Policy,
    lists: Option<&Lists>,
) -> Explanation<'a> {
    let mut rules: Vec<&Rule> = rules
        .into_iter()
        .filter(|rule| rule.direction == packet.direction && rule.nic == packet.nic)
        .collect();
    rules.sort_by(|a, b| rank(a).cmp(&rank(b)).then_with(|| a.cmp(b)));
    let mut explanation = Explanation {
        policy: default,
        decides: None,
        beaten: Vec::new(),
        near: Vec::new(),
        depends_on: Vec::new(),
    };
    for rule in rules {
        match fails(rule, packet, lists).as_slice() {
            [] if explanation.decides.is_none() => {
                explanation.decides = Some(rule);
                explanation.policy = rule.policy;
            }
            [] => explanation.beaten.push(rule),
            [Part::Peer] if is_unknown_list(rule, lists) && explanation.decides.is_none() => {
                explanation.depends_on.push(rule);
            }
            [part] => explanation.near.push((rule, *part)),
            _ => {}
        }
    }
    explanation
}

fn is_unknown_list(rule: &Rule, lists: Option<&Lists>) -> bool {
    match &rule.peer {
        Peer::PrefixList(id) => !lists.is_some_and(|lists| lists.prefix.contains_key(id)),
        Peer::Cidr(_) | Peer::Group(_) => false,
    }
}

/// The parts of a rule that a packet fails.
fn fails(rule: &Rule, packet: &Packet, lists: Option<&Lists>) -> Vec<Part> {
    let mut failed = Vec::new();
    let is_v6 = packet.peer.map(|address| address.is_ipv6());
    let wrong_family = match rule.protocol {
        Protocol::Icmp => is_v6 == Some(true),
        Protocol::Icmpv6 => is_v6 == Some(false),
        Protocol::All
        | Protocol::Tcp(_)
        | Protocol::Udp(_)
        | Protocol::Gre
        | Protocol::Number(_) => false,
    };
    if rule
        .protocol
        .number()
        .is_some_and(|number| number != packet.protocol)
        || wrong_family
    {
        failed.push(Part::Protocol);
    } else if let Some(ports) = rule.protocol.ports() {
        let holds = |range: PortRange, port: u16| range.first() <= port && port <= range.last();
        let in_ports = |port: u16| match &ports.destination {
            PortSet::Range(range) => holds(*range, port),
            PortSet::List(id) => lists
                .and_then(|lists| lists.port.get(id))
                .is_some_and(|list| list.entries.iter().any(|range| holds(*range, port))),
        };
        if !packet.port.is_some_and(in_ports) {
            failed.push(Part::Port);
        }
        let all = |range: PortRange| range == PortRange::ALL;
        if ports.source.is_some_and(|range| {
            !all(range) && !packet.source_port.is_some_and(|port| holds(range, port))
        }) {
            failed.push(Part::SourcePort);
        }
    }
    let holds = |cidr: Cidr, address: Option<IpAddr>| {
        address.is_some_and(|address| cidr.net().contains(&address))
    };
    let peer = match &rule.peer {
        Peer::Cidr(cidr) => holds(*cidr, packet.peer),
        Peer::Group(group) => packet.member_of.contains(&Symbol::Group(group.clone())),
        Peer::PrefixList(id) => {
            packet.member_of.contains(&Symbol::PrefixList(id.clone()))
                || lists
                    .and_then(|lists| lists.prefix.get(id))
                    .is_some_and(|list| list.entries.iter().any(|cidr| holds(*cidr, packet.peer)))
        }
    };
    if !peer {
        failed.push(Part::Peer);
    }
    if rule.local.is_some_and(|local| !holds(local, packet.local)) {
        failed.push(Part::Local);
    }
    failed
}
