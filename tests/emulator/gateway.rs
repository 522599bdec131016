//! What the gateway takes and what it refuses.

use jiff::Timestamp;
use rulekeep::{
    emulator::{Credential, RawRequest, Switches},
    provider::alibaba::sign,
};
use serde_json::Value;

use crate::cloud::{self, Cloud, read, v1, v3};

const NOW: &str = "2026-01-02T03:04:05Z";

pub fn keys() -> Vec<Credential> {
    vec![
        Credential::new("testid", "testsecret"),
        Credential::new("testid", "testsecret").with_token("testtoken/+=="),
        Credential::new("YourAccessKeyId", "YourAccessKeySecret"),
    ]
}

pub fn code(cloud: &Cloud, request: &RawRequest) -> String {
    match read(&cloud.send(request)) {
        Ok(_) => "200".into(),
        Err((status, code, _)) => format!("{status} {code}"),
    }
}

/// The request was signed well: what it got is the action's answer.
pub fn accepted(cloud: &Cloud, request: &RawRequest) -> bool {
    let response = cloud.send(request);
    let text = String::from_utf8(response.body).unwrap();
    let refused = [
        "Signature",
        "TimeStamp",
        "AccessKey",
        "SecurityToken",
        "MissingParameter<",
        "UnsupportedParameter",
    ];
    response.status == 200 || !refused.iter().any(|code| text.contains(code))
}

fn good() -> RawRequest {
    v3("DescribeRegions", &[], NOW.parse().unwrap())
}

/// The request with one header changed or, with `None`, gone; the signature stays.
fn with(header: &str, value: Option<&str>) -> RawRequest {
    let mut request = good();
    request
        .headers
        .retain(|(name, _)| !name.eq_ignore_ascii_case(header));
    if let Some(value) = value {
        request.headers.push((header.into(), value.into()));
    }
    request
}

#[test]
fn requests_signed_with_v3_are_checked_in_order() {
    let cloud = Cloud::new();
    assert_eq!(code(&cloud, &good()), "200");
    for (request, expected) in [
        (
            RawRequest {
                method: "PUT".into(),
                ..good()
            },
            "403 UnsupportedHTTPMethod",
        ),
        (
            RawRequest {
                path: "/x".into(),
                ..good()
            },
            "404 InvalidAction.NotFound",
        ),
        (
            RawRequest {
                query: "A=1&A=2".into(),
                ..good()
            },
            "400 UnsupportedParameter",
        ),
        (
            RawRequest {
                query: "A=%FF".into(),
                ..good()
            },
            "400 UnsupportedParameter",
        ),
        (with("x-acs-action", None), "400 MissingParameter"),
        (with("x-acs-version", None), "400 MissingParameter"),
        (with("x-acs-date", None), "400 MissingParameter"),
        (with("x-acs-signature-nonce", None), "400 MissingParameter"),
        (with("x-acs-content-sha256", None), "400 MissingParameter"),
        (with("Authorization", None), "400 IncompleteSignature"),
        (
            with("Authorization", Some("ACS3-HMAC-SM3 Credential=testid")),
            "400 IncompleteSignature",
        ),
        (
            with("x-acs-extra", Some("unsigned")),
            "400 IncompleteSignature",
        ),
        (with("host", None), "400 IncompleteSignature"),
        (
            with("x-acs-date", Some("yesterday")),
            "400 InvalidTimeStamp.Format",
        ),
        (
            with("x-acs-date", Some("2026-01-02T03:04:05+00")),
            "400 InvalidTimeStamp.Format",
        ),
        (
            with("x-acs-date", Some("2026-01-02T02:49:04Z")),
            "400 InvalidTimeStamp.Expired",
        ),
        (
            with("x-acs-date", Some("2026-01-02T03:19:06Z")),
            "400 InvalidTimeStamp.Expired",
        ),
        (
            with("x-acs-date", Some("2026-01-02T03:19:05Z")),
            "400 SignatureDoesNotMatch",
        ),
        (
            with("host", Some("ecs.example.com")),
            "400 SignatureDoesNotMatch",
        ),
        (
            RawRequest {
                body: b"x".to_vec(),
                ..good()
            },
            "400 SignatureDoesNotMatch",
        ),
        (
            RawRequest {
                query: "A=1".into(),
                ..good()
            },
            "400 SignatureDoesNotMatch",
        ),
        (
            v3("DescribeInstances", &[], cloud.now),
            "404 InvalidAction.NotFound",
        ),
    ] {
        assert_eq!(code(&cloud, &request), expected, "{request:?}");
    }
    let message = read(&cloud.send(&with("host", Some("x")))).unwrap_err().2;
    assert!(
        message.contains("server string to sign is:ACS3-HMAC-SHA256\n"),
        "{message}"
    );
}

