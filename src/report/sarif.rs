//! Findings as SARIF 2.1.0, for code scanning.
//!
//! "Static Analysis Results Interchange Format (SARIF) Version 2.1.0" (OASIS) is the form; "SARIF support for code scanning"
//! (GitHub) says which of it is used: `security-severity`, `partialFingerprints`, a location for each result.

use serde_json::{Map, Value, json};

use super::{
    checked::Checked,
    finding::{Finding, Level, Place, Rule, UNREAD},
};

/// Where the schema stands.
const SCHEMA: &str =
    "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json";

/// The log file, ending with a line end.
pub fn sarif(checked: &Checked<'_>) -> String {
    let mut rules: Vec<&Finding> = checked.findings.iter().collect();
    rules.sort_by(|a, b| (&a.rule.id, a.level).cmp(&(&b.rule.id, b.level)));
    rules.dedup_by(|a, b| a.rule.id == b.rule.id);
    let index = |rule: &Rule| rules.iter().position(|finding| finding.rule.id == rule.id);
    let results: Vec<Value> = checked
        .findings
        .iter()
        .map(|finding| result(finding, index(&finding.rule), checked))
        .collect();
    let rules: Vec<Value> = rules
        .iter()
        .map(|finding| rule(&finding.rule, finding.level))
        .collect();
    let log = json!({
        "$schema": SCHEMA,
        "version": "2.1.0",
        "runs": [{
            "tool": { "driver": {
                "name": "rulekeep",
                "version": env!("CARGO_PKG_VERSION"),
                "semanticVersion": env!("CARGO_PKG_VERSION"),
                "rules": rules,
            }},
            // One kind of run does not close the alerts of another.
            "automationDetails": { "id": automation(checked) },
            "invocations": [{ "executionSuccessful": !is_cut_short(checked) }],
            "columnKind": "unicodeCodePoints",
            "originalUriBaseIds": {
                "SRCROOT": { "description": { "text": "The top of the repository." } }
            },
            "results": results,
        }],
    });
    let mut text = serde_json::to_string_pretty(&log).expect("a value is written as it is");
    text.push('\n');
    text
}

/// `rulekeep/plan/`, or `rulekeep/plan/shard-1-of-3/`: a run over a part closes no alerts of the others.
fn automation(checked: &Checked<'_>) -> String {
    let Checked { command, part, .. } = checked;
    match *part {
        "" => format!("rulekeep/{command}/"),
        // A slash begins another segment.
        part => {
            let part = part.replace('/', "-of-").replace(' ', "-");
            format!("rulekeep/{command}/{part}/")
        }
    }
}

fn is_cut_short(checked: &Checked<'_>) -> bool {
    let mut findings = checked.findings.iter();
    checked.is_cut_short || findings.any(|finding| finding.rule.id == UNREAD)
}

fn rule(rule: &Rule, level: Level) -> Value {
    let title = rule.title();
    let mut properties = Map::new();
    let tags = match rule.severity {
        Some(_) => json!(["security", "security-group"]),
        None => json!(["security-group"]),
    };
    properties.insert("tags".into(), tags);
    properties.insert("precision".into(), json!("very-high"));
    properties.insert("problem.severity".into(), json!(level.as_str()));
    if let Some(severity) = rule.security_severity() {
        properties.insert("security-severity".into(), json!(severity));
    }
    let text = rule.explanation();
    // The first paragraph says what it is.
    let full = text.split("\n\n").next().unwrap_or(&text);
    json!({
        "id": rule.id,
        "name": pascal_case(&rule.id),
        "shortDescription": { "text": title },
        "fullDescription": { "text": full },
        "help": { "text": text, "markdown": text },
        "helpUri": rule.help_uri(),
        "defaultConfiguration": { "level": level.as_str() },
        "properties": properties,
    })
}

/// `TooManyDeletes`: names of rules have no hyphens.
fn pascal_case(id: &str) -> String {
    let words = id.split('-').map(|word| {
        let mut letters = word.chars();
        let first = letters.next().map(|first| first.to_uppercase());
        first
            .into_iter()
            .flatten()
            .chain(letters)
            .collect::<String>()
    });
    words.collect()
}

