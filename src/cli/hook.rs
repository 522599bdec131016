//! `rulekeep hook`: scripts that make git check what is committed and pushed, and apply what was pushed.

mod locked;
mod unaltered;

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use clap::{Subcommand, ValueEnum, builder::FalseyValueParser};

use crate::{
    exit::Exit,
    files::{self, Access},
    git::{self, Git},
};

use self::{locked::Locked, unaltered::Unaltered};
use super::{
    Failure, Global, Screen,
    committed::Committed,
    project::{self, PROJECT_FILE},
};

/// Make git check commits and pushes, and apply what is pushed
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  rulekeep hook install                    pre-commit: what is staged is checked
  rulekeep hook install --kind pre-push
  # in a bare repository:
  rulekeep hook install --kind pre-receive --kind post-receive --branch main
  rulekeep hook uninstall")]
pub(super) struct Args {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    Install(Install),
    Uninstall(Uninstall),
    Locked(Locked),
    Touched(Touched),
    Unaltered(Unaltered),
}

/// Write hooks into the git repository of this folder
///
/// A hook that is there and is not rulekeep's stays as it is, unless --chain is given. core.hooksPath is honoured.
#[derive(Debug, clap::Args)]
struct Install {
    /// Which hook; may be repeated [default: pre-commit, in a bare repository pre-receive]
    #[arg(
        long = "kind",
        value_name = "KIND",
        value_enum,
        value_delimiter = ',',
        env = "RULEKEEP_KIND"
    )]
    kinds: Vec<Kind>,
    /// Branch that pre-receive checks and post-receive applies [default: the repository's HEAD]
    #[arg(long, value_name = "BRANCH", env = "RULEKEEP_BRANCH")]
    branch: Option<String>,
    /// Folder from which post-receive applies [default: rulekeep-worktree in the repository]
    #[arg(long, value_name = "FOLDER", env = "RULEKEEP_WORKTREE")]
    worktree: Option<PathBuf>,
    /// Keep a hook that is there, and run it first
    #[arg(
        long,
        env = "RULEKEEP_CHAIN",
        value_parser = FalseyValueParser::new(),
        action = clap::ArgAction::SetTrue
    )]
    chain: bool,
}

/// Take rulekeep's hooks out of the git repository of this folder
///
/// A hook that was kept with --chain is put back.
#[derive(Debug, clap::Args)]
struct Uninstall {
    /// Which hook; may be repeated [default: all]
    #[arg(
        long = "kind",
        value_name = "KIND",
        value_enum,
        value_delimiter = ',',
        env = "RULEKEEP_KIND"
    )]
    kinds: Vec<Kind>,
}

/// Say whether what is staged concerns the project; for pre-commit
///
/// Not for people: the hook calls it.
#[derive(Debug, clap::Args)]
#[command(hide = true)]
struct Touched {}

/// The hooks there are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Kind {
    /// Checks what is staged: validate, fmt --check
    PreCommit,
    /// Checks every commit that a branch is pushed to
    PrePush,
    /// On the server: refuses pushes whose files have an error
    PreReceive,
    /// On the server: applies the branch after a push
    PostReceive,
}

/// How rulekeep's own hooks are known: their second line.
const MARK: &str = "# rulekeep hook: ";

/// What a foreign hook is called while it is chained.
const CHAINED: &str = "before-rulekeep";

const FIND: &str = r#"rulekeep=@RULEKEEP@
[ -x "$rulekeep" ] || rulekeep=$(command -v rulekeep) || {
    echo "rulekeep: the program is not found; install it, or remove this hook: $0" >&2
    exit 1
}"#;

impl Kind {
    fn name(self) -> &'static str {
        match self {
            Self::PreCommit => "pre-commit",
            Self::PrePush => "pre-push",
            Self::PreReceive => "pre-receive",
            Self::PostReceive => "post-receive",
        }
    }

    fn script(self) -> &'static str {
        match self {
            Self::PreCommit => include_str!("hook/pre-commit.sh"),
            Self::PrePush => include_str!("hook/pre-push.sh"),
            Self::PreReceive => include_str!("hook/pre-receive.sh"),
            Self::PostReceive => include_str!("hook/post-receive.sh"),
        }
    }

    /// The line that runs the hook that was there before.
    fn chain(self) -> String {
        let run = format!("\"$0.{CHAINED}\" \"$@\"");
        match self {
            Self::PreCommit => format!("{run} || exit $?"),
            Self::PrePush | Self::PreReceive => {
                format!("printf '%s\\n' \"$input\" | {run} || exit $?")
            }
            // What was pushed is there whatever the other hook says.
            Self::PostReceive => format!("printf '%s\\n' \"$input\" | {run}"),
        }
    }
}

