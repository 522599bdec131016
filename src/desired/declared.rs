//! One rule as it is declared, its peers perhaps still names, and how it is bound to the groups that are there.

use std::sync::Arc;

use jiff::Timestamp;

use crate::{
    diag::Span,
    model::{
        Cidr, Direction, GroupId, GroupName, ListIds, NicType, OwnerId, Peer, Policy, PortSet,
        PrefixListId, Priority, Protocol, Rule,
    },
};

/// A rule as declared: the product of the lists in the file is already taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DesiredRule {
    /// Which way.
    pub direction: Direction,
    /// Network interface, for the classic network.
    pub nic: Option<NicType>,
    /// Rank.
    pub priority: Priority,
    /// Verdict.
    pub policy: Policy,
    /// Protocol and ports.
    pub protocol: Protocol,
    /// The far end.
    pub peer: DesiredPeer,
    /// Own addresses that the rule is limited to.
    pub local: Option<Cidr>,
    /// Sent to the cloud.
    pub description: Option<Arc<str>>,
    /// From this moment on the rule is no longer desired.
    pub expires: Option<Timestamp>,
    /// Where it is declared: the item of the rules list.
    pub span: Span,
}

/// A rule that must not exist, whatever its description.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AbsentRule {
    /// As declared.
    pub rule: DesiredRule,
    /// No priority is written: it must not exist at any.
    pub any_priority: bool,
}

/// The far end as declared: a group may be named before anyone has asked the cloud for its id.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum DesiredPeer {
    /// Addresses.
    Cidr(Cidr),
    /// A group by id, perhaps of another account.
    Group {
        /// Its id.
        id: GroupId,
        /// The account that owns it, when it is another one.
        owner: Option<OwnerId>,
    },
    /// Another declared group of the same account and region.
    Declared(GroupName),
    /// A prefix list.
    PrefixList(PrefixListId),
}

impl std::fmt::Display for DesiredPeer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Cidr(cidr) => cidr.fmt(f),
            Self::Group { id, owner: None } => id.fmt(f),
            Self::Group {
                id,
                owner: Some(owner),
            } => write!(f, "{owner}/{id}"),
            Self::Declared(name) => write!(f, "group:{name}"),
            Self::PrefixList(list) => list.fmt(f),
        }
    }
}

impl DesiredRule {
    /// The declaration of a rule as it is, on its network interface.
    pub fn of(rule: &Rule, span: Span) -> Self {
        Self {
            direction: rule.direction,
            nic: Some(rule.nic),
            priority: rule.priority,
            policy: rule.policy,
            protocol: rule.protocol.clone(),
            peer: match &rule.peer {
                Peer::Cidr(cidr) => DesiredPeer::Cidr(*cidr),
                Peer::Group(id) => DesiredPeer::Group {
                    id: id.clone(),
                    owner: rule.peer_owner.clone(),
                },
                Peer::PrefixList(list) => DesiredPeer::PrefixList(list.clone()),
            },
            local: rule.local,
            description: rule.description.clone(),
            expires: None,
            span,
        }
    }

    /// The rule with its network interface chosen and the peer group's id filled in; `None` when the peer names
    /// a declared group that `resolve` does not know.
    pub fn bind(
        &self,
        nic: NicType,
        resolve: impl FnOnce(&GroupName) -> Option<GroupId>,
    ) -> Option<Rule> {
        let (peer, peer_owner) = match &self.peer {
            DesiredPeer::Cidr(cidr) => (Peer::Cidr(*cidr), None),
            DesiredPeer::Group { id, owner } => (Peer::Group(id.clone()), owner.clone()),
            DesiredPeer::Declared(name) => (Peer::Group(resolve(name)?), None),
            DesiredPeer::PrefixList(list) => (Peer::PrefixList(list.clone()), None),
        };
        Some(Rule {
            direction: self.direction,
            nic,
            priority: self.priority,
            policy: self.policy,
            protocol: self.protocol.clone(),
            peer,
            local: self.local,
            description: self.description.clone(),
            peer_owner,
        })
    }

    /// Adds the lists that the rule names.
    pub fn add_lists(&self, wanted: &mut ListIds) {
        if let DesiredPeer::PrefixList(list) = &self.peer {
            wanted.prefix.insert(list.clone());
        }
        if let Some(PortSet::List(list)) = self.protocol.ports().map(|ports| &ports.destination) {
            wanted.port.insert(list.clone());
        }
    }

    /// Whether it is still desired at a moment.
    pub fn is_live(&self, at: Timestamp) -> bool {
        self.expires.is_none_or(|expires| at < expires)
    }
}
