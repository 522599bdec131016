//! Which groups two states of the files declare differently, and why: what a range of commits touches.
//!
//! Groups are compared with every name resolved, wherever they are declared: a group that only moved to another file is
//! the same. Comparing needs nothing but the two states; where they come from is the caller's.

mod why;

use std::{
    collections::{BTreeMap, BTreeSet},
    path::{Path, PathBuf},
    sync::Arc,
};

use crate::{
    assertion::{Assertion, Waiver},
    desired::{Account, Desired, DesiredGroup, DesiredPeer, Loaded, Selector},
    diag::{Diagnostic, FileId, Sources, Span},
    model::{AccountName, GroupName, RegionId},
};

pub use why::Why;

/// What has changed between two states of the files.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Changes {
    /// Groups that are declared differently now, as indices into the new [`Desired::groups`], each with the reasons.
    pub groups: BTreeMap<usize, Vec<Why>>,
    /// Groups that are no longer declared.
    pub gone: Vec<Gone>,
}

/// A group that was declared and is no longer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Gone {
    /// Account that holds it.
    pub account: AccountName,
    /// Region that holds it.
    pub region: RegionId,
    /// Which group.
    pub selector: Selector,
    /// Where it was declared: `rules/web.yaml:3`.
    pub place: String,
}

type Address<'a> = (&'a AccountName, &'a RegionId, &'a Selector);
type Name<'a> = (&'a AccountName, &'a RegionId, &'a GroupName);

fn address(group: &DesiredGroup) -> Address<'_> {
    (&group.account, &group.region, &group.selector)
}

/// Compares what was with what is. What could not be read then counts as different.
pub fn changes(old: &Loaded, new: &Desired) -> Changes {
    let unread = Unread::of(old);
    let old = &old.desired;
    let known: BTreeMap<Address<'_>, &DesiredGroup> = old
        .groups
        .iter()
        .filter(|group| unread.why(&old.sources.get(group.span.file).path).is_none())
        .map(|group| (address(group), group))
        .collect();
    let (old_names, new_names) = (named(old), named(new));
    let mut reasons = why::Reasons::new(&old.sources, &new.sources);
    let mut changes = Changes::default();
    for (at, group) in new.groups.iter().enumerate() {
        let path = &new.sources.get(group.span.file).path;
        let why = match known.get(&address(group)) {
            _ if unread.project.is_some() => unread.project.iter().cloned().collect(),
            None => match unread.why(path).or(unread.anywhere(old, group)) {
                Some(unread) => vec![unread],
                None => vec![Why::New { file: path.clone() }],
            },
            Some(before) => {
                let mut why = Vec::new();
                if without_places(before, group.span) != without_places(group, group.span) {
                    why = reasons.of(before, group);
                }
                if account(old, group) != account(new, group) {
                    why.push(Why::Account(group.account.clone()));
                }
                let peers = named_peers(group);
                why.extend(peers.into_iter().filter_map(|name| {
                    let key = (&group.account, &group.region, name);
                    (old_names.get(&key) != new_names.get(&key)).then(|| Why::Peer(name.clone()))
                }));
                why
            }
        };
        if !why.is_empty() {
            changes.groups.insert(at, why);
        }
    }
    changes.gone = gone(old, new);
    changes
}

/// Groups that are no longer declared. One that is now called by its id, or by its name, still is.
fn gone(old: &Desired, new: &Desired) -> Vec<Gone> {
    let now: BTreeSet<Address<'_>> = new.groups.iter().map(address).collect();
    let names = named(new);
    let is_declared = |group: &DesiredGroup| {
        let name = group.declared_name();
        let name = name.map(|name| (&group.account, &group.region, name));
        now.contains(&address(group)) || name.is_some_and(|name| names.contains_key(&name))
    };
    let gone = old.groups.iter().filter(|group| !is_declared(group));
    gone.map(|group| Gone {
        account: group.account.clone(),
        region: group.region.clone(),
        selector: group.selector.clone(),
        place: old.sources.place(group.span),
    })
    .collect()
}

fn account<'a>(desired: &'a Desired, group: &DesiredGroup) -> Option<&'a Account> {
    desired.project.accounts.get(&group.account)
}

