//! Runs schedules: waves in order, calls within the bound, one group's calls one after the other.

use std::collections::{BTreeMap, BTreeSet};

use futures_util::future::join_all;
use tokio::sync::{Semaphore, SemaphorePermit};

use crate::{
    clouds::Clouds,
    diag::Sources,
    model::ObservedGroup,
    plan::{ChangeKind, Plan, Schedule, Step},
    provider::{Provider, ProviderError, RuleAction, RuleCall, Stop},
    snapshot::{self, Snapshot},
};

use super::{
    GroupOutcome, GroupReport, Options, Progress, Report,
    compare::{compare, in_effect},
    group::{Failure, GroupRun, State},
    narrow::Narrowed,
    record::{Record, did_nothing},
    words,
};

/// Everything that the calls of a run share.
pub(super) struct Engine<'a, P> {
    plan: &'a Plan,
    clouds: &'a Clouds<P>,
    pub(super) sources: &'a Sources,
    pub(super) options: &'a Options,
    progress: &'a dyn Progress,
    run_id: &'a str,
    record: Record<'a>,
    permits: Semaphore,
    stop: Stop,
}

/// A step with its number in the plan, which makes its token.
struct Numbered<'a> {
    number: usize,
    step: &'a Step,
}

/// The groups of a schedule by their index in the plan.
type Runs<'a> = BTreeMap<usize, GroupRun<'a>>;

impl<'a, P: Provider> Engine<'a, P> {
    pub fn new(
        plan: &'a Plan,
        clouds: &'a Clouds<P>,
        sources: &'a Sources,
        options: &'a Options,
        progress: &'a dyn Progress,
        run_id: &'a str,
        stop: Stop,
    ) -> Self {
        Self {
            plan,
            clouds,
            sources,
            options,
            progress,
            run_id,
            record: Record::new(plan, options, run_id),
            permits: Semaphore::new(options.parallelism.max(1)),
            stop,
        }
    }

    pub async fn run(&self) -> Report {
        let mut idle: BTreeSet<usize> = (0..self.plan.groups.len())
            .filter(|at| !self.plan.groups[*at].changes.is_empty())
            .collect();
        self.progress.started(self.plan.steps().count(), idle.len());
        let mut number = 0;
        let mut schedules = Vec::new();
        for schedule in &self.plan.schedules {
            schedules.push(self.schedule(schedule, number));
            number += schedule.waves.iter().flatten().count();
        }
        let mut reports: Vec<GroupReport> = Vec::new();
        for (index, report) in join_all(schedules).await.into_iter().flatten() {
            idle.remove(&index);
            reports.push(report);
        }
        for index in idle {
            let run = GroupRun::new(&self.plan.groups[index]);
            reports.push(self.report(run));
        }
        reports.sort_by(|a, b| a.address.cmp(&b.address));
        let report = Report {
            run_id: self.run_id.to_owned(),
            groups: reports,
        };
        warn(self.record.ended(&report).await);
        report
    }

    async fn schedule(&self, schedule: &Schedule, first: usize) -> Vec<(usize, GroupReport)> {
        let mut runs: Runs<'_> = schedule
            .waves
            .iter()
            .flatten()
            .map(|step| (step.group, GroupRun::new(&self.plan.groups[step.group])))
            .collect();
        let mut number = first;
        for wave in &schedule.waves {
            let steps: Vec<Numbered<'_>> = (number..)
                .zip(wave)
                .map(|(number, step)| Numbered { number, step })
                .collect();
            number += wave.len();
            if self.is_stopping() {
                continue;
            }
            self.hold_back(&mut runs, &steps);
            if self.needs_reading(&runs, &steps) {
                self.read_back(&mut runs).await;
                self.hold_back(&mut runs, &steps);
            }
            self.wave(&mut runs, steps).await;
        }
        let ends = runs.into_iter().map(async |(index, mut run)| {
            self.finish(&mut run).await;
            warn(self.record.group_done().await);
            (index, self.report(run))
        });
        join_all(ends).await
    }

