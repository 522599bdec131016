//! Random rules of every shape that the API knows go the whole way through the files of people and of the console, and
//! come back as they were.

#[expect(
    dead_code,
    reason = "the cloud with a rule of every shape is for other tests"
)]
#[path = "common/project.rs"]
mod common;

use std::{collections::BTreeMap, fs};

use common::Project;
use proptest::{prelude::*, test_runner::FileFailurePersistence};
use rulekeep::{
    model::{Cidr, Policy, Rule},
    provider::alibaba::wire,
};
use serde_json::{Value, json};

/// Protocols without a name are for a few regions only, this one among them.
const PROJECT: &str = "rules: rules/\naccounts: { demo: { local: .rulekeep/demo.json, seed: seed.json } }\n\
    defaults: { account: demo, region: ap-southeast-1 }\n\
    networks: { world: [0.0.0.0/0, \"::/0\"], friends: [sg-peer, 10.0.0.0/8], lists: pl-1 }\nservices: { web: [tcp/80, tcp/443] }\n";

#[derive(Clone, Copy, Debug, PartialEq)]
enum Kind {
    Basic,
    Advanced,
    Classic,
}

fn cidr(kind: Kind) -> impl Strategy<Value = (bool, String)> {
    let four = prop_oneof![
        Just("0.0.0.0/0".to_owned()),
        Just("10.0.0.0/8".to_owned()),
        // Host bits and bare addresses, as people type them.
        (any::<[u8; 4]>(), 1..=32u8)
            .prop_map(|([a, b, c, d], length)| format!("{a}.{b}.{c}.{d}/{length}")),
        any::<[u8; 4]>().prop_map(|[a, b, c, d]| format!("{a}.{b}.{c}.{d}")),
    ];
    let six = prop_oneof![
        Just("::/0".to_owned()),
        Just("2001:0DB8:0000::/32".to_owned()),
        (any::<u128>(), 1..=128u8)
            .prop_map(|(bits, length)| format!("{}/{length}", std::net::Ipv6Addr::from(bits))),
    ];
    let sixes = if kind == Kind::Classic { 0 } else { 2 };
    prop_oneof![3 => four.prop_map(|text| (false, text)), sixes => six.prop_map(|text| (true, text))]
}

#[derive(Clone, Debug)]
enum Far {
    Cidr(bool, String),
    Own,
    Foreign,
    List,
}

fn far(kind: Kind) -> impl Strategy<Value = Far> {
    let groups = if kind == Kind::Advanced { 0 } else { 1 };
    let vpc = if kind == Kind::Classic { 0 } else { 1 };
    prop_oneof![
        6 => cidr(kind).prop_map(|(six, text)| Far::Cidr(six, text)),
        groups => Just(Far::Own),
        groups => Just(Far::Foreign),
        vpc => Just(Far::List),
    ]
}

fn ports() -> impl Strategy<Value = String> {
    prop_oneof![
        prop::sample::select(vec!["22/22", "80/80", "443/443", "3306/3306", "1/65535"])
            .prop_map(str::to_owned),
        (1..=65535u16, 0..2000u16)
            .prop_map(|(first, more)| format!("{first}/{}", first.saturating_add(more))),
    ]
}

fn description() -> impl Strategy<Value = String> {
    let odd = [
        "true",
        "123",
        "~",
        "- a",
        "# no comment",
        "a # b",
        "a: b",
        "'single'",
        "\"double\"",
        "{a}",
        "[a]",
        "*a",
        "&a",
        "=1+1",
        " both ends ",
        "a,b;c",
        "公网 web",
        "back\\slash",
        "2027-01-31",
        "group:web",
        "e\u{301}",
        "🙂",
        "\u{202e}rtl",
        "two\nlines",
        "tab\there",
        "%d",
        "@at",
        "`tick`",
        "|",
        "> ",
        "!tag",
        "? key",
        "0x16",
        "1e3",
        "null",
        "System created rule.",
    ];
    prop_oneof![
        2 => Just(String::new()),
        3 => prop::sample::select(odd.to_vec()).prop_map(str::to_owned),
        3 => "[ -~]{1,40}",
        2 => "\\PC{1,20}",
    ]
    .prop_filter("the cloud takes no addresses of pages", |text| {
        !text.starts_with("http")
    })
}

