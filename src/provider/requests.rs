//! How many requests were sent and what came of them, over the whole process: for metrics.

use std::{
    collections::BTreeMap,
    sync::{Mutex, MutexGuard, PoisonError},
};

use super::ProviderError;

/// Most kinds of outcomes that are told apart: codes come from outside.
const MOST_KINDS: usize = 1_000;

/// Requests by action and outcome.
pub type Counts = BTreeMap<(String, String), u64>;

/// By action, and then by outcome.
type Kinds = BTreeMap<String, BTreeMap<String, u64>>;

static COUNTS: Mutex<Kinds> = Mutex::new(BTreeMap::new());

fn locked() -> MutexGuard<'static, Kinds> {
    // Whoever panicked while counting leaves whole numbers behind.
    COUNTS.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Counts a request; `None`: it succeeded.
pub fn count(action: &str, error: Option<&ProviderError>) {
    let code = match error {
        None => "200",
        Some(ProviderError::Throttled { code, .. } | ProviderError::Refused { code, .. }) => code,
        Some(ProviderError::Unavailable { not_sent: true, .. }) => "no-connection",
        Some(ProviderError::Unavailable { .. }) => "unavailable",
        Some(ProviderError::Credentials { .. }) => "credentials",
        Some(ProviderError::Malformed { .. }) => "malformed",
        Some(ProviderError::NotSent { .. } | ProviderError::Stopped) => return,
    };
    let mut counts = locked();
    let known: usize = counts.values().map(BTreeMap::len).sum();
    // Without a copy of the two for what is counted already, which nearly everything is.
    if let Some(count) = counts.get_mut(action).and_then(|of_it| of_it.get_mut(code)) {
        *count += 1;
    } else if known < MOST_KINDS {
        let of_it = counts.entry(action.to_owned()).or_default();
        of_it.insert(code.to_owned(), 1);
    }
}

/// All of them up to now.
pub fn counts() -> Counts {
    let mut all = Counts::new();
    for (action, outcomes) in &*locked() {
        for (code, count) in outcomes {
            all.insert((action.clone(), code.clone()), *count);
        }
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_are_counted_by_what_came_of_them() {
        let error = ProviderError::Refused {
            code: "Forbidden.RAM".to_owned(),
            message: String::new(),
            request_id: String::new(),
        };
        let not_sent = ProviderError::NotSent {
            reason: String::new(),
        };
        count("OfThisTest", None);
        count("OfThisTest", Some(&error));
        count("OfThisTest", None);
        count("OfThisTest", Some(&not_sent));
        let counts = counts();
        let of_this: Vec<(&str, u64)> = counts
            .iter()
            .filter(|((action, _), _)| action == "OfThisTest")
            .map(|((_, code), count)| (&**code, *count))
            .collect();
        assert_eq!(of_this, [("200", 2), ("Forbidden.RAM", 1)]);
    }
}
