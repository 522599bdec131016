//! What git knows: which commit the files come from, and the files as a commit has them.
//!
//! Git is asked through its own program; nothing is checked out and nothing is written.

mod altered;
pub(crate) mod links;
mod tree;

use std::{
    ffi::OsStr,
    io,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

pub use tree::Tree;

/// What git sets for its hooks. Whoever asks about a folder means the folder's repository, and no other.
const OF_HOOKS: [&str; 11] = [
    "GIT_ALTERNATE_OBJECT_DIRECTORIES",
    "GIT_COMMON_DIR",
    "GIT_DIR",
    "GIT_IMPLICIT_WORK_TREE",
    "GIT_INDEX_FILE",
    "GIT_NAMESPACE",
    "GIT_OBJECT_DIRECTORY",
    "GIT_PREFIX",
    "GIT_QUARANTINE_PATH",
    "GIT_SHALLOW_FILE",
    "GIT_WORK_TREE",
];

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
    let git = Git::of_folder(folder);
    let commit = ["GITHUB_SHA", "CI_COMMIT_SHA"]
        .into_iter()
        .filter_map(variable)
        .find(|commit| !commit.is_empty())
        .or_else(|| git.line(&["rev-parse", "--verify", "--quiet", "HEAD"]).ok())?;
    let dirty = git
        .line(&["status", "--porcelain", "--", "."])
        .is_ok_and(|changes| !changes.is_empty());
    Some(Revision { commit, dirty })
}

/// A folder seen from the top of its repository: empty at the top and outside of any, else with a slash at its end.
pub fn prefix(folder: &Path) -> String {
    Git::of_folder(folder).prefix().unwrap_or_default()
}

/// A repository that can be asked.
#[derive(Clone, Debug)]
pub struct Git {
    /// The folder whose repository it is; `None`: what the process was started in, with what a hook was told of it.
    folder: Option<PathBuf>,
}

/// Why git does not say.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// There is no program `git`.
    #[error("git cannot be started")]
    NotStarted(#[source] io::Error),
    /// No repository is there.
    #[error("{} is in no git repository", .0.display())]
    NoRepository(PathBuf),
    /// No commit has that name, or not in this clone.
    #[error("git knows no commit `{revision}`{}", shallow_words(*.shallow))]
    UnknownCommit {
        /// As it was asked for.
        revision: String,
        /// Whether the clone has only the newest part of the history.
        shallow: bool,
    },
    /// The histories do not meet.
    #[error("git finds no common ancestor of `{revision}` and HEAD{}", shallow_words(*.shallow))]
    NoCommonAncestor {
        /// As it was asked for.
        revision: String,
        /// Whether the clone has only the newest part of the history.
        shallow: bool,
    },
    /// A name that cannot be told from others once it is text.
    #[error("the name of the file {0:?} is not UTF-8: rename it")]
    Name(String),
    /// Something else.
    #[error("`git {command}` failed: {said}")]
    Failed {
        /// Its first argument.
        command: String,
        /// What it said.
        said: String,
    },
}

fn shallow_words(shallow: bool) -> &'static str {
    match shallow {
        true => ": this is a shallow clone, which has only the newest part of the history",
        false => "",
    }
}

impl Git {
    /// The repository that a folder belongs to, whatever a hook's environment says.
    pub fn of_folder(folder: &Path) -> Self {
        Self {
            folder: Some(folder.to_owned()),
        }
    }

    /// The repository that the process is started in; within a hook the one that the hook is for, with what is being
    /// committed or pushed.
    pub fn of_process() -> Self {
        Self { folder: None }
    }

    /// The id of a commit. `REV...` is the common ancestor of `REV` and HEAD, as in `git diff`.
    pub fn commit(&self, revision: &str) -> Result<String, Error> {
        let (name, of_ancestor) = match revision.strip_suffix("...") {
            Some(name) => (name, true),
            None => (revision, false),
        };
        let id = self.verify(name, revision)?;
        if !of_ancestor {
            return Ok(id);
        }
        let head = self.verify("HEAD", "HEAD")?;
        match self.line(&["merge-base", &id, &head]) {
            Ok(base) if !base.is_empty() => Ok(base),
            Ok(_) | Err(Error::Failed { .. }) => Err(Error::NoCommonAncestor {
                revision: name.to_owned(),
                shallow: self.is_shallow(),
            }),
            Err(other) => Err(other),
        }
    }

