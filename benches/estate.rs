//! What a large estate costs beside what nobody can save: the YAML crate's own work for its files, and an HTTP client's own work for
//! its calls.
//!
//! `cargo bench --bench estate`. Every figure stands beside a yardstick taken in the same run, in turns, so that the ratio means something
//! on a busy machine. `RULEKEEP_BENCH_GROUPS` makes the estate smaller (default: 10,000 groups of 50 rules).
//!
//! `cargo bench --bench estate -- write FOLDER [NAME=NUMBER ..] [http://ENDPOINT ..]` writes an estate for other programs: see `benches/run`.

#[path = "common/large.rs"]
mod large;

use std::{
    collections::BTreeMap,
    hint::black_box,
    io::{BufRead as _, BufReader},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use futures_util::StreamExt as _;
use jiff::Timestamp;
use rayon::prelude::*;
use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use rulekeep::{
    clouds::Clouds,
    desired::{self, Desired},
    lint::lint,
    model::AccountName,
    provider::alibaba::{
        Alibaba, Settings,
        credentials::{CredentialSource, Credentials},
        sign,
    },
    reconcile,
};
use serde::Deserialize;
use serde_yaml::granit_parser::{self, Parser};

use large::Spec;

/// Calls under way at one time, as the program has them without being told.
const PARALLELISM: usize = 10;

fn main() {
    let words: Vec<String> = std::env::args()
        .skip(1)
        .filter(|word| word != "--bench")
        .collect();
    if words.first().is_some_and(|word| word == "write") {
        return write(&words[1..]);
    }
    let number = |name: &str, default: usize| {
        let text = std::env::var(name).ok();
        text.and_then(|text| text.parse().ok()).unwrap_or(default)
    };
    let spec = Spec {
        groups: number("RULEKEEP_BENCH_GROUPS", 10_000),
        ..Spec::default()
    };
    println!("{} groups of {} rules", spec.groups, spec.rules);
    let part = words.first().map_or("", String::as_str);
    let rounds = number("RULEKEEP_BENCH_ROUNDS", 5);
    if part != "wire" {
        files(&spec, rounds);
        let odd = Spec {
            odd: true,
            ..spec.clone()
        };
        println!("the same with a value per rule, quotes, comments and long descriptions:");
        files(&odd, rounds);
    }
    if part != "files" {
        wire(&spec, rounds.min(3));
    }
}

/// `write FOLDER groups=2500 rules=50 accounts=1 regions=1 drifted=0 odd=0 http://127.0.0.1:8080 ..`.
fn write(words: &[String]) {
    let mut spec = Spec::default();
    let mut endpoints = Vec::new();
    for word in &words[1..] {
        let Some((name, value)) = word.split_once('=') else {
            endpoints.push(word.clone());
            continue;
        };
        let value: usize = value.parse().expect("a number");
        match name {
            "groups" => spec.groups = value,
            "rules" => spec.rules = value,
            "accounts" => spec.accounts = value,
            "regions" => spec.regions = value,
            "drifted" => spec.drifted = value,
            "odd" => spec.odd = value > 0,
            _ => panic!("an estate has no {name}"),
        }
    }
    spec.write(Path::new(&words[0]), &endpoints)
        .expect("the estate is written");
}

/// Time on the clock and time on all processors.
#[derive(Clone, Copy, Default)]
struct Cost {
    wall: Duration,
    cpu: Duration,
}

fn cost<T>(work: impl FnOnce() -> T) -> (T, Cost) {
    let (begun, used) = (Instant::now(), cpu());
    let result = work();
    let cost = Cost {
        wall: begun.elapsed(),
        cpu: cpu().saturating_sub(used),
    };
    (result, cost)
}

/// Processor time of this process so far, all threads, user and system; in ticks of 10 ms.
fn cpu() -> Duration {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let fields = stat.rsplit_once(')').map_or("", |(_, fields)| fields);
    let ticks: u64 = fields
        .split_whitespace()
        .skip(11)
        .take(2)
        .filter_map(|text| text.parse::<u64>().ok())
        .sum();
    Duration::from_millis(ticks * 10)
}

fn median(costs: &[Cost]) -> Cost {
    let middle = |mut times: Vec<Duration>| {
        times.sort_unstable();
        times.get(times.len() / 2).copied().unwrap_or_default()
    };
    Cost {
        wall: middle(costs.iter().map(|cost| cost.wall).collect()),
        cpu: middle(costs.iter().map(|cost| cost.cpu).collect()),
    }
}

fn line(what: &str, cost: Cost, yardstick: Cost) {
    println!(
        "  {what:<52} {:>7.0} ms wall, {:>6.0} ms CPU; ratio {:.2} wall, {:.2} CPU",
        cost.wall.as_secs_f64() * 1e3,
        cost.cpu.as_secs_f64() * 1e3,
        cost.wall.as_secs_f64() / yardstick.wall.as_secs_f64(),
        cost.cpu.as_secs_f64() / yardstick.cpu.as_secs_f64(),
    );
}

/// A group file in the shape that serde reads; nothing is checked.
#[derive(Deserialize)]
#[expect(dead_code, reason = "that it was read is all that matters")]
struct RawGroup {
    group: String,
    name: Option<String>,
    vpc: Option<String>,
    account: Option<String>,
    region: Option<String>,
    mode: String,
    owner: Option<String>,
    ingress: Vec<RawRule>,
    egress: Vec<RawRule>,
}

#[derive(Deserialize)]
#[expect(dead_code, reason = "that it was read is all that matters")]
struct RawRule {
    protocol: String,
    ports: OneOrMany,
    from: Option<OneOrMany>,
    to: Option<OneOrMany>,
    description: Option<String>,
    policy: Option<String>,
    priority: Option<u8>,
}

/// A value or a list of values.
struct OneOrMany(Vec<String>);

impl<'de> Deserialize<'de> for OneOrMany {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Either;
        impl<'de> serde::de::Visitor<'de> for Either {
            type Value = OneOrMany;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("a value or a list")
            }

            fn visit_str<E>(self, text: &str) -> Result<OneOrMany, E> {
                Ok(OneOrMany(vec![text.to_owned()]))
            }

            fn visit_u64<E>(self, number: u64) -> Result<OneOrMany, E> {
                Ok(OneOrMany(vec![number.to_string()]))
            }

            fn visit_i64<E>(self, number: i64) -> Result<OneOrMany, E> {
                Ok(OneOrMany(vec![number.to_string()]))
            }

            fn visit_seq<A: serde::de::SeqAccess<'de>>(
                self,
                mut list: A,
            ) -> Result<OneOrMany, A::Error> {
                let mut items = Vec::new();
                while let Some(OneOrMany(item)) = list.next_element()? {
                    items.extend(item);
                }
                Ok(OneOrMany(items))
            }
        }
        deserializer.deserialize_any(Either)
    }
}

