//! Files and the timer.

use std::fs;

use rulekeep::emulator::EmulatorHandle;

use crate::support::{
    Watch, cloud, faults, live, rulekeep, until, write_project, write_rules, writes,
};

#[tokio::test(flavor = "multi_thread")]
async fn a_saved_file_is_planned_and_nothing_is_changed() {
    let (cloud, folder) = (cloud().await, tempfile::tempdir().unwrap());
    let folder = folder.path();
    write_project(folder, &cloud, &[443]);
    let mut watch = Watch::start(folder, &["--interval", "1h"]);
    watch.says("No changes.", 1);

    write_rules(folder, &[443, 8080]);
    watch.says("Plan: 1 to add, 0 to change, 0 to destroy.", 1);
    assert!(watch.out().contains("tcp/8080"));

    fs::write(
        folder.join("rules/web.yaml"),
        "group: web\nmode: compleet\n",
    )
    .unwrap();
    watch.says("is no value of `mode`", 1);
    watch.says("in the files; nothing was changed", 1);

    // An editor's way: a new file in place of the old one.
    let new = folder.join("rules/.web.yaml.new");
    fs::write(&new, crate::support::rules(&[443, 8080, 9090])).unwrap();
    fs::rename(&new, folder.join("rules/web.yaml")).unwrap();
    watch.says("Plan: 2 to add, 0 to change, 0 to destroy.", 1);

    assert_eq!(writes(&cloud), 0);
    watch.signal("-TERM");
    assert_eq!(watch.ended(), 0, "{}", watch.err());
}

