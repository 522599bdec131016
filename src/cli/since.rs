//! `--since REV`: the groups that a range of commits touches, and why.

use std::collections::{BTreeMap, BTreeSet};

use crate::{
    desired::{self, Changes, Desired, Gone, Loaded, SourceFile, Why},
    git::{Error, Git, Tree},
    reconcile,
    report::text::{Tone, count, escape},
};

use super::{
    Failure, Global, Screen, pass,
    project::{self, Selection},
};

/// Which commits the run is about.
#[derive(Clone, Debug, Default, clap::Args)]
pub(super) struct Since {
    /// Only groups that the commits since REV touch, or changes that are not committed; REV... means since the common
    /// ancestor with REV
    #[arg(long, value_name = "REV", env = "RULEKEEP_SINCE")]
    since: Option<String>,
}

/// What the commits of a range touch.
struct Touched<'a> {
    revision: &'a str,
    commit: String,
    changes: Changes,
}

/// Most groups that are named for one reason.
const MOST_NAMED: usize = 12;

impl Since {
    pub(super) fn is_given(&self) -> bool {
        self.since.is_some()
    }

    /// The groups that a choice means: by the names that they have in the cloud, and of those the ones that were touched.
    pub(super) async fn chosen(
        &self,
        selection: &Selection,
        desired: &Desired,
        parallelism: usize,
        global: &Global,
        screen: &Screen,
    ) -> Result<Selection, Failure> {
        let touched = self.touched(desired, global)?;
        let only = touched.as_ref().map(Touched::groups);
        let (meant, unsure) = pass::meant(selection, desired, only.as_ref(), parallelism).await?;
        for place in unsure {
            let label = screen.err.paint(Tone::Removed, "warning:");
            screen.say(&format!(
                "{label} whether --target means groups there is not known, and they are left out: {}\n",
                escape(&place)
            ));
        }
        match touched {
            Some(touched) => touched.narrow(&meant, desired, global, screen),
            None => Ok(meant),
        }
    }

    /// What was touched; `None`: nobody asks.
    fn touched(&self, desired: &Desired, global: &Global) -> Result<Option<Touched<'_>>, Failure> {
        let Some(revision) = &self.since else {
            return Ok(None);
        };
        check(revision)?;
        let git = Git::of_folder(&desired.project.root);
        let commit = git.commit(revision).map_err(unknown)?;
        let file = project::file(global)?;
        let name = file.file_name().unwrap_or(file.as_os_str());
        let old = load(&git, &commit, &name.to_string_lossy(), desired).map_err(unknown)?;
        let changes = match &old {
            Some(old) => desired::changes(old, desired),
            None => all_new(desired, &name.to_string_lossy()),
        };
        Ok(Some(Touched {
            revision,
            commit,
            changes,
        }))
    }
}

impl Touched<'_> {
    /// The groups, as indices into [`Desired::groups`].
    fn groups(&self) -> BTreeSet<usize> {
        self.changes.groups.keys().copied().collect()
    }

    /// Narrows a choice to them, and says on stderr which and why.
    fn narrow(
        &self,
        selection: &Selection,
        desired: &Desired,
        global: &Global,
        screen: &Screen,
    ) -> Result<Selection, Failure> {
        let Self {
            revision,
            commit,
            changes,
        } = self;
        let chosen = selection.choose(desired)?;
        let only = changes.groups.keys().filter(|at| chosen.contains(at));
        let narrowed = Selection {
            only: Some(
                only.map(|at| reconcile::address(&desired.groups[*at]))
                    .collect(),
            ),
            since: Some((*revision).to_owned()),
            ..selection.clone()
        };
        if !global.quiet {
            let chosen = narrowed.choose(desired)?.into_iter().collect::<Vec<_>>();
            screen.say(&told(revision, commit, desired, changes, &chosen, global));
        }
        Ok(narrowed)
    }
}

/// What cannot be a revision, before git is asked.
fn check(revision: &str) -> Result<(), Failure> {
    let bare = revision.strip_suffix("...").unwrap_or(revision);
    if bare.is_empty() {
        return Err(Failure::usage("--since names no commit")
            .help("for every group leave out --since, and unset RULEKEEP_SINCE"));
    }
    if bare.contains("..") {
        return Err(Failure::usage(format!(
            "--since takes one commit, not a range: {revision}"
        ))
        .help("the range ends with the files as they are; `--since REV...` begins at the common ancestor with REV"));
    }
    if bare.len() >= 40 && bare.bytes().all(|byte| byte == b'0') {
        return Err(
            Failure::new("a commit of zeros stands for none: the branch is new").help(
                "name the branch that it came from, `--since origin/main...`, or leave out --since",
            ),
        );
    }
    Ok(())
}

