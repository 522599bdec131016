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
    /// A password, which belongs into git's own configuration. The text is not repeated.
    #[error(
        "the URL holds a password; give it to git instead, with a credential helper or an SSH key"
    )]
    Password,
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
            return Err(RemoteError::Helper(helper.to_owned()));
        }
        let url = match url.split_once("://") {
            Some((scheme, rest)) => {
                let authority = rest.split('/').next().unwrap_or_default();
                let (user, host) = authority.rsplit_once('@').unwrap_or(("", authority));
                if user.contains(':') {
                    return Err(RemoteError::Password);
                }
                let scheme = scheme.to_ascii_lowercase();
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
        write!(f, "{branch} of {url}")
    }
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
            "https://bot@git.example.com/rules",
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
    fn passwords_are_refused_and_not_repeated() {
        let error = remote("https://bot:hunter2@git.example.com/rules").unwrap_err();
        assert_eq!(error, RemoteError::Password);
        assert!(!error.to_string().contains("hunter2"));
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
