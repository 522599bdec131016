//! Tells whoever the project file names what the passes have come to.

use std::{
    path::Path,
    sync::{Mutex, MutexGuard, PoisonError},
};

use crate::{
    desired::{self, Project},
    notify::{Message, News, fought},
    report::Stamp,
    watch::PassOutcome,
};

use super::super::{Screen, notify};

/// Who is told, and what there is to tell.
#[derive(Debug, Default)]
pub(super) struct Audience(Mutex<Notes>);

#[derive(Debug, Default)]
struct Notes {
    /// As it was read last.
    project: Option<Project>,
    news: News,
    messages: Vec<Message>,
}

impl Audience {
    fn notes(&self) -> MutexGuard<'_, Notes> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes the receivers of a project file that was read.
    pub(super) fn of(&self, project: &Project) {
        self.notes().project = Some(project.clone());
    }

    /// As long as no project file was sound: the receivers of one as far as it can be read.
    pub(super) fn of_unsound(&self, file: &Path) {
        let project = &mut self.notes().project;
        if project.is_none() {
            *project = desired::project_as_far(file);
        }
    }

    /// Takes note of what a pass came to.
    pub(super) fn hear(&self, outcome: &PassOutcome<'_>, screen: &Screen) {
        let notes = &mut *self.notes();
        let Some(project) = &notes.project else {
            return;
        };
        let stamp = Stamp {
            timestamp: outcome.began,
            commit: outcome.commit.map(str::to_owned),
            dirty: outcome.dirty,
        };
        let facts = notify::facts(project, &stamp);
        notes.messages.extend(notes.news.after(outcome, &facts));
        if let Some(report) = outcome.report {
            let fights = notify::fights(project, Some(&report.run_id), screen);
            notes.messages.extend(fought(&fights, &facts));
        }
    }

    /// Tells it.
    pub(super) async fn tell(&self, screen: &Screen) {
        let (project, messages) = {
            let mut notes = self.notes();
            let messages = std::mem::take(&mut notes.messages);
            (notes.project.clone(), messages)
        };
        if let Some(project) = project {
            notify::tell(&project, &messages, screen).await;
        }
    }
}
