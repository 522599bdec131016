//! The examples run: scripts against the embedded cloud, workflows and their command lines through the real parsers.
#![cfg(unix)]

use std::{
    fs,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
};

mod common {
    pub mod repository;
}

use common::repository::{Repository, command, group, said};

fn examples() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("examples")
}

/// Every file below a folder whose name has one of some endings.
fn files(folder: &Path, endings: &[&str], found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files(&path, endings, found);
        } else if endings
            .iter()
            .any(|end| path.to_string_lossy().ends_with(end))
        {
            found.push(path);
        }
    }
}

fn found(endings: &[&str]) -> Vec<PathBuf> {
    let mut found = Vec::new();
    files(&examples(), endings, &mut found);
    found.sort();
    assert!(!found.is_empty());
    found
}

/// The words of every command line of rulekeep in a text.
fn command_lines(text: &str) -> Vec<Vec<String>> {
    let text = text.replace("\\\n", " ");
    let mut lines = Vec::new();
    for line in text.lines() {
        let line = line
            .trim()
            .trim_start_matches("- ")
            .trim_start_matches("run: ");
        let Some(at) = line.find("rulekeep ") else {
            continue;
        };
        let starts = at == 0 || line[..at].ends_with("&& ");
        if !starts || line.starts_with('#') {
            continue;
        }
        let line = &line[at..];
        let end = ["||", "&&", "|", ";", ")", " >", " 2>"]
            .iter()
            .filter_map(|stop| line.find(stop))
            .min();
        let words = shlex::split(&line[..end.unwrap_or(line.len())]).expect(line);
        lines.push(words.into_iter().filter(|word| word != "$@").collect());
    }
    lines
}

#[test]
fn every_command_line_is_one_that_the_program_takes() {
    let mut count = 0;
    for path in found(&[".sh", ".yml", ".md"]) {
        let text = fs::read_to_string(&path).unwrap();
        for words in command_lines(&text) {
            let parsed = rulekeep::cli::Cli::definition().try_get_matches_from(&words);
            assert!(
                parsed.is_ok(),
                "{}: {words:?}: {}",
                path.display(),
                parsed.unwrap_err()
            );
            count += 1;
        }
    }
    assert!(count >= 12, "{count}");
}

#[test]
fn every_workflow_is_yaml_and_names_scripts_that_are_there() {
    for path in found(&[".yml"]) {
        let text = fs::read_to_string(&path).unwrap();
        let value: serde_json::Value = serde_yaml::from_str(&text)
            .unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        assert!(value.is_object());
        for (at, _) in text.match_indices("ci/scripts/") {
            let name = text[at + "ci/scripts/".len()..]
                .split([' ', '\n', '\'', '"'])
                .next()
                .unwrap();
            assert!(examples().join("ci/scripts").join(name).is_file(), "{name}");
        }
        // A tag can be moved, a commit cannot; nothing takes the code of a fork with secrets.
        for line in text.lines().filter(|line| line.contains("uses: ")) {
            let (commit, version) = line.split_once('@').unwrap().1.split_once(" # v").unwrap();
            let is_commit = commit.len() == 40 && commit.bytes().all(|b| b.is_ascii_hexdigit());
            assert!(is_commit && !version.is_empty(), "{line}");
        }
        assert!(!text.contains("pull_request_target"));
    }
    let github = fs::read_to_string(examples().join("ci/github/rulekeep.yml")).unwrap();
    let github: serde_json::Value = serde_yaml::from_str(&github).unwrap();
    assert_eq!(github["permissions"], serde_json::json!({}));
    for (name, job) in github["jobs"].as_object().unwrap() {
        assert!(job["permissions"].is_object(), "{name}");
    }
}

#[test]
fn every_script_is_portable_shell() {
    for path in found(&[".sh"]) {
        let mode = fs::metadata(&path).unwrap().permissions().mode();
        assert_eq!(mode & 0o111, 0o111, "{}", path.display());
        let (code, _, error) = said(command("sh", &examples()).arg("-n").arg(&path));
        assert_eq!(code, 0, "{}: {error}", path.display());
    }
}

