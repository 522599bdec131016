//! What the user wrote and what is wrong with it: places in files, diagnostics and their codes.
//!
//! A diagnostic is about what the user wrote; an error is about what failed. [`render`] is the only user of the
//! crate that draws them.

mod code;
mod render;

use std::{fmt, path::PathBuf, sync::Arc};

pub use code::Code;
pub use render::{render, summary};

/// One of the files of a run, by its place in [`Sources`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FileId(u32);

/// A piece of a file: where something was declared.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Span {
    /// The file.
    pub file: FileId,
    /// First byte.
    pub start: u32,
    /// One past the last byte.
    pub end: u32,
    /// Line of the first byte, from 1.
    pub line: u32,
    /// Column of the first byte in characters, from 1.
    pub column: u32,
}

/// The files that were read in a run, so that everything later can point at a line.
#[derive(Clone, Debug, Default)]
pub struct Sources {
    files: Vec<Source>,
}

/// A file as it was read.
#[derive(Clone, Debug)]
pub struct Source {
    /// As it is shown: relative to the project file's folder, with forward slashes.
    pub path: PathBuf,
    /// Its text.
    pub text: Arc<str>,
}

impl Source {
    /// SHA-256 of the text in hex.
    pub fn digest(&self) -> String {
        crate::digest::sha256_hex(self.text.as_bytes())
    }
}

impl Sources {
    /// Takes a file in.
    pub fn add(&mut self, path: PathBuf, text: Arc<str>) -> FileId {
        let id = FileId(u32::try_from(self.files.len()).expect("fewer than 2^32 files"));
        self.files.push(Source { path, text });
        id
    }

    /// Overwrites a place with stars, so that a credential somebody wrote into a file is not drawn.
    pub fn mask(&mut self, span: Span) {
        let source = &mut self.files[span.file.0 as usize];
        let (start, end) = (span.start as usize, span.end as usize);
        if let (Some(before), Some(secret), Some(after)) = (
            source.text.get(..start),
            source.text.get(start..end),
            source.text.get(end..),
        ) {
            let stars: String = secret
                .bytes()
                .map(|byte| if byte == b'\n' { '\n' } else { '*' })
                .collect();
            source.text = format!("{before}{stars}{after}").into();
        }
    }

    /// A file that was taken in.
    pub fn get(&self, id: FileId) -> &Source {
        &self.files[id.0 as usize]
    }

    /// Every file in the order in which they were taken in.
    pub fn iter(&self) -> impl Iterator<Item = (FileId, &Source)> {
        (0..).map(FileId).zip(&self.files)
    }

    /// The first occurrence of a text within a place, or the place itself.
    pub fn narrow(&self, span: Span, text: &str) -> Span {
        let Some(piece) = self
            .get(span.file)
            .text
            .get(span.start as usize..span.end as usize)
        else {
            return span;
        };
        let Some(at) = piece.find(text) else {
            return span;
        };
        let before = &piece[..at];
        let count = |chars: usize| u32::try_from(chars).unwrap_or(u32::MAX);
        let (line, column) = match before.rfind('\n') {
            None => (span.line, span.column + count(before.chars().count())),
            Some(newline) => (
                span.line + count(before.matches('\n').count()),
                1 + count(before[newline + 1..].chars().count()),
            ),
        };
        let start = span.start + count(at);
        Span {
            file: span.file,
            start,
            end: start + count(text.len()),
            line,
            column,
        }
    }

    /// `rules/web.yaml:12`.
    pub fn place(&self, span: Span) -> String {
        format!("{}:{}", self.get(span.file).path.display(), span.line)
    }
}

/// How bad it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Severity {
    /// Nothing is planned or sent while one stands.
    Error,
    /// Worth a look; nothing is stopped.
    Warning,
}

/// A place and what is to be said of it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Label {
    /// The place.
    pub span: Span,
    /// A few words, perhaps none.
    pub text: String,
}

/// One thing that is wrong with what the user wrote, where, and how to mend it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Diagnostic {
    /// Error or warning.
    pub severity: Severity,
    /// Stable name; a heading of docs/diagnostics.md.
    pub code: Code,
    /// One sentence without a full stop.
    pub message: String,
    /// The first is the place, the others are what it collides with.
    pub labels: Vec<Label>,
    /// What to do about it, a line each.
    pub help: Vec<String>,
}

impl Diagnostic {
    /// Something that must be mended.
    pub fn error(code: Code, message: impl Into<String>) -> Self {
        Self::new(Severity::Error, code, message.into())
    }

    /// Something worth a look.
    pub fn warning(code: Code, message: impl Into<String>) -> Self {
        Self::new(Severity::Warning, code, message.into())
    }

    fn new(severity: Severity, code: Code, message: String) -> Self {
        Self {
            severity,
            code,
            message,
            labels: Vec::new(),
            help: Vec::new(),
        }
    }

    /// Adds a place; the first one is where the reader is sent.
    #[must_use]
    pub fn label(mut self, span: Span, text: impl Into<String>) -> Self {
        self.labels.push(Label {
            span,
            text: text.into(),
        });
        self
    }

    /// Where the reader is sent: file, line, column. Diagnostics without a place come first.
    pub fn position(&self) -> Option<(FileId, u32, u32)> {
        self.labels
            .first()
            .map(|Label { span, .. }| (span.file, span.line, span.column))
    }

    /// Adds a line on how to mend it.
    #[must_use]
    pub fn help(mut self, text: impl Into<String>) -> Self {
        self.help.push(text.into());
        self
    }

    /// Whether nothing may be planned or sent.
    pub fn is_error(&self) -> bool {
        self.severity == Severity::Error
    }
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Error => "error",
            Self::Warning => "warning",
        })
    }
}
