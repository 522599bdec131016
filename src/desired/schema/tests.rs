use std::collections::BTreeSet;

use serde_json::Value;

use super::{schema_group, schema_project};
use crate::desired::{
    assertions, common, fields::Shape, group, ignore, project, rule, targets, waivers,
};

#[track_caller]
fn same_keys(schema: &Value, shapes: &[&Shape]) {
    let listed: BTreeSet<&str> = schema["properties"]
        .as_object()
        .unwrap()
        .keys()
        .map(String::as_str)
        .collect();
    let known: BTreeSet<&str> = shapes
        .iter()
        .flat_map(|shape| shape.keys)
        .copied()
        .collect();
    assert_eq!(listed, known);
}

#[test]
fn schemas_list_the_keys_that_the_checks_know() {
    let (project, group) = (schema_project(), schema_group());
    same_keys(&project, &[&project::PROJECT]);
    same_keys(&project["properties"]["defaults"], &[&project::DEFAULTS]);
    let guard = &project["properties"]["guard"];
    same_keys(guard, &[&common::PROJECT_GUARD]);
    same_keys(&group["properties"]["guard"], &[&common::GUARD]);
    same_keys(
        &guard["properties"]["baseline"]["oneOf"][1],
        &[&assertions::BASELINE],
    );
    same_keys(&guard["properties"]["max_deletes"], &[&common::THRESHOLD]);
    same_keys(
        &project["properties"]["assertions"]["items"],
        &[&assertions::ASSERTION],
    );
    same_keys(
        &project["properties"]["waivers"]["items"],
        &[&waivers::WAIVER],
    );
    same_keys(
        &project["properties"]["notify"]["items"],
        &[&super::super::notify::NOTIFY],
    );
    same_keys(
        &project["properties"]["fights"],
        &[&super::super::notify::FIGHTS],
    );
    let accounts = &project["properties"]["accounts"]["additionalProperties"]["oneOf"];
    let mut account = accounts[1].clone();
    for (key, value) in accounts[2]["properties"].as_object().unwrap() {
        account["properties"][key] = value.clone();
    }
    same_keys(&account, &[&project::account::ACCOUNT]);
    same_keys(&group, &[&group::GROUP]);
    let properties = &group["properties"];
    same_keys(&properties["mode"]["oneOf"][1], &[&group::MODE]);
    same_keys(&properties["absent"], &[&group::rules::ABSENT]);
    same_keys(&properties["targets"], &[&targets::TARGETS]);
    same_keys(&properties["ignore"]["items"], &[&ignore::IGNORE]);
    for direction in ["ingress", "egress"] {
        same_keys(&properties[direction]["items"], &[&rule::RULE]);
    }
}
