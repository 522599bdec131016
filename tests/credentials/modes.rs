//! Every way to credentials, up to a read that the emulator takes.

use super::*;
use server::Server;

const KEYS: &str = r#""access_key_id": "LTAIuser", "access_key_secret": "s3cr3t-of-the-key""#;

#[tokio::test]
async fn keys_of_the_environment_the_profile_and_the_ini_file() {
    let alice = Ok("acs:ram::1001:user/alice".to_owned());
    let mut world = World::new().await;
    world.variable("ACCESS_KEY_ID", "LTAIuser");
    world.variable("ACCESS_KEY_SECRET", SECRET);
    assert_eq!(world.who(None, None).await, alice);

    let world = World::new().await;
    world.profiles(&format!(r#"{{"name": "main", "mode": "AK", {KEYS}}}"#));
    assert_eq!(world.who(None, None).await, alice);

    let world = World::new().await;
    world.file(
        ".alibabacloud/credentials",
        &format!(
            "[default]\ntype = access_key\naccess_key_id = LTAIuser\naccess_key_secret = {SECRET}\n"
        ),
    );
    assert_eq!(world.who(None, None).await, alice);
    // Nothing but reads and the question who it is: keys need no STS.
    assert_eq!(world.count("AssumeRole"), 0);
}

#[tokio::test]
async fn a_token_of_an_identity_provider_from_the_environment() {
    let mut world = World::new().await;
    let file = world.token_file("rulekeep", 600);
    world.variable("ROLE_ARN", "acs:ram::1001:role/deployer");
    world.variable("OIDC_PROVIDER_ARN", PROVIDER);
    world.variable("OIDC_TOKEN_FILE", file.to_str().unwrap());
    world.variable("ROLE_SESSION_NAME", "job-17");
    // It comes before profiles.
    world.profiles(&format!(r#"{{"name": "main", "mode": "AK", {KEYS}}}"#));
    assert_eq!(world.who(None, None).await, session("deployer", "job-17"));
}

#[tokio::test]
async fn roles_of_profiles() {
    let mut world = World::new().await;
    let file = world.token_file("rulekeep", 600);
    world.profiles(&format!(
        r#"
        {{"name": "main", "mode": "RamRoleArn", {KEYS}, "ram_role_arn": "acs:ram::1001:role/deployer",
          "ram_session_name": "ci", "expired_seconds": 900}},
        {{"name": "partner", "mode": "ramrolearn", {KEYS}, "ram_role_arn": "acs:ram::1001:role/partner",
          "external_id": "shared-word", "expired_seconds": 43200, "policy": "{{\"Version\": \"1\", \"Statement\": []}}"}},
        {{"name": "chained", "mode": "ChainableRamRoleArn", "source_profile": "main",
          "ram_role_arn": "acs:ram::1001:role/auditor"}},
        {{"name": "twice", "mode": "ChainableRamRoleArn", "source_profile": "chained",
          "ram_role_arn": "acs:ram::1001:role/partner", "external_id": "shared-word", "ram_session_name": "third"}},
        {{"name": "oidc", "mode": "OIDC", "oidc_provider_arn": "{PROVIDER}", "oidc_token_file": "{}",
          "ram_role_arn": "acs:ram::1001:role/auditor", "ram_session_name": "token"}},
        {{"name": "instance", "mode": "EcsRamRole"}},
        {{"name": "named", "mode": "EcsRamRole", "ram_role_name": "instance"}},
        {{"name": "through", "mode": "RamRoleArnWithRoleName", "ram_role_name": "instance",
          "ram_role_arn": "acs:ram::1001:role/auditor"}},
        {{"name": "uri", "mode": "CredentialsURI",
          "credentials_uri": "{}/latest/meta-data/ram/security-credentials/instance"}}"#,
        file.display(),
        world.endpoint(),
    ));
    world.variable("ROLE_SESSION_NAME", "from-variable");
    let instance = session("instance", "i-bp1instance00000000");
    for (profile, expected) in [
        ("main", session("deployer", "ci")),
        ("partner", session("partner", "from-variable")),
        ("chained", session("auditor", "from-variable")),
        ("twice", session("partner", "third")),
        ("oidc", session("auditor", "token")),
        ("instance", instance.clone()),
        ("named", instance.clone()),
        ("through", session("auditor", "from-variable")),
        ("uri", instance),
    ] {
        assert_eq!(world.who(Some(profile), None).await, expected, "{profile}");
    }
    let held = world.source(Some("twice"), None).held().await.unwrap();
    assert_eq!(
        held.source,
        "profile `twice` of ~/.aliyun/config.json (ChainableRamRoleArn): profile `chained` of ~/.aliyun/config.json \
         (ChainableRamRoleArn): profile `main` of ~/.aliyun/config.json (RamRoleArn): role \
         acs:ram::1001:role/deployer, then role acs:ram::1001:role/auditor, then role acs:ram::1001:role/partner"
    );
    assert_eq!(held.expires.unwrap().as_second(), START + 3600);
}

#[tokio::test]
async fn sections_of_the_ini_file() {
    let mut world = World::new().await;
    let file = world.token_file("rulekeep", 600);
    world.file(
        ".alibabacloud/credentials",
        &format!(
            "[role]\ntype = ram_role_arn\naccess_key_id = LTAIuser\naccess_key_secret = {SECRET}\n\
             role_arn = acs:ram::1001:role/deployer\nrole_session_name = ini\n\
             [instance]\ntype = ecs_ram_role\nrole_name = instance\n\
             [token]\ntype = oidc_role_arn\nrole_arn = acs:ram::1001:role/auditor\noidc_provider_arn = {PROVIDER}\n\
             oidc_token_file_path = {}\nrole_session_name = tok\n",
            file.display()
        ),
    );
    for (section, expected) in [
        ("role", session("deployer", "ini")),
        ("instance", session("instance", "i-bp1instance00000000")),
        ("token", session("auditor", "tok")),
    ] {
        world.variables.clear();
        world.variable("PROFILE", section);
        assert_eq!(world.who(None, None).await, expected, "{section}");
    }
}

#[tokio::test]
async fn the_instance_and_then_the_uri_come_last() {
    let mut world = World::new().await;
    let instance = session("instance", "i-bp1instance00000000");
    assert_eq!(world.who(None, None).await, instance);
    let held = world.source(None, None).held().await.unwrap();
    assert_eq!(held.source, "role `instance` of this ECS instance");
    assert_eq!(held.expires.unwrap().as_second(), START + 6 * 3600);

    world.variable("ECS_METADATA_DISABLED", "true");
    let uri = format!(
        "{}/latest/meta-data/ram/security-credentials/instance",
        world.endpoint()
    );
    world.variable("CREDENTIALS_URI", uri);
    assert_eq!(world.who(None, None).await, instance);
    let held = world.source(None, None).held().await.unwrap();
    assert_eq!(held.source, "credentials URI at 127.0.0.1");
}

#[tokio::test]
async fn the_role_of_the_account_is_taken_on_with_whatever_was_found() {
    let mut world = World::new().await;
    world.profiles(&format!(r#"{{"name": "main", "mode": "AK", {KEYS}}}"#));
    let role = Some("acs:ram::1001:role/deployer");
    assert_eq!(world.who(None, role).await, session("deployer", "rulekeep"));
    assert_eq!(
        world.who(Some("main"), role).await,
        session("deployer", "rulekeep")
    );
    let held = world.source(Some("main"), role).held().await.unwrap();
    assert_eq!(
        held.source,
        "profile `main` of ~/.aliyun/config.json (AK), then role acs:ram::1001:role/deployer"
    );
    world.variable("ROLE_SESSION_NAME", "night");
    assert_eq!(world.who(None, role).await, session("deployer", "night"));
}

#[cfg(unix)]
#[tokio::test]
async fn a_program_is_run_for_every_use_unless_it_says_how_long_its_keys_last() {
    let mut world = World::new().await;
    let keys =
        r#""mode": "AK", "access_key_id": "LTAIuser", "access_key_secret": "s3cr3t-of-the-key""#;
    let end = Timestamp::from_second(START + 3600).unwrap();
    let once = world.file("once.json", &format!("{{{keys}}}"));
    let lasting = world.file(
        "lasting.json",
        &format!(r#"{{{keys}, "expiration": "{end}"}}"#),
    );
    let runs = world.home.path().join("runs");
    let command = |file: &PathBuf| {
        format!(
            "sh -c 'echo x >> {}; cat {}'",
            runs.display(),
            file.display()
        )
    };
    world.profiles(&format!(
        r#"{{"name": "once", "mode": "External", "process_command": "{}"}},
           {{"name": "lasting", "mode": "External", "process_command": "{}"}}"#,
        command(&once),
        command(&lasting)
    ));
    for (profile, expected) in [("once", 3), ("lasting", 1)] {
        let cloud = world.cloud(world.source(Some(profile), None));
        for _ in 0..3 {
            read(&cloud).await.unwrap();
        }
        let count = fs::read_to_string(&runs).unwrap().lines().count();
        assert_eq!(count, expected, "{profile}");
        fs::remove_file(&runs).unwrap();
    }
    world.variable("DISABLE_EXTERNAL_PROCESS", "1");
    let error = world.who(Some("once"), None).await.unwrap_err();
    assert!(
        error.contains("which ALIBABA_CLOUD_DISABLE_EXTERNAL_PROCESS forbids"),
        "{error}"
    );
    assert!(!runs.exists());
}

#[tokio::test]
async fn metadata_without_tokens_is_taken_unless_that_is_switched_off() {
    let end = Timestamp::from_second(START + 3600).unwrap();
    let keys = format!(
        r#"{{"AccessKeyId": "STS.m", "AccessKeySecret": "{SECRET}", "SecurityToken": "t", "Expiration": "{end}", "Code": "Success"}}"#
    );
    let server = Server::start(&[(404, ""), (200, "old-role\n"), (200, &keys)]).await;
    let mut world = World::new().await;
    let source = |world: &World| {
        let environment = world.environment().with_metadata(&server.endpoint).unwrap();
        CredentialSource::for_account(None, None, environment).unwrap()
    };
    let held = source(&world).held().await.unwrap();
    assert_eq!(held.access_key_id, "STS.m");
    assert_eq!(
        server.lines(),
        [
            "PUT /latest/api/token HTTP/1.1",
            "GET /latest/meta-data/ram/security-credentials/ HTTP/1.1",
            "GET /latest/meta-data/ram/security-credentials/old-role HTTP/1.1",
        ]
    );

    let server = Server::start(&[(404, "")]).await;
    world.variable("IMDSV1_DISABLED", "true");
    let environment = world.environment().with_metadata(&server.endpoint).unwrap();
    let source = CredentialSource::for_account(None, None, environment).unwrap();
    let error = source.get().await.unwrap_err().to_string();
    assert!(
        error.contains("ALIBABA_CLOUD_IMDSV1_DISABLED forbids"),
        "{error}"
    );
    assert_eq!(server.lines(), ["PUT /latest/api/token HTTP/1.1"]);
}

#[tokio::test]
async fn a_service_that_wants_tokens_gets_one() {
    let mut world = World::with(|identities| identities.metadata_token_required = true).await;
    world.variable("IMDSV1_DISABLED", "true");
    world.variable("ECS_METADATA", "instance");
    assert_eq!(
        world.who(None, None).await,
        session("instance", "i-bp1instance00000000")
    );
}

#[tokio::test]
async fn the_metadata_service_answers_its_own_instance_only() {
    let world = World::with(|identities| identities.metadata_token_required = true).await;
    let client = reqwest::Client::builder()
        .no_proxy()
        .tls_certs_only([])
        .build();
    let client = client.unwrap();
    let url = |path: &str| format!("{}/latest/{path}", world.endpoint());
    let role = url("meta-data/ram/security-credentials/instance");
    let region = url("meta-data/region-id");
    let refused = client.get(&role).send().await.unwrap();
    assert_eq!(refused.status(), 403);
    let lifeless = client.put(url("api/token")).send().await.unwrap();
    assert_eq!(lifeless.status(), 400);
    let token = client
        .put(url("api/token"))
        .header("X-aliyun-ecs-metadata-token-ttl-seconds", "60")
        .send();
    let token = token.await.unwrap().text().await.unwrap();
    let get = async |url: &str| {
        let request = client
            .get(url)
            .header("X-aliyun-ecs-metadata-token", &token);
        let answer = request.send().await.unwrap();
        (answer.status().as_u16(), answer.text().await.unwrap())
    };
    assert_eq!(get(&region).await, (200, "cn-hangzhou".to_owned()));
    assert_eq!(get(&url("meta-data/nothing")).await.0, 404);
    let first = get(&role).await;
    assert_eq!((first.0, get(&role).await), (200, first.clone()));
    world.pass(60);
    assert_eq!(get(&role).await.0, 403, "the token has ended");
}

#[tokio::test]
async fn nobody_is_asked_who_is_not_needed() {
    let server = Server::start(&[(500, "")]).await;
    let mut world = World::new().await;
    world.variable("ACCESS_KEY_ID", "LTAIuser");
    world.variable("ACCESS_KEY_SECRET", SECRET);
    world.variable("CREDENTIALS_URI", server.endpoint.clone());
    let environment = world
        .environment()
        .with_metadata(&server.endpoint)
        .unwrap()
        .with_sts(&server.endpoint)
        .unwrap();
    let source = CredentialSource::for_account(None, None, environment).unwrap();
    read(&world.cloud(source)).await.unwrap();
    assert!(server.asked().is_empty());
}
