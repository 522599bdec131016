//! The parameters of requests: the model in the names that the actions take.

use super::rule::{NO_PORTS, permission, port_range, protocol_name};
use crate::{
    desired::Selector,
    model::{
        Cidr, Direction, GroupId, GroupKind, Network, NicType, ObservedRule, Peer, Policy,
        PortListId, PortSet, PrefixListId, Priority, RegionId, Rule,
    },
    provider::{BATCH, GroupFilter, NewGroup, RuleAction, RuleCall},
};

/// Parameters of a request by name, without region and without what signing adds.
pub type Params = Vec<(String, String)>;

/// What to call and with what.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    /// Name of the action.
    pub action: &'static str,
    /// Its parameters.
    pub params: Params,
}

impl Request {
    fn new(action: &'static str, region: &RegionId) -> Self {
        Self {
            action,
            params: Vec::new(),
        }
        .with("RegionId", region.as_str())
    }

    fn with(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.params.push((name.into(), value.into()));
        self
    }

    fn with_list<'a>(mut self, name: &str, values: impl IntoIterator<Item = &'a str>) -> Self {
        for (index, value) in (1..).zip(values) {
            self = self.with(format!("{name}.{index}"), value);
        }
        self
    }

    /// The same request for another page.
    pub fn page(&self, token: &str) -> Self {
        self.clone().with("NextToken", token)
    }
}

/// A read with one parameter besides the region.
pub fn read(action: &'static str, region: &RegionId, (name, value): (&str, &str)) -> Request {
    Request::new(action, region).with(name, value)
}

/// Why a call cannot be put into a request that means exactly what was asked.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RequestError {
    /// Priorities above 100 can be read, never written (AuthorizeSecurityGroup: 1 to 100).
    #[error("{rule}: priority {priority} cannot be sent; the cloud takes 1 to 100")]
    Priority {
        /// The rule.
        rule: String,
        /// Its priority.
        priority: u8,
    },
    /// A rule of the other direction in the call.
    #[error("{rule}: the call is for {direction} rules")]
    Direction {
        /// The rule.
        rule: String,
        /// Direction of the call.
        direction: Direction,
    },
    /// None, or too many.
    #[error("{0} rules in one call; the cloud takes 1 to {BATCH}")]
    Count(usize),
    /// Owners of peer groups are account numbers.
    #[error("{rule}: `{owner}` is no account number")]
    Owner {
        /// The rule.
        rule: String,
        /// The owner.
        owner: String,
    },
    /// A member that is left out of a modify call may be kept by the cloud.
    #[error("{rule}: {what} cannot be removed in place; delete the rule and add the new one")]
    Removal {
        /// The rule as it is.
        rule: String,
        /// What would be removed.
        what: &'static str,
    },
    /// ModifySecurityGroupRule without an id changes the description alone.
    #[error(
        "{0}: the cloud gave no id for it, so that only its description can be changed in place"
    )]
    NoId(String),
}

/// DescribeSecurityGroups by ids, at most 100.
pub fn groups_by_id<'a>(region: &RegionId, ids: impl IntoIterator<Item = &'a GroupId>) -> Request {
    let ids: Vec<&str> = ids.into_iter().map(GroupId::as_str).collect();
    let ids = serde_json::Value::from(ids).to_string();
    groups(region).with("SecurityGroupIds", ids)
}

/// DescribeSecurityGroups by name.
pub fn groups_by_name(region: &RegionId, selector: &Selector) -> Request {
    match selector {
        Selector::Id(id) => groups_by_id(region, [id]),
        Selector::Name { name, vpc } => {
            let request = groups(region).with("SecurityGroupName", name.as_str());
            match vpc {
                Some(vpc) => request.with("VpcId", vpc.as_str()),
                None => request,
            }
        }
    }
}

/// DescribeSecurityGroups of everything in a region.
pub fn groups(region: &RegionId) -> Request {
    Request::new("DescribeSecurityGroups", region).with("MaxResults", "100")
}

/// DescribeSecurityGroups of what a filter admits in a region.
pub fn groups_by_filter(region: &RegionId, filter: &GroupFilter) -> Request {
    let mut request = groups(region);
    if let Some(vpc) = &filter.vpc {
        request = request.with("VpcId", vpc.as_str());
    }
    for (index, (key, value)) in (1..).zip(&filter.tags) {
        request = request.with(format!("Tag.{index}.Key"), key);
        if let Some(value) = value {
            request = request.with(format!("Tag.{index}.Value"), value);
        }
    }
    request
}

/// CreateSecurityGroup.
pub fn create_group(region: &RegionId, group: &NewGroup, token: &str) -> Request {
    let NewGroup {
        name,
        description,
        network,
        kind,
        tags,
    } = group;
    let mut request = Request::new("CreateSecurityGroup", region)
        .with("SecurityGroupName", name.as_str())
        .with(
            "SecurityGroupType",
            match kind {
                GroupKind::Basic => "normal",
                GroupKind::Advanced => "enterprise",
            },
        )
        .with("ClientToken", token);
    if !description.is_empty() {
        request = request.with("Description", &**description);
    }
    if let Network::Vpc(vpc) = network {
        request = request.with("VpcId", vpc.as_str());
    }
    for (index, (key, value)) in (1..).zip(tags) {
        request = request
            .with(format!("Tag.{index}.Key"), &**key)
            .with(format!("Tag.{index}.Value"), &**value);
    }
    request
}

