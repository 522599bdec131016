//! Text that must not grow beyond a number of bytes.

use std::borrow::Cow;

/// Room kept for the line that says how much was left out.
const MORE: usize = 120;

/// As many lines as fit, and a last one that says how many do not.
pub(super) fn fitting(
    lines: impl ExactSizeIterator<Item = String>,
    room: usize,
    more: impl Fn(usize) -> String,
) -> String {
    let all = lines.len();
    let mut text = String::new();
    let mut rest = Vec::new();
    let mut shown = 0;
    for line in lines {
        // The last lines may use the room that is kept as long as all of them fit.
        if rest.is_empty() && text.len() + line.len() + MORE <= room {
            text.push_str(&line);
            shown += 1;
        } else {
            rest.push(line);
            if rest.len() > 8 {
                break;
            }
        }
    }
    let size: usize = rest.iter().map(String::len).sum();
    if shown + rest.len() == all && text.len() + size <= room {
        text.extend(rest);
    } else {
        text.push_str(&more(all - shown));
    }
    text
}

/// At most so many bytes of a text, cut between characters, with `…` where something is gone.
pub(super) fn cut(text: &str, bytes: usize) -> Cow<'_, str> {
    if text.len() <= bytes {
        return text.into();
    }
    // The ellipsis takes three.
    let mut end = bytes.saturating_sub(3);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    format!("{}…", &text[..end]).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_does_not_fit_is_counted() {
        let lines = |n: usize| (0..n).map(|i| format!("line {i:04}\n"));
        let more = |rest: usize| format!("and {rest} more\n");
        assert_eq!(fitting(lines(3), 30, more).lines().count(), 3);
        let text = fitting(lines(100), 320, more);
        assert_eq!(text.lines().count(), 21);
        assert!(text.ends_with("and 80 more\n"), "{text}");
        assert_eq!(fitting(lines(2), 10, more), "and 2 more\n");
    }

    #[test]
    fn a_cut_never_splits_a_character() {
        assert_eq!(cut("公网", 6), "公网");
        assert_eq!(cut("公网", 5), "…");
        assert_eq!(cut("公网入口", 11), "公网…");
    }
}
