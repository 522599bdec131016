//! Documents with `targets` -> a declaration for every live group that matches.

use std::collections::BTreeMap;

use futures_util::{StreamExt as _, stream};

use crate::{
    clouds::Clouds,
    desired::{Desired, DesiredGroup, Template},
    diag::{Code, Diagnostic},
    model::{AccountName, GroupInfo, GroupName, RegionId},
    provider::{Provider, ProviderError},
};

use super::read::means;

/// Why the groups of a document are not known.
#[derive(Debug, thiserror::Error)]
pub enum DiscoverError {
    /// The account has no provider.
    #[error("account {0} is not connected")]
    NotConnected(AccountName),
    /// The cloud or the connection failed.
    #[error("the groups of region {region} of account {account} cannot be listed: {error}")]
    Provider {
        /// Account that was asked.
        account: AccountName,
        /// Region that was asked.
        region: RegionId,
        /// What was said.
        #[source]
        error: ProviderError,
    },
}

/// Puts the groups that match in place of the documents with `targets`. With it come warnings for documents that match nothing, and errors
/// for groups that two documents are about.
pub async fn discover<P: Provider>(
    mut desired: Desired,
    clouds: &Clouds<P>,
    parallelism: usize,
) -> Result<(Desired, Vec<Diagnostic>), DiscoverError> {
    let templates = desired.templates.clone();
    let lists = templates.iter().map(async |template| {
        let DesiredGroup {
            account, region, ..
        } = &template.body;
        let cloud = clouds
            .get(account)
            .ok_or_else(|| DiscoverError::NotConnected(account.clone()))?;
        let listed = cloud.list(region, &template.targets.filter()).await;
        listed.map_err(|error| DiscoverError::Provider {
            account: account.clone(),
            region: region.clone(),
            error,
        })
    });
    let lists: Vec<Result<Vec<GroupInfo>, DiscoverError>> = stream::iter(lists)
        .buffered(parallelism.max(1))
        .collect()
        .await;
    let mut problems = Vec::new();
    let mut found: BTreeMap<Live, (GroupInfo, &Template)> = BTreeMap::new();
    for (template, infos) in templates.iter().zip(lists) {
        let mut infos = infos?;
        infos.retain(|info| template.targets.admit(info));
        if infos.is_empty() {
            problems.push(no_match(template));
        }
        for info in infos {
            let body = &template.body;
            let declared = desired.groups.iter().find(|group| {
                (&group.account, &group.region) == (&body.account, &body.region)
                    && means(&group.selector, &info)
            });
            let live = (
                body.account.clone(),
                body.region.clone(),
                info.id.to_string(),
            );
            if let Some(group) = declared {
                problems.push(twice(template, group, &info, "declared by itself here"));
            } else if let Some((_, other)) = found.get(&live) {
                problems.push(twice(template, &other.body, &info, "matches here as well"));
            } else {
                found.insert(live, (info, template));
            }
        }
    }
    // A name that several groups have, or a declared one, stays what it was.
    let mut names: BTreeMap<(&AccountName, &RegionId, &GroupName), usize> = BTreeMap::new();
    for group in &desired.groups {
        if let Some(name) = group.declared_name() {
            *names
                .entry((&group.account, &group.region, name))
                .or_default() += 1;
        }
    }
    for ((account, region, _), (info, _)) in &found {
        *names.entry((account, region, &info.name)).or_default() += 1;
    }
    let mut groups: Vec<DesiredGroup> = Vec::with_capacity(found.len());
    for ((account, region, _), (info, template)) in &found {
        let is_own = names.get(&(account, region, &info.name)) == Some(&1);
        let alias = (is_own && !info.name.as_str().is_empty()).then(|| info.name.clone());
        let mut group = template.of(info, alias);
        for waiver in &desired.project.waivers {
            let mut named = waiver.groups.iter().flatten();
            if named.any(|name| group.may_be_called(name)) && !group.waivers.contains(waiver) {
                group.waivers.push(waiver.clone());
            }
        }
        groups.push(group);
    }
    desired.groups.extend(groups);
    desired.groups.sort_by(|a, b| {
        (&a.account, &a.region, &a.selector).cmp(&(&b.account, &b.region, &b.selector))
    });
    problems.sort_by_key(|problem| problem.labels.first().map(|label| label.span));
    Ok((desired, problems))
}

/// Account, region and id.
type Live = (AccountName, RegionId, String);

fn no_match(template: &Template) -> Diagnostic {
    let DesiredGroup {
        account,
        region,
        span,
        ..
    } = &template.body;
    Diagnostic::warning(
        Code::NoTargets,
        format!("no security group in region {region} of account {account} matches"),
    )
    .label(*span, "stands for no group now")
    .help("check the pattern, `account` and `region`; groups that a cloud service owns never match")
}

fn twice(template: &Template, other: &DesiredGroup, info: &GroupInfo, here: &str) -> Diagnostic {
    Diagnostic::error(
        Code::DuplicateGroup,
        format!(
            "two documents are about security group {} ({})",
            info.id, info.name
        ),
    )
    .label(template.body.span, format!("{} matches", info.name))
    .label(other.span, here)
    .help(
        "narrow `targets`, or join the two documents: a group has one list of rules per direction",
    )
}
