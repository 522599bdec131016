//! The sources of credentials from end to end: found in an injected home folder and environment, exchanged at the
//! emulator's STS and metadata service, used to sign requests that the emulator checks. One clock drives both sides.

mod modes;
mod refresh;
mod refusals;
mod server;

use std::{
    fs,
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
    time::Duration,
};

use jiff::Timestamp;
use rulekeep::{
    desired::Selector,
    emulator::{
        Config, Credential, Emulator, EmulatorHandle, Identities, OidcProvider, Principal, RamRole,
        Seed,
    },
    model::{GroupName, RegionId},
    provider::{
        Provider, ProviderError,
        alibaba::{
            Alibaba, RetryPolicy, Settings,
            credentials::{Clock, CredentialSource, Environment},
        },
    },
};

const SECRET: &str = "s3cr3t-of-the-key";
const IDP_KEY: &str = "k3y-of-the-idp";
const PROVIDER: &str = "acs:ram::1001:oidc-provider/ci";
const START: i64 = 1_767_323_045; // 2026-01-02T03:04:05Z

const SEED: &str = r#"{"version": 1, "owner": "1001", "security_groups": [
    {"id": "sg-bp1web000000000000", "name": "web", "vpc": "vpc-bp1demo00000000000"}
]}"#;

/// An emulator, and a machine that talks to it.
struct World {
    emulator: EmulatorHandle,
    home: tempfile::TempDir,
    variables: Vec<(String, String)>,
    seconds: Arc<AtomicI64>,
}

impl World {
    async fn new() -> Self {
        Self::with(|_| {}).await
    }

    async fn with(change: impl FnOnce(&mut Identities)) -> Self {
        let seconds = Arc::new(AtomicI64::new(START));
        let user = |account: &str, name: &str| Principal::User {
            account: account.to_owned(),
            name: name.to_owned(),
        };
        let role = |name: &str| RamRole::new(format!("acs:ram::1001:role/{name}"));
        let mut identities = Identities {
            principals: [
                ("LTAIuser".to_owned(), user("1001", "alice")),
                ("LTAIother".to_owned(), user("2002", "bob")),
                (
                    "LTAIroot".to_owned(),
                    Principal::Root {
                        account: "1001".to_owned(),
                    },
                ),
            ]
            .into(),
            roles: Some(vec![
                role("deployer"),
                role("auditor"),
                role("instance"),
                RamRole {
                    external_id: Some("shared-word".to_owned()),
                    max_session: 43_200,
                    ..role("partner")
                },
                RamRole {
                    trusts: Some(vec!["LTAIother".to_owned()]),
                    ..role("closed")
                },
            ]),
            oidc: vec![provider()],
            instance_role: Some("acs:ram::1001:role/instance".to_owned()),
            metadata_token_required: false,
        };
        change(&mut identities);
        let emulator = Emulator::start(Config {
            credentials: ["LTAIuser", "LTAIother", "LTAIroot"]
                .map(|id| Credential::new(id, SECRET))
                .into(),
            seed: Some(Seed::Text(SEED.to_owned())),
            clock: clock(&seconds),
            identities,
            ..Config::default()
        })
        .await
        .unwrap();
        Self {
            emulator,
            home: tempfile::tempdir().unwrap(),
            variables: Vec::new(),
            seconds,
        }
    }

    fn endpoint(&self) -> String {
        format!("http://{}", self.emulator.local_addr())
    }

    fn variable(&mut self, name: &str, value: impl Into<String>) {
        self.variables
            .push((format!("ALIBABA_CLOUD_{name}"), value.into()));
    }

    /// A file below the home folder.
    fn file(&self, name: &str, text: &str) -> PathBuf {
        let path = self.home.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, text).unwrap();
        path
    }

    /// Profiles of the aliyun CLI, given as the inside of the list.
    fn profiles(&self, profiles: &str) {
        let text = format!(r#"{{"current": "main", "profiles": [{profiles}]}}"#);
        self.file(".aliyun/config.json", &text);
    }

    fn token_file(&self, audience: &str, lasts: i64) -> PathBuf {
        let end = Timestamp::from_second(self.now() + lasts).unwrap();
        self.file("token", &provider().token("job", audience, end))
    }

    fn now(&self) -> i64 {
        self.seconds.load(Ordering::SeqCst)
    }

    fn pass(&self, seconds: i64) {
        self.seconds.fetch_add(seconds, Ordering::SeqCst);
    }

    fn environment(&self) -> Environment {
        let home = Some(self.home.path().to_owned());
        Environment::new(self.variables.iter().cloned(), home)
            .with_clock(clock(&self.seconds))
            .with_sts(&self.endpoint())
            .unwrap()
            .with_metadata(&self.endpoint())
            .unwrap()
            .with_pause(Duration::from_millis(1))
    }

    fn source(&self, profile: Option<&str>, role: Option<&str>) -> CredentialSource {
        CredentialSource::for_account(profile, role, self.environment()).unwrap()
    }

    fn cloud(&self, source: CredentialSource) -> Alibaba {
        Alibaba::new(Settings {
            endpoint: Some(self.endpoint()),
            retry: RetryPolicy {
                attempts: 1,
                connects: 1,
                silences: 1,
                base: Duration::from_millis(1),
                cap: Duration::from_millis(1),
                patience: Duration::ZERO,
            },
            ..Settings::new(source)
        })
        .unwrap()
    }

    /// Reads with the credentials of a source and says who the cloud takes them for.
    async fn who(&self, profile: Option<&str>, role: Option<&str>) -> Result<String, String> {
        let cloud = self.cloud(self.source(profile, role));
        read(&cloud).await.map_err(|error| error.to_string())?;
        let identity = cloud.credentials().identity().await;
        identity
            .map(|identity| identity.arn)
            .map_err(|error| error.to_string())
    }

    /// How often an action was called.
    fn count(&self, action: &str) -> usize {
        let calls = self.emulator.calls();
        calls.iter().filter(|call| call.action == action).count()
    }
}

/// One signed read, which must find the group of the seed.
async fn read(cloud: &Alibaba) -> Result<(), ProviderError> {
    let web = Selector::Name {
        name: GroupName::new("web"),
        vpc: None,
    };
    let found = cloud.find(&RegionId::new("cn-hangzhou"), &[web]).await?;
    assert_eq!(found[0].len(), 1);
    Ok(())
}

fn provider() -> OidcProvider {
    OidcProvider {
        arn: PROVIDER.to_owned(),
        audiences: vec!["rulekeep".to_owned()],
        key: Some(IDP_KEY.to_owned()),
        tokens: Vec::new(),
    }
}

fn clock(seconds: &Arc<AtomicI64>) -> Clock {
    let seconds = Arc::clone(seconds);
    Arc::new(move || Timestamp::from_second(seconds.load(Ordering::SeqCst)).unwrap())
}

fn session(role: &str, name: &str) -> Result<String, String> {
    Ok(format!("acs:ram::1001:assumed-role/{role}/{name}"))
}
