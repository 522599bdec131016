//! Live groups become group files whose plan is empty.

#[path = "common/project.rs"]
mod common;

use std::fs;

use common::{EVERY_SHAPE, Project};

#[test]
fn every_shape_of_rule_is_adopted_as_a_person_would_write_it_and_plans_empty() {
    let project = Project::new(EVERY_SHAPE);
    let text = project.done(&["adopt", "--all"]);
    assert_eq!(
        text,
        "wrote  rules/classic.yaml\n\
         wrote  rules/empty.yaml\n\
         wrote  rules/every.yaml\n\
         wrote  rules/old.yaml\n\
         wrote  rules/peer.yaml\n\
         not adopted: sg-managed: it belongs to a cloud service and cannot be changed by its user\n\
         \n5 groups with 24 rules planned from the files: No changes, same traffic.\n"
    );
    let plan = project.done(&["plan", "--detailed-exitcode"]);
    assert!(plan.ends_with("No changes.\n"), "{plan}");

    let file = fs::read_to_string(project.path("rules/every.yaml")).unwrap();
    let expected = r#"# vpc-1, basic group
# tags: team=net
group: sg-every
name: every
description: "every: shape #1"
mode: complete
ingress:
  - protocol: icmpv6
    from: "2001:db8::/32"
    description: "true"
  - protocol: all
    from: 172.16.0.0/12
    description: "- all"
"#;
    for line in expected.lines() {
        assert!(file.contains(line), "{line}\n{file}");
    }
    for item in [
        "  - service: web\n    from: world\n    description: web\n",
        "  - service: ssh\n    from: friends\n    description: a group\n",
        "  - service: ssh\n    from: 9876543210987654/sg-far\n    description: a group of another account\n",
        "  - protocol: tcp\n    ports: 7946\n    from: 10.20.3.0/24\n    local: 10.20.4.0/24\n    source_ports: 1024-65535\n    description: five-tuple\n",
        "  - service: mysql\n    to: friends\n    description: \"=database\"\n",
        "    ports: prl-1\n    from: 10.0.0.0/8\n",
    ] {
        assert!(file.contains(item), "{item}\n{file}");
    }
    let old = fs::read_to_string(project.path("rules/old.yaml")).unwrap();
    assert!(
        old.contains("mode: complete\nsystem_rules: keep\n"),
        "{old}"
    );
    let classic = fs::read_to_string(project.path("rules/classic.yaml")).unwrap();
    assert!(
        classic.contains("  - nic: internet\n    protocol: tcp\n    ports: 21\n"),
        "{classic}"
    );
    assert!(!project.path("rules/managed.yaml").exists());
}

#[test]
fn a_second_adopt_changes_nothing() {
    let project = Project::new(EVERY_SHAPE);
    project.done(&["adopt", "--all"]);
    let before = fs::read_to_string(project.path("rules/every.yaml")).unwrap();
    let text = project.done(&["adopt", "every", "peer"]);
    assert_eq!(
        text,
        "2 groups declared as live already\n\n2 groups with 20 rules planned from the files: No changes, same traffic.\n"
    );
    assert_eq!(
        fs::read_to_string(project.path("rules/every.yaml")).unwrap(),
        before
    );
}

const OWN_HAND: &str = "\
# Ours. Ask before you touch it.
group: sg-old     # the old one
name: old
mode: complete
system_rules: keep

ingress:
  # administrators
  - service: [ssh, rdp]        # one of them is gone by now
    from: 10.0.0.0/8           # the inner network
    ticket: OPS-1
    owner: 'net: ops'

  # nobody has this any more
  - { service: https, from: 10.1.0.0/16 }
egress: []   # nothing yet
";

#[test]
fn a_declared_group_is_edited_in_place() {
    let project = Project::new(EVERY_SHAPE);
    fs::write(project.path("rules/mine.yaml"), OWN_HAND).unwrap();
    let text = project.done(&["adopt", "old"]);
    assert!(text.starts_with("edited rules/mine.yaml\n"), "{text}");
    let file = fs::read_to_string(project.path("rules/mine.yaml")).unwrap();
    assert_eq!(
        file,
        "\
# Ours. Ask before you touch it.
group: sg-old     # the old one
name: old
mode: complete
system_rules: keep

ingress:
  # administrators
  # one of them is gone by now
  # the inner network
  - service: ssh
    from: 10.0.0.0/8
    ticket: OPS-1
    owner: \"net: ops\"

  # nobody has this any more
egress: []   # nothing yet
"
    );
}

