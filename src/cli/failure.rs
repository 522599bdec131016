//! Why a command failed, as it is told: one line, the causes, then the next step.

use std::error::Error;

use crate::{
    exit::Exit,
    report::{Stamp, checked::Checked, finding::Finding, json, text},
};

/// Why a command failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// What the shell is told.
    pub exit: Exit,
    /// One line.
    pub message: String,
    /// What lies behind it, the nearest first.
    pub causes: Vec<String>,
    /// What to do next, a line each.
    pub help: Vec<String>,
    /// What the screen has shown already and machines still need, a line each.
    pub details: Vec<String>,
    /// The same for formats that have findings.
    pub findings: Box<[Finding]>,
    /// Whether whoever runs the command has asked for what there is not: nobody else learns of it.
    pub is_callers: bool,
}

impl Failure {
    /// An error.
    pub fn new(message: impl Into<String>) -> Self {
        Self::with(Exit::Error, message)
    }

    /// Wrong usage that clap cannot see.
    pub fn usage(message: impl Into<String>) -> Self {
        Self::with(Exit::Usage, message).of_caller()
    }

    /// The same, as the business of whoever runs the command alone.
    #[must_use]
    pub fn of_caller(mut self) -> Self {
        self.is_callers = true;
        self
    }

    /// A failure with its own exit code.
    pub fn with(exit: Exit, message: impl Into<String>) -> Self {
        Self {
            exit,
            message: message.into(),
            causes: Vec::new(),
            help: Vec::new(),
            details: Vec::new(),
            findings: Box::default(),
            is_callers: false,
        }
    }

    /// What was found, or else the failure itself as one finding.
    pub fn as_findings(&self) -> Vec<Finding> {
        if !self.findings.is_empty() {
            return self.findings.to_vec();
        }
        let causes = self.causes.iter().map(|cause| format!("cause: {cause}"));
        let help = causes.chain(self.help.iter().cloned()).collect();
        vec![Finding::of_failure(&self.message, help)]
    }

    /// For a text file: the error and what lies behind it, a line each.
    pub(super) fn plain(&self) -> String {
        let mut plain = format!("error: {}\n", text::escape_lines(&self.message));
        for reason in self.causes.iter().chain(&self.details) {
            plain.push_str(&format!("  {}\n", text::escape(reason)));
        }
        plain
    }

    /// In place of a plan in JSON.
    pub(super) fn plan_document(&self, stamp: &Stamp, checked: &Checked<'_>) -> String {
        let failure = json::FailureBody {
            message: self.message.clone(),
            causes: self.causes.clone(),
            help: self.help.clone(),
        };
        json::failed(failure, stamp, checked)
    }

    /// Adds an error and what lies behind it.
    #[must_use]
    pub fn because(mut self, error: &dyn Error) -> Self {
        let mut next = Some(error);
        while let Some(error) = next {
            let text = error.to_string();
            // Many errors repeat their source in their own text.
            if !self.causes.last().is_some_and(|last| last.contains(&text)) {
                self.causes.push(text);
            }
            next = error.source();
        }
        self
    }

    /// Adds a next step.
    #[must_use]
    pub fn help(mut self, text: impl Into<String>) -> Self {
        self.help.push(text.into());
        self
    }
}