fn result(finding: &Finding, rule_index: Option<usize>, checked: &Checked<'_>) -> Value {
    let Finding {
        rule,
        level,
        message,
        help,
        group,
        place,
        note: _,
        related,
        fingerprint,
        origin: _,
        known,
        waived,
    } = finding;
    let mut text = match finding.group_name() {
        Some(name) => format!("{name}: {message}"),
        None => message.clone(),
    };
    for line in help.iter().filter(|line| !line.is_empty()) {
        text.push_str(&format!("\n{line}"));
    }
    let fallback = Place {
        file: checked.project.to_owned(),
        line: 1,
        column: 1,
    };
    let mut location = location(place.as_ref().unwrap_or(&fallback), None, None);
    if let Some(group) = group {
        location["logicalLocations"] = json!([{ "fullyQualifiedName": group, "kind": "resource" }]);
    }
    let mut result = json!({
        "ruleId": rule.id,
        "level": level.as_str(),
        "message": { "text": text },
        "locations": [location],
        "partialFingerprints": { "rulekeep/v1": fingerprint },
    });
    if let Some(index) = rule_index {
        result["ruleIndex"] = json!(index);
    }
    if !related.is_empty() {
        let related = related.iter().zip(1..);
        let related: Vec<Value> = related
            .map(|((place, text), id)| self::location(place, Some(text), Some(id)))
            .collect();
        result["relatedLocations"] = json!(related);
    }
    if checked.is_compared {
        result["baselineState"] = json!(if *known { "unchanged" } else { "new" });
    }
    match waived {
        Some(waiver) => {
            let justification = format!("waived {waiver}");
            result["suppressions"] =
                json!([{ "kind": "inSource", "justification": justification }]);
        }
        None if *known => {
            result["suppressions"] =
                json!([{ "kind": "external", "justification": "known: it is in the baseline" }]);
        }
        None => {}
    }
    result
}

fn location(place: &Place, text: Option<&str>, id: Option<usize>) -> Value {
    let Place { file, line, column } = place;
    let mut location = json!({
        "physicalLocation": {
            "artifactLocation": { "uri": uri(file), "uriBaseId": "SRCROOT" },
            "region": { "startLine": line, "startColumn": column },
        },
    });
    if let Some(id) = id {
        location["id"] = json!(id);
    }
    if let Some(text) = text.filter(|text| !text.is_empty()) {
        location["message"] = json!({ "text": text });
    }
    location
}

