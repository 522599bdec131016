//! STS, the service that turns an identity into temporary credentials (version 2015-04-01): AssumeRole,
//! AssumeRoleWithOIDC and GetCallerIdentity. Signed with V1 as the official libraries do: public parameters in the query,
//! the others, among them every token, in the form body.

use std::time::Duration;

use jiff::Timestamp;
use reqwest::Method;
use serde::Deserialize;

use super::{
    Credentials,
    environment::{Environment, StsPlace},
    http::{self, Answer, Ask, Limits},
    role::{OidcRole, Role},
    temporary::{Session, Wire},
};
use crate::provider::alibaba::sign;

const VERSION: &str = "2015-04-01";

/// Tries of one call, when STS is busy or cannot be reached.
const TRIES: u32 = 3;

const LIMITS: Limits = Limits {
    connect: Duration::from_secs(5),
    read: Duration::from_secs(10),
    proxy: true,
};

/// Whose credentials they are, in the words of GetCallerIdentity.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "PascalCase")]
pub struct CallerIdentity {
    /// Number of the account.
    pub account_id: String,
    /// Who it is.
    pub arn: String,
    /// `Account`, `RAMUser` or `AssumedRoleUser`.
    pub identity_type: String,
    /// Id of the user, or of the role and its session.
    #[serde(default)]
    pub principal_id: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Assumed {
    credentials: Wire,
}

/// AssumeRole: the credentials of a role.
pub(super) async fn assume_role(
    environment: &Environment,
    place: &StsPlace,
    base: &Credentials,
    role: &Role,
) -> Result<Session, String> {
    let params = role.params(environment);
    let call = Call::new("AssumeRole", environment, place, Some(base), params)?;
    let assumed: Assumed = call.send().await?;
    assumed
        .credentials
        .session()
        .map_err(|reason| format!("the answer of STS {reason}"))
}

/// AssumeRoleWithOIDC: the credentials of a role for a token of an identity provider. Not signed: the token is the proof.
pub(super) async fn assume_role_with_oidc(
    environment: &Environment,
    place: &StsPlace,
    role: &OidcRole,
    token: &str,
) -> Result<Session, String> {
    let mut params = role.role.params(environment);
    params.push(("OIDCProviderArn", role.provider_arn.clone()));
    params.push(("OIDCToken", token.to_owned()));
    let call = Call::new("AssumeRoleWithOIDC", environment, place, None, params)?;
    let assumed: Assumed = call.send().await?;
    assumed
        .credentials
        .session()
        .map_err(|reason| format!("the answer of STS {reason}"))
}

/// GetCallerIdentity: whose credentials these are. Needs no permission.
pub(super) async fn caller_identity(
    environment: &Environment,
    credentials: &Credentials,
) -> Result<CallerIdentity, String> {
    let place = StsPlace::default();
    let call = Call::new(
        "GetCallerIdentity",
        environment,
        &place,
        Some(credentials),
        Vec::new(),
    )?;
    call.send().await
}

/// One call to STS.
struct Call<'a> {
    action: &'static str,
    environment: &'a Environment,
    endpoint: crate::provider::alibaba::endpoints::Endpoint,
    signer: Option<&'a Credentials>,
    params: Vec<(&'static str, String)>,
}

/// A try that failed.
struct Failure {
    reason: String,
    again: bool,
}

impl<'a> Call<'a> {
    fn new(
        action: &'static str,
        environment: &'a Environment,
        place: &StsPlace,
        signer: Option<&'a Credentials>,
        params: Vec<(&'static str, String)>,
    ) -> Result<Self, String> {
        let endpoint = environment
            .sts_endpoint(place)
            .map_err(|error| format!("STS cannot be asked: {error}"))?;
        Ok(Self {
            action,
            environment,
            endpoint,
            signer,
            params,
        })
    }

    async fn send<T: for<'de> Deserialize<'de>>(&self) -> Result<T, String> {
        let client = http::client(&self.endpoint, LIMITS).map_err(|broken| broken.reason)?;
        let mut pause = self.environment.pause;
        for n in 1.. {
            match self.once(&client).await {
                Ok(answer) => return Ok(answer),
                Err(failure) if failure.again && n < TRIES => {
                    tracing::debug!(
                        action = self.action,
                        reason = failure.reason,
                        "trying again"
                    );
                }
                Err(failure) => return Err(failure.reason),
            }
            tokio::time::sleep(pause).await;
            pause *= 2;
        }
        unreachable!("the last try returns")
    }

    async fn once<T: for<'de> Deserialize<'de>>(
        &self,
        client: &reqwest::Client,
    ) -> Result<T, Failure> {
        let (query, body) = self.signed();
        let ask = Ask {
            method: Method::POST,
            url: self.endpoint.with_query(&query),
            headers: &[
                ("accept", "application/json"),
                ("content-type", "application/x-www-form-urlencoded"),
            ],
            body,
        };
        let host = self.endpoint.authority();
        let answer = http::exchange(client, ask)
            .await
            .map_err(|broken| Failure {
                reason: format!("STS ({host}) gave no answer: {}", broken.reason),
                again: true,
            })?;
        if answer.status != 200 {
            return Err(self.refusal(&answer));
        }
        // What serde says could quote the answer, which holds secrets.
        serde_json::from_slice(&answer.body).map_err(|_| Failure {
            reason: format!("STS ({host}) answered {} in an unknown form", self.action),
            again: false,
        })
    }

    /// Query and body, with a new nonce.
    fn signed(&self) -> (String, String) {
        let date = self
            .environment
            .now()
            .strftime("%Y-%m-%dT%H:%M:%SZ")
            .to_string();
        let nonce = uuid::Uuid::new_v4().simple().to_string();
        let mut public = vec![
            ("Action", self.action),
            ("Version", VERSION),
            ("Format", "JSON"),
            ("SignatureNonce", &*nonce),
            ("Timestamp", &*date),
        ];
        let mut own: Vec<(&str, &str)> = self
            .params
            .iter()
            .map(|(name, value)| (*name, value.as_str()))
            .collect();
        let Some(signer) = self.signer else {
            return (sign::canonical_query(&public), sign::canonical_query(&own));
        };
        public.extend([
            ("AccessKeyId", signer.access_key_id.as_str()),
            ("SignatureMethod", "HMAC-SHA1"),
            ("SignatureVersion", "1.0"),
        ]);
        if let Some(token) = &signer.security_token {
            own.push(("SecurityToken", token));
        }
        let all: Vec<_> = public.iter().chain(&own).copied().collect();
        let text = sign::v1_string_to_sign("POST", &all);
        let signature = sign::v1_signature(&signer.secret, &text);
        public.push(("Signature", &signature));
        (sign::canonical_query(&public), sign::canonical_query(&own))
    }

    fn refusal(&self, answer: &Answer) -> Failure {
        #[derive(Deserialize)]
        struct Body {
            #[serde(rename = "Code", alias = "code")]
            code: String,
            #[serde(rename = "Message", alias = "message", default)]
            message: Option<String>,
            #[serde(rename = "RequestId", alias = "requestId", default)]
            request_id: Option<String>,
        }
        let action = self.action;
        let status = answer.status;
        let Ok(body) = serde_json::from_slice::<Body>(&answer.body) else {
            // A bare 302 is how STS throttles at times.
            return Failure {
                reason: format!("STS answered {action} with HTTP {status} and no error of its own"),
                again: status == 302 || status == 429 || status >= 500,
            };
        };
        let tidy = |text: &str| self.tidy(text);
        let code = tidy(&body.code);
        let message = tidy(body.message.as_deref().unwrap_or_default());
        let request = tidy(body.request_id.as_deref().unwrap_or("none"));
        let again = code.contains("Throttling") || status >= 500 || status == 429;
        let hint = hint(&code, &message);
        Failure {
            reason: format!(
                "STS refused {action} with {code}: {message} (request {request}){hint}"
            ),
            again,
        }
    }

    /// One line of what STS says, without secrets and without the string that was signed.
    fn tidy(&self, text: &str) -> String {
        const LONGEST: usize = 500;
        let end = text
            .to_ascii_lowercase()
            .find("server string to sign")
            .unwrap_or(text.len());
        let mut text = text[..end].trim_end().to_owned();
        if let Some(signer) = self.signer {
            text = signer.cover(&text);
        }
        for (name, value) in &self.params {
            if *name == "OIDCToken" && !value.is_empty() {
                text = text.replace(value.as_str(), "***");
            }
        }
        text.chars()
            .map(|c| if c.is_control() { ' ' } else { c })
            .take(LONGEST)
            .collect()
    }
}

/// What to do about a refusal.
fn hint(code: &str, message: &str) -> &'static str {
    match code {
        "NoPermission" if message.contains("root account") => {
            "; use the keys of a RAM user, the account's own may assume no role"
        }
        "NoPermission" => {
            "; let the caller do `sts:AssumeRole` on the role, and let the role's trust policy name the caller"
        }
        "SignatureDoesNotMatch" => "; the secret does not belong to the access key id",
        "EntityNotExist.Role" => "; is the ARN of the role right?",
        "InvalidParameter.DurationSeconds" => {
            "; the role's MaxSessionDuration is the longest that it allows"
        }
        "AuthenticationFail.OIDCToken.Expired" => {
            "; the token file holds an old token: whoever writes it must renew it"
        }
        "AuthenticationFail.OIDCToken.AudienceNotMatch" => {
            "; ask for a token whose audience is a client id of the identity provider"
        }
        "AuthenticationFail.NoPermission" => {
            "; let the role's trust policy name the identity provider and its conditions fit the token"
        }
        _ if code.starts_with("InvalidTimeStamp.") || code == "IllegalTimestamp" => {
            "; is this machine's clock right?"
        }
        _ => "",
    }
}

/// Time stamps of expirations: `2006-01-02T15:04:05Z`.
pub(super) fn time(text: &str) -> Option<Timestamp> {
    text.trim().parse().ok()
}
