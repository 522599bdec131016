//! One pass: reads the files, plans, and applies when asked. It takes no word of what woke it and is safe to repeat.

use std::{
    path::{Path, PathBuf},
    sync::LazyLock,
    time::{Duration, Instant},
};

use jiff::Timestamp;
use tokio::sync::watch;

use crate::{
    apply::{Report, Verdict},
    desired::{self, Desired, Loader},
    diag::{self, Sources},
    exit::Exit,
    guard::{Overrides, Refusal},
    journal::Origin,
    lock::{self, Lock},
    report::{Stamp, text},
    watch::{BadCommit, Ended, Ending, PassOutcome, Status, Stop, git::Checkout},
};

use super::{
    super::{
        Failure, Global, Screen, carry_out, confirm,
        pass::{self, Prepared},
        plan::{Shared, not_whole},
        progress::Meter,
        project::{self, Selection},
    },
    Args,
    audience::Audience,
    obstacle::obstacle,
    tell::{Scene, Teller, effort},
};

/// Makes passes.
#[derive(Debug)]
pub(super) struct Keeper<'a> {
    args: &'a Args,
    global: &'a Global,
    pub(super) screen: &'a Screen,
    files: Files<'a>,
    /// What has not changed since the last pass is not parsed again.
    loader: Loader,
    /// For the newest files, and for those of the last good commit.
    tellers: [Teller; 2],
    audience: Audience,
    /// How the last pass ended, by the newest files.
    pub(super) last: Option<Ending>,
    /// Whether the guard let the last plan through.
    pub(super) approved: bool,
    /// The bad commit that was told last.
    pub(super) told: Option<BadCommit>,
    /// Why an overdue apply could not be undone the last time.
    not_undone: Option<Failure>,
    /// What followers of the loop see.
    status: watch::Sender<Status>,
}

/// Where the files are.
#[derive(Clone, Copy, Debug)]
pub(super) enum Files<'a> {
    /// Where somebody edits them.
    Here {
        /// The project file.
        project: &'a Path,
    },
    /// In commits.
    Git(&'a Checkout),
}

/// One state of the files.
#[derive(Clone, Copy, Debug)]
pub(super) struct State<'s> {
    /// The commit that is checked out, and what speaks against it.
    pub(super) commit: Option<(&'s str, Option<&'s str>)>,
    /// Newer commits that were not taken.
    pub(super) bad: &'s [BadCommit],
    /// Whether another state is tried when the files of this one are to blame.
    pub(super) another: bool,
    /// The folder whose lock is held already.
    pub(super) locked: Option<&'s Path>,
}

impl State<'_> {
    /// Files that are not in git's care.
    pub(super) const HERE: Self = Self {
        commit: None,
        bad: &[],
        another: false,
        locked: None,
    };
}

/// What is gathered while one state of the files is looked at.
#[derive(Debug)]
pub(super) struct Attempt<'s> {
    state: State<'s>,
    at: Timestamp,
    clock: Instant,
    /// Of the files, as soon as it is known.
    stamp: Option<Stamp>,
    scene: Scene,
}

impl<'s> Attempt<'s> {
    pub(super) fn of(state: State<'s>) -> Self {
        let at = Timestamp::now();
        Self {
            state,
            at,
            clock: Instant::now(),
            stamp: state.commit.map(|(commit, _)| stamp_of(commit, at)),
            scene: Scene::default(),
        }
    }
}

impl<'a> Keeper<'a> {
    pub(super) fn new(
        args: &'a Args,
        global: &'a Global,
        screen: &'a Screen,
        files: Files<'a>,
    ) -> Self {
        Self {
            args,
            global,
            screen,
            files,
            loader: Loader::default(),
            tellers: Default::default(),
            audience: Audience::default(),
            last: None,
            approved: false,
            told: None,
            not_undone: None,
            status: watch::Sender::default(),
        }
    }

