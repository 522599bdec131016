//! An emulator without sockets, and a client that signs.

use std::sync::atomic::{AtomicU64, Ordering};

use jiff::Timestamp;
use rulekeep::{
    emulator::{Config, Credential, Emulator, Engine, RawRequest, RawResponse, Seed, Switches},
    provider::alibaba::sign,
};
use serde_json::Value;

pub const SEED: &str = r#"{
  "version": 1,
  "owner": "1000000000000001",
  "security_groups": [
    {"id": "sg-web", "name": "web", "vpc": "vpc-1", "tags": {"env": "prod"}, "rules": [
      {"SecurityGroupRuleId": "sgr-https", "IpProtocol": "TCP", "PortRange": "443/443", "SourceCidrIp": "0.0.0.0/0", "Description": "https"},
      {"SecurityGroupRuleId": "sgr-ssh", "IpProtocol": "TCP", "PortRange": "22/22", "SourceCidrIp": "10.0.0.0/8", "SourcePortRange": "1000/2000"},
      {"SecurityGroupRuleId": "sgr-peer", "IpProtocol": "TCP", "PortRange": "80/80", "SourceGroupId": "sg-peer"},
      {"SecurityGroupRuleId": "sgr-list", "IpProtocol": "TCP", "PortRangeListId": "prl-web", "SourcePrefixListId": "pl-four"},
      {"SecurityGroupRuleId": "sgr-old", "IpProtocol": "ALL", "PortRange": "-1/-1", "SourceCidrIp": "0.0.0.0/0", "Priority": 110, "Description": "System created rule."},
      {"SecurityGroupRuleId": "sgr-out", "Direction": "egress", "IpProtocol": "ICMP", "PortRange": "-1/-1", "DestCidrIp": "10.0.0.0/8"}
    ]},
    {"id": "sg-peer", "vpc": "vpc-1"},
    {"id": "sg-other", "vpc": "vpc-2"},
    {"id": "sg-adv", "vpc": "vpc-1", "type": "enterprise"},
    {"id": "sg-classic", "rules": [
      {"SecurityGroupRuleId": "sgr-public", "IpProtocol": "TCP", "PortRange": "80/80", "SourceCidrIp": "1.2.3.4", "NicType": "internet"},
      {"SecurityGroupRuleId": "sgr-private", "IpProtocol": "TCP", "PortRange": "81/81", "SourceCidrIp": "1.2.3.4", "NicType": "intranet"}
    ]},
    {"id": "sg-managed", "vpc": "vpc-1", "service_managed": true},
    {"id": "sg-kept", "vpc": "vpc-1", "deletion_protection": true}
  ],
  "prefix_lists": [
    {"id": "pl-four", "name": "four", "family": "IPv4", "max_entries": 5, "entries": [{"Cidr": "203.0.113.0/24"}]},
    {"id": "pl-six", "family": "IPv6", "max_entries": 5},
    {"id": "pl-big", "family": "IPv4", "max_entries": 190},
    {"id": "pl-free", "family": "IPv4", "max_entries": 1}
  ],
  "port_lists": [
    {"id": "prl-web", "name": "web", "max_entries": 3, "entries": [{"PortRange": "80/80"}]},
    {"id": "prl-free", "max_entries": 1}
  ]
}"#;

pub struct Cloud {
    pub engine: Engine,
    pub now: Timestamp,
}

/// Status, code and message of a refusal.
pub type Refusal = (u16, String, String);

static NONCES: AtomicU64 = AtomicU64::new(0);

pub fn nonce() -> String {
    format!("nonce-{}", NONCES.fetch_add(1, Ordering::Relaxed))
}

impl Cloud {
    pub fn new() -> Self {
        Self::with(SEED, Switches::default())
    }

    pub fn switched(change: impl FnOnce(&mut Switches)) -> Self {
        let mut switches = Switches::default();
        change(&mut switches);
        Self::with(SEED, switches)
    }

    pub fn with(seed: &str, switches: Switches) -> Self {
        Self::from_config(&Config {
            seed: Some(Seed::Text(seed.into())),
            switches,
            ..Config::default()
        })
    }

    pub fn with_keys(credentials: Vec<Credential>, now: &str) -> Self {
        Self {
            now: now.parse().unwrap(),
            ..Self::from_config(&Config {
                credentials,
                seed: Some(Seed::Text(SEED.into())),
                ..Config::default()
            })
        }
    }

    pub fn from_config(config: &Config) -> Self {
        Self {
            engine: Emulator::engine(config).unwrap(),
            now: "2026-01-02T03:04:05Z".parse().unwrap(),
        }
    }

    pub fn send(&self, request: &RawRequest) -> RawResponse {
        self.engine.handle(request, self.now)
    }

    /// Calls an action in cn-hangzhou; `params` are `A=b&C=d`, not encoded.
    pub fn call(&self, action: &str, params: &str) -> Result<Value, Refusal> {
        let mut pairs: Vec<(String, String)> = params
            .split('&')
            .filter(|part| !part.is_empty())
            .map(|part| part.split_once('=').unwrap())
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .collect();
        if !pairs.iter().any(|(name, _)| name == "RegionId") {
            pairs.push(("RegionId".into(), "cn-hangzhou".into()));
        }
        self.call_pairs(action, &pairs)
    }

    pub fn call_pairs(&self, action: &str, pairs: &[(String, String)]) -> Result<Value, Refusal> {
        read(&self.send(&v3(action, pairs, self.now)))
    }

    /// The code of the refusal that a call must get.
    pub fn refusal(&self, action: &str, params: &str) -> String {
        match self.call(action, params) {
            Ok(answer) => panic!("{action} {params} succeeded: {answer}"),
            Err((status, code, _)) => format!("{status} {code}"),
        }
    }