/// What `group:NAME` stands for.
fn named(desired: &Desired) -> BTreeMap<Name<'_>, &Selector> {
    let groups = desired.groups.iter();
    let named = groups.filter_map(|group| {
        let name = group.declared_name()?;
        Some(((&group.account, &group.region, name), &group.selector))
    });
    named.collect()
}

fn named_peers(group: &DesiredGroup) -> BTreeSet<&GroupName> {
    let rules = group.rules().map(|rule| &rule.peer);
    let ignored = group.ignore.iter().filter_map(|one| one.peer.as_ref());
    let names = rules.chain(ignored).filter_map(|peer| match peer {
        DesiredPeer::Declared(name) => Some(name),
        DesiredPeer::Cidr(_) | DesiredPeer::Group { .. } | DesiredPeer::PrefixList(_) => None,
    });
    names.collect()
}

/// The group as if it were declared in one spot, so that only what it says is compared. A place that this misses makes a
/// group count as changed, never as the same.
fn without_places(group: &DesiredGroup, span: Span) -> DesiredGroup {
    let mut group = group.clone();
    group.span = span;
    let wanted = group.ingress.iter_mut().chain(&mut group.egress).flatten();
    let absent = group.absent.iter_mut().map(|absent| &mut absent.rule);
    for rule in wanted.chain(absent) {
        rule.span = span;
    }
    for ignore in &mut group.ignore {
        ignore.span = span;
    }
    let (assertions, waivers) = claims(&group, span);
    group.assertions = assertions.into_iter().map(Arc::new).collect();
    group.waivers = waivers.into_iter().map(Arc::new).collect();
    group
}

/// What is asserted of a group and waived, as if it were written in one spot.
fn claims(group: &DesiredGroup, span: Span) -> (Vec<Assertion>, Vec<Waiver>) {
    let assertions = group.assertions.iter().map(|assertion| Assertion {
        span,
        ..(**assertion).clone()
    });
    let waivers = group.waivers.iter().map(|waiver| Waiver {
        span,
        ..(**waiver).clone()
    });
    (assertions.collect(), waivers.collect())
}

/// What could not be read of the old state.
struct Unread {
    /// The project file: nothing can be compared.
    project: Option<Why>,
    /// Files, and folders of other repositories, each with the reason.
    files: BTreeMap<PathBuf, String>,
}

impl Unread {
    fn of(old: &Loaded) -> Self {
        let sources = &old.desired.sources;
        let project = sources.iter().next().map(|(id, _)| id);
        let mut unread = Self {
            project: None,
            files: BTreeMap::new(),
        };
        for error in old.diagnostics.iter().filter(|d| d.is_error()) {
            let files: BTreeSet<FileId> = error.labels.iter().map(|at| at.span.file).collect();
            for file in &files {
                let path = sources.get(*file).path.clone();
                unread.files.entry(path).or_insert_with(|| said(error));
            }
            let of_all = files.iter().all(|file| Some(*file) == project);
            if of_all && unread.project.is_none() {
                let file = project.map(|id| sources.get(id).path.clone());
                unread.project = Some(Why::Unread {
                    file: file.unwrap_or_default(),
                    reason: said(error),
                });
            }
        }
        unread
    }

    /// Whether a file, or what was in its place, could not be read.
    fn why(&self, path: &Path) -> Option<Why> {
        let (file, reason) = path
            .ancestors()
            .find_map(|path| self.files.get_key_value(path))?;
        Some(Why::Unread {
            file: file.clone(),
            reason: reason.clone(),
        })
    }

    /// Whether the group was declared in another file, one that could not be read.
    fn anywhere(&self, old: &Desired, group: &DesiredGroup) -> Option<Why> {
        let found = old.groups.iter().find(|old| address(old) == address(group));
        self.why(&old.sources.get(found?.span.file).path)
    }
}

fn said(error: &Diagnostic) -> String {
    error.message.clone()
}

/// Where a group is declared.
fn file<'a>(sources: &'a Sources, group: &DesiredGroup) -> &'a Path {
    &sources.get(group.span.file).path
}

#[cfg(test)]
mod tests;
