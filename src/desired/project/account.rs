//! `accounts` of the project file: where each is, and how it is reached.

use std::{net::IpAddr, path::PathBuf};

use super::name::{bad_name, is_name};
use crate::{
    desired::{
        Account, NamedFile, SignatureVersion,
        fields::{Entry, Fields, Out, Shape, text},
        group::Scope,
        yaml::Node,
    },
    diag::{Code, Diagnostic, Span},
    model::AccountName,
};

/// Keys of an account.
pub(in crate::desired) const ACCOUNT: Shape = Shape {
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

pub(super) fn accounts(
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
