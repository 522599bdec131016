//! JSON Schemas of the two kinds of file, so that editors complete and check them while they are written.
//!
//! They say less than the checks, which stay the judge: a schema cannot see that a network exists.

use serde_json::{Map, Value, json};

use crate::notify::Event;

const DIALECT: &str = "https://json-schema.org/draft/2020-12/schema";

/// Schema of the project file.
pub fn schema_project() -> Value {
    let account = json!({
        "description": "The embedded cloud (`local`), or an account of the cloud.",
        "oneOf": [
            { "type": "null", "description": "The default chain of credentials." },
            object("The embedded cloud: no account, no network, no credentials.", &[
                ("local", json!({ "type": "string", "minLength": 1, "description": "File that holds its state." })),
                ("seed", json!({ "type": "string", "description": "What the state starts as when the file is not there yet." })),
            ], &["local"]),
            object("An account of the cloud.", &[
                ("profile", json!({ "type": "string", "description": "Profile of the aliyun CLI; without one the default chain of credentials." })),
                ("role_arn", json!({ "type": "string", "pattern": "^acs:ram::[0-9]+:role/.+$", "description": "Role to assume with the credentials." })),
                ("endpoint", json!({ "type": "string", "pattern": "^https?://", "description": "One endpoint for every region; plain http for loopback addresses only." })),
                ("signature", word(&["v1", "v3"], "Which signature is sent; v3 is the default.")),
            ], &[]),
        ],
    });
    let mut schema = object(
        "Rulekeep project: where the group files are, which accounts there are, and names that all groups may use.",
        &[
            (
                "rules",
                json!({ "type": "string", "description": "Folder of the group files, relative to this file: every *.yaml below it whose name does not begin with `_`." }),
            ),
            (
                "accounts",
                json!({
                    "type": "object",
                    "description": "Accounts by name. If there is one, it is the default.",
                    "minProperties": 1,
                    "propertyNames": { "pattern": "^[A-Za-z][A-Za-z0-9_.-]*$" },
                    "additionalProperties": account,
                }),
            ),
            (
                "defaults",
                object(
                    "What group files need not say.",
                    &[
                        (
                            "account",
                            json!({ "type": "string", "description": "Account of groups that name none." }),
                        ),
                        ("region", region()),
                        ("quota", quota()),
                    ],
                    &[],
                ),
            ),
            (
                "networks",
                json!({
                    "type": "object",
                    "description": "Named sets of CIDRs, security groups and prefix lists; they may name each other.",
                    "propertyNames": { "pattern": "^[A-Za-z][A-Za-z0-9_.-]*$" },
                    "additionalProperties": one_or_many("CIDR, group:NAME, sg-.., pl-.., or another network.", json!({ "type": "string" })),
                }),
            ),
            (
                "services",
                json!({
                    "type": "object",
                    "description": "Named sets of protocols and ports; ssh, https, mysql and others are built in.",
                    "propertyNames": { "pattern": "^[A-Za-z][A-Za-z0-9_.-]*$" },
                    "additionalProperties": one_or_many("tcp/80, udp/5000-5010, icmp, or another service.", json!({ "type": "string" })),
                }),
            ),
            ("guard", guard(true)),
            ("assertions", assertions()),
            ("waivers", waivers(true)),
            ("notify", notify()),
            (
                "fights",
                object(
                    "Rules that are applied so often within so many hours are reported as fights.",
                    &[
                        (
                            "count",
                            json!({ "type": "integer", "minimum": 2, "maximum": 1_000, "description": "So many times; 3 unless said otherwise." }),
                        ),
                        (
                            "hours",
                            json!({ "type": "integer", "minimum": 1, "maximum": 8_760, "description": "Within so many hours; 24 unless said otherwise." }),
                        ),
                    ],
                    &[],
                ),
            ),
            ("windows", windows()),
        ],
        &["rules", "accounts"],
    );
    head(&mut schema, "Rulekeep project file");
    schema
}

