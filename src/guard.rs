//! [`Plan`] -> [`Approved`], or the reasons why not; as pure as the planner.

mod checks;
mod traffic;

use std::collections::BTreeMap;

use crate::{
    desired::DesiredGroup,
    diag::Span,
    model::Rule,
    plan::{Address, GroupPlan, Plan},
};

/// A plan that may be applied. Only [`guard`] makes one.
#[derive(Debug)]
pub struct Approved<'a> {
    plan: &'a Plan,
}

impl Approved<'_> {
    /// The plan.
    pub fn plan(&self) -> &Plan {
        self.plan
    }
}

/// What the user lets through for this one run; each names a number or a kind, none is a blanket force.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Overrides {
    /// Deletes per group up to this number pass.
    pub allow_deletes: Option<usize>,
    /// Modifies and deletes per group up to this number pass.
    pub allow_changes: Option<usize>,
    /// Traffic may be cut for a while.
    pub accept_interruption: bool,
    /// Traffic may be let through for a while.
    pub accept_opening: bool,
}

/// One reason not to apply.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// The group.
    pub address: Address,
    /// Its name to show.
    pub name: String,
    /// Why.
    pub reason: Reason,
    /// One sentence.
    pub message: String,
    /// The exact flag or key that lets this one plan through, or what to do instead.
    pub help: Vec<String>,
    /// The place in the files.
    pub span: Option<Span>,
    /// Rules that have to do with it: each with its place in the files, if it has one.
    pub rules: Vec<(Rule, Option<Span>)>,
}

/// The kinds of refusal; stable names for machines.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Reason {
    /// The group belongs to a cloud service.
    Managed,
    /// Rules of priority 110 about which the file says nothing.
    SystemRules,
    /// More deletes than the threshold.
    TooManyDeletes,
    /// More modifies and deletes than the threshold.
    TooManyChanges,
    /// A direction that has rules would end with none.
    Emptied,
    /// More units than the quota.
    Quota,
    /// More rules whose peer is a group than a group can hold.
    GroupPeers,
    /// A rule is both wanted and ignored.
    WantedAndIgnored,
    /// Traffic that is admitted before and after would be cut for a while.
    Interruption,
    /// Traffic that is refused before and after would be admitted for a while.
    Opening,
    /// An assertion would be violated that is not violated now, by the result or on the way.
    Assertion,
}

impl Reason {
    /// Every reason there is.
    pub const ALL: &'static [Self] = &[
        Self::Managed,
        Self::SystemRules,
        Self::TooManyDeletes,
        Self::TooManyChanges,
        Self::Emptied,
        Self::Quota,
        Self::GroupPeers,
        Self::WantedAndIgnored,
        Self::Interruption,
        Self::Opening,
        Self::Assertion,
    ];

    /// The name in kebab-case.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Managed => "managed-group",
            Self::SystemRules => "system-rules",
            Self::TooManyDeletes => "too-many-deletes",
            Self::TooManyChanges => "too-many-changes",
            Self::Emptied => "emptied",
            Self::Quota => "quota",
            Self::GroupPeers => "group-peers",
            Self::WantedAndIgnored => "wanted-and-ignored",
            Self::Interruption => "interruption",
            Self::Opening => "opening",
            Self::Assertion => "assertion",
        }
    }
}

impl std::fmt::Display for Reason {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(self.as_str())
    }
}

/// Looks at every group of a plan before the first is applied. `groups` are the declared groups that were planned, in any order.
pub fn guard<'a>(
    plan: &'a Plan,
    groups: &[&DesiredGroup],
    overrides: &Overrides,
) -> Result<Approved<'a>, Vec<Refusal>> {
    let declared: BTreeMap<Span, &DesiredGroup> =
        groups.iter().map(|group| (group.span, *group)).collect();
    let mut refusals = Vec::new();
    for group in &plan.groups {
        let desired = declared[&group.span];
        let mut check = Check {
            group,
            desired,
            refusals: &mut refusals,
        };
        check.wanted_and_ignored();
        check.system_rules();
        if group.changes.is_empty() {
            continue;
        }
        check.managed();
        check.thresholds(overrides);
        check.emptied();
        check.quota();
        check.group_peers();
        check.order(overrides);
        check.assertions();
    }
    if refusals.is_empty() {
        Ok(Approved { plan })
    } else {
        Err(refusals)
    }
}

/// The checks of one group.
struct Check<'a> {
    group: &'a GroupPlan,
    desired: &'a DesiredGroup,
    refusals: &'a mut Vec<Refusal>,
}

impl Check<'_> {
    fn refuse(&mut self, reason: Reason, message: String, help: Vec<String>) {
        self.refuse_at(reason, message, help, self.group.span);
    }

    fn refuse_at(&mut self, reason: Reason, message: String, help: Vec<String>, span: Span) {
        self.refusals.push(Refusal {
            address: self.group.address.clone(),
            name: self.group.name.to_string(),
            reason,
            message,
            help,
            span: Some(span),
            rules: Vec::new(),
        });
    }
}
