//! Writing calls, beside an HTTP client's own work.

use std::{collections::BTreeMap, future, hint::black_box, path::Path};

use rulekeep::{
    apply::{self, Verdict, apply},
    desired::Desired,
    guard::Overrides,
    provider::requests,
};
use serde_json::Value;

use crate::{
    bare::{Call, Client, PARALLELISM, RawAttribute, about_groups},
    cloud::{Cloud, prepare, runtime},
    cost::{cost, line, median},
    files::load,
    large::Spec,
};

/// A rule of a tenth of the groups is missing and another one is too many: plan and apply, beside an HTTP client that sends calls of the same
/// actions: reads every group, adds a rule to those, reads them, takes the other rule away, reads them. Each round is about a cloud that
/// begins anew. The program also keeps undo files, a journal and an audit trail.
pub fn measure(spec: &Spec, rounds: usize) {
    let spec = Spec {
        drifted: 10,
        ..spec.clone()
    };
    let folder = tempfile::tempdir().expect("a folder for the run");
    let groups = spec.all();
    let seed = folder.path().join("cloud.json");
    std::fs::write(&seed, spec.seed(0, &groups)).expect("the seed is written");
    spec.write(folder.path(), &[])
        .expect("the estate is written");
    let desired = load(&folder.path().join("rulekeep.yaml"));
    let lists = spec.list_ids(0);
    let runtime = runtime();
    let [mut bare, mut whole] = [(); 2].map(|()| Vec::new());
    let mut calls = 0;
    for _ in 0..=rounds {
        let cloud = Cloud::start(&seed);
        bare.push(cost(|| runtime.block_on(by_hand(&spec, &cloud, &lists))).1);
        let cloud = Cloud::start(&seed);
        let before = sent();
        whole.push(cost(|| runtime.block_on(program(&desired, &cloud, folder.path()))).1);
        calls = sent() - before;
    }
    let [bare, whole] = [bare, whole].map(|costs| median(&costs[1..]));
    println!(
        "{calls} calls that change {} groups",
        spec.groups.div_ceil(10)
    );
    line(
        "HTTP client, calls of the same actions (yardstick)",
        bare,
        bare,
    );
    line("plan and apply", whole, bare);
}

/// Calls that the program has made so far.
fn sent() -> u64 {
    requests::counts().values().sum()
}

async fn by_hand(spec: &Spec, cloud: &Cloud, lists: &[String]) {
    let client = Client::new(&cloud.endpoint);
    let calls = about_groups(spec).map(|call| call.sign(&cloud.endpoint));
    let all = client.read(calls, lists).await;
    // Group and rule.
    let too_many: BTreeMap<String, String> = all
        .iter()
        .filter_map(|group| {
            let mut rules = group.permissions.permission.iter();
            let rule = rules.find(|rule| rule.description == "by hand")?;
            let id = group.security_group_id.clone();
            Some((id, rule.security_group_rule_id.clone()))
        })
        .collect();
    assert_eq!(too_many.len(), spec.groups.div_ceil(spec.drifted));
    let changed = || too_many.keys();
    let read = || changed().map(|id| Call::about_group(id));
    let adds = changed().map(|id| Call::authorize(id));
    black_box(client.sign_all::<Value>(adds).await);
    black_box(client.sign_all::<RawAttribute>(read()).await);
    let deletes = too_many.iter().map(|(id, rule)| Call::revoke(id, rule));
    black_box(client.sign_all::<Value>(deletes).await);
    black_box(client.sign_all::<RawAttribute>(read()).await);
}

async fn program(desired: &Desired, cloud: &Cloud, root: &Path) {
    let clouds = cloud.connected();
    let prepared = prepare(desired, &clouds).await;
    let approved = prepared.guarded(&Overrides::default());
    let approved = approved.expect("nothing is refused");
    let options = apply::Options {
        parallelism: PARALLELISM,
        ..apply::Options::new(root.to_owned())
    };
    let stop = future::pending();
    let report = apply(&approved, &clouds, &desired.sources, &options, &(), stop).await;
    assert_eq!(report.verdict(), Verdict::Complete);
}
