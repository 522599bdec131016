//! [`Approved`](crate::guard::Approved) x Provider -> [`Report`]: makes the changes in order, decides nothing.

use crate::plan::Address;

/// What came of an apply.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// Made fresh for every apply; part of every ClientToken.
    pub run_id: String,
    /// A report per group that had changes, sorted by address.
    pub groups: Vec<GroupReport>,
}

/// What came of one group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GroupReport {
    /// The group.
    pub address: Address,
    /// Its name to show.
    pub name: String,
    /// How it ended.
    pub outcome: GroupOutcome,
    /// Rules added, modified, deleted by calls that the cloud confirmed.
    pub added: usize,
    /// Rules modified.
    pub changed: usize,
    /// Rules deleted.
    pub destroyed: usize,
    /// What the reader should know though nothing failed, a sentence each.
    pub notes: Vec<String>,
}

/// How a group ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum GroupOutcome {
    /// Everything is done and a read afterwards showed it.
    Done,
    /// Everything was sent and accepted, but reading did not show it within the wait; what is still missing, a line each.
    NotYetVisible(Vec<String>),
    /// A call failed.
    Failed {
        /// Which call, in words: `authorize 3 ingress rules`.
        call: String,
        /// What the cloud or the connection said.
        error: String,
        /// The rules that the call was about, each with the place where it is declared.
        rules: Vec<String>,
    },
    /// Some changes were held back, because changes they build on failed elsewhere in the same VPC.
    HeldBack {
        /// Why, in words.
        reason: String,
        /// The changes that were not made, a line each.
        rules: Vec<String>,
    },
    /// Somebody else changed the group since it was planned; nothing more was sent.
    Drifted(Vec<String>),
    /// The apply was interrupted before the group was finished.
    Interrupted,
    /// The apply was interrupted before the group's first call.
    NotBegun,
}
