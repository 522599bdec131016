//! Which project and which of its groups a command is about.

use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
};

use clap::Args;
use jiff::Timestamp;

use crate::{
    desired::{self, Desired, DesiredGroup, LoadError},
    diag::{Code, Diagnostic},
    digest::sha256_hex,
    exit::Exit,
    git,
    reconcile::{self, SelectError, Shard},
    report::{
        Stamp,
        finding::{self, Finding, Found},
        text::count,
    },
};

use super::{Failure, Global, Screen};

/// Name of the project file.
pub(super) const PROJECT_FILE: &str = "rulekeep.yaml";

/// Which groups of the project.
#[derive(Clone, Debug, Default, Args)]
pub(super) struct Selection {
    /// Only groups declared in these files or folders
    #[arg(value_name = "PATH")]
    pub(super) paths: Vec<PathBuf>,
    #[command(flatten)]
    pub(super) targets: Targets,
    #[command(flatten)]
    pub(super) part: Part,
    /// These groups, by address, and those that documents with `targets` are about: what `--since` has chosen, or a saved plan.
    #[arg(skip)]
    pub(super) only: Option<BTreeSet<String>>,
    /// The revision that chose them.
    #[arg(skip)]
    pub(super) since: Option<String>,
}

/// Which part of the chosen groups.
#[derive(Clone, Copy, Debug, Default, Args)]
pub(super) struct Part {
    /// Only this part of the chosen groups, whole VPCs each: 1/4 to 4/4, or 0/4 to 3/4
    #[arg(
        long,
        value_name = "I/N",
        allow_hyphen_values = true,
        env = "RULEKEEP_SHARD"
    )]
    pub(super) shard: Option<Shard>,
}

/// Which groups of the project, by name.
#[derive(Clone, Debug, Default, Args)]
pub(super) struct Targets {
    /// Only this group: id, name or account/region/group, * for any text; may be repeated
    #[arg(
        long = "target",
        value_name = "GROUP",
        value_delimiter = ',',
        env = "RULEKEEP_TARGET"
    )]
    pub(super) targets: Vec<String>,
}

/// The project file of a run.
pub(super) fn file(global: &Global) -> Result<PathBuf, Failure> {
    if let Some(file) = &global.project {
        let is_folder = file.is_dir();
        return Ok(if is_folder {
            file.join(PROJECT_FILE)
        } else {
            file.clone()
        });
    }
    let here = std::env::current_dir()
        .map_err(|error| Failure::new("the current folder cannot be told").because(&error))?;
    nearest(&here).ok_or_else(|| {
        Failure::new(format!(
            "there is no {PROJECT_FILE} in this folder or in one above it"
        ))
        .help("`rulekeep init` writes one; `--project FILE` names one that is elsewhere")
    })
}

/// The folder of the project file, in which runs are kept.
pub(super) fn root(global: &Global) -> Result<PathBuf, Failure> {
    let file = file(global)?;
    Ok(match file.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder.to_owned(),
        _ => PathBuf::from("."),
    })
}

/// Where a run comes from that came to nothing; as much as is known.
pub(super) fn stamp(global: &Global) -> Stamp {
    let root = root(global).ok();
    let revision = root.and_then(|root| git::revision(&root, |name| std::env::var(name).ok()));
    Stamp {
        timestamp: Timestamp::now(),
        commit: revision.as_ref().map(|revision| revision.commit.clone()),
        dirty: revision.map(|revision| revision.dirty),
    }
}

fn nearest(folder: &Path) -> Option<PathBuf> {
    folder
        .ancestors()
        .map(|folder| folder.join(PROJECT_FILE))
        .find(|file| file.is_file())
}

/// Reads the project and draws what is wrong with it on stderr.
pub(super) fn load(global: &Global, screen: &Screen) -> Result<Desired, Failure> {
    let (desired, warnings) = load_with_warnings(global, screen)?;
    screen.diagnostics(&desired.sources, &warnings);
    Ok(desired)
}

/// As [`load`], for commands that tell of the warnings themselves.
pub(super) fn load_with_warnings(
    global: &Global,
    screen: &Screen,
) -> Result<(Desired, Vec<Diagnostic>), Failure> {
    let file = file(global)?;
    match desired::load(&file) {
        Ok(loaded) => Ok(loaded),
        Err(error) => {
            screen.diagnostics(&error.sources, &error.diagnostics);
            let mut failure = not_sound(&error.diagnostics);
            failure.findings = findings_of(&error, &file).into();
            Err(failure)
        }
    }
}

/// What is wrong with files that could not be read as a project.
pub(super) fn findings_of(error: &LoadError, file: &Path) -> Vec<Finding> {
    finding::findings(&Found {
        sources: &error.sources,
        folder: &repository_folder(file),
        groups: &[],
        files: &error.diagnostics,
        plan: None,
    })
}

/// The project file, seen from the top of its repository.
pub(super) fn seen_from_top(global: &Global) -> String {
    file(global).map_or_else(|_| PROJECT_FILE.to_owned(), |file| file_from_top(&file))
}

