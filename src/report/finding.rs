//! What stands in the way of a plan or is worth a look, in one shape for every format: diagnostics, lints, refusals,
//! traffic that is cut or let through on the way, groups that cannot be read.
//!
//! Formats draw findings and decide nothing about them. Which of them are known already is for [`baseline`](super::baseline).

mod names;
mod rules;

use std::collections::{BTreeMap, BTreeSet};

use crate::{
    assertion::{Status, Violation},
    desired::{DesiredGroup, Selector},
    diag::{Diagnostic, Severity, Sources, Span},
    digest::sha256_hex,
    guard::{Reason, Refusal},
    plan::{Address, GroupPlan},
};

use super::{PlanReport, ReadFailure};

use names::identity;
pub use names::label;
pub use rules::Rule;
pub(super) use rules::UNREAD;

/// Most lines of traffic that a violated assertion names.
const MOST_TRAFFIC: usize = 6;

/// How bad it is; the worst comes first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Level {
    /// It keeps the plan from being applied.
    Error,
    /// Worth a look; nothing is stopped.
    Warning,
}

impl Level {
    /// The word for people and machines.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warning => "warning",
        }
    }
}

/// What has to be looked at to find it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Origin {
    /// The files alone: every command finds it.
    Files,
    /// The cloud too: `plan` and `drift` find it.
    Cloud,
}

/// A place in the files.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    /// Relative to the repository, or to the project's folder outside of any; with forward slashes.
    pub file: String,
    /// From 1.
    pub line: u32,
    /// In characters, from 1.
    pub column: u32,
}

/// One thing that is wrong or worth a look.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// Its kind.
    pub rule: Rule,
    /// How bad it is.
    pub level: Level,
    /// One sentence without a full stop.
    pub message: String,
    /// What to do about it, a line each.
    pub help: Vec<String>,
    /// The group, as it is declared: `account/region/name`.
    pub group: Option<String>,
    /// Where the reader is sent.
    pub place: Option<Place>,
    /// A few words about that place, such as the traffic that its rule decides about; perhaps none.
    pub note: String,
    /// Other places, each with a few words, perhaps none.
    pub related: Vec<(Place, String)>,
    /// The same for the same finding in every run, wherever its lines have moved to.
    pub fingerprint: String,
    /// What has to be looked at to find it.
    pub origin: Origin,
    /// Whether the baseline has it.
    pub known: bool,
    /// The waiver that excuses from it, in words.
    pub waived: Option<String>,
}

impl Finding {
    /// Whether it may be put into a baseline: what keeps a plan from being applied never is.
    pub fn is_tolerable(&self) -> bool {
        self.level == Level::Warning && self.waived.is_none()
    }

    /// Whether nobody has dealt with it: neither the baseline has it, nor a waiver excuses from it.
    pub fn is_fresh(&self) -> bool {
        !self.known && self.waived.is_none()
    }

    /// A run that failed before it could find anything: no format may pass it off as one that found nothing.
    pub fn of_failure(message: &str, help: Vec<String>) -> Self {
        let rule = Rule::failed();
        let identity = [&*rule.id, message].join("\n");
        let finding = Self {
            rule,
            level: Level::Error,
            message: message.to_owned(),
            help,
            group: None,
            place: None,
            note: String::new(),
            related: Vec::new(),
            fingerprint: String::new(),
            origin: Origin::Cloud,
            known: false,
            waived: None,
        };
        Draft { finding, identity }.finished(1)
    }

    /// The group's name alone.
    pub fn group_name(&self) -> Option<&str> {
        let group = self.group.as_deref()?;
        // A name may hold a slash, an account and a region hold none.
        let name = group.splitn(3, '/').last().unwrap_or(group);
        Some(name.split(" in vpc-").next().unwrap_or(name))
    }
}

