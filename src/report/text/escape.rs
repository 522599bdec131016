//! Text of others on a terminal: nothing in it may act, hide or reorder what stands around it.

use std::fmt::Write as _;

use unicode_width::UnicodeWidthStr;

/// Escapes everything that a terminal or a text renderer would obey: control characters, and the invisible
/// characters that change direction or hide text. Commands to a CI runner are broken.
pub fn escape(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for (at, c) in text.char_indices() {
        match c {
            // The second `#` of what a CI runner takes for a command, wherever it stands in a line.
            '#' if safe.ends_with('#') && is_command(&text[at + 1..]) => safe.push_str("\\u{23}"),
            '\n' => safe.push_str("\\n"),
            '\r' => safe.push_str("\\r"),
            '\t' => safe.push_str("\\t"),
            c if c.is_control() || is_invisible(c) => {
                write!(safe, "\\u{{{:x}}}", u32::from(c)).expect("a String takes everything");
            }
            c => safe.push(c),
        }
    }
    safe
}

/// Whether a text goes on as a runner's command after `##`: `##[group]` of GitHub Actions and Azure Pipelines, `##vso[`.
fn is_command(rest: &str) -> bool {
    let vso = rest.get(..4).unwrap_or_default();
    rest.starts_with('[') || vso.eq_ignore_ascii_case("vso[")
}

/// As [`escape`], but line ends stay: for text of several lines that this program or the cloud put together.
pub fn escape_lines(text: &str) -> String {
    let lines: Vec<_> = text.lines().map(escape).collect();
    lines.join("\n")
}

/// Format characters without a glyph of their own (Unicode's Cf that matter here, and line separators).
fn is_invisible(c: char) -> bool {
    matches!(
        c,
        '\u{ad}'
            | '\u{61c}'
            | '\u{180e}'
            | '\u{200b}'..='\u{200f}'
            | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}'
            | '\u{feff}'
            | '\u{fff9}'..='\u{fffb}'
            | '\u{e0000}'..='\u{e007f}'
    )
}

/// Columns that a text takes on a terminal; Chinese characters take two each.
pub fn width(text: &str) -> usize {
    UnicodeWidthStr::width(text)
}

/// Cuts a text to at most `limit` columns, with `…` where something is gone.
pub fn cut(text: &str, limit: usize) -> String {
    if width(text) <= limit {
        return text.to_owned();
    }
    let mut kept = String::new();
    for c in text.chars() {
        kept.push(c);
        // The ellipsis takes one column.
        if width(&kept) + 1 > limit {
            kept.pop();
            break;
        }
    }
    let kept = kept.trim_end();
    format!("{kept}…")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_terminal_would_obey_is_escaped() {
        assert_eq!(
            escape("a\u{1b}[2Kb\u{7}\r\nc\u{9b}d\u{202e}e\u{200b}"),
            r"a\u{1b}[2Kb\u{7}\r\nc\u{9b}d\u{202e}e\u{200b}"
        );
    }

    #[test]
    fn what_a_runner_would_obey_is_broken() {
        assert_eq!(
            escape("a ##[add-mask]b ##VSO[task.setvariable]c ## d ###[e"),
            r"a #\u{23}[add-mask]b #\u{23}VSO[task.setvariable]c ## d ##\u{23}[e"
        );
    }

    #[test]
    fn ordinary_text_of_any_script_stays() {
        for text in [
            "public web",
            "公网 Web 入口",
            "Grüße",
            "“quoted” – text",
            "🔒",
        ] {
            assert_eq!(escape(text), text);
        }
    }

    #[test]
    fn cutting_counts_columns_and_never_splits_a_character() {
        assert_eq!(cut("公网入口", 8), "公网入口");
        assert_eq!(cut("公网入口", 7), "公网入…");
        assert_eq!(cut("公网入口", 6), "公网…");
        assert_eq!(cut("public web", 8), "public…");
        for limit in 1..12 {
            assert!(width(&cut("公网 Web 入口 for everyone", limit)) <= limit);
        }
    }
}
