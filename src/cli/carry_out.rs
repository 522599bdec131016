//! From a plan to its report: guard, show, ask, look again, apply. What `apply` and `undo` have in common.

use crate::{
    apply::Report,
    exit::Exit,
    guard::{Overrides, Refusal},
    journal::Origin,
    report::{Format, Review, Stamp, Subject, checked::Checked, markdown, text},
};

use super::{
    Failure, Global, Screen, ask, output,
    pass::{self, Prepared, Saved},
    plan::{self, Shared},
    progress::Meter,
    publish::{self, Github},
    stop::stop,
};

/// How a plan is carried out.
pub(super) struct Job<'a> {
    pub(super) stamp: Stamp,
    /// Whether somebody must say yes.
    pub(super) asks: bool,
    /// The plan that this one must be.
    pub(super) saved: Option<&'a Saved>,
    pub(super) overrides: Overrides,
    /// The run that is taken back.
    pub(super) undoes: Option<String>,
    pub(super) shared: &'a Shared,
    pub(super) global: &'a Global,
    pub(super) screen: &'a Screen,
}

/// What came of it.
pub(super) struct Outcome {
    pub(super) report: Report,
    /// Whether the report could be shown; the changes are made all the same.
    pub(super) shown: Result<(), Failure>,
}

impl Outcome {
    /// How the program ends.
    pub(super) fn exit(self) -> Result<Exit, Failure> {
        let exit = exit(&self.report);
        match self.shown {
            // What was done to the cloud weighs more than what became of the report.
            Err(failure) if exit == Exit::Done => Err(failure),
            _ => Ok(exit),
        }
    }
}

impl Job<'_> {
    pub(super) async fn carry_out(&self, prepared: &Prepared<'_>) -> Result<Outcome, Failure> {
        let Self { screen, shared, .. } = self;
        let diagnostics = prepared.diagnostics();
        screen.diagnostics(prepared.sources(), &diagnostics);
        if let Some(saved) = self.saved {
            // Before anything is shown: it would be another plan than the one that was asked for.
            let moved = pass::check(saved, prepared, &self.stamp);
            if !moved.is_empty() {
                return Err(stale(moved));
            }
        }
        let (approved, refusals) = match prepared.guarded(&self.overrides) {
            Ok(approved) => (Some(approved), Vec::new()),
            Err(refusals) => (None, refusals),
        };
        let shown = prepared.report(&refusals, &self.stamp);
        let github = Github::new(&shared.output);
        let findings = match publish::wants_findings(&shared.output, &github) {
            true => prepared.findings(&refusals, &self.stamp, &[]),
            false => Vec::new(),
        };
        if shared.is_text() {
            screen.result(&text::plan(&shown, &screen.out))?;
        } else if self.asks || approved.is_none() {
            screen.say(&text::plan(&shown, &screen.err));
        }
        if prepared.is_errored() {
            let mut failure = plan::not_whole(&shown, &diagnostics);
            failure.findings = findings.into();
            return Err(failure);
        }
        let Some(approved) = approved else {
            let mut failure = refused(&refusals);
            failure.findings = findings.into();
            return Err(failure);
        };
        let groups = prepared.checked_groups(false);
        let checked = Checked {
            command: "apply",
            project: &prepared.project_seen_from_top(),
            groups: &groups,
            findings: &findings,
            ..Checked::default()
        };
        github.annotate(&findings, &shared.output, screen)?;
        github.tell(
            &Review {
                plan: shown,
                checked,
                subject: Subject::Plan,
                apply: "",
            },
            None,
        )?;
        if prepared.is_empty() {
            return Ok(self.finish(Report::default(), true, &checked));
        }
        let parallelism = shared.parallelism.into();
        if self.asks {
            if !ask::can_ask() {
                return Err(ask::nobody_to_ask());
            }
            if !ask::ask(screen)? {
                return Err(Failure::new("not confirmed; nothing was changed"));
            }
            // Whoever was asked may have thought about it for long.
            let meter = Meter::new(self.global);
            if !prepared.is_still_right(parallelism, &meter).await? {
                return Err(Failure::with(
                    Exit::Stale,
                    "something has moved since the plan was shown; nothing was changed",
                )
                .help("run the command again and look at the new plan"));
            }
        }
        let origin = Origin {
            commit: self.stamp.commit.clone(),
            dirty: self.stamp.dirty,
            undoes: self.undoes.clone(),
        };
        let meter = Meter::new(self.global);
        let stop = stop(
            **screen,
            "stopping after the calls in flight; once more stops at once",
        );
        let report = pass::apply(prepared, &approved, origin, parallelism, &meter, stop).await;
        drop(meter);
        Ok(self.finish(report, false, &checked))
    }

    /// Prints what came of it; `nothing`: the plan was empty and has said so.
    fn finish(&self, report: Report, nothing: bool, checked: &Checked<'_>) -> Outcome {
        let shown = self.show(&report, nothing, checked);
        let again = match &self.undoes {
            None => "run `rulekeep apply` again".to_owned(),
            Some(id) => format!("run `rulekeep undo {}` again", crate::undo::short(id)),
        };
        match exit(&report) {
            Exit::Done => {}
            Exit::Interrupted => self
                .screen
                .hint(&format!("{again}: it makes only what is still missing")),
            _ => self.screen.hint(&format!(
                "{again} when the cause is mended: it makes only what is still missing"
            )),
        }
        Outcome { report, shown }
    }

    fn show(&self, report: &Report, nothing: bool, checked: &Checked<'_>) -> Result<(), Failure> {
        let Self { screen, shared, .. } = self;
        let draw = |format: Format, style: &text::TextStyle| match format {
            Format::Text if nothing => "No changes.\n".to_owned(),
            Format::Text => text::applied(report, style),
            format => format.applied(report, checked),
        };
        let summarized = Github::new(&shared.output).summarize(|| markdown::applied(report));
        if nothing && shared.is_text() {
            return screen.files(&shared.output, draw).and(summarized);
        }
        // Files first: what becomes of stdout is no reason to lose them.
        let files = screen.files(&shared.output, draw);
        // Apart from the plan above it.
        let gap = if shared.is_text() { "\n" } else { "" };
        let format = output::stdout_format(&shared.output);
        screen
            .result(&format!("{gap}{}", draw(format, &screen.out)))
            .and(files)
            .and(summarized)
    }
}

