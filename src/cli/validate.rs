//! `rulekeep validate`.

use std::{collections::BTreeSet, path::PathBuf};

use jiff::Timestamp;

use crate::{
    desired::{self, Desired, Template},
    diag::{self, Diagnostic, FileId, Sources},
    exit::Exit,
    lint::lint,
    model::Direction,
    report::text::count,
};

use super::{
    Failure, Global, Screen,
    project::{self, Selection},
};

/// Check the files without asking any cloud
///
/// Reports every problem of every file at once, each with its line and a way to mend it.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Only groups declared in these files or folders
    #[arg(value_name = "PATH")]
    paths: Vec<PathBuf>,
}

pub(super) fn run(args: &Args, global: &Global, screen: &Screen) -> Result<Exit, Failure> {
    let file = project::file(global)?;
    match desired::load(&file) {
        Ok((desired, warnings)) => {
            let selection = Selection {
                paths: args.paths.clone(),
                ..Selection::default()
            };
            let chosen = selection.choose(&desired)?;
            let files: BTreeSet<FileId> = chosen
                .iter()
                .map(|index| desired.groups[*index].span.file)
                .chain(templates(&desired, &args.paths).map(|template| template.body.span.file))
                .collect();
            let linted = lint(&desired, Timestamp::now(), |index| chosen.contains(&index));
            let shown: Vec<_> = warnings
                .into_iter()
                .chain(linted)
                .filter(|warning| args.paths.is_empty() || concerns(warning, &files))
                .collect();
            print(screen, &desired.sources, &shown)?;
            let templates = templates(&desired, &args.paths).count();
            screen.result(&summary(&desired, &chosen, templates, &files))?;
            Ok(Exit::Done)
        }
        // A broken file may break others: all is shown, whatever was asked for.
        Err(error) => {
            print(screen, &error.sources, &error.diagnostics)?;
            let errors = error.diagnostics.iter().filter(|d| d.is_error()).count();
            let warnings = error.diagnostics.len() - errors;
            let mut line = count(errors, "error");
            if warnings > 0 {
                line = format!("{line}, {}", count(warnings, "warning"));
            }
            screen.result(&format!("{line}\n"))?;
            Ok(Exit::Error)
        }
    }
}

fn print(screen: &Screen, sources: &Sources, diagnostics: &[Diagnostic]) -> Result<(), Failure> {
    if diagnostics.is_empty() {
        return Ok(());
    }
    let drawn = diag::render(sources, diagnostics, screen.out.colour);
    screen.result(&format!("{}\n\n", drawn.trim_end()))
}

fn concerns(diagnostic: &Diagnostic, files: &BTreeSet<FileId>) -> bool {
    let mut labels = diagnostic.labels.iter();
    labels.any(|label| files.contains(&label.span.file))
}

/// The documents for groups that match, of some files or folders.
fn templates<'a>(desired: &'a Desired, paths: &'a [PathBuf]) -> impl Iterator<Item = &'a Template> {
    desired.templates.iter().filter(move |template| {
        let file = desired.sources.get(template.body.span.file);
        let file = std::path::absolute(desired.project.root.join(&file.path));
        let is_below = |path: &PathBuf| {
            let path = std::path::absolute(path);
            file.as_ref()
                .ok()
                .zip(path.as_ref().ok())
                .is_some_and(|(file, path)| file.starts_with(path))
        };
        paths.is_empty() || paths.iter().any(is_below)
    })
}

/// `ok: 12 groups, 97 rules in 9 files`.
fn summary(
    desired: &Desired,
    chosen: &BTreeSet<usize>,
    templates: usize,
    files: &BTreeSet<FileId>,
) -> String {
    let rules: usize = chosen
        .iter()
        .map(|index| &desired.groups[*index])
        .flat_map(|group| Direction::BOTH.map(|direction| group.direction(direction)))
        .flatten()
        .map(<[_]>::len)
        .sum();
    let targets = match templates {
        0 => String::new(),
        some => format!(" and {} with targets", count(some, "document")),
    };
    format!(
        "ok: {}, {} in {}{targets}\n",
        count(chosen.len(), "group"),
        count(rules, "rule"),
        count(files.len(), "file")
    )
}
