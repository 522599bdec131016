//! The project file: accounts, defaults, networks, services, thresholds.

pub(super) mod account;
mod name;
mod sets;

use std::{collections::BTreeMap, path::Path, sync::Arc};

use self::{
    account::accounts,
    sets::{declared_services, networks},
};
use crate::{
    desired::{
        Limits, NamedFile, Project, assertions, common,
        fields::{Fields, Out, Shape, text},
        group::{self, Scope},
        names::Names,
        notify, waivers,
        windows::{self, Windows},
        yaml::Node,
    },
    diag::{Code, Diagnostic, Span},
    fights::Threshold,
    model::{AccountName, RegionId},
    notify::Channel,
};

/// Keys of the project file.
pub(super) const PROJECT: Shape = Shape {
    what: "the project file",
    keys: &[
        "rules",
        "accounts",
        "defaults",
        "networks",
        "services",
        "guard",
        "windows",
        "assertions",
        "waivers",
        "notify",
        "fights",
    ],
    synonyms: &[("groups", "`rules`, the folder of the group files")],
};
/// Keys of `defaults`.
pub(super) const DEFAULTS: Shape = Shape {
    what: "`defaults`",
    keys: &["account", "region", "quota"],
    synonyms: &[],
};

/// Rules per group unless said otherwise; the cloud publishes no number, older pages had 200.
const QUOTA: u32 = 200;

/// What a project file says.
pub(super) struct Draft {
    /// The folder of group files, as written.
    pub(super) rules: Option<(String, Span)>,
    pub(super) scope: Scope,
    /// When changes may be made.
    pub(super) windows: Option<Windows>,
    /// Places that hold credentials, which must not be drawn.
    pub(super) secrets: Vec<Span>,
    pub(super) notify: Vec<Channel>,
    pub(super) fights: Threshold,
    /// Files that are named, but for the folder of group files.
    pub(super) files: Vec<NamedFile>,
}

impl Draft {
    /// Nothing is known: what the group files name can be neither right nor wrong.
    pub(super) fn unreadable() -> Self {
        Self {
            rules: None,
            windows: None,
            secrets: Vec::new(),
            notify: Vec::new(),
            fights: Threshold::default(),
            files: Vec::new(),
            scope: Scope {
                names: Names::default(),
                accounts: BTreeMap::new(),
                account_names: Vec::new(),
                default_account: None,
                default_region: None,
                says_account: false,
                says_region: false,
                quota: QUOTA,
                limits: Limits::default(),
                assertions: Arc::default(),
                waivers: Vec::new(),
                complete: false,
            },
        }
    }

    /// What the rest of the program keeps of it, for a project file in a folder.
    pub(super) fn into_project(self, root: &Path) -> Project {
        let rules = self.rules.map(|(rules, _)| rules.into());
        Project {
            root: root.to_owned(),
            rules: rules.unwrap_or_default(),
            windows: self.windows,
            accounts: self.scope.accounts,
            assertions: self.scope.assertions,
            waivers: self.scope.waivers,
            notify: self.notify,
            fights: self.fights,
            files: self.files,
        }
    }
}

/// Reads the project document.
pub(super) fn check(node: &Node<'_>, out: &mut Out) -> Draft {
    let mut draft = Draft::unreadable();
    let Some(fields) = Fields::read(node, &PROJECT, out) else {
        return draft;
    };
    draft.rules = match fields.entry("rules") {
        Some(entry) => {
            text(entry.value, "rules", out).map(|path| (path.to_owned(), entry.value.span))
        }
        None if fields.meant("rules") => None,
        None => {
            out.push(
                Diagnostic::error(
                    Code::MissingKey,
                    "the project file does not say where the group files are",
                )
                .label(fields.head(), "no `rules`")
                .help("add `rules: rules/`, the folder of the group files"),
            );
            None
        }
    };
    draft.windows = fields
        .get("windows")
        .and_then(|node| windows::read(node, out));
    let scope = &mut draft.scope;
    scope.complete = true;
    accounts(&fields, scope, &mut draft.secrets, &mut draft.files, out);
    defaults(&fields, scope, out);
    scope.names = Names {
        networks: networks(&fields, out),
        services: declared_services(&fields, out),
        complete: true,
    };
    let guard = fields
        .get("guard")
        .and_then(|node| Fields::read(node, &common::PROJECT_GUARD, out));
    scope.limits = common::limits(guard.as_ref(), Limits::default(), out);
    let built_in = guard
        .as_ref()
        .and_then(|guard| guard.get("baseline"))
        .map(|node| assertions::baseline(node, out))
        .unwrap_or_default();
    let own = assertions::assertions(&fields, &scope.names, &built_in, out);
    scope.assertions = own.into_iter().chain(built_in).collect();
    scope.waivers = waivers::waivers(&fields, &scope.names, true, out);
    draft.notify = notify::notify(&fields, &mut draft.secrets, &mut draft.files, out);
    draft.fights = notify::fights(&fields, out);
    draft
}

fn defaults(fields: &Fields<'_, '_>, scope: &mut Scope, out: &mut Out) {
    let Some(sub) = fields
        .get("defaults")
        .and_then(|node| Fields::read(node, &DEFAULTS, out))
    else {
        return;
    };
    scope.says_account = sub.meant("account");
    scope.says_region = sub.meant("region");
    if let Some(node) = sub.get("account")
        && let Some(written) = text(node, "account", out)
    {
        if scope.account_names.iter().any(|name| name == written) {
            scope.default_account = Some(AccountName::new(written));
        } else if scope.complete {
            out.push(group::unknown_account(
                node.span,
                written,
                &scope.account_names,
            ));
        }
    }
    if let Some(node) = sub.get("region") {
        scope.default_region = region(node, out);
    }
    if let Some(node) = sub.get("quota") {
        scope.quota = common::quota(node, out).unwrap_or(scope.quota);
    }
}

/// The id of a region.
pub(super) fn region(node: &Node<'_>, out: &mut Out) -> Option<RegionId> {
    let written = text(node, "region", out)?;
    let is_region = written.contains('-')
        && written.len() <= 40
        && written.split('-').all(|part| {
            !part.is_empty()
                && part
                    .bytes()
                    .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit())
        });
    if is_region {
        return Some(RegionId::new(written));
    }
    out.push(
        Diagnostic::error(
            Code::InvalidValue,
            format!("`{written}` is not the id of a region"),
        )
        .label(node.span, "not a region")
        .help("write an id such as cn-hangzhou or ap-southeast-1"),
    );
    None
}
