//! The planner and the guard, black-box.

mod assertions;
mod order;
mod rules;
mod text;
