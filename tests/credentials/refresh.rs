//! When credentials are asked for again, and what happens when that fails.

use super::*;
use server::Server;

const ROLE: &str = r#"{"name": "main", "mode": "RamRoleArn", "access_key_id": "LTAIuser",
    "access_key_secret": "s3cr3t-of-the-key", "ram_role_arn": "acs:ram::1001:role/deployer"}"#;

#[tokio::test]
async fn sessions_are_renewed_three_minutes_before_their_end() {
    let world = World::new().await;
    world.profiles(ROLE);
    let cloud = world.cloud(world.source(None, None));
    read(&cloud).await.unwrap();
    let first = cloud.credentials().get().await.unwrap();
    world.pass(3600 - 181);
    read(&cloud).await.unwrap();
    assert_eq!(cloud.credentials().get().await.unwrap(), first);
    assert_eq!(world.count("AssumeRole"), 1);
    world.pass(1);
    read(&cloud).await.unwrap();
    let second = cloud.credentials().get().await.unwrap();
    assert_ne!(second, first);
    assert_eq!(world.count("AssumeRole"), 2);
    let held = cloud.credentials().held().await.unwrap();
    assert_eq!(held.expires.unwrap().as_second(), world.now() + 3600);
}

#[tokio::test]
async fn many_requests_share_one_renewal() {
    let world = World::new().await;
    world.profiles(ROLE);
    let source = world.source(None, None);
    for expected in 1..=2 {
        let all = (0..20).map(|_| source.get());
        let all = futures_util::future::join_all(all).await;
        let first = all[0].as_ref().unwrap();
        assert!(all.iter().all(|other| other.as_ref().unwrap() == first));
        assert_eq!(world.count("AssumeRole"), expected);
        world.pass(3500);
    }
}

#[tokio::test]
async fn a_renewal_that_fails_is_no_error_while_the_old_ones_last() {
    let world = World::new().await;
    world.profiles(ROLE);
    let cloud = world.cloud(world.source(Some("main"), None));
    read(&cloud).await.unwrap();
    world.profiles(&ROLE.replace("deployer", "closed"));
    world.pass(3600 - 100);
    read(&cloud).await.unwrap();
    read(&cloud).await.unwrap();
    assert_eq!(world.count("AssumeRole"), 2, "asked again at once");
    world.pass(6);
    read(&cloud).await.unwrap();
    assert_eq!(world.count("AssumeRole"), 3);
    world.pass(100);
    let error = read(&cloud).await.unwrap_err();
    assert!(
        matches!(error, ProviderError::Credentials { .. }),
        "{error:?}"
    );
    assert!(
        error
            .to_string()
            .contains("STS refused AssumeRole with NoPermission"),
        "{error}"
    );
    world.profiles(ROLE);
    world.pass(6);
    read(&cloud).await.unwrap();
}

#[tokio::test]
async fn the_source_that_won_stays_the_source() {
    let mut world = World::new().await;
    let file = world.token_file("rulekeep", 600);
    world.variable("ROLE_ARN", "acs:ram::1001:role/deployer");
    world.variable("OIDC_PROVIDER_ARN", PROVIDER);
    world.variable("OIDC_TOKEN_FILE", file.to_str().unwrap());
    world.profiles(
        r#"{"name": "main", "mode": "AK", "access_key_id": "LTAIother", "access_key_secret": "s3cr3t-of-the-key"}"#,
    );
    let cloud = world.cloud(world.source(None, None));
    read(&cloud).await.unwrap();
    world.pass(3601);
    // The token has ended: nobody else is acted as.
    let error = read(&cloud).await.unwrap_err().to_string();
    assert!(
        error.starts_with(
            "the credentials cannot be renewed: STS refused AssumeRoleWithOIDC with \
            AuthenticationFail.OIDCToken.Expired"
        ),
        "{error}"
    );
    // The file is read again at every renewal.
    world.token_file("rulekeep", 600);
    world.pass(6);
    read(&cloud).await.unwrap();
    assert_eq!(
        cloud.credentials().identity().await.unwrap().arn,
        session("deployer", "rulekeep").unwrap()
    );
}