/// How the program ends after an apply.
pub(super) fn exit(report: &Report) -> Exit {
    report.verdict().into()
}

fn refused(refusals: &[Refusal]) -> Failure {
    let mut failure = Failure::with(
        Exit::Refused,
        format!(
            "the guard refused the plan for {}; nothing was changed",
            text::count(refusals.len(), "reason")
        ),
    );
    let details = refusals.iter().map(|refusal| {
        let Refusal {
            name,
            reason,
            message,
            ..
        } = refusal;
        format!("{name}: {reason}: {message}")
    });
    failure.details = details.collect();
    failure
}

fn stale(moved: Vec<String>) -> Failure {
    let mut failure = Failure::with(
        Exit::Stale,
        "the saved plan no longer fits; nothing was changed",
    )
    .help("make a new one and look at it: `rulekeep plan --out FILE`");
    failure.causes = moved;
    failure
}

#[cfg(test)]
mod tests {
    use crate::{
        apply::{GroupOutcome, GroupReport},
        model::{AccountName, GroupId, RegionId},
        plan::Address,
    };

    use super::*;

    fn ended(outcomes: Vec<(GroupOutcome, usize)>) -> Exit {
        let groups = outcomes.into_iter().map(|(outcome, added)| GroupReport {
            address: Address {
                account: AccountName::new("demo"),
                region: RegionId::new("cn-hangzhou"),
                group: GroupId::new("sg-1"),
            },
            name: "web".into(),
            outcome,
            added,
            changed: 0,
            destroyed: 0,
            notes: Vec::new(),
        });
        exit(&Report {
            run_id: String::new(),
            groups: groups.collect(),
        })
    }

    fn failed() -> GroupOutcome {
        GroupOutcome::Failed {
            call: String::new(),
            error: String::new(),
            rules: Vec::new(),
        }
    }

    #[test]
    fn the_exit_code_says_how_much_was_done() {
        use GroupOutcome::{Done, Interrupted, NotBegun, NotYetVisible};
        assert_eq!(ended(vec![]), Exit::Done);
        assert_eq!(ended(vec![(Done, 1), (Done, 0)]), Exit::Done);
        assert_eq!(ended(vec![(Done, 1), (failed(), 0)]), Exit::Partial);
        assert_eq!(ended(vec![(failed(), 1)]), Exit::Partial);
        assert_eq!(ended(vec![(failed(), 0)]), Exit::Error);
        assert_eq!(ended(vec![(NotYetVisible(vec![]), 1)]), Exit::Partial);
        assert_eq!(ended(vec![(Done, 1), (NotBegun, 0)]), Exit::Interrupted);
        assert_eq!(
            ended(vec![(failed(), 0), (Interrupted, 1)]),
            Exit::Interrupted
        );
    }
}
