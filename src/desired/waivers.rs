//! `waivers` of the project file and of group files: who is excused from which assertion, and until when.

use std::sync::Arc;

use jiff::Timestamp;

use crate::{
    assertion::Waiver,
    desired::{
        DesiredGroup,
        assertions::peers,
        fields::{Fields, Out, Shape, list, nearest, one_or_many, text},
        names::Names,
        value,
    },
    diag::{Code, Diagnostic},
};

/// Keys of a waiver.
pub(super) const WAIVER: Shape = Shape {
    what: "a waiver",
    keys: &["assertion", "group", "from", "to", "until", "reason"],
    synonyms: &[
        ("id", "`assertion`"),
        ("check", "`assertion`"),
        ("waive", "`assertion`"),
        ("groups", "`group`"),
        ("expires", "`until`"),
        ("because", "`reason`"),
    ],
};

/// The waivers under `waivers`; in the project file each names its groups.
pub(super) fn waivers(
    fields: &Fields<'_, '_>,
    names: &Names,
    in_project: bool,
    out: &mut Out,
) -> Vec<Arc<Waiver>> {
    let Some(items) = fields
        .get("waivers")
        .and_then(|node| list(node, "waivers", out))
    else {
        return Vec::new();
    };
    let mut all = Vec::new();
    for item in items {
        let Some(fields) = Fields::read(item, &WAIVER, out) else {
            continue;
        };
        all.extend(waiver(&fields, names, in_project, out));
    }
    all
}

fn waiver(
    fields: &Fields<'_, '_>,
    names: &Names,
    in_project: bool,
    out: &mut Out,
) -> Vec<Arc<Waiver>> {
    let before = out.len();
    let missing = |key: &str, why: &str, out: &mut Out| {
        if !fields.meant(key) {
            out.push(
                Diagnostic::error(Code::MissingKey, format!("the waiver has no `{key}`"))
                    .label(fields.head(), why)
                    .help("write `{ assertion: cis-4.3, until: 2027-01-31, reason: \"..\" }`"),
            );
        }
    };
    missing("assertion", "what is waived?", out);
    missing("until", "nothing is waived for ever", out);
    missing("reason", "why is it waived?", out);
    if in_project {
        missing("group", "whom is it for?", out);
    } else if let Some(group) = fields.entry("group") {
        out.push(
            Diagnostic::error(
                Code::InvalidValue,
                "a waiver in a group file is for that group",
            )
            .label(group.key_span, "not needed")
            .help("remove it, or move the waiver to the project file"),
        );
    }
    let texts = |key: &'static str, out: &mut Out| -> Option<Vec<Arc<str>>> {
        let items = one_or_many(fields.get(key)?, key, out)?;
        let items: Vec<Arc<str>> = items
            .iter()
            .filter_map(|item| text(item, key, out))
            .map(Arc::from)
            .collect();
        Some(items)
    };
    let ids = texts("assertion", out);
    let groups = if in_project {
        texts("group", out)
    } else {
        None
    };
    let reason = fields.text("reason", out);
    if let (Some(node), Some(reason)) = (fields.get("reason"), reason)
        && reason.trim().is_empty()
    {
        out.push(
            Diagnostic::error(Code::InvalidValue, "the waiver has no reason")
                .label(node.span, "empty")
                .help("say why, so that whoever reads it next year knows"),
        );
    }
    let until: Option<(Timestamp, Arc<str>)> = fields.get("until").and_then(|node| {
        let moment = value::expires(node, out)?;
        Some((moment, Arc::from(&*node.scalar()?.text)))
    });
    let limit = fields.entry("from").or(fields.entry("to"));
    let peers = limit.map(|entry| peers(&entry, names, out));
    let (Some(ids), Some(reason), Some((until, until_text))) = (ids, reason, until) else {
        return Vec::new();
    };
    let peers = match peers {
        None => None,
        Some(None) => return Vec::new(),
        Some(Some(peers)) => Some(peers),
    };
    if out.len() > before {
        return Vec::new();
    }
    ids.into_iter()
        .map(|assertion| {
            Arc::new(Waiver {
                assertion,
                groups: groups.clone(),
                peers: peers.clone(),
                until,
                until_text: until_text.clone(),
                reason: reason.into(),
                span: fields.head(),
            })
        })
        .collect()
}

/// Gives every group the waivers of the project that are for it, and says of waivers that they name nothing.
pub(super) fn hand_out(groups: &mut [DesiredGroup], project: &[Arc<Waiver>], out: &mut Out) {
    for group in &mut *groups {
        for waiver in &group.waivers {
            let known = || group.assertions.iter().map(|assertion| &*assertion.id);
            if !known().any(|id| id == &*waiver.assertion) {
                out.push(names_nothing(waiver, known()));
            }
        }
    }
    for waiver in project {
        let known = || {
            groups
                .iter()
                .flat_map(|group| group.assertions.iter())
                .map(|assertion| &*assertion.id)
        };
        if !known().any(|id| id == &*waiver.assertion) {
            out.push(names_nothing(waiver, known()));
        }
        for name in waiver.groups.iter().flatten() {
            let mut is_for_any = false;
            for group in &mut *groups {
                if group.may_be_called(name) {
                    is_for_any = true;
                    if !group.waivers.contains(waiver) {
                        group.waivers.push(Arc::clone(waiver));
                    }
                }
            }
            if !is_for_any && !groups.is_empty() {
                out.push(
                    Diagnostic::warning(
                        Code::WaiverNamesNothing,
                        format!("no declared group is called `{name}`"),
                    )
                    .label(waiver.span, "excuses nobody")
                    .help("name a group as its file does, by its name or its id"),
                );
            }
        }
    }
}

fn names_nothing<'k>(waiver: &Waiver, known: impl Iterator<Item = &'k str>) -> Diagnostic {
    let diagnostic = Diagnostic::warning(
        Code::WaiverNamesNothing,
        format!("no assertion is called `{}`", waiver.assertion),
    )
    .label(waiver.span, "excuses from nothing");
    match nearest(&waiver.assertion, known) {
        Some(near) => diagnostic.help(format!("did you mean `{near}`?")),
        None => diagnostic.help(
            "give the assertion an `id` and name it here; built-in checks need `guard: { baseline: cis-alibaba }`",
        ),
    }
}
