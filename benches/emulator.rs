//! How fast the embedded cloud answers, how much memory a large estate takes, and what a saved write costs.
//!
//! `cargo bench --bench emulator`. Every figure stands beside a yardstick taken in the same run, so that the ratio means
//! something on any machine. `RULEKEEP_BENCH_GROUPS` makes the estate smaller (default: 10,000 groups of 50 rules).

use std::{
    fmt::Write as _,
    hint::black_box,
    io::{Read as _, Write as _},
    net::TcpStream,
    path::Path,
    time::{Duration, Instant},
};

use jiff::Timestamp;
use rulekeep::{
    emulator::{Config, Emulator, Engine, RawRequest, Seed},
    provider::alibaba::{sign, wire::Permission},
};

const RULES: usize = 50;

fn main() {
    let groups = std::env::var("RULEKEEP_BENCH_GROUPS")
        .ok()
        .and_then(|text| text.parse().ok())
        .unwrap_or(10_000);
    let folder = tempfile::tempdir().expect("a folder for the run");
    let seed = folder.path().join("seed.json");
    std::fs::write(&seed, estate(groups, RULES)).expect("the seed is written");

    let before = resident();
    let begun = Instant::now();
    let engine = engine(&seed, None);
    let loaded = begun.elapsed();
    let memory = resident().saturating_sub(before) >> 20;
    println!("{groups} groups of {RULES} rules: {memory} MiB, read in {loaded:.2?}");

    let yardstick = serialisation();
    println!("yardstick: {RULES} rules become JSON {yardstick:.0} times a second");
    let describes = describes(&engine, groups);
    println!(
        "signed describes, engine alone, one thread: {describes:.0} a second ({:.2} of the yardstick)",
        describes / yardstick
    );
    drop(engine);
    let served = over_http(&seed, groups);
    println!(
        "signed describes over HTTP, one server thread: {served:.0} a second ({:.2} of the yardstick)",
        served / yardstick
    );

    std::fs::write(&seed, estate(200, RULES)).expect("the seed is written");
    let appended = appends(folder.path());
    let written = writes(&seed, &folder.path().join("state.json"));
    println!(
        "300 saved writes on 10,000 rules: {written:.2?}; yardstick, 300 appends that are on the disk: {appended:.2?} (ratio {:.2})",
        written.as_secs_f64() / appended.as_secs_f64()
    );
}

