//! Small random estates: groups of one VPC in an embedded cloud, and a project that wants other rules of them.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Write as _,
    fs,
    process::{Child, Command, Stdio},
};

use rulekeep::{
    desired::Selector,
    emulator::{Config, Emulator, EmulatorHandle, Seed},
    model::{GroupId, RegionId, Rule},
    provider::{
        Provider as _,
        alibaba::{
            Alibaba, Settings,
            credentials::{CredentialSource, Credentials},
        },
    },
};

/// The same numbers for the same seed.
pub struct Dice(u64);

impl Dice {
    pub fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ 0x1234_5678_9abc_def1)
    }

    pub fn below(&mut self, n: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) % n
    }
}

/// A rule in the few fields that the packets know.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Line {
    pub match_on: (&'static str, String, String),
    pub drop: bool,
    pub priority: u64,
    pub description: &'static str,
}

impl Line {
    fn random(dice: &mut Dice) -> Self {
        let protocol = ["tcp", "tcp", "tcp", "udp", "icmp"][dice.below(5) as usize];
        let (first, more) = (1 + dice.below(5), dice.below(3));
        let length = 29 + dice.below(4);
        let last = dice.below(8) & !((1 << (32 - length)) - 1);
        Self {
            match_on: (
                protocol,
                match protocol {
                    "icmp" => String::new(),
                    _ => format!("{first}-{}", (first + more).min(5)),
                },
                format!("10.0.0.{last}/{length}"),
            ),
            drop: dice.below(3) == 0,
            priority: 1 + dice.below(3),
            description: ["", "a", "b"][dice.below(3) as usize],
        }
    }

    fn yaml(&self) -> String {
        let (protocol, ports, peer) = &self.match_on;
        let mut text = format!(
            "  - {{ protocol: {protocol}, from: {peer}, priority: {}",
            self.priority
        );
        if !ports.is_empty() {
            write!(text, ", ports: {ports}").unwrap();
        }
        if self.drop {
            text.push_str(", policy: drop");
        }
        if !self.description.is_empty() {
            write!(text, ", description: {}", self.description).unwrap();
        }
        text + " }\n"
    }

    fn json(&self) -> serde_json::Value {
        let (protocol, ports, peer) = &self.match_on;
        serde_json::json!({
            "IpProtocol": protocol.to_uppercase(),
            "PortRange": if ports.is_empty() { "-1/-1".to_owned() } else { ports.replace('-', "/") },
            "SourceCidrIp": peer,
            "Policy": if self.drop { "Drop" } else { "Accept" },
            "Priority": self.priority,
            "Description": self.description,
        })
    }
}

/// Groups with the rules they have and those they shall have.
pub struct Estate {
    pub groups: Vec<(String, Vec<Line>, Vec<Line>)>,
}

impl Estate {
    /// Three groups of a few rules, of which about half stay.
    pub fn random(seed: u64) -> Self {
        let mut dice = Dice::new(seed + 1);
        let groups = (0..3).map(|number| {
            let mut known = BTreeSet::new();
            let mut some = |dice: &mut Dice, most: u64| -> Vec<Line> {
                let count = 2 + dice.below(most);
                (0..count)
                    .map(|_| Line::random(dice))
                    .filter(|line| known.insert(line.match_on.clone()))
                    .collect()
            };
            let old = some(&mut dice, 4);
            let mut new = some(&mut dice, 3);
            for line in &old {
                let mut line = line.clone();
                match dice.below(4) {
                    0 => new.push(line),
                    1 => {
                        line.priority = 1 + dice.below(3);
                        new.push(line);
                    }
                    2 => {
                        line.description = "c";
                        new.push(line);
                    }
                    _ => {}
                }
            }
            (format!("sg-bp1crash{number}00000000000"), old, new)
        });
        Self {
            groups: groups.collect(),
        }
    }

    fn seed(&self) -> String {
        let groups = self.groups.iter().map(|(id, old, _)| {
            serde_json::json!({
                "id": id,
                "name": id,
                "description": "",
                "vpc": "vpc-bp1crash000000000000",
                "rules": old.iter().map(Line::json).collect::<Vec<_>>(),
            })
        });
        serde_json::json!({
            "version": 1,
            "owner": "1234567890123456",
            "security_groups": groups.collect::<Vec<_>>(),
        })
        .to_string()
    }

