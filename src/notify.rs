//! Who is told of plans, applies, drift and fights, and what: chat groups and other programs, through webhooks.
//!
//! Bodies are pure functions of a [`Message`], one file per kind of receiver; [`tell`] sends them. A notification that fails is
//! a warning and never changes how a run ends. URLs of webhooks carry tokens: they and the secrets come from the environment
//! or from files, and are in no error, log or Debug output.

mod dingtalk;
mod feishu;
mod lines;
mod message;
mod send;
mod slack;
mod watched;
mod webhook;
mod wecom;

use std::{collections::BTreeSet, fmt, path::PathBuf};

use base64::{Engine as _, engine::general_purpose::STANDARD as BASE64};
use hmac::{Hmac, KeyInit as _, Mac as _};
use jiff::Timestamp;
use reqwest::Url;
use serde_json::Value;
use sha2::Sha256;

pub use message::{Facts, Message, Section, applied, drifted, failed, fought, planned, refused};
pub use send::{Patience, tell};
pub use watched::News;

/// What somebody may be told of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Event {
    /// A plan with changes.
    Plan,
    /// Changes that were made.
    Apply,
    /// A plan that the guard refused.
    Refused,
    /// An apply that failed, was interrupted or left groups undone.
    Failed,
    /// The cloud differs from the files.
    Drift,
    /// Something keeps taking back what is applied.
    Fight,
}

impl Event {
    /// Every event.
    pub const ALL: [Self; 6] = [
        Self::Plan,
        Self::Apply,
        Self::Refused,
        Self::Failed,
        Self::Drift,
        Self::Fight,
    ];

    /// The word in the files and in messages.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Plan => "plan",
            Self::Apply => "apply",
            Self::Refused => "refused",
            Self::Failed => "failed",
            Self::Drift => "drift",
            Self::Fight => "fight",
        }
    }

    /// Whether somebody should look.
    fn is_alarm(self) -> bool {
        !matches!(self, Self::Plan | Self::Apply)
    }
}

/// Kinds of receiver.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A program: plain JSON.
    Webhook,
    /// Slack, or what takes its messages (Mattermost, Rocket.Chat).
    Slack,
    /// DingTalk.
    DingTalk,
    /// Feishu, or Lark.
    Feishu,
    /// WeCom.
    WeCom,
}

impl Kind {
    /// The word in the files.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Webhook => "webhook",
            Self::Slack => "slack",
            Self::DingTalk => "dingtalk",
            Self::Feishu => "feishu",
            Self::WeCom => "wecom",
        }
    }
}

/// Where a URL or a secret comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// An environment variable, by name.
    Variable(String),
    /// A file; absolute or relative to the project's folder.
    File(PathBuf),
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Variable(name) => f.write_str(name),
            Self::File(path) => path.display().fmt(f),
        }
    }
}

/// Somebody who is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Channel {
    /// What it is called in warnings.
    pub name: String,
    /// What it takes.
    pub kind: Kind,
    /// Where its URL comes from.
    pub url: Origin,
    /// Where the secret that messages are signed with comes from.
    pub secret: Option<Origin>,
    /// What it is told of.
    pub on: BTreeSet<Event>,
}

/// What is posted; its URL and body may hold a token or a signature.
struct Post {
    url: Url,
    body: Vec<u8>,
    /// `X-Rulekeep-Signature`.
    signature: Option<String>,
}

/// A message as a receiver takes it. Pure, but for the moment that signatures hold.
fn post(kind: Kind, url: &Url, secret: Option<&str>, message: &Message, now: Timestamp) -> Post {
    let mut url = url.clone();
    let mut signature = None;
    let body = match kind {
        Kind::Webhook => webhook::body(message),
        Kind::Slack => slack::body(message),
        Kind::DingTalk => {
            if let Some(secret) = secret {
                dingtalk::sign(&mut url, secret, now);
            }
            dingtalk::body(message)
        }
        Kind::Feishu => feishu::body(message, secret.map(|secret| feishu::sign(secret, now))),
        Kind::WeCom => wecom::body(message),
    };
    let body = bytes(&body);
    if let (Kind::Webhook, Some(secret)) = (kind, secret) {
        signature = Some(webhook::sign(secret, &body));
    }
    Post {
        url,
        body,
        signature,
    }
}

fn bytes(body: &Value) -> Vec<u8> {
    serde_json::to_vec(body).expect("a JSON value can be written")
}

fn hmac_sha256(key: &[u8], text: &[u8]) -> Vec<u8> {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("a key may have any length");
    mac.update(text);
    mac.finalize().into_bytes().to_vec()
}

fn base64(bytes: &[u8]) -> String {
    BASE64.encode(bytes)
}

#[cfg(test)]
mod tests;
