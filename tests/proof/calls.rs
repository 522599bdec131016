//! The calls that a plan and an apply make, counted by the cloud.

use std::{collections::BTreeMap, fmt::Write as _};

use rulekeep::{
    desired::Desired,
    emulator::Faults,
    reconcile::{self, Selection},
};
use serde_json::{Value, json};

use super::support::{Cloud, at, load};

const READ: &str = "DescribeSecurityGroupAttribute";
const FIND: &str = "DescribeSecurityGroups";

/// Counts as the log gives them.
fn counts<const N: usize>(expected: [(&str, usize); N]) -> BTreeMap<String, usize> {
    expected
        .into_iter()
        .map(|(action, count)| (action.to_owned(), count))
        .collect()
}

/// Rules for ports in one direction, as a seed has them.
fn live(direction: &str, ports: impl Iterator<Item = u16>) -> Vec<Value> {
    let cidr = match direction {
        "ingress" => "SourceCidrIp",
        _ => "DestCidrIp",
    };
    ports
        .map(|port| {
            json!({
                "Direction": direction, "IpProtocol": "TCP", "PortRange": format!("{port}/{port}"), cidr: "10.0.0.0/8",
                "Description": "live",
            })
        })
        .collect()
}

fn group(id: &str, rules: Vec<Value>) -> Value {
    json!({"id": id, "name": id, "vpc": "vpc-bp1proof0000000000", "rules": rules})
}

fn account(groups: Vec<Value>) -> Value {
    json!({"version": 1, "security_groups": groups})
}

/// Rules for ports as a group file has them; one rule each.
fn declared(direction: &str, protocol: &str, ports: impl Iterator<Item = u16>) -> String {
    let way = if direction == "ingress" { "from" } else { "to" };
    let mut text = format!("{direction}:\n");
    for port in ports {
        writeln!(
            text,
            "  - {{ protocol: {protocol}, ports: {port}, {way}: 10.0.0.0/8, description: live }}"
        )
        .unwrap();
    }
    text
}

const WEB: &str = "sg-bp1web0000000000000";

#[tokio::test]
async fn adds_and_deletes_take_a_call_per_hundred_and_direction_and_a_second_apply_writes_nothing()
{
    // UDP beside TCP: nothing can be modified in place cheaper than in batches, and 150 deletes follow 250 adds.
    let cloud = Cloud::start(&account(vec![group(
        WEB,
        [live("ingress", 1..=150), live("egress", 1..=120)].concat(),
    )]))
    .await;
    let file = format!(
        "group: {WEB}\nmode: complete\nallow_empty: true\n{}egress: []\n",
        declared("ingress", "udp", 1001..=1250)
    );
    let desired = load(&[("rules/web.yaml", &file)]);

    let prepared = cloud.prepare(&desired, 10).await;
    assert_eq!(
        cloud.calls(),
        counts([(FIND, 1), (READ, 1)]),
        "a plan reads once and writes nothing"
    );
    let planned = prepared.plan.counts();
    assert_eq!(
        (planned.add, planned.change, planned.destroy),
        (250, 0, 270)
    );
    assert_eq!(planned.calls, 3 + 2 + 2);

    cloud.apply(&desired).await;
    assert_eq!(
        cloud.calls(),
        counts([
            (FIND, 1),
            // To plan, after the adds because deletes follow, and at the end.
            (READ, 3),
            ("AuthorizeSecurityGroup", 3),
            ("RevokeSecurityGroup", 2),
            ("RevokeSecurityGroupEgress", 2),
        ])
    );

    cloud.apply(&desired).await;
    assert_eq!(
        cloud.calls(),
        counts([(FIND, 1), (READ, 1)]),
        "a second apply writes nothing"
    );
}

#[tokio::test]
async fn an_apply_that_only_adds_reads_once_more_at_the_end() {
    let cloud = Cloud::start(&account(vec![group(WEB, Vec::new())])).await;
    let file = format!(
        "group: {WEB}\nmode: complete\n{}{}",
        declared("ingress", "tcp", 1..=100),
        declared("egress", "tcp", 1..=101)
    );
    cloud.apply(&load(&[("rules/web.yaml", &file)])).await;
    assert_eq!(
        cloud.calls(),
        counts([
            (FIND, 1),
            (READ, 2),
            ("AuthorizeSecurityGroup", 1),
            ("AuthorizeSecurityGroupEgress", 2),
        ])
    );
}

