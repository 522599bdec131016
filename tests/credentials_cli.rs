//! `check-creds` of the binary against an emulator.

use std::{
    fs,
    path::Path,
    process::{Command, Output, Stdio},
};

use rulekeep::emulator::{Config, Credential, Emulator, EmulatorHandle, Seed};
use snapbox::{assert_data_eq, prelude::*, str};

const SECRET: &str = "s3cr3t-of-the-key";

const SEED: &str = r#"{"version": 1, "owner": "1234567890123456", "security_groups": [
    {"id": "sg-bp1web000000000000", "name": "web", "vpc": "vpc-bp1demo00000000000"}
]}"#;

/// The binary without anything of the caller's environment that it listens to.
fn rulekeep(folder: &Path, arguments: &[&str], variables: &[(&str, &str)]) -> Output {
    let mut command = Command::new(snapbox::cmd::cargo_bin!("rulekeep"));
    for (name, _) in std::env::vars() {
        if name.starts_with("RULEKEEP_") || name.starts_with("ALIBABA_CLOUD_") {
            command.env_remove(name);
        }
    }
    command
        .current_dir(folder)
        .args(arguments)
        .env("HOME", folder)
        .env("ALIBABA_CLOUD_ECS_METADATA_DISABLED", "true")
        .envs(variables.iter().copied())
        .stdin(Stdio::null())
        .output()
        .unwrap()
}

