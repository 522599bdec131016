//! The public internet, as a set of addresses.
//!
//! This is about a group's rules alone: whether a member has a public address, what the network ACL of its subnet says, and what the
//! platform blocks (outbound tcp/25) are outside the model.

use std::sync::LazyLock;

use super::clause::{Family, Interval, cidr_interval, merge};
use crate::model::Cidr;

/// IPv4 networks that are not part of the internet (IANA's registry of special-purpose addresses): this network, private use, shared
/// address space, loopback, link local, multicast, reserved.
pub const NOT_INTERNET_V4: [&str; 9] = [
    "0.0.0.0/8",
    "10.0.0.0/8",
    "100.64.0.0/10",
    "127.0.0.0/8",
    "169.254.0.0/16",
    "172.16.0.0/12",
    "192.168.0.0/16",
    "224.0.0.0/4",
    "240.0.0.0/4",
];
/// IPv6 global unicast.
pub const INTERNET_V6: &str = "2000::/3";

/// The addresses of the internet, of one family.
pub fn internet(family: Family) -> &'static [Interval] {
    static BOTH: LazyLock<[Vec<Interval>; 2]> = LazyLock::new(|| {
        let network = |text: &str| {
            cidr_interval(
                text.parse::<Cidr>()
                    .expect("the table holds valid networks"),
            )
        };
        let outside = merge(NOT_INTERNET_V4.into_iter().map(network).collect());
        let mut inside = Vec::new();
        let mut next = 0;
        for (first, last) in outside {
            if next < first {
                inside.push((next, first - 1));
            }
            next = last + 1;
        }
        if next <= Family::V4.last_address() {
            inside.push((next, Family::V4.last_address()));
        }
        [inside, vec![network(INTERNET_V6)]]
    });
    match family {
        Family::V4 => &BOTH[0],
        Family::V6 => &BOTH[1],
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::IpAddr;

    fn is_internet(address: &str) -> bool {
        let (family, number) = match address.parse::<IpAddr>().unwrap() {
            IpAddr::V4(v4) => (Family::V4, u128::from(u32::from(v4))),
            IpAddr::V6(v6) => (Family::V6, v6.into()),
        };
        internet(family)
            .iter()
            .any(|&(first, last)| first <= number && number <= last)
    }

    #[test]
    fn borders_are_where_the_registry_has_them() {
        for public in [
            "1.0.0.0",
            "9.255.255.255",
            "11.0.0.0",
            "100.63.255.255",
            "100.128.0.0",
            "126.255.255.255",
            "128.0.0.0",
            "172.15.255.255",
            "172.32.0.0",
            "192.167.255.255",
            "192.169.0.0",
            "223.255.255.255",
            "2000::",
            "3fff:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
        ] {
            assert!(is_internet(public), "{public}");
        }
        for private in [
            "0.0.0.0",
            "0.255.255.255",
            "10.0.0.0",
            "10.255.255.255",
            "100.64.0.0",
            "100.127.255.255",
            "127.0.0.1",
            "169.254.169.254",
            "172.16.0.0",
            "172.31.255.255",
            "192.168.1.1",
            "224.0.0.0",
            "255.255.255.255",
            "::1",
            "fe80::1",
            "fd00::1",
            "1fff::",
            "4000::",
        ] {
            assert!(!is_internet(private), "{private}");
        }
    }
}
