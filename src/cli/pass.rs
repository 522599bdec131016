//! Where commands meet the reconciler: connecting accounts, reading and planning, applying. Nothing else in the command
//! line knows how a cloud is reached.

mod saved;
mod session;
mod targets;

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use jiff::Timestamp;

use crate::{
    apply::{self, GroupReport, Report},
    clouds::{self, ConnectCause, Connected, Kept},
    desired::{Desired, DesiredGroup, Project},
    diag::{Diagnostic, Sources},
    emulator::{Config, Emulator, EmulatorError, EmulatorHandle},
    git,
    guard::{Approved, Overrides, Refusal},
    journal::Origin,
    model::{AccountName, Lists, ObservedGroup, RegionId},
    plan::{Address, GroupPlan, Plan},
    provider::{RuleCall, alibaba::credentials::Environment},
    reconcile, report,
    report::{
        PlanReport, ReadFailure, Stamp,
        checked::CheckedGroup,
        finding::{self, Finding, Found},
    },
};

pub(super) use self::{
    saved::{Saved, check, is_saved_plan, read_saved, save, stamp},
    session::{Session, session},
    targets::meant,
};
use super::{Failure, progress::Meter, project::Selection};

/// A plan with what was found on the way to it, and the way to its clouds.
pub(super) struct Prepared<'a> {
    inner: reconcile::Prepared<'a>,
    failures: Vec<ReadFailure>,
    connected: Connected,
}

/// Reads the chosen groups and plans them.
pub(super) async fn prepare<'a>(
    desired: &'a Desired,
    selection: &Selection,
    at: Timestamp,
    parallelism: usize,
    meter: &Meter,
) -> Result<Prepared<'a>, Failure> {
    prepare_again(&Kept::default(), desired, selection, at, parallelism, meter).await
}

/// As [`prepare`], over the connections of the last time where there are any.
pub(super) async fn prepare_again<'a>(
    kept: &Kept,
    desired: &'a Desired,
    selection: &Selection,
    at: Timestamp,
    parallelism: usize,
    meter: &Meter,
) -> Result<Prepared<'a>, Failure> {
    let chosen = selection.choose(desired)?;
    let chosen = chosen
        .iter()
        .map(|index| desired.groups[*index].account.clone());
    // Whoever looks again asks for the groups that match again.
    let accounts = chosen.chain(accounts(desired, &desired.matched.asked));
    let accounts = accounts.collect();
    let connected = connect(desired, &accounts, parallelism, kept).await?;
    prepare_on(connected, desired, selection, at, parallelism, meter).await
}

/// As [`prepare`], over connections that are there already.
pub(super) async fn prepare_on<'a>(
    connected: Connected,
    desired: &'a Desired,
    selection: &Selection,
    at: Timestamp,
    parallelism: usize,
    meter: &Meter,
) -> Result<Prepared<'a>, Failure> {
    let wanted = selection.within(desired)?;
    let options = reconcile::Options { parallelism };
    let inner = reconcile::prepare(desired, &wanted, &connected.clouds, at, &options, meter)
        .await
        .map_err(|error| nothing_to_plan(&error))?;
    Ok(Prepared::new(inner, connected))
}

impl<'a> Prepared<'a> {
    fn new(inner: reconcile::Prepared<'a>, connected: Connected) -> Self {
        let failures = inner
            .unreadable
            .iter()
            .map(|failure| ReadFailure {
                group: format!("{}/{}/{}", failure.account, failure.region, failure.group),
                is_document: failure.is_document,
                span: Some(failure.span),
                error: failure.error.to_string(),
            })
            .collect();
        Self {
            inner,
            failures,
            connected,
        }
    }
}

/// Puts live groups in place of the documents with `targets` that may be about chosen groups; with them come warnings. Asks no cloud when
/// there are none. Documents whose groups cannot be listed are told of by the plan.
pub(super) async fn discover(
    desired: Desired,
    selection: &Selection,
    parallelism: usize,
    kept: &Kept,
) -> Result<(Desired, Vec<Diagnostic>), Failure> {
    let documents = reconcile::documents(&desired, &selection.within(&desired)?);
    if documents.is_empty() {
        return Ok((desired, Vec::new()));
    }
    let accounts = accounts(&desired, &documents);
    let connected = connect(&desired, &accounts, parallelism, kept).await?;
    let found = reconcile::discover(desired, &documents, &connected.clouds, parallelism).await;
    let closed = connected.close().await;
    let found = found.map_err(|error| nothing_to_plan(&error))?;
    closed.map_err(|error| Failure::new("the embedded cloud did not end well").because(&error))?;
    Ok(found)
}

