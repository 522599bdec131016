//! Notifications from end to end: the binary, the embedded cloud and a local receiver.

use std::fs;

mod common {
    pub mod receiver;
    #[expect(dead_code, reason = "the other tests of repositories use the rest")]
    pub mod repository;
}

use common::{
    receiver::Receiver,
    repository::{PROJECT, Repository, command, group, said},
};

fn rulekeep(repository: &Repository, url: &str, arguments: &[&str]) -> (i32, String, String) {
    let mut run = command(snapbox::cmd::cargo_bin!("rulekeep"), &repository.root);
    said(run.env("OPS_HOOK", url).args(arguments))
}

#[test]
fn plans_applies_refusals_drift_and_failures_are_told_to_who_wants_to_know() {
    let repository = Repository::with_project();
    let project = format!(
        "{PROJECT}notify:\n  - {{ to: webhook, name: everything, url_env: OPS_HOOK, on: [plan, apply, refused, failed, drift, fight] }}\n"
    );
    repository.write("rulekeep.yaml", &project);
    repository.commit("notify");
    let receiver = Receiver::start(200);
    let run = |arguments: &[&str]| rulekeep(&repository, &receiver.url, arguments);

    assert_eq!(run(&["plan"]).0, 0);
    assert_eq!(
        receiver.events(),
        ["plan: rulekeep plan: 4 to add, 0 to change, 0 to destroy"]
    );
    assert_eq!(run(&["drift"]).0, 2);
    assert_eq!(
        receiver.events(),
        ["drift: rulekeep drift: 4 missing, 0 differ, 0 live only"]
    );
    assert_eq!(run(&["watch", "--once"]).0, 0);
    assert_eq!(
        receiver.events(),
        ["drift: rulekeep drift: 4 missing, 0 differ, 0 live only"]
    );
    let (code, _, error) = run(&["watch", "--once", "--apply", "--target", "jump"]);
    assert_eq!(code, 0, "{error}");
    assert_eq!(
        receiver.events(),
        ["apply: rulekeep watch: 1 added, 0 changed, 0 destroyed"]
    );
    let _ = fs::remove_file(repository.path(".rulekeep/demo.json"));
    let (code, _, error) = run(&["apply", "--yes"]);
    assert_eq!(code, 0, "{error}");
    let told = receiver.take();
    assert_eq!(told.len(), 1);
    assert_eq!(
        told[0]["title"],
        "rulekeep apply: 4 added, 0 changed, 0 destroyed"
    );
    assert_eq!(told[0]["add"], 4);
    assert_eq!(told[0]["commit"], repository.git(&["rev-parse", "HEAD"]));
    let text = told[0]["text"].as_str().unwrap();
    assert!(
        text.contains("web: ingress tcp/443 from 10.8.0.0/16"),
        "{text}"
    );
    // Nothing to do is nothing to tell.
    for arguments in [&["plan"][..], &["drift"], &["apply", "--yes"]] {
        assert_eq!(run(arguments).0, 0);
    }
    assert_eq!(receiver.events(), [""; 0]);

    repository.write(
        "rules/web.yaml",
        "group: web\nmode: complete\ningress: []\n",
    );
    assert_eq!(run(&["apply", "--yes"]).0, 4);
    let told = receiver.events();
    assert_eq!(
        told,
        ["refused: rulekeep apply was refused by the guard for 1 reason"]
    );

    repository.write("rules/web.yaml", &group("nobody", "https", "staff"));
    assert_eq!(run(&["drift"]).0, 1);
    assert!(receiver.events()[0].starts_with("failed: rulekeep drift failed: "));
}

