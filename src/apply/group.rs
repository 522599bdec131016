//! How far one group has come.

use crate::{
    diag::Sources,
    plan::{ChangeKind, GroupPlan},
    provider::{ProviderError, RuleCall},
};

use super::{GroupOutcome, GroupReport, words};

/// How far one change has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum State {
    /// Not sent yet.
    Planned,
    /// The cloud confirmed it.
    Sent,
    /// The cloud confirmed it and a reading showed it.
    Shown,
    /// The cloud confirmed it and no reading showed it.
    Unseen,
    /// The cloud confirmed the add but took it for another rule.
    Duplicate,
    /// It was sent and is not in effect, or nobody knows.
    Failed,
    /// It was not sent and will not be.
    HeldBack,
}

impl State {
    /// Whether the change should be in effect.
    pub fn is_sent(self) -> bool {
        matches!(self, Self::Sent | Self::Shown | Self::Unseen)
    }

    /// Whether nothing that builds on the change may follow.
    pub fn blocks(self) -> bool {
        matches!(
            self,
            Self::Unseen | Self::Duplicate | Self::Failed | Self::HeldBack
        )
    }
}

/// A call of which some rules were refused; the group's other calls go on.
#[derive(Debug)]
pub(super) struct Failure {
    pub call: String,
    pub error: String,
    pub rules: Vec<String>,
}

impl Failure {
    /// `parts` of the call failed, each for its own reason; of them only `changes` are not in effect.
    pub fn new(
        call: &RuleCall,
        parts: &[(Vec<usize>, ProviderError)],
        changes: &[usize],
        plan: &GroupPlan,
        sources: &Sources,
    ) -> Self {
        let error = parts.first().map(|(_, error)| words::error(error));
        let mut rules = Vec::new();
        for (part, error) in parts {
            for line in part.iter().filter(|at| changes.contains(at)) {
                let mut line = words::rule(&plan.changes[*line], sources);
                if parts.len() > 1 {
                    line = format!("{line}: {}", words::error(error));
                }
                rules.push(line);
            }
        }
        Self {
            call: words::call(call),
            error: error.unwrap_or_default(),
            rules,
        }
    }

    pub fn outcome(self) -> GroupOutcome {
        let Self { call, error, rules } = self;
        GroupOutcome::Failed { call, error, rules }
    }
}

/// One group of a run.
#[derive(Debug)]
pub(super) struct GroupRun<'a> {
    pub plan: &'a GroupPlan,
    /// One per change of the plan.
    pub states: Vec<State>,
    /// Whether a call was made; the undo file is there then.
    pub begun: bool,
    /// Whether the last reading came after the last call and showed what it should.
    pub checked: bool,
    /// Why nothing more is sent.
    pub stopped: Option<GroupOutcome>,
    /// Calls of which some rules were refused.
    pub failures: Vec<Failure>,
    /// Changes that build on others that failed elsewhere, and why.
    held: Vec<(usize, String)>,
    pub notes: Vec<String>,
}

impl<'a> GroupRun<'a> {
    pub fn new(plan: &'a GroupPlan) -> Self {
        Self {
            plan,
            states: vec![State::Planned; plan.changes.len()],
            begun: false,
            checked: false,
            stopped: None,
            failures: Vec::new(),
            held: Vec::new(),
            notes: Vec::new(),
        }
    }

    /// Ends the group; what was not sent will not be. The first reason stays.
    pub fn stop(&mut self, outcome: GroupOutcome) {
        for state in &mut self.states {
            if *state == State::Planned {
                *state = State::HeldBack;
            }
        }
        self.stopped.get_or_insert(outcome);
    }

    /// Keeps one change from being sent.
    pub fn hold_back(&mut self, change: usize, reason: String) {
        self.states[change] = State::HeldBack;
        self.held.push((change, reason));
    }

    /// Marks changes.
    pub fn mark(&mut self, changes: &[usize], state: State) {
        for change in changes {
            self.states[*change] = state;
        }
    }

    /// Keeps what the reader should know, each thing once.
    pub fn note(&mut self, notes: Vec<String>) {
        for note in notes {
            if !self.notes.contains(&note) {
                self.notes.push(note);
            }
        }
    }

    /// Adds and modifies that the cloud confirmed and no reading has shown yet.
    pub fn unshown(&self) -> impl Iterator<Item = usize> {
        let shows = |at: &usize| !matches!(self.plan.changes[*at].kind, ChangeKind::Delete(_));
        (0..self.states.len())
            .filter(|at| self.states[*at] == State::Sent)
            .filter(shows)
    }

    /// What came of it.
    pub fn report(mut self, interrupted: bool, sources: &Sources) -> GroupReport {
        let unsent: Vec<String> = (0..self.states.len())
            .filter(|at| matches!(self.states[*at], State::Planned | State::HeldBack))
            .map(|at| words::change(&self.plan.changes[at], sources))
            .collect();
        for failure in self
            .failures
            .iter()
            .skip(usize::from(self.stopped.is_none()))
        {
            let Failure { call, error, rules } = failure;
            self.notes.push(format!(
                "failed as well: {call}: {error}: {}",
                rules.join("; ")
            ));
        }
        let mut failures = std::mem::take(&mut self.failures).into_iter();
        let failed = || failures.next().map(Failure::outcome);
        let outcome = match self.stopped.take().or_else(failed) {
            Some(outcome) => {
                if !matches!(outcome, GroupOutcome::HeldBack { .. }) {
                    let not_sent = unsent.iter().map(|line| format!("not sent: {line}"));
                    self.notes.extend(not_sent);
                }
                outcome
            }
            None if interrupted && !self.begun => GroupOutcome::NotBegun,
            None if interrupted && (!self.checked || self.states.contains(&State::Planned)) => {
                GroupOutcome::Interrupted
            }
            None if !unsent.is_empty() => GroupOutcome::HeldBack {
                reason: self.reason(),
                rules: unsent,
            },
            None => GroupOutcome::Done,
        };
        let mut report = GroupReport {
            address: self.plan.address.clone(),
            name: self.plan.name.to_string(),
            outcome,
            added: 0,
            changed: 0,
            destroyed: 0,
            notes: self.notes,
        };
        for (change, state) in self.plan.changes.iter().zip(&self.states) {
            if state.is_sent() {
                match change.kind {
                    ChangeKind::Add(_) => report.added += 1,
                    ChangeKind::Modify { .. } => report.changed += 1,
                    ChangeKind::Delete(_) => report.destroyed += 1,
                }
            }
        }
        report
    }

    fn reason(&self) -> String {
        let mut reasons: Vec<&str> = self.held.iter().map(|(_, why)| why.as_str()).collect();
        reasons.sort_unstable();
        reasons.dedup();
        match reasons[..] {
            [] => "the plan has no call for them".to_owned(),
            [a, b, c, _, ..] => format!("{a}; {b}; {c}; and {} more", reasons.len() - 3),
            _ => reasons.join("; "),
        }
    }
}
