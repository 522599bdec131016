//! What becomes of refusals, of trouble on the way and of calls that were made already.

use super::*;

#[tokio::test]
async fn transient_failures_are_repeated_with_the_same_token_and_a_new_nonce() {
    let server = Server::start(|number, _| match number {
        0 => Answer::error(
            400,
            "Throttling.User",
            "Request was denied due to user flow control.",
        )
        .header("x-acs-retry-after", "3"),
        1 => Answer::error(503, "ServiceUnavailable", "later"),
        2 => Answer::error(500, "InternalError", "unknown"),
        _ => Answer::written(),
    })
    .await;
    let receipt = provider(&server)
        .execute(&region(), &authorize(), "token-1")
        .await
        .unwrap();
    assert_eq!(receipt.request_id, "REQUEST-OK");
    let asked = server.asked();
    assert_eq!(asked.len(), 4);
    let mut nonces: Vec<&str> = asked.iter().map(Asked::nonce).collect();
    nonces.sort();
    nonces.dedup();
    assert_eq!(nonces.len(), 4);
    for request in &asked {
        request.assert_signed_with_v3();
        assert_eq!(request.params, asked[0].params);
        assert_eq!(request.param("ClientToken"), "token-1");
    }
}

#[tokio::test]
async fn failures_are_told_apart_by_code_and_end_with_the_attempts() {
    for (answer, shown, tries) in [
        (
            Answer::error(400, "Throttling.Api", "slow").header("x-acs-retry-after", "1"),
            r#"Throttled { code: "Throttling.Api", retry_after: Some(1ms) }"#,
            4,
        ),
        (
            Answer::error(429, "Strange", "slow"),
            r#"Throttled { code: "Strange", retry_after: None }"#,
            4,
        ),
        (
            Answer::error(403, "LastTokenProcessing", "wait"),
            r#"Throttled { code: "LastTokenProcessing", retry_after: None }"#,
            4,
        ),
        (
            Answer::error(400, "UnknownError", "unknown"),
            r#"Unavailable { message: "UnknownError: unknown", request_id: Some("REQUEST-ERR"), not_sent: false }"#,
            4,
        ),
        (
            Answer {
                body: "<html>secret</html>".to_owned(),
                ..Answer::error(502, "", "")
            },
            r#"Unavailable { message: "HTTP 502 without an error of the API", request_id: None, not_sent: false }"#,
            4,
        ),
        (
            Answer {
                body: r#"{"RequestId": "#.to_owned(),
                ..Answer::written()
            },
            r#"Unavailable { message: "the answer to AuthorizeSecurityGroup was cut off", request_id: None, not_sent: false }"#,
            4,
        ),
        (
            Answer::error(403, "AuthorizationLimitExceed", "The limit\nreaches."),
            r#"Refused { code: "AuthorizationLimitExceed", message: "The limit reaches.", request_id: "REQUEST-ERR" }"#,
            1,
        ),
        (
            Answer::error(403, "Forbidden.RAM", "User not authorized"),
            r#"Refused { code: "Forbidden.RAM", message: "User not authorized", request_id: "REQUEST-ERR" }"#,
            1,
        ),
        (
            Answer {
                body: "<html>".to_owned(),
                ..Answer::error(302, "", "")
            }
            .header("location", "http://127.0.0.1:1/"),
            r#"Refused { code: "HTTP 302", message: "the answer is not the API's; is the endpoint right, or is a proxy in the way?", request_id: "none" }"#,
            1,
        ),
    ] {
        let (status, headers, body) = (answer.status, answer.headers, answer.body);
        let server = Server::start(move |_, _| Answer {
            status,
            headers: headers.clone(),
            body: body.clone(),
        })
        .await;
        let error = provider(&server)
            .execute(&region(), &authorize(), "t")
            .await
            .unwrap_err();
        assert_eq!(format!("{error:?}"), shown);
        assert_eq!(server.asked().len(), tries, "{shown}");
    }
}

