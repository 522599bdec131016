//! The changes of a list of rules, in lines and in brackets.

use crate::desired::yaml::Outline;

use super::{Changes, EditError, Fate, Judged, Page, Place, Splice, rewritten};

impl Page<'_, '_> {
    /// A list with a line per item: items that stay are not touched.
    pub(super) fn block_list(
        &self,
        place: Place<'_>,
        items: &[Outline],
        judged: &Judged<'_, '_, '_>,
    ) -> Result<Changes, EditError> {
        let text = self.editor.text;
        let mut changes = Changes::default();
        if place.value.decorated {
            changes = self.without_anchor(place.value)?;
        }
        let mut splices: Vec<Splice> = Vec::new();
        let added = judged.new_rules();
        let mut insert_at = 0;
        let mut indent = place.base + 2;
        let mut rest = added.len();
        for (item, judgement) in items.iter().zip(&judged.fates) {
            let start = self.dash_line(item.start);
            indent = text[start..].find('-').unwrap_or(indent);
            let end = self.value_end(item);
            insert_at = self.after_line(end);
            let range = start..insert_at;
            if judgement.fate == Fate::Keep {
                rest += 1;
                continue;
            }
            let mut new = self.kept_comments(&range, &judgement.fate, indent);
            if let Fate::Rewrite(..) = judgement.fate {
                rest += 1;
                new.push_str(&self.written(&rewritten(judgement), indent));
            }
            changes.gone.push(range.clone());
            splices.push(Splice { range, text: new });
        }
        if !added.is_empty() {
            let mut new = self.written(&added, indent);
            // A change of the last item ends where this one begins, at the beginning of a line.
            match splices.last_mut() {
                Some(last) if last.range.end == insert_at => last.text.push_str(&new),
                _ => {
                    if insert_at == text.len() && !text.ends_with('\n') {
                        new.insert(0, '\n');
                    }
                    splices.push(Splice {
                        range: insert_at..insert_at,
                        text: new,
                    });
                }
            }
        }
        if rest == 0 {
            let colon = self.behind_colon(place.key);
            splices.push(Splice {
                range: colon..colon,
                text: " []".to_owned(),
            });
        }
        changes.splices.extend(splices);
        Ok(changes)
    }

    /// The line of the dash of an item; anchor and comments may stand between them.
    fn dash_line(&self, at: usize) -> usize {
        let mut start = self.line_start(at);
        while start > 0 && !self.editor.text[start..].trim_start().starts_with('-') {
            start = self.line_start(start - 1);
        }
        start
    }

    /// A list that changes cannot be what its anchor stands for elsewhere.
    fn without_anchor(&self, list: &Outline) -> Result<Changes, EditError> {
        let anchor = list
            .anchor
            .and_then(|anchor| self.outlines.anchors.get(&anchor));
        let Some(anchor) = anchor else {
            return Err(EditError::Layout {
                line: self.line(list.start),
                what: "a list with a tag",
            });
        };
        let before = self.editor.text[..anchor.start].trim_end_matches(' ').len();
        let splice = Splice {
            range: before..anchor.end,
            text: String::new(),
        };
        Ok(Changes {
            splices: vec![splice],
            gone: vec![anchor.clone()],
        })
    }

    /// A list in brackets becomes one with a line per item; what stays keeps its text.
    pub(super) fn flow_list(
        &self,
        place: Place<'_>,
        items: &[Outline],
        judged: &Judged<'_, '_, '_>,
    ) -> Changes {
        let Place {
            key,
            value,
            in_braces,
            base,
        } = place;
        let text = self.editor.text;
        let indent = base + 2;
        let space = " ".repeat(indent);
        let mut changes = Changes::default();
        if let Some(anchor) = value.anchor.and_then(|id| self.outlines.anchors.get(&id)) {
            changes.gone.push(anchor.clone());
        }
        let end = if in_braces {
            value.end
        } else {
            self.line_end(value.end)
        };
        // A comment behind the brackets goes to the line of the key.
        let behind = text[value.end..end].trim_end();
        let mut from = self.behind_colon(key);
        let mut before = from;
        let mut pending = behind.to_owned();
        let mut rest = 0;
        // What stands behind an item that goes, alone on its line, is about that item.
        let mut gone_alone = false;
        let mut last_end = value.start;
        let comments = |gap: &super::text::Gap<'_>, gone: bool, pending: &mut String| {
            if let Some(comment) = gap.behind.filter(|_| !gone) {
                if pending.is_empty() {
                    pending.push_str(&format!("  {comment}"));
                } else {
                    pending.push_str(&format!("\n{space}{comment}"));
                }
            }
            for comment in &gap.above {
                pending.push_str(&format!("\n{space}{comment}"));
            }
        };
        let list = |lines: &str, pending: &mut String| {
            if !lines.is_empty() {
                pending.push('\n');
                pending.push_str(lines.trim_end_matches('\n'));
            }
        };
        for (item, judgement) in items.iter().zip(&judged.fates) {
            let gap = self.gap(before..item.start);
            comments(&gap, gone_alone, &mut pending);
            gone_alone = false;
            if judgement.fate == Fate::Keep {
                pending.push_str(&format!("\n{space}- "));
                if !gap.decoration.is_empty() {
                    pending.push_str(&format!("{} ", gap.decoration));
                }
                changes.splices.push(Splice {
                    range: from..item.start,
                    text: std::mem::take(&mut pending),
                });
                changes
                    .splices
                    .extend(self.indented(item.start..item.end, indent + 2));
                from = item.end;
                rest += 1;
            } else {
                let range = before..item.end;
                let inside = item.start..item.end;
                list(
                    &self.kept_comments(&inside, &judgement.fate, indent),
                    &mut pending,
                );
                let is_first = last_end == value.start;
                gone_alone = judgement.fate == Fate::Remove
                    && (is_first || last_end <= self.line_start(item.end));
                if let Fate::Rewrite(..) = judgement.fate {
                    list(&self.written(&rewritten(judgement), indent), &mut pending);
                    rest += 1;
                }
                changes.gone.push(range);
            }
            (before, last_end) = (item.end, item.end);
        }
        let gap = self.gap(before.max(value.start)..value.end);
        comments(&gap, gone_alone, &mut pending);
        let added = judged.new_rules();
        list(&self.written(&added, indent), &mut pending);
        if rest + added.len() == 0 {
            pending.insert_str(0, " []");
        }
        changes.splices.push(Splice {
            range: from..end,
            text: pending,
        });
        changes
    }
}
