//! The project file: accounts, defaults, networks, services, thresholds.

use std::{
    collections::BTreeMap,
    net::IpAddr,
    path::{Path, PathBuf},
    sync::Arc,
};

use crate::{
    desired::{
        Account, DesiredPeer, Limits, NamedFile, Project, SignatureVersion, assertions, common,
        fields::{Entry, Fields, Out, Shape, text},
        group::{self, Scope},
        names::{self, Definition, Member, Names},
        notify, services,
        value::{self, PeerText},
        windows::{self, Windows},
        yaml::{Node, Value},
    },
    diag::{Code, Diagnostic, Span},
    fights::Threshold,
    model::{AccountName, GroupId, Protocol, RegionId},
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
/// Keys of an account.
pub(super) const ACCOUNT: Shape = Shape {
    what: "an account",
    keys: &[
        "local",
        "seed",
        "profile",
        "role_arn",
        "endpoint",
        "signature",
    ],
    synonyms: &[
        ("role", "`role_arn`"),
        (
            "access_key_id",
            "keys do not belong into files: use `profile` or the environment, and replace a key that was ever committed",
        ),
        (
            "access_key_secret",
            "keys do not belong into files: use `profile` or the environment, and replace a key that was ever committed",
        ),
    ],
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
    scope.waivers = assertions::waivers(&fields, &scope.names, true, out);
    draft.notify = notify::notify(&fields, &mut draft.secrets, &mut draft.files, out);
    draft.fights = notify::fights(&fields, out);
    draft
}

fn accounts(
    fields: &Fields<'_, '_>,
    scope: &mut Scope,
    secrets: &mut Vec<Span>,
    files: &mut Vec<NamedFile>,
    out: &mut Out,
) {
    let help = "add `accounts: { demo: { local: .rulekeep/demo.json } }` for the embedded cloud, or `accounts: { prod: { profile: prod } }`";
    let Some(entry) = fields.entry("accounts") else {
        if !fields.meant("accounts") {
            out.push(
                Diagnostic::error(Code::MissingKey, "the project file has no accounts")
                    .label(fields.head(), "no `accounts`")
                    .help(help),
            );
        }
        scope.complete = false;
        return;
    };
    let Some(map) = Fields::open(entry.value, "`accounts`", out) else {
        scope.complete = false;
        return;
    };
    if map.is_empty() {
        out.push(
            Diagnostic::error(Code::MissingKey, "the project file has no accounts")
                .label(entry.value.span, "empty")
                .help(help),
        );
        scope.complete = false;
    }
    for account in map.iter() {
        if !is_name(account.key) {
            out.push(bad_name("account", &account));
            continue;
        }
        scope.account_names.push(account.key.to_owned());
        if let Some(checked) = self::account(&account, secrets, files, out) {
            scope
                .accounts
                .insert(AccountName::new(account.key), checked);
        }
    }
    if let [only] = scope.account_names.as_slice() {
        scope.default_account = Some(AccountName::new(only));
    }
}

fn account(
    entry: &Entry<'_, '_>,
    secrets: &mut Vec<Span>,
    files: &mut Vec<NamedFile>,
    out: &mut Out,
) -> Option<Account> {
    // `prod:` alone is an account with the default chain of credentials.
    if entry.value.is_null() {
        return Some(Account::Alibaba {
            profile: None,
            role_arn: None,
            endpoint: None,
            signature: SignatureVersion::default(),
        });
    }
    let before = out.len();
    let fields = Fields::read(entry.value, &ACCOUNT, out)?;
    let secret_words = ["key", "secret", "token", "password"];
    secrets.extend(
        fields
            .refused()
            .filter(|refused| {
                let key = refused.key.to_ascii_lowercase();
                secret_words.iter().any(|word| key.contains(word))
            })
            .map(|refused| refused.value.span),
    );
    let local = fields.entry("local");
    if let Some(local) = local {
        for key in ["profile", "role_arn", "endpoint", "signature"] {
            if let Some(other) = fields.entry(key) {
                out.push(
                    Diagnostic::error(
                        Code::InvalidValue,
                        format!("an account is `local` or in the cloud; `{key}` is for the cloud"),
                    )
                    .label(other.key_span, "means nothing for the embedded cloud")
                    .label(local.key_span, "the embedded cloud")
                    .help(format!("remove `{key}` or `local`")),
                );
            }
        }
    } else if let Some(seed) = fields.entry("seed") {
        out.push(
            Diagnostic::error(
                Code::InvalidValue,
                "`seed` is what a `local` account starts with",
            )
            .label(seed.key_span, "this account is not local")
            .help("remove it, or add `local: .rulekeep/demo.json`"),
        );
    }
    let mut path = |key: &'static str, out: &mut Out| {
        let written = fields.text(key, out).filter(|path| !path.is_empty())?;
        let path = PathBuf::from(written);
        files.extend(fields.get(key).map(|node| NamedFile {
            key,
            path: path.clone(),
            span: node.span,
        }));
        Some(path)
    };
    let account = if local.is_some() {
        let seed = path("seed", out);
        path("local", out).map(|state| Account::Local { state, seed })
    } else {
        let versions = [("v1", SignatureVersion::V1), ("v3", SignatureVersion::V3)];
        Some(Account::Alibaba {
            profile: fields.text("profile", out).map(str::to_owned),
            role_arn: fields.get("role_arn").and_then(|node| role_arn(node, out)),
            endpoint: fields
                .get("endpoint")
                .and_then(|node| endpoint(node, secrets, out)),
            signature: fields.word("signature", &versions, out).unwrap_or_default(),
        })
    };
    account.filter(|_| out.len() == before)
}

