//! The emulator on a socket.

use rulekeep::emulator::{Config, Emulator, EmulatorHandle, RawRequest, Seed};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};

use crate::cloud::{SEED, v3, v3_form};

async fn started() -> EmulatorHandle {
    Emulator::start(Config {
        seed: Some(Seed::Text(SEED.into())),
        ..Config::default()
    })
    .await
    .unwrap()
}

/// Sends a request over a connection of its own and reads the answer to its end.
async fn exchange(emulator: &EmulatorHandle, request: &RawRequest) -> String {
    let mut text = format!("{} /?{} HTTP/1.1\r\n", request.method, request.query);
    for (name, value) in &request.headers {
        text.push_str(&format!("{name}: {value}\r\n"));
    }
    text.push_str(&format!(
        "connection: close\r\ncontent-length: {}\r\n\r\n",
        request.body.len()
    ));
    let mut stream = TcpStream::connect(emulator.local_addr()).await.unwrap();
    stream.write_all(text.as_bytes()).await.unwrap();
    stream.write_all(&request.body).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    answer
}

#[tokio::test]
async fn it_answers_over_http_and_ends_when_asked() {
    let emulator = started().await;
    let answer = exchange(
        &emulator,
        &v3("DescribeRegions", &[], jiff::Timestamp::now()),
    )
    .await;
    assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
    assert!(
        answer.contains("content-type: application/json;charset=utf-8\r\n"),
        "{answer}"
    );
    assert!(answer.contains("x-acs-request-id: "), "{answer}");
    assert_eq!(emulator.calls().len(), 1);
    // The port may be somebody else's at once, so a connection from before says whether it has ended.
    let mut open = TcpStream::connect(emulator.local_addr()).await.unwrap();
    emulator.shut_down().await.unwrap();
    assert!(!matches!(open.read(&mut [0]).await, Ok(count) if count > 0));
}

#[tokio::test]
async fn a_hundred_long_rules_fit_into_a_request_line() {
    let emulator = started().await;
    let mut pairs = vec![
        ("RegionId".to_owned(), "cn-hangzhou".to_owned()),
        ("SecurityGroupId".to_owned(), "sg-peer".to_owned()),
    ];
    for n in 1..=100 {
        for (name, value) in [
            ("IpProtocol", "TCP".to_owned()),
            ("PortRange", format!("{n}/{n}")),
            ("SourceCidrIp", "0.0.0.0/0".to_owned()),
            ("Description", "x".repeat(500)),
        ] {
            pairs.push((format!("Permissions.{n}.{name}"), value));
        }
    }
    let request = v3("AuthorizeSecurityGroup", &pairs, jiff::Timestamp::now());
    assert!(
        (60_000..65_000).contains(&request.query.len()),
        "{}",
        request.query.len()
    );
    let answer = exchange(&emulator, &request).await;
    assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
    assert_eq!(emulator.calls()[0].items, 100);
}

#[tokio::test]
async fn an_address_that_is_taken_is_an_error() {
    let first = started().await;
    let config = Config {
        listen: first.local_addr(),
        ..Config::default()
    };
    let error = Emulator::start(config).await.unwrap_err().to_string();
    assert!(error.starts_with("cannot listen on 127.0.0.1:"), "{error}");
}

#[tokio::test]
async fn a_state_is_saved_before_the_answer_and_free_after_the_end() {
    let folder = tempfile::tempdir().unwrap();
    let config = || Config {
        state: Some(folder.path().join("state.json")),
        seed: Some(Seed::Text(SEED.into())),
        ..Config::default()
    };
    let emulator = Emulator::start(config()).await.unwrap();
    let pairs: Vec<(String, String)> = [
        ("RegionId", "cn-hangzhou"),
        ("SecurityGroupId", "sg-web"),
        ("SecurityGroupRuleId.1", "sgr-old"),
    ]
    .iter()
    .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
    .collect();
    let request = v3("RevokeSecurityGroup", &pairs, jiff::Timestamp::now());
    let answer = exchange(&emulator, &request).await;
    assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
    let file = |name: &str| std::fs::read_to_string(folder.path().join(name));
    assert!(file("state.json.journal").unwrap().contains("sgr-old"));
    emulator.shut_down().await.unwrap();
    let saved = file("state.json").unwrap();
    assert!(
        !saved.contains("sgr-old") && saved.contains("sgr-https"),
        "{saved}"
    );
    assert!(file("state.json.journal").is_err());
    Emulator::start(config()).await.unwrap();
}

#[tokio::test]
async fn a_silent_client_does_not_keep_it_from_ending() {
    let emulator = started().await;
    let mut stream = TcpStream::connect(emulator.local_addr()).await.unwrap();
    stream
        .write_all(b"POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 9\r\n\r\n")
        .await
        .unwrap();
    tokio::time::timeout(std::time::Duration::from_secs(20), emulator.shut_down())
        .await
        .expect("it ends")
        .unwrap();
}

#[tokio::test]
async fn a_request_line_that_is_too_long_is_answered_as_such() {
    let emulator = started().await;
    let mut stream = TcpStream::connect(emulator.local_addr()).await.unwrap();
    let text = format!(
        "GET /?Description={} HTTP/1.1\r\nhost: x\r\n\r\n",
        "x".repeat(70_000)
    );
    stream.write_all(text.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    assert!(
        answer.starts_with("HTTP/1.1 414 URI Too Long\r\n"),
        "{answer}"
    );
    // The same parameters fit into a body.
    let pairs: Vec<(String, String)> = vec![
        ("RegionId".into(), "cn-hangzhou".into()),
        ("SecurityGroupId".into(), "sg-peer".into()),
        ("Padding".into(), "x".repeat(70_000)),
    ];
    let request = v3_form(
        "DescribeSecurityGroupAttribute",
        &pairs,
        jiff::Timestamp::now(),
    );
    let answer = exchange(&emulator, &request).await;
    assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
}
