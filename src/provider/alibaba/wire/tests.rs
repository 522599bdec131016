//! Samples of the cloud's answers, and properties of the two ways through the wire.

mod round_trip;

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::{
    answer::{Attribute, Page as _, SecurityGroups},
    *,
};
use crate::model::{
    Direction, GroupId, GroupInfo, GroupKind, GroupName, Network, ObservedRule, Protocol, VpcId,
};

const EVERY_KIND: &str = include_str!("../../../../tests/wire/describe-attribute-every-kind.json");
const SAMPLES: [&str; 4] = [
    EVERY_KIND,
    include_str!("../../../../tests/wire/describe-attribute-documented.json"),
    include_str!("../../../../tests/fixtures/describe-attribute-2017-system-rules-110.json"),
    include_str!("../../../../tests/fixtures/describe-attribute-2022-all-ports-open.json"),
];

fn permissions(sample: &str) -> Vec<Value> {
    let sample: Value = serde_json::from_str(sample).unwrap();
    sample["Permissions"]["Permission"]
        .as_array()
        .unwrap()
        .clone()
}

fn shown(seen: &ObservedRule) -> String {
    let mut text = seen.rule.to_string();
    if let Some(description) = &seen.rule.description {
        text.push_str(&format!(" \"{description}\""));
    }
    if let Some(owner) = &seen.rule.peer_owner {
        text.push_str(&format!(" owner {owner}"));
    }
    for (name, value) in seen.facts.iter().flat_map(|facts| &facts.others) {
        text.push_str(&format!(" {name}={value}"));
    }
    text
}

