//! Wrong flags and arguments, and what they name.

use super::support::{Project, WEB};

#[test]
fn values_that_no_option_takes() {
    let mut project = Project::new(WEB);
    project
        .run("plan --parallelism many")
        .says("flag-parallelism");
    project.run("plan -o yaml").says("flag-format");
    project
        .run("plan -o json=")
        .says("flag-format-without-file");
    project.run("plan --at yesterday").says("flag-at");
    project
        .run("apply --allow-deletes -1")
        .says("flag-allow-deletes");
    project.run("plan --colour never").says("flag-unknown");
    project.run("aply").says("command-unknown");
    project.run("show").says("show-without-group");
    project
        .run("emulate --listen localhost")
        .says("flag-listen");
    project.set("RULEKEEP_PARALLELISM", "0");
    project.run("plan").says("variable-parallelism");
}

#[test]
fn a_variable_that_is_empty_is_not_set_unless_it_narrows() {
    let mut project = Project::new(WEB);
    for flag in [
        "OUT",
        "PARALLELISM",
        "OUTPUT",
        "PROJECT",
        "COLOR",
        "AT",
        "VERBOSE",
        "QUIET",
        "CLI_ARGS",
        "YES",
        "ALLOW_DELETES",
        "ALLOW_CHANGES",
    ] {
        project.set(&format!("RULEKEEP_{flag}"), "");
    }
    project.prepare("plan");
    project.prepare("apply --yes");
    project.set("RULEKEEP_TARGET", "");
    project.run("apply --yes").says("variable-target-empty");
    let mut project = Project::new(WEB);
    project.set("RULEKEEP_SHARD", "");
    project.run("apply --yes").says("variable-shard-empty");
}

#[test]
fn a_project_that_is_not_there() {
    let mut project = Project::new(WEB);
    project
        .run("--project elsewhere.yaml plan")
        .says("project-missing");
    project
        .run("--project rules plan")
        .says("project-is-a-folder");
    std::fs::remove_dir_all(project.root().join("rules")).unwrap();
    project.run("validate").run("plan").says("rules-missing");
}

#[test]
fn groups_that_are_not_declared() {
    let mut project = Project::new(WEB);
    project.run("plan --target wbe").says("target-near");
    project
        .run("plan --target demo/cn-beijing/web")
        .says("target-elsewhere");
    project.run("plan --target payments").says("target-unknown");
    project.run("plan rules/wep.yaml").says("path-near");
    project.run("plan --target ''").says("target-empty");
    project.run("show payments").says("show-unknown");
    project.run("show web --account prod").says("show-account");
}

#[test]
fn files_that_cannot_be_written() {
    let mut project = Project::new(WEB);
    project
        .run("plan --out no/such/plan.json")
        .says("out-folder-missing");
    project.run("plan --out rules").says("out-is-a-folder");
    project
        .run("plan -o json=no/plan.json")
        .says("output-folder-missing");
}

#[test]
fn an_apply_that_nobody_confirms() {
    let mut project = Project::new(WEB);
    project.run("apply").says("apply-nobody-asked");
    project.prepare("plan --out plan.json");
    project
        .run("apply plan.json --target web")
        .says("apply-plan-and-target");
    project
        .run("apply plan.json rules")
        .says("apply-plan-and-path");
}