async fn project(accounts: &str) -> (tempfile::TempDir, EmulatorHandle) {
    let emulator = Emulator::start(Config {
        credentials: vec![Credential::new("LTAIuser", SECRET)],
        seed: Some(Seed::Text(SEED.to_owned())),
        ..Config::default()
    })
    .await
    .unwrap();
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| {
        let path = folder.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    };
    let endpoint = format!("http://{}", emulator.local_addr());
    let accounts = accounts.replace("ENDPOINT", &endpoint);
    write(
        "rulekeep.yaml",
        &format!(
            "rules: rules/\naccounts:\n{accounts}defaults: {{ account: prod, region: cn-hangzhou }}\n"
        ),
    );
    write("rules/web.yaml", "group: web\nmode: partial\ningress: []\n");
    write(
        ".aliyun/config.json",
        &format!(
            r#"{{"current": "main", "profiles": [{{"name": "main", "mode": "AK", "access_key_id": "LTAIuser", "access_key_secret": "{SECRET}"}}]}}"#
        ),
    );
    (folder, emulator)
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_account_is_told_with_its_role_and_what_it_may_read() {
    let (folder, emulator) = project(
        "  demo: { local: .rulekeep/demo.json }\n  prod: { endpoint: \"ENDPOINT\", role_arn: \"acs:ram::1234567890123456:role/deployer\" }\n",
    )
    .await;
    let output = rulekeep(folder.path(), &["check-creds"], &[]);
    assert_data_eq!(
        text(&output.stdout),
        str![[r#"
demo  ok
  source     the embedded cloud in .rulekeep/demo.json, which needs no credentials

prod  ok
  source     profile `main` of ~/.aliyun/config.json (AK), then role acs:ram::1234567890123456:role/deployer
  identity   acs:ram::1234567890123456:assumed-role/deployer/rulekeep (AssumedRoleUser)
  account    1234567890123456
  key        STS.N[..]
  expires    [..], in [..] min
  region     cn-hangzhou at http://127.0.0.1:[..]
             allowed    ecs:DescribeSecurityGroups
             allowed    ecs:DescribeSecurityGroupAttribute
             allowed    ecs:DescribePrefixLists
             not asked  ecs:DescribePrefixListAttributes  no prefix list is there to ask about
             allowed    ecs:DescribePortRangeLists
             not asked  ecs:DescribePortRangeListEntries  no port list is there to ask about
  writes     not tried: the API has no try without effect; `apply` needs
             ecs:AuthorizeSecurityGroup
             ecs:AuthorizeSecurityGroupEgress
             ecs:ModifySecurityGroupRule
             ecs:ModifySecurityGroupEgressRule
             ecs:RevokeSecurityGroup
             ecs:RevokeSecurityGroupEgress

"#]]
    );
    assert_eq!(text(&output.stderr), "");
    assert_eq!(output.status.code(), Some(0));
    assert!(!folder.path().join(".rulekeep").exists());
    // Reads and the two questions to STS; nothing else.
    let calls = emulator.calls();
    let actions: Vec<_> = calls.iter().map(|call| call.action.as_str()).collect();
    assert_eq!(
        actions,
        [
            "AssumeRole",
            "GetCallerIdentity",
            "DescribeSecurityGroups",
            "DescribeSecurityGroupAttribute",
            "DescribePrefixLists",
            "DescribePortRangeLists",
        ]
    );

    let output = rulekeep(
        folder.path(),
        &["check-creds", "--account", "prod", "-o", "json"],
        &[],
    );
    let document: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let account = &document["accounts"][0];
    assert_eq!(account["ok"], true);
    assert_eq!(account["identity"]["type"], "AssumedRoleUser");
    assert_eq!(account["identity"]["account_id"], "1234567890123456");
    assert_eq!(account["regions"][0]["reads"][0]["outcome"], "allowed");
    assert_eq!(account["regions"][0]["reads"][3]["outcome"], "not_asked");
    assert_eq!(account["writes"]["tried"], false);
    assert_eq!(document["accounts"].as_array().unwrap().len(), 1);
    assert!(!text(&output.stdout).contains(SECRET));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_account_without_credentials_is_an_error_that_names_every_source() {
    let (folder, emulator) = project("  prod: { endpoint: \"ENDPOINT\" }\n").await;
    let output = rulekeep(
        folder.path(),
        &["check-creds"],
        &[("ALIBABA_CLOUD_CLI_PROFILE_DISABLED", "true")],
    );
    assert_data_eq!(text(&output.stdout), str![[r#"
prod  not ok
  error      no credentials were found:
               - environment: ALIBABA_CLOUD_ACCESS_KEY_ID and ALIBABA_CLOUD_ACCESS_KEY_SECRET are not set
               - OIDC role: ALIBABA_CLOUD_ROLE_ARN, ALIBABA_CLOUD_OIDC_PROVIDER_ARN, ALIBABA_CLOUD_OIDC_TOKEN_FILE are not all set
               - CLI profile: ALIBABA_CLOUD_CLI_PROFILE_DISABLED is true
               - INI profile: ~/.alibabacloud/credentials does not exist
               - role of the ECS instance: ALIBABA_CLOUD_ECS_METADATA_DISABLED is true
               - credentials URI: ALIBABA_CLOUD_CREDENTIALS_URI is not set
             set ALIBABA_CLOUD_ACCESS_KEY_ID and ALIBABA_CLOUD_ACCESS_KEY_SECRET, or run `aliyun configure`

"#]].raw());
    assert_eq!(
        text(&output.stderr),
        "help: docs/accounts.md has the sources of credentials and the RAM policies\n"
    );
    assert_eq!(output.status.code(), Some(1));
    assert!(emulator.calls().is_empty());

    let wrong = [
        ("ALIBABA_CLOUD_ACCESS_KEY_ID", "LTAIuser"),
        ("ALIBABA_CLOUD_ACCESS_KEY_SECRET", "wr0ng-s3cr3t"),
    ];
    for more in [&[][..], &["-vvv"]] {
        let arguments = [&["check-creds"][..], more].concat();
        let output = rulekeep(folder.path(), &arguments, &wrong);
        assert_eq!(output.status.code(), Some(1));
        let all = text(&output.stdout) + &text(&output.stderr);
        assert!(all.contains("SignatureDoesNotMatch"), "{all}");
        assert!(!all.contains("wr0ng-s3cr3t"), "{all}");
    }
    let output = rulekeep(folder.path(), &["check-creds", "--account", "test"], &[]);
    assert_eq!(output.status.code(), Some(64));
}

/// `emulate` in a process of its own; it ends with this.
struct Served {
    child: std::process::Child,
    endpoint: String,
}

impl Served {
    fn new(folder: &Path, arguments: &[&str]) -> Self {
        use std::io::BufRead as _;
        fs::write(folder.join("seed.json"), SEED).unwrap();
        let mut child = Command::new(snapbox::cmd::cargo_bin!("rulekeep"))
            .args(["emulate", "--seed", "seed.json"])
            .args(arguments)
            .current_dir(folder)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut endpoint = String::new();
        std::io::BufReader::new(child.stdout.take().unwrap())
            .read_line(&mut endpoint)
            .unwrap();
        let endpoint = endpoint.trim().to_owned();
        Self { child, endpoint }
    }

    /// A project on it whose account has these members beside the endpoint.
    fn project(&self, folder: &Path, members: &str) {
        let endpoint = &self.endpoint;
        let text = format!(
            "rules: rules/\naccounts: {{ prod: {{ endpoint: {endpoint:?}{members} }} }}\ndefaults: {{ account: prod, region: cn-hangzhou }}\n"
        );
        fs::write(folder.join("rulekeep.yaml"), text).unwrap();
        fs::create_dir_all(folder.join("rules")).unwrap();
        let group = "group: web\nmode: partial\ningress: []\n";
        fs::write(folder.join("rules/web.yaml"), group).unwrap();
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn the_whole_chain_can_be_tried_from_a_shell() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let served = Served::new(
        folder,
        &[
            "--role",
            "acs:ram::1234567890123456:role/deployer",
            "--role",
            "acs:ram::77:role/partner:shared-word",
            "--role",
            "acs:ram::1234567890123456:role/instance",
            "--oidc",
            "acs:ram::77:oidc-provider/ci=a-token",
            "--metadata",
            "acs:ram::1234567890123456:role/instance",
            "--metadata-token-required",
        ],
    );
    fs::write(folder.join("token"), "a-token").unwrap();
    let keys = [
        ("ALIBABA_CLOUD_ACCESS_KEY_ID", "testid"),
        ("ALIBABA_CLOUD_ACCESS_KEY_SECRET", "testsecret"),
    ];
    let check = |variables: &[(&str, &str)]| {
        let output = rulekeep(folder, &["check-creds"], variables);
        format!("{}{}", text(&output.stdout), text(&output.stderr))
    };

    served.project(
        folder,
        ", role_arn: \"acs:ram::1234567890123456:role/deployer\"",
    );
    let said = check(&keys);
    let identity = "acs:ram::1234567890123456:assumed-role/deployer/rulekeep (AssumedRoleUser)";
    assert!(said.contains(identity), "{said}");
    let groups = "allowed    ecs:DescribeSecurityGroupAttribute";
    assert!(said.contains(groups), "{said}");

    served.project(
        folder,
        ", role_arn: \"acs:ram::1234567890123456:role/other\"",
    );
    let said = check(&keys);
    assert!(said.contains("EntityNotExist.Role"), "{said}");
    served.project(folder, ", role_arn: \"acs:ram::77:role/partner\"");
    let said = check(&keys);
    assert!(said.contains("NoPermission"), "{said}");

    served.project(folder, "");
    let said = check(&[
        (
            "ALIBABA_CLOUD_ROLE_ARN",
            "acs:ram::1234567890123456:role/deployer",
        ),
        (
            "ALIBABA_CLOUD_OIDC_PROVIDER_ARN",
            "acs:ram::77:oidc-provider/ci",
        ),
        ("ALIBABA_CLOUD_OIDC_TOKEN_FILE", "token"),
    ]);
    assert!(said.contains(identity), "{said}");

    let said = check(&[
        ("ALIBABA_CLOUD_ECS_METADATA_DISABLED", "false"),
        ("RULEKEEP_METADATA_ENDPOINT", &served.endpoint),
    ]);
    assert!(
        said.contains("role `instance` of this ECS instance"),
        "{said}"
    );
    assert!(said.contains(":assumed-role/instance/"), "{said}");
    let said = check(&[
        ("ALIBABA_CLOUD_ECS_METADATA_DISABLED", "false"),
        ("RULEKEEP_METADATA_ENDPOINT", "http://198.51.100.7"),
    ]);
    assert!(said.contains("RULEKEEP_METADATA_ENDPOINT"), "{said}");
}

/// The keys of a role act in the role's account, not in the caller's.
#[test]
fn a_role_of_another_account_has_that_accounts_groups() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let served = Served::new(folder, &[]);
    served.project(folder, ", role_arn: \"acs:ram::77:role/deployer\"");
    let keys = [
        ("ALIBABA_CLOUD_ACCESS_KEY_ID", "testid"),
        ("ALIBABA_CLOUD_ACCESS_KEY_SECRET", "testsecret"),
    ];
    let output = rulekeep(folder, &["plan"], &keys);
    let said = text(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.contains("there is no security group"), "{said}");
    served.project(folder, "");
    assert_eq!(rulekeep(folder, &["plan"], &keys).status.code(), Some(0));
}
