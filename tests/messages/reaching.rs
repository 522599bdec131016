//! Clouds that cannot be reached, groups that are not there.

use std::{
    io::{BufRead as _, BufReader},
    process::Stdio,
};

use super::support::{Project, Running, WEB};

const REMOTE: &str = "\
rules: rules/
accounts:
  prod: { endpoint: \"http://127.0.0.1:1\" }
defaults: { account: prod, region: cn-hangzhou }
";

#[test]
fn no_credentials_at_all() {
    let mut project = Project::with(REMOTE, WEB);
    project.run("plan").says("credentials-none");
    let profiled = REMOTE.replace("{ endpoint", "{ profile: prod, endpoint");
    Project::with(&profiled, WEB)
        .run("plan")
        .says("credentials-no-profile");
}

#[test]
fn an_endpoint_that_nobody_serves() {
    let mut project = Project::with(REMOTE, WEB);
    project.set("ALIBABA_CLOUD_ACCESS_KEY_ID", "testid");
    project.set("ALIBABA_CLOUD_ACCESS_KEY_SECRET", "testsecret");
    project.run("plan").says("endpoint-unreachable");
    project.run("show web").says("show-endpoint-unreachable");
}

#[test]
fn credentials_that_the_cloud_does_not_take() {
    let mut project = Project::new(WEB);
    let mut emulate = project.command(".", "emulate --seed seed.json");
    let mut emulate = Running(emulate.stdout(Stdio::piped()).spawn().unwrap());
    let mut line = String::new();
    let stdout = emulate.0.stdout.take().unwrap();
    BufReader::new(stdout).read_line(&mut line).unwrap();
    let endpoint = line
        .split_whitespace()
        .find(|word| word.starts_with("http"));
    project.write(
        "rulekeep.yaml",
        &REMOTE.replace("http://127.0.0.1:1", endpoint.unwrap()),
    );
    project.set("ALIBABA_CLOUD_ACCESS_KEY_ID", "testid");
    project.set("ALIBABA_CLOUD_ACCESS_KEY_SECRET", "not-the-secret");
    project.run("plan").says("credentials-wrong-secret");
    project.set("ALIBABA_CLOUD_ACCESS_KEY_ID", "nobody");
    project.run("plan").says("credentials-unknown-key");
}

#[test]
fn groups_that_are_not_in_the_cloud_or_are_several() {
    Project::new("group: payments\nmode: partial\ningress: []\n")
        .run("plan")
        .says("group-not-found");
    Project::new("group: twin\nmode: partial\ningress: []\n")
        .run("plan")
        .says("group-ambiguous");
    Project::new(&format!(
        "{WEB}---\ngroup: sg-bp1web0000000000000000\nmode: partial\negress: []\n"
    ))
    .run("plan")
    .says("group-declared-twice");
    Project::new(WEB).run("show twin").says("show-ambiguous");
}

#[test]
fn lists_that_are_gone() {
    Project::new(
        "group: web\nmode: partial\ningress:\n  - { service: ssh, from: pl-bp1gone000000000000 }\n",
    )
    .run("apply --yes")
    .says("prefix-list-gone");
    Project::new("group: web\nmode: partial\ningress:\n  - { protocol: tcp, ports: prl-bp1gone00000000000, from: 10.0.0.0/8 }\n")
        .run("apply --yes")
        .says("port-list-gone");
    Project::new(
        "group: web\nmode: partial\ningress:\n  - { service: ssh, from: sg-bp1gone000000000000 }\n",
    )
    .run("apply --yes")
    .says("peer-group-gone");
}

#[test]
fn programs_are_told_that_a_plan_is_not_whole() {
    for group in ["payments", "twin"] {
        let project = Project::new(&format!("group: {group}\nmode: partial\ningress: []\n"));
        let output = project.command(".", "plan -o json").output().unwrap();
        assert_eq!(output.status.code(), Some(1));
        let plan: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
        assert_eq!(plan["errored"], true, "{plan:#}");
        assert_eq!(plan["applyable"], false, "{plan:#}");
        assert_eq!(plan["diagnostics"][0]["severity"], "error", "{plan:#}");
    }
}
