//! What goes wrong on purpose: throttling, delays, errors, broken connections, half-done batches, stale reads and somebody
//! else's writes. [`Faults`] says what, [`Active`] decides call by call; the engine and the listener carry it out.
//!
//! ```
//! use rulekeep::emulator::{Effect, Fault, Faults};
//! let faults = Faults::new(7)
//!     .with(Fault::new(Effect::throttle()).rate(0.2))
//!     .with(Fault::new(Effect::reset_after()).on("AuthorizeSecurityGroup*").rate(0.05))
//!     .with(Fault::new(Effect::error(503, "ServiceUnavailable")).skip(3).times(1));
//! ```

mod active;
mod text;

use serde::{Deserialize, Serialize};

pub(super) use self::active::{Active, Call, Struck};
pub use self::text::FaultError;

/// Everything that shall go wrong. The default: nothing.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Faults {
    /// Decides what happens by chance: the same seed strikes the same calls of each fault.
    pub seed: u64,
    /// How far the cloud's clock is ahead (or, when negative, behind), for signatures, times and the `Date` header.
    pub clock_skew_seconds: i64,
    /// For every call the list is gone through in its order. Latencies add up; the first other fault that strikes decides
    /// what the client gets, and stale reads and intrusions go together with it.
    pub faults: Vec<Fault>,
}

impl Faults {
    /// Nothing, with a seed for what is added.
    pub fn new(seed: u64) -> Self {
        Self {
            seed,
            ..Self::default()
        }
    }

    /// One more fault, behind the others.
    pub fn with(mut self, fault: Fault) -> Self {
        self.faults.push(fault);
        self
    }
}

/// One fault: what happens, to which calls, and how often.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Fault {
    /// Action that it is for; a `*` at the end stands for any rest, so `*` is every action.
    #[serde(default = "every_action")]
    pub action: String,
    /// Share of the calls that it strikes, from 0 to 1.
    #[serde(default = "always")]
    pub rate: f64,
    /// Calls of the action that pass before the first can be struck.
    #[serde(default)]
    pub skip: u64,
    /// Calls that it strikes at most.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub times: Option<u64>,
    /// What happens.
    pub effect: Effect,
}

fn every_action() -> String {
    "*".into()
}

fn always() -> f64 {
    1.0
}

impl Fault {
    /// A fault of every call of every action.
    pub fn new(effect: Effect) -> Self {
        Self {
            action: every_action(),
            rate: always(),
            skip: 0,
            times: None,
            effect,
        }
    }

    /// Only for this action; `Describe*` is every action that begins so.
    pub fn on(mut self, action: impl Into<String>) -> Self {
        self.action = action.into();
        self
    }

    /// Strikes this share of the calls.
    pub fn rate(mut self, rate: f64) -> Self {
        self.rate = rate;
        self
    }

    /// Lets that many calls pass first.
    pub fn skip(mut self, calls: u64) -> Self {
        self.skip = calls;
        self
    }

    /// Strikes at most that often.
    pub fn times(mut self, calls: u64) -> Self {
        self.times = Some(calls);
        self
    }
}

/// Before or after the call has had its effect.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum When {
    /// Nothing was done.
    #[default]
    Before,
    /// Everything was done; only the answer is lost.
    After,
}

/// How latencies are spread between their limits.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Shape {
    /// All equally likely.
    #[default]
    Uniform,
    /// Mostly short, with a long tail: exponential with a fifth of the span as its mean.
    Tail,
}

/// What somebody else does to the group that a call names, just before the call.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Intrusion {
    /// Adds an ingress rule for a port and an address that no other rule has.
    #[default]
    Add,
    /// Removes the oldest rule.
    Remove,
    /// Gives the oldest rule another description.
    Describe,
}

