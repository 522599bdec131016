//! One pass: reads the files, plans, and applies when asked. It takes no word of what woke it and is safe to repeat.

use std::{
    path::{Path, PathBuf},
    time::Instant,
};

use jiff::Timestamp;

use crate::{
    apply::{Report, Verdict},
    desired::{self, Desired},
    diag::{self, Sources},
    exit::Exit,
    guard::{Overrides, Refusal},
    journal::Origin,
    report::{Stamp, text},
    watch::{Ended, Ending, PassOutcome, Stop},
};

use super::{
    super::{
        Failure, Global, Screen, carry_out,
        pass::{self, Prepared},
        plan::not_whole,
        progress::Meter,
        project::{self, Selection},
    },
    Args,
    tell::{Scene, Teller, effort},
};

/// Makes passes.
#[derive(Debug)]
pub(super) struct Keeper<'a> {
    args: &'a Args,
    global: &'a Global,
    screen: &'a Screen,
    project: PathBuf,
    selection: Selection,
    teller: Teller,
    last: Option<Ending>,
}

impl<'a> Keeper<'a> {
    pub(super) fn new(
        args: &'a Args,
        global: &'a Global,
        screen: &'a Screen,
        project: PathBuf,
    ) -> Self {
        Self {
            args,
            global,
            screen,
            project,
            selection: args.selection.clone(),
            teller: Teller::default(),
            last: None,
        }
    }

    /// The project file.
    pub(super) fn project(&self) -> &Path {
        &self.project
    }

    /// Says what the loop is going to do.
    pub(super) fn greet(&self) {
        let interval = jiff::SignedDuration::try_from(self.args.interval)
            .expect("an interval is a week at most");
        let does = match self.args.apply {
            true => "changes are applied",
            false => "nothing is changed without --apply",
        };
        self.screen.hint(&format!(
            "a pass when a file changes, and every {interval:#}; {does}; Ctrl-C ends it"
        ));
    }

    /// Makes one pass.
    pub(super) async fn pass(&mut self, stop: &Stop) -> Ended {
        let ending = self.attempt(stop).await;
        let ended = Ended::from(&ending);
        self.last = Some(ending);
        ended
    }

    /// How the program ends after its only pass.
    pub(super) fn exit(&self) -> Exit {
        match &self.last {
            Some(Ending::InSync | Ending::Planned | Ending::Applied) => Exit::Done,
            Some(Ending::Waiting { .. } | Ending::Refused) => Exit::Refused,
            Some(Ending::Unfinished(verdict)) => (*verdict).into(),
            Some(Ending::Interrupted) => Exit::Interrupted,
            Some(Ending::NotSound(_) | Ending::Failed(_)) | None => Exit::Error,
        }
    }

    /// How the program ends when it is told to: well, but where an apply was cut short.
    pub(super) fn last_exit(&self) -> Exit {
        match self.last {
            Some(Ending::Unfinished(Verdict::Interrupted)) => Exit::Interrupted,
            _ => Exit::Done,
        }
    }

    /// Tries to make the cloud as the files are now, or to plan that.
    async fn attempt(&mut self, stop: &Stop) -> Ending {
        let (at, clock) = (Timestamp::now(), Instant::now());
        let mut scene = Scene::default();
        let desired = match desired::load(&self.project) {
            Ok((desired, warnings)) => {
                self.remark(&mut scene, &desired.sources, &warnings);
                desired
            }
            Err(error) => {
                self.remark(&mut scene, &error.sources, &error.diagnostics);
                let failure = project::not_sound(&error.diagnostics);
                let ending = Ending::NotSound(failure.message.clone());
                return self.without_plan(scene, at, clock, ending, failure, None);
            }
        };
        let stamp = pass::stamp(&desired, at);
        let parallelism = self.args.parallelism.into();
        let found = tokio::select! {
            biased;
            () = stop.stopped() => return Ending::Interrupted,
            found = pass::discover(desired, parallelism) => found,
        };
        let (desired, problems) = match found {
            Ok(found) => found,
            Err(failure) => {
                let ending = Ending::Failed(failure.message.clone());
                return self.without_plan(scene, at, clock, ending, failure, Some(&stamp));
            }
        };
        self.remark(&mut scene, &desired.sources, &problems);
        if problems.iter().any(diag::Diagnostic::is_error) {
            let failure = project::not_planned(&problems);
            let ending = Ending::NotSound(failure.message.clone());
            return self.without_plan(scene, at, clock, ending, failure, Some(&stamp));
        }
        if let Err(failure) = self.selection.choose(&desired) {
            let ending = Ending::NotSound(failure.message.clone());
            return self.without_plan(scene, at, clock, ending, failure, Some(&stamp));
        }
        let meter = Meter::new(self.global);
        let prepared = tokio::select! {
            biased;
            () = stop.stopped() => return Ending::Interrupted,
            prepared = pass::prepare(&desired, &self.selection, at, parallelism, &meter) => prepared,
        };
        drop(meter);
        let prepared = match prepared {
            Ok(prepared) => prepared,
            Err(failure) => {
                let ending = Ending::Failed(failure.message.clone());
                return self.without_plan(scene, at, clock, ending, failure, Some(&stamp));
            }
        };
        let ending = self
            .planned(&desired, &prepared, &stamp, scene, clock, stop)
            .await;
        if let Err(failure) = prepared.close().await {
            self.screen.failure(&failure);
        }
        ending
    }

