//! Reading one project again and again: what has not changed is not parsed twice.

use std::{path::Path, sync::Arc};

use rayon::prelude::*;

use crate::{
    desired::{Desired, LoadError},
    diag::{Diagnostic, FileId, Sources},
};

use super::{FileResult, unread::Known};

/// Keeps what came of each file of a project, for the next load.
///
/// What comes of a group file follows from its text, its place among the files, which is part of every span, and the project file. A load
/// of a loader is therefore the same as [`load`](super::load). Files that nothing has happened to are not read again.
#[derive(Debug, Default)]
pub struct Loader {
    /// Text of the project file, and whether it could not be read.
    project: Option<(Arc<str>, bool)>,
    /// By [`FileId`].
    files: Vec<(FileId, Kept)>,
    parsed: usize,
    found: Found,
}

/// What was found below the rules folder.
#[derive(Debug, Default)]
pub(super) struct Found {
    pub(super) known: Known,
    /// How many files were read.
    pub(super) reads: usize,
}

/// What came of a text.
#[derive(Debug)]
struct Kept {
    text: Arc<str>,
    /// A file that could not be read has no text, and says other things than one that is empty.
    text_missing: bool,
    result: FileResult,
}

impl Loader {
    /// As [`load`](super::load).
    pub fn load(&mut self, project_file: &Path) -> Result<(Desired, Vec<Diagnostic>), LoadError> {
        self.parsed = 0;
        self.found.reads = 0;
        super::load_by(project_file, Some(self))
    }

    /// How many group files the last load has parsed.
    pub fn parsed(&self) -> usize {
        self.parsed
    }

    /// How many group files the last load has read; the rest is as it was the time before.
    pub fn read(&self) -> usize {
        self.found.reads
    }

    pub(super) fn take_known(&mut self) -> Known {
        std::mem::take(&mut self.found.known)
    }

    pub(super) fn keep_known(&mut self, found: Found) {
        self.found = found;
    }

    /// Takes the text of the project file; with another one every group file may mean something else.
    pub(super) fn begin(&mut self, text: &Arc<str>, text_missing: bool) {
        let project = (Arc::clone(text), text_missing);
        if self.project.as_ref() != Some(&project) {
            self.files.clear();
            self.project = Some(project);
        }
    }

    /// What comes of each file, by what is known or by reading it.
    pub(super) fn results(
        &mut self,
        ids: &[(FileId, bool)],
        sources: &Sources,
        read: impl Fn(&(FileId, bool)) -> FileResult + Sync,
    ) -> Vec<FileResult> {
        let is_known = |file: &(FileId, bool)| {
            let at = self.files.binary_search_by_key(&file.0, |(id, _)| *id);
            at.is_ok_and(|at| {
                let kept = &self.files[at].1;
                kept.text_missing == file.1 && kept.text == sources.get(file.0).text
            })
        };
        let new: Vec<(FileId, bool)> = ids
            .par_iter()
            .filter(|file| !is_known(file))
            .copied()
            .collect();
        self.parsed = new.len();
        let new: Vec<(FileId, Kept)> = new
            .par_iter()
            .map(|file| {
                let (id, text_missing) = *file;
                let kept = Kept {
                    text: Arc::clone(&sources.get(id).text),
                    text_missing,
                    result: read(file),
                };
                (id, kept)
            })
            .collect();
        // Both are in the order of ids: one walk over the old puts the new in.
        let mut old = std::mem::take(&mut self.files).into_iter().peekable();
        let mut new = new.into_iter().peekable();
        self.files = ids
            .iter()
            .map(|(id, _)| {
                while old.peek().is_some_and(|(other, _)| other < id) {
                    old.next();
                }
                let known = old.next_if(|(other, _)| other == id);
                new.next_if(|(other, _)| other == id)
                    .or(known)
                    .expect("what is not known was read")
            })
            .collect();
        self.files
            .par_iter()
            .map(|(_, kept)| kept.result.clone())
            .collect()
    }
}

#[cfg(test)]
mod tests;
