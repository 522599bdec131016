//! Hooks from end to end: real repositories, real pushes, the embedded cloud.
#![cfg(unix)]

use std::{fs, os::unix::fs::PermissionsExt as _, path::Path};

mod common {
    pub mod repository;
}

use common::repository::{Repository, command, group, said};

fn executable(path: &Path, text: &str) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, text).unwrap();
    fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
}

/// A bare repository beside a clone of it with the sample project, of which nothing is pushed yet.
fn server(work: &Repository) -> Repository {
    let bare = work.root.with_file_name("server.git");
    work.git(&[
        "init",
        "--quiet",
        "--bare",
        "--initial-branch=main",
        &bare.display().to_string(),
    ]);
    work.git(&["remote", "add", "origin", &bare.display().to_string()]);
    Repository::at(bare)
}

#[test]
fn a_push_is_applied_and_a_bad_one_is_refused_with_the_reason() {
    let work = Repository::with_project();
    let server = server(&work);
    let kinds = ["hook", "install", "--kind", "pre-receive,post-receive"];
    let (code, out, error) = server.rulekeep(&kinds);
    assert_eq!(code, 0, "{error}");
    assert!(
        out.contains("wrote ") && out.contains("post-receive"),
        "{out}"
    );

    let push = || said(command("git", &work.root).args(["push", "origin", "HEAD"]));
    let (code, _, error) = push();
    assert_eq!(code, 0, "{error}");
    assert!(
        error.contains("remote: Apply complete! Resources: 4 added"),
        "{error}"
    );
    assert!(
        error.contains("rulekeep: the cloud holds what main declares at "),
        "{error}"
    );
    let worktree = server.path("rulekeep-worktree");
    let show = |group: &str| {
        Repository::at(worktree.clone())
            .rulekeep(&["show", group])
            .1
    };
    assert!(show("web").contains("203.0.113.0/24"), "{}", show("web"));

    // Another commit: only what it changes is sent.
    work.write(
        "rules/web.yaml",
        &group("web", "https", "[staff, 192.0.2.0/24]"),
    );
    let second = work.commit("one more");
    let (code, _, error) = push();
    assert_eq!(code, 0, "{error}");
    assert!(
        error.contains("remote: Apply complete! Resources: 1 added"),
        "{error}"
    );
    assert!(show("web").contains("192.0.2.0/24"));

    // A file with an error does not get in, and the pusher reads why.
    work.write("rules/web.yaml", &group("web", "httpss", "staff"));
    work.commit("broken");
    let (code, _, error) = push();
    assert_ne!(code, 0);
    for said in [
        "error[unknown-service]: no service is called `httpss`",
        "rules/web.yaml:4",
        "did you mean `https`?",
        "rulekeep: the push to main is refused",
        "pre-receive hook declined",
    ] {
        assert!(error.contains(said), "{said}: {error}");
    }
    assert_eq!(server.git(&["rev-parse", "main"]), second);
    assert!(show("web").contains("192.0.2.0/24"));
    // Other branches are their owners' business.
    work.git(&["push", "--quiet", "origin", "HEAD:refs/heads/wip"]);
    work.git(&["push", "--quiet", "origin", ":refs/heads/wip"]);

    // What the guard refuses is in the branch, and the pusher reads that the cloud is not there.
    work.git(&["reset", "--quiet", "--hard", &second]);
    work.write(
        "rules/web.yaml",
        "group: web\nmode: complete\ningress: []\n",
    );
    work.commit("nothing");
    let (code, _, error) = push();
    assert_eq!(code, 0, "{error}");
    assert!(error.contains("refused[emptied]"), "{error}");
    assert!(error.contains("but the apply ended with 4"), "{error}");
}

