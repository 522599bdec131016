//! What is said, whoever it is said to: from plans, reports and refusals to a [`Message`].

use crate::{
    apply::{GroupOutcome, Report, Verdict},
    fights::Fight,
    guard::Refusal,
    plan::{ChangeKind, Counts, GroupPlan, Plan},
    report::{
        PlanReport, Stamp,
        text::{count, escape},
    },
};

use super::Event;

/// What is said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// What happened.
    pub event: Event,
    /// One line.
    pub title: String,
    /// Rules added, modified and deleted, or to be.
    pub counts: Option<[usize; 3]>,
    /// What matters most first.
    pub sections: Vec<Section>,
    /// Where it comes from.
    pub facts: Facts,
}

/// Lines under a heading.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Section {
    /// The heading.
    pub title: String,
    /// A sentence each.
    pub lines: Vec<String>,
}

/// Where a message comes from.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Facts {
    /// The project's folder, by name.
    pub project: String,
    /// The git commit of the files.
    pub commit: Option<String>,
    /// The plan.
    pub plan: Option<String>,
    /// The apply.
    pub run: Option<String>,
    /// The job that said it.
    pub link: Option<String>,
}

impl Facts {
    /// Of a project, with the job that the CI system names in its variables.
    pub fn new(project: &str, stamp: &Stamp, variable: impl Fn(&str) -> Option<String>) -> Self {
        let set = |name: &str| variable(name).filter(|value| !value.is_empty());
        let github = || {
            let (server, repository) = (set("GITHUB_SERVER_URL")?, set("GITHUB_REPOSITORY")?);
            let run = set("GITHUB_RUN_ID")?;
            Some(format!("{server}/{repository}/actions/runs/{run}"))
        };
        Self {
            project: escape(project),
            commit: stamp.commit.as_ref().map(|commit| {
                let dirty = match stamp.dirty {
                    Some(true) => " with changes",
                    _ => "",
                };
                format!("{}{dirty}", escape(commit))
            }),
            plan: None,
            run: None,
            link: github()
                .or_else(|| set("CI_JOB_URL"))
                .map(|link| escape(&link)),
        }
    }

    pub(super) fn lines(&self) -> Vec<String> {
        let Self {
            project,
            commit,
            plan,
            run,
            link,
        } = self;
        let named = [
            ("commit", commit),
            ("plan", plan),
            ("run", run),
            ("job", link),
        ];
        let project = (!project.is_empty()).then(|| format!("project {project}"));
        let named = named.into_iter();
        let named = named.filter_map(|(name, value)| Some(format!("{name} {}", value.as_ref()?)));
        project.into_iter().chain(named).collect()
    }
}

fn message(event: Event, title: String, sections: Vec<Section>, facts: &Facts) -> Message {
    let sections = sections.into_iter();
    Message {
        event,
        title,
        counts: None,
        sections: sections
            .filter(|section| !section.lines.is_empty())
            .collect(),
        facts: facts.clone(),
    }
}

fn section(title: &str, lines: Vec<String>) -> Section {
    Section {
        title: title.to_owned(),
        lines: lines.iter().map(|line| escape(line)).collect(),
    }
}

fn with_plan(facts: &Facts, plan: &Plan) -> Facts {
    Facts {
        plan: Some(plan.id()),
        ..facts.clone()
    }
}

/// A plan; `None`: there is nothing to tell.
pub fn planned(report: &PlanReport<'_>, facts: &Facts) -> Option<Message> {
    let counts = report.plan.counts();
    if counts.is_empty() && report.refusals.is_empty() {
        return None;
    }
    let title = format!(
        "rulekeep plan: {} to add, {} to change, {} to destroy",
        counts.add, counts.change, counts.destroy
    );
    let mut sections = vec![refusals(report.refusals)];
    sections.extend(meaning(report.plan));
    let facts = with_plan(facts, report.plan);
    Some(Message {
        counts: Some(numbers(counts)),
        ..message(Event::Plan, title, sections, &facts)
    })
}

/// Drift; `None`: there is none.
pub fn drifted(report: &PlanReport<'_>, facts: &Facts) -> Option<Message> {
    let counts = report.plan.counts();
    if counts.is_empty() {
        return None;
    }
    let title = format!(
        "rulekeep drift: {} missing, {} differ, {} live only",
        counts.add, counts.change, counts.destroy
    );
    let facts = with_plan(facts, report.plan);
    Some(Message {
        counts: Some(numbers(counts)),
        ..message(Event::Drift, title, by_group(report.plan), &facts)
    })
}

