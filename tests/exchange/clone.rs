//! `clone`: a new group with the rules of another, near and far.

use std::fs;

use rulekeep::emulator::{Config, Emulator, Seed};

use crate::common::{EVERY_SHAPE, Project};
use crate::{rules, shapes};

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

    // A group of another account was one of a VPC, too.
    let (code, _, error) = to_classic(&["--map", "sg-peer=sg-classic"]);
    assert!(
        code == 1
            && error.contains(
                "cause: sg-far: it is a group of a VPC, the new group one of the classic network"
            ),
        "{error}"
    );

    let (code, text, error) =
        to_classic(&["--map", "sg-peer=sg-classic", "--map", "sg-far=sg-classic"]);
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
fn groups_of_other_accounts_are_named_where_another_vpc_may_not_reach_them() {
    let project = Project::new(EVERY_SHAPE);
    let clone = |vpc: &str| {
        let map = "sg-peer=sg-elsewhere";
        project.run(&[
            "clone",
            "every",
            "--name",
            "copy",
            "--vpc",
            vpc,
            "--map",
            map,
            "--dry-run",
        ])
    };
    let seed = EVERY_SHAPE.replace(
        r#"{"id": "sg-empty","#,
        r#"{"id": "sg-elsewhere", "name": "elsewhere", "vpc": "vpc-9", "rules": []}, {"id": "sg-empty","#,
    );
    fs::write(project.path("seed.json"), seed).unwrap();
    let (code, text, error) = clone("vpc-9");
    assert_eq!(code, 0, "{text}{error}");
    assert!(
        error.contains("sg-far of account 9876543210987654 cannot be looked up and may be out of reach of vpc-9"),
        "{error}"
    );
    let (code, text, error) = clone("vpc-1");
    assert_eq!(code, 0, "{text}{error}");
    assert!(!error.contains("sg-far"), "{error}");
}

/// A clone on a cloud that keeps a log of its calls: how it ends, what it says, and the actions that were called.
async fn logged(arguments: &[&str]) -> (i32, String, String, Vec<String>) {
    let config = Config {
        seed: Some(Seed::Text(EVERY_SHAPE.to_owned())),
        ..Config::default()
    };
    let cloud = Emulator::start(config).await.unwrap();
    let project = Project::new(EVERY_SHAPE);
    let file = format!(
        "rules: rules/\naccounts: {{ demo: {{ endpoint: {:?} }} }}\ndefaults: {{ account: demo, region: cn-hangzhou }}\n\
         assertions:\n  - {{ id: no-telnet, forbid: [tcp/23], from: internet, because: plain text }}\n  \
         - {{ id: no-web, forbid: [tcp/80], from: internet, because: plain text }}\n",
        format!("http://{}", cloud.local_addr())
    );
    fs::write(project.path("rulekeep.yaml"), file).unwrap();
    let variables = [
        ("ALIBABA_CLOUD_ACCESS_KEY_ID", "testid"),
        ("ALIBABA_CLOUD_ACCESS_KEY_SECRET", "testsecret"),
    ];
    let (code, text, error) =
        tokio::task::block_in_place(|| project.run_with(arguments, &variables));
    let actions = cloud.calls().into_iter().map(|call| call.action).collect();
    cloud.shut_down().await.unwrap();
    (code, text, error, actions)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_clone_that_the_guard_refuses_makes_no_group() {
    for how in ["--yes", "--dry-run"] {
        let (code, text, error, actions) = logged(&["clone", "every", "--name", "copy", how]).await;
        assert_eq!(code, 4, "{text}{error}");
        assert!(text.contains("refused[assertion]"), "{text}");
        assert!(error.contains("nothing was changed"), "{error}");
        assert!(
            !actions.is_empty() && actions.iter().all(|action| action.starts_with("Describe")),
            "{how}: {actions:?}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_approved_clone_is_shown_once_and_makes_one_group() {
    let (code, text, error, actions) =
        logged(&["clone", "classic", "--name", "copy", "--yes"]).await;
    assert_eq!(code, 0, "{text}{error}");
    assert_eq!(text.matches("Plan: 3 to add").count(), 1, "{text}");
    let writes: Vec<&str> = actions
        .iter()
        .map(String::as_str)
        .filter(|action| !action.starts_with("Describe"))
        .collect();
    assert_eq!(
        writes,
        [
            "CreateSecurityGroup",
            "AuthorizeSecurityGroup",
            "AuthorizeSecurityGroupEgress"
        ]
    );
}

/// A project on a cloud that others reach as well.
fn served(cloud: &rulekeep::emulator::EmulatorHandle) -> Project {
    let project = Project::new(EVERY_SHAPE);
    let file = format!(
        "rules: rules/\naccounts: {{ demo: {{ endpoint: {:?} }} }}\ndefaults: {{ account: demo, region: cn-hangzhou }}\n",
        format!("http://{}", cloud.local_addr())
    );
    fs::write(project.path("rulekeep.yaml"), file).unwrap();
    project
}

#[cfg(target_os = "linux")]
#[tokio::test(flavor = "multi_thread")]
async fn a_yes_to_a_clone_that_would_be_another_one_makes_no_group() {
    use crate::terminal::{self, KEYS};
    use std::io::{Read as _, Write as _};

    let config = Config {
        seed: Some(Seed::Text(EVERY_SHAPE.to_owned())),
        ..Config::default()
    };
    let cloud = Emulator::start(config).await.unwrap();
    let project = served(&cloud);
    let words = "clone classic --name copy";
    let (mut asking, mut out) = terminal::asked(&project.path("."), words);
    let elsewhere = served(&cloud);
    fs::write(
        elsewhere.path("rules/classic.yaml"),
        "group: sg-classic\nmode: partial\ningress:\n  - { service: https, from: 10.0.0.0/8, nic: intranet }\n",
    )
    .unwrap();
    let (code, text, error) = elsewhere.run_with(&["apply", "--yes"], &KEYS);
    assert_eq!(code, 0, "{text}{error}");
    asking.stdin.take().unwrap().write_all(b"yes\n").unwrap();
    let mut said = String::new();
    out.read_to_string(&mut said).unwrap();
    assert!(
        said.contains("something has moved since the plan was shown; nothing was changed"),
        "{said}"
    );
    assert_eq!(asking.wait().unwrap().code(), Some(5), "{said}");
    let actions = cloud.calls().into_iter().map(|call| call.action);
    assert!(
        !actions
            .into_iter()
            .any(|action| action == "CreateSecurityGroup")
    );
    cloud.shut_down().await.unwrap();
}
