//! Rules through the files of the console, against the embedded cloud.

mod clone;
mod restore;

#[path = "../common/project.rs"]
mod common;
#[cfg(target_os = "linux")]
#[path = "../common/terminal.rs"]
mod terminal;

use std::fs;

use common::{EVERY_SHAPE, Project};

/// How many rules the group `every` has.
fn shapes() -> usize {
    let seed: serde_json::Value = serde_json::from_str(EVERY_SHAPE).unwrap();
    seed["security_groups"][0]["rules"]
        .as_array()
        .unwrap()
        .len()
}

#[test]
fn an_export_has_every_member_of_the_answer_under_the_consoles_name() {
    let project = Project::new(EVERY_SHAPE);
    let output = project.done(&["export", "every", "--out", "."]);
    assert_eq!(output, "wrote ecs_cn-hangzhou_sg-every.json\n");
    let text = fs::read_to_string(project.path("ecs_cn-hangzhou_sg-every.json")).unwrap();
    let rules: Vec<serde_json::Value> = serde_json::from_str(&text).unwrap();
    assert_eq!(rules.len(), shapes());
    let peer = rules
        .iter()
        .find(|rule| rule["SourceGroupId"] == "sg-peer")
        .unwrap();
    assert_eq!(peer["SourceGroupName"], "peer");
    assert_eq!(peer["SourceGroupOwnerAccount"], "1234567890123456");
    for rule in &rules {
        for member in [
            "SecurityGroupRuleId",
            "CreateTime",
            "IpProtocol",
            "Priority",
        ] {
            assert!(rule[member] != "" && !rule[member].is_null(), "{member}");
        }
    }
    // An address as the cloud keeps it, not as this program would write it.
    assert!(
        rules
            .iter()
            .any(|rule| rule["SourceCidrIp"] == "203.0.113.77/24")
    );
}

#[test]
fn csv_and_yaml_hold_every_rule() {
    let project = Project::new(EVERY_SHAPE);
    let csv = project.done(&["export", "every", "--format", "csv"]);
    assert_eq!(csv.lines().count(), 1 + shapes(), "{csv}");
    assert!(csv.starts_with("Direction,Policy,Priority,Protocol,Port Range,"));
    let yaml = project.done(&["export", "every", "--format", "yaml"]);
    fs::write(project.path("rules/every.yaml"), &yaml).unwrap();
    let plan = project.done(&["plan", "--detailed-exitcode"]);
    assert!(plan.ends_with("No changes.\n"), "{yaml}\n{plan}");
}

#[test]
fn show_finds_declarations_by_the_id_that_a_name_stands_for() {
    let project = Project::new(EVERY_SHAPE);
    fs::write(
        project.path("rules/every.yaml"),
        "group: sg-every\nname: every\nmode: partial\ningress:\n  - { service: ssh, from: group:peer }\n\
         ---\ngroup: peer\nmode: partial\ningress: []\n",
    )
    .unwrap();
    let text = project.done(&["show", "every", "--peer", "group:peer", "-o", "json"]);
    let document: serde_json::Value = serde_json::from_str(&text).unwrap();
    let rules = document["rules"].as_array().unwrap();
    let declared: Vec<_> = rules
        .iter()
        .filter_map(|rule| rule["declared_at"].as_str())
        .collect();
    assert_eq!(declared, ["rules/every.yaml:5"], "{text}");
    assert!(
        rules.iter().all(|rule| rule["peer_name"] == "peer"),
        "{text}"
    );
}

#[test]
fn show_of_a_classic_group_has_four_tabs() {
    let project = Project::new(EVERY_SHAPE);
    let text = project.done(&["show", "classic"]);
    for tab in [
        "Ingress, public interface  1 rule",
        "Ingress, private interface  1 rule",
        "Egress, public interface  1 rule",
        "Egress, private interface  0 rules",
    ] {
        assert!(text.contains(tab), "{tab}: {text}");
    }
}

/// The rules of a group as they are written for people, without ids.
fn rules(project: &Project, group: &str) -> Vec<String> {
    let csv = project.done(&["export", group, "--format", "csv"]);
    let mut rules: Vec<String> = csv
        .lines()
        .skip(1)
        .map(|line| line.rsplitn(3, ',').nth(2).unwrap().to_owned())
        .collect();
    rules.sort();
    rules
}

#[test]
fn what_is_exported_is_imported_into_an_empty_group_as_the_same_rules() {
    for format in ["json", "csv"] {
        let project = Project::new(EVERY_SHAPE);
        let file = format!("every.{format}");
        project.done(&["export", "every", "--format", format, "--out", &file]);
        let text = project.done(&["import", &file, "--group", "empty", "--yes"]);
        let added = shapes();
        assert!(
            text.ends_with(&format!(
                "Apply complete! Resources: {added} added, 0 changed, 0 destroyed.\n"
            )),
            "{text}"
        );
        assert_eq!(
            rules(&project, "every"),
            rules(&project, "empty"),
            "{format}"
        );

        // Once more: every rule is there, and nothing is sent.
        let text = project.done(&["import", &file, "--group", "empty", "--yes"]);
        assert_eq!(text.matches("is there already").count(), added, "{text}");
        assert!(!text.contains("Apply complete"), "{text}");
    }
}

