//! What the actions on rules have in common: the group they name, the rules they are given, and whether a rule may be there.

use std::{collections::BTreeMap, sync::Arc};

use super::Ctx;
use crate::{
    emulator::{
        error::{ApiError, absent, bad, forbidden},
        params::{MAX_ITEMS, Params},
        rule::{Members, Peer, Place, Ports, Protocol, Purpose, Rule, parse, peer_members},
        store::{Account, Group},
    },
    model::{Direction, Policy},
};

/// Most rules of a basic group whose peer is a group.
const GROUP_RULES: usize = 20;

/// Most groups whose rules name one prefix list.
const GROUPS_OF_LIST: usize = 1000;

/// Members of a rule that may stand outside an array.
const FLAT: [&str; 12] = [
    "IpProtocol",
    "PortRange",
    "SourcePortRange",
    "Policy",
    "Priority",
    "NicType",
    "Description",
    "SourceCidrIp",
    "Ipv6SourceCidrIp",
    "DestCidrIp",
    "Ipv6DestCidrIp",
    "PortRangeListId",
];

/// Rules, ids or entries that a request names; for the call log.
pub(in crate::emulator) fn requested_items(params: &Params) -> usize {
    let listed: usize = [
        "Permissions",
        "SecurityGroupRuleId",
        "Entry",
        "AddEntry",
        "RemoveEntry",
    ]
    .iter()
    .map(|name| params.rough_count(name))
    .sum();
    let flat = params.get("IpProtocol").is_some() || params.get("SecurityGroupRuleId").is_some();
    listed.max(usize::from(flat))
}

/// The group that `SecurityGroupId` names, in the region of the call.
pub(super) fn group<'a>(ctx: &Ctx<'_>, account: &'a Account) -> Result<&'a Arc<Group>, ApiError> {
    let id = ctx
        .params
        .get("SecurityGroupId")
        .filter(|id| well_formed(id))
        .ok_or_else(|| {
            bad(
                "InvalidSecurityGroupId.Malformed",
                "The specified parameter SecurityGroupId is not valid.",
            )
        })?;
    account
        .groups
        .get(id)
        .filter(|group| *group.region == *ctx.region)
        .ok_or_else(|| {
            absent(
                "InvalidSecurityGroupId.NotFound",
                "The specified SecurityGroupId does not exist.",
            )
        })
}

/// Letters, digits, `_` and `-`, at most 100.
pub(super) fn well_formed(id: &str) -> bool {
    id.len() <= 100
        && id
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-')
}

/// Refuses to change what a cloud service manages.
pub(super) fn writable(group: &Group) -> Result<(), ApiError> {
    if group.service_managed {
        return Err(forbidden(
            "InvalidOperation.ResourceManagedByCloudProduct",
            format!(
                "The security group {} is managed by a cloud product and cannot be operated.",
                group.id
            ),
        ));
    }
    Ok(())
}

/// Where rules of the group stand.
pub(super) fn place<'a>(group: &'a Group, account: &'a Account, direction: Direction) -> Place<'a> {
    Place {
        direction,
        region: &group.region,
        owner: &account.owner,
        classic: group.vpc.is_none(),
    }
}

/// Whether a member of a rule stands outside an array.
pub(super) fn has_flat(params: &Params, direction: Direction) -> bool {
    FLAT.iter()
        .chain(&peer_members(direction))
        .any(|name| params.get(name).is_some())
}

/// The rule that stands outside an array. Only modify calls know port lists there.
pub(super) fn flat(params: &Params, direction: Direction, port_list: bool) -> Members {
    let values: BTreeMap<String, String> = FLAT
        .iter()
        .chain(&peer_members(direction))
        .filter(|name| port_list || **name != "PortRangeListId")
        .filter_map(|name| Some(((*name).to_owned(), params.get(name)?.to_owned())))
        .collect();
    Members {
        label: String::new(),
        values,
    }
}

