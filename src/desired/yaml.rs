//! YAML text -> a tree in which every key and value knows its place; the only file that knows the YAML crate.
//!
//! Nothing is interpreted here: a scalar stays the text that was written, and duplicate keys stay visible, so that the
//! checks can name both places. The event parser is used rather than typed serde, which stops at the first problem.

use std::{borrow::Cow, collections::HashMap};

use serde_yaml::granit_parser::{
    self, ErrorKind, Event, Marker, Parser, ScalarStyle, ScanError, StructureStyle, Tag,
};

use crate::diag::{Code, Diagnostic, FileId, Span};

/// Most nodes that may be written in one file: 200,000 rules are 3 million.
const MAX_NODES: usize = 10_000_000;
/// Most nodes that aliases may add to one file; a billion laughs stop here.
const MAX_COPIED_NODES: usize = 250_000;

/// A value and its place.
#[derive(Clone, Debug)]
pub struct Node<'t> {
    /// What is written there.
    pub value: Value<'t>,
    /// Where.
    pub span: Span,
}

/// The three shapes of YAML.
#[derive(Clone, Debug)]
pub enum Value<'t> {
    /// Text, number, boolean or nothing.
    Scalar(Scalar<'t>),
    /// `- a` or `[a]`.
    List(Vec<Node<'t>>),
    /// Keys and values in the order of the file, duplicates included.
    Map(Vec<(Node<'t>, Node<'t>)>),
}

/// Text as it was written.
#[derive(Clone, Debug)]
pub struct Scalar<'t> {
    /// The text without quotes, escapes resolved.
    pub text: Cow<'t, str>,
    /// Written without quotes: it may be a number, a boolean or nothing.
    pub plain: bool,
}

impl Scalar<'_> {
    /// `true` and `false` of YAML 1.2; `yes`, `on` and their like are text.
    pub fn as_bool(&self) -> Option<bool> {
        match (&*self.text, self.plain) {
            ("true" | "True" | "TRUE", true) => Some(true),
            ("false" | "False" | "FALSE", true) => Some(false),
            _ => None,
        }
    }

    /// A decimal number that was not quoted; `010`, which YAML 1.1 reads as eight, is none.
    pub fn as_int(&self) -> Option<i64> {
        let digits = self.text.strip_prefix('-').unwrap_or(&self.text);
        let decimal = !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit());
        let leading_zero = digits.len() > 1 && digits.starts_with('0');
        if self.plain && decimal && !leading_zero {
            self.text.parse().ok()
        } else {
            None
        }
    }

    /// Nothing: `~`, `null`, or no text at all.
    pub fn is_null(&self) -> bool {
        self.plain && matches!(&*self.text, "" | "~" | "null" | "Null" | "NULL")
    }
}

impl<'t> Node<'t> {
    /// The scalar, unless it is a list or a map.
    pub fn scalar(&self) -> Option<&Scalar<'t>> {
        match &self.value {
            Value::Scalar(scalar) => Some(scalar),
            Value::List(_) | Value::Map(_) => None,
        }
    }

    /// Whether nothing was written.
    pub fn is_null(&self) -> bool {
        self.scalar().is_some_and(Scalar::is_null)
    }

    /// What it is, in words, for messages.
    pub fn kind(&self) -> &'static str {
        match &self.value {
            Value::List(_) => "a list",
            Value::Map(_) => "a map",
            Value::Scalar(scalar) if scalar.is_null() => "nothing",
            Value::Scalar(scalar) if scalar.as_bool().is_some() => "true or false",
            Value::Scalar(scalar) if scalar.as_int().is_some() => "a number",
            Value::Scalar(_) => "text",
        }
    }
}

/// What came of a file.
#[derive(Debug, Default)]
pub struct Parsed<'t> {
    /// The documents that could be read; empty ones are left out.
    pub documents: Vec<Node<'t>>,
    /// Why others could not.
    pub diagnostics: Vec<Diagnostic>,
}

