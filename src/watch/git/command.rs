//! Runs the `git` program in the work folder.

use std::{
    fs, io,
    path::{Path, PathBuf},
    process::Stdio,
    time::Duration,
};

use tokio::{process::Command, time::timeout};

use super::Error;

/// How long a command may take; the first fetch of a large repository takes minutes.
const PATIENCE: Duration = Duration::from_secs(600);

/// Most lines of an error that are told.
const MOST_LINES: usize = 5;

/// Variables that would point git at another repository, as they do within a hook.
const OTHERS: [&str; 6] = [
    "GIT_DIR",
    "GIT_WORK_TREE",
    "GIT_INDEX_FILE",
    "GIT_OBJECT_DIRECTORY",
    "GIT_ALTERNATE_OBJECT_DIRECTORIES",
    "GIT_NAMESPACE",
];

/// git in a folder.
#[derive(Clone, Debug)]
pub(super) struct Git {
    folder: PathBuf,
    /// In place of ssh, where the user has not said what it is.
    ssh: Option<&'static str>,
    /// The trust that a GPG key needs, where the user has not said it.
    trust: Option<&'static str>,
}

impl Git {
    pub(super) fn new(folder: PathBuf) -> Self {
        Self {
            folder,
            ssh: None,
            trust: None,
        }
    }

    pub(super) fn folder(&self) -> &Path {
        &self.folder
    }

    /// Looks at the user's configuration: where it says nothing ssh asks nobody, and keys need the trust that git's own
    /// `merge` asks for (git-config(1), gpg.minTrustLevel).
    pub(super) async fn without_questions(mut self) -> Result<Self, Error> {
        let said = ["GIT_SSH_COMMAND", "GIT_SSH"];
        let said = said.iter().any(|name| std::env::var_os(name).is_some());
        if !said && !self.says(&["config", "--get", "core.sshCommand"]).await? {
            self.ssh = Some("ssh -o BatchMode=yes");
        }
        if !self.says(&["config", "--get", "gpg.minTrustLevel"]).await? {
            self.trust = Some("gpg.minTrustLevel=marginal");
        }
        Ok(self)
    }

    /// Removes the locks of a git that was killed; the work folder's own lock says that no other one runs.
    pub(super) fn unlock(&self) -> io::Result<()> {
        let git = self.folder.join(".git");
        for folder in [git.clone(), git.join("refs/rulekeep")] {
            if !folder.is_dir() {
                continue;
            }
            for entry in fs::read_dir(&folder)? {
                let path = entry?.path();
                if path.extension().is_some_and(|ending| ending == "lock") {
                    fs::remove_file(path)?;
                }
            }
        }
        Ok(())
    }

    /// What a command prints.
    pub(super) async fn run(&self, arguments: &[&str]) -> Result<String, Error> {
        let mut command = self.command();
        command.args(arguments);
        self.finish(command, arguments[0]).await
    }

    /// Whether a command that asks something says yes.
    pub(super) async fn says(&self, arguments: &[&str]) -> Result<bool, Error> {
        match self.run(arguments).await {
            Ok(_) => Ok(true),
            Err(Error::Failed { said, .. }) if said.is_empty() => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Whether a commit has a good signature of somebody trusted; what git says against it is the error.
    pub(super) async fn verify(&self, commit: &str, allowed: Option<&Path>) -> Result<(), Error> {
        let mut command = self.command();
        if let Some(trust) = self.trust {
            command.args(["-c", trust]);
        }
        if let Some(allowed) = allowed {
            let mut setting = std::ffi::OsString::from("gpg.ssh.allowedSignersFile=");
            setting.push(allowed);
            command.arg("-c").arg(setting);
        }
        command.args(["verify-commit", commit]);
        self.finish(command, "verify-commit").await.map(drop)
    }

    fn command(&self) -> Command {
        let mut command = Command::new("git");
        for name in OTHERS {
            command.env_remove(name);
        }
        command
            .arg("-C")
            .arg(&self.folder)
            // Nothing that a fetch or a checkout runs comes from anywhere but the program itself.
            .args(["-c", "core.hooksPath=/dev/null"])
            .args(["-c", "advice.detachedHead=false"])
            // Whoever cleans up is waited for: two of them would be in each other's way.
            .args([
                "-c",
                "gc.autoDetach=false",
                "-c",
                "maintenance.autoDetach=false",
            ])
            // A connection that has died is given up.
            .args(["-c", "http.lowSpeedLimit=1", "-c", "http.lowSpeedTime=60"])
            .env("GIT_TERMINAL_PROMPT", "0")
            .env("GIT_NO_REPLACE_OBJECTS", "1")
            .env("LC_ALL", "C")
            .stdin(Stdio::null())
            .kill_on_drop(true);
        if let Some(ssh) = self.ssh {
            command.env("GIT_SSH_COMMAND", ssh);
        }
        command
    }

    async fn finish(&self, mut command: Command, name: &str) -> Result<String, Error> {
        let output = timeout(PATIENCE, command.output())
            .await
            .map_err(|_| Error::Late {
                command: name.to_owned(),
                seconds: PATIENCE.as_secs(),
            })?
            .map_err(Error::NotStarted)?;
        if output.status.success() {
            return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
        }
        Err(Error::Failed {
            command: name.to_owned(),
            said: last_lines(&String::from_utf8_lossy(&output.stderr)),
        })
    }
}

/// The end of what git said, on one line.
fn last_lines(text: &str) -> String {
    let lines: Vec<&str> = text
        .lines()
        .map(str::trim)
        .filter(|line| !line.is_empty() && !line.starts_with("hint:"))
        .collect();
    lines[lines.len().saturating_sub(MOST_LINES)..].join("; ")
}
