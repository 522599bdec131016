//! Every code that the actions refuse with, by an input that gets it; a refused call changes nothing.

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
fn authorize_refuses_what_the_cloud_refuses() {
    const A: &str = "AuthorizeSecurityGroup";
    const E: &str = "AuthorizeSecurityGroupEgress";
    let long = format!("WEB&OK4&P.Description={}", "x".repeat(513));
    let many: Vec<String> = (1..=101)
        .map(|n| format!("Permissions.{n}.IpProtocol=TCP"))
        .collect();
    let many = format!("WEB&{}", many.join("&"));
    check(
        &Cloud::new(),
        &[
            (A, "RegionId=&WEB&OK4", "400 MissingParameter.RegionId"),
            (
                A,
                "RegionId=cn-nowhere&WEB&OK4",
                "404 InvalidRegionId.NotFound",
            ),
            (A, "OK4", "400 InvalidSecurityGroupId.Malformed"),
            (
                A,
                "SecurityGroupId=sg:1&OK4",
                "400 InvalidSecurityGroupId.Malformed",
            ),
            (
                A,
                "SecurityGroupId=sg-none&OK4",
                "404 InvalidSecurityGroupId.NotFound",
            ),
            (
                A,
                "RegionId=cn-beijing&WEB&OK4",
                "404 InvalidSecurityGroupId.NotFound",
            ),
            (
                A,
                "SecurityGroupId=sg-managed&OK4",
                "403 InvalidOperation.ResourceManagedByCloudProduct",
            ),
            (A, "WEB", "400 InvalidIpProtocol.ValueNotSupported"),
            (
                A,
                "WEB&Permission.1.IpProtocol=TCP",
                "400 InvalidIpProtocol.ValueNotSupported",
            ),
            (
                A,
                "WEB&P.IpProtocol=SCTP&P.PortRange=-1/-1&P.SourceCidrIp=10.0.0.0/8",
                "400 InvalidIpProtocol.ValueNotSupported",
            ),
            (
                A,
                "WEB&P.IpProtocol=132&P.PortRange=-1/-1&P.SourceCidrIp=10.0.0.0/8",
                "400 InvalidIpProtocol.ValueNotSupported",
            ),
            (
                A,
                "WEB&P.IpProtocol=TCP&P.SourceCidrIp=10.0.0.0/8",
                "400 InvalidPortRange.Malformed",
            ),
            (
                A,
                "WEB&IpProtocol=TCP&PortRangeListId=prl-web&SourceCidrIp=10.0.0.0/8",
                "400 InvalidPortRange.Malformed",
            ),
            (
                A,
                "WEB&P.IpProtocol=TCP&P.PortRange=80&P.SourceCidrIp=10.0.0.0/8",
                "400 InvalidParam.PortRange",
            ),
            (
                A,
                "WEB&P.IpProtocol=TCP&P.PortRange=200/1&P.SourceCidrIp=10.0.0.0/8",
                "400 InvalidParam.PortRange",
            ),
            (
                A,
                "WEB&P.IpProtocol=TCP&P.PortRange=0/80&P.SourceCidrIp=10.0.0.0/8",
                "400 InvalidParam.PortRange",
            ),
            (
                A,
                "WEB&P.IpProtocol=TCP&P.PortRange=1/65536&P.SourceCidrIp=10.0.0.0/8",
                "400 InvalidParam.PortRange",
            ),
            (
                A,
                "WEB&P.IpProtocol=TCP&P.PortRange=-1/-1&P.SourceCidrIp=10.0.0.0/8",
                "400 OperationDenied",
            ),
            (
                A,
                "WEB&P.IpProtocol=ICMP&P.PortRange=80/80&P.SourceCidrIp=10.0.0.0/8",
                "400 OperationDenied",
            ),
            (
                A,
                "WEB&OK4&P.SourcePortRange=9/1",
                "400 InvalidSourcePortRange.Malformed",
            ),
            (
                A,
                "WEB&P.IpProtocol=GRE&P.PortRange=-1/-1&P.SourceCidrIp=10.0.0.0/8&P.SourcePortRange=1/2",
                "400 InvalidSourcePortRange.Malformed",
            ),
            (
                A,
                "WEB&OKP&P.SourceCidrIp=10.0.0.0/33",
                "400 InvalidSourceCidrIp.Malformed",
            ),
            (
                A,
                "WEB&OKP&P.SourceCidrIp=::/0",
                "400 InvalidSourceCidrIp.Malformed",
            ),
            (
                A,
                "WEB&OK4&P.DestCidrIp=x",
                "400 InvalidDestCidrIp.Malformed",
            ),
            (
                A,
                "WEB&OKP&P.Ipv6SourceCidrIp=2001::/129",
                "400 InvalidParam.Ipv6SourceCidrIp",
            ),
            (
                A,
                "WEB&OKP&P.Ipv6SourceCidrIp=::/0&P.Ipv6DestCidrIp=x",
                "400 InvalidParam.Ipv6DestCidrIp",
            ),
            (
                A,
                "WEB&OK4&P.Ipv6SourceCidrIp=::/0",
                "400 InvalidParam.SourceIp",
            ),
            (
                A,
                "WEB&OK4&P.DestCidrIp=10.0.0.1&P.Ipv6DestCidrIp=::1",
                "400 InvalidParam.DestIp",
            ),
            (
                A,
                "WEB&OK4&P.Ipv6DestCidrIp=::1",
                "400 InvalidParameter.Conflict",
            ),
            (
                A,
                "WEB&OK4&P.DestCidrIp=192.0.2.1/24",
                "400 InvalidParamter.Conflict",
            ),
            (
                A,
                "WEB&P.IpProtocol=ICMP&P.PortRange=-1/-1&P.Ipv6SourceCidrIp=::/0",
                "400 InvalidParam.Ipv4ProtocolConflictWithIpv6Address",
            ),
            (
                A,
                "WEB&P.IpProtocol=ICMPv6&P.PortRange=-1/-1&P.SourceCidrIp=10.0.0.0/8",
                "400 InvalidParam.Ipv6ProtocolConflictWithIpv4Address",
            ),
            (
                A,
                "WEB&P.IpProtocol=ICMP&P.PortRange=-1/-1&P.SourcePrefixListId=pl-six",
                "400 InvalidParam.PrefixListAddressFamilyMismatch",
            ),
            (
                A,
                "WEB&OKP&P.SourcePrefixListId=pl-six&P.DestCidrIp=10.0.0.1",
                "400 InvalidParam.PrefixListAddressFamilyMismatch",
            ),
            (A, "WEB&OK4&P.Policy=reject", "400 InvalidPolicy.Malformed"),
            (
                A,
                "WEB&OK4&P.Priority=high",
                "400 InvalidPriority.Malformed",
            ),
            (
                A,
                "WEB&OK4&P.Priority=0",
                "400 InvalidPriority.ValueNotSupported",
            ),
            (
                A,
                "WEB&OK4&P.Priority=101",
                "400 InvalidPriority.ValueNotSupported",
            ),
            (
                A,
                "WEB&OK4&P.Priority=110",
                "400 InvalidPriority.ValueNotSupported",
            ),
            (
                A,
                "WEB&OK4&P.NicType=extranet",
                "400 InvalidNicType.ValueNotSupported",
            ),
            (A, &long, "400 InvalidSecurityGroupDiscription.Malformed"),
            (A, "WEB&OKP", "400 MissingParameter.Source"),
            (E, "WEB&OKP", "400 MissingParameter.Dest"),
            (
                A,
                "WEB&OKP&P.DestGroupId=sg-peer",
                "400 MissingParameter.Source",
            ),
            (
                A,
                "WEB&OKP&P.SourceGroupId=sg-other",
                "400 InvalidSourceGroupId.Mismatch",
            ),
            (
                E,
                "WEB&OKP&P.DestGroupId=sg-other",
                "400 InvalidDestGroupId.Mismatch",
            ),
            (
                A,
                "WEB&OKP&P.SourceGroupId=sg-none",
                "404 InvalidSourceGroupId.NotFound",
            ),
            (
                E,
                "WEB&OKP&P.DestGroupId=sg-none",
                "404 InvalidDestGroupId.NotFound",
            ),
            (
                A,
                "WEB&OKP&P.SourceGroupId=sg-web",
                "403 InvalidParamter.Conflict",
            ),
            (
                E,
                "WEB&OKP&P.DestGroupId=sg-web",
                "403 InvalidSecurityGroup.IsSame",
            ),
            (
                A,
                "WEB&OKP&P.SourceGroupId=sg-classic",
                "403 InvalidNetworkType.Conflict",
            ),
            (
                A,
                "WEB&OKP&P.SourceGroupId=sg-adv",
                "400 InvalidGroupAuthParameter.OperationDenied",
            ),
            (
                A,
                "SecurityGroupId=sg-adv&OKP&P.SourceGroupId=sg-web",
                "400 InvalidGroupParameter.OperationDenied",
            ),
            (
                A,
                "SecurityGroupId=sg-classic&OKP&P.SourceGroupId=sg-web",
                "403 InvalidSourceGroupId.Mismatch",
            ),
            (
                A,
                "SecurityGroupId=sg-classic&OKP&P.Ipv6SourceCidrIp=::/0",
                "400 InvalidSecurityGroup.InvalidNetworkType",
            ),
            (
                A,
                "SecurityGroupId=sg-classic&OKP&P.SourcePrefixListId=pl-four",
                "400 NotSupported.ClassicNetworkPrefixList",
            ),
            (
                A,
                "WEB&OKP&P.SourcePrefixListId=pl-none",
                "404 InvalidPrefixListId.NotFound",
            ),
            (
                A,
                "WEB&P.IpProtocol=TCP&P.PortRangeListId=prl-none&P.SourceCidrIp=10.0.0.0/8",
                "400 InvalidPortRangeListId.NotFound",
            ),
            (
                A,
                "WEB&P.IpProtocol=ALL&P.PortRangeListId=prl-web&P.SourceCidrIp=10.0.0.0/8",
                "400 InvalidParam.ProtocolNotSupportPortRangeList",
            ),
            (A, "WEB&OK4&IpProtocol=TCP", "400 InvalidParam.Permissions"),
            (
                A,
                "WEB&OK4&Q.IpProtocol=tcp&Q.PortRange=80/80&Q.SourceCidrIp=192.0.2.7/24&Q.Description=other",
                "400 InvalidParam.DuplicatePermissions",
            ),
            (
                A,
                "WEB&OK4&Q.IpProtocol=TCP",
                "400 InvalidPortRange.Malformed",
            ),
            (A, &many, "400 InvalidParameter"),
            (
                A,
                "WEB&OKP&P.SourcePrefixListId=pl-big",
                "403 AuthorizationLimitExceed",
            ),
            (
                A,
                "WEB&OK4&ClientToken=ä",
                "400 InvalidClientToken.ValueNotSupported",
            ),
        ],
    );
}

