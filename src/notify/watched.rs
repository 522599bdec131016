//! What a loop has to tell: each state once, not at every pass.

use crate::{
    apply::{GroupOutcome, GroupReport, Report, Verdict},
    report::{PlanReport, Stamp},
    watch::{BadCommit, Ending, PassOutcome},
};

use super::{
    Event, Facts, Message,
    message::{applied, drifted, failed, refused},
};

/// Remembers what was told, so that a state that lasts is told when it begins.
#[derive(Clone, Debug, Default)]
pub struct News {
    told: Option<(Event, String)>,
    /// The bad commit that was told last.
    bad: Option<String>,
}

impl News {
    /// The messages of a pass.
    pub fn after(&mut self, outcome: &PassOutcome<'_>, facts: &Facts) -> Vec<Message> {
        let mut messages: Vec<Message> = self.of_bad(outcome, facts).into_iter().collect();
        messages.extend(self.of_ending(outcome, facts));
        messages
    }

    /// Of a commit that is not taken while an older one stays in effect.
    fn of_bad(&mut self, outcome: &PassOutcome<'_>, facts: &Facts) -> Option<Message> {
        let BadCommit { commit, reason } = outcome.bad.first()?;
        if self.bad.as_ref() == Some(commit) {
            return None;
        }
        self.bad = Some(commit.clone());
        let why = format!("commit {commit} is bad: {reason}");
        let stays = outcome
            .commit
            .map(|good| format!("commit {good} stays in effect"));
        Some(failed("watch", &why, stays.as_slice(), facts))
    }

    fn of_ending(&mut self, outcome: &PassOutcome<'_>, facts: &Facts) -> Option<Message> {
        let Some(message) = of(outcome, facts) else {
            if matches!(outcome.ending, Ending::InSync) {
                self.told = None;
            }
            return None;
        };
        // What was done is told each time, a state that lasts once.
        let (what, is_deed) = match outcome.report {
            None => {
                let what = format!("{:?}", (&message.title, &message.sections));
                (Some(what), false)
            }
            Some(report) => (failing(report), does(report)),
        };
        let state = what.map(|what| (message.event, what));
        if !is_deed && state.is_some() && self.told == state {
            return None;
        }
        self.told = state;
        Some(message)
    }
}

/// Whether an apply changed anything, or was kept from it by being stopped.
fn does(report: &Report) -> bool {
    let did = |group: &GroupReport| group.added + group.changed + group.destroyed > 0;
    report.groups.iter().any(did) || report.verdict() == Verdict::Interrupted
}

/// What failed in an apply, without what differs from one try to the next.
fn failing(report: &Report) -> Option<String> {
    let why = |group: &GroupReport| match &group.outcome {
        GroupOutcome::Done => None,
        GroupOutcome::Failed { call, error, .. } => {
            // The code comes before the colon, the request's id after it.
            let code = error.split(": ").next().unwrap_or_default();
            Some(format!("{} {call} {code}", group.address))
        }
        GroupOutcome::NotYetVisible(_) => Some(format!("{} not visible", group.address)),
        GroupOutcome::HeldBack { .. } => Some(format!("{} held back", group.address)),
        GroupOutcome::Drifted(_) => Some(format!("{} drifted", group.address)),
        GroupOutcome::Interrupted | GroupOutcome::NotBegun => {
            Some(format!("{} not begun", group.address))
        }
    };
    let failures: Vec<String> = report.groups.iter().filter_map(why).collect();
    (!failures.is_empty()).then(|| format!("{failures:?}"))
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
        shard: None,
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
    use crate::{
        diag::Sources,
        model::{AccountName, GroupId, RegionId},
        plan::{Address, Plan},
    };

    fn outcome<'a>(ending: Ending, sources: &'a Sources) -> PassOutcome<'a> {
        PassOutcome {
            began: jiff::Timestamp::UNIX_EPOCH,
            took: Duration::ZERO,
            commit: None,
            dirty: None,
            applies: false,
            ending,
            bad: &[],
            plan: None,
            sources,
            refusals: &[],
            unreadable: &[],
            report: None,
        }
    }

    #[test]
    fn a_bad_commit_is_told_once_whatever_the_good_one_comes_to() {
        let sources = Sources::default();
        let mut news = News::default();
        let mut told = |commit: &str, ending: Ending| {
            let bad = [BadCommit {
                commit: commit.to_owned(),
                reason: "1 error in the files".to_owned(),
            }];
            let outcome = PassOutcome {
                commit: Some("c0"),
                bad: &bad,
                ..outcome(ending, &sources)
            };
            let messages = news.after(&outcome, &Facts::default());
            let titles = messages.into_iter().map(|message| message.title);
            titles.collect::<Vec<_>>()
        };
        let of_c1 = "rulekeep watch failed: commit c1 is bad: 1 error in the files";
        assert_eq!(told("c1", Ending::InSync), [of_c1]);
        assert_eq!(told("c1", Ending::InSync), [""; 0]);
        let failed = Ending::Failed("no network".to_owned());
        assert_eq!(told("c1", failed), ["rulekeep watch failed: no network"]);
        assert_eq!(told("c1", Ending::InSync), [""; 0]);
        assert_eq!(told("c2", Ending::InSync), [of_c1.replace("c1", "c2")]);
    }

    #[test]
    fn an_apply_that_fails_as_before_is_told_once() {
        let sources = Sources::default();
        let plan = Plan {
            groups: Vec::new(),
            schedules: Vec::new(),
            diagnostics: Vec::new(),
        };
        let mut news = News::default();
        let mut told = |code: &str, request: &str, added: usize| {
            let report = Report {
                run_id: request.to_owned(),
                groups: vec![GroupReport {
                    address: Address {
                        account: AccountName::new("a"),
                        region: RegionId::new("cn-hangzhou"),
                        group: GroupId::new("sg-1"),
                    },
                    name: "web".to_owned(),
                    outcome: GroupOutcome::Failed {
                        call: "authorize 1 ingress rule".to_owned(),
                        error: format!("the cloud refused with {code}: no (request {request})"),
                        rules: Vec::new(),
                    },
                    added,
                    changed: 0,
                    destroyed: 0,
                    notes: Vec::new(),
                }],
            };
            let outcome = PassOutcome {
                plan: Some(&plan),
                report: Some(&report),
                ..outcome(Ending::Unfinished(report.verdict()), &sources)
            };
            news.after(&outcome, &Facts::default()).len()
        };
        assert_eq!(told("Forbidden", "1", 1), 1);
        assert_eq!(told("Forbidden", "2", 0), 0);
        assert_eq!(told("Quota", "3", 0), 1);
        assert_eq!(told("Quota", "4", 2), 1);
        assert_eq!(told("Quota", "5", 0), 0);
    }

    #[test]
    fn a_state_that_lasts_is_told_once() {
        let sources = Sources::default();
        let mut news = News::default();
        let mut told = |ending: Ending| {
            let messages = news.after(&outcome(ending, &sources), &Facts::default());
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