/// A rule as the API writes it.
fn rule(kind: Kind) -> impl Strategy<Value = Value> {
    let parts = (
        any::<bool>(),
        far(kind),
        prop::sample::select(vec![
            "TCP", "UDP", "tcp", "ICMP", "ICMPv6", "GRE", "ALL", "50", "132", "255",
        ]),
        (
            ports(),
            prop::option::weighted(0.2, ports()),
            prop::bool::weighted(0.2),
        ),
        prop::option::weighted(0.2, cidr(kind)),
        (
            any::<bool>(),
            prop_oneof![4 => 1..=100u8, 1 => Just(110)],
            any::<bool>(),
        ),
        description(),
    );
    parts.prop_map(
        move |(
            ingress,
            far,
            protocol,
            (ports, source_ports, listed),
            local,
            (accept, priority, public),
            description,
        )| {
            let (near_side, far_side) = if ingress {
                ("Dest", "Source")
            } else {
                ("Source", "Dest")
            };
            let mut rule = BTreeMap::from([
                (
                    "Direction".to_owned(),
                    json!(if ingress { "ingress" } else { "egress" }),
                ),
                (
                    "Policy".to_owned(),
                    json!(if accept { "Accept" } else { "Drop" }),
                ),
                ("Priority".to_owned(), json!(priority)),
                ("Description".to_owned(), json!(description)),
            ]);
            let mut put = |name: String, value: &str| rule.insert(name, json!(value));
            let is_six = matches!(far, Far::Cidr(true, _));
            let protocol = match (protocol, &far) {
                ("ICMP", Far::Cidr(true, _)) => "ICMPv6",
                ("ICMPv6", Far::Cidr(true, _)) => "ICMPv6",
                ("ICMPv6", _) => "ICMP",
                (other, _) => other,
            };
            put("IpProtocol".to_owned(), protocol);
            if matches!(protocol, "TCP" | "UDP" | "tcp") {
                if listed && kind != Kind::Classic {
                    put("PortRangeListId".to_owned(), "prl-1");
                } else {
                    put("PortRange".to_owned(), &ports);
                }
                if let Some(ports) = source_ports {
                    put("SourcePortRange".to_owned(), &ports);
                }
            } else {
                put("PortRange".to_owned(), "-1/-1");
            }
            let member =
                |side: &str, six: bool| format!("{}{side}CidrIp", if six { "Ipv6" } else { "" });
            let mut is_group = false;
            match &far {
                Far::Cidr(six, text) => {
                    put(member(far_side, *six), text);
                }
                Far::Own => {
                    is_group = true;
                    let peer = if kind == Kind::Classic {
                        "sg-oldpeer"
                    } else {
                        "sg-peer"
                    };
                    put(format!("{far_side}GroupId"), peer);
                }
                Far::Foreign => {
                    is_group = true;
                    put(format!("{far_side}GroupId"), "sg-far");
                    put(format!("{far_side}GroupOwnerAccount"), "9876543210987654");
                }
                Far::List => {
                    put(format!("{far_side}PrefixListId"), "pl-1");
                }
            }
            // The cloud takes no rule from an address to itself.
            let is_far = |near: &str| match &far {
                Far::Cidr(_, text) => Cidr::parse_masking(text) == Cidr::parse_masking(near),
                _ => false,
            };
            if let Some((six, local)) = local
                && six == is_six
                && !is_far(&local)
            {
                put(member(near_side, six), &local);
            }
            if kind == Kind::Classic {
                put(
                    "NicType".to_owned(),
                    if public && !is_group {
                        "internet"
                    } else {
                        "intranet"
                    },
                );
            }
            json!(rule)
        },
    )
}

fn group() -> impl Strategy<Value = (Kind, Vec<Value>)> {
    prop::sample::select(vec![
        Kind::Basic,
        Kind::Basic,
        Kind::Advanced,
        Kind::Classic,
    ])
    .prop_flat_map(|kind| (Just(kind), prop::collection::vec(rule(kind), 0..16)))
    .prop_map(|(kind, rules)| {
        // An accept and a drop rule that are otherwise the same cannot be declared.
        let mut kept: Vec<Rule> = Vec::new();
        let rules = rules.into_iter().filter(|rule| {
            let mut rule = wire::from_json(rule).unwrap().rule;
            rule.policy = Policy::Accept;
            let is_new = !kept.iter().any(|other| other.is_same_rule(&rule));
            kept.push(rule);
            is_new
        });
        (kind, rules.collect())
    })
}

fn project(kind: Kind, rules: &[Value]) -> Project {
    let group = |id: &str, rules: &[Value], kind: Kind| {
        let mut group =
            json!({"id": id, "name": id[3..], "region": "ap-southeast-1", "rules": rules});
        if kind != Kind::Classic {
            group["vpc"] = "vpc-1".into();
        }
        if kind == Kind::Advanced {
            group["type"] = "enterprise".into();
        }
        group
    };
    let seed = json!({
        "version": 1,
        "owner": "1234567890123456",
        "security_groups": [
            group("sg-full", rules, kind),
            group("sg-copy", &[], kind),
            group("sg-peer", &[], Kind::Basic),
            group("sg-oldpeer", &[], Kind::Classic),
        ],
        "prefix_lists": [{"id": "pl-1", "region": "ap-southeast-1", "name": "lists", "family": "IPv4", "max_entries": 3, "entries": [{"Cidr": "100.64.0.0/24"}]}],
        "port_lists": [{"id": "prl-1", "region": "ap-southeast-1", "name": "ports", "max_entries": 2, "entries": [{"PortRange": "8443/8443"}]}],
    });
    let project = Project::new(&seed.to_string());
    fs::write(project.path("rulekeep.yaml"), PROJECT).unwrap();
    project
}

