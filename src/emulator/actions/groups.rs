//! Security groups themselves: create, list, change, delete.

use std::sync::Arc;

use serde_json::{Map, Value, json};

use super::{
    Ctx, lists,
    rules::{group, group_mut, well_formed, writable},
};
use crate::emulator::{
    answer::Answer,
    error::{ApiError, absent, bad, forbidden, invalid_parameter},
    paging,
    rule::time_text,
    store::{Account, Group, new_id},
};

/// Groups of a page when the call does not say.
const PAGE: usize = 10;

pub(super) fn describe(ctx: &Ctx<'_>, account: &Account) -> Result<Answer, ApiError> {
    let params = ctx.params;
    let numbered = params.get("PageNumber").is_some() || params.get("PageSize").is_some();
    if numbered && ctx.switches.refuse_page_numbers {
        return Err(bad(
            "NotSupported.PageNumberAndPageSize",
            "The parameters PageNumber and PageSize are currently not supported, please use NextToken and MaxResults instead.",
        ));
    }
    let number =
        |name: &str, most: usize| params.integer(name, 1..=most, || invalid_parameter(name));
    let with_token = params.get("MaxResults").is_some() || params.get("NextToken").is_some();
    let page_number = number("PageNumber", usize::MAX)?.unwrap_or(1);
    let page_size = number("PageSize", 50)?.unwrap_or(PAGE);
    let max_results = number("MaxResults", 100)?.unwrap_or(PAGE);
    let after = match params.get("NextToken") {
        None => None,
        Some(token) => Some(paging::read(token, "groups").ok_or_else(|| {
            bad(
                "InValidParameter.NextToken",
                "The parameter NextToken is invalid.",
            )
        })?),
    };
    let filter = Filter::read(ctx)?;
    if params.boolean("DryRun")? == Some(true) {
        return Err(bad(
            "DryRunOperation",
            "Request validation has been passed with DryRun flag set.",
        ));
    }

    let found: Vec<&Group> = filter
        .candidates(account)
        .filter(|group| filter.admits(ctx, group))
        .collect();
    let total = found.len();
    let (skipped, size) = if with_token {
        let skipped = match &after {
            Some(after) => found.partition_point(|group| *group.id >= **after),
            None => 0,
        };
        (skipped, max_results)
    } else {
        ((page_number - 1).saturating_mul(page_size), page_size)
    };
    let page: Vec<&Group> = found.iter().skip(skipped).take(size).copied().collect();
    let mut answer = Map::new();
    answer.insert("RegionId".into(), ctx.region.into());
    if !numbered || with_token {
        let next = match page.last() {
            Some(last) if skipped + page.len() < total => paging::token("groups", &last.id),
            _ => String::new(),
        };
        answer.insert("NextToken".into(), next.into());
    }
    if !with_token {
        answer.insert("TotalCount".into(), total.into());
        answer.insert("PageNumber".into(), page_number.into());
        answer.insert("PageSize".into(), page_size.into());
    }
    let groups: Vec<Value> = page.into_iter().map(shown).collect();
    answer.insert("SecurityGroups".into(), json!({"SecurityGroup": groups}));
    Ok(Answer::Members(answer))
}

/// What DescribeSecurityGroups asks for.
struct Filter<'a> {
    /// Ids, in descending order; `None` is every group.
    ids: Option<Vec<String>>,
    name: Option<&'a str>,
    vpc: Option<&'a str>,
    in_vpc: Option<bool>,
    advanced: Option<bool>,
    resource_group: Option<&'a str>,
    service_managed: Option<bool>,
    tags: Vec<(String, Option<String>)>,
}

