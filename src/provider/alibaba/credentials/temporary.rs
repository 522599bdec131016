//! Temporary credentials in the form that STS, the instance's metadata and a credentials URI share.

use std::fmt;

use jiff::Timestamp;
use serde::Deserialize;

use super::{Credentials, sts};

/// As it comes; every member is needed, which one is missing is told by name.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Wire {
    #[serde(default)]
    code: Option<String>,
    #[serde(default)]
    access_key_id: Option<String>,
    #[serde(default)]
    access_key_secret: Option<String>,
    #[serde(default)]
    security_token: Option<String>,
    #[serde(default)]
    expiration: Option<String>,
}

/// Credentials with an end.
pub(super) struct Session {
    pub(super) credentials: Credentials,
    pub(super) expires: Timestamp,
}

impl fmt::Debug for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Session")
            .field("credentials", &self.credentials)
            .field("expires", &self.expires)
            .finish()
    }
}

impl Wire {
    /// Reads a JSON object; what is wrong with it is told without its text.
    pub(super) fn read(json: &[u8]) -> Result<Self, String> {
        serde_json::from_slice(json).map_err(|_| "is not a JSON object with credentials".to_owned())
    }

    /// The `Code` says `Success`, or nothing.
    pub(super) fn succeeded(&self) -> Result<(), String> {
        match self.code.as_deref() {
            None => Ok(()),
            Some(code) if code.eq_ignore_ascii_case("Success") => Ok(()),
            Some(code) => Err(format!(
                "says `{}`",
                code.chars()
                    .filter(|c| c.is_ascii_alphanumeric() || ".-_".contains(*c))
                    .take(64)
                    .collect::<String>()
            )),
        }
    }

    /// The credentials.
    pub(super) fn session(self) -> Result<Session, String> {
        let need = |value: Option<String>, name: &str| {
            value
                .filter(|value| !value.is_empty())
                .ok_or_else(|| format!("has no {name}"))
        };
        let credentials = Credentials {
            access_key_id: need(self.access_key_id, "AccessKeyId")?,
            secret: need(self.access_key_secret, "AccessKeySecret")?,
            security_token: Some(need(self.security_token, "SecurityToken")?),
        };
        let expiration = need(self.expiration, "Expiration")?;
        let expires =
            sts::time(&expiration).ok_or_else(|| "has an Expiration that is no time".to_owned())?;
        Ok(Session {
            credentials,
            expires,
        })
    }
}
