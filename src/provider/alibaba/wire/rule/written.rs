//! Rule -> permission.

use std::fmt::Write as _;

use ipnet::IpNet;

use super::NO_PORTS;
use crate::{
    model::{Cidr, Direction, NicType, Peer, Policy, PortRange, PortSet, Ports, Protocol, Rule},
    provider::alibaba::wire::Permission,
};

/// The permission that the cloud would write for a rule, without id and time. Written into one that was used before, since reading an
/// estate compares every rule with it.
pub(super) fn plain(rule: &Rule, permission: &mut Permission) {
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
    permission.clear();
    permission.priority = priority.get();
    permission.direction.push_str(match direction {
        Direction::Ingress => "ingress",
        Direction::Egress => "egress",
    });
    permission.nic_type.push_str(match nic {
        NicType::Intranet => "intranet",
        NicType::Internet => "internet",
    });
    permission.policy.push_str(match policy {
        Policy::Accept => "Accept",
        Policy::Drop => "Drop",
    });
    permission
        .description
        .push_str(description.as_deref().unwrap_or_default());
    match protocol {
        Protocol::Tcp(_) => permission.ip_protocol.push_str("TCP"),
        Protocol::Udp(_) => permission.ip_protocol.push_str("UDP"),
        other => permission.ip_protocol.push_str(&protocol_name(other)),
    }
    match protocol.ports() {
        None => {
            NO_PORTS.clone_into(&mut permission.port_range);
            NO_PORTS.clone_into(&mut permission.source_port_range);
        }
        Some(Ports {
            destination,
            source,
        }) => {
            match destination {
                PortSet::Range(range) => put_ports(&mut permission.port_range, *range),
                PortSet::List(list) => {
                    list.as_str().clone_into(&mut permission.port_range_list_id);
                }
            }
            if let Some(source) = source {
                put_ports(&mut permission.source_port_range, *source);
            }
        }
    }
    let mut sides = Sides::of(permission, *direction);
    match peer {
        Peer::Cidr(cidr) => put_cidr(sides.peer_cidr(*cidr), *cidr),
        Peer::Group(group) => {
            group.as_str().clone_into(sides.group);
            if let Some(owner) = peer_owner {
                owner.as_str().clone_into(sides.owner);
            }
        }
        Peer::PrefixList(list) => list.as_str().clone_into(sides.list),
    }
    if let Some(local) = local {
        put_cidr(sides.local_cidr(*local), *local);
    }
}

/// As its `Display`; without the formatter for IPv4, since every rule of an estate comes by here.
fn put_cidr(text: &mut String, cidr: Cidr) {
    match cidr.net() {
        IpNet::V4(net) => {
            for (index, octet) in net.addr().octets().into_iter().enumerate() {
                if index > 0 {
                    text.push('.');
                }
                put_number(text, octet.into());
            }
            text.push('/');
            put_number(text, net.prefix_len().into());
        }
        IpNet::V6(_) => write!(text, "{cidr}").expect("writing to a String"),
    }
}

fn put_ports(text: &mut String, range: PortRange) {
    put_number(text, range.first());
    text.push('/');
    put_number(text, range.last());
}

fn put_number(text: &mut String, number: u16) {
    if number >= 10 {
        put_number(text, number / 10);
    }
    text.push(char::from(
        b'0' + u8::try_from(number % 10).expect("one digit"),
    ));
}

/// The members of a permission by the part they play.
struct Sides<'a> {
    cidr4: &'a mut String,
    cidr6: &'a mut String,
    group: &'a mut String,
    owner: &'a mut String,
    list: &'a mut String,
    local4: &'a mut String,
    local6: &'a mut String,
}

impl<'a> Sides<'a> {
    fn of(permission: &'a mut Permission, direction: Direction) -> Self {
        match direction {
            Direction::Ingress => Self {
                cidr4: &mut permission.source_cidr_ip,
                cidr6: &mut permission.ipv6_source_cidr_ip,
                group: &mut permission.source_group_id,
                owner: &mut permission.source_group_owner_account,
                list: &mut permission.source_prefix_list_id,
                local4: &mut permission.dest_cidr_ip,
                local6: &mut permission.ipv6_dest_cidr_ip,
            },
            Direction::Egress => Self {
                cidr4: &mut permission.dest_cidr_ip,
                cidr6: &mut permission.ipv6_dest_cidr_ip,
                group: &mut permission.dest_group_id,
                owner: &mut permission.dest_group_owner_account,
                list: &mut permission.dest_prefix_list_id,
                local4: &mut permission.source_cidr_ip,
                local6: &mut permission.ipv6_source_cidr_ip,
            },
        }
    }

