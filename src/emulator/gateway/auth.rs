//! Who sends a request, and whether it is theirs, whole, fresh and new.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use jiff::{Timestamp, civil::DateTime, tz::TimeZone};

use super::{Credential, Nonces, Request, Scheme, unsupported};
use crate::{
    emulator::error::{ApiError, absent, bad, missing_parameter},
    provider::alibaba::sign,
};

/// Seconds that a time stamp may differ from the clock, either way.
const TOLERANCE: i64 = 15 * 60;

/// What both schemes come down to.
struct Claim<'a> {
    key_id: &'a str,
    token: Option<&'a str>,
    time: &'a str,
    nonce: &'a str,
    signature: &'a str,
}

pub(super) fn verify<'c>(
    request: &Request<'_>,
    credentials: &'c [Credential],
    nonces: &Nonces,
    now: Timestamp,
) -> Result<&'c Credential, ApiError> {
    let claim = match request.signed {
        Scheme::V1 => v1_claim(request)?,
        Scheme::V3 => v3_claim(request)?,
    };
    let credential = known_key(&claim, credentials, now)?;
    fresh(claim.time, now)?;
    match request.signed {
        Scheme::V1 => v1_signature(request, &claim, &credential.secret)?,
        Scheme::V3 => v3_signature(request, &claim, &credential.secret)?,
    }
    if !nonces.take(claim.key_id, claim.nonce, now) {
        return Err(bad(
            "SignatureNonceUsed",
            "Specified signature nonce was used already.",
        ));
    }
    Ok(credential)
}

fn v1_claim<'a>(request: &'a Request<'_>) -> Result<Claim<'a>, ApiError> {
    let need = |name: &str| request.public(name).ok_or_else(|| missing_parameter(name));
    need("Action")?;
    need("Version")?;
    let claim = Claim {
        key_id: need("AccessKeyId")?,
        token: request.public("SecurityToken"),
        time: request
            .public("Timestamp")
            .ok_or_else(|| missing_parameter("TimeStamp"))?,
        nonce: need("SignatureNonce")?,
        signature: need("Signature")?,
    };
    if need("SignatureMethod")? != "HMAC-SHA1" {
        return Err(bad(
            "InvalidSignatureMethod",
            "Specified signature method is not valid.",
        ));
    }
    if request.public("SignatureType").is_some() {
        return Err(unsupported());
    }
    let well_formed = STANDARD
        .decode(claim.signature)
        .is_ok_and(|bytes| bytes.len() == 20);
    if need("SignatureVersion")? != "1.0" || !well_formed {
        return Err(incomplete());
    }
    Ok(claim)
}

fn v3_claim<'a>(request: &'a Request<'_>) -> Result<Claim<'a>, ApiError> {
    let need = |name: &str| request.public(name).ok_or_else(|| missing_parameter(name));
    need("x-acs-action")?;
    need("x-acs-version")?;
    let time = need("x-acs-date")?;
    let nonce = need("x-acs-signature-nonce")?;
    need("x-acs-content-sha256")?;
    let authorization =
        Authorization::read(request.header("authorization").ok_or_else(incomplete)?)
            .ok_or_else(incomplete)?;
    let names: Vec<&str> = authorization.signed_headers.split(';').collect();
    let signed = |name: &str| names.contains(&name);
    let all_signed = request
        .headers
        .keys()
        .all(|name| !name.starts_with("x-acs-") || signed(name));
    if !signed("host")
        || !all_signed
        || !names.is_sorted_by(|a, b| a < b)
        || !names.iter().all(|name| request.headers.contains_key(*name))
    {
        return Err(incomplete());
    }
    Ok(Claim {
        key_id: authorization.key_id,
        token: request.public("x-acs-security-token"),
        time,
        nonce,
        signature: authorization.signature,
    })
}

/// The parts of the V3 `Authorization` header.
struct Authorization<'a> {
    key_id: &'a str,
    signed_headers: &'a str,
    signature: &'a str,
}

impl<'a> Authorization<'a> {
    fn read(text: &'a str) -> Option<Self> {
        let parts = text.strip_prefix(sign::V3_ALGORITHM)?.strip_prefix(' ')?;
        let mut parts = parts.split(',').map(str::trim);
        let key_id = parts.next()?.strip_prefix("Credential=")?;
        let signed_headers = parts.next()?.strip_prefix("SignedHeaders=")?;
        let signature = parts.next()?.strip_prefix("Signature=")?;
        let hex = |c: char| c.is_ascii_digit() || ('a'..='f').contains(&c);
        let whole = parts.next().is_none()
            && !key_id.is_empty()
            && signature.len() == 64
            && signature.chars().all(hex);
        whole.then_some(Self {
            key_id,
            signed_headers,
            signature,
        })
    }
}

