"""The official ECS SDK against `rulekeep emulate`, unchanged, with both signatures.

    python3 test_ecs_sdk.py http://127.0.0.1:PORT

The endpoint must take the key `testid` with the secret `testsecret`. Every run makes groups of its own and deletes them.
"""

import sys
import uuid

from alibabacloud_ecs20140526 import models as ecs
from alibabacloud_ecs20140526.client import Client
from alibabacloud_tea_openapi.exceptions import AlibabaCloudException
from alibabacloud_tea_openapi.utils_models import Config

REGION = "cn-hangzhou"
VPC = "vpc-bp1sdk00000000000000"
WORLD4, WORLD6 = "0.0.0.0/0", "::/0"

checks = 0


def equal(got, want, what):
    global checks
    checks += 1
    if got != want:
        raise AssertionError(f"{what}: got {got!r}, want {want!r}")


def true(value, what):
    global checks
    checks += 1
    if not value:
        raise AssertionError(what)


def fails(code, call, status=None):
    """The call must be refused with this code; gives what the SDK raised."""
    global checks
    checks += 1
    try:
        call()
    except AlibabaCloudException as refusal:
        if refusal.code != code:
            raise AssertionError(f"got {refusal.code} ({refusal.message}), want {code}") from refusal
        if status is not None:
            equal(refusal.status_code, status, f"HTTP status of {code}")
        true(refusal.request_id and refusal.request_id != "None", f"{code} has a request id")
        return refusal
    raise AssertionError(f"accepted, want {code}")


def connect(endpoint, key="testid", secret="testsecret", v1=False):
    return Client(
        Config(
            access_key_id=key,
            access_key_secret=secret,
            region_id=REGION,
            endpoint=endpoint.removeprefix("http://"),
            protocol="http",
            signature_algorithm="v2" if v1 else None,  # "v2" of this SDK is signature version 1.0
            connect_timeout=5_000,
            read_timeout=20_000,
        )
    )


class Cloud:
    """Short words for the calls of the SDK."""

    def __init__(self, client):
        self.client = client
        self.made = []

    def create(self, name, kind=None, tags=None):
        request = ecs.CreateSecurityGroupRequest(
            region_id=REGION,
            vpc_id=VPC,
            security_group_name=name,
            description=f"made by the SDK test: {name}",
            security_group_type=kind,
            tag=[ecs.CreateSecurityGroupRequestTag(key=k, value=v) for k, v in (tags or {}).items()],
        )
        group = self.client.create_security_group(request).body.security_group_id
        self.made.append(group)
        return group

    def delete(self, group):
        self.client.delete_security_group(
            ecs.DeleteSecurityGroupRequest(region_id=REGION, security_group_id=group)
        )
        if group in self.made:
            self.made.remove(group)

    def authorize(self, group, rules, token=None):
        return self.client.authorize_security_group(
            ecs.AuthorizeSecurityGroupRequest(
                region_id=REGION,
                security_group_id=group,
                client_token=token,
                permissions=[ecs.AuthorizeSecurityGroupRequestPermissions(**rule) for rule in rules],
            )
        )

    def authorize_egress(self, group, rules):
        return self.client.authorize_security_group_egress(
            ecs.AuthorizeSecurityGroupEgressRequest(
                region_id=REGION,
                security_group_id=group,
                permissions=[ecs.AuthorizeSecurityGroupEgressRequestPermissions(**rule) for rule in rules],
            )
        )

    def revoke(self, group, ids=None, rules=None):
        return self.client.revoke_security_group(
            ecs.RevokeSecurityGroupRequest(
                region_id=REGION,
                security_group_id=group,
                security_group_rule_id=ids,
                permissions=rules and [ecs.RevokeSecurityGroupRequestPermissions(**rule) for rule in rules],
            )
        )

    def revoke_egress(self, group, ids):
        return self.client.revoke_security_group_egress(
            ecs.RevokeSecurityGroupEgressRequest(
                region_id=REGION, security_group_id=group, security_group_rule_id=ids
            )
        )

    def modify(self, group, rule_id, **fields):
        return self.client.modify_security_group_rule(
            ecs.ModifySecurityGroupRuleRequest(
                region_id=REGION, security_group_id=group, security_group_rule_id=rule_id, **fields
            )
        )

    def modify_egress(self, group, rule_id, **fields):
        return self.client.modify_security_group_egress_rule(
            ecs.ModifySecurityGroupEgressRuleRequest(
                region_id=REGION, security_group_id=group, security_group_rule_id=rule_id, **fields
            )
        )

    def attribute(self, group, **fields):
        return self.client.describe_security_group_attribute(
            ecs.DescribeSecurityGroupAttributeRequest(region_id=REGION, security_group_id=group, **fields)
        ).body

    def rules(self, group, direction="all"):
        """Every rule, whatever the number of pages, by description."""
        rules, token = [], None
        while True:
            body = self.attribute(group, direction=direction, max_results=1000, next_token=token)
            rules += body.permissions.permission
            token = body.next_token
            if not token:
                return {rule.description: rule for rule in rules}

    def groups(self, **fields):
        return self.client.describe_security_groups(
            ecs.DescribeSecurityGroupsRequest(region_id=REGION, **fields)
        ).body


