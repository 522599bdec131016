use super::*;
use std::fs;

const SECRET: &str = "s3cr3t-of-the-key";
const TOKEN: &str = "t0ken/of+the=session";

/// A port that nobody listens on.
const NOBODY: &str = "http://127.0.0.1:1";

struct Machine {
    home: tempfile::TempDir,
    variables: Vec<(String, String)>,
}

impl Machine {
    fn new() -> Self {
        Self {
            home: tempfile::tempdir().unwrap(),
            variables: Vec::new(),
        }
    }

    fn variable(mut self, name: &str, value: &str) -> Self {
        self.variables.push((name.to_owned(), value.to_owned()));
        self
    }

    fn config(self, text: &str) -> Self {
        let folder = self.home.path().join(".aliyun");
        fs::create_dir_all(&folder).unwrap();
        fs::write(folder.join("config.json"), text).unwrap();
        self
    }

    fn environment(&self) -> Environment {
        Environment::new(
            self.variables.iter().cloned(),
            Some(self.home.path().to_owned()),
        )
        .with_metadata(NOBODY)
        .unwrap()
    }

    async fn get(&self, profile: Option<&str>) -> Result<Credentials, String> {
        let source = CredentialSource::for_account(profile, None, self.environment()).unwrap();
        let home = self.home.path().display().to_string();
        match source.get().await {
            Ok(credentials) => Ok(Credentials::clone(&credentials)),
            Err(error) => Err(error.to_string().replace(&home, "~")),
        }
    }
}

fn key(id: &str) -> Credentials {
    Credentials {
        access_key_id: id.to_owned(),
        secret: SECRET.to_owned(),
        security_token: None,
    }
}

fn session(id: &str) -> Credentials {
    Credentials {
        security_token: Some(TOKEN.to_owned()),
        ..key(id)
    }
}

fn profiles() -> String {
    format!(
        r#"{{"current": "main", "meta_path": "", "profiles": [
            {{"name": "main", "mode": "AK", "access_key_id": "LTAImain", "access_key_secret": "{SECRET}", "retry_count": 0}},
            {{"name": "small", "mode": "ak", "access_key_id": "LTAIsmall", "access_key_secret": "{SECRET}"}},
            {{"name": "session", "mode": "StsToken", "access_key_id": "STS.s", "access_key_secret": "{SECRET}", "sts_token": "{TOKEN}"}},
            {{"name": "guessed", "mode": "", "access_key_id": "STS.g", "access_key_secret": "{SECRET}", "sts_token": "{TOKEN}"}},
            {{"name": "late", "mode": "StsToken", "access_key_id": "STS.l", "access_key_secret": "{SECRET}", "sts_token": "{TOKEN}", "sts_expiration": 1700000000}},
            {{"name": "key-pair", "private_key": "{SECRET}", "key_pair_name": "k"}},
            {{"name": "bearer", "bearer_token": "{SECRET}"}},
            {{"name": "anonymous", "mode": "Anonymous"}},
            {{"name": "future", "mode": "Quantum"}},
            {{"name": "sso", "mode": "CloudSSO", "access_key_id": "STS.c", "access_key_secret": "{SECRET}", "sts_token": "{TOKEN}", "sts_expiration": 1700000000}},
            {{"name": "sso-good", "mode": "CloudSSO", "access_key_id": "STS.c", "access_key_secret": "{SECRET}", "sts_token": "{TOKEN}", "sts_expiration": 4000000000}},
            {{"name": "oauth", "mode": "OAuth", "oauth_refresh_token": "{SECRET}"}},
            {{"name": "oauth-good", "mode": "OAuth", "access_key_id": "STS.o", "access_key_secret": "{SECRET}", "sts_token": "{TOKEN}", "sts_expiration": 4000000000}},
            {{"name": "a", "mode": "ChainableRamRoleArn", "source_profile": "b", "ram_role_arn": "acs:ram::1:role/a"}},
            {{"name": "b", "mode": "ChainableRamRoleArn", "source_profile": "c", "ram_role_arn": "acs:ram::1:role/b"}},
            {{"name": "c", "mode": "ChainableRamRoleArn", "source_profile": "b", "ram_role_arn": "acs:ram::1:role/c"}},
            {{"name": "badly-based", "mode": "ChainableRamRoleArn", "source_profile": "half", "ram_role_arn": "acs:ram::1:role/a"}},
            {{"name": "short", "mode": "RamRoleArn", "access_key_id": "a", "access_key_secret": "{SECRET}", "ram_role_arn": "acs:ram::1:role/a", "expired_seconds": 60}},
            {{"name": "no-role", "mode": "RamRoleArn", "access_key_id": "a", "access_key_secret": "{SECRET}", "ram_role_arn": "adminrole"}},
            {{"name": "half", "mode": "AK", "access_key_id": "LTAIhalf"}},
            {{"name": "empty"}}
        ]}}"#
    )
}

