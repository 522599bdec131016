//! JSON Schemas of the two kinds of file, so that editors complete and check them while they are written.
//!
//! They say less than the checks, which stay the judge: a schema cannot see that a network exists.

mod group;
mod project;
#[cfg(test)]
mod tests;

pub use self::{group::schema_group, project::schema_project};

use serde_json::{Map, Value, json};

const DIALECT: &str = "https://json-schema.org/draft/2020-12/schema";

fn head(schema: &mut Value, title: &str) {
    schema["$schema"] = json!(DIALECT);
    schema["title"] = json!(title);
}

fn object(description: &str, properties: &[(&str, Value)], required: &[&str]) -> Value {
    let properties: Map<String, Value> = properties
        .iter()
        .map(|(key, value)| ((*key).to_owned(), value.clone()))
        .collect();
    let mut schema = json!({
        "type": "object",
        "description": description,
        "additionalProperties": false,
        "properties": properties,
    });
    if !required.is_empty() {
        schema["required"] = json!(required);
    }
    schema
}

fn one_or_many(description: &str, item: Value) -> Value {
    json!({
        "description": description,
        "oneOf": [item.clone(), { "type": "array", "minItems": 1, "items": item }],
    })
}

/// One of some words. The checks take any letter case; editors offer the usual one.
fn word(words: &[&str], description: &str) -> Value {
    let pattern: Vec<String> = words
        .iter()
        .map(|word| {
            word.chars()
                .map(|c| format!("[{}{}]", c.to_ascii_lowercase(), c.to_ascii_uppercase()))
                .collect()
        })
        .collect();
    json!({
        "type": "string",
        "description": description,
        "anyOf": [{ "enum": words }, { "pattern": format!("^({})$", pattern.join("|")) }],
    })
}

fn note(description: &str) -> Value {
    json!({ "type": ["string", "number", "boolean"], "description": description })
}

fn region() -> Value {
    json!({ "type": "string", "pattern": "^[a-z0-9]+(-[a-z0-9]+)+$", "description": "Region, such as cn-hangzhou." })
}

fn quota() -> Value {
    json!({ "type": "integer", "minimum": 1, "maximum": 100_000, "description": "Rules that the group may hold; 200 unless said otherwise." })
}

fn guard(in_project: bool) -> Value {
    let threshold = |what: &str| {
        object(
            what,
            &[
                (
                    "percent",
                    json!({ "type": "integer", "minimum": 0, "maximum": 100, "description": "Percent of the live rules of the group." }),
                ),
                (
                    "from",
                    json!({ "type": "integer", "minimum": 0, "description": "From this number of affected rules on." }),
                ),
            ],
            &[],
        )
    };
    let mut properties = vec![
        (
            "max_deletes",
            threshold("Most deletes in one plan of one group."),
        ),
        (
            "max_changes",
            threshold(
                "Most changes to existing rules, modifies and deletes, in one plan of one group.",
            ),
        ),
    ];
    if in_project {
        properties.push(("baseline", baseline()));
    }
    object("What makes a plan be refused.", &properties, &[])
}

fn assertions() -> Value {
    json!({
        "type": "array",
        "description": "Claims about what is admitted, judged on packets in the result and on the way there; a plan that newly violates one is refused.",
        "items": object("A claim: forbid or require services from or to somewhere.", &[
            ("id", json!({ "type": "string", "pattern": "^[A-Za-z0-9][A-Za-z0-9_.-]*$", "maxLength": 80, "description": "What waivers and reports call it; otherwise made of what it says." })),
            ("title", note("A few words for it.")),
            ("forbid", one_or_many("Services of which no packet may be admitted.", json!({ "type": "string" }))),
            ("require", one_or_many("Services of which every packet must be admitted.", json!({ "type": "string" }))),
            ("from", one_or_many("`internet`, or peers as in a rule.", json!({ "type": "string" }))),
            ("to", one_or_many("`internet`, or peers as in a rule.", json!({ "type": "string" }))),
            ("because", note("Why; shown when the claim does not hold.")),
            ("severity", word(&["low", "medium", "high", "critical"], "For reports; high unless said otherwise.")),
        ], &[]),
    })
}

fn waivers(in_project: bool) -> Value {
    let name = || json!({ "type": "string" });
    let mut properties = vec![
        (
            "assertion",
            one_or_many("Ids of assertions or built-in checks.", name()),
        ),
        (
            "from",
            one_or_many("Only packets from these peers.", name()),
        ),
        ("to", one_or_many("Only packets to these peers.", name())),
        (
            "until",
            json!({ "type": "string", "description": "A date, which counts until its end in UTC, or an RFC 3339 time." }),
        ),
        ("reason", note("Why.")),
    ];
    let mut required = vec!["assertion", "until", "reason"];
    if in_project {
        properties.push((
            "group",
            one_or_many("Groups by name or id, as their files call them.", name()),
        ));
        required.push("group");
    }
    json!({
        "type": "array",
        "description": "Leave to violate an assertion until a date.",
        "items": object("A waiver.", &properties, &required),
    })
}

fn baseline() -> Value {
    let name = || word(&[crate::assertion::baseline::NAME], "Which checks.");
    let ids: Vec<&str> = crate::assertion::baseline::CHECKS
        .iter()
        .map(|check| check.id)
        .collect();
    json!({
        "description": "Built-in checks of what no group should admit from the internet.",
        "oneOf": [
            name(),
            object("Some of the checks.", &[
                ("use", name()),
                ("except", one_or_many("Checks that are left out.", json!({ "enum": ids }))),
            ], &["use"]),
        ],
    })
}
