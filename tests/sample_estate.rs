//! The sample estate and the examples of the guide do what the README says.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
};

use rulekeep::{
    desired::{Desired, load},
    diag::render,
    provider::alibaba::probe::WRITE_ACTIONS,
};

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// Loads a project in which nothing is wrong or odd.
fn load_clean(project_file: &Path) -> Desired {
    match load(project_file) {
        Ok((desired, warnings)) => {
            assert!(
                warnings.is_empty(),
                "{}",
                render(&desired.sources, &warnings, false)
            );
            desired
        }
        Err(error) => panic!("{}", render(&error.sources, &error.diagnostics, false)),
    }
}

#[test]
fn every_file_of_the_sample_estate_loads_without_a_word() {
    let desired = load_clean(&root().join("rulekeep.yaml"));
    let groups: Vec<_> = desired
        .groups
        .iter()
        .map(|group| group.declared_name().map_or("?", |name| name.as_str()))
        .collect();
    assert_eq!(
        groups,
        [
            "vpn-gateway",
            "classic-ftp",
            "app",
            "bastion",
            "legacy-batch",
            "k8s-nodes",
            "legacy-portal",
            "db",
            "logging",
            "monitoring",
            "partners",
            "payments",
            "web",
        ]
    );
}

/// Texts of the fenced blocks of a language in a Markdown file, in order.
fn blocks(file: &str, language: &str) -> Vec<String> {
    let text = fs::read_to_string(root().join(file)).expect("the page is there");
    let fence = format!("```{language}\n");
    text.split(&fence)
        .skip(1)
        .map(|rest| {
            rest.split("```")
                .next()
                .expect("a split has a first part")
                .to_owned()
        })
        .collect()
}

/// A project of a project file and one group file in a folder of its own.
fn project(project: &str, groups: &[&str]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    fs::create_dir(folder.path().join("rules")).expect("a folder in it");
    fs::write(folder.path().join("rulekeep.yaml"), project).expect("a project file");
    fs::write(folder.path().join("rules/a.yaml"), groups.join("\n---\n")).expect("a group file");
    folder
}

const BASTION: &str = "group: bastion\nmode: partial\ningress: []\n";
const WEB: &str = "group: web\nmode: partial\ningress: []\n";

#[test]
fn the_examples_of_the_readme_are_valid() {
    let [file, group] = <[String; 2]>::try_from(blocks("README.md", "yaml"))
        .expect("the README shows a project file and a group file");
    let folder = project(&file, &[&group, BASTION]);
    let desired = load_clean(&folder.path().join("rulekeep.yaml"));
    assert_eq!(desired.groups.len(), 2);
}

#[test]
fn the_examples_of_the_page_about_files_are_valid() {
    let [file, group, ignore, targets, rules, five_tuple] =
        <[String; 6]>::try_from(blocks("docs/files.md", "yaml")).expect(
            "the page shows a project file, a group, ignore patterns, targets, rules, a five-tuple",
        );
    let parts = [
        WEB.to_owned(),
        BASTION.to_owned(),
        group,
        format!("group: ignoring\n{ignore}"),
        targets,
        format!("group: ruling\nmode: complete\n{rules}"),
        format!("group: five\nmode: complete\n{five_tuple}"),
    ];
    let parts: Vec<&str> = parts.iter().map(String::as_str).collect();
    let folder = project(&file, &parts);
    let desired = load_clean(&folder.path().join("rulekeep.yaml"));
    assert_eq!(desired.groups.len(), 6);
}

#[test]
fn the_policies_in_the_guide_are_json() {
    let blocks = blocks("docs/accounts.md", "json");
    let (policies, profiles): (Vec<serde_json::Value>, Vec<_>) = blocks
        .iter()
        .map(|block| serde_json::from_str(block).expect("JSON"))
        .partition(|block: &serde_json::Value| block["Statement"].is_array());
    assert_eq!(profiles.len(), 1, "profiles of the aliyun CLI");
    assert_eq!(policies.len(), 3, "assume a role, plan, apply");
    assert!(policies.iter().all(|policy| policy["Version"] == "1"));
    let apply: Vec<_> = policies[2]["Statement"]
        .as_array()
        .into_iter()
        .flatten()
        .flat_map(|statement| statement["Action"].as_array().into_iter().flatten())
        .collect();
    assert_eq!(apply, WRITE_ACTIONS);
}

