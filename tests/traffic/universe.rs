//! A small universe of packets, a matcher written from the cloud's documentation that shares no code with the engine, random rules, and a
//! reader of printed lines.

use std::{
    collections::BTreeSet,
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
};

use proptest::prelude::*;
use rulekeep::model::{
    Cidr, Direction, GroupId, NicType, Peer, Policy, PortRange, PortSet, Ports, Priority, Protocol,
    Rule,
};

/// A packet as a member of a security group sees it.
#[derive(Clone, Debug)]
pub struct Packet {
    /// The far end.
    pub peer: IpAddr,
    /// What the far end is a member of.
    pub groups: BTreeSet<&'static str>,
    pub protocol: u8,
    /// Destination and source port; zero without ports.
    pub ports: (u16, u16),
    /// The member's own address.
    pub local: IpAddr,
}

pub const GROUPS: [&str; 2] = ["sg-x", "sg-y"];
/// Those of rules, and one that only rules of every protocol are about.
const PROTOCOLS: [u8; 5] = [1, 6, 17, 50, 99];
const LAST_PORT: u16 = 4;

fn addresses(family: u8) -> Vec<IpAddr> {
    // Four at the start of a block that rules talk about, one far away in it, one that only rules for every address are about.
    let near = [0u8, 1, 2, 3, 200].into_iter().map(|last| match family {
        4 => IpAddr::from(Ipv4Addr::new(10, 0, 0, last)),
        _ => IpAddr::from(Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, last.into())),
    });
    let outside = match family {
        4 => IpAddr::from(Ipv4Addr::new(192, 0, 2, 1)),
        _ => IpAddr::from(Ipv6Addr::new(0x2001, 0xdb9, 0, 0, 0, 0, 0, 1)),
    };
    near.chain([outside]).collect()
}

/// Every packet of the universe: one for each way in which the rules of [`arb_rule`] can tell packets apart, so that rules that do the same to
/// all of them do the same to every packet.
pub fn packets() -> Vec<Packet> {
    let mut packets = Vec::new();
    for family in [4, 6] {
        for peer in addresses(family) {
            for members in 0..4u8 {
                let groups: BTreeSet<_> = (0..2)
                    .filter(|bit| members & (1 << bit) != 0)
                    .map(|bit| GROUPS[bit])
                    .collect();
                for protocol in PROTOCOLS {
                    let ports: Vec<(u16, u16)> = if protocol == 6 || protocol == 17 {
                        (1..=LAST_PORT + 1)
                            .flat_map(|d| [(d, 1), (d, 2), (d, 3)])
                            .collect()
                    } else {
                        vec![(0, 0)]
                    };
                    for ports in ports {
                        for &local in &addresses(family)[..3] {
                            packets.push(Packet {
                                peer,
                                groups: groups.clone(),
                                protocol,
                                ports,
                                local,
                            });
                        }
                    }
                }
            }
        }
    }
    packets
}

fn in_cidr(cidr: Cidr, address: IpAddr) -> bool {
    // Bit by bit, so that nothing of the engine's arithmetic is used.
    let text = cidr.to_string();
    let (network, length) = text.split_once('/').unwrap();
    let bits = |address: IpAddr| -> Vec<bool> {
        let octets = match address {
            IpAddr::V4(v4) => v4.octets().to_vec(),
            IpAddr::V6(v6) => v6.octets().to_vec(),
        };
        octets
            .into_iter()
            .flat_map(|octet| (0..8).rev().map(move |bit| octet >> bit & 1 == 1))
            .collect()
    };
    let (network, address) = (bits(network.parse().unwrap()), bits(address));
    let length: usize = length.parse().unwrap();
    network.len() == address.len() && network[..length] == address[..length]
}