/// Reads every document of a file; after a broken one it goes on at the next `---`.
pub fn parse(file: FileId, text: &str) -> Parsed<'_> {
    let options = granit_parser::options! {
        emit_comments: false,
        emit_unresolved_aliases: true,
    };
    let mut parser = Parser::new_from_str_with_options(text, options);
    let mut tree = Tree::new(file, text);
    loop {
        let problem = match parser.next_event() {
            None => break,
            Some(Ok((event, span))) => match tree.take(event, &span) {
                Ok(()) => continue,
                Err(Stop::Bomb(diagnostic)) => {
                    tree.parsed.diagnostics.push(diagnostic);
                    break;
                }
                Err(Stop::Document(diagnostic)) => diagnostic,
            },
            Some(Err(error)) => tree.syntax(&error),
        };
        tree.parsed.diagnostics.push(problem);
        tree.forget();
        if !matches!(parser.proceed_next_document(), Ok(true)) {
            break;
        }
    }
    tree.parsed
}

/// Why a document is given up.
enum Stop {
    /// It is broken; the next one may be read.
    Document(Diagnostic),
    /// The file is a bomb; nothing more is read of it.
    Bomb(Diagnostic),
}

/// A list or map that is not closed yet.
struct Frame<'t> {
    value: Value<'t>,
    key: Option<Node<'t>>,
    span: Span,
    flow: bool,
    anchor: usize,
    /// Nodes in it, itself included.
    size: usize,
}

struct Tree<'t> {
    file: FileId,
    text: &'t str,
    parsed: Parsed<'t>,
    open: Vec<Frame<'t>>,
    anchors: HashMap<usize, (Node<'t>, usize)>,
    nodes: usize,
    copied: usize,
}

impl<'t> Tree<'t> {
    fn new(file: FileId, text: &'t str) -> Self {
        Self {
            file,
            text,
            parsed: Parsed::default(),
            open: Vec::new(),
            anchors: HashMap::new(),
            nodes: 0,
            copied: 0,
        }
    }

    fn forget(&mut self) {
        self.open.clear();
        self.anchors.clear();
    }

    fn take(&mut self, event: Event<'t>, span: &granit_parser::Span) -> Result<(), Stop> {
        match event {
            Event::Scalar(text, style, anchor, tag) => {
                self.count(span)?;
                let forced_text = self.tag(tag.as_deref(), span);
                let text = match (style, text) {
                    // The last line break of `|` and `>` belongs to the layout; nobody means to send it.
                    (ScalarStyle::Literal | ScalarStyle::Folded, Cow::Borrowed(text)) => {
                        Cow::Borrowed(text.strip_suffix('\n').unwrap_or(text))
                    }
                    (ScalarStyle::Literal | ScalarStyle::Folded, Cow::Owned(mut text)) => {
                        if text.ends_with('\n') {
                            text.pop();
                        }
                        Cow::Owned(text)
                    }
                    (_, text) => text,
                };
                let node = Node {
                    span: self.span(span),
                    value: Value::Scalar(Scalar {
                        text,
                        plain: style == ScalarStyle::Plain && !forced_text,
                    }),
                };
                self.place(node, 1, anchor)
            }
            Event::SequenceStart(style, anchor, tag) => {
                self.tag(tag.as_deref(), span);
                self.begin(Value::List(Vec::new()), style, anchor, span)
            }
            Event::MappingStart(style, anchor, tag) => {
                self.tag(tag.as_deref(), span);
                self.begin(Value::Map(Vec::new()), style, anchor, span)
            }
            Event::SequenceEnd | Event::MappingEnd => self.end(span),
            Event::Alias(id) => self.alias(id, span),
            Event::UnresolvedAlias(name) => Err(Stop::Document(
                Diagnostic::error(Code::Syntax, format!("`*{name}` names no anchor"))
                    .label(
                        self.span(span),
                        "no `&` with this name above it in the document",
                    )
                    .help(format!(
                        "mark the value with `&{name}` first, or quote the text if it is no alias"
                    )),
            )),
            Event::DocumentEnd => {
                self.forget();
                Ok(())
            }
            _ => Ok(()),
        }
    }

    fn count(&mut self, span: &granit_parser::Span) -> Result<(), Stop> {
        self.nodes += 1;
        if self.nodes <= MAX_NODES {
            return Ok(());
        }
        Err(Stop::Bomb(
            Diagnostic::error(
                Code::Bomb,
                format!("the file has more than {MAX_NODES} values"),
            )
            .label(self.span(span), "reading stopped here")
            .help("split it into several files"),
        ))
    }

