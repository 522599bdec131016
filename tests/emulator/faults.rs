//! What goes wrong on purpose, as clients see it.

use std::time::{Duration, Instant};

use rulekeep::emulator::{
    Config, Effect, Emulator, EmulatorHandle, Fault, Faults, Intrusion, Seed, Switches,
};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};

use crate::cloud::{Cloud, SEED, v3};

const ADD: &str = "SecurityGroupId=sg-peer&IpProtocol=TCP&PortRange=9/9&SourceCidrIp=10.0.0.0/8";

fn spoilt(fault: Fault) -> Cloud {
    Cloud::from_config(&Config {
        seed: Some(Seed::Text(SEED.into())),
        faults: Faults::new(1).with(fault),
        ..Config::default()
    })
}

#[test]
fn an_error_before_the_effect_leaves_everything_and_one_after_does_not() {
    let cloud = spoilt(Fault::new(Effect::error(503, "ServiceUnavailable")).on("Authorize*"));
    assert_eq!(
        cloud.refusal("AuthorizeSecurityGroup", ADD),
        "503 ServiceUnavailable"
    );
    assert!(cloud.rules("sg-peer").is_empty());
    cloud.engine.set_faults(
        Faults::new(1).with(Fault::new(Effect::error_after(500, "InternalError")).on("Authorize*")),
    );
    assert_eq!(
        cloud.refusal("AuthorizeSecurityGroup", ADD),
        "500 InternalError"
    );
    assert_eq!(cloud.rules("sg-peer").len(), 1);
    let calls = cloud.engine.calls();
    let adds: Vec<_> = calls
        .iter()
        .filter(|call| call.action == "AuthorizeSecurityGroup")
        .map(|call| (call.effect.added, call.faults.clone()))
        .collect();
    assert_eq!(adds, [(0, vec!["error"]), (1, vec!["error"])]);
}

#[test]
fn a_retry_with_the_same_token_after_a_lost_answer_gets_the_first_answer() {
    let cloud = spoilt(Fault::new(Effect::error_after(500, "InternalError")).times(1));
    let call = "SecurityGroupName=new&VpcId=vpc-1&ClientToken=t-1";
    assert_eq!(
        cloud.refusal("CreateSecurityGroup", call),
        "500 InternalError"
    );
    let pairs: Vec<(String, String)> = call
        .split('&')
        .chain(["RegionId=cn-hangzhou"])
        .map(|pair| pair.split_once('=').unwrap())
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect();
    let replay = cloud.send(&v3("CreateSecurityGroup", &pairs, cloud.now));
    let replay: serde_json::Value = serde_json::from_slice(&replay.body).unwrap();
    let id = replay["SecurityGroupId"].clone();
    let found = cloud.ok("DescribeSecurityGroups", "SecurityGroupName=new");
    let groups = found["SecurityGroups"]["SecurityGroup"].as_array().unwrap();
    assert_eq!(groups.len(), 1);
    assert_eq!(groups[0]["SecurityGroupId"], id);
}

#[test]
fn of_a_partial_batch_the_first_rules_are_there() {
    let cloud = spoilt(Fault::new(Effect::Partial { items: Some(2) }).times(1));
    let batch: String = (1..=5)
        .map(|n| format!("&Permissions.{n}.IpProtocol=TCP&Permissions.{n}.PortRange={n}/{n}&Permissions.{n}.SourceCidrIp=10.0.0.0/8"))
        .collect();
    let call = format!("SecurityGroupId=sg-peer&ClientToken=t{batch}");
    assert_eq!(
        cloud.refusal("AuthorizeSecurityGroup", &call),
        "500 InternalError"
    );
    let ports = |cloud: &Cloud| -> Vec<String> {
        let rules = cloud.rules("sg-peer");
        rules
            .iter()
            .map(|rule| rule["PortRange"].as_str().unwrap().to_owned())
            .collect()
    };
    assert_eq!(ports(&cloud), ["1/1", "2/2"]);
    cloud.ok("AuthorizeSecurityGroup", &call);
    assert_eq!(ports(&cloud), ["1/1", "2/2", "3/3", "4/4", "5/5"]);
}

#[test]
fn a_stale_read_sees_what_was_until_the_time_is_over() {
    let mut cloud = spoilt(Fault::new(Effect::stale(3000)).on("Describe*"));
    cloud.ok("AuthorizeSecurityGroup", ADD);
    assert!(cloud.rules("sg-peer").is_empty());
    cloud.now += Duration::from_millis(3001);
    assert_eq!(cloud.rules("sg-peer").len(), 1);
}

#[test]
fn somebody_else_writes_between_a_read_and_a_write() {
    let cloud = spoilt(
        Fault::new(Effect::intrude(Intrusion::Add))
            .on("Authorize*")
            .times(1),
    );
    assert!(cloud.rules("sg-peer").is_empty());
    cloud.ok("AuthorizeSecurityGroup", ADD);
    let rules = cloud.rules("sg-peer");
    let descriptions: Vec<_> = rules
        .iter()
        .map(|rule| rule["Description"].clone())
        .collect();
    assert_eq!(descriptions, ["added by somebody else", ""]);
    assert_eq!(
        cloud
            .engine
            .calls()
            .iter()
            .filter(|call| call.intrusion)
            .count(),
        1
    );

    cloud.engine.set_faults(
        Faults::new(1).with(Fault::new(Effect::intrude(Intrusion::Remove)).on("Modify*")),
    );
    let first = rules[0]["SecurityGroupRuleId"].as_str().unwrap();
    assert_eq!(
        cloud.refusal(
            "ModifySecurityGroupRule",
            &format!("SecurityGroupId=sg-peer&SecurityGroupRuleId={first}&Description=x")
        ),
        "404 InvalidSecurityGroupRuleId.NotFound"
    );
}