/// Files from the disk to what is declared, beside the YAML crate alone over the same files.
fn files(spec: &Spec, rounds: usize) {
    let folder = tempfile::tempdir().expect("a folder for the run");
    spec.write(folder.path(), &[])
        .expect("the estate is written");
    let project = folder.path().join("rulekeep.yaml");
    let paths: Vec<PathBuf> = spec
        .all()
        .into_iter()
        .map(|group| folder.path().join(group.path))
        .collect();
    let read = |path: &PathBuf| std::fs::read_to_string(path).expect("it was written");
    let [mut events, mut typed, mut loaded, mut linted] = [(); 4].map(|()| Vec::new());
    for _ in 0..=rounds {
        events.push(
            cost(|| {
                let each = paths.par_iter().map(|path| count_events(&read(path)));
                black_box(each.sum::<usize>())
            })
            .1,
        );
        typed.push(
            cost(|| {
                let each = paths.par_iter().map(|path| {
                    let group = serde_yaml::from_str::<RawGroup>(&read(path));
                    group.unwrap_or_else(|error| panic!("{}: {error}", path.display()))
                });
                black_box(each.collect::<Vec<RawGroup>>().len())
            })
            .1,
        );
        let (desired, cost_of_load) = cost(|| load(&project));
        loaded.push(cost_of_load);
        linted.push(cost(|| black_box(lint(&desired, Timestamp::now(), |_| true).len())).1);
    }
    // The first round has warmed up caches.
    let [events, typed, loaded, linted] =
        [events, typed, loaded, linted].map(|costs| median(&costs[1..]));
    line("YAML crate into plain structs (yardstick)", typed, typed);
    line("its parser alone, events thrown away", events, typed);
    line("reading and checking (promise: 1.25)", loaded, typed);
    line("warnings about rules that do nothing", linted, typed);
}

