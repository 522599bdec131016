//! `explain` from outside: the words of its answers, from the files and live.

#[expect(dead_code, reason = "the cloud with every shape of rule is for others")]
#[path = "common/project.rs"]
mod project;

use std::fs;

use project::Project;

/// Three groups of a VPC, one of the classic network, and lists; members of `app` do not reach each other.
const CLOUD: &str = r#"{
  "version": 1,
  "owner": "1234567890123456",
  "switches": {"classic_groups": true},
  "security_groups": [
    {"id": "sg-web", "name": "web", "vpc": "vpc-1", "rules": [
      {"IpProtocol": "TCP", "PortRange": "443/443", "SourceCidrIp": "0.0.0.0/0"},
      {"IpProtocol": "TCP", "PortRange": "22/22", "SourceGroupId": "sg-app"},
      {"IpProtocol": "TCP", "PortRange": "22/22", "SourcePrefixListId": "pl-1", "Priority": 5},
      {"IpProtocol": "TCP", "PortRange": "22/22", "SourceCidrIp": "100.64.0.0/25", "Policy": "Drop"}
    ]},
    {"id": "sg-app", "name": "app", "vpc": "vpc-1", "inner_access_policy": "Drop", "rules": [
      {"IpProtocol": "TCP", "PortRange": "443/443", "SourceCidrIp": "0.0.0.0/0"}
    ]},
    {"id": "sg-ftp", "name": "ftp", "rules": [
      {"IpProtocol": "TCP", "PortRange": "21/21", "SourceCidrIp": "0.0.0.0/0", "NicType": "internet"}
    ]}
  ],
  "prefix_lists": [{"id": "pl-1", "name": "one", "family": "IPv4", "max_entries": 3, "entries": [{"Cidr": "100.64.0.0/24"}]}],
  "port_lists": [{"id": "prl-1", "name": "ports", "max_entries": 2, "entries": [{"PortRange": "443/443"}]}]
}"#;

const WEB: &str = "\
group: web
mode: complete
ingress:
  - { service: https, from: 0.0.0.0/0 }
  - { service: ssh, from: group:app }
  - { service: ssh, from: pl-1, priority: 5 }
  - { policy: drop, service: ssh, from: 100.64.0.0/25 }
  - { policy: drop, protocol: tcp, ports: 80, from: 0.0.0.0/0, source_ports: 1024-65535 }
  - { protocol: tcp, ports: 80, from: 0.0.0.0/0, priority: 5 }
---
group: app
mode: complete
ingress:
  - { service: https, from: 0.0.0.0/0 }
ignore:
  - { description: \"ack-*\", policy: drop }
---
group: sg-ftp
name: ftp
mode: complete
ingress:
  - { nic: internet, protocol: tcp, ports: 21, from: 0.0.0.0/0 }
";

fn project() -> Project {
    let project = Project::new(CLOUD);
    fs::write(project.path("rules/groups.yaml"), WEB).unwrap();
    project
}

fn explained(project: &Project, words: &str) -> String {
    let arguments: Vec<&str> = ["explain"].into_iter().chain(words.split(' ')).collect();
    project.done(&arguments)
}

/// The first line and those that begin with a word.
fn lines<'a>(text: &'a str, label: &str) -> Vec<&'a str> {
    let lines = text.lines();
    lines
        .enumerate()
        .filter(|(at, line)| *at == 0 || line.trim_start().starts_with(label))
        .map(|(_, line)| line.trim())
        .collect()
}

#[test]
fn rules_about_addresses_count_for_members_of_a_group() {
    let project = project();
    let text = explained(&project, "web tcp/443 from group:app");
    assert_eq!(
        text.lines().next().unwrap(),
        "partly: ingress tcp/443 from group:app, web"
    );
    assert!(
        text.contains("admitted    tcp/443 from group:app at 0.0.0.0/0\n"),
        "{text}"
    );
    assert!(
        text.contains("refused     tcp/443 from group:app at ::/0\n"),
        "{text}"
    );
    let text = explained(&project, "web tcp/22 from group:app --live");
    assert!(
        text.contains("refused     tcp/22 from sg-app at 100.64.0.0/25\n"),
        "{text}"
    );
}

#[test]
fn a_list_is_its_addresses_once_it_is_read() {
    let project = project();
    let text = explained(&project, "web ssh from pl-1");
    assert_eq!(
        lines(&text, "not told"),
        [
            "depends on pl-1: ingress ssh from pl-1, web",
            "not told    what is in pl-1: --live reads it",
        ]
    );
    let text = explained(&project, "web ssh from pl-1 --live");
    assert_eq!(
        lines(&text, "admitted"),
        [
            "partly: ingress ssh from pl-1, web",
            "admitted    tcp/22 from 100.64.0.128/25",
        ]
    );
}

