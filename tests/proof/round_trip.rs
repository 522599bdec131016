//! A rule survives the whole way: YAML, model, the wire, the cloud, the wire, model, YAML.

use proptest::prelude::*;
use rulekeep::model::{Direction, NicType, Peer, Policy, Priority, Protocol, Rule};

use super::{
    estate::{BASE, BASE_FILE, OWNER, Shape, VPC, rule, seed},
    support::{Cloud, block_on, cases, load},
    yaml::{Reach, Shuffle, document, items},
};

const GROUP: &str = "sg-bp1round00000000000";

/// A group file that declares exactly these rules.
fn file(rules: &[Rule], shape: Shape, region: &str) -> String {
    use super::yaml::Node;
    let of = |direction: Direction| {
        let rules: Vec<Rule> = rules
            .iter()
            .filter(|rule| rule.direction == direction)
            .cloned()
            .collect();
        Node::List(items(&rules, shape == Shape::Classic))
    };
    document(
        &[
            ("group", Node::Text(GROUP.to_owned())),
            ("region", Node::Text(region.to_owned())),
            ("mode", Node::Text("complete".to_owned())),
            ("ingress", of(Direction::Ingress)),
            ("egress", of(Direction::Egress)),
        ],
        &mut Shuffle(None),
        Reach::All,
    )
}

async fn survives(rule: &Rule, shape: Shape, region: &str) {
    let mut group = serde_json::json!({"id": GROUP, "name": "round", "region": region});
    if shape != Shape::Classic {
        group["vpc"] = VPC.into();
    }
    if shape == Shape::Advanced {
        group["type"] = "enterprise".into();
    }
    let cloud = Cloud::start(&seed(vec![group])).await;
    let text = file(std::slice::from_ref(rule), shape, region);
    let desired = load(&[("rules/round.yaml", &text), ("rules/base.yaml", BASE_FILE)]);
    let declared = desired
        .groups
        .iter()
        .flat_map(|group| group.rules())
        .next()
        .unwrap_or_else(|| panic!("no rule in\n{text}"));
    let bound = declared.bind(rule.nic, |_| Some(rulekeep::model::GroupId::new(BASE)));
    assert_eq!(bound.as_ref(), Some(rule), "YAML to model:\n{text}");

    cloud.apply(&desired).await;
    let prepared = cloud.prepare(&desired, 1).await;
    let live = prepared
        .plan
        .groups
        .iter()
        .find(|group| group.address.group.as_str() == GROUP)
        .map(|group| &group.observed.rules[..]);
    let Some([live]) = live else {
        panic!("not one rule: {live:?}")
    };
    // The cloud says who owns a peer group also where it is the account itself, which no file says.
    let mut back = live.rule.clone();
    back.peer_owner.take_if(|owner| owner.as_str() == OWNER);
    assert_eq!(back, *rule, "wire to model");
    assert_eq!(file(&[back], shape, region), text, "model to YAML");
}

#[test]
fn every_rule_comes_back_from_the_cloud_as_it_was_written() {
    let config = ProptestConfig {
        failure_persistence: None,
        ..ProptestConfig::with_cases(cases(96))
    };
    let shaped = prop::sample::select(vec![Shape::Basic, Shape::Advanced, Shape::Classic])
        .prop_flat_map(|shape| (rule(shape), Just(shape)));
    proptest!(config, |((rule, shape) in shaped)| {
        block_on(survives(&rule, shape, "cn-hangzhou"));
    });
}

#[tokio::test]
async fn so_does_a_protocol_that_has_a_number_only() {
    for (number, direction) in [
        (0, Direction::Ingress),
        (50, Direction::Egress),
        (132, Direction::Ingress),
    ] {
        let rule = Rule {
            direction,
            nic: NicType::Intranet,
            priority: Priority::DEFAULT,
            policy: Policy::Accept,
            protocol: Protocol::from_number(number).unwrap(),
            peer: Peer::Cidr("10.0.0.0/8".parse().unwrap()),
            local: None,
            description: Some("by number".into()),
            peer_owner: None,
        };
        // One of the few regions that take numbers.
        survives(&rule, Shape::Basic, "ap-southeast-1").await;
    }
}
