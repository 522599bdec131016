//! What was found out about accounts, as text and as JSON.

use jiff::Timestamp;
use serde_json::{Value, json};

use crate::{
    clouds::check::{AccountCheck, Checked, Outcome, RegionCheck},
    provider::alibaba::probe::{Access, WRITE_ACTIONS},
    report::{
        json::FORMAT_VERSION,
        text::{TextStyle, Tone, escape, escape_lines},
    },
};

/// For people: a block per account.
pub(super) fn text(checks: &[AccountCheck], now: Timestamp, style: &TextStyle) -> String {
    let blocks: Vec<String> = checks
        .iter()
        .map(|check| block(check, now, style))
        .collect();
    blocks.join("\n")
}

fn block(check: &AccountCheck, now: Timestamp, style: &TextStyle) -> String {
    let verdict = if check.is_ok() {
        style.paint(Tone::Added, "ok")
    } else {
        style.paint(Tone::Removed, "not ok")
    };
    let name = style.paint(Tone::Strong, escape(check.account.as_str()));
    let mut text = format!("{name}  {verdict}\n");
    let mut row = |label: &str, value: &str| {
        let label = style.paint(Tone::Faint, format!("{label:<9}"));
        let value = value.replace('\n', "\n             ");
        text.push_str(&format!("  {label}  {value}\n"));
    };
    match &check.outcome {
        Outcome::Embedded { state } => row(
            "source",
            &format!(
                "the embedded cloud in {}, which needs no credentials",
                escape(state)
            ),
        ),
        Outcome::Failed(reason) => row("error", &escape_lines(reason)),
        Outcome::Found(checked) => found(checked, now, style, row),
    }
    text
}

fn found(checked: &Checked, now: Timestamp, style: &TextStyle, mut row: impl FnMut(&str, &str)) {
    let Checked {
        held,
        identity,
        regions,
    } = checked;
    row("source", &escape(&held.source));
    for reason in &held.passed_over {
        let label = style.paint(Tone::Changed, "does not work, passed over:");
        row("", &format!("{label} {}", escape(reason)));
    }
    match identity {
        Ok(who) => {
            row(
                "identity",
                &format!("{} ({})", escape(&who.arn), escape(&who.identity_type)),
            );
            row("account", &escape(&who.account_id));
        }
        Err(reason) => row("identity", &style.paint(Tone::Removed, escape(reason))),
    }
    row("key", &escape(&held.access_key_id));
    row(
        "expires",
        &match held.expires {
            Some(end) => format!("{end}, {}", left(end, now)),
            None => "not known to end".to_owned(),
        },
    );
    for region in regions {
        row(
            "region",
            &format!(
                "{} at {}",
                escape(region.region.as_str()),
                escape(&region.endpoint)
            ),
        );
        reads(region, style, &mut row);
    }
    if regions.is_empty() {
        row(
            "region",
            "none: no group of this account is declared; `--region` names one to ask",
        );
    }
    let mut writes = format!(
        "{}: the API has no try without effect; `apply` needs",
        style.paint(Tone::Changed, "not tried")
    );
    for action in WRITE_ACTIONS {
        writes.push_str(&format!("\n{action}"));
    }
    row("writes", &writes);
}

fn reads(region: &RegionCheck, style: &TextStyle, row: &mut impl FnMut(&str, &str)) {
    let reads = match &region.reads {
        Ok(reads) => reads,
        Err(reason) => {
            row("", &style.paint(Tone::Removed, escape_lines(reason)));
            return;
        }
    };
    for probed in reads {
        let (tone, word, why) = words(&probed.access);
        let word = style.paint(tone, format!("{word:<9}"));
        let why = match why {
            Some(why) => format!("  {}", escape(why)),
            None => String::new(),
        };
        row("", &format!("{word}  ecs:{}{why}", probed.action));
    }
}

fn words(access: &Access) -> (Tone, &'static str, Option<&str>) {
    match access {
        Access::Allowed => (Tone::Added, "allowed", None),
        Access::Denied(why) => (Tone::Removed, "refused", Some(why)),
        Access::Unknown(why) => (Tone::Changed, "unknown", Some(why)),
        Access::NotAsked(why) => (Tone::Faint, "not asked", Some(why)),
    }
}

/// How long something lasts, to the minute.
fn left(end: Timestamp, now: Timestamp) -> String {
    let minutes = end.duration_since(now).as_mins();
    match (minutes / 60, minutes % 60) {
        _ if end <= now => "past".to_owned(),
        (0, minutes) => format!("in {minutes} min"),
        (hours, minutes) => format!("in {hours} h {minutes} min"),
    }
}

/// For programs.
pub(super) fn json(checks: &[AccountCheck]) -> String {
    let accounts: Vec<Value> = checks.iter().map(account).collect();
    let document = json!({"format_version": FORMAT_VERSION, "accounts": accounts});
    format!("{document:#}\n")
}

