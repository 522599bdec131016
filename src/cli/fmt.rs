//! `rulekeep fmt`.

use std::{
    fs,
    path::{Path, PathBuf},
    sync::Arc,
};

use clap::builder::FalseyValueParser;

use crate::{
    desired::{self, Vocabulary, fmt as layout},
    exit::Exit,
    report::text::count,
};

use super::{Failure, Global, Screen, committed::Committed, output::write_file, project};

/// Give the project file and the group files their canonical layout
///
/// Only blanks, line breaks and quotes change; comments and everything that the files say stay.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  rulekeep fmt                    every file of the project
  rulekeep fmt rules/web.yaml
  rulekeep fmt --check            exit with 3 when a file would change, and change none")]
pub(super) struct Args {
    /// Only these files or folders
    #[arg(value_name = "PATH")]
    paths: Vec<PathBuf>,
    /// Change nothing; exit with 3 when a file would change
    #[arg(
        long,
        env = "RULEKEEP_CHECK",
        value_parser = FalseyValueParser::new(),
        action = clap::ArgAction::SetTrue
    )]
    check: bool,
    /// With --check: look at the files as they are staged
    #[arg(
        long,
        requires = "check",
        conflicts_with = "paths",
        env = "RULEKEEP_STAGED",
        value_parser = FalseyValueParser::new(),
        action = clap::ArgAction::SetTrue
    )]
    staged: bool,
}

pub(super) fn run(args: &Args, global: &Global, screen: &Screen) -> Result<Exit, Failure> {
    let mut shown = String::new();
    let mut changed = 0;
    let mut failed = Vec::new();
    for (path, text) in &args.texts(global)? {
        let name = path.strip_prefix(".").unwrap_or(path).display();
        match layout::fmt(text) {
            Ok(new) if new == **text => {}
            Ok(new) => {
                changed += 1;
                shown.push_str(&format!("{name}\n"));
                if !args.check {
                    write_file(path, &new)?;
                }
            }
            // An empty file has no layout.
            Err(_) if text.trim().is_empty() => {}
            Err(error) => failed.push(format!("{name}: {error}")),
        }
    }
    screen.result(&shown)?;
    if !failed.is_empty() {
        let mut failure = Failure::new(format!(
            "{} could not be laid out and {} as they are",
            count(failed.len(), "file"),
            if failed.len() == 1 { "stays" } else { "stay" }
        ));
        failure.causes = failed;
        return Err(failure);
    }
    if args.check && changed > 0 {
        screen.hint("`rulekeep fmt` changes these files");
        return Ok(Exit::Format);
    }
    Ok(Exit::Done)
}

impl Args {
    /// The files that are meant with their texts, in order.
    fn texts(&self, global: &Global) -> Result<Vec<(PathBuf, Arc<str>)>, Failure> {
        if self.staged {
            let loaded = Committed::staged().load(global)?;
            let sources = loaded.map(|loaded| loaded.desired.sources);
            let sources = sources.unwrap_or_default();
            let texts = sources.iter();
            return Ok(texts
                .map(|(_, source)| (source.path.clone(), Arc::clone(&source.text)))
                .collect());
        }
        let read = |path: PathBuf| {
            let text = fs::read_to_string(&path).map_err(|error| {
                let name = path.strip_prefix(".").unwrap_or(&path).display();
                Failure::new(format!("{name} cannot be read")).because(&error)
            })?;
            Ok((path, Arc::from(text)))
        };
        self.files(global)?.into_iter().map(read).collect()
    }

    /// The files that are meant, in order.
    fn files(&self, global: &Global) -> Result<Vec<PathBuf>, Failure> {
        let mut files = Vec::new();
        if self.paths.is_empty() {
            let file = project::file(global)?;
            let folder = match desired::load_project(&file) {
                Ok((desired, _)) => Vocabulary::of(&desired.sources).rules,
                Err(_) => None,
            };
            let root = file.parent().unwrap_or(Path::new(""));
            if let Some(folder) = folder {
                collect(&root.join(folder), &mut files)?;
            }
            files.push(file);
        }
        for path in &self.paths {
            collect(path, &mut files)?;
        }
        files.sort();
        files.dedup();
        Ok(files)
    }
}

/// A file, or every group file of a folder.
fn collect(path: &Path, files: &mut Vec<PathBuf>) -> Result<(), Failure> {
    let failed = |error| Failure::new(format!("{} cannot be read", path.display())).because(&error);
    if !fs::metadata(path).map_err(failed)?.is_dir() {
        files.push(path.to_owned());
        return Ok(());
    }
    for entry in fs::read_dir(path).map_err(failed)? {
        let entry = entry.map_err(failed)?;
        let inner = entry.path();
        let name = entry.file_name().to_string_lossy().into_owned();
        let kind = entry.file_type().map_err(failed)?;
        if name.starts_with(['_', '.']) || kind.is_symlink() {
            continue;
        }
        let is_yaml = inner
            .extension()
            .is_some_and(|ending| ending == "yaml" || ending == "yml");
        if kind.is_dir() {
            collect(&inner, files)?;
        } else if is_yaml {
            files.push(inner);
        }
    }
    Ok(())
}