#[test]
fn rules_are_added_to_lists_that_are_empty_or_not_in_the_layout_that_is_there() {
    let project = Project::new(EVERY_SHAPE);
    fs::write(
        project.path("rules/classic.yaml"),
        "group: sg-classic\nmode: complete\ningress:\n    - nic: internet\n      protocol: tcp\n      ports: 21   # ftp\n      from: 192.0.2.64/28\n      description: public\negress: []   # to be filled\n",
    )
    .unwrap();
    project.done(&["adopt", "sg-classic"]);
    assert_eq!(
        fs::read_to_string(project.path("rules/classic.yaml")).unwrap(),
        "group: sg-classic\nmode: complete\ningress:\n    - nic: internet\n      protocol: tcp\n      ports: 21   # ftp\n      from: 192.0.2.64/28\n      description: public\n    - nic: intranet\n      protocol: tcp\n      ports: 21\n      from: 10.0.0.0/8\n      description: private\negress:   # to be filled\n  - policy: drop\n    nic: internet\n    service: smtp\n    to: 0.0.0.0/0\n"
    );
}

/// The file after `sg-old`, in which only ssh from 10.0.0.0/8 is live, was adopted from it.
fn adopted(before: &str) -> String {
    let project = Project::new(EVERY_SHAPE);
    fs::write(project.path("rules/old.yaml"), before).unwrap();
    let text = project.done(&["adopt", "sg-old"]);
    assert!(text.starts_with("edited rules/old.yaml\n"), "{text}");
    project.done(&["plan", "--detailed-exitcode"]);
    fs::read_to_string(project.path("rules/old.yaml")).unwrap()
}

#[test]
fn a_list_in_brackets_gets_a_line_per_item() {
    let file = adopted(
        "group: sg-old\nmode: complete\nsystem_rules: keep\ningress: [{service: rdp, from: 10.0.0.0/8}, {service: ssh,\n from: 10.0.0.0/8}, # keep me\n   # the web\n   {service: https, from: 10.1.0.0/16}]  # all\negress: [{service: https, to: 10.1.0.0/16}]\n",
    );
    assert_eq!(
        file,
        "group: sg-old\nmode: complete\nsystem_rules: keep\ningress:  # all\n  - {service: ssh,\n    from: 10.0.0.0/8}  # keep me\n  # the web\negress: []\n"
    );
    let file = adopted(
        "{\"group\":\"sg-old\",\"mode\":\"complete\",\"system_rules\":\"keep\",\"ingress\":[{\"service\":\"ssh\",\"from\":\"10.0.0.0/8\"},\n{\"service\":\"rdp\",\"from\":\"10.0.0.0/8\"}],\"ignore\":[{\"description\":\"x\"\n}]}\n",
    );
    assert_eq!(
        file,
        "\"group\": \"sg-old\"\n\"mode\": \"complete\"\n\"system_rules\": \"keep\"\n\"ingress\":\n  - {\"service\":\"ssh\",\"from\":\"10.0.0.0/8\"}\n\"ignore\": [{\"description\":\"x\"\n  }]\n"
    );
}

#[test]
fn an_anchor_whose_value_goes_moves_to_where_it_is_used_next() {
    let file = adopted(
        "group: sg-old\nmode: complete\nsystem_rules: keep\ningress:\n - &gone\n   protocol: tcp\n   ports: 3389\n   from: &far 10.9.0.0/16\n   description: \"a: b\"\n # stays\n - {service: ssh, from: 10.0.0.0/8}\negress: []\nignore:\n - *gone\n - {protocol: udp, from: *far}\n - {protocol: gre, from: *far}\n",
    );
    assert_eq!(
        file,
        "group: sg-old\nmode: complete\nsystem_rules: keep\ningress:\n # stays\n - {service: ssh, from: 10.0.0.0/8}\negress: []\nignore:\n - &gone { protocol: tcp, ports: 3389, from: 10.9.0.0/16, description: \"a: b\" }\n - {protocol: udp, from: &far 10.9.0.0/16}\n - {protocol: gre, from: *far}\n"
    );
}

#[test]
fn a_list_that_stands_elsewhere_is_written_out_and_it_is_said() {
    let file = adopted(
        "group: sg-old\nmode: complete\nsystem_rules: keep\nignore: &them\n  - {protocol: tcp, ports: 443, from: 10.9.0.0/16}\ningress: *them   # why\negress: []\n",
    );
    assert_eq!(
        file,
        "group: sg-old\nmode: complete\nsystem_rules: keep\nignore: &them\n  - {protocol: tcp, ports: 443, from: 10.9.0.0/16}\ningress:   # why\n  # adopt wrote this list out; it was `*them`\n  - service: ssh\n    from: 10.0.0.0/8\negress: []\n"
    );
    let file = adopted(
        "group: sg-old\nmode: complete\n<<: {ingress: [{service: https, from: 10.0.0.0/8}], system_rules: keep}\negress: []\n",
    );
    assert!(
        file.ends_with(
            "\negress: []\ningress:\n  # adopt wrote this list out; it was merged by `<<`\n  - service: ssh\n    from: 10.0.0.0/8\n"
        ),
        "{file}"
    );
}

