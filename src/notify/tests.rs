use super::*;

fn message(lines: usize, line: &str) -> Message {
    Message {
        event: Event::Refused,
        title: "rulekeep apply was refused by the guard for 1 reason".to_owned(),
        counts: Some([3, 1, 2]),
        sections: vec![
            Section {
                title: "Refused by the guard".to_owned(),
                lines: vec!["web: emptied: all ingress rules would be deleted (4)".to_owned()],
            },
            Section {
                title: "Newly admitted".to_owned(),
                lines: vec![line.to_owned(); lines],
            },
        ],
        facts: Facts {
            project: "net".to_owned(),
            commit: Some("4f2a1c9".to_owned()),
            plan: None,
            run: None,
            link: Some("https://ci.example/1".to_owned()),
        },
    }
}

const KINDS: [Kind; 5] = [
    Kind::Webhook,
    Kind::Slack,
    Kind::DingTalk,
    Kind::Feishu,
    Kind::WeCom,
];

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(second).unwrap()
}

fn json(kind: Kind, message: &Message) -> Value {
    let url = Url::parse("https://example.com/hook").unwrap();
    serde_json::from_slice(&post(kind, &url, None, message, at(0)).body).unwrap()
}

#[test]
fn each_receiver_gets_its_own_shape() {
    let message = message(1, "web: ingress tcp/22 from 0.0.0.0/0");
    assert_eq!(
        json(Kind::DingTalk, &message),
        serde_json::json!({
            "msgtype": "markdown",
            "markdown": {
                "title": "rulekeep apply was refused by the guard for 1 reason",
                "text": "#### rulekeep apply was refused by the guard for 1 reason\n\n**Refused by the guard**\n\n\
                    - web: emptied: all ingress rules would be deleted (4)\n**Newly admitted**\n\n\
                    - web: ingress tcp/22 from 0.0.0.0/0\n- project net\n- commit 4f2a1c9\n- job https://ci.example/1",
            },
        })
    );
    let slack = json(Kind::Slack, &message);
    assert_eq!(slack["blocks"][0]["text"]["type"], "plain_text");
    let text = slack["blocks"][1]["text"]["text"].as_str().unwrap();
    assert!(
        text.starts_with("*Refused by the guard*\n• web: emptied"),
        "{text}"
    );
    let feishu = json(Kind::Feishu, &message);
    assert_eq!(feishu["msg_type"], "interactive");
    assert_eq!(feishu["card"]["header"]["template"], "red");
    assert_eq!(feishu.get("sign"), None);
    let wecom = json(Kind::WeCom, &message);
    let text = wecom["markdown"]["content"].as_str().unwrap();
    assert!(text.starts_with("### rulekeep apply was refused"), "{text}");
    let webhook = json(Kind::Webhook, &message);
    assert_eq!(webhook["event"], "refused");
    assert_eq!(webhook["destroy"], 2);
    assert_eq!(
        webhook["sections"][1]["lines"][0],
        "web: ingress tcp/22 from 0.0.0.0/0"
    );
}

#[test]
fn what_is_too_long_is_counted_and_what_matters_most_stays() {
    for line in [
        "web: ingress tcp/22 from 0.0.0.0/0",
        "\"公网\" \\ <&>",
        &"x".repeat(5_000),
    ] {
        let message = message(3_000, line);
        for kind in KINDS {
            let url = Url::parse("https://example.com/hook").unwrap();
            let post = post(kind, &url, Some("secret"), &message, at(0));
            let body = String::from_utf8(post.body).unwrap();
            let most = match kind {
                Kind::DingTalk | Kind::Feishu => 20_000,
                Kind::WeCom => 10_000,
                Kind::Slack => 16_000,
                Kind::Webhook => 12_000_000,
            };
            assert!(body.len() <= most, "{kind:?} {}", body.len());
            assert!(
                body.contains("all ingress rules would be deleted"),
                "{kind:?}"
            );
            assert!(body.contains("https://ci.example/1"), "{kind:?}");
            let value: Value = serde_json::from_str(&body).unwrap();
            match kind {
                Kind::WeCom => {
                    let text = value["markdown"]["content"].as_str().unwrap();
                    assert!(text.len() <= 4_096, "{}", text.len());
                }
                Kind::Slack => {
                    for block in value["blocks"].as_array().unwrap() {
                        let text = block["text"]["text"].as_str().unwrap();
                        assert!(text.chars().count() <= 3_000);
                    }
                }
                Kind::Webhook => assert_eq!(value["sections"][1]["left_out"], 2_000),
                Kind::DingTalk | Kind::Feishu => {}
            }
            if kind != Kind::Webhook {
                assert!(body.contains("more lines"), "{kind:?}");
            }
        }
    }
}

#[test]
fn nothing_in_a_name_becomes_a_mention_or_a_link() {
    let evil = "web <at id=all></at> <!channel> <@U1> @all [x](http://evil.example) ![y](http://evil.example)";
    for kind in [Kind::Slack, Kind::DingTalk, Kind::Feishu, Kind::WeCom] {
        let body = json(kind, &message(1, evil)).to_string();
        for word in ["<at", "<!", "<@"] {
            assert!(!body.contains(word), "{kind:?} {word}");
        }
        if kind != Kind::Slack {
            assert!(!body.contains("](") && !body.contains("@all"), "{kind:?}");
        }
    }
}

/// The documented algorithms with fixed times; the values come from the documents' own Python examples.
#[test]
fn signatures_are_those_of_the_documented_algorithms() {
    let secret = "this is secret";
    let url = Url::parse("https://oapi.dingtalk.com/robot/send?access_token=t").unwrap();
    let post = post(
        Kind::DingTalk,
        &url,
        Some(secret),
        &message(0, ""),
        at(1_577_808_000),
    );
    assert_eq!(
        post.url.as_str(),
        "https://oapi.dingtalk.com/robot/send?access_token=t&timestamp=1577808000000&sign=ijHEivi6YiCNPZOq4hZstmvZ3sPfbioAiMhP30ae7W0%3D"
    );
    let (time, sign) = feishu::sign("demo", at(1_599_360_473));
    assert_eq!(time, "1599360473");
    assert_eq!(sign, "l1N0gAcBjdwBvGm1xMjOF0XSyaLRpR7tuO5dHfhAYc8=");
    // The example of GitHub's "Validating webhook deliveries".
    assert_eq!(
        webhook::sign("It's a Secret to Everybody", b"Hello, World!"),
        "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17"
    );
}

#[test]
fn the_job_is_linked_and_empty_variables_are_not_set() {
    let stamp = crate::report::Stamp {
        timestamp: at(0),
        commit: Some("4f2a".to_owned()),
        dirty: Some(true),
    };
    let github = |name: &str| match name {
        "GITHUB_SERVER_URL" => Some("https://github.com".to_owned()),
        "GITHUB_REPOSITORY" => Some("a/b".to_owned()),
        "GITHUB_RUN_ID" => Some("7".to_owned()),
        _ => None,
    };
    let facts = Facts::new("net", &stamp, github);
    assert_eq!(
        facts.lines(),
        [
            "project net",
            "commit 4f2a with changes",
            "job https://github.com/a/b/actions/runs/7"
        ]
    );
    let empty = |name: &str| (name == "CI_JOB_URL").then(String::new);
    assert_eq!(Facts::new("net", &stamp, empty).link, None);
}
