//! Finds and reads the groups of a run, accounts and regions side by side.

use std::{
    collections::{BTreeMap, BTreeSet, HashSet},
    sync::Arc,
};

use futures_util::{StreamExt as _, future, stream};
use tokio::sync::mpsc;

use crate::{
    clouds::Clouds,
    desired::{Desired, DesiredGroup, Listed, Selector},
    diag::{Code, Diagnostic},
    model::{AccountName, GroupInfo, GroupName, Lists, Network, ObservedGroup, RegionId},
    provider::{Provider, ProviderError},
};

use super::{Error, Options, Progress, ReadFailure, Shard, doubles::doubles, lists::lists};

/// What reading gave.
#[derive(Default)]
pub(super) struct Read<'a> {
    /// Selected groups that were read, in the order of declarations.
    pub groups: Vec<(&'a DesiredGroup, ObservedGroup)>,
    /// Every group that was found.
    pub directory: Vec<(&'a DesiredGroup, GroupInfo)>,
    pub lists: BTreeMap<Place, Lists>,
    pub diagnostics: Vec<Diagnostic>,
    pub failures: Vec<ReadFailure>,
}

/// Where lists are.
pub(super) type Place = (AccountName, RegionId);

/// What came of a group.
pub(super) enum Found {
    Group(GroupInfo),
    Unreadable(Arc<ProviderError>),
    /// A diagnostic has said it.
    Wrong,
}

/// Reads the selected groups, by index into the declared ones.
pub(super) async fn read<'a, P: Provider>(
    desired: &'a Desired,
    selected: &[usize],
    shard: Option<Shard>,
    clouds: &Clouds<P>,
    options: &Options,
    progress: &dyn Progress,
) -> Result<Read<'a>, Error> {
    let bound = options.parallelism.max(1);
    let mut read = Read::default();
    let mut selected: BTreeSet<usize> = selected.iter().copied().collect();
    if let Some(shard) = shard {
        selected.retain(|at| shard.may_hold(&desired.groups[*at]));
    }
    progress.reading(selected.len());
    let observe = async |(at, info): (usize, GroupInfo)| {
        let group = &desired.groups[at];
        let provider = connected(clouds, &group.account)?;
        let reading = provider.observe(&group.region, &info).await;
        progress.read(group);
        Ok::<_, Error>((at, info, reading))
    };

    // The groups of a region are listed one page after the other; those that are known are read meanwhile.
    let mut problems = Vec::new();
    let (tell, mut told) = mpsc::unbounded_channel();
    let finding = find(desired, &selected, clouds, bound, &mut problems, tell);
    let mut begun = HashSet::new();
    let meanwhile = stream::poll_fn(|context| told.poll_recv(context))
        .filter(|(at, info)| {
            let is_ours = shard.is_none_or(|shard| {
                let group: &DesiredGroup = &desired.groups[*at];
                shard.holds(group, Some(&info.network))
            });
            future::ready(is_ours && begun.insert((*at, info.id.clone())))
        })
        .map(&observe)
        .buffer_unordered(bound)
        .collect::<Vec<_>>();
    let (found, readings) = future::join(finding, meanwhile).await;
    let mut found = found?;
    if let Some(shard) = shard {
        let network = |at: &usize| match &found[at] {
            Found::Group(info) => Some(&info.network),
            Found::Unreadable(_) | Found::Wrong => None,
        };
        selected.retain(|at| shard.holds(&desired.groups[*at], network(at)));
        // What was looked up only to learn where it is, is another part's to tell of.
        let ours = desired.with_peers(&selected);
        found.retain(|at, _| ours.contains(at));
        problems.retain(|(at, _)| ours.contains(at));
    }
    let problems = problems.into_iter().map(|(_, problem)| problem);
    read.diagnostics.extend(problems);
    for (doubles, problem) in doubles(desired, &selected, &found) {
        found.extend(doubles.into_iter().map(|at| (at, Found::Wrong)));
        read.diagnostics.push(problem);
    }

    let mut wanted: BTreeMap<usize, &GroupInfo> = found
        .iter()
        .filter_map(|(at, found)| match found {
            Found::Group(info) if selected.contains(at) => Some((*at, info)),
            Found::Group(_) | Found::Unreadable(_) | Found::Wrong => None,
        })
        .collect();
    let mut observed = BTreeMap::new();
    let mut failed: BTreeMap<usize, Arc<ProviderError>> = BTreeMap::new();
    let mut keep = |wanted: &mut BTreeMap<usize, &GroupInfo>, readings: Vec<_>| {
        for reading in readings {
            let (at, info, reading) = reading?;
            // A declaration may have seemed to mean it, until another group of its name was found.
            if wanted.get(&at) == Some(&&info) {
                wanted.remove(&at);
                match reading {
                    Ok(group) => drop(observed.insert(at, group)),
                    Err(error) => drop(failed.insert(at, Arc::new(error))),
                }
            }
        }
        Ok::<_, Error>(())
    };
    keep(&mut wanted, readings)?;
    let rest = wanted.iter().map(|(at, info)| (*at, (*info).clone()));
    let rest: Vec<(usize, GroupInfo)> = rest.collect();
    let readings = stream::iter(rest).map(&observe);
    let readings = readings.buffer_unordered(bound).collect().await;
    keep(&mut wanted, readings)?;
    lists(
        desired,
        clouds,
        bound,
        &mut observed,
        &mut failed,
        &mut read,
    )
    .await?;

    for (at, found) in found {
        let group = &desired.groups[at];
        match found {
            Found::Group(info) => read.directory.push((group, info)),
            Found::Unreadable(error) => drop(failed.insert(at, error)),
            Found::Wrong => {}
        }
    }
    read.finish(desired, observed, failed);
    Ok(read)
}

