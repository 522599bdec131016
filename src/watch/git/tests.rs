use std::process::Command;

use super::*;

/// A repository to push to, and a clone to commit in.
struct Hub {
    folder: tempfile::TempDir,
}

impl Hub {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let hub = Self { folder };
        hub.git(".", &["init", "--quiet", "--bare", "-b", "main", "hub.git"]);
        hub.git(".", &["init", "--quiet", "-b", "main", "clone"]);
        hub.git("clone", &["config", "user.name", "t"]);
        hub.git("clone", &["config", "user.email", "t@example.com"]);
        hub.git("clone", &["remote", "add", "origin", "../hub.git"]);
        hub
    }

    fn git(&self, folder: &str, arguments: &[&str]) -> String {
        let output = Command::new("git")
            .arg("-C")
            .arg(self.folder.path().join(folder))
            .args(arguments)
            .output()
            .unwrap();
        assert!(output.status.success(), "{arguments:?} {output:?}");
        String::from_utf8(output.stdout).unwrap().trim().to_owned()
    }

    /// Has files committed as they stand on the disk, whatever attributes say.
    fn commit_as_it_is(&self) {
        let path = self.folder.path().join("clone/.git/info/attributes");
        fs::write(path, command::ATTRIBUTES).unwrap();
    }

    /// Commits a file and pushes, by force if need be; the new commit.
    fn push(&self, name: &str, text: &str) -> String {
        let path = self.folder.path().join("clone").join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
        self.git("clone", &["add", "-Af"]);
        self.git("clone", &["commit", "--quiet", "-m", text]);
        self.git(
            "clone",
            &["push", "--quiet", "--force", "origin", "HEAD:main"],
        );
        self.git("clone", &["rev-parse", "HEAD"])
    }

    async fn open(&self) -> Result<Checkout, Error> {
        self.open_with(Signatures::Ignored).await
    }

    async fn open_with(&self, signatures: Signatures) -> Result<Checkout, Error> {
        let url = self.folder.path().join("hub.git");
        let remote = Remote::new(url.to_str().unwrap(), "main", false).unwrap();
        Checkout::open(&self.folder.path().join("work"), remote, signatures).await
    }
}

#[tokio::test]
async fn new_commits_are_fetched_and_checked_out_and_rewritten_history_is_noticed() {
    let hub = Hub::new();
    let checkout = hub.open().await.unwrap();
    assert!(matches!(checkout.fetch().await, Err(Error::NoBranch(_))));
    assert_eq!(checkout.newest().await.unwrap(), None);

    let first = hub.push("rules/a.yaml", "1");
    let fetched = checkout.fetch().await.unwrap();
    assert_eq!((&fetched.commit, fetched.is_news()), (&first, true));
    assert!(!checkout.fetch().await.unwrap().is_news());
    checkout.check_out(&first).await.unwrap();
    checkout.keep(&first).await.unwrap();

    let second = hub.push("rules/b.yaml", "2");
    let fetched = checkout.fetch().await.unwrap();
    assert_eq!((&fetched.commit, fetched.rewritten), (&second, false));
    // A fetch leaves the files alone.
    let b = checkout.folder().join("rules/b.yaml");
    assert!(!b.exists());
    checkout.check_out(&second).await.unwrap();
    assert!(b.exists());

    hub.git("clone", &["reset", "--quiet", "--hard", &first]);
    let third = hub.push("rules/c.yaml", "3");
    let fetched = checkout.fetch().await.unwrap();
    assert_eq!((&fetched.commit, fetched.rewritten), (&third, true));
    checkout.check_out(&third).await.unwrap();
    assert!(!b.exists());

    hub.git("hub.git", &["update-ref", "-d", "refs/heads/main"]);
    assert!(matches!(checkout.fetch().await, Err(Error::NoBranch(_))));
    assert_eq!(checkout.newest().await.unwrap(), Some(third));
    assert_eq!(checkout.good().await.unwrap(), Some(first));
}

