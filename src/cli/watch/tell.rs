//! What a loop prints: everything when it is new, one line when it is as before.

use jiff::Timestamp;

use crate::{digest::sha256_hex, report::text::count};

use super::super::{Failure, Screen, history};

/// What one pass has to say.
#[derive(Debug, Default)]
pub(super) struct Scene {
    /// Drawn diagnostics and other remarks, for stderr.
    pub(super) remarks: String,
    /// The plan, for stdout.
    pub(super) result: String,
    /// What kept the pass from its end.
    pub(super) failure: Option<Failure>,
    /// All of it in a few words.
    pub(super) words: String,
}

/// Remembers what was printed last.
#[derive(Debug, Default)]
pub(super) struct Teller {
    shown: Option<String>,
}

impl Teller {
    /// Prints a scene; `from`: which files it is about.
    pub(super) fn tell(
        &mut self,
        scene: &Scene,
        at: Timestamp,
        from: Option<&str>,
        screen: &Screen,
    ) -> Result<(), Failure> {
        let Scene {
            remarks,
            result,
            failure,
            words,
        } = scene;
        let all = format!("{remarks}\0{result}\0{failure:?}\0{from:?}");
        let digest = sha256_hex(without_ids(&all).as_bytes());
        let time = history::moment(at);
        let from = from.map(|from| format!("  {from}")).unwrap_or_default();
        if self.shown.as_ref() == Some(&digest) {
            let line = format!("{time}{from}  {words}\n");
            return match failure {
                Some(_) => {
                    screen.say(&line);
                    Ok(())
                }
                None => screen.result(&line),
            };
        }
        self.shown = Some(digest);
        screen.say(remarks);
        if !result.is_empty() {
            screen.result(&format!("{time}{from}\n{result}"))?;
        }
        if let Some(failure) = failure {
            screen.say(&format!("{time}{from}\n"));
            screen.failure(failure);
        }
        Ok(())
    }

    /// What comes next is new, whatever it is.
    pub(super) fn forget(&mut self) {
        self.shown = None;
    }
}

/// A text without ids of requests, which are never the same twice.
fn without_ids(text: &str) -> String {
    let is_part = |c: char| c.is_ascii_hexdigit() || c == '-';
    let is_id = |word: &str| word.len() == 36 && word.matches('-').count() == 4;
    text.split_inclusive(|c| !is_part(c))
        .filter(|word| !is_id(word.trim_end_matches(|c| !is_part(c))))
        .collect()
}

/// `13 groups, 0.4 s`.
pub(super) fn effort(groups: usize, took: std::time::Duration) -> String {
    format!("{}, {:.1} s", count(groups, "group"), took.as_secs_f64())
}

#[cfg(test)]
mod tests {
    use super::without_ids;

    #[test]
    fn texts_that_differ_in_a_request_id_only_are_the_same() {
        let refused = |id: &str| without_ids(&format!("refused with Forbidden (request {id})\n"));
        let first = refused("7B8C3770-52FD-44ED-9084-3B2A1C955ED0");
        assert_eq!(first, refused("C5B83099-D316-424E-903C-56807CCA2496"));
        assert_ne!(first, without_ids("refused with Throttling (request 1)\n"));
        assert_eq!(
            without_ids("2001:db8::/32, dead-beef"),
            "2001:db8::/32, dead-beef"
        );
    }
}