impl<'a> Filter<'a> {
    fn read(ctx: &Ctx<'a>) -> Result<Self, ApiError> {
        let params = ctx.params;
        let malformed = || {
            bad(
                "InvalidSecurityGroupId.Malformed",
                "The specified parameter SecurityGroupId is not valid.",
            )
        };
        let mut ids = None;
        if let Some(text) = params.get("SecurityGroupIds") {
            let list: Vec<String> = serde_json::from_str(text).map_err(|_| malformed())?;
            if list.is_empty() || list.len() > 100 {
                return Err(malformed());
            }
            ids = Some(list);
        }
        if let Some(id) = params.get("SecurityGroupId") {
            let one = id.to_owned();
            ids = Some(match ids {
                Some(list) => list.into_iter().filter(|other| *other == one).collect(),
                None => vec![one],
            });
        }
        if let Some(ids) = &mut ids {
            if !ids.iter().all(|id| well_formed(id)) {
                return Err(malformed());
            }
            ids.sort_unstable_by(|a, b| b.cmp(a));
            ids.dedup();
        }
        let either =
            |name: &str, no: &str, yes: &str, refusal: fn() -> ApiError| match params.get(name) {
                None => Ok(None),
                Some(text) if text == no => Ok(Some(false)),
                Some(text) if text == yes => Ok(Some(true)),
                Some(_) => Err(refusal()),
            };
        if params
            .get("SecurityGroupName")
            .is_some_and(|name| !lists::is_name(name))
        {
            return Err(bad(
                "InvalidSecurityGroupName.Malformed",
                "The specified parameter SecurityGroupName is not valid.",
            ));
        }
        let tags = (1..=params.count("Tag", 20)?)
            .map(|n| {
                let tag = params.object("Tag", n);
                let key = tag.get("Key").or_else(|| tag.get("key"));
                let value = tag.get("Value").or_else(|| tag.get("value"));
                let key = key.ok_or_else(|| invalid_parameter("Tag"))?;
                Ok((key.clone(), value.cloned()))
            })
            .collect::<Result<_, ApiError>>()?;
        Ok(Self {
            ids,
            name: params.get("SecurityGroupName"),
            vpc: params.get("VpcId"),
            in_vpc: either("NetworkType", "classic", "vpc", || {
                invalid_parameter("NetworkType")
            })?,
            advanced: either("SecurityGroupType", "normal", "enterprise", || {
                bad(
                    "InvalidParameter.SecurityGroupType",
                    "The specified SecurityGroupType is not valid.",
                )
            })?,
            resource_group: params.get("ResourceGroupId"),
            service_managed: params.boolean("ServiceManaged")?,
            tags,
        })
    }

    /// The groups to look at, by descending id.
    fn candidates<'s>(&'s self, account: &'s Account) -> Box<dyn Iterator<Item = &'s Group> + 's> {
        match &self.ids {
            Some(ids) => Box::new(
                ids.iter()
                    .filter_map(|id| account.groups.get(&**id))
                    .map(Arc::as_ref),
            ),
            None => Box::new(account.groups.values().rev().map(Arc::as_ref)),
        }
    }

    fn admits(&self, ctx: &Ctx<'_>, group: &Group) -> bool {
        *group.region == *ctx.region
            && self.name.is_none_or(|name| *group.name == *name)
            && self.vpc.is_none_or(|vpc| group.vpc.as_deref() == Some(vpc))
            && self.in_vpc.is_none_or(|yes| group.vpc.is_some() == yes)
            && self.advanced.is_none_or(|yes| group.advanced == yes)
            && self
                .resource_group
                .is_none_or(|id| *group.resource_group == *id)
            && self
                .service_managed
                .is_none_or(|yes| group.service_managed == yes)
            && self.tags.iter().all(|(key, value)| {
                group
                    .tags
                    .get(key)
                    .is_some_and(|found| value.as_ref().is_none_or(|value| found == value))
            })
    }
}

fn shown(group: &Group) -> Value {
    let group_rules = group
        .rules
        .iter()
        .filter(|rule| rule.is_group_rule())
        .count();
    json!({
        "SecurityGroupId": group.id,
        "SecurityGroupName": group.name,
        "Description": group.description,
        "SecurityGroupType": if group.advanced { "enterprise" } else { "normal" },
        "VpcId": group.vpc.as_deref().unwrap_or_default(),
        "CreationTime": time_text(group.created),
        "ResourceGroupId": group.resource_group,
        "ServiceManaged": group.service_managed,
        "ServiceID": 0,
        "EcsCount": 0,
        "AvailableInstanceAmount": 0,
        "RuleCount": group.rules.len(),
        "GroupToGroupRuleCount": group_rules,
        "Tags": {"Tag": lists::shown_tags(&group.tags)},
    })
}

