//! Lines, comments and punctuation around the values of a document.

use std::ops::Range;

use crate::desired::yaml::Outline;

use super::{EditError, Fate, Page, Splice};

/// What stands between two values beside punctuation.
#[derive(Debug, Default)]
pub(super) struct Gap<'t> {
    /// The comment on the line of the value before it.
    pub(super) behind: Option<&'t str>,
    /// The comments on lines of their own.
    pub(super) above: Vec<&'t str>,
    /// Anchor and tag of the value after it.
    pub(super) decoration: String,
}

impl<'p> Page<'p, '_> {
    pub(super) fn slice(&self, value: &Outline) -> &'p str {
        &self.editor.text[value.start..value.end]
    }

    /// The line of a byte, from 1.
    pub(super) fn line(&self, at: usize) -> u32 {
        let before = self.editor.text[..at].matches('\n').count();
        u32::try_from(before + 1).unwrap_or(u32::MAX)
    }

    pub(super) fn line_start(&self, at: usize) -> usize {
        let newline = self.editor.text[..at].rfind('\n');
        newline.map_or(0, |newline| newline + 1)
    }

    /// The line break that ends a line, or the end of the text.
    pub(super) fn line_end(&self, at: usize) -> usize {
        let rest = &self.editor.text[at..];
        let line = rest.find('\n').map_or(rest, |newline| {
            let line = &rest[..newline];
            line.strip_suffix('\r').unwrap_or(line)
        });
        at + line.len()
    }

    /// Behind the line break, if there is one.
    pub(super) fn after_line(&self, end: usize) -> usize {
        let rest = &self.editor.text[end..];
        if rest.starts_with("\r\n") {
            end + 2
        } else if rest.starts_with('\n') {
            end + 1
        } else {
            end
        }
    }

    /// The end of the last line that a value takes.
    pub(super) fn value_end(&self, value: &Outline) -> usize {
        // The place of block text includes its last line break.
        let end = self.editor.text[..value.end].trim_end().len();
        self.line_end(end.max(value.start))
    }

    /// Behind the colon of a key.
    pub(super) fn behind_colon(&self, key: &Outline) -> usize {
        let colon = self.editor.text[key.end..].find(':');
        key.end + colon.map_or(0, |colon| colon + 1)
    }

    /// The comments within a place.
    pub(super) fn comments_in(&self, place: &Range<usize>) -> &'p [Range<usize>] {
        let from = self
            .comments
            .partition_point(|comment| comment.start < place.start);
        let to = self
            .comments
            .partition_point(|comment| comment.end <= place.end);
        &self.comments[from..to.max(from)]
    }

    /// The comments of an item that does not stay as it is, a line each. Those behind what it says go with it.
    pub(super) fn kept_comments(
        &self,
        place: &Range<usize>,
        fate: &Fate<'_>,
        indent: usize,
    ) -> String {
        let space = " ".repeat(indent);
        let comments = self.comments_in(place).iter();
        comments
            .filter(|comment| *fate != Fate::Remove || self.has_own_line(comment))
            .map(|comment| {
                format!(
                    "{space}{}\n",
                    self.editor.text[(*comment).clone()].trim_end()
                )
            })
            .collect()
    }

    fn has_own_line(&self, comment: &Range<usize>) -> bool {
        let before = self.line_start(comment.start)..comment.start;
        self.editor.text[before].trim().is_empty()
    }

    pub(super) fn gap(&self, place: Range<usize>) -> Gap<'p> {
        let text = self.editor.text;
        let mut gap = Gap::default();
        let mut rest = String::new();
        let mut at = place.start;
        for comment in self.comments_in(&place) {
            rest.push_str(&text[at..comment.start]);
            at = comment.end;
            let written = text[comment.clone()].trim_end();
            if text[place.start..comment.start].contains('\n') {
                gap.above.push(written);
            } else {
                gap.behind = Some(written);
            }
        }
        rest.push_str(&text[at..place.end]);
        let last = rest.rsplit(['[', '{', ',', ':']).next().unwrap_or_default();
        gap.decoration = last.split_whitespace().collect::<Vec<_>>().join(" ");
        gap
    }

    /// Indents the lines of a value that begin further left.
    pub(super) fn indented(&self, value: Range<usize>, indent: usize) -> Vec<Splice> {
        let text = &self.editor.text[value.clone()];
        let breaks = text.match_indices('\n').map(|(at, _)| at + 1);
        let mut splices = Vec::new();
        for start in breaks {
            let line = &text[start..];
            let spaces = line.len() - line.trim_start_matches(' ').len();
            if spaces < indent && !line.trim_start_matches(' ').starts_with(['\n', '\r']) {
                let start = value.start + start;
                splices.push(Splice {
                    range: start..start + spaces,
                    text: " ".repeat(indent),
                });
            }
        }
        splices
    }

    /// A document in braces becomes one with a line per key; `edited` are changes of its values, `more` follows its last one.
    pub(super) fn without_braces(
        &self,
        entries: &[Outline],
        edited: &[Splice],
        more: &str,
    ) -> Result<Vec<Splice>, EditError> {
        let whole = self.outline;
        if whole.decorated || entries.is_empty() {
            return Err(EditError::Layout {
                line: self.line(whole.start),
                what: "a document of this layout",
            });
        }
        let text = self.editor.text;
        let line_start = self.line_start(whole.start);
        let lead = text[line_start..whole.start].trim_end();
        let mut from = line_start + lead.len();
        let mut pending = String::new();
        if !lead.is_empty() {
            pending.push('\n');
        }
        let mut before = whole.start;
        let mut splices = Vec::new();
        let comments = |gap: &Gap<'_>, pending: &mut String, first: bool| {
            if let Some(comment) = gap.behind {
                pending.push_str(&format!("{}{comment}", if first { "" } else { "  " }));
                if first {
                    pending.push('\n');
                }
            }
            for comment in &gap.above {
                pending.push_str(&if first {
                    format!("{comment}\n")
                } else {
                    format!("\n{comment}")
                });
            }
        };
        for (number, pair) in entries.chunks_exact(2).enumerate() {
            let [key, value] = pair else { continue };
            let gap = self.gap(before..key.start);
            comments(&gap, &mut pending, number == 0);
            if number > 0 {
                pending.push('\n');
            }
            splices.push(Splice {
                range: from..key.start,
                text: std::mem::take(&mut pending),
            });
            let colon = self.behind_colon(key);
            let is_edited = edited
                .iter()
                .any(|splice| colon <= splice.range.start && splice.range.start <= value.end);
            if !is_edited {
                // JSON needs no space behind its colons.
                if !text[colon..].starts_with([' ', '\n', '\r']) {
                    splices.push(Splice {
                        range: colon..colon,
                        text: " ".to_owned(),
                    });
                }
                splices.extend(self.indented(value.start..value.end, 2));
            }
            (from, before) = (value.end, value.end);
        }
        comments(&self.gap(before..whole.end), &mut pending, false);
        pending.push_str(more);
        splices.push(Splice {
            range: from..whole.end,
            text: pending,
        });
        Ok(splices)
    }
}
