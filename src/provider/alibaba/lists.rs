//! Prefix lists and port lists with few calls, and without those that the cloud does not let these credentials read.
//!
//! | asked for | calls |
//! | --- | --- |
//! | prefix lists | one each |
//! | port lists | one per 100, where one of them is refused one each, and one each for the entries |

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
    model::{ListIds, Lists, PortList, PortListId, PrefixListId, RegionId, UnreadList},
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
    Ok(joined(prefix.into_iter().chain(port)))
}

/// Codes that say of whoever asks that an action or a resource is not for them ("Common error codes"); not those that forbid the account as a
/// whole, and nothing that a proxy says.
const FORBIDDEN: [&str; 5] = [
    "Forbidden.RAM",
    "Forbidden.NotSupportRAM",
    "Forbidden.SubUser",
    "Forbidden.Unauthorized",
    "NoPermission",
];

/// Why there is no answer about lists, where that is an answer too.
enum Refusal {
    /// One of them is not there.
    Absent,
    /// The cloud does not tell these credentials.
    Forbidden(UnreadList),
}

/// Of what a question came to: all other failures are failures.
fn refusal(
    action: &'static str,
    absent: &str,
    error: ProviderError,
) -> Result<Refusal, ProviderError> {
    match error {
        ProviderError::Refused { code, .. } if code == absent => Ok(Refusal::Absent),
        ProviderError::Refused { code, message, .. } if FORBIDDEN.contains(&&*code) => {
            Ok(Refusal::Forbidden(UnreadList {
                action: action.into(),
                code: code.into(),
                message: message.into(),
            }))
        }
        error => Err(error),
    }
}

/// Asks about one list, by its id; what there is when the cloud does not answer: nothing, or that it is unread.
async fn ask<T: DeserializeOwned>(
    api: &Api,
    region: &RegionId,
    request: &Request,
    (id, absent): (&str, &str),
) -> Result<Result<T, Lists>, ProviderError> {
    let answer = api.read(region, request).await;
    answer.map(Ok).or_else(|error| {
        let refusal = refusal(request.action, absent, error)?;
        Ok(Err(without([id], refusal)))
    })
}

/// What is known of lists after a refusal.
fn without<'a>(ids: impl IntoIterator<Item = &'a str>, refusal: Refusal) -> Lists {
    let mut lists = Lists::default();
    if let Refusal::Forbidden(why) = refusal {
        let ids = ids.into_iter().map(|id| (id.into(), why.clone()));
        lists.unread.extend(ids);
    }
    lists
}

const NO_PREFIX_LIST: &str = "InvalidPrefixListId.NotFound";

async fn prefix_list(
    api: &Api,
    region: &RegionId,
    id: &PrefixListId,
) -> Result<Lists, ProviderError> {
    let request = request::prefix_list(region, id);
    let answer: answer::PrefixListAttributes =
        match ask(api, region, &request, (id.as_str(), NO_PREFIX_LIST)).await? {
            Ok(answer) => answer,
            Err(lists) => return Ok(lists),
        };
    let (found, list) = answer
        .into_list()
        .map_err(|reason| malformed(request.action, format!("{id}: {reason}")))?;
    if found != *id {
        let reason = format!("it is about {found}, not {id}");
        return Err(malformed(request.action, reason));
    }
    let mut lists = Lists::default();
    lists.prefix.insert(found, list);
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
            Err(error) => {
                let refusal = refusal(action, NO_PORT_LIST, error)?;
                if ids.len() == 1 {
                    let ids = ids.iter().map(|id| id.as_str());
                    return Ok(without(ids, refusal));
                }
                // One that is not there, or not for these credentials, must not hide the others.
                let each = ids.chunks(1).map(|id| port_lists(api, region, id));
                let each = future::try_join_all(each.map(Box::pin)).await?;
                return Ok(joined(each));
            }
        }
    }
    let wanted = found.into_iter().filter(|(id, _)| ids.contains(&id));
    let lists = wanted.map(|list| port_list_entries(api, region, list));
    Ok(joined(future::try_join_all(lists).await?))
}

async fn port_list_entries(
    api: &Api,
    region: &RegionId,
    (id, mut list): (PortListId, PortList),
) -> Result<Lists, ProviderError> {
    let request = request::port_list_entries(region, &id);
    let answer: answer::PortRangeListEntries =
        match ask(api, region, &request, (id.as_str(), NO_PORT_LIST)).await? {
            Ok(answer) => answer,
            Err(lists) => return Ok(lists),
        };
    list.entries = answer
        .into_ranges()
        .map_err(|reason| malformed(request.action, format!("{id}: {reason}")))?;
    let mut lists = Lists::default();
    lists.port.insert(id, list);
    Ok(lists)
}

fn joined(parts: impl IntoIterator<Item = Lists>) -> Lists {
    let mut all = Lists::default();
    parts.into_iter().for_each(|part| all.extend(part));
    all
}