#[test]
fn what_was_not_told_is_named_where_it_decides() {
    let project = project();
    let text = explained(&project, "web tcp/80 from 192.0.2.1");
    assert_eq!(
        lines(&text, "not told"),
        [
            "depends on the source port: ingress tcp/80 from 192.0.2.1, web",
            "not told    the source port: say it with --source-port PORT",
        ]
    );
    let text = explained(&project, "web tcp/80 from 192.0.2.1 --source-port 2000");
    assert!(text.starts_with("refused: "), "{text}");
    let text = explained(&project, "web tcp/443 from 192.0.2.1");
    assert!(
        text.starts_with("admitted: ") && !text.contains("not told"),
        "{text}"
    );
}

#[test]
fn both_interfaces_of_the_classic_network_are_looked_at() {
    let project = project();
    for live in ["", " --live"] {
        let text = explained(&project, &format!("ftp tcp/21 from 192.0.2.1{live}"));
        assert!(
            text.starts_with("refused: ingress tcp/21 from 192.0.2.1, ftp, private interface\n")
                && text
                    .contains("\nadmitted: ingress tcp/21 from 192.0.2.1, ftp, public interface\n"),
            "{text}"
        );
        let text = explained(&project, &format!("ftp tcp/21{live} --nic internet"));
        assert!(
            text.starts_with("ftp, public interface: ") && !text.contains("private"),
            "{text}"
        );
    }
    let (code, _, error) = project.run(&["explain", "web", "ssh", "--live", "--nic", "internet"]);
    assert_eq!(code, 64, "{error}");
}

#[test]
fn rules_of_several_groups_are_named_once_with_every_place() {
    let project = project();
    let text = explained(&project, "web,app https from 192.0.2.1");
    let decided = lines(&text, "decided by");
    assert_eq!(decided.len(), 2, "{text}");
    assert!(
        decided[1].ends_with("web: rules/groups.yaml:4; app: rules/groups.yaml:14"),
        "{text}"
    );
    let text = explained(&project, "web,app https from 192.0.2.1 --live");
    assert!(text.starts_with("admitted: "), "{text}");
}

#[test]
fn a_rule_about_a_named_group_is_found_by_the_id_of_the_name() {
    let project = project();
    let text = explained(&project, "web tcp/22 from group:app --live");
    assert!(text.contains(", rules/groups.yaml:5\n"), "{text}");
}

#[test]
fn members_of_one_group_reach_each_other_while_its_policy_says_so() {
    let project = project();
    let text = explained(&project, "web tcp/3306 from group:web --live");
    assert_eq!(
        lines(&text, "decided by"),
        [
            "admitted: ingress tcp/3306 from group:web, web",
            "decided by  members of sg-web reach each other, whatever its rules say",
        ]
    );
    let text = explained(&project, "web tcp/3306 --live");
    assert!(!text.contains("nobody"), "{text}");
    let text = explained(&project, "web tcp/3306 from group:web");
    assert!(text.starts_with("refused: "), "{text}");
    assert!(
        text.contains("unless      its members reach each other"),
        "{text}"
    );
    let text = explained(&project, "app tcp/3306 from group:app --live");
    assert!(text.starts_with("refused: "), "{text}");
}

#[test]
fn what_only_the_cloud_knows_is_said_where_it_could_change_the_answer() {
    let project = project();
    let text = explained(&project, "app https from 192.0.2.1");
    assert_eq!(
        lines(&text, "unless")[1],
        "unless      a live rule that `ignore` leaves alone (rules/groups.yaml:16) says otherwise: --live looks at them"
    );
    // Only drop rules are ignored, so that what is refused stays refused.
    let text = explained(&project, "app ssh from 192.0.2.1");
    assert_eq!(lines(&text, "unless").len(), 1, "{text}");
    let text = explained(&project, "web https to 192.0.2.1");
    assert!(
        text.contains("unless      its live rules say otherwise, as egress is not managed"),
        "{text}"
    );
}

#[test]
fn networks_and_services_are_questions_about_all_their_packets() {
    let project = project();
    let text = explained(&project, "web web from world");
    assert!(
        text.starts_with("partly: ingress web from world, web\n"),
        "{text}"
    );
    assert!(
        text.contains("admitted    tcp/80 sport 1-1023; tcp/443 from 0.0.0.0/0\n")
            && text.contains("refused     tcp/80,443 from ::/0\n"),
        "{text}"
    );
    let text = explained(&project, "web web from internet");
    assert!(
        text.contains("refused     tcp/80,443 from 2000::/3\n")
            && text.contains("tcp/443 from the IPv4 addresses of internet\n"),
        "{text}"
    );
    let text = explained(&project, "app dns");
    assert!(text.contains("\n  from nobody\n"), "{text}");
    let (_, out, error) = project.run(&["explain", "web", "22"]);
    assert!(out.starts_with("web: ingress protocol 22\n"), "{out}");
    assert!(error.contains("the port 22 is written tcp/22"), "{error}");
}

#[test]
fn documents_with_targets_are_asked_by_the_names_that_they_match() {
    let project = project();
    fs::write(
        project.path("rules/groups.yaml"),
        "targets: { name: \"we*\" }\nmode: partial\ningress:\n  - { service: smtp, from: 192.0.2.0/24 }\n",
    )
    .unwrap();
    let text = explained(&project, "web smtp from 192.0.2.1");
    assert!(text.starts_with("admitted: "), "{text}");
    assert!(
        text.contains("the `targets` of rules/groups.yaml:1 are not about web"),
        "{text}"
    );
    let text = explained(&project, "web smtp from 192.0.2.1 --live");
    assert!(text.starts_with("refused: "), "{text}");
}

