//! Outputs for CI and review from outside: files in every format, what GitHub Actions reads, and the baseline.

mod baseline;
mod estate;

use std::fs;

use crate::estate::{Estate, parsed};
use serde_json::Value;

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
    let mut helped = 0;
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
        let mut helps = said
            .err
            .lines()
            .filter_map(|line| line.strip_prefix("help: "));
        if let Some(help) = helps.next() {
            let word = help.split_whitespace().next().unwrap();
            assert!(comment.contains(word), "{arguments:?}: {comment}");
            helped += 1;
        }
        for name in ["o.xml", "o.sarif", "o.json", "o.md"] {
            fs::remove_file(estate.path(name)).unwrap();
        }
    }
    assert!(helped >= 3, "{helped}");
}

#[test]
fn a_run_over_a_part_is_not_taken_for_another() {
    let estate = Estate::new();
    let mut ids = Vec::new();
    for part in [&[][..], &["--shard", "1/3"], &["--target", "web"]] {
        let outputs = ["sarif=o.sarif", "markdown=o.md", "json=o.json"];
        let outputs = outputs.iter().flat_map(|output| ["-o", output]);
        let words: Vec<&str> = ["plan"].into_iter().chain(outputs).collect();
        let said = estate.run(&[&words[..], part].concat());
        assert_eq!(said.code, 0, "{}", said.err);
        let shard = part.contains(&"--shard").then_some("1/3");
        assert_eq!(estate.json("o.json")["shard"].as_str(), shard);
        let is_told = estate.read("o.md").contains("part 1/3 of the estate: ");
        assert_eq!(is_told, shard.is_some());
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
