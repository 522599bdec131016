//! One text as a YAML scalar: plain where that is safe, quoted otherwise.

use std::fmt::Write as _;

/// The text as a scalar that reads back as the same text, in block and in flow style alike.
pub fn scalar(text: &str) -> String {
    if is_plain(text) && !text.contains([',', '[', ']', '{', '}']) {
        text.to_owned()
    } else {
        quoted(text)
    }
}

/// As [`scalar`], for a value that stands behind its key outside of brackets, where commas and brackets mean nothing.
pub fn block_scalar(text: &str) -> String {
    if is_plain(text) {
        text.to_owned()
    } else {
        quoted(text)
    }
}

fn quoted(text: &str) -> String {
    let mut quoted = String::with_capacity(text.len() + 2);
    quoted.push('"');
    for c in text.chars() {
        match c {
            '"' => quoted.push_str("\\\""),
            '\\' => quoted.push_str("\\\\"),
            '\n' => quoted.push_str("\\n"),
            '\r' => quoted.push_str("\\r"),
            '\t' => quoted.push_str("\\t"),
            c if !is_visible(c) => {
                let code = u32::from(c);
                let written = if code > 0xffff {
                    write!(quoted, "\\U{code:08x}")
                } else {
                    write!(quoted, "\\u{code:04x}")
                };
                written.expect("a String takes everything");
            }
            c => quoted.push(c),
        }
    }
    quoted.push('"');
    quoted
}

/// Whether a text needs no quotes: begins like a word or number, holds nothing that YAML gives a meaning to, and is not
/// read as another type.
fn is_plain(text: &str) -> bool {
    let begins = |c: char| c.is_alphanumeric() || c == '/' || c == '_';
    let special = |c: char| "\"'\\`".contains(c) || !is_visible(c);
    let colon = |text: &str| match text.strip_prefix("group:") {
        Some(rest) => rest.contains(':'),
        None => text.contains(':'),
    };
    text.starts_with(begins)
        && !text.ends_with(' ')
        && !text.contains(special)
        && !text.contains(" #")
        && !colon(text)
        && !is_typed(text)
}

/// Words and numbers that some reader of YAML takes for something else than text.
fn is_typed(text: &str) -> bool {
    let lower = text.to_ascii_lowercase();
    matches!(
        lower.as_str(),
        "null" | "true" | "false" | "yes" | "no" | "on" | "off" | "y" | "n"
    ) || text.parse::<f64>().is_ok()
        || text.replace('_', "").parse::<f64>().is_ok()
        || (text.starts_with("0x") || text.starts_with("0o") || text.starts_with("0b"))
        || is_date(text)
}

/// `2027-01-31` and what follows a date; `8000-8010` is none.
fn is_date(text: &str) -> bool {
    let mut parts = text.splitn(3, '-');
    let numbers = |part: Option<&str>| {
        part.is_some_and(|part| part.starts_with(|c: char| c.is_ascii_digit()))
    };
    parts.next().is_some_and(|year| year.parse::<u16>().is_ok())
        && numbers(parts.next())
        && numbers(parts.next())
}

/// Characters that a reader of the file sees as they are.
fn is_visible(c: char) -> bool {
    !(c.is_control()
        || matches!(
            c,
            '\u{85}' | '\u{a0}' | '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}'
                | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}'
                | '\u{fff9}'..='\u{fffb}' | '\u{fffe}' | '\u{ffff}' | '\u{e0000}'..='\u{e007f}'
        ))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use crate::{desired::yaml, diag::Sources};

    use super::*;

    fn read_back(text: &str) -> String {
        let written = format!("- {}\n- [{}, x]\n", block_scalar(text), scalar(text));
        let id = Sources::default().add("t.yaml".into(), written.as_str().into());
        let parsed = yaml::parse(id, &written);
        assert!(parsed.diagnostics.is_empty(), "{written}");
        let yaml::Value::List(items) = &parsed.documents[0].value else {
            panic!("{written}");
        };
        let block = items[0].scalar().unwrap().text.to_string();
        let yaml::Value::List(flow) = &items[1].value else {
            panic!("{written}");
        };
        assert_eq!(flow.len(), 2, "{written}");
        assert_eq!(block, flow[0].scalar().unwrap().text, "{written}");
        block
    }

    #[test]
    fn usual_words_stay_plain_and_traps_are_quoted() {
        for plain in [
            "public web",
            "10.0.0.0/8",
            "group:web",
            "sg-bp1a",
            "公网",
            "8000-8010",
        ] {
            assert_eq!(scalar(plain), plain);
        }
        for trap in [
            "::/0",
            "no",
            "1e3",
            "0x1f",
            "2027-01-31",
            "a: b",
            "a #b",
            "- a",
            "",
            " a",
            "*a",
        ] {
            assert!(scalar(trap).starts_with('"'), "{trap:?}");
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(crate::testing::cases(256)))]

        #[test]
        fn every_text_reads_back_as_itself(text in "\\PC{0,20}|[ -~\\n\\t]{0,20}") {
            prop_assert_eq!(read_back(&text), text);
        }
    }
}
