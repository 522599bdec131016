//! Interrupted at every call.

use std::sync::Arc;

use tokio::sync::Notify;

use crate::{apply::Verdict, clouds::fake::Fate};

use super::case::{Case, outcomes};

fn case() -> Case {
    Case::new(&[
        ("sg-a", &["22 10.0.0.0/8"], &["+ 22 10.1.0.0/16", "- 0"]),
        ("sg-b", &["80 10.0.0.0/8"], &["~ 0 80 10.1.0.0/16"]),
        ("sg-c", &["443 10.0.0.0/8"], &["- 0"]),
    ])
    .vpc(&[&[(0, &[0])], &[(1, &[0])], &[(0, &[1])], &[(2, &[0])]])
}

#[tokio::test]
async fn a_run_stopped_during_any_call_finishes_it_and_sends_nothing_more() {
    for (stop_at, expected) in [
        (0, ["interrupted", "not begun", "not begun"]),
        (1, ["interrupted", "interrupted", "not begun"]),
        (2, ["interrupted", "done", "not begun"]),
        (3, ["interrupted", "done", "interrupted"]),
    ] {
        let case = case();
        let stop = Arc::new(Notify::new());
        let signal = stop.clone();
        case.fake.world().on_write = Box::new(move |number, _, _| {
            if number == stop_at {
                signal.notify_one();
            }
            Fate::Done
        });
        let report = case.run_until(stop.notified()).await;
        assert_eq!(case.fake.world().tokens.len(), stop_at + 1);
        assert_eq!(outcomes(&report), expected, "stopped at {stop_at}");
        assert_eq!(report.verdict(), Verdict::Interrupted);
        let made = report
            .groups
            .iter()
            .map(|g| g.added + g.changed + g.destroyed);
        assert_eq!(made.sum::<usize>(), stop_at + 1);
    }
}

#[tokio::test]
async fn a_run_stopped_before_it_begins_sends_nothing() {
    let case = case();
    let report = case.run_until(std::future::ready(())).await;
    assert_eq!(case.log(), Vec::<String>::new());
    assert_eq!(outcomes(&report), ["not begun"; 3]);
    assert_eq!(report.verdict(), Verdict::Interrupted);
}

#[tokio::test]
async fn a_call_that_still_waits_when_the_run_is_stopped_counts_as_not_sent() {
    for (stop_at, expected) in [
        (0, ["not begun", "not begun", "not begun"]),
        (2, ["interrupted", "done", "not begun"]),
        (3, ["interrupted", "done", "not begun"]),
    ] {
        let case = case();
        let stop = Arc::new(Notify::new());
        let signal = stop.clone();
        case.fake.world().on_write = Box::new(move |number, _, _| match number == stop_at {
            true => {
                signal.notify_one();
                Fate::Waited
            }
            false => Fate::Done,
        });
        let report = case.run_until(stop.notified()).await;
        assert_eq!(outcomes(&report), expected, "stopped at {stop_at}");
        let made = report
            .groups
            .iter()
            .map(|g| g.added + g.changed + g.destroyed);
        assert_eq!(made.sum::<usize>(), stop_at);
        let runs = crate::journal::runs(&case.options.root).unwrap();
        assert_eq!(runs[0].has_sent(), stop_at > 0);
    }
}

#[tokio::test(start_paused = true)]
async fn a_reading_that_does_not_come_is_not_waited_for_after_a_stop() {
    let case = case();
    let stop = Arc::new(Notify::new());
    let signal = stop.clone();
    let fake = case.fake.clone();
    case.fake.world().on_write = Box::new(move |_, _, _| {
        signal.notify_one();
        Fate::LostAfter
    });
    fake.world().takes = std::time::Duration::from_secs(3600);
    let begun = tokio::time::Instant::now();
    let report = case.run_until(stop.notified()).await;
    // The write is in flight and finished, the reading after it is not.
    assert!(begun.elapsed() < std::time::Duration::from_secs(3700));
    assert_eq!(outcomes(&report), ["failed", "not begun", "not begun"]);
    assert_eq!(report.verdict(), Verdict::Interrupted);
}

#[tokio::test(start_paused = true)]
async fn a_stop_cuts_a_wait_short() {
    let mut case = case();
    case.options.wait.total = std::time::Duration::from_secs(3600);
    case.options.wait.pause = std::time::Duration::from_secs(3600);
    case.fake.world().lag = usize::MAX;
    let soon = tokio::time::sleep(std::time::Duration::from_millis(20));
    let report = case.run_until(soon).await;
    assert_eq!(report.verdict(), Verdict::Interrupted);
}

#[tokio::test]
async fn a_stop_after_the_end_changes_nothing() {
    let case = case();
    let report = case.run_until(std::future::pending()).await;
    assert_eq!(outcomes(&report), ["done"; 3]);
}