    fn begin(
        &mut self,
        value: Value<'t>,
        style: StructureStyle,
        anchor: usize,
        span: &granit_parser::Span,
    ) -> Result<(), Stop> {
        self.count(span)?;
        self.open.push(Frame {
            value,
            key: None,
            span: self.span(span),
            flow: style == StructureStyle::Flow,
            anchor,
            size: 1,
        });
        Ok(())
    }

    fn end(&mut self, span: &granit_parser::Span) -> Result<(), Stop> {
        let mut frame = self.open.pop().expect("the parser closes what it opened");
        // A block collection is closed by what follows it, so its end is that of its last child.
        let last = match &frame.value {
            Value::List(items) => items.last(),
            Value::Map(entries) => entries.last().map(|(_, value)| value),
            Value::Scalar(_) => None,
        };
        let first = match &frame.value {
            Value::Map(entries) => entries.first().map(|(key, _)| key.span),
            Value::List(_) | Value::Scalar(_) => None,
        };
        match (frame.flow, first, last) {
            (true, ..) => frame.span.end = self.byte(&span.end),
            (false, first, Some(last)) => {
                let end = last.span.end;
                if let Some(first) = first {
                    frame.span = first;
                }
                frame.span.end = end.max(frame.span.end);
            }
            (false, _, None) => {}
        }
        if let Value::Map(entries) = &mut frame.value {
            self.merge(entries).map_err(Stop::Document)?;
        }
        let node = Node {
            value: frame.value,
            span: frame.span,
        };
        self.place(node, frame.size, frame.anchor)
    }

    /// Replaces `<<` by the keys it stands for; keys that are written win.
    fn merge(&self, entries: &mut Vec<(Node<'t>, Node<'t>)>) -> Result<(), Diagnostic> {
        let is_merge = |(key, _): &(Node<'t>, Node<'t>)| {
            key.scalar()
                .is_some_and(|key| key.plain && key.text == "<<")
        };
        while let Some(at) = entries.iter().position(is_merge) {
            let (key, value) = entries.remove(at);
            let sources = match value.value {
                Value::List(items) => items,
                Value::Map(_) | Value::Scalar(_) => vec![value],
            };
            for source in sources {
                let Value::Map(merged) = source.value else {
                    return Err(Diagnostic::error(
                        Code::WrongType,
                        format!("`<<` merges a map, this is {}", source.kind()),
                    )
                    .label(source.span, "not a map")
                    .label(key.span, "merged here")
                    .help("write `<<: *name`, where `&name` marks a map"));
                };
                for (key, value) in merged {
                    let name = key.scalar().map(|scalar| &scalar.text);
                    let taken = entries
                        .iter()
                        .any(|(old, _)| old.scalar().map(|scalar| &scalar.text) == name);
                    if !taken {
                        entries.push((key, value));
                    }
                }
            }
        }
        Ok(())
    }

    fn alias(&mut self, id: usize, span: &granit_parser::Span) -> Result<(), Stop> {
        let Some((node, size)) = self.anchors.get(&id) else {
            return Err(Stop::Document(
                Diagnostic::error(Code::Bomb, "an alias names the value that it is part of")
                    .label(self.span(span), "would go on without end")
                    .help("write the value out instead of the alias"),
            ));
        };
        self.copied += size;
        if self.copied > MAX_COPIED_NODES {
            return Err(Stop::Bomb(self.too_many_copies(self.span(span))));
        }
        let (node, size) = (node.clone(), *size);
        self.place(node, size, 0)
    }

    fn too_many_copies(&self, span: Span) -> Diagnostic {
        Diagnostic::error(
            Code::Bomb,
            format!("the aliases of this file stand for more than {MAX_COPIED_NODES} values"),
        )
        .label(span, "reading stopped at this one")
        .help("name shared addresses under `networks:` in the project file instead of multiplying aliases")
    }

