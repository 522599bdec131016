//! What a run leaves behind that came to nothing, and how runs over parts of a project are told apart.

use std::fs;

use serde_json::Value;

mod common {
    #[expect(dead_code, reason = "the other tests of repositories use the rest")]
    pub mod repository;
}

use common::repository::{Repository, group};

fn json(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|error| panic!("{error}: {text}"))
}

#[test]
fn a_failed_run_is_a_document_that_says_so() {
    let work = Repository::with_project_in("net/");
    work.write("net/rules/web.yaml", &group("web", "httpss", "staff"));
    let run = |arguments: &[&str]| work.rulekeep_in("net", arguments);
    let schema = json(&run(&["schema", "plan"]).1);
    let head = work.git(&["rev-parse", "HEAD"]);
    for command in ["plan", "drift"] {
        work.write("net/old.json", "{}");
        work.write("net/old.txt", "No changes.");
        let outputs = ["-o", "json", "-o", "json=old.json", "-o", "text=old.txt"];
        let (code, out, error) = run(&[&[command], &outputs[..]].concat());
        assert_eq!(code, 1, "{error}");
        let document = json(&out);
        let errors: Vec<String> = jsonschema::validator_for(&schema)
            .unwrap()
            .iter_errors(&document)
            .map(|error| error.to_string())
            .collect();
        assert_eq!(errors, [""; 0], "{document:#}");
        assert_eq!(document["errored"], true);
        assert_eq!(document["applyable"], false);
        assert_eq!(document["commit"], head);
        let found = &document["diagnostics"][0];
        assert_eq!(found["code"], "unknown-service");
        assert_eq!(found["places"][0]["file"], "rules/web.yaml");
        assert_eq!(found["places"][0]["line"], 4);
        let why = "1 error in the files; nothing was changed";
        assert_eq!(document["failure"]["message"], why);
        // Nothing of an earlier run stays.
        let written = fs::read_to_string(work.path("net/old.json")).unwrap();
        assert_eq!(json(&written)["failure"], document["failure"]);
        let written = fs::read_to_string(work.path("net/old.txt")).unwrap();
        assert_eq!(written, format!("error: {why}\n"));
    }
    let (code, out, error) = run(&["apply", "--yes", "-o", "json"]);
    assert_eq!(code, 1, "{error}");
    let document = json(&out);
    assert_eq!(document["errored"], true);
    assert_eq!(document["complete"], false);
    assert_eq!(document["diagnostics"][0]["code"], "unknown-service");

    // Also where nothing was found because nothing was looked at.
    let (code, out, _) = run(&["plan", "-o", "json", "--project", "nosuch.yaml"]);
    assert_eq!(code, 1);
    let document = json(&out);
    assert_eq!(document["diagnostics"][0]["code"], "no-files");
    work.write("net/rules/web.yaml", &group("web", "https", "staff"));
    let (code, out, _) = run(&["plan", "-o", "json", "--target", "nosuch"]);
    assert_eq!(code, 1);
    let document = json(&out);
    assert_eq!(document["diagnostics"][0]["code"], "failed-run");
    let help = document["failure"]["help"][0].as_str().unwrap();
    assert!(help.contains("declared are db, jump, web"), "{help}");

    // It is about the project file, wherever that lies.
    for command in [&["plan"][..], &["drift"], &["apply", "--yes"]] {
        let (_, out, _) = run(&[command, &["-o", "sarif", "--target", "nosuch"]].concat());
        let place = &json(&out)["runs"][0]["results"][0]["locations"][0]["physicalLocation"];
        let uri = &place["artifactLocation"]["uri"];
        assert_eq!(uri, "net/rulekeep.yaml", "{command:?}: {out}");
    }

    let (code, out, _) = run(&["validate", "-o", "json", "nosuch"]);
    assert_eq!(code, 1);
    let document = json(&out);
    assert_eq!(document["findings"][0]["rule"], "failed-run");
    assert_eq!(
        (&document["valid"], &document["errored"]),
        (&false.into(), &true.into())
    );

    // A plan and an apply that succeed say the opposite.
    let (_, out, _) = run(&["plan", "-o", "json"]);
    let document = json(&out);
    assert!(jsonschema::is_valid(&schema, &document), "{document:#}");
    assert_eq!(document["failure"], Value::Null);
    assert_eq!(document["errored"], false);
    let (_, out, _) = run(&["apply", "--yes", "-o", "json"]);
    assert_eq!(json(&out)["errored"], false);
}

#[test]
fn an_apply_of_a_part_is_not_taken_for_another() {
    let work = Repository::with_project();
    let outputs = ["-o", "sarif=o.sarif", "-o", "markdown=o.md"];
    let run = |arguments: &[&str]| {
        let (_, _, error) = work.rulekeep(&[arguments, &outputs[..]].concat());
        let read = |name: &str| fs::read_to_string(work.path(name)).expect(&error);
        let id = json(&read("o.sarif"))["runs"][0]["automationDetails"]["id"].clone();
        let first = read("o.md").lines().next().unwrap().to_owned();
        let (_, marker) = first.split_once("<!-- ").expect(&first);
        (id.as_str().unwrap().to_owned(), marker.to_owned())
    };
    let of = |id: &str, marker: &str| (id.to_owned(), marker.to_owned());
    let whole = of("rulekeep/apply/", "rulekeep:apply -->");
    let second = of(
        "rulekeep/apply/shard-2-of-2/",
        "rulekeep:apply shard 2/2 -->",
    );
    let apply = |more: &[&str]| run(&[&["apply", "--yes"], more].concat());
    // A plan of a part that is saved is one, too; and what fails is no other.
    let (code, _, error) = work.rulekeep(&["plan", "--shard", "2/2", "--out", "two.json"]);
    assert_eq!(code, 0, "{error}");
    assert_eq!(run(&["apply", "two.json"]), second);
    assert_eq!(run(&["apply", "two.json", "--shard", "1/2"]), second);
    assert_eq!(apply(&["--shard", "2/2"]), second);
    assert_eq!(apply(&[]), whole);
    work.write("rules/web.yaml", "group: web\n");
    assert_eq!(apply(&["--shard", "2/2"]), second);
    assert_eq!(apply(&[]), whole);
}
