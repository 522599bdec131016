//! Claims about what a group's rules admit: what they say, who is excused from them, and what came of looking.
//!
//! An assertion forbids or requires some services from or to somewhere. It is judged on packets, never on the text of rules, in the
//! state before a plan, in the result, and in every state that applying the plan may pass through ([`evaluate`]). Assertions come from
//! the files (`desired` reads them) or from a built-in table ([`baseline`]); both run through the same evaluation. This module
//! decides nothing about plans: `plan` asks, `guard` refuses, `report` shows.

pub mod baseline;
pub mod evaluate;
pub mod questions;
mod states;

use std::{fmt, sync::Arc};

use jiff::Timestamp;

use crate::{
    desired::DesiredPeer,
    diag::{Code, Diagnostic, Span},
    model::{Direction, GroupName, NicType, PrefixListId, Protocol, Rule},
    traffic::{
        clause::Symbol,
        speak::{Statement, Who},
    },
};

/// What an assertion says of its packets.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Claim {
    /// None of them is admitted.
    Forbid,
    /// Every one of them is admitted.
    Require,
}

impl fmt::Display for Claim {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Forbid => "forbid",
            Self::Require => "require",
        })
    }
}

/// How bad a violation is; for reports, the guard refuses at any.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Severity {
    /// Somebody should look at it.
    Low,
    /// Should not stay.
    Medium,
    /// What an assertion of the files has when it says nothing.
    High,
    /// Somebody is likely to get in.
    Critical,
}

impl Severity {
    /// Every severity with its word.
    pub const WORDS: [(&'static str, Self); 4] = [
        ("low", Self::Low),
        ("medium", Self::Medium),
        ("high", Self::High),
        ("critical", Self::Critical),
    ];
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Low => "low",
            Self::Medium => "medium",
            Self::High => "high",
            Self::Critical => "critical",
        })
    }
}

/// How many addresses an assertion overlooks, all that violate it taken together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Allowance {
    /// IPv4 addresses.
    pub v4: u128,
    /// IPv6 addresses.
    pub v6: u128,
}

/// The far end of an assertion.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Peer {
    /// Every address of the public internet ([`crate::traffic::internet`]).
    Internet,
    /// As in a rule.
    One(DesiredPeer),
}

/// A claim about packets of a group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Assertion {
    /// What waivers and reports call it.
    pub id: Arc<str>,
    /// A few words for it.
    pub title: Option<Arc<str>>,
    /// What it says of its packets.
    pub claim: Claim,
    /// Protocols and ports.
    pub services: Vec<Protocol>,
    /// Which way.
    pub direction: Direction,
    /// The far end; a packet is meant when it is of one of them.
    pub peers: Vec<Peer>,
    /// A violation by no more addresses than this is none; for built-in checks, which are about strangers and not about an office.
    pub allowance: Option<Allowance>,
    /// As written: `ssh, rdp from internet`.
    pub text: Arc<str>,
    /// Why.
    pub because: Option<Arc<str>>,
    /// How bad a violation is.
    pub severity: Severity,
    /// Where to read about it.
    pub reference: Option<Arc<str>>,
    /// Where it is declared; for a built-in check, where the baseline is chosen.
    pub span: Span,
}

impl Assertion {
    /// `forbid ssh, rdp from internet`.
    pub fn says(&self) -> String {
        format!("{} {}", self.claim, self.text)
    }

    /// Where to read about it, in words.
    pub fn see(&self) -> Option<String> {
        let reference = self.reference.as_ref();
        reference.map(|reference| format!("see {reference}"))
    }

    /// Declared groups that it names.
    pub fn named_groups(&self) -> impl Iterator<Item = &GroupName> {
        self.peers.iter().filter_map(|peer| match peer {
            Peer::One(DesiredPeer::Declared(name)) => Some(name),
            Peer::Internet | Peer::One(_) => None,
        })
    }

    /// Prefix lists that it names.
    pub fn named_lists(&self) -> impl Iterator<Item = &PrefixListId> {
        self.peers.iter().filter_map(|peer| match peer {
            Peer::One(DesiredPeer::PrefixList(list)) => Some(list),
            Peer::Internet | Peer::One(_) => None,
        })
    }
}

/// Leave for one group to violate an assertion until a date.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Waiver {
    /// Id of the assertion or built-in check.
    pub assertion: Arc<str>,
    /// Groups it is for, by name or id; `None`: the group whose file it stands in.
    pub groups: Option<Vec<Arc<str>>>,
    /// Only packets of these peers; `None`: all of the assertion's.
    pub peers: Option<Vec<Peer>>,
    /// From this moment on it counts no more.
    pub until: Timestamp,
    /// The same as written.
    pub until_text: Arc<str>,
    /// Why.
    pub reason: Arc<str>,
    /// Where it is declared.
    pub span: Span,
}

impl Waiver {
    /// What is to be said of one that is past its date.
    pub fn expired(&self, group: &str) -> Diagnostic {
        Diagnostic::warning(
            Code::ExpiredWaiver,
            format!(
                "the waiver of `{}` for {group} ended {}",
                self.assertion, self.until_text
            ),
        )
        .label(self.span, "counts no more")
        .help("remove it, or decide anew and give it another date")
    }

    /// What is to be said of one that nothing needs.
    pub fn unused(&self, group: &str) -> Diagnostic {
        Diagnostic::warning(
            Code::UnusedWaiver,
            format!(
                "{group} does not violate `{}`: the waiver excuses nothing",
                self.assertion
            ),
        )
        .label(self.span, "not needed")
        .help("remove it, so that it does not hide what comes later")
    }
}

