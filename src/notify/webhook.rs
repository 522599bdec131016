//! Plain JSON for programs.

use serde_json::{Value, json};

use super::{Message, Section, hmac_sha256, lines::lines};

/// Larger bodies are refused by many servers; lines over it are counted instead.
const LIMIT: usize = 200_000;

/// The body. Members are only ever added within one `version`.
pub(super) fn body(message: &Message) -> Value {
    let Message {
        event,
        title,
        counts,
        sections,
        facts,
    } = message;
    let sections = sections.iter().map(|Section { title, lines }| {
        let kept: Vec<&String> = lines.iter().take(1_000).collect();
        json!({ "title": title, "lines": kept, "left_out": lines.len() - kept.len() })
    });
    let text = lines(message, LIMIT / 2, str::to_owned, |line| {
        format!("- {line}")
    });
    json!({
        "version": 1,
        "event": event.as_str(),
        "title": title,
        "text": text.join("\n"),
        "add": counts.map(|[add, ..]| add),
        "change": counts.map(|[_, change, _]| change),
        "destroy": counts.map(|[.., destroy]| destroy),
        "sections": sections.collect::<Vec<_>>(),
        "project": facts.project,
        "commit": facts.commit,
        "plan_id": facts.plan,
        "run_id": facts.run,
        "link": facts.link,
    })
}

/// `sha256=` and the HMAC-SHA256 of the body in hex, as GitHub signs its webhooks.
pub(super) fn sign(secret: &str, body: &[u8]) -> String {
    let mac = hmac_sha256(secret.as_bytes(), body);
    let hex: String = mac.iter().map(|byte| format!("{byte:02x}")).collect();
    format!("sha256={hex}")
}
