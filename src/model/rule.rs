//! One rule: what it matches and what becomes of the packets.

use std::{fmt, net::IpAddr, str::FromStr, sync::Arc};

use ipnet::{IpNet, Ipv4Net};

use super::{GroupId, OwnerId, PortListId, PrefixListId};

/// Which way the packets go, seen from the members of the group.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Direction {
    /// To the members; the peer is the source.
    Ingress,
    /// From the members; the peer is the destination.
    Egress,
}

impl Direction {
    /// Both, in the order in which they are shown.
    pub const BOTH: [Self; 2] = [Self::Ingress, Self::Egress];

    /// The word that stands before a peer: `from` or `to`.
    pub fn preposition(self) -> &'static str {
        match self {
            Self::Ingress => "from",
            Self::Egress => "to",
        }
    }
}

impl fmt::Display for Direction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Ingress => "ingress",
            Self::Egress => "egress",
        })
    }
}

/// What becomes of a packet that the rule matches. `Drop` is the smaller: at equal priority drop wins
/// (AuthorizeSecurityGroup), and rules sort from strongest to weakest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Policy {
    /// The packet is discarded without an answer.
    Drop,
    /// The packet passes.
    Accept,
}

impl fmt::Display for Policy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Drop => "drop",
            Self::Accept => "accept",
        })
    }
}

/// Rank of a rule, the smaller the stronger. Users may set 1 to 100; rules made by the platform before
/// 2020-05-27 have 110 and can be read, never written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Priority(u8);

/// A priority that cannot be declared.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("priority {0} is outside 1..100")]
pub struct PriorityError(pub i64);

impl Priority {
    /// What the cloud takes when none is said.
    pub const DEFAULT: Self = Self(1);
    /// The weakest that can be set; what the console puts in place of 110.
    pub const WEAKEST: Self = Self(100);

    /// A priority that may be declared and sent: 1 to 100.
    pub fn new(value: i64) -> Result<Self, PriorityError> {
        match u8::try_from(value) {
            Ok(n @ 1..=100) => Ok(Self(n)),
            _ => Err(PriorityError(value)),
        }
    }

    /// A priority that the cloud returned, whatever it is.
    pub fn observed(value: u8) -> Self {
        Self(value)
    }

    /// The number.
    pub fn get(self) -> u8 {
        self.0
    }

    /// Whether the rule was made by the platform: it can be read and revoked, never written again.
    pub fn is_system_level(self) -> bool {
        self.0 > 100
    }
}

impl fmt::Display for Priority {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Which network interface of a classic-network instance; in a VPC always `Intranet`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum NicType {
    /// The private network interface.
    Intranet,
    /// The public network interface; exists in the classic network only.
    Internet,
}

impl fmt::Display for NicType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Intranet => "intranet",
            Self::Internet => "internet",
        })
    }
}

/// Ports from `first` to `last`, both included, 1 to 65535.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PortRange {
    first: u16,
    last: u16,
}

/// Why a text or a pair of numbers is no port range.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PortRangeError {
    /// First and last are the wrong way round.
    #[error("ports {first}-{last} are reversed")]
    Reversed {
        /// As written first.
        first: u16,
        /// As written last.
        last: u16,
    },
    /// Zero is no port in a rule (AuthorizeSecurityGroup: 1 to 65535).
    #[error("port 0 does not exist in rules; ports are 1 to 65535")]
    Zero,
    /// Not a number, or above 65535.
    #[error("`{0}` is not a port or a range of ports in 1..65535")]
    Malformed(String),
}

impl PortRange {
    /// Every port.
    pub const ALL: Self = Self {
        first: 1,
        last: 65535,
    };

    /// The only constructor: every other way in, text or wire, goes through it.
    pub fn new(first: u16, last: u16) -> Result<Self, PortRangeError> {
        if first > last {
            return Err(PortRangeError::Reversed { first, last });
        }
        if first == 0 {
            return Err(PortRangeError::Zero);
        }
        Ok(Self { first, last })
    }

    /// The lowest port.
    pub fn first(self) -> u16 {
        self.first
    }

    /// The highest port.
    pub fn last(self) -> u16 {
        self.last
    }

    /// Whether the two have a port in common.
    pub fn overlaps(self, other: Self) -> bool {
        self.first <= other.last && other.first <= self.last
    }
}

