//! Calls that fail, and what may still follow.

use crate::{
    apply::{GroupOutcome, Verdict},
    clouds::fake::Fate,
    model::Direction,
    plan::{ChangeKind, InTurn},
    provider::{RuleAction, RuleCall},
};

use super::case::{Case, outcomes, same_port};

fn fail(case: &Case, wanted: usize, fate: fn() -> Fate) {
    case.fake.world().on_write = Box::new(move |number, _, _| match number == wanted {
        true => fate(),
        false => Fate::Done,
    });
}

/// Two groups: in the first an add fails, in the second one delete builds on it and one does not.
fn two_groups() -> Case {
    let mut case = Case::new(&[
        ("sg-a", &["22 10.0.0.0/8"], &["+ 22 10.1.0.0/16", "- 0"]),
        ("sg-b", &["22 10.0.0.0/8", "80 10.0.0.0/8"], &["- 0", "- 1"]),
    ])
    .vpc(&[&[(0, &[0])], &[(0, &[1]), (1, &[0, 1])]]);
    case.options.must_precede = same_port;
    case
}

#[tokio::test]
async fn a_refused_call_ends_its_group_and_names_call_request_rules_and_place() {
    let case = two_groups();
    fail(&case, 0, || Fate::Refused);
    let report = case.run().await;
    assert_eq!(
        report.groups[0].outcome,
        GroupOutcome::Failed {
            call: "authorize 1 ingress rule".into(),
            error: "the cloud refused with InvalidParam.Anything: no (request R-0)".into(),
            rules: vec![
                "ingress accept tcp/22 from 10.1.0.0/16 priority 1, rules/all.yaml:1".into()
            ],
        }
    );
    assert_eq!(
        report.groups[0].notes,
        ["not sent: - ingress accept tcp/22 from 10.0.0.0/8 priority 1 (sgr-a0), rules/all.yaml:1"]
    );
    assert_eq!(report.verdict(), Verdict::Partial);
}

#[tokio::test]
async fn of_a_batch_only_what_builds_on_a_failed_change_is_held_back() {
    let case = two_groups();
    fail(&case, 0, || Fate::Refused);
    let report = case.run().await;
    assert_eq!(
        case.log(),
        ["sg-a + tcp/22", "read sg-a", "sg-b - tcp/80", "read sg-b"]
    );
    assert_eq!(
        report.groups[1].outcome,
        GroupOutcome::HeldBack {
            reason: "builds on + ingress accept tcp/22 from 10.1.0.0/16 priority 1, \
                     rules/all.yaml:1 of a, which is not in effect"
                .into(),
            rules: vec![
                "- ingress accept tcp/22 from 10.0.0.0/8 priority 1 (sgr-b0), rules/all.yaml:1"
                    .into()
            ],
        }
    );
    assert_eq!(report.groups[1].destroyed, 1);
}

#[tokio::test]
async fn what_builds_on_a_change_that_was_held_back_is_held_back_too() {
    // 22 fails, 80 builds on 22, 443 builds on 80 and not on 22; 8080 builds on none of them.
    let mut case = Case::new(&[
        ("sg-a", &[], &["+ 22 10.0.0.0/8"]),
        ("sg-b", &[], &["+ 80 10.0.0.0/8"]),
        ("sg-c", &["443 10.0.0.0/8"], &["- 0"]),
        ("sg-d", &["8080 10.0.0.0/8"], &["- 0"]),
    ])
    .vpc(&[&[(0, &[0])], &[(1, &[0])], &[(2, &[0]), (3, &[0])]]);
    case.options.must_precede = |first, then| {
        let step = (
            first.rule().protocol.to_string(),
            then.rule().protocol.to_string(),
        );
        matches!(
            (step.0.as_str(), step.1.as_str()),
            ("tcp/22", "tcp/80") | ("tcp/80", "tcp/443")
        )
    };
    fail(&case, 0, || Fate::Refused);
    let report = case.run().await;
    assert_eq!(
        outcomes(&report),
        ["failed", "held back", "held back", "done"]
    );
    assert_eq!(
        case.log(),
        ["sg-a + tcp/22", "read sg-a", "sg-d - tcp/8080", "read sg-d"]
    );
}

#[tokio::test]
async fn another_vpc_goes_on_after_a_failure() {
    let case = Case::new(&[
        ("sg-a", &[], &["+ 22 10.0.0.0/8"]),
        ("sg-b", &["22 10.0.0.0/8"], &["+ 22 10.1.0.0/16", "- 0"]),
    ])
    .vpc(&[&[(0, &[0])]])
    .vpc(&[&[(1, &[0])], &[(1, &[1])]]);
    case.fake.world().on_write = Box::new(|_, call, _| match call.group.as_str() {
        "sg-a" => Fate::Refused,
        _ => Fate::Done,
    });
    assert_eq!(outcomes(&case.run().await), ["failed", "done"]);
}

