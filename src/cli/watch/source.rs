//! Where commits come from: the options, the work folder, and fetching with what is said about it.

use std::path::{Component, Path, PathBuf};

use clap::builder::FalseyValueParser;

use crate::watch::{
    Ended,
    git::{Checkout, Error, Fetched, Remote, Signatures},
};

use super::{
    super::{Failure, Global, Screen, committed::Secrets},
    interval,
};

/// Options about git.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Git")]
pub(super) struct GitArgs {
    /// Take the files from this repository in place of this folder: https, ssh, or a path; --project is then a path in it
    #[arg(long = "git", value_name = "URL", env = "RULEKEEP_GIT")]
    pub(super) url: Option<String>,
    /// Branch whose newest commit counts
    #[arg(
        long,
        value_name = "NAME",
        default_value = "main",
        requires = "url",
        env = "RULEKEEP_BRANCH"
    )]
    branch: String,
    /// Time between two looks for a new commit: 1m, 30s, ..
    #[arg(
        long,
        value_name = "TIME",
        default_value = "1m",
        value_parser = interval,
        requires = "url",
        env = "RULEKEEP_GIT_INTERVAL"
    )]
    pub(super) git_interval: std::time::Duration,
    /// Where the checkout and the journal are kept [default: a folder of its own below $STATE_DIRECTORY,
    /// $XDG_STATE_HOME or ~/.local/state]
    #[arg(
        long,
        value_name = "FOLDER",
        requires = "url",
        env = "RULEKEEP_WORK_DIR"
    )]
    work_dir: Option<PathBuf>,
    /// Take only commits with a good signature of somebody trusted, and none older than the last good one
    #[arg(
        long,
        requires = "url",
        env = "RULEKEEP_VERIFY_SIGNATURES",
        value_parser = FalseyValueParser::new(),
        action = clap::ArgAction::SetTrue
    )]
    verify_signatures: bool,
    /// Who may sign with SSH keys, in the format of ssh-keygen [default: as git is configured]
    #[arg(
        long,
        value_name = "FILE",
        requires = "verify_signatures",
        env = "RULEKEEP_ALLOWED_SIGNERS"
    )]
    allowed_signers: Option<PathBuf>,
    #[command(flatten)]
    pub(super) secrets: Secrets,
}

impl GitArgs {
    /// The checkout, if the files come from git.
    pub(super) async fn open(&self, global: &Global) -> Result<Option<Checkout>, Failure> {
        let Some(url) = &self.url else {
            return Ok(None);
        };
        let inside = |path: &Path| {
            path.components()
                .all(|part| matches!(part, Component::Normal(_) | Component::CurDir))
        };
        if let Some(path) = global.project.as_deref().filter(|path| !inside(path)) {
            return Err(Failure::usage(format!(
                "with --git the project file is one in the repository, and {} is not",
                path.display()
            ))
            .help("write --project as a path from the repository's top, or leave it out"));
        }
        let remote = Remote::new(url, &self.branch, self.verify_signatures)
            .map_err(|error| Failure::usage("--git cannot be used").because(&error))?;
        let work = match &self.work_dir {
            Some(folder) => folder.clone(),
            None => default_folder(&remote, |name| std::env::var_os(name).map(PathBuf::from))
                .ok_or_else(|| {
                    Failure::usage("there is no folder for the checkout")
                        .help("name one: --work-dir")
                })?,
        };
        let absolute = |path: &Path| {
            std::path::absolute(path).map_err(|error| {
                Failure::new(format!("{} cannot be found", path.display())).because(&error)
            })
        };
        let signatures = match self.verify_signatures {
            false => Signatures::Ignored,
            true => Signatures::Required {
                allowed: self.allowed_signers.as_deref().map(absolute).transpose()?,
            },
        };
        if let Signatures::Required {
            allowed: Some(file),
        } = &signatures
            && let Err(error) = std::fs::File::open(file)
        {
            let failure = Failure::new(format!("{} cannot be read", file.display()));
            return Err(failure.because(&error));
        }
        match Checkout::open(&absolute(&work)?, remote, signatures).await {
            Ok(checkout) => Ok(Some(checkout)),
            Err(error) => {
                let failure = Failure::new("the repository cannot be prepared").because(&error);
                Err(match error {
                    Error::InUse(_) => {
                        failure.help("give each loop a folder of its own: --work-dir")
                    }
                    Error::NotStarted(_) => failure.help("install git, and see that it is in PATH"),
                    _ => failure,
                })
            }
        }
    }
}

