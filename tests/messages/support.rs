//! A project in a folder of its own, and runs of the binary in it as text.

use std::{
    fs,
    path::Path,
    process::{Child, Command, Stdio},
};

use serde_json::{Value, json};

const PROJECT: &str = "\
rules: rules/
accounts:
  demo: { local: .rulekeep/demo.json, seed: seed.json }
defaults: { account: demo, region: cn-hangzhou }
";

/// A group file that changes little in the group `web` of the seed.
pub const WEB: &str = "\
group: web
mode: complete
ingress:
  - service: https
    from: 0.0.0.0/0
    description: public web
  - service: ssh
    from: 10.0.0.0/8
";

/// A project folder and what was run in it.
pub struct Project {
    folder: tempfile::TempDir,
    log: String,
    environment: Vec<(String, String)>,
}

/// Ends a process that the test started.
pub struct Running(pub Child);

impl Drop for Running {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// One live rule per port.
pub fn ports(from: u16, to: u16) -> Vec<Value> {
    (from..=to)
        .map(|port| {
            let range = format!("{port}/{port}");
            json!({"IpProtocol": "TCP", "PortRange": range, "SourceCidrIp": "10.0.0.0/8"})
        })
        .collect()
}

fn seed() -> Value {
    let vpc = "vpc-bp1prod0000000000000";
    let system = json!({"IpProtocol": "ALL", "PortRange": "-1/-1", "SourceCidrIp": "0.0.0.0/0", "Priority": 110});
    json!({
        "version": 1,
        "security_groups": [
            {"id": "sg-bp1web0000000000000000", "name": "web", "vpc": vpc, "rules": [
                {"IpProtocol": "TCP", "PortRange": "443/443", "SourceCidrIp": "0.0.0.0/0", "Description": "https"},
                {"IpProtocol": "TCP", "PortRange": "3389/3389", "SourceCidrIp": "0.0.0.0/0"},
            ]},
            {"id": "sg-bp1advanced00000000000", "name": "advanced", "vpc": vpc, "type": "enterprise"},
            {"id": "sg-bp1managed000000000000", "name": "managed", "vpc": vpc, "service_managed": true, "rules": ports(22, 22)},
            {"id": "sg-bp1legacy0000000000000", "name": "legacy", "vpc": vpc, "rules": [system]},
            {"id": "sg-bp1many000000000000000", "name": "many", "vpc": vpc, "rules": ports(1, 40)},
            {"id": "sg-bp1classic000000000000", "name": "classic", "rules": []},
            {"id": "sg-bp1twina00000000000000", "name": "twin", "vpc": vpc},
            {"id": "sg-bp1twinb00000000000000", "name": "twin", "vpc": "vpc-bp1test0000000000000"},
        ],
    })
}

impl Project {
    /// With one group file.
    pub fn new(group: &str) -> Self {
        Self::with(PROJECT, group)
    }

    /// With another project file.
    pub fn with(project: &str, group: &str) -> Self {
        let new = Self {
            folder: tempfile::tempdir().unwrap(),
            log: String::new(),
            environment: Vec::new(),
        };
        new.write("rulekeep.yaml", project);
        new.write("seed.json", &seed().to_string());
        new.write("rules/web.yaml", group);
        new
    }

    pub fn root(&self) -> &Path {
        self.folder.path()
    }

    pub fn write(&self, path: &str, text: &str) {
        let path = self.root().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    pub fn read(&self, path: &str) -> String {
        fs::read_to_string(self.root().join(path)).unwrap()
    }

    /// Sets a variable for the runs that follow.
    pub fn set(&mut self, name: &str, value: &str) {
        self.environment.push((name.to_owned(), value.to_owned()));
    }

    /// Runs the binary and keeps all that it says.
    pub fn run(&mut self, arguments: &str) -> &mut Self {
        self.run_in(".", arguments)
    }

    /// As [`Project::run`], in a folder below the project's.
    pub fn run_in(&mut self, folder: &str, arguments: &str) -> &mut Self {
        let output = self.command(folder, arguments).output().unwrap();
        let tidy = |bytes: &[u8]| self.tidy(std::str::from_utf8(bytes).unwrap());
        let (stdout, stderr) = (tidy(&output.stdout), tidy(&output.stderr));
        let code = output.status.code().unwrap();
        self.log.push_str(&format!("$ rulekeep {arguments}\n"));
        for (name, text) in [("stdout", stdout), ("stderr", stderr)] {
            if !text.is_empty() {
                self.log.push_str(&format!("--- {name}\n{text}"));
            }
        }
        self.log.push_str(&format!("--- exit {code}\n\n"));
        self
    }

    /// Runs what only prepares and must succeed.
    pub fn prepare(&self, arguments: &str) {
        let output = self.command(".", arguments).output().unwrap();
        assert!(output.status.success(), "{arguments}: {output:?}");
    }

    /// The binary without anything of the caller's environment that it listens to, and without a terminal.
    pub fn command(&self, folder: &str, arguments: &str) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_rulekeep"));
        command.env_clear();
        // Nobody's own credentials are looked at.
        command.env("HOME", self.root().join("home"));
        command.envs(self.environment.iter().cloned());
        command
            .current_dir(self.root().join(folder))
            .args(shlex::split(arguments).unwrap())
            .stdin(Stdio::null());
        command
    }

    /// What differs from run to run, by what it is.
    fn tidy(&self, text: &str) -> String {
        let root = self.root().display().to_string();
        let real = fs::canonicalize(self.root()).unwrap().display().to_string();
        let text = text.replace(&real, "[FOLDER]").replace(&root, "[FOLDER]");
        let mut tidy = String::new();
        let mut rest = &*text;
        // Ids are the words of hex digits that nobody writes: of plans, requests and accounts.
        while let Some(at) = rest.find(|c: char| c.is_ascii_alphanumeric()) {
            let (before, from) = rest.split_at(at);
            tidy.push_str(before);
            let end = from
                .find(|c: char| !c.is_ascii_alphanumeric() && c != '-')
                .unwrap_or(from.len());
            let (word, after) = from.split_at(end);
            let digits = word.chars().filter(char::is_ascii_digit).count();
            let is_hex = word.chars().all(|c| c.is_ascii_hexdigit() || c == '-');
            tidy.push_str(if is_hex && digits > 2 && word.len() >= 16 {
                "[ID]"
            } else {
                word
            });
            rest = after;
        }
        tidy.push_str(rest);
        tidy
    }

    /// Compares everything since the last time with a snapshot.
    pub fn says(&mut self, name: &str) {
        let log = std::mem::take(&mut self.log);
        assert!(!log.contains("not-the-secret"), "a secret is shown:\n{log}");
        insta::with_settings!({ prepend_module_to_snapshot => false, omit_expression => true }, {
            insta::assert_snapshot!(name, log.trim_end());
        });
    }
}
