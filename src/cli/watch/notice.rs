//! Who is told of what a pass came to: each thing once, however often it is found again.

use crate::{
    desired::Desired,
    notify::{self as message, Facts},
    report::{PlanReport, text::count},
    watch::{BadCommit, Ending, PassOutcome},
};

use super::{
    super::notify,
    pass::{Files, Keeper},
};

/// What this is called in messages.
const COMMAND: &str = "watch";

impl Keeper<'_> {
    /// Tells whoever wants to know; `is_new`: the plan is another one than before.
    pub(super) async fn notify(
        &mut self,
        desired: &Desired,
        shown: &PlanReport<'_>,
        outcome: &PassOutcome<'_>,
        is_new: bool,
    ) {
        let project = &desired.project;
        let facts = match self.files {
            Files::Here { .. } => notify::facts(project, shown.stamp),
            Files::Git(checkout) => Facts::new(checkout.remote().name(), shown.stamp, |name| {
                std::env::var(name).ok()
            }),
        };
        let mut messages = Vec::new();
        if let Some(bad) = outcome.bad.last()
            && self.notified.as_ref() != Some(bad)
        {
            let BadCommit { commit, reason } = bad;
            let why = format!("commit {commit} is bad, the last good one stays in effect");
            let causes = [reason.clone()];
            messages.push(message::failed(COMMAND, &why, &causes, &facts));
            self.notified = Some(bad.clone());
        }
        match (&outcome.ending, outcome.report) {
            (_, Some(report)) => {
                let fights = notify::fights(project, Some(&report.run_id), self.screen);
                messages.extend(message::applied(COMMAND, shown.plan, report, &facts));
                messages.extend(message::fought(&fights, &facts));
            }
            _ if !is_new => {}
            (Ending::Planned | Ending::Waiting { .. }, None) => {
                messages.extend(message::drifted(shown, &facts));
            }
            (Ending::Refused, None) => messages.push(message::refused(COMMAND, shown, &facts)),
            (Ending::NotSound(why) | Ending::Failed(why), None) => {
                let unread = shown.unread().into_iter();
                let causes: Vec<String> = unread
                    .map(|(place, error, groups)| {
                        format!("{} in {place}: {error}", count(groups.len(), "group"))
                    })
                    .collect();
                messages.push(message::failed(COMMAND, why, &causes, &facts));
            }
            (
                Ending::InSync | Ending::Applied | Ending::Unfinished(_) | Ending::Interrupted,
                None,
            ) => {}
        }
        notify::tell(project, &messages, self.screen).await;
    }
}
