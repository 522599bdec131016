//! Custom bots of Feishu and Lark.

use jiff::Timestamp;
use serde_json::{Value, json};

use super::{
    Message, base64, hmac_sha256,
    lines::{inert, lines, shorten},
};

/// Bytes of a body: 20 KB for custom bots, 30 KB for cards.
const LIMIT: usize = 20_000;

/// The body: a card, with the signature where the bot asks for one.
pub(super) fn body(message: &Message, signed: Option<(String, String)>) -> Value {
    // Two bytes of JSON may stand for one of the text.
    let text = lines(
        message,
        LIMIT / 2 - 1_000,
        |head| format!("**{}**", inert(head)),
        |line| format!("- {}", inert(&shorten(line, 800))),
    );
    let colour = match message.event.is_alarm() {
        true => "red",
        false => "blue",
    };
    let mut body = json!({
        "msg_type": "interactive",
        "card": {
            "config": { "wide_screen_mode": true },
            "header": {
                "template": colour,
                "title": { "tag": "plain_text", "content": shorten(&message.title, 300) },
            },
            "elements": [{ "tag": "markdown", "content": text.join("\n") }],
        },
    });
    if let Some((time, sign)) = signed {
        body["timestamp"] = json!(time);
        body["sign"] = json!(sign);
    }
    body
}

/// Time in seconds and the signature: HMAC-SHA256 over nothing, with the time, a line break and the secret as the key.
pub(super) fn sign(secret: &str, now: Timestamp) -> (String, String) {
    let time = now.as_second().to_string();
    let key = format!("{time}\n{secret}");
    let sign = base64(&hmac_sha256(key.as_bytes(), b""));
    (time, sign)
}
