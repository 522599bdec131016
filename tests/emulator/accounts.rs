//! Several accounts, tags, interfaces, and what steers the emulator.

use rulekeep::emulator::{Config, Credential, Emulator, Seed, Tls};
use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};

use crate::cloud::{Cloud, SEED, v3_as};

/// A call in cn-hangzhou with the key of another account.
fn call_as(cloud: &Cloud, key: &str, action: &str, params: &str) -> Result<Value, String> {
    let mut pairs: Vec<(String, String)> = params
        .split('&')
        .filter(|part| !part.is_empty())
        .map(|part| part.split_once('=').unwrap())
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect();
    pairs.push(("RegionId".into(), "cn-hangzhou".into()));
    let answer = cloud.send(&v3_as(key, action, &pairs, cloud.now));
    crate::cloud::read(&answer).map_err(|(status, code, _)| format!("{status} {code}"))
}

#[test]
fn keys_of_different_accounts_see_different_groups() {
    let cloud = Cloud::from_config(&Config {
        credentials: vec![
            Credential::new("testid", "testsecret"),
            Credential::new("other", "testsecret").of_account("2000000000000002"),
        ],
        seed: Some(Seed::Text(SEED.into())),
        ..Config::default()
    });
    let found = call_as(&cloud, "other", "DescribeSecurityGroups", "").unwrap();
    assert_eq!(found["TotalCount"], 0);
    let group = "VpcId=vpc-1&SecurityGroupName=theirs";
    let made = call_as(&cloud, "other", "CreateSecurityGroup", group).unwrap();
    let id = made["SecurityGroupId"].as_str().unwrap();
    assert_eq!(
        cloud.refusal(
            "DescribeSecurityGroupAttribute",
            &format!("SecurityGroupId={id}")
        ),
        "404 InvalidSecurityGroupId.NotFound"
    );

    // A group of another account is named with its owner, exists there, and is kept from being deleted.
    let rule = |peer: &str| {
        format!(
            "SecurityGroupId=sg-web&IpProtocol=TCP&PortRange=9/9&SourceGroupId={peer}&SourceGroupOwnerId=2000000000000002"
        )
    };
    assert_eq!(
        cloud.refusal("AuthorizeSecurityGroup", &rule("sg-none")),
        "404 InvalidSourceGroupId.NotFound"
    );
    cloud.ok("AuthorizeSecurityGroup", &rule(id));
    let delete = format!("SecurityGroupId={id}");
    assert_eq!(
        call_as(&cloud, "other", "DeleteSecurityGroup", &delete).unwrap_err(),
        "403 DependencyViolation"
    );
    let references = call_as(
        &cloud,
        "other",
        "DescribeSecurityGroupReferences",
        &format!("SecurityGroupId.1={id}"),
    )
    .unwrap();
    assert_eq!(
        references["SecurityGroupReferences"]["SecurityGroupReference"][0]["ReferencingSecurityGroups"]
            ["ReferencingSecurityGroup"],
        json!([{"SecurityGroupId": "sg-web", "AliUid": "1000000000000001"}])
    );
    let calls = cloud.engine.calls();
    assert_eq!(calls[0].account, "2000000000000002");
}