/// Everything that findings are made of.
#[derive(Clone, Copy, Debug)]
pub struct Found<'a> {
    /// The files.
    pub sources: &'a Sources,
    /// The project's folder, seen from the top of the repository: empty, or with a slash at its end.
    pub folder: &'a str,
    /// The declared groups.
    pub groups: &'a [DesiredGroup],
    /// What the files alone show, lints among them.
    pub files: &'a [Diagnostic],
    /// What a plan shows beside it.
    pub plan: Option<PlanReport<'a>>,
}

/// All findings, the worst first, then by place. Equal input gives equal findings in equal order.
pub fn findings(found: &Found<'_>) -> Vec<Finding> {
    let collector = Collector::new(found);
    let mut all: Vec<Draft> = found
        .files
        .iter()
        .map(|diagnostic| collector.diagnostic(diagnostic, Origin::Files))
        .collect();
    if let Some(plan) = &found.plan {
        let diagnostics = plan.plan.diagnostics.iter();
        all.extend(diagnostics.map(|one| collector.diagnostic(one, Origin::Cloud)));
        // Of a violated assertion the plan knows more than the refusal.
        let refusals = plan.refusals.iter();
        let refusals = refusals.filter(|one| one.reason != Reason::Assertion);
        all.extend(refusals.map(|one| collector.refusal(one, plan)));
        all.extend(plan.failures.iter().map(|one| collector.unread(one)));
        for group in &plan.plan.groups {
            all.extend(collector.accepted(group, plan.refusals));
            let violations = group.violations.iter();
            all.extend(violations.map(|one| collector.violation(one, group)));
        }
    }
    all.sort_by(|a, b| a.order().cmp(&b.order()));
    let mut seen: BTreeMap<String, usize> = BTreeMap::new();
    all.into_iter()
        .map(|draft| {
            let count = seen.entry(draft.identity.clone()).or_default();
            *count += 1;
            draft.finished(*count)
        })
        .collect()
}

/// The worst finding that is not known.
pub fn worst(findings: &[Finding]) -> Option<&Finding> {
    findings
        .iter()
        .filter(|finding| finding.is_fresh())
        .min_by_key(|finding| (finding.level, std::cmp::Reverse(finding.rule.severity)))
}

/// A finding whose fingerprint is not made yet.
struct Draft {
    finding: Finding,
    /// What the fingerprint is made from.
    identity: String,
}

impl Draft {
    fn order(&self) -> impl Ord + '_ {
        let Finding {
            rule,
            level,
            message,
            group,
            place,
            ..
        } = &self.finding;
        (level, place, &rule.id, group, message)
    }

    /// `nth`: the how manieth of its identity, from 1.
    fn finished(self, nth: usize) -> Finding {
        let mut finding = self.finding;
        let digest = sha256_hex(format!("{}\n{nth}", self.identity).as_bytes());
        finding.fingerprint = digest[..32].to_owned();
        finding
    }
}

struct Collector<'a> {
    found: &'a Found<'a>,
    /// The group that each place belongs to; `None`: several, which one document with `targets` is about.
    owners: BTreeMap<Span, Option<&'a DesiredGroup>>,
    /// Groups by [`identity`].
    groups: BTreeMap<String, &'a DesiredGroup>,
}

impl<'a> Collector<'a> {
    fn new(found: &'a Found<'a>) -> Self {
        let mut owners: BTreeMap<Span, Option<&DesiredGroup>> = BTreeMap::new();
        for group in found.groups {
            let places: BTreeSet<Span> = group.rules().map(|rule| rule.span).collect();
            for span in places.into_iter().chain([group.span]) {
                let owner = owners.entry(span).or_insert(Some(group));
                if owner.is_some_and(|owner| !std::ptr::eq(owner, group)) {
                    *owner = None;
                }
            }
        }
        let groups = found.groups.iter().map(|group| (identity(group), group));
        Self {
            found,
            owners,
            groups: groups.collect(),
        }
    }

    fn place(&self, span: Span) -> Place {
        let path = &self.found.sources.get(span.file).path;
        let path = path.to_string_lossy().replace('\\', "/");
        Place {
            file: format!("{}{path}", self.found.folder),
            line: span.line,
            column: span.column,
        }
    }