    fn report(&self, run: GroupRun<'_>) -> GroupReport {
        let report = run.report(self.is_stopping(), self.sources);
        self.progress.group_done(&report);
        report
    }

    /// Keeps changes from being sent that build on one that is not in effect.
    fn hold_back(&self, runs: &mut Runs<'_>, steps: &[Numbered<'_>]) {
        let blocking: Vec<(usize, usize)> = runs
            .iter()
            .flat_map(|(group, run)| {
                let states = run.states.iter().enumerate();
                let blocking = states.filter(|(_, state)| state.blocks());
                blocking.map(|(change, _)| (*group, change))
            })
            .collect();
        if blocking.is_empty() {
            return;
        }
        for Numbered { step, .. } in steps {
            for &change in &step.changes {
                if runs[&step.group].states[change] != State::Planned {
                    continue;
                }
                let cause = blocking
                    .iter()
                    .find(|first| self.builds_on((step.group, change), **first));
                if let Some((group, first)) = cause {
                    let failed = &self.plan.groups[*group];
                    let reason = format!(
                        "builds on {} of {}, which is not in effect",
                        words::change(&failed.changes[*first], self.sources),
                        failed.name,
                    );
                    if let Some(run) = runs.get_mut(&step.group) {
                        run.hold_back(change, reason);
                    }
                }
            }
        }
    }

    /// Whether a change may only follow another one, each as group and change.
    fn builds_on(&self, then: (usize, usize), first: (usize, usize)) -> bool {
        let kind = |(group, change): (usize, usize)| -> &'a ChangeKind {
            &self.plan.groups[group].changes[change].kind
        };
        // A rule cannot come while one that the cloud may take it for has not gone.
        let needs_place = then.0 == first.0
            && match (kind(first).before(), kind(then).after()) {
                (Some(old), Some(new)) => old.rule.is_same_but_priority(new),
                _ => false,
            };
        let next_turn = then.0 == first.0
            && self.plan.groups[then.0].in_turn.is_some()
            && needs_turn(kind(first), kind(then));
        needs_place || next_turn || (self.options.must_precede)(kind(first), kind(then))
    }

    /// Whether a wave takes something away while adds of waves before it have not been seen.
    fn needs_reading(&self, runs: &Runs<'_>, steps: &[Numbered<'_>]) -> bool {
        let unshown: Vec<(usize, usize)> = runs
            .iter()
            .flat_map(|(group, run)| run.unshown().map(|change| (*group, change)))
            .collect();
        !unshown.is_empty()
            && steps.iter().any(|Numbered { step, .. }| {
                let run = &runs[&step.group];
                let planned = |change: &&usize| run.states[**change] == State::Planned;
                step.changes.iter().filter(planned).any(|&change| {
                    match &run.plan.changes[change].kind {
                        ChangeKind::Add(_) => false,
                        ChangeKind::Delete(_) => true,
                        ChangeKind::Modify { .. } => unshown
                            .iter()
                            .any(|first| self.builds_on((step.group, change), *first)),
                    }
                })
            })
    }

    async fn read_back(&self, runs: &mut Runs<'_>) {
        let unseen = runs
            .values_mut()
            .filter(|run| run.unshown().next().is_some());
        join_all(unseen.map(|run| self.show(run))).await;
    }

    async fn wave(&self, runs: &mut Runs<'a>, steps: Vec<Numbered<'_>>) {
        let mut by_group: BTreeMap<usize, Vec<Numbered<'_>>> = BTreeMap::new();
        for step in steps {
            by_group.entry(step.step.group).or_default().push(step);
        }
        let groups = runs
            .iter_mut()
            .filter_map(|(group, run)| Some((run, by_group.remove(group)?)));
        join_all(groups.map(async |(run, steps)| {
            for step in steps {
                if run.stopped.is_some() || !self.step(run, &step).await {
                    return;
                }
            }
        }))
        .await;
    }

    /// Makes one call, or what is left of it; `false` when the run was stopped before.
    async fn step(&self, run: &mut GroupRun<'_>, step: &Numbered<'_>) -> bool {
        let changes: Vec<usize> = step
            .step
            .changes
            .iter()
            .copied()
            .filter(|change| run.states[*change] == State::Planned)
            .collect();
        if changes.is_empty() {
            return true;
        }
        let call = narrowed(run, &step.step.call, &changes);
        let token = format!("{}-{}", self.run_id, step.number);
        let Some(permit) = self.permit().await else {
            return false;
        };
        let first = !run.begun;
        if first {
            if let Err(error) = self.keep(run).await {
                run.stop(GroupOutcome::Failed {
                    call: "write the undo file".to_owned(),
                    error: error.to_string(),
                    rules: Vec::new(),
                });
                return true;
            }
            if self.is_stopping() {
                return false; // Writing took its time.
            }
            run.begun = true;
        }
        run.checked = false;
        let answer = self.execute(run, &call, &token, &changes).await;
        drop(permit);
        match answer {
            Ok(()) => run.mark(&changes, State::Sent),
            Err(ProviderError::Stopped) => {
                run.begun = !first;
                return false; // What was not sent stays planned.
            }
            Err(error) => self.failed(run, &call, &token, changes, error).await,
        }
        true
    }

    pub(super) async fn execute(
        &self,
        run: &GroupRun<'_>,
        call: &RuleCall,
        token: &str,
        changes: &[usize],
    ) -> Result<(), ProviderError> {
        let address = &run.plan.address;
        let Some(cloud) = self.clouds.get(&address.account) else {
            return Err(not_connected(run));
        };
        let changes = changes.iter().map(|at| run.plan.changes[*at].kind.clone());
        if let Err(error) = self.record.sending(address, token, changes.collect()).await {
            return Err(ProviderError::NotSent {
                reason: format!("the journal cannot be written: {error}"),
            });
        }
        let answer = cloud
            .execute_until(&self.stop, &address.region, call, token)
            .await;
        warn(self.record.answered(address, token, call, &answer));
        if !matches!(answer, Err(ProviderError::Stopped)) {
            self.progress.call(run.plan, call, answer.is_ok());
        }
        answer.map(drop)
    }

    /// Finds out which changes of a failed call are in effect. What a single rule was refused for ends that rule and what
    /// builds on it; anything else ends the group.
    async fn failed(
        &self,
        run: &mut GroupRun<'_>,
        call: &RuleCall,
        token: &str,
        changes: Vec<usize>,
        error: ProviderError,
    ) {
        let narrowed = match error {
            ProviderError::Refused { .. } => self.narrow(run, call, token, changes, error).await,
            error => Narrowed::whole(changes, error),
        };
        let Narrowed { parts, ends_group } = narrowed;
        let mut changes: Vec<usize> = parts.iter().flat_map(|(part, _)| part).copied().collect();
        if changes.is_empty() {
            return;
        }
        let mut unknown = None;
        if parts.iter().any(|(_, error)| !did_nothing(error)) {
            // A call with several rules may have acted in part (not documented), and one without an answer in full.
            let is_lost = |error: &ProviderError| {
                matches!(
                    error,
                    ProviderError::Unavailable { .. } | ProviderError::Malformed { .. }
                )
            };
            let patient = parts.iter().any(|(_, error)| is_lost(error));
            let missing = |live: &ObservedGroup| -> Vec<usize> {
                let shown = |change: &&usize| !in_effect(run.plan, **change, live);
                changes.iter().filter(shown).copied().collect()
            };
            match self
                .settle(run, patient, |live| missing(live).is_empty())
                .await
            {
                Ok(live) => {
                    let missing = missing(&live);
                    run.mark(&changes, State::Sent);
                    run.mark(&missing, State::Failed);
                    changes = missing;
                    let found = compare(run.plan, &run.states, &live);
                    run.checked = found.pending.is_empty() && found.drift.is_empty();
                }
                Err(unread) => unknown = Some(words::error(&unread)),
            }
        }
        if changes.is_empty() {
            return;
        }
        run.mark(&changes, State::Failed);
        let mut failure = Failure::new(call, &parts, &changes, run.plan, self.sources);
        if let Some(unread) = unknown {
            failure.error = format!(
                "{}; whether it took effect is unknown, the rules could not be read: {unread}",
                failure.error
            );
            run.stop(failure.outcome());
        } else if ends_group {
            run.stop(failure.outcome());
        } else {
            run.failures.push(failure);
        }
    }

    async fn keep(&self, run: &GroupRun<'_>) -> Result<(), snapshot::Error> {
        let snapshot = Snapshot {
            taken: jiff::Timestamp::now(),
            address: run.plan.address.clone(),
            group: run.plan.observed.clone(),
        };
        let (root, run_id) = (self.options.root.clone(), self.run_id.to_owned());
        tokio::task::spawn_blocking(move || snapshot::write(&root, &run_id, &snapshot))
            .await
            .expect("writing a file does not panic")
            .map(drop)
    }

    pub(super) fn is_stopping(&self) -> bool {
        self.stop.is_asked()
    }

    /// Room for one request; `None` when nothing more shall be sent.
    pub(super) async fn permit(&self) -> Option<SemaphorePermit<'_>> {
        tokio::select! {
            biased;
            () = self.stopping() => None,
            permit = self.room() => Some(permit),
        }
    }

    /// Room for one request, also when the run is stopping.
    pub(super) async fn room(&self) -> SemaphorePermit<'_> {
        let permit = self.permits.acquire().await;
        permit.expect("the semaphore is never closed")
    }

    /// Ends when the run is to stop.
    pub(super) async fn stopping(&self) {
        self.stop.asked().await;
    }

    /// Reads a group once.
    pub(super) async fn read(&self, run: &GroupRun<'_>) -> Result<ObservedGroup, ProviderError> {
        let address = &run.plan.address;
        match self.clouds.get(&address.account) {
            Some(cloud) => {
                cloud
                    .observe(&address.region, &run.plan.observed.info)
                    .await
            }
            None => Err(not_connected(run)),
        }
    }
}

