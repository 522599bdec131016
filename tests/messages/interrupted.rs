//! An apply that is stopped: by Ctrl-C, which ends it in order, and by the machine, which does not.

use std::{
    fmt::Write as _,
    fs,
    io::{BufRead as _, BufReader},
    path::PathBuf,
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use super::support::{Project, Running};

/// Rules enough that modifying them one by one takes a while.
const RULES: u16 = 150;

/// A group file in which every rule has this description.
fn file(description: &str) -> String {
    let mut text = String::from("group: advanced\nmode: complete\ningress:\n");
    for port in 1..=RULES {
        writeln!(
            text,
            "  - {{ protocol: tcp, ports: {port}, from: 10.0.0.0/8, description: {description} }}"
        )
        .unwrap();
    }
    text
}

/// An embedded cloud in a process of its own, and a project that was applied to it and shall now change every rule.
fn project() -> (Project, Running) {
    let mut project = Project::new(&file("before"));
    let mut emulate = project.command(".", "emulate --state state.json --seed seed.json");
    let mut emulate = Running(emulate.stdout(Stdio::piped()).spawn().unwrap());
    let mut line = String::new();
    let stdout = emulate.0.stdout.take().unwrap();
    BufReader::new(stdout).read_line(&mut line).unwrap();
    let endpoint = line
        .split_whitespace()
        .find(|word| word.starts_with("http"));
    let endpoint = endpoint.expect("the first line says where it listens");
    project.write(
        "rulekeep.yaml",
        &format!(
            "rules: rules/\naccounts: {{ test: {{ endpoint: \"{endpoint}\" }} }}\n\
             defaults: {{ account: test, region: cn-hangzhou }}\n\
             guard: {{ max_changes: {{ percent: 100, from: 1 }} }}\n"
        ),
    );
    project.set("ALIBABA_CLOUD_ACCESS_KEY_ID", "testid");
    project.set("ALIBABA_CLOUD_ACCESS_KEY_SECRET", "testsecret");
    project.prepare("apply --yes");
    project.write("rules/web.yaml", &file("after"));
    (project, emulate)
}

/// Starts an apply and waits until the cloud has made the first of its changes.
fn begun(project: &Project) -> Child {
    let mut apply = project.command(".", "apply --yes --parallelism 1");
    let apply = apply
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let end = Instant::now() + Duration::from_secs(60);
    // What happens goes into the journal first.
    let state = ["state.json", "state.json.journal"].map(|file| project.root().join(file));
    let shows = |file: &PathBuf| fs::read_to_string(file).is_ok_and(|text| text.contains("after"));
    while !state.iter().any(shows) {
        assert!(Instant::now() < end, "the apply changes nothing");
        std::thread::sleep(Duration::from_millis(1));
    }
    apply
}

/// The next apply makes the rest, and then nothing is left.
fn converges(project: &Project) {
    project.prepare("apply --yes");
    let plan = project
        .command(".", "plan --detailed-exitcode")
        .output()
        .unwrap();
    assert_eq!(plan.status.code(), Some(0), "{plan:?}");
}

#[cfg(unix)]
#[test]
fn ctrl_c_finishes_the_call_in_flight_and_says_how_far_it_came() {
    let (project, _emulate) = project();
    let apply = begun(&project);
    let id = apply.id().to_string();
    let sent = Command::new("kill").args(["-INT", &id]).status().unwrap();
    assert!(sent.success());
    let output = apply.wait_with_output().unwrap();
    let stdout = String::from_utf8(output.stdout).unwrap();
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(6), "{stdout}{stderr}");
    assert!(
        stdout.contains("Apply incomplete: 0 groups done, 1 interrupted."),
        "{stdout}"
    );
    assert!(
        stderr.ends_with("help: run `rulekeep apply` again: it makes only what is still missing\n"),
        "{stderr}"
    );
    // What it says it changed is what the cloud has.
    let left = project.command(".", "plan -o json").output().unwrap();
    let left: serde_json::Value = serde_json::from_slice(&left.stdout).unwrap();
    let changed = u64::from(RULES) - left["summary"]["change"].as_u64().unwrap();
    assert!(
        stdout.contains(&format!(" {changed} changed,")),
        "{changed}: {stdout}"
    );
    converges(&project);
}

#[test]
fn after_a_kill_the_next_apply_makes_the_rest() {
    let (project, _emulate) = project();
    let mut apply = begun(&project);
    apply.kill().unwrap();
    apply.wait().unwrap();
    converges(&project);
}
