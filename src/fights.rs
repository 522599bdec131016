//! Fights: rules that are applied again and again, because something else keeps taking them back. Read from the journals of past
//! applies; pure.

use std::{collections::BTreeMap, fmt};

use jiff::{SignedDuration, Timestamp};

use crate::{
    journal::{Answer, Run},
    model::{Rule, RuleIdentity},
    plan::Address,
};

/// From when on repetition is a fight.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Threshold {
    /// So many times ..
    pub count: u32,
    /// .. within so many hours.
    pub hours: u32,
}

impl Default for Threshold {
    fn default() -> Self {
        Self {
            count: 3,
            hours: 24,
        }
    }
}

/// What is done again and again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Deed {
    /// The rule is added, and goes.
    Added,
    /// The rule is deleted, and comes back.
    Deleted,
}

/// A rule that something else keeps changing back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fight {
    /// The group.
    pub address: Address,
    /// The rule.
    pub rule: Rule,
    /// What we do again and again.
    pub deed: Deed,
    /// When the calls were sent that did it, one per apply, the oldest first; within the hours that count.
    pub times: Vec<Timestamp>,
    /// The last apply that did it.
    pub run: String,
}

impl fmt::Display for Fight {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            address,
            rule,
            deed,
            times,
            run: _,
        } = self;
        let (deed, other) = match deed {
            Deed::Added => ("added", "removes it"),
            Deed::Deleted => ("deleted", "brings it back"),
        };
        let times: Vec<String> = times
            .iter()
            .map(|time| time.strftime("%m-%d %H:%M:%S").to_string())
            .collect();
        write!(
            f,
            "{address}: {rule} was {deed} {} times ({} UTC); something else {other}",
            times.len(),
            times.join(", ")
        )
    }
}

/// What makes a rule of one run that of another. Who owns a peer group is none of it: the cloud tells it of rules that it has, files do not
/// say it of an account's own groups.
type Key<'a> = (&'a Address, RuleIdentity<'a>, Option<&'a str>);

/// What has been done to a rule since we last did the opposite.
struct History<'a> {
    rule: &'a Rule,
    added: Vec<Done<'a>>,
    deleted: Vec<Done<'a>>,
    run: &'a str,
}

impl<'a> History<'a> {
    /// Of a rule that nothing has been done to yet.
    fn of(rule: &'a Rule) -> Self {
        Self {
            rule,
            added: Vec::new(),
            deleted: Vec::new(),
            run: "",
        }
    }
}

/// When something was done, and by which run.
type Done<'a> = (Timestamp, &'a str);

/// The fights in some runs, the oldest first, seen from a moment. A rule that we took back ourselves, by an undo or by other
/// files, begins anew.
pub fn fights(runs: &[Run], now: Timestamp, threshold: Threshold) -> Vec<Fight> {
    let hours = SignedDuration::from_hours(threshold.hours.into());
    let since = now.checked_sub(hours).unwrap_or(Timestamp::MIN);
    let mut rules: BTreeMap<Key<'_>, History<'_>> = BTreeMap::new();
    for run in runs {
        let name = &*run.begun.run;
        let calls = run.calls.iter().filter(|call| call.answer == Answer::Done);
        for call in calls {
            for change in &call.changes {
                let before = change.before.as_ref().map(|seen| &seen.rule);
                for (rule, comes) in [(before, false), (change.after.as_ref(), true)] {
                    let Some(rule) = rule else { continue };
                    let key = (&call.address, rule.identity(), rule.description.as_deref());
                    let history = rules.entry(key).or_insert_with(|| History::of(rule));
                    let (did, undid) = match comes {
                        true => (&mut history.added, &mut history.deleted),
                        false => (&mut history.deleted, &mut history.added),
                    };
                    undid.clear();
                    // Once per run, however many calls it took.
                    if did.last().is_none_or(|(_, by)| *by != name) {
                        did.push((call.time, name));
                    }
                    history.run = name;
                }
            }
        }
    }
    let mut fights = Vec::new();
    for ((address, ..), history) in rules {
        let History {
            rule,
            added,
            deleted,
            run,
        } = history;
        for (deed, done) in [(Deed::Added, added), (Deed::Deleted, deleted)] {
            let times = done.into_iter().map(|(time, _)| time);
            let times: Vec<Timestamp> = times.filter(|time| *time >= since).collect();
            if times.len() >= usize::try_from(threshold.count).unwrap_or(usize::MAX) {
                fights.push(Fight {
                    address: address.clone(),
                    rule: rule.clone(),
                    deed,
                    times,
                    run: run.to_owned(),
                });
            }
        }
    }
    fights
}

#[cfg(test)]
mod tests;
