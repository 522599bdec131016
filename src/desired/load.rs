//! Files -> [`Desired`]: finds them, reads them on all cores, and puts the results together.

mod find;
mod loader;
mod unread;

use self::find::{Unread, read};
pub use self::loader::Loader;

use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use rayon::prelude::*;

use crate::{
    desired::{
        Desired, DesiredGroup, LoadError, Project, assertions, collide,
        fields::Out,
        group, project, waivers,
        yaml::{self, Node, Value},
    },
    diag::{Code, Diagnostic, FileId, Sources, Span},
    model::GroupName,
};

/// Larger files are refused: 200,000 rules are 31 MB.
pub const MAX_BYTES: u64 = 256 << 20;

/// Whether a file below the rules folder declares groups, by its name alone.
pub fn is_group_file(name: &str) -> bool {
    let is_yaml = |ending| Path::new(name).extension().is_some_and(|it| it == ending);
    !name.starts_with(['_', '.']) && (is_yaml("yaml") || is_yaml("yml"))
}

/// A file as it is handed over, in memory.
#[derive(Clone, Debug)]
pub struct SourceFile {
    /// As it is shown: relative to the project file's folder, with forward slashes.
    pub path: PathBuf,
    /// Its text, or why it has none.
    pub text: Result<Arc<str>, String>,
}

impl SourceFile {
    /// A file with text.
    pub fn new(path: impl Into<PathBuf>, text: impl Into<Arc<str>>) -> Self {
        Self {
            path: path.into(),
            text: Ok(text.into()),
        }
    }
}

/// Reads a project and checks everything that needs no cloud.
///
/// `Err` holds what was found when at least one of it is an error, with the sources to draw it on; with `Ok` come the
/// warnings.
pub fn load(project_file: &Path) -> Result<(Desired, Vec<Diagnostic>), LoadError> {
    load_by(project_file, None)
}

fn load_by(
    project_file: &Path,
    mut loader: Option<&mut Loader>,
) -> Result<(Desired, Vec<Diagnostic>), LoadError> {
    let (root, name) = apart(project_file);
    let project = match read(project_file) {
        Ok(text) => SourceFile {
            path: name,
            text: Ok(text),
        },
        Err(Unread::Missing) => {
            return Err(LoadError {
                sources: Sources::default(),
                diagnostics: vec![
                    Diagnostic::error(
                        Code::NoFiles,
                        format!("there is no project file {}", project_file.display()),
                    )
                    .help("`rulekeep init` writes one; another one is named with its path"),
                ],
            });
        }
        Err(Unread::Other(reason)) => SourceFile {
            path: name,
            text: Err(reason),
        },
    };
    let known = loader.as_deref_mut().map(Loader::take_known);
    let mut found = None;
    let find = |rules: &str| {
        let (files, seen) = find::find(root, project_file, rules, known.as_ref())?;
        found = Some(seen);
        Ok(files)
    };
    let loaded = put_together(root, project, find, loader.as_deref_mut());
    if let (Some(loader), Some(found)) = (loader, found) {
        loader.keep_known(found);
    }
    loaded.sound()
}

/// What could be read of a project, and everything that is wrong with it.
#[derive(Debug)]
pub struct Loaded {
    /// As far as it could be read: with an error among the diagnostics it is not to be planned.
    pub desired: Desired,
    /// Errors and warnings.
    pub diagnostics: Vec<Diagnostic>,
}

impl Loaded {
    /// The declarations with the warnings, unless there is an error.
    pub fn sound(self) -> Result<(Desired, Vec<Diagnostic>), LoadError> {
        let Self {
            desired,
            diagnostics,
        } = self;
        if diagnostics.iter().any(Diagnostic::is_error) {
            return Err(LoadError {
                sources: desired.sources,
                diagnostics,
            });
        }
        Ok((desired, diagnostics))
    }
}

/// As [`load`], of files that are in memory already; `root` is only kept for relative paths.
pub fn load_files(
    root: &Path,
    project: SourceFile,
    files: Vec<SourceFile>,
) -> Result<(Desired, Vec<Diagnostic>), LoadError> {
    load_as_far(root, project, |_| Ok(files)).sound()
}

