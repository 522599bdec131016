//! Names that stand for sets: networks and services. They may name each other, but not in a circle.

use std::{
    cell::OnceCell,
    collections::{BTreeMap, BTreeSet},
};

use crate::{
    desired::{
        DesiredPeer,
        fields::{Out, nearest},
        services,
    },
    diag::{Code, Diagnostic, Span},
    model::Protocol,
};

/// Most members of one set, and the deepest that sets may name each other.
const MAX_MEMBERS: usize = 10_000;
const MAX_DEPTH: usize = 64;

/// What stands in a set: a member, or the name of another set.
#[derive(Clone, Debug)]
pub(super) enum Member<T> {
    Value(T),
    Name(String),
}

/// A set as declared.
pub(super) struct Definition<T> {
    pub(super) span: Span,
    pub(super) members: Vec<(Member<T>, Span)>,
}

/// What kind of set is meant, for messages.
pub(super) struct Kind {
    pub(super) word: &'static str,
    pub(super) key: &'static str,
    pub(super) unknown: Code,
    pub(super) cycle: Code,
}

/// Networks.
pub(super) const NETWORK: Kind = Kind {
    word: "network",
    key: "networks",
    unknown: Code::UnknownNetwork,
    cycle: Code::NetworkCycle,
};
/// Services.
pub(super) const SERVICE: Kind = Kind {
    word: "service",
    key: "services",
    unknown: Code::UnknownService,
    cycle: Code::ServiceCycle,
};

/// Sets by name, each sorted and without duplicates.
pub(super) type Sets<T> = BTreeMap<String, Vec<T>>;

/// Everything that group files may name.
#[derive(Default)]
pub(super) struct Names {
    pub(super) networks: Sets<DesiredPeer>,
    pub(super) services: Sets<Protocol>,
    /// Whether the project file could be read far enough to say that a name is unknown.
    pub(super) complete: bool,
}

impl Names {
    /// The members of a network; a name that is not known is reported.
    pub(super) fn network(&self, name: &str, span: Span, out: &mut Out) -> Option<&[DesiredPeer]> {
        if let Some(peers) = self.networks.get(name) {
            return Some(peers);
        }
        if self.complete {
            out.push(unknown(
                &NETWORK,
                name,
                span,
                self.networks.keys().map(String::as_str),
            ));
        }
        None
    }

    /// The members of a service; a name that is not known is reported.
    pub(super) fn service(&self, name: &str, span: Span, out: &mut Out) -> Option<&[Protocol]> {
        let built_in = services::built_in();
        if let Some(found) = self.services.get(name).or_else(|| built_in.get(name)) {
            return Some(found);
        }
        if self.complete {
            let known = self.services.keys().map(String::as_str);
            out.push(unknown(
                &SERVICE,
                name,
                span,
                known.chain(built_in.keys().copied()),
            ));
        }
        None
    }
}

fn unknown<'k>(
    kind: &Kind,
    name: &str,
    span: Span,
    known: impl Iterator<Item = &'k str>,
) -> Diagnostic {
    let Kind { word, key, .. } = kind;
    let everywhere = matches!(
        &*name.to_ascii_lowercase(),
        "any" | "all" | "internet" | "anywhere" | "*" | "world"
    ) && *word == "network";
    let diagnostic = Diagnostic::error(kind.unknown, format!("no {word} is called `{name}`"))
        .label(span, format!("unknown {word}"));
    match nearest(name, known) {
        _ if everywhere => {
            diagnostic.help("write [0.0.0.0/0, \"::/0\"] for every address, or one of the two")
        }
        Some(near) => diagnostic.help(format!("did you mean `{near}`?")),
        None if *word == "network" => diagnostic.help(format!(
            "declare it under `{key}:` in the project file; a security group is written `group:{name}`"
        )),
        None => diagnostic.help(format!(
            "declare it under `{key}:` in the project file, or write protocol and ports such as tcp/443"
        )),
    }
}

/// Replaces names by what they stand for. A set with a problem keeps what is right in it, so that one mistake is told
/// once.
pub(super) fn resolve<T: Ord + Clone>(
    kind: &Kind,
    definitions: &BTreeMap<String, Definition<T>>,
    outside: &BTreeMap<&'static str, Vec<T>>,
    out: &mut Out,
) -> Sets<T> {
    let mut resolver = Resolver {
        kind,
        definitions,
        outside,
        done: definitions
            .keys()
            .map(|name| (name.as_str(), OnceCell::new()))
            .collect(),
        path: Vec::new(),
        out,
    };
    for name in definitions.keys() {
        resolver.visit(name);
    }
    resolver
        .done
        .into_iter()
        .map(|(name, cell)| {
            let members: BTreeSet<T> = cell.into_inner().unwrap_or_default();
            (name.to_owned(), members.into_iter().collect())
        })
        .collect()
}

struct Resolver<'a, T> {
    kind: &'a Kind,
    definitions: &'a BTreeMap<String, Definition<T>>,
    outside: &'a BTreeMap<&'static str, Vec<T>>,
    done: BTreeMap<&'a str, OnceCell<BTreeSet<T>>>,
    path: Vec<&'a str>,
    out: &'a mut Out,
}

impl<'a, T: Ord + Clone> Resolver<'a, T> {
    fn visit(&mut self, name: &'a str) {
        if self.done[name].get().is_some() {
            return;
        }
        let definitions = self.definitions;
        let definition = &definitions[name];
        self.path.push(name);
        let mut members = BTreeSet::new();
        for (member, span) in &definition.members {
            match member {
                Member::Value(value) => {
                    members.insert(value.clone());
                }
                Member::Name(other) => self.include(other, *span, &mut members),
            }
        }
        if members.len() > MAX_MEMBERS {
            self.out.push(
                Diagnostic::error(
                    Code::TooManyRules,
                    format!(
                        "the {} `{name}` stands for {} members",
                        self.kind.word,
                        members.len()
                    ),
                )
                .label(definition.span, format!("more than {MAX_MEMBERS}"))
                .help("use a prefix list of the cloud (pl-..), which counts by its capacity"),
            );
            members = BTreeSet::new();
        }
        self.path.pop();
        let _ = self.done[name].set(members);
    }

    fn include(&mut self, other: &'a str, span: Span, members: &mut BTreeSet<T>) {
        if let Some(at) = self.path.iter().position(|step| *step == other) {
            let mut circle: Vec<&str> = self.path[at..].to_vec();
            circle.push(other);
            let start = self.definitions[other].span;
            self.out.push(
                Diagnostic::error(
                    self.kind.cycle,
                    format!(
                        "{} name each other in a circle: {}",
                        self.kind.key,
                        circle.join(" -> ")
                    ),
                )
                .label(span, format!("leads back to `{other}`"))
                .label(start, "begins here")
                .help("take one of the names out"),
            );
        } else if self.path.len() > MAX_DEPTH {
            self.out.push(
                Diagnostic::error(
                    Code::Bomb,
                    format!(
                        "{} name each other more than {MAX_DEPTH} deep",
                        self.kind.key
                    ),
                )
                .label(span, "stopped here")
                .help("name the members directly"),
            );
        } else if self.definitions.contains_key(other) {
            self.visit(other);
            members.extend(self.done[other].get().into_iter().flatten().cloned());
        } else if let Some(found) = self.outside.get(other) {
            members.extend(found.iter().cloned());
        } else {
            let known = self.definitions.keys().map(String::as_str);
            let known = known.chain(self.outside.keys().copied());
            self.out.push(unknown(self.kind, other, span, known));
        }
    }
}
