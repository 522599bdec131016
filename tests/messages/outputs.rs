//! What files and exit codes say when something goes otherwise than well.

use std::{fs, process::Stdio};

use serde_json::Value;

use super::support::{Project, WEB};

const EMPTIED: &str = "group: web\nmode: complete\ningress: []\n";

/// Runs the binary; its exit code, stdout and stderr.
fn run(project: &Project, arguments: &str) -> (i32, String, String) {
    let output = project.command(".", arguments).output().unwrap();
    (
        output.status.code().unwrap(),
        String::from_utf8(output.stdout).unwrap(),
        String::from_utf8(output.stderr).unwrap(),
    )
}

fn json(project: &Project, path: &str) -> Value {
    serde_json::from_str(&project.read(path)).unwrap()
}

#[test]
fn an_old_report_is_never_left_where_nothing_was_applied() {
    let apply = "apply --yes -o json=report.json -o text=report.txt";
    for (group, arguments, code, reason) in [
        (
            EMPTIED,
            apply,
            4,
            "web: emptied: all ingress rules would be deleted (2)",
        ),
        ("group: gone\nmode: complete\ningress: []\n", apply, 1, ""),
        ("group: [\n", apply, 1, ""),
        (WEB, "apply -o json=report.json -o text=report.txt", 1, ""),
    ] {
        let project = Project::new(group);
        project.write("report.json", "{\"complete\": true}");
        project.write("report.txt", "Apply complete!");
        assert_eq!(run(&project, arguments).0, code, "{group}");
        let report = json(&project, "report.json");
        assert_eq!(report["complete"], false, "{group}");
        assert!(report["unapplied"]["message"].is_string(), "{report}");
        let reasons = &report["unapplied"]["reasons"];
        assert!(reason.is_empty() || reasons[0] == reason, "{report}");
        assert!(project.read("report.txt").starts_with("error: "), "{group}");
    }
}

#[test]
fn a_program_that_reads_stdout_is_told_why_nothing_was_applied() {
    let project = Project::new(EMPTIED);
    let (code, stdout, stderr) = run(&project, "apply --yes -o json");
    let report: Value = serde_json::from_str(&stdout).unwrap();
    assert_eq!((code, &report["complete"]), (4, &Value::Bool(false)));
    assert!(stderr.contains("refused[emptied]"), "{stderr}");
}

#[test]
fn a_plan_that_the_guard_refuses_is_saved_as_such() {
    let project = Project::new(EMPTIED);
    let (code, _, stderr) = run(&project, "plan --out plan.json");
    assert_eq!(code, 0);
    assert!(
        stderr.contains("plan.json is saved, but the guard refuses this plan as it stands"),
        "{stderr}"
    );
    let plan = json(&project, "plan.json");
    assert_eq!(plan["applyable"], false);
    assert!(plan.to_string().contains("\"emptied\""), "{plan}");
    assert_eq!(run(&project, "apply plan.json").0, 4);
    let (_, stdout, _) = run(&project, "drift -o json");
    let drift: Value = serde_json::from_str(&stdout).unwrap();
    assert_eq!(drift["applyable"], false);
}

#[test]
fn a_saved_plan_may_have_any_name() {
    let project = Project::new(WEB);
    project.prepare("plan --out tonight");
    let (code, stdout, stderr) = run(&project, "apply tonight");
    assert_eq!(code, 0, "{stderr}");
    assert!(stdout.contains("Apply complete!"), "{stdout}");
}

#[test]
fn a_plan_is_not_saved_among_the_rules_nor_for_another_moment() {
    let project = Project::new(WEB);
    for (arguments, said) in [
        ("plan --out rules/plan.json", "a place for group files"),
        ("plan --out plan.yaml", "a place for group files"),
        ("plan --out plan.json --at 2030-01-01", "--at and --out"),
    ] {
        let (code, _, stderr) = run(&project, arguments);
        assert_eq!(code, 64, "{arguments}: {stderr}");
        assert!(stderr.contains(said), "{arguments}: {stderr}");
    }
}

