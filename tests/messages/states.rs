//! State files and seeds of the embedded cloud.

use std::{
    io::{BufRead as _, BufReader},
    process::Stdio,
};

use super::support::{Project, Running, WEB};

#[test]
fn a_state_file_that_is_broken() {
    let mut project = Project::new(WEB);
    project.write(
        ".rulekeep/demo.json",
        "{\"version\": 1, \"security_groups\": [",
    );
    project.run("plan").says("state-cut-off");
    project.write(".rulekeep/demo.json", "{\"version\": 9}");
    project.run("plan").says("state-of-another-version");
    project.write(".rulekeep/demo.json", "");
    project.run("plan").says("state-empty");
}

#[test]
fn a_state_file_that_another_process_uses() {
    let mut project = Project::new(WEB);
    project.prepare("plan");
    let mut emulate = project.command(".", "emulate --state .rulekeep/demo.json --seed seed.json");
    let mut emulate = Running(emulate.stdout(Stdio::piped()).spawn().unwrap());
    let mut line = String::new();
    let stdout = emulate.0.stdout.take().unwrap();
    BufReader::new(stdout).read_line(&mut line).unwrap();
    project.run("plan").says("state-in-use");
}

#[test]
fn a_seed_that_is_not_there_or_broken() {
    let mut project = Project::new(WEB);
    project.write("seed.json", "{\"version\": 1, \"security_groups\": [{\"id\": \"sg-1\", \"rules\": [{\"IpProtocol\": \"TCP\"}]}]}");
    project.run("plan").says("seed-broken");
    std::fs::remove_file(project.root().join("seed.json")).unwrap();
    project.run("plan").says("seed-missing");
}
