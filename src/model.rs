//! The nouns of the field: ids, rules, groups as they were read, and how each prints, parses and compares.
//!
//! No I/O and none of the cloud's field names: those are in `provider/alibaba/wire.rs`.

mod ids;
mod observed;
mod peer;
mod protocol;
mod rule;
#[cfg(test)]
mod tests;

pub use ids::{
    AccountName, GroupId, GroupName, OwnerId, PortListId, PrefixListId, RegionId, RuleId, VpcId,
};
pub use observed::{
    AddressFamily, GroupInfo, GroupKind, InnerAccess, ListIds, Lists, Network, ObservedGroup,
    ObservedRule, PortList, PrefixList, RuleFacts, UnreadList,
};
pub use peer::{Cidr, CidrError, Peer};
pub use protocol::{PortRange, PortRangeError, PortSet, Ports, Protocol};
pub use rule::{Direction, NicType, Policy, Priority, PriorityError, Rule, RuleIdentity};
