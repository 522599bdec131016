//! Why a group is declared differently: which keys of its document, or which names of the project that it uses.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
    path::PathBuf,
};

use crate::{
    desired::{
        DesiredGroup,
        names::Names,
        project,
        yaml::{self, Node, Value},
    },
    diag::{FileId, Sources},
    model::{AccountName, GroupName},
};

/// One reason why a group counts as changed.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Why {
    /// It was not declared.
    New {
        /// Where it is.
        file: PathBuf,
    },
    /// Its own document says something else.
    Document {
        /// Where it is.
        file: PathBuf,
        /// Which keys, in alphabetical order.
        keys: Vec<String>,
    },
    /// A network that it names stands for something else.
    Network {
        /// The one that it names.
        name: String,
        /// The networks that were edited, when it is not this one.
        through: Vec<String>,
    },
    /// A service that it names stands for something else.
    Service {
        /// The one that it names.
        name: String,
        /// The services that were edited, when it is not this one.
        through: Vec<String>,
    },
    /// A key of `defaults`.
    Default(&'static str),
    /// The project's thresholds.
    Guard,
    /// The project's assertions, its baseline, or the waivers in it.
    Assertions,
    /// How its account is reached.
    Account(AccountName),
    /// `group:NAME` is another group.
    Peer(GroupName),
    /// What was cannot be told.
    Unread {
        /// The file.
        file: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// Something else in the project file.
    Project,
}

impl fmt::Display for Why {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let through = |f: &mut fmt::Formatter<'_>, through: &[String]| match through {
            [] => Ok(()),
            names => write!(f, " through {}", names.join(", ")),
        };
        match self {
            Self::New { file } => write!(f, "new in {}", file.display()),
            Self::Document { file, keys } => {
                write!(f, "{} changed ({})", file.display(), keys.join(", "))
            }
            Self::Network {
                name,
                through: edited,
            } => {
                write!(f, "network {name} changed")?;
                through(f, edited)
            }
            Self::Service {
                name,
                through: edited,
            } => {
                write!(f, "service {name} changed")?;
                through(f, edited)
            }
            Self::Default(key) => write!(f, "default {key} changed"),
            Self::Guard => f.write_str("guard of the project changed"),
            Self::Assertions => f.write_str("assertions of the project changed"),
            Self::Account(name) => write!(f, "account {name} changed"),
            Self::Peer(name) => write!(f, "group:{name} is another group"),
            Self::Unread { file, reason } => {
                write!(f, "{} could not be read then: {reason}", file.display())
            }
            Self::Project => f.write_str("the project file changed"),
        }
    }
}

/// Keys of a document that stay in the file.
const NOTES: [&str; 3] = ["owner", "ticket", "description"];

/// Finds reasons; reads only files that declare a changed group.
pub(super) struct Reasons<'a> {
    old: State<'a>,
    new: State<'a>,
    networks: BTreeMap<String, Vec<String>>,
    services: BTreeMap<String, Vec<String>>,
}

/// One of the two states.
struct State<'a> {
    sources: &'a Sources,
    names: Names,
    /// Members of sets as they are written, by key and name.
    written: BTreeMap<(&'static str, String), BTreeSet<String>>,
    documents: BTreeMap<FileId, Vec<Node<'a>>>,
}

impl<'a> Reasons<'a> {
    pub(super) fn new(old: &'a Sources, new: &'a Sources) -> Self {
        let (old, new) = (State::new(old), State::new(new));
        Self {
            networks: changed(
                "networks",
                &old,
                &new,
                |names, name| names.networks.get(name),
                names_of(&old.names.networks, &new.names.networks),
            ),
            services: changed(
                "services",
                &old,
                &new,
                |names, name| names.services.get(name),
                names_of(&old.names.services, &new.names.services),
            ),
            old,
            new,
        }
    }

    /// Why the two declarations of one group differ; never empty.
    pub(super) fn of(&mut self, before: &DesiredGroup, now: &DesiredGroup) -> Vec<Why> {
        let mut why = Vec::new();
        let file = super::file(self.new.sources, now).to_owned();
        self.old.parse(before);
        self.new.parse(now);
        let (old, new) = (self.old.document(before), self.new.document(now));
        let keys: Vec<String> = differing(old, new)
            .into_iter()
            .filter(|key| !NOTES.contains(&&**key))
            .collect();
        let has = |key: &str| {
            new.iter()
                .chain(&old)
                .any(|node| value(node, key).is_some())
        };
        let mut words = BTreeSet::new();
        let listed = ["ingress", "egress", "absent", "ignore", "assertions"];
        for part in listed.iter().filter_map(|key| value(new?, key)) {
            texts(part, &mut words);
        }
        for word in &words {
            if let Some(through) = self.networks.get(*word) {
                why.push(Why::Network {
                    name: (*word).to_owned(),
                    through: through.clone(),
                });
            }
            if let Some(through) = self.services.get(*word) {
                why.push(Why::Service {
                    name: (*word).to_owned(),
                    through: through.clone(),
                });
            }
        }
        if before.quota != now.quota && !has("quota") {
            why.push(Why::Default("quota"));
        }
        if before.limits != now.limits && !keys.iter().any(|key| key == "guard") {
            why.push(Why::Guard);
        }
        let own = ["assertions", "waivers"];
        if super::claims(before, now.span) != super::claims(now, now.span)
            && !keys.iter().any(|key| own.contains(&&**key))
        {
            why.push(Why::Assertions);
        }
        if !keys.is_empty() {
            why.push(Why::Document { file, keys });
        }
        if why.is_empty() {
            why.push(Why::Project);
        }
        why.sort();
        why
    }
}

