//! What STS and the gateway refuse, how it is told, and that no secret is ever in it.

use std::{
    io,
    sync::{Mutex, PoisonError},
};

use rulekeep::provider::alibaba::{credentials::Credentials, sign};

use super::*;

fn role(name: &str, more: &str, key: &str) -> String {
    format!(
        r#"{{"name": "main", "mode": "RamRoleArn", "access_key_id": "{key}", "access_key_secret": "{SECRET}",
        "ram_role_arn": "acs:ram::1001:role/{name}"{more}}}"#
    )
}

#[tokio::test]
async fn roles_that_sts_refuses() {
    let world = World::new().await;
    let long = r#", "expired_seconds": 7200"#;
    let policy = r#", "policy": "{\"Statement\": 1}""#;
    for (profile, reason) in [
        (
            role("deployer", "", "LTAIroot"),
            "NoPermission: Roles may not be assumed by root accounts.",
        ),
        (
            role("closed", "", "LTAIuser"),
            "NoPermission: You are not authorized",
        ),
        (
            role("partner", "", "LTAIuser"),
            "NoPermission: You are not authorized",
        ),
        (
            role("nobody", "", "LTAIuser"),
            "EntityNotExist.Role: The role not exists.",
        ),
        (
            role("deployer", long, "LTAIuser"),
            "InvalidParameter.DurationSeconds: ",
        ),
        (
            role("deployer", policy, "LTAIuser"),
            "InvalidParameter.PolicyGrammar: ",
        ),
        (
            role("deployer", "", "LTAInobody"),
            "InvalidAccessKeyId.NotFound: ",
        ),
    ] {
        world.profiles(&profile);
        let error = world.who(Some("main"), None).await.unwrap_err();
        let expected = format!("STS refused AssumeRole with {reason}");
        assert!(error.contains(&expected), "{error}");
        assert!(!error.contains(SECRET), "{error}");
    }
    world.profiles(&role("deployer", "", "LTAIuser").replace(SECRET, "wr0ng"));
    let error = world.who(Some("main"), None).await.unwrap_err();
    assert!(error.contains("SignatureDoesNotMatch"), "{error}");
    assert!(
        !error.contains("AccessKeyId%3D") && !error.contains("wr0ng"),
        "{error}"
    );
}

#[tokio::test]
async fn tokens_that_sts_refuses() {
    let mut world = World::new().await;
    let file = world.home.path().join("token");
    world.variable("ECS_METADATA_DISABLED", "true");
    world.variable("ROLE_ARN", "acs:ram::1001:role/deployer");
    world.variable("OIDC_PROVIDER_ARN", PROVIDER);
    world.variable("OIDC_TOKEN_FILE", file.to_str().unwrap());
    let end = Timestamp::from_second(START + 60).unwrap();
    let forged = OidcProvider {
        key: Some("other".to_owned()),
        ..provider()
    };
    for (token, reason) in [
        ("no-token-s3cr3t".to_owned(), "Invalid: "),
        (forged.token("job", "rulekeep", end), "InvalidSignature: "),
        (provider().token("job", "other", end), "AudienceNotMatch: "),
        (
            provider().token("job", "rulekeep", Timestamp::from_second(START).unwrap()),
            "Expired: This JsonWebToken is expired.",
        ),
    ] {
        fs::write(&file, &token).unwrap();
        let error = world.who(None, None).await.unwrap_err();
        let expected = format!(
            "  - OIDC role: STS refused AssumeRoleWithOIDC with AuthenticationFail.OIDCToken.{reason}"
        );
        assert!(error.contains(&expected), "{error}");
        assert!(!error.contains(&token), "{error}");
    }
    fs::write(&file, "").unwrap();
    let error = world.who(None, None).await.unwrap_err();
    assert!(
        error.contains("the token file ~/token holds no token: one has 4 to 20000 bytes"),
        "{error}"
    );
    fs::remove_file(&file).unwrap();
    let error = world.who(None, None).await.unwrap_err();
    assert!(
        error.contains("the token file ~/token cannot be read: "),
        "{error}"
    );
}

#[tokio::test]
async fn temporary_keys_are_taken_with_their_own_token_until_they_end() {
    let world = World::new().await;
    world.profiles(&role("deployer", "", "LTAIuser"));
    let source = world.source(None, None);
    let first = source.get().await.unwrap();
    let second = world.source(None, None).get().await.unwrap();
    assert!(first.access_key_id.starts_with("STS.") && first != second);
    let code = async |token: Option<String>| {
        let credentials = Credentials {
            security_token: token,
            ..Credentials::clone(&first)
        };
        let cloud = world.cloud(CredentialSource::fixed_at(
            credentials,
            clock(&world.seconds),
        ));
        match read(&cloud).await {
            Ok(()) => String::new(),
            Err(error) => error.to_string(),
        }
    };
    assert_eq!(code(first.security_token.clone()).await, "");
    assert!(code(None).await.contains("(MissingSecurityToken, "));
    let swapped = code(second.security_token.clone()).await;
    assert!(
        swapped.contains("(InvalidSecurityToken.MismatchWithAccessKey, "),
        "{swapped}"
    );
    world.pass(3600);
    let late = code(first.security_token.clone()).await;
    assert!(late.contains("(InvalidSecurityToken.Expired, "), "{late}");
}

