//! The proof that files say what is live: their plan is empty, and what they admit is what is admitted. The second is
//! worked out from the rules of both sides, without the plan.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
};

use crate::{
    adopt::{Adopted, NewFile, Refused},
    cli::{Failure, pass, progress::Meter},
    desired::{Desired, DesiredGroup, Selector, SystemRules, named_groups},
    diag::Sources,
    model::{Direction, GroupId, GroupName, NicType, Rule},
    plan::{ChangeKind, Counts, GroupPlan, Plan},
    traffic::{clause::Resolve, difference::difference, platform::default_policy},
};

use super::job::Job;

fn refusal(group: &GroupId, reason: String) -> Refused {
    Refused {
        group: group.clone(),
        reason,
        expected: false,
    }
}

impl Job<'_> {
    /// Plans the adopted groups from the new files; whatever is not empty is refused.
    pub(super) async fn prove(
        &self,
        desired: &Desired,
        files: &[NewFile],
        adopted: &[Adopted<'_>],
    ) -> Result<(Option<Plan>, Vec<Refused>), Failure> {
        if adopted.is_empty() || !self.proves {
            return Ok((None, Vec::new()));
        }
        let ids: BTreeSet<&GroupId> = adopted.iter().map(|one| &one.group.info.id).collect();
        let by_name: BTreeSet<&GroupName> = adopted
            .iter()
            .filter_map(|one| match &one.declared?.selector {
                Selector::Name { name, .. } => Some(name),
                Selector::Id(_) => None,
            })
            .collect();
        let selection = self.targets(desired, |index| match &desired.groups[index].selector {
            Selector::Id(id) => ids.contains(id),
            Selector::Name { name, .. } => by_name.contains(name),
        });
        let meter = Meter::new(self.global);
        let prepared =
            pass::prepare(desired, &selection, self.at, self.parallelism, &meter).await?;
        drop(meter);
        let mut refused = Vec::new();
        let mut unexplained = Vec::new();
        for diagnostic in prepared.diagnostics() {
            if !diagnostic.is_error() {
                continue;
            }
            let sources = prepared.sources();
            let told = self.told(&diagnostic, sources);
            // A group that an error is about may have no plan at all.
            let labels = diagnostic.labels.iter();
            let paths: BTreeSet<&Path> = labels
                .map(|label| &*sources.get(label.span.file).path)
                .collect();
            let before = refused.len();
            for one in adopted {
                if self.file_of(one, files).is_some_and(|p| paths.contains(p)) {
                    refused.push(refusal(&one.group.info.id, told.clone()));
                }
            }
            if refused.len() == before {
                unexplained.push(told);
            }
        }
        for plan in &prepared.plan().groups {
            let Counts {
                add,
                change,
                destroy,
                unmanaged,
                calls: _,
            } = plan.counts();
            let left = if self.is_new(adopted, &plan.address.group) {
                unmanaged
            } else {
                0
            };
            if add + change + destroy + left > 0 {
                let declared = adopted
                    .iter()
                    .find(|one| one.group.info.id == plan.address.group)
                    .and_then(|one| one.declared);
                let cause = self.cause(plan, declared, prepared.sources());
                refused.push(refusal(
                    &plan.address.group,
                    format!(
                        "its plan would not be empty: {add} to add, {change} to change, {destroy} to destroy, {left} unmanaged{cause}"
                    ),
                ));
            }
        }
        refused.extend(self.other_traffic(desired, prepared.plan()));
        // Another group of the same name may have been planned beside an adopted one.
        refused.retain(|one| ids.contains(&one.group));
        let plan = prepared.plan().clone();
        let unread = prepared.failures();
        prepared.close().await?;
        if let Some(failure) = unread.first() {
            return Err(Failure::new(format!(
                "{} cannot be read again: {}",
                failure.group, failure.error
            )));
        }
        for one in adopted {
            let id = &one.group.info.id;
            let is_planned = plan.groups.iter().any(|plan| plan.address.group == *id);
            if !is_planned && !refused.iter().any(|one| one.group == *id) {
                let reason = "no plan could be made from its file";
                refused.push(refusal(id, reason.to_owned()));
            }
        }
        if unexplained.is_empty() {
            return Ok((Some(plan), refused));
        }
        let mut failure = Failure::new("the files do not plan without errors; nothing was written");
        failure.causes = unexplained;
        Err(failure.help("mend what `rulekeep plan` says, and adopt again"))
    }

    /// The file that declares a group, or will.
    fn file_of<'p>(&'p self, one: &Adopted<'_>, files: &'p [NewFile]) -> Option<&'p Path> {
        if let Some(declared) = one.declared {
            return Some(&self.desired.sources.get(declared.span.file).path);
        }
        let mut files = files.iter();
        let file = files.find(|file| file.groups.contains(&one.group.info.id));
        file.map(|file| &*file.path)
    }

    /// What in a file wants live rules gone, which adopt does not overrule.
    fn cause(
        &self,
        plan: &GroupPlan,
        declared: Option<&DesiredGroup>,
        sources: &Sources,
    ) -> String {
        let Some(declared) = declared else {
            return String::new();
        };
        let mut causes = BTreeSet::new();
        for change in &plan.changes {
            let ChangeKind::Delete(seen) = &change.kind else {
                continue;
            };
            if let Some(span) = change.span {
                causes.insert(format!(
                    "; `absent` at {} wants {} gone: remove that entry, or apply it before you adopt",
                    self.place(span, sources),
                    seen.rule
                ));
            } else if seen.rule.priority.is_system_level()
                && declared.system_rules == Some(SystemRules::Delete)
            {
                causes.insert(format!(
                    "; `system_rules: delete` at {} wants rules of priority 110 gone: write `keep` in its place, or apply it before you adopt",
                    self.line_of("system_rules", declared)
                ));
            }
        }
        causes.into_iter().collect()
    }

    /// Where a document has a key.
    fn line_of(&self, key: &str, group: &DesiredGroup) -> String {
        let source = self.desired.sources.get(group.span.file);
        let before = &source.text[..group.span.start as usize];
        let start = before.rfind("\n---").map_or(0, |at| at + 1);
        let first = source.text[..start].matches('\n').count();
        let lines = source.text[start..].lines().enumerate();
        let mut inside = lines.take_while(|(at, line)| *at == 0 || !line.starts_with("---"));
        let found =
            inside.find(|(_, line)| line.trim_start_matches([' ', '{', '"']).starts_with(key));
        match found {
            Some((at, _)) => format!("{}:{}", source.path.display(), first + at + 1),
            None => self.desired.sources.place(group.span),
        }
    }

    fn is_new(&self, adopted: &[Adopted<'_>], id: &GroupId) -> bool {
        let mut adopted = adopted.iter();
        adopted.any(|one| one.group.info.id == *id && one.declared.is_none())
    }

    /// The groups that would admit something else by their files than they do.
    fn other_traffic(&self, desired: &Desired, plan: &Plan) -> Vec<Refused> {
        let mut names: BTreeMap<GroupName, GroupId> = self.found.clone();
        let named = named_groups(desired, self.account, self.region);
        names.extend(named.into_iter().map(|(id, name)| (name, id)));
        let mut refused = Vec::new();
        for plan in &plan.groups {
            let declared = desired.groups.iter().find(|group| group.span == plan.span);
            let same = declared.is_some_and(|group| self.is_same_traffic(group, plan, &names));
            if !same {
                refused.push(Refused {
                    group: plan.address.group.clone(),
                    reason: "its file would not admit the same traffic".to_owned(),
                    expected: false,
                });
            }
        }
        refused
    }

    fn is_same_traffic(
        &self,
        group: &DesiredGroup,
        plan: &GroupPlan,
        names: &BTreeMap<GroupName, GroupId>,
    ) -> bool {
        let bare = |rule: &Rule| Rule {
            peer_owner: None,
            ..rule.clone()
        };
        let live: Vec<Rule> = plan
            .observed
            .rules
            .iter()
            .map(|seen| bare(&seen.rule))
            .collect();
        // What the file leaves alone stays in effect beside it.
        let left = plan
            .unmanaged
            .iter()
            .chain(&plan.system_level)
            .chain(plan.ignored.iter().map(|(seen, _)| seen));
        let mut wanted: Vec<Rule> = left.map(|seen| bare(&seen.rule)).collect();
        for direction in Direction::BOTH {
            let Some(declared) = group.direction(direction) else {
                let left = live.iter().filter(|rule| rule.direction == direction);
                wanted.extend(left.cloned().collect::<Vec<_>>());
                continue;
            };
            for rule in declared.iter().filter(|rule| rule.is_live(self.at)) {
                let nic = rule.nic.unwrap_or(NicType::Intranet);
                let Some(bound) = rule.bind(nic, |name| names.get(name).cloned()) else {
                    return false;
                };
                wanted.push(bare(&bound));
            }
        }
        Direction::BOTH.into_iter().all(|direction| {
            [NicType::Intranet, NicType::Internet]
                .into_iter()
                .all(|nic| {
                    let is_of = |rule: &&Rule| (rule.direction, rule.nic) == (direction, nic);
                    let old: Vec<&Rule> = live.iter().filter(is_of).collect();
                    let new: Vec<&Rule> = wanted.iter().filter(is_of).collect();
                    let default = default_policy(direction, plan.observed.info.kind);
                    difference(&old, &new, default, &Resolve(None)).is_empty()
                })
        })
    }
}