/// A repository with the project and a branch that changes one group.
fn pull_request() -> Repository {
    let work = Repository::with_project();
    work.write(".gitignore", ".rulekeep/\nrulekeep-out/\n");
    work.commit("ignore");
    work.git(&["switch", "--quiet", "-c", "feature"]);
    work.write("rules/web.yaml", &group("web", "https", "vpn"));
    work.commit("web");
    work
}

fn script(
    work: &Repository,
    name: &str,
    arguments: &[&str],
    variables: &[(&str, &str)],
) -> (i32, String, String) {
    let mut run = command(examples().join("ci/scripts").join(name), &work.root);
    said(run.args(arguments).envs(variables.iter().copied()))
}

#[test]
fn a_plan_is_reported_applied_and_then_there_is_no_drift() {
    let work = pull_request();
    let (code, out, error) = script(&work, "plan.sh", &[], &[("BASE", "main")]);
    assert_eq!(code, 0, "{error}");
    assert!(
        error.contains("since main...") && error.contains("1 of 3 groups"),
        "{error}"
    );
    assert!(out.contains("Plan: 1 to add"), "{out}");
    for name in [
        "plan.json",
        "comment.md",
        "plan.html",
        "rulekeep.sarif",
        "junit.xml",
        "gitlab.json",
        "quality.json",
    ] {
        assert!(work.path("rulekeep-out").join(name).is_file(), "{name}");
    }
    let comment = fs::read_to_string(work.path("rulekeep-out/comment.md")).unwrap();
    assert!(comment.contains("<!-- rulekeep:plan -->"), "{comment}");

    assert_eq!(script(&work, "drift.sh", &[], &[]).0, 2);
    let (code, _, error) = script(&work, "plan.sh", &[], &[]);
    assert_eq!(code, 0, "{error}");
    let (code, out, error) = script(&work, "apply.sh", &["rulekeep-out/plan.json"], &[]);
    assert_eq!(code, 0, "{error}");
    assert!(out.contains("Apply complete!"), "{out}");
    assert_eq!(script(&work, "drift.sh", &[], &[]).0, 0);
    // The same plan once more: something has moved.
    assert_eq!(
        script(&work, "apply.sh", &["rulekeep-out/plan.json"], &[]).0,
        5
    );

    // What the guard would refuse fails the check, and the comment is there.
    work.write(
        "rules/web.yaml",
        "group: web\nmode: complete\ningress: []\n",
    );
    let (code, _, error) = script(&work, "plan.sh", &[], &[]);
    assert_eq!(code, 4, "{error}");
    let comment = fs::read_to_string(work.path("rulekeep-out/comment.md")).unwrap();
    assert!(comment.contains("emptied"), "{comment}");
}

#[test]
fn a_plan_that_is_handed_over_in_an_archive_is_applied_where_the_journal_stays() {
    let work = pull_request();
    work.write("ci/x", "");
    let scripts = work.path("ci/scripts");
    fs::create_dir(&scripts).unwrap();
    let apply = scripts.join("apply.sh");
    fs::copy(examples().join("ci/scripts/apply.sh"), apply).unwrap();
    let cloud = work.root.with_file_name("cloud.json");
    let project = fs::read_to_string(work.path("rulekeep.yaml")).unwrap();
    let state = cloud.to_str().unwrap();
    work.write(
        "rulekeep.yaml",
        &project.replace(".rulekeep/demo.json", state),
    );
    let archive = work.root.with_file_name("plan.tgz");
    let server = work.root.with_file_name("server");
    let handed_over = || {
        let (code, _, error) = script(&work, "plan.sh", &[], &[]);
        assert_eq!(code, 0, "{error}");
        let mut tar = command("tar", &work.root);
        tar.args(["-czf", archive.to_str().unwrap(), "rulekeep.yaml", "rules"]);
        let (code, _, error) = said(tar.args(["ci", "rulekeep-out"]));
        assert_eq!(code, 0, "{error}");
        let arguments = [archive.to_str().unwrap(), server.to_str().unwrap()];
        script(&work, "unpack-and-apply.sh", &arguments, &[])
    };
    let (code, out, error) = handed_over();
    assert_eq!(code, 0, "{error}");
    assert!(out.contains("Apply complete!"), "{out}");
    // What is not declared any more is gone from there too, and both applies are in the history.
    work.remove("rules/web.yaml");
    work.write("rules/db.yaml", &group("db", "https", "vpn"));
    let (code, _, error) = handed_over();
    assert_eq!(code, 0, "{error}");
    assert!(!server.join("rules/web.yaml").exists());
    let (_, history, _) = Repository::at(server.clone()).rulekeep(&["history"]);
    assert_eq!(history.matches(" complete").count(), 2, "{history}");
    // The archive has gone; one that is cut off or another kind of file changes nothing.
    assert!(!archive.exists());
    fs::write(&archive, "cut off").unwrap();
    let arguments = [archive.to_str().unwrap(), server.to_str().unwrap()];
    assert_ne!(script(&work, "unpack-and-apply.sh", &arguments, &[]).0, 0);
    assert!(server.join("rules/db.yaml").exists());
}

