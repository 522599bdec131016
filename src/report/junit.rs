//! Checks as JUnit XML, which most CI systems show: a suite per group, a case per check.
//!
//! A new error fails its case, a new warning does where warnings fail the run; what the baseline has is skipped.

use std::{collections::BTreeMap, fmt::Write as _};

use crate::{
    apply::{GroupOutcome, Report},
    diag::Code,
    guard::Reason,
};

use super::{
    checked::{Checked, CheckedGroup},
    finding::{Finding, Level, UNREAD},
    text,
};

/// The suite of what belongs to no group.
const PROJECT: &str = "project";

/// Checks of a group by its file alone.
const LINTS: &[Code] = &[
    Code::NeverEffective,
    Code::SamePriorityConflict,
    Code::RedundantRule,
];

/// The document of everything that was checked.
pub fn junit(checked: &Checked<'_>) -> String {
    let mut by_group: BTreeMap<Option<&str>, Vec<&Finding>> = BTreeMap::new();
    for finding in checked.findings {
        by_group
            .entry(finding.group.as_deref())
            .or_default()
            .push(finding);
    }
    let mut suites = vec![suite(
        PROJECT,
        &by_group.remove(&None).unwrap_or_default(),
        None,
        checked,
    )];
    for group in checked.groups {
        let found = by_group
            .remove(&Some(group.label.as_str()))
            .unwrap_or_default();
        suites.push(suite(&group.label, &found, Some(group), checked));
    }
    // Groups that were not looked at, because they could not be.
    for (label, found) in by_group {
        suites.push(suite(label.unwrap_or(PROJECT), &found, None, checked));
    }
    document(checked.command, &suites)
}

/// The document of an apply.
pub fn applied(report: &Report) -> String {
    let suites: Vec<Suite> = report
        .groups
        .iter()
        .map(|group| {
            let (word, _) = text::ending(group);
            let result = match group.outcome {
                GroupOutcome::Done => Outcome::Passed(group.notes.join("\n")),
                _ => Outcome::Failed {
                    kind: word.to_owned(),
                    message: word.to_owned(),
                    text: text::applied_details(group),
                },
            };
            Suite {
                name: group.address.to_string(),
                cases: vec![Case {
                    name: format!("apply {}", group.name),
                    file: None,
                    result,
                }],
            }
        })
        .collect();
    document("apply", &suites)
}

/// The document of an apply that was not begun.
pub fn unapplied(message: &str, reasons: &[String]) -> String {
    let suite = Suite {
        name: PROJECT.to_owned(),
        cases: vec![Case {
            name: "apply".to_owned(),
            file: None,
            result: Outcome::Failed {
                kind: "not applied".to_owned(),
                message: message.to_owned(),
                text: reasons.join("\n"),
            },
        }],
    };
    document("apply", &[suite])
}

struct Suite {
    name: String,
    cases: Vec<Case>,
}

struct Case {
    name: String,
    file: Option<String>,
    result: Outcome,
}

enum Outcome {
    /// With what is worth a word all the same.
    Passed(String),
    Skipped(String),
    Failed {
        kind: String,
        message: String,
        text: String,
    },
}

fn suite(
    name: &str,
    findings: &[&Finding],
    group: Option<&CheckedGroup>,
    checked: &Checked<'_>,
) -> Suite {
    let mut by_check: BTreeMap<&str, Vec<&Finding>> = BTreeMap::new();
    for finding in findings {
        by_check.entry(&finding.rule.id).or_default().push(finding);
    }
    let mut cases = Vec::new();
    if let Some(group) = group {
        let lints = LINTS.iter().map(|code| code.as_str());
        let guards = Reason::ALL
            .iter()
            .filter(|reason| **reason != Reason::Assertion)
            .map(|reason| reason.as_str());
        let guards = guards
            .chain([UNREAD])
            .filter(|_| checked.command != "validate");
        for check in lints.chain(guards) {
            let found = by_check.remove(check).unwrap_or_default();
            cases.push(case(check, &found, checked));
        }
        if checked.command == "drift" {
            cases.push(Case {
                name: "drift".to_owned(),
                file: None,
                result: match &group.drift {
                    None => Outcome::Passed(String::new()),
                    Some(text) => Outcome::Failed {
                        kind: "drift".to_owned(),
                        message: text.clone(),
                        text: text.clone(),
                    },
                },
            });
        }
    } else if !by_check.keys().any(|check| *check == UNREAD)
        && name == PROJECT
        && findings.is_empty()
    {
        cases.push(case("files", &[], checked));
    }
    cases.extend(
        by_check
            .iter()
            .map(|(check, found)| case(check, found, checked)),
    );
    Suite {
        name: name.to_owned(),
        cases,
    }
}

