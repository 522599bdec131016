//! The one sender: short time limits, few tries, no redirects, and nothing of a URL or a secret in a warning.

use std::{fs, path::Path, time::Duration};

use futures_util::{StreamExt as _, stream};
use jiff::Timestamp;
use reqwest::{Client, Url, header::CONTENT_TYPE, redirect};
use serde_json::Value;

use crate::report::text::escape;

use super::{Channel, Kind, Message, Origin, Post, lines::shorten, post};

/// How long a receiver is waited for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Patience {
    /// For one answer.
    pub answer: Duration,
    /// For everything: whoever waits for the run does not wait longer.
    pub total: Duration,
    /// Between the first two tries; twice as long after each further one.
    pub pause: Duration,
}

impl Default for Patience {
    fn default() -> Self {
        Self {
            answer: Duration::from_secs(4),
            total: Duration::from_secs(10),
            pause: Duration::from_millis(500),
        }
    }
}

/// Most tries of one post.
const TRIES: u32 = 3;

/// Most of an answer that is looked at.
const ANSWER: usize = 16 << 10;

/// Tells every channel what it wants to know, side by side; the answer is a warning for each that could not be told.
pub async fn tell(
    channels: &[Channel],
    messages: &[Message],
    root: &Path,
    variable: impl Fn(&str) -> Option<String>,
    patience: Patience,
) -> Vec<String> {
    let mut warnings = Vec::new();
    let mut posts = Vec::new();
    for channel in channels {
        let wanted = messages
            .iter()
            .filter(|message| channel.on.contains(&message.event));
        let wanted: Vec<&Message> = wanted.collect();
        if wanted.is_empty() {
            continue;
        }
        match Ready::new(channel, root, &variable) {
            Ok(ready) => posts.push((ready, wanted)),
            Err(reason) => warnings.push(warning(channel, &reason)),
        }
    }
    let told = posts.iter().map(async |(ready, messages)| {
        let all = async {
            for message in messages {
                ready.send(message, patience).await?;
            }
            Ok(())
        };
        let sent = tokio::time::timeout(patience.total, all).await;
        let sent = sent.unwrap_or_else(|_| Err("it did not answer in time".to_owned()));
        sent.err().map(|reason| warning(ready.channel, &reason))
    });
    let told = stream::iter(told).buffer_unordered(8);
    let mut failed: Vec<String> = told.filter_map(std::future::ready).collect().await;
    failed.sort();
    warnings.extend(failed);
    warnings
}

fn warning(channel: &Channel, reason: &str) -> String {
    format!("{} was not told: {}", escape(&channel.name), escape(reason))
}

/// A channel with its URL and secret. Not to be printed.
struct Ready<'a> {
    channel: &'a Channel,
    client: Client,
    url: Url,
    secret: Option<String>,
}

impl<'a> Ready<'a> {
    fn new(
        channel: &'a Channel,
        root: &Path,
        variable: impl Fn(&str) -> Option<String>,
    ) -> Result<Self, String> {
        let read = |origin: &Origin| read(origin, root, &variable);
        let written = read(&channel.url)?;
        // Nothing of what is written may be said: it may be a token by mistake.
        let url = Url::parse(&written).map_err(|_| format!("{} holds no URL", channel.url))?;
        let loopback = url.host_str().is_some_and(is_loopback);
        if !(url.scheme() == "https" || url.scheme() == "http" && loopback) {
            return Err(format!("{} holds no https:// URL", channel.url));
        }
        let secret = channel.secret.as_ref().map(read).transpose()?;
        // An error means that somebody has installed a provider already, which serves as well.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let mut builder = Client::builder()
            .user_agent(concat!("rulekeep/", env!("CARGO_PKG_VERSION")))
            .redirect(redirect::Policy::none())
            .http1_only();
        if loopback {
            builder = builder.no_proxy();
        }
        if url.scheme() == "http" {
            // Without TLS the machine's certificates are not needed, and not every container has some.
            builder = builder.tls_certs_only([]);
        }
        let client = builder.build();
        Ok(Self {
            channel,
            client: client.map_err(|error| format!("no HTTP client: {}", error.without_url()))?,
            url,
            secret,
        })
    }