#[test]
fn a_job_of_an_older_commit_does_nothing() {
    let work = Repository::with_project();
    let origin = work.root.with_file_name("origin.git");
    let origin = origin.to_str().unwrap();
    work.git(&["init", "--quiet", "--bare", origin]);
    work.git(&["remote", "add", "origin", origin]);
    let old = work.git(&["rev-parse", "HEAD"]);
    work.git(&["push", "--quiet", "origin", "HEAD:main"]);
    let run = |commit: &str| {
        let arguments = [commit, "main", "echo", "it", "runs"];
        script(&work, "newest.sh", &arguments, &[("FETCH_TOKEN", "t")])
    };
    assert_eq!((0, "it runs\n".to_owned()), (run(&old).0, run(&old).1));
    work.write("more", "");
    let new = work.commit("more");
    work.git(&["push", "--quiet", "origin", "HEAD:main"]);
    let (code, out, _) = run(&old);
    assert_eq!(code, 0);
    let said = format!("{old} is no longer the newest commit of main, which is {new}: nothing is");
    assert!(out.starts_with(&said), "{out}");
    assert_eq!(run(&new).1, "it runs\n");
    // What cannot be asked for is no reason to go on.
    work.git(&["push", "--quiet", "origin", ":main"]);
    let (code, out, error) = run(&new);
    assert_eq!((code, &*out), (1, ""), "{error}");
}

/// A stub on the PATH that records how it is called and answers from a file.
fn stub(work: &Repository, name: &str, text: &str) -> String {
    let folder = work.root.with_file_name("stubs");
    fs::create_dir_all(&folder).unwrap();
    let path = folder.join(name);
    fs::write(
        &path,
        format!("#!/bin/sh\nhere={:?}\n{text}", folder.display().to_string()),
    )
    .unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    let binary = PathBuf::from(snapbox::cmd::cargo_bin!("rulekeep"));
    let folders = [folder, binary.parent().unwrap().to_owned()];
    let usual = std::env::var_os("PATH").unwrap();
    let folders = folders.into_iter().chain(std::env::split_paths(&usual));
    std::env::join_paths(folders)
        .unwrap()
        .into_string()
        .unwrap()
}

#[test]
fn there_is_one_comment_which_is_brought_up_to_date() {
    let work = pull_request();
    let path = stub(
        &work,
        "gh",
        "printf '%s\\n' \"$*\" >>\"$here/calls\"\ncase \"$*\" in *--paginate*) cat \"$here/found\" ;; esac\n",
    );
    let stubs = work.root.with_file_name("stubs");
    work.write("comment.md", "**1 to add** <!-- rulekeep:plan -->\n");
    let variables = [("PATH", &*path)];
    let comment = ["acme/network", "7", "comment.md"];
    let calls = || fs::read_to_string(stubs.join("calls")).unwrap();
    fs::write(stubs.join("found"), "").unwrap();
    let (code, out, error) = script(&work, "github-comment.sh", &comment, &variables);
    assert_eq!((code, &*out), (0, "commented\n"), "{error}");
    assert!(
        calls().ends_with(
            "api --method POST repos/acme/network/issues/7/comments --field body=@comment.md\n"
        ),
        "{}",
        calls()
    );
    fs::write(stubs.join("found"), "41\n42\n").unwrap();
    let (code, out, _) = script(&work, "github-comment.sh", &comment, &variables);
    assert_eq!((code, &*out), (0, "comment 41 is up to date\n"));
    assert!(
        calls().ends_with(
            "api --method PATCH repos/acme/network/issues/comments/41 --field body=@comment.md\n"
        ),
        "{}",
        calls()
    );
    // One of a part of the project looks for its own.
    work.write(
        "comment.md",
        "**0** <!-- rulekeep:plan shard 1/3 -->\nmore\n",
    );
    fs::write(stubs.join("gh"), "#!/bin/sh\necho \"$MARKER\" >&2\n").unwrap();
    let (code, _, error) = script(&work, "github-comment.sh", &comment, &variables);
    assert_eq!(code, 0, "{error}");
    assert!(
        error.starts_with("<!-- rulekeep:plan shard 1/3 -->\n"),
        "{error}"
    );
    // What is not a comment of rulekeep's is not posted.
    work.write("comment.md", "something else\n");
    let before = calls();
    assert_eq!(
        script(&work, "github-comment.sh", &comment, &variables).0,
        1
    );
    assert_eq!(calls(), before);
}