/// A project file, seen from the top of its repository.
pub(super) fn file_from_top(file: &Path) -> String {
    let name = file.file_name().unwrap_or(PROJECT_FILE.as_ref());
    format!("{}{}", repository_folder(file), name.to_string_lossy())
}

/// The folder of a project file, seen from the top of its repository.
pub(super) fn repository_folder(file: &Path) -> String {
    match file.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => git::prefix(folder),
        _ => git::prefix(Path::new(".")),
    }
}

/// A plan among the group files would be read as one of them.
pub(super) fn refuse_among_rules(path: &Path, desired: &Desired) -> Result<(), Failure> {
    let yaml = ["yaml", "yml"]
        .iter()
        .any(|ending| path.extension().is_some_and(|it| it == *ending));
    let folder = std::path::absolute(path).ok();
    let folder = folder.as_deref().and_then(Path::parent);
    let root = std::path::absolute(&desired.project.root).ok();
    let templates = desired.templates.iter().map(|template| &template.body);
    let among = desired.groups.iter().chain(templates).any(|group| {
        let file = &desired.sources.get(group.span.file).path;
        // Where groups stand beside the project file, everything is beside them.
        let below = file.parent().filter(|folder| *folder != Path::new(""));
        match (below, &root, folder) {
            (Some(below), Some(root), Some(folder)) => folder.starts_with(root.join(below)),
            _ => false,
        }
    });
    if yaml || among {
        return Err(Failure::usage(format!(
            "{} is a place for group files, not for a saved plan",
            path.display()
        ))
        .help("save it elsewhere, for example `--out plan.json`"));
    }
    Ok(())
}

/// What is said once diagnostics about files in view of the cloud have been drawn.
pub(super) fn not_planned(diagnostics: &[Diagnostic]) -> Failure {
    let errors = diagnostics.iter().filter(|d| d.is_error()).count();
    Failure::new(format!("{}; nothing was changed", count(errors, "error")))
        .help("mend what is drawn above, then plan again")
}

/// As [`load`], but a project without a group file is an empty one: for commands that look at the cloud or write files.
pub(super) fn load_or_empty(global: &Global, screen: &Screen) -> Result<Desired, Failure> {
    let file = file(global)?;
    match desired::load(&file) {
        Err(error) if error.diagnostics.iter().all(|d| d.code == Code::NoFiles) => {
            match desired::load_project(&file) {
                Ok((desired, warnings)) => {
                    screen.diagnostics(&desired.sources, &warnings);
                    Ok(desired)
                }
                Err(_) => load(global, screen),
            }
        }
        _ => load(global, screen),
    }
}

/// What is said once diagnostics with an error among them have been drawn.
pub(super) fn not_sound(diagnostics: &[Diagnostic]) -> Failure {
    let errors = diagnostics.iter().filter(|d| d.is_error()).count();
    Failure::with(
        Exit::Error,
        format!(
            "{} in the files; nothing was changed",
            count(errors, "error")
        ),
    )
    .help("mend the files as drawn above; `rulekeep validate` checks them without a cloud")
}

/// Most groups that are listed in place of one that is not declared.
const MOST_LISTED: usize = 8;

/// That no declared group has a name, and those that look like it.
pub(super) fn not_declared(desired: &Desired, word: &str) -> String {
    let near = reconcile::near_groups(&desired.groups, word);
    let suggested = reconcile::suggested(&near);
    format!("no declared group is called `{word}`{suggested}")
}

/// What there is to choose from; `what` is chosen by it: a target, a group.
pub(super) fn declared(desired: &Desired, what: &str) -> String {
    let names = desired
        .groups
        .iter()
        .map(|group| match group.declared_name() {
            Some(name) => name.to_string(),
            None => group.selector.to_string(),
        });
    let names: BTreeSet<String> = names.collect();
    let mut listed: Vec<String> = names.iter().take(MOST_LISTED).cloned().collect();
    if names.len() > MOST_LISTED {
        listed.push(format!("{} more", names.len() - MOST_LISTED));
    }
    if !desired.templates.is_empty() {
        listed.push("groups that match `targets` of a document".to_owned());
    }
    match listed.is_empty() {
        true => "no group is declared".to_owned(),
        false => format!(
            "declared are {}; a {what} may also be an id, or account/region/group",
            listed.join(", ")
        ),
    }
}

