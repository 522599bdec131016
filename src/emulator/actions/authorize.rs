//! AuthorizeSecurityGroup and AuthorizeSecurityGroupEgress: add rules; one that exists is not added again.

use std::collections::HashSet;

use super::{
    Ctx,
    rules::{group, group_mut, parsed, within_limits, writable},
};
use crate::{
    emulator::{
        answer::Answer,
        error::ApiError,
        rule::{Purpose, Rule},
        store::{Account, new_id},
    },
    model::Direction,
};

pub(super) fn ingress(ctx: &Ctx<'_>, account: &mut Account) -> Result<Answer, ApiError> {
    authorize(ctx, account, Direction::Ingress)
}

pub(super) fn egress(ctx: &Ctx<'_>, account: &mut Account) -> Result<Answer, ApiError> {
    authorize(ctx, account, Direction::Egress)
}

fn authorize(
    ctx: &Ctx<'_>,
    account: &mut Account,
    direction: Direction,
) -> Result<Answer, ApiError> {
    let group = group(ctx, account)?;
    writable(group)?;
    let with_priority = ctx.switches.identity_with_priority;
    let rules = parsed(ctx, account, group, direction, Purpose::Authorize)?;
    let existing: HashSet<_> = group
        .rules
        .iter()
        .map(|rule| rule.key(with_priority))
        .collect();
    let new: Vec<Rule> = rules
        .into_iter()
        .filter(|rule| !existing.contains(&rule.key(with_priority)))
        .collect();
    drop(existing);
    if new.is_empty() {
        return Ok(Answer::done());
    }
    within_limits(ctx, account, group, group.rules.iter().chain(&new))?;

    let id = group.id.clone();
    let now = ctx.now.as_second();
    let group = group_mut(account, &id);
    for rule in new {
        group.push(rule, new_id("sgr"), now);
    }
    Ok(Answer::done())
}
