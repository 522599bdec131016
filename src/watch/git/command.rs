//! Runs the `git` program in the work folder.

use std::{
    fs, io,
    path::{Path, PathBuf},
    process::Stdio,
    sync::Arc,
    time::Duration,
};

use tokio::{
    process::Command,
    sync::RwLock,
    time::{sleep, timeout},
};

use crate::report::text::escape;

use super::{Error, remote::without_secrets};

/// How long a command may take; the first fetch of a large repository takes minutes.
const PATIENCE: Duration = Duration::from_secs(600);

/// How long a git that was told to die may take to do so.
const DYING: Duration = Duration::from_millis(500);

/// In place of ssh: it asks nobody, and gives a dead connection up.
const SSH: &str =
    "ssh -o BatchMode=yes -o ConnectTimeout=30 -o ServerAliveInterval=15 -o ServerAliveCountMax=4";

/// Most lines of an error that are told.
const MOST_LINES: usize = 5;

/// Variables that would point git at another repository, as they do within a hook.
const OTHERS: [&str; 7] = [
    "GIT_COMMON_DIR",
    "GIT_DIR",
    "GIT_WORK_TREE",
    "GIT_INDEX_FILE",
    "GIT_OBJECT_DIRECTORY",
    "GIT_ALTERNATE_OBJECT_DIRECTORIES",
    "GIT_NAMESPACE",
];

/// What takes precedence over every attribute of a commit and of the user's configuration: files are what stands in the
/// commit, in no other encoding and through no filter (gitattributes(5)).
pub(super) const ATTRIBUTES: &str = "* !working-tree-encoding !filter -text !eol -ident\n";

/// git in a folder.
#[derive(Clone, Debug)]
pub(super) struct Git {
    folder: PathBuf,
    /// In place of ssh, where the user has not said what it is.
    ssh: Option<&'static str>,
    /// The trust that a GPG key needs, where the user has not said it.
    trust: Option<&'static str>,
    /// Held for reading by every git that runs, for writing by whoever removes locks that nobody holds any more.
    running: Arc<RwLock<()>>,
}

/// How a git ended that did not do it.
struct Unfinished {
    error: Error,
    /// Whether it left a lock, or met one that another one left.
    is_locked: bool,
}

impl Git {
    pub(super) fn new(folder: PathBuf) -> Self {
        Self {
            folder,
            ssh: None,
            trust: None,
            running: Arc::default(),
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
            self.ssh = Some(SSH);
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

    /// Makes attributes count for nothing here.
    pub(super) fn ignore_attributes(&self) -> io::Result<()> {
        let info = self.folder.join(".git/info");
        fs::create_dir_all(&info)?;
        fs::write(info.join("attributes"), ATTRIBUTES)
    }

    /// Has the next checkout write every file.
    pub(super) fn forget_files(&self) -> io::Result<()> {
        match fs::remove_file(self.folder.join(".git/index")) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        }
    }

    /// What a command prints.
    pub(super) async fn run(&self, arguments: &[&str]) -> Result<String, Error> {
        let command = || {
            let mut command = self.command();
            command.args(arguments);
            command
        };
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
        let command = || {
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
            command
        };
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
            // Files are what stands in the commit: large ones would be downloaded from wherever it says.
            .args(["-c", "filter.lfs.smudge=", "-c", "filter.lfs.process="])
            .args(["-c", "filter.lfs.required=false"])
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

    /// Runs a command; once more after the locks of a git that was killed are removed.
    async fn finish(&self, command: impl Fn() -> Command, name: &str) -> Result<String, Error> {
        let unfinished = match self.once(command(), name).await {
            Ok(text) => return Ok(text),
            Err(unfinished) => unfinished,
        };
        if !unfinished.is_locked || !self.unlock_unused().await {
            return Err(unfinished.error);
        }
        if matches!(unfinished.error, Error::Late { .. }) {
            return Err(unfinished.error); // It was waited for long enough; whoever asked asks again.
        }
        tracing::info!(
            command = name,
            "once more without the lock of a git that was killed"
        );
        let again = self.once(command(), name).await;
        again.map_err(|unfinished| unfinished.error)
    }

    /// Removes what killed gits have left, unless another one runs; whether it did.
    async fn unlock_unused(&self) -> bool {
        // One that was dropped has been killed, but may not be gone yet.
        sleep(DYING).await;
        match self.running.try_write() {
            Ok(_nobody) => match self.unlock() {
                Ok(()) => true,
                Err(error) => {
                    tracing::warn!(%error, "the locks of a killed git cannot be removed");
                    false
                }
            },
            Err(_) => false,
        }
    }

    async fn once(&self, mut command: Command, name: &str) -> Result<String, Unfinished> {
        let _running = self.running.read().await;
        let output = match timeout(PATIENCE, command.output()).await {
            Ok(Ok(output)) => output,
            Ok(Err(error)) => {
                return Err(Unfinished {
                    error: Error::NotStarted(error),
                    is_locked: false,
                });
            }
            Err(_) => {
                return Err(Unfinished {
                    error: Error::Late {
                        command: name.to_owned(),
                        seconds: PATIENCE.as_secs(),
                    },
                    is_locked: true,
                });
            }
        };
        if output.status.success() {
            return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
        }
        let said = String::from_utf8_lossy(&output.stderr);
        let met = said.contains(".lock'") && said.contains("File exists");
        let said = match output.status.code() {
            None if said.trim().is_empty() => "it was killed".to_owned(),
            _ => last_lines(&said),
        };
        Err(Unfinished {
            error: Error::Failed {
                command: name.to_owned(),
                said,
            },
            is_locked: met || output.status.code().is_none(),
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
    let last = &lines[lines.len().saturating_sub(MOST_LINES)..];
    escape(&without_secrets(&last.join("; ")))
}
