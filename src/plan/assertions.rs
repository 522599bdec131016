//! Which assertions a group violates: now, in the result, and on the way.

use std::{collections::BTreeMap, sync::Arc};

use super::{Context, GroupPlan, Schedule, bind::Names, meaning};
use crate::{
    assertion::{
        Assertion, Status, Violation, Waiver,
        evaluate::{Asked, Course, Found, judge},
        questions::{Known, questions},
    },
    desired::DesiredGroup,
    diag::Diagnostic,
    model::{Direction, Lists, Network, NicType, ObservedGroup},
    traffic::{
        clause::Resolve,
        platform::{among_members, default_policy, is_open_inside},
    },
};

/// Judges groups one by one.
pub(super) struct Judge<'a> {
    names: &'a Names<'a>,
    context: &'a Context<'a>,
    schedules: BTreeMap<usize, &'a Schedule>,
}

impl<'a> Judge<'a> {
    pub(super) fn new(
        names: &'a Names<'a>,
        context: &'a Context<'a>,
        schedules: &'a [Schedule],
    ) -> Self {
        let mut by_group = BTreeMap::new();
        for schedule in schedules {
            for step in schedule.waves.iter().flatten() {
                by_group.insert(step.group, schedule);
            }
        }
        Self {
            names,
            context,
            schedules: by_group,
        }
    }

    /// What a group violates; what is to be said of its waivers goes to the diagnostics.
    pub(super) fn group(
        &self,
        index: usize,
        group: &GroupPlan,
        desired: &DesiredGroup,
        diagnostics: &mut Vec<Diagnostic>,
    ) -> Vec<Violation> {
        if desired.assertions.is_empty() {
            return Vec::new();
        }
        let key = (desired.account.clone(), desired.region.clone());
        let lists = self.context.lists.get(&key);
        let none = Lists::default();
        let resolve = Resolve(Some(lists.unwrap_or(&none)));
        let waivers = self.waivers(group, desired, diagnostics);
        let mut used = vec![false; waivers.len()];
        let mut violations = Vec::new();
        for side in sides(group) {
            violations.extend(self.side(index, group, desired, side, &waivers, &resolve));
        }
        for violation in &violations {
            if let Status::Waived { waiver } = violation.status {
                used[waiver] = true;
            }
        }
        let unused = waivers.iter().zip(used).filter(|(_, used)| !used);
        diagnostics.extend(unused.map(|(waiver, _)| waiver.unused(group.name.as_str())));
        // What refuses first, then the worst.
        violations.sort_by(|a, b| {
            let key = |one: &'_ Violation| {
                let severity = std::cmp::Reverse(one.assertion.severity);
                (one.status, severity, one.assertion.id.clone(), one.nic)
            };
            key(a).cmp(&key(b))
        });
        violations
    }

    /// The waivers of the group that count now.
    fn waivers(
        &self,
        group: &GroupPlan,
        desired: &DesiredGroup,
        diagnostics: &mut Vec<Diagnostic>,
    ) -> Vec<Arc<Waiver>> {
        let is_meant = |waiver: &&Arc<Waiver>| {
            let known = desired
                .assertions
                .iter()
                .any(|assertion| assertion.id == waiver.assertion);
            let id = group.address.group.as_str();
            let is_called = |word: &Arc<str>| {
                **word == *id
                    || desired
                        .declared_name()
                        .is_some_and(|name| name.as_str() == &**word)
            };
            known
                && waiver
                    .groups
                    .as_ref()
                    .is_none_or(|groups| groups.iter().any(is_called))
        };
        let mut live = Vec::new();
        for waiver in desired.waivers.iter().filter(is_meant) {
            if self.context.at < waiver.until {
                live.push(Arc::clone(waiver));
            } else {
                diagnostics.push(waiver.expired(group.name.as_str()));
            }
        }
        live
    }

    fn side(
        &self,
        index: usize,
        group: &GroupPlan,
        desired: &DesiredGroup,
        side: (Direction, NicType),
        waivers: &[Arc<Waiver>],
        resolve: &Resolve<'_>,
    ) -> Vec<Violation> {
        let (direction, nic) = side;
        let by_name = |name: &_| {
            self.names
                .resolve(desired, name)
                .map(|info| info.id.clone())
        };
        let known = Known {
            resolve,
            group: &by_name,
            nic: (group.observed.info.network == Network::Classic).then_some(nic),
        };
        let (assertions, asked): (Vec<&Arc<Assertion>>, Vec<Asked>) = desired
            .assertions
            .iter()
            .filter(|assertion| assertion.direction == direction)
            .map(|assertion| (assertion, questions(assertion, waivers, &known)))
            .filter(|(_, asked)| !asked.clauses.is_empty())
            .unzip();
        if asked.is_empty() {
            return Vec::new();
        }
        let ObservedGroup {
            info, inner_access, ..
        } = &group.observed;
        let is_open = nic == NicType::Intranet && is_open_inside(info.kind, *inner_access);
        let inside = is_open.then(|| among_members(&group.address.group, direction));
        let rules = group.observed.rules.iter().map(|seen| &seen.rule);
        let course = Course {
            default: default_policy(direction, group.observed.info.kind),
            old: inside
                .iter()
                .chain(rules.filter(meaning::is_of(side)))
                .collect(),
            waves: match self.schedules.get(&index) {
                // Also the waves in which other groups change, so that a wave's number is the schedule's.
                Some(schedule) => Some(meaning::moves(index, group, schedule, side))
                    .filter(|waves| waves.iter().any(|wave| !wave.is_empty()))
                    .unwrap_or_default(),
                None => Vec::new(),
            },
        };
        judge(&course, &asked, resolve)
            .into_iter()
            .map(|found| {
                let Found {
                    asked,
                    status,
                    traffic,
                    depends_on,
                } = found;
                Violation {
                    assertion: Arc::clone(assertions[asked]),
                    nic,
                    is_classic: group.observed.info.network == Network::Classic,
                    status,
                    traffic,
                    depends_on,
                    waiver: match status {
                        Status::Waived { waiver } => Some(Arc::clone(&waivers[waiver])),
                        _ => None,
                    },
                }
            })
            .collect()
    }
}

/// Directions and network interfaces that assertions may speak of.
fn sides(group: &GroupPlan) -> Vec<(Direction, NicType)> {
    let nics: &[NicType] = match group.observed.info.network {
        Network::Vpc(_) => &[NicType::Intranet],
        Network::Classic => &[NicType::Intranet, NicType::Internet],
    };
    Direction::BOTH
        .into_iter()
        .flat_map(|direction| nics.iter().map(move |nic| (direction, *nic)))
        .collect()
}