/// A live group of a name that the pattern of a document fits, but without its tags: the document declares none of its rules.
#[test]
fn a_document_that_only_the_name_fits_declares_nothing() {
    let project = Project::new(CLOUD);
    let document = |targets: &str| {
        let rules = "mode: partial\ningress:\n  - { protocol: tcp, ports: 443, from: 0.0.0.0/0 }\n";
        fs::write(
            project.path("rules/targets.yaml"),
            format!("targets: {targets}\n{rules}"),
        )
        .unwrap();
        explained(&project, "web tcp/443 from 203.0.113.9 --live")
    };
    let text = document("{ name: \"we*\", tags: { team: web } }");
    assert!(text.starts_with("admitted:"), "{text}");
    assert!(!text.contains("rules/targets.yaml"), "{text}");
    let text = document("{ name: \"we*\" }");
    assert!(text.contains("rules/targets.yaml:4"), "{text}");
}

#[test]
fn a_name_that_no_group_has_is_answered_with_those_that_look_like_it() {
    let project = project();
    for live in [&[][..], &["--live"]] {
        let refused = |words: &[&str]| {
            let (code, _, error) = project.run(&[&["explain"], words, live].concat());
            assert_eq!(code, 64, "{error}");
            error
        };
        let error = refused(&["wbe", "tcp/22"]);
        assert!(
            error.contains("no declared group is called `wbe`; is it web?")
                && error.contains("declared are app, ftp, web; a group may also be an id"),
            "{error}"
        );
        let error = refused(&["web", "tcp/22", "from", "group:ap"]);
        assert!(
            error.contains("no declared group is called `ap`; is it app?"),
            "{error}"
        );
    }
}

#[test]
fn a_group_to_show_that_is_not_there_is_answered_with_declared_ones_that_look_like_it() {
    let project = project();
    let (_, _, error) = project.run(&["show", "wbe"]);
    assert!(
        error.contains("no declared group is called `wbe`; is it web?"),
        "{error}"
    );
    let (_, _, error) = project.run(&["show", "payments"]);
    assert!(!error.contains("is it"), "{error}");
}

#[test]
fn show_takes_networks_and_refuses_filters_that_no_rule_could_ever_fit() {
    let project = project();
    let file = fs::read_to_string(project.path("rulekeep.yaml")).unwrap();
    fs::write(
        project.path("rulekeep.yaml"),
        file.replace(
            "friends: sg-peer",
            "friends: sg-peer, mixed: [100.64.0.7, \"group:app\"]",
        ),
    )
    .unwrap();
    let shown = |filter: &[&str]| {
        let text = project.done(&[&["show", "web", "-o", "json"], filter].concat());
        let document: serde_json::Value = serde_json::from_str(&text).unwrap();
        document["rules"].as_array().unwrap().len()
    };
    assert_eq!(shown(&["--peer", "100.64.0.7"]), 2);
    assert_eq!(shown(&["--peer", "203.0.113.9"]), 1);
    for app in ["sg-app", "group:app", "app"] {
        assert_eq!(shown(&["--peer", app]), 1, "{app}");
    }
    assert_eq!(shown(&["--peer", "pl-1"]), 1);
    assert_eq!(shown(&["--peer", "mixed"]), 3);
    // Declared, and no rule is about it.
    assert_eq!(shown(&["--peer", "group:ftp"]), 0);
    assert_eq!(shown(&["--protocol", "6"]), 4);
    for (option, value, says) in [
        (
            "--peer",
            "foo",
            "`foo` is no address, no network, no group and no prefix list",
        ),
        ("--peer", "10.20.9.0/33", "`10.20.9.0/33` is no address"),
        (
            "--peer",
            "group:ap",
            "no declared group is called `ap`; is it app?",
        ),
        (
            "--protocol",
            "tpc",
            "not tcp, udp, icmp, icmpv6, gre, all or a number from 0 to 255",
        ),
        ("--protocol", "999", "a number from 0 to 255"),
        ("--port", "ssh", "not a port from 1 to 65535, such as 22"),
        ("--port", "0", "not a port from 1 to 65535, such as 22"),
    ] {
        let (code, out, error) = project.run(&["show", "web", option, value]);
        assert_eq!((code, &*out), (64, ""), "{option} {value}: {error}");
        assert!(error.contains(says), "{option} {value}: {error}");
    }
}

#[test]
fn a_source_port_is_asked_of_protocols_that_have_one() {
    let project = project();
    let (code, out, error) = project.run(&[
        "explain",
        "web",
        "all",
        "from",
        "10.0.0.1",
        "--source-port",
        "1",
    ]);
    assert_eq!((code, &*out), (64, ""), "{error}");
    assert!(error.contains("tcp/1-65535"), "{error}");
}
