//! One document of a group file -> a group with its rules.

pub(super) mod rules;

use std::{collections::BTreeMap, sync::Arc};

use self::rules::{absent, rules};
use crate::{
    assertion::{Assertion, Waiver},
    desired::{
        Account, DesiredGroup, Limits, Mode, Modes, Selector, SystemRules, Template, assertions,
        common::{GUARD, limits, quota},
        fields::{Fields, Out, Shape, nearest, text, word},
        ignore::ignore,
        names::Names,
        rule, targets, value, waivers,
        yaml::{Node, Value},
    },
    diag::{Code, Diagnostic, Span},
    model::{AccountName, Direction, GroupId, GroupName, RegionId},
};

/// Keys of a group document.
pub(super) const GROUP: Shape = Shape {
    what: "a group",
    keys: &[
        "group",
        "targets",
        "name",
        "vpc",
        "account",
        "region",
        "mode",
        "ingress",
        "egress",
        "absent",
        "ignore",
        "allow_empty",
        "allow_complete",
        "system_rules",
        "quota",
        "guard",
        "assertions",
        "waivers",
        "owner",
        "ticket",
        "description",
    ],
    synonyms: &[
        ("rules", "`ingress` and `egress`"),
        ("inbound", "`ingress`"),
        ("outbound", "`egress`"),
        ("security_group", "`group`"),
        ("security_group_id", "`group`"),
        ("id", "`group`"),
        ("vpc_id", "`vpc`"),
        ("target", "`targets`"),
        ("match", "`targets`"),
    ],
};
/// Keys of `mode`.
pub(super) const MODE: Shape = Shape {
    what: "`mode`",
    keys: &["ingress", "egress"],
    synonyms: &[],
};
const MODES: [(&str, Mode); 2] = [("complete", Mode::Complete), ("partial", Mode::Partial)];
/// Directions by name.
pub(super) const DIRECTIONS: [(&str, Direction); 2] = [
    ("ingress", Direction::Ingress),
    ("egress", Direction::Egress),
];

/// What a group takes from the project file.
pub(super) struct Scope {
    pub(super) names: Names,
    pub(super) accounts: BTreeMap<AccountName, Account>,
    /// Accounts that are declared, also those that are declared wrongly.
    pub(super) account_names: Vec<String>,
    pub(super) default_account: Option<AccountName>,
    pub(super) default_region: Option<RegionId>,
    /// Whether the defaults say these at all, perhaps wrongly.
    pub(super) says_account: bool,
    pub(super) says_region: bool,
    pub(super) quota: u32,
    pub(super) limits: Limits,
    /// Those of the project file, and the built-in ones it chooses.
    pub(super) assertions: Arc<[Arc<Assertion>]>,
    pub(super) waivers: Vec<Arc<Waiver>>,
    /// Whether the project file could be read; without it nothing is said about what it should hold.
    pub(super) complete: bool,
}

/// What a document is about.
#[derive(Clone, Debug)]
pub(super) enum Document {
    /// One group.
    Group(DesiredGroup),
    /// Every group that matches.
    Template(Template),
}

/// Reads one document; `None` when it does not even say which group it is about.
pub(super) fn check(node: &Node<'_>, scope: &Scope, out: &mut Out) -> Option<Document> {
    let fields = Fields::read(node, &GROUP, out)?;
    let Some(entry) = fields.entry("targets") else {
        if let Some(entry) = fields.entry("allow_complete") {
            out.push(
                Diagnostic::error(
                    Code::InvalidGroup,
                    "`allow_complete` is for documents with `targets`",
                )
                .label(entry.key_span, "not needed")
                .help("remove it; a group that its file names may be complete"),
            );
        }
        let selector = selector(&fields, out);
        let alias = alias(&fields, selector.as_ref(), out);
        return body(&fields, selector, alias, scope, out).map(Document::Group);
    };
    let mut alone = true;
    for key in ["group", "name", "vpc"] {
        if let Some(other) = fields.entry(key) {
            alone = false;
            out.push(
                Diagnostic::error(
                    Code::InvalidGroup,
                    format!("`{key}` is for one group, `targets` for all that match"),
                )
                .label(other.key_span, "one group")
                .label(entry.key_span, "all that match")
                .help("keep one of the two; inside `targets` a name pattern is `name:` and a VPC is `vpc:`"),
            );
        }
    }
    let targets = targets::targets(entry.value, out);
    let selector = Selector::Name {
        name: GroupName::new("targets"),
        vpc: None,
    };
    let body = body(&fields, Some(selector), None, scope, out);
    let (targets, body) = (targets?, body?);
    targets::check_mode(&fields, &body, out)?;
    alone.then_some(Document::Template(Template { targets, body }))
}

