//! The canonical layout of project and group files. Only the layout: no key, value or comment is moved, added or lost.
//!
//! Two spaces per level, lists indented below their key, `key: value`, `[a, b]`, `{ a: b }`, double quotes, no blanks at
//! line ends, at most one empty line in a row. Comments at line ends keep their column where the line leaves room. What
//! comes out is read again and compared with what went in.

use std::collections::BTreeMap;

use crate::{
    desired::{
        edit::{Splice, splice},
        scalar,
        yaml::{self, Outline, Shape},
    },
    diag::Sources,
};

/// Why a file keeps its layout.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FmtError {
    /// It is no YAML that could be laid out.
    #[error("it has a syntax error; `rulekeep validate` shows it")]
    Broken,
    /// A layout that this program does not take apart.
    #[error("line {0} has a layout that cannot be changed safely")]
    Unusual(usize),
    /// The result would not mean the same; nothing was changed.
    #[error("its layout cannot be changed without changing what it says")]
    Changed,
}

/// The text in canonical layout.
pub fn fmt(text: &str) -> Result<String, FmtError> {
    let plain = text.replace("\r\n", "\n");
    let documents = yaml::outline(&plain).ok_or(FmtError::Broken)?.documents;
    let comments = yaml::comments(&plain).ok_or(FmtError::Broken)?;
    let mut layout = Layout::new(&plain);
    for document in &documents {
        layout.node(document, 0)?;
    }
    let comments_at = comments
        .iter()
        .map(|comment| comment.start)
        .collect::<Vec<_>>();
    layout.changes.sort_by_key(|change| change.range.start);
    let out = layout.draw(&comments_at);
    if means_the_same(&plain, &out) {
        Ok(out)
    } else {
        Err(FmtError::Changed)
    }
}

/// Whether values and comments are the same, in the same order.
fn means_the_same(before: &str, after: &str) -> bool {
    let file = Sources::default().add(Default::default(), "".into());
    let (a, b) = (yaml::parse(file, before), yaml::parse(file, after));
    let said = |text: &str| -> Option<Vec<String>> {
        let comments = yaml::comments(text)?;
        Some(
            comments
                .into_iter()
                .map(|range| text[range].to_owned())
                .collect(),
        )
    };
    a.diagnostics.len() == b.diagnostics.len()
        && a.documents.len() == b.documents.len()
        && a.documents
            .iter()
            .zip(&b.documents)
            .all(|(a, b)| yaml::same(a, b))
        && said(before) == said(after)
}

/// How a line begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Lead {
    /// So many blanks, then what stands in the line.
    Indent(usize),
    /// So many blanks more or fewer than before: inside block text.
    Shift { cut: usize, indent: usize },
}

struct Layout<'t> {
    text: &'t str,
    /// First byte of every line.
    starts: Vec<usize>,
    leads: BTreeMap<usize, Lead>,
    changes: Vec<Splice>,
}

impl<'t> Layout<'t> {
    fn new(text: &'t str) -> Self {
        let starts = std::iter::once(0).chain(text.match_indices('\n').map(|(at, _)| at + 1));
        Self {
            text,
            starts: starts.collect(),
            leads: BTreeMap::new(),
            changes: Vec::new(),
        }
    }

    fn line(&self, at: usize) -> usize {
        self.starts.partition_point(|start| *start <= at) - 1
    }

