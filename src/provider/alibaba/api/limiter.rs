//! How fast an action may be called, per region: learnt from what the cloud accepts and what it refuses.
//!
//! The cloud counts the calls of each action over a window (a minute, says its documentation; how many are in it is
//! only shown in the Quota Center) and refuses what goes beyond, for everybody who uses the account. A lane sends freely until the first refusal, then
//! waits as long as the cloud asks, or with growing pauses, and tries with one call. From then on it knows about how
//! many calls fit into how long a window, and stops short of the next refusal; one call beyond, once a window, shows whether more fit by now.

use std::{
    collections::{BTreeMap, VecDeque},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::{sync::Notify, time::Instant};

use super::RetryPolicy;
use crate::model::RegionId;

/// No window is longer.
const LONGEST: Duration = Duration::from_secs(60);

/// The lanes of an account.
#[derive(Debug)]
pub(super) struct Limiter {
    policy: RetryPolicy,
    lanes: Mutex<BTreeMap<(RegionId, &'static str), Arc<Lane>>>,
}

impl Limiter {
    pub(super) fn new(policy: RetryPolicy) -> Self {
        Self {
            policy,
            lanes: Mutex::default(),
        }
    }

    /// The lane of one action in one region.
    pub(super) fn lane(&self, region: &RegionId, action: &'static str) -> Arc<Lane> {
        let mut lanes = self.lanes.lock().unwrap_or_else(PoisonError::into_inner);
        let lane = lanes.entry((region.clone(), action));
        Arc::clone(lane.or_insert_with(|| Arc::new(Lane::new(self.policy))))
    }
}

/// The calls of one action in one region.
#[derive(Debug)]
pub(super) struct Lane {
    policy: RetryPolicy,
    state: Mutex<State>,
    changed: Notify,
}

#[derive(Debug, Default)]
struct State {
    /// When calls were accepted, within [`LONGEST`].
    accepted: VecDeque<Instant>,
    in_flight: usize,
    limit: Option<Limit>,
    closed: Option<Closed>,
}

/// What was learnt.
#[derive(Clone, Copy, Debug)]
struct Limit {
    calls: usize,
    window: Duration,
    /// Whether a call was accepted right when the window said so.
    sure: bool,
    /// How many calls beyond it may be tried side by side.
    extra: usize,
    /// Not before that moment.
    extra_from: Instant,
}

/// Nobody may pass, but one to try.
#[derive(Clone, Copy, Debug)]
struct Closed {
    since: Instant,
    until: Instant,
    /// Refusals since then, one after the other.
    failures: u32,
    probing: bool,
    /// Whether nothing was known of how long it has to stay closed.
    blind: bool,
    /// Whether calls that were under way when it closed still count as accepted within the limit.
    counting: bool,
    /// Whether everybody who waited was sent away: whoever comes later has waited for nothing yet.
    given_up: bool,
    /// Whether it was left alone for so long that when it is tried says nothing of how long the window is.
    anew: bool,
}

enum Decision {
    Go { probe: bool },
    Wait(Option<Instant>),
    GiveUp,
}

/// Leave to make one call; what became of it is to be told.
#[derive(Debug)]
pub(super) struct Turn<'a> {
    lane: &'a Lane,
    probe: bool,
    told: bool,
}

impl Lane {
    fn new(policy: RetryPolicy) -> Self {
        Self {
            policy,
            state: Mutex::default(),
            changed: Notify::new(),
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until a call may be made; `None`: the cloud has refused for too long.
    pub(super) async fn enter(&self) -> Option<Turn<'_>> {
        loop {
            let changed = self.changed.notified();
            let decision = self.state().decide(Instant::now(), &self.policy);
            match decision {
                Decision::Go { probe } => {
                    return Some(Turn {
                        lane: self,
                        probe,
                        told: false,
                    });
                }
                Decision::GiveUp => return None,
                Decision::Wait(None) => changed.await,
                Decision::Wait(Some(until)) => tokio::select! {
                    () = changed => {}
                    () = tokio::time::sleep_until(until) => {}
                },
            }
        }
    }
}

impl State {
    fn decide(&mut self, now: Instant, policy: &RetryPolicy) -> Decision {
        if let Some(closed) = &mut self.closed {
            if now < closed.until {
                return match closed.is_hopeless(now, policy) {
                    true => Decision::GiveUp,
                    false => Decision::Wait(Some(closed.until)),
                };
            }
            if closed.probing {
                return Decision::Wait(None);
            }
            if closed.given_up || now >= closed.until + LONGEST {
                closed.start_anew(now);
            }
            closed.probing = true;
            self.in_flight += 1;
            return Decision::Go { probe: true };
        }
        if let Some(limit) = self.limit {
            let used = self.within(limit.window, now) + self.in_flight;
            let beyond = used.saturating_sub(limit.calls);
            if used >= limit.calls && (now < limit.extra_from || beyond >= limit.extra) {
                let free = self.nth_last(limit.calls).map(|at| at + limit.window);
                if !limit.sure && self.in_flight == 0 {
                    self.close(free.unwrap_or(now).max(now), now);
                }
                let next = free.filter(|free| *free > now);
                return Decision::Wait(match now < limit.extra_from {
                    true => Some(next.map_or(limit.extra_from, |n| n.min(limit.extra_from))),
                    false => next,
                });
            }
        }
        self.in_flight += 1;
        Decision::Go { probe: false }
    }

    /// How many of the accepted calls are younger than a window.
    fn within(&self, window: Duration, now: Instant) -> usize {
        let old = self.accepted.partition_point(|at| *at + window <= now);
        self.accepted.len() - old
    }

    fn nth_last(&self, n: usize) -> Option<Instant> {
        let at = self.accepted.len().checked_sub(n.max(1))?;
        self.accepted.get(at).copied()
    }

    fn close(&mut self, until: Instant, now: Instant) {
        self.closed = Some(Closed {
            since: now,
            until,
            failures: 0,
            probing: false,
            blind: false,
            counting: false,
            given_up: false,
            anew: false,
        });
    }

    fn accept(&mut self, now: Instant, probe: bool) {
        while self.accepted.front().is_some_and(|at| *at + LONGEST <= now) {
            self.accepted.pop_front();
        }
        if probe && let Some(closed) = self.closed.take() {
            let first = self.limit.and_then(|limit| self.nth_last(limit.calls));
            if closed.blind && closed.failures == 1 {
                self.limit = None; // No window ends that soon: it was something else.
            }
            if let Some(limit) = &mut self.limit {
                limit.sure |= closed.failures == 0 && !closed.anew;
                // The cloud did not say how long the window is, but now the first call is out of it.
                if closed.failures > 0
                    && let Some(first) = first
                {
                    limit.window = (now - first).min(LONGEST);
                    limit.extra_from = limit.extra_from.min(now + limit.window);
                }
            }
        } else if let (Some(closed), Some(limit)) = (&self.closed, &mut self.limit) {
            limit.calls += usize::from(closed.counting);
        }
        self.accepted.push_back(now);
        if let Some(limit) = self.limit {
            let used = self.within(limit.window, now);
            if used > limit.calls
                && let Some(limit) = &mut self.limit
            {
                limit.calls = used;
                limit.extra += 1;
            }
        }
    }

    /// `true`: the call shall not be tried again.
    fn refuse(
        &mut self,
        now: Instant,
        asked: Option<Duration>,
        probe: bool,
        policy: &RetryPolicy,
    ) -> bool {
        let until = |failures: u32| now + policy.pause(failures, asked);
        if !probe && let Some(closed) = &mut self.closed {
            if asked.is_some() {
                closed.until = closed.until.max(until(1));
            }
            return false;
        }
        // When the cloud does not say how long to wait, what was learnt before does.
        let known = self.limit.filter(|limit| {
            asked.is_none() && !probe && self.within(limit.window, now) >= limit.calls
        });
        let free = known.and_then(|limit| Some(self.nth_last(limit.calls)? + limit.window));
        if !probe {
            self.learn(now);
        }
        if let (Some(asked), Some(limit)) = (asked, self.limit)
            && let Some(first) = self.nth_last(limit.calls)
        {
            let window = (now + asked).saturating_duration_since(first).min(LONGEST);
            self.limit = Some(Limit {
                window,
                extra_from: limit.extra_from.min(now + window),
                sure: limit.sure && !probe,
                ..limit
            });
        }
        let mut closed = self.closed.take().unwrap_or(Closed {
            since: now,
            until: now,
            failures: 0,
            probing: false,
            blind: asked.is_none() && free.is_none(),
            counting: true,
            given_up: false,
            anew: false,
        });
        closed.failures += 1;
        closed.until = free.unwrap_or_else(|| until(closed.failures));
        closed.probing = false;
        closed.given_up = closed.is_hopeless(now, policy);
        self.closed = Some(closed);
        closed.given_up
    }

    /// How many calls were accepted before a refusal.
    fn learn(&mut self, now: Instant) {
        let window = self.limit.map_or(LONGEST, |limit| limit.window);
        let within = self.within(window, now);
        if within == 0 {
            return; // Others use up the account's share.
        }
        let calls = self.limit.map_or(within, |limit| limit.calls.min(within));
        self.limit = Some(Limit {
            calls,
            window,
            sure: self.limit.is_some_and(|limit| limit.sure),
            extra: 1,
            extra_from: now + window,
        });
    }
}

impl Closed {
    fn is_hopeless(&self, now: Instant, policy: &RetryPolicy) -> bool {
        self.failures >= policy.attempts && now - self.since >= policy.patience
    }

    /// Lanes outlive the calls of one pass: patience is that of those who wait now. What was learnt of the limit stays.
    fn start_anew(&mut self, now: Instant) {
        self.since = now;
        self.failures = 0;
        self.blind = false;
        self.given_up = false;
        self.anew = true;
    }
}

impl Turn<'_> {
    /// Whether the lane was closed since; whoever has not sent yet has to ask for another turn.
    pub(super) fn is_over(&self) -> bool {
        !self.probe && self.lane.state().closed.is_some()
    }

    /// The cloud has counted the call.
    pub(super) fn accepted(mut self) {
        self.told = true;
        let mut state = self.lane.state();
        state.in_flight -= 1;
        state.accept(Instant::now(), self.probe);
        drop(state);
        self.lane.changed.notify_waiters();
    }

    /// The cloud asked to slow down; `true`: it has for so long that the call shall not be tried again.
    pub(super) fn throttled(mut self, asked: Option<Duration>) -> bool {
        self.told = true;
        let mut state = self.lane.state();
        state.in_flight -= 1;
        let hopeless = state.refuse(Instant::now(), asked, self.probe, &self.lane.policy);
        drop(state);
        self.lane.changed.notify_waiters();
        hopeless
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        if self.told {
            return;
        }
        let mut state = self.lane.state();
        state.in_flight -= 1;
        if self.probe
            && let Some(closed) = &mut state.closed
        {
            closed.probing = false;
        }
        drop(state);
        self.lane.changed.notify_waiters();
    }
}

#[cfg(test)]
mod tests;