/// The key id of a V3 `Authorization` header, empty when there is none.
pub(super) fn claimed_key(authorization: &str) -> &str {
    Authorization::read(authorization).map_or("", |parts| parts.key_id)
}

fn known_key<'c>(
    claim: &Claim<'_>,
    credentials: &'c [Credential],
    now: Timestamp,
) -> Result<&'c Credential, ApiError> {
    let mut of_id = credentials.iter().filter(|key| key.id == claim.key_id);
    let Some(first) = of_id.clone().next() else {
        return Err(absent(
            "InvalidAccessKeyId.NotFound",
            "Specified access key is not found.",
        ));
    };
    // One id may stand for a permanent key and for temporary ones with different tokens.
    let credential = of_id
        .find(|key| key.security_token.as_deref() == claim.token)
        .ok_or_else(|| match (claim.token, &first.security_token) {
            (None, _) => bad(
                "MissingSecurityToken",
                "SecurityToken is mandatory for this action.",
            ),
            (Some(_), None) => bad(
                "InvalidSecurityToken.Malformed",
                "Specified SecurityToken is malformed.",
            ),
            (Some(_), Some(_)) => bad(
                "InvalidSecurityToken.MismatchWithAccessKey",
                "Specified SecurityToken mismatch with the AccessKey.",
            ),
        })?;
    if credential.disabled {
        return Err(bad(
            "InvalidAccessKeyId.Inactive",
            "Specified access key is disabled.",
        ));
    }
    if credential.expires.is_some_and(|end| end <= now) {
        return Err(bad(
            "InvalidSecurityToken.Expired",
            "Specified SecurityToken is expired.",
        ));
    }
    Ok(credential)
}

pub(super) fn fresh(text: &str, now: Timestamp) -> Result<(), ApiError> {
    let time = parse_time(text).ok_or_else(|| {
        bad(
            "InvalidTimeStamp.Format",
            "Specified time stamp or date value is not well formatted.",
        )
    })?;
    if (now.as_second() - time.as_second()).abs() > TOLERANCE {
        return Err(bad(
            "InvalidTimeStamp.Expired",
            "Specified time stamp or date value is expired.",
        ));
    }
    Ok(())
}

/// `YYYY-MM-DDThh:mm:ssZ` and nothing else.
fn parse_time(text: &str) -> Option<Timestamp> {
    if text.len() != 20 {
        return None;
    }
    let time = DateTime::strptime("%Y-%m-%dT%H:%M:%SZ", text).ok()?;
    Some(time.to_zoned(TimeZone::UTC).ok()?.timestamp())
}

fn v1_signature(request: &Request<'_>, claim: &Claim<'_>, secret: &str) -> Result<(), ApiError> {
    let params: Vec<(&str, &str)> = request
        .all
        .iter()
        .filter(|(name, _)| *name != "Signature")
        .map(|(name, value)| (&**name, &**value))
        .collect();
    let text = sign::v1_string_to_sign(&request.raw.method, &params);
    matches(claim, &sign::v1_signature(secret, &text), &text)
}

fn v3_signature(request: &Request<'_>, claim: &Claim<'_>, secret: &str) -> Result<(), ApiError> {
    let payload = sign::sha256_hex(&request.raw.body);
    let authorization = Authorization::read(request.header("authorization").unwrap_or_default())
        .ok_or_else(incomplete)?;
    let headers: Vec<(&str, &str)> = authorization
        .signed_headers
        .split(';')
        .map(|name| (name, request.header(name).unwrap_or_default()))
        .collect();
    let canonical = sign::v3_canonical_request(
        &request.raw.method,
        &sign::canonical_query(&request.query),
        &headers,
        &payload,
    );
    let text = sign::v3_string_to_sign(&canonical);
    if request.public("x-acs-content-sha256") != Some(&payload) {
        return Err(mismatch(&text));
    }
    matches(claim, &sign::v3_signature(secret, &text), &text)
}

fn matches(claim: &Claim<'_>, expected: &str, string_to_sign: &str) -> Result<(), ApiError> {
    // Without an early end, so that the time taken does not tell how much was right.
    let differing = claim
        .signature
        .bytes()
        .zip(expected.bytes())
        .fold(0, |bits, (a, b)| bits | (a ^ b));
    if differing == 0 && claim.signature.len() == expected.len() {
        Ok(())
    } else {
        Err(mismatch(string_to_sign))
    }
}

fn mismatch(string_to_sign: &str) -> ApiError {
    bad(
        "SignatureDoesNotMatch",
        format!(
            "Specified signature is not matched with our calculation. server string to sign is:{string_to_sign}"
        ),
    )
}

fn incomplete() -> ApiError {
    bad(
        "IncompleteSignature",
        "The request signature does not conform to Aliyun standards.",
    )
}