#[tokio::test]
async fn a_change_of_descriptions_is_one_modify_each() {
    let cloud = Cloud::start(&account(vec![group(
        WEB,
        [live("ingress", 1..=7), live("egress", 1..=2)].concat(),
    )]))
    .await;
    let file = format!(
        "group: {WEB}\nmode: complete\n{}{}",
        declared("ingress", "tcp", 1..=7),
        declared("egress", "tcp", 1..=2)
    )
    .replace("description: live", "description: reviewed");
    cloud.apply(&load(&[("rules/web.yaml", &file)])).await;
    assert_eq!(
        cloud.calls(),
        counts([
            (FIND, 1),
            (READ, 2),
            ("ModifySecurityGroupRule", 7),
            ("ModifySecurityGroupEgressRule", 2),
        ])
    );
}

#[tokio::test]
async fn groups_are_found_a_hundred_a_call_by_id_or_by_name_and_read_once_each() {
    let id = |number: usize| format!("sg-bp1many{number:011}");
    let name = |number: usize| format!("many-{number}");
    let groups = (0..120).map(|number| {
        let mut group = group(&id(number), live("ingress", 22..=23));
        group["name"] = json!(name(number));
        group
    });
    let cloud = Cloud::start(&account(groups.collect())).await;
    for select in [&id as &dyn Fn(usize) -> String, &name] {
        let documents: Vec<String> = (0..120)
            .map(|number| {
                let rules = declared("ingress", "tcp", 22..=23);
                format!("group: {}\nmode: complete\n{rules}", select(number))
            })
            .collect();
        let desired = load(&[("rules/all.yaml", &documents.join("---\n"))]);
        let prepared = cloud.prepare(&desired, 16).await;
        assert!(prepared.plan.counts().is_empty());
        assert_eq!(cloud.calls(), counts([(FIND, 2), (READ, 120)]));
    }
}

/// 250 groups of three VPCs, selected by name, so that their list has three pages.
async fn three_pages() -> (Cloud, Desired) {
    let groups = (0..250).map(|number| {
        json!({
            "id": format!("sg-bp1page{number:011}"), "name": format!("page-{number}"),
            "vpc": format!("vpc-bp1proof{:010}", number % 3), "rules": live("ingress", 22..=23),
        })
    });
    let documents: Vec<String> = (0..250)
        .map(|number| {
            let rules = declared("ingress", "tcp", 22..=23);
            format!("group: page-{number}\nmode: complete\n{rules}")
        })
        .collect();
    let cloud = Cloud::start(&account(groups.collect())).await;
    (cloud, load(&[("rules/all.yaml", &documents.join("---\n"))]))
}

/// The pages of a list come one after the other, each with the token of the next: waiting for all of them would be a tenth of the run.
#[tokio::test]
async fn groups_are_read_while_the_list_of_them_is_still_coming() {
    let (cloud, desired) = three_pages().await;
    let slow = "latency:min_ms=30,max_ms=30".parse().unwrap();
    cloud.emulator.set_faults(Faults::new(1).with(slow));
    let prepared = cloud.prepare(&desired, 16).await;
    assert!(prepared.plan.counts().is_empty());
    let log = cloud.emulator.calls();
    let actions: Vec<&str> = log.iter().map(|call| call.action.as_str()).collect();
    let first_read = actions.iter().position(|action| *action == READ).unwrap();
    let last_page = actions.iter().rposition(|action| *action == FIND).unwrap();
    assert!(first_read < last_page, "{actions:?}");
    assert_eq!(cloud.calls(), counts([(FIND, 3), (READ, 250)]));
}

#[tokio::test]
async fn a_part_reads_its_own_groups_only() {
    let (cloud, desired) = three_pages().await;
    let mut read = 0;
    for part in ["1/2", "2/2"] {
        let selection = Selection {
            shard: Some(part.parse().unwrap()),
            ..Selection::default()
        };
        let options = reconcile::Options::default();
        let prepared =
            reconcile::prepare(&desired, &selection, &cloud.clouds, at(), &options, &()).await;
        let planned = prepared.unwrap().plan.groups.len();
        assert_eq!(cloud.calls(), counts([(FIND, 3), (READ, planned)]));
        read += planned;
    }
    assert_eq!(read, 250);
}

