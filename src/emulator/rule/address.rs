//! Addresses of rules, with the spelling in which the cloud gives them back: IPv4 as sent, IPv6 compressed and in lower
//! case, host bits kept in both.

use std::{
    fmt,
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
};

use ipnet::IpNet;

/// An address or network as sent: host bits may be set, the mask may be missing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::emulator) struct Address {
    ip: IpAddr,
    length: Option<u8>,
}

impl Address {
    /// An IPv4 address or CIDR.
    pub(in crate::emulator) fn v4(text: &str) -> Option<Self> {
        Self::parse::<Ipv4Addr>(text, 32)
    }

    /// An IPv6 address or CIDR.
    pub(in crate::emulator) fn v6(text: &str) -> Option<Self> {
        Self::parse::<Ipv6Addr>(text, 128)
    }

    fn parse<A: std::str::FromStr + Into<IpAddr>>(text: &str, longest: u8) -> Option<Self> {
        let (ip, length) = match text.split_once('/') {
            None => (text, None),
            Some((ip, length)) => {
                let number: u8 = length.parse().ok()?;
                if number > longest || number.to_string() != length {
                    return None;
                }
                (ip, Some(number))
            }
        };
        Some(Self {
            ip: ip.parse::<A>().ok()?.into(),
            length,
        })
    }

    pub(in crate::emulator) fn is_ipv6(self) -> bool {
        self.ip.is_ipv6()
    }

    /// The network that is meant: host bits masked, an address alone as a network of one.
    pub(in crate::emulator) fn network(self) -> IpNet {
        match self.length {
            None => IpNet::from(self.ip),
            Some(length) => IpNet::new(self.ip, length)
                .expect("the length was checked")
                .trunc(),
        }
    }

    /// Whether bits are set to the right of the prefix.
    pub(in crate::emulator) fn has_host_bits(self) -> bool {
        self.network().addr() != self.ip
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.ip.fmt(f)?;
        match self.length {
            Some(length) => write!(f, "/{length}"),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spelling_is_kept_for_ipv4_and_compressed_for_ipv6() {
        for text in ["10.159.6.18/12", "192.0.2.7", "0.0.0.0/0"] {
            assert_eq!(Address::v4(text).unwrap().to_string(), text);
        }
        let address = Address::v6("2001:0DB8:3c4d:0015:0000:0000:1a2f:1a2b/0").unwrap();
        assert_eq!(address.to_string(), "2001:db8:3c4d:15::1a2f:1a2b/0");
        assert_eq!(address.network().to_string(), "::/0");
    }

    #[test]
    fn what_is_no_address_of_the_family_is_refused() {
        for text in [
            "10.0.0.0/33",
            "10.0.0/8",
            "010.0.0.0/8",
            "10.0.0.0/08",
            "10.0.0.0/",
            "::/0",
            "",
        ] {
            assert_eq!(Address::v4(text), None, "{text}");
        }
        for text in ["2001:db8::/129", "10.0.0.0/8", "fe80::1%eth0", ":::"] {
            assert_eq!(Address::v6(text), None, "{text}");
        }
    }
}