/// The accounts of some documents with `targets`.
fn accounts(desired: &Desired, documents: &BTreeSet<usize>) -> BTreeSet<AccountName> {
    let documents = documents.iter().map(|at| &desired.templates[*at].body);
    documents.map(|body| body.account.clone()).collect()
}

fn nothing_to_plan(error: &reconcile::Error) -> Failure {
    Failure::new("there is nothing to plan").because(error)
}

/// Connects the accounts of all groups.
pub(super) async fn connect_all(
    desired: &Desired,
    parallelism: usize,
) -> Result<Connected, Failure> {
    let accounts = desired.groups.iter().map(|group| group.account.clone());
    connect(desired, &accounts.collect(), parallelism, &Kept::default()).await
}

async fn connect(
    desired: &Desired,
    accounts: &BTreeSet<AccountName>,
    parallelism: usize,
    kept: &Kept,
) -> Result<Connected, Failure> {
    clouds::connect(
        &desired.project,
        accounts,
        &Environment::of_process(),
        parallelism,
        kept,
    )
    .await
    .map_err(|error| {
        let failure = Failure::new(format!("account {} cannot be connected", error.account));
        let failure = failure.because(&error.cause);
        match error.cause {
            ConnectCause::Emulator(EmulatorError::State(_)) => failure.help(
                "another rulekeep may have the file open: wait for it; to begin anew, move the file away",
            ),
            ConnectCause::Emulator(EmulatorError::Seed { .. }) => {
                failure.help("`seed` of the account in the project file names it")
            }
            _ => failure,
        }
    })
}

impl reconcile::Progress for Meter {
    fn reading(&self, groups: usize) {
        self.begin("reading groups", groups);
    }

    fn read(&self, _group: &DesiredGroup) {
        self.advance();
    }
}

impl apply::Progress for Meter {
    fn started(&self, calls: usize, groups: usize) {
        self.begin("making calls", calls);
        self.of_groups(groups);
    }

    fn call(&self, _group: &GroupPlan, _call: &RuleCall, _confirmed: bool) {
        self.advance();
    }

    fn group_done(&self, _report: &GroupReport) {
        Self::group_done(self);
    }
}

