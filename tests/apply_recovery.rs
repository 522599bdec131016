//! Undo, confirm and history, with the binary.

use std::{
    fs,
    path::Path,
    process::{Child, Command, Output, Stdio},
    thread,
    time::{Duration, Instant},
};

fn command(folder: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(snapbox::cmd::cargo_bin!("rulekeep"));
    for (name, _) in std::env::vars() {
        if name.starts_with("RULEKEEP_") || name.ends_with("_SHA") {
            command.env_remove(name);
        }
    }
    command
        .current_dir(folder)
        .args(arguments)
        .stdin(Stdio::null());
    command
}

fn rulekeep(folder: &Path, arguments: &[&str]) -> (i32, String, String) {
    said(command(folder, arguments).output().unwrap())
}

fn said(output: Output) -> (i32, String, String) {
    (
        output.status.code().unwrap_or(-1),
        String::from_utf8(output.stdout).unwrap(),
        String::from_utf8(output.stderr).unwrap(),
    )
}

fn spawn(folder: &Path, arguments: &[&str]) -> Child {
    command(folder, arguments)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap()
}

/// A project as `init` writes it.
fn project() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    assert_eq!(rulekeep(folder.path(), &["init"]).0, 0);
    folder
}

fn history(folder: &Path) -> Vec<serde_json::Value> {
    let (code, text, error) = rulekeep(folder, &["history", "-o", "json"]);
    assert_eq!(code, 0, "{error}");
    let document: serde_json::Value = serde_json::from_str(&text).unwrap();
    document["applies"].as_array().unwrap().clone()
}

/// The live rules, without their ids.
fn rules(folder: &Path) -> Vec<serde_json::Value> {
    let (code, text, error) = rulekeep(folder, &["show", "web", "-o", "json"]);
    assert_eq!(code, 0, "{error}");
    let document: serde_json::Value = serde_json::from_str(&text).unwrap();
    let rules = document["rules"].as_array().unwrap();
    rules.iter().map(|rule| rule["rule"].clone()).collect()
}

/// Waits until an apply waits.
fn waits(folder: &Path) -> String {
    let end = Instant::now() + Duration::from_secs(30);
    while Instant::now() < end {
        let waiting = history(folder)
            .into_iter()
            .find(|run| !run["confirm_by"].is_null());
        if let Some(run) = waiting {
            return run["id"].as_str().unwrap().to_owned();
        }
        thread::sleep(Duration::from_millis(50));
    }
    panic!("nothing waits");
}

#[test]
fn an_apply_is_undone_and_the_undo_too() {
    let folder = project();
    let folder = folder.path();
    assert_eq!(rulekeep(folder, &["history"]).1, "No apply yet.\n");
    let (code, _, error) = rulekeep(folder, &["undo", "--yes"]);
    assert_eq!(code, 1);
    assert!(
        error.contains("there is no apply that could be undone"),
        "{error}"
    );

    let before = rules(folder);
    assert_eq!(rulekeep(folder, &["apply", "--yes"]).0, 0);
    let after = rules(folder);
    assert_ne!(before, after);
    let id = history(folder)[0]["id"].as_str().unwrap().to_owned();

    // Broken group files do not stand in the way.
    let file = folder.join("rules/example.yaml");
    let text = fs::read_to_string(&file).unwrap();
    fs::write(&file, "group: [").unwrap();
    let (code, text_of_undo, error) = rulekeep(folder, &["undo", "--yes", &id[..6]]);
    assert_eq!(code, 0, "{error}");
    assert!(text_of_undo.contains("Apply complete!"), "{text_of_undo}");
    fs::write(&file, text).unwrap();
    assert_eq!(rules(folder), before);

    let runs = history(folder);
    assert_eq!(runs[0]["undoes"], runs[1]["id"]);
    assert_eq!(runs[1]["undone_by"], runs[0]["id"]);
    let (code, _, error) = rulekeep(folder, &["undo", "--yes", &id]);
    assert_eq!(code, 1);
    assert!(error.contains("was undone already"), "{error}");

    let undo = runs[0]["id"].as_str().unwrap();
    assert_eq!(rulekeep(folder, &["undo", "--yes", undo]).0, 0);
    assert_eq!(rules(folder), after);
    let (_, text, _) = rulekeep(folder, &["history"]);
    assert_eq!(text.lines().count(), 4, "{text}");
    let (code, _, error) = rulekeep(folder, &["undo", "--yes", "nobody"]);
    assert_eq!(code, 1);
    assert!(error.contains("there is no apply nobody"), "{error}");
}

