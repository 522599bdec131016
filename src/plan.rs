//! Desired x Observed -> [`Plan`]: match, modify, order, batch. Pure: no I/O, no clock, no log.

mod assertions;
mod bind;
mod build;
mod compare;
mod draft;
mod exact;
mod fingerprint;
mod ignore;
mod lapse;
mod matching;
mod meaning;
mod meeting;
mod order;
mod overruled;
mod quota;
mod room;
mod schedule;

use std::collections::BTreeMap;

use jiff::Timestamp;

pub use bind::MAX_GROUP_PEERS;
pub use build::plan;
pub use compare::MAX_OPTIONAL_MODIFIES;
pub use lapse::{Lapse, lapses};
#[cfg(test)]
pub(crate) use meaning::traffic;
pub use order::must_precede;

use crate::{
    assertion::Violation,
    desired::{DesiredGroup, Mode},
    diag::{Diagnostic, Span},
    model::{
        AccountName, Direction, GroupId, GroupInfo, GroupName, Lists, Network, NicType,
        ObservedGroup, ObservedRule, Peer, RegionId, Rule,
    },
    provider::{BATCH, RuleCall},
    traffic::{certificate::Transient, difference::Difference, platform::is_among_members},
};

/// Where a group lives; sorts and prints as `account/region/group`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Address {
    /// Account, by its name in the project file.
    pub account: AccountName,
    /// Region.
    pub region: RegionId,
    /// The group's id.
    pub group: GroupId,
}

impl std::fmt::Display for Address {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self {
            account,
            region,
            group,
        } = self;
        write!(f, "{account}/{region}/{group}")
    }
}

/// Everything that an apply would do, as plain data.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plan {
    /// A plan per group, sorted by address; also for groups without changes.
    pub groups: Vec<GroupPlan>,
    /// The calls, per VPC (or classic network) that has any.
    pub schedules: Vec<Schedule>,
    /// What is wrong or odd about the declared rules in view of the groups as they are.
    pub diagnostics: Vec<Diagnostic>,
}

/// What becomes of one group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GroupPlan {
    /// Where it lives.
    pub address: Address,
    /// Name to show: the declared one, else the one in the cloud, else the id.
    pub name: GroupName,
    /// Where it is declared.
    pub span: Span,
    /// Ingress, egress: what the file says; `None`: the direction is not managed.
    pub modes: [Option<Mode>; 2],
    /// The group as it was read.
    pub observed: ObservedGroup,
    /// Where each of its rules is declared that stays as it is, in their order.
    pub declared: Vec<Option<Span>>,
    /// Adds, modifies and deletes, in the order of rules.
    pub changes: Vec<Change>,
    /// What the changes mean in traffic, per direction and network interface that has any.
    pub traffic: Vec<Traffic>,
    /// Traffic that for a while is not what it is before and after; empty: safe at every step, by replay of every state.
    pub passing: Vec<Passing>,
    /// Assertions that the result, or a state on the way, violates; also those that were violated before.
    pub violations: Vec<Violation>,
    /// Live-only rules that partial mode leaves alone.
    pub unmanaged: Vec<ObservedRule>,
    /// Live-only rules that an `ignore` pattern covers, with the pattern's place.
    pub ignored: Vec<(ObservedRule, Span)>,
    /// Live-only rules of priority 110 about which the file says nothing, or `keep`.
    pub system_level: Vec<ObservedRule>,
    /// Declared rules that are past their date and therefore not desired.
    pub expired: Vec<Span>,
    /// Rules counted against the quota, in units.
    pub quota: QuotaUse,
    /// Rules whose peer is a group, counted against what a group can hold of them.
    pub group_peers: QuotaUse,
    /// Set where the group cannot hold its old and new rules together: its changes are made in turns, each of which needs those before it.
    pub in_turn: Option<InTurn>,
    /// Rules that are both wanted and covered by an `ignore` pattern, one per declaration.
    pub wanted_and_ignored: Vec<(Rule, Span)>,
}

impl GroupPlan {
    /// SHA-256 over the group as it was read, in hex; another one when anything a plan looks at has changed.
    pub fn fingerprint(&self) -> String {
        fingerprint::of_group(&self.observed)
    }

    /// How many changes there are of each kind: add, modify, delete.
    pub fn counts(&self) -> Counts {
        let mut counts = Counts::default();
        for change in &self.changes {
            match change.kind {
                ChangeKind::Add(_) => counts.add += 1,
                ChangeKind::Modify { .. } => counts.change += 1,
                ChangeKind::Delete(_) => counts.destroy += 1,
            }
        }
        counts.unmanaged = self.unmanaged.len();
        counts
    }