#[tokio::test]
async fn a_checkout_removes_strays_and_keeps_the_programs_own_files() {
    let hub = Hub::new();
    let checkout = hub.open().await.unwrap();
    let commit = hub.push("infra/rules/a.yaml", "1");
    checkout.fetch().await.unwrap();
    checkout.check_out(&commit).await.unwrap();
    let write = |name: &str| {
        let path = checkout.folder().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, "mine").unwrap();
        path
    };
    let kept = [
        ".rulekeep/demo.json",
        "infra/.rulekeep/undo/1/x.yaml",
        "state.json",
    ]
    .map(write);
    let strays = ["infra/rules/b.yaml", "more/c.yml", "infra/rules/new/d.yaml"].map(write);
    fs::write(checkout.folder().join("infra/rules/a.yaml"), "tampered").unwrap();
    checkout.check_out(&commit).await.unwrap();
    for path in kept {
        assert!(path.exists(), "{}", path.display());
    }
    for path in strays {
        assert!(!path.exists(), "{}", path.display());
    }
    let text = fs::read_to_string(checkout.folder().join("infra/rules/a.yaml")).unwrap();
    assert_eq!(text, "1");
}

#[tokio::test]
async fn files_are_what_stands_in_the_commit_whatever_its_attributes_say() {
    let hub = Hub::new();
    hub.commit_as_it_is();
    let checkout = hub.open().await.unwrap();
    // The user's configuration has a filter that a commit could choose.
    let config = ["config", "filter.other.smudge", "echo other"];
    checkout.git.run(&config).await.unwrap();
    hub.push("rules/crlf.yaml", "a\n");
    for (name, text) in [
        ("rulekeep.yaml", "rules: \u{2025}\u{ff0f}outside\n$Id$\n"),
        ("b", "b\n"),
    ] {
        hub.push(name, text);
    }
    let attributes = "[attr]all filter=other\n*.yaml working-tree-encoding=ASCII//TRANSLIT ident eol=crlf\nb all\n";
    hub.push(".gitattributes", attributes);
    let commit = hub.push("rules/.gitattributes", "*.yaml text eol=crlf\n");
    checkout.fetch().await.unwrap();
    checkout.check_out(&commit).await.unwrap();
    let read = |name: &str| fs::read_to_string(checkout.folder().join(name)).unwrap();
    assert_eq!(
        read("rulekeep.yaml"),
        "rules: \u{2025}\u{ff0f}outside\n$Id$\n"
    );
    assert_eq!(
        (read("rules/crlf.yaml"), read("b")),
        ("a\n".to_owned(), "b\n".to_owned())
    );
}

#[tokio::test]
async fn a_commit_that_cannot_be_checked_out_as_it_is_is_refused() {
    let hub = Hub::new();
    hub.commit_as_it_is();
    let checkout = hub.open().await.unwrap();
    hub.push("rulekeep.yaml", "rules: \u{2025}\u{ff0f}outside\n");
    let commit = hub.push(
        ".gitattributes",
        "*.yaml working-tree-encoding=ASCII//TRANSLIT\n",
    );
    checkout.fetch().await.unwrap();
    // As a git would have it that knows of no such file.
    let own = checkout.folder().join(".git/info/attributes");
    let kept = fs::read(&own).unwrap();
    fs::remove_file(&own).unwrap();
    let refused = checkout.check_out(&commit).await.unwrap_err();
    assert_eq!(
        refused.to_string(),
        "its file rulekeep.yaml is not checked out as it stands in the commit"
    );
    // What was once written otherwise is written again.
    fs::write(&own, kept).unwrap();
    checkout.check_out(&commit).await.unwrap();
    let text = fs::read_to_string(checkout.folder().join("rulekeep.yaml")).unwrap();
    assert_eq!(text, "rules: \u{2025}\u{ff0f}outside\n");
}

#[tokio::test]
async fn a_work_folder_is_for_one_process_and_outlives_a_killed_git() {
    let hub = Hub::new();
    let checkout = hub.open().await.unwrap();
    assert!(matches!(hub.open().await, Err(Error::InUse(_))));
    let commit = hub.push("a", "1");
    checkout.fetch().await.unwrap();
    let lock = checkout.folder().join(".git/index.lock");
    fs::write(&lock, "").unwrap();
    drop(checkout);
    let checkout = hub.open().await.unwrap();
    assert_eq!(checkout.newest().await.unwrap().as_ref(), Some(&commit));
    checkout.check_out(&commit).await.unwrap();
    // Also one that is killed while the loop goes on.
    fs::write(&lock, "").unwrap();
    checkout.check_out(&commit).await.unwrap();
}

