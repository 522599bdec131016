//! The traffic engine against a matcher that looks at every packet of a small universe.

mod assertion;
mod atlas;
mod certificate;
mod difference;
mod explain;
mod lint;
mod memberships;
mod universe;
mod unread;