    /// What the passes have come to, always the latest.
    pub(super) fn status(&self) -> watch::Receiver<Status> {
        self.status.subscribe()
    }

    /// Says what the loop is going to do.
    pub(super) fn greet(&self) {
        let span = |span: Duration| {
            let span = jiff::SignedDuration::try_from(span).expect("a week at most");
            format!("{span:#}")
        };
        let interval = span(self.args.interval);
        let does = match self.args.apply {
            true => "changes are applied",
            false => "nothing is changed without --apply",
        };
        let wakes = match self.files {
            Files::Here { .. } => "when a file changes".to_owned(),
            Files::Git(checkout) => format!(
                "when there is a new commit in {}, looked for every {}",
                checkout.remote(),
                span(self.args.git.git_interval)
            ),
        };
        self.screen.hint(&format!(
            "a pass {wakes}, and every {interval}; {does}; Ctrl-C ends it"
        ));
    }

    /// Makes one pass.
    pub(super) async fn pass(&mut self, stop: &Stop) -> Ended {
        let ending = match self.files {
            Files::Here { .. } => {
                let ending = self.attempt(State::HERE, stop).await;
                self.last = Some(ending.clone());
                ending
            }
            Files::Git(checkout) => self.of_commits(checkout, stop).await,
        };
        self.audience.tell(self.screen).await;
        Ended::from(&ending)
    }

    /// How the program ends after its only pass.
    pub(super) fn exit(&self) -> Exit {
        match &self.last {
            Some(Ending::InSync | Ending::Planned | Ending::Applied) => Exit::Done,
            Some(Ending::Waiting { .. } | Ending::Refused | Ending::Held(_)) => Exit::Refused,
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

    /// The project file of the state that is checked out, and which of its groups are meant.
    fn project(&self) -> (PathBuf, Selection) {
        let mut selection = self.args.selection.clone();
        let folder = match self.files {
            Files::Here { project } => return (project.to_owned(), selection),
            Files::Git(checkout) => checkout.folder(),
        };
        for path in &mut selection.paths {
            *path = folder.join(&*path);
        }
        let project = match &self.global.project {
            Some(path) => folder.join(path),
            None => folder.to_owned(),
        };
        match project.is_dir() {
            true => (project.join(project::PROJECT_FILE), selection),
            false => (project, selection),
        }
    }

    /// Tries to make the cloud as the files are, or to plan that.
    pub(super) async fn attempt(&mut self, state: State<'_>, stop: &Stop) -> Ending {
        self.approved = false;
        let mut attempt = Attempt::of(state);
        if let Some((_, Some(objection))) = state.commit {
            let ending = Ending::NotSound(objection.to_owned());
            let failure = Failure::new(format!("the commit is not taken: {objection}"));
            return self.without_plan(attempt, ending, failure);
        }
        let (project, selection) = self.project();
        let root = project.parent().unwrap_or(Path::new(""));
        // For the whole pass: what is planned is what is applied.
        let _lock = match state.locked == Some(root) {
            true => None,
            false => match self.lock(root).await {
                Ok(lock) => lock,
                Err(failure) => {
                    let ending = Ending::Failed(failure.message.clone());
                    return self.without_plan(attempt, ending, failure);
                }
            },
        };
        let loaded = match self.args.once {
            true => desired::load(&project), // Nothing comes after it.
            false => {
                let loaded = self.loader.load(&project);
                tracing::debug!(parsed = self.loader.parsed(), "the files are read");
                loaded
            }
        };
        let desired = match loaded {
            Ok((desired, warnings)) => {
                self.remark(&mut attempt, &desired.sources, &warnings);
                desired
            }
            Err(error) => {
                self.remark(&mut attempt, &error.sources, &error.diagnostics);
                let failure = project::not_sound(&error.diagnostics);
                let ending = Ending::NotSound(failure.message.clone());
                return self.without_plan(attempt, ending, failure);
            }
        };
        self.audience.of(&desired.project);
        let at = attempt.at;
        attempt
            .stamp
            .get_or_insert_with(|| pass::stamp(&desired, at));
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
                return self.without_plan(attempt, ending, failure);
            }
        };
        self.remark(&mut attempt, &desired.sources, &problems);
        if problems.iter().any(diag::Diagnostic::is_error) {
            let failure = project::not_planned(&problems);
            let ending = Ending::NotSound(failure.message.clone());
            return self.without_plan(attempt, ending, failure);
        }
        if let Err(failure) = selection.choose(&desired) {
            let ending = Ending::NotSound(failure.message.clone());
            return self.without_plan(attempt, ending, failure);
        }
        let meter = Meter::new(self.global);
        let prepared = tokio::select! {
            biased;
            () = stop.stopped() => return Ending::Interrupted,
            prepared = pass::prepare(&desired, &selection, at, parallelism, &meter) => prepared,
        };
        drop(meter);
        let prepared = match prepared {
            Ok(prepared) => prepared,
            Err(failure) => {
                let ending = Ending::Failed(failure.message.clone());
                return self.without_plan(attempt, ending, failure);
            }
        };
        let ending = self.planned(attempt, &desired, &prepared, stop).await;
        if let Err(failure) = prepared.close().await {
            self.screen.failure(&failure);
        }
        ending
    }

