//! What accounts, networks and services may be called.

use crate::{
    desired::{fields::Entry, services},
    diag::{Code, Diagnostic},
    model::GroupId,
};

pub(super) fn is_name(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_alphabetic())
        && text
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b"_.-".contains(&b))
}

pub(super) fn is_id_like(name: &str) -> bool {
    GroupId::looks_like(name)
        || ["sg-", "pl-", "prl-"]
            .iter()
            .any(|prefix| name.starts_with(prefix))
}

pub(super) fn bad_name(word: &str, entry: &Entry<'_, '_>) -> Diagnostic {
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
