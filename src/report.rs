//! Plans and apply reports as text and JSON; one file per format.
//!
//! Everything here is a pure function from values to a `String`: where it goes is for `cli/output.rs`. A further
//! format is a file beside `json.rs`, a variant of [`Format`] and an arm where the compiler asks for one.

pub mod baseline;
pub mod checked;
pub mod codequality;
pub mod explain;
pub mod finding;
pub mod github;
pub mod html;
pub mod json;
pub mod junit;
pub mod markdown;
mod review;
#[cfg(test)]
pub(crate) mod sample;
pub mod sarif;
pub mod text;

pub use review::{Review, Subject};

use std::{fmt, path::PathBuf, str::FromStr};

use jiff::Timestamp;

use crate::{
    apply::{GroupReport, Report},
    diag::{Sources, Span},
    guard::Refusal,
    model::Rule,
    plan::{GroupPlan, Plan},
    reconcile::Shard,
};

use self::checked::Checked;

/// A plan with everything that is reported beside it.
#[derive(Clone, Copy, Debug)]
pub struct PlanReport<'a> {
    /// The plan.
    pub plan: &'a Plan,
    /// The files, for places.
    pub sources: &'a Sources,
    /// What the guard has against it.
    pub refusals: &'a [Refusal],
    /// Groups that could not be read and are therefore not part of the plan.
    pub failures: &'a [ReadFailure],
    /// When and from what it was made.
    pub stamp: &'a Stamp,
    /// Which part of the estate it is about; `None`: no part.
    pub shard: Option<Shard>,
}

impl PlanReport<'_> {
    /// Whether something could not be planned.
    pub fn is_errored(&self) -> bool {
        !self.failures.is_empty() || self.plan.diagnostics.iter().any(|d| d.is_error())
    }

    /// Errors and groups that could not be read, in words: `2 errors, 1 group could not be read`; empty when it is whole.
    pub(crate) fn lacks(&self) -> String {
        let errors = self.plan.diagnostics.iter().filter(|d| d.is_error());
        let mut lacks = Vec::new();
        match errors.count() {
            0 => {}
            errors => lacks.push(text::count(errors, "error")),
        }
        match self.failures.len() {
            0 => {}
            groups => lacks.push(format!(
                "{} could not be read",
                text::count(groups, "group")
            )),
        }
        lacks.join(", ")
    }

    /// `part 2/3 of the estate: 75 groups`; `None`: it is no part.
    pub(crate) fn part(&self) -> Option<String> {
        let shard = self.shard?;
        let unlisted = self.failures.iter().filter(|failure| failure.is_document);
        let unlisted = unlisted.count();
        let groups = self.plan.groups.len() + self.failures.len() - unlisted;
        let mut parts = Vec::new();
        if groups > 0 {
            parts.push(text::count(groups, "group"));
        }
        if unlisted > 0 {
            let documents = text::count(unlisted, "document");
            parts.push(format!("{documents} whose groups are not known"));
        }
        if parts.is_empty() {
            parts.push("no group is in it".to_owned());
        }
        Some(format!("part {shard} of the estate: {}", parts.join(", ")))
    }

    /// What could not be read, groups and documents apart, by place (`account/region`) and error.
    pub fn unread(&self) -> Vec<Unread<'_>> {
        let mut all: Vec<Unread<'_>> = Vec::new();
        for failure in self.failures {
            let ReadFailure {
                group,
                is_document,
                error,
                ..
            } = failure;
            // A name may hold a slash, an account and a region hold none.
            let parts: Vec<&str> = group.splitn(3, '/').collect();
            let (place, name) = match parts[..] {
                [account, region, name] => (format!("{account}/{region}"), name),
                _ => (String::new(), &**group),
            };
            let known = all.iter_mut().find(|known| {
                (&known.place, known.error, known.are_documents) == (&place, error, *is_document)
            });
            match known {
                Some(known) => known.names.push(name),
                None => all.push(Unread {
                    place,
                    error,
                    are_documents: *is_document,
                    names: vec![name],
                }),
            }
        }
        all
    }

    /// Whether an apply would be let through and have something to do.
    pub fn is_applyable(&self) -> bool {
        !self.is_errored() && self.refusals.is_empty() && !self.plan.counts().is_empty()
    }
}

