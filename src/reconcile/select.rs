//! Which of the declared groups a run is about; pure but for the working folder.

use std::{
    collections::BTreeSet,
    path::{Component, Path, PathBuf},
};

use super::{Shard, discover};
use crate::{
    desired::{Desired, DesiredGroup, Selector, Template, matches, patterns_meet},
    model::{Network, VpcId},
};

/// What the user asked for. Paths, targets and addresses narrow each other; without any it is every group.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Selection {
    /// Group files, or folders of them; relative ones start at the project's folder.
    pub paths: Vec<PathBuf>,
    /// `NAME`, `ID` or `ACCOUNT/REGION/GROUP`, with `*` for any text.
    pub targets: Vec<String>,
    /// These groups, by [`address`], perhaps none, and all that documents with `targets` are about: what they were about before nobody
    /// can tell, so that one that has begun to match is always in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub only: Option<BTreeSet<String>>,
    /// Only the groups of this part, which the cloud says once they are found.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shard: Option<Shard>,
}

/// `ACCOUNT/REGION/GROUP`, the group as it is declared: what [`Selection::only`] holds.
pub fn address(group: &DesiredGroup) -> String {
    format!("{}/{}/{}", group.account, group.region, group.selector)
}

impl Selection {
    /// The same choice with every path relative to the project's folder, so that it means the same in another checkout.
    #[must_use]
    pub fn within(&self, root: &Path) -> Self {
        let Self {
            paths,
            targets,
            shard,
            only,
        } = self;
        Self {
            paths: paths.iter().map(|path| below(root, path)).collect(),
            targets: targets.clone(),
            shard: *shard,
            only: only.clone(),
        }
    }
}

/// Why nothing is selected.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SelectError {
    /// A target that no declared group has.
    #[error("no declared group is called `{target}`{}", suggested(near))]
    Target {
        /// As given.
        target: String,
        /// Declared groups that look like it.
        near: Vec<String>,
    },
    /// A path below which no group is declared.
    #[error("no group is declared in {}{}", path.display(), suggested(near))]
    Path {
        /// As given.
        path: PathBuf,
        /// Group files that look like it.
        near: Vec<String>,
    },
    /// Every path and every target selects something, but nothing is in both.
    #[error("none of the targets is declared in the given paths")]
    Nothing,
}

/// `; is it web?`, where anything is near.
pub fn suggested(near: &[String]) -> String {
    match near {
        [] => String::new(),
        near => format!("; is it {}?", near.join(" or ")),
    }
}

/// The documents with `targets` that may be about selected groups, as indices into [`Desired::templates`]; which groups they are about
/// need not be known yet.
pub fn documents(desired: &Desired, selection: &Selection) -> BTreeSet<usize> {
    let templates = desired.templates.iter().enumerate();
    let may_be = templates.filter(|(_, template)| {
        let Template { targets, body } = template;
        let vpc: Option<&VpcId> = targets.vpc.as_ref();
        let in_part = |shard: Shard| {
            let network = vpc.cloned().map(Network::Vpc);
            network.is_none_or(|network| shard.holds(body, Some(&network)))
        };
        may_be_meant(desired, selection, template) && selection.shard.is_none_or(in_part)
    });
    may_be.map(|(at, _)| at).collect()
}

/// Whether a document with `targets` may be about groups that paths and targets choose.
fn may_be_meant(desired: &Desired, selection: &Selection, template: &Template) -> bool {
    let Selection { paths, targets, .. } = selection;
    let mut below = paths
        .iter()
        .map(|path| is_below(desired, path, &template.body));
    let mut meant = targets.iter().map(|target| may_be_target(target, template));
    (paths.is_empty() || below.any(|it| it)) && (targets.is_empty() || meant.any(|it| it))
}

/// Whether a group that a document with `targets` is about may be meant, by its name or by an id.
fn may_be_target(target: &str, template: &Template) -> bool {
    let Template { targets, body } = template;
    let parts: Vec<&str> = target.split('/').collect();
    let named = match parts[..] {
        [named] => named,
        [account, region, named]
            if matches(account, body.account.as_str()) && matches(region, body.region.as_str()) =>
        {
            named
        }
        _ => return false,
    };
    let name = targets.name.as_deref().unwrap_or("*");
    patterns_meet(named, name) || patterns_meet(named, "sg-*")
}

fn is_below(desired: &Desired, path: &Path, group: &DesiredGroup) -> bool {
    let file = &desired.sources.get(group.span.file).path;
    file.starts_with(below(&desired.project.root, path))
}

