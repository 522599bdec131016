//! JoinSecurityGroup and LeaveSecurityGroup: which instances and network interfaces are in which groups. As any VPC does,
//! any `i-..` and `eni-..` exists.

use std::collections::BTreeSet;

use super::{
    Ctx,
    rules::{group, writable},
};
use crate::emulator::{
    answer::Answer,
    error::{ApiError, absent, bad, forbidden, missing_parameter},
    store::Account,
};

/// Most groups of one interface.
const GROUPS: usize = 10;

/// The instance or interface of the call.
fn member<'a>(ctx: &Ctx<'a>) -> Result<&'a str, ApiError> {
    match (
        ctx.params.get("InstanceId"),
        ctx.params.get("NetworkInterfaceId"),
    ) {
        (Some(_), Some(_)) => Err(bad(
            "InvalidParameter.Conflict",
            "InstanceId and NetworkInterfaceId cannot be specified at the same time.",
        )),
        (None, None) => Err(missing_parameter("InstanceId")),
        (Some(id), None) if id.starts_with("i-") => Ok(id),
        (None, Some(id)) if id.starts_with("eni-") => Ok(id),
        (Some(_), None) => Err(absent(
            "InvalidInstanceId.NotFound",
            "The InstanceId provided does not exist in our records.",
        )),
        (None, Some(_)) => Err(absent(
            "InvalidEniId.NotFound",
            "The specified NetworkInterfaceId does not exist in our records.",
        )),
    }
}

pub(super) fn join(ctx: &Ctx<'_>, account: &mut Account) -> Result<Answer, ApiError> {
    let member = member(ctx)?;
    let group = group(ctx, account)?;
    writable(group)?;
    let none = BTreeSet::new();
    let joined = account.interfaces.get(member).unwrap_or(&none);
    if joined.contains(&group.id) {
        return Err(forbidden(
            "InvalidInstanceId.AlreadyExists",
            "The specified instance already exists in the specified security group.",
        ));
    }
    let others = || joined.iter().filter_map(|id| account.groups.get(id));
    if others().any(|other| other.advanced != group.advanced) {
        return Err(bad(
            "InvalidOperation.MultiGroupType",
            "The specified instance cannot join different types of security group.",
        ));
    }
    if others().any(|other| other.vpc != group.vpc || other.region != group.region) {
        return Err(bad(
            "InvalidInstanceId.Mismatch",
            "Specified instance and security group are not in the same VPC.",
        ));
    }
    if joined.len() >= GROUPS {
        return Err(forbidden(
            "InstanceSecurityGroupLimitExceeded",
            "The maximum number of security groups of an instance is exceeded.",
        ));
    }
    let weight: usize = others()
        .chain([group])
        .map(|group| group.weight(account))
        .sum();
    if weight > ctx.switches.rules_per_interface {
        return Err(forbidden(
            "AclLimitExceed",
            "The maximum number of security group rules of an instance is exceeded.",
        ));
    }
    let id = group.id.clone();
    account
        .interfaces
        .entry(member.into())
        .or_default()
        .insert(id);
    Ok(Answer::done())
}

pub(super) fn leave(ctx: &Ctx<'_>, account: &mut Account) -> Result<Answer, ApiError> {
    let member = member(ctx)?;
    let group = group(ctx, account)?;
    writable(group)?;
    let id = group.id.clone();
    let absent = || {
        forbidden(
            "InstanceNotInSecurityGroup",
            "The instance not in the group.",
        )
    };
    let joined = account.interfaces.get_mut(member).ok_or_else(absent)?;
    if !joined.contains(&id) {
        return Err(absent());
    }
    if joined.len() == 1 {
        return Err(forbidden(
            "InstanceLastSecurityGroup",
            "The specified security group is the last security group for the instance.",
        ));
    }
    joined.remove(&id);
    Ok(Answer::done())
}