#[test]
fn what_cannot_be_declared_is_refused_and_the_others_are_adopted() {
    let seed = r#"{"version": 1, "owner": "1", "security_groups": [
        {"id": "sg-both", "name": "both", "vpc": "vpc-1", "rules": [
          {"IpProtocol": "TCP", "PortRange": "22/22", "SourceCidrIp": "10.0.0.0/8"},
          {"IpProtocol": "TCP", "PortRange": "22/22", "SourceCidrIp": "10.0.0.0/8", "Policy": "Drop"}]},
        {"id": "sg-good", "name": "good", "vpc": "vpc-1", "rules": []}]}"#;
    let project = Project::new(seed);
    let (code, text, error) = project.run(&["adopt", "--all"]);
    assert_eq!(code, 7, "{text}{error}");
    assert!(
        text.starts_with("wrote  rules/good.yaml\nnot adopted: sg-both: "),
        "{text}"
    );
    assert!(!project.path("rules/both.yaml").exists());
}

#[test]
fn a_group_that_a_document_with_targets_is_about_is_refused_with_its_place() {
    let project = Project::new(EVERY_SHAPE);
    fs::write(
        project.path("rules/some.yaml"),
        "# some\ntargets: { name: \"em*\" }\nmode: partial\ningress: []\n",
    )
    .unwrap();
    let (code, text, error) = project.run(&["adopt", "empty", "peer"]);
    assert_eq!(code, 7, "{text}{error}");
    assert!(
        text.contains("not adopted: sg-empty: `targets` at rules/some.yaml:2 matches it"),
        "{text}"
    );
    assert!(text.starts_with("wrote  rules/peer.yaml\n"), "{text}");
    assert!(!project.path("rules/empty.yaml").exists());
    project.done(&["plan"]);
    let (code, text, error) = project.run(&["adopt", "empty"]);
    assert_eq!(code, 1, "{text}{error}");
    assert!(!text.contains("same traffic"), "{text}");
}

#[test]
fn long_names_of_groups_become_names_that_file_systems_take() {
    let long = "\u{7f51}".repeat(90);
    let seed = format!(
        r#"{{"version": 1, "owner": "1", "security_groups": [
        {{"id": "sg-1", "name": "{long}", "vpc": "vpc-1", "rules": []}},
        {{"id": "sg-2", "name": "{long}", "vpc": "vpc-1", "rules": []}}]}}"#
    );
    let project = Project::new(&seed);
    project.done(&["adopt", "--all"]);
    let names = fs::read_dir(project.path("rules")).unwrap();
    let names: Vec<_> = names.map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(names.len(), 2, "{names:?}");
    assert!(names.iter().all(|name| name.len() < 220), "{names:?}");
}

#[test]
fn a_file_that_cannot_be_written_is_named_and_the_others_are_written() {
    let project = Project::new(EVERY_SHAPE);
    // A file where a folder is needed.
    let file = fs::read_to_string(project.path("rulekeep.yaml")).unwrap();
    fs::write(
        project.path("rulekeep.yaml"),
        file.replace("region: cn-hangzhou", "region: cn-beijing"),
    )
    .unwrap();
    fs::write(project.path("rules/cn-hangzhou"), "").unwrap();
    fs::write(
        project.path("rules/old.yaml"),
        "group: sg-old\nregion: cn-hangzhou\nmode: complete\nsystem_rules: keep\ningress: []\negress: []\n",
    )
    .unwrap();
    let (code, text, error) =
        project.run(&["adopt", "sg-empty", "sg-old", "--region", "cn-hangzhou"]);
    assert_eq!(code, 7, "{text}{error}");
    assert!(
        text.contains("not written: rules/cn-hangzhou/empty.yaml: "),
        "{text}"
    );
    assert!(text.contains("edited rules/old.yaml\n"), "{text}");
    assert!(!text.contains("same traffic"), "{text}");
}