#[test]
fn a_group_that_is_gone_makes_a_saved_plan_stale() {
    let mut project = Project::new(WEB);
    project.set("CI_COMMIT_SHA", "aaa");
    project.prepare("plan --out plan.json");
    // Under another name it is another group to the file.
    let state = project.read(".rulekeep/demo.json");
    project.write(
        ".rulekeep/demo.json",
        &state.replace("\"web\"", "\"renamed\""),
    );
    project.set("CI_COMMIT_SHA", "bbb");
    let (code, _, stderr) = run(&project, "apply plan.json -o json=report.json");
    assert_eq!(code, 5, "{stderr}");
    assert!(stderr.contains("is no longer among the groups"), "{stderr}");
    assert!(stderr.contains("planned at commit aaa"), "{stderr}");
    assert!(stderr.contains("now at commit bbb"), "{stderr}");
    let report = json(&project, "report.json");
    assert!(report["unapplied"]["reasons"].is_array(), "{report}");
}

#[test]
fn hints_repeat_what_was_chosen() {
    let project = Project::new(WEB);
    let (_, _, stderr) = run(&project, "plan rules/web.yaml --target 'w*'");
    assert!(
        stderr.contains("`rulekeep apply rules/web.yaml --target 'w*'` makes these changes"),
        "{stderr}"
    );
    let (_, _, stderr) = run(&project, "drift --target web");
    assert!(stderr.contains("`rulekeep apply --target web`"), "{stderr}");
}

#[test]
fn a_plan_of_another_moment_is_not_said_to_be_what_apply_does() {
    let project = Project::new(WEB);
    let (code, _, stderr) = run(&project, "plan --at 2027-02-01 --target web");
    assert_eq!(code, 0, "{stderr}");
    assert!(
        stderr.contains("this is the plan as of 2027-02-01T00:00:00Z; `rulekeep apply --target web` plans as of now"),
        "{stderr}"
    );
    assert!(
        !stderr.contains("makes these changes") && !stderr.contains("--out"),
        "{stderr}"
    );
}

#[test]
fn a_path_that_is_not_there_is_told_from_one_without_groups() {
    let project = Project::new(WEB);
    project.write("empty/readme.txt", "");
    let (_, _, stderr) = run(&project, "plan rules/none.txt");
    assert!(
        stderr.contains("there is no file or folder rules/none.txt"),
        "{stderr}"
    );
    let (_, _, stderr) = run(&project, "plan empty");
    assert!(stderr.contains("no group is declared in empty"), "{stderr}");
}

#[cfg(target_os = "linux")]
#[test]
fn a_report_reaches_its_file_when_stdout_takes_nothing() {
    let project = Project::new(WEB);
    let full = fs::OpenOptions::new()
        .write(true)
        .open("/dev/full")
        .unwrap();
    let status = project
        .command(".", "apply --yes -o json -o json=report.json")
        .stdout(full)
        .stderr(Stdio::null())
        .status()
        .unwrap();
    assert_eq!(status.code(), Some(1));
    assert_eq!(json(&project, "report.json")["complete"], true);
}

#[test]
fn every_call_is_logged_when_asked_for() {
    let project = Project::new(WEB);
    let (_, _, stderr) = run(&project, "plan -v --color never");
    let line = stderr
        .lines()
        .find(|line| line.contains("DescribeSecurityGroupAttribute"));
    let line = line.unwrap_or_else(|| panic!("{stderr}"));
    for part in ["group=", "sg-", "request=", "milliseconds="] {
        assert!(line.contains(part), "{line}");
    }
    let (_, _, stderr) = run(&project, "plan");
    assert!(
        !stderr.contains("DescribeSecurityGroupAttribute"),
        "{stderr}"
    );
}
