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

/// Client tokens, oldest first. A clone is cheap: it shares them.
#[derive(Clone, Debug, Default, PartialEq)]
pub(in crate::emulator) struct Tokens(Arc<Remembered>);

#[derive(Clone, Debug, Default, PartialEq)]
struct Remembered {
    known: HashMap<Box<str>, Arc<Used>>,
    /// May hold a key twice, where it was used again after its day; the later one is the one that is known.
    order: VecDeque<Arc<Used>>,
}

impl Tokens {
    /// The call that had the key, unless it is too long ago.
    pub(in crate::emulator) fn find(&mut self, key: &str, now: Timestamp) -> Option<&Used> {
        self.expire(now);
        self.0.known.get(key).map(|used| &**used)
    }

    /// Remembers a call, and none that is too old by its time.
    pub(in crate::emulator) fn remember(&mut self, used: Used) {
        self.expire(used.at);
        let used = Arc::new(used);
        let inner = Arc::make_mut(&mut self.0);
        if inner.order.len() == MOST {
            inner.drop_oldest();
        }
        inner.known.insert(used.key.clone(), Arc::clone(&used));
        inner.order.push_back(used);
    }

    /// Forgets the call that was remembered last.
    pub(in crate::emulator) fn forget_last(&mut self) {
        let inner = Arc::make_mut(&mut self.0);
        if let Some(last) = inner.order.pop_back() {
            inner.forget(&last);
        }
    }

    fn expire(&mut self, now: Timestamp) {
        let is_old = |used: &Arc<Used>| now.duration_since(used.at) > LIFE;
        while self.0.order.front().is_some_and(is_old) {
            Arc::make_mut(&mut self.0).drop_oldest();
        }
    }

    /// All of them, oldest first.
    pub(in crate::emulator) fn iter(&self) -> impl Iterator<Item = &Used> {
        self.0.order.iter().map(|used| &**used)
    }
}

impl Remembered {
    fn drop_oldest(&mut self) {
        if let Some(oldest) = self.order.pop_front() {
            self.forget(&oldest);
        }
    }

    /// Only the entry itself: the key may have been used again.
    fn forget(&mut self, used: &Arc<Used>) {
        let known = self.known.get(&used.key);
        if known.is_some_and(|known| Arc::ptr_eq(known, used)) {
            self.known.remove(&used.key);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn used(key: &str, hour: i64) -> Used {
        Used {
            key: key.into(),
            params: "".into(),
            answer: format!("{key} at {hour}").into(),
            at: at(hour),
        }
    }

    fn at(hour: i64) -> Timestamp {
        Timestamp::constant(1_704_067_200, 0) + SignedDuration::from_hours(hour)
    }

    fn answer(tokens: &mut Tokens, key: &str, hour: i64) -> Option<String> {
        let used = tokens.find(key, at(hour))?;
        Some(used.answer.to_string())
    }

    #[test]
    fn a_key_that_is_there_twice_is_known_until_its_later_use_is_old() {
        let mut tokens = Tokens::default();
        tokens.remember(used("a", 0));
        tokens.remember(used("a", 10));
        assert_eq!(answer(&mut tokens, "a", 30).as_deref(), Some("a at 10"));
        assert_eq!(tokens.iter().count(), 1);
        assert_eq!(answer(&mut tokens, "a", 35), None);
    }

    #[test]
    fn the_call_that_was_remembered_last_is_forgotten_and_no_other() {
        let mut tokens = Tokens::default();
        tokens.remember(used("a", 0));
        tokens.remember(used("b", 1));
        tokens.forget_last();
        assert_eq!(answer(&mut tokens, "b", 2), None);
        assert_eq!(answer(&mut tokens, "a", 2).as_deref(), Some("a at 0"));
    }

    #[test]
    fn what_is_a_day_older_than_the_latest_is_not_kept() {
        let mut tokens = Tokens::default();
        for hour in 0..100 {
            tokens.remember(used(&format!("t{hour}"), hour));
        }
        assert_eq!(tokens.iter().count(), 25);
        // A clone shares them, and does not see what comes later.
        let before = tokens.clone();
        assert!(Arc::ptr_eq(&before.0, &tokens.0));
        tokens.remember(used("late", 100));
        assert_eq!(before.iter().count(), 25);
        assert_eq!(before.iter().last().map(|used| &*used.key), Some("t99"));
    }
}
