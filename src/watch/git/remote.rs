//! Where commits come from: what a URL may be.

use std::{fmt, net::IpAddr, path::PathBuf};

/// A branch of a git repository elsewhere.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Remote {
    url: String,
    branch: String,
}

/// Why a text is no remote.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RemoteError {
    /// Nothing, or something that git would take for an option.
    #[error("not a URL or path of a git repository")]
    NotOne,
    /// A password or token, which belongs into git's own configuration. The text is not repeated.
    #[error(
        "the URL holds a user name, password, token or query; give them to git instead, with a credential helper or GIT_ASKPASS, or use an ssh:// URL"
    )]
    Secret,
    /// Anybody on the way could put rules in.
    #[error(
        "{scheme}:// is not protected on the way; use https:// or ssh://, or demand signatures"
    )]
    Unprotected {
        /// The scheme.
        scheme: String,
    },
    /// A transport that runs programs.
    #[error("`{0}::` is not a transport that is used here")]
    Helper(String),
}

impl Remote {
    /// Looks at a URL; `signed`: commits are protected by their signatures.
    pub fn new(url: &str, branch: &str, signed: bool) -> Result<Self, RemoteError> {
        if url.is_empty() || url.starts_with('-') || url.contains(['\n', '\0']) {
            return Err(RemoteError::NotOne);
        }
        if let Some((helper, _)) = url.split_once("::")
            && !helper.contains(['/', '[', '@'])
        {
            if !is_word(helper) {
                return Err(RemoteError::NotOne);
            }
            return Err(RemoteError::Helper(helper.to_owned()));
        }
        let url = match url.split_once("://") {
            Some((scheme, rest)) => {
                let scheme = scheme.to_ascii_lowercase();
                if !is_word(&scheme) {
                    return Err(RemoteError::NotOne);
                }
                let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
                let (user, host) = match authority.rsplit_once('@') {
                    Some((user, host)) => (Some(user), host),
                    None => (None, authority),
                };
                // With SSH the user's name is part of the address; elsewhere it is a token as often as not.
                let tells = match user {
                    Some(user) => !is_ssh(&scheme) || user.contains(':'),
                    // A password with a slash in it.
                    None => scheme != "file" && !is_host(host),
                };
                if tells || scheme != "file" && rest.contains(['?', '#']) {
                    return Err(RemoteError::Secret);
                }
                if ["http", "git", "ftp"].contains(&&*scheme) && !signed && !is_loopback(host) {
                    return Err(RemoteError::Unprotected { scheme });
                }
                url.to_owned()
            }
            // host:path, as scp has it; a path has no colon before its first slash.
            None if url
                .split('/')
                .next()
                .is_some_and(|first| first.contains(':')) =>
            {
                let (before, after) = url.split_once(':').expect("its first part has one");
                if !before.contains('@') && after.contains('@') {
                    return Err(RemoteError::Secret); // user:password@host:path
                }
                url.to_owned()
            }
            // git is run in another folder.
            None => std::path::absolute(PathBuf::from(url))
                .map_err(|_| RemoteError::NotOne)?
                .to_string_lossy()
                .into_owned(),
        };
        Ok(Self {
            url,
            branch: branch.to_owned(),
        })
    }

    /// As git takes it.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// The branch.
    pub fn branch(&self) -> &str {
        &self.branch
    }

    /// What people call the repository.
    pub fn name(&self) -> &str {
        let last = self.url.trim_end_matches('/').rsplit(['/', ':']).next();
        last.unwrap_or_default().trim_end_matches(".git")
    }

    /// A name for its work folder: what people recognise, and what makes it the only one.
    pub fn slug(&self) -> String {
        let Self { url, branch } = self;
        let name: String = self
            .name()
            .chars()
            .map(|c| if c.is_ascii_alphanumeric() { c } else { '-' })
            .take(40)
            .collect();
        let digest = crate::digest::sha256_hex(format!("{url}\n{branch}").as_bytes());
        format!("{name}-{}", &digest[..12])
    }
}

impl fmt::Display for Remote {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { url, branch } = self;
        write!(f, "{branch} of {}", without_secrets(url))
    }
}

/// A text without what URLs in it may hold beside host and path: git repeats URLs, and its configuration may have put
/// tokens in (`url.*.insteadOf`).
pub(super) fn without_secrets(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    let mut left = text;
    while let Some((before, after)) = left.split_once("://") {
        safe.push_str(before);
        safe.push_str("://");
        let ends = |c: char| c.is_whitespace() || matches!(c, '\'' | '"' | '<' | '>' | '`');
        let (url, rest) = after.split_at(after.find(ends).unwrap_or(after.len()));
        let url = url.split(['?', '#']).next().unwrap_or_default();
        let (authority, path) = url.split_at(url.find('/').unwrap_or(url.len()));
        match authority.rsplit_once('@') {
            Some((user, host)) if !before.ends_with("ssh") || user.contains(':') => {
                safe.push_str(host);
            }
            _ => safe.push_str(authority),
        }
        safe.push_str(path);
        left = rest;
    }
    safe.push_str(left);
    safe
}

