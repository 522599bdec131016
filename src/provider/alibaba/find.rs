//! Groups by id and by name with few calls.
//!
//! | asked for | calls |
//! | --- | --- |
//! | ids | one per 100 |
//! | up to 10 names | one per name |
//! | more names | the list of the region, one call per 100 groups there; no call for ids that are in it |
//!
//! The list is given up after as many pages as there are names, and the names are asked for one by one: that is never
//! more than twice the calls of the better way.

use std::collections::{BTreeMap, BTreeSet};

use futures_util::future;

use super::{
    api::Api,
    malformed,
    wire::{
        answer::{self, OddGroup},
        request::{self, Request},
    },
};
use crate::{
    desired::Selector,
    model::{GroupId, GroupInfo, Network, RegionId},
    provider::{GroupFilter, ProviderError},
};

/// Up to so many names are asked for one by one, side by side.
const FEW_NAMES: usize = 10;

/// Most ids in one DescribeSecurityGroups call.
const IDS_PER_CALL: usize = 100;

/// What is known so far, by id; also groups that are not understood, which matter to those who mean them.
type Known = BTreeMap<GroupId, Result<GroupInfo, OddGroup>>;

pub(super) async fn find(
    api: &Api,
    region: &RegionId,
    selectors: &[Selector],
    tell: &(dyn Fn(&GroupInfo) + Sync),
) -> Result<Vec<Vec<GroupInfo>>, ProviderError> {
    let names: BTreeSet<&Selector> = selectors
        .iter()
        .filter(|selector| matches!(selector, Selector::Name { .. }))
        .collect();
    let mut known = Known::new();
    let mut complete = false;
    if names.len() > FEW_NAMES {
        let request = request::groups(region);
        let listed = list(api, region, request, Some(names.len()), tell).await?;
        complete = listed.is_some();
        known.extend(listed.into_iter().flatten());
    }
    if !complete {
        let ids: BTreeSet<&GroupId> = selectors
            .iter()
            .filter_map(|selector| match selector {
                Selector::Id(id) => Some(id),
                Selector::Name { .. } => None,
            })
            .collect();
        let ids: Vec<&GroupId> = ids.into_iter().collect();
        let by_id = ids
            .chunks(IDS_PER_CALL)
            .map(|ids| request::groups_by_id(region, ids.iter().copied()));
        let by_name = names
            .into_iter()
            .map(|name| request::groups_by_name(region, name));
        let calls = by_id
            .chain(by_name)
            .map(|request| list(api, region, request, None, tell));
        known = future::try_join_all(calls)
            .await?
            .into_iter()
            .flatten()
            .flatten()
            .collect();
    }
    candidates(&known, selectors)
        .map_err(|odd| malformed("DescribeSecurityGroups", odd.reason.clone()))
}

/// Every group of a region that a filter admits, by id. The cloud's own filter is not relied on.
pub(super) async fn all(
    api: &Api,
    region: &RegionId,
    filter: &GroupFilter,
) -> Result<Vec<GroupInfo>, ProviderError> {
    let request = request::groups_by_filter(region, filter);
    let listed = list(api, region, request, None, &|_| ()).await?;
    let mut groups = Vec::new();
    for (_, group) in listed.into_iter().flatten() {
        // All of them are asked for, so one that is not understood cannot be passed over.
        groups.push(group.map_err(|odd| malformed("DescribeSecurityGroups", odd.reason))?);
    }
    groups.retain(|group| filter.admits(group));
    Ok(groups)
}

/// Every page of a list; `None` when it has more than `limit` pages.
async fn list(
    api: &Api,
    region: &RegionId,
    request: Request,
    limit: Option<usize>,
    tell: &(dyn Fn(&GroupInfo) + Sync),
) -> Result<Option<Known>, ProviderError> {
    let mut known = Known::new();
    let mut pages = api.pages::<answer::SecurityGroups>(region, request);
    let mut count = 0;
    loop {
        if limit.is_some_and(|limit| count >= limit) && !pages.is_done() {
            return Ok(None);
        }
        let Some(page) = pages.next().await? else {
            return Ok(Some(known));
        };
        count += 1;
        known.extend(page.into_groups().map(|group| {
            let id = match &group {
                Ok(info) => {
                    tell(info);
                    info.id.clone()
                }
                Err(odd) => odd.id.clone(),
            };
            (id, group)
        }));
    }
}

/// For every selector the groups that it means, by id; an error where one of them is not understood. The cloud's own filter is not
/// relied on.
fn candidates<'a>(
    known: &'a Known,
    selectors: &[Selector],
) -> Result<Vec<Vec<GroupInfo>>, &'a OddGroup> {
    let mut by_name: BTreeMap<&str, Vec<&Result<GroupInfo, OddGroup>>> = BTreeMap::new();
    for group in known.values() {
        let (Ok(GroupInfo { name, .. }) | Err(OddGroup { name, .. })) = group;
        by_name.entry(name.as_str()).or_default().push(group);
    }
    let understood = |group: &'a Result<GroupInfo, OddGroup>| group.as_ref().cloned();
    selectors
        .iter()
        .map(|selector| match selector {
            Selector::Id(id) => known.get(id).into_iter().map(understood).collect(),
            Selector::Name { name, vpc } => by_name
                .get(name.as_str())
                .into_iter()
                .flatten()
                .copied()
                .filter(|group| {
                    let (Ok(GroupInfo { network, .. }) | Err(OddGroup { network, .. })) = group;
                    match (vpc, network) {
                        (None, _) => true,
                        (Some(wanted), Network::Vpc(vpc)) => wanted == vpc,
                        (Some(_), Network::Classic) => false,
                    }
                })
                .map(understood)
                .collect(),
        })
        .collect()
}
