//! The state file: a snapshot that is replaced as a whole, and beside it (`FILE.journal`) what happened since, one line
//! a call. A crash leaves the state before or after a call. Used by one process at a time (`FILE.lock`).

mod journal;

use std::{
    fs::{File, TryLockError},
    io::{self, Write},
    path::{Path, PathBuf},
    sync::{Mutex, PoisonError},
};

use sha2::{Digest, Sha256};

use self::journal::{Journal, Replayed};
use super::{Accounts, State, Used, seed};

/// An open state file. The lock lasts as long as it lives.
#[derive(Debug)]
pub(in crate::emulator) struct StateFile {
    path: PathBuf,
    folder: PathBuf,
    written: Mutex<Written>,
    _lock: File,
}

/// What is on the disk.
#[derive(Debug)]
struct Written {
    /// Hash of the snapshot; `None` while there is none.
    snapshot: Option<String>,
    size: u64,
    journal: Journal,
}

/// Why a state cannot be had.
#[derive(Debug, thiserror::Error)]
pub(in crate::emulator) enum StoreError {
    #[error("{path} is in use by another process")]
    InUse { path: PathBuf },
    #[error("{path} is a link, which is not followed")]
    Link { path: PathBuf },
    #[error("{path} cannot be used: {source}")]
    Io { path: PathBuf, source: io::Error },
    #[error("{path} is no state of the emulator and is left as it is: {reason}")]
    Unreadable { path: PathBuf, reason: String },
}

/// The path with an ending behind it.
fn beside(path: &Path, ending: &str) -> PathBuf {
    let mut beside = path.as_os_str().to_owned();
    beside.push(ending);
    beside.into()
}

impl StateFile {
    /// Takes the file for this process and reads it; `None` when there is none yet.
    pub(in crate::emulator) fn open(path: &Path) -> Result<(Self, Option<State>), StoreError> {
        let io = |source| StoreError::Io {
            path: path.to_owned(),
            source,
        };
        let folder = match path.parent() {
            Some(folder) if folder != Path::new("") => folder.to_owned(),
            _ => PathBuf::from("."),
        };
        std::fs::create_dir_all(&folder).map_err(io)?;
        // Whoever made the link may not be who may write where it leads.
        for path in [beside(path, ".lock"), beside(path, ".journal")] {
            if std::fs::symlink_metadata(&path).is_ok_and(|found| found.is_symlink()) {
                return Err(StoreError::Link { path });
            }
        }
        let lock = File::options()
            .create(true)
            .write(true)
            .truncate(false)
            .open(beside(path, ".lock"))
            .map_err(io)?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                return Err(StoreError::InUse {
                    path: path.to_owned(),
                });
            }
            Err(TryLockError::Error(source)) => return Err(io(source)),
        }
        let mut written = Written {
            snapshot: None,
            size: 0,
            journal: Journal::new(beside(path, ".journal")),
        };
        let stored = match std::fs::read(path) {
            Ok(bytes) => Some(read(path, &bytes, &mut written)?),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                // Without what it goes on from, a journal means nothing.
                written.journal.remove().map_err(io)?;
                None
            }
            Err(error) => return Err(io(error)),
        };
        let state = Self {
            path: path.to_owned(),
            folder,
            written: Mutex::new(written),
            _lock: lock,
        };
        Ok((state, stored))
    }

    /// Saves what changed, and the client token of the call that changed it; when it returns, both are on the disk.
    pub(in crate::emulator) fn save(
        &self,
        before: &Accounts,
        state: &State,
        token: Option<&Used>,
    ) -> io::Result<()> {
        let mut written = self.written.lock().unwrap_or_else(PoisonError::into_inner);
        let line = journal::line(before, &state.accounts, token);
        let Some(line) = line else { return Ok(()) };
        match &written.snapshot {
            // The journal would be longer to read than the snapshot is to write.
            Some(_) if written.journal.length() > (1 << 20) + written.size => {}
            Some(base) => {
                let base = base.clone();
                return written.journal.append(&base, &line);
            }
            None => {}
        }
        self.write(&mut written, state)
    }

    /// Replaces the state; when it returns, the new one is on the disk.
    pub(in crate::emulator) fn replace(&self, state: &State) -> io::Result<()> {
        let mut written = self.written.lock().unwrap_or_else(PoisonError::into_inner);
        self.write(&mut written, state)
    }

    /// Brings everything into the one file, at the end of the process.
    pub(in crate::emulator) fn settle(&self, state: &State) -> io::Result<()> {
        let mut written = self.written.lock().unwrap_or_else(PoisonError::into_inner);
        if written.journal.length() == 0 {
            return Ok(());
        }
        self.write(&mut written, state)
    }

    fn write(&self, written: &mut Written, state: &State) -> io::Result<()> {
        let mut file = tempfile::Builder::new()
            .prefix(".rulekeep-state-")
            .suffix(".tmp")
            .tempfile_in(&self.folder)?;
        let (snapshot, size) = write_snapshot(file.as_file_mut(), state)?;
        file.as_file().sync_all()?;
        // Whoever finds the new snapshot and the old journal knows that they belong together.
        written.journal.superseded_by(&snapshot)?;
        file.persist(&self.path).map_err(|error| error.error)?;
        // The rename itself is on the disk only when the folder is.
        File::open(&self.folder)?.sync_all()?;
        written.snapshot = Some(snapshot);
        written.size = size;
        written.journal.remove()
    }
}

fn read(path: &Path, bytes: &[u8], written: &mut Written) -> Result<State, StoreError> {
    let unreadable = |reason: String| StoreError::Unreadable {
        path: path.to_owned(),
        reason,
    };
    let text = std::str::from_utf8(bytes).map_err(|_| unreadable("it is not UTF-8".into()))?;
    let mut state = seed::read(text).map_err(unreadable)?;
    let snapshot = hex(&Sha256::digest(bytes));
    let journal = &mut written.journal;
    let in_journal = |reason: String| StoreError::Unreadable {
        path: beside(path, ".journal"),
        reason,
    };
    match journal.replay(&snapshot, &mut state) {
        Ok(Replayed::Nothing | Replayed::All) => {}
        Ok(Replayed::Superseded) => journal.remove().map_err(|source| StoreError::Io {
            path: path.to_owned(),
            source,
        })?,
        Ok(Replayed::Foreign) => {
            return Err(in_journal(
                "the state beside it was changed by something else; remove the journal to go on with the state as it is"
                    .into(),
            ));
        }
        Err(reason) => return Err(in_journal(reason)),
    }
    written.snapshot = Some(snapshot);
    written.size = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
    Ok(state)
}

/// Writes a snapshot; its hash and size.
fn write_snapshot(file: &mut File, state: &State) -> io::Result<(String, u64)> {
    let mut writer = Hashed {
        to: io::BufWriter::with_capacity(1 << 16, file),
        hash: Sha256::new(),
        size: 0,
    };
    seed::write(state, &mut writer)?;
    writer.write_all(b"\n")?;
    writer.flush()?;
    Ok((hex(&writer.hash.finalize()), writer.size))
}

/// Hashes what goes through.
struct Hashed<W> {
    to: W,
    hash: Sha256,
    size: u64,
}

impl<W: Write> Write for Hashed<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let count = self.to.write(bytes)?;
        self.hash.update(&bytes[..count]);
        self.size += u64::try_from(count).unwrap_or_default();
        Ok(count)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.to.flush()
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
