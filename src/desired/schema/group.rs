//! The schema of one document of a group file.

use serde_json::{Value, json};

use super::{assertions, guard, head, note, object, one_or_many, quota, region, waivers, word};

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
