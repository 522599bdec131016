//! What GitHub Actions reads: annotations on lines of files, and the outputs of a step.
//!
//! "Workflow commands for GitHub Actions" is the source of the forms and of what has to be escaped.

use super::{
    PlanReport,
    finding::{Finding, Level},
};

/// An annotation per finding that is not known, the worst first; GitHub shows ten of a kind per step.
pub fn annotations(findings: &[Finding]) -> String {
    findings
        .iter()
        .filter(|finding| finding.is_fresh())
        .map(annotation)
        .collect()
}

fn annotation(finding: &Finding) -> String {
    let Finding {
        rule,
        level,
        message,
        help,
        place,
        ..
    } = finding;
    let command = match level {
        Level::Error => "error",
        Level::Warning => "warning",
    };
    let mut properties = Vec::new();
    if let Some(place) = place {
        properties.push(format!("file={}", property(&place.file)));
        properties.push(format!("line={}", place.line));
        properties.push(format!("col={}", place.column));
    }
    let title = match finding.group_name() {
        Some(group) => format!("{} in {group}", rule.id),
        None => rule.id.to_string(),
    };
    properties.push(format!("title={}", property(&title)));
    let lines: Vec<&str> = std::iter::once(message.as_str())
        .chain(help.iter().map(String::as_str))
        .filter(|line| !line.is_empty())
        .collect();
    let text = data(&lines.join("\n"));
    format!("::{command} {}::{text}\n", properties.join(","))
}

/// The text of a command.
fn data(text: &str) -> String {
    let text = text.replace('%', "%25");
    text.replace('\r', "%0D").replace('\n', "%0A")
}

/// The value of a property, within which a comma and a colon have a meaning too.
fn property(text: &str) -> String {
    data(text).replace(':', "%3A").replace(',', "%2C")
}

/// Lines for the file that `GITHUB_OUTPUT` names. `plan_path`: where the plan was saved; may be empty.
pub fn outputs(report: &PlanReport<'_>, plan_path: &str) -> String {
    let counts = report.plan.counts();
    let values = [
        ("changes", (!counts.is_empty()).to_string()),
        ("to_add", counts.add.to_string()),
        ("to_change", counts.change.to_string()),
        ("to_destroy", counts.destroy.to_string()),
        ("plan_id", report.plan.id()),
        // A value ends with its line; no path of this program's users has one in it, and one that has is not told.
        (
            "plan_path",
            match plan_path.contains(['\n', '\r']) {
                true => String::new(),
                false => plan_path.to_owned(),
            },
        ),
    ];
    values
        .iter()
        .map(|(name, value)| format!("{name}={value}\n"))
        .collect()
}

#[cfg(test)]
mod tests {
    use crate::{
        guard::Reason,
        report::{
            finding::{Found, findings},
            sample::{self, Files},
        },
    };

    use super::*;

    #[test]
    fn an_annotation_names_the_line_and_escapes_what_would_end_it() {
        let files = Files::new();
        let plan = sample::every_kind(&files);
        let stamp = sample::stamp();
        let mut refusal = sample::refusal(&files);
        refusal.reason = Reason::Emptied;
        refusal.message = "100% of a, b: gone\n::error::x".to_owned();
        let report = PlanReport {
            refusals: &[refusal],
            ..sample::bare(&plan, &files, &stamp)
        };
        let found = findings(&Found {
            sources: &files.sources,
            folder: "infra,eu/",
            groups: &[],
            files: &[],
            plan: Some(report),
        });
        assert_eq!(
            annotations(&found),
            "::error file=infra%2Ceu/rules/web.yaml,line=2,col=1,title=emptied in sg-bp1web000000000000::\
             100%25 of a, b: gone%0A::error::x%0A`--allow-deletes 12` lets this plan through\n"
        );
    }

    #[test]
    fn the_outputs_of_a_step_are_a_line_each() {
        let files = Files::new();
        let plan = sample::every_kind(&files);
        let stamp = sample::stamp();
        let report = sample::bare(&plan, &files, &stamp);
        let id = plan.id();
        assert_eq!(
            outputs(&report, "plan.json"),
            format!(
                "changes=true\nto_add=3\nto_change=2\nto_destroy=1\nplan_id={id}\nplan_path=plan.json\n"
            )
        );
        assert!(outputs(&report, "a\nb=c").ends_with("plan_path=\n"));
    }
}
