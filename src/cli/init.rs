//! `rulekeep init`.

use std::{
    fs,
    io::{self, Write as _},
    path::{Path, PathBuf},
};

use crate::exit::Exit;

use super::{Failure, Screen, project::PROJECT_FILE};

/// Write a project file and a first group file
///
/// The new project uses the embedded cloud, which needs no account and no network. No file that exists is changed, except
/// that .gitignore gains a line.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Folder of the project; made when it is not there
    #[arg(value_name = "FOLDER", default_value = ".")]
    folder: PathBuf,
}

const PROJECT: &str = r#"# The project file: where the rules are, and which accounts there are.
rules: rules/                        # every *.yaml below it declares groups; files named _*.yaml do not

accounts:
  demo:                              # the embedded cloud: no account, no network, no credentials
    local: .rulekeep/demo.json       # its state; delete the file to start over
    seed: demo/seed.json             # what the state starts as
  # prod:
  #   profile: prod                  # a profile of the aliyun CLI; without it: the environment

defaults: { account: demo, region: cn-hangzhou }

networks:                            # names for addresses, groups and prefix lists
  office: [203.0.113.0/24]
"#;

const GROUP: &str = r#"# One security group and the rules it shall have.
group: web                           # a name, or an id: sg-bp1...
mode: partial                        # rules that are not declared stay; `complete` deletes them
ingress:
  - service: https                   # built in; or `protocol: tcp` and `ports: 443`
    from: 0.0.0.0/0
    description: public web
  - service: ssh
    from: office                     # a network of the project file
    description: administration
# Without the key `egress` that direction is not managed.
"#;

const SEED: &str = r#"{
  "version": 1,
  "owner": "1234567890123456",
  "security_groups": [
    {
      "id": "sg-bp1web0000000000000000",
      "name": "web",
      "description": "example",
      "vpc": "vpc-bp1demo0000000000000",
      "rules": [
        {"IpProtocol": "TCP", "PortRange": "443/443", "SourceCidrIp": "0.0.0.0/0", "Description": "https"},
        {"IpProtocol": "TCP", "PortRange": "3389/3389", "SourceCidrIp": "0.0.0.0/0", "Description": "left over"}
      ]
    }
  ]
}
"#;

const IGNORED: &str = ".rulekeep/";

pub(super) fn run(args: &Args, screen: &Screen) -> Result<Exit, Failure> {
    // Without the dot paths read better.
    let folder = args.folder.strip_prefix(".").unwrap_or(&args.folder);
    if folder.join(PROJECT_FILE).exists() {
        return Err(Failure::new(format!(
            "{} exists already",
            folder.join(PROJECT_FILE).display()
        ))
        .help("`rulekeep validate` checks it; `rulekeep init FOLDER` starts a project elsewhere"));
    }
    let mut done = String::new();
    let files = [
        ("demo/seed.json", SEED),
        ("rules/example.yaml", GROUP),
        // Last: while it is not there, `init` can be run again.
        (PROJECT_FILE, PROJECT),
    ];
    for (name, text) in files {
        let path = folder.join(name);
        let word = match create(&path, text) {
            Ok(()) => "wrote",
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => "kept ",
            Err(error) => return Err(cannot_write(&path, &error)),
        };
        done.push_str(&format!("{word} {}\n", path.display()));
    }
    let ignore = folder.join(".gitignore");
    if ignore_state(&ignore).map_err(|error| cannot_write(&ignore, &error))? {
        done.push_str(&format!("added {IGNORED} to {}\n", ignore.display()));
    }
    screen.result(&done)?;
    let there = if folder == Path::new("") {
        String::new()
    } else {
        format!("cd {} && ", folder.display())
    };
    screen.hint(&format!(
        "next: `{there}rulekeep plan` shows what would change, `rulekeep apply` changes it"
    ));
    Ok(Exit::Done)
}

fn cannot_write(path: &Path, error: &io::Error) -> Failure {
    Failure::new(format!("{} cannot be written", path.display())).because(error)
}

/// Writes a file that is not there, and the folders above it.
fn create(path: &Path, text: &str) -> io::Result<()> {
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)?;
    }
    fs::File::create_new(path)?.write_all(text.as_bytes())
}

/// Adds the state folder to a `.gitignore`; `false`: it was in it.
fn ignore_state(path: &Path) -> io::Result<bool> {
    let text = match fs::read_to_string(path) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => String::new(),
        Err(error) => return Err(error),
    };
    let known = [".rulekeep/", "/.rulekeep/", ".rulekeep", "/.rulekeep"];
    if text.lines().any(|line| known.contains(&line.trim())) {
        return Ok(false);
    }
    let break_before = if text.is_empty() || text.ends_with('\n') {
        ""
    } else {
        "\n"
    };
    let mut file = fs::OpenOptions::new()
        .append(true)
        .create(true)
        .open(path)?;
    file.write_all(format!("{break_before}{IGNORED}\n").as_bytes())?;
    Ok(true)
}
