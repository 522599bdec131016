//! Decides for every call which faults strike it.

use std::{
    collections::{HashMap, VecDeque},
    time::Duration,
};

use jiff::Timestamp;

use super::{Effect, Faults, Shape};

/// Faults at work: how many calls each has seen and struck.
#[derive(Debug, Default)]
pub(in crate::emulator) struct Active {
    faults: Faults,
    counts: Vec<Count>,
    windows: HashMap<(usize, String), VecDeque<i64>>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Count {
    seen: u64,
    struck: u64,
}

/// What strikes one call.
#[derive(Debug, Default)]
pub(in crate::emulator) struct Struck {
    /// Names of the faults, for the call log.
    pub(in crate::emulator) names: Vec<&'static str>,
    /// How long the answer waits.
    pub(in crate::emulator) delay: Duration,
    /// How old what a read sees is.
    pub(in crate::emulator) stale: Option<Duration>,
    /// What somebody else does first.
    pub(in crate::emulator) intrusion: Option<super::Intrusion>,
    /// What the client gets instead of the answer.
    pub(in crate::emulator) effect: Option<Effect>,
    /// A number that is chance but the same for the same seed.
    pub(in crate::emulator) dice: u64,
}

/// What a fault needs to know of a call.
pub(in crate::emulator) struct Call<'a> {
    pub(in crate::emulator) action: &'a str,
    /// Account and region.
    pub(in crate::emulator) scope: &'a str,
    pub(in crate::emulator) reads: bool,
    /// Rules or ids of a batch.
    pub(in crate::emulator) items: usize,
    pub(in crate::emulator) now: Timestamp,
}

impl Active {
    pub(in crate::emulator) fn new(faults: Faults) -> Self {
        Self {
            counts: vec![Count::default(); faults.faults.len()],
            windows: HashMap::new(),
            faults,
        }
    }

    pub(in crate::emulator) fn faults(&self) -> &Faults {
        &self.faults
    }

    /// Counts the call and says what strikes it.
    pub(in crate::emulator) fn strike(&mut self, call: &Call<'_>) -> Struck {
        let mut struck = Struck::default();
        for (index, fault) in self.faults.faults.iter().enumerate() {
            if !covers(&fault.action, call.action) || !possible(&fault.effect, call) {
                continue;
            }
            let decided = struck.effect.is_some();
            let exclusive = !matches!(
                fault.effect,
                Effect::Latency { .. } | Effect::Stale { .. } | Effect::Intrude { .. }
            );
            // A limit counts what gets so far only.
            if decided && exclusive {
                continue;
            }
            let count = &mut self.counts[index];
            let number = count.seen;
            count.seen += 1;
            let dice = dice(self.faults.seed, index, number);
            if number < fault.skip
                || fault.times.is_some_and(|times| count.struck >= times)
                || fraction(dice) >= fault.rate
            {
                continue;
            }
            let again = mix(dice ^ 0x5851_f42d_4c95_7f2d);
            match &fault.effect {
                Effect::Latency {
                    min_ms,
                    max_ms,
                    shape,
                } => struck.delay += wait(*min_ms, *max_ms, *shape, fraction(again)),
                Effect::Stale { ms } => struck.stale = Some(Duration::from_millis(*ms)),
                Effect::Intrude { what } => struck.intrusion = Some(*what),
                Effect::Limit {
                    calls,
                    window_ms,
                    retry_after,
                    code,
                } => {
                    let key = (index, format!("{} {}", call.action, call.scope));
                    let window = self.windows.entry(key).or_default();
                    let Some(left) = full(window, call.now, *calls, *window_ms) else {
                        continue;
                    };
                    struck.effect = Some(Effect::Throttle {
                        code: code.clone(),
                        retry_after_ms: retry_after.then_some(left),
                    });
                }
                other => struck.effect = Some(other.clone()),
            }
            count.struck += 1;
            struck.dice = again;
            struck.names.push(fault.effect.name());
        }
        struck
    }
}

/// Whether a pattern is for an action.
fn covers(pattern: &str, action: &str) -> bool {
    match pattern.strip_suffix('*') {
        Some(beginning) => action.starts_with(beginning),
        None => pattern == action,
    }
}

/// Whether the effect can happen to the call at all.
fn possible(effect: &Effect, call: &Call<'_>) -> bool {
    match effect {
        Effect::Partial { .. } => !call.reads && call.items > 1,
        Effect::Stale { .. } => call.reads,
        _ => true,
    }
}