/// Whether a rule is about a packet.
pub fn is_about(rule: &Rule, packet: &Packet) -> bool {
    let v4 = packet.peer.is_ipv4();
    let in_range = |range: PortRange, port: u16| range.first() <= port && port <= range.last();
    let ports = |ports: &Ports| {
        let PortSet::Range(destination) = ports.destination else {
            panic!("no lists here")
        };
        in_range(destination, packet.ports.0)
            && ports
                .source
                .is_none_or(|source| in_range(source, packet.ports.1))
    };
    let service = match &rule.protocol {
        Protocol::All => true,
        Protocol::Tcp(own) => packet.protocol == 6 && ports(own),
        Protocol::Udp(own) => packet.protocol == 17 && ports(own),
        Protocol::Icmp => packet.protocol == 1 && v4,
        Protocol::Icmpv6 => packet.protocol == 58 && !v4,
        Protocol::Gre => packet.protocol == 47,
        Protocol::Number(number) => packet.protocol == *number,
    };
    let peer = match &rule.peer {
        Peer::Cidr(cidr) => in_cidr(*cidr, packet.peer),
        Peer::Group(group) => packet.groups.contains(group.as_str()),
        Peer::PrefixList(_) => panic!("no lists here"),
    };
    service && peer && rule.local.is_none_or(|local| in_cidr(local, packet.local))
}

/// Whether a packet is admitted: the smallest priority number decides, at equal priority drop, without a rule the default.
pub fn admits<'a>(
    rules: impl IntoIterator<Item = &'a Rule>,
    default: Policy,
    packet: &Packet,
) -> bool {
    let mut verdict = (u8::MAX, default == Policy::Accept);
    for rule in rules.into_iter().filter(|rule| is_about(rule, packet)) {
        let accept = rule.policy == Policy::Accept;
        if (rule.priority.get(), accept) < verdict {
            verdict = (rule.priority.get(), accept);
        }
    }
    verdict.1
}

fn arb_cidr() -> impl Strategy<Value = Cidr> {
    prop_oneof![
        (0u8..4, prop::sample::select(vec![0u8, 8, 30, 31, 32])).prop_map(|(last, length)| {
            Cidr::parse_masking(&format!("10.0.0.{last}/{length}")).unwrap()
        }),
        (0u8..4, prop::sample::select(vec![0u8, 32, 126, 127, 128])).prop_map(|(last, length)| {
            Cidr::parse_masking(&format!("2001:db8::{last}/{length}")).unwrap()
        }),
    ]
}

fn arb_ports() -> impl Strategy<Value = Ports> {
    let range =
        |first: u16, more: u16| PortRange::new(first, (first + more).min(LAST_PORT)).unwrap();
    let destination = prop_oneof![
        6 => (1..=LAST_PORT, 0u16..3).prop_map(move |(first, more)| range(first, more)),
        1 => Just(PortRange::ALL),
        1 => Just(PortRange::new(2, 65535).unwrap()),
    ];
    (destination, prop::option::weighted(0.2, 1u16..=2)).prop_map(|(destination, source)| Ports {
        destination: PortSet::Range(destination),
        source: source.map(|port| PortRange::new(port, port).unwrap()),
    })
}

/// Rules of the universe; few priorities, so that ties are frequent.
pub fn arb_rule() -> impl Strategy<Value = Rule> {
    let peer = prop_oneof![
        5 => arb_cidr().prop_map(Peer::Cidr),
        1 => prop::sample::select(GROUPS.to_vec()).prop_map(|group| Peer::Group(GroupId::new(group))),
    ];
    let protocol = prop_oneof![
        4 => arb_ports().prop_map(Protocol::Tcp),
        1 => arb_ports().prop_map(Protocol::Udp),
        1 => Just(Protocol::Icmp),
        1 => Just(Protocol::Number(50)),
        1 => Just(Protocol::All),
    ];
    let policy = prop_oneof![2 => Just(Policy::Accept), 1 => Just(Policy::Drop)];
    let priority = prop::sample::select(vec![1i64, 2, 3, 50, 100]);
    (
        priority,
        policy,
        protocol,
        peer,
        prop::option::weighted(0.15, (0u8..2, any::<bool>())),
    )
        .prop_map(|(priority, policy, protocol, peer, local)| Rule {
            direction: Direction::Ingress,
            nic: NicType::Intranet,
            priority: Priority::new(priority).unwrap(),
            policy,
            protocol,
            local: local.map(|(last, v4)| {
                let v4 = match &peer {
                    Peer::Cidr(cidr) => !cidr.is_ipv6(),
                    Peer::Group(_) | Peer::PrefixList(_) => v4,
                };
                let text = if v4 {
                    format!("10.0.0.{last}/32")
                } else {
                    format!("2001:db8::{last}/128")
                };
                text.parse().unwrap()
            }),
            peer,
            description: None,
            peer_owner: None,
        })
}

