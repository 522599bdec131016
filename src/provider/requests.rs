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

static COUNTS: Mutex<Counts> = Mutex::new(BTreeMap::new());

fn locked() -> MutexGuard<'static, Counts> {
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
    let known = counts.len();
    let kind = (action.to_owned(), code.to_owned());
    if let Some(count) = counts.get_mut(&kind) {
        *count += 1;
    } else if known < MOST_KINDS {
        counts.insert(kind, 1);
    }
}

/// All of them up to now.
pub fn counts() -> Counts {
    locked().clone()
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
