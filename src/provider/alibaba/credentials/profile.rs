//! `~/.aliyun/config.json`, the profiles of the aliyun CLI.

use std::{fs, path::Path};

use jiff::Timestamp;
use serde::Deserialize;

use super::{Credentials, Found};

/// The file, as far as it is used.
#[derive(Deserialize)]
#[serde(default)]
#[derive(Default)]
pub(super) struct Config {
    current: Option<String>,
    profiles: Vec<Profile>,
}

/// One profile. The members that only tell its mode are not looked into.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Profile {
    name: String,
    mode: Option<String>,
    access_key_id: Option<String>,
    access_key_secret: Option<String>,
    sts_token: Option<String>,
    /// Unix seconds.
    sts_expiration: Option<i64>,
    ram_role_arn: Option<String>,
    ram_role_name: Option<String>,
    private_key: Option<String>,
    key_pair_name: Option<String>,
    process_command: Option<String>,
    oidc_provider_arn: Option<String>,
    oidc_token_file: Option<String>,
    cloud_sso_sign_in_url: Option<String>,
    bearer_token: Option<String>,
}

/// Reads the file. What is wrong with it is told by its place: the text around it may be a secret.
pub(super) fn read(path: &Path) -> Result<Config, String> {
    let text = fs::read(path).map_err(|error| match error.kind() {
        std::io::ErrorKind::NotFound => format!("{} does not exist", path.display()),
        _ => format!("{} cannot be read: {error}", path.display()),
    })?;
    let text = text.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&text);
    serde_json::from_slice(text).map_err(|error| {
        let what = match error.classify() {
            serde_json::error::Category::Data => "is not the configuration of the aliyun CLI",
            _ => "is no JSON",
        };
        format!(
            "{} {what} (line {}, column {})",
            path.display(),
            error.line(),
            error.column()
        )
    })
}

impl Config {
    /// The credentials of a profile, or of the current one.
    pub(super) fn credentials(
        &self,
        path: &Path,
        name: Option<&str>,
        now: Timestamp,
    ) -> Result<Found, String> {
        let file = path.display();
        let name = match (name, self.current.as_deref()) {
            (Some(name), _) => name,
            (None, Some(current)) if !current.is_empty() => current,
            _ => return Err(format!("{file} names no current profile")),
        };
        let profile = self
            .profiles
            .iter()
            .find(|profile| profile.name == name)
            .ok_or_else(|| {
                let known: Vec<&str> = self.profiles.iter().map(|p| p.name.as_str()).collect();
                let known = match known[..] {
                    [] => "none".to_owned(),
                    _ => known.join(", "),
                };
                format!("profile `{name}` is not in {file}; there: {known}")
            })?;
        profile
            .credentials(now)
            .map_err(|reason| format!("profile `{name}` of {file} {reason}"))
    }
}

impl Profile {
    fn credentials(&self, now: Timestamp) -> Result<Found, String> {
        let mode = self.mode();
        let temporary = match mode.to_ascii_lowercase().as_str() {
            "ak" => false,
            "ststoken" => true,
            "" => {
                return Err(
                    "says neither a mode nor keys; run `aliyun configure` for it".to_owned(),
                );
            }
            _ => {
                return Err(format!(
                    "has mode `{mode}`, which this version cannot use; use a profile of mode AK or StsToken, or leave \
                     the profile out and set ALIBABA_CLOUD_ACCESS_KEY_ID, ALIBABA_CLOUD_ACCESS_KEY_SECRET and, for \
                     temporary keys, ALIBABA_CLOUD_SECURITY_TOKEN"
                ));
            }
        };
        let need = |value: &Option<String>, member: &str| {
            filled(value).map(str::to_owned).ok_or_else(|| {
                format!("has mode `{mode}`, but no `{member}`; run `aliyun configure` for it")
            })
        };
        let credentials = Credentials {
            access_key_id: need(&self.access_key_id, "access_key_id")?,
            secret: need(&self.access_key_secret, "access_key_secret")?,
            security_token: match temporary {
                true => Some(need(&self.sts_token, "sts_token")?),
                false => None,
            },
        };
        let mut found = Found::lasting(credentials);
        if let Some(seconds) = self
            .sts_expiration
            .filter(|seconds| temporary && *seconds > 0)
        {
            let expires = Timestamp::from_second(seconds)
                .map_err(|_| "has an `sts_expiration` that is no time".to_owned())?;
            if expires <= now {
                return Err(format!(
                    "has a session token that expired at {expires}; get a new one"
                ));
            }
            found.expires = Some(expires);
        }
        Ok(found)
    }

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
}

fn filled(value: &Option<String>) -> Option<&str> {
    value.as_deref().filter(|value| !value.is_empty())
}
