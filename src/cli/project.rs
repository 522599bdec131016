//! Which project and which of its groups a command is about.

use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
};

use clap::Args;

use crate::{
    desired::{self, Desired, DesiredGroup, Selector},
    diag::Diagnostic,
    exit::Exit,
    report::text::count,
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
}

/// Which groups of the project, by name.
#[derive(Clone, Debug, Default, Args)]
pub(super) struct Targets {
    /// Only this group: its id, its name, or account/region/group; may be repeated
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
        return Ok(file.clone());
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

fn nearest(folder: &Path) -> Option<PathBuf> {
    folder
        .ancestors()
        .map(|folder| folder.join(PROJECT_FILE))
        .find(|file| file.is_file())
}

/// Reads the project and draws what is wrong with it on stderr.
pub(super) fn load(global: &Global, screen: &Screen) -> Result<Desired, Failure> {
    let file = file(global)?;
    match desired::load(&file) {
        Ok((desired, warnings)) => {
            screen.diagnostics(&desired.sources, &warnings);
            Ok(desired)
        }
        Err(error) => {
            screen.diagnostics(&error.sources, &error.diagnostics);
            Err(not_sound(&error.diagnostics))
        }
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

impl Selection {
    /// The chosen groups, as indices into [`Desired::groups`]; every path and every target must choose one.
    pub(super) fn choose(&self, desired: &Desired) -> Result<BTreeSet<usize>, Failure> {
        let all = 0..desired.groups.len();
        let mut by_path = BTreeSet::new();
        for path in &self.paths {
            let real = std::path::absolute(path)
                .and_then(|path| path.canonicalize())
                .map_err(|error| {
                    Failure::new(format!("{} cannot be read", path.display())).because(&error)
                })?;
            let before = by_path.len();
            by_path.extend(all.clone().filter(|index| {
                let file = desired.sources.get(desired.groups[*index].span.file);
                let file = desired.project.root.join(&file.path);
                file.canonicalize()
                    .is_ok_and(|file| file.starts_with(&real))
            }));
            if by_path.len() == before {
                return Err(
                    Failure::new(format!("no group is declared in {}", path.display()))
                        .help("paths are group files of the project or folders of them"),
                );
            }
        }
        let mut by_target = BTreeSet::new();
        for target in &self.targets.targets {
            let found: Vec<_> = all
                .clone()
                .filter(|index| is_meant(&desired.groups[*index], target))
                .collect();
            if found.is_empty() {
                return Err(
                    Failure::new(format!("no declared group is called `{target}`"))
                        .help("a target is a group's id, its name, or account/region/group"),
                );
            }
            by_target.extend(found);
        }
        let chosen: BTreeSet<usize> = all
            .filter(|index| self.paths.is_empty() || by_path.contains(index))
            .filter(|index| self.targets.targets.is_empty() || by_target.contains(index))
            .collect();
        if chosen.is_empty() && !desired.groups.is_empty() {
            return Err(Failure::new(
                "none of the targets is declared in the given paths",
            ));
        }
        Ok(chosen)
    }
}

/// Whether a word on the command line means a declared group.
pub(super) fn is_meant(group: &DesiredGroup, word: &str) -> bool {
    let names = [
        match &group.selector {
            Selector::Id(id) => Some(id.as_str()),
            Selector::Name { .. } => None,
        },
        group.declared_name().map(|name| name.as_str()),
    ];
    let prefix = format!("{}/{}/", group.account, group.region);
    let bare = word.strip_prefix(&prefix).unwrap_or(word);
    names.into_iter().flatten().any(|name| name == bare)
}

#[cfg(test)]
mod tests {
    use std::{collections::BTreeMap, fs, sync::Arc};

    use crate::{
        desired::{Limits, Mode, Modes, Project},
        diag::{Sources, Span},
        model::{AccountName, GroupId, GroupName, RegionId},
    };

    use super::*;

    fn project(root: &Path) -> Desired {
        let mut sources = Sources::default();
        fs::create_dir_all(root.join("rules/net")).unwrap();
        let mut group = |path: &str, selector: Selector| {
            fs::write(root.join(path), "").unwrap();
            let file = sources.add(path.into(), Arc::from(""));
            DesiredGroup {
                account: AccountName::new("demo"),
                region: RegionId::new("cn-hangzhou"),
                selector,
                alias: None,
                span: Span {
                    file,
                    start: 0,
                    end: 0,
                    line: 1,
                    column: 1,
                },
                mode: Modes {
                    ingress: Mode::Partial,
                    egress: Mode::Partial,
                },
                ingress: None,
                egress: None,
                absent: Vec::new(),
                ignore: Vec::new(),
                allow_empty: false,
                system_rules: None,
                limits: Limits::default(),
                quota: 200,
            }
        };
        let name = |name: &str| Selector::Name {
            name: GroupName::new(name),
            vpc: None,
        };
        let groups = vec![
            group("rules/web.yaml", name("web")),
            group("rules/db.yaml", Selector::Id(GroupId::new("sg-db"))),
            group("rules/net/vpn.yaml", name("vpn")),
        ];
        Desired {
            project: Project {
                root: root.to_owned(),
                accounts: BTreeMap::new(),
            },
            groups,
            sources,
        }
    }

    #[test]
    fn paths_and_targets_narrow_and_must_mean_something() {
        let folder = tempfile::tempdir().unwrap();
        let desired = project(folder.path());
        let choose = |paths: &[&str], targets: &[&str]| {
            let selection = Selection {
                paths: paths.iter().map(|path| folder.path().join(path)).collect(),
                targets: Targets {
                    targets: targets.iter().map(|&target| target.to_owned()).collect(),
                },
            };
            selection
                .choose(&desired)
                .map(|chosen| chosen.into_iter().collect::<Vec<_>>())
                .map_err(|failure| failure.message)
        };
        assert_eq!(choose(&[], &[]), Ok(vec![0, 1, 2]));
        assert_eq!(choose(&["rules/net"], &[]), Ok(vec![2]));
        assert_eq!(
            choose(&["rules/web.yaml", "rules/net"], &[]),
            Ok(vec![0, 2])
        );
        assert_eq!(choose(&[], &["sg-db"]), Ok(vec![1]));
        assert_eq!(choose(&[], &["demo/cn-hangzhou/web"]), Ok(vec![0]));
        assert!(choose(&["rules/net"], &["web"]).is_err());
        assert_eq!(
            choose(&[], &["wbe"]),
            Err("no declared group is called `wbe`".to_owned())
        );
        assert!(choose(&["rules/none.yaml"], &[]).is_err());
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