#[test]
fn a_client_that_slows_down_gets_through() {
    let mut cloud = spoilt(Fault::new(Effect::limit(2, 1000)).on("AuthorizeSecurityGroup"));
    let mut refused = 0;
    for n in 1..=6 {
        let call = format!(
            "SecurityGroupId=sg-peer&IpProtocol=TCP&PortRange={n}/{n}&SourceCidrIp=10.0.0.0/8"
        );
        refused += usize::from(cloud.call("AuthorizeSecurityGroup", &call).is_err());
        cloud.now += Duration::from_millis(100);
    }
    assert_eq!(refused, 4);
    cloud.now += Duration::from_secs(1);
    for n in 11..=16 {
        cloud.ok(
            "AuthorizeSecurityGroup",
            &format!(
                "SecurityGroupId=sg-peer&IpProtocol=TCP&PortRange={n}/{n}&SourceCidrIp=10.0.0.0/8"
            ),
        );
        cloud.now += Duration::from_millis(501);
    }
}

#[test]
fn a_skewed_clock_refuses_what_is_fresh_by_the_right_one() {
    let cloud = Cloud::from_config(&Config {
        faults: Faults {
            clock_skew_seconds: 1000,
            ..Faults::default()
        },
        ..Config::default()
    });
    assert_eq!(
        cloud.refusal("DescribeRegions", ""),
        "400 InvalidTimeStamp.Expired"
    );
    cloud.engine.set_faults(Faults {
        clock_skew_seconds: -800,
        ..Faults::default()
    });
    cloud.ok("DescribeRegions", "");
}

#[test]
fn reset_goes_back_to_the_seed() {
    let cloud = Cloud::new();
    let before = cloud.everything();
    cloud.ok("AuthorizeSecurityGroup", ADD);
    cloud.engine.reset().unwrap();
    assert!(cloud.engine.calls().is_empty());
    assert_eq!(cloud.everything(), before);
}

async fn started(fault: Fault) -> EmulatorHandle {
    Emulator::start(Config {
        seed: Some(Seed::Text(SEED.into())),
        faults: Faults::new(1).with(fault),
        switches: Switches::default(),
        ..Config::default()
    })
    .await
    .unwrap()
}

/// What the client gets to read: bytes, then an end or an error.
async fn exchange(
    emulator: &EmulatorHandle,
    action: &str,
    pairs: &[(&str, &str)],
) -> (String, bool) {
    let pairs: Vec<(String, String)> = pairs
        .iter()
        .map(|(n, v)| ((*n).to_owned(), (*v).to_owned()))
        .collect();
    let request = v3(action, &pairs, jiff::Timestamp::now());
    let mut text = format!("POST /?{} HTTP/1.1\r\n", request.query);
    for (name, value) in &request.headers {
        text.push_str(&format!("{name}: {value}\r\n"));
    }
    text.push_str("connection: close\r\ncontent-length: 0\r\n\r\n");
    let mut stream = TcpStream::connect(emulator.local_addr()).await.unwrap();
    stream.write_all(text.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    let whole = stream.read_to_end(&mut answer).await.is_ok();
    (String::from_utf8_lossy(&answer).into_owned(), whole)
}

const ADD_PAIRS: [(&str, &str); 5] = [
    ("RegionId", "cn-hangzhou"),
    ("SecurityGroupId", "sg-peer"),
    ("IpProtocol", "TCP"),
    ("PortRange", "9/9"),
    ("SourceCidrIp", "10.0.0.0/8"),
];

#[tokio::test]
async fn a_reset_connection_brings_nothing_whatever_was_done() {
    for (effect, added) in [(Effect::reset_before(), 0), (Effect::reset_after(), 1)] {
        let emulator = started(Fault::new(effect)).await;
        let (answer, whole) = exchange(&emulator, "AuthorizeSecurityGroup", &ADD_PAIRS).await;
        assert_eq!((&*answer, whole), ("", false));
        assert_eq!(emulator.calls()[0].effect.added, added);
    }
}

#[tokio::test]
async fn truncated_garbage_and_late_answers_are_what_they_say() {
    let emulator = started(Fault::new(Effect::truncate())).await;
    let (answer, _) = exchange(&emulator, "DescribeRegions", &[]).await;
    let (head, body) = answer
        .split_once("\r\n\r\n")
        .unwrap_or_else(|| panic!("{answer:?}"));
    let length: usize = head
        .lines()
        .find_map(|line| line.strip_prefix("content-length: "))
        .unwrap()
        .parse()
        .unwrap();
    assert!(body.len() < length, "{} of {length}", body.len());

    emulator.set_faults(Faults::new(1).with(Fault::new(Effect::garbage())));
    let (answer, _) = exchange(&emulator, "DescribeRegions", &[]).await;
    assert!(
        answer.contains("text/html") && answer.contains("Bad Gateway"),
        "{answer}"
    );

    emulator.set_faults(Faults::new(1).with(Fault::new(Effect::throttle_for(1500))));
    let (answer, _) = exchange(&emulator, "DescribeRegions", &[]).await;
    assert!(
        answer.contains("x-acs-retry-after: 1500\r\n") && answer.contains("\"Throttling\""),
        "{answer}"
    );

    emulator.set_faults(Faults::new(1).with(Fault::new(Effect::latency(300, 300))));
    let begun = Instant::now();
    exchange(&emulator, "DescribeRegions", &[]).await;
    assert!(begun.elapsed() >= Duration::from_millis(300));
}
