//! Maps with known keys: unknown and duplicate keys, missing values, values of the wrong kind.

use crate::{
    desired::yaml::{Node, Value},
    diag::{Code, Diagnostic, Span},
};

/// Where problems are collected.
pub(super) type Out = Vec<Diagnostic>;

/// A map whose keys have been checked.
pub(super) struct Fields<'n, 't> {
    /// The whole map.
    pub(super) span: Span,
    entries: Vec<Entry<'n, 't>>,
    refused: Vec<Entry<'n, 't>>,
    shape: Option<&'static Shape>,
}

/// A key, its place and its value.
#[derive(Clone, Copy)]
pub(super) struct Entry<'n, 't> {
    pub(super) key: &'n str,
    pub(super) key_span: Span,
    pub(super) value: &'n Node<'t>,
}

/// The kind of a map: how it is called, its keys, and what people write instead of them.
pub(super) struct Shape {
    /// `a rule`.
    pub(super) what: &'static str,
    /// Every key.
    pub(super) keys: &'static [&'static str],
    /// What others call it -> what it is called here in backticks, or other advice.
    pub(super) synonyms: &'static [(&'static str, &'static str)],
}

impl<'n, 't> Fields<'n, 't> {
    /// Reads a map of a shape; a key without a value is a problem.
    pub(super) fn read(node: &'n Node<'t>, shape: &'static Shape, out: &mut Out) -> Option<Self> {
        let mut fields = Self::open(node, shape.what, out)?;
        fields.shape = Some(shape);
        let Self {
            entries, refused, ..
        } = &mut fields;
        entries.retain(|entry| {
            let problem = if !shape.keys.contains(&entry.key) {
                unknown_key(entry, shape)
            } else if entry.value.is_null() {
                no_value(entry)
            } else {
                return true;
            };
            out.push(problem);
            refused.push(*entry);
            false
        });
        Some(fields)
    }

    /// Whether a key is there, or something that was refused and probably meant it: then it is not missing as well.
    pub(super) fn meant(&self, key: &str) -> bool {
        self.entry(key).is_some()
            || self.refused.iter().any(|entry| {
                let synonym = self.shape.and_then(|shape| synonym(entry, shape));
                let keys = self.shape.map_or(&[][..], |shape| shape.keys);
                entry.key == key
                    || synonym.is_some_and(|here| here.contains(&format!("`{key}`")))
                    || nearest(entry.key, keys.iter().copied()) == Some(key)
            })
    }

    /// Keys that were refused.
    pub(super) fn refused(&self) -> impl Iterator<Item = Entry<'n, 't>> {
        self.refused.iter().copied()
    }

    /// Reads a map whose keys are names that the user gives.
    pub(super) fn open(node: &'n Node<'t>, what: &str, out: &mut Out) -> Option<Self> {
        let Value::Map(map) = &node.value else {
            out.push(
                Diagnostic::error(
                    Code::WrongType,
                    format!("{what} is a map of keys, this is {}", node.kind()),
                )
                .label(node.span, "expected `key: value`")
                .help("write `key: value` lines, or `{ key: value, .. }`"),
            );
            return None;
        };
        let mut entries: Vec<Entry<'n, 't>> = Vec::with_capacity(map.len());
        for (key, value) in map {
            let Some(scalar) = key.scalar() else {
                out.push(
                    Diagnostic::error(Code::WrongType, format!("a key must be text, this is {}", key.kind()))
                        .label(key.span, "not a key")
                        .help("`{ .. }` and `[ .. ]` begin a map and a list; quote the text if it is a value"),
                );
                continue;
            };
            let entry = Entry {
                key: &scalar.text,
                key_span: key.span,
                value,
            };
            match entries.iter().find(|old| old.key == entry.key) {
                Some(first) => out.push(
                    Diagnostic::error(
                        Code::DuplicateKey,
                        format!("the key `{}` stands twice in one map", entry.key),
                    )
                    .label(entry.key_span, "again here")
                    .label(first.key_span, "first here")
                    .help("keep one; lists of both can be joined under one key"),
                ),
                None => entries.push(entry),
            }
        }
        Some(Self {
            span: node.span,
            entries,
            refused: Vec::new(),
            shape: None,
        })
    }

    pub(super) fn entry(&self, key: &str) -> Option<Entry<'n, 't>> {
        self.entries.iter().find(|entry| entry.key == key).copied()
    }

