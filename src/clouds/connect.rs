//! Makes the providers of a project's accounts; nothing is asked of any of them yet. An account with `local` gets an
//! emulator of its own, which is spoken to like the real cloud.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex, PoisonError},
};

use crate::{
    desired::{Account, Project, SignatureVersion},
    emulator::{Config, Credential, Emulator, EmulatorError, EmulatorHandle, Seed},
    model::AccountName,
    provider::{
        ProviderError,
        alibaba::{
            Alibaba, Settings,
            credentials::{CredentialSource, Credentials, CredentialsError, Environment},
        },
    },
};

use super::Clouds;

/// Accounts that can be asked, and the emulators behind those that are local.
#[derive(Debug)]
pub struct Connected {
    /// The providers.
    pub clouds: Clouds<Alibaba>,
    emulators: Vec<EmulatorHandle>,
}

/// Connections that are used again by whoever connects the same accounts: their settings must be what they were, and credentials
/// are looked up anew each time, so that others count as soon as they are there. Embedded clouds are not kept: between two uses
/// their state belongs to others.
#[derive(Clone, Debug, Default)]
pub struct Kept(Arc<Mutex<BTreeMap<AccountName, KeptOne>>>);

#[derive(Debug)]
struct KeptOne {
    account: Account,
    parallelism: usize,
    cloud: Alibaba,
}

impl Kept {
    /// The client of an account in the cloud, over connections that are there if there are any.
    fn alibaba(
        &self,
        name: &AccountName,
        account: &Account,
        environment: &Environment,
        parallelism: usize,
    ) -> Result<Alibaba, ConnectCause> {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let same = kept
            .get(name)
            .filter(|one| one.account == *account && one.parallelism == parallelism);
        if let Some(KeptOne { cloud, .. }) = same {
            return Ok(cloud.signed_by(credentials(account, environment)?));
        }
        let cloud = alibaba(account, environment, parallelism)?;
        let one = KeptOne {
            account: account.clone(),
            parallelism,
            cloud: cloud.signed_by(credentials(account, environment)?),
        };
        kept.insert(name.clone(), one);
        Ok(cloud)
    }
}

/// Why an account cannot be asked.
#[derive(Debug, thiserror::Error)]
#[error("account {account} cannot be connected: {cause}")]
pub struct ConnectError {
    /// The account.
    pub account: AccountName,
    /// Why not.
    #[source]
    pub cause: ConnectCause,
}

/// What stands in the way.
#[derive(Debug, thiserror::Error)]
pub enum ConnectCause {
    /// The emulator does not start.
    #[error(transparent)]
    Emulator(#[from] EmulatorError),
    /// The credentials cannot be had in the declared way.
    #[error(transparent)]
    Credentials(#[from] CredentialsError),
    /// The client cannot be made.
    #[error(transparent)]
    Provider(#[from] ProviderError),
}

/// Connects the accounts that a run is about. Needs a tokio runtime, in which emulators live.
pub async fn connect(
    project: &Project,
    accounts: &BTreeSet<AccountName>,
    environment: &Environment,
    parallelism: usize,
    kept: &Kept,
) -> Result<Connected, ConnectError> {
    let mut emulators = Vec::new();
    let mut providers = Vec::new();
    for name in accounts {
        let Some(account) = project.accounts.get(name) else {
            continue; // Who asks for it is told that it is not connected.
        };
        let provider = match account {
            Account::Local { .. } => one(project, account, parallelism, &mut emulators).await,
            Account::Alibaba { .. } => kept.alibaba(name, account, environment, parallelism),
        };
        let provider = provider.map_err(|cause| ConnectError {
            account: name.clone(),
            cause,
        })?;
        providers.push((name.clone(), provider));
    }
    Ok(Connected {
        clouds: providers.into_iter().collect(),
        emulators,
    })
}

async fn one(
    project: &Project,
    account: &Account,
    parallelism: usize,
    emulators: &mut Vec<EmulatorHandle>,
) -> Result<Alibaba, ConnectCause> {
    let Account::Local { state, seed } = account else {
        return Err(not_so("in the cloud"));
    };
    // Nobody else on the machine shall be taken for this run.
    let [id, secret] = [(); 2].map(|()| uuid::Uuid::new_v4().simple().to_string());
    let emulator = Emulator::start(Config {
        credentials: vec![Credential::new(&id, &secret)],
        state: Some(project.root.join(state)),
        seed: seed
            .as_ref()
            .map(|seed| Seed::File(project.root.join(seed))),
        ..Config::default()
    })
    .await?;
    let endpoint = format!("http://{}", emulator.local_addr());
    emulators.push(emulator);
    let credentials = Credentials {
        access_key_id: id,
        secret,
        security_token: None,
    };
    Ok(Alibaba::new(Settings {
        endpoint: Some(endpoint),
        signature: SignatureVersion::V3,
        parallelism,
        ..Settings::new(CredentialSource::fixed(credentials))
    })?)
}

/// The client of an account in the cloud; nothing is sent yet.
pub(super) fn alibaba(
    account: &Account,
    environment: &Environment,
    parallelism: usize,
) -> Result<Alibaba, ConnectCause> {
    let Account::Alibaba {
        profile: _,
        role_arn: _,
        endpoint,
        signature,
    } = account
    else {
        return Err(not_so("the embedded cloud"));
    };
    Ok(Alibaba::new(Settings {
        endpoint: endpoint.clone(),
        signature: *signature,
        parallelism,
        ..Settings::new(credentials(account, environment)?)
    })?)
}

/// Who signs for an account in the cloud; nothing is looked up yet.
fn credentials(
    account: &Account,
    environment: &Environment,
) -> Result<CredentialSource, ConnectCause> {
    let Account::Alibaba {
        profile,
        role_arn,
        endpoint,
        signature: _,
    } = account
    else {
        return Err(not_so("the embedded cloud"));
    };
    let environment = environment.clone().for_endpoint(endpoint.as_deref());
    let (profile, role_arn) = (profile.as_deref(), role_arn.as_deref());
    Ok(CredentialSource::for_account(
        profile,
        role_arn,
        environment,
    )?)
}

fn not_so(what: &str) -> ConnectCause {
    ConnectCause::Provider(ProviderError::NotSent {
        reason: format!("the account is {what}"),
    })
}

impl Connected {
    /// Ends the emulators; their state files are free afterwards.
    pub async fn close(self) -> Result<(), EmulatorError> {
        for emulator in self.emulators {
            emulator.shut_down().await?;
        }
        Ok(())
    }
}
