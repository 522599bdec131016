//! How long the cloud may take for an answer.

use std::time::Duration;

use crate::provider::alibaba::wire::request::{self, Request};

/// Longest time from a request to the end of its answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timeouts {
    /// For the rules of a group: a large one may take the cloud more than two minutes. 133 s is what its older SDKs allow
    /// DescribeSecurityGroupAttribute.
    pub rules: Duration,
    /// For everything else that is read.
    pub read: Duration,
    /// For what changes something: the older SDKs allow the actions that write rules up to 16 s.
    pub write: Duration,
}

impl Default for Timeouts {
    fn default() -> Self {
        Self {
            rules: Duration::from_secs(135),
            read: Duration::from_secs(30),
            write: Duration::from_secs(20),
        }
    }
}

impl Timeouts {
    /// That of a request; `writes`: it changes something.
    pub(super) fn of(&self, request: &Request, writes: bool) -> Duration {
        match request.action {
            _ if writes => self.write,
            request::READ_RULES => self.rules,
            _ => self.read,
        }
    }
}