pub(super) fn run(args: &Args, global: &Global, screen: &Screen) -> Result<Exit, Failure> {
    let git = Git::of_process();
    match &args.action {
        Action::Install(install) => install.run(&git, &hooks(&git)?, global, screen),
        Action::Uninstall(uninstall) => uninstall.run(&hooks(&git)?, screen),
        Action::Locked(locked) => locked.run(screen),
        Action::Unaltered(unaltered) => unaltered.run(),
        Action::Touched(Touched {}) => {
            let answer = match Committed::is_touched(global)? {
                true => "touched\n",
                false => "untouched\n",
            };
            screen.result(answer)?;
            Ok(Exit::Done)
        }
    }
}

/// The folder that git takes hooks from. One that serves every repository is not touched.
fn hooks(git: &Git) -> Result<PathBuf, Failure> {
    let asked = |error: git::Error| {
        let failure = Failure::new("the hooks of this repository cannot be found");
        failure
            .because(&error)
            .help("run it in the repository that shall have the hooks")
    };
    let folder = git.hooks().map_err(asked)?;
    if let Some(scope) = git.foreign_hooks_path().map_err(asked)? {
        return Err(Failure::new(format!(
            "hooks come from {} for every repository (core.hooksPath in the {scope} configuration of git)",
            folder.display()
        ))
        .help("give this repository its own: `git config core.hooksPath .git/hooks`, then run this again")
        .help("or call `rulekeep validate --staged` from the hook that is there"));
    }
    Ok(folder)
}

/// What stands at a hook's path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum There {
    Nothing,
    Ours,
    Foreign,
}

fn look(path: &Path) -> Result<There, Failure> {
    match fs::symlink_metadata(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(There::Nothing),
        Err(error) => return Err(failed(path, &error)),
        Ok(metadata) if !metadata.is_file() => return Ok(There::Foreign),
        Ok(_) => {}
    }
    let text = fs::read(path).map_err(|error| failed(path, &error))?;
    let text = String::from_utf8_lossy(&text);
    let is_ours = text
        .lines()
        .nth(1)
        .is_some_and(|line| line.starts_with(MARK));
    Ok(if is_ours { There::Ours } else { There::Foreign })
}

fn failed(path: &Path, error: &io::Error) -> Failure {
    Failure::new(format!("the hook {} cannot be changed", path.display())).because(error)
}

fn chained(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(format!(".{CHAINED}"));
    PathBuf::from(name)
}

impl Install {
    fn run(
        &self,
        git: &Git,
        hooks: &Path,
        global: &Global,
        screen: &Screen,
    ) -> Result<Exit, Failure> {
        let unknown =
            |error: git::Error| Failure::new("git does not answer as expected").because(&error);
        let bare = git.is_bare().map_err(unknown)?;
        let kinds = match &self.kinds[..] {
            [] if bare => vec![Kind::PreReceive],
            [] => vec![Kind::PreCommit],
            kinds => kinds.to_vec(),
        };
        if bare
            && let Some(kind) = kinds
                .iter()
                .find(|kind| matches!(kind, Kind::PreCommit | Kind::PrePush))
        {
            return Err(
                Failure::usage(format!("a bare repository runs no {} hook", kind.name()))
                    .help("its hooks are pre-receive and post-receive"),
            );
        }
        let branch = match &self.branch {
            Some(branch) => branch.trim_start_matches("refs/heads/").to_owned(),
            None => git.head_branch().map_err(unknown)?,
        };
        let worktree = match &self.worktree {
            Some(folder) => std::path::absolute(folder).map_err(|error| failed(folder, &error))?,
            None => git.git_folder().map_err(unknown)?.join("rulekeep-worktree"),
        };
        let project = place(git, bare, global)?;
        let program = std::env::current_exe()
            .map_err(|error| Failure::new("the program's own path is not known").because(&error))?;
        // Every hook is looked at before the first is written.
        let mut wanted = Vec::new();
        for kind in kinds {
            let path = hooks.join(kind.name());
            let there = look(&path)?;
            if there == There::Foreign && !self.chain {
                return Err(foreign(&path, kind));
            }
            if there == There::Foreign && look(&chained(&path))? != There::Nothing {
                return Err(Failure::new(format!(
                    "{} is there already; nothing was changed",
                    chained(&path).display()
                ))
                .help("it would be overwritten: move it away"));
            }
            wanted.push((kind, path, there));
        }
        fs::create_dir_all(hooks).map_err(|error| failed(hooks, &error))?;
        for (kind, path, there) in wanted {
            let before = chained(&path);
            if there == There::Foreign {
                fs::rename(&path, &before).map_err(|error| failed(&path, &error))?;
            }
            let chain = match before.exists() {
                true => kind.chain(),
                false => String::new(),
            };
            let values = [
                ("@FIND@", FIND.to_owned()),
                ("@CHAIN@", chain),
                ("@RULEKEEP@", quoted(&program.to_string_lossy())?),
                ("@PROJECT@", quoted(&project)?),
                ("@BRANCH@", quoted(&branch)?),
                ("@WORKTREE@", quoted(&worktree.to_string_lossy())?),
            ];
            let script = values
                .iter()
                .fold(kind.script().to_owned(), |script, (name, value)| {
                    script.replace(name, value)
                });
            files::replace(&path, script.as_bytes(), Access::Usual)
                .and_then(|()| executable(&path))
                .map_err(|error| failed(&path, &error))?;
            screen.result(&format!("wrote {}\n", path.display()))?;
            match kind {
                Kind::PreCommit => screen.hint("commits that touch the project are now checked; `git commit --no-verify` skips it once"),
                Kind::PrePush => screen.hint("pushed commits are now checked; `git push --no-verify` skips it once"),
                Kind::PreReceive => screen.hint(&format!("pushes to {branch} whose files have an error are now refused")),
                Kind::PostReceive => screen.hint(&format!("pushes to {branch} are now applied, from {}", worktree.display())),
            }
        }
        Ok(Exit::Done)
    }
}

