//! One pass up to the plan: choose, find, read, plan. Applying is another step, when asked.
//!
//! What to do about differences is the planner's, whether it may be done is the guard's.

mod discover;
mod doubles;
mod lists;
mod read;
mod select;
mod shard;

#[cfg(test)]
pub(crate) mod sample;

#[cfg(test)]
mod tests;

use std::{
    collections::{BTreeMap, HashSet},
    sync::Arc,
};

use jiff::Timestamp;

use crate::{
    clouds::Clouds,
    desired::{Desired, DesiredGroup, Selector},
    diag::{Diagnostic, Span},
    guard::{self, Approved, Overrides, Refusal},
    model::{AccountName, GroupInfo, Lists, ObservedGroup, RegionId},
    plan::{self, Address, Context, GroupInput, Plan},
    provider::{Provider, ProviderError},
};

pub use discover::discover;
pub use select::{
    SelectError, Selection, address, documents, is_target, is_target_named, near, near_groups,
    select, suggested,
};
pub use shard::{Shard, ShardError};

/// How a pass reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Options {
    /// Most requests at a time over all accounts.
    pub parallelism: usize,
}

impl Default for Options {
    fn default() -> Self {
        Self { parallelism: 10 }
    }
}

/// Who wants to know how far the reading is.
pub trait Progress: Send + Sync {
    /// So many groups will be read.
    fn reading(&self, _groups: usize) {}
    /// One of them was, or could not be.
    fn read(&self, _group: &DesiredGroup) {}
}

/// Nobody wants to know.
impl Progress for () {}

/// Why there is nothing to plan.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// What was asked for selects nothing.
    #[error(transparent)]
    Select(#[from] SelectError),
    /// A group's account has no provider.
    #[error("account {0} is not connected")]
    NotConnected(AccountName),
}

/// A group that could not be read; the others are planned without it.
#[derive(Clone, Debug)]
pub struct ReadFailure {
    /// Account that holds it.
    pub account: AccountName,
    /// Region that holds it.
    pub region: RegionId,
    /// As it is declared: its id or its name; for a document its place.
    pub group: String,
    /// Whether it is a document with `targets`, whose groups could not be listed.
    pub is_document: bool,
    /// Where it is declared.
    pub span: Span,
    /// What the cloud or the connection said.
    pub error: Arc<ProviderError>,
}

/// A plan with what was found on the way to it.
#[derive(Debug)]
pub struct Prepared<'a> {
    /// What the plan is made from.
    pub desired: &'a Desired,
    /// What was chosen.
    pub selection: Selection,
    /// The moment that `expires` was compared with.
    pub at: Timestamp,
    /// The plan of every group that could be read, with the diagnostics of finding them before the planner's.
    pub plan: Plan,
    /// The declarations of the groups of the plan, in its order.
    pub groups: Vec<&'a DesiredGroup>,
    /// The lists that were read, by account and region.
    pub lists: BTreeMap<(AccountName, RegionId), Lists>,
    /// Groups that could not be read, in the order of declarations.
    pub unreadable: Vec<ReadFailure>,
}

/// Finds and reads the chosen groups and plans them. The answer is the same at any `parallelism`.
pub async fn prepare<'a, P: Provider>(
    desired: &'a Desired,
    selection: &Selection,
    clouds: &Clouds<P>,
    at: Timestamp,
    options: &Options,
    progress: &dyn Progress,
) -> Result<Prepared<'a>, Error> {
    let selected = select(desired, selection)?;
    let read = read::read(
        desired,
        &selected,
        selection.shard,
        clouds,
        options,
        progress,
    )
    .await?;
    Ok(planned(desired, selection, read, at))
}

/// Plans the first declared group as one that is not there yet: `group` is what it would be before its first rule.
pub async fn prepare_new<'a, P: Provider>(
    desired: &'a Desired,
    group: ObservedGroup,
    clouds: &Clouds<P>,
    at: Timestamp,
) -> Result<Prepared<'a>, Error> {
    let read = read::read_new(desired, group, clouds).await?;
    Ok(planned(desired, &Selection::default(), read, at))
}