/// As [`read`], where the first declared group is not there yet: nothing is read but the lists that it names.
pub(super) async fn read_new<'a, P: Provider>(
    desired: &'a Desired,
    group: ObservedGroup,
    clouds: &Clouds<P>,
) -> Result<Read<'a>, Error> {
    let mut read = Read::default();
    let mut observed = BTreeMap::from([(0, group)]);
    let mut failed = BTreeMap::new();
    lists(desired, clouds, 1, &mut observed, &mut failed, &mut read).await?;
    read.finish(desired, observed, failed);
    Ok(read)
}

impl<'a> Read<'a> {
    /// Takes what was read and what could not be, by index into the declared groups.
    fn finish(
        &mut self,
        desired: &'a Desired,
        observed: BTreeMap<usize, ObservedGroup>,
        failed: BTreeMap<usize, Arc<ProviderError>>,
    ) {
        self.failures = failed
            .into_iter()
            .map(|(at, error)| {
                let group = &desired.groups[at];
                ReadFailure {
                    account: group.account.clone(),
                    region: group.region.clone(),
                    group: group.selector.to_string(),
                    is_document: false,
                    span: group.span,
                    error,
                }
            })
            .collect();
        self.groups = observed
            .into_iter()
            .map(|(at, observed)| (&desired.groups[at], observed))
            .collect();
    }
}

pub(super) fn connected<'c, P: Provider>(
    clouds: &'c Clouds<P>,
    account: &AccountName,
) -> Result<&'c P, Error> {
    clouds
        .get(account)
        .ok_or_else(|| Error::NotConnected(account.clone()))
}

/// Looks up the selected groups and those that their rules name; tells of each group that a selected declaration seems to mean as soon as
/// it is seen.
async fn find<P: Provider>(
    desired: &Desired,
    selected: &BTreeSet<usize>,
    clouds: &Clouds<P>,
    bound: usize,
    problems: &mut Vec<(usize, Diagnostic)>,
    tell: mpsc::UnboundedSender<(usize, GroupInfo)>,
) -> Result<BTreeMap<usize, Found>, Error> {
    let mut places: BTreeMap<(&AccountName, &RegionId), Vec<usize>> = BTreeMap::new();
    for at in desired.with_peers(selected) {
        let group = &desired.groups[at];
        let place = (&group.account, &group.region);
        places.entry(place).or_default().push(at);
    }
    let lookups = places.into_iter().map(async |((account, region), groups)| {
        let mut named: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
        for at in groups.iter().filter(|at| selected.contains(at)) {
            let called = called(&desired.groups[*at].selector);
            named.entry(called).or_default().push(*at);
        }
        let tell = |info: &GroupInfo| {
            let called = [info.id.as_str(), info.name.as_str()].into_iter();
            for at in called.filter_map(|name| named.get(name)).flatten() {
                if means(&desired.groups[*at].selector, info) {
                    // Whoever does not listen any more has seen an error.
                    let _ = tell.send((*at, info.clone()));
                }
            }
        };
        let place = (account.clone(), region.clone());
        let known = Known::new(desired.matched.lists.get(&place));
        let mut answers: Vec<(usize, Vec<GroupInfo>)> = Vec::new();
        let mut asked: Vec<usize> = Vec::new();
        for at in groups {
            match known.candidates(&desired.groups[at].selector) {
                Some(candidates) => {
                    candidates.iter().for_each(&tell);
                    answers.push((at, candidates));
                }
                None => asked.push(at),
            }
        }
        let selectors: Vec<Selector> = asked
            .iter()
            .map(|at| desired.groups[*at].selector.clone())
            .collect();
        let provider = connected(clouds, account)?;
        let answer = match selectors.is_empty() {
            true => Ok(Vec::new()),
            false => provider.find_telling(region, &selectors, &tell).await,
        };
        Ok::<_, Error>((answers, asked, answer))
    });
    let mut answers: Vec<_> = stream::iter(lookups)
        .buffer_unordered(bound)
        .collect()
        .await;
    let mut found = BTreeMap::new();
    for answer in answers.drain(..) {
        let (mut answers, groups, answer) = answer?;
        match answer {
            Ok(candidates) if candidates.len() == groups.len() => {
                answers.extend(groups.into_iter().zip(candidates));
            }
            Ok(_) => {
                let error = Arc::new(ProviderError::Malformed {
                    action: "find groups".to_owned(),
                    reason: "not one answer per question".to_owned(),
                });
                found.extend(
                    groups
                        .into_iter()
                        .map(|at| (at, Found::Unreadable(error.clone()))),
                );
            }
            Err(error) => {
                let error = Arc::new(error);
                found.extend(
                    groups
                        .into_iter()
                        .map(|at| (at, Found::Unreadable(error.clone()))),
                );
            }
        }
        for (at, candidates) in answers {
            let one = match one_of(&desired.groups[at], candidates) {
                Ok(info) => Found::Group(info),
                Err(problem) => {
                    problems.push((at, problem));
                    Found::Wrong
                }
            };
            found.insert(at, one);
        }
    }
    Ok(found)
}

