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
    /// Whether one was sound: then its receivers stay those of a sound one.
    is_sound: bool,
    news: News,
    messages: Vec<Message>,
}

impl Audience {
    fn notes(&self) -> MutexGuard<'_, Notes> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes the receivers of a project file that was read.
    pub(super) fn of(&self, project: &Project) {
        let notes = &mut *self.notes();
        notes.project = Some(project.clone());
        notes.is_sound = true;
    }

    /// As long as no project file was sound: the receivers of the last one, as far as it can be read.
    pub(super) fn of_unsound(&self, file: &Path) {
        let notes = &mut *self.notes();
        if !notes.is_sound
            && let Some(project) = desired::project_as_far(file)
        {
            notes.project = Some(project);
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

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn receivers_are_those_of_the_last_file_until_one_was_sound() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("rulekeep.yaml");
        let audience = Audience::default();
        let read = |receivers: usize, more: &str| {
            let receiver = "  - { to: webhook, url_env: OPS }\n".repeat(receivers);
            fs::write(&file, format!("rules: rules/\nnotify:\n{receiver}{more}")).unwrap();
            audience.of_unsound(&file);
            let notes = audience.notes();
            notes.project.as_ref().map(|project| project.notify.len())
        };
        assert_eq!(read(1, "rulez: x\n"), Some(1));
        assert_eq!(read(2, "rulez: x\n"), Some(2));
        audience.of(&desired::project_as_far(&file).unwrap());
        assert_eq!(read(3, "rulez: x\n"), Some(2));
    }
}
