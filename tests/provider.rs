//! The provider for Alibaba Cloud against a server that answers as each test says.

#[path = "provider/server.rs"]
mod server;

use std::{collections::BTreeMap, time::Duration};

use rulekeep::{
    desired::{Selector, SignatureVersion},
    model::{
        Cidr, Direction, GroupId, GroupInfo, GroupKind, GroupName, InnerAccess, ListIds, Network,
        NicType, ObservedRule, OwnerId, Peer, Policy, PortListId, PortRange, PrefixListId,
        Priority, Protocol, RegionId, Rule, RuleId, VpcId,
    },
    provider::{
        Provider, ProviderError, RuleAction, RuleCall,
        alibaba::{
            Alibaba, RetryPolicy, Settings,
            credentials::{CredentialSource, Credentials, Environment},
        },
    },
};
use serde_json::{Value, json};
use server::{Answer, Asked, ID, SECRET, Server};

const TOKEN: &str = "sess/ion+token==";

fn key() -> Credentials {
    Credentials {
        access_key_id: ID.to_owned(),
        secret: SECRET.to_owned(),
        security_token: None,
    }
}

fn session() -> Credentials {
    Credentials {
        security_token: Some(TOKEN.to_owned()),
        ..key()
    }
}

fn settings(server: &Server, credentials: CredentialSource) -> Settings {
    let mut settings = Settings::new(credentials);
    settings.endpoint = Some(server.endpoint());
    settings.retry = RetryPolicy {
        attempts: 4,
        connects: 2,
        base: Duration::from_millis(1),
        cap: Duration::from_millis(2),
    };
    settings
}

fn provider(server: &Server) -> Alibaba {
    Alibaba::new(settings(server, CredentialSource::fixed(key()))).unwrap()
}

fn region() -> RegionId {
    RegionId::new("cn-hangzhou")
}

fn group(network: Network) -> GroupInfo {
    GroupInfo {
        id: GroupId::new("sg-1"),
        name: GroupName::new("web"),
        description: "".into(),
        network,
        kind: GroupKind::Basic,
        managed: false,
        tags: BTreeMap::new(),
    }
}

fn vpc() -> Network {
    Network::Vpc(VpcId::new("vpc-1"))
}

fn rule(direction: Direction, cidr: &str, port: u16) -> Rule {
    Rule {
        direction,
        nic: NicType::Intranet,
        priority: Priority::DEFAULT,
        policy: Policy::Accept,
        protocol: Protocol::Tcp(PortRange::new(port, port).unwrap().into()),
        peer: Peer::Cidr(cidr.parse::<Cidr>().unwrap()),
        local: None,
        description: None,
        peer_owner: None,
    }
}

fn seen(id: &str, rule: Rule) -> ObservedRule {
    ObservedRule {
        rule,
        id: Some(RuleId::new(id)),
        facts: None,
    }
}

fn call(group: &str, direction: Direction, action: RuleAction) -> RuleCall {
    RuleCall {
        group: GroupId::new(group),
        direction,
        action,
    }
}

fn authorize() -> RuleCall {
    let rules = vec![rule(Direction::Ingress, "10.0.0.0/8", 22)];
    call("sg-1", Direction::Ingress, RuleAction::Authorize(rules))
}

fn permission(id: &str, direction: &str, port: u16) -> Value {
    let peer = match direction {
        "ingress" => "SourceCidrIp",
        _ => "DestCidrIp",
    };
    json!({
        "SecurityGroupRuleId": id, "Direction": direction, "IpProtocol": "TCP",
        "PortRange": format!("{port}/{port}"), "Policy": "Accept", "Priority": 1,
        "NicType": "intranet", peer: "10.0.0.0/8", "CreateTime": "2026-01-02T03:04:05Z",
    })
}

fn attribute(permissions: &[Value], next: &str) -> Answer {
    Answer::json(json!({
        "RequestId": "R", "SecurityGroupId": "sg-1", "VpcId": "vpc-1", "InnerAccessPolicy": "Drop",
        "Permissions": {"Permission": permissions}, "NextToken": next,
    }))
}

fn security_group(id: &str, name: &str) -> Value {
    json!({
        "SecurityGroupId": id, "SecurityGroupName": name, "VpcId": "vpc-1", "SecurityGroupType": "normal",
        "ServiceManaged": false, "Tags": {"Tag": [{"TagKey": "env", "TagValue": "prod"}]},
    })
}