#[test]
fn tags_are_put_found_and_taken_away() {
    let cloud = Cloud::new();
    let resources = "ResourceType=securitygroup&ResourceId.1=sg-web&ResourceId.2=sg-peer";
    cloud.ok(
        "TagResources",
        &format!("{resources}&Tag.1.Key=team&Tag.1.Value=net&Tag.2.Key=env&Tag.2.Value=test"),
    );
    let listed = |params: &str| -> Vec<String> {
        let answer = cloud.ok(
            "ListTagResources",
            &format!("ResourceType=securitygroup&{params}"),
        );
        let tags = answer["TagResources"]["TagResource"].as_array().unwrap();
        let text = |tag: &Value, name: &str| tag[name].as_str().unwrap().to_owned();
        tags.iter()
            .map(|tag| {
                format!(
                    "{} {}={}",
                    text(tag, "ResourceId"),
                    text(tag, "TagKey"),
                    text(tag, "TagValue")
                )
            })
            .collect()
    };
    assert_eq!(
        listed("ResourceId.1=sg-web"),
        ["sg-web env=test", "sg-web team=net"]
    );
    assert_eq!(listed("Tag.1.Key=env&Tag.1.Value=test").len(), 4);
    assert_eq!(
        listed("TagFilter.1.TagKey=env&TagFilter.1.TagValues.1=prod").len(),
        0
    );
    let found = cloud.ok("DescribeSecurityGroups", "Tag.1.Key=team&Tag.1.Value=net");
    assert_eq!(found["TotalCount"], 2);
    cloud.ok(
        "UntagResources",
        "ResourceType=securitygroup&ResourceId.1=sg-web&TagKey.1=env",
    );
    assert_eq!(listed("ResourceId.1=sg-web"), ["sg-web team=net"]);
    cloud.ok(
        "UntagResources",
        "ResourceType=securitygroup&ResourceId.1=sg-web&All=true",
    );
    assert_eq!(listed("ResourceId.1=sg-web").len(), 0);
}

#[test]
fn tag_actions_refuse_what_the_cloud_refuses() {
    let cloud = Cloud::new();
    let many = |name: &str, count: usize| -> String {
        (1..=count)
            .map(|n| name.replace('N', &n.to_string()))
            .collect()
    };
    const WEB: &str = "ResourceType=securitygroup&ResourceId.1=sg-web";
    for (action, params, refusal) in [
        (
            "TagResources",
            "ResourceId.1=sg-web&Tag.1.Key=a".to_owned(),
            "404 MissingParameter.ResourceType",
        ),
        (
            "TagResources",
            "ResourceType=securitygroup&Tag.1.Key=a".to_owned(),
            "404 MissingParameter.ResourceIds",
        ),
        ("TagResources", WEB.to_owned(), "404 MissingParameter.Tags"),
        (
            "TagResources",
            "ResourceType=moon&ResourceId.1=sg-web&Tag.1.Key=a".to_owned(),
            "404 InvalidResourceType.NotFound",
        ),
        (
            "TagResources",
            "ResourceType=disk&ResourceId.1=sg-web&Tag.1.Key=a".to_owned(),
            "404 InvalidResourceId.NotFound",
        ),
        (
            "TagResources",
            "ResourceType=securitygroup&ResourceId.1=sg-none&Tag.1.Key=a".to_owned(),
            "404 InvalidResourceId.NotFound",
        ),
        (
            "TagResources",
            format!("{WEB}&Tag.1.Key=aliyun-x"),
            "400 InvalidTagKey.Malformed",
        ),
        (
            "TagResources",
            format!("{WEB}&Tag.1.Key=a&Tag.1.Value=http://x"),
            "400 InvalidTagValue.Malformed",
        ),
        (
            "TagResources",
            format!("{WEB}&Tag.1.Key=a&Tag.2.Key=a"),
            "400 Duplicate.TagKey",
        ),
        (
            "TagResources",
            format!("{WEB}&Tag.1.Key=ENV"),
            "403 TagKey.Duplication",
        ),
        (
            "TagResources",
            format!("{WEB}{}", many("&Tag.N.Key=kN", 21)),
            "400 NumberExceed.Tags",
        ),
        (
            "TagResources",
            format!("{WEB}{}", many("&Tag.N.Key=kN", 20)),
            "400 OperationDenied.QuotaExceed",
        ),
        (
            "TagResources",
            format!(
                "ResourceType=securitygroup&Tag.1.Key=a{}",
                many("&ResourceId.N=sg-N", 51)
            ),
            "400 NumberExceed.ResourceIds",
        ),
        (
            "UntagResources",
            format!("{WEB}&All=true&TagKey.1=a"),
            "403 Param.Conflict",
        ),
        (
            "ListTagResources",
            "ResourceType=securitygroup".to_owned(),
            "403 BothEmpty.TagsAndResources",
        ),
        (
            "ListTagResources",
            format!("{WEB}&NextToken=x"),
            "403 Invalid.NextToken",
        ),
    ] {
        let before = cloud.everything();
        assert_eq!(cloud.refusal(action, &params), refusal, "{action} {params}");
        assert_eq!(cloud.everything(), before);
    }
}