/// Reads the project file alone, as if there were no group files: for commands that write the first one.
pub fn load_project(project_file: &Path) -> Result<(Desired, Vec<Diagnostic>), LoadError> {
    let (root, name) = apart(project_file);
    let text = read(project_file).map_err(|problem| match problem {
        Unread::Missing => "it is not there".to_owned(),
        Unread::Other(reason) => reason,
    });
    let mut sources = Sources::default();
    let mut out = Out::new();
    let id = take_in(&mut sources, SourceFile { path: name, text }, &mut out);
    let text = Arc::clone(&sources.get(id).text);
    let draft = read_project(id, &text, !out.is_empty(), &mut out);
    for secret in &draft.secrets {
        sources.mask(*secret);
    }
    if out.iter().any(Diagnostic::is_error) {
        return Err(LoadError {
            sources,
            diagnostics: out,
        });
    }
    let desired = Desired {
        project: draft.into_project(root),
        groups: Vec::new(),
        templates: Vec::new(),
        matched: Default::default(),
        sources,
    };
    Ok((desired, out))
}

/// What the project file says, whatever is wrong with it or with the group files: who is to be told of that, for example.
/// `None`: it cannot be read at all.
pub fn project_as_far(project_file: &Path) -> Option<Project> {
    let (root, name) = apart(project_file);
    let text = read(project_file).ok()?;
    let loaded = load_as_far(root, SourceFile::new(name, text), |_| Ok(Vec::new()));
    Some(loaded.desired.project)
}

/// The folder of a project file, and its name.
fn apart(project_file: &Path) -> (&Path, PathBuf) {
    let root = match project_file.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    let name = project_file.file_name();
    (
        root,
        name.map_or_else(|| project_file.to_owned(), PathBuf::from),
    )
}

/// What came of one group file.
type FileResult = (Vec<group::Document>, Out);

/// Reads a project whose group files `find` hands out, given the folder that the project file names: also one that is not
/// in the file system.
pub fn load_as_far(
    root: &Path,
    project: SourceFile,
    find: impl FnOnce(&str) -> Result<Vec<SourceFile>, String>,
) -> Loaded {
    put_together(root, project, find, None)
}

fn put_together(
    root: &Path,
    project: SourceFile,
    find: impl FnOnce(&str) -> Result<Vec<SourceFile>, String>,
    mut loader: Option<&mut Loader>,
) -> Loaded {
    let mut sources = Sources::default();
    let mut out = Out::new();
    let id = take_in(&mut sources, project, &mut out);
    let text = Arc::clone(&sources.get(id).text);
    if let Some(loader) = &mut loader {
        loader.begin(&text, !out.is_empty());
    }
    let draft = read_project(id, &text, !out.is_empty(), &mut out);
    for secret in &draft.secrets {
        sources.mask(*secret);
    }
    let files = match &draft.rules {
        // Without the folder's name there is nothing to look into; `find` still has files that are in memory.
        None => find("rules").unwrap_or_default(),
        Some((rules, span)) => {
            match find(rules) {
                Ok(files) => {
                    if files.is_empty() {
                        out.push(
                        Diagnostic::error(Code::NoFiles, format!("there is no group file below {rules}"))
                            .label(*span, "no *.yaml here whose name does not begin with `_`")
                            .help("`rulekeep adopt` writes group files from the groups that there are"),
                    );
                    }
                    files
                }
                Err(reason) => {
                    out.push(
                    Diagnostic::error(Code::NoFiles, reason)
                        .label(*span, "cannot be read")
                        .help("the path is relative to the project file; make the folder, or name another one"),
                );
                    Vec::new()
                }
            }
        }
    };
    let mut files = files;
    files.sort_by(|a, b| a.path.cmp(&b.path));
    let ids: Vec<(FileId, bool)> = files
        .into_iter()
        .map(|file| {
            let text_missing = file.text.is_err();
            (take_in(&mut sources, file, &mut out), text_missing)
        })
        .collect();
    let read = |(id, text_missing): &(FileId, bool)| {
        read_groups(*id, &sources.get(*id).text, *text_missing, &draft.scope)
    };
    let results: Vec<FileResult> = match loader {
        None => ids.par_iter().map(read).collect(),
        Some(loader) => loader.results(&ids, &sources, read),
    };
    let mut groups: Vec<DesiredGroup> = Vec::with_capacity(results.len());
    let mut templates = Vec::new();
    let mut broken: Vec<&str> = Vec::new();
    for ((id, _), (more, problems)) in ids.iter().zip(results) {
        if problems.iter().any(Diagnostic::is_error) {
            broken.push(&sources.get(*id).text);
        }
        for document in more {
            match document {
                group::Document::Group(group) => groups.push(group),
                group::Document::Template(template) => templates.push(template),
            }
        }
        out.extend(problems);
    }
    groups.sort_by(|a, b| {
        (&a.account, &a.region, &a.selector).cmp(&(&b.account, &b.region, &b.selector))
    });
    assertions::check_names(&groups, &mut out);
    waivers::hand_out(&mut groups, &draft.scope.waivers, &mut out);
    // Of a file with an error nobody knows which groups it declares.
    let is_any_missing = ids.iter().any(|(_, text_missing)| *text_missing);
    let may_be_declared = |name: &GroupName| {
        is_any_missing
            || broken.iter().any(|text| {
                let mut places = text.match_indices(name.as_str());
                places.any(|(at, _)| !text[..at].ends_with("group:"))
            })
    };
    collide::check(&groups, &templates, &sources, &may_be_declared, &mut out);
    out.sort_by(|a, b| {
        let key = |d: &Diagnostic| (d.position(), d.code);
        key(a).cmp(&key(b)).then_with(|| a.message.cmp(&b.message))
    });
    let desired = Desired {
        project: draft.into_project(root),
        groups,
        templates,
        matched: Default::default(),
        sources,
    };
    Loaded {
        desired,
        diagnostics: out,
    }
}

