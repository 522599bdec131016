//! Client tokens of calls that succeeded, with what was answered.

use std::{
    collections::{HashMap, VecDeque},
    sync::Arc,
};

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

/// How long a client token is remembered.
const LIFE: SignedDuration = SignedDuration::from_hours(24);

/// Most client tokens that are remembered.
const MOST: usize = 10_000;

/// A call with a client token.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::emulator) struct Used {
    /// Account, action and token.
    pub(in crate::emulator) key: Box<str>,
    /// Hash of the other parameters.
    pub(in crate::emulator) params: Box<str>,
    /// What was answered.
    pub(in crate::emulator) answer: Box<str>,
    /// When.
    pub(in crate::emulator) at: Timestamp,
}

/// Client tokens, oldest first.
#[derive(Clone, Debug, Default, PartialEq)]
pub(in crate::emulator) struct Tokens {
    known: HashMap<Box<str>, Arc<Used>>,
    order: VecDeque<Arc<Used>>,
}

impl Tokens {
    /// The call that had the key, unless it is too long ago.
    pub(in crate::emulator) fn find(&mut self, key: &str, now: Timestamp) -> Option<&Used> {
        while let Some(oldest) = self.order.front()
            && now.duration_since(oldest.at) > LIFE
        {
            self.drop_oldest();
        }
        self.known.get(key).map(|used| &**used)
    }

    /// Remembers a call.
    pub(in crate::emulator) fn remember(&mut self, used: Used) {
        if self.order.len() == MOST {
            self.drop_oldest();
        }
        let used = Arc::new(used);
        self.known.insert(used.key.clone(), Arc::clone(&used));
        self.order.push_back(used);
    }

    /// Forgets the call that was remembered last.
    pub(in crate::emulator) fn forget_last(&mut self) {
        if let Some(last) = self.order.pop_back() {
            self.known.remove(&last.key);
        }
    }

    fn drop_oldest(&mut self) {
        if let Some(oldest) = self.order.pop_front() {
            self.known.remove(&oldest.key);
        }
    }

    /// All of them, oldest first.
    pub(in crate::emulator) fn iter(&self) -> impl Iterator<Item = &Used> {
        self.order.iter().map(|used| &**used)
    }
}
