//! From a plan to its report: show, guard, ask, look again, apply. What every command does that changes rules.

use std::time::Duration;

use crate::{
    apply::Report,
    exit::Exit,
    guard::{Approved, Overrides, Refusal},
    journal::Origin,
    notify::{self as message, Message},
    plan::Plan,
    report::{Format, Review, Stamp, Subject, checked::Checked, finding::Finding, markdown, text},
    undo::short,
};

use super::{
    Failure, Global, Screen, ask, notify, output,
    pass::{self, Prepared, Saved},
    plan::{self, Shared},
    progress::Meter,
    publish::{self, Github},
    stop::stop,
};

/// What a job is for.
#[derive(Clone, Debug)]
pub(super) enum Work {
    /// The files are applied.
    Apply,
    /// A run is taken back.
    Undo {
        /// Its id.
        run: String,
    },
    /// A group is changed without its file.
    Change,
}

impl Work {
    /// What it is called in messages.
    fn name(&self) -> &'static str {
        match self {
            Self::Apply => "apply",
            Self::Undo { .. } => "undo",
            Self::Change => "change",
        }
    }

    /// The command once more, in words.
    fn again(&self) -> String {
        match self {
            Self::Apply => "run `rulekeep apply` again".to_owned(),
            Self::Undo { run } => format!("run `rulekeep undo {}` again", short(run)),
            Self::Change => "run the same command again".to_owned(),
        }
    }

    /// Asks; an error when the answer is not yes.
    pub(super) fn ask(&self, screen: &Screen) -> Result<(), Failure> {
        if !ask::can_ask() {
            return Err(self.nobody_to_ask());
        }
        if ask::ask(screen)? {
            return Ok(());
        }
        Err(Failure::new("not confirmed; nothing was changed"))
    }

    fn nobody_to_ask(&self) -> Failure {
        let without = |what: &str| {
            Failure::new(format!(
                "nobody can be asked here, and {what}; nothing was changed"
            ))
        };
        match self {
            Self::Apply => without("neither --yes nor a saved plan was given")
                .help("`rulekeep apply --yes` applies without asking")
                .help("`rulekeep plan --out plan.json`, then `rulekeep apply plan.json` applies what was looked at"),
            Self::Undo { run } => without("--yes was not given").help(format!(
                "`rulekeep undo --yes {}` undoes without asking",
                short(run)
            )),
            Self::Change => without("--yes was not given")
                .help("--dry-run shows the change, --yes makes it without asking"),
        }
    }
}

/// What stands before a plan, as text.
pub(super) type Preview<'a> = dyn Fn(&Plan, &text::TextStyle) -> String + 'a;

/// How a plan is carried out.
pub(super) struct Job<'a> {
    pub(super) stamp: Stamp,
    pub(super) work: Work,
    /// Whether somebody must say yes.
    pub(super) asks: bool,
    /// Whether the plan is only shown.
    pub(super) dry_run: bool,
    /// Whether somebody has seen the plan already, in a [rehearsal](Job::rehearse).
    pub(super) shown: bool,
    /// The plan that this one must be.
    pub(super) saved: Option<&'a Saved>,
    pub(super) overrides: Overrides,
    /// Takes the place of an empty plan and stands before another one.
    pub(super) preview: Option<&'a Preview<'a>>,
    /// How long somebody will wait for a confirmation afterwards.
    pub(super) confirm_within: Option<Duration>,
    /// Whether stdout is another job's, so that text goes to stderr.
    pub(super) aside: bool,
    /// What stands for the part of the project that it is about ([`Selection::part`](super::project::Selection::part)).
    pub(super) part: &'a str,
    pub(super) shared: &'a Shared,
    pub(super) global: &'a Global,
    pub(super) screen: &'a Screen,
}

/// What came of it.
#[derive(Default)]
pub(super) struct Outcome {
    pub(super) report: Report,
    /// Whether the report could not be shown; the changes are made all the same.
    unshown: Option<Failure>,
}

