//! The binary against the embedded cloud: what a first project goes through.

use std::{
    fs,
    path::Path,
    process::{Command, Output, Stdio},
};

/// The binary without anything of the caller's environment that it listens to, and without a terminal.
fn rulekeep(folder: &Path, arguments: &[&str]) -> Output {
    let mut command = Command::new(snapbox::cmd::cargo_bin!("rulekeep"));
    for (name, _) in std::env::vars() {
        if name.starts_with("RULEKEEP_") || name.ends_with("_SHA") {
            command.env_remove(name);
        }
    }
    command
        .current_dir(folder)
        .args(arguments)
        .stdin(Stdio::null())
        .output()
        .unwrap()
}

fn said(output: &Output) -> (i32, &str, &str) {
    (
        output.status.code().unwrap(),
        std::str::from_utf8(&output.stdout).unwrap(),
        std::str::from_utf8(&output.stderr).unwrap(),
    )
}

/// A project as `init` writes it.
fn project() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let output = rulekeep(folder.path(), &["init"]);
    assert_eq!(said(&output).0, 0, "{output:?}");
    folder
}

#[test]
fn a_first_project_validates_plans_applies_and_then_has_no_changes() {
    let folder = project();
    let run = |arguments: &[&str]| rulekeep(folder.path(), arguments);

    let output = run(&["validate"]);
    assert_eq!(said(&output), (0, "ok: 1 group, 2 rules in 1 file\n", ""));

    let output = run(&["plan", "--detailed-exitcode"]);
    let (code, plan, _) = said(&output);
    assert_eq!(code, 2, "{output:?}");
    assert!(
        plan.ends_with("\nPlan: 1 to add, 1 to change, 0 to destroy.\n"),
        "{plan}"
    );

    let output = run(&["drift"]);
    let (code, drift, _) = said(&output);
    assert_eq!(code, 2);
    assert!(drift.ends_with("\nDrift: 1 missing, 1 differs, 0 live only.\n"));

    let output = run(&["apply"]);
    let (code, _, error) = said(&output);
    assert_eq!(code, 1);
    assert!(error.contains("nobody can be asked here"), "{error}");

    let output = run(&["apply", "--yes", "-o", "json=report.json"]);
    let (code, text, _) = said(&output);
    assert_eq!(code, 0, "{output:?}");
    assert!(text.ends_with("\nApply complete! Resources: 1 added, 1 changed, 0 destroyed.\n"));
    let report = fs::read_to_string(folder.path().join("report.json")).unwrap();
    let report: serde_json::Value = serde_json::from_str(&report).unwrap();
    assert_eq!(report["complete"], true);

    for arguments in [&["apply"][..], &["plan", "--detailed-exitcode"]] {
        let output = run(arguments);
        let (code, text, _) = said(&output);
        assert_eq!(code, 0, "{output:?}");
        assert!(text.ends_with("\nNo changes.\n"), "{text}");
    }
    assert_eq!(said(&run(&["drift"])).0, 0);
}

#[test]
fn a_saved_plan_is_applied_without_asking_and_only_once() {
    let folder = project();
    let run = |arguments: &[&str]| rulekeep(folder.path(), arguments);
    assert_eq!(said(&run(&["plan", "--out", "plan.json", "rules"])).0, 0);

    // From another folder the paths of the plan mean the same.
    let inner = folder.path().join("rules");
    let output = rulekeep(&inner, &["apply", "../plan.json"]);
    assert_eq!(said(&output).0, 0, "{output:?}");

    let output = run(&["apply", "plan.json"]);
    let (code, _, error) = said(&output);
    assert_eq!(code, 5, "{output:?}");
    assert!(error.contains("the live rules of web"), "{error}");
}