fn planned<'a>(
    desired: &'a Desired,
    selection: &Selection,
    read: read::Read<'a>,
    at: Timestamp,
) -> Prepared<'a> {
    let mut diagnostics = read.diagnostics;
    let mut unreadable = read.failures;
    unreadable.extend(unlisted(desired));
    let mut groups: Vec<GroupInput<'a>> = Vec::with_capacity(read.groups.len());
    let mut declared: Vec<(Address, &'a DesiredGroup)> = Vec::with_capacity(read.groups.len());
    for (desired, observed) in read.groups {
        let address = Address {
            account: desired.account.clone(),
            region: desired.region.clone(),
            group: observed.info.id.clone(),
        };
        declared.push((address, desired));
        groups.push(GroupInput { desired, observed });
    }
    declared.sort_by(|a, b| a.0.cmp(&b.0));
    let context = Context {
        at,
        directory: &read.directory,
        lists: &read.lists,
    };
    let mut plan = plan::plan(groups, &context);
    diagnostics.sort_by_key(|diagnostic| diagnostic.labels.first().map(|label| label.span));
    // Before the planner's: a group that is not there explains more than what its rules lack.
    plan.diagnostics.splice(0..0, diagnostics);
    merge_equal(&mut plan.diagnostics);
    Prepared {
        desired,
        selection: selection.clone(),
        at,
        plan,
        groups: declared.into_iter().map(|(_, group)| group).collect(),
        lists: read.lists,
        unreadable,
    }
}

/// Documents with `targets` whose groups could not be listed, of which any may be among the selected ones.
fn unlisted(desired: &Desired) -> impl Iterator<Item = ReadFailure> {
    desired.matched.unread.iter().map(|(at, error)| {
        let DesiredGroup {
            account,
            region,
            span,
            ..
        } = &desired.templates[*at].body;
        ReadFailure {
            account: account.clone(),
            region: region.clone(),
            group: format!("targets at {}", desired.sources.place(*span)),
            is_document: true,
            span: *span,
            error: error.clone(),
        }
    })
}

/// Leaves one of those that say the same of the same place: a line that stands for several rules has what is wrong with it once.
fn merge_equal(diagnostics: &mut Vec<Diagnostic>) {
    let mut seen = HashSet::new();
    let is_first: Vec<bool> = diagnostics.iter().map(|one| seen.insert(one)).collect();
    let mut is_first = is_first.into_iter();
    diagnostics.retain(|_| is_first.next().unwrap_or(true));
}

/// Why one group could not be read.
#[derive(Debug, thiserror::Error)]
pub enum GroupError {
    /// The account has no provider.
    #[error("account {0} is not connected")]
    NotConnected(AccountName),
    /// There is none.
    #[error("there is no security group {selector} in region {region} of account {account}")]
    NotFound {
        /// Account that was searched.
        account: AccountName,
        /// Region that was searched.
        region: RegionId,
        /// What was looked for.
        selector: Selector,
    },
    /// There are several.
    #[error("{} security groups are called {selector}: {}", candidates.len(), listed(candidates))]
    Ambiguous {
        /// What was looked for.
        selector: Selector,
        /// What was found, by id.
        candidates: Vec<GroupInfo>,
    },
    /// The cloud or the connection failed.
    #[error(transparent)]
    Provider(#[from] ProviderError),
}

fn listed(candidates: &[GroupInfo]) -> String {
    let listed = candidates.iter();
    let listed = listed.map(|info| format!("{} in {}", info.id, info.network));
    listed.collect::<Vec<_>>().join(", ")
}

/// Finds and reads one group, declared or not.
pub async fn read_group<P: Provider>(
    clouds: &Clouds<P>,
    account: &AccountName,
    region: &RegionId,
    selector: &Selector,
) -> Result<ObservedGroup, GroupError> {
    let cloud = clouds
        .get(account)
        .ok_or_else(|| GroupError::NotConnected(account.clone()))?;
    let found = cloud.find(region, std::slice::from_ref(selector)).await?;
    let mut candidates: Vec<GroupInfo> = found.into_iter().flatten().collect();
    candidates.sort();
    match &candidates[..] {
        [] => Err(GroupError::NotFound {
            account: account.clone(),
            region: region.clone(),
            selector: selector.clone(),
        }),
        [info] => Ok(cloud.observe(region, info).await?),
        _ => Err(GroupError::Ambiguous {
            selector: selector.clone(),
            candidates,
        }),
    }
}

impl<'a> Prepared<'a> {
    /// Everything that is wrong or odd, the planner's diagnostics last.
    pub fn diagnostics(&self) -> impl Iterator<Item = &Diagnostic> {
        self.plan.diagnostics.iter()
    }

    /// Whether the plan lacks something: a group that could not be read, or that has an error.
    pub fn is_errored(&self) -> bool {
        !self.unreadable.is_empty() || self.diagnostics().any(Diagnostic::is_error)
    }

    /// The plan as far as it may be applied, or why not.
    pub fn guarded(&self, overrides: &Overrides) -> Result<Approved<'_>, NotApproved> {
        if self.is_errored() {
            return Err(NotApproved::Incomplete);
        }
        guard::guard(&self.plan, &self.groups, overrides).map_err(NotApproved::Refused)
    }
}

/// Why a plan may not be applied.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NotApproved {
    /// It lacks something: see [`Prepared::unreadable`] and [`Prepared::diagnostics`].
    Incomplete,
    /// The guard refuses.
    Refused(Vec<Refusal>),
}
