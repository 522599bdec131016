//! What a rule matches: the protocol, and the ports of those that have ports.

use std::{fmt, str::FromStr};

use super::PortListId;

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
