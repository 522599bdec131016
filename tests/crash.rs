//! The binary, killed after every call that it makes: every state on the way keeps the ordering promise, and the next
//! apply or undo comes to its end. Long runs by `RULEKEEP_CRASH_PLANS`.

#[path = "common/estate.rs"]
mod estate;
#[path = "common/packets.rs"]
mod packets;

use std::{
    collections::BTreeMap,
    process::Child,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use axum::{
    Router,
    body::Bytes,
    extract::State,
    http::{HeaderMap, StatusCode, Uri},
    response::IntoResponse,
};
use estate::{Cloud, Estate};
use packets::{admits, packets};
use rulekeep::model::Rule;
use tokio::sync::Notify;

/// Stands between the binary and the cloud, and stops answering at a call.
#[derive(Clone)]
struct Gate(Arc<Inner>);

struct Inner {
    cloud: String,
    client: reqwest::Client,
    /// The write that gets no answer, from 0.
    stop_at: usize,
    /// Whether the cloud still sees it.
    passes: bool,
    writes: AtomicUsize,
    stopped: Notify,
}

impl Gate {
    /// Listens, and says where.
    async fn start(cloud: &Cloud, stop_at: usize, passes: bool) -> (Self, String) {
        let gate = Self(Arc::new(Inner {
            cloud: cloud.endpoint(),
            client: reqwest::Client::builder().no_proxy().build().unwrap(),
            stop_at,
            passes,
            writes: AtomicUsize::new(0),
            stopped: Notify::new(),
        }));
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let endpoint = format!("http://{}", listener.local_addr().unwrap());
        let app = Router::new().fallback(pass).with_state(gate.clone());
        tokio::spawn(async { axum::serve(listener, app).await.unwrap() });
        (gate, endpoint)
    }

    fn writes(&self) -> usize {
        self.0.writes.load(Ordering::SeqCst)
    }
}

async fn pass(
    State(Gate(gate)): State<Gate>,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> impl IntoResponse {
    let action = headers["x-acs-action"].to_str().unwrap();
    let is_write = !action.starts_with("Describe");
    let number = match is_write {
        true => gate.writes.fetch_add(1, Ordering::SeqCst),
        false => 0,
    };
    let ends = is_write && number >= gate.stop_at;
    let mut answer = (StatusCode::OK, Bytes::new());
    if !ends || (gate.passes && number == gate.stop_at) {
        // The signature covers the host that the binary has called.
        let sent = gate
            .client
            .post(format!("{}{uri}", gate.cloud))
            .headers(headers)
            .body(body)
            .send()
            .await
            .unwrap();
        answer = (sent.status(), sent.bytes().await.unwrap());
    }
    if ends {
        gate.stopped.notify_one();
        std::future::pending::<()>().await;
    }
    answer
}

/// Verdicts on every packet, on interfaces in each group alone and in all of them.
fn verdicts(state: &BTreeMap<String, Vec<Rule>>) -> Vec<bool> {
    let mut interfaces: Vec<Vec<&String>> = state.keys().map(|group| vec![group]).collect();
    interfaces.push(state.keys().collect());
    let packets = packets();
    let mut verdicts = Vec::new();
    for groups in interfaces {
        for packet in &packets {
            verdicts.push(admits(
                groups.iter().flat_map(|group| &state[*group]),
                packet,
            ));
        }
    }
    verdicts
}

/// The cloud cannot clear a description: takes those away that rules without one were given; whether there were any.
fn forget_descriptions(
    end: &mut BTreeMap<String, Vec<Rule>>,
    before: &BTreeMap<String, Vec<Rule>>,
) -> bool {
    let mut any = false;
    for (group, rules) in end {
        for rule in rules.iter_mut().filter(|rule| rule.description.is_some()) {
            let mut old = before[group].iter().filter(|old| old.is_same_rule(rule));
            if old.any(|old| old.description.is_none()) {
                rule.description = None;
                any = true;
            }
        }
    }
    any
}

async fn ended(mut child: Child) -> Option<i32> {
    tokio::task::spawn_blocking(move || child.wait().unwrap().code())
        .await
        .unwrap()
}

/// Runs until the gate stops, then kills; `None`: it came to its end before.
async fn killed(mut child: Child, gate: &Gate) -> Option<()> {
    loop {
        tokio::select! {
            () = gate.0.stopped.notified() => {
                child.kill().unwrap();
                child.wait().unwrap();
                return Some(());
            }
            () = tokio::time::sleep(Duration::from_millis(5)) => {
                if let Some(status) = child.try_wait().unwrap() {
                    assert_eq!(status.code(), Some(0), "{}", gate.writes());
                    return None;
                }
            }
        }
    }
}

async fn crash_everywhere(seed: u64) -> bool {
    let estate = Estate::random(seed);
    let cloud = estate.cloud().await;
    let before = cloud.rules(&estate).await;
    let (gate, endpoint) = Gate::start(&cloud, usize::MAX, false).await;
    let project = estate.project(&endpoint);
    match ended(project.spawn(&["apply", "--yes"])).await {
        Some(0) => {}
        Some(4) => return false, // There is no safe order.
        other => panic!("seed {seed}: {other:?}\n{}", project.said()),
    }
    let after = cloud.rules(&estate).await;
    let writes = gate.writes();
    let (first, last) = (verdicts(&before), verdicts(&after));
    for (stop_at, passes) in (0..writes).flat_map(|at| [(at, false), (at, true)]) {
        let cloud = estate.cloud().await;
        let (gate, endpoint) = Gate::start(&cloud, stop_at, passes).await;
        let project = estate.project(&endpoint);
        let child = project.spawn(&["apply", "--yes"]);
        killed(child, &gate)
            .await
            .expect("it makes as many calls as before");
        let place = format!("seed {seed}, killed at {stop_at} of {writes}, passes: {passes}");

        let between = cloud.rules(&estate).await;
        for ((now, first), last) in verdicts(&between).iter().zip(&first).zip(&last) {
            assert!(
                first != last || now == first,
                "{place}: a packet's verdict has changed"
            );
        }

        let (_gate, endpoint) = Gate::start(&cloud, usize::MAX, false).await;
        project.rewrite(&estate, &endpoint);
        let undo = stop_at % 2 == 1;
        let arguments = if undo {
            ["undo", "--yes"]
        } else {
            ["apply", "--yes"]
        };
        let code = ended(project.spawn(&arguments)).await;
        assert_eq!(code, Some(0), "{place}\n{}", project.said());
        let mut end = cloud.rules(&estate).await;
        if undo && forget_descriptions(&mut end, &before) {
            assert!(
                project.said().contains("keeps the description"),
                "{}",
                project.said()
            );
        }
        assert_eq!(&end, if undo { &before } else { &after }, "{place}");
        if !undo {
            assert!(
                project.said().contains("has no end in its journal"),
                "{}",
                project.said()
            );
        }
    }
    true
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_at_any_call_the_promise_holds_and_the_next_run_comes_to_its_end() {
    let plans = std::env::var("RULEKEEP_CRASH_PLANS").ok();
    let plans: u64 = plans.map_or(2, |plans| plans.parse().unwrap());
    let mut crashed = 0;
    for seed in 0.. {
        if crashed == plans {
            break;
        }
        crashed += u64::from(crash_everywhere(seed).await);
    }
}
