use std::path::Path;

use super::*;
use crate::desired::{SourceFile, load_as_far};

const PROJECT: &str = "rules: rules/
accounts: { prod: { profile: prod }, demo: { local: state.json } }
defaults: { account: demo, region: cn-hangzhou }
networks:
  office: 203.0.113.0/24
  vpn: 10.8.0.0/16
  staff: [office, vpn]
services:
  web: [tcp/80, tcp/443]
";

const WEB: &str = "group: web\nmode: complete\ningress:\n  - { service: web, from: staff }\n";
const DB: &str =
    "group: db\nmode: partial\ningress:\n  - { service: mysql, from: [group:web, 10.8.0.0/16] }\n";

fn load(project: &str, files: &[(&str, &str)]) -> Loaded {
    let files = files
        .iter()
        .map(|(path, text)| SourceFile::new(*path, *text));
    let files = files.collect();
    load_as_far(
        Path::new("."),
        SourceFile::new("rulekeep.yaml", project),
        |_| Ok(files),
    )
}

/// What changed from one state to another, a line per group.
fn told(old: (&str, &[(&str, &str)]), new: (&str, &[(&str, &str)])) -> Vec<String> {
    let new = load(new.0, new.1);
    assert!(new.diagnostics.iter().all(|d| !d.is_error()), "{new:?}");
    let Changes { groups, gone } = changes(&load(old.0, old.1), &new.desired);
    let groups = groups.iter().map(|(at, why)| {
        let why: Vec<String> = why.iter().map(ToString::to_string).collect();
        format!("{}: {}", new.desired.groups[*at].selector, why.join("; "))
    });
    let gone = gone
        .iter()
        .map(|gone| format!("gone {} {}", gone.selector, gone.place));
    groups.chain(gone).collect()
}

const FILES: &[(&str, &str)] = &[("rules/web.yaml", WEB), ("rules/db.yaml", DB)];

/// The sample with one piece of the project file replaced.
fn project(from: &str, to: &str) -> String {
    assert!(PROJECT.contains(from));
    PROJECT.replace(from, to)
}

#[test]
fn what_only_moved_or_is_written_otherwise_has_not_changed() {
    let both = format!(
        "# moved here\n{DB}---\n\n{}",
        WEB.replace("web\n", "web # ours\n")
    );
    assert_eq!(
        told(
            (PROJECT, FILES),
            (PROJECT, &[("rules/net/all.yaml", &both)])
        ),
        [""; 0]
    );
    let other = DB.replace("[group:web, 10.8.0.0/16]", "[vpn, group:web]");
    let files = &[("rules/web.yaml", WEB), ("rules/db.yaml", &other)];
    assert_eq!(told((PROJECT, FILES), (PROJECT, files)), [""; 0]);
    let noted = format!("{WEB}owner: net\n");
    let files = &[("rules/web.yaml", &*noted), ("rules/db.yaml", DB)];
    assert_eq!(told((PROJECT, FILES), (PROJECT, files)), [""; 0]);
}

#[test]
fn a_changed_document_says_which_keys() {
    let other = format!("{}egress: []\n", WEB.replace("staff", "vpn"));
    let files = &[("rules/web.yaml", &*other), ("rules/db.yaml", DB)];
    assert_eq!(
        told((PROJECT, FILES), (PROJECT, files)),
        ["web: rules/web.yaml changed (egress, ingress)"]
    );
}

#[test]
fn a_network_reaches_those_who_name_it_also_through_others() {
    let now = project("office: 203.0.113.0/24", "office: 203.0.113.0/25");
    assert_eq!(
        told((PROJECT, FILES), (&now, FILES)),
        ["web: network staff changed through office"]
    );
    let now = project("[office, vpn]", "[office]");
    assert_eq!(
        told((PROJECT, FILES), (&now, FILES)),
        ["web: network staff changed"]
    );
    // Another spelling of the same set.
    let now = project("[office, vpn]", "[vpn, 203.0.113.0/24]");
    assert_eq!(told((PROJECT, FILES), (&now, FILES)), [""; 0]);
}

