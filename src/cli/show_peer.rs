//! The far ends that `rulekeep show --peer` asks about.

use std::collections::BTreeSet;

use crate::{
    desired::{DesiredPeer, Vocabulary},
    model::{Cidr, GroupId, GroupName, Peer, PrefixListId},
    reconcile,
};

use super::Failure;

/// What a word means: one far end as files write it, a group also without `group:`, or the members of a network of the project. Whether
/// there is a group of a name that stands after `group:` is left to [`refuse_unknown`].
pub(super) fn meant(
    text: &str,
    vocabulary: &Vocabulary,
    declared: &BTreeSet<GroupName>,
) -> Result<BTreeSet<DesiredPeer>, Failure> {
    if let Some(members) = vocabulary.network(text) {
        return Ok(members.clone());
    }
    // The owner may be said as in files; ids of groups are unique over accounts.
    let id = text.split_once('/').map_or(text, |(_, id)| id);
    let one = if GroupId::looks_like(id) {
        DesiredPeer::Group {
            id: GroupId::new(id),
            owner: None,
        }
    } else if text.starts_with("pl-") {
        DesiredPeer::PrefixList(PrefixListId::new(text))
    } else if let Some(name) = text.strip_prefix("group:") {
        DesiredPeer::Declared(GroupName::new(name))
    } else if declared.contains(&GroupName::new(text)) {
        DesiredPeer::Declared(GroupName::new(text))
    } else {
        let cidr = Cidr::parse_masking(text).map_err(|_| {
            Failure::usage(format!(
                "`{text}` is no address, no network, no group and no prefix list"
            ))
            .help("--peer is an address, a CIDR, a network of the project, a declared group as group:NAME, a group's id, or a prefix list's id")
        })?;
        DesiredPeer::Cidr(cidr)
    };
    Ok([one].into())
}

/// Refuses `group:NAME` where no group is known by the name: an answer without rules would look as if none admitted it.
pub(super) fn refuse_unknown(
    text: &str,
    declared: &BTreeSet<GroupName>,
    is_live: impl Fn(&str) -> bool,
) -> Result<(), Failure> {
    let Some(name) = text.strip_prefix("group:") else {
        return Ok(());
    };
    if declared.contains(&GroupName::new(name)) || is_live(name) {
        return Ok(());
    }
    let near = reconcile::near(name, declared.iter().map(ToString::to_string));
    Err(Failure::usage(format!(
        "no declared group is called `{name}`{}, and no rule names one",
        reconcile::suggested(&near)
    ))
    .help("`group:` is for declared groups and those that a rule names; others are named by their ids"))
}

/// Whether the peer of a rule covers or is one of the far ends; `is_named` tells whether a group is the one of a name.
pub(super) fn covers(
    wanted: &BTreeSet<DesiredPeer>,
    peer: &Peer,
    is_named: impl Fn(&GroupName, &GroupId) -> bool,
) -> bool {
    wanted.iter().any(|wanted| match (wanted, peer) {
        (DesiredPeer::Cidr(wanted), Peer::Cidr(cidr)) => cidr.net().contains(&wanted.net()),
        (DesiredPeer::Group { id: wanted, .. }, Peer::Group(id)) => wanted == id,
        (DesiredPeer::Declared(name), Peer::Group(id)) => is_named(name, id),
        (DesiredPeer::PrefixList(wanted), Peer::PrefixList(list)) => wanted == list,
        _ => false,
    })
}
