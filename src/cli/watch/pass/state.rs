//! One state of the files, and what is gathered while it is looked at.

use std::{path::Path, time::Instant};

use jiff::Timestamp;

use crate::{
    diag::Diagnostic,
    report::Stamp,
    watch::{BadCommit, git::Checkout},
};

use super::super::tell::Scene;

/// Where the files are.
#[derive(Clone, Copy, Debug)]
pub(in super::super) enum Files<'a> {
    /// Where somebody edits them.
    Here {
        /// The project file.
        project: &'a Path,
    },
    /// In commits.
    Git(&'a Checkout),
}

/// One state of the files.
#[derive(Clone, Copy, Debug)]
pub(in super::super) struct State<'s> {
    /// The commit that is checked out, and what speaks against it.
    pub(in super::super) commit: Option<(&'s str, Option<&'s str>)>,
    /// Newer commits that were not taken.
    pub(in super::super) bad: &'s [BadCommit],
    /// Whether another state is tried when the files of this one are to blame.
    pub(in super::super) another: bool,
    /// The folder whose lock is held already.
    pub(in super::super) locked: Option<&'s Path>,
}

impl State<'_> {
    /// Files that are not in git's care.
    pub(in super::super) const HERE: Self = Self {
        commit: None,
        bad: &[],
        another: false,
        locked: None,
    };
}

/// What is gathered while one state of the files is looked at.
#[derive(Debug)]
pub(in super::super) struct Attempt<'s> {
    pub(super) state: State<'s>,
    pub(super) at: Timestamp,
    pub(super) clock: Instant,
    /// Of the files, as soon as it is known.
    pub(super) stamp: Option<Stamp>,
    pub(super) scene: Scene,
    /// What is odd about the files.
    pub(super) warnings: Vec<Diagnostic>,
}

impl<'s> Attempt<'s> {
    pub(in super::super) fn of(state: State<'s>) -> Self {
        let at = Timestamp::now();
        Self {
            state,
            at,
            clock: Instant::now(),
            stamp: state.commit.map(|(commit, _)| stamp_of(commit, at)),
            scene: Scene::default(),
            warnings: Vec::new(),
        }
    }
}

/// Of files that are checked out from a commit.
fn stamp_of(commit: &str, at: Timestamp) -> Stamp {
    Stamp {
        timestamp: at,
        commit: Some(commit.to_owned()),
        dirty: Some(false),
    }
}
