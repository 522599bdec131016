//! What happened since the snapshot: a line for its hash, then a line for every call that changed something. Each line
//! begins with a hash of the rest, so that a last line that a crash cut off is known as such.

use std::{
    fs::File,
    io::{self, Write as _},
    path::PathBuf,
};

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::hex;
use crate::emulator::store::{
    Accounts, State, Used, diff,
    seed::entries::{Entry, apply, entries},
};

/// The file and how much of it holds.
#[derive(Debug)]
pub(super) struct Journal {
    path: PathBuf,
    file: Option<File>,
    length: u64,
    /// An append failed: nobody knows what is on the disk, so a snapshot comes next.
    broken: bool,
}

/// What a journal had to say.
pub(super) enum Replayed {
    /// There is none.
    Nothing,
    /// The state has what it holds.
    All,
    /// The snapshot has it already.
    Superseded,
    /// It goes on from another snapshot.
    Foreign,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Line {
    /// Hash of the snapshot that the journal goes on from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    base: Option<String>,
    /// Hash of the snapshot that has everything so far.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    next: Option<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    changes: Vec<Entry>,
    /// Client token of the call.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    token: Option<Used>,
}

/// The line for what differs and the client token of the call; `None` when there is neither.
pub(super) fn line(before: &Accounts, after: &Accounts, token: Option<&Used>) -> Option<Vec<u8>> {
    let changes: Vec<Entry> = diff::changes(before, after)
        .iter()
        .flat_map(|(owner, changed)| entries(owner, changed, after))
        .collect();
    (!changes.is_empty() || token.is_some()).then(|| {
        sealed(&Line {
            base: None,
            next: None,
            changes,
            token: token.cloned(),
        })
    })
}

fn sealed(line: &Line) -> Vec<u8> {
    let json = serde_json::to_vec(line).expect("entries have nothing that JSON cannot write");
    let mut bytes = seal(&json).into_bytes();
    bytes.push(b' ');
    bytes.extend(json);
    bytes.push(b'\n');
    bytes
}

fn seal(json: &[u8]) -> String {
    hex(&Sha256::digest(json)[..8])
}

/// What was sealed, where the seal holds: the whole line as it was written.
fn unsealed(bytes: &[u8]) -> Option<&[u8]> {
    let (hash, json) = bytes.split_at_checked(16)?;
    let json = json.strip_prefix(b" ")?;
    (seal(json).as_bytes() == hash).then_some(json)
}

impl Journal {
    pub(super) fn new(path: PathBuf) -> Self {
        Self {
            path,
            file: None,
            length: 0,
            broken: false,
        }
    }

    /// Bytes since the snapshot; 0 when the snapshot has everything.
    pub(super) fn length(&self) -> u64 {
        if self.broken {
            u64::MAX >> 1
        } else {
            self.length
        }
    }

    /// Brings the state up to date; the error says what is wrong, for people.
    pub(super) fn replay(&mut self, snapshot: &str, state: &mut State) -> Result<Replayed, String> {
        let bytes = match std::fs::read(&self.path) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Replayed::Nothing),
            Err(error) => return Err(error.to_string()),
        };
        let mut lines = Vec::new();
        let mut whole = 0;
        for piece in bytes.split_inclusive(|byte| *byte == b'\n') {
            let line = piece.strip_suffix(b"\n").and_then(unsealed);
            match line {
                Some(json) => {
                    let line = serde_json::from_slice::<Line>(json).map_err(|error| {
                        let number = lines.len() + 1;
                        format!("line {number} was written by a newer program: {error}")
                    })?;
                    lines.push(line);
                    whole += piece.len();
                }
                // What a crash cut off was never answered.
                None if whole + piece.len() == bytes.len() => break,
                None => return Err(format!("line {} is damaged", lines.len() + 1)),
            }
        }
        let mut lines = lines.into_iter();
        let Some(head) = lines.next() else {
            self.remove().map_err(|error| error.to_string())?;
            return Ok(Replayed::Nothing);
        };
        let lines: Vec<Line> = lines.collect();
        if head.base.as_deref() != Some(snapshot) {
            let next = lines.iter().rev().find_map(|line| line.next.as_deref());
            return Ok(if next == Some(snapshot) {
                Replayed::Superseded
            } else {
                Replayed::Foreign
            });
        }
        for line in lines {
            for entry in line.changes {
                apply(entry, state)?;
            }
            if let Some(used) = line.token {
                state.tokens.remember(used);
            }
        }
        let whole = u64::try_from(whole).unwrap_or(u64::MAX);
        let reopened = || -> io::Result<File> {
            let file = File::options().append(true).open(&self.path)?;
            file.set_len(whole)?;
            Ok(file)
        };
        self.file = Some(reopened().map_err(|error| error.to_string())?);
        self.length = whole;
        Ok(Replayed::All)
    }

    /// One more line, on the disk when it returns.
    pub(super) fn append(&mut self, base: &str, line: &[u8]) -> io::Result<()> {
        let outcome = self.try_append(base, line);
        if outcome.is_err() && self.file.take().is_some() {
            self.broken = true;
        }
        outcome
    }

    fn try_append(&mut self, base: &str, line: &[u8]) -> io::Result<()> {
        let mut bytes = Vec::new();
        let fresh = self.file.is_none();
        if fresh {
            bytes = sealed(&Line {
                base: Some(base.to_owned()),
                next: None,
                changes: Vec::new(),
                token: None,
            });
            let file = File::options().create(true).append(true).open(&self.path)?;
            file.set_len(0)?;
            self.file = Some(file);
        }
        bytes.extend(line);
        let Some(file) = &mut self.file else {
            return Err(io::Error::other("the journal was just opened"));
        };
        file.write_all(&bytes)?;
        if fresh {
            file.sync_all()?;
            if let Some(folder) = self
                .path
                .parent()
                .filter(|path| !path.as_os_str().is_empty())
            {
                File::open(folder)?.sync_all()?;
            }
        } else {
            file.sync_data()?;
        }
        self.length += u64::try_from(bytes.len()).unwrap_or_default();
        Ok(())
    }

    /// A snapshot that has everything is about to be there.
    pub(super) fn superseded_by(&mut self, snapshot: &str) -> io::Result<()> {
        let line = sealed(&Line {
            base: None,
            next: Some(snapshot.to_owned()),
            changes: Vec::new(),
            token: None,
        });
        match &mut self.file {
            Some(file) => {
                file.write_all(&line)?;
                file.sync_data()
            }
            // After a failed append: what the file holds is not worth a word, only that it is over.
            None if self.broken => self.remove(),
            None => Ok(()),
        }
    }

    /// The snapshot has everything.
    pub(super) fn remove(&mut self) -> io::Result<()> {
        self.file = None;
        self.length = 0;
        self.broken = false;
        match std::fs::remove_file(&self.path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        }
    }
}