#[test]
fn the_answer_of_the_api_is_imported_and_descriptions_are_never_overwritten() {
    let project = Project::new(EVERY_SHAPE);
    fs::write(
        project.path("answer.json"),
        r#"{"Permissions": {"Permission": [
          {"Direction": "ingress", "IpProtocol": "TCP", "PortRange": "22/22", "SourceCidrIp": "10.0.0.0/8", "Policy": "Accept", "Priority": 1, "Description": "other words"},
          {"Direction": "ingress", "IpProtocol": "TCP", "PortRange": "80/80", "SourceCidrIp": "10.0.0.0/8", "Policy": "Accept", "Priority": 110},
          {"Direction": "ingress", "IpProtocol": "TCP", "PortRange": "443/443", "SourceCidrIp": "10.0.0.0/8", "Policy": "Accept", "Priority": "2"}
        ]}}"#,
    )
    .unwrap();
    let text = project.done(&["import", "answer.json", "--group", "old", "--yes"]);
    assert!(
        text.contains("=   1  ingress accept tcp/22 from 10.0.0.0/8 priority 1  is there already"),
        "{text}"
    );
    assert!(
        text.contains("!   2  skipped: priority 110 is outside 1..100"),
        "{text}"
    );
    assert!(
        text.contains("Resources: 1 added, 0 changed, 0 destroyed."),
        "{text}"
    );
    assert!(!rules(&project, "old").join("\n").contains("other words"));
}

#[test]
fn rules_that_cannot_be_imported_say_why_and_stop_the_import() {
    let project = Project::new(EVERY_SHAPE);
    let name = "ecs_ap-southeast-1_sg-elsewhere.json";
    fs::write(
        project.path(name),
        r#"[
          {"Direction": "ingress", "IpProtocol": "TCP", "PortRange": "22/22", "SourceGroupId": "sg-peer", "Policy": "Accept", "Priority": 1},
          {"Direction": "ingress", "IpProtocol": "TCP", "PortRange": "22/22", "Policy": "Accept", "Priority": 1},
          {"Direction": "ingress", "IpProtocol": "TCP", "PortRange": "25/25", "SourceCidrIp": "10.0.0.0/8", "Policy": "Accept", "Priority": 1}
        ]"#,
    )
    .unwrap();
    let arguments = ["import", name, "--group", "empty", "--yes"];
    let (code, text, error) = project.run(&arguments);
    assert_eq!(code, 1, "{error}");
    assert!(
        text.contains("fails: it names a security group of ap-southeast-1"),
        "{text}"
    );
    assert!(text.contains("fails: it has no peer"), "{text}");
    assert!(rules(&project, "empty").is_empty());
    let text = project.done(&[&arguments[..], &["--skip-failed"]].concat());
    assert!(text.contains("Resources: 1 added"), "{text}");
    assert_eq!(rules(&project, "empty").len(), 1);
}

#[test]
fn a_file_of_more_than_200_rules_and_an_import_over_the_quota_send_nothing() {
    let project = Project::new(EVERY_SHAPE);
    let file = |count: usize| {
        let rules: Vec<_> = (0..count)
            .map(|n| {
                format!(
                    r#"{{"Direction": "ingress", "IpProtocol": "TCP", "PortRange": "{0}/{0}", "SourceCidrIp": "10.0.0.0/8", "Policy": "Accept", "Priority": 1}}"#,
                    n + 1000
                )
            })
            .collect();
        format!("[{}]", rules.join(","))
    };
    fs::write(project.path("many.json"), file(201)).unwrap();
    let (code, _, error) = project.run(&["import", "many.json", "--group", "empty", "--yes"]);
    assert_eq!(code, 1);
    assert!(
        error.contains("has 201 rules; a file that is imported has at most 200"),
        "{error}"
    );
    fs::write(project.path("full.json"), file(200)).unwrap();
    let (code, text, _) = project.run(&["import", "full.json", "--group", "old", "--yes"]);
    assert_eq!(code, 4, "{text}");
    assert!(
        text.contains("202 units of rules, 2 more than its quota of 200"),
        "{text}"
    );
    assert_eq!(rules(&project, "old").len(), 2);
}

#[test]
fn a_part_of_a_group_is_shown_as_a_file_that_deletes_nothing() {
    let project = Project::new(EVERY_SHAPE);
    let part = project.done(&["show", "every", "--port", "22", "-o", "yaml"]);
    assert!(
        part.contains("# some of its rules") && part.contains("mode: partial\n"),
        "{part}"
    );
    let whole = project.done(&["show", "every", "-o", "yaml"]);
    assert!(whole.contains("mode: complete\n"), "{whole}");
}