fn groups(groups: &[Value], next: &str) -> Answer {
    Answer::json(json!({
        "RequestId": "R", "SecurityGroups": {"SecurityGroup": groups}, "NextToken": next,
    }))
}

fn named(name: &str) -> Selector {
    Selector::Name {
        name: GroupName::new(name),
        vpc: None,
    }
}

fn ids(found: &[Vec<GroupInfo>]) -> Vec<Vec<&str>> {
    found
        .iter()
        .map(|groups| groups.iter().map(|group| group.id.as_str()).collect())
        .collect()
}

// Signatures

#[tokio::test]
async fn v3_requests_are_signed_and_carry_their_parameters_in_the_query() {
    let server = Server::start(|_, _| Answer::written()).await;
    for credentials in [key(), session()] {
        let provider =
            Alibaba::new(settings(&server, CredentialSource::fixed(credentials))).unwrap();
        provider
            .execute(&region(), &authorize(), "token-1")
            .await
            .unwrap();
    }
    let asked = server.asked();
    for request in &asked {
        request.assert_signed_with_v3();
        assert_eq!(request.body, "");
        assert_eq!(request.header("x-acs-version"), "2014-05-26");
        assert_eq!(request.header("accept"), "application/json");
        assert!(request.header("user-agent").starts_with("rulekeep/"));
        assert_eq!(request.param("Action"), "");
    }
    assert_eq!(asked[0].header("x-acs-security-token"), "");
    assert_eq!(asked[1].header("x-acs-security-token"), TOKEN);
    assert_eq!(asked[1].header("x-acs-accesskey-id"), ID);
    assert_ne!(asked[0].nonce(), asked[1].nonce());
}

#[tokio::test]
async fn v1_requests_are_signed_in_the_query() {
    let server = Server::start(|_, _| Answer::written()).await;
    for credentials in [key(), session()] {
        let mut settings = settings(&server, CredentialSource::fixed(credentials));
        settings.signature = SignatureVersion::V1;
        let provider = Alibaba::new(settings).unwrap();
        provider
            .execute(&region(), &authorize(), "token-1")
            .await
            .unwrap();
    }
    let asked = server.asked();
    for request in &asked {
        request.assert_signed_with_v1();
        assert_eq!(request.param("Action"), "AuthorizeSecurityGroup");
        assert_eq!(request.param("Format"), "JSON");
        assert_eq!(request.header("authorization"), "");
    }
    assert_eq!(asked[1].param("SecurityToken"), TOKEN);
}

#[tokio::test]
async fn what_no_request_line_can_hold_travels_in_a_form() {
    let server = Server::start(|_, _| Answer::written()).await;
    let rules: Vec<Rule> = (1..=100)
        .map(|port| Rule {
            description: Some("入口 &=+*~".repeat(50).into()),
            ..rule(Direction::Ingress, "10.0.0.0/8", port)
        })
        .collect();
    let call = call("sg-1", Direction::Ingress, RuleAction::Authorize(rules));
    for signature in [SignatureVersion::V3, SignatureVersion::V1] {
        let mut settings = settings(&server, CredentialSource::fixed(session()));
        settings.signature = signature;
        let provider = Alibaba::new(settings).unwrap();
        provider.execute(&region(), &call, "token-1").await.unwrap();
    }
    let asked = server.asked();
    asked[0].assert_signed_with_v3();
    asked[1].assert_signed_with_v1();
    for request in asked {
        assert!(request.query.len() < 1000);
        assert_eq!(
            request.header("content-type"),
            "application/x-www-form-urlencoded"
        );
        assert_eq!(request.param("Permissions.100.PortRange"), "100/100");
        assert_eq!(
            request.param("Permissions.7.Description"),
            "入口 &=+*~".repeat(50)
        );
    }
}

// Parameter names, against what the official SDK sends

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
            RuleAction::Revoke(vec![nameless]),
            "priority 110 cannot be sent",
        ),
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
}

// Finding groups

