//! WeCom's group robots. They have no signature: the key in the URL is all.

use serde_json::{Value, json};

use super::{
    Message,
    lines::{inert, lines, shorten},
};

/// Bytes of a Markdown text.
const LIMIT: usize = 4_096;

/// The body: Markdown.
pub(super) fn body(message: &Message) -> Value {
    let title = inert(&shorten(&message.title, 300));
    let text = lines(
        message,
        LIMIT - title.len() - 20,
        |head| format!("**{}**", inert(head)),
        |line| format!("> {}", inert(&shorten(line, 400))),
    );
    let content = format!("### {title}\n{}", text.join("\n"));
    json!({ "msgtype": "markdown", "markdown": { "content": content } })
}
