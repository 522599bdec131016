//! One item of a rules list -> the rules it stands for.

use crate::{
    desired::{
        DesiredPeer, DesiredRule,
        fields::{Fields, Out, Shape, number, one_or_many, text},
        names::Names,
        protocol::{Listed, distinct, protocols},
        value::{self, PeerText},
        yaml::Node,
    },
    diag::{Code, Diagnostic, Span},
    model::{Cidr, Direction, NicType, Policy, Priority, Protocol},
};

/// Keys of a rule.
pub(super) const RULE: Shape = Shape {
    what: "a rule",
    keys: &[
        "protocol",
        "ports",
        "service",
        "from",
        "to",
        "policy",
        "priority",
        "description",
        "expires",
        "owner",
        "ticket",
        "source_ports",
        "local",
        "nic",
    ],
    synonyms: &[
        ("source", "`from`"),
        ("source_cidr", "`from`"),
        ("source_cidr_ip", "`from`"),
        ("source_group", "`from`"),
        ("cidr", "`from` in ingress and `to` in egress"),
        ("cidr_ip", "`from` in ingress and `to` in egress"),
        ("cidr_blocks", "`from` in ingress and `to` in egress"),
        ("peer", "`from` in ingress and `to` in egress"),
        ("destination", "`to`"),
        ("dest", "`to`"),
        ("dest_cidr_ip", "`to`"),
        ("action", "`policy`"),
        ("port_range", "`ports`"),
        ("ip_protocol", "`protocol`"),
        ("comment", "`description`, or a comment after `#`"),
        ("source_port", "`source_ports`"),
        ("nic_type", "`nic`"),
        ("services", "`service`, also for a list"),
        ("until", "`expires`"),
    ],
};

/// Most rules that one item, and one document, may stand for.
const MAX_PER_ITEM: usize = 10_000;
pub(super) const MAX_PER_GROUP: usize = 100_000;

pub(super) const POLICIES: [(&str, Policy); 2] =
    [("accept", Policy::Accept), ("drop", Policy::Drop)];
const NICS: [(&str, NicType); 2] = [
    ("intranet", NicType::Intranet),
    ("internet", NicType::Internet),
];

/// Reads one item; whatever is wrong with it is reported, and then it stands for nothing.
pub(super) fn check(
    node: &Node<'_>,
    direction: Direction,
    names: &Names,
    out: &mut Out,
) -> Vec<DesiredRule> {
    let Some(fields) = Fields::read(node, &RULE, out) else {
        return Vec::new();
    };
    let policy = match fields.entry("policy") {
        None => Some(Policy::Accept),
        Some(_) => fields.word("policy", &POLICIES, out),
    };
    let priority = priority(&fields, out);
    let protocols = protocols(&fields, names, out);
    let peers = peers(&fields, direction, names, out);
    let locals = locals(&fields, out);
    let nic = match fields.entry("nic") {
        None => Some(None),
        Some(_) => fields.word("nic", &NICS, out).map(Some),
    };
    let description = match fields.get("description") {
        None => Some(None),
        Some(node) => value::description(node, out).map(Some),
    };
    let expires = match fields.get("expires") {
        None => Some(None),
        Some(node) => value::expires(node, out).map(Some),
    };
    fields.text("owner", out);
    fields.text("ticket", out);
    let (
        Some(policy),
        Some(priority),
        Some(protocols),
        Some(peers),
        Some(locals),
        Some(nic),
        Some(description),
        Some(expires),
    ) = (
        policy,
        priority,
        protocols,
        peers,
        locals,
        nic,
        description,
        expires,
    )
    else {
        return Vec::new();
    };
    if !(families_fit(&protocols, &peers, &locals, out)
        && nic_fits(&fields, nic, &peers, out)
        && fits(
            &fields,
            protocols.len() * peers.len() * locals.len().max(1),
            MAX_PER_ITEM,
            out,
        ))
    {
        return Vec::new();
    }
    let locals: Vec<Option<Cidr>> = if locals.is_empty() {
        vec![None]
    } else {
        locals.into_iter().map(|(local, _)| Some(local)).collect()
    };
    let mut rules = Vec::with_capacity(protocols.len() * peers.len() * locals.len());
    for (protocol, _) in &protocols {
        for (peer, _) in &peers {
            for local in &locals {
                rules.push(DesiredRule {
                    direction,
                    nic,
                    priority,
                    policy,
                    protocol: protocol.clone(),
                    peer: peer.clone(),
                    local: *local,
                    description: description.clone(),
                    expires,
                    span: node.span,
                });
            }
        }
    }
    rules
}

