//! Rules through the files of the console, against the embedded cloud.

#[path = "common/project.rs"]
mod common;

use std::fs;

use common::{EVERY_SHAPE, Project};

#[test]
fn an_export_has_every_member_of_the_answer_under_the_consoles_name() {
    let project = Project::new(EVERY_SHAPE);
    let output = project.done(&["export", "every", "--out", "."]);
    assert_eq!(output, "wrote ecs_cn-hangzhou_sg-every.json\n");
    let text = fs::read_to_string(project.path("ecs_cn-hangzhou_sg-every.json")).unwrap();
    let rules: Vec<serde_json::Value> = serde_json::from_str(&text).unwrap();
    assert_eq!(rules.len(), common::shapes());
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
    assert_eq!(csv.lines().count(), 1 + common::shapes(), "{csv}");
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
