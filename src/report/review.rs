//! A plan as reviewers see it: with its findings and the way on.

use crate::plan::GroupPlan;

use super::{
    PlanReport,
    checked::Checked,
    finding::Finding,
    text::{self, Said, Tone},
};

/// A plan with what is to be said about it; what Markdown and HTML show.
#[derive(Clone, Copy, Debug)]
pub struct Review<'a> {
    /// The plan.
    pub plan: PlanReport<'a>,
    /// What was found.
    pub checked: Checked<'a>,
    /// Which words are used.
    pub subject: Subject,
    /// The command that makes the changes.
    pub apply: &'a str,
}

/// What a review is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Subject {
    /// What an apply would do.
    Plan,
    /// Where the cloud differs from the files.
    Drift,
}

impl Subject {
    /// The word in markers and titles.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Plan => "plan",
            Self::Drift => "drift",
        }
    }
}

/// One side of what the changes mean in traffic.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Side {
    /// Which sentences.
    pub(super) tone: Tone,
    /// What they have in common.
    pub(super) title: &'static str,
    /// What their text begins with and the title says already.
    words: &'static str,
    /// Before each in a block that forges colour.
    pub(super) sign: char,
    /// The class of the page.
    pub(super) class: &'static str,
}

impl Subject {
    /// Both sides, the one that a reader must see first.
    pub(super) fn sides(self) -> [Side; 2] {
        let side = |tone, title, words, sign, class| Side {
            tone,
            title,
            words,
            sign,
            class,
        };
        let (opens, closes) = ("newly admits ", "no longer admits ");
        // The plan is what an apply does; drift is the state that it would end.
        match self {
            Self::Plan => [
                side(Tone::Added, "Newly admitted traffic", opens, '+', "add"),
                side(Tone::Removed, "No longer admitted", closes, '-', "del"),
            ],
            Self::Drift => {
                let open = "Admitted now, not by the files";
                let shut = "Not admitted now, though the files say so";
                [
                    side(Tone::Removed, open, closes, '!', "del"),
                    side(Tone::Added, shut, opens, '!', "add"),
                ]
            }
        }
    }
}

impl Side {
    /// The sentence without what the title says.
    pub(super) fn text<'s>(&self, said: &'s Said) -> &'s str {
        let text = said.text.trim_start();
        text.strip_prefix(self.words).unwrap_or(text)
    }

    /// The rules that decide; what an apply would end decides still, and what it would bring does not yet.
    pub(super) fn why(&self, said: &Said, subject: Subject) -> String {
        match subject {
            Subject::Plan => said.reasons(),
            Subject::Drift => said.why.strip_prefix("was ").unwrap_or(&said.why).into(),
        }
    }
}

impl<'a> Review<'a> {
    /// The last line of the text report without its full stop.
    pub fn headline(&self) -> String {
        let line = match self.subject {
            Subject::Plan => text::plan_summary(&self.plan),
            Subject::Drift => text::drift_summary(&self.plan),
        };
        line.trim_end_matches('.').to_owned()
    }

    /// Findings that nobody has dealt with.
    pub fn fresh(&self) -> impl Iterator<Item = &'a Finding> {
        self.checked
            .findings
            .iter()
            .filter(|finding| finding.is_fresh())
    }

    /// Findings that the baseline has, or that a waiver excuses from.
    pub fn known(&self) -> impl Iterator<Item = &'a Finding> {
        self.checked
            .findings
            .iter()
            .filter(|finding| !finding.is_fresh())
    }

    /// Groups with changes.
    pub fn changed(&self) -> impl Iterator<Item = &'a GroupPlan> {
        let groups = self.plan.plan.groups.iter();
        groups.filter(|group| !group.changes.is_empty())
    }

    /// `web (cn-hangzhou)`, with the account where there are several.
    pub fn name(&self, group: &GroupPlan) -> String {
        let groups = &self.plan.plan.groups;
        // They are sorted by account first.
        let account = |group: Option<&'a GroupPlan>| group.map(|group| &group.address.account);
        let several = account(groups.first()) != account(groups.last());
        let address = &group.address;
        match several {
            true => format!("{} ({}/{})", group.name, address.account, address.region),
            false => format!("{} ({})", group.name, address.region),
        }
    }
}
