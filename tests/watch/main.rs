//! `watch` from outside: the binary against an embedded cloud that the test looks into.

mod files;
mod git;
mod outputs;
mod server;
mod support;
mod unconfirmed;
mod windows;
