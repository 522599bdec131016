//! Random faults: whatever fails, nothing is taken away before its successor is there, and reports tell the truth.

use std::{collections::BTreeSet, sync::Arc};

use proptest::prelude::*;
use tokio::sync::Notify;

use crate::{
    apply::{GroupOutcome, Verdict},
    clouds::fake::Fate,
    provider::RuleAction,
};

use super::case::{Case, same_port};

const OLD: [&str; 4] = [
    "1 10.0.0.0/8",
    "2 10.0.0.0/8",
    "3 10.0.0.0/8",
    "4 10.0.0.0/8",
];
const CHANGES: [&str; 8] = [
    "+ 1 10.1.0.0/16",
    "+ 2 10.1.0.0/16",
    "+ 3 10.1.0.0/16",
    "+ 4 10.1.0.0/16",
    "- 0",
    "- 1",
    "- 2",
    "- 3",
];

/// Two groups whose four rules are replaced, in two layers of adds and two of deletes.
fn case() -> Case {
    let mut case = Case::new(&[("sg-a", &OLD, &CHANGES), ("sg-b", &OLD, &CHANGES)]).vpc(&[
        &[(0, &[0, 1, 2]), (1, &[0, 1, 2])],
        &[(0, &[3]), (1, &[3])],
        &[(0, &[4, 5]), (1, &[4, 5])],
        &[(0, &[6]), (0, &[7]), (1, &[6, 7])],
    ]);
    case.options.must_precede = same_port;
    case
}

/// How many rules of a group have a peer.
fn count(case: &Case, group: &str, peer: &str) -> usize {
    let rules = case.fake.rules(group);
    rules.iter().filter(|rule| rule.contains(peer)).count()
}

fn check(fates: Vec<u8>, lag: usize, stop_at: Option<usize>) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .start_paused(true) // The waits of the run are long or short by themselves, however busy the machine is.
        .build()
        .unwrap();
    let case = case();
    let stop = Arc::new(Notify::new());
    let signal = stop.clone();
    {
        let mut world = case.fake.world();
        world.lag = lag;
        world.on_write = Box::new(move |number, call, groups| {
            if Some(number) == stop_at {
                signal.notify_one();
            }
            if let RuleAction::Revoke(rules) = &call.action {
                for gone in rules {
                    for group in groups.values() {
                        let successor = group.rules.iter().any(|seen| {
                            seen.rule.protocol == gone.rule.protocol
                                && seen.rule.to_string().contains("10.1.0.0/16")
                        });
                        assert!(successor, "{} goes before its successor came", gone.rule);
                    }
                }
            }
            match fates.get(number) {
                Some(0) => Fate::Refused,
                Some(1) => Fate::LostAfter,
                Some(2) => Fate::LostBefore,
                _ => Fate::Done,
            }
        });
    }
    let report = runtime.block_on(case.run_until(stop.notified()));

    let tokens = case.fake.world().tokens.clone();
    let unique: BTreeSet<&String> = tokens.iter().collect();
    assert_eq!(unique.len(), tokens.len());
    if report.verdict() == Verdict::Interrupted || stop_at.is_some() {
        return;
    }
    for (group, report) in ["sg-a", "sg-b"].into_iter().zip(&report.groups) {
        let (old, new) = (
            count(&case, group, "10.0.0.0/8"),
            count(&case, group, "10.1.0.0/16"),
        );
        assert_eq!(
            (report.added, report.destroyed),
            (new, 4 - old),
            "{report:?}"
        );
        let done = report.outcome == GroupOutcome::Done;
        assert_eq!(done, (old, new) == (0, 4), "{report:?}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(crate::testing::cases(120)))]

    #[test]
    fn every_fault_leaves_a_safe_state_and_a_true_report(
        fates in proptest::collection::vec(0..9u8, 0..16),
        lag in 0..3usize,
        stop_at in proptest::option::weighted(0.3, 0..12usize),
    ) {
        check(fates, lag, stop_at);
    }
}
