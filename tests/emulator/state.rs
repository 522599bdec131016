//! The state file from one start to the next.

use std::{fs, path::Path};

use rulekeep::emulator::{Config, Emulator, EmulatorError, Seed};

use crate::cloud::{Cloud, SEED, v3};

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
fn a_state_of_the_first_version_is_read_and_the_second_is_written() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("state.json");
    let old =
        r#"{"version": 1, "security_groups": [{"id": "sg-peer", "name": "peer", "vpc": "vpc-1"}]}"#;
    fs::write(&path, old).unwrap();
    let cloud = Cloud::from_config(&config(&path));
    assert_eq!(cloud.rules("sg-peer").len(), 0);
    cloud.ok("CreateSecurityGroup", "VpcId=vpc-1&ClientToken=t1");
    drop(cloud);
    let text = fs::read_to_string(&path).unwrap();
    assert!(text.starts_with("{\n  \"version\": 2,"), "{text}");
    assert!(text.contains("\"client_tokens\""), "{text}");
    Cloud::from_config(&config(&path)).rules("sg-peer");
}

#[test]
fn a_whole_line_of_a_journal_that_means_nothing_is_an_error_and_no_crash() {
    use sha2::Digest as _;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("state.json");
    let journal = folder.path().join("state.json.journal");
    let cloud = Cloud::from_config(&config(&path));
    // Twice: the first write is the snapshot.
    for name in ["a", "b"] {
        cloud.ok(
            "CreateSecurityGroup",
            &format!("VpcId=vpc-1&SecurityGroupName={name}"),
        );
    }
    let other = folder.path().join("other.json");
    let beside = folder.path().join("other.json.journal");
    let json = r#"{"later": true}"#;
    let hash = sha2::Sha256::digest(json);
    let seal: String = hash[..8].iter().map(|byte| format!("{byte:02x}")).collect();
    let with = |line: &str| {
        fs::copy(&path, &other).unwrap();
        let mut text = fs::read_to_string(&journal).unwrap();
        text.push_str(line);
        fs::write(&beside, text).unwrap();
        Emulator::engine(&config(&other)).map_err(|error| error.to_string())
    };
    let error = with(&format!("{seal} {json}\n")).unwrap_err();
    assert!(
        error.contains("was written by a newer program: unknown field `later`"),
        "{error}"
    );
    // What a crash cuts off has no end, or not the hash of what is there.
    with(&format!("{seal} {json}")).unwrap();
    with(&format!("{seal} {{\n")).unwrap();
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

/// Three groups' worth of writes of every kind.
fn write_everything(cloud: &Cloud) {
    for (action, params) in [
        (
            "AuthorizeSecurityGroup",
            "SecurityGroupId=sg-peer&IpProtocol=TCP&PortRange=1/1&SourceCidrIp=10.1.2.3/8",
        ),
        (
            "AuthorizeSecurityGroup",
            "SecurityGroupId=sg-other&IpProtocol=TCP&PortRange=2/2&SourceGroupId=sg-x&SourceGroupOwnerId=77",
        ),
        (
            "RevokeSecurityGroup",
            "SecurityGroupId=sg-web&SecurityGroupRuleId.1=sgr-old",
        ),
        (
            "ModifySecurityGroupRule",
            "SecurityGroupId=sg-web&SecurityGroupRuleId=sgr-ssh&Priority=7",
        ),
        (
            "ModifySecurityGroupAttribute",
            "SecurityGroupId=sg-web&Description=changed",
        ),
        (
            "TagResources",
            "ResourceType=securitygroup&ResourceId.1=sg-web&Tag.1.Key=a&Tag.1.Value=b",
        ),
        (
            "CreatePrefixList",
            "PrefixListName=new&AddressFamily=IPv4&MaxEntries=1",
        ),
        ("DeletePrefixList", "PrefixListId=pl-free"),
        (
            "ModifyPortRangeList",
            "PortRangeListId=prl-web&AddEntry.1.PortRange=81/81",
        ),
        ("DeletePortRangeList", "PortRangeListId=prl-free"),
        (
            "CreateSecurityGroup",
            "VpcId=vpc-9&SecurityGroupName=new-one",
        ),
        ("DeleteSecurityGroup", "SecurityGroupId=sg-adv"),
        ("JoinSecurityGroup", "SecurityGroupId=sg-web&InstanceId=i-1"),
    ] {
        cloud.ok(action, params);
    }
}

/// What a state says, without the order that pages go by.
fn text(cloud: &Cloud) -> String {
    cloud.engine.state_text()
}

#[test]
fn after_a_crash_the_journal_brings_every_write_back() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("state.json");
    let cloud = Cloud::from_config(&config(&path));
    write_everything(&cloud);
    let before = text(&cloud);
    // As a crash leaves it: the files as they are at this moment.
    let crashed = folder.path().join("crashed.json");
    let journal = fs::read(folder.path().join("state.json.journal")).unwrap();
    fs::copy(&path, &crashed).unwrap();
    fs::write(folder.path().join("crashed.json.journal"), &journal).unwrap();
    let again = Cloud::from_config(&config(&crashed));
    assert_eq!(text(&again), before);
    again.ok("DeleteSecurityGroup", "SecurityGroupId=sg-other");
    let before = text(&again);
    drop(again);
    assert!(!folder.path().join("crashed.json.journal").exists());
    assert_eq!(text(&Cloud::from_config(&config(&crashed))), before);
}