/// The rules of a group as the cloud tells them, without what every rule has of its own; priorities that can be set.
fn live(project: &Project, group: &str) -> Vec<BTreeMap<String, String>> {
    let text = project.done(&["export", group]);
    let rules: Vec<BTreeMap<String, Value>> = serde_json::from_str(&text).unwrap();
    let mut rules: Vec<_> = rules
        .into_iter()
        .filter(|rule| rule["Priority"] != 110)
        .map(|rule| {
            let members = rule.into_iter().filter_map(|(name, value)| {
                let text = match value {
                    Value::String(text) => text,
                    other => other.to_string(),
                };
                let own = ["SecurityGroupRuleId", "CreateTime"].contains(&&*name);
                let text = if name.ends_with("CidrIp") && !text.is_empty() {
                    Cidr::parse_masking(&text).unwrap().to_string()
                } else {
                    text
                };
                (!own).then_some((name, text))
            });
            members.collect::<BTreeMap<_, _>>()
        })
        .collect();
    rules.sort();
    rules
}

/// Few by default, as many as `RULEKEEP_PROPERTY_CASES` says.
fn config() -> ProptestConfig {
    let cases = std::env::var("RULEKEEP_PROPERTY_CASES").map_or(12, |text| {
        text.parse().expect("RULEKEEP_PROPERTY_CASES is a number")
    });
    ProptestConfig {
        max_shrink_iters: 200,
        failure_persistence: Some(Box::new(FileFailurePersistence::Direct(concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/tests/proptest-regressions/round_trips.txt"
        )))),
        ..ProptestConfig::with_cases(cases)
    }
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn adopted_rules_plan_empty_and_their_file_makes_the_same_rules_elsewhere((kind, rules) in group()) {
        let project = project(kind, &rules);
        let text = project.done(&["adopt", "sg-full"]);
        prop_assert!(text.ends_with("No changes, same traffic.\n"), "{}", text);
        let path = project.path("rules/full.yaml");
        let file = fs::read_to_string(&path).unwrap();
        let (_, plan, _) = project.run(&["plan", "--detailed-exitcode"]);
        prop_assert!(plan.ends_with("No changes.\n"), "{}\n{}", file, plan);
        prop_assert_eq!(project.done(&["fmt", "--check", "rules"]), "", "{}", &file);

        let copy = file.replace("group: sg-full\n", "group: sg-copy\n").replace("name: full\n", "");
        fs::write(&path, copy).unwrap();
        project.done(&["apply", "--yes"]);
        prop_assert_eq!(live(&project, "sg-copy"), live(&project, "sg-full"), "{}", file);
    }

    #[test]
    fn exported_rules_are_imported_into_an_empty_group_as_they_were((kind, rules) in group(), csv in any::<bool>()) {
        let project = project(kind, &rules);
        let (format, file) = if csv { ("csv", "rules.csv") } else { ("json", "rules.json") };
        project.done(&["export", "sg-full", "--format", format, "--out", file]);
        project.done(&["import", file, "--group", "sg-copy", "--yes"]);
        let text = fs::read_to_string(project.path(file)).unwrap();
        prop_assert_eq!(live(&project, "sg-copy"), live(&project, "sg-full"), "{}", text);
        let again = project.done(&["import", file, "--group", "sg-copy", "--yes"]);
        prop_assert!(!again.contains("Apply complete"), "{}", again);
    }

    #[test]
    fn a_group_restored_from_a_file_or_another_group_has_its_rules((kind, rules) in group(), from in 0..3usize) {
        let project = project(kind, &rules);
        let source = match from {
            0 => "sg-full",
            1 => {
                project.done(&["export", "sg-full", "--out", "rules.json"]);
                "rules.json"
            }
            _ => {
                project.done(&["export", "sg-full", "--format", "csv", "--out", "rules.csv"]);
                "rules.csv"
            }
        };
        project.done(&["restore", "--group", "sg-copy", "--from", source, "--mode", "complete", "--allow-empty", "--yes"]);
        prop_assert_eq!(live(&project, "sg-copy"), live(&project, "sg-full"));
    }
}
