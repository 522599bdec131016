//! Single values of rules: addresses, peers, ports, dates, descriptions; each with the mend for what people get wrong.

use std::net::{IpAddr, Ipv4Addr};

use ipnet::IpNet;
use jiff::{Timestamp, civil::Date, tz::TimeZone};

use crate::{
    desired::{
        DesiredPeer,
        fields::{Out, text},
        yaml::Node,
    },
    diag::{Code, Diagnostic},
    model::{
        Cidr, CidrError, Direction, GroupId, GroupName, OwnerId, PortListId, PortRange,
        PortRangeError, PortSet, PrefixListId, VpcId,
    },
};

/// What stands where a peer may stand.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum PeerText {
    /// A peer by itself.
    Peer(DesiredPeer),
    /// The name of a network.
    Network(String),
}

/// Reads `10.0.0.0/8`, `sg-..`, `1234/sg-..`, `group:name`, `pl-..` or the name of a network.
pub(super) fn peer(node: &Node<'_>, key: &str, out: &mut Out) -> Option<PeerText> {
    let written = text(node, key, out)?;
    if refuse_comma(node, written, key, out) {
        return None;
    }
    if let Some(name) = written.strip_prefix("group:") {
        return group_name(node, name.trim(), out)
            .map(|name| PeerText::Peer(DesiredPeer::Declared(name)));
    }
    if written.starts_with("sg-") {
        return group_id(node, written, out)
            .map(|id| PeerText::Peer(DesiredPeer::Group { id, owner: None }));
    }
    if let Some((owner, id)) = written.split_once('/')
        && id.starts_with("sg-")
    {
        if owner.is_empty() || !owner.bytes().all(|b| b.is_ascii_digit()) {
            out.push(
                Diagnostic::error(
                    Code::InvalidGroup,
                    format!("`{owner}` is not the number of an account"),
                )
                .label(node.span, "expected digits before the `/`")
                .help("write `1234567890123456/sg-..` for a group of another account"),
            );
            return None;
        }
        let owner = Some(OwnerId::new(owner));
        return group_id(node, id, out).map(|id| PeerText::Peer(DesiredPeer::Group { id, owner }));
    }
    if written.starts_with("pl-") {
        if !is_id(written, "pl-") {
            out.push(bad_id(node, written, "prefix list", "pl-bp1list0000000000"));
            return None;
        }
        return Some(PeerText::Peer(DesiredPeer::PrefixList(PrefixListId::new(
            written,
        ))));
    }
    if written.starts_with("prl-") {
        out.push(
            Diagnostic::error(
                Code::PeerKey,
                format!("`{written}` is a list of ports, not of addresses"),
            )
            .label(node.span, "no peer")
            .help("write it under `ports`; lists of addresses have ids that begin with `pl-`"),
        );
        return None;
    }
    if looks_like_address(written) {
        return cidr(node, written, out).map(|cidr| PeerText::Peer(DesiredPeer::Cidr(cidr)));
    }
    Some(PeerText::Network(written.to_owned()))
}

/// Whether a text begins like an address, so that it is no name.
pub(super) fn looks_like_address(text: &str) -> bool {
    text.contains(':')
        || text.contains('/')
        || text.starts_with(|c: char| c.is_ascii_digit())
        || text.parse::<IpAddr>().is_ok()
}

/// An address or CIDR without host bits.
pub(super) fn cidr(node: &Node<'_>, written: &str, out: &mut Out) -> Option<Cidr> {
    let diagnostic = match written.parse::<Cidr>() {
        Ok(cidr) => return Some(cidr),
        Err(CidrError::HostBits { written, network }) => {
            let address = written.split('/').next().unwrap_or(&written);
            let host = if network.is_ipv6() { 128 } else { 32 };
            Diagnostic::error(Code::HostBits, format!("`{written}` has host bits set"))
                .label(node.span, format!("the network is {network}"))
                .help(format!(
                    "write {network}, or {address}/{host} if one host is meant"
                ))
        }
        Err(CidrError::Malformed(written)) => {
            let (label, help) = explain_address(&written);
            Diagnostic::error(
                Code::InvalidCidr,
                format!("`{written}` is not an address or CIDR"),
            )
            .label(node.span, label)
            .help(help)
        }
    };
    out.push(diagnostic);
    None
}

