//! Live groups -> group files, laid out as a person would write them. Text to text: the command reads, proves and
//! writes.
//!
//! A group that is declared already is edited in its file; the others get a file of their own.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::PathBuf,
};

use jiff::Timestamp;

use crate::{
    desired::{
        Desired, DesiredGroup, Mode, Modes, Selector, Vocabulary,
        edit::{EditError, Editor, splice},
        named_groups,
        write::{self, Document, Words, Written},
    },
    model::{
        AccountName, GroupId, GroupInfo, GroupKind, GroupName, InnerAccess, Network, ObservedGroup,
        RegionId, Rule,
    },
};

/// A group to adopt.
#[derive(Clone, Debug)]
pub struct Adopted<'a> {
    /// As it was read; owners of the account's own peer groups are left out.
    pub group: ObservedGroup,
    /// Its declaration, if it has one.
    pub declared: Option<&'a DesiredGroup>,
    /// Ids of live rules that a declaration ignores, or that it keeps because the platform made them.
    pub not_ours: BTreeSet<Rule>,
    /// What stands in comments at the head of a new file.
    pub head: Vec<String>,
    /// What stands in comments above rules, by rule.
    pub notes: BTreeMap<Rule, Vec<String>>,
}

/// A file as it shall be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewFile {
    /// Relative to the project file's folder.
    pub path: PathBuf,
    /// Its text.
    pub text: String,
    /// Whether it was there.
    pub existed: bool,
    /// The groups in it that were adopted.
    pub groups: Vec<GroupId>,
}

/// A group that cannot be adopted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refused {
    /// The group.
    pub group: GroupId,
    /// Why not.
    pub reason: String,
    /// Whether nobody could have adopted it: it is named, and nothing has failed.
    pub expected: bool,
}

/// Where the groups live and what is known there.
#[derive(Clone, Copy, Debug)]
pub struct Place<'a> {
    /// Account that holds them.
    pub account: &'a AccountName,
    /// Region that holds them.
    pub region: &'a RegionId,
    /// Ids of groups that are declared by name, by that name.
    pub found: &'a BTreeMap<GroupName, GroupId>,
    /// What becomes of rules that are not declared, in new files.
    pub mode: Mode,
    /// The moment that `expires` is compared with.
    pub at: Timestamp,
}

