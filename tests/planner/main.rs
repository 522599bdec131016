//! The planner and the guard, black-box.

mod order;
mod rules;
mod text;
