//! A plan in a file: what it was made from, so that it is applied only where nothing has moved since.
//!
//! The calls are not taken from the file: applying reads and plans again and compares. What people and policies read in
//! it is the reporter's JSON plan.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs, io,
    path::{Path, PathBuf},
};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{
    diag::{FileId, Span},
    digest::sha256_hex,
    files::{self as written, Access},
    git::Revision,
    model::Direction,
    plan::Plan,
    reconcile::{Prepared, Selection},
};

/// Version of the format; another first number is another format.
const FORMAT: &str = "1.0";

/// The member of the JSON plan that holds [`Saved`].
const MEMBER: &str = "saved";

/// What a plan was made from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Saved {
    /// Version of this format.
    pub format_version: String,
    /// Version of the program.
    pub tool_version: String,
    /// [`Plan::id`].
    pub plan_id: String,
    /// The moment of planning.
    pub timestamp: Timestamp,
    /// The commit that was checked out. Information for people: [`Saved::check`] compares the files themselves, since the
    /// commit that merges a reviewed plan is another one than the plan was made from.
    pub commit: Option<String>,
    /// Whether the tree differed from the commit; information as well.
    pub dirty: bool,
    /// What was chosen.
    pub selection: Selection,
    /// The groups by address.
    pub groups: BTreeMap<String, SavedGroup>,
    /// SHA-256 of every file that the plan depends on, by path.
    pub files: BTreeMap<String, String>,
}

/// A group of a saved plan.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SavedGroup {
    /// Name to show.
    pub name: String,
    /// Of the rules as they were read.
    pub fingerprint: String,
}

/// Why a saved plan could not be written or read.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The file system said no.
    #[error("{}: {source}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What it said.
        source: io::Error,
    },
    /// The file is no saved plan.
    #[error("{} is no saved plan: {reason}", path.display())]
    Malformed {
        /// The file.
        path: PathBuf,
        /// Why not.
        reason: String,
    },
    /// The file has a format of another version.
    #[error("{} has plan format {version}, this version of rulekeep reads {FORMAT}", path.display())]
    Version {
        /// The file.
        path: PathBuf,
        /// Its format.
        version: String,
    },
}

/// One thing that is no longer as it was when the plan was saved.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, thiserror::Error)]
pub enum Moved {
    /// The text of a file.
    #[error("{0} was changed")]
    FileChanged(String),
    /// A file that was not there.
    #[error("{0} was added")]
    FileAdded(String),
    /// A file that is no longer there.
    #[error("{0} was removed")]
    FileRemoved(String),
    /// A rule that has come to its date.
    #[error("the rule at {place} has expired ({rule})")]
    Expired {
        /// Where it is declared.
        place: String,
        /// The rule.
        rule: String,
    },
    /// The live rules of a group.
    #[error("the live rules of {name} ({address}) were changed")]
    GroupChanged {
        /// Where it lives.
        address: String,
        /// Name to show.
        name: String,
    },
    /// A group that the saved plan did not cover.
    #[error("{name} ({address}) was not part of the plan")]
    GroupAdded {
        /// Where it lives.
        address: String,
        /// Name to show.
        name: String,
    },
    /// A group that is no longer planned.
    #[error("{name} ({address}) is no longer among the groups that are planned")]
    GroupRemoved {
        /// Where it lives.
        address: String,
        /// Name to show.
        name: String,
    },
    /// Another version of the program plans otherwise.
    #[error("rulekeep {saved} made the plan, this is rulekeep {now}, which plans it otherwise")]
    Program {
        /// Version in the file.
        saved: String,
        /// Version now.
        now: String,
    },
    /// Another plan from the same files, live rules and program.
    #[error(
        "a prefix list, a port list or a group that rules name has changed, or what these credentials may read of lists is not what those of the plan may: plan {now} in place of {saved}"
    )]
    Plan {
        /// Id in the file.
        saved: String,
        /// Id now.
        now: String,
    },
}

impl Saved {
    /// What a plan was made from.
    pub fn new(prepared: &Prepared<'_>, revision: Option<&Revision>) -> Self {
        Self {
            format_version: FORMAT.to_owned(),
            tool_version: env!("CARGO_PKG_VERSION").to_owned(),
            plan_id: prepared.plan.id(),
            timestamp: prepared.at,
            commit: revision.map(|revision| revision.commit.clone()),
            dirty: revision.is_some_and(|revision| revision.dirty),
            selection: prepared.selection.within(&prepared.desired.project.root),
            groups: groups(&prepared.plan),
            files: files(prepared),
        }
    }