/// `22`, `22/22`, `8000-8010` and `8000/8010`.
impl FromStr for PortRange {
    type Err = PortRangeError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let malformed = || PortRangeError::Malformed(text.to_owned());
        let number = |part: &str| -> Result<u16, PortRangeError> {
            if part.is_empty() || !part.bytes().all(|b| b.is_ascii_digit()) {
                return Err(malformed());
            }
            part.parse().map_err(|_| malformed())
        };
        match text.split_once(['/', '-']) {
            None => {
                let port = number(text)?;
                Self::new(port, port)
            }
            Some((first, last)) => Self::new(number(first)?, number(last)?),
        }
    }
}

impl fmt::Display for PortRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { first, last } = self;
        if first == last {
            write!(f, "{first}")
        } else {
            write!(f, "{first}-{last}")
        }
    }
}

/// Destination ports: written in the rule, or kept in a list beside it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum PortSet {
    /// A range in the rule itself.
    Range(PortRange),
    /// A port list; its content may change without the rule.
    List(PortListId),
}

/// Ports of a TCP or UDP rule.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Ports {
    /// At the receiver.
    pub destination: PortSet,
    /// At the sender; `None` admits every source port. `1-65535` is another rule to the cloud.
    pub source: Option<PortRange>,
}

impl From<PortRange> for Ports {
    fn from(range: PortRange) -> Self {
        Self {
            destination: PortSet::Range(range),
            source: None,
        }
    }
}

/// What a rule matches; ports exist only where the protocol has ports.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Protocol {
    /// Every protocol.
    All,
    /// TCP, protocol 6.
    Tcp(Ports),
    /// UDP, protocol 17.
    Udp(Ports),
    /// ICMP for IPv4, protocol 1.
    Icmp,
    /// ICMP for IPv6, protocol 58.
    Icmpv6,
    /// GRE, protocol 47.
    Gre,
    /// Another protocol by its IANA number; some regions only. Never a number that has a name above.
    Number(u8),
}

impl Protocol {
    /// The protocol of an IANA number, `None` for the two that need ports.
    pub fn from_number(number: u8) -> Option<Self> {
        match number {
            1 => Some(Self::Icmp),
            6 | 17 => None,
            47 => Some(Self::Gre),
            58 => Some(Self::Icmpv6),
            other => Some(Self::Number(other)),
        }
    }

    /// The IANA number, `None` for `All`.
    pub fn number(&self) -> Option<u8> {
        match self {
            Self::All => None,
            Self::Tcp(_) => Some(6),
            Self::Udp(_) => Some(17),
            Self::Icmp => Some(1),
            Self::Icmpv6 => Some(58),
            Self::Gre => Some(47),
            Self::Number(number) => Some(*number),
        }
    }

    /// The ports, where the protocol has ports.
    pub fn ports(&self) -> Option<&Ports> {
        match self {
            Self::Tcp(ports) | Self::Udp(ports) => Some(ports),
            Self::All | Self::Icmp | Self::Icmpv6 | Self::Gre | Self::Number(_) => None,
        }
    }

    /// The name without ports: `tcp`, `all`, `132`.
    pub fn name(&self) -> std::borrow::Cow<'static, str> {
        match self {
            Self::All => "all".into(),
            Self::Tcp(_) => "tcp".into(),
            Self::Udp(_) => "udp".into(),
            Self::Icmp => "icmp".into(),
            Self::Icmpv6 => "icmpv6".into(),
            Self::Gre => "gre".into(),
            Self::Number(number) => number.to_string().into(),
        }
    }
}

/// `tcp/443`, `udp/8000-8010`, `tcp/prl-…`, `icmp`, `all`; source ports follow as `tcp/443 sport 1024-65535`.
impl fmt::Display for Protocol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name())?;
        let Some(Ports {
            destination,
            source,
        }) = self.ports()
        else {
            return Ok(());
        };
        match destination {
            PortSet::Range(range) => write!(f, "/{range}")?,
            PortSet::List(list) => write!(f, "/{list}")?,
        }
        if let Some(source) = source {
            write!(f, " sport {source}")?;
        }
        Ok(())
    }
}

/// A network without host bits, IPv4 or IPv6: two spellings of one network are equal.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Cidr(IpNet);

/// Why a text is no network.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CidrError {
    /// Neither an address nor address/length.
    #[error("`{0}` is not an IPv4 or IPv6 address or CIDR")]
    Malformed(String),
    /// Bits are set to the right of the prefix.
    #[error("`{written}` has host bits set")]
    HostBits {
        /// As written.
        written: String,
        /// What was probably meant.
        network: Cidr,
    },
}