#[tokio::test]
async fn ids_are_asked_for_by_the_hundred_and_unknown_ones_have_no_candidates() {
    let server = Server::start(|_, asked| {
        let ids: Vec<String> = serde_json::from_str(asked.param("SecurityGroupIds")).unwrap();
        assert!(ids.len() <= 100);
        let known = ids.iter().filter(|id| *id != "sg-007");
        groups(
            &known.map(|id| security_group(id, "")).collect::<Vec<_>>(),
            "",
        )
    })
    .await;
    let selectors: Vec<Selector> = (0..150)
        .map(|n| Selector::Id(GroupId::new(format!("sg-{n:03}"))))
        .collect();
    let found = provider(&server).find(&region(), &selectors).await.unwrap();
    assert_eq!(found.len(), 150);
    for (n, candidates) in found.iter().enumerate() {
        match n {
            7 => assert!(candidates.is_empty()),
            _ => assert_eq!(candidates[0].id.as_str(), format!("sg-{n:03}")),
        }
    }
    let asked = server.asked();
    assert_eq!(asked.len(), 2);
    assert_eq!(asked[0].action(), "DescribeSecurityGroups");
    assert_eq!(asked[0].param("MaxResults"), "100");
    assert_eq!(
        found[0][0].tags.get("env").map(|value| &**value),
        Some("prod")
    );
}

#[tokio::test]
async fn a_few_names_are_asked_for_one_by_one_and_compared_exactly() {
    let server = Server::start(|_, asked| match asked.param("SecurityGroupName") {
        "web" => groups(
            &[security_group("sg-2", "web"), security_group("sg-1", "web")],
            "",
        ),
        "db" => groups(&[security_group("sg-3", "db-old")], ""),
        _ => groups(&[], ""),
    })
    .await;
    let narrowed = |vpc: &str| Selector::Name {
        name: GroupName::new("web"),
        vpc: Some(VpcId::new(vpc)),
    };
    let selectors = [
        named("web"),
        named("db"),
        narrowed("vpc-1"),
        narrowed("vpc-2"),
        named("web"),
    ];
    let found = provider(&server).find(&region(), &selectors).await.unwrap();
    assert_eq!(
        ids(&found),
        [
            vec!["sg-1", "sg-2"],
            vec![],
            vec!["sg-1", "sg-2"],
            vec![],
            vec!["sg-1", "sg-2"]
        ]
    );
    let mut vpcs: Vec<String> = server
        .asked()
        .iter()
        .map(|asked| {
            format!(
                "{} {}",
                asked.param("SecurityGroupName"),
                asked.param("VpcId")
            )
        })
        .collect();
    vpcs.sort();
    assert_eq!(vpcs, ["db ", "web ", "web vpc-1", "web vpc-2"]);
}

#[tokio::test]
async fn many_names_are_looked_up_in_the_list_of_the_region() {
    let server = Server::start(|_, asked| {
        assert_eq!(asked.param("SecurityGroupName"), "");
        match asked.param("NextToken") {
            "" => groups(
                &(0..100)
                    .map(|n| security_group(&format!("sg-{n}"), &format!("g{n}")))
                    .collect::<Vec<_>>(),
                "p2",
            ),
            _ => groups(&[security_group("sg-100", "g100")], ""),
        }
    })
    .await;
    let mut selectors: Vec<Selector> = (90..=101).map(|n| named(&format!("g{n}"))).collect();
    selectors.push(Selector::Id(GroupId::new("sg-5")));
    selectors.push(Selector::Id(GroupId::new("sg-999")));
    let found = provider(&server).find(&region(), &selectors).await.unwrap();
    assert_eq!(
        ids(&found)[10..],
        [vec!["sg-100"], vec![], vec!["sg-5"], vec![]]
    );
    assert_eq!(server.asked().len(), 2);
}

#[tokio::test]
async fn an_endless_region_is_not_listed_to_its_end_for_a_dozen_names() {
    let server = Server::start(|number, asked| match asked.param("SecurityGroupName") {
        "" => groups(&[], &format!("page-{number}")),
        name => groups(&[security_group("sg-1", name)], ""),
    })
    .await;
    let selectors: Vec<Selector> = (0..12).map(|n| named(&format!("g{n}"))).collect();
    let found = provider(&server).find(&region(), &selectors).await.unwrap();
    assert!(found.iter().all(|candidates| candidates.len() <= 1));
    assert_eq!(server.asked().len(), 24);
}

