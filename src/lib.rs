//! Rulekeep keeps the rules of cloud security groups as they are declared in a git repository.
//!
//! Data flows one way, and each step has one home:
//!
//! ```text
//! rules/*.yaml ── desired ──────────► Desired ──┐
//!                                               ├─ plan ─► Plan ─ guard ─► Approved ─ apply ─► Report
//! the cloud ──── Provider::observe ─► Observed ─┘ (pure)          (pure)           (calls the cloud)
//! ```

pub mod adopt;
pub mod apply;
pub mod assertion;
pub mod audit;
pub mod cli;
pub mod clouds;
pub mod confirm;
pub mod desired;
pub mod diag;
pub mod digest;
pub mod emulator;
pub mod exchange;
pub mod exit;
pub mod fights;
pub mod files;
pub mod git;
pub mod guard;
pub mod journal;
pub mod lint;
pub mod lock;
pub mod model;
pub mod notify;
pub mod plan;
pub mod provider;
pub mod reconcile;
pub mod report;
pub mod saved;
pub mod snapshot;
#[cfg(test)]
mod testing;
pub mod traffic;
pub mod undo;
pub mod watch;
