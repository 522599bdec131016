//! Applying leaves nothing to plan, over random estates of both modes against the embedded cloud.

use std::sync::atomic::{AtomicU32, Ordering};

use proptest::prelude::*;
use rulekeep::{
    guard::{Overrides, Reason},
    reconcile::NotApproved,
};
use serde_json::Value;

use super::{
    estate::{Estate, estate},
    support::{Cloud, as_text, block_on, cases, load},
    yaml::{Reach, Shuffle},
};

/// Rules of priority 110 in a group of the state file.
fn system_rules(state: &Value, id: &str) -> usize {
    let groups = state["security_groups"].as_array().unwrap();
    let group = groups.iter().find(|group| group["id"] == id).unwrap();
    let rules = group["rules"].as_array().unwrap();
    let is_system = |rule: &&Value| {
        let priority = &rule["Priority"];
        priority
            .as_u64()
            .or_else(|| priority.as_str()?.parse().ok())
            > Some(100)
    };
    rules.iter().filter(is_system).count()
}

/// Whether the estate could be applied; some random changes have no safe order, which the guard says.
async fn converges(estate: &Estate) -> bool {
    let cloud = Cloud::start(&estate.seed()).await;
    let files = estate.files(&mut Shuffle(None), Reach::All);
    let files: Vec<(&str, &str)> = files
        .iter()
        .map(|(path, text)| (&**path, &**text))
        .collect();
    let desired = load(&files);

    let prepared = cloud.prepare(&desired, 16).await;
    let planned = as_text(&prepared);
    if let Err(NotApproved::Refused(refusals)) = prepared.guarded(&Overrides::default()) {
        for refusal in refusals {
            assert!(
                matches!(refusal.reason, Reason::Interruption | Reason::Opening),
                "{refusal:?}\n{planned}"
            );
        }
        return false;
    }
    cloud.calls();
    cloud.apply(&desired).await;
    let calls = cloud.calls();
    let writes = calls
        .iter()
        .filter(|(action, _)| !action.starts_with("Describe"));
    let writes: usize = writes.map(|(_, count)| count).sum();
    assert_eq!(
        writes,
        prepared.plan.counts().calls,
        "{calls:?} of\n{planned}"
    );

    let again = cloud.prepare(&desired, 16).await;
    assert!(
        again.plan.counts().is_empty(),
        "planned:\n{planned}\nand then:\n{}",
        as_text(&again)
    );
    cloud.apply(&desired).await;
    let writes: Vec<String> = cloud
        .calls()
        .into_keys()
        .filter(|action| !action.starts_with("Describe"))
        .collect();
    assert_eq!(writes, [""; 0], "a second apply writes nothing");

    for (id, count) in estate.system_rules() {
        let kept = system_rules(&cloud.state(), id);
        assert!(
            kept <= count,
            "{id} has {kept} rules of priority 110, it had {count}"
        );
    }
    true
}

static APPLIED: AtomicU32 = AtomicU32::new(0);

#[test]
fn after_an_apply_nothing_is_left_to_plan() {
    let count = cases(48);
    let config = ProptestConfig {
        failure_persistence: None,
        max_shrink_iters: 300,
        ..ProptestConfig::with_cases(count)
    };
    proptest!(config, |(estate in estate())| {
        if block_on(converges(&estate)) {
            APPLIED.fetch_add(1, Ordering::Relaxed);
        }
    });
    let applied = APPLIED.load(Ordering::Relaxed);
    assert!(
        applied * 2 > count,
        "only {applied} of {count} estates could be applied"
    );
}
