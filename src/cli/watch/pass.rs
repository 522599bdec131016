//! One pass: reads the files, plans, and applies when asked. It takes no word of what woke it and is safe to repeat.

mod end;
mod planned;
mod state;

use std::{
    path::{Path, PathBuf},
    time::Duration,
};

use tokio::sync::watch;

use crate::{
    apply::Verdict,
    clouds::Kept,
    desired::{self, Loader},
    exit::Exit,
    lock::{self, Lock},
    watch::{BadCommit, Ended, Ending, Status, Stop},
};

use super::{
    super::{
        Failure, Global, Screen, confirm, pass,
        plan::Shared,
        progress::Meter,
        project::{self, Selection},
    },
    Args,
    audience::Audience,
    tell::Teller,
};

pub(super) use state::{Attempt, Files, State};

/// Makes passes.
#[derive(Debug)]
pub(super) struct Keeper<'a> {
    pub(super) args: &'a Args,
    pub(super) global: &'a Global,
    pub(super) screen: &'a Screen,
    files: Files<'a>,
    /// What has not changed since the last pass is not parsed again.
    loader: Loader,
    /// Nor are connections made anew.
    kept: Kept,
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
    /// Why an output could not be written the last time.
    pub(super) unwritten: Option<Failure>,
    /// What followers of the loop see.
    status: watch::Sender<Status>,
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
            kept: Kept::default(),
            tellers: Default::default(),
            audience: Audience::default(),
            last: None,
            approved: false,
            told: None,
            not_undone: None,
            unwritten: None,
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
        let exit = match &self.last {
            Some(Ending::InSync | Ending::Planned | Ending::Applied) => Exit::Done,
            Some(Ending::Waiting { .. } | Ending::Refused | Ending::Held(_)) => Exit::Refused,
            Some(Ending::Unfinished(verdict)) => (*verdict).into(),
            Some(Ending::Interrupted) => Exit::Interrupted,
            Some(Ending::NotSound(_) | Ending::Failed(_)) | None => Exit::Error,
        };
        match (exit, &self.unwritten) {
            (Exit::Done, Some(_)) => Exit::Error,
            (exit, _) => exit,
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
    pub(super) fn project(&self) -> (PathBuf, Selection) {
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
                let (read, parsed) = (self.loader.read(), self.loader.parsed());
                tracing::debug!(read, parsed, "the files are loaded");
                loaded
            }
        };
        let desired = match loaded {
            Ok((desired, warnings)) => {
                self.remark(&mut attempt, &desired.sources, &warnings);
                attempt.warnings = warnings;
                desired
            }
            Err(error) => {
                self.remark(&mut attempt, &error.sources, &error.diagnostics);
                self.audience.of_unsound(&project);
                let mut failure = project::not_sound(&error.diagnostics);
                failure.findings = project::findings_of(&error, &project).into();
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
            found = pass::discover(desired, &selection, parallelism, &self.kept) => found,
        };
        let (desired, warnings) = match found {
            Ok(found) => found,
            Err(failure) => {
                let ending = Ending::Failed(failure.message.clone());
                return self.without_plan(attempt, ending, failure);
            }
        };
        self.remark(&mut attempt, &desired.sources, &warnings);
        attempt.warnings.extend(warnings);
        if let Err(failure) = selection.choose(&desired) {
            let ending = Ending::NotSound(failure.message.clone());
            return self.without_plan(attempt, ending, failure);
        }
        let meter = Meter::new(self.global);
        let prepared = tokio::select! {
            biased;
            () = stop.stopped() => return Ending::Interrupted,
            prepared = pass::prepare_again(&self.kept, &desired, &selection, at, parallelism, &meter) => prepared,
        };
        drop(meter);
        let prepared = match prepared {
            Ok(prepared) => prepared,
            Err(failure) => {
                let ending = Ending::Failed(failure.message.clone());
                return self.without_plan(attempt, ending, failure);
            }
        };
        let ending = self
            .planned(attempt, (&desired, &selection), &prepared, stop)
            .await;
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
}
