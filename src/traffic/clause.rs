//! Rules as boxes of packets.

use ipnet::IpNet;

use crate::model::{
    Cidr, GroupId, Lists, Peer, Policy, PortListId, PortRange, PortSet, PrefixListId, Protocol,
    Rule,
};

/// IPv4 and IPv6 packets never meet in one rule's addresses.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Family {
    /// IPv4.
    V4,
    /// IPv6.
    V6,
}

impl Family {
    /// Both.
    pub const BOTH: [Self; 2] = [Self::V4, Self::V6];

    /// The highest address.
    pub fn last_address(self) -> u128 {
        match self {
            Self::V4 => u128::from(u32::MAX),
            Self::V6 => u128::MAX,
        }
    }

    fn of(cidr: Cidr) -> Self {
        if cidr.is_ipv6() { Self::V6 } else { Self::V4 }
    }
}

/// Something a packet may belong to that its addresses and ports do not tell: a security group, or a list that could not be read.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Symbol {
    /// Member of the group.
    Group(GroupId),
    /// Address in the list.
    PrefixList(PrefixListId),
    /// Destination port in the list.
    PortList(PortListId),
}

impl std::fmt::Display for Symbol {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Group(group) => group.fmt(f),
            Self::PrefixList(list) => list.fmt(f),
            Self::PortList(list) => list.fmt(f),
        }
    }
}

/// Numbers from first to last, both included.
pub type Interval = (u128, u128);

/// The far end of a clause.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Far {
    /// Everyone.
    Anyone,
    /// Addresses of one family, as intervals that neither touch nor overlap.
    Addresses(Family, Vec<Interval>),
    /// Whoever belongs to the symbol, whatever its address.
    Member(Symbol),
}

/// A rule, or a question, as a box of packets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Clause {
    /// Rank: priority, then drop before accept.
    pub priority: u16,
    /// Verdict.
    pub policy: Policy,
    /// Peer.
    pub far: Far,
    /// Only packets of this family; ICMP exists in IPv4, ICMPv6 in IPv6 only.
    pub family: Option<Family>,
    /// Protocol number; `None` is every one.
    pub protocol: Option<u8>,
    /// Destination ports; `None` is every one, or a protocol without ports.
    pub destination: Option<Vec<Interval>>,
    /// Only destination ports in this list, which could not be read. Where a question leaves open what is in it, every port.
    pub ports_in: Option<PortListId>,
    /// Source ports.
    pub source: Option<Vec<Interval>>,
    /// The member's own addresses.
    pub local: Option<(Family, Interval)>,
}

/// Lists whose content could be read; every other list is a symbol.
pub struct Resolve<'a>(pub Option<&'a Lists>);

impl Clause {
    /// The rule that decides where no other does: weaker than every priority there is.
    pub fn default(policy: Policy) -> Self {
        Self {
            priority: u16::MAX,
            policy,
            far: Far::Anyone,
            family: None,
            protocol: None,
            destination: None,
            ports_in: None,
            source: None,
            local: None,
        }
    }

    /// A rule; lists that `resolve` knows become intervals.
    pub fn of(rule: &Rule, resolve: &Resolve<'_>) -> Self {
        let far = match &rule.peer {
            Peer::Cidr(cidr) => Far::Addresses(Family::of(*cidr), vec![cidr_interval(*cidr)]),
            Peer::Group(group) => Far::Member(Symbol::Group(group.clone())),
            Peer::PrefixList(id) => match resolve.0.and_then(|lists| lists.prefix.get(id)) {
                Some(list) => {
                    let family = match list.family {
                        crate::model::AddressFamily::Ipv4 => Family::V4,
                        crate::model::AddressFamily::Ipv6 => Family::V6,
                    };
                    Far::Addresses(
                        family,
                        merge(
                            list.entries
                                .iter()
                                .map(|cidr| cidr_interval(*cidr))
                                .collect(),
                        ),
                    )
                }
                None => Far::Member(Symbol::PrefixList(id.clone())),
            },
        };
        let range = |range: PortRange| (u128::from(range.first()), u128::from(range.last()));
        let ports = rule.protocol.ports();
        let (destination, ports_in) = match ports.map(|ports| &ports.destination) {
            None | Some(PortSet::Range(PortRange::ALL)) => (None, None),
            Some(PortSet::Range(one)) => (Some(vec![range(*one)]), None),
            Some(PortSet::List(id)) => match resolve.0.and_then(|lists| lists.port.get(id)) {
                Some(list) => {
                    let entries = list.entries.iter().map(|entry| range(*entry));
                    (Some(merge(entries.collect())), None)
                }
                None => (None, Some(id.clone())),
            },
        };
        let source = ports
            .and_then(|ports| ports.source)
            .filter(|source| *source != PortRange::ALL)
            .map(|source| vec![range(source)]);
        Self {
            priority: u16::from(rule.priority.get()),
            policy: rule.policy,
            far,
            family: match rule.protocol {
                Protocol::Icmp => Some(Family::V4),
                Protocol::Icmpv6 => Some(Family::V6),
                Protocol::All
                | Protocol::Tcp(_)
                | Protocol::Udp(_)
                | Protocol::Gre
                | Protocol::Number(_) => None,
            },
            protocol: rule.protocol.number(),
            destination,
            ports_in,
            source,
            local: rule
                .local
                .map(|cidr| (Family::of(cidr), cidr_interval(cidr))),
        }
    }

