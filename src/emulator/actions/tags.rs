//! TagResources, UntagResources and ListTagResources, for security groups: other kinds of resources are known by name
//! and never found.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::{Ctx, rules::group_mut};
use crate::emulator::{
    answer::Answer,
    error::{ApiError, absent, bad, forbidden},
    paging,
    params::Params,
    store::{Account, Group},
};

/// Most resources, tags and filters of a call.
const RESOURCES: usize = 50;
const TAGS: usize = 20;
const FILTERS: usize = 5;

/// Tags of a page of ListTagResources.
const PAGE: usize = 50;

/// Values of `ResourceType` (TagResources).
const TYPES: [&str; 19] = [
    "instance",
    "disk",
    "snapshot",
    "image",
    "securitygroup",
    "volume",
    "eni",
    "ddh",
    "ddhcluster",
    "keypair",
    "launchtemplate",
    "reservedinstance",
    "snapshotpolicy",
    "elasticityassurance",
    "capacityreservation",
    "command",
    "invocation",
    "activation",
    "managedinstance",
];

fn missing(name: &str) -> ApiError {
    absent(
        format!("MissingParameter.{name}"),
        format!("The parameter - {name} should not be null."),
    )
}

/// Whether the resources are security groups.
fn groups_meant(params: &Params) -> Result<bool, ApiError> {
    let kind = params
        .get("ResourceType")
        .ok_or_else(|| missing("ResourceType"))?;
    TYPES
        .iter()
        .find(|known| known.eq_ignore_ascii_case(kind))
        .map(|known| *known == "securitygroup")
        .ok_or_else(|| {
            absent(
                "InvalidResourceType.NotFound",
                "The ResourceType provided does not exist in our records.",
            )
        })
}

fn ids(params: &Params) -> Result<Vec<&str>, ApiError> {
    if params.rough_count("ResourceId") > RESOURCES {
        return Err(bad(
            "NumberExceed.ResourceIds",
            "The ResourceIds parameter's number is exceed , Valid : 50.",
        ));
    }
    params.list("ResourceId", RESOURCES)
}

fn too_many_tags() -> ApiError {
    bad(
        "NumberExceed.Tags",
        "The Tags parameter's number is exceed , Valid : 20.",
    )
}

/// The groups of a call that changes tags; all of them are there.
fn named<'a>(ctx: &Ctx<'_>, account: &'a Account) -> Result<Vec<&'a Group>, ApiError> {
    let are_groups = groups_meant(ctx.params)?;
    let ids = ids(ctx.params)?;
    if ids.is_empty() {
        return Err(missing("ResourceIds"));
    }
    ids.into_iter()
        .map(|id| {
            account
                .groups
                .get(id)
                .filter(|group| are_groups && *group.region == *ctx.region)
                .map(|group| &**group)
                .ok_or_else(|| {
                    absent(
                        "InvalidResourceId.NotFound",
                        "The specified ResourceIds are not found in our records.",
                    )
                })
        })
        .collect()
}

/// `Tag.N.Key` and `Tag.N.Value` as they stand; a value may be missing.
fn given(params: &Params) -> Result<Vec<(String, Option<String>)>, ApiError> {
    if params.rough_count("Tag") > TAGS {
        return Err(too_many_tags());
    }
    (1..=params.count("Tag", TAGS)?)
        .map(|n| {
            let mut tag = params.object("Tag", n);
            let key = tag.remove("Key").or_else(|| tag.remove("key"));
            let value = tag.remove("Value").or_else(|| tag.remove("value"));
            Ok((key.unwrap_or_default(), value))
        })
        .collect()
}

fn checked(tags: Vec<(String, Option<String>)>) -> Result<BTreeMap<String, String>, ApiError> {
    let address = |text: &str| text.contains("http://") || text.contains("https://");
    let mut checked: BTreeMap<String, String> = BTreeMap::new();
    for (key, value) in tags {
        let value = value.unwrap_or_default();
        let reserved = key.starts_with("aliyun") || key.starts_with("acs:");
        if !(1..=128).contains(&key.chars().count()) || reserved || address(&key) {
            return Err(bad(
                "InvalidTagKey.Malformed",
                "The specified Tag.n.Key is not valid.",
            ));
        }
        if value.chars().count() > 128 || address(&value) {
            return Err(bad(
                "InvalidTagValue.Malformed",
                "The specified Tag.n.Value is not valid.",
            ));
        }
        if checked.contains_key(&key) {
            return Err(bad(
                "Duplicate.TagKey",
                "The Tag.N.Key contain duplicate key.",
            ));
        }
        if checked.keys().any(|other| same_but_case(other, &key)) {
            return Err(duplication());
        }
        checked.insert(key, value);
    }
    Ok(checked)
}

fn same_but_case(a: &str, b: &str) -> bool {
    a != b && a.to_lowercase() == b.to_lowercase()
}

