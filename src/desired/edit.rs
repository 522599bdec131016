//! Changes a group document in place so that it declares given rules: what needs no change stays byte for byte, comments
//! and layout included.
//!
//! A list that is an alias, or that merge keys bring, is written out where it changes; a list in brackets gets a line per
//! item; an anchor whose value goes moves to where it is used next. The caller reads the result again and compares: an
//! edit is trusted for what it turns out to say.

use std::{
    collections::{BTreeMap, BTreeSet},
    ops::Range,
};

use jiff::Timestamp;

use crate::{
    desired::{
        DesiredGroup, DesiredRule, scalar,
        write::{Words, Written, items},
        yaml::{self, Node, Outline, Outlines, Shape, Value},
    },
    diag::{FileId, Span},
    model::{Direction, GroupId, GroupName, NicType, Rule},
};

mod anchors;
mod list;
mod text;

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
    changes.sort_by_key(|change| (change.range.start, change.range.end));
    let mut new = String::with_capacity(text.len());
    let mut at = 0;
    for change in changes {
        new.push_str(&text[at..change.range.start]);
        new.push_str(&change.text);
        at = change.range.end;
    }
    new.push_str(&text[at..]);
    new
}

/// Why a document cannot be changed in place.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EditError {
    /// There is no place for the change.
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
        let outlines = yaml::outline(self.text).ok_or(EditError::Moved)?;
        let comments = yaml::comments(self.text).ok_or(EditError::Moved)?;
        let parsed = yaml::parse(self.file, self.text);
        let inside = |outline: &Outline, at: u32| {
            (outline.start..outline.end.max(outline.start + 1)).contains(&(at as usize))
        };
        let outline = outlines
            .documents
            .iter()
            .find(|outline| inside(outline, group.span.start))
            .ok_or(EditError::Moved)?;
        let number = parsed
            .documents
            .iter()
            .position(|node| inside(outline, node.span.start))
            .ok_or(EditError::Moved)?;
        let page = Page {
            editor: self,
            outlines: &outlines,
            comments: &comments,
            outline,
            node: &parsed.documents[number],
        };
        let mut changes = page.changes(group, rules)?;
        if has_crlf(self.text) {
            for change in &mut changes {
                change.text = change.text.replace('\n', "\r\n");
            }
        }
        if !changes.is_empty() {
            self.check(&page, number, &changes)?;
        }
        Ok(changes)
    }

    /// Whether everything but the lists of rules still says the same.
    fn check(
        &self,
        page: &Page<'_, '_>,
        number: usize,
        changes: &[Splice],
    ) -> Result<(), EditError> {
        let text = splice(self.text, changes.to_vec());
        let parsed = yaml::parse(self.file, &text);
        let same = parsed.documents.get(number).is_some_and(|new| {
            let (before, after) = (besides_rules(page.node), besides_rules(new));
            before.len() == after.len()
                && before
                    .iter()
                    .zip(&after)
                    .all(|(old, new)| old.0 == new.0 && yaml::same(old.1, new.1))
        });
        if same && parsed.diagnostics.is_empty() {
            Ok(())
        } else {
            Err(EditError::Layout {
                line: page.line(page.outline.start),
                what: "a document of this layout",
            })
        }
    }
}

/// Whether lines end as the first one does on Windows.
fn has_crlf(text: &str) -> bool {
    let first = text.split_inclusive('\n').next();
    first.is_some_and(|line| line.ends_with("\r\n"))
}

/// What a document says beside its lists of rules, by key.
fn besides_rules<'n, 't>(node: &'n Node<'t>) -> BTreeMap<&'n str, &'n Node<'t>> {
    let entries = match &node.value {
        Value::Map(entries) => &entries[..],
        Value::List(_) | Value::Scalar(_) => &[],
    };
    let named = entries
        .iter()
        .filter_map(|(key, value)| Some((&*key.scalar()?.text, value)));
    named
        .filter(|(name, _)| !matches!(*name, "ingress" | "egress"))
        .collect()
}

/// A document, as a tree and as a text.
struct Page<'p, 't> {
    editor: &'p Editor<'p>,
    outlines: &'p Outlines,
    comments: &'p [Range<usize>],
    outline: &'p Outline,
    node: &'p Node<'t>,
}

