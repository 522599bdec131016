//! What a group's changes mean in traffic.

use crate::{
    plan::GroupPlan,
    report::{DEFAULT, PlanReport, by, deciders},
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
    let shown = if style.verbose {
        usize::MAX
    } else {
        MOST_SENTENCES
    };
    draw(&said(group, report, shown), style)
}

/// The sentences of a group, at most so many of a kind; the line that says how many were left out comes after them.
pub(crate) fn said(group: &GroupPlan, report: &PlanReport<'_>, shown: usize) -> Vec<Said> {
    let mut lines: Vec<Said> = Vec::new();
    let kinds: [(Tone, &str, bool); 2] = [
        (Tone::Added, "newly admits", true),
        (Tone::Removed, "no longer admits", false),
    ];
    for (tone, words, opens) in kinds {
        let mut all: Vec<_> = group
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
                    .map(|sentence| ((traffic.direction, traffic.nic), sentence))
            })
            .collect();
        // What is not true of some stands right below what is said of all.
        let rank = |who: &Who| match who {
            Who::Anyone => 0,
            Who::NotMembersOf(_) => 1,
            Who::MembersOf(_) => 2,
        };
        all.sort_by_key(|(side, sentence)| (*side, rank(&sentence.what.who)));
        let is_exception = |sentence: &Sentence| matches!(sentence.what.who, Who::NotMembersOf(_));
        let whole = all.iter().filter(|(_, sentence)| !is_exception(sentence));
        let left = whole.clone().count().saturating_sub(shown);
        let kept: Vec<_> = whole.take(shown).map(|(side, _)| side).collect();
        let mut n = 0;
        for (side, sentence) in &all {
            // Without what it excepts, a sentence that is shown would be false.
            let exception = is_exception(sentence);
            n += usize::from(!exception);
            if n > shown && !exception || exception && !kept.contains(&side) {
                continue;
            }
            let (direction, nic) = *side;
            let traffic = sentence.what.text(direction);
            let side = group.side(direction, nic);
            lines.push(match &sentence.what.who {
                Who::Anyone | Who::MembersOf(_) => Said {
                    tone,
                    text: escape(&format!("{words} {side} {traffic}")),
                    why: escape(&reason(sentence, opens, group, report)),
                    instead: escape(&instead(sentence, opens, group, report)),
                    is_exception: false,
                },
                // The rule that decides for the others says nothing about these.
                Who::NotMembersOf(_) => Said {
                    tone,
                    text: escape(&format!("  but {traffic}")),
                    why: String::new(),
                    instead: String::new(),
                    is_exception: true,
                },
            });
        }
        if left > 0 {
            let more = format!("… and {} more that it {words}; --verbose lists them", left);
            lines.push(Said {
                tone: Tone::Faint,
                text: more,
                why: String::new(),
                instead: String::new(),
                is_exception: false,
            });
        }
    }
    lines
}

/// The sentences of a kind, each with what it excepts: a unit is shown whole or not at all, for without its exceptions a
/// sentence is false. Several sentences that share exceptions are one unit; exceptions come last.
pub(crate) fn units(said: &[Said], tone: Tone) -> Vec<Vec<&Said>> {
    let mut units: Vec<Vec<&Said>> = Vec::new();
    let mut run: Vec<&Said> = Vec::new();
    for one in said.iter().filter(|one| one.tone == tone) {
        let ends = run.last().is_some_and(|last| last.is_exception);
        if ends && !one.is_exception {
            units.push(std::mem::take(&mut run));
        }
        run.push(one);
    }
    if run.last().is_some_and(|last| last.is_exception) {
        units.push(run);
    } else {
        units.extend(run.into_iter().map(|one| vec![one]));
    }
    units
}

/// A line of its own.
pub(crate) struct Said {
    /// [`Tone::Added`] or [`Tone::Removed`]; [`Tone::Faint`] for what was left out.
    pub(crate) tone: Tone,
    /// The sentence.
    pub(crate) text: String,
    /// The rules that decide: `by rules/web.yaml:7`, `was by sgr-1`; may be empty.
    pub(crate) why: String,
    /// The rules that decide where those no longer do: `now by rules/web.yaml:7`; may be empty.
    pub(crate) instead: String,
    /// Whether it takes something out of the sentences above it.
    pub(crate) is_exception: bool,
}

impl Said {
    /// All that is known of who decides.
    pub(crate) fn reasons(&self) -> String {
        let reasons = [&*self.why, &*self.instead];
        let reasons = reasons.into_iter().filter(|reason| !reason.is_empty());
        reasons.collect::<Vec<_>>().join(", ")
    }
}

/// Before every line.
const INDENT: usize = 2;
/// Before what did not fit into a line.
const DEEPER: usize = 6;
const GAP: usize = 2;

