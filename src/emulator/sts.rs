//! STS beside the ECS API (version 2015-04-01): AssumeRole, AssumeRoleWithOIDC, GetCallerIdentity, and the temporary keys
//! that they give, which the gateway then takes with their token until they end.

mod oidc;

use std::{
    collections::BTreeMap,
    sync::{Mutex, MutexGuard, PoisonError},
};

use jiff::{SignedDuration, Timestamp};
use serde_json::json;

pub use self::oidc::OidcProvider;
use super::{
    answer::Answer,
    error::{ApiError, absent, bad, forbidden, missing_parameter},
    gateway::{self, Credential, Nonces, Request},
    params::Params,
};

/// The version of the API.
pub(super) const VERSION: &str = "2015-04-01";

/// Shortest session and what a session lasts unless asked otherwise, in seconds.
const SHORTEST: i64 = 900;
const USUAL: i64 = 3600;

/// Who is known besides the keys. The default: every key is a RAM user of the emulated account, every role may be
/// assumed, there is no identity provider and no instance.
#[derive(Clone, Debug, Default)]
pub struct Identities {
    /// Who the keys are, by access key id.
    pub principals: BTreeMap<String, Principal>,
    /// The roles that exist; `None`: all of them.
    pub roles: Option<Vec<RamRole>>,
    /// Identity providers whose tokens are taken.
    pub oidc: Vec<OidcProvider>,
    /// ARN of the role that the instance's metadata serves.
    pub instance_role: Option<String>,
    /// Whether metadata is served only to who has fetched a token (IMDSv2).
    pub metadata_token_required: bool,
}

/// Who a key belongs to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Principal {
    /// The account itself, which may assume no role.
    Root {
        /// Its number.
        account: String,
    },
    /// A RAM user.
    User {
        /// Number of the account.
        account: String,
        /// Name of the user.
        name: String,
    },
    /// A session of a role.
    Session {
        /// Number of the account.
        account: String,
        /// Name of the role.
        role: String,
        /// Name of the session.
        session: String,
    },
}

/// A role that may be assumed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RamRole {
    /// `acs:ram::ACCOUNT:role/NAME`
    pub arn: String,
    /// Longest session in seconds, 3600 to 43200.
    pub max_session: i64,
    /// Access key ids and identity providers that may assume it; `None`: all.
    pub trusts: Option<Vec<String>>,
    /// What the caller must know.
    pub external_id: Option<String>,
}

impl RamRole {
    /// A role that everybody may assume.
    pub fn new(arn: impl Into<String>) -> Self {
        Self {
            arn: arn.into(),
            max_session: USUAL,
            trusts: None,
            external_id: None,
        }
    }
}

impl RamRole {
    /// Whether its ARN is one.
    pub fn is_well_formed(&self) -> bool {
        split_role(&self.arn).is_some()
    }
}

impl Principal {
    fn arn(&self) -> String {
        match self {
            Self::Root { account } => format!("acs:ram::{account}:root"),
            Self::User { account, name } => format!("acs:ram::{account}:user/{name}"),
            Self::Session {
                account,
                role,
                session,
            } => format!("acs:ram::{account}:assumed-role/{role}/{session}"),
        }
    }
}

/// The service: who is known, and the temporary keys that were given.
#[derive(Debug, Default)]
pub(super) struct Sts {
    pub(super) identities: Identities,
    issued: Mutex<BTreeMap<String, Issued>>,
    pub(super) metadata: super::metadata::Metadata,
}

/// A temporary key and whose it is.
#[derive(Clone, Debug)]
struct Issued {
    credential: Credential,
    principal: Principal,
}

/// What a call has at hand.
pub(super) struct Call<'a> {
    pub(super) request: &'a Request<'a>,
    pub(super) params: &'a Params,
    pub(super) credentials: &'a [Credential],
    pub(super) nonces: &'a Nonces,
    /// Number of the emulated account.
    pub(super) owner: &'a str,
    pub(super) now: Timestamp,
}

impl Sts {
    pub(super) fn new(identities: Identities) -> Self {
        Self {
            identities,
            ..Self::default()
        }
    }

    /// The keys that a request with this id may be signed with.
    pub(super) fn known(&self, configured: &[Credential], id: &str) -> Vec<Credential> {
        let issued = self
            .issued()
            .get(id)
            .map(|issued| issued.credential.clone());
        configured
            .iter()
            .filter(|key| key.id == id)
            .cloned()
            .chain(issued)
            .collect()
    }