pub(super) fn create(ctx: &Ctx<'_>, account: &mut Account) -> Result<Answer, ApiError> {
    let params = ctx.params;
    let name = params.get("SecurityGroupName").unwrap_or_default();
    if !name.is_empty() && !lists::is_name(name) {
        return Err(bad(
            "InvalidSecurityGroupName.Malformed",
            "The specified parameter SecurityGroupName is not valid.",
        ));
    }
    let description = params.get("Description").unwrap_or_default();
    if !description.is_empty() && !lists::is_text(description, 256) {
        return Err(bad(
            "InvalidSecurityGroupDiscription.Malformed",
            "Specified security group description is not valid.",
        ));
    }
    if params.boolean("ServiceManaged")? == Some(true) {
        return Err(forbidden(
            "InvalidOperation.ResourceManagedByCloudProduct",
            "Only cloud products make security groups that they manage.",
        ));
    }
    let vpc = params.get("VpcId");
    let advanced = match params.get("SecurityGroupType") {
        None | Some("normal") => false,
        Some("enterprise") => true,
        Some(_) => {
            return Err(bad(
                "InvalidParams.GroupType",
                "The specified security group type is not valid.",
            ));
        }
    };
    match vpc {
        None if advanced => {
            return Err(bad(
                "InvalidParams.VpcIdGroupType",
                "Only VPC instance supports enterprise level security group.",
            ));
        }
        None if ctx.switches.classic_groups => {}
        None => {
            return Err(forbidden(
                "InvalidVpcId.NotFound",
                "The VpcId must not empty when only support vpc vm.",
            ));
        }
        Some(vpc) if !vpc.starts_with("vpc-") => {
            return Err(absent(
                "InvalidVpcId.NotFound",
                "Specified VPC does not exist.",
            ));
        }
        Some(_) => {}
    }
    let resource_group = lists::resource_group(
        params,
        "The ResourceGroup provided does not exist in our records.",
    )?;
    let tags = lists::tags(params)?;
    let in_region = account
        .groups
        .values()
        .filter(|group| *group.region == *ctx.region)
        .count();
    if in_region >= ctx.switches.groups_per_region {
        return Err(forbidden(
            "QuotaExceed.SecurityGroup",
            "The maximum number of security groups is reached.",
        ));
    }

    let id = new_id("sg");
    let group = Group {
        id: id.clone(),
        name: name.into(),
        description: description.into(),
        region: ctx.region.into(),
        vpc: vpc.map(Into::into),
        advanced,
        service_managed: false,
        deletion_protection: false,
        inner_accept: !advanced,
        resource_group: resource_group.into(),
        tags,
        created: ctx.now.as_second(),
        rules: Vec::new(),
        next_seq: 0,
    };
    account.groups.insert(id.clone(), Arc::new(group));
    Ok(Answer::of(json!({"SecurityGroupId": id})))
}

pub(super) fn delete(ctx: &Ctx<'_>, account: &mut Account) -> Result<Answer, ApiError> {
    let id = ctx.params.get("SecurityGroupId").unwrap_or_default();
    let group = account
        .groups
        .get(id)
        .filter(|group| *group.region == *ctx.region)
        .ok_or_else(|| {
            absent(
                "InvalidSecurityGroup.NotFound",
                "The specified security group is not found.",
            )
        })?;
    writable(group)?;
    if group.deletion_protection {
        return Err(forbidden(
            "InvalidOperation.DeletionProtection",
            "The specified security group is protected from deletion.",
        ));
    }
    if account.members(id).next().is_some() {
        return Err(forbidden(
            "DependencyViolation",
            "There is still instance(s) in the specified security group.",
        ));
    }
    let named = ctx
        .accounts
        .values()
        .any(|other| other.referencing(id, &account.owner).next().is_some());
    if named {
        return Err(forbidden(
            "DependencyViolation",
            "The specified security group has been authorized in another one.",
        ));
    }
    account.groups.remove(id);
    Ok(Answer::done())
}

pub(super) fn modify_attribute(ctx: &Ctx<'_>, account: &mut Account) -> Result<Answer, ApiError> {
    let group = group(ctx, account)?;
    writable(group)?;
    let name = ctx.params.get("SecurityGroupName");
    if name.is_some_and(|name| !lists::is_name(name)) {
        return Err(bad(
            "InvalidSecurityGroupName.Malformed",
            "Specified security group name is not valid.",
        ));
    }
    let description = ctx.params.get("Description");
    if description.is_some_and(|text| !lists::is_text(text, 256)) {
        return Err(bad(
            "InvalidSecurityGroupDiscription.Malformed",
            "Specified security group description is not valid.",
        ));
    }
    let id = group.id.clone();
    let group = group_mut(account, &id);
    if let Some(name) = name {
        group.name = name.into();
    }
    if let Some(description) = description {
        group.description = description.into();
    }
    Ok(Answer::done())
}

pub(super) fn modify_policy(ctx: &Ctx<'_>, account: &mut Account) -> Result<Answer, ApiError> {
    if !ctx.params.get("SecurityGroupId").is_some_and(well_formed) {
        return Err(bad(
            "InvalidSecurityGroupId.Malformed",
            "The SecurityGroupId is invalid. Only letters, numbers and underscores are supported. Maximum length is 100 characters.",
        ));
    }
    let group = group(ctx, account)?;
    writable(group)?;
    let accept = match ctx.params.get("InnerAccessPolicy") {
        Some(text) if text.eq_ignore_ascii_case("accept") => true,
        Some(text) if text.eq_ignore_ascii_case("drop") => false,
        _ => {
            return Err(bad(
                "InvalidPolicy.Malformed",
                "The Policy is invalid. Only 'Accept' and 'Drop' are supported. Ignore case.",
            ));
        }
    };
    if group.advanced {
        return Err(absent(
            "InvalidParameter.InnerAccessPolicy",
            "The InnerAccessPolicy attribute of enterprise level security group can't be modified.",
        ));
    }
    let id = group.id.clone();
    group_mut(account, &id).inner_accept = accept;
    Ok(Answer::done())
}