#[test]
fn revoke_refuses_what_the_cloud_refuses() {
    const R: &str = "RevokeSecurityGroup";
    const E: &str = "RevokeSecurityGroupEgress";
    check(
        &Cloud::new(),
        &[
            (R, "WEB", "400 InvalidIpProtocol.ValueNotSupported"),
            (
                R,
                "WEB&SecurityGroupRuleId.1=sgr-none",
                "400 InvalidParam.SecurityGroupRuleId",
            ),
            (
                R,
                "WEB&SecurityGroupRuleId.1=sgr-ssh&SecurityGroupRuleId.2=sgr-none",
                "400 InvalidParam.SecurityGroupRuleId",
            ),
            (
                R,
                "WEB&SecurityGroupRuleId.1=sgr-out",
                "400 InvalidParam.SecurityGroupRuleId",
            ),
            (
                E,
                "WEB&SecurityGroupRuleId.1=sgr-ssh",
                "400 InvalidParam.SecurityGroupRuleId",
            ),
            (
                R,
                "WEB&SecurityGroupRuleId.1=sgr-ssh&SecurityGroupRuleId.2=sgr-ssh",
                "400 InvalidParam.SecurityGroupRuleIdRepeated",
            ),
            (
                R,
                "WEB&SecurityGroupRuleId.1=sgr-ssh&OK4",
                "400 InvalidParam.Permissions",
            ),
            (
                R,
                "WEB&SecurityGroupRuleId.1=sgr-ssh&IpProtocol=TCP",
                "400 InvalidParam.SecurityGroupRuleId",
            ),
            (R, "WEB&OK4", "400 InvalidSecurityGroupRule.RuleNotExist"),
            (
                R,
                "WEB&P.IpProtocol=TCP&P.PortRange=443/443&P.SourceCidrIp=0.0.0.0/0&P.Priority=2",
                "400 InvalidSecurityGroupRule.RuleNotExist",
            ),
            (
                R,
                "WEB&OKP&P.SourceGroupId=sg-web",
                "400 InvalidParamter.Conflict",
            ),
            (
                R,
                "SecurityGroupId=sg-managed&OK4",
                "403 InvalidOperation.ResourceManagedByCloudProduct",
            ),
        ],
    );
}

