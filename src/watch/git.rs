//! A branch of a git remote, fetched into a work folder and checked out there.
//!
//! The `git` program does the work, with the user's own configuration: credentials, keys, proxies and signatures are what
//! git has them to be. What stands in a commit is its reader's business.

mod command;
mod remote;

use std::{
    collections::BTreeSet,
    fs::{self, File, TryLockError},
    io,
    path::{Path, PathBuf},
    sync::{Mutex, PoisonError},
};

use command::Git;

use crate::{
    git::{self, links},
    report::text::escape,
};

pub use crate::git::links::STATE;
pub use remote::{Remote, RemoteError};

/// The newest commit that was fetched.
const FETCHED: &str = "refs/rulekeep/fetched";

/// The last commit that was found good; kept so that it outlives a rewritten history.
const GOOD: &str = "refs/rulekeep/good";

/// A work folder with a checkout, held by this process alone.
#[derive(Debug)]
pub struct Checkout {
    git: Git,
    remote: Remote,
    signatures: Signatures,
    /// Commits whose links were looked at and are in order.
    linked: Mutex<BTreeSet<String>>,
    /// The commit whose files were found in the folder as they are, when it was checked out.
    compared: Mutex<Option<String>>,
    /// Held as long as the checkout is used.
    _lock: File,
}

/// Whether commits must be signed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Signatures {
    /// They need not be.
    #[default]
    Ignored,
    /// By somebody whom git trusts: its keyring, or its file of allowed signers unless another one is given.
    Required {
        /// In the format of ssh-keygen(1), ALLOWED SIGNERS.
        allowed: Option<PathBuf>,
    },
}

