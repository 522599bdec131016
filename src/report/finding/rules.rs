//! The kinds of finding: stable ids, how much they weigh, where they are explained.

use std::{borrow::Cow, sync::LazyLock};

use crate::{
    assertion::{Assertion, Severity},
    diag::Code,
    guard::Reason,
};

/// A kind of finding.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rule {
    /// Stable name in kebab-case.
    pub id: Cow<'static, str>,
    /// Weight in security in tenths, from 0 to 100, on the scale of CVSS; `None`: it says nothing about exposure.
    pub severity: Option<u8>,
    /// The page of the guide that explains it, with its heading.
    page: String,
    /// What the files or the built-in checks say of an assertion; the guide explains all others.
    about: Option<About>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct About {
    title: String,
    text: String,
    reference: Option<String>,
}

/// A group that could not be read.
pub(in crate::report) const UNREAD: &str = "unreadable-group";

/// A run that failed before it could find anything.
const FAILED: &str = "failed-run";

const DIAGNOSTICS: &str = "docs/diagnostics.md";
const FINDINGS: &str = "docs/findings.md";

impl Rule {
    pub(super) fn of_code(code: Code) -> Self {
        let severity = match code {
            // A rule that says one thing while packets fare otherwise.
            Code::NeverEffective
            | Code::OverruledRule
            | Code::SamePriorityConflict
            | Code::ContradictingRule => Some(50),
            Code::WantedAndAbsent | Code::PriorityTwin | Code::DeletesFirst => Some(40),
            Code::AssertionViolated => Some(75),
            Code::RedundantRule => Some(20),
            _ => None,
        };
        Self::explained(code.as_str(), severity, DIAGNOSTICS)
    }

    pub(super) fn of_reason(reason: Reason) -> Self {
        let severity = match reason {
            Reason::Opening => Some(80),
            Reason::SystemRules => Some(70),
            Reason::Interruption | Reason::TooManyDeletes | Reason::Emptied => Some(60),
            Reason::TooManyChanges | Reason::WantedAndIgnored => Some(50),
            // Its own severity says more.
            Reason::Assertion => Some(75),
            Reason::Managed | Reason::Quota | Reason::GroupPeers => None,
        };
        Self::explained(reason.as_str(), severity, FINDINGS)
    }

    /// Its id is the assertion's.
    pub(super) fn of_assertion(assertion: &Assertion) -> Self {
        // The middle of the ranges that CVSS gives these words.
        let severity = match assertion.severity {
            Severity::Low => 20,
            Severity::Medium => 55,
            Severity::High => 80,
            Severity::Critical => 95,
        };
        let says = assertion.says();
        let mut text = format!("The assertion says: {says}.");
        if let Some(because) = &assertion.because {
            text.push_str(&format!("\n\nBecause {because}."));
        }
        if let Some(reference) = &assertion.reference {
            text.push_str(&format!("\n\nSee {reference}."));
        }
        Self {
            id: assertion.id.to_string().into(),
            severity: Some(severity),
            page: format!("{FINDINGS}#{}", Reason::Assertion),
            about: Some(About {
                title: match &assertion.title {
                    Some(title) => title.to_string(),
                    None => says,
                },
                text,
                reference: assertion.reference.as_ref().map(ToString::to_string),
            }),
        }
    }

    fn explained(id: &'static str, severity: Option<u8>, page: &str) -> Self {
        Self {
            id: id.into(),
            severity,
            page: format!("{page}#{id}"),
            about: None,
        }
    }

    pub(super) fn unread() -> Self {
        Self::explained(UNREAD, None, FINDINGS)
    }

    pub(super) fn failed() -> Self {
        Self::explained(FAILED, None, FINDINGS)
    }

    /// The name in words: `Too many deletes`.
    pub fn title(&self) -> String {
        if let Some(about) = &self.about {
            return about.title.clone();
        }
        let words = self.id.replace('-', " ");
        let mut letters = words.chars();
        match letters.next() {
            Some(first) => first.to_uppercase().chain(letters).collect(),
            None => words,
        }
    }

    /// `8.0`.
    pub fn security_severity(&self) -> Option<String> {
        let severity = self.severity?;
        Some(format!("{}.{}", severity / 10, severity % 10))
    }

    /// Where it is explained.
    pub fn help_uri(&self) -> String {
        let reference = self
            .about
            .as_ref()
            .and_then(|about| about.reference.as_deref());
        match reference {
            Some(reference) if is_link(reference) => reference.to_owned(),
            _ => format!("{}{}", *GUIDE, self.page),
        }
    }

    /// What it means, in Markdown.
    pub fn explanation(&self) -> String {
        match &self.about {
            Some(about) => about.text.clone(),
            None => documented(&self.id).map_or_else(|| self.title(), str::to_owned),
        }
    }
}

/// The guide of this version: in the repository that Cargo.toml names, else in the package that docs.rs shows.
static GUIDE: LazyLock<String> = LazyLock::new(|| {
    let version = env!("CARGO_PKG_VERSION");
    match env!("CARGO_PKG_REPOSITORY") {
        "" => format!("https://docs.rs/crate/rulekeep/{version}/source/"),
        repository => format!("{}/blob/v{version}/", repository.trim_end_matches('/')),
    }
});

/// Whether a text is an address and nothing else.
fn is_link(text: &str) -> bool {
    let is_plain = |byte: u8| byte.is_ascii_graphic() && !b"<>\"{}|\\^`".contains(&byte);
    text.starts_with("https://") && text.bytes().all(is_plain)
}

/// What the guide says of a kind of finding, in Markdown without its heading.
fn documented(id: &str) -> Option<&'static str> {
    let pages = [
        include_str!("../../../docs/diagnostics.md"),
        include_str!("../../../docs/findings.md"),
    ];
    pages.into_iter().find_map(|page| section(page, id))
}

fn section<'a>(page: &'a str, id: &str) -> Option<&'a str> {
    let heading = format!("\n### {id}\n");
    let begin = page.find(&heading)? + heading.len();
    let rest = &page[begin..];
    let end = rest.find("\n## ").unwrap_or(rest.len());
    let end = rest.find("\n### ").map_or(end, |next| next.min(end));
    Some(rest[..end].trim())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_is_explained_in_the_guide() {
        let codes = Code::ALL.iter().map(|code| Rule::of_code(*code));
        let reasons = Reason::ALL.iter().map(|reason| Rule::of_reason(*reason));
        for rule in codes.chain(reasons).chain([Rule::unread(), Rule::failed()]) {
            let text = documented(&rule.id).unwrap_or_default();
            assert!(text.len() > 40, "{}: {text:?}", rule.id);
            assert!(!text.contains("\n### "), "{}", rule.id);
            let uri = rule.help_uri();
            let heading = format!("#{}", rule.id);
            assert!(
                uri.starts_with("https://") && uri.ends_with(&heading),
                "{uri}"
            );
        }
    }

    #[test]
    fn the_weight_is_told_with_one_decimal() {
        let rule = Rule::of_reason(Reason::Opening);
        assert_eq!(rule.security_severity().as_deref(), Some("8.0"));
        assert_eq!(rule.title(), "Opening");
        assert_eq!(
            Rule::of_reason(Reason::TooManyDeletes).title(),
            "Too many deletes"
        );
        assert_eq!(Rule::of_code(Code::Tab).security_severity(), None);
    }
}