#[test]
fn services_defaults_guard_and_accounts_reach_those_who_use_them() {
    let now = project("tcp/443]", "tcp/8443]");
    assert_eq!(
        told((PROJECT, FILES), (&now, FILES)),
        ["web: service web changed"]
    );
    let own = format!("{WEB}quota: 100\n");
    let files = &[("rules/web.yaml", &*own), ("rules/db.yaml", DB)];
    let now = project("region: cn-hangzhou }", "region: cn-hangzhou, quota: 300 }");
    assert_eq!(
        told((PROJECT, files), (&now, files)),
        ["db: default quota changed"]
    );
    let own = format!("{WEB}guard: {{ max_deletes: {{ percent: 1, from: 1 }} }}\n");
    let files = &[("rules/web.yaml", &*own), ("rules/db.yaml", DB)];
    let now = format!("{PROJECT}guard: {{ max_deletes: {{ percent: 50 }} }}\n");
    assert_eq!(
        told((PROJECT, files), (&now, files)),
        ["db: guard of the project changed"]
    );
    let abroad = DB
        .replace("mode:", "account: prod\nmode:")
        .replace("group:web, ", "");
    let files = &[("rules/web.yaml", WEB), ("rules/db.yaml", &*abroad)];
    let now = project("profile: prod", "profile: production");
    assert_eq!(
        told((PROJECT, files), (&now, files)),
        ["db: account prod changed"]
    );
}

#[test]
fn assertions_of_the_project_reach_every_group_unless_they_only_moved() {
    let asserting =
        |what: &str| format!("{PROJECT}assertions: [{{ forbid: {what}, from: internet }}]\n");
    let reached = told((PROJECT, FILES), (&asserting("ssh"), FILES));
    assert!(
        reached.contains(&"db: assertions of the project changed".to_owned()),
        "{reached:?}"
    );
    assert_eq!(
        told((&asserting("ssh"), FILES), (&asserting("rdp"), FILES)),
        reached
    );
    let moved = format!("# Why not.\n{}", asserting("ssh"));
    assert_eq!(told((&asserting("ssh"), FILES), (&moved, FILES)), [""; 0]);
}

#[test]
fn a_peer_name_that_stands_for_another_group_reaches_who_names_it() {
    let by_id = WEB.replace("group: web", "group: sg-bp1web\nname: web");
    let files = &[("rules/web.yaml", &*by_id), ("rules/db.yaml", DB)];
    assert_eq!(
        told((PROJECT, FILES), (PROJECT, files)),
        [
            "sg-bp1web: new in rules/web.yaml",
            "db: group:web is another group"
        ]
    );
}

#[test]
fn what_is_no_longer_declared_is_named_with_its_place() {
    let alone = &[("rules/web.yaml", WEB)];
    assert_eq!(
        told((PROJECT, FILES), (PROJECT, alone)),
        ["gone db rules/db.yaml:1"]
    );
    assert_eq!(
        told((PROJECT, alone), (PROJECT, FILES)),
        ["db: new in rules/db.yaml"]
    );
}

#[test]
fn what_could_not_be_read_then_counts_as_changed() {
    let broken = DB.replace("mysql", "mysqll");
    let old = &[("rules/web.yaml", WEB), ("rules/db.yaml", &*broken)];
    let reason = "rules/db.yaml could not be read then: no service is called `mysqll`";
    assert_eq!(
        told((PROJECT, old), (PROJECT, FILES)),
        [format!("db: {reason}")]
    );
    // Mended and moved in one step.
    let moved = &[("rules/web.yaml", WEB), ("rules/mysql.yaml", DB)];
    assert_eq!(
        told((PROJECT, old), (PROJECT, moved)),
        [format!("db: {reason}")]
    );
    let no_yaml = &[("rules/web.yaml", WEB), ("rules/db.yaml", "group: [")];
    let said = told((PROJECT, no_yaml), (PROJECT, FILES));
    assert!(
        said[0].starts_with("db: rules/db.yaml could not be read then: "),
        "{said:?}"
    );

    let project = project("accounts:", "acounts:");
    let said = told((&project, FILES), (PROJECT, FILES));
    assert_eq!(said.len(), 2);
    assert!(
        said[1].starts_with("web: rulekeep.yaml could not be read then: "),
        "{said:?}"
    );
}