/// The action of [`rules`].
pub const READ_RULES: &str = "DescribeSecurityGroupAttribute";

/// DescribeSecurityGroupAttribute: the rules of a group on one network interface.
pub fn rules(region: &RegionId, group: &GroupId, nic: NicType) -> Request {
    Request::new(READ_RULES, region)
        .with("SecurityGroupId", group.as_str())
        .with("Direction", "all")
        .with("NicType", nic.to_string())
        .with("MaxResults", "1000")
}

/// DescribePrefixListAttributes.
pub fn prefix_list(region: &RegionId, list: &PrefixListId) -> Request {
    Request::new("DescribePrefixListAttributes", region).with("PrefixListId", list.as_str())
}

/// DescribePortRangeLists by ids, up to [`PORT_LISTS_PER_CALL`].
pub fn port_lists(region: &RegionId, ids: &[&PortListId]) -> Request {
    Request::new("DescribePortRangeLists", region)
        .with_list("PortRangeListId", ids.iter().map(|id| id.as_str()))
        .with("MaxResults", "100")
}

/// Most ids in one DescribePortRangeLists call.
pub const PORT_LISTS_PER_CALL: usize = 100;

/// DescribePortRangeListEntries.
pub fn port_list_entries(region: &RegionId, list: &PortListId) -> Request {
    Request::new("DescribePortRangeListEntries", region).with("PortRangeListId", list.as_str())
}

/// A call that changes rules.
pub fn change(region: &RegionId, call: &RuleCall, token: &str) -> Result<Request, RequestError> {
    let RuleCall {
        group,
        direction,
        action,
    } = call;
    let name = match (action, direction) {
        (RuleAction::Authorize(_), Direction::Ingress) => "AuthorizeSecurityGroup",
        (RuleAction::Authorize(_), Direction::Egress) => "AuthorizeSecurityGroupEgress",
        (RuleAction::Revoke(_), Direction::Ingress) => "RevokeSecurityGroup",
        (RuleAction::Revoke(_), Direction::Egress) => "RevokeSecurityGroupEgress",
        (RuleAction::Modify { .. }, Direction::Ingress) => "ModifySecurityGroupRule",
        (RuleAction::Modify { .. }, Direction::Egress) => "ModifySecurityGroupEgressRule",
    };
    let request = Request::new(name, region)
        .with("SecurityGroupId", group.as_str())
        .with("ClientToken", token);
    let same_direction = |rule: &Rule| {
        if rule.direction == *direction {
            return Ok(());
        }
        Err(RequestError::Direction {
            rule: rule.to_string(),
            direction: *direction,
        })
    };
    match action {
        RuleAction::Authorize(rules) => {
            count(rules.len())?;
            rules.iter().try_for_each(same_direction)?;
            permissions(request, rules.iter().map(members))
        }
        RuleAction::Revoke(rules) => {
            count(rules.len())?;
            rules
                .iter()
                .map(|seen| &seen.rule)
                .try_for_each(same_direction)?;
            let ids: Option<Vec<&str>> = rules
                .iter()
                .map(|seen| seen.id.as_ref().map(|id| id.as_str()))
                .collect();
            match ids {
                Some(ids) => Ok(request.with_list("SecurityGroupRuleId", ids)),
                // Ids and attributes cannot be mixed in one call.
                None => permissions(request, rules.iter().map(revoked_members)),
            }
        }
        RuleAction::Modify { from, to } => {
            same_direction(&from.rule)?;
            same_direction(to)?;
            modify(request, from, to)
        }
    }
}

fn count(rules: usize) -> Result<(), RequestError> {
    if (1..=BATCH).contains(&rules) {
        Ok(())
    } else {
        Err(RequestError::Count(rules))
    }
}

