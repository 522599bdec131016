//! The emulator as clients see it.

mod accounts;
mod cloud;
mod faults;
mod gateway;
mod groups;
mod killed;
mod listener;
mod recorded;
mod refusals;
mod rules;
mod state;
