//! The project as a commit or the index has it, for checks that must not look at the working tree: hooks.

use std::path::{Component, Path, PathBuf};

use clap::builder::FalseyValueParser;

use crate::{
    desired::{self, Loaded, NamedFile},
    diag::{Code, Diagnostic},
    git::{Error, Git, Tree, links::STATE},
    report::text::escape,
};

use super::{Failure, Global, project::PROJECT_FILE, since};

/// Which state of the files, in place of those in the working tree.
#[derive(Clone, Debug, Default, clap::Args)]
pub(super) struct Committed {
    /// Look at the files as this commit has them, without checking it out; for hooks, also of bare repositories
    #[arg(long, value_name = "REV", env = "RULEKEEP_COMMIT")]
    commit: Option<String>,
    /// Look at the files as they are staged
    #[arg(
        long,
        env = "RULEKEEP_STAGED",
        conflicts_with = "commit",
        value_parser = FalseyValueParser::new(),
        action = clap::ArgAction::SetTrue
    )]
    staged: bool,
    #[command(flatten)]
    secrets: Secrets,
}

/// What the project file of a commit may name outside of the repository.
#[derive(Clone, Debug, Default, clap::Args)]
pub(super) struct Secrets {
    /// Folder outside of the repository that `url_file` and `secret_file` of a commit may be in
    #[arg(long, value_name = "FOLDER", env = "RULEKEEP_SECRETS_DIR")]
    secrets_dir: Option<PathBuf>,
}

impl Committed {
    /// What is staged.
    pub(super) fn staged() -> Self {
        Self {
            staged: true,
            ..Self::default()
        }
    }

    /// The project in that state; `None`: the working tree is meant. What a commit must not have is an error: whoever checks
    /// it out afterwards reads and writes nothing outside of the repository, and none of the program's own files.
    pub(super) fn load(&self, global: &Global) -> Result<Option<Loaded>, Failure> {
        let git = Git::of_process();
        let (tree, state) = match &self.commit {
            Some(revision) => {
                let commit = git.commit(revision).map_err(unreadable)?;
                let tree = Tree::of_commit(&git, &commit).map_err(unreadable)?;
                if let Some(path) = tree.state() {
                    return Err(Failure::new(format!(
                        "commit {revision} has {path}, where rulekeep keeps its journal, undo files and audit trail"
                    ))
                    .help(format!(
                        "`git rm -r --cached {path}`, write `{STATE}/` into .gitignore, and commit again"
                    )));
                }
                if let Some(objection) = tree.objection().map_err(unreadable)? {
                    return Err(Failure::new(format!("commit {revision}: {objection}"))
                        .help("links of a commit lead to its own files, through `..` at their beginning alone"));
                }
                (tree, format!("commit {revision}"))
            }
            None if self.staged => (
                Tree::of_index(&git).map_err(unreadable)?,
                "what is staged".to_owned(),
            ),
            None => return Ok(None),
        };
        let path = find(&tree, &git, global, &state)?;
        let (root, name) = path.rsplit_once('/').unwrap_or(("", &path));
        let project = tree.file(&path, name).map_err(unreadable)?;
        let project = project.ok_or_else(|| missing(&path, &state))?;
        let loaded = since::load_from(&tree, root, project, Path::new(root));
        let mut loaded = loaded.map_err(unreadable)?;
        if self.commit.is_some() {
            for file in &loaded.desired.project.files {
                let outside = self.outside(&tree, root, file).map_err(unreadable)?;
                loaded.diagnostics.extend(outside);
            }
        }
        Ok(Some(loaded))
    }

    /// Whether anything that is staged may change what is said of the project: something below its folder, or elsewhere what the
    /// project file or links lead to.
    pub(super) fn is_touched(global: &Global) -> Result<bool, Failure> {
        let git = Git::of_process();
        let tree = Tree::of_index(&git).map_err(unreadable)?;
        let path = find(&tree, &git, global, "what is staged")?;
        let (root, name) = path.rsplit_once('/').unwrap_or(("", &path));
        let staged = git.staged().map_err(unreadable)?;
        let below = |path: &str| root.is_empty() || path.starts_with(&format!("{root}/"));
        if staged.iter().any(|path| below(path)) {
            return Ok(true);
        }
        if let Some(project) = tree.file(&path, name).map_err(unreadable)? {
            let loaded = since::load_from(&tree, root, project, Path::new(root));
            for file in loaded.map_err(unreadable)?.desired.project.files {
                let leaves = tree.leaves(root, &file.path.to_string_lossy());
                leaves.map_err(unreadable)?;
            }
        }
        Ok(staged.iter().any(|path| tree.has_met(path)))
    }

    /// What is wrong with the place of a file that the project file names.
    fn outside(
        &self,
        tree: &Tree,
        root: &str,
        file: &NamedFile,
    ) -> Result<Option<Diagnostic>, Error> {
        let Some(reason) = self.secrets.leads_out(tree, root, file)? else {
            return Ok(None);
        };
        let error = Diagnostic::error(Code::InvalidValue, stays(file.key));
        let help = match file.is_secret() {
            true => {
                "name an environment variable in its place, or let whoever runs this check say which folder holds secrets: RULEKEEP_SECRETS_DIR=/run/secrets"
            }
            false => {
                "write a path below the folder of the project file, such as .rulekeep/demo.json"
            }
        };
        Ok(Some(error.label(file.span, reason).help(help)))
    }
}

