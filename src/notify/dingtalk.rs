//! DingTalk's custom robots.

use jiff::Timestamp;
use reqwest::Url;
use serde_json::{Value, json};

use super::{
    Message, base64, hmac_sha256,
    lines::{inert, lines, shorten},
};

/// Bytes of a body.
const LIMIT: usize = 20_000;

/// The body: Markdown.
pub(super) fn body(message: &Message) -> Value {
    let title = inert(&shorten(&message.title, 300));
    // Two bytes of JSON may stand for one of the text.
    let text = lines(
        message,
        LIMIT / 2 - 1_000,
        |head| format!("**{}**\n", inert(head)),
        |line| format!("- {}", inert(&shorten(line, 800))),
    );
    let text = format!("#### {title}\n\n{}", text.join("\n"));
    json!({ "msgtype": "markdown", "markdown": { "title": title, "text": text } })
}

/// Adds `timestamp` and `sign`: HMAC-SHA256 with the secret over the time in milliseconds, a line break and the secret.
pub(super) fn sign(url: &mut Url, secret: &str, now: Timestamp) {
    let time = now.as_millisecond();
    let text = format!("{time}\n{secret}");
    let sign = base64(&hmac_sha256(secret.as_bytes(), text.as_bytes()));
    url.query_pairs_mut()
        .append_pair("timestamp", &time.to_string())
        .append_pair("sign", &sign);
}
