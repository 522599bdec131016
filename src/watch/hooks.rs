//! Whether a webhook is a genuine push to the watched branch. What follows from it is for others.

use std::fmt;

use axum::http::HeaderMap;
use hmac::{Hmac, KeyInit, Mac};
use serde::Deserialize;
use sha2::Sha256;

/// A shared secret; it is never printed.
#[derive(Clone)]
pub struct Secret(Vec<u8>);

impl Secret {
    /// Shorter ones can be guessed.
    pub const SHORTEST: usize = 16;

    /// `None`: it is too short.
    pub fn new(text: &str) -> Option<Self> {
        (text.len() >= Self::SHORTEST).then(|| Self(text.as_bytes().to_vec()))
    }

    fn mac(&self, text: &[u8]) -> Hmac<Sha256> {
        let mut mac =
            Hmac::<Sha256>::new_from_slice(&self.0).expect("HMAC takes keys of any length");
        mac.update(text);
        mac
    }

    /// Whether a signature of a text, in hex, is by whoever knows the secret; in constant time.
    fn has_signed(&self, text: &[u8], signature: &str) -> bool {
        unhex(signature).is_some_and(|signature| self.mac(text).verify_slice(&signature).is_ok())
    }

    /// Whether a text is the secret; in constant time, since only digests of both are compared.
    fn is(&self, text: &[u8]) -> bool {
        let given = self.mac(text).finalize().into_bytes();
        self.mac(&self.0).verify_slice(&given).is_ok()
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(..)")
    }
}

fn unhex(text: &str) -> Option<Vec<u8>> {
    if !text.len().is_multiple_of(2) || !text.is_ascii() {
        return None;
    }
    (0..text.len())
        .step_by(2)
        .map(|at| u8::from_str_radix(text.get(at..at + 2)?, 16).ok())
        .collect()
}

/// Who sends a webhook, which decides how it proves itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Forge {
    GitHub,
    GitLab,
    Gitea,
    Codeup,
}

/// What becomes of a webhook.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Answer {
    /// It is a push to the branch.
    Push,
    /// It is genuine and about something else.
    Other,
    /// Nobody of that name sends any.
    Unknown,
    /// It does not know the secret.
    Forged,
    /// It is genuine, and no JSON of the expected shape.
    Malformed,
}

/// Which webhooks are of interest.
#[derive(Clone, Debug)]
pub struct Hooks {
    secret: Secret,
    reference: String,
}

impl Hooks {
    /// Pushes to a branch.
    pub fn new(secret: Secret, branch: &str) -> Self {
        Self {
            secret,
            reference: format!("refs/heads/{branch}"),
        }
    }

    /// Judges a request to `/hooks/FORGE`.
    ///
    /// | forge | documented in |
    /// | --- | --- |
    /// | GitHub | "Validating webhook deliveries": `X-Hub-Signature-256`; "Webhook events and payloads": `X-GitHub-Event` |
    /// | Gitea, Forgejo | "Webhooks": `X-Gitea-Event`, `X-Gitea-Signature`; Forgejo sends these beside its own |
    /// | GitLab | "Webhooks", secret token: `X-Gitlab-Token`; "Webhook events": `X-Gitlab-Event: Push Hook` |
    /// | Codeup | help.aliyun.com/yunxiao, "Webhooks settings": `X-Codeup-Token`, `Codeup-Event: Push Hook`; receivers in the field read `X-Codeup-Event` |
    pub(super) fn judge(&self, forge: &str, headers: &HeaderMap, body: &[u8]) -> Answer {
        let forge = match forge {
            "github" => Forge::GitHub,
            "gitlab" => Forge::GitLab,
            "gitea" => Forge::Gitea,
            "codeup" => Forge::Codeup,
            _ => return Answer::Unknown,
        };
        let header = |name: &str| headers.get(name).map(|value| value.as_bytes());
        let text = |name: &str| header(name).and_then(|value| std::str::from_utf8(value).ok());
        let signed = |name: &str, prefix: &str| {
            text(name)
                .and_then(|value| value.strip_prefix(prefix))
                .is_some_and(|signature| self.secret.has_signed(body, signature))
        };
        let knows = |name: &str| header(name).is_some_and(|token| self.secret.is(token));
        let (is_genuine, events, push) = match forge {
            Forge::GitHub => (
                signed("x-hub-signature-256", "sha256="),
                &["x-github-event"][..],
                "push",
            ),
            Forge::Gitea => (
                signed("x-gitea-signature", ""),
                &["x-gitea-event"][..],
                "push",
            ),
            Forge::GitLab => (
                knows("x-gitlab-token"),
                &["x-gitlab-event"][..],
                "Push Hook",
            ),
            Forge::Codeup => (
                knows("x-codeup-token"),
                &["codeup-event", "x-codeup-event"][..],
                "Push Hook",
            ),
        };
        if !is_genuine {
            return Answer::Forged;
        }
        if events.iter().find_map(|event| text(event)) != Some(push) {
            return Answer::Other;
        }
        #[derive(Deserialize)]
        struct Push {
            #[serde(rename = "ref")]
            reference: String,
        }
        match serde_json::from_slice::<Push>(body) {
            Ok(push) if push.reference == self.reference => Answer::Push,
            Ok(_) => Answer::Other,
            Err(_) => Answer::Malformed,
        }
    }
}

