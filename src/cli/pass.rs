//! Where commands meet the reconciler: connecting accounts, reading and planning, applying. Nothing else in the command
//! line knows how a cloud is reached.

use std::{collections::BTreeSet, net::SocketAddr, path::Path};

use jiff::Timestamp;

use crate::{
    apply::{self, GroupReport, Report},
    clouds::{self, ConnectCause, Connected},
    desired::{Desired, DesiredGroup, Selector},
    diag::Diagnostic,
    emulator::{Config, Credential, Emulator, EmulatorError, Seed},
    git::{self, Revision},
    guard::{Approved, Overrides, Refusal},
    model::{AccountName, ObservedGroup, RegionId},
    plan::GroupPlan,
    provider::{RuleCall, alibaba::credentials::Environment},
    reconcile, report,
    report::{PlanReport, ReadFailure, Stamp},
    saved,
};

use super::{Failure, emulate::Settings, progress::Meter, project::Selection};

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
    let chosen = selection.choose(desired)?;
    let accounts = chosen
        .iter()
        .map(|index| desired.groups[*index].account.clone())
        .collect();
    let connected = connect(desired, &accounts, parallelism).await?;
    let wanted = selection.within(desired)?;
    let options = reconcile::Options { parallelism };
    let inner = reconcile::prepare(desired, &wanted, &connected.clouds, at, &options, meter)
        .await
        .map_err(|error| Failure::new("there is nothing to plan").because(&error))?;
    let failures = inner
        .unreadable
        .iter()
        .map(|failure| ReadFailure {
            group: format!("{}/{}/{}", failure.account, failure.region, failure.group),
            error: failure.error.to_string(),
        })
        .collect();
    Ok(Prepared {
        inner,
        failures,
        connected,
    })
}

async fn connect(
    desired: &Desired,
    accounts: &BTreeSet<AccountName>,
    parallelism: usize,
) -> Result<Connected, Failure> {
    clouds::connect(
        &desired.project,
        accounts,
        &Environment::of_process(),
        parallelism,
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
    fn started(&self, calls: usize, _groups: usize) {
        self.begin("making calls", calls);
    }

    fn call(&self, _group: &GroupPlan, _call: &RuleCall, _confirmed: bool) {
        self.advance();
    }

    fn group_done(&self, _report: &GroupReport) {}
}

impl Prepared<'_> {
    /// What is wrong or odd about the files in view of the cloud.
    pub(super) fn diagnostics(&self) -> Vec<Diagnostic> {
        self.inner.diagnostics().cloned().collect()
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
        }
    }
}

/// When and from what a plan is made.
pub(super) fn stamp(desired: &Desired, at: Timestamp) -> Stamp {
    let revision = git::revision(&desired.project.root, |name| std::env::var(name).ok());
    Stamp {
        timestamp: at,
        commit: revision.as_ref().map(|revision| revision.commit.clone()),
        dirty: revision.map(|revision| revision.dirty),
    }
}

/// Writes a plan to a file that `apply` takes.
pub(super) fn save(
    prepared: &Prepared<'_>,
    path: &Path,
    refusals: &[Refusal],
    stamp: &Stamp,
) -> Result<(), Failure> {
    let revision = stamp.commit.clone().map(|commit| Revision {
        commit,
        dirty: stamp.dirty.unwrap_or_default(),
    });
    let saved = saved::Saved::new(&prepared.inner, revision.as_ref());
    let document = serde_json::from_str(&report::json::plan(&prepared.report(refusals, stamp)))
        .expect("the reporter writes JSON");
    saved::write(path, &saved, document)
        .map_err(|error| Failure::new("the plan cannot be saved").because(&error))
}

/// What a saved plan was about; checked against a new plan by [`check`].
pub(super) struct Saved {
    inner: saved::Saved,
    /// What was chosen when it was made.
    pub(super) selection: Selection,
}

/// Whether a file is a saved plan, whatever its name.
pub(super) fn is_saved_plan(path: &Path) -> bool {
    saved::is_saved(path)
}

/// Reads a saved plan.
pub(super) fn read_saved(path: &Path) -> Result<Saved, Failure> {
    let inner = saved::read(path).map_err(|error| {
        Failure::new("the saved plan cannot be used; nothing was changed")
            .because(&error)
            .help("`rulekeep plan --out FILE` makes one")
    })?;
    Ok(Saved {
        selection: Selection {
            paths: inner.selection.paths.clone(),
            targets: super::project::Targets {
                targets: inner.selection.targets.clone(),
            },
        },
        inner,
    })
}

/// What has moved since the plan was saved, a line each; empty: nothing.
pub(super) fn check(saved: &Saved, prepared: &Prepared<'_>, stamp: &Stamp) -> Vec<String> {
    let moved = saved.inner.check(&prepared.inner).err().unwrap_or_default();
    let mut moved: Vec<String> = moved.iter().map(ToString::to_string).collect();
    let commit = |commit: &Option<String>, dirty: bool| {
        let commit = commit.as_ref()?;
        let dirty = if dirty { " with changes" } else { "" };
        Some(format!("commit {commit}{dirty}"))
    };
    let before = commit(&saved.inner.commit, saved.inner.dirty);
    let now = commit(&stamp.commit, stamp.dirty.unwrap_or_default());
    // Never a reason by itself, but it says where to look.
    if !moved.is_empty()
        && let (Some(before), Some(now)) = (before, now)
    {
        moved.push(match before == now {
            true => format!("planned at and now at {now}"),
            false => format!("planned at {before}, now at {now}"),
        });
    }
    moved
}

/// Makes the changes.
pub(super) async fn apply(
    prepared: &Prepared<'_>,
    approved: &Approved<'_>,
    parallelism: usize,
    meter: &Meter,
    stop: impl Future<Output = ()>,
) -> Result<Report, Failure> {
    let desired = prepared.inner.desired;
    let options = apply::Options {
        parallelism,
        ..apply::Options::new(desired.project.root.clone())
    };
    let clouds = &prepared.connected.clouds;
    Ok(apply::apply(approved, clouds, &desired.sources, &options, meter, stop).await)
}

/// Finds and reads one group, declared or not.
pub(super) async fn read_group(
    desired: &Desired,
    account: &AccountName,
    region: &RegionId,
    group: &Selector,
) -> Result<ObservedGroup, Failure> {
    let connected = connect(desired, &[account.clone()].into(), 1).await?;
    reconcile::read_group(&connected.clouds, account, region, group)
        .await
        .map_err(|error| {
            Failure::new("the group cannot be read")
                .because(&error)
                .help("--account and --region say where else to look; an id means one group")
        })
}

/// The HTTP service of `emulate`, from ready until `stop` ends.
pub(super) async fn emulate(
    settings: Settings,
    ready: impl FnOnce(SocketAddr) -> Result<(), Failure>,
    stop: impl Future<Output = ()>,
) -> Result<(), Failure> {
    let Settings {
        listen,
        state,
        seed,
        credentials,
    } = settings;
    let mut config = Config {
        listen,
        state,
        seed: seed.map(Seed::File),
        ..Config::default()
    };
    if !credentials.is_empty() {
        config.credentials = credentials
            .iter()
            .map(|(id, secret)| Credential::new(id, secret))
            .collect();
    }
    let failed = |error| Failure::new("the embedded cloud cannot be served").because(&error);
    let emulator = Emulator::start(config).await.map_err(failed)?;
    ready(emulator.local_addr())?;
    stop.await;
    emulator.shut_down().await.map_err(failed)
}