/// Since when, and whether it matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Status {
    /// The result violates it and the state before does not: the guard refuses.
    New,
    /// Neither the state before nor the result violates it, but some state between does: the guard refuses.
    OnTheWay {
        /// The first wave in which it may happen, from 0.
        wave: usize,
    },
    /// The state before violates it, and the result still does.
    Known,
    /// The result violates it, and a waiver covers that.
    Waived {
        /// The waiver, as an index into those of the group.
        waiver: usize,
    },
}

/// Some of the packets that violate an assertion.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Evidence {
    /// Which packets.
    pub what: Statement,
    /// The rules that decide about them so, the widest first; `None` is the default. Empty for what happens on the way only.
    pub deciders: Vec<Option<Rule>>,
}

/// Packets of a group that violate an assertion, and since when.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    /// What is violated.
    pub assertion: Arc<Assertion>,
    /// Network interface; of interest in the classic network only.
    pub nic: NicType,
    /// Whether the group is in the classic network.
    pub is_classic: bool,
    /// Since when.
    pub status: Status,
    /// The packets.
    pub traffic: Vec<Evidence>,
    /// Lists that decide and could not be read: what is said holds for some addresses, or ports, that may be in them.
    pub depends_on: Vec<Symbol>,
    /// The waiver of a waived one.
    pub waiver: Option<Arc<Waiver>>,
}

impl Violation {
    /// Whether the guard refuses because of it.
    pub fn refuses(&self) -> bool {
        matches!(self.status, Status::New | Status::OnTheWay { .. })
    }

    /// `admits` or `refuses`: what the group does that it must not do.
    pub fn verb(&self) -> &'static str {
        match self.assertion.claim {
            Claim::Forbid => "admits",
            Claim::Require => "refuses",
        }
    }

    /// One sentence.
    pub fn message(&self) -> String {
        let assertion = &self.assertion;
        let what = match &assertion.title {
            Some(title) => format!("`{}` ({title})", assertion.id),
            None => format!("`{}`", assertion.id),
        };
        let when = match self.status {
            Status::New => "is violated by the result".to_owned(),
            Status::OnTheWay { wave } => format!(
                "holds before and after, but may be violated on the way, in layer {}",
                wave + 1
            ),
            Status::Known => "is violated, as it was before".to_owned(),
            Status::Waived { .. } => match &self.waiver {
                Some(waiver) => format!(
                    "is violated, waived until {}: {}",
                    waiver.until_text, waiver.reason
                ),
                None => "is violated, and waived".to_owned(),
            },
        };
        let why = match &assertion.because {
            Some(because) => format!(", because {because}"),
            None => String::new(),
        };
        format!(
            "{what} {when}: {}{why} ({})",
            assertion.says(),
            assertion.severity
        )
    }

    /// The packets, a line each, at most `most` of them: `admits ingress tcp/22 from 0.0.0.0/0`.
    pub fn lines(&self, most: usize) -> Vec<String> {
        let direction = self.assertion.direction;
        let side = match self.is_classic {
            true => direction.on(self.nic),
            false => direction.to_string(),
        };
        let mut lines: Vec<String> = self
            .traffic
            .iter()
            .take(most)
            .map(|evidence| {
                let traffic = evidence.what.text(direction);
                match evidence.what.who {
                    // Of what the lines above say.
                    Who::NotMembersOf(_) => format!("  but {traffic}"),
                    Who::Anyone | Who::MembersOf(_) => format!("{} {side} {traffic}", self.verb()),
                }
            })
            .collect();
        let rest = self.traffic.len().saturating_sub(most);
        if rest > 0 {
            lines.push(format!("… and {rest} more"));
        }
        lines.extend(self.depends());
        lines
    }

    /// What it depends on that nobody knows, if so.
    pub fn depends(&self) -> Option<String> {
        let lists: Vec<String> = self.depends_on.iter().map(ToString::to_string).collect();
        let lists = (!lists.is_empty()).then(|| lists.join(", "));
        lists.map(|lists| format!("depends on {lists}, which could not be read"))
    }

    /// Whether the members of the group reach each other in spite of it, which no rule can change.
    fn is_by_inner_access(&self) -> bool {
        let mut deciders = self.traffic.iter().flat_map(|one| &one.deciders).flatten();
        self.assertion.claim == Claim::Forbid && deciders.any(|rule| rule.priority.get() == 0)
    }

    /// What to do about it, with the exact key that would let it pass; nothing for what passes.
    pub fn help(&self, group: &str) -> Vec<String> {
        if self.refuses() {
            self.mend(group)
        } else {
            Vec::new()
        }
    }

    /// What to do about it.
    pub fn mend(&self, group: &str) -> Vec<String> {
        let id = &self.assertion.id;
        let mend = match (self.status, self.assertion.claim) {
            (Status::OnTheWay { .. }, _) => {
                "make the change in two steps: first declare some of the new rules beside the old ones, or first remove old ones where the group is full"
            }
            (_, Claim::Forbid) if self.is_by_inner_access() => {
                "set the group's inner access policy to Drop in the console; no rule decides about its members among each other"
            }
            // Not only a smaller one: there is none below 1, the default, and at equal priority drop wins.
            (_, Claim::Forbid) => {
                "narrow the rules that admit it, or drop it with the same priority number or a smaller one"
            }
            (_, Claim::Require) => "admit it with a rule, or narrow the rules that drop it",
        };
        let mut help = vec![
            mend.to_owned(),
            format!(
                "or excuse {group} for a while: `waivers: [{{ assertion: {id}, until: YYYY-MM-DD, reason: \"..\" }}]` in its group file"
            ),
        ];
        help.extend(self.assertion.see());
        help
    }
}
