//! Whole runs over estates of several accounts and regions, by parts, and with documents for all groups that match.

#[expect(
    dead_code,
    reason = "the cloud with every shape of rule is for other tests"
)]
#[path = "common/project.rs"]
mod project;

use std::fs;

use project::Project;

/// Two web groups, one that a cloud service owns, and a database; in one region.
const WEB: &str = r#"{
  "version": 1,
  "security_groups": [
    {"id": "sg-web1", "name": "web-1", "vpc": "vpc-1", "tags": {"team": "web", "tier": "1"}, "rules": [
      {"IpProtocol": "TCP", "PortRange": "80/80", "SourceCidrIp": "0.0.0.0/0"}
    ]},
    {"id": "sg-web2", "name": "web-2", "vpc": "vpc-2", "tags": {"team": "web"}, "rules": []},
    {"id": "sg-web3", "name": "web-3", "vpc": "vpc-2", "service_managed": true, "tags": {"team": "web"}, "rules": []},
    {"id": "sg-db", "name": "db", "vpc": "vpc-2", "rules": []}
  ]
}"#;

const SSH: &str = "mode: partial\ningress:\n  - protocol: tcp\n    ports: 22\n    from: 10.0.0.0/8\n    description: operators\n";

fn with_rules(seed: &str, files: &[(&str, &str)]) -> Project {
    let project = Project::new(seed);
    for (name, text) in files {
        fs::write(project.path(name), text).unwrap();
    }
    project
}

#[test]
fn a_document_with_targets_is_for_every_live_group_that_matches() {
    let all = format!("targets: {{ name: \"web-*\" }}\n{SSH}");
    let project = with_rules(WEB, &[("rules/all.yaml", &all)]);
    assert_eq!(
        project.done(&["validate"]),
        "ok: 0 groups, 0 rules in 1 file and 1 document with targets\n"
    );
    let plan = project.done(&["plan"]);
    let heads: Vec<&str> = plan.lines().filter(|line| line.contains("sg-")).collect();
    assert_eq!(
        heads,
        [
            "web-1  sg-web1  demo/cn-hangzhou/vpc-1  ingress partial, egress not managed  rules/all.yaml:1",
            "web-2  sg-web2  demo/cn-hangzhou/vpc-2  ingress partial, egress not managed  rules/all.yaml:1",
        ]
    );
    assert!(
        plan.ends_with("Plan: 2 to add, 0 to change, 0 to destroy.\n"),
        "{plan}"
    );
    let one = project.done(&["plan", "--target", "web-2"]);
    assert!(
        one.ends_with("Plan: 1 to add, 0 to change, 0 to destroy.\n"),
        "{one}"
    );
    project.done(&["apply", "--yes", "rules/all.yaml"]);
    assert!(project.done(&["plan"]).ends_with("No changes.\n"));
    let shown = project.done(&["show", "web-2"]);
    assert!(
        shown.contains("operators") && shown.contains("rules/all.yaml:4"),
        "{shown}"
    );
}

#[test]
fn tags_and_the_vpc_narrow_targets_and_every_member_must_hold() {
    for (targets, groups) in [
        ("{ tags: { team: web } }", vec!["sg-web1", "sg-web2"]),
        ("{ tags: { team: web, tier: \"*\" } }", vec!["sg-web1"]),
        ("{ vpc: vpc-2 }", vec!["sg-db", "sg-web2"]),
        ("{ vpc: vpc-2, name: \"web-*\" }", vec!["sg-web2"]),
    ] {
        let text = format!("targets: {targets}\n{SSH}");
        let project = with_rules(WEB, &[("rules/all.yaml", &text)]);
        let json: serde_json::Value =
            serde_json::from_str(&project.done(&["plan", "-o", "json"])).unwrap();
        let planned = json["groups"].as_array().unwrap().iter();
        let addresses = planned.map(|group| group["address"].as_str().unwrap());
        let mut found: Vec<&str> = addresses
            .map(|address| address.trim_start_matches("demo/cn-hangzhou/"))
            .collect();
        found.sort_unstable();
        assert_eq!(found, groups, "{targets}\n{json:#}");
    }
}