fn account(check: &AccountCheck) -> Value {
    let mut body = json!({"account": check.account.as_str(), "ok": check.is_ok()});
    match &check.outcome {
        Outcome::Embedded { state } => body["embedded"] = json!({"state": state}),
        Outcome::Failed(reason) => body["error"] = json!(reason),
        Outcome::Found(checked) => {
            let Checked {
                held,
                identity,
                regions,
            } = &**checked;
            body["source"] = json!(held.source);
            body["passed_over"] = json!(held.passed_over);
            body["access_key_id"] = json!(held.access_key_id);
            body["expires"] = json!(held.expires);
            body["identity"] = match identity {
                Ok(who) => json!({
                    "account_id": who.account_id,
                    "arn": who.arn,
                    "type": who.identity_type,
                    "principal_id": who.principal_id,
                }),
                Err(reason) => json!({"error": reason}),
            };
            body["regions"] = regions.iter().map(region).collect();
            body["writes"] = json!({"tried": false, "needed": WRITE_ACTIONS});
        }
    }
    body
}

fn region(check: &RegionCheck) -> Value {
    let mut body = json!({"region": check.region.as_str(), "endpoint": check.endpoint});
    match &check.reads {
        Err(reason) => body["error"] = json!(reason),
        Ok(reads) => {
            let reads = reads.iter().map(|probed| {
                let (_, word, why) = words(&probed.access);
                json!({
                    "action": format!("ecs:{}", probed.action),
                    "outcome": word.replace(' ', "_"),
                    "reason": why,
                })
            });
            body["reads"] = reads.collect();
        }
    }
    body
}

#[cfg(test)]
mod tests {
    use snapbox::{assert_data_eq, prelude::*, str};

    use crate::{
        model::{AccountName, RegionId},
        provider::alibaba::{
            credentials::{CallerIdentity, Held},
            probe::Probed,
        },
    };

    use super::*;

    #[test]
    fn an_account_is_a_block_of_aligned_rows() {
        let found = Checked {
            held: Held {
                access_key_id: "STS.N1".to_owned(),
                source: "profile `prod` of ~/.aliyun/config.json (AK), then role acs:ram::1:role/r"
                    .to_owned(),
                expires: Some("2026-01-02T04:04:05Z".parse().unwrap()),
                passed_over: vec!["OIDC role: the token file /t does not exist".to_owned()],
            },
            identity: Ok(CallerIdentity {
                account_id: "1".to_owned(),
                arn: "acs:ram::1:assumed-role/r/rulekeep".to_owned(),
                identity_type: "AssumedRoleUser".to_owned(),
                principal_id: None,
            }),
            regions: vec![RegionCheck {
                region: RegionId::new("cn-hangzhou"),
                endpoint: "https://ecs-cn-hangzhou.aliyuncs.com".to_owned(),
                reads: Ok(vec![
                    Probed {
                        action: "DescribeSecurityGroups",
                        access: Access::Allowed,
                    },
                    Probed {
                        action: "DescribePrefixLists",
                        access: Access::Denied("Forbidden.RAM: no (request R)".to_owned()),
                    },
                    Probed {
                        action: "DescribePrefixListAttributes",
                        access: Access::NotAsked("no prefix list is there to ask about"),
                    },
                ]),
            }],
        };
        let check = |name: &str, outcome| AccountCheck {
            account: AccountName::new(name),
            outcome,
        };
        let checks = [
            check(
                "demo",
                Outcome::Embedded {
                    state: "demo.json".to_owned(),
                },
            ),
            check(
                "bad",
                Outcome::Failed("no credentials:\n  - none".to_owned()),
            ),
            check("prod", Outcome::Found(Box::new(found))),
        ];
        let style = TextStyle {
            width: 100,
            colour: false,
            verbose: false,
        };
        let now = "2026-01-02T03:04:05Z".parse().unwrap();
        assert_data_eq!(
            text(&checks, now, &style),
            str![[r#"
demo  ok
  source     the embedded cloud in demo.json, which needs no credentials

bad  not ok
  error      no credentials:
               - none

prod  not ok
  source     profile `prod` of ~/.aliyun/config.json (AK), then role acs:ram::1:role/r
             does not work, passed over: OIDC role: the token file /t does not exist
  identity   acs:ram::1:assumed-role/r/rulekeep (AssumedRoleUser)
  account    1
  key        STS.N1
  expires    2026-01-02T04:04:05Z, in 1 h 0 min
  region     cn-hangzhou at https://ecs-cn-hangzhou.aliyuncs.com
             allowed    ecs:DescribeSecurityGroups
             refused    ecs:DescribePrefixLists  Forbidden.RAM: no (request R)
             not asked  ecs:DescribePrefixListAttributes  no prefix list is there to ask about
  writes     not tried: the API has no try without effect; `apply` needs
             ecs:AuthorizeSecurityGroup
             ecs:AuthorizeSecurityGroupEgress
             ecs:ModifySecurityGroupRule
             ecs:ModifySecurityGroupEgressRule
             ecs:RevokeSecurityGroup
             ecs:RevokeSecurityGroupEgress

"#]]
            .raw()
        );
    }
}
