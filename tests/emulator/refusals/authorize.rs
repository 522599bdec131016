//! What AuthorizeSecurityGroup and its egress twin refuse.

use super::check;
use crate::cloud::Cloud;

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
