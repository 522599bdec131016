use crate::report::{
    PlanReport,
    finding::{Found, findings},
    sample::{self, Files},
};

use super::*;

#[test]
fn a_page_shows_every_rule_and_nothing_of_a_text_is_markup() {
    let files = Files::new();
    let mut plan = sample::every_kind(&files);
    let hostile = "</td></table><script>alert(1)</script><img src=x onerror='alert(1)'>\"";
    let rule = sample::rule("ingress accept tcp/81 from 10.0.0.0/8 priority 1", hostile);
    plan.groups[3]
        .changes
        .push(sample::add(rule, files.line(8)));
    plan.groups[0].name = crate::model::GroupName::new("<b onload=1>");
    let mut refusal = sample::refusal(&files);
    refusal.message = format!("`{hostile}` and {hostile}");
    let stamp = sample::stamp();
    let report = PlanReport {
        refusals: &[refusal],
        failures: &[sample::failure()],
        ..sample::bare(&plan, &files, &stamp)
    };
    let found = findings(&Found {
        sources: &files.sources,
        folder: "",
        groups: &[],
        files: &[],
        plan: Some(report),
    });
    let html = review(&Review {
        plan: report,
        checked: Checked {
            findings: &found,
            ..Checked::default()
        },
        subject: Subject::Plan,
        apply: "rulekeep apply 'a<b'",
    });
    assert_eq!(html.matches("<script").count(), 1, "the page's own");
    assert!(!html.contains("<img") && !html.contains("<b "), "{html}");
    assert_eq!(
        html.matches("<tr class=\"").count(),
        plan.groups
            .iter()
            .map(|g| g.changes.len() + g.unmanaged.len())
            .sum::<usize>()
    );
    assert!(html.contains("passive") || html.contains("public web"));
    assert!(html.contains("The guard refuses") || html.contains("Nothing can be applied"));
    assert_eq!(html, {
        let again = Review {
            plan: report,
            checked: Checked {
                findings: &found,
                ..Checked::default()
            },
            subject: Subject::Plan,
            apply: "rulekeep apply 'a<b'",
        };
        review(&again)
    });
}
