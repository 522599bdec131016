//! What the modes of a profile of the aliyun CLI do.

use std::path::PathBuf;

use jiff::Timestamp;

use super::{
    Credentials, Found, external, metadata,
    profile::{Profile, Profiles, filled},
    role::{OidcRole, Role},
    uri,
};

/// Why a profile gives nothing.
pub(super) enum Failed {
    /// It is this profile.
    Here(String),
    /// It is one that this profile leads to, and the text says so.
    Behind(String),
}

impl From<String> for Failed {
    fn from(reason: String) -> Self {
        Self::Here(reason)
    }
}

impl From<&str> for Failed {
    fn from(reason: &str) -> Self {
        Self::Here(reason.to_owned())
    }
}

/// The credentials of a profile. Modes are compared in any case, as the aliyun CLI does.
pub(super) async fn credentials(
    profiles: &Profiles<'_>,
    profile: &Profile,
    mode: &str,
    from: &mut Vec<String>,
) -> Result<Found, Failed> {
    let environment = profiles.environment;
    let reader = Reader { profile, mode };
    let now = environment.now();
    match mode.to_ascii_lowercase().as_str() {
        "ak" => Ok(Found::lasting(reader.keys(None)?, String::new())),
        "ststoken" => Ok(reader.session(now, "get a new one")?),
        "ramrolearn" => {
            let role = reader.role()?;
            let keys = reader.keys(filled(&profile.sts_token))?;
            let found = role.assume(environment, &profile.sts(), &keys).await;
            Ok(found.map_err(cannot_assume)?)
        }
        "chainableramrolearn" => {
            let role = reader.role()?;
            let source = reader.need(&profile.source_profile, "source_profile")?;
            let base = profiles.follow(&source, from).await.map_err(Failed::Behind)?;
            let found = role
                .assume(environment, &profile.sts(), &base.credentials)
                .await;
            Ok(found.map_err(cannot_assume)?.behind(&base.source))
        }
        "ramrolearnwithrolename" => {
            let role = reader.role()?;
            let name = reader.need(&profile.ram_role_name, "ram_role_name")?;
            let base = metadata::credentials(environment, Some(&name))
                .await
                .map_err(|reason| format!("cannot be used: {reason}"))?;
            let found = role
                .assume(environment, &profile.sts(), &base.credentials)
                .await;
            Ok(found.map_err(cannot_assume)?.behind(&base.source))
        }
        "ecsramrole" => {
            let found = metadata::credentials(environment, filled(&profile.ram_role_name)).await;
            Ok(found.map_err(|reason| format!("cannot be used: {reason}"))?)
        }
        "oidc" => {
            let role = OidcRole {
                role: reader.role()?,
                provider_arn: reader.need(&profile.oidc_provider_arn, "oidc_provider_arn")?,
                token_file: PathBuf::from(
                    reader.need(&profile.oidc_token_file, "oidc_token_file")?,
                ),
            };
            let found = role.assume(environment, &profile.sts()).await;
            Ok(found.map_err(cannot_assume)?)
        }
        "external" => {
            let command = reader.need(&profile.process_command, "process_command")?;
            let found = external::credentials(environment, &command).await?;
            match found.expires {
                Some(end) if end <= now => {
                    Err(format!("runs a program that printed credentials which expired at {end}").into())
                }
                _ => Ok(found),
            }
        }
        "credentialsuri" => {
            if environment.is_true("ALIBABA_CLOUD_DISABLE_EXTERNAL_PROCESS") {
                return Err(
                    "asks a URI, which ALIBABA_CLOUD_DISABLE_EXTERNAL_PROCESS forbids".into(),
                );
            }
            let uri = reader.need(&profile.credentials_uri, "credentials_uri")?;
            let found = uri::credentials(&uri).await;
            Ok(found.map_err(|reason| format!("cannot be used: {reason}"))?)
        }
        "cloudsso" | "oauth" => {
            let name = &profile.name;
            let again = format!(
                "run `aliyun sts GetCallerIdentity --profile {name}` to renew it, or `aliyun configure --mode {mode} \
                 --profile {name}` to sign in again"
            );
            if filled(&profile.sts_token).is_none() {
                return Err(format!("has mode `{mode}`, but nobody has signed in yet; {again}").into());
            }
            Ok(reader.session(now, &again)?)
        }
        "rsakeypair" => Err(format!(
            "has mode `{mode}`, which the cloud has deprecated; run `aliyun configure --mode AK` for an access key"
        )
        .into()),
        "bearertoken" | "anonymous" => Err(format!(
            "has mode `{mode}`, which signs nothing, and the ECS API takes signed requests only; use another profile"
        )
        .into()),
        "" => Err("says neither a mode nor keys; run `aliyun configure` for it".into()),
        _ => Err(format!(
            "has mode `{mode}`, which is none that this program knows: AK, StsToken, RamRoleArn, EcsRamRole, OIDC, \
             ChainableRamRoleArn, RamRoleArnWithRoleName, External, CredentialsURI, CloudSSO and OAuth"
        )
        .into()),
    }
}

fn cannot_assume(reason: String) -> String {
    format!("cannot take on its role: {reason}")
}

/// Reads the members that a mode needs.
struct Reader<'a> {
    profile: &'a Profile,
    mode: &'a str,
}

impl Reader<'_> {
    fn need(&self, value: &Option<String>, member: &str) -> Result<String, String> {
        let mode = self.mode;
        filled(value).map(str::to_owned).ok_or_else(|| {
            format!("has mode `{mode}`, but no `{member}`; run `aliyun configure` for it")
        })
    }

    fn keys(&self, token: Option<&str>) -> Result<Credentials, String> {
        let profile = self.profile;
        Ok(Credentials {
            access_key_id: self.need(&profile.access_key_id, "access_key_id")?,
            secret: self.need(&profile.access_key_secret, "access_key_secret")?,
            security_token: token.map(str::to_owned),
        })
    }

    /// Temporary keys that stand in the profile.
    fn session(&self, now: Timestamp, mend: &str) -> Result<Found, String> {
        let profile = self.profile;
        let mut found = Found::lasting(self.keys(None)?, String::new());
        let token = self.need(&profile.sts_token, "sts_token")?;
        found = found.with_token(token);
        if let Some(seconds) = profile.sts_expiration.filter(|seconds| *seconds > 0) {
            let expires = Timestamp::from_second(seconds)
                .map_err(|_| "has an `sts_expiration` that is no time".to_owned())?;
            if expires <= now {
                return Err(format!(
                    "has a session token that expired at {expires}; {mend}"
                ));
            }
            found.expires = Some(expires);
        }
        Ok(found)
    }

    fn role(&self) -> Result<Role, String> {
        let profile = self.profile;
        let seconds = match profile.expired_seconds {
            None | Some(0) => None,
            Some(seconds) => Some(u32::try_from(seconds).map_err(|_| {
                format!("has `expired_seconds` {seconds}, which is no length of a session")
            })?),
        };
        let text = |value: &Option<String>| filled(value).map(str::to_owned);
        Ok(Role {
            arn: self.need(&profile.ram_role_arn, "ram_role_arn")?,
            session_name: text(&profile.ram_session_name),
            seconds,
            policy: text(&profile.policy),
            external_id: text(&profile.external_id),
        })
    }
}
