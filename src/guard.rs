//! [`Plan`] -> [`Approved`], or the reasons why not; as pure as the planner.

use std::collections::BTreeMap;

use crate::{
    assertion::Violation,
    desired::{DesiredGroup, Threshold},
    diag::Span,
    model::{Direction, Peer, Rule},
    plan::{Address, ChangeKind, GroupPlan, InTurn, Passing, Plan},
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

    fn managed(&mut self) {
        if self.group.observed.info.managed {
            self.refuse(
                Reason::Managed,
                "the group belongs to a cloud service and cannot be changed by its user".into(),
                vec![
                    "remove the group from the files; change it through the service that owns it"
                        .into(),
                ],
            );
        }
    }

    fn system_rules(&mut self) {
        if self.desired.system_rules.is_none() && !self.group.system_level.is_empty() {
            let count = self.group.system_level.len();
            self.refuse(
                Reason::SystemRules,
                format!(
                    "the group has {} of priority 110 that the platform made; they often admit everything, and once deleted cannot be \
                     brought back with that priority",
                    rules(count)
                ),
                vec![
                    "write `system_rules: keep` beside the mode to leave them".into(),
                    "write `system_rules: delete` to delete them; an undo brings them back with priority 100".into(),
                ],
            );
        }
    }

    fn thresholds(&mut self, overrides: &Overrides) {
        let counts = self.group.counts();
        let live = self.group.observed.rules.len();
        let limits = self.desired.limits;
        let destroyed = counts.destroy;
        if exceeds(limits.max_deletes, destroyed, live)
            && overrides.allow_deletes.is_none_or(|n| n < destroyed)
        {
            self.refuse(
                Reason::TooManyDeletes,
                format!("{destroyed} of {live} rules would be deleted, {}", over(limits.max_deletes)),
                vec![
                    format!("look at the plan; if it is right, pass `--allow-deletes {destroyed}` this once"),
                    "or raise `guard: { max_deletes: .. }` of the group".into(),
                ],
            );
        }
        let changed = counts.change + destroyed;
        if exceeds(limits.max_changes, changed, live)
            && overrides.allow_changes.is_none_or(|n| n < changed)
        {
            self.refuse(
                Reason::TooManyChanges,
                format!("{changed} of {live} rules would be modified or deleted, {}", over(limits.max_changes)),
                vec![
                    format!("look at the plan; if it is right, pass `--allow-changes {changed}` this once"),
                    "or raise `guard: { max_changes: .. }` of the group".into(),
                ],
            );
        }
    }

    fn emptied(&mut self) {
        if self.desired.allow_empty {
            return;
        }
        for direction in Direction::BOTH {
            let live = self
                .group
                .observed
                .rules
                .iter()
                .filter(|seen| seen.rule.direction == direction)
                .count();
            let of = |kind: &ChangeKind| usize::from(kind.rule().direction == direction);
            let added: usize = self
                .group
                .changes
                .iter()
                .filter(|c| c.kind.before().is_none())
                .map(|c| of(&c.kind))
                .sum();
            let deleted: usize = self
                .group
                .changes
                .iter()
                .filter(|c| c.kind.after().is_none())
                .map(|c| of(&c.kind))
                .sum();
            if live > 0 && live + added == deleted {
                self.refuse(
                    Reason::Emptied,
                    format!("all {direction} rules would be deleted ({live})"),
                    vec![
                        "if the direction shall have no rule, write `allow_empty: true` beside the mode".into(),
                        format!("if its rules are not to be managed, leave out the key `{direction}`"),
                    ],
                );
            }
        }
    }

    fn quota(&mut self) {
        let quota = self.group.quota;
        if quota.peak <= quota.limit || quota.peak <= quota.before {
            return;
        }
        let (message, help) = if quota.after > quota.limit {
            (
                format!(
                    "the group would hold {} units of rules, {} more than its quota of {}",
                    quota.after,
                    quota.after - quota.limit,
                    quota.limit
                ),
                "declare fewer rules, or put CIDRs into a prefix list",
            )
        } else {
            (
                format!(
                    "the new rules fit only after old ones are deleted: {} units at the fullest moment, {} more than the quota of {}",
                    quota.peak,
                    quota.peak - quota.limit,
                    quota.limit
                ),
                "delete rules that are not needed in a change of their own first, then apply this one",
            )
        };
        self.refuse(
            Reason::Quota,
            message,
            vec![
                help.into(),
                "if the cloud grants this group more, say it with `quota:` in the group file"
                    .into(),
            ],
        );
    }

    /// AuthorizeSecurityGroup: `AuthorizedGroupRule.LimitExceed`.
    fn group_peers(&mut self) {
        let peers = self.group.group_peers;
        if peers.peak <= peers.limit || peers.peak <= peers.before {
            return;
        }
        let (message, help) = if peers.after > peers.limit {
            (
                format!(
                    "the group would hold {} rules whose peer is a group, {} more than the {} it can hold",
                    peers.after,
                    peers.after - peers.limit,
                    peers.limit
                ),
                "name CIDRs or a prefix list instead of some of the groups",
            )
        } else {
            (
                format!(
                    "the new rules fit only after old ones are deleted: {} rules whose peer is a group at the fullest moment, {} more than \
                     the {} it can hold",
                    peers.peak,
                    peers.peak - peers.limit,
                    peers.limit
                ),
                "delete rules that are not needed in a change of their own first, then apply this one",
            )
        };
        self.refuse(Reason::GroupPeers, message, vec![help.into()]);
    }

    fn wanted_and_ignored(&mut self) {
        let group = self.group;
        for (rule, span) in &group.wanted_and_ignored {
            self.refuse_at(
                Reason::WantedAndIgnored,
                format!(
                    "{} {} {} {} is declared and also covered by an `ignore` pattern",
                    rule.direction,
                    rule.protocol,
                    rule.direction.preposition(),
                    rule.peer
                ),
                vec!["narrow the pattern under `ignore`, or remove the rule: it cannot be ours and not ours".into()],
                *span,
            );
        }
    }

    /// What was violated before is told and not refused: a plan must be able to mend something else.
    fn assertions(&mut self) {
        let group = self.group;
        let mut refused = group.violations.iter().filter(|one| one.refuses());
        for violation in refused.by_ref().take(MOST_ASSERTIONS) {
            let mut help = violation.lines(MOST_TRAFFIC);
            help.extend(violation.help(group.name.as_str()));
            self.refuse_at(
                Reason::Assertion,
                violation.message(),
                help,
                violation.assertion.span,
            );
            let rules = deciding(group, violation);
            if let Some(refusal) = self.refusals.last_mut() {
                refusal.rules = rules;
            }
        }
        let mut ids: Vec<&str> = refused.map(|violation| &*violation.assertion.id).collect();
        ids.sort_unstable();
        ids.dedup();
        if !ids.is_empty() {
            let ids = ids.join(", ");
            self.refuse(
                Reason::Assertion,
                format!("more assertions would be violated: {ids}"),
                vec!["`rulekeep plan --verbose` has the traffic of each".into()],
            );
        }
    }

    fn order(&mut self, overrides: &Overrides) {
        for opens in [false, true] {
            let found: Vec<&Passing> = self
                .group
                .passing
                .iter()
                .filter(|passing| passing.transient.opens == opens)
                .collect();
            let accepted = if opens {
                overrides.accept_opening
            } else {
                overrides.accept_interruption
            };
            if found.is_empty() || accepted {
                continue;
            }
            let mut help: Vec<String> = Vec::new();
            if let Some(in_turn) = &self.group.in_turn {
                help.extend(more_room(self.group, in_turn));
            }
            help.extend(affected(&found).into_iter().take(MOST_TRAFFIC));
            // A full group has no room for that.
            if self.group.in_turn.is_none() {
                help.push("make the change in two steps: first declare some of the new rules beside the old ones".into());
            }
            let (reason, message, flag) = if opens {
                let message = "no order is known in which traffic that is refused before and after is refused at every step";
                (Reason::Opening, message, "--accept-opening")
            } else {
                let message = "no order is known in which traffic that is admitted before and after is admitted at every step";
                (Reason::Interruption, message, "--accept-interruption")
            };
            help.push(format!("or pass `{flag}` this once"));
            self.refuse(reason, message.into(), help);
        }
    }
}