#[tokio::test]
async fn the_environment_comes_first_and_a_token_makes_it_a_session() {
    let machine = Machine::new()
        .config(&profiles())
        .variable("ALIBABA_CLOUD_ACCESS_KEY_ID", "LTAIenv")
        .variable("ALIBABA_CLOUD_ACCESS_KEY_SECRET", SECRET);
    assert_eq!(machine.get(None).await, Ok(key("LTAIenv")));
    let machine = machine.variable("ALIBABA_CLOUD_SECURITY_TOKEN", TOKEN);
    assert_eq!(machine.get(None).await, Ok(session("LTAIenv")));
}

#[tokio::test]
async fn the_profile_is_that_of_the_account_then_of_the_environment_then_the_current_one() {
    let machine = Machine::new().config(&profiles());
    assert_eq!(machine.get(None).await, Ok(key("LTAImain")));
    let machine = machine.variable("ALIBABA_CLOUD_PROFILE", "small");
    assert_eq!(machine.get(None).await, Ok(key("LTAIsmall")));
    assert_eq!(machine.get(Some("session")).await, Ok(session("STS.s")));
    assert_eq!(machine.get(Some("guessed")).await, Ok(session("STS.g")));
}

#[tokio::test]
async fn a_profile_of_the_account_is_the_only_source() {
    let machine = Machine::new()
        .config(&profiles())
        .variable("ALIBABA_CLOUD_ACCESS_KEY_ID", "LTAIenv")
        .variable("ALIBABA_CLOUD_ACCESS_KEY_SECRET", SECRET)
        .variable("ALIBABA_CLOUD_CLI_PROFILE_DISABLED", "true");
    assert_eq!(machine.get(Some("main")).await, Ok(key("LTAImain")));
    assert_eq!(
        machine.get(Some("nobody")).await.unwrap_err(),
        "profile `nobody` is not in ~/.aliyun/config.json; there: main, small, session, guessed, late, key-pair, bearer, \
         anonymous, future, sso, sso-good, oauth, oauth-good, a, b, c, badly-based, short, no-role, half, empty"
    );
}

#[tokio::test]
async fn the_file_may_lie_elsewhere() {
    let elsewhere = tempfile::NamedTempFile::new().unwrap();
    fs::write(elsewhere.path(), profiles()).unwrap();
    let machine = Machine::new().variable(
        "ALIBABA_CLOUD_CONFIG_FILE",
        elsewhere.path().to_str().unwrap(),
    );
    assert_eq!(machine.get(None).await, Ok(key("LTAImain")));
}

#[tokio::test]
async fn a_mode_that_cannot_be_used_is_named_with_a_way_out() {
    let machine = Machine::new().config(&profiles());
    for (profile, reason) in [
        (
            "key-pair",
            "has mode `RsaKeyPair`, which the cloud has deprecated; run `aliyun configure --mode AK` for an access key",
        ),
        (
            "bearer",
            "has mode `BearerToken`, which signs nothing, and the ECS API takes signed requests only; use another profile",
        ),
        (
            "anonymous",
            "has mode `Anonymous`, which signs nothing, and the ECS API takes signed requests only; use another profile",
        ),
        (
            "future",
            "has mode `Quantum`, which is none that this program knows: AK, StsToken, RamRoleArn, EcsRamRole, OIDC, \
             ChainableRamRoleArn, RamRoleArnWithRoleName, External, CredentialsURI, CloudSSO and OAuth",
        ),
        (
            "sso",
            "has a session token that expired at 2023-11-14T22:13:20Z; run `aliyun sts GetCallerIdentity --profile sso` to \
             renew it, or `aliyun configure --mode CloudSSO --profile sso` to sign in again",
        ),
        (
            "oauth",
            "has mode `OAuth`, but nobody has signed in yet; run `aliyun sts GetCallerIdentity --profile oauth` to \
             renew it, or `aliyun configure --mode OAuth --profile oauth` to sign in again",
        ),
        (
            "half",
            "has mode `AK`, but no `access_key_secret`; run `aliyun configure` for it",
        ),
        (
            "empty",
            "says neither a mode nor keys; run `aliyun configure` for it",
        ),
        (
            "late",
            "has a session token that expired at 2023-11-14T22:13:20Z; get a new one",
        ),
    ] {
        assert_eq!(
            machine.get(Some(profile)).await.unwrap_err(),
            format!("profile `{profile}` of ~/.aliyun/config.json {reason}")
        );
    }
}