/// Copies the sample estate, so that nobody's state of the embedded cloud is touched.
fn copy_of_the_estate() -> tempfile::TempDir {
    fn copy(from: &Path, to: &Path) {
        if from.is_dir() {
            fs::create_dir_all(to).expect("a folder");
            for entry in fs::read_dir(from).expect("a folder of the estate") {
                let entry = entry.expect("an entry");
                copy(&entry.path(), &to.join(entry.file_name()));
            }
        } else {
            fs::copy(from, to).expect("a file");
        }
    }
    let folder = tempfile::tempdir().expect("a folder");
    for part in ["rulekeep.yaml", "rules", "demo"] {
        copy(&root().join(part), &folder.path().join(part));
    }
    folder
}

fn rulekeep(folder: &Path, arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_rulekeep"));
    for (name, _) in std::env::vars_os() {
        let text = name.to_string_lossy();
        if text.starts_with("RULEKEEP_") || text.starts_with("ALIBABA_CLOUD_") {
            command.env_remove(&name);
        }
    }
    command
        .args(arguments)
        .current_dir(folder)
        .env("NO_COLOR", "1")
        .stdin(Stdio::null())
        .output()
        .expect("rulekeep starts")
}

/// Stdout of a run that succeeds.
fn stdout(folder: &Path, arguments: &[&str]) -> String {
    let output = rulekeep(folder, arguments);
    let text = String::from_utf8(output.stdout).expect("UTF-8");
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{arguments:?}\n{text}\n{errors}");
    text
}

#[test]
fn applying_the_sample_estate_twice_changes_nothing_the_second_time() {
    let folder = copy_of_the_estate();
    let estate = folder.path();

    let plan = stdout(estate, &["plan"]);
    for sign in ["+ ", "~ ", "- ", "? "] {
        assert!(
            plan.lines().any(|line| line.starts_with(sign)),
            "no line with {sign:?}:\n{plan}"
        );
    }
    assert!(
        plan.contains("\nPlan: 26 to add, 9 to change, 12 to destroy.\n"),
        "{plan}"
    );

    let first = stdout(estate, &["apply", "--yes"]);
    assert!(
        first.contains("\nApply complete! Resources: 26 added, 9 changed, 12 destroyed.\n"),
        "{first}"
    );
    let second = stdout(estate, &["apply", "--yes"]);
    assert!(second.contains("\nNo changes.\n"), "{second}");
    assert!(
        !second.contains("Plan: ") && !second.lines().any(|line| line.starts_with("+ ")),
        "{second}"
    );
    assert_eq!(rulekeep(estate, &["drift"]).status.code(), Some(0));
}

/// The command lines that a help text ends with, without what is said beside them.
fn examples_of(folder: &Path, command: &str) -> Vec<Vec<String>> {
    let help = stdout(folder, &[command, "--help"]);
    let (_, examples) = help.split_once("Examples:\n").expect("examples");
    let lines = examples.lines().map(str::trim);
    let lines = lines.filter_map(|line| line.strip_prefix("rulekeep "));
    lines
        .map(|line| {
            let line = line.split("   ").next().unwrap_or(line);
            line.split_whitespace().map(str::to_owned).collect()
        })
        .collect()
}

#[test]
fn the_examples_of_questions_about_groups_can_be_asked_of_the_sample_estate() {
    let folder = copy_of_the_estate();
    for command in ["explain", "show"] {
        let examples = examples_of(folder.path(), command);
        assert!(!examples.is_empty(), "{command}");
        for example in examples {
            let words: Vec<&str> = example.iter().map(String::as_str).collect();
            stdout(folder.path(), &words);
        }
    }
}
