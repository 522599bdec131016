//! Credentials that are missing, not taken, or renewed, and a wrong clock.

use super::*;

#[tokio::test]
async fn credentials_that_are_not_taken_are_explained_without_a_secret() {
    let echo = format!(
        "Specified signature is not matched with our calculation. server string to sign is:POST&%2F&SecurityToken%3D{TOKEN} {SECRET}"
    );
    for (answer, expected) in [
        (
            Answer::error(400, "SignatureDoesNotMatch", &echo),
            "the cloud does not take the signature (SignatureDoesNotMatch, request REQUEST-ERR): the secret of access key \
             testid is wrong, or it belongs to another key",
        ),
        (
            Answer::error(400, "IncompleteSignature", &echo),
            "the cloud does not take access key testid (IncompleteSignature, request REQUEST-ERR): Specified signature \
             is not matched with our calculation. server",
        ),
        (
            Answer::error(
                404,
                "InvalidAccessKeyId.NotFound",
                "Specified access key is not found.",
            ),
            "the cloud does not take access key testid (InvalidAccessKeyId.NotFound, request REQUEST-ERR): Specified access \
             key is not found.",
        ),
        (
            Answer::error(
                400,
                "InvalidSecurityToken.Expired",
                &format!("Token {TOKEN} is expired."),
            ),
            "the cloud does not take access key testid (InvalidSecurityToken.Expired, request REQUEST-ERR): Token *** is \
             expired.; get a new session token",
        ),
    ] {
        let (status, body) = (answer.status, answer.body);
        let server = Server::start(move |_, _| Answer {
            status,
            headers: Vec::new(),
            body: body.clone(),
        })
        .await;
        let provider = Alibaba::new(settings(&server, CredentialSource::fixed(session()))).unwrap();
        let error = provider
            .execute(&region(), &authorize(), "t")
            .await
            .unwrap_err();
        assert!(
            matches!(error, ProviderError::Credentials { .. }),
            "{error:?}"
        );
        assert_eq!(error.to_string(), expected);
        for text in [format!("{error:?}"), format!("{provider:?}")] {
            assert!(!text.contains(SECRET) && !text.contains(TOKEN), "{text}");
        }
        assert_eq!(server.asked().len(), 1);
    }
}

#[tokio::test]
async fn a_wrong_clock_is_told_by_how_much() {
    let server = Server::start(|_, _| {
        Answer::error(
            400,
            "InvalidTimeStamp.Expired",
            "Specified time stamp or date value is expired.",
        )
        .header("date", "Thu, 01 Jan 2026 00:00:00 GMT")
    })
    .await;
    let error = provider(&server)
        .execute(&region(), &authorize(), "t")
        .await
        .unwrap_err();
    let text = error.to_string();
    assert!(
        matches!(error, ProviderError::Credentials { .. }),
        "{error:?}"
    );
    assert!(text.contains("this machine's clock is "), "{text}");
    assert!(text.ends_with(" the cloud's: set it right"), "{text}");
}

#[tokio::test]
async fn a_rotated_key_is_read_again_and_the_call_repeated() {
    let file = tempfile::NamedTempFile::new().unwrap();
    let path = file.path().to_owned();
    let write = move |id: &str| {
        let profile =
            json!({"name": "p", "mode": "AK", "access_key_id": id, "access_key_secret": SECRET});
        std::fs::write(
            &path,
            json!({"current": "p", "profiles": [profile]}).to_string(),
        )
        .unwrap();
    };
    write("old");
    let server = Server::start(move |_, asked| {
        if asked.header("authorization").contains("Credential=old,") {
            write(ID);
            return Answer::error(
                404,
                "InvalidAccessKeyId.NotFound",
                "Specified access key is not found.",
            );
        }
        Answer::written()
    })
    .await;
    let variable = (
        "ALIBABA_CLOUD_CONFIG_FILE".to_owned(),
        file.path().display().to_string(),
    );
    let source =
        CredentialSource::for_account(Some("p"), None, Environment::new([variable], None)).unwrap();
    let provider = Alibaba::new(settings(&server, source)).unwrap();
    provider
        .execute(&region(), &authorize(), "t")
        .await
        .unwrap();
    let asked = server.asked();
    assert_eq!(asked.len(), 2);
    asked[1].assert_signed_with_v3();
}

#[tokio::test]
async fn missing_credentials_are_told_before_anything_is_sent() {
    let server = Server::start(|_, _| Answer::written()).await;
    let environment = Environment::default()
        .with_metadata("http://127.0.0.1:1")
        .unwrap();
    let source = CredentialSource::for_account(None, None, environment).unwrap();
    let provider = Alibaba::new(settings(&server, source)).unwrap();
    let error = provider
        .execute(&region(), &authorize(), "t")
        .await
        .unwrap_err();
    assert!(
        error.to_string().starts_with("no credentials were found:"),
        "{error}"
    );
    assert!(server.asked().is_empty());
}
