//! Patterns for live rules that are not ours.

use crate::{
    desired::{
        DesiredPeer, Ignore, Mode, Modes,
        fields::{Fields, Out, Shape, list, number},
        group::{DIRECTIONS, Scope, of},
        protocol, rule, value,
        yaml::Node,
    },
    diag::{Code, Diagnostic},
    model::Direction,
};

/// Keys of an `ignore` pattern.
pub(super) const IGNORE: Shape = Shape {
    what: "an `ignore` pattern",
    keys: &[
        "direction",
        "policy",
        "priority",
        "protocol",
        "ports",
        "from",
        "to",
        "description",
    ],
    synonyms: &[("service", "`protocol` and `ports`")],
};

/// Reads the patterns of a group.
pub(super) fn ignore(
    fields: &Fields<'_, '_>,
    mode: Option<Modes>,
    scope: &Scope,
    out: &mut Out,
) -> Vec<Ignore> {
    let mut patterns = Vec::new();
    let Some(items) = fields
        .get("ignore")
        .and_then(|node| list(node, "ignore", out))
    else {
        return patterns;
    };
    for item in items {
        let Some(more) = pattern(item, scope, out) else {
            continue;
        };
        let direction = more.first().and_then(|pattern| pattern.direction);
        if let Some(mode) = mode {
            let useless = match direction {
                Some(direction) => of(mode, direction) == Mode::Partial,
                None => mode.ingress == Mode::Partial && mode.egress == Mode::Partial,
            };
            if useless {
                out.push(
                    Diagnostic::error(Code::ModeMismatch, "`ignore` means nothing in partial mode")
                        .label(
                            item.span,
                            "rules that are not declared are left alone anyway",
                        )
                        .label(
                            fields.get("mode").map_or(fields.head(), |mode| mode.span),
                            "partial",
                        )
                        .help("remove it, or write `mode: complete`"),
                );
            }
        }
        patterns.extend(more);
    }
    patterns.sort_by_key(|pattern| {
        let Ignore {
            direction,
            policy,
            priority,
            protocol,
            ports,
            peer,
            description,
            span: _,
        } = pattern.clone();
        (
            (direction, policy, priority, protocol),
            (ports, peer, description),
        )
    });
    patterns
}

fn pattern(node: &Node<'_>, scope: &Scope, out: &mut Out) -> Option<Vec<Ignore>> {
    let fields = Fields::read(node, &IGNORE, out)?;
    if fields.is_empty() {
        if fields.refused().next().is_some() {
            return None;
        }
        out.push(
            Diagnostic::error(Code::InvalidValue, "an empty `ignore` pattern would match every rule")
                .label(node.span, "no field to match")
                .help("say what the rules have in common, such as `{ description: \"Cloud Firewall *\" }`"),
        );
        return None;
    }
    let mut direction = fields.word("direction", &DIRECTIONS, out);
    let mut peers: Vec<Option<DesiredPeer>> = vec![None];
    for implied in Direction::BOTH {
        let key = implied.preposition();
        let Some(entry) = fields.entry(key) else {
            continue;
        };
        if let Some(said) = direction
            && said != implied
        {
            let other = fields
                .entry("direction")
                .or(fields.entry(value::other_key(implied)))?;
            out.push(
                Diagnostic::error(Code::PeerKey, format!("`{key}` belongs to {implied} rules"))
                    .label(entry.key_span, format!("{implied} only"))
                    .label(other.key_span, format!("{said} only"))
                    .help("make two patterns of it, one per direction"),
            );
            return None;
        }
        direction = Some(implied);
        let listed = rule::listed_peers(entry.value, key, &scope.names, out)?;
        peers = listed.into_iter().map(|(peer, _)| Some(peer)).collect();
    }
    let pattern = Ignore {
        direction,
        policy: fields.word("policy", &rule::POLICIES, out),
        priority: fields
            .get("priority")
            .and_then(|node| number(node, "priority", 1..=110, out))
            .and_then(|priority| u8::try_from(priority).ok()),
        protocol: fields
            .get("protocol")
            .and_then(|node| protocol::protocol_word(node, out))
            .map(|(word, _)| word.name()),
        ports: fields
            .get("ports")
            .and_then(|node| value::port_set(node, "ports", out))
            .map(protocol::show_ports),
        peer: None,
        description: fields.text("description", out).map(str::to_owned),
        span: node.span,
    };
    Some(
        peers
            .into_iter()
            .map(|peer| Ignore {
                peer,
                ..pattern.clone()
            })
            .collect(),
    )
}
