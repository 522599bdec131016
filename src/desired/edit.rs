//! Changes a group document in place so that it declares given rules: what needs no change stays byte for byte, comments
//! and layout included.
//!
//! The caller reads the result again and compares: an edit is trusted for what it turns out to say.

use std::{
    collections::{BTreeMap, BTreeSet},
    ops::Range,
};

use jiff::Timestamp;

use crate::{
    desired::{
        DesiredGroup, DesiredRule, scalar,
        write::{Words, Written, items},
        yaml::{self, Node, Value},
    },
    diag::{FileId, Span},
    model::{Direction, GroupId, GroupName, NicType, Rule},
};

/// One change of a text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Splice {
    /// The bytes that go.
    pub range: Range<usize>,
    /// What comes in their place.
    pub text: String,
}

/// Makes changes that do not overlap.
pub fn splice(text: &str, mut changes: Vec<Splice>) -> String {
    changes.sort_by_key(|change| std::cmp::Reverse((change.range.start, change.range.end)));
    let mut text = text.to_owned();
    for Splice { range, text: new } in changes {
        text.replace_range(range, &new);
    }
    text
}

/// Why a document cannot be changed in place.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EditError {
    /// Anchors, aliases, merge keys, flow style: changing one place would change others, or there is no place.
    #[error("line {line}: {what} cannot be edited in place")]
    Layout {
        /// The line, from 1.
        line: u32,
        /// What stands there.
        what: &'static str,
    },
    /// The text is not the one that was read.
    #[error("the document is not found in its file")]
    Moved,
}

/// What a document is edited with.
#[derive(Clone, Copy)]
pub struct Editor<'a> {
    /// Its file.
    pub file: FileId,
    /// The text of the file.
    pub text: &'a str,
    /// What is written with.
    pub words: Words<'a>,
    /// The ids of groups that are named in the file.
    pub names: &'a BTreeMap<GroupName, GroupId>,
    /// The moment that `expires` is compared with.
    pub at: Timestamp,
}