/// Why git did not do it.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The work folder cannot be used.
    #[error("the work folder {}: {source}", path.display())]
    Folder {
        /// The folder.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// Another process uses it.
    #[error("the work folder {} is used by another rulekeep", .0.display())]
    InUse(PathBuf),
    /// There is no git, or it cannot be started.
    #[error("git cannot be started: {0}")]
    NotStarted(#[source] io::Error),
    /// It said no.
    #[error("git {command} failed: {said}")]
    Failed {
        /// Its subcommand.
        command: String,
        /// The last lines of what it said.
        said: String,
    },
    /// It did not come to an end.
    #[error("git {command} did not end within {seconds} s")]
    Late {
        /// Its subcommand.
        command: String,
        /// How long it was waited for.
        seconds: u64,
    },
    /// The files are not those of the commit.
    #[error("its file {} is not checked out as it stands in the commit", escape(.0))]
    Altered(String),
    /// They cannot be compared with the commit.
    #[error(transparent)]
    NotCompared(#[from] git::Error),
    /// The remote has no such branch.
    #[error("there is no branch {0} at the remote")]
    NoBranch(String),
    /// No branch can have this name.
    #[error("{0:?} cannot be the name of a branch")]
    BranchName(String),
}

/// What a fetch brought.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fetched {
    /// The newest commit of the branch.
    pub commit: String,
    /// The one before this fetch.
    pub before: Option<String>,
    /// Whether that one is no longer in the history of the branch.
    pub rewritten: bool,
}

impl Fetched {
    /// Whether there is anything new.
    pub fn is_news(&self) -> bool {
        self.before.as_ref() != Some(&self.commit)
    }
}

impl Checkout {
    /// Prepares a work folder for a remote; nothing is fetched yet.
    pub async fn open(work: &Path, remote: Remote, signatures: Signatures) -> Result<Self, Error> {
        let failed = |source| Error::Folder {
            path: work.to_owned(),
            source,
        };
        let folder = work.join("repo");
        fs::create_dir_all(&folder).map_err(failed)?;
        let lock = File::create(work.join("lock")).map_err(failed)?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(Error::InUse(work.to_owned())),
            Err(TryLockError::Error(source)) => return Err(failed(source)),
        }
        let git = Git::new(folder);
        let branch = format!("refs/heads/{}", remote.branch());
        if !git.says(&["check-ref-format", &branch]).await? {
            return Err(Error::BranchName(remote.branch().to_owned()));
        }
        git.run(&["init", "--quiet"]).await?;
        git.unlock().map_err(failed)?;
        git.ignore_attributes().map_err(failed)?;
        let git = git.without_questions().await?;
        Ok(Self {
            git,
            remote,
            signatures,
            linked: Mutex::default(),
            compared: Mutex::default(),
            _lock: lock,
        })
    }

    /// The folder of the checked out files.
    pub fn folder(&self) -> &Path {
        self.git.folder()
    }

    /// Where commits come from.
    pub fn remote(&self) -> &Remote {
        &self.remote
    }

    /// Asks the remote for the newest commit. What is checked out stays.
    pub async fn fetch(&self) -> Result<Fetched, Error> {
        let before = self.newest().await?;
        let branch = self.remote.branch();
        let refspec = format!("+refs/heads/{branch}:{FETCHED}");
        let fetched = self
            .git
            .run(&[
                "fetch",
                "--quiet",
                "--no-tags",
                "--no-write-fetch-head",
                "--no-recurse-submodules",
                self.remote.url(),
                &refspec,
            ])
            .await;
        match fetched {
            Err(Error::Failed { said, .. }) if said.contains("couldn't find remote ref") => {
                return Err(Error::NoBranch(branch.to_owned()));
            }
            other => drop(other?),
        }
        let commit = self
            .newest()
            .await?
            .ok_or_else(|| Error::NoBranch(branch.to_owned()))?;
        let rewritten = match &before {
            Some(before) if *before != commit => !self.is_ancestor(before, &commit).await?,
            _ => false,
        };
        Ok(Fetched {
            commit,
            before,
            rewritten,
        })
    }

    /// The newest commit that was fetched, also by an earlier process.
    pub async fn newest(&self) -> Result<Option<String>, Error> {
        self.commit_of(FETCHED).await
    }

    /// The last commit that was found good, also by an earlier process.
    pub async fn good(&self) -> Result<Option<String>, Error> {
        self.commit_of(GOOD).await
    }

    /// Remembers a commit as good.
    pub async fn keep(&self, commit: &str) -> Result<(), Error> {
        self.git.run(&["update-ref", GOOD, commit]).await.map(drop)
    }

    /// Puts the files of a commit into the folder, whatever stood there; the program's own files stay.
    pub async fn check_out(&self, commit: &str) -> Result<(), Error> {
        let quiet = ["checkout", "--quiet", "--force", "--detach", commit];
        self.git.run(&quiet).await?;
        let compared = || self.compared.lock().unwrap_or_else(PoisonError::into_inner);
        if compared().as_deref() != Some(commit) {
            *compared() = None;
            if let Some(path) = self.altered(commit)? {
                // Perhaps it was so before this process: git leaves alone what it once wrote.
                self.git.forget_files().map_err(|source| Error::Folder {
                    path: self.folder().to_owned(),
                    source,
                })?;
                self.git.run(&quiet).await?;
                if self.altered(commit)?.is_some() {
                    return Err(Error::Altered(path));
                }
            }
            *compared() = Some(commit.to_owned());
        }
        // Nobody but a commit declares groups here.
        let strays = ["-ffdxq", "-e", STATE, "--", "*.yaml", "*.yml"];
        self.git
            .run(&[&["clean"], &strays[..]].concat())
            .await
            .map(drop)
    }

    /// Why a commit must not be taken whatever its files say, in a sentence; `None`: it may.
    pub async fn objection(&self, commit: &str) -> Result<Option<String>, Error> {
        let entries = self.git.run(&["ls-tree", "-r", "-z", commit]).await?;
        let entries = entries.split('\0').filter_map(|line| line.split_once('\t'));
        let mut links = Vec::new();
        for (facts, name) in entries {
            if name.split('/').any(links::is_state) {
                return Ok(Some(format!(
                    "it has a file {}, where rulekeep keeps its journal",
                    escape(name)
                )));
            }
            // MODE TYPE ID
            if let Some(id) = facts.strip_prefix("120000 blob ") {
                links.push((name, id));
            }
        }
        if let Some(objection) = self.of_links(commit, &links).await? {
            return Ok(Some(objection));
        }
        let Signatures::Required { allowed } = &self.signatures else {
            return Ok(None);
        };
        if let Some(good) = self.good().await?
            && good != commit
            && self.is_ancestor(commit, &good).await?
        {
            // Somebody without a key can move the branch back to what was signed once.
            return Ok(Some(format!(
                "it is older than the last good commit {good}; going back takes a new signed commit"
            )));
        }
        match self.git.verify(commit, allowed.as_deref()).await {
            Ok(()) => Ok(None),
            Err(Error::Failed { said, .. }) if said.is_empty() => {
                Ok(Some("it is not signed".to_owned()))
            }
            Err(Error::Failed { said, .. }) => Ok(Some(format!("its signature: {said}"))),
            Err(error) => Err(error),
        }
    }

    /// A file that is not in the folder as it stands in the commit.
    fn altered(&self, commit: &str) -> Result<Option<String>, Error> {
        let git = git::Git::of_folder(self.folder());
        Ok(git.altered(self.folder(), commit)?)
    }

    /// What is wrong about the links of a commit: names and objects.
    async fn of_links(
        &self,
        commit: &str,
        links: &[(&str, &str)],
    ) -> Result<Option<String>, Error> {
        let linked = || self.linked.lock().unwrap_or_else(PoisonError::into_inner);
        if links.is_empty() || linked().contains(commit) {
            return Ok(None);
        }
        for (name, id) in links {
            let target = self.git.run(&["cat-file", "blob", id]).await?;
            if let Some(why) = links::objection(name, &target) {
                return Ok(Some(format!("its link {} {why}", escape(name))));
            }
        }
        linked().insert(commit.to_owned());
        Ok(None)
    }

    async fn is_ancestor(&self, old: &str, new: &str) -> Result<bool, Error> {
        self.git
            .says(&["merge-base", "--is-ancestor", old, new])
            .await
    }

    async fn commit_of(&self, reference: &str) -> Result<Option<String>, Error> {
        let commit = format!("{reference}^{{commit}}");
        let asked = self
            .git
            .run(&["rev-parse", "--verify", "--quiet", &commit])
            .await;
        match asked {
            Ok(text) => Ok(Some(text.trim().to_owned())),
            Err(Error::Failed { .. }) => Ok(None),
            Err(error) => Err(error),
        }
    }
}

#[cfg(test)]
mod tests;