/// A relative path as a relative reference (RFC 3986).
fn uri(file: &str) -> String {
    const KEPT: &percent_encoding::AsciiSet = &percent_encoding::NON_ALPHANUMERIC
        .remove(b'/')
        .remove(b'-')
        .remove(b'.')
        .remove(b'_')
        .remove(b'~');
    percent_encoding::utf8_percent_encode(file, KEPT).to_string()
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use crate::report::{
        PlanReport,
        finding::{Found, findings},
        sample::{self, Files},
    };

    use super::*;

    /// Against the schema that OASIS publishes.
    fn valid(text: &str) -> Value {
        let path = Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("tests/fixtures/sarif/sarif-schema-2.1.0.json");
        let schema: Value = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
        let document: Value = serde_json::from_str(text).unwrap();
        let validator = jsonschema::options()
            .should_validate_formats(true)
            .build(&schema)
            .unwrap();
        let errors: Vec<String> = validator
            .iter_errors(&document)
            .map(|error| format!("{error} at {}", error.instance_path()))
            .collect();
        assert!(errors.is_empty(), "{errors:#?}");
        document
    }

    fn found(files: &Files) -> Vec<Finding> {
        let plan = sample::every_kind(files);
        let stamp = sample::stamp();
        let report = PlanReport {
            refusals: &[sample::refusal(files)],
            failures: &[sample::failure()],
            ..sample::bare(&plan, files, &stamp)
        };
        let lint = crate::diag::Diagnostic::warning(
            crate::diag::Code::NeverEffective,
            "rule never decides",
        )
        .label(files.line(9), "every packet it matches is decided before")
        .label(files.line(7), "decides")
        .help("remove it");
        findings(&Found {
            sources: &files.sources,
            folder: "infra & co/",
            groups: &[],
            files: &[lint],
            plan: Some(report),
        })
    }

    #[test]
    fn findings_of_every_kind_fit_the_schema_of_the_standard() {
        let files = Files::new();
        let mut findings = found(&files);
        findings.last_mut().unwrap().known = true;
        let text = sarif(&Checked {
            command: "plan",
            project: "rulekeep.yaml",
            findings: &findings,
            is_compared: true,
            ..Checked::default()
        });
        let log = valid(&text);
        let run = &log["runs"][0];
        let results = run["results"].as_array().unwrap();
        let told: Vec<[&str; 3]> = results
            .iter()
            .map(|result| {
                [
                    &result["ruleId"],
                    &result["level"],
                    &result["baselineState"],
                ]
                .map(|v| v.as_str().unwrap())
            })
            .collect();
        assert_eq!(
            told,
            [
                ["unreadable-group", "error", "new"],
                ["too-many-deletes", "error", "new"],
                ["never-effective", "warning", "unchanged"],
            ]
        );
        let place = |result: usize| &results[result]["locations"][0]["physicalLocation"];
        assert_eq!(place(0)["artifactLocation"]["uri"], "rulekeep.yaml");
        assert_eq!(
            place(1)["artifactLocation"]["uri"],
            "infra%20%26%20co/rules/web.yaml"
        );
        assert_eq!(place(2)["region"]["startLine"], 9);
        assert_eq!(
            results[2]["relatedLocations"][0]["message"]["text"],
            "decides"
        );
        assert_eq!(results[2]["suppressions"][0]["kind"], "external");
        assert!(results[1].get("suppressions").is_none());
        for result in results {
            let index = usize::try_from(result["ruleIndex"].as_u64().unwrap()).unwrap();
            let rule = &run["tool"]["driver"]["rules"][index];
            assert_eq!(rule["id"], result["ruleId"]);
            assert!(
                rule["help"]["markdown"]
                    .as_str()
                    .unwrap()
                    .contains("Mend: "),
                "{rule}"
            );
        }
        let deletes = &run["tool"]["driver"]["rules"][1];
        assert_eq!(deletes["properties"]["security-severity"], "6.0");
        assert_eq!(deletes["name"], "TooManyDeletes");
    }

    #[test]
    fn a_run_without_findings_closes_alerts() {
        let log = valid(&sarif(&Checked {
            command: "validate",
            ..Checked::default()
        }));
        assert_eq!(
            log["runs"][0]["invocations"][0]["executionSuccessful"],
            true
        );
        assert_eq!(log["runs"][0]["results"], json!([]));
        assert_eq!(
            log["runs"][0]["automationDetails"]["id"],
            "rulekeep/validate/"
        );
    }

    #[test]
    fn a_run_over_a_part_closes_no_alerts_of_the_others() {
        let log = valid(&sarif(&Checked {
            command: "plan",
            part: "shard 1/3",
            is_cut_short: true,
            ..Checked::default()
        }));
        let run = &log["runs"][0];
        assert_eq!(
            run["automationDetails"]["id"],
            "rulekeep/plan/shard-1-of-3/"
        );
        assert_eq!(run["invocations"][0]["executionSuccessful"], false);
    }

    #[test]
    fn fingerprints_stay_when_lines_move() {
        let files = Files::new();
        let fingerprints = |line| {
            let lint = crate::diag::Diagnostic::warning(
                crate::diag::Code::NeverEffective,
                "rule never decides",
            )
            .label(files.line(line), "");
            let found = findings(&Found {
                sources: &files.sources,
                folder: "",
                groups: &[],
                files: &[lint],
                plan: None,
            });
            found[0].fingerprint.clone()
        };
        assert_eq!(fingerprints(3), fingerprints(30));
    }
}