def tcp(port, peer=WORLD4, **more):
    return {"ip_protocol": "TCP", "port_range": f"{port}/{port}", "source_cidr_ip": peer, **more}


def regions(cloud):
    body = cloud.client.describe_regions(ecs.DescribeRegionsRequest()).body
    ids = [region.region_id for region in body.regions.region]
    true(REGION in ids, "DescribeRegions lists the region")
    equal(len(ids), len(set(ids)), "regions are listed once")


def groups(cloud, run):
    names = [f"sdk-{run}-{i:02}" for i in range(12)]
    made = {cloud.create(name, tags={"run": run}): name for name in names}
    equal(len(made), 12, "ids of new groups are distinct")

    seen, token, pages = {}, None, 0
    while True:
        body = cloud.groups(
            max_results=5, next_token=token, tag=[ecs.DescribeSecurityGroupsRequestTag(key="run", value=run)]
        )
        page = body.security_groups.security_group
        true(len(page) <= 5, "a page has at most MaxResults groups")
        seen |= {group.security_group_id: group.security_group_name for group in page}
        token, pages = body.next_token, pages + 1
        if not token:
            break
    equal(seen, made, "paging finds every group once")
    equal(pages, 3, "12 groups at 5 a page")

    first = next(iter(made))
    [found] = cloud.groups(security_group_ids=f'["{first}"]').security_groups.security_group
    equal(found.security_group_id, first, "selected by id")
    equal(found.security_group_type, "normal", "a group is basic by default")
    equal(found.vpc_id, VPC, "VPC of the group")
    equal(found.service_managed, False, "users' groups are not managed")
    [found] = cloud.groups(security_group_name=names[3], vpc_id=VPC).security_groups.security_group
    equal(found.security_group_name, names[3], "selected by name and VPC")
    equal(cloud.groups(security_group_ids='["sg-bp1nosuchgroup"]').security_groups.security_group, [], "unknown id")

    empty = cloud.attribute(first)
    equal(empty.permissions.permission, [], "a new group has no rules")
    equal(empty.inner_access_policy, "Accept", "members of a basic group reach each other")
    equal(empty.vpc_id, VPC, "VPC in the attribute")
    cloud.client.modify_security_group_attribute(
        ecs.ModifySecurityGroupAttributeRequest(
            region_id=REGION, security_group_id=first, security_group_name=f"renamed-{run}"
        )
    )
    renamed = cloud.attribute(first)
    equal(renamed.security_group_name, f"renamed-{run}", "renamed")
    true(renamed.description.startswith("made by the SDK test"), "what is not sent stays")
    for group in made:
        cloud.delete(group)
    equal(
        cloud.groups(tag=[ecs.DescribeSecurityGroupsRequestTag(key="run", value=run)]).security_groups.security_group,
        [],
        "deleted groups are gone",
    )


