//! A matcher that looks at every packet of a small universe; it shares no code with the planner.

use std::{collections::BTreeSet, net::Ipv4Addr};

use ipnet::IpNet;
use rulekeep::model::{Direction, Peer, Policy, Protocol, Rule};

/// A packet as a security group sees it.
#[derive(Clone, Debug)]
pub struct Packet {
    direction: Direction,
    address: Ipv4Addr,
    groups: BTreeSet<&'static str>,
    protocol: u8,
    port: u16,
}

/// Groups that a packet's far end may be in.
pub const SYMBOLS: [&str; 2] = ["sg-x", "sg-y"];

/// Every packet of the universe: 8 addresses, 4 sets of memberships, 3 protocols, 5 ports.
pub fn packets() -> Vec<Packet> {
    let mut packets = Vec::new();
    for last in 0..8 {
        for members in 0..4u8 {
            let groups = (0..2)
                .filter(|bit| members & (1 << bit) != 0)
                .map(|bit| SYMBOLS[bit])
                .collect();
            for protocol in [1, 6, 17] {
                for port in if protocol == 1 { 0..=0 } else { 1..=5 } {
                    packets.push(Packet {
                        direction: Direction::Ingress,
                        address: Ipv4Addr::new(10, 0, 0, last),
                        groups: BTreeSet::clone(&groups),
                        protocol,
                        port,
                    });
                }
            }
        }
    }
    packets
}

/// Whether a rule is about a packet, written from the cloud's documentation and nothing else.
fn is_about(rule: &Rule, packet: &Packet) -> bool {
    let service = match &rule.protocol {
        Protocol::All => true,
        Protocol::Icmp => packet.protocol == 1,
        Protocol::Tcp(ports) | Protocol::Udp(ports) => {
            let number = if matches!(rule.protocol, Protocol::Tcp(_)) {
                6
            } else {
                17
            };
            let text = ports.destination_text();
            let (first, last) = text.split_once('-').unwrap_or((&text, &text));
            packet.protocol == number
                && first.parse::<u16>().unwrap() <= packet.port
                && packet.port <= last.parse::<u16>().unwrap()
        }
        other => panic!("not in the universe: {other}"),
    };
    let peer = match &rule.peer {
        Peer::Cidr(cidr) => {
            let IpNet::V4(net) = cidr.net() else {
                panic!("IPv4 only")
            };
            u32::from(net.network()) <= u32::from(packet.address)
                && u32::from(packet.address) <= u32::from(net.broadcast())
        }
        Peer::Group(group) => packet.groups.contains(group.as_str()),
        Peer::PrefixList(_) => panic!("not in the universe"),
    };
    rule.direction == packet.direction && service && peer
}

trait DestinationText {
    fn destination_text(&self) -> String;
}

impl DestinationText for rulekeep::model::Ports {
    fn destination_text(&self) -> String {
        match &self.destination {
            rulekeep::model::PortSet::Range(range) => range.to_string(),
            rulekeep::model::PortSet::List(_) => panic!("not in the universe"),
        }
    }
}

/// The verdict of a set of rules on a packet: smallest priority number, at equal priority drop; inbound default drop.
pub fn admits<'a>(rules: impl Iterator<Item = &'a Rule>, packet: &Packet) -> bool {
    let mut verdict = (u8::MAX, false);
    for rule in rules.filter(|rule| is_about(rule, packet)) {
        let accept = rule.policy == Policy::Accept;
        if (rule.priority.get(), accept) < verdict {
            verdict = (rule.priority.get(), accept);
        }
    }
    verdict.1
}