    fn place(&mut self, node: Node<'t>, size: usize, anchor: usize) -> Result<(), Stop> {
        if anchor != 0 {
            self.copied += size;
            if self.copied > MAX_COPIED_NODES {
                return Err(Stop::Bomb(self.too_many_copies(node.span)));
            }
            self.anchors.insert(anchor, (node.clone(), size));
        }
        let Some(parent) = self.open.last_mut() else {
            if !node.is_null() {
                self.parsed.documents.push(node);
            }
            return Ok(());
        };
        parent.size += size;
        match &mut parent.value {
            Value::List(items) => items.push(node),
            Value::Map(entries) => match parent.key.take() {
                None => parent.key = Some(node),
                Some(key) => entries.push((key, node)),
            },
            Value::Scalar(_) => unreachable!("only lists and maps are opened"),
        }
        Ok(())
    }

    /// Whether a tag makes the scalar text; tags of programs are refused.
    fn tag(&mut self, tag: Option<&Tag>, span: &granit_parser::Span) -> bool {
        let Some(tag) = tag else { return false };
        if !tag.is_yaml_core_schema() && tag.original() != "!" {
            let place = span.tag_span().unwrap_or(*span);
            self.parsed.diagnostics.push(
                Diagnostic::error(
                    Code::Syntax,
                    format!("the tag `{}` means nothing here", tag.original()),
                )
                .label(self.span(&place), "unknown tag")
                .help("remove it; text that begins with `!` must be quoted"),
            );
        }
        tag.core_suffix() == Some("str") || tag.original() == "!"
    }

    fn byte(&self, marker: &Marker) -> u32 {
        let byte = marker.byte_offset().unwrap_or(self.text.len());
        u32::try_from(byte.min(self.text.len())).unwrap_or(u32::MAX)
    }

    fn span(&self, span: &granit_parser::Span) -> Span {
        let start = self.byte(&span.start);
        Span {
            file: self.file,
            start,
            end: self.byte(&span.end).max(start),
            line: u32::try_from(span.start.line()).unwrap_or(u32::MAX),
            column: u32::try_from(span.start.col() + 1).unwrap_or(u32::MAX),
        }
    }

    /// A syntax error in words that say what to do.
    fn syntax(&self, error: &ScanError) -> Diagnostic {
        let marker = error.marker();
        let mut span = self.span(&granit_parser::Span::empty(*marker));
        let rest = self.text.get(span.start as usize..).unwrap_or("");
        let character = rest.chars().next();
        span.end += character.map_or(0, |c| if c == '\n' { 0 } else { c.len_utf8() as u32 });
        let before = &self.text[..self.text.len() - rest.len()];
        let line_start = before.rfind('\n').map_or(0, |at| at + 1);
        let indent_tab = self.text[line_start..]
            .find(|c: char| c != ' ')
            .filter(|at| self.text[line_start + at..].starts_with('\t'));
        let kind = error.kind();
        let is_tab = matches!(
            kind,
            ErrorKind::TabNotAllowed
                | ErrorKind::TabInBlockIndentation
                | ErrorKind::TabInIndentation
                | ErrorKind::TabInPlainScalar
                | ErrorKind::TabAtBlockScalarStart
        );
        if is_tab || indent_tab.is_some() || character == Some('\t') {
            if let Some(at) = indent_tab {
                span.start = u32::try_from(line_start + at).unwrap_or(span.start);
                span.end = span.start + 1;
                span.column = u32::try_from(at + 1).unwrap_or(span.column);
            }
            return Diagnostic::error(Code::Tab, "a tab stands where YAML needs spaces")
                .label(span, "a tab")
                .help("replace it by spaces; two per level are usual");
        }
        let (code, message, label, help) = explain(kind);
        Diagnostic::error(code, message)
            .label(span, label)
            .help(help)
    }
}

