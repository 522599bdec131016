//! The schema of the project file.

use serde_json::{Value, json};

use super::{assertions, guard, head, note, object, one_or_many, quota, region, waivers, word};
use crate::notify::Event;

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

fn notify() -> Value {
    let kinds: Vec<&str> = crate::desired::notify::KINDS
        .iter()
        .map(|(name, _)| *name)
        .collect();
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
