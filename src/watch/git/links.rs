//! Links in a commit: those that could lead out of its files.

/// Why a link must not be checked out, in words; `None`: wherever it leads is one of the commit's own files.
///
/// `..` counts at the beginning alone: there it goes up through folders of the commit. After a name it would depend on
/// where that name leads.
pub(super) fn objection(path: &str, target: &str) -> Option<&'static str> {
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
    let is_own = |part: &&str| {
        [".git", super::STATE]
            .iter()
            .any(|own| part.eq_ignore_ascii_case(own))
    };
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
            ("a.yaml", "C:/secrets"),
            ("a.yaml", "..\\secrets"),
        ] {
            assert!(objection(path, target).is_some(), "{path} -> {target}");
        }
    }
}
