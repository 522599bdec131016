//! What the credentials of an account are, whose, and what they may read: asked of the cloud, told without a secret.

use std::collections::BTreeSet;

use super::connect::{ConnectCause, alibaba};
use crate::{
    desired::{Account, Project},
    model::{AccountName, RegionId},
    provider::{
        ProviderError,
        alibaba::{
            credentials::{CallerIdentity, Environment, Held},
            probe::{Access, Probed},
        },
    },
};

/// What is known of an account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AccountCheck {
    /// Its name in the project file.
    pub account: AccountName,
    /// What came of it.
    pub outcome: Outcome,
}

/// What came of checking an account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It is the embedded cloud, which needs no credentials; nothing was asked.
    Embedded {
        /// File of its state, as declared.
        state: String,
    },
    /// There are no credentials, or they cannot be used.
    Failed(String),
    /// There are credentials.
    Found(Box<Checked>),
}

/// Credentials and what they are good for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Checked {
    /// What they are.
    pub held: Held,
    /// Whose they are, or why that is not known.
    pub identity: Result<CallerIdentity, String>,
    /// What they may do, by region.
    pub regions: Vec<RegionCheck>,
}

/// What may be read in a region.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RegionCheck {
    /// The region.
    pub region: RegionId,
    /// Where its requests go.
    pub endpoint: String,
    /// The reads, or why none could be made.
    pub reads: Result<Vec<Probed>, String>,
}

impl AccountCheck {
    /// Whether plans can be made with it, as far as that was found out.
    pub fn is_ok(&self) -> bool {
        match &self.outcome {
            Outcome::Embedded { .. } => true,
            Outcome::Failed(_) => false,
            Outcome::Found(checked) => {
                let read = |probed: &Probed| {
                    matches!(probed.access, Access::Allowed | Access::NotAsked(_))
                };
                let region = |region: &RegionCheck| {
                    region
                        .reads
                        .as_ref()
                        .is_ok_and(|reads| reads.iter().all(read))
                };
                checked.identity.is_ok() && checked.regions.iter().all(region)
            }
        }
    }
}

/// Checks one account. For the embedded cloud nothing is asked or started.
pub async fn check(
    project: &Project,
    name: &AccountName,
    regions: &BTreeSet<RegionId>,
    environment: &Environment,
) -> AccountCheck {
    let outcome = match project.accounts.get(name) {
        None => Outcome::Failed("the project has no such account".to_owned()),
        Some(Account::Local { state, .. }) => Outcome::Embedded {
            state: state.display().to_string(),
        },
        Some(account) => match found(account, regions, environment).await {
            Ok(checked) => Outcome::Found(Box::new(checked)),
            Err(error) => Outcome::Failed(error.to_string()),
        },
    };
    AccountCheck {
        account: name.clone(),
        outcome,
    }
}

async fn found(
    account: &Account,
    regions: &BTreeSet<RegionId>,
    environment: &Environment,
) -> Result<Checked, ConnectCause> {
    let cloud = alibaba(account, environment, 1)?;
    let source = cloud.credentials();
    let held = source.held().await?;
    let identity = source.identity().await.map_err(|error| error.to_string());
    let mut checked = Vec::new();
    for region in regions {
        checked.push(RegionCheck {
            region: region.clone(),
            endpoint: cloud.endpoint(region)?.to_string(),
            reads: cloud
                .probe(region)
                .await
                .map_err(|error: ProviderError| error.to_string()),
        });
    }
    Ok(Checked {
        // The cloud may have made the source renew them.
        held: source.held().await.unwrap_or(held),
        identity,
        regions: checked,
    })
}
