//! Parameter names, against what the official SDK sends.

use super::*;

/// What the official Python SDK sent, parameter by parameter.
fn captured(file: &str) -> BTreeMap<String, String> {
    let path = format!(
        "{}/tests/fixtures/captures/py-tea-v3/{file}.json",
        env!("CARGO_MANIFEST_DIR")
    );
    let capture: Value = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
    serde_json::from_value::<Vec<(String, String)>>(capture["query"].clone())
        .unwrap()
        .into_iter()
        .collect()
}

async fn sent(call: RuleCall, token: &str) -> Asked {
    let server = Server::start(|_, _| Answer::written()).await;
    provider(&server)
        .execute(&region(), &call, token)
        .await
        .unwrap();
    server.asked().remove(0)
}

#[tokio::test]
async fn authorize_sends_what_the_official_sdk_sends() {
    let rules = vec![
        Rule {
            description: Some("ssh from vpn (ops) + 中文 a=b&c*~'".into()),
            ..rule(Direction::Ingress, "10.0.0.0/8", 22)
        },
        Rule {
            description: Some("dns".into()),
            policy: Policy::Drop,
            priority: Priority::WEAKEST,
            protocol: Protocol::Udp(PortRange::new(53, 53).unwrap().into()),
            ..rule(Direction::Ingress, "2001:db8:1234:1a00::/64", 53)
        },
    ];
    let call = call(
        "sg-bp67acfmxazb4p0001",
        Direction::Ingress,
        RuleAction::Authorize(rules),
    );
    let asked = sent(call, "123e4567-e89b-12d3-a456-426655440000").await;
    assert_eq!(asked.action(), "AuthorizeSecurityGroup");
    assert_eq!(asked.params, captured("AuthorizeSecurityGroup"));
}

#[tokio::test]
async fn egress_authorize_adds_only_what_would_otherwise_be_a_default() {
    let all = Rule {
        protocol: Protocol::All,
        ..rule(Direction::Egress, "0.0.0.0/0", 1)
    };
    let peer = Rule {
        peer: Peer::Group(GroupId::new("sg-bp67acfmxazb4p0002")),
        peer_owner: Some(OwnerId::new("1234567890")),
        ..rule(Direction::Egress, "0.0.0.0/0", 443)
    };
    let action = RuleAction::Authorize(vec![all, peer]);
    let asked = sent(
        call("sg-bp67acfmxazb4p0001", Direction::Egress, action),
        "t",
    )
    .await;
    assert_eq!(asked.action(), "AuthorizeSecurityGroupEgress");
    let mut expected = captured("AuthorizeSecurityGroupEgress");
    expected.insert("ClientToken".to_owned(), "t".to_owned());
    for n in 1..=2 {
        for (name, value) in [
            ("Policy", "accept"),
            ("Priority", "1"),
            ("NicType", "intranet"),
        ] {
            expected.insert(format!("Permissions.{n}.{name}"), value.to_owned());
        }
    }
    assert_eq!(asked.params, expected);
}

#[tokio::test]
async fn revoke_names_ids_and_without_ids_every_attribute() {
    let observed = |id| seen(id, rule(Direction::Ingress, "10.0.0.0/8", 22));
    let by_id = RuleAction::Revoke(vec![
        observed("sgr-bp67acfmxa123b0001"),
        observed("sgr-bp67acfmxa123b0002"),
    ]);
    let token = "123e4567-e89b-12d3-a456-426655440001";
    let asked = sent(
        call("sg-bp67acfmxazb4p0001", Direction::Ingress, by_id),
        token,
    )
    .await;
    assert_eq!(asked.action(), "RevokeSecurityGroup");
    assert_eq!(asked.params, captured("RevokeSecurityGroup"));

    let nameless = ObservedRule {
        id: None,
        ..observed("")
    };
    let action = RuleAction::Revoke(vec![nameless]);
    let asked = sent(
        call("sg-bp67acfmxazb4p0001", Direction::Ingress, action),
        "t",
    )
    .await;
    let mut expected = captured("RevokeSecurityGroup-2");
    expected.insert("ClientToken".to_owned(), "t".to_owned());
    for (name, value) in [
        ("Policy", "accept"),
        ("Priority", "1"),
        ("NicType", "intranet"),
    ] {
        expected.insert(format!("Permissions.1.{name}"), value.to_owned());
    }
    assert_eq!(asked.params, expected);
}

#[tokio::test]
async fn modify_sends_the_complete_rule_without_an_array() {
    let old = rule(Direction::Ingress, "10.0.0.0/8", 22);
    let new = Rule {
        description: Some("changed".into()),
        policy: Policy::Drop,
        priority: Priority::new(5).unwrap(),
        ..old.clone()
    };
    let action = RuleAction::Modify {
        from: seen("sgr-bp67acfmxa123b0001", old),
        to: new,
    };
    let asked = sent(
        call("sg-bp67acfmxazb4p0001", Direction::Ingress, action),
        "t",
    )
    .await;
    assert_eq!(asked.action(), "ModifySecurityGroupRule");
    let mut expected = captured("ModifySecurityGroupRule");
    for (name, value) in [
        ("ClientToken", "t"),
        ("IpProtocol", "TCP"),
        ("PortRange", "22/22"),
        ("SourceCidrIp", "10.0.0.0/8"),
        ("NicType", "intranet"),
    ] {
        expected.insert(name.to_owned(), value.to_owned());
    }
    assert_eq!(asked.params, expected);
}

#[tokio::test]
async fn what_cannot_be_said_exactly_is_not_sent() {
    let server = Server::start(|_, _| Answer::written()).await;
    let provider = provider(&server);
    let plain = rule(Direction::Ingress, "10.0.0.0/8", 22);
    let described = Rule {
        description: Some("x".into()),
        ..plain.clone()
    };
    let system = Rule {
        priority: Priority::observed(110),
        ..plain.clone()
    };
    let nameless = ObservedRule {
        id: None,
        ..seen("", system.clone())
    };
    let modify = |from: &Rule, to: &Rule| RuleAction::Modify {
        from: seen("sgr-1", from.clone()),
        to: to.clone(),
    };
    for (action, reason) in [
        (
            RuleAction::Authorize(vec![system.clone()]),
            "priority 110 cannot be sent",
        ),
        (modify(&plain, &system), "priority 110 cannot be sent"),
        (
            modify(&described, &plain),
            "the description cannot be removed in place",
        ),
        (RuleAction::Authorize(vec![]), "0 rules in one call"),
        (
            RuleAction::Authorize(vec![plain.clone(); 101]),
            "101 rules in one call",
        ),
        (
            RuleAction::Authorize(vec![rule(Direction::Egress, "10.0.0.0/8", 22)]),
            "the call is for ingress rules",
        ),
    ] {
        let call = call("sg-1", Direction::Ingress, action);
        let error = provider.execute(&region(), &call, "t").await.unwrap_err();
        assert!(matches!(error, ProviderError::NotSent { .. }), "{error:?}");
        assert!(error.to_string().contains(reason), "{error}");
    }
    // By its id a system-level rule can be revoked.
    let action = RuleAction::Revoke(vec![seen("sgr-1", system)]);
    let call = call("sg-1", Direction::Ingress, action);
    provider.execute(&region(), &call, "t").await.unwrap();
    assert_eq!(server.asked().len(), 1);
    // Without one by its members, its priority among them.
    let call = self::call(
        "sg-1",
        Direction::Ingress,
        RuleAction::Revoke(vec![nameless]),
    );
    provider.execute(&region(), &call, "t").await.unwrap();
    assert_eq!(server.asked()[1].param("Permissions.1.Priority"), "110");
}
