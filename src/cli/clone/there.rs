//! What rules of a clone may name where it will be.

use std::collections::BTreeMap;

use crate::{
    model::{GroupId, GroupInfo, GroupKind, Lists, Network, Peer, PortSet, RegionId, Rule},
    provider::NewGroup,
};

/// What is there where the new group will be.
pub(super) struct There<'a> {
    pub(super) region: &'a RegionId,
    pub(super) moved: bool,
    /// Network of the group that is cloned.
    pub(super) from: &'a Network,
    pub(super) new: &'a NewGroup,
    pub(super) groups: &'a BTreeMap<GroupId, GroupInfo>,
    /// Those that the rules name, as far as they are there; one that may not be read may be there.
    pub(super) lists: &'a Lists,
}

impl There<'_> {
    /// What a rule names and the new group cannot name, with the reason.
    pub(super) fn missing(&self, rule: &Rule, mapped: &[String]) -> Vec<(String, String)> {
        let mut missing = Vec::new();
        let classic = self.new.network == Network::Classic;
        let absent = |what: &str| {
            if classic && what != "group" {
                format!("the classic network has no {what}s, and it cannot be read")
            } else {
                format!("there is no such {what} in {}", self.region)
            }
        };
        match &rule.peer {
            Peer::Group(id) => {
                let why = match self.groups.get(id) {
                    _ if self.new.kind == GroupKind::Advanced => {
                        Some("no rule of an advanced group can name a group".to_owned())
                    }
                    // Groups of other accounts cannot be looked up; the cloned group can name none of another kind of network.
                    None if rule.peer_owner.is_some()
                        && classic != (*self.from == Network::Classic) =>
                    {
                        Some(match classic {
                            true => {
                                "it is a group of a VPC, the new group one of the classic network"
                                    .to_owned()
                            }
                            false => {
                                "it is a group of the classic network, the new group one of a VPC"
                                    .to_owned()
                            }
                        })
                    }
                    None if rule.peer_owner.is_some() && !self.moved => None,
                    None => Some(absent("group")),
                    Some(info) if info.kind == GroupKind::Advanced => {
                        Some("an advanced group can be named by no rule".to_owned())
                    }
                    // Whoever maps to a group of another network has said so; the cloud may take it.
                    Some(info)
                        if info.network != self.new.network
                            && !mapped.iter().any(|new| new == id.as_str()) =>
                    {
                        Some(format!(
                            "it is in {}, the new group in {}",
                            info.network, self.new.network
                        ))
                    }
                    Some(_) => None,
                };
                missing.extend(why.map(|why| (id.to_string(), why)));
            }
            Peer::PrefixList(id) if classic || !self.lists.may_have_prefix(id) => {
                missing.push((id.to_string(), absent("prefix list")));
            }
            Peer::PrefixList(_) | Peer::Cidr(_) => {}
        }
        if let Some(PortSet::List(id)) = rule.protocol.ports().map(|ports| &ports.destination)
            && (classic || !self.lists.may_have_port(id))
        {
            missing.push((id.to_string(), absent("port list")));
        }
        missing
    }
}
