//! Two answers of the real cloud: read, planned against, applied to and written out again without loss.

use proptest::prelude::*;
use rulekeep::{
    guard::{Overrides, Reason},
    model::{Direction, ObservedRule, Priority, RegionId, Rule, RuleId},
    plan::Address,
    provider::{
        RuleAction, RuleCall,
        alibaba::wire::{from_json, request, to_json},
    },
    reconcile::NotApproved,
    snapshot::{self, Snapshot},
};
use serde_json::{Map, Value, json};

use super::{
    estate::{Shape, rule},
    support::{Cloud, as_text, at, cases, load},
};

const SYSTEM: &str = include_str!("../fixtures/describe-attribute-2017-system-rules-110.json");
const OPEN: &str = include_str!("../fixtures/describe-attribute-2022-all-ports-open.json");

fn answer(text: &str) -> Value {
    serde_json::from_str(text).unwrap()
}

fn permissions(answer: &Value) -> &Vec<Value> {
    answer["Permissions"]["Permission"].as_array().unwrap()
}

/// A cloud that holds the group of the answer as it was.
async fn cloud(answer: &Value) -> Cloud {
    Cloud::start(&seed(answer)).await
}

fn seed(answer: &Value) -> Value {
    json!({
        "version": 1,
        "security_groups": [{
            "id": answer["SecurityGroupId"],
            "name": answer["SecurityGroupName"],
            "description": answer["Description"],
            "region": answer["RegionId"],
            "vpc": answer["VpcId"],
            "inner_access_policy": answer["InnerAccessPolicy"],
            "rules": permissions(answer),
        }],
    })
}

#[test]
fn show_prints_every_member_of_a_real_group() {
    for text in [SYSTEM, OPEN] {
        let answer = answer(text);
        let folder = tempfile::tempdir().unwrap();
        let write = |name: &str, text: &str| {
            let path = folder.path().join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        };
        let project = "rules: rules/\naccounts: { demo: { local: state.json, seed: seed.json } }\n\
                       defaults: { account: demo, region: cn-hangzhou }\n";
        write("rulekeep.yaml", project);
        write(
            "rules/real.yaml",
            &file(&answer, "mode: partial\ningress: []\n"),
        );
        write("seed.json", &seed(&answer).to_string());
        let output = std::process::Command::new(env!("CARGO_BIN_EXE_rulekeep"))
            .env_clear()
            .current_dir(folder.path())
            .args([
                "show",
                answer["SecurityGroupId"].as_str().unwrap(),
                "-o",
                "json",
            ])
            .output()
            .unwrap();
        assert!(output.status.success(), "{output:?}");
        let shown: Value = serde_json::from_slice(&output.stdout).unwrap();
        let address = format!(
            "demo/{}/{}",
            answer["RegionId"].as_str().unwrap(),
            answer["SecurityGroupId"].as_str().unwrap()
        );
        assert_eq!(shown["address"], address);
        assert_eq!(shown["name"], answer["SecurityGroupName"]);
        assert_eq!(shown["description"], answer["Description"]);
        assert_eq!(shown["network"], answer["VpcId"]);
        assert_eq!(
            shown["inner_access"], "accept",
            "InnerAccessPolicy is Accept in both"
        );
        let rules = shown["rules"].as_array().unwrap();
        assert_eq!(rules.len(), permissions(&answer).len());
        for original in permissions(&answer) {
            let mut rules = rules.iter().map(|rule| &rule["permission"]);
            let written = rules.find(|one| one["Direction"] == original["Direction"]);
            assert_kept(original.as_object().unwrap(), written.unwrap());
        }
    }
}

/// A group file for the group of the answer.
fn file(answer: &Value, rest: &str) -> String {
    let text = |name: &str| answer[name].as_str().unwrap();
    format!(
        "group: {}\nregion: {}\n{rest}",
        text("SecurityGroupId"),
        text("RegionId")
    )
}

/// Every member that the cloud had filled is there with its value.
fn assert_kept(original: &Map<String, Value>, written: &Value) {
    for (name, value) in original {
        if *value != json!("") {
            assert_eq!(written[name], *value, "{name} in {written:#}");
        }
    }
}

#[test]
fn no_member_of_a_real_rule_is_lost_on_the_way_through_the_model() {
    for text in [SYSTEM, OPEN] {
        for original in permissions(&answer(text)) {
            let seen = from_json(original).unwrap();
            let written = to_json(&seen);
            assert_kept(original.as_object().unwrap(), &written);
            assert_eq!(from_json(&written).unwrap(), seen);
        }
    }
}

#[tokio::test]
async fn an_undo_file_of_a_real_group_gives_the_group_back() {
    for text in [SYSTEM, OPEN] {
        let answer = answer(text);
        let cloud = cloud(&answer).await;
        let desired = load(&[(
            "rules/real.yaml",
            &file(&answer, "mode: partial\ningress: []\n"),
        )]);
        let prepared = cloud.prepare(&desired, 1).await;
        let group = &prepared.plan.groups[0];
        let taken = Snapshot {
            taken: at(),
            address: group.address.clone(),
            group: group.observed.clone(),
        };
        let path = snapshot::write(cloud.folder.path(), "run", &taken).unwrap();
        let back = snapshot::read(&path).unwrap();
        assert_eq!(back, taken);
        let Address { region, group, .. } = &back.address;
        assert_eq!(answer["RegionId"], region.as_str());
        assert_eq!(answer["SecurityGroupId"], group.as_str());
        assert_eq!(answer["SecurityGroupName"], back.group.info.name.as_str());
        assert_eq!(answer["Description"], &*back.group.info.description);
        assert_eq!(answer["VpcId"], back.group.info.network.to_string());
        let originals = permissions(&answer);
        assert_eq!(back.group.rules.len(), originals.len());
        for original in originals {
            let written = back.group.rules.iter().map(to_json);
            let mut same = written.filter(|one| one["Direction"] == original["Direction"]);
            let written = same.next().expect("the rule is in the undo file");
            assert_kept(original.as_object().unwrap(), &written);
        }
    }
}