impl Cidr {
    /// Masks host bits, as the cloud's answers need (their form is not documented).
    pub fn new(net: IpNet) -> Self {
        Self(net.trunc())
    }

    /// Reads an address or CIDR, masking host bits.
    pub fn parse_masking(text: &str) -> Result<Self, CidrError> {
        if let Some(net) = common_ipv4(text) {
            return Ok(Self::new(net.into()));
        }
        let net = text
            .parse::<IpNet>()
            .or_else(|_| text.parse::<IpAddr>().map(IpNet::from))
            .map_err(|_| CidrError::Malformed(text.to_owned()))?;
        Ok(Self::new(net))
    }

    /// Whether it holds IPv6 addresses.
    pub fn is_ipv6(self) -> bool {
        matches!(self.0, IpNet::V6(_))
    }

    /// The network.
    pub fn net(self) -> IpNet {
        self.0
    }

    /// Whether the two have an address in common: one contains the other.
    pub fn overlaps(self, other: Self) -> bool {
        self.0.contains(&other.0) || other.0.contains(&self.0)
    }
}

/// `a.b.c.d/n` without leading zeros, which most rules have, in a fraction of the time that the general way takes; `None` for all else.
fn common_ipv4(text: &str) -> Option<Ipv4Net> {
    let (address, length) = text.split_once('/')?;
    let length: u8 = match length.as_bytes() {
        [one @ b'0'..=b'9'] => one - b'0',
        [ten @ b'1'..=b'3', one @ b'0'..=b'9'] => (ten - b'0') * 10 + (one - b'0'),
        _ => return None,
    };
    Ipv4Net::new(address.parse().ok()?, length).ok()
}

/// Refuses host bits and leading zeros: whoever writes `10.1.2.3/8` or `010.1.0.0` may mean either of two things.
impl FromStr for Cidr {
    type Err = CidrError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        // Some programs read `010` as ten, some as eight.
        let address = text.split('/').next().unwrap_or(text);
        if !text.contains(':')
            && address
                .split('.')
                .any(|octet| octet.len() > 1 && octet.starts_with('0'))
        {
            return Err(CidrError::Malformed(text.to_owned()));
        }
        let network = Self::parse_masking(text)?;
        match text.parse::<IpNet>() {
            Ok(net) if net != network.0 => Err(CidrError::HostBits {
                written: text.to_owned(),
                network,
            }),
            _ => Ok(network),
        }
    }
}

impl fmt::Display for Cidr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// The far end: the source of an ingress rule, the destination of an egress rule.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Peer {
    /// Addresses.
    Cidr(Cidr),
    /// The members of another security group.
    Group(GroupId),
    /// The addresses in a prefix list, whatever they are at the time.
    PrefixList(PrefixListId),
}

impl Peer {
    /// Whether a modify call may turn one into the other: IPv4, IPv6, group and prefix list are four
    /// kinds that the cloud does not change (`InvalidOperation.ModifySgRuleEntityType`).
    pub fn same_kind(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Cidr(a), Self::Cidr(b)) => a.is_ipv6() == b.is_ipv6(),
            (Self::Group(_), Self::Group(_)) | (Self::PrefixList(_), Self::PrefixList(_)) => true,
            (Self::Cidr(_) | Self::Group(_) | Self::PrefixList(_), _) => false,
        }
    }
}

impl fmt::Display for Peer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Cidr(cidr) => cidr.fmt(f),
            Self::Group(group) => group.fmt(f),
            Self::PrefixList(list) => list.fmt(f),
        }
    }
}

/// One rule of a security group.
///
/// The order of the fields is the order of rules everywhere: by direction, then from the strongest to the
/// weakest, as the cloud evaluates them.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Rule {
    /// Which way.
    pub direction: Direction,
    /// Which network interface; `Intranet` in a VPC.
    pub nic: NicType,
    /// Rank.
    pub priority: Priority,
    /// Verdict.
    pub policy: Policy,
    /// Protocol and ports.
    pub protocol: Protocol,
    /// The far end.
    pub peer: Peer,
    /// The members' own addresses that the rule is limited to; `None` is all of them.
    pub local: Option<Cidr>,
    /// Free text kept in the cloud, 1 to 512 characters; no part of the rule's identity.
    pub description: Option<Arc<str>>,
    /// Account that owns a peer group of another account. Group ids are unique over accounts, so this is
    /// no part of the rule's identity; it is sent when the rule is written.
    pub peer_owner: Option<OwnerId>,
}

