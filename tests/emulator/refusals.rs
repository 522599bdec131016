//! Every code that the actions refuse with, by an input that gets it; a refused call changes nothing.

mod authorize;
mod groups;
mod lists;
mod rules;

use crate::cloud::Cloud;

/// `P.` stands for `Permissions.1.`, `Q.` for `Permissions.2.`, `OK` for the rest of a rule that would be fine.
fn expanded(params: &str) -> String {
    params
        .replace(
            "OK4",
            "P.IpProtocol=TCP&P.PortRange=80/80&P.SourceCidrIp=192.0.2.0/24",
        )
        .replace("OKP", "P.IpProtocol=TCP&P.PortRange=80/80")
        .replace("WEB", "SecurityGroupId=sg-web")
        .replace("P.", "Permissions.1.")
        .replace("Q.", "Permissions.2.")
}

fn check(cloud: &Cloud, table: &[(&str, &str, &str)]) {
    let before = cloud.everything();
    for (action, params, expected) in table {
        assert_eq!(
            cloud.refusal(action, &expanded(params)),
            *expected,
            "{action} {params}"
        );
        assert_eq!(
            cloud.everything(),
            before,
            "{action} {params} changed something"
        );
    }
}

#[test]
fn limits_on_numbers_hold() {
    let cloud = Cloud::new();
    for port in 1..=19 {
        cloud.ok(
            "AuthorizeSecurityGroup",
            &expanded(&format!(
                "WEB&P.IpProtocol=TCP&P.PortRange={port}/{port}&P.SourceGroupId=sg-peer"
            )),
        );
    }
    assert_eq!(
        cloud.refusal(
            "AuthorizeSecurityGroup",
            &expanded("WEB&P.IpProtocol=UDP&P.PortRange=1/1&P.SourceGroupId=sg-peer")
        ),
        "400 AuthorizedGroupRule.LimitExceed"
    );
    for n in cloud.ok("DescribePrefixLists", "")["PrefixLists"]["PrefixList"]
        .as_array()
        .unwrap()
        .len()..100
    {
        cloud.ok(
            "CreatePrefixList",
            &format!("PrefixListName=l{n}&AddressFamily=IPv4&MaxEntries=1"),
        );
    }
    assert_eq!(
        cloud.refusal(
            "CreatePrefixList",
            "PrefixListName=new&AddressFamily=IPv4&MaxEntries=1"
        ),
        "404 LimitExceed.PrefixListPerRegion"
    );
}

#[test]
fn strict_parameters_and_drop_in_advanced_groups_are_switches() {
    let cloud = Cloud::switched(|switches| {
        switches.strict_unknown_parameters = true;
        switches.drop_in_advanced_groups = false;
    });
    assert_eq!(
        cloud.refusal(
            "AuthorizeSecurityGroup",
            &expanded("WEB&Permission.1.IpProtocol=TCP&OK4")
        ),
        "400 UnsupportedParameter"
    );
    cloud.ok(
        "AuthorizeSecurityGroup",
        &expanded("WEB&OK4&P.Priority=2&ClientToken=1"),
    );
    assert_eq!(
        cloud.refusal(
            "AuthorizeSecurityGroup",
            &expanded("SecurityGroupId=sg-adv&OK4&P.Policy=drop")
        ),
        "400 InvalidGroupParameter.OperationDenied"
    );
}

#[test]
fn what_only_the_newest_tables_say_is_refused_too() {
    let cloud = Cloud::new();
    for (action, params, refusal) in [
        (
            "CreatePortRangeList",
            "PortRangeListName=new&MaxEntries=1&ResourceGroupId=none",
            "404 InvalidResourceGroup.NotFound",
        ),
        (
            "CreatePortRangeList",
            "PortRangeListName=new&MaxEntries=1&Entry.1.Description=web",
            "400 InvalidParam.Entry",
        ),
        (
            "DescribeSecurityGroups",
            "SecurityGroupName=-",
            "400 InvalidSecurityGroupName.Malformed",
        ),
        (
            "CreateSecurityGroup",
            "VpcId=vpc-1&ServiceManaged=true",
            "403 InvalidOperation.ResourceManagedByCloudProduct",
        ),
        (
            "DescribeRegions",
            "ResourceType=moon",
            "404 InvalidResourceType.NotFound",
        ),
    ] {
        assert_eq!(cloud.refusal(action, params), refusal, "{action} {params}");
    }
}
