//! The nouns of the field: ids, rules, groups as they were read, and how each prints, parses and compares.
//!
//! No I/O and none of the cloud's field names: those are in `provider/alibaba/wire.rs`.

mod ids;
mod observed;
mod rule;

pub use ids::{
    AccountName, GroupId, GroupName, OwnerId, PortListId, PrefixListId, RegionId, RuleId, VpcId,
};
pub use observed::{
    AddressFamily, GroupInfo, GroupKind, InnerAccess, ListIds, Lists, Network, ObservedGroup,
    ObservedRule, PortList, PrefixList, RuleFacts,
};
pub use rule::{
    Cidr, CidrError, Direction, NicType, Peer, Policy, PortRange, PortRangeError, PortSet, Ports,
    Priority, PriorityError, Protocol, Rule, RuleIdentity,
};
