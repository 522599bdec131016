//! How many layers and calls an order takes.

use rulekeep::desired::Mode;

use crate::rules::{desired, observed, plan_groups, print, rule};
use insta::assert_snapshot;

fn planned(live: &[&str], wanted: &[&str]) -> String {
    let rules = |texts: &[&str]| texts.iter().map(|text| rule(text)).collect::<Vec<_>>();
    let group = desired("sg-web", Mode::Complete, rules(wanted));
    let plan = plan_groups(&[(group, observed("sg-web", rules(live)))]);
    assert!(plan.groups[0].passing.is_empty());
    print(&plan)
}

/// Pair by pair these are four layers: the drops of priority 1 before the accept of 5, that before the drop of 10, that before the accept of
/// 50. But the first two decide about everything that the others match, jointly.
#[test]
fn rules_that_others_jointly_shadow_hold_nothing_back() {
    let wanted = [
        "ingress drop tcp/1-5 from 10.0.0.0/8",
        "ingress drop tcp/6-10 from 10.0.0.0/8",
        "ingress accept tcp/1-10 from 10.0.0.0/8 priority 5",
        "ingress drop tcp/1-10 from 10.0.0.0/8 priority 10",
        "ingress accept tcp/1-10 from 10.0.0.0/8 priority 50",
    ];
    assert_snapshot!(planned(&[], &wanted), @r"
    + ingress drop tcp/1-5 from 10.0.0.0/8 priority 1
    + ingress drop tcp/6-10 from 10.0.0.0/8 priority 1
    + ingress accept tcp/1-10 from 10.0.0.0/8 priority 5
    + ingress drop tcp/1-10 from 10.0.0.0/8 priority 10
    + ingress accept tcp/1-10 from 10.0.0.0/8 priority 50
    wave 0: ingress +++
    wave 1: ingress ++
    ");
    assert_snapshot!(planned(&wanted, &[]), @r"
    - ingress drop tcp/1-5 from 10.0.0.0/8 priority 1
    - ingress drop tcp/6-10 from 10.0.0.0/8 priority 1
    - ingress accept tcp/1-10 from 10.0.0.0/8 priority 5
    - ingress drop tcp/1-10 from 10.0.0.0/8 priority 10
    - ingress accept tcp/1-10 from 10.0.0.0/8 priority 50
    wave 0: ingress ---
    wave 1: ingress --
    ");
}

#[test]
fn what_a_rule_that_stays_beats_needs_no_other_before_it() {
    let stays = "ingress drop tcp/1-10 from 10.0.0.0/8";
    let others = [
        "ingress accept tcp/1-10 from 10.0.0.0/8 priority 5",
        "ingress drop tcp/1-10 from 10.0.0.0/8 priority 10",
        "ingress accept tcp/1-10 from 10.0.0.0/8 priority 50",
    ];
    let all: Vec<&str> = [stays].into_iter().chain(others).collect();
    assert_snapshot!(planned(&[stays], &all), @r"
    + ingress accept tcp/1-10 from 10.0.0.0/8 priority 5
    + ingress drop tcp/1-10 from 10.0.0.0/8 priority 10
    + ingress accept tcp/1-10 from 10.0.0.0/8 priority 50
    wave 0: ingress +++
    ");
}

/// The new drop decides for a part, but what stays would do so as well.
#[test]
fn what_a_weaker_rule_that_stays_beats_needs_no_other_before_it_either() {
    let stays = "ingress drop tcp/1-10 from 10.0.0.0/8 priority 5";
    let all = [
        "ingress drop tcp/1-5 from 10.0.0.0/8",
        stays,
        "ingress accept tcp/1-10 from 10.0.0.0/8 priority 10",
    ];
    assert_snapshot!(planned(&[stays], &all), @r"
    + ingress drop tcp/1-5 from 10.0.0.0/8 priority 1
    + ingress accept tcp/1-10 from 10.0.0.0/8 priority 10
    wave 0: ingress ++
    ");
}

/// What a port list holds changes without the plan, so nothing is concluded from one.
#[test]
fn what_a_port_list_beats_is_not_known() {
    let stays = "ingress drop tcp/prl-1 from 10.0.0.0/8";
    let all = [
        stays,
        "ingress drop tcp/1-5 from 10.0.0.0/8 priority 5",
        "ingress accept tcp/1-10 from 10.0.0.0/8 priority 10",
    ];
    assert_snapshot!(planned(&[stays], &all), @r"
    + ingress drop tcp/1-5 from 10.0.0.0/8 priority 5
    + ingress accept tcp/1-10 from 10.0.0.0/8 priority 10
    wave 0: ingress +
    wave 1: ingress +
    ");
}

/// Members of a group may also have an address that another rule names.
#[test]
fn memberships_count_as_overlaps() {
    let wanted = [
        "ingress accept tcp/22 from sg-admin",
        "ingress drop tcp/22 from sg-guests priority 5",
        "ingress accept tcp/22 from 10.0.0.0/8 priority 10",
    ];
    assert_snapshot!(planned(&[], &wanted), @r"
    + ingress accept tcp/22 from sg-admin priority 1
    + ingress drop tcp/22 from sg-guests priority 5
    + ingress accept tcp/22 from 10.0.0.0/8 priority 10
    wave 0: ingress +
    wave 1: ingress +
    wave 2: ingress +
    ");
}

/// Two calls, not three: what can wait fills the second batch.
#[test]
fn what_can_wait_goes_with_a_later_batch_that_has_room() {
    let mut wanted: Vec<_> = (0..100)
        .map(|n| rule(&format!("ingress accept udp/{} from 10.0.0.0/8", 1000 + n)))
        .collect();
    wanted.push(rule("ingress drop tcp/22 from 10.0.0.0/8"));
    wanted.push(rule("ingress accept tcp/1-100 from 10.0.0.0/8 priority 10"));
    let plan = plan_groups(&[(
        desired("sg-web", Mode::Complete, wanted),
        observed("sg-web", []),
    )]);
    assert_eq!((plan.counts().calls, plan.least_calls()), (2, 2));
}

/// What waits lets what comes before it wait as well, also where many groups are ordered against many.
#[test]
fn what_can_wait_because_others_do_goes_with_a_later_batch() {
    let group = |number: usize, texts: &[&str]| {
        let id = format!("sg-{number:02}");
        let wanted: Vec<_> = texts.iter().map(|text| rule(text)).collect();
        (desired(&id, Mode::Complete, wanted), observed(&id, []))
    };
    let last = [
        "ingress accept tcp/1 from 10.0.0.0/8 priority 10",
        "ingress drop tcp/3 from 10.0.0.0/8 priority 20",
    ];
    let middle = [
        "ingress drop tcp/1 from 10.0.0.0/8",
        "ingress accept tcp/2-3 from 10.0.0.0/8 priority 10",
    ];
    let mut groups: Vec<_> = (0..10).map(|number| group(number, &last)).collect();
    groups.extend([group(10, &middle), group(11, &middle)]);
    groups.push(group(12, &["ingress drop tcp/2 from 10.0.0.0/8"]));
    let plan = plan_groups(&groups);
    assert_eq!((plan.counts().calls, plan.least_calls()), (13, 13));
    assert_eq!(plan.schedules[0].waves.len(), 3);
}

/// What nothing depends on makes room at once; no turns are needed for that.
#[test]
fn what_no_sentence_holds_makes_room_without_turns() {
    let mut group = desired(
        "sg-web",
        Mode::Complete,
        [rule("ingress tcp/443 from 192.0.2.0/24")],
    );
    group.quota = 1;
    let live = observed("sg-web", [rule("ingress tcp/22 from 10.0.0.0/8")]);
    let plan = plan_groups(&[(group, live)]);
    assert_eq!(plan.groups[0].in_turn, None);
    assert_eq!(plan.groups[0].quota.peak, 1);
    assert!(plan.groups[0].passing.is_empty());
}

/// A network of several groups that is narrowed keeps its rules: what each becomes covers what the others come with.
#[test]
fn a_network_of_several_groups_is_narrowed_in_place() {
    let groups: Vec<_> = (0..40)
        .map(|number| {
            let id = format!("sg-{number:02}");
            let wanted = rule("ingress accept tcp/443 from 203.0.113.0/25");
            let live = rule("ingress accept tcp/443 from 203.0.113.0/24");
            (
                desired(&id, Mode::Complete, vec![wanted]),
                observed(&id, vec![live]),
            )
        })
        .collect();
    let plan = plan_groups(&groups);
    assert!(plan.groups.iter().all(|group| group.passing.is_empty()));
    let counts = plan.groups.iter().map(|group| group.counts());
    assert!(counts.clone().all(|counts| counts.change == 1));
    assert!(
        counts
            .clone()
            .all(|counts| counts.add + counts.destroy == 0)
    );
    assert_eq!(plan.schedules[0].waves.len(), 1);
}

/// Ports of many groups that move on side by side: every old rule waits for every new one, until all modifies but one are taken apart.
#[test]
fn a_circle_of_many_groups_is_broken() {
    let groups: Vec<_> = (1..=120)
        .map(|number| {
            let id = format!("sg-{number:03}");
            let ports = |first: u16, last: u16| {
                let text = format!("{}-{}", number + first, number + last);
                rule(&format!("ingress accept tcp/{text} from 10.0.0.0/8"))
            };
            let wanted = ports(200, 800);
            let live = ports(0, 500);
            (
                desired(&id, Mode::Complete, vec![wanted]),
                observed(&id, vec![live]),
            )
        })
        .collect();
    let plan = plan_groups(&groups);
    assert!(plan.groups.iter().all(|group| group.passing.is_empty()));
    let modifies = plan.groups.iter().map(|group| group.counts().change);
    assert_eq!(modifies.sum::<usize>(), 1);
    assert_eq!(plan.schedules[0].waves.len(), 3);
}
