"""The older official SDK (aliyun-python-sdk-ecs, signature V1) against `rulekeep emulate`, unchanged.

    python3 older_python_sdk.py http://127.0.0.1:PORT

The endpoint must take the key `testid` with the secret `testsecret`, and 2,000 rules in a group.
"""

import json
import sys
import uuid

from aliyunsdkcore.acs_exception.exceptions import ServerException
from aliyunsdkcore.client import AcsClient
from aliyunsdkecs.request.v20140526 import (
    AuthorizeSecurityGroupEgressRequest,
    AuthorizeSecurityGroupRequest,
    CreatePrefixListRequest,
    CreateSecurityGroupRequest,
    DeletePrefixListRequest,
    DeleteSecurityGroupRequest,
    DescribePrefixListAssociationsRequest,
    DescribePrefixListsRequest,
    DescribeRegionsRequest,
    DescribeSecurityGroupAttributeRequest,
    DescribeSecurityGroupReferencesRequest,
    DescribeSecurityGroupsRequest,
    JoinSecurityGroupRequest,
    ListTagResourcesRequest,
    ModifySecurityGroupAttributeRequest,
    ModifySecurityGroupPolicyRequest,
    ModifySecurityGroupRuleRequest,
    RevokeSecurityGroupRequest,
    TagResourcesRequest,
    UntagResourcesRequest,
)

MODULES = {name[: -len("Request")]: getattr(module, name) for name, module in list(globals().items()) if name.endswith("Request")}

VPC = "vpc-bp1older000000000000"
checks = 0


def equal(got, want, what):
    global checks
    checks += 1
    if got != want:
        raise AssertionError(f"{what}: got {got!r}, want {want!r}")


class Cloud:
    def __init__(self, endpoint, key="testid", secret="testsecret"):
        self.endpoint = endpoint.removeprefix("http://")
        self.client = AcsClient(key, secret, "cn-hangzhou", auto_retry=False, timeout=20)

    def call(self, action, method="POST", **members):
        request = MODULES[action]()
        request.set_endpoint(self.endpoint)
        request.set_method(method)
        request.set_accept_format("json")
        for name, value in members.items():
            request.add_query_param(name.replace("__", "."), value)
        return json.loads(self.client.do_action_with_exception(request))

    def fails(self, code, status, action, **members):
        global checks
        checks += 1
        try:
            self.call(action, **members)
        except ServerException as refusal:
            equal(refusal.get_error_code(), code, f"{action} {members}")
            equal(refusal.get_http_status(), status, f"status of {code}")
            return refusal
        raise AssertionError(f"{action} {members} was accepted, want {code}")

    def rules(self, group, **members):
        found, token, pages = [], "", 0
        while True:
            page = self.call("DescribeSecurityGroupAttribute", SecurityGroupId=group, NextToken=token, **members)
            found += page["Permissions"]["Permission"]
            token, pages = page["NextToken"], pages + 1
            if not token:
                return found, pages


def batch(first, count):
    return {
        f"Permissions.{n}.{name}": value
        for n in range(1, count + 1)
        for name, value in {
            "IpProtocol": "TCP",
            "PortRange": f"{first + n}/{first + n}",
            "SourceCidrIp": "10.0.0.0/8",
        }.items()
    }


