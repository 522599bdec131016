//! What went wrong, as far as callers act differently. Decided by the cloud's code, not by the HTTP status: the same
//! code comes with different statuses. Nothing that was signed or is secret gets into an error.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp, fmt::rfc2822::DateTimeParser};
use reqwest::{
    StatusCode,
    header::{self, HeaderMap},
};
use serde::Deserialize;

use crate::provider::{ProviderError, alibaba::credentials::Credentials};

/// The cloud's error body; older gateways begin the names in lower case.
#[derive(Deserialize)]
struct Body {
    #[serde(rename = "Code", alias = "code")]
    code: String,
    #[serde(rename = "Message", alias = "message", default)]
    message: Option<String>,
    #[serde(rename = "RequestId", alias = "requestId", default)]
    request_id: Option<String>,
}

/// What might help before the next try.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Remedy {
    /// Nothing but time, if that.
    None,
    /// Other credentials.
    Credentials,
    /// That whoever listens says something, which is not to be waited for long.
    Voice,
    /// Fewer calls of the action.
    SlowDown(Option<Duration>),
}

/// The failure behind an answer that is no success, and what might help.
pub(super) fn refusal(
    status: StatusCode,
    headers: &HeaderMap,
    body: &[u8],
    credentials: &Credentials,
) -> (ProviderError, Remedy) {
    let Ok(body) = serde_json::from_slice::<Body>(body) else {
        let error = without_code(status, headers);
        let remedy = match error {
            ProviderError::Throttled { retry_after, .. } => Remedy::SlowDown(retry_after),
            _ => Remedy::None,
        };
        return (error, remedy);
    };
    let code = tidy(&body.code, credentials);
    let message = tidy(body.message.as_deref().unwrap_or_default(), credentials);
    let request_id = tidy(body.request_id.as_deref().unwrap_or_default(), credentials);
    let class = Class::of(&code, &message, status);
    let error = match class {
        Class::Throttled | Class::Busy => ProviderError::Throttled {
            code,
            retry_after: retry_after(headers),
        },
        Class::Unavailable => ProviderError::Unavailable {
            message: format!("{code}: {message}"),
            request_id: Some(request_id),
            not_sent: false,
        },
        Class::Credentials | Class::StaleCredentials => ProviderError::Credentials {
            message: credentials_message(&code, &message, &request_id, headers, credentials),
        },
        Class::Refused => ProviderError::Refused {
            code,
            message,
            request_id,
        },
    };
    let remedy = match class {
        Class::Throttled => Remedy::SlowDown(retry_after(headers)),
        Class::StaleCredentials => Remedy::Credentials,
        Class::Busy | Class::Unavailable | Class::Credentials | Class::Refused => Remedy::None,
    };
    (error, remedy)
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Class {
    /// Nothing was done, because of the number of calls.
    Throttled,
    /// Nothing was done, because something else is being done to the same thing.
    Busy,
    /// What was done is unknown.
    Unavailable,
    /// The key, the signature or the clock is wrong.
    Credentials,
    /// The key or token is no longer good; the source may have another by now.
    StaleCredentials,
    Refused,
}

impl Class {
    fn of(code: &str, message: &str, status: StatusCode) -> Self {
        if code.to_ascii_lowercase().contains("throttling") {
            return Self::Throttled;
        }
        match code {
            // Another change of the same thing is under way, or the first copy of this one: later, again.
            "OperationConflict"
            | "InvalidOperation.Conflict"
            | "TaskConflict"
            | "IdempotentProcessing"
            | "LastTokenProcessing"
            | "IncorrectVpcStatus" => Self::Busy,
            // A nonce is sent once, so that a used one means that a copy of the request was received.
            "InternalError"
            | "UnknownError"
            | "InvalidGressFlow.Malformed"
            | "SignatureNonceUsed" => Self::Unavailable,
            "InvalidAccessKeyId.NotFound"
            | "MissingSecurityToken"
            | "InvalidSecurityToken.Expired"
            | "InvalidSecurityToken.Malformed"
            | "InvalidSecurityToken.MismatchWithAccessKey" => Self::StaleCredentials,
            "InvalidParameter" if message.contains("SecurityToken.Expired") => {
                Self::StaleCredentials
            }
            "Forbidden.AccessKeyDisabled"
            | "IncompleteSignature"
            | "InvalidSignatureMethod"
            | "SignatureDoesNotMatch"
            | "IllegalTimestamp"
            | "MissingAccessKeyId"
            | "MissingSignature" => Self::Credentials,
            _ if code == "ServiceUnavailable" || code.starts_with("ServiceUnavailable.") => {
                Self::Unavailable
            }
            _ if [
                "InvalidAccessKeyId.",
                "InvalidSecurityToken.",
                "InvalidTimeStamp.",
            ]
            .iter()
            .any(|prefix| code.starts_with(prefix)) =>
            {
                Self::Credentials
            }
            _ if status == StatusCode::TOO_MANY_REQUESTS => Self::Throttled,
            _ if status.is_server_error() => Self::Unavailable,
            _ => Self::Refused,
        }
    }
}

/// An answer that is not the API's own: a gateway or a proxy on the way. Its text is not shown, it may repeat what
/// was sent.
fn without_code(status: StatusCode, headers: &HeaderMap) -> ProviderError {
    if status == StatusCode::TOO_MANY_REQUESTS {
        return ProviderError::Throttled {
            code: "HTTP 429".to_owned(),
            retry_after: retry_after(headers),
        };
    }
    let code = format!("HTTP {}", status.as_u16());
    if status.is_server_error() {
        return ProviderError::Unavailable {
            message: format!("{code} without an error of the API"),
            request_id: None,
            not_sent: false,
        };
    }
    ProviderError::Refused {
        code,
        message: "the answer is not the API's; is the endpoint right, or is a proxy in the way?"
            .to_owned(),
        request_id: "none".to_owned(),
    }
}

fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let milliseconds = headers.get("x-acs-retry-after")?.to_str().ok()?;
    Some(Duration::from_millis(milliseconds.trim().parse().ok()?))
}

