//! A process that is killed in the middle of things.

use std::{
    io::{BufRead as _, BufReader, Read as _, Write as _},
    net::TcpStream,
    path::Path,
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use rulekeep::emulator::{Config, Seed};

use crate::cloud::{Cloud, v3};

const SEED: &str = r#"{"version": 1, "security_groups": [{"id": "sg-a", "vpc": "vpc-1"}]}"#;

fn start(state: &Path, seed: &Path) -> (Child, String) {
    let mut process = Command::new(env!("CARGO_BIN_EXE_rulekeep"))
        .args(["emulate", "--listen", "127.0.0.1:0", "--state"])
        .arg(state)
        .arg("--seed")
        .arg(seed)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut line = String::new();
    BufReader::new(process.stdout.take().unwrap())
        .read_line(&mut line)
        .unwrap();
    let address = line.trim().trim_start_matches("http://").to_owned();
    (process, address)
}

/// Sends one write; whether it was answered.
fn write(address: &str, port: usize) -> std::io::Result<()> {
    let pairs: Vec<(String, String)> = [
        ("RegionId", "cn-hangzhou".to_owned()),
        ("SecurityGroupId", "sg-a".to_owned()),
        ("IpProtocol", "TCP".to_owned()),
        ("PortRange", format!("{port}/{port}")),
        ("SourceCidrIp", "10.0.0.0/8".to_owned()),
    ]
    .map(|(name, value)| (name.to_owned(), value))
    .into();
    let request = v3("AuthorizeSecurityGroup", &pairs, jiff::Timestamp::now());
    let mut text = format!("POST /?{} HTTP/1.1\r\n", request.query);
    for (name, value) in &request.headers {
        text.push_str(&format!("{name}: {value}\r\n"));
    }
    text.push_str("connection: close\r\ncontent-length: 0\r\n\r\n");
    let mut stream = TcpStream::connect(address)?;
    stream.set_read_timeout(Some(Duration::from_secs(20)))?;
    stream.write_all(text.as_bytes())?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    if answer.starts_with("HTTP/1.1 200 OK") {
        Ok(())
    } else {
        Err(std::io::ErrorKind::ConnectionReset.into())
    }
}

#[test]
fn a_process_killed_at_any_moment_loses_nothing_that_was_answered() {
    let folder = tempfile::tempdir().unwrap();
    let (state, seed) = (
        folder.path().join("state.json"),
        folder.path().join("seed.json"),
    );
    std::fs::write(&seed, SEED).unwrap();
    let (mut answered, mut sent) = (0, 0);
    for round in 0..12_u64 {
        let (mut process, address) = start(&state, &seed);
        // Different every round: before, in the middle of, and after writes.
        let until = Instant::now() + Duration::from_micros(900 + round * round * 1_300);
        let killer = std::thread::spawn(move || {
            std::thread::sleep(until.saturating_duration_since(Instant::now()));
            process.kill().unwrap();
            process.wait().unwrap();
        });
        loop {
            sent += 1;
            if write(&address, sent).is_err() {
                break;
            }
            answered = sent;
        }
        killer.join().unwrap();
        let cloud = Cloud::from_config(&Config {
            state: Some(state.clone()),
            seed: Some(Seed::Text(SEED.into())),
            ..Config::default()
        });
        let rules = cloud.rules("sg-a");
        let there = |port: usize| {
            let ports = format!("{port}/{port}");
            rules.iter().any(|rule| rule["PortRange"] == *ports)
        };
        assert!(there(answered) || answered == 0, "{answered} was answered");
        // The one without an answer may be there or not; it counts as it is.
        if there(sent) {
            answered = sent;
        }
        let holes = (1..=answered).filter(|port| !there(*port)).count();
        assert_eq!(holes + rules.len(), answered);
        assert!(
            holes <= usize::try_from(round + 1).unwrap(),
            "{holes} of {answered} lost"
        );
        if rules.len() > 150 {
            break; // The quota of the group would end it.
        }
    }
    assert!(answered > 0);
}
