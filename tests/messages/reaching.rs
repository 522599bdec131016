//! Clouds that cannot be reached, groups that are not there.

use super::support::{Project, WEB};

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
