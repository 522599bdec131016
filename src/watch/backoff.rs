//! How long to wait after failures, and how waits are spread.

use std::time::Duration;

/// Waits that double from failure to failure up to a cap.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Backoff {
    /// Longest wait after the first failure.
    pub base: Duration,
    /// Longest wait of all.
    pub cap: Duration,
}

impl Default for Backoff {
    fn default() -> Self {
        Self {
            base: Duration::from_secs(5),
            cap: Duration::from_secs(300),
        }
    }
}

impl Backoff {
    /// How long to wait after so many failures in a row, from half of the wait to all of it.
    pub fn after(&self, failures: u32) -> Duration {
        self.after_with(failures, random())
    }

    fn after_with(&self, failures: u32, random: f64) -> Duration {
        let doubled = self
            .base
            .saturating_mul(1 << failures.saturating_sub(1).min(20));
        doubled.min(self.cap).mul_f64(0.5 + random / 2.0)
    }
}

/// A wait that is up to a tenth longer or shorter, so that many processes started together do not ask together.
pub fn jittered(wait: Duration) -> Duration {
    wait.mul_f64(0.9 + random() / 5.0)
}

/// From 0 to 1.
fn random() -> f64 {
    let (random, _) = uuid::Uuid::new_v4().as_u64_pair();
    random as f64 / u64::MAX as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_up_to_the_cap_and_never_fall_below_half() {
        let backoff = Backoff {
            base: Duration::from_secs(5),
            cap: Duration::from_secs(60),
        };
        let longest: Vec<u64> = (1..=6)
            .map(|failures| backoff.after_with(failures, 1.0).as_secs())
            .collect();
        assert_eq!(longest, [5, 10, 20, 40, 60, 60]);
        assert_eq!(backoff.after_with(3, 0.0), Duration::from_secs(10));
        assert_eq!(backoff.after_with(u32::MAX, 1.0), backoff.cap);
    }

    #[test]
    fn an_interval_is_spread_by_a_tenth() {
        for _ in 0..100 {
            let wait = jittered(Duration::from_secs(100)).as_secs_f64();
            assert!((89.9..110.1).contains(&wait), "{wait}");
        }
    }
}
