//! Rules -> YAML, laid out as a person would write it: lists merged into products where that is exact, names of networks,
//! services and groups in place of what they stand for where they fit exactly.
//!
//! Nothing is widened or lost: the items of a list stand for exactly the rules that were given.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use crate::{
    desired::{DesiredPeer, Mode, Modes, Selector, Vocabulary, block_scalar, scalar},
    model::{
        AccountName, Direction, GroupId, GroupName, Policy, PortSet, Priority, RegionId, Rule,
    },
};

use merge::{Class, Item, merge};

mod merge;

/// Columns of a line that are filled before a list is written one item per line.
const WIDTH: usize = 100;
/// Most names that a set of ports is written as; beyond that numbers read better.
const MAX_SERVICES: usize = 4;

/// A rule to be written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Written {
    /// The rule.
    pub rule: Rule,
    /// What stands in a comment above its item, a line each.
    pub notes: Vec<String>,
    /// Keys of the file that the cloud does not know: `owner`, `ticket`, `expires`, with the text of their values.
    pub extra: Vec<(String, String)>,
}

impl From<Rule> for Written {
    fn from(rule: Rule) -> Self {
        Self {
            rule,
            notes: Vec::new(),
            extra: Vec::new(),
        }
    }
}

/// What one writes with.
#[derive(Clone, Copy, Debug)]
pub struct Words<'a> {
    /// The names of the project.
    pub vocabulary: &'a Vocabulary,
    /// Groups that `group:NAME` finds.
    pub groups: &'a BTreeMap<GroupId, GroupName>,
    /// Whether rules say their network interface: in the classic network.
    pub classic: bool,
}

/// A document of a group file.
#[derive(Clone, Debug)]
pub struct Document {
    /// Comment lines at its head, without `#`.
    pub head: Vec<String>,
    /// Which group.
    pub selector: Selector,
    /// Its local name, when it is selected by id.
    pub alias: Option<GroupName>,
    /// Free text that stays in the file.
    pub description: Option<Arc<str>>,
    /// Account, unless it is the default.
    pub account: Option<AccountName>,
    /// Region, unless it is the default.
    pub region: Option<RegionId>,
    /// What becomes of rules that are not declared.
    pub mode: Modes,
    /// Whether `system_rules: keep` is said.
    pub keep_system_rules: bool,
    /// The rules of both directions.
    pub rules: Vec<Written>,
}

/// Writes a document.
pub fn document(document: &Document, words: Words<'_>) -> String {
    let mut text = String::new();
    for line in &document.head {
        text.push_str(&comment(line, ""));
    }
    let mut key =
        |name: &str, value: &str| text.push_str(&format!("{name}: {}\n", block_scalar(value)));
    match &document.selector {
        Selector::Id(id) => key("group", id.as_str()),
        Selector::Name { name, vpc } => {
            key("group", name.as_str());
            if let Some(vpc) = vpc {
                key("vpc", vpc.as_str());
            }
        }
    }
    if let Some(alias) = &document.alias {
        key("name", alias.as_str());
    }
    if let Some(description) = &document.description {
        key("description", description);
    }
    if let Some(account) = &document.account {
        key("account", account.as_str());
    }
    if let Some(region) = &document.region {
        key("region", region.as_str());
    }
    let Modes { ingress, egress } = document.mode;
    if ingress == egress {
        text.push_str(&format!("mode: {ingress}\n"));
    } else {
        text.push_str(&format!(
            "mode: {{ ingress: {ingress}, egress: {egress} }}\n"
        ));
    }
    if document.keep_system_rules && (ingress == Mode::Complete || egress == Mode::Complete) {
        text.push_str("system_rules: keep\n");
    }
    for direction in Direction::BOTH {
        let rules: Vec<&Written> = document
            .rules
            .iter()
            .filter(|written| written.rule.direction == direction)
            .collect();
        if rules.is_empty() {
            text.push_str(&format!("{direction}: []\n"));
        } else {
            text.push_str(&format!("{direction}:\n"));
            text.push_str(&items(&rules, words, 2));
        }
    }
    text
}

/// A comment line; what others wrote cannot end it.
fn comment(line: &str, indent: &str) -> String {
    let line: String = line
        .chars()
        .map(|c| {
            if c.is_control() || "\u{85}\u{2028}\u{2029}\u{feff}".contains(c) {
                ' '
            } else {
                c
            }
        })
        .collect();
    format!("{indent}# {}\n", line.trim_end())
}

/// Writes rules of one direction as items of a list, indented by so many columns.
pub fn items(rules: &[&Written], words: Words<'_>, indent: usize) -> String {
    let mut text = String::new();
    for item in merge(rules) {
        text.push_str(&item.text(words, indent));
    }
    text
}

