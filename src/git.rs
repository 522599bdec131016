//! Which commit the files come from.

use std::{
    path::Path,
    process::{Command, Stdio},
};

/// State of the working tree that the files were read from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Revision {
    /// The commit that is checked out.
    pub commit: String,
    /// Whether files differ from the commit, or are not in it.
    pub dirty: bool,
}

/// The revision of a folder: what the CI system says in `GITHUB_SHA` or `CI_COMMIT_SHA`, else what git says; `None`
/// without either. Asks git and waits for it.
pub fn revision(folder: &Path, variable: impl Fn(&str) -> Option<String>) -> Option<Revision> {
    let commit = ["GITHUB_SHA", "CI_COMMIT_SHA"]
        .into_iter()
        .filter_map(variable)
        .find(|commit| !commit.is_empty())
        .or_else(|| git(folder, &["rev-parse", "--verify", "--quiet", "HEAD"]))?;
    let dirty = git(folder, &["status", "--porcelain", "--", "."])
        .is_some_and(|changes| !changes.is_empty());
    Some(Revision { commit, dirty })
}

/// A folder seen from the top of its repository: empty at the top and outside of any, else with a slash at its end.
pub fn prefix(folder: &Path) -> String {
    git(folder, &["rev-parse", "--show-prefix"]).unwrap_or_default()
}

/// What a git command prints; `None` when it fails or there is no git.
fn git(folder: &Path, arguments: &[&str]) -> Option<String> {
    let answer = Command::new("git")
        .arg("-C")
        .arg(folder)
        .args(arguments)
        // A reader takes no locks that somebody else's git would run into.
        .env("GIT_OPTIONAL_LOCKS", "0")
        .stdin(Stdio::null())
        .stderr(Stdio::null())
        .output()
        .ok()?;
    let text = answer.status.success().then_some(answer.stdout)?;
    Some(String::from_utf8_lossy(&text).trim().to_owned())
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn run(folder: &Path, arguments: &[&str]) {
        let identity = ["-c", "user.name=t", "-c", "user.email=t@example.com"];
        let done = Command::new("git")
            .arg("-C")
            .arg(folder)
            .args(identity)
            .args(arguments)
            .output()
            .unwrap();
        assert!(done.status.success(), "{done:?}");
    }

    #[test]
    fn a_folder_outside_any_repository_has_no_revision() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(revision(folder.path(), |_| None), None);
    }

    #[test]
    fn the_variable_of_the_ci_system_wins_over_git() {
        let folder = tempfile::tempdir().unwrap();
        let variable = |name: &str| match name {
            "GITHUB_SHA" => Some(String::new()),
            "CI_COMMIT_SHA" => Some("abc".to_owned()),
            _ => None,
        };
        let expected = Revision {
            commit: "abc".to_owned(),
            dirty: false,
        };
        assert_eq!(revision(folder.path(), variable), Some(expected));
    }

    #[test]
    fn a_file_that_is_not_committed_makes_the_tree_dirty() {
        let folder = tempfile::tempdir().unwrap();
        run(folder.path(), &["init", "--quiet"]);
        fs::write(folder.path().join("a"), "1").unwrap();
        run(folder.path(), &["add", "a"]);
        run(folder.path(), &["commit", "--quiet", "-m", "a"]);
        let clean = revision(folder.path(), |_| None).unwrap();
        assert_eq!((clean.commit.len(), clean.dirty), (40, false));

        let inner = folder.path().join("infra");
        fs::create_dir(&inner).unwrap();
        assert_eq!(
            (prefix(&inner), prefix(folder.path())),
            ("infra/".into(), String::new())
        );

        fs::write(folder.path().join("b"), "2").unwrap();
        let dirty = revision(folder.path(), |_| None).unwrap();
        assert_eq!((dirty.commit == clean.commit, dirty.dirty), (true, true));
    }
}
