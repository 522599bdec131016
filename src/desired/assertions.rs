//! `assertions` and `guard: { baseline: .. }`, of the project file and of group files.

use std::{collections::BTreeSet, sync::Arc};

use crate::{
    assertion::{Assertion, Claim, Peer, Severity, baseline},
    desired::{
        DesiredGroup, DesiredPeer,
        fields::{Entry, Fields, Out, Shape, list, nearest, one_or_many, text, word},
        names::{Member, Names},
        services, value,
        yaml::{Node, Value},
    },
    diag::{Code, Diagnostic, Span},
    model::{Direction, GroupName, PortSet, Protocol},
};

/// Keys of an assertion.
pub(super) const ASSERTION: Shape = Shape {
    what: "an assertion",
    keys: &[
        "id", "title", "forbid", "require", "from", "to", "because", "severity",
    ],
    synonyms: &[
        ("deny", "`forbid`"),
        ("name", "`id`"),
        ("reason", "`because`"),
    ],
};
/// Keys of `baseline`.
pub(super) const BASELINE: Shape = Shape {
    what: "`baseline`",
    keys: &["use", "except"],
    synonyms: &[],
};
/// The word for the public internet.
const INTERNET: &str = "internet";
/// Longest id.
const MOST_ID: usize = 80;

/// The assertions under `assertions`; what is wrong with one is reported, and then it is left out. `others` are those that hold as well.
pub(super) fn assertions(
    fields: &Fields<'_, '_>,
    names: &Names,
    others: &[Arc<Assertion>],
    out: &mut Out,
) -> Vec<Arc<Assertion>> {
    let Some(items) = fields
        .get("assertions")
        .and_then(|node| list(node, "assertions", out))
    else {
        return Vec::new();
    };
    let mut all: Vec<Arc<Assertion>> = Vec::new();
    for item in items {
        let Some(assertion) =
            Fields::read(item, &ASSERTION, out).and_then(|fields| assertion(&fields, names, out))
        else {
            continue;
        };
        match others.iter().chain(&all).find(|old| old.id == assertion.id) {
            None => all.push(Arc::new(assertion)),
            Some(first) => out.push(
                Diagnostic::error(
                    Code::DuplicateAssertion,
                    format!("two assertions are called `{}`", assertion.id),
                )
                .label(assertion.span, "this one")
                .label(first.span, "and this one")
                .help("give one of them an `id` of its own, or remove it"),
            ),
        }
    }
    all
}

fn assertion(fields: &Fields<'_, '_>, names: &Names, out: &mut Out) -> Option<Assertion> {
    let because = fields.text("because", out).map(Arc::from);
    let title = fields.text("title", out).map(Arc::from);
    let severity = match fields.get("severity") {
        None => Some(Severity::High),
        Some(node) => word(node, "severity", &Severity::WORDS, out),
    };
    let id = match fields.get("id") {
        None => Some(None),
        Some(node) => id(node, out).map(Some),
    };
    let (claim, services_entry) = match (fields.entry("forbid"), fields.entry("require")) {
        (Some(entry), None) => (Claim::Forbid, Some(entry)),
        (None, Some(entry)) => (Claim::Require, Some(entry)),
        (None, None) => (Claim::Forbid, None),
        (Some(first), Some(second)) => {
            out.push(
                Diagnostic::error(
                    Code::InvalidValue,
                    "an assertion either forbids or requires",
                )
                .label(second.key_span, "a second claim")
                .label(first.key_span, "the first")
                .help("make two assertions of it"),
            );
            return None;
        }
    };
    let peer = fields.entry("from").or(fields.entry("to"));
    let (Some(services_entry), Some(peer)) = (services_entry, peer) else {
        let missing = if services_entry.is_none() {
            "`forbid` or `require`"
        } else {
            "`from` or `to`"
        };
        out.push(
            Diagnostic::error(Code::MissingKey, format!("the assertion has no {missing}"))
                .label(fields.span, format!("add {missing}"))
                .help("write `{ forbid: [ssh, rdp], from: internet, because: \"..\" }`"),
        );
        return None;
    };
    if let (Some(_), Some(to)) = (fields.entry("from"), fields.entry("to")) {
        out.push(
            Diagnostic::error(Code::PeerKey, "an assertion has `from` or `to`, not both")
                .label(to.key_span, "the second")
                .help("make two assertions of it, one per direction"),
        );
        return None;
    }
    let services = protocols(&services_entry, names, out);
    let peers = peers(&peer, names, out);
    let direction = match peer.key {
        "to" => Direction::Egress,
        _ => Direction::Ingress,
    };
    let text: Arc<str> = format!(
        "{} {} {}",
        written(services_entry.value),
        direction.preposition(),
        written(peer.value)
    )
    .into();
    let id = id?.unwrap_or_else(|| slug(&format!("{claim} {text}")));
    Some(Assertion {
        id,
        title,
        claim,
        services: services?,
        direction,
        peers: peers?,
        allowance: None,
        text,
        because,
        severity: severity?,
        reference: None,
        span: fields.head(),
    })
}

