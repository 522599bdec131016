//! The answers of the actions that read, except for the rules themselves.

use std::sync::Arc;

use serde::Deserialize;

use super::{
    RuleError,
    read::{List, Rules, Text, flag},
};
use crate::model::{
    AddressFamily, Cidr, GroupId, GroupInfo, GroupKind, GroupName, InnerAccess, Network,
    ObservedRule, PortList, PortListId, PrefixList, PrefixListId, VpcId,
};

/// An answer that may be one of several pages.
pub trait Page {
    /// What to ask for the next page with; `None` at the last one.
    fn next_token(&self) -> Option<&str>;
}

macro_rules! page {
    ($name:ident) => {
        impl Page for $name {
            fn next_token(&self) -> Option<&str> {
                let token = self.next_token.0.as_str();
                (!token.is_empty()).then_some(token)
            }
        }
    };
}

/// Answer to an action that writes.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Written {
    request_id: String,
}

impl Written {
    /// The cloud's id of the request.
    pub fn into_request_id(self) -> String {
        self.request_id
    }
}

/// CreateSecurityGroup.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Created {
    security_group_id: String,
}

impl Created {
    /// The new group.
    pub fn into_id(self) -> GroupId {
        GroupId::new(self.security_group_id)
    }
}

/// DescribeSecurityGroups.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct SecurityGroups {
    #[serde(default)]
    security_groups: List<SecurityGroup>,
    #[serde(default)]
    next_token: Text,
}

page!(SecurityGroups);

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct SecurityGroup {
    security_group_id: String,
    #[serde(default)]
    security_group_name: Text,
    #[serde(default)]
    description: Text,
    #[serde(default)]
    security_group_type: Text,
    #[serde(default)]
    vpc_id: Text,
    #[serde(default, deserialize_with = "flag")]
    service_managed: bool,
    #[serde(default)]
    tags: List<Tag>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Tag {
    tag_key: String,
    #[serde(default)]
    tag_value: Text,
}

impl SecurityGroups {
    /// The groups of the page. One that is not understood is nobody's trouble but theirs who mean it.
    pub fn into_groups(self) -> impl Iterator<Item = Result<GroupInfo, OddGroup>> {
        self.security_groups
            .0
            .into_iter()
            .map(SecurityGroup::into_info)
    }
}

/// A group that is listed but not understood.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OddGroup {
    /// Its id.
    pub id: GroupId,
    /// Its name.
    pub name: GroupName,
    /// Where it is.
    pub network: Network,
    /// What is not understood.
    pub reason: String,
}

impl SecurityGroup {
    fn into_info(self) -> Result<GroupInfo, OddGroup> {
        let Self {
            security_group_id: id,
            security_group_name: Text(name),
            description: Text(description),
            security_group_type: Text(kind),
            vpc_id: Text(vpc),
            service_managed: managed,
            tags: List(tags),
        } = self;
        let network = if vpc.is_empty() {
            Network::Classic
        } else {
            Network::Vpc(VpcId::new(vpc))
        };
        // The kinds differ in what they do with outbound traffic, so that a guess could be an opening.
        let kind = match kind.to_ascii_lowercase().as_str() {
            "normal" => GroupKind::Basic,
            "enterprise" => GroupKind::Advanced,
            _ => {
                return Err(OddGroup {
                    reason: format!(
                        "SecurityGroupType of {id} is `{kind}`, neither `normal` nor `enterprise`"
                    ),
                    id: GroupId::new(id),
                    name: GroupName::new(name),
                    network,
                });
            }
        };
        Ok(GroupInfo {
            id: GroupId::new(id),
            name: GroupName::new(name),
            description: Arc::from(description),
            network,
            kind,
            managed,
            tags: tags
                .into_iter()
                .map(|Tag { tag_key, tag_value }| (Arc::from(tag_key), Arc::from(tag_value.0)))
                .collect(),
        })
    }
}

/// DescribeSecurityGroupAttribute.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Attribute {
    security_group_id: String,
    #[serde(default)]
    inner_access_policy: Text,
    #[serde(default)]
    permissions: Rules,
    #[serde(default)]
    next_token: Text,
}

page!(Attribute);

impl Attribute {
    /// The group that the answer is about.
    pub fn group(&self) -> &str {
        &self.security_group_id
    }

    /// Whether members of the group reach each other.
    pub fn inner_access(&self) -> Result<InnerAccess, String> {
        let Text(policy) = &self.inner_access_policy;
        match policy.to_ascii_lowercase().as_str() {
            "accept" => Ok(InnerAccess::Accept),
            "drop" => Ok(InnerAccess::Drop),
            _ => Err(format!(
                "InnerAccessPolicy is `{policy}`, neither `Accept` nor `Drop`"
            )),
        }
    }

    /// The rules of the page; or why one of them is none that this program understands.
    pub fn into_rules(self) -> Result<Vec<ObservedRule>, RuleError> {
        self.permissions.0
    }
}

/// DescribePrefixListAttributes: everything about one prefix list, not paged.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct PrefixListAttributes {
    prefix_list_id: String,
    #[serde(default)]
    prefix_list_name: Text,
    address_family: String,
    max_entries: u32,
    #[serde(default)]
    entries: List<PrefixEntry>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct PrefixEntry {
    cidr: String,
}

impl PrefixListAttributes {
    /// The list and its id.
    pub fn into_list(self) -> Result<(PrefixListId, PrefixList), String> {
        let family = match self.address_family.to_ascii_lowercase().as_str() {
            "ipv4" => AddressFamily::Ipv4,
            "ipv6" => AddressFamily::Ipv6,
            other => return Err(format!("AddressFamily is `{other}`")),
        };
        let entries = self
            .entries
            .0
            .into_iter()
            .map(|PrefixEntry { cidr }| {
                Cidr::parse_masking(&cidr).map_err(|error| format!("an entry: {error}"))
            })
            .collect::<Result<_, _>>()?;
        Ok((
            PrefixListId::new(self.prefix_list_id),
            PrefixList {
                name: Arc::from(self.prefix_list_name.0),
                family,
                max_entries: self.max_entries,
                entries,
            },
        ))
    }
}

/// DescribePortRangeLists: everything about port lists but their entries.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct PortRangeLists {
    #[serde(default)]
    port_range_lists: List<PortRangeListInfo>,
    #[serde(default)]
    next_token: Text,
}

page!(PortRangeLists);

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct PortRangeListInfo {
    port_range_list_id: String,
    #[serde(default)]
    port_range_list_name: Text,
    max_entries: u32,
}

impl PortRangeLists {
    /// The lists of the page, without entries.
    pub fn into_lists(self) -> impl Iterator<Item = (PortListId, PortList)> {
        self.port_range_lists.0.into_iter().map(|info| {
            let list = PortList {
                name: Arc::from(info.port_range_list_name.0),
                max_entries: info.max_entries,
                entries: Vec::new(),
            };
            (PortListId::new(info.port_range_list_id), list)
        })
    }
}

/// DescribePortRangeListEntries: the entries of one port list, not paged.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct PortRangeListEntries {
    #[serde(default)]
    entries: List<PortEntry>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct PortEntry {
    port_range: String,
}

impl PortRangeListEntries {
    /// The ranges.
    pub fn into_ranges(self) -> Result<Vec<crate::model::PortRange>, String> {
        self.entries
            .0
            .into_iter()
            .map(|PortEntry { port_range }| {
                port_range
                    .parse()
                    .map_err(|error| format!("an entry: {error}"))
            })
            .collect()
    }
}