    pub(super) fn get(&self, key: &str) -> Option<&'n Node<'t>> {
        self.entry(key).map(|entry| entry.value)
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = Entry<'n, 't>> {
        self.entries.iter().copied()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// A short piece to point at when the map as a whole is meant: its first key.
    pub(super) fn head(&self) -> Span {
        self.entries
            .iter()
            .chain(&self.refused)
            .min_by_key(|entry| entry.key_span)
            .map_or(self.span, |entry| entry.key_span)
    }

    /// Text under a key.
    pub(super) fn text(&self, key: &str, out: &mut Out) -> Option<&'n str> {
        text(self.get(key)?, key, out)
    }

    /// A boolean under a key.
    pub(super) fn flag(&self, key: &str, out: &mut Out) -> Option<bool> {
        let node = self.get(key)?;
        let flag = node.scalar().and_then(super::yaml::Scalar::as_bool);
        if flag.is_none() {
            out.push(
                Diagnostic::error(
                    Code::WrongType,
                    format!("`{key}` is `true` or `false`, this is {}", node.kind()),
                )
                .label(node.span, "neither `true` nor `false`")
                .help("write it without quotes; `yes`, `no`, `on` and `off` are text in YAML 1.2"),
            );
        }
        flag
    }

    /// One of some words under a key.
    pub(super) fn word<T: Copy>(&self, key: &str, words: &[(&str, T)], out: &mut Out) -> Option<T> {
        word(self.get(key)?, key, words, out)
    }
}

/// Text; numbers and the like count as the text that was written.
pub(super) fn text<'n>(node: &'n Node<'_>, what: &str, out: &mut Out) -> Option<&'n str> {
    match node.scalar() {
        Some(scalar) if !scalar.is_null() => Some(&scalar.text),
        _ => {
            out.push(
                Diagnostic::error(
                    Code::WrongType,
                    format!("`{what}` is a single value, this is {}", node.kind()),
                )
                .label(node.span, "expected text"),
            );
            None
        }
    }
}

/// One of some words, in any letter case.
pub(super) fn word<T: Copy>(
    node: &Node<'_>,
    key: &str,
    words: &[(&str, T)],
    out: &mut Out,
) -> Option<T> {
    let written = text(node, key, out)?;
    if let Some((_, value)) = words
        .iter()
        .find(|(name, _)| name.eq_ignore_ascii_case(written))
    {
        return Some(*value);
    }
    let names: Vec<&str> = words.iter().map(|(name, _)| *name).collect();
    let listed = list_of(&names);
    out.push(
        Diagnostic::error(
            Code::InvalidValue,
            format!("`{written}` is no value of `{key}`"),
        )
        .label(node.span, format!("not {listed}"))
        .help(match meant(written, &names) {
            Some(name) => format!("did you mean `{name}`?"),
            None => format!("write {listed}"),
        }),
    );
    None
}

/// Words that other tools have for ours.
const OTHER_WORDS: [(&str, &str); 8] = [
    ("deny", "drop"),
    ("reject", "drop"),
    ("block", "drop"),
    ("refuse", "drop"),
    ("allow", "accept"),
    ("permit", "accept"),
    ("inbound", "ingress"),
    ("outbound", "egress"),
];

/// The word that was probably meant.
fn meant<'w>(written: &str, words: &[&'w str]) -> Option<&'w str> {
    let known = OTHER_WORDS
        .iter()
        .find(|(other, _)| other.eq_ignore_ascii_case(written))
        .and_then(|(_, ours)| words.iter().find(|word| *word == ours));
    known
        .copied()
        .or_else(|| nearest(written, words.iter().copied()))
}

/// A whole number in a range.
pub(super) fn number(
    node: &Node<'_>,
    key: &str,
    range: std::ops::RangeInclusive<i64>,
    out: &mut Out,
) -> Option<i64> {
    let int = node.scalar().and_then(super::yaml::Scalar::as_int);
    if let Some(int) = int.filter(|int| range.contains(int)) {
        return Some(int);
    }
    let (first, last) = (range.start(), range.end());
    let (code, message) = match int {
        Some(int) => (
            Code::InvalidValue,
            format!("`{key}` is {int}, which is not in {first}..{last}"),
        ),
        None => (
            Code::WrongType,
            format!("`{key}` is a whole number, this is {}", node.kind()),
        ),
    };
    out.push(
        Diagnostic::error(code, message)
            .label(node.span, format!("expected {first} to {last}"))
            .help(format!(
                "write a number from {first} to {last}, without quotes"
            )),
    );
    None
}