/// A seed of so many groups.
fn estate(groups: usize, rules: usize) -> String {
    let mut text = String::from(r#"{"version": 1, "security_groups": ["#);
    for group in 0..groups {
        let comma = if group == 0 { "" } else { "," };
        let _ = write!(
            text,
            r#"{comma}{{"id": "sg-{group}", "name": "group-{group}", "vpc": "vpc-1", "rules": ["#
        );
        for rule in 0..rules {
            let comma = if rule == 0 { "" } else { "," };
            let _ = write!(
                text,
                r#"{comma}{{"IpProtocol": "TCP", "PortRange": "{0}/{0}", "SourceCidrIp": "10.{1}.0.0/16", "Description": "rule {rule}"}}"#,
                rule + 1,
                group % 256
            );
        }
        text.push_str("]}");
    }
    text.push_str("]}");
    text
}

fn config(seed: &Path, state: Option<&Path>) -> Config {
    Config {
        seed: Some(Seed::File(seed.to_owned())),
        state: state.map(Path::to_owned),
        ..Config::default()
    }
}

fn engine(seed: &Path, state: Option<&Path>) -> Engine {
    Emulator::engine(&config(seed, state)).expect("the engine opens")
}

/// A signed request as the current SDKs send it.
fn request(action: &str, pairs: &[(&str, String)], number: usize) -> RawRequest {
    let pairs: Vec<(String, String)> = pairs
        .iter()
        .map(|(name, value)| ((*name).to_owned(), value.clone()))
        .collect();
    let query = sign::canonical_query(&pairs);
    let time = Timestamp::now().strftime("%Y-%m-%dT%H:%M:%SZ").to_string();
    let nonce = format!("{action}-{number}-{}", uuid::Uuid::new_v4());
    let headers = [
        ("host", "127.0.0.1"),
        ("x-acs-action", action),
        ("x-acs-content-sha256", sign::EMPTY_SHA256),
        ("x-acs-date", &time),
        ("x-acs-signature-nonce", &nonce),
        ("x-acs-version", "2014-05-26"),
    ];
    let canonical = sign::v3_canonical_request("POST", &query, &headers, sign::EMPTY_SHA256);
    let signature = sign::v3_signature("testsecret", &sign::v3_string_to_sign(&canonical));
    let mut sent: Vec<(String, String)> = headers
        .iter()
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
        .collect();
    sent.push(("accept".into(), "application/json".into()));
    sent.push((
        "Authorization".into(),
        sign::v3_authorization("testid", &sign::signed_headers(&headers), &signature),
    ));
    RawRequest {
        method: "POST".into(),
        path: "/".into(),
        query,
        headers: sent,
        body: Vec::new(),
    }
}

fn describe(group: usize, number: usize) -> RawRequest {
    let pairs = [
        ("MaxResults", "1000".to_owned()),
        ("RegionId", "cn-hangzhou".to_owned()),
        ("SecurityGroupId", format!("sg-{group}")),
    ];
    request("DescribeSecurityGroupAttribute", &pairs, number)
}

fn per_second(count: usize, time: Duration) -> f64 {
    f64::from(u32::try_from(count).expect("few enough")) / time.as_secs_f64()
}

fn serialisation() -> f64 {
    let rule = Permission {
        security_group_rule_id: "sgr-bp1abcdefghijklmno00".into(),
        direction: "ingress".into(),
        ip_protocol: "TCP".into(),
        port_range: "443/443".into(),
        policy: "Accept".into(),
        priority: 1,
        nic_type: "intranet".into(),
        source_cidr_ip: "10.1.0.0/16".into(),
        description: "rule 1".into(),
        create_time: "2024-01-01T00:00:00Z".into(),
        ..Permission::default()
    };
    let rules = vec![rule; RULES];
    let count = 20_000;
    let begun = Instant::now();
    for _ in 0..count {
        black_box(serde_json::to_vec(black_box(&rules)).expect("rules become JSON"));
    }
    per_second(count, begun.elapsed())
}

fn describes(engine: &Engine, groups: usize) -> f64 {
    let requests: Vec<RawRequest> = (0..20_000).map(|n| describe(n * 7 % groups, n)).collect();
    let now = Timestamp::now();
    let begun = Instant::now();
    for request in &requests {
        let answer = engine.handle(request, now);
        assert_eq!(answer.status, 200);
        black_box(answer);
    }
    per_second(requests.len(), begun.elapsed())
}

fn over_http(seed: &Path, groups: usize) -> f64 {
    let (ready, address) = std::sync::mpsc::channel();
    let config = config(seed, None);
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .expect("a runtime");
        runtime.block_on(async {
            let emulator = Emulator::start(config).await.expect("it starts");
            ready.send(emulator.local_addr()).expect("somebody waits");
            std::future::pending::<()>().await;
        });
    });
    let address = address.recv().expect("it starts");
    let requests: Vec<String> = (0..10_000)
        .map(|n| {
            let request = describe(n * 7 % groups, n);
            let mut text = format!("POST /?{} HTTP/1.1\r\n", request.query);
            for (name, value) in &request.headers {
                let _ = write!(text, "{name}: {value}\r\n");
            }
            text.push_str("content-length: 0\r\n\r\n");
            text
        })
        .collect();
    // Several connections, so that the server has always something to do.
    let begun = Instant::now();
    std::thread::scope(|scope| {
        for part in requests.chunks(requests.len() / 4) {
            scope.spawn(move || {
                let mut stream = TcpStream::connect(address).expect("it listens");
                stream.set_nodelay(true).expect("a socket");
                let mut buffer = vec![0; 1 << 16];
                for request in part {
                    stream.write_all(request.as_bytes()).expect("it reads");
                    read_answer(&mut stream, &mut buffer);
                }
            });
        }
    });
    per_second(requests.len(), begun.elapsed())
}

/// Reads one answer to its end.
fn read_answer(stream: &mut TcpStream, buffer: &mut [u8]) {
    let mut filled = 0;
    loop {
        let count = stream.read(&mut buffer[filled..]).expect("it answers");
        assert!(count > 0, "the connection ended");
        filled += count;
        let Some(head) = buffer[..filled]
            .windows(4)
            .position(|four| four == b"\r\n\r\n")
        else {
            continue;
        };
        let text = std::str::from_utf8(&buffer[..head]).expect("a head is text");
        assert!(text.starts_with("HTTP/1.1 200"), "{text}");
        let length: usize = text
            .lines()
            .find_map(|line| line.strip_prefix("content-length: "))
            .and_then(|text| text.parse().ok())
            .expect("a length");
        if filled == head + 4 + length {
            return;
        }
    }
}

fn writes(seed: &Path, state: &Path) -> Duration {
    let engine = engine(seed, Some(state));
    let requests: Vec<RawRequest> = (0..300)
        .map(|n| {
            let pairs = [
                ("IpProtocol", "UDP".to_owned()),
                ("PortRange", format!("{0}/{0}", n + 1)),
                ("RegionId", "cn-hangzhou".to_owned()),
                ("SecurityGroupId", format!("sg-{}", n % 200)),
                ("SourceCidrIp", "10.0.0.0/8".to_owned()),
            ];
            request("AuthorizeSecurityGroup", &pairs, n)
        })
        .collect();
    let begun = Instant::now();
    for request in &requests {
        assert_eq!(engine.handle(request, Timestamp::now()).status, 200);
    }
    begun.elapsed()
}

/// 300 times 500 bytes, each on the disk before the next.
fn appends(folder: &Path) -> Duration {
    let mut file = std::fs::File::create(folder.join("appends")).expect("a file");
    let begun = Instant::now();
    for _ in 0..300 {
        file.write_all(&[b'x'; 500]).expect("it is written");
        file.sync_data().expect("it is on the disk");
    }
    begun.elapsed()
}

/// Bytes of memory that the process has; 0 where the system does not say.
fn resident() -> usize {
    std::fs::read_to_string("/proc/self/statm")
        .ok()
        .and_then(|text| text.split(' ').nth(1)?.parse::<usize>().ok())
        .map_or(0, |pages| pages * 4096)
}
