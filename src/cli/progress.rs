//! How far a command is, on stderr: a bar on a terminal once work lasts over a second, elsewhere one line a minute.

use std::{
    io::{self, IsTerminal as _, Write as _},
    sync::{
        Arc, Condvar, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    thread::JoinHandle,
    time::Duration,
};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::{Global, confirm::is_ci};

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
    task: Mutex<Task>,
    changed: Condvar,
}

#[derive(Clone, Copy, Debug, Default)]
struct Task {
    label: &'static str,
    total: usize,
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
        let style = ProgressStyle::with_template("{msg}  {wide_bar}  {pos}/{len}  {elapsed}")
            .expect("the template is fixed and sound");
        bar.set_style(style);
        let shared = Arc::new(Shared {
            bar,
            done: AtomicUsize::new(0),
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
        drop(task);
        self.shared.bar.set_message(label);
        self.shared.bar.set_position(0);
        self.shared.bar.set_length(total as u64);
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
        let Task { label, total, .. } = *task;
        // A closed stderr changes nothing about the work.
        let _ = writeln!(io::stderr(), "{label}: {done} of {total}");
    }
}
