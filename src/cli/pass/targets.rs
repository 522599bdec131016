//! Targets by the names that groups have in the cloud.

use std::collections::{BTreeMap, BTreeSet};

use super::session;
use crate::{
    cli::{
        Failure,
        project::{Selection, Targets},
    },
    desired::{Desired, DesiredGroup, Selector},
    model::{AccountName, GroupName, RegionId},
    reconcile,
};

/// Groups that are asked about, by their place.
type Places<'a> = BTreeMap<(&'a AccountName, &'a RegionId), Vec<&'a DesiredGroup>>;

/// A choice, and where it could not be found out whether more groups are meant, a line each.
type Meant = (Selection, Vec<String>);

/// The same choice, where a target stands also for the groups that are declared by id and have that name in the cloud. A name that a
/// declaration has is that declaration; a pattern may fit names of both kinds. With it comes where it could not be asked whether a pattern
/// fits more.
///
/// `touched`: which groups `--since` leaves. Only clouds that the run is about are asked, the others where a target is nowhere else; that
/// one of them does not answer is an error only where a target stays without a group.
pub(in crate::cli) async fn meant(
    selection: &Selection,
    desired: &Desired,
    touched: Option<&BTreeSet<usize>>,
    parallelism: usize,
) -> Result<Meant, Failure> {
    let asked = &selection.targets.targets;
    if asked.is_empty() || asked.iter().any(String::is_empty) {
        return Ok((selection.clone(), Vec::new())); // Whoever chooses refuses an empty one.
    }
    let untargeted = Selection {
        targets: Targets::default(),
        ..selection.clone()
    };
    let mut scope = untargeted.choose(desired)?;
    scope.retain(|at| {
        let shard = selection.part.shard;
        touched.is_none_or(|touched| touched.contains(at))
            && shard.is_none_or(|shard| shard.may_hold(&desired.groups[*at]))
    });
    let (inside, outside): (Vec<_>, Vec<_>) = desired
        .groups
        .iter()
        .enumerate()
        .partition(|(at, _)| scope.contains(at));
    let mut search = Search::default();
    let mut open: Vec<&String> = asked.iter().filter(|target| may_be_more(target)).collect();
    open.extend(asked.iter().filter(|target| {
        let is_declared = |group| reconcile::is_target(target, group);
        !may_be_more(target) && !desired.groups.iter().any(is_declared)
    }));
    let mut unsure = Vec::new();
    for (groups, is_inside) in [(inside, true), (outside, false)] {
        let groups = groups.into_iter().map(|(_, group)| group).collect();
        search.look(&open, groups, desired, parallelism).await;
        if is_inside {
            unsure.clone_from(&search.failures);
        }
        open.retain(|target| {
            let mut groups = desired.groups.iter();
            !groups.any(|group| reconcile::is_target(target, group)) && !search.knows(target)
        });
    }
    let mut targets = Vec::new();
    for target in asked {
        let named: Vec<String> = search.named(target).map(reconcile::address).collect();
        let mut groups = desired.groups.iter();
        // One that nothing fits stays: whoever chooses says so, with what it might have been.
        if named.is_empty() || groups.any(|group| reconcile::is_target(target, group)) {
            targets.push(target.clone());
        }
        targets.extend(named);
    }
    let mut meant = selection.clone();
    meant.targets.targets = targets;
    if !open.is_empty()
        && !search.failures.is_empty()
        && let Err(mut failure) = meant.choose(desired)
    {
        failure.causes.extend(search.failures);
        return Err(failure.help("it may be the name of a group there"));
    }
    Ok((meant, unsure))
}

/// Whether a target that fits a declaration may fit more groups.
fn may_be_more(target: &str) -> bool {
    target.contains('*')
}

/// What was found in the cloud, and where nothing could be found out.
#[derive(Default)]
struct Search<'a> {
    found: Vec<(&'a DesiredGroup, GroupName)>,
    failures: Vec<String>,
}

impl<'a> Search<'a> {
    /// Asks for the names of those groups that may be meant by a target that they do not fit by their declaration.
    async fn look(
        &mut self,
        targets: &[&String],
        groups: Vec<&'a DesiredGroup>,
        desired: &Desired,
        parallelism: usize,
    ) {
        let may_be = |target: &&String, group: &DesiredGroup| {
            // By any name: only account and region can exclude it.
            let name = target.rsplit('/').next().unwrap_or_default();
            reconcile::is_target_named(target, group, name) && !reconcile::is_target(target, group)
        };
        let mut places: BTreeMap<&AccountName, Places<'a>> = BTreeMap::new();
        for group in groups {
            let is_by_id = matches!(group.selector, Selector::Id(_));
            if !is_by_id || !targets.iter().any(|target| may_be(target, group)) {
                continue;
            }
            if let Some(info) = desired.matched.info(group) {
                self.found.push((group, info.name.clone()));
            } else {
                let of_account = places.entry(&group.account).or_default();
                let place = (&group.account, &group.region);
                of_account.entry(place).or_default().push(group);
            }
        }
        // One after the other: accounts of the embedded cloud may share a state.
        for (account, places) in places {
            if let Err(failure) = self.ask(account, places, desired, parallelism).await {
                self.failures.push(told(account.as_str(), &failure));
            }
        }
    }

    async fn ask(
        &mut self,
        account: &AccountName,
        places: Places<'a>,
        desired: &Desired,
        parallelism: usize,
    ) -> Result<(), Failure> {
        let session = session(desired, &[account.clone()].into(), parallelism).await?;
        for ((account, region), groups) in places {
            let selectors: Vec<Selector> =
                groups.iter().map(|group| group.selector.clone()).collect();
            match session.find(account, region, &selectors).await {
                Ok(infos) => {
                    for (group, infos) in groups.into_iter().zip(infos) {
                        let named = infos.into_iter().map(|info| (group, info.name));
                        self.found.extend(named);
                    }
                }
                Err(failure) => {
                    let place = format!("{account}/{region}");
                    self.failures.push(told(&place, &failure));
                }
            }
        }
        session.close().await
    }

    /// The groups that a target means by a name in the cloud.
    fn named(&self, target: &str) -> impl Iterator<Item = &'a DesiredGroup> {
        let found = self.found.iter();
        found
            .filter(move |(group, name)| reconcile::is_target_named(target, group, name.as_str()))
            .map(|(group, _)| *group)
    }

    fn knows(&self, target: &str) -> bool {
        self.named(target).next().is_some()
    }
}

/// One line.
fn told(place: &str, failure: &Failure) -> String {
    let causes = failure.causes.iter();
    let all: Vec<&str> = std::iter::once(&failure.message)
        .chain(causes)
        .map(String::as_str)
        .collect();
    format!("{place}: {}", all.join(": "))
}