#[tokio::test]
async fn a_group_of_unknown_kind_is_not_guessed() {
    let server = Server::start(|_, _| {
        let mut group = security_group("sg-1", "web");
        group["SecurityGroupType"] = json!("super");
        groups(&[group], "")
    })
    .await;
    let error = provider(&server)
        .find(&region(), &[named("web")])
        .await
        .unwrap_err();
    assert_eq!(
        error.to_string(),
        "the cloud's answer to DescribeSecurityGroups cannot be read: SecurityGroupType of sg-1 is `super`, neither \
         `normal` nor `enterprise`"
    );
}

// Reading rules

#[tokio::test]
async fn every_page_is_read_and_the_rules_come_in_canonical_order() {
    let server = Server::start(|_, asked| match asked.param("NextToken") {
        "" => attribute(
            &[
                permission("sgr-3", "egress", 1),
                permission("sgr-2", "ingress", 9),
            ],
            "two",
        ),
        "two" => attribute(&[permission("sgr-1", "ingress", 3)], "three"),
        _ => attribute(&[permission("sgr-0", "ingress", 9)], ""),
    })
    .await;
    let observed = provider(&server)
        .observe(&region(), &group(vpc()))
        .await
        .unwrap();
    let order: Vec<&str> = observed
        .rules
        .iter()
        .map(|seen| seen.id.as_ref().unwrap().as_str())
        .collect();
    assert_eq!(order, ["sgr-1", "sgr-0", "sgr-2", "sgr-3"]);
    assert_eq!(observed.inner_access, InnerAccess::Drop);
    let asked = server.asked();
    assert_eq!(asked.len(), 3);
    for request in &asked {
        assert_eq!(request.action(), "DescribeSecurityGroupAttribute");
        assert_eq!(request.param("MaxResults"), "1000");
        assert_eq!(request.param("Direction"), "all");
        assert_eq!(request.param("NicType"), "intranet");
    }
}

#[tokio::test]
async fn a_classic_group_is_read_once_per_interface() {
    let server = Server::start(|_, asked| {
        let mut rule = permission(&format!("sgr-{}", asked.param("NicType")), "ingress", 22);
        rule["NicType"] = json!(asked.param("NicType"));
        attribute(&[rule], "")
    })
    .await;
    let observed = provider(&server)
        .observe(&region(), &group(Network::Classic))
        .await
        .unwrap();
    let nics: Vec<NicType> = observed.rules.iter().map(|seen| seen.rule.nic).collect();
    assert_eq!(nics, [NicType::Intranet, NicType::Internet]);
    assert_eq!(server.asked().len(), 2);
}

#[tokio::test]
async fn an_answer_that_does_not_add_up_is_never_taken_for_the_rules() {
    let internet = |id: &str| {
        let mut rule = permission(id, "ingress", 22);
        rule["NicType"] = json!("internet");
        rule
    };
    for (answers, problem) in [
        (
            vec![
                ("", attribute(&[], "again")),
                ("again", attribute(&[], "again")),
            ],
            "NextToken came a second time",
        ),
        (
            vec![("", attribute(&[internet("sgr-1")], ""))],
            "sgr-1 is for the internet interface",
        ),
        (
            vec![(
                "",
                attribute(
                    &[
                        permission("sgr-1", "ingress", 1),
                        permission("sgr-1", "ingress", 2),
                    ],
                    "",
                ),
            )],
            "sgr-1 is in it twice",
        ),
        (
            vec![("", attribute(&[permission("sgr-1", "sideways", 1)], ""))],
            "rule sgr-1: Direction is `sideways`",
        ),
        (
            vec![(
                "",
                Answer::json(json!({"SecurityGroupId": "sg-2", "InnerAccessPolicy": "Accept"})),
            )],
            "it is about sg-2, not sg-1",
        ),
        (
            vec![("", Answer::json(json!({"SecurityGroupId": "sg-1"})))],
            "InnerAccessPolicy is ``",
        ),
        (
            vec![("", Answer::json(json!({})))],
            "missing field `SecurityGroupId`",
        ),
    ] {
        let answers: BTreeMap<String, String> = answers
            .into_iter()
            .map(|(token, answer)| (token.to_owned(), answer.body))
            .collect();
        let server = Server::start(move |_, asked| Answer {
            status: 200,
            headers: Vec::new(),
            body: answers[asked.param("NextToken")].clone(),
        })
        .await;
        let error = provider(&server)
            .observe(&region(), &group(vpc()))
            .await
            .unwrap_err();
        assert!(
            matches!(error, ProviderError::Malformed { .. }),
            "{error:?}"
        );
        assert!(error.to_string().contains(problem), "{error}");
    }
}