def rules(cloud, run):
    group, peer = cloud.create(f"rules-{run}"), cloud.create(f"peer-{run}")
    prefixes = cloud.client.create_prefix_list(
        ecs.CreatePrefixListRequest(
            region_id=REGION,
            prefix_list_name=f"rules-{run}",
            address_family="IPv4",
            max_entries=3,
            entry=[ecs.CreatePrefixListRequestEntry(cidr="192.0.2.0/24")],
        )
    ).body.prefix_list_id

    cloud.authorize(
        group,
        [
            tcp(443, description="https", policy="accept", priority="1"),
            tcp(443, policy="drop", priority="100", description="drop https"),
            {
                "ip_protocol": "tcp",
                "port_range": "8000/8010",
                "ipv_6source_cidr_ip": "2001:0DB8:0000:0000:0000:0000:0000:0001/128",
                "description": "ipv6",
            },
            {"ip_protocol": "TCP", "port_range": "22/22", "source_group_id": peer, "description": "peer group"},
            {
                "ip_protocol": "UDP",
                "port_range": "53/53",
                "source_prefix_list_id": prefixes,
                "description": "prefix list",
            },
            {"ip_protocol": "icmp", "port_range": "-1/-1", "source_cidr_ip": "10.0.0.0/8", "description": "ping"},
            {"ip_protocol": "GRE", "port_range": "-1/-1", "source_cidr_ip": "10.9.0.1", "description": "tunnel"},
            tcp(
                7946,
                "10.1.0.0/16",
                dest_cidr_ip="10.2.0.0/16",
                source_port_range="1024/65535",
                description="five (5) tuple + 中文 a=b&c*~'",
            ),
        ],
    )
    cloud.authorize_egress(
        group,
        [
            {"ip_protocol": "ALL", "port_range": "-1/-1", "dest_cidr_ip": WORLD4, "policy": "drop", "priority": "99"}
            | {"description": "drop all"},
            {"ip_protocol": "ICMPv6", "port_range": "-1/-1", "ipv_6dest_cidr_ip": WORLD6, "description": "icmpv6"},
            {"ip_protocol": "TCP", "port_range": "25/25", "dest_group_id": peer, "description": "mail"},
        ],
    )

    seen = cloud.rules(group)
    equal(len(seen), 11, "all rules are there")
    equal(len({rule.security_group_rule_id for rule in seen.values()}), 11, "each with an id of its own")
    true(all(rule.security_group_rule_id.startswith("sgr-") for rule in seen.values()), "ids are sgr-")
    https = seen["https"]
    equal(
        (https.ip_protocol, https.port_range, https.policy, str(https.priority), https.nic_type, https.direction),
        ("TCP", "443/443", "Accept", "1", "intranet", "ingress"),
        "spelling of a rule in answers",
    )
    equal(https.source_cidr_ip, WORLD4, "IPv4 peer")
    equal((https.source_group_id, https.ipv_6source_cidr_ip), ("", ""), "members that do not apply are empty")
    equal((seen["drop https"].policy, str(seen["drop https"].priority)), ("Drop", "100"), "drop rule")
    equal(seen["ipv6"].ipv_6source_cidr_ip.split("/")[0], "2001:db8::1", "IPv6 is compressed")
    equal(seen["ipv6"].ip_protocol, "TCP", "protocols are upper case")
    equal(seen["peer group"].source_group_id, peer, "group peer")
    equal(seen["prefix list"].source_prefix_list_id, prefixes, "prefix list peer")
    equal(seen["ping"].port_range, "-1/-1", "ICMP has no ports")
    five = seen["five (5) tuple + 中文 a=b&c*~'"]
    equal((five.dest_cidr_ip, five.source_port_range), ("10.2.0.0/16", "1024/65535"), "five-tuple")
    equal(seen["mail"].direction, "egress", "egress rule")
    equal(seen["mail"].dest_group_id, peer, "group as destination")
    equal(seen["icmpv6"].ip_protocol.upper(), "ICMPV6", "ICMPv6")
    equal(set(cloud.rules(group, "egress")), {"drop all", "icmpv6", "mail"}, "egress only")

    cloud.authorize(group, [tcp(443, description="https")])
    equal(len(cloud.rules(group)), 11, "authorizing an existing rule adds nothing")
    token = str(uuid.uuid4())
    cloud.authorize(group, [tcp(5000, description="token")], token)
    rule_id = cloud.rules(group)["token"].security_group_rule_id
    cloud.revoke(group, ids=[rule_id])
    cloud.authorize(group, [tcp(5000, description="token")], token)
    true("token" not in cloud.rules(group), "the same client token acts once")
    fails("IdempotentParameterMismatch", lambda: cloud.authorize(group, [tcp(5001)], token), 400)

    modify_and_revoke(cloud, group, seen)

    [reference] = cloud.client.describe_security_group_references(
        ecs.DescribeSecurityGroupReferencesRequest(region_id=REGION, security_group_id=[peer])
    ).body.security_group_references.security_group_reference
    referencing = reference.referencing_security_groups.referencing_security_group
    equal([item.security_group_id for item in referencing], [group], "who refers to the peer group")
    associations = cloud.client.describe_prefix_list_associations(
        ecs.DescribePrefixListAssociationsRequest(region_id=REGION, prefix_list_id=prefixes)
    ).body.prefix_list_associations.prefix_list_association
    equal([item.resource_id for item in associations], [group], "who uses the prefix list")
    fails("DependencyViolation", lambda: cloud.delete(peer), 403)
    fails(
        "NotAllowed.AssociationExist",
        lambda: cloud.client.delete_prefix_list(
            ecs.DeletePrefixListRequest(region_id=REGION, prefix_list_id=prefixes)
        ),
        400,
    )
    cloud.delete(group)
    cloud.delete(peer)
    cloud.client.delete_prefix_list(ecs.DeletePrefixListRequest(region_id=REGION, prefix_list_id=prefixes))
    fails("InvalidSecurityGroupId.NotFound", lambda: cloud.attribute(group), 404)


