//! The call log: what clients asked for and what became of it, for tests that count and people who look.

use std::{borrow::Cow, collections::VecDeque};

use jiff::Timestamp;
use serde::Serialize;

/// Calls that are remembered; older ones are forgotten, so that a long-running emulator does not grow.
const REMEMBERED: usize = 100_000;

/// One call.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct CallRecord {
    /// When it was answered, by the emulator's clock.
    pub at: Timestamp,
    /// The access key id as sent, verified or not.
    pub access_key_id: String,
    /// Account that the key belongs to; empty while nobody is known to have called.
    pub account: String,
    /// The action as sent.
    pub action: String,
    /// `RegionId`.
    pub region: Option<String>,
    /// `SecurityGroupId`.
    pub group: Option<String>,
    /// HTTP status of the answer; 0 when the connection was reset before anything was done.
    pub status: u16,
    /// Code of the refusal; `None` is success.
    pub code: Option<Cow<'static, str>>,
    /// Request id of the answer.
    pub request_id: String,
    /// Rules, rule ids or entries in the request.
    pub items: usize,
    /// What it changed, whatever was answered.
    pub effect: CallEffect,
    /// Names of the faults that struck it, in the order of the list.
    pub faults: Vec<&'static str>,
    /// Whether this was not a request but the somebody else of [`super::Effect::Intrude`].
    pub intrusion: bool,
}

/// What a call changed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct CallEffect {
    /// Rules that are new.
    pub added: usize,
    /// Rules that are different.
    pub modified: usize,
    /// Rules that are gone.
    pub removed: usize,
    /// Groups and lists that are new, different in themselves, or gone.
    pub others: usize,
}

impl CallEffect {
    /// Whether nothing changed.
    pub fn is_nothing(self) -> bool {
        self == Self::default()
    }
}

/// The calls, oldest first.
#[derive(Debug, Default)]
pub(super) struct CallLog(VecDeque<CallRecord>);

impl CallLog {
    pub(super) fn push(&mut self, record: CallRecord) {
        if self.0.len() == REMEMBERED {
            self.0.pop_front();
        }
        self.0.push_back(record);
    }

    pub(super) fn all(&self) -> Vec<CallRecord> {
        self.0.iter().cloned().collect()
    }

    pub(super) fn clear(&mut self) {
        self.0.clear();
    }
}
