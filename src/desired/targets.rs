//! `targets:` of a group document: a document for every live group that matches, in place of one for a group.

use std::collections::BTreeMap;

use crate::{
    desired::{
        DesiredGroup, Mode, Selector,
        fields::{Fields, Out, Shape, text},
        value,
        yaml::Node,
    },
    diag::{Code, Diagnostic},
    model::{GroupInfo, GroupName, VpcId},
    provider::GroupFilter,
};

/// Keys of `targets`.
pub(super) const TARGETS: Shape = Shape {
    what: "`targets`",
    keys: &["name", "vpc", "tags"],
    synonyms: &[
        ("group", "`name`"),
        ("names", "`name`"),
        ("tag", "`tags`"),
        ("vpc_id", "`vpc`"),
    ],
};

/// Which live groups a document is for; every given member must hold, and at least one is given.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Targets {
    /// Pattern for the name in the cloud, with `*` for any text.
    pub name: Option<String>,
    /// In this VPC.
    pub vpc: Option<VpcId>,
    /// With these tags; `*` stands for any value.
    pub tags: BTreeMap<String, String>,
}

impl Targets {
    /// What the cloud is asked for; it knows nothing of name patterns.
    pub fn filter(&self) -> GroupFilter {
        let tags = self.tags.iter().map(|(key, value)| {
            let value = (value != "*").then(|| value.clone());
            (key.clone(), value)
        });
        GroupFilter {
            vpc: self.vpc.clone(),
            tags: tags.collect(),
        }
    }

    /// Whether a live group is meant. A group that a cloud service owns never is: nobody but the service can change it.
    pub fn admit(&self, info: &GroupInfo) -> bool {
        let name = self.name.as_ref();
        !info.managed
            && self.filter().admits(info)
            && name.is_none_or(|pattern| matches(pattern, info.name.as_str()))
    }
}

/// A document with `targets`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Template {
    /// Which live groups it is for.
    pub targets: Targets,
    /// What each of them shall be; its selector means nothing.
    pub body: DesiredGroup,
}

impl Template {
    /// The declaration of one of the groups.
    pub fn of(&self, info: &GroupInfo, alias: Option<GroupName>) -> DesiredGroup {
        DesiredGroup {
            selector: Selector::Id(info.id.clone()),
            alias,
            ..self.body.clone()
        }
    }
}

/// Reads `targets`.
pub(super) fn targets(node: &Node<'_>, out: &mut Out) -> Option<Targets> {
    let before = out.len();
    let fields = Fields::read(node, &TARGETS, out)?;
    let name = fields.text("name", out).map(str::to_owned);
    let vpc = fields.get("vpc").and_then(|node| value::vpc_id(node, out));
    let mut tags = BTreeMap::new();
    if let Some(node) = fields.get("tags") {
        for entry in Fields::open(node, "`tags`", out)?.iter() {
            if let Some(value) = text(entry.value, entry.key, out) {
                tags.insert(entry.key.to_owned(), value.to_owned());
            }
        }
    }
    if out.len() > before {
        return None;
    }
    let targets = Targets { name, vpc, tags };
    if targets == Targets::default() {
        out.push(
            Diagnostic::error(Code::InvalidGroup, "`targets` says nothing, so that it would mean every group")
                .label(node.span, "empty")
                .help("write `targets: { tags: { team: web } }`, `{ vpc: vpc-.. }` or `{ name: \"web-*\" }`; every group of a region is `{ name: \"*\" }`"),
        );
        return None;
    }
    Some(targets)
}

/// A complete list for groups that nobody has named needs to be meant.
pub(super) fn check_mode(
    fields: &Fields<'_, '_>,
    body: &DesiredGroup,
    out: &mut Out,
) -> Option<()> {
    let allowed = fields.flag("allow_complete", out).unwrap_or(false);
    let complete = [body.mode.ingress, body.mode.egress].contains(&Mode::Complete);
    if allowed || !complete {
        return Some(());
    }
    let place = fields.get("mode").map_or(fields.head(), |node| node.span);
    out.push(
        Diagnostic::error(
            Code::MissingKey,
            "complete mode deletes rules of every group that matches, also of groups that begin to match later",
        )
        .label(place, "complete, for groups that no file names")
        .help("write `mode: partial`; or, if this is meant, add `allow_complete: true`"),
    );
    None
}

/// Whether a text is what a pattern with `*` describes.
pub fn matches(pattern: &str, text: &str) -> bool {
    let Some((first, rest)) = pattern.split_once('*') else {
        return pattern == text;
    };
    let Some(mut text) = text.strip_prefix(first) else {
        return false;
    };
    let mut parts = rest.split('*').peekable();
    while let Some(part) = parts.next() {
        if parts.peek().is_none() {
            return text.ends_with(part);
        }
        match text.find(part) {
            Some(at) => text = &text[at + part.len()..],
            None => return false,
        }
    }
    true
}