#[test]
fn an_undo_refuses_what_others_have_changed_since_unless_told() {
    let folder = project();
    let folder = folder.path();
    let before = rules(folder);
    assert_eq!(rulekeep(folder, &["apply", "--yes"]).0, 0);
    let id = history(folder)[0]["id"].as_str().unwrap().to_owned();
    let file = folder.join("rules/example.yaml");
    let text = fs::read_to_string(&file).unwrap();
    let more = "ingress:\n  - { protocol: udp, ports: 53, from: 10.0.0.0/8 }\n";
    fs::write(&file, text.replace("ingress:\n", more)).unwrap();
    assert_eq!(rulekeep(folder, &["apply", "--yes"]).0, 0);

    let (code, _, error) = rulekeep(folder, &["undo", "--yes", &id]);
    assert_eq!(code, 5, "{error}");
    assert!(
        error.contains("web: came since: ingress accept udp/53 from 10.0.0.0/8"),
        "{error}"
    );
    let udp = |folder: &Path| rules(folder).iter().any(|rule| rule["protocol"] == "udp");
    assert!(udp(folder));
    let (code, _, error) = rulekeep(folder, &["undo", "--yes", "--keep-later-changes", &id]);
    assert_eq!(code, 0, "{error}");
    assert!(error.contains("Changed since, and left:"), "{error}");
    assert!(udp(folder));
    assert_eq!(rules(folder).len(), before.len() + 1);
    let undo = history(folder)[0]["id"].as_str().unwrap().to_owned();
    assert_eq!(rulekeep(folder, &["undo", "--yes", &undo]).0, 0);
    let (code, _, error) = rulekeep(folder, &["undo", "--yes", "--discard-later-changes", &id]);
    assert_eq!(code, 0, "{error}");
    assert_eq!(rules(folder), before);
}

#[test]
fn an_apply_that_nobody_confirms_is_undone() {
    let folder = project();
    let folder = folder.path();
    let before = rules(folder);
    let (code, text, error) = rulekeep(folder, &["apply", "--yes", "--confirm-within", "1s"]);
    assert_eq!(code, 1, "{error}");
    assert!(text.contains("Apply complete!"), "{text}");
    assert!(
        error.contains("was not confirmed; its changes were undone"),
        "{error}"
    );
    assert_eq!(rules(folder), before);
    let runs = history(folder);
    assert_eq!((runs.len(), &runs[1]["confirmed"]), (2, &false.into()));
    let (code, _, error) = rulekeep(folder, &["confirm", runs[1]["id"].as_str().unwrap()]);
    assert_eq!(code, 1);
    assert!(error.contains("too late"), "{error}");
}

#[test]
fn an_apply_that_is_confirmed_stays() {
    let folder = project();
    let folder = folder.path();
    let before = rules(folder);
    let (code, _, error) = rulekeep(folder, &["confirm"]);
    assert_eq!(code, 1);
    assert!(error.contains("no apply waits"), "{error}");
    let child = spawn(folder, &["apply", "--yes", "--confirm-within", "5m"]);
    let id = waits(folder);
    let (code, text, error) = rulekeep(folder, &["confirm"]);
    assert_eq!(code, 0, "{error}");
    assert_eq!(
        text,
        format!("Confirmed: the changes of apply {} stay.\n", &id[..8])
    );
    let (code, _, error) = said(child.wait_with_output().unwrap());
    assert_eq!(code, 0, "{error}");
    assert_ne!(rules(folder), before);
}

/// Sends a signal.
#[cfg(unix)]
fn signal(child: &Child, name: &str) {
    let done = Command::new("kill")
        .args(["-s", name, &child.id().to_string()])
        .status();
    assert!(done.unwrap().success());
}

#[cfg(unix)]
#[test]
fn a_lost_terminal_does_not_end_the_wait_and_being_told_to_stop_undoes_at_once() {
    let folder = project();
    let folder = folder.path();
    let before = rules(folder);
    let child = spawn(folder, &["apply", "--yes", "--confirm-within", "5m"]);
    waits(folder);
    signal(&child, "HUP");
    thread::sleep(Duration::from_millis(300));
    assert_eq!(history(folder).len(), 1, "it still waits");
    signal(&child, "TERM");
    let (code, _, error) = said(child.wait_with_output().unwrap());
    assert_eq!(code, 1, "{error}");
    assert_eq!(rules(folder), before);
}

