//! Applies that nobody confirmed.

use std::path::Path;

use crate::support::{Watch, cloud, live, rulekeep, until, write_project, write_rules, writes};

/// Applies, and is killed while it waits to be confirmed.
fn killed_while_it_waits(folder: &Path, within: &str) {
    let arguments = ["apply", "--yes", "--confirm-within", within];
    let mut apply = Watch::spawn(rulekeep(folder, &arguments));
    apply.says("Run `rulekeep confirm", 1);
    apply.signal("-KILL");
    apply.ended();
}

/// One pass: its exit code and what it says.
fn once(folder: &Path) -> (i32, String) {
    let arguments = ["watch", "--once", "--apply"];
    let output = rulekeep(folder, &arguments).output().unwrap();
    let text = [output.stdout, output.stderr].concat();
    (
        output.status.code().unwrap(),
        String::from_utf8(text).unwrap(),
    )
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_overdue_is_taken_back_once_and_not_made_again_until_the_files_change() {
    let (cloud, folder) = (cloud().await, tempfile::tempdir().unwrap());
    let folder = folder.path();
    write_project(folder, &cloud, &[443, 8080]);
    killed_while_it_waits(folder, "1s");
    assert_eq!(live(&cloud), [443, 8080]);

    let watch = Watch::start(folder, &["--apply", "--interval", "1s"]);
    watch.says("as before: nobody confirmed apply", 2);
    assert!(watch.err().contains("makes its changes to web again"));
    assert_eq!(live(&cloud), [443]);
    assert_eq!(writes(&cloud), 2, "the apply, and its undo");
    // Another process knows of it as well.
    drop(watch);
    let (code, text) = once(folder);
    assert_eq!((code, writes(&cloud)), (4, 2), "{text}");

    let watch = Watch::start(folder, &["--apply", "--interval", "1s"]);
    write_rules(folder, &[443, 9090]);
    until("other files are applied", || live(&cloud) == [443, 9090]);
    write_rules(folder, &[443, 8080, 9090]);
    watch.says("nobody confirmed apply", 2);
    assert_eq!(live(&cloud), [443, 9090]);
    drop(watch);

    let by_hand = rulekeep(folder, &["apply", "--yes"]).output().unwrap();
    assert!(by_hand.status.success(), "{by_hand:?}");
    write_rules(folder, &[443]);
    assert_eq!(once(folder).0, 0);
    write_rules(folder, &[443, 8080]);
    let (code, text) = once(folder);
    assert_eq!(code, 0, "somebody has insisted: {text}");
    assert_eq!(live(&cloud), [443, 8080]);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_apply_itself_took_back_is_not_made_again() {
    let (cloud, folder) = (cloud().await, tempfile::tempdir().unwrap());
    let folder = folder.path();
    write_project(folder, &cloud, &[443, 8080]);
    let arguments = ["apply", "--yes", "--confirm-within", "1s"];
    let apply = rulekeep(folder, &arguments).output().unwrap();
    assert_eq!(apply.status.code(), Some(1), "{apply:?}");
    let (code, text) = once(folder);
    assert_eq!(code, 4, "{text}");
    assert!(text.contains("nobody confirmed apply"), "{text}");
    assert_eq!((live(&cloud), writes(&cloud)), (vec![443], 2));
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_built_on_an_apply_that_can_still_be_confirmed() {
    let (cloud, folder) = (cloud().await, tempfile::tempdir().unwrap());
    let folder = folder.path();
    write_project(folder, &cloud, &[443, 8080]);
    killed_while_it_waits(folder, "1h");
    write_rules(folder, &[443, 8080, 9090]);
    let (code, text) = once(folder);
    assert_eq!(code, 4, "{text}");
    assert!(text.contains("waits for `rulekeep confirm "), "{text}");
    assert_eq!(live(&cloud), [443, 8080]);

    let confirm = rulekeep(folder, &["confirm"]).output().unwrap();
    assert!(confirm.status.success(), "{confirm:?}");
    let (code, text) = once(folder);
    assert_eq!(code, 0, "{text}");
    assert_eq!(live(&cloud), [443, 8080, 9090]);
}
