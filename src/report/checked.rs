//! What was checked and what was found: all that the formats for findings need.

use super::finding::Finding;

/// What a command has checked.
#[derive(Clone, Copy, Debug, Default)]
pub struct Checked<'a> {
    /// The command: `validate`, `plan`, `drift` or `apply`.
    pub command: &'static str,
    /// The project file, seen from the top of the repository: findings without a place of their own are shown there.
    pub project: &'a str,
    /// What stands for a run over a part of the project, such as `shard 1/3`; empty when it is over all of it.
    pub part: &'a str,
    /// Whether the run failed before it had looked at everything.
    pub is_cut_short: bool,
    /// The groups that were looked at.
    pub groups: &'a [CheckedGroup],
    /// Everything found, known or not, the worst first.
    pub findings: &'a [Finding],
    /// Whether the findings were compared with a baseline.
    pub is_compared: bool,
    /// Whether a new warning fails the run.
    pub warnings_fail: bool,
}

/// A group that was looked at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CheckedGroup {
    /// `account/region/name`, as it is declared.
    pub label: String,
    /// For `drift`: how it differs from the files, if it does.
    pub drift: Option<String>,
}
