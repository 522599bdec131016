//! From a state to its text form.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use serde::{Serialize, Serializer};

use super::{
    VERSION,
    shape::{EntryEntry, Family, GroupEntry, Inner, Kind, ListEntry},
};
use crate::emulator::{
    Faults,
    store::{Account, Group, List, State, Used},
};

#[derive(Serialize)]
struct FileRef<'a> {
    version: u32,
    owner: &'a str,
    security_groups: GroupsRef<'a>,
    prefix_lists: Vec<ListEntry>,
    port_lists: Vec<ListEntry>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    interfaces: &'a BTreeMap<Box<str>, BTreeSet<Box<str>>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    accounts: Vec<AccountRef<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    switches: Option<&'a serde_json::Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    faults: Option<&'a Faults>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    client_tokens: Vec<&'a Used>,
}

#[derive(Serialize)]
struct AccountRef<'a> {
    owner: &'a str,
    security_groups: GroupsRef<'a>,
    prefix_lists: Vec<ListEntry>,
    port_lists: Vec<ListEntry>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    interfaces: &'a BTreeMap<Box<str>, BTreeSet<Box<str>>>,
}

impl<'a> AccountRef<'a> {
    fn of(account: &'a Account) -> Self {
        let lists = |lists: &BTreeMap<_, Arc<List>>, prefix| {
            lists
                .values()
                .map(|list| list_entry(list, prefix))
                .collect()
        };
        Self {
            owner: &account.owner,
            security_groups: GroupsRef(account),
            prefix_lists: lists(&account.prefix_lists, true),
            port_lists: lists(&account.port_lists, false),
            interfaces: &account.interfaces,
        }
    }
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

pub(super) fn group_entry(group: &Group, account: &Account) -> GroupEntry {
    let mut entry = bare_group_entry(group);
    entry.rules = group
        .rules
        .iter()
        .map(|rule| rule.members(account))
        .collect();
    entry
}

/// The group without its rules.
pub(super) fn bare_group_entry(group: &Group) -> GroupEntry {
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
        rules: Vec::new(),
    }
}

pub(super) fn list_entry(list: &List, prefix: bool) -> ListEntry {
    ListEntry {
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
    }
}

/// Writes a state so that reading gives the same one.
pub(in crate::emulator) fn write(
    state: &State,
    to: &mut impl std::io::Write,
) -> std::io::Result<()> {
    let empty = Account::default();
    let first = AccountRef::of(
        state
            .accounts
            .get(&state.primary)
            .map_or(&empty, |one| &**one),
    );
    let others = state.accounts.values();
    let file = FileRef {
        version: VERSION,
        owner: &state.primary,
        security_groups: first.security_groups,
        prefix_lists: first.prefix_lists,
        port_lists: first.port_lists,
        interfaces: first.interfaces,
        accounts: others
            .filter(|account| account.owner != state.primary)
            .map(|account| AccountRef::of(account))
            .collect(),
        switches: state.switches.as_ref(),
        faults: state.faults.as_ref(),
        client_tokens: state.tokens.iter().collect(),
    };
    serde_json::to_writer_pretty(to, &file).map_err(std::io::Error::from)
}
