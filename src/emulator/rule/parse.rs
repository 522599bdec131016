//! From the members of a request to a rule: every check that needs the members alone.

use std::collections::BTreeMap;

use super::{Address, Peer, Ports, Protocol, Rule};
use crate::{
    emulator::error::{ApiError, bad, forbidden},
    model::{Direction, NicType, Policy, PortRange},
};

/// The members of one rule by their API names, none of them empty.
pub(in crate::emulator) struct Members {
    /// What stands before a name in messages: `Permissions.1.`, or nothing.
    pub(in crate::emulator) label: String,
    pub(in crate::emulator) values: BTreeMap<String, String>,
}

impl Members {
    fn get(&self, name: &str) -> Option<&str> {
        self.values.get(name).map(String::as_str)
    }

    fn named(&self, name: &str) -> String {
        format!("{}{name}", self.label)
    }
}

/// What the rule is parsed for; the cloud's codes differ a little.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::emulator) enum Purpose {
    Authorize,
    Revoke,
    Modify,
    /// A seed or state: system-level priorities are fine.
    File,
}

/// Where the rule will stand.
#[derive(Clone, Copy)]
pub(in crate::emulator) struct Place<'a> {
    pub(in crate::emulator) direction: Direction,
    pub(in crate::emulator) region: &'a str,
    pub(in crate::emulator) owner: &'a str,
    pub(in crate::emulator) classic: bool,
}

/// Regions that take protocols by their IANA number (AuthorizeSecurityGroup, `IpProtocol`).
const NUMBERED_PROTOCOLS: [&str; 7] = [
    "ap-southeast-6",
    "eu-west-1",
    "ap-southeast-3",
    "cn-huhehaote",
    "cn-qingdao",
    "us-west-1",
    "ap-southeast-1",
];

/// Names of the members that say who the peer is.
pub(in crate::emulator) fn peer_members(direction: Direction) -> [&'static str; 6] {
    match direction {
        Direction::Ingress => [
            "SourceCidrIp",
            "Ipv6SourceCidrIp",
            "SourceGroupId",
            "SourcePrefixListId",
            "SourceGroupOwnerId",
            "SourceGroupOwnerAccount",
        ],
        Direction::Egress => [
            "DestCidrIp",
            "Ipv6DestCidrIp",
            "DestGroupId",
            "DestPrefixListId",
            "DestGroupOwnerId",
            "DestGroupOwnerAccount",
        ],
    }
}

/// Members as text; `None` when one is neither text nor a number.
pub(in crate::emulator) fn text_members(
    members: serde_json::Map<String, serde_json::Value>,
) -> Option<BTreeMap<String, String>> {
    members
        .into_iter()
        .map(|(name, value)| match value {
            serde_json::Value::String(text) => Some((name, text)),
            serde_json::Value::Number(number) => Some((name, number.to_string())),
            _ => None,
        })
        .filter(|member| member.as_ref().is_none_or(|(_, value)| !value.is_empty()))
        .collect()
}

/// Reads a rule; its id, position and time are left to the caller.
pub(in crate::emulator) fn parse(
    members: &Members,
    place: Place<'_>,
    purpose: Purpose,
) -> Result<Rule, ApiError> {
    let protocol = protocol(members, place.region, purpose)?;
    let ports = ports(members, protocol, purpose)?;
    let source_ports = source_ports(members, protocol)?;
    let policy = match members.get("Policy") {
        None => Policy::Accept,
        Some(text) if text.eq_ignore_ascii_case("accept") => Policy::Accept,
        Some(text) if text.eq_ignore_ascii_case("drop") => Policy::Drop,
        Some(_) => {
            return Err(bad(
                "InvalidPolicy.Malformed",
                "The specified parameter Policy is not valid.",
            ));
        }
    };
    let priority = priority(members, purpose)?;
    let description = description(members, place.direction)?;
    let peer = peer(members, place, protocol)?;
    let local = local(members, place.direction, &peer)?;
    let nic = nic(members, place.classic)?;
    if place.classic {
        classic(place.direction, &peer, &ports, local, nic)?;
    }
    Ok(Rule {
        seq: 0,
        id: Box::default(),
        created: 0,
        direction: place.direction,
        nic,
        policy,
        priority,
        protocol,
        ports,
        source_ports,
        peer,
        local,
        description: description.into(),
    })
}

fn protocol(members: &Members, region: &str, purpose: Purpose) -> Result<Protocol, ApiError> {
    let refusal = || {
        bad(
            "InvalidIpProtocol.ValueNotSupported",
            format!(
                "The parameter {} must be specified with case insensitive TCP, UDP, ICMP, GRE or All.",
                members.named("IpProtocol")
            ),
        )
    };
    let text = members.get("IpProtocol").ok_or_else(refusal)?;
    Ok(match text.to_ascii_uppercase().as_str() {
        "TCP" => Protocol::Tcp,
        "UDP" => Protocol::Udp,
        "ICMP" => Protocol::Icmp,
        "ICMPV6" => Protocol::Icmpv6,
        "GRE" => Protocol::Gre,
        "ALL" => Protocol::All,
        number if NUMBERED_PROTOCOLS.contains(&region) || purpose == Purpose::File => {
            let value: u8 = number.parse().map_err(|_| refusal())?;
            if value.to_string() != number {
                return Err(refusal());
            }
            match value {
                1 => Protocol::Icmp,
                6 => Protocol::Tcp,
                17 => Protocol::Udp,
                47 => Protocol::Gre,
                58 => Protocol::Icmpv6,
                other => Protocol::Number(other),
            }
        }
        _ => return Err(refusal()),
    })
}

