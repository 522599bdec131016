use std::fmt::Write as _;

use super::{Node, Scalar, Value, parse};
use crate::diag::{Code, Sources};

fn codes(text: &str) -> (usize, Vec<Code>) {
    let file = Sources::default().add("a.yaml".into(), text.into());
    let parsed = parse(file, text);
    let codes = parsed.diagnostics.iter().map(|d| d.code).collect();
    (parsed.documents.len(), codes)
}

#[test]
fn a_broken_document_does_not_hide_the_next_ones() {
    let text = "a: [\n---\nb: 1\n---\nc: *lost\n---\nd: \"open\n---\n";
    let (documents, codes) = codes(text);
    assert_eq!(documents, 1);
    assert_eq!(codes, [Code::Syntax; 3]);
}

#[test]
fn many_copies_and_deep_nesting_are_bombs() {
    let mut laughs = "a0: &a0 [x, x]\n".to_owned();
    for level in 1..40 {
        let below = level - 1;
        writeln!(laughs, "a{level}: &a{level} [*a{below}, *a{below}]").unwrap();
    }
    for text in [laughs.as_str(), &"[".repeat(1000), "a: &a [*a]"] {
        assert_eq!(codes(text), (0, vec![Code::Bomb]));
    }
}

#[test]
fn empty_documents_are_left_out() {
    assert_eq!(codes("# nothing\n---\n---\n~\n"), (0, vec![]));
}

#[test]
fn spans_cover_what_was_written() {
    let text = "list:\n  - {a: é, b: [1, 2]}\n  - c: \"d\"\n    e: f # note\nlast: g\n";
    let file = Sources::default().add("a.yaml".into(), text.into());
    let parsed = parse(file, text);
    let mut pieces = Vec::new();
    walk(&parsed.documents[0], &mut |node| {
        let span = node.span;
        let piece = &text[span.start as usize..span.end as usize];
        pieces.push(format!(
            "{}:{} {}",
            span.line,
            span.column,
            piece.escape_debug()
        ));
    });
    insta::assert_snapshot!(pieces.join("\n"), @r#"
    1:1 list:\n  - {a: é, b: [1, 2]}\n  - c: \"d\"\n    e: f # note\nlast: g
    1:1 list
    2:3 - {a: é, b: [1, 2]}\n  - c: \"d\"\n    e: f
    2:5 {a: é, b: [1, 2]}
    2:6 a
    2:9 é
    2:12 b
    2:15 [1, 2]
    2:16 1
    2:19 2
    3:5 c: \"d\"\n    e: f
    3:5 c
    3:8 \"d\"
    4:5 e
    4:8 f
    5:1 last
    5:7 g
    "#);
}

fn walk(node: &Node<'_>, see: &mut impl FnMut(&Node<'_>)) {
    see(node);
    match &node.value {
        Value::Scalar(_) => {}
        Value::List(items) => items.iter().for_each(|item| walk(item, see)),
        Value::Map(entries) => entries.iter().for_each(|(key, value)| {
            walk(key, see);
            walk(value, see);
        }),
    }
}

#[test]
fn only_plain_decimal_numbers_and_true_and_false_are_more_than_text() {
    let scalar = |text: &'static str, plain| Scalar {
        text: text.into(),
        plain,
    };
    for (text, int) in [("22", Some(22)), ("-1", Some(-1)), ("0", Some(0))] {
        assert_eq!(scalar(text, true).as_int(), int);
        assert_eq!(scalar(text, false).as_int(), None);
    }
    for text in [
        "010",
        "0x16",
        "1e3",
        "1_000",
        "22:22",
        "",
        "-",
        "99999999999999999999",
    ] {
        assert_eq!(scalar(text, true).as_int(), None, "{text}");
    }
    for text in ["yes", "no", "on", "off", "y", "1", "tRue"] {
        assert_eq!(scalar(text, true).as_bool(), None, "{text}");
    }
    assert_eq!(scalar("false", true).as_bool(), Some(false));
    assert_eq!(scalar("false", false).as_bool(), None);
}