#[test]
fn targets_that_match_nothing_are_a_warning_and_no_error() {
    let text = format!("targets: {{ name: \"wbe-*\" }}\n{SSH}");
    let project = with_rules(WEB, &[("rules/all.yaml", &text)]);
    let (code, out, error) = project.run(&["plan"]);
    assert_eq!(code, 0, "{error}");
    assert!(out.ends_with("No changes.\n"));
    assert!(error.contains("warning[no-targets]"), "{error}");
}

#[test]
fn a_group_that_is_declared_and_targeted_is_an_error_with_both_places() {
    for declared in [
        "group: web-1\n",
        "group: sg-web1\n",
        "targets: { tags: { tier: \"1\" } }\n",
    ] {
        let (all, own) = (
            format!("targets: {{ name: \"web-*\" }}\n{SSH}"),
            format!("{declared}{SSH}"),
        );
        let project = with_rules(WEB, &[("rules/all.yaml", &all), ("rules/own.yaml", &own)]);
        for command in [&["plan"][..], &["drift"], &["apply", "--yes"]] {
            let (code, _, error) = project.run(command);
            assert_eq!(code, 1, "{error}");
            assert!(error.contains("duplicate-group"), "{error}");
            assert!(error.contains("rules/all.yaml:1"), "{error}");
            assert!(error.contains("rules/own.yaml:1"), "{error}");
        }
    }
}

#[test]
fn complete_mode_for_groups_that_no_file_names_must_be_said_twice() {
    let complete = SSH.replace("partial", "complete");
    let text = format!("targets: {{ name: \"web-1\" }}\n{complete}");
    let project = with_rules(WEB, &[("rules/all.yaml", &text)]);
    let (code, out, _) = project.run(&["validate"]);
    assert_eq!(code, 1);
    assert!(out.contains("allow_complete: true"), "{out}");
    fs::write(
        project.path("rules/all.yaml"),
        format!("{text}allow_complete: true\n"),
    )
    .unwrap();
    let plan = project.done(&["plan"]);
    assert!(
        plan.ends_with("Plan: 1 to add, 0 to change, 1 to destroy.\n"),
        "{plan}"
    );
}

#[test]
fn a_document_is_for_a_group_or_for_all_that_match() {
    for (text, said) in [
        (
            "group: web-1\ntargets: { name: a }\nmode: partial\n",
            "`group` is for one group",
        ),
        (
            "vpc: vpc-1\ntargets: { name: a }\nmode: partial\n",
            "`vpc` is for one group",
        ),
        ("targets: {}\nmode: partial\n", "it would mean every group"),
        (
            "targets: { name: \"\" }\nmode: partial\n",
            "an empty name pattern",
        ),
        (
            "targets: { nmae: a }\nmode: partial\n",
            "did you mean `name`?",
        ),
        (
            "group: web-1\nmode: complete\nallow_complete: true\n",
            "`allow_complete` is for documents with `targets`",
        ),
    ] {
        let project = with_rules(WEB, &[("rules/all.yaml", text)]);
        let (code, out, _) = project.run(&["validate"]);
        assert_eq!(code, 1, "{text}");
        assert!(out.contains(said), "{text}: {out}");
    }
}

