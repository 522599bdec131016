//! Short names for what was read and what is planned, so that a change in between is noticed.

use std::fmt::Write as _;

use sha2::{Digest, Sha256};

use super::{ChangeKind, Plan};
use crate::{
    digest::hex,
    model::{ObservedGroup, ObservedRule, Rule},
    provider::RuleAction,
};

/// Text into a hash.
struct Hasher(Sha256);

impl std::fmt::Write for Hasher {
    fn write_str(&mut self, text: &str) -> std::fmt::Result {
        self.0.update(text.as_bytes());
        Ok(())
    }
}

impl Hasher {
    fn new() -> Self {
        Self(Sha256::new())
    }

    fn line(&mut self, line: std::fmt::Arguments<'_>) {
        self.write_fmt(line).expect("a hash takes everything");
        self.0.update(b"\n");
    }

    fn rule(&mut self, word: &str, rule: &Rule) {
        let description = rule.description.as_deref().unwrap_or("");
        self.line(format_args!(
            "{word} {rule} {description:?} {:?}",
            rule.peer_owner
        ));
    }

    fn seen(&mut self, word: &str, seen: &ObservedRule) {
        self.rule(word, &seen.rule);
        self.line(format_args!("{:?}", seen.id));
    }

    fn finish(self) -> String {
        hex(&self.0.finalize())
    }
}

/// Everything about a group that a plan looks at.
pub fn of_group(group: &ObservedGroup) -> String {
    let ObservedGroup {
        info,
        inner_access,
        rules,
    } = group;
    let mut hasher = Hasher::new();
    hasher.line(format_args!(
        "{} {} {:?} {} {inner_access:?}",
        info.id, info.network, info.kind, info.managed
    ));
    for seen in rules {
        hasher.seen("rule", seen);
    }
    hasher.finish()
}

/// What would be done to what.
pub fn of_plan(plan: &Plan) -> String {
    let Plan {
        groups,
        schedules,
        diagnostics: _,
    } = plan;
    let mut hasher = Hasher::new();
    for group in groups {
        hasher.line(format_args!(
            "group {} {}",
            group.address,
            group.fingerprint()
        ));
        for change in &group.changes {
            match &change.kind {
                ChangeKind::Add(rule) => hasher.rule("add", rule),
                ChangeKind::Modify { from, to } => {
                    hasher.seen("from", from);
                    hasher.rule("to", to);
                }
                ChangeKind::Delete(seen) => hasher.seen("delete", seen),
            }
        }
    }
    for schedule in schedules {
        for (wave, step) in schedule
            .waves
            .iter()
            .enumerate()
            .flat_map(|(n, wave)| wave.iter().map(move |step| (n, step)))
        {
            let action = match step.call.action {
                RuleAction::Authorize(_) => "authorize",
                RuleAction::Modify { .. } => "modify",
                RuleAction::Revoke(_) => "revoke",
            };
            hasher.line(format_args!(
                "call {wave} {} {action} {:?}",
                step.group, step.changes
            ));
        }
    }
    let mut id = hasher.finish();
    id.truncate(16);
    id
}
