//! The binary from outside: help, wrong usage, and what needs no cloud.

use std::{fs, path::Path};

use snapbox::{
    Data, assert_data_eq,
    cmd::{Command, cargo_bin},
    str,
};

/// The binary without anything of the caller's environment that it listens to.
fn rulekeep(folder: &Path) -> Command {
    let mut command = Command::new(cargo_bin!("rulekeep")).current_dir(folder);
    for (name, _) in std::env::vars() {
        if name.starts_with("RULEKEEP_") {
            command = command.env_remove(name);
        }
    }
    for name in ["NO_COLOR", "CLICOLOR_FORCE", "FORCE_COLOR", "COLUMNS"] {
        command = command.env_remove(name);
    }
    command
}

fn folder() -> tempfile::TempDir {
    tempfile::tempdir().unwrap()
}

#[test]
fn help_texts() {
    let folder = folder();
    for command in [
        "",
        "validate",
        "fmt",
        "plan",
        "apply",
        "undo",
        "confirm",
        "history",
        "hook",
        "hook install",
        "hook uninstall",
        "drift",
        "show",
        "check-creds",
        "adopt",
        "export",
        "import",
        "restore",
        "clone",
        "watch",
        "emulate",
        "init",
        "schema",
        "completions",
        "version",
    ] {
        let mut arguments: Vec<&str> = command.split_whitespace().collect();
        arguments.push("--help");
        let output = rulekeep(folder.path()).args(&arguments).output().unwrap();
        assert_eq!(output.status.code(), Some(0), "{command}");
        let name = if command.is_empty() {
            "rulekeep"
        } else {
            command
        };
        let path = format!(
            "{}/tests/snapshots/help/{}.txt",
            env!("CARGO_MANIFEST_DIR"),
            name.replace(' ', "-")
        );
        assert_data_eq!(
            String::from_utf8(output.stdout).unwrap(),
            Data::read_from(Path::new(&path), None).raw()
        );
    }
}

#[test]
fn wrong_usage_is_64_and_says_what_is_wrong_on_stderr() {
    let folder = folder();
    for (arguments, said) in [
        (&["paln"][..], "unrecognized subcommand"),
        (&["plan", "--bogus"], "unexpected argument"),
        (
            &["plan", "-o", "yaml"],
            "unknown format `yaml`; known are text, json",
        ),
        (&["plan", "-o", "json="], "names no file"),
        (&["plan", "--parallelism", "0"], "invalid value '0'"),
        (&["plan", "--at", "tomorrow"], "neither a date"),
        (&["schema"], "required arguments"),
        (
            &["apply", "plan.json", "--target", "web"],
            "applied as it is",
        ),
        (&["emulate", "--credential", "hunter2"], "ID:SECRET"),
        (&[], "Usage: rulekeep"),
    ] {
        let output = rulekeep(folder.path()).args(arguments).output().unwrap();
        let stderr = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(64), "{arguments:?}: {stderr}");
        assert!(stderr.contains(said), "{arguments:?}: {stderr}");
        assert!(!stderr.contains("hunter2"), "{stderr}");
        assert!(output.stdout.is_empty(), "{arguments:?}");
    }
}

#[test]
fn flags_come_from_the_environment_too() {
    let folder = folder();
    rulekeep(folder.path())
        .arg("version")
        .env("RULEKEEP_JSON", "1")
        .assert()
        .success()
        .stdout_eq(str![[r#"
{
  "plan_format_version": "[..]",
  "version": "[..]"
}

"#]]);
    rulekeep(folder.path())
        .arg("version")
        .env("RULEKEEP_CLI_ARGS", "--json 'x")
        .assert()
        .code(64)
        .stderr_eq(str![[r#"
error: RULEKEEP_CLI_ARGS has a quote that is not closed
help: write it as for a shell: RULEKEEP_CLI_ARGS='-q --target web'

"#]]);
    rulekeep(folder.path())
        .arg("plan")
        .env("RULEKEEP_OUTPUT", "yaml")
        .assert()
        .code(64);
}

#[test]
fn without_a_project_the_next_step_is_said() {
    let folder = folder();
    rulekeep(folder.path())
        .arg("plan")
        .assert()
        .code(1)
        .stdout_eq("")
        .stderr_eq(str![[r#"
error: there is no rulekeep.yaml in this folder or in one above it
help: `rulekeep init` writes one; `--project FILE` names one that is elsewhere

"#]]);
}

#[test]
fn init_writes_a_project_once_and_never_overwrites() {
    let folder = folder();
    fs::create_dir(folder.path().join("rules")).unwrap();
    fs::write(folder.path().join("rules/example.yaml"), "mine").unwrap();
    fs::write(folder.path().join(".gitignore"), "target").unwrap();
    rulekeep(folder.path())
        .arg("init")
        .assert()
        .success()
        .stdout_eq(str![[r#"
wrote demo/seed.json
kept  rules/example.yaml
wrote rulekeep.yaml
added .rulekeep/ to .gitignore

"#]])
        .stderr_eq(str![[r#"
help: next: `rulekeep plan` shows what would change, `rulekeep apply` changes it

"#]]);
    let read = |name: &str| fs::read_to_string(folder.path().join(name)).unwrap();
    assert_eq!(read("rules/example.yaml"), "mine");
    assert_eq!(read(".gitignore"), "target\n.rulekeep/\n");
    let project = read("rulekeep.yaml");
    rulekeep(folder.path())
        .arg("init")
        .assert()
        .code(1)
        .stdout_eq("")
        .stderr_eq(str![[r#"
error: rulekeep.yaml exists already
help: `rulekeep validate` checks it; `rulekeep init FOLDER` starts a project elsewhere

"#]]);
    assert_eq!(read("rulekeep.yaml"), project);
}

#[test]
fn completions_are_printed_for_every_shell() {
    let folder = folder();
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let output = rulekeep(folder.path())
            .args(["completions", shell])
            .output()
            .unwrap();
        assert_eq!(output.status.code(), Some(0), "{shell}");
        let script = String::from_utf8(output.stdout).unwrap();
        assert!(script.contains("detailed-exitcode"), "{shell}");
    }
}

#[test]
fn the_schema_of_plans_is_printed() {
    let folder = folder();
    let output = rulekeep(folder.path())
        .args(["schema", "plan"])
        .output()
        .unwrap();
    assert_data_eq!(
        String::from_utf8(output.stdout).unwrap(),
        snapbox::file!["../schema/plan.schema.json"].raw()
    );
}

#[cfg(target_os = "linux")]
#[test]
fn a_closed_pipe_is_no_failure_and_a_full_disk_is_one() {
    use std::process::{self, Stdio};
    let run = |stdout: Stdio| {
        process::Command::new(cargo_bin!("rulekeep"))
            .args(["completions", "zsh"])
            .stdout(stdout)
            .stderr(Stdio::piped())
            .output()
            .unwrap()
    };
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    let closed = run(writer.into());
    assert_eq!(closed.status.code(), Some(0));
    assert!(closed.stderr.is_empty(), "{closed:?}");

    let full = run(fs::File::options()
        .write(true)
        .open("/dev/full")
        .unwrap()
        .into());
    assert_eq!(full.status.code(), Some(1));
    let stderr = String::from_utf8(full.stderr).unwrap();
    assert!(
        stderr.starts_with("error: stdout cannot be written\n"),
        "{stderr}"
    );
}
