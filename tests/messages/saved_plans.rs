//! Saved plans that no longer fit, and files that are none.

use super::support::{Project, WEB};

#[test]
fn files_that_are_no_plans() {
    let mut project = Project::new(WEB);
    project.run("apply plan.json").says("plan-missing");
    project.write("plan.json", "{\"rules\": []}");
    project
        .run("apply plan.json")
        .says("plan-is-something-else");
    project.write("plan.json", "not json");
    project.run("apply plan.json").says("plan-is-not-json");
    project.prepare("plan --out plan.json");
    let newer = project
        .read("plan.json")
        .replace("\"format_version\": \"1.0\"", "\"format_version\": \"2.0\"");
    project.write("plan.json", &newer);
    project
        .run("apply plan.json")
        .says("plan-of-another-version");
}

#[test]
fn a_plan_whose_file_was_changed() {
    let mut project = Project::new(WEB);
    project.prepare("plan --out plan.json");
    project.write("rules/web.yaml", &WEB.replace("10.0.0.0/8", "10.0.0.0/16"));
    project.run("apply plan.json").says("stale-file");
}

#[test]
fn a_plan_that_was_applied_already() {
    let mut project = Project::new(WEB);
    project.prepare("plan --out plan.json");
    project.prepare("apply plan.json");
    project.run("apply plan.json").says("stale-rules");
}

#[test]
fn a_plan_in_which_a_rule_has_expired_since() {
    let mut project = Project::new(&format!("{WEB}    expires: 2026-01-31\n"));
    project.prepare("plan --out plan.json");
    // As if it had been saved before that date.
    let text = project.read("plan.json");
    let mut plan: serde_json::Value = serde_json::from_str(&text).unwrap();
    plan["saved"]["timestamp"] = "2026-01-01T00:00:00Z".into();
    project.write("plan.json", &plan.to_string());
    project.run("apply plan.json").says("stale-expired");
}

#[test]
fn a_plan_of_another_project() {
    let other = Project::new("group: many\nmode: partial\ningress: []\n");
    other.prepare("plan --out plan.json");
    let mut project = Project::new(WEB);
    project.write(
        "rules/more.yaml",
        "group: advanced\nmode: partial\ningress: []\n",
    );
    project.write("plan.json", &other.read("plan.json"));
    project
        .run("apply plan.json")
        .says("plan-of-another-project");
}

#[test]
fn a_rule_that_is_past_its_date_is_told() {
    let mut project = Project::new(&format!("{WEB}    expires: 2020-01-31\n"));
    project.run("plan").says("expired-rule");
}
