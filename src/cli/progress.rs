//! How far a command is, on stderr: a bar on a terminal once work lasts over a second, elsewhere one line a minute.

use std::{
    io::{self, IsTerminal as _, Write as _},
    sync::{
        Arc, Condvar, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    thread::JoinHandle,
    time::{Duration, Instant},
};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::{Global, ask::is_ci};

const BAR_AFTER: Duration = Duration::from_secs(1);
const LINE_EVERY: Duration = Duration::from_secs(60);

/// Counts work and shows it; ends when it is dropped.
#[derive(Debug)]
pub(super) struct Meter {
    shared: Arc<Shared>,
    watcher: Option<JoinHandle<()>>,
}

#[derive(Debug)]
struct Shared {
    bar: ProgressBar,
    done: AtomicUsize,
    /// Groups that are done, and all of them, where the work is told by groups as well.
    groups: [AtomicUsize; 2],
    task: Mutex<Task>,
    changed: Condvar,
}

#[derive(Clone, Copy, Debug, Default)]
struct Task {
    label: &'static str,
    total: usize,
    began: Option<Instant>,
    ended: bool,
}

impl Shared {
    /// A thread that panicked while it held the task leaves a whole one behind.
    fn task(&self) -> MutexGuard<'_, Task> {
        self.task.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Meter {
    /// Starts to watch; with `--quiet` nothing is ever shown.
    pub(super) fn new(global: &Global) -> Self {
        let bar = ProgressBar::with_draw_target(Some(0), ProgressDrawTarget::hidden());
        let style =
            ProgressStyle::with_template("{msg}  {wide_bar}  {pos}/{len}  {per_sec}  {eta} left")
                .expect("the template is fixed and sound");
        bar.set_style(style);
        let shared = Arc::new(Shared {
            bar,
            done: AtomicUsize::new(0),
            groups: Default::default(),
            task: Mutex::new(Task::default()),
            changed: Condvar::new(),
        });
        let terminal = io::stderr().is_terminal() && !is_ci();
        let watcher = (!global.quiet).then(|| {
            let shared = Arc::clone(&shared);
            std::thread::spawn(move || watch(&shared, terminal))
        });
        Self { shared, watcher }
    }

    /// A piece of work begins.
    pub(super) fn begin(&self, label: &'static str, total: usize) {
        self.shared.done.store(0, Ordering::Relaxed);
        let mut task = self.shared.task();
        task.label = label;
        task.total = total;
        task.began = Some(Instant::now());
        drop(task);
        self.of_groups(0);
        self.shared.bar.set_message(label);
        self.shared.bar.set_position(0);
        self.shared.bar.set_length(total as u64);
    }

    /// The work is about so many groups.
    pub(super) fn of_groups(&self, total: usize) {
        let [done, all] = &self.shared.groups;
        done.store(0, Ordering::Relaxed);
        all.store(total, Ordering::Relaxed);
    }

    /// Nothing more is to be done for one of the groups.
    pub(super) fn group_done(&self) {
        let [done, all] = &self.shared.groups;
        let done = done.fetch_add(1, Ordering::Relaxed) + 1;
        let all = all.load(Ordering::Relaxed);
        let label = self.shared.task().label;
        let message = format!("{label}, {done} of {all} groups done");
        self.shared.bar.set_message(message);
    }

    /// One more is done.
    pub(super) fn advance(&self) {
        self.shared.done.fetch_add(1, Ordering::Relaxed);
        self.shared.bar.inc(1);
    }
}

impl Drop for Meter {
    fn drop(&mut self) {
        self.shared.task().ended = true;
        self.shared.changed.notify_all();
        if let Some(watcher) = self.watcher.take() {
            // It cannot panic, and if it did there would be nothing to do about it.
            let _ = watcher.join();
        }
        self.shared.bar.finish_and_clear();
    }
}

fn watch(shared: &Shared, terminal: bool) {
    let pause = if terminal { BAR_AFTER } else { LINE_EVERY };
    let mut task = shared.task();
    loop {
        let (now, waited) = shared
            .changed
            .wait_timeout_while(task, pause, |task| !task.ended)
            .unwrap_or_else(PoisonError::into_inner);
        task = now;
        if !waited.timed_out() {
            return;
        }
        if task.total == 0 {
            continue;
        }
        if terminal {
            shared.bar.set_draw_target(ProgressDrawTarget::stderr());
            shared.bar.enable_steady_tick(Duration::from_millis(200));
            return;
        }
        let done = shared.done.load(Ordering::Relaxed);
        let groups = shared.groups.each_ref().map(|n| n.load(Ordering::Relaxed));
        let passed = task.began.map_or(Duration::ZERO, |began| began.elapsed());
        // A closed stderr changes nothing about the work.
        let _ = writeln!(io::stderr(), "{}", line(&task, done, groups, passed));
    }
}

/// `making calls: 300 of 900, 12 of 50 groups done, 5.0/s, 2 min left`.
fn line(task: &Task, done: usize, [groups_done, groups]: [usize; 2], passed: Duration) -> String {
    let Task { label, total, .. } = task;
    let mut line = format!("{label}: {done} of {total}");
    if groups > 0 {
        line.push_str(&format!(", {groups_done} of {groups} groups done"));
    }
    if done > 0 && !passed.is_zero() {
        let left = passed.mul_f64(total.saturating_sub(done) as f64 / done as f64);
        let rate = done as f64 / passed.as_secs_f64();
        let left = match left.as_secs() {
            seconds @ 0..=90 => format!("{seconds} s"),
            seconds => format!("{} min", seconds.div_ceil(60)),
        };
        line.push_str(&format!(", {rate:.1}/s, {left} left"));
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_says_how_far_how_fast_and_how_long_still() {
        let task = Task {
            label: "making calls",
            total: 900,
            ..Task::default()
        };
        let at = |done, groups, seconds| line(&task, done, groups, Duration::from_secs(seconds));
        assert_eq!(
            at(300, [12, 50], 60),
            "making calls: 300 of 900, 12 of 50 groups done, 5.0/s, 2 min left"
        );
        assert_eq!(
            at(880, [0, 0], 88),
            "making calls: 880 of 900, 10.0/s, 2 s left"
        );
        assert_eq!(
            at(0, [0, 50], 60),
            "making calls: 0 of 900, 0 of 50 groups done"
        );
    }
}
