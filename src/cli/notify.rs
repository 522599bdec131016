//! Who is told of what a command did: the one place where commands meet notifications and fights.

use std::path::Path;

use jiff::Timestamp;

use crate::{
    desired::{self, Project},
    fights::{self, Fight},
    journal,
    notify::{self, Facts, Message, Patience},
    report::{
        Stamp,
        finding::Level,
        text::{Tone, escape},
    },
};

use super::{Failure, Global, Screen, project};

/// Where messages come from.
pub(super) fn facts(project: &Project, stamp: &Stamp) -> Facts {
    let root = std::path::absolute(&project.root).unwrap_or_else(|_| project.root.clone());
    let name = root.components().next_back();
    let name = name.map(|name| AsRef::<Path>::as_ref(&name).to_string_lossy().into_owned());
    Facts::new(&name.unwrap_or_default(), stamp, |name| {
        std::env::var(name).ok()
    })
}

/// Tells everybody who wants to know. Whoever cannot be told is a warning, and nothing else.
pub(super) async fn tell(project: &Project, messages: &[Message], screen: &Screen) {
    if project.notify.is_empty() || messages.is_empty() {
        return;
    }
    let warnings = notify::tell(
        &project.notify,
        messages,
        &project.root,
        |name| std::env::var(name).ok(),
        Patience::default(),
    )
    .await;
    for warning in warnings {
        warn(screen, &warning);
    }
}

/// Tells that a command has come to nothing; of `plan` only whoever listens to plans, since a pull request shows its own.
pub(super) async fn failed(
    command: &'static str,
    failure: &Failure,
    project: &Project,
    stamp: &Stamp,
    screen: &Screen,
) {
    let mut causes = failure.causes.clone();
    if causes.is_empty() {
        let errors = failure.findings.iter();
        let errors = errors.filter(|finding| finding.level == Level::Error);
        causes.extend(errors.map(|finding| match &finding.place {
            Some(place) => format!("{}:{}: {}", place.file, place.line, finding.message),
            None => finding.message.clone(),
        }));
    }
    let message = notify::failed(command, &failure.message, &causes, &facts(project, stamp));
    let mut project = project.clone();
    if command == "plan" {
        project
            .notify
            .retain(|channel| channel.on.contains(&notify::Event::Plan));
    }
    tell(&project, &[message], screen).await;
}

/// The same before the files were read, or when they cannot be used: whoever the project file names as far as it can be read.
pub(super) async fn failed_early(
    command: &'static str,
    failure: &Failure,
    global: &Global,
    screen: &Screen,
) {
    if failure.is_callers {
        return;
    }
    let file = project::file(global).ok();
    if let Some(project) = file.and_then(|file| desired::project_as_far(&file))
        && !project.notify.is_empty()
    {
        failed(command, failure, &project, &project::stamp(global), screen).await;
    }
}

/// The fights that the journals of this folder show, or those that one apply was part of; said on stderr.
pub(super) fn fights(project: &Project, run: Option<&str>, screen: &Screen) -> Vec<Fight> {
    // Whoever wants to know about past applies is told elsewhere why they cannot be read.
    let runs = journal::runs(&project.root).unwrap_or_default();
    let mut fights = fights::fights(&runs, Timestamp::now(), project.fights);
    fights.retain(|fight| run.is_none_or(|run| fight.run == run));
    for fight in &fights {
        warn(screen, &format!("fight: {fight}"));
    }
    fights
}

fn warn(screen: &Screen, text: &str) {
    let label = screen.err.paint(Tone::Changed, "warning:");
    screen.say(&format!("{label} {}\n", escape(text)));
}