impl Selection {
    /// The chosen groups, as indices into [`Desired::groups`]; every path and every target must choose one.
    pub(super) fn choose(&self, desired: &Desired) -> Result<BTreeSet<usize>, Failure> {
        if self.targets.targets.iter().any(String::is_empty) {
            return Err(Failure::usage("a target is empty")
                .help("for every group leave out --target, and unset RULEKEEP_TARGET"));
        }
        let chosen = reconcile::select(desired, &self.within(desired)?);
        chosen
            .map(|chosen| chosen.into_iter().collect())
            .map_err(|error| {
                let failure = Failure::new(error.to_string());
                let failure = match error {
                    SelectError::Target { .. } => failure.help(declared(desired, "target")),
                    SelectError::Path { path, near }
                        if !desired.project.root.join(&path).exists() =>
                    {
                        let near = match &near[..] {
                            [] => String::new(),
                            near => format!("; is it {}?", near.join(" or ")),
                        };
                        Failure::new(format!(
                            "there is no file or folder {}{near}",
                            path.display()
                        ))
                    }
                    SelectError::Path { .. } => {
                        failure.help("a path is a group file or a folder of group files")
                    }
                    SelectError::Nothing => failure
                        .help("leave out the paths, or name targets that are declared in them"),
                };
                failure.of_caller()
            })
    }

    /// Whether not every group is meant.
    pub(super) fn is_narrow(&self) -> bool {
        !self.paths.is_empty() || !self.targets.targets.is_empty() || self.part.shard.is_some()
    }

    /// The same choice as words of a command line, each after a space; empty when it is every group.
    pub(super) fn words(&self) -> String {
        let Self {
            paths,
            targets,
            part,
            only: _,
            since,
        } = self;
        let paths = paths.iter().map(|path| quoted(&path.to_string_lossy()));
        let targets = targets.targets.iter();
        let targets = targets.map(|target| format!("--target {}", quoted(target)));
        let since = since.iter();
        let since = since.map(|revision| format!("--since {}", quoted(revision)));
        paths
            .chain(targets)
            .chain(since)
            .chain(part.shard.map(|shard| format!("--shard {shard}")))
            .map(|word| format!(" {word}"))
            .collect()
    }

    /// What stands for this choice where runs over different parts must not be taken for one another: `shard 1/3`,
    /// `part 5f8c..`; empty when it is every group. `since`: whether a commit narrows it further; which one changes from
    /// run to run and is left out.
    pub(super) fn part(&self, since: bool) -> String {
        let Self {
            paths,
            targets,
            part,
            only: _,
            since: chosen,
        } = self;
        let since = since || chosen.is_some();
        let mut names = Vec::new();
        if !paths.is_empty() || !targets.targets.is_empty() {
            let rest = Self {
                part: Part::default(),
                since: None,
                ..self.clone()
            };
            let digest = sha256_hex(rest.words().as_bytes());
            names.push(format!("part {}", &digest[..12]));
        }
        if since {
            names.push("since".to_owned());
        }
        names.extend(part.shard.map(|shard| format!("shard {shard}")));
        names.join(" ")
    }

    /// The choice of a saved plan, whose paths start at the project's folder.
    pub(super) fn below(&self, root: &Path) -> Self {
        let mut selection = self.clone();
        for path in &mut selection.paths {
            *path = root.join(&*path);
        }
        selection
    }

    /// The same choice with paths from the project's folder in place of the working folder.
    pub(super) fn within(&self, desired: &Desired) -> Result<reconcile::Selection, Failure> {
        let Self {
            paths,
            targets,
            part,
            only,
            since: _,
        } = self;
        let paths = paths.iter().map(|path| {
            std::path::absolute(path).map_err(|error| {
                Failure::new(format!("{} cannot be found", path.display())).because(&error)
            })
        });
        let selection = reconcile::Selection {
            paths: paths.collect::<Result<_, _>>()?,
            targets: targets.targets.clone(),
            shard: part.shard,
            only: only.clone(),
        };
        Ok(selection.within(&desired.project.root))
    }
}

/// A word as a shell takes it.
pub(super) fn quoted(text: &str) -> String {
    match shlex::try_quote(text) {
        Ok(quoted) => quoted.into_owned(),
        Err(_) => text.to_owned(),
    }
}

/// Whether a word on the command line means a declared group.
pub(super) fn is_meant(group: &DesiredGroup, word: &str) -> bool {
    reconcile::is_target(word, group)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn a_choice_is_told_in_words_that_a_shell_takes() {
        let selection = Selection {
            paths: vec!["rules/my web.yaml".into()],
            targets: Targets {
                targets: vec!["web".into(), "a*".into()],
            },
            part: Part {
                shard: "0/4".parse().ok(),
            },
            since: Some("origin/main...".to_owned()),
            only: None,
        };
        assert_eq!(
            selection.words(),
            " 'rules/my web.yaml' --target web --target 'a*' --since origin/main... --shard 4/4"
        );
        assert_eq!(Selection::default().words(), "");
        let part = selection.part(false);
        assert!(
            part.starts_with("part ") && part.ends_with(" since shard 4/4"),
            "{part}"
        );
        assert_eq!(Selection::default().part(false), "");
    }

    #[test]
    fn the_project_file_is_found_in_a_parent() {
        let folder = tempfile::tempdir().unwrap();
        let inner = folder.path().join("rules/net");
        fs::create_dir_all(&inner).unwrap();
        assert_eq!(nearest(&inner), None);
        fs::write(folder.path().join(PROJECT_FILE), "").unwrap();
        assert_eq!(nearest(&inner), Some(folder.path().join(PROJECT_FILE)));
    }
}