/// Changes and what they take away.
#[derive(Debug, Default)]
struct Changes {
    splices: Vec<Splice>,
    /// Places whose anchors go.
    gone: Vec<Range<usize>>,
}

/// Where a list of rules is written.
#[derive(Clone, Copy)]
struct Place<'p> {
    key: &'p Outline,
    value: &'p Outline,
    /// The document is in braces, and is about to lose them.
    in_braces: bool,
    /// Columns before its key.
    base: usize,
}

impl<'p, 't> Page<'p, 't> {
    fn changes(&self, group: &DesiredGroup, rules: &[Rule]) -> Result<Vec<Splice>, EditError> {
        let (Value::Map(nodes), Shape::Map { flow, entries }) =
            (&self.node.value, &self.outline.shape)
        else {
            return Err(EditError::Moved);
        };
        let base = if *flow {
            0
        } else {
            self.outline.start - self.line_start(self.outline.start)
        };
        let mut all = Changes::default();
        let mut new = String::new();
        for direction in Direction::BOTH {
            let Some(declared) = group.direction(direction) else {
                continue;
            };
            let wanted: Vec<&Rule> = rules
                .iter()
                .filter(|rule| rule.direction == direction)
                .collect();
            let name = direction.to_string();
            let node = nodes
                .iter()
                .find(|(key, _)| key.scalar().is_some_and(|key| key.text == name));
            let items = match node.map(|(_, value)| &value.value) {
                Some(Value::List(items)) => &items[..],
                Some(_) => return Err(EditError::Moved),
                None => &[],
            };
            let judged = self.judge(items, declared, wanted);
            if judged.is_unchanged() {
                continue;
            }
            let place = entries
                .chunks_exact(2)
                .find(|pair| self.slice(&pair[0]).trim_matches(['"', '\'']) == name)
                .map(|pair| Place {
                    key: &pair[0],
                    value: &pair[1],
                    in_braces: *flow,
                    base,
                });
            let Some(place) = place else {
                let space = " ".repeat(base);
                let note = match node {
                    Some(_) => self.note("was merged by `<<`", base + 2),
                    None => String::new(),
                };
                let list = self.written(&self.whole(&judged)?, base + 2);
                new.push_str(&match list.as_str() {
                    "" => format!("\n{space}{name}: []"),
                    list => format!("\n{space}{name}:\n{note}{}", list.trim_end_matches('\n')),
                });
                continue;
            };
            let of_list = match &place.value.shape {
                Shape::List { items, .. } if items.len() != judged.fates.len() => {
                    return Err(EditError::Moved);
                }
                Shape::List { flow: true, items } => self.flow_list(place, items, &judged),
                Shape::List { flow: false, items } => self.block_list(place, items, &judged)?,
                Shape::Alias(_) => self.alias(place, &judged)?,
                _ => return Err(EditError::Moved),
            };
            all.splices.extend(of_list.splices);
            all.gone.extend(of_list.gone);
        }
        let is_changed = !all.splices.is_empty() || !new.is_empty();
        if is_changed && *flow {
            let unfolded = self.without_braces(entries, &all.splices, &new)?;
            all.splices.extend(unfolded);
        } else if !new.is_empty() {
            let at = self.value_end(self.outline);
            all.splices.push(Splice {
                range: at..at,
                text: new,
            });
        }
        all.splices.extend(self.moved_anchors(&all.gone)?);
        Ok(all.splices)
    }

