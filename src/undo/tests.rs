use jiff::Timestamp;

use crate::{
    clouds::fake,
    journal::{Begun, Origin, Sent, with_undos},
    model::{AccountName, GroupId, ObservedRule, RegionId},
};

use super::*;

const PROJECT: &str = "rules: rules/\naccounts:\n  demo: { local: demo.json }\n";

fn address() -> Address {
    Address {
        account: AccountName::new("demo"),
        region: RegionId::new("cn-hangzhou"),
        group: GroupId::new("sg-a"),
    }
}

/// A rule that goes, a rule that comes.
type Change<'a> = (Option<&'a ObservedRule>, Option<&'a str>);

fn run(calls: &[(&[Change<'_>], Answer)]) -> Run {
    let call = |(at, (changes, answer)): (usize, &(&[Change<'_>], Answer))| Call {
        time: Timestamp::UNIX_EPOCH,
        address: address(),
        step: at.to_string(),
        changes: changes
            .iter()
            .map(
                |(before, after): &(Option<&ObservedRule>, Option<&str>)| Sent {
                    before: before.cloned(),
                    after: after.map(fake::rule),
                },
            )
            .collect(),
        answer: *answer,
    };
    Run {
        begun: Begun::now("0123456789abcdef", "p".into(), Origin::default(), vec![]),
        calls: calls.iter().enumerate().map(call).collect(),
        ended: None,
        confirm_by: None,
        confirmation: None,
        taken_back: false,
    }
}

#[test]
fn what_a_call_without_an_answer_may_have_done_is_no_change_of_others() {
    let before = fake::group("sg-a", &["22 10.0.0.0/8", "80 10.0.0.0/8"]);
    let [old22, old80] = &before.rules[..] else {
        panic!()
    };
    let changes = [
        (None, Some("22 10.1.0.0/16")),
        (Some(old22), None),
        (Some(old80), Some("80 10.1.0.0/16")),
    ];
    let unknown = run(&[(&changes, Answer::Unknown)]);
    for live in [
        &["22 10.0.0.0/8", "80 10.0.0.0/8"][..],
        &["22 10.0.0.0/8", "22 10.1.0.0/16", "80 10.0.0.0/8"],
        &["22 10.1.0.0/16", "80 10.1.0.0/16"],
    ] {
        let live = fake::group("sg-a", live);
        assert_eq!(moved(&before, &unknown, &live), [] as [String; 0]);
    }
    let done = run(&[(&changes, Answer::Done)]);
    let live = fake::group("sg-a", &["22 10.1.0.0/16", "80 10.1.0.0/16"]);
    assert_eq!(moved(&before, &done, &live), [] as [String; 0]);
    let live = fake::group("sg-a", &["22 10.1.0.0/16", "443 10.1.0.0/16"]);
    assert_eq!(
        moved(&before, &done, &live),
        [
            "gone since: ingress accept tcp/80 from 10.1.0.0/16 priority 1",
            "came since: ingress accept tcp/443 from 10.1.0.0/16 priority 1",
        ]
    );
}

#[test]
fn only_directions_that_were_touched_are_declared_and_110_comes_back_as_100() {
    let mut before = fake::group(
        "sg-a",
        &["22 10.0.0.0/8", "80 10.0.0.0/8", "443 10.0.0.0/8"],
    );
    for at in [0, 1] {
        before.rules[at].rule.priority = Priority::observed(110);
    }
    let mut live = before.clone();
    live.rules.remove(0);
    live.rules[1].rule.description = Some("new".into());
    let run = run(&[(&[(Some(&before.rules[0]), None)], Answer::Done)]);
    let snapshot = Snapshot {
        taken: Timestamp::UNIX_EPOCH,
        address: address(),
        group: before,
    };
    let undo = declare(
        Path::new("."),
        SourceFile::new("rulekeep.yaml", PROJECT),
        &run,
        &[snapshot],
        &BTreeMap::from([(address(), live)]),
        Later::Refuse,
    )
    .unwrap();
    let group = &undo.desired.groups[0];
    assert_eq!(group.egress, None);
    let rules = group.ingress.as_ref().unwrap();
    let priorities: Vec<u8> = rules.iter().map(|rule| rule.priority.get()).collect();
    assert_eq!(priorities, [100, 1]);
    assert_eq!(
        undo.desired.sources.place(rules[0].span),
        "undo/01234567/sg-a:7"
    );
    assert_eq!(
        undo.notes,
        [
            "a: ingress accept tcp/22 from 10.0.0.0/8 priority 110 comes back with priority 100: nobody but the platform \
             can make a rule of priority 110",
            "a: ingress accept tcp/443 from 10.0.0.0/8 priority 1 keeps the description \"new\": the cloud cannot clear one",
        ]
    );
}

#[test]
fn what_others_did_since_can_be_kept() {
    let before = fake::group(
        "sg-a",
        &["22 10.0.0.0/8", "80 10.0.0.0/8", "443 10.0.0.0/8"],
    );
    let [old22, old80, old443] = &before.rules[..] else {
        panic!()
    };
    // One add, one delete and two modifies, of which others have undone the second; and a rule of theirs.
    let changes = [
        (None, Some("53 10.0.0.0/8")),
        (Some(old22), None),
        (Some(old80), Some("80 10.1.0.0/16")),
        (Some(old443), Some("443 10.1.0.0/16")),
    ];
    let live = [
        "53 10.0.0.0/8",
        "80 10.1.0.0/16",
        "443 10.9.0.0/16",
        "8080 10.9.0.0/16",
    ];
    let undo = declare(
        Path::new("."),
        SourceFile::new("rulekeep.yaml", PROJECT),
        &run(&[(&changes, Answer::Done)]),
        &[Snapshot {
            taken: Timestamp::UNIX_EPOCH,
            address: address(),
            group: before,
        }],
        &BTreeMap::from([(address(), fake::group("sg-a", &live))]),
        Later::Keep,
    )
    .unwrap();
    let rules = undo.desired.groups[0].ingress.as_ref().unwrap();
    let mut rules: Vec<String> = rules
        .iter()
        .map(|rule| format!("{} {}", rule.protocol, rule.peer))
        .collect();
    rules.sort();
    assert_eq!(
        rules,
        [
            "tcp/22 10.0.0.0/8",
            "tcp/443 10.9.0.0/16",
            "tcp/80 10.0.0.0/8",
            "tcp/8080 10.9.0.0/16"
        ]
    );
}

#[test]
fn an_undo_that_came_half_way_is_taken_up_where_it_ended() {
    let before = fake::group("sg-a", &["22 10.0.0.0/8"]);
    let [old] = &before.rules[..] else { panic!() };
    let changes = [(None, Some("80 10.0.0.0/8")), (Some(old), None)];
    let first = run(&[(&changes, Answer::Done)]);
    // The old rule is back, the new one is still there.
    let mut undo = run(&[(&[(None, Some("22 10.0.0.0/8"))], Answer::Done)]);
    undo.begun.run = "fedcba".into();
    undo.begun.origin.undoes = Some(first.begun.run.clone());
    let live = fake::group("sg-a", &["22 10.0.0.0/8", "80 10.0.0.0/8"]);
    assert_eq!(moved(&before, &first, &live).len(), 1);
    let whole = with_undos(&[first.clone(), undo], &first);
    assert_eq!(moved(&before, &whole, &live), [] as [String; 0]);
}

#[test]
fn no_assertion_bars_the_way_back() {
    let before = fake::group("sg-a", &["22 0.0.0.0/0"]);
    let run = run(&[(&[(Some(&before.rules[0]), None)], Answer::Done)]);
    let project = format!(
        "{PROJECT}guard: {{ baseline: cis-alibaba }}\nassertions: [{{ id: no-ssh, forbid: ssh, from: group:somebody }}]\n\
         waivers: [{{ assertion: no-ssh, group: elsewhere, until: 2999-12-31, reason: none }}]\n"
    );
    let undo = declare(
        Path::new("."),
        SourceFile::new("rulekeep.yaml", project),
        &run,
        &[Snapshot {
            taken: Timestamp::UNIX_EPOCH,
            address: address(),
            group: before,
        }],
        &BTreeMap::from([(address(), fake::group("sg-a", &[]))]),
        Later::Refuse,
    )
    .unwrap();
    let group = &undo.desired.groups[0];
    assert!(group.assertions.is_empty() && group.waivers.is_empty());
}
