//! What the guard has against a plan, with the place, the reason and the way through.

use crate::{diag::Sources, guard::Refusal};

use super::{TextStyle, Tone, escape};

/// Draws refusals, each followed by an empty line; nothing when there are none.
pub fn refusals(refusals: &[Refusal], sources: &Sources, style: &TextStyle) -> String {
    let mut text = String::new();
    for refusal in refusals {
        let Refusal {
            address,
            name,
            reason,
            message,
            help,
            span,
            rules,
        } = refusal;
        let head = style.paint(Tone::Removed, format!("refused[{reason}]"));
        let said = style.paint(
            Tone::Strong,
            format!("{}: {}", escape(name), escape(message)),
        );
        text.push_str(&format!("{head}: {said}\n"));
        let place = match span {
            Some(span) => sources.place(*span),
            None => address.to_string(),
        };
        text.push_str(&format!(
            "{} {}\n",
            style.paint(Tone::Faint, "  -->"),
            escape(&place)
        ));
        for (rule, span) in rules {
            let place = span.map_or_else(|| "a live rule".to_owned(), |span| sources.place(span));
            text.push_str(&format!(
                "{} {}: {}\n",
                style.paint(Tone::Faint, "  by "),
                escape(&place),
                escape(&rule.to_string())
            ));
        }
        for line in help {
            text.push_str(&format!("  help: {}\n", escape(line)));
        }
        text.push('\n');
    }
    text
}
