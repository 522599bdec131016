//! Plans by hand: groups, changes and waves.

use std::{future::pending, path::PathBuf, sync::Arc, time::Duration};

use crate::{
    apply::{GroupOutcome, GroupReport, Options, Report, Wait, run},
    clouds::{
        Clouds,
        fake::{self, Fake},
    },
    desired::Mode,
    diag::{Sources, Span},
    model::{AccountName, ObservedGroup, RegionId},
    plan::{Change, ChangeKind, GroupPlan, Plan, Schedule, Step},
    provider::{RuleAction, RuleCall},
};

/// A plan, the cloud it is for, and how it is run.
pub struct Case {
    pub fake: Fake,
    pub plan: Plan,
    pub options: Options,
    pub sources: Sources,
    _folder: tempfile::TempDir,
}

/// `+ RULE`, `- INDEX` of a live rule, `~ INDEX RULE`.
fn change(live: &ObservedGroup, text: &str) -> ChangeKind {
    let (sign, rest) = text.split_once(' ').unwrap();
    match sign {
        "+" => ChangeKind::Add(fake::rule(rest)),
        "-" => ChangeKind::Delete(live.rules[rest.parse::<usize>().unwrap()].clone()),
        "~" => {
            let (index, rule) = rest.split_once(' ').unwrap();
            ChangeKind::Modify {
                from: live.rules[index.parse::<usize>().unwrap()].clone(),
                to: fake::rule(rule),
            }
        }
        _ => panic!("{text}"),
    }
}

impl Case {
    /// Groups in complete mode: id, live rules, changes.
    pub fn new(groups: &[(&str, &[&str], &[&str])]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut sources = Sources::default();
        let file = sources.add(PathBuf::from("rules/all.yaml"), Arc::from("group: x\n"));
        let span = Span {
            file,
            start: 0,
            end: 8,
            line: 1,
            column: 1,
        };
        let mut options = Options::new(folder.path().to_owned());
        options.wait = Wait {
            total: Duration::from_millis(40),
            pause: Duration::from_millis(1),
        };
        let live: Vec<ObservedGroup> = groups
            .iter()
            .map(|(id, rules, _)| fake::group(id, rules))
            .collect();
        let plans = groups.iter().zip(&live).map(|((_, _, changes), live)| {
            let changes = changes.iter().map(|text| Change {
                kind: change(live, text),
                span: Some(span),
            });
            GroupPlan {
                changes: changes.collect(),
                ..fake::group_plan(live.clone(), span)
            }
        });
        let plan = Plan {
            groups: plans.collect(),
            schedules: Vec::new(),
            diagnostics: Vec::new(),
        };
        Self {
            fake: Fake::new(live),
            plan,
            options,
            sources,
            _folder: folder,
        }
    }

    /// One VPC with waves of steps: each the group's and the changes' indices.
    pub fn vpc(mut self, waves: &[&[(usize, &[usize])]]) -> Self {
        let step = |&(group, changes): &(usize, &[usize])| {
            let kinds: Vec<&ChangeKind> = changes
                .iter()
                .map(|at| &self.plan.groups[group].changes[*at].kind)
                .collect();
            let action = match kinds[0] {
                ChangeKind::Add(_) => RuleAction::Authorize(
                    kinds
                        .iter()
                        .map(|kind| kind.after().unwrap().clone())
                        .collect(),
                ),
                ChangeKind::Delete(_) => RuleAction::Revoke(
                    kinds
                        .iter()
                        .map(|kind| kind.before().unwrap().clone())
                        .collect(),
                ),
                ChangeKind::Modify { from, to } => RuleAction::Modify {
                    from: from.clone(),
                    to: to.clone(),
                },
            };
            Step {
                group,
                changes: changes.to_vec(),
                call: RuleCall {
                    group: self.plan.groups[group].address.group.clone(),
                    direction: kinds[0].rule().direction,
                    action,
                },
            }
        };
        let schedule = Schedule {
            account: AccountName::new("demo"),
            region: RegionId::new("cn-hangzhou"),
            network: self.plan.groups[0].observed.info.network.clone(),
            waves: waves
                .iter()
                .map(|wave| wave.iter().map(step).collect())
                .collect(),
            pairs_left_out: 0,
            turns_left_out: 0,
        };
        self.plan.schedules.push(schedule);
        self
    }

    pub fn partial(mut self) -> Self {
        for group in &mut self.plan.groups {
            group.modes = [Some(Mode::Partial); 2];
            group.unmanaged = group.observed.rules.clone();
        }
        self
    }

    pub async fn run(&self) -> Report {
        self.run_until(pending()).await
    }

    pub async fn run_until(&self, stop: impl Future<Output = ()>) -> Report {
        let account = AccountName::new("demo");
        let clouds = Clouds::from_iter([(account, self.fake.clone())]);
        run(&self.plan, &clouds, &self.sources, &self.options, &(), stop).await
    }

    pub fn log(&self) -> Vec<String> {
        self.fake.world().log.clone()
    }
}

/// The outcomes in order, in short.
pub fn outcomes(report: &Report) -> Vec<&'static str> {
    report.groups.iter().map(outcome).collect()
}

pub fn outcome(report: &GroupReport) -> &'static str {
    match report.outcome {
        GroupOutcome::Done => "done",
        GroupOutcome::NotYetVisible(_) => "not yet visible",
        GroupOutcome::Failed { .. } => "failed",
        GroupOutcome::HeldBack { .. } => "held back",
        GroupOutcome::Drifted(_) => "drifted",
        GroupOutcome::Interrupted => "interrupted",
        GroupOutcome::NotBegun => "not begun",
    }
}

/// Only rules of one port build on each other.
pub fn same_port(first: &ChangeKind, then: &ChangeKind) -> bool {
    first.rule().protocol == then.rule().protocol
}
