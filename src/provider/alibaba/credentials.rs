//! Who signs: the sources of credentials of the official libraries in their order, or one profile of the aliyun CLI, and a
//! role on top where the account names one.
//!
//! One file per family of sources below; this one holds credentials, renews them before they end and says where they came
//! from. Nothing here prints or keeps a secret anywhere but in memory.

mod chain;
mod environment;
mod external;
mod http;
mod ini;
mod metadata;
mod modes;
mod profile;
mod role;
mod sts;
mod temporary;
mod uri;

use std::{fmt, sync::Arc};

use jiff::{SignedDuration, Timestamp};
use tokio::sync::Mutex;

use self::{chain::Link, environment::StsPlace, profile::Profiles, role::Role, temporary::Session};
pub use self::{
    environment::{Clock, Environment},
    sts::CallerIdentity,
};

/// Session credentials are renewed when this much is left of them, as the official libraries do.
const MARGIN: SignedDuration = SignedDuration::from_secs(180);

/// How long nothing is asked again after it has failed: many requests may wait for the same credentials.
const REST: SignedDuration = SignedDuration::from_secs(5);

/// What requests are signed with. Its `Debug` shows the id alone.
#[derive(Clone, PartialEq, Eq)]
pub struct Credentials {
    /// Public half of the key.
    pub access_key_id: String,
    /// Secret half of the key.
    pub secret: String,
    /// Sent along with temporary keys.
    pub security_token: Option<String>,
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Credentials")
            .field("access_key_id", &self.access_key_id)
            .field("secret", &"***")
            .field(
                "security_token",
                &self.security_token.as_ref().map(|_| "***"),
            )
            .finish()
    }
}

impl Credentials {
    /// A text with every secret in it covered.
    pub(super) fn cover(&self, text: &str) -> String {
        let mut text = text.to_owned();
        let secrets = [Some(&self.secret), self.security_token.as_ref()];
        for secret in secrets.into_iter().flatten() {
            if !secret.is_empty() {
                text = text.replace(secret.as_str(), "***");
                let encoded = super::sign::encode(secret).to_string();
                text = text.replace(&encoded, "***");
            }
        }
        text
    }
}

/// Why there are no credentials; never holds a secret.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CredentialsError {
    /// The role that the account names cannot be taken on.
    #[error("the account's `role_arn` cannot be used: {0}")]
    AssumeRole(String),
    /// A profile that cannot be used.
    #[error("{0}")]
    Profile(String),
    /// No source of the chain gave any.
    #[error("no credentials were found:{}\nset ALIBABA_CLOUD_ACCESS_KEY_ID and ALIBABA_CLOUD_ACCESS_KEY_SECRET, or run `aliyun configure`", list(.0))]
    Nothing(Vec<String>),
    /// The source that was used so far gives none any more.
    #[error("the credentials cannot be renewed: {0}")]
    NotRenewed(String),
    /// STS does not say whose they are.
    #[error("whose credentials they are is not known: {0}")]
    Identity(String),
}

fn list(reasons: &[String]) -> String {
    reasons
        .iter()
        .map(|reason| format!("\n  - {reason}"))
        .collect()
}

/// Credentials, how long they last and where they are from.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Found {
    credentials: Arc<Credentials>,
    expires: Option<Timestamp>,
    /// For one use: whoever gave them is to be asked every time.
    once: bool,
    source: String,
    /// Sources that come first and do not work.
    passed_over: Vec<String>,
}

impl Found {
    fn lasting(credentials: Credentials, source: String) -> Self {
        Self {
            credentials: Arc::new(credentials),
            expires: None,
            once: false,
            source,
            passed_over: Vec::new(),
        }
    }

    fn session(session: Session, source: String) -> Self {
        Self {
            expires: Some(session.expires),
            ..Self::lasting(session.credentials, source)
        }
    }

    fn with_token(self, token: String) -> Self {
        let credentials = Credentials {
            security_token: Some(token),
            ..Credentials::clone(&self.credentials)
        };
        Self {
            credentials: Arc::new(credentials),
            ..self
        }
    }

    /// The same, with what it was made from in front.
    fn behind(mut self, base: &str) -> Self {
        self.source = format!("{base}, then {}", self.source);
        self
    }

    fn is_fresh(&self, now: Timestamp) -> bool {
        !self.once
            && self
                .expires
                .is_none_or(|expires| expires.duration_since(now) > MARGIN)
    }

    fn is_valid(&self, now: Timestamp) -> bool {
        !self.once && self.expires.is_none_or(|expires| expires > now)
    }
}

/// Where credentials come from.
#[derive(Clone, Debug)]
enum Origin {
    Fixed(Credentials),
    /// The default chain, until a link of it has won.
    Chain,
    Profile(String),
}

/// What a source holds, for people: no secret is in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Held {
    /// Public half of the key.
    pub access_key_id: String,
    /// Where it is from.
    pub source: String,
    /// When it ends, where that is known.
    pub expires: Option<Timestamp>,
    /// Sources that come first and do not work.
    pub passed_over: Vec<String>,
}

/// Gives credentials for every request; reads them once and again when they are about to expire or were refused.
#[derive(Debug)]
pub struct CredentialSource {
    origin: Origin,
    environment: Environment,
    /// Taken on with what the origin gives.
    role: Option<Role>,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    found: Option<Found>,
    /// The link of the chain that won.
    link: Option<Link>,
    /// When asking failed last, and why.
    failed: Option<(Timestamp, CredentialsError)>,
}

impl CredentialSource {
    fn new(origin: Origin, environment: Environment, role: Option<Role>) -> Self {
        Self {
            origin,
            environment,
            role,
            state: Mutex::default(),
        }
    }