/// Where each of some rules comes from: the place that declares it, for a live rule that is not declared its id, or `default`.
pub fn deciders(group: &GroupPlan, rules: &[Option<Rule>], sources: &Sources) -> Vec<String> {
    let name = |rule: &Option<Rule>| {
        let Some(rule) = rule else {
            return DEFAULT.to_owned();
        };
        if group.is_inner_access(rule) {
            return INNER_ACCESS.to_owned();
        }
        let live = || {
            let seen = group
                .observed
                .rules
                .iter()
                .find(|seen| seen.rule.is_same_rule(rule));
            seen.and_then(|seen| seen.id.as_ref())
                .map_or_else(|| rule.to_string(), ToString::to_string)
        };
        let declared = group.place_of(rule);
        declared.map_or_else(live, |span| sources.place(span))
    };
    let mut names: Vec<String> = Vec::new();
    for name in rules.iter().map(name) {
        if !names.contains(&name) {
            names.push(name);
        }
    }
    names
}

/// What decides where no rule does.
const DEFAULT: &str = "default";

/// What decides among the members of a group that may reach each other.
const INNER_ACCESS: &str = "InnerAccessPolicy (members of the group reach each other)";

/// The first of some deciders, and how many more there are; empty for none.
fn by(names: &[String]) -> String {
    match names {
        [] => String::new(),
        [one] => one.clone(),
        [one, rest @ ..] => format!("{one} and {} more", rest.len()),
    }
}

/// Groups of one place that could not be read for one reason, or documents whose groups could not be listed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unread<'a> {
    /// `account/region`.
    pub place: String,
    /// What the cloud or the connection said.
    pub error: &'a str,
    /// Whether they are documents.
    pub are_documents: bool,
    /// Names of groups, or places of documents.
    pub names: Vec<&'a str>,
}

impl Unread<'_> {
    /// `3 groups`, `the groups of 2 documents`.
    pub fn count(&self) -> String {
        count_unread(self.names.len(), self.are_documents)
    }
}

/// As [`Unread::count`], of any number.
pub(crate) fn count_unread(count: usize, are_documents: bool) -> String {
    match are_documents {
        true => format!("the groups of {}", text::count(count, "document")),
        false => text::count(count, "group"),
    }
}

/// A group that could not be read, or a document whose groups could not be listed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReadFailure {
    /// Which group: `account/region/name`; for a document its place in place of a name.
    pub group: String,
    /// Whether it is a document.
    pub is_document: bool,
    /// Where it is declared, where that is known.
    pub span: Option<Span>,
    /// What the cloud or the connection said.
    pub error: String,
}

/// When and from what a plan was made; given from outside, so that reports are pure.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stamp {
    /// When.
    pub timestamp: Timestamp,
    /// The git commit of the files.
    pub commit: Option<String>,
    /// Whether the files differ from that commit; `None`: not known.
    pub dirty: Option<bool>,
}

/// A format of reports.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// For people.
    Text,
    /// For programs, with a schema.
    Json,
    /// The comment on a pull request.
    Markdown,
    /// A page for the browser.
    Html,
    /// Annotations of GitHub Actions.
    Github,
    /// Findings for code scanning: SARIF 2.1.0.
    Sarif,
    /// Checks for CI systems: JUnit XML.
    Junit,
    /// Counts for GitLab's merge requests.
    Gitlab,
    /// Findings for GitLab's merge requests.
    Codequality,
}

