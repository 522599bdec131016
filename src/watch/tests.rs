use std::{
    cell::{Cell, RefCell},
    rc::Rc,
};

use super::*;

const MINUTE: Duration = Duration::from_secs(60);

/// Never stops by itself.
fn endless() -> Stop {
    Stop::when(std::future::pending())
}

/// Runs the loop for a while and tells at which seconds passes began.
async fn begun(
    schedule: Schedule,
    wake: &Wake,
    during: Duration,
    mut pass: impl AsyncFnMut(usize) -> Ended,
) -> Vec<u64> {
    let start = Instant::now();
    let times = Rc::new(RefCell::new(Vec::new()));
    let stop = endless();
    let passes = run(&schedule, wake, &stop, async || {
        let number = times.borrow().len();
        times.borrow_mut().push(start.elapsed().as_secs());
        pass(number).await
    });
    tokio::select! {
        () = passes => {}
        () = sleep(during) => {}
    }
    times.take()
}

#[tokio::test(start_paused = true)]
async fn the_timer_makes_passes_with_a_spread_of_a_tenth() {
    let wake = Wake::default();
    let times = begun(
        Schedule::every(10 * MINUTE),
        &wake,
        60 * MINUTE,
        async |_| Ended::Well,
    )
    .await;
    assert_eq!(times[0], 0);
    assert!((6..=7).contains(&times.len()), "{times:?}");
    for pair in times.windows(2) {
        let pause = pair[1] - pair[0];
        assert!((539..=661).contains(&pause), "{times:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn what_waits_for_its_time_is_not_missed() {
    let wake = Wake::default();
    let schedule = Schedule::every(60 * MINUTE);
    let waits = [5 * MINUTE, Duration::ZERO, 600 * MINUTE];
    let times = begun(schedule, &wake, 30 * MINUTE, async |number| {
        Ended::Waits(waits[number.min(2)])
    })
    .await;
    assert_eq!(times, [0, 300, 301]);
}

#[tokio::test(start_paused = true)]
async fn failures_bring_the_next_pass_sooner_and_then_ever_later_until_one_succeeds() {
    let wake = Wake::default();
    let times = begun(
        Schedule::every(60 * MINUTE),
        &wake,
        // The first pass after the success would come after 54 minutes at the soonest.
        50 * MINUTE,
        async |number| match number {
            4 => Ended::Well,
            _ => Ended::Failed,
        },
    )
    .await;
    let pauses: Vec<u64> = times.windows(2).map(|pair| pair[1] - pair[0]).collect();
    for (pause, longest) in pauses.iter().zip([5, 10, 20, 40]) {
        assert!(
            (longest / 2 - 1..=longest + 1).contains(pause),
            "{pauses:?}"
        );
    }
    assert_eq!(times.len(), 5, "{times:?}");
}

#[tokio::test(start_paused = true)]
async fn with_a_short_interval_the_first_wait_after_a_failure_is_as_short() {
    let wake = Wake::default();
    let schedule = Schedule::every(Duration::from_secs(1));
    let times = begun(schedule, &wake, Duration::from_secs(60), async |_| {
        Ended::Failed
    })
    .await;
    assert!(times[1] <= 1, "{times:?}");
    // 1, 2, 4, 8, 16, 32, each between half and all of it.
    assert!((6..=8).contains(&times.len()), "{times:?}");
}

#[tokio::test(start_paused = true)]
async fn wake_ups_during_a_pass_are_one_further_pass() {
    let wake = Wake::default();
    let times = begun(
        Schedule::every(60 * MINUTE),
        &wake,
        10 * MINUTE,
        async |number| {
            if number == 0 {
                for _ in 0..5 {
                    sleep(Duration::from_secs(10)).await;
                    wake.wake();
                }
            }
            Ended::Well
        },
    )
    .await;
    assert_eq!(times, [0, 50]);
}

#[tokio::test(start_paused = true)]
async fn a_wake_up_waits_for_quiet_but_not_for_ever() {
    let wake = Wake::default();
    let start = Instant::now();
    let noise = async {
        sleep(Duration::from_secs(10)).await;
        for _ in 0..100 {
            wake.wake();
            sleep(Duration::from_millis(100)).await;
        }
        sleep(MINUTE).await;
    };
    let second = Cell::new(None);
    let count = Cell::new(0);
    let (schedule, stop) = (Schedule::every(60 * MINUTE), endless());
    let passes = run(&schedule, &wake, &stop, async || {
        count.set(count.get() + 1);
        if count.get() == 2 {
            second.set(Some(start.elapsed()));
        }
        Ended::Well
    });
    tokio::select! {
        () = passes => {}
        () = noise => {}
    }
    let second = second.get().unwrap().as_secs_f64();
    // The noise lasts for ten seconds, patience for three.
    assert!((12.9..13.4).contains(&second), "{second}");
    assert!((4..=6).contains(&count.get()), "{}", count.get());
}

#[tokio::test(start_paused = true)]
async fn a_wake_up_ends_the_wait_after_a_failure() {
    let wake = Wake::default();
    let schedule = Schedule {
        backoff: Backoff {
            base: 30 * MINUTE,
            cap: 30 * MINUTE,
        },
        ..Schedule::every(60 * MINUTE)
    };
    let later = wake.clone();
    tokio::spawn(async move {
        sleep(MINUTE).await;
        later.wake();
    });
    let times = begun(schedule, &wake, 5 * MINUTE, async |_| Ended::Failed).await;
    assert_eq!(times, [0, 60]);
}

#[tokio::test(start_paused = true)]
async fn a_stop_awaits_the_pass_under_way_and_begins_no_other() {
    let wake = Wake::default();
    let stop = Stop::when(sleep(Duration::from_secs(5)));
    let (begun, ended) = (Cell::new(0), Cell::new(0));
    run(&Schedule::every(MINUTE), &wake, &stop, async || {
        begun.set(begun.get() + 1);
        wake.wake();
        sleep(Duration::from_secs(20)).await;
        ended.set(ended.get() + 1);
        Ended::Failed
    })
    .await;
    assert_eq!((begun.get(), ended.get()), (1, 1));
    assert!(stop.is_stopped());
    // Whoever looks later hears it too.
    stop.clone().stopped().await;
}

#[tokio::test(start_paused = true)]
async fn a_stop_ends_the_wait_at_once() {
    let start = Instant::now();
    let stop = Stop::when(sleep(Duration::from_secs(5)));
    run(
        &Schedule::every(MINUTE),
        &Wake::default(),
        &stop,
        async || Ended::Well,
    )
    .await;
    assert_eq!(start.elapsed().as_secs(), 5);
}
