//! Page tokens: opaque to clients, and of use only where they came from.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};

/// A token that says where the next page of `scope` begins.
pub(super) fn token(scope: &str, after: &str) -> String {
    URL_SAFE_NO_PAD.encode(format!("{scope}\n{after}"))
}

/// What [`token`] was given, if it was for the same scope.
pub(super) fn read(token: &str, scope: &str) -> Option<String> {
    let text = String::from_utf8(URL_SAFE_NO_PAD.decode(token).ok()?).ok()?;
    let (found, after) = text.split_once('\n')?;
    (found == scope).then(|| after.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_of_another_scope_is_no_token() {
        let token = token("a", "7");
        assert_eq!(read(&token, "a").as_deref(), Some("7"));
        assert_eq!(read(&token, "b"), None);
        assert_eq!(read("e71d8a535bd9cc11", "a"), None);
        assert_eq!(read("", "a"), None);
    }
}
