//! The proof that files say what is live: their plan is empty, and what they admit is what is admitted. The second is
//! worked out from the rules of both sides, without the plan.

use std::collections::{BTreeMap, BTreeSet};

use crate::{
    adopt::{Adopted, Refused},
    cli::{Failure, pass, progress::Meter},
    desired::{Desired, DesiredGroup, Selector, named_groups},
    model::{Direction, GroupId, GroupName, NicType, Rule},
    plan::{Counts, GroupPlan, Plan},
    traffic::{
        clause::Resolve,
        difference::{default_policy, difference},
    },
};

use super::job::{Job, told};

impl Job<'_> {
    /// Plans the adopted groups from the new files; whatever is not empty is refused.
    pub(super) async fn prove(
        &self,
        desired: &Desired,
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
        for diagnostic in prepared.diagnostics() {
            if !diagnostic.is_error() {
                continue;
            }
            let place = diagnostic.labels.first().map(|label| label.span);
            for plan in &prepared.plan().groups {
                if place.is_some_and(|place| place.file == plan.span.file) {
                    refused.push(Refused {
                        group: plan.address.group.clone(),
                        reason: told(&diagnostic),
                        expected: false,
                    });
                }
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
                refused.push(Refused {
                    group: plan.address.group.clone(),
                    reason: format!(
                        "its plan would not be empty: {add} to add, {change} to change, {destroy} to destroy, {left} unmanaged"
                    ),
                    expected: false,
                });
            }
        }
        refused.extend(self.other_traffic(desired, prepared.plan()));
        // Another group of the same name may have been planned beside an adopted one.
        refused.retain(|one| ids.contains(&one.group));
        let plan = prepared.plan().clone();
        let unread = prepared.failures();
        prepared.close().await?;
        match unread.first() {
            Some(failure) => Err(Failure::new(format!(
                "{} cannot be read again: {}",
                failure.group, failure.error
            ))),
            None => Ok((Some(plan), refused)),
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