impl Prepared<'_> {
    /// The project.
    pub(super) fn project(&self) -> &Project {
        &self.inner.desired.project
    }

    /// The files, for messages.
    pub(super) fn sources(&self) -> &Sources {
        &self.inner.desired.sources
    }

    /// The groups as they were read.
    pub(super) fn observed(&self) -> BTreeMap<Address, ObservedGroup> {
        let groups = self.inner.plan.groups.iter();
        groups
            .map(|group| (group.address.clone(), group.observed.clone()))
            .collect()
    }

    /// Why not every group could be read, if so.
    pub(super) fn unread(&self) -> Option<Failure> {
        let mut failure = Failure::new(format!(
            "{} could not be read; nothing was changed",
            report::text::count(self.failures.len(), "group")
        ));
        let errors = self.failures.iter();
        failure.causes = errors
            .map(|f| format!("{}: {}", f.group, f.error))
            .collect();
        let missing = self.inner.diagnostics().filter(|d| d.is_error());
        failure.causes.extend(missing.map(|d| d.message.clone()));
        (!failure.causes.is_empty()).then_some(failure)
    }

    /// The connections, for another plan.
    pub(super) fn into_connected(self) -> Connected {
        self.connected
    }

    /// Asks once more which groups match, reads and plans; what has moved, a line each. Empty: the plan is still the same.
    pub(super) async fn moved(
        &self,
        parallelism: usize,
        meter: &Meter,
    ) -> Result<Vec<String>, Failure> {
        let (inner, clouds) = (&self.inner, &self.connected.clouds);
        let asked = &inner.desired.matched.asked;
        let anew;
        let desired = if asked.is_empty() {
            inner.desired
        } else {
            let before = inner.desired.clone();
            let found = reconcile::discover(before, asked, clouds, parallelism).await;
            (anew, _) = found.map_err(|error| nothing_to_plan(&error))?;
            &anew
        };
        let options = reconcile::Options { parallelism };
        let now = Timestamp::now();
        let selection = &inner.selection;
        let again = reconcile::prepare(desired, selection, clouds, now, &options, meter).await;
        match again {
            Ok(again) => Ok(saved::moved(inner, &again)),
            Err(reconcile::Error::Select(reconcile::SelectError::Target { target, .. })) => {
                Ok(vec![format!("no group is called `{target}` any more")])
            }
            Err(reconcile::Error::Select(error)) => Ok(vec![error.to_string()]),
            Err(error) => Err(nothing_to_plan(&error)),
        }
    }

    /// What is wrong or odd about the files in view of the cloud.
    pub(super) fn diagnostics(&self) -> Vec<Diagnostic> {
        self.inner.diagnostics().cloned().collect()
    }

    /// The lists that were read, by account and region.
    pub(super) fn lists(&self) -> &BTreeMap<(AccountName, RegionId), Lists> {
        &self.inner.lists
    }

    /// What would be done.
    pub(super) fn plan(&self) -> &Plan {
        &self.inner.plan
    }

    /// Groups that could not be read.
    pub(super) fn failures(&self) -> Vec<ReadFailure> {
        self.failures.clone()
    }

    /// Ends its connections; the state of an embedded cloud is free afterwards.
    pub(super) async fn close(self) -> Result<(), Failure> {
        let closed = self.connected.close().await;
        closed.map_err(|error| Failure::new("the embedded cloud did not end well").because(&error))
    }

    /// Whether nothing is to be done.
    pub(super) fn is_empty(&self) -> bool {
        self.inner.plan.counts().is_empty()
    }

    /// Whether something could not be planned.
    pub(super) fn is_errored(&self) -> bool {
        self.inner.is_errored()
    }

    /// The plan as far as it may be applied, or why not. What lacks something is told by its failures and diagnostics.
    pub(super) fn guarded(&self, overrides: &Overrides) -> Result<Approved<'_>, Vec<Refusal>> {
        self.inner
            .guarded(overrides)
            .map_err(|reason| match reason {
                reconcile::NotApproved::Incomplete => Vec::new(),
                reconcile::NotApproved::Refused(refusals) => refusals,
            })
    }

    /// Everything worth telling of the plan and its files in one shape. `files`: what the files alone have shown.
    pub(super) fn findings(
        &self,
        refusals: &[Refusal],
        stamp: &Stamp,
        files: &[Diagnostic],
    ) -> Vec<Finding> {
        let desired = self.inner.desired;
        finding::findings(&Found {
            sources: &desired.sources,
            folder: &git::prefix(&desired.project.root),
            groups: &desired.groups,
            files,
            plan: Some(self.report(refusals, stamp)),
        })
    }

    /// The project file, for findings without a place.
    pub(super) fn project_seen_from_top(&self) -> String {
        let folder = git::prefix(&self.inner.desired.project.root);
        format!("{folder}{}", super::project::PROJECT_FILE)
    }

    /// The groups that were looked at. `drift`: whether it is said how they differ.
    pub(super) fn checked_groups(&self, drift: bool) -> Vec<CheckedGroup> {
        let groups = self.inner.plan.groups.iter().zip(&self.inner.groups);
        groups
            .map(|(plan, declared)| {
                let counts = plan.counts();
                let text = format!(
                    "{} missing, {} different, {} live only",
                    counts.add, counts.change, counts.destroy
                );
                CheckedGroup {
                    label: finding::label(declared),
                    drift: (drift && !counts.is_empty()).then_some(text),
                }
            })
            .collect()
    }

    /// For the reporters.
    pub(super) fn report<'a>(
        &'a self,
        refusals: &'a [Refusal],
        stamp: &'a Stamp,
    ) -> PlanReport<'a> {
        PlanReport {
            plan: &self.inner.plan,
            sources: &self.inner.desired.sources,
            refusals,
            failures: &self.failures,
            stamp,
            shard: self.inner.selection.shard,
        }
    }
}

/// Makes the changes; `confirm_within`: how long somebody will wait for a confirmation afterwards.
pub(super) async fn apply(
    prepared: &Prepared<'_>,
    approved: &Approved<'_>,
    origin: Origin,
    confirm_within: Option<Duration>,
    parallelism: usize,
    meter: &Meter,
    stop: impl Future<Output = ()>,
) -> Report {
    let desired = prepared.inner.desired;
    let options = apply::Options {
        parallelism,
        origin,
        confirm_within,
        ..apply::Options::new(desired.project.root.clone())
    };
    let clouds = &prepared.connected.clouds;
    apply::apply(approved, clouds, &desired.sources, &options, meter, stop).await
}

/// The HTTP service of `emulate`, from ready until `stop` ends.
pub(super) async fn emulate(
    config: Config,
    reset: bool,
    ready: impl FnOnce(&EmulatorHandle) -> Result<(), Failure>,
    stop: impl Future<Output = ()>,
) -> Result<(), Failure> {
    let failed = |error| Failure::new("the embedded cloud cannot be served").because(&error);
    let emulator = Emulator::start(config).await.map_err(failed)?;
    if reset {
        emulator.reset().map_err(failed)?;
    }
    ready(&emulator)?;
    stop.await;
    emulator.shut_down().await.map_err(failed)
}
