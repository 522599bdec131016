//! Accounts that are connected, for commands that look at groups as they are: no plan stands behind them.

use std::collections::{BTreeMap, BTreeSet};

use futures_util::{StreamExt as _, TryStreamExt as _};
use jiff::Timestamp;

use super::{Prepared, connect};
use crate::cli::{Failure, progress::Meter};
use crate::{
    clouds::{Connected, Kept},
    desired::{Desired, Selector},
    model::{AccountName, GroupId, GroupInfo, ListIds, Lists, ObservedGroup, Peer, RegionId, Rule},
    provider::{GroupFilter, NewGroup, Provider as _, ProviderError, alibaba::Alibaba},
    reconcile,
};

/// Accounts that are connected, for commands that look at groups as they are.
pub(in crate::cli) struct Session {
    connected: Connected,
    parallelism: usize,
}

impl From<Connected> for Session {
    fn from(connected: Connected) -> Self {
        Self {
            connected,
            parallelism: 1,
        }
    }
}

/// Connects accounts.
pub(in crate::cli) async fn session(
    desired: &Desired,
    accounts: &BTreeSet<AccountName>,
    parallelism: usize,
) -> Result<Session, Failure> {
    Ok(Session {
        connected: connect(desired, accounts, parallelism, &Kept::default()).await?,
        parallelism,
    })
}

impl Session {
    /// Finds and reads one group, declared or not.
    pub(in crate::cli) async fn read(
        &self,
        account: &AccountName,
        region: &RegionId,
        group: &Selector,
    ) -> Result<ObservedGroup, Failure> {
        reconcile::read_group(&self.connected.clouds, account, region, group)
            .await
            .map_err(|error| {
                Failure::new("the group cannot be read")
                    .because(&error)
                    .help("--account and --region say where else to look; an id means one group")
            })
    }

    /// The groups of the account itself that rules name as peers, by id; groups of other accounts are missing.
    pub(in crate::cli) async fn peers(
        &self,
        account: &AccountName,
        region: &RegionId,
        rules: impl Iterator<Item = &Rule> + Send,
    ) -> Result<BTreeMap<GroupId, GroupInfo>, Failure> {
        let ids: BTreeSet<&GroupId> = rules
            .filter_map(|rule| match &rule.peer {
                Peer::Group(id) => Some(id),
                Peer::Cidr(_) | Peer::PrefixList(_) => None,
            })
            .collect();
        let selectors: Vec<Selector> = ids.into_iter().cloned().map(Selector::Id).collect();
        let found = self.find(account, region, &selectors).await?;
        let found = found.into_iter().flatten();
        Ok(found.map(|info| (info.id.clone(), info)).collect())
    }

    /// Finds groups: a list of candidates per selector.
    pub(in crate::cli) async fn find(
        &self,
        account: &AccountName,
        region: &RegionId,
        selectors: &[Selector],
    ) -> Result<Vec<Vec<GroupInfo>>, Failure> {
        if selectors.is_empty() {
            return Ok(Vec::new());
        }
        self.cloud(account)?
            .find(region, selectors)
            .await
            .map_err(|error| Failure::new("groups cannot be looked up").because(&error))
    }

    /// Every group of a region that a filter admits.
    pub(in crate::cli) async fn list(
        &self,
        account: &AccountName,
        region: &RegionId,
        filter: &GroupFilter,
    ) -> Result<Vec<GroupInfo>, Failure> {
        self.cloud(account)?
            .list(region, filter)
            .await
            .map_err(|error| Failure::new("the groups cannot be listed").because(&error))
    }

    /// Reads the rules of groups, side by side, in their order.
    pub(in crate::cli) async fn observe(
        &self,
        account: &AccountName,
        region: &RegionId,
        groups: &[GroupInfo],
        meter: &Meter,
    ) -> Result<Vec<ObservedGroup>, Failure> {
        let cloud = self.cloud(account)?;
        meter.begin("reading groups", groups.len());
        let reads = groups.iter().map(|info| async move {
            let read = cloud.observe(region, info).await;
            meter.advance();
            read.map_err(|error| {
                Failure::new(format!("{} cannot be read", info.id)).because(&error)
            })
        });
        futures_util::stream::iter(reads)
            .buffered(self.parallelism)
            .try_collect()
            .await
    }