/// What an apply came to; `None`: it had nothing to do.
pub fn applied(command: &str, plan: &Plan, report: &Report, facts: &Facts) -> Option<Message> {
    if report.groups.is_empty() {
        return None;
    }
    let sum = |of: fn(&crate::apply::GroupReport) -> usize| report.groups.iter().map(of).sum();
    let numbers: [usize; 3] = [
        sum(|group| group.added),
        sum(|group| group.changed),
        sum(|group| group.destroyed),
    ];
    let done = format!(
        "{} added, {} changed, {} destroyed",
        numbers[0], numbers[1], numbers[2]
    );
    let (event, title) = match report.verdict() {
        Verdict::Complete => (Event::Apply, format!("rulekeep {command}: {done}")),
        Verdict::Partial => (
            Event::Failed,
            format!("rulekeep {command} failed in part: {done}"),
        ),
        Verdict::Failed => (Event::Failed, format!("rulekeep {command} failed: {done}")),
        Verdict::Interrupted => (
            Event::Failed,
            format!("rulekeep {command} was interrupted: {done}"),
        ),
    };
    let failures = report.groups.iter().filter_map(|group| {
        let why = match &group.outcome {
            GroupOutcome::Done => return None,
            GroupOutcome::NotYetVisible(_) => "the cloud does not show it yet".to_owned(),
            GroupOutcome::Failed { call, error, .. } => format!("{call}: {error}"),
            GroupOutcome::HeldBack { reason, .. } => format!("held back: {reason}"),
            GroupOutcome::Drifted(_) => "somebody else changed it meanwhile".to_owned(),
            GroupOutcome::Interrupted => "interrupted".to_owned(),
            GroupOutcome::NotBegun => "not begun".to_owned(),
        };
        Some(format!("{}: {why}", group.name))
    });
    let mut sections = vec![section("Not done", failures.collect())];
    sections.extend(meaning(plan));
    let facts = Facts {
        run: Some(report.run_id.clone()),
        ..with_plan(facts, plan)
    };
    Some(Message {
        counts: Some(numbers),
        ..message(event, title, sections, &facts)
    })
}

/// A plan that the guard refused.
pub fn refused(command: &str, report: &PlanReport<'_>, facts: &Facts) -> Message {
    let reasons = count(report.refusals.len(), "reason");
    let title = format!("rulekeep {command} was refused by the guard for {reasons}");
    let mut sections = vec![refusals(report.refusals)];
    sections.extend(meaning(report.plan));
    message(
        Event::Refused,
        title,
        sections,
        &with_plan(facts, report.plan),
    )
}

/// A run that came to nothing.
pub fn failed(command: &str, why: &str, causes: &[String], facts: &Facts) -> Message {
    let title = format!("rulekeep {command} failed: {}", escape(why));
    let causes = vec![section("Because", causes.to_vec())];
    message(Event::Failed, title, causes, facts)
}

/// Rules that something keeps taking back; `None`: there are none.
pub fn fought(fights: &[Fight], facts: &Facts) -> Option<Message> {
    if fights.is_empty() {
        return None;
    }
    let title = format!(
        "rulekeep: {} applied again and again, something else takes it back",
        count(fights.len(), "change")
    );
    let lines = fights.iter().map(ToString::to_string).collect();
    let sections = vec![section("Fights", lines)];
    Some(message(Event::Fight, title, sections, facts))
}

fn numbers(counts: Counts) -> [usize; 3] {
    [counts.add, counts.change, counts.destroy]
}

fn refusals(refusals: &[Refusal]) -> Section {
    let lines = refusals
        .iter()
        .map(|refusal| format!("{}: {}: {}", refusal.name, refusal.reason, refusal.message));
    section("Refused by the guard", lines.collect())
}

/// What is newly admitted, what no longer is, what is deleted, and the numbers of each group.
fn meaning(plan: &Plan) -> Vec<Section> {
    let (mut admitted, mut refused, mut deleted) = (Vec::new(), Vec::new(), Vec::new());
    for group in &plan.groups {
        for traffic in &group.traffic {
            let direction = traffic.direction;
            let line = |sentence: &crate::traffic::difference::Sentence| {
                let what = sentence.what.text(direction);
                format!("{}: {direction} {what}", group.name)
            };
            admitted.extend(traffic.difference.newly_admitted.iter().map(line));
            refused.extend(traffic.difference.no_longer_admitted.iter().map(line));
        }
        for change in &group.changes {
            if let ChangeKind::Delete(seen) = &change.kind {
                deleted.push(format!("{}: {}", group.name, seen.rule));
            }
        }
    }
    vec![
        section("Newly admitted", admitted),
        section("No longer admitted", refused),
        section("Deleted rules", deleted),
        section("Groups", plan.groups.iter().filter_map(summary).collect()),
    ]
}

/// `web (demo/cn-hangzhou/sg-web): +1 ~0 -2`.
fn summary(group: &GroupPlan) -> Option<String> {
    let counts = group.counts();
    (!counts.is_empty()).then(|| {
        let Counts {
            add,
            change,
            destroy,
            ..
        } = counts;
        format!(
            "{} ({}): +{add} ~{change} -{destroy}",
            group.name, group.address
        )
    })
}

/// The rules of each group that differ.
fn by_group(plan: &Plan) -> Vec<Section> {
    let groups = plan.groups.iter().filter(|group| !group.changes.is_empty());
    groups
        .map(|group| {
            let lines = group.changes.iter().map(|change| match &change.kind {
                ChangeKind::Add(rule) => format!("missing: {rule}"),
                ChangeKind::Modify { from, to } => {
                    format!("differs: {} (declared: {to})", from.rule)
                }
                ChangeKind::Delete(seen) => format!("live only: {}", seen.rule),
            });
            section(
                &format!("{} ({})", group.name, group.address),
                lines.collect(),
            )
        })
        .collect()
}
