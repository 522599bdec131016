//! From an account to its text form.

use serde::{Serialize, Serializer};

use super::{EntryEntry, Family, GroupEntry, Inner, Kind, ListEntry, VERSION};
use crate::emulator::store::{Account, Group, List};

#[derive(Serialize)]
struct FileRef<'a> {
    version: u32,
    owner: &'a str,
    security_groups: GroupsRef<'a>,
    prefix_lists: Vec<ListEntry>,
    port_lists: Vec<ListEntry>,
}

/// Groups that become text one after the other.
struct GroupsRef<'a>(&'a Account);

impl Serialize for GroupsRef<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(
            self.0
                .groups
                .values()
                .map(|group| group_entry(group, self.0)),
        )
    }
}

fn time(seconds: i64) -> jiff::Timestamp {
    jiff::Timestamp::from_second(seconds).expect("times come from the clock or were parsed")
}

fn group_entry(group: &Group, account: &Account) -> GroupEntry {
    GroupEntry {
        id: group.id.to_string(),
        name: group.name.to_string(),
        description: group.description.to_string(),
        region: group.region.to_string(),
        vpc: group.vpc.as_deref().map(str::to_owned),
        kind: if group.advanced {
            Kind::Enterprise
        } else {
            Kind::Normal
        },
        service_managed: group.service_managed,
        deletion_protection: group.deletion_protection,
        inner_access_policy: Some(if group.inner_accept {
            Inner::Accept
        } else {
            Inner::Drop
        }),
        resource_group: group.resource_group.to_string(),
        tags: group.tags.clone(),
        created: time(group.created),
        rules: group
            .rules
            .iter()
            .map(|rule| rule.members(account))
            .collect(),
    }
}

/// Writes an account so that reading gives the same one.
pub(in crate::emulator::store) fn write(
    account: &Account,
    to: &mut impl std::io::Write,
) -> std::io::Result<()> {
    let list = |list: &List, prefix: bool| ListEntry {
        id: list.id.to_string(),
        name: list.name.to_string(),
        description: list.description.to_string(),
        region: list.region.to_string(),
        family: prefix.then_some(if list.ipv6 {
            Family::IPv6
        } else {
            Family::IPv4
        }),
        max_entries: list.max_entries,
        resource_group: list.resource_group.to_string(),
        tags: list.tags.clone(),
        created: time(list.created),
        entries: list
            .entries
            .iter()
            .map(|(text, description)| EntryEntry {
                cidr: prefix.then(|| text.to_string()),
                port_range: (!prefix).then(|| text.to_string()),
                description: description.to_string(),
            })
            .collect(),
    };
    let file = FileRef {
        version: VERSION,
        owner: &account.owner,
        security_groups: GroupsRef(account),
        prefix_lists: account
            .prefix_lists
            .values()
            .map(|l| list(l, true))
            .collect(),
        port_lists: account
            .port_lists
            .values()
            .map(|l| list(l, false))
            .collect(),
    };
    serde_json::to_writer_pretty(to, &file).map_err(std::io::Error::from)
}
