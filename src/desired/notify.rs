//! `notify` and `fights` of the project file: who is told of what. URLs and secrets stay out of it.

use std::{collections::BTreeSet, path::PathBuf};

use crate::{
    desired::{
        NamedFile,
        fields::{Fields, Out, Shape, list, number, one_or_many, word},
        yaml::Node,
    },
    diag::{Code, Diagnostic, Span},
    fights::Threshold,
    notify::{Channel, Event, Kind, Origin},
};

/// Keys of an entry of `notify`.
pub(super) const NOTIFY: Shape = Shape {
    what: "an entry of `notify`",
    keys: &[
        "to",
        "name",
        "url_env",
        "url_file",
        "secret_env",
        "secret_file",
        "on",
    ],
    synonyms: &[
        ("url", MEND_URL),
        ("webhook", MEND_URL),
        ("webhook_url", MEND_URL),
        ("token", MEND_URL),
        ("secret", MEND_SECRET),
        ("type", "`to`"),
        ("kind", "`to`"),
        ("events", "`on`"),
    ],
};
const MEND_URL: &str = "the URL of a webhook carries its token and does not belong into files: write `url_env: NAME` or `url_file: PATH`, and replace a token that was ever committed";
const MEND_SECRET: &str = "secrets do not belong into files: write `secret_env: NAME` or `secret_file: PATH`, and replace a secret that was ever committed";

/// Keys of `fights`.
pub(super) const FIGHTS: Shape = Shape {
    what: "`fights`",
    keys: &["count", "hours"],
    synonyms: &[("times", "`count`"), ("within", "`hours`")],
};

/// What receivers are called.
pub(super) const KINDS: [(&str, Kind); 6] = [
    ("webhook", Kind::Webhook),
    ("slack", Kind::Slack),
    ("dingtalk", Kind::DingTalk),
    ("feishu", Kind::Feishu),
    ("lark", Kind::Feishu),
    ("wecom", Kind::WeCom),
];

/// Reads the list; places that hold a URL or a secret by mistake are added to `secrets`.
pub(super) fn notify(
    fields: &Fields<'_, '_>,
    secrets: &mut Vec<Span>,
    files: &mut Vec<NamedFile>,
    out: &mut Out,
) -> Vec<Channel> {
    let Some(entry) = fields.entry("notify") else {
        return Vec::new();
    };
    let items = list(entry.value, "notify", out).unwrap_or_default();
    items
        .iter()
        .filter_map(|item| channel(item, secrets, files, out))
        .collect()
}

fn channel(
    node: &Node<'_>,
    secrets: &mut Vec<Span>,
    files: &mut Vec<NamedFile>,
    out: &mut Out,
) -> Option<Channel> {
    let fields = Fields::read(node, &NOTIFY, out)?;
    secrets.extend(fields.refused().map(|refused| refused.value.span));
    let to = match fields.get("to") {
        Some(node) => word(node, "to", &KINDS, out),
        None if fields.meant("to") => None,
        None => {
            out.push(
                Diagnostic::error(Code::MissingKey, "the entry does not say to whom")
                    .label(fields.head(), "no `to`")
                    .help("add `to: slack`, `dingtalk`, `feishu`, `lark`, `wecom` or `webhook`"),
            );
            None
        }
    };
    let url = origin(&fields, ["url_env", "url_file"], secrets, files, out);
    if url.is_none() && !["url_env", "url_file"].iter().any(|key| fields.meant(key)) {
        let refused = fields.refused().next();
        // Whoever wrote `url` was told already.
        if refused.is_none() {
            out.push(
                Diagnostic::error(Code::MissingKey, "the entry does not say where its URL is")
                    .label(fields.head(), "no `url_env` and no `url_file`")
                    .help("write `url_env: NAME` with the name of an environment variable, or `url_file: PATH`"),
            );
        }
    }
    let secret = origin(&fields, ["secret_env", "secret_file"], secrets, files, out);
    let on = match fields.get("on") {
        None => {
            let usual = Event::ALL.into_iter();
            Some(usual.filter(|event| *event != Event::Plan).collect())
        }
        Some(node) => events(node, out),
    };
    if let (Some(kind @ (Kind::Slack | Kind::WeCom)), Some(_)) = (to, &secret) {
        let place = fields.entry("secret_env").or(fields.entry("secret_file"));
        out.push(
            Diagnostic::error(
                Code::InvalidValue,
                format!("{} takes no secret", kind.as_str()),
            )
            .label(
                place.map_or(fields.span, |place| place.key_span),
                "means nothing here",
            )
            .help("remove it: the token in the URL is all that such a webhook has"),
        );
    }
    let kind = to?;
    let name = fields.text("name", out).map(str::to_owned);
    Some(Channel {
        name: name.unwrap_or_else(|| kind.as_str().to_owned()),
        kind,
        url: url?,
        secret,
        on: on?,
    })
}

/// `KEY_env` or `KEY_file`.
fn origin(
    fields: &Fields<'_, '_>,
    [variable, file]: [&'static str; 2],
    secrets: &mut Vec<Span>,
    files: &mut Vec<NamedFile>,
    out: &mut Out,
) -> Option<Origin> {
    if let (Some(first), Some(second)) = (fields.entry(variable), fields.entry(file)) {
        out.push(
            Diagnostic::error(
                Code::InvalidValue,
                format!("`{variable}` and `{file}` say the same"),
            )
            .label(second.key_span, "the second")
            .label(first.key_span, "the first")
            .help("keep one"),
        );
        return None;
    }
    if let Some(path) = fields.text(file, out) {
        files.extend(fields.get(file).map(|node| NamedFile {
            key: file,
            path: PathBuf::from(path),
            span: node.span,
        }));
        return Some(Origin::File(PathBuf::from(path)));
    }
    let node = fields.get(variable)?;
    let name = fields.text(variable, out)?;
    let is_name = name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
    if is_name {
        return Some(Origin::Variable(name.to_owned()));
    }
    // It may be the secret itself.
    secrets.push(node.span);
    out.push(
        Diagnostic::error(
            Code::InvalidValue,
            format!("`{variable}` is the name of an environment variable"),
        )
        .label(node.span, "no such name")
        .help("write the name, such as OPS_WEBHOOK, and put the value into the environment; replace a value that was ever committed"),
    );
    None
}

fn events(node: &Node<'_>, out: &mut Out) -> Option<BTreeSet<Event>> {
    let words = Event::ALL.map(|event| (event.as_str(), event));
    let items = one_or_many(node, "on", out)?;
    let events: Vec<Option<Event>> = items
        .iter()
        .map(|item| word(item, "on", &words, out))
        .collect();
    events.into_iter().collect()
}

/// Reads `fights`.
pub(super) fn fights(fields: &Fields<'_, '_>, out: &mut Out) -> Threshold {
    let mut threshold = Threshold::default();
    let Some(sub) = fields
        .get("fights")
        .and_then(|node| Fields::read(node, &FIGHTS, out))
    else {
        return threshold;
    };
    for (key, range, value) in [
        ("count", 2..=1_000, &mut threshold.count),
        ("hours", 1..=8_760, &mut threshold.hours),
    ] {
        let said = sub.get(key).and_then(|node| number(node, key, range, out));
        *value = said
            .and_then(|said| u32::try_from(said).ok())
            .unwrap_or(*value);
    }
    threshold
}
