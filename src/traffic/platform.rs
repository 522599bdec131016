//! What the platform decides beside the rules of a group.

use crate::model::{
    Direction, GroupId, GroupKind, InnerAccess, NicType, Peer, Policy, Priority, Protocol, Rule,
};

/// What becomes of packets that no rule matches ("Basic and advanced security groups").
pub fn default_policy(direction: Direction, kind: GroupKind) -> Policy {
    match (direction, kind) {
        (Direction::Egress, GroupKind::Basic) => Policy::Accept,
        (Direction::Egress, GroupKind::Advanced) | (Direction::Ingress, _) => Policy::Drop,
    }
}

/// Whether the members of a group reach each other on the private interface whatever its rules say (ModifySecurityGroupPolicy).
pub fn is_open_inside(kind: GroupKind, inner: InnerAccess) -> bool {
    kind == GroupKind::Basic && inner == InnerAccess::Accept
}

/// That as a rule of the group, the strongest of all: no rule of anybody has its priority.
pub fn among_members(group: &GroupId, direction: Direction) -> Rule {
    Rule {
        direction,
        nic: NicType::Intranet,
        priority: Priority::observed(0),
        policy: Policy::Accept,
        protocol: Protocol::All,
        peer: Peer::Group(group.clone()),
        local: None,
        description: None,
        peer_owner: None,
    }
}

/// Whether a rule is that of [`among_members`].
pub fn is_among_members(rule: &Rule) -> bool {
    rule.priority.get() == 0
}