    fn diagnostic(&self, diagnostic: &Diagnostic, origin: Origin) -> Draft {
        let Diagnostic {
            severity,
            code,
            message,
            labels,
            help,
        } = diagnostic;
        let first = labels.first().map(|label| label.span);
        let group = first.and_then(|span| self.owners.get(&span).copied().flatten());
        // Not the line but what stands there; the file only where no group is known: files may be split and renamed.
        let text = first.map_or_else(String::new, |span| self.text(span));
        let owner = match (&group, first) {
            (Some(group), _) => identity(group),
            (None, Some(span)) => self.place(span).file,
            (None, None) => String::new(),
        };
        Draft {
            identity: [code.as_str(), &owner, message, &text].join("\n"),
            finding: Finding {
                rule: Rule::of_code(*code),
                level: match severity {
                    Severity::Error => Level::Error,
                    Severity::Warning => Level::Warning,
                },
                message: message.clone(),
                help: help.clone(),
                group: group.map(label),
                place: first.map(|span| self.place(span)),
                note: labels
                    .first()
                    .map_or_else(String::new, |label| label.text.clone()),
                related: labels
                    .iter()
                    .skip(1)
                    .map(|label| (self.place(label.span), label.text.clone()))
                    .collect(),
                fingerprint: String::new(),
                origin,
                known: false,
                waived: None,
            },
        }
    }

    fn refusal(&self, refusal: &Refusal, plan: &PlanReport<'_>) -> Draft {
        let Refusal {
            address,
            name: _,
            reason,
            message,
            help,
            span,
            rules,
        } = refusal;
        let mut groups = plan.plan.groups.iter();
        let declared = groups.find(|group| group.address == *address);
        let (identity, group) = self.declared(declared.map(|group| group.span), address);
        // Numbers in a message move from run to run.
        let essence = match reason {
            Reason::WantedAndIgnored => message.as_str(),
            Reason::Emptied => message.split(" (").next().unwrap_or(message),
            _ => "",
        };
        Draft {
            identity: [reason.as_str(), &identity, essence].join("\n"),
            finding: Finding {
                rule: Rule::of_reason(*reason),
                level: Level::Error,
                message: message.clone(),
                help: help.clone(),
                group: Some(group),
                place: span.map(|span| self.place(span)),
                note: String::new(),
                related: rules
                    .iter()
                    .filter_map(|(rule, span)| Some((self.place((*span)?), rule.to_string())))
                    .collect(),
                fingerprint: String::new(),
                origin: Origin::Cloud,
                known: false,
                waived: None,
            },
        }
    }

    /// What is not safe on the way and refused by nobody, because it was accepted for this run.
    fn accepted(&self, group: &GroupPlan, refusals: &[Refusal]) -> Vec<Draft> {
        let mut drafts: Vec<Draft> = Vec::new();
        for passing in &group.passing {
            let reason = match passing.transient.opens {
                true => Reason::Opening,
                false => Reason::Interruption,
            };
            let refused = refusals
                .iter()
                .any(|one| one.reason == reason && one.address == group.address);
            if refused {
                continue;
            }
            let (identity, name) = self.declared(Some(group.span), &group.address);
            let words = match passing.transient.opens {
                true => "lets through for a while",
                false => "cuts for a while",
            };
            for traffic in &passing.transient.traffic {
                let direction = passing.direction;
                let traffic = traffic.text(direction);
                let side = group.side(direction, passing.nic);
                drafts.push(Draft {
                    identity: [reason.as_str(), &identity, &traffic].join("\n"),
                    finding: Finding {
                        rule: Rule::of_reason(reason),
                        level: Level::Warning,
                        message: format!("accepted for this run: {words} {side} {traffic}"),
                        help: Vec::new(),
                        group: Some(name.clone()),
                        place: Some(self.place(group.span)),
                        note: String::new(),
                        related: Vec::new(),
                        fingerprint: String::new(),
                        origin: Origin::Cloud,
                        known: false,
                        waived: None,
                    },
                });
            }
        }
        drafts
    }

