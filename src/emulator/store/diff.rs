//! What differs between two states: for the call log, and for the journal beside the state file.

use std::{
    collections::{BTreeMap, HashMap},
    sync::{Arc, LazyLock},
};

use super::{Account, Accounts, Group, List};
use crate::emulator::{calls::CallEffect, rule::Rule};

/// What a group or list became; `None` on one side is new or gone.
pub(super) enum Changed<'a> {
    Group(Option<&'a Group>, Option<&'a Group>),
    PrefixList(Option<&'a List>, Option<&'a List>),
    PortList(Option<&'a List>, Option<&'a List>),
    /// Which interfaces are in which groups.
    Interfaces(&'a Account),
}

/// What an account is before there is one.
static EMPTY: LazyLock<Account> = LazyLock::new(Account::default);

/// Every difference, with the account that it is in. What is shared is not looked into.
pub(super) fn changes<'a>(
    before: &'a Accounts,
    after: &'a Accounts,
) -> Vec<(&'a str, Changed<'a>)> {
    let mut found = Vec::new();
    for (owner, new) in after {
        let old = match before.get(owner) {
            Some(old) if Arc::ptr_eq(old, new) => continue,
            Some(old) => &**old,
            None => &EMPTY,
        };
        let mut add = |changed| found.push((&**owner, changed));
        pairs(&old.groups, &new.groups, |a, b| add(Changed::Group(a, b)));
        pairs(&old.prefix_lists, &new.prefix_lists, |a, b| {
            add(Changed::PrefixList(a, b));
        });
        pairs(&old.port_lists, &new.port_lists, |a, b| {
            add(Changed::PortList(a, b));
        });
        if old.interfaces != new.interfaces {
            add(Changed::Interfaces(new));
        }
    }
    found
}

/// Walks two maps side by side and reports what is not the same thing in both.
fn pairs<'a, T: PartialEq>(
    old: &'a BTreeMap<Box<str>, Arc<T>>,
    new: &'a BTreeMap<Box<str>, Arc<T>>,
    mut report: impl FnMut(Option<&'a T>, Option<&'a T>),
) {
    let (mut old, mut new) = (old.iter().peekable(), new.iter().peekable());
    loop {
        let order = match (old.peek(), new.peek()) {
            (None, None) => return,
            (Some(_), None) => std::cmp::Ordering::Less,
            (None, Some(_)) => std::cmp::Ordering::Greater,
            (Some((a, _)), Some((b, _))) => a.cmp(b),
        };
        let a = order.is_le().then(|| old.next()).flatten();
        let b = order.is_ge().then(|| new.next()).flatten();
        match (a, b) {
            (Some((_, a)), Some((_, b))) if Arc::ptr_eq(a, b) || a == b => {}
            (a, b) => report(a.map(|(_, one)| &**one), b.map(|(_, one)| &**one)),
        }
    }
}

/// Rules that are new or different, and ids of those that are gone.
pub(super) fn rules<'a>(old: &'a Group, new: &'a Group) -> (Vec<&'a Rule>, Vec<&'a str>) {
    let mut known: HashMap<&str, &Rule> = old.rules.iter().map(|rule| (&*rule.id, rule)).collect();
    let put = new
        .rules
        .iter()
        .filter(|rule| match known.remove(&*rule.id) {
            Some(other) => other != *rule,
            None => true,
        })
        .collect();
    let mut gone: Vec<&str> = known.into_keys().collect();
    gone.sort_unstable();
    (put, gone)
}

/// What happened between two states, in numbers.
pub(in crate::emulator) fn effect(before: &Accounts, after: &Accounts) -> CallEffect {
    let mut effect = CallEffect::default();
    for (_, changed) in changes(before, after) {
        match changed {
            Changed::Group(Some(old), Some(new)) => {
                let (put, gone) = rules(old, new);
                let added = new.rules.len() + gone.len() - old.rules.len();
                effect.added += added;
                effect.modified += put.len() - added;
                effect.removed += gone.len();
                effect.others += usize::from(!same_but_rules(old, new));
            }
            Changed::Group(None, None) => {}
            Changed::Group(..)
            | Changed::PrefixList(..)
            | Changed::PortList(..)
            | Changed::Interfaces(_) => effect.others += 1,
        }
    }
    effect
}

/// Whether two groups differ in their rules at most.
pub(super) fn same_but_rules(old: &Group, new: &Group) -> bool {
    let bare = |group: &Group| {
        let Group {
            id,
            name,
            description,
            region,
            vpc,
            advanced,
            service_managed,
            deletion_protection,
            inner_accept,
            resource_group,
            tags,
            created,
            rules: _,
            next_seq: _,
        } = group;
        Group {
            id: id.clone(),
            name: name.clone(),
            description: description.clone(),
            region: region.clone(),
            vpc: vpc.clone(),
            advanced: *advanced,
            service_managed: *service_managed,
            deletion_protection: *deletion_protection,
            inner_accept: *inner_accept,
            resource_group: resource_group.clone(),
            tags: tags.clone(),
            created: *created,
            rules: Vec::new(),
            next_seq: 0,
        }
    };
    bare(old) == bare(new)
}
