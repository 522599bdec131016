//! How many rules a group holds, counted at every step of a plan.

use insta::assert_snapshot;
use rulekeep::{
    desired::Mode,
    guard::{Overrides, guard},
    model::{AccountName, Lists, PrefixList, PrefixListId, RegionId},
};

use crate::rules::{desired, observed, plan_groups, plan_groups_with, print, rule};

#[test]
fn without_room_for_both_modifies_are_kept() {
    let rules = |third: u8| -> Vec<_> {
        (0..20)
            .map(|n| rule(&format!("ingress tcp/{} from 10.{third}.0.0/16", 1000 + n)))
            .collect()
    };
    let mut group = desired("sg-web", Mode::Complete, rules(2));
    group.quota = 20;
    let plan = plan_groups(&[(group, observed("sg-web", rules(1)))]);
    assert_eq!(plan.counts().change, 20);
    assert_eq!(plan.groups[0].quota.peak, 20);
}

#[test]
fn lists_weigh_their_capacity() {
    let key = (AccountName::new("test"), RegionId::new("cn-hangzhou"));
    let list = PrefixList {
        name: "office".into(),
        family: rulekeep::model::AddressFamily::Ipv4,
        max_entries: 150,
        entries: Vec::new(),
    };
    let lists = Lists {
        prefix: [(PrefixListId::new("pl-office"), list)].into(),
        ..Lists::default()
    };
    let group = desired(
        "sg-web",
        Mode::Complete,
        [
            rule("ingress tcp/22 from pl-office"),
            rule("ingress tcp/443 from pl-office"),
        ],
    );
    let groups = [(group, observed("sg-web", []))];
    let plan = plan_groups_with(&groups, &[(key, lists)].into());
    assert_eq!(plan.groups[0].quota.after, 300);
    let refusals = guard(&plan, &[&groups[0].0], &Overrides::default()).unwrap_err();
    assert_eq!(
        refusals[0].message,
        "the group would hold 300 units of rules, 100 more than its quota of 200"
    );
}

#[test]
fn what_makes_room_goes_first_when_the_quota_is_full() {
    let mut group = desired(
        "sg-web",
        Mode::Complete,
        [
            rule("ingress tcp/443 from sg-lb"),
            rule("ingress tcp/80 from 10.0.0.0/8"),
        ],
    );
    group.quota = 2;
    let live = observed(
        "sg-web",
        [
            rule("ingress udp/53 from 192.0.2.0/24"),
            rule("ingress tcp/80 from 10.0.0.0/8"),
        ],
    );
    let groups = [(group, live)];
    let plan = plan_groups(&groups);
    assert_snapshot!(print(&plan), @r"
    + ingress accept tcp/443 from sg-lb priority 1
    - ingress accept udp/53 from 192.0.2.0/24 priority 1
    wave 0: ingress -
    wave 1: ingress +
    warning[deletes-first]: web has no room for old and new rules together: 1 rule goes before the new ones come
    ");
    assert_eq!(plan.groups[0].quota.peak, 2);
    assert!(guard(&plan, &[&groups[0].0], &Overrides::default()).is_ok());
}

#[test]
fn a_list_that_is_not_there_is_an_error() {
    let key = (AccountName::new("test"), RegionId::new("cn-hangzhou"));
    let group = desired(
        "sg-web",
        Mode::Complete,
        [rule("ingress tcp/22 from pl-gone")],
    );
    let plan = plan_groups_with(
        &[(group, observed("sg-web", []))],
        &[(key, Lists::default())].into(),
    );
    assert_snapshot!(print(&plan), @"error[list-not-found]: prefix list pl-gone does not exist in test/cn-hangzhou");
}

#[test]
fn group_peers_are_counted_at_every_step() {
    let rules = |range: std::ops::Range<u16>, peer: &str| -> Vec<_> {
        range
            .map(|n| rule(&format!("ingress tcp/{} from sg-{peer}{n}", 1000 + n)))
            .collect()
    };
    // 12 of 20 are replaced: in place, for there is room for none of them beside the old ones.
    let live: Vec<_> = [rules(0..8, "keep"), rules(8..20, "old")].concat();
    let wanted: Vec<_> = [rules(0..8, "keep"), rules(8..20, "new")].concat();
    let groups = [(
        desired("sg-web", Mode::Complete, wanted),
        observed("sg-web", live.clone()),
    )];
    let plan = plan_groups(&groups);
    let counts = plan.counts();
    assert_eq!((counts.add, counts.change, counts.destroy), (0, 12, 0));
    assert_eq!(plan.groups[0].group_peers.peak, 20);

    // Without room rules for other traffic become each other in place as well.
    let others = (8..20).map(|n| rule(&format!("ingress tcp/{} from sg-new{n}", 980 + 2 * n)));
    let old: Vec<_> = [
        rules(0..8, "keep"),
        (8..20)
            .map(|n| rule(&format!("ingress tcp/{}-2000 from sg-old{n}", 500 + n)))
            .collect(),
    ]
    .concat();
    let wanted = [rules(0..8, "keep"), others.collect()].concat();
    let groups = [(
        desired("sg-web", Mode::Complete, wanted),
        observed("sg-web", old),
    )];
    let plan = plan_groups(&groups);
    assert_eq!(plan.counts().change, 12);
    assert_eq!(plan.groups[0].group_peers.peak, 20);
    // A member of an old group and of the new group of another rule is admitted before and after; there is no room to see to that.
    let overrides = Overrides {
        allow_changes: Some(12),
        ..Overrides::default()
    };
    let refusals = guard(&plan, &[&groups[0].0], &overrides).unwrap_err();
    assert_eq!(refusals.len(), 1);
    assert_eq!(refusals[0].reason, rulekeep::guard::Reason::Interruption);
}

#[test]
fn more_group_peers_than_fit_are_refused_with_their_number() {
    let wanted = (0..23).map(|n| rule(&format!("ingress tcp/22 from sg-peer{n}")));
    let groups = [(
        desired("sg-web", Mode::Complete, wanted),
        observed("sg-web", []),
    )];
    let plan = plan_groups(&groups);
    let refusals = guard(&plan, &[&groups[0].0], &Overrides::default()).unwrap_err();
    assert_eq!(
        refusals[0].message,
        "the group would hold 23 rules whose peer is a group, 3 more than the 20 it can hold"
    );
}

#[test]
fn what_cannot_fit_is_not_matched_first() {
    let live = (0..200).map(|n| rule(&format!("ingress tcp/{} from 10.0.0.0/8", 1000 + n)));
    let wanted = (0..4000).map(|n| rule(&format!("ingress tcp/{} from 10.0.0.0/9", 1000 + n)));
    let group = desired("sg-web", Mode::Complete, wanted);
    let plan = plan_groups(&[(group, observed("sg-web", live))]);
    assert_eq!(plan.counts().change, 0);
    assert_eq!(plan.groups[0].quota.after, 4000);
}