/// Plans with the groups that match, as commands do.
async fn planned(cloud: &Cloud, files: &[(&str, &str)]) -> usize {
    let desired = load(files);
    let documents = reconcile::documents(&desired, &Selection::default());
    let found = reconcile::discover(desired, &documents, &cloud.clouds, 16).await;
    let (desired, _) = found.unwrap();
    cloud.prepare(&desired, 16).await.plan.groups.len()
}

#[tokio::test]
async fn documents_for_groups_that_match_share_one_list_of_their_region() {
    let (cloud, _) = three_pages().await;
    let rules = declared("ingress", "tcp", 22..=23);
    let document = |head: &str| format!("{head}\nmode: partial\n{rules}");
    let five: Vec<String> = (0..5)
        .map(|digit| document(&format!("targets: {{ name: \"page-*{digit}\" }}")))
        .collect();
    let five = five.join("---\n");
    assert_eq!(planned(&cloud, &[("rules/five.yaml", &five)]).await, 125);
    assert_eq!(cloud.calls(), counts([(FIND, 3), (READ, 125)]));

    // What the list has need not be looked up for others either.
    let own: Vec<String> = (1..25)
        .map(|number| document(&format!("group: page-{number}5")))
        .collect();
    let own = own.join("---\n");
    let files = [("rules/five.yaml", &*five), ("rules/own.yaml", &own)];
    assert_eq!(planned(&cloud, &files).await, 149);
    assert_eq!(cloud.calls(), counts([(FIND, 3), (READ, 149)]));

    // A VPC narrows the list where every document says one.
    let vpc = "targets: { vpc: vpc-bp1proof0000000001";
    let two = [
        document(&format!("{vpc}, name: \"page-*1\" }}")),
        document(&format!("{vpc}, name: \"page-*2\" }}")),
    ];
    let groups = planned(&cloud, &[("rules/two.yaml", &two.join("---\n"))]).await;
    assert_eq!(cloud.calls(), counts([(FIND, 1), (READ, groups)]));
}

#[tokio::test]
async fn a_group_of_many_rules_is_read_a_thousand_a_call() {
    let rules = [live("ingress", 1..=2000), live("egress", 1..=500)].concat();
    let cloud = Cloud::start(&account(vec![group(WEB, rules)])).await;
    let file = format!("group: {WEB}\nmode: partial\ningress: []\n");
    let desired = load(&[("rules/web.yaml", &file)]);
    let prepared = cloud.prepare(&desired, 10).await;
    assert_eq!(prepared.plan.groups[0].observed.rules.len(), 2500);
    assert_eq!(cloud.calls(), counts([(FIND, 1), (READ, 3)]));
}

#[tokio::test]
async fn a_group_of_the_classic_network_is_read_once_per_network_interface() {
    let mut rules = live("ingress", 1..=10);
    for rule in &mut rules[..5] {
        rule["NicType"] = json!("internet");
    }
    for rule in &mut rules[5..] {
        rule["NicType"] = json!("intranet");
    }
    let seed = account(vec![json!({"id": WEB, "name": "web", "rules": rules})]);
    let cloud = Cloud::start(&seed).await;
    let file = format!("group: {WEB}\nmode: partial\ningress: []\n");
    let desired = load(&[("rules/web.yaml", &file)]);
    let prepared = cloud.prepare(&desired, 10).await;
    assert_eq!(prepared.plan.groups[0].observed.rules.len(), 10);
    assert_eq!(cloud.calls(), counts([(FIND, 1), (READ, 2)]));
}

#[tokio::test]
async fn deletes_without_adds_need_one_read_more_and_so_does_the_classic_network_per_interface() {
    let mut rules = live("ingress", 1..=101);
    let group_file = format!("group: {WEB}\nmode: complete\nallow_empty: true\ningress: []\n");
    let desired = load(&[("rules/web.yaml", &group_file)]);
    let cloud = Cloud::start(&account(vec![group(WEB, rules.clone())])).await;
    cloud.apply(&desired).await;
    assert_eq!(
        cloud.calls(),
        counts([(FIND, 1), (READ, 2), ("RevokeSecurityGroup", 2)])
    );

    for rule in &mut rules {
        rule["NicType"] = json!("intranet");
    }
    let classic = json!({"id": WEB, "name": "web", "rules": rules});
    let cloud = Cloud::start(&account(vec![classic])).await;
    cloud.apply(&desired).await;
    assert_eq!(
        cloud.calls(),
        counts([(FIND, 1), (READ, 4), ("RevokeSecurityGroup", 2)])
    );
}
