//! `--since REV` in real repositories: what a range of commits touches, and what is said of it.

use std::fs;

mod common {
    pub mod repository;
}

use common::repository::{PROJECT, Repository, command, group, said};

/// The lines about the choice, without the commit's id, and the last line of the plan.
fn plan(repository: &Repository, folder: &str, revision: &str) -> (String, String) {
    let (code, out, error) = repository.rulekeep_in(folder, &["plan", "--since", revision]);
    assert_eq!(code, 0, "{out}{error}");
    let choice: Vec<&str> = error
        .lines()
        .skip_while(|line| !line.starts_with("since "))
        .take_while(|line| !line.is_empty())
        .collect();
    let head = match choice[0].split_once(" (") {
        Some((start, rest)) => format!("{start}: {}", rest.split_once("): ").unwrap().1),
        None => choice[0].to_owned(),
    };
    let mut lines = vec![head];
    lines.extend(choice[1..].iter().map(|line| (*line).to_owned()));
    let last = out.lines().last().unwrap_or_default();
    (lines.join("\n"), last.to_owned())
}

#[test]
fn commits_and_changes_that_are_not_committed_choose_the_groups_they_touch() {
    let repository = Repository::with_project();
    let start = repository.git(&["rev-parse", "HEAD"]);
    repository.write("rules/db.yaml", &group("db", "mysql", "10.1.0.0/16"));
    repository.commit("db");
    assert_eq!(
        plan(&repository, "", "HEAD~1"),
        (
            "since HEAD~1: 1 of 3 groups\n  rules/db.yaml changed (ingress): db".to_owned(),
            "Plan: 1 to add, 0 to change, 0 to destroy.".to_owned()
        )
    );
    // Nothing since then.
    assert_eq!(
        plan(&repository, "", "HEAD"),
        (
            "since HEAD: nothing that is declared has changed, 0 of 3 groups".to_owned(),
            "No changes.".to_owned()
        )
    );
    // Not committed, and a file that git does not know yet.
    repository.write(
        "rulekeep.yaml",
        &PROJECT.replace("203.0.113.0/24", "203.0.113.0/25"),
    );
    repository.write("rules/more.yaml", &group("sg-more", "https", "vpn"));
    let (choice, _) = plan(&repository, "", &start);
    assert_eq!(
        choice,
        format!(
            "since {}: 4 of 4 groups\n  network office changed: jump\n  network staff changed through office: web\n  \
             new in rules/more.yaml: sg-more\n  rules/db.yaml changed (ingress): db",
            &start[..10]
        )
    );
}

#[test]
fn a_group_that_moved_is_not_chosen_and_one_that_went_is_left_alone() {
    let repository = Repository::with_project();
    let moved = format!(
        "{}---\n{}",
        group("web", "https", "staff"),
        group("db", "mysql", "10.0.0.0/8")
    );
    repository.write("rules/net/all.yaml", &moved);
    for name in ["web", "db", "jump"] {
        repository.remove(&format!("rules/{name}.yaml"));
    }
    repository.commit("moved, and jump deleted");
    let expected = "since HEAD~1: nothing that is declared has changed, 0 of 2 groups\n  \
                    no longer declared, nothing is changed: demo/cn-hangzhou/jump (was rules/jump.yaml:1)";
    assert_eq!(
        plan(&repository, "", "HEAD~1"),
        (expected.to_owned(), "No changes.".to_owned())
    );
    let (code, out, error) = repository.rulekeep(&["apply", "--yes", "--since", "HEAD~1"]);
    assert_eq!(
        (code, out.lines().last()),
        (0, Some("No changes.")),
        "{error}"
    );
    let (code, _, _) = repository.rulekeep(&["drift", "--since", "HEAD~1"]);
    assert_eq!(code, 0);
}

#[test]
fn three_dots_leave_out_what_the_other_branch_did_since() {
    let repository = Repository::with_project();
    repository.git(&["switch", "--quiet", "-c", "feature"]);
    repository.write("rules/web.yaml", &group("web", "https", "vpn"));
    repository.commit("web");
    repository.git(&["switch", "--quiet", "main"]);
    repository.write("rules/db.yaml", &group("db", "mysql", "vpn"));
    repository.commit("db");
    repository.git(&["switch", "--quiet", "feature"]);
    let (choice, _) = plan(&repository, "", "main...");
    assert_eq!(
        choice,
        "since main...: 1 of 3 groups\n  rules/web.yaml changed (ingress): web"
    );
    let (choice, _) = plan(&repository, "", "main");
    assert!(choice.contains("2 of 3 groups"), "{choice}");

    // A merge commit is compared with either parent.
    repository.git(&["switch", "--quiet", "main"]);
    repository.git(&["merge", "--quiet", "--no-ff", "-m", "merge", "feature"]);
    let (choice, _) = plan(&repository, "", "HEAD^1");
    assert!(
        choice.ends_with("rules/web.yaml changed (ingress): web"),
        "{choice}"
    );
    let (choice, _) = plan(&repository, "", "HEAD^2");
    assert!(
        choice.ends_with("rules/db.yaml changed (ingress): db"),
        "{choice}"
    );
}

