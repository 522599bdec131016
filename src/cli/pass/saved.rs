//! Plans that are kept in a file between `plan` and `apply`.

use std::path::Path;

use jiff::Timestamp;

use super::Prepared;
use crate::cli::{
    Failure,
    project::{Part, Selection, Targets},
};
use crate::{
    desired::Desired,
    git::{self, Revision},
    guard::Refusal,
    reconcile, report,
    report::Stamp,
    saved,
};

/// When and from what a plan is made.
pub(in crate::cli) fn stamp(desired: &Desired, at: Timestamp) -> Stamp {
    let revision = git::revision(&desired.project.root, |name| std::env::var(name).ok());
    Stamp {
        timestamp: at,
        commit: revision.as_ref().map(|revision| revision.commit.clone()),
        dirty: revision.map(|revision| revision.dirty),
    }
}

/// Writes a plan to a file that `apply` takes.
pub(in crate::cli) fn save(
    prepared: &Prepared<'_>,
    path: &Path,
    refusals: &[Refusal],
    stamp: &Stamp,
) -> Result<(), Failure> {
    let revision = stamp.commit.clone().map(|commit| Revision {
        commit,
        dirty: stamp.dirty.unwrap_or_default(),
    });
    let saved = saved::Saved::new(&prepared.inner, revision.as_ref());
    let document = serde_json::from_str(&report::json::plan(&prepared.report(refusals, stamp)))
        .expect("the reporter writes JSON");
    saved::write(path, &saved, document)
        .map_err(|error| Failure::new("the plan cannot be saved").because(&error))
}

/// What a saved plan was about; checked against a new plan by [`check`].
pub(in crate::cli) struct Saved {
    inner: saved::Saved,
    /// What was chosen when it was made.
    pub(in crate::cli) selection: Selection,
}

/// Whether a file is a saved plan, whatever its name.
pub(in crate::cli) fn is_saved_plan(path: &Path) -> bool {
    saved::is_saved(path)
}

/// Reads a saved plan.
pub(in crate::cli) fn read_saved(path: &Path) -> Result<Saved, Failure> {
    let inner = saved::read(path).map_err(|error| {
        Failure::new("the saved plan cannot be used; nothing was changed")
            .because(&error)
            .help("`rulekeep plan --out FILE` makes one")
    })?;
    Ok(Saved {
        selection: Selection {
            paths: inner.selection.paths.clone(),
            targets: Targets {
                targets: inner.selection.targets.clone(),
            },
            part: Part {
                shard: inner.selection.shard,
            },
            only: inner.selection.only.clone(),
            since: None,
        },
        inner,
    })
}

/// What has moved between two plans of one run, a line each; empty: nothing.
pub(super) fn moved(
    before: &reconcile::Prepared<'_>,
    now: &reconcile::Prepared<'_>,
) -> Vec<String> {
    let moved = saved::Saved::new(before, None).check(now);
    let moved = moved.err().unwrap_or_default();
    let mut lines: Vec<String> = moved.iter().map(ToString::to_string).collect();
    lines.extend(now.unreadable.iter().map(|failure| {
        let reconcile::ReadFailure {
            account,
            region,
            group,
            error,
            ..
        } = failure;
        format!("{account}/{region}/{group} could not be read again: {error}")
    }));
    let errors = now.diagnostics().filter(|d| d.is_error());
    lines.extend(errors.map(|d| d.message.clone()));
    lines
}

/// What has moved since the plan was saved, a line each; empty: nothing.
pub(in crate::cli) fn check(saved: &Saved, prepared: &Prepared<'_>, stamp: &Stamp) -> Vec<String> {
    let moved = saved.inner.check(&prepared.inner).err().unwrap_or_default();
    let mut moved: Vec<String> = moved.iter().map(ToString::to_string).collect();
    let commit = |commit: &Option<String>, dirty: bool| {
        let commit = commit.as_ref()?;
        let dirty = if dirty { " with changes" } else { "" };
        Some(format!("commit {commit}{dirty}"))
    };
    let before = commit(&saved.inner.commit, saved.inner.dirty);
    let now = commit(&stamp.commit, stamp.dirty.unwrap_or_default());
    // Never a reason by itself, but it says where to look.
    if !moved.is_empty()
        && let (Some(before), Some(now)) = (before, now)
    {
        moved.push(match before == now {
            true => format!("planned at and now at {now}"),
            false => format!("planned at {before}, now at {now}"),
        });
    }
    moved
}