/// The indices of the selected groups, in the order of declarations.
pub fn select(desired: &Desired, selection: &Selection) -> Result<Vec<usize>, SelectError> {
    let groups = &desired.groups;
    // A path may hold nothing but documents for groups that match, of which there are none, or nobody knows which.
    let by_path = chosen(
        groups,
        &selection.paths,
        |path, group| is_below(desired, path, group),
        |path| {
            let mut templates = desired.templates.iter();
            templates.any(|template| is_below(desired, path, &template.body))
        },
    )
    .map_err(|path| SelectError::Path {
        near: near_paths(desired, path),
        path: path.clone(),
    })?;
    // A document that was not asked about, because it is of another part or path, may be about a group of that name; and whoever reads
    // tells of documents whose groups could not be listed.
    let by_target = chosen(
        groups,
        &selection.targets,
        |target, group| is_target(target, group),
        |target| {
            let matched = &desired.matched;
            let is_known =
                |at: &usize| matched.asked.contains(at) && !matched.unread.contains_key(at);
            let mut unknown = (0..desired.templates.len()).filter(|at| !is_known(at));
            unknown.any(|at| may_be_target(target, &desired.templates[at]))
        },
    )
    .map_err(|target| SelectError::Target {
        near: near_groups(groups, target),
        target: target.clone(),
    })?;
    let both: Vec<usize> = (0..groups.len())
        .filter(|at| by_path[*at] && by_target[*at])
        .collect();
    let mut templates = desired.templates.iter();
    if both.is_empty()
        && !groups.is_empty()
        && !templates.any(|template| may_be_meant(desired, selection, template))
    {
        return Err(SelectError::Nothing);
    }
    let Some(only) = &selection.only else {
        return Ok(both);
    };
    let by_documents = discover::spans(desired);
    let is_meant = |at: &usize| {
        let group = &groups[*at];
        only.contains(&address(group)) || by_documents.contains(&group.span)
    };
    Ok(both.into_iter().filter(is_meant).collect())
}

/// Which groups any of the wanted selects, all when nothing is wanted; `Err`: one that selects none, although `may_be_more` does not
/// excuse it.
fn chosen<'w, W>(
    groups: &[DesiredGroup],
    wanted: &'w [W],
    selects: impl Fn(&W, &DesiredGroup) -> bool,
    may_be_more: impl Fn(&W) -> bool,
) -> Result<Vec<bool>, &'w W> {
    let mut chosen = vec![wanted.is_empty(); groups.len()];
    for one in wanted {
        let mut any = false;
        for (chosen, group) in chosen.iter_mut().zip(groups) {
            if selects(one, group) {
                *chosen = true;
                any = true;
            }
        }
        if !any && !may_be_more(one) {
            return Err(one);
        }
    }
    Ok(chosen)
}

/// A path as the sources have it: relative to the project's folder, without `.` and `..`.
fn below(root: &Path, path: &Path) -> PathBuf {
    let plain = |path: &Path| {
        let mut plain = PathBuf::new();
        for part in path.components() {
            match part {
                Component::CurDir => {}
                Component::ParentDir => {
                    plain.pop();
                }
                part => plain.push(part),
            }
        }
        plain
    };
    // An error means that there is no working folder; then the path stays relative, which is right for most.
    let absolute = |path: &Path| plain(&std::path::absolute(path).unwrap_or(path.to_owned()));
    let root = absolute(root);
    let path = absolute(&root.join(path));
    match path.strip_prefix(&root) {
        Ok(below) => below.to_owned(),
        Err(_) => path,
    }
}

/// Whether a word means a declared group: `NAME`, `ID` or `ACCOUNT/REGION/GROUP`, with `*` for any text.
pub fn is_target(target: &str, group: &DesiredGroup) -> bool {
    names(group).any(|name| is_target_named(target, group, name))
}

/// As [`is_target`], of a group by another name than those that it is declared by.
pub fn is_target_named(target: &str, group: &DesiredGroup, name: &str) -> bool {
    let parts: Vec<&str> = target.split('/').collect();
    match parts[..] {
        [pattern] => matches(pattern, name),
        [account, region, pattern] => {
            matches(account, group.account.as_str())
                && matches(region, group.region.as_str())
                && matches(pattern, name)
        }
        _ => false,
    }
}

fn names(group: &DesiredGroup) -> impl Iterator<Item = &str> {
    let selected = match &group.selector {
        Selector::Id(id) => id.as_str(),
        Selector::Name { name, .. } => name.as_str(),
    };
    std::iter::once(selected).chain(group.alias.as_ref().map(|alias| alias.as_str()))
}

/// Up to three names of declared groups that look like one that no group is called.
pub fn near_groups(groups: &[DesiredGroup], target: &str) -> Vec<String> {
    let (place, name) = match target.rsplit_once('/') {
        Some((place, name)) => (Some(place), name),
        None => (None, target),
    };
    let called = groups.iter().flat_map(|group| {
        let place = place.map(|_| format!("{}/{}/", group.account, group.region));
        names(group).map(move |name| {
            let place = place.clone().unwrap_or_default();
            (format!("{place}{name}"), name)
        })
    });
    let called: Vec<(String, &str)> = called.collect();
    let exact = called.iter().filter(|(_, called)| matches(name, called));
    let exact: Vec<String> = exact.map(|(full, _)| full.clone()).take(3).collect();
    if place.is_some() && !exact.is_empty() {
        return exact; // The group is there, in another account or region.
    }
    near(target, called.into_iter().map(|(full, _)| full))
}

