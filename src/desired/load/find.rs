//! Files of a project on a disk: where they are, and their texts.

use std::{
    collections::BTreeSet,
    fs,
    io::{self, Read as _},
    path::{Component, Path, PathBuf},
    sync::{Arc, atomic::AtomicUsize},
};

use rayon::prelude::*;

use super::{MAX_BYTES, SourceFile, is_group_file, loader, unread};

/// Why a file has no text.
pub(super) enum Unread {
    Missing,
    Other(String),
}

pub(super) fn read(path: &Path) -> Result<Arc<str>, Unread> {
    let (file, _) = open(path)?;
    read_open(file)
}

/// Opens a file, and says what it looks like: of the file that is open, which on a network is asked for anew.
pub(super) fn open(path: &Path) -> Result<(fs::File, fs::Metadata), Unread> {
    let is_file = |metadata: &fs::Metadata| match metadata.is_file() {
        true => Ok(()),
        false => Err(Unread::Other("it is not a regular file".to_owned())),
    };
    // A device or pipe might never come to an end, nor to a beginning.
    is_file(&fs::metadata(path).map_err(other)?)?;
    let file = fs::File::open(path).map_err(other)?;
    let metadata = file.metadata().map_err(other)?;
    is_file(&metadata)?;
    Ok((file, metadata))
}

fn other(error: io::Error) -> Unread {
    match error.kind() {
        io::ErrorKind::NotFound => Unread::Missing,
        _ => Unread::Other(error.to_string()),
    }
}

/// The text of an open file.
pub(super) fn read_open(file: fs::File) -> Result<Arc<str>, Unread> {
    let mut bytes = Vec::new();
    // Whatever its length was said to be.
    file.take(MAX_BYTES + 1)
        .read_to_end(&mut bytes)
        .map_err(other)?;
    if bytes.len() as u64 > MAX_BYTES {
        return Err(Unread::Other(format!(
            "it is larger than {} MiB",
            MAX_BYTES >> 20
        )));
    }
    match String::from_utf8(bytes) {
        Ok(text) => Ok(text.into()),
        Err(error) => {
            let valid = error.utf8_error().valid_up_to();
            let line = 1 + error.as_bytes()[..valid]
                .iter()
                .filter(|byte| **byte == b'\n')
                .count();
            Err(Unread::Other(format!("line {line} is not UTF-8")))
        }
    }
}

/// What was found below a folder: the files for the reader, and what is to be known of them the next time.
pub(super) type FoundFiles = (Vec<SourceFile>, loader::Found);

/// Every group file below a folder, with its text; or why the folder cannot be looked into.
pub(super) fn find(
    root: &Path,
    project_file: &Path,
    rules: &str,
    known: Option<&unread::Known>,
) -> Result<FoundFiles, String> {
    let folder = root.join(rules);
    let mut paths = Vec::new();
    let mut seen = BTreeSet::new();
    if folder.is_file() {
        paths.push(folder.clone());
    } else {
        walk(&folder, &mut seen, &mut paths).map_err(|(path, error)| match error.kind() {
            io::ErrorKind::NotFound => format!("there is no folder {}", shown(root, &path)),
            _ => format!("the folder {} cannot be read: {error}", shown(root, &path)),
        })?;
    }
    let own = project_file.canonicalize().ok();
    let is_own = |path: &PathBuf| own.is_some() && path.canonicalize().ok() == own;
    let reads = AtomicUsize::new(0);
    let found: Vec<(SourceFile, Option<unread::Seen>)> = paths
        .into_par_iter()
        .filter(|path| !is_own(path))
        .map(|path| {
            let (text, seen) = match known.map(|known| known.text(&path, &reads)) {
                None => (read(&path), None),
                Some(Ok(seen)) => (Ok(seen.share()), Some(seen)),
                Some(Err(problem)) => (Err(problem), None),
            };
            let text = text.map_err(|problem| match problem {
                Unread::Missing => "it is not there any more".to_owned(),
                Unread::Other(reason) => reason,
            });
            let path = PathBuf::from(shown(root, &path));
            (SourceFile { path, text }, seen)
        })
        .collect();
    let (files, seen): (Vec<_>, Vec<_>) = found.into_iter().unzip();
    let known = unread::Known::of(seen.into_iter().flatten().collect());
    let reads = reads.into_inner();
    Ok((files, loader::Found { known, reads }))
}

/// Adds the group files of a folder; folders that links lead to are looked into once.
fn walk(
    folder: &Path,
    seen: &mut BTreeSet<PathBuf>,
    paths: &mut Vec<PathBuf>,
) -> Result<(), (PathBuf, io::Error)> {
    let fail = |error| (folder.to_owned(), error);
    if !seen.insert(folder.canonicalize().map_err(fail)?) {
        return Ok(());
    }
    for entry in fs::read_dir(folder).map_err(fail)? {
        let path = entry.map_err(fail)?.path();
        let name = path
            .file_name()
            .map(|name| name.to_string_lossy().into_owned())
            .unwrap_or_default();
        if name.starts_with(['_', '.']) {
            continue;
        }
        if path.is_dir() {
            walk(&path, seen, paths)?;
        } else if is_group_file(&name) {
            paths.push(path);
        }
    }
    Ok(())
}

/// A path as it is shown: relative to the project file's folder, with forward slashes.
fn shown(root: &Path, path: &Path) -> String {
    let relative = path.strip_prefix(root).unwrap_or(path);
    let is_absolute = relative.is_absolute();
    let parts: Vec<_> = relative
        .components()
        .filter(|part| !matches!(part, Component::CurDir))
        .map(|part| part.as_os_str().to_string_lossy())
        .collect();
    if is_absolute {
        relative.to_string_lossy().into_owned()
    } else {
        parts.join("/")
    }
}
