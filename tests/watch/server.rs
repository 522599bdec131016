//! What the loop answers over HTTP.

use std::{
    collections::BTreeMap,
    fs,
    io::Write as _,
    process::{Command, Stdio},
};

use crate::{
    git::Hub,
    support::{Watch, cloud, faults, live, rulekeep, until, write_project, write_rules},
};

/// Where it answers, as it says itself.
fn endpoint(watch: &Watch) -> String {
    watch.says("answering http://", 1);
    let said = watch.err();
    let from = said.find("http://").unwrap();
    let to = said[from..].find("/healthz").unwrap();
    said[from..from + to].to_owned()
}

fn client() -> reqwest::Client {
    // An error means that it is installed already.
    let _ = rustls::crypto::ring::default_provider().install_default();
    reqwest::Client::builder().no_proxy().build().unwrap()
}

async fn get(url: &str) -> (u16, String) {
    let answer = client().get(url).send().await.unwrap();
    (answer.status().as_u16(), answer.text().await.unwrap())
}

/// The samples of a text, by name with labels.
fn samples(text: &str) -> BTreeMap<&str, f64> {
    let lines = text.lines().filter(|line| !line.starts_with('#'));
    let samples = lines.map(|line| {
        let (name, value) = line.rsplit_once(' ').unwrap();
        (name, value.parse().unwrap())
    });
    samples.collect()
}

/// Reads a text with the parser of Prometheus' own Python client, where there is one.
fn parsed_by_prometheus(text: &str) {
    let python = std::env::var("RULEKEEP_PYTHON").unwrap_or_else(|_| "python3".to_owned());
    let has_parser = Command::new(&python)
        .args(["-c", "import prometheus_client.parser"])
        .stderr(Stdio::null())
        .status();
    if !has_parser.is_ok_and(|status| status.success()) {
        return; // The assertions beside this say the same of the parts that are used.
    }
    let program = "import sys; from prometheus_client.parser import text_string_to_metric_families as f\n\
        found = {m.name: m.type for m in f(sys.stdin.read())}\n\
        assert found == {'rulekeep_group_info': 'gauge', 'rulekeep_drift_rules': 'gauge', 'rulekeep_apply': 'counter', \
        'rulekeep_api_requests': 'counter', 'rulekeep_reconcile_seconds': 'histogram', \
        'rulekeep_last_success_timestamp_seconds': 'gauge'}, found";
    let mut child = Command::new(&python)
        .args(["-c", program])
        .stdin(Stdio::piped())
        .spawn()
        .unwrap();
    let mut input = child.stdin.take().unwrap();
    input.write_all(text.as_bytes()).unwrap();
    drop(input);
    assert!(child.wait().unwrap().success());
}

