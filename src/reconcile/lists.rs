//! Reads the lists that the rules of a run name.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use futures_util::{StreamExt as _, stream};

use crate::{
    clouds::Clouds,
    desired::{Desired, DesiredGroup},
    diag::{Code, Diagnostic, Span},
    model::{ListIds, Lists, ObservedGroup, UnreadList},
    provider::{Provider, ProviderError},
};

use super::{
    Error,
    read::{Place, Read, connected},
};

/// A declared group, by index, and the lists that its rules name.
type Naming = (usize, ListIds);

/// Reads the lists that rules name. A list that the cloud does not let anybody read is a symbol, and a warning says so; where reading fails, the groups
/// that name lists there are taken out.
pub(super) async fn lists<P: Provider>(
    desired: &Desired,
    clouds: &Clouds<P>,
    bound: usize,
    observed: &mut BTreeMap<usize, ObservedGroup>,
    failed: &mut BTreeMap<usize, Arc<ProviderError>>,
    read: &mut Read<'_>,
) -> Result<(), Error> {
    let mut wanted: BTreeMap<Place, (ListIds, Vec<Naming>)> = BTreeMap::new();
    for (at, live) in &*observed {
        let group = &desired.groups[*at];
        let named = named_lists(group, live);
        if named.is_empty() {
            continue;
        }
        let place = (group.account.clone(), group.region.clone());
        let (ids, groups) = wanted.entry(place).or_default();
        ids.extend(&named);
        groups.push((*at, named));
    }
    let readings = wanted.into_iter().map(async |(place, (ids, groups))| {
        let answer = connected(clouds, &place.0)?.lists(&place.1, &ids).await;
        Ok::<_, Error>((place, groups, answer))
    });
    let readings: Vec<_> = stream::iter(readings)
        .buffer_unordered(bound)
        .collect()
        .await;
    for reading in readings {
        match reading? {
            (place, groups, Ok(lists)) => {
                read.diagnostics
                    .extend(unread(desired, &place, &groups, &lists));
                read.lists.insert(place, lists);
            }
            (_, groups, Err(error)) => {
                let error = Arc::new(error);
                for (at, _) in groups {
                    observed.remove(&at);
                    failed.insert(at, error.clone());
                }
            }
        }
    }
    Ok(())
}

fn named_lists(group: &DesiredGroup, live: &ObservedGroup) -> ListIds {
    let mut named = ListIds::default();
    for seen in &live.rules {
        named.add(&seen.rule);
    }
    for rule in group.rules() {
        rule.add_lists(&mut named);
    }
    let asserted = group.assertions.iter().flat_map(|one| one.named_lists());
    named.prefix.extend(asserted.cloned());
    named
}

/// A warning for each action that the cloud refused in a region, at the first place that names such a list.
fn unread(
    desired: &Desired,
    (account, region): &Place,
    groups: &[Naming],
    lists: &Lists,
) -> Vec<Diagnostic> {
    let mut by_reason: BTreeMap<&UnreadList, BTreeSet<&str>> = BTreeMap::new();
    for (id, why) in &lists.unread {
        by_reason.entry(why).or_default().insert(id);
    }
    let warnings = by_reason.into_iter().map(|(why, ids)| {
        let UnreadList {
            action, message, ..
        } = why;
        let naming = groups
            .iter()
            .filter(|(_, named)| named.iter().any(|id| ids.contains(id)));
        let naming: Vec<&DesiredGroup> = naming.map(|(at, _)| &desired.groups[*at]).collect();
        let label = naming
            .iter()
            .find_map(|group| Some((declaring(group, &ids)?, "named here")))
            .or_else(|| Some((naming.first()?.span, "named by its live rules or its assertions")));
        let counts = match ids.len() {
            1 => "it counts",
            _ => "each counts",
        };
        let more = ids.len().saturating_sub(MANY);
        let mut what = ids.into_iter().take(MANY).collect::<Vec<_>>().join(", ");
        if more > 0 {
            what.push_str(&format!(" and {more} more"));
        }
        let mut warning = Diagnostic::warning(
            Code::UnreadList,
            format!("the content of {what} in {account}/{region} is not known: {why}"),
        );
        if let Some((span, text)) = label {
            warning = warning.label(span, text);
        }
        warning
            .help(format!("the cloud says: {message}"))
            .help(format!(
                "what is said of traffic holds whatever it contains; that it exists, its address family and the quota, in which {counts} as one rule, are not checked"
            ))
            .help(format!(
                "let the credentials call ecs:{action}; `rulekeep check-creds` shows what they may"
            ))
    });
    warnings.collect()
}

/// Where a rule of a group names one of some lists.
fn declaring(group: &DesiredGroup, ids: &BTreeSet<&str>) -> Option<Span> {
    let mut rules = group.rules();
    let rule = rules.find(|rule| {
        let mut named = ListIds::default();
        rule.add_lists(&mut named);
        named.iter().any(|id| ids.contains(id))
    });
    rule.map(|rule| rule.span)
}

/// So many lists are named in a warning.
const MANY: usize = 5;