fn explain_address(written: &str) -> (String, String) {
    let usual =
        "write an IPv4 CIDR such as 10.0.0.0/8, an IPv6 CIDR such as 2001:db8::/32, or one address";
    if let Some((first, _)) = written.split_once('-')
        && first.trim().parse::<IpAddr>().is_ok()
    {
        return (
            "a range of addresses".into(),
            "write the CIDRs that make up the range, as a list".into(),
        );
    }
    if let Some(explained) = explain_leading_zero(written) {
        return explained;
    }
    let Some((address, length)) = written.split_once('/') else {
        let octets: Vec<&str> = written.split('.').collect();
        if octets.len() == 4
            && let Some(bad) = octets.iter().find(|octet| octet.parse::<u8>().is_err())
        {
            return (
                format!("`{bad}` is not a number from 0 to 255"),
                usual.into(),
            );
        }
        return ("neither IPv4 nor IPv6".into(), usual.into());
    };
    if let (Ok(address), Ok(mask)) = (address.parse::<Ipv4Addr>(), length.parse::<Ipv4Addr>())
        && let Ok(net) = IpNet::with_netmask(address.into(), mask.into())
    {
        return (
            "a netmask instead of a prefix length".into(),
            format!("write {}", net.trunc()),
        );
    }
    match address.parse::<IpAddr>() {
        Ok(address) => {
            let most = if address.is_ipv4() { 32 } else { 128 };
            (
                format!("`{length}` is not a prefix length from 0 to {most}"),
                format!("write {address}/{most} for this one host, a smaller number for a network"),
            )
        }
        Err(_) => {
            let octets = address.split('.').count();
            let is_short =
                octets < 4 && address.split('.').all(|octet| octet.parse::<u8>().is_ok());
            if is_short && length.parse::<u8>().is_ok_and(|length| length <= 32) {
                let full = format!("{address}{}", ".0".repeat(4 - octets));
                return (
                    format!("`{address}` has {octets} of 4 numbers"),
                    format!("write {full}/{length}"),
                );
            }
            (format!("`{address}` is no address"), usual.into())
        }
    }
}

/// Both readings of an IPv4 address in which a number begins with 0.
fn explain_leading_zero(written: &str) -> Option<(String, String)> {
    let (address, length) = match written.split_once('/') {
        Some((address, length)) => (address, format!("/{length}")),
        None => (written, String::new()),
    };
    let octets: Vec<&str> = address.split('.').collect();
    let is_odd = |octet: &&&str| octet.len() > 1 && octet.starts_with('0');
    let bad = octets.iter().find(is_odd)?;
    if octets.len() != 4 {
        return None;
    }
    let reading = |radix: u32| -> Option<String> {
        let numbers: Option<Vec<String>> = octets
            .iter()
            .map(|octet| {
                let radix = if is_odd(&octet) { radix } else { 10 };
                let number = u8::from_str_radix(octet, radix).ok()?;
                Some(number.to_string())
            })
            .collect();
        Some(format!("{}{length}", numbers?.join(".")))
    };
    let help = match (reading(10), reading(8)) {
        (Some(decimal), Some(octal)) if decimal != octal => {
            format!("write {decimal}, or {octal} if the number is meant as octal")
        }
        (Some(only), _) | (None, Some(only)) => format!("write {only}"),
        (None, None) => return None,
    };
    Some((
        format!("`{bad}` has a leading zero, which some programs read as octal"),
        help,
    ))
}

/// Says that one string holds several values; a comma is part of no address, port or name.
pub(super) fn refuse_comma(node: &Node<'_>, written: &str, key: &str, out: &mut Out) -> bool {
    if !written.contains(',') {
        return false;
    }
    let parts: Vec<&str> = written
        .split(',')
        .map(str::trim)
        .filter(|part| !part.is_empty())
        .collect();
    let quoted: Vec<String> = parts
        .iter()
        .map(|part| {
            if part.contains(':') {
                format!("\"{part}\"")
            } else {
                (*part).to_owned()
            }
        })
        .collect();
    out.push(
        Diagnostic::error(Code::CommaInString, "several values in one string")
            .label(node.span, "commas inside a string do not make a list")
            .help(format!("write {key}: [{}]", quoted.join(", "))),
    );
    true
}