/// The files after which every group is declared as it is.
pub fn files(
    desired: &Desired,
    place: Place<'_>,
    groups: &[Adopted<'_>],
) -> (Vec<NewFile>, Vec<Refused>) {
    let vocabulary = Vocabulary::of(&desired.sources);
    let names = names(desired, place, groups);
    let mut by_name: BTreeMap<GroupName, GroupId> = place.found.clone();
    by_name.extend(names.iter().map(|(id, name)| (name.clone(), id.clone())));
    let mut taken: BTreeSet<PathBuf> = desired
        .sources
        .iter()
        .map(|(_, source)| source.path.clone())
        .collect();
    let mut edits: BTreeMap<_, (Vec<_>, Vec<GroupId>)> = BTreeMap::new();
    let mut files = Vec::new();
    let mut refused = Vec::new();
    for adopted in groups {
        let info = &adopted.group.info;
        let words = Words {
            vocabulary: &vocabulary,
            groups: &names,
            classic: info.network == Network::Classic,
        };
        match adopted.declared {
            Some(declared) => {
                let file = declared.span.file;
                let editor = Editor {
                    file,
                    text: &desired.sources.get(file).text,
                    words,
                    names: &by_name,
                    at: place.at,
                };
                match editor.edit(declared, &ours(adopted)) {
                    Ok(changes) if changes.is_empty() => {}
                    Ok(changes) => {
                        let (all, of) = edits.entry(file).or_default();
                        all.extend(changes);
                        of.push(info.id.clone());
                    }
                    Err(error) => refused.push(unable(info, &error)),
                }
            }
            None => {
                let path = path(&vocabulary, place, info, &mut taken);
                files.push(NewFile {
                    path,
                    text: document(&vocabulary, place, adopted, words),
                    existed: false,
                    groups: vec![info.id.clone()],
                });
            }
        }
    }
    for (file, (changes, groups)) in edits {
        let source = desired.sources.get(file);
        files.push(NewFile {
            path: source.path.clone(),
            text: splice(&source.text, changes),
            existed: true,
            groups,
        });
    }
    files.sort_by(|a, b| a.path.cmp(&b.path));
    (files, refused)
}

fn unable(info: &GroupInfo, error: &EditError) -> Refused {
    Refused {
        group: info.id.clone(),
        reason: format!("{error}; remove its document, and adopt writes a new one"),
        expected: false,
    }
}

/// The rules that the files shall declare.
fn ours(adopted: &Adopted<'_>) -> Vec<Rule> {
    let rules = adopted.group.rules.iter().map(|seen| &seen.rule);
    rules
        .filter(|rule| !rule.priority.is_system_level() && !adopted.not_ours.contains(rule))
        .cloned()
        .collect()
}

/// The names that `group:NAME` finds once the files are written: those of declarations, and of new files where the name
/// is one that files can say and nobody else's.
fn names(
    desired: &Desired,
    place: Place<'_>,
    groups: &[Adopted<'_>],
) -> BTreeMap<GroupId, GroupName> {
    let mut names = named_groups(desired, place.account, place.region);
    names.extend(
        place
            .found
            .iter()
            .map(|(name, id)| (id.clone(), name.clone())),
    );
    let here = desired
        .groups
        .iter()
        .filter(|group| group.account == *place.account && group.region == *place.region);
    let taken: BTreeSet<&GroupName> = here.filter_map(DesiredGroup::declared_name).collect();
    let mut count: BTreeMap<&GroupName, usize> = BTreeMap::new();
    let new = groups.iter().filter(|adopted| adopted.declared.is_none());
    for adopted in new.clone() {
        *count.entry(&adopted.group.info.name).or_default() += 1;
    }
    for adopted in new {
        let info = &adopted.group.info;
        if count[&info.name] == 1 && !taken.contains(&info.name) && is_name(info.name.as_str()) {
            names.insert(info.id.clone(), info.name.clone());
        }
    }
    names
}

/// Whether a file can call a group so: the cloud's own rules for names, without what would need thought in a list.
fn is_name(name: &str) -> bool {
    (2..=128).contains(&name.chars().count())
        && name.starts_with(char::is_alphabetic)
        && name
            .chars()
            .all(|c| c.is_alphanumeric() || "_.-".contains(c))
        && !GroupId::looks_like(name)
        && !name.starts_with("sg-")
}

fn document(
    vocabulary: &Vocabulary,
    place: Place<'_>,
    adopted: &Adopted<'_>,
    words: Words<'_>,
) -> String {
    let ObservedGroup {
        info,
        inner_access,
        rules,
    } = &adopted.group;
    let GroupInfo {
        id,
        name,
        description,
        network,
        kind,
        managed: _,
        tags,
    } = info;
    let mut head = vec![format!(
        "{}{network}, {} group{}",
        if words.groups.contains_key(id) || name.as_str().is_empty() {
            String::new()
        } else {
            format!("{name}: ")
        },
        match kind {
            GroupKind::Basic => "basic",
            GroupKind::Advanced => "advanced",
        },
        match (kind, inner_access) {
            (GroupKind::Basic, InnerAccess::Drop) => ", members are kept apart",
            _ => "",
        }
    )];
    if !tags.is_empty() {
        let tags = tags.iter().map(|(key, value)| format!("{key}={value}"));
        head.push(format!("tags: {}", tags.collect::<Vec<_>>().join(", ")));
    }
    head.extend(adopted.head.iter().cloned());
    let system_level = rules
        .iter()
        .any(|seen| seen.rule.priority.is_system_level());
    let written = rules
        .iter()
        .filter(|seen| !seen.rule.priority.is_system_level())
        .map(|seen| {
            let mut notes = adopted.notes.get(&seen.rule).cloned().unwrap_or_default();
            let facts = seen.facts.iter().flat_map(|facts| &facts.others);
            notes.extend(
                facts
                    .filter(|(name, _)| !is_said(name))
                    .map(|(name, value)| format!("{name}: {value}")),
            );
            Written {
                notes,
                ..Written::from(seen.rule.clone())
            }
        });
    let Place {
        account, region, ..
    } = place;
    write::document(
        &Document {
            head,
            selector: Selector::Id(id.clone()),
            alias: words.groups.get(id).cloned(),
            description: (!description.trim().is_empty()).then(|| description.clone()),
            account: (vocabulary.default_account.as_ref() != Some(account))
                .then(|| account.clone()),
            region: (vocabulary.default_region.as_ref() != Some(region)).then(|| region.clone()),
            mode: Modes {
                ingress: place.mode,
                egress: place.mode,
            },
            keep_system_rules: system_level,
            rules: written.collect(),
        },
        words,
    )
}

/// Members whose content the rule itself says, or that name what it says: another spelling of an address, names of
/// groups and lists, the e-mail address of an owner.
fn is_said(member: &str) -> bool {
    const SAID: [&str; 10] = [
        "CidrIp",
        "Name",
        "OwnerAccount",
        "PortRange",
        "Policy",
        "IpProtocol",
        "Direction",
        "NicType",
        "PortRangeListId",
        "CreateTime",
    ];
    SAID.iter().any(|end| member.ends_with(end))
}

/// A file of its own: `NAME.yaml`, below a folder of the region or account where that is not the default.
fn path(
    vocabulary: &Vocabulary,
    place: Place<'_>,
    info: &GroupInfo,
    taken: &mut BTreeSet<PathBuf>,
) -> PathBuf {
    let mut folder = PathBuf::new();
    let rules = vocabulary.rules.clone().unwrap_or_else(|| "rules".into());
    for part in rules.components() {
        if !matches!(part, std::path::Component::CurDir) {
            folder.push(part);
        }
    }
    if vocabulary.default_account.as_ref() != Some(place.account) {
        folder.push(safe(place.account.as_str()));
    }
    if vocabulary.default_region.as_ref() != Some(place.region) {
        folder.push(safe(place.region.as_str()));
    }
    let id = safe(info.id.as_str());
    let name = safe(info.name.as_str());
    let stems = if name.is_empty() {
        vec![id]
    } else {
        let both = format!("{}-{}", cut(&name, STEM / 2), cut(&id, STEM / 2));
        vec![name, both, id]
    };
    // Some file systems take names for the same that differ in case only.
    let is_taken = |path: &PathBuf| {
        let lower = |path: &PathBuf| path.to_string_lossy().to_lowercase();
        taken.contains(path) || taken.iter().any(|other| lower(other) == lower(path))
    };
    let mut paths = stems.iter().map(|stem| folder.join(format!("{stem}.yaml")));
    let path = paths
        .find(|path| !is_taken(path))
        .unwrap_or_else(|| folder.join(format!("{}.yaml", uuid::Uuid::new_v4().simple())));
    taken.insert(path.clone());
    path
}

/// Most bytes of a file's name before its ending: file systems take 255 for all of it.
const STEM: usize = 200;

/// A name that every file system takes and that does not lead out of the folder.
fn safe(name: &str) -> String {
    let safe: String = name
        .chars()
        .map(|c| {
            if c.is_alphanumeric() || c == '-' || c == '_' {
                c
            } else {
                '-'
            }
        })
        .collect();
    cut(&safe, STEM).trim_matches(['-', '_']).to_owned()
}

/// The beginning of a text, of at most so many bytes.
fn cut(text: &str, bytes: usize) -> &str {
    &text[..text.floor_char_boundary(bytes)]
}