    fn issued(&self) -> MutexGuard<'_, BTreeMap<String, Issued>> {
        self.issued.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Answers a call.
    pub(super) fn call(&self, call: &Call<'_>) -> Result<Answer, ApiError> {
        if call.request.action() == "AssumeRoleWithOIDC" {
            call.request.fresh(call.now)?;
            return self.assume_with_oidc(call);
        }
        let known = self.known(call.credentials, call.request.access_key_id());
        call.request.authenticate(&known, call.nonces, call.now)?;
        match call.request.action() {
            "AssumeRole" => self.assume(call),
            "GetCallerIdentity" => Ok(self.caller(call)),
            _ => Err(gateway::unknown_action()),
        }
    }

    fn principal(&self, call: &Call<'_>) -> Principal {
        let id = call.request.access_key_id();
        if let Some(issued) = self.issued().get(id) {
            return issued.principal.clone();
        }
        let known = self.identities.principals.get(id).cloned();
        known.unwrap_or_else(|| Principal::User {
            account: call.owner.to_owned(),
            name: "rulekeep".to_owned(),
        })
    }

    fn caller(&self, call: &Call<'_>) -> Answer {
        let principal = self.principal(call);
        let arn = principal.arn();
        Answer::of(match principal {
            Principal::Root { account } => json!({
                "AccountId": account, "Arn": arn, "IdentityType": "Account", "PrincipalId": account, "UserId": account,
            }),
            Principal::User { account, name } => {
                let id = number(&name);
                json!({
                    "AccountId": account, "Arn": arn, "IdentityType": "RAMUser", "PrincipalId": id, "UserId": id,
                })
            }
            Principal::Session {
                account,
                role,
                session,
            } => {
                let id = number(&role);
                json!({
                    "AccountId": account, "Arn": arn, "IdentityType": "AssumedRoleUser",
                    "PrincipalId": format!("{id}:{session}"), "RoleId": id,
                })
            }
        })
    }

    fn assume(&self, call: &Call<'_>) -> Result<Answer, ApiError> {
        if matches!(self.principal(call), Principal::Root { .. }) {
            return Err(forbidden(
                "NoPermission",
                "Roles may not be assumed by root accounts.",
            ));
        }
        let wanted = Wanted::read(call.params)?;
        let role = self.role(&wanted, call.request.access_key_id(), || {
            forbidden(
                "NoPermission",
                "You are not authorized to do this action. You should be authorized by RAM.",
            )
        })?;
        if role.external_id.is_some()
            && role.external_id.as_deref() != call.params.get("ExternalId")
        {
            return Err(forbidden(
                "NoPermission",
                "You are not authorized to do this action. You should be authorized by RAM.",
            ));
        }
        Ok(Answer::of(self.issue(&wanted, &role, call.now)?))
    }

    fn assume_with_oidc(&self, call: &Call<'_>) -> Result<Answer, ApiError> {
        let wanted = Wanted::read(call.params)?;
        let arn = need(call.params, "OIDCProviderArn")?;
        let token = need(call.params, "OIDCToken")?;
        let provider = self.identities.oidc.iter().find(|known| known.arn == arn);
        let provider = provider.ok_or_else(|| {
            absent(
                "EntityNotExist.OIDCProvider",
                "The OIDC provider does not exist.",
            )
        })?;
        let claims = provider.check(token, call.now)?;
        let role = self.role(&wanted, arn, || {
            ApiError::new(
                401,
                "AuthenticationFail.NoPermission",
                "This operation is forbidden by permission system.",
            )
        })?;
        let mut answer = self.issue(&wanted, &role, call.now)?;
        answer["OIDCTokenInfo"] = claims;
        Ok(Answer::of(answer))
    }

    /// The role that is wanted, if `caller` may have it.
    fn role(
        &self,
        wanted: &Wanted<'_>,
        caller: &str,
        refusal: impl FnOnce() -> ApiError,
    ) -> Result<RamRole, ApiError> {
        let Some(roles) = &self.identities.roles else {
            return Ok(RamRole::new(wanted.arn));
        };
        let role = roles
            .iter()
            .find(|role| role.arn == wanted.arn)
            .ok_or_else(|| absent("EntityNotExist.Role", "The role not exists."))?;
        match &role.trusts {
            Some(trusted) if !trusted.iter().any(|trusted| trusted == caller) => Err(refusal()),
            _ => Ok(role.clone()),
        }
    }

