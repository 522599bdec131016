//! A request with its signature: a new nonce and time stamp for every try.

use std::borrow::Cow;

use jiff::Timestamp;
use reqwest::{
    Url,
    header::{CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue},
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

/// Parameters that are longer than this travel in a form body: 100 rules with long descriptions make more than a
/// request line can hold. Shorter ones travel in the query, as the official SDKs send them; the API takes both.
const LONGEST_QUERY: usize = 30_000;

const FORM: &str = "application/x-www-form-urlencoded";

/// A POST that is ready to be sent.
pub(super) struct Signed {
    pub(super) url: Url,
    pub(super) headers: HeaderMap,
    pub(super) body: String,
}

/// Signs a request.
pub(super) fn sign(
    endpoint: &Endpoint,
    request: &Request,
    version: SignatureVersion,
    credentials: &Credentials,
    now: Timestamp,
) -> Result<Signed, String> {
    let date = now.strftime("%Y-%m-%dT%H:%M:%SZ").to_string();
    let nonce = uuid::Uuid::new_v4().simple().to_string();
    let params = sign::canonical_query(&request.params);
    let (query, body) = if params.len() <= LONGEST_QUERY {
        (params, String::new())
    } else {
        (String::new(), params)
    };
    match version {
        SignatureVersion::V1 => Ok(v1(endpoint, request, credentials, &date, &nonce, body)),
        SignatureVersion::V3 => v3(endpoint, request, credentials, &date, &nonce, &query, body),
    }
}

fn v1(
    endpoint: &Endpoint,
    request: &Request,
    credentials: &Credentials,
    date: &str,
    nonce: &str,
    body: String,
) -> Signed {
    let mut public = vec![
        ("Action", request.action),
        ("Version", VERSION),
        ("Format", "JSON"),
        ("AccessKeyId", credentials.access_key_id.as_str()),
        ("SignatureMethod", "HMAC-SHA1"),
        ("SignatureVersion", "1.0"),
        ("SignatureNonce", nonce),
        ("Timestamp", date),
    ];
    if let Some(token) = &credentials.security_token {
        public.push(("SecurityToken", token));
    }
    let mut params: Vec<(&str, &str)> = request
        .params
        .iter()
        .map(|(name, value)| (name.as_str(), value.as_str()))
        .collect();
    params.extend(&public);
    let text = sign::v1_string_to_sign("POST", &params);
    let signature = sign::v1_signature(&credentials.secret, &text);
    let mut headers = HeaderMap::new();
    let mut query = if body.is_empty() {
        params
    } else {
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(FORM));
        public
    };
    query.push(("Signature", &signature));
    Signed {
        url: endpoint.with_query(&sign::canonical_query(&query)),
        headers,
        body,
    }
}

fn v3(
    endpoint: &Endpoint,
    request: &Request,
    credentials: &Credentials,
    date: &str,
    nonce: &str,
    query: &str,
    body: String,
) -> Result<Signed, String> {
    let host = endpoint.authority();
    let hash = match body.as_str() {
        "" => Cow::Borrowed(sign::EMPTY_SHA256),
        body => Cow::Owned(sign::sha256_hex(body.as_bytes())),
    };
    let mut signed: Vec<(&'static str, &str)> = vec![
        ("host", &host),
        ("x-acs-action", request.action),
        ("x-acs-content-sha256", &hash),
        ("x-acs-date", date),
        ("x-acs-signature-nonce", nonce),
        ("x-acs-version", VERSION),
    ];
    if !body.is_empty() {
        signed.push(("content-type", FORM));
    }
    if let Some(token) = &credentials.security_token {
        signed.push(("x-acs-accesskey-id", &credentials.access_key_id));
        signed.push(("x-acs-security-token", token));
    }
    signed.sort_unstable();
    let canonical = sign::v3_canonical_request("POST", query, &signed, &hash);
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
    Ok(Signed {
        url: endpoint.with_query(query),
        headers,
        body,
    })
}
