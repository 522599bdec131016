//! What came of an apply, in JSON.

use schemars::JsonSchema;
use serde::Serialize;

use crate::{
    apply::{GroupOutcome, GroupReport, Report},
    report::checked::Checked,
};

use super::{
    FORMAT_VERSION,
    document::{ApplyResult, DiagnosticBody},
    failed::diagnostics,
    text,
};

/// What came of an apply.
#[derive(Clone, Debug, Serialize, JsonSchema)]
#[schemars(title = "Rulekeep apply report")]
pub struct ApplyDocument {
    /// Version of this format: minor is additive, major breaks.
    pub format_version: &'static str,
    /// Version of the program.
    pub tool_version: &'static str,
    /// Id of this apply.
    pub run_id: String,
    /// Whether everything is done and was read back.
    pub complete: bool,
    /// Whether something was not done, or nothing.
    pub errored: bool,
    /// Numbers over all groups.
    pub summary: AppliedCounts,
    /// Every group that had changes.
    pub groups: Vec<AppliedGroup>,
    /// Why nothing was applied; null: it was begun, or there was nothing to do.
    pub unapplied: Option<Unapplied>,
    /// What was found where nothing was applied: in the files, by the guard, or the failure itself.
    pub diagnostics: Vec<DiagnosticBody>,
}

/// Why nothing was applied.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct Unapplied {
    /// In a line.
    pub message: String,
    /// What lies behind it: refusals, what has moved, errors.
    pub reasons: Vec<String>,
}

/// The document of an apply that was not begun.
pub fn unapplied(message: &str, reasons: &[String], checked: &Checked<'_>) -> String {
    text(&ApplyDocument {
        format_version: FORMAT_VERSION,
        tool_version: env!("CARGO_PKG_VERSION"),
        run_id: String::new(),
        complete: false,
        errored: true,
        summary: AppliedCounts::default(),
        groups: Vec::new(),
        unapplied: Some(Unapplied {
            message: message.to_owned(),
            reasons: reasons.to_vec(),
        }),
        diagnostics: diagnostics(checked),
    })
}

/// Rules that calls confirmed by the cloud have changed.
#[derive(Clone, Copy, Debug, Default, Serialize, JsonSchema)]
pub struct AppliedCounts {
    /// Rules added.
    pub added: usize,
    /// Rules modified.
    pub changed: usize,
    /// Rules deleted.
    pub destroyed: usize,
}

/// One group of an apply.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct AppliedGroup {
    /// `account/region/group`.
    pub address: String,
    /// Name to show.
    pub name: String,
    /// How it ended.
    pub result: ApplyResult,
    /// The group's numbers.
    pub summary: AppliedCounts,
    /// The call that failed, in words.
    pub call: Option<String>,
    /// Why it did not end well.
    pub error: Option<String>,
    /// The rules that the result is about: of the failed call, held back, moved or still missing.
    pub rules: Vec<String>,
    /// What the reader should know though nothing failed.
    pub notes: Vec<String>,
}

/// The report as JSON text, ending with a line end.
pub fn applied(report: &Report) -> String {
    let Report { run_id, groups } = report;
    let groups: Vec<_> = groups.iter().map(group).collect();
    let mut summary = AppliedCounts::default();
    for AppliedGroup { summary: part, .. } in &groups {
        summary.added += part.added;
        summary.changed += part.changed;
        summary.destroyed += part.destroyed;
    }
    let complete = groups.iter().all(|group| group.result == ApplyResult::Done);
    text(&ApplyDocument {
        format_version: FORMAT_VERSION,
        tool_version: env!("CARGO_PKG_VERSION"),
        run_id: run_id.clone(),
        complete,
        errored: !complete,
        summary,
        groups,
        unapplied: None,
        diagnostics: Vec::new(),
    })
}

fn group(report: &GroupReport) -> AppliedGroup {
    let GroupReport {
        address,
        name,
        outcome,
        added,
        changed,
        destroyed,
        notes,
    } = report;
    let (result, call, error, rules) = match outcome {
        GroupOutcome::Done => (ApplyResult::Done, None, None, &[][..]),
        GroupOutcome::NotYetVisible(missing) => {
            (ApplyResult::NotYetVisible, None, None, missing.as_slice())
        }
        GroupOutcome::Failed { call, error, rules } => (
            ApplyResult::Failed,
            Some(call.clone()),
            Some(error.clone()),
            rules.as_slice(),
        ),
        GroupOutcome::HeldBack { reason, rules } => (
            ApplyResult::HeldBack,
            None,
            Some(reason.clone()),
            rules.as_slice(),
        ),
        GroupOutcome::Drifted(moved) => (ApplyResult::Drifted, None, None, moved.as_slice()),
        GroupOutcome::Interrupted => (ApplyResult::Interrupted, None, None, &[][..]),
        GroupOutcome::NotBegun => (ApplyResult::NotBegun, None, None, &[][..]),
    };
    AppliedGroup {
        address: address.to_string(),
        name: name.clone(),
        result,
        summary: AppliedCounts {
            added: *added,
            changed: *changed,
            destroyed: *destroyed,
        },
        call,
        error,
        rules: rules.to_vec(),
        notes: notes.clone(),
    }
}