    /// What becomes of every item, and the rules that no item declares.
    fn judge<'r>(
        &self,
        items: &'p [Node<'t>],
        declared: &'r [DesiredRule],
        wanted: Vec<&'r Rule>,
    ) -> Judged<'p, 't, 'r> {
        let Editor { names, at, .. } = *self.editor;
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
            let declared = by_span.remove(&item.span).unwrap_or_default();
            let mut exact = true;
            let mut there = Vec::new();
            for rule in &declared {
                let bound = rule.bind(nic(rule), |name| names.get(name).cloned());
                let live = bound
                    .as_ref()
                    .and_then(|bound| left.get(&bound.identity()).copied());
                let same = live.is_some_and(|live| live.description == rule.description);
                exact &= same && rule.is_live(at);
                there.extend(live);
            }
            let expired = declared.iter().all(|rule| !rule.is_live(at));
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
            fates.push(Judgement {
                item,
                declared,
                fate,
            });
        }
        Judged {
            fates,
            added: left.into_values().collect(),
        }
    }

    /// Every rule of a list that is written out as a whole.
    fn whole(&self, judged: &Judged<'_, '_, '_>) -> Result<Vec<Written>, EditError> {
        let mut written = Vec::new();
        for judgement in &judged.fates {
            match &judgement.fate {
                Fate::Remove => {}
                Fate::Rewrite(..) => written.extend(rewritten(judgement)),
                Fate::Keep => {
                    let extra = extra(judgement.item, true);
                    for rule in &judgement.declared {
                        let nic = rule.nic.unwrap_or(NicType::Intranet);
                        let names = self.editor.names;
                        let rule = rule.bind(nic, |name| names.get(name).cloned()).ok_or(
                            EditError::Layout {
                                line: rule.span.line,
                                what: "an aliased rule that names a group which is not found",
                            },
                        )?;
                        written.push(Written {
                            extra: extra.clone(),
                            ..Written::from(rule)
                        });
                    }
                }
            }
        }
        written.extend(judged.new_rules());
        Ok(written)
    }

    /// A list that stands elsewhere is written out: others may use it there.
    fn alias(&self, place: Place<'_>, judged: &Judged<'_, '_, '_>) -> Result<Changes, EditError> {
        let Place {
            key,
            value,
            in_braces,
            base,
        } = place;
        let end = if in_braces {
            value.end
        } else {
            self.line_end(value.end)
        };
        let behind = self.editor.text[value.end..end].trim_end();
        let list = self.written(&self.whole(judged)?, base + 2);
        let text = match list.as_str() {
            "" => format!(" []{behind}"),
            list => {
                let note = self.note(&format!("was `{}`", self.slice(value)), base + 2);
                format!("{behind}\n{note}{}", list.trim_end_matches('\n'))
            }
        };
        let splice = Splice {
            range: self.behind_colon(key)..end,
            text,
        };
        let place = value.start..value.end;
        Ok(Changes {
            splices: vec![splice],
            gone: vec![place],
        })
    }

    /// Says why a list stands here that stood elsewhere.
    fn note(&self, of: &str, indent: usize) -> String {
        format!(
            "{}# adopt wrote this list out; it {of}\n",
            " ".repeat(indent)
        )
    }

    fn written(&self, rules: &[Written], indent: usize) -> String {
        let rules: Vec<&Written> = rules.iter().collect();
        items(&rules, self.editor.words, indent)
    }
}

/// The rules of an item that is written anew.
fn rewritten(judgement: &Judgement<'_, '_, '_>) -> Vec<Written> {
    let Fate::Rewrite(rules, with_date) = &judgement.fate else {
        return Vec::new();
    };
    let extra = extra(judgement.item, *with_date);
    let rules = rules.iter().map(|rule| Written {
        extra: extra.clone(),
        ..Written::from((*rule).clone())
    });
    rules.collect()
}

/// What an item says beside the rule.
fn extra(item: &Node<'_>, with_date: bool) -> Vec<(String, String)> {
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

/// What becomes of the items of a list.
struct Judged<'n, 't, 'r> {
    fates: Vec<Judgement<'n, 't, 'r>>,
    added: Vec<&'r Rule>,
}

impl Judged<'_, '_, '_> {
    fn is_unchanged(&self) -> bool {
        let mut fates = self.fates.iter();
        self.added.is_empty() && fates.all(|judgement| judgement.fate == Fate::Keep)
    }

    fn new_rules(&self) -> Vec<Written> {
        let rules = self.added.iter();
        rules.map(|rule| Written::from((*rule).clone())).collect()
    }
}

struct Judgement<'n, 't, 'r> {
    item: &'n Node<'t>,
    /// The rules that it declares.
    declared: Vec<&'r DesiredRule>,
    fate: Fate<'r>,
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

#[cfg(test)]
mod tests;
