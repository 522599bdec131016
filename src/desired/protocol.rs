//! What a rule matches: `protocol` and `ports`, or `service`, and `source_ports`.

use std::{collections::BTreeMap, fmt};

use crate::{
    desired::{
        fields::{Fields, Out, keys_of, nearest, one_or_many, text},
        names::{Member, Names},
        services::{self, Word},
        value,
        yaml::Node,
    },
    diag::{Code, Diagnostic, Span},
    model::{PortRange, PortSet, Ports, Protocol},
};

/// A member of a list: its value, where it stands, and the name that it came by.
pub(super) struct Listed<'n, T> {
    pub(super) value: T,
    pub(super) span: Span,
    pub(super) name: Option<&'n str>,
}

/// Leaves each value once and reports those that are listed twice, one report per pair of places.
pub(super) fn distinct<T: Ord + Clone + fmt::Display>(
    items: Vec<Listed<'_, T>>,
    out: &mut Out,
) -> Vec<(T, Span)> {
    let mut first: BTreeMap<T, (Span, Option<&str>)> = BTreeMap::new();
    let mut told: Vec<(Span, Span)> = Vec::new();
    for Listed { value, span, name } in items {
        let Some((old, old_name)) = first.get(&value) else {
            first.insert(value, (span, name));
            continue;
        };
        if told.contains(&(*old, span)) {
            continue;
        }
        told.push((*old, span));
        let within = |name: &Option<&str>, else_: &str| match name {
            Some(name) => format!("`{name}` contains it"),
            None => else_.to_owned(),
        };
        out.push(
            Diagnostic::error(
                Code::DuplicateRule,
                format!("`{value}` is listed twice in one rule"),
            )
            .label(span, within(&name, "again here"))
            .label(*old, within(old_name, "first here"))
            .help("keep one; the cloud stores a rule once"),
        );
    }
    first
        .into_iter()
        .map(|(value, (span, _))| (value, span))
        .collect()
}

/// Every protocol with ports that a rule stands for, each once.
pub(super) fn protocols(
    fields: &Fields<'_, '_>,
    names: &Names,
    out: &mut Out,
) -> Option<Vec<(Protocol, Span)>> {
    let source = match fields.get("source_ports") {
        None => Some(None),
        Some(node) => source_ports(node, out).map(Some),
    };
    let protocols = match (fields.entry("service"), fields.entry("protocol")) {
        (Some(service), None) if fields.get("ports").is_none() => {
            by_service(service.value, names, out)
        }
        (Some(service), _) => {
            let other = fields.entry("protocol").or(fields.entry("ports"))?;
            out.push(
                Diagnostic::error(
                    Code::PortsMismatch,
                    format!("`service` and `{}` exclude each other", other.key),
                )
                .label(other.key_span, "says it again")
                .label(service.key_span, "already says protocol and ports")
                .help("keep `service`, or write `protocol` and `ports`"),
            );
            return None;
        }
        (None, Some(protocol)) => by_protocol(fields, protocol.value, out),
        (None, None) if fields.meant("protocol") || fields.meant("service") => return None,
        (None, None) => {
            let (span, label) = match fields.entry("ports") {
                Some(ports) => (ports.key_span, "ports of which protocol?"),
                None => (fields.head(), "neither `protocol` nor `service`"),
            };
            out.push(
                Diagnostic::error(Code::MissingKey, "the rule does not say a protocol")
                    .label(span, label)
                    .help("add `protocol: tcp` with `ports`, or `service: https`; every protocol is `protocol: all`"),
            );
            return None;
        }
    };
    let (Some(source), Some(mut protocols)) = (source, protocols) else {
        return None;
    };
    let Some(source) = source else {
        return Some(protocols);
    };
    for (protocol, span) in &mut protocols {
        match protocol {
            Protocol::Tcp(ports) | Protocol::Udp(ports) => ports.source = Some(source),
            other => {
                let key = fields.entry("source_ports")?;
                out.push(
                    Diagnostic::error(
                        Code::PortsMismatch,
                        format!("`{}` has no source ports", other.name()),
                    )
                    .label(key.key_span, "only tcp and udp have source ports")
                    .label(*span, "has no ports")
                    .help("remove `source_ports`, or split the rule"),
                );
                return None;
            }
        }
    }
    Some(protocols)
}

fn source_ports(node: &Node<'_>, out: &mut Out) -> Option<PortRange> {
    let written = text(node, "source_ports", out)?;
    if value::refuse_comma(node, written, "source_ports", out) {
        return None;
    }
    if written.starts_with("prl-") {
        out.push(
            Diagnostic::error(Code::InvalidPorts, "source ports cannot be a port list")
                .label(node.span, "a port list")
                .help("write one range such as 1024-65535"),
        );
        return None;
    }
    value::port_range(node, written, out)
}

fn by_service(node: &Node<'_>, names: &Names, out: &mut Out) -> Option<Vec<(Protocol, Span)>> {
    let mut listed = Vec::new();
    let mut complete = true;
    for item in one_or_many(node, "service", out)? {
        let Some(written) = text(item, "service", out) else {
            complete = false;
            continue;
        };
        if value::refuse_comma(item, written, "service", out) {
            complete = false;
            continue;
        }
        match services::member(item, written, out) {
            Some(Member::Value(value)) => listed.push(Listed {
                value,
                span: item.span,
                name: None,
            }),
            Some(Member::Name(_)) => match names.service(written, item.span, out) {
                Some(found) => listed.extend(found.iter().map(|protocol| Listed {
                    value: protocol.clone(),
                    span: item.span,
                    name: Some(written),
                })),
                None => complete = false,
            },
            None => complete = false,
        }
    }
    let protocols = distinct(listed, out);
    complete.then_some(protocols)
}

