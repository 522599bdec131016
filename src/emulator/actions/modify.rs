//! ModifySecurityGroupRule and ModifySecurityGroupEgressRule: change one rule in place; its id stays.

use super::{
    Ctx,
    rules::{admissible, flat, group, group_mut, place, within_limits, writable},
};
use crate::{
    emulator::{
        answer::Answer,
        error::{ApiError, absent, bad},
        rule::{Members, PeerKind, Ports, Purpose, Rule, parse, peer_members, text_members},
        store::{Account, Group},
    },
    model::Direction,
};

pub(super) fn ingress(ctx: &Ctx<'_>, account: &mut Account) -> Result<Answer, ApiError> {
    modify(ctx, account, Direction::Ingress)
}

pub(super) fn egress(ctx: &Ctx<'_>, account: &mut Account) -> Result<Answer, ApiError> {
    modify(ctx, account, Direction::Egress)
}

fn modify(ctx: &Ctx<'_>, account: &mut Account, direction: Direction) -> Result<Answer, ApiError> {
    let group = group(ctx, account)?;
    writable(group)?;
    let other_group = match direction {
        Direction::Ingress => "DestGroupId",
        Direction::Egress => "SourceGroupId",
    };
    if ctx.params.get(other_group).is_some() {
        return Err(wrong_direction());
    }
    let changed = match ctx.params.get("SecurityGroupRuleId") {
        Some(id) => by_id(ctx, account, group, direction, id)?,
        None => described(ctx, account, group, direction)?,
    };
    let id = group.id.clone();
    let group = group_mut(account, &id);
    let stored = group
        .rules
        .iter_mut()
        .find(|rule| rule.seq == changed.seq)
        .expect("the rule was found under the same lock");
    *stored = changed;
    Ok(Answer::done())
}

/// Without an id the rule is found by what it is, and only its description changes.
fn described(
    ctx: &Ctx<'_>,
    account: &Account,
    group: &Group,
    direction: Direction,
) -> Result<Rule, ApiError> {
    let with_priority = ctx.switches.identity_with_priority;
    let members = flat(ctx.params, direction, true);
    let wanted = parse(&members, place(group, account, direction), Purpose::Modify)?;
    let found = group
        .rules
        .iter()
        .find(|rule| rule.key(with_priority) == wanted.key(with_priority))
        .ok_or_else(|| {
            absent(
                "SecurityGroupRule.NotFound",
                match direction {
                    Direction::Ingress => "The target security group rule not exist.",
                    Direction::Egress => "The target security group rule do not exist.",
                },
            )
        })?;
    let mut changed = found.clone();
    if !wanted.description.is_empty() {
        changed.description = wanted.description;
    }
    Ok(changed)
}

/// With an id everything but the kinds of things may change; what is not given stays.
fn by_id(
    ctx: &Ctx<'_>,
    account: &Account,
    group: &Group,
    direction: Direction,
    id: &str,
) -> Result<Rule, ApiError> {
    let with_priority = ctx.switches.identity_with_priority;
    let old = group
        .rules
        .iter()
        .find(|rule| *rule.id == *id)
        .ok_or_else(|| {
            absent(
                "InvalidSecurityGroupRuleId.NotFound",
                "The specified SecurityGroupRuleId is not exists.",
            )
        })?;
    if old.direction != direction {
        return Err(wrong_direction());
    }
    let given = flat(ctx.params, direction, true);
    let mut members = merged(ctx, account, old, given)?;
    let purpose = Purpose::Modify;
    // A system-level priority may stay, but not be sent.
    let keeps_priority = ctx.params.get("Priority").is_none();
    if keeps_priority {
        members.values.remove("Priority");
    }
    let mut new = parse(&members, place(group, account, direction), purpose)?;
    if keeps_priority {
        new.priority = old.priority;
    }
    if new.nic != old.nic {
        return Err(bad(
            "InvalidOperation.ModifyNicType",
            "NicType is not allowed to modify.",
        ));
    }
    let emptied = (old.source_ports.is_some() && new.source_ports.is_none())
        || (old.local.is_some() && new.local.is_none());
    if emptied {
        return Err(illegal());
    }
    admissible(ctx, account, group, &new, purpose)?;
    let others = || group.rules.iter().filter(|rule| rule.seq != old.seq);
    if let Some(twin) = others().find(|rule| rule.key(with_priority) == new.key(with_priority)) {
        return Err(bad(
            "InvalidOperation.RuleDuplicate",
            format!("The rule is the same as the rule {}.", twin.id),
        ));
    }
    if new.weight(account) > old.weight(account) {
        within_limits(ctx, account, group, others().chain([&new]))?;
    }
    new.seq = old.seq;
    new.id = old.id.clone();
    new.created = old.created;
    Ok(new)
}

