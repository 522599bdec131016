//! What the outputs of `apply` hold when nothing was applied: an old report must never pass for a new one.

use crate::report::{Format, json, text};

use super::{Failure, Screen, plan::Shared};

/// Writes why to every file among the outputs, and to stdout where it has another format than text.
pub(super) fn write(failure: &Failure, shared: &Shared, screen: &Screen) {
    let reasons: Vec<String> = [&failure.causes, &failure.details]
        .into_iter()
        .flatten()
        .cloned()
        .collect();
    let draw = |format: Format, _: &text::TextStyle| match format {
        Format::Text => plain(&failure.message, &reasons),
        Format::Json => json::unapplied(&failure.message, &reasons),
    };
    let written = if shared.is_text() {
        screen.files(&shared.output, draw)
    } else {
        screen.report(&shared.output, draw)
    };
    if let Err(unwritten) = written {
        screen.failure(&unwritten);
    }
}

fn plain(message: &str, reasons: &[String]) -> String {
    let mut text = format!("error: {}\n", text::escape_lines(message));
    for reason in reasons {
        text.push_str(&format!("  {}\n", text::escape(reason)));
    }
    text
}
