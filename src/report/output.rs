//! Formats of reports, and where they go.

use std::{fmt, path::PathBuf, str::FromStr};

use super::{Review, checked::Checked, codequality, github, html, json, junit, markdown, sarif};
use crate::apply::{GroupReport, Report};

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
