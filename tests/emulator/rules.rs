//! What the actions on rules do when they succeed.

use rulekeep::emulator::Switches;
use serde_json::{Value, json};

use crate::cloud::Cloud;

fn texts(rules: &[Value], name: &str) -> Vec<String> {
    rules
        .iter()
        .map(|rule| rule[name].as_str().unwrap().to_owned())
        .collect()
}

#[test]
fn a_rule_comes_back_with_every_member_in_the_clouds_spelling() {
    let cloud = Cloud::new();
    cloud.ok(
        "AuthorizeSecurityGroup",
        "SecurityGroupId=sg-peer&Permissions.1.IpProtocol=icmpv6&Permissions.1.PortRange=-1/-1\
         &Permissions.1.Ipv6SourceCidrIp=2001:0DB8::00AB/32&Permissions.1.Policy=DROP&Permissions.1.Priority=7\
         &Permissions.1.NicType=internet&Permissions.1.Description=x",
    );
    let mut rule = cloud.rules("sg-peer").remove(0);
    let id = rule["SecurityGroupRuleId"].take();
    assert!(id.as_str().unwrap().starts_with("sgr-bp1"), "{id}");
    assert_eq!(
        rule,
        json!({
            "SecurityGroupRuleId": null, "Direction": "ingress", "IpProtocol": "ICMPV6", "PortRange": "-1/-1",
            "SourcePortRange": "-1/-1", "Policy": "Drop", "Priority": 7, "NicType": "intranet",
            "SourceCidrIp": "", "Ipv6SourceCidrIp": "2001:db8::ab/32", "SourceGroupId": "", "SourceGroupName": "",
            "SourceGroupOwnerAccount": "", "SourcePrefixListId": "", "SourcePrefixListName": "", "DestCidrIp": "",
            "Ipv6DestCidrIp": "", "DestGroupId": "", "DestGroupName": "", "DestGroupOwnerAccount": "",
            "DestPrefixListId": "", "DestPrefixListName": "", "PortRangeListId": "", "PortRangeListName": "",
            "Description": "x", "CreateTime": "2026-01-02T03:04:05Z",
        })
    );
    let list = cloud.rule("sg-web", "sgr-list");
    assert_eq!(
        (&list["SourcePrefixListName"], &list["PortRangeListName"]),
        (&json!("four"), &json!("web"))
    );
    assert_eq!(list["PortRange"], "");
    let peer = cloud.rule("sg-web", "sgr-peer");
    assert_eq!(peer["SourceGroupOwnerAccount"], "1000000000000001");
}

#[test]
fn authorizing_an_existing_rule_adds_nothing_and_keeps_its_description() {
    let cloud = Cloud::new();
    let before = cloud.rules("sg-web");
    cloud.ok(
        "AuthorizeSecurityGroup",
        "SecurityGroupId=sg-web&IpProtocol=tcp&PortRange=443/443&SourceCidrIp=9.9.9.9/0&Description=other",
    );
    assert_eq!(cloud.rules("sg-web"), before);
}

#[test]
fn whether_priority_tells_rules_apart_is_a_switch() {
    for (with_priority, added) in [(true, 1), (false, 0)] {
        let cloud = Cloud::switched(|switches| switches.identity_with_priority = with_priority);
        let before = cloud.rules("sg-web").len();
        cloud.ok(
            "AuthorizeSecurityGroup",
            "SecurityGroupId=sg-web&IpProtocol=TCP&PortRange=443/443&SourceCidrIp=0.0.0.0/0&Priority=2",
        );
        assert_eq!(cloud.rules("sg-web").len(), before + added);
    }
}

#[test]
fn an_address_wins_over_a_group_and_a_group_over_a_list() {
    let cloud = Cloud::new();
    cloud.ok(
        "AuthorizeSecurityGroupEgress",
        "SecurityGroupId=sg-peer&Permissions.1.IpProtocol=UDP&Permissions.1.PortRange=1/1&Permissions.1.DestCidrIp=192.0.2.7\
         &Permissions.1.DestGroupId=sg-none&Permissions.1.DestPrefixListId=pl-none\
         &Permissions.2.IpProtocol=UDP&Permissions.2.PortRange=1/1&Permissions.2.DestGroupId=sg-web&Permissions.2.DestPrefixListId=pl-none",
    );
    let rules = cloud.rules("sg-peer");
    assert_eq!(texts(&rules, "DestCidrIp"), ["192.0.2.7", ""]);
    assert_eq!(texts(&rules, "DestGroupId"), ["", "sg-web"]);
    assert_eq!(texts(&rules, "DestPrefixListId"), ["", ""]);
}