#[tokio::test]
async fn the_current_profile_is_fixed_once_it_was_used() {
    let world = World::new().await;
    let other = r#"{"name": "other", "mode": "AK", "access_key_id": "LTAIother", "access_key_secret": "s3cr3t-of-the-key"}"#;
    world.profiles(&format!("{ROLE}, {other}"));
    let source = world.source(None, None);
    source.get().await.unwrap();
    let path = world.home.path().join(".aliyun/config.json");
    let text = fs::read_to_string(&path).unwrap();
    fs::write(
        &path,
        text.replace(r#""current": "main""#, r#""current": "other""#),
    )
    .unwrap();
    world.pass(3600);
    source.get().await.unwrap();
    assert_eq!(source.identity().await.unwrap().account_id, "1001");
}

#[tokio::test]
async fn a_refused_token_is_renewed_once_and_the_call_made_again() {
    let world = World::new().await;
    world.profiles(ROLE);
    // The client's clock is ten minutes slow: it does not see that the session has ended.
    let seconds = Arc::clone(&world.seconds);
    let slow: Clock =
        Arc::new(move || Timestamp::from_second(seconds.load(Ordering::SeqCst) - 600).unwrap());
    let environment = world.environment().with_clock(slow);
    let source = CredentialSource::for_account(None, None, environment).unwrap();
    let cloud = world.cloud(source);
    read(&cloud).await.unwrap();
    world.pass(3600);
    world.emulator.forget_calls();
    read(&cloud).await.unwrap();
    let calls: Vec<_> = world
        .emulator
        .calls()
        .into_iter()
        .map(|call| (call.action, call.code))
        .collect();
    assert_eq!(
        calls,
        [
            (
                "DescribeSecurityGroups".to_owned(),
                Some("InvalidSecurityToken.Expired".into())
            ),
            ("AssumeRole".to_owned(), None),
            ("DescribeSecurityGroups".to_owned(), None),
        ]
    );
}

#[tokio::test]
async fn what_a_failed_chain_said_is_not_asked_for_by_everybody() {
    let server = Server::start(&[(404, "")]).await;
    let world = World::new().await;
    let environment = world.environment().with_metadata(&server.endpoint).unwrap();
    let source = CredentialSource::for_account(None, None, environment).unwrap();
    let all = futures_util::future::join_all((0..10).map(|_| source.get())).await;
    assert!(all.iter().all(Result::is_err));
    assert_eq!(server.lines().len(), 2);
    world.pass(5);
    source.get().await.unwrap_err();
    assert_eq!(server.lines().len(), 4);
}

#[tokio::test]
async fn sts_is_asked_again_when_it_is_busy() {
    let end = Timestamp::from_second(START + 3600).unwrap();
    let answer = format!(
        r#"{{"Credentials": {{"AccessKeyId": "STS.x", "AccessKeySecret": "y", "SecurityToken": "z", "Expiration": "{end}"}}}}"#
    );
    let throttled = r#"{"Code": "Throttling.User", "Message": "slow", "RequestId": "R"}"#;
    let mut world = World::new().await;
    world.profiles(ROLE);
    let server = Server::start(&[(302, ""), (400, throttled), (200, &answer)]).await;
    world.variable("STS_ENDPOINT", server.endpoint.clone());
    let held = world.source(None, None).held().await.unwrap();
    assert_eq!(held.access_key_id, "STS.x");
    let asked = server.asked();
    assert_eq!(asked.len(), 3);
    for request in &asked {
        let (head, body) = request.split_once("\r\n\r\n").unwrap();
        assert!(
            head.starts_with("POST /?AccessKeyId=LTAIuser&Action=AssumeRole&"),
            "{head}"
        );
        assert!(head.contains("&Version=2015-04-01 "), "{head}");
        assert_eq!(
            body,
            "DurationSeconds=3600&RoleArn=acs%3Aram%3A%3A1001%3Arole%2Fdeployer&RoleSessionName=rulekeep"
        );
    }
    let server = Server::start(&[(503, "")]).await;
    world.variables.clear();
    world.variable("STS_ENDPOINT", server.endpoint.clone());
    let error = world.source(Some("main"), None).get().await.unwrap_err();
    assert!(
        error
            .to_string()
            .contains("STS answered AssumeRole with HTTP 503"),
        "{error}"
    );
    assert_eq!(server.asked().len(), 3);
}
