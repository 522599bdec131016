//! Who signs: the environment and the profiles of the aliyun CLI, in the order of the official libraries.
//!
//! What the chain has beyond that (OIDC, assumed roles, the instance's role, a credentials URI) is named in the error
//! when it is what the machine is set up with.

mod profile;

use std::{
    collections::BTreeMap,
    fmt,
    path::{Path, PathBuf},
    sync::Arc,
};

use jiff::{SignedDuration, Timestamp};
use tokio::sync::Mutex;

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

/// The part of the process's surroundings that credentials are found in; `Debug` shows names alone.
#[derive(Clone, Default)]
pub struct Environment {
    variables: BTreeMap<String, String>,
    home: Option<PathBuf>,
}

impl fmt::Debug for Environment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Environment")
            .field("variables", &self.variables.keys())
            .field("home", &self.home)
            .finish()
    }
}

impl Environment {
    /// That of this process.
    pub fn of_process() -> Self {
        let variables = std::env::vars_os()
            .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
            .filter(|(name, _)| name.starts_with("ALIBABA_CLOUD_"));
        Self::new(variables, std::env::home_dir())
    }

    /// Variables and home directory as given.
    pub fn new(
        variables: impl IntoIterator<Item = (String, String)>,
        home: Option<PathBuf>,
    ) -> Self {
        Self {
            variables: variables.into_iter().collect(),
            home,
        }
    }

    /// A variable; an empty one counts as not set.
    fn get(&self, name: &str) -> Option<&str> {
        self.variables
            .get(name)
            .map(String::as_str)
            .filter(|value| !value.is_empty())
    }

    fn is_true(&self, name: &str) -> bool {
        self.get(name)
            .is_some_and(|value| value.eq_ignore_ascii_case("true"))
    }

    /// The file with the profiles of the aliyun CLI.
    fn config_file(&self) -> Option<PathBuf> {
        match self.get("ALIBABA_CLOUD_CONFIG_FILE") {
            Some(path) => Some(PathBuf::from(path)),
            None => Some(self.home.as_ref()?.join(".aliyun").join("config.json")),
        }
    }
}

/// Why there are no credentials; never holds a secret.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CredentialsError {
    /// The account asks for something that this version has not.
    #[error(
        "the account's `role_arn` is {role_arn}: assuming a role is not supported yet; leave it out and use a \
             profile or keys that may act in that account"
    )]
    AssumeRole {
        /// The role.
        role_arn: String,
    },
    /// A profile that cannot be used.
    #[error("{0}")]
    Profile(String),
    /// No source of the chain gave any.
    #[error("no credentials were found:{}\nset ALIBABA_CLOUD_ACCESS_KEY_ID and ALIBABA_CLOUD_ACCESS_KEY_SECRET, or run `aliyun configure`", list(.0))]
    Nothing(Vec<String>),
    /// A source that comes first in the official order is set up, but cannot be used: going on would act as somebody else.
    #[error("{0}")]
    Unusable(String),
}

fn list(reasons: &[String]) -> String {
    reasons
        .iter()
        .map(|reason| format!("\n  - {reason}"))
        .collect()
}

/// Credentials and how long they last.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Found {
    credentials: Arc<Credentials>,
    expires: Option<Timestamp>,
}

impl Found {
    fn lasting(credentials: Credentials) -> Self {
        Self {
            credentials: Arc::new(credentials),
            expires: None,
        }
    }

    /// Session credentials are renewed three minutes before their end, as the official libraries do.
    fn is_fresh(&self, now: Timestamp) -> bool {
        self.expires
            .is_none_or(|expires| expires.duration_since(now) > SignedDuration::from_mins(3))
    }
}

/// Where credentials come from.
#[derive(Debug)]
enum Origin {
    Fixed(Credentials),
    Chain(Environment),
    Profile {
        environment: Environment,
        name: String,
    },
}

/// Gives credentials for every request; reads them once and again when they are about to expire or were refused.
#[derive(Debug)]
pub struct CredentialSource {
    origin: Origin,
    found: Mutex<Option<Found>>,
}

impl CredentialSource {
    fn new(origin: Origin) -> Self {
        Self {
            origin,
            found: Mutex::new(None),
        }
    }

    /// Always the same.
    pub fn fixed(credentials: Credentials) -> Self {
        Self::new(Origin::Fixed(credentials))
    }

    /// What an account of the project file says: its profile and nothing else, or the default chain.
    pub fn for_account(
        profile: Option<&str>,
        role_arn: Option<&str>,
        environment: Environment,
    ) -> Result<Self, CredentialsError> {
        if let Some(role_arn) = role_arn {
            return Err(CredentialsError::AssumeRole {
                role_arn: role_arn.to_owned(),
            });
        }
        Ok(Self::new(match profile {
            Some(name) => Origin::Profile {
                environment,
                name: name.to_owned(),
            },
            None => Origin::Chain(environment),
        }))
    }