#[test]
fn a_second_apply_in_the_folder_is_told_who_is_at_work_or_waits() {
    let folder = project();
    let folder = folder.path();
    let mut first = spawn(folder, &["apply", "--yes", "--confirm-within", "5m"]);
    let id = waits(folder);
    let (code, text, error) = rulekeep(folder, &["apply", "--yes"]);
    assert_eq!((code, &*text), (1, ""), "{error}");
    let holder = format!(
        "error: `rulekeep apply` (process {}, run {}) has been at work in this folder since ",
        first.id(),
        &id[..8]
    );
    assert!(error.starts_with(&holder), "{error}");
    assert!(error.contains("; nothing was changed\n"), "{error}");
    assert!(error.contains(&format!("`rulekeep confirm {}`", &id[..8])));
    for command in [
        &["undo", "--yes"][..],
        &["clone", "web", "--name", "other", "--yes"],
        &[
            "restore", "--group", "web", "--from", "db", "--mode", "partial",
        ],
    ] {
        let (code, _, error) = rulekeep(folder, command);
        assert_eq!(code, 1, "{error}");
        assert!(error.starts_with(&holder), "{command:?}: {error}");
    }

    let waiting = spawn(folder, &["apply", "--yes", "--lock-timeout", "1m"]);
    assert_eq!(rulekeep(folder, &["confirm"]).0, 0);
    assert!(first.wait().unwrap().success());
    let (code, text, error) = said(waiting.wait_with_output().unwrap());
    assert_eq!(code, 0, "{error}");
    assert!(
        error.starts_with("waiting: `rulekeep apply` (process "),
        "{error}"
    );
    assert!(text.contains("No changes."), "{text}");
}

#[test]
fn a_process_that_was_killed_holds_nobody_up() {
    let folder = project();
    let folder = folder.path();
    let mut first = spawn(folder, &["apply", "--yes", "--confirm-within", "5m"]);
    waits(folder);
    first.kill().unwrap();
    first.wait().unwrap();
    assert_eq!(rulekeep(folder, &["apply", "--yes"]).0, 0);
}

#[test]
fn the_undo_of_an_unconfirmed_apply_reports_beside_the_apply() {
    let folder = project();
    let folder = folder.path();
    let arguments = "apply --yes --confirm-within 1s -o json -o json=out/r.json -o text=out/r";
    fs::create_dir(folder.join("out")).unwrap();
    let arguments: Vec<&str> = arguments.split(' ').collect();
    let (code, text, error) = rulekeep(folder, &arguments);
    assert_eq!(code, 1, "{error}");
    let runs = history(folder);
    let read = |name: &str| fs::read_to_string(folder.join("out").join(name)).unwrap();
    let run = |text: &str| {
        let document: serde_json::Value = serde_json::from_str(text).unwrap();
        document["run_id"].clone()
    };
    assert_eq!(run(&text), runs[1]["id"]);
    assert_eq!(read("r.json"), text);
    assert_eq!(run(&read("r.undo.json")), runs[0]["id"]);
    assert_ne!(read("r"), read("r.undo"));
    assert!(error.contains("Apply complete!"), "{error}");
}

#[test]
fn commands_without_group_files_write_the_same_reports_as_an_apply() {
    let folder = project();
    let folder = folder.path();
    assert_eq!(rulekeep(folder, &["apply", "--yes"]).0, 0);
    let rule = r#"[{"Direction":"ingress","IpProtocol":"UDP","PortRange":"53/53","SourceCidrIp":"10.0.0.0/8","Policy":"Accept","Priority":"1"}]"#;
    fs::write(folder.join("dns.json"), rule).unwrap();
    let import = |more: &[&str]| {
        let arguments = [
            &["import", "dns.json", "--group", "web", "-o", "json"],
            more,
        ]
        .concat();
        let (code, text, error) = rulekeep(folder, &arguments);
        let document: serde_json::Value = serde_json::from_str(&text).unwrap_or_default();
        (code, document, error)
    };
    let (code, plan, error) = import(&["--dry-run"]);
    assert_eq!(code, 0, "{error}");
    assert_eq!(plan["summary"]["add"], 1, "{plan}");
    let (code, refused, _) = import(&[]);
    assert_eq!(code, 1);
    let why = refused.to_string();
    assert!(why.contains("--yes was not given"), "{why}");
    let (code, applied, error) = import(&["--yes"]);
    assert_eq!(code, 0, "{error}");
    assert_eq!(applied["summary"]["added"], 1, "{applied}");
    let (code, nothing, error) = import(&["--yes"]);
    assert_eq!(code, 0, "{error}");
    assert_eq!(nothing["summary"]["added"], 0, "{nothing}");
}

