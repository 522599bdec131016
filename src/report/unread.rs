//! What could not be read, and what a part of an estate says of itself without it.

use super::{PlanReport, text};
use crate::diag::Span;

impl PlanReport<'_> {
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

    /// All that could not be read: `3 groups and the groups of 1 document`; empty for nothing.
    pub(crate) fn count_unread(&self) -> String {
        let parts = [false, true].map(|are_documents| {
            let failures = self.failures.iter();
            let of_kind = failures.filter(|failure| failure.is_document == are_documents);
            (of_kind.count(), are_documents)
        });
        let parts = parts.into_iter().filter(|(count, _)| *count > 0);
        let parts: Vec<String> = parts
            .map(|(many, are_documents)| count(many, are_documents))
            .collect();
        parts.join(" and ")
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
        count(self.names.len(), self.are_documents)
    }
}

fn count(many: usize, are_documents: bool) -> String {
    match are_documents {
        true => format!("the groups of {}", text::count(many, "document")),
        false => text::count(many, "group"),
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{diag::Sources, plan::Plan, report::sample};

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
            report.lacks(),
            "4 groups and the groups of 2 documents could not be read"
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
}
