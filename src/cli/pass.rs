//! Where commands meet the reconciler: connecting accounts, reading and planning, applying. Nothing else in the command
//! line knows how a cloud is reached.

use jiff::Timestamp;

use crate::{
    apply::Report,
    desired::{Desired, DesiredGroup, Selector},
    diag::Diagnostic,
    guard::{self, Approved, Overrides, Refusal},
    model::{AccountName, ObservedGroup, RegionId},
    plan::{self, Context, Plan},
    report::{PlanReport, ReadFailure, Stamp},
};

use super::{Failure, progress::Meter, project::Selection};

/// A plan with what was found on the way to it.
#[derive(Debug)]
pub(super) struct Prepared<'a> {
    desired: &'a Desired,
    groups: Vec<&'a DesiredGroup>,
    plan: Plan,
    failures: Vec<ReadFailure>,
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
    meter.begin("reading groups", chosen.len());
    let lists = std::collections::BTreeMap::new();
    let context = Context {
        at,
        sources: &desired.sources,
        directory: &[],
        lists: &lists,
    };
    tracing::debug!(parallelism, groups = chosen.len(), "reading");
    Ok(Prepared {
        desired,
        groups: Vec::new(),
        plan: plan::plan(Vec::new(), &context),
        failures: chosen
            .into_iter()
            .map(|index| {
                let group = &desired.groups[index];
                meter.advance();
                ReadFailure {
                    group: format!("{}/{}/{}", group.account, group.region, group.selector),
                    error: format!("account {} is not connected", group.account),
                }
            })
            .collect(),
    })
}

impl Prepared<'_> {
    /// What is wrong or odd about the files in view of the cloud.
    pub(super) fn diagnostics(&self) -> Vec<Diagnostic> {
        self.plan.diagnostics.clone()
    }

    /// Whether nothing is to be done.
    pub(super) fn is_empty(&self) -> bool {
        self.plan.counts().is_empty()
    }

    /// Whether something could not be planned.
    pub(super) fn is_errored(&self) -> bool {
        !self.failures.is_empty() || self.plan.diagnostics.iter().any(Diagnostic::is_error)
    }

    /// The plan as far as it may be applied, or why not.
    pub(super) fn guarded(&self, overrides: &Overrides) -> Result<Approved<'_>, Vec<Refusal>> {
        guard::guard(&self.plan, &self.groups, overrides)
    }

    /// For the reporters.
    pub(super) fn report<'a>(
        &'a self,
        refusals: &'a [Refusal],
        stamp: &'a Stamp,
    ) -> PlanReport<'a> {
        PlanReport {
            plan: &self.plan,
            sources: &self.desired.sources,
            refusals,
            failures: &self.failures,
            stamp,
        }
    }
}

/// When and from what a plan is made.
pub(super) fn stamp(_desired: &Desired, at: Timestamp) -> Stamp {
    Stamp {
        timestamp: at,
        commit: None,
        dirty: None,
    }
}

/// Writes a plan to a file that `apply` takes.
pub(super) fn save(
    prepared: &Prepared<'_>,
    path: &std::path::Path,
    stamp: &Stamp,
) -> Result<(), Failure> {
    let report = prepared.report(&[], stamp);
    super::output::write_file(path, &crate::report::json::plan(&report))
}

/// What a saved plan was about; checked against a new plan by [`check`].
pub(super) struct Saved {
    path: std::path::PathBuf,
    /// What was chosen when it was made.
    pub(super) selection: Selection,
}

/// Reads a saved plan.
pub(super) fn read_saved(path: &std::path::Path) -> Result<Saved, Failure> {
    std::fs::read(path).map_err(|error| {
        Failure::new(format!("{} cannot be read", path.display())).because(&error)
    })?;
    Ok(Saved {
        path: path.to_owned(),
        selection: Selection::default(),
    })
}

/// What has moved since the plan was saved, a line each; empty: nothing.
pub(super) fn check(saved: &Saved, _prepared: &Prepared<'_>) -> Vec<String> {
    vec![format!("{} cannot be compared", saved.path.display())]
}

/// Makes the changes.
pub(super) async fn apply(
    prepared: &Prepared<'_>,
    approved: &Approved<'_>,
    _parallelism: usize,
    meter: &Meter,
    stop: impl Future<Output = ()>,
) -> Result<Report, Failure> {
    let calls = approved.plan().counts().calls;
    meter.begin("making calls", calls);
    tracing::debug!(root = %prepared.desired.project.root.display(), calls, "applying");
    drop(stop);
    Err(Failure::new("no account is connected"))
}

/// Finds and reads one group, declared or not.
pub(super) async fn read_group(
    _desired: &Desired,
    account: &AccountName,
    region: &RegionId,
    group: &Selector,
) -> Result<ObservedGroup, Failure> {
    Err(
        Failure::new(format!("{account}/{region}/{group} cannot be read"))
            .help(format!("account {account} is not connected")),
    )
}

/// The HTTP service of `emulate`, from ready until `stop` ends.
pub(super) async fn emulate(
    settings: super::emulate::Settings,
    _ready: impl FnOnce(std::net::SocketAddr) -> Result<(), Failure>,
    _stop: impl Future<Output = ()>,
) -> Result<(), Failure> {
    let super::emulate::Settings {
        listen,
        state,
        seed,
        credentials,
    } = settings;
    tracing::debug!(?state, ?seed, credentials = credentials.len(), "serving");
    Err(Failure::new(format!("{listen} cannot be served")))
}

/// JSON Schema of the project file.
pub(super) fn project_schema() -> Result<String, Failure> {
    Err(Failure::new("the project file has no schema"))
}

/// JSON Schema of group files.
pub(super) fn group_schema() -> Result<String, Failure> {
    Err(Failure::new("group files have no schema"))
}
