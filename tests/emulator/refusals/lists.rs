//! What the actions refuse that keep prefix lists and port lists.

use super::check;
use crate::cloud::Cloud;

#[test]
fn lists_refuse_what_the_cloud_refuses() {
    const CP: &str = "CreatePrefixList";
    const MP: &str = "ModifyPrefixList";
    const CR: &str = "CreatePortRangeList";
    const MR: &str = "ModifyPortRangeList";
    const NEW: &str = "PrefixListName=new&AddressFamily=IPv4&MaxEntries=1";
    const PORTS: &str = "PortRangeListName=new&MaxEntries=1";
    let with = |base: &str, more: &str| format!("{base}&{more}");
    let ids: Vec<String> = (1..=101)
        .map(|n| format!("PrefixListId.{n}=pl-{n}"))
        .collect();
    let port_ids: Vec<String> = (1..=101)
        .map(|n| format!("PortRangeListId.{n}=prl-{n}"))
        .collect();
    let entries: Vec<String> = (1..=201)
        .map(|n| format!("Entry.{n}.Cidr=10.0.0.0/8"))
        .collect();
    check(
        &Cloud::new(),
        &[
            (
                CP,
                "AddressFamily=IPv4&MaxEntries=1",
                "400 MissingParameter",
            ),
            (
                CP,
                "PrefixListName=com.aliyun.x&AddressFamily=IPv4&MaxEntries=1",
                "400 InvalidParameter.PrefixListName",
            ),
            (
                CP,
                "PrefixListName=new&AddressFamily=ipv4&MaxEntries=1",
                "400 InvalidParameter.AddressFamily",
            ),
            (
                CP,
                "PrefixListName=new&AddressFamily=IPv4&MaxEntries=201",
                "400 InvalidParameter",
            ),
            (
                CP,
                &with(NEW, "Description=x"),
                "400 InvalidDescription.Malformed",
            ),
            (
                CP,
                &with(NEW, "Entry.1.Cidr=10.0.0.1/8"),
                "400 InvalidParameter.CidrMalformed",
            ),
            (
                CP,
                &with(NEW, "Entry.1.Cidr=::/0"),
                "400 InvalidParameter.CidrMalformed",
            ),
            (
                CP,
                &with(NEW, "Entry.1.Cidr=10.0.0.1&Entry.2.Cidr=10.0.0.1/32"),
                "400 InvalidParameter.CidrDuplicated",
            ),
            (
                CP,
                &with(NEW, "Entry.1.Cidr=10.0.0.1&Entry.2.Cidr=10.0.0.2"),
                "400 LimitExceed.MaxEntries",
            ),
            (CP, &with(NEW, &entries.join("&")), "400 LimitExceed.Entry"),
            (
                CP,
                &with(NEW, "ResourceGroupId=x"),
                "404 InvalidResourceGroup.NotFound",
            ),
            (
                MP,
                "PrefixListId=pl-none",
                "404 InvalidPrefixListId.NotFound",
            ),
            (
                MP,
                "PrefixListId=pl-four&RemoveEntry.1.Cidr=10.0.0.0/8",
                "400 InvalidParameter",
            ),
            (
                MP,
                "PrefixListId=pl-four&RemoveEntry.1.Cidr=203.0.113.0/24&AddEntry.1.Cidr=203.0.113.0/24",
                "400 InvalidParameter.CidrDuplicated",
            ),
            (
                "DeletePrefixList",
                "PrefixListId=pl-four",
                "400 NotAllowed.AssociationExist",
            ),
            (
                "DescribePrefixLists",
                &ids.join("&"),
                "400 LimitExceed.PrefixListId",
            ),
            (
                "DescribePrefixListAttributes",
                "PrefixListId=pl-none",
                "404 InvalidPrefixListId.NotFound",
            ),
            (
                "DescribePrefixListAssociations",
                "PrefixListId=pl-four&MaxResults=0",
                "400 InvalidParameter",
            ),
            (
                CR,
                "RegionId=cn-nowhere&PortRangeListName=new&MaxEntries=1",
                "404 InvalidRegionId.NotFound",
            ),
            (
                CR,
                "PortRangeListName=new&MaxEntries=2001",
                "400 InvalidOperation.MaxEntriesCountExceed",
            ),
            (
                CR,
                "PortRangeListName=1&MaxEntries=1",
                "400 InvalidParameter.PortRangeListName",
            ),
            (
                CR,
                &with(PORTS, "Entry.1.PortRange=80"),
                "400 InvalidParameter.PortRange",
            ),
            (
                CR,
                &with(PORTS, "Entry.1.PortRange=80/80&Entry.2.PortRange=80/80"),
                "400 InvalidParameter.PortRangeDuplicated",
            ),
            (
                CR,
                &with(PORTS, "Entry.1.PortRange=80/80&Entry.2.PortRange=81/81"),
                "400 InvalidOperation.EntryCountExceedMaxEntries",
            ),
            (
                MR,
                "PortRangeListId=prl-free&AddEntry.1.PortRange=1/1&AddEntry.2.PortRange=2/2",
                "400 LimitExceed.MaxEntries",
            ),
            (
                MR,
                "PortRangeListId=prl-none",
                "400 InvalidPortRangeListId.NotFound",
            ),
            (
                "DeletePortRangeList",
                "PortRangeListId=prl-web",
                "400 InvalidPortRangeListId.AssociationExist",
            ),
            (
                "DescribePortRangeLists",
                &port_ids.join("&"),
                "400 LimitExceed.PortRangeListId",
            ),
        ],
    );
}

#[test]
fn lists_have_limits_of_their_own() {
    let port_lists: Vec<String> = (0..1000)
        .map(|n| format!(r#"{{"id": "prl-{n}", "max_entries": 1}}"#))
        .collect();
    let groups: Vec<String> = (0..1000)
        .map(|n| format!(
            r#"{{"id": "sg-{n}", "vpc": "vpc-1", "rules": [{{"IpProtocol": "GRE", "PortRange": "-1/-1", "SourcePrefixListId": "pl-1"}}]}}"#
        ))
        .collect();
    let seed = format!(
        r#"{{"version": 1, "port_lists": [{}], "security_groups": [{}, {{"id": "sg-last", "vpc": "vpc-1"}}],
            "prefix_lists": [{{"id": "pl-1", "family": "IPv4", "max_entries": 1}}]}}"#,
        port_lists.join(","),
        groups.join(",")
    );
    let cloud = Cloud::with(&seed, Default::default());
    assert_eq!(
        cloud.refusal("CreatePortRangeList", "PortRangeListName=new&MaxEntries=1"),
        "400 InvalidOperation.MaxCountExceed"
    );
    let rule = "IpProtocol=TCP&PortRange=1/1&SourcePrefixListId=pl-1";
    assert_eq!(
        cloud.refusal(
            "AuthorizeSecurityGroup",
            &format!("SecurityGroupId=sg-last&{rule}")
        ),
        "403 LimitExceed.PrefixListAssociationResource"
    );
    cloud.ok(
        "AuthorizeSecurityGroup",
        &format!("SecurityGroupId=sg-7&{rule}"),
    );
}
