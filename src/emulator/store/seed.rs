//! The text form of an account: what a state file holds, and what people write as a seed.
//!
//! ```json
//! {
//!   "version": 2,
//!   "owner": "1234567890123456",
//!   "security_groups": [
//!     {
//!       "id": "sg-bp1web000000000000", "name": "web", "vpc": "vpc-bp1demo00000000000",
//!       "tags": {"env": "prod"},
//!       "rules": [
//!         {"IpProtocol": "TCP", "PortRange": "443/443", "SourceCidrIp": "0.0.0.0/0", "Description": "https"},
//!         {"Direction": "egress", "IpProtocol": "ALL", "PortRange": "-1/-1", "DestPrefixListId": "pl-bp1office000000000"}
//!       ]
//!     }
//!   ],
//!   "prefix_lists": [
//!     {"id": "pl-bp1office000000000", "name": "office", "family": "IPv4", "max_entries": 10,
//!      "entries": [{"Cidr": "203.0.113.0/24", "Description": "hq"}]}
//!   ],
//!   "port_lists": [
//!     {"id": "prl-bp1web00000000000", "name": "web", "max_entries": 5, "entries": [{"PortRange": "80/80"}]}
//!   ]
//! }
//! ```
//!
//! Version 1 has no `client_tokens`; both are read. `version` and ids are required, everything else has a default: region `cn-hangzhou`, the classic network without
//! `vpc`, type `normal`, `inner_access_policy` as the type has it, dates of 2024-01-01. Rules have the members of the
//! cloud's own answer; `Direction` is `ingress` unless given, and a missing `SecurityGroupRuleId` is derived from the
//! group and the position, so that one seed always gives the same ids. Priority 110 is allowed here and nowhere else.

pub(in crate::emulator::store) mod entries;
mod shape;
#[cfg(test)]
mod tests;
mod write;

use std::{collections::HashSet, sync::Arc};

use serde::Deserialize;
use serde_json::{Map, Value};
use sha2::{Digest as _, Sha256};

use super::{Account, Accounts, Group, List, State, Tokens, id_of};
use crate::{
    emulator::{
        Switches,
        rule::{self, Address, Members, Place, Purpose},
    },
    model::Direction,
    provider::alibaba::wire::Permission,
};

use self::shape::{AccountEntry, Family, File, GroupEntry, Inner, Kind, ListEntry, default_time};
pub(in crate::emulator) use self::write::write;

/// What is written. 2: `client_tokens`, here and in the journal.
const VERSION: u32 = 2;

/// The first that is read.
const FIRST: u32 = 1;

/// Reads a state; the error says what is wrong, for people.
pub(in crate::emulator) fn read(text: &str) -> Result<State, String> {
    #[derive(Deserialize)]
    struct Version {
        version: u32,
    }
    let Version { version } = serde_json::from_str(text).map_err(|error| error.to_string())?;
    if !(FIRST..=VERSION).contains(&version) {
        return Err(format!(
            "version {version} is not known; this program reads versions {FIRST} to {VERSION}"
        ));
    }
    let file: File = serde_json::from_str(text).map_err(|error| error.to_string())?;
    let primary: Box<str> = file.owner.as_str().into();
    let first = AccountEntry {
        owner: file.owner,
        security_groups: file.security_groups,
        prefix_lists: file.prefix_lists,
        port_lists: file.port_lists,
        interfaces: file.interfaces,
    };
    let mut accounts = Accounts::new();
    for entry in std::iter::once(first).chain(file.accounts) {
        let account = account(entry)?;
        let owner = account.owner.clone();
        if accounts.insert(owner.clone(), Arc::new(account)).is_some() {
            return Err(format!("account {owner} is there twice"));
        }
    }
    if let Some(switches) = &file.switches {
        Switches::default().over(switches)?;
    }
    let mut tokens = Tokens::default();
    for used in file.client_tokens {
        tokens.remember(used);
    }
    Ok(State {
        primary,
        accounts,
        switches: file.switches,
        faults: file.faults,
        tokens,
    })
}

fn account(entry: AccountEntry) -> Result<Account, String> {
    let mut account = Account {
        owner: entry.owner.into(),
        interfaces: entry.interfaces,
        ..Account::default()
    };
    for (entries, prefix) in [(entry.prefix_lists, true), (entry.port_lists, false)] {
        for entry in entries {
            let id = entry.id.clone();
            let list = list(entry, prefix).map_err(|reason| format!("list {id}: {reason}"))?;
            let lists = if prefix {
                &mut account.prefix_lists
            } else {
                &mut account.port_lists
            };
            if lists.insert(list.id.clone(), Arc::new(list)).is_some() {
                return Err(format!("list {id} is there twice"));
            }
        }
    }
    for mut group in entry.security_groups.0 {
        let id = group.id.clone();
        own_peers(&mut group, &account.owner);
        if account.groups.insert(id.clone(), Arc::new(group)).is_some() {
            return Err(format!("group {id} is there twice"));
        }
    }
    references(&account)?;
    Ok(account)
}

/// A peer group of the account itself has no owner.
fn own_peers(group: &mut Group, account: &str) {
    for rule in &mut group.rules {
        if let rule::Peer::Group { owner, .. } = &mut rule.peer
            && owner.as_deref() == Some(account)
        {
            *owner = None;
        }
    }
}

