//! The far end of a rule: a network, a group or a prefix list.

use std::{fmt, net::IpAddr, str::FromStr};

use ipnet::{IpNet, Ipv4Net};

use super::{GroupId, PrefixListId};

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

#[cfg(test)]
mod tests {
    use super::*;

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
}
