//! What the actions refuse that revoke and modify rules.

use super::check;
use crate::cloud::Cloud;

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
