//! The default chain of the official libraries, in their order: the first source that yields credentials wins.

use std::path::PathBuf;

use super::{
    Credentials, CredentialsError, Found,
    environment::{Environment, StsPlace},
    ini, metadata,
    profile::Profiles,
    role::{OidcRole, Role},
    uri,
};

/// A source of the chain. The one that won is asked again when its credentials end, and no other: the identity stays.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Link {
    Environment,
    Oidc,
    /// Profile of the aliyun CLI; the name is fixed once it has won.
    Profile(Option<String>),
    Ini,
    Instance,
    Uri,
}

/// The order (Alibaba Cloud credentials libraries, "default credential provider chain").
const ORDER: [Link; 6] = [
    Link::Environment,
    Link::Oidc,
    Link::Profile(None),
    Link::Ini,
    Link::Instance,
    Link::Uri,
];

/// Why a link gives nothing.
pub(super) enum Passed {
    /// It is not set up here.
    Unused(String),
    /// It is set up and does not work, so that what comes after it may be somebody else.
    Broken(String),
}

/// The first link that yields credentials.
pub(super) async fn first(environment: &Environment) -> Result<(Link, Found), CredentialsError> {
    let mut reasons = Vec::new();
    let mut broken = Vec::new();
    for link in ORDER {
        let name = link.name();
        match link.find(environment).await {
            Ok((link, mut found)) => {
                for reason in &broken {
                    tracing::warn!(
                        "a source of credentials that comes first does not work and is passed over: {reason}; using {}",
                        found.source
                    );
                }
                found.passed_over = broken;
                return Ok((link, found));
            }
            Err(Passed::Unused(reason)) => reasons.push(format!("{name}: {reason}")),
            Err(Passed::Broken(reason)) => {
                let reason = format!("{name}: {reason}");
                reasons.push(reason.clone());
                broken.push(reason);
            }
        }
    }
    Err(CredentialsError::Nothing(reasons))
}

impl Link {
    fn name(&self) -> &'static str {
        match self {
            Self::Environment => "environment",
            Self::Oidc => "OIDC role",
            Self::Profile(_) => "CLI profile",
            Self::Ini => "INI profile",
            Self::Instance => "role of the ECS instance",
            Self::Uri => "credentials URI",
        }
    }

    /// The credentials of this link alone, and the link as it is to be asked again.
    pub(super) async fn find(self, environment: &Environment) -> Result<(Self, Found), Passed> {
        let found = match &self {
            Self::Environment => from_environment(environment)?,
            Self::Oidc => from_oidc(environment).await?,
            Self::Profile(name) => {
                let (name, found) = from_profile(environment, name.as_deref()).await?;
                return Ok((Self::Profile(Some(name)), found));
            }
            Self::Ini => from_ini(environment).await?,
            Self::Instance => match metadata::credentials(environment, None).await {
                Ok(found) => found,
                Err(reason) if environment.get("ALIBABA_CLOUD_ECS_METADATA").is_some() => {
                    return Err(Passed::Broken(reason));
                }
                Err(reason) => return Err(Passed::Unused(reason)),
            },
            Self::Uri => {
                const URI: &str = "ALIBABA_CLOUD_CREDENTIALS_URI";
                let uri = environment
                    .get(URI)
                    .ok_or_else(|| Passed::Unused(format!("{URI} is not set")))?;
                uri::credentials(uri).await.map_err(Passed::Broken)?
            }
        };
        Ok((self, found))
    }
}

impl Passed {
    /// The reason alone.
    pub(super) fn reason(self) -> String {
        match self {
            Self::Unused(reason) | Self::Broken(reason) => reason,
        }
    }
}

fn from_environment(environment: &Environment) -> Result<Found, Passed> {
    const ID: &str = "ALIBABA_CLOUD_ACCESS_KEY_ID";
    const SECRET: &str = "ALIBABA_CLOUD_ACCESS_KEY_SECRET";
    match (environment.get(ID), environment.get(SECRET)) {
        (Some(id), Some(secret)) => Ok(Found::lasting(
            Credentials {
                access_key_id: id.to_owned(),
                secret: secret.to_owned(),
                security_token: environment
                    .get("ALIBABA_CLOUD_SECURITY_TOKEN")
                    .map(str::to_owned),
            },
            format!("environment ({ID})"),
        )),
        (None, Some(_)) => Err(Passed::Broken(format!("{ID} is not set"))),
        (Some(_), None) => Err(Passed::Broken(format!("{SECRET} is not set"))),
        (None, None) => Err(Passed::Unused(format!("{ID} and {SECRET} are not set"))),
    }
}

async fn from_oidc(environment: &Environment) -> Result<Found, Passed> {
    const NAMES: [&str; 3] = [
        "ALIBABA_CLOUD_ROLE_ARN",
        "ALIBABA_CLOUD_OIDC_PROVIDER_ARN",
        "ALIBABA_CLOUD_OIDC_TOKEN_FILE",
    ];
    let [Some(arn), Some(provider), Some(file)] = NAMES.map(|name| environment.get(name)) else {
        let names = NAMES.join(", ");
        return Err(Passed::Unused(format!("{names} are not all set")));
    };
    let role = OidcRole {
        role: Role::of(arn),
        provider_arn: provider.to_owned(),
        token_file: PathBuf::from(file),
    };
    let mut found = role
        .assume(environment, &StsPlace::default())
        .await
        .map_err(Passed::Broken)?;
    found.source = format!(
        "environment (ALIBABA_CLOUD_OIDC_TOKEN_FILE): {}",
        found.source
    );
    Ok(found)
}

async fn from_profile(
    environment: &Environment,
    name: Option<&str>,
) -> Result<(String, Found), Passed> {
    for switch in [
        "ALIBABA_CLOUD_CLI_PROFILE_DISABLED",
        "ALIBABA_CLOUD_IGNORE_PROFILE",
    ] {
        if environment.is_true(switch) {
            return Err(Passed::Unused(format!("{switch} is true")));
        }
    }
    let absent = environment.config_file().is_none_or(|path| !path.exists());
    let asked = environment.get("ALIBABA_CLOUD_CONFIG_FILE").is_some();
    let broken = |reason: String| match absent && !asked {
        true => Passed::Unused(reason),
        false => Passed::Broken(reason),
    };
    let profiles = Profiles::read(environment).map_err(broken)?;
    let name = match name {
        Some(name) => name,
        None => profiles.current().map_err(Passed::Unused)?,
    };
    let found = profiles.credentials(name).await.map_err(Passed::Broken)?;
    Ok((name.to_owned(), found))
}

async fn from_ini(environment: &Environment) -> Result<Found, Passed> {
    let absent = environment
        .credentials_file()
        .is_none_or(|path| !path.exists());
    let asked = environment.get("ALIBABA_CLOUD_CREDENTIALS_FILE").is_some();
    ini::credentials(environment)
        .await
        .map_err(|reason| match absent && !asked {
            true => Passed::Unused(reason),
            false => Passed::Broken(reason),
        })
}
