//! What a pass came to, for whoever follows the loop: metrics, notifications.

use std::time::Duration;

use jiff::Timestamp;

use crate::{
    apply::{Report, Verdict},
    diag::Sources,
    guard::Refusal,
    plan::Plan,
    report::ReadFailure,
};

use super::Ended;

/// What a pass came to.
#[derive(Clone, Debug)]
pub struct PassOutcome<'a> {
    /// When it began.
    pub began: Timestamp,
    /// How long it took.
    pub took: Duration,
    /// The commit that the files come from, and whether they differed from it.
    pub commit: Option<&'a str>,
    /// As `commit`.
    pub dirty: Option<bool>,
    /// Whether the loop applies what it plans.
    pub applies: bool,
    /// How it ended.
    pub ending: Ending,
    /// Newer commits that were not taken.
    pub bad: &'a [BadCommit],
    /// What was planned; `None`: it did not come to that.
    pub plan: Option<&'a Plan>,
    /// The files, for places; empty without a plan.
    pub sources: &'a Sources,
    /// What the guard has against the plan.
    pub refusals: &'a [Refusal],
    /// Groups that could not be read.
    pub unreadable: &'a [ReadFailure],
    /// What was applied; `None`: nothing was.
    pub report: Option<&'a Report>,
}

/// A commit that was not taken; the last good one stays in effect.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BadCommit {
    /// Its id.
    pub commit: String,
    /// Why, in one line.
    pub reason: String,
}

/// How a pass ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ending {
    /// The cloud holds what the files declare.
    InSync,
    /// There are changes, and this loop only plans.
    Planned,
    /// There are changes, and this is no time for them.
    Waiting {
        /// When it will be; `None`: not within sight.
        until: Option<Timestamp>,
        /// Why not now.
        reason: String,
    },
    /// The changes are made.
    Applied,
    /// Some changes are made or tried, others are not.
    Unfinished(Verdict),
    /// The guard refuses the plan.
    Refused,
    /// The changes are those of an apply that was taken back because nobody confirmed it; in one line.
    Held(String),
    /// The files have errors, by themselves or in view of the cloud; why, in one line.
    NotSound(String),
    /// Something failed that may work another time; what, in one line.
    Failed(String),
    /// It was told to stop.
    Interrupted,
}

impl PassOutcome<'_> {
    /// Whether the newest files were planned, and made true where that was asked for.
    pub fn is_success(&self) -> bool {
        self.ending.is_success() && self.bad.is_empty()
    }
}

impl Ending {
    /// Whether the pass did what a loop is for: a plan of sound files was made, and made true where that was asked for.
    pub fn is_success(&self) -> bool {
        match self {
            Self::InSync | Self::Planned | Self::Waiting { .. } | Self::Applied => true,
            Self::Unfinished(_)
            | Self::Refused
            | Self::Held(_)
            | Self::NotSound(_)
            | Self::Failed(_)
            | Self::Interrupted => false,
        }
    }

    /// What the files are to blame for, so that another state of them may be in order; in one line.
    ///
    /// A plan that is refused or held says nothing against its files: somebody is asked to make it by hand, and an older
    /// state would take back what they make.
    pub fn blame(&self) -> Option<&str> {
        match self {
            Self::NotSound(reason) => Some(reason),
            _ => None,
        }
    }
}

impl From<&Ending> for Ended {
    fn from(ending: &Ending) -> Self {
        match ending {
            Ending::Unfinished(_) | Ending::Failed(_) => Self::Failed,
            // Files and guard do not change their minds by being asked again.
            Ending::Waiting {
                until: Some(until), ..
            } => {
                let left = until.duration_since(Timestamp::now());
                Self::Waits(left.try_into().unwrap_or_default())
            }
            Ending::InSync
            | Ending::Planned
            | Ending::Waiting { until: None, .. }
            | Ending::Applied
            | Ending::Refused
            | Ending::Held(_)
            | Ending::NotSound(_)
            | Ending::Interrupted => Self::Well,
        }
    }
}