def modify_and_revoke(cloud, group, seen):
    https = seen["https"].security_group_rule_id
    cloud.modify(
        group,
        https,
        ip_protocol="TCP",
        port_range="8443/8443",
        source_cidr_ip="203.0.113.0/24",
        policy="accept",
        priority="7",
        description="changed",
    )
    now = cloud.rules(group)["changed"]
    equal(now.security_group_rule_id, https, "modify keeps the id")
    equal((now.port_range, now.source_cidr_ip, str(now.priority)), ("8443/8443", "203.0.113.0/24", "7"), "modified")
    cloud.modify(group, https, description="only the description")
    now = cloud.rules(group)["only the description"]
    equal((now.port_range, str(now.priority)), ("8443/8443", "7"), "members that are not sent stay")
    fails(
        "InvalidOperation.ModifySgRuleEntityType",
        lambda: cloud.modify(group, https, ip_protocol="TCP", port_range="8443/8443", ipv_6source_cidr_ip=WORLD6),
        400,
    )
    fails(
        "InvalidOperation.RuleDuplicate",
        lambda: cloud.modify(
            group,
            https,
            ip_protocol="TCP",
            port_range="443/443",
            source_cidr_ip=WORLD4,
            policy="drop",
            priority="100",
        ),
        400,
    )
    cloud.modify_egress(group, seen["drop all"].security_group_rule_id, priority="100", description="drop everything")
    equal(str(cloud.rules(group)["drop everything"].priority), "100", "egress rule modified")

    cloud.revoke(group, ids=[https, seen["ping"].security_group_rule_id])
    left = cloud.rules(group)
    true("only the description" not in left and "ping" not in left, "revoked by id")
    fails("InvalidParam.SecurityGroupRuleId", lambda: cloud.revoke(group, ids=[https]), 400)
    one = seen["ipv6"].security_group_rule_id
    fails("InvalidParam.SecurityGroupRuleIdRepeated", lambda: cloud.revoke(group, ids=[one, one]), 400)
    true("ipv6" in cloud.rules(group), "a refused call revokes nothing")
    cloud.revoke(group, rules=[tcp(443, policy="drop", priority="100")])
    true("drop https" not in cloud.rules(group), "revoked by attributes")
    cloud.revoke_egress(group, [seen["mail"].security_group_rule_id])
    true("mail" not in cloud.rules(group), "egress rule revoked by id")


