//! One HTTP exchange with whoever hands out credentials: short time limits, no redirects, small answers, and nothing of
//! an answer or a URL in an error.

use std::time::Duration;

use reqwest::{
    Client, Method, Url,
    header::{HeaderMap, HeaderName, HeaderValue},
    redirect,
};

use crate::provider::alibaba::endpoints::Endpoint;

/// No answer with credentials is larger.
const ANSWER_LIMIT: usize = 256 << 10;

/// How long an exchange may take, and whether a proxy may be in between.
#[derive(Clone, Copy, Debug)]
pub(super) struct Limits {
    pub(super) connect: Duration,
    pub(super) read: Duration,
    pub(super) proxy: bool,
}

/// What is asked.
pub(super) struct Ask<'a> {
    pub(super) method: Method,
    pub(super) url: Url,
    pub(super) headers: &'a [(&'static str, &'a str)],
    pub(super) body: String,
}

/// What came back.
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) body: Vec<u8>,
}

impl Answer {
    /// The body as one line of text.
    pub(super) fn line(&self) -> Option<&str> {
        let text = std::str::from_utf8(&self.body).ok()?.trim();
        (!text.is_empty() && !text.chars().any(char::is_control)).then_some(text)
    }
}

/// Why nothing came back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Broken {
    pub(super) reason: String,
    /// Whether no connection was made.
    pub(super) unreachable: bool,
}

impl Broken {
    fn new(reason: String) -> Self {
        Self {
            reason,
            unreachable: false,
        }
    }
}

/// Makes a client for one place.
pub(super) fn client(endpoint: &Endpoint, limits: Limits) -> Result<Client, Broken> {
    // An error means that somebody has installed a provider already, which serves as well.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let mut builder = Client::builder()
        .user_agent(concat!("rulekeep/", env!("CARGO_PKG_VERSION")))
        .connect_timeout(limits.connect)
        .timeout(limits.connect + limits.read)
        .read_timeout(limits.read)
        .redirect(redirect::Policy::none())
        .http1_only();
    if !limits.proxy || endpoint.is_loopback() {
        builder = builder.no_proxy();
    }
    if endpoint.is_plain() {
        // Without TLS the machine's certificates are not needed, and not every container has some.
        builder = builder.tls_certs_only([]);
    }
    builder.build().map_err(|error| {
        Broken::new(format!(
            "the HTTP client cannot be set up: {}",
            causes(error)
        ))
    })
}

/// Asks once.
pub(super) async fn exchange(client: &Client, ask: Ask<'_>) -> Result<Answer, Broken> {
    let mut headers = HeaderMap::with_capacity(ask.headers.len());
    for (name, value) in ask.headers {
        let mut value = HeaderValue::from_str(value)
            .map_err(|_| Broken::new(format!("no {name} header can carry its value")))?;
        value.set_sensitive(true);
        headers.insert(HeaderName::from_static(name), value);
    }
    let mut response = client
        .request(ask.method, ask.url)
        .headers(headers)
        .body(ask.body)
        .send()
        .await
        .map_err(broken)?;
    let status = response.status().as_u16();
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(broken)? {
        if body.len() + chunk.len() > ANSWER_LIMIT {
            return Err(Broken::new(format!(
                "its answer is larger than {} KiB",
                ANSWER_LIMIT >> 10
            )));
        }
        body.extend_from_slice(&chunk);
    }
    Ok(Answer { status, body })
}

fn broken(error: reqwest::Error) -> Broken {
    let unreachable = error.is_connect();
    let what = if unreachable {
        "it cannot be reached"
    } else if error.is_timeout() {
        "it did not answer in time"
    } else {
        "the connection failed"
    };
    Broken {
        reason: format!("{what}: {}", causes(error)),
        unreachable,
    }
}

/// An error with what is behind it; the URL may hold a key and is left out.
fn causes(error: reqwest::Error) -> String {
    let error = error.without_url();
    let mut text = error.to_string();
    let mut next = std::error::Error::source(&error);
    while let Some(cause) = next {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        next = cause.source();
    }
    text
}
