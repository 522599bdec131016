//! `networks` and `services` of the project file: named sets that may name each other.

use std::collections::BTreeMap;

use super::name::{bad_name, is_id_like, is_name};
use crate::{
    desired::{
        DesiredPeer,
        fields::{Fields, Out, text},
        names::{self, Definition, Member},
        services,
        value::{self, PeerText},
        yaml::{Node, Value},
    },
    diag::{Code, Diagnostic, Span},
    model::Protocol,
};

pub(super) fn networks(fields: &Fields<'_, '_>, out: &mut Out) -> names::Sets<DesiredPeer> {
    let definitions = definitions(fields, &names::NETWORK, out, |node, out| {
        value::peer(node, "networks", out).map(|peer| match peer {
            PeerText::Peer(peer) => Member::Value(peer),
            PeerText::Network(name) => Member::Name(name),
        })
    });
    names::resolve(&names::NETWORK, &definitions, &BTreeMap::new(), out)
}

pub(super) fn declared_services(fields: &Fields<'_, '_>, out: &mut Out) -> names::Sets<Protocol> {
    let definitions = definitions(fields, &names::SERVICE, out, |node, out| {
        let written = text(node, "services", out)?;
        if value::refuse_comma(node, written, "services", out) {
            return None;
        }
        services::member(node, written, out)
    });
    for (name, definition) in &definitions {
        if let Some(built_in) = services::built_in().get(name.as_str()) {
            let ports: Vec<String> = built_in.iter().map(ToString::to_string).collect();
            out.push(
                Diagnostic::warning(
                    Code::ShadowedService,
                    format!("the service `{name}` is built in"),
                )
                .label(
                    definition.span,
                    format!("replaces the built-in {}", ports.join(", ")),
                )
                .help("give it another name, so that nobody takes one for the other"),
            );
        }
    }
    names::resolve(&names::SERVICE, &definitions, services::built_in(), out)
}

fn definitions<T: PartialEq>(
    fields: &Fields<'_, '_>,
    kind: &names::Kind,
    out: &mut Out,
    read: impl Fn(&Node<'_>, &mut Out) -> Option<Member<T>>,
) -> BTreeMap<String, Definition<T>> {
    let mut definitions = BTreeMap::new();
    let Some(map) = fields
        .get(kind.key)
        .and_then(|node| Fields::open(node, &format!("`{}`", kind.key), out))
    else {
        return definitions;
    };
    for entry in map.iter() {
        let taken = kind.word == "service" && services::Word::parse(entry.key).is_some();
        if !is_name(entry.key) || is_id_like(entry.key) || taken {
            out.push(bad_name(kind.word, &entry));
            continue;
        }
        let items: &[Node<'_>] = match &entry.value.value {
            Value::List(items) => items,
            Value::Scalar(_) if !entry.value.is_null() => std::slice::from_ref(entry.value),
            Value::Scalar(_) | Value::Map(_) => {
                let name = format!("the {} `{}`", kind.word, entry.key);
                let message = if entry.value.is_null() {
                    format!("{name} has no value")
                } else {
                    format!("{name} is a list, this is {}", entry.value.kind())
                };
                out.push(
                    Diagnostic::error(Code::WrongType, message)
                        .label(entry.key_span, "expected a list of members")
                        .help(match kind.word {
                            "service" => format!("write `{}: [tcp/80, tcp/443]`", entry.key),
                            _ => format!("write `{}: [203.0.113.0/24]`", entry.key),
                        }),
                );
                &[]
            }
        };
        if matches!(&entry.value.value, Value::List(items) if items.is_empty()) {
            out.push(
                Diagnostic::error(
                    Code::InvalidValue,
                    format!("the {} `{}` has no members", kind.word, entry.key),
                )
                .label(entry.value.span, "empty")
                .help("a rule that names it would match nothing: add a member, or remove it"),
            );
        }
        let mut members: Vec<(Member<T>, Span)> = Vec::new();
        for item in items {
            let Some(member) = read(item, out) else {
                continue;
            };
            let same = |old: &Member<T>| match (old, &member) {
                (Member::Value(a), Member::Value(b)) => a == b,
                (Member::Name(a), Member::Name(b)) => a == b,
                _ => false,
            };
            // Quadratic, but sets that people write are short; the cap keeps generated ones fast.
            let known = members.iter().take(200).find(|(old, _)| same(old));
            if let Some((_, first)) = known {
                out.push(
                    Diagnostic::warning(
                        Code::DuplicateValue,
                        format!("the {} `{}` lists a member twice", kind.word, entry.key),
                    )
                    .label(item.span, "again here")
                    .label(*first, "first here")
                    .help("remove one; it changes nothing"),
                );
            } else {
                members.push((member, item.span));
            }
        }
        definitions.insert(
            entry.key.to_owned(),
            Definition {
                span: entry.key_span,
                members,
            },
        );
    }
    definitions
}