def paging(cloud, run):
    group = cloud.create(f"paging-{run}")
    cloud.authorize(group, [tcp(10_000 + i, description=f"rule {i}") for i in range(35)])
    ids, token, sizes = [], None, []
    while True:
        body = cloud.attribute(group, direction="ingress", max_results=10, next_token=token)
        page = body.permissions.permission
        ids += [rule.security_group_rule_id for rule in page]
        sizes.append(len(page))
        token = body.next_token
        if not token:
            break
    equal(sizes, [10, 10, 10, 5], "35 rules at 10 a page")
    equal(len(set(ids)), 35, "every rule is on one page")
    cloud.revoke(group, ids=ids)
    equal(cloud.rules(group), {}, "35 rules revoked in one call")
    cloud.authorize(group, [tcp(20_000 + i) for i in range(100)])
    equal(len(cloud.attribute(group, max_results=1000).permissions.permission), 100, "100 rules in one call")
    cloud.delete(group)


def refusals(cloud, run):
    group = cloud.create(f"refusals-{run}")
    nobody = "sg-bp1nosuchgroup000000"

    def refused(code, rule, status=400):
        fails(code, lambda: cloud.authorize(group, [rule]), status)

    fails("InvalidSecurityGroupId.NotFound", lambda: cloud.authorize(nobody, [tcp(22)]), 404)
    fails("InvalidParam.DuplicatePermissions", lambda: cloud.authorize(group, [tcp(22), tcp(22)]), 400)
    fails("InvalidParameter", lambda: cloud.authorize(group, [tcp(1000 + i) for i in range(101)]), 400)
    refused("InvalidParam.PortRange", tcp(22) | {"port_range": "70000/70000"})
    refused("InvalidParam.PortRange", tcp(22) | {"port_range": "200/1"})
    refused("InvalidParam.PortRange", tcp(22) | {"port_range": "ssh"})
    refused("OperationDenied", tcp(22) | {"ip_protocol": "ICMP"})
    refused("OperationDenied", tcp(22) | {"port_range": "-1/-1"})
    refused("InvalidIpProtocol.ValueNotSupported", tcp(22) | {"ip_protocol": "CARRIERPIGEON"})
    refused("InvalidPriority.ValueNotSupported", tcp(22, priority="110"))
    refused("InvalidPriority.ValueNotSupported", tcp(22, priority="0"))
    refused("InvalidPriority.Malformed", tcp(22, priority="high"))
    refused("InvalidPolicy.Malformed", tcp(22, policy="maybe"))
    refused("InvalidSourceCidrIp.Malformed", tcp(22, "10.0.0.0/33"))
    refused("MissingParameter.Source", {"ip_protocol": "TCP", "port_range": "22/22"})
    refused("InvalidParam.SourceIp", tcp(22, ipv_6source_cidr_ip=WORLD6))
    refused(
        "InvalidParam.Ipv4ProtocolConflictWithIpv6Address",
        {"ip_protocol": "ICMP", "port_range": "-1/-1", "ipv_6source_cidr_ip": WORLD6},
    )
    refused("InvalidParamter.Conflict", {"ip_protocol": "TCP", "port_range": "22/22", "source_group_id": group}, 403)
    refused("InvalidSourceGroupId.NotFound", {"ip_protocol": "TCP", "port_range": "22/22", "source_group_id": nobody}, 404)
    refused("InvalidSecurityGroupDiscription.Malformed", tcp(22, description="x" * 513))
    equal(cloud.rules(group), {}, "nothing of it was added")

    advanced = cloud.create(f"advanced-{run}", kind="enterprise")
    [found] = cloud.groups(security_group_id=advanced).security_groups.security_group
    equal(found.security_group_type, "enterprise", "advanced group")
    equal(cloud.attribute(advanced).inner_access_policy, "Drop", "members of an advanced group do not reach each other")
    by_group = {"ip_protocol": "TCP", "port_range": "22/22", "source_group_id": group}
    fails("InvalidGroupParameter.OperationDenied", lambda: cloud.authorize(advanced, [by_group]), 400)
    refused("InvalidGroupAuthParameter.OperationDenied", by_group | {"source_group_id": advanced})

    def policy(of, value):
        return cloud.client.modify_security_group_policy(
            ecs.ModifySecurityGroupPolicyRequest(region_id=REGION, security_group_id=of, inner_access_policy=value)
        )

    policy(group, "drop")
    equal(cloud.attribute(group).inner_access_policy, "Drop", "members no longer reach each other")
    policy(group, "Accept")
    equal(cloud.attribute(group).inner_access_policy, "Accept", "and again they do")
    fails("InvalidPolicy.Malformed", lambda: policy(group, "perhaps"), 400)
    fails("InvalidParameter.InnerAccessPolicy", lambda: policy(advanced, "Accept"), 404)
    cloud.delete(advanced)
    cloud.delete(group)