#[tokio::test]
async fn keys_that_a_browser_login_left_in_the_profile_are_used() {
    let machine = Machine::new().config(&profiles());
    assert_eq!(machine.get(Some("sso-good")).await, Ok(session("STS.c")));
    assert_eq!(machine.get(Some("oauth-good")).await, Ok(session("STS.o")));
}

#[tokio::test]
async fn profiles_that_lead_to_each_other_must_lead_somewhere() {
    let machine = Machine::new().config(&profiles());
    assert_eq!(
        machine.get(Some("a")).await.unwrap_err(),
        "the profiles of ~/.aliyun/config.json go round in a circle: a -> b -> c -> b"
    );
    assert_eq!(
        machine.get(Some("badly-based")).await.unwrap_err(),
        "profile `half` of ~/.aliyun/config.json has mode `AK`, but no `access_key_secret`; run `aliyun configure` for it"
    );
}

#[tokio::test]
async fn a_role_that_cannot_be_is_refused_before_sts_is_asked() {
    let machine = Machine::new().config(&profiles());
    for (profile, reason) in [
        (
            "short",
            "a role session of 60 s is too short: 900 s is the shortest",
        ),
        (
            "no-role",
            "`adminrole` is no ARN of a role; one looks like `acs:ram::1234567890123456:role/NAME`",
        ),
    ] {
        let error = machine.get(Some(profile)).await.unwrap_err();
        assert!(
            error.ends_with(&format!("cannot take on its role: {reason}")),
            "{error}"
        );
    }
    let environment = machine
        .variable("ALIBABA_CLOUD_ROLE_SESSION_NAME", "a b")
        .environment();
    let error =
        CredentialSource::for_account(None, Some("acs:ram::1:role/r"), environment).unwrap_err();
    assert!(
        error
            .to_string()
            .contains("`a b` cannot name a role session"),
        "{error}"
    );
}