fn explain(kind: &ErrorKind) -> (Code, String, &'static str, &'static str) {
    let syntax = |message: &str, label, help| (Code::Syntax, message.to_owned(), label, help);
    match kind {
        ErrorKind::RecursionLimitExceeded => (
            Code::Bomb,
            "lists and maps are nested too deeply".to_owned(),
            "reading stopped here",
            "no file needs more than a few levels; remove the outer brackets",
        ),
        ErrorKind::MappingValueNotAllowed | ErrorKind::InvalidColonPlacement => syntax(
            "a `:` stands where no key can be",
            "not possible here",
            "quote the text when the colon is part of it; otherwise give the key a line of its own",
        ),
        ErrorKind::UnclosedQuotedScalar => syntax(
            "a quoted text has no end",
            "still looking for the closing quote here",
            "add the closing quote",
        ),
        ErrorKind::UnclosedFlowCollection { .. }
        | ErrorKind::UnexpectedEofFlowSequence
        | ErrorKind::UnexpectedEofFlowMapping
        | ErrorKind::UnexpectedEofImplicitFlowMapping => syntax(
            "a bracket is opened and never closed",
            "still open here",
            "add the closing `]` or `}`",
        ),
        ErrorKind::ExpectedFlowMappingSeparator => syntax(
            "a `,` or `}` is missing",
            "expected before this",
            "write `{ key: value, key: value }`",
        ),
        ErrorKind::ExpectedFlowSequenceSeparator => syntax(
            "a `,` or `]` is missing",
            "expected before this",
            "write `[a, b]`, and quote texts that contain `[`, `]`, `{`, `}` or `: `",
        ),
        ErrorKind::MismatchedFlowCollectionEnd { open, close } => (
            Code::Syntax,
            format!("`{open}` is closed by `{close}`"),
            "the wrong bracket",
            "close each bracket by its own kind",
        ),
        ErrorKind::MisplacedFlowCollectionEnd => syntax(
            "a bracket is closed that was not opened",
            "nothing to close",
            "remove it, or quote the text that it belongs to",
        ),
        ErrorKind::ExpectedBlockMappingKey
        | ErrorKind::ExpectedBlockSequenceEntry
        | ErrorKind::InvalidIndentation
        | ErrorKind::BlockSequenceEntryNotAllowed => syntax(
            "the indentation does not fit the lines above",
            "belongs to no list or map that is open here",
            "indent the entries of one list or map by the same number of spaces",
        ),
        ErrorKind::SimpleKeyExpected | ErrorKind::InvalidSimpleKey => syntax(
            "a key without a `:`",
            "expected `key: value`",
            "add the `:` after the key, followed by a space",
        ),
        ErrorKind::InvalidQuotedScalarIndent | ErrorKind::DocumentIndicatorInQuotedScalar => {
            syntax(
                "a quoted text goes on where no text can be",
                "still inside the quotes",
                "add the closing quote on a line above, or indent the text",
            )
        }
        ErrorKind::UnexpectedCharacter { character } => (
            Code::Syntax,
            format!("a text cannot begin with `{}`", character.escape_default()),
            "needs quotes",
            "put the text in double quotes",
        ),
        ErrorKind::UnknownQuotedScalarEscape => syntax(
            "an escape that YAML does not know",
            "unknown escape",
            "write `\\\\` for a backslash, or use single quotes",
        ),
        other => (
            Code::Syntax,
            format!("this is no YAML: {other}"),
            "reading stopped here",
            "check quotes, brackets and indentation around this place",
        ),
    }
}

#[cfg(test)]
mod tests {
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
}

/// Every comment of a sound file in order, from `#` to the end of its line, as bytes; `None` when the file is not sound.
pub(super) fn comments(text: &str) -> Option<Vec<std::ops::Range<usize>>> {
    let options = granit_parser::options! {
        emit_comments: false,
        emit_unresolved_aliases: true,
    };
    let mut comments = Vec::new();
    let mut from = 0;
    for event in Parser::new_from_str_with_options(text, options) {
        let (event, span) = event.ok()?;
        if let Event::Scalar(..) = event {
            let (start, end) = (span.start.byte_offset()?, span.end.byte_offset()?);
            gap(text, from..start, &mut comments);
            from = end.max(from);
            // A comment may stand in the first line of block text, behind `|` or `>`.
            if text[start..].starts_with(['|', '>']) {
                let header = text[start..].find('\n').map_or(text.len(), |at| start + at);
                gap(text, start..header, &mut comments);
            }
        }
    }
    gap(text, from..text.len(), &mut comments);
    Some(comments)
}

/// The comments between two scalars, where `#` can begin nothing else.
fn gap(text: &str, gap: std::ops::Range<usize>, comments: &mut Vec<std::ops::Range<usize>>) {
    let mut at = gap.start;
    while at < gap.end {
        let Some(found) = text[at..gap.end].find('#') else {
            return;
        };
        let start = at + found;
        if !(start == 0 || text[..start].ends_with([' ', '\t', '\n', '\r', '\u{feff}'])) {
            at = start + 1;
            continue;
        }
        let end = text[start..].find('\n').map_or(text.len(), |at| start + at);
        comments.push(start..start + text[start..end].trim_end().len());
        at = end;
    }
}

