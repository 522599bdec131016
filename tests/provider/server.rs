//! A server on the loopback interface that answers as a test says and keeps what it was asked.

use std::{
    collections::BTreeMap,
    net::SocketAddr,
    sync::{Arc, Mutex},
};

use axum::{
    Router,
    body::Bytes,
    extract::State,
    http::{HeaderMap, StatusCode, Uri},
    response::{IntoResponse, Response},
};
use percent_encoding::percent_decode_str;
use rulekeep::provider::alibaba::sign;
use serde_json::Value;
use tokio::sync::Notify;

pub const ID: &str = "testid";
pub const SECRET: &str = "test-s3cr3t";

/// A request as it came.
#[derive(Clone, Debug)]
pub struct Asked {
    pub query: String,
    pub headers: HeaderMap,
    pub body: String,
    /// Parameters of query and form.
    pub params: BTreeMap<String, String>,
}

impl Asked {
    pub fn header(&self, name: &str) -> &str {
        self.headers
            .get(name)
            .map_or("", |value| value.to_str().unwrap())
    }

    pub fn param(&self, name: &str) -> &str {
        self.params.get(name).map_or("", String::as_str)
    }

    pub fn action(&self) -> &str {
        match self.header("x-acs-action") {
            "" => self.param("Action"),
            action => action,
        }
    }

    pub fn nonce(&self) -> &str {
        match self.header("x-acs-signature-nonce") {
            "" => self.param("SignatureNonce"),
            nonce => nonce,
        }
    }

    /// Parameters whose name begins so, without that beginning.
    pub fn below(&self, prefix: &str) -> BTreeMap<&str, &str> {
        self.params
            .iter()
            .filter_map(|(name, value)| Some((name.strip_prefix(prefix)?, value.as_str())))
            .collect()
    }

    /// Signs again what was signed and compares.
    pub fn assert_signed_with_v3(&self) {
        let authorization = self.header("authorization");
        let names = authorization
            .split_once("SignedHeaders=")
            .unwrap()
            .1
            .split(',')
            .next()
            .unwrap();
        let signed: Vec<(&str, &str)> = names
            .split(';')
            .map(|name| (name, self.header(name)))
            .collect();
        for name in self.headers.keys().map(|name| name.as_str()) {
            let must = name == "host" || name == "content-type" || name.starts_with("x-acs-");
            assert_eq!(
                must,
                names.split(';').any(|signed| signed == name),
                "{name}"
            );
        }
        let hash = sign::sha256_hex(self.body.as_bytes());
        assert_eq!(self.header("x-acs-content-sha256"), hash);
        let pairs: Vec<(String, String)> = decode(&self.query);
        let request =
            sign::v3_canonical_request("POST", &sign::canonical_query(&pairs), &signed, &hash);
        let signature = sign::v3_signature(SECRET, &sign::v3_string_to_sign(&request));
        assert_eq!(authorization, sign::v3_authorization(ID, names, &signature));
    }

    /// As above for V1.
    pub fn assert_signed_with_v1(&self) {
        let mut params = self.params.clone();
        let signature = params.remove("Signature").unwrap();
        let params: Vec<_> = params.into_iter().collect();
        let text = sign::v1_string_to_sign("POST", &params);
        assert_eq!(signature, sign::v1_signature(SECRET, &text));
    }
}

fn decode(query: &str) -> Vec<(String, String)> {
    let text = |part: &str| percent_decode_str(part).decode_utf8().unwrap().into_owned();
    query
        .split('&')
        .filter(|pair| !pair.is_empty())
        .map(|pair| {
            let (name, value) = pair.split_once('=').unwrap();
            (text(name), text(value))
        })
        .collect()
}

/// An answer.
pub struct Answer {
    pub status: u16,
    pub headers: Vec<(&'static str, String)>,
    pub body: String,
}

impl Answer {
    pub fn json(value: Value) -> Self {
        Self {
            status: 200,
            headers: Vec::new(),
            body: value.to_string(),
        }
    }

    pub fn written() -> Self {
        Self::json(serde_json::json!({"RequestId": "REQUEST-OK"}))
    }

    pub fn error(status: u16, code: &str, message: &str) -> Self {
        let body = serde_json::json!({
            "RequestId": "REQUEST-ERR", "HostId": "127.0.0.1", "Code": code, "Message": message,
        });
        Self {
            status,
            ..Self::json(body)
        }
    }

    pub fn header(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }
}

type Script = dyn Fn(usize, &Asked) -> Answer + Send + Sync;

#[derive(Clone)]
struct Shared {
    script: Arc<Script>,
    asked: Arc<Mutex<Vec<Asked>>>,
    /// Before each answer.
    release: Option<Arc<Notify>>,
}

/// The server; it ends with the test's runtime.
pub struct Server {
    address: SocketAddr,
    asked: Arc<Mutex<Vec<Asked>>>,
}

impl Server {
    /// `script` gets the number of the request, from 0, and the request.
    pub async fn start(script: impl Fn(usize, &Asked) -> Answer + Send + Sync + 'static) -> Self {
        Self::start_with(script, None).await
    }

    /// Accepts everything, each time when it is released.
    pub async fn start_slow(release: Arc<Notify>) -> Self {
        Self::start_with(|_, _: &Asked| Answer::written(), Some(release)).await
    }

    /// As [`Server::start`], and answers each time when it is released.
    pub async fn start_with(
        script: impl Fn(usize, &Asked) -> Answer + Send + Sync + 'static,
        release: Option<Arc<Notify>>,
    ) -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let asked = Arc::new(Mutex::new(Vec::new()));
        let shared = Shared {
            script: Arc::new(script),
            asked: Arc::clone(&asked),
            release,
        };
        let app = Router::new().fallback(answer).with_state(shared);
        tokio::spawn(async move { axum::serve(listener, app).await });
        Self { address, asked }
    }

    pub fn endpoint(&self) -> String {
        format!("http://{}", self.address)
    }

    pub fn asked(&self) -> Vec<Asked> {
        self.asked.lock().unwrap().clone()
    }
}

async fn answer(
    State(shared): State<Shared>,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let query = uri.query().unwrap_or_default().to_owned();
    let body = String::from_utf8(body.to_vec()).unwrap();
    let params = decode(&query).into_iter().chain(decode(&body)).collect();
    let asked = Asked {
        query,
        headers,
        body,
        params,
    };
    let number = {
        let mut all = shared.asked.lock().unwrap();
        all.push(asked.clone());
        all.len() - 1
    };
    let Answer {
        status,
        headers,
        body,
    } = (shared.script)(number, &asked);
    if let Some(release) = &shared.release {
        release.notified().await;
    }
    let mut response = (StatusCode::from_u16(status).unwrap(), body).into_response();
    for (name, value) in headers {
        response.headers_mut().insert(name, value.parse().unwrap());
    }
    response
}