/// What the group, or each of them, shall be.
fn body(
    fields: &Fields<'_, '_>,
    selector: Option<Selector>,
    alias: Option<GroupName>,
    scope: &Scope,
    out: &mut Out,
) -> Option<DesiredGroup> {
    let account = account(fields, scope, out);
    let region = match fields.get("region") {
        Some(node) => super::project::region(node, out),
        None => scope.default_region.clone().or_else(|| {
            if scope.complete && !scope.says_region && !fields.meant("region") {
                out.push(
                    Diagnostic::error(Code::MissingKey, "the group does not say its region")
                        .label(fields.head(), "no `region`, and the project has no default")
                        .help("add `region: cn-hangzhou`, or `defaults: { region: cn-hangzhou }` to the project file"),
                );
            }
            None
        }),
    };
    let mode = mode(fields, out);
    let mut room = rule::MAX_PER_GROUP;
    let mut ingress = rules(fields, Direction::Ingress, &mut room, scope, out);
    let mut egress = rules(fields, Direction::Egress, &mut room, scope, out);
    let absent = absent(fields, mode, &mut room, scope, out);
    if let Some(mode) = mode {
        // A rule that must not exist is reason enough to look at the direction.
        for (direction, rules) in [
            (Direction::Ingress, &mut ingress),
            (Direction::Egress, &mut egress),
        ] {
            let wanted = absent
                .iter()
                .any(|absent| absent.rule.direction == direction);
            if wanted && rules.is_none() && of(mode, direction) == Mode::Partial {
                *rules = Some(Vec::new());
            }
        }
    }
    let ignore = ignore(fields, mode, scope, out);
    let allow_empty = fields.flag("allow_empty", out).unwrap_or(false);
    let words = [("keep", SystemRules::Keep), ("delete", SystemRules::Delete)];
    let system_rules = fields.word("system_rules", &words, out);
    let guard = fields
        .get("guard")
        .and_then(|node| Fields::read(node, &GUARD, out));
    let limits = limits(guard.as_ref(), scope.limits, out);
    let quota = fields
        .get("quota")
        .and_then(|node| quota(node, out))
        .unwrap_or(scope.quota);
    let own = assertions::assertions(fields, &scope.names, &scope.assertions, out);
    let asserted = if own.is_empty() {
        Arc::clone(&scope.assertions)
    } else {
        scope.assertions.iter().cloned().chain(own).collect()
    };
    let waivers = waivers::waivers(fields, &scope.names, false, out);
    for key in ["owner", "ticket", "description"] {
        fields.text(key, out);
    }
    Some(DesiredGroup {
        account: account?,
        region: region?,
        selector: selector?,
        alias,
        span: fields
            .get("group")
            .map(|group| group.span)
            .or(fields.entry("targets").map(|targets| targets.key_span))
            .unwrap_or(fields.head()),
        mode: mode?,
        ingress,
        egress,
        absent,
        ignore,
        allow_empty,
        system_rules,
        limits,
        quota,
        assertions: asserted,
        waivers,
    })
}

fn selector(fields: &Fields<'_, '_>, out: &mut Out) -> Option<Selector> {
    let Some(node) = fields.get("group") else {
        if fields.meant("group") {
            return None;
        }
        out.push(
            Diagnostic::error(
                Code::MissingKey,
                "the document does not say which group it is for",
            )
            .label(fields.head(), "no `group`")
            .help("add `group: sg-..` with the id, or `group: name`; for all groups that match, `targets:`"),
        );
        return None;
    };
    let written = text(node, "group", out)?;
    if written.starts_with("sg-") {
        let id = value::group_id(node, written, out)?;
        if let Some(vpc) = fields.entry("vpc") {
            out.push(
                Diagnostic::error(
                    Code::InvalidGroup,
                    "`vpc` narrows a name, and this group is selected by id",
                )
                .label(vpc.key_span, "not needed")
                .label(node.span, "an id is unique")
                .help("remove `vpc`"),
            );
        }
        return Some(Selector::Id(id));
    }
    let name = value::group_name(node, written, out)?;
    let vpc = match fields.get("vpc") {
        None => None,
        Some(node) => Some(value::vpc_id(node, out)?),
    };
    Some(Selector::Name { name, vpc })
}

