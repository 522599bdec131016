use super::*;
use std::fs;

const SECRET: &str = "s3cr3t-of-the-key";
const TOKEN: &str = "t0ken/of+the=session";

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
            {{"name": "role", "mode": "RamRoleArn", "access_key_id": "LTAIrole", "access_key_secret": "{SECRET}", "ram_role_arn": "acs:ram::1:role/r"}},
            {{"name": "guessed-role", "access_key_id": "LTAIrole", "access_key_secret": "{SECRET}", "ram_role_arn": "acs:ram::1:role/r"}},
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
        "profile `nobody` is not in ~/.aliyun/config.json; there: main, small, session, guessed, late, role, \
         guessed-role, half, empty"
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
    for profile in ["role", "guessed-role"] {
        assert_eq!(
            machine.get(Some(profile)).await.unwrap_err(),
            format!(
                "profile `{profile}` of ~/.aliyun/config.json has mode `RamRoleArn`, which this version cannot use; use \
                 a profile of mode AK or StsToken, or leave the profile out and set ALIBABA_CLOUD_ACCESS_KEY_ID, \
                 ALIBABA_CLOUD_ACCESS_KEY_SECRET and, for temporary keys, ALIBABA_CLOUD_SECURITY_TOKEN"
            )
        );
    }
    for (profile, reason) in [
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
async fn when_nothing_works_every_source_says_why() {
    let machine = Machine::new()
        .variable("ALIBABA_CLOUD_ACCESS_KEY_ID", "")
        .variable("ALIBABA_CLOUD_ACCESS_KEY_SECRET", SECRET)
        .variable("ALIBABA_CLOUD_CREDENTIALS_URI", "http://127.0.0.1:1/");
    let error = machine.get(None).await.unwrap_err();
    insta::assert_snapshot!(error, @r"
    no credentials were found:
      - environment: ALIBABA_CLOUD_ACCESS_KEY_ID is not set
      - OIDC role: ALIBABA_CLOUD_ROLE_ARN, ALIBABA_CLOUD_OIDC_PROVIDER_ARN, ALIBABA_CLOUD_OIDC_TOKEN_FILE are not all set
      - CLI profile: ~/.aliyun/config.json does not exist
      - INI profile: not supported by this version
      - role of the ECS instance: not supported by this version
      - credentials URI: not supported by this version (ALIBABA_CLOUD_CREDENTIALS_URI is set)
    set ALIBABA_CLOUD_ACCESS_KEY_ID and ALIBABA_CLOUD_ACCESS_KEY_SECRET, or run `aliyun configure`
    ");
    let machine = Machine::new()
        .config(&profiles())
        .variable("ALIBABA_CLOUD_CLI_PROFILE_DISABLED", "TRUE");
    let error = machine.get(None).await.unwrap_err();
    assert!(
        error.contains("CLI profile: ALIBABA_CLOUD_CLI_PROFILE_DISABLED is true"),
        "{error}"
    );
}

#[tokio::test]
async fn an_oidc_role_in_the_environment_is_not_passed_over_for_another_identity() {
    let machine = Machine::new()
        .config(&profiles())
        .variable("ALIBABA_CLOUD_ROLE_ARN", "acs:ram::1:role/r")
        .variable(
            "ALIBABA_CLOUD_OIDC_PROVIDER_ARN",
            "acs:ram::1:oidc-provider/p",
        )
        .variable("ALIBABA_CLOUD_OIDC_TOKEN_FILE", "/var/run/token");
    let error = machine.get(None).await.unwrap_err();
    assert!(
        error.starts_with("the environment asks for an OIDC role"),
        "{error}"
    );
    assert_eq!(machine.get(Some("main")).await, Ok(key("LTAImain")));
}

#[test]
fn a_role_is_refused_before_anything_is_read() {
    let error = CredentialSource::for_account(
        Some("main"),
        Some("acs:ram::1:role/r"),
        Environment::default(),
    )
    .unwrap_err();
    assert!(error.to_string().contains("not supported yet"), "{error}");
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
        format!("{:?}", Found::lasting(session("STS.s"))),
    ];
    for text in texts {
        assert!(!text.contains(SECRET) && !text.contains(TOKEN), "{text}");
    }
}
