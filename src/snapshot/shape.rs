//! The text form of a snapshot: JSON in the words of the model.

use std::{collections::BTreeMap, sync::Arc};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::{
    model::{
        AccountName, Cidr, Direction, GroupId, GroupInfo, GroupKind, GroupName, InnerAccess,
        Network, NicType, ObservedGroup, ObservedRule, OwnerId, Peer, Policy, PortListId, PortSet,
        Ports, PrefixListId, Priority, Protocol, RegionId, Rule, RuleFacts, RuleId, VpcId,
    },
    plan::Address,
};

use super::Snapshot;

/// The format that this version writes.
pub(super) const FORMAT: u32 = 1;

/// What is read before anything else.
#[derive(Deserialize)]
pub(super) struct Version {
    pub format_version: u32,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct File {
    format_version: u32,
    taken: Timestamp,
    account: AccountName,
    region: RegionId,
    group: Group,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Group {
    id: GroupId,
    name: GroupName,
    description: Arc<str>,
    /// None: the classic network.
    vpc: Option<VpcId>,
    kind: Kind,
    managed: bool,
    tags: BTreeMap<Arc<str>, Arc<str>>,
    inner_access: Access,
    rules: Vec<OneRule>,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Kind {
    Basic,
    Advanced,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Access {
    Accept,
    Drop,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Way {
    Ingress,
    Egress,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Nic {
    Intranet,
    Internet,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum FarEnd {
    Cidr(String),
    Group(GroupId),
    PrefixList(PrefixListId),
}

/// A rule in the words of the model.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct OneRule {
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<RuleId>,
    direction: Way,
    nic: Nic,
    priority: u8,
    policy: Access,
    protocol: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    ports: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    port_list: Option<PortListId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    source_ports: Option<String>,
    peer: FarEnd,
    #[serde(skip_serializing_if = "Option::is_none")]
    peer_owner: Option<OwnerId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    local: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    description: Option<Arc<str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    facts: Option<Facts>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Facts {
    #[serde(skip_serializing_if = "Option::is_none")]
    created: Option<Arc<str>>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    others: BTreeMap<Arc<str>, serde_json::Value>,
}

impl From<&Snapshot> for File {
    fn from(snapshot: &Snapshot) -> Self {
        let Snapshot {
            taken,
            address,
            group,
        } = snapshot;
        let ObservedGroup {
            info,
            inner_access,
            rules,
        } = group;
        let GroupInfo {
            id,
            name,
            description,
            network,
            kind,
            managed,
            tags,
        } = info;
        Self {
            format_version: FORMAT,
            taken: *taken,
            account: address.account.clone(),
            region: address.region.clone(),
            group: Group {
                id: id.clone(),
                name: name.clone(),
                description: description.clone(),
                vpc: match network {
                    Network::Vpc(vpc) => Some(vpc.clone()),
                    Network::Classic => None,
                },
                kind: match kind {
                    GroupKind::Basic => Kind::Basic,
                    GroupKind::Advanced => Kind::Advanced,
                },
                managed: *managed,
                tags: tags.clone(),
                inner_access: match inner_access {
                    InnerAccess::Accept => Access::Accept,
                    InnerAccess::Drop => Access::Drop,
                },
                rules: rules.iter().map(OneRule::from).collect(),
            },
        }
    }
}

impl TryFrom<File> for Snapshot {
    type Error = String;

    fn try_from(file: File) -> Result<Self, String> {
        let File {
            format_version: _,
            taken,
            account,
            region,
            group,
        } = file;
        let Group {
            id,
            name,
            description,
            vpc,
            kind,
            managed,
            tags,
            inner_access,
            rules,
        } = group;
        Ok(Self {
            taken,
            address: Address {
                account,
                region,
                group: id.clone(),
            },
            group: ObservedGroup {
                info: GroupInfo {
                    id,
                    name,
                    description,
                    network: vpc.map_or(Network::Classic, Network::Vpc),
                    kind: match kind {
                        Kind::Basic => GroupKind::Basic,
                        Kind::Advanced => GroupKind::Advanced,
                    },
                    managed,
                    tags,
                },
                inner_access: match inner_access {
                    Access::Accept => InnerAccess::Accept,
                    Access::Drop => InnerAccess::Drop,
                },
                rules: rules
                    .into_iter()
                    .map(ObservedRule::try_from)
                    .collect::<Result<_, _>>()?,
            },
        })
    }
}

impl From<&ObservedRule> for OneRule {
    fn from(seen: &ObservedRule) -> Self {
        let ObservedRule { rule, id, facts } = seen;
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
        let (mut range, mut list, mut source_ports) = (None, None, None);
        if let Some(Ports {
            destination,
            source,
        }) = protocol.ports()
        {
            match destination {
                PortSet::Range(ports) => range = Some(ports.to_string()),
                PortSet::List(id) => list = Some(id.clone()),
            }
            source_ports = source.map(|ports| ports.to_string());
        }
        Self {
            id: id.clone(),
            direction: match direction {
                Direction::Ingress => Way::Ingress,
                Direction::Egress => Way::Egress,
            },
            nic: match nic {
                NicType::Intranet => Nic::Intranet,
                NicType::Internet => Nic::Internet,
            },
            priority: priority.get(),
            policy: match policy {
                Policy::Accept => Access::Accept,
                Policy::Drop => Access::Drop,
            },
            protocol: protocol.name().into_owned(),
            ports: range,
            port_list: list,
            source_ports,
            peer: match peer {
                Peer::Cidr(cidr) => FarEnd::Cidr(cidr.to_string()),
                Peer::Group(group) => FarEnd::Group(group.clone()),
                Peer::PrefixList(list) => FarEnd::PrefixList(list.clone()),
            },
            peer_owner: peer_owner.clone(),
            local: local.map(|cidr| cidr.to_string()),
            description: description.clone(),
            facts: facts.as_deref().map(|facts| {
                let RuleFacts { created, others } = facts;
                Facts {
                    created: created.clone(),
                    others: others.clone(),
                }
            }),
        }
    }
}

impl TryFrom<OneRule> for ObservedRule {
    type Error = String;

    fn try_from(rule: OneRule) -> Result<Self, String> {
        let OneRule {
            id,
            direction,
            nic,
            priority,
            policy,
            protocol,
            ports,
            port_list,
            source_ports,
            peer,
            peer_owner,
            local,
            description,
            facts,
        } = rule;
        let cidr = |text: String| text.parse::<Cidr>().map_err(|error| error.to_string());
        Ok(Self {
            rule: Rule {
                direction: match direction {
                    Way::Ingress => Direction::Ingress,
                    Way::Egress => Direction::Egress,
                },
                nic: match nic {
                    Nic::Intranet => NicType::Intranet,
                    Nic::Internet => NicType::Internet,
                },
                priority: Priority::observed(priority),
                policy: match policy {
                    Access::Accept => Policy::Accept,
                    Access::Drop => Policy::Drop,
                },
                protocol: read_protocol(&protocol, ports, port_list, source_ports)?,
                peer: match peer {
                    FarEnd::Cidr(text) => Peer::Cidr(cidr(text)?),
                    FarEnd::Group(group) => Peer::Group(group),
                    FarEnd::PrefixList(list) => Peer::PrefixList(list),
                },
                local: local.map(cidr).transpose()?,
                description,
                peer_owner,
            },
            id,
            facts: facts.map(|Facts { created, others }| Box::new(RuleFacts { created, others })),
        })
    }
}

fn read_protocol(
    name: &str,
    range: Option<String>,
    list: Option<PortListId>,
    source: Option<String>,
) -> Result<Protocol, String> {
    let with_ports: Option<fn(Ports) -> Protocol> = match name {
        "tcp" => Some(Protocol::Tcp),
        "udp" => Some(Protocol::Udp),
        _ => None,
    };
    if let Some(protocol) = with_ports {
        let range_of = |text: String| text.parse().map_err(|error| format!("{error}"));
        let destination = match (range, list) {
            (Some(text), None) => PortSet::Range(range_of(text)?),
            (None, Some(list)) => PortSet::List(list),
            _ => return Err(format!("a {name} rule needs either `ports` or `port_list`")),
        };
        let source = source.map(range_of).transpose()?;
        return Ok(protocol(Ports {
            destination,
            source,
        }));
    }
    if range.is_some() || list.is_some() || source.is_some() {
        return Err(format!("a rule for {name} has no ports"));
    }
    match name {
        "all" => Ok(Protocol::All),
        "icmp" => Ok(Protocol::Icmp),
        "icmpv6" => Ok(Protocol::Icmpv6),
        "gre" => Ok(Protocol::Gre),
        number => number
            .parse()
            .ok()
            .and_then(Protocol::from_number)
            .ok_or_else(|| format!("`{number}` is no protocol")),
    }
}
