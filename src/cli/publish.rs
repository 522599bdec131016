//! What a command that plans tells beside stdout: files in every format, and what GitHub Actions reads.

use std::{
    fs,
    io::Write as _,
    path::{Path, PathBuf},
};

use crate::{
    diag::Diagnostic,
    guard::Refusal,
    report::{
        Format, OutputSpec, Review, Stamp,
        checked::{Checked, CheckedGroup},
        finding::Finding,
        github, markdown,
        text::TextStyle,
    },
};

use super::{Failure, Screen, gate::Open, output, pass::Prepared};

/// Most bytes that GitHub shows of a step's summary ("Adding a job summary": 1 MiB per step).
const MOST_SUMMARY: u64 = 1024 * 1024;

/// What the environment says of GitHub Actions.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Github {
    /// Whether annotations are read.
    annotations: bool,
    /// The file that the summary is appended to.
    summary: Option<PathBuf>,
    /// The file that the step's outputs are appended to.
    output: Option<PathBuf>,
}

impl Github {
    /// Looks at the environment, and whether `-o github` asks for annotations.
    pub(super) fn new(specs: &[OutputSpec]) -> Self {
        Self::of(specs, |name| std::env::var_os(name))
    }

    fn of(specs: &[OutputSpec], variable: impl Fn(&str) -> Option<std::ffi::OsString>) -> Self {
        let path = |name| {
            variable(name)
                .filter(|path| !path.is_empty())
                .map(PathBuf::from)
        };
        let asked = specs
            .iter()
            .any(|spec| spec.format == Format::Github && spec.path.is_none());
        Self {
            annotations: asked || variable("GITHUB_ACTIONS").is_some_and(|value| value == "true"),
            summary: path("GITHUB_STEP_SUMMARY"),
            output: path("GITHUB_OUTPUT"),
        }
    }

    /// Whether anything of it needs findings.
    pub(super) fn wants_findings(&self) -> bool {
        self.annotations || self.summary.is_some()
    }

    /// Writes annotations. GitHub reads both streams: stdout has them where it has text, and else it is left to its format.
    pub(super) fn annotate(
        &self,
        findings: &[Finding],
        specs: &[OutputSpec],
        screen: &Screen,
    ) -> Result<(), Failure> {
        if !self.annotations {
            return Ok(());
        }
        let lines = github::annotations(findings);
        if output::stdout_format(specs) == Format::Text {
            return screen.result(&lines);
        }
        screen.say(&lines);
        Ok(())
    }

    /// Appends to the summary of the step, as far as there is room.
    pub(super) fn summarize(&self, text: impl FnOnce() -> String) -> Result<(), Failure> {
        let Some(path) = &self.summary else {
            return Ok(());
        };
        let text = format!("{}\n", text());
        let taken = fs::metadata(path).map_or(0, |file| file.len());
        let first = text.lines().next().map(|line| format!("{line}\n"));
        let fits = |text: &str| taken.saturating_add(text.len() as u64) <= MOST_SUMMARY;
        match first {
            _ if fits(&text) => append(path, &text),
            // The counts at least.
            Some(first) if fits(&first) => append(path, &first),
            _ => Ok(()),
        }
    }

    /// Appends to the outputs of the step. `saved`: the file that the plan was saved to.
    pub(super) fn tell(&self, review: &Review<'_>, saved: Option<&Path>) -> Result<(), Failure> {
        let Some(path) = &self.output else {
            return Ok(());
        };
        let saved = saved.map(Path::to_string_lossy).unwrap_or_default();
        append(path, &github::outputs(&review.plan, &saved))
    }
}

fn append(path: &Path, text: &str) -> Result<(), Failure> {
    let file = fs::OpenOptions::new().append(true).create(true).open(path);
    file.and_then(|mut file| file.write_all(text.as_bytes()))
        .map_err(|error| {
            Failure::new(format!("{} cannot be written", path.display())).because(&error)
        })
}

/// Whether an output needs findings.
pub(super) fn wants_findings(specs: &[OutputSpec], github: &Github) -> bool {
    let mut specs = specs.iter();
    github.wants_findings() || specs.any(|spec| spec.format.has_findings())
}

/// Shows a plan or drift everywhere; `text` is what stdout and text files get.
pub(super) fn review(
    review: &Review<'_>,
    specs: &[OutputSpec],
    github: &Github,
    screen: &Screen,
    text: impl Fn(&TextStyle) -> String,
) -> Result<(), Failure> {
    let annotated = github.annotate(review.checked.findings, specs, screen);
    let summarized = github.summarize(|| markdown::review(review));
    let shown = screen.report(specs, |format, style| match format {
        Format::Text => text(style),
        format => format.review(review),
    });
    shown.and(summarized).and(annotated)
}

/// Everything found, with what the formats need beside it.
pub(super) struct Findings {
    pub(super) all: Vec<Finding>,
    groups: Vec<CheckedGroup>,
    project: String,
    part: String,
}

/// What findings are made of: what the guard has against the plan, when it was made, what the files have shown.
type Material<'a> = (&'a [Refusal], &'a Stamp, &'a [Diagnostic]);
/// Who wants them.
type Readers<'a> = (&'a Open<'a>, &'a [OutputSpec], &'a Github);

impl Findings {
    /// Of a plan; nothing where nobody wants any.
    pub(super) fn of_plan(prepared: &Prepared<'_>, of: Material<'_>, by: Readers<'_>) -> Self {
        Self::of(prepared, of, by, false)
    }

