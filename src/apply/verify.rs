//! Reads groups back: between waves and at the end, with a bounded wait for the cloud to show what it confirmed.

use std::time::Duration;

use tokio::time::Instant;

use crate::{
    desired::Mode,
    model::ObservedGroup,
    plan::ChangeKind,
    provider::{Provider, ProviderError},
};

use super::{
    GroupOutcome,
    compare::{compare, priority_twin, said},
    engine::Engine,
    group::{GroupRun, State},
    words,
};

/// How long a reading may go on after the stop.
const LAST_LOOK: Duration = Duration::from_secs(5);

impl<P: Provider> Engine<'_, P> {
    /// Reads until `settled` or until the wait is over; at once when not `patient`. The last reading is the answer.
    pub(super) async fn settle(
        &self,
        run: &GroupRun<'_>,
        patient: bool,
        settled: impl Fn(&ObservedGroup) -> bool,
    ) -> Result<ObservedGroup, ProviderError> {
        let wait = self.options.wait;
        let end = Instant::now() + wait.total;
        let mut pause = wait.pause.max(Duration::from_millis(1));
        loop {
            let live = {
                let _room = self.room().await;
                tokio::select! {
                    live = self.read(run) => live?,
                    () = self.out_of_patience() => return Err(ProviderError::Stopped),
                }
            };
            let now = Instant::now();
            if !patient || settled(&live) || self.is_stopping() || now >= end {
                return Ok(live);
            }
            tokio::select! {
                () = tokio::time::sleep(pause.min(end - now)) => {}
                () = self.stopping() => {}
            }
            pause = pause.mul_f32(1.5);
        }
    }

    /// Ends some time after the stop: a reading that waits for its turn is of no more use then.
    async fn out_of_patience(&self) {
        self.stopping().await;
        tokio::time::sleep(LAST_LOOK).await;
    }

    /// Before something is taken away: every add and modify must show, and the rest be as it was planned.
    pub(super) async fn show(&self, run: &mut GroupRun<'_>) {
        let is_add = |run: &GroupRun<'_>, change: usize| {
            !matches!(run.plan.changes[change].kind, ChangeKind::Delete(_))
        };
        let settled = |live: &ObservedGroup| {
            let found = compare(run.plan, &run.states, live);
            !found.drift.is_empty() || !found.pending.iter().any(|(at, _)| is_add(run, *at))
        };
        let live = match self.settle(run, true, settled).await {
            Ok(live) => live,
            Err(ProviderError::Stopped) => return,
            Err(error) => return self.unread(run, &error),
        };
        let found = compare(run.plan, &run.states, &live);
        let mut pending = found.pending;
        let clean = pending.is_empty();
        pending.retain(|(at, _)| is_add(run, *at));
        if !pending.is_empty() && found.drift.is_empty() && self.is_stopping() {
            return; // The wait was cut short; nothing follows from it.
        }
        for change in run.unshown().collect::<Vec<_>>() {
            run.states[change] = match pending.iter().any(|(at, _)| *at == change) {
                true => State::Unseen,
                false => State::Shown,
            };
        }
        if !found.drift.is_empty() {
            run.stop(GroupOutcome::Drifted(found.drift));
            return;
        }
        run.checked = clean;
        run.note(found.notes);
        let lines = self.duplicates(run, &live, pending);
        if !lines.is_empty() && run.stopped.is_none() {
            let unsent = (0..run.states.len()).filter(|at| run.states[*at] == State::Planned);
            let unsent: Vec<String> = unsent
                .map(|at| words::change(&run.plan.changes[at], self.sources))
                .collect();
            if unsent.is_empty() {
                return; // The last reading will tell.
            }
            run.stop(GroupOutcome::HeldBack {
                reason: format!(
                    "the cloud does not show what it confirmed: {}",
                    lines.join("; ")
                ),
                rules: unsent,
            });
        }
    }

    /// After the last call: the group must be what was planned.
    pub(super) async fn finish(&self, run: &mut GroupRun<'_>) {
        if run.stopped.is_some() || !run.begun || run.checked || self.is_stopping() {
            return;
        }
        let settled = |live: &ObservedGroup| {
            let found = compare(run.plan, &run.states, live);
            !found.drift.is_empty() || found.pending.is_empty()
        };
        let live = match self.settle(run, true, settled).await {
            Ok(live) => live,
            Err(ProviderError::Stopped) => return,
            Err(error) => return self.unread(run, &error),
        };
        let found = compare(run.plan, &run.states, &live);
        if !found.drift.is_empty() {
            run.stop(GroupOutcome::Drifted(found.drift));
            return;
        }
        if !found.pending.is_empty() && self.is_stopping() {
            return;
        }
        run.checked = true;
        run.note(found.notes);
        let lines = self.duplicates(run, &live, found.pending);
        if lines.is_empty() || run.stopped.is_some() {
            return;
        }
        if run.states.contains(&State::HeldBack) {
            run.note(lines);
        } else {
            run.stopped = Some(GroupOutcome::NotYetVisible(lines));
        }
    }

    /// Sorts out adds that the cloud took for another rule; what is still to come is answered, a line each.
    fn duplicates(
        &self,
        run: &mut GroupRun<'_>,
        live: &ObservedGroup,
        pending: Vec<(usize, String)>,
    ) -> Vec<String> {
        let mut lines = Vec::new();
        let mut failed = Vec::new();
        for (at, line) in pending {
            let change = &run.plan.changes[at];
            let twin = match &change.kind {
                ChangeKind::Add(rule) => priority_twin(live, rule).map(|twin| (rule, twin)),
                ChangeKind::Modify { .. } | ChangeKind::Delete(_) => None,
            };
            let Some((rule, twin)) = twin else {
                lines.push(line);
                continue;
            };
            run.states[at] = State::Duplicate;
            let mut note = format!(
                "the cloud took {} for a duplicate of {}: priority {} is not in effect",
                words::rule(change, self.sources),
                said(twin),
                rule.priority,
            );
            if run.plan.mode(rule.direction) == Some(Mode::Partial) {
                note.push_str(&format!(
                    ", and the next plan will propose to add it again; declare it with priority {}, or not at all",
                    twin.rule.priority
                ));
            } else {
                failed.push(at);
            }
            run.notes.push(note);
        }
        if let Some(first) = failed.first() {
            let direction = run.plan.changes[*first].kind.rule().direction;
            let plural = if failed.len() == 1 { "" } else { "s" };
            run.stop(GroupOutcome::Failed {
                call: format!("authorize {} {direction} rule{plural}", failed.len()),
                error: "the cloud took it for a duplicate of a rule that differs in priority only"
                    .to_owned(),
                rules: words::rules(run.plan, &failed, self.sources),
            });
        }
        lines
    }

    fn unread(&self, run: &mut GroupRun<'_>, error: &ProviderError) {
        for change in run.unshown().collect::<Vec<_>>() {
            run.states[change] = State::Unseen;
        }
        run.stop(GroupOutcome::Failed {
            call: "read the rules back".to_owned(),
            error: words::error(error),
            rules: Vec::new(),
        });
    }
}
