//! What the guard refuses, and what groups cannot have.

use super::support::Project;

/// Plans and applies a group file.
fn says(name: &str, group: &str) {
    Project::new(group).run("apply --yes").says(name);
}

#[test]
fn deletes_and_changes_over_the_threshold() {
    says(
        "guard-too-many-deletes",
        "group: many\nmode: complete\ningress:\n  - { protocol: tcp, ports: 1-20, from: 10.0.0.0/8 }\n",
    );
    let described = "group: many\nmode: complete\ningress:\n  - protocol: tcp\n    from: 10.0.0.0/8\n    description: reviewed\n    ports: [";
    let ports: Vec<String> = (1..=40).map(|port| port.to_string()).collect();
    says(
        "guard-too-many-changes",
        &format!("{described}{}]\n", ports.join(", ")),
    );
}

#[test]
fn a_direction_that_would_be_emptied() {
    says("guard-emptied", "group: web\nmode: complete\ningress: []\n");
}

#[test]
fn a_group_of_a_cloud_service() {
    says(
        "guard-managed",
        "group: managed\nmode: partial\ningress:\n  - { service: https, from: 10.0.0.0/8 }\n",
    );
}

#[test]
fn system_rules_that_nobody_decided_about() {
    says(
        "guard-system-rules",
        "group: legacy\nmode: complete\ningress:\n  - { service: https, from: 0.0.0.0/0 }\n",
    );
}

#[test]
fn more_rules_than_the_quota() {
    says(
        "guard-quota",
        "group: web\nmode: partial\nquota: 3\ningress:\n  - { protocol: tcp, ports: [1, 2, 3], from: 10.0.0.0/8 }\n",
    );
    says(
        "quota-by-deleting-first",
        "group: web\nmode: complete\nquota: 2\ningress:\n  - { protocol: udp, ports: [53, 123], from: 10.0.0.0/8 }\n",
    );
}

#[test]
fn a_rule_that_is_wanted_and_ignored() {
    says(
        "guard-wanted-and-ignored",
        "group: web\nmode: complete\nignore:\n  - { description: \"public*\" }\ningress:\n  - { service: https, from: 0.0.0.0/0, description: public web }\n",
    );
}

#[test]
fn rules_that_the_kind_of_group_cannot_have() {
    says(
        "advanced-group-peer",
        "group: advanced\nmode: partial\ningress:\n  - { service: ssh, from: sg-bp1web0000000000000000 }\n",
    );
    says(
        "classic-without-nic",
        "group: classic\nmode: partial\ningress:\n  - { service: ssh, from: 10.0.0.0/8 }\n",
    );
    says(
        "vpc-with-nic",
        "group: web\nmode: partial\ningress:\n  - { service: ssh, from: 10.0.0.0/8, nic: internet }\n",
    );
    says(
        "classic-ipv6",
        "group: classic\nmode: partial\ningress:\n  - { service: ssh, from: \"2001:db8::/32\", nic: intranet }\n",
    );
    says(
        "local-is-peer",
        "group: web\nmode: partial\ningress:\n  - { service: ssh, from: 10.0.0.0/8, local: 10.0.0.0/8 }\n",
    );
}
