//! Requests that were recorded: signatures of the documentation, and whole requests of real clients.

use std::{collections::BTreeMap, fs, path::Path};

use rulekeep::{
    emulator::{Credential, RawRequest},
    provider::alibaba::sign,
};
use serde_json::Value;

use crate::cloud::Cloud;
use crate::gateway::{accepted, code, keys};

fn pairs(value: &Value) -> Vec<(String, String)> {
    let map: BTreeMap<String, String> = serde_json::from_value(value.clone()).unwrap();
    map.into_iter().collect()
}

#[test]
fn every_signature_vector_is_accepted_and_none_with_another_secret() {
    let vectors: Value =
        serde_json::from_str(include_str!("../fixtures/ecs-signature-vectors.json")).unwrap();
    let mut requests = Vec::new();
    for vector in vectors["v1"].as_array().unwrap() {
        let mut params = pairs(&vector["signed_params"]);
        let time = params
            .iter()
            .find(|(name, _)| name == "Timestamp")
            .unwrap()
            .1
            .clone();
        params.push((
            "Signature".into(),
            vector["signature"].as_str().unwrap().into(),
        ));
        let method = vector["method"].as_str().unwrap();
        let encoded = sign::canonical_query(&params);
        let in_query = RawRequest {
            method: method.into(),
            path: "/".into(),
            query: encoded.clone(),
            ..RawRequest::default()
        };
        if method == "POST" {
            let in_form = RawRequest {
                query: String::new(),
                headers: vec![(
                    "Content-Type".into(),
                    "application/x-www-form-urlencoded; charset=UTF-8".into(),
                )],
                body: encoded.into_bytes(),
                ..in_query.clone()
            };
            requests.push((time.clone(), in_form));
        }
        requests.push((time, in_query));
    }
    for vector in vectors["v3"].as_array().unwrap() {
        let mut headers = pairs(&vector["signed_headers"]);
        let time = headers
            .iter()
            .find(|(name, _)| name == "x-acs-date")
            .unwrap()
            .1
            .clone();
        headers.push((
            "Authorization".into(),
            vector["authorization"].as_str().unwrap().into(),
        ));
        let request = RawRequest {
            method: vector["method"].as_str().unwrap().into(),
            path: "/".into(),
            query: sign::canonical_query(&pairs(&vector["query"])),
            headers,
            body: vector["body"].as_str().unwrap().into(),
        };
        requests.push((time, request));
    }
    assert!(requests.len() > 20);
    for (time, request) in requests {
        let cloud = Cloud::with_keys(keys(), &time);
        assert!(
            accepted(&cloud, &request),
            "{request:?} {:?}",
            String::from_utf8(cloud.send(&request).body)
        );
        let wrong = keys()
            .into_iter()
            .map(|key| Credential {
                secret: "other".into(),
                ..key
            })
            .collect();
        let cloud = Cloud::with_keys(wrong, &time);
        let body = String::from_utf8(cloud.send(&request).body).unwrap();
        assert!(body.contains("SignatureDoesNotMatch"), "{body}");
    }
}

const CAPTURED: &str = r#"{
  "version": 1,
  "security_groups": [
    {"id": "sg-bp67acfmxazb4p0001", "name": "web", "vpc": "vpc-bp67acfmxazb4p0001", "rules": [
      {"SecurityGroupRuleId": "sgr-bp67acfmxa123b0001", "IpProtocol": "TCP", "PortRange": "1/1", "SourceCidrIp": "10.0.0.0/8"},
      {"SecurityGroupRuleId": "sgr-bp67acfmxa123b0002", "IpProtocol": "TCP", "PortRange": "2/2", "SourceCidrIp": "10.0.0.0/8"},
      {"SecurityGroupRuleId": "sgr-bp67acfmxa123b0003", "Direction": "egress", "IpProtocol": "TCP", "PortRange": "3/3", "DestCidrIp": "10.0.0.0/8"},
      {"SecurityGroupRuleId": "sgr-bp67acfmxa123b0004", "Direction": "egress", "IpProtocol": "TCP", "PortRange": "4/4", "DestCidrIp": "10.0.0.0/8"},
      {"IpProtocol": "TCP", "PortRange": "22/22", "SourceCidrIp": "10.0.0.0/8"}
    ]},
    {"id": "sg-bp67acfmxazb4p0002", "vpc": "vpc-bp67acfmxazb4p0001"}
  ]
}"#;

/// A raw request, split at its own line ends.
fn parsed(bytes: &[u8]) -> RawRequest {
    let text = std::str::from_utf8(bytes).unwrap();
    let (head, body) = text
        .split_once("\r\n\r\n")
        .or_else(|| text.split_once("\n\n"))
        .unwrap();
    let mut lines = head.lines();
    let mut line = lines.next().unwrap().split(' ');
    let method = line.next().unwrap().to_owned();
    let target = line.next().unwrap();
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    RawRequest {
        method,
        path: path.into(),
        query: query.into(),
        headers: lines
            .map(|line| line.split_once(':').unwrap())
            .map(|(name, value)| (name.to_owned(), value.trim().to_owned()))
            .collect(),
        body: body.as_bytes().to_vec(),
    }
}

#[test]
fn every_captured_request_of_a_real_client_is_accepted_and_acts() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/captures");
    let mut count = 0;
    for client in fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
    {
        if !client.is_dir() {
            continue;
        }
        for file in fs::read_dir(client)
            .unwrap()
            .map(|entry| entry.unwrap().path())
        {
            if file.extension().is_none_or(|extension| extension != "http") {
                continue;
            }
            let request = parsed(&fs::read(&file).unwrap());
            let header = |name: &str| {
                request
                    .headers
                    .iter()
                    .find(|(n, _)| n.eq_ignore_ascii_case(name))
                    .map(|(_, v)| v.clone())
            };
            let text = format!(
                "{}&{}",
                request.query,
                String::from_utf8_lossy(&request.body)
            );
            let time = header("x-acs-date").unwrap_or_else(|| {
                let time = text
                    .split("Timestamp=")
                    .nth(1)
                    .unwrap()
                    .split('&')
                    .next()
                    .unwrap();
                time.trim().replace("%3A", ":")
            });
            let key = Credential::new("testid", "testsecret");
            let key = match header("x-acs-security-token") {
                Some(token) => key.with_token(token),
                None => key,
            };
            let mut cloud = Cloud::from_config(&rulekeep::emulator::Config {
                credentials: vec![key],
                seed: Some(rulekeep::emulator::Seed::Text(CAPTURED.into())),
                ..Default::default()
            });
            cloud.now = time.parse().unwrap();
            // The captured page token is of another server.
            let expected = if text.contains("NextToken=e71d8a535bd9cc11") {
                "400 InValidParameter.NextToken"
            } else {
                "200"
            };
            assert_eq!(code(&cloud, &request), expected, "{}", file.display());
            assert_eq!(
                code(&cloud, &request),
                "400 SignatureNonceUsed",
                "{}",
                file.display()
            );
            count += 1;
        }
    }
    assert_eq!(count, 60);
}