#[tokio::test]
async fn when_nothing_works_every_source_says_why() {
    let machine = Machine::new()
        .variable("ALIBABA_CLOUD_ACCESS_KEY_ID", "")
        .variable("ALIBABA_CLOUD_ACCESS_KEY_SECRET", SECRET)
        .variable("ALIBABA_CLOUD_ECS_METADATA_DISABLED", "true")
        .variable(
            "ALIBABA_CLOUD_CREDENTIALS_URI",
            "http://198.51.100.1/?key=s3cr3t-of-the-key",
        );
    let error = machine.get(None).await.unwrap_err();
    insta::assert_snapshot!(error, @"
    no credentials were found:
      - environment: ALIBABA_CLOUD_ACCESS_KEY_ID is not set
      - OIDC role: ALIBABA_CLOUD_ROLE_ARN, ALIBABA_CLOUD_OIDC_PROVIDER_ARN, ALIBABA_CLOUD_OIDC_TOKEN_FILE are not all set
      - CLI profile: ~/.aliyun/config.json does not exist
      - INI profile: ~/.alibabacloud/credentials does not exist
      - role of the ECS instance: ALIBABA_CLOUD_ECS_METADATA_DISABLED is true
      - credentials URI: the credentials URI at 198.51.100.1 must use https; plain http is for this machine's own addresses and 100.100.100.200 only
    set ALIBABA_CLOUD_ACCESS_KEY_ID and ALIBABA_CLOUD_ACCESS_KEY_SECRET, or run `aliyun configure`
    ");
    let machine = Machine::new()
        .config(&profiles())
        .variable("ALIBABA_CLOUD_CLI_PROFILE_DISABLED", "TRUE");
    let error = machine.get(None).await.unwrap_err();
    for reason in [
        "CLI profile: ALIBABA_CLOUD_CLI_PROFILE_DISABLED is true",
        "role of the ECS instance: the metadata service (127.0.0.1:1) gave no answer: it cannot be reached",
        "credentials URI: ALIBABA_CLOUD_CREDENTIALS_URI is not set",
    ] {
        assert!(error.contains(reason), "{error}");
    }
}

#[tokio::test]
async fn the_ini_file_comes_after_the_profiles() {
    let ini = tempfile::NamedTempFile::new().unwrap();
    fs::write(
        ini.path(),
        format!(
            "[default]\ntype = access_key\naccess_key_id = LTAIini\naccess_key_secret = {SECRET}\n\
             [small]\ntype = access_key\naccess_key_id = LTAIsmallini\naccess_key_secret = {SECRET}\n\
             [pair]\ntype = rsa_key_pair\n[typeless]\nx = y\n[half]\ntype = access_key\naccess_key_id = a\n"
        ),
    )
    .unwrap();
    let with = |profile: &str| {
        let path = ini.path().to_str().unwrap();
        Machine::new()
            .variable("ALIBABA_CLOUD_CREDENTIALS_FILE", path)
            .variable("ALIBABA_CLOUD_PROFILE", profile)
    };
    assert_eq!(with("").get(None).await, Ok(key("LTAIini")));
    assert_eq!(with("small").get(None).await, Ok(key("LTAIsmallini")));
    assert_eq!(
        with("small").config(&profiles()).get(None).await,
        Ok(key("LTAIsmall"))
    );
    for (section, reason) in [
        (
            "pair",
            "has type `rsa_key_pair`, which the cloud has deprecated",
        ),
        ("typeless", "has no `type`"),
        ("half", "has type `access_key`, but no `access_key_secret`"),
        ("nobody", "has no section [nobody]"),
    ] {
        let error = with(section).get(None).await.unwrap_err();
        assert!(error.contains(reason) && !error.contains(SECRET), "{error}");
    }
}

#[tokio::test]
async fn the_ini_file_may_have_either_librarys_name() {
    for name in ["credentials", "credentials.ini"] {
        let machine = Machine::new();
        let folder = machine.home.path().join(".alibabacloud");
        fs::create_dir_all(&folder).unwrap();
        let text = format!(
            "[default]\ntype=access_key\naccess_key_id=LTAI{name}\naccess_key_secret={SECRET}\n"
        );
        fs::write(folder.join(name), text).unwrap();
        assert_eq!(machine.get(None).await, Ok(key(&format!("LTAI{name}"))));
    }
}

#[tokio::test]
async fn a_broken_file_is_told_by_its_place_without_its_text() {
    for (text, expected) in [
        (
            format!("{{\"profiles\": [{{\"access_key_secret\": \"{SECRET}\" oops"),
            "profile `main`",
        ),
        (format!("{{\"profiles\": \"{SECRET}\"}}"), "profile `main`"),
        (
            format!("{{\"profiles\": [{{\"sts_expiration\": \"{SECRET}\"}}]}}"),
            "",
        ),
    ] {
        let machine = Machine::new().config(&text);
        let error = machine.get(Some("main")).await.unwrap_err();
        assert!(!error.contains(SECRET), "{error} {expected}");
        assert!(error.contains("(line 1, column "), "{error}");
    }
}

#[tokio::test]
async fn other_credentials_in_the_file_replace_those_that_were_refused() {
    let machine = Machine::new().config(&profiles());
    let source = CredentialSource::for_account(None, None, machine.environment()).unwrap();
    let first = source.get().await.unwrap();
    assert_eq!(source.renewed(&first).await, Ok(None));
    let machine = machine.config(&profiles().replace("LTAImain", "LTAInext"));
    assert_eq!(source.get().await.unwrap(), first);
    let second = source.renewed(&first).await.unwrap().unwrap();
    assert_eq!(*second, key("LTAInext"));
    assert_eq!(source.get().await.unwrap(), second);
    drop(machine);
}

#[test]
fn debug_output_holds_no_secret() {
    let machine = Machine::new().variable("ALIBABA_CLOUD_ACCESS_KEY_SECRET", SECRET);
    let source = CredentialSource::fixed(session("STS.s"));
    let texts = [
        format!("{:?}", session("STS.s")),
        format!("{source:?}"),
        format!("{:?}", machine.environment()),
        format!("{:?}", Found::lasting(session("STS.s"), String::new())),
    ];
    for text in texts {
        assert!(!text.contains(SECRET) && !text.contains(TOKEN), "{text}");
    }
}
