//! What tests of every module share.

/// How many cases a property runs over: few by default, as many as `RULEKEEP_PROPERTY_CASES` says.
pub(crate) fn cases(few: u32) -> u32 {
    std::env::var("RULEKEEP_PROPERTY_CASES").map_or(few, |text| {
        text.parse().expect("RULEKEEP_PROPERTY_CASES is a number")
    })
}
