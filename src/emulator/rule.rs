//! A rule as the emulator keeps it: small, and with the spelling that the cloud gives back.

mod address;
mod parse;

pub(super) use self::{
    address::Address,
    parse::{Members, Place, Purpose, parse, peer_members, port_range, text_members},
};
use super::store::Account;
use crate::{
    model::{Direction, NicType, Policy, PortRange},
    provider::alibaba::wire::Permission,
};

/// One rule of a group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Rule {
    /// Position among the rules that the group ever had; pages are told apart by it.
    pub(super) seq: u64,
    pub(super) id: Box<str>,
    /// Seconds since 1970.
    pub(super) created: i64,
    pub(super) direction: Direction,
    pub(super) nic: NicType,
    pub(super) policy: Policy,
    pub(super) priority: u8,
    pub(super) protocol: Protocol,
    pub(super) ports: Ports,
    pub(super) source_ports: Option<PortRange>,
    pub(super) peer: Peer,
    pub(super) local: Option<Address>,
    /// Empty when there is none.
    pub(super) description: Box<str>,
}

/// Protocol of a rule.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Protocol {
    All,
    Tcp,
    Udp,
    Icmp,
    Icmpv6,
    Gre,
    Number(u8),
}

impl Protocol {
    /// Whether rules of the protocol name ports.
    pub(super) fn has_ports(self) -> bool {
        matches!(self, Self::Tcp | Self::Udp)
    }

    fn text(self) -> String {
        match self {
            Self::All => "ALL".into(),
            Self::Tcp => "TCP".into(),
            Self::Udp => "UDP".into(),
            Self::Icmp => "ICMP".into(),
            Self::Icmpv6 => "ICMPV6".into(),
            Self::Gre => "GRE".into(),
            Self::Number(number) => number.to_string(),
        }
    }
}

/// Destination ports of a rule.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) enum Ports {
    /// `-1/-1`: the protocol has none.
    None,
    Range(PortRange),
    List(Box<str>),
}

/// The far end of a rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Peer {
    Address(Address),
    Group {
        id: Box<str>,
        /// Another account; `None` is the account that holds the rule.
        owner: Option<Box<str>>,
    },
    PrefixList(Box<str>),
}

impl Peer {
    /// The four kinds that a rule cannot change between.
    pub(super) fn kind(&self) -> PeerKind {
        match self {
            Self::Address(address) if address.is_ipv6() => PeerKind::Ipv6,
            Self::Address(_) => PeerKind::Ipv4,
            Self::Group { .. } => PeerKind::Group,
            Self::PrefixList(_) => PeerKind::PrefixList,
        }
    }
}

/// Kinds of peer that a modify call cannot turn into each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum PeerKind {
    Ipv4,
    Ipv6,
    Group,
    PrefixList,
}

/// What two rules have in common when the cloud takes one for the other: addresses as networks, no description.
#[derive(Debug, PartialEq, Eq, Hash)]
pub(super) struct Key<'a> {
    direction: Direction,
    nic: NicType,
    policy: Policy,
    priority: Option<u8>,
    protocol: Protocol,
    ports: &'a Ports,
    source_ports: Option<PortRange>,
    peer: PeerKey<'a>,
    local: Option<ipnet::IpNet>,
}

