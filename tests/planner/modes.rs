//! What complete, partial, `absent`, `ignore` and `system_rules` make of live rules that are not declared.

use insta::assert_snapshot;
use rulekeep::{
    desired::{AbsentRule, Mode, SystemRules},
    guard::{Overrides, guard},
};

use crate::rules::{declared, desired, observed, plan_groups, print, rule};
use crate::text::planned;

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