    fn issue(
        &self,
        wanted: &Wanted<'_>,
        role: &RamRole,
        now: Timestamp,
    ) -> Result<serde_json::Value, ApiError> {
        if wanted.seconds > role.max_session {
            return Err(bad_duration());
        }
        let (account, name) = wanted.account_and_name();
        let credential = self.give(
            Principal::Session {
                account: account.to_owned(),
                role: name.to_owned(),
                session: wanted.session.to_owned(),
            },
            wanted.seconds,
            now,
        );
        Ok(json!({
            "AssumedRoleUser": {
                "Arn": format!("{}/{}", wanted.arn, wanted.session),
                "AssumedRoleId": format!("{}:{}", number(name), wanted.session),
            },
            "Credentials": {
                "AccessKeyId": credential.id,
                "AccessKeySecret": credential.secret,
                "SecurityToken": credential.security_token,
                "Expiration": stamp(credential.expires.unwrap_or(now)),
            },
        }))
    }

    /// A new temporary key.
    pub(super) fn give(&self, principal: Principal, seconds: i64, now: Timestamp) -> Credential {
        let random = || uuid::Uuid::new_v4().simple().to_string();
        // Whole seconds, as the answer says them.
        let end = Timestamp::from_second(now.as_second()).unwrap_or(now)
            + SignedDuration::from_secs(seconds);
        let mut credential = Credential::new(format!("STS.N{}", &random()[..24]), random());
        credential = credential.with_token(format!("CAIS{}/{}+=", random(), random()));
        if let Principal::Session { account, .. } = &principal {
            credential = credential.of_account(account);
        }
        credential.expires = Some(end);
        let mut issued = self.issued();
        // Ended keys stay for a while, so that their end can be told from never having been.
        issued.retain(|_, issued| {
            let end = issued.credential.expires;
            end.is_none_or(|end| now.duration_since(end) < SignedDuration::from_hours(24))
        });
        issued.insert(
            credential.id.clone(),
            Issued {
                credential: credential.clone(),
                principal,
            },
        );
        credential
    }
}

/// What both ways to assume a role ask for.
struct Wanted<'a> {
    arn: &'a str,
    session: &'a str,
    seconds: i64,
}

impl<'a> Wanted<'a> {
    fn read(params: &'a Params) -> Result<Self, ApiError> {
        let arn = need(params, "RoleArn")?;
        if split_role(arn).is_none() {
            return Err(bad(
                "InvalidParameter.RoleArn",
                "The parameter RoleArn is wrongly formed.",
            ));
        }
        let session = need(params, "RoleSessionName")?;
        let allowed = |c: char| c.is_ascii_alphanumeric() || ".@-_".contains(c);
        if !(2..=64).contains(&session.len()) || !session.chars().all(allowed) {
            return Err(bad(
                "InvalidParameter.RoleSessionName",
                "The parameter RoleSessionName is wrongly formed.",
            ));
        }
        let seconds = match params.get("DurationSeconds") {
            None => USUAL,
            Some(text) => text
                .parse()
                .ok()
                .filter(|seconds| *seconds >= SHORTEST)
                .ok_or_else(bad_duration)?,
        };
        let grammatical = |policy: &str| {
            let policy = serde_json::from_str::<serde_json::Value>(policy);
            policy.is_ok_and(|policy| policy["Statement"].is_array())
        };
        if let Some(policy) = params.get("Policy")
            && (policy.len() > 2048 || !grammatical(policy))
        {
            return Err(bad(
                "InvalidParameter.PolicyGrammar",
                "The parameter Policy has not passed grammar check.",
            ));
        }
        Ok(Self {
            arn,
            session,
            seconds,
        })
    }

    fn account_and_name(&self) -> (&'a str, &'a str) {
        split_role(self.arn).expect("checked when it was read")
    }
}

/// Account and name of `acs:ram::ACCOUNT:role/NAME`.
pub(super) fn split_role(arn: &str) -> Option<(&str, &str)> {
    let (account, name) = arn.strip_prefix("acs:ram::")?.split_once(":role/")?;
    let whole = !account.is_empty()
        && account.bytes().all(|byte| byte.is_ascii_digit())
        && !name.is_empty();
    whole.then_some((account, name))
}

fn need<'a>(params: &'a Params, name: &str) -> Result<&'a str, ApiError> {
    params.get(name).ok_or_else(|| missing_parameter(name))
}

fn bad_duration() -> ApiError {
    bad(
        "InvalidParameter.DurationSeconds",
        "The Min/Max value of DurationSeconds is 15min/MaxSessionDuration.",
    )
}

/// Times as STS and the metadata service write them.
pub(super) fn stamp(time: Timestamp) -> String {
    time.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

/// A number that stands for a name, the same every time.
fn number(name: &str) -> String {
    let sum = name.bytes().fold(7_u64, |sum, byte| {
        sum.wrapping_mul(31).wrapping_add(u64::from(byte))
    });
    format!("3{:017}", sum % 100_000_000_000_000_000)
}