#[test]
fn paths_and_targets_narrow_what_the_commits_touch() {
    let repository = Repository::with_project();
    for name in ["web", "db"] {
        repository.write(&format!("rules/{name}.yaml"), &group(name, "https", "vpn"));
    }
    repository.commit("both");
    let arguments = ["plan", "--since", "HEAD~1", "rules/db.yaml"];
    let (code, out, error) = repository.rulekeep(&arguments);
    assert_eq!(code, 0, "{error}");
    assert!(error.contains(": 1 of 3 groups\n"), "{error}");
    assert!(out.contains("db ") && !out.contains("web "), "{out}");
    // Two choices that do not meet are a plan without changes, not every group.
    let arguments = [
        "plan",
        "--since",
        "HEAD~1",
        "--target",
        "jump",
        "--detailed-exitcode",
    ];
    let (code, out, error) = repository.rulekeep(&arguments);
    assert_eq!((code, &*out), (0, "No changes.\n"), "{error}");
}

#[test]
fn a_saved_plan_keeps_the_choice_and_needs_no_history() {
    let repository = Repository::with_project();
    repository.write("rules/db.yaml", &group("db", "mysql", "vpn"));
    repository.commit("db");
    let saved = ["plan", "--since", "HEAD~1", "--out", ".rulekeep-plan.json"];
    let (code, _, error) = repository.rulekeep(&saved);
    assert_eq!(code, 0, "{error}");
    fs::remove_dir_all(repository.path(".git")).unwrap();
    let (code, out, error) = repository.rulekeep(&["apply", ".rulekeep-plan.json"]);
    assert_eq!(code, 0, "{error}");
    assert!(
        out.ends_with("Apply complete! Resources: 1 added, 0 changed, 0 destroyed.\n"),
        "{out}"
    );
    let (code, _, error) =
        repository.rulekeep(&["apply", ".rulekeep-plan.json", "--since", "HEAD"]);
    assert_eq!(code, 64, "{error}");

    // A plan of nothing is applied as nothing.
    let repository = Repository::with_project();
    let (code, ..) = repository.rulekeep(&["plan", "--since", "HEAD", "--out", "none.json"]);
    assert_eq!(code, 0);
    let (code, out, _) = repository.rulekeep(&["apply", "none.json"]);
    assert_eq!((code, &*out), (0, "No changes.\n"));
}

#[test]
fn a_project_in_a_folder_and_a_linked_work_tree_are_compared_alike() {
    let repository = Repository::with_project_in("net/sg/");
    repository.write("net/sg/rules/db.yaml", &group("db", "mysql", "vpn"));
    repository.write("elsewhere.txt", "of no concern");
    repository.commit("db");
    let expected = "since HEAD~1: 1 of 3 groups\n  rules/db.yaml changed (ingress): db";
    assert_eq!(plan(&repository, "net/sg", "HEAD~1").0, expected);
    assert_eq!(plan(&repository, "net/sg/rules", "HEAD~1").0, expected);

    let other = repository.root.with_file_name("other");
    repository.git(&[
        "worktree",
        "add",
        "--quiet",
        "--detach",
        &other.display().to_string(),
    ]);
    let other = Repository::at(other);
    assert_eq!(plan(&other, "net/sg", "HEAD~1").0, expected);
    // A hook's variables are about another repository than the project's.
    let binary = snapbox::cmd::cargo_bin!("rulekeep");
    let mut hooked = command(binary, &other.path("net/sg"));
    hooked
        .env("GIT_DIR", ".git")
        .args(["plan", "--since", "HEAD~1"]);
    let (code, _, error) = said(&mut hooked);
    assert_eq!(code, 0, "{error}");
    assert!(error.contains("1 of 3 groups"), "{error}");
}

#[cfg(unix)]
#[test]
fn links_are_followed_within_the_commit() {
    use std::os::unix::fs::symlink;
    let repository = Repository::with_project();
    fs::rename(repository.path("rules"), repository.path("groups")).unwrap();
    fs::create_dir(repository.path("rules")).unwrap();
    for name in ["web", "db"] {
        let link = repository.path(&format!("rules/{name}.yaml"));
        symlink(format!("../groups/{name}.yaml"), link).unwrap();
    }
    symlink("../groups", repository.path("rules/all")).unwrap();
    repository.remove("groups/web.yaml");
    repository.remove("groups/db.yaml");
    repository.write("common/web.yaml", &group("web", "https", "staff"));
    repository.write("common/db.yaml", &group("db", "mysql", "10.0.0.0/8"));
    for name in ["web", "db"] {
        repository.remove(&format!("rules/{name}.yaml"));
        let link = repository.path(&format!("rules/{name}.yaml"));
        symlink(format!("../common/{name}.yaml"), link).unwrap();
    }
    repository.commit("links");
    let (choice, _) = plan(&repository, "", "HEAD~1");
    assert!(choice.contains("0 of 3 groups"), "{choice}");
    repository.write("common/db.yaml", &group("db", "mysql", "vpn"));
    let (choice, _) = plan(&repository, "", "HEAD");
    assert!(
        choice.ends_with("rules/db.yaml changed (ingress): db"),
        "{choice}"
    );

    // What is outside the repository is not part of any commit.
    let outside = repository.root.with_file_name("outside.yaml");
    fs::write(&outside, group("jump", "ssh", "office")).unwrap();
    repository.remove("groups/jump.yaml");
    symlink(&outside, repository.path("rules/jump.yaml")).unwrap();
    repository.commit("outside");
    let (choice, _) = plan(&repository, "", "HEAD");
    assert!(
        choice.ends_with(
            "rules/jump.yaml could not be read then: rules/jump.yaml cannot be read: it leads out of the repository: jump"
        ),
        "{choice}"
    );
}

