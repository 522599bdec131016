//! Makes the providers of a project's accounts; nothing is asked of any of them yet. An account with `local` gets an
//! emulator of its own, which is spoken to like the real cloud.

use std::collections::BTreeSet;

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
) -> Result<Connected, ConnectError> {
    let mut emulators = Vec::new();
    let mut providers = Vec::new();
    for name in accounts {
        let Some(account) = project.accounts.get(name) else {
            continue; // Who asks for it is told that it is not connected.
        };
        let provider = one(project, account, environment, parallelism, &mut emulators).await;
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
    environment: &Environment,
    parallelism: usize,
    emulators: &mut Vec<EmulatorHandle>,
) -> Result<Alibaba, ConnectCause> {
    let Account::Local { state, seed } = account else {
        return alibaba(account, environment, parallelism);
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
        profile,
        role_arn,
        endpoint,
        signature,
    } = account
    else {
        return Err(ConnectCause::Provider(ProviderError::NotSent {
            reason: "the account is the embedded cloud".to_owned(),
        }));
    };
    let environment = environment.clone().for_endpoint(endpoint.as_deref());
    let (profile, role_arn) = (profile.as_deref(), role_arn.as_deref());
    Ok(Alibaba::new(Settings {
        endpoint: endpoint.clone(),
        signature: *signature,
        parallelism,
        ..Settings::new(CredentialSource::for_account(
            profile,
            role_arn,
            environment,
        )?)
    })?)
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
