//! Network interfaces in two groups: which pairs are replayed, and with what.

use std::collections::BTreeMap;

use insta::assert_snapshot;
use rulekeep::{
    desired::{DesiredGroup, Mode},
    guard::{Overrides, Reason, Refusal, guard},
    model::{
        AccountName, GroupKind, Lists, ObservedGroup, PortList, PortListId, PortRange, RegionId,
        Rule,
    },
    plan::{Order, Plan},
};

use crate::rules::{desired, observed, plan_groups, plan_groups_with, rule};

fn rules(texts: &[&str]) -> Vec<Rule> {
    texts.iter().map(|text| rule(text)).collect()
}

/// A group that has room for two rules, and whose turns let tcp/3306 from sg-c through, which it neither did nor shall, as far as another group
/// drops it.
fn full() -> (DesiredGroup, ObservedGroup) {
    let wanted = [
        "ingress tcp/3300-3400 from 0.0.0.0/0 priority 60",
        "ingress tcp/3300-3400 from ::/0 priority 60",
    ];
    let live = [
        "ingress drop tcp/3306 from sg-c priority 1",
        "ingress tcp/3306 from sg-c priority 5",
    ];
    let mut group = desired("sg-web", Mode::Complete, rules(&wanted));
    group.quota = 2;
    (group, observed("sg-web", rules(&live)))
}

fn calm(texts: &[&str]) -> (DesiredGroup, ObservedGroup) {
    let group = desired("sg-calm", Mode::Complete, rules(texts));
    (group, observed("sg-calm", rules(texts)))
}

/// What is said of interfaces in both groups, with the layer.
fn of_both(plan: &Plan) -> Vec<(String, usize, bool)> {
    let all = plan.groups.iter().flat_map(|group| &group.passing);
    all.filter_map(|one| {
        let with = one.with.as_ref()?.to_string();
        Some((with, one.transient.wave, one.transient.opens))
    })
    .collect()
}

#[test]
fn turns_are_replayed_with_a_group_that_may_share_an_interface() {
    let drops = [
        "ingress drop tcp/3306 from 0.0.0.0/0 priority 50",
        "ingress drop tcp/3306 from ::/0 priority 50",
    ];
    let plan = plan_groups(&[full(), calm(&drops)]);
    assert_eq!(of_both(&plan), [("calm".to_owned(), 0, true)]);

    // No interface is in a basic and in an advanced group.
    let mut other = calm(&drops);
    other.1.info.kind = GroupKind::Advanced;
    assert_eq!(of_both(&plan_groups(&[full(), other])), []);
    // What the other group drops no longer is admitted in the end.
    let mut leaves = calm(&drops);
    leaves.0 = desired("sg-calm", Mode::Complete, []);
    assert_eq!(of_both(&plan_groups(&[full(), leaves])), []);
    // Nor does what happens to other packets matter.
    let other = calm(&["ingress drop tcp/9999 from 0.0.0.0/0 priority 50"]);
    assert_eq!(of_both(&plan_groups(&[full(), other])), []);
}

#[test]
fn what_is_cut_in_one_group_alone_is_said_once() {
    let mut group = desired(
        "sg-web",
        Mode::Complete,
        rules(&["ingress tcp/443 from sg-lb"]),
    );
    group.quota = 1;
    let live = observed("sg-web", rules(&["ingress tcp/443 from 10.0.0.0/8"]));
    let other = calm(&["ingress drop tcp/443 from 192.0.2.0/24 priority 50"]);
    let plan = plan_groups(&[(group, live), other]);
    let web = plan.groups.iter().find(|group| group.in_turn.is_some());
    assert!(web.is_some_and(|group| group.passing.iter().any(|one| one.with.is_none())));
    assert_eq!(of_both(&plan), []);
}

/// The other group's list is read with its own, not taken for every port.
#[test]
fn lists_of_both_groups_count_with_what_they_hold() {
    let lists = |first, last| -> BTreeMap<(AccountName, RegionId), Lists> {
        let list = PortList {
            name: "ports".into(),
            max_entries: 1,
            entries: vec![PortRange::new(first, last).unwrap()],
        };
        let key = full().0;
        let mut lists = Lists::default();
        lists.port.insert(PortListId::new("prl-1"), list);
        [((key.account, key.region), lists)].into()
    };
    let drops = [
        "ingress drop tcp/prl-1 from 0.0.0.0/0 priority 50",
        "ingress drop tcp/prl-1 from ::/0 priority 50",
    ];
    let both = [full(), calm(&drops)];
    assert_eq!(of_both(&plan_groups_with(&both, &lists(9999, 9999))), []);
    assert_eq!(
        of_both(&plan_groups_with(&both, &lists(3306, 3306))),
        [("calm".to_owned(), 0, true)]
    );
}

/// Of groups that may all meet 100 pairs are replayed, however many there are.
#[test]
fn pairs_that_are_too_many_are_counted() {
    let left_out = |groups: usize| {
        let groups: Vec<_> = (0..groups)
            .map(|number| {
                let id = format!("sg-{number:04}");
                let wanted = rule("ingress tcp/443 from 0.0.0.0/0");
                let mut live = observed(&id, []);
                if number % 10 == 0 {
                    live.info.kind = GroupKind::Advanced;
                }
                (desired(&id, Mode::Complete, vec![wanted]), live)
            })
            .collect();
        let plan = plan_groups(&groups);
        plan.schedules[0].pairs_left_out
    };
    let pairs = |groups: usize| groups * (groups - 1) / 2;
    assert_eq!(left_out(50), pairs(45) + pairs(5) - 100);
    assert_eq!(left_out(350), pairs(315) + pairs(35) - 100);
}