    fn least_calls(&self) -> usize {
        let mut batches: BTreeMap<(Direction, bool), usize> = BTreeMap::new();
        let mut modifies = 0;
        for Change { kind, span: _ } in &self.changes {
            match kind {
                ChangeKind::Modify { .. } => modifies += 1,
                ChangeKind::Add(rule) => *batches.entry((rule.direction, true)).or_default() += 1,
                ChangeKind::Delete(seen) => {
                    *batches.entry((seen.rule.direction, false)).or_default() += 1;
                }
            }
        }
        let batches = batches.values().map(|rules| rules.div_ceil(BATCH));
        batches.sum::<usize>() + modifies
    }

    /// Where a rule is declared: one that the plan brings, or that is live and stays.
    pub fn place_of(&self, rule: &Rule) -> Option<Span> {
        let comes = |change: &&Change| {
            let after = change.kind.after();
            after.is_some_and(|new| new.is_same_rule(rule))
        };
        let stays = || {
            let live = self.observed.rules.iter().zip(&self.declared);
            let mut same = live.filter(|(seen, _)| seen.rule.is_same_rule(rule));
            same.find_map(|(_, span)| *span)
        };
        let mut changes = self.changes.iter().filter(comes);
        changes.find_map(|change| change.span).or_else(stays)
    }

    /// Whether a rule stands for what lets the members of the group reach each other, which is no rule.
    pub fn is_inner_access(&self, rule: &Rule) -> bool {
        is_among_members(rule) && rule.peer == Peer::Group(self.address.group.clone())
    }

    /// A direction, in the classic network with the interface: `ingress (internet)`.
    pub fn side(&self, direction: Direction, nic: NicType) -> String {
        self.observed.info.network.side(direction, nic)
    }

    /// The mode of a direction; `None`: not managed.
    pub fn mode(&self, direction: Direction) -> Option<Mode> {
        match direction {
            Direction::Ingress => self.modes[0],
            Direction::Egress => self.modes[1],
        }
    }
}

/// What the changes of one direction mean in traffic.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Traffic {
    /// Which way.
    pub direction: Direction,
    /// Network interface; of interest in the classic network only.
    pub nic: NicType,
    /// The exact difference.
    pub difference: Difference,
}

/// What there is to say of a group that is changed in turns for want of room.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct InTurn {
    /// Free slots with which no traffic would be cut or let through on the way; `None`: none are needed, or none are known to help.
    pub slots: Option<u32>,
    /// Declared rules that change nothing; removing them first makes room.
    pub spare: Vec<Rule>,
    /// Some traffic is cut or let through, and not every order was looked at: there may be a safe one.
    pub orders_left_out: bool,
    /// Some traffic is cut or let through, and fewer slots may do, or some number where none is known.
    pub least_slots_unknown: bool,
    /// There are so many peer groups and unread lists that peers in three of them at once were not looked at.
    pub memberships_left_out: bool,
    /// Groups that may share an interface with this one, and were too many to be replayed together with it.
    pub pairs_left_out: usize,
}

impl InTurn {
    /// Whether all was looked at that the promise speaks of. Only the replay speaks for turns: what it left out nothing else proves.
    pub fn is_proved(&self) -> bool {
        !self.memberships_left_out && self.pairs_left_out == 0
    }
}

/// Whether traffic that is the same before and after is so at every step.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Order {
    /// It is.
    Safe,
    /// None is known that is not, but not all was looked at.
    NotProved,
    /// Some is not.
    NotSafe,
}

impl Order {
    /// That of a plan, which the guard lets pass as it is only where it is safe.
    pub fn of(plan: &Plan) -> Self {
        let orders = plan.groups.iter().map(|group| {
            if !group.passing.is_empty() {
                Self::NotSafe
            } else if group.in_turn.as_ref().is_none_or(InTurn::is_proved) {
                Self::Safe
            } else {
                Self::NotProved
            }
        });
        orders.max().unwrap_or(Self::Safe)
    }
}

impl std::fmt::Display for Order {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Safe => "safe at every step",
            Self::NotProved => "not proved safe at every step",
            Self::NotSafe => "not safe at every step",
        })
    }
}

/// Traffic that is cut or let through for a while on the way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Passing {
    /// Another group of the plan: it is about network interfaces in both.
    pub with: Option<GroupName>,
    /// Which way.
    pub direction: Direction,
    /// Network interface; of interest in the classic network only.
    pub nic: NicType,
    /// What and when.
    pub transient: Transient,
}

/// Numbers of the summary line.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Rules to add.
    pub add: usize,
    /// Rules to modify.
    pub change: usize,
    /// Rules to delete.
    pub destroy: usize,
    /// Rules left alone because of partial mode.
    pub unmanaged: usize,
    /// API calls that write.
    pub calls: usize,
}

