//! Findings that are known already, in a file of their own, so that only new ones fail a pull request.
//!
//! Warnings only: what keeps a plan from being applied is never known well enough to be let through. A fingerprint, not a
//! line number, says whether a finding is known; the rest of an entry is for the people who review the file.

use std::collections::{BTreeMap, BTreeSet};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::diag::Code;

use super::finding::{Finding, Origin};

/// Version of the members: minor is additive, major breaks.
const FORMAT_VERSION: &str = "1.0";

/// Known findings by fingerprint.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Baseline {
    entries: BTreeMap<String, Entry>,
}

/// Findings that are known.
///
/// Written by `--update-baseline`.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[schemars(title = "Rulekeep baseline")]
struct Document {
    /// Version of this format: minor is additive, major breaks.
    format_version: String,
    /// Sorted by group, file, rule and message.
    findings: Vec<Entry>,
}

/// One known finding.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
struct Entry {
    /// `account/region/name` of the group, as it is declared.
    group: Option<String>,
    /// The file it was found in.
    file: Option<String>,
    /// Stable name of its kind.
    rule: String,
    /// What was said.
    message: String,
    /// What says that a finding is this one.
    fingerprint: String,
    /// Whether the files alone show it, or the cloud has to be asked.
    found_in: FoundIn,
}

/// What has to be looked at to find it.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
enum FoundIn {
    /// The files: every command finds it.
    Files,
    /// The cloud too: `plan` and `drift` find it.
    Cloud,
}

/// Why a text is no baseline.
#[derive(Debug, thiserror::Error)]
pub enum BaselineError {
    /// Not the JSON of a baseline.
    #[error("it is not the JSON of a baseline")]
    Shape(#[source] serde_json::Error),
    /// Of a later version of the program.
    #[error("its format is {0}, this version reads {FORMAT_VERSION}")]
    Version(String),
}

impl Baseline {
    /// Reads the text of a baseline.
    pub fn parse(text: &str) -> Result<Self, BaselineError> {
        let document: Document = serde_json::from_str(text).map_err(BaselineError::Shape)?;
        let major = |version: &str| version.split('.').next().map(str::to_owned);
        if major(&document.format_version) != major(FORMAT_VERSION) {
            return Err(BaselineError::Version(document.format_version));
        }
        let entries = document.findings.into_iter();
        let entries = entries.map(|entry| (entry.fingerprint.clone(), entry));
        Ok(Self {
            entries: entries.collect(),
        })
    }

    /// Marks the findings that are known.
    pub fn mark(&self, findings: &mut [Finding]) {
        for finding in findings {
            finding.known =
                finding.is_tolerable() && self.entries.contains_key(&finding.fingerprint);
        }
    }

    /// How many entries nothing was found for, among those that a look at `origin` would find.
    pub fn mended(&self, findings: &[Finding], origin: Origin) -> usize {
        let found: BTreeSet<&str> = findings
            .iter()
            .map(|one| one.fingerprint.as_str())
            .collect();
        let seen = self
            .entries
            .values()
            .filter(|entry| entry.is_found_in(origin));
        seen.filter(|entry| !found.contains(entry.fingerprint.as_str()))
            .count()
    }

    /// The baseline after a look at `origin`: what was found, and what such a look cannot find.
    pub fn updated(&self, findings: &[Finding], origin: Origin) -> Self {
        let unseen = self
            .entries
            .values()
            .filter(|entry| !entry.is_found_in(origin));
        let tolerable = findings.iter().filter(|finding| finding.is_tolerable());
        let entries = unseen.cloned().chain(tolerable.map(Entry::of));
        Self {
            entries: entries
                .map(|entry| (entry.fingerprint.clone(), entry))
                .collect(),
        }
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// The text of the file, the same for the same findings.
    pub fn text(&self) -> String {
        let mut findings: Vec<Entry> = self.entries.values().cloned().collect();
        findings.sort();
        let document = Document {
            format_version: FORMAT_VERSION.to_owned(),
            findings,
        };
        super::json::text(&document)
    }
}

/// JSON Schema of the file.
pub fn schema() -> String {
    super::json::text(&schemars::schema_for!(Document))
}

impl Entry {
    fn of(finding: &Finding) -> Self {
        let Finding {
            rule,
            message,
            group,
            place,
            fingerprint,
            origin,
            ..
        } = finding;
        Self {
            group: group.clone(),
            file: place.as_ref().map(|place| place.file.clone()),
            rule: rule.id.to_string(),
            message: message.clone(),
            fingerprint: fingerprint.clone(),
            found_in: match origin {
                Origin::Files => FoundIn::Files,
                Origin::Cloud => FoundIn::Cloud,
            },
        }
    }