#[test]
fn modify_refuses_what_the_cloud_refuses() {
    const M: &str = "ModifySecurityGroupRule";
    const E: &str = "ModifySecurityGroupEgressRule";
    check(
        &Cloud::new(),
        &[
            (
                M,
                "WEB&SecurityGroupRuleId=sgr-none&Policy=drop",
                "404 InvalidSecurityGroupRuleId.NotFound",
            ),
            (
                M,
                "WEB&SecurityGroupRuleId=sgr-out&Policy=drop",
                "400 InvalidSourceOrDestGroupId.DirectionMissmatch",
            ),
            (
                E,
                "WEB&SecurityGroupRuleId=sgr-ssh&Policy=drop",
                "400 InvalidSourceOrDestGroupId.DirectionMissmatch",
            ),
            (
                M,
                "WEB&SecurityGroupRuleId=sgr-peer&DestGroupId=sg-peer",
                "400 InvalidSourceOrDestGroupId.DirectionMissmatch",
            ),
            (
                M,
                "WEB&SecurityGroupRuleId=sgr-ssh&Ipv6SourceCidrIp=::/0",
                "400 InvalidOperation.ModifySgRuleEntityType",
            ),
            (
                M,
                "WEB&SecurityGroupRuleId=sgr-ssh&SourceGroupId=sg-peer",
                "400 InvalidOperation.ModifySgRuleEntityType",
            ),
            (
                M,
                "WEB&SecurityGroupRuleId=sgr-peer&SourcePrefixListId=pl-four",
                "400 InvalidOperation.ModifySgRuleEntityType",
            ),
            (
                M,
                "WEB&SecurityGroupRuleId=sgr-ssh&SourceCidrIp=1.2.3.4&Ipv6SourceCidrIp=::/0",
                "400 InvalidParam.SourceIp",
            ),
            (
                M,
                "SecurityGroupId=sg-classic&SecurityGroupRuleId=sgr-public&NicType=intranet",
                "400 InvalidOperation.ModifyNicType",
            ),
            (
                M,
                "WEB&SecurityGroupRuleId=sgr-list&PortRange=80/80",
                "400 InvalidOperation.ModifyPortRangeType",
            ),
            (
                M,
                "WEB&SecurityGroupRuleId=sgr-ssh&PortRangeListId=prl-web",
                "400 InvalidOperation.ModifyPortRangeType",
            ),
            (
                M,
                "WEB&SecurityGroupRuleId=sgr-https&Description=",
                "400 InvalidParam.InvalidModifyRuleRequest",
            ),
            (
                M,
                "WEB&SecurityGroupRuleId=sgr-ssh&SourcePortRange=",
                "400 InvalidParam.InvalidModifyRuleRequest",
            ),
            (
                M,
                "WEB&SecurityGroupRuleId=sgr-ssh&IpProtocol=ICMP&PortRange=-1/-1&SourcePortRange=-1/-1",
                "400 InvalidParam.InvalidModifyRuleRequest",
            ),
            (
                M,
                "WEB&SecurityGroupRuleId=sgr-https&IpProtocol=ICMP",
                "400 InvalidParam.ProtocolAndPortRangeMismatch",
            ),
            (
                M,
                "WEB&SecurityGroupRuleId=sgr-https&PortRange=-1/-1",
                "400 InvalidParam.ProtocolAndPortRangeMismatch",
            ),
            (
                M,
                "WEB&SecurityGroupRuleId=sgr-old&IpProtocol=TCP&PortRange=443/443&Priority=1",
                "400 InvalidOperation.RuleDuplicate",
            ),
            (
                M,
                "WEB&SecurityGroupRuleId=sgr-old&Priority=110",
                "400 InvalidPriority.ValueNotSupported",
            ),
            (
                M,
                "WEB&SecurityGroupRuleId=sgr-peer&SourceGroupId=sg-classic",
                "403 InvalidNetworkType.Mismatch",
            ),
            (
                M,
                "WEB&SecurityGroupRuleId=sgr-list&SourcePrefixListId=pl-six&IpProtocol=UDP&DestCidrIp=10.0.0.1",
                "400 InvalidParam.PrefixListAddressFamilyMismatch",
            ),
            (
                M,
                "WEB&SecurityGroupRuleId=sgr-list&SourcePrefixListId=pl-big",
                "403 AuthorizationLimitExceed",
            ),
            (
                M,
                "WEB&IpProtocol=TCP&PortRange=9/9&SourceCidrIp=0.0.0.0/0&Description=new",
                "404 SecurityGroupRule.NotFound",
            ),
            (
                M,
                "SecurityGroupId=sg-managed&SecurityGroupRuleId=sgr-1",
                "403 InvalidOperation.ResourceManagedByCloudProduct",
            ),
        ],
    );
}

