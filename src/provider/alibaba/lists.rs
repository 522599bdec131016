//! Prefix lists and port lists with few calls, and without those that the cloud does not let these credentials read.
//!
//! | asked for | calls |
//! | --- | --- |
//! | prefix lists | one each |
//! | port lists | one per 100, and one each for the entries |

use std::sync::Arc;

use futures_util::future;
use serde::de::DeserializeOwned;

use super::{
    api::Api,
    malformed,
    wire::{
        answer,
        request::{self, Request},
    },
};
use crate::{
    model::{ListIds, Lists, PortList, PortListId, PrefixListId, RegionId, Unread},
    provider::ProviderError,
};

pub(super) async fn read(
    api: &Api,
    region: &RegionId,
    wanted: &ListIds,
) -> Result<Lists, ProviderError> {
    // DescribePrefixListAttributes has all that DescribePrefixLists has, so that one call per list is enough.
    let prefix = wanted.prefix.iter().map(|id| prefix_list(api, region, id));
    let port: Vec<&PortListId> = wanted.port.iter().collect();
    let port = port
        .chunks(request::PORT_LISTS_PER_CALL)
        .map(|ids| port_lists(api, region, ids));
    let (prefix, port) =
        future::try_join(future::try_join_all(prefix), future::try_join_all(port)).await?;
    let mut lists = Lists::default();
    for part in prefix.into_iter().chain(port) {
        lists.extend(part);
    }
    Ok(lists)
}

/// What came of a question about lists.
enum Answered<T> {
    With(T),
    /// None of them is there.
    Absent,
    /// The cloud tells these credentials nothing.
    Unread(Unread),
}

/// Asks; only what the cloud will refuse the next time as well is an answer, all other failures are failures.
async fn ask<T: DeserializeOwned>(
    api: &Api,
    region: &RegionId,
    request: &Request,
    absent: &str,
) -> Result<Answered<T>, ProviderError> {
    match api.read(region, request).await {
        Ok(answer) => Ok(Answered::With(answer)),
        Err(error) => refused(request.action, absent, error),
    }
}

fn refused<T>(
    action: &'static str,
    absent: &str,
    error: ProviderError,
) -> Result<Answered<T>, ProviderError> {
    match error {
        ProviderError::Refused { code, .. } if code == absent => Ok(Answered::Absent),
        ProviderError::Refused { code, message, .. } => Ok(Answered::Unread(Unread {
            action: action.into(),
            code: code.into(),
            message: message.into(),
        })),
        error => Err(error),
    }
}

async fn prefix_list(
    api: &Api,
    region: &RegionId,
    id: &PrefixListId,
) -> Result<Lists, ProviderError> {
    let request = request::prefix_list(region, id);
    let absent = "InvalidPrefixListId.NotFound";
    let answer: Answered<answer::PrefixListAttributes> = ask(api, region, &request, absent).await?;
    let mut lists = Lists::default();
    match answer {
        Answered::Absent => {}
        Answered::Unread(why) => drop(lists.unread.insert(id.as_str().into(), why)),
        Answered::With(answer) => {
            let (found, list) = answer
                .into_list()
                .map_err(|reason| malformed(request.action, format!("{id}: {reason}")))?;
            if found != *id {
                let reason = format!("it is about {found}, not {id}");
                return Err(malformed(request.action, reason));
            }
            lists.prefix.insert(found, list);
        }
    }
    Ok(lists)
}

const NO_PORT_LIST: &str = "InvalidPortRangeListId.NotFound";

async fn port_lists(
    api: &Api,
    region: &RegionId,
    ids: &[&PortListId],
) -> Result<Lists, ProviderError> {
    let request = request::port_lists(region, ids);
    let action = request.action;
    let mut found = Vec::new();
    let mut pages = api.pages::<answer::PortRangeLists>(region, request);
    loop {
        match pages.next().await {
            Ok(Some(page)) => found.extend(page.into_lists()),
            Ok(None) => break,
            Err(error) => match refused(action, NO_PORT_LIST, error)? {
                Answered::With(()) => break,
                // One that is not there must not hide the others.
                Answered::Absent if ids.len() > 1 => {
                    let each = ids.chunks(1).map(|id| port_lists(api, region, id));
                    let each = future::try_join_all(each.map(Box::pin)).await?;
                    let mut lists = Lists::default();
                    each.into_iter().for_each(|one| lists.extend(one));
                    return Ok(lists);
                }
                Answered::Absent => return Ok(Lists::default()),
                Answered::Unread(why) => {
                    let all = ids.iter().map(|id| (id.as_str().into(), why.clone()));
                    return Ok(Lists {
                        unread: all.collect(),
                        ..Lists::default()
                    });
                }
            },
        }
    }
    let wanted = found.into_iter().filter(|(id, _)| ids.contains(&id));
    let lists = wanted.map(|list| entries(api, region, list));
    let mut all = Lists::default();
    for lists in future::try_join_all(lists).await? {
        all.extend(lists);
    }
    Ok(all)
}

async fn entries(
    api: &Api,
    region: &RegionId,
    (id, mut list): (PortListId, PortList),
) -> Result<Lists, ProviderError> {
    let request = request::port_list_entries(region, &id);
    let answer: Answered<answer::PortRangeListEntries> =
        ask(api, region, &request, NO_PORT_LIST).await?;
    let mut lists = Lists::default();
    match answer {
        Answered::Absent => {}
        Answered::Unread(why) => {
            let id: Arc<str> = id.as_str().into();
            lists.unread.insert(id, why);
        }
        Answered::With(answer) => {
            list.entries = answer
                .into_ranges()
                .map_err(|reason| malformed(request.action, format!("{id}: {reason}")))?;
            lists.port.insert(id, list);
        }
    }
    Ok(lists)
}