    fn peer_cidr(&mut self, cidr: Cidr) -> &mut String {
        if cidr.is_ipv6() {
            self.cidr6
        } else {
            self.cidr4
        }
    }

    fn local_cidr(&mut self, cidr: Cidr) -> &mut String {
        if cidr.is_ipv6() {
            self.local6
        } else {
            self.local4
        }
    }
}

/// `TCP`, `ICMPv6`, `ALL`, `132`: as AuthorizeSecurityGroup takes it.
pub(in super::super) fn protocol_name(protocol: &Protocol) -> String {
    match protocol {
        Protocol::Icmpv6 => "ICMPv6".to_owned(),
        other => other.name().to_ascii_uppercase(),
    }
}

/// `22/22`.
pub(in super::super) fn port_range(range: PortRange) -> String {
    let mut text = String::new();
    put_ports(&mut text, range);
    text
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::report::sample;

    fn cidrs() -> impl Strategy<Value = Cidr> {
        let v4 = (any::<u32>(), 0..=32_u8)
            .prop_map(|(bits, length)| format!("{}/{length}", std::net::Ipv4Addr::from(bits)));
        let v6 = (any::<u128>(), 0..=128_u8)
            .prop_map(|(bits, length)| format!("{}/{length}", std::net::Ipv6Addr::from(bits)));
        prop_oneof![v4, v6].prop_map(|text| Cidr::parse_masking(&text).expect("it is one"))
    }

    fn ranges() -> impl Strategy<Value = PortRange> {
        (1..=u16::MAX, 1..=u16::MAX)
            .prop_map(|(a, b)| PortRange::new(a.min(b), a.max(b)).expect("in order"))
    }

    fn protocols() -> impl Strategy<Value = Protocol> {
        let with_ports = (ranges(), proptest::option::of(ranges()), any::<bool>());
        let with_ports = with_ports.prop_map(|(range, source, tcp)| {
            let ports = Ports {
                destination: PortSet::Range(range),
                source,
            };
            match tcp {
                true => Protocol::Tcp(ports),
                false => Protocol::Udp(ports),
            }
        });
        let by_number = any::<u8>().prop_filter_map("it has ports", Protocol::from_number);
        prop_oneof![
            with_ports,
            by_number,
            Just(Protocol::All),
            Just(Protocol::Icmpv6)
        ]
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(crate::testing::cases(256)))]

        #[test]
        fn what_is_written_by_hand_is_what_the_formatter_writes(
            peer in cidrs(),
            protocol in protocols(),
        ) {
            let mut rule: Rule = sample::rule("ingress accept all from 0.0.0.0/0 priority 1", "");
            rule.peer = Peer::Cidr(peer);
            rule.local = Some(peer);
            rule.protocol = protocol.clone();
            let mut permission = Permission::default();
            plain(&rule, &mut permission);
            let [from, to] = match peer.is_ipv6() {
                true => [&permission.ipv6_source_cidr_ip, &permission.ipv6_dest_cidr_ip],
                false => [&permission.source_cidr_ip, &permission.dest_cidr_ip],
            };
            prop_assert_eq!(from, &peer.to_string());
            prop_assert_eq!(to, &peer.to_string());
            prop_assert_eq!(&permission.ip_protocol, &protocol_name(&protocol));
            let ends = |range: &PortRange| format!("{}/{}", range.first(), range.last());
            let [ports, source] = match protocol.ports() {
                None => [NO_PORTS.to_owned(), NO_PORTS.to_owned()],
                Some(Ports { destination: PortSet::Range(range), source }) => {
                    [ends(range), source.as_ref().map(ends).unwrap_or_default()]
                }
                Some(Ports { destination: PortSet::List(_), .. }) => unreachable!("none is made"),
            };
            prop_assert_eq!(&permission.port_range, &ports);
            prop_assert_eq!(&permission.source_port_range, &source);
        }
    }
}
