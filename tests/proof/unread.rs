//! Lists that the credentials may not read: the groups that name them are planned all the same, with the lists as symbols.

use rulekeep::{
    diag::render,
    emulator::{Effect, Fault, Faults},
};
use serde_json::json;

use crate::support::{Cloud, as_text, load};

const GROUP: &str = "\
group: sg-bp1web0000000000000
mode: complete
ingress:
  - { service: ssh, from: pl-bp1office00000000 }
  - { policy: drop, service: ssh, from: 100.64.0.0/24, priority: 2 }
  - { protocol: tcp, ports: prl-bp1ports000000000, from: 10.0.0.0/8 }
  - { service: https, from: 0.0.0.0/0 }
";

fn seed() -> serde_json::Value {
    json!({
        "version": 1,
        "owner": "1234567890123456",
        "security_groups": [{
            "id": "sg-bp1web0000000000000", "name": "web", "vpc": "vpc-bp1000000000000000", "rules": [
                {"IpProtocol": "TCP", "PortRange": "22/22", "SourceCidrIp": "100.64.0.0/24", "Priority": 2, "Policy": "Drop"},
                {"IpProtocol": "TCP", "PortRange": "25/25", "SourcePrefixListId": "pl-bp1office00000000"},
            ],
        }],
        "prefix_lists": [{"id": "pl-bp1office00000000", "name": "office", "family": "IPv4", "max_entries": 3, "entries": [{"Cidr": "100.64.0.0/25"}]}],
        "port_lists": [{"id": "prl-bp1ports000000000", "name": "ports", "max_entries": 2, "entries": [{"PortRange": "8443/8443"}]}],
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn lists_that_may_not_be_read_are_symbols_in_the_plan() {
    let cloud = Cloud::start(&seed()).await;
    let forbid = |action: &str| Fault::new(Effect::error(403, "Forbidden.RAM")).on(action);
    cloud.emulator.set_faults(
        Faults::new(1)
            .with(forbid("DescribePrefixListAttributes"))
            .with(forbid("DescribePortRangeLists")),
    );
    let desired = load(&[("rules/web.yaml", GROUP)]);
    let prepared = cloud.prepare(&desired, 4).await;
    let warnings: Vec<_> = prepared.diagnostics().cloned().collect();
    let drawn = render(&desired.sources, &warnings, false);
    let because = |action: &str, list: &str, line: usize| {
        format!(
            "warning[unread-list]: the content of {list} in test/cn-hangzhou is not known: the cloud refused {action} with Forbidden.RAM\n \
             --> rules/web.yaml:{line}:5"
        )
    };
    for (action, list, line) in [
        ("DescribePrefixListAttributes", "pl-bp1office00000000", 4),
        ("DescribePortRangeLists", "prl-bp1ports000000000", 6),
    ] {
        assert!(drawn.contains(&because(action, list, line)), "{drawn}");
        assert!(
            drawn.contains(&format!("let the credentials call ecs:{action}")),
            "{drawn}"
        );
    }
    let text = as_text(&prepared);
    let said: Vec<&str> = text
        .lines()
        .filter(|line| line.contains("admits"))
        .collect();
    assert_eq!(
        said,
        [
            "  newly admits ingress tcp/443 from 0.0.0.0/0                     by rules/web.yaml:7",
            "  newly admits ingress tcp/22 from pl-bp1office00000000           by rules/web.yaml:4",
            "  newly admits ingress tcp prl-bp1ports000000000 from 10.0.0.0/8  by rules/web.yaml:6 and 1 more",
            "  no longer admits ingress tcp/25 from pl-bp1office00000000       was by sgr-bp1e38y4l9mllrsirdgv",
        ]
    );
    assert!(text.contains("order: safe at every step"), "{text}");

    // And what was planned is done: the cloud knows what is in them.
    cloud.apply(&desired).await;
    cloud.emulator.set_faults(Faults::default());
    let prepared = cloud.prepare(&desired, 4).await;
    assert!(prepared.plan.counts().is_empty());
    assert_eq!(prepared.diagnostics().count(), 0);
}