/// Schema of `windows`.
fn windows() -> Value {
    let time = |what: &str, pattern: &str| json!({ "type": "string", "pattern": pattern, "description": what });
    let day = json!({ "type": "string", "pattern": "^(?i:mon|tue|wed|thu|fri|sat|sun)", "description": "mon, or mon-fri." });
    let date = |what: &str| json!({ "type": "string", "pattern": "^[0-9]{4}-[0-9]{2}-[0-9]{2}$", "description": what });
    let window = object(
        "Hours of some days of the week.",
        &[
            (
                "days",
                one_or_many("Days of the week; every day if left out.", day),
            ),
            (
                "from",
                time(
                    "The first minute; the beginning of the day if left out.",
                    "^([01][0-9]|2[0-3]):[0-5][0-9]$",
                ),
            ),
            (
                "to",
                time(
                    "The first minute that is outside again, on the next day where it is not after `from`; the end of the day if left out.",
                    "^(([01][0-9]|2[0-3]):[0-5][0-9]|24:00)$",
                ),
            ),
        ],
        &[],
    );
    let freeze = object(
        "Days without changes.",
        &[
            ("from", date("The first day.")),
            ("to", date("The last day.")),
            (
                "reason",
                json!({ "type": "string", "description": "Told with every refusal." }),
            ),
        ],
        &["from", "to"],
    );
    object(
        "When `watch --apply` and `apply` may make changes.",
        &[
            (
                "timezone",
                json!({ "type": "string", "description": "IANA name; UTC if left out." }),
            ),
            (
                "allow",
                json!({ "type": "array", "items": window, "minItems": 1, "description": "Windows; at any time if left out." }),
            ),
            (
                "freeze",
                json!({ "type": "array", "items": freeze, "description": "Wins over windows." }),
            ),
        ],
        &[],
    )
}

/// Schema of one document of a group file.
pub fn schema_group() -> Value {
    let mode = |what: &str| {
        word(
            &["complete", "partial"],
            &format!(
                "{what} complete: rules that are not declared are deleted; partial: they are left alone."
            ),
        )
    };
    let mut schema = object(
        "One security group and the rules it shall have.",
        &[
            (
                "group",
                json!({ "type": "string", "minLength": 2, "maxLength": 128, "description": "Id (sg-..) or name of the security group." }),
            ),
            (
                "targets",
                object(
                    "In place of `group`: every live group that matches; each given member must hold.",
                    &[
                        (
                            "name",
                            json!({ "type": "string", "minLength": 1, "description": "Pattern for the name in the cloud; `*` stands for any text." }),
                        ),
                        (
                            "vpc",
                            json!({ "type": "string", "pattern": "^vpc-[A-Za-z0-9_]+$", "description": "In this VPC." }),
                        ),
                        (
                            "tags",
                            json!({
                                "type": "object",
                                "minProperties": 1,
                                "additionalProperties": { "type": ["string", "number", "boolean"] },
                                "description": "With these tags; `*` stands for any value.",
                            }),
                        ),
                    ],
                    &[],
                ),
            ),
            (
                "name",
                json!({ "type": "string", "description": "Local name of a group that is selected by id, for `group:NAME`." }),
            ),
            (
                "vpc",
                json!({ "type": "string", "pattern": "^vpc-[A-Za-z0-9_]+$", "description": "Narrows a name to one VPC." }),
            ),
            (
                "account",
                json!({ "type": "string", "description": "Account that holds the group; the project has a default." }),
            ),
            ("region", region()),
            (
                "mode",
                json!({ "description": "What becomes of live rules that are not declared; there is no default.", "oneOf": [
                mode("Of both directions."),
                object("Per direction.", &[("ingress", mode("Of ingress.")), ("egress", mode("Of egress."))], &[]),
            ] }),
            ),
            (
                "ingress",
                rules(
                    "from",
                    "Rules for incoming packets. Key absent: not managed; []: managed and empty.",
                ),
            ),
            (
                "egress",
                rules(
                    "to",
                    "Rules for outgoing packets. Key absent: not managed; []: managed and empty.",
                ),
            ),
            (
                "absent",
                object(
                    "Partial mode: rules that must not exist.",
                    &[
                        ("ingress", rules("from", "Incoming.")),
                        ("egress", rules("to", "Outgoing.")),
                    ],
                    &[],
                ),
            ),
            (
                "ignore",
                json!({ "type": "array", "description": "Complete mode: live rules that are not ours and stay.", "items": ignore() }),
            ),
            (
                "allow_empty",
                json!({ "type": "boolean", "description": "Whether a direction that has rules may end with none." }),
            ),
            (
                "allow_complete",
                json!({ "type": "boolean", "description": "With `targets`: whether complete mode is meant for groups that no file names." }),
            ),
            (
                "system_rules",
                word(
                    &["keep", "delete"],
                    "What becomes of rules of priority 110, which cannot be made again.",
                ),
            ),
            ("quota", quota()),
            ("guard", guard(false)),
            ("assertions", assertions()),
            ("waivers", waivers(false)),
            (
                "owner",
                note("Who answers for the group; stays in the file."),
            ),
            ("ticket", note("Where it was decided; stays in the file.")),
            (
                "description",
                note("What the group is for; stays in the file."),
            ),
        ],
        &["mode"],
    );
    schema["oneOf"] = json!([{ "required": ["group"] }, { "required": ["targets"] }]);
    head(&mut schema, "Rulekeep group file");
    schema
}

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

