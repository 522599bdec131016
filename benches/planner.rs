//! How fast the planner is: on an estate that is as declared, on an ordinary change of one group, and on what is built to be hard.
//!
//! `cargo bench --bench planner`, half a minute; `cargo bench --bench planner -- nested` only the cases that have the word in their
//! names. Times are the thread's CPU time, the least of several rounds, so that they mean something on a busy machine. A case is a whole
//! `plan()`: comparing, matching, order, the difference in traffic, the replay of every state. `RULEKEEP_BENCH_GROUPS` sizes the estate
//! (default: 1,000 groups).

#[path = "planner/group.rs"]
mod group;
#[path = "planner/measure.rs"]
mod measure;
#[path = "planner/rules.rs"]
mod rules;

use std::time::Duration;

use group::Case;
use measure::{Row, compare_in_order, least, print, run};
use rulekeep::{model::Rule, plan::Plan};
use rules::{
    Families, edited, exceptions, nested, partition, peers, realistic, rectangles, renumbered,
};

/// How much is measured of what.
struct Size {
    /// Cases whose name holds it.
    wanted: Option<String>,
    groups: usize,
    rounds: usize,
    /// `cargo test --benches` runs this too: then one small round of each.
    quick: bool,
}

impl Size {
    fn often(&self, times: u32) -> u32 {
        if self.quick { 1 } else { times }
    }

    fn wants(&self, case: &str) -> bool {
        self.wanted
            .as_ref()
            .is_none_or(|wanted| case.contains(wanted.as_str()))
    }
}

fn main() {
    let quick = std::env::args().any(|argument| argument == "--test");
    let size = Size {
        wanted: std::env::args()
            .skip(1)
            .find(|argument| !argument.starts_with('-')),
        groups: std::env::var("RULEKEEP_BENCH_GROUPS")
            .ok()
            .and_then(|text| text.parse().ok())
            .unwrap_or(if quick { 10 } else { 1_000 }),
        rounds: if quick { 1 } else { 5 },
        quick,
    };
    let mut rows = Vec::new();
    unchanged(&size, &mut rows);
    ordinary(&size, &mut rows);
    hard(&size, &mut rows);
    estates(&size, &mut rows);
    let kept = print(&rows);
    println!(
        "{}",
        if kept {
            "every promise is kept"
        } else {
            "not every promise is kept"
        }
    );
    if !kept && !quick {
        std::process::exit(1);
    }
}

fn ms(milliseconds: f64) -> Duration {
    Duration::from_secs_f64(milliseconds / 1e3)
}

/// An estate that is as declared: a million rules a second.
fn unchanged(size: &Size, rows: &mut Vec<Row>) {
    let case = format!("unchanged, {} groups of 50 rules", size.groups);
    if !size.wants(&case) {
        return;
    }
    let estate: Vec<Case> = (0..size.groups)
        .map(|group| {
            let rules = realistic(group as u64, 50, Families::Both);
            Case::new(group, "vpc-1", rules.clone(), rules)
        })
        .collect();
    let (time, plan) = least(size.rounds, || run(&estate, size.often(2)));
    assert!(plan.counts().is_empty(), "nothing has changed");
    let rules = size.groups as f64 * 50.0;
    let yardstick = compare_in_order(&estate, size.often(20));
    rows.push(Row {
        case,
        measured: time,
        reference: None,
        promise: Some(Duration::from_secs_f64(rules / 1e6)),
        note: format!(
            "{:.2} million rules a second; {:.1} times comparing them in order",
            rules / time.as_secs_f64() / 1e6,
            time.as_secs_f64() / yardstick.as_secs_f64()
        ),
    });
}

/// Twenty groups of 200 rules as people write them, ten of which change.
fn ordinary(size: &Size, rows: &mut Vec<Row>) {
    for (case, families, promise) in [
        ("200 realistic rules, 5% changed, IPv4", Families::V4, 3.0),
        (
            "200 realistic rules, 5% changed, IPv4 and IPv6",
            Families::Both,
            10.0,
        ),
    ] {
        if !size.wants(case) {
            continue;
        }
        let mut each: Vec<Duration> = (0..if size.quick { 1 } else { 20 })
            .map(|seed| {
                let old = realistic(seed, 200, families);
                let new = edited(seed, &old, 10, families);
                let group = [Case::new(0, "vpc-1", old, new)];
                let (time, plan) = least(size.rounds, || run(&group, size.often(25)));
                assert!(plan.counts().calls > 0, "something has changed");
                time
            })
            .collect();
        each.sort();
        rows.push(Row {
            case: case.to_owned(),
            measured: each[each.len() / 2],
            reference: Some(ms(0.37 + 0.02 + 0.18)),
            promise: Some(ms(promise)),
            note: format!(
                "median of {}; longest {:.2?}",
                each.len(),
                each[each.len() - 1]
            ),
        });
    }
}