/// What makes two rules one rule to the cloud: everything but the description (the cloud does
/// not document its key; AuthorizeSecurityGroup names most of these members).
pub type RuleIdentity<'a> = (
    Direction,
    NicType,
    Priority,
    Policy,
    &'a Protocol,
    &'a Peer,
    Option<Cidr>,
);

impl Rule {
    /// What the cloud tells rules apart by.
    pub fn identity(&self) -> RuleIdentity<'_> {
        let Self {
            direction,
            nic,
            priority,
            policy,
            protocol,
            peer,
            local,
            description: _,
            peer_owner: _,
        } = self;
        (*direction, *nic, *priority, *policy, protocol, peer, *local)
    }

    /// Whether the cloud takes one for a duplicate of the other.
    pub fn is_same_rule(&self, other: &Self) -> bool {
        self.identity() == other.identity()
    }

    /// Whether the two would be one rule if priority did not count, which the cloud does not document.
    pub fn is_same_but_priority(&self, other: &Self) -> bool {
        let (d1, n1, _, a1, s1, p1, l1) = self.identity();
        let (d2, n2, _, a2, s2, p2, l2) = other.identity();
        (d1, n1, a1, s1, p1, l1) == (d2, n2, a2, s2, p2, l2)
    }
}

/// `ingress accept tcp/443 from 0.0.0.0/0 priority 1`, without the description.
impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (direction, nic, priority, policy, protocol, peer, local) = self.identity();
        write!(f, "{direction} {policy} {protocol}")?;
        if let (Direction::Egress, Some(local)) = (direction, local) {
            write!(f, " from {local}")?;
        }
        write!(f, " {} {peer}", direction.preposition())?;
        if let (Direction::Ingress, Some(local)) = (direction, local) {
            write!(f, " to {local}")?;
        }
        if nic == NicType::Internet {
            write!(f, " on {nic}")?;
        }
        write!(f, " priority {priority}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn port_ranges_parse_in_four_spellings() {
        for (text, printed) in [
            ("22", "22"),
            ("22/22", "22"),
            ("8000-8010", "8000-8010"),
            ("1/65535", "1-65535"),
        ] {
            assert_eq!(text.parse::<PortRange>().unwrap().to_string(), printed);
        }
        for text in [
            "", "0", "65536", "200/1", "22,80", "+22", " 22", "22-", "-1/-1",
        ] {
            assert!(text.parse::<PortRange>().is_err(), "{text}");
        }
    }

    #[test]
    fn a_cidr_with_host_bits_names_the_network_that_was_meant() {
        let error = "10.1.2.3/8".parse::<Cidr>().unwrap_err();
        let network = Cidr::parse_masking("10.0.0.0/8").unwrap();
        assert_eq!(
            error,
            CidrError::HostBits {
                written: "10.1.2.3/8".into(),
                network
            }
        );
    }

    #[test]
    fn the_short_way_to_read_ipv4_knows_what_the_general_one_knows() {
        let mut texts: Vec<String> = [
            "/8",
            "10.0.0.0/",
            "10.0.0/8",
            "10.0.0.0/+8",
            "10.0.0.0/08",
            "010.0.0.0/8",
            "::/0",
            "256.0.0.0/8",
        ]
        .map(str::to_owned)
        .into();
        for length in 0..=40 {
            texts.extend(
                ["0.0.0.0", "10.200.30.4", "255.255.255.255"].map(|a| format!("{a}/{length}")),
            );
        }
        let mut short = 0;
        for text in texts {
            let general = text.parse::<IpNet>().ok();
            if let Some(net) = common_ipv4(&text) {
                assert_eq!(general, Some(net.into()), "{text}");
                short += 1;
            }
        }
        assert_eq!(short, 3 * 33);
    }

    #[test]
    fn spellings_of_one_network_are_equal() {
        for (a, b) in [
            ("192.0.2.7", "192.0.2.7/32"),
            ("2001:0DB8:0000:0000:0000:0000:0000:0001", "2001:db8::1/128"),
        ] {
            assert_eq!(a.parse::<Cidr>(), b.parse::<Cidr>());
        }
    }

    #[test]
    fn priorities_outside_1_to_100_cannot_be_declared() {
        for value in [i64::MIN, -1, 0, 101, 110, 257, i64::MAX] {
            assert_eq!(Priority::new(value), Err(PriorityError(value)));
        }
        assert_eq!(Priority::new(100), Ok(Priority::WEAKEST));
    }
}