/// The rules of an authorize or revoke call: from the array, or the one outside it.
pub(super) fn given(params: &Params, direction: Direction) -> Result<Vec<Members>, ApiError> {
    let count = params.count("Permissions", MAX_ITEMS)?;
    if count == 0 {
        return Ok(vec![flat(params, direction, false)]);
    }
    if has_flat(params, direction) {
        return Err(bad(
            "InvalidParam.Permissions",
            "The specified parameter Permissions cannot coexist with other parameters.",
        ));
    }
    Ok((1..=count)
        .map(|index| Members {
            label: format!("Permissions.{index}."),
            values: params.object("Permissions", index),
        })
        .collect())
}

/// Parses the rules of a call; two of them must not be the same.
pub(super) fn parsed(
    ctx: &Ctx<'_>,
    account: &Account,
    group: &Group,
    direction: Direction,
    purpose: Purpose,
) -> Result<Vec<Rule>, ApiError> {
    let mut rules = Vec::new();
    for members in given(ctx.params, direction)? {
        let rule = parse(&members, place(group, account, direction), purpose)?;
        admissible(ctx, account, group, &rule, purpose)?;
        rules.push(rule);
    }
    let keys: std::collections::HashSet<_> = rules
        .iter()
        .map(|rule| rule.key(ctx.switches.identity_with_priority))
        .collect();
    if keys.len() < rules.len() {
        return Err(bad(
            "InvalidParam.DuplicatePermissions",
            "There are duplicate permissions in the specified parameter Permissions.",
        ));
    }
    Ok(rules)
}

/// Whether what the rule names exists and goes together with the group.
pub(super) fn admissible(
    ctx: &Ctx<'_>,
    account: &Account,
    group: &Group,
    rule: &Rule,
    purpose: Purpose,
) -> Result<(), ApiError> {
    let denied = || {
        bad(
            "InvalidGroupParameter.OperationDenied",
            "The attributes Policy, SourceGroupId, DestGroupId of enterprise level security groups are not allowed to be set or modified.",
        )
    };
    if group.advanced
        && purpose != Purpose::Revoke
        && (rule.is_group_rule()
            || (rule.policy == Policy::Drop && !ctx.switches.drop_in_advanced_groups))
    {
        return Err(denied());
    }
    match &rule.peer {
        Peer::Group { id, owner: None } => peer_group(ctx, account, group, rule, id, purpose)?,
        Peer::PrefixList(id) => {
            let list = account
                .prefix_lists
                .get(id)
                .filter(|list| list.region == group.region)
                .ok_or_else(|| {
                    absent(
                        "InvalidPrefixListId.NotFound",
                        "The specified prefix list was not found.",
                    )
                })?;
            let fits = match rule.protocol {
                Protocol::Icmp => !list.ipv6,
                Protocol::Icmpv6 => list.ipv6,
                _ => true,
            } && rule.local.is_none_or(|local| local.is_ipv6() == list.ipv6);
            if purpose == Purpose::Authorize && crowded(account, group, id) {
                return Err(forbidden(
                    "LimitExceed.PrefixListAssociationResource",
                    "The number of resources associated with the prefix list exceeds the limit.",
                ));
            }
            if !fits {
                return Err(bad(
                    "InvalidParam.PrefixListAddressFamilyMismatch",
                    match purpose {
                        Purpose::Modify => {
                            "The address family of the prefix list does not match the rule."
                        }
                        _ => {
                            "The address family of the specified prefix list does not match the specified CidrIp."
                        }
                    },
                ));
            }
        }
        // Accounts that are not emulated have every group.
        Peer::Group {
            id,
            owner: Some(owner),
        } => {
            let known = ctx.accounts.get(owner);
            let there = |account: &Account| {
                let peer = account.groups.get(id);
                peer.is_some_and(|peer| peer.region == group.region)
            };
            if known.is_some_and(|account| !there(account)) && purpose != Purpose::Revoke {
                return Err(unknown_peer(rule.direction));
            }
        }
        Peer::Address(_) => {}
    }
    if let Ports::List(id) = &rule.ports {
        account
            .port_lists
            .get(id)
            .filter(|list| list.region == group.region)
            .ok_or_else(|| {
                bad(
                    "InvalidPortRangeListId.NotFound",
                    "The specified port range list was not found.",
                )
            })?;
    }
    Ok(())
}

