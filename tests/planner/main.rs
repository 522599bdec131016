//! The planner and the guard, black-box.

mod assertions;
mod layers;
mod order;
mod promise;
mod room;
mod rules;
mod text;
