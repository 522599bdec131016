//! The metadata service of an ECS instance: a token, the region, and the RAM role with its credentials. Served below
//! `/latest/` of the listener when the configuration names an instance role.

use std::{
    collections::BTreeMap,
    sync::{Mutex, PoisonError},
};

use jiff::{SignedDuration, Timestamp};
use serde_json::json;

use super::{
    gateway::{Credential, RawRequest, RawResponse},
    sts::{Principal, Sts, split_role, stamp},
};

/// How long the credentials of the role last, in seconds.
const LIFE: i64 = 6 * 3600;

/// New ones are there this long before the old ones end.
const AHEAD: SignedDuration = SignedDuration::from_mins(30);

const ROLES: &str = "/latest/meta-data/ram/security-credentials/";

/// Tokens and credentials that were given.
#[derive(Debug, Default)]
pub(super) struct Metadata(Mutex<Given>);

#[derive(Debug, Default)]
struct Given {
    tokens: BTreeMap<String, Timestamp>,
    /// The credentials and when they were made.
    current: Option<(Credential, Timestamp)>,
}

impl Sts {
    /// The answer of the metadata service, when the request is for it.
    pub(super) fn metadata(&self, raw: &RawRequest, now: Timestamp) -> Option<RawResponse> {
        let arn = self.identities.instance_role.as_deref()?;
        let path = raw.path.strip_prefix("/latest/")?;
        let (account, role) = split_role(arn)?;
        let mut given = self
            .metadata
            .0
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        given.tokens.retain(|_, end| *end > now);
        if path == "api/token" {
            return Some(token(&mut given, raw, now));
        }
        if raw.method != "GET" {
            return Some(text(405, ""));
        }
        let allowed = match header(raw, "x-aliyun-ecs-metadata-token") {
            Some(token) => given.tokens.contains_key(token),
            None => !self.identities.metadata_token_required,
        };
        if !allowed {
            return Some(text(403, "403 - Forbidden"));
        }
        if path == "meta-data/region-id" {
            return Some(text(200, "cn-hangzhou"));
        }
        Some(match raw.path.strip_prefix(ROLES) {
            Some("") => text(200, role),
            Some(name) if name == role => {
                let (key, made) = match given.current.take() {
                    Some((key, made)) if key.expires.is_some_and(|end| end - AHEAD > now) => {
                        (key, made)
                    }
                    _ => {
                        let session = Principal::Session {
                            account: account.to_owned(),
                            role: role.to_owned(),
                            session: "i-bp1instance00000000".to_owned(),
                        };
                        (self.give(session, LIFE, now), now)
                    }
                };
                let body = json!({
                    "AccessKeyId": key.id,
                    "AccessKeySecret": key.secret,
                    "SecurityToken": key.security_token,
                    "Expiration": stamp(key.expires.unwrap_or(now)),
                    "LastUpdated": stamp(made),
                    "Code": "Success",
                });
                given.current = Some((key, made));
                text(200, &body.to_string())
            }
            _ => text(404, "404 - Not Found"),
        })
    }
}

fn token(given: &mut Given, raw: &RawRequest, now: Timestamp) -> RawResponse {
    if raw.method != "PUT" {
        return text(405, "");
    }
    let seconds = header(raw, "x-aliyun-ecs-metadata-token-ttl-seconds")
        .and_then(|text| text.parse::<i64>().ok())
        .filter(|seconds| (1..=21_600).contains(seconds));
    let Some(seconds) = seconds else {
        return text(400, "400 - Bad Request");
    };
    let token = uuid::Uuid::new_v4().simple().to_string();
    given
        .tokens
        .insert(token.clone(), now + SignedDuration::from_secs(seconds));
    text(200, &token)
}

fn header<'a>(raw: &'a RawRequest, name: &str) -> Option<&'a str> {
    let mut headers = raw.headers.iter();
    headers
        .find(|(known, _)| known.eq_ignore_ascii_case(name))
        .map(|(_, value)| value.as_str())
}

fn text(status: u16, body: &str) -> RawResponse {
    RawResponse {
        status,
        content_type: "text/plain",
        request_id: uuid::Uuid::new_v4().to_string(),
        body: body.as_bytes().to_vec(),
        retry_after_ms: None,
    }
}