def prefix_lists(cloud, run):
    def create(**more):
        fields = {"prefix_list_name": f"list-{run}", "address_family": "IPv4", "max_entries": 5, **more}
        return cloud.client.create_prefix_list(ecs.CreatePrefixListRequest(region_id=REGION, **fields)).body

    entry = ecs.CreatePrefixListRequestEntry
    made = create(entry=[entry(cidr="192.168.1.100", description="one host"), entry(cidr="10.0.0.0/8")]).prefix_list_id
    true(made.startswith("pl-"), "ids of prefix lists are pl-")
    six = create(address_family="IPv6", entry=[entry(cidr="2001:0DB8:0000::/32")]).prefix_list_id

    def attributes(of):
        return cloud.client.describe_prefix_list_attributes(
            ecs.DescribePrefixListAttributesRequest(region_id=REGION, prefix_list_id=of)
        ).body

    body = attributes(made)
    equal({e.cidr for e in body.entries.entry}, {"192.168.1.100/32", "10.0.0.0/8"}, "entries; an address becomes a /32")
    equal((body.address_family, body.max_entries, body.prefix_list_name), ("IPv4", 5, f"list-{run}"), "attributes")
    equal([e.cidr for e in attributes(six).entries.entry], ["2001:db8::/32"], "IPv6 entries are compressed")
    listed = cloud.client.describe_prefix_lists(
        ecs.DescribePrefixListsRequest(region_id=REGION, prefix_list_id=[made, six], max_results=10)
    ).body.prefix_lists.prefix_list
    equal({item.prefix_list_id for item in listed}, {made, six}, "listed by id")
    cloud.client.modify_prefix_list(
        ecs.ModifyPrefixListRequest(
            region_id=REGION,
            prefix_list_id=made,
            add_entry=[ecs.ModifyPrefixListRequestAddEntry(cidr="172.16.0.0/12")],
            remove_entry=[ecs.ModifyPrefixListRequestRemoveEntry(cidr="10.0.0.0/8")],
        )
    )
    entries = {e.cidr for e in attributes(made).entries.entry}
    equal(entries, {"192.168.1.100/32", "172.16.0.0/12"}, "entries added and removed")
    fails("InvalidParameter.CidrMalformed", lambda: create(entry=[entry(cidr="10.0.0.1/8")]), 400)
    fails("InvalidParameter.CidrDuplicated", lambda: create(entry=[entry(cidr="10.0.0.1"), entry(cidr="10.0.0.1/32")]), 400)
    fails("InvalidParameter.AddressFamily", lambda: create(address_family="IPv5"), 400)
    fails(
        "LimitExceed.MaxEntries",
        lambda: create(max_entries=1, entry=[entry(cidr="10.0.0.0/8"), entry(cidr="11.0.0.0/8")]),
        400,
    )
    for item in (made, six):
        cloud.client.delete_prefix_list(ecs.DeletePrefixListRequest(region_id=REGION, prefix_list_id=item))
    fails("InvalidPrefixListId.NotFound", lambda: attributes(made), 404)


