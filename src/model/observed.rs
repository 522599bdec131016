//! What reading the cloud returned.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
    sync::Arc,
};

use super::{
    Cidr, Direction, GroupId, GroupName, NicType, Peer, PortListId, PortRange, PortSet,
    PrefixListId, Rule, RuleId, VpcId,
};

/// A rule as the cloud returned it. Only reading the cloud makes one: nothing can be revoked that was not seen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ObservedRule {
    /// The rule in canonical form.
    pub rule: Rule,
    /// The cloud's id of it; answers before 2022 had none.
    pub id: Option<RuleId>,
    /// What else was returned.
    pub facts: Option<Box<RuleFacts>>,
}

/// What the cloud says of a rule beyond the rule itself; kept so that an export loses nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RuleFacts {
    /// When the rule was made, as the cloud wrote it.
    pub created: Option<Arc<str>>,
    /// Other members that the canonical form does not reproduce, by the cloud's name for them: display names,
    /// the owner of a peer group, an address as it was written, members newer than this program.
    pub others: BTreeMap<Arc<str>, serde_json::Value>,
}

/// Where a group's members are attached.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Network {
    /// In a VPC.
    Vpc(VpcId),
    /// The legacy classic network: public and private interface have separate rules.
    Classic,
}

impl Network {
    /// A direction, with the interface where there are two: `ingress`, `ingress (internet)`.
    pub fn side(&self, direction: Direction, nic: NicType) -> String {
        match self {
            Self::Vpc(_) => direction.to_string(),
            Self::Classic => direction.on(nic),
        }
    }
}

impl fmt::Display for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Vpc(vpc) => vpc.fmt(f),
            Self::Classic => f.pad("classic network"),
        }
    }
}

/// The cloud's two kinds of security group; fixed when the group is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum GroupKind {
    /// `normal`: outbound traffic is accepted unless a rule drops it.
    Basic,
    /// `enterprise`: no rule may name another group; outbound traffic is refused unless a rule accepts it.
    Advanced,
}

/// Whether members of one group reach each other regardless of its rules.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum InnerAccess {
    /// They do; what a basic group starts with.
    Accept,
    /// Members are treated like strangers.
    Drop,
}

/// A group without its rules.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct GroupInfo {
    /// Its id.
    pub id: GroupId,
    /// Its name, perhaps empty, perhaps not unique.
    pub name: GroupName,
    /// Free text.
    pub description: Arc<str>,
    /// VPC or classic.
    pub network: Network,
    /// Basic or advanced.
    pub kind: GroupKind,
    /// Owned by a cloud service: readable, never changed (`ServiceManaged`).
    pub managed: bool,
    /// Labels, key to value.
    pub tags: BTreeMap<Arc<str>, Arc<str>>,
}

/// A group with every rule it has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ObservedGroup {
    /// The group.
    pub info: GroupInfo,
    /// Whether its members reach each other.
    pub inner_access: InnerAccess,
    /// Its rules in canonical order, both directions, both network interfaces in the classic network.
    pub rules: Vec<ObservedRule>,
}

/// IPv4 or IPv6.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum AddressFamily {
    /// IPv4.
    Ipv4,
    /// IPv6.
    Ipv6,
}

/// A prefix list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PrefixList {
    /// Display name.
    pub name: Arc<str>,
    /// Fixed when the list is made.
    pub family: AddressFamily,
    /// Capacity; what a rule that names the list weighs in the quota.
    pub max_entries: u32,
    /// Its content as of the reading.
    pub entries: Vec<Cidr>,
}

/// A port list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PortList {
    /// Display name.
    pub name: Arc<str>,
    /// Capacity; what a rule that names the list weighs in the quota.
    pub max_entries: u32,
    /// Its content as of the reading.
    pub entries: Vec<PortRange>,
}

/// Ids of lists that rules name.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ListIds {
    /// Prefix lists.
    pub prefix: BTreeSet<PrefixListId>,
    /// Port lists.
    pub port: BTreeSet<PortListId>,
}

impl ListIds {
    /// Adds the lists that a rule names.
    pub fn add(&mut self, rule: &Rule) {
        if let Peer::PrefixList(list) = &rule.peer {
            self.prefix.insert(list.clone());
        }
        if let Some(PortSet::List(list)) = rule.protocol.ports().map(|ports| &ports.destination) {
            self.port.insert(list.clone());
        }
    }

    /// Adds the lists that others name.
    pub fn extend(&mut self, other: &Self) {
        let Self { prefix, port } = other;
        self.prefix.extend(prefix.iter().cloned());
        self.port.extend(port.iter().cloned());
    }

    /// All ids.
    pub fn iter(&self) -> impl Iterator<Item = &str> {
        let prefix = self.prefix.iter().map(PrefixListId::as_str);
        prefix.chain(self.port.iter().map(PortListId::as_str))
    }

    /// Whether no rule names a list.
    pub fn is_empty(&self) -> bool {
        self.prefix.is_empty() && self.port.is_empty()
    }
}

/// The lists of a region.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Lists {
    /// Prefix lists.
    pub prefix: BTreeMap<PrefixListId, PrefixList>,
    /// Port lists.
    pub port: BTreeMap<PortListId, PortList>,
    /// Lists of both kinds, by id, that the cloud does not let these credentials read: whether they exist, what is in them and what they weigh is
    /// not known.
    pub unread: BTreeMap<Arc<str>, UnreadList>,
}

/// Why the content of a list is not known.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct UnreadList {
    /// The action that the cloud refused.
    pub action: Arc<str>,
    /// The cloud's code.
    pub code: Arc<str>,
    /// The cloud's text.
    pub message: Arc<str>,
}

impl fmt::Display for UnreadList {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { action, code, .. } = self;
        write!(f, "the cloud refused {action} with {code}")
    }
}

impl Lists {
    /// Adds other lists.
    pub fn extend(&mut self, other: Self) {
        let Self {
            prefix,
            port,
            unread,
        } = other;
        self.prefix.extend(prefix);
        self.port.extend(port);
        self.unread.extend(unread);
    }

    /// Whether a prefix list is there, or may be there.
    pub fn may_have_prefix(&self, id: &PrefixListId) -> bool {
        self.prefix.contains_key(id) || self.unread.contains_key(id.as_str())
    }

    /// Whether a port list is there, or may be there.
    pub fn may_have_port(&self, id: &PortListId) -> bool {
        self.port.contains_key(id) || self.unread.contains_key(id.as_str())
    }

    /// Units of the quota that a rule takes: 1, or the capacity of the list it names; with both kinds of list
    /// their product (not documented, the larger assumption). A list whose capacity is not known counts 1.
    pub fn weight(&self, rule: &Rule) -> u32 {
        let prefix = match &rule.peer {
            Peer::PrefixList(id) => self.prefix.get(id).map_or(1, |list| list.max_entries),
            Peer::Cidr(_) | Peer::Group(_) => 1,
        };
        let port = match rule.protocol.ports().map(|ports| &ports.destination) {
            Some(PortSet::List(id)) => self.port.get(id).map_or(1, |list| list.max_entries),
            Some(PortSet::Range(_)) | None => 1,
        };
        prefix.saturating_mul(port)
    }
}
