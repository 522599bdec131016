//! `fmt` on whole projects.

#[path = "common/project.rs"]
mod common;

use std::fs;

use common::{EVERY_SHAPE, Project};

#[test]
fn the_sample_estate_keeps_its_meaning_and_is_laid_out_once() {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
    let project = Project::new(EVERY_SHAPE);
    fs::copy(root.join("rulekeep.yaml"), project.path("rulekeep.yaml")).unwrap();
    fs::create_dir(project.path("rules/network")).unwrap();
    for folder in ["rules", "rules/network"] {
        for entry in fs::read_dir(root.join(folder)).unwrap() {
            let path = entry.unwrap().path();
            if path.is_file() {
                let name = path.file_name().unwrap().to_str().unwrap();
                fs::copy(&path, project.path(&format!("{folder}/{name}"))).unwrap();
            }
        }
    }
    let before = project.done(&["validate"]);
    let load = || {
        let (desired, _) = rulekeep::desired::load(&project.path("rulekeep.yaml")).unwrap();
        let rules = desired.groups.iter().map(|group| {
            let rules = group.rules().map(|rule| {
                (
                    rule.protocol.clone(),
                    rule.peer.clone(),
                    rule.priority,
                    rule.description.clone(),
                    rule.expires,
                )
            });
            (group.selector.clone(), rules.collect::<Vec<_>>())
        });
        rules.collect::<Vec<_>>()
    };
    let rules = load();
    project.done(&["fmt"]);
    assert_eq!(project.done(&["validate"]), before);
    assert_eq!(load(), rules);
    assert_eq!(project.done(&["fmt"]), "");
    assert_eq!(project.done(&["fmt", "--check"]), "");
}

#[test]
fn what_adopt_writes_is_laid_out_already() {
    let project = Project::new(EVERY_SHAPE);
    project.done(&["adopt", "--all"]);
    assert_eq!(project.done(&["fmt", "--check", "rules"]), "");
}

#[test]
fn a_check_changes_nothing_and_is_3() {
    let project = Project::new(EVERY_SHAPE);
    let text = "group: peer\nmode:   partial\ningress:\n- {service: ssh, from: 10.0.0.0/8}\n";
    fs::write(project.path("rules/peer.yaml"), text).unwrap();
    let (code, out, _) = project.run(&["fmt", "--check", "rules"]);
    assert_eq!((code, &*out), (3, "rules/peer.yaml\n"));
    assert_eq!(
        fs::read_to_string(project.path("rules/peer.yaml")).unwrap(),
        text
    );
    project.done(&["fmt", "rules"]);
    assert_eq!(
        fs::read_to_string(project.path("rules/peer.yaml")).unwrap(),
        "group: peer\nmode: partial\ningress:\n  - { service: ssh, from: 10.0.0.0/8 }\n"
    );
    fs::write(project.path("rules/peer.yaml"), "group: [").unwrap();
    let (code, _, error) = project.run(&["fmt", "rules"]);
    assert_eq!(code, 1);
    assert!(error.contains("it has a syntax error"), "{error}");
}