    /// What becomes of a plan.
    async fn planned(
        &mut self,
        desired: &Desired,
        prepared: &Prepared<'_>,
        stamp: &Stamp,
        mut scene: Scene,
        clock: Instant,
        stop: &Stop,
    ) -> Ending {
        let diagnostics = prepared.diagnostics();
        self.remark(&mut scene, &desired.sources, &diagnostics);
        let (approved, refusals) = match prepared.guarded(&Overrides::default()) {
            Ok(approved) => (Some(approved), Vec::new()),
            Err(refusals) => (None, refusals),
        };
        let shown = prepared.report(&refusals, stamp);
        scene.result = text::plan(&shown, &self.screen.out);
        let applies = self.args.apply;
        let mut ending = if prepared.is_errored() {
            let failure = not_whole(&shown, &diagnostics);
            let message = failure.message.clone();
            scene.failure = Some(failure);
            match diagnostics.iter().any(diag::Diagnostic::is_error) {
                true => Ending::NotSound(message),
                false => Ending::Failed(message),
            }
        } else if !refusals.is_empty() && (applies || prepared.is_empty()) {
            scene.failure = Some(refused(&refusals));
            Ending::Refused
        } else if prepared.is_empty() {
            Ending::InSync
        } else {
            Ending::Planned
        };
        let counts = prepared.plan().counts();
        scene.words = match &ending {
            Ending::InSync => "No changes.".to_owned(),
            Ending::Planned => format!(
                "As before: {} to add, {} to change, {} to destroy.",
                counts.add, counts.change, counts.destroy
            ),
            _ => "as before".to_owned(),
        };
        if let Some(failure) = &scene.failure {
            scene.words = format!("as before: {}", failure.message);
        }
        let groups = prepared.plan().groups.len();
        scene.words = format!("{} ({})", scene.words, effort(groups, clock.elapsed()));
        self.print(&scene, stamp.timestamp, Some(stamp));

        let mut report = None;
        if let (Ending::Planned, Some(approved), true) = (&ending, &approved, applies) {
            let origin = Origin {
                commit: stamp.commit.clone(),
                dirty: stamp.dirty,
                undoes: None,
            };
            let meter = Meter::new(self.global);
            let parallelism = self.args.parallelism.into();
            let made = pass::apply(
                prepared,
                approved,
                origin,
                parallelism,
                &meter,
                stop.stopped(),
            )
            .await;
            drop(meter);
            ending = match made.verdict() {
                Verdict::Complete => Ending::Applied,
                verdict => Ending::Unfinished(verdict),
            };
            self.applied(&made);
            report = Some(made);
        }
        let failures = prepared.failures();
        self.publish(&PassOutcome {
            began: stamp.timestamp,
            took: clock.elapsed(),
            commit: stamp.commit.as_deref(),
            dirty: stamp.dirty,
            applies,
            ending: ending.clone(),
            bad: &[],
            plan: Some(prepared.plan()),
            sources: &desired.sources,
            refusals: &refusals,
            unreadable: &failures,
            report: report.as_ref(),
        });
        ending
    }

    /// Prints what came of an apply; the plan after it is news again.
    fn applied(&mut self, report: &Report) {
        let text = text::applied(report, &self.screen.out);
        if let Err(failure) = self.screen.result(&format!("\n{text}")) {
            self.screen.failure(&failure);
        }
        if carry_out::exit(report) != Exit::Done {
            self.screen
                .hint("the next pass makes only what is still missing");
        }
        self.teller.forget();
    }

    /// The end of a pass that did not come to a plan.
    fn without_plan(
        &mut self,
        mut scene: Scene,
        at: Timestamp,
        clock: Instant,
        ending: Ending,
        failure: Failure,
        stamp: Option<&Stamp>,
    ) -> Ending {
        scene.words = format!("as before: {}", failure.message);
        scene.failure = Some(failure);
        self.print(&scene, at, stamp);
        self.publish(&PassOutcome {
            began: at,
            took: clock.elapsed(),
            commit: stamp.and_then(|stamp| stamp.commit.as_deref()),
            dirty: stamp.and_then(|stamp| stamp.dirty),
            applies: self.args.apply,
            ending: ending.clone(),
            bad: &[],
            plan: None,
            sources: &Sources::default(),
            refusals: &[],
            unreadable: &[],
            report: None,
        });
        ending
    }

    fn remark(&self, scene: &mut Scene, sources: &Sources, diagnostics: &[diag::Diagnostic]) {
        if !diagnostics.is_empty() {
            let drawn = diag::render(sources, diagnostics, self.screen.err.colour);
            scene.remarks.push_str(&format!("{}\n\n", drawn.trim_end()));
        }
    }

    fn print(&mut self, scene: &Scene, at: Timestamp, stamp: Option<&Stamp>) {
        let from = stamp.and_then(from);
        let told = self.teller.tell(scene, at, from.as_deref(), self.screen);
        if let Err(failure) = told {
            self.screen.failure(&failure);
        }
    }

    /// The one place where others learn what a pass came to.
    fn publish(&mut self, outcome: &PassOutcome<'_>) {
        tracing::info!(
            ending = ?outcome.ending,
            commit = outcome.commit,
            milliseconds = u64::try_from(outcome.took.as_millis()).unwrap_or(u64::MAX),
            "a pass has ended"
        );
    }
}

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
