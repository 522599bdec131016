//! Single differences between two states as text: what a journal holds.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use serde::{Deserialize, Serialize};

use super::{
    GroupEntry, ListEntry, group, list, own_peers,
    write::{bare_group_entry, group_entry, list_entry},
};
use crate::emulator::store::{
    Account, Accounts, Group, State,
    diff::{self, Changed},
};

/// One difference.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub(in crate::emulator::store) enum Entry {
    /// A group with all its rules.
    PutGroup {
        owner: String,
        group: GroupEntry,
    },
    /// A group with the rules that are new or different, and ids of those that are gone.
    ChangeGroup {
        owner: String,
        group: GroupEntry,
        gone: Vec<String>,
    },
    RemoveGroup {
        owner: String,
        id: String,
    },
    PutPrefixList {
        owner: String,
        list: ListEntry,
    },
    RemovePrefixList {
        owner: String,
        id: String,
    },
    PutPortList {
        owner: String,
        list: ListEntry,
    },
    RemovePortList {
        owner: String,
        id: String,
    },
    Interfaces {
        owner: String,
        interfaces: BTreeMap<Box<str>, BTreeSet<Box<str>>>,
    },
}

/// A difference as text.
pub(in crate::emulator::store) fn entries(
    owner: &str,
    changed: &Changed<'_>,
    after: &Accounts,
) -> Option<Entry> {
    let account = after.get(owner)?;
    let owner = owner.to_owned();
    Some(match changed {
        Changed::Group(Some(old), None) => Entry::RemoveGroup {
            owner,
            id: old.id.to_string(),
        },
        Changed::Group(None, Some(new)) => Entry::PutGroup {
            owner,
            group: group_entry(new, account),
        },
        Changed::Group(Some(old), Some(new)) => {
            let (put, gone) = diff::rules(old, new);
            let mut group = bare_group_entry(new);
            group.rules = put.into_iter().map(|rule| rule.members(account)).collect();
            Entry::ChangeGroup {
                owner,
                group,
                gone: gone.into_iter().map(str::to_owned).collect(),
            }
        }
        Changed::PrefixList(_, Some(new)) => Entry::PutPrefixList {
            owner,
            list: list_entry(new, true),
        },
        Changed::PrefixList(Some(old), None) => Entry::RemovePrefixList {
            owner,
            id: old.id.to_string(),
        },
        Changed::PortList(_, Some(new)) => Entry::PutPortList {
            owner,
            list: list_entry(new, false),
        },
        Changed::PortList(Some(old), None) => Entry::RemovePortList {
            owner,
            id: old.id.to_string(),
        },
        Changed::Group(None, None)
        | Changed::PrefixList(None, None)
        | Changed::PortList(None, None) => return None,
        Changed::Interfaces(account) => Entry::Interfaces {
            owner,
            interfaces: account.interfaces.clone(),
        },
    })
}

/// Brings a state up to date; the error says what is wrong, for people.
pub(in crate::emulator::store) fn apply(entry: Entry, state: &mut State) -> Result<(), String> {
    match entry {
        Entry::PutGroup { owner, group: new } => {
            let mut new = group(new)?;
            own_peers(&mut new, &owner);
            account_of(state, &owner)
                .groups
                .insert(new.id.clone(), Arc::new(new));
        }
        Entry::ChangeGroup {
            owner,
            group: new,
            gone,
        } => {
            let mut new = group(new)?;
            own_peers(&mut new, &owner);
            let account = account_of(state, &owner);
            let old = account
                .groups
                .get(&new.id)
                .ok_or_else(|| format!("group {} is not there", new.id))?;
            let merged = merged(old, new, &gone);
            account.groups.insert(merged.id.clone(), Arc::new(merged));
        }
        Entry::RemoveGroup { owner, id } => {
            account_of(state, &owner).groups.remove(&*id);
        }
        Entry::PutPrefixList { owner, list: new } => {
            let new = list(new, true)?;
            account_of(state, &owner)
                .prefix_lists
                .insert(new.id.clone(), Arc::new(new));
        }
        Entry::RemovePrefixList { owner, id } => {
            account_of(state, &owner).prefix_lists.remove(&*id);
        }
        Entry::PutPortList { owner, list: new } => {
            let new = list(new, false)?;
            account_of(state, &owner)
                .port_lists
                .insert(new.id.clone(), Arc::new(new));
        }
        Entry::RemovePortList { owner, id } => {
            account_of(state, &owner).port_lists.remove(&*id);
        }
        Entry::Interfaces { owner, interfaces } => {
            account_of(state, &owner).interfaces = interfaces
        }
    }
    Ok(())
}

fn account_of<'a>(state: &'a mut State, owner: &str) -> &'a mut Account {
    let slot = state.accounts.entry(owner.into());
    Arc::make_mut(slot.or_insert_with(|| Arc::new(Account::of(owner))))
}

/// The new group with the old one's rules, but for those that are gone or different.
fn merged(old: &Group, mut new: Group, gone: &[String]) -> Group {
    let put = std::mem::take(&mut new.rules);
    new.rules = old.rules.clone();
    new.next_seq = old.next_seq;
    new.rules
        .retain(|rule| !gone.iter().any(|id| **id == *rule.id));
    for mut rule in put {
        match new.rules.iter_mut().find(|other| other.id == rule.id) {
            Some(other) => {
                rule.seq = other.seq;
                *other = rule;
            }
            None => {
                let (id, created) = (rule.id.clone(), rule.created);
                new.push(rule, id, created);
            }
        }
    }
    new
}
