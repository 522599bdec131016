//! Commits: a bare repository that somebody pushes to, and the loop that follows it.

use std::{fs, path::PathBuf, process::Command};

use rulekeep::emulator::EmulatorHandle;

use crate::support::{
    Watch, cloud, live, rulekeep, rules, until, write_project, write_rules, writes,
};

/// A repository to push to, and a clone to commit in.
pub struct Hub {
    folder: tempfile::TempDir,
}

impl Hub {
    /// With one commit, a project for the cloud that opens these ports.
    pub fn new(cloud: &EmulatorHandle, ports: &[u16]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let hub = Self { folder };
        hub.git(".", &["init", "--quiet", "--bare", "-b", "main", "hub.git"]);
        hub.git(".", &["init", "--quiet", "-b", "main", "clone"]);
        hub.git("clone", &["config", "user.name", "t"]);
        hub.git("clone", &["config", "user.email", "t@example.com"]);
        hub.git("clone", &["remote", "add", "origin", "../hub.git"]);
        write_project(&hub.path("clone"), cloud, ports);
        hub.push("first");
        hub
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub fn git(&self, folder: &str, arguments: &[&str]) -> String {
        let output = Command::new("git")
            .arg("-C")
            .arg(self.path(folder))
            .args(arguments)
            .output()
            .unwrap();
        assert!(output.status.success(), "{arguments:?} {output:?}");
        String::from_utf8(output.stdout).unwrap().trim().to_owned()
    }

    /// Commits what is there and pushes, by force if need be; the new commit.
    pub fn push(&self, message: &str) -> String {
        self.git("clone", &["add", "-Af"]);
        self.git("clone", &["commit", "--quiet", "-m", message]);
        let push = ["push", "--quiet", "--force", "origin", "HEAD:main"];
        self.git("clone", &push);
        self.git("clone", &["rev-parse", "HEAD"])
    }

    /// Pushes other ports.
    pub fn push_ports(&self, ports: &[u16]) -> String {
        write_rules(&self.path("clone"), ports);
        self.push("ports")
    }

    /// Starts a loop that applies what is pushed.
    pub fn watch(&self, more: &[&str]) -> Watch {
        let url = self.path("hub.git");
        let work = self.path("work");
        let arguments = [
            "--apply",
            "--git",
            url.to_str().unwrap(),
            "--git-interval",
            "1s",
            "--work-dir",
            work.to_str().unwrap(),
        ];
        let elsewhere = self.path("elsewhere");
        fs::create_dir_all(&elsewhere).unwrap();
        Watch::start(&elsewhere, &[&arguments[..], more].concat())
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_pushed_is_applied_and_recorded_with_its_commit() {
    let cloud = cloud().await;
    let hub = Hub::new(&cloud, &[443]);
    let mut watch = hub.watch(&["--interval", "1h"]);
    watch.says("No changes.", 1);
    let commit = hub.push_ports(&[443, 8080]);
    until("it is applied", || live(&cloud) == [443, 8080]);
    watch.says(&format!("fetched commit {commit}"), 1);
    watch.says(&format!("commit {}", &commit[..10]), 1);
    watch.says("Apply complete!", 1);
    watch.signal("-TERM");
    assert_eq!(watch.ended(), 0, "{}", watch.err());

    // The journal stands beside the checkout and outlives fetches and restarts.
    hub.push_ports(&[443]);
    let mut watch = hub.watch(&["--once"]);
    assert_eq!(watch.ended(), 0, "{}", watch.err());
    assert_eq!(live(&cloud), [443]);
    let project = hub.path("work/repo");
    let history = [
        "--project",
        project.to_str().unwrap(),
        "history",
        "-o",
        "json",
    ];
    let history = rulekeep(&hub.path("elsewhere"), &history).output().unwrap();
    let history: serde_json::Value = serde_json::from_slice(&history.stdout).unwrap();
    let applies = history["applies"].as_array().unwrap();
    assert_eq!(applies.len(), 2, "{history}");
    assert_eq!(applies[1]["commit"], *commit, "{history}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bad_commit_leaves_the_last_good_one_in_effect() {
    let cloud = cloud().await;
    let hub = Hub::new(&cloud, &[443, 8080]);
    let mut watch = hub.watch(&["--interval", "2s"]);
    until("the first commit is applied", || {
        live(&cloud) == [443, 8080]
    });
    let good = hub.git("clone", &["rev-parse", "HEAD"]);
    fs::write(hub.path("clone/rules/web.yaml"), "group: web\n").unwrap();
    let bad = hub.push("without a mode");
    watch.says(
        &format!("error: commit {bad} is bad: 1 error in the files"),
        1,
    );
    watch.says(
        &format!("commit {good}, the last good one, stays in effect"),
        1,
    );

    // In effect: what others change is still taken back.
    let elsewhere = tempfile::tempdir().unwrap();
    write_project(elsewhere.path(), &cloud, &[443, 8080, 22]);
    let other = rulekeep(elsewhere.path(), &["apply", "--yes"])
        .output()
        .unwrap();
    assert!(other.status.success(), "{other:?}");
    until("the foreign rule is gone", || live(&cloud) == [443, 8080]);

    // A restart remembers which one was good.
    watch.signal("-INT");
    watch.ended();
    let watch = hub.watch(&["--interval", "2s"]);
    watch.says(
        &format!("commit {good}, the last good one, stays in effect"),
        1,
    );

    // One that the guard refuses is no reason to apply another one: what is made by hand meanwhile stays.
    fs::write(
        hub.path("clone/rules/web.yaml"),
        "group: web\nmode: complete\ningress: []\n",
    )
    .unwrap();
    let refused = hub.push("empty");
    watch.says("the guard refused the plan", 1);
    assert!(!watch.err().contains(&format!("commit {refused} is bad")));
    let seen = watch.err().matches("as before: the guard refused").count();
    write_rules(elsewhere.path(), &[443]);
    let other = rulekeep(elsewhere.path(), &["apply", "--yes"])
        .output()
        .unwrap();
    assert!(other.status.success(), "{other:?}");
    until("further passes are refused", || {
        let said = format!("{}{}", watch.out(), watch.err());
        said.matches("the guard refused").count() > seen + 3
    });
    assert_eq!(live(&cloud), [443]);

    hub.push_ports(&[443, 9090]);
    until("a good one is applied", || live(&cloud) == [443, 9090]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_commit_whose_project_file_leads_out_of_the_repository_is_bad() {
    let cloud = cloud().await;
    let hub = Hub::new(&cloud, &[443, 8080]);
    let secrets = hub.path("secrets");
    let outside = hub.path("work/outside");
    for folder in [&secrets, &outside] {
        fs::create_dir_all(folder).unwrap();
        fs::write(folder.join("all.yaml"), "password: hunter2\n").unwrap();
    }
    let shown = |path: &PathBuf| path.to_str().unwrap().to_owned();
    let watch = hub.watch(&["--interval", "1h", "--secrets-dir", &shown(&secrets)]);
    until("the first commit is applied", || {
        live(&cloud) == [443, 8080]
    });
    let good = hub.git("clone", &["rev-parse", "HEAD"]);
    let project = fs::read_to_string(hub.path("clone/rulekeep.yaml")).unwrap();
    let write = |text: &str| fs::write(hub.path("clone/rulekeep.yaml"), text).unwrap();
    let rules = |to: &str| project.replace("rules/", to);
    let account = |more: &str| {
        let other = format!("accounts: {{ other: {{ {more} }}, test:");
        project.replace("accounts: { test:", &other)
    };
    let notify = |key: &str| {
        format!("{project}notify:\n  - {{ to: webhook, url_env: OPS, secret_file: {key} }}\n")
    };
    std::os::unix::fs::symlink("rules", hub.path("clone/link")).unwrap();
    for (text, said) in [
        (
            rules(&shown(&outside)),
            "`rules` of a commit stays in the repository: it is an absolute path",
        ),
        (
            rules("../outside"),
            "`rules` of a commit stays in the repository: it leads out of the repository",
        ),
        (
            rules("link/../../outside"),
            "it leads out of the repository",
        ),
        (
            account("local: ../state.json"),
            "rulekeep.yaml:2: `local` of a commit stays in the repository",
        ),
        (
            account("local: a, seed: /etc/passwd"),
            "`seed` of a commit stays in the repository",
        ),
        (
            account("local: .git/config"),
            "it leads to what is git's own",
        ),
        (
            notify("/etc/passwd"),
            "`secret_file` of a commit stays in the repository",
        ),
    ] {
        write(&text);
        let bad = hub.push("leads out");
        let begin = format!("error: commit {bad} is bad: ");
        watch.says(&begin, 1);
        let error = watch.err();
        let line = error.lines().find(|line| line.starts_with(&begin)).unwrap();
        assert!(line.contains(said), "{line}");
        watch.says(
            &format!("commit {good}, the last good one, stays in effect"),
            1,
        );
    }
    assert!(!watch.err().contains("hunter2"), "{}", watch.err());
    assert!(!hub.path("work/state.json").exists());
    assert_eq!(live(&cloud), [443, 8080]);

    // What the operator names as the folder of secrets may be named, and links within the repository are followed.
    write(&notify(&shown(&secrets.join("all.yaml"))).replace("rules/", "link"));
    hub.push_ports(&[443]);
    until("it is applied", || live(&cloud) == [443]);
}

#[tokio::test(flavor = "multi_thread")]
async fn attributes_of_a_commit_do_not_change_what_was_checked() {
    let cloud = cloud().await;
    let hub = Hub::new(&cloud, &[443, 8080]);
    // What the checked out file would lead to: a project beside the checkout whose rules open another port.
    let outside = hub.path("work/outside");
    fs::create_dir_all(&outside).unwrap();
    fs::write(outside.join("web.yaml"), rules(&[443, 8080, 22])).unwrap();
    let watch = hub.watch(&["--interval", "1h"]);
    until("the first commit is applied", || {
        live(&cloud) == [443, 8080]
    });
    fs::write(
        hub.path("clone/.git/info/attributes"),
        "* !working-tree-encoding\n",
    )
    .unwrap();
    fs::write(
        hub.path("clone/.gitattributes"),
        "*.yaml working-tree-encoding=ASCII//TRANSLIT\n",
    )
    .unwrap();
    let project = fs::read_to_string(hub.path("clone/rulekeep.yaml")).unwrap();
    let led = project.replace("rules/", "\u{2025}\u{ff0f}outside");
    assert_ne!(led, project);
    fs::write(hub.path("clone/rulekeep.yaml"), led).unwrap();
    let bad = hub.push("two dots and a slash");
    watch.says(&format!("error: commit {bad} is bad: "), 1);
    assert_eq!(live(&cloud), [443, 8080]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_plan_of_a_bad_commit_is_not_written_where_that_of_the_last_good_one_is() {
    use std::io::Read as _;
    let cloud = cloud().await;
    let hub = Hub::new(&cloud, &[443, 8080]);
    let mut watch = hub.watch(&["--once"]);
    assert_eq!(watch.ended(), 0, "{}", watch.err());
    let good = hub.git("clone", &["rev-parse", "HEAD"]);
    // Its files are sound, and the cloud has no such group.
    let other = "group: nosuch\nmode: partial\ningress: []\n";
    fs::write(hub.path("clone/rules/nosuch.yaml"), other).unwrap();
    let bad = hub.push("no such group");
    // A pipe keeps all that is written one after the other.
    let pipe = hub.path("pipe");
    let made = Command::new("mkfifo").arg(&pipe).status().unwrap();
    assert!(made.success());
    let mut ends = fs::File::options();
    let mut ends = ends.read(true).write(true).open(&pipe).unwrap();
    let output = format!("json={}", pipe.display());
    let mut watch = hub.watch(&["--once", "-o", &output]);
    assert_eq!(watch.ended(), 1, "{}", watch.err());
    watch.says(&format!("error: commit {bad} is bad: "), 1);
    let mut bytes = vec![0; 1 << 16];
    let length = ends.read(&mut bytes).unwrap();
    let written = String::from_utf8_lossy(&bytes[..length]);
    assert!(written.contains(&good), "{written}");
    assert!(!written.contains(&bad), "{written}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rewritten_history_is_told_and_followed() {
    let cloud = cloud().await;
    let hub = Hub::new(&cloud, &[443]);
    let first = hub.git("clone", &["rev-parse", "HEAD"]);
    hub.push_ports(&[443, 8080]);
    let watch = hub.watch(&["--interval", "1h"]);
    until("the branch is applied", || live(&cloud) == [443, 8080]);
    hub.git("clone", &["reset", "--quiet", "--hard", &first]);
    let other = hub.push_ports(&[443, 9090]);
    until("the other history is applied", || {
        live(&cloud) == [443, 9090]
    });
    watch.says("was rewritten", 1);
    watch.says(&format!("going on from {other}"), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn without_the_remote_or_the_branch_the_last_commit_stays_in_effect() {
    let cloud = cloud().await;
    let hub = Hub::new(&cloud, &[443, 8080]);
    let watch = hub.watch(&["--interval", "1s"]);
    until("the first commit is applied", || {
        live(&cloud) == [443, 8080]
    });
    hub.git("hub.git", &["update-ref", "-d", "refs/heads/main"]);
    watch.says("there is no branch main at the remote", 1);
    fs::rename(hub.path("hub.git"), hub.path("away.git")).unwrap();
    watch.says("git fetch failed", 1);
    let seen = watch.out().matches("No changes.").count();
    until("passes go on", || {
        watch.out().matches("No changes.").count() > seen + 1
    });
    assert_eq!(live(&cloud), [443, 8080]);
    fs::rename(hub.path("away.git"), hub.path("hub.git")).unwrap();
    hub.push_ports(&[443]);
    until("it is found again", || live(&cloud) == [443]);
    watch.says("fetching works again", 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_fetched_at_all_is_an_error_and_nothing_is_touched() {
    let cloud = cloud().await;
    let hub = Hub::new(&cloud, &[]);
    fs::remove_dir_all(hub.path("hub.git")).unwrap();
    let mut watch = hub.watch(&["--once"]);
    assert_eq!(watch.ended(), 1);
    watch.says("no commit was fetched yet; nothing was changed", 1);
    assert_eq!((live(&cloud), writes(&cloud)), (vec![443], 0));
    for (url, said) in [
        ("https://bot:hunter2@git.example.com/r", "credential helper"),
        ("https://hunter2@git.example.com/r", "GIT_ASKPASS"),
        ("https://git.example.com/r?token=hunter2", "ssh:// URL"),
        ("http://git.example.com/r", "not protected on the way"),
    ] {
        let output = rulekeep(&hub.path("elsewhere"), &["watch", "--git", url])
            .output()
            .unwrap();
        let error = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(64), "{error}");
        assert!(
            error.contains(said) && !error.contains("hunter2"),
            "{error}"
        );
    }
}

/// A keyring in a folder, made by the program that git asks.
struct Keyring(std::path::PathBuf);

impl Keyring {
    /// `None`: there is no such program here.
    fn new(folder: std::path::PathBuf) -> Option<Self> {
        use std::os::unix::fs::PermissionsExt as _;
        fs::create_dir(&folder).unwrap();
        fs::set_permissions(&folder, fs::Permissions::from_mode(0o700)).unwrap();
        let keyring = Self(folder);
        let known = Command::new("gpg").arg("--version").output();
        let is_known = known.is_ok_and(|out| out.status.success());
        let required = std::env::var("RULEKEEP_REQUIRE_GPG").is_ok_and(|value| value == "1");
        assert!(
            is_known || !required,
            "RULEKEEP_REQUIRE_GPG=1, and there is no gpg in PATH"
        );
        is_known.then_some(keyring)
    }

    fn run(&self, arguments: &[&str], input: &[u8]) -> Vec<u8> {
        use std::{io::Write as _, process::Stdio};
        let mut child = Command::new("gpg")
            .args(["--batch", "--quiet", "--passphrase", ""])
            .args(arguments)
            .env("GNUPGHOME", &self.0)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        child.stdin.take().unwrap().write_all(input).unwrap();
        let output = child.wait_with_output().unwrap();
        assert!(output.status.success(), "gpg {arguments:?}");
        output.stdout
    }
}

impl Drop for Keyring {
    fn drop(&mut self) {
        // Its agent would live on.
        let _ = Command::new("gpgconf")
            .args(["--kill", "all"])
            .env("GNUPGHOME", &self.0)
            .output();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn commits_signed_with_gpg_are_taken_from_those_whom_the_keyring_trusts() {
    let cloud = cloud().await;
    let hub = Hub::new(&cloud, &[443, 8080]);
    let keyrings = (Keyring::new(hub.path("own")), Keyring::new(hub.path("its")));
    let (Some(own), Some(its)) = keyrings else {
        eprintln!("skipped: there is no gpg here");
        return;
    };
    for name in ["alice", "mallory"] {
        let id = format!("{name} <{name}@example.com>");
        own.run(&["--quick-gen-key", &id, "ed25519", "sign", "never"], b"");
    }
    let key = own.run(&["--export", "alice@example.com"], b"");
    its.run(&["--import"], &key);
    let push = |name: &str, ports: &[u16]| {
        write_rules(&hub.path("clone"), ports);
        hub.git("clone", &["add", "-A"]);
        let id = format!("-S{name}@example.com");
        let made = Command::new("git")
            .arg("-C")
            .arg(hub.path("clone"))
            .args([
                "-c",
                "gpg.format=openpgp",
                "commit",
                "--quiet",
                "-m",
                name,
                &id,
            ])
            .env("GNUPGHOME", &own.0)
            .output()
            .unwrap();
        assert!(made.status.success(), "{made:?}");
        hub.git("clone", &["push", "--quiet", "origin", "HEAD:main"]);
    };
    let elsewhere = hub.path("elsewhere");
    fs::create_dir_all(&elsewhere).unwrap();
    let (url, work) = (hub.path("hub.git"), hub.path("work"));
    let once = || {
        let (url, work) = (url.to_str().unwrap(), work.to_str().unwrap());
        let arguments = [
            "watch",
            "--once",
            "--apply",
            "--git",
            url,
            "--work-dir",
            work,
        ];
        let output = rulekeep(&elsewhere, &arguments)
            .arg("--verify-signatures")
            .env("GNUPGHOME", &its.0)
            .output()
            .unwrap();
        let error = String::from_utf8(output.stderr).unwrap();
        (output.status.code(), error)
    };
    let (code, error) = once();
    assert_eq!(code, Some(1), "{error}");
    assert!(error.contains("it is not signed"), "{error}");

    push("alice", &[443, 9090]);
    // The key is there, and nobody has said that it is hers.
    let (code, error) = once();
    assert_eq!(code, Some(1), "{error}");
    assert!(error.contains("its signature: "), "{error}");
    assert_eq!(live(&cloud), [443]);
    let listed = its.run(&["--with-colons", "--list-keys"], b"");
    let listed = String::from_utf8(listed).unwrap();
    let print = listed
        .lines()
        .find(|line| line.starts_with("fpr:"))
        .unwrap();
    let print = print.split(':').nth(9).unwrap();
    its.run(&["--import-ownertrust"], format!("{print}:6:\n").as_bytes());
    let (code, error) = once();
    assert_eq!(code, Some(0), "{error}");
    assert_eq!(live(&cloud), [443, 9090]);

    push("mallory", &[443, 22]);
    let (_, error) = once();
    assert!(error.contains("is bad: its signature: "), "{error}");
    assert_eq!(live(&cloud), [443, 9090]);
}