    fn line_text(&self, line: usize) -> &'t str {
        let end = self
            .starts
            .get(line + 1)
            .map_or(self.text.len(), |next| next - 1);
        &self.text[self.starts[line]..end.max(self.starts[line])]
    }

    fn unusual(&self, at: usize) -> FmtError {
        FmtError::Unusual(self.line(at) + 1)
    }

    /// Sets the indent of a line if nothing but blanks stands before a place in it.
    fn lead(&mut self, at: usize, indent: usize) {
        let line = self.line(at);
        if self.text[self.starts[line]..at].trim().is_empty() {
            self.leads.entry(line).or_insert(Lead::Indent(indent));
        }
    }

    /// Lays out a value whose first line, if it begins one, is indented so far.
    fn node(&mut self, node: &Outline, indent: usize) -> Result<(), FmtError> {
        match &node.shape {
            Shape::Plain | Shape::DoubleQuoted | Shape::Alias(_) => {
                if node.end > node.start {
                    self.lead(node.start, indent);
                    self.continuation(node, indent);
                }
            }
            Shape::SingleQuoted(text) => {
                self.lead(node.start, indent);
                if self.line(node.start) == self.line(node.end) {
                    let mut quoted = scalar(text);
                    if !quoted.starts_with('"') {
                        quoted = format!("\"{quoted}\"");
                    }
                    self.change(node.start, node.end, quoted);
                } else {
                    self.continuation(node, indent);
                }
            }
            Shape::BlockText => self.block_text(node, indent)?,
            Shape::List { flow: true, .. } | Shape::Map { flow: true, .. } => {
                self.lead(node.start, indent);
                match self.flow(node) {
                    Some(text) if self.line(node.start) == self.line(node.end) => {
                        self.change(node.start, node.end, text);
                    }
                    _ => self.continuation(node, indent),
                }
            }
            Shape::List { items, .. } => {
                for item in items {
                    let dash = self.dash(item)?;
                    self.lead(dash, indent);
                    let between = &self.text[dash + 1..item.start.max(dash + 1)];
                    if !between.contains('\n') && !item.decorated && item.end > item.start {
                        self.change(dash + 1, item.start, " ".to_owned());
                    }
                    self.node(item, indent + 2)?;
                }
            }
            Shape::Map { entries, .. } => {
                for pair in entries.chunks(2) {
                    let [key, value] = pair else {
                        return Err(self.unusual(node.start));
                    };
                    if key.decorated
                        || !matches!(
                            key.shape,
                            Shape::Plain | Shape::DoubleQuoted | Shape::SingleQuoted(_)
                        )
                    {
                        return Err(self.unusual(key.start));
                    }
                    let line = self.line(key.start);
                    let before = self.text[self.starts[line]..key.start].trim();
                    if before.contains('?') {
                        return Err(self.unusual(key.start));
                    }
                    self.node(key, indent)?;
                    self.colon(key, value);
                    self.node(value, indent + 2)?;
                }
            }
        }
        Ok(())
    }

    /// One blank behind the colon of a key whose value stands in its line.
    fn colon(&mut self, key: &Outline, value: &Outline) {
        if value.decorated || value.end <= value.start || value.start < key.end {
            return;
        }
        let between = &self.text[key.end..value.start];
        if !between.contains(['\n', '#']) && between.trim() == ":" {
            self.change(key.end, value.start, ": ".to_owned());
        }
    }

    fn change(&mut self, start: usize, end: usize, text: String) {
        if self.text[start..end] != text {
            self.changes.push(Splice {
                range: start..end,
                text,
            });
        }
    }

    /// Lines of a value after its first one; their blanks mean nothing.
    fn continuation(&mut self, node: &Outline, indent: usize) {
        for line in self.line(node.start) + 1..=self.line(node.end.max(node.start + 1) - 1) {
            self.leads
                .entry(line)
                .or_insert(Lead::Indent(indent.max(2)));
        }
    }

    fn block_text(&mut self, node: &Outline, indent: usize) -> Result<(), FmtError> {
        // The place of block text is its first line; what introduces it stands above.
        let sign = if self.text[node.start..].starts_with(['|', '>']) {
            Some(node.start)
        } else {
            let mut above = (0..self.line(node.start))
                .rev()
                .map(|line| self.starts[line]);
            let blank = |start: &usize| !self.line_text(self.line(*start)).trim().is_empty();
            above.find(blank).and_then(|start| {
                let line = self.line_text(self.line(start));
                let content = line.split(" #").next().unwrap_or(line);
                content.rfind(['|', '>']).map(|at| start + at)
            })
        };
        let sign = sign.ok_or_else(|| self.unusual(node.start))?;
        let header = self.line(sign);
        let head = self.text[sign..].lines().next().unwrap_or_default();
        let head = head.split('#').next().unwrap_or_default();
        if !head[1..].trim().trim_matches(['+', '-']).is_empty() {
            return Err(self.unusual(sign));
        }
        self.lead(sign, indent);
        let body = self.text[..node.end].trim_end().len().max(node.start);
        let lines = header + 1..=self.line(body);
        let blanks = |line: &str| line.len() - line.trim_start_matches(' ').len();
        let cut = lines
            .clone()
            .map(|line| self.line_text(line))
            .filter(|line| !line.trim().is_empty())
            .map(blanks)
            .min()
            .unwrap_or_default();
        for line in lines {
            self.leads.insert(
                line,
                Lead::Shift {
                    cut,
                    indent: indent.max(2),
                },
            );
        }
        Ok(())
    }

    /// The `-` of an item.
    fn dash(&self, item: &Outline) -> Result<usize, FmtError> {
        if item.end <= item.start {
            return Err(self.unusual(item.start));
        }
        let at = self.text[..item.start]
            .rfind('-')
            .ok_or_else(|| self.unusual(item.start))?;
        let between = &self.text[at + 1..item.start];
        let only_blanks = between.trim().is_empty();
        if only_blanks || (item.decorated && !between.contains('\n')) {
            return Ok(at);
        }
        Err(self.unusual(item.start))
    }

    /// A value in brackets as one line; `None` where it has what cannot be written anew.
    fn flow(&self, node: &Outline) -> Option<String> {
        if node.decorated {
            return None;
        }
        match &node.shape {
            Shape::Plain | Shape::DoubleQuoted | Shape::Alias(_) => {
                Some(self.text[node.start..node.end].to_owned())
            }
            Shape::SingleQuoted(text) => {
                let quoted = scalar(text);
                Some(if quoted.starts_with('"') {
                    quoted
                } else {
                    format!("\"{quoted}\"")
                })
            }
            Shape::BlockText => None,
            Shape::List { flow, items } => {
                let items: Option<Vec<String>> = items.iter().map(|item| self.flow(item)).collect();
                flow.then_some(())?;
                Some(format!("[{}]", items?.join(", ")))
            }
            Shape::Map { flow, entries } => {
                flow.then_some(())?;
                let mut written = Vec::new();
                for pair in entries.chunks(2) {
                    let [key, value] = pair else { return None };
                    if value.end <= value.start {
                        return None;
                    }
                    written.push(format!("{}: {}", self.flow(key)?, self.flow(value)?));
                }
                Some(if written.is_empty() {
                    "{}".to_owned()
                } else {
                    format!("{{ {} }}", written.join(", "))
                })
            }
        }
    }

    /// Puts the lines together.
    fn draw(&self, comments: &[usize]) -> String {
        let leads = self.comment_leads(comments);
        let mut out: Vec<String> = Vec::new();
        for line in 0..self.starts.len() {
            let text = self.line_text(line);
            let start = self.starts[line];
            if let Some(Lead::Shift { cut, indent }) = leads.get(&line) {
                let rest = text.get(*cut..).unwrap_or_default();
                out.push(if rest.trim().is_empty() {
                    String::new()
                } else {
                    format!("{}{rest}", " ".repeat(*indent))
                });
                continue;
            }
            if text.trim().is_empty() {
                if out.last().is_some_and(|last| !last.is_empty()) || self.is_inside(line) {
                    out.push(String::new());
                }
                continue;
            }
            let next = comments.get(comments.partition_point(|at| *at < start));
            let comment = next
                .filter(|at| **at <= start + text.len())
                .map_or(text.len(), |at| at - start);
            let first = text.len() - text.trim_start().len();
            let content_end = comment.max(first);
            let from = self
                .changes
                .partition_point(|change| change.range.start < start + first);
            let within: Vec<Splice> = self.changes[from..]
                .iter()
                .take_while(|change| change.range.end <= start + content_end)
                .map(|change| Splice {
                    range: change.range.start - start - first..change.range.end - start - first,
                    text: change.text.clone(),
                })
                .collect();
            let content = splice(&text[first..content_end], within);
            let indent = match leads.get(&line) {
                Some(Lead::Indent(indent)) => *indent,
                _ => first,
            };
            let mut new = format!("{}{}", " ".repeat(indent), content.trim_end());
            if comment < text.len() {
                let shown = text[comment..].trim_end();
                if new.trim().is_empty() {
                    new = format!("{}{shown}", " ".repeat(indent));
                } else {
                    let column = text[..comment].chars().count();
                    let gap = column.saturating_sub(new.chars().count()).max(1);
                    new = format!("{new}{}{shown}", " ".repeat(gap));
                }
            }
            out.push(new.trim_end().to_owned());
        }
        while out.last().is_some_and(String::is_empty) {
            out.pop();
        }
        let first = out.iter().take_while(|line| line.is_empty()).count();
        let mut text = out[first..].join("\n");
        text.push('\n');
        text
    }

    /// Whether an empty line is part of a quoted or plain text of several lines, where it means a line break.
    fn is_inside(&self, line: usize) -> bool {
        self.leads.contains_key(&line)
    }

    /// The leads with those of lines that hold a comment alone: as deep as the line that follows, or as the list or map
    /// that it ends.
    fn comment_leads(&self, comments: &[usize]) -> BTreeMap<usize, Lead> {
        let mut leads = self.leads.clone();
        // Columns before and after, of lines that were indented.
        let moved = |line: usize| match self.leads.get(&line) {
            Some(Lead::Indent(indent)) => {
                let text = self.line_text(line);
                Some((text.len() - text.trim_start().len(), *indent))
            }
            _ => None,
        };
        for at in comments {
            let line = self.line(*at);
            if self.leads.contains_key(&line)
                || !self.text[self.starts[line]..*at].trim().is_empty()
            {
                continue;
            }
            let old = at - self.starts[line];
            let next = (line + 1..self.starts.len()).find_map(moved);
            let new = match next {
                Some((column, indent)) if column >= old => indent,
                _ => {
                    let mut before = (0..line).rev().filter_map(moved);
                    let same = before.find(|(column, _)| *column <= old);
                    same.map_or(next.map_or(0, |(_, indent)| indent), |(_, indent)| indent)
                }
            };
            leads.insert(line, Lead::Indent(new));
        }
        leads
    }
}

#[cfg(test)]
mod tests;