fn notify() -> Value {
    let kinds: Vec<&str> = super::notify::KINDS.iter().map(|(name, _)| *name).collect();
    let events = Event::ALL.map(Event::as_str);
    let variable = |what: &str| json!({ "type": "string", "pattern": "^[A-Za-z_][A-Za-z0-9_]*$", "description": what });
    json!({
        "type": "array",
        "description": "Who is told of what. URLs and secrets come from the environment or from files.",
        "items": object("Somebody who is told.", &[
            ("to", word(&kinds, "What kind of receiver it is.")),
            ("name", note("What it is called in warnings; the kind unless said otherwise.")),
            ("url_env", variable("Environment variable that holds the URL, which carries a token.")),
            ("url_file", json!({ "type": "string", "description": "File that holds the URL." })),
            ("secret_env", variable("Environment variable that holds the secret that messages are signed with: dingtalk, feishu, lark, webhook.")),
            ("secret_file", json!({ "type": "string", "description": "File that holds the secret." })),
            ("on", one_or_many("What it is told of; everything but plan unless said otherwise.", word(&events, "An event."))),
        ], &["to"]),
    })
}

fn protocol() -> Value {
    json!({ "anyOf": [
        { "enum": ["tcp", "udp", "icmp", "icmpv6", "gre", "all"] },
        { "type": "integer", "minimum": 0, "maximum": 255 },
        { "type": "string", "pattern": "^([Tt][Cc][Pp]|[Uu][Dd][Pp]|[Ii][Cc][Mm][Pp]([Vv]6)?|[Gg][Rr][Ee]|[Aa][Ll][Ll]|[0-9]{1,3})$" },
    ] })
}

fn ports() -> Value {
    json!({ "oneOf": [
        { "type": "integer", "minimum": 1, "maximum": 65535 },
        { "type": "string", "pattern": "^([0-9]+([-/][0-9]+)?|prl-[A-Za-z0-9_]+)$" },
    ] })
}

fn priority(most: u8) -> Value {
    json!({ "type": "integer", "minimum": 1, "maximum": most, "description": "Rank; the smaller number wins. 1 is the default." })
}