#[cfg(test)]
mod tests {
    use axum::http::{HeaderName, HeaderValue};

    use super::*;

    const SECRET: &str = "It's a Secret to Everybody";
    const MAIN: &[u8] = br#"{"ref": "refs/heads/main"}"#;

    fn judged(forge: &str, headers: &[(&str, &str)], body: &[u8]) -> Answer {
        let hooks = Hooks::new(Secret::new(SECRET).unwrap(), "main");
        let headers = headers.iter().map(|(name, value)| {
            let name = HeaderName::from_bytes(name.as_bytes()).unwrap();
            (name, HeaderValue::from_str(value).unwrap())
        });
        hooks.judge(forge, &headers.collect(), body)
    }

    fn signature(body: &[u8]) -> String {
        let mac = Secret::new(SECRET).unwrap().mac(body).finalize();
        crate::digest::hex(&mac.into_bytes())
    }

    #[test]
    fn the_documented_example_of_a_signature_is_good() {
        // GitHub, "Validating webhook deliveries", "Testing the webhook payload validation".
        let body = b"Hello, World!";
        let good = "757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17";
        let secret = Secret::new(SECRET).unwrap();
        assert!(secret.has_signed(body, good));
        assert!(!secret.has_signed(b"Hello, World?", good));
        for bad in ["", "7", "zz", &good[2..], &good.replace('7', "8")] {
            assert!(!secret.has_signed(body, bad), "{bad}");
        }
    }

    #[test]
    fn a_push_to_the_branch_is_one_from_every_forge() {
        let signed = signature(MAIN);
        let of_github = format!("sha256={signed}");
        let (push, hook) = ("push", "Push Hook");
        for (forge, headers) in [
            (
                "github",
                [
                    ("x-hub-signature-256", &*of_github),
                    ("x-github-event", push),
                ],
            ),
            (
                "gitea",
                [("x-gitea-signature", &*signed), ("x-gitea-event", push)],
            ),
            (
                "gitlab",
                [("x-gitlab-token", SECRET), ("x-gitlab-event", hook)],
            ),
            (
                "codeup",
                [("x-codeup-token", SECRET), ("codeup-event", hook)],
            ),
            (
                "codeup",
                [("x-codeup-token", SECRET), ("x-codeup-event", hook)],
            ),
        ] {
            assert_eq!(judged(forge, &headers, MAIN), Answer::Push, "{forge}");
            // Without its proof it is forged, whatever else it says.
            assert_eq!(
                judged(forge, &headers[1..], MAIN),
                Answer::Forged,
                "{forge}"
            );
            assert_eq!(judged(forge, &headers[..1], MAIN), Answer::Other, "{forge}");
            let others = [("x-gitlab-token", "It's a Secret to Nobody!!!")];
            assert_eq!(judged(forge, &others, MAIN), Answer::Forged, "{forge}");
        }
    }

    #[test]
    fn other_branches_and_other_texts_are_no_pushes() {
        let headers = [("x-gitlab-token", SECRET), ("x-gitlab-event", "Push Hook")];
        let other = br#"{"ref": "refs/heads/main2"}"#;
        assert_eq!(judged("gitlab", &headers, other), Answer::Other);
        assert_eq!(judged("gitlab", &headers, b"ref=main"), Answer::Malformed);
        assert_eq!(judged("svn", &headers, MAIN), Answer::Unknown);
    }

    #[test]
    fn a_secret_is_long_and_never_printed() {
        assert!(Secret::new("hunter2").is_none());
        let hooks = Hooks::new(Secret::new(SECRET).unwrap(), "main");
        assert!(!format!("{hooks:?}").contains("Everybody"));
    }
}