/// The items of a list, or the single value as the only item; an empty list is a problem.
pub(super) fn one_or_many<'n, 't>(
    node: &'n Node<'t>,
    key: &str,
    out: &mut Out,
) -> Option<&'n [Node<'t>]> {
    match &node.value {
        Value::List(items) if items.is_empty() => {
            out.push(
                Diagnostic::error(Code::InvalidValue, format!("`{key}` is an empty list"))
                    .label(node.span, "a rule needs at least one")
                    .help("name at least one, or remove the rule"),
            );
            None
        }
        Value::List(items) => Some(items),
        Value::Scalar(_) => Some(std::slice::from_ref(node)),
        Value::Map(_) => {
            out.push(
                Diagnostic::error(
                    Code::WrongType,
                    format!("`{key}` is a value or a list of values, this is a map"),
                )
                .label(node.span, "not a value")
                .help(format!("write `{key}: value` or `{key}: [value, value]`")),
            );
            None
        }
    }
}

/// The items of a list.
pub(super) fn list<'n, 't>(node: &'n Node<'t>, key: &str, out: &mut Out) -> Option<&'n [Node<'t>]> {
    if let Value::List(items) = &node.value {
        return Some(items);
    }
    out.push(
        Diagnostic::error(
            Code::WrongType,
            format!("`{key}` is a list, this is {}", node.kind()),
        )
        .label(node.span, "expected a list")
        .help(format!(
            "begin each entry with `- `; an empty list is `{key}: []`"
        )),
    );
    None
}

fn no_value(entry: &Entry<'_, '_>) -> Diagnostic {
    let key = entry.key;
    let help = match key {
        "ingress" | "egress" => format!(
            "write `{key}: []` for no rules at all, or remove the key to leave the direction alone"
        ),
        _ => "give it a value, or remove the key".to_owned(),
    };
    Diagnostic::error(Code::WrongType, format!("`{key}` has no value"))
        .label(entry.key_span, "nothing after the `:`")
        .help(help)
}

fn synonym(entry: &Entry<'_, '_>, shape: &Shape) -> Option<&'static str> {
    let mut synonyms = shape.synonyms.iter();
    synonyms
        .find(|(other, _)| other.eq_ignore_ascii_case(entry.key))
        .map(|(_, here)| *here)
}

fn unknown_key(entry: &Entry<'_, '_>, shape: &Shape) -> Diagnostic {
    let Shape { what, keys, .. } = shape;
    let help = match (
        synonym(entry, shape),
        nearest(entry.key, keys.iter().copied()),
    ) {
        (Some(here), _) if here.starts_with('`') => format!("here it is called {here}"),
        (Some(advice), _) => advice.to_owned(),
        (None, Some(near)) => format!("did you mean `{near}`?"),
        (None, None) => format!("{what} has {}", keys_of(keys)),
    };
    Diagnostic::error(
        Code::UnknownKey,
        format!("{what} has no key `{}`", entry.key),
    )
    .label(entry.key_span, "unknown key")
    .help(help)
}

/// `` `a`, `b` `` for every key.
pub(super) fn keys_of(keys: &[&str]) -> String {
    let quoted: Vec<String> = keys.iter().map(|key| format!("`{key}`")).collect();
    quoted.join(", ")
}

/// `` `a`, `b` or `c` ``.
pub(super) fn list_of(words: &[&str]) -> String {
    match words {
        [] => String::new(),
        [one] => format!("`{one}`"),
        [rest @ .., last] => format!("{} or `{last}`", keys_of(rest)),
    }
}

/// The known name that the written one is probably meant to be.
pub(super) fn nearest<'k>(
    written: &str,
    known: impl IntoIterator<Item = &'k str>,
) -> Option<&'k str> {
    let lower = written.to_lowercase();
    let most = written.chars().count() / 3;
    known
        .into_iter()
        .map(|name| {
            (
                strsim::damerau_levenshtein(&lower, &name.to_lowercase()),
                name,
            )
        })
        .filter(|(distance, name)| *distance <= most && *distance < name.chars().count())
        .min()
        .map(|(_, name)| name)
}