/// What is built to be hard, and groups that are full.
fn hard(size: &Size, rows: &mut Vec<Row>) {
    type Hard = (&'static str, Vec<Rule>, Vec<Rule>, u32, Option<f64>);
    let full = Some(2.5);
    let cases: [Hard; 8] = [
        (
            "200 random rectangles, all replaced",
            rectangles(1, 100),
            rectangles(2, 100),
            200,
            Some(1.1 + 0.2 + 255.0),
        ),
        (
            "nested CIDRs, long port ranges, source ports, all replaced",
            nested(1, 100),
            nested(2, 100),
            200,
            Some(178.0 + 5.0 + 29.0),
        ),
        (
            "200 rules full, repartitioned",
            partition(200, 0),
            partition(200, 7),
            200,
            full,
        ),
        (
            "200 rules full, merged",
            partition(200, 0),
            partition(40, 0),
            200,
            full,
        ),
        (
            "200 rules full, split",
            partition(40, 0),
            partition(200, 0),
            200,
            full,
        ),
        (
            "200 rules full, renumbered",
            renumbered(200, 1),
            renumbered(200, 2),
            200,
            full,
        ),
        (
            "200 rules full, exceptions moved",
            exceptions(200, 0),
            exceptions(200, 1),
            200,
            full,
        ),
        (
            "200 rules full, addresses become groups",
            peers(200, false),
            peers(200, true),
            200,
            None,
        ),
    ];
    for (case, old, new, quota, reference) in cases {
        if !size.wants(case) {
            continue;
        }
        let mut group = [Case::new(0, "vpc-1", old, new)];
        group[0].desired.quota = quota;
        let (time, plan) = least(size.rounds.min(3), || run(&group, size.often(2)));
        let counts = plan.counts();
        rows.push(Row {
            case: case.to_owned(),
            measured: time,
            reference: reference.map(ms),
            promise: reference.map(|reference| ms(reference * 2.0)),
            note: format!(
                "+{} ~{} -{}, {} calls in {} layers, peak {}, {}",
                counts.add,
                counts.change,
                counts.destroy,
                counts.calls,
                layers(&plan),
                plan.groups[0].quota.peak,
                if plan.groups.iter().all(|group| group.passing.is_empty()) {
                    "safe"
                } else {
                    "not safe"
                }
            ),
        });
    }
}

/// Groups of 200 rules, each in a network of its own, then with others: there pairs of groups are looked at as well.
fn estates(size: &Size, rows: &mut Vec<Row>) {
    let many = if size.quick { 2 } else { 100 };
    for (name, networks, reference) in [
        ("a network each", many, Some(1.2)),
        ("20 in a network", many / 20 + 1, None),
        ("one network", 1, None),
    ] {
        let case = format!("a group of {many} of 200 rules, 3% changed, {name}");
        if !size.wants(&case) {
            continue;
        }
        let estate: Vec<Case> = (0..many)
            .map(|group| {
                let old = realistic(group as u64, 200, Families::Both);
                let new = edited(group as u64, &old, 6, Families::Both);
                Case::new(group, &format!("vpc-{}", group % networks), old, new)
            })
            .collect();
        let (time, plan) = least(size.rounds.min(3), || run(&estate, 1));
        rows.push(Row {
            case,
            measured: time / u32::try_from(many).expect("few groups"),
            reference: reference.map(ms),
            promise: reference.map(|reference| ms(reference * 2.0)),
            note: format!("{} layers", layers(&plan)),
        });
    }
}

fn layers(plan: &Plan) -> usize {
    plan.schedules
        .iter()
        .map(|schedule| schedule.waves.len())
        .max()
        .unwrap_or(0)
}