    /// Calls an action that must succeed.
    pub fn ok(&self, action: &str, params: &str) -> Value {
        self.call(action, params)
            .unwrap_or_else(|refusal| panic!("{action} {params}: {refusal:?}"))
    }

    /// Every rule of a group, page after page.
    pub fn rules(&self, group: &str) -> Vec<Value> {
        let mut rules = Vec::new();
        let mut token = String::new();
        loop {
            let answer = self.ok(
                "DescribeSecurityGroupAttribute",
                &format!("SecurityGroupId={group}&MaxResults=1000&NextToken={token}"),
            );
            rules.extend(
                answer["Permissions"]["Permission"]
                    .as_array()
                    .unwrap()
                    .clone(),
            );
            token = answer["NextToken"].as_str().unwrap().to_owned();
            if token.is_empty() {
                return rules;
            }
        }
    }

    pub fn rule(&self, group: &str, id: &str) -> Value {
        self.rules(group)
            .into_iter()
            .find(|rule| rule["SecurityGroupRuleId"] == id)
            .unwrap_or_else(|| panic!("{group} has no rule {id}"))
    }

    /// Everything that can be seen, to show that nothing changed.
    pub fn everything(&self) -> String {
        let mut all = String::new();
        let mut add = |mut answer: Value| {
            answer["RequestId"] = Value::Null;
            all.push_str(&answer.to_string());
        };
        add(self.ok("DescribeSecurityGroups", "MaxResults=100"));
        add(self.ok("DescribePrefixLists", "MaxResults=100"));
        add(self.ok("DescribePortRangeLists", "MaxResults=100"));
        for group in ["sg-web", "sg-peer", "sg-adv", "sg-classic"] {
            add(self.ok(
                "DescribeSecurityGroupAttribute",
                &format!("SecurityGroupId={group}"),
            ));
        }
        for list in ["pl-four", "pl-free"] {
            add(self.ok(
                "DescribePrefixListAttributes",
                &format!("PrefixListId={list}"),
            ));
        }
        add(self.ok("DescribePortRangeListEntries", "PortRangeListId=prl-web"));
        all
    }
}

/// A JSON answer, or the refusal in it.
pub fn read(response: &RawResponse) -> Result<Value, Refusal> {
    let body: Value = serde_json::from_slice(&response.body).unwrap();
    assert_eq!(body["RequestId"], response.request_id);
    if response.status == 200 {
        return Ok(body);
    }
    let text = |name: &str| body[name].as_str().unwrap().to_owned();
    Err((response.status, text("Code"), text("Message")))
}

/// A request as the current SDKs send it: everything in the query, signature V3.
pub fn v3(action: &str, pairs: &[(String, String)], now: Timestamp) -> RawRequest {
    v3_as("testid", action, pairs, now)
}

/// The same with another key; every secret is `testsecret`.
pub fn v3_as(key: &str, action: &str, pairs: &[(String, String)], now: Timestamp) -> RawRequest {
    signed(key, action, sign::canonical_query(pairs), None, now)
}

/// The same with the parameters in a form.
pub fn v3_form(action: &str, pairs: &[(String, String)], now: Timestamp) -> RawRequest {
    let form = sign::canonical_query(pairs);
    signed("testid", action, String::new(), Some(form), now)
}

fn signed(
    key: &str,
    action: &str,
    query: String,
    form: Option<String>,
    now: Timestamp,
) -> RawRequest {
    let time = now.strftime("%Y-%m-%dT%H:%M:%SZ").to_string();
    let nonce = nonce();
    let body = form.clone().unwrap_or_default().into_bytes();
    let hash = sign::sha256_hex(&body);
    let mut headers = vec![
        ("host", "ecs.cn-hangzhou.aliyuncs.com"),
        ("x-acs-action", action),
        ("x-acs-content-sha256", &hash),
        ("x-acs-date", &time),
        ("x-acs-signature-nonce", &nonce),
        ("x-acs-version", "2014-05-26"),
    ];
    if form.is_some() {
        headers.insert(0, ("content-type", "application/x-www-form-urlencoded"));
    }
    let canonical = sign::v3_canonical_request("POST", &query, &headers, &hash);
    let signature = sign::v3_signature("testsecret", &sign::v3_string_to_sign(&canonical));
    let authorization = sign::v3_authorization(key, &sign::signed_headers(&headers), &signature);
    let mut sent: Vec<(String, String)> = headers
        .iter()
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
        .collect();
    sent.push(("accept".into(), "application/json".into()));
    sent.push(("Authorization".into(), authorization));
    RawRequest {
        method: "POST".into(),
        path: "/".into(),
        query,
        headers: sent,
        body,
    }
}

/// The parameters of a request as older SDKs send it, signature V1 included.
pub fn v1(method: &str, pairs: &[(&str, &str)], now: Timestamp) -> Vec<(String, String)> {
    let time = now.strftime("%Y-%m-%dT%H:%M:%SZ").to_string();
    let nonce = nonce();
    let mut all: Vec<(String, String)> = [
        ("AccessKeyId", "testid"),
        ("SignatureMethod", "HMAC-SHA1"),
        ("SignatureVersion", "1.0"),
        ("Version", "2014-05-26"),
        ("Timestamp", &time),
        ("SignatureNonce", &nonce),
    ]
    .iter()
    .chain(pairs)
    .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
    .collect();
    let text = sign::v1_string_to_sign(method, &all);
    all.push(("Signature".into(), sign::v1_signature("testsecret", &text)));
    all
}
