//! What a loop has to tell: each state once, not at every pass.

use crate::{
    report::{PlanReport, Stamp},
    watch::{Ending, PassOutcome},
};

use super::{
    Event, Facts, Message,
    message::{applied, drifted, failed, refused},
};

/// Remembers what was told, so that a state that lasts is told when it begins.
#[derive(Clone, Debug, Default)]
pub struct News {
    told: Option<(Event, String)>,
}

impl News {
    /// The messages of a pass.
    pub fn after(&mut self, outcome: &PassOutcome<'_>, facts: &Facts) -> Vec<Message> {
        let message = of(outcome, facts);
        let Some(message) = message else {
            if matches!(outcome.ending, Ending::InSync) {
                self.told = None;
            }
            return Vec::new();
        };
        // What was done is told each time, a state that lasts once.
        let what = message.event;
        let state = (what, format!("{:?}", (&message.title, &message.sections)));
        if outcome.report.is_none() && self.told.as_ref() == Some(&state) {
            return Vec::new();
        }
        self.told = outcome.report.is_none().then_some(state);
        vec![message]
    }
}

fn of(outcome: &PassOutcome<'_>, facts: &Facts) -> Option<Message> {
    if let (Some(plan), Some(report)) = (outcome.plan, outcome.report) {
        return applied("watch", plan, report, facts);
    }
    let stamp = Stamp {
        timestamp: outcome.began,
        commit: outcome.commit.map(str::to_owned),
        dirty: outcome.dirty,
    };
    let report = outcome.plan.map(|plan| PlanReport {
        plan,
        sources: outcome.sources,
        refusals: outcome.refusals,
        failures: outcome.unreadable,
        stamp: &stamp,
    });
    match (&outcome.ending, report) {
        (Ending::Refused, Some(report)) => Some(refused("watch", &report, facts)),
        (Ending::Planned, Some(report)) => drifted(&report, facts),
        (Ending::NotSound(why) | Ending::Failed(why) | Ending::Held(why), _) => {
            Some(failed("watch", why, &[], facts))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::diag::Sources;

    #[test]
    fn a_state_that_lasts_is_told_once() {
        let sources = Sources::default();
        let outcome = |ending: Ending| PassOutcome {
            began: jiff::Timestamp::UNIX_EPOCH,
            took: Duration::ZERO,
            commit: None,
            dirty: None,
            applies: false,
            ending,
            bad: &[],
            plan: None,
            sources: &sources,
            refusals: &[],
            unreadable: &[],
            report: None,
        };
        let mut news = News::default();
        let mut told = |ending: Ending| {
            let messages = news.after(&outcome(ending), &Facts::default());
            messages
                .into_iter()
                .map(|message| message.title)
                .collect::<Vec<_>>()
        };
        let failed = || Ending::Failed("no network".to_owned());
        assert_eq!(told(failed()), ["rulekeep watch failed: no network"]);
        assert_eq!(told(failed()), [""; 0]);
        assert_eq!(told(Ending::Interrupted), [""; 0]);
        assert_eq!(told(failed()), [""; 0]);
        assert_eq!(
            told(Ending::Failed("no key".to_owned())),
            ["rulekeep watch failed: no key"]
        );
        // Mended and broken again is news.
        assert_eq!(told(Ending::InSync), [""; 0]);
        assert_eq!(told(Ending::Failed("no key".to_owned())).len(), 1);
    }
}