fn group(entry: GroupEntry) -> Result<Group, String> {
    let advanced = entry.kind == Kind::Enterprise;
    if advanced && entry.vpc.is_none() {
        return Err("an advanced group needs `vpc`".into());
    }
    if advanced && entry.inner_access_policy == Some(Inner::Accept) {
        return Err("the inner access policy of an advanced group is `Drop`".into());
    }
    let mut group = Group {
        id: entry.id.into(),
        name: entry.name.into(),
        description: entry.description.into(),
        region: entry.region.into(),
        vpc: entry.vpc.map(Into::into),
        advanced,
        service_managed: entry.service_managed,
        deletion_protection: entry.deletion_protection,
        inner_accept: !advanced && entry.inner_access_policy != Some(Inner::Drop),
        resource_group: entry.resource_group.into(),
        tags: entry.tags,
        created: entry.created.as_second(),
        rules: Vec::with_capacity(entry.rules.len()),
        next_seq: 0,
    };
    let known = known_members();
    let mut ids = HashSet::new();
    for (index, members) in entry.rules.into_iter().enumerate() {
        let number = index + 1;
        let in_rule = |reason: String| format!("rule {number}: {reason}");
        if let Some(unknown) = members.keys().find(|name| !known.contains_key(*name)) {
            return Err(in_rule(format!("unknown member `{unknown}`")));
        }
        let values = rule::text_members(members)
            .ok_or_else(|| in_rule("members are strings or numbers".into()))?;
        let text = |name: &str| values.get(name).map(String::as_str);
        let direction = match text("Direction") {
            None | Some("ingress") => Direction::Ingress,
            Some("egress") => Direction::Egress,
            Some(other) => {
                return Err(in_rule(format!("`{other}` is neither ingress nor egress")));
            }
        };
        let id: Box<str> = match text("SecurityGroupRuleId") {
            Some(id) => id.into(),
            None => derived_id(&group.id, number),
        };
        let created = match text("CreateTime") {
            None => default_time(),
            Some(text) => text
                .parse::<jiff::Timestamp>()
                .map_err(|error| in_rule(format!("CreateTime: {error}")))?,
        };
        if !ids.insert(id.clone()) {
            return Err(in_rule(format!("the id {id} is there twice")));
        }
        let place = Place {
            direction,
            region: &group.region,
            // The account is known at the end of the file only.
            owner: "",
            classic: group.vpc.is_none(),
        };
        let members = Members {
            label: String::new(),
            values,
        };
        let rule = rule::parse(&members, place, Purpose::File)
            .map_err(|error| in_rule(error.message.into_owned()))?;
        group.push(rule, id, created.as_second());
    }
    Ok(group)
}

fn list(entry: ListEntry, prefix: bool) -> Result<List, String> {
    let family = match (prefix, entry.family) {
        (true, None) => return Err("`family` is missing: IPv4 or IPv6".into()),
        (false, Some(_)) => return Err("a port list has no `family`".into()),
        (_, family) => family,
    };
    let ipv6 = family == Some(Family::IPv6);
    let mut entries: Vec<(Box<str>, Box<str>)> = Vec::with_capacity(entry.entries.len());
    for item in entry.entries {
        let (text, canonical) = if prefix {
            let text = item.cidr.ok_or("an entry has no `Cidr`")?;
            let address = if ipv6 {
                Address::v6(&text)
            } else {
                Address::v4(&text)
            };
            let canonical = address
                .filter(|address| !address.has_host_bits())
                .map(|address| address.network().to_string());
            (text, canonical)
        } else {
            let text = item.port_range.ok_or("an entry has no `PortRange`")?;
            let canonical = rule::port_range(&text).map(rule::port_text);
            (text, canonical)
        };
        let canonical = canonical.ok_or_else(|| format!("the entry `{text}` is not valid"))?;
        if entries.iter().any(|(other, _)| **other == *canonical) {
            return Err(format!("the entry `{text}` is there twice"));
        }
        entries.push((canonical.into(), item.description.into()));
    }
    if entries.len() > entry.max_entries {
        return Err("there are more entries than `max_entries`".into());
    }
    Ok(List {
        id: entry.id.into(),
        name: entry.name.into(),
        description: entry.description.into(),
        region: entry.region.into(),
        ipv6,
        max_entries: entry.max_entries,
        resource_group: entry.resource_group.into(),
        tags: entry.tags,
        created: entry.created.as_second(),
        entries,
    })
}

/// Every group and list that a rule names is there.
fn references(account: &Account) -> Result<(), String> {
    for (interface, groups) in &account.interfaces {
        if let Some(id) = groups.iter().find(|id| !account.groups.contains_key(*id)) {
            return Err(format!(
                "interface {interface} is in {id}, which does not exist"
            ));
        }
    }
    for group in account.groups.values() {
        for (index, rule) in group.rules.iter().enumerate() {
            let missing = match &rule.peer {
                rule::Peer::Group { id, owner: None } => {
                    (!account.groups.contains_key(id)).then_some(id)
                }
                rule::Peer::PrefixList(id) => {
                    (!account.prefix_lists.contains_key(id)).then_some(id)
                }
                _ => None,
            }
            .or(match &rule.ports {
                rule::Ports::List(id) => (!account.port_lists.contains_key(id)).then_some(id),
                _ => None,
            });
            if let Some(id) = missing {
                return Err(format!(
                    "group {}: rule {} names {id}, which does not exist",
                    group.id,
                    index + 1
                ));
            }
        }
    }
    Ok(())
}

/// The members of the cloud's answer.
fn known_members() -> Map<String, Value> {
    let value = serde_json::to_value(Permission::default())
        .expect("a permission has nothing that JSON cannot write");
    match value {
        Value::Object(members) => members,
        _ => unreachable!("a struct becomes an object"),
    }
}

/// Always the same for one group and position.
fn derived_id(group: &str, number: usize) -> Box<str> {
    let hash = Sha256::digest(format!("{group}/{number}"));
    let mut bytes = [0; 16];
    bytes.copy_from_slice(&hash[..16]);
    id_of("sgr", u128::from_be_bytes(bytes))
}
