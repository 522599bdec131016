//! What a run did, turned round: the groups as they were before it, as [`Desired`], for plan, guard and apply like any other.
//!
//! Whether the groups still are what the run left is found out from its undo files and its journal, also for a run that was killed.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::{Path, PathBuf},
    sync::Arc,
};

use crate::{
    desired::{
        self, Desired, DesiredGroup, DesiredRule, LoadError, Mode, Modes, Selector, SourceFile,
        SystemRules,
    },
    diag::{FileId, Span},
    journal::{Answer, Call, Run},
    model::{Direction, Network, ObservedGroup, Priority, Rule, RuleIdentity},
    plan::Address,
    snapshot::Snapshot,
};

/// The priority that a rule of priority 110 comes back with: the weakest that a user may give.
const RETURNS_WITH: i64 = 100;

/// What a rule is compared by.
type Key<'a> = (RuleIdentity<'a>, Option<&'a str>);

fn key(rule: &Rule) -> Key<'_> {
    (rule.identity(), rule.description.as_deref())
}

/// How a group differs from what a run left behind, a line each. Calls whose outcome is unknown may have acted or not,
/// also in part.
pub fn moved(before: &ObservedGroup, run: &Run, live: &ObservedGroup) -> Vec<String> {
    // How many of a rule should be there, less how many are.
    let mut missing: BTreeMap<Key<'_>, (i64, &Rule)> = BTreeMap::new();
    fn count<'a>(missing: &mut BTreeMap<Key<'a>, (i64, &'a Rule)>, rule: &'a Rule, by: i64) {
        missing.entry(key(rule)).or_insert((0, rule)).0 += by;
    }
    for seen in &before.rules {
        count(&mut missing, &seen.rule, 1);
    }
    for seen in &live.rules {
        count(&mut missing, &seen.rule, -1);
    }
    let of_group = |call: &&Call| call.address.group == before.info.id;
    let calls = || run.calls.iter().filter(of_group);
    for change in calls()
        .filter(|c| c.answer == Answer::Done)
        .flat_map(|c| &c.changes)
    {
        if let Some(old) = &change.before {
            count(&mut missing, &old.rule, -1);
        }
        if let Some(new) = &change.after {
            count(&mut missing, new, 1);
        }
    }
    for change in calls()
        .filter(|c| c.answer == Answer::Unknown)
        .flat_map(|c| &c.changes)
    {
        let old = change.before.as_ref().map(|old| &old.rule);
        let number = |rule: &Rule| missing.get(&key(rule)).map_or(0, |(number, _)| *number);
        let came = change.after.as_ref().is_none_or(|new| number(new) < 0);
        let went = old.is_none_or(|old| number(old) > 0);
        if came && went {
            if let Some(old) = old {
                count(&mut missing, old, -1);
            }
            if let Some(new) = &change.after {
                count(&mut missing, new, 1);
            }
        }
    }
    let lines = missing.values().filter_map(|(number, rule)| match number {
        0 => None,
        1.. => Some(format!("gone since: {rule}")),
        _ => Some(format!("came since: {rule}")),
    });
    lines.collect()
}

/// What becomes of what others have changed since a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Later {
    /// Nothing is undone while there is any.
    Refuse,
    /// It stays; only the run's own changes are taken back.
    Keep,
    /// It is taken back as well.
    Discard,
}

/// The groups that a run sent something to, as they were before it.
#[derive(Debug)]
pub struct Undo {
    /// What the groups shall be.
    pub desired: Desired,
    /// What cannot come back as it was, a sentence each.
    pub notes: Vec<String>,
}

/// Declares the groups of a run as its undo files hold them, with the accounts and the guard of the project file. `live` is what is
/// known of the groups now.
pub fn declare(
    root: &Path,
    project: SourceFile,
    run: &Run,
    snapshots: &[Snapshot],
    live: &BTreeMap<Address, ObservedGroup>,
    later: Later,
) -> Result<Undo, LoadError> {
    let touched = |snapshot: &&Snapshot| run.calls.iter().any(|c| c.address == snapshot.address);
    let snapshots: Vec<&Snapshot> = snapshots.iter().filter(touched).collect();
    let files = snapshots.iter().map(|snapshot| {
        let path = PathBuf::from(format!(
            "undo/{}/{}",
            short(&run.begun.run),
            snapshot.address.group
        ));
        SourceFile::new(path, document(snapshot))
    });
    let (mut desired, _) = desired::load_files(root, project, files.collect())?;
    let mut notes = Vec::new();
    let mut groups = Vec::new();
    for mut group in std::mem::take(&mut desired.groups) {
        let of_group = |snapshot: &&&Snapshot| {
            let Address {
                account,
                region,
                group: id,
            } = &snapshot.address;
            (account, region) == (&group.account, &group.region)
                && group.selector == Selector::Id(id.clone())
        };
        let Some(snapshot) = snapshots.iter().find(of_group) else {
            continue;
        };
        let live = live.get(&snapshot.address);
        let wanted = match live {
            Some(live) if later == Later::Keep => patched(run, live),
            _ => snapshot
                .group
                .rules
                .iter()
                .map(|seen| seen.rule.clone())
                .collect(),
        };
        // The way back must stay open: what comes back violated before the run what it violates again.
        group.assertions = Arc::default();
        group.waivers.clear();
        fill(&mut group, snapshot, run, &wanted, live, &mut notes);
        groups.push(group);
    }
    desired.groups = groups;
    Ok(Undo { desired, notes })
}