impl Outcome {
    /// How the program ends.
    pub(super) fn exit(self) -> Result<Exit, Failure> {
        let exit = exit(&self.report);
        match self.unshown {
            // What was done to the cloud weighs more than what became of the report.
            Some(failure) if exit == Exit::Done => Err(failure),
            _ => Ok(exit),
        }
    }
}

impl Job<'_> {
    /// Carries the plan out, and tells whoever wants to know.
    pub(super) async fn carry_out(&self, prepared: &Prepared<'_>) -> Result<Outcome, Failure> {
        let done = self.attempt(prepared).await;
        let messages = self.messages(prepared, &done);
        notify::tell(prepared.project(), &messages, self.screen).await;
        done
    }

    fn messages(&self, prepared: &Prepared<'_>, done: &Result<Outcome, Failure>) -> Vec<Message> {
        let facts = notify::facts(prepared.project(), &self.stamp);
        let command = self.work.name();
        match done {
            Ok(outcome) if outcome.report.groups.is_empty() => Vec::new(),
            Ok(Outcome { report, .. }) => {
                let run = Some(&*report.run_id);
                let fights = notify::fights(prepared.project(), run, self.screen);
                let applied = message::applied(command, prepared.plan(), report, &facts);
                let fought = message::fought(&fights, &facts);
                applied.into_iter().chain(fought).collect()
            }
            // Whoever would be asked sees it.
            Err(_) if self.asks => Vec::new(),
            Err(failure) if failure.exit == Exit::Refused => {
                let refusals = prepared.guarded(&self.overrides).err().unwrap_or_default();
                let report = prepared.report(&refusals, &self.stamp);
                vec![message::refused(command, &report, &facts)]
            }
            Err(failure) => vec![message::failed(
                command,
                &failure.message,
                &failure.causes,
                &facts,
            )],
        }
    }

    /// Shows a plan and what the guard says of it; an error when it may not be made. Nothing is made, and outputs are left to whoever
    /// carries the plan out.
    pub(super) async fn rehearse(&self, prepared: &Prepared<'_>) -> Result<(), Failure> {
        let done = self.look(prepared).map(|_| Outcome::default());
        let messages = self.messages(prepared, &done);
        notify::tell(prepared.project(), &messages, self.screen).await;
        done.map(|_| ())
    }

    /// Shows a plan and guards it.
    fn look<'p>(
        &self,
        prepared: &'p Prepared<'_>,
    ) -> Result<(Approved<'p>, Vec<Finding>), Failure> {
        let Self { screen, shared, .. } = self;
        let diagnostics = prepared.diagnostics();
        if !self.shown {
            screen.diagnostics(prepared.sources(), &diagnostics);
        }
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
        let is_nothing = prepared.is_empty() && approved.is_some();
        let draw = |style: &text::TextStyle| match self.preview {
            None => text::plan(&shown, style),
            Some(preview) if is_nothing => preview(prepared.plan(), style),
            Some(preview) => format!(
                "{}\n{}",
                preview(prepared.plan(), style),
                text::plan(&shown, style)
            ),
        };
        if !self.shown || approved.is_none() {
            if self.shown {
                // It has become another one.
                screen.diagnostics(prepared.sources(), &diagnostics);
            }
            if shared.is_text() {
                self.text(draw)?;
            } else if self.asks || approved.is_none() {
                screen.say(&draw(&screen.err));
            }
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
        Ok((approved, findings))
    }

    async fn attempt(&self, prepared: &Prepared<'_>) -> Result<Outcome, Failure> {
        let Self { screen, shared, .. } = self;
        let (approved, findings) = self.look(prepared)?;
        let shown = prepared.report(&[], &self.stamp);
        let github = Github::new(&shared.output);
        let groups = prepared.checked_groups(false);
        let checked = Checked {
            command: "apply",
            project: &prepared.project_seen_from_top(),
            part: self.part,
            groups: &groups,
            findings: &findings,
            ..Checked::default()
        };
        let review = Review {
            plan: shown,
            checked,
            subject: Subject::Plan,
            apply: "rulekeep apply",
        };
        if !self.aside {
            github.annotate(&findings, &shared.output, screen)?;
            github.tell(&review, None)?;
        }
        if self.dry_run {
            let unshown = self.outputs(|format, style| match format {
                Format::Text => text::plan(&shown, style),
                format => format.review(&review),
            });
            return Ok(Outcome {
                report: Report::default(),
                unshown: unshown.err(),
            });
        }
        if prepared.is_empty() {
            return Ok(self.finish(Report::default(), true, &checked));
        }
        let parallelism = shared.parallelism.into();
        if self.asks {
            self.work.ask(screen)?;
            // Whoever was asked may have thought about it for long.
            let meter = Meter::new(self.global);
            let moved = prepared.moved(parallelism, &meter).await?;
            if !moved.is_empty() {
                let mut failure = Failure::with(
                    Exit::Stale,
                    "something has moved since the plan was shown; nothing was changed",
                )
                .help("run the command again and look at the new plan");
                failure.causes = moved;
                return Err(failure);
            }
        }
        let origin = Origin {
            commit: self.stamp.commit.clone(),
            dirty: self.stamp.dirty,
            undoes: match &self.work {
                Work::Undo { run } => Some(run.clone()),
                Work::Apply | Work::Change => None,
            },
        };
        let meter = Meter::new(self.global);
        let stop = stop(
            **screen,
            "stopping after the calls in flight; once more stops at once",
        );
        let within = self.confirm_within;
        let report = pass::apply(
            prepared,
            &approved,
            origin,
            within,
            parallelism,
            &meter,
            stop,
        )
        .await;
        drop(meter);
        Ok(self.finish(report, false, &checked))
    }

    /// Prints what came of it; `nothing`: the plan was empty and has said so.
    fn finish(&self, report: Report, nothing: bool, checked: &Checked<'_>) -> Outcome {
        let unshown = self.show(&report, nothing, checked).err();
        let again = self.work.again();
        match exit(&report) {
            Exit::Done => {}
            Exit::Interrupted => self
                .screen
                .hint(&format!("{again}: it makes only what is still missing")),
            _ => self.screen.hint(&format!(
                "{again} when the cause is mended: it makes only what is still missing"
            )),
        }
        Outcome { report, unshown }
    }

    fn show(&self, report: &Report, nothing: bool, checked: &Checked<'_>) -> Result<(), Failure> {
        let summarized =
            Github::new(&self.shared.output).summarize(|| markdown::applied(report, self.part));
        // Files first: what becomes of stdout is no reason to lose them.
        let files = self.outputs(|format, style| match format {
            Format::Text if nothing => "No changes.\n".to_owned(),
            Format::Text => text::applied(report, style),
            format => format.applied(report, checked),
        });
        let files = files.and(summarized);
        if self.shared.is_text() && !nothing {
            // Apart from the plan above it.
            self.text(|style| format!("\n{}", text::applied(report, style)))
                .and(files)
        } else {
            files
        }
    }

    /// Every output but text on stdout.
    fn outputs(&self, draw: impl Fn(Format, &text::TextStyle) -> String) -> Result<(), Failure> {
        let Self { screen, shared, .. } = self;
        let files = screen.files(&shared.output, &draw);
        if shared.is_text() {
            return files;
        }
        let format = output::stdout_format(&shared.output);
        screen.result(&draw(format, &screen.out)).and(files)
    }

    /// Text where the reader of stdout expects it.
    fn text(&self, draw: impl Fn(&text::TextStyle) -> String) -> Result<(), Failure> {
        let screen = self.screen;
        if self.aside {
            screen.say(&draw(&screen.err));
            return Ok(());
        }
        screen.result(&draw(&screen.out))
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
