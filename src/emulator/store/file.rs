//! The state file: replaced as a whole, so that a crash leaves the old state or the new one; used by one process at a time.

use std::{
    fs::{File, TryLockError},
    io::{self, Write as _},
    path::{Path, PathBuf},
};

use super::{Accounts, State, seed};

/// An open state file. The lock lasts as long as it lives.
#[derive(Debug)]
pub(in crate::emulator) struct StateFile {
    path: PathBuf,
    folder: PathBuf,
    _lock: File,
}

/// Why a state cannot be had.
#[derive(Debug, thiserror::Error)]
pub(in crate::emulator) enum StoreError {
    #[error("{path} is in use by another process")]
    InUse { path: PathBuf },
    #[error("{path} cannot be used: {source}")]
    Io { path: PathBuf, source: io::Error },
    #[error("{path} is no state of the emulator and is left as it is: {reason}")]
    Unreadable { path: PathBuf, reason: String },
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
        let mut lock_path = path.as_os_str().to_owned();
        lock_path.push(".lock");
        let lock = File::options()
            .create(true)
            .write(true)
            .truncate(false)
            .open(lock_path)
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
        let stored = match std::fs::read_to_string(path) {
            Ok(text) => Some(seed::read(&text).map_err(|reason| StoreError::Unreadable {
                path: path.to_owned(),
                reason,
            })?),
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            Err(error) if error.kind() == io::ErrorKind::InvalidData => {
                return Err(StoreError::Unreadable {
                    path: path.to_owned(),
                    reason: "it is not UTF-8".into(),
                });
            }
            Err(error) => return Err(io(error)),
        };
        let state = Self {
            path: path.to_owned(),
            folder,
            _lock: lock,
        };
        Ok((state, stored))
    }

    /// Saves what changed; when it returns, it is on the disk.
    pub(in crate::emulator) fn save(&self, before: &Accounts, state: &State) -> io::Result<()> {
        if *before == state.accounts {
            return Ok(());
        }
        self.replace(state)
    }

    /// Replaces the state; when it returns, the new one is on the disk.
    pub(in crate::emulator) fn replace(&self, state: &State) -> io::Result<()> {
        let mut file = tempfile::Builder::new()
            .prefix(".rulekeep-state-")
            .suffix(".tmp")
            .tempfile_in(&self.folder)?;
        let mut writer = io::BufWriter::new(file.as_file_mut());
        seed::write(state, &mut writer)?;
        writer.write_all(b"\n")?;
        writer.flush()?;
        drop(writer);
        file.as_file().sync_all()?;
        file.persist(&self.path).map_err(|error| error.error)?;
        // The rename itself is on the disk only when the folder is.
        File::open(&self.folder)?.sync_all()
    }
}
