//! A request with its signature: a new nonce and time stamp for every try.

use jiff::Timestamp;
use reqwest::{
    Url,
    header::{HeaderMap, HeaderName, HeaderValue},
};

use crate::{
    desired::SignatureVersion,
    provider::alibaba::{
        credentials::Credentials,
        endpoints::Endpoint,
        sign,
        wire::{VERSION, request::Request},
    },
};

/// URL and headers of a POST without a body: what the official SDKs send.
pub(super) fn sign(
    endpoint: &Endpoint,
    request: &Request,
    version: SignatureVersion,
    credentials: &Credentials,
) -> Result<(Url, HeaderMap), String> {
    let date = Timestamp::now().strftime("%Y-%m-%dT%H:%M:%SZ").to_string();
    let nonce = uuid::Uuid::new_v4().simple().to_string();
    match version {
        SignatureVersion::V1 => Ok((
            v1(endpoint, request, credentials, &date, &nonce),
            HeaderMap::new(),
        )),
        SignatureVersion::V3 => v3(endpoint, request, credentials, &date, &nonce),
    }
}

fn v1(
    endpoint: &Endpoint,
    request: &Request,
    credentials: &Credentials,
    date: &str,
    nonce: &str,
) -> Url {
    let mut params: Vec<(&str, &str)> = request
        .params
        .iter()
        .map(|(name, value)| (name.as_str(), value.as_str()))
        .collect();
    params.extend([
        ("Action", request.action),
        ("Version", VERSION),
        ("Format", "JSON"),
        ("AccessKeyId", credentials.access_key_id.as_str()),
        ("SignatureMethod", "HMAC-SHA1"),
        ("SignatureVersion", "1.0"),
        ("SignatureNonce", nonce),
        ("Timestamp", date),
    ]);
    if let Some(token) = &credentials.security_token {
        params.push(("SecurityToken", token));
    }
    let text = sign::v1_string_to_sign("POST", &params);
    let signature = sign::v1_signature(&credentials.secret, &text);
    params.push(("Signature", &signature));
    endpoint.with_query(&sign::canonical_query(&params))
}

fn v3(
    endpoint: &Endpoint,
    request: &Request,
    credentials: &Credentials,
    date: &str,
    nonce: &str,
) -> Result<(Url, HeaderMap), String> {
    let query = sign::canonical_query(&request.params);
    let host = endpoint.authority();
    let mut signed: Vec<(&'static str, &str)> = vec![
        ("host", &host),
        ("x-acs-action", request.action),
        ("x-acs-content-sha256", sign::EMPTY_SHA256),
        ("x-acs-date", date),
        ("x-acs-signature-nonce", nonce),
        ("x-acs-version", VERSION),
    ];
    if let Some(token) = &credentials.security_token {
        signed.push(("x-acs-accesskey-id", &credentials.access_key_id));
        signed.push(("x-acs-security-token", token));
    }
    signed.sort_unstable();
    let canonical = sign::v3_canonical_request("POST", &query, &signed, sign::EMPTY_SHA256);
    let signature = sign::v3_signature(&credentials.secret, &sign::v3_string_to_sign(&canonical));
    let authorization = sign::v3_authorization(
        &credentials.access_key_id,
        &sign::signed_headers(&signed),
        &signature,
    );
    signed.push(("accept", "application/json"));
    signed.push(("authorization", &authorization));
    let mut headers = HeaderMap::with_capacity(signed.len());
    for (name, value) in signed {
        let mut value = HeaderValue::from_str(value).map_err(|_| {
            format!("the credentials hold a character that no {name} header can carry")
        })?;
        value.set_sensitive(matches!(name, "authorization" | "x-acs-security-token"));
        headers.insert(HeaderName::from_static(name), value);
    }
    Ok((endpoint.with_query(&query), headers))
}
