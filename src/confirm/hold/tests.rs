use std::time::Duration;

use crate::{
    clouds::fake,
    diag::{Sources, Span},
    journal::{Begun, Call, Ended, Origin, Sent},
    model::{AccountName, GroupId, ObservedRule, RegionId},
    plan::{Change, ChangeKind},
};

use super::*;

/// Rules that go, rules that come.
type Changes<'a> = (&'a [&'a str], &'a [&'a str]);

fn seen(rule: &str) -> ObservedRule {
    ObservedRule {
        rule: fake::rule(rule),
        id: None,
        facts: None,
    }
}

fn span() -> Span {
    Span {
        file: Sources::default().add("rules/a.yaml".into(), "".into()),
        start: 0,
        end: 0,
        line: 1,
        column: 1,
    }
}

fn address(group: &str) -> Address {
    fake::group_plan(fake::group(group, &[]), span()).address
}

/// A run of `sg-a` that began at a minute and was to be confirmed within one, or a run that waits for nobody.
fn run(minute: i64, id: &str, within: Option<u64>, (went, came): Changes<'_>) -> Run {
    let went = went.iter().map(|rule| Sent {
        before: Some(seen(rule)),
        after: None,
    });
    let came = came.iter().map(|rule| Sent {
        before: None,
        after: Some(fake::rule(rule)),
    });
    let mut begun = Begun::now(id, "plan".to_owned(), Origin::default(), Vec::new());
    begun.time = at(minute);
    begun.confirm_within = within.map(Duration::from_secs);
    Run {
        begun,
        calls: vec![Call {
            time: Timestamp::UNIX_EPOCH,
            address: address("sg-a"),
            step: "step".to_owned(),
            changes: came.chain(went).collect(),
            answer: Answer::Unknown,
        }],
        ended: None,
        confirm_by: None,
        confirmation: None,
        taken_back: false,
    }
}

fn at(minute: i64) -> Timestamp {
    Timestamp::from_second(minute * 60).unwrap()
}

fn taken_back(mut run: Run) -> Run {
    run.confirmation = Some(Confirmation::Expired);
    run.taken_back = true;
    run
}

/// What stands in the way at minute ten of a plan for `sg-a`, which has ports 22 and 80.
fn told(runs: &[Run], (go, come): Changes<'_>) -> String {
    let observed = fake::group("sg-a", &["22 10.0.0.0/8", "80 10.0.0.0/8"]);
    let mut group = fake::group_plan(observed, span());
    let go = go.iter().map(|rule| ChangeKind::Delete(seen(rule)));
    let come = come.iter().map(|rule| ChangeKind::Add(fake::rule(rule)));
    let change = |kind| Change { kind, span: None };
    group.changes = come.chain(go).map(change).collect();
    let plan = Plan {
        groups: vec![group],
        schedules: Vec::new(),
        diagnostics: Vec::new(),
    };
    match hold(runs, &plan, at(10)) {
        None => "nothing".to_owned(),
        Some(Hold::Open { run, until }) => format!("{run} until {}", until.as_second() / 60),
        Some(Hold::Again { run, group: _ }) => format!("{run} again"),
    }
}

const NARROW: Changes<'_> = (&["22 10.0.0.0/8"], &["22 10.1.0.0/16"]);

#[test]
fn what_was_taken_back_is_not_made_again() {
    let first = taken_back(run(1, "first", Some(60), NARROW));
    let told = |changes| told(std::slice::from_ref(&first), changes);
    assert_eq!(told(NARROW), "first again");
    // Together with something else as well.
    let more = (
        &["22 10.0.0.0/8"][..],
        &["22 10.1.0.0/16", "443 10.0.0.0/8"][..],
    );
    assert_eq!(told(more), "first again");
    // Other files.
    assert_eq!(told((&[], &["443 10.0.0.0/8"])), "nothing");
    assert_eq!(told((&[], &["22 10.1.0.0/16"])), "nothing");
    assert_eq!(told((&["22 10.0.0.0/8"], &["22 10.2.0.0/16"])), "nothing");
    // Nothing is to be done.
    assert_eq!(told((&[], &[])), "nothing");
}

#[test]
fn a_run_that_was_killed_half_way_holds_its_whole_plan() {
    let half = taken_back(run(1, "half", Some(60), (&[], &["22 10.1.0.0/16"])));
    assert_eq!(told(&[half], NARROW), "half again");
}

#[test]
fn somebody_may_have_made_half_of_it_by_other_means() {
    let changes: Changes<'_> = (&[], &["80 10.0.0.0/8", "443 10.0.0.0/8"]);
    let first = taken_back(run(1, "first", Some(60), changes));
    assert_eq!(told(&[first], (&[], &["443 10.0.0.0/8"])), "first again");
}

#[test]
fn runs_that_were_kept_hold_nothing() {
    let plain = run(1, "plain", None, NARROW);
    assert_eq!(told(std::slice::from_ref(&plain), NARROW), "nothing");
    let mut confirmed = run(1, "confirmed", Some(60), NARROW);
    confirmed.confirmation = Some(Confirmation::Confirmed);
    assert_eq!(told(std::slice::from_ref(&confirmed), NARROW), "nothing");
    // Somebody has insisted since: what others take back later is drift like any other.
    let first = taken_back(run(1, "first", Some(60), NARROW));
    for insists in [plain, confirmed] {
        assert_eq!(told(&[first.clone(), insists.clone()], NARROW), "nothing");
        assert_eq!(told(&[insists, first.clone()], NARROW), "first again");
    }
    let other = run(2, "other", None, (&["443 10.0.0.0/8"], &[]));
    assert_eq!(told(&[first.clone(), other], NARROW), "first again");
    let tried_again = taken_back(run(3, "second", Some(60), NARROW));
    assert_eq!(told(&[first, tried_again], NARROW), "second again");
}

#[test]
fn while_a_run_is_neither_confirmed_nor_taken_back_nothing_is_built_on_it() {
    let anything: Changes<'_> = (&[], &["443 10.0.0.0/8"]);
    let waits = run(9, "waits", Some(120), NARROW);
    assert_eq!(
        told(std::slice::from_ref(&waits), anything),
        "waits until 11"
    );
    let late = run(1, "late", Some(120), NARROW);
    assert_eq!(told(&[late.clone(), waits], anything), "late until 3");
    // An undo of it by hand came to its end.
    let mut undo = run(5, "undo", None, (NARROW.1, NARROW.0));
    undo.begun.origin.undoes = Some("late".to_owned());
    undo.ended = Some(Ended {
        time: at(5),
        outcome: "complete".to_owned(),
        counts: [0; 3],
    });
    assert_eq!(told(&[late.clone(), undo.clone()], anything), "nothing");
    assert_eq!(told(&[late, undo], NARROW), "late again");
    let mut nothing_sent = run(9, "nothing", Some(120), NARROW);
    nothing_sent.calls[0].answer = Answer::NotDone;
    assert_eq!(told(&[nothing_sent], anything), "nothing");
}

#[test]
fn other_groups_are_not_held() {
    let mut elsewhere = taken_back(run(1, "first", Some(60), NARROW));
    elsewhere.calls[0].address = Address {
        account: AccountName::new("other"),
        region: RegionId::new("cn-hangzhou"),
        group: GroupId::new("sg-a"),
    };
    assert_eq!(told(&[elsewhere], NARROW), "nothing");
}
