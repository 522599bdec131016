//! Reports for programs. The members are a contract: `format_version` says which one, and `schema/plan.schema.json`
//! is its schema.
//!
//! Deterministic: everything that is not in the plan (the time, the commit) is given from outside.

mod applied;
mod build;
mod checked;
mod document;
mod failed;
#[cfg(test)]
mod tests;

pub use applied::{AppliedCounts, AppliedGroup, ApplyDocument, Unapplied, applied, unapplied};
pub use checked::{findings, findings_schema};
pub use document::{
    Action, ApplyResult, ChangeBody, DiagnosticBody, Finding, GroupBody, Level, ModeBody,
    ModesBody, PeerBody, Place, PlanDocument, Reason, ResourceChange, RuleBody, StepAction,
    StepBody, Summary, Unread,
};
pub use failed::{FailureBody, failed};

use crate::model::{GroupId, Rule};

use super::PlanReport;

/// Version of the members: minor is additive, major breaks.
pub const FORMAT_VERSION: &str = "1.0";

/// The plan as JSON text, ending with a line end.
pub fn plan(report: &PlanReport<'_>) -> String {
    text(&build::document(report))
}

/// JSON Schema of [`plan`]'s text.
pub fn plan_schema() -> String {
    text(&schemars::schema_for!(PlanDocument))
}

/// A rule of a group, as `before` and `after` hold it.
pub fn rule(group: &GroupId, rule: &Rule) -> RuleBody {
    build::rule_body(group, rule)
}

pub(super) fn text(value: &impl serde::Serialize) -> String {
    let mut text = serde_json::to_string_pretty(value)
        .expect("documents hold nothing that JSON cannot, and a String takes everything");
    text.push('\n');
    text
}