fn near_paths(desired: &Desired, path: &Path) -> Vec<String> {
    let templates = desired.templates.iter().map(|template| &template.body);
    let files = desired.groups.iter().chain(templates).map(|group| {
        let source = desired.sources.get(group.span.file);
        source.path.display().to_string()
    });
    let path = below(&desired.project.root, path);
    near(&path.display().to_string(), files)
}

/// Up to three texts that a third of the wanted one's letters away, the nearest first.
pub fn near(wanted: &str, texts: impl Iterator<Item = String>) -> Vec<String> {
    let most = (wanted.chars().count() / 3).max(1);
    let mut near: Vec<(usize, String)> = texts
        .map(|text| (strsim::damerau_levenshtein(wanted, &text), text))
        .filter(|(distance, _)| *distance <= most)
        .collect();
    near.sort();
    near.dedup();
    near.into_iter().take(3).map(|(_, text)| text).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::desired::{SourceFile, load_files};

    #[test]
    fn a_star_stands_for_any_text() {
        for (pattern, text) in [
            ("web", "web"),
            ("*", ""),
            ("*", "web"),
            ("w*b", "wb"),
            ("web-*", "web-1"),
            ("*-1", "web-1"),
            ("a*b*c", "aXbYbZc"),
        ] {
            assert!(matches(pattern, text), "{pattern} {text}");
        }
        for (pattern, text) in [
            ("web", "web-1"),
            ("", "web"),
            ("w*b", "w"),
            ("ab*ba", "aba"),
            ("a*b*c", "acb"),
        ] {
            assert!(!matches(pattern, text), "{pattern} {text}");
        }
    }

    #[test]
    fn paths_are_taken_relative_to_the_project() {
        let root = std::path::absolute("project").unwrap();
        for (path, expected) in [
            (PathBuf::from("rules/web.yaml"), "rules/web.yaml"),
            (PathBuf::from("./rules/../rules"), "rules"),
            (PathBuf::from("."), ""),
            (root.join("rules"), "rules"),
        ] {
            assert_eq!(below(&root, &path), Path::new(expected));
        }
    }

    #[test]
    fn documents_that_cannot_be_about_chosen_groups_are_not_asked_about() {
        let project = "rules: rules/\naccounts: { a: { local: a }, b: { local: b } }\ndefaults: { account: a, region: cn-hangzhou }\n";
        let file = |name: &str, head: &str| {
            SourceFile::new(name, format!("{head}\nmode: partial\ningress: []\n"))
        };
        let files = vec![
            file("rules/names.yaml", "targets: { name: \"web-*\" }"),
            file("rules/vpc.yaml", "targets: { vpc: vpc-1, name: \"db-*\" }"),
            file(
                "rules/far.yaml",
                "targets: { tags: { team: web } }\naccount: b",
            ),
        ];
        let project = SourceFile::new("rulekeep.yaml", project);
        let (desired, _) = load_files(Path::new("project"), project, files).unwrap();
        let asked = |selection: Selection| {
            let asked = documents(&desired, &selection).into_iter();
            let files = asked.map(|at| desired.templates[at].body.span.file);
            let mut names: Vec<String> = files
                .map(|file| desired.sources.get(file).path.display().to_string())
                .collect();
            names.sort();
            names.join(" ").replace("rules/", "").replace(".yaml", "")
        };
        let all = "far names vpc";
        assert_eq!(asked(Selection::default()), all);
        for (path, expected) in [("rules", all), ("rules/vpc.yaml", "vpc"), ("elsewhere", "")] {
            let paths = vec![path.into()];
            let selection = Selection {
                paths,
                ..Selection::default()
            };
            assert_eq!(asked(selection), expected, "{path}");
        }
        for (target, expected) in [
            ("web-1", "far names"),
            ("*-1", all),
            ("db*", "far vpc"),
            ("sg-1", all),
            ("a/cn-hangzhou/web-1", "names"),
            ("a/*/*", "names vpc"),
            ("b/*/*", "far"),
            ("a/elsewhere/*", ""),
            ("a/cn-hangzhou", ""),
        ] {
            let targets = vec![target.to_owned()];
            let selection = Selection {
                targets,
                ..Selection::default()
            };
            assert_eq!(asked(selection), expected, "{target}");
        }
        // Whatever was touched: the groups that match are always in.
        let none = Selection {
            only: Some(BTreeSet::new()),
            ..Selection::default()
        };
        assert_eq!(asked(none), all);
        let of_part = |part: &str| {
            let shard = part.parse().ok();
            asked(Selection {
                shard,
                ..Selection::default()
            })
        };
        // A VPC is in one part, what is in any VPC in each.
        let mut parts = [of_part("1/2"), of_part("2/2")];
        parts.sort();
        assert_eq!(parts, ["far names", all]);
    }

    #[test]
    fn near_texts_are_those_with_few_other_or_swapped_letters() {
        let texts = || ["web", "db", "payments"].map(str::to_owned).into_iter();
        assert_eq!(near("wbe", texts()), ["web"]);
        assert_eq!(near("paiments", texts()), ["payments"]);
        assert_eq!(near("cache", texts()), [""; 0]);
    }
}