#[test]
fn files_that_were_broken_choose_their_groups_and_block_nothing() {
    let repository = Repository::with_project();
    repository.write("rules/db.yaml", "group: db\ningress: [\n");
    repository.commit("broken");
    repository.write("rules/db.yaml", &group("db", "mysql", "10.0.0.0/8"));
    repository.commit("mended");
    let (choice, _) = plan(&repository, "", "HEAD~1");
    assert!(
        choice.starts_with("since HEAD~1: 1 of 3 groups\n  rules/db.yaml could not be read then: "),
        "{choice}"
    );
    assert!(choice.ends_with(": db"), "{choice}");

    repository.write("rulekeep.yaml", &PROJECT.replace("networks", "networcs"));
    repository.commit("broken project");
    repository.write("rulekeep.yaml", PROJECT);
    let (choice, _) = plan(&repository, "", "HEAD");
    assert!(
        choice.starts_with("since HEAD: 3 of 3 groups\n  rulekeep.yaml could not be read then: "),
        "{choice}"
    );

    let repository = Repository::new();
    repository.commit("no project");
    let from = Repository::with_project();
    for name in ["rulekeep.yaml", "seed.json", "rules/web.yaml"] {
        repository.write(name, &fs::read_to_string(from.path(name)).unwrap());
    }
    let (choice, _) = plan(&repository, "", "HEAD");
    assert_eq!(
        choice,
        "since HEAD: 1 of 1 group\n  rulekeep.yaml could not be read then: it was not there: web"
    );
}

#[test]
fn what_cannot_be_compared_is_an_error_that_says_how_to_mend_it() {
    let repository = Repository::with_project();
    repository.write("rules/db.yaml", &group("db", "mysql", "vpn"));
    repository.commit("db");
    let zeros = "0".repeat(40);
    for (revision, code, words) in [
        ("", 64, "leave out --since, and unset RULEKEEP_SINCE"),
        ("...", 64, "names no commit"),
        ("HEAD~1..HEAD", 64, "takes one commit, not a range"),
        (&*zeros, 1, "the branch is new"),
        (
            "no-such-branch",
            1,
            "git knows no commit `no-such-branch`\n",
        ),
        ("--output=x", 1, "git knows no commit `--output=x`\n"),
    ] {
        let argument = format!("--since={revision}");
        let (found, out, error) = repository.rulekeep(&["plan", &argument]);
        assert_eq!((found, &*out), (code, ""), "{revision}: {error}");
        assert!(error.contains(words), "{revision}: {error}");
    }
    assert!(!repository.path("x").exists());

    let shallow = repository.root.with_file_name("shallow");
    let url = format!("file://{}", repository.root.display());
    repository.git(&[
        "clone",
        "--quiet",
        "--depth=1",
        &url,
        &shallow.display().to_string(),
    ]);
    let shallow = Repository::at(shallow);
    let (code, _, error) = shallow.rulekeep(&["plan", "--since", "HEAD~1"]);
    assert_eq!(code, 1);
    assert!(error.contains("this is a shallow clone"), "{error}");
    assert!(error.contains("`git fetch --deepen=100`"), "{error}");
    assert!(error.contains("`fetch-depth: 0`"), "{error}");
    shallow.git(&["fetch", "--quiet", "--deepen=1"]);
    assert!(plan(&shallow, "", "HEAD~1").0.contains("1 of 3 groups"));

    fs::remove_dir_all(shallow.path(".git")).unwrap();
    let (code, _, error) = shallow.rulekeep(&["plan", "--since", "HEAD~1"]);
    assert_eq!(code, 1);
    assert!(error.contains("is in no git repository"), "{error}");
    // The commit of a pipeline without its history.
    let (_, _, error) = {
        let binary = snapbox::cmd::cargo_bin!("rulekeep");
        let mut run = command(binary, &repository.root);
        said(run.env("RULEKEEP_SINCE", "").arg("plan"))
    };
    assert!(error.contains("--since names no commit"), "{error}");
}