#[tokio::test]
async fn an_endpoint_that_nobody_serves_is_known_not_to_have_acted() {
    let server = Server::start(|_, _| Answer::written()).await;
    let mut settings = settings(&server, CredentialSource::fixed(session()));
    let unused = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    settings.endpoint = Some(format!("http://{}", unused.local_addr().unwrap()));
    settings.signature = SignatureVersion::V1;
    drop(unused);
    let provider = Alibaba::new(settings).unwrap();
    let error = provider
        .execute(&region(), &authorize(), "t")
        .await
        .unwrap_err();
    assert!(
        matches!(error, ProviderError::Unavailable { not_sent: true, .. }),
        "{error:?}"
    );
    assert!(
        !format!("{error:?} {error}").contains("Signature"),
        "{error:?}"
    );
}

#[tokio::test]
async fn an_answer_lost_once_leaves_the_outcome_open_whatever_comes_last() {
    use tokio::io::AsyncReadExt as _;
    let server = Server::start(|_, _| Answer::written()).await;
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let mut settings = settings(&server, CredentialSource::fixed(key()));
    settings.endpoint = Some(format!("http://{}", listener.local_addr().unwrap()));
    tokio::spawn(async move {
        // One request is taken in and not answered; after that nobody listens.
        let (mut stream, _) = listener.accept().await.unwrap();
        drop(listener);
        assert!(stream.read(&mut [0; 4096]).await.unwrap() > 0);
    });
    let provider = Alibaba::new(settings).unwrap();
    let error = provider
        .execute(&region(), &authorize(), "t")
        .await
        .unwrap_err();
    let ProviderError::Unavailable {
        message,
        not_sent: false,
        ..
    } = error
    else {
        panic!("{error:?}");
    };
    assert!(
        message.starts_with("no answer came to an earlier try, and then: "),
        "{message}"
    );
}

#[tokio::test]
async fn a_connection_that_breaks_after_the_request_leaves_the_outcome_open() {
    use tokio::io::AsyncReadExt as _;
    let server = Server::start(|_, _| Answer::written()).await;
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let mut settings = settings(&server, CredentialSource::fixed(key()));
    settings.endpoint = Some(format!("http://{}", listener.local_addr().unwrap()));
    let (sender, mut requests) = tokio::sync::mpsc::unbounded_channel();
    tokio::spawn(async move {
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut start = vec![0; 4096];
            let length = stream.read(&mut start).await.unwrap();
            let _ = sender.send(length);
        }
    });
    let provider = Alibaba::new(settings).unwrap();
    let error = provider
        .execute(&region(), &authorize(), "t")
        .await
        .unwrap_err();
    let open = matches!(
        error,
        ProviderError::Unavailable {
            not_sent: false,
            ..
        }
    );
    assert!(open, "{error:?}");
    for _ in 0..4 {
        assert!(requests.recv().await.unwrap() > 0);
    }
    assert!(requests.is_empty());
}

