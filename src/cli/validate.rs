//! `rulekeep validate`.

use std::{collections::BTreeSet, path::PathBuf};

use jiff::Timestamp;

use crate::{
    desired::{self, Desired, LoadError, Template},
    diag::{self, Diagnostic, FileId, Sources},
    exit::Exit,
    lint::{assertions::violations, lint},
    model::Direction,
    report::{
        Format, OutputSpec,
        checked::{Checked, CheckedGroup},
        finding::{self, Found, Origin, findings},
        markdown,
        text::{TextStyle, count},
    },
};

use super::{
    Failure, Global, Screen,
    committed::Committed,
    gate::{self, Gate, Open},
    project::{self, Selection},
    publish::{self, Github},
};

/// Check the files without asking any cloud
///
/// Reports every problem of every file at once, each with its line and a way to mend it.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  rulekeep validate
  rulekeep validate --fail-on warning --baseline .rulekeep-baseline.json
  rulekeep validate -o text -o sarif=rulekeep.sarif    for code scanning")]
pub(super) struct Args {
    /// Only groups declared in these files or folders
    #[arg(value_name = "PATH", conflicts_with_all = ["commit", "staged"])]
    paths: Vec<PathBuf>,
    #[command(flatten)]
    committed: Committed,
    #[command(flatten)]
    gate: Gate,
    /// Write the result to stdout or =FILE as text, json, markdown, html, sarif, junit, codequality or github; may be
    /// repeated
    #[arg(
        short,
        long,
        value_name = "FORMAT[=FILE]",
        env = "RULEKEEP_OUTPUT",
        value_parser = OutputSpec::of_findings
    )]
    output: Vec<OutputSpec>,
}

pub(super) fn run(args: &Args, global: &Global, screen: &Screen) -> Result<Exit, Failure> {
    let github = Github::new(&args.output);
    let selection = Selection {
        paths: args.paths.clone(),
        ..Selection::default()
    };
    let part = selection.part(false);
    let tell = |failure: Failure| {
        let run = publish::Nothing {
            command: "validate",
            part: &part,
            project: &project::seen_from_top(global),
            stamp: None,
        };
        let told = publish::nothing(&failure, &run, &args.output, &github, screen);
        if let Err(unwritten) = told {
            screen.failure(&unwritten);
        }
        failure
    };
    let gate = args.gate.open(!args.paths.is_empty()).map_err(tell)?;
    let wanted = publish::wants_findings(&args.output, &github)
        || gate.wants_findings()
        || args.output.iter().any(|spec| spec.format == Format::Json);
    let loaded = match args.committed.load(global).map_err(tell)? {
        Some(loaded) => loaded.sound(),
        None => desired::load(&project::file(global).map_err(tell)?),
    };
    // A bare repository has a commit to look at and no file.
    let file = project::file(global).unwrap_or_else(|_| project::PROJECT_FILE.into());
    let shown = Shown {
        args,
        gate: &gate,
        github: &github,
        screen,
        part: &part,
        project: match wanted {
            true => project::seen_from_top(global),
            false => String::new(),
        },
    };
    match loaded {
        Ok((desired, warnings)) => {
            let chosen = selection.choose(&desired).map_err(tell)?;
            let files: BTreeSet<FileId> = chosen
                .iter()
                .map(|index| desired.groups[*index].span.file)
                .chain(templates(&desired, &args.paths).map(|template| template.body.span.file))
                .collect();
            let now = Timestamp::now();
            let is_chosen = |index| chosen.contains(&index);
            let linted = lint(&desired, now, is_chosen);
            let violated = violations(&desired, now, is_chosen);
            let mut found: Vec<_> = warnings
                .into_iter()
                .chain(linted)
                .chain(violated)
                .filter(|warning| args.paths.is_empty() || concerns(warning, &files))
                .collect();
            let mut all = Vec::new();
            let mut groups = Vec::new();
            if wanted {
                all = findings(&Found {
                    sources: &desired.sources,
                    folder: &project::repository_folder(&file),
                    groups: &desired.groups,
                    files: &found,
                    plan: None,
                });
                gate.mark(&mut all);
                gate::say_known(&all, &mut found);
                groups = labels(&desired, &chosen);
            }
            let templates = templates(&desired, &args.paths).count();
            let line = summary(&desired, &chosen, templates, &files);
            shown.show(&desired.sources, &found, &all, &groups, &line, false)?;
            gate.update(&all, Origin::Files, screen)?;
            gate.verdict(&all)?;
            Ok(Exit::Done)
        }
        // A broken file may break others: all is shown, whatever was asked for.
        Err(error) => {
            let all = match wanted {
                true => project::findings_of(&error, &file),
                false => Vec::new(),
            };
            let LoadError {
                sources,
                diagnostics,
            } = &error;
            let errors = diagnostics.iter().filter(|d| d.is_error()).count();
            let warnings = diagnostics.len() - errors;
            let mut line = count(errors, "error");
            if warnings > 0 {
                line = format!("{line}, {}", count(warnings, "warning"));
            }
            shown.show(sources, diagnostics, &all, &[], &line, true)?;
            Ok(Exit::Error)
        }
    }
}

/// Where and how things are shown.
struct Shown<'a> {
    args: &'a Args,
    gate: &'a Open<'a>,
    github: &'a Github,
    screen: &'a Screen,
    part: &'a str,
    /// The project file, for findings without a place.
    project: String,
}

impl Shown<'_> {
    fn show(
        &self,
        sources: &Sources,
        diagnostics: &[Diagnostic],
        findings: &[finding::Finding],
        groups: &[CheckedGroup],
        line: &str,
        is_broken: bool,
    ) -> Result<(), Failure> {
        let Self {
            args,
            gate,
            github,
            screen,
            part,
            project,
        } = self;
        let checked = Checked {
            command: "validate",
            project,
            part,
            is_cut_short: is_broken,
            groups,
            findings,
            is_compared: gate.is_compared(),
            warnings_fail: gate.warnings_fail(),
        };
        let annotated = github.annotate(findings, &args.output, screen);
        let summarized = github.summarize(|| markdown::broken(line, &checked));
        let shown = screen.report(&args.output, |format, style| match format {
            Format::Text => format!("{}{line}\n", drawn(sources, diagnostics, style)),
            format => format.checked(line, &checked),
        });
        shown.and(summarized).and(annotated)
    }
}

fn drawn(sources: &Sources, diagnostics: &[Diagnostic], style: &TextStyle) -> String {
    if diagnostics.is_empty() {
        return String::new();
    }
    let drawn = diag::render(sources, diagnostics, style.colour);
    format!("{}\n\n", drawn.trim_end())
}

fn labels(desired: &Desired, chosen: &BTreeSet<usize>) -> Vec<CheckedGroup> {
    let labels = chosen.iter().map(|index| CheckedGroup {
        label: finding::label(&desired.groups[*index]),
        drift: None,
    });
    labels.collect()
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
        "ok: {}, {} in {}{targets}",
        count(chosen.len(), "group"),
        count(rules, "rule"),
        count(files.len(), "file")
    )
}
