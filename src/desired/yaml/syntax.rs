//! What the parser says of broken text, in words that say what to do.

use serde_yaml::granit_parser::{self, ErrorKind, ScanError};

use super::Tree;
use crate::diag::{Code, Diagnostic, Span};

impl Tree<'_> {
    /// A syntax error in words that say what to do.
    pub(super) fn syntax(&self, error: &ScanError) -> Diagnostic {
        let marker = error.marker();
        let mut span = self.span(&granit_parser::Span::empty(*marker));
        let rest = self.text.get(span.start as usize..).unwrap_or("");
        let character = rest.chars().next();
        span.end += character.map_or(0, |c| if c == '\n' { 0 } else { c.len_utf8() as u32 });
        let before = &self.text[..self.text.len() - rest.len()];
        let line_start = before.rfind('\n').map_or(0, |at| at + 1);
        let indent_tab = self.text[line_start..]
            .find(|c: char| c != ' ')
            .filter(|at| self.text[line_start + at..].starts_with('\t'));
        let kind = error.kind();
        let is_tab = matches!(
            kind,
            ErrorKind::TabNotAllowed
                | ErrorKind::TabInBlockIndentation
                | ErrorKind::TabInIndentation
                | ErrorKind::TabInPlainScalar
                | ErrorKind::TabAtBlockScalarStart
        );
        if is_tab || indent_tab.is_some() || character == Some('\t') {
            if let Some(at) = indent_tab {
                span.start = u32::try_from(line_start + at).unwrap_or(span.start);
                span.end = span.start + 1;
                span.column = u32::try_from(at + 1).unwrap_or(span.column);
            }
            return Diagnostic::error(Code::Tab, "a tab stands where YAML needs spaces")
                .label(span, "a tab")
                .help("replace it by spaces; two per level are usual");
        }
        if matches!(
            kind,
            ErrorKind::MappingValueNotAllowed | ErrorKind::InvalidColonPlacement
        ) && let Some(explained) = self.too_deep(line_start, span)
        {
            return explained;
        }
        let (code, message, label, help) = explain(kind);
        Diagnostic::error(code, message)
            .label(span, label)
            .help(help)
    }

    /// A key that stands deeper than the `key: value` line above it, so that it reads as more of that value.
    fn too_deep(&self, line_start: usize, mut span: Span) -> Option<Diagnostic> {
        let line = self.text[line_start..].lines().next()?;
        let indent = line.len() - line.trim_start_matches(' ').len();
        let (key, _) = line[indent..].split_once(':')?;
        let is_key = |key: &str| {
            !key.is_empty()
                && key
                    .bytes()
                    .all(|b| b.is_ascii_alphanumeric() || b"_-.".contains(&b))
        };
        let above = self.text[..line_start]
            .lines()
            .rfind(|line| !line.trim().is_empty() && !line.trim_start().starts_with('#'))?;
        let above_key = above.trim_start_matches([' ', '-']);
        let column = above.len() - above_key.len();
        let (above_key, value) = above_key.split_once(": ")?;
        if !is_key(key) || !is_key(above_key) || value.trim().is_empty() || indent <= column {
            return None;
        }
        span.start = u32::try_from(line_start + indent).ok()?;
        span.end = span.start + u32::try_from(key.len()).ok()?;
        span.column = u32::try_from(indent + 1).ok()?;
        Some(
            Diagnostic::error(
                Code::Syntax,
                format!("`{key}` is indented deeper than `{above_key}` above it"),
            )
            .label(
                span,
                format!("{indent} spaces, where {column} would put it under `{above_key}`"),
            )
            .help(format!(
                "indent `{key}` by {column} spaces; deeper, it reads as more of the text after `{above_key}:`"
            )),
        )
    }
}

fn explain(kind: &ErrorKind) -> (Code, String, &'static str, &'static str) {
    let syntax = |message: &str, label, help| (Code::Syntax, message.to_owned(), label, help);
    match kind {
        ErrorKind::RecursionLimitExceeded => (
            Code::Bomb,
            "lists and maps are nested too deeply".to_owned(),
            "reading stopped here",
            "no file needs more than a few levels; remove the outer brackets",
        ),
        ErrorKind::MappingValueNotAllowed | ErrorKind::InvalidColonPlacement => syntax(
            "a `:` stands where no key can be",
            "not possible here",
            "quote the text when the colon is part of it; otherwise give the key a line of its own",
        ),
        ErrorKind::UnclosedQuotedScalar => syntax(
            "a quoted text has no end",
            "still looking for the closing quote here",
            "add the closing quote",
        ),
        ErrorKind::UnclosedFlowCollection { .. }
        | ErrorKind::UnexpectedEofFlowSequence
        | ErrorKind::UnexpectedEofFlowMapping
        | ErrorKind::UnexpectedEofImplicitFlowMapping => syntax(
            "a bracket is opened and never closed",
            "still open here",
            "add the closing `]` or `}`",
        ),
        ErrorKind::ExpectedFlowMappingSeparator => syntax(
            "a `,` or `}` is missing",
            "expected before this",
            "write `{ key: value, key: value }`",
        ),
        ErrorKind::ExpectedFlowSequenceSeparator => syntax(
            "a `,` or `]` is missing",
            "expected before this",
            "write `[a, b]`, and quote texts that contain `[`, `]`, `{`, `}` or `: `",
        ),
        ErrorKind::MismatchedFlowCollectionEnd { open, close } => (
            Code::Syntax,
            format!("`{open}` is closed by `{close}`"),
            "the wrong bracket",
            "close each bracket by its own kind",
        ),
        ErrorKind::MisplacedFlowCollectionEnd => syntax(
            "a bracket is closed that was not opened",
            "nothing to close",
            "remove it, or quote the text that it belongs to",
        ),
        ErrorKind::ExpectedBlockMappingKey
        | ErrorKind::ExpectedBlockSequenceEntry
        | ErrorKind::InvalidIndentation
        | ErrorKind::BlockSequenceEntryNotAllowed => syntax(
            "the indentation does not fit the lines above",
            "belongs to no list or map that is open here",
            "indent the entries of one list or map by the same number of spaces",
        ),
        ErrorKind::SimpleKeyExpected | ErrorKind::InvalidSimpleKey => syntax(
            "a key without a `:`",
            "expected `key: value`",
            "add the `:` after the key, followed by a space",
        ),
        ErrorKind::InvalidQuotedScalarIndent | ErrorKind::DocumentIndicatorInQuotedScalar => {
            syntax(
                "a quoted text goes on where no text can be",
                "still inside the quotes",
                "add the closing quote on a line above, or indent the text",
            )
        }
        ErrorKind::UnexpectedCharacter { character } => (
            Code::Syntax,
            format!("a text cannot begin with `{}`", character.escape_default()),
            "needs quotes",
            "put the text in double quotes",
        ),
        ErrorKind::UnknownQuotedScalarEscape => syntax(
            "an escape that YAML does not know",
            "unknown escape",
            "write `\\\\` for a backslash, or use single quotes",
        ),
        other => (
            Code::Syntax,
            format!("this is no YAML: {other}"),
            "reading stopped here",
            "check quotes, brackets and indentation around this place",
        ),
    }
}
