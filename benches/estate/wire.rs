//! Reading calls, beside an HTTP client's own work.

use std::hint::black_box;

use rulekeep::desired::Desired;

use crate::{
    bare::{Client, Ready, about_groups},
    cloud::{Cloud, prepare, runtime},
    cost::{cost, line, median, promise},
    files::load,
    large::Spec,
};

/// Reading and planning without a change, beside an HTTP client that sends the same calls and parses the same JSON: every request signed
/// right before it is sent, as one has to be that the cloud shall take (the yardstick), and all of them signed before the clock starts.
/// `only` measures `bare` or `plan` alone. Returns whether the promise is kept.
pub fn measure(spec: &Spec, rounds: usize, only: Option<&str>) -> bool {
    let folder = tempfile::tempdir().expect("a folder for the run");
    let groups = spec.all();
    let seed = folder.path().join("cloud.json");
    std::fs::write(&seed, spec.seed(0, &groups)).expect("the seed is written");
    let cloud = Cloud::start(&seed);
    let endpoint = cloud.endpoint.as_str();
    spec.write(folder.path(), std::slice::from_ref(&cloud.endpoint))
        .expect("the estate is written");
    let project = folder.path().join("rulekeep.yaml");
    let runtime = runtime();
    let desired = load(&project);
    let lists = spec.list_ids(0);
    let [mut unsigned, mut bare, mut read, mut whole] = [(); 4].map(|()| Vec::new());
    for _ in 0..=rounds {
        if only != Some("plan") {
            let calls: Vec<Ready> = about_groups(spec).map(|call| call.sign(endpoint)).collect();
            unsigned.push(cost(|| runtime.block_on(plain(endpoint, calls.into_iter(), &lists))).1);
            let calls = about_groups(spec).map(|call| call.sign(endpoint));
            bare.push(cost(|| runtime.block_on(plain(endpoint, calls, &lists))).1);
        }
        if only != Some("bare") {
            read.push(cost(|| runtime.block_on(plan(&cloud, &desired))).1);
        }
        if only.is_none() {
            whole.push(
                cost(|| {
                    let desired = load(&project);
                    runtime.block_on(plan(&cloud, &desired));
                })
                .1,
            );
        }
    }
    let [unsigned, bare, read, whole] =
        [unsigned, bare, read, whole].map(|costs| median(costs.get(1..).unwrap_or_default()));
    line(
        "HTTP client and JSON into plain structs (yardstick)",
        bare,
        bare,
    );
    line("the same, signed before the clock starts", unsigned, bare);
    line("with the files", whole, bare);
    if only.is_some() {
        return true;
    }
    let is_kept = promise("find, read and plan", read, bare, 1.3);
    println!(
        "    beside what is signed before the clock starts: {:.2} CPU",
        read.cpu.as_secs_f64() / unsigned.cpu.as_secs_f64()
    );
    is_kept
}

async fn plain(endpoint: &str, calls: impl Iterator<Item = Ready>, lists: &[String]) {
    let all = Client::new(endpoint).read(calls, lists).await;
    let rules = all.iter().map(|group| group.permissions.permission.len());
    black_box(rules.sum::<usize>());
}

async fn plan(cloud: &Cloud, desired: &Desired) {
    let prepared = prepare(desired, &cloud.connected()).await;
    let counts = prepared.plan.counts();
    assert!(counts.is_empty(), "{counts:?}");
}
