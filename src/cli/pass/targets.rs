//! Targets by the names that groups have in the cloud.

use std::collections::{BTreeMap, BTreeSet};

use super::session;
use crate::{
    cli::{Failure, project::Selection},
    desired::{Desired, DesiredGroup, Selector},
    model::{AccountName, RegionId},
    reconcile,
};

/// The same choice, where a target that no declaration fits stands for the groups that are declared by id and have that name in the
/// cloud. Asks no cloud where every target fits.
pub(in crate::cli) async fn meant(
    selection: &Selection,
    desired: &Desired,
    parallelism: usize,
) -> Result<Selection, Failure> {
    let fits = |target: &String| {
        let mut groups = desired.groups.iter();
        target.is_empty() || groups.any(|group| reconcile::is_target(target, group))
    };
    let (known, unknown): (Vec<String>, Vec<String>) =
        selection.targets.targets.iter().cloned().partition(fits);
    let mut places: BTreeMap<(&AccountName, &RegionId), Vec<&DesiredGroup>> = BTreeMap::new();
    for group in &desired.groups {
        // By any name: only account and region can exclude it.
        let may_be = |target: &String| {
            let name = target.rsplit('/').next().unwrap_or_default();
            reconcile::is_target_named(target, group, name)
        };
        if matches!(group.selector, Selector::Id(_)) && unknown.iter().any(may_be) {
            let place = (&group.account, &group.region);
            places.entry(place).or_default().push(group);
        }
    }
    if places.is_empty() {
        return Ok(selection.clone());
    }
    let told = |failure: Failure| {
        failure.help(format!(
            "no file declares {}, so that the names in the cloud are looked at",
            unknown.join(", ")
        ))
    };
    let accounts: BTreeSet<AccountName> = places
        .keys()
        .map(|(account, _)| (*account).clone())
        .collect();
    let session = session(desired, &accounts, parallelism)
        .await
        .map_err(told)?;
    let mut found = Vec::new();
    for ((account, region), groups) in places {
        let selectors: Vec<Selector> = groups.iter().map(|group| group.selector.clone()).collect();
        let infos = session
            .find(account, region, &selectors)
            .await
            .map_err(told)?;
        for (group, infos) in groups.into_iter().zip(infos) {
            found.extend(infos.into_iter().map(|info| (group, info.name)));
        }
    }
    session.close().await?;
    let mut targets = known;
    for target in unknown {
        let named = found
            .iter()
            .filter(|(group, name)| reconcile::is_target_named(&target, group, name.as_str()));
        let named: Vec<String> = named.map(|(group, _)| reconcile::address(group)).collect();
        match named.is_empty() {
            // Whoever chooses says so, with what it might have been.
            true => targets.push(target),
            false => targets.extend(named),
        }
    }
    let mut meant = selection.clone();
    meant.targets.targets = targets;
    Ok(meant)
}