fn case(check: &str, findings: &[&Finding], checked: &Checked<'_>) -> Case {
    let fails = |finding: &&&Finding| {
        finding.is_fresh() && (finding.level == Level::Error || checked.warnings_fail)
    };
    let lines = |findings: &[&Finding]| {
        let lines: Vec<String> = findings.iter().map(|finding| said(finding)).collect();
        lines.join("\n")
    };
    let failing: Vec<&Finding> = findings.iter().filter(fails).copied().collect();
    let result = match (
        failing.first(),
        findings.iter().any(|finding| finding.is_fresh()),
    ) {
        (Some(first), _) => Outcome::Failed {
            kind: first.level.as_str().to_owned(),
            message: first.message.clone(),
            text: lines(&failing),
        },
        (None, true) => Outcome::Passed(lines(findings)),
        (None, false) if findings.is_empty() => Outcome::Passed(String::new()),
        (None, false) => Outcome::Skipped(format!(
            "{}, in the baseline or waived",
            text::count(findings.len(), "known finding")
        )),
    };
    let place = findings.first().and_then(|finding| finding.place.as_ref());
    Case {
        name: check.to_owned(),
        file: place.map(|place| place.file.clone()),
        result,
    }
}

/// `rules/web.yaml:12: error: message`, and the help below it.
fn said(finding: &Finding) -> String {
    let Finding {
        level,
        message,
        help,
        place,
        ..
    } = finding;
    let place = match place {
        Some(place) => format!("{}:{}: ", place.file, place.line),
        None => String::new(),
    };
    let mut text = format!("{place}{}: {message}", level.as_str());
    for line in help.iter().filter(|line| !line.is_empty()) {
        text.push_str(&format!("\n  {line}"));
    }
    text
}

fn document(command: &str, suites: &[Suite]) -> String {
    let cases = || suites.iter().flat_map(|suite| &suite.cases);
    let mut xml = String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n");
    write(
        &mut xml,
        format_args!(
            "<testsuites name=\"rulekeep {command}\" {}>\n",
            numbers(cases())
        ),
    );
    for suite in suites.iter().filter(|suite| !suite.cases.is_empty()) {
        let name = escaped(&suite.name);
        write(
            &mut xml,
            format_args!(
                "  <testsuite name=\"{name}\" {}>\n",
                numbers(suite.cases.iter())
            ),
        );
        for case in &suite.cases {
            let file = match &case.file {
                Some(file) => format!(" file=\"{}\"", escaped(file)),
                None => String::new(),
            };
            let head = format!(
                "    <testcase classname=\"{name}\" name=\"{}\"{file}",
                escaped(&case.name)
            );
            match &case.result {
                Outcome::Passed(text) if text.is_empty() => {
                    write(&mut xml, format_args!("{head}/>\n"))
                }
                Outcome::Passed(text) => write(
                    &mut xml,
                    format_args!(
                        "{head}>\n      <system-out>{}</system-out>\n    </testcase>\n",
                        escaped(text)
                    ),
                ),
                Outcome::Skipped(message) => write(
                    &mut xml,
                    format_args!(
                        "{head}>\n      <skipped message=\"{}\"/>\n    </testcase>\n",
                        escaped(message)
                    ),
                ),
                Outcome::Failed {
                    kind,
                    message,
                    text,
                } => write(
                    &mut xml,
                    format_args!(
                        "{head}>\n      <failure type=\"{}\" message=\"{}\">{}</failure>\n    </testcase>\n",
                        escaped(kind),
                        escaped(message),
                        escaped(text)
                    ),
                ),
            }
        }
        xml.push_str("  </testsuite>\n");
    }
    xml.push_str("</testsuites>\n");
    xml
}

fn numbers<'a>(cases: impl Iterator<Item = &'a Case>) -> String {
    let (mut tests, mut failures, mut skipped) = (0, 0, 0);
    for case in cases {
        tests += 1;
        failures += usize::from(matches!(case.result, Outcome::Failed { .. }));
        skipped += usize::from(matches!(case.result, Outcome::Skipped(_)));
    }
    format!("tests=\"{tests}\" failures=\"{failures}\" errors=\"0\" skipped=\"{skipped}\"")
}

fn write(xml: &mut String, arguments: std::fmt::Arguments<'_>) {
    xml.write_fmt(arguments).expect("a String takes everything");
}

/// Text in XML 1.0: markup escaped, characters that XML cannot hold shown as codes.
fn escaped(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for c in text::escape_lines(text).chars() {
        match c {
            '&' => safe.push_str("&amp;"),
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '"' => safe.push_str("&quot;"),
            // In an attribute a line end would become a space.
            '\n' => safe.push_str("&#10;"),
            '\u{fffe}' | '\u{ffff}' => safe.push('\u{fffd}'),
            c => safe.push(c),
        }
    }
    safe
}
