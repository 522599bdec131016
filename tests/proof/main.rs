//! What the main job promises, shown from the files to the cloud's own log of calls.

mod answers;
mod calls;
#[path = "../common/client.rs"]
mod client;
mod estate;
mod estates;
mod round_trip;
mod shuffled;
mod support;
mod unread;
mod yaml;