#[test]
fn rules_are_revoked_by_id_and_by_what_they_are() {
    let cloud = Cloud::new();
    cloud.ok(
        "RevokeSecurityGroup",
        "SecurityGroupId=sg-web&SecurityGroupRuleId.1=sgr-old&SecurityGroupRuleId.2=sgr-list",
    );
    cloud.ok(
        "RevokeSecurityGroup",
        "SecurityGroupId=sg-web&Permissions.1.IpProtocol=Tcp&Permissions.1.PortRange=80/80&Permissions.1.SourceGroupId=sg-peer",
    );
    cloud.ok(
        "RevokeSecurityGroupEgress",
        "SecurityGroupId=sg-web&IpProtocol=ICMP&PortRange=-1/-1&DestCidrIp=10.0.0.0/8",
    );
    assert_eq!(
        texts(&cloud.rules("sg-web"), "SecurityGroupRuleId"),
        ["sgr-https", "sgr-ssh"]
    );
    let lenient = Cloud::switched(|switches| switches.lenient_revoke = true);
    lenient.ok(
        "RevokeSecurityGroup",
        "SecurityGroupId=sg-web&IpProtocol=GRE&PortRange=-1/-1&SourceCidrIp=10.0.0.0/8",
    );
}

#[test]
fn modify_keeps_what_it_is_not_given() {
    let cloud = Cloud::new();
    let mut expected = cloud.rule("sg-web", "sgr-ssh");
    cloud.ok("ModifySecurityGroupRule", "SecurityGroupId=sg-web&SecurityGroupRuleId=sgr-ssh&Policy=drop&Priority=5&Description=changed");
    expected["Policy"] = "Drop".into();
    expected["Priority"] = 5.into();
    expected["Description"] = "changed".into();
    assert_eq!(cloud.rule("sg-web", "sgr-ssh"), expected);

    cloud.ok(
        "ModifySecurityGroupRule",
        "SecurityGroupId=sg-web&SecurityGroupRuleId=sgr-old&Description=kept",
    );
    assert_eq!(cloud.rule("sg-web", "sgr-old")["Priority"], 110);
    cloud.ok("ModifySecurityGroupRule", "SecurityGroupId=sg-web&SecurityGroupRuleId=sgr-https&IpProtocol=ICMP&PortRange=-1/-1&SourceCidrIp=198.51.100.0/24");
    let rule = cloud.rule("sg-web", "sgr-https");
    assert_eq!(
        (&rule["IpProtocol"], &rule["SourceCidrIp"]),
        (&json!("ICMP"), &json!("198.51.100.0/24"))
    );
    cloud.ok(
        "ModifySecurityGroupRule",
        "SecurityGroupId=sg-web&SecurityGroupRuleId=sgr-list&SourcePrefixListId=pl-free",
    );
    assert_eq!(
        cloud.rule("sg-web", "sgr-list")["SourcePrefixListId"],
        "pl-free"
    );
}

#[test]
fn modify_without_an_id_changes_the_description_alone() {
    let cloud = Cloud::new();
    cloud.ok("ModifySecurityGroupRule", "SecurityGroupId=sg-web&IpProtocol=TCP&PortRange=443/443&SourceCidrIp=0.0.0.0/0&Description=new");
    assert_eq!(cloud.rule("sg-web", "sgr-https")["Description"], "new");
}

#[test]
fn a_classic_group_has_a_set_of_rules_per_nic() {
    let cloud = Cloud::new();
    let ids = |nic: &str| {
        let answer = cloud.ok(
            "DescribeSecurityGroupAttribute",
            &format!("SecurityGroupId=sg-classic{nic}"),
        );
        assert_eq!(answer["VpcId"], "");
        texts(
            answer["Permissions"]["Permission"].as_array().unwrap(),
            "SecurityGroupRuleId",
        )
    };
    assert_eq!(ids(""), ["sgr-public"]);
    assert_eq!(ids("&NicType=internet"), ["sgr-public"]);
    assert_eq!(ids("&NicType=intranet"), ["sgr-private"]);
}

fn thousand_rules(switches: Switches) -> Cloud {
    let cloud = Cloud::with(
        r#"{"version": 1, "security_groups": [{"id": "sg-big", "vpc": "vpc-1"}]}"#,
        Switches {
            rules_per_group: 5000,
            ..switches
        },
    );
    for batch in 0..11 {
        let rules: Vec<String> = (1..=100)
            .map(|n| {
                let port = batch * 100 + n;
                format!("Permissions.{n}.IpProtocol=TCP&Permissions.{n}.PortRange={port}/{port}&Permissions.{n}.SourceCidrIp=0.0.0.0/0")
            })
            .collect();
        cloud.ok(
            "AuthorizeSecurityGroup",
            &format!("SecurityGroupId=sg-big&{}", rules.join("&")),
        );
    }
    cloud
}