#[test]
fn samples_read_as_the_rules_they_are() {
    let lines: Vec<String> = SAMPLES
        .iter()
        .flat_map(|sample| permissions(sample))
        .map(|permission| shown(&from_json(&permission).unwrap()))
        .collect();
    insta::assert_snapshot!(lines.join("\n"), @r#"
    ingress drop tcp/22 sport 1-65535 from 10.0.0.0/8 to 172.16.0.0/12 priority 100 "quintuple"
    ingress accept udp/53 from 2001:db8::/32 to 2001:db8:1::1/128 priority 1
    ingress accept tcp/prl-2ze1 from pl-bp1 priority 1 PortRangeListName="web" SourcePrefixListName="office"
    ingress accept all from sg-bp1peer priority 1 owner 1234567890123456 SourceGroupName="jump"
    ingress accept icmp from 192.0.2.7/32 priority 1 SourceCidrIp="192.0.2.7"
    ingress accept icmpv6 from 2001:db8:3c4d:15::/64 priority 1 Ipv6SourceCidrIp="2001:db8:3c4d:15::1a2f:1a2b/64"
    egress accept gre from 10.1.0.0/16 to 10.144.0.0/12 priority 1 DestCidrIp="10.159.6.18/12"
    egress accept 132 to sg-bp1peer priority 1 DestGroupOwnerAccount="ops@example.com"
    egress accept tcp/1-65535 to pl-bp1 priority 110 "System created rule."
    egress accept udp/123 from 2001:db8::/64 to ::/0 priority 1
    ingress accept tcp/443 from 0.0.0.0/0 priority 1 "https"
    ingress accept all from 0.0.0.0/0 priority 110
    egress accept all to 0.0.0.0/0 priority 110
    ingress accept tcp/1-65535 from 0.0.0.0/0 priority 1
    "#);
}

#[test]
fn no_member_that_the_cloud_filled_is_lost() {
    for original in SAMPLES.iter().flat_map(|sample| permissions(sample)) {
        let seen = from_json(&original).unwrap();
        let written = to_json(&seen);
        for (name, value) in original.as_object().unwrap() {
            if *value != json!("") {
                assert_eq!(written[name], *value, "{name}");
            }
        }
        assert_eq!(from_json(&written).unwrap(), seen);
    }
}

#[test]
fn members_newer_than_this_program_are_kept() {
    let mut original = permissions(EVERY_KIND).remove(0);
    original["Shiny"] = json!({"A": [1, 2.5, null]});
    original["Empty"] = json!("");
    original["Nothing"] = json!(null);
    let seen = from_json(&original).unwrap();
    let written = to_json(&seen);
    assert_eq!(written["Shiny"], original["Shiny"]);
    assert_eq!(written.get("Empty"), None);
    assert_eq!(from_json(&written).unwrap(), seen);
}

#[test]
fn whole_answers_read_with_their_wrapper_missing_null_or_empty() {
    for sample in SAMPLES {
        let answer: Attribute = serde_json::from_str(sample).unwrap();
        assert!(answer.inner_access().is_ok());
        assert_eq!(
            answer.into_rules().unwrap().len(),
            permissions(sample).len()
        );
    }
    for wrapper in [
        json!({}),
        json!({"Permissions": null}),
        json!({"Permissions": {}}),
        json!({"Permissions": {"Permission": null}}),
        json!({"Permissions": {"Permission": []}}),
    ] {
        let mut answer = wrapper;
        answer["SecurityGroupId"] = json!("sg-1");
        let answer: Attribute = serde_json::from_value(answer).unwrap();
        assert!(answer.inner_access().is_err());
        assert!(answer.into_rules().unwrap().is_empty());
    }
}

#[test]
fn the_documented_list_of_groups_reads() {
    let sample = include_str!("../../../../tests/wire/describe-groups-documented.json");
    let answer: SecurityGroups = serde_json::from_str(sample).unwrap();
    assert_eq!(answer.next_token(), None);
    let expected = GroupInfo {
        id: GroupId::new("sg-bp67acfmxazb4ph00000"),
        name: GroupName::new("web"),
        description: "".into(),
        network: Network::Vpc(VpcId::new("vpc-bp1opxu1zkhn00gzv0000")),
        kind: GroupKind::Basic,
        managed: false,
        tags: [("env".into(), "prod".into())].into(),
    };
    assert!(answer.into_groups().eq([Ok(expected)]));
    let other = sample
        .replace("\"normal\"", "\"enterprise\"")
        .replace("\"ServiceManaged\": false", "\"ServiceManaged\": true")
        .replace("\"vpc-bp1opxu1zkhn00gzv0000\"", "null");
    let answer: SecurityGroups = serde_json::from_str(&other).unwrap();
    let group = answer.into_groups().next().unwrap().unwrap();
    assert_eq!(
        (group.kind, group.managed, group.network),
        (GroupKind::Advanced, true, Network::Classic)
    );
}

fn tcp(changes: Value) -> Value {
    let mut permission = json!({
        "SecurityGroupRuleId": "sgr-1", "Direction": "ingress", "IpProtocol": "TCP", "PortRange": "22/22",
        "Policy": "Accept", "Priority": 1, "SourceCidrIp": "10.0.0.0/8",
    });
    for (name, value) in changes.as_object().unwrap() {
        permission[name] = value.clone();
    }
    permission
}

#[test]
fn spellings_of_one_rule_read_as_one_rule() {
    let plain = from_json(&tcp(json!({}))).unwrap().rule;
    for spelling in [
        json!({"Priority": "1"}),
        json!({"Policy": "ACCEPT", "Direction": "INGRESS", "NicType": "Intranet"}),
        json!({"IpProtocol": "tcp"}),
        json!({"IpProtocol": "6"}),
        json!({"IpProtocol": 6}),
        json!({"SourcePortRange": "-1/-1"}),
        json!({"SourcePortRange": null}),
        json!({"SourceCidrIp": "10.1.2.3/8"}),
        json!({"NicType": null, "DestCidrIp": null, "SourceGroupId": ""}),
    ] {
        assert_eq!(
            from_json(&tcp(spelling.clone())).unwrap().rule,
            plain,
            "{spelling}"
        );
    }
    let protocol = |name: &str| {
        let change = json!({"IpProtocol": name, "PortRange": "-1/-1", "SourceCidrIp": "", "SourceGroupId": "sg-2"});
        from_json(&tcp(change)).unwrap().rule.protocol
    };
    for (a, b) in [
        ("1", "ICMP"),
        ("47", "gre"),
        ("58", "ICMPV6"),
        ("icmpv6", "ICMPv6"),
        ("all", "All"),
    ] {
        assert_eq!(protocol(a), protocol(b));
    }
    assert_eq!(protocol("132"), Protocol::Number(132));
    // To the cloud every source port is not the same as no word on source ports.
    let every = from_json(&tcp(json!({"SourcePortRange": "1/65535"}))).unwrap();
    assert_ne!(every.rule, plain);
    let list = json!({"PortRangeListId": "prl-1", "PortRange": "1/65535"});
    assert_eq!(
        from_json(&tcp(list)).unwrap().rule.protocol.to_string(),
        "tcp/prl-1"
    );
}

#[test]
fn what_cannot_be_read_exactly_is_an_error_that_names_the_rule() {
    for (change, problem) in [
        (json!({"PortRange": ""}), "PortRange is missing"),
        (
            json!({"PortRange": "-1/-1"}),
            "PortRange is `-1/-1`, which this program does not know",
        ),
        (
            json!({"PortRange": "200/1"}),
            "PortRange is `200/1`, which this program does not know",
        ),
        (
            json!({"PortRange": "22,23"}),
            "PortRange is `22,23`, which this program does not know",
        ),
        (
            json!({"SourcePortRange": "x"}),
            "SourcePortRange is `x`, which this program does not know",
        ),
        (json!({"SourceCidrIp": ""}), "it has no peer"),
        (
            json!({"SourceCidrIp": "any"}),
            "SourceCidrIp is `any`, which this program does not know",
        ),
        (
            json!({"SourceCidrIp": "::/0"}),
            "SourceCidrIp is `::/0`, which this program does not know",
        ),
        (
            json!({"SourceGroupId": "sg-2"}),
            "it has several peers: SourceCidrIp, SourceGroupId",
        ),
        (
            json!({"Ipv6SourceCidrIp": "::/0"}),
            "it has several peers: SourceCidrIp, Ipv6SourceCidrIp",
        ),
        (
            json!({"DestGroupId": "sg-2"}),
            "DestGroupId is `sg-2` in an ingress rule",
        ),
        (
            json!({"DestCidrIp": "1.2.3.4", "Ipv6DestCidrIp": "::1"}),
            "it has both DestCidrIp and Ipv6DestCidrIp",
        ),
        (
            json!({"DestCidrIp": "1.2.3"}),
            "DestCidrIp is `1.2.3`, which this program does not know",
        ),
        (json!({"Direction": ""}), "Direction is missing"),
        (json!({"Policy": null}), "Policy is missing"),
        (
            json!({"Policy": "reject"}),
            "Policy is `reject`, which this program does not know",
        ),
        (
            json!({"Priority": null}),
            "Priority is missing or no number from 1 to 255",
        ),
        (
            json!({"Priority": "low"}),
            "Priority is missing or no number from 1 to 255",
        ),
        (
            json!({"Priority": 256}),
            "Priority is missing or no number from 1 to 255",
        ),
        (
            json!({"Priority": -1}),
            "Priority is missing or no number from 1 to 255",
        ),
        (
            json!({"NicType": "both"}),
            "NicType is `both`, which this program does not know",
        ),
        (json!({"IpProtocol": ""}), "IpProtocol is missing"),
        (
            json!({"IpProtocol": "sctp"}),
            "IpProtocol is `sctp`, which this program does not know",
        ),
        (
            json!({"IpProtocol": "256"}),
            "IpProtocol is `256`, which this program does not know",
        ),
        (
            json!({"IpProtocol": "-1"}),
            "IpProtocol is `-1`, which this program does not know",
        ),
        (
            json!({"IpProtocol": "ALL"}),
            "PortRange is `22/22`, but the protocol ALL has no ports",
        ),
        (
            json!({"IpProtocol": "ICMP", "PortRange": "-1/-1", "PortRangeListId": "prl-1"}),
            "PortRangeListId is `prl-1`, but the protocol ICMP has no ports",
        ),
    ] {
        let error = from_json(&tcp(change.clone())).unwrap_err();
        assert_eq!(
            error.to_string(),
            format!("rule sgr-1: {problem}"),
            "{change}"
        );
    }
    for change in [
        json!({"SourceCidrIp": ["10.0.0.0/8"]}),
        json!({"PortRange": {}}),
        json!({"Policy": true}),
    ] {
        assert!(from_json(&tcp(change.clone())).is_err(), "{change}");
    }
    let nameless = from_json(&tcp(json!({"SecurityGroupRuleId": "", "Policy": ""}))).unwrap_err();
    assert_eq!(
        nameless.to_string(),
        "the rule with Direction ingress, IpProtocol TCP, PortRange 22/22, SourceCidrIp 10.0.0.0/8: Policy is missing"
    );
}

/// By member: what becomes of a rule when the cloud leaves it out.
#[test]
fn leaving_a_member_out_never_widens_a_rule() {
    // Where these are set they limit the rule, and the cloud itself leaves them out of rules that are not limited.
    let mut tested = BTreeSet::new();
    for original in permissions(EVERY_KIND) {
        let seen = from_json(&original).unwrap();
        let ingress = seen.rule.direction == Direction::Ingress;
        for name in original.as_object().unwrap().keys() {
            for missing in [None, Some(json!(null)), Some(json!(""))] {
                let mut less = original.clone();
                match missing {
                    None => drop(less.as_object_mut().unwrap().remove(name)),
                    Some(value) => less[name] = value,
                }
                let Ok(without) = from_json(&less) else {
                    continue;
                };
                tested.insert(name.clone());
                let local = if ingress {
                    name.contains("DestCidrIp")
                } else {
                    name.contains("SourceCidrIp")
                };
                if original[name] != json!("") && (name == "SourcePortRange" || local) {
                    let mut unlimited = seen.rule.clone();
                    if local {
                        unlimited.local = None;
                    } else if let Protocol::Tcp(ports) | Protocol::Udp(ports) =
                        &mut unlimited.protocol
                    {
                        ports.source = None;
                    }
                    assert_eq!(without.rule, unlimited, "{name}");
                } else {
                    assert!(
                        without.rule.is_same_rule(&seen.rule),
                        "{name}: {}",
                        without.rule
                    );
                }
            }
        }
    }
    for required in ["Direction", "IpProtocol", "Policy", "Priority"] {
        assert!(!tested.contains(required), "{required}");
    }
    for original in permissions(EVERY_KIND) {
        let mut less = original.clone();
        less["PortRange"] = json!("");
        less["PortRangeListId"] = json!("");
        let ported = from_json(&original)
            .unwrap()
            .rule
            .protocol
            .ports()
            .is_some();
        assert_eq!(from_json(&less).is_err(), ported);
    }
}

#[test]
fn the_table_of_members_has_every_member_under_its_name() {
    let mut permission = Permission::default();
    let names = Permission::default().texts().map(|(name, _)| name);
    for name in names {
        name.clone_into(permission.text_mut(name).unwrap());
    }
    let mut written = serde_json::to_value(&permission).unwrap();
    assert_eq!(
        written.as_object_mut().unwrap().remove("Priority"),
        Some(0.into())
    );
    for (name, value) in written.as_object().unwrap() {
        assert_eq!(name, value.as_str().unwrap());
    }
    assert_eq!(written.as_object().unwrap().len(), names.len());
}
