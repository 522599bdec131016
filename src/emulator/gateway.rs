//! The gateway in front of the actions: reads a request, and refuses it unless it is complete, known, signed, fresh and
//! new, in this order. What the action then does with its parameters is not its business.

mod auth;
mod nonce;

use std::collections::BTreeMap;

use jiff::Timestamp;

pub(super) use self::nonce::Nonces;
use super::{
    answer::Format,
    error::{ApiError, absent, bad, forbidden},
    params::Params,
};

/// The only version of the API.
const VERSION: &str = "2014-05-26";

/// A request as it came from the network.
#[derive(Clone, Debug, Default)]
pub struct RawRequest {
    /// `GET` or `POST`.
    pub method: String,
    /// Path, without the query.
    pub path: String,
    /// Query string as sent, still encoded, without `?`.
    pub query: String,
    /// Headers as sent, in order.
    pub headers: Vec<(String, String)>,
    /// Body as sent.
    pub body: Vec<u8>,
}

/// An answer, complete but for what the HTTP server adds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RawResponse {
    /// HTTP status.
    pub status: u16,
    /// `Content-Type`.
    pub content_type: &'static str,
    /// Also in the body; sent as `x-acs-request-id`.
    pub request_id: String,
    /// JSON or XML.
    pub body: Vec<u8>,
    /// Milliseconds; sent as `x-acs-retry-after`.
    pub retry_after_ms: Option<u64>,
}

/// A key that the emulator takes.
#[derive(Clone)]
pub struct Credential {
    /// Access key id.
    pub id: String,
    /// Access key secret.
    pub secret: String,
    /// Set for temporary credentials: the token that every request must carry.
    pub security_token: Option<String>,
    /// End of a temporary credential.
    pub expires: Option<Timestamp>,
    /// A key that its owner switched off.
    pub disabled: bool,
    /// Number of the account that it belongs to; `None` is the account of the state or seed.
    pub account: Option<String>,
}

impl Credential {
    /// A permanent key.
    pub fn new(id: impl Into<String>, secret: impl Into<String>) -> Self {
        Self {
            id: id.into(),
            secret: secret.into(),
            security_token: None,
            expires: None,
            disabled: false,
            account: None,
        }
    }

    /// The same key, of another account.
    pub fn of_account(mut self, account: impl Into<String>) -> Self {
        self.account = Some(account.into());
        self
    }

    /// The same key as a temporary one that needs a token.
    pub fn with_token(mut self, token: impl Into<String>) -> Self {
        self.security_token = Some(token.into());
        self
    }
}

/// Never shows a secret.
impl std::fmt::Debug for Credential {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Credential")
            .field("id", &self.id)
            .finish_non_exhaustive()
    }
}

/// A request taken apart, nothing checked yet but its form.
pub(super) struct Request<'a> {
    raw: &'a RawRequest,
    /// Lower-case names, trimmed values; repeated headers are joined with `,`.
    headers: BTreeMap<String, String>,
    query: Vec<(String, String)>,
    /// Query and form together.
    all: BTreeMap<String, String>,
    signed: Scheme,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Scheme {
    V1,
    V3,
}

impl<'a> Request<'a> {
    /// Takes it apart; the second part says what makes it unusable, where something does.
    pub(super) fn read(raw: &'a RawRequest) -> (Self, Result<(), ApiError>) {
        let headers = headers(&raw.headers);
        let mut request = Self {
            raw,
            signed: if headers.contains_key("authorization")
                || headers.contains_key("x-acs-signature-nonce")
                || headers.contains_key("x-acs-date")
            {
                Scheme::V3
            } else {
                Scheme::V1
            },
            headers,
            query: Vec::new(),
            all: BTreeMap::new(),
        };
        let outcome = request.decode();
        (request, outcome)
    }

    fn decode(&mut self) -> Result<(), ApiError> {
        if !matches!(&*self.raw.method, "GET" | "POST") {
            return Err(forbidden(
                "UnsupportedHTTPMethod",
                "This HTTP method is not supported.",
            ));
        }
        if self.raw.path != "/" {
            return Err(unknown_action());
        }
        self.query = pairs(self.raw.query.as_bytes())?;
        let form = if self
            .header("content-type")
            .is_some_and(|kind| kind.starts_with("application/x-www-form-urlencoded"))
        {
            pairs(&self.raw.body)?
        } else {
            Vec::new()
        };
        for (name, value) in self.query.iter().cloned().chain(form) {
            if let Some(first) = self.all.get(&name)
                && *first != value
            {
                return Err(unsupported());
            }
            self.all.insert(name, value);
        }
        Ok(())
    }

    fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(String::as_str)
    }

    /// A parameter or header that is not empty.
    fn public(&self, name: &str) -> Option<&str> {
        match self.signed {
            Scheme::V1 => self.all.get(name).map(String::as_str),
            Scheme::V3 => self.header(name),
        }
        .filter(|value| !value.is_empty())
    }

    /// The name in `Action` or `x-acs-action`, known or not.
    pub(super) fn action(&self) -> &str {
        self.public(match self.signed {
            Scheme::V1 => "Action",
            Scheme::V3 => "x-acs-action",
        })
        .unwrap_or_default()
    }

    /// The access key id that the request claims.
    pub(super) fn access_key_id(&self) -> &str {
        match self.signed {
            Scheme::V1 => self.public("AccessKeyId").unwrap_or_default(),
            Scheme::V3 => auth::claimed_key(self.header("authorization").unwrap_or_default()),
        }
    }

    /// The host that the client addressed.
    pub(super) fn host(&self) -> &str {
        self.header("host").unwrap_or_default()
    }

    /// `Format` decides; without it, what the client accepts; without that, XML.
    pub(super) fn format(&self) -> Format {
        let json = match self.all.get("Format").filter(|text| !text.is_empty()) {
            Some(format) => format.eq_ignore_ascii_case("json"),
            None => self
                .header("accept")
                .is_some_and(|kinds| kinds.to_ascii_lowercase().contains("application/json")),
        };
        if json { Format::Json } else { Format::Xml }
    }

    /// Every check but whether the action exists; the key that signed.
    pub(super) fn verify<'c>(
        &self,
        credentials: &'c [Credential],
        nonces: &Nonces,
        now: Timestamp,
    ) -> Result<&'c Credential, ApiError> {
        let credential = self.authenticate(credentials, nonces, now)?;
        if self.version() != Some(VERSION) {
            return Err(bad(
                "InvalidVersion",
                "Specified parameter Version is not valid.",
            ));
        }
        Ok(credential)
    }

    /// The version of the API that is asked for.
    pub(super) fn version(&self) -> Option<&str> {
        self.public(match self.signed {
            Scheme::V1 => "Version",
            Scheme::V3 => "x-acs-version",
        })
    }

    /// Every check but for version and action: whose the request is.
    pub(super) fn authenticate<'c>(
        &self,
        credentials: &'c [Credential],
        nonces: &Nonces,
        now: Timestamp,
    ) -> Result<&'c Credential, ApiError> {
        auth::verify(self, credentials, nonces, now)
    }

    /// The check of the time alone, for actions that nobody signs.
    pub(super) fn fresh(&self, now: Timestamp) -> Result<(), ApiError> {
        let time = self.public(match self.signed {
            Scheme::V1 => "Timestamp",
            Scheme::V3 => "x-acs-date",
        });
        auth::fresh(time.unwrap_or_default(), now)
    }

    /// The action's own parameters.
    pub(super) fn params(&self) -> Params {
        Params::new(
            self.all
                .iter()
                .filter(|(name, _)| !PUBLIC.contains(&&***name))
                .map(|(name, value)| (name.clone(), value.clone()))
                .collect(),
        )
    }
}

/// Parameters that belong to the protocol and not to the action.
const PUBLIC: [&str; 15] = [
    "Action",
    "Version",
    "Format",
    "AccessKeyId",
    "SignatureMethod",
    "SignatureVersion",
    "SignatureType",
    "SignatureNonce",
    "Timestamp",
    "Signature",
    "SecurityToken",
    "ResourceOwnerAccount",
    "ResourceOwnerId",
    "OwnerAccount",
    "OwnerId",
];

/// The refusal of an action that does not exist.
pub(super) fn unknown_action() -> ApiError {
    absent(
        "InvalidAction.NotFound",
        "Specified api is not found, please check your url and method.",
    )
}

/// The refusal of parameters that cannot be understood.
pub(super) fn unsupported() -> ApiError {
    bad("UnsupportedParameter", "The parameters is unsupported.")
}

fn headers(raw: &[(String, String)]) -> BTreeMap<String, String> {
    let mut repeated: BTreeMap<String, Vec<&str>> = BTreeMap::new();
    for (name, value) in raw {
        repeated
            .entry(name.to_ascii_lowercase())
            .or_default()
            .push(value.trim());
    }
    repeated
        .into_iter()
        .map(|(name, mut values)| {
            values.sort_unstable();
            (name, values.join(","))
        })
        .collect()
}

/// `name=value&..`, decoded: `+` and `%20` are spaces.
fn pairs(raw: &[u8]) -> Result<Vec<(String, String)>, ApiError> {
    raw.split(|byte| *byte == b'&')
        .filter(|part| !part.is_empty())
        .map(|part| {
            let mut sides = part.splitn(2, |byte| *byte == b'=');
            let name = decoded(sides.next().unwrap_or_default())?;
            let value = decoded(sides.next().unwrap_or_default())?;
            Ok((name, value))
        })
        .collect()
}

fn decoded(raw: &[u8]) -> Result<String, ApiError> {
    let spaced: Vec<u8> = raw
        .iter()
        .map(|byte| if *byte == b'+' { b' ' } else { *byte })
        .collect();
    percent_encoding::percent_decode(&spaced)
        .decode_utf8()
        .map(std::borrow::Cow::into_owned)
        .map_err(|_| unsupported())
}