#[test]
fn a_file_keeps_its_line_breaks() {
    let before = "group: sg-old\nmode: complete\nsystem_rules: keep\ningress:\n  - service: rdp   # bob\n    from: 10.0.0.0/8\negress: [{service: https, to: 10.1.0.0/16}]\n";
    let file = adopted(&before.replace('\n', "\r\n"));
    assert_eq!(
        file,
        "group: sg-old\nmode: complete\nsystem_rules: keep\ningress:\n  - service: ssh\n    from: 10.0.0.0/8\negress: []\n"
            .replace('\n', "\r\n")
    );
}

#[test]
fn what_is_said_behind_an_item_goes_with_it() {
    let file = adopted(
        "group: sg-old\nmode: complete\nsystem_rules: keep\negress: [\n  {service: https, to: 10.1.0.0/16}, # gone\n  # stays\n  {service: ftp, to: 10.1.0.0/16}  # gone too\n  ]\ningress:\n  # stays as well\n  - service: rdp  # gone\n    from: 10.0.0.0/8  # gone",
    );
    assert_eq!(
        file,
        "group: sg-old\nmode: complete\nsystem_rules: keep\negress: []\n  # stays\ningress:\n  # stays as well\n  - service: ssh\n    from: 10.0.0.0/8\n"
    );
}

#[test]
fn a_dry_run_and_a_filter_that_admits_nothing_write_nothing() {
    let project = Project::new(EVERY_SHAPE);
    let text = project.done(&["adopt", "--all", "--tag", "team=net", "--dry-run"]);
    assert!(
        text.contains("group: sg-every\n") && !text.contains("sg-classic"),
        "{text}"
    );
    assert_eq!(fs::read_dir(project.path("rules")).unwrap().count(), 0);
    let (code, _, error) = project.run(&["adopt", "--all", "--vpc", "vpc-none"]);
    assert_eq!(code, 1);
    assert!(
        error.contains("no group in demo/cn-hangzhou is meant"),
        "{error}"
    );
}

#[test]
fn a_thousand_groups_are_adopted_in_one_run() {
    let groups: Vec<String> = (0..1000)
        .map(|n| {
            format!(
                r#"{{"id": "sg-{n}", "name": "team-{n}", "vpc": "vpc-1", "rules": [
                {{"IpProtocol": "TCP", "PortRange": "443/443", "SourceCidrIp": "10.{}.{}.0/24"}},
                {{"IpProtocol": "TCP", "PortRange": "22/22", "SourceGroupId": "sg-{}"}}]}}"#,
                n / 256,
                n % 256,
                (n + 1) % 1000
            )
        })
        .collect();
    let seed = format!(
        r#"{{"version": 1, "owner": "1", "security_groups": [{}]}}"#,
        groups.join(",")
    );
    let project = Project::new(&seed);
    let text = project.done(&["adopt", "--all", "-q"]);
    assert!(
        text.ends_with(
            "1000 groups with 2000 rules planned from the files: No changes, same traffic.\n"
        ),
        "{}",
        &text[text.len() - 200..]
    );
    let file = fs::read_to_string(project.path("rules/team-7.yaml")).unwrap();
    assert!(file.contains("from: group:team-8"), "{file}");
}

#[test]
fn the_sample_estate_is_adopted_without_losing_a_comment_on_a_line_of_its_own() {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
    let project = Project::new(&fs::read_to_string(root.join("demo/seed.json")).unwrap());
    let project_file = fs::read_to_string(root.join("rulekeep.yaml")).unwrap();
    fs::write(
        project.path("rulekeep.yaml"),
        project_file.replace("demo/seed.json", "seed.json"),
    )
    .unwrap();
    let mut before = Vec::new();
    for entry in fs::read_dir(root.join("rules")).unwrap() {
        let path = entry.unwrap().path();
        if path.is_file() {
            let text = fs::read_to_string(&path).unwrap();
            let name = format!("rules/{}", path.file_name().unwrap().to_str().unwrap());
            fs::write(project.path(&name), &text).unwrap();
            before.push((name, text));
        }
    }
    // One file wants a rule of priority 110 gone, another one a rule that is there: adopt does not overrule them.
    let (code, text, error) = project.run(&["adopt", "--all"]);
    assert_eq!(code, 7, "{text}{error}");
    assert!(
        text.contains("not adopted: sg-bp1portal000000000000: its plan would not be empty"),
        "{text}"
    );
    assert!(
        text.contains("; `system_rules: delete` at rules/legacy.yaml:7 wants"),
        "{text}"
    );
    assert!(
        text.contains("is wanted and must be absent (must not exist: rules/"),
        "{text}"
    );
    assert!(text.contains("No changes, same traffic."), "{text}");
    for (name, old) in before {
        let new = fs::read_to_string(project.path(&name)).unwrap();
        for line in old.lines() {
            let comment = line.trim_start();
            if comment.starts_with('#') {
                assert!(new.contains(comment), "{name}: {comment}\n{new}");
            }
        }
    }
}