fn unknown(error: Error) -> Failure {
    let failure = Failure::new("what has changed cannot be found out; nothing was changed");
    let failure = failure.because(&error);
    match error {
        Error::UnknownCommit { shallow: true, .. } | Error::NoCommonAncestor { shallow: true, .. } => failure
            .help("get more of the history: `git fetch --deepen=100`, or `git fetch --unshallow`")
            .help("in CI: `fetch-depth: 0` for actions/checkout, `GIT_DEPTH: 0` for GitLab"),
        Error::UnknownCommit { .. } => failure
            .help("`git fetch origin` brings the branches of the server, which are called origin/NAME"),
        Error::NoRepository(_) => {
            failure.help("--since compares with a commit: run it in a clone, or leave it out")
        }
        Error::Failed { said, .. } if said.contains("dubious ownership") => failure
            .help("git mistrusts a repository of another user: `git config --global --add safe.directory FOLDER`"),
        Error::NoCommonAncestor { .. }
        | Error::NotStarted(_)
        | Error::Name(_)
        | Error::Failed { .. } => failure,
    }
}

/// The project as a commit has it; `None`: the commit has no such project.
fn load(git: &Git, commit: &str, name: &str, now: &Desired) -> Result<Option<Loaded>, Error> {
    let root = git.prefix()?;
    let tree = Tree::of_commit(git, commit)?;
    let Some(project) = tree.file(&format!("{root}{name}"), name)? else {
        return Ok(None);
    };
    load_from(&tree, &root, project, &now.project.root).map(Some)
}

/// A project out of a tree.
pub(super) fn load_from(
    tree: &Tree,
    root: &str,
    project: SourceFile,
    shown: &std::path::Path,
) -> Result<Loaded, Error> {
    let name = project.path.display().to_string();
    let mut failed = None;
    let loaded = desired::load_as_far(shown, project, |rules| {
        match tree.group_files(root, rules, &name) {
            Ok(found) => found,
            Err(error) => {
                failed = Some(error);
                Ok(Vec::new())
            }
        }
    });
    failed.map_or(Ok(loaded), Err)
}

fn all_new(desired: &Desired, project: &str) -> Changes {
    let why = |_| {
        vec![Why::Unread {
            file: project.into(),
            reason: "it was not there".to_owned(),
        }]
    };
    Changes {
        groups: (0..desired.groups.len()).map(|at| (at, why(at))).collect(),
        gone: Vec::new(),
    }
}

/// What is chosen and why, a line per reason.
fn told(
    revision: &str,
    commit: &str,
    desired: &Desired,
    changes: &Changes,
    chosen: &[usize],
    global: &Global,
) -> String {
    let short: String = commit.chars().take(10).collect();
    let named = match revision.starts_with(&short) {
        true => short,
        false => format!("{} ({short})", escape(revision)),
    };
    let mut text = format!(
        "since {named}: {} of {}\n",
        match chosen.len() {
            0 => "nothing that is declared has changed, 0".to_owned(),
            some => some.to_string(),
        },
        count(desired.groups.len(), "group")
    );
    let mut by_reason: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for at in chosen {
        let why = changes.groups.get(at).into_iter().flatten();
        let why: Vec<String> = why.map(ToString::to_string).collect();
        let group = &desired.groups[*at];
        let name = match group.declared_name() {
            Some(name) => name.to_string(),
            None => group.selector.to_string(),
        };
        by_reason.entry(why.join("; ")).or_default().push(name);
    }
    let most = if global.verbose > 0 {
        usize::MAX
    } else {
        MOST_NAMED
    };
    for (why, mut names) in by_reason {
        let more = names.len().saturating_sub(most);
        if more > 0 {
            names.truncate(most);
            names.push(format!("{more} more"));
        }
        text.push_str(&format!(
            "  {}: {}\n",
            escape(&why),
            escape(&names.join(", "))
        ));
    }
    for Gone {
        account,
        region,
        selector,
        place,
    } in &changes.gone
    {
        text.push_str(&format!(
            "  no longer declared, nothing is changed: {} (was {})\n",
            escape(&format!("{account}/{region}/{selector}")),
            escape(place)
        ));
    }
    text.push('\n');
    text
}