#[tokio::test]
async fn a_commit_with_files_where_the_journal_is_kept_is_objected_to() {
    let hub = Hub::new();
    let checkout = hub.open().await.unwrap();
    let good = hub.push("a", "1");
    let bad = hub.push("infra/.rulekeep/undo/x", "2");
    checkout.fetch().await.unwrap();
    assert_eq!(checkout.objection(&good).await.unwrap(), None);
    let objection = checkout.objection(&bad).await.unwrap().unwrap();
    assert!(objection.contains("infra/.rulekeep/undo/x"), "{objection}");
}

#[cfg(unix)]
#[tokio::test]
async fn a_commit_whose_links_lead_elsewhere_is_objected_to_in_one_line() {
    let hub = Hub::new();
    let checkout = hub.open().await.unwrap();
    hub.push("rules/a.yaml", "1");
    let link = |target: &str, name: &str| {
        std::os::unix::fs::symlink(target, hub.folder.path().join("clone").join(name)).unwrap();
    };
    link("../rules/a.yaml", "rules/b.yaml");
    let good = hub.push("c", "2");
    link("/etc/hostname", "rules/c\nerror: forged.yaml");
    let bad = hub.push("c", "3");
    checkout.fetch().await.unwrap();
    assert_eq!(checkout.objection(&good).await.unwrap(), None);
    assert_eq!(checkout.objection(&good).await.unwrap(), None);
    assert_eq!(
        checkout.objection(&bad).await.unwrap().as_deref(),
        Some(r"its link rules/c\nerror: forged.yaml leads out of the repository")
    );
}

#[tokio::test]
async fn a_name_that_no_branch_can_have_is_an_error() {
    let hub = Hub::new();
    let remote = Remote::new("/nowhere", "a..b", false).unwrap();
    let opened = Checkout::open(hub.folder.path(), remote, Signatures::Ignored).await;
    assert!(matches!(opened, Err(Error::BranchName(_))), "{opened:?}");
}

#[tokio::test]
async fn only_commits_of_allowed_signers_are_taken_and_none_that_goes_back() {
    let hub = Hub::new();
    let path = |name: &str| hub.folder.path().join(name).to_str().unwrap().to_owned();
    for key in ["alice", "mallory"] {
        let made = Command::new("ssh-keygen")
            .args(["-q", "-t", "ed25519", "-N", "", "-C", key, "-f", &path(key)])
            .output();
        if !made.is_ok_and(|made| made.status.success()) {
            return; // There is no OpenSSH here, and git verifies such signatures with nothing else.
        }
    }
    let public = fs::read_to_string(path("alice.pub")).unwrap();
    fs::write(path("allowed"), format!("alice@example.com {public}")).unwrap();
    let allowed = Some(PathBuf::from(path("allowed")));
    let signatures = Signatures::Required { allowed };
    let checkout = hub.open_with(signatures).await.unwrap();
    let sign = |key: &str| {
        hub.git("clone", &["config", "gpg.format", "ssh"]);
        hub.git("clone", &["config", "commit.gpgSign", "true"]);
        hub.git("clone", &["config", "user.signingKey", &path(key)]);
    };
    let unsigned = hub.push("a", "0");
    sign("alice");
    let first = hub.push("a", "1");
    let second = hub.push("a", "2");
    sign("mallory");
    let foreign = hub.push("a", "3");
    checkout.fetch().await.unwrap();
    let objection = async |commit: &str| checkout.objection(commit).await.unwrap();
    assert_eq!(objection(&first).await, None);
    assert_eq!(
        objection(&unsigned).await.as_deref(),
        Some("it is not signed")
    );
    let said = objection(&foreign).await.unwrap();
    assert!(said.starts_with("its signature: "), "{said}");
    checkout.keep(&second).await.unwrap();
    assert_eq!(objection(&second).await, None);
    let said = objection(&first).await.unwrap();
    assert!(said.contains("older than the last good commit"), "{said}");
}