fn stays(key: &str) -> String {
    format!("`{key}` of a commit stays in the repository")
}

impl Secrets {
    /// Why a file that the project file names is not in the repository and may not be elsewhere either.
    fn leads_out(
        &self,
        tree: &Tree,
        root: &str,
        file: &NamedFile,
    ) -> Result<Option<String>, Error> {
        if file.is_secret() && self.may_hold(&file.path) {
            return Ok(None);
        }
        let path = file.path.to_string_lossy();
        if let Some(reason) = tree.leaves(root, &path)? {
            return Ok(Some(reason));
        }
        // The embedded cloud keeps more beside its file.
        let beside = match file.key {
            "local" => &[".lock", ".journal"][..],
            _ => &[],
        };
        for ending in beside {
            let path = format!("{path}{ending}");
            if let Some(reason) = tree.leaves(root, &path)? {
                return Ok(Some(format!("{path}: {reason}")));
            }
        }
        Ok(None)
    }

    /// Whether a path is in the folder of secrets.
    fn may_hold(&self, path: &Path) -> bool {
        let goes_up = path.components().any(|part| part == Component::ParentDir);
        let folder = self.secrets_dir.as_ref();
        !goes_up && folder.is_some_and(|folder| folder.is_absolute() && path.starts_with(folder))
    }

    /// Why the project file of a commit must not be followed once it is checked out, in one line: what it names outside of the
    /// repository. `given`: the project file or its folder, from the top.
    pub(super) fn objection(
        &self,
        folder: &Path,
        commit: &str,
        given: Option<&Path>,
    ) -> Result<Option<String>, Error> {
        let git = Git::of_folder(folder);
        let tree = match Tree::of_commit(&git, commit) {
            Err(error @ Error::Name(_)) => return Ok(Some(escape(&error.to_string()))),
            other => other?,
        };
        let path = in_tree(&tree, given.unwrap_or(Path::new(PROJECT_FILE)))?;
        let (root, name) = path.rsplit_once('/').unwrap_or(("", &path));
        let Some(file) = tree.file(&path, name)? else {
            return Ok(None); // Whoever reads it says that it is not there.
        };
        // What is wrong with it otherwise is also for whoever reads it.
        let loaded = desired::load_as_far(Path::new(root), file, |_| Ok(Vec::new()));
        let project = loaded.desired.project;
        let rules = tree.leaves(root, &project.rules.to_string_lossy())?;
        if let Some(reason) = rules {
            return Ok(Some(escape(&format!(
                "{path}: {}: {reason}",
                stays("rules")
            ))));
        }
        for file in &project.files {
            if let Some(reason) = self.leads_out(&tree, root, file)? {
                let line = file.span.line;
                return Ok(Some(escape(&format!(
                    "{path}:{line}: {}: {reason}",
                    stays(file.key)
                ))));
            }
        }
        Ok(None)
    }
}

/// A project file's path from the top of the tree, given itself or its folder.
fn in_tree(tree: &Tree, given: &Path) -> Result<String, Error> {
    let path = plain(given);
    let inner = format!("{path}/{PROJECT_FILE}");
    let inner = inner.trim_start_matches('/').to_owned();
    Ok(if tree.has_file(&inner)? { inner } else { path })
}

/// The project file's path from the top of the tree: the one that is named, or the nearest above the working folder.
fn find(tree: &Tree, git: &Git, global: &Global, state: &str) -> Result<String, Failure> {
    let prefix = git.prefix().map_err(unreadable)?;
    if let Some(given) = &global.project {
        let path = within(git, &prefix, given)?;
        return in_tree(tree, &path).map_err(unreadable);
    }
    let has = |path: &str| tree.has_file(path).map_err(unreadable);
    for folder in Path::new(&prefix).ancestors() {
        let path = folder.join(PROJECT_FILE).to_string_lossy().into_owned();
        if has(&path)? {
            return Ok(path);
        }
    }
    Err(missing(PROJECT_FILE, state))
}

/// A path on the command line, from the top of the tree.
fn within(git: &Git, prefix: &str, given: &Path) -> Result<PathBuf, Failure> {
    Ok(if given.is_absolute() {
        let top = git.top().map_err(unreadable)?;
        let given = given.strip_prefix(&top).map_err(|_| {
            Failure::new(format!("{} is not in the repository", given.display()))
                .help("write the path from the top of the repository")
        })?;
        given.to_owned()
    } else {
        Path::new(prefix).join(given)
    })
}

/// A path without `.` and `..`, with forward slashes.
fn plain(path: &Path) -> String {
    let mut parts: Vec<String> = Vec::new();
    for part in path.components() {
        match part {
            Component::ParentDir => drop(parts.pop()),
            Component::Normal(name) => parts.push(name.to_string_lossy().into_owned()),
            Component::CurDir | Component::RootDir | Component::Prefix(_) => {}
        }
    }
    parts.join("/")
}

fn missing(path: &str, state: &str) -> Failure {
    Failure::new(format!("there is no {path} in {state}")).help(
        "`--project FILE` names a project file that is elsewhere, from the top of the repository",
    )
}

fn unreadable(error: Error) -> Failure {
    let failure = Failure::new("the files cannot be read from git").because(&error);
    match error {
        Error::NoRepository(_) => {
            failure.help("--commit and --staged are for a folder in a git repository")
        }
        _ => failure,
    }
}
