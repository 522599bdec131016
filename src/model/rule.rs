//! One rule: what it matches and what becomes of the packets.

use std::{fmt, sync::Arc};

use super::{Cidr, OwnerId, Peer, Protocol};

/// Which way the packets go, seen from the members of the group.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Direction {
    /// To the members; the peer is the source.
    Ingress,
    /// From the members; the peer is the destination.
    Egress,
}

impl Direction {
    /// Both, in the order in which they are shown.
    pub const BOTH: [Self; 2] = [Self::Ingress, Self::Egress];

    /// The word that stands before a peer: `from` or `to`.
    pub fn preposition(self) -> &'static str {
        match self {
            Self::Ingress => "from",
            Self::Egress => "to",
        }
    }
}

impl Direction {
    /// With the network interface, where a group has two: `ingress (internet)`.
    pub fn on(self, nic: NicType) -> String {
        format!("{self} ({nic})")
    }
}

impl fmt::Display for Direction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Ingress => "ingress",
            Self::Egress => "egress",
        })
    }
}

/// What becomes of a packet that the rule matches. `Drop` is the smaller: at equal priority drop wins
/// (AuthorizeSecurityGroup), and rules sort from strongest to weakest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Policy {
    /// The packet is discarded without an answer.
    Drop,
    /// The packet passes.
    Accept,
}

impl fmt::Display for Policy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Drop => "drop",
            Self::Accept => "accept",
        })
    }
}

/// Rank of a rule, the smaller the stronger. Users may set 1 to 100; rules made by the platform before
/// 2020-05-27 have 110 and can be read, never written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Priority(u8);

/// A priority that cannot be declared.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("priority {0} is outside 1..100")]
pub struct PriorityError(pub i64);

impl Priority {
    /// What the cloud takes when none is said.
    pub const DEFAULT: Self = Self(1);
    /// The weakest that can be set; what the console puts in place of 110.
    pub const WEAKEST: Self = Self(100);

    /// A priority that may be declared and sent: 1 to 100.
    pub fn new(value: i64) -> Result<Self, PriorityError> {
        match u8::try_from(value) {
            Ok(n @ 1..=100) => Ok(Self(n)),
            _ => Err(PriorityError(value)),
        }
    }

    /// A priority that the cloud returned, whatever it is.
    pub fn observed(value: u8) -> Self {
        Self(value)
    }

    /// The number.
    pub fn get(self) -> u8 {
        self.0
    }

    /// Whether the rule was made by the platform: it can be read and revoked, never written again.
    pub fn is_system_level(self) -> bool {
        self.0 > 100
    }
}

impl fmt::Display for Priority {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Which network interface of a classic-network instance; in a VPC always `Intranet`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum NicType {
    /// The private network interface.
    Intranet,
    /// The public network interface; exists in the classic network only.
    Internet,
}

impl fmt::Display for NicType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Intranet => "intranet",
            Self::Internet => "internet",
        })
    }
}

/// One rule of a security group.
///
/// The order of the fields is the order of rules everywhere: by direction, then from the strongest to the
/// weakest, as the cloud evaluates them.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Rule {
    /// Which way.
    pub direction: Direction,
    /// Which network interface; `Intranet` in a VPC.
    pub nic: NicType,
    /// Rank.
    pub priority: Priority,
    /// Verdict.
    pub policy: Policy,
    /// Protocol and ports.
    pub protocol: Protocol,
    /// The far end.
    pub peer: Peer,
    /// The members' own addresses that the rule is limited to; `None` is all of them.
    pub local: Option<Cidr>,
    /// Free text kept in the cloud, 1 to 512 characters; no part of the rule's identity.
    pub description: Option<Arc<str>>,
    /// Account that owns a peer group of another account. Group ids are unique over accounts, so this is
    /// no part of the rule's identity; it is sent when the rule is written.
    pub peer_owner: Option<OwnerId>,
}

/// What makes two rules one rule to the cloud: everything but the description (the cloud does
/// not document its key; AuthorizeSecurityGroup names most of these members).
pub type RuleIdentity<'a> = (
    Direction,
    NicType,
    Priority,
    Policy,
    &'a Protocol,
    &'a Peer,
    Option<Cidr>,
);

impl Rule {
    /// What the cloud tells rules apart by.
    pub fn identity(&self) -> RuleIdentity<'_> {
        let Self {
            direction,
            nic,
            priority,
            policy,
            protocol,
            peer,
            local,
            description: _,
            peer_owner: _,
        } = self;
        (*direction, *nic, *priority, *policy, protocol, peer, *local)
    }

    /// Whether the cloud takes one for a duplicate of the other.
    pub fn is_same_rule(&self, other: &Self) -> bool {
        self.identity() == other.identity()
    }

    /// Whether the two would be one rule if priority did not count, which the cloud does not document.
    pub fn is_same_but_priority(&self, other: &Self) -> bool {
        let (d1, n1, _, a1, s1, p1, l1) = self.identity();
        let (d2, n2, _, a2, s2, p2, l2) = other.identity();
        (d1, n1, a1, s1, p1, l1) == (d2, n2, a2, s2, p2, l2)
    }
}

/// `ingress accept tcp/443 from 0.0.0.0/0 priority 1`, without the description.
impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (direction, nic, priority, policy, protocol, peer, local) = self.identity();
        write!(f, "{direction} {policy} {protocol}")?;
        if let (Direction::Egress, Some(local)) = (direction, local) {
            write!(f, " from {local}")?;
        }
        write!(f, " {} {peer}", direction.preposition())?;
        if let (Direction::Ingress, Some(local)) = (direction, local) {
            write!(f, " to {local}")?;
        }
        if nic == NicType::Internet {
            write!(f, " on {nic}")?;
        }
        write!(f, " priority {priority}")
    }
}
