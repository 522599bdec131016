//! `restore`: a group becomes like another, or gains what it lacks.

use std::fs;

use crate::common::{EVERY_SHAPE, Project};
use crate::rules;

#[test]
fn restore_makes_a_group_like_another_or_adds_what_it_lacks() {
    let project = Project::new(EVERY_SHAPE);
    let restore = |mode: &str| {
        project.done(&[
            "restore", "--group", "empty", "--from", "every", "--mode", mode, "--yes",
        ])
    };
    let text = restore("partial");
    assert!(
        text.starts_with("Restore empty sg-empty from every, partial\n  + ingress"),
        "{text}"
    );
    assert_eq!(rules(&project, "every"), rules(&project, "empty"));
    let text = restore("complete");
    assert!(
        text.contains("the rules are identical; there is nothing to restore"),
        "{text}"
    );

    let arguments = [
        "restore", "--group", "peer", "--from", "old", "--mode", "complete", "--yes",
    ];
    let (code, text, error) = project.run(&arguments);
    assert_eq!(code, 0, "{text}{error}");
    assert!(error.contains("1 rule of old skipped, because priority 110 cannot be set; to have them, create them by hand with priority 100"), "{error}");
    assert_eq!(rules(&project, "peer").len(), 1);
}

#[test]
fn the_preview_of_a_partial_restore_labels_what_it_keeps() {
    let project = Project::new(EVERY_SHAPE);
    let preview = |mode: &str| {
        let arguments = [
            "restore",
            "--group",
            "old",
            "--from",
            "every",
            "--mode",
            mode,
            "--dry-run",
        ];
        project.done(&arguments)
    };
    let partial = preview("partial");
    assert!(
        partial.contains("  - ingress accept tcp/22 from 10.0.0.0/8 priority 1  (kept: partial)\n"),
        "{partial}"
    );
    let complete = preview("complete");
    assert!(
        complete.contains("(kept: priority 110 cannot be made again)"),
        "{complete}"
    );
    assert!(!complete.contains("(kept: partial)"), "{complete}");
    assert_eq!(rules(&project, "old").len(), 2);
}

#[test]
fn restore_takes_files_of_every_kind() {
    let project = Project::new(EVERY_SHAPE);
    let want = rules(&project, "every");
    project.done(&["export", "every", "--out", "every.json"]);
    project.done(&["export", "every", "--format", "csv", "--out", "every.csv"]);
    project.done(&["export", "every", "--format", "yaml", "--out", "every.yaml"]);
    let restore = |file: &str, rest: &[&str]| {
        let arguments = [
            "restore", "--group", "empty", "--from", file, "--mode", "complete", "--yes",
        ];
        project.run(&[&arguments[..], rest].concat())
    };
    fs::write(project.path("none.json"), "[]").unwrap();
    for file in ["every.json", "every.csv", "every.yaml"] {
        assert_eq!(restore(file, &[]).0, 0, "{file}");
        assert_eq!(rules(&project, "empty"), want, "{file}");
        assert_eq!(restore("none.json", &[]).0, 4);
        let (code, text, error) = restore(
            "none.json",
            &[
                "--allow-empty",
                "--allow-deletes",
                "99",
                "--allow-changes",
                "99",
            ],
        );
        assert_eq!(code, 0, "{text}{error}");
        assert!(rules(&project, "empty").is_empty());
    }
    // The undo file of the last apply is how the group was before it.
    let run = fs::read_dir(project.path(".rulekeep/undo")).unwrap();
    let found = run
        .flat_map(|run| fs::read_dir(run.unwrap().path()).unwrap())
        .map(|file| file.unwrap().path())
        // The journal of the run stands beside them.
        .filter(|path| path.extension().is_some_and(|ending| ending == "json"))
        .find_map(|path| {
            let text = fs::read_to_string(&path).unwrap();
            text.contains("five-tuple").then_some(path)
        });
    let (code, text, error) = restore(found.unwrap().to_str().unwrap(), &[]);
    assert_eq!(code, 0, "{text}{error}");
    assert_eq!(rules(&project, "empty"), want);
}

#[test]
fn restore_refuses_another_region_and_another_network_type() {
    let project = Project::new(EVERY_SHAPE);
    let refused = |from: &str, why: &str| {
        let arguments = [
            "restore", "--group", "old", "--from", from, "--mode", "partial", "--yes",
        ];
        let (code, _, error) = project.run(&arguments);
        assert!(code != 0 && error.contains(why), "{error}");
    };
    refused("classic", "the source in the classic network");
    refused("old", "the same group");
    fs::write(project.path("ecs_ap-southeast-1_sg-1.json"), "[]").unwrap();
    refused(
        "ecs_ap-southeast-1_sg-1.json",
        "the source in ap-southeast-1",
    );
}