#[test]
fn the_hash_of_the_body_is_checked_even_when_the_signature_is_over_the_body() {
    let now: Timestamp = NOW.parse().unwrap();
    let headers = [
        ("host", "h"),
        ("x-acs-action", "DescribeRegions"),
        ("x-acs-content-sha256", sign::EMPTY_SHA256),
        ("x-acs-date", NOW),
        ("x-acs-signature-nonce", "body"),
        ("x-acs-version", "2014-05-26"),
    ];
    let canonical = sign::v3_canonical_request("POST", "", &headers, &sign::sha256_hex(b"body"));
    let signature = sign::v3_signature("testsecret", &sign::v3_string_to_sign(&canonical));
    let mut request = v3("DescribeRegions", &[], now);
    request.headers = headers
        .iter()
        .map(|(n, v)| ((*n).to_owned(), (*v).to_owned()))
        .collect();
    request
        .headers
        .push(("accept".into(), "application/json".into()));
    request.headers.push((
        "authorization".into(),
        sign::v3_authorization("testid", &sign::signed_headers(&headers), &signature),
    ));
    request.body = b"body".to_vec();
    assert_eq!(code(&Cloud::new(), &request), "400 SignatureDoesNotMatch");
}

fn get(params: &[(String, String)]) -> RawRequest {
    RawRequest {
        method: "GET".into(),
        path: "/".into(),
        query: sign::canonical_query(params),
        ..RawRequest::default()
    }
}

#[test]
fn requests_signed_with_v1_are_checked_in_order() {
    let cloud = Cloud::new();
    let base = || {
        v1(
            "GET",
            &[("Action", "DescribeRegions"), ("Format", "json")],
            cloud.now,
        )
    };
    assert_eq!(code(&cloud, &get(&base())), "200");
    let changed = |name: &str, value: Option<&str>| {
        let mut params = base();
        params.retain(|(n, _)| n != name);
        if let Some(value) = value {
            params.push((name.into(), value.into()));
        }
        get(&params)
    };
    for name in [
        "Action",
        "Version",
        "AccessKeyId",
        "Timestamp",
        "SignatureNonce",
        "Signature",
        "SignatureMethod",
        "SignatureVersion",
    ] {
        assert_eq!(
            code(&cloud, &changed(name, None)),
            "400 MissingParameter",
            "{name}"
        );
    }
    for (name, value, expected) in [
        ("SignatureMethod", "HMAC-MD5", "400 InvalidSignatureMethod"),
        ("SignatureVersion", "2.0", "400 IncompleteSignature"),
        ("SignatureType", "BEARERTOKEN", "400 UnsupportedParameter"),
        ("Signature", "abc", "400 IncompleteSignature"),
        ("AccessKeyId", "other", "404 InvalidAccessKeyId.NotFound"),
        (
            "Timestamp",
            "2026-01-02 03:04:05",
            "400 InvalidTimeStamp.Format",
        ),
        (
            "Timestamp",
            "2026-01-02T04:04:05Z",
            "400 InvalidTimeStamp.Expired",
        ),
        ("Action", "DescribeInstances", "400 SignatureDoesNotMatch"),
    ] {
        assert_eq!(
            code(&cloud, &changed(name, Some(value))),
            expected,
            "{name}={value}"
        );
    }
    let old = v1(
        "GET",
        &[
            ("Action", "DescribeRegions"),
            ("Format", "JSON"),
            ("Dummy", ""),
        ],
        cloud.now,
    );
    assert_eq!(code(&cloud, &get(&old)), "200");
    // A version of another product, signed well.
    let text: Vec<(String, String)> = base()
        .into_iter()
        .filter(|(name, _)| name != "Signature")
        .map(|(name, value)| {
            if name == "Version" {
                (name, "2016-04-28".into())
            } else {
                (name, value)
            }
        })
        .collect();
    let signature = sign::v1_signature("testsecret", &sign::v1_string_to_sign("GET", &text));
    let mut text = text;
    text.push(("Signature".into(), signature));
    assert_eq!(code(&cloud, &get(&text)), "400 InvalidVersion");
}

