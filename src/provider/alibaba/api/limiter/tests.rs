//! Against a cloud that counts, in paused time.

use std::{
    collections::VecDeque,
    sync::atomic::{AtomicUsize, Ordering},
};

use futures_util::{StreamExt as _, stream};

use super::*;

/// How the cloud counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Counting {
    /// So many in any time of that length.
    Sliding,
    /// So many from each full minute to the next.
    Fixed,
    /// Not at all: every fifth call is refused.
    Chance,
}

/// A cloud that takes so many calls in a window.
struct Cloud {
    counting: Counting,
    calls: AtomicUsize,
    window: Duration,
    /// Whether it says how long to wait.
    says: bool,
    start: Instant,
    accepted: Mutex<VecDeque<Instant>>,
    refused: AtomicUsize,
}

impl Cloud {
    fn new(counting: Counting, says: bool, window: Duration) -> Self {
        Self {
            counting,
            calls: AtomicUsize::new(300),
            window,
            says,
            start: Instant::now(),
            accepted: Mutex::default(),
            refused: AtomicUsize::new(0),
        }
    }

    /// `Err`: refused, and how long to wait if it says so.
    fn call(&self) -> Result<(), Option<Duration>> {
        let now = Instant::now();
        let mut accepted = self.accepted.lock().unwrap();
        if self.counting == Counting::Chance {
            let number = self.calls.fetch_add(1, Ordering::Relaxed);
            if number % 5 == 4 {
                self.refused.fetch_add(1, Ordering::Relaxed);
                return Err(None);
            }
            return Ok(());
        }
        let ends = |at: Instant| match self.counting {
            Counting::Chance | Counting::Sliding => at + self.window,
            Counting::Fixed => {
                let windows = (at - self.start).as_nanos() / self.window.as_nanos();
                self.start + self.window * (u32::try_from(windows).unwrap() + 1)
            }
        };
        while accepted.front().is_some_and(|at| ends(*at) <= now) {
            accepted.pop_front();
        }
        if accepted.len() < self.calls.load(Ordering::Relaxed) {
            accepted.push_back(now);
            return Ok(());
        }
        self.refused.fetch_add(1, Ordering::Relaxed);
        Err(self.says.then(|| ends(accepted[0]) - now))
    }
}

fn lane() -> Lane {
    Lane::new(RetryPolicy::default())
}

/// Makes calls, ten at a time, each answered after 100 ms; how long it took.
async fn make(lane: &Lane, cloud: &Cloud, calls: usize) -> Duration {
    let begin = Instant::now();
    let work = (0..calls).map(async |_| {
        loop {
            let turn = lane.enter().await.expect("it never gives up");
            tokio::time::sleep(Duration::from_millis(50)).await;
            let answer = cloud.call();
            tokio::time::sleep(Duration::from_millis(50)).await;
            match answer {
                Ok(()) => return turn.accepted(),
                Err(asked) => assert!(!turn.throttled(asked)),
            }
        }
    });
    stream::iter(work)
        .buffer_unordered(10)
        .collect::<()>()
        .await;
    begin.elapsed()
}