fn fits(fields: &Fields<'_, '_>, count: usize, most: usize, out: &mut Out) -> bool {
    if count <= most {
        return true;
    }
    out.push(
        Diagnostic::error(
            Code::TooManyRules,
            format!("the lists of this rule multiply to {count} rules"),
        )
        .label(fields.head(), format!("more than {most}"))
        .help("use wider CIDRs or port ranges, or a prefix list (pl-..) and a port list (prl-..) of the cloud"),
    );
    false
}

fn priority(fields: &Fields<'_, '_>, out: &mut Out) -> Option<Priority> {
    let Some(node) = fields.get("priority") else {
        return Some(Priority::DEFAULT);
    };
    let int = node.scalar().and_then(super::yaml::Scalar::as_int);
    let Some(int) = int else {
        number(node, "priority", 1..=100, out);
        return None;
    };
    let error = match Priority::new(int) {
        Ok(priority) => return Some(priority),
        Err(error) => error,
    };
    let help = if int == 110 {
        "110 is what the platform gives to its own rules and cannot be set; write 100, the weakest that can"
    } else {
        "write a number from 1, the strongest, to 100, the weakest"
    };
    out.push(
        Diagnostic::error(Code::InvalidPriority, error.to_string())
            .label(node.span, "not possible")
            .help(help),
    );
    None
}

fn peers(
    fields: &Fields<'_, '_>,
    direction: Direction,
    names: &Names,
    out: &mut Out,
) -> Option<Vec<(DesiredPeer, Span)>> {
    let right = direction.preposition();
    let wrong = value::other_key(direction);
    let end = match direction {
        Direction::Ingress => "source",
        Direction::Egress => "destination",
    };
    match (fields.entry(right), fields.entry(wrong)) {
        (Some(entry), None) => listed_peers(entry.value, right, names, out),
        (None, None) if fields.meant(right) => None,
        (None, None) => {
            out.push(
                Diagnostic::error(
                    Code::PeerKey,
                    format!("the rule does not say `{right}`, its {end}"),
                )
                .label(fields.head(), "no peer, and none is assumed")
                .help(format!(
                    "add `{right}: 10.0.0.0/8`, say; everywhere is `{right}: [0.0.0.0/0, \"::/0\"]`"
                )),
            );
            None
        }
        (None, Some(entry)) => {
            out.push(
                Diagnostic::error(
                    Code::PeerKey,
                    format!("{direction} rules have `{right}`, not `{wrong}`"),
                )
                .label(entry.key_span, format!("the {end} is meant here"))
                .help(format!(
                    "write `{right}:`; the group's own addresses are `local:`"
                )),
            );
            None
        }
        (Some(right_entry), Some(entry)) => {
            out.push(
                Diagnostic::error(
                    Code::PeerKey,
                    format!("a rule has one peer, this one has `{right}` and `{wrong}`"),
                )
                .label(entry.key_span, format!("not in {direction} rules"))
                .label(right_entry.key_span, format!("the {end}"))
                .help(format!(
                    "remove `{wrong}`; to limit the rule to some of the group's own addresses write `local:`"
                )),
            );
            None
        }
    }
}

/// Every peer that a value or list stands for, each once.
pub(super) fn listed_peers(
    node: &Node<'_>,
    key: &str,
    names: &Names,
    out: &mut Out,
) -> Option<Vec<(DesiredPeer, Span)>> {
    let mut listed = Vec::new();
    let mut complete = true;
    for item in one_or_many(node, key, out)? {
        match value::peer(item, key, out) {
            Some(PeerText::Peer(value)) => listed.push(Listed {
                value,
                span: item.span,
                name: None,
            }),
            Some(PeerText::Network(name)) => match names.network(&name, item.span, out) {
                Some(found) => listed.extend(found.iter().map(|peer| Listed {
                    value: peer.clone(),
                    span: item.span,
                    name: item.scalar().map(|scalar| &*scalar.text),
                })),
                None => complete = false,
            },
            None => complete = false,
        }
    }
    let peers = distinct(listed, out);
    complete.then_some(peers)
}

