//! Text <-> rows of fields (RFC 4180).

use std::{fmt::Write as _, ops::Range};

use crate::exchange::FileError;

/// Writes a row; fields that need quotes get them.
pub(super) fn row(text: &mut String, fields: [String; 12]) {
    let fields = fields.map(|field| {
        let trims = field.starts_with(' ') || field.ends_with(' ');
        if trims || field.contains(['"', ',', '\n', '\r']) {
            format!("\"{}\"", field.replace('"', "\"\""))
        } else {
            field
        }
    });
    writeln!(text, "{}", fields.join(",")).expect("a String takes everything");
}

pub(super) type Row = (Range<usize>, Vec<String>);

/// Rows with their places; quoted fields may hold commas and line ends.
pub(super) fn rows(text: &str) -> Result<Vec<Row>, FileError> {
    let skip = if text.starts_with('\u{feff}') { 3 } else { 0 };
    let mut rows = Vec::new();
    let (mut fields, mut field) = (Vec::new(), String::new());
    let (mut start, mut line, mut opened) = (skip, 1, None);
    let mut chars = text[skip..].char_indices().peekable();
    while let Some((at, c)) = chars.next() {
        let at = at + skip;
        if c == '\n' {
            line += 1;
        }
        match (opened, c) {
            (Some(_), '"') if chars.peek().is_some_and(|(_, next)| *next == '"') => {
                chars.next();
                field.push('"');
            }
            (Some(_), '"') => opened = None,
            (Some(_), c) => field.push(c),
            (None, '"') if field.trim().is_empty() => {
                field.clear();
                opened = Some(line);
            }
            (None, ',') => fields.push(std::mem::take(&mut field)),
            (None, '\n') => {
                fields.push(std::mem::take(&mut field).trim_end_matches('\r').to_owned());
                rows.push((start..at, std::mem::take(&mut fields)));
                start = at + 1;
            }
            (None, c) => field.push(c),
        }
    }
    if let Some(line) = opened {
        return Err(FileError::OpenQuote(line));
    }
    if !field.is_empty() || !fields.is_empty() {
        fields.push(field);
        rows.push((start..text.len(), fields));
    }
    Ok(rows)
}
