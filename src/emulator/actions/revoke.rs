//! RevokeSecurityGroup and RevokeSecurityGroupEgress: remove rules, by id or by what they are.

use std::collections::HashSet;

use super::{
    Ctx,
    rules::{group, group_mut, has_flat, parsed, writable},
};
use crate::{
    emulator::{
        answer::Answer,
        error::{ApiError, bad},
        params::MAX_ITEMS,
        rule::Purpose,
        store::{Account, Group},
    },
    model::Direction,
};

pub(super) fn ingress(ctx: &Ctx<'_>, account: &mut Account) -> Result<Answer, ApiError> {
    revoke(ctx, account, Direction::Ingress)
}

pub(super) fn egress(ctx: &Ctx<'_>, account: &mut Account) -> Result<Answer, ApiError> {
    revoke(ctx, account, Direction::Egress)
}

fn revoke(ctx: &Ctx<'_>, account: &mut Account, direction: Direction) -> Result<Answer, ApiError> {
    let group = group(ctx, account)?;
    writable(group)?;
    let ids = ctx.params.list("SecurityGroupRuleId", MAX_ITEMS)?;
    let gone = if ids.is_empty() {
        by_attributes(ctx, account, group, direction)?
    } else {
        by_ids(ctx, group, &ids, direction)?
    };
    if !gone.is_empty() {
        let id = group.id.clone();
        group_mut(account, &id)
            .rules
            .retain(|rule| !gone.contains(&rule.seq));
    }
    Ok(Answer::done())
}

/// Every id must be a rule of the group and of the direction, or nothing is done.
fn by_ids(
    ctx: &Ctx<'_>,
    group: &Group,
    ids: &[&str],
    direction: Direction,
) -> Result<HashSet<u64>, ApiError> {
    if ctx.params.rough_count("Permissions") > 0 {
        return Err(bad(
            "InvalidParam.Permissions",
            "The specified parameter Permissions cannot coexist with other parameters.",
        ));
    }
    let invalid = || {
        bad(
            "InvalidParam.SecurityGroupRuleId",
            "The specified parameter SecurityGroupRuleId is not valid.",
        )
    };
    if has_flat(ctx.params, direction) {
        return Err(invalid());
    }
    if ids.iter().collect::<HashSet<_>>().len() < ids.len() {
        return Err(bad(
            "InvalidParam.SecurityGroupRuleIdRepeated",
            "The specified parameter SecurityGroupRuleId is repeated.",
        ));
    }
    ids.iter()
        .map(|id| {
            group
                .rules
                .iter()
                .find(|rule| *rule.id == **id && rule.direction == direction)
                .map(|rule| rule.seq)
                .ok_or_else(invalid)
        })
        .collect()
}

/// What is not given has its default; there are no wildcards.
fn by_attributes(
    ctx: &Ctx<'_>,
    account: &Account,
    group: &Group,
    direction: Direction,
) -> Result<HashSet<u64>, ApiError> {
    let with_priority = ctx.switches.identity_with_priority;
    let wanted = parsed(ctx, account, group, direction, Purpose::Revoke)?;
    let mut gone = HashSet::new();
    for rule in &wanted {
        let key = rule.key(with_priority);
        match group
            .rules
            .iter()
            .find(|other| other.key(with_priority) == key)
        {
            Some(found) => {
                gone.insert(found.seq);
            }
            None if ctx.switches.lenient_revoke => {}
            None => {
                return Err(bad(
                    "InvalidSecurityGroupRule.RuleNotExist",
                    "The specified rule does not exist.",
                ));
            }
        }
    }
    Ok(gone)
}
