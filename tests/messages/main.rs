//! What somebody reads when something is wrong: everything that the binary says, on both streams, with its exit code.
//!
//! Each snapshot is one or more runs. What is wrong with files alone is in `tests/desired/bad`.

mod assertions;
mod flags;
mod guarded;
mod interrupted;
mod outputs;
mod reaching;
mod saved_plans;
mod states;
mod support;