/// Up to eight different rules.
pub fn arb_rules() -> impl Strategy<Value = Vec<Rule>> {
    prop::collection::vec(arb_rule(), 0..8).prop_map(|rules| {
        let rules: BTreeSet<Rule> = rules.into_iter().collect();
        rules.into_iter().collect()
    })
}

/// Old and new rules: unrelated, or edited.
pub fn arb_change() -> impl Strategy<Value = (Vec<Rule>, Vec<Rule>)> {
    prop_oneof![
        (arb_rules(), arb_rules()),
        (arb_rules(), arb_rules(), any::<u8>()).prop_map(|(old, fresh, keep)| {
            let kept = old
                .iter()
                .enumerate()
                .filter(|(n, _)| keep & (1 << (n % 8)) != 0);
            let new: BTreeSet<Rule> = kept
                .map(|(_, rule)| rule.clone())
                .chain(fresh.into_iter().take(2))
                .collect();
            (old, new.into_iter().collect())
        }),
    ]
}

/// Whether printed services hold those of a packet: `tcp/22,80-90 sport 5; icmp; all except tcp/22`.
pub fn services_hold(text: &str, packet: &Packet) -> bool {
    text.split("; ").any(|item| {
        let (item, local) = item
            .split_once(" local ")
            .map_or((item, None), |(item, local)| (item, Some(local)));
        let (item, source) = item
            .split_once(" sport ")
            .map_or((item, None), |(item, source)| (item, Some(source)));
        let (item, except) = item
            .split_once(" except ")
            .map_or((item, None), |(item, rest)| (item, Some(rest)));
        service_holds(item, packet)
            && !except.is_some_and(|except| {
                except
                    .split(" and ")
                    .any(|item| service_holds(item, packet))
            })
            && source.is_none_or(|source| in_ranges(source, packet.ports.1))
            && local.is_none_or(|local| addresses_hold(local, packet.local))
    })
}

fn service_holds(item: &str, packet: &Packet) -> bool {
    if item == "all" {
        return true;
    }
    if let Some(range) = item.strip_prefix("protocols ") {
        return in_ranges(range, packet.protocol.into());
    }
    let (name, ports) = item
        .split_once('/')
        .map_or((item, None), |(name, ports)| (name, Some(ports)));
    let number = match name {
        "icmp" => 1,
        "tcp" => 6,
        "udp" => 17,
        "gre" => 47,
        "icmpv6" => 58,
        other => other
            .strip_prefix("protocol ")
            .expect(other)
            .parse()
            .unwrap(),
    };
    number == packet.protocol && ports.is_none_or(|ports| in_ranges(ports, packet.ports.0))
}

fn in_ranges(text: &str, number: u16) -> bool {
    text.split(',').any(|range| {
        let (first, last) = range.split_once('-').unwrap_or((range, range));
        first.parse::<u16>().unwrap() <= number && number <= last.parse().unwrap()
    })
}

/// Whether printed addresses hold one: `0.0.0.0/0 except 10.0.0.0/8 and 192.0.2.0/24, 10.1.0.0/16`.
pub fn addresses_hold(text: &str, address: IpAddr) -> bool {
    let holds = |item: &str| match item.split_once('-') {
        Some((first, last)) => {
            let (first, last): (IpAddr, IpAddr) = (first.parse().unwrap(), last.parse().unwrap());
            first.is_ipv4() == address.is_ipv4() && first <= address && address <= last
        }
        None => in_cidr(item.parse().unwrap(), address),
    };
    text.split(", ").any(|item| {
        let (outer, inner) = item
            .split_once(" except ")
            .map_or((item, None), |(outer, inner)| (outer, Some(inner)));
        holds(outer) && !inner.is_some_and(|inner| inner.split(" and ").any(holds))
    })
}

/// Bounded by default, long by `RULEKEEP_PROPERTY_CASES`.
pub fn cases(default: u32) -> u32 {
    std::env::var("RULEKEEP_PROPERTY_CASES")
        .ok()
        .and_then(|n| n.parse().ok())
        .unwrap_or(default)
}