#[test]
fn an_interface_bounds_the_rules_of_all_its_groups() {
    let cloud = Cloud::switched(|switches| switches.rules_per_interface = 12);
    // sg-web counts 4 for its plain rules and 5 × 3 for its lists, which is too much already.
    assert_eq!(
        cloud.refusal("JoinSecurityGroup", "SecurityGroupId=sg-web&InstanceId=i-1"),
        "403 AclLimitExceed"
    );
    cloud.ok(
        "JoinSecurityGroup",
        "SecurityGroupId=sg-peer&InstanceId=i-1",
    );
    cloud.ok(
        "JoinSecurityGroup",
        "SecurityGroupId=sg-kept&InstanceId=i-1",
    );
    let add = |group: &str, count: usize, first: usize| {
        let rules: String = (1..=count)
            .map(|n| format!("&Permissions.{n}.IpProtocol=TCP&Permissions.{n}.PortRange={0}/{0}&Permissions.{n}.SourceCidrIp=10.0.0.0/8", first + n))
            .collect();
        cloud.call(
            "AuthorizeSecurityGroup",
            &format!("SecurityGroupId={group}{rules}"),
        )
    };
    add("sg-peer", 6, 0).unwrap();
    add("sg-kept", 6, 0).unwrap();
    assert_eq!(
        add("sg-kept", 1, 50).unwrap_err().1,
        "AuthorizationLimitExceed"
    );
    for (action, params, refusal) in [
        (
            "JoinSecurityGroup",
            "SecurityGroupId=sg-peer&InstanceId=i-1",
            "403 InvalidInstanceId.AlreadyExists",
        ),
        (
            "JoinSecurityGroup",
            "SecurityGroupId=sg-adv&InstanceId=i-1",
            "400 InvalidOperation.MultiGroupType",
        ),
        (
            "JoinSecurityGroup",
            "SecurityGroupId=sg-other&InstanceId=i-1",
            "400 InvalidInstanceId.Mismatch",
        ),
        (
            "JoinSecurityGroup",
            "SecurityGroupId=sg-managed&InstanceId=i-1",
            "403 InvalidOperation.ResourceManagedByCloudProduct",
        ),
        (
            "LeaveSecurityGroup",
            "SecurityGroupId=sg-other&InstanceId=i-1",
            "403 InstanceNotInSecurityGroup",
        ),
        (
            "DeleteSecurityGroup",
            "SecurityGroupId=sg-peer",
            "403 DependencyViolation",
        ),
    ] {
        assert_eq!(cloud.refusal(action, params), refusal, "{action} {params}");
    }
    cloud.ok(
        "LeaveSecurityGroup",
        "SecurityGroupId=sg-peer&InstanceId=i-1",
    );
    add("sg-kept", 1, 50).unwrap();
    assert_eq!(
        cloud.refusal(
            "LeaveSecurityGroup",
            "SecurityGroupId=sg-kept&InstanceId=i-1"
        ),
        "403 InstanceLastSecurityGroup"
    );
}

#[test]
fn members_that_do_not_apply_may_be_missing() {
    let cloud = Cloud::switched(|switches| switches.missing_members = true);
    let rule = cloud.ok("DescribeSecurityGroupAttribute", "SecurityGroupId=sg-web")["Permissions"]
        ["Permission"][0]
        .clone();
    assert!(rule.get("SourceGroupId").is_none(), "{rule}");
    assert_eq!(rule["SourceCidrIp"], "0.0.0.0/0");
}

