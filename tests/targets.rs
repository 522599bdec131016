//! Documents with `targets` where the cloud does not answer, where others change groups meanwhile, and where two documents match.
#![cfg(target_os = "linux")]

#[expect(
    dead_code,
    reason = "the cloud with every shape of rule is for other tests"
)]
#[path = "common/project.rs"]
mod project;

#[path = "common/client.rs"]
mod client;
#[path = "common/terminal.rs"]
mod terminal;

use std::{fs, io::Write as _, process::Command};

use client::client;
use project::Project;
use rulekeep::{
    emulator::{Config, Emulator, EmulatorHandle, Seed, Switches},
    model::{GroupKind, GroupName, Network, RegionId, VpcId},
    provider::{NewGroup, Provider as _, alibaba::Alibaba},
};
use terminal::{KEYS, until};

const SEED: &str = r#"{
  "version": 1,
  "switches": {"classic_groups": true},
  "security_groups": [
    {"id": "sg-web1", "name": "web-1", "vpc": "vpc-1", "tags": {"team": "web"}, "rules": []},
    {"id": "sg-web2", "name": "web-2", "vpc": "vpc-2", "tags": {"team": "web"}, "rules": []},
    {"id": "sg-dup", "name": "web-dup", "vpc": "vpc-2", "tags": {"team": "db"}, "rules": []},
    {"id": "sg-old", "name": "old-1", "rules": []}
  ]
}"#;

const RULES: &str = "mode: partial\ningress:\n  - { protocol: tcp, ports: 22, from: 10.0.0.0/8 }\n";

/// Two accounts: one embedded, and one that nobody answers for.
fn project(files: &[(&str, &str)]) -> Project {
    let project = Project::new(SEED);
    let text = "rules: rules/\naccounts:\n  demo: { local: .rulekeep/demo.json, seed: seed.json }\n  \
                gone: { endpoint: \"http://127.0.0.1:1\" }\ndefaults: { account: demo, region: cn-hangzhou }\n";
    fs::write(project.path("rulekeep.yaml"), text).unwrap();
    for (name, head) in files {
        fs::write(
            project.path(&format!("rules/{name}.yaml")),
            format!("{head}\n{RULES}"),
        )
        .unwrap();
    }
    project
}

const NAMES: (&str, &str) = ("names", "targets: { name: \"web-*\" }");
const GONE: (&str, &str) = ("gone", "targets: { tags: { team: web } }\naccount: gone");

#[test]
fn a_cloud_without_an_answer_costs_its_own_documents_only() {
    let project = project(&[NAMES, GONE]);
    let unread = "could not be read: gone/cn-hangzhou/targets at rules/gone.yaml:1";
    for (command, groups) in [
        (&["plan"][..], 3),
        (&["plan", "--target", "web-2"], 1),
        (&["plan", "rules/gone.yaml"], 0),
        (&["plan", "--target", "gone/*/web-1"], 0),
        (&["drift"], 3),
        (&["apply", "--yes"], 3),
        (&["watch", "--once", "--apply"], 3),
    ] {
        let (code, out, error) = project.run(command);
        assert_eq!(code, 1, "{command:?}: {error}");
        assert!(out.contains(unread), "{command:?}: {out}");
        let planned = out.matches("rules/names.yaml:1").count();
        let missing = out.matches("missing  ingress").count();
        assert_eq!(planned.max(missing), groups, "{command:?}: {out}");
    }
    // Where its documents cannot be meant, nobody asks.
    for command in [
        &["plan", "rules/names.yaml"][..],
        &["plan", "--target", "demo/*/*"],
        &["apply", "--yes", "--target", "demo/*/web-2"],
        &["apply", "--yes", "rules/names.yaml"],
        &["drift", "rules/names.yaml"],
    ] {
        let (code, out, error) = project.run(command);
        assert_eq!(code, 0, "{command:?}: {error}");
        assert!(!out.contains(unread), "{command:?}: {out}");
    }
    let (_, sarif, _) = project.run(&["plan", "-o", "sarif"]);
    assert!(
        sarif.contains("the groups that match could not be listed")
            && sarif.contains("rules/gone.yaml"),
        "{sarif}"
    );
}

#[test]
fn a_group_that_two_documents_match_costs_only_runs_that_choose_it() {
    let project = project(&[NAMES, ("team", "targets: { tags: { team: db } }")]);
    for command in [
        &["plan"][..],
        &["plan", "rules/team.yaml"],
        &["apply", "--yes", "--target", "web-dup"],
        &["apply", "--yes", "--target", "sg-dup"],
        &["apply", "--yes"],
    ] {
        let (code, _, error) = project.run(command);
        assert_eq!(code, 1, "{command:?}: {error}");
        assert_eq!(
            error.matches("duplicate-group").count(),
            1,
            "{command:?}: {error}"
        );
        for place in ["rules/names.yaml:1", "rules/team.yaml:1"] {
            assert!(error.contains(place), "{command:?}: {error}");
        }
    }
    let plan = project.run(&["plan"]).1;
    assert!(plan.contains("The rest: 2 to add"), "{plan}");
    project.done(&["apply", "--yes", "--target", "web-1,web-2"]);
}