impl Editor<'_> {
    /// The changes after which a group declares these rules in the directions that it manages.
    pub fn edit(&self, group: &DesiredGroup, rules: &[Rule]) -> Result<Vec<Splice>, EditError> {
        let parsed = yaml::parse(self.file, self.text);
        let at = group.span;
        let document = parsed
            .documents
            .iter()
            .find(|node| node.span.start <= at.start && at.end <= node.span.end)
            .ok_or(EditError::Moved)?;
        let Value::Map(entries) = &document.value else {
            return Err(EditError::Moved);
        };
        let comments = yaml::comments(self.text).ok_or(EditError::Moved)?;
        let mut changes = Vec::new();
        for direction in Direction::BOTH {
            let Some(declared) = group.direction(direction) else {
                continue;
            };
            let wanted: Vec<&Rule> = rules
                .iter()
                .filter(|rule| rule.direction == direction)
                .collect();
            let key = direction.to_string();
            let is_key = |node: &Node<'_>| node.scalar().is_some_and(|name| name.text == key);
            let entry = entries.iter().find(|(name, _)| is_key(name));
            let Some((name, value)) = entry else {
                if !wanted.is_empty() {
                    changes.push(self.new_list(document, &key, &wanted)?);
                }
                continue;
            };
            let List { items, flow } = self.list(name, value)?;
            let judged = self.judge(&items, declared, wanted);
            changes.extend(self.list_changes(name, value, flow, &judged, &comments)?);
        }
        Ok(changes)
    }

    /// The items of a list, each in place.
    fn list<'n, 't>(
        &self,
        name: &Node<'t>,
        value: &'n Node<'t>,
    ) -> Result<List<'n, 't>, EditError> {
        let layout = |line, what| Err(EditError::Layout { line, what });
        let Value::List(items) = &value.value else {
            return Err(EditError::Moved);
        };
        if value.span.start < name.span.end || name.span.column != 1 {
            return layout(
                name.span.line,
                "a list that is an alias or stands in a flow map",
            );
        }
        let between = &self.text[name.span.end as usize..value.span.start as usize];
        if between.contains(['&', '*', '!']) && !between.contains('#') {
            return layout(name.span.line, "a list with an anchor or a tag");
        }
        let flow = self.text[value.span.start as usize..].starts_with('[');
        let mut last = value.span.start;
        for item in items {
            if item.span.start < last || item.span.end > value.span.end {
                return layout(item.span.line, "an item that is an alias or has merge keys");
            }
            if !flow {
                let start = self.line_start(item.span.start as usize);
                let lead = self.text[start..item.span.start as usize].trim();
                if lead != "-" {
                    return layout(
                        item.span.line,
                        "an item with an anchor, a tag or an unusual layout",
                    );
                }
            }
            last = item.span.end;
        }
        Ok(List {
            items: items.iter().collect(),
            flow,
        })
    }

    /// What becomes of every item, and the rules that no item declares.
    fn judge<'n, 't, 'r>(
        &self,
        items: &[&'n Node<'t>],
        declared: &[DesiredRule],
        wanted: Vec<&'r Rule>,
    ) -> Judged<'n, 't, 'r> {
        let mut left: BTreeMap<_, &Rule> = wanted
            .into_iter()
            .map(|rule| (rule.identity(), rule))
            .collect();
        let mut by_span: BTreeMap<Span, Vec<&DesiredRule>> = BTreeMap::new();
        for rule in declared {
            by_span.entry(rule.span).or_default().push(rule);
        }
        let nic = |rule: &DesiredRule| rule.nic.unwrap_or(NicType::Intranet);
        let mut fates = Vec::new();
        for item in items {
            let rules = by_span.remove(&item.span).unwrap_or_default();
            let mut exact = true;
            let mut there = Vec::new();
            for rule in &rules {
                let bound = rule.bind(nic(rule), |name| self.names.get(name).cloned());
                let live = bound
                    .as_ref()
                    .and_then(|bound| left.get(&bound.identity()).copied());
                let same = live.is_some_and(|live| live.description == rule.description);
                exact &= same && rule.is_live(self.at);
                there.extend(live);
            }
            let expired = rules.iter().all(|rule| !rule.is_live(self.at));
            let fate = if there.is_empty() && expired {
                Fate::Keep
            } else if there.is_empty() {
                Fate::Remove
            } else if exact {
                Fate::Keep
            } else {
                Fate::Rewrite(there.clone(), !expired)
            };
            for rule in there {
                left.remove(&rule.identity());
            }
            fates.push((*item, fate));
        }
        Judged {
            fates,
            added: left.into_values().collect(),
        }
    }

    fn list_changes(
        &self,
        name: &Node<'_>,
        value: &Node<'_>,
        flow: bool,
        judged: &Judged<'_, '_, '_>,
        comments: &[Range<usize>],
    ) -> Result<Vec<Splice>, EditError> {
        let Judged { fates, added } = judged;
        let unchanged = fates.iter().all(|(_, fate)| *fate == Fate::Keep);
        if unchanged && added.is_empty() {
            return Ok(Vec::new());
        }
        let added: Vec<Written> = added
            .iter()
            .map(|rule| Written::from((*rule).clone()))
            .collect();
        if flow {
            if !fates.is_empty() {
                return Err(EditError::Layout {
                    line: value.span.line,
                    what: "a list in brackets",
                });
            }
            // `[]` becomes a list; a comment behind it stays on the line of the key.
            let end = self.line_end(value.span.end as usize);
            let behind = self.text[value.span.end as usize..end].trim_end();
            let text = format!(":{behind}\n{}", self.written(&added, 2));
            return Ok(vec![Splice {
                range: name.span.end as usize..self.after_line(end),
                text,
            }]);
        }
        let mut changes = Vec::new();
        let mut insert_at = self.line_end(value.span.end as usize);
        let mut indent = 2;
        let mut rest = added.len();
        for (item, fate) in fates {
            let start = self.line_start(item.span.start as usize);
            indent = self.text[start..].find('-').unwrap_or(2);
            let end = self.item_end(item);
            insert_at = end;
            let range = start..self.after_line(end);
            match fate {
                Fate::Keep => rest += 1,
                Fate::Remove => changes.push(Splice {
                    text: self.kept_comments(comments, &range, indent),
                    range,
                }),
                Fate::Rewrite(rules, with_date) => {
                    rest += 1;
                    let extra = self.extra(item, *with_date);
                    let rules: Vec<Written> = rules
                        .iter()
                        .map(|rule| Written {
                            extra: extra.clone(),
                            ..Written::from((*rule).clone())
                        })
                        .collect();
                    let mut text = self.kept_comments(comments, &range, indent);
                    text.push_str(&self.written(&rules, indent));
                    changes.push(Splice { range, text });
                }
            }
        }
        if !added.is_empty() {
            let at = self.after_line(insert_at);
            let mut text = self.written(&added, indent);
            if at == self.text.len() && !self.text.ends_with('\n') {
                text.insert(0, '\n');
            }
            // A change of the last item ends where this one begins.
            match changes.last_mut() {
                Some(last) if last.range.end == at => last.text.push_str(&text),
                _ => changes.push(Splice {
                    range: at..at,
                    text,
                }),
            }
        }
        if rest == 0 {
            let colon = name.span.end as usize;
            let after = colon + self.text[colon..].find(':').map_or(0, |at| at + 1);
            changes.push(Splice {
                range: after..after,
                text: " []".to_owned(),
            });
        }
        Ok(changes)
    }

    /// A list for a direction that the document does not have yet, behind its last line.
    fn new_list(
        &self,
        document: &Node<'_>,
        key: &str,
        wanted: &[&Rule],
    ) -> Result<Splice, EditError> {
        if document.span.column != 1 || self.text[document.span.start as usize..].starts_with('{') {
            return Err(EditError::Layout {
                line: document.span.line,
                what: "a document in flow style",
            });
        }
        let rules: Vec<Written> = wanted
            .iter()
            .map(|rule| Written::from((*rule).clone()))
            .collect();
        let at = self.after_line(self.line_end(document.span.end as usize));
        let lead = if self.text[..at].ends_with('\n') {
            ""
        } else {
            "\n"
        };
        Ok(Splice {
            range: at..at,
            text: format!("{lead}{key}:\n{}", self.written(&rules, 2)),
        })
    }

    fn written(&self, rules: &[Written], indent: usize) -> String {
        let rules: Vec<&Written> = rules.iter().collect();
        items(&rules, self.words, indent)
    }

    /// The comments within an item that is replaced or removed, a line each.
    fn kept_comments(
        &self,
        comments: &[Range<usize>],
        range: &Range<usize>,
        indent: usize,
    ) -> String {
        let space = " ".repeat(indent);
        let within = comments
            .iter()
            .filter(|comment| range.start <= comment.start && comment.end <= range.end);
        within
            .map(|comment| format!("{space}{}\n", &self.text[comment.clone()]))
            .collect()
    }

    /// What an item says beside the rule.
    fn extra(&self, item: &Node<'_>, with_date: bool) -> Vec<(String, String)> {
        let Value::Map(entries) = &item.value else {
            return Vec::new();
        };
        let keys = BTreeSet::from(["owner", "ticket", "expires"]);
        let mut extra = Vec::new();
        for (key, value) in entries {
            let (Some(key), Some(value)) = (key.scalar(), value.scalar()) else {
                continue;
            };
            let key = &*key.text;
            if keys.contains(key) && (key != "expires" || with_date) {
                let written = if value.plain {
                    value.text.to_string()
                } else {
                    scalar(&value.text)
                };
                extra.push((key.to_owned(), written));
            }
        }
        extra
    }

    /// The end of the last line that an item takes.
    fn item_end(&self, item: &Node<'_>) -> usize {
        let end = item.span.end as usize;
        // The place of block text includes its last line break.
        let end = self.text[..end]
            .trim_end()
            .len()
            .max(item.span.start as usize);
        self.line_end(end)
    }

    fn line_start(&self, at: usize) -> usize {
        self.text[..at].rfind('\n').map_or(0, |newline| newline + 1)
    }

    fn line_end(&self, at: usize) -> usize {
        self.text[at..]
            .find('\n')
            .map_or(self.text.len(), |newline| at + newline)
    }

    /// Behind the line break, if there is one.
    fn after_line(&self, end: usize) -> usize {
        if self.text[end..].starts_with('\n') {
            end + 1
        } else {
            end
        }
    }
}

struct List<'n, 't> {
    items: Vec<&'n Node<'t>>,
    flow: bool,
}

/// What becomes of the items of a list.
struct Judged<'n, 't, 'r> {
    fates: Vec<(&'n Node<'t>, Fate<'r>)>,
    added: Vec<&'r Rule>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Fate<'r> {
    /// It stays as it is written.
    Keep,
    /// None of its rules is wanted.
    Remove,
    /// These of its rules stay, with their date or without.
    Rewrite(Vec<&'r Rule>, bool),
}