    /// The smaller, the stronger.
    pub fn rank(&self) -> (u16, Policy) {
        (self.priority, self.policy)
    }

    /// Whether some packet may match both; who is a member of what is not looked at.
    pub fn meets(&self, other: &Self) -> bool {
        let common = |a: &[Interval], b: &[Interval]| {
            a.iter().any(|a| b.iter().any(|b| a.0 <= b.1 && b.0 <= a.1))
        };
        let ports = |a: &Option<Vec<Interval>>, b: &Option<Vec<Interval>>| match (a, b) {
            (Some(a), Some(b)) => common(a, b),
            (None, _) | (_, None) => true,
        };
        // What tells most clauses apart first.
        if let (Some(a), Some(b)) = (self.protocol, other.protocol)
            && a != b
        {
            return false;
        }
        if !ports(&self.destination, &other.destination) || !ports(&self.source, &other.source) {
            return false;
        }
        if let (Far::Addresses(_, a), Far::Addresses(_, b)) = (&self.far, &other.far)
            && !common(a, b)
        {
            return false;
        }
        if let (Some((_, a)), Some((_, b))) = (&self.local, &other.local)
            && !common(&[*a], &[*b])
        {
            return false;
        }
        // Every family that one of them insists on is the same.
        let families = |clause: &Self| {
            let far = match &clause.far {
                Far::Addresses(family, _) => Some(*family),
                Far::Anyone | Far::Member(_) => None,
            };
            let local = clause.local.as_ref().map(|(family, _)| *family);
            [far, local, clause.family]
        };
        let mut all = families(self).into_iter().chain(families(other)).flatten();
        let first = all.next();
        all.all(|family| Some(family) == first)
    }

    /// Whether it matches packets of a family at all.
    pub fn is_of(&self, family: Family) -> bool {
        let far = match &self.far {
            Far::Addresses(own, _) => *own == family,
            Far::Anyone | Far::Member(_) => true,
        };
        let local = self.local.as_ref().is_none_or(|(own, _)| *own == family);
        far && local && self.family.is_none_or(|own| own == family)
    }

    /// The symbols it needs, in order.
    pub fn symbols(&self) -> impl Iterator<Item = Symbol> + '_ {
        let ports = self.ports_in.iter().cloned().map(Symbol::PortList);
        self.symbol().cloned().into_iter().chain(ports)
    }

    /// The symbol that it needs of its peer, if it needs one.
    pub fn symbol(&self) -> Option<&Symbol> {
        match &self.far {
            Far::Member(symbol) => Some(symbol),
            Far::Anyone | Far::Addresses(..) => None,
        }
    }
}

/// First and last address of a network.
pub fn cidr_interval(cidr: Cidr) -> Interval {
    match cidr.net() {
        IpNet::V4(net) => (
            u32::from(net.network()).into(),
            u32::from(net.broadcast()).into(),
        ),
        IpNet::V6(net) => (net.network().into(), net.broadcast().into()),
    }
}

/// Sorts intervals and joins those that touch or overlap.
pub fn merge(mut intervals: Vec<Interval>) -> Vec<Interval> {
    intervals.sort_unstable();
    let mut merged: Vec<Interval> = Vec::with_capacity(intervals.len());
    for (first, last) in intervals {
        match merged.last_mut() {
            Some(open) if first <= open.1.saturating_add(1) => open.1 = open.1.max(last),
            _ => merged.push((first, last)),
        }
    }
    merged
}
