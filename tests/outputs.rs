//! Outputs for CI and review from outside: files in every format, what GitHub Actions reads, and the baseline.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use serde_json::Value;

/// A repository with the sample estate below `infra/`.
struct Estate {
    folder: tempfile::TempDir,
}

struct Said {
    code: i32,
    out: String,
    err: String,
}

impl Estate {
    fn new() -> Self {
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

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join("infra").join(name)
    }

    fn read(&self, name: &str) -> String {
        fs::read_to_string(self.path(name)).unwrap()
    }

    fn json(&self, name: &str) -> Value {
        serde_json::from_str(&self.read(name)).unwrap()
    }

    fn run(&self, arguments: &[&str]) -> Said {
        self.run_in(arguments, &[])
    }

    /// The binary without anything of the caller's environment that it listens to, and without a terminal.
    fn run_in(&self, arguments: &[&str], variables: &[(&str, &str)]) -> Said {
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
    fn add_a_rule_that_changes_nothing(&self) {
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
fn parsed(path: &Path) -> String {
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

#[test]
fn one_run_writes_every_format() {
    let estate = Estate::new();
    let said = estate.run(&[
        "plan",
        "-o",
        "text",
        "-o",
        "json=plan.json",
        "-o",
        "markdown=comment.md",
        "-o",
        "html=plan.html",
        "-o",
        "sarif=plan.sarif",
        "-o",
        "junit=junit.xml",
        "-o",
        "gitlab=gitlab.json",
        "-o",
        "codequality=quality.json",
        "-o",
        "github=annotations.txt",
    ]);
    assert_eq!(said.code, 0, "{}", said.err);
    assert!(
        said.out
            .ends_with("Plan: 26 to add, 9 to change, 12 to destroy.\n"),
        "{}",
        said.out
    );
    let comment = estate.read("comment.md");
    assert!(
        comment.starts_with(
            "### Plan: 26 to add, 9 to change, 12 to destroy <!-- rulekeep:plan -->\n"
        ),
        "{comment}"
    );
    assert!(
        comment.contains("<details><summary>web (cn-hangzhou) +3 ~2 −1</summary>"),
        "{comment}"
    );
    assert!(estate.read("plan.html").starts_with("<!DOCTYPE html>"));
    assert_eq!(
        estate.json("gitlab.json"),
        serde_json::json!({ "create": 26, "update": 9, "delete": 12 })
    );
    assert_eq!(estate.json("quality.json"), serde_json::json!([]));
    assert_eq!(estate.json("plan.sarif")["version"], "2.1.0");
    assert_eq!(estate.json("plan.json")["summary"]["add"], 26);
    let junit = parsed(&estate.path("junit.xml"));
    assert!(
        junit.contains(
            "testsuite errors=0 failures=0 name=demo/cn-hangzhou/web in vpc-bp1prod0000000000000 skipped=0 tests=14\n"
        ),
        "{junit}"
    );
    assert!(estate.read("annotations.txt").is_empty());
}

#[test]
fn a_broken_file_is_told_in_every_format_with_its_place_in_the_repository() {
    let estate = Estate::new();
    fs::write(
        estate.path("rules/web.yaml"),
        "group: sg-bp1web0000000000000000\nname: web\nmode: complete\ningres: []\n",
    )
    .unwrap();
    for command in ["validate", "plan", "drift"] {
        let said = estate.run(&[
            command,
            "-o",
            "markdown=comment.md",
            "-o",
            "html=plan.html",
            "-o",
            "sarif=plan.sarif",
            "-o",
            "junit=junit.xml",
            "-o",
            "codequality=quality.json",
            "-o",
            "github",
        ]);
        assert_eq!(said.code, 1, "{command}: {}", said.err);
        let error = "::error file=infra/rules/web.yaml,line=4,col=1,title=unknown-key::";
        assert!(said.out.contains(error), "{command}: {}", said.out);
        let quality = estate.json("quality.json");
        assert_eq!(
            quality[0]["location"]["path"], "infra/rules/web.yaml",
            "{command}"
        );
        assert_eq!(quality[0]["severity"], "critical", "{command}");
        let sarif = estate.json("plan.sarif");
        assert_eq!(
            sarif["runs"][0]["results"][0]["ruleId"], "unknown-key",
            "{command}"
        );
        let comment = estate.read("comment.md");
        let first = comment.lines().next().unwrap();
        assert!(
            first.ends_with(&format!("<!-- rulekeep:{command} -->")),
            "{first}"
        );
        assert!(comment.contains("`infra/rules/web.yaml:4`"), "{comment}");
        assert!(
            estate.read("plan.html").contains("unknown-key"),
            "{command}"
        );
        assert!(
            parsed(&estate.path("junit.xml")).contains("failure message="),
            "{command}"
        );
        for name in [
            "comment.md",
            "plan.html",
            "plan.sarif",
            "junit.xml",
            "quality.json",
        ] {
            fs::remove_file(estate.path(name)).unwrap();
        }
    }
}

#[test]
fn a_run_that_fails_without_findings_is_green_in_no_format() {
    let estate = Estate::new();
    let actions = [("GITHUB_ACTIONS", "true")];
    for (arguments, message) in [
        (&["plan", "--target", "nosuch"][..], "nosuch"),
        (&["drift", "--target", "nosuch"], "nosuch"),
        (&["plan", "nosuchdir"], "nosuchdir"),
        (&["validate", "nosuchdir"], "nosuchdir"),
        (&["plan", "--baseline", "nosuch.json"], "nosuch.json"),
        (&["validate", "--project", "nosuch.yaml"], "nosuch.yaml"),
        (&["apply", "--yes", "--target", "nosuch"], "nosuch"),
    ] {
        let outputs = [
            "-o",
            "junit=o.xml",
            "-o",
            "sarif=o.sarif",
            "-o",
            "codequality=o.json",
            "-o",
            "markdown=o.md",
        ];
        let said = estate.run_in(&[arguments, &outputs[..]].concat(), &actions);
        assert_ne!(said.code, 0, "{arguments:?}: {}", said.err);
        assert!(said.out.contains("::error "), "{arguments:?}: {}", said.out);
        let junit = parsed(&estate.path("o.xml"));
        assert!(junit.contains("failure message="), "{arguments:?}: {junit}");
        let run = &estate.json("o.sarif")["runs"][0];
        assert_eq!(run["invocations"][0]["executionSuccessful"], false);
        // A project file that is not there has a code of its own.
        let id = match message {
            "nosuch.yaml" => "no-files",
            _ => "failed-run",
        };
        assert_eq!(run["results"][0]["ruleId"], id, "{arguments:?}");
        let quality = estate.json("o.json");
        let told = quality[0]["description"].as_str().unwrap();
        assert!(told.contains("nosuch"), "{arguments:?}: {told}");
        let comment = estate.read("o.md");
        assert!(comment.contains(message), "{arguments:?}: {comment}");
        // The mend, as on stderr.
        let help = said
            .err
            .lines()
            .find_map(|line| line.strip_prefix("help: "));
        let word = help.unwrap_or_default().split_whitespace().next();
        assert!(
            comment.contains(word.unwrap_or_default()),
            "{arguments:?}: {comment}"
        );
        for name in ["o.xml", "o.sarif", "o.json", "o.md"] {
            fs::remove_file(estate.path(name)).unwrap();
        }
    }
}

#[test]
fn a_run_over_a_part_is_not_taken_for_another() {
    let estate = Estate::new();
    let mut ids = Vec::new();
    for part in [&[][..], &["--shard", "1/3"], &["--target", "web"]] {
        let outputs = ["plan", "-o", "sarif=o.sarif", "-o", "markdown=o.md"];
        let said = estate.run(&[&outputs[..], part].concat());
        assert_eq!(said.code, 0, "{}", said.err);
        let id = &estate.json("o.sarif")["runs"][0]["automationDetails"]["id"];
        let first = estate.read("o.md").lines().next().unwrap().to_owned();
        let marker = first.split_once("<!-- rulekeep:").unwrap().1.to_owned();
        ids.push((id.as_str().unwrap().to_owned(), marker));
    }
    assert_eq!(ids[0], ("rulekeep/plan/".into(), "plan -->".into()));
    let sharded = (
        "rulekeep/plan/shard-1-of-3/".into(),
        "plan shard 1/3 -->".into(),
    );
    assert_eq!(ids[1], sharded);
    assert!(ids[2].0.starts_with("rulekeep/plan/part-"), "{ids:?}");
    assert!(ids[2].1.starts_with("plan part "), "{ids:?}");
}

#[test]
fn github_actions_gets_annotations_a_summary_and_outputs() {
    let estate = Estate::new();
    fs::write(
        estate.path("rules/web.yaml"),
        "group: sg-bp1web0000000000000000\nname: web\nmode: complete\ningress: []\negress: []\n",
    )
    .unwrap();
    let (summary, output) = (estate.path("summary.md"), estate.path("output.txt"));
    fs::write(&output, "earlier=1\n").unwrap();
    let variables = [
        ("GITHUB_ACTIONS", "true"),
        ("GITHUB_STEP_SUMMARY", summary.to_str().unwrap()),
        ("GITHUB_OUTPUT", output.to_str().unwrap()),
    ];
    let said = estate.run_in(
        &["plan", "rules/web.yaml", "--out", "saved.json"],
        &variables,
    );
    assert_eq!(said.code, 0, "{}", said.err);
    let annotation = "::error file=infra/rules/web.yaml,line=1,col=8,title=emptied in web::";
    assert!(said.out.contains(annotation), "{}", said.out);
    // Other tools match the last line.
    assert!(
        said.out
            .ends_with("Plan: 0 to add, 0 to change, 7 to destroy.\n"),
        "{}",
        said.out
    );
    let told = fs::read_to_string(&output).unwrap();
    let plan_id = estate.json("saved.json")["plan_id"]
        .as_str()
        .map(str::to_owned);
    let expected = format!(
        "earlier=1\nchanges=true\nto_add=0\nto_change=0\nto_destroy=7\nplan_id={}\nplan_path=saved.json\n",
        plan_id.as_deref().unwrap_or_default()
    );
    assert_eq!(told, expected);
    let written = fs::read_to_string(&summary).unwrap();
    assert!(
        written.contains("### Plan: 0 to add, 0 to change, 7 to destroy · error: `emptied` in"),
        "{written}"
    );

    // Where stdout has JSON it has nothing else.
    let said = estate.run_in(&["plan", "rules/web.yaml", "-o", "json"], &variables);
    assert!(
        serde_json::from_str::<Value>(&said.out).is_ok(),
        "{}",
        said.out
    );
    assert!(said.err.contains(annotation), "{}", said.err);

    // An apply that is refused says so in the same places.
    let said = estate.run_in(
        &[
            "apply",
            "rules/web.yaml",
            "--yes",
            "-o",
            "markdown=apply.md",
        ],
        &variables,
    );
    assert_eq!(said.code, 4, "{}", said.err);
    assert!(said.out.contains(annotation), "{}", said.out);
    assert!(
        estate.read("apply.md").starts_with("### Not applied: "),
        "{}",
        estate.read("apply.md")
    );
}

#[test]
fn an_apply_reports_in_every_format() {
    let estate = Estate::new();
    let said = estate.run(&[
        "apply",
        "--yes",
        "-o",
        "markdown=apply.md",
        "-o",
        "html=apply.html",
        "-o",
        "junit=junit.xml",
        "-o",
        "gitlab=gitlab.json",
        "-o",
        "sarif=apply.sarif",
    ]);
    assert_eq!(said.code, 0, "{}", said.err);
    let first = "### Apply complete! Resources: 26 added, 9 changed, 12 destroyed <!-- rulekeep:apply -->\n";
    assert!(estate.read("apply.md").starts_with(first));
    assert!(estate.read("apply.html").contains("Apply complete!"));
    assert_eq!(estate.json("gitlab.json")["create"], 26);
    assert!(
        parsed(&estate.path("junit.xml"))
            .starts_with("testsuites errors=0 failures=0 name=rulekeep apply")
    );
}

#[test]
fn drift_fails_the_case_of_its_group() {
    let estate = Estate::new();
    let said = estate.run(&["drift", "-o", "junit=junit.xml", "-o", "markdown=drift.md"]);
    assert_eq!(said.code, 2, "{}", said.err);
    let junit = parsed(&estate.path("junit.xml"));
    assert!(
        junit.contains("failure message=3 missing, 2 different, 1 live only type=drift\n"),
        "{junit}"
    );
    let first = "### Drift: 26 missing, 9 differ, 12 live only <!-- rulekeep:drift -->\n";
    assert!(estate.read("drift.md").starts_with(first));
}

#[test]
fn a_baseline_makes_old_warnings_known_and_new_ones_fail() {
    let estate = Estate::new();
    estate.add_a_rule_that_changes_nothing();
    let validate =
        |more: &[&str]| estate.run(&[&["validate", "--fail-on", "warning"], more].concat());

    let said = validate(&[]);
    assert_eq!(said.code, 1, "{}", said.err);
    assert!(
        said.err
            .contains("never-effective in sg-bp1extra00000000000 (infra/rules/extra.yaml:6)"),
        "{}",
        said.err
    );
    assert_eq!(
        estate.run(&["validate"]).code,
        0,
        "as before: a warning fails nothing"
    );

    let said = validate(&["--baseline", "known.json"]);
    assert_eq!(said.code, 1, "there is no baseline yet: {}", said.err);
    let said = validate(&["--baseline", "known.json", "--update-baseline"]);
    assert_eq!(said.code, 0, "{}", said.err);
    let known = estate.json("known.json");
    assert_eq!(known["format_version"], "1.0");
    assert_eq!(known["findings"].as_array().unwrap().len(), 1);

    // Known wherever it moves to.
    let text = estate.read("rules/extra.yaml");
    fs::write(
        estate.path("rules/extra.yaml"),
        format!("# moved\n\n{text}"),
    )
    .unwrap();
    let said = validate(&[
        "--baseline",
        "known.json",
        "-o",
        "text",
        "-o",
        "sarif=known.sarif",
    ]);
    assert_eq!(said.code, 0, "{}", said.err);
    assert!(said.out.contains("(known)"), "{}", said.out);
    assert_eq!(
        estate.json("known.sarif")["runs"][0]["results"][0]["baselineState"],
        "unchanged"
    );

    // A new one fails, and only that is named.
    let text = estate.read("rules/extra.yaml");
    fs::write(
        estate.path("rules/extra.yaml"),
        text.replace(
            "egress:",
            "  - service: ssh\n    from: 10.2.0.0/16\negress:",
        ),
    )
    .unwrap();
    let said = validate(&["--baseline", "known.json"]);
    assert_eq!(said.code, 1, "{}", said.out);
    assert!(
        said.err
            .contains("1 finding that the baseline does not have"),
        "{}",
        said.err
    );

    // What is mended leaves the file when it is written again.
    fs::remove_file(estate.path("rules/extra.yaml")).unwrap();
    let said = validate(&["--baseline", "known.json"]);
    assert_eq!(said.code, 0, "{}", said.err);
    assert!(
        said.err
            .contains("1 known warning of known.json not found any more"),
        "{}",
        said.err
    );
    validate(&["--baseline", "known.json", "--update-baseline"]);
    assert_eq!(estate.json("known.json")["findings"], serde_json::json!([]));
}

#[test]
fn no_baseline_lets_a_refusal_through() {
    let estate = Estate::new();
    let web =
        "group: sg-bp1web0000000000000000\nname: web\nmode: complete\ningress: []\negress: []\n";
    fs::write(estate.path("rules/web.yaml"), web).unwrap();
    let update = ["plan", "--baseline", "known.json", "--update-baseline"];
    assert_eq!(estate.run(&update).code, 0);
    assert_eq!(estate.json("known.json")["findings"], serde_json::json!([]));
    let said = estate.run(&["plan", "--baseline", "known.json", "--fail-on", "error"]);
    assert_eq!(said.code, 4, "{}", said.err);
    assert!(said.err.contains("emptied in"), "{}", said.err);
    assert_eq!(
        estate.run(&["plan"]).code,
        0,
        "as before: a plan is computed, whatever it holds"
    );
}

#[test]
fn violated_assertions_are_findings_and_what_was_violated_before_may_be_known() {
    let estate = Estate::new();
    let project = estate.read("rulekeep.yaml");
    let assertions = "\nassertions:\n  - id: no-admin\n    forbid: [ssh, rdp]\n    from: internet\n    severity: critical\n\
                      waivers:\n  - { assertion: no-admin, group: legacy-batch, until: 2199-06-30, reason: it moves }\n";
    fs::write(
        estate.path("rulekeep.yaml"),
        format!("{project}{assertions}"),
    )
    .unwrap();
    let told = |more: &[&str]| {
        let said = estate.run(&[&["plan", "-o", "sarif=plan.sarif"], more].concat());
        let sarif = estate.json("plan.sarif");
        let results = sarif["runs"][0]["results"].as_array().unwrap().clone();
        let told: Vec<String> = results
            .iter()
            .map(|result| {
                let place = &result["locations"][0];
                let suppressed = result["suppressions"][0]["kind"].as_str().unwrap_or("open");
                let group = place["logicalLocations"][0]["fullyQualifiedName"]
                    .as_str()
                    .unwrap();
                format!(
                    "{} {} {group} {suppressed}",
                    result["ruleId"].as_str().unwrap(),
                    result["level"].as_str().unwrap()
                )
            })
            .collect();
        (said.code, told.join("\n"))
    };
    let before = "no-admin warning demo/cn-hangzhou/bastion open\nno-admin warning demo/cn-hangzhou/legacy-batch inSource";
    assert_eq!(told(&[]), (0, before.to_owned()));
    assert_eq!(told(&["--fail-on", "warning"]).0, 1);
    let baseline = ["--baseline", "known.json"];
    assert_eq!(told(&[&baseline[..], &["--update-baseline"]].concat()).0, 0);
    assert_eq!(
        estate.json("known.json")["findings"]
            .as_array()
            .unwrap()
            .len(),
        1,
        "what is waived is not in it"
    );
    let (code, found) = told(&[&baseline[..], &["--fail-on", "warning"]].concat());
    assert_eq!(
        (code, found),
        (0, before.replace("bastion open", "bastion external"))
    );

    // New exposure is refused, whatever the baseline has.
    let web = estate.read("rules/web.yaml");
    let rule = "ingress:\n  - { service: ssh, from: 0.0.0.0/0 }\n";
    fs::write(
        estate.path("rules/web.yaml"),
        web.replacen("ingress:\n", rule, 1),
    )
    .unwrap();
    let app = estate.read("rules/app.yaml");
    fs::write(
        estate.path("rules/app.yaml"),
        app.replacen("ingress:\n", rule, 1),
    )
    .unwrap();
    let (code, found) = told(&[&baseline[..], &["--fail-on", "warning"]].concat());
    assert_eq!(code, 4, "{found}");
    assert!(
        found.contains("no-admin error demo/cn-hangzhou/app open"),
        "{found}"
    );
    let update = [&baseline[..], &["--update-baseline"]].concat();
    assert_eq!(told(&update).0, 0);
    assert!(
        !estate.read("known.json").contains("by the result"),
        "{}",
        estate.read("known.json")
    );
}

#[test]
fn a_baseline_is_of_the_whole_project() {
    let estate = Estate::new();
    for arguments in [
        &[
            "plan",
            "--target",
            "web",
            "--baseline",
            "known.json",
            "--update-baseline",
        ][..],
        &[
            "validate",
            "rules/web.yaml",
            "--baseline",
            "known.json",
            "--update-baseline",
        ],
        &["plan", "--update-baseline"],
    ] {
        let said = estate.run(arguments);
        assert_eq!(said.code, 64, "{arguments:?}: {}", said.err);
        assert!(!estate.path("known.json").exists());
    }
}

#[test]
fn findings_of_validate_fit_their_schema() {
    let estate = Estate::new();
    estate.add_a_rule_that_changes_nothing();
    let said = estate.run(&["validate", "-o", "json"]);
    assert_eq!(said.code, 0, "{}", said.err);
    let document: Value = serde_json::from_str(&said.out).unwrap();
    let schema: Value = serde_json::from_str(&estate.run(&["schema", "findings"]).out).unwrap();
    assert!(jsonschema::is_valid(&schema, &document), "{document:#}");
    assert_eq!(document["valid"], true);
    assert_eq!(document["findings"][0]["rule"], "never-effective");
    assert_eq!(
        document["findings"][0]["declared_at"]["file"],
        "infra/rules/extra.yaml"
    );
}

#[test]
fn a_file_that_cannot_be_written_is_named_and_keeps_no_other_from_being_written() {
    let estate = Estate::new();
    let said = estate.run(&[
        "plan",
        "-o",
        "markdown=no/comment.md",
        "-o",
        "gitlab=gitlab.json",
    ]);
    assert_eq!(said.code, 1);
    assert!(
        said.err.contains("no/comment.md cannot be written"),
        "{}",
        said.err
    );
    assert_eq!(estate.json("gitlab.json")["create"], 26);
    assert!(said.out.contains("Plan: 26 to add"), "{}", said.out);
}

#[test]
fn a_command_without_a_plan_has_no_format_for_plans() {
    let estate = Estate::new();
    let said = estate.run(&["validate", "-o", "gitlab"]);
    assert_eq!(said.code, 64);
    let why = "validate has no changes to count";
    assert!(said.err.contains(why), "{}", said.err);
    let said = estate.run(&["history", "-o", "markdown"]);
    assert_eq!(said.code, 64);
    assert!(said.err.contains("known are text, json"), "{}", said.err);
}