#[test]
fn what_the_guard_refuses_is_4_and_says_the_way_through() {
    let folder = project();
    let file = folder.path().join("rules/example.yaml");
    fs::write(&file, "group: web\nmode: complete\ningress: []\n").unwrap();
    let output = rulekeep(folder.path(), &["apply", "--yes"]);
    let (code, text, error) = said(&output);
    assert_eq!(code, 4, "{output:?}");
    assert!(text.contains("refused[emptied]: web: "), "{text}");
    assert!(text.contains("allow_empty"), "{text}");
    assert!(
        error.starts_with("error: the guard refused the plan for 1 reason"),
        "{error}"
    );
}

#[test]
fn an_error_in_a_file_stops_everything_before_the_cloud() {
    let folder = project();
    let file = folder.path().join("rules/example.yaml");
    fs::write(&file, "group: web\ningress: []\n").unwrap();
    let output = rulekeep(folder.path(), &["validate"]);
    let (code, text, _) = said(&output);
    assert_eq!(code, 1);
    assert!(text.contains("missing-mode"), "{text}");
    assert!(text.ends_with("\n1 error\n"), "{text}");

    let output = rulekeep(folder.path(), &["plan"]);
    let (code, text, error) = said(&output);
    assert_eq!((code, text), (1, ""));
    assert!(error.contains("missing-mode"), "{error}");
    assert!(!folder.path().join(".rulekeep").exists());
}

#[test]
fn show_says_where_each_rule_is_declared() {
    let folder = project();
    let output = rulekeep(folder.path(), &["show", "web", "-o", "json"]);
    let (code, text, _) = said(&output);
    assert_eq!(code, 0, "{output:?}");
    let document: serde_json::Value = serde_json::from_str(text).unwrap();
    let declared: Vec<_> = document["rules"]
        .as_array()
        .unwrap()
        .iter()
        .map(|rule| (&rule["rule"]["ports"], &rule["declared_at"]))
        .map(|(ports, place)| (ports.as_str().unwrap(), place.as_str()))
        .collect();
    assert_eq!(
        declared,
        [("443", Some("rules/example.yaml:5")), ("3389", None)]
    );
    let output = rulekeep(folder.path(), &["show", "nobody"]);
    assert_eq!(said(&output).0, 1, "{output:?}");
}

#[test]
fn the_json_plan_fits_its_schema() {
    let folder = project();
    let schema = rulekeep(folder.path(), &["schema", "plan"]);
    let plan = rulekeep(folder.path(), &["plan", "-o", "json"]);
    let schema = serde_json::from_slice(&schema.stdout).unwrap();
    let plan: serde_json::Value = serde_json::from_slice(&plan.stdout).unwrap();
    assert!(jsonschema::is_valid(&schema, &plan), "{plan:#}");
    assert_eq!(plan["applyable"], true);
    assert_eq!(plan["summary"]["add"], 1);
}

#[test]
fn a_target_may_be_the_name_in_the_cloud_of_a_group_that_is_declared_by_id() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| fs::write(folder.path().join(name), text).unwrap();
    write(
        "seed.json",
        r#"{"version": 1, "owner": "1234567890123456", "security_groups": [
            {"id": "sg-front", "name": "front", "vpc": "vpc-1", "rules": []},
            {"id": "sg-back", "name": "back", "vpc": "vpc-1", "rules": []}
        ]}"#,
    );
    write(
        "rulekeep.yaml",
        "rules: rules/\naccounts: { demo: { local: state.json, seed: seed.json } }\n\
         defaults: { account: demo, region: cn-hangzhou }\n",
    );
    fs::create_dir(folder.path().join("rules")).unwrap();
    for id in ["sg-front", "sg-back"] {
        let text = format!(
            "group: {id}\nmode: complete\ningress:\n  - {{ service: https, from: 10.0.0.0/8 }}\n"
        );
        write(&format!("rules/{id}.yaml"), &text);
    }
    let target = |target: &str| {
        let output = rulekeep(folder.path(), &["plan", "--target", target]);
        let (code, text, error) = said(&output);
        (code, text.to_owned(), error.to_owned())
    };
    for one in ["front", "demo/cn-hangzhou/front", "f*t", "sg-front"] {
        let (code, text, error) = target(one);
        assert_eq!(code, 0, "{one}: {error}");
        assert!(text.contains("front") && !text.contains("back"), "{text}");
        assert!(
            text.ends_with("Plan: 1 to add, 0 to change, 0 to destroy.\n"),
            "{text}"
        );
    }
    for none in ["side", "other/cn-hangzhou/front"] {
        let (code, _, error) = target(none);
        assert_eq!(code, 1, "{error}");
        assert!(
            error.contains(&format!("no declared group is called `{none}`")),
            "{error}"
        );
    }
    let output = rulekeep(folder.path(), &["apply", "--yes", "--target", "front"]);
    let (code, text, error) = said(&output);
    assert_eq!(code, 0, "{error}");
    assert!(text.contains("1 added"), "{text}");
}