#[test]
fn fmt_and_adopt_live_with_targets() {
    let text = format!("# all of them\ntargets: {{ name: \"web-*\" }}   # by name\n{SSH}");
    let project = with_rules(WEB, &[("rules/all.yaml", &text)]);
    project.done(&["fmt"]);
    let formatted = fs::read_to_string(project.path("rules/all.yaml")).unwrap();
    assert!(
        formatted.contains("# all of them") && formatted.contains("# by name"),
        "{formatted}"
    );
    project.done(&["fmt", "--check"]);
    let plan = project.done(&["plan"]);
    assert!(
        plan.ends_with("Plan: 2 to add, 0 to change, 0 to destroy.\n"),
        "{plan}"
    );
    project.done(&["adopt", "--all"]);
    // Those that match are declared; the others have files now.
    let plan = project.done(&["plan"]);
    assert!(
        plan.ends_with("Plan: 2 to add, 0 to change, 0 to destroy.\n"),
        "{plan}"
    );
    assert!(!project.path("rules/web-1.yaml").exists());
}

/// A group `edge` in each of two regions.
const TWO_REGIONS: &str = r#"{
  "version": 1,
  "security_groups": [
    {"id": "sg-ACCOUNTeast", "name": "edge", "vpc": "vpc-1", "region": "cn-hangzhou", "rules": []},
    {"id": "sg-ACCOUNTwest", "name": "edge", "vpc": "vpc-1", "region": "eu-central-1", "rules": []}
  ]
}"#;

fn two_accounts() -> Project {
    let project = Project::new("{}");
    fs::write(
        project.path("rulekeep.yaml"),
        "rules: rules/\naccounts:\n  red: { local: .rulekeep/red.json, seed: red.json }\n  blue: { local: .rulekeep/blue.json, seed: blue.json }\n",
    )
    .unwrap();
    for account in ["red", "blue"] {
        let seed = TWO_REGIONS.replace("ACCOUNT", account);
        fs::write(project.path(&format!("{account}.json")), seed).unwrap();
        for region in ["cn-hangzhou", "eu-central-1"] {
            let text = format!("group: edge\naccount: {account}\nregion: {region}\n{SSH}");
            fs::write(
                project.path(&format!("rules/{account}-{region}.yaml")),
                text,
            )
            .unwrap();
        }
    }
    project
}

#[test]
fn accounts_and_regions_are_planned_and_applied_in_one_run_with_one_report() {
    let project = two_accounts();
    let report = project.done(&["apply", "--yes"]);
    assert!(
        report.contains("Resources: 4 added, 0 changed, 0 destroyed."),
        "{report}"
    );
    for id in ["sg-redeast", "sg-redwest", "sg-blueeast", "sg-bluewest"] {
        assert!(report.contains(id), "{id}: {report}");
    }
    assert!(project.done(&["apply", "--yes"]).contains("No changes."));
    let west = project.done(&["plan", "--target", "blue/eu-central-1/edge", "--verbose"]);
    assert!(
        west.contains("blue/eu-central-1/vpc-1") && !west.contains("red/"),
        "{west}"
    );
}

#[test]
fn parts_applied_one_by_one_are_the_whole() {
    let project = two_accounts();
    let mut added = 0;
    for part in ["0/3", "1/3", "2/3"] {
        let json = project.done(&["apply", "--yes", "--shard", part, "-o", "json"]);
        let json: serde_json::Value = serde_json::from_str(&json).unwrap();
        added += json["summary"]["added"].as_u64().unwrap_or_default();
    }
    assert_eq!(added, 4);
    assert!(
        project.done(&["drift"]).contains("No drift"),
        "{}",
        project.done(&["drift"])
    );
}

#[test]
fn a_saved_plan_is_of_one_part_and_keeps_it() {
    let project = two_accounts();
    project.done(&["plan", "--shard", "1/2", "--out", "one.json"]);
    let (code, _, error) = project.run(&["apply", "one.json", "--shard", "2/2"]);
    assert_eq!(code, 64, "{error}");
    assert!(error.contains("the saved plan is of part 1/2"), "{error}");
    project.done(&["plan", "--shard", "2/2", "--out", "two.json"]);
    project.done(&["apply", "one.json"]);
    project.done(&["apply", "two.json", "--shard", "2/2"]);
    assert!(project.done(&["plan"]).ends_with("No changes.\n"));
}
