//! A client that does nothing but send signed calls and parse the answers into plain structs: what nobody can save.

use std::{collections::BTreeMap, hint::black_box};

use futures_util::StreamExt as _;
use jiff::Timestamp;
use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use rulekeep::provider::alibaba::sign;
use serde::{Deserialize, de::DeserializeOwned};

use crate::large::{self, Spec};

/// Calls under way at one time, as the program has them without being told.
pub const PARALLELISM: usize = 10;

/// What the cloud says of a group, in the shape that serde reads.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
#[expect(dead_code, reason = "that it was read is all that matters")]
pub struct RawAttribute {
    pub security_group_id: String,
    security_group_name: String,
    inner_access_policy: String,
    pub permissions: RawPermissions,
    next_token: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct RawPermissions {
    pub permission: Vec<RawPermission>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct RawPermission {
    pub security_group_rule_id: String,
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
    pub description: String,
    create_time: String,
}

/// A request.
pub struct Call {
    action: &'static str,
    pairs: Vec<(&'static str, String)>,
}

impl Call {
    fn new(action: &'static str, pairs: &[(&'static str, &str)]) -> Self {
        let mut pairs: Vec<(&str, String)> = pairs
            .iter()
            .map(|(name, value)| (*name, (*value).to_owned()))
            .collect();
        pairs.push(("RegionId", "cn-hangzhou".to_owned()));
        Self { action, pairs }
    }

    /// The rules of a group.
    pub fn about_group(id: &str) -> Self {
        Self::new(
            "DescribeSecurityGroupAttribute",
            &[
                ("Direction", "all"),
                ("MaxResults", "1000"),
                ("NicType", "intranet"),
                ("SecurityGroupId", id),
            ],
        )
    }

    /// One more egress rule.
    pub fn authorize(id: &str) -> Self {
        Self::new(
            "AuthorizeSecurityGroupEgress",
            &[
                ("ClientToken", &token()),
                ("Permissions.1.Description", "what a bare client adds"),
                ("Permissions.1.DestCidrIp", "192.0.2.0/24"),
                ("Permissions.1.IpProtocol", "TCP"),
                ("Permissions.1.NicType", "intranet"),
                ("Permissions.1.Policy", "Accept"),
                ("Permissions.1.PortRange", "9/9"),
                ("Permissions.1.Priority", "11"),
                ("SecurityGroupId", id),
            ],
        )
    }

    /// One ingress rule less.
    pub fn revoke(id: &str, rule: &str) -> Self {
        Self::new(
            "RevokeSecurityGroup",
            &[
                ("ClientToken", &token()),
                ("SecurityGroupId", id),
                ("SecurityGroupRuleId.1", rule),
            ],
        )
    }

    /// Signs it for an endpoint, ready to be sent once.
    pub fn sign(&self, endpoint: &str) -> Ready {
        let query = sign::canonical_query(&self.pairs);
        let time = Timestamp::now().strftime("%Y-%m-%dT%H:%M:%SZ").to_string();
        let nonce = token();
        let host = endpoint.trim_start_matches("http://");
        let signed = [
            ("host", host),
            ("x-acs-action", self.action),
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
        Ready {
            url: format!("{endpoint}/?{query}"),
            headers,
        }
    }
}

/// What no other call has.
fn token() -> String {
    uuid::Uuid::new_v4().simple().to_string()
}

/// What the program asks for when it has the list of the groups: every group.
pub fn about_groups(spec: &Spec) -> impl Iterator<Item = Call> + use<> {
    (0..spec.groups).map(|number| Call::about_group(&large::id(number)))
}

/// A request with its signature, ready to be sent.
pub struct Ready {
    url: String,
    headers: HeaderMap,
}

/// Sends calls.
pub struct Client {
    http: reqwest::Client,
    endpoint: String,
}

impl Client {
    /// With the settings that the program has for one endpoint without TLS.
    pub fn new(endpoint: &str) -> Self {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let http = reqwest::Client::builder()
            .http1_only()
            .no_proxy()
            .tls_certs_only([])
            .build();
        Self {
            http: http.expect("a client"),
            endpoint: endpoint.to_owned(),
        }
    }

    async fn send<T: DeserializeOwned>(&self, ready: Ready) -> T {
        let Ready { url, headers } = ready;
        let answer = self.http.post(url).headers(headers).send().await;
        let answer = answer.expect("an answer");
        let is_success = answer.status().is_success();
        let body = answer.bytes().await.expect("a body");
        let text = || String::from_utf8_lossy(&body);
        assert!(is_success, "{}", text());
        serde_json::from_slice(&body).unwrap_or_else(|error| panic!("{error}: {}", text()))
    }

    /// Sends calls side by side.
    pub async fn all<T: DeserializeOwned>(&self, calls: impl Iterator<Item = Ready>) -> Vec<T> {
        futures_util::stream::iter(calls.map(|ready| self.send(ready)))
            .buffer_unordered(PARALLELISM)
            .collect()
            .await
    }

    /// As [`Client::all`], each signed right before it is sent.
    pub async fn sign_all<T: DeserializeOwned>(&self, calls: impl Iterator<Item = Call>) -> Vec<T> {
        self.all(calls.map(|call| call.sign(&self.endpoint))).await
    }

    /// The list of groups page by page, then what is asked of every group, and the lists that rules name, as the program asks for them.
    pub async fn read(
        &self,
        groups: impl Iterator<Item = Ready>,
        lists: &[String],
    ) -> Vec<RawAttribute> {
        let mut next = Some(String::new());
        while let Some(token) = next {
            let mut pairs = vec![("MaxResults", "100")];
            if !token.is_empty() {
                pairs.push(("NextToken", &token));
            }
            let call = Call::new("DescribeSecurityGroups", &pairs);
            let page: BTreeMap<String, serde_json::Value> =
                self.send(call.sign(&self.endpoint)).await;
            next = page
                .get("NextToken")
                .and_then(|token| token.as_str())
                .filter(|token| !token.is_empty())
                .map(str::to_owned);
        }
        let all = self.all(groups).await;
        let lists = lists
            .iter()
            .map(|list| Call::new("DescribePrefixListAttributes", &[("PrefixListId", list)]));
        black_box(self.sign_all::<serde_json::Value>(lists).await);
        all
    }
}
