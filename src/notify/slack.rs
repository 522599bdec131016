//! Slack's incoming webhooks ("Block Kit").

use serde_json::{Value, json};

use super::{
    Message,
    lines::{lines, shorten},
};

/// Characters of a section's text, of a header's text, and sections that are used of the 50 blocks of a message; all texts
/// together stay below what Slack takes.
const SECTION: usize = 2_900;
const HEADER: usize = 150;
const SECTIONS: usize = 4;

/// The body.
pub(super) fn body(message: &Message) -> Value {
    let title = escape(&message.title);
    let all = lines(
        message,
        SECTION * (SECTIONS - 1),
        |head| format!("*{}*", escape(head)),
        |line| format!("• {}", shorten(&escape(line), 800)),
    );
    let mut texts: Vec<String> = Vec::new();
    for line in all {
        match texts.last_mut() {
            Some(text) if text.len() + line.len() < SECTION => {
                text.push('\n');
                text.push_str(&line);
            }
            _ => texts.push(line),
        }
    }
    let mut blocks = vec![json!({
        "type": "header",
        "text": { "type": "plain_text", "text": shorten(&message.title, HEADER), "emoji": false },
    })];
    blocks.extend(texts.iter().take(SECTIONS).map(|text| {
        json!({ "type": "section", "text": { "type": "mrkdwn", "text": text, "verbatim": true } })
    }));
    json!({ "text": title, "blocks": blocks })
}

/// "Escaping text": without these three there is no link and no mention.
fn escape(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
}
