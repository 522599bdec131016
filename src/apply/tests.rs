//! Whole runs against a cloud in memory.

mod case;
mod failures;
mod order;
mod stopping;
mod visibility;