impl<'a> State<'a> {
    fn new(sources: &'a Sources) -> Self {
        let mut state = Self {
            sources,
            names: Names::default(),
            written: BTreeMap::new(),
            documents: BTreeMap::new(),
        };
        let Some((id, source)) = sources.iter().next() else {
            return state;
        };
        let parsed = yaml::parse(id, &source.text);
        let Some(node) = parsed.documents.first() else {
            return state;
        };
        state.names = project::check(node, &mut Vec::new()).scope.names;
        for key in ["networks", "services"] {
            let Some(Value::Map(sets)) = value(node, key).map(|node| &node.value) else {
                continue;
            };
            for (name, members) in sets {
                let Some(name) = name.scalar() else { continue };
                let mut written = BTreeSet::new();
                texts(members, &mut written);
                let written = written.into_iter().map(str::to_owned).collect();
                state.written.insert((key, name.text.to_string()), written);
            }
        }
        state
    }

    fn parse(&mut self, group: &DesiredGroup) {
        let file = group.span.file;
        let sources = self.sources;
        self.documents
            .entry(file)
            .or_insert_with(|| yaml::parse(file, &sources.get(file).text).documents);
    }

    /// The document that declares a group, of a file that was parsed.
    fn document(&self, group: &DesiredGroup) -> Option<&Node<'a>> {
        let documents = self.documents.get(&group.span.file)?;
        let start = group.span.start;
        documents.iter().rfind(|node| first(node) <= start)
    }
}

/// Where a document begins: at its first key, since a map may begin later than its text.
fn first(node: &Node<'_>) -> u32 {
    match &node.value {
        Value::Map(entries) => entries.first().map_or(node.span.start, |(key, _)| {
            key.span.start.min(node.span.start)
        }),
        Value::List(_) | Value::Scalar(_) => node.span.start,
    }
}

fn names_of<'a, T>(
    old: &'a BTreeMap<String, T>,
    new: &'a BTreeMap<String, T>,
) -> BTreeSet<&'a String> {
    old.keys().chain(new.keys()).collect()
}

/// The sets that stand for something else now, each with the other sets that were edited for it.
fn changed<T: PartialEq>(
    key: &'static str,
    old: &State<'_>,
    new: &State<'_>,
    members: impl for<'n> Fn(&'n Names, &str) -> Option<&'n Vec<T>>,
    names: BTreeSet<&String>,
) -> BTreeMap<String, Vec<String>> {
    let written = |state: &State<'_>, name: &str| {
        let found = state.written.get(&(key, name.to_owned()));
        found.cloned().unwrap_or_default()
    };
    let edited = |name: &str| written(old, name) != written(new, name);
    let through = |name: &str| {
        if edited(name) {
            return Vec::new();
        }
        let mut found = BTreeSet::new();
        let mut seen = BTreeSet::new();
        let mut left = vec![name.to_owned()];
        while let Some(name) = left.pop() {
            if !seen.insert(name.clone()) {
                continue;
            }
            let inner = written(old, &name).into_iter().chain(written(new, &name));
            for inner in inner.filter(|inner| names.contains(inner)) {
                if edited(&inner) {
                    found.insert(inner.clone());
                }
                left.push(inner);
            }
        }
        found.into_iter().collect()
    };
    names
        .iter()
        .filter(|name| members(&old.names, name) != members(&new.names, name))
        .map(|name| ((*name).clone(), through(name)))
        .collect()
}

fn value<'n, 't>(node: &'n Node<'t>, key: &str) -> Option<&'n Node<'t>> {
    let Value::Map(entries) = &node.value else {
        return None;
    };
    let named = |name: &Node<'_>| name.scalar().is_some_and(|name| name.text == key);
    let mut entries = entries.iter();
    entries
        .find(|(name, _)| named(name))
        .map(|(_, value)| value)
}

/// The keys of two maps whose values differ.
fn differing<'n, 't>(old: Option<&'n Node<'t>>, new: Option<&'n Node<'t>>) -> BTreeSet<String> {
    let mut keys = BTreeSet::new();
    for node in old.iter().chain(&new) {
        if let Value::Map(entries) = &node.value {
            let names = entries.iter().filter_map(|(key, _)| key.scalar());
            keys.extend(names.map(|key| key.text.to_string()));
        }
    }
    let same = |key: &str| {
        let of = |node: Option<&'n Node<'t>>| node.and_then(|node| value(node, key));
        match (of(old), of(new)) {
            (Some(a), Some(b)) => yaml::same(a, b),
            (None, None) => true,
            _ => false,
        }
    };
    keys.retain(|key| !same(key));
    keys
}

/// Every text in a value but the keys of maps.
fn texts<'n>(node: &'n Node<'_>, into: &mut BTreeSet<&'n str>) {
    match &node.value {
        Value::Scalar(scalar) => drop(into.insert(&scalar.text)),
        Value::List(items) => items.iter().for_each(|item| texts(item, into)),
        Value::Map(entries) => entries.iter().for_each(|(_, value)| texts(value, into)),
    }
}