    /// Who asks the cloud looks at the files too, but judges assertions by what is in the cloud.
    fn is_found_in(&self, origin: Origin) -> bool {
        match origin {
            Origin::Files => self.found_in == FoundIn::Files,
            Origin::Cloud => self.rule != Code::AssertionViolated.as_str(),
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::{
        diag::Diagnostic,
        report::{
            finding::{Found, findings},
            sample::Files,
        },
    };

    use super::*;

    fn found(lines: &[u32]) -> Vec<Finding> {
        let files = Files::new();
        let diagnostics: Vec<Diagnostic> = lines
            .iter()
            .map(|line| {
                Diagnostic::warning(Code::NeverEffective, format!("rule {}", line % 10))
                    .label(files.line(*line), "")
            })
            .chain([Diagnostic::error(Code::Tab, "a tab").label(files.line(1), "")])
            .collect();
        findings(&Found {
            sources: &files.sources,
            folder: "",
            groups: &[],
            files: &diagnostics,
            plan: None,
        })
    }

    #[test]
    fn what_was_written_is_known_wherever_it_has_moved_and_nothing_else_is() {
        let text = Baseline::default()
            .updated(&found(&[2, 3]), Origin::Files)
            .text();
        let baseline = Baseline::parse(&text).unwrap();
        assert_eq!(baseline.text(), text);
        assert_eq!(baseline.len(), 2, "an error is not in it");

        let mut later = found(&[12, 23, 4]);
        baseline.mark(&mut later);
        let known: Vec<(&str, bool)> = later.iter().map(|one| (&*one.message, one.known)).collect();
        assert_eq!(
            known,
            [
                ("a tab", false),
                ("rule 4", false),
                ("rule 2", true),
                ("rule 3", true)
            ]
        );
    }

    #[test]
    fn two_alike_are_two_and_a_third_is_new() {
        let baseline = Baseline::default().updated(&found(&[2, 12]), Origin::Files);
        let mut later = found(&[2, 12, 22]);
        baseline.mark(&mut later);
        assert_eq!(later.iter().filter(|finding| finding.known).count(), 2);
    }

    #[test]
    fn an_update_drops_what_is_mended_and_keeps_what_it_could_not_have_seen() {
        let mut old = found(&[2, 3]);
        for finding in old.iter_mut().filter(|finding| finding.message == "rule 3") {
            finding.origin = Origin::Cloud;
        }
        let baseline = Baseline::default().updated(&old, Origin::Cloud);
        assert_eq!(
            (
                baseline.mended(&[], Origin::Files),
                baseline.mended(&[], Origin::Cloud)
            ),
            (1, 2)
        );
        let updated = baseline.updated(&[], Origin::Files);
        assert_eq!(updated.len(), 1);
        assert!(baseline.updated(&[], Origin::Cloud).is_empty());
    }

    #[test]
    fn what_is_no_baseline_or_of_another_version_is_refused() {
        assert!(matches!(
            Baseline::parse("{}"),
            Err(BaselineError::Shape(_))
        ));
        let later = "{\"format_version\": \"2.0\", \"findings\": []}";
        let error = Baseline::parse(later).unwrap_err();
        assert_eq!(
            error.to_string(),
            "its format is 2.0, this version reads 1.0"
        );
        assert!(Baseline::parse("{\"format_version\": \"1.9\", \"findings\": []}").is_ok());
    }

    #[test]
    fn a_baseline_fits_its_schema() {
        let schema: serde_json::Value = serde_json::from_str(&schema()).unwrap();
        let text = Baseline::default()
            .updated(&found(&[2]), Origin::Files)
            .text();
        let document = serde_json::from_str(&text).unwrap();
        assert!(jsonschema::is_valid(&schema, &document), "{text}");
    }
}