    async fn send(&self, message: &Message, patience: Patience) -> Result<(), String> {
        let mut pause = patience.pause;
        let mut tries = 1;
        loop {
            // Signatures hold the moment, so each try has its own.
            let post = post(
                self.channel.kind,
                &self.url,
                self.secret.as_deref(),
                message,
                Timestamp::now(),
            );
            match self.try_once(post, patience.answer).await {
                Ok(()) => return Ok(()),
                Err(Refused { again, .. }) if again && tries < TRIES => {}
                Err(Refused { reason, .. }) => return Err(self.without_secrets(&reason)),
            }
            tokio::time::sleep(pause).await;
            pause *= 2;
            tries += 1;
        }
    }

    async fn try_once(&self, post: Post, answer: Duration) -> Result<(), Refused> {
        let Post {
            url,
            body,
            signature,
        } = post;
        let mut request = self
            .client
            .post(url)
            .timeout(answer)
            .header(CONTENT_TYPE, "application/json; charset=utf-8")
            .body(body);
        if let Some(signature) = signature {
            request = request.header("X-Rulekeep-Signature", signature);
        }
        let broken = |error: reqwest::Error| Refused {
            again: true,
            reason: broken(&error).to_owned(),
        };
        let mut response = request.send().await.map_err(broken)?;
        let status = response.status().as_u16();
        let mut said = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(broken)? {
            said.extend_from_slice(&chunk);
            if said.len() > ANSWER {
                break;
            }
        }
        judge(self.channel.kind, status, &said)
    }

    /// A receiver may repeat what it was sent.
    fn without_secrets(&self, text: &str) -> String {
        let query = self.url.query_pairs().map(|(_, value)| value.into_owned());
        let path = self
            .url
            .path_segments()
            .into_iter()
            .flatten()
            .map(str::to_owned);
        let hidden = query.chain(path).chain(self.secret.clone());
        hidden
            .filter(|secret| secret.len() >= 6)
            .fold(text.to_owned(), |text, secret| text.replace(&secret, "***"))
    }
}

/// Why a post was not taken.
#[derive(Debug, PartialEq, Eq)]
struct Refused {
    /// Whether another try may help.
    again: bool,
    reason: String,
}

/// What reqwest says, without what may hold the URL.
fn broken(error: &reqwest::Error) -> &'static str {
    if error.is_connect() {
        "it cannot be reached"
    } else if error.is_timeout() {
        "it did not answer in time"
    } else {
        "the connection failed"
    }
}

/// Chat services answer 200 and say in the body that they did not take it.
fn judge(kind: Kind, status: u16, said: &[u8]) -> Result<(), Refused> {
    if !(200..300).contains(&status) {
        return Err(Refused {
            again: status == 429 || status >= 500,
            reason: format!("it answered with HTTP {status}"),
        });
    }
    let (code, text) = match kind {
        Kind::Webhook | Kind::Slack => return Ok(()),
        Kind::DingTalk | Kind::WeCom => ("errcode", "errmsg"),
        Kind::Feishu => ("code", "msg"),
    };
    let Ok(answer) = serde_json::from_slice::<Value>(said) else {
        return Err(Refused {
            again: false,
            reason: "its answer is not what such a service says".to_owned(),
        });
    };
    match answer.get(code).and_then(Value::as_i64) {
        Some(0) => Ok(()),
        // Feishu's older answer.
        None if answer.get("StatusCode").and_then(Value::as_i64) == Some(0) => Ok(()),
        found => {
            let number = found.map_or_else(|| "no code".to_owned(), |code| code.to_string());
            let text = answer.get(text).and_then(Value::as_str).unwrap_or_default();
            Err(Refused {
                again: false,
                reason: shorten(&format!("it answered {number} {text}"), 300),
            })
        }
    }
}

fn is_loopback(host: &str) -> bool {
    let address = host.trim_start_matches('[').trim_end_matches(']');
    host.eq_ignore_ascii_case("localhost")
        || address
            .parse::<std::net::IpAddr>()
            .is_ok_and(|address| address.is_loopback())
}

fn read(
    origin: &Origin,
    root: &Path,
    variable: impl Fn(&str) -> Option<String>,
) -> Result<String, String> {
    let text = match origin {
        Origin::Variable(name) => {
            variable(name).ok_or_else(|| format!("the variable {name} is not set"))?
        }
        Origin::File(path) => fs::read_to_string(root.join(path))
            .map_err(|error| format!("{} cannot be read: {error}", path.display()))?,
    };
    let text = text.trim();
    match text.is_empty() {
        true => Err(format!("{origin} is empty")),
        false => Ok(text.to_owned()),
    }
}

#[cfg(test)]
mod tests;
