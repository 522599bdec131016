//! The state file from one start to the next.

use std::{fs, path::Path};

use rulekeep::emulator::{Config, Emulator, EmulatorError, Seed};

use crate::cloud::{Cloud, SEED};

fn config(path: &Path) -> Config {
    Config {
        state: Some(path.to_owned()),
        seed: Some(Seed::Text(SEED.into())),
        ..Config::default()
    }
}

#[test]
fn what_was_written_survives_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("new/state.json");
    let cloud = Cloud::from_config(&config(&path));
    cloud.ok(
        "AuthorizeSecurityGroup",
        "SecurityGroupId=sg-peer&IpProtocol=TCP&PortRange=1/1&SourceCidrIp=10.1.2.3/8",
    );
    cloud.ok(
        "RevokeSecurityGroup",
        "SecurityGroupId=sg-web&SecurityGroupRuleId.1=sgr-old",
    );
    cloud.ok(
        "CreatePrefixList",
        "PrefixListName=new&AddressFamily=IPv4&MaxEntries=1",
    );
    let before = cloud.everything();
    // What a process that was killed while saving leaves behind.
    fs::write(folder.path().join("new/.rulekeep-state-x.tmp"), "{\"vers").unwrap();
    drop(cloud);
    assert_eq!(Cloud::from_config(&config(&path)).everything(), before);
}

#[test]
fn a_state_that_cannot_be_read_is_refused_and_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("state.json");
    for (text, reason) in [
        ("{\"version\": 1, \"secur", "EOF"),
        ("", "EOF"),
        ("{\"version\": 99}", "version 99 is not known"),
    ] {
        fs::write(&path, text).unwrap();
        let error = Emulator::engine(&config(&path)).unwrap_err();
        assert!(matches!(error, EmulatorError::State(_)));
        let shown = error.to_string();
        assert!(
            shown.contains(reason) && shown.contains("state.json"),
            "{shown}"
        );
        assert_eq!(fs::read_to_string(&path).unwrap(), text);
    }
}

#[test]
fn one_process_at_a_time_uses_a_state() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("state.json");
    let first = Emulator::engine(&config(&path)).unwrap();
    let error = Emulator::engine(&config(&path)).unwrap_err().to_string();
    assert!(error.contains("is in use by another process"), "{error}");
    drop(first);
    Emulator::engine(&config(&path)).unwrap();
}

#[cfg(unix)]
#[test]
fn a_call_that_cannot_be_saved_is_undone() {
    use std::os::unix::fs::PermissionsExt as _;
    let folder = tempfile::tempdir().unwrap();
    let inner = folder.path().join("inner");
    let cloud = Cloud::from_config(&config(&inner.join("state.json")));
    let before = cloud.everything();
    // Renamed away: also the superuser cannot create a file in it.
    fs::rename(&inner, folder.path().join("gone")).unwrap();
    assert_eq!(
        cloud.refusal(
            "RevokeSecurityGroup",
            "SecurityGroupId=sg-web&SecurityGroupRuleId.1=sgr-old"
        ),
        "500 InternalError"
    );
    assert_eq!(cloud.everything(), before);
    fs::rename(folder.path().join("gone"), &inner).unwrap();
    cloud.ok(
        "RevokeSecurityGroup",
        "SecurityGroupId=sg-web&SecurityGroupRuleId.1=sgr-old",
    );
    assert!(fs::metadata(&inner).unwrap().permissions().mode() & 0o700 != 0);
}

#[test]
fn a_seed_with_a_mistake_is_named() {
    let seed = Seed::Text(r#"{"version": 1, "security_groups": [{"name": "no id"}]}"#.into());
    let error = Emulator::engine(&Config {
        seed: Some(seed),
        ..Config::default()
    })
    .unwrap_err();
    assert!(
        error
            .to_string()
            .starts_with("the seed: missing field `id`"),
        "{error}"
    );
}