/// Reasons stand in a column, those that do not fit there below their line. Traffic is never cut: half of it would be
/// another statement.
fn draw(lines: &[Said], style: &TextStyle) -> String {
    let lines: Vec<(&Said, String)> = lines.iter().map(|line| (line, line.reasons())).collect();
    let fits = |(line, why): &&(&Said, String)| {
        INDENT + width(&line.text) + GAP + width(why) <= style.width && !why.is_empty()
    };
    let most = lines.iter().map(|(_, why)| width(why)).max().unwrap_or(0);
    let room = style.width.saturating_sub(INDENT + GAP + most);
    let column = lines
        .iter()
        .filter(fits)
        .map(|(line, _)| width(&line.text))
        .filter(|n| *n <= room)
        .max()
        .unwrap_or(0);
    let mut drawn = String::new();
    for (line, why) in &lines {
        let Said { tone, text, .. } = line;
        let mut parts = wrapped(text, style.width);
        let last = parts.pop().unwrap_or_default();
        for part in &parts {
            drawn.push_str(&format!("{}\n", style.paint(*tone, part)));
        }
        drawn.push_str(&style.paint(*tone, &last));
        if !why.is_empty() {
            let gap = (INDENT + column).saturating_sub(width(&last)) + GAP;
            if parts.is_empty() && width(&last) + gap + width(why) <= style.width {
                drawn.push_str(&" ".repeat(gap));
            } else if width(&last) + GAP + width(why) <= style.width {
                drawn.push_str(&" ".repeat(GAP));
            } else {
                drawn.push_str(&format!("\n{}", " ".repeat(DEEPER)));
            }
            drawn.push_str(&style.paint(Tone::Faint, why));
        }
        drawn.push('\n');
    }
    drawn
}

/// A text in lines of at most so many columns where its words allow it, indented.
fn wrapped(text: &str, columns: usize) -> Vec<String> {
    let own = text.len() - text.trim_start().len();
    let mut lines = Vec::new();
    let mut line = " ".repeat(INDENT + own);
    let mut begun = false;
    for word in text.split_whitespace() {
        if begun && width(&line) + 1 + width(word) > columns {
            lines.push(std::mem::replace(&mut line, " ".repeat(DEEPER)));
            begun = false;
        }
        if begun {
            line.push(' ');
        }
        line.push_str(word);
        begun = true;
    }
    lines.push(line);
    lines
}

/// The rule that now decides, or the one that decided.
fn reason(sentence: &Sentence, opens: bool, group: &GroupPlan, report: &PlanReport<'_>) -> String {
    let (rules, words) = if opens {
        (&sentence.after, "by")
    } else {
        (&sentence.before, "was by")
    };
    match by(&deciders(group, rules, report.sources)) {
        names if names.is_empty() => names,
        names => format!("{words} {names}"),
    }
}

/// The rule that refuses what is no longer admitted, unless it is the default.
fn instead(sentence: &Sentence, opens: bool, group: &GroupPlan, report: &PlanReport<'_>) -> String {
    let mut names = deciders(group, &sentence.after, report.sources);
    names.retain(|name| name != DEFAULT);
    match by(&names) {
        names if names.is_empty() || opens => String::new(),
        names => format!("now by {names}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(text: &str, why: &str) -> Said {
        Said {
            tone: Tone::Plain,
            text: text.to_owned(),
            why: why.to_owned(),
            instead: String::new(),
            is_exception: text.starts_with("  but "),
        }
    }

    #[test]
    fn a_sentence_and_what_it_excepts_are_one_unit() {
        let lines = [
            said("a", ""),
            said("  but b", ""),
            said("c", ""),
            said("d", ""),
        ];
        let units = units(&lines, Tone::Plain);
        let sizes: Vec<usize> = units.iter().map(Vec::len).collect();
        assert_eq!(sizes, [2, 1, 1]);
        assert!(super::units(&lines, Tone::Added).is_empty());
    }

    fn at(width: usize, lines: &[Said]) -> String {
        draw(
            lines,
            &TextStyle {
                width,
                colour: false,
                verbose: false,
            },
        )
    }

    #[test]
    fn reasons_stand_in_a_column_and_long_lines_are_wrapped_and_never_cut() {
        let lines = [
            said("newly admits tcp/22 from a", "by x:1"),
            said("newly admits tcp/8081-8090 from bb", "by x:2"),
            said("  but not for members of c: tcp/22", ""),
            said(
                "no longer admits tcp/3306 from 10.30.0.0/16 except 10.30.4.0/24",
                "was by sgr-1",
            ),
        ];
        assert_eq!(
            at(60, &lines),
            "  newly admits tcp/22 from a          by x:1\n  \
             newly admits tcp/8081-8090 from bb  by x:2\n    \
             but not for members of c: tcp/22\n  \
             no longer admits tcp/3306 from 10.30.0.0/16 except\n      \
             10.30.4.0/24  was by sgr-1\n"
        );
        let wide = at(120, &lines);
        assert_eq!(wide.lines().count(), 4, "{wide}");
        let narrow = at(24, &lines);
        assert!(
            narrow.contains("10.30.4.0/24\n      was by sgr-1\n"),
            "{narrow}"
        );
    }
}