type Members = Vec<(&'static str, String)>;

fn permissions(
    mut request: Request,
    rules: impl Iterator<Item = Result<Members, RequestError>>,
) -> Result<Request, RequestError> {
    for (index, members) in (1..).zip(rules) {
        for (name, value) in members? {
            request = request.with(format!("Permissions.{index}.{name}"), value);
        }
    }
    Ok(request)
}

/// Always the complete rule: whether a member that is left out keeps its value is not documented.
fn modify(request: Request, from: &ObservedRule, to: &Rule) -> Result<Request, RequestError> {
    let old = &from.rule;
    let sources = |rule: &Rule| rule.protocol.ports().and_then(|ports| ports.source);
    let ported = old.protocol.ports().is_some() && to.protocol.ports().is_some();
    for (gone, what) in [
        (
            old.description.is_some() && to.description.is_none(),
            "the description",
        ),
        (
            old.local.is_some() && to.local.is_none(),
            "the local address",
        ),
        (
            ported && sources(old).is_some() && sources(to).is_none(),
            "the source ports",
        ),
    ] {
        if gone {
            return Err(RequestError::Removal {
                rule: old.to_string(),
                what,
            });
        }
    }
    let mut request = match &from.id {
        Some(id) => request.with("SecurityGroupRuleId", id.as_str()),
        None if old.is_same_rule(to) => request,
        None => return Err(RequestError::NoId(old.to_string())),
    };
    for (name, value) in members(to)? {
        request = request.with(name, value);
    }
    Ok(request)
}

/// The members of a rule that is to be written: a priority above 100 cannot be.
fn members(rule: &Rule) -> Result<Members, RequestError> {
    Priority::new(rule.priority.get().into()).map_err(|_| RequestError::Priority {
        rule: rule.to_string(),
        priority: rule.priority.get(),
    })?;
    members_as_read(rule)
}

/// Every member of a rule that makes it what it is, so that no default of the cloud can apply.
fn members_as_read(rule: &Rule) -> Result<Members, RequestError> {
    let Rule {
        direction,
        nic,
        priority,
        policy,
        protocol,
        peer,
        local,
        description,
        peer_owner,
    } = rule;
    let names = Names::of(*direction);
    let mut members: Members = vec![("IpProtocol", protocol_name(protocol))];
    match protocol.ports() {
        None => members.push(("PortRange", NO_PORTS.to_owned())),
        Some(ports) => {
            // Where both are given, PortRange wins over PortRangeListId.
            members.push(match &ports.destination {
                PortSet::Range(range) => ("PortRange", port_range(*range)),
                PortSet::List(list) => ("PortRangeListId", list.to_string()),
            });
            if let Some(source) = ports.source {
                members.push(("SourcePortRange", port_range(source)));
            }
        }
    }
    match peer {
        Peer::Cidr(cidr) => members.push((names.cidr(*cidr), cidr.to_string())),
        Peer::Group(group) => {
            members.push((names.group, group.to_string()));
            if let Some(owner) = peer_owner {
                let owner = owner.as_str();
                if owner.is_empty() || !owner.bytes().all(|byte| byte.is_ascii_digit()) {
                    return Err(RequestError::Owner {
                        rule: rule.to_string(),
                        owner: owner.to_owned(),
                    });
                }
                members.push((names.owner, owner.to_owned()));
            }
        }
        Peer::PrefixList(list) => members.push((names.list, list.to_string())),
    }
    if let Some(local) = local {
        members.push((
            Names::of(opposite(*direction)).cidr(*local),
            local.to_string(),
        ));
    }
    members.push(("Policy", policy_name(*policy).to_owned()));
    members.push(("Priority", priority.to_string()));
    members.push(("NicType", nic.to_string()));
    if let Some(description) = description.as_deref().filter(|text| !text.is_empty()) {
        members.push(("Description", description.to_owned()));
    }
    Ok(members)
}

/// What a rule without an id is found by: its members, addresses as the cloud wrote them. The description is not
/// looked at.
fn revoked_members(seen: &ObservedRule) -> Result<Members, RequestError> {
    let written = permission(seen);
    let mut members = members_as_read(&seen.rule)?;
    members.retain(|(name, _)| *name != "Description");
    for (name, value) in &mut members {
        let verbatim = match *name {
            "SourceCidrIp" => &written.source_cidr_ip,
            "Ipv6SourceCidrIp" => &written.ipv6_source_cidr_ip,
            "DestCidrIp" => &written.dest_cidr_ip,
            "Ipv6DestCidrIp" => &written.ipv6_dest_cidr_ip,
            _ => continue,
        };
        value.clone_from(verbatim);
    }
    Ok(members)
}

fn policy_name(policy: Policy) -> &'static str {
    match policy {
        Policy::Accept => "accept",
        Policy::Drop => "drop",
    }
}

fn opposite(direction: Direction) -> Direction {
    match direction {
        Direction::Ingress => Direction::Egress,
        Direction::Egress => Direction::Ingress,
    }
}

/// The names of the peer's parameters: the source in ingress, the destination in egress.
struct Names {
    cidr4: &'static str,
    cidr6: &'static str,
    group: &'static str,
    owner: &'static str,
    list: &'static str,
}

impl Names {
    fn of(direction: Direction) -> Self {
        match direction {
            Direction::Ingress => Self {
                cidr4: "SourceCidrIp",
                cidr6: "Ipv6SourceCidrIp",
                group: "SourceGroupId",
                owner: "SourceGroupOwnerId",
                list: "SourcePrefixListId",
            },
            Direction::Egress => Self {
                cidr4: "DestCidrIp",
                cidr6: "Ipv6DestCidrIp",
                group: "DestGroupId",
                owner: "DestGroupOwnerId",
                list: "DestPrefixListId",
            },
        }
    }

    fn cidr(&self, cidr: Cidr) -> &'static str {
        if cidr.is_ipv6() {
            self.cidr6
        } else {
            self.cidr4
        }
    }
}