fn locals(fields: &Fields<'_, '_>, out: &mut Out) -> Option<Vec<(Cidr, Span)>> {
    let Some(node) = fields.get("local") else {
        return Some(Vec::new());
    };
    let mut listed = Vec::new();
    let mut complete = true;
    for item in one_or_many(node, "local", out)? {
        let cidr = text(item, "local", out).and_then(|written| {
            if value::refuse_comma(item, written, "local", out) {
                None
            } else {
                value::cidr(item, written, out)
            }
        });
        match cidr {
            Some(value) => listed.push(Listed {
                value,
                span: item.span,
                name: None,
            }),
            None => complete = false,
        }
    }
    let locals = distinct(listed, out);
    complete.then_some(locals)
}

fn families_fit(
    protocols: &[(Protocol, Span)],
    peers: &[(DesiredPeer, Span)],
    locals: &[(Cidr, Span)],
    out: &mut Out,
) -> bool {
    let family = |ipv6: bool| if ipv6 { "IPv6" } else { "IPv4" };
    let addresses = || {
        let peers = peers.iter().filter_map(|(peer, span)| match peer {
            DesiredPeer::Cidr(cidr) => Some((*cidr, *span)),
            DesiredPeer::Group { .. } | DesiredPeer::Declared(_) | DesiredPeer::PrefixList(_) => {
                None
            }
        });
        peers.chain(locals.iter().copied())
    };
    for (protocol, protocol_span) in protocols {
        let needs_ipv6 = match protocol {
            Protocol::Icmp => false,
            Protocol::Icmpv6 => true,
            _ => continue,
        };
        let Some((cidr, span)) = addresses().find(|(cidr, _)| cidr.is_ipv6() != needs_ipv6) else {
            continue;
        };
        let mixed = addresses().any(|(cidr, _)| cidr.is_ipv6() == needs_ipv6);
        let right = if needs_ipv6 { "icmp" } else { "icmpv6" };
        out.push(
            Diagnostic::error(
                Code::FamilyMismatch,
                format!(
                    "{} is for {}, `{cidr}` is {}",
                    protocol.name(),
                    family(needs_ipv6),
                    family(!needs_ipv6)
                ),
            )
            .label(span, family(!needs_ipv6))
            .label(*protocol_span, format!("{} only", family(needs_ipv6)))
            .help(if mixed || protocols.len() > 1 {
                "split the rule in two: icmp with the IPv4 addresses, icmpv6 with the IPv6 addresses"
                    .to_owned()
            } else {
                format!("write `protocol: {right}`")
            }),
        );
        return false;
    }
    for (local, local_span) in locals {
        let same = peers
            .iter()
            .find(|(peer, _)| matches!(peer, DesiredPeer::Cidr(cidr) if cidr == local));
        if let Some((_, span)) = same {
            // AuthorizeSecurityGroup: InvalidParamter.Conflict, the two "should be different".
            out.push(
                Diagnostic::error(
                    Code::Unsupported,
                    format!("`{local}` is both the peer and `local`, which the cloud refuses"),
                )
                .label(*local_span, "the group's own addresses")
                .label(*span, "the far end")
                .help("leave out `local`, or limit one of the two to a smaller network"),
            );
            return false;
        }
        let clash = addresses().find(|(cidr, _)| cidr.is_ipv6() != local.is_ipv6());
        if let Some((cidr, span)) = clash {
            out.push(
                Diagnostic::error(
                    Code::FamilyMismatch,
                    format!("`{local}` and `{cidr}` are of different address families"),
                )
                .label(*local_span, family(local.is_ipv6()))
                .label(span, family(cidr.is_ipv6()))
                .help("a packet has one family: split the rule in two, one for IPv4, one for IPv6"),
            );
            return false;
        }
    }
    true
}

/// Group-to-group rules exist on the private interface only (AuthorizeSecurityGroup, `NicType`).
fn nic_fits(
    fields: &Fields<'_, '_>,
    nic: Option<NicType>,
    peers: &[(DesiredPeer, Span)],
    out: &mut Out,
) -> bool {
    if nic != Some(NicType::Internet) {
        return true;
    }
    let group = peers
        .iter()
        .find(|(peer, _)| matches!(peer, DesiredPeer::Group { .. } | DesiredPeer::Declared(_)));
    let (Some((_, span)), Some(entry)) = (group, fields.entry("nic")) else {
        return true;
    };
    out.push(
        Diagnostic::error(
            Code::Unsupported,
            "a rule with a group as peer is for the private network interface only",
        )
        .label(entry.value.span, "the public one")
        .label(*span, "a group")
        .help("write `nic: intranet`, or name addresses instead of the group"),
    );
    false
}