/// What would make a full group's change safe.
fn more_room(group: &GroupPlan, in_turn: &InTurn) -> Vec<String> {
    let InTurn {
        slots,
        spare,
        search_ended,
        memberships_left_out: _,
    } = in_turn;
    let ended = search_ended.then(|| {
        "the search for a safe order was ended before every order was tried: change fewer rules at a time".to_owned()
    });
    let mut help: Vec<String> = ended.into_iter().collect();
    let Some(slots) = slots else {
        return help;
    };
    let slots = usize::try_from(*slots).unwrap_or(usize::MAX);
    // `quota:` does not raise how many rules a group holds whose peer is a group.
    let comes = group
        .changes
        .iter()
        .filter_map(|change| change.kind.after());
    let peers = comes.filter(|rule| matches!(rule.peer, Peer::Group(_)));
    let with_new = usize::try_from(group.group_peers.before).unwrap_or(usize::MAX) + peers.count();
    let short_of_peers = with_new > usize::try_from(group.group_peers.limit).unwrap_or(usize::MAX);
    let how = if short_of_peers {
        format!(
            "a group holds {} rules whose peer is a group at most, so name CIDRs or a prefix list instead of some of them",
            group.group_peers.limit
        )
    } else {
        "`quota:` says what the cloud grants this group".to_owned()
    };
    help.push(format!(
        "with {slots} more free {} there is an order that is safe at every step: {how}",
        if slots == 1 { "slot" } else { "slots" },
    ));
    let shown: Vec<String> = spare
        .iter()
        .take(slots.min(MOST_TRAFFIC))
        .map(ToString::to_string)
        .collect();
    if !shown.is_empty() {
        help.push(format!(
            "rules that change nothing within this group could go first, in a change of their own: {}",
            shown.join("; ")
        ));
    }
    help
}