fn ports(members: &Members, protocol: Protocol, purpose: Purpose) -> Result<Ports, ApiError> {
    let Some(text) = members.get("PortRange") else {
        let Some(list) = members.get("PortRangeListId") else {
            return Err(bad(
                "InvalidPortRange.Malformed",
                "The specified parameter PortRange must set.",
            ));
        };
        if !protocol.has_ports() {
            return Err(bad(
                "InvalidParam.ProtocolNotSupportPortRangeList",
                "The specified protocol does not support the port range list.",
            ));
        }
        return Ok(Ports::List(list.into()));
    };
    let mismatch = || match purpose {
        Purpose::Modify => bad(
            "InvalidParam.ProtocolAndPortRangeMismatch",
            "The specified Protocol and PortRange do not match.",
        ),
        _ => bad(
            "OperationDenied",
            "The specified IpProtocol does not exist or IpProtocol and PortRange do not match.",
        ),
    };
    if text == "-1/-1" {
        return if protocol.has_ports() {
            Err(mismatch())
        } else {
            Ok(Ports::None)
        };
    }
    let range = port_range(text).ok_or_else(|| {
        bad(
            "InvalidParam.PortRange",
            format!(
                "The specified parameter {} is not valid. It should be two integers less than 65535 in ?/? format.",
                members.named("PortRange")
            ),
        )
    })?;
    if protocol.has_ports() {
        Ok(Ports::Range(range))
    } else {
        Err(mismatch())
    }
}

/// `start/end`, both from 1 to 65535.
pub(in crate::emulator) fn port_range(text: &str) -> Option<PortRange> {
    let number = |text: &str| -> Option<u16> {
        let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        digits.then(|| text.parse().ok()).flatten()
    };
    let (first, last) = text.split_once('/')?;
    PortRange::new(number(first)?, number(last)?).ok()
}

fn source_ports(members: &Members, protocol: Protocol) -> Result<Option<PortRange>, ApiError> {
    match members.get("SourcePortRange") {
        None => Ok(None),
        Some("-1/-1") if !protocol.has_ports() => Ok(None),
        Some(text) => port_range(text)
            .filter(|_| protocol.has_ports())
            .map(Some)
            .ok_or_else(|| {
                bad(
                    "InvalidSourcePortRange.Malformed",
                    "The specified parameter SourcePortRange is not valid.",
                )
            }),
    }
}

fn priority(members: &Members, purpose: Purpose) -> Result<u8, ApiError> {
    let Some(text) = members.get("Priority") else {
        return Ok(1);
    };
    let number: i64 = text.parse().map_err(|_| {
        bad(
            "InvalidPriority.Malformed",
            "The parameter Priority is invalid.",
        )
    })?;
    match u8::try_from(number) {
        Ok(value @ 1..=100) => Ok(value),
        // Rules that the platform made before 2020-05-27.
        Ok(110) if purpose == Purpose::File => Ok(110),
        _ => Err(bad(
            "InvalidPriority.ValueNotSupported",
            match purpose {
                Purpose::Modify => "The parameter Priority is invalid.".to_owned(),
                _ => format!(
                    "The specified parameter {} is invalid.",
                    members.named("Priority")
                ),
            },
        )),
    }
}

fn description(members: &Members, direction: Direction) -> Result<&str, ApiError> {
    let text = members.get("Description").unwrap_or_default();
    if text.chars().count() > 512 {
        return Err(bad(
            "InvalidSecurityGroupDiscription.Malformed",
            match direction {
                Direction::Ingress => {
                    "The specified security group rule description is not valid.".to_owned()
                }
                Direction::Egress => format!(
                    "The specified security group rule description parameter {} is not valid.",
                    members.named("Description")
                ),
            },
        ));
    }
    Ok(text)
}

fn nic(members: &Members, classic: bool) -> Result<NicType, ApiError> {
    let given = match members.get("NicType") {
        None => NicType::Internet,
        Some("intranet") => NicType::Intranet,
        Some("internet") => NicType::Internet,
        Some(_) => {
            return Err(bad(
                "InvalidNicType.ValueNotSupported",
                "The specified NicType does not exist.",
            ));
        }
    };
    Ok(if classic { given } else { NicType::Intranet })
}

