//! Draws diagnostics.

use super::{Diagnostic, Sources};

/// Draws diagnostics as text, each with its source line, separated by empty lines.
pub fn render(sources: &Sources, diagnostics: &[Diagnostic], colour: bool) -> String {
    let _ = (sources, diagnostics, colour);
    String::new()
}
