//! Many changes against a cloud that throttles, breaks connections and shows writes late.
//!
//! `RULEKEEP_FULL_RATE` runs the rate test at its full size: two minutes.

#[path = "common/client.rs"]
mod client;

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Write as _,
    path::Path,
    time::{Duration, Instant},
};

use client::client;
use rulekeep::{
    apply::{self, Report, Verdict, Wait},
    clouds::Clouds,
    desired::{Desired, SourceFile, load_files},
    emulator::{
        CallRecord, Config, Effect, Emulator, EmulatorHandle, Fault, Faults, Intrusion, Seed,
    },
    guard::Overrides,
    model::AccountName,
    plan::Plan,
    provider::alibaba::{Alibaba, RetryPolicy, Settings},
    reconcile::{self, Selection},
};

const PROJECT: &str = "rules: rules/
accounts:
  test: { endpoint: \"http://127.0.0.1:1\" }
defaults: { account: test, region: cn-hangzhou }
guard:
  max_deletes: { percent: 100, from: 10 }
  max_changes: { percent: 100, from: 10 }
";

fn id(group: usize) -> String {
    format!("sg-bp1faults{group:05}00000000")
}

/// What a group has and shall have: its ports, each with a description.
type Ports = BTreeMap<usize, &'static str>;

struct World {
    emulator: EmulatorHandle,
    clouds: Clouds<Alibaba>,
    desired: Desired,
    folder: tempfile::TempDir,
}

impl World {
    /// Groups with old and new ports, and one more that nobody declares.
    async fn new(
        groups: &[(Ports, Ports)],
        faults: Faults,
        retry: RetryPolicy,
        parallelism: usize,
    ) -> Self {
        let rules = |ports: &Ports| -> Vec<_> {
            let rule = |(port, description): (&usize, &&str)| {
                serde_json::json!({
                    "IpProtocol": "TCP", "PortRange": format!("{port}/{port}"),
                    "SourceCidrIp": "10.0.0.0/8", "Description": description,
                })
            };
            ports.iter().map(rule).collect()
        };
        let other = Ports::from([(1, "not ours")]);
        let live = groups.iter().map(|(old, _)| old).chain([&other]);
        let seed = live.enumerate().map(|(number, ports)| {
            serde_json::json!({
                "id": id(number), "name": id(number), "description": "",
                "vpc": "vpc-bp1faults00000000000", "rules": rules(ports),
            })
        });
        let seed = serde_json::json!({
            "version": 1, "owner": "1234567890123456",
            "security_groups": seed.collect::<Vec<_>>(),
        });
        let emulator = Emulator::start(Config {
            seed: Some(Seed::Text(seed.to_string())),
            faults,
            ..Config::default()
        })
        .await
        .unwrap();
        let provider = client(emulator.endpoint(), |settings| Settings {
            parallelism,
            retry,
            ..settings
        });
        let files = groups.iter().enumerate().map(|(number, (_, new))| {
            let mut text = format!("group: {}\nmode: complete\nallow_empty: true\ningress:\n", id(number));
            for (port, description) in new {
                let line = format!("{{ protocol: tcp, ports: {port}, from: 10.0.0.0/8, description: {description} }}");
                writeln!(text, "  - {line}").unwrap();
            }
            SourceFile::new(format!("rules/{number}.yaml"), text)
        });
        let project = SourceFile::new("rulekeep.yaml", PROJECT);
        let loaded = load_files(Path::new("."), project, files.collect());
        let (desired, _) = loaded.unwrap_or_else(|error| panic!("{:?}", error.diagnostics));
        Self {
            emulator,
            clouds: Clouds::from_iter([(AccountName::new("test"), provider)]),
            desired,
            folder: tempfile::tempdir().unwrap(),
        }
    }

    /// Plans and applies; the plan, the report, and how long the apply took.
    async fn apply(&self, parallelism: usize, wait: Wait) -> (Plan, Report, Duration) {
        let options = reconcile::Options { parallelism };
        let at = jiff::Timestamp::now();
        let all = Selection::default();
        let prepared = reconcile::prepare(&self.desired, &all, &self.clouds, at, &options, &())
            .await
            .unwrap();
        let approved = prepared.guarded(&Overrides::default()).unwrap();
        let options = apply::Options {
            parallelism,
            wait,
            ..apply::Options::new(self.folder.path().to_owned())
        };
        self.emulator.forget_calls();
        let begin = Instant::now();
        let never = std::future::pending();
        let sources = &self.desired.sources;
        let report = apply::apply(&approved, &self.clouds, sources, &options, &(), never).await;
        let took = begin.elapsed();
        (prepared.plan, report, took)
    }

    fn writes(&self) -> Vec<CallRecord> {
        let mut calls = self.emulator.calls();
        calls.retain(|call| !call.action.starts_with("Describe"));
        calls
    }
}

/// A tenth of a second stands for ten.
fn quick() -> RetryPolicy {
    RetryPolicy {
        attempts: 12,
        base: Duration::from_millis(5),
        cap: Duration::from_millis(200),
        patience: Duration::from_secs(5),
        ..RetryPolicy::default()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_thousand_changes_survive_everything_that_goes_wrong() {
    let faults = Faults::new(11)
        .with(Fault::new(Effect::throttle()).rate(0.2))
        .with(Fault::new(Effect::reset_before()).rate(0.05))
        .with(Fault::new(Effect::reset_after()).rate(0.05))
        .with(Fault::new(Effect::error(503, "ServiceUnavailable")).rate(0.05))
        .with(
            Fault::new(Effect::partial())
                .on("AuthorizeSecurityGroup*")
                .rate(0.1),
        )
        .with(
            Fault::new(Effect::partial())
                .on("RevokeSecurityGroup*")
                .rate(0.1),
        )
        .with(
            Fault::new(Effect::stale(200))
                .on("DescribeSecurityGroupAttribute")
                .rate(0.5),
        );
    // One half of the groups gains twenty rules; the other half loses fifteen and changes the descriptions of five.
    let ports = |range: std::ops::RangeInclusive<usize>, description| -> Ports {
        range.map(|port| (port, description)).collect()
    };
    let gains = (ports(1..=5, "old"), ports(1..=25, "old"));
    let loses = (ports(1..=20, "old"), ports(16..=20, "new"));
    let groups: Vec<_> = [gains, loses].into_iter().cycle().take(50).collect();
    let world = World::new(&groups, faults, quick(), 10).await;
    let wait = Wait {
        total: Duration::from_secs(5),
        pause: Duration::from_millis(20),
    };
    let (plan, report, _) = world.apply(10, wait).await;
    let counts = plan.counts();
    assert_eq!(counts.add + counts.change + counts.destroy, 1000);
    let failed: Vec<_> = report
        .groups
        .iter()
        .filter(|group| group.outcome != apply::GroupOutcome::Done)
        .collect();
    assert_eq!(report.verdict(), Verdict::Complete, "{failed:#?}");

    // Nothing twice, nothing lost, nothing elsewhere.
    let writes = world.writes();
    let sum = |count: fn(&CallRecord) -> usize| writes.iter().map(count).sum::<usize>();
    assert_eq!(sum(|call| call.effect.added), counts.add);
    assert_eq!(sum(|call| call.effect.modified), counts.change);
    assert_eq!(sum(|call| call.effect.removed), counts.destroy);
    assert_eq!(sum(|call| call.effect.others), 0);
    let planned: BTreeSet<String> = (0..50).map(id).collect();
    let touched: BTreeSet<String> = writes
        .iter()
        .filter_map(|call| call.group.clone())
        .collect();
    assert_eq!(touched, planned);

    world.emulator.set_faults(Faults::default());
    let (plan, ..) = world.apply(10, wait).await;
    assert!(plan.counts().is_empty(), "{:?}", plan.counts());

    // One line per call in the trail, and none of the secrets.
    let trail = std::fs::read_to_string(rulekeep::audit::path(world.folder.path())).unwrap();
    assert!(trail.lines().count() >= counts.calls);
    assert!(
        trail
            .lines()
            .all(|line| serde_json::from_str::<serde_json::Value>(line).is_ok())
    );
    assert!(!trail.contains("testsecret"));
}

fn wait() -> Wait {
    Wait {
        total: Duration::from_secs(2),
        pause: Duration::from_millis(20),
    }
}

/// Groups that gain a rule.
fn gains(groups: usize) -> Vec<(Ports, Ports)> {
    let (old, new) = (
        Ports::from([(1, "old")]),
        Ports::from([(1, "old"), (2, "new")]),
    );
    vec![(old, new); groups]
}

#[tokio::test(flavor = "multi_thread")]
async fn what_will_never_be_allowed_is_asked_once_and_told_at_once() {
    let forbidden = Fault::new(Effect::error(403, "Forbidden.RAM")).on("AuthorizeSecurityGroup");
    let faults = Faults::new(1).with(forbidden);
    let world = World::new(&gains(2), faults, RetryPolicy::default(), 10).await;
    let (_, report, took) = world.apply(10, wait()).await;
    for group in &report.groups {
        let apply::GroupOutcome::Failed { error, .. } = &group.outcome else {
            panic!("{group:?}");
        };
        assert!(error.contains("Forbidden.RAM"), "{error}");
    }
    assert_eq!(world.writes().len(), 2);
    assert!(took < Duration::from_secs(1), "{took:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_group_that_somebody_else_changes_is_left_and_the_others_are_done() {
    let intrusion = Effect::intrude(Intrusion::Add);
    let intrusion = Fault::new(intrusion).on("AuthorizeSecurityGroup").times(1);
    let faults = Faults::new(1).with(intrusion);
    let world = World::new(&gains(3), faults, quick(), 1).await;
    let (_, report, _) = world.apply(1, wait()).await;
    assert_eq!(report.verdict(), Verdict::Partial);
    let outcomes = report.groups.iter().map(|group| &group.outcome);
    let moved: Vec<&Vec<String>> = outcomes
        .filter_map(|outcome| match outcome {
            apply::GroupOutcome::Drifted(moved) => Some(moved),
            apply::GroupOutcome::Done => None,
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(moved.len(), 1);
    let line = &moved[0][0];
    assert!(
        line.starts_with("not planned: ") && line.contains("(sgr-"),
        "{line}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_cloud_confirms_and_does_not_show_is_not_yet_visible() {
    // Older than the whole test: the new rule is never shown.
    let stale = Fault::new(Effect::stale(600_000)).on("DescribeSecurityGroupAttribute");
    let world = World::new(&gains(1), Faults::new(1).with(stale), quick(), 1).await;
    let (_, report, took) = world.apply(1, wait()).await;
    let outcome = &report.groups[0].outcome;
    assert!(
        matches!(outcome, apply::GroupOutcome::NotYetVisible(_)),
        "{outcome:?}"
    );
    assert!(took < Duration::from_secs(4), "{took:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_apply_is_as_fast_as_the_cloud_lets_it_be() {
    let full = std::env::var("RULEKEEP_FULL_RATE").is_ok();
    // Calls in a window, its length, groups, side by side.
    let (calls, window, groups, parallelism) = match full {
        true => (300, Duration::from_secs(60), 30, 10),
        false => (100, Duration::from_secs(4), 10, 3),
    };
    let limit = Effect::Limit {
        calls,
        window_ms: u64::try_from(window.as_millis()).unwrap(),
        retry_after: true,
        code: "Throttling.User".into(),
    };
    let limit = Fault::new(limit).on("ModifySecurityGroupRule");
    // All but a few of what three windows hold: one call that is learnt too late must not cost a fourth.
    let ports = 3 * calls / groups - 1;
    let old: Ports = (1..=ports).map(|port| (port, "old")).collect();
    let new: Ports = (1..=ports).map(|port| (port, "new")).collect();
    let world = World::new(
        &vec![(old, new); groups],
        Faults::new(1).with(limit),
        RetryPolicy::default(),
        parallelism,
    )
    .await;
    let (plan, report, took) = world.apply(parallelism, Wait::default()).await;
    assert_eq!(plan.counts().calls, groups * ports);
    assert_eq!(report.verdict(), Verdict::Complete);
    let writes = world.writes();
    let throttled = writes.iter().filter(|call| call.code.is_some()).count();
    assert!(
        throttled * 100 < 3 * writes.len(),
        "{throttled} of {}",
        writes.len()
    );
    // Two windows to wait for; whoever waits for a third has left places of the others empty. How close to that it comes is shown in
    // paused time, in the limiter's own tests: here others may have the machine.
    assert!(took < window * 3, "{took:?} for {} calls", writes.len());
}
