//! The project as a commit or the index has it, for checks that must not look at the working tree: hooks.

use std::path::{Component, Path, PathBuf};

use clap::builder::FalseyValueParser;

use crate::{
    desired::Loaded,
    git::{Error, Git, Tree},
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
}

impl Committed {
    /// What is staged.
    pub(super) fn staged() -> Self {
        Self {
            commit: None,
            staged: true,
        }
    }

    /// The project in that state; `None`: the working tree is meant.
    pub(super) fn load(&self, global: &Global) -> Result<Option<Loaded>, Failure> {
        let git = Git::of_process();
        let (tree, state) = match &self.commit {
            Some(revision) => {
                let commit = git.commit(revision).map_err(unreadable)?;
                let tree = Tree::of_commit(&git, &commit).map_err(unreadable)?;
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
        loaded.map(Some).map_err(unreadable)
    }
}

/// The project file's path from the top of the tree: the one that is named, or the nearest above the working folder.
fn find(tree: &Tree, git: &Git, global: &Global, state: &str) -> Result<String, Failure> {
    let prefix = git.prefix().map_err(unreadable)?;
    let has = |path: &str| tree.has_file(path).map_err(unreadable);
    if let Some(given) = &global.project {
        let path = within(git, &prefix, given)?;
        let inner = format!("{path}/{PROJECT_FILE}");
        let inner = inner.trim_start_matches('/').to_owned();
        return Ok(if has(&inner)? { inner } else { path });
    }
    for folder in Path::new(&prefix).ancestors() {
        let path = folder.join(PROJECT_FILE).to_string_lossy().into_owned();
        if has(&path)? {
            return Ok(path);
        }
    }
    Err(missing(PROJECT_FILE, state))
}

/// A path on the command line as the tree has it.
fn within(git: &Git, prefix: &str, given: &Path) -> Result<String, Failure> {
    let from_top: PathBuf = if given.is_absolute() {
        let top = git.top().map_err(unreadable)?;
        let given = given.strip_prefix(&top).map_err(|_| {
            Failure::new(format!("{} is not in the repository", given.display()))
                .help("write the path from the top of the repository")
        })?;
        given.to_owned()
    } else {
        Path::new(prefix).join(given)
    };
    let mut parts: Vec<String> = Vec::new();
    for part in from_top.components() {
        match part {
            Component::ParentDir => drop(parts.pop()),
            Component::Normal(name) => parts.push(name.to_string_lossy().into_owned()),
            Component::CurDir | Component::RootDir | Component::Prefix(_) => {}
        }
    }
    Ok(parts.join("/"))
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
