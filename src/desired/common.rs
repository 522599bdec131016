//! What the project file and group files both may say: thresholds, quota, assertions.

use crate::{
    desired::{
        Limits, Threshold,
        fields::{Fields, Out, Shape, list, number, one_or_many, text},
        names::{Member, Names},
        services, value,
        yaml::Node,
    },
    diag::{Code, Diagnostic},
};

/// Keys of `guard`.
pub(super) const GUARD: Shape = Shape {
    what: "`guard`",
    keys: &["max_deletes", "max_changes"],
    synonyms: &[],
};

/// Keys of a threshold.
pub(super) const THRESHOLD: Shape = Shape {
    what: "a threshold",
    keys: &["percent", "from"],
    synonyms: &[],
};

/// Keys of an assertion.
pub(super) const ASSERTION: Shape = Shape {
    what: "an assertion",
    keys: &["forbid", "require", "from", "to", "because"],
    synonyms: &[],
};

/// The number of rules that a group may hold.
pub(super) fn quota(node: &Node<'_>, out: &mut Out) -> Option<u32> {
    number(node, "quota", 1..=100_000, out).and_then(|quota| u32::try_from(quota).ok())
}

/// Thresholds under `guard`; what is not said is as before.
pub(super) fn limits(fields: &Fields<'_, '_>, mut limits: Limits, out: &mut Out) -> Limits {
    let Some(guard) = fields
        .get("guard")
        .and_then(|node| Fields::read(node, &GUARD, out))
    else {
        return limits;
    };
    for (key, threshold) in [
        ("max_deletes", &mut limits.max_deletes),
        ("max_changes", &mut limits.max_changes),
    ] {
        let Some(sub) = guard
            .get(key)
            .and_then(|node| Fields::read(node, &THRESHOLD, out))
        else {
            continue;
        };
        let Threshold { percent, from } = threshold;
        let said = sub
            .get("percent")
            .and_then(|node| number(node, "percent", 0..=100, out))
            .and_then(|percent| u8::try_from(percent).ok());
        *percent = said.unwrap_or(*percent);
        let said = sub
            .get("from")
            .and_then(|node| number(node, "from", 0..=i64::from(u32::MAX), out))
            .and_then(|from| u32::try_from(from).ok());
        *from = said.unwrap_or(*from);
    }
    limits
}

/// Looks at the shape of assertions, and says that they are not evaluated.
pub(super) fn assertions(fields: &Fields<'_, '_>, names: &Names, out: &mut Out) {
    let Some(entry) = fields.entry("assertions") else {
        return;
    };
    let Some(items) = list(entry.value, "assertions", out) else {
        return;
    };
    if !items.is_empty() {
        out.push(
            Diagnostic::warning(
                Code::AssertionsNotChecked,
                "assertions are not evaluated by this version",
            )
            .label(
                entry.key_span,
                "read, checked for mistakes, and then not used",
            )
            .help("do not rely on them: no plan is refused because of them yet"),
        );
    }
    for item in items {
        if let Some(fields) = Fields::read(item, &ASSERTION, out) {
            assertion(&fields, names, out);
        }
    }
}

fn assertion(fields: &Fields<'_, '_>, names: &Names, out: &mut Out) {
    fields.text("because", out);
    let claim = match (fields.entry("forbid"), fields.entry("require")) {
        (Some(claim), None) | (None, Some(claim)) => Some(claim),
        (None, None) => None,
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
            return;
        }
    };
    let peer = fields.entry("from").or(fields.entry("to"));
    let (Some(claim), Some(peer)) = (claim, peer) else {
        let missing = if claim.is_none() {
            "`forbid` or `require`"
        } else {
            "`from` or `to`"
        };
        out.push(
            Diagnostic::error(Code::MissingKey, format!("the assertion has no {missing}"))
                .label(fields.span, format!("add {missing}"))
                .help("write `{ forbid: [ssh, rdp], from: internet, because: \"..\" }`"),
        );
        return;
    };
    if let (Some(_), Some(to)) = (fields.entry("from"), fields.entry("to")) {
        out.push(
            Diagnostic::error(Code::PeerKey, "an assertion has `from` or `to`, not both")
                .label(to.key_span, "the second")
                .help("make two assertions of it, one per direction"),
        );
    }
    if let Some(items) = one_or_many(claim.value, claim.key, out) {
        for item in items {
            let Some(written) = text(item, claim.key, out) else {
                continue;
            };
            if let Some(Member::Name(name)) = services::member(item, written, out) {
                names.service(&name, item.span, out);
            }
        }
    }
    if let Some(items) = one_or_many(peer.value, peer.key, out) {
        for item in items {
            let internet = item
                .scalar()
                .is_some_and(|scalar| scalar.text == "internet");
            if internet {
                continue;
            }
            if let Some(value::PeerText::Network(name)) = value::peer(item, peer.key, out) {
                names.network(&name, item.span, out);
            }
        }
    }
}
