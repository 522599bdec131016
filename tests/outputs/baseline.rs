//! Findings that are known already, and those that no baseline lets through.

use std::fs;

use crate::estate::Estate;

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