/// Each traffic with the layers from which to which it is not what it should be.
fn affected(found: &[&Passing]) -> Vec<String> {
    let mut lines: Vec<(String, usize, usize)> = Vec::new();
    for Passing {
        with,
        direction,
        nic: _,
        transient,
    } in found
    {
        let with = with
            .as_ref()
            .map(|with| format!(", on interfaces also in {with}"));
        for traffic in &transient.traffic {
            let text = format!(
                "{direction} {}{}",
                traffic.text(*direction),
                with.as_deref().unwrap_or("")
            );
            let layer = transient.wave + 1;
            match lines
                .iter_mut()
                .find(|(known, _, last)| *known == text && *last + 1 == layer)
            {
                Some((_, _, last)) => *last = layer,
                None => lines.push((text, layer, layer)),
            }
        }
    }
    lines
        .into_iter()
        .map(|(text, first, last)| {
            if first == last {
                format!("layer {first}: {text}")
            } else {
                format!("layers {first} to {last}: {text}")
            }
        })
        .collect()
}

/// Most lines of traffic that a refusal names.
const MOST_TRAFFIC: usize = 6;
/// Most rules that a refusal names.
const MOST_RULES: usize = 4;
/// Most assertions of a group that are refused one by one.
const MOST_ASSERTIONS: usize = 5;

/// The rules that make a violation, with the places of those that the plan brings.
fn deciding(group: &GroupPlan, violation: &Violation) -> Vec<(Rule, Option<Span>)> {
    let mut rules: Vec<(Rule, Option<Span>)> = Vec::new();
    let deciders = violation.traffic.iter().flat_map(|one| &one.deciders);
    for rule in deciders.flatten() {
        if !rules.iter().any(|(known, _)| known == rule) {
            let is_new = |kind: &ChangeKind| kind.after().is_some_and(|to| to.is_same_rule(rule));
            let change = group.changes.iter().find(|change| is_new(&change.kind));
            rules.push((rule.clone(), change.and_then(|change| change.span)));
        }
    }
    rules.truncate(MOST_RULES);
    rules
}

fn rules(count: usize) -> String {
    if count == 1 {
        "a rule".into()
    } else {
        format!("{count} rules")
    }
}

fn exceeds(threshold: Threshold, affected: usize, live: usize) -> bool {
    affected >= usize::try_from(threshold.from).unwrap_or(usize::MAX)
        && affected * 100 > live * usize::from(threshold.percent)
}

fn over(threshold: Threshold) -> String {
    format!(
        "more than {}% (the threshold counts from {} on)",
        threshold.percent, threshold.from
    )
}
