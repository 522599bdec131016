//! Findings as GitLab's Code Quality report, and the counts of a plan for its merge request widget.
//!
//! GitLab's pages "Code Quality report format" and "artifacts:reports:terraform" are the sources.

use serde_json::{Value, json};

use super::{
    checked::Checked,
    finding::{Finding, Level},
};

/// Weight in tenths from which on a warning is a major one.
const MAJOR: u8 = 50;

/// An entry per finding that is not known.
pub fn code_quality(checked: &Checked<'_>) -> String {
    let findings = checked.findings.iter().filter(|finding| finding.is_fresh());
    let entries: Vec<Value> = findings.map(|finding| entry(finding, checked)).collect();
    let mut text = serde_json::to_string_pretty(&entries).expect("a value is written as it is");
    text.push('\n');
    text
}

fn entry(finding: &Finding, checked: &Checked<'_>) -> Value {
    let Finding {
        rule,
        level,
        message,
        place,
        fingerprint,
        ..
    } = finding;
    let description = match finding.group_name() {
        Some(name) => format!("{name}: {message}"),
        None => message.clone(),
    };
    let severity = match (level, rule.severity) {
        (Level::Error, _) => "critical",
        (Level::Warning, Some(severity)) if severity >= MAJOR => "major",
        (Level::Warning, _) => "minor",
    };
    let (path, line) = match place {
        Some(place) => (place.file.as_str(), place.line),
        None => (checked.project, 1),
    };
    json!({
        "description": description,
        "check_name": rule.id,
        "fingerprint": fingerprint,
        "severity": severity,
        "location": { "path": path, "lines": { "begin": line } },
    })
}

/// Numbers of rules that are made, modified and deleted.
pub fn counts(create: usize, update: usize, delete: usize) -> String {
    format!(
        "{:#}\n",
        json!({ "create": create, "update": update, "delete": delete })
    )
}

#[cfg(test)]
mod tests {
    use crate::{
        diag::{Code, Diagnostic},
        report::{
            finding::{Found, findings},
            sample::Files,
        },
    };

    use super::*;

    #[test]
    fn an_entry_has_what_gitlab_asks_for_and_known_ones_are_left_out() {
        let files = Files::new();
        let diagnostics = [
            Diagnostic::warning(Code::NeverEffective, "never decides").label(files.line(4), ""),
            Diagnostic::warning(Code::RedundantRule, "changes nothing").label(files.line(5), ""),
            Diagnostic::error(Code::NoFiles, "no group file"),
            Diagnostic::warning(Code::PriorityTwin, "twins").label(files.line(6), ""),
        ];
        let mut found = findings(&Found {
            sources: &files.sources,
            folder: "net/",
            groups: &[],
            files: &diagnostics,
            plan: None,
        });
        found[3].known = true;
        let text = code_quality(&Checked {
            project: "net/rulekeep.yaml",
            findings: &found,
            ..Checked::default()
        });
        let entries: Value = serde_json::from_str(&text).unwrap();
        let entries = entries.as_array().unwrap();
        let told: Vec<String> = entries
            .iter()
            .map(|entry| {
                format!(
                    "{} {} {} {}:{}",
                    entry["severity"].as_str().unwrap(),
                    entry["check_name"].as_str().unwrap(),
                    entry["description"].as_str().unwrap(),
                    entry["location"]["path"].as_str().unwrap(),
                    entry["location"]["lines"]["begin"]
                )
            })
            .collect();
        assert_eq!(
            told,
            [
                "critical no-files no group file net/rulekeep.yaml:1",
                "major never-effective never decides net/rules/web.yaml:4",
                "minor redundant-rule changes nothing net/rules/web.yaml:5",
            ]
        );
        let mut fingerprints: Vec<&str> = entries
            .iter()
            .map(|entry| entry["fingerprint"].as_str().unwrap())
            .collect();
        fingerprints.sort_unstable();
        fingerprints.dedup();
        assert_eq!(fingerprints.len(), 3);
    }

    #[test]
    fn counts_are_numbers() {
        let value: Value = serde_json::from_str(&counts(3, 1, 2)).unwrap();
        assert_eq!(value, json!({ "create": 3, "update": 1, "delete": 2 }));
    }
}
