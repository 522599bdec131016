//! Credentials from a URI: one GET, one JSON object.

use std::time::Duration;

use reqwest::{Method, Url};

use super::{
    Found,
    http::{self, Ask, Limits},
    temporary::Wire,
};
use crate::provider::alibaba::endpoints::{Endpoint, METADATA_HOST};

const LIMITS: Limits = Limits {
    connect: Duration::from_secs(5),
    read: Duration::from_secs(10),
    proxy: true,
};

/// Asks for them. The URI may hold a key, so that errors name the host alone.
pub(super) async fn credentials(uri: &str) -> Result<Found, String> {
    let url = Url::parse(uri)
        .ok()
        .filter(|url| matches!(url.scheme(), "http" | "https") && url.host_str().is_some())
        .ok_or_else(|| "the credentials URI is no http or https URL".to_owned())?;
    let host = url.host_str().unwrap_or_default().to_owned();
    let metadata = host == METADATA_HOST;
    let endpoint = Endpoint::of_url(&url);
    if endpoint.is_plain() && !endpoint.is_loopback() && !metadata {
        return Err(format!(
            "the credentials URI at {host} must use https; plain http is for this machine's own addresses and \
             {METADATA_HOST} only"
        ));
    }
    let limits = Limits {
        proxy: !metadata,
        ..LIMITS
    };
    let failed = |reason: &str| format!("the credentials URI at {host} {reason}");
    let client = http::client(&endpoint, limits).map_err(|broken| broken.reason)?;
    let ask = Ask {
        method: Method::GET,
        url,
        headers: &[("accept", "application/json")],
        body: String::new(),
    };
    let answer = http::exchange(&client, ask)
        .await
        .map_err(|broken| failed(&format!("gave no answer: {}", broken.reason)))?;
    if answer.status != 200 {
        return Err(failed(&format!("answered with HTTP {}", answer.status)));
    }
    let wrong = |reason: String| failed(&format!("gave an answer that {reason}"));
    let wire = Wire::read(&answer.body).map_err(wrong)?;
    wire.succeeded().map_err(wrong)?;
    let session = wire.session().map_err(wrong)?;
    Ok(Found::session(
        session,
        format!("credentials URI at {host}"),
    ))
}