#[cfg(unix)]
#[test]
fn a_wait_that_was_killed_is_mentioned_by_the_next_plan() {
    let folder = project();
    let folder = folder.path();
    let mut child = spawn(folder, &["apply", "--yes", "--confirm-within", "1s"]);
    let id = waits(folder);
    child.kill().unwrap();
    child.wait().unwrap();
    thread::sleep(Duration::from_millis(1100));
    let (code, _, error) = rulekeep(folder, &["plan"]);
    assert_eq!(code, 0, "{error}");
    let id = &id[..8];
    let commands =
        format!("  `rulekeep undo {id}` undoes its changes; `rulekeep confirm {id}` keeps them.\n");
    assert!(
        error.starts_with("warning: nobody confirmed the apply"),
        "{error}"
    );
    assert!(error.contains(&commands), "{error}");
    assert_eq!(rulekeep(folder, &["confirm", id]).0, 0);
    let (_, _, error) = rulekeep(folder, &["plan"]);
    assert!(!error.contains("nobody confirmed"), "{error}");
}

#[cfg(unix)]
#[test]
fn what_nobody_confirmed_and_nobody_could_undo_is_undone_by_the_next_one_who_looks() {
    let folder = project();
    let folder = folder.path();
    let before = rules(folder);
    let overdue = |folder: &Path| rulekeep(folder, &["undo", "--overdue"]);
    let nothing = (0, String::new(), "No apply is overdue.\n".to_owned());
    assert_eq!(overdue(folder), nothing);
    let mut child = spawn(folder, &["apply", "--yes", "--confirm-within", "2s"]);
    waits(folder);
    assert_eq!(overdue(folder), nothing, "it is not its turn");
    child.kill().unwrap();
    child.wait().unwrap();
    assert_ne!(rules(folder), before);
    thread::sleep(Duration::from_millis(2100));
    let (code, text, error) = overdue(folder);
    assert_eq!(code, 0, "{error}");
    assert!(text.contains("Apply complete!"), "{text}");
    assert_eq!(rules(folder), before);
    assert_eq!(history(folder)[1]["confirmed"], false);
    assert_eq!(overdue(folder), nothing);
}

#[test]
fn a_closed_stdout_does_not_stop_an_apply() {
    let folder = project();
    let mut child = spawn(folder.path(), &["apply", "--yes"]);
    drop(child.stdout.take());
    drop(child.stderr.take());
    assert_eq!(child.wait().unwrap().code(), Some(0));
    assert_eq!(history(folder.path())[0]["outcome"], "complete");
}

#[test]
fn every_refused_rule_of_a_batch_is_named_with_its_place_and_the_others_are_made() {
    let folder = project();
    let folder = folder.path();
    let mut text = "group: web\nmode: partial\ningress:\n".to_owned();
    for port in 1..=30 {
        let peer = match port {
            7 | 21 => "sg-bp1nobody0000000000000",
            _ => "10.0.0.0/8",
        };
        text.push_str(&format!(
            "  - {{ protocol: tcp, ports: {port}, from: {peer} }}\n"
        ));
    }
    fs::write(folder.join("rules/example.yaml"), text).unwrap();
    let before = rules(folder).len();
    let (code, text, error) = rulekeep(folder, &["apply", "--yes"]);
    assert_eq!(code, 7, "{text}{error}");
    for (port, line) in [(7, 10), (21, 24)] {
        let rule = format!(
            "tcp/{port} from sg-bp1nobody0000000000000 priority 1, rules/example.yaml:{line}: the cloud refused"
        );
        assert!(text.contains(&rule), "{text}");
    }
    assert_eq!(rules(folder).len(), before + 28);
    let (_, _, error) = rulekeep(folder, &["plan"]);
    assert!(!error.contains("has no end"), "{error}");
}
