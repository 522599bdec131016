//! The names of a project, for writing files: which networks and services there are and what they stand for.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::PathBuf,
};

use crate::{
    desired::{Desired, DesiredPeer, Selector, project, services, yaml},
    diag::Sources,
    model::{AccountName, GroupId, GroupName, Protocol, RegionId},
};

/// What a file of the project may say in place of addresses, ports and ids.
#[derive(Clone, Debug, Default)]
pub struct Vocabulary {
    /// Account of groups that do not say theirs.
    pub default_account: Option<AccountName>,
    /// Region of groups that do not say theirs.
    pub default_region: Option<RegionId>,
    /// The folder of group files, as the project file writes it.
    pub rules: Option<PathBuf>,
    /// Networks, those of most members first.
    pub(super) networks: Vec<(String, BTreeSet<DesiredPeer>)>,
    /// Services, the project's own first, then those of most members.
    pub(super) services: Vec<(String, BTreeSet<Protocol>)>,
}

impl Vocabulary {
    /// Of a project file that was read without errors: the first of the sources.
    pub fn of(sources: &Sources) -> Self {
        let Some((id, source)) = sources.iter().next() else {
            return Self::default();
        };
        let parsed = yaml::parse(id, &source.text);
        let Some(node) = parsed.documents.first() else {
            return Self::default();
        };
        let draft = project::check(node, &mut Vec::new());
        let names = draft.scope.names;
        let mut networks: Vec<_> = names
            .networks
            .into_iter()
            .filter(|(_, members)| !members.is_empty())
            .map(|(name, members)| (name, members.into_iter().collect::<BTreeSet<_>>()))
            .collect();
        networks.sort_by(|a, b| b.1.len().cmp(&a.1.len()).then_with(|| a.0.cmp(&b.0)));
        let mut own: Vec<(String, BTreeSet<Protocol>)> = names
            .services
            .iter()
            .filter(|(_, members)| !members.is_empty())
            .map(|(name, members)| (name.clone(), members.iter().cloned().collect()))
            .collect();
        let mut built_in: Vec<(String, BTreeSet<Protocol>)> = services::built_in()
            .iter()
            .filter(|(name, _)| !names.services.contains_key(**name))
            .map(|(name, members)| ((*name).to_owned(), members.iter().cloned().collect()))
            .collect();
        for list in [&mut own, &mut built_in] {
            list.sort_by(|a, b| b.1.len().cmp(&a.1.len()).then_with(|| a.0.cmp(&b.0)));
        }
        own.extend(built_in);
        Self {
            default_account: draft.scope.default_account,
            default_region: draft.scope.default_region,
            rules: draft.rules.map(|(folder, _)| PathBuf::from(folder)),
            networks,
            services: own,
        }
    }

    /// What a service stands for; the project's own come before built-in ones.
    pub fn service(&self, name: &str) -> Option<&BTreeSet<Protocol>> {
        let mut all = self.services.iter();
        all.find(|(own, _)| own == name).map(|(_, members)| members)
    }

    /// What a network stands for.
    pub fn network(&self, name: &str) -> Option<&BTreeSet<DesiredPeer>> {
        let mut all = self.networks.iter();
        all.find(|(own, _)| own == name).map(|(_, members)| members)
    }
}

/// The names by which files may call groups of one account and region, `group:NAME`: of groups that are declared by id
/// and have a name of their own there.
pub fn named_groups(
    desired: &Desired,
    account: &AccountName,
    region: &RegionId,
) -> BTreeMap<GroupId, GroupName> {
    let here = desired
        .groups
        .iter()
        .filter(|group| group.account == *account && group.region == *region);
    let mut taken: BTreeMap<&GroupName, usize> = BTreeMap::new();
    for name in here.clone().filter_map(|group| group.declared_name()) {
        *taken.entry(name).or_default() += 1;
    }
    here.filter_map(|group| match (&group.selector, &group.alias) {
        (Selector::Id(id), Some(name)) if taken[name] == 1 => Some((id.clone(), name.clone())),
        _ => None,
    })
    .collect()
}
