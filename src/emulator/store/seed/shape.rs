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
pub(super) struct File {
    #[serde(rename = "version")]
    pub(super) _version: u32,
    #[serde(default = "default_owner")]
    pub(super) owner: String,
    #[serde(default)]
    pub(super) security_groups: Groups,
    #[serde(default)]
    pub(super) prefix_lists: Vec<ListEntry>,
    #[serde(default)]
    pub(super) port_lists: Vec<ListEntry>,
    #[serde(default)]
    pub(super) interfaces: BTreeMap<Box<str>, BTreeSet<Box<str>>>,
    #[serde(default)]
    pub(super) accounts: Vec<AccountEntry>,
    #[serde(default)]
    pub(super) switches: Option<Value>,
    #[serde(default)]
    pub(super) faults: Option<Faults>,
    #[serde(default)]
    pub(super) client_tokens: Vec<Used>,
}

/// One more account.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct AccountEntry {
    pub(super) owner: String,
    #[serde(default)]
    pub(super) security_groups: Groups,
    #[serde(default)]
    pub(super) prefix_lists: Vec<ListEntry>,
    #[serde(default)]
    pub(super) port_lists: Vec<ListEntry>,
    #[serde(default)]
    pub(super) interfaces: BTreeMap<Box<str>, BTreeSet<Box<str>>>,
}

/// Groups that become small while they are read: the text form of a large estate is many times its size.
#[derive(Default)]
pub(super) struct Groups(pub(super) Vec<Group>);

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
    pub(super) id: String,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub(super) name: String,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub(super) description: String,
    #[serde(default = "default_region")]
    pub(super) region: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) vpc: Option<String>,
    #[serde(default, rename = "type")]
    pub(super) kind: Kind,
    #[serde(default, skip_serializing_if = "is_false")]
    pub(super) service_managed: bool,
    #[serde(default, skip_serializing_if = "is_false")]
    pub(super) deletion_protection: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) inner_access_policy: Option<Inner>,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub(super) resource_group: String,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub(super) tags: BTreeMap<String, String>,
    #[serde(default = "default_time")]
    pub(super) created: jiff::Timestamp,
    #[serde(default)]
    pub(super) rules: Vec<Map<String, Value>>,
}

#[derive(Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Kind {
    #[default]
    Normal,
    Enterprise,
}

#[derive(Clone, Copy, PartialEq, Serialize, Deserialize)]
pub(super) enum Inner {
    Accept,
    Drop,
}

#[derive(Clone, Copy, PartialEq, Serialize, Deserialize)]
pub(super) enum Family {
    IPv4,
    IPv6,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::emulator::store) struct ListEntry {
    pub(super) id: String,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub(super) name: String,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub(super) description: String,
    #[serde(default = "default_region")]
    pub(super) region: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) family: Option<Family>,
    pub(super) max_entries: usize,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub(super) resource_group: String,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub(super) tags: BTreeMap<String, String>,
    #[serde(default = "default_time")]
    pub(super) created: jiff::Timestamp,
    #[serde(default)]
    pub(super) entries: Vec<EntryEntry>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct EntryEntry {
    #[serde(default, rename = "Cidr", skip_serializing_if = "Option::is_none")]
    pub(super) cidr: Option<String>,
    #[serde(default, rename = "PortRange", skip_serializing_if = "Option::is_none")]
    pub(super) port_range: Option<String>,
    #[serde(
        default,
        rename = "Description",
        skip_serializing_if = "String::is_empty"
    )]
    pub(super) description: String,
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
