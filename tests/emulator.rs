//! The emulator as clients see it.

#[path = "emulator/accounts.rs"]
mod accounts;
#[path = "emulator/cloud.rs"]
mod cloud;
#[path = "emulator/faults.rs"]
mod faults;
#[path = "emulator/gateway.rs"]
mod gateway;
#[path = "emulator/groups.rs"]
mod groups;
#[path = "emulator/killed.rs"]
mod killed;
#[path = "emulator/listener.rs"]
mod listener;
#[path = "emulator/refusals.rs"]
mod refusals;
#[path = "emulator/rules.rs"]
mod rules;
#[path = "emulator/state.rs"]
mod state;