def port_lists(cloud, run):
    entry = ecs.CreatePortRangeListRequestEntry

    def create(entries, size=5):
        return cloud.client.create_port_range_list(
            ecs.CreatePortRangeListRequest(
                region_id=REGION, port_range_list_name=f"ports-{run}", max_entries=size, entry=entries
            )
        ).body

    def delete(of):
        return cloud.client.delete_port_range_list(
            ecs.DeletePortRangeListRequest(region_id=REGION, port_range_list_id=of)
        )

    made = create([entry(port_range="80/80", description="http"), entry(port_range="8000/8010")]).port_range_list_id
    true(made.startswith("prl-"), "ids of port lists are prl-")
    entries = cloud.client.describe_port_range_list_entries(
        ecs.DescribePortRangeListEntriesRequest(region_id=REGION, port_range_list_id=made)
    ).body.entries
    equal({e.port_range for e in entries}, {"80/80", "8000/8010"}, "entries of a port list")
    [listed] = cloud.client.describe_port_range_lists(
        ecs.DescribePortRangeListsRequest(region_id=REGION, port_range_list_id=[made])
    ).body.port_range_lists
    equal((listed.port_range_list_name, listed.max_entries), (f"ports-{run}", 5), "listed by id")
    fails("InvalidParameter.PortRange", lambda: create([entry(port_range="90/80")]), 400)

    group = cloud.create(f"ports-{run}")
    rule = {"ip_protocol": "TCP", "port_range_list_id": made, "source_cidr_ip": "10.0.0.0/8", "description": "by list"}
    cloud.authorize(group, [rule])
    equal(cloud.rules(group)["by list"].port_range_list_id, made, "a rule with a port list")
    fails(
        "InvalidParam.ProtocolNotSupportPortRangeList",
        lambda: cloud.authorize(group, [rule | {"ip_protocol": "ICMP"}]),
        400,
    )
    fails("InvalidPortRangeListId.NotFound", lambda: cloud.authorize(group, [rule | {"port_range_list_id": "prl-none"}]), 400)
    fails("InvalidPortRangeListId.AssociationExist", lambda: delete(made), 400)
    cloud.delete(group)
    delete(made)


def authentication(endpoint, v1):
    request = ecs.DescribeRegionsRequest()
    refusal = fails(
        "SignatureDoesNotMatch",
        lambda: connect(endpoint, secret="wrong", v1=v1).describe_regions(request),
        400,
    )
    signed = "POST&%2F&AccessKeyId%3Dtestid" if v1 else "ACS3-HMAC-SHA256\n"
    true(signed in refusal.message, f"the refusal shows the text of this signature: {refusal.message}")
    fails(
        "InvalidAccessKeyId.NotFound",
        lambda: connect(endpoint, key="nobody", v1=v1).describe_regions(request),
        404,
    )


def main(endpoint):
    for v1 in (False, True):
        name = "V1 (HMAC-SHA1)" if v1 else "V3 (ACS3-HMAC-SHA256)"
        cloud, run = Cloud(connect(endpoint, v1=v1)), uuid.uuid4().hex[:8]
        before = checks
        regions(cloud)
        for part in (groups, rules, paging, refusals, prefix_lists, port_lists):
            part(cloud, run)
        authentication(endpoint, v1)
        equal(cloud.made, [], "every group was deleted again")
        print(f"signature {name}: {checks - before} checks passed")
    print(f"{checks} checks passed")


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("usage: test_ecs_sdk.py http://127.0.0.1:PORT")
    main(sys.argv[1])