def main(endpoint):
    cloud = Cloud(endpoint)
    regions = cloud.call("DescribeRegions", method="GET")["Regions"]["Region"]
    equal("cn-hangzhou" in [region["RegionId"] for region in regions], True, "regions")

    token = str(uuid.uuid4())
    create = {"VpcId": VPC, "SecurityGroupName": "older", "ClientToken": token, "Tag.1.Key": "by", "Tag.1.Value": "sdk"}
    group = cloud.call("CreateSecurityGroup", **create)["SecurityGroupId"]
    equal(cloud.call("CreateSecurityGroup", **create)["SecurityGroupId"], group, "the same token")
    peer = cloud.call("CreateSecurityGroup", VpcId=VPC, SecurityGroupName="peer")["SecurityGroupId"]
    cloud.fails("IdempotentParameterMismatch", 400, "CreateSecurityGroup", **{**create, "SecurityGroupName": "other"})

    # Batches of 100 and 101, and pages over more than 1,000 rules.
    cloud.fails("InvalidParameter", 400, "AuthorizeSecurityGroup", SecurityGroupId=group, **batch(0, 101))
    for first in range(0, 1100, 100):
        cloud.call("AuthorizeSecurityGroup", SecurityGroupId=group, **batch(first, 100))
    for size, pages in ((1000, 2), (500, 3), (100, 11)):
        found, count = cloud.rules(group, MaxResults=size)
        equal(len({rule["SecurityGroupRuleId"] for rule in found}), 1100, f"rules in pages of {size}")
        equal(count, pages, f"pages of {size}")
    equal(len(cloud.rules(group)[0]), 1100, "rules in pages of the usual size")
    ids = [rule["SecurityGroupRuleId"] for rule in cloud.rules(group, MaxResults=1000)[0]]
    cloud.fails(
        "InvalidParameter", 400, "RevokeSecurityGroup", SecurityGroupId=group,
        **{f"SecurityGroupRuleId.{n + 1}": ids[n] for n in range(101)},
    )
    for first in range(0, 1100, 100):
        gone = {f"SecurityGroupRuleId.{n + 1}": ids[first + n] for n in range(100)}
        cloud.call("RevokeSecurityGroup", SecurityGroupId=group, **gone)
    equal(cloud.rules(group)[0], [], "rules after revoking all")

    # Every member as the cloud spells it.
    cloud.call(
        "AuthorizeSecurityGroup", SecurityGroupId=group, IpProtocol="tcp", PortRange="443/443", SourceCidrIp="0.0.0.0/0",
        Policy="accept", Priority=7, Description="web 入口",
    )
    cloud.call("AuthorizeSecurityGroupEgress", SecurityGroupId=group, IpProtocol="icmp", PortRange="-1/-1", DestCidrIp="10.1.2.3")
    [rule] = cloud.rules(group, Direction="ingress")[0]
    for name, value in {
        "IpProtocol": "TCP", "PortRange": "443/443", "SourceCidrIp": "0.0.0.0/0", "Policy": "Accept", "Priority": 7,
        "NicType": "intranet", "Direction": "ingress", "Description": "web 入口", "SourcePortRange": "", "DestCidrIp": "",
        "SourceGroupId": "", "Ipv6SourceCidrIp": "",
    }.items():
        equal(rule[name], value, name)
    [out] = cloud.rules(group, Direction="egress")[0]
    equal((out["IpProtocol"], out["SourcePortRange"], out["DestCidrIp"]), ("ICMP", "-1/-1", "10.1.2.3"), "egress")

    # Modify keeps the id; refusals keep their codes.
    id_ = rule["SecurityGroupRuleId"]
    cloud.call("ModifySecurityGroupRule", SecurityGroupId=group, SecurityGroupRuleId=id_, Priority=9)
    [changed] = cloud.rules(group, Direction="ingress")[0]
    equal((changed["SecurityGroupRuleId"], changed["Priority"]), (id_, 9), "modified")
    web = {"SecurityGroupId": group, "IpProtocol": "TCP", "PortRange": "80/80", "SourceCidrIp": "10.0.0.0/8"}
    for code, status, change in (
        ("InvalidIpProtocol.ValueNotSupported", 400, {"IpProtocol": "SCTP"}),
        ("InvalidParam.PortRange", 400, {"PortRange": "9/1"}),
        ("OperationDenied", 400, {"PortRange": "-1/-1"}),
        ("InvalidSourceCidrIp.Malformed", 400, {"SourceCidrIp": "10.0.0.0/33"}),
        ("InvalidPriority.ValueNotSupported", 400, {"Priority": 101}),
        ("InvalidPriority.Malformed", 400, {"Priority": "x"}),
        ("InvalidPolicy.Malformed", 400, {"Policy": "reject"}),
        ("InvalidSecurityGroupId.NotFound", 404, {"SecurityGroupId": "sg-none"}),
        ("InvalidSecurityGroupDiscription.Malformed", 400, {"Description": "x" * 513}),
        ("InvalidParam.Permissions", 400, batch(0, 1)),
    ):
        cloud.fails(code, status, "AuthorizeSecurityGroup", **{**web, **change})
    no_peer = {name: value for name, value in web.items() if name != "SourceCidrIp"}
    cloud.fails("MissingParameter.Source", 400, "AuthorizeSecurityGroup", **no_peer)
    cloud.fails("InvalidParam.SecurityGroupRuleId", 400, "RevokeSecurityGroup", SecurityGroupId=group, SecurityGroupRuleId__1="sgr-none")
    cloud.fails("InvalidOperation.ModifySgRuleEntityType", 400, "ModifySecurityGroupRule", SecurityGroupId=group, SecurityGroupRuleId=id_, SourceGroupId=peer)

    # References, prefix lists, tags, interfaces.
    cloud.call("AuthorizeSecurityGroup", **{**no_peer, "SourceGroupId": peer})
    found = cloud.call("DescribeSecurityGroupReferences", SecurityGroupId__1=peer)
    reference = found["SecurityGroupReferences"]["SecurityGroupReference"][0]
    equal(reference["ReferencingSecurityGroups"]["ReferencingSecurityGroup"][0]["SecurityGroupId"], group, "reference")
    cloud.fails("DependencyViolation", 403, "DeleteSecurityGroup", SecurityGroupId=peer)
    lists = cloud.call("CreatePrefixList", PrefixListName="older-list", AddressFamily="IPv4", MaxEntries=3, Entry__1__Cidr="192.0.2.1")
    prefix = lists["PrefixListId"]
    cloud.call("AuthorizeSecurityGroup", **{**no_peer, "SourcePrefixListId": prefix})
    found = cloud.call("DescribePrefixLists", PrefixListId__1=prefix)["PrefixLists"]["PrefixList"]
    equal((found[0]["MaxEntries"], found[0]["AssociationCount"]), (3, 1), "prefix list")
    found = cloud.call("DescribePrefixListAssociations", PrefixListId=prefix)["PrefixListAssociations"]
    equal(found["PrefixListAssociation"], [{"ResourceId": group, "ResourceType": "securitygroup"}], "associations")
    cloud.fails("NotAllowed.AssociationExist", 400, "DeletePrefixList", PrefixListId=prefix)
    cloud.fails("InvalidParameter.CidrMalformed", 400, "CreatePrefixList", PrefixListName="bad", AddressFamily="IPv4", MaxEntries=3, Entry__1__Cidr="192.0.2.1/24")

    cloud.call("TagResources", ResourceType="securitygroup", ResourceId__1=group, Tag__1__Key="env", Tag__1__Value="test")
    tags = cloud.call("ListTagResources", ResourceType="securitygroup", ResourceId__1=group)["TagResources"]["TagResource"]
    equal([(tag["TagKey"], tag["TagValue"]) for tag in tags], [("by", "sdk"), ("env", "test")], "tags")
    found = cloud.call("DescribeSecurityGroups", Tag__1__Key="env")["SecurityGroups"]["SecurityGroup"]
    equal([one["SecurityGroupId"] for one in found], [group], "groups by tag")
    cloud.call("UntagResources", ResourceType="securitygroup", ResourceId__1=group, All="true")
    equal(cloud.call("ListTagResources", ResourceType="securitygroup", ResourceId__1=group)["TagResources"]["TagResource"], [], "no tags")
    cloud.call("JoinSecurityGroup", SecurityGroupId=group, InstanceId="i-older")
    cloud.fails("DependencyViolation", 403, "DeleteSecurityGroup", SecurityGroupId=group)

    cloud.call("ModifySecurityGroupAttribute", SecurityGroupId=group, Description="changed")
    cloud.call("ModifySecurityGroupPolicy", SecurityGroupId=group, InnerAccessPolicy="drop")
    shown = cloud.call("DescribeSecurityGroupAttribute", SecurityGroupId=group)
    equal((shown["Description"], shown["InnerAccessPolicy"]), ("changed", "Drop"), "attributes")

    # The gateway.
    # The SDK says so when the string to sign in the answer is the one that it signed itself.
    refusal = Cloud(endpoint, secret="wrong").fails("InvalidAccessKeySecret", 400, "DescribeRegions")
    equal(bool(refusal.get_request_id()), True, "request id of a refusal")
    Cloud(endpoint, key="nobody").fails("InvalidAccessKeyId.NotFound", 404, "DescribeRegions")
    print(f"{checks} checks passed")


if __name__ == "__main__":
    main(sys.argv[1])
