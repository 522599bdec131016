//! Links in a commit: those that could lead out of its files. And names that are no commit's.

/// The folder in which the program keeps its own; commits must not have one.
pub const STATE: &str = ".rulekeep";

/// Letters that HFS+ leaves out when it compares names.
const UNSEEN: [std::ops::RangeInclusive<char>; 4] = [
    '\u{200c}'..='\u{200f}',
    '\u{202a}'..='\u{202e}',
    '\u{206a}'..='\u{206f}',
    '\u{feff}'..='\u{feff}',
];

/// Whether some file system takes a name for git's own folder.
pub(crate) fn is_git(part: &str) -> bool {
    is_called(part, ".git", "git~")
}

/// Whether some file system takes a name for the folder in which the program keeps its own.
pub(crate) fn is_state(part: &str) -> bool {
    is_called(part, STATE, "ruleke~")
}

/// Whether some file system takes a name for another one: `short` begins what stands for it where names have 8 letters.
fn is_called(part: &str, name: &str, short: &str) -> bool {
    let is_seen = |letter: &char| !UNSEEN.iter().any(|unseen| unseen.contains(letter));
    let seen: String = part.chars().filter(is_seen).collect();
    let seen = seen.split(':').next().unwrap_or_default();
    let seen = seen.trim_end_matches([' ', '.']).to_ascii_lowercase();
    seen == name || seen.starts_with(short)
}

/// Why a link must not be checked out, in words; `None`: wherever it leads is one of the commit's own files.
///
/// `..` counts at the beginning alone: there it goes up through folders of the commit. After a name it would depend on
/// where that name leads.
pub(crate) fn objection(path: &str, target: &str) -> Option<&'static str> {
    if target.starts_with('/') || target.contains(['\\', '\0']) || has_drive(target) {
        return Some("leads out of the repository");
    }
    let depth = path.split('/').count() - 1;
    let parts = target.split('/').filter(|part| !matches!(*part, "" | "."));
    let parts: Vec<&str> = parts.collect();
    let up = parts.iter().take_while(|part| **part == "..").count();
    if up > depth {
        return Some("leads out of the repository");
    }
    if parts[up..].contains(&"..") {
        return Some("has `..` after a name, so that it may lead out of the repository");
    }
    let is_own = |part: &&str| is_git(part) || is_state(part);
    parts
        .iter()
        .any(is_own)
        .then_some("leads to what is not part of the commit")
}

/// `C:..`.
fn has_drive(target: &str) -> bool {
    matches!(target.as_bytes(), [letter, b':', ..] if letter.is_ascii_alphabetic())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_stay_among_the_files_of_the_commit() {
        for (path, target) in [
            ("a.yaml", "b.yaml"),
            ("rules/a.yaml", "../common/./a.yaml"),
            ("x/y/z", "../.."),
            ("a", "b/"),
        ] {
            assert_eq!(objection(path, target), None, "{path} -> {target}");
        }
        for (path, target) in [
            ("a.yaml", "/etc/passwd"),
            ("a.yaml", "../a.yaml"),
            ("rules/a.yaml", "../../a.yaml"),
            ("rules/a.yaml", "./../x/../../a.yaml"),
            ("rules/a.yaml", "up/../../a.yaml"),
            ("a.yaml", ".git/config"),
            ("rules/a.yaml", "../.RULEKEEP/journal"),
            ("a", "GIT~1/config"),
            ("a", "x/.git. /config"),
            ("a", ".g\u{200c}it"),
            ("a", "RULEKE~1"),
            ("a.yaml", "C:/secrets"),
            ("a.yaml", "..\\secrets"),
        ] {
            assert!(objection(path, target).is_some(), "{path} -> {target}");
        }
    }
}