    /// The project's folder as it is now, before another commit is checked out; `None`: it is not there yet, so that nobody
    /// can be at work in it.
    pub(super) fn root(&self) -> Option<PathBuf> {
        let (project, _) = self.project();
        let root = project.parent()?;
        root.is_dir().then(|| root.to_owned())
    }

    /// The right to change the cloud from a folder, once what is overdue there is taken back; nothing where nothing is
    /// applied.
    pub(super) async fn lock(&mut self, root: &Path) -> Result<Option<Lock>, Failure> {
        if !self.args.apply {
            return Ok(None);
        }
        self.take_back(root).await;
        let lock = lock::try_take(root, "watch");
        lock.map(Some)
            .map_err(|error| Failure::new(error.to_string()))
    }

    /// Undoes applies of this folder that nobody has confirmed in time and that were killed before they could do it.
    async fn take_back(&mut self, root: &Path) {
        let shared = Shared {
            output: Vec::new(),
            parallelism: self.args.parallelism,
        };
        let undone = confirm::undo_overdue(root, &shared, self.global, self.screen).await;
        match undone {
            Ok(_) => self.not_undone = None,
            Err(failure) if self.not_undone.as_ref() == Some(&failure) => {}
            Err(failure) => {
                self.screen.failure(&failure);
                self.not_undone = Some(failure);
            }
        }
    }

    /// What becomes of a plan.
    async fn planned(
        &mut self,
        mut attempt: Attempt<'_>,
        desired: &Desired,
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

    /// The end of a pass that did not come to a plan.
    pub(super) fn without_plan(
        &mut self,
        mut attempt: Attempt<'_>,
        ending: Ending,
        failure: Failure,
    ) -> Ending {
        attempt.scene.words = format!("as before: {}", failure.message);
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
    fn outcome<'o>(&self, attempt: &'o Attempt<'_>) -> PassOutcome<'o> {
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

    fn remark(
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

    fn teller(&mut self, state: State<'_>) -> &mut Teller {
        &mut self.tellers[usize::from(!state.bad.is_empty())]
    }

    fn print(&mut self, attempt: &Attempt<'_>) {
        let Attempt {
            state,
            at,
            stamp,
            scene,
            clock: _,
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
    fn publish(&self, state: State<'_>, outcome: &PassOutcome<'_>) {
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

/// Of files that are checked out from a commit.
fn stamp_of(commit: &str, at: Timestamp) -> Stamp {
    Stamp {
        timestamp: at,
        commit: Some(commit.to_owned()),
        dirty: Some(false),
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
