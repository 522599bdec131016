//! Rules through the files of the console, against the embedded cloud.

#[path = "common/project.rs"]
mod common;

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
fn restore_makes_a_group_like_another_or_adds_what_it_lacks() {
    let project = Project::new(EVERY_SHAPE);
    let restore = |mode: &str| {
        project.done(&[
            "restore", "--group", "empty", "--from", "every", "--mode", mode, "--yes",
        ])
    };
    let text = restore("partial");
    assert!(
        text.starts_with("Restore empty sg-empty from every, partial\n  + ingress"),
        "{text}"
    );
    assert_eq!(rules(&project, "every"), rules(&project, "empty"));
    let text = restore("complete");
    assert!(
        text.contains("the rules are identical; there is nothing to restore"),
        "{text}"
    );

    let arguments = [
        "restore", "--group", "peer", "--from", "old", "--mode", "complete", "--yes",
    ];
    let (code, text, error) = project.run(&arguments);
    assert_eq!(code, 0, "{text}{error}");
    assert!(error.contains("1 rule of old skipped, because priority 110 cannot be set; to have them, create them by hand with priority 100"), "{error}");
    assert_eq!(rules(&project, "peer").len(), 1);
}

#[test]
fn the_preview_of_a_partial_restore_labels_what_it_keeps() {
    let project = Project::new(EVERY_SHAPE);
    let preview = |mode: &str| {
        let arguments = [
            "restore",
            "--group",
            "old",
            "--from",
            "every",
            "--mode",
            mode,
            "--dry-run",
        ];
        project.done(&arguments)
    };
    let partial = preview("partial");
    assert!(
        partial.contains("  - ingress accept tcp/22 from 10.0.0.0/8 priority 1  (kept: partial)\n"),
        "{partial}"
    );
    let complete = preview("complete");
    assert!(
        complete.contains("(kept: priority 110 cannot be made again)"),
        "{complete}"
    );
    assert!(!complete.contains("(kept: partial)"), "{complete}");
    assert_eq!(rules(&project, "old").len(), 2);
}

#[test]
fn restore_takes_files_of_every_kind() {
    let project = Project::new(EVERY_SHAPE);
    let want = rules(&project, "every");
    project.done(&["export", "every", "--out", "every.json"]);
    project.done(&["export", "every", "--format", "csv", "--out", "every.csv"]);
    project.done(&["export", "every", "--format", "yaml", "--out", "every.yaml"]);
    let restore = |file: &str, rest: &[&str]| {
        let arguments = [
            "restore", "--group", "empty", "--from", file, "--mode", "complete", "--yes",
        ];
        project.run(&[&arguments[..], rest].concat())
    };
    fs::write(project.path("none.json"), "[]").unwrap();
    for file in ["every.json", "every.csv", "every.yaml"] {
        assert_eq!(restore(file, &[]).0, 0, "{file}");
        assert_eq!(rules(&project, "empty"), want, "{file}");
        assert_eq!(restore("none.json", &[]).0, 4);
        let (code, text, error) = restore(
            "none.json",
            &[
                "--allow-empty",
                "--allow-deletes",
                "99",
                "--allow-changes",
                "99",
            ],
        );
        assert_eq!(code, 0, "{text}{error}");
        assert!(rules(&project, "empty").is_empty());
    }
    // The undo file of the last apply is how the group was before it.
    let run = fs::read_dir(project.path(".rulekeep/undo")).unwrap();
    let found = run
        .flat_map(|run| fs::read_dir(run.unwrap().path()).unwrap())
        .map(|file| file.unwrap().path())
        // The journal of the run stands beside them.
        .filter(|path| path.extension().is_some_and(|ending| ending == "json"))
        .find_map(|path| {
            let text = fs::read_to_string(&path).unwrap();
            text.contains("five-tuple").then_some(path)
        });
    let (code, text, error) = restore(found.unwrap().to_str().unwrap(), &[]);
    assert_eq!(code, 0, "{text}{error}");
    assert_eq!(rules(&project, "empty"), want);
}

#[test]
fn restore_refuses_another_region_and_another_network_type() {
    let project = Project::new(EVERY_SHAPE);
    let refused = |from: &str, why: &str| {
        let arguments = [
            "restore", "--group", "old", "--from", from, "--mode", "partial", "--yes",
        ];
        let (code, _, error) = project.run(&arguments);
        assert!(code != 0 && error.contains(why), "{error}");
    };
    refused("classic", "the source in the classic network");
    refused("old", "the same group");
    fs::write(project.path("ecs_ap-southeast-1_sg-1.json"), "[]").unwrap();
    refused(
        "ecs_ap-southeast-1_sg-1.json",
        "the source in ap-southeast-1",
    );
}

#[test]
fn a_clone_in_the_same_vpc_has_the_same_rules_tags_and_kind() {
    let project = Project::new(EVERY_SHAPE);
    let text = project.done(&["clone", "every", "--name", "copy", "--yes"]);
    let added = shapes();
    assert!(
        text.starts_with(&format!(
            "New group copy in cn-hangzhou, vpc-1, basic, with {added} rules of sg-every\n"
        )),
        "{text}"
    );
    assert!(
        text.ends_with(&format!(
            "Resources: {added} added, 0 changed, 0 destroyed.\n"
        )),
        "{text}"
    );
    assert_eq!(rules(&project, "copy"), rules(&project, "every"));
    let adopted = project.done(&["adopt", "--all", "--tag", "team=net", "--dry-run"]);
    assert!(adopted.contains("name: copy\n"), "{adopted}");
}