fn alias(fields: &Fields<'_, '_>, selector: Option<&Selector>, out: &mut Out) -> Option<GroupName> {
    let entry = fields.entry("name")?;
    let written = text(entry.value, "name", out)?;
    if let Some(Selector::Name { .. }) = selector {
        out.push(
            Diagnostic::error(
                Code::InvalidGroup,
                "`name` is for groups that are selected by id",
            )
            .label(entry.key_span, "a second name")
            .help("remove it: `group` already is the name"),
        );
        return None;
    }
    if GroupId::looks_like(written) {
        out.push(
            Diagnostic::error(
                Code::InvalidGroup,
                format!("the name `{written}` looks like an id"),
            )
            .label(entry.value.span, "not a name")
            .help("give a name that people would say, such as jump-hosts"),
        );
        return None;
    }
    value::group_name(entry.value, written, out)
}

fn account(fields: &Fields<'_, '_>, scope: &Scope, out: &mut Out) -> Option<AccountName> {
    let Some(node) = fields.get("account") else {
        if scope.default_account.is_none()
            && scope.complete
            && !scope.says_account
            && !fields.meant("account")
        {
            out.push(
                Diagnostic::error(Code::MissingKey, "the group does not say its account")
                    .label(
                        fields.head(),
                        "no `account`, and the project has no default",
                    )
                    .help(
                        "add `account: NAME`, or `defaults: { account: NAME }` to the project file",
                    ),
            );
        }
        return scope.default_account.clone();
    };
    let written = text(node, "account", out)?;
    if scope.account_names.iter().any(|name| name == written) {
        return Some(AccountName::new(written));
    }
    if scope.complete {
        out.push(unknown_account(node.span, written, &scope.account_names));
    }
    None
}

/// An account that the project file does not have.
pub(super) fn unknown_account(span: Span, written: &str, known: &[String]) -> Diagnostic {
    let names: Vec<&str> = known.iter().map(String::as_str).collect();
    Diagnostic::error(
        Code::UnknownAccount,
        format!("no account is called `{written}`"),
    )
    .label(span, "not under `accounts:` in the project file")
    .help(match nearest(written, names.iter().copied()) {
        Some(near) => format!("did you mean `{near}`?"),
        None => format!("the project has {}", super::fields::keys_of(&names)),
    })
}

fn mode(fields: &Fields<'_, '_>, out: &mut Out) -> Option<Modes> {
    let help = "`mode: complete` deletes rules that are not declared, `mode: partial` leaves them alone; there is no default";
    let Some(node) = fields.get("mode") else {
        if fields.meant("mode") {
            return None;
        }
        out.push(
            Diagnostic::error(Code::MissingMode, "the group does not say its `mode`")
                .label(
                    fields
                        .get("group")
                        .map_or(fields.head(), |group| group.span),
                    "complete or partial?",
                )
                .help(help),
        );
        return None;
    };
    if !matches!(node.value, Value::Map(_)) {
        return word(node, "mode", &MODES, out).map(|mode| Modes {
            ingress: mode,
            egress: mode,
        });
    }
    let before = out.len();
    let sub = Fields::read(node, &MODE, out)?;
    let mut one = |key: &str| {
        if sub.get(key).is_some() {
            return sub.word(key, &MODES, out);
        }
        if let Some(entry) = fields.entry(key) {
            out.push(
                Diagnostic::error(Code::MissingMode, format!("`mode` does not say {key}"))
                    .label(node.span, format!("no `{key}`"))
                    .label(entry.key_span, "declared here")
                    .help(help),
            );
        }
        // A direction that is not managed: what is said of it never counts.
        Some(Mode::Partial)
    };
    let (ingress, egress) = (one("ingress"), one("egress"));
    if sub.is_empty() && out.len() == before {
        out.push(
            Diagnostic::error(Code::MissingMode, "`mode` says nothing")
                .label(node.span, "empty")
                .help(help),
        );
    }
    Some(Modes {
        ingress: ingress?,
        egress: egress?,
    })
}

/// The mode of a direction.
pub(super) fn of(mode: Modes, direction: Direction) -> Mode {
    match direction {
        Direction::Ingress => mode.ingress,
        Direction::Egress => mode.egress,
    }
}