#[test]
fn a_journal_that_was_cut_off_anywhere_gives_the_state_after_a_call() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("state.json");
    let cloud = Cloud::from_config(&config(&path));
    let mut after_each = vec![text(&cloud)];
    let snapshot = fs::read(&path).unwrap();
    for port in 1..=4 {
        let call = format!(
            "SecurityGroupId=sg-peer&IpProtocol=TCP&PortRange={port}/{port}&SourceCidrIp=10.0.0.0/8"
        );
        cloud.ok("AuthorizeSecurityGroup", &call);
        after_each.push(text(&cloud));
    }
    let journal = fs::read(folder.path().join("state.json.journal")).unwrap();
    let torn = folder.path().join("torn.json");
    for length in (0..=journal.len()).step_by(7).chain([journal.len()]) {
        fs::write(&torn, &snapshot).unwrap();
        fs::write(folder.path().join("torn.json.journal"), &journal[..length]).unwrap();
        let found = text(&Cloud::from_config(&config(&torn)));
        let calls = after_each.iter().position(|state| *state == found);
        let whole = journal[..length]
            .iter()
            .filter(|byte| **byte == b'\n')
            .count();
        assert_eq!(calls, Some(whole.saturating_sub(1)), "cut at {length}");
    }
}

#[test]
fn a_damaged_or_foreign_journal_is_refused_and_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("state.json");
    let journal = folder.path().join("state.json.journal");
    let cloud = Cloud::from_config(&config(&path));
    write_everything(&cloud);
    let good = fs::read_to_string(&journal).unwrap();
    let snapshot = fs::read_to_string(&path).unwrap();
    drop(cloud);
    for (state, text, reason) in [
        (
            snapshot.clone(),
            good.replacen("1/1", "1/2", 1),
            "line 2 is damaged",
        ),
        (
            format!("{snapshot} "),
            good.clone(),
            "changed by something else",
        ),
    ] {
        fs::write(&path, &state).unwrap();
        fs::write(&journal, &text).unwrap();
        let error = Emulator::engine(&config(&path)).unwrap_err().to_string();
        assert!(
            error.contains(reason) && error.contains("state.json.journal"),
            "{error}"
        );
        assert_eq!(fs::read_to_string(&path).unwrap(), state);
        assert_eq!(fs::read_to_string(&journal).unwrap(), text);
    }
    // Without the state there is nothing that the journal could go on from.
    fs::remove_file(&path).unwrap();
    assert_eq!(Cloud::from_config(&config(&path)).rules("sg-peer").len(), 0);
}

#[test]
fn a_client_token_is_remembered_for_a_day_also_by_the_next_process() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("state.json");
    let create = "VpcId=vpc-1&SecurityGroupName=once&ClientToken=t1";
    let pairs: Vec<(String, String)> = format!("RegionId=cn-hangzhou&{create}")
        .split('&')
        .map(|pair| pair.split_once('=').unwrap())
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect();
    // To the byte, with the id of the first request.
    let made = |cloud: &Cloud| {
        let answer = cloud.send(&v3("CreateSecurityGroup", &pairs, cloud.now));
        assert_eq!(answer.status, 200);
        String::from_utf8(answer.body).unwrap()
    };
    let killed = Cloud::from_config(&config(&path));
    let first = made(&killed);
    // As after kill -9: the journal stays as it is.
    let other = folder.path().join("other.json");
    for ending in ["", ".journal"] {
        let from = folder.path().join(format!("state.json{ending}"));
        fs::copy(from, folder.path().join(format!("other.json{ending}"))).unwrap();
    }
    drop(killed);
    for path in [&path, &other] {
        let mut cloud = Cloud::from_config(&config(path));
        assert_eq!(made(&cloud), first);
        assert_eq!(
            cloud.refusal("CreateSecurityGroup", &create.replace("once", "twice")),
            "400 IdempotentParameterMismatch"
        );
        cloud.now += jiff::SignedDuration::from_hours(25);
        assert_ne!(made(&cloud), first);
    }
}
