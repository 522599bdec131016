//! `~/.aliyun/config.json`, the profiles of the aliyun CLI: finding one, and what its mode is. `modes` has what the
//! modes do. The file is only ever read.

use std::{fs, path::PathBuf};

use serde::Deserialize;

use super::{
    Found,
    environment::{Environment, StsPlace},
    modes,
};

/// The file, as far as it is used.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Config {
    current: Option<String>,
    profiles: Vec<Profile>,
}

/// One profile.
#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct Profile {
    pub(super) name: String,
    mode: Option<String>,
    pub(super) access_key_id: Option<String>,
    pub(super) access_key_secret: Option<String>,
    pub(super) sts_token: Option<String>,
    /// Unix seconds.
    pub(super) sts_expiration: Option<i64>,
    pub(super) sts_region: Option<String>,
    pub(super) sts_endpoint: Option<String>,
    pub(super) enable_vpc: Option<bool>,
    pub(super) ram_role_arn: Option<String>,
    pub(super) ram_role_name: Option<String>,
    pub(super) ram_session_name: Option<String>,
    pub(super) external_id: Option<String>,
    pub(super) policy: Option<String>,
    pub(super) expired_seconds: Option<i64>,
    pub(super) source_profile: Option<String>,
    private_key: Option<String>,
    key_pair_name: Option<String>,
    pub(super) process_command: Option<String>,
    pub(super) credentials_uri: Option<String>,
    pub(super) oidc_provider_arn: Option<String>,
    pub(super) oidc_token_file: Option<String>,
    cloud_sso_sign_in_url: Option<String>,
    bearer_token: Option<String>,
}

/// The profiles of the file.
pub(super) struct Profiles<'a> {
    pub(super) environment: &'a Environment,
    file: String,
    config: Config,
}

impl<'a> Profiles<'a> {
    /// Reads the file. What is wrong with it is told by its place: the text around it may be a secret.
    pub(super) fn read(environment: &'a Environment) -> Result<Self, String> {
        let path = environment.config_file().ok_or(
            "there is no home directory to find .aliyun/config.json in; set ALIBABA_CLOUD_CONFIG_FILE",
        )?;
        let file = environment.shown(&path);
        let config = read(&path, &file)?;
        Ok(Self {
            environment,
            file,
            config,
        })
    }

    /// The name of the profile that counts when none is asked for.
    pub(super) fn current(&self) -> Result<&str, String> {
        if let Some(name) = self.environment.get("ALIBABA_CLOUD_PROFILE") {
            return Ok(name);
        }
        filled(&self.config.current)
            .ok_or_else(|| format!("{} names no current profile", self.file))
    }

    /// The credentials of a profile.
    pub(super) async fn credentials(&self, name: &str) -> Result<Found, String> {
        self.follow(name, &mut Vec::new()).await
    }

    /// The same for a profile that others have led to.
    pub(super) async fn follow(&self, name: &str, from: &mut Vec<String>) -> Result<Found, String> {
        let file = &self.file;
        let profile = self.find(name)?;
        if from.iter().any(|seen| seen == name) {
            return Err(format!(
                "the profiles of {file} go round in a circle: {} -> {name}",
                from.join(" -> ")
            ));
        }
        from.push(name.to_owned());
        let mode = profile.mode();
        let found = Box::pin(modes::credentials(self, profile, mode, from)).await;
        // What is wrong with a profile behind it says of itself where it stands.
        let mut found = found.map_err(|failed| match failed {
            modes::Failed::Here(reason) => format!("profile `{name}` of {file} {reason}"),
            modes::Failed::Behind(reason) => reason,
        })?;
        let head = format!("profile `{name}` of {file} ({mode})");
        found.source = match found.source.is_empty() {
            true => head,
            false => format!("{head}: {}", found.source),
        };
        Ok(found)
    }

    fn find(&self, name: &str) -> Result<&Profile, String> {
        let profiles = &self.config.profiles;
        profiles
            .iter()
            .find(|profile| profile.name == name)
            .ok_or_else(|| {
                let known: Vec<&str> = profiles.iter().map(|p| p.name.as_str()).collect();
                let known = match known[..] {
                    [] => "none".to_owned(),
                    _ => known.join(", "),
                };
                format!("profile `{name}` is not in {}; there: {known}", self.file)
            })
    }
}

fn read(path: &PathBuf, file: &str) -> Result<Config, String> {
    let text = fs::read(path).map_err(|error| match error.kind() {
        std::io::ErrorKind::NotFound => format!("{file} does not exist"),
        _ => format!("{file} cannot be read: {error}"),
    })?;
    let text = text.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&text);
    serde_json::from_slice(text).map_err(|error| {
        let what = match error.classify() {
            serde_json::error::Category::Data => "is not the configuration of the aliyun CLI",
            _ => "is no JSON",
        };
        format!(
            "{file} {what} (line {}, column {})",
            error.line(),
            error.column()
        )
    })
}

impl Profile {
    /// The mode that is written, else the one that the aliyun CLI guesses from the members.
    fn mode(&self) -> &str {
        let has = |value: &Option<String>| filled(value).is_some();
        if let Some(mode) = filled(&self.mode) {
            return mode;
        }
        if has(&self.access_key_id) && has(&self.access_key_secret) {
            if has(&self.sts_token) {
                "StsToken"
            } else if has(&self.ram_role_arn) {
                "RamRoleArn"
            } else {
                "AK"
            }
        } else if has(&self.private_key) && has(&self.key_pair_name) {
            "RsaKeyPair"
        } else if has(&self.ram_role_name) {
            "EcsRamRole"
        } else if has(&self.process_command) {
            "External"
        } else if has(&self.oidc_provider_arn) && has(&self.oidc_token_file) {
            "OIDC"
        } else if has(&self.cloud_sso_sign_in_url) {
            "CloudSSO"
        } else if has(&self.bearer_token) {
            "BearerToken"
        } else {
            ""
        }
    }

    /// Where its STS is.
    pub(super) fn sts(&self) -> StsPlace {
        StsPlace {
            endpoint: filled(&self.sts_endpoint).map(str::to_owned),
            region: filled(&self.sts_region).map(str::to_owned),
            vpc: self.enable_vpc.unwrap_or_default(),
        }
    }
}

/// A member that is there and not empty.
pub(super) fn filled(value: &Option<String>) -> Option<&str> {
    value.as_deref().filter(|value| !value.is_empty())
}
