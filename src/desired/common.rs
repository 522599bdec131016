//! What the project file and group files both may say: thresholds, quota.

use crate::desired::{
    Limits, Threshold,
    fields::{Fields, Out, Shape, number},
    yaml::Node,
};

/// Keys of `guard`.
pub(super) const GUARD: Shape = Shape {
    what: "`guard`",
    keys: &["max_deletes", "max_changes"],
    synonyms: &[(
        "baseline",
        "a key of `guard` in the project file; a group is excused with `waivers`",
    )],
};

/// Keys of `guard` in the project file.
pub(super) const PROJECT_GUARD: Shape = Shape {
    what: "`guard`",
    keys: &["max_deletes", "max_changes", "baseline"],
    synonyms: &[],
};

/// Keys of a threshold.
pub(super) const THRESHOLD: Shape = Shape {
    what: "a threshold",
    keys: &["percent", "from"],
    synonyms: &[],
};

/// The number of rules that a group may hold.
pub(super) fn quota(node: &Node<'_>, out: &mut Out) -> Option<u32> {
    number(node, "quota", 1..=100_000, out).and_then(|quota| u32::try_from(quota).ok())
}

/// Thresholds under `guard`; what is not said is as before.
pub(super) fn limits(guard: Option<&Fields<'_, '_>>, mut limits: Limits, out: &mut Out) -> Limits {
    let Some(guard) = guard else {
        return limits;
    };
    for (key, threshold) in [
        ("max_deletes", &mut limits.max_deletes),
        ("max_changes", &mut limits.max_changes),
    ] {
        let Some(sub) = guard
            .get(key)
            .and_then(|node| Fields::read(node, &THRESHOLD, out))
        else {
            continue;
        };
        let Threshold { percent, from } = threshold;
        let said = sub
            .get("percent")
            .and_then(|node| number(node, "percent", 0..=100, out))
            .and_then(|percent| u8::try_from(percent).ok());
        *percent = said.unwrap_or(*percent);
        let said = sub
            .get("from")
            .and_then(|node| number(node, "from", 0..=i64::from(u32::MAX), out))
            .and_then(|from| u32::try_from(from).ok());
        *from = said.unwrap_or(*from);
    }
    limits
}