fn minute(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

#[tokio::test(start_paused = true)]
async fn nine_hundred_calls_into_windows_of_three_hundred_take_two_windows_and_few_are_refused() {
    for counting in [Counting::Sliding, Counting::Fixed] {
        for (says, window) in [(true, minute(60)), (false, minute(60)), (true, minute(20))] {
            let cloud = Cloud::new(counting, says, window);
            let took = make(&lane(), &cloud, 900).await;
            // Two windows, and what the last 300 calls take by themselves.
            let least = window * 2 + minute(3);
            let refused = cloud.refused.load(Ordering::Relaxed);
            assert!(
                took <= least.mul_f64(1.1),
                "{counting:?} {says} {window:?}: {took:?}, least {least:?}"
            );
            assert!(
                refused < 27,
                "{counting:?} {says} {window:?}: {refused} refused"
            );
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_window_that_had_begun_before_is_learnt_as_well() {
    for says in [true, false] {
        let cloud = Cloud::new(Counting::Fixed, says, minute(60));
        tokio::time::sleep(minute(40)).await;
        let took = make(&lane(), &cloud, 900).await;
        let refused = cloud.refused.load(Ordering::Relaxed);
        assert!(took <= minute(20 + 60 + 3).mul_f64(1.1), "{says}: {took:?}");
        assert!(refused < 45, "{says}: {refused} refused");
    }
}

#[tokio::test(start_paused = true)]
async fn after_ten_windows_one_call_in_a_window_is_refused() {
    let (lane, cloud) = (lane(), Cloud::new(Counting::Sliding, true, minute(60)));
    make(&lane, &cloud, 900).await;
    let before = cloud.refused.load(Ordering::Relaxed);
    let took = make(&lane, &cloud, 3000).await;
    let refused = cloud.refused.load(Ordering::Relaxed) - before;
    assert!(took <= minute(600).mul_f64(1.1), "{took:?}");
    assert!(refused <= 30, "{refused}");
}

#[tokio::test(start_paused = true)]
async fn a_quota_that_was_raised_or_lowered_is_noticed() {
    let (lane, cloud) = (lane(), Cloud::new(Counting::Sliding, true, minute(60)));
    make(&lane, &cloud, 900).await;
    cloud.calls.store(600, Ordering::Relaxed);
    make(&lane, &cloud, 900).await; // learns
    let took = make(&lane, &cloud, 1800).await;
    assert!(took <= minute(180).mul_f64(1.1), "{took:?}");
    cloud.calls.store(100, Ordering::Relaxed);
    make(&lane, &cloud, 700).await;
    let before = cloud.refused.load(Ordering::Relaxed);
    make(&lane, &cloud, 500).await;
    let refused = cloud.refused.load(Ordering::Relaxed) - before;
    assert!(refused <= 25, "{refused}");
}

#[tokio::test(start_paused = true)]
async fn refusals_by_chance_cost_their_pauses_and_little_more() {
    let (lane, cloud) = (lane(), Cloud::new(Counting::Chance, false, minute(60)));
    let took = make(&lane, &cloud, 400).await;
    // A hundred refusals with pauses of three eighths of a second.
    assert!(took <= minute(60), "{took:?}");
}

#[tokio::test(start_paused = true)]
async fn without_refusals_nothing_waits() {
    let (lane, cloud) = (lane(), Cloud::new(Counting::Sliding, true, minute(60)));
    cloud.calls.store(usize::MAX, Ordering::Relaxed);
    let took = make(&lane, &cloud, 10_000).await;
    assert!(took <= Duration::from_millis(100_100), "{took:?}");
}

#[tokio::test(start_paused = true)]
async fn an_action_that_stays_throttled_is_given_up_for_everybody_after_a_while() {
    let lane = lane();
    let begin = Instant::now();
    let tries = AtomicUsize::new(0);
    let work = (0..200).map(async |_| {
        while let Some(turn) = lane.enter().await {
            tries.fetch_add(1, Ordering::Relaxed);
            tokio::time::sleep(Duration::from_millis(10)).await;
            if turn.throttled(None) {
                return;
            }
        }
    });
    futures_util::future::join_all(work).await;
    let took = begin.elapsed();
    assert!((180..=190).contains(&took.as_secs()), "{took:?}");
    let tries = tries.load(Ordering::Relaxed);
    assert!((200..300).contains(&tries), "{tries}");
    // Later somebody may try again.
    tokio::time::sleep(minute(60)).await;
    lane.enter().await.expect("one call may try").accepted();
    lane.enter().await.expect("and then all may").accepted();
}

/// A pass: one call, tried until the lane gives it up.
async fn throttled_pass(lane: &Lane) -> (Duration, usize) {
    let begin = Instant::now();
    let mut tries = 0;
    while let Some(turn) = lane.enter().await {
        tries += 1;
        if turn.throttled(None) {
            break;
        }
    }
    (begin.elapsed(), tries)
}

#[tokio::test(start_paused = true)]
async fn a_pass_after_one_that_gave_up_is_as_patient() {
    let lane = lane();
    lane.enter().await.unwrap().accepted();
    for pass in 0..3 {
        let (took, tries) = throttled_pass(&lane).await;
        assert!(
            (180..=190).contains(&took.as_secs()) && tries >= 10,
            "pass {pass}: {took:?}, {tries} tries"
        );
        let limit = lane.state().limit.expect("it stays learnt");
        assert_eq!(limit.calls, 1);
        assert!(!limit.sure);
        tokio::time::sleep(minute(300)).await;
    }
    // What is accepted long after a pause says nothing of the length of a window.
    lane.enter().await.unwrap().accepted();
    assert!(!lane.state().limit.expect("it stays learnt").sure);
}

#[tokio::test(start_paused = true)]
async fn a_pass_after_one_that_was_stopped_while_it_waited_is_as_patient() {
    let lane = lane();
    let stopped = tokio::time::timeout(Duration::from_secs(170), throttled_pass(&lane)).await;
    assert!(stopped.is_err());
    tokio::time::sleep(minute(300)).await;
    let (took, tries) = throttled_pass(&lane).await;
    assert!(took.as_secs() >= 180 && tries >= 10, "{took:?}, {tries}");
}

#[tokio::test(start_paused = true)]
async fn a_call_that_is_dropped_lets_the_next_one_try() {
    let lane = lane();
    assert!(!lane.enter().await.unwrap().throttled(Some(minute(1))));
    drop(lane.enter().await.unwrap());
    lane.enter().await.unwrap().accepted();
}
