//! What readings show: late, never, taken for a duplicate, or changed by somebody else.

use crate::{
    apply::{GroupOutcome, Verdict},
    clouds::fake::{self, Fate},
    model::{GroupId, ObservedRule, RuleId},
};

use super::case::{Case, outcomes, same_port};

fn replacement() -> Case {
    Case::new(&[(
        "sg-a",
        &["22 10.0.0.0/8", "80 10.0.0.0/8"],
        &["+ 22 10.1.0.0/16", "- 0"],
    )])
    .vpc(&[&[(0, &[0])], &[(0, &[1])]])
}

fn foreign(text: &str) -> ObservedRule {
    ObservedRule {
        rule: fake::rule(text),
        id: Some(RuleId::new("sgr-foreign")),
        facts: None,
    }
}

#[tokio::test]
async fn a_late_reading_is_waited_for_before_the_delete_and_at_the_end() {
    let case = replacement();
    case.fake.world().lag = 2;
    let report = case.run().await;
    assert_eq!(outcomes(&report), ["done"]);
    assert_eq!(
        case.log(),
        [
            "sg-a + tcp/22",
            "read sg-a",
            "read sg-a",
            "read sg-a",
            "sg-a - tcp/22",
            "read sg-a",
            "read sg-a",
            "read sg-a",
        ]
    );
}

#[tokio::test]
async fn no_delete_is_sent_while_an_add_does_not_show() {
    let case = replacement();
    case.fake.world().lag = usize::MAX;
    let report = case.run().await;
    assert!(case.log().iter().all(|line| line != "sg-a - tcp/22"));
    let GroupOutcome::HeldBack { reason, rules } = &report.groups[0].outcome else {
        panic!("{report:?}");
    };
    assert_eq!(
        reason,
        "the cloud does not show what it confirmed: ingress accept tcp/22 from 10.1.0.0/16 \
         priority 1 does not show with an id of its own"
    );
    assert_eq!(rules.len(), 1);
}

#[tokio::test]
async fn deletes_of_other_groups_wait_for_an_add_that_does_not_show() {
    let mut case = Case::new(&[
        ("sg-a", &[], &["+ 22 10.0.0.0/8"]),
        ("sg-b", &["22 10.0.0.0/8"], &["- 0"]),
        ("sg-c", &["80 10.0.0.0/8"], &["- 0"]),
    ])
    .vpc(&[&[(0, &[0])], &[(1, &[0]), (2, &[0])]]);
    case.options.must_precede = same_port;
    case.fake.world().on_write = Box::new(|number, call, groups| {
        if number == 0 {
            // Confirmed, and nothing comes of it.
            groups.get_mut(&call.group).unwrap().rules.clear();
            return Fate::Done;
        }
        Fate::Done
    });
    case.fake.world().lag = 1000;
    let report = case.run().await;
    assert_eq!(
        outcomes(&report),
        ["not yet visible", "held back", "not yet visible"]
    );
    assert_eq!(report.verdict(), Verdict::Partial);
}

#[tokio::test]
async fn what_never_shows_at_the_end_is_not_called_complete() {
    let case = Case::new(&[("sg-a", &[], &["+ 22 10.0.0.0/8"])]).vpc(&[&[(0, &[0])]]);
    case.fake.world().lag = usize::MAX;
    let report = case.run().await;
    assert_eq!(
        report.groups[0].outcome,
        GroupOutcome::NotYetVisible(vec![
            "ingress accept tcp/22 from 10.0.0.0/8 priority 1 does not show with an id of its own"
                .into()
        ])
    );
    assert_eq!(report.verdict(), Verdict::Partial);
}

#[tokio::test]
async fn a_planned_delete_is_not_sent_when_the_rule_changed_meanwhile() {
    let case = replacement();
    case.fake.world().on_write = Box::new(|_, call, groups| {
        let live = groups.get_mut(&call.group).unwrap();
        live.rules[0].rule = fake::rule("22 10.9.0.0/16");
        Fate::Done
    });
    let report = case.run().await;
    assert_eq!(
        report.groups[0].outcome,
        GroupOutcome::Drifted(vec![
            "changed: ingress accept tcp/22 from 10.0.0.0/8 priority 1 (sgr-a0) is now \
             ingress accept tcp/22 from 10.9.0.0/16 priority 1"
                .into()
        ])
    );
    assert_eq!(case.log(), ["sg-a + tcp/22", "read sg-a"]);
}

#[tokio::test]
async fn a_rule_that_came_or_went_meanwhile_is_drift_in_complete_mode() {
    let case = replacement();
    case.fake.world().on_write = Box::new(|number, call, groups| {
        if number == 1 {
            let live = groups.get_mut(&call.group).unwrap();
            live.rules
                .retain(|seen| seen.id != Some(RuleId::new("sgr-a1")));
            live.rules.push(foreign("3389 0.0.0.0/0"));
        }
        Fate::Done
    });
    let report = case.run().await;
    assert_eq!(
        report.groups[0].outcome,
        GroupOutcome::Drifted(vec![
            "gone: ingress accept tcp/80 from 10.0.0.0/8 priority 1 (sgr-a1)".into(),
            "not planned: ingress accept tcp/3389 from 0.0.0.0/0 priority 1 (sgr-foreign)".into(),
        ])
    );
}

