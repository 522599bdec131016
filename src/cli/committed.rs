//! The project as a commit or the index has it, for checks that must not look at the working tree: hooks.

use std::path::{Component, Path, PathBuf};

use clap::builder::FalseyValueParser;

use crate::{
    desired::{Loaded, NamedFile},
    diag::{Code, Diagnostic},
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
    /// With --commit: folder outside of the repository that `url_file` and `secret_file` may name files of
    #[arg(long, value_name = "FOLDER", env = "RULEKEEP_SECRETS_DIR")]
    secrets_dir: Option<PathBuf>,
}

/// The folder in which the program keeps its own.
const STATE: &str = ".rulekeep";

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
                if let Some(path) = tree.called(STATE) {
                    return Err(Failure::new(format!(
                        "commit {revision} has {path}, where rulekeep keeps its journal, undo files and audit trail"
                    ))
                    .help(format!(
                        "`git rm -r --cached {path}`, write `{STATE}/` into .gitignore, and commit again"
                    )));
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

    /// What is wrong with the place of a file that the project file names.
    fn outside(
        &self,
        tree: &Tree,
        root: &str,
        file: &NamedFile,
    ) -> Result<Option<Diagnostic>, Error> {
        let NamedFile { key, path, span } = file;
        if file.is_secret() && self.may_hold(path) {
            return Ok(None);
        }
        let Some(reason) = tree.leaves(root, &path.to_string_lossy())? else {
            return Ok(None);
        };
        let error = Diagnostic::error(
            Code::InvalidValue,
            format!("`{key}` of a commit stays in the repository"),
        );
        let help = match file.is_secret() {
            true => {
                "name an environment variable in its place, or let whoever runs this check say which folder holds secrets: RULEKEEP_SECRETS_DIR=/run/secrets"
            }
            false => {
                "write a path below the folder of the project file, such as .rulekeep/demo.json"
            }
        };
        Ok(Some(error.label(*span, reason).help(help)))
    }

    /// Whether a path is in the folder of secrets.
    fn may_hold(&self, path: &Path) -> bool {
        let goes_up = path.components().any(|part| part == Component::ParentDir);
        let folder = self.secrets_dir.as_ref();
        !goes_up && folder.is_some_and(|folder| folder.is_absolute() && path.starts_with(folder))
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
