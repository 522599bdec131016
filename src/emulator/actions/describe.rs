//! DescribeSecurityGroupAttribute: a group with its rules, page by page.

use serde::Serialize;
use serde_json::{Value, json};

use super::{Ctx, rules::group};
use crate::{
    emulator::{
        answer::Answer,
        error::{ApiError, bad},
        paging,
        rule::Rule,
        store::{Account, Group},
        switches::Switches,
    },
    model::{Direction, NicType},
    provider::alibaba::wire::Permission,
};

/// The answer, in the order in which it is written.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Attribute<'a> {
    request_id: &'a str,
    region_id: &'a str,
    security_group_id: &'a str,
    security_group_name: &'a str,
    description: &'a str,
    vpc_id: &'a str,
    inner_access_policy: &'a str,
    permissions: Permissions,
    next_token: String,
    snapshot_policy_ids: Value,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Permissions {
    permission: Vec<Permission>,
}

pub(super) fn attribute(ctx: &Ctx<'_>, account: &Account) -> Result<Answer, ApiError> {
    let invalid = || bad("InvalidParamter", "Invalid Parameter.");
    let group = group(ctx, account)?;
    let direction = match ctx.params.get("Direction") {
        None | Some("all") => None,
        Some("ingress") => Some(Direction::Ingress),
        Some("egress") => Some(Direction::Egress),
        Some(_) => return Err(invalid()),
    };
    let nic = nic(ctx, group)?;
    if ctx
        .params
        .get("Attribute")
        .is_some_and(|attribute| attribute != "snapshotPolicyIds")
    {
        return Err(bad(
            "InvalidParameter.AttributeNotSupported",
            "The specified value for parameter Attribute is not supported. Valid values: snapshotPolicyIds.",
        ));
    }
    let size = ctx
        .params
        .integer("MaxResults", 10..=1000, invalid)?
        .unwrap_or(ctx.switches.default_rule_page)
        .min(ctx.switches.largest_rule_page);
    let scope = format!(
        "rules/{}/{}/{}/{nic}",
        ctx.salt,
        group.id,
        direction.map_or_else(|| "all".into(), |direction| direction.to_string()),
    );
    let after = match ctx.params.get("NextToken") {
        None => None,
        Some(token) => Some(
            paging::read(token, &scope)
                .and_then(|after| after.parse::<u64>().ok())
                .ok_or_else(invalid)?,
        ),
    };

    let place = |rule: &Rule| {
        if ctx.switches.random_rule_order {
            scattered(rule.seq ^ ctx.switches.order_seed)
        } else {
            rule.seq
        }
    };
    let mut page: Vec<&Rule> = group
        .rules
        .iter()
        .filter(|rule| {
            rule.nic == nic
                && direction.is_none_or(|direction| rule.direction == direction)
                && after.is_none_or(|after| place(rule) > after)
        })
        .collect();
    if ctx.switches.random_rule_order {
        page.sort_unstable_by_key(|rule| place(rule));
    }
    let more = page.len() > size;
    page.truncate(size);
    let next_token = match page.last() {
        Some(last) if more => paging::token(&scope, &place(last).to_string()),
        _ => String::new(),
    };

    let answer = Attribute {
        request_id: ctx.request_id,
        region_id: &group.region,
        security_group_id: &group.id,
        security_group_name: &group.name,
        description: &group.description,
        vpc_id: group.vpc.as_deref().unwrap_or_default(),
        inner_access_policy: if group.inner_accept { "Accept" } else { "Drop" },
        permissions: Permissions {
            permission: page
                .iter()
                .map(|rule| rule.permission(account, ctx.switches.normalise_cidrs))
                .collect(),
        },
        next_token,
        snapshot_policy_ids: json!({"SnapshotPolicyId": []}),
    };
    let bytes = if ctx.switches.priority_as_string || ctx.switches.missing_members {
        serde_json::to_value(&answer)
            .map(|value| as_older(value, ctx.switches).to_string().into_bytes())
    } else {
        serde_json::to_vec(&answer)
    };
    Ok(Answer::Json(
        bytes.expect("an answer has nothing that JSON cannot write"),
    ))
}

/// In a VPC always intranet; in the classic network one of two sets of rules.
fn nic(ctx: &Ctx<'_>, group: &Group) -> Result<NicType, ApiError> {
    let given = match ctx.params.get("NicType") {
        None | Some("internet") => NicType::Internet,
        Some("intranet") => NicType::Intranet,
        Some(_) => {
            return Err(bad(
                "InvalidNicType.ValueNotSupported",
                "The specified NicType does not exist.",
            ));
        }
    };
    Ok(if group.vpc.is_some() {
        NicType::Intranet
    } else {
        given
    })
}

/// Another order for the same numbers: every number becomes one other (the finalizer of SplitMix64).
fn scattered(number: u64) -> u64 {
    let number = (number ^ (number >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let number = (number ^ (number >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    number ^ (number >> 31)
}

/// The answer with priorities as text or without the members that do not apply.
fn as_older(mut answer: Value, switches: &Switches) -> Value {
    let rules = answer
        .pointer_mut("/Permissions/Permission")
        .and_then(Value::as_array_mut)
        .into_iter()
        .flatten();
    for rule in rules {
        if switches.priority_as_string
            && let Some(number) = rule["Priority"].as_u64()
        {
            rule["Priority"] = number.to_string().into();
        }
        if switches.missing_members
            && let Some(members) = rule.as_object_mut()
        {
            members.retain(|_, value| value.as_str() != Some(""));
        }
    }
    if switches.missing_members
        && let Some(members) = answer.as_object_mut()
    {
        members.retain(|name, value| name != "NextToken" || value.as_str() != Some(""));
    }
    answer
}