#[test]
fn describes_refuse_what_the_cloud_refuses() {
    const A: &str = "DescribeSecurityGroupAttribute";
    const G: &str = "DescribeSecurityGroups";
    const REFS: &str = "DescribeSecurityGroupReferences";
    check(
        &Cloud::new(),
        &[
            (A, "WEB&MaxResults=9", "400 InvalidParamter"),
            (A, "WEB&MaxResults=1001", "400 InvalidParamter"),
            (A, "WEB&NextToken=abc", "400 InvalidParamter"),
            (A, "WEB&Direction=both", "400 InvalidParamter"),
            (A, "WEB&NicType=x", "400 InvalidNicType.ValueNotSupported"),
            (
                A,
                "WEB&Attribute=x",
                "400 InvalidParameter.AttributeNotSupported",
            ),
            (G, "MaxResults=101", "400 InvalidParameter"),
            (G, "PageSize=51", "400 InvalidParameter"),
            (
                G,
                "NextToken=e71d8a535bd9cc11",
                "400 InValidParameter.NextToken",
            ),
            (
                G,
                "SecurityGroupType=huge",
                "400 InvalidParameter.SecurityGroupType",
            ),
            (
                G,
                "SecurityGroupIds=sg-web",
                "400 InvalidSecurityGroupId.Malformed",
            ),
            (G, "DryRun=true", "400 DryRunOperation"),
            (REFS, "", "400 InvalidSecurityGroupId.Malformed"),
            (
                REFS,
                "SecurityGroupId.1=sg-none",
                "404 InvalidSecurityGroupId.NotFound",
            ),
            (
                "DescribeRegions",
                "AcceptLanguage=tlh",
                "404 InvalidAcceptLanguage.NotFound",
            ),
        ],
    );
    let cloud = Cloud::switched(|switches| switches.refuse_page_numbers = true);
    assert_eq!(
        cloud.refusal(G, "PageNumber=1"),
        "400 NotSupported.PageNumberAndPageSize"
    );
}