/// Takes a place in the window, or says in how many milliseconds there is one.
fn full(window: &mut VecDeque<i64>, now: Timestamp, calls: usize, window_ms: u64) -> Option<u64> {
    let now = now.as_millisecond();
    let length = i64::try_from(window_ms).unwrap_or(i64::MAX);
    while window
        .front()
        .is_some_and(|first| first.saturating_add(length) <= now)
    {
        window.pop_front();
    }
    if window.len() < calls {
        window.push_back(now);
        return None;
    }
    let first = window.front().copied().unwrap_or(now);
    Some(
        u64::try_from(first.saturating_add(length) - now)
            .unwrap_or(1)
            .max(1),
    )
}

fn wait(min_ms: u64, max_ms: u64, shape: Shape, fraction: f64) -> Duration {
    let span = Duration::from_millis(max_ms.saturating_sub(min_ms));
    let part = match shape {
        Shape::Uniform => fraction,
        Shape::Tail => (-(1.0 - fraction).ln() / 5.0).min(1.0),
    };
    Duration::from_millis(min_ms) + span.mul_f64(part)
}

/// The same number for the same seed, fault and call, whatever else goes on.
fn dice(seed: u64, fault: usize, number: u64) -> u64 {
    let fault = u64::try_from(fault).unwrap_or(u64::MAX);
    mix(mix(mix(seed) ^ fault) ^ number)
}

/// SplitMix64.
fn mix(number: u64) -> u64 {
    let number = number.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let number = (number ^ (number >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let number = (number ^ (number >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    number ^ (number >> 31)
}

/// From 0 to below 1.
fn fraction(dice: u64) -> f64 {
    let bits = u32::try_from(dice >> 32).expect("32 bits are left");
    f64::from(bits) / (f64::from(u32::MAX) + 1.0)
}

#[cfg(test)]
mod tests {
    use super::{super::Fault, *};

    fn call(action: &str, ms: i64) -> Call<'_> {
        Call {
            action,
            scope: "1 cn-hangzhou",
            reads: action.starts_with("Describe"),
            items: 3,
            now: Timestamp::from_millisecond(ms).unwrap(),
        }
    }

    fn struck(faults: Faults, calls: usize) -> Vec<bool> {
        let mut active = Active::new(faults);
        (0..calls)
            .map(|_| active.strike(&call("X", 0)).effect.is_some())
            .collect()
    }

    #[test]
    fn the_seed_decides_which_calls_are_struck() {
        let faults = |seed| Faults::new(seed).with(Fault::new(Effect::throttle()).rate(0.2));
        let first = struck(faults(1), 1000);
        assert_eq!(first, struck(faults(1), 1000));
        assert_ne!(first, struck(faults(2), 1000));
        let hits = first.iter().filter(|hit| **hit).count();
        assert!((150..250).contains(&hits), "{hits}");
    }

    #[test]
    fn skip_and_times_bound_what_is_struck() {
        let fault = Fault::new(Effect::reset_after()).skip(2).times(3);
        assert_eq!(
            struck(Faults::new(1).with(fault), 7),
            [false, false, true, true, true, false, false]
        );
    }

    #[test]
    fn a_limit_lets_through_what_a_sliding_window_holds() {
        let limit = Effect::Limit {
            calls: 2,
            window_ms: 1000,
            retry_after: true,
            code: "Throttling.User".into(),
        };
        let mut active = Active::new(Faults::new(1).with(Fault::new(limit).on("Authorize*")));
        let mut at = |action: &'static str, ms| match active.strike(&call(action, ms)).effect {
            None => None,
            Some(Effect::Throttle { retry_after_ms, .. }) => retry_after_ms,
            Some(other) => panic!("{other:?}"),
        };
        assert_eq!(at("AuthorizeA", 0), None);
        assert_eq!(at("AuthorizeA", 400), None);
        assert_eq!(at("AuthorizeA", 900), Some(100));
        // Another action has a window of its own, and a refused call takes no place.
        assert_eq!(at("AuthorizeB", 900), None);
        assert_eq!(at("AuthorizeA", 1000), None);
        assert_eq!(at("AuthorizeA", 1000), Some(400));
        assert_eq!(at("Describe", 1000), None);
    }

    #[test]
    fn latencies_stay_within_their_limits() {
        for shape in [Shape::Uniform, Shape::Tail] {
            for part in [0.0, 0.5, 0.999_999] {
                let wait = wait(10, 30, shape, part);
                assert!(
                    (10..=30).contains(&wait.as_millis()),
                    "{shape:?} {part} {wait:?}"
                );
            }
        }
    }
}
