//! Whole runs against a cloud in memory.

mod case;
mod chaos;
mod failures;
mod order;
mod stopping;
mod visibility;