fn role_arn(node: &Node<'_>, out: &mut Out) -> Option<String> {
    let written = text(node, "role_arn", out)?;
    let is_role = written
        .strip_prefix("acs:ram::")
        .and_then(|rest| rest.split_once(":role/"))
        .is_some_and(|(owner, role)| {
            !owner.is_empty() && owner.bytes().all(|b| b.is_ascii_digit()) && !role.is_empty()
        });
    if is_role {
        return Some(written.to_owned());
    }
    out.push(
        Diagnostic::error(
            Code::InvalidValue,
            format!("`{written}` is not the ARN of a role"),
        )
        .label(node.span, "not a role")
        .help("write acs:ram::1234567890123456:role/name, as the RAM console shows it"),
    );
    None
}

/// Requests carry credentials' signatures and rules: they go over TLS, or nowhere but this machine.
fn endpoint(node: &Node<'_>, secrets: &mut Vec<Span>, out: &mut Out) -> Option<String> {
    let written = text(node, "endpoint", out)?;
    if written.contains('@') {
        secrets.push(node.span);
    }
    let refuse = |message: &str, label: &str, help: &str| {
        Diagnostic::error(Code::InvalidValue, message.to_owned())
            .label(node.span, label)
            .help(help)
    };
    let diagnostic = match reqwest::Url::parse(written) {
        Err(error) => refuse(
            "the endpoint is not a URL",
            &error.to_string(),
            "write https://HOST or https://HOST:PORT",
        ),
        Ok(url) if !url.username().is_empty() || url.password().is_some() => refuse(
            "the endpoint holds a user name or password",
            "credentials do not belong into files",
            "write https://HOST; credentials come from `profile` or the environment",
        ),
        Ok(url)
            if !matches!(url.path(), "" | "/")
                || url.query().is_some()
                || url.fragment().is_some() =>
        {
            refuse(
                "the endpoint has more than a scheme, a host and a port",
                "requests go to the root of the host",
                "write https://HOST or https://HOST:PORT",
            )
        }
        Ok(url) if url.scheme() == "https" && url.host_str().is_some() => {
            return Some(written.to_owned());
        }
        Ok(url) if url.scheme() == "http" && url.host_str().is_some_and(is_loopback) => {
            return Some(written.to_owned());
        }
        Ok(url) if url.scheme() == "http" => refuse(
            "plain http goes to this machine only",
            "not a loopback address",
            "write https://; http:// is for 127.0.0.1, [::1] and localhost",
        ),
        Ok(_) => refuse(
            "the endpoint is not an https URL",
            "neither https nor http",
            "write https://HOST or https://HOST:PORT",
        ),
    };
    out.push(diagnostic);
    None
}

