//! One at a time: whoever changes the cloud from a project's folder holds `.rulekeep/apply.lock`.
//!
//! The lock is the operating system's and ends with the process that holds it, however that ends. What stands in the file says who
//! holds it and decides nothing.

use std::{
    fs::{self, File, TryLockError},
    io::{self, Read as _, Seek as _, Write as _},
    path::{Path, PathBuf},
    time::Duration,
};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::journal;

/// How often a waiting process looks.
const LOOK_EVERY: Duration = Duration::from_millis(100);

/// Who holds a lock.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Holder {
    /// Its process.
    pub pid: u32,
    /// What it does: `apply`, `undo`, ..
    pub command: String,
    /// Since when.
    pub since: Timestamp,
}

/// The right to change the cloud from this folder; it ends when this is dropped.
#[derive(Debug)]
pub struct Lock {
    /// Its lock goes with it.
    file: File,
}

impl Lock {
    /// The same lock once more: it is held until both are gone.
    pub fn share(&self) -> io::Result<File> {
        self.file.try_clone()
    }
}

/// Why the lock cannot be had.
#[derive(Debug, thiserror::Error)]
pub enum LockError {
    /// Another process has it.
    #[error("{}", held(holder.as_ref(), run.as_deref()))]
    Held {
        /// Who, where it has said so.
        holder: Option<Holder>,
        /// The id of the run that it makes, once it has sent something.
        run: Option<String>,
    },
    /// It cannot be asked for.
    #[error("{}: {source}", path.display())]
    File {
        /// The lock's file.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
}

fn held(holder: Option<&Holder>, run: Option<&str>) -> String {
    let Some(Holder {
        pid,
        command,
        since,
    }) = holder
    else {
        return "another rulekeep changes the cloud from this folder".to_owned();
    };
    let since = since.strftime("%Y-%m-%d %H:%M:%S UTC");
    let run = run.map_or(String::new(), |run| {
        format!(", run {}", crate::undo::short(run))
    });
    format!(
        "`rulekeep {command}` (process {pid}{run}) has been at work in this folder since {since}"
    )
}

/// Where the lock of a project's folder is.
pub fn path(root: &Path) -> PathBuf {
    root.join(".rulekeep").join("apply.lock")
}

/// Takes the lock at once or not at all.
pub fn try_take(root: &Path, command: &str) -> Result<Lock, LockError> {
    let path = path(root);
    let failed = |source| LockError::File {
        path: path.clone(),
        source,
    };
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder).map_err(failed)?;
    }
    // Not truncated: until the lock is there it is the holder's. Never removed: two processes could hold two files of one name.
    let mut options = File::options();
    options.read(true).write(true).create(true).truncate(false);
    let mut file = options.open(&path).map_err(failed)?;
    match file.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => {
            let holder = holder(&mut file);
            let run = holder.as_ref().and_then(|holder| run_of(root, holder));
            return Err(LockError::Held { holder, run });
        }
        // Some network file systems have no locks; there the user must see to it.
        Err(TryLockError::Error(error)) if error.kind() == io::ErrorKind::Unsupported => {
            tracing::warn!(path = %path.display(), "the file system has no locks: do not apply twice at a time");
        }
        Err(TryLockError::Error(error)) => return Err(failed(error)),
    }
    let holder = Holder {
        pid: std::process::id(),
        command: command.to_owned(),
        since: Timestamp::now(),
    };
    let text = serde_json::to_vec(&holder).expect("every key is text");
    file.set_len(0)
        .and_then(|()| file.rewind())
        .and_then(|()| file.write_all(&text))
        .map_err(failed)?;
    Ok(Lock { file })
}

/// Whether somebody holds the lock, for messages: it may be otherwise a moment later.
pub fn is_held(root: &Path) -> bool {
    File::open(path(root))
        .is_ok_and(|file| matches!(file.try_lock_shared(), Err(TryLockError::WouldBlock)))
}

/// As [`try_take`], but waits for whoever holds it; `waits` is told once for whom.
pub async fn take(
    root: &Path,
    command: &str,
    timeout: Duration,
    waits: impl FnOnce(&LockError),
) -> Result<Lock, LockError> {
    let end = tokio::time::Instant::now() + timeout;
    let mut waits = Some(waits);
    loop {
        let held = match try_take(root, command) {
            Err(held @ LockError::Held { .. }) if tokio::time::Instant::now() < end => held,
            answer => return answer,
        };
        if let Some(waits) = waits.take() {
            waits(&held);
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
}

/// What the holder has written, unless it is just writing, or the system keeps locked files from being read.
fn holder(file: &mut File) -> Option<Holder> {
    let mut text = String::new();
    file.read_to_string(&mut text).ok()?;
    serde_json::from_str(&text).ok()
}

/// The run that the holder makes: the one that has begun since, and not ended or not been settled.
fn run_of(root: &Path, holder: &Holder) -> Option<String> {
    let runs = journal::runs(root).ok()?;
    let run = runs.into_iter().rfind(|run| {
        run.begun.time >= holder.since && (run.ended.is_none() || run.awaits_confirmation())
    });
    run.map(|run| run.begun.run)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_second_is_told_who_is_first_and_gets_it_when_the_first_is_done() {
        let folder = tempfile::tempdir().unwrap();
        let first = try_take(folder.path(), "apply").unwrap();
        let refused = try_take(folder.path(), "undo").unwrap_err().to_string();
        let me = format!("`rulekeep apply` (process {})", std::process::id());
        assert!(refused.starts_with(&me), "{refused}");
        assert!(is_held(folder.path()));
        drop(first);
        assert!(!is_held(folder.path()));
        try_take(folder.path(), "undo").unwrap();
    }

    #[tokio::test(start_paused = true)]
    async fn a_wait_ends_with_the_lock_or_with_its_time() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path();
        let first = try_take(root, "apply").unwrap();
        let mut told = 0;
        let late = take(root, "undo", Duration::from_secs(5), |_| told += 1).await;
        assert!(matches!(late, Err(LockError::Held { .. })));
        assert_eq!(told, 1);
        let release = async {
            tokio::time::sleep(Duration::from_secs(3)).await;
            drop(first);
        };
        let wait = take(root, "undo", Duration::from_secs(5), |_| ());
        let (taken, ()) = tokio::join!(wait, release);
        taken.unwrap();
    }

    #[test]
    fn what_an_older_holder_has_left_in_the_file_does_not_matter() {
        let folder = tempfile::tempdir().unwrap();
        let path = path(folder.path());
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, "x".repeat(1000)).unwrap();
        let held = try_take(folder.path(), "apply").unwrap();
        let text = fs::read_to_string(&path).unwrap();
        assert!(serde_json::from_str::<Holder>(&text).is_ok(), "{text}");
        drop(held);
    }
}
