use super::*;
use crate::{
    clouds::fake::rule,
    journal::{Begun, Call, Origin, Sent},
    model::{AccountName, GroupId, ObservedRule, OwnerId, Peer, RegionId},
};

fn seen(rule: &Rule) -> ObservedRule {
    ObservedRule {
        rule: rule.clone(),
        id: None,
        facts: None,
    }
}

/// A run at an hour of the day that made changes: from, to.
fn run(hour: i64, changes: &[(Option<&Rule>, Option<&Rule>)], answer: Answer) -> Run {
    let time = Timestamp::from_second(hour * 3_600).unwrap();
    let sent = changes.iter().map(|(before, after)| Sent {
        before: before.map(seen),
        after: after.cloned(),
    });
    Run {
        begun: Begun {
            time,
            ..Begun::now(
                &format!("run{hour}"),
                String::new(),
                Origin::default(),
                vec![],
            )
        },
        calls: vec![Call {
            time: time + SignedDuration::from_mins(20),
            address: Address {
                account: AccountName::new("demo"),
                region: RegionId::new("cn-hangzhou"),
                group: GroupId::new("sg-web"),
            },
            step: String::new(),
            changes: sent.collect(),
            answer,
        }],
        ended: None,
        confirm_by: None,
        confirmation: None,
        taken_back: false,
    }
}

fn told(runs: &[Run], hour: i64) -> Vec<String> {
    let now = Timestamp::from_second(hour * 3_600).unwrap();
    let fights = fights(runs, now, Threshold::default());
    fights.iter().map(ToString::to_string).collect()
}

#[test]
fn a_rule_that_is_added_again_and_again_is_a_fight() {
    let web = rule("443 0.0.0.0/0");
    let added = |hour| run(hour, &[(None, Some(&web))], Answer::Done);
    let runs = [added(1), added(5), added(9)];
    assert_eq!(told(&runs[..2], 9), [""; 0]);
    assert_eq!(
        told(&runs, 9),
        [
            "demo/cn-hangzhou/sg-web: ingress accept tcp/443 from 0.0.0.0/0 priority 1 was added 3 times (01-01 01:20:00, 01-01 05:20:00, \
             01-01 09:20:00 UTC); something else removes it"
        ]
    );
    // What counts is when it was added, not when that run began: the first is more than a day ago an hour later.
    assert_eq!(told(&runs, 25).len(), 1);
    assert_eq!(told(&runs, 26), [""; 0]);
}

#[test]
fn what_we_took_back_ourselves_is_none() {
    let web = rule("443 0.0.0.0/0");
    let added = |hour| run(hour, &[(None, Some(&web))], Answer::Done);
    let undone = run(2, &[(Some(&web), None)], Answer::Done);
    assert_eq!(told(&[added(1), undone, added(3), added(4)], 5), [""; 0]);
    let refused = run(2, &[(None, Some(&web))], Answer::NotDone);
    assert_eq!(told(&[added(1), refused, added(3)], 5), [""; 0]);
}

#[test]
fn what_we_took_back_ourselves_is_none_whoever_owns_the_peer_group() {
    let declared = Rule {
        peer: Peer::Group(GroupId::new("sg-bastion")),
        ..rule("8443 0.0.0.0/0")
    };
    let read = Rule {
        peer_owner: Some(OwnerId::new("1234567890123456")),
        ..declared.clone()
    };
    let added = |hour| run(hour, &[(None, Some(&declared))], Answer::Done);
    let undone = |hour| run(hour, &[(Some(&read), None)], Answer::Done);
    let own = [added(1), undone(2), added(3), undone(4), added(5)];
    assert_eq!(told(&own, 6), [""; 0]);
}

#[test]
fn a_rule_that_comes_back_and_a_tug_of_war_over_one_are_fights_too() {
    let web = rule("443 0.0.0.0/0");
    let deleted = |hour| run(hour, &[(Some(&web), None)], Answer::Done);
    let fights = told(&[deleted(1), deleted(2), deleted(3)], 4);
    assert!(
        fights[0].ends_with("something else brings it back"),
        "{fights:?}"
    );
    assert_eq!(fights.len(), 1);

    let other = rule("8443 0.0.0.0/0");
    let pulled = |hour| run(hour, &[(Some(&other), Some(&web))], Answer::Done);
    assert_eq!(told(&[pulled(1), pulled(2), pulled(3)], 4).len(), 2);
}