/// The items of a value as they are written.
fn written(node: &Node<'_>) -> String {
    let items = match &node.value {
        Value::List(items) => items.as_slice(),
        Value::Scalar(_) | Value::Map(_) => std::slice::from_ref(node),
    };
    let words: Vec<&str> = items
        .iter()
        .filter_map(|item| Some(&*item.scalar()?.text))
        .collect();
    words.join(", ")
}

/// A name made of a text: what an assertion is called that has no `id`.
fn slug(text: &str) -> Arc<str> {
    let mut slug = String::new();
    for c in text.chars() {
        match c.to_ascii_lowercase() {
            c if c.is_ascii_alphanumeric() || c == '.' => slug.push(c),
            _ if slug.ends_with('-') => {}
            _ => slug.push('-'),
        }
    }
    slug.truncate(MOST_ID);
    slug.trim_end_matches('-').into()
}

fn id(node: &Node<'_>, out: &mut Out) -> Option<Arc<str>> {
    let written = text(node, "id", out)?;
    let fits = written.len() <= MOST_ID
        && written.starts_with(|c: char| c.is_ascii_alphanumeric())
        && written
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b"_.-".contains(&b));
    if !fits {
        out.push(
            Diagnostic::error(
                Code::InvalidValue,
                format!("`{written}` cannot be the id of an assertion"),
            )
            .label(node.span, "not an id")
            .help(format!(
                "letters, digits, `_`, `.` and `-`, at most {MOST_ID}, such as no-admin-from-internet"
            )),
        );
        return None;
    }
    if baseline::is_check(written) {
        out.push(
            Diagnostic::error(
                Code::DuplicateAssertion,
                format!("`{written}` is the id of a built-in check"),
            )
            .label(node.span, "taken")
            .help("choose another, so that nobody takes one for the other"),
        );
        return None;
    }
    Some(written.into())
}

/// What is forbidden or required. Ports stand in the file: what a port list holds may change any time.
fn protocols(entry: &Entry<'_, '_>, names: &Names, out: &mut Out) -> Option<Vec<Protocol>> {
    let before = out.len();
    let mut all = Vec::new();
    let mut complete = true;
    for item in one_or_many(entry.value, entry.key, out)? {
        let Some(written) = text(item, entry.key, out) else {
            continue;
        };
        if value::refuse_comma(item, written, entry.key, out) {
            continue;
        }
        let members = match services::member(item, written, out) {
            Some(Member::Value(protocol)) => vec![protocol],
            Some(Member::Name(name)) => match names.service(&name, item.span, out) {
                Some(members) => members.to_vec(),
                None => {
                    complete = false;
                    continue;
                }
            },
            None => continue,
        };
        let is_list = |protocol: &Protocol| {
            let ports = protocol.ports().map(|ports| &ports.destination);
            matches!(ports, Some(PortSet::List(_)))
        };
        if members.iter().any(is_list) {
            out.push(
                Diagnostic::error(Code::InvalidPorts, "an assertion cannot name a port list")
                    .label(
                        item.span,
                        "its content may change without anybody looking here",
                    )
                    .help("write the ports, such as tcp/8000-8010"),
            );
            continue;
        }
        all.extend(members);
    }
    all.sort();
    all.dedup();
    (out.len() == before && complete).then_some(all)
}