/// Below what systemd gives a service, or what the user's state is kept in.
fn default_folder(remote: &Remote, variable: impl Fn(&str) -> Option<PathBuf>) -> Option<PathBuf> {
    let absolute = |name: &str| variable(name).filter(|path| path.is_absolute());
    let of_service = || {
        // Several folders have colons between them; the first is as good as any.
        let folders = variable("STATE_DIRECTORY")?;
        let first = folders.to_str()?.split(':').next()?.to_owned();
        Some(PathBuf::from(first)).filter(|path| path.is_absolute())
    };
    let of_user = || {
        let state = absolute("XDG_STATE_HOME")
            .or_else(|| Some(absolute("HOME")?.join(".local/state")))
            .or_else(|| absolute("LOCALAPPDATA"))?;
        Some(state.join("rulekeep"))
    };
    let base = of_service().or_else(of_user)?;
    Some(base.join("watch").join(remote.slug()))
}

/// Fetches, and says what is new about it.
#[derive(Debug)]
pub(super) struct Fetcher<'a> {
    checkout: &'a Checkout,
    screen: &'a Screen,
    /// What went wrong the last time.
    failing: Option<String>,
}

impl<'a> Fetcher<'a> {
    pub(super) fn new(checkout: &'a Checkout, screen: &'a Screen) -> Self {
        Self {
            checkout,
            screen,
            failing: None,
        }
    }

    /// Fetches once; `news` is called when there is a new commit.
    pub(super) async fn fetch(&mut self, news: impl FnOnce()) -> Ended {
        match self.checkout.fetch().await {
            Ok(fetched) => {
                if self.failing.take().is_some() {
                    self.screen.say("note: fetching works again\n");
                }
                if fetched.is_news() {
                    self.announce(&fetched);
                    news();
                }
                Ended::Well
            }
            Err(error) => {
                let said = error.to_string();
                if self.failing.as_ref() != Some(&said) {
                    let failure = Failure::new(format!(
                        "{} cannot be fetched; what was fetched before stays in effect",
                        self.checkout.remote()
                    ));
                    self.screen.failure(&failure.because(&error));
                }
                self.failing = Some(said);
                Ended::Failed
            }
        }
    }

    fn announce(&self, fetched: &Fetched) {
        let Fetched {
            commit,
            before,
            rewritten,
        } = fetched;
        let text = match (before, rewritten) {
            (Some(before), true) => format!(
                "warning: the history of {} was rewritten: {before} is no longer in it; going on from {commit}\n",
                self.checkout.remote()
            ),
            _ => format!(
                "note: fetched commit {commit} of {}\n",
                self.checkout.remote()
            ),
        };
        self.screen.say(&text);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_work_folder_is_the_services_or_the_users() {
        let remote = Remote::new("/srv/rules.git", "main", false).unwrap();
        let folder = |variables: &[(&str, &str)]| {
            let found = default_folder(&remote, |name| {
                let mut variables = variables.iter();
                variables
                    .find(|(known, _)| *known == name)
                    .map(|(_, value)| PathBuf::from(value))
            })?;
            let parent = found.parent().unwrap();
            Some(parent.to_str().unwrap().to_owned())
        };
        let home = ("HOME", "/home/a");
        assert_eq!(folder(&[]), None);
        assert_eq!(
            folder(&[home]).as_deref(),
            Some("/home/a/.local/state/rulekeep/watch")
        );
        assert_eq!(
            folder(&[home, ("XDG_STATE_HOME", "/x")]).as_deref(),
            Some("/x/rulekeep/watch")
        );
        assert_eq!(
            folder(&[home, ("STATE_DIRECTORY", "/var/lib/rulekeep:/b")]).as_deref(),
            Some("/var/lib/rulekeep/watch")
        );
    }
}