    fn verify(&self, name: &str, asked: &str) -> Result<String, Error> {
        // First the repository: whether there is none, or git mistrusts its owner, is said in git's words.
        self.line(&["rev-parse", "--git-dir"])?;
        let commit = format!("{name}^{{commit}}");
        let arguments = ["rev-parse", "--verify", "--quiet", "--end-of-options"];
        let found = self.line(&[&arguments[..], &[&commit]].concat());
        found.map_err(|error| match error {
            Error::Failed { .. } => Error::UnknownCommit {
                revision: asked.to_owned(),
                shallow: self.is_shallow(),
            },
            other => other,
        })
    }

    fn is_shallow(&self) -> bool {
        self.line(&["rev-parse", "--is-shallow-repository"])
            .is_ok_and(|answer| answer == "true")
    }

    /// Where the folder is within the work tree: `net/sg/`, or nothing at the top.
    pub fn prefix(&self) -> Result<String, Error> {
        self.line(&["rev-parse", "--show-prefix"])
    }

    /// The top folder of the work tree.
    pub fn top(&self) -> Result<PathBuf, Error> {
        self.line(&["rev-parse", "--show-toplevel"])
            .map(PathBuf::from)
    }

    /// The repository's own folder, absolute.
    pub fn git_folder(&self) -> Result<PathBuf, Error> {
        let folder = self.line(&["rev-parse", "--absolute-git-dir"])?;
        Ok(PathBuf::from(folder))
    }

    /// Whether it has no work tree.
    pub fn is_bare(&self) -> Result<bool, Error> {
        let bare = self.line(&["rev-parse", "--is-bare-repository"])?;
        Ok(bare == "true")
    }

    /// The branch that HEAD is on, also before its first commit.
    pub fn head_branch(&self) -> Result<String, Error> {
        self.line(&["symbolic-ref", "--short", "HEAD"])
    }

    /// The folder that hooks come from.
    pub fn hooks(&self) -> Result<PathBuf, Error> {
        let path = self.line(&["rev-parse", "--git-path", "hooks"])?;
        Ok(PathBuf::from(path))
    }

    /// Where `core.hooksPath` is set when that is not for this repository alone: `global`, `system`, ..
    pub fn foreign_hooks_path(&self) -> Result<Option<String>, Error> {
        let asked = ["config", "--show-scope", "--get", "core.hooksPath"];
        let found = match self.line(&asked) {
            Ok(found) => found,
            // Not set.
            Err(Error::Failed { .. }) => return Ok(None),
            Err(other) => return Err(other),
        };
        let scope = found.split_whitespace().next().unwrap_or_default();
        Ok((!["local", "worktree"].contains(&scope)).then(|| scope.to_owned()))
    }

    /// The paths that differ between the index and HEAD, from the top of the repository; of a rename both.
    pub fn staged(&self) -> Result<Vec<String>, Error> {
        let asked = ["diff", "--cached", "--name-only", "--no-renames", "-z"];
        let answer = self.run(&asked)?;
        let text = String::from_utf8_lossy(&answer);
        let paths = text.split('\0').filter(|path| !path.is_empty());
        Ok(paths.map(str::to_owned).collect())
    }

    /// What a git command prints, without the line end.
    fn line(&self, arguments: &[&str]) -> Result<String, Error> {
        let answer = self.run(arguments)?;
        Ok(String::from_utf8_lossy(&answer).trim_end().to_owned())
    }

    fn run(&self, arguments: &[&str]) -> Result<Vec<u8>, Error> {
        let answer = self
            .command(arguments)
            .stdin(Stdio::null())
            .output()
            .map_err(Error::NotStarted)?;
        if answer.status.success() {
            return Ok(answer.stdout);
        }
        Err(self.failed(arguments, &answer.stderr))
    }

    fn command(&self, arguments: &[impl AsRef<OsStr>]) -> Command {
        let mut command = Command::new("git");
        if let Some(folder) = &self.folder {
            command.arg("-C").arg(folder);
            for name in OF_HOOKS {
                command.env_remove(name);
            }
        }
        command
            .args(arguments)
            // A reader takes no locks that somebody else's git would run into.
            .env("GIT_OPTIONAL_LOCKS", "0")
            .env("LC_ALL", "C");
        command
    }

    fn failed(&self, arguments: &[&str], said: &[u8]) -> Error {
        let said = String::from_utf8_lossy(said);
        if said.contains("not a git repository") {
            let here = || std::env::current_dir().unwrap_or_else(|_| PathBuf::from("."));
            return Error::NoRepository(self.folder.clone().unwrap_or_else(here));
        }
        Error::Failed {
            command: arguments.first().copied().unwrap_or_default().to_owned(),
            said: said.trim().trim_start_matches("fatal: ").to_owned(),
        }
    }
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