impl Format {
    /// Every format there is.
    pub const ALL: &'static [Self] = &[
        Self::Text,
        Self::Json,
        Self::Markdown,
        Self::Html,
        Self::Github,
        Self::Sarif,
        Self::Junit,
        Self::Gitlab,
        Self::Codequality,
    ];

    /// Those of `validate`, which has no plan.
    pub const FINDINGS: &'static [Self] = &[
        Self::Text,
        Self::Json,
        Self::Markdown,
        Self::Html,
        Self::Github,
        Self::Sarif,
        Self::Junit,
        Self::Codequality,
    ];

    /// Those that every command with a result has.
    pub const PLAIN: &'static [Self] = &[Self::Text, Self::Json];

    /// The word on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Self::Text => "text",
            Self::Json => "json",
            Self::Markdown => "markdown",
            Self::Html => "html",
            Self::Github => "github",
            Self::Sarif => "sarif",
            Self::Junit => "junit",
            Self::Gitlab => "gitlab",
            Self::Codequality => "codequality",
        }
    }

    /// Whether it shows findings.
    pub fn has_findings(self) -> bool {
        match self {
            Self::Text | Self::Json | Self::Gitlab => false,
            Self::Markdown
            | Self::Html
            | Self::Github
            | Self::Sarif
            | Self::Junit
            | Self::Codequality => true,
        }
    }

    /// A plan or drift; text has a style and is drawn by its own functions.
    pub fn review(self, review: &Review<'_>) -> String {
        let checked = &review.checked;
        match self {
            Self::Text | Self::Json => json::plan(&review.plan),
            Self::Markdown => markdown::review(review),
            Self::Html => html::review(review),
            Self::Github => github::annotations(checked.findings),
            Self::Sarif => sarif::sarif(checked),
            Self::Junit => junit::junit(checked),
            Self::Codequality => codequality::code_quality(checked),
            Self::Gitlab => {
                let counts = review.plan.plan.counts();
                codequality::counts(counts.add, counts.change, counts.destroy)
            }
        }
    }

    /// What was found where there is no plan; `message` says so in a line.
    pub fn checked(self, message: &str, checked: &Checked<'_>) -> String {
        match self {
            Self::Text => format!("{message}\n"),
            Self::Json => json::findings(checked),
            Self::Markdown => markdown::broken(message, checked),
            Self::Html => html::checked(message, checked),
            Self::Github => github::annotations(checked.findings),
            Self::Sarif => sarif::sarif(checked),
            Self::Junit => junit::junit(checked),
            Self::Codequality => codequality::code_quality(checked),
            Self::Gitlab => codequality::counts(0, 0, 0),
        }
    }

    /// What came of an apply, beside text and JSON.
    pub fn applied(self, report: &Report, checked: &Checked<'_>) -> String {
        match self {
            Self::Text | Self::Json => json::applied(report),
            Self::Markdown => markdown::applied(report, checked.part),
            Self::Html => html::applied(report),
            Self::Junit => junit::applied(report),
            Self::Gitlab => {
                let sum = |of: fn(&GroupReport) -> usize| report.groups.iter().map(of).sum();
                codequality::counts(sum(|g| g.added), sum(|g| g.changed), sum(|g| g.destroyed))
            }
            Self::Github | Self::Sarif | Self::Codequality => self.checked("", checked),
        }
    }

    /// Why nothing was applied, beside text and JSON.
    pub fn unapplied(self, message: &str, reasons: &[String], checked: &Checked<'_>) -> String {
        match self {
            Self::Text | Self::Json => json::unapplied(message, reasons, checked),
            Self::Markdown => markdown::unapplied(message, reasons, checked),
            Self::Html => html::unapplied(message, reasons, checked.findings),
            Self::Junit => junit::unapplied(message, reasons),
            Self::Github | Self::Sarif | Self::Codequality | Self::Gitlab => {
                self.checked(message, checked)
            }
        }
    }
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// One output of a run: `json` and `json=-` are stdout, `json=plan.json` is a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OutputSpec {
    /// In which format.
    pub format: Format,
    /// To which file; `None`: stdout.
    pub path: Option<PathBuf>,
}

/// Why a text is no output.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum OutputSpecError {
    /// No such format, or none of this command.
    #[error("unknown format `{name}`; known are {}", listed(known))]
    UnknownFormat {
        /// As it was written.
        name: String,
        /// What there is to choose from.
        known: &'static [Format],
    },
    /// A format that counts changes, for a command that has none.
    #[error(
        "validate has no changes to count: `{name}` is of plans; known are {}",
        listed(known)
    )]
    NoChanges {
        /// The format.
        name: &'static str,
        /// What there is to choose from.
        known: &'static [Format],
    },
    /// `json=` without a path.
    #[error("`{0}=` names no file; `{0}` alone is stdout")]
    NoPath(Format),
}

fn listed(formats: &[Format]) -> String {
    let names: Vec<_> = formats.iter().map(|format| format.name()).collect();
    names.join(", ")
}

