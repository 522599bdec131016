//! Reports for people: one line per rule, aligned, each starting with its sign so that it reads as a diff.
//!
//! Pure: the width of the terminal and whether there is colour are given.

mod applied;
mod assertions;
mod drift;
mod escape;
mod order;
mod plan;
mod refusal;
mod rule_line;
mod table;
#[cfg(test)]
mod tests;
mod traffic;

pub use applied::{applied, summary as applied_summary};
pub(crate) use applied::{details as applied_details, ending};
pub use drift::{drift, summary as drift_summary};
pub use escape::{cut, escape, escape_lines, width};
pub(crate) use order::size;
pub(crate) use plan::modes;
pub use plan::{plan, summary as plan_summary};
pub use refusal::refusals;
pub(crate) use rule_line::{change as change_row, live_cells};
pub(crate) use table::draw as draw_rows;
pub(crate) use traffic::{Said, said, units};

use anstyle::{AnsiColor, Style};

/// How a text report is drawn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TextStyle {
    /// Columns of the terminal.
    pub width: usize,
    /// Whether escape codes for colours are written.
    pub colour: bool,
    /// Whether every field of every rule is shown, and every group.
    pub verbose: bool,
}

/// What a piece of text means; the colours are chosen here and nowhere else.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tone {
    /// Nothing special.
    Plain,
    /// Comes into being.
    Added,
    /// Goes away; also what failed.
    Removed,
    /// Changes in place; also warnings.
    Changed,
    /// Of little weight.
    Faint,
    /// Names and summaries.
    Strong,
}

impl TextStyle {
    /// The text in its tone.
    pub fn paint(&self, tone: Tone, text: impl std::fmt::Display) -> String {
        let style = match tone {
            Tone::Plain => return text.to_string(),
            Tone::Added => AnsiColor::Green.on_default(),
            Tone::Removed => AnsiColor::Red.on_default(),
            Tone::Changed => AnsiColor::Yellow.on_default(),
            Tone::Faint => Style::new().dimmed(),
            Tone::Strong => Style::new().bold(),
        };
        if self.colour {
            format!("{style}{text}{style:#}")
        } else {
            text.to_string()
        }
    }
}

/// `1 rule`, `2 rules`.
pub(crate) fn count(n: usize, one: &str) -> String {
    if n == 1 {
        format!("1 {one}")
    } else {
        format!("{n} {one}s")
    }
}