#[tokio::test]
async fn a_rule_that_is_gone_already_counts_as_revoked() {
    let server = Server::start(|_, asked| {
        let ids = asked.below("SecurityGroupRuleId.");
        if ids.values().any(|id| *id == "sgr-4") {
            return Answer::error(400, "InvalidParam.SecurityGroupRuleId", "not valid");
        }
        Answer::written()
    })
    .await;
    let provider = provider(&server);
    let observed = |n: u16| {
        seen(
            &format!("sgr-{n}"),
            rule(Direction::Ingress, "10.0.0.0/8", n),
        )
    };
    let alone = call(
        "sg-1",
        Direction::Ingress,
        RuleAction::Revoke(vec![observed(4)]),
    );
    let receipt = provider.execute(&region(), &alone, "t").await.unwrap();
    assert_eq!(receipt.request_id, "REQUEST-ERR");
    assert_eq!(server.asked().len(), 1);

    // Among others it makes the cloud refuse the call: the others are revoked without it.
    let batch = call(
        "sg-1",
        Direction::Ingress,
        RuleAction::Revoke((1..=8).map(observed).collect()),
    );
    provider
        .execute(&region(), &batch, &"t".repeat(64))
        .await
        .unwrap();
    let asked = server.asked().split_off(1);
    let sent: Vec<String> = asked
        .iter()
        .map(|asked| {
            asked
                .below("SecurityGroupRuleId.")
                .into_values()
                .collect::<Vec<_>>()
                .join(" ")
        })
        .collect();
    assert_eq!(
        sent,
        [
            "sgr-1 sgr-2 sgr-3 sgr-4 sgr-5 sgr-6 sgr-7 sgr-8",
            "sgr-1 sgr-2 sgr-3 sgr-4",
            "sgr-1 sgr-2",
            "sgr-3 sgr-4",
            "sgr-3",
            "sgr-4",
            "sgr-5 sgr-6 sgr-7 sgr-8",
        ]
    );
    let mut tokens: Vec<&str> = asked
        .iter()
        .map(|asked| asked.param("ClientToken"))
        .collect();
    assert!(tokens.iter().all(|token| token.len() <= 64));
    tokens.sort();
    tokens.dedup();
    assert_eq!(tokens.len(), asked.len());

    // An authorize call has no such way out.
    let server = Server::start(|_, _| Answer::error(404, "SecurityGroupRule.NotFound", "no")).await;
    let provider = Alibaba::new(settings(&server, CredentialSource::fixed(key()))).unwrap();
    let error = provider
        .execute(&region(), &authorize(), "t")
        .await
        .unwrap_err();
    assert!(matches!(error, ProviderError::Refused { .. }), "{error:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn at_most_so_many_requests_are_under_way() {
    use std::sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    };
    let (now, most) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let (inside, peak) = (Arc::clone(&now), Arc::clone(&most));
    let server = Server::start(move |_, asked| {
        peak.fetch_max(inside.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
        std::thread::sleep(Duration::from_millis(2));
        inside.fetch_sub(1, Ordering::SeqCst);
        groups(
            &[security_group("sg-1", asked.param("SecurityGroupName"))],
            "",
        )
    })
    .await;
    let mut settings = settings(&server, CredentialSource::fixed(key()));
    settings.parallelism = 1;
    let selectors: Vec<Selector> = (0..8).map(|n| named(&format!("g{n}"))).collect();
    Alibaba::new(settings)
        .unwrap()
        .find(&region(), &selectors)
        .await
        .unwrap();
    assert_eq!(most.load(Ordering::SeqCst), 1);
    assert_eq!(server.asked().len(), 8);
}

/// Runs a test of this file again with proxies in its environment, where nobody listens.
#[test]
fn proxies_are_not_asked_for_this_machine() {
    let output = std::process::Command::new(std::env::current_exe().unwrap())
        .args([
            "--exact",
            "signing::v3_requests_are_signed_and_carry_their_parameters_in_the_query",
        ])
        .envs(
            ["http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"]
                .map(|name| (name, "http://127.0.0.1:1")),
        )
        .env_remove("no_proxy")
        .env_remove("NO_PROXY")
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(
        output.status.success() && text.contains("1 passed"),
        "{text}"
    );
}

#[tokio::test]
async fn whoever_says_nothing_is_asked_a_few_times_only() {
    let server = Server::start_slow(Default::default()).await;
    let soon = Duration::from_millis(30);
    let mut settings = settings(&server, CredentialSource::fixed(key()));
    settings.timeouts = Timeouts {
        rules: soon,
        read: soon,
        write: soon,
    };
    let provider = Alibaba::new(settings).unwrap();
    let filter = GroupFilter::default();
    let error = provider.list(&region(), &filter).await.unwrap_err();
    assert!(
        error.to_string().contains("did not answer in time"),
        "{error}"
    );
    assert_eq!(server.asked().len(), 2);
    let written = provider.execute(&region(), &authorize(), "token").await;
    let error = written.unwrap_err();
    assert!(
        matches!(
            error,
            ProviderError::Unavailable {
                not_sent: false,
                ..
            }
        ),
        "{error:?}"
    );
    assert_eq!(server.asked().len(), 4);
}
