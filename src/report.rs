//! Plans and apply reports as text and JSON; one file per format.
//!
//! Everything here is a pure function from values to a `String`: where it goes is for `cli/output.rs`. A further
//! format is a file beside `json.rs`, a variant of [`Format`] and an arm where the compiler asks for one.

pub mod baseline;
pub mod checked;
pub mod codequality;
pub mod explain;
pub mod finding;
pub mod github;
pub mod html;
pub mod json;
pub mod junit;
pub mod markdown;
mod output;
mod review;
#[cfg(test)]
pub(crate) mod sample;
pub mod sarif;
pub mod text;
mod unread;

pub use output::{Format, OutputSpec, OutputSpecError};
pub use review::{Review, Subject};
pub use unread::{ReadFailure, Unread};

use jiff::Timestamp;

use crate::{
    diag::Sources,
    guard::Refusal,
    model::Rule,
    plan::{GroupPlan, Plan},
    reconcile::Shard,
};

/// A plan with everything that is reported beside it.
#[derive(Clone, Copy, Debug)]
pub struct PlanReport<'a> {
    /// The plan.
    pub plan: &'a Plan,
    /// The files, for places.
    pub sources: &'a Sources,
    /// What the guard has against it.
    pub refusals: &'a [Refusal],
    /// Groups that could not be read and are therefore not part of the plan.
    pub failures: &'a [ReadFailure],
    /// When and from what it was made.
    pub stamp: &'a Stamp,
    /// Which part of the estate it is about; `None`: no part.
    pub shard: Option<Shard>,
}

impl PlanReport<'_> {
    /// Whether something could not be planned.
    pub fn is_errored(&self) -> bool {
        !self.failures.is_empty() || self.plan.diagnostics.iter().any(|d| d.is_error())
    }

    /// Errors and what could not be read, in words: `2 errors, 1 group could not be read`; empty when it is whole.
    pub(crate) fn lacks(&self) -> String {
        let errors = self.plan.diagnostics.iter().filter(|d| d.is_error());
        let mut lacks = Vec::new();
        match errors.count() {
            0 => {}
            errors => lacks.push(text::count(errors, "error")),
        }
        match self.count_unread() {
            unread if unread.is_empty() => {}
            unread => lacks.push(format!("{unread} could not be read")),
        }
        lacks.join(", ")
    }

    /// Whether an apply would be let through and have something to do.
    pub fn is_applyable(&self) -> bool {
        !self.is_errored() && self.refusals.is_empty() && !self.plan.counts().is_empty()
    }
}

/// Where each of some rules comes from: the place that declares it, for a live rule that is not declared its id, or `default`.
pub fn deciders(group: &GroupPlan, rules: &[Option<Rule>], sources: &Sources) -> Vec<String> {
    let name = |rule: &Option<Rule>| {
        let Some(rule) = rule else {
            return DEFAULT.to_owned();
        };
        if group.is_inner_access(rule) {
            return INNER_ACCESS.to_owned();
        }
        let live = || {
            let seen = group
                .observed
                .rules
                .iter()
                .find(|seen| seen.rule.is_same_rule(rule));
            seen.and_then(|seen| seen.id.as_ref())
                .map_or_else(|| rule.to_string(), ToString::to_string)
        };
        let declared = group.place_of(rule);
        declared.map_or_else(live, |span| sources.place(span))
    };
    let mut names: Vec<String> = Vec::new();
    for name in rules.iter().map(name) {
        if !names.contains(&name) {
            names.push(name);
        }
    }
    names
}

/// What decides where no rule does.
const DEFAULT: &str = "default";

/// What decides among the members of a group that may reach each other.
const INNER_ACCESS: &str = "InnerAccessPolicy (members of the group reach each other)";

/// The first of some deciders, and how many more there are; empty for none.
fn by(names: &[String]) -> String {
    match names {
        [] => String::new(),
        [one] => one.clone(),
        [one, rest @ ..] => format!("{one} and {} more", rest.len()),
    }
}

/// When and from what a plan was made; given from outside, so that reports are pure.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stamp {
    /// When.
    pub timestamp: Timestamp,
    /// The git commit of the files.
    pub commit: Option<String>,
    /// Whether the files differ from that commit; `None`: not known.
    pub dirty: Option<bool>,
}