/// An id of a security group.
pub(super) fn group_id(node: &Node<'_>, written: &str, out: &mut Out) -> Option<GroupId> {
    if GroupId::looks_like(written) && written.len() <= 100 {
        return Some(GroupId::new(written));
    }
    out.push(
        Diagnostic::error(
            Code::InvalidGroup,
            format!("`{written}` is not the id of a security group"),
        )
        .label(node.span, "letters and digits follow `sg-`")
        .help("copy the id from the console, such as sg-bp1web000000000000"),
    );
    None
}

/// A name that a security group can have (CreateSecurityGroup).
pub(super) fn group_name(node: &Node<'_>, written: &str, out: &mut Out) -> Option<GroupName> {
    let length = written.chars().count();
    let problem = if !(2..=128).contains(&length) {
        Some(format!("it has {length} characters"))
    } else if !written.starts_with(char::is_alphabetic) {
        Some("it does not begin with a letter".to_owned())
    } else if written.starts_with("http://") || written.starts_with("https://") {
        Some("it begins with http:// or https://".to_owned())
    } else {
        written
            .chars()
            .find(|c| !c.is_alphanumeric() && !":_.-".contains(*c))
            .map(|c| format!("it contains `{}`", c.escape_default()))
    };
    let Some(problem) = problem else {
        return Some(GroupName::new(written));
    };
    out.push(
        Diagnostic::error(
            Code::InvalidGroup,
            format!("`{written}` is not a name of a security group"),
        )
        .label(node.span, problem)
        .help("names have 2 to 128 characters, begin with a letter, and go on with letters, digits, `:`, `_`, `.` or `-`"),
    );
    None
}

/// The id of a VPC.
pub(super) fn vpc_id(node: &Node<'_>, out: &mut Out) -> Option<VpcId> {
    let written = text(node, "vpc", out)?;
    if is_id(written, "vpc-") {
        return Some(VpcId::new(written));
    }
    out.push(bad_id(node, written, "VPC", "vpc-bp1aevy8sofi8mh100000"));
    None
}

fn is_id(text: &str, prefix: &str) -> bool {
    text.strip_prefix(prefix).is_some_and(|rest| {
        !rest.is_empty() && rest.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')
    })
}

fn bad_id(node: &Node<'_>, written: &str, what: &str, example: &str) -> Diagnostic {
    Diagnostic::error(
        Code::InvalidValue,
        format!("`{written}` is not the id of a {what}"),
    )
    .label(node.span, format!("not the id of a {what}"))
    .help(format!("copy the id from the console, such as {example}"))
}

/// A port, a range of ports, or the id of a port list.
pub(super) fn port_set(node: &Node<'_>, key: &str, out: &mut Out) -> Option<PortSet> {
    let written = text(node, key, out)?;
    if refuse_comma(node, written, key, out) {
        return None;
    }
    parse_port_set(node, written, out)
}

/// As [`port_set`], of a text that is part of the node's.
pub(super) fn parse_port_set(node: &Node<'_>, written: &str, out: &mut Out) -> Option<PortSet> {
    if written.starts_with("prl-") {
        if is_id(written, "prl-") {
            return Some(PortSet::List(PortListId::new(written)));
        }
        out.push(bad_id(node, written, "port list", "prl-bp1list000000000"));
        return None;
    }
    port_range(node, written, out).map(PortSet::Range)
}

