//! Prefix lists: named sets of CIDRs of one address family.

use std::sync::Arc;

use serde_json::{Value, json};

use super::{
    Ctx,
    lists::{self, Kind},
};
use crate::emulator::{
    answer::Answer,
    error::{ApiError, absent, bad, invalid_parameter, missing_parameter},
    rule::Address,
    store::{Account, List, new_id},
};

/// Most lists of a region.
const PER_REGION: usize = 100;

const KIND: Kind = Kind {
    name: "PrefixList",
    entry: "Cidr",
    canonical: |text, ipv6| {
        let address = if ipv6 {
            Address::v6(text)
        } else {
            Address::v4(text)
        };
        // Stricter than rules: host bits are refused.
        address
            .filter(|address| !address.has_host_bits())
            .map(|address| address.network().to_string())
            .ok_or_else(|| {
                bad(
                    "InvalidParameter.CidrMalformed",
                    format!("The specified Cidr {text} is not valid."),
                )
            })
    },
    not_found: || {
        absent(
            "InvalidPrefixListId.NotFound",
            "The specified prefix list was not found.",
        )
    },
    bad_name: || {
        bad(
            "InvalidParameter.PrefixListName",
            "The parameter PrefixListName is not valid.",
        )
    },
    bad_description: || {
        bad(
            "InvalidDescription.Malformed",
            "The specified Description is wrongly formed.",
        )
    },
    bad_entry: invalid_parameter,
    duplicate: |text| {
        bad(
            "InvalidParameter.CidrDuplicated",
            format!("The specified Cidr {text} is duplicated."),
        )
    },
    too_long: || {
        bad(
            "LimitExceed.MaxEntries",
            "The number of entries exceeds the MaxEntries of the specified prefix list.",
        )
    },
};

fn family(text: &str) -> Result<bool, ApiError> {
    match text {
        "IPv4" => Ok(false),
        "IPv6" => Ok(true),
        _ => Err(bad(
            "InvalidParameter.AddressFamily",
            "The parameter AddressFamily should be IPv4 or IPv6.",
        )),
    }
}

fn family_text(ipv6: bool) -> &'static str {
    if ipv6 { "IPv6" } else { "IPv4" }
}

pub(super) fn create(ctx: &Ctx<'_>, account: &mut Account) -> Result<Answer, ApiError> {
    let params = ctx.params;
    let name = KIND
        .given_name(params)?
        .ok_or_else(|| missing_parameter("PrefixListName"))?;
    let ipv6 = family(
        params
            .get("AddressFamily")
            .ok_or_else(|| missing_parameter("AddressFamily"))?,
    )?;
    let max_entries = params
        .integer("MaxEntries", 1..=200, || invalid_parameter("MaxEntries"))?
        .ok_or_else(|| missing_parameter("MaxEntries"))?;
    let description = KIND.given_description(params)?.unwrap_or_default();
    let entries = KIND.entries(params, "Entry", ipv6)?;
    if entries.len() > max_entries {
        return Err((KIND.too_long)());
    }
    let resource_group =
        lists::resource_group(params, "The specified resource group is not found.")?;
    let tags = lists::tags(params)?;
    let in_region = account
        .prefix_lists
        .values()
        .filter(|list| *list.region == *ctx.region)
        .count();
    if in_region >= PER_REGION {
        return Err(absent(
            "LimitExceed.PrefixListPerRegion",
            "The number of prefix lists in the region exceeds the limit.",
        ));
    }
    let id = new_id("pl");
    let list = List {
        id: id.clone(),
        name: name.into(),
        description: description.into(),
        region: ctx.region.into(),
        ipv6,
        max_entries,
        resource_group: resource_group.into(),
        tags,
        created: ctx.now.as_second(),
        entries,
    };
    account.prefix_lists.insert(id.clone(), Arc::new(list));
    Ok(Answer::of(json!({"PrefixListId": id})))
}

pub(super) fn modify(ctx: &Ctx<'_>, account: &mut Account) -> Result<Answer, ApiError> {
    let list = KIND.modified(ctx, KIND.one(ctx, account)?)?;
    account.prefix_lists.insert(list.id.clone(), Arc::new(list));
    Ok(Answer::done())
}

pub(super) fn delete(ctx: &Ctx<'_>, account: &mut Account) -> Result<Answer, ApiError> {
    let id = KIND.one(ctx, account)?.id.clone();
    if account.associated(&id).next().is_some() {
        return Err(bad(
            "NotAllowed.AssociationExist",
            "The specified prefix list has associated resources.",
        ));
    }
    account.prefix_lists.remove(&id);
    Ok(Answer::done())
}

pub(super) fn describe(ctx: &Ctx<'_>, account: &Account) -> Result<Answer, ApiError> {
    let ipv6 = ctx.params.get("AddressFamily").map(family).transpose()?;
    let (page, next) = KIND.page(ctx, account, |list| ipv6.is_none_or(|yes| list.ipv6 == yes))?;
    let shown: Vec<Value> = page
        .into_iter()
        .map(|list| {
            json!({
                "PrefixListId": list.id,
                "PrefixListName": list.name,
                "AddressFamily": family_text(list.ipv6),
                "MaxEntries": list.max_entries,
                "AssociationCount": account.associated(&list.id).count(),
                "Description": list.description,
                "CreationTime": lists::minute_text(list.created),
                "ResourceGroupId": list.resource_group,
                "Tags": {"Tag": lists::shown_tags(&list.tags)},
            })
        })
        .collect();
    Ok(Answer::of(
        json!({"NextToken": next, "PrefixLists": {"PrefixList": shown}}),
    ))
}

pub(super) fn attributes(ctx: &Ctx<'_>, account: &Account) -> Result<Answer, ApiError> {
    let list = KIND.one(ctx, account)?;
    let entries: Vec<Value> = list
        .entries
        .iter()
        .map(|(cidr, description)| json!({"Cidr": cidr, "Description": description}))
        .collect();
    Ok(Answer::of(json!({
        "PrefixListId": list.id,
        "PrefixListName": list.name,
        "AddressFamily": family_text(list.ipv6),
        "MaxEntries": list.max_entries,
        "Description": list.description,
        "CreationTime": lists::minute_text(list.created),
        "Entries": {"Entry": entries},
    })))
}

pub(super) fn associations(ctx: &Ctx<'_>, account: &Account) -> Result<Answer, ApiError> {
    let (shown, next) = KIND.associations(ctx, account, "securitygroup")?;
    Ok(Answer::of(json!({
        "NextToken": next,
        "PrefixListAssociations": {"PrefixListAssociation": shown},
    })))
}
