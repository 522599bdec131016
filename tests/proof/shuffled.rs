//! The order in which things are written makes no difference, nor does the number of requests at a time.

use proptest::prelude::*;
use serde_json::Value;

use super::{
    estate::{Estate, estate},
    support::{Cloud, as_json, block_on, cases, load},
    yaml::{Reach, Shuffle},
};

/// A plan and its id, byte for byte.
async fn plan(cloud: &Cloud, files: &[(String, String)], parallelism: usize) -> (String, String) {
    let files: Vec<(&str, &str)> = files
        .iter()
        .map(|(path, text)| (&**path, &**text))
        .collect();
    let desired = load(&files);
    let prepared = cloud.prepare(&desired, parallelism).await;
    (prepared.plan.id(), as_json(&prepared))
}

/// What is printed, and what else means the same.
const SPELLINGS: [(&str, &str); 9] = [
    ("protocol: tcp", "protocol: TCP"),
    ("protocol: icmpv6", "protocol: ICMPv6"),
    ("protocol: all", "protocol: All"),
    ("\"192.0.2.7/32\"", "192.0.2.7"),
    ("\"2001:db8::7/128\"", "\"2001:DB8:0:0:0:0:0:7\""),
    ("\"2001:db8::/32\"", "\"2001:0db8::/32\""),
    ("\"::/0\"", "\"0:0:0:0:0:0:0:0/0\""),
    ("ports: 22,", "ports: [\"22/22\"],"),
    ("ports: 8000-8010", "ports: \"8000/8010\""),
];

/// The plan without the places of declarations.
fn placeless((id, json): (String, String)) -> (String, String) {
    fn strip(value: &mut Value) {
        match value {
            Value::Object(members) => {
                for place in ["declared_at", "decided_before", "decided_after", "places"] {
                    members.remove(place);
                }
                members.values_mut().for_each(strip);
            }
            Value::Array(items) => items.iter_mut().for_each(strip),
            _ => {}
        }
    }
    let mut json: Value = serde_json::from_str(&json).unwrap();
    strip(&mut json);
    // They stand in the order of places.
    if let Some(diagnostics) = json["diagnostics"].as_array_mut() {
        diagnostics.sort_by_key(Value::to_string);
    }
    (id, json.to_string())
}

async fn same(estate: &Estate, seed: u64) {
    let cloud = Cloud::start(&estate.seed()).await;
    let plain = estate.files(&mut Shuffle(None), Reach::All);
    let first = plan(&cloud, &plain, 1).await;
    assert_eq!(
        plan(&cloud, &plain, 16).await,
        first,
        "at another parallelism"
    );

    // Files, keys and list items; every rule stays on its line.
    let lines = estate.files(&mut Shuffle(Some(seed)), Reach::Lines);
    assert_eq!(plan(&cloud, &lines, 16).await, first, "{lines:#?}");

    // Rules and keys of documents too, and all documents in one file: the places are others.
    let first = placeless(first);
    let all = estate.files(&mut Shuffle(Some(seed)), Reach::All);
    assert_eq!(placeless(plan(&cloud, &all, 16).await), first, "{all:#?}");
    let mut one = [estate.file(&mut Shuffle(Some(seed)))];
    assert_eq!(placeless(plan(&cloud, &one, 1).await), first, "{one:#?}");

    // The same in other spellings.
    for (plain, other) in SPELLINGS {
        one[0].1 = one[0].1.replace(plain, other);
    }
    assert_eq!(placeless(plan(&cloud, &one, 1).await), first, "{one:#?}");
}

#[test]
fn shuffling_files_documents_rules_keys_and_items_gives_the_same_plan() {
    let config = ProptestConfig {
        failure_persistence: None,
        max_shrink_iters: 300,
        ..ProptestConfig::with_cases(cases(48))
    };
    proptest!(config, |(estate in estate(), seed in any::<u64>())| {
        block_on(same(&estate, seed));
    });
}