fn count_events(text: &str) -> usize {
    let options = granit_parser::options! {
        emit_comments: false,
        emit_unresolved_aliases: true,
    };
    Parser::new_from_str_with_options(text, options)
        .inspect(|event| assert!(event.is_ok()))
        .count()
}

fn load(project: &Path) -> Desired {
    match desired::load(project) {
        Ok((desired, _)) => desired,
        Err(error) => panic!("{:#?}", error.diagnostics.first()),
    }
}

/// An embedded cloud in a process of its own, so that its work is not counted.
struct Cloud {
    process: Child,
    endpoint: String,
}

impl Cloud {
    fn start(seed: &Path) -> Self {
        let mut process = Command::new(env!("CARGO_BIN_EXE_rulekeep"))
            .args(["emulate", "--seed"])
            .arg(seed)
            .stdout(Stdio::piped())
            .spawn()
            .expect("the program starts");
        let mut endpoint = String::new();
        let stdout = process.stdout.take().expect("it is piped");
        BufReader::new(stdout)
            .read_line(&mut endpoint)
            .expect("it says its endpoint");
        Self {
            process,
            endpoint: endpoint.trim_end().to_owned(),
        }
    }
}

impl Drop for Cloud {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// What the cloud says of a group, in the shape that serde reads.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
#[expect(dead_code, reason = "that it was read is all that matters")]
struct RawAttribute {
    security_group_id: String,
    security_group_name: String,
    inner_access_policy: String,
    permissions: RawPermissions,
    next_token: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct RawPermissions {
    permission: Vec<RawPermission>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct RawPermission {
    security_group_rule_id: String,
    direction: String,
    ip_protocol: String,
    port_range: String,
    source_port_range: String,
    policy: String,
    priority: u8,
    nic_type: String,
    source_cidr_ip: String,
    #[serde(rename = "Ipv6SourceCidrIp")]
    ipv6_source_cidr_ip: String,
    source_group_id: String,
    source_group_name: String,
    source_group_owner_account: String,
    source_prefix_list_id: String,
    source_prefix_list_name: String,
    dest_cidr_ip: String,
    #[serde(rename = "Ipv6DestCidrIp")]
    ipv6_dest_cidr_ip: String,
    dest_group_id: String,
    dest_group_name: String,
    dest_group_owner_account: String,
    dest_prefix_list_id: String,
    dest_prefix_list_name: String,
    port_range_list_id: String,
    port_range_list_name: String,
    description: String,
    create_time: String,
}

/// A request with its signature, ready to be sent.
struct Ready {
    url: String,
    headers: HeaderMap,
}

impl Ready {
    fn new(endpoint: &str, action: &str, pairs: &[(&str, &str)]) -> Self {
        let query = sign::canonical_query(pairs);
        let time = Timestamp::now().strftime("%Y-%m-%dT%H:%M:%SZ").to_string();
        let nonce = uuid::Uuid::new_v4().simple().to_string();
        let host = endpoint.trim_start_matches("http://");
        let signed = [
            ("host", host),
            ("x-acs-action", action),
            ("x-acs-content-sha256", sign::EMPTY_SHA256),
            ("x-acs-date", &time),
            ("x-acs-signature-nonce", &nonce),
            ("x-acs-version", "2014-05-26"),
        ];
        let canonical = sign::v3_canonical_request("POST", &query, &signed, sign::EMPTY_SHA256);
        let signature = sign::v3_signature("testsecret", &sign::v3_string_to_sign(&canonical));
        let authorization =
            sign::v3_authorization("testid", &sign::signed_headers(&signed), &signature);
        let mut headers = HeaderMap::new();
        for (name, value) in signed.into_iter().chain([
            ("accept", "application/json"),
            ("authorization", authorization.as_str()),
        ]) {
            headers.insert(
                HeaderName::from_static(name),
                HeaderValue::from_str(value).expect("plain text"),
            );
        }
        Self {
            url: format!("{endpoint}/?{query}"),
            headers,
        }
    }
}

/// Reading and planning without a change, beside an HTTP client that sends the same calls, signed beforehand, and parses the same JSON.
fn wire(spec: &Spec, rounds: usize) {
    let folder = tempfile::tempdir().expect("a folder for the run");
    let groups = spec.all();
    let seed = folder.path().join("cloud.json");
    std::fs::write(&seed, spec.seed(0, &groups)).expect("the seed is written");
    let cloud = Cloud::start(&seed);
    spec.write(folder.path(), std::slice::from_ref(&cloud.endpoint))
        .expect("the estate is written");
    let project = folder.path().join("rulekeep.yaml");
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .expect("a runtime");
    let desired = load(&project);
    let [mut bare, mut read, mut whole] = [(); 3].map(|()| Vec::new());
    for _ in 0..=rounds {
        let ready: Vec<Ready> = (0..spec.groups)
            .map(|number| {
                let id = large::id(number);
                let pairs = [
                    ("MaxResults", "1000"),
                    ("RegionId", "cn-hangzhou"),
                    ("SecurityGroupId", &*id),
                ];
                Ready::new(&cloud.endpoint, "DescribeSecurityGroupAttribute", &pairs)
            })
            .collect();
        bare.push(cost(|| runtime.block_on(plain(&cloud.endpoint, ready))).1);
        read.push(cost(|| runtime.block_on(plan(&cloud.endpoint, &desired))).1);
        whole.push(
            cost(|| {
                let desired = load(&project);
                runtime.block_on(plan(&cloud.endpoint, &desired));
            })
            .1,
        );
    }
    let [bare, read, whole] = [bare, read, whole].map(|costs| median(&costs[1..]));
    line(
        "HTTP client and JSON into plain structs (yardstick)",
        bare,
        bare,
    );
    line("find, read and plan (promise: 1.3 of the CPU)", read, bare);
    line("with the files", whole, bare);
}

/// The list of groups page by page, then every group, as the program asks for them.
async fn plain(endpoint: &str, ready: Vec<Ready>) {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let client = reqwest::Client::builder()
        .http1_only()
        .no_proxy()
        .tls_certs_only([])
        .build()
        .expect("a client");
    let mut token = Some(String::new());
    while let Some(next) = token {
        let mut pairs = vec![("MaxResults", "100"), ("RegionId", "cn-hangzhou")];
        if !next.is_empty() {
            pairs.push(("NextToken", &next));
        }
        let Ready { url, headers } = Ready::new(endpoint, "DescribeSecurityGroups", &pairs);
        let answer = client.post(url).headers(headers).send().await;
        let body = answer.expect("an answer").bytes().await.expect("a body");
        let page: BTreeMap<String, serde_json::Value> =
            serde_json::from_slice(&body).expect("JSON");
        token = page
            .get("NextToken")
            .and_then(|token| token.as_str())
            .filter(|token| !token.is_empty())
            .map(str::to_owned);
    }
    let calls = ready.into_iter().map(|Ready { url, headers }| {
        let client = &client;
        async move {
            let answer = client.post(url).headers(headers).send().await;
            let body = answer.expect("an answer").bytes().await.expect("a body");
            serde_json::from_slice::<RawAttribute>(&body)
                .unwrap_or_else(|error| panic!("{error}: {}", String::from_utf8_lossy(&body)))
        }
    });
    let all: Vec<RawAttribute> = futures_util::stream::iter(calls)
        .buffer_unordered(PARALLELISM)
        .collect()
        .await;
    let rules = all.iter().map(|group| group.permissions.permission.len());
    black_box(rules.sum::<usize>());
}

async fn plan(endpoint: &str, desired: &Desired) {
    let credentials = Credentials {
        access_key_id: "testid".to_owned(),
        secret: "testsecret".to_owned(),
        security_token: None,
    };
    let cloud = Alibaba::new(Settings {
        endpoint: Some(endpoint.to_owned()),
        parallelism: PARALLELISM,
        ..Settings::new(CredentialSource::fixed(credentials))
    })
    .expect("a client");
    let clouds: Clouds<Alibaba> = [(AccountName::new("account-0"), cloud)]
        .into_iter()
        .collect();
    let options = reconcile::Options {
        parallelism: PARALLELISM,
    };
    let prepared = reconcile::prepare(
        desired,
        &reconcile::Selection::default(),
        &clouds,
        Timestamp::now(),
        &options,
        &(),
    )
    .await
    .expect("a plan");
    assert!(!prepared.is_errored(), "{:?}", prepared.unreadable.first());
    assert!(
        prepared.plan.counts().is_empty(),
        "{:?}",
        prepared.plan.counts()
    );
}