#[test]
fn a_clone_abroad_needs_every_peer_mapped() {
    let project = Project::new(EVERY_SHAPE);
    let arguments = [
        "clone",
        "every",
        "--name",
        "copy",
        "--to-region",
        "ap-southeast-1",
        "--vpc",
        "vpc-2",
        "--yes",
    ];
    let (code, _, error) = project.run(&arguments);
    assert_eq!(code, 1);
    for missing in ["sg-peer", "sg-far", "pl-1", "prl-1"] {
        assert!(
            error.contains(&format!("cause: {missing}: there is no such ")),
            "{error}"
        );
    }
    let (code, _, error) = project.run(&arguments[..6]);
    assert_eq!(code, 64, "{error}");
    let moved = [
        "clone",
        "sg-old",
        "--name",
        "copy",
        "--to-region",
        "ap-southeast-1",
        "--vpc",
        "vpc-2",
        "--yes",
    ];
    let (code, text, error) = project.run(&moved);
    assert_eq!(code, 0, "{text}{error}");
    assert!(
        error.contains("1 rule of a priority above 100 made 100"),
        "{error}"
    );
    let csv = project.done(&[
        "export",
        "copy",
        "--region",
        "ap-southeast-1",
        "--format",
        "csv",
    ]);
    assert!(csv.contains("ingress,accept,100,ALL"), "{csv}");
}

#[test]
fn peers_are_mapped_and_a_classic_group_moves_into_a_vpc() {
    let project = Project::new(EVERY_SHAPE);
    let (code, _, error) =
        project.run(&["clone", "every", "--name", "copy", "--map", "sg-peer=pl-1"]);
    assert!(
        code == 64 && error.contains("two ids of one kind"),
        "{error}"
    );
    project.done(&[
        "clone",
        "every",
        "--name",
        "copy",
        "--map",
        "sg-peer=sg-empty",
        "--yes",
    ]);
    let copy = rules(&project, "copy").join("\n");
    assert!(
        copy.contains("sg-empty") && !copy.contains("sg-peer"),
        "{copy}"
    );
    project.done(&[
        "clone", "classic", "--name", "moved", "--vpc", "vpc-1", "--yes",
    ]);
    assert_eq!(rules(&project, "moved").len(), 3);
}

#[test]
fn a_classic_group_is_cloned_where_it_is_with_both_its_sets_of_rules() {
    let project = Project::new(EVERY_SHAPE);
    let text = project.done(&["clone", "classic", "--name", "twin", "--yes"]);
    assert!(
        text.starts_with(
            "New group twin in cn-hangzhou, classic network, basic, with 3 rules of sg-classic\n"
        ),
        "{text}"
    );
    assert_eq!(rules(&project, "twin"), rules(&project, "classic"));

    // An account that has no classic network any more.
    let project = Project::new(&EVERY_SHAPE.replace("\"classic_groups\": true", ""));
    let (code, _, error) = project.run(&["clone", "classic", "--name", "twin", "--yes"]);
    assert!(
        code == 1 && error.contains("for accounts only that still have it; --vpc names a VPC"),
        "{error}"
    );
}

#[test]
fn a_vpc_group_moves_into_the_classic_network_and_what_is_lost_is_said() {
    let project = Project::new(EVERY_SHAPE);
    let to_classic = |more: &[&str]| {
        let mut arguments = vec![
            "clone",
            "every",
            "--name",
            "old-every",
            "--classic",
            "--yes",
        ];
        arguments.extend(more);
        project.run(&arguments)
    };
    let (code, _, error) = to_classic(&[]);
    assert!(
        code == 1
            && error.contains("cause: sg-peer: it is in vpc-1, the new group in classic network"),
        "{error}"
    );
    let (code, _, error) = to_classic(&["--type", "advanced"]);
    assert!(
        code == 64 && error.contains("an advanced group lives in a VPC"),
        "{error}"
    );

    let (code, text, error) = to_classic(&["--map", "sg-peer=sg-classic"]);
    assert_eq!(code, 0, "{text}{error}");
    for note in [
        "3 rules with prefix or port lists written out as 3 rules, which will not follow the lists",
        "written for both interfaces",
        "4 rules lost",
    ] {
        assert!(error.contains(note), "{note}\n{error}");
    }
    assert_eq!(
        text.matches("(lost: the classic network has no IPv6)")
            .count(),
        4,
        "{text}"
    );
    let copy = rules(&project, "old-every").join("\n");
    for rule in [
        "ingress,accept,1,TCP,443/443,,100.64.0.0/24,,intranet,a prefix list",
        "ingress,accept,1,TCP,443/443,,100.64.0.0/24,,internet,a prefix list",
        "ingress,accept,1,TCP,8443/8443,,10.0.0.0/8,,internet,a port list",
        "egress,accept,1,TCP,3306/3306,,,1234567890123456/sg-classic,intranet,=database",
    ] {
        assert!(copy.contains(rule), "{rule}\n{copy}");
    }
    assert!(!copy.contains("::"), "{copy}");
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