/// One request over one connection; the answer's head and body.
async fn http(address: std::net::SocketAddr, head: &str, body: &str) -> (String, String) {
    let mut stream = TcpStream::connect(address).await.unwrap();
    let text = format!(
        "{head}\r\nhost: x\r\nconnection: close\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    );
    stream.write_all(text.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    (head.to_owned(), body.to_owned())
}

#[tokio::test]
async fn an_emulator_is_steered_over_http_where_that_was_asked_for() {
    let emulator = Emulator::start(Config {
        seed: Some(Seed::Text(SEED.into())),
        admin: true,
        ..Config::default()
    })
    .await
    .unwrap();
    let address = emulator.local_addr();
    let faults = r#"{"seed": 3, "faults": [{"action": "Describe*", "effect": {"error": {"status": 503, "code": "ServiceUnavailable"}}}]}"#;
    assert_eq!(
        http(address, "PUT /-/faults HTTP/1.1", faults).await.1,
        "{}"
    );
    let (_, shown) = http(address, "GET /-/faults HTTP/1.1", "").await;
    assert!(shown.contains("ServiceUnavailable"), "{shown}");
    let request = crate::cloud::v3("DescribeRegions", &[], jiff::Timestamp::now());
    let mut head = "POST / HTTP/1.1".to_owned();
    for (name, value) in request.headers.iter().filter(|(name, _)| name != "host") {
        head.push_str(&format!("\r\n{name}: {value}"));
    }
    // The host is part of what was signed.
    let (status, _) = http(address, &head, "").await;
    assert!(status.contains("400 Bad Request"), "{status}");
    let (_, calls) = http(address, "GET /-/calls HTTP/1.1", "").await;
    let calls: Value = serde_json::from_str(&calls).unwrap();
    assert_eq!(calls["calls"][0]["code"], "SignatureDoesNotMatch");
    assert_eq!(calls["calls"][0]["effect"]["added"], 0);
    assert_eq!(
        http(
            address,
            "PUT /-/switches HTTP/1.1",
            r#"{"rules_per_group": 3}"#
        )
        .await
        .1,
        "{}"
    );
    assert_eq!(emulator.engine().switches().rules_per_group, 3);
    let (head, body) = http(address, "PUT /-/switches HTTP/1.1", r#"{"rules": 3}"#).await;
    assert!(
        head.contains(" 400 ") && body.contains("unknown field"),
        "{head} {body}"
    );
    let (head, _) = http(
        address,
        "POST /-/reset HTTP/1.1\r\norigin: http://evil.example",
        "",
    )
    .await;
    assert!(head.contains(" 403 "), "{head}");
    http(address, "POST /-/reset HTTP/1.1", "").await;
    assert!(emulator.calls().is_empty());
    let (_, state) = http(address, "GET /-/state HTTP/1.1", "").await;
    assert!(state.contains("sg-web"), "{state}");

    let closed = Emulator::start(Config::default()).await.unwrap();
    let (head, _) = http(closed.local_addr(), "GET /-/state HTTP/1.1", "").await;
    assert!(head.contains(" 404 "), "{head}");
}

#[tokio::test]
async fn https_is_served_with_a_certificate_that_can_be_trusted() {
    let emulator = Emulator::start(Config {
        tls: Some(Tls::SelfMade),
        ..Config::default()
    })
    .await
    .unwrap();
    let pem = emulator.certificate().unwrap().as_bytes();
    assert!(emulator.endpoint().starts_with("https://127.0.0.1:"));
    // The provider is process-wide; another test may have been first.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let client = reqwest::Client::builder()
        .tls_certs_only([reqwest::Certificate::from_pem(pem).unwrap()])
        .no_proxy()
        .build()
        .unwrap();
    let answer = client.get(emulator.endpoint()).send().await.unwrap();
    assert_eq!(answer.status(), 400);
    assert!(answer.text().await.unwrap().contains("MissingParameter"));
    let stranger = reqwest::Client::builder()
        .tls_certs_only([])
        .no_proxy()
        .build()
        .unwrap();
    assert!(stranger.get(emulator.endpoint()).send().await.is_err());
}