#[tokio::test(flavor = "multi_thread")]
async fn metrics_and_readiness_follow_the_passes() {
    let (cloud, folder) = (cloud().await, tempfile::tempdir().unwrap());
    let folder = folder.path();
    write_project(folder, &cloud, &[443, 8080]);
    cloud.set_faults(faults(&["error:status=403,code=Forbidden.RAM"]));
    let watch = Watch::start(folder, &["--interval", "1s", "--listen", "0"]);
    let at = endpoint(&watch);
    assert_eq!(get(&format!("{at}/healthz")).await, (200, "ok\n".into()));
    watch.says("could not be read", 1);
    assert_eq!(get(&format!("{at}/readyz")).await.0, 503);
    let metrics = format!("{at}/metrics");
    let (_, text) = get(&metrics).await;
    let found = samples(&text);
    let group = r#"account="test",region="cn-hangzhou",group="web""#;
    let unread = format!(r#"rulekeep_group_info{{{group},mode="",sync_status="unreadable"}}"#);
    assert_eq!(found[&*unread], 1.0, "{text}");
    assert_eq!(found["rulekeep_last_success_timestamp_seconds"], 0.0);
    let refused =
        r#"rulekeep_api_requests_total{action="DescribeSecurityGroups",code="Forbidden.RAM"}"#;
    assert!(found[refused] >= 1.0, "{text}");

    cloud.set_faults(faults(&[]));
    watch.says("Plan: 1 to add", 1);
    until("it is ready", || {
        let ready = tokio::task::block_in_place(|| {
            tokio::runtime::Handle::current().block_on(get(&format!("{at}/readyz")))
        });
        ready.0 == 200
    });
    let answer = client().get(&metrics).send().await.unwrap();
    assert_eq!(
        answer.headers()["content-type"],
        "text/plain; version=0.0.4; charset=utf-8"
    );
    let text = answer.text().await.unwrap();
    parsed_by_prometheus(&text);
    let found = samples(&text);
    let group = r#"account="test",region="cn-hangzhou",group="sg-bp1web000000000000""#;
    let mode = r#"mode="ingress complete, egress unmanaged",sync_status="drifted""#;
    assert_eq!(
        found[&*format!("rulekeep_group_info{{{group},{mode}}}")],
        1.0,
        "{text}"
    );
    let drift = |kind: &str| found[&*format!("rulekeep_drift_rules{{{group},kind=\"{kind}\"}}")];
    assert_eq!(
        ["missing", "different", "live_only"].map(drift),
        [1.0, 0.0, 0.0]
    );
    assert!(found["rulekeep_reconcile_seconds_count"] >= 2.0);
    assert!(found["rulekeep_last_success_timestamp_seconds"] > 1.7e9);
    assert_eq!(found[r#"rulekeep_apply_total{result="complete"}"#], 0.0);

    // Nothing else is there.
    for path in ["/", "/hooks/github", "/debug"] {
        assert_eq!(get(&format!("{at}{path}")).await.0, 404, "{path}");
    }
    assert_eq!(client().post(&metrics).send().await.unwrap().status(), 405);
    for secret in ["testid", "testsecret"] {
        assert!(!text.contains(secret));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn applies_are_counted_by_what_came_of_them() {
    let (cloud, folder) = (cloud().await, tempfile::tempdir().unwrap());
    let folder = folder.path();
    write_project(folder, &cloud, &[443, 8080]);
    let arguments = ["--apply", "--interval", "1h", "--listen", "127.0.0.1:0"];
    let watch = Watch::start(folder, &arguments);
    let at = endpoint(&watch);
    watch.says("Apply complete!", 1);
    write_rules(folder, &[443]);
    watch.says("Apply complete!", 2);
    fs::write(
        folder.join("rules/web.yaml"),
        "group: web\nmode: complete\ningress: []\n",
    )
    .unwrap();
    watch.says("the guard refused", 1);
    until("it is counted", || {
        let (_, text) = tokio::task::block_in_place(|| {
            tokio::runtime::Handle::current().block_on(get(&format!("{at}/metrics")))
        });
        let found = samples(&text);
        let applies =
            |result: &str| found[&*format!("rulekeep_apply_total{{result=\"{result}\"}}")];
        ["complete", "refused", "failed"].map(applies) == [2.0, 1.0, 0.0]
            && text.contains(r#"sync_status="refused""#)
    });
}

#[tokio::test(flavor = "multi_thread")]
async fn a_genuine_webhook_wakes_and_others_do_not() {
    const SECRET: &str = "0123456789abcdef-of-this-test";
    let cloud = cloud().await;
    let hub = Hub::new(&cloud, &[443]);
    let secret = hub.path("secret");
    fs::write(&secret, format!("{SECRET}\n")).unwrap();
    let secret_file = secret.to_str().unwrap();
    let more = [
        "--interval",
        "1h",
        "--git-interval",
        "1h",
        "--listen",
        "0",
        "-vv",
        "--webhook-secret-file",
        secret_file,
    ];
    let watch = hub.watch(&more);
    let at = endpoint(&watch);
    watch.says("No changes.", 1);
    hub.push_ports(&[443, 8080]);
    let send = async |token: &str, branch: &str| {
        let body = format!(r#"{{"object_kind":"push","ref":"refs/heads/{branch}"}}"#);
        let request = client().post(format!("{at}/hooks/gitlab")).body(body);
        let request = request.header("X-Gitlab-Token", token);
        let answer = request.header("X-Gitlab-Event", "Push Hook").send();
        answer.await.unwrap().status().as_u16()
    };
    assert_eq!(send("guessed-guessed-guessed", "main").await, 401);
    assert_eq!(send(SECRET, "other").await, 200);
    assert_eq!(live(&cloud), [443]);
    // The first fetch, of which the hook before knows nothing.
    assert_eq!(watch.err().matches("fetched commit").count(), 1);
    assert_eq!(send(SECRET, "main").await, 202);
    until("the push is applied", || live(&cloud) == [443, 8080]);

    let large = vec![b' '; 3 << 20];
    let request = client().post(format!("{at}/hooks/github")).body(large);
    // The answer may come while the body is still on its way, which some clients take for a broken connection.
    if let Ok(answer) = request.send().await {
        assert_eq!(answer.status(), 413);
    }
    assert_eq!(send(SECRET, "other").await, 200);
    let all = format!("{}{}", watch.out(), watch.err());
    assert!(all.contains("a webhook came"), "{all}");
    assert!(!all.contains(SECRET), "{all}");
}

#[test]
fn a_short_secret_is_refused_and_not_repeated() {
    let folder = tempfile::tempdir().unwrap();
    let work = folder.path().join("work");
    let arguments = [
        "watch",
        "--git",
        "/nowhere",
        "--work-dir",
        work.to_str().unwrap(),
        "--listen",
        "0",
    ];
    let mut command = rulekeep(folder.path(), &arguments);
    let output = command
        .env("RULEKEEP_WEBHOOK_SECRET", "hunter2")
        .output()
        .unwrap();
    let error = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(64), "{error}");
    assert!(
        error.contains("shorter than 16 characters") && !error.contains("hunter2"),
        "{error}"
    );
}
