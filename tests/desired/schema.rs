//! The schemas in the repository: current, and of one mind with the checks.

use std::{fs, path::Path};

use rulekeep::desired::{schema_group, schema_project};

use crate::{PROJECT, good, load};

fn yaml_documents(text: &str) -> Vec<serde_json::Value> {
    serde_yaml::from_multiple(text).unwrap()
}

#[test]
fn committed_schemas_are_current() {
    for (name, schema) in [("project", schema_project()), ("group", schema_group())] {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("schema/{name}.schema.json"));
        let current = format!("{}\n", serde_json::to_string_pretty(&schema).unwrap());
        if std::env::var_os("RULEKEEP_UPDATE").is_some() {
            fs::write(&path, &current).unwrap();
        }
        assert!(
            fs::read_to_string(&path).is_ok_and(|committed| committed == current),
            "schema/{name}.schema.json is stale: run the tests with RULEKEEP_UPDATE=1"
        );
    }
}

#[test]
fn schemas_accept_good_files_and_refuse_bad_ones() {
    let project = jsonschema::validator_for(&schema_project()).unwrap();
    let group = jsonschema::validator_for(&schema_group()).unwrap();
    let (good_project, good_groups) = good();
    let text = good_project.text.unwrap();
    for document in yaml_documents(&text).iter().chain(&yaml_documents(PROJECT)) {
        assert!(
            project.validate(document).is_ok(),
            "{:?}",
            project.validate(document)
        );
    }
    for file in good_groups {
        for document in yaml_documents(&file.text.unwrap()) {
            assert!(
                group.validate(&document).is_ok(),
                "{:?}",
                group.validate(&document)
            );
        }
    }
    for bad in [
        "accounts: { demo: { local: x } }",
        "rules: rules",
        "{ rules: rules, accounts: {} }",
        "{ rules: rules, accounts: { a: { local: x, profile: y } } }",
        "{ rules: rules, accounts: { a: { local: x } }, network: {} }",
        "{ rules: rules, accounts: { a: { local: x } }, guard: { max_deletes: { percent: 101 } } }",
    ] {
        assert!(!project.is_valid(&yaml_documents(bad)[0]), "{bad}");
    }
    for bad in [
        "mode: complete",
        "group: web",
        "{ group: web, mode: full }",
        "{ group: web, mode: complete, regoin: cn-hangzhou }",
        "{ group: web, mode: complete, ingress: }",
        "{ group: web, mode: complete, ingress: [{ service: ssh }] }",
        "{ group: web, mode: complete, ingress: [{ service: ssh, to: 10.0.0.0/8 }] }",
        "{ group: web, mode: complete, ingress: [{ service: ssh, ports: 22, from: 10.0.0.0/8 }] }",
        "{ group: web, mode: complete, ingress: [{ service: ssh, from: 10.0.0.0/8, priority: 110 }] }",
        "{ group: web, mode: complete, ingress: [{ service: ssh, from: [] }] }",
        "{ group: web, mode: complete, ignore: [{}] }",
    ] {
        assert!(!group.is_valid(&yaml_documents(bad)[0]), "{bad}");
        assert!(load(bad).is_err(), "{bad}");
    }
}
