//! Documents with `targets` -> a declaration for every live group that matches.
//!
//! One list per account and region is enough for all its documents. Where each of them says a VPC or tags, by which the cloud can narrow
//! a list, each gets a list of its own: no document then costs more calls than its groups do.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use futures_util::{StreamExt as _, stream};

use crate::{
    clouds::Clouds,
    desired::{Desired, DesiredGroup, Matched, Template},
    diag::{Code, Diagnostic, Span},
    model::{AccountName, GroupId, GroupInfo, GroupName, RegionId},
    provider::{GroupFilter, Provider, ProviderError},
};

use super::Error;

type Place = (AccountName, RegionId);

/// What is asked: the groups of a place that a filter admits.
type Question = (Place, GroupFilter);

type Answers = BTreeMap<Question, Result<Vec<GroupInfo>, Arc<ProviderError>>>;

/// Puts the groups that match in place of documents with `targets`, those with the given indices. With them come warnings for documents
/// that match nothing. What an earlier call has found is forgotten. Documents whose groups cannot be listed are in [`Matched::unread`];
/// groups that two documents are about are told of by whoever reads them.
pub async fn discover<P: Provider>(
    mut desired: Desired,
    documents: &BTreeSet<usize>,
    clouds: &Clouds<P>,
    parallelism: usize,
) -> Result<(Desired, Vec<Diagnostic>), Error> {
    let of_documents = spans(&desired);
    desired
        .groups
        .retain(|group| !of_documents.contains(&group.span));
    let mut matched = Matched {
        asked: documents.clone(),
        ..Matched::default()
    };
    let questions = questions(&desired.templates, documents);
    let asked: BTreeSet<&Question> = questions.values().collect();
    let answers = list(asked, clouds, parallelism).await?;

    let mut warnings = Vec::new();
    let mut found: Vec<(&Template, GroupInfo)> = Vec::new();
    for (&at, question) in &questions {
        let template = &desired.templates[at];
        match &answers[question] {
            Err(error) => drop(matched.unread.insert(at, error.clone())),
            Ok(infos) => {
                let before = found.len();
                let meant = infos.iter().filter(|info| template.targets.admit(info));
                found.extend(meant.map(|info| (template, info.clone())));
                if found.len() == before {
                    warnings.push(no_match(template));
                }
            }
        }
    }
    for ((place, filter), answer) in answers {
        if let Ok(infos) = answer {
            let listed = matched.lists.entry(place).or_default();
            listed.whole |= filter == GroupFilter::default();
            let infos = infos.into_iter().map(|info| (info.id.clone(), info));
            listed.groups.extend(infos);
        }
    }
    let groups = declarations(&desired, &found);
    desired.groups.extend(groups);
    desired.groups.sort_by(|a, b| {
        (&a.account, &a.region, &a.selector).cmp(&(&b.account, &b.region, &b.selector))
    });
    desired.matched = matched;
    warnings.sort_by_key(|warning| warning.labels.first().map(|label| label.span));
    Ok((desired, warnings))
}

/// Where documents with `targets` stand: the groups that match have their place.
pub(super) fn spans(desired: &Desired) -> BTreeSet<Span> {
    let templates = desired.templates.iter();
    templates.map(|template| template.body.span).collect()
}

/// Beyond so many different filters for a place the list of all its groups is hardly longer than what they find, and one list.
const MANY_FILTERS: usize = 10;

/// What is to be asked for each of the documents: the same for all of a place where one of them needs every group anyway, or many ask for
/// different ones.
fn questions(templates: &[Template], documents: &BTreeSet<usize>) -> BTreeMap<usize, Question> {
    let mut questions: BTreeMap<usize, Question> = documents
        .iter()
        .map(|&at| {
            let Template { targets, body } = &templates[at];
            let place = (body.account.clone(), body.region.clone());
            (at, (place, targets.filter()))
        })
        .collect();
    let mut filters: BTreeMap<&Place, BTreeSet<&GroupFilter>> = BTreeMap::new();
    for (place, filter) in questions.values() {
        filters.entry(place).or_default().insert(filter);
    }
    let needs_all = |filters: &BTreeSet<&GroupFilter>| {
        filters.len() > MANY_FILTERS || filters.contains(&GroupFilter::default())
    };
    let whole: BTreeSet<Place> = filters
        .into_iter()
        .filter(|(_, filters)| needs_all(filters))
        .map(|(place, _)| place.clone())
        .collect();
    for (place, filter) in questions.values_mut() {
        if whole.contains(place) {
            *filter = GroupFilter::default();
        }
    }
    questions
}

async fn list<P: Provider>(
    questions: BTreeSet<&Question>,
    clouds: &Clouds<P>,
    parallelism: usize,
) -> Result<Answers, Error> {
    let lists = questions.into_iter().map(async |question| {
        let ((account, region), filter) = question;
        let cloud = clouds
            .get(account)
            .ok_or_else(|| Error::NotConnected(account.clone()))?;
        let listed = cloud.list(region, filter).await.map_err(Arc::new);
        Ok((question.clone(), listed))
    });
    let lists: Vec<_> = stream::iter(lists)
        .buffer_unordered(parallelism.max(1))
        .collect()
        .await;
    lists.into_iter().collect()
}

/// A declaration for every group and every document that it matches.
fn declarations(desired: &Desired, found: &[(&Template, GroupInfo)]) -> Vec<DesiredGroup> {
    // A name that several groups have, or a declared one, stays what it was.
    let mut names: BTreeMap<(&AccountName, &RegionId, &GroupName), BTreeSet<Option<&GroupId>>> =
        BTreeMap::new();
    for group in &desired.groups {
        if let Some(name) = group.declared_name() {
            let name = (&group.account, &group.region, name);
            names.entry(name).or_default().insert(None);
        }
    }
    for (Template { body, .. }, info) in found {
        let name = (&body.account, &body.region, &info.name);
        names.entry(name).or_default().insert(Some(&info.id));
    }
    let group = |(template, info): &(&Template, GroupInfo)| {
        let body = &template.body;
        let name = (&body.account, &body.region, &info.name);
        let is_own = names.get(&name).is_some_and(|known| known.len() == 1);
        let alias = (is_own && !info.name.as_str().is_empty()).then(|| info.name.clone());
        let mut group = template.of(info, alias);
        for waiver in &desired.project.waivers {
            let mut named = waiver.groups.iter().flatten();
            if named.any(|name| group.may_be_called(name)) && !group.waivers.contains(waiver) {
                group.waivers.push(waiver.clone());
            }
        }
        group
    };
    found.iter().map(group).collect()
}

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