/// A job of a matrix has nothing to do where the group is in another job's part, and no fault.
#[test]
fn a_group_of_another_part_may_be_named() {
    let project = project(&[("vpc", "targets: { vpc: vpc-1 }")]);
    let planned = ["1/3", "2/3", "3/3"].map(|part| {
        let plan = project.done(&["plan", "--shard", part, "--target", "web-1"]);
        assert!(
            plan.contains(&format!("part {part} of the estate")),
            "{plan}"
        );
        plan.contains("Plan: 1 to add")
    });
    assert_eq!(planned.iter().filter(|it| **it).count(), 1);
    let (code, _, error) = project.run(&["plan", "--target", "no-such"]);
    assert_eq!(code, 1, "{error}");
}

#[test]
fn a_document_that_is_not_asked_about_still_conflicts() {
    let project = project(&[
        ("own", "group: web-dup"),
        ("team", "targets: { tags: { team: db } }"),
    ]);
    let (code, _, error) = project.run(&["apply", "--yes", "rules/own.yaml"]);
    assert_eq!(code, 1, "{error}");
    assert!(
        error.contains("duplicate-group") && error.contains("rules/team.yaml:1"),
        "{error}"
    );
}

#[test]
fn what_is_wrong_with_a_line_that_stands_for_several_rules_is_drawn_once() {
    let project = project(&[]);
    let text = "targets: { name: \"*-1\" }\nmode: partial\ningress:\n  - { protocol: tcp, ports: [22, 80], from: [10.0.0.0/8, 192.0.2.0/24] }\n";
    fs::write(project.path("rules/all.yaml"), text).unwrap();
    let (code, out, error) = project.run(&["plan"]);
    assert_eq!(code, 1, "{error}");
    assert_eq!(error.matches("error[missing-nic]").count(), 1, "{error}");
    assert!(out.contains("The rest: 4 to add"), "{out}");
    project.done(&["apply", "--yes", "--target", "web-1"]);
}

/// An emulator that goes on while others work, with a client for what they do.
async fn cloud() -> (EmulatorHandle, Alibaba) {
    let emulator = Emulator::start(Config {
        seed: Some(Seed::Text(SEED.to_owned())),
        switches: Switches {
            classic_groups: true,
            ..Switches::default()
        },
        ..Config::default()
    })
    .await
    .unwrap();
    let client = client(emulator.endpoint(), |settings| settings);
    (emulator, client)
}

/// A project of that cloud, with a document for the groups of a name.
fn project_of(emulator: &EmulatorHandle) -> Project {
    let project = project(&[NAMES]);
    let text = format!(
        "rules: rules/\naccounts: {{ demo: {{ endpoint: {:?} }} }}\ndefaults: {{ account: demo, region: cn-hangzhou }}\n",
        emulator.endpoint()
    );
    fs::write(project.path("rulekeep.yaml"), text).unwrap();
    project
}

async fn make_web_9(client: &Alibaba) {
    let group = NewGroup {
        name: GroupName::new("web-9"),
        description: "".into(),
        network: Network::Vpc(VpcId::new("vpc-1")),
        kind: GroupKind::Basic,
        tags: Default::default(),
    };
    let region = RegionId::new("cn-hangzhou");
    client.create_group(&region, &group, "token").await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_group_that_begins_to_match_before_the_answer_is_noticed() {
    let (emulator, client) = cloud().await;
    let project = project_of(&emulator);
    let (mut asking, mut out) = terminal::asked(&project.path(""), "apply");
    make_web_9(&client).await;
    emulator.forget_calls();
    asking.stdin.take().unwrap().write_all(b"yes\n").unwrap();
    let said = until(&mut out, "run the command again");
    assert!(
        said.contains("something has moved since the plan was shown; nothing was changed"),
        "{said}"
    );
    assert!(
        said.contains("web-9 (demo/cn-hangzhou/sg-") && said.contains("was not part of the plan"),
        "{said}"
    );
    let asked = asking.wait().unwrap().code();
    assert_eq!(asked, Some(5));
    assert!(
        emulator
            .calls()
            .iter()
            .all(|call| call.action.starts_with("Describe"))
    );
}

/// A choice by commits has all that match, so that a saved plan of one is not the same any more.
#[tokio::test(flavor = "multi_thread")]
async fn a_group_that_begins_to_match_is_not_part_of_a_saved_plan() {
    let (emulator, client) = cloud().await;
    let project = project_of(&emulator);
    for words in [
        &["init", "--quiet"][..],
        &["add", "."],
        &["commit", "--quiet", "--message", "all"],
    ] {
        let who = ["-c", "user.name=a", "-c", "user.email=a@example.com"];
        let mut git = Command::new("git");
        git.current_dir(project.path("")).args(who).args(words);
        assert!(git.status().unwrap().success());
    }
    let run = |arguments: &[&str]| project.run_with(arguments, &KEYS);
    let (code, _, error) = run(&["plan", "--since", "HEAD", "--out", "plan.json"]);
    assert_eq!(code, 0, "{error}");
    make_web_9(&client).await;
    let (code, _, error) = run(&["apply", "plan.json"]);
    assert_eq!(code, 5, "{error}");
    assert!(
        error.contains("web-9 (demo/cn-hangzhou/sg-") && error.contains("was not part of the plan"),
        "{error}"
    );
}