#[tokio::test]
async fn lists_come_with_capacity_and_entries_and_unknown_ones_are_left_out() {
    let server = Server::start(|_, asked| match (asked.action(), asked.param("PrefixListId")) {
        ("DescribePrefixListAttributes", "pl-1") => Answer::json(json!({
            "RequestId": "R", "PrefixListId": "pl-1", "PrefixListName": "office", "AddressFamily": "IPv4",
            "MaxEntries": 20, "Entries": {"Entry": [{"Cidr": "192.0.2.0/24", "Description": "x"}]},
        })),
        ("DescribePrefixListAttributes", _) => {
            Answer::error(404, "InvalidPrefixListId.NotFound", "The specified prefix list was not found.")
        }
        ("DescribePortRangeLists", _) => Answer::json(json!({
            "RequestId": "R", "PortRangeLists": [
                {"PortRangeListId": "prl-1", "PortRangeListName": "web", "MaxEntries": 5},
            ],
        })),
        ("DescribePortRangeListEntries", _) => Answer::json(json!({
            "RequestId": "R", "Entries": [{"PortRange": "80/80"}, {"PortRange": "8000/8010", "Description": ""}],
        })),
        _ => Answer::error(404, "InvalidAction.NotFound", "no"),
    })
    .await;
    let wanted = ListIds {
        prefix: ["pl-1", "pl-2"].map(PrefixListId::new).into(),
        port: ["prl-1", "prl-2"].map(PortListId::new).into(),
    };
    let provider = provider(&server);
    let lists = provider.lists(&region(), &wanted).await.unwrap();
    let prefix = &lists.prefix[&PrefixListId::new("pl-1")];
    assert_eq!(
        (prefix.max_entries, prefix.entries[0].to_string()),
        (20, "192.0.2.0/24".to_owned())
    );
    let port = &lists.port[&PortListId::new("prl-1")];
    let ranges: Vec<String> = port.entries.iter().map(ToString::to_string).collect();
    assert_eq!(
        (port.max_entries, ranges),
        (5, vec!["80".to_owned(), "8000-8010".to_owned()])
    );
    assert_eq!((lists.prefix.len(), lists.port.len()), (1, 1));
    let asked = server.asked();
    assert_eq!(asked.len(), 4);
    let ports = asked
        .iter()
        .find(|asked| asked.action() == "DescribePortRangeLists")
        .unwrap();
    assert_eq!(
        ports.below("PortRangeListId."),
        [("1", "prl-1"), ("2", "prl-2")].into()
    );
    assert!(
        provider
            .lists(&region(), &ListIds::default())
            .await
            .unwrap()
            .prefix
            .is_empty()
    );
    assert_eq!(server.asked().len(), 4);
}

// Failures

#[tokio::test]
async fn transient_failures_are_repeated_with_the_same_token_and_a_new_nonce() {
    let server = Server::start(|number, _| match number {
        0 => Answer::error(
            400,
            "Throttling.User",
            "Request was denied due to user flow control.",
        )
        .header("x-acs-retry-after", "3"),
        1 => Answer::error(503, "ServiceUnavailable", "later"),
        2 => Answer::error(500, "InternalError", "unknown"),
        _ => Answer::written(),
    })
    .await;
    let receipt = provider(&server)
        .execute(&region(), &authorize(), "token-1")
        .await
        .unwrap();
    assert_eq!(receipt.request_id, "REQUEST-OK");
    let asked = server.asked();
    assert_eq!(asked.len(), 4);
    let mut nonces: Vec<&str> = asked.iter().map(Asked::nonce).collect();
    nonces.sort();
    nonces.dedup();
    assert_eq!(nonces.len(), 4);
    for request in &asked {
        request.assert_signed_with_v3();
        assert_eq!(request.params, asked[0].params);
        assert_eq!(request.param("ClientToken"), "token-1");
    }
}

