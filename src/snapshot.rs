//! Observed <-> file: written before every apply, read by restore and undo.
//!
//! One file per apply and group, `.rulekeep/undo/RUN/ACCOUNT.REGION.GROUP.json` below the project's folder.

pub(crate) mod shape;

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use jiff::Timestamp;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use crate::{
    files::{self, Access},
    model::ObservedGroup,
    plan::Address,
};

/// A group as it was at a moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Snapshot {
    /// The moment.
    pub taken: Timestamp,
    /// Where the group lives.
    pub address: Address,
    /// The group with its rules.
    pub group: ObservedGroup,
}

/// Why a snapshot could not be written or read.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The file system said no.
    #[error("{}: {source}", path.display())]
    File {
        /// The file or folder.
        path: PathBuf,
        /// What it said.
        source: io::Error,
    },
    /// The file is not what it should be.
    #[error("{} is no journal or snapshot: {reason}", path.display())]
    Malformed {
        /// The file.
        path: PathBuf,
        /// Why not.
        reason: String,
    },
    /// The file was written by a newer version.
    #[error("{} has snapshot format {version}; this version of rulekeep reads format {}", path.display(), shape::FORMAT)]
    Newer {
        /// The file.
        path: PathBuf,
        /// Its format.
        version: u32,
    },
}

/// Folder of all undo files of a project.
pub fn folder(root: &Path) -> PathBuf {
    root.join(".rulekeep").join("undo")
}

/// Folder of one run.
pub(crate) fn run_folder(root: &Path, run_id: &str) -> PathBuf {
    folder(root).join(encoded(run_id))
}

/// Keeps a snapshot as an undo file of a run; the file is there whole or not at all, and only its owner may read it.
pub fn write(root: &Path, run_id: &str, snapshot: &Snapshot) -> Result<PathBuf, Error> {
    let folder = run_folder(root, run_id);
    let path = folder.join(file_name(&snapshot.address));
    let failed = |path: &Path| {
        let path = path.to_owned();
        move |source| Error::File { path, source }
    };
    let mut text = serde_json::to_vec_pretty(&shape::File::from(snapshot))
        .expect("every key of a snapshot is text");
    text.push(b'\n');

    fs::create_dir_all(&folder).map_err(failed(&folder))?;
    files::replace(&path, &text, Access::Owner).map_err(failed(&path))?;
    Ok(path)
}

/// Reads one undo file.
pub fn read(path: &Path) -> Result<Snapshot, Error> {
    let text = fs::read(path).map_err(|source| Error::File {
        path: path.to_owned(),
        source,
    })?;
    let malformed = |reason: String| Error::Malformed {
        path: path.to_owned(),
        reason,
    };
    let version: shape::Version =
        serde_json::from_slice(&text).map_err(|error| malformed(error.to_string()))?;
    if version.format_version > shape::FORMAT {
        return Err(Error::Newer {
            path: path.to_owned(),
            version: version.format_version,
        });
    }
    let file: shape::File =
        serde_json::from_slice(&text).map_err(|error| malformed(error.to_string()))?;
    Snapshot::try_from(file).map_err(malformed)
}

/// Reads every undo file of a run, by address; empty when there is no such run.
pub fn read_run(root: &Path, run_id: &str) -> Result<Vec<Snapshot>, Error> {
    let folder = run_folder(root, run_id);
    let failed = |source| Error::File {
        path: folder.clone(),
        source,
    };
    let entries = match fs::read_dir(&folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(failed(error)),
    };
    let mut snapshots = Vec::new();
    for entry in entries {
        let path = entry.map_err(failed)?.path();
        // What a killed run left of a temporary file has no such ending.
        if path.extension().is_some_and(|ending| ending == "json") {
            snapshots.push(read(&path)?);
        }
    }
    snapshots.sort_by(|a, b| a.address.cmp(&b.address));
    Ok(snapshots)
}

fn file_name(address: &Address) -> String {
    let Address {
        account,
        region,
        group,
    } = address;
    format!(
        "{}.{}.{}.json",
        encoded(account.as_str()),
        encoded(region.as_str()),
        encoded(group.as_str())
    )
}

/// Names come from files and from the cloud: none may leave the folder or collide with another.
fn encoded(name: &str) -> String {
    const PLAIN: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_');
    utf8_percent_encode(name, PLAIN).to_string()
}

#[cfg(test)]
mod tests;
