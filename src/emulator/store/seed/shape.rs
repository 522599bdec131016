//! The members of the file, as they are read and written.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
};

use serde::{
    Deserialize, Deserializer, Serialize,
    de::{self, SeqAccess, Visitor},
};
use serde_json::{Map, Value};

use super::group;
use crate::emulator::Faults;
use crate::emulator::store::{Group, Used};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::emulator::store) struct File {
    #[serde(rename = "version")]
    pub(in crate::emulator::store) _version: u32,
    #[serde(default = "default_owner")]
    pub(in crate::emulator::store) owner: String,
    #[serde(default)]
    pub(in crate::emulator::store) security_groups: Groups,
    #[serde(default)]
    pub(in crate::emulator::store) prefix_lists: Vec<ListEntry>,
    #[serde(default)]
    pub(in crate::emulator::store) port_lists: Vec<ListEntry>,
    #[serde(default)]
    pub(in crate::emulator::store) interfaces: BTreeMap<Box<str>, BTreeSet<Box<str>>>,
    #[serde(default)]
    pub(in crate::emulator::store) accounts: Vec<AccountEntry>,
    #[serde(default)]
    pub(in crate::emulator::store) switches: Option<Value>,
    #[serde(default)]
    pub(in crate::emulator::store) faults: Option<Faults>,
    #[serde(default)]
    pub(in crate::emulator::store) client_tokens: Vec<Used>,
}

/// One more account.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::emulator::store) struct AccountEntry {
    pub(in crate::emulator::store) owner: String,
    #[serde(default)]
    pub(in crate::emulator::store) security_groups: Groups,
    #[serde(default)]
    pub(in crate::emulator::store) prefix_lists: Vec<ListEntry>,
    #[serde(default)]
    pub(in crate::emulator::store) port_lists: Vec<ListEntry>,
    #[serde(default)]
    pub(in crate::emulator::store) interfaces: BTreeMap<Box<str>, BTreeSet<Box<str>>>,
}

/// Groups that become small while they are read: the text form of a large estate is many times its size.
#[derive(Default)]
pub(in crate::emulator::store) struct Groups(pub(super) Vec<Group>);

impl<'de> Deserialize<'de> for Groups {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Each;
        impl<'de> Visitor<'de> for Each {
            type Value = Groups;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a list of security groups")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut entries: A) -> Result<Groups, A::Error> {
                let mut groups = Vec::new();
                while let Some(entry) = entries.next_element::<GroupEntry>()? {
                    let id = entry.id.clone();
                    groups.push(group(entry).map_err(|reason| {
                        de::Error::custom(format_args!("group {id}: {reason}"))
                    })?);
                }
                Ok(Groups(groups))
            }
        }
        deserializer.deserialize_seq(Each)
    }
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::emulator::store) struct GroupEntry {
    pub(in crate::emulator::store) id: String,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub(in crate::emulator::store) name: String,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub(in crate::emulator::store) description: String,
    #[serde(default = "default_region")]
    pub(in crate::emulator::store) region: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(in crate::emulator::store) vpc: Option<String>,
    #[serde(default, rename = "type")]
    pub(in crate::emulator::store) kind: Kind,
    #[serde(default, skip_serializing_if = "is_false")]
    pub(in crate::emulator::store) service_managed: bool,
    #[serde(default, skip_serializing_if = "is_false")]
    pub(in crate::emulator::store) deletion_protection: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(in crate::emulator::store) inner_access_policy: Option<Inner>,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub(in crate::emulator::store) resource_group: String,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub(in crate::emulator::store) tags: BTreeMap<String, String>,
    #[serde(default = "default_time")]
    pub(in crate::emulator::store) created: jiff::Timestamp,
    #[serde(default)]
    pub(in crate::emulator::store) rules: Vec<Map<String, Value>>,
}

#[derive(Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(in crate::emulator::store) enum Kind {
    #[default]
    Normal,
    Enterprise,
}

#[derive(Clone, Copy, PartialEq, Serialize, Deserialize)]
pub(in crate::emulator::store) enum Inner {
    Accept,
    Drop,
}

#[derive(Clone, Copy, PartialEq, Serialize, Deserialize)]
pub(in crate::emulator::store) enum Family {
    IPv4,
    IPv6,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::emulator::store) struct ListEntry {
    pub(in crate::emulator::store) id: String,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub(in crate::emulator::store) name: String,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub(in crate::emulator::store) description: String,
    #[serde(default = "default_region")]
    pub(in crate::emulator::store) region: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(in crate::emulator::store) family: Option<Family>,
    pub(in crate::emulator::store) max_entries: usize,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub(in crate::emulator::store) resource_group: String,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub(in crate::emulator::store) tags: BTreeMap<String, String>,
    #[serde(default = "default_time")]
    pub(in crate::emulator::store) created: jiff::Timestamp,
    #[serde(default)]
    pub(in crate::emulator::store) entries: Vec<EntryEntry>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::emulator::store) struct EntryEntry {
    #[serde(default, rename = "Cidr", skip_serializing_if = "Option::is_none")]
    pub(in crate::emulator::store) cidr: Option<String>,
    #[serde(default, rename = "PortRange", skip_serializing_if = "Option::is_none")]
    pub(in crate::emulator::store) port_range: Option<String>,
    #[serde(
        default,
        rename = "Description",
        skip_serializing_if = "String::is_empty"
    )]
    pub(in crate::emulator::store) description: String,
}

fn default_owner() -> String {
    "1234567890123456".into()
}

fn default_region() -> String {
    "cn-hangzhou".into()
}

pub(super) fn default_time() -> jiff::Timestamp {
    jiff::Timestamp::constant(1_704_067_200, 0)
}

fn is_false(value: &bool) -> bool {
    !*value
}