#[tokio::test]
async fn failures_are_told_apart_by_code_and_end_with_the_attempts() {
    for (answer, shown, tries) in [
        (
            Answer::error(400, "Throttling.Api", "slow").header("x-acs-retry-after", "1"),
            r#"Throttled { code: "Throttling.Api", retry_after: Some(1ms) }"#,
            4,
        ),
        (
            Answer::error(429, "Strange", "slow"),
            r#"Throttled { code: "Strange", retry_after: None }"#,
            4,
        ),
        (
            Answer::error(403, "LastTokenProcessing", "wait"),
            r#"Throttled { code: "LastTokenProcessing", retry_after: None }"#,
            4,
        ),
        (
            Answer::error(400, "UnknownError", "unknown"),
            r#"Unavailable { message: "UnknownError: unknown", request_id: Some("REQUEST-ERR"), not_sent: false }"#,
            4,
        ),
        (
            Answer {
                body: "<html>secret</html>".to_owned(),
                ..Answer::error(502, "", "")
            },
            r#"Unavailable { message: "HTTP 502 without an error of the API", request_id: None, not_sent: false }"#,
            4,
        ),
        (
            Answer {
                body: r#"{"RequestId": "#.to_owned(),
                ..Answer::written()
            },
            r#"Unavailable { message: "the answer to AuthorizeSecurityGroup was cut off", request_id: None, not_sent: false }"#,
            4,
        ),
        (
            Answer::error(403, "AuthorizationLimitExceed", "The limit\nreaches."),
            r#"Refused { code: "AuthorizationLimitExceed", message: "The limit reaches.", request_id: "REQUEST-ERR" }"#,
            1,
        ),
        (
            Answer::error(403, "Forbidden.RAM", "User not authorized"),
            r#"Refused { code: "Forbidden.RAM", message: "User not authorized", request_id: "REQUEST-ERR" }"#,
            1,
        ),
        (
            Answer {
                body: "<html>".to_owned(),
                ..Answer::error(302, "", "")
            }
            .header("location", "http://127.0.0.1:1/"),
            r#"Refused { code: "HTTP 302", message: "the answer is not the API's; is the endpoint right, or is a proxy in the way?", request_id: "none" }"#,
            1,
        ),
    ] {
        let (status, headers, body) = (answer.status, answer.headers, answer.body);
        let server = Server::start(move |_, _| Answer {
            status,
            headers: headers.clone(),
            body: body.clone(),
        })
        .await;
        let error = provider(&server)
            .execute(&region(), &authorize(), "t")
            .await
            .unwrap_err();
        assert_eq!(format!("{error:?}"), shown);
        assert_eq!(server.asked().len(), tries, "{shown}");
    }
}

#[tokio::test]
async fn an_endpoint_that_nobody_serves_is_known_not_to_have_acted() {
    let server = Server::start(|_, _| Answer::written()).await;
    let mut settings = settings(&server, CredentialSource::fixed(session()));
    let unused = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    settings.endpoint = Some(format!("http://{}", unused.local_addr().unwrap()));
    settings.signature = SignatureVersion::V1;
    drop(unused);
    let provider = Alibaba::new(settings).unwrap();
    let error = provider
        .execute(&region(), &authorize(), "t")
        .await
        .unwrap_err();
    assert!(
        matches!(error, ProviderError::Unavailable { not_sent: true, .. }),
        "{error:?}"
    );
    assert!(
        !format!("{error:?} {error}").contains("Signature"),
        "{error:?}"
    );
}

#[tokio::test]
async fn a_connection_that_breaks_after_the_request_leaves_the_outcome_open() {
    use tokio::io::AsyncReadExt as _;
    let server = Server::start(|_, _| Answer::written()).await;
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let mut settings = settings(&server, CredentialSource::fixed(key()));
    settings.endpoint = Some(format!("http://{}", listener.local_addr().unwrap()));
    let (sender, mut requests) = tokio::sync::mpsc::unbounded_channel();
    tokio::spawn(async move {
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut start = vec![0; 4096];
            let length = stream.read(&mut start).await.unwrap();
            let _ = sender.send(length);
        }
    });
    let provider = Alibaba::new(settings).unwrap();
    let error = provider
        .execute(&region(), &authorize(), "t")
        .await
        .unwrap_err();
    let open = matches!(
        error,
        ProviderError::Unavailable {
            not_sent: false,
            ..
        }
    );
    assert!(open, "{error:?}");
    for _ in 0..4 {
        assert!(requests.recv().await.unwrap() > 0);
    }
    assert!(requests.is_empty());
}