#[test]
fn pairs_that_never_meet_are_not_counted() {
    let groups = (0..350).map(|number| {
        let id = format!("sg-{number:04}");
        let own = format!(
            "ingress tcp/443 from 10.{}.{}.0/24",
            number / 250,
            number % 250
        );
        // Every tenth meets the others of its kind.
        let texts: &[&str] = if number % 10 == 0 {
            &[&own, "ingress udp/53 from 10.0.0.0/8"]
        } else {
            &[&own]
        };
        let wanted = rules(texts);
        (desired(&id, Mode::Complete, wanted), observed(&id, []))
    });
    let schedule = &plan_groups(&groups.collect::<Vec<_>>()).schedules[0];
    assert_eq!(schedule.pairs_left_out, 35 * 34 / 2 - 100);
    assert_eq!(schedule.turns_left_out, 0);
}

/// 500 pairs with a group in turns are replayed, and it is said how many are not. Pairs that never meet are none of them.
#[test]
fn turns_that_meet_too_many_groups_are_counted() {
    let others = (0..600).map(|number| {
        let id = format!("sg-{number:04}");
        let text = match number % 20 {
            0 => "ingress udp/9999 from 0.0.0.0/0 priority 50",
            _ => "ingress drop tcp/3306 from 0.0.0.0/0 priority 50",
        };
        let group = desired(&id, Mode::Complete, rules(&[text]));
        (group, observed(&id, rules(&[text])))
    });
    let groups: Vec<_> = [full()].into_iter().chain(others).collect();
    let plan = plan_groups(&groups);
    assert_eq!(plan.schedules[0].turns_left_out, 570 - 500);
    assert_eq!(plan.schedules[0].pairs_left_out, 70);
    assert!(!of_both(&plan).is_empty());
}

/// Groups that have one free slot and whose turns are safe, beside calm ones that they may meet and whose rules overlap with theirs.
fn in_turns_beside(turned: usize, calm: usize) -> (Plan, Vec<DesiredGroup>) {
    let of = |peer: &str| -> Vec<Rule> {
        let rules = (1..=3).map(|port| rule(&format!("ingress tcp/{port} from {peer}")));
        rules.collect()
    };
    let full = (0..turned).map(|number| {
        let id = format!("sg-full-{number}");
        let mut group = desired(&id, Mode::Complete, of("sg-lb"));
        group.quota = 4;
        (group, observed(&id, of("10.0.0.0/8")))
    });
    let calm = (0..calm).map(|number| {
        let id = format!("sg-{number:04}");
        let texts = ["ingress tcp/1-3 from 0.0.0.0/0 priority 50"];
        let group = desired(&id, Mode::Complete, rules(&texts));
        (group, observed(&id, rules(&texts)))
    });
    let groups: Vec<_> = full.chain(calm).collect();
    let plan = plan_groups(&groups);
    (plan, groups.into_iter().map(|(group, _)| group).collect())
}

fn pairs_left_out(plan: &Plan) -> Vec<usize> {
    let in_turns = plan
        .groups
        .iter()
        .filter_map(|group| group.in_turn.as_ref());
    in_turns.map(|in_turn| in_turn.pairs_left_out).collect()
}

/// Only the replay speaks for turns: where it left pairs out, the guard asks for both flags, of the group in turns and of no other.
#[test]
fn turns_that_were_not_replayed_with_every_group_take_both_flags() {
    let (plan, groups) = in_turns_beside(1, 502);
    assert!(plan.groups.iter().all(|group| group.passing.is_empty()));
    assert_eq!(pairs_left_out(&plan), [2]);
    assert_eq!(Order::of(&plan), Order::NotProved);
    let groups: Vec<&DesiredGroup> = groups.iter().collect();
    let refused = |accept_interruption: bool, accept_opening: bool| {
        let overrides = Overrides {
            accept_interruption,
            accept_opening,
            ..Overrides::default()
        };
        let refusals = guard(&plan, &groups, &overrides).err().unwrap_or_default();
        let what = |refusal: &Refusal| (refusal.name.clone(), refusal.reason);
        refusals.iter().map(what).collect::<Vec<_>>()
    };
    let [cut, opened] =
        [Reason::Interruption, Reason::Opening].map(|one| ("full-0".to_owned(), one));
    assert_eq!(refused(false, false), [cut.clone(), opened.clone()]);
    assert_eq!(refused(true, false), [opened]);
    assert_eq!(refused(false, true), [cut]);
    assert_eq!(refused(true, true), []);

    let refusals = guard(&plan, &groups, &Overrides::default()).unwrap_err();
    assert_snapshot!(format!("{}\n{}", refusals[0].message, refusals[0].help.join("\n")), @r"
    it is not proved that traffic that is admitted before and after is admitted at every step
    2 groups that may share an interface with this one were not replayed together with it: make room for old and new rules together, with what `quota:` says that the cloud grants this group or with fewer new rules at a time
    or pass `--accept-interruption` this once
    ");
}

#[test]
fn as_many_pairs_as_are_replayed_prove_turns() {
    let (plan, groups) = in_turns_beside(1, 500);
    assert_eq!(pairs_left_out(&plan), [0]);
    assert_eq!(Order::of(&plan), Order::Safe);
    let groups: Vec<&DesiredGroup> = groups.iter().collect();
    assert!(guard(&plan, &groups, &Overrides::default()).is_ok());
}

/// A pair of two groups in turns is one pair, and proves neither where it is left out.
#[test]
fn pairs_left_out_are_counted_for_each_group_in_turns() {
    // Of the first one's 600 + 2 pairs 500 are replayed, of the others' none.
    let (plan, _) = in_turns_beside(3, 600);
    assert_eq!(pairs_left_out(&plan), [102, 602, 602]);
    assert_eq!(plan.schedules[0].turns_left_out, 102 + 600 + 600 + 1);
}
