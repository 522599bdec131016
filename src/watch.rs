//! When to make the next pass, and how to stop. It does not know what a rule is, nor what a pass does.
//!
//! A pass takes no word of what woke it and is safe to repeat. One is made at a time; whatever wakes the loop meanwhile
//! leads to one further pass.

mod backoff;
pub mod files;
pub mod git;
mod hooks;
mod metrics;
mod outcome;
pub mod server;
mod status;

#[cfg(test)]
mod tests;

use std::{future::Future, sync::Arc, time::Duration};

use tokio::{
    sync::{Notify, watch},
    time::{Instant, sleep, timeout_at},
};

pub use backoff::{Backoff, jittered};
pub use hooks::{Hooks, Secret};
pub use outcome::{BadCommit, Ending, PassOutcome};
pub use status::Status;

/// When passes are made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Schedule {
    /// From the end of a pass to the next one that nothing else has asked for.
    pub interval: Duration,
    /// From the end of a pass that failed to the next one.
    pub backoff: Backoff,
    /// What wakes the loop must be quiet for so long: an editor saves in several steps, a checkout in many.
    pub quiet: Duration,
    /// But no longer than this from the first wake-up on.
    pub patience: Duration,
}

impl Schedule {
    /// The defaults for an interval.
    pub fn every(interval: Duration) -> Self {
        let backoff = Backoff::default();
        Self {
            interval,
            backoff: Backoff {
                base: backoff.base.min(interval),
                ..backoff
            },
            quiet: Duration::from_millis(250),
            patience: Duration::from_secs(3),
        }
    }
}

/// How a pass ended, as far as the next one is concerned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ended {
    /// Trying again at once would change nothing.
    Well,
    /// As `Well`, but something is to be done after this time, if the next pass would be later.
    Waits(Duration),
    /// It failed for a reason that may pass: the next one comes sooner, but ever later the longer it goes on.
    Failed,
}

/// Asks the loop for a pass; any number of askings before it begins are one.
#[derive(Clone, Debug, Default)]
pub struct Wake(Arc<Notify>);

impl Wake {
    /// Asks for a pass.
    pub fn wake(&self) {
        // The permit is kept, once, while nobody waits for it.
        self.0.notify_one();
    }

    /// Ends when somebody has asked since it ended last.
    pub async fn woken(&self) {
        self.0.notified().await;
    }
}

/// Says when to end; every clone hears it, also when it looks later.
#[derive(Clone, Debug)]
pub struct Stop(watch::Receiver<bool>);

impl Stop {
    /// Told when a future ends. Needs a runtime, in which the future lives.
    pub fn when(told: impl Future<Output = ()> + Send + 'static) -> Self {
        let (sender, receiver) = watch::channel(false);
        tokio::spawn(async move {
            told.await;
            sender.send_replace(true);
            sender.closed().await;
        });
        Self(receiver)
    }

    /// Whether it is time to end.
    pub fn is_stopped(&self) -> bool {
        *self.0.borrow()
    }

    /// Ends when it is time to end.
    pub async fn stopped(&self) {
        let mut receiver = self.0.clone();
        if receiver.wait_for(|stopped| *stopped).await.is_err() {
            // The runtime is being taken down; nothing is to be said about stopping any more.
            std::future::pending().await
        }
    }
}

/// Makes passes until told to stop; a pass that is under way then is awaited.
pub async fn run(
    schedule: &Schedule,
    wake: &Wake,
    stop: &Stop,
    mut pass: impl AsyncFnMut() -> Ended,
) {
    let mut failures = 0;
    while !stop.is_stopped() {
        let pause = match pass().await {
            Ended::Well => {
                failures = 0;
                jittered(schedule.interval)
            }
            Ended::Waits(time) => {
                failures = 0;
                // Not at once: clocks differ by a little.
                let time = time.max(Duration::from_secs(1));
                jittered(schedule.interval).min(time)
            }
            Ended::Failed => {
                failures += 1;
                schedule.backoff.after(failures)
            }
        };
        tracing::debug!(?pause, failures, "waiting");
        tokio::select! {
            biased;
            () = stop.stopped() => return,
            () = settled(schedule, wake) => {}
            () = sleep(pause) => {}
        }
    }
}

/// Ends when somebody has asked for a pass and it has been quiet since.
async fn settled(schedule: &Schedule, wake: &Wake) {
    wake.woken().await;
    let latest = Instant::now() + schedule.patience;
    loop {
        let quiet = (Instant::now() + schedule.quiet).min(latest);
        let more = timeout_at(quiet, wake.woken()).await.is_ok();
        if !more {
            return;
        }
    }
}
