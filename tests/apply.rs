//! A whole pass against the embedded cloud.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::PathBuf,
    sync::Arc,
};

use rulekeep::{
    apply::{self, Verdict},
    clouds::{Kept, connect},
    desired::*,
    diag::{Sources, Span},
    guard::Overrides,
    model::*,
    provider::alibaba::credentials::Environment,
    reconcile::{self, Selection},
    snapshot,
};

const SEED: &str = r#"{
  "version": 1,
  "owner": "1234567890123456",
  "security_groups": [{
    "id": "sg-bp1web0000000000000000",
    "name": "web",
    "description": "",
    "vpc": "vpc-bp1prod0000000000000",
    "rules": [
      {"IpProtocol": "TCP", "PortRange": "443/443", "SourceCidrIp": "0.0.0.0/0", "Description": "https"},
      {"IpProtocol": "ICMP", "PortRange": "-1/-1", "SourceCidrIp": "0.0.0.0/0", "Description": "ping"},
      {"IpProtocol": "TCP", "PortRange": "22/22", "SourceCidrIp": "0.0.0.0/0", "Description": "temporary"}
    ]
  }]
}"#;

#[tokio::test]
async fn after_an_apply_nothing_is_left_to_plan_and_the_state_is_kept() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("seed.json"), SEED).unwrap();
    let mut sources = Sources::default();
    let file = sources.add(PathBuf::from("rules/web.yaml"), Arc::from("group: web\n"));
    let span = Span {
        file,
        start: 0,
        end: 5,
        line: 1,
        column: 1,
    };
    let rule = |port: u16, peer: &str| DesiredRule {
        direction: Direction::Ingress,
        nic: None,
        priority: Priority::DEFAULT,
        policy: Policy::Accept,
        protocol: Protocol::Tcp(PortRange::new(port, port).unwrap().into()),
        peer: DesiredPeer::Cidr(peer.parse().unwrap()),
        local: None,
        description: Some("ours".into()),
        expires: None,
        span,
    };
    let region = RegionId::new("cn-hangzhou");
    let desired = Desired {
        project: Project {
            root: folder.path().to_owned(),
            rules: "rules".into(),
            accounts: BTreeMap::from([(
                AccountName::new("demo"),
                Account::Local {
                    state: "demo.json".into(),
                    seed: Some("seed.json".into()),
                },
            )]),
            ..Project::default()
        },
        templates: Vec::new(),
        matched: Default::default(),
        groups: vec![DesiredGroup {
            account: AccountName::new("demo"),
            region,
            selector: Selector::Name {
                name: GroupName::new("web"),
                vpc: None,
            },
            alias: None,
            span,
            mode: Modes {
                ingress: Mode::Complete,
                egress: Mode::Complete,
            },
            ingress: Some(
                (1..=150)
                    .map(|port| rule(port, "10.0.0.0/8"))
                    .chain([rule(443, "0.0.0.0/0")])
                    .collect(),
            ),
            egress: None,
            absent: Vec::new(),
            ignore: Vec::new(),
            allow_empty: true,
            system_rules: Some(SystemRules::Delete),
            limits: Limits {
                max_deletes: Threshold {
                    percent: 100,
                    from: 10,
                },
                max_changes: Threshold {
                    percent: 100,
                    from: 10,
                },
            },
            quota: 200,
            assertions: Arc::new([]),
            waivers: Vec::new(),
        }],
        sources,
    };
    let accounts = BTreeSet::from([AccountName::new("demo")]);
    for pass in 0..2 {
        let connected = connect(
            &desired.project,
            &accounts,
            &Environment::default(),
            10,
            &Kept::default(),
        )
        .await
        .unwrap();
        let at = jiff::Timestamp::now();
        let prepared = reconcile::prepare(
            &desired,
            &Selection::default(),
            &connected.clouds,
            at,
            &Default::default(),
            &(),
        )
        .await
        .unwrap();
        if pass == 1 {
            assert!(prepared.plan.counts().is_empty());
            return;
        }
        assert!(!prepared.plan.counts().is_empty());
        let approved = prepared.guarded(&Overrides::default()).unwrap();
        let options = apply::Options::new(folder.path().to_owned());
        let report = apply::apply(
            &approved,
            &connected.clouds,
            &desired.sources,
            &options,
            &(),
            std::future::pending(),
        )
        .await;
        assert_eq!(report.verdict(), Verdict::Complete);
        let kept = snapshot::read_run(folder.path(), &report.run_id).unwrap();
        assert_eq!(kept[0].group, prepared.plan.groups[0].observed);
        connected.close().await.unwrap();
    }
}
