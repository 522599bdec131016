//! Text in, text out.

use crate::rules::{declared, desired, observed, plan_groups, plan_groups_with, print, rule};
use insta::assert_snapshot;
use rulekeep::{
    desired::{AbsentRule, Mode, SystemRules},
    guard::{Overrides, guard},
    model::{AccountName, Lists, PrefixList, PrefixListId, RegionId},
};

fn planned(mode: Mode, live: &[&str], wanted: &[&str]) -> String {
    let live = observed("sg-web", live.iter().map(|text| rule(text)));
    let wanted = desired("sg-web", mode, wanted.iter().map(|text| rule(text)));
    print(&plan_groups(&[(wanted, live)]))
}

#[test]
fn equal_rules_make_no_change() {
    let rules = [
        "ingress tcp/443 from 0.0.0.0/0 priority 1 \"web\"",
        "egress all to 0.0.0.0/0",
    ];
    assert_snapshot!(planned(Mode::Complete, &rules, &rules), @"");
    assert_snapshot!(planned(Mode::Partial, &rules, &rules), @"");
}

#[test]
fn replacing_a_rule_authorizes_before_it_revokes() {
    let text = planned(
        Mode::Complete,
        &["ingress tcp/443 from 0.0.0.0/0"],
        &["ingress tcp/443 from sg-lb"],
    );
    assert_snapshot!(text, @r"
    - ingress accept tcp/443 from 0.0.0.0/0 priority 1
    + ingress accept tcp/443 from sg-lb priority 1
    wave 0: ingress +
    wave 1: ingress -
    ");
}

#[test]
fn a_description_alone_is_a_modify_in_both_modes() {
    for mode in [Mode::Complete, Mode::Partial] {
        let text = planned(
            mode,
            &["ingress tcp/443 from 0.0.0.0/0 \"old\""],
            &["ingress tcp/443 from 0.0.0.0/0 \"new\""],
        );
        assert_eq!(
            text,
            "~ ingress accept tcp/443 from 0.0.0.0/0 priority 1 \"old\" -> ingress accept tcp/443 from 0.0.0.0/0 \
             priority 1 \"new\"\nwave 0: ingress ~\n"
        );
    }
}

#[test]
fn a_description_that_is_not_declared_is_left_alone() {
    let text = planned(
        Mode::Complete,
        &["ingress tcp/443 from 0.0.0.0/0 \"by hand\""],
        &["ingress tcp/443 from 0.0.0.0/0"],
    );
    assert_snapshot!(text, @"");
}

#[test]
fn priority_alone_is_one_modify_in_complete_mode_and_an_add_in_partial_mode() {
    let live = ["ingress tcp/443 from 0.0.0.0/0 priority 1 \"web\""];
    let wanted = ["ingress tcp/443 from 0.0.0.0/0 priority 50"];
    assert_snapshot!(planned(Mode::Complete, &live, &wanted), @r#"
    ~ ingress accept tcp/443 from 0.0.0.0/0 priority 1 "web" -> ingress accept tcp/443 from 0.0.0.0/0 priority 50 "web"
    wave 0: ingress ~
    "#);
    assert_snapshot!(planned(Mode::Partial, &live, &wanted), @r"
    + ingress accept tcp/443 from 0.0.0.0/0 priority 50
    ? ingress accept tcp/443 from 0.0.0.0/0 priority 1
    wave 0: ingress +
    ");
}

#[test]
fn rules_that_differ_little_are_modified_in_place() {
    let text = planned(
        Mode::Complete,
        &[
            "ingress tcp/22 from 10.0.0.0/8",
            "ingress tcp/3306 from 10.1.0.0/16",
            "ingress udp/53 from 2001:db8::/32",
        ],
        &[
            "ingress tcp/22 from 10.0.0.0/9",
            "ingress tcp/3307 from 10.1.0.0/16",
            "ingress udp/53 from 10.0.0.0/8",
        ],
    );
    assert_snapshot!(text, @r"
    ~ ingress accept tcp/22 from 10.0.0.0/8 priority 1 -> ingress accept tcp/22 from 10.0.0.0/9 priority 1
    ~ ingress accept tcp/3306 from 10.1.0.0/16 priority 1 -> ingress accept tcp/3307 from 10.1.0.0/16 priority 1
    + ingress accept udp/53 from 10.0.0.0/8 priority 1
    - ingress accept udp/53 from 2001:db8::/32 priority 1
    wave 0: ingress +
    wave 0: ingress ~
    wave 0: ingress ~
    wave 1: ingress -
    ");
}

#[test]
fn what_is_set_never_becomes_empty_by_a_modify() {
    let text = planned(
        Mode::Complete,
        &[
            "ingress tcp/22 from 10.0.0.0/8 \"ssh\"",
            "ingress tcp/80 sport 1024-65535 from 10.0.0.0/8",
        ],
        &[
            "ingress tcp/23 from 10.0.0.0/8",
            "ingress tcp/80 from 10.0.0.0/9",
        ],
    );
    assert!(!text.contains('~'), "{text}");
}

#[test]
fn many_changes_go_in_batches_instead_of_modifies() {
    let rules = |third: u8| -> Vec<String> {
        (0..150)
            .map(|n| format!("ingress tcp/{} from 10.{third}.0.0/16", 1000 + n))
            .collect()
    };
    let (live, wanted) = (rules(1), rules(2));
    let live: Vec<_> = live.iter().map(|text| rule(text)).collect();
    let wanted: Vec<_> = wanted.iter().map(|text| rule(text)).collect();
    let mut group = desired("sg-web", Mode::Complete, wanted);
    group.quota = 300;
    let plan = plan_groups(&[(group, observed("sg-web", live))]);
    let sizes: Vec<Vec<usize>> = plan.schedules[0]
        .waves
        .iter()
        .map(|wave| wave.iter().map(|step| step.changes.len()).collect())
        .collect();
    assert_eq!(sizes, [[100, 50], [100, 50]]);
}

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
fn partial_mode_leaves_what_is_not_declared_and_shows_it() {
    let text = planned(
        Mode::Partial,
        &[
            "ingress tcp/22 from 10.0.0.0/8",
            "egress all to 0.0.0.0/0 priority 110",
        ],
        &["ingress tcp/443 from 0.0.0.0/0"],
    );
    assert_snapshot!(text, @r"
    + ingress accept tcp/443 from 0.0.0.0/0 priority 1
    ? ingress accept tcp/22 from 10.0.0.0/8 priority 1
    ? egress accept all to 0.0.0.0/0 priority 110
    wave 0: ingress +
    ");
}

#[test]
fn absent_without_a_priority_forbids_a_rule_at_every_priority() {
    let live = [
        "ingress tcp/3389 from 0.0.0.0/0 priority 7",
        "ingress tcp/3389 from 0.0.0.0/0 \"rdp\"",
    ];
    for (any_priority, deleted) in [(true, 2), (false, 1)] {
        let mut group = desired("sg-web", Mode::Partial, []);
        let forbidden = declared(rule("ingress tcp/3389 from 0.0.0.0/0"), 30);
        group.absent = vec![AbsentRule {
            rule: forbidden,
            any_priority,
        }];
        let plan = plan_groups(&[(group, observed("sg-web", live.map(rule)))]);
        let counts = plan.groups[0].counts();
        assert_eq!((counts.destroy, counts.unmanaged), (deleted, 2 - deleted));
    }
}

#[test]
fn a_direction_that_is_not_declared_is_not_touched() {
    let mut group = desired(
        "sg-web",
        Mode::Complete,
        [rule("ingress tcp/443 from 0.0.0.0/0")],
    );
    group.egress = None;
    let live = observed(
        "sg-web",
        [
            rule("egress tcp/25 to 0.0.0.0/0"),
            rule("ingress tcp/443 from 0.0.0.0/0"),
        ],
    );
    let plan = plan_groups(&[(group, live)]);
    assert_snapshot!(print(&plan), @"");
    assert_eq!(plan.groups[0].modes, [Some(Mode::Complete), None]);
}

#[test]
fn system_level_rules_wait_for_a_word_in_the_file() {
    let live = [
        "ingress all from 0.0.0.0/0 priority 110",
        "ingress tcp/443 from 0.0.0.0/0",
    ];
    let wanted = ["ingress tcp/443 from 0.0.0.0/0"];
    for (word, expected) in [
        (
            None,
            "system ingress accept all from 0.0.0.0/0 priority 110\n",
        ),
        (
            Some(SystemRules::Keep),
            "system ingress accept all from 0.0.0.0/0 priority 110\n",
        ),
        (
            Some(SystemRules::Delete),
            "- ingress accept all from 0.0.0.0/0 priority 110\nwave 0: ingress -\n",
        ),
    ] {
        let mut group = desired("sg-web", Mode::Complete, wanted.map(rule));
        group.system_rules = word;
        let groups = [(group, observed("sg-web", live.map(rule)))];
        let plan = plan_groups(&groups);
        assert_eq!(print(&plan), expected);
        assert_eq!(
            guard(&plan, &[&groups[0].0], &Overrides::default()).is_err(),
            word.is_none()
        );
    }
}

#[test]
fn spelling_twins_in_the_cloud_leave_the_one_with_the_wanted_description() {
    let text = planned(
        Mode::Complete,
        &[
            "ingress tcp/22 from 10.0.0.0/8 \"a\"",
            "ingress tcp/22 from 10.0.0.0/8 \"b\"",
        ],
        &["ingress tcp/22 from 10.0.0.0/8 \"b\""],
    );
    assert_snapshot!(text, @r#"
    - ingress accept tcp/22 from 10.0.0.0/8 priority 1 "a"
    wave 0: ingress -
    "#);
}

#[test]
fn the_stronger_drop_goes_in_before_the_accept_it_limits() {
    let text = planned(
        Mode::Complete,
        &[],
        &[
            "ingress tcp/1-1024 from 0.0.0.0/0 priority 10",
            "ingress drop tcp/22 from 0.0.0.0/0 priority 5",
        ],
    );
    assert_snapshot!(text, @r"
    + ingress drop tcp/22 from 0.0.0.0/0 priority 5
    + ingress accept tcp/1-1024 from 0.0.0.0/0 priority 10
    wave 0: ingress +
    wave 1: ingress +
    ");
}

#[test]
fn the_stronger_accept_goes_in_before_the_drop_it_exempts_from() {
    let keep = "ingress tcp/1-65535 from 0.0.0.0/0 priority 50";
    let text = planned(
        Mode::Complete,
        &[keep],
        &[
            keep,
            "ingress drop tcp/22 from 0.0.0.0/0 priority 10",
            "ingress tcp/22 from 10.0.0.0/8 priority 5",
        ],
    );
    assert_snapshot!(text, @r"
    + ingress accept tcp/22 from 10.0.0.0/8 priority 5
    + ingress drop tcp/22 from 0.0.0.0/0 priority 10
    wave 0: ingress +
    wave 1: ingress +
    ");
}

#[test]
fn groups_of_one_network_are_ordered_together() {
    let groups = [
        (
            desired(
                "sg-a",
                Mode::Complete,
                [rule("ingress tcp/1-1024 from 0.0.0.0/0 priority 10")],
            ),
            observed("sg-a", []),
        ),
        (
            desired(
                "sg-b",
                Mode::Complete,
                [rule("ingress drop tcp/22 from 0.0.0.0/0 priority 5")],
            ),
            observed("sg-b", []),
        ),
    ];
    assert_snapshot!(print(&plan_groups(&groups)), @r"
    + a ingress accept tcp/1-1024 from 0.0.0.0/0 priority 10
    + b ingress drop tcp/22 from 0.0.0.0/0 priority 5
    wave 0: ingress +
    wave 1: ingress +
    ");
}

#[test]
fn renumbering_is_modifies_in_the_order_that_keeps_the_winner() {
    let text = planned(
        Mode::Complete,
        &[
            "ingress tcp/22 from 10.0.0.0/8 priority 1",
            "ingress drop tcp/22 from 0.0.0.0/0 priority 2",
        ],
        &[
            "ingress tcp/22 from 10.0.0.0/8 priority 11",
            "ingress drop tcp/22 from 0.0.0.0/0 priority 12",
        ],
    );
    assert_snapshot!(text, @r"
    ~ ingress accept tcp/22 from 10.0.0.0/8 priority 1 -> ingress accept tcp/22 from 10.0.0.0/8 priority 11
    ~ ingress drop tcp/22 from 0.0.0.0/0 priority 2 -> ingress drop tcp/22 from 0.0.0.0/0 priority 12
    wave 0: ingress ~
    wave 1: ingress ~
    ");
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
fn an_expired_rule_is_deleted_in_partial_mode_too() {
    let mut group = desired(
        "sg-web",
        Mode::Partial,
        [
            rule("ingress tcp/22 from 10.0.0.0/8 priority 5"),
            rule("ingress tcp/443 from 0.0.0.0/0"),
        ],
    );
    group.ingress.as_mut().unwrap()[0].expires = Some(jiff::Timestamp::UNIX_EPOCH);
    let place = group.ingress.as_ref().unwrap()[0].span;
    let live = observed(
        "sg-web",
        [
            rule("ingress tcp/22 from 10.0.0.0/8 priority 5 \"for a while\""),
            rule("ingress tcp/22 from 10.0.0.0/8 priority 6"),
            rule("ingress tcp/443 from 0.0.0.0/0"),
        ],
    );
    let plan = plan_groups(&[(group, live)]);
    assert_snapshot!(print(&plan), @r#"
    - ingress accept tcp/22 from 10.0.0.0/8 priority 5 "for a while"
    ? ingress accept tcp/22 from 10.0.0.0/8 priority 6
    wave 0: ingress -
    "#);
    assert_eq!(plan.groups[0].changes[0].span, Some(place));
    assert_eq!(plan.groups[0].expired, [place]);
}

#[test]
fn absent_leaves_what_the_platform_made_unless_the_file_says_delete() {
    for (word, deleted) in [
        (None, 1),
        (Some(SystemRules::Keep), 1),
        (Some(SystemRules::Delete), 2),
    ] {
        let mut group = desired("sg-web", Mode::Partial, []);
        group.absent = vec![AbsentRule {
            rule: declared(rule("ingress all from 0.0.0.0/0"), 30),
            any_priority: true,
        }];
        group.system_rules = word;
        let live = [
            "ingress all from 0.0.0.0/0 priority 110",
            "ingress all from 0.0.0.0/0 priority 7",
        ];
        let plan = plan_groups(&[(group, observed("sg-web", live.map(rule)))]);
        assert_eq!(plan.counts().destroy, deleted, "{word:?}");
    }
}

#[test]
fn a_rule_without_an_id_is_never_modified() {
    let without_ids = |rules: &[&str]| {
        let mut group = observed("sg-web", rules.iter().map(|text| rule(text)));
        for seen in &mut group.rules {
            seen.id = None;
        }
        group
    };
    let plan = |live: &[&str], wanted: &[&str]| {
        let wanted = desired(
            "sg-web",
            Mode::Complete,
            wanted.iter().map(|text| rule(text)),
        );
        print(&plan_groups(&[(wanted, without_ids(live))]))
    };
    assert_snapshot!(plan(&["ingress tcp/22 from 10.0.0.0/8"], &["ingress tcp/22 from 10.0.0.0/9"]), @r"
    - ingress accept tcp/22 from 10.0.0.0/8 priority 1
    + ingress accept tcp/22 from 10.0.0.0/9 priority 1
    wave 0: ingress +
    wave 1: ingress -
    ");
    for (live, wanted) in [
        (
            "ingress tcp/22 from 10.0.0.0/8 \"a\"",
            "ingress tcp/22 from 10.0.0.0/8 \"b\"",
        ),
        (
            "ingress tcp/22 from 10.0.0.0/8",
            "ingress tcp/22 from 10.0.0.0/8 priority 9",
        ),
    ] {
        assert_eq!(
            plan(&[live], &[wanted]),
            "warning[unsupported]: the live rule ingress accept tcp/22 from 10.0.0.0/8 priority 1 cannot be changed in place\n"
        );
    }
}

#[test]
fn a_rule_for_other_traffic_is_no_modify() {
    for (live, wanted) in [
        (
            "ingress tcp/443 from 0.0.0.0/0 \"https\"",
            "ingress tcp/3306 from 203.0.113.0/24 \"reporting\"",
        ),
        (
            "ingress tcp/443 from 0.0.0.0/0",
            "ingress drop tcp/443 from 10.0.0.0/8",
        ),
        (
            "ingress tcp/443 from 0.0.0.0/0",
            "ingress udp/53 from 10.0.0.0/8",
        ),
    ] {
        let text = planned(Mode::Complete, &[live], &[wanted]);
        assert!(!text.contains('~'), "{text}");
    }
    for (live, wanted) in [
        (
            "ingress tcp/443 from 0.0.0.0/0",
            "ingress drop tcp/443 from 0.0.0.0/0",
        ),
        (
            "ingress tcp/443 from 0.0.0.0/0",
            "ingress tcp/443 from 10.0.0.0/8 priority 5",
        ),
        (
            "ingress tcp/443 from 0.0.0.0/0",
            "ingress udp/53 from 0.0.0.0/0",
        ),
    ] {
        let text = planned(Mode::Complete, &[live], &[wanted]);
        assert!(text.contains('~'), "{text}");
    }
}

#[test]
fn wanted_and_ignored_is_said_once_per_declaration_and_not_of_the_expired() {
    use rulekeep::{desired::Ignore, guard::Reason};
    let pattern = Ignore {
        direction: None,
        policy: None,
        priority: None,
        protocol: Some("tcp".into()),
        ports: None,
        peer: None,
        description: None,
        span: crate::rules::span(40),
    };
    let mut group = desired(
        "sg-web",
        Mode::Complete,
        [
            rule("ingress tcp/22 from 10.0.0.0/8"),
            rule("ingress tcp/23 from 10.0.0.0/8"),
            rule("ingress tcp/24 from 10.0.0.0/8"),
        ],
    );
    let rules = group.ingress.as_mut().unwrap();
    rules[1].span = rules[0].span;
    rules[2].expires = Some(jiff::Timestamp::UNIX_EPOCH);
    group.ignore = vec![pattern];
    let groups = [(group, observed("sg-web", []))];
    let plan = plan_groups(&groups);
    let refusals = guard(&plan, &[&groups[0].0], &Overrides::default()).unwrap_err();
    assert_eq!(
        refusals.iter().map(|r| r.reason).collect::<Vec<_>>(),
        [Reason::WantedAndIgnored]
    );
}

#[test]
fn an_ignored_peer_is_found_in_either_spelling() {
    use rulekeep::{
        desired::{DesiredPeer, Ignore},
        model::{GroupId, GroupName},
    };
    let mut web = desired(
        "sg-web",
        Mode::Complete,
        [rule("ingress tcp/22 from sg-db")],
    );
    let mut db = desired("sg-db", Mode::Complete, []);
    db.alias = Some(GroupName::new("db"));
    let by_id = DesiredPeer::Group {
        id: GroupId::new("sg-db"),
        owner: None,
    };
    let by_name = DesiredPeer::Declared(GroupName::new("db"));
    for (declared, ignored) in [(by_id.clone(), by_name.clone()), (by_name, by_id)] {
        web.ingress.as_mut().unwrap()[0].peer = declared;
        web.ignore = vec![Ignore {
            direction: None,
            policy: None,
            priority: None,
            protocol: None,
            ports: None,
            peer: Some(ignored),
            description: None,
            span: crate::rules::span(40),
        }];
        let plan = plan_groups(&[
            (web.clone(), observed("sg-web", [])),
            (db.clone(), observed("sg-db", [])),
        ]);
        let web = plan.groups.iter().find(|g| g.name.as_str() == "web");
        assert_eq!(web.unwrap().wanted_and_ignored.len(), 1);
    }
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