impl Item {
    fn text(&self, words: Words<'_>, indent: usize) -> String {
        let Class {
            direction,
            nic,
            priority,
            policy,
            ported: _,
            source,
            local,
            description,
            extra,
        } = &self.class;
        let mut keys: Vec<(&str, Vec<String>)> = Vec::new();
        if *policy == Policy::Drop {
            keys.push(("policy", vec![policy.to_string()]));
        }
        if words.classic {
            keys.push(("nic", vec![nic.to_string()]));
        }
        self.what(words, &mut keys);
        keys.push((direction.preposition(), self.peers(words)));
        if let Some(local) = local {
            keys.push(("local", vec![local.to_string()]));
        }
        if let Some(source) = source {
            keys.push(("source_ports", vec![source.to_string()]));
        }
        if *priority != Priority::DEFAULT {
            keys.push(("priority", vec![priority.to_string()]));
        }
        if let Some(description) = description {
            keys.push(("description", vec![description.to_string()]));
        }
        let space = " ".repeat(indent);
        let mut text = String::new();
        for note in &self.notes {
            text.push_str(&comment(note, &space));
        }
        let mut lead = "- ";
        for (key, values) in keys {
            text.push_str(&format!("{space}{lead}{}", entry(key, &values, indent + 2)));
            lead = "  ";
        }
        for (key, raw) in extra {
            text.push_str(&format!("{space}  {key}: {raw}\n"));
        }
        text
    }

    /// Protocol and ports, or services.
    fn what(&self, words: Words<'_>, keys: &mut Vec<(&str, Vec<String>)>) {
        if !self.class.ported {
            let names = self.protocols.iter().map(|protocol| protocol.name().into());
            keys.push(("protocol", names.collect()));
            return;
        }
        let (names, rest) = cover(&self.protocols, &words.vocabulary.services);
        if rest.is_empty() && names.len() <= MAX_SERVICES {
            keys.push(("service", names));
            return;
        }
        let mut by_name: BTreeMap<String, Vec<&PortSet>> = BTreeMap::new();
        for protocol in &self.protocols {
            if let Some(ports) = protocol.ports() {
                let of = by_name.entry(protocol.name().into_owned()).or_default();
                of.push(&ports.destination);
            }
        }
        let mut sets = by_name.values();
        let first = sets.next();
        if sets.all(|set| Some(set) == first) {
            let ports = first.into_iter().flatten().map(|ports| match ports {
                PortSet::Range(range) => range.to_string(),
                PortSet::List(list) => list.to_string(),
            });
            let ports = ports.collect();
            keys.push(("protocol", by_name.into_keys().collect()));
            keys.push(("ports", ports));
        } else {
            let all = self.protocols.iter().map(ToString::to_string);
            keys.push(("service", all.collect()));
        }
    }

    fn peers(&self, words: Words<'_>) -> Vec<String> {
        let by_name: BTreeMap<&GroupName, &GroupId> =
            words.groups.iter().map(|(id, name)| (name, id)).collect();
        let networks: Vec<(String, BTreeSet<DesiredPeer>)> = words
            .vocabulary
            .networks
            .iter()
            .map(|(name, members)| {
                let members = members.iter().map(|peer| match peer {
                    DesiredPeer::Declared(group) if by_name.contains_key(group) => {
                        DesiredPeer::Group {
                            id: by_name[group].clone(),
                            owner: None,
                        }
                    }
                    other => other.clone(),
                });
                (name.clone(), members.collect())
            })
            .collect();
        let (mut names, rest) = cover(&self.peers, &networks);
        names.extend(rest.into_iter().map(|peer| match peer {
            DesiredPeer::Group { id, owner: None } if words.groups.contains_key(id) => {
                DesiredPeer::Declared(words.groups[id].clone()).to_string()
            }
            other => other.to_string(),
        }));
        names
    }
}

/// Names that together stand for a part of a set, and what is left of it.
fn cover<'s, T: Ord>(
    set: &'s BTreeSet<T>,
    names: &[(String, BTreeSet<T>)],
) -> (Vec<String>, BTreeSet<&'s T>) {
    let mut rest: BTreeSet<&T> = set.iter().collect();
    let mut used = Vec::new();
    for (name, members) in names {
        if rest.is_empty() {
            break;
        }
        if members.len() <= rest.len() && members.iter().all(|member| rest.contains(member)) {
            rest.retain(|member| !members.contains(*member));
            used.push(name.clone());
        }
    }
    used.sort();
    (used, rest)
}

/// `key: value`, `key: [a, b]`, or a line per value where that would be too wide.
fn entry(key: &str, values: &[String], indent: usize) -> String {
    let number = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit()) && text.len() < 6;
    let bare = matches!(key, "ports" | "priority" | "protocol" | "source_ports");
    let one = |text: &String, write: fn(&str) -> String| {
        if bare && number(text) {
            text.clone()
        } else {
            write(text)
        }
    };
    if let [only] = values {
        return format!("{key}: {}\n", one(only, block_scalar));
    }
    let written: Vec<String> = values.iter().map(|text| one(text, scalar)).collect();
    let line = format!("{key}: [{}]\n", written.join(", "));
    if indent + line.len() <= WIDTH {
        return line;
    }
    let space = " ".repeat(indent + 2);
    let lines = written.iter().map(|value| format!("{space}- {value}\n"));
    format!("{key}:\n{}", lines.collect::<String>())
}

#[cfg(test)]
mod tests;
