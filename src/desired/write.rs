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
        AccountName, Cidr, Direction, GroupId, GroupName, NicType, Peer, Policy, PortRange,
        PortSet, Priority, Protocol, RegionId, Rule,
    },
};

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

/// What all rules of an item share. Sorted as rules are: the strongest first.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Class {
    direction: Direction,
    nic: NicType,
    priority: Priority,
    policy: Policy,
    ported: bool,
    source: Option<PortRange>,
    local: Option<Cidr>,
    description: Option<Arc<str>>,
    extra: Vec<(String, String)>,
}

/// One item: the product of its protocols and its peers.
struct Item {
    class: Class,
    protocols: BTreeSet<Protocol>,
    peers: BTreeSet<DesiredPeer>,
    notes: Vec<String>,
}

/// Merges rules into items that stand for exactly them: within a class either protocols with the same peers are joined or
/// peers with the same protocols, whichever gives fewer items.
fn merge(rules: &[&Written]) -> Vec<Item> {
    type Pairs<'a> = BTreeMap<(Protocol, DesiredPeer), &'a [String]>;
    let mut classes: BTreeMap<Class, Pairs<'_>> = BTreeMap::new();
    for written in rules {
        let (class, protocol, peer) = parts(written);
        classes
            .entry(class)
            .or_default()
            .insert((protocol, peer), &written.notes);
    }
    let mut items = Vec::new();
    for (class, pairs) in classes {
        let by_protocol = joined(pairs.keys().map(|(protocol, peer)| (protocol, peer)));
        let by_peer = joined(pairs.keys().map(|(protocol, peer)| (peer, protocol)));
        let products: Vec<(BTreeSet<Protocol>, BTreeSet<DesiredPeer>)> =
            if by_protocol.len() <= by_peer.len() {
                by_protocol
            } else {
                by_peer
                    .into_iter()
                    .map(|(peers, protocols)| (protocols, peers))
                    .collect()
            };
        for (protocols, peers) in products {
            let mut notes = Vec::new();
            for protocol in &protocols {
                for peer in &peers {
                    for note in pairs[&(protocol.clone(), peer.clone())] {
                        if !notes.contains(note) {
                            notes.push(note.clone());
                        }
                    }
                }
            }
            items.push(Item {
                class: class.clone(),
                protocols,
                peers,
                notes,
            });
        }
    }
    items
}

/// Every left value beside its right values, left values of equal right values joined.
fn joined<'a, L: Ord + Clone + 'a, R: Ord + Clone + 'a>(
    pairs: impl Iterator<Item = (&'a L, &'a R)>,
) -> Vec<(BTreeSet<L>, BTreeSet<R>)> {
    let mut rights: BTreeMap<&L, BTreeSet<R>> = BTreeMap::new();
    for (left, right) in pairs {
        rights.entry(left).or_default().insert(right.clone());
    }
    let mut lefts: BTreeMap<BTreeSet<R>, BTreeSet<L>> = BTreeMap::new();
    for (left, right) in rights {
        lefts.entry(right).or_default().insert(left.clone());
    }
    let mut joined: Vec<_> = lefts
        .into_iter()
        .map(|(right, left)| (left, right))
        .collect();
    joined.sort();
    joined
}

