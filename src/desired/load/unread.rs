//! Texts of files that need not be read again, because nothing about the file has changed.
//!
//! As in git's index: a file whose size, times of change, inode and device are what they were has the text that it had. What
//! was changed so shortly before it was read that the file system may give a second change the same time is not trusted
//! ("racy git"), and read again. Where files have no inode and no time of their change of status, all are read. A file that was written
//! and left alone has one time for both, so that nothing tells a file system that keeps only the time of modification.

use std::{
    fs::Metadata,
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, SystemTime},
};

use super::find::{self, Unread};

/// Coarser times than this are on no file system that holds files of rules (FAT: 2 s).
const COARSE: Duration = Duration::from_secs(2);

/// What a file looks like from outside.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Look {
    size: u64,
    /// Seconds and nanoseconds.
    modified: (i64, i64),
    changed: (i64, i64),
    inode: u64,
    device: u64,
}

#[cfg(unix)]
fn look(metadata: &Metadata) -> Option<Look> {
    use std::os::unix::fs::MetadataExt as _;
    Look {
        size: metadata.size(),
        modified: (metadata.mtime(), metadata.mtime_nsec()),
        changed: (metadata.ctime(), metadata.ctime_nsec()),
        inode: metadata.ino(),
        device: metadata.dev(),
    }
    .if_telling()
}

#[cfg(not(unix))]
fn look(_metadata: &Metadata) -> Option<Look> {
    None
}

impl Look {
    /// An inode of 0 is a file system's word for none.
    #[cfg(unix)]
    fn if_telling(self) -> Option<Self> {
        (self.inode != 0).then_some(self)
    }

    /// Whether the last change is long enough ago to be told from another one by its time.
    fn is_settled(&self, now: SystemTime) -> bool {
        let now = now.duration_since(SystemTime::UNIX_EPOCH).ok();
        let latest = now.and_then(|now| now.checked_sub(COARSE));
        latest.is_some_and(|latest| {
            let latest = i64::try_from(latest.as_secs()).unwrap_or(i64::MAX);
            self.modified.0.max(self.changed.0) < latest
        })
    }
}

/// Files in the order of their paths, as they were read.
#[derive(Debug, Default)]
pub(super) struct Known(Vec<Seen>);

#[derive(Debug)]
pub(super) struct Seen {
    path: PathBuf,
    look: Option<Look>,
    text: Arc<str>,
}

impl Known {
    /// The text of a file, by what is known or by reading it, which is counted.
    pub(super) fn text(&self, path: &Path, reads: &AtomicUsize) -> Result<Seen, Unread> {
        let now = SystemTime::now();
        let (file, metadata) = find::open(path)?;
        let look = look(&metadata);
        let known = self.0.binary_search_by(|seen| (*seen.path).cmp(path));
        let known = known.ok().map(|at| &self.0[at]);
        let same = known.filter(|seen| look.is_some() && seen.look == look);
        let text = match same {
            Some(seen) => Arc::clone(&seen.text),
            None => {
                reads.fetch_add(1, Ordering::Relaxed);
                find::read_open(file)?
            }
        };
        Ok(Seen {
            path: path.to_owned(),
            look: look.filter(|look| look.is_settled(now)),
            text,
        })
    }

    /// Takes what was seen, in any order.
    pub(super) fn of(mut seen: Vec<Seen>) -> Self {
        seen.sort_by(|a, b| a.path.cmp(&b.path));
        Self(seen)
    }
}

impl Seen {
    pub(super) fn share(&self) -> Arc<str> {
        Arc::clone(&self.text)
    }
}

#[cfg(all(test, unix))]
mod tests {
    use std::fs;

    use super::*;

    /// Lets a file look as if it had been left alone for some time; only the loader's own clock can.
    fn read(known: &Known, path: &Path) -> (String, usize, Known) {
        let reads = AtomicUsize::new(0);
        let mut seen = known.text(path, &reads).ok().expect("it can be read");
        let text = seen.text.to_string();
        seen.look = fs::metadata(path).ok().and_then(|metadata| look(&metadata));
        (text, reads.into_inner(), Known::of(vec![seen]))
    }

    #[test]
    fn a_file_is_read_again_only_when_something_about_it_has_changed() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.yaml");
        fs::write(&path, "one").unwrap();
        let (text, reads, known) = read(&Known::default(), &path);
        assert_eq!((&*text, reads), ("one", 1));
        let (text, reads, known) = read(&known, &path);
        assert_eq!((&*text, reads), ("one", 0));
        // Another file of the same size, with the same time of modification, in its place.
        let modified = fs::metadata(&path).unwrap().modified().unwrap();
        let other = folder.path().join("b");
        fs::write(&other, "two").unwrap();
        let file = fs::File::options().write(true).open(&other).unwrap();
        file.set_modified(modified).unwrap();
        fs::rename(&other, &path).unwrap();
        let (text, reads, known) = read(&known, &path);
        assert_eq!((&*text, reads), ("two", 1));
        // The same file, written in place, with its time put back.
        fs::write(&path, "six").unwrap();
        let file = fs::File::options().write(true).open(&path).unwrap();
        file.set_modified(modified).unwrap();
        let (text, reads, _) = read(&known, &path);
        assert_eq!((&*text, reads), ("six", 1));
    }

    #[test]
    fn a_file_without_an_inode_is_not_known_again() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let look = look(&file.path().metadata().unwrap()).unwrap();
        assert_eq!(look.if_telling(), Some(look));
        assert_eq!(Look { inode: 0, ..look }.if_telling(), None);
    }

    #[test]
    fn what_was_changed_a_moment_ago_is_not_trusted() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.yaml");
        fs::write(&path, "one").unwrap();
        let reads = AtomicUsize::new(0);
        let seen = Known::default()
            .text(&path, &reads)
            .ok()
            .expect("it is there");
        assert_eq!(seen.look, None);
        let look = look(&fs::metadata(&path).unwrap()).unwrap();
        let at = SystemTime::UNIX_EPOCH + Duration::from_secs(look.changed.0.unsigned_abs());
        assert!(!look.is_settled(at + COARSE));
        assert!(look.is_settled(at + COARSE + Duration::from_secs(1)));
        // A clock that was put back trusts nothing.
        assert!(!look.is_settled(at - Duration::from_secs(9)));
    }
}
