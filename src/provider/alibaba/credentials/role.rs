//! Roles to take on: with keys (AssumeRole) or with a token of an identity provider (AssumeRoleWithOIDC).

use std::{
    fs::File,
    io::{self, Read as _},
    ops::RangeInclusive,
    path::{Path, PathBuf},
};

use super::{
    Credentials, Found,
    environment::{Environment, StsPlace},
    sts,
};

/// A role and how it is taken on.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Role {
    pub(super) arn: String,
    pub(super) session_name: Option<String>,
    pub(super) seconds: Option<u32>,
    pub(super) policy: Option<String>,
    pub(super) external_id: Option<String>,
}

/// Shortest session (AssumeRole, DurationSeconds).
const SHORTEST: u32 = 900;

/// Length of a token (AssumeRoleWithOIDC, OIDCToken).
const TOKEN_LENGTH: RangeInclusive<usize> = 4..=20_000;

impl Role {
    /// A role by its name alone.
    pub(super) fn of(arn: &str) -> Self {
        Self {
            arn: arn.to_owned(),
            ..Self::default()
        }
    }

    /// What is wrong with it that needs no call to be seen.
    pub(super) fn check(&self, environment: &Environment) -> Result<(), String> {
        let arn = &self.arn;
        let parts: Vec<&str> = arn.split(':').collect();
        let whole = matches!(parts[..], ["acs", "ram", _, account, role]
            if !account.is_empty() && account.bytes().all(|b| b.is_ascii_digit())
                && role.strip_prefix("role/").is_some_and(|name| !name.is_empty()));
        if !whole {
            return Err(format!(
                "`{arn}` is no ARN of a role; one looks like `acs:ram::1234567890123456:role/NAME`"
            ));
        }
        let name = self.session(environment);
        let allowed = |c: char| c.is_ascii_alphanumeric() || ".@-_".contains(c);
        if !(2..=64).contains(&name.len()) || !name.chars().all(allowed) {
            return Err(format!(
                "`{name}` cannot name a role session: 2 to 64 letters, digits and `.@-_` can"
            ));
        }
        match self.seconds {
            Some(seconds) if seconds < SHORTEST => Err(format!(
                "a role session of {seconds} s is too short: {SHORTEST} s is the shortest"
            )),
            _ => Ok(()),
        }
    }

    fn session<'a>(&'a self, environment: &'a Environment) -> &'a str {
        self.session_name
            .as_deref()
            .unwrap_or_else(|| environment.session_name())
    }

    /// The parameters of the call.
    pub(super) fn params(&self, environment: &Environment) -> Vec<(&'static str, String)> {
        let mut params = vec![
            ("RoleArn", self.arn.clone()),
            ("RoleSessionName", self.session(environment).to_owned()),
            ("DurationSeconds", self.seconds.unwrap_or(3600).to_string()),
        ];
        let optional = [("Policy", &self.policy), ("ExternalId", &self.external_id)];
        for (name, value) in optional {
            if let Some(value) = value {
                params.push((name, value.clone()));
            }
        }
        params
    }

    /// Takes the role on.
    pub(super) async fn assume(
        &self,
        environment: &Environment,
        place: &StsPlace,
        base: &Credentials,
    ) -> Result<Found, String> {
        self.check(environment)?;
        let session = sts::assume_role(environment, place, base, self).await?;
        Ok(Found::session(session, format!("role {}", self.arn)))
    }
}

/// A role for whoever has a token of an identity provider.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct OidcRole {
    pub(super) role: Role,
    pub(super) provider_arn: String,
    pub(super) token_file: PathBuf,
}

impl OidcRole {
    /// Reads the token, which others renew, and takes the role on.
    pub(super) async fn assume(
        &self,
        environment: &Environment,
        place: &StsPlace,
    ) -> Result<Found, String> {
        self.role.check(environment)?;
        let shown = environment.shown(&self.token_file);
        let token = read_token(&self.token_file)
            .map_err(|error| format!("the token file {shown} cannot be read: {error}"))?;
        let token = token.trim();
        if !TOKEN_LENGTH.contains(&token.len()) {
            return Err(format!(
                "the token file {shown} holds no token: one has {} to {} bytes",
                TOKEN_LENGTH.start(),
                TOKEN_LENGTH.end()
            ));
        }
        let session = sts::assume_role_with_oidc(environment, place, self, token).await?;
        Ok(Found::session(
            session,
            format!("role {} with the OIDC token of {shown}", self.role.arn),
        ))
    }
}

/// Reads no more than shows whether it is a token.
fn read_token(path: &Path) -> io::Result<String> {
    let most = u64::try_from(TOKEN_LENGTH.end() + 64).expect("a small number");
    let mut text = String::new();
    File::open(path)?.take(most).read_to_string(&mut text)?;
    Ok(text)
}
