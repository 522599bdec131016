//! The question before an apply, on a terminal that util-linux's `script` provides.
#![cfg(target_os = "linux")]

#[path = "common/estate.rs"]
mod estate;
#[path = "common/terminal.rs"]
mod terminal;

use std::io::Write as _;

use estate::Estate;
use terminal::until;

/// The process that holds the lock of a project.
fn pid_of(project: &estate::Project) -> u64 {
    let file = project.folder.path().join(".rulekeep/apply.lock");
    let holder: serde_json::Value = serde_json::from_slice(&std::fs::read(file).unwrap()).unwrap();
    holder["pid"].as_u64().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_yes_to_a_plan_that_is_no_longer_right_changes_nothing() {
    let estate = Estate::random(0);
    let cloud = estate.cloud().await;
    let project = estate.project(&cloud.endpoint());
    let (mut asking, mut out) = terminal::asked(project.folder.path(), "apply");
    // While the question stands somebody else applies, from another checkout: in this one it is not their turn.
    let mut second = project.spawn(&["apply", "--yes"]);
    assert_eq!(second.wait().unwrap().code(), Some(1));
    let refused = format!("(process {})", pid_of(&project));
    assert!(project.said().contains(&refused), "{}", project.said());
    let elsewhere = estate.project(&cloud.endpoint());
    let mut other = elsewhere.spawn(&["apply", "--yes"]);
    assert!(other.wait().unwrap().success(), "{}", elsewhere.said());
    let rules = cloud.rules(&estate).await;
    let calls = cloud.emulator.calls().len();
    asking.stdin.take().unwrap().write_all(b"yes\n").unwrap();
    let said = until(&mut out, "nothing was changed");
    assert!(
        said.contains("something has moved since the plan was shown"),
        "{said}"
    );
    assert_eq!(asking.wait().unwrap().code(), Some(5));
    assert_eq!(cloud.rules(&estate).await, rules);
    let later = &cloud.emulator.calls()[calls..];
    assert!(later.iter().all(|call| call.action.starts_with("Describe")));
}
