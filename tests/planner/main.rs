//! The planner and the guard, black-box.

mod order;
#[path = "../common/packets.rs"]
mod packets;
mod rules;
mod text;
