//! Text in, text out.

use insta::assert_snapshot;
use rulekeep::desired::Mode;

use crate::rules::{desired, observed, plan_groups, print, rule};

pub fn planned(mode: Mode, live: &[&str], wanted: &[&str]) -> String {
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