/// The members of the rule as it is, and over them what the call says.
fn merged(
    ctx: &Ctx<'_>,
    account: &Account,
    old: &Rule,
    given: Members,
) -> Result<Members, ApiError> {
    let mut values =
        text_members(old.members(account)).expect("a rule has members of text and numbers");
    // What answers show for protocols without ports; it would stand in the way of one with ports.
    if values
        .get("SourcePortRange")
        .is_some_and(|ports| ports == "-1/-1")
    {
        values.remove("SourcePortRange");
    }
    let emptied = values
        .keys()
        .any(|name| ctx.params.is_emptied(name) && !is_owner(name));
    if emptied {
        return Err(illegal());
    }
    ports_stay(&given, old)?;
    peer_stays(&given, old)?;
    // A local address of the other family would stand beside the old one; the call's word counts.
    let (local4, local6) = match old.direction {
        Direction::Ingress => ("DestCidrIp", "Ipv6DestCidrIp"),
        Direction::Egress => ("SourceCidrIp", "Ipv6SourceCidrIp"),
    };
    if given.values.contains_key(local4) || given.values.contains_key(local6) {
        values.remove(local4);
        values.remove(local6);
    }
    let [v4, v6, group, list, owner_id, owner_account] = peer_members(old.direction);
    if [v4, v6, group, list]
        .iter()
        .any(|name| given.values.contains_key(*name))
    {
        for name in [v4, v6, group, list, owner_id, owner_account] {
            values.remove(name);
        }
    }
    values.extend(given.values);
    Ok(Members {
        label: String::new(),
        values,
    })
}

fn is_owner(name: &str) -> bool {
    name.ends_with("GroupOwnerAccount") || name.ends_with("GroupOwnerId")
}

/// A rule keeps to a range or to a list.
fn ports_stay(given: &Members, old: &Rule) -> Result<(), ApiError> {
    let range = given.values.contains_key("PortRange");
    let list = given.values.contains_key("PortRangeListId") && !range;
    let has_list = matches!(old.ports, Ports::List(_));
    if (range && has_list) || (list && !has_list) {
        return Err(bad(
            "InvalidOperation.ModifyPortRangeType",
            "The PortRange type is not allowed to be modified. You cannot modify a rule from using the port list to not using it, and vice versa.",
        ));
    }
    Ok(())
}

/// A rule keeps its kind of peer.
fn peer_stays(given: &Members, old: &Rule) -> Result<(), ApiError> {
    let [v4, v6, group, list, ..] = peer_members(old.direction);
    let has = |name: &str| given.values.contains_key(name);
    let kind = match (has(v4), has(v6), has(group), has(list)) {
        // Both families: the parser has the code for it.
        (true, true, ..) | (false, false, false, false) => return Ok(()),
        (true, false, ..) => PeerKind::Ipv4,
        (false, true, ..) => PeerKind::Ipv6,
        (_, _, true, _) => PeerKind::Group,
        (_, _, _, true) => PeerKind::PrefixList,
    };
    if kind != old.peer.kind() {
        return Err(bad(
            "InvalidOperation.ModifySgRuleEntityType",
            "The source or destination type of the rules cannot be modified.",
        ));
    }
    Ok(())
}

fn wrong_direction() -> ApiError {
    bad(
        "InvalidSourceOrDestGroupId.DirectionMissmatch",
        "The specified SourceGroupId or DestGroupId does not match the direction of the rule.",
    )
}

fn illegal() -> ApiError {
    bad(
        "InvalidParam.InvalidModifyRuleRequest",
        "The request parameters are illegal.",
    )
}
