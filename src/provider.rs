//! The seam to a cloud: what the rest of the program asks of it, in the words of the model.

pub mod alibaba;
pub mod requests;
mod stop;

use std::{collections::BTreeMap, future::Future, sync::Arc, time::Duration};

use crate::{
    desired::Selector,
    model::{
        Direction, GroupId, GroupInfo, GroupKind, GroupName, ListIds, Lists, Network,
        ObservedGroup, ObservedRule, RegionId, Rule, VpcId,
    },
};

pub use stop::{Stop, Stopper};

/// A cloud account that holds security groups.
pub trait Provider: Send + Sync {
    /// Finds groups: one list of candidates per selector, in the order of the selectors; empty when there is none.
    fn find(
        &self,
        region: &RegionId,
        selectors: &[Selector],
    ) -> impl Future<Output = Result<Vec<Vec<GroupInfo>>, ProviderError>> + Send;

    /// As [`Provider::find`], and tells of every group that it comes across on the way, whoever means it: what is looked for can be read
    /// while the rest is still being listed.
    fn find_telling(
        &self,
        region: &RegionId,
        selectors: &[Selector],
        tell: &(dyn Fn(&GroupInfo) + Sync),
    ) -> impl Future<Output = Result<Vec<Vec<GroupInfo>>, ProviderError>> + Send {
        let _ = tell;
        self.find(region, selectors)
    }

    /// Reads every rule of a group.
    fn observe(
        &self,
        region: &RegionId,
        group: &GroupInfo,
    ) -> impl Future<Output = Result<ObservedGroup, ProviderError>> + Send;

    /// Reads the lists that rules name; one that does not exist is missing from the answer.
    fn lists(
        &self,
        region: &RegionId,
        wanted: &ListIds,
    ) -> impl Future<Output = Result<Lists, ProviderError>> + Send;

    /// Makes one call that changes rules. The same token on a second try means the same call: it acts once.
    fn execute(
        &self,
        region: &RegionId,
        call: &RuleCall,
        token: &str,
    ) -> impl Future<Output = Result<Receipt, ProviderError>> + Send;

    /// As [`Provider::execute`], but sends nothing more once the stop is asked for, not even a call that waits for its turn
    /// or for its next try.
    fn execute_until(
        &self,
        stop: &Stop,
        region: &RegionId,
        call: &RuleCall,
        token: &str,
    ) -> impl Future<Output = Result<Receipt, ProviderError>> + Send {
        async move {
            if stop.is_asked() {
                return Err(ProviderError::Stopped);
            }
            self.execute(region, call, token).await
        }
    }

    /// Lists the groups of a region, by id.
    fn list(
        &self,
        region: &RegionId,
        filter: &GroupFilter,
    ) -> impl Future<Output = Result<Vec<GroupInfo>, ProviderError>> + Send {
        let _ = (region, filter);
        async { Err(not_offered("list groups")) }
    }

    /// Makes a group without rules. The same token on a second try means the same call: it acts once.
    fn create_group(
        &self,
        region: &RegionId,
        group: &NewGroup,
        token: &str,
    ) -> impl Future<Output = Result<GroupId, ProviderError>> + Send {
        let _ = (region, group, token);
        async { Err(not_offered("make groups")) }
    }
}

fn not_offered(what: &str) -> ProviderError {
    ProviderError::NotSent {
        reason: format!("this provider does not {what}"),
    }
}

/// Which groups of a region; every given one must hold.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct GroupFilter {
    /// In this VPC.
    pub vpc: Option<VpcId>,
    /// With these tags; without a value any value will do.
    pub tags: Vec<(String, Option<String>)>,
}

impl GroupFilter {
    /// Whether a group is meant.
    pub fn admits(&self, group: &GroupInfo) -> bool {
        let Self { vpc, tags } = self;
        let vpc = vpc.as_ref().is_none_or(|wanted| match &group.network {
            Network::Vpc(vpc) => vpc == wanted,
            Network::Classic => false,
        });
        vpc && tags.iter().all(|(key, value)| {
            let found = group.tags.get(key.as_str());
            found.is_some_and(|found| value.as_deref().is_none_or(|value| value == &**found))
        })
    }
}

/// A group that is to be made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewGroup {
    /// Its name.
    pub name: GroupName,
    /// Free text, perhaps empty.
    pub description: Arc<str>,
    /// VPC or classic.
    pub network: Network,
    /// Basic or advanced.
    pub kind: GroupKind,
    /// Labels, key to value.
    pub tags: BTreeMap<Arc<str>, Arc<str>>,
}

/// One call that changes the rules of a group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RuleCall {
    /// The group.
    pub group: GroupId,
    /// Every rule of a call has the same direction.
    pub direction: Direction,
    /// What is done.
    pub action: RuleAction,
}

/// The cloud's three ways to change rules. `Modify` and `Revoke` hold an [`ObservedRule`], which only reading the cloud
/// makes: nothing can be revoked that was not seen.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(
    clippy::large_enum_variant,
    reason = "a plan holds few modify calls, and a box would stand in every match"
)]
pub enum RuleAction {
    /// Adds rules, 1 to [`BATCH`].
    Authorize(Vec<Rule>),
    /// Deletes rules, 1 to [`BATCH`].
    Revoke(Vec<ObservedRule>),
    /// Changes one rule in place; its id stays.
    Modify {
        /// As it was read.
        from: ObservedRule,
        /// As it shall be.
        to: Rule,
    },
}

/// Most rules in one authorize or revoke call (AuthorizeSecurityGroup, `Permissions.N`).
pub const BATCH: usize = 100;

/// What the cloud says of a call that it made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Receipt {
    /// The cloud's id of the request, for its support.
    pub request_id: String,
}

/// Why a call failed, as far as the caller acts differently.
#[derive(Debug, thiserror::Error)]
pub enum ProviderError {
    /// Nothing was done; the same call may be made later.
    #[error("the cloud asked to slow down ({code})")]
    Throttled {
        /// What the cloud calls it.
        code: String,
        /// How long it asks to wait.
        retry_after: Option<Duration>,
    },
    /// The cloud or the way to it is in trouble; whether the call took effect is unknown.
    #[error("{message}")]
    Unavailable {
        /// Code and message, or what the connection said.
        message: String,
        /// The cloud's id of the request, where it gave one.
        request_id: Option<String>,
        /// Whether the call cannot have taken effect: the connection was never made.
        not_sent: bool,
    },
    /// The cloud understood and refused; the same call will be refused again.
    #[error("the cloud refused with {code}: {message} (request {request_id})")]
    Refused {
        /// Code, to decide on.
        code: String,
        /// Text, to read.
        message: String,
        /// The cloud's id of the request.
        request_id: String,
    },
    /// No credentials could be had, or the cloud does not take them.
    #[error("{message}")]
    Credentials {
        /// What was tried and what came of it; never a secret.
        message: String,
    },
    /// What was asked cannot be put into a call that means exactly that; nothing was sent.
    #[error("{reason}; nothing was sent")]
    NotSent {
        /// Why, and what to do instead.
        reason: String,
    },
    /// Somebody has asked for a stop before it was sent.
    #[error("the run was stopped before it was sent")]
    Stopped,
    /// An answer that this program does not understand; nothing is concluded from it.
    #[error("the cloud's answer to {action} cannot be read: {reason}")]
    Malformed {
        /// The action that was asked.
        action: String,
        /// What is wrong with the answer.
        reason: String,
    },
}