/// Whether a prefix list is in as many groups as it may be, and this one is not among them.
fn crowded(account: &Account, group: &Group, list: &str) -> bool {
    let mut groups = 0;
    for id in account.associated(list) {
        if *id == *group.id {
            return false;
        }
        groups += 1;
    }
    groups >= GROUPS_OF_LIST
}

fn unknown_peer(direction: Direction) -> ApiError {
    let (code, name) = match direction {
        Direction::Ingress => ("InvalidSourceGroupId.NotFound", "SourceGroupId"),
        Direction::Egress => ("InvalidDestGroupId.NotFound", "DestGroupId"),
    };
    absent(
        code,
        format!("The {name} provided does not exist in our records."),
    )
}

/// Whether the group may be the peer of a rule.
fn peer_group(
    ctx: &Ctx<'_>,
    account: &Account,
    group: &Group,
    rule: &Rule,
    id: &str,
    purpose: Purpose,
) -> Result<(), ApiError> {
    let ingress = rule.direction == Direction::Ingress;
    let side = |source: &'static str, dest: &'static str| if ingress { source } else { dest };
    if *id == *group.id {
        let status = match purpose {
            Purpose::Revoke => 400,
            _ => 403,
        };
        return Err(if ingress {
            ApiError::new(
                status,
                "InvalidParamter.Conflict",
                "The specified SecurityGroupId should be different from the SourceGroupId.",
            )
        } else {
            forbidden(
                "InvalidSecurityGroup.IsSame",
                "The authorized SecurityGroupId should be different from the DestGroupId.",
            )
        });
    }
    let peer = account
        .groups
        .get(id)
        .filter(|peer| peer.region == group.region)
        .ok_or_else(|| unknown_peer(rule.direction))?;
    if purpose == Purpose::Revoke {
        return Ok(());
    }
    if peer.advanced {
        return Err(bad(
            "InvalidGroupAuthParameter.OperationDenied",
            "The security group can not authorize to enterprise level security group.",
        ));
    }
    if peer.vpc.is_some() != group.vpc.is_some() {
        return Err(forbidden(
            if purpose == Purpose::Modify && ingress {
                "InvalidNetworkType.Mismatch"
            } else {
                "InvalidNetworkType.Conflict"
            },
            "The specified SecurityGroup network type should be same with SourceGroup network type (vpc or classic).",
        ));
    }
    if peer.vpc != group.vpc && ctx.switches.same_vpc {
        return Err(bad(
            side(
                "InvalidSourceGroupId.Mismatch",
                "InvalidDestGroupId.Mismatch",
            ),
            format!(
                "Specified security group and {} group are not in the same VPC.",
                side("source", "destination")
            ),
        ));
    }
    Ok(())
}

/// Whether the group may hold these rules, as far as numbers go.
pub(super) fn within_limits<'r>(
    ctx: &Ctx<'_>,
    account: &Account,
    group: &Group,
    rules: impl Iterator<Item = &'r Rule> + Clone,
) -> Result<(), ApiError> {
    if rules.clone().filter(|rule| rule.is_group_rule()).count() > GROUP_RULES {
        return Err(bad(
            "AuthorizedGroupRule.LimitExceed",
            "You have reached the limit on the number of group authorization rules that you can add to a security group.When authorization object of rule is security group, the limit is 20.",
        ));
    }
    let weight: usize = rules.map(|rule| rule.weight(account)).sum();
    // What the other groups of an interface leave.
    let crowded = account.members(&group.id).any(|(_, groups)| {
        let others = groups.iter().filter(|id| **id != group.id);
        let taken: usize = others
            .filter_map(|id| account.groups.get(id))
            .map(|other| other.weight(account))
            .sum();
        taken + weight > ctx.switches.rules_per_interface
    });
    if weight > ctx.switches.rules_per_group || crowded {
        return Err(forbidden(
            "AuthorizationLimitExceed",
            "The limit of authorization records in the security group reaches.",
        ));
    }
    Ok(())
}

/// The group to change; it was found before.
pub(super) fn group_mut<'a>(account: &'a mut Account, id: &str) -> &'a mut Group {
    let group = account
        .groups
        .get_mut(id)
        .expect("the group was found under the same lock");
    Arc::make_mut(group)
}