    /// A cloud that holds the old rules.
    pub async fn cloud(&self) -> Cloud {
        let config = Config {
            seed: Some(Seed::Text(self.seed())),
            ..Config::default()
        };
        Cloud {
            emulator: Emulator::start(config).await.unwrap(),
        }
    }

    /// A project that wants the new ones.
    pub fn project(&self, endpoint: &str) -> Project {
        let project = Project {
            folder: tempfile::tempdir().unwrap(),
        };
        fs::create_dir(project.folder.path().join("rules")).unwrap();
        project.rewrite(self, endpoint);
        project
    }
}

/// An embedded cloud of a test.
pub struct Cloud {
    pub emulator: EmulatorHandle,
}

impl Cloud {
    pub fn endpoint(&self) -> String {
        format!("http://{}", self.emulator.local_addr())
    }

    /// The rules of every group, in order and without their ids.
    pub async fn rules(&self, estate: &Estate) -> BTreeMap<String, Vec<Rule>> {
        let credentials = Credentials {
            access_key_id: "testid".into(),
            secret: "testsecret".into(),
            security_token: None,
        };
        let provider = Alibaba::new(Settings {
            endpoint: Some(self.endpoint()),
            ..Settings::new(CredentialSource::fixed(credentials))
        })
        .unwrap();
        let region = RegionId::new("cn-hangzhou");
        let ids = estate
            .groups
            .iter()
            .map(|(id, ..)| Selector::Id(GroupId::new(id)));
        let found = provider
            .find(&region, &ids.collect::<Vec<_>>())
            .await
            .unwrap();
        let mut rules = BTreeMap::new();
        for info in found.into_iter().flatten() {
            let live = provider.observe(&region, &info).await.unwrap();
            let live = live.rules.into_iter().map(|seen| seen.rule).collect();
            rules.insert(info.id.to_string(), live);
        }
        rules
    }
}

/// A project in a folder of its own.
pub struct Project {
    pub folder: tempfile::TempDir,
}

impl Project {
    /// Writes the files for another endpoint.
    pub fn rewrite(&self, estate: &Estate, endpoint: &str) {
        let root = self.folder.path();
        let text = format!(
            "rules: rules/\naccounts:\n  test: {{ endpoint: {endpoint:?} }}\ndefaults: {{ account: test, region: cn-hangzhou }}\n"
        );
        fs::write(root.join("rulekeep.yaml"), text).unwrap();
        for (id, _, new) in &estate.groups {
            let mut text = format!("group: {id}\nmode: complete\nallow_empty: true\ningress:\n");
            if new.is_empty() {
                text = text.replace("ingress:\n", "ingress: []\n");
            }
            for line in new {
                text.push_str(&line.yaml());
            }
            fs::write(root.join(format!("rules/{id}.yaml")), text).unwrap();
        }
    }

    /// Starts the binary; what it says goes to a file.
    pub fn spawn(&self, arguments: &[&str]) -> Child {
        let mut command = Command::new(snapbox::cmd::cargo_bin!("rulekeep"));
        for (name, _) in std::env::vars() {
            if name.starts_with("RULEKEEP_")
                || name.ends_with("_SHA")
                || name.starts_with("ALIBABA_")
            {
                command.env_remove(name);
            }
        }
        let out = fs::File::create(self.folder.path().join("said.txt")).unwrap();
        command
            .current_dir(self.folder.path())
            .env("ALIBABA_CLOUD_ACCESS_KEY_ID", "testid")
            .env("ALIBABA_CLOUD_ACCESS_KEY_SECRET", "testsecret")
            .args(arguments)
            .stdin(Stdio::null())
            .stdout(out.try_clone().unwrap())
            .stderr(out)
            .spawn()
            .unwrap()
    }

    /// What the last one said.
    pub fn said(&self) -> String {
        fs::read_to_string(self.folder.path().join("said.txt")).unwrap()
    }
}
