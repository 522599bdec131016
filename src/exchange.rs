//! Rules in the files of others: the console's JSON and CSV, Terraform's state. Text <-> rules; no I/O.
//!
//! What a file holds is judged rule by rule: one that cannot be read says why and leaves the others alone.

mod csv;
mod json;
pub mod terraform;

use std::ops::Range;

use crate::model::{GroupId, ObservedGroup, ObservedRule, RegionId};

/// Most rules of a file that is imported, as in the console.
pub const MAX_IMPORT: usize = 200;

/// One rule of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileRule {
    /// Where it stands, in bytes.
    pub place: Range<usize>,
    /// The rule, or why there is none.
    pub rule: Result<ObservedRule, Problem>,
}

/// Why a rule of a file is none.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Problem {
    /// Outside 1 to 100: the console passes over such rules.
    #[error("priority {0} is outside 1..100")]
    Priority(String),
    /// Something else.
    #[error("{0}")]
    Unreadable(String),
}

/// The rules of a file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FileRules {
    /// In the order of the file.
    pub rules: Vec<FileRule>,
    /// Columns that mean nothing here; they were passed over.
    pub unknown_columns: Vec<String>,
}

/// Why a file as a whole cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FileError {
    /// Not JSON.
    #[error("it is no JSON: {0}")]
    NotJson(String),
    /// JSON of another shape.
    #[error(
        "it holds no list of rules: expected [..] or {{\"Permissions\": {{\"Permission\": [..]}}}}"
    )]
    NoRules,
    /// A quote is not closed.
    #[error("line {0}: a quoted field does not end")]
    OpenQuote(usize),
    /// Nothing in it.
    #[error("it is empty")]
    Empty,
    /// Columns without which no row is a rule.
    #[error("it has no column for {}; its columns are {}", missing.join(", "), has.join(", "))]
    MissingColumns {
        /// What is missing.
        missing: Vec<&'static str>,
        /// What is there.
        has: Vec<String>,
    },
    /// Two columns for one thing.
    #[error("the columns `{0}` and `{1}` mean the same")]
    SameColumns(String, String),
}

/// The console's JSON export: an array of rules as DescribeSecurityGroupAttribute returns them, no member lost.
pub fn to_json(group: &ObservedGroup) -> String {
    json::write(&group.rules)
}

/// A CSV file with a header.
pub fn to_csv(group: &ObservedGroup) -> String {
    csv::write(&group.rules)
}

/// Reads JSON of both forms: the array, and the API's answer.
pub fn from_json(text: &str) -> Result<FileRules, FileError> {
    json::read(text)
}

/// Reads CSV by the names of its columns, English and Chinese.
pub fn from_csv(text: &str) -> Result<FileRules, FileError> {
    csv::read(text)
}

/// The name that the console gives to a JSON export.
pub fn json_name(region: &RegionId, group: &GroupId) -> String {
    format!("ecs_{region}_{group}.json")
}

/// The name that the console gives to a CSV export, without the time.
pub fn csv_name(region: &RegionId, group: &GroupId) -> String {
    format!("ecs_sgRule_{group}_{region}.csv")
}

/// The region in the name of an exported file, where the name has one of the console's forms.
pub fn region_of(file_name: &str) -> Option<RegionId> {
    let rest = file_name.strip_prefix("ecs_")?;
    let is_region = |word: &&str| {
        let mut parts = word.split('-');
        let plain =
            |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_alphanumeric());
        word.contains('-')
            && !word.starts_with("sg-")
            && parts.all(plain)
            && word.starts_with(|c: char| c.is_ascii_lowercase())
    };
    let stem = rest.rsplit_once('.').map_or(rest, |(stem, _)| stem);
    stem.split('_').find(is_region).map(RegionId::new)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_region_is_in_the_names_that_the_console_gives() {
        let region = |name: &str| region_of(name).map(|region| region.to_string());
        assert_eq!(
            region("ecs_cn-qingdao_sg-123.json").as_deref(),
            Some("cn-qingdao")
        );
        assert_eq!(
            region("ecs_sgRule_sg-123_cn-qingdao_2020-01-20.csv").as_deref(),
            Some("cn-qingdao")
        );
        assert_eq!(region("rules.json"), None);
    }
}