#[tokio::test]
async fn a_call_without_an_answer_that_took_effect_counts_as_made() {
    for call in 0..4 {
        let case = Case::new(&[(
            "sg-a",
            &["22 10.0.0.0/8", "80 10.0.0.0/8"],
            &["+ 22 10.1.0.0/16", "~ 1 80 10.1.0.0/16", "- 0"],
        )])
        .vpc(&[&[(0, &[0])], &[(0, &[1])], &[(0, &[2])]]);
        fail(&case, call, || Fate::LostAfter);
        let report = case.run().await;
        assert_eq!(outcomes(&report), ["done"], "call {call}");
        assert_eq!(
            case.fake.rules("sg-a"),
            [
                "ingress accept tcp/22 from 10.1.0.0/16 priority 1",
                "ingress accept tcp/80 from 10.1.0.0/16 priority 1"
            ]
        );
    }
}

#[tokio::test]
async fn a_call_without_an_answer_and_without_effect_is_a_failure() {
    for (call, expected) in [
        (0, "authorize 1 ingress rule"),
        (1, "modify 1 ingress rule"),
        (2, "revoke 1 ingress rule"),
    ] {
        let case = Case::new(&[(
            "sg-a",
            &["22 10.0.0.0/8", "80 10.0.0.0/8"],
            &["+ 22 10.1.0.0/16", "~ 1 80 10.1.0.0/16", "- 0"],
        )])
        .vpc(&[&[(0, &[0])], &[(0, &[1])], &[(0, &[2])]]);
        fail(&case, call, || Fate::LostBefore);
        let report = case.run().await;
        let GroupOutcome::Failed { call, error, rules } = &report.groups[0].outcome else {
            panic!("{report:?}");
        };
        assert_eq!(call, expected);
        assert_eq!(error, "connection reset (request R-LOST)");
        assert_eq!(rules.len(), 1);
    }
}

#[tokio::test]
async fn when_the_cloud_is_gone_after_a_call_the_report_says_that_nobody_knows() {
    let case = Case::new(&[("sg-a", &[], &["+ 22 10.0.0.0/8"])]).vpc(&[&[(0, &[0])]]);
    case.fake.world().unreadable.insert("sg-a".into());
    fail(&case, 0, || Fate::LostAfter);
    let report = case.run().await;
    let GroupOutcome::Failed { error, .. } = &report.groups[0].outcome else {
        panic!("{report:?}");
    };
    assert_eq!(
        error,
        "connection reset (request R-LOST); whether it took effect is unknown, \
         the rules could not be read: reading failed (request R-LOST)"
    );
}

/// Refuses a batch that adds one of these ports.
fn refuse_ports(case: &Case, ports: &'static [&'static str]) {
    case.fake.world().on_write = Box::new(move |_, call: &RuleCall, _| {
        let RuleAction::Authorize(rules) = &call.action else {
            return Fate::Done;
        };
        let bad = |name: String| ports.contains(&name.as_str());
        match rules.iter().any(|rule| bad(rule.protocol.to_string())) {
            true => Fate::Refused,
            false => Fate::Done,
        }
    });
}

fn batch() -> Case {
    Case::new(&[(
        "sg-a",
        &[],
        &[
            "+ 1 10.0.0.0/8",
            "+ 2 10.0.0.0/8",
            "+ 3 10.0.0.0/8",
            "+ 4 10.0.0.0/8",
        ],
    )])
    .vpc(&[&[(0, &[0, 1, 2, 3])]])
}

#[tokio::test]
async fn a_refused_batch_is_split_to_name_its_one_bad_rule() {
    let case = batch();
    refuse_ports(&case, &["tcp/3"]);
    let report = case.run().await;
    let GroupOutcome::Failed { rules, .. } = &report.groups[0].outcome else {
        panic!("{report:?}");
    };
    assert_eq!(
        rules,
        &["ingress accept tcp/3 from 10.0.0.0/8 priority 1, rules/all.yaml:1"]
    );
    assert_eq!(report.groups[0].added, 3);
    assert_eq!(
        case.log(),
        [
            "sg-a + tcp/1 tcp/2 tcp/3 tcp/4",
            "sg-a + tcp/1 tcp/2",
            "sg-a + tcp/3 tcp/4",
            "sg-a + tcp/3",
            "sg-a + tcp/4",
            "read sg-a",
        ]
    );
    let tokens = case.fake.world().tokens.clone();
    let unique: std::collections::BTreeSet<_> = tokens.iter().collect();
    assert_eq!(unique.len(), tokens.len());
}

