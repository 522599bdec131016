//! What a loop writes beside its words: the plan of the last pass, in every format that is asked for.

use crate::{
    desired::Desired,
    diag::Diagnostic,
    guard::Refusal,
    lint::lint_with_lists,
    report::{Format, Review, Stamp, Subject, text},
};

use super::{
    super::{
        Failure,
        gate::Gate,
        pass::Prepared,
        project::{Selection, file_from_top},
        publish::{self, Findings, Github, Nothing},
    },
    pass::Keeper,
};

/// What a plan was made from.
pub(super) struct Made<'a> {
    pub(super) desired: &'a Desired,
    pub(super) selection: &'a Selection,
    pub(super) prepared: &'a Prepared<'a>,
    pub(super) refusals: &'a [Refusal],
    pub(super) stamp: &'a Stamp,
    /// What is odd about the files.
    pub(super) warnings: &'a [Diagnostic],
}

impl Keeper<'_> {
    /// Writes the plan of a pass that is not given up for another state of the files, before anything of it is made.
    pub(super) fn write_plan(&mut self, made: &Made<'_>) {
        let outputs = &self.args.output;
        if outputs.is_empty() {
            return;
        }
        let Made {
            desired,
            selection,
            prepared,
            refusals,
            stamp,
            warnings,
        } = *made;
        let written = (|| {
            let chosen = selection.choose(desired)?;
            let linted = lint_with_lists(desired, stamp.timestamp, prepared.lists(), |index| {
                chosen.contains(&index)
            });
            let files: Vec<Diagnostic> = warnings.iter().cloned().chain(linted).collect();
            let gate = Gate::default();
            let gate = gate.open(false)?;
            let of = (refusals, stamp, &*files);
            let by = (&gate, &**outputs, &Github::default());
            let findings = Findings::of_plan(prepared, of, by).of_part(&self.part());
            let review = Review {
                plan: prepared.report(refusals, stamp),
                checked: findings.checked("watch", &gate),
                subject: Subject::Plan,
                apply: "rulekeep watch --apply",
            };
            self.screen.files(outputs, |format, style| match format {
                Format::Text => text::plan(&review.plan, style),
                format => format.review(&review),
            })
        })();
        self.written(written);
    }

    /// Writes that a pass has come to no plan, and why.
    pub(super) fn write_nothing(&mut self, failure: &Failure, stamp: &Stamp) {
        let outputs = &self.args.output;
        if outputs.is_empty() {
            return;
        }
        let (project, _) = self.project();
        let run = Nothing {
            command: "watch",
            part: &self.part(),
            project: &file_from_top(&project),
            stamp: Some(stamp),
        };
        let github = Github::default();
        let written = publish::nothing(failure, &run, outputs, &github, self.screen);
        self.written(written);
    }

    fn part(&self) -> String {
        self.args.selection.part(false)
    }

    /// What cannot be written is told once.
    fn written(&mut self, written: Result<(), Failure>) {
        let unwritten = written.err();
        if let Some(failure) = &unwritten
            && self.unwritten != unwritten
        {
            self.screen.failure(failure);
        }
        self.unwritten = unwritten;
    }
}
