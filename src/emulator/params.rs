//! The parameters of one call: names with dots and indices, values as text.

use std::collections::{BTreeMap, BTreeSet};

use super::error::{ApiError, bad, invalid_parameter};

/// Most members of an array in one call (AuthorizeSecurityGroup, RevokeSecurityGroup).
pub(super) const MAX_ITEMS: usize = 100;

/// Decoded parameters. An empty value counts as absent; [`Params::is_emptied`] tells the two apart.
#[derive(Clone, Debug, Default)]
pub struct Params(BTreeMap<String, String>);

impl Params {
    pub(super) fn new(values: BTreeMap<String, String>) -> Self {
        Self(values)
    }

    /// The value, unless it is empty.
    pub(super) fn get(&self, name: &str) -> Option<&str> {
        self.0
            .get(name)
            .map(String::as_str)
            .filter(|value| !value.is_empty())
    }

    /// Whether the parameter was sent with an empty value.
    pub(super) fn is_emptied(&self, name: &str) -> bool {
        self.0.get(name).is_some_and(String::is_empty)
    }

    /// Every name and value, sorted by name.
    pub(super) fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(name, value)| (&**name, &**value))
    }

    /// Number of members of the array `name`: its indices are 1 to that number.
    pub(super) fn count(&self, name: &str, most: usize) -> Result<usize, ApiError> {
        let mut seen = BTreeSet::new();
        for (_, index, _) in self.members(name) {
            let index = index
                .parse::<usize>()
                .ok()
                .filter(|n| *n >= 1 && n.to_string() == index)
                .ok_or_else(|| invalid_parameter(name))?;
            seen.insert(index);
        }
        let count = seen.len();
        if count > most {
            return Err(bad(
                "InvalidParameter",
                format!("The specified parameter {name} has more than {most} items."),
            ));
        }
        if seen.last().is_some_and(|last| *last != count) {
            return Err(invalid_parameter(name));
        }
        Ok(count)
    }

    /// Number of different indices of an array, however wrong they are.
    pub(super) fn rough_count(&self, name: &str) -> usize {
        self.members(name)
            .map(|(_, index, _)| index)
            .collect::<BTreeSet<_>>()
            .len()
    }

    /// The same parameters, of the array `name` only the first members.
    pub(super) fn first_of(&self, name: &str, members: usize) -> Self {
        let prefix = format!("{name}.");
        let kept = self.0.iter().filter(|(key, _)| {
            let Some(rest) = key.strip_prefix(&prefix) else {
                return true;
            };
            let index = rest.split('.').next().unwrap_or_default();
            index.parse::<usize>().is_ok_and(|index| index <= members)
        });
        Self(
            kept.map(|(key, value)| (key.clone(), value.clone()))
                .collect(),
        )
    }

    /// The values of a plain list, `name.1`, `name.2`, ..
    pub(super) fn list(&self, name: &str, most: usize) -> Result<Vec<&str>, ApiError> {
        (1..=self.count(name, most)?)
            .map(|n| {
                self.get(&format!("{name}.{n}"))
                    .ok_or_else(|| invalid_parameter(name))
            })
            .collect()
    }

    /// The members of one object in an array, by their own names.
    pub(super) fn object(&self, name: &str, index: usize) -> BTreeMap<String, String> {
        let prefix = format!("{name}.{index}.");
        self.0
            .range(prefix.clone()..)
            .take_while(|(key, _)| key.starts_with(&prefix))
            .filter(|(_, value)| !value.is_empty())
            .map(|(key, value)| (key[prefix.len()..].to_owned(), value.clone()))
            .collect()
    }

    /// A whole number within limits.
    pub(super) fn integer(
        &self,
        name: &str,
        limits: std::ops::RangeInclusive<usize>,
        refusal: impl FnOnce() -> ApiError,
    ) -> Result<Option<usize>, ApiError> {
        let Some(text) = self.get(name) else {
            return Ok(None);
        };
        match text.parse::<usize>() {
            Ok(number) if limits.contains(&number) && !text.starts_with('+') => Ok(Some(number)),
            _ => Err(refusal()),
        }
    }

    /// `true` or `false`.
    pub(super) fn boolean(&self, name: &str) -> Result<Option<bool>, ApiError> {
        match self.get(name) {
            None => Ok(None),
            Some(text) if text.eq_ignore_ascii_case("true") => Ok(Some(true)),
            Some(text) if text.eq_ignore_ascii_case("false") => Ok(Some(false)),
            Some(_) => Err(invalid_parameter(name)),
        }
    }

    /// Key, index and rest of every non-empty parameter of an array.
    fn members<'a>(&'a self, name: &str) -> impl Iterator<Item = (&'a str, &'a str, &'a str)> {
        let prefix = format!("{name}.");
        let length = prefix.len();
        self.0
            .range(prefix.clone()..)
            .take_while(move |(key, _)| key.starts_with(&prefix))
            .filter(|(_, value)| !value.is_empty())
            .map(move |(key, _)| {
                let rest = &key[length..];
                let (index, member) = rest.split_once('.').unwrap_or((rest, ""));
                (&**key, index, member)
            })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn params(pairs: &[(&str, &str)]) -> Params {
        Params::new(
            pairs
                .iter()
                .map(|(n, v)| ((*n).to_owned(), (*v).to_owned()))
                .collect(),
        )
    }

    #[test]
    fn lists_are_in_the_order_of_their_numbers() {
        let names: Vec<_> = (1..=12)
            .map(|n| (format!("Id.{n}"), n.to_string()))
            .collect();
        let pairs: Vec<_> = names.iter().map(|(n, v)| (&**n, &**v)).collect();
        let expected: Vec<_> = (1..=12).map(|n| n.to_string()).collect();
        assert_eq!(params(&pairs).list("Id", 100).unwrap(), expected);
    }

    #[test]
    fn a_list_with_a_gap_or_too_many_items_is_refused() {
        for pairs in [
            &[("Id.1", "a"), ("Id.3", "b")][..],
            &[("Id.0", "a")],
            &[("Id.x", "a")],
            &[("Id.01", "a")],
        ] {
            assert_eq!(
                params(pairs).list("Id", 5).unwrap_err().code,
                "InvalidParameter"
            );
        }
        let error = params(&[("Id.1", "a"), ("Id.2", "b")])
            .list("Id", 1)
            .unwrap_err();
        assert_eq!(error.code, "InvalidParameter");
    }

    #[test]
    fn an_empty_value_counts_as_absent() {
        let params = params(&[("A", ""), ("P.1.B", "x"), ("P.1.C", "")]);
        assert_eq!(params.get("A"), None);
        assert!(params.is_emptied("A"));
        assert_eq!(params.object("P", 1).len(), 1);
    }
}
