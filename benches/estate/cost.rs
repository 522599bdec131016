//! Time, and how it is shown beside a yardstick.

use std::time::{Duration, Instant};

/// Time on the clock and time on all processors.
#[derive(Clone, Copy, Default)]
pub struct Cost {
    /// On the clock.
    pub wall: Duration,
    /// On all processors.
    pub cpu: Duration,
}

/// What a piece of work costs.
pub fn cost<T>(work: impl FnOnce() -> T) -> (T, Cost) {
    let (begun, used) = (Instant::now(), cpu());
    let result = work();
    let cost = Cost {
        wall: begun.elapsed(),
        cpu: cpu().saturating_sub(used),
    };
    (result, cost)
}

/// Processor time of this process so far, all threads, user and system; where the system does not tell, nothing.
fn cpu() -> Duration {
    #[cfg(unix)]
    {
        use rustix::time::{ClockId, clock_gettime};
        let time = clock_gettime(ClockId::ProcessCPUTime);
        Duration::try_from(time).expect("it counts up from nothing")
    }
    #[cfg(not(unix))]
    Duration::ZERO
}

/// The middle of each.
pub fn median(costs: &[Cost]) -> Cost {
    let middle = |mut times: Vec<Duration>| {
        times.sort_unstable();
        times.get(times.len() / 2).copied().unwrap_or_default()
    };
    Cost {
        wall: middle(costs.iter().map(|cost| cost.wall).collect()),
        cpu: middle(costs.iter().map(|cost| cost.cpu).collect()),
    }
}

/// Prints it beside its yardstick.
pub fn line(what: &str, cost: Cost, yardstick: Cost) {
    println!(
        "  {what:<52} {:>7.0} ms wall, {:>6.0} ms CPU; ratio {:.2} wall, {:.2} CPU",
        cost.wall.as_secs_f64() * 1e3,
        cost.cpu.as_secs_f64() * 1e3,
        cost.wall.as_secs_f64() / yardstick.wall.as_secs_f64(),
        cost.cpu.as_secs_f64() / yardstick.cpu.as_secs_f64(),
    );
}

/// As [`line`], with whether the processor time is within so many times the yardstick's.
pub fn promise(what: &str, cost: Cost, yardstick: Cost, most: f64) -> bool {
    line(what, cost, yardstick);
    let is_kept = cost.cpu.as_secs_f64() <= most * yardstick.cpu.as_secs_f64();
    let verdict = if is_kept { "kept" } else { "NOT KEPT" };
    println!("    promise: at most {most} times the yardstick's CPU: {verdict}");
    is_kept
}