    /// The lists that rules name, as far as they are there and may be read.
    pub(in crate::cli) async fn lists(
        &self,
        account: &AccountName,
        region: &RegionId,
        wanted: &ListIds,
    ) -> Result<Lists, Failure> {
        if wanted.is_empty() {
            return Ok(Lists::default());
        }
        self.cloud(account)?
            .lists(region, wanted)
            .await
            .map_err(|error| Failure::new("the lists cannot be read").because(&error))
    }

    /// As [`Self::lists`], where what they hold must be known.
    pub(in crate::cli) async fn known_lists(
        &self,
        account: &AccountName,
        region: &RegionId,
        wanted: &ListIds,
    ) -> Result<Lists, Failure> {
        let lists = self.lists(account, region, wanted).await?;
        if lists.unread.is_empty() {
            return Ok(lists);
        }
        let mut failure = Failure::new("lists that rules name cannot be read; nothing was changed");
        let actions: BTreeSet<&str> = lists.unread.values().map(|why| &*why.action).collect();
        for action in actions {
            failure = failure.help(format!("let the credentials call ecs:{action}"));
        }
        failure.causes = lists
            .unread
            .iter()
            .map(|(id, why)| format!("{id}: {why}: {}", why.message))
            .collect();
        Err(failure)
    }

    /// Plans the group of a project as one that is not there yet; nothing is made.
    pub(in crate::cli) async fn prepare_new<'a>(
        self,
        desired: &'a Desired,
        group: ObservedGroup,
        at: Timestamp,
    ) -> Result<Prepared<'a>, Failure> {
        let inner = reconcile::prepare_new(desired, group, &self.connected.clouds, at)
            .await
            .map_err(|error| Failure::new("there is nothing to plan").because(&error))?;
        Ok(Prepared::new(inner, self.connected))
    }

    /// Makes a group.
    pub(in crate::cli) async fn create(
        &self,
        account: &AccountName,
        region: &RegionId,
        group: &NewGroup,
        token: &str,
    ) -> Result<GroupId, Failure> {
        self.cloud(account)?
            .create_group(region, group, token)
            .await
            .map_err(|error| not_made(&error, group))
    }

    fn cloud(&self, account: &AccountName) -> Result<&Alibaba, Failure> {
        let cloud = self.connected.clouds.get(account);
        cloud.ok_or_else(|| Failure::new(format!("account {account} is not connected")))
    }

    /// Ends it; the state of an embedded cloud is free afterwards.
    pub(in crate::cli) async fn close(self) -> Result<(), Failure> {
        let closed = self.connected.close().await;
        closed.map_err(|error| Failure::new("the embedded cloud did not end well").because(&error))
    }
}

/// Why there is no new group, as far as that is known.
fn not_made(error: &ProviderError, group: &NewGroup) -> Failure {
    match error {
        ProviderError::Unavailable {
            not_sent: false, ..
        }
        | ProviderError::Malformed { .. } => {
            let failure = Failure::new(format!(
                "whether the group {} was made is not known",
                group.name
            ));
            failure.because(error).help(format!(
                "it may have been made; look for {} before trying again",
                group.name
            ))
        }
        ProviderError::Throttled { .. }
        | ProviderError::Unavailable { not_sent: true, .. }
        | ProviderError::Refused { .. }
        | ProviderError::Credentials { .. }
        | ProviderError::NotSent { .. }
        | ProviderError::Stopped => Failure::new("the group cannot be made").because(error),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use crate::model::{GroupKind, GroupName, Network};

    use super::*;

    #[test]
    fn a_lost_answer_says_that_the_group_may_be_there() {
        let group = NewGroup {
            name: GroupName::new("copy"),
            description: "".into(),
            network: Network::Classic,
            kind: GroupKind::Basic,
            tags: BTreeMap::new(),
        };
        let lost = |not_sent| ProviderError::Unavailable {
            message: "the connection was closed".to_owned(),
            request_id: None,
            not_sent,
        };
        let failure = not_made(&lost(false), &group);
        assert_eq!(
            failure.message,
            "whether the group copy was made is not known"
        );
        assert_eq!(failure.causes, ["the connection was closed"]);
        assert_eq!(
            failure.help,
            ["it may have been made; look for copy before trying again"]
        );
        let failure = not_made(&lost(true), &group);
        assert_eq!(failure.message, "the group cannot be made");
        assert!(failure.help.is_empty());
    }
}
