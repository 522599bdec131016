//! The RAM role of the ECS instance that this runs on, from the instance's metadata service. Asked over plain HTTP as it
//! is served, never through a proxy, and with short limits: elsewhere there is nobody at that address.

use std::time::Duration;

use reqwest::{Client, Method};

use super::{
    Found,
    environment::Environment,
    http::{self, Answer, Ask, Limits},
    temporary::Wire,
};
use crate::provider::alibaba::endpoints::Endpoint;

const LIMITS: Limits = Limits {
    connect: Duration::from_secs(1),
    read: Duration::from_secs(1),
    proxy: false,
};

/// Seconds that a token of the service is asked for.
const TOKEN_SECONDS: &str = "21600";

const TOKEN_PATH: &str = "/latest/api/token";
const ROLES_PATH: &str = "/latest/meta-data/ram/security-credentials/";

/// The credentials of the instance's role; a name spares one question.
pub(super) async fn credentials(
    environment: &Environment,
    role: Option<&str>,
) -> Result<Found, String> {
    if environment.is_true("ALIBABA_CLOUD_ECS_METADATA_DISABLED") {
        return Err("ALIBABA_CLOUD_ECS_METADATA_DISABLED is true".to_owned());
    }
    let endpoint = environment.metadata_endpoint()?;
    let service = Service {
        client: http::client(&endpoint, LIMITS).map_err(|broken| broken.reason)?,
        endpoint,
    };
    let token = service
        .token(environment.is_true("ALIBABA_CLOUD_IMDSV1_DISABLED"))
        .await?;
    let role = role.or_else(|| environment.get("ALIBABA_CLOUD_ECS_METADATA"));
    let role = match role {
        Some(role) => role.to_owned(),
        None => service.role(token.as_deref()).await?,
    };
    let wire = service.get(&role_path(&role)?, token.as_deref()).await?;
    let answer = match wire.status {
        200 => &wire.body,
        404 => {
            return Err(format!(
                "the instance has no RAM role `{role}`; attach it, or leave its name out"
            ));
        }
        status => return Err(format!("the metadata service answered with HTTP {status}")),
    };
    let wrong = |reason| format!("what the metadata service has of role `{role}` {reason}");
    let wire = Wire::read(answer).map_err(wrong)?;
    wire.succeeded().map_err(wrong)?;
    let session = wire.session().map_err(wrong)?;
    Ok(Found::session(
        session,
        format!("role `{role}` of this ECS instance"),
    ))
}

/// The name becomes part of a path.
fn role_path(role: &str) -> Result<String, String> {
    let allowed = |c: char| c.is_ascii_alphanumeric() || ".-_".contains(c);
    if role.is_empty() || role.len() > 64 || role.starts_with('.') || !role.chars().all(allowed) {
        return Err(
            "the name of the instance's RAM role has characters that no role has".to_owned(),
        );
    }
    Ok(format!("{ROLES_PATH}{role}"))
}

struct Service {
    endpoint: Endpoint,
    client: Client,
}

impl Service {
    /// A token proves that the question comes from the instance itself; older services know none.
    async fn token(&self, needed: bool) -> Result<Option<String>, String> {
        let ask = Ask {
            method: Method::PUT,
            url: self.endpoint.with_path(TOKEN_PATH),
            headers: &[("x-aliyun-ecs-metadata-token-ttl-seconds", TOKEN_SECONDS)],
            body: String::new(),
        };
        let reason = match http::exchange(&self.client, ask).await {
            Ok(answer) if answer.status == 200 => match answer.line() {
                Some(token) => return Ok(Some(token.to_owned())),
                None => "it gave an empty one".to_owned(),
            },
            Ok(answer) => format!("HTTP {}", answer.status),
            // Nobody is there: a second wait would tell nothing new.
            Err(broken) if broken.unreachable => {
                return Err(format!(
                    "the metadata service ({}) gave no answer: {}",
                    self.endpoint.authority(),
                    broken.reason
                ));
            }
            // In a container the answer to this question may be lost on its way, while others arrive.
            Err(broken) => broken.reason,
        };
        if needed {
            return Err(format!(
                "the metadata service gave no token ({reason}), and ALIBABA_CLOUD_IMDSV1_DISABLED forbids to go on \
                 without"
            ));
        }
        tracing::debug!(
            reason,
            "the metadata service gave no token; going on without"
        );
        Ok(None)
    }

    async fn role(&self, token: Option<&str>) -> Result<String, String> {
        let answer = self.get(ROLES_PATH, token).await?;
        match answer.status {
            200 => answer
                .line()
                .map(str::to_owned)
                .ok_or_else(|| "the instance has no RAM role".to_owned()),
            404 => Err("the instance has no RAM role".to_owned()),
            status => Err(format!(
                "the metadata service answered with HTTP {status} when asked for the role"
            )),
        }
    }

    async fn get(&self, path: &str, token: Option<&str>) -> Result<Answer, String> {
        let header = token.map(|token| ("x-aliyun-ecs-metadata-token", token));
        let ask = Ask {
            method: Method::GET,
            url: self.endpoint.with_path(path),
            headers: header.as_slice(),
            body: String::new(),
        };
        http::exchange(&self.client, ask)
            .await
            .map_err(|broken| format!("the metadata service gave no answer: {}", broken.reason))
    }
}
