//! DescribeSecurityGroupReferences: who names a group in its rules.

use serde_json::{Value, json};

use super::{Ctx, rules::well_formed};
use crate::emulator::{
    answer::Answer,
    error::{ApiError, absent, bad},
    store::Account,
};

/// Most groups in one call, and most entries in one answer.
const MOST: (usize, usize) = (10, 100);

pub(super) fn describe(ctx: &Ctx<'_>, account: &Account) -> Result<Answer, ApiError> {
    let malformed = || {
        bad(
            "InvalidSecurityGroupId.Malformed",
            "The specified parameter SecurityGroupId is essential and size should less than 10",
        )
    };
    let ids = ctx
        .params
        .list("SecurityGroupId", MOST.0)
        .ok()
        .filter(|ids| !ids.is_empty() && ids.iter().all(|id| well_formed(id)))
        .ok_or_else(malformed)?;
    let mut left = MOST.1;
    let mut references = Vec::new();
    for id in ids {
        account
            .groups
            .get(id)
            .filter(|group| *group.region == *ctx.region)
            .ok_or_else(|| {
                absent(
                    "InvalidSecurityGroupId.NotFound",
                    "The SecurityGroupId provided does not exist in our records.",
                )
            })?;
        let referencing: Vec<Value> = ctx
            .accounts
            .values()
            .flat_map(|other| {
                let groups = other.referencing(id, &account.owner);
                groups.map(|group| json!({"SecurityGroupId": group, "AliUid": other.owner}))
            })
            .take(left)
            .collect();
        left -= referencing.len();
        if !referencing.is_empty() {
            references.push(json!({
                "SecurityGroupId": id,
                "ReferencingSecurityGroups": {"ReferencingSecurityGroup": referencing},
            }));
        }
    }
    Ok(Answer::of(json!({
        "SecurityGroupReferences": {"SecurityGroupReference": references},
    })))
}
