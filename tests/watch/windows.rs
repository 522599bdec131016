//! Times at which changes may be made.

use std::fs;

use crate::support::{Watch, cloud, live, rulekeep, until, write_project, writes};

#[tokio::test(flavor = "multi_thread")]
async fn while_no_window_is_open_changes_are_planned_and_wait() {
    let (cloud, folder) = (cloud().await, tempfile::tempdir().unwrap());
    let folder = folder.path();
    write_project(folder, &cloud, &[443, 8080]);
    let project = folder.join("rulekeep.yaml");
    let open = fs::read_to_string(&project).unwrap();
    let frozen = format!(
        "{open}windows: {{ freeze: [{{ from: 2000-01-01, to: 2999-12-31, reason: a long holiday }}] }}\n"
    );
    fs::write(&project, frozen).unwrap();

    let watch = Watch::start(folder, &["--apply", "--interval", "1s"]);
    watch.says("Plan: 1 to add, 0 to change, 0 to destroy.", 1);
    watch.says(
        "Not applied: frozen from 2000-01-01 to 2999-12-31: a long holiday; changes may be made again not within a year.",
        2,
    );
    let apply = |arguments: &[&str]| {
        let arguments = [&["apply", "--yes"], arguments].concat();
        let output = rulekeep(folder, &arguments).output().unwrap();
        let error = String::from_utf8(output.stderr).unwrap();
        (output.status.code().unwrap(), error)
    };
    let (code, error) = apply(&[]);
    assert_eq!(code, 4, "{error}");
    assert!(
        error.contains(
            "this is no time for changes: frozen from 2000-01-01 to 2999-12-31: a long holiday"
        ),
        "{error}"
    );
    assert!(error.contains("--outside-window"), "{error}");
    assert_eq!((live(&cloud), writes(&cloud)), (vec![443], 0));

    assert_eq!(apply(&["--outside-window"]).0, 0);
    assert_eq!(live(&cloud), [443, 8080]);
    // Where nothing is to be done nothing is refused.
    assert_eq!(apply(&[]).0, 0);

    fs::write(folder.join("rules/web.yaml"), crate::support::rules(&[443])).unwrap();
    watch.says("Plan: 0 to add, 0 to change, 1 to destroy.", 1);
    fs::write(&project, open).unwrap();
    until("the change is made once it may be", || {
        live(&cloud) == [443]
    });
}
