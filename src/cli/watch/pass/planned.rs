//! What becomes of a plan: it is shown, and carried out when that is asked for and nothing is in the way.

use crate::{
    apply::{Report, Verdict},
    desired::Desired,
    diag,
    exit::Exit,
    guard::{Overrides, Refusal},
    journal::Origin,
    report::text,
    watch::{Ending, PassOutcome, Stop},
};

use super::{
    super::{
        super::{
            Failure, carry_out,
            pass::{self, Prepared},
            plan::not_whole,
            progress::Meter,
            project::Selection,
        },
        obstacle::obstacle,
        outputs::Made,
        tell::effort,
    },
    Attempt, Keeper, State,
};

impl Keeper<'_> {
    /// What becomes of a plan.
    pub(super) async fn planned(
        &mut self,
        mut attempt: Attempt<'_>,
        (desired, selection): (&Desired, &Selection),
        prepared: &Prepared<'_>,
        stop: &Stop,
    ) -> Ending {
        let diagnostics = prepared.diagnostics();
        self.remark(&mut attempt, &desired.sources, &diagnostics);
        let at = attempt.at;
        let stamp = attempt
            .stamp
            .get_or_insert_with(|| pass::stamp(desired, at))
            .clone();
        let (approved, refusals) = match prepared.guarded(&Overrides::default()) {
            Ok(approved) => (Some(approved), Vec::new()),
            Err(refusals) => (None, refusals),
        };
        self.approved = approved.is_some();
        let shown = prepared.report(&refusals, &stamp);
        attempt.scene.result = text::plan(&shown, &self.screen.out);
        let applies = self.args.apply;
        let mut waits = String::new();
        let (mut ending, failure) = if prepared.is_errored() {
            let failure = not_whole(&shown, &diagnostics);
            let message = failure.message.clone();
            let ending = match diagnostics.iter().any(diag::Diagnostic::is_error) {
                true => Ending::NotSound(message),
                false => Ending::Failed(message),
            };
            (ending, Some(failure))
        } else if !refusals.is_empty() && (applies || prepared.is_empty()) {
            (Ending::Refused, Some(refused(&refusals)))
        } else if prepared.is_empty() {
            (Ending::InSync, None)
        } else if let Some(obstacle) = applies
            .then(|| obstacle(desired, prepared.plan()))
            .flatten()
        {
            waits = obstacle.waits;
            (obstacle.ending, obstacle.failure)
        } else {
            (Ending::Planned, None)
        };
        // Where another state of the files is tried, that one's plan is what there is.
        if !(attempt.state.another && ending.blame().is_some()) {
            self.write_plan(&Made {
                desired,
                selection,
                prepared,
                refusals: &refusals,
                stamp: &stamp,
                warnings: &attempt.warnings,
            });
        }
        if !waits.is_empty() {
            attempt.scene.result.push_str(&format!("{waits}\n"));
        }
        let counts = prepared.plan().counts();
        let words = match (&ending, &failure) {
            (_, Some(failure)) => format!("as before: {}", failure.message),
            (Ending::InSync, None) => "No changes.".to_owned(),
            (_, None) => format!(
                "As before: {} to add, {} to change, {} to destroy. {waits}",
                counts.add, counts.change, counts.destroy
            ),
        };
        let groups = prepared.plan().groups.len();
        attempt.scene.words = format!(
            "{} ({})",
            words.trim_end(),
            effort(groups, attempt.clock.elapsed())
        );
        attempt.scene.failure = failure;
        self.print(&attempt);

        let mut report = None;
        if let (Ending::Planned, Some(approved), true) = (&ending, &approved, applies) {
            let origin = Origin {
                commit: stamp.commit.clone(),
                dirty: stamp.dirty,
                undoes: None,
            };
            let meter = Meter::new(self.global);
            let parallelism = self.args.parallelism.into();
            let stopped = stop.stopped();
            let made = pass::apply(
                prepared,
                approved,
                origin,
                None,
                parallelism,
                &meter,
                stopped,
            )
            .await;
            drop(meter);
            ending = match made.verdict() {
                Verdict::Complete => Ending::Applied,
                verdict => Ending::Unfinished(verdict),
            };
            self.applied(attempt.state, &made);
            report = Some(made);
        }
        let unreadable = prepared.failures();
        let outcome = PassOutcome {
            ending: ending.clone(),
            plan: Some(prepared.plan()),
            sources: &desired.sources,
            refusals: &refusals,
            unreadable: &unreadable,
            report: report.as_ref(),
            ..self.outcome(&attempt)
        };
        self.publish(attempt.state, &outcome);
        ending
    }

    /// Prints what came of an apply; the plan after it is news again.
    fn applied(&mut self, state: State<'_>, report: &Report) {
        let text = text::applied(report, &self.screen.out);
        if let Err(failure) = self.screen.result(&format!("\n{text}")) {
            self.screen.failure(&failure);
        }
        if carry_out::exit(report) != Exit::Done {
            self.screen
                .hint("the next pass makes only what is still missing");
        }
        self.teller(state).forget();
    }
}

fn refused(refusals: &[Refusal]) -> Failure {
    let mut failure = Failure::with(
        Exit::Refused,
        format!(
            "the guard refused the plan for {}; nothing was changed",
            text::count(refusals.len(), "reason")
        ),
    )
    .help("change the files, or make this one change by hand: `rulekeep apply` takes what the refusals name");
    failure.causes = refusals
        .iter()
        .map(|refusal| format!("{}: {}: {}", refusal.name, refusal.reason, refusal.message))
        .collect();
    failure
}