/// What happens to a call that is struck.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Effect {
    /// Refused as throttled, without effect.
    Throttle {
        /// `Throttling`, `Throttling.User`, `Throttling.Api`, ..
        #[serde(default = "throttling")]
        code: String,
        /// Sent as `x-acs-retry-after`.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        retry_after_ms: Option<u64>,
    },
    /// Throttled in earnest: so many calls of one action, account and region within any window of that length; those beyond
    /// are refused and do not count, so a client that slows down gets through. `rate` and `skip` decide what is counted.
    Limit {
        /// Calls in a window.
        calls: usize,
        /// Length of the window.
        window_ms: u64,
        /// Whether refusals say in `x-acs-retry-after` when the next call would pass.
        #[serde(default)]
        retry_after: bool,
        /// As in `Throttle`.
        #[serde(default = "throttling_user")]
        code: String,
    },
    /// The answer comes later; the effect comes at once.
    Latency {
        /// Shortest wait.
        min_ms: u64,
        /// Longest wait.
        max_ms: u64,
        /// What lies between.
        #[serde(default)]
        shape: Shape,
    },
    /// Any refusal: 500 `InternalError`, 503 `ServiceUnavailable`, 400 `InvalidSecurityToken.Expired`, ..
    Error {
        /// HTTP status.
        status: u16,
        /// Code of the answer.
        code: String,
        /// Text of the answer; the documented one for well-known codes unless given.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        message: Option<String>,
        /// Before or after the effect.
        #[serde(default)]
        when: When,
    },
    /// The connection is reset instead of an answer.
    Reset {
        /// Before or after the effect.
        #[serde(default)]
        when: When,
    },
    /// After the effect the answer ends in the middle and the connection with it.
    Truncate {
        /// How much of the body is sent.
        #[serde(default = "half")]
        percent: u8,
    },
    /// After the effect the answer is a page of HTML, as a broken proxy sends it.
    Garbage {
        /// HTTP status.
        #[serde(default = "ok")]
        status: u16,
    },
    /// Of a call with several rules or ids only some of the first are done, then the answer is 500 `InternalError`. Calls
    /// with fewer than two are not struck.
    Partial {
        /// How many are done; by chance unless given.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        items: Option<usize>,
    },
    /// A reading call sees everything as it was this long ago.
    Stale {
        /// How long.
        ms: u64,
    },
    /// Somebody else changes the group just before the call.
    Intrude {
        /// What they do.
        #[serde(default)]
        what: Intrusion,
    },
}

fn throttling() -> String {
    "Throttling".into()
}

fn throttling_user() -> String {
    "Throttling.User".into()
}

fn half() -> u8 {
    50
}

fn ok() -> u16 {
    200
}

impl Effect {
    /// Throttled, without a word about when to come back.
    pub fn throttle() -> Self {
        Self::Throttle {
            code: throttling(),
            retry_after_ms: None,
        }
    }

    /// Throttled, with `x-acs-retry-after`.
    pub fn throttle_for(retry_after_ms: u64) -> Self {
        Self::Throttle {
            code: throttling(),
            retry_after_ms: Some(retry_after_ms),
        }
    }

    /// So many calls in any window of that length.
    pub fn limit(calls: usize, window_ms: u64) -> Self {
        Self::Limit {
            calls,
            window_ms,
            retry_after: false,
            code: throttling_user(),
        }
    }

    /// Answers that take between so and so long.
    pub fn latency(min_ms: u64, max_ms: u64) -> Self {
        Self::Latency {
            min_ms,
            max_ms,
            shape: Shape::Uniform,
        }
    }

    /// A refusal without effect.
    pub fn error(status: u16, code: impl Into<String>) -> Self {
        Self::Error {
            status,
            code: code.into(),
            message: None,
            when: When::Before,
        }
    }

    /// A refusal of a call that was done all the same.
    pub fn error_after(status: u16, code: impl Into<String>) -> Self {
        Self::Error {
            status,
            code: code.into(),
            message: None,
            when: When::After,
        }
    }

    /// A reset connection, nothing done.
    pub fn reset_before() -> Self {
        Self::Reset { when: When::Before }
    }

    /// A reset connection, everything done.
    pub fn reset_after() -> Self {
        Self::Reset { when: When::After }
    }

    /// An answer that ends in the middle.
    pub fn truncate() -> Self {
        Self::Truncate { percent: half() }
    }

    /// An answer that is no answer of the cloud.
    pub fn garbage() -> Self {
        Self::Garbage { status: ok() }
    }

    /// A batch that is done in part.
    pub fn partial() -> Self {
        Self::Partial { items: None }
    }

    /// A read that sees what was.
    pub fn stale(ms: u64) -> Self {
        Self::Stale { ms }
    }

    /// Somebody else's write before this one.
    pub fn intrude(what: Intrusion) -> Self {
        Self::Intrude { what }
    }

    /// Its name in files and in the call log.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Throttle { .. } => "throttle",
            Self::Limit { .. } => "limit",
            Self::Latency { .. } => "latency",
            Self::Error { .. } => "error",
            Self::Reset { .. } => "reset",
            Self::Truncate { .. } => "truncate",
            Self::Garbage { .. } => "garbage",
            Self::Partial { .. } => "partial",
            Self::Stale { .. } => "stale",
            Self::Intrude { .. } => "intrude",
        }
    }
}