fn duplication() -> ApiError {
    forbidden(
        "TagKey.Duplication",
        "The TagKey has duplication with others, case-insensitive.",
    )
}

pub(super) fn tag(ctx: &Ctx<'_>, account: &mut Account) -> Result<Answer, ApiError> {
    let groups = named(ctx, account)?;
    let tags = given(ctx.params)?;
    if tags.is_empty() {
        return Err(missing("Tags"));
    }
    let tags = checked(tags)?;
    for group in &groups {
        let new = tags.keys().filter(|key| !group.tags.contains_key(*key));
        if group.tags.len() + new.count() > TAGS {
            return Err(bad(
                "OperationDenied.QuotaExceed",
                "The quota of tags on resource is beyond permitted range.",
            ));
        }
        let clash = |key: &String| group.tags.keys().any(|other| same_but_case(other, key));
        if tags.keys().any(clash) {
            return Err(duplication());
        }
    }
    let ids: Vec<Box<str>> = groups.iter().map(|group| group.id.clone()).collect();
    for id in ids {
        group_mut(account, &id).tags.extend(tags.clone());
    }
    Ok(Answer::done())
}

pub(super) fn untag(ctx: &Ctx<'_>, account: &mut Account) -> Result<Answer, ApiError> {
    let groups = named(ctx, account)?;
    if ctx.params.rough_count("TagKey") > TAGS {
        return Err(too_many_tags());
    }
    let keys = ctx.params.list("TagKey", TAGS)?;
    let all = ctx.params.boolean("All")? == Some(true);
    if all && !keys.is_empty() {
        return Err(forbidden(
            "Param.Conflict",
            "The specified all is true, but the specified TagKey.N is not empty.",
        ));
    }
    let ids: Vec<Box<str>> = groups.iter().map(|group| group.id.clone()).collect();
    for id in ids {
        group_mut(account, &id)
            .tags
            .retain(|key, _| !all && !keys.contains(&&**key));
    }
    Ok(Answer::done())
}

/// `TagFilter.N.TagKey` and `TagFilter.N.TagValues.M`: a key, and any of the values.
fn filters(params: &Params) -> Result<Vec<(String, Vec<String>)>, ApiError> {
    (1..=params.count("TagFilter", FILTERS)?)
        .map(|n| {
            let mut filter = params.object("TagFilter", n);
            let key = filter
                .remove("TagKey")
                .ok_or_else(|| missing("TagFilter.TagKey"))?;
            let values = filter
                .into_iter()
                .filter(|(name, _)| name.starts_with("TagValues."))
                .map(|(_, value)| value)
                .collect();
            Ok((key, values))
        })
        .collect()
}

pub(super) fn list(ctx: &Ctx<'_>, account: &Account) -> Result<Answer, ApiError> {
    let are_groups = groups_meant(ctx.params)?;
    let ids = ids(ctx.params)?;
    let tags = given(ctx.params)?;
    let filters = filters(ctx.params)?;
    if ids.is_empty() && tags.is_empty() && filters.is_empty() {
        return Err(forbidden(
            "BothEmpty.TagsAndResources",
            "The specified Tags and ResourcesIds are not allow to both empty.",
        ));
    }
    let after = match ctx.params.get("NextToken") {
        None => String::new(),
        Some(token) => paging::read(token, "tags").ok_or_else(|| {
            forbidden("Invalid.NextToken", "The specified NextToken is not valid.")
        })?,
    };
    let admitted = |group: &Group| {
        *group.region == *ctx.region
            && (ids.is_empty() || ids.contains(&&*group.id))
            && tags.iter().all(|(key, value)| {
                let found = group.tags.get(key);
                found.is_some_and(|found| value.as_ref().is_none_or(|value| value == found))
            })
            && filters.iter().all(|(key, values)| {
                let found = group.tags.get(key);
                found.is_some_and(|found| values.is_empty() || values.contains(found))
            })
    };
    let mut page: Vec<(String, Value)> = account
        .groups
        .values()
        .filter(|group| are_groups && admitted(group))
        .flat_map(|group| {
            group.tags.iter().map(|(key, value)| {
                let shown = json!({
                    "ResourceId": group.id,
                    "ResourceType": "securitygroup",
                    "TagKey": key,
                    "TagValue": value,
                });
                (format!("{} {key}", group.id), shown)
            })
        })
        .filter(|(place, _)| *place > after)
        .take(PAGE + 1)
        .collect();
    let more = page.len() > PAGE;
    page.truncate(PAGE);
    let next = match page.last() {
        Some((place, _)) if more => paging::token("tags", place),
        _ => String::new(),
    };
    let shown: Vec<Value> = page.into_iter().map(|(_, shown)| shown).collect();
    Ok(Answer::of(json!({
        "NextToken": next,
        "TagResources": {"TagResource": shown},
    })))
}
