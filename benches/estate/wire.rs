//! Calls, beside an HTTP client's own work.

use std::{
    collections::BTreeMap,
    hint::black_box,
    io::{BufRead as _, BufReader},
    path::Path,
    process::{Child, Command, Stdio},
};

use futures_util::StreamExt as _;
use jiff::Timestamp;
use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use rulekeep::{
    clouds::Clouds,
    desired::Desired,
    model::AccountName,
    provider::alibaba::{
        Alibaba, Settings,
        credentials::{CredentialSource, Credentials},
        sign,
    },
    reconcile,
};
use serde::{Deserialize, de::DeserializeOwned};

use crate::{
    cost::{cost, line, median},
    files::load,
    large::{self, Spec},
};

/// Calls under way at one time, as the program has them without being told.
const PARALLELISM: usize = 10;

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

    async fn send<T: DeserializeOwned>(self, client: &reqwest::Client) -> T {
        let Self { url, headers } = self;
        let answer = client.post(url).headers(headers).send().await;
        let body = answer.expect("an answer").bytes().await.expect("a body");
        serde_json::from_slice(&body)
            .unwrap_or_else(|error| panic!("{error}: {}", String::from_utf8_lossy(&body)))
    }
}

/// Reading and planning without a change, beside an HTTP client that sends the same calls and parses the same JSON: every request signed
/// right before it is sent, as one has to be that the cloud shall take (the yardstick), and all of them signed before the clock starts.
/// `only` measures `bare` or `plan` alone.
pub fn measure(spec: &Spec, rounds: usize, only: Option<&str>) {
    let folder = tempfile::tempdir().expect("a folder for the run");
    let groups = spec.all();
    let seed = folder.path().join("cloud.json");
    std::fs::write(&seed, spec.seed(0, &groups)).expect("the seed is written");
    let cloud = Cloud::start(&seed);
    let endpoint = cloud.endpoint.as_str();
    spec.write(folder.path(), std::slice::from_ref(&cloud.endpoint))
        .expect("the estate is written");
    let project = folder.path().join("rulekeep.yaml");
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .expect("a runtime");
    let desired = load(&project);
    let [mut unsigned, mut bare, mut read, mut whole] = [(); 4].map(|()| Vec::new());
    for _ in 0..=rounds {
        if only != Some("plan") {
            let calls: Vec<Ready> = about_groups(spec).map(|call| call.sign(endpoint)).collect();
            unsigned.push(cost(|| runtime.block_on(plain(endpoint, calls.into_iter()))).1);
            let calls = about_groups(spec).map(|call| call.sign(endpoint));
            bare.push(cost(|| runtime.block_on(plain(endpoint, calls))).1);
        }
        if only != Some("bare") {
            read.push(cost(|| runtime.block_on(plan(endpoint, &desired))).1);
        }
        if only.is_none() {
            whole.push(
                cost(|| {
                    let desired = load(&project);
                    runtime.block_on(plan(endpoint, &desired));
                })
                .1,
            );
        }
    }
    let [unsigned, bare, read, whole] =
        [unsigned, bare, read, whole].map(|costs| median(costs.get(1..).unwrap_or_default()));
    line(
        "HTTP client and JSON into plain structs (yardstick)",
        bare,
        bare,
    );
    line("the same, signed before the clock starts", unsigned, bare);
    line("find, read and plan (promise: 1.3 of the CPU)", read, bare);
    line("with the files", whole, bare);
    println!(
        "  find, read and plan beside what is signed before the clock starts: {:.2} CPU",
        read.cpu.as_secs_f64() / unsigned.cpu.as_secs_f64()
    );
}

/// A request about one group or list.
struct Call {
    action: &'static str,
    pairs: Vec<(&'static str, String)>,
}

impl Call {
    fn sign(&self, endpoint: &str) -> Ready {
        let pairs: Vec<(&str, &str)> = self
            .pairs
            .iter()
            .map(|(name, value)| (*name, value.as_str()))
            .collect();
        Ready::new(endpoint, self.action, &pairs)
    }
}

/// What the program asks for when it has the list of the groups: every group.
fn about_groups(spec: &Spec) -> impl Iterator<Item = Call> + use<> {
    (0..spec.groups).map(|number| Call {
        action: "DescribeSecurityGroupAttribute",
        pairs: vec![
            ("Direction", "all".to_owned()),
            ("MaxResults", "1000".to_owned()),
            ("NicType", "intranet".to_owned()),
            ("RegionId", "cn-hangzhou".to_owned()),
            ("SecurityGroupId", large::id(number)),
        ],
    })
}

/// The list of groups page by page, then every group and the four lists that rules name, as the program asks for them.
async fn plain(endpoint: &str, calls: impl Iterator<Item = Ready>) {
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
        let ready = Ready::new(endpoint, "DescribeSecurityGroups", &pairs);
        let page: BTreeMap<String, serde_json::Value> = ready.send(&client).await;
        token = page
            .get("NextToken")
            .and_then(|token| token.as_str())
            .filter(|token| !token.is_empty())
            .map(str::to_owned);
    }
    let calls = calls.map(|ready| ready.send::<RawAttribute>(&client));
    let all: Vec<RawAttribute> = futures_util::stream::iter(calls)
        .buffer_unordered(PARALLELISM)
        .collect()
        .await;
    for list in 0..4 {
        let id = format!("pl-bp1r0list{list:09}");
        let pairs = [("PrefixListId", &*id), ("RegionId", "cn-hangzhou")];
        let ready = Ready::new(endpoint, "DescribePrefixListAttributes", &pairs);
        black_box(ready.send::<serde_json::Value>(&client).await);
    }
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
