//! What a loop has come to so far, for metrics: made of what its passes came to.

use std::collections::BTreeMap;

use jiff::Timestamp;

use crate::{
    apply::{GroupOutcome, Verdict},
    desired::Mode,
    plan::{Address, GroupPlan},
    provider::requests,
};

use super::{Ending, PassOutcome};

/// Upper bounds of the histogram of passes, in seconds.
pub(super) const BOUNDS: [f64; 13] = [
    0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0, 600.0, 1800.0,
];

/// Results of applies.
pub(super) const RESULTS: [&str; 5] = ["complete", "partial", "failed", "interrupted", "refused"];

/// What a loop has come to so far.
#[derive(Clone, Debug, Default)]
pub struct Status {
    /// The groups of the last plan.
    pub(super) groups: Vec<Group>,
    /// Applies by result, in the order of [`RESULTS`].
    pub(super) applies: [u64; RESULTS.len()],
    /// Passes by duration: how many ended within each of [`BOUNDS`], and all.
    pub(super) passes: [u64; BOUNDS.len()],
    pub(super) all_passes: u64,
    pub(super) seconds: f64,
    /// When the last pass ended that succeeded.
    pub(super) last_success: Option<Timestamp>,
    /// Requests to the cloud.
    pub(super) requests: requests::Counts,
}

/// A group as the last pass found or left it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Group {
    /// Account, region and id; the declared name where no id is known.
    pub(super) place: [String; 3],
    pub(super) mode: String,
    pub(super) sync: &'static str,
    /// Rules that are missing, different, live only.
    pub(super) drift: [usize; 3],
}

/// Kinds of drift, in the order of [`Group::drift`].
pub(super) const KINDS: [&str; 3] = ["missing", "different", "live_only"];

impl Status {
    /// Takes in what a pass came to, which ended now.
    pub fn after(&mut self, outcome: &PassOutcome<'_>, now: Timestamp) {
        let seconds = outcome.took.as_secs_f64();
        self.all_passes += 1;
        self.seconds += seconds;
        for (count, bound) in self.passes.iter_mut().zip(BOUNDS) {
            *count += u64::from(seconds <= bound);
        }
        let result = match &outcome.ending {
            Ending::Applied => Some(Verdict::Complete),
            Ending::Unfinished(verdict) => Some(*verdict),
            _ => None,
        };
        let result = match result {
            Some(Verdict::Complete) => Some(0),
            Some(Verdict::Partial) => Some(1),
            Some(Verdict::Failed) => Some(2),
            Some(Verdict::Interrupted) => Some(3),
            None => {
                let is_refused = matches!(outcome.ending, Ending::Refused | Ending::Held(_));
                (outcome.applies && is_refused).then_some(4)
            }
        };
        if let Some(result) = result {
            self.applies[result] += 1;
        }
        if outcome.is_success() {
            self.last_success = Some(now);
        }
        if let Some(plan) = outcome.plan {
            let planned = plan.groups.iter().map(|group| of_group(group, outcome));
            let unread = outcome.unreadable.iter().map(|failure| {
                let mut parts = failure.group.splitn(3, '/').map(str::to_owned);
                Group {
                    place: [(); 3].map(|()| parts.next().unwrap_or_default()),
                    mode: String::new(),
                    sync: "unreadable",
                    drift: [0; 3],
                }
            });
            // Every combination of labels once, whatever names people have given.
            let groups = planned
                .chain(unread)
                .map(|group| (group.place.clone(), group));
            let groups: BTreeMap<_, _> = groups.collect();
            self.groups = groups.into_values().collect();
        }
        self.requests = requests::counts();
    }

    /// Whether a pass succeeded, and not too long ago.
    pub fn is_ready(&self, now: Timestamp, patience: std::time::Duration) -> bool {
        self.last_success
            .is_some_and(|last| now.duration_since(last).unsigned_abs() <= patience)
    }
}

fn of_group(group: &GroupPlan, outcome: &PassOutcome<'_>) -> Group {
    let Address {
        account,
        region,
        group: id,
    } = &group.address;
    let counts = group.counts();
    let mut drift = [counts.add, counts.change, counts.destroy];
    let applied = outcome.report.and_then(|report| {
        let mut groups = report.groups.iter();
        groups.find(|applied| applied.address == group.address)
    });
    let is_refused = outcome
        .refusals
        .iter()
        .any(|refusal| refusal.address == group.address);
    let sync = match applied.map(|applied| &applied.outcome) {
        Some(GroupOutcome::Done) => {
            drift = [0; 3];
            "in_sync"
        }
        Some(_) => "failed",
        None if is_refused => "refused",
        None if counts.is_empty() => "in_sync",
        None => "drifted",
    };
    Group {
        place: [account.to_string(), region.to_string(), id.to_string()],
        mode: mode(group.modes),
        sync,
        drift,
    }
}

/// `complete`, or each direction where they differ.
fn mode(modes: [Option<Mode>; 2]) -> String {
    let word = |mode: Option<Mode>| mode.map_or("unmanaged".to_owned(), |mode| mode.to_string());
    match modes.map(word) {
        [ingress, egress] if ingress == egress => ingress,
        [ingress, egress] => format!("ingress {ingress}, egress {egress}"),
    }
}