impl Counts {
    /// Whether nothing is to be done.
    pub fn is_empty(&self) -> bool {
        self.add + self.change + self.destroy == 0
    }
}

/// One change of one rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// What is done.
    pub kind: ChangeKind,
    /// Where the rule is declared: that of the new rule, or the `absent` entry that a delete obeys.
    pub span: Option<Span>,
}

/// The three ways to change a rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ChangeKind {
    /// A rule that is desired only.
    Add(Rule),
    /// A live rule that becomes a desired one and keeps its id.
    Modify {
        /// As it is.
        from: ObservedRule,
        /// As it shall be.
        to: Rule,
    },
    /// A live-only rule.
    Delete(ObservedRule),
}

impl ChangeKind {
    /// The rule that goes, if one does.
    pub fn before(&self) -> Option<&ObservedRule> {
        match self {
            Self::Add(_) => None,
            Self::Modify { from, .. } | Self::Delete(from) => Some(from),
        }
    }

    /// The rule that comes, if one does.
    pub fn after(&self) -> Option<&Rule> {
        match self {
            Self::Add(to) | Self::Modify { to, .. } => Some(to),
            Self::Delete(_) => None,
        }
    }

    /// The rule that the change is shown and sorted by.
    pub fn rule(&self) -> &Rule {
        match self {
            Self::Add(rule) | Self::Modify { to: rule, .. } => rule,
            Self::Delete(seen) => &seen.rule,
        }
    }
}

/// Use of one of a group's quotas, in units: a rule that names a list weighs the list's capacity.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct QuotaUse {
    /// Units that the group may hold.
    pub limit: u32,
    /// Units before the first call.
    pub before: u32,
    /// Most units at any step.
    pub peak: u32,
    /// Units after the last call.
    pub after: u32,
}

/// The calls of one VPC, or of the classic network of one region. Its groups are ordered together, because one network
/// interface may sit in several of them and its verdicts come
/// from the union of their rules.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Schedule {
    /// Account of all its groups.
    pub account: AccountName,
    /// Region of all its groups.
    pub region: RegionId,
    /// Network of all its groups.
    pub network: Network,
    /// Waves in order. Calls of one wave may be made in any order and side by side; a wave begins when the one
    /// before it has ended.
    pub waves: Vec<Vec<Step>>,
    /// Pairs of groups that may meet on an interface and were too many to be replayed together.
    pub pairs_left_out: usize,
    /// Those of them that have a group that is changed in turns, each counted once; [`InTurn::pairs_left_out`] says of which groups they are.
    pub turns_left_out: usize,
}

/// One call of a plan.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    /// The group, as an index into [`Plan::groups`].
    pub group: usize,
    /// The changes it makes, as indices into [`GroupPlan::changes`], in the order of the call's rules.
    pub changes: Vec<usize>,
    /// What is sent.
    pub call: RuleCall,
}

impl Plan {
    /// Sums over all groups.
    pub fn counts(&self) -> Counts {
        let mut sum = Counts::default();
        for group in &self.groups {
            let counts = group.counts();
            sum.add += counts.add;
            sum.change += counts.change;
            sum.destroy += counts.destroy;
            sum.unmanaged += counts.unmanaged;
        }
        sum.calls = self.steps().count();
        sum
    }

    /// How many calls the changes would take if no order had to be kept: full batches, and one for each modify.
    pub fn least_calls(&self) -> usize {
        self.groups.iter().map(GroupPlan::least_calls).sum()
    }

    /// Every call in order, schedule by schedule.
    pub fn steps(&self) -> impl Iterator<Item = &Step> {
        self.schedules
            .iter()
            .flat_map(|schedule| schedule.waves.iter().flatten())
    }

    /// Stable id: SHA-256 over what would be done to what, the first 16 hex digits. Equal input gives an equal id.
    pub fn id(&self) -> String {
        fingerprint::of_plan(self)
    }
}

/// A declared group beside the group that was read for it.
#[derive(Clone, Debug)]
pub struct GroupInput<'a> {
    /// As declared.
    pub desired: &'a DesiredGroup,
    /// As read.
    pub observed: ObservedGroup,
}

/// What plans need beside the groups.
#[derive(Clone, Debug)]
pub struct Context<'a> {
    /// The moment that `expires` is compared with.
    pub at: Timestamp,
    /// Every declared group that the cloud knows, also those that are not planned now: what `group:NAME` may mean.
    pub directory: &'a [(&'a DesiredGroup, GroupInfo)],
    /// Lists by account and region.
    pub lists: &'a BTreeMap<(AccountName, RegionId), Lists>,
}