fn is_loopback(host: &str) -> bool {
    let address = host.trim_start_matches('[').trim_end_matches(']');
    host.eq_ignore_ascii_case("localhost")
        || address
            .parse::<IpAddr>()
            .is_ok_and(|address| address.is_loopback())
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

fn networks(fields: &Fields<'_, '_>, out: &mut Out) -> names::Sets<DesiredPeer> {
    let definitions = definitions(fields, &names::NETWORK, out, |node, out| {
        value::peer(node, "networks", out).map(|peer| match peer {
            PeerText::Peer(peer) => Member::Value(peer),
            PeerText::Network(name) => Member::Name(name),
        })
    });
    names::resolve(&names::NETWORK, &definitions, &BTreeMap::new(), out)
}

fn declared_services(fields: &Fields<'_, '_>, out: &mut Out) -> names::Sets<Protocol> {
    let definitions = definitions(fields, &names::SERVICE, out, |node, out| {
        let written = text(node, "services", out)?;
        if value::refuse_comma(node, written, "services", out) {
            return None;
        }
        services::member(node, written, out)
    });
    for (name, definition) in &definitions {
        if let Some(built_in) = services::built_in().get(name.as_str()) {
            let ports: Vec<String> = built_in.iter().map(ToString::to_string).collect();
            out.push(
                Diagnostic::warning(
                    Code::ShadowedService,
                    format!("the service `{name}` is built in"),
                )
                .label(
                    definition.span,
                    format!("replaces the built-in {}", ports.join(", ")),
                )
                .help("give it another name, so that nobody takes one for the other"),
            );
        }
    }
    names::resolve(&names::SERVICE, &definitions, services::built_in(), out)
}

fn definitions<T: PartialEq>(
    fields: &Fields<'_, '_>,
    kind: &names::Kind,
    out: &mut Out,
    read: impl Fn(&Node<'_>, &mut Out) -> Option<Member<T>>,
) -> BTreeMap<String, Definition<T>> {
    let mut definitions = BTreeMap::new();
    let Some(map) = fields
        .get(kind.key)
        .and_then(|node| Fields::open(node, &format!("`{}`", kind.key), out))
    else {
        return definitions;
    };
    for entry in map.iter() {
        let taken = kind.word == "service" && services::Word::parse(entry.key).is_some();
        if !is_name(entry.key) || is_id_like(entry.key) || taken {
            out.push(bad_name(kind.word, &entry));
            continue;
        }
        let items: &[Node<'_>] = match &entry.value.value {
            Value::List(items) => items,
            Value::Scalar(_) if !entry.value.is_null() => std::slice::from_ref(entry.value),
            Value::Scalar(_) | Value::Map(_) => {
                let name = format!("the {} `{}`", kind.word, entry.key);
                let message = if entry.value.is_null() {
                    format!("{name} has no value")
                } else {
                    format!("{name} is a list, this is {}", entry.value.kind())
                };
                out.push(
                    Diagnostic::error(Code::WrongType, message)
                        .label(entry.key_span, "expected a list of members")
                        .help(match kind.word {
                            "service" => format!("write `{}: [tcp/80, tcp/443]`", entry.key),
                            _ => format!("write `{}: [203.0.113.0/24]`", entry.key),
                        }),
                );
                &[]
            }
        };
        if matches!(&entry.value.value, Value::List(items) if items.is_empty()) {
            out.push(
                Diagnostic::error(
                    Code::InvalidValue,
                    format!("the {} `{}` has no members", kind.word, entry.key),
                )
                .label(entry.value.span, "empty")
                .help("a rule that names it would match nothing: add a member, or remove it"),
            );
        }
        let mut members: Vec<(Member<T>, Span)> = Vec::new();
        for item in items {
            let Some(member) = read(item, out) else {
                continue;
            };
            let same = |old: &Member<T>| match (old, &member) {
                (Member::Value(a), Member::Value(b)) => a == b,
                (Member::Name(a), Member::Name(b)) => a == b,
                _ => false,
            };
            // Quadratic, but sets that people write are short; the cap keeps generated ones fast.
            let known = members.iter().take(200).find(|(old, _)| same(old));
            if let Some((_, first)) = known {
                out.push(
                    Diagnostic::warning(
                        Code::DuplicateValue,
                        format!("the {} `{}` lists a member twice", kind.word, entry.key),
                    )
                    .label(item.span, "again here")
                    .label(*first, "first here")
                    .help("remove one; it changes nothing"),
                );
            } else {
                members.push((member, item.span));
            }
        }
        definitions.insert(
            entry.key.to_owned(),
            Definition {
                span: entry.key_span,
                members,
            },
        );
    }
    definitions
}

fn is_name(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_alphabetic())
        && text
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b"_.-".contains(&b))
}

fn is_id_like(name: &str) -> bool {
    GroupId::looks_like(name)
        || ["sg-", "pl-", "prl-"]
            .iter()
            .any(|prefix| name.starts_with(prefix))
}

fn bad_name(word: &str, entry: &Entry<'_, '_>) -> Diagnostic {
    let label = if is_id_like(entry.key) {
        "looks like an id of the cloud".to_owned()
    } else if word == "service" && services::Word::parse(entry.key).is_some() {
        "is a protocol".to_owned()
    } else {
        "not a name".to_owned()
    };
    Diagnostic::error(
        Code::InvalidValue,
        format!("`{}` cannot be the name of a {word}", entry.key).replace("a account", "an account"),
    )
    .label(entry.key_span, label)
    .help("names begin with a letter and go on with letters, digits, `_`, `.` or `-`, such as head-office")
}
