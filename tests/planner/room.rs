//! Groups that cannot hold old and new rules together.

use rulekeep::{
    desired::Mode,
    guard::{Overrides, Reason, guard},
    model::Rule,
    plan::{ChangeKind, InTurn, Plan, Step},
};

use crate::rules::{desired, observed, plan_groups, print, rule};
use insta::assert_snapshot;

pub fn rules(texts: &[&str]) -> Vec<Rule> {
    texts.iter().map(|text| rule(text)).collect()
}

/// A group that is full, its plan and what is declared.
pub fn full(live: &[&str], wanted: &[&str], quota: u32) -> (Plan, rulekeep::desired::DesiredGroup) {
    let mut group = desired("sg-web", Mode::Complete, rules(wanted));
    group.quota = quota;
    let plan = plan_groups(&[(group.clone(), observed("sg-web", rules(live)))]);
    (plan, group)
}

/// The cloud does not turn an address into a group, and there is no room for both.
#[test]
fn a_full_group_that_must_cut_says_what_and_how_many_slots_would_help() {
    let (plan, group) = full(
        &[
            "ingress tcp/443 from 10.0.0.0/8",
            "ingress udp/53 from 0.0.0.0/0",
            "ingress udp/53 from 10.0.0.0/8 priority 5",
        ],
        &[
            "ingress tcp/443 from sg-lb",
            "ingress udp/53 from 0.0.0.0/0",
            "ingress udp/53 from 10.0.0.0/8 priority 5",
        ],
        3,
    );
    assert_snapshot!(print(&plan), @r"
    - ingress accept tcp/443 from 10.0.0.0/8 priority 1
    + ingress accept tcp/443 from sg-lb priority 1
    wave 0: ingress -
    wave 1: ingress +
    warning[deletes-first]: web has no room for old and new rules together: 1 rule goes before the new ones come
    ");
    let refusals = guard(&plan, &[&group], &Overrides::default()).unwrap_err();
    assert_eq!(refusals.len(), 1, "{refusals:?}");
    assert_snapshot!(format!("{}: {}\n{}", refusals[0].reason, refusals[0].message, refusals[0].help.join("\n")), @r"
    interruption: no order is known in which traffic that is admitted before and after is admitted at every step
    with 1 more free slot there is an order that is safe at every step: `quota:` says what the cloud grants this group
    rules that change nothing within this group could go first, in a change of their own: ingress accept udp/53 from 10.0.0.0/8 priority 5
    layers 1 to 2: ingress tcp/443 from sg-lb at 10.0.0.0/8
    or pass `--accept-interruption` this once
    ");
    let accepted = Overrides {
        accept_interruption: true,
        ..Overrides::default()
    };
    assert!(guard(&plan, &[&group], &accepted).is_ok());
    assert_eq!(plan.groups[0].quota.peak, 3);
    let opening = Overrides {
        accept_opening: true,
        ..Overrides::default()
    };
    assert!(guard(&plan, &[&group], &opening).is_err());
}

#[test]
fn the_guard_says_what_the_search_left_out() {
    let (mut plan, group) = full(
        &["ingress tcp/443 from 10.0.0.0/8"],
        &["ingress tcp/443 from sg-lb"],
        1,
    );
    let in_turn = plan.groups[0].in_turn.as_mut().expect("it is full");
    assert!(!in_turn.orders_left_out && !in_turn.least_slots_unknown);
    assert!(!in_turn.memberships_left_out);
    in_turn.orders_left_out = true;
    in_turn.least_slots_unknown = true;
    let help = |plan: &Plan| {
        let refusals = guard(plan, &[&group], &Overrides::default()).unwrap_err();
        refusals[0].help[..2].to_vec()
    };
    assert_eq!(
        help(&plan),
        [
            "not every order was tried, there may be a safe one: change fewer rules at a time",
            "with 1 more free slot, perhaps with fewer, there is an order that is safe at every step: `quota:` says what the cloud grants this group",
        ]
    );
    plan.groups[0].in_turn.as_mut().expect("it is full").slots = None;
    assert_eq!(
        help(&plan)[1],
        "how many more free slots would make it safe is not known"
    );
}

/// Nothing else proves turns; either may happen, so both are to be accepted.
#[test]
fn a_group_in_turns_without_every_membership_takes_both_flags() {
    let (mut plan, group) = full(
        &["ingress tcp/443 from 10.0.0.0/8"],
        &["ingress tcp/443 from sg-lb"],
        2,
    );
    plan.groups[0].in_turn = Some(InTurn {
        memberships_left_out: true,
        ..InTurn::default()
    });
    assert!(plan.groups[0].passing.is_empty());
    let reasons = |accept_interruption: bool, accept_opening: bool| -> Vec<Reason> {
        let overrides = Overrides {
            accept_interruption,
            accept_opening,
            ..Overrides::default()
        };
        let refusals = guard(&plan, &[&group], &overrides)
            .err()
            .unwrap_or_default();
        refusals.iter().map(|refusal| refusal.reason).collect()
    };
    assert_eq!(
        reasons(false, false),
        [Reason::Interruption, Reason::Opening]
    );
    assert_eq!(reasons(true, false), [Reason::Opening]);
    assert_eq!(reasons(false, true), [Reason::Interruption]);
    assert_eq!(reasons(true, true), []);
    let refusals = guard(&plan, &[&group], &Overrides::default()).unwrap_err();
    assert_eq!(
        refusals[1].message,
        "it is not proved that traffic that is refused before and after is refused at every step"
    );
    assert_eq!(
        refusals[1].help,
        [
            "peers that are in three groups or unread lists at once were not looked at: change fewer rules about groups and lists at a time, or make room for old and new rules together",
            "or pass `--accept-opening` this once",
        ]
    );
}

/// What the cloud may take for the same rule is gone before another becomes it: not in the same turn, whose calls may be made in any order.
#[test]
fn a_twin_goes_in_a_turn_before_the_modify() {
    let (plan, _) = full(
        &[
            "ingress tcp/22 from 10.0.0.0/8 priority 1",
            "ingress tcp/22 from 10.0.0.0/8 priority 2",
            "ingress tcp/443 from 10.0.0.0/8",
            "ingress tcp/444 from 10.0.0.0/8",
        ],
        &[
            "ingress tcp/22 from 10.0.0.0/8 priority 3",
            "ingress tcp/443 from sg-lb",
            "ingress tcp/444 from sg-lb",
        ],
        4,
    );
    let group = &plan.groups[0];
    assert!(group.in_turn.is_some() && group.passing.is_empty());
    let is_ssh = |other: &Rule| other.protocol == rule("ingress tcp/22 from 10.0.0.0/8").protocol;
    let wave_of = |wanted: &dyn Fn(&ChangeKind) -> bool| {
        let has = |step: &Step| step.changes.iter().any(|&n| wanted(&group.changes[n].kind));
        let mut waves = plan.schedules[0].waves.iter();
        waves
            .position(|wave| wave.iter().any(has))
            .expect("it is made")
    };
    let goes = wave_of(&|kind| matches!(kind, ChangeKind::Delete(seen) if is_ssh(&seen.rule)));
    let becomes = wave_of(&|kind| matches!(kind, ChangeKind::Modify { .. }));
    assert!(goes < becomes, "{}", print(&plan));
}

/// With one free slot the first of these changes is safe.
#[test]
fn one_free_slot_makes_it_safe() {
    let (plan, group) = full(
        &["ingress tcp/443 from 10.0.0.0/8"],
        &["ingress tcp/443 from sg-lb"],
        2,
    );
    assert_snapshot!(print(&plan), @r"
    - ingress accept tcp/443 from 10.0.0.0/8 priority 1
    + ingress accept tcp/443 from sg-lb priority 1
    wave 0: ingress +
    wave 1: ingress -
    ");
    assert!(guard(&plan, &[&group], &Overrides::default()).is_ok());
}

/// Three addresses become groups with one free slot: in turns, one after the other.
#[test]
fn few_free_slots_are_used_turn_by_turn() {
    let live = [
        "ingress tcp/1 from 10.0.0.0/8",
        "ingress tcp/2 from 10.0.0.0/8",
        "ingress tcp/3 from 10.0.0.0/8",
    ];
    let wanted = [
        "ingress tcp/1 from sg-lb",
        "ingress tcp/2 from sg-lb",
        "ingress tcp/3 from sg-lb",
    ];
    // Members of sg-lb at 10.0.0.0/8 are admitted before and after.
    let (plan, group) = full(&live, &wanted, 4);
    assert_snapshot!(print(&plan), @r"
    - ingress accept tcp/1 from 10.0.0.0/8 priority 1
    + ingress accept tcp/1 from sg-lb priority 1
    - ingress accept tcp/2 from 10.0.0.0/8 priority 1
    + ingress accept tcp/2 from sg-lb priority 1
    - ingress accept tcp/3 from 10.0.0.0/8 priority 1
    + ingress accept tcp/3 from sg-lb priority 1
    wave 0: ingress +
    wave 1: ingress -
    wave 2: ingress +
    wave 3: ingress -
    wave 4: ingress +
    wave 5: ingress -
    ");
    let overrides = Overrides {
        allow_deletes: Some(3),
        ..Overrides::default()
    };
    assert!(guard(&plan, &[&group], &overrides).is_ok());
    assert_eq!(plan.groups[0].quota.peak, 4);
    assert!(plan.counts().calls > plan.least_calls());
}

/// What goes in one direction makes room in the other.
#[test]
fn directions_share_the_room() {
    let (plan, _) = full(
        &[
            "ingress tcp/443 from 10.0.0.0/8",
            "egress drop udp/53 to 192.0.2.0/24 priority 50",
        ],
        &["ingress tcp/443 from sg-lb", "ingress tcp/444 from sg-lb"],
        2,
    );
    assert!(plan.groups[0].passing.is_empty(), "{}", print(&plan));
    assert_eq!(plan.groups[0].quota.peak, 2);
}

#[test]
fn equal_input_gives_an_equal_plan() {
    let live: Vec<String> = (0..18)
        .map(|n| {
            format!(
                "ingress tcp/{}-{} from 10.0.0.0/8",
                100 * n + 1,
                100 * n + 100
            )
        })
        .collect();
    let wanted: Vec<String> = (0..18)
        .map(|n| {
            format!(
                "ingress tcp/{}-{} from sg-{}",
                100 * n + 8,
                100 * n + 107,
                n % 3
            )
        })
        .collect();
    let texts = |texts: &[String]| rules(&texts.iter().map(String::as_str).collect::<Vec<_>>());
    let plan = || {
        let mut group = desired("sg-web", Mode::Complete, texts(&wanted));
        group.quota = 20;
        plan_groups(&[(group, observed("sg-web", texts(&live)))])
    };
    let (one, other) = (plan(), plan());
    assert_eq!(print(&one), print(&other));
    assert_eq!(one.id(), other.id());
    assert!(one.groups[0].quota.peak <= 20);
}