fn credentials_message(
    code: &str,
    message: &str,
    request_id: &str,
    headers: &HeaderMap,
    credentials: &Credentials,
) -> String {
    let id = &credentials.access_key_id;
    let hint = match code {
        "SignatureDoesNotMatch" => {
            return format!(
                "the cloud does not take the signature ({code}, request {request_id}): the secret of access key {id} is \
                 wrong, or it belongs to another key"
            );
        }
        "IllegalTimestamp" => clock(headers, Timestamp::now()),
        _ if code.starts_with("InvalidTimeStamp.") => clock(headers, Timestamp::now()),
        _ if code.contains("SecurityToken") || message.contains("SecurityToken") => {
            "; get a new session token".to_owned()
        }
        _ => String::new(),
    };
    format!(
        "the cloud does not take access key {id} ({code}, request {request_id}): {message}{hint}"
    )
}

/// How far this machine's clock is from the cloud's.
fn clock(headers: &HeaderMap, now: Timestamp) -> String {
    let theirs = headers
        .get(header::DATE)
        .and_then(|date| date.to_str().ok())
        .and_then(|date| DateTimeParser::new().parse_timestamp(date).ok());
    match theirs {
        Some(theirs) => {
            let ahead = now.duration_since(theirs);
            let way = if ahead < SignedDuration::ZERO {
                "behind"
            } else {
                "ahead of"
            };
            format!(
                "; this machine's clock is {} s {way} the cloud's: set it right",
                ahead.abs().as_secs()
            )
        }
        None => "; is this machine's clock right?".to_owned(),
    }
}

/// One line without secrets and without the string that was signed, which SignatureDoesNotMatch repeats.
fn tidy(text: &str, credentials: &Credentials) -> String {
    const LONGEST: usize = 1000;
    let end = text
        .to_ascii_lowercase()
        .find("string to sign")
        .unwrap_or(text.len());
    let mut text: String = credentials
        .cover(&text[..end])
        .chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .take(LONGEST)
        .collect();
    text.truncate(text.trim_end().len());
    text
}

/// The failure behind an error of the HTTP client; its URL holds the signature and is left out.
pub(super) fn transport(error: reqwest::Error) -> (ProviderError, Remedy) {
    let not_sent = error.is_connect();
    let remedy = match !not_sent && error.is_timeout() {
        true => Remedy::Voice,
        false => Remedy::None,
    };
    let what = if not_sent {
        "the cloud cannot be reached"
    } else if error.is_timeout() {
        "the cloud did not answer in time"
    } else {
        "the connection to the cloud failed"
    };
    let error = ProviderError::Unavailable {
        message: format!("{what}: {}", causes(&error.without_url())),
        request_id: None,
        not_sent,
    };
    (error, remedy)
}

/// An error with what is behind it.
pub(super) fn causes(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        next = cause.source();
    }
    text
}