#[test]
fn groups_refuse_what_the_cloud_refuses() {
    const C: &str = "CreateSecurityGroup";
    const D: &str = "DeleteSecurityGroup";
    const A: &str = "ModifySecurityGroupAttribute";
    const P: &str = "ModifySecurityGroupPolicy";
    let tags: Vec<String> = (1..=21).map(|n| format!("Tag.{n}.Key=k{n}")).collect();
    let tags = format!("VpcId=vpc-1&{}", tags.join("&"));
    check(
        &Cloud::new(),
        &[
            (C, "SecurityGroupName=web", "403 InvalidVpcId.NotFound"),
            (C, "VpcId=net-1", "404 InvalidVpcId.NotFound"),
            (
                C,
                "SecurityGroupType=enterprise",
                "400 InvalidParams.VpcIdGroupType",
            ),
            (
                C,
                "VpcId=vpc-1&SecurityGroupType=huge",
                "400 InvalidParams.GroupType",
            ),
            (
                C,
                "VpcId=vpc-1&SecurityGroupName=1web",
                "400 InvalidSecurityGroupName.Malformed",
            ),
            (
                C,
                "VpcId=vpc-1&SecurityGroupName=https://x",
                "400 InvalidSecurityGroupName.Malformed",
            ),
            (
                C,
                "VpcId=vpc-1&Description=x",
                "400 InvalidSecurityGroupDiscription.Malformed",
            ),
            (
                C,
                "VpcId=vpc-1&ResourceGroupId=x",
                "404 InvalidResourceGroup.NotFound",
            ),
            (
                C,
                "VpcId=vpc-1&Tag.1.Key=aliyun1",
                "400 InvalidTagKey.Malformed",
            ),
            (
                C,
                "VpcId=vpc-1&Tag.1.Key=a&Tag.1.Value=http://x",
                "400 InvalidTagValue.Malformed",
            ),
            (
                C,
                "VpcId=vpc-1&Tag.1.Key=a&Tag.2.Key=a",
                "400 Duplicate.TagKey",
            ),
            (C, &tags, "403 QuotaExceed.Tags"),
            (D, "RegionId=&WEB", "400 MissingParameter.RegionId"),
            (
                D,
                "SecurityGroupId=sg-none",
                "404 InvalidSecurityGroup.NotFound",
            ),
            (D, "SecurityGroupId=sg-peer", "403 DependencyViolation"),
            (
                D,
                "SecurityGroupId=sg-managed",
                "403 InvalidOperation.ResourceManagedByCloudProduct",
            ),
            (
                D,
                "SecurityGroupId=sg-kept",
                "403 InvalidOperation.DeletionProtection",
            ),
            (
                A,
                "WEB&SecurityGroupName=-",
                "400 InvalidSecurityGroupName.Malformed",
            ),
            (
                A,
                "WEB&Description=http://x",
                "400 InvalidSecurityGroupDiscription.Malformed",
            ),
            (P, "RegionId=&WEB", "400 MissingParamter.RegionId"),
            (
                P,
                "InnerAccessPolicy=Drop",
                "400 InvalidSecurityGroupId.Malformed",
            ),
            (P, "WEB&InnerAccessPolicy=x", "400 InvalidPolicy.Malformed"),
            (
                P,
                "SecurityGroupId=sg-adv&InnerAccessPolicy=Accept",
                "404 InvalidParameter.InnerAccessPolicy",
            ),
        ],
    );
    let cloud = Cloud::switched(|switches| switches.groups_per_region = 7);
    assert_eq!(
        cloud.refusal(C, "VpcId=vpc-1"),
        "403 QuotaExceed.SecurityGroup"
    );
}

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
