//! A cloud, a project for it, and the loop as a process whose output is waited for.

use std::{
    fs::{self, File},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use rulekeep::emulator::{Config, Emulator, EmulatorHandle, Faults, Seed};

/// Longer than any of these things takes on a busy machine.
const PATIENCE: Duration = Duration::from_secs(90);

const SEED: &str = r#"{
  "version": 1,
  "owner": "1234567890123456",
  "security_groups": [
    {"id": "sg-bp1web000000000000", "name": "web", "vpc": "vpc-1", "rules": [
      {"IpProtocol": "TCP", "PortRange": "443/443", "SourceCidrIp": "0.0.0.0/0"}
    ]}
  ]
}"#;

/// A cloud with one group, `web`, which has one rule: tcp/443 from everywhere.
pub async fn cloud() -> EmulatorHandle {
    let config = Config {
        seed: Some(Seed::Text(SEED.to_owned())),
        ..Config::default()
    };
    Emulator::start(config).await.unwrap()
}

/// What goes wrong from now on.
pub fn faults(text: &[&str]) -> Faults {
    text.iter().fold(Faults::new(1), |faults, text| {
        faults.with(text.parse().unwrap())
    })
}

/// Writes a project for the cloud into a folder.
pub fn write_project(folder: &Path, cloud: &EmulatorHandle, ports: &[u16]) {
    let project = format!(
        "rules: rules/\naccounts: {{ test: {{ endpoint: \"{}\" }} }}\ndefaults: {{ region: cn-hangzhou }}\n",
        cloud.endpoint()
    );
    fs::create_dir_all(folder.join("rules")).unwrap();
    fs::write(folder.join("rulekeep.yaml"), project).unwrap();
    write_rules(folder, ports);
}

/// Declares these ports for `web`, open to everybody.
pub fn write_rules(folder: &Path, ports: &[u16]) {
    fs::write(folder.join("rules/web.yaml"), rules(ports)).unwrap();
}

/// A group file with these ports for `web`.
pub fn rules(ports: &[u16]) -> String {
    let mut text = "group: web\nmode: complete\ningress:\n".to_owned();
    for port in ports {
        text.push_str(&format!(
            "  - {{ protocol: tcp, ports: {port}, from: 0.0.0.0/0 }}\n"
        ));
    }
    text
}

/// The ports that are open in the cloud.
pub fn live(cloud: &EmulatorHandle) -> Vec<u16> {
    let state: serde_json::Value = serde_json::from_str(&cloud.engine().state_text()).unwrap();
    let rules = state["security_groups"][0]["rules"].as_array().unwrap();
    let mut ports: Vec<u16> = rules
        .iter()
        .map(|rule| {
            let range = rule["PortRange"].as_str().unwrap();
            range.split('/').next().unwrap().parse().unwrap()
        })
        .collect();
    ports.sort_unstable();
    ports
}

/// How many calls that write the cloud has seen.
pub fn writes(cloud: &EmulatorHandle) -> usize {
    let calls = cloud.calls();
    let reads = calls
        .iter()
        .filter(|call| call.action.starts_with("Describe"));
    calls.len() - reads.count()
}

/// Waits until something is so.
pub fn until(what: &str, is_so: impl Fn() -> bool) {
    let end = Instant::now() + PATIENCE;
    while !is_so() {
        assert!(Instant::now() < end, "it never came to this: {what}");
        thread::sleep(Duration::from_millis(20));
    }
}

/// The binary with nothing of the caller's environment that it listens to.
pub fn rulekeep(folder: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(snapbox::cmd::cargo_bin!("rulekeep"));
    for (name, _) in std::env::vars() {
        let ours = ["RULEKEEP_", "GIT_", "ALIBABA_CLOUD_", "XDG_"];
        if ours.iter().any(|prefix| name.starts_with(prefix)) || name.ends_with("_SHA") {
            command.env_remove(name);
        }
    }
    command
        .current_dir(folder)
        .env("ALIBABA_CLOUD_ACCESS_KEY_ID", "testid")
        .env("ALIBABA_CLOUD_ACCESS_KEY_SECRET", "testsecret")
        .args(arguments)
        .stdin(Stdio::null());
    command
}

/// A loop that is under way; it ends with the test.
pub struct Watch {
    child: Child,
    output: tempfile::TempDir,
}

impl Watch {
    /// Starts `rulekeep watch` in a folder.
    pub fn start(folder: &Path, arguments: &[&str]) -> Self {
        Self::spawn(rulekeep(folder, &[&["watch"], arguments].concat()))
    }

    /// Starts a command whose output is kept.
    pub fn spawn(mut command: Command) -> Self {
        let output = tempfile::tempdir().unwrap();
        let file = |name: &str| File::create(output.path().join(name)).unwrap();
        let child = command
            .stdout(file("out"))
            .stderr(file("err"))
            .spawn()
            .unwrap();
        Self { child, output }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.output.path().join(name)
    }

    /// What it has printed on stdout.
    pub fn out(&self) -> String {
        fs::read_to_string(self.path("out")).unwrap()
    }

    /// What it has printed on stderr.
    pub fn err(&self) -> String {
        fs::read_to_string(self.path("err")).unwrap()
    }

    /// Waits until both streams together say something so many times.
    pub fn says(&self, what: &str, times: usize) {
        let end = Instant::now() + PATIENCE;
        loop {
            let said = format!("{}\n---\n{}", self.out(), self.err());
            if said.matches(what).count() >= times {
                return;
            }
            assert!(
                Instant::now() < end,
                "it never said {what:?} {times} times:\n{said}"
            );
            thread::sleep(Duration::from_millis(20));
        }
    }

    /// Sends a signal.
    pub fn signal(&self, signal: &str) {
        let done = Command::new("kill")
            .args([signal, &self.child.id().to_string()])
            .status()
            .unwrap();
        assert!(done.success());
    }

    /// Waits for its end.
    pub fn ended(&mut self) -> i32 {
        let end = Instant::now() + PATIENCE;
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status.code().unwrap_or(-1);
            }
            assert!(
                Instant::now() < end,
                "it does not end:\n{}\n{}",
                self.out(),
                self.err()
            );
            thread::sleep(Duration::from_millis(20));
        }
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