const STATE: &str = r#"{"version": 4, "resources": [
  {"mode": "managed", "type": "alicloud_security_group", "name": "old", "instances": [
    {"attributes": {"id": "sg-old", "security_group_name": "old", "vpc_id": "vpc-1", "description": ""}}]},
  {"mode": "managed", "type": "alicloud_security_group_rule", "name": "ssh", "instances": [
    {"attributes": {"security_group_id": "sg-old", "type": "ingress", "ip_protocol": "tcp", "nic_type": "intranet", "policy": "accept", "port_range": "22/22", "priority": 1, "cidr_ip": "10.0.0.0/8"}}]},
  {"mode": "managed", "type": "alicloud_security_group_rule", "name": "gone", "instances": [
    {"attributes": {"security_group_id": "sg-old", "type": "ingress", "ip_protocol": "tcp", "nic_type": "intranet", "policy": "accept", "port_range": "80/80", "priority": 1, "cidr_ip": "10.0.0.0/8"}}]},
  {"mode": "managed", "type": "alicloud_security_group_rule", "name": "every", "instances": [
    {"index_key": 0, "attributes": {"security_group_id": "sg-every", "type": "ingress", "ip_protocol": "tcp", "nic_type": "intranet", "policy": "accept", "port_range": "22/22", "priority": 1, "source_security_group_id": "sg-peer"}}]},
  {"mode": "managed", "type": "alicloud_security_group", "name": "lost", "instances": [{"attributes": {"id": "sg-lost"}}]},
  {"mode": "managed", "type": "alicloud_db_instance", "name": "db", "instances": [{"attributes": {"password": "hunter2"}}]}
]}"#;

#[test]
fn groups_of_a_terraform_state_are_adopted_with_the_addresses_of_their_resources() {
    let project = Project::new(EVERY_SHAPE);
    fs::create_dir(project.path("tf")).unwrap();
    fs::write(project.path("tf/prod.tfstate"), STATE).unwrap();
    let (code, text, error) = project.run(&["adopt", "--from-terraform", "tf"]);
    assert_eq!(code, 7, "{text}{error}");
    assert!(
        text.contains("2 groups with 21 rules planned from the files: No changes, same traffic.\n"),
        "{text}"
    );
    assert!(
        text.contains("not adopted: sg-lost: the state has it, demo/cn-hangzhou does not"),
        "{text}"
    );
    assert!(error.contains("alicloud_security_group_rule.gone (ingress accept tcp/80 from 10.0.0.0/8 priority 1) is in the state and not live"), "{error}");
    assert!(
        error.contains("sg-every has 19 rules that Terraform's state does not have"),
        "{error}"
    );
    let old = fs::read_to_string(project.path("rules/old.yaml")).unwrap();
    assert!(old.contains("# alicloud_security_group.old\n"), "{old}");
    assert!(
        old.contains("  # alicloud_security_group_rule.ssh\n  - service: ssh\n"),
        "{old}"
    );
    let every = fs::read_to_string(project.path("rules/every.yaml")).unwrap();
    assert!(
        every.contains(
            "  # alicloud_security_group_rule.every[0]\n  - service: ssh\n    from: friends\n"
        ),
        "{every}"
    );
    assert!(!format!("{text}{error}{old}{every}").contains("hunter2"));
    let plan = project.done(&["plan", "--detailed-exitcode"]);
    assert!(plan.ends_with("No changes.\n"), "{plan}");
}

#[test]
fn without_the_cloud_a_state_becomes_files_that_are_said_to_be_unproven() {
    let project = Project::new("no state of a cloud");
    fs::write(project.path("state.json"), STATE).unwrap();
    let (code, text, error) = project.run(&["adopt", "--from-terraform", "state.json"]);
    assert_eq!(code, 0, "{text}{error}");
    assert!(
        text.ends_with(
            "Not proven: the groups were not read. `rulekeep plan` shows what differs.\n"
        ),
        "{text}"
    );
    assert!(
        error.contains("files are written from the state alone"),
        "{error}"
    );
    let old = fs::read_to_string(project.path("rules/old.yaml")).unwrap();
    assert!(
        old.contains("    # alicloud_security_group_rule.gone\n")
            || old.contains("  # alicloud_security_group_rule.gone\n"),
        "{old}"
    );
    project.done(&["validate"]);
}