pub(super) fn peers(entry: &Entry<'_, '_>, names: &Names, out: &mut Out) -> Option<Vec<Peer>> {
    let before = out.len();
    let mut all = Vec::new();
    let mut complete = true;
    for item in one_or_many(entry.value, entry.key, out)? {
        let is_internet = item.scalar().is_some_and(|scalar| scalar.text == INTERNET);
        if is_internet && !names.networks.contains_key(INTERNET) {
            all.push(Peer::Internet);
            continue;
        }
        match value::peer(item, entry.key, out) {
            Some(value::PeerText::Peer(peer)) => all.push(Peer::One(peer)),
            Some(value::PeerText::Network(name)) => match names.network(&name, item.span, out) {
                Some(peers) => {
                    let peers: &[DesiredPeer] = peers;
                    all.extend(peers.iter().cloned().map(Peer::One));
                }
                None => complete = false,
            },
            None => {}
        }
    }
    all.sort();
    all.dedup();
    (out.len() == before && complete).then_some(all)
}

/// The built-in checks that `guard: { baseline: .. }` chooses; the value is the name, or a map with exceptions.
pub(super) fn baseline(node: &Node<'_>, out: &mut Out) -> Vec<Arc<Assertion>> {
    let words = [(baseline::NAME, ())];
    let mut except: Vec<&str> = Vec::new();
    let span: Span;
    if let Value::Map(_) = &node.value {
        let Some(fields) = Fields::read(node, &BASELINE, out) else {
            return Vec::new();
        };
        let Some(name) = fields.get("use") else {
            if !fields.meant("use") {
                out.push(
                    Diagnostic::error(Code::MissingKey, "`baseline` does not say which to use")
                        .label(fields.head(), "no `use`")
                        .help(format!("write `baseline: {{ use: {} }}`", baseline::NAME)),
                );
            }
            return Vec::new();
        };
        if word(name, "use", &words, out).is_none() {
            return Vec::new();
        }
        span = name.span;
        let items = fields
            .get("except")
            .and_then(|node| one_or_many(node, "except", out));
        for item in items.unwrap_or_default() {
            let Some(written) = text(item, "except", out) else {
                continue;
            };
            if baseline::is_check(written) {
                except.push(written);
                continue;
            }
            let known = baseline::CHECKS.iter().map(|check| check.id);
            let diagnostic = Diagnostic::error(
                Code::InvalidValue,
                format!("no built-in check is called `{written}`"),
            )
            .label(item.span, "unknown check");
            out.push(match nearest(written, known) {
                Some(near) => diagnostic.help(format!("did you mean `{near}`?")),
                None => diagnostic.help("docs/assertions.md lists the checks"),
            });
        }
    } else {
        if word(node, "baseline", &words, out).is_none() {
            return Vec::new();
        }
        span = node.span;
    }
    baseline::CHECKS
        .iter()
        .filter(|check| !except.contains(&check.id))
        .map(|check| Arc::new(check.assertion(span)))
        .collect()
}

/// Says of assertions that they name groups that no file declares: of those they claim nothing. Where no group has a name at all, nobody
/// can tell.
pub(super) fn check_names(groups: &[DesiredGroup], out: &mut Out) {
    let declared: BTreeSet<&GroupName> = groups
        .iter()
        .filter_map(DesiredGroup::declared_name)
        .collect();
    if declared.is_empty() {
        return;
    }
    let mut told: BTreeSet<(Span, &GroupName)> = BTreeSet::new();
    for assertion in groups.iter().flat_map(|group| group.assertions.iter()) {
        for name in assertion.named_groups() {
            if declared.contains(name) || !told.insert((assertion.span, name)) {
                continue;
            }
            let diagnostic = Diagnostic::warning(
                Code::UnknownPeerGroup,
                format!(
                    "the assertion `{}` names `group:{name}`, which no file declares",
                    assertion.id
                ),
            )
            .label(assertion.span, "claims nothing about that group");
            let known = declared.iter().map(|name| name.as_str());
            out.push(match nearest(name.as_str(), known) {
                Some(near) => diagnostic.help(format!("did you mean `group:{near}`?")),
                None => diagnostic.help("name the group by its id, or declare it"),
            });
        }
    }
}