/// A value by its place alone: what a formatter needs to know of it.
#[derive(Clone, Debug)]
pub(super) struct Outline {
    pub(super) shape: Shape,
    pub(super) start: usize,
    pub(super) end: usize,
    /// Has an anchor or a tag, which stands before it.
    pub(super) decorated: bool,
}

#[derive(Clone, Debug)]
pub(super) enum Shape {
    Plain,
    SingleQuoted(String),
    DoubleQuoted,
    /// `|` or `>`.
    BlockText,
    Alias,
    List {
        flow: bool,
        items: Vec<Outline>,
    },
    Map {
        flow: bool,
        entries: Vec<Outline>,
    },
}

/// The documents of a sound file; in maps keys and values alternate.
pub(super) fn outline(text: &str) -> Option<Vec<Outline>> {
    let options = granit_parser::options! {
        emit_comments: false,
        emit_unresolved_aliases: true,
    };
    let mut open: Vec<Outline> = Vec::new();
    let mut documents = Vec::new();
    for event in Parser::new_from_str_with_options(text, options) {
        let (event, span) = event.ok()?;
        let (start, end) = (span.start.byte_offset()?, span.end.byte_offset()?);
        let node = |shape, decorated| Outline {
            shape,
            start,
            end,
            decorated,
        };
        let done = match event {
            Event::Scalar(text, style, anchor, tag) => {
                let shape = match style {
                    ScalarStyle::Plain => Shape::Plain,
                    ScalarStyle::SingleQuoted => Shape::SingleQuoted(text.into_owned()),
                    ScalarStyle::DoubleQuoted => Shape::DoubleQuoted,
                    ScalarStyle::Literal | ScalarStyle::Folded => Shape::BlockText,
                };
                node(shape, anchor != 0 || tag.is_some())
            }
            Event::Alias(_) | Event::UnresolvedAlias(_) => node(Shape::Alias, false),
            Event::SequenceStart(style, anchor, tag) => {
                let shape = Shape::List {
                    flow: style == StructureStyle::Flow,
                    items: Vec::new(),
                };
                open.push(node(shape, anchor != 0 || tag.is_some()));
                continue;
            }
            Event::MappingStart(style, anchor, tag) => {
                let shape = Shape::Map {
                    flow: style == StructureStyle::Flow,
                    entries: Vec::new(),
                };
                open.push(node(shape, anchor != 0 || tag.is_some()));
                continue;
            }
            Event::SequenceEnd | Event::MappingEnd => {
                let mut closed = open.pop()?;
                let (flow, children) = match &closed.shape {
                    Shape::List { flow, items } => (*flow, items),
                    Shape::Map { flow, entries } => (*flow, entries),
                    _ => return None,
                };
                closed.end = match children.last() {
                    _ if flow => end,
                    Some(last) => last.end,
                    None => closed.start,
                };
                closed
            }
            _ => continue,
        };
        match open.last_mut().map(|parent| &mut parent.shape) {
            Some(Shape::List { items, .. }) => items.push(done),
            Some(Shape::Map { entries, .. }) => entries.push(done),
            Some(_) => return None,
            None => documents.push(done),
        }
    }
    Some(documents)
}

/// Whether two values mean the same, wherever they stand and however they are quoted.
pub(super) fn same(a: &Node<'_>, b: &Node<'_>) -> bool {
    match (&a.value, &b.value) {
        (Value::Scalar(a), Value::Scalar(b)) => {
            a.text == b.text
                && (a.as_bool(), a.as_int(), a.is_null()) == (b.as_bool(), b.as_int(), b.is_null())
        }
        (Value::List(a), Value::List(b)) => {
            a.len() == b.len() && a.iter().zip(b).all(|(a, b)| same(a, b))
        }
        (Value::Map(a), Value::Map(b)) => {
            a.len() == b.len()
                && a.iter()
                    .zip(b)
                    .all(|((k, a), (l, b))| same(k, l) && same(a, b))
        }
        (Value::Scalar(_) | Value::List(_) | Value::Map(_), _) => false,
    }
}
