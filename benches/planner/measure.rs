//! Times, and the table that they are printed in.

use std::{collections::BTreeMap, hint::black_box, time::Duration};

use rulekeep::{
    model::Rule,
    plan::{Context, GroupInput, Plan, plan},
};

use crate::group::Case;

/// CPU time of this thread; where the system does not tell, the clock's.
fn cpu() -> Duration {
    #[cfg(unix)]
    {
        use rustix::time::{ClockId, clock_gettime};
        let time = clock_gettime(ClockId::ThreadCPUTime);
        Duration::try_from(time).expect("it counts up from nothing")
    }
    #[cfg(not(unix))]
    {
        thread_local!(static BEGUN: std::time::Instant = std::time::Instant::now());
        BEGUN.with(std::time::Instant::elapsed)
    }
}

/// The least time of several rounds, and the last result.
pub fn least(rounds: usize, round: impl Fn() -> (Duration, Plan)) -> (Duration, Plan) {
    let (mut least, mut plan) = round();
    for _ in 1..rounds {
        let (time, next) = round();
        (least, plan) = (least.min(time), next);
    }
    (least, plan)
}

/// Plans so often that the time is well above the clock's tick; the time of one.
pub fn run(cases: &[Case], times: u32) -> (Duration, Plan) {
    let lists = BTreeMap::new();
    let directory: Vec<_> = cases
        .iter()
        .map(|case| (&case.desired, case.observed.info.clone()))
        .collect();
    let context = Context {
        at: jiff::Timestamp::UNIX_EPOCH,
        directory: &directory,
        lists: &lists,
    };
    let inputs = || -> Vec<_> {
        let groups = cases.iter().map(|case| GroupInput {
            desired: &case.desired,
            observed: case.observed.clone(),
        });
        groups.collect()
    };
    let all: Vec<Vec<GroupInput<'_>>> = (0..times).map(|_| inputs()).collect();
    let begun = cpu();
    let mut plans: Vec<Plan> = all
        .into_iter()
        .map(|inputs| black_box(plan(inputs, &context)))
        .collect();
    let time = (cpu() - begun) / times;
    (time, plans.pop().expect("planned at least once"))
}

/// What the planner cannot do without: looking at both sides of every rule once.
pub fn compare_in_order(cases: &[Case], times: u32) -> Duration {
    let sides: Vec<(Vec<&Rule>, Vec<&Rule>)> = cases
        .iter()
        .map(|case| {
            let rules = || case.observed.rules.iter().map(|seen| &seen.rule);
            (rules().collect(), rules().collect())
        })
        .collect();
    let begun = cpu();
    for _ in 0..times {
        for (a, b) in &sides {
            black_box(a.iter().zip(b).all(|(a, b)| a == b));
        }
    }
    (cpu() - begun) / times
}

/// What is held against what.
pub struct Row {
    pub case: String,
    pub measured: Duration,
    /// What the same took when the method was first measured (the analysis alone, of a program of a few hundred lines).
    pub reference: Option<Duration>,
    pub promise: Option<Duration>,
    /// What else there is to say.
    pub note: String,
}

/// Whether every promise is kept.
pub fn print(rows: &[Row]) -> bool {
    let milliseconds = |time: Duration| format!("{:.2} ms", time.as_secs_f64() * 1e3);
    let mut lines = vec![
        [
            "case",
            "measured",
            "reference",
            "ratio",
            "promise",
            "kept",
            "",
        ]
        .map(String::from),
    ];
    for row in rows {
        let Row {
            case,
            measured,
            reference,
            promise,
            note,
        } = row;
        let ratio = reference.map(|reference| measured.as_secs_f64() / reference.as_secs_f64());
        let kept = promise.map(|promise| *measured <= promise);
        lines.push([
            case.clone(),
            milliseconds(*measured),
            reference.map(milliseconds).unwrap_or_default(),
            ratio.map(|ratio| format!("{ratio:.2}")).unwrap_or_default(),
            promise.map(milliseconds).unwrap_or_default(),
            kept.map(|kept| if kept { "yes" } else { "NO" }.to_owned())
                .unwrap_or_default(),
            note.clone(),
        ]);
    }
    let width = |column: usize| {
        lines
            .iter()
            .map(|line| line[column].len())
            .max()
            .unwrap_or(0)
    };
    let widths: Vec<usize> = (0..6).map(width).collect();
    for [case, measured, reference, ratio, promise, kept, note] in &lines {
        println!(
            "{case:<0$}  {measured:>1$}  {reference:>2$}  {ratio:>3$}  {promise:>4$}  {kept:<5$}  {note}",
            widths[0], widths[1], widths[2], widths[3], widths[4], widths[5]
        );
    }
    rows.iter()
        .all(|row| row.promise.is_none_or(|promise| row.measured <= promise))
}
