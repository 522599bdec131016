//! The audit trail: one JSON line per call that writes, in `.rulekeep/audit.jsonl`. Never a secret; only ever appended.

use std::{
    fs, io,
    io::Write as _,
    path::{Path, PathBuf},
    sync::{Mutex, PoisonError},
};

use jiff::Timestamp;
use serde::Serialize;

use crate::{journal::append_only, snapshot::Error};

/// What is said of a call.
#[derive(Clone, Debug, Serialize)]
pub struct Line<'a> {
    /// When it was answered.
    pub time: Timestamp,
    /// Account, by its name in the project file.
    pub account: &'a str,
    /// Region.
    pub region: &'a str,
    /// The group's id.
    pub group: &'a str,
    /// The apply.
    pub run: &'a str,
    /// The call within it: its ClientToken.
    pub step: &'a str,
    /// What was asked: `authorize 3 ingress rules`.
    pub call: String,
    /// `done`, or what became of it.
    pub outcome: &'a str,
    /// The cloud's id of the request, where it gave one.
    pub request_id: Option<&'a str>,
    /// Why it failed.
    pub error: Option<String>,
    /// The plan.
    pub plan: &'a str,
    /// The commit that the files come from.
    pub commit: Option<&'a str>,
}

/// The trail of a project.
#[derive(Debug)]
pub struct Audit {
    path: PathBuf,
    file: Mutex<fs::File>,
}

/// Where the trail is.
pub fn path(root: &Path) -> PathBuf {
    root.join(".rulekeep").join("audit.jsonl")
}

impl Audit {
    /// Opens the trail.
    pub fn open(root: &Path) -> Result<Self, Error> {
        let path = path(root);
        let failed = |source: io::Error| Error::File {
            path: path.clone(),
            source,
        };
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder).map_err(failed)?;
        }
        let file = Mutex::new(append_only(&path).map_err(failed)?);
        Ok(Self { path, file })
    }

    /// Adds a line, in one write: lines of several runs do not mix.
    pub fn append(&self, line: &Line<'_>) -> Result<(), Error> {
        let mut text = serde_json::to_vec(line).expect("every key of a line is text");
        text.push(b'\n');
        let mut file = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        file.write_all(&text).map_err(|error| self.failed(error))
    }

    /// Makes the lines so far last through a power failure.
    pub fn sync(&self) -> Result<(), Error> {
        let file = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        file.sync_data().map_err(|error| self.failed(error))
    }

    fn failed(&self, source: io::Error) -> Error {
        Error::File {
            path: self.path.clone(),
            source,
        }
    }
}