    /// The credentials to sign with now.
    pub async fn get(&self) -> Result<Arc<Credentials>, CredentialsError> {
        let mut found = self.found.lock().await;
        if let Some(found) = found
            .as_ref()
            .filter(|found| found.is_fresh(Timestamp::now()))
        {
            return Ok(Arc::clone(&found.credentials));
        }
        let fresh = self.find()?;
        let credentials = Arc::clone(&fresh.credentials);
        *found = Some(fresh);
        Ok(credentials)
    }

    /// Others than those that the cloud has just refused, if the source has others by now.
    pub async fn renewed(
        &self,
        refused: &Credentials,
    ) -> Result<Option<Arc<Credentials>>, CredentialsError> {
        let mut found = self.found.lock().await;
        if let Some(known) = found
            .as_ref()
            .filter(|known| *known.credentials != *refused)
        {
            return Ok(Some(Arc::clone(&known.credentials))); // another request has renewed them
        }
        let fresh = self.find()?;
        let credentials = Arc::clone(&fresh.credentials);
        *found = Some(fresh);
        Ok((*credentials != *refused).then_some(credentials))
    }

    fn find(&self) -> Result<Found, CredentialsError> {
        match &self.origin {
            Origin::Fixed(credentials) => Ok(Found::lasting(credentials.clone())),
            Origin::Chain(environment) => chain(environment),
            Origin::Profile { environment, name } => {
                let path = environment.config_file().ok_or_else(|| {
                    CredentialsError::Profile(format!(
                        "profile `{name}`: there is no home directory to find .aliyun/config.json in; set \
                         ALIBABA_CLOUD_CONFIG_FILE"
                    ))
                })?;
                from_file(&path, Some(name)).map_err(CredentialsError::Profile)
            }
        }
    }
}

fn from_file(path: &Path, name: Option<&str>) -> Result<Found, String> {
    profile::read(path)?.credentials(path, name, Timestamp::now())
}

/// The default chain of the official libraries, in their order.
fn chain(environment: &Environment) -> Result<Found, CredentialsError> {
    const OIDC: [&str; 3] = [
        "ALIBABA_CLOUD_ROLE_ARN",
        "ALIBABA_CLOUD_OIDC_PROVIDER_ARN",
        "ALIBABA_CLOUD_OIDC_TOKEN_FILE",
    ];
    let mut reasons = Vec::new();
    match from_environment(environment) {
        Ok(found) => return Ok(found),
        Err(reason) => reasons.push(format!("environment: {reason}")),
    }
    if OIDC.iter().all(|name| environment.get(name).is_some()) {
        return Err(CredentialsError::Unusable(format!(
            "the environment asks for an OIDC role ({}), which comes before a CLI profile and which this version cannot \
             use; set ALIBABA_CLOUD_ACCESS_KEY_ID and ALIBABA_CLOUD_ACCESS_KEY_SECRET, or name a profile in the \
             account",
            OIDC.join(", ")
        )));
    }
    reasons.push(format!("OIDC role: {} are not all set", OIDC.join(", ")));
    if environment.is_true("ALIBABA_CLOUD_CLI_PROFILE_DISABLED") {
        reasons.push("CLI profile: ALIBABA_CLOUD_CLI_PROFILE_DISABLED is true".to_owned());
    } else {
        match environment.config_file() {
            None => reasons.push("CLI profile: there is no home directory".to_owned()),
            Some(path) => match from_file(&path, environment.get("ALIBABA_CLOUD_PROFILE")) {
                Ok(found) => return Ok(found),
                Err(reason) => reasons.push(format!("CLI profile: {reason}")),
            },
        }
    }
    for (source, variable) in [
        ("INI profile", "ALIBABA_CLOUD_CREDENTIALS_FILE"),
        ("role of the ECS instance", "ALIBABA_CLOUD_ECS_METADATA"),
        ("credentials URI", "ALIBABA_CLOUD_CREDENTIALS_URI"),
    ] {
        let set = match environment.get(variable) {
            Some(_) => format!(" ({variable} is set)"),
            None => String::new(),
        };
        reasons.push(format!("{source}: not supported by this version{set}"));
    }
    Err(CredentialsError::Nothing(reasons))
}

fn from_environment(environment: &Environment) -> Result<Found, String> {
    const ID: &str = "ALIBABA_CLOUD_ACCESS_KEY_ID";
    const SECRET: &str = "ALIBABA_CLOUD_ACCESS_KEY_SECRET";
    match (environment.get(ID), environment.get(SECRET)) {
        (Some(id), Some(secret)) => Ok(Found::lasting(Credentials {
            access_key_id: id.to_owned(),
            secret: secret.to_owned(),
            security_token: environment
                .get("ALIBABA_CLOUD_SECURITY_TOKEN")
                .map(str::to_owned),
        })),
        (None, Some(_)) => Err(format!("{ID} is not set")),
        (Some(_), None) => Err(format!("{SECRET} is not set")),
        (None, None) => Err(format!("{ID} and {SECRET} are not set")),
    }
}

#[cfg(test)]
mod tests;
