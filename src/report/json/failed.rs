//! A run that came to no plan, in JSON: a program that reads the plan must not take silence for one without changes.

use schemars::JsonSchema;
use serde::Serialize;

use crate::report::{Stamp, checked::Checked, finding};

use super::{
    FORMAT_VERSION,
    document::{DiagnosticBody, Level, Place, PlanDocument, Summary},
    text,
};

/// Why there is no plan.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct FailureBody {
    /// In a line.
    pub message: String,
    /// What lies behind it, the nearest first.
    pub causes: Vec<String>,
    /// What to do next.
    pub help: Vec<String>,
}

/// The document of a plan that was not made; `checked`: what was found on the way.
pub fn failed(failure: FailureBody, stamp: &Stamp, checked: &Checked<'_>) -> String {
    text(&PlanDocument {
        format_version: FORMAT_VERSION,
        tool_version: env!("CARGO_PKG_VERSION"),
        plan_id: String::new(),
        timestamp: stamp.timestamp.to_string(),
        commit: stamp.commit.clone(),
        dirty: stamp.dirty,
        shard: None,
        applyable: false,
        errored: true,
        summary: Summary::default(),
        resource_changes: Vec::new(),
        groups: Vec::new(),
        unread: Vec::new(),
        diagnostics: diagnostics(checked),
        failure: Some(failure),
    })
}

/// Findings as a plan has its diagnostics.
pub(super) fn diagnostics(checked: &Checked<'_>) -> Vec<DiagnosticBody> {
    // Places of findings start at the top of the repository.
    let folder = checked.project.rsplit_once('/');
    let folder = folder.map_or(String::new(), |(folder, _)| format!("{folder}/"));
    let findings = checked.findings.iter();
    findings
        .map(|finding| DiagnosticBody {
            severity: match finding.level {
                finding::Level::Error => Level::Error,
                finding::Level::Warning => Level::Warning,
            },
            code: finding.rule.id.to_string(),
            message: finding.message.clone(),
            places: finding
                .place
                .iter()
                .chain(finding.related.iter().map(|(place, _)| place))
                .map(|place| Place {
                    file: place
                        .file
                        .strip_prefix(&folder)
                        .unwrap_or(&place.file)
                        .to_owned(),
                    line: place.line,
                })
                .collect(),
            help: finding.help.clone(),
        })
        .collect()
}
