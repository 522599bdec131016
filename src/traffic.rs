//! Exact sets of packets: what rules admit, how two sets of rules differ, who decides. Pure.
//!
//! A packet, seen from a member of a security group, is a point: the peer's address (IPv4 or IPv6) and the groups and unread lists
//! the peer belongs to, the protocol, destination and source port, the member's own address. A rule is a box of such points
//! ([`clause`]). Priorities make the strongest rule that matches a point decide ([`rank`]); where none matches, the default of
//! the group does, which is modelled as one more rule, the weakest, that matches everything.
//!
//! [`atlas`] cuts the space at the borders of all rules in question, once, into pieces in each of which the same rules match, and
//! names every piece by that set of rules, its *signature*. There are few signatures, and every question is a loop over them: who
//! wins in a state of the group, what changed between two states, which rule never decides. [`lines`] turns pieces back into
//! few lines that a person reads.
//!
//! - [`may_overlap`], [`surely_covers`]: the coarse questions about two rules that need no atlas; the planner's order rests on them.
//! - [`clause`]: rules as boxes; lists resolved, groups and unread lists as symbols.
//! - [`diagram`], [`atlas`], [`bits`], [`space`], [`change`]: the diagram over signatures, and rule sets as states in it.
//! - [`difference`], [`certificate`], [`reach`], [`spare`](mod@spare), [`explain`](mod@explain): the questions.
//! - [`internet`](mod@internet), [`platform`]: which addresses are public, and what the platform decides beside the rules.
//! - [`lines`](mod@lines), [`addresses`], [`services`], [`speak`](mod@speak): the answers in words.

pub mod addresses;
pub mod atlas;
pub mod bits;
pub mod certificate;
pub mod change;
pub mod clause;
mod columns;
pub mod diagram;
pub mod difference;
pub mod explain;
pub mod internet;
pub mod lines;
pub mod memberships;
mod pairs;
pub mod platform;
mod quick;
pub mod reach;
pub mod services;
pub mod space;
pub mod spare;
pub mod speak;

pub use pairs::{may_overlap, rank, surely_covers};