#[test]
fn a_run_that_fails_before_it_has_a_plan_is_told() {
    let repository = Repository::with_project();
    let receiver = Receiver::start(200);
    let run = |arguments: &[&str]| rulekeep(&repository, &receiver.url, arguments);
    let notify = |on: &str| format!("notify:\n  - {{ to: webhook, url_env: OPS_HOOK{on} }}\n");
    let everything = notify(", on: [plan, apply, refused, failed, drift]");
    repository.write("rulekeep.yaml", &format!("{PROJECT}{everything}"));
    repository.write("rules/web.yaml", &group("web", "httpss", "staff"));
    for command in [
        &["plan"][..],
        &["drift"],
        &["apply", "--yes"],
        &["watch", "--once"],
    ] {
        assert_eq!(run(command).0, 1);
        let told = receiver.take();
        assert_eq!(told.len(), 1, "{command:?}");
        let name = command[0];
        assert_eq!(
            told[0]["title"],
            format!("rulekeep {name} failed: 1 error in the files; nothing was changed")
        );
        if name != "watch" {
            let text = told[0]["text"].as_str().unwrap();
            assert!(text.contains("rules/web.yaml:4: no service"), "{text}");
        }
        assert_eq!(told[0]["event"], "failed");
    }
    // A pull request shows that its plan fails: only whoever asks for plans is told.
    repository.write("rulekeep.yaml", &format!("{PROJECT}{}", notify("")));
    assert_eq!(run(&["plan"]).0, 1);
    assert_eq!(receiver.events(), [""; 0]);
    // What whoever calls it has got wrong is not for the others.
    repository.write("rulekeep.yaml", &format!("{PROJECT}{everything}"));
    repository.write("rules/web.yaml", &group("web", "https", "staff"));
    for (command, code) in [
        (&["plan", "--target", "nosuch"][..], 1),
        (&["drift", "--target", "nosuch"], 1),
        (&["apply", "--yes", "--target", "nosuch"], 1),
        (&["apply", "--yes", "rules/nosuch.yaml"], 1),
        (&["drift", "--target", ""], 64),
    ] {
        assert_eq!(run(command).0, code, "{command:?}");
        assert_eq!(receiver.events(), [""; 0], "{command:?}");
    }
    repository.write("rules/web.yaml", &group("web", "httpss", "staff"));
    // Also when the project file itself has an error elsewhere, and whoever would be asked sees it.
    repository.write("rulekeep.yaml", &format!("{PROJECT}{everything}rulez: x\n"));
    assert_eq!(run(&["apply", "--yes"]).0, 1);
    assert_eq!(receiver.events().len(), 1);
    assert_eq!(run(&["apply"]).0, 1);
    assert_eq!(receiver.events(), [""; 0]);

    // No credentials.
    let project = PROJECT.replace(
        "local: .rulekeep/demo.json, seed: seed.json",
        "profile: nowhere",
    );
    repository.write("rulekeep.yaml", &format!("{project}{everything}"));
    repository.write("rules/web.yaml", &group("web", "https", "staff"));
    for command in [&["drift"][..], &["apply", "--yes"]] {
        assert_eq!(run(command).0, 1);
        let told = receiver.events();
        assert_eq!(told.len(), 1, "{told:?}");
        let why = "failed: 3 groups could not be read; nothing was changed";
        assert!(told[0].ends_with(why), "{told:?}");
    }
}

#[test]
fn a_notification_that_fails_is_a_warning_without_the_token() {
    let repository = Repository::with_project();
    let project = format!("{PROJECT}notify:\n  - {{ to: slack, url_env: OPS_HOOK }}\n");
    repository.write("rulekeep.yaml", &project);
    let receiver = Receiver::start(404);
    for (url, why) in [
        (&*receiver.url, "it answered with HTTP 404"),
        ("http://127.0.0.1:1/hook/tokentoken", "it cannot be reached"),
        ("", "OPS_HOOK is empty"),
    ] {
        let _ = fs::remove_dir_all(repository.path(".rulekeep"));
        let (code, out, error) = rulekeep(&repository, url, &["apply", "--yes", "-vv"]);
        assert_eq!(code, 0, "{error}");
        assert!(out.contains("Apply complete!"), "{out}");
        assert!(
            error.contains(&format!("warning: slack was not told: {why}\n")),
            "{error}"
        );
        assert!(
            !error.contains("tokentoken") && !out.contains("tokentoken"),
            "{error}"
        );
    }
}

#[test]
fn what_keeps_being_taken_back_is_reported_as_a_fight() {
    let repository = Repository::with_project();
    let project =
        format!("{PROJECT}notify:\n  - {{ to: webhook, url_env: OPS_HOOK, on: fight }}\n");
    repository.write("rulekeep.yaml", &project);
    let receiver = Receiver::start(200);
    for round in 1..=3 {
        // The cloud as it was before: somebody took the rules out again.
        let _ = fs::remove_file(repository.path(".rulekeep/demo.json"));
        let arguments = ["apply", "--yes", "--target", "db"];
        let (code, _, error) = rulekeep(&repository, &receiver.url, &arguments);
        assert_eq!(code, 0, "{error}");
        assert_eq!(error.contains("warning: fight: "), round == 3, "{error}");
    }
    let told = receiver.take();
    assert_eq!(told.len(), 1);
    let line = told[0]["sections"][0]["lines"][0].as_str().unwrap();
    assert!(
        line.starts_with("demo/cn-hangzhou/sg-db: ingress accept tcp/3306 from 10.0.0.0/8 priority 1 was added 3 times ("),
        "{line}"
    );
    assert!(line.ends_with("; something else removes it"), "{line}");
    let (_, _, error) = rulekeep(&repository, &receiver.url, &["drift", "--target", "db"]);
    assert!(error.contains("warning: fight: "), "{error}");
    assert_eq!(receiver.take().len(), 1);
    // The threshold is the project's.
    repository.write(
        "rulekeep.yaml",
        &format!("{PROJECT}fights: {{ count: 4 }}\n"),
    );
    let (_, _, error) = rulekeep(&repository, &receiver.url, &["drift", "--target", "db"]);
    assert!(!error.contains("fight"), "{error}");
}