/// The project file from the top of the repository, where hooks are started.
fn place(git: &Git, bare: bool, global: &Global) -> Result<String, Failure> {
    if bare {
        let file = global.project.clone();
        let file = file.unwrap_or_else(|| PathBuf::from(PROJECT_FILE));
        if file.is_absolute() {
            return Err(Failure::usage(
                "a bare repository has no files: --project is a path from the top of its commits",
            ));
        }
        return Ok(file.to_string_lossy().into_owned());
    }
    let file = project::file(global)?;
    let unknown = |error: git::Error| Failure::new("git does not know the project").because(&error);
    let folder = match file.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    let top = |git: &Git| git.top().map_err(unknown);
    let of_project = Git::of_folder(folder);
    if top(&of_project)? != top(git)? {
        return Err(Failure::new(format!(
            "{} is in another repository than this folder",
            file.display()
        )));
    }
    let prefix = of_project.prefix().map_err(unknown)?;
    let name = file.file_name().unwrap_or(file.as_os_str());
    Ok(format!("{prefix}{}", name.to_string_lossy()))
}

fn foreign(path: &Path, kind: Kind) -> Failure {
    let by_hand = match kind {
        Kind::PreCommit => "rulekeep validate --staged && rulekeep fmt --check --staged",
        Kind::PrePush | Kind::PreReceive => "rulekeep validate --commit ID",
        Kind::PostReceive => "rulekeep apply --yes",
    };
    Failure::new(format!(
        "{} is there and is not rulekeep's; nothing was changed",
        path.display()
    ))
    .help("--chain keeps it and runs it first; `hook uninstall` puts it back")
    .help(format!("or call `{by_hand}` from it"))
}

fn quoted(text: &str) -> Result<String, Failure> {
    let quoted = shlex::try_quote(text);
    quoted
        .map(std::borrow::Cow::into_owned)
        .map_err(|_| Failure::new(format!("{text:?} cannot stand in a script")))
}

#[cfg(unix)]
fn executable(path: &Path) -> io::Result<()> {
    use std::os::unix::fs::PermissionsExt as _;
    fs::set_permissions(path, fs::Permissions::from_mode(0o755))
}

#[cfg(not(unix))]
fn executable(_path: &Path) -> io::Result<()> {
    Ok(()) // Git for Windows runs every hook through its own shell.
}

impl Uninstall {
    fn run(&self, hooks: &Path, screen: &Screen) -> Result<Exit, Failure> {
        let all = self.kinds.is_empty();
        let kinds = match all {
            true => Kind::value_variants(),
            false => &self.kinds[..],
        };
        let mut removed = 0;
        for kind in kinds {
            let path = hooks.join(kind.name());
            match look(&path)? {
                There::Ours => {
                    let before = chained(&path);
                    // The old hook in its place in one step, where there is one.
                    let (done, word) = match fs::symlink_metadata(&before) {
                        Ok(_) => (fs::rename(&before, &path), "put back the old"),
                        Err(_) => (fs::remove_file(&path), "removed"),
                    };
                    done.map_err(|error| failed(&path, &error))?;
                    screen.result(&format!("{word} {}\n", path.display()))?;
                    removed += 1;
                }
                There::Foreign if !all => {
                    screen.hint(&format!("{} is not rulekeep's and stays", path.display()))
                }
                There::Foreign | There::Nothing => {}
            }
        }
        if removed == 0 {
            screen.hint("no hook of rulekeep's is here");
        }
        Ok(Exit::Done)
    }
}
