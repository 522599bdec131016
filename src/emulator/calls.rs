//! The call log: what clients asked for and what became of it, for tests that count and people who look.

use std::collections::VecDeque;

use jiff::Timestamp;

/// Calls that are remembered; older ones are forgotten, so that a long-running emulator does not grow.
const REMEMBERED: usize = 100_000;

/// One call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CallRecord {
    /// When it was answered, by the emulator's clock.
    pub at: Timestamp,
    /// The access key id as sent, verified or not.
    pub access_key_id: String,
    /// The action as sent.
    pub action: String,
    /// `RegionId`.
    pub region: Option<String>,
    /// `SecurityGroupId`.
    pub group: Option<String>,
    /// HTTP status of the answer.
    pub status: u16,
    /// Code of the refusal; `None` is success.
    pub code: Option<&'static str>,
    /// Request id of the answer.
    pub request_id: String,
    /// Rules, rule ids or entries in the request.
    pub items: usize,
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