/// Two accounts: one embedded, and one that nobody answers for.
fn two_accounts() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| fs::write(folder.path().join(name), text).unwrap();
    write(
        "seed.json",
        r#"{"version": 1, "owner": "1234567890123456", "security_groups": [
            {"id": "sg-one", "name": "web-1", "vpc": "vpc-1", "rules": []},
            {"id": "sg-two", "name": "web-2", "vpc": "vpc-1", "rules": []},
            {"id": "sg-db", "name": "db", "vpc": "vpc-1", "rules": []}
        ]}"#,
    );
    write(
        "rulekeep.yaml",
        "rules: rules/\naccounts:\n  demo: { local: state.json, seed: seed.json }\n  \
         gone: { endpoint: \"http://127.0.0.1:1\" }\n\
         defaults: { account: demo, region: cn-hangzhou }\n",
    );
    fs::create_dir_all(folder.path().join("rules/gone")).unwrap();
    for (file, group, account) in [
        ("one", "web-1", "demo"),
        ("two", "sg-two", "demo"),
        ("db", "sg-db", "demo"),
        ("gone/far", "sg-far", "gone"),
    ] {
        let text = format!(
            "group: {group}\naccount: {account}\nmode: complete\ningress:\n  - {{ service: https, from: 10.0.0.0/8 }}\n"
        );
        write(&format!("rules/{file}.yaml"), &text);
    }
    folder
}

#[test]
fn a_target_fails_for_a_cloud_without_an_answer_only_where_it_may_be_there() {
    let folder = two_accounts();
    for arguments in [
        &["plan", "--target", "db"][..],
        &["plan", "--target", "db", "rules/db.yaml"],
    ] {
        let (code, text, error) = {
            let output = rulekeep(folder.path(), arguments);
            let (code, text, error) = said(&output);
            (code, text.to_owned(), error.to_owned())
        };
        assert_eq!(code, 0, "{error}");
        assert!(
            text.ends_with("Plan: 1 to add, 0 to change, 0 to destroy.\n"),
            "{text}"
        );
    }
    let output = rulekeep(folder.path(), &["plan", "--target", "wbe-1"]);
    let (code, _, error) = said(&output);
    assert_eq!(code, 1, "{error}");
    assert!(
        error.contains("no declared group is called `wbe-1`; is it web-1?"),
        "{error}"
    );
    assert!(error.contains("cause: gone"), "{error}");
}

#[test]
fn a_pattern_fits_declared_names_and_names_in_the_cloud() {
    let folder = two_accounts();
    let output = rulekeep(folder.path(), &["plan", "--target", "web-*"]);
    let (code, text, error) = said(&output);
    assert_eq!(code, 0, "{error}");
    assert!(text.contains("web-1") && text.contains("web-2"), "{text}");
    assert!(
        text.ends_with("Plan: 2 to add, 0 to change, 0 to destroy.\n"),
        "{text}"
    );
    // The other account may have more of them.
    assert!(
        error.contains(
            "warning: whether --target means groups there is not known, and they are left out: gone"
        ),
        "{error}"
    );
}
