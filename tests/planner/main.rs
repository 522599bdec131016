//! The planner and the guard, black-box.

mod assertions;
mod layers;
mod meetings;
mod modes;
mod order;
mod overruled;
mod promise;
mod proved;
mod quota;
mod room;
mod rules;
mod text;
mod turns;
mod unread_lists;
