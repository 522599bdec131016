//! Parts of an estate that several runs plan and apply side by side.
//!
//! Groups of one VPC are ordered together, because one network interface may sit in several of them: a VPC, or the classic network of a
//! region, is therefore wholly in one part. Which one depends on account, region, VPC and the number of parts alone, so that runs that
//! see the estate at different moments still agree.

use std::{fmt, str::FromStr};

use sha2::{Digest as _, Sha256};

use crate::{
    desired::{DesiredGroup, Selector},
    model::Network,
};

/// Most parts.
const MOST: u32 = 10_000;

/// One of several parts of an estate.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Shard {
    /// From 0.
    index: u32,
    count: u32,
}

/// Why a text is no part of an estate.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ShardError {
    /// Not two numbers.
    #[error("not of the form I/N, such as 1/4; for the whole estate leave it out")]
    Malformed,
    /// No such part.
    #[error("there is no part {index} of {count}; parts are counted from 1 to {count}, or from 0")]
    Beyond {
        /// As written.
        index: u32,
        /// As written.
        count: u32,
    },
    /// Not a number of parts.
    #[error("the number of parts is from 1 to {MOST}")]
    Count,
}

impl FromStr for Shard {
    type Err = ShardError;

    /// `I/N`. Some count from 1, as CI does, some from 0, as Kubernetes does: 0/4 and 4/4 are the same part.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let number = |text: &str| -> Result<u32, ShardError> {
            let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
            let number = text.parse().ok().filter(|_| digits);
            number.ok_or(ShardError::Malformed)
        };
        let (index, count) = text.split_once('/').ok_or(ShardError::Malformed)?;
        let (index, count) = (number(index)?, number(count)?);
        if !(1..=MOST).contains(&count) {
            return Err(ShardError::Count);
        }
        if index > count {
            return Err(ShardError::Beyond { index, count });
        }
        Ok(Self {
            index: index % count,
            count,
        })
    }
}

impl TryFrom<String> for Shard {
    type Error = ShardError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<Shard> for String {
    fn from(shard: Shard) -> Self {
        shard.to_string()
    }
}

/// `1/4` to `4/4`.
impl fmt::Display for Shard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { index, count } = self;
        let index = if *index == 0 { count } else { index };
        write!(f, "{index}/{count}")
    }
}

impl Shard {
    /// Whether a group belongs to it. `network`: where the group is; without it, because there is no such group or more than one, its
    /// declaration decides, so that exactly one part tells of it.
    pub fn holds(self, group: &DesiredGroup, network: Option<&Network>) -> bool {
        let (kind, name) = match (network, &group.selector) {
            (Some(Network::Vpc(vpc)), _) | (None, Selector::Name { vpc: Some(vpc), .. }) => {
                ("vpc", vpc.as_str())
            }
            (Some(Network::Classic), _) => ("classic", ""),
            (None, Selector::Id(id)) => ("group", id.as_str()),
            (None, Selector::Name { name, vpc: None }) => ("group", name.as_str()),
        };
        let unit = [group.account.as_str(), group.region.as_str(), kind, name].join("\n");
        let digest = Sha256::digest(unit.as_bytes());
        let first = digest
            .first_chunk()
            .expect("a digest is longer than a number");
        u64::from_be_bytes(*first) % u64::from(self.count) == u64::from(self.index)
    }

    /// Whether a group may belong to it, as far as its declaration tells.
    pub fn may_hold(self, group: &DesiredGroup) -> bool {
        match &group.selector {
            Selector::Name { vpc: Some(_), .. } => self.holds(group, None),
            Selector::Name { vpc: None, .. } | Selector::Id(_) => true,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_are_counted_from_one_or_from_zero() {
        let shard = |text: &str| text.parse::<Shard>().map(|shard| shard.to_string());
        for (text, shown) in [
            ("1/4", "1/4"),
            ("4/4", "4/4"),
            ("0/4", "4/4"),
            ("0/1", "1/1"),
        ] {
            assert_eq!(shard(text).as_deref(), Ok(shown));
        }
        assert_eq!(shard("5/4"), Err(ShardError::Beyond { index: 5, count: 4 }));
        for text in ["", "1", "1/", "/4", "a/4", "+1/4", "-1/4", "1/4/2", "1 / 4"] {
            assert_eq!(shard(text), Err(ShardError::Malformed), "{text}");
        }
        for text in ["0/0", "1/10001"] {
            assert_eq!(shard(text), Err(ShardError::Count), "{text}");
        }
    }
}