#[tokio::test]
async fn credentials_that_are_not_taken_are_explained_without_a_secret() {
    let echo = format!(
        "Specified signature is not matched with our calculation. server string to sign is:POST&%2F&SecurityToken%3D{TOKEN} {SECRET}"
    );
    for (answer, expected) in [
        (
            Answer::error(400, "SignatureDoesNotMatch", &echo),
            "the cloud does not take the signature (SignatureDoesNotMatch, request REQUEST-ERR): the secret of access key \
             testid is wrong, or it belongs to another key",
        ),
        (
            Answer::error(
                404,
                "InvalidAccessKeyId.NotFound",
                "Specified access key is not found.",
            ),
            "the cloud does not take access key testid (InvalidAccessKeyId.NotFound, request REQUEST-ERR): Specified access \
             key is not found.",
        ),
        (
            Answer::error(
                400,
                "InvalidSecurityToken.Expired",
                &format!("Token {TOKEN} is expired."),
            ),
            "the cloud does not take access key testid (InvalidSecurityToken.Expired, request REQUEST-ERR): Token *** is \
             expired.; get a new session token",
        ),
    ] {
        let (status, body) = (answer.status, answer.body);
        let server = Server::start(move |_, _| Answer {
            status,
            headers: Vec::new(),
            body: body.clone(),
        })
        .await;
        let provider = Alibaba::new(settings(&server, CredentialSource::fixed(session()))).unwrap();
        let error = provider
            .execute(&region(), &authorize(), "t")
            .await
            .unwrap_err();
        assert!(
            matches!(error, ProviderError::Credentials { .. }),
            "{error:?}"
        );
        assert_eq!(error.to_string(), expected);
        for text in [format!("{error:?}"), format!("{provider:?}")] {
            assert!(!text.contains(SECRET) && !text.contains(TOKEN), "{text}");
        }
        assert_eq!(server.asked().len(), 1);
    }
}

#[tokio::test]
async fn a_wrong_clock_is_told_by_how_much() {
    let server = Server::start(|_, _| {
        Answer::error(
            400,
            "InvalidTimeStamp.Expired",
            "Specified time stamp or date value is expired.",
        )
        .header("date", "Thu, 01 Jan 2026 00:00:00 GMT")
    })
    .await;
    let error = provider(&server)
        .execute(&region(), &authorize(), "t")
        .await
        .unwrap_err();
    let text = error.to_string();
    assert!(
        matches!(error, ProviderError::Credentials { .. }),
        "{error:?}"
    );
    assert!(text.contains("this machine's clock is "), "{text}");
    assert!(text.ends_with(" the cloud's: set it right"), "{text}");
}

#[tokio::test]
async fn a_rotated_key_is_read_again_and_the_call_repeated() {
    let file = tempfile::NamedTempFile::new().unwrap();
    let path = file.path().to_owned();
    let write = move |id: &str| {
        let profile =
            json!({"name": "p", "mode": "AK", "access_key_id": id, "access_key_secret": SECRET});
        std::fs::write(
            &path,
            json!({"current": "p", "profiles": [profile]}).to_string(),
        )
        .unwrap();
    };
    write("old");
    let server = Server::start(move |_, asked| {
        if asked.header("authorization").contains("Credential=old,") {
            write(ID);
            return Answer::error(
                404,
                "InvalidAccessKeyId.NotFound",
                "Specified access key is not found.",
            );
        }
        Answer::written()
    })
    .await;
    let variable = (
        "ALIBABA_CLOUD_CONFIG_FILE".to_owned(),
        file.path().display().to_string(),
    );
    let source =
        CredentialSource::for_account(Some("p"), None, Environment::new([variable], None)).unwrap();
    let provider = Alibaba::new(settings(&server, source)).unwrap();
    provider
        .execute(&region(), &authorize(), "t")
        .await
        .unwrap();
    let asked = server.asked();
    assert_eq!(asked.len(), 2);
    asked[1].assert_signed_with_v3();
}

#[tokio::test]
async fn missing_credentials_are_told_before_anything_is_sent() {
    let server = Server::start(|_, _| Answer::written()).await;
    let source = CredentialSource::for_account(None, None, Environment::default()).unwrap();
    let provider = Alibaba::new(settings(&server, source)).unwrap();
    let error = provider
        .execute(&region(), &authorize(), "t")
        .await
        .unwrap_err();
    assert!(
        error.to_string().starts_with("no credentials were found:"),
        "{error}"
    );
    assert!(server.asked().is_empty());
}