#[test]
fn other_forges_get_their_comment_too() {
    let work = pull_request();
    if said(command("jq", &work.root).arg("--version")).0 != 0 {
        return; // As in a job without jq, nothing can be said of it.
    }
    let stub_text = "printf '%s\\n' \"$*\" >>\"$here/calls\"\ncase \"$*\" in *GET*) cat \"$here/found\" ;; *) cat >\"$here/body\" ;; esac\n";
    let path = stub(&work, "curl", stub_text);
    let stubs = work.root.with_file_name("stubs");
    work.write("comment.md", "**1 to \"add\"** <!-- rulekeep:plan -->\n");
    let variables = [
        ("PATH", &*path),
        ("FORGE_URL", "https://git.example"),
        ("FORGE_TOKEN", "tokentoken"),
        ("COMMENT_AUTHOR", "bot"),
    ];
    let found = r#"[{"id":1,"body":"<!-- rulekeep:plan -->","user":{"login":"eve"},"author":{"username":"eve"}},
        {"id":2,"body":"old <!-- rulekeep:plan -->","user":{"login":"bot"},"author":{"username":"bot"}}]"#;
    for (forge, found, call) in [
        (
            "gitea",
            "[]",
            "--request POST --data-binary @- https://git.example/api/v1/repos/acme/network/issues/7/comments",
        ),
        (
            "gitea",
            found,
            "--request PATCH --data-binary @- https://git.example/api/v1/repos/acme/network/issues/comments/2",
        ),
        (
            "gitlab",
            "[]",
            "--request POST --data-binary @- https://git.example/api/v4/projects/acme%2Fnetwork/merge_requests/7/notes",
        ),
        (
            "gitlab",
            found,
            "--request PUT --data-binary @- https://git.example/api/v4/projects/acme%2Fnetwork/merge_requests/7/notes/2",
        ),
    ] {
        fs::write(stubs.join("found"), found).unwrap();
        let arguments = [forge, "acme/network", "7", "comment.md"];
        let (code, _, error) = script(&work, "forge-comment.sh", &arguments, &variables);
        assert_eq!(code, 0, "{error}");
        let calls = fs::read_to_string(stubs.join("calls")).unwrap();
        assert!(calls.trim_end().ends_with(call), "{calls}");
        assert!(!calls.contains("tokentoken"), "{calls}");
        let body: serde_json::Value =
            serde_json::from_str(&fs::read_to_string(stubs.join("body")).unwrap()).unwrap();
        assert_eq!(body["body"], "**1 to \"add\"** <!-- rulekeep:plan -->\n");
    }
}

#[test]
fn the_bare_repository_of_the_guide_does_what_it_says() {
    let readme = fs::read_to_string(examples().join("gitops-bare-repo/README.md")).unwrap();
    let text = readme
        .split("```sh\n")
        .nth(1)
        .unwrap()
        .split("```")
        .next()
        .unwrap();
    let folder = tempfile::tempdir().unwrap();
    let (code, out, error) = said(command("sh", folder.path()).args(["-e", "-c", text]));
    assert_eq!(code, 0, "{out}{error}");
    assert!(
        error.contains("Apply complete! Resources: 1 added, 1 changed"),
        "{error}"
    );
    assert!(out.contains("203.0.113.0/24"), "{out}");
}