/// Prints like [`PortSet`] is written.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Shown(PortSet);

impl fmt::Display for Shown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            PortSet::Range(range) => range.fmt(f),
            PortSet::List(list) => list.fmt(f),
        }
    }
}

/// The printed form of ports: `22`, `8000-8010`, `prl-…`.
pub(super) fn show_ports(ports: PortSet) -> String {
    Shown(ports).to_string()
}

fn by_protocol(
    fields: &Fields<'_, '_>,
    node: &Node<'_>,
    out: &mut Out,
) -> Option<Vec<(Protocol, Span)>> {
    let mut words: Vec<(Word, &str, Span)> = Vec::new();
    let mut complete = true;
    for item in one_or_many(node, "protocol", out)? {
        match protocol_word(item, out) {
            Some((word, written)) => {
                if let Some((_, first, old)) = words.iter().find(|(old, ..)| *old == word) {
                    out.push(
                        Diagnostic::error(
                            Code::DuplicateRule,
                            format!("`{written}` is listed twice in one rule"),
                        )
                        .label(item.span, "again here")
                        .label(*old, format!("first here, as `{first}`"))
                        .help("keep one"),
                    );
                    complete = false;
                } else {
                    words.push((word, written, item.span));
                }
            }
            None => complete = false,
        }
    }
    let ports = match fields.entry("ports") {
        None => None,
        Some(entry) => {
            let mut listed = Vec::new();
            match one_or_many(entry.value, "ports", out) {
                None => complete = false,
                Some(items) => {
                    for item in items {
                        match value::port_set(item, "ports", out) {
                            Some(ports) => listed.push(Listed {
                                value: Shown(ports),
                                span: item.span,
                                name: None,
                            }),
                            None => complete = false,
                        }
                    }
                }
            }
            Some((entry, distinct(listed, out)))
        }
    };
    if !complete {
        return None;
    }
    let mut protocols = Vec::new();
    for (word, written, span) in words {
        match (&ports, word.has_ports()) {
            (Some((_, ports)), true) => {
                for (Shown(ports), ports_span) in ports {
                    let ports = Ports {
                        destination: ports.clone(),
                        source: None,
                    };
                    protocols.extend(word.with(Some(ports)).map(|p| (p, *ports_span)));
                }
            }
            (None, false) => protocols.extend(word.with(None).map(|p| (p, span))),
            (Some((entry, _)), false) => {
                let everything = ports.as_ref().is_some_and(|(_, ports)| {
                    matches!(ports.as_slice(), [(Shown(PortSet::Range(range)), _)] if *range == PortRange::ALL)
                });
                out.push(
                    Diagnostic::error(
                        Code::PortsMismatch,
                        format!("`{written}` has no ports"),
                    )
                    .label(entry.key_span, "only tcp and udp have ports")
                    .label(span, "has no ports")
                    .help(if everything {
                        "remove `ports`"
                    } else {
                        "remove `ports`, or write `protocol: tcp` or `udp`; for several protocols split the rule"
                    }),
                );
                return None;
            }
            (None, true) if fields.meant("ports") => return None,
            (None, true) => {
                out.push(
                    Diagnostic::error(Code::PortsMismatch, format!("`{written}` needs `ports`"))
                        .label(span, "which ports?")
                        .help("add `ports: 443`; every port is `ports: 1-65535`"),
                );
                return None;
            }
        }
    }
    Some(protocols)
}

/// `tcp`, `all`, 132, ..
pub(super) fn protocol_word<'n>(node: &'n Node<'_>, out: &mut Out) -> Option<(Word, &'n str)> {
    let written = text(node, "protocol", out)?;
    if value::refuse_comma(node, written, "protocol", out) {
        return None;
    }
    if let Some(word) = Word::parse(written) {
        return Some((word, written));
    }
    let known = ["tcp", "udp", "icmp", "icmpv6", "gre", "all"];
    let diagnostic = Diagnostic::error(
        Code::InvalidProtocol,
        format!("`{written}` is not a protocol"),
    );
    let lower = written.to_ascii_lowercase();
    let diagnostic = if let Some((protocol, ports)) = written.split_once('/') {
        diagnostic
            .label(node.span, "protocol and ports in one")
            .help(format!(
                "write `protocol: {protocol}` and `ports: {ports}`, or `service: {written}`"
            ))
    } else if services::built_in().contains_key(&*lower) {
        diagnostic
            .label(node.span, "a service")
            .help(format!("write `service: {lower}`"))
    } else if lower == "any" || lower == "-1" || lower == "*" {
        diagnostic
            .label(node.span, "unknown protocol")
            .help("write `all` for every protocol")
    } else {
        let help = match nearest(written, known) {
            Some(near) => format!("did you mean `{near}`?"),
            None => format!("write {}, or an IANA number from 0 to 255", keys_of(&known)),
        };
        diagnostic.label(node.span, "unknown protocol").help(help)
    };
    out.push(diagnostic);
    None
}
