//! A git repository with a project on the embedded cloud, and the binary run in it.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
};

/// A group of every name in one VPC.
const SEED: &str = r#"{
  "version": 1,
  "owner": "1234567890123456",
  "security_groups": [
    {"id": "sg-web", "name": "web", "vpc": "vpc-1", "rules": [
      {"IpProtocol": "TCP", "PortRange": "3389/3389", "SourceCidrIp": "0.0.0.0/0", "Description": "left over"}
    ]},
    {"id": "sg-db", "name": "db", "vpc": "vpc-1", "rules": []},
    {"id": "sg-jump", "name": "jump", "vpc": "vpc-1", "rules": []},
    {"id": "sg-more", "name": "more", "vpc": "vpc-1", "rules": []}
  ]
}"#;

pub const PROJECT: &str = "rules: rules/\naccounts: { demo: { local: .rulekeep/demo.json, seed: seed.json } }\n\
    defaults: { account: demo, region: cn-hangzhou }\n\
    networks:\n  office: 203.0.113.0/24\n  vpn: 10.8.0.0/16\n  staff: [office, vpn]\n";

/// A group that admits one service from somewhere.
pub fn group(name: &str, service: &str, from: &str) -> String {
    format!(
        "group: {name}\nmode: partial\ningress:\n  - {{ service: {service}, from: {from}, description: test }}\n"
    )
}

/// A program without anything of the caller's environment that it, git or rulekeep listens to.
pub fn command(program: impl AsRef<std::ffi::OsStr>, folder: &Path) -> Command {
    let mut command = Command::new(program);
    for (name, _) in std::env::vars() {
        let heard = ["RULEKEEP_", "GIT_", "GITHUB_", "CI_", "ALIBABA_"];
        if heard.iter().any(|start| name.starts_with(start)) || name == "CI" {
            command.env_remove(name);
        }
    }
    let binary = PathBuf::from(snapbox::cmd::cargo_bin!("rulekeep"));
    let folders = std::env::var_os("PATH").unwrap_or_default();
    let folders = std::env::split_paths(&folders);
    let folders = binary
        .parent()
        .map(Path::to_owned)
        .into_iter()
        .chain(folders);
    command
        .env("PATH", std::env::join_paths(folders).unwrap())
        .env("GIT_CONFIG_GLOBAL", "/dev/null")
        .env("GIT_CONFIG_NOSYSTEM", "1")
        .env("GIT_AUTHOR_NAME", "t")
        .env("GIT_AUTHOR_EMAIL", "t@example.com")
        .env("GIT_COMMITTER_NAME", "t")
        .env("GIT_COMMITTER_EMAIL", "t@example.com")
        .current_dir(folder)
        .stdin(Stdio::null());
    command
}

/// Runs to the end: exit status, stdout, stderr.
pub fn said(command: &mut Command) -> (i32, String, String) {
    let Output {
        status,
        stdout,
        stderr,
    } = command.output().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    (status.code().unwrap_or(-1), text(stdout), text(stderr))
}

/// A repository in a folder of its own.
pub struct Repository {
    _folder: Option<tempfile::TempDir>,
    pub root: PathBuf,
}

impl Repository {
    /// An empty one.
    pub fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let root = fs::canonicalize(folder.path()).unwrap().join("repo");
        fs::create_dir(&root).unwrap();
        let repository = Self {
            _folder: Some(folder),
            root,
        };
        repository.git(&["init", "--quiet", "--initial-branch=main"]);
        repository
    }

    /// One that is there already.
    pub fn at(root: PathBuf) -> Self {
        Self {
            _folder: None,
            root,
        }
    }

    /// With the groups web, db and jump, committed.
    pub fn with_project() -> Self {
        Self::with_project_in("")
    }

    /// The same in a folder of the repository: nothing, or `net/`.
    pub fn with_project_in(folder: &str) -> Self {
        let repository = Self::new();
        let write = |name: &str, text: &str| repository.write(&format!("{folder}{name}"), text);
        write(".gitignore", ".rulekeep/\n");
        write("rulekeep.yaml", PROJECT);
        write("seed.json", SEED);
        write("rules/web.yaml", &group("web", "https", "staff"));
        write("rules/db.yaml", &group("db", "mysql", "10.0.0.0/8"));
        write("rules/jump.yaml", &group("jump", "ssh", "office"));
        repository.commit("start");
        repository
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.root.join(name)
    }

    pub fn write(&self, name: &str, text: &str) {
        let path = self.path(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    pub fn remove(&self, name: &str) {
        fs::remove_file(self.path(name)).unwrap();
    }

    /// Runs git, which must succeed, and says what it prints.
    pub fn git(&self, arguments: &[&str]) -> String {
        let (code, out, error) = said(command("git", &self.root).args(arguments));
        assert_eq!(code, 0, "git {arguments:?}: {out}{error}");
        out.trim_end().to_owned()
    }

    /// Commits everything; its id.
    pub fn commit(&self, message: &str) -> String {
        self.git(&["add", "-A"]);
        self.git(&["commit", "--quiet", "--allow-empty", "-m", message]);
        self.git(&["rev-parse", "HEAD"])
    }

    /// The binary, in the top folder.
    pub fn rulekeep(&self, arguments: &[&str]) -> (i32, String, String) {
        self.rulekeep_in("", arguments)
    }

    /// The binary, in a folder below.
    pub fn rulekeep_in(&self, folder: &str, arguments: &[&str]) -> (i32, String, String) {
        let binary = snapbox::cmd::cargo_bin!("rulekeep");
        said(command(binary, &self.path(folder)).args(arguments))
    }
}
