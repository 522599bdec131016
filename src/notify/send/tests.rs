use std::sync::{Arc, Mutex};

use axum::{
    Router,
    extract::{Request, State},
    http::StatusCode,
    response::IntoResponse as _,
};

use super::*;
use crate::notify::{Event, Facts, Section};

/// What a receiver saw, and what it answers, one after the other; the last answer stays.
#[derive(Clone, Default)]
struct Receiver {
    seen: Arc<Mutex<Vec<(String, String, String)>>>,
    answers: Arc<Mutex<Vec<(u16, &'static str)>>>,
}

impl Receiver {
    /// Its address and itself.
    async fn start(answers: &[(u16, &'static str)]) -> (String, Self) {
        let receiver = Self::default();
        receiver
            .answers
            .lock()
            .unwrap()
            .extend(answers.iter().rev());
        let app = Router::new().fallback(answer).with_state(receiver.clone());
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
        (format!("http://{address}"), receiver)
    }

    fn seen(&self) -> Vec<(String, String, String)> {
        self.seen.lock().unwrap().clone()
    }
}

async fn answer(State(receiver): State<Receiver>, request: Request) -> axum::response::Response {
    let (parts, body) = request.into_parts();
    let body = axum::body::to_bytes(body, 1 << 20).await.unwrap();
    let signature = parts.headers.get("X-Rulekeep-Signature");
    let signature = signature.map_or("", |value| value.to_str().unwrap());
    receiver.seen.lock().unwrap().push((
        parts.uri.to_string(),
        signature.to_owned(),
        String::from_utf8(body.to_vec()).unwrap(),
    ));
    let (status, text) = {
        let mut answers = receiver.answers.lock().unwrap();
        let last = answers.last().copied().unwrap_or((200, "{}"));
        if answers.len() > 1 {
            answers.pop();
        }
        last
    };
    if status == 0 {
        tokio::time::sleep(Duration::from_secs(30)).await;
    }
    (StatusCode::from_u16(status).unwrap(), text).into_response()
}

const QUICK: Patience = Patience {
    answer: Duration::from_millis(400),
    total: Duration::from_millis(2_000),
    pause: Duration::from_millis(5),
};

fn channel(kind: Kind, secret: bool) -> Channel {
    Channel {
        name: "ops".to_owned(),
        kind,
        url: Origin::Variable("HOOK".to_owned()),
        secret: secret.then(|| Origin::Variable("SECRET".to_owned())),
        on: [Event::Apply, Event::Failed].into(),
    }
}

fn message(event: Event) -> Message {
    Message {
        event,
        title: "rulekeep apply: 1 added, 0 changed, 0 destroyed".to_owned(),
        counts: Some([1, 0, 0]),
        sections: vec![Section {
            title: "Groups".to_owned(),
            lines: vec!["web (demo/cn-hangzhou/sg-web): +1 ~0 -0".to_owned()],
        }],
        facts: Facts::default(),
    }
}

/// The warnings of one message to one channel.
async fn told(channel: Channel, url: &str, message: Message) -> Vec<String> {
    let variable = |name: &str| match name {
        "HOOK" => Some(url.to_owned()),
        "SECRET" => Some("hunter2secret".to_owned()),
        _ => None,
    };
    tell(&[channel], &[message], Path::new("."), variable, QUICK).await
}

#[tokio::test]
async fn each_kind_is_told_and_signed_as_it_wants() {
    let nothing = [""; 0];
    let (base, receiver) = Receiver::start(&[(200, r#"{"errcode":0,"errmsg":"ok"}"#)]).await;
    let url = format!("{base}/robot/send?access_token=tokentoken");
    assert_eq!(
        told(channel(Kind::DingTalk, true), &url, message(Event::Apply)).await,
        nothing
    );
    assert_eq!(
        told(channel(Kind::WeCom, false), &url, message(Event::Apply)).await,
        nothing
    );
    let seen = receiver.seen();
    assert!(
        seen[0]
            .0
            .starts_with("/robot/send?access_token=tokentoken&timestamp="),
        "{seen:?}"
    );
    assert!(seen[0].0.contains("&sign="), "{seen:?}");
    assert!(seen[1].2.contains("\"markdown\""), "{seen:?}");

    let (base, receiver) = Receiver::start(&[(200, r#"{"code":0}"#)]).await;
    assert_eq!(
        told(channel(Kind::Feishu, true), &base, message(Event::Apply)).await,
        nothing
    );
    let body: Value = serde_json::from_str(&receiver.seen()[0].2).unwrap();
    let time: i64 = body["timestamp"].as_str().unwrap().parse().unwrap();
    let signed =
        crate::notify::feishu::sign("hunter2secret", Timestamp::from_second(time).unwrap());
    assert_eq!(body["sign"], signed.1);

    let (base, receiver) = Receiver::start(&[(204, "")]).await;
    assert_eq!(
        told(channel(Kind::Webhook, true), &base, message(Event::Apply)).await,
        nothing
    );
    let (_, signature, body) = receiver.seen().remove(0);
    assert_eq!(
        signature,
        crate::notify::webhook::sign("hunter2secret", body.as_bytes())
    );
}

#[tokio::test]
async fn only_what_a_channel_wants_is_sent() {
    let (base, receiver) = Receiver::start(&[]).await;
    assert_eq!(
        told(channel(Kind::Slack, false), &base, message(Event::Drift)).await,
        [""; 0]
    );
    assert_eq!(receiver.seen().len(), 0);
}

#[tokio::test]
async fn what_may_pass_is_tried_again_and_what_stays_is_not() {
    let (base, receiver) = Receiver::start(&[(500, ""), (429, ""), (200, "")]).await;
    assert_eq!(
        told(channel(Kind::Slack, false), &base, message(Event::Apply)).await,
        [""; 0]
    );
    assert_eq!(receiver.seen().len(), 3);

    let (base, receiver) = Receiver::start(&[(503, "")]).await;
    assert_eq!(
        told(channel(Kind::Slack, false), &base, message(Event::Apply)).await,
        ["ops was not told: it answered with HTTP 503"]
    );
    assert_eq!(receiver.seen().len(), 3);

    let (base, receiver) = Receiver::start(&[(302, "")]).await;
    assert_eq!(
        told(channel(Kind::Slack, false), &base, message(Event::Apply)).await,
        ["ops was not told: it answered with HTTP 302"]
    );
    assert_eq!(receiver.seen().len(), 1);
}

#[tokio::test]
async fn a_receiver_that_never_answers_is_left_in_time() {
    let (base, _) = Receiver::start(&[(0, "")]).await;
    let begun = std::time::Instant::now();
    assert_eq!(
        told(channel(Kind::Slack, false), &base, message(Event::Apply)).await,
        ["ops was not told: it did not answer in time"]
    );
    assert!(begun.elapsed() < Duration::from_secs(10));
}

#[tokio::test]
async fn no_warning_holds_a_url_or_a_secret() {
    let evil = r#"{"errcode":310000,"errmsg":"sign not match, tokentoken hunter2secret"}"#;
    let (base, _) = Receiver::start(&[(200, evil)]).await;
    let url = format!("{base}/robot/send?access_token=tokentoken");
    assert_eq!(
        told(channel(Kind::DingTalk, true), &url, message(Event::Apply)).await,
        ["ops was not told: it answered 310000 sign not match, *** ***"]
    );
    for (url, said) in [
        (
            "http://127.0.0.1:1/services/T0/B0/tokentoken",
            "it cannot be reached",
        ),
        ("tokentoken", "HOOK holds no URL"),
        (
            "http://hooks.example.com/tokentoken",
            "HOOK holds no https:// URL",
        ),
        ("", "HOOK is empty"),
    ] {
        assert_eq!(
            told(channel(Kind::Slack, false), url, message(Event::Apply)).await,
            [format!("ops was not told: {said}")]
        );
    }
    let (channels, messages) = ([channel(Kind::Slack, false)], [message(Event::Apply)]);
    let unset = tell(&channels, &messages, Path::new("."), |_| None, QUICK);
    assert_eq!(
        unset.await,
        ["ops was not told: the variable HOOK is not set"]
    );
    let mut of_file = channel(Kind::Slack, false);
    of_file.url = Origin::File("no/such/file".into());
    let warnings = told(of_file, "", message(Event::Apply)).await;
    assert!(
        warnings[0].starts_with("ops was not told: no/such/file cannot be read: "),
        "{warnings:?}"
    );
}
