//! The sample estate in a repository of its own, and the binary run in it.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use serde_json::Value;

/// A repository with the sample estate below `infra/`.
pub struct Estate {
    folder: tempfile::TempDir,
}

pub struct Said {
    pub code: i32,
    pub out: String,
    pub err: String,
}

impl Estate {
    pub fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        copy(&root.join("rules"), &folder.path().join("infra/rules"));
        copy(&root.join("demo"), &folder.path().join("infra/demo"));
        // Without its assertions, so that each test has the findings that it makes.
        let project = fs::read_to_string(root.join("rulekeep.yaml")).unwrap();
        let project = project.split("\nassertions:").next().unwrap();
        let lines = project
            .lines()
            .filter(|line| !line.starts_with("  baseline:"));
        let project: Vec<&str> = lines.collect();
        fs::write(
            folder.path().join("infra/rulekeep.yaml"),
            project.join("\n"),
        )
        .unwrap();
        for name in ["bastion", "legacy"] {
            let path = folder.path().join(format!("infra/rules/{name}.yaml"));
            let text = fs::read_to_string(&path).unwrap();
            fs::write(path, without_waivers(&text)).unwrap();
        }
        let estate = Self { folder };
        let made = Command::new("git")
            .args(["init", "--quiet"])
            .current_dir(estate.folder.path())
            .status();
        assert!(made.unwrap().success());
        estate
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join("infra").join(name)
    }

    pub fn read(&self, name: &str) -> String {
        fs::read_to_string(self.path(name)).unwrap()
    }

    pub fn json(&self, name: &str) -> Value {
        serde_json::from_str(&self.read(name)).unwrap()
    }

    pub fn run(&self, arguments: &[&str]) -> Said {
        self.run_in(arguments, &[])
    }

    /// The binary without anything of the caller's environment that it listens to, and without a terminal.
    pub fn run_in(&self, arguments: &[&str], variables: &[(&str, &str)]) -> Said {
        let mut command = Command::new(snapbox::cmd::cargo_bin!("rulekeep"));
        for (name, _) in std::env::vars() {
            if ["RULEKEEP_", "GITHUB_", "CI_"]
                .iter()
                .any(|begin| name.starts_with(begin))
            {
                command.env_remove(name);
            }
        }
        let output = command
            .current_dir(self.path(""))
            .args(arguments)
            .envs(variables.iter().copied())
            .stdin(Stdio::null())
            .output()
            .unwrap();
        let text = |bytes| String::from_utf8(bytes).unwrap();
        Said {
            code: output.status.code().unwrap(),
            out: text(output.stdout),
            err: text(output.stderr),
        }
    }

    /// Adds a rule that does nothing: SSH from there is admitted already.
    pub fn add_a_rule_that_changes_nothing(&self) {
        let path = self.path("rules/extra.yaml");
        let text = "group: sg-bp1extra00000000000\nmode: complete\ningress:\n  - service: ssh\n    from: 10.0.0.0/8\n  \
                    - service: ssh\n    from: 10.1.0.0/16\negress: []\n";
        fs::write(path, text).unwrap();
    }
}

/// A group file without its key `waivers`.
fn without_waivers(text: &str) -> String {
    let mut within = false;
    let lines = text.lines().filter(|line| {
        within = line.starts_with("waivers:") || within && line.starts_with(' ');
        !within
    });
    lines.map(|line| format!("{line}\n")).collect()
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        match entry.file_type().unwrap().is_dir() {
            true => copy(&entry.path(), &target),
            false => {
                fs::copy(entry.path(), target).unwrap();
            }
        }
    }
}

/// What Python's parser makes of an XML file: its element names and attributes, a line each.
pub fn parsed(path: &Path) -> String {
    let program = "import sys, xml.etree.ElementTree as t\nfor e in t.parse(sys.argv[1]).iter():\n    \
                   print(e.tag, ' '.join(f'{k}={v}' for k, v in sorted(e.attrib.items())))";
    let output = Command::new("python3")
        .args(["-c", program])
        .arg(path)
        .output()
        .unwrap();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8(output.stdout).unwrap()
}
