//! [`Approved`] x Provider -> [`Report`]: makes the changes in order, decides nothing.
//!
//! What is made: the calls of [`Plan::schedules`], VPCs side by side, within a VPC wave by wave. Before the first call of
//! a group its rules are kept in an undo file; before deletes that follow adds the adds must show; after the last call
//! the rules must be what was planned. Every call is in the run's journal before it is sent and in the audit trail after it.
//! Retries of one call are the provider's.

mod compare;
mod engine;
mod group;
mod narrow;
mod record;
mod verify;
mod words;

#[cfg(test)]
mod tests;

use std::{future::Future, path::PathBuf, time::Duration};

use crate::{
    clouds::Clouds,
    diag::Sources,
    guard::Approved,
    journal::Origin,
    plan::{self, Address, ChangeKind, GroupPlan, Plan},
    provider::{Provider, RuleCall, Stopper},
};

/// How an apply is run.
#[derive(Clone, Debug)]
pub struct Options {
    /// Folder of the project file; undo files go below it.
    pub root: PathBuf,
    /// Most requests at a time over the whole run.
    pub parallelism: usize,
    /// How long to wait for the cloud to show what it confirmed.
    pub wait: Wait,
    /// Whether the first change must have happened before the second may.
    pub must_precede: fn(first: &ChangeKind, then: &ChangeKind) -> bool,
    /// Kept in the journal and in the audit trail.
    pub origin: Origin,
    /// How long somebody will wait for a confirmation afterwards; kept in the journal.
    pub confirm_within: Option<Duration>,
}

impl Options {
    /// The defaults for a project in a folder.
    pub fn new(root: PathBuf) -> Self {
        Self {
            root,
            parallelism: 10,
            wait: Wait::default(),
            must_precede: plan::must_precede,
            origin: Origin::default(),
            confirm_within: None,
        }
    }
}

/// A bounded wait with growing pauses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Wait {
    /// All of it.
    pub total: Duration,
    /// The first pause; each one after it is half as long again.
    pub pause: Duration,
}

impl Default for Wait {
    fn default() -> Self {
        Self {
            total: Duration::from_secs(10),
            pause: Duration::from_millis(200),
        }
    }
}

/// Who wants to know how far an apply is. Called from the run itself: answers must be quick.
pub trait Progress: Send + Sync {
    /// The run begins: so many calls in so many groups.
    fn started(&self, _calls: usize, _groups: usize) {}
    /// A call was answered.
    fn call(&self, _group: &GroupPlan, _call: &RuleCall, _confirmed: bool) {}
    /// Nothing more will happen to a group.
    fn group_done(&self, _report: &GroupReport) {}
}

/// Nobody wants to know.
impl Progress for () {}

/// Makes the changes of a plan. When `stop` ends, calls in flight are finished and nothing more is sent, not even a call that
/// waits for its turn or for its next try.
pub async fn apply<P: Provider>(
    approved: &Approved<'_>,
    clouds: &Clouds<P>,
    sources: &Sources,
    options: &Options,
    progress: &dyn Progress,
    stop: impl Future<Output = ()>,
) -> Report {
    run(approved.plan(), clouds, sources, options, progress, stop).await
}

async fn run<P: Provider>(
    plan: &Plan,
    clouds: &Clouds<P>,
    sources: &Sources,
    options: &Options,
    progress: &dyn Progress,
    stop: impl Future<Output = ()>,
) -> Report {
    let stopper = Stopper::new();
    let run_id = uuid::Uuid::new_v4().simple().to_string();
    let engine = engine::Engine::new(
        plan,
        clouds,
        sources,
        options,
        progress,
        &run_id,
        stopper.stop(),
    );
    let work = engine.run();
    tokio::pin!(work);
    tokio::select! {
        biased; // Whoever asked for the stop is heard before anything more is sent.
        () = stop => {
            stopper.ask();
            work.await
        }
        report = &mut work => report,
    }
}

/// What an apply as a whole came to; decides the exit status.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Every group is done: the next plan would be empty.
    Complete,
    /// At least one group is not done, others are, or something in it was changed.
    Partial,
    /// No group is done, and no call was confirmed.
    Failed,
    /// It was stopped before the end.
    Interrupted,
}

impl Report {
    /// What it came to.
    pub fn verdict(&self) -> Verdict {
        let mut verdict = Verdict::Complete;
        for group in &self.groups {
            match group.outcome {
                GroupOutcome::Done => {}
                GroupOutcome::Interrupted | GroupOutcome::NotBegun => return Verdict::Interrupted,
                GroupOutcome::NotYetVisible(_)
                | GroupOutcome::Failed { .. }
                | GroupOutcome::HeldBack { .. }
                | GroupOutcome::Drifted(_) => verdict = Verdict::Failed,
            }
        }
        let something = self.groups.iter().any(|group| {
            matches!(group.outcome, GroupOutcome::Done)
                || group.added + group.changed + group.destroyed > 0
        });
        if verdict == Verdict::Failed && something {
            verdict = Verdict::Partial;
        }
        verdict
    }
}

/// What came of an apply.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// Made fresh for every apply; part of every ClientToken.
    pub run_id: String,
    /// A report per group that had changes, sorted by address.
    pub groups: Vec<GroupReport>,
}

/// What came of one group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GroupReport {
    /// The group.
    pub address: Address,
    /// Its name to show.
    pub name: String,
    /// How it ended.
    pub outcome: GroupOutcome,
    /// Rules added, modified, deleted by calls that the cloud confirmed.
    pub added: usize,
    /// Rules modified.
    pub changed: usize,
    /// Rules deleted.
    pub destroyed: usize,
    /// What the reader should know though nothing failed, a sentence each.
    pub notes: Vec<String>,
}

/// How a group ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum GroupOutcome {
    /// Everything is done and a read afterwards showed it.
    Done,
    /// Everything was sent and accepted, but reading did not show it within the wait; what is still missing, a line each.
    NotYetVisible(Vec<String>),
    /// A call failed.
    Failed {
        /// Which call, in words: `authorize 3 ingress rules`.
        call: String,
        /// What the cloud or the connection said.
        error: String,
        /// The rules that the call was about, each with the place where it is declared.
        rules: Vec<String>,
    },
    /// Some changes were held back, because changes they build on failed elsewhere in the same VPC.
    HeldBack {
        /// Why, in words.
        reason: String,
        /// The changes that were not made, a line each.
        rules: Vec<String>,
    },
    /// Somebody else changed the group since it was planned; nothing more was sent.
    Drifted(Vec<String>),
    /// The apply was interrupted before the group was finished.
    Interrupted,
    /// The apply was interrupted before the group's first call.
    NotBegun,
}