#[tokio::test(flavor = "multi_thread")]
async fn the_timer_shows_a_plan_once_and_then_says_that_it_is_as_before() {
    let (cloud, folder) = (cloud().await, tempfile::tempdir().unwrap());
    let folder = folder.path();
    write_project(folder, &cloud, &[443, 8080]);
    let watch = Watch::start(folder, &["--interval", "1s"]);
    watch.says(
        "As before: 1 to add, 0 to change, 0 to destroy. (1 group",
        2,
    );
    assert_eq!(watch.out().matches("Plan: 1 to add").count(), 1);
    assert_eq!(writes(&cloud), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn with_apply_the_cloud_follows_the_files_and_foreign_changes_are_taken_back() {
    let (cloud, folder) = (cloud().await, tempfile::tempdir().unwrap());
    let folder = folder.path();
    write_project(folder, &cloud, &[443, 8080]);
    let watch = Watch::start(folder, &["--apply", "--interval", "2s"]);
    watch.says(
        "Apply complete! Resources: 1 added, 0 changed, 0 destroyed.",
        1,
    );
    assert_eq!(live(&cloud), [443, 8080]);

    write_rules(folder, &[443]);
    until("the rule is gone", || live(&cloud) == [443]);
    watch.says("No changes.", 2);

    // Somebody else adds a rule; nothing wakes the loop but its timer.
    let elsewhere = tempfile::tempdir().unwrap();
    write_project(elsewhere.path(), &cloud, &[443, 22]);
    let other = rulekeep(elsewhere.path(), &["apply", "--yes"])
        .output()
        .unwrap();
    assert!(other.status.success(), "{other:?}");
    until("the foreign rule is gone", || live(&cloud) == [443]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refusal_of_the_guard_is_told_and_the_loop_goes_on() {
    let (cloud, folder) = (cloud().await, tempfile::tempdir().unwrap());
    let folder = folder.path();
    write_project(folder, &cloud, &[443]);
    let watch = Watch::start(folder, &["--apply", "--interval", "1h"]);
    watch.says("No changes.", 1);
    fs::write(
        folder.join("rules/web.yaml"),
        "group: web\nmode: complete\ningress: []\n",
    )
    .unwrap();
    watch.says(
        "the guard refused the plan for 1 reason; nothing was changed",
        1,
    );
    watch.says("emptied", 1);
    assert_eq!((live(&cloud), writes(&cloud)), (vec![443], 0));

    write_rules(folder, &[443, 8443]);
    until("the next state is applied", || live(&cloud) == [443, 8443]);
}

#[tokio::test(flavor = "multi_thread")]
async fn failures_of_the_cloud_are_told_once_and_tried_again() {
    let (cloud, folder) = (cloud().await, tempfile::tempdir().unwrap());
    let folder = folder.path();
    write_project(folder, &cloud, &[443, 8080]);
    cloud.set_faults(faults(&["error:status=403,code=Forbidden.RAM"]));
    let watch = Watch::start(folder, &["--apply", "--interval", "1s"]);
    watch.says("could not be read; nothing was changed", 1);
    watch.says("as before: 1 group could not be read", 1);
    cloud.set_faults(faults(&[]));
    until("it is applied after all", || live(&cloud) == [443, 8080]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stop_during_an_apply_finishes_the_call_in_flight() {
    let (cloud, folder) = (cloud().await, tempfile::tempdir().unwrap());
    let folder = folder.path();
    // An add, and then a delete.
    write_project(folder, &cloud, &[]);
    fs::write(
        folder.join("rules/web.yaml"),
        "group: web\nmode: complete\ningress:\n  - { protocol: udp, ports: 53, from: 10.0.0.0/8 }\n",
    )
    .unwrap();
    cloud.set_faults(faults(&[
        "latency:min_ms=2000,max_ms=2000,action=Authorize*",
    ]));
    let mut watch = Watch::start(folder, &["--apply", "--interval", "1h"]);
    until("the add is on its way", || live(&cloud) == [53, 443]);
    watch.signal("-TERM");
    assert_eq!(watch.ended(), 6, "{}", watch.err());
    assert!(watch.err().contains("stopping after the calls in flight"));
    assert!(watch.out().contains("interrupted"), "{}", watch.out());
    assert_eq!(live(&cloud), [53, 443]);
    // Its journal has an end: nothing was killed.
    let history = rulekeep(folder, &["history"]).output().unwrap();
    let history = String::from_utf8(history.stdout).unwrap();
    assert!(history.contains("interrupted"), "{history}");
}

#[tokio::test(flavor = "multi_thread")]
async fn once_is_one_pass_and_its_exit_code_says_what_came_of_it() {
    let (cloud, folder) = (cloud().await, tempfile::tempdir().unwrap());
    let folder = folder.path();
    write_project(folder, &cloud, &[443, 8080]);
    let once = |arguments: &[&str]| {
        let output = rulekeep(folder, &[&["watch", "--once"], arguments].concat())
            .output()
            .unwrap();
        output.status.code().unwrap()
    };
    assert_eq!((once(&[]), writes(&cloud)), (0, 0));
    assert_eq!((once(&["--apply"]), live(&cloud)), (0, vec![443, 8080]));
    fs::write(
        folder.join("rules/web.yaml"),
        "group: web\nmode: complete\ningress: []\n",
    )
    .unwrap();
    assert_eq!(once(&["--apply"]), 4);
    fs::write(folder.join("rules/web.yaml"), "group: web\n").unwrap();
    assert_eq!(once(&["--apply"]), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn two_loops_on_one_estate_do_no_harm() {
    let (cloud, folders) = (
        cloud().await,
        [(); 2].map(|()| tempfile::tempdir().unwrap()),
    );
    cloud.set_faults(faults(&["latency:min_ms=0,max_ms=50"]));
    for folder in &folders {
        write_project(folder.path(), &cloud, &[443]);
    }
    let watches =
        [0, 1].map(|at| Watch::start(folders[at].path(), &["--apply", "--interval", "1s"]));
    let id_of_443 = |cloud: &EmulatorHandle| {
        let state: serde_json::Value = serde_json::from_str(&cloud.engine().state_text()).unwrap();
        let rules = state["security_groups"][0]["rules"].as_array().unwrap();
        let rule = rules.iter().find(|rule| rule["PortRange"] == "443/443");
        rule.unwrap()["SecurityGroupRuleId"]
            .as_str()
            .unwrap()
            .to_owned()
    };
    let first = id_of_443(&cloud);
    for ports in [
        &[443, 22, 80][..],
        &[443, 80],
        &[443, 8000, 8001, 8002],
        &[443],
    ] {
        for folder in &folders {
            write_rules(folder.path(), ports);
        }
        let mut ports = ports.to_vec();
        ports.sort_unstable();
        until("both have come to the same", || live(&cloud) == ports);
        // Both see it: from then on neither has anything to do.
        let seen = |watch: &Watch| watch.out().matches("No changes.").count();
        let before = [0, 1].map(|at| seen(&watches[at]));
        until("both see it", || {
            [0, 1]
                .iter()
                .all(|at| seen(&watches[*at]) > before[*at] + 1)
        });
        let quiet = writes(&cloud);
        let before = [0, 1].map(|at| seen(&watches[at]));
        until("both look again", || {
            [0, 1]
                .iter()
                .all(|at| seen(&watches[*at]) > before[*at] + 1)
        });
        assert_eq!((writes(&cloud), live(&cloud)), (quiet, ports));
    }
    // 443 is in every state: it was never deleted.
    assert_eq!(id_of_443(&cloud), first);
}
