//! Text of others in Markdown: nothing in it may become markup, HTML, a link or a mention.

use crate::report::text::escape;

/// A code span that shows a text as it is.
pub(super) fn code(text: &str) -> String {
    let text = escape(text);
    let ticks = "`".repeat(longest_run(&text) + 1);
    // A span that begins or ends with a backtick, and one of spaces alone, needs spaces that the reader does not see.
    match text.starts_with(['`', ' ']) || text.ends_with(['`', ' ']) || text.is_empty() {
        true => format!("{ticks} {text} {ticks}"),
        false => format!("{ticks}{text}{ticks}"),
    }
}

/// Running text. What stands between backticks is code; words that a forge would make a link or a mention of are, too.
pub(super) fn prose(text: &str) -> String {
    let text = escape(text);
    let pieces: Vec<&str> = text.split('`').collect();
    // A backtick without a partner is a letter like any other.
    let paired = pieces.len() % 2 == 1;
    let mut drawn = String::new();
    for (index, piece) in pieces.iter().enumerate() {
        match index % 2 {
            1 if paired || index + 1 < pieces.len() => drawn.push_str(&code(piece)),
            1 => drawn.push_str(&format!("\\`{}", plain(piece))),
            0 if index == 0 => drawn.push_str(&inline(&plain(piece.trim_start()))),
            _ => drawn.push_str(&plain(piece)),
        }
    }
    drawn
}

/// A text that begins no list: `-`, `+` and `1.` mean something at the beginning of a line (CommonMark 5.2).
fn inline(text: &str) -> String {
    let rest = text.trim_start_matches(|c: char| c.is_ascii_digit());
    let digits = &text[..text.len() - rest.len()];
    match rest.starts_with(['.', ')']) && !digits.is_empty() {
        true => format!("{digits}\\{rest}"),
        false if text.starts_with(['-', '+', '=']) => format!("\\{text}"),
        false => text.to_owned(),
    }
}

fn plain(text: &str) -> String {
    let words: Vec<String> = text
        .split(' ')
        .map(|word| match is_active(word) {
            true => code(word),
            false => backslashed(word),
        })
        .collect();
    words.join(" ")
}

/// Whether a forge makes something of a bare word: a mention, a reference to an issue or commit, a link.
fn is_active(word: &str) -> bool {
    let lower = word.to_ascii_lowercase();
    word.contains(['@', '#']) || lower.contains("://") || lower.contains("www.")
}

fn backslashed(word: &str) -> String {
    let mut safe = String::with_capacity(word.len());
    for c in word.chars() {
        // Every ASCII punctuation may be escaped (CommonMark 2.4); these are the ones that mean something within a line.
        if matches!(
            c,
            '\\' | '*' | '_' | '[' | ']' | '<' | '>' | '~' | '|' | '&' | '`' | '!' | '$'
        ) {
            safe.push('\\');
        }
        safe.push(c);
    }
    safe
}

/// Text within HTML, also between quotes. No Markdown acts in a line that begins with a tag of a block.
pub(super) fn html(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for c in escape(text).chars() {
        match c {
            '&' => safe.push_str("&amp;"),
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '"' => safe.push_str("&quot;"),
            '\'' => safe.push_str("&#39;"),
            c => safe.push(c),
        }
    }
    match is_active(text) {
        true => format!("<code>{safe}</code>"),
        false => safe,
    }
}

/// A block of lines that begin with `+`, `-` or `!`, which forges colour.
pub(super) fn diff(lines: &str) -> String {
    if lines.is_empty() {
        return String::new();
    }
    // A line that begins with a sign ends no block, so more than a few are for readers that are not strict about it.
    let ticks = "`".repeat(longest_run(lines).clamp(2, 7) + 1);
    let end = if lines.ends_with('\n') { "" } else { "\n" };
    format!("{ticks}diff\n{lines}{end}{ticks}\n")
}

fn longest_run(text: &str) -> usize {
    let mut longest = 0;
    let mut run = 0;
    for c in text.chars() {
        run = if c == '`' { run + 1 } else { 0 };
        longest = longest.max(run);
    }
    longest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_span_holds_its_backticks() {
        assert_eq!(code("web"), "`web`");
        assert_eq!(code("a`b"), "``a`b``");
        assert_eq!(code("`x`"), "`` `x` ``");
        assert_eq!(code("a\n```\n<b>"), "````a\\n```\\n<b>````");
    }

    #[test]
    fn running_text_keeps_code_and_loses_markup() {
        assert_eq!(
            prose("pass `--allow-deletes 12` this *once* <b>"),
            "pass `--allow-deletes 12` this \\*once\\* \\<b\\>"
        );
        assert_eq!(prose("- item"), "\\- item");
        assert_eq!(prose("+ item"), "\\+ item");
        assert_eq!(prose("12. item"), "12\\. item");
        assert_eq!(prose("12 of 20"), "12 of 20");
        assert_eq!(prose("odd ` one_two"), "odd \\` one\\_two");
        assert_eq!(
            prose("ask @net-team or #12 at https://x"),
            "ask `@net-team` or `#12` at `https://x`"
        );
    }

    #[test]
    fn a_name_in_a_summary_is_text() {
        assert_eq!(html("web"), "web");
        assert_eq!(
            html("</summary><img src=x onerror=\"1\">"),
            "&lt;/summary&gt;&lt;img src=x onerror=&quot;1&quot;&gt;"
        );
        assert_eq!(html("@team"), "<code>@team</code>");
    }

    #[test]
    fn a_block_is_fenced_by_more_backticks_than_it_holds() {
        assert_eq!(diff("+ a\n"), "```diff\n+ a\n```\n");
        assert_eq!(diff("+ a ```` b"), "`````diff\n+ a ```` b\n`````\n");
        assert_eq!(diff(""), "");
    }
}
