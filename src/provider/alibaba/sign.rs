//! The two request signatures of the cloud, as pure functions; the client makes them, the emulator checks them.
//!
//! V1 is HMAC-SHA1 over all parameters ("Signature method V2 for RPC APIs"), V3 is ACS3-HMAC-SHA256 over query, headers and
//! body ("Request syntax and signature method V3").

use base64::{Engine as _, engine::general_purpose::STANDARD};
use hmac::{Hmac, KeyInit, Mac};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use sha1::Sha1;
use sha2::Sha256;

use crate::digest::hex;
pub use crate::digest::sha256_hex;

/// SHA-256 of nothing, in hex: the payload hash of a request without a body.
pub const EMPTY_SHA256: &str = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

/// Name of the V3 algorithm, as it stands in `Authorization`.
pub const V3_ALGORITHM: &str = "ACS3-HMAC-SHA256";

/// RFC 3986: letters, digits and `-_.~` stay, everything else is `%XX`.
const UNRESERVED: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'_')
    .remove(b'.')
    .remove(b'~');

/// Percent-encodes as both signatures want it; a space is `%20`.
pub fn encode(text: &str) -> impl std::fmt::Display + '_ {
    utf8_percent_encode(text, UNRESERVED)
}

/// `name=value` pairs sorted by name as bytes, encoded, joined with `&`: also what is sent as the query string.
pub fn canonical_query<N: AsRef<str>, V: AsRef<str>>(params: &[(N, V)]) -> String {
    use std::fmt::Write as _;
    let mut pairs: Vec<(&str, &str)> = params
        .iter()
        .map(|(name, value)| (name.as_ref(), value.as_ref()))
        .collect();
    pairs.sort_unstable();
    let mut query = String::with_capacity(pairs.len() * 32);
    for (name, value) in pairs {
        if !query.is_empty() {
            query.push('&');
        }
        write!(query, "{}={}", encode(name), encode(value)).expect("writing to a String");
    }
    query
}

/// What V1 signs: every parameter of query and form but `Signature`.
pub fn v1_string_to_sign<N: AsRef<str>, V: AsRef<str>>(method: &str, params: &[(N, V)]) -> String {
    format!("{method}&%2F&{}", encode(&canonical_query(params)))
}

/// The V1 signature of a string to sign, in base64.
pub fn v1_signature(secret: &str, string_to_sign: &str) -> String {
    let mut mac = Hmac::<Sha1>::new_from_slice(format!("{secret}&").as_bytes())
        .expect("HMAC takes keys of any length");
    mac.update(string_to_sign.as_bytes());
    STANDARD.encode(mac.finalize().into_bytes())
}

/// What V3 hashes. `headers` are those that are signed: lower-case names, trimmed values, sorted by name.
/// The path of RPC-style actions is always `/`.
pub fn v3_canonical_request(
    method: &str,
    canonical_query: &str,
    headers: &[(&str, &str)],
    payload_sha256: &str,
) -> String {
    let mut request = format!("{method}\n/\n{canonical_query}\n");
    for (name, value) in headers {
        request.push_str(name);
        request.push(':');
        request.push_str(value);
        request.push('\n');
    }
    request.push('\n');
    request.push_str(&signed_headers(headers));
    request.push('\n');
    request.push_str(payload_sha256);
    request
}

/// The names of the headers that are signed, joined with `;`.
pub fn signed_headers(headers: &[(&str, &str)]) -> String {
    headers
        .iter()
        .map(|(name, _)| *name)
        .collect::<Vec<_>>()
        .join(";")
}

/// What V3 signs.
pub fn v3_string_to_sign(canonical_request: &str) -> String {
    format!(
        "{V3_ALGORITHM}\n{}",
        sha256_hex(canonical_request.as_bytes())
    )
}

/// The V3 signature of a string to sign, in hex.
pub fn v3_signature(secret: &str, string_to_sign: &str) -> String {
    let mut mac =
        Hmac::<Sha256>::new_from_slice(secret.as_bytes()).expect("HMAC takes keys of any length");
    mac.update(string_to_sign.as_bytes());
    hex(&mac.finalize().into_bytes())
}

/// The `Authorization` header of V3.
pub fn v3_authorization(access_key_id: &str, signed_headers: &str, signature: &str) -> String {
    format!(
        "{V3_ALGORITHM} Credential={access_key_id},SignedHeaders={signed_headers},Signature={signature}"
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;

    #[derive(serde::Deserialize)]
    struct Vectors {
        v1: Vec<V1>,
        v3: Vec<V3>,
    }

    #[derive(serde::Deserialize)]
    struct V1 {
        name: String,
        method: String,
        access_key_secret: String,
        signed_params: BTreeMap<String, String>,
        signature: String,
    }

    #[derive(serde::Deserialize)]
    struct V3 {
        name: String,
        method: String,
        access_key_id: String,
        access_key_secret: String,
        query: BTreeMap<String, String>,
        signed_headers: BTreeMap<String, String>,
        body: String,
        authorization: String,
    }

    fn vectors() -> Vectors {
        serde_json::from_str(include_str!(
            "../../../tests/fixtures/ecs-signature-vectors.json"
        ))
        .unwrap()
    }

    #[test]
    fn every_v1_vector_is_reproduced() {
        let vectors = vectors().v1;
        assert_eq!(vectors.len(), 11);
        for vector in vectors {
            let params: Vec<_> = vector.signed_params.into_iter().rev().collect();
            let text = v1_string_to_sign(&vector.method, &params);
            let signature = v1_signature(&vector.access_key_secret, &text);
            assert_eq!(signature, vector.signature, "{}: {text}", vector.name);
        }
    }

    #[test]
    fn every_v3_vector_is_reproduced() {
        let vectors = vectors().v3;
        assert_eq!(vectors.len(), 9);
        for vector in vectors {
            let params: Vec<_> = vector.query.into_iter().rev().collect();
            let headers: Vec<_> = vector
                .signed_headers
                .iter()
                .map(|(n, v)| (n.as_str(), v.as_str()))
                .collect();
            let request = v3_canonical_request(
                &vector.method,
                &canonical_query(&params),
                &headers,
                &sha256_hex(vector.body.as_bytes()),
            );
            let signature = v3_signature(&vector.access_key_secret, &v3_string_to_sign(&request));
            assert_eq!(
                v3_authorization(&vector.access_key_id, &signed_headers(&headers), &signature),
                vector.authorization,
                "{}: {request}",
                vector.name
            );
        }
    }

    #[test]
    fn the_empty_hash_is_the_hash_of_nothing() {
        assert_eq!(sha256_hex(b""), EMPTY_SHA256);
    }
}
