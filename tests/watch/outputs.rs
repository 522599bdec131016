//! What a loop leaves in files, and over which connections it asks.

use std::{
    fs,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use tokio::net::{TcpListener, TcpStream};

use crate::support::{Watch, cloud, rulekeep, until, write_project, write_rules};

#[tokio::test(flavor = "multi_thread")]
async fn every_pass_leaves_its_plan_in_files_also_one_that_comes_to_none() {
    let (cloud, folder) = (cloud().await, tempfile::tempdir().unwrap());
    let folder = folder.path();
    write_project(folder, &cloud, &[443, 8080]);
    let outputs = ["-o", "json=plan.json", "-o", "sarif=plan.sarif"];
    let more = ["--interval", "1h", "-o", "text=plan.txt"];
    let counts = ["-o", "gitlab=counts.json"];
    let _watch = Watch::start(folder, &[&counts[..], &outputs, &more].concat());
    let json = |name: &str| -> serde_json::Value {
        let text = fs::read_to_string(folder.join(name)).unwrap_or_default();
        // Written in one step: it is there as a whole or not at all.
        match text.is_empty() {
            true => serde_json::Value::Null,
            false => serde_json::from_str(&text).expect(&text),
        }
    };
    until("the plan is there", || {
        json("plan.json")["summary"]["add"] == 1
    });
    until("every file is", || folder.join("plan.txt").exists());
    let text = fs::read_to_string(folder.join("plan.txt")).unwrap();
    assert!(text.contains("Plan: 1 to add"), "{text}");
    assert_eq!(json("counts.json")["create"], 1);

    fs::write(
        folder.join("rules/web.yaml"),
        "group: web\nmode: compleet\n",
    )
    .unwrap();
    until("the failure is there", || {
        json("plan.json")["errored"] == true
    });
    let document = json("plan.json");
    assert_eq!(
        document["diagnostics"][0]["places"][0]["file"],
        "rules/web.yaml"
    );
    assert!(document["failure"]["message"].is_string(), "{document}");
    until("in every file", || {
        let text = fs::read_to_string(folder.join("plan.txt")).unwrap();
        text.starts_with("error: 1 error in the files")
    });
    // Numbers cannot say that there are none.
    assert!(!folder.join("counts.json").exists());
    let run = &json("plan.sarif")["runs"][0];
    assert_eq!(run["automationDetails"]["id"], "rulekeep/watch/");
    assert_eq!(run["invocations"][0]["executionSuccessful"], false);

    write_rules(folder, &[443]);
    until("a plan again", || json("plan.json")["errored"] == false);
    assert_eq!(json("plan.json")["summary"]["add"], 0);

    let refused = rulekeep(folder, &["watch", "-o", "json"]).output().unwrap();
    assert_eq!(refused.status.code(), Some(64));
    let error = String::from_utf8(refused.stderr).unwrap();
    assert!(error.contains("give it a file: json=FILE"), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_only_pass_fails_when_an_output_cannot_be_written() {
    let (cloud, folder) = (cloud().await, tempfile::tempdir().unwrap());
    let folder = folder.path();
    write_project(folder, &cloud, &[443]);
    for (output, code) in [("json=plan.json", 0), ("json=nosuch/plan.json", 1)] {
        let ended = rulekeep(folder, &["watch", "--once", "-o", output])
            .output()
            .unwrap();
        assert_eq!(ended.status.code(), Some(code), "{ended:?}");
    }
}

/// Hands connections on to the cloud, and counts them.
async fn counted(to: String) -> (String, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    let count = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&count);
    tokio::spawn(async move {
        while let Ok((mut near, _)) = listener.accept().await {
            counter.fetch_add(1, Ordering::Relaxed);
            let to = to.trim_start_matches("http://").to_owned();
            tokio::spawn(async move {
                let mut far = TcpStream::connect(to).await.unwrap();
                // Whoever hangs up ends it.
                let _ = tokio::io::copy_bidirectional(&mut near, &mut far).await;
            });
        }
    });
    (address, count)
}

#[tokio::test(flavor = "multi_thread")]
async fn passes_share_their_connections() {
    let (cloud, folder) = (cloud().await, tempfile::tempdir().unwrap());
    let folder = folder.path();
    write_project(folder, &cloud, &[443]);
    let (address, count) = counted(cloud.endpoint()).await;
    let file = folder.join("rulekeep.yaml");
    let project = fs::read_to_string(&file).unwrap();
    fs::write(&file, project.replace(&cloud.endpoint(), &address)).unwrap();
    let watch = Watch::start(folder, &["--interval", "1s", "--parallelism", "1"]);
    watch.says("No changes.", 4);
    assert_eq!(count.load(Ordering::Relaxed), 1);
}