#[tokio::test]
async fn a_rule_that_is_gone_already_counts_as_revoked() {
    let server = Server::start(|_, asked| {
        let ids = asked.below("SecurityGroupRuleId.");
        if ids.values().any(|id| *id == "sgr-4") {
            return Answer::error(400, "InvalidParam.SecurityGroupRuleId", "not valid");
        }
        Answer::written()
    })
    .await;
    let provider = provider(&server);
    let observed = |n: u16| {
        seen(
            &format!("sgr-{n}"),
            rule(Direction::Ingress, "10.0.0.0/8", n),
        )
    };
    let alone = call(
        "sg-1",
        Direction::Ingress,
        RuleAction::Revoke(vec![observed(4)]),
    );
    let receipt = provider.execute(&region(), &alone, "t").await.unwrap();
    assert_eq!(receipt.request_id, "REQUEST-ERR");
    assert_eq!(server.asked().len(), 1);

    // Among others it makes the cloud refuse the call: the others are revoked without it.
    let batch = call(
        "sg-1",
        Direction::Ingress,
        RuleAction::Revoke((1..=8).map(observed).collect()),
    );
    provider
        .execute(&region(), &batch, &"t".repeat(64))
        .await
        .unwrap();
    let asked = server.asked().split_off(1);
    let sent: Vec<String> = asked
        .iter()
        .map(|asked| {
            asked
                .below("SecurityGroupRuleId.")
                .into_values()
                .collect::<Vec<_>>()
                .join(" ")
        })
        .collect();
    assert_eq!(
        sent,
        [
            "sgr-1 sgr-2 sgr-3 sgr-4 sgr-5 sgr-6 sgr-7 sgr-8",
            "sgr-1 sgr-2 sgr-3 sgr-4",
            "sgr-1 sgr-2",
            "sgr-3 sgr-4",
            "sgr-3",
            "sgr-4",
            "sgr-5 sgr-6 sgr-7 sgr-8",
        ]
    );
    let mut tokens: Vec<&str> = asked
        .iter()
        .map(|asked| asked.param("ClientToken"))
        .collect();
    assert!(tokens.iter().all(|token| token.len() <= 64));
    tokens.sort();
    tokens.dedup();
    assert_eq!(tokens.len(), asked.len());

    // An authorize call has no such way out.
    let server = Server::start(|_, _| Answer::error(404, "SecurityGroupRule.NotFound", "no")).await;
    let provider = Alibaba::new(settings(&server, CredentialSource::fixed(key()))).unwrap();
    let error = provider
        .execute(&region(), &authorize(), "t")
        .await
        .unwrap_err();
    assert!(matches!(error, ProviderError::Refused { .. }), "{error:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn at_most_so_many_requests_are_under_way() {
    use std::sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    };
    let (now, most) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let (inside, peak) = (Arc::clone(&now), Arc::clone(&most));
    let server = Server::start(move |_, asked| {
        peak.fetch_max(inside.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
        std::thread::sleep(Duration::from_millis(2));
        inside.fetch_sub(1, Ordering::SeqCst);
        groups(
            &[security_group("sg-1", asked.param("SecurityGroupName"))],
            "",
        )
    })
    .await;
    let mut settings = settings(&server, CredentialSource::fixed(key()));
    settings.parallelism = 1;
    let selectors: Vec<Selector> = (0..8).map(|n| named(&format!("g{n}"))).collect();
    Alibaba::new(settings)
        .unwrap()
        .find(&region(), &selectors)
        .await
        .unwrap();
    assert_eq!(most.load(Ordering::SeqCst), 1);
    assert_eq!(server.asked().len(), 8);
}

/// Runs a test of this file again with proxies in its environment, where nobody listens.
#[test]
fn proxies_are_not_asked_for_this_machine() {
    let output = std::process::Command::new(std::env::current_exe().unwrap())
        .args([
            "--exact",
            "v3_requests_are_signed_and_carry_their_parameters_in_the_query",
        ])
        .envs(
            ["http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"]
                .map(|name| (name, "http://127.0.0.1:1")),
        )
        .env_remove("no_proxy")
        .env_remove("NO_PROXY")
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(
        output.status.success() && text.contains("1 passed"),
        "{text}"
    );
}