/// One port or range of ports.
pub(super) fn port_range(node: &Node<'_>, written: &str, out: &mut Out) -> Option<PortRange> {
    let octal = written
        .split(['/', '-'])
        .any(|part| part.len() > 1 && part.starts_with('0'));
    let error = match written.parse::<PortRange>() {
        Ok(range) if !octal => return Some(range),
        Ok(range) => {
            out.push(
                Diagnostic::error(
                    Code::InvalidPorts,
                    format!("`{written}` has a leading zero"),
                )
                .label(node.span, "some programs read it as octal")
                .help(format!("write {range}")),
            );
            return None;
        }
        Err(error) => error,
    };
    let (label, help) = match &error {
        PortRangeError::Reversed { first, last } => {
            ("reversed".to_owned(), format!("write {last}-{first}"))
        }
        PortRangeError::Zero => (
            "begins with 0".to_owned(),
            "write 1-65535 for all ports".to_owned(),
        ),
        PortRangeError::Malformed(text) if matches!(&**text, "-1/-1" | "-1") => (
            "the cloud's word for \"no ports\"".to_owned(),
            "remove `ports` for protocols without ports; for all ports of tcp or udp write 1-65535"
                .to_owned(),
        ),
        PortRangeError::Malformed(text) => {
            let too_large = text
                .split(['/', '-'])
                .find(|part| part.parse::<u64>().is_ok_and(|port| port > 65535));
            let label = match too_large {
                Some(part) => format!("{part} is above 65535"),
                None => "not a port".to_owned(),
            };
            let colon = text.replace(':', "-").parse::<PortRange>();
            let service = crate::desired::services::built_in().contains_key(text.as_str());
            let help = match text.as_str() {
                "all" | "any" | "*" => "write 1-65535 for all ports".to_owned(),
                _ if colon.is_ok() => colon.map(|range| format!("write {range}")).unwrap_or_default(),
                name if service => format!("write `service: {name}` instead of `protocol` and `ports`"),
                _ => "write a port such as 22, a range such as 8000-8010, or a port list such as prl-..".to_owned(),
            };
            (label, help)
        }
    };
    out.push(
        Diagnostic::error(Code::InvalidPorts, error.to_string())
            .label(node.span, label)
            .help(help),
    );
    None
}

/// A description, 1 to 512 characters.
pub(super) fn description(node: &Node<'_>, out: &mut Out) -> Option<std::sync::Arc<str>> {
    let written = text(node, "description", out)?;
    let length = written.chars().count();
    if (1..=512).contains(&length) {
        return Some(written.into());
    }
    let (label, help) = if length == 0 {
        (
            "empty".to_owned(),
            "say what the rule is for, or remove the key, which leaves whatever description the live rule has: the cloud cannot clear one",
        )
    } else {
        (
            format!("{length} characters"),
            "shorten it; a comment after `#` may be as long as you like and stays in the file",
        )
    };
    out.push(
        Diagnostic::error(
            Code::InvalidDescription,
            "a description has 1 to 512 characters",
        )
        .label(node.span, label)
        .help(help),
    );
    None
}

/// The first moment at which a rule is no longer desired; a date counts until its end in UTC.
pub(super) fn expires(node: &Node<'_>, out: &mut Out) -> Option<Timestamp> {
    let written = text(node, "expires", out)?;
    if is_date(written) {
        if let Ok(date) = written.parse::<Date>() {
            return date
                .tomorrow()
                .and_then(|next| next.to_zoned(TimeZone::UTC))
                .map(|zoned| zoned.timestamp())
                .ok();
        }
    } else if written.len() > 10
        && is_date(written.get(..10).unwrap_or(""))
        && let Ok(moment) = written.parse::<Timestamp>()
    {
        return Some(moment);
    }
    let (label, help) = if is_date(written) {
        (
            "no such day",
            "check the month and the day: the form is year-month-day".to_owned(),
        )
    } else if written.parse::<jiff::civil::DateTime>().is_ok() {
        (
            "a time without a zone",
            format!(
                "write {}Z for UTC, or an offset such as +08:00",
                written.replace(' ', "T")
            ),
        )
    } else {
        (
            "neither a date nor a time",
            "write a date such as 2027-01-31, which lasts until the end of that day in UTC, or a time such as 2027-01-31T18:00:00Z".to_owned(),
        )
    };
    out.push(
        Diagnostic::error(
            Code::InvalidDate,
            format!("`{written}` is not a date or an RFC 3339 time"),
        )
        .label(node.span, label)
        .help(help),
    );
    None
}

fn is_date(text: &str) -> bool {
    let bytes = text.as_bytes();
    bytes.len() == 10
        && bytes.iter().enumerate().all(|(at, b)| match at {
            4 | 7 => *b == b'-',
            _ => b.is_ascii_digit(),
        })
}

/// `from` in ingress, `to` in egress; the other word of the pair.
pub(super) fn other_key(direction: Direction) -> &'static str {
    match direction {
        Direction::Ingress => Direction::Egress.preposition(),
        Direction::Egress => Direction::Ingress.preposition(),
    }
}