    /// Of a plan in drift words.
    pub(super) fn of_drift(prepared: &Prepared<'_>, of: Material<'_>, by: Readers<'_>) -> Self {
        Self::of(prepared, of, by, true)
    }

    fn of(
        prepared: &Prepared<'_>,
        (refusals, stamp, files): Material<'_>,
        (gate, specs, github): Readers<'_>,
        drift: bool,
    ) -> Self {
        if !wants_findings(specs, github) && !gate.wants_findings() {
            return Self {
                all: Vec::new(),
                groups: Vec::new(),
                project: String::new(),
                part: String::new(),
            };
        }
        let mut all = prepared.findings(refusals, stamp, files);
        gate.mark(&mut all);
        Self {
            all,
            groups: prepared.checked_groups(drift),
            project: prepared.project_seen_from_top(),
            part: String::new(),
        }
    }

    /// The same, of a part of the project ([`Selection::part`](super::project::Selection::part)).
    pub(super) fn of_part(mut self, part: &str) -> Self {
        part.clone_into(&mut self.part);
        self
    }

    /// For the formats.
    pub(super) fn checked(&self, command: &'static str, gate: &Open<'_>) -> Checked<'_> {
        Checked {
            command,
            project: &self.project,
            part: &self.part,
            is_cut_short: false,
            groups: &self.groups,
            findings: &self.all,
            is_compared: gate.is_compared(),
            warnings_fail: gate.warnings_fail(),
        }
    }
}

/// A run that came to nothing.
pub(super) struct Nothing<'a> {
    pub(super) command: &'static str,
    /// What stands for the part of the project that it was about.
    pub(super) part: &'a str,
    /// The project file, seen from the top of the repository.
    pub(super) project: &'a str,
    /// Of the plan that it was to make, as much as is known; `None`: it was to make none.
    pub(super) stamp: Option<&'a Stamp>,
}

/// Tells everybody but people at stdout that there is no plan, and why.
pub(super) fn nothing(
    failure: &Failure,
    run: &Nothing<'_>,
    specs: &[OutputSpec],
    github: &Github,
    screen: &Screen,
) -> Result<(), Failure> {
    // Numbers of GitLab's kind cannot say that there are none: those of an earlier run go.
    let cleared = specs
        .iter()
        .filter(|spec| spec.format == Format::Gitlab)
        .filter_map(|spec| spec.path.as_deref())
        .try_for_each(remove);
    let told: Vec<OutputSpec> = specs
        .iter()
        .filter(|spec| spec.format != Format::Gitlab)
        .cloned()
        .collect();
    if told.is_empty() && !github.wants_findings() {
        return cleared;
    }
    let message = &failure.message;
    let findings = failure.as_findings();
    let checked = Checked {
        command: run.command,
        project: run.project,
        part: run.part,
        is_cut_short: true,
        findings: &findings,
        ..Checked::default()
    };
    let annotated = github.annotate(checked.findings, specs, screen);
    let summarized = github.summarize(|| markdown::broken(message, &checked));
    let draw = |format: Format, _: &TextStyle| match format {
        Format::Text => failure.plain(),
        format => match (format, run.stamp) {
            (Format::Json, Some(stamp)) => failure.plan_document(stamp, &checked),
            (format, _) => format.checked(message, &checked),
        },
    };
    // People read it on stderr.
    let written = match output::stdout_format(specs) {
        Format::Text | Format::Gitlab => screen.files(&told, draw),
        _ => screen.report(&told, draw),
    };
    written.and(cleared).and(summarized).and(annotated)
}

/// Takes a file away; what is no file, such as a pipe, stays.
fn remove(path: &Path) -> Result<(), Failure> {
    match fs::canonicalize(path) {
        Ok(real) if real.is_file() => fs::remove_file(real).map_err(|error| {
            Failure::new(format!("{} cannot be removed", path.display())).because(&error)
        }),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn github(specs: &[&str], variables: &[(&str, &str)]) -> Github {
        let specs: Vec<OutputSpec> = specs.iter().map(|spec| spec.parse().unwrap()).collect();
        Github::of(&specs, |name| {
            let mut all = variables.iter();
            all.find(|(known, _)| *known == name)
                .map(|(_, value)| value.into())
        })
    }

    #[test]
    fn annotations_come_in_github_actions_or_when_asked_for() {
        assert!(!github(&[], &[]).annotations);
        assert!(!github(&["github=a.txt"], &[("GITHUB_ACTIONS", "")]).annotations);
        assert!(github(&["github"], &[]).annotations);
        assert!(github(&[], &[("GITHUB_ACTIONS", "true")]).annotations);
    }

    #[test]
    fn a_summary_never_grows_beyond_what_a_step_may_have() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("summary.md");
        let variable = path.to_str().unwrap();
        let github = github(&[], &[("GITHUB_STEP_SUMMARY", variable)]);
        let text = || format!("### counts\n{}", "x".repeat(60_000));
        for _ in 0..40 {
            github.summarize(text).unwrap();
        }
        let written = fs::read_to_string(&path).unwrap();
        assert!(written.len() as u64 <= MOST_SUMMARY, "{}", written.len());
        assert_eq!(written.matches("### counts\n").count(), 40);
    }

    #[test]
    fn a_file_that_cannot_be_written_is_named() {
        let github = github(&[], &[("GITHUB_STEP_SUMMARY", "/no/such/file")]);
        let failure = github.summarize(String::new).unwrap_err();
        assert_eq!(failure.message, "/no/such/file cannot be written");
    }
}
