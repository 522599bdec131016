//! YAML text -> a tree in which every key and value knows its place; the only file that knows the YAML crate.
//!
//! Nothing is interpreted here: a scalar stays the text that was written, and duplicate keys stay visible, so that the
//! checks can name both places. The event parser is used rather than typed serde, which stops at the first problem.

use std::{borrow::Cow, collections::HashMap};

use serde_yaml::granit_parser::{self, Event, Marker, Parser, ScalarStyle, StructureStyle, Tag};

use crate::diag::{Code, Diagnostic, FileId, Span};

mod outline;
mod syntax;

pub(super) use outline::{Outline, Outlines, Shape, comments, outline};

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
}

/// Whether two nodes mean the same, wherever they stand and however they are quoted.
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

#[cfg(test)]
mod tests;