#[test]
fn keys_may_be_temporary_expired_or_off() {
    let now: Timestamp = NOW.parse().unwrap();
    let key = || Credential::new("testid", "testsecret");
    let ask = |key: Credential, token: Option<&str>| {
        let mut params = vec![("Action", "DescribeRegions"), ("Format", "JSON")];
        params.extend(token.map(|token| ("SecurityToken", token)));
        code(
            &Cloud::with_keys(vec![key], NOW),
            &get(&v1("GET", &params, now)),
        )
    };
    assert_eq!(ask(key().with_token("t"), Some("t")), "200");
    assert_eq!(ask(key().with_token("t"), None), "400 MissingSecurityToken");
    assert_eq!(
        ask(key().with_token("t"), Some("u")),
        "400 InvalidSecurityToken.MismatchWithAccessKey"
    );
    assert_eq!(ask(key(), Some("t")), "400 InvalidSecurityToken.Malformed");
    let expired = Credential {
        expires: Some(now),
        ..key().with_token("t")
    };
    assert_eq!(ask(expired, Some("t")), "400 InvalidSecurityToken.Expired");
    let off = Credential {
        disabled: true,
        ..key()
    };
    assert_eq!(ask(off, None), "400 InvalidAccessKeyId.Inactive");
}

#[test]
fn a_secret_is_never_shown() {
    let key = Credential::new("testid", "a-secret").with_token("a-token");
    let shown = format!("{key:?}");
    assert!(
        !shown.contains("a-secret") && !shown.contains("a-token"),
        "{shown}"
    );
    let cloud = Cloud::with(cloud::SEED, Switches::default());
    assert!(!format!("{:?}", cloud.engine).contains("testsecret"));
}

#[test]
fn without_a_wish_the_answer_is_xml() {
    let cloud = Cloud::new();
    let ask = |params: &[(&str, &str)]| cloud.send(&get(&v1("GET", params, cloud.now)));
    let answer = ask(&[
        ("Action", "DescribeSecurityGroupAttribute"),
        ("RegionId", "cn-hangzhou"),
        ("SecurityGroupId", "sg-classic"),
    ]);
    assert_eq!(answer.content_type, "text/xml;charset=utf-8");
    let text = String::from_utf8(answer.body).unwrap();
    assert!(
        text.starts_with(
            "<?xml version='1.0' encoding='UTF-8'?><DescribeSecurityGroupAttributeResponse>"
        ),
        "{text}"
    );
    assert!(
        text.contains("<Permissions><Permission><CreateTime>"),
        "{text}"
    );
    assert!(
        text.contains("<SourceCidrIp>1.2.3.4</SourceCidrIp>"),
        "{text}"
    );
    assert!(
        text.contains(&format!("<RequestId>{}</RequestId>", answer.request_id)),
        "{text}"
    );
    let refused = ask(&[("Action", "DescribeSecurityGroups"), ("Format", "XML")]);
    assert_eq!(refused.status, 400);
    let text = String::from_utf8(refused.body).unwrap();
    assert!(
        text.contains("<Error><Code>MissingParameter.RegionId</Code>"),
        "{text}"
    );
    let json = ask(&[("Action", "DescribeRegions"), ("Format", "JSON")]);
    assert_eq!(json.content_type, "application/json;charset=utf-8");
}

#[test]
fn parameters_may_be_split_between_query_and_form() {
    let cloud = Cloud::new();
    let all = v1(
        "POST",
        &[
            ("Action", "ModifySecurityGroupAttribute"),
            ("Format", "JSON"),
            ("RegionId", "cn-hangzhou"),
            ("SecurityGroupId", "sg-web"),
            ("Description", "a b+*~/入口"),
        ],
        cloud.now,
    );
    let (form, query): (Vec<_>, Vec<_>) = all
        .into_iter()
        .partition(|(name, _)| name == "SecurityGroupId" || name == "Description");
    let request = RawRequest {
        method: "POST".into(),
        path: "/".into(),
        query: sign::canonical_query(&query),
        headers: vec![(
            "content-type".into(),
            "application/x-www-form-urlencoded".into(),
        )],
        body: sign::canonical_query(&form)
            .replace("%20", "+")
            .into_bytes(),
    };
    assert_eq!(code(&cloud, &request), "200");
    let group = cloud.ok("DescribeSecurityGroupAttribute", "SecurityGroupId=sg-web");
    assert_eq!(group["Description"], "a b+*~/入口");
}

#[test]
fn a_refusal_has_every_member_of_the_clouds() {
    let cloud = Cloud::new();
    let response = cloud.send(&v3(
        "DeleteSecurityGroup",
        &[("RegionId".into(), "cn-hangzhou".into())],
        cloud.now,
    ));
    let body: Value = serde_json::from_slice(&response.body).unwrap();
    let id = &response.request_id;
    assert_eq!(
        body,
        serde_json::json!({
            "RequestId": id, "HostId": "ecs.cn-hangzhou.aliyuncs.com", "Code": "InvalidSecurityGroup.NotFound",
            "Message": "The specified security group is not found.",
            "Recommend": format!("https://api.aliyun.com/troubleshoot?q=InvalidSecurityGroup.NotFound&product=Ecs&requestId={id}"),
        })
    );
}