    /// Everything that has moved since, in a fixed order; `prepared` was made with the same selection.
    pub fn check(&self, prepared: &Prepared<'_>) -> Result<(), Vec<Moved>> {
        let mut moved = Vec::new();
        let files = files(prepared);
        for (path, sum) in &self.files {
            match files.get(path) {
                Some(now) if now == sum => {}
                Some(_) => moved.push(Moved::FileChanged(path.clone())),
                None => moved.push(Moved::FileRemoved(path.clone())),
            }
        }
        let added = files
            .into_keys()
            .filter(|path| !self.files.contains_key(path));
        moved.extend(added.map(Moved::FileAdded));
        self.expired(prepared, &mut moved);

        // A group that could not be read now may be as it was.
        let whole = prepared.unreadable.is_empty();
        let groups = groups(&prepared.plan);
        for (address, group) in &self.groups {
            let (address, name) = (address.clone(), group.name.clone());
            match groups.get(&address) {
                Some(now) if now.fingerprint == group.fingerprint => {}
                Some(_) => moved.push(Moved::GroupChanged { address, name }),
                None if whole => moved.push(Moved::GroupRemoved { address, name }),
                None => {}
            }
        }
        for (address, SavedGroup { name, .. }) in groups {
            if !self.groups.contains_key(&address) {
                moved.push(Moved::GroupAdded { address, name });
            }
        }
        // Anything above gives another id as well; alone the id says that something else moved.
        let now = prepared.plan.id();
        if moved.is_empty() && whole && now != self.plan_id {
            let program = env!("CARGO_PKG_VERSION");
            moved.push(if self.tool_version == program {
                let saved = self.plan_id.clone();
                Moved::Plan { saved, now }
            } else {
                Moved::Program {
                    saved: self.tool_version.clone(),
                    now: program.to_owned(),
                }
            });
        }
        if moved.is_empty() { Ok(()) } else { Err(moved) }
    }

    fn expired(&self, prepared: &Prepared<'_>, moved: &mut Vec<Moved>) {
        for group in &prepared.groups {
            let rules = Direction::BOTH.into_iter();
            let rules = rules.filter_map(|direction| group.direction(direction));
            for rule in rules.flatten() {
                if rule.is_live(self.timestamp) && !rule.is_live(prepared.at) {
                    let preposition = rule.direction.preposition();
                    moved.push(Moved::Expired {
                        place: prepared.desired.sources.place(rule.span),
                        rule: format!(
                            "{} {} {} {preposition} {}",
                            rule.direction, rule.policy, rule.protocol, rule.peer
                        ),
                    });
                }
            }
        }
    }
}

/// Writes a plan: the reporter's JSON plan with what it was made from beside it. The file is there whole or not at all.
pub fn write(path: &Path, saved: &Saved, report: Value) -> Result<(), Error> {
    let failed = |source| Error::File {
        path: path.to_owned(),
        source,
    };
    let mut members = match report {
        Value::Object(members) => members,
        other => serde_json::Map::from_iter([("plan".to_owned(), other)]),
    };
    let saved = serde_json::to_value(saved).expect("every key of a saved plan is text");
    members.insert(MEMBER.to_owned(), saved);
    let mut text = serde_json::to_vec_pretty(&members).expect("a JSON value can be written");
    text.push(b'\n');
    written::replace(path, &text, Access::Usual).map_err(failed)
}

/// Whether a file holds a saved plan, or what was one: told by its content, whatever its name.
pub fn is_saved(path: &Path) -> bool {
    // Group files are YAML: none is a JSON object with this member.
    let members = fs::read(path)
        .ok()
        .and_then(|text| serde_json::from_slice::<serde_json::Map<String, Value>>(&text).ok());
    members.is_some_and(|members| members.contains_key(MEMBER))
}

/// Reads what a plan was made from.
pub fn read(path: &Path) -> Result<Saved, Error> {
    let text = fs::read(path).map_err(|source| Error::File {
        path: path.to_owned(),
        source,
    })?;
    let malformed = |reason: String| Error::Malformed {
        path: path.to_owned(),
        reason,
    };
    let mut report: Value = serde_json::from_slice(&text)
        .map_err(|error| malformed(format!("it is not JSON ({error})")))?;
    let saved = report.get_mut(MEMBER).map(Value::take).ok_or_else(|| {
        malformed(format!(
            "it has no member `{MEMBER}`, which only `--out` writes"
        ))
    })?;
    let version = saved.get("format_version").and_then(Value::as_str);
    let version = version.ok_or_else(|| malformed("it has no format version".to_owned()))?;
    if version.split('.').next() != FORMAT.split('.').next() {
        return Err(Error::Version {
            path: path.to_owned(),
            version: version.to_owned(),
        });
    }
    serde_json::from_value(saved).map_err(|error| malformed(error.to_string()))
}

fn groups(plan: &Plan) -> BTreeMap<String, SavedGroup> {
    let group = |group: &crate::plan::GroupPlan| SavedGroup {
        name: group.name.to_string(),
        fingerprint: group.fingerprint(),
    };
    plan.groups
        .iter()
        .map(|one| (one.address.to_string(), group(one)))
        .collect()
}

/// The files that a plan depends on: those without groups, which declare what all share, those of the planned groups,
/// and those of the groups that their rules name.
fn files(prepared: &Prepared<'_>) -> BTreeMap<String, String> {
    let desired = prepared.desired;
    let templates = desired.templates.iter().map(|template| &template.body);
    let declaring = desired.groups.iter().chain(templates);
    let declaring: BTreeSet<FileId> = declaring.map(|group| group.span.file).collect();
    let planned: BTreeSet<Span> = prepared.groups.iter().map(|group| group.span).collect();
    let planned =
        (0..desired.groups.len()).filter(|at| planned.contains(&desired.groups[*at].span));
    let used: BTreeSet<FileId> = desired
        .with_peers(&planned.collect())
        .into_iter()
        .map(|at| desired.groups[at].span.file)
        .collect();
    desired
        .sources
        .iter()
        .filter(|(id, _)| used.contains(id) || !declaring.contains(id))
        .map(|(_, source)| {
            let path = source.path.display().to_string();
            (path, sha256_hex(source.text.as_bytes()))
        })
        .collect()
}

#[cfg(test)]
mod tests;
