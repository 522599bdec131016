//! Rows of one group in aligned columns.

use super::{
    TextStyle, Tone,
    escape::{cut, width},
};

/// A cell wider than this does not widen its column for all other rows. A group of another account fits, with its account and a word.
const WIDEST_COLUMN: usize = 48;
/// A description gets at least this, also where the line then leaves the terminal.
const LEAST_DESCRIPTION: usize = 16;
/// And at most this, so that the place stays near.
const MOST_DESCRIPTION: usize = 60;
const GAP: &str = "  ";
/// Letters of a description that stay before the place where old and new differ.
const KEPT_BEFORE: usize = 5;

/// A free text that may be cut: descriptions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Flexible {
    /// One text.
    Text(String),
    /// The text before and after.
    Pair(String, String),
}

impl Flexible {
    /// All of it.
    pub(crate) fn whole(&self) -> String {
        match self {
            Self::Text(text) => text.clone(),
            Self::Pair(old, new) => format!("\"{old}\" → \"{new}\""),
        }
    }

    fn draw(&self, limit: usize) -> String {
        match self {
            Self::Text(text) => cut(text, limit),
            Self::Pair(old, new) => {
                // The arrow and its spaces take 3, the quotes 4. What one side leaves, the other may use.
                let room = limit.saturating_sub(7);
                let (old, new) = &differing(old, new, room);
                let half = room / 2;
                let for_old = half.max(room.saturating_sub(width(new)));
                let old = cut(old, for_old);
                let for_new = room.saturating_sub(width(&old)).max(half);
                format!("\"{old}\" → \"{}\"", cut(new, for_new))
            }
        }
    }
}

/// Two texts without what they begin with alike, where they are too long to show that they differ.
fn differing(old: &str, new: &str, room: usize) -> (String, String) {
    if width(old) + width(new) <= room {
        return (old.to_owned(), new.to_owned());
    }
    let alike = old.chars().zip(new.chars());
    let alike = alike.take_while(|(a, b)| a == b).count();
    // A few letters before the difference say where in the text it is.
    let skipped = alike.saturating_sub(KEPT_BEFORE);
    if skipped <= 1 {
        return (old.to_owned(), new.to_owned());
    }
    let rest = |text: &str| {
        let rest: String = text.chars().skip(skipped).collect();
        format!("…{rest}")
    };
    (rest(old), rest(new))
}

/// One rule of a report.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Row {
    /// What the line starts with: a sign, or a word in drift reports.
    pub lead: &'static str,
    /// Colour of the line.
    pub tone: Tone,
    /// Columns that are never cut.
    pub cells: Vec<String>,
    /// The column that is.
    pub description: Flexible,
    /// `file:line` or the rule's id.
    pub place: String,
    /// Further lines, shown below the row.
    pub more: Vec<String>,
}

/// Draws rows under each other; every row has as many cells as the first.
pub(crate) fn draw(rows: &[Row], style: &TextStyle) -> String {
    let columns = rows.iter().map(|row| row.cells.len()).max().unwrap_or(0);
    // A sign stands close to its rule, a word apart from it.
    let lead = match rows.iter().map(|row| width(row.lead)).max().unwrap_or(0) {
        sign @ 0..=1 => sign,
        word => word + 1,
    };
    let widths: Vec<usize> = (0..columns)
        .map(|column| {
            rows.iter()
                .filter_map(|row| row.cells.get(column))
                .map(|cell| width(cell))
                .filter(|width| *width <= WIDEST_COLUMN)
                .max()
                .unwrap_or(0)
        })
        .collect();
    let place = rows.iter().map(|row| width(&row.place)).max().unwrap_or(0);
    // The sign and one space, the cells, the description, the place, with gaps between.
    let fixed = lead + 1 + widths.iter().map(|w| w + GAP.len()).sum::<usize>() + GAP.len() + place;
    let limit = if style.verbose {
        usize::MAX
    } else {
        style
            .width
            .saturating_sub(fixed)
            .clamp(LEAST_DESCRIPTION, MOST_DESCRIPTION)
    };
    let descriptions: Vec<String> = rows.iter().map(|row| row.description.draw(limit)).collect();
    let described = descriptions
        .iter()
        .map(|text| width(text))
        .max()
        .unwrap_or(0);

    let mut drawn = String::new();
    for (row, description) in rows.iter().zip(&descriptions) {
        let mut line = pad(row.lead, lead);
        line.push(' ');
        for (cell, width) in row.cells.iter().zip(&widths) {
            line.push_str(&pad(cell, *width));
            line.push_str(GAP);
        }
        if described > 0 {
            line.push_str(&pad(description, described));
            line.push_str(GAP);
        }
        if row.place.is_empty() {
            drawn.push_str(&style.paint(row.tone, line.trim_end()));
        } else {
            let text = line.trim_end();
            let spaces = &line[text.len()..];
            drawn.push_str(&style.paint(row.tone, text));
            drawn.push_str(spaces);
            drawn.push_str(&style.paint(Tone::Faint, &row.place));
        }
        drawn.push('\n');
        for more in &row.more {
            drawn.push_str(&" ".repeat(lead + 3));
            drawn.push_str(&style.paint(Tone::Faint, more));
            drawn.push('\n');
        }
    }
    drawn
}

/// Fills a text with spaces up to a number of columns.
pub(super) fn pad(text: &str, columns: usize) -> String {
    let spaces = columns.saturating_sub(width(text));
    format!("{text}{}", " ".repeat(spaces))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_two_long_descriptions_the_place_where_they_differ_is_shown() {
        let pair = |old: &str, new: &str, limit| Flexible::Pair(old.into(), new.into()).draw(limit);
        assert_eq!(
            pair(
                "ssh from the office in Berlin",
                "ssh from the office in Paris",
                34
            ),
            "\"…e in Berlin\" → \"…e in Paris\""
        );
        assert_eq!(pair("ssh", "https", 34), "\"ssh\" → \"https\"");
        let drawn = pair("公网入口一二三四五六七八", "公网入口一二三四五六七九", 34);
        assert_eq!(drawn, "\"…三四五六七八\" → \"…三四五六七九\"");
    }
}