#[tokio::test]
async fn what_others_do_in_partial_mode_is_a_note() {
    let case = Case::new(&[("sg-a", &["80 10.0.0.0/8"], &["+ 22 10.0.0.0/8"])])
        .vpc(&[&[(0, &[0])]])
        .partial();
    case.fake.world().on_write = Box::new(|_, call, groups| {
        groups.get_mut(&call.group).unwrap().rules = vec![foreign("3389 0.0.0.0/0")];
        Fate::Done
    });
    let report = case.run().await;
    assert_eq!(outcomes(&report), ["done"]);
    assert_eq!(
        report.groups[0].notes,
        [
            "gone: ingress accept tcp/80 from 10.0.0.0/8 priority 1 (sgr-a0)",
            "not planned: ingress accept tcp/3389 from 0.0.0.0/0 priority 1 (sgr-foreign)",
        ]
    );
}

#[tokio::test]
async fn an_add_with_another_description_in_the_cloud_is_drift() {
    let case = Case::new(&[("sg-a", &[], &["+ 22 10.0.0.0/8 1 ours"])]).vpc(&[&[(0, &[0])]]);
    case.fake.world().on_write = Box::new(|_, call, groups| {
        let live = groups.get_mut(&call.group).unwrap();
        live.rules.push(foreign("22 10.0.0.0/8 1 theirs"));
        Fate::Done
    });
    let report = case.run().await;
    assert_eq!(outcomes(&report), ["drifted"]);
}

const TWIN: &str = "the cloud took ingress accept tcp/22 from 10.0.0.0/8 priority 5, rules/all.yaml:1 \
                    for a duplicate of ingress accept tcp/22 from 10.0.0.0/8 priority 1 (sgr-a0): \
                    priority 5 is not in effect";

const AGAIN: &str =
    ", and the next plan will propose to add it again; declare it with priority 1, or not at all";

#[tokio::test]
async fn a_priority_twin_taken_for_a_duplicate_is_a_note_in_partial_mode() {
    let case = Case::new(&[("sg-a", &["22 10.0.0.0/8"], &["+ 22 10.0.0.0/8 5"])])
        .vpc(&[&[(0, &[0])]])
        .partial();
    case.fake.world().ignores_priority = true;
    let report = case.run().await;
    assert_eq!(outcomes(&report), ["done"]);
    assert_eq!(report.groups[0].notes, [format!("{TWIN}{AGAIN}")]);
    assert_eq!(report.groups[0].added, 0);
}

#[tokio::test]
async fn a_priority_twin_taken_for_a_duplicate_is_a_failure_in_complete_mode() {
    let case =
        Case::new(&[("sg-a", &["22 10.0.0.0/8"], &["+ 22 10.0.0.0/8 5"])]).vpc(&[&[(0, &[0])]]);
    case.fake.world().ignores_priority = true;
    let report = case.run().await;
    assert_eq!(outcomes(&report), ["failed"]);
    assert_eq!(report.groups[0].notes, [TWIN]);
}

#[tokio::test]
async fn the_rule_that_an_add_was_taken_for_is_not_deleted() {
    for partial in [false, true] {
        let mut case = Case::new(&[("sg-a", &["22 10.0.0.0/8"], &["+ 22 10.0.0.0/8 5", "- 0"])])
            .vpc(&[&[(0, &[0])], &[(0, &[1])]]);
        if partial {
            case = case.partial();
        }
        case.fake.world().ignores_priority = true;
        let report = case.run().await;
        assert_eq!(
            outcomes(&report),
            [if partial { "held back" } else { "failed" }]
        );
        assert_eq!(
            case.fake.rules("sg-a"),
            ["ingress accept tcp/22 from 10.0.0.0/8 priority 1"]
        );
    }
}

#[tokio::test]
async fn rules_without_ids_are_found_again_by_what_they_are() {
    let mut case = Case::new(&[(
        "sg-a",
        &["22 10.0.0.0/8", "80 10.0.0.0/8"],
        &["~ 0 22 10.0.0.0/8 1 new"],
    )])
    .vpc(&[&[(0, &[0])]]);
    let mut old = case.plan.groups[0].observed.clone();
    for seen in &mut old.rules {
        seen.id = None;
    }
    let crate::plan::ChangeKind::Modify { from, .. } = &mut case.plan.groups[0].changes[0].kind
    else {
        panic!("a modify");
    };
    from.id = None;
    let group = GroupId::new("sg-a");
    case.plan.groups[0].observed = old.clone();
    case.fake.world().groups.insert(group, old);
    case.fake.world().on_write = Box::new(|_, call, groups| {
        let live = groups.get_mut(&call.group).unwrap();
        live.rules[0].rule = fake::rule("22 10.0.0.0/8 1 new");
        Fate::LostBefore
    });
    assert_eq!(outcomes(&case.run().await), ["done"]);
}

#[tokio::test]
async fn when_the_rules_cannot_be_read_back_nothing_is_deleted_that_builds_on_them() {
    let mut case = Case::new(&[
        ("sg-a", &[], &["+ 22 10.0.0.0/8"]),
        ("sg-b", &["22 10.0.0.0/8", "80 10.0.0.0/8"], &["- 0", "- 1"]),
    ])
    .vpc(&[&[(0, &[0])], &[(1, &[0, 1])]]);
    case.options.must_precede = same_port;
    case.fake.world().unreadable.insert("sg-a".to_owned());
    let report = case.run().await;
    assert_eq!(
        report.groups[0].outcome,
        GroupOutcome::Failed {
            call: "read the rules back".into(),
            error: "reading failed (request R-LOST)".into(),
            rules: vec![],
        }
    );
    assert_eq!(outcomes(&report), ["failed", "held back"]);
    assert_eq!(
        case.fake.rules("sg-b"),
        ["ingress accept tcp/22 from 10.0.0.0/8 priority 1"]
    );
}
