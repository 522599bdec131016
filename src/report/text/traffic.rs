//! What a group's changes mean in traffic.

use crate::{
    plan::GroupPlan,
    report::{PlanReport, deciders},
    traffic::{difference::Sentence, speak::Who},
};

use super::{TextStyle, Tone, escape, width};

/// Most sentences of a kind that are shown without `--verbose`.
const MOST_SENTENCES: usize = 8;

/// A sentence a line: what is newly admitted and what no longer is, each with the rules that decide; or that nothing changes.
pub(super) fn sentences(group: &GroupPlan, report: &PlanReport<'_>, style: &TextStyle) -> String {
    if group.changes.is_empty() {
        return String::new();
    }
    if group
        .traffic
        .iter()
        .all(|traffic| traffic.difference.is_empty())
    {
        return format!("  {}\n", style.paint(Tone::Faint, "same traffic"));
    }
    let mut lines: Vec<(Tone, String, String)> = Vec::new();
    let kinds: [(Tone, &str, bool); 2] = [
        (Tone::Added, "newly admits", true),
        (Tone::Removed, "no longer admits", false),
    ];
    for (tone, words, opens) in kinds {
        let all: Vec<_> = group
            .traffic
            .iter()
            .flat_map(|traffic| {
                let found = &traffic.difference;
                let sentences = if opens {
                    &found.newly_admitted
                } else {
                    &found.no_longer_admitted
                };
                sentences
                    .iter()
                    .map(|sentence| (traffic.direction, sentence))
            })
            .collect();
        let shown = if style.verbose {
            usize::MAX
        } else {
            MOST_SENTENCES
        };
        for (direction, sentence) in all.iter().take(shown) {
            let traffic = sentence.what.text(*direction);
            let text = match sentence.what.who {
                Who::Anyone | Who::MembersOf(_) => format!("{words} {direction} {traffic}"),
                Who::NotMembersOf(_) => format!("  {traffic}"),
            };
            lines.push((tone, text, reason(sentence, opens, group, report)));
        }
        if all.len() > shown {
            let more = format!(
                "… and {} more that it {words}; --verbose lists them",
                all.len() - shown
            );
            lines.push((Tone::Faint, more, String::new()));
        }
    }
    let widest = lines
        .iter()
        .map(|(_, text, _)| width(text))
        .filter(|n| *n <= style.width / 2)
        .max()
        .unwrap_or(0);
    let mut drawn = String::new();
    for (tone, text, why) in lines {
        let text = escape(&text);
        let gap = " ".repeat(widest.saturating_sub(width(&text)));
        let line = format!(
            "  {}{gap}  {}",
            style.paint(tone, &text),
            style.paint(Tone::Faint, escape(&why))
        );
        drawn.push_str(line.trim_end());
        drawn.push('\n');
    }
    drawn
}

/// The rule that now decides, or the one that decided.
fn reason(sentence: &Sentence, opens: bool, group: &GroupPlan, report: &PlanReport<'_>) -> String {
    let (rules, words) = if opens {
        (&sentence.after, "by")
    } else {
        (&sentence.before, "was by")
    };
    let names = deciders(group, rules, report.sources);
    match names.as_slice() {
        [] => String::new(),
        [one] => format!("{words} {one}"),
        [one, rest @ ..] => format!("{words} {one} and {} more", rest.len()),
    }
}