    /// Always the same.
    pub fn fixed(credentials: Credentials) -> Self {
        Self::new(Origin::Fixed(credentials), Environment::default(), None)
    }

    /// Always the same, with another clock.
    pub fn fixed_at(credentials: Credentials, clock: Clock) -> Self {
        let environment = Environment::default().with_clock(clock);
        Self::new(Origin::Fixed(credentials), environment, None)
    }

    /// What an account of the project file says: its profile and nothing else, or the default chain; and its role.
    pub fn for_account(
        profile: Option<&str>,
        role_arn: Option<&str>,
        environment: Environment,
    ) -> Result<Self, CredentialsError> {
        let origin = match profile {
            Some(name) => Origin::Profile(name.to_owned()),
            None => Origin::Chain,
        };
        let role = role_arn.map(Role::of);
        if let Some(role) = &role {
            role.check(&environment)
                .map_err(CredentialsError::AssumeRole)?;
        }
        Ok(Self::new(origin, environment, role))
    }

    /// What time it is for this source, and so for what is signed.
    pub fn now(&self) -> Timestamp {
        self.environment.now()
    }

    /// The credentials to sign with now. One request asks for them while the others wait.
    pub async fn get(&self) -> Result<Arc<Credentials>, CredentialsError> {
        let mut state = self.state.lock().await;
        self.current(&mut state)
            .await
            .map(|found| Arc::clone(&found.credentials))
    }

    /// What would be signed with now.
    pub async fn held(&self) -> Result<Held, CredentialsError> {
        let mut state = self.state.lock().await;
        let found = self.current(&mut state).await?;
        Ok(Held {
            access_key_id: found.credentials.access_key_id.clone(),
            source: found.source.clone(),
            expires: found.expires,
            passed_over: found.passed_over.clone(),
        })
    }

    /// Whose they are: asks STS, which needs no permission.
    pub async fn identity(&self) -> Result<CallerIdentity, CredentialsError> {
        let credentials = self.get().await?;
        sts::caller_identity(&self.environment, &credentials)
            .await
            .map_err(CredentialsError::Identity)
    }

    /// Others than those that the cloud has just refused, if the source has others by now.
    pub async fn renewed(
        &self,
        refused: &Credentials,
    ) -> Result<Option<Arc<Credentials>>, CredentialsError> {
        let mut state = self.state.lock().await;
        if let Some(known) = &state.found
            && *known.credentials != *refused
        {
            return Ok(Some(Arc::clone(&known.credentials))); // another request has renewed them
        }
        let fresh = self.find(&mut state).await?;
        let credentials = Arc::clone(&fresh.credentials);
        state.found = Some(fresh);
        Ok((*credentials != *refused).then_some(credentials))
    }

    async fn current<'s>(&self, state: &'s mut State) -> Result<&'s Found, CredentialsError> {
        let now = self.now();
        let fresh = state
            .found
            .as_ref()
            .is_some_and(|found| found.is_fresh(now));
        if !fresh {
            let valid = state
                .found
                .as_ref()
                .is_some_and(|found| found.is_valid(now));
            let rests = state.failed.as_ref().is_some_and(|(at, _)| {
                let since = now.duration_since(*at);
                since >= SignedDuration::ZERO && since < REST
            });
            let outcome = match (&state.failed, rests) {
                (Some((_, error)), true) => Err((error.clone(), true)),
                _ => self.find(state).await.map_err(|error| (error, false)),
            };
            match outcome {
                Ok(found) => {
                    state.found = Some(found);
                    state.failed = None;
                }
                Err((error, told)) => {
                    if !told {
                        state.failed = Some((self.now(), error.clone()));
                    }
                    if !valid {
                        return Err(error);
                    }
                    if !told {
                        tracing::warn!(
                            "credentials that are about to expire cannot be renewed yet: {error}"
                        );
                    }
                }
            }
        }
        Ok(state
            .found
            .as_ref()
            .expect("they are fresh, valid or were just found"))
    }

    /// Asks the origin, and takes on the role.
    async fn find(&self, state: &mut State) -> Result<Found, CredentialsError> {
        let environment = &self.environment;
        let base = match (&self.origin, state.link.clone()) {
            (Origin::Fixed(credentials), _) => {
                Found::lasting(credentials.clone(), "fixed keys".to_owned())
            }
            (Origin::Profile(name), _) => {
                let profiles = Profiles::read(environment).map_err(|reason| {
                    CredentialsError::Profile(format!("profile `{name}`: {reason}"))
                })?;
                let found = profiles.credentials(name).await;
                found.map_err(CredentialsError::Profile)?
            }
            (Origin::Chain, Some(link)) => {
                let found = link.find(environment).await;
                found
                    .map_err(|passed| CredentialsError::NotRenewed(passed.reason()))?
                    .1
            }
            (Origin::Chain, None) => {
                let (link, found) = chain::first(environment).await?;
                state.link = Some(link);
                found
            }
        };
        let found = match &self.role {
            None => base,
            Some(role) => {
                let assumed = role
                    .assume(environment, &StsPlace::default(), &base.credentials)
                    .await
                    .map_err(CredentialsError::AssumeRole)?;
                Found {
                    passed_over: base.passed_over,
                    ..assumed.behind(&base.source)
                }
            }
        };
        if !found.once && !found.is_valid(environment.now()) {
            return Err(CredentialsError::NotRenewed(format!(
                "what {} gave has expired already; is this machine's clock right?",
                found.source
            )));
        }
        tracing::debug!(source = found.source, expires = ?found.expires, "credentials");
        Ok(found)
    }
}

#[cfg(test)]
mod tests;
