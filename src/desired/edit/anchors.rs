//! Anchors whose values go: the next alias takes the value over, so that every other place keeps what it says.

use std::{collections::BTreeMap, ops::Range};

use crate::desired::{
    scalar,
    yaml::{Node, Outline, Shape, Value},
};

use super::{EditError, Page, Splice};

impl Page<'_, '_> {
    /// Gives the anchors of places that go to the first alias of each that stays.
    pub(super) fn moved_anchors(&self, gone: &[Range<usize>]) -> Result<Vec<Splice>, EditError> {
        let is_gone = |at: usize| gone.iter().any(|place| place.contains(&at));
        let mut anchored: BTreeMap<usize, &Outline> = BTreeMap::new();
        let mut next: BTreeMap<usize, &Outline> = BTreeMap::new();
        walk(self.outline, &mut |value| {
            if let Some(anchor) = value.anchor {
                anchored.insert(anchor, value);
            }
            if let Shape::Alias(Some(anchor)) = value.shape
                && !is_gone(value.start)
            {
                let first = next.entry(anchor).or_insert(value);
                if value.start < first.start {
                    *first = value;
                }
            }
        });
        let mut splices = Vec::new();
        for (anchor, value) in anchored {
            let (Some(name), Some(alias)) = (self.outlines.anchors.get(&anchor), next.get(&anchor))
            else {
                continue;
            };
            if !is_gone(name.start) {
                continue;
            }
            let node = find(self.node, value).ok_or(EditError::Layout {
                line: self.line(value.start),
                what: "the anchor of a value that is used elsewhere",
            })?;
            splices.push(Splice {
                range: alias.start..alias.end,
                text: format!("{} {}", &self.editor.text[name.clone()], flow(node)),
            });
        }
        Ok(splices)
    }
}

fn walk<'o>(value: &'o Outline, see: &mut impl FnMut(&'o Outline)) {
    see(value);
    match &value.shape {
        Shape::List {
            items: children, ..
        }
        | Shape::Map {
            entries: children, ..
        } => children.iter().for_each(|child| walk(child, see)),
        _ => {}
    }
}

/// The value that is written at a place.
fn find<'n, 't>(node: &'n Node<'t>, outline: &Outline) -> Option<&'n Node<'t>> {
    let fits = matches!(
        (&node.value, &outline.shape),
        (Value::List(_), Shape::List { .. }) | (Value::Map(_), Shape::Map { .. })
    ) || matches!(
        (&node.value, &outline.shape),
        (
            Value::Scalar(_),
            Shape::Plain | Shape::SingleQuoted(_) | Shape::DoubleQuoted | Shape::BlockText
        )
    );
    if fits && node.span.start as usize == outline.start {
        return Some(node);
    }
    match &node.value {
        Value::Scalar(_) => None,
        Value::List(items) => items.iter().find_map(|item| find(item, outline)),
        Value::Map(entries) => entries
            .iter()
            .find_map(|(key, value)| find(key, outline).or_else(|| find(value, outline))),
    }
}

/// A value on one line.
fn flow(node: &Node<'_>) -> String {
    match &node.value {
        Value::Scalar(text) if text.is_null() => "null".to_owned(),
        Value::Scalar(text) if text.as_bool().is_some() || text.as_int().is_some() => {
            text.text.to_string()
        }
        Value::Scalar(text) => scalar(&text.text),
        Value::List(items) => {
            let items: Vec<String> = items.iter().map(flow).collect();
            format!("[{}]", items.join(", "))
        }
        Value::Map(entries) => {
            let entries = entries
                .iter()
                .map(|(key, value)| format!("{}: {}", flow(key), flow(value)));
            format!("{{ {} }}", entries.collect::<Vec<_>>().join(", "))
        }
    }
}
