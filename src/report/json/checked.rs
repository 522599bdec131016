//! What `validate` has found, in JSON.

use schemars::JsonSchema;
use serde::Serialize;

use crate::report::{
    checked::Checked,
    finding::{self, Finding},
};

use super::{FORMAT_VERSION, document::Level, text};

/// What was checked and found.
#[derive(Clone, Debug, Serialize, JsonSchema)]
#[schemars(title = "Rulekeep findings")]
struct Document {
    /// Version of this format: minor is additive, major breaks.
    format_version: &'static str,
    /// Version of the program.
    tool_version: &'static str,
    /// Whether there is no error.
    valid: bool,
    /// Whether not everything could be looked at.
    errored: bool,
    /// Numbers.
    summary: Counts,
    /// The worst first, then by place.
    findings: Vec<FindingBody>,
}

/// Numbers over all findings.
#[derive(Clone, Copy, Debug, Serialize, JsonSchema)]
struct Counts {
    /// Groups that were looked at.
    groups: usize,
    /// Errors.
    errors: usize,
    /// Warnings, known ones aside.
    warnings: usize,
    /// Warnings that the baseline has.
    known: usize,
}

/// One thing that is wrong or worth a look.
#[derive(Clone, Debug, Serialize, JsonSchema)]
struct FindingBody {
    /// Stable name of its kind.
    rule: String,
    /// How bad it is.
    level: Level,
    /// Weight in security from 0.0 to 10.0; null: it says nothing about exposure.
    security_severity: Option<String>,
    /// One sentence.
    message: String,
    /// How to mend it.
    help: Vec<String>,
    /// Where its kind is explained.
    help_uri: String,
    /// `account/region/name` of the group, as it is declared.
    group: Option<String>,
    /// Where it is.
    declared_at: Option<PlaceBody>,
    /// What is said of that place, such as the traffic that its rule admits; null where nothing is.
    note: Option<String>,
    /// Other places that have to do with it, such as the rules that decide.
    related: Vec<RelatedBody>,
    /// The same in every run, wherever its lines have moved to.
    fingerprint: String,
    /// Whether the baseline has it.
    known: bool,
}

/// A place in the files.
#[derive(Clone, Debug, Serialize, JsonSchema)]
struct PlaceBody {
    /// Path seen from the top of the repository.
    file: String,
    /// Line, from 1.
    line: u32,
    /// Column in characters, from 1.
    column: u32,
}

/// Another place, and what it has to do with a finding.
#[derive(Clone, Debug, Serialize, JsonSchema)]
struct RelatedBody {
    /// Where it is.
    place: PlaceBody,
    /// In a few words; may be empty.
    text: String,
}

fn place(place: &finding::Place) -> PlaceBody {
    PlaceBody {
        file: place.file.clone(),
        line: place.line,
        column: place.column,
    }
}

/// Findings as JSON text, ending with a line end.
pub fn findings(checked: &Checked<'_>) -> String {
    let of = |level, known| {
        let findings = checked.findings.iter();
        findings
            .filter(|one| one.level == level && one.known == known)
            .count()
    };
    let errors = of(finding::Level::Error, false);
    text(&Document {
        format_version: FORMAT_VERSION,
        tool_version: env!("CARGO_PKG_VERSION"),
        valid: errors == 0,
        errored: checked.is_cut_short,
        summary: Counts {
            groups: checked.groups.len(),
            errors,
            warnings: of(finding::Level::Warning, false),
            known: of(finding::Level::Warning, true),
        },
        findings: checked.findings.iter().map(body).collect(),
    })
}

/// JSON Schema of [`findings`]' text.
pub fn findings_schema() -> String {
    text(&schemars::schema_for!(Document))
}

fn body(finding: &Finding) -> FindingBody {
    let Finding {
        rule,
        level,
        message,
        help,
        group,
        place: declared,
        note,
        related,
        fingerprint,
        origin: _,
        known,
        waived: _,
    } = finding;
    FindingBody {
        rule: rule.id.to_string(),
        level: match level {
            finding::Level::Error => Level::Error,
            finding::Level::Warning => Level::Warning,
        },
        security_severity: rule.security_severity(),
        message: message.clone(),
        help: help.clone(),
        help_uri: rule.help_uri(),
        group: group.clone(),
        declared_at: declared.as_ref().map(place),
        note: (!note.is_empty()).then(|| note.clone()),
        related: related
            .iter()
            .map(|(at, text)| RelatedBody {
                place: place(at),
                text: text.clone(),
            })
            .collect(),
        fingerprint: fingerprint.clone(),
        known: *known,
    }
}

#[cfg(test)]
mod tests {
    use snapbox::{assert_data_eq, file};

    #[test]
    fn the_committed_schemas_are_current() {
        assert_data_eq!(
            super::findings_schema(),
            file!["../../../schema/findings.schema.json"].raw()
        );
        assert_data_eq!(
            crate::report::baseline::schema(),
            file!["../../../schema/baseline.schema.json"].raw()
        );
    }
}