/// The first characters of a run's id, as it is shown.
pub fn short(run: &str) -> &str {
    run.get(..8).unwrap_or(run)
}

/// The lines before the first rule of a [`document`].
const HEAD: u32 = 6;

/// A group file in which every rule of the snapshot has a line that can be pointed at.
fn document(snapshot: &Snapshot) -> String {
    let Address {
        account,
        region,
        group,
    } = &snapshot.address;
    // JSON strings are YAML strings.
    let quoted = |text: &str| serde_json::Value::from(text).to_string();
    let mut text = format!(
        "group: {}\naccount: {}\nregion: {}\nmode: complete\nallow_empty: true\n# as it was on {}\n",
        quoted(group.as_str()),
        quoted(account.as_str()),
        quoted(region.as_str()),
        snapshot.taken.strftime("%Y-%m-%d %H:%M:%S UTC"),
    );
    for seen in &snapshot.group.rules {
        text.push_str(&format!("# {}\n", seen.rule));
    }
    text
}

/// The span of a line, without its text: places are shown by line.
fn line(file: FileId, line: u32, desired_at: Span) -> Span {
    Span {
        file,
        line,
        column: 1,
        ..desired_at
    }
}

/// The live rules without what a run did to them.
fn patched(run: &Run, live: &ObservedGroup) -> Vec<Rule> {
    let mut rules: Vec<Rule> = live.rules.iter().map(|seen| seen.rule.clone()).collect();
    let calls = run.calls.iter().rev();
    let calls = calls.filter(|c| c.address.group == live.info.id && c.answer != Answer::NotDone);
    for change in calls.flat_map(|call| call.changes.iter().rev()) {
        if let Some(new) = &change.after {
            let Some(at) = rules.iter().position(|rule| key(rule) == key(new)) else {
                continue; // It never came, or others have changed it since.
            };
            rules.swap_remove(at);
        }
        if let Some(old) = &change.before
            && !rules.iter().any(|rule| rule.is_same_rule(&old.rule))
        {
            rules.push(old.rule.clone());
        }
    }
    rules.sort();
    rules
}

fn fill(
    group: &mut DesiredGroup,
    snapshot: &Snapshot,
    run: &Run,
    wanted: &[Rule],
    live: Option<&ObservedGroup>,
    notes: &mut Vec<String>,
) {
    let calls = run.calls.iter().filter(|c| c.address == snapshot.address);
    let changes = calls.flat_map(|call| &call.changes);
    let rules = changes.flat_map(|c| c.before.iter().map(|old| &old.rule).chain(&c.after));
    let touched: BTreeSet<Direction> = rules.map(|rule| rule.direction).collect();
    let name = &snapshot.group.info.name;
    let before = &snapshot.group.rules;
    let is_live = |rule: &Rule| {
        live.is_none_or(|live| live.rules.iter().any(|seen| seen.rule.is_same_rule(rule)))
    };
    group.mode = Modes {
        ingress: Mode::Complete,
        egress: Mode::Complete,
    };
    group.allow_empty = true;
    group.system_rules = Some(SystemRules::Keep);
    let most = before.len().max(live.map_or(0, |live| live.rules.len()));
    group.quota = group.quota.max(u32::try_from(most).unwrap_or(u32::MAX));
    for direction in Direction::BOTH {
        let mut declared = Vec::new();
        for rule in wanted.iter().filter(|rule| rule.direction == direction) {
            let known = (1..)
                .zip(before)
                .find(|(_, seen)| key(&seen.rule) == key(rule));
            let number = HEAD + known.map_or(0, |(number, _)| number);
            let mut priority = rule.priority;
            if priority.is_system_level() {
                if is_live(rule) {
                    continue; // Left as it is.
                }
                let Ok(weakest) = Priority::new(RETURNS_WITH) else {
                    continue;
                };
                priority = weakest;
                let twin =
                    |other: &Rule| other.priority == weakest && other.is_same_but_priority(rule);
                let how = if wanted.iter().any(twin) {
                    "is covered by its twin of priority 100 and does not come back"
                } else {
                    "comes back with priority 100"
                };
                notes.push(format!(
                    "{name}: {rule} {how}: nobody but the platform can make a rule of priority 110"
                ));
                if how.starts_with("is covered") {
                    continue;
                }
            }
            let described = live.into_iter().flat_map(|live| &live.rules);
            let described = described.filter(|now| now.rule.is_same_rule(rule));
            if rule.description.is_none()
                && let Some(now) = described
                    .map(|now| &now.rule)
                    .find(|now| now.description.is_some())
            {
                notes.push(format!(
                    "{name}: {rule} keeps the description {:?}: the cloud cannot clear one",
                    now.description.as_deref().unwrap_or_default()
                ));
            }
            let nic = (snapshot.group.info.network == Network::Classic).then_some(rule.nic);
            declared.push(DesiredRule {
                nic,
                priority,
                ..DesiredRule::of(rule, line(group.span.file, number, group.span))
            });
        }
        let declared = touched.contains(&direction).then_some(declared);
        match direction {
            Direction::Ingress => group.ingress = declared,
            Direction::Egress => group.egress = declared,
        }
    }
}

#[cfg(test)]
mod tests;