impl OutputSpec {
    /// An output of a command that has text and JSON only.
    pub fn plain(text: &str) -> Result<Self, OutputSpecError> {
        Self::among(text, Format::PLAIN)
    }

    /// An output of a command that has findings and no plan.
    pub fn of_findings(text: &str) -> Result<Self, OutputSpecError> {
        let known = Format::FINDINGS;
        let name = Format::Gitlab.name();
        match text.split('=').next() {
            Some(format) if format == name => Err(OutputSpecError::NoChanges { name, known }),
            _ => Self::among(text, known),
        }
    }

    /// An output in one of some formats.
    pub fn among(text: &str, known: &'static [Format]) -> Result<Self, OutputSpecError> {
        let (name, path) = match text.split_once('=') {
            None => (text, None),
            Some((name, path)) => (name, Some(path)),
        };
        let format = known
            .iter()
            .copied()
            .find(|format| format.name() == name)
            .ok_or_else(|| OutputSpecError::UnknownFormat {
                name: name.to_owned(),
                known,
            })?;
        match path {
            Some("") => Err(OutputSpecError::NoPath(format)),
            path => Ok(Self {
                format,
                path: path.filter(|path| *path != "-").map(PathBuf::from),
            }),
        }
    }
}

impl FromStr for OutputSpec {
    type Err = OutputSpecError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::among(text, Format::ALL)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn groups_that_cannot_be_read_for_one_reason_are_told_together() {
        let failure = |group: &str, error: &str| ReadFailure {
            group: group.to_owned(),
            is_document: group.contains("/targets at "),
            span: None,
            error: error.to_owned(),
        };
        let failures = [
            failure("prod/cn-hangzhou/a", "no key"),
            failure("prod/cn-hangzhou/targets at a.yaml:1", "no key"),
            failure("prod/cn-hangzhou/targets at b.yaml:1", "no key"),
            failure("prod/cn-hangzhou/b/c", "no key"),
            failure("prod/cn-beijing/a", "no key"),
            failure("prod/cn-hangzhou/d", "no network"),
        ];
        let plan = Plan {
            groups: Vec::new(),
            schedules: Vec::new(),
            diagnostics: Vec::new(),
        };
        let stamp = sample::stamp();
        let report = PlanReport {
            plan: &plan,
            sources: &Sources::default(),
            refusals: &[],
            failures: &failures,
            stamp: &stamp,
            shard: "2/3".parse().ok(),
        };
        let documents = vec!["targets at a.yaml:1", "targets at b.yaml:1"];
        let told = [
            ("prod/cn-hangzhou", "no key", vec!["a", "b/c"]),
            ("prod/cn-hangzhou", "no key", documents),
            ("prod/cn-beijing", "no key", vec!["a"]),
            ("prod/cn-hangzhou", "no network", vec!["d"]),
        ];
        let unread = report.unread();
        let unread: Vec<_> = unread
            .into_iter()
            .map(|unread| (unread.place, unread.error, unread.names))
            .collect();
        assert_eq!(
            unread,
            told.map(|(place, error, names)| (place.to_owned(), error, names))
        );
        assert_eq!(
            report.part().unwrap(),
            "part 2/3 of the estate: 4 groups, 2 documents whose groups are not known"
        );
        let text = text::plan(
            &report,
            &text::TextStyle {
                width: 120,
                colour: false,
                verbose: false,
            },
        );
        assert!(
            text.contains("could not be read: 2 groups in prod/cn-hangzhou: a, b/c\n  no key\n"),
            "{text}"
        );
    }

    #[test]
    fn an_output_is_a_format_and_perhaps_a_file() {
        let spec = |text: &str| text.parse::<OutputSpec>();
        assert_eq!(
            spec("json=a=b.json"),
            Ok(OutputSpec {
                format: Format::Json,
                path: Some("a=b.json".into())
            })
        );
        assert_eq!(spec("text").unwrap().path, None);
        assert_eq!(spec("markdown=-").unwrap().path, None);
        assert_eq!(spec("json="), Err(OutputSpecError::NoPath(Format::Json)));
    }

    #[test]
    fn an_unknown_format_is_told_the_known_ones() {
        assert_eq!(
            OutputSpec::plain("yaml=x").unwrap_err().to_string(),
            "unknown format `yaml`; known are text, json"
        );
    }
}
