//! Draws diagnostics.

use std::{collections::BTreeSet, ops::Range};

use annotate_snippets::{Annotation, AnnotationKind, Level, Origin, Renderer, Snippet};

use super::{Diagnostic, FileId, Label, Severity, Sources};

/// Longest part of a label, in lines, that is drawn as a whole; of longer ones the first line is.
const WHOLE_LINES: usize = 8;
/// Two places further apart than this are drawn as two snippets, so that the lines between need not be looked at.
const FAR_LINES: u32 = 2_000;

/// Draws diagnostics as text, each with its source line, separated by empty lines.
pub fn render(sources: &Sources, diagnostics: &[Diagnostic], colour: bool) -> String {
    let renderer = if colour {
        Renderer::styled().hyperlink(false)
    } else {
        Renderer::plain()
    };
    let mut sorted: Vec<&Diagnostic> = diagnostics.iter().collect();
    sorted.sort_by_key(|diagnostic| diagnostic.position());
    let mut text = String::new();
    for diagnostic in sorted {
        if !text.is_empty() {
            text.push('\n');
        }
        text.push_str(&draw(&renderer, sources, diagnostic));
        text.push('\n');
    }
    text
}

/// `2 errors, 1 warning in 3 files`; empty when there is nothing to tell.
pub fn summary(diagnostics: &[Diagnostic]) -> String {
    let count = |severity| {
        diagnostics
            .iter()
            .filter(|diagnostic| diagnostic.severity == severity)
            .count()
    };
    let files: BTreeSet<FileId> = diagnostics
        .iter()
        .filter_map(|diagnostic| Some(diagnostic.position()?.0))
        .collect();
    let parts: Vec<String> = [
        (count(Severity::Error), "error"),
        (count(Severity::Warning), "warning"),
    ]
    .into_iter()
    .filter(|(count, _)| *count > 0)
    .map(|(count, word)| plural(count, word))
    .collect();
    match (parts.is_empty(), files.len()) {
        (true, _) => String::new(),
        (false, 0) => parts.join(", "),
        (false, files) => format!("{} in {}", parts.join(", "), plural(files, "file")),
    }
}

fn plural(count: usize, word: &str) -> String {
    format!("{count} {word}{}", if count == 1 { "" } else { "s" })
}

fn draw(renderer: &Renderer, sources: &Sources, diagnostic: &Diagnostic) -> String {
    let level = match diagnostic.severity {
        Severity::Error => Level::ERROR,
        Severity::Warning => Level::WARNING,
    };
    let mut group = level
        .primary_title(&*diagnostic.message)
        .id(diagnostic.code.as_str())
        .elements(std::iter::empty::<Origin<'_>>());
    for (index, labels) in neighbours(&diagnostic.labels).into_iter().enumerate() {
        group = group.element(snippet(sources, &labels, index == 0));
    }
    for help in &diagnostic.help {
        group = group.element(Level::HELP.message(&**help));
    }
    renderer.render(&[group])
}

/// Labels of one file that are drawn together, in the order of their first label.
fn neighbours(labels: &[Label]) -> Vec<Vec<&Label>> {
    let mut groups: Vec<Vec<&Label>> = Vec::new();
    for label in labels {
        let near = |other: &&Label| {
            other.span.file == label.span.file
                && other.span.line.abs_diff(label.span.line) <= FAR_LINES
        };
        match groups.iter_mut().find(|group| group.iter().any(near)) {
            Some(group) => group.push(label),
            None => groups.push(vec![label]),
        }
    }
    groups
}

fn snippet<'a>(
    sources: &'a Sources,
    labels: &[&'a Label],
    has_primary: bool,
) -> Snippet<'a, Annotation<'a>> {
    let first = labels[0];
    let source = sources.get(first.span.file);
    let text = &*source.text;
    let ranges: Vec<Range<usize>> = labels.iter().map(|label| range(text, label)).collect();
    // Only the lines from the first to the last place are handed over: files may be large.
    let lowest = ranges.iter().map(|range| range.start).min().unwrap_or(0);
    let highest = ranges.iter().map(|range| range.end).max().unwrap_or(0);
    let begin = text[..lowest].rfind('\n').map_or(0, |at| at + 1);
    let finish = text[highest..]
        .find('\n')
        .map_or(text.len(), |at| highest + at);
    let finish = begin + text[begin..finish].trim_end_matches('\r').len();
    let line = labels.iter().map(|label| label.span.line).min();
    let annotations = labels
        .iter()
        .zip(ranges)
        .enumerate()
        .map(|(index, (label, range))| {
            let kind = if has_primary && index == 0 {
                AnnotationKind::Primary
            } else {
                AnnotationKind::Context
            };
            let annotation =
                kind.span(range.start - begin..(range.end - begin).min(finish - begin));
            if label.text.is_empty() {
                annotation
            } else {
                annotation.label(&*label.text)
            }
        });
    Snippet::source(&text[begin..finish])
        .line_start(line.unwrap_or(1) as usize)
        .path(source.path.to_string_lossy())
        .annotations(annotations)
}

/// The bytes to underline: inside the text, on character boundaries, without trailing blanks, and not too many lines.
fn range(text: &str, label: &Label) -> Range<usize> {
    let floor = |at: u32| {
        let mut at = (at as usize).min(text.len());
        while !text.is_char_boundary(at) {
            at -= 1;
        }
        at
    };
    let start = floor(label.span.start);
    let end = floor(label.span.end).max(start);
    let mut piece = text[start..end].trim_end();
    if piece.lines().take(WHOLE_LINES + 1).count() > WHOLE_LINES {
        piece = piece.lines().next().unwrap_or("").trim_end();
    }
    start..start + piece.len()
}
