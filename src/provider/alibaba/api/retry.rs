//! Which failures are repeated, and when: the one place that decides it.

use std::time::Duration;

use crate::provider::ProviderError;

/// Tries of one call, with exponential backoff and jitter.
///
/// Reads and writes are treated alike, because every write carries a ClientToken that stays the same over its tries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RetryPolicy {
    /// Most tries, the first included.
    pub attempts: u32,
    /// Most tries where not even a connection can be made.
    pub connects: u32,
    /// Most tries where a connection is made and no answer comes in time.
    pub silences: u32,
    /// Longest wait after the first failure; doubled after each further one.
    pub base: Duration,
    /// Longest wait of all, unless the cloud asks for a longer one.
    pub cap: Duration,
    /// How long an action may be throttled without a single call coming through before its calls are given up.
    pub patience: Duration,
}

/// The cloud throttles an action until the end of the minute, and other users of the account may be first after it.
impl Default for RetryPolicy {
    fn default() -> Self {
        Self {
            attempts: 10,
            connects: 3,
            silences: 3,
            base: Duration::from_millis(500),
            cap: Duration::from_secs(20),
            patience: Duration::from_secs(180),
        }
    }
}

/// Longest wait that the cloud may ask for.
const LONGEST_ASKED: Duration = Duration::from_secs(60);

/// Longest wait between tries whether an action is still throttled.
const LONGEST_PAUSE: Duration = Duration::from_secs(7);

impl RetryPolicy {
    /// How long to wait after so many failures of a kind that ends after `most`; `None`: give up.
    pub(super) fn delay(
        &self,
        failures: u32,
        most: u32,
        error: &ProviderError,
    ) -> Option<Duration> {
        self.delay_with(failures, most, error, jitter())
    }

    /// How long an action is left alone after so many throttled tries.
    pub(super) fn pause(&self, failures: u32, asked: Option<Duration>) -> Duration {
        match asked {
            Some(asked) => asked.min(LONGEST_ASKED).mul_f64(1.0 + jitter() / 100.0),
            None => self.backoff(failures, LONGEST_PAUSE, jitter()),
        }
    }

    fn backoff(&self, failures: u32, cap: Duration, jitter: f64) -> Duration {
        let doubled = self.base.saturating_mul(1 << (failures.max(1) - 1).min(20));
        doubled.min(self.cap.min(cap)).mul_f64(0.5 + jitter / 2.0)
    }

    fn delay_with(
        &self,
        failures: u32,
        most: u32,
        error: &ProviderError,
        jitter: f64,
    ) -> Option<Duration> {
        let asked = match error {
            ProviderError::Throttled { retry_after, .. } => *retry_after,
            ProviderError::Unavailable { .. } => None,
            ProviderError::Refused { .. }
            | ProviderError::Credentials { .. }
            | ProviderError::Malformed { .. }
            | ProviderError::NotSent { .. }
            | ProviderError::Stopped => return None,
        };
        if failures >= most.min(self.attempts) {
            return None;
        }
        let wait = self.backoff(failures, self.cap, jitter);
        // Those who were asked to wait for the same time shall not come back at the same time.
        Some(asked.map_or(wait, |asked| {
            asked
                .min(LONGEST_ASKED)
                .mul_f64(1.0 + jitter / 10.0)
                .max(wait)
        }))
    }
}

/// From 0 to 1.
fn jitter() -> f64 {
    let (random, _) = uuid::Uuid::new_v4().as_u64_pair();
    f64::from(u32::try_from(random >> 32).expect("32 bits remain")) / f64::from(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn throttled(retry_after: Option<Duration>) -> ProviderError {
        ProviderError::Throttled {
            code: "Throttling".to_owned(),
            retry_after,
        }
    }

    #[test]
    fn waits_double_up_to_the_cap_and_end_with_the_attempts() {
        let policy = RetryPolicy::default();
        let waits: Vec<_> = (1..=10)
            .map(|failures| policy.delay_with(failures, policy.attempts, &throttled(None), 1.0))
            .map(|wait| wait.map(|wait| wait.as_millis()))
            .collect();
        let expected = [500, 1000, 2000, 4000, 8000, 16000, 20000, 20000, 20000];
        assert_eq!(waits[..9], expected.map(Some));
        assert_eq!(waits[9], None);
    }

    #[test]
    fn jitter_takes_at_most_half_of_a_wait() {
        let policy = RetryPolicy::default();
        let least = policy.delay_with(1, policy.attempts, &throttled(None), 0.0);
        assert_eq!(least, Some(Duration::from_millis(250)));
        for _ in 0..1000 {
            let wait = policy.delay(1, policy.attempts, &throttled(None)).unwrap();
            assert!((250..=500).contains(&wait.as_millis()), "{wait:?}");
        }
    }

    #[test]
    fn the_cloud_may_ask_for_a_longer_wait_but_not_for_hours() {
        let policy = RetryPolicy::default();
        for (asked, waited) in [(0, 250), (7000, 7000), (3_600_000, 60_000)] {
            let error = throttled(Some(Duration::from_millis(asked)));
            let wait = policy.delay_with(1, policy.attempts, &error, 0.0).unwrap();
            assert_eq!(wait.as_millis(), waited);
        }
    }

    #[test]
    fn permanent_errors_are_not_repeated_and_missing_connections_seldom() {
        let policy = RetryPolicy::default();
        let refused = ProviderError::Refused {
            code: "Forbidden.RAM".to_owned(),
            message: String::new(),
            request_id: String::new(),
        };
        assert_eq!(policy.delay(1, policy.attempts, &refused), None);
        let unreachable = ProviderError::Unavailable {
            message: String::new(),
            request_id: None,
            not_sent: true,
        };
        let delay = |failures| policy.delay(failures, policy.connects, &unreachable);
        assert!(delay(2).is_some());
        assert_eq!(delay(3), None);
    }
}