fn rules(peer: &str, description: &str) -> Value {
    let other = if peer == "from" { "to" } else { "from" };
    let mut rule = object(
        "A rule; with lists it is the product of the lists.",
        &[
            (
                "protocol",
                one_or_many(
                    "tcp, udp, icmp, icmpv6, gre, all, or an IANA number.",
                    protocol(),
                ),
            ),
            (
                "ports",
                one_or_many(
                    "22, 8000-8010, or a port list prl-..; tcp and udp only.",
                    ports(),
                ),
            ),
            (
                "service",
                one_or_many(
                    "In place of protocol and ports: a built-in or declared service, or tcp/443.",
                    json!({ "type": "string" }),
                ),
            ),
            (
                peer,
                one_or_many(
                    "The peer: CIDR, address, network, group:NAME, sg-.., ACCOUNT/sg-.., or pl-...",
                    json!({ "type": "string" }),
                ),
            ),
            (
                other,
                json!({ "not": {}, "description": format!("Not here: this direction has `{peer}`.") }),
            ),
            (
                "policy",
                word(&["accept", "drop"], "Verdict; accept is the default."),
            ),
            ("priority", priority(100)),
            (
                "description",
                json!({ "type": ["string", "number", "boolean"], "minLength": 1, "maxLength": 512, "description": "Kept in the cloud." }),
            ),
            (
                "expires",
                json!({ "type": "string", "pattern": "^[0-9]{4}-[0-9]{2}-[0-9]{2}", "description": "A date, which lasts until its end in UTC, or an RFC 3339 time; past it the rule is no longer desired." }),
            ),
            (
                "owner",
                note("Who answers for the rule; stays in the file."),
            ),
            ("ticket", note("Where it was decided; stays in the file.")),
            (
                "source_ports",
                json!({ "anyOf": [ports()], "description": "Ports of the sender; tcp and udp only." }),
            ),
            (
                "local",
                one_or_many(
                    "Limits the rule to some of the group's own addresses.",
                    json!({ "type": "string" }),
                ),
            ),
            (
                "nic",
                word(
                    &["intranet", "internet"],
                    "Network interface; classic network only.",
                ),
            ),
        ],
        &[peer],
    );
    rule["oneOf"] = json!([
        { "required": ["service"], "not": { "anyOf": [{ "required": ["protocol"] }, { "required": ["ports"] }] } },
        { "required": ["protocol"] },
    ]);
    json!({ "type": "array", "description": description, "items": rule })
}

fn ignore() -> Value {
    let mut pattern = object(
        "A pattern: every field that is given must match.",
        &[
            ("direction", word(&["ingress", "egress"], "Which way.")),
            ("policy", word(&["accept", "drop"], "Verdict.")),
            ("priority", priority(110)),
            ("protocol", protocol()),
            ("ports", ports()),
            (
                "from",
                one_or_many("Peers of ingress rules.", json!({ "type": "string" })),
            ),
            (
                "to",
                one_or_many("Peers of egress rules.", json!({ "type": "string" })),
            ),
            (
                "description",
                json!({ "type": ["string", "number", "boolean"], "description": "Shell pattern, `*` and `?`." }),
            ),
        ],
        &[],
    );
    pattern["minProperties"] = json!(1);
    pattern
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use serde_json::Value;

    use super::{schema_group, schema_project};
    use crate::desired::{
        assertions, common, fields::Shape, group, ignore, project, rule, targets,
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
            &[&assertions::WAIVER],
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
        same_keys(&account, &[&project::ACCOUNT]);
        same_keys(&group, &[&group::GROUP]);
        let properties = &group["properties"];
        same_keys(&properties["mode"]["oneOf"][1], &[&group::MODE]);
        same_keys(&properties["absent"], &[&group::ABSENT]);
        same_keys(&properties["targets"], &[&targets::TARGETS]);
        same_keys(&properties["ignore"]["items"], &[&ignore::IGNORE]);
        for direction in ["ingress", "egress"] {
            same_keys(&properties[direction]["items"], &[&rule::RULE]);
        }
    }
}