fn parts(written: &Written) -> (Class, Protocol, DesiredPeer) {
    let Written {
        rule,
        notes: _,
        extra,
    } = written;
    let Rule {
        direction,
        nic,
        priority,
        policy,
        protocol,
        peer,
        local,
        description,
        peer_owner,
    } = rule;
    let mut protocol = protocol.clone();
    let mut source = None;
    if let Protocol::Tcp(ports) | Protocol::Udp(ports) = &mut protocol {
        source = ports.source.take();
    }
    let peer = match peer {
        Peer::Cidr(cidr) => DesiredPeer::Cidr(*cidr),
        Peer::Group(id) => DesiredPeer::Group {
            id: id.clone(),
            owner: peer_owner.clone(),
        },
        Peer::PrefixList(list) => DesiredPeer::PrefixList(list.clone()),
    };
    let class = Class {
        direction: *direction,
        nic: *nic,
        priority: *priority,
        policy: *policy,
        ported: protocol.ports().is_some(),
        source,
        local: *local,
        description: description.clone(),
        extra: extra.clone(),
    };
    (class, protocol, peer)
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
mod tests {
    use proptest::prelude::*;

    use crate::{
        desired::{SourceFile, load_files, load_project},
        model::{OwnerId, PortListId, Ports, PrefixListId},
    };

    use super::*;

    const PROJECT: &str = "rules: rules/\naccounts: { demo: { local: x.json } }\ndefaults: { account: demo, region: cn-hangzhou }\n\
        networks: { world: [0.0.0.0/0, \"::/0\"], near: [10.0.0.0/8], both: [10.0.0.0/8, sg-a, world] }\n\
        services: { web: [tcp/80, tcp/443], base: [tcp/22, udp/53] }\n";

    fn any_peer() -> impl Strategy<Value = (Peer, Option<OwnerId>)> {
        let cidr = |text: &str| (Peer::Cidr(text.parse().unwrap()), None);
        prop_oneof![
            Just(cidr("0.0.0.0/0")),
            Just(cidr("::/0")),
            Just(cidr("10.0.0.0/8")),
            Just(cidr("192.0.2.7")),
            Just((Peer::Group(GroupId::new("sg-a")), None)),
            Just((
                Peer::Group(GroupId::new("sg-far")),
                Some(OwnerId::new("42"))
            )),
            Just((Peer::PrefixList(PrefixListId::new("pl-1")), None)),
        ]
    }

    fn any_protocol() -> impl Strategy<Value = Protocol> {
        let ported = (
            any::<bool>(),
            prop_oneof![
                prop_oneof![Just(22), Just(53), Just(80), Just(443), Just(3306), Just(9)]
                    .prop_map(|port| PortSet::Range(PortRange::new(port, port).unwrap())),
                Just(PortSet::Range(PortRange::new(8000, 8010).unwrap())),
                Just(PortSet::List(PortListId::new("prl-1"))),
            ],
            prop_oneof![3 => Just(None), 1 => Just(Some(PortRange::ALL))],
        );
        let ported = ported.prop_map(|(tcp, destination, source)| {
            let ports = Ports {
                destination,
                source,
            };
            if tcp {
                Protocol::Tcp(ports)
            } else {
                Protocol::Udp(ports)
            }
        });
        let portless = prop_oneof![
            Just(Protocol::All),
            Just(Protocol::Gre),
            Just(Protocol::Number(132)),
        ];
        prop_oneof![4 => ported, 1 => portless]
    }

    fn any_rule() -> impl Strategy<Value = Rule> {
        let description = prop_oneof![
            Just(None),
            "[ -~]{1,8}".prop_map(Some),
            Just(Some("# x: ".to_owned()))
        ];
        let parts = (
            any::<bool>(),
            any_protocol(),
            any_peer(),
            1..3i64,
            any::<bool>(),
            description,
        );
        parts.prop_map(
            |(ingress, protocol, (peer, peer_owner), priority, local, description)| {
                let four = match &peer {
                    Peer::Cidr(cidr) => !cidr.is_ipv6(),
                    Peer::Group(_) | Peer::PrefixList(_) => true,
                };
                Rule {
                    direction: if ingress {
                        Direction::Ingress
                    } else {
                        Direction::Egress
                    },
                    nic: NicType::Intranet,
                    priority: Priority::new(priority).unwrap(),
                    policy: Policy::Accept,
                    protocol,
                    peer,
                    local: (local && four).then(|| "10.1.0.0/16".parse().unwrap()),
                    description: description.map(Arc::from),
                    peer_owner,
                }
            },
        )
    }

    proptest! {
        #[test]
        fn a_written_document_declares_exactly_the_rules_that_were_given(
            rules in proptest::collection::vec(any_rule(), 0..24)
        ) {
            let mut given: Vec<Rule> = Vec::new();
            for rule in rules {
                if !given.iter().any(|other| other.is_same_rule(&rule)) {
                    given.push(rule);
                }
            }
            let folder = tempfile::tempdir().unwrap();
            let file = folder.path().join("rulekeep.yaml");
            std::fs::write(&file, PROJECT).unwrap();
            let (project, _) = load_project(&file).unwrap();
            let vocabulary = Vocabulary::of(&project.sources);
            let words = Words { vocabulary: &vocabulary, groups: &BTreeMap::new(), classic: false };
            let complete = Modes { ingress: Mode::Complete, egress: Mode::Complete };
            let text = document(
                &Document {
                    head: Vec::new(),
                    selector: Selector::Id(GroupId::new("sg-x")),
                    alias: None,
                    description: None,
                    account: None,
                    region: None,
                    mode: complete,
                    keep_system_rules: false,
                    rules: given.iter().cloned().map(Written::from).collect(),
                },
                words,
            );
            let loaded = load_files(
                folder.path(),
                SourceFile::new("rulekeep.yaml", PROJECT),
                vec![SourceFile::new("rules/x.yaml", text.as_str())],
            );
            let (loaded, _) = match loaded {
                Ok(loaded) => loaded,
                Err(error) => panic!("{text}\n{:?}", error.diagnostics),
            };
            let mut read: Vec<Rule> = loaded.groups[0]
                .rules()
                .map(|rule| rule.bind(NicType::Intranet, |_| None).unwrap())
                .collect();
            read.sort();
            given.sort();
            prop_assert_eq!(read, given, "{}", text);
            prop_assert_eq!(crate::desired::fmt::fmt(&text).unwrap(), text);
        }
    }
}