#[test]
fn pages_hold_every_rule_once_in_whatever_order() {
    for random_rule_order in [false, true] {
        let cloud = thousand_rules(Switches {
            random_rule_order,
            ..Switches::default()
        });
        let rules = cloud.rules("sg-big");
        let mut ports: Vec<u32> = rules
            .iter()
            .map(|rule| {
                rule["PortRange"]
                    .as_str()
                    .unwrap()
                    .split_once('/')
                    .unwrap()
                    .0
                    .parse()
                    .unwrap()
            })
            .collect();
        assert_eq!(ports.is_sorted(), !random_rule_order);
        ports.sort_unstable();
        assert!(ports.into_iter().eq(1..=1100));
        let first = cloud.ok("DescribeSecurityGroupAttribute", "SecurityGroupId=sg-big");
        assert_eq!(
            first["Permissions"]["Permission"].as_array().unwrap().len(),
            500
        );
    }
}

#[test]
fn rules_removed_between_pages_do_not_hide_others() {
    let cloud = thousand_rules(Switches::default());
    let first = cloud.ok(
        "DescribeSecurityGroupAttribute",
        "SecurityGroupId=sg-big&MaxResults=1000",
    );
    let id = first["Permissions"]["Permission"][999]["SecurityGroupRuleId"]
        .as_str()
        .unwrap();
    cloud.ok(
        "RevokeSecurityGroup",
        &format!("SecurityGroupId=sg-big&SecurityGroupRuleId.1={id}"),
    );
    let token = first["NextToken"].as_str().unwrap();
    let second = cloud.ok(
        "DescribeSecurityGroupAttribute",
        &format!("SecurityGroupId=sg-big&MaxResults=1000&NextToken={token}"),
    );
    assert_eq!(
        second["Permissions"]["Permission"]
            .as_array()
            .unwrap()
            .len(),
        100
    );
    assert_eq!(second["NextToken"], "");
}

#[test]
fn a_client_token_acts_once() {
    let cloud = Cloud::new();
    let create = "VpcId=vpc-1&SecurityGroupName=once&ClientToken=t1";
    let first = cloud.ok("CreateSecurityGroup", create);
    let again = cloud.ok("CreateSecurityGroup", &create.replace("t1", "t2"));
    assert_ne!(again["SecurityGroupId"], first["SecurityGroupId"]);
    let pairs: Vec<(String, String)> = create
        .split('&')
        .chain(["RegionId=cn-hangzhou"])
        .map(|pair| pair.split_once('=').unwrap())
        .map(|(n, v)| (n.to_owned(), v.to_owned()))
        .collect();
    let replay = cloud.send(&crate::cloud::v3("CreateSecurityGroup", &pairs, cloud.now));
    assert_eq!(
        serde_json::from_slice::<Value>(&replay.body).unwrap(),
        first
    );
    assert_eq!(
        cloud.refusal(
            "CreateSecurityGroup",
            "VpcId=vpc-1&SecurityGroupName=other&ClientToken=t1"
        ),
        "400 IdempotentParameterMismatch"
    );
}

#[test]
fn priorities_and_networks_may_come_in_the_other_spelling() {
    let cloud = Cloud::switched(|switches| {
        switches.priority_as_string = true;
        switches.normalise_cidrs = true;
    });
    assert_eq!(cloud.rule("sg-web", "sgr-old")["Priority"], "110");
    let classic = cloud.rules("sg-classic").remove(0);
    assert_eq!(classic["SourceCidrIp"], "1.2.3.4/32");
}

#[test]
fn the_call_log_counts_what_was_asked() {
    let cloud = Cloud::new();
    cloud.ok(
        "RevokeSecurityGroup",
        "SecurityGroupId=sg-web&SecurityGroupRuleId.1=sgr-old&SecurityGroupRuleId.2=sgr-list",
    );
    cloud.refusal(
        "RevokeSecurityGroup",
        "SecurityGroupId=sg-web&SecurityGroupRuleId.1=sgr-old",
    );
    let calls: Vec<_> = cloud
        .engine
        .calls()
        .into_iter()
        .map(|call| {
            (
                call.access_key_id,
                call.action,
                call.region.unwrap(),
                call.group.unwrap(),
                call.code.map(|code| code.into_owned()),
                call.items,
            )
        })
        .collect();
    let call = |code, items| {
        (
            "testid".to_owned(),
            "RevokeSecurityGroup".to_owned(),
            "cn-hangzhou".to_owned(),
            "sg-web".to_owned(),
            code,
            items,
        )
    };
    assert_eq!(
        calls,
        [
            call(None, 2),
            call(Some("InvalidParam.SecurityGroupRuleId".to_owned()), 1)
        ]
    );
}
