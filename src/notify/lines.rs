//! The text of a message as lines that fit a receiver's limit.

use super::{Message, Section};

/// A message in lines: what matters most first, cut where `room` bytes are used up, with a count of what is left out.
pub(super) fn lines(
    message: &Message,
    room: usize,
    head: impl Fn(&str) -> String,
    line: impl Fn(&str) -> String,
) -> Vec<String> {
    // Room for "… and 1234567 more lines" and its line end.
    let room = room.saturating_sub(40);
    let mut all: Vec<String> = Vec::new();
    for Section { title, lines } in &message.sections {
        all.push(head(title));
        all.extend(lines.iter().map(|text| line(text)));
    }
    let facts = message.facts.lines();
    if !facts.is_empty() {
        // Always at the end and always whole: they say where to look further.
        let facts: Vec<String> = facts.iter().map(|text| line(text)).collect();
        let used: usize = facts.iter().map(|line| line.len() + 1).sum();
        let mut kept = cut(all, room.saturating_sub(used));
        kept.extend(facts);
        return kept;
    }
    cut(all, room)
}

fn cut(all: Vec<String>, room: usize) -> Vec<String> {
    let total = all.len();
    let mut used = 0;
    let mut kept: Vec<String> = Vec::new();
    for line in all {
        used += line.len() + 1;
        if used > room {
            break;
        }
        kept.push(line);
    }
    let left = total - kept.len();
    if left > 0 {
        kept.push(format!("… and {left} more lines"));
    }
    kept
}

/// The beginning of a text in at most so many bytes, whole characters.
pub(super) fn shorten(text: &str, most: usize) -> String {
    if text.len() <= most {
        return text.to_owned();
    }
    let mut end = most.saturating_sub("…".len());
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    format!("{}…", &text[..end])
}

/// Text in which Markdown makes no link, image or mention.
pub(super) fn inert(text: &str) -> String {
    text.replace('<', "＜")
        .replace("](", "] (")
        .replace('@', "＠")
}