    /// An assertion that is violated, in the file of the group that violates it.
    fn violation(&self, violation: &Violation, group: &GroupPlan) -> Draft {
        let assertion = &violation.assertion;
        let (identity, name) = self.declared(Some(group.span), &group.address);
        // Wider traffic is another finding: what was known of it was known of less.
        let mut traffic: Vec<String> = violation
            .traffic
            .iter()
            .map(|evidence| evidence.what.text(assertion.direction))
            .collect();
        traffic.sort();
        let nic = violation.nic.to_string();
        let deciders = violation.traffic.iter().flat_map(|one| &one.deciders);
        let declared = deciders.flatten().find_map(|rule| group.place_of(rule));
        let says = format!("the assertion: {}", assertion.says());
        let mut help = violation.lines(MOST_TRAFFIC);
        help.extend(violation.help(group.name.as_str()));
        Draft {
            identity: [&*assertion.id, &identity, &nic, &traffic.join("; ")].join("\n"),
            finding: Finding {
                rule: Rule::of_assertion(assertion),
                level: match violation.refuses() {
                    true => Level::Error,
                    false => Level::Warning,
                },
                message: violation.message(),
                help,
                group: Some(name),
                place: Some(self.place(declared.unwrap_or(group.span))),
                note: String::new(),
                related: vec![(self.place(assertion.span), says)],
                fingerprint: String::new(),
                origin: Origin::Cloud,
                known: false,
                waived: match violation.status {
                    Status::Waived { .. } => Some(match &violation.waiver {
                        Some(waiver) => format!("until {}: {}", waiver.until_text, waiver.reason),
                        None => "waived".to_owned(),
                    }),
                    Status::New | Status::OnTheWay { .. } | Status::Known => None,
                },
            },
        }
    }

    fn unread(&self, failure: &ReadFailure) -> Draft {
        let ReadFailure {
            group,
            is_document,
            span,
            error,
        } = failure;
        let mut lines = error.lines();
        let first = lines.next().unwrap_or_default().trim_end_matches(':');
        let declared = self.groups.get(group).copied();
        Draft {
            identity: [UNREAD, group].join("\n"),
            finding: Finding {
                rule: Rule::unread(),
                level: Level::Error,
                message: match is_document {
                    true => format!("the groups that match could not be listed: {first}"),
                    false => format!("the group could not be read: {first}"),
                },
                help: lines.map(|line| line.trim().to_owned()).collect(),
                group: Some(declared.map_or_else(|| group.clone(), label)),
                place: declared
                    .map(|group| group.span)
                    .or(*span)
                    .map(|span| self.place(span)),
                note: String::new(),
                related: Vec::new(),
                fingerprint: String::new(),
                origin: Origin::Cloud,
                known: false,
                waived: None,
            },
        }
    }

    /// The name under which every command knows a group, and the one that is shown.
    fn declared(&self, span: Option<Span>, address: &Address) -> (String, String) {
        let owner = span.and_then(|span| self.owners.get(&span).copied().flatten());
        // A document with `targets` may be about groups that were not found when the files were looked at.
        let is_it = |group: &&DesiredGroup| match &group.selector {
            Selector::Id(id) => *id == address.group,
            Selector::Name { .. } => true,
        };
        match owner.filter(is_it) {
            Some(group) => (identity(group), label(group)),
            None => (address.to_string(), address.to_string()),
        }
    }

    /// What stands at a place, however it is wrapped.
    fn text(&self, span: Span) -> String {
        let text = &self.found.sources.get(span.file).text;
        let piece = text.get(span.start as usize..span.end as usize);
        let words: Vec<&str> = piece.unwrap_or_default().split_whitespace().collect();
        words.join(" ")
    }
}