#[tokio::test]
async fn every_bad_rule_of_a_batch_is_named_and_the_others_are_made() {
    let case = batch();
    refuse_ports(&case, &["tcp/1", "tcp/3"]);
    let report = case.run().await;
    let GroupOutcome::Failed { rules, .. } = &report.groups[0].outcome else {
        panic!("{report:?}");
    };
    assert_eq!(
        rules,
        &[
            "ingress accept tcp/1 from 10.0.0.0/8 priority 1, rules/all.yaml:1: \
             the cloud refused with InvalidParam.Anything: no (request R-2)",
            "ingress accept tcp/3 from 10.0.0.0/8 priority 1, rules/all.yaml:1: \
             the cloud refused with InvalidParam.Anything: no (request R-5)",
        ]
    );
    assert_eq!(report.groups[0].added, 2);
    assert_eq!(case.fake.world().tokens.len(), 7);
}

#[tokio::test]
async fn a_batch_that_is_refused_whatever_it_holds_ends_after_few_calls() {
    let changes: Vec<String> = (1..=100)
        .map(|port| format!("+ {port} 10.0.0.0/8"))
        .collect();
    let changes: Vec<&str> = changes.iter().map(String::as_str).collect();
    let all: Vec<usize> = (0..100).collect();
    let case = Case::new(&[("sg-a", &[], &changes)]).vpc(&[&[(0, &all)]]);
    case.fake.world().on_write = Box::new(|_, _, _| Fate::Refused);
    let report = case.run().await;
    let GroupOutcome::Failed { rules, .. } = &report.groups[0].outcome else {
        panic!("{report:?}");
    };
    assert_eq!(rules.len(), 100);
    assert_eq!(case.fake.world().tokens.len(), 15);
}

#[tokio::test]
async fn what_does_not_build_on_a_refused_rule_goes_on_in_its_own_group_too() {
    let mut case = Case::new(&[(
        "sg-a",
        &["1 10.0.0.0/8", "2 10.0.0.0/8"],
        &["+ 1 10.1.0.0/16", "+ 2 10.1.0.0/16", "- 0", "- 1"],
    )])
    .vpc(&[&[(0, &[0, 1])], &[(0, &[2, 3])]]);
    case.options.must_precede = same_port;
    refuse_ports(&case, &["tcp/1"]);
    let report = case.run().await;
    assert_eq!(outcomes(&report), ["failed"]);
    assert_eq!(
        case.fake.rules("sg-a"),
        [
            "ingress accept tcp/1 from 10.0.0.0/8 priority 1",
            "ingress accept tcp/2 from 10.1.0.0/16 priority 1"
        ]
    );
    assert_eq!(
        report.groups[0].notes,
        ["not sent: - ingress accept tcp/1 from 10.0.0.0/8 priority 1 (sgr-a0), rules/all.yaml:1"]
    );
}

#[tokio::test]
async fn a_delete_of_a_rule_that_is_gone_already_counts_as_made() {
    let case = Case::new(&[("sg-a", &["22 10.0.0.0/8"], &["- 0"])]).vpc(&[&[(0, &[0])]]);
    case.fake.world().on_write = Box::new(|_, call, groups| {
        groups.get_mut(&call.group).unwrap().rules.clear();
        Fate::Refused
    });
    assert_eq!(outcomes(&case.run().await), ["done"]);
}

#[tokio::test]
async fn a_change_without_a_call_is_never_reported_as_done() {
    let case = Case::new(&[("sg-a", &[], &["+ 22 10.0.0.0/8"])]);
    assert_eq!(outcomes(&case.run().await), ["held back"]);
}

/// The first change of the second group, which is changed in turns, builds on one that fails.
#[tokio::test]
async fn of_a_group_in_turns_goes_on_what_no_turn_before_is_needed_for() {
    let mut case = Case::new(&[
        ("sg-a", &[], &["+ 22 10.0.0.0/8"]),
        (
            "sg-b",
            &["80 10.0.0.0/8", "81 10.0.0.0/8", "82 10.0.0.0/8"],
            &["+ 22 10.1.0.0/16", "- 0", "~ 1 81 10.0.0.0/8", "- 2"],
        ),
    ]);
    let group = &mut case.plan.groups[1];
    group.in_turn = Some(InTurn::default());
    if let ChangeKind::Modify { to, .. } = &mut group.changes[2].kind {
        to.description = Some("in other words".into());
    }
    if let ChangeKind::Delete(seen) = &mut group.changes[3].kind {
        seen.rule.direction = Direction::Egress;
    }
    let mut case = case.vpc(&[
        &[(0, &[0])],
        &[(1, &[0])],
        &[(1, &[1]), (1, &[2]), (1, &[3])],
    ]);
    case.options.must_precede = same_port;
    fail(&case, 0, || Fate::Refused);
    case.run().await;
    let log = case.log();
    let sent: Vec<&String> = log
        .iter()
        .filter(|line| !line.starts_with("read"))
        .collect();
    assert_eq!(
        sent,
        ["sg-a + tcp/22", "sg-b ~ tcp/81 tcp/81", "sg-b - tcp/82"]
    );
}
