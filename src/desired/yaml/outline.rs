//! The places of values and comments in a sound file: what a formatter and an editor need to know of a text.

use std::{collections::BTreeMap, ops::Range};

use serde_yaml::granit_parser::{self, Event, Parser, ScalarStyle, StructureStyle};

/// Every comment of a sound file in order, from `#` to the end of its line, as bytes; `None` when the file is not sound.
pub(in crate::desired) fn comments(text: &str) -> Option<Vec<Range<usize>>> {
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
fn gap(text: &str, gap: Range<usize>, comments: &mut Vec<Range<usize>>) {
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

/// A value by its place alone.
#[derive(Clone, Debug)]
pub(in crate::desired) struct Outline {
    pub(in crate::desired) shape: Shape,
    pub(in crate::desired) start: usize,
    pub(in crate::desired) end: usize,
    /// Has an anchor or a tag, which stands before it.
    pub(in crate::desired) decorated: bool,
    /// The number of its anchor.
    pub(in crate::desired) anchor: Option<usize>,
}

/// What a file looks like.
#[derive(Clone, Debug)]
pub(in crate::desired) struct Outlines {
    /// Its documents, empty ones included; in maps keys and values alternate.
    pub(in crate::desired) documents: Vec<Outline>,
    /// Where anchors are written, by their numbers.
    pub(in crate::desired) anchors: BTreeMap<usize, Range<usize>>,
}

#[derive(Clone, Debug)]
pub(in crate::desired) enum Shape {
    Plain,
    SingleQuoted(String),
    DoubleQuoted,
    /// `|` or `>`.
    BlockText,
    /// Of the anchor with this number; of none in broken files.
    Alias(Option<usize>),
    List {
        flow: bool,
        items: Vec<Outline>,
    },
    Map {
        flow: bool,
        entries: Vec<Outline>,
    },
}

/// What a sound file looks like.
pub(in crate::desired) fn outline(text: &str) -> Option<Outlines> {
    let options = granit_parser::options! {
        emit_comments: false,
        emit_unresolved_aliases: true,
        emit_anchor_events: true,
    };
    let mut open: Vec<Outline> = Vec::new();
    let mut documents = Vec::new();
    let mut anchors = BTreeMap::new();
    for event in Parser::new_from_str_with_options(text, options) {
        let (event, span) = event.ok()?;
        let (start, end) = (span.start.byte_offset()?, span.end.byte_offset()?);
        let node = |shape, anchor, is_tagged| Outline {
            shape,
            start,
            end,
            decorated: anchor != 0 || is_tagged,
            anchor: (anchor != 0).then_some(anchor),
        };
        let done = match event {
            Event::Scalar(text, style, anchor, tag) => {
                let shape = match style {
                    ScalarStyle::Plain => Shape::Plain,
                    ScalarStyle::SingleQuoted => Shape::SingleQuoted(text.into_owned()),
                    ScalarStyle::DoubleQuoted => Shape::DoubleQuoted,
                    ScalarStyle::Literal | ScalarStyle::Folded => Shape::BlockText,
                };
                node(shape, anchor, tag.is_some())
            }
            Event::Alias(anchor) => node(Shape::Alias(Some(anchor)), 0, false),
            Event::UnresolvedAlias(_) => node(Shape::Alias(None), 0, false),
            Event::Anchor(anchor, _) => {
                anchors.insert(anchor, start..end);
                continue;
            }
            Event::SequenceStart(style, anchor, tag) => {
                let shape = Shape::List {
                    flow: style == StructureStyle::Flow,
                    items: Vec::new(),
                };
                open.push(node(shape, anchor, tag.is_some()));
                continue;
            }
            Event::MappingStart(style, anchor, tag) => {
                let shape = Shape::Map {
                    flow: style == StructureStyle::Flow,
                    entries: Vec::new(),
                };
                open.push(node(shape, anchor, tag.is_some()));
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
    Some(Outlines { documents, anchors })
}
