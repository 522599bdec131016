//! The official Python SDK drives `rulekeep emulate`: other people's clients must work against the embedded cloud unchanged.
//!
//! Needs an interpreter (`RULEKEEP_PYTHON`, else `python3`) that has the packages of `tests/sdk/requirements.txt`. Without
//! them the test says so and passes; with `RULEKEEP_REQUIRE_SDK=1`, which `.ci/run` sets, it fails.

use std::{
    io::{BufRead, BufReader, Write as _},
    process::{Child, Command, Stdio},
};

/// The emulator, ended when the test ends, however it ends.
struct Emulator {
    process: Child,
    endpoint: String,
}

impl Emulator {
    /// Starts it on a free port in an empty folder and waits for the line that says where it listens.
    fn start(folder: &std::path::Path) -> Self {
        let mut process = Command::new(env!("CARGO_BIN_EXE_rulekeep"))
            .args(["emulate", "--listen", "127.0.0.1:0"])
            .current_dir(folder)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .expect("the emulator starts");
        let stdout = process.stdout.take().expect("stdout is piped");
        let mut emulator = Self {
            process,
            endpoint: String::new(),
        };
        let mut line = String::new();
        BufReader::new(stdout)
            .read_line(&mut line)
            .expect("the emulator says where it listens");
        emulator.endpoint = endpoint(&line)
            .unwrap_or_else(|| panic!("no endpoint in the first line of `emulate`: {line:?}"));
        emulator
    }
}

impl Drop for Emulator {
    fn drop(&mut self) {
        // It may have ended by itself; then there is nothing to end.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// `http://127.0.0.1:PORT` out of a line for people.
fn endpoint(line: &str) -> Option<String> {
    let (_, rest) = line.split_once("http://127.0.0.1:")?;
    let port: String = rest.chars().take_while(char::is_ascii_digit).collect();
    (!port.is_empty()).then(|| format!("http://127.0.0.1:{port}"))
}

/// The interpreter that has the SDK; `None` when there is none and that is no failure.
fn interpreter() -> Option<String> {
    let python = std::env::var("RULEKEEP_PYTHON").unwrap_or_else(|_| "python3".to_owned());
    let found = Command::new(&python)
        .args(["-c", "import alibabacloud_ecs20140526"])
        .stdin(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success());
    if found {
        return Some(python);
    }
    let message = format!(
        "`{python}` has no module alibabacloud_ecs20140526: pip install -r tests/sdk/requirements.txt, \
         and name the interpreter in RULEKEEP_PYTHON"
    );
    assert!(
        std::env::var("RULEKEEP_REQUIRE_SDK").as_deref() != Ok("1"),
        "RULEKEEP_REQUIRE_SDK=1 forbids skipping the SDK test: {message}"
    );
    // Past the harness, which shows what `eprintln!` says only when a test fails.
    let _ = writeln!(std::io::stderr(), "skipped the SDK test: {message}");
    None
}

#[test]
fn the_official_sdk_works_against_the_embedded_cloud() {
    let Some(python) = interpreter() else { return };
    let folder = tempfile::tempdir().expect("a folder for the run");
    let emulator = Emulator::start(folder.path());
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/sdk/test_ecs_sdk.py");
    let output = Command::new(python)
        .args([script, &emulator.endpoint])
        .env("NO_PROXY", "127.0.0.1")
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .stdin(Stdio::null())
        .output()
        .expect("the interpreter starts");
    let stdout = String::from_utf8_lossy(&output.stdout);
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(
        output.status.success(),
        "the SDK test failed: {}\n{stdout}\n{stderr}",
        output.status
    );
    assert!(
        stdout.contains("checks passed"),
        "the SDK test did not run to its end:\n{stdout}"
    );
    println!("{stdout}");
}