fn not_connected(run: &GroupRun<'_>) -> ProviderError {
    ProviderError::Unavailable {
        message: format!("account {} is not connected", run.plan.address.account),
        request_id: None,
        not_sent: true,
    }
}

/// The calls are made whether or not all of it can be written down.
fn warn(written: Result<(), snapshot::Error>) {
    if let Err(error) = written {
        tracing::warn!(%error, "the journal or the audit trail lacks a line");
    }
}

/// The call with only some of its changes; in a plan both have one order.
pub(super) fn narrowed(run: &GroupRun<'_>, call: &RuleCall, changes: &[usize]) -> RuleCall {
    let kinds = changes.iter().map(|at| &run.plan.changes[*at].kind);
    let action = match &call.action {
        RuleAction::Authorize(_) => {
            RuleAction::Authorize(kinds.filter_map(ChangeKind::after).cloned().collect())
        }
        RuleAction::Revoke(_) => {
            RuleAction::Revoke(kinds.filter_map(ChangeKind::before).cloned().collect())
        }
        RuleAction::Modify { from, to } => RuleAction::Modify {
            from: from.clone(),
            to: to.clone(),
        },
    };
    RuleCall {
        group: call.group.clone(),
        direction: call.direction,
        action,
    }
}

/// Whether a change of a group in turns needs one of a turn before: all that decide about the same traffic, and in the other direction
/// what may make the room that it takes. A change of the description alone does neither.
fn needs_turn(first: &ChangeKind, then: &ChangeKind) -> bool {
    let moves_packets = |change: &ChangeKind| match change {
        ChangeKind::Modify { from, to } => !from.rule.is_same_rule(to),
        ChangeKind::Add(_) | ChangeKind::Delete(_) => true,
    };
    let side = |change: &ChangeKind| (change.rule().direction, change.rule().nic);
    let makes_room = !matches!(first, ChangeKind::Add(_)) && !matches!(then, ChangeKind::Delete(_));
    moves_packets(first) && moves_packets(then) && (side(first) == side(then) || makes_room)
}
