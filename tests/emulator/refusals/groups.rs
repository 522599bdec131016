//! What the actions refuse that read, make and delete groups.

use super::check;
use crate::cloud::Cloud;

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