/// An IPv4 or IPv6 address of one side, `Source` or `Dest`.
fn address(members: &Members, side: &'static str) -> Result<Option<Address>, ApiError> {
    let (v4_name, v6_name) = (format!("{side}CidrIp"), format!("Ipv6{side}CidrIp"));
    let source = side == "Source";
    let v4 = members.get(&v4_name).map(|text| {
        Address::v4(text).ok_or_else(|| {
            bad(
                if source {
                    "InvalidSourceCidrIp.Malformed"
                } else {
                    "InvalidDestCidrIp.Malformed"
                },
                format!("The specified parameter {v4_name} is not valid."),
            )
        })
    });
    let v6 = members.get(&v6_name).map(|text| {
        Address::v6(text).ok_or_else(|| {
            bad(
                if source {
                    "InvalidParam.Ipv6SourceCidrIp"
                } else {
                    "InvalidParam.Ipv6DestCidrIp"
                },
                format!(
                    "The specified parameter {} is not valid.",
                    members.named(&v6_name)
                ),
            )
        })
    });
    match (v4, v6) {
        (Some(_), Some(_)) => Err(bad(
            if source {
                "InvalidParam.SourceIp"
            } else {
                "InvalidParam.DestIp"
            },
            format!(
                "The Parameters {v4_name} and {v6_name} in {} cannot be set at the same time.",
                members.label.trim_end_matches('.')
            ),
        )),
        (Some(address), None) | (None, Some(address)) => address.map(Some),
        (None, None) => Ok(None),
    }
}

/// Addresses win over a group, a group over a prefix list.
fn peer(members: &Members, place: Place<'_>, protocol: Protocol) -> Result<Peer, ApiError> {
    let [_, _, group, list, owner_id, owner_account] = peer_members(place.direction);
    let (side, code) = match place.direction {
        Direction::Ingress => ("Source", "MissingParameter.Source"),
        Direction::Egress => ("Dest", "MissingParameter.Dest"),
    };
    if let Some(address) = address(members, side)? {
        match (protocol, address.is_ipv6()) {
            (Protocol::Icmp, true) => {
                return Err(bad(
                    "InvalidParam.Ipv4ProtocolConflictWithIpv6Address",
                    "IPv6 address cannot be specified for IPv4-specific protocol.",
                ));
            }
            (Protocol::Icmpv6, false) => {
                return Err(bad(
                    "InvalidParam.Ipv6ProtocolConflictWithIpv4Address",
                    "IPv4 address cannot be specified for IPv6-specific protocol.",
                ));
            }
            _ => return Ok(Peer::Address(address)),
        }
    }
    if let Some(id) = members.get(group) {
        let owner = members
            .get(owner_id)
            .or_else(|| members.get(owner_account))
            .filter(|owner| *owner != place.owner);
        return Ok(Peer::Group {
            id: id.into(),
            owner: owner.map(Into::into),
        });
    }
    match members.get(list) {
        Some(id) => Ok(Peer::PrefixList(id.into())),
        None => Err(bad(
            code,
            format!(
                "One of the parameters {side}CidrIp, Ipv6{side}CidrIp, {side}GroupId or {side}PrefixListId in {} must be specified.",
                members.label.trim_end_matches('.')
            ),
        )),
    }
}

fn local(
    members: &Members,
    direction: Direction,
    peer: &Peer,
) -> Result<Option<Address>, ApiError> {
    let side = match direction {
        Direction::Ingress => "Dest",
        Direction::Egress => "Source",
    };
    let Some(local) = address(members, side)? else {
        return Ok(None);
    };
    if let Peer::Address(peer) = peer {
        if peer.is_ipv6() != local.is_ipv6() {
            return Err(bad(
                "InvalidParameter.Conflict",
                "IPv6 and IPv4 addresses cannot exist at the same time.",
            ));
        }
        if peer.network() == local.network() {
            return Err(bad(
                "InvalidParamter.Conflict",
                "The specified SourceCidrIp should be different from the DestCidrIp.",
            ));
        }
    }
    Ok(Some(local))
}

/// What the classic network does not have.
fn classic(
    direction: Direction,
    peer: &Peer,
    ports: &Ports,
    local: Option<Address>,
    nic: NicType,
) -> Result<(), ApiError> {
    let ipv6 = local.is_some_and(Address::is_ipv6)
        || matches!(peer, Peer::Address(address) if address.is_ipv6());
    if ipv6 || matches!(ports, Ports::List(_)) {
        return Err(bad(
            "InvalidSecurityGroup.InvalidNetworkType",
            "The specified security group network type is not support this operation, please check the security group network types. For VPC security groups, ClassicLink must be enabled.",
        ));
    }
    match peer {
        Peer::PrefixList(_) => Err(bad(
            "NotSupported.ClassicNetworkPrefixList",
            "The prefix list is not supported when the network type of security group is classic.",
        )),
        Peer::Group { .. } if nic == NicType::Internet => Err(forbidden(
            match direction {
                Direction::Ingress => "InvalidSourceGroupId.Mismatch",
                Direction::Egress => "InvalidDestGroupId.Mismatch",
            },
            "NicType is required or NicType expects intranet.",
        )),
        _ => Ok(()),
    }
}