/// Whether it can be the name of a scheme or helper, and so no part of a secret.
fn is_word(text: &str) -> bool {
    let of_word = |c: char| c.is_ascii_alphanumeric() || "+-.".contains(c);
    !text.is_empty() && text.chars().all(of_word)
}

fn is_ssh(scheme: &str) -> bool {
    ["ssh", "git+ssh", "ssh+git"].contains(&scheme)
}

/// Whether a text is a host with at most a port.
fn is_host(text: &str) -> bool {
    let port = match text.rsplit_once(']') {
        Some((_, port)) => port.strip_prefix(':'),
        None => text.split_once(':').map(|(_, port)| port),
    };
    port.is_none_or(|port| port.chars().all(|c| c.is_ascii_digit()))
}

fn is_loopback(host: &str) -> bool {
    let host = match host.strip_prefix('[') {
        Some(rest) => rest.split(']').next().unwrap_or_default(),
        None => host.split(':').next().unwrap_or_default(),
    };
    host.eq_ignore_ascii_case("localhost")
        || host
            .parse::<IpAddr>()
            .is_ok_and(|address| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn remote(url: &str) -> Result<String, RemoteError> {
        Remote::new(url, "main", false).map(|remote| remote.url)
    }

    #[test]
    fn what_git_takes_over_a_protected_way_is_taken() {
        for url in [
            "https://git.example.com/net/rules.git",
            "https://git.example.com:8443/@net/rules",
            "ssh://git@git.example.com:2222/rules",
            "git@git.example.com:net/rules.git",
            "http://127.0.0.1:3000/rules.git",
            "http://[::1]/rules.git",
            "file:///srv/rules.git",
            "/srv/rules.git",
        ] {
            assert_eq!(remote(url).as_deref(), Ok(url));
        }
        let relative = remote("rules.git").unwrap();
        assert!(std::path::Path::new(&relative).is_absolute(), "{relative}");
    }

    #[test]
    fn secrets_are_refused_and_not_repeated() {
        for url in [
            "https://bot:hunter2@git.example.com/rules",
            "https://hunter2@git.example.com/rules",
            "https://bot:hun/hunter2@git.example.com/rules",
            "https://git.example.com/rules?private_token=hunter2",
            "https://git.example.com?private_token=hunter2",
            "https://git.example.com/rules#hunter2",
            "ssh://git:hunter2@git.example.com/rules",
            "git://hunter2@127.0.0.1/rules",
            "bot:hunter2@git.example.com:net/rules.git",
            "bot:hun/hunter2@git.example.com:net/rules.git",
        ] {
            let error = remote(url).unwrap_err();
            assert_eq!(error, RemoteError::Secret, "{url}");
            assert!(!error.to_string().contains("hunter2"), "{url}");
        }
        assert_eq!(remote("bot:hunter2::x"), Err(RemoteError::NotOne));
    }

    #[test]
    fn what_git_says_is_repeated_without_secrets() {
        let said = "fatal: unable to access 'https://hunter2@a.example.com/r.git/': no; see http://b:hunter2@c/?t=hunter2 and ssh://git@d/r";
        assert_eq!(
            without_secrets(said),
            "fatal: unable to access 'https://a.example.com/r.git/': no; see http://c/ and ssh://git@d/r"
        );
        assert_eq!(without_secrets("://"), "://");
    }

    #[test]
    fn an_unprotected_way_is_for_signed_commits_only() {
        for url in [
            "http://git.example.com/rules",
            "git://127.0.0.1.example.com/rules",
        ] {
            assert!(matches!(remote(url), Err(RemoteError::Unprotected { .. })));
            assert!(Remote::new(url, "main", true).is_ok());
        }
    }

    #[test]
    fn options_and_helpers_are_no_remotes() {
        assert_eq!(remote("--upload-pack=x"), Err(RemoteError::NotOne));
        assert_eq!(remote(""), Err(RemoteError::NotOne));
        assert_eq!(
            remote("ext::sh -c x"),
            Err(RemoteError::Helper("ext".into()))
        );
    }

    #[test]
    fn a_work_folder_is_recognised_and_belongs_to_one_branch() {
        let slug = |branch: &str| {
            Remote::new("git@git.example.com:net/rules.git", branch, false)
                .unwrap()
                .slug()
        };
        assert!(slug("main").starts_with("rules-"));
        assert_ne!(slug("main"), slug("next"));
    }
}
