//! Reasons that lie in the rules as they are counted: how many, whose, and whether there is room.

use super::{Check, Overrides, Reason};
use crate::{desired::Threshold, model::Direction, plan::ChangeKind};

impl Check<'_> {
    pub(super) fn managed(&mut self) {
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

    pub(super) fn system_rules(&mut self) {
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

    pub(super) fn thresholds(&mut self, overrides: &Overrides) {
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

    pub(super) fn emptied(&mut self) {
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

    pub(super) fn quota(&mut self) {
        let quota = self.group.quota;
        if quota.peak <= quota.limit || quota.peak <= quota.before {
            return;
        }
        let (message, help) = if quota.after > quota.limit {
            (
                format!(
                    "the group would hold {} {} of rules, {} more than its quota of {}",
                    quota.after,
                    if quota.after == 1 { "unit" } else { "units" },
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
    pub(super) fn group_peers(&mut self) {
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

    pub(super) fn wanted_and_ignored(&mut self) {
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
