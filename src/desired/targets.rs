//! `targets:` of a group document: a document for every live group that matches, in place of one for a group.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use crate::{
    desired::{
        DesiredGroup, Mode, Selector,
        fields::{Fields, Out, Shape, text},
        value,
        yaml::Node,
    },
    diag::{Code, Diagnostic},
    model::{AccountName, GroupId, GroupInfo, GroupName, Network, RegionId, VpcId},
    provider::{GroupFilter, ProviderError},
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
            && name.is_none_or(|pattern| matches(pattern, info.name.as_str()))
            && self.vpc.as_ref().is_none_or(|vpc| match &info.network {
                Network::Vpc(its) => its == vpc,
                Network::Classic => false,
            })
            && self.tags.iter().all(|(key, value)| {
                let its = info.tags.get(key.as_str());
                its.is_some_and(|its| value == "*" || value == &**its)
            })
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

impl super::Desired {
    /// The documents with `targets` that are about a live group.
    pub fn documents_about(
        &self,
        (account, region): (&AccountName, &RegionId),
        info: &GroupInfo,
    ) -> impl Iterator<Item = &Template> {
        self.templates.iter().filter(move |template| {
            let body = &template.body;
            (&body.account, &body.region) == (account, region) && template.targets.admit(info)
        })
    }
}

/// What the cloud has said of documents with `targets`. A run asks once: what it was told then is not looked up a second time.
#[derive(Clone, Debug, Default)]
pub struct Matched {
    /// The documents that it was asked about, as indices into [`Desired::templates`](super::Desired::templates).
    pub asked: BTreeSet<usize>,
    /// Those of them whose groups could not be listed.
    pub unread: BTreeMap<usize, Arc<ProviderError>>,
    /// What was listed, by account and region.
    pub lists: BTreeMap<(AccountName, RegionId), Listed>,
}

/// Groups of a region that were listed.
#[derive(Clone, Debug, Default)]
pub struct Listed {
    /// The groups, whether or not a document is about them.
    pub groups: BTreeMap<GroupId, GroupInfo>,
    /// Whether these are all groups of the region.
    pub whole: bool,
}

impl Matched {
    /// The live group of a declaration by id, where it was listed.
    pub fn info(&self, group: &DesiredGroup) -> Option<&GroupInfo> {
        let Selector::Id(id) = &group.selector else {
            return None;
        };
        let place = (group.account.clone(), group.region.clone());
        self.lists.get(&place)?.groups.get(id)
    }
}

/// Reads `targets`.
pub(super) fn targets(node: &Node<'_>, out: &mut Out) -> Option<Targets> {
    let before = out.len();
    let fields = Fields::read(node, &TARGETS, out)?;
    let name = fields.text("name", out).map(str::to_owned);
    if let (Some(""), Some(node)) = (name.as_deref(), fields.get("name")) {
        out.push(
            Diagnostic::error(Code::InvalidGroup, "an empty name pattern matches no group with a name")
                .label(node.span, "empty")
                .help("write a pattern, such as `name: \"web-*\"`; every group of a region is `name: \"*\"`; where only `vpc` or `tags` count, leave out `name`"),
        );
    }
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

/// Whether there is a text that is what both of two patterns with `*` describe.
pub fn patterns_meet(one: &str, other: &str) -> bool {
    let (one, other): (Vec<char>, Vec<char>) = (one.chars().collect(), other.chars().collect());
    let is_star = |pattern: &[char], at: usize| pattern.get(at) == Some(&'*');
    // From the back: whether what is left of `one` from each place meets what is left of `other`.
    let mut below = vec![false; other.len() + 1];
    for i in (0..=one.len()).rev() {
        let mut row = vec![false; other.len() + 1];
        for j in (0..=other.len()).rev() {
            let right = j < other.len() && row[j + 1];
            let down = i < one.len() && below[j];
            row[j] = match (one.get(i), other.get(j)) {
                (None, None) => true,
                _ if is_star(&one, i) || is_star(&other, j) => right || down,
                (Some(a), Some(b)) => a == b && below[j + 1],
                (Some(_), None) | (None, Some(_)) => false,
            };
        }
        below = row;
    }
    below[0]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_meet_where_a_text_fits_both() {
        for (one, other, expected) in [
            ("web", "web", true),
            ("web", "db", false),
            ("", "", true),
            ("", "*", true),
            ("", "a", false),
            ("web-*", "web-1", true),
            ("web-*", "db-*", false),
            ("web-*", "*-1", true),
            ("web-*", "we", false),
            ("a*c", "*b*", true),
            ("a*b", "*c", false),
            ("**", "x", true),
            ("sg-*", "web-*", false),
        ] {
            assert_eq!(patterns_meet(one, other), expected, "{one} {other}");
            assert_eq!(patterns_meet(other, one), expected, "{other} {one}");
        }
    }

    proptest::proptest! {
        #[test]
        fn patterns_that_both_fit_a_text_meet(one in "[ab*]{0,6}", other in "[ab*]{0,6}", text in "[ab]{0,6}") {
            let both = matches(&one, &text) && matches(&other, &text);
            proptest::prop_assert!(!both || patterns_meet(&one, &other));
            if !other.contains('*') {
                proptest::prop_assert_eq!(patterns_meet(&one, &other), matches(&one, &other));
            }
        }
    }
}
