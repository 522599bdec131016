//! Which findings fail a run, and which are known.

use std::{
    io,
    path::{Path, PathBuf},
};

use clap::{ValueEnum, builder::FalseyValueParser};

use crate::{
    diag::Diagnostic,
    exit::Exit,
    report::{
        baseline::Baseline,
        finding::{Finding, Level, Origin},
        text::{count, escape},
    },
};

use super::{Failure, Screen, output};

/// Most findings that an error names.
const MOST_NAMED: usize = 5;

/// What a command that finds things takes.
#[derive(Clone, Debug, Default, clap::Args)]
pub(super) struct Gate {
    /// Warnings in this file are known: they are shown as such and fail nothing
    #[arg(long, value_name = "FILE", env = "RULEKEEP_BASELINE")]
    baseline: Option<PathBuf>,
    /// Write the warnings of this run to the baseline; those that are mended leave it
    #[arg(
        long,
        env = "RULEKEEP_UPDATE_BASELINE",
        value_parser = FalseyValueParser::new(),
        action = clap::ArgAction::SetTrue
    )]
    update_baseline: bool,
    /// Fail when something of this level or worse is found that the baseline does not have
    #[arg(long, value_name = "LEVEL", value_enum, env = "RULEKEEP_FAIL_ON")]
    fail_on: Option<FailOn>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum FailOn {
    /// What keeps a plan from being applied: exit 4
    Error,
    /// That, and warnings: exit 1
    Warning,
}

/// A gate whose baseline is read.
pub(super) struct Open<'a> {
    gate: &'a Gate,
    baseline: Baseline,
}

impl Gate {
    /// Reads the baseline. `narrowed`: not every group is looked at.
    pub(super) fn open(&self, narrowed: bool) -> Result<Open<'_>, Failure> {
        if self.update_baseline && self.baseline.is_none() {
            return Err(Failure::usage("--update-baseline needs --baseline FILE"));
        }
        if self.update_baseline && narrowed {
            return Err(Failure::usage(
                "a baseline is of the whole project: --update-baseline goes with none of PATH, --target, --since and --shard",
            ));
        }
        let baseline = match &self.baseline {
            Some(path) => read(path, self.update_baseline)?,
            None => Baseline::default(),
        };
        Ok(Open {
            gate: self,
            baseline,
        })
    }
}

impl Open<'_> {
    /// Whether findings are compared with a baseline.
    pub(super) fn is_compared(&self) -> bool {
        self.gate.baseline.is_some()
    }

    /// Whether new warnings fail the run.
    pub(super) fn warnings_fail(&self) -> bool {
        self.gate.fail_on == Some(FailOn::Warning) && !self.gate.update_baseline
    }

    /// Whether findings are needed at all.
    pub(super) fn wants_findings(&self) -> bool {
        self.is_compared() || self.gate.fail_on.is_some()
    }

    /// Marks what is known, or will be when the baseline is written.
    pub(super) fn mark(&self, findings: &mut [Finding]) {
        match self.gate.update_baseline {
            true => self
                .baseline
                .updated(findings, Origin::Cloud)
                .mark(findings),
            false => self.baseline.mark(findings),
        }
    }

    /// Writes the baseline if that was asked for, and says what has become of it.
    pub(super) fn update(
        &self,
        findings: &[Finding],
        origin: Origin,
        screen: &Screen,
    ) -> Result<(), Failure> {
        let Some(path) = &self.gate.baseline else {
            return Ok(());
        };
        let mended = self.baseline.mended(findings, origin);
        let path_text = escape(&path.to_string_lossy());
        if !self.gate.update_baseline {
            if mended > 0 {
                screen.hint(&format!(
                    "{} of {path_text} not found any more; `--update-baseline` takes them out",
                    count(mended, "known warning")
                ));
            }
            return Ok(());
        }
        let updated = self.baseline.updated(findings, origin);
        output::write_file(path, &updated.text())?;
        screen.hint(&format!(
            "{path_text} has {} now; {mended} mended",
            count(updated.len(), "known warning")
        ));
        Ok(())
    }

    /// Whether the run may end well.
    pub(super) fn verdict(&self, findings: &[Finding]) -> Result<(), Failure> {
        let Some(fail_on) = self.gate.fail_on else {
            return Ok(());
        };
        let fails = |finding: &&Finding| match (finding.level, fail_on) {
            (Level::Error, _) => true,
            (Level::Warning, FailOn::Warning) => finding.is_fresh() && !self.gate.update_baseline,
            (Level::Warning, FailOn::Error) => false,
        };
        let failing: Vec<&Finding> = findings.iter().filter(fails).collect();
        let Some(first) = failing.first() else {
            return Ok(());
        };
        // The worst comes first.
        let (exit, help) = match first.level {
            Level::Error => (
                Exit::Refused,
                "what keeps a plan from being applied cannot be put into a baseline",
            ),
            Level::Warning => (
                Exit::Error,
                "mend them, or let `--baseline FILE --update-baseline` put them on record; docs/findings.md",
            ),
        };
        let kept = match self.is_compared() {
            true => " that the baseline does not have",
            false => "",
        };
        let mut failure = Failure::with(exit, format!("{}{kept}", count(failing.len(), "finding")));
        failure.causes = failing
            .iter()
            .take(MOST_NAMED)
            .map(|finding| named(finding))
            .collect();
        if failing.len() > MOST_NAMED {
            failure
                .causes
                .push(format!("and {} more", failing.len() - MOST_NAMED));
        }
        Err(failure.help(help))
    }
}

/// `never-effective in app (rules/app.yaml:7)`.
fn named(finding: &Finding) -> String {
    let mut text = finding.rule.id.to_string();
    if let Some(name) = finding.group_name() {
        text.push_str(&format!(" in {name}"));
    }
    if let Some(place) = &finding.place {
        text.push_str(&format!(" ({}:{})", place.file, place.line));
    }
    text
}

/// Says of the diagnostics that are known that they are, before they are drawn.
pub(super) fn say_known(findings: &[Finding], diagnostics: &mut [Diagnostic]) {
    for diagnostic in diagnostics {
        let at = diagnostic
            .position()
            .map(|(_, line, column)| (line, column));
        let is_it = |finding: &Finding| {
            let place = finding.place.as_ref();
            finding.known
                && finding.rule.id == diagnostic.code.as_str()
                && finding.message == diagnostic.message
                && place.map(|place| (place.line, place.column)) == at
        };
        if findings.iter().any(is_it) {
            diagnostic.message.push_str(" (known)");
        }
    }
}

fn read(path: &Path, may_be_missing: bool) -> Result<Baseline, Failure> {
    let shown = path.display();
    match std::fs::read_to_string(path) {
        Ok(text) => Baseline::parse(&text).map_err(|error| {
            Failure::new(format!("the baseline {shown} cannot be used"))
                .because(&error)
                .help("`--update-baseline` writes it anew once the file is moved away")
        }),
        Err(error) if error.kind() == io::ErrorKind::NotFound && may_be_missing => {
            Ok(Baseline::default())
        }
        Err(error) => Err(Failure::new(format!("the baseline {shown} cannot be read"))
            .because(&error)
            .help("`--update-baseline` writes it")),
    }
}
