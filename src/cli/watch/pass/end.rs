//! The end of a pass: what is printed, and who learns of it.

use std::sync::LazyLock;

use jiff::Timestamp;

use crate::{
    diag::{self, Sources},
    report::Stamp,
    watch::{Ending, PassOutcome},
};

use super::{
    super::{super::Failure, tell::Teller},
    Attempt, Keeper, State,
};

impl Keeper<'_> {
    /// The end of a pass that did not come to a plan.
    pub(in super::super) fn without_plan(
        &mut self,
        mut attempt: Attempt<'_>,
        ending: Ending,
        failure: Failure,
    ) -> Ending {
        attempt.scene.words = format!("as before: {}", failure.message);
        // Where another state of the files is tried, that one's plan is what there is.
        if !(attempt.state.another && ending.blame().is_some()) {
            let stamp = attempt.stamp.clone().unwrap_or(Stamp {
                timestamp: attempt.at,
                commit: None,
                dirty: None,
            });
            self.write_nothing(&failure, &stamp);
        }
        attempt.scene.failure = Some(failure);
        self.print(&attempt);
        let outcome = PassOutcome {
            ending: ending.clone(),
            ..self.outcome(&attempt)
        };
        self.publish(attempt.state, &outcome);
        ending
    }

    /// What is known of a pass before it has ended.
    pub(super) fn outcome<'o>(&self, attempt: &'o Attempt<'_>) -> PassOutcome<'o> {
        let stamp = attempt.stamp.as_ref();
        PassOutcome {
            began: attempt.at,
            took: attempt.clock.elapsed(),
            commit: stamp.and_then(|stamp| stamp.commit.as_deref()),
            dirty: stamp.and_then(|stamp| stamp.dirty),
            applies: self.args.apply,
            ending: Ending::Interrupted,
            bad: attempt.state.bad,
            plan: None,
            sources: &NO_SOURCES,
            refusals: &[],
            unreadable: &[],
            report: None,
        }
    }

    pub(super) fn remark(
        &self,
        attempt: &mut Attempt<'_>,
        sources: &Sources,
        diagnostics: &[diag::Diagnostic],
    ) {
        if !diagnostics.is_empty() {
            let drawn = diag::render(sources, diagnostics, self.screen.err.colour);
            let remark = format!("{}\n\n", drawn.trim_end());
            attempt.scene.remarks.push_str(&remark);
        }
    }

    pub(super) fn teller(&mut self, state: State<'_>) -> &mut Teller {
        &mut self.tellers[usize::from(!state.bad.is_empty())]
    }

    pub(super) fn print(&mut self, attempt: &Attempt<'_>) {
        let Attempt {
            state,
            at,
            stamp,
            scene,
            clock: _,
            warnings: _,
        } = attempt;
        let (from, screen) = (stamp.as_ref().and_then(from), self.screen);
        let told = self
            .teller(*state)
            .tell(scene, *at, from.as_deref(), screen);
        if let Err(failure) = told {
            self.screen.failure(&failure);
        }
    }

    /// The one place where others learn what a pass came to.
    pub(super) fn publish(&self, state: State<'_>, outcome: &PassOutcome<'_>) {
        if state.another && outcome.ending.blame().is_some() {
            return; // The pass goes on with other files.
        }
        let now = Timestamp::now();
        self.status.send_modify(|status| status.after(outcome, now));
        self.audience.hear(outcome, self.screen);
        tracing::info!(
            ending = ?outcome.ending,
            commit = outcome.commit,
            milliseconds = u64::try_from(outcome.took.as_millis()).unwrap_or(u64::MAX),
            "a pass has ended"
        );
    }
}

/// What a pass without files points at.
static NO_SOURCES: LazyLock<Sources> = LazyLock::new(Sources::default);

/// `commit 1a2b3c4`, `commit 1a2b3c4 with changes`.
fn from(stamp: &Stamp) -> Option<String> {
    let commit = stamp.commit.as_deref()?;
    let changed = match stamp.dirty {
        Some(true) => " with changes",
        _ => "",
    };
    Some(format!("commit {}{changed}", short(commit)))
}

/// The part of a commit's id that people use.
fn short(commit: &str) -> &str {
    commit.get(..10).unwrap_or(commit)
}
