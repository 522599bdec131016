//! Port lists (port range lists): named sets of port ranges.

use std::sync::Arc;

use serde_json::{Value, json};

use super::{
    Ctx,
    lists::{self, Kind},
};
use crate::emulator::{
    answer::Answer,
    error::{ApiError, bad, invalid_parameter, missing_parameter},
    rule::{port_range, port_text},
    store::{Account, List, new_id},
};

/// Most lists of a region.
const PER_REGION: usize = 1000;

/// Most entries of a list.
const LONGEST: usize = 2000;

const KIND: Kind = Kind {
    name: "PortRangeList",
    entry: "PortRange",
    canonical: |text, _| {
        port_range(text).map(port_text).ok_or_else(|| {
            bad(
                "InvalidParameter.PortRange",
                "The specified parameter PortRange is not valid. It should be two integers less than 65535 in specified format.",
            )
        })
    },
    not_found: || {
        bad(
            "InvalidPortRangeListId.NotFound",
            "The specified port range list was not found.",
        )
    },
    bad_name: || {
        bad(
            "InvalidParameter.PortRangeListName",
            "The specified parameter PortRangeListName is not valid.",
        )
    },
    bad_description: || {
        bad(
            "InvalidDescription.Malformed",
            "The specifid Description is not valid.",
        )
    },
    bad_entry: |_| {
        bad(
            "InvalidParam.Entry",
            "The specified parameter Entry is not valid.",
        )
    },
    duplicate: |_| {
        bad(
            "InvalidParameter.PortRangeDuplicated",
            "The specified PortRange is duplicated.",
        )
    },
    too_long: || {
        bad(
            "LimitExceed.MaxEntries",
            "The number of entries exceeds the MaxEntries of the specified PortRangeList.",
        )
    },
};

pub(super) fn create(ctx: &Ctx<'_>, account: &mut Account) -> Result<Answer, ApiError> {
    let params = ctx.params;
    let name = KIND
        .given_name(params)?
        .ok_or_else(|| missing_parameter("PortRangeListName"))?;
    let max_entries = params
        .integer("MaxEntries", 1..=usize::MAX, || {
            invalid_parameter("MaxEntries")
        })?
        .ok_or_else(|| missing_parameter("MaxEntries"))?;
    if max_entries > LONGEST {
        return Err(bad(
            "InvalidOperation.MaxEntriesCountExceed",
            "The specified MaxEntries exceeded the upper limit.",
        ));
    }
    let description = KIND.given_description(params)?.unwrap_or_default();
    let entries = KIND.entries(params, "Entry", false)?;
    if entries.len() > max_entries {
        return Err(bad(
            "InvalidOperation.EntryCountExceedMaxEntries",
            "The number of entries in the port list exceeds MaxEntries.",
        ));
    }
    let resource_group =
        lists::resource_group(params, "The specified resource group is not found.")?;
    let tags = lists::tags(params)?;
    let in_region = account
        .port_lists
        .values()
        .filter(|list| *list.region == *ctx.region)
        .count();
    if in_region >= PER_REGION {
        return Err(bad(
            "InvalidOperation.MaxCountExceed",
            "The number of port range list in the current account has exceeded quota.",
        ));
    }
    let id = new_id("prl");
    let list = List {
        id: id.clone(),
        name: name.into(),
        description: description.into(),
        region: ctx.region.into(),
        ipv6: false,
        max_entries,
        resource_group: resource_group.into(),
        tags,
        created: ctx.now.as_second(),
        entries,
    };
    account.port_lists.insert(id.clone(), Arc::new(list));
    Ok(Answer::of(json!({"PortRangeListId": id})))
}

pub(super) fn modify(ctx: &Ctx<'_>, account: &mut Account) -> Result<Answer, ApiError> {
    let list = KIND.modified(ctx, KIND.one(ctx, account)?)?;
    account.port_lists.insert(list.id.clone(), Arc::new(list));
    Ok(Answer::done())
}

pub(super) fn delete(ctx: &Ctx<'_>, account: &mut Account) -> Result<Answer, ApiError> {
    let id = KIND.one(ctx, account)?.id.clone();
    if account.associated(&id).next().is_some() {
        return Err(bad(
            "InvalidPortRangeListId.AssociationExist",
            "The specified port range list has association resources.",
        ));
    }
    account.port_lists.remove(&id);
    Ok(Answer::done())
}

pub(super) fn describe(ctx: &Ctx<'_>, account: &Account) -> Result<Answer, ApiError> {
    let (page, next) = KIND.page(ctx, account, |_| true)?;
    let shown: Vec<Value> = page
        .into_iter()
        .map(|list| {
            json!({
                "PortRangeListId": list.id,
                "PortRangeListName": list.name,
                "MaxEntries": list.max_entries,
                "AssociationCount": account.associated(&list.id).count(),
                "Description": list.description,
                "CreationTime": lists::minute_text(list.created),
                "ResourceGroupId": list.resource_group,
                "Tags": lists::shown_tags(&list.tags),
            })
        })
        .collect();
    Ok(Answer::of(
        json!({"NextToken": next, "PortRangeLists": shown}),
    ))
}

pub(super) fn entries(ctx: &Ctx<'_>, account: &Account) -> Result<Answer, ApiError> {
    let list = KIND.one(ctx, account)?;
    let entries: Vec<Value> = list
        .entries
        .iter()
        .map(|(range, description)| json!({"PortRange": range, "Description": description}))
        .collect();
    Ok(Answer::of(json!({"Entries": entries})))
}

pub(super) fn associations(ctx: &Ctx<'_>, account: &Account) -> Result<Answer, ApiError> {
    let (shown, next) = KIND.associations(ctx, account, "SecurityGroup")?;
    Ok(Answer::of(
        json!({"NextToken": next, "PortRangeListAssociations": shown}),
    ))
}
