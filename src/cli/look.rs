//! What `plan` and `drift` have in common: reading what is asked for, and telling everybody where it comes to nothing.

use crate::{
    clouds::Kept,
    desired::Desired,
    diag::Diagnostic,
    exit::Exit,
    report::{PlanReport, Stamp},
};

use super::{
    Failure, Global, Screen,
    gate::{Gate, Open},
    notify, pass,
    plan::{Shared, not_whole},
    project::{self, Selection},
    publish::{self, Github},
    since::Since,
};

/// What somebody asks for.
#[derive(Clone, Copy)]
pub(super) struct Asked<'a> {
    pub(super) command: &'static str,
    pub(super) selection: &'a Selection,
    pub(super) since: &'a Since,
    pub(super) gate: &'a Gate,
    pub(super) shared: &'a Shared,
    pub(super) global: &'a Global,
    pub(super) screen: &'a Screen,
}

/// The files, and what they are compared with.
pub(super) struct Looked<'a> {
    pub(super) gate: Open<'a>,
    pub(super) desired: Desired,
    /// What is odd about the files.
    pub(super) warnings: Vec<Diagnostic>,
    /// Which groups are meant, those that `--since` leaves.
    pub(super) selection: Selection,
}

impl<'a> Asked<'a> {
    /// Reads the baseline, the files, and where `targets` ask for it the list of live groups.
    pub(super) async fn look(&self) -> Result<Looked<'a>, Failure> {
        let (global, screen) = (self.global, self.screen);
        let is_narrow = self.selection.is_narrow() || self.since.is_given();
        let gate = self.gate.open(is_narrow)?;
        let (desired, mut warnings) = project::load_with_warnings(global, screen)?;
        let parallelism = self.shared.parallelism.into();
        let selection = self.selection;
        let kept = Kept::default();
        let (desired, more) = pass::discover(desired, selection, parallelism, &kept).await?;
        warnings.extend(more);
        let selection = self
            .since
            .chosen(selection, &desired, parallelism, global, screen)
            .await?;
        Ok(Looked {
            gate,
            desired,
            warnings,
            selection,
        })
    }

    /// What stands for the part of the project that is asked for.
    pub(super) fn part(&self) -> String {
        self.selection.part(self.since.is_given())
    }

    /// How the command ends; `is_shown`: there was a plan to show. Otherwise every output and whoever is to be notified learns why
    /// not.
    pub(super) async fn end(
        &self,
        done: Result<Exit, Failure>,
        is_shown: bool,
        github: &Github,
    ) -> Result<Exit, Failure> {
        let Self {
            command,
            shared,
            global,
            screen,
            ..
        } = *self;
        if let (Err(failure), false) = (&done, is_shown) {
            let run = publish::Nothing {
                command,
                part: &self.part(),
                project: &project::seen_from_top(global),
                stamp: Some(&project::stamp(global)),
            };
            let told = publish::nothing(failure, &run, &shared.output, github, screen);
            if let Err(unwritten) = told {
                screen.failure(&unwritten);
            }
            notify::failed_early(command, failure, global, screen).await;
        }
        done
    }

    /// Why a plan that lacks something is none, told to whoever is to be notified.
    pub(super) async fn not_whole(
        &self,
        desired: &Desired,
        report: &PlanReport<'_>,
        diagnostics: &[Diagnostic],
        stamp: &Stamp,
    ) -> Failure {
        let failure = not_whole(report, diagnostics);
        notify::failed(self.command, &failure, &desired.project, stamp, self.screen).await;
        failure
    }
}
