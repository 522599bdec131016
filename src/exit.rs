//! The exit codes: the one place where they are written down.
//!
//! | code | meaning |
//! | --- | --- |
//! | 0 | done; for `plan`: computed, whatever it holds |
//! | 1 | error |
//! | 2 | there are changes: `drift`, and `plan --detailed-exitcode` only |
//! | 3 | `fmt --check`: files would change |
//! | 4 | the guard or an assertion refused |
//! | 5 | the saved plan is stale |
//! | 6 | interrupted before the end |
//! | 7 | some groups failed, others are done |
//! | 64 | wrong usage |

use std::process::ExitCode;

use crate::apply::Verdict;

/// How the program ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// Done; for `plan`: computed, whatever it holds.
    Done = 0,
    /// Something failed.
    Error = 1,
    /// There are changes: `drift`, and `plan --detailed-exitcode`.
    Changes = 2,
    /// `fmt --check` found files that would change.
    Format = 3,
    /// The guard or an assertion refused.
    Refused = 4,
    /// The saved plan no longer fits what it was made from.
    Stale = 5,
    /// Interrupted before the end.
    Interrupted = 6,
    /// Some groups failed, others are done.
    Partial = 7,
    /// The command line makes no sense (`EX_USAGE` of sysexits.h; clap's own 2 would read as changes).
    Usage = 64,
}

impl Exit {
    /// The number that the shell sees.
    pub fn code(self) -> u8 {
        self as u8
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit.code())
    }
}

impl From<Verdict> for Exit {
    fn from(verdict: Verdict) -> Self {
        match verdict {
            Verdict::Complete => Self::Done,
            Verdict::Partial => Self::Partial,
            Verdict::Failed => Self::Error,
            Verdict::Interrupted => Self::Interrupted,
        }
    }
}
