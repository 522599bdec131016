//! What is said of assertions.

use super::support::Project;

const PROJECT: &str = "\
rules: rules/
accounts:
  demo: { local: .rulekeep/demo.json, seed: seed.json }
defaults: { account: demo, region: cn-hangzhou }
guard: { baseline: cis-alibaba }
assertions:
  - id: no-admin
    forbid: [ssh, rdp]
    from: internet
    because: administration goes through the bastion
";

#[test]
fn a_plan_that_newly_violates_one() {
    let group = "group: web\nmode: complete\ningress:\n  - { service: https, from: 0.0.0.0/0 }\n  \
                 - { protocol: tcp, ports: 20-25, from: 198.51.100.0/24 }\n";
    Project::with(PROJECT, group)
        .run("validate")
        .run("apply --yes")
        .says("assertion-new");
}

#[test]
fn a_violation_that_was_there_and_one_that_is_waived() {
    let known = "group: web\nmode: complete\ningress:\n  - { service: https, from: 0.0.0.0/0 }\n  \
                 - { service: rdp, from: 0.0.0.0/0 }\n";
    Project::with(PROJECT, known)
        .run("plan")
        .says("assertion-known");
    let waived = format!(
        "{known}waivers:\n  - {{ assertion: [no-admin, cis-4.4], until: 2999-12-31, reason: \"vendor support, SEC-881\" }}\n"
    );
    Project::with(PROJECT, &waived)
        .run("plan")
        .says("assertion-waived");
}
