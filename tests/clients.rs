//! Clients that others wrote drive `rulekeep emulate` unchanged: the older Python SDK (signature V1) and the Node.js SDK.
//!
//! `RULEKEEP_PYTHON` names an interpreter with the packages of `tests/clients/requirements.txt` (else `python3`), and
//! `RULEKEEP_NODE` a folder in which the packages of `tests/clients/package.json` are installed. What is not there is
//! skipped with a word about it, unless `RULEKEEP_REQUIRE_SDK=1`; `RULEKEEP_SKIP_NODE=1` excepts the second all the same.

use std::{
    io::{BufRead as _, BufReader, Write as _},
    process::{Child, Command, Stdio},
};

/// The emulator, ended when the test ends, however it ends.
struct Emulator {
    process: Child,
    endpoint: String,
}

impl Emulator {
    fn start() -> Self {
        let mut process = Command::new(env!("CARGO_BIN_EXE_rulekeep"))
            .args(["emulate", "--listen", "127.0.0.1:0"])
            .args(["--switch", "rules_per_group=2000"])
            .args(["--switch", "rules_per_interface=4000"])
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .expect("the emulator starts");
        let stdout = process.stdout.take().expect("stdout is piped");
        let mut line = String::new();
        BufReader::new(stdout)
            .read_line(&mut line)
            .expect("the emulator says where it listens");
        Self {
            process,
            endpoint: line.trim().to_owned(),
        }
    }
}

impl Drop for Emulator {
    fn drop(&mut self) {
        // It may have ended by itself; then there is nothing to end.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Whether a client is there; if it must be and is not, the test fails.
fn installed(probe: &mut Command, advice: &str) -> bool {
    let found = probe
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success());
    assert!(
        found || std::env::var("RULEKEEP_REQUIRE_SDK").as_deref() != Ok("1"),
        "a client that must be there is not: {advice}"
    );
    if !found {
        // Past the harness, which shows what `eprintln!` says only when a test fails.
        let _ = writeln!(std::io::stderr(), "skipped a client: {advice}");
    }
    found
}

/// Runs a client's script to its end and gives the number of its checks.
fn checks(command: &mut Command) -> usize {
    let output = command
        .env("NO_PROXY", "127.0.0.1")
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .stdin(Stdio::null())
        .output()
        .expect("the client starts");
    let stdout = String::from_utf8_lossy(&output.stdout);
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(
        output.status.success(),
        "{}\n{stdout}\n{stderr}",
        output.status
    );
    let line = stdout.lines().last().unwrap_or_default();
    line.strip_suffix(" checks passed")
        .and_then(|count| count.parse().ok())
        .unwrap_or_else(|| panic!("the client did not run to its end:\n{stdout}"))
}

const FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/clients");

#[test]
fn the_older_python_sdk_works_against_the_embedded_cloud() {
    let python = std::env::var("RULEKEEP_PYTHON").unwrap_or_else(|_| "python3".to_owned());
    let advice = format!(
        "`{python}` has no module aliyunsdkecs: pip install -r tests/clients/requirements.txt, and name the interpreter in RULEKEEP_PYTHON"
    );
    if !installed(
        Command::new(&python).args(["-c", "import aliyunsdkecs"]),
        &advice,
    ) {
        return;
    }
    let emulator = Emulator::start();
    let script = format!("{FOLDER}/older_python_sdk.py");
    let count = checks(Command::new(python).args([&script, &emulator.endpoint]));
    assert!(count >= 60, "{count} checks");
}

#[test]
fn the_node_sdk_works_against_the_embedded_cloud() {
    if std::env::var("RULEKEEP_SKIP_NODE").as_deref() == Ok("1") {
        let _ = writeln!(std::io::stderr(), "skipped a client: RULEKEEP_SKIP_NODE=1");
        return;
    }
    let folder = std::env::var("RULEKEEP_NODE").unwrap_or_default();
    let advice = "RULEKEEP_NODE names no folder with the packages of tests/clients/package.json: npm install in a copy of it";
    let package = format!("{folder}/node_modules/@alicloud/ecs20140526");
    let mut probe = Command::new("node");
    probe.args(["-e", "require(process.argv[1])", &package]);
    if !installed(&mut probe, advice) {
        return;
    }
    let emulator = Emulator::start();
    let script = format!("{FOLDER}/node_sdk.mjs");
    let count = checks(
        Command::new("node")
            .args([&script, &emulator.endpoint])
            .env("RULEKEEP_NODE", folder),
    );
    assert!(count >= 60, "{count} checks");
}