fn take_in(sources: &mut Sources, file: SourceFile, out: &mut Out) -> FileId {
    let SourceFile { path, text } = file;
    let (text, problem) = match text {
        Ok(text) => (text, None),
        Err(reason) => (Arc::from(""), Some(reason)),
    };
    let shown = path.display().to_string();
    let id = sources.add(path, text);
    if let Some(reason) = problem {
        out.push(
            Diagnostic::error(
                Code::UnreadableFile,
                format!("{shown} cannot be read: {reason}"),
            )
            .label(beginning(id), "")
            .help("mend or remove the file; files whose names begin with `_` are not read"),
        );
    }
    id
}

fn beginning(file: FileId) -> Span {
    Span {
        file,
        start: 0,
        end: 0,
        line: 1,
        column: 1,
    }
}

fn read_project(id: FileId, text: &str, unreadable: bool, out: &mut Out) -> project::Draft {
    let parsed = yaml::parse(id, text);
    let broken = unreadable || !parsed.diagnostics.is_empty();
    out.extend(parsed.diagnostics);
    let mut documents = parsed.documents.iter();
    let draft = match documents.next() {
        Some(node) => {
            let mut draft = project::check(node, out);
            draft.scope.complete &= !broken;
            draft.scope.names.complete &= !broken;
            draft
        }
        None => {
            if !broken {
                out.push(
                    Diagnostic::error(Code::MissingKey, "the project file is empty")
                        .label(beginning(id), "")
                        .help("`rulekeep init` writes one to start from"),
                );
            }
            project::Draft::unreadable()
        }
    };
    if let Some(second) = documents.next() {
        out.push(
            Diagnostic::error(Code::InvalidValue, "the project file has a second document")
                .label(head(second), "begins here")
                .help(
                    "remove the `---` before it; group documents belong into files below `rules:`",
                ),
        );
    }
    draft
}

/// The first key of a map, or the whole of anything else.
fn head(node: &Node<'_>) -> Span {
    match &node.value {
        Value::Map(entries) => entries.first().map_or(node.span, |(key, _)| key.span),
        Value::List(_) | Value::Scalar(_) => node.span,
    }
}

fn read_groups(id: FileId, text: &str, text_missing: bool, scope: &group::Scope) -> FileResult {
    let parsed = yaml::parse(id, text);
    let mut out = parsed.diagnostics;
    if !text_missing && parsed.documents.is_empty() && out.is_empty() {
        out.push(
            Diagnostic::warning(Code::EmptyFile, "the file declares no group")
                .label(beginning(id), "empty, or comments only")
                .help("declare a group, or remove the file; files whose names begin with `_` are not read"),
        );
    }
    let groups = parsed
        .documents
        .iter()
        .filter_map(|node| group::check(node, scope, &mut out))
        .collect();
    (groups, out)
}