/// What was listed of a region before anybody looks groups up.
struct Known<'a> {
    listed: Option<&'a Listed>,
    by_name: BTreeMap<&'a GroupName, Vec<&'a GroupInfo>>,
}

impl<'a> Known<'a> {
    fn new(listed: Option<&'a Listed>) -> Self {
        let mut by_name: BTreeMap<_, Vec<_>> = BTreeMap::new();
        // Of some of the groups nobody can tell whether they are all that have a name.
        for info in listed
            .iter()
            .filter(|listed| listed.whole)
            .flat_map(|listed| listed.groups.values())
        {
            by_name.entry(&info.name).or_default().push(info);
        }
        Self { listed, by_name }
    }

    /// The groups that a declaration may mean; `None`: not known.
    fn candidates(&self, selector: &Selector) -> Option<Vec<GroupInfo>> {
        let listed = self.listed?;
        let known: Vec<&GroupInfo> = match selector {
            Selector::Id(id) => listed.groups.get(id).into_iter().collect(),
            Selector::Name { name, .. } => {
                let named = self.by_name.get(name).into_iter().flatten().copied();
                named.filter(|info| means(selector, info)).collect()
            }
        };
        let is_known = listed.whole || !known.is_empty();
        is_known.then(|| known.into_iter().cloned().collect())
    }
}

fn one_of(group: &DesiredGroup, mut candidates: Vec<GroupInfo>) -> Result<GroupInfo, Diagnostic> {
    let place = format!("region {} of account {}", group.region, group.account);
    if candidates.len() > 1 {
        candidates.sort();
        let mut diagnostic = Diagnostic::error(
            Code::AmbiguousGroup,
            format!(
                "{} security groups in {place} are called {}",
                candidates.len(),
                group.selector
            ),
        )
        .label(group.span, "which one is meant?");
        for candidate in &candidates {
            diagnostic = diagnostic.help(format!("{} in {}", candidate.id, candidate.network));
        }
        return Err(diagnostic.help("write the id, or narrow the name with `vpc:`"));
    }
    candidates.pop().ok_or_else(|| {
        Diagnostic::error(
            Code::GroupNotFound,
            format!("there is no security group {} in {place}", group.selector),
        )
        .label(group.span, "declared here")
        .help("create the group first; rulekeep keeps the rules of groups that exist")
        .help("check `account`, `region` and `vpc`, and that the credentials may list it")
    })
}

/// The id or the name.
pub(super) fn called(selector: &Selector) -> &str {
    match selector {
        Selector::Id(id) => id.as_str(),
        Selector::Name { name, .. } => name.as_str(),
    }
}

/// Whether a declaration means a live group, as far as that group alone can tell.
pub(super) fn means(selector: &Selector, info: &GroupInfo) -> bool {
    match selector {
        Selector::Id(id) => *id == info.id,
        Selector::Name { name, vpc } => {
            *name == info.name
                && match (vpc, &info.network) {
                    (None, _) => true,
                    (Some(wanted), Network::Vpc(vpc)) => wanted == vpc,
                    (Some(_), Network::Classic) => false,
                }
        }
    }
}