#[test]
fn pushes_at_the_same_time_are_applied_one_after_the_other_and_the_last_state_wins() {
    let work = Repository::with_project();
    let server = server(&work);
    let kinds = ["hook", "install", "--kind", "post-receive"];
    assert_eq!(server.rulekeep(&kinds).0, 0);
    // Somebody else is at it until both have pushed.
    let go = work.root.with_file_name("go");
    let wait = format!("until [ -e '{}' ]; do sleep 0.1; done", go.display());
    let repository = server.root.to_str().unwrap();
    let binary = snapbox::cmd::cargo_bin!("rulekeep");
    let mut holder = command(binary, &server.root)
        .args(["hook", "locked", repository, "--", "sh", "-c", &wait])
        .spawn()
        .unwrap();
    let waits = |name: &str| {
        let log = fs::read_to_string(work.root.with_file_name(name));
        log.is_ok_and(|log| log.contains("waiting for the push before this one"))
    };
    let push = |name: &str, from: &str| {
        work.write("rules/web.yaml", &group("web", "https", from));
        work.commit(name);
        let log = fs::File::create(work.root.with_file_name(name)).unwrap();
        let pushed = command("git", &work.root)
            .args(["push", "origin", "HEAD:main"])
            .stderr(log)
            .spawn()
            .unwrap();
        let end = std::time::Instant::now() + std::time::Duration::from_secs(90);
        while !waits(name) {
            assert!(std::time::Instant::now() < end, "{name} does not wait");
            std::thread::sleep(std::time::Duration::from_millis(20));
        }
        pushed
    };
    let held = std::time::Instant::now();
    while !server.path(".rulekeep").exists() && held.elapsed().as_secs() < 60 {
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
    let pushes = [push("first", "10.1.0.0/16"), push("second", "10.2.0.0/16")];
    fs::write(&go, "").unwrap();
    assert!(holder.wait().unwrap().success());
    let short = work.git(&["rev-parse", "--short", "HEAD"]);
    for (mut push, name) in pushes.into_iter().zip(["first", "second"]) {
        assert!(push.wait().unwrap().success());
        let log = fs::read_to_string(work.root.with_file_name(name)).unwrap();
        // Whoever comes first applies the newest state.
        let said = format!("rulekeep: the cloud holds what main declares at {short}");
        assert!(log.contains(&said), "{name}: {log}");
    }
    let worktree = Repository::at(server.path("rulekeep-worktree"));
    let show = worktree.rulekeep(&["show", "web"]).1;
    assert!(show.contains("10.2.0.0/16"), "{show}");
    assert!(!show.contains("10.1.0.0/16"), "{show}");
    let (_, history, _) = worktree.rulekeep(&["history", "-o", "json"]);
    let history: serde_json::Value = serde_json::from_str(&history).unwrap();
    assert_eq!(history["applies"].as_array().unwrap().len(), 1, "{history}");
}

#[test]
fn links_out_of_the_repository_are_refused_and_never_read() {
    let work = Repository::with_project();
    let server = server(&work);
    let (code, ..) = server.rulekeep(&["hook", "install"]);
    assert_eq!(code, 0);
    let secret = work.root.with_file_name("secret.yaml");
    fs::write(&secret, "password: hunter2\n").unwrap();
    std::os::unix::fs::symlink(&secret, work.path("rules/more.yaml")).unwrap();
    work.commit("link");
    let push = || said(command("git", &work.root).args(["push", "origin", "HEAD"]));
    let (code, _, error) = push();
    assert_ne!(code, 0);
    let said = "its link rules/more.yaml leads out of the repository";
    assert!(error.contains(said), "{error}");
    assert!(!error.contains("hunter2"), "{error}");

    work.remove("rules/more.yaml");
    let folder = secret.parent().unwrap().display().to_string();
    let project = fs::read_to_string(work.path("rulekeep.yaml")).unwrap();
    work.write("rulekeep.yaml", &project.replace("rules/", &folder));
    work.commit("folder");
    let (code, _, error) = push();
    assert_ne!(code, 0);
    assert!(error.contains("is not in the repository"), "{error}");
    assert!(!error.contains("hunter2"), "{error}");
}

#[test]
fn nothing_of_a_push_replaces_the_programs_files_or_leads_out_of_the_repository() {
    let work = Repository::with_project();
    let server = server(&work);
    let kinds = ["hook", "install", "--kind", "post-receive"];
    assert_eq!(server.rulekeep(&kinds).0, 0);
    let push = || {
        let mut git = command("git", &work.root);
        said(git.args(["push", "--force", "origin", "HEAD:main"])).2
    };
    let first = work.git(&["rev-parse", "HEAD"]);
    assert!(push().contains("Apply complete!"));
    let worktree = Repository::at(server.path("rulekeep-worktree"));
    let refused = |message: &str, reason: &str| {
        work.git(&["add", "-A", "-f"]);
        work.git(&["commit", "--quiet", "-m", message]);
        let error = push();
        assert!(error.contains(reason), "{error}");
        assert!(error.contains("which is not applied"), "{error}");
        assert_eq!(worktree.git(&["rev-parse", "HEAD"]), first);
        work.git(&["reset", "--quiet", "--hard", &first]);
    };
    work.write(".rulekeep/audit.jsonl", "");
    refused("state", "has .rulekeep/audit.jsonl, where rulekeep keeps");
    std::os::unix::fs::symlink("/etc", work.path("data")).unwrap();
    work.write(
        "rulekeep.yaml",
        &common::repository::PROJECT.replace(".rulekeep/demo.json", "data/demo.json"),
    );
    refused("link", "its link data leads out of the repository");
    // Also one that no file of the project names, such as what the embedded cloud would write beside its own.
    let outside = work.root.with_file_name("outside");
    fs::create_dir_all(work.path("data")).unwrap();
    std::os::unix::fs::symlink(&outside, work.path("data/a.json.journal")).unwrap();
    work.write(
        "rulekeep.yaml",
        &common::repository::PROJECT.replace(".rulekeep/demo.json", "data/a.json"),
    );
    refused("journal", "its link data/a.json.journal leads out");
    assert!(!outside.exists());
    std::os::unix::fs::symlink(".git", work.path("link")).unwrap();
    work.write(
        "rulekeep.yaml",
        &common::repository::PROJECT.replace("seed.json", "link/config"),
    );
    refused(
        "git",
        "its link link leads to what is not part of the commit",
    );
    work.write(
        "rulekeep.yaml",
        &common::repository::PROJECT.replace("seed.json", "/seed.json"),
    );
    refused("seed", "rulekeep.yaml:2");
}

#[test]
fn what_attributes_make_of_a_push_is_not_applied() {
    let work = Repository::with_project();
    let server = server(&work);
    let kinds = ["hook", "install", "--kind", "post-receive"];
    assert_eq!(server.rulekeep(&kinds).0, 0);
    let push = || {
        let mut git = command("git", &work.root);
        said(git.args(["push", "--force", "origin", "HEAD:main"])).2
    };
    // Files are committed as they are, and would be checked out as others.
    work.write(".git/info/attributes", "* !working-tree-encoding !filter");
    work.write(
        ".gitattributes",
        "*.yaml working-tree-encoding=ASCII//TRANSLIT filter=up\n",
    );
    let project = common::repository::PROJECT.replace("rules/", "\u{2025}\u{ff0f}outside");
    work.write("rulekeep.yaml", &project);
    work.commit("encoded");
    let error = push();
    assert!(error.contains("there is no folder \u{2025}"), "{error}");
    assert!(!error.contains("../outside"), "{error}");
    // A filter of the server that is not the commit's choice.
    let filter = ["config", "filter.up.smudge", "sed s,rules/,../outside,"];
    server.git(&filter);
    work.write("rulekeep.yaml", common::repository::PROJECT);
    work.commit("filtered");
    assert!(push().contains("Apply complete!"));
    server.write("info/attributes", "rulekeep.yaml filter=up\n");
    work.write(
        "rulekeep.yaml",
        &format!("{}# more\n", common::repository::PROJECT),
    );
    work.commit("filtered");
    let error = push();
    let said = "rulekeep.yaml is not checked out as it stands in the commit";
    assert!(error.contains(said), "{error}");
    assert!(error.contains("which is not applied"), "{error}");
}

#[test]
fn a_commit_is_judged_by_what_is_staged() {
    let work = Repository::with_project_in("net/");
    let (code, out, error) = work.rulekeep_in("net", &["hook", "install"]);
    assert_eq!(code, 0, "{error}");
    assert!(
        out.contains("wrote ") && out.contains("pre-commit"),
        "{out}"
    );
    let commit = |arguments: &[&str]| {
        let mut git = command("git", &work.root);
        said(git.args(["commit", "-m", "x"]).args(arguments))
    };
    // Broken in the index, mended in the working tree only.
    work.write("net/rules/web.yaml", &group("web", "httpss", "staff"));
    work.git(&["add", "-A"]);
    work.write("net/rules/web.yaml", &group("web", "https", "vpn"));
    let (code, _, error) = commit(&[]);
    assert_ne!(code, 0);
    assert!(error.contains("no service is called `httpss`"), "{error}");
    assert!(error.contains("rulekeep: not committed"), "{error}");
    // `git commit FILE` has an index of its own.
    let (code, _, error) = commit(&["net/rules/web.yaml"]);
    assert_eq!(code, 0, "{error}");

    work.write(
        "net/rules/web.yaml",
        "group:    web\nmode:  partial\ningress: []\n",
    );
    work.git(&["add", "-A"]);
    let (code, _, error) = commit(&[]);
    assert_ne!(code, 0);
    assert!(error.contains("rules/web.yaml\n"), "{error}");
    assert!(error.contains("rulekeep fmt"), "{error}");
    // What is not of the project is not looked at, whatever lies in the working tree.
    work.git(&["reset", "--quiet"]);
    work.write("readme.txt", "x");
    work.git(&["add", "readme.txt"]);
    let (code, _, error) = commit(&[]);
    assert_eq!(code, 0, "{error}");

    // In a linked work tree the same hook runs.
    let other = work.root.with_file_name("other");
    work.git(&[
        "worktree",
        "add",
        "--quiet",
        "-b",
        "side",
        &other.display().to_string(),
    ]);
    let other = Repository::at(other);
    other.write("net/rules/web.yaml", &group("web", "httpss", "staff"));
    other.git(&["add", "-A"]);
    let (code, _, error) = said(command("git", &other.root).args(["commit", "-m", "x"]));
    assert_ne!(code, 0);
    assert!(error.contains("no service is called `httpss`"), "{error}");
}

#[test]
fn a_commit_is_judged_where_the_project_reaches_beyond_its_folder() {
    let work = Repository::with_project_in("net/");
    let project = fs::read_to_string(work.path("net/rulekeep.yaml")).unwrap();
    let project = project.replace("rules: rules/", "rules: ../common/rules");
    work.write("net/rulekeep.yaml", &project);
    work.git(&["add", "-A"]);
    fs::create_dir(work.path("common")).unwrap();
    work.git(&["mv", "net/rules", "common/rules"]);
    work.write("other/more.yaml", &group("more", "https", "staff"));
    std::os::unix::fs::symlink("../../other/more.yaml", work.path("common/rules/more.yaml"))
        .unwrap();
    work.commit("elsewhere");
    let (code, _, error) = work.rulekeep_in("net", &["hook", "install"]);
    assert_eq!(code, 0, "{error}");
    let commit = || {
        let mut git = command("git", &work.root);
        said(git.args(["commit", "--quiet", "-m", "x"]))
    };
    let refused = |path: &str, text: &str, why: &str| {
        work.write(path, text);
        work.git(&["add", "-A"]);
        let (code, _, error) = commit();
        assert_ne!(code, 0, "{path}");
        assert!(error.contains(why), "{path}: {error}");
        work.git(&["reset", "--quiet", "--hard"]);
    };
    let broken = group("web", "httpss", "staff");
    refused("common/rules/web.yaml", &broken, "`httpss`");
    refused(
        "common/rules/new/a.yaml",
        &group("new", "httpss", "vpn"),
        "`httpss`",
    );
    refused(
        "other/more.yaml",
        &group("more", "httpss", "vpn"),
        "`httpss`",
    );
    // The file that a link leads to goes.
    work.git(&["rm", "--quiet", "other/more.yaml"]);
    let (code, _, error) = commit();
    assert_ne!(code, 0);
    assert!(error.contains("it is a link to nothing"), "{error}");
    work.git(&["reset", "--quiet", "--hard"]);

    // What concerns nothing of it is not held up, even by what is broken already.
    work.write("common/rules/web.yaml", &broken);
    work.git(&["add", "-A"]);
    work.git(&["commit", "--quiet", "--no-verify", "-m", "broken"]);
    work.write("other/readme.txt", "x");
    work.git(&["add", "-A"]);
    let (code, _, error) = commit();
    assert_eq!((code, &*error), (0, ""));

    // Another name of the project file is no reason to refuse, but it is said that nothing is checked.
    work.git(&["mv", "net/rulekeep.yaml", "net/project.yaml"]);
    let (code, _, error) = commit();
    assert_eq!(code, 0, "{error}");
    let said = "net/rulekeep.yaml is not in this commit, so nothing of it is checked";
    assert!(error.contains(said), "{error}");
    let install = ["--project", "net/project.yaml", "hook", "install"];
    assert_eq!(work.rulekeep(&install).0, 0);
    refused(
        "common/rules/db.yaml",
        &group("db", "httpss", "vpn"),
        "`httpss`",
    );
}

#[test]
fn a_push_is_judged_by_its_commits() {
    let work = Repository::with_project();
    server(&work);
    let (code, ..) = work.rulekeep(&["hook", "install", "--kind", "pre-push"]);
    assert_eq!(code, 0);
    work.git(&["push", "--quiet", "origin", "main"]);
    work.write("rules/web.yaml", &group("web", "httpss", "staff"));
    work.commit("broken");
    work.write("rules/web.yaml", &group("web", "https", "staff"));
    let (code, _, error) = said(command("git", &work.root).args(["push", "origin", "main"]));
    assert_ne!(code, 0);
    assert!(error.contains("refs/heads/main is not pushed"), "{error}");
    work.git(&["push", "--quiet", "origin", "HEAD~1:refs/heads/old"]);
    work.git(&["push", "--quiet", "origin", ":old"]);
}

#[test]
fn somebody_elses_hook_stays_or_is_chained_and_put_back() {
    let work = Repository::with_project();
    let hook = work.path(".git/hooks/pre-commit");
    executable(&hook, "#!/bin/sh\necho the old hook >&2\n");
    let (code, _, error) = work.rulekeep(&["hook", "install"]);
    assert_eq!(code, 1);
    assert!(
        error.contains("is not rulekeep's; nothing was changed"),
        "{error}"
    );
    assert!(error.contains("--chain"), "{error}");
    assert!(fs::read_to_string(&hook).unwrap().contains("the old hook"));

    for _ in 0..2 {
        let (code, _, error) = work.rulekeep(&["hook", "install", "--chain"]);
        assert_eq!(code, 0, "{error}");
    }
    work.write("rules/web.yaml", &group("web", "httpss", "staff"));
    work.git(&["add", "-A"]);
    let (code, _, error) = said(command("git", &work.root).args(["commit", "-m", "x"]));
    assert_ne!(code, 0);
    assert!(error.contains("the old hook\n"), "{error}");
    assert!(error.contains("httpss"), "{error}");

    let (code, out, _) = work.rulekeep(&["hook", "uninstall"]);
    assert!(code == 0 && out.starts_with("put back the old "), "{out}");
    assert_eq!(
        fs::read_to_string(&hook).unwrap(),
        "#!/bin/sh\necho the old hook >&2\n"
    );
    let (_, _, error) = work.rulekeep(&["hook", "uninstall"]);
    assert!(error.contains("no hook of rulekeep's is here"), "{error}");

    // A chained hook of the server gets its lines.
    let server = server(&work);
    let old = "#!/bin/sh\nwhile read -r o n r; do echo \"saw $r\"; done\n";
    executable(&server.path("hooks/pre-receive"), old);
    assert_eq!(server.rulekeep(&["hook", "install", "--chain"]).0, 0);
    let (code, _, error) = said(command("git", &work.root).args(["push", "origin", "HEAD"]));
    assert_eq!(code, 0, "{error}");
    assert!(error.contains("saw refs/heads/main"), "{error}");
    assert!(error.contains("ok: 3 groups"), "{error}");
}

#[test]
fn the_hooks_path_is_honoured_unless_it_serves_every_repository() {
    let work = Repository::with_project();
    work.git(&["config", "core.hooksPath", "my hooks"]);
    let (code, _, error) = work.rulekeep(&["hook", "install"]);
    assert_eq!(code, 0, "{error}");
    assert!(work.path("my hooks/pre-commit").exists());

    let other = Repository::with_project();
    let global = other.root.with_file_name("gitconfig");
    fs::write(&global, "[core]\n\thooksPath = /nowhere/hooks\n").unwrap();
    let binary = snapbox::cmd::cargo_bin!("rulekeep");
    let mut run = command(binary, &other.root);
    let (code, _, error) = said(
        run.env("GIT_CONFIG_GLOBAL", &global)
            .args(["hook", "install"]),
    );
    assert_eq!(code, 1);
    assert!(
        error.contains("for every repository (core.hooksPath in the global"),
        "{error}"
    );

    let outside = tempfile::tempdir().unwrap();
    let (code, _, error) = said(
        command(snapbox::cmd::cargo_bin!("rulekeep"), outside.path()).args(["hook", "install"]),
    );
    assert_eq!(code, 1);
    assert!(error.contains("is in no git repository"), "{error}");
}

#[test]
fn files_of_a_commit_are_checked_without_a_work_tree() {
    let work = Repository::with_project();
    let (code, out, error) = work.rulekeep(&["validate", "--commit", "HEAD"]);
    assert_eq!(
        (code, &*out),
        (0, "ok: 3 groups, 4 rules in 3 files\n"),
        "{error}"
    );
    let (code, _, error) = work.rulekeep(&["validate", "--commit", "nothing"]);
    assert_eq!(code, 1);
    assert!(error.contains("git knows no commit `nothing`"), "{error}");
    let arguments = ["validate", "--commit", "HEAD", "--project", "x.yaml"];
    let (code, _, error) = work.rulekeep(&arguments);
    assert_eq!(code, 1);
    assert!(
        error.contains("there is no x.yaml in commit HEAD"),
        "{error}"
    );
}