#[tokio::test]
async fn sts_takes_the_newer_signature_as_well() {
    let world = World::new().await;
    let host = world.emulator.local_addr().to_string();
    let now = Timestamp::from_second(START).unwrap();
    let date = now.strftime("%Y-%m-%dT%H:%M:%SZ").to_string();
    let ask = async |secret: &str, nonce: &str| {
        let signed = [
            ("host", &*host),
            ("x-acs-action", "GetCallerIdentity"),
            ("x-acs-content-sha256", sign::EMPTY_SHA256),
            ("x-acs-date", &*date),
            ("x-acs-signature-nonce", nonce),
            ("x-acs-version", "2015-04-01"),
        ];
        let canonical = sign::v3_canonical_request("POST", "", &signed, sign::EMPTY_SHA256);
        let signature = sign::v3_signature(secret, &sign::v3_string_to_sign(&canonical));
        let names = sign::signed_headers(&signed);
        let client = reqwest::Client::builder().no_proxy().tls_certs_only([]);
        let mut request = client
            .build()
            .unwrap()
            .post(world.endpoint())
            .header("accept", "application/json")
            .header(
                "authorization",
                sign::v3_authorization("LTAIuser", &names, &signature),
            );
        for (name, value) in &signed[1..] {
            request = request.header(*name, *value);
        }
        let body = request.send().await.unwrap().bytes().await.unwrap();
        serde_json::from_slice::<serde_json::Value>(&body).unwrap()
    };
    assert_eq!(ask(SECRET, "1").await["Arn"], "acs:ram::1001:user/alice");
    assert_eq!(ask("wrong", "2").await["Code"], "SignatureDoesNotMatch");
    assert_eq!(ask(SECRET, "1").await["Code"], "SignatureNonceUsed");
}

#[tokio::test]
async fn identities_belong_to_the_account_of_their_key() {
    let mut world = World::new().await;
    for (key, account, kind, arn) in [
        ("LTAIuser", "1001", "RAMUser", "acs:ram::1001:user/alice"),
        ("LTAIother", "2002", "RAMUser", "acs:ram::2002:user/bob"),
        ("LTAIroot", "1001", "Account", "acs:ram::1001:root"),
    ] {
        world.variables.clear();
        world.variable("ACCESS_KEY_ID", key);
        world.variable("ACCESS_KEY_SECRET", SECRET);
        let identity = world.source(None, None).identity().await.unwrap();
        assert_eq!(
            (
                &*identity.account_id,
                &*identity.identity_type,
                &*identity.arn
            ),
            (account, kind, arn)
        );
    }
}

#[tokio::test]
async fn a_source_that_does_not_work_is_passed_over_and_told() {
    let mut world = World::new().await;
    world.profiles(&role("closed", "", "LTAIuser"));
    world.variable("ECS_METADATA", "instance");
    let held = world.source(None, None).held().await.unwrap();
    assert_eq!(held.source, "role `instance` of this ECS instance");
    assert_eq!(held.passed_over.len(), 1);
    assert!(
        held.passed_over[0].starts_with(
            "CLI profile: profile `main` of ~/.aliyun/config.json cannot take on its role: STS refused"
        ),
        "{held:?}"
    );
    // The account that names the profile gets that or nothing.
    let error = world.who(Some("main"), None).await.unwrap_err();
    assert!(error.contains("NoPermission"), "{error}");
}

/// Keeps the log.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[tokio::test]
async fn no_secret_is_in_the_log_or_in_debug_output() {
    let log = Log::default();
    let writer = log.clone();
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(tracing::Level::TRACE)
        .with_writer(move || writer.clone())
        .finish();
    let guard = tracing::subscriber::set_default(subscriber);
    let mut world = World::new().await;
    let file = world.token_file("rulekeep", 60);
    let token = fs::read_to_string(&file).unwrap();
    world.variable("ROLE_ARN", "acs:ram::1001:role/closed");
    world.variable("OIDC_PROVIDER_ARN", PROVIDER);
    world.variable("OIDC_TOKEN_FILE", file.to_str().unwrap());
    world.profiles(&role("deployer", "", "LTAIuser"));
    let cloud = world.cloud(world.source(None, Some("acs:ram::1001:role/auditor")));
    read(&cloud).await.unwrap();
    world.pass(3600);
    read(&cloud).await.unwrap();
    let held = Credentials::clone(&*cloud.credentials().get().await.unwrap());
    drop(guard);
    let log = String::from_utf8(log.0.lock().unwrap().clone()).unwrap();
    assert!(
        log.contains("is passed over: OIDC role: STS refused AssumeRoleWithOIDC"),
        "{log}"
    );
    let texts = [log, format!("{cloud:?}"), format!("{:?}", world.emulator)];
    let session_token = held.security_token.unwrap();
    for text in texts {
        for secret in [SECRET, IDP_KEY, &token, &held.secret, &session_token] {
            assert!(!text.contains(secret), "{secret} in {text}");
        }
    }
}