#[tokio::test]
async fn complete_mode_asks_what_becomes_of_system_rules_and_obeys() {
    let answer = answer(SYSTEM);
    let cloud = cloud(&answer).await;
    let text = |rest: &str| {
        file(
            &answer,
            &format!("mode: complete\nallow_empty: true\n{rest}ingress: []\negress: []\n"),
        )
    };

    let undecided = load(&[("rules/real.yaml", &text(""))]);
    let prepared = cloud.prepare(&undecided, 1).await;
    match prepared.guarded(&Overrides::default()) {
        Err(NotApproved::Refused(refusals)) => {
            let reasons: Vec<Reason> = refusals.iter().map(|refusal| refusal.reason).collect();
            assert_eq!(reasons, [Reason::SystemRules]);
        }
        other => panic!("{other:?}"),
    }

    let keep = load(&[("rules/real.yaml", &text("system_rules: keep\n"))]);
    let prepared = cloud.prepare(&keep, 1).await;
    assert!(prepared.plan.counts().is_empty(), "{}", as_text(&prepared));
    assert_eq!(prepared.plan.groups[0].system_level.len(), 2);
    assert!(prepared.guarded(&Overrides::default()).is_ok());

    let delete = load(&[("rules/real.yaml", &text("system_rules: delete\n"))]);
    let prepared = cloud.prepare(&delete, 1).await;
    assert_eq!(prepared.plan.counts().destroy, 2, "{}", as_text(&prepared));
    cloud.apply(&delete).await;
    let rules = &cloud.state()["security_groups"][0]["rules"];
    assert_eq!(
        *rules,
        json!([]),
        "nothing is written back with another priority"
    );
    let prepared = cloud.prepare(&delete, 1).await;
    assert!(prepared.plan.counts().is_empty(), "{}", as_text(&prepared));
}

#[tokio::test]
async fn partial_mode_leaves_system_rules_alone_and_shows_them() {
    let answer = answer(SYSTEM);
    let cloud = cloud(&answer).await;
    let text = file(
        &answer,
        "mode: partial\ningress:\n  - { protocol: tcp, ports: 22, from: 10.0.0.0/8 }\negress: []\n",
    );
    let desired = load(&[("rules/real.yaml", &text)]);
    let prepared = cloud.prepare(&desired, 1).await;
    let counts = prepared.plan.counts();
    assert_eq!((counts.add, counts.change, counts.destroy), (1, 0, 0));
    let plan = as_text(&prepared);
    let shown = plan.lines().filter(|line| line.starts_with('?')).count();
    assert_eq!(shown, 2, "{plan}");
    cloud.apply(&desired).await;
    let rules = cloud.state()["security_groups"][0]["rules"].clone();
    let priorities: Vec<&Value> = rules
        .as_array()
        .unwrap()
        .iter()
        .map(|rule| &rule["Priority"])
        .collect();
    assert_eq!(priorities, [&json!(110), &json!(110), &json!(1)]);
}

#[tokio::test]
async fn an_open_group_is_closed_by_declaring_what_it_shall_have() {
    let answer = answer(OPEN);
    let cloud = cloud(&answer).await;
    let text = file(
        &answer,
        "mode: complete\ningress:\n  - { protocol: tcp, ports: 443, from: 0.0.0.0/0 }\n",
    );
    let desired = load(&[("rules/real.yaml", &text)]);
    cloud.apply(&desired).await;
    let prepared = cloud.prepare(&desired, 1).await;
    assert!(prepared.plan.counts().is_empty(), "{}", as_text(&prepared));
    let rules = cloud.state()["security_groups"][0]["rules"].clone();
    assert_eq!(rules.as_array().unwrap().len(), 1);
    assert_eq!(rules[0]["PortRange"], "443/443");
}

/// A live rule of some priority, with the id that the cloud gave it.
fn live(rule: &Rule) -> ObservedRule {
    ObservedRule {
        rule: rule.clone(),
        id: Some(RuleId::new("sgr-bp1live00000000000")),
        facts: None,
    }
}

#[test]
fn no_request_ever_has_a_priority_that_cannot_be_set() {
    let config = ProptestConfig {
        failure_persistence: None,
        ..ProptestConfig::with_cases(cases(256))
    };
    let region = RegionId::new("cn-hangzhou");
    let build = |direction: Direction, action: RuleAction| {
        let call = RuleCall {
            group: rulekeep::model::GroupId::new("sg-bp1web0000000000000"),
            direction,
            action,
        };
        request::change(&region, &call, "token")
    };
    proptest!(config, |(good in rule(Shape::Basic), level in prop_oneof![Just(0_u8), 101..=255_u8])| {
        let mut bad = good.clone();
        bad.priority = Priority::observed(level);
        let way = good.direction;
        let authorize = |rules: &[&Rule]| {
            build(way, RuleAction::Authorize(rules.iter().copied().cloned().collect())).is_ok()
        };
        let modify = |from: &Rule, to: &Rule| {
            let to = to.clone();
            build(way, RuleAction::Modify { from: live(from), to }).is_ok()
        };
        prop_assert!(authorize(&[&good]));
        prop_assert!(!authorize(&[&good, &bad]));
        prop_assert!(!modify(&bad, &bad));
        prop_assert!(!modify(&good, &bad));
        // It can be revoked, and changed into one that can be set.
        prop_assert!(build(way, RuleAction::Revoke(vec![live(&bad)])).is_ok());
        prop_assert!(modify(&bad, &good));
    });
}