#[derive(Debug, PartialEq, Eq, Hash)]
enum PeerKey<'a> {
    Net(ipnet::IpNet),
    Group(&'a str),
    PrefixList(&'a str),
}

/// `start/end`, as the cloud writes ports.
pub(super) fn port_text(range: PortRange) -> String {
    format!("{}/{}", range.first(), range.last())
}

/// `2018-12-12T07:28:38Z`.
pub(super) fn time_text(seconds: i64) -> String {
    jiff::Timestamp::from_second(seconds)
        .expect("times come from the clock or were parsed")
        .strftime("%Y-%m-%dT%H:%M:%SZ")
        .to_string()
}

impl Rule {
    /// What tells the rule from others of its group.
    pub(super) fn key(&self, with_priority: bool) -> Key<'_> {
        Key {
            direction: self.direction,
            nic: self.nic,
            policy: self.policy,
            priority: with_priority.then_some(self.priority),
            protocol: self.protocol,
            ports: &self.ports,
            source_ports: self.source_ports,
            peer: match &self.peer {
                Peer::Address(address) => PeerKey::Net(address.network()),
                Peer::Group { id, .. } => PeerKey::Group(id),
                Peer::PrefixList(id) => PeerKey::PrefixList(id),
            },
            local: self.local.map(Address::network),
        }
    }

    /// Whether the peer is a group, of whatever account.
    pub(super) fn is_group_rule(&self) -> bool {
        matches!(self.peer, Peer::Group { .. })
    }

    /// What the rule counts in the quota: the sizes of the lists it names, multiplied.
    pub(super) fn weight(&self, account: &Account) -> usize {
        let prefixes = match &self.peer {
            Peer::PrefixList(id) => account
                .prefix_lists
                .get(&**id)
                .map_or(1, |list| list.max_entries),
            _ => 1,
        };
        let ports = match &self.ports {
            Ports::List(id) => account
                .port_lists
                .get(&**id)
                .map_or(1, |list| list.max_entries),
            _ => 1,
        };
        prefixes * ports
    }

    /// The rule as DescribeSecurityGroupAttribute shows it: every member, empty where it does not apply.
    pub(super) fn permission(&self, account: &Account, normalise: bool) -> Permission {
        let address = |address: Address| {
            if normalise {
                address.network().to_string()
            } else {
                address.to_string()
            }
        };
        let mut answer = Permission {
            security_group_rule_id: self.id.to_string(),
            direction: self.direction.to_string(),
            ip_protocol: self.protocol.text(),
            policy: match self.policy {
                Policy::Accept => "Accept".into(),
                Policy::Drop => "Drop".into(),
            },
            priority: self.priority,
            nic_type: self.nic.to_string(),
            description: self.description.to_string(),
            create_time: time_text(self.created),
            ..Permission::default()
        };
        match &self.ports {
            Ports::None => answer.port_range = "-1/-1".into(),
            Ports::Range(range) => answer.port_range = port_text(*range),
            Ports::List(id) => {
                answer.port_range_list_id = id.to_string();
                answer.port_range_list_name = account
                    .port_lists
                    .get(&**id)
                    .map_or_else(String::new, |list| list.name.to_string());
            }
        }
        answer.source_port_range = match self.source_ports {
            Some(range) => port_text(range),
            None if self.protocol.has_ports() => String::new(),
            None => "-1/-1".into(),
        };
        let (mut v4, mut v6) = (String::new(), String::new());
        let (mut group, mut group_name, mut owner) = (String::new(), String::new(), String::new());
        let (mut list, mut list_name) = (String::new(), String::new());
        match &self.peer {
            Peer::Address(peer) if peer.is_ipv6() => v6 = address(*peer),
            Peer::Address(peer) => v4 = address(*peer),
            Peer::Group { id, owner: other } => {
                group = id.to_string();
                owner = other.as_deref().unwrap_or(&account.owner).to_owned();
                if other.is_none() {
                    group_name = account
                        .groups
                        .get(&**id)
                        .map_or_else(String::new, |group| group.name.to_string());
                }
            }
            Peer::PrefixList(id) => {
                list = id.to_string();
                list_name = account
                    .prefix_lists
                    .get(&**id)
                    .map_or_else(String::new, |list| list.name.to_string());
            }
        }
        let (mut local4, mut local6) = (String::new(), String::new());
        match self.local {
            Some(local) if local.is_ipv6() => local6 = address(local),
            Some(local) => local4 = address(local),
            None => {}
        }
        match self.direction {
            Direction::Ingress => {
                answer.source_cidr_ip = v4;
                answer.ipv6_source_cidr_ip = v6;
                answer.source_group_id = group;
                answer.source_group_name = group_name;
                answer.source_group_owner_account = owner;
                answer.source_prefix_list_id = list;
                answer.source_prefix_list_name = list_name;
                answer.dest_cidr_ip = local4;
                answer.ipv6_dest_cidr_ip = local6;
            }
            Direction::Egress => {
                answer.dest_cidr_ip = v4;
                answer.ipv6_dest_cidr_ip = v6;
                answer.dest_group_id = group;
                answer.dest_group_name = group_name;
                answer.dest_group_owner_account = owner;
                answer.dest_prefix_list_id = list;
                answer.dest_prefix_list_name = list_name;
                answer.source_cidr_ip = local4;
                answer.ipv6_source_cidr_ip = local6;
            }
        }
        answer
    }

    /// The members that are not empty and not only for display: what files keep, and what a modify call starts from.
    pub(super) fn members(&self, account: &Account) -> serde_json::Map<String, serde_json::Value> {
        let value = serde_json::to_value(self.permission(account, false))
            .expect("a permission has nothing that JSON cannot write");
        let serde_json::Value::Object(members) = value else {
            unreachable!("a struct becomes an object");
        };
        members
            .into_iter()
            .filter(|(name, value)| {
                let shown = name.ends_with("GroupName") || name.ends_with("ListName");
                !shown && value.as_str() != Some("")
            })
            .collect()
    }
}
