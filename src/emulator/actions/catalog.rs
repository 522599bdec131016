//! The table of actions, with the parameters of the API's own description of each.

use super::{
    Run::{Read, Write},
    Spec, authorize, describe, groups, interfaces, modify, port_lists, prefix_lists, references,
    regions, revoke, tags,
};

/// Members of a rule outside an array, ingress.
const FLAT_INGRESS: &[&str] = &[
    "IpProtocol",
    "PortRange",
    "SourceCidrIp",
    "Ipv6SourceCidrIp",
    "SourceGroupId",
    "SourcePrefixListId",
    "SourceGroupOwnerAccount",
    "SourceGroupOwnerId",
    "SourcePortRange",
    "DestCidrIp",
    "Ipv6DestCidrIp",
    "Policy",
    "Priority",
    "NicType",
    "Description",
];

/// Members of a rule outside an array, egress.
const FLAT_EGRESS: &[&str] = &[
    "IpProtocol",
    "PortRange",
    "DestCidrIp",
    "Ipv6DestCidrIp",
    "DestGroupId",
    "DestPrefixListId",
    "DestGroupOwnerAccount",
    "DestGroupOwnerId",
    "SourcePortRange",
    "SourceCidrIp",
    "Ipv6SourceCidrIp",
    "Policy",
    "Priority",
    "NicType",
    "Description",
];

const PERMISSIONS_INGRESS: &[&str] = &[
    "Permissions.N.IpProtocol",
    "Permissions.N.PortRange",
    "Permissions.N.PortRangeListId",
    "Permissions.N.SourceCidrIp",
    "Permissions.N.Ipv6SourceCidrIp",
    "Permissions.N.SourceGroupId",
    "Permissions.N.SourcePrefixListId",
    "Permissions.N.SourceGroupOwnerAccount",
    "Permissions.N.SourceGroupOwnerId",
    "Permissions.N.SourcePortRange",
    "Permissions.N.DestCidrIp",
    "Permissions.N.Ipv6DestCidrIp",
    "Permissions.N.Policy",
    "Permissions.N.Priority",
    "Permissions.N.NicType",
    "Permissions.N.Description",
];

const PERMISSIONS_EGRESS: &[&str] = &[
    "Permissions.N.IpProtocol",
    "Permissions.N.PortRange",
    "Permissions.N.PortRangeListId",
    "Permissions.N.DestCidrIp",
    "Permissions.N.Ipv6DestCidrIp",
    "Permissions.N.DestGroupId",
    "Permissions.N.DestPrefixListId",
    "Permissions.N.DestGroupOwnerAccount",
    "Permissions.N.DestGroupOwnerId",
    "Permissions.N.SourcePortRange",
    "Permissions.N.SourceCidrIp",
    "Permissions.N.Ipv6SourceCidrIp",
    "Permissions.N.Policy",
    "Permissions.N.Priority",
    "Permissions.N.NicType",
    "Permissions.N.Description",
];

const GROUP: &[&str] = &["SecurityGroupId"];
const RULE_IDS: &[&str] = &["SecurityGroupRuleId.N"];
const RULE_ID: &[&str] = &["SecurityGroupRuleId", "PortRangeListId"];
const PAGES: &[&str] = &["MaxResults", "NextToken"];
const TAGS: &[&str] = &["Tag.N.Key", "Tag.N.Value", "Tag.N.key", "Tag.N.value"];
const MEMBER: &[&str] = &["InstanceId", "NetworkInterfaceId"];
const RESOURCES: &[&str] = &["ResourceId.N", "ResourceType"];
const PREFIX_LIST: &[&str] = &["PrefixListId"];
const PORT_LIST: &[&str] = &["PortRangeListId"];
const GROUP_FILTERS: &[&str] = &[
    "SecurityGroupId",
    "SecurityGroupIds",
    "SecurityGroupName",
    "VpcId",
    "NetworkType",
    "SecurityGroupType",
    "ResourceGroupId",
    "ServiceManaged",
    "PageNumber",
    "PageSize",
    "DryRun",
    "IsQueryEcsCount",
    "FuzzyQuery",
];

const MISSING: (&str, &str) = (
    "MissingParameter.RegionId",
    "The parameter RegionId is missing.",
);
const UNKNOWN: &str = "The specified RegionId does not exist.";

/// What most actions have in common.
const BASE: Spec = Spec {
    name: "",
    run: Read(regions::describe_regions),
    client_token: false,
    params: &[],
    missing_region: Some(MISSING),
    unknown_region: UNKNOWN,
};

const ACTIONS: &[Spec] = &[
    Spec {
        name: "DescribeSecurityGroupAttribute",
        run: Read(describe::attribute),
        params: &[GROUP, PAGES, &["Direction", "NicType", "Attribute"]],
        ..BASE
    },
    Spec {
        name: "DescribeSecurityGroups",
        run: Read(groups::describe),
        params: &[GROUP_FILTERS, PAGES, TAGS],
        missing_region: Some((
            "MissingParameter.RegionId",
            "The input parameter RegionId that is mandatory for processing this request is not supplied.",
        )),
        ..BASE
    },
    Spec {
        name: "AuthorizeSecurityGroup",
        run: Write(authorize::ingress),
        client_token: true,
        params: &[GROUP, FLAT_INGRESS, PERMISSIONS_INGRESS],
        ..BASE
    },
    Spec {
        name: "AuthorizeSecurityGroupEgress",
        run: Write(authorize::egress),
        client_token: true,
        params: &[GROUP, FLAT_EGRESS, PERMISSIONS_EGRESS],
        ..BASE
    },
    Spec {
        name: "RevokeSecurityGroup",
        run: Write(revoke::ingress),
        client_token: true,
        params: &[GROUP, RULE_IDS, FLAT_INGRESS, PERMISSIONS_INGRESS],
        ..BASE
    },
    Spec {
        name: "RevokeSecurityGroupEgress",
        run: Write(revoke::egress),
        client_token: true,
        params: &[GROUP, RULE_IDS, FLAT_EGRESS, PERMISSIONS_EGRESS],
        ..BASE
    },
    Spec {
        name: "ModifySecurityGroupRule",
        run: Write(modify::ingress),
        client_token: true,
        params: &[GROUP, RULE_ID, FLAT_INGRESS],
        ..BASE
    },
    Spec {
        name: "ModifySecurityGroupEgressRule",
        run: Write(modify::egress),
        client_token: true,
        params: &[GROUP, RULE_ID, FLAT_EGRESS],
        ..BASE
    },
    Spec {
        name: "CreateSecurityGroup",
        run: Write(groups::create),
        client_token: true,
        params: &[
            &[
                "SecurityGroupName",
                "Description",
                "VpcId",
                "SecurityGroupType",
                "ResourceGroupId",
                "ServiceManaged",
            ],
            TAGS,
        ],
        unknown_region: "The specified region does not exist.",
        ..BASE
    },
    Spec {
        name: "DeleteSecurityGroup",
        run: Write(groups::delete),
        params: &[GROUP],
        missing_region: Some((
            "MissingParameter.RegionId",
            "The parameter \"RegionId\" should not be null.",
        )),
        ..BASE
    },
    Spec {
        name: "ModifySecurityGroupAttribute",
        run: Write(groups::modify_attribute),
        params: &[GROUP, &["SecurityGroupName", "Description"]],
        ..BASE
    },
    Spec {
        name: "ModifySecurityGroupPolicy",
        run: Write(groups::modify_policy),
        client_token: true,
        params: &[GROUP, &["InnerAccessPolicy"]],
        missing_region: Some((
            "MissingParamter.RegionId",
            "The RegionId should not be null.",
        )),
        ..BASE
    },
    Spec {
        name: "DescribeSecurityGroupReferences",
        run: Read(references::describe),
        params: &[&["SecurityGroupId.N"]],
        ..BASE
    },
    Spec {
        name: "JoinSecurityGroup",
        run: Write(interfaces::join),
        params: &[GROUP, MEMBER],
        ..BASE
    },
    Spec {
        name: "LeaveSecurityGroup",
        run: Write(interfaces::leave),
        params: &[GROUP, MEMBER],
        ..BASE
    },
    Spec {
        name: "TagResources",
        run: Write(tags::tag),
        params: &[RESOURCES, TAGS],
        missing_region: Some(TAGS_MISSING),
        ..BASE
    },
    Spec {
        name: "UntagResources",
        run: Write(tags::untag),
        params: &[RESOURCES, &["TagKey.N", "All"]],
        missing_region: Some(TAGS_MISSING),
        ..BASE
    },
    Spec {
        name: "ListTagResources",
        run: Read(tags::list),
        params: &[
            RESOURCES,
            TAGS,
            &["NextToken", "TagFilter.N.TagKey", "TagFilter.N.TagValues.N"],
        ],
        missing_region: Some(TAGS_MISSING),
        ..BASE
    },
    Spec {
        name: "DescribeRegions",
        run: Read(regions::describe_regions),
        params: &[&["AcceptLanguage", "InstanceChargeType", "ResourceType"]],
        missing_region: None,
        ..BASE
    },
    Spec {
        name: "DescribeAccountAttributes",
        run: Read(regions::describe_account_attributes),
        params: &[&["AttributeName.N", "ZoneId"]],
        ..BASE
    },
    Spec {
        name: "CreatePrefixList",
        run: Write(prefix_lists::create),
        client_token: true,
        params: &[
            &[
                "PrefixListName",
                "AddressFamily",
                "MaxEntries",
                "Description",
                "Entry.N.Cidr",
                "Entry.N.Description",
                "ResourceGroupId",
            ],
            TAGS,
        ],
        ..BASE
    },
    Spec {
        name: "ModifyPrefixList",
        run: Write(prefix_lists::modify),
        params: &[
            PREFIX_LIST,
            &[
                "PrefixListName",
                "Description",
                "AddEntry.N.Cidr",
                "AddEntry.N.Description",
                "RemoveEntry.N.Cidr",
            ],
        ],
        ..BASE
    },
    Spec {
        name: "DeletePrefixList",
        run: Write(prefix_lists::delete),
        params: &[PREFIX_LIST],
        ..BASE
    },
    Spec {
        name: "DescribePrefixLists",
        run: Read(prefix_lists::describe),
        params: &[
            &[
                "PrefixListId.N",
                "PrefixListName",
                "AddressFamily",
                "ResourceGroupId",
            ],
            PAGES,
            TAGS,
        ],
        ..BASE
    },
    Spec {
        name: "DescribePrefixListAttributes",
        run: Read(prefix_lists::attributes),
        params: &[PREFIX_LIST],
        ..BASE
    },
    Spec {
        name: "DescribePrefixListAssociations",
        run: Read(prefix_lists::associations),
        params: &[PREFIX_LIST, PAGES],
        ..BASE
    },
    Spec {
        name: "CreatePortRangeList",
        run: Write(port_lists::create),
        client_token: true,
        params: &[
            &[
                "PortRangeListName",
                "MaxEntries",
                "Description",
                "Entry.N.PortRange",
                "Entry.N.Description",
                "ResourceGroupId",
            ],
            TAGS,
        ],
        unknown_region: PORT_LIST_REGION,
        ..BASE
    },
    Spec {
        name: "ModifyPortRangeList",
        run: Write(port_lists::modify),
        client_token: true,
        params: &[
            PORT_LIST,
            &[
                "PortRangeListName",
                "Description",
                "AddEntry.N.PortRange",
                "AddEntry.N.Description",
                "RemoveEntry.N.PortRange",
            ],
        ],
        unknown_region: PORT_LIST_REGION,
        ..BASE
    },
    Spec {
        name: "DeletePortRangeList",
        run: Write(port_lists::delete),
        params: &[PORT_LIST],
        unknown_region: PORT_LIST_REGION,
        ..BASE
    },
    Spec {
        name: "DescribePortRangeLists",
        run: Read(port_lists::describe),
        params: &[
            &["PortRangeListId.N", "PortRangeListName", "ResourceGroupId"],
            PAGES,
            TAGS,
        ],
        unknown_region: PORT_LIST_REGION,
        ..BASE
    },
    Spec {
        name: "DescribePortRangeListEntries",
        run: Read(port_lists::entries),
        params: &[PORT_LIST],
        unknown_region: PORT_LIST_REGION,
        ..BASE
    },
    Spec {
        name: "DescribePortRangeListAssociations",
        run: Read(port_lists::associations),
        params: &[PORT_LIST, PAGES],
        unknown_region: PORT_LIST_REGION,
        ..BASE
    },
];

const PORT_LIST_REGION: &str = "The specified parameter RegionId is not valid.";

const TAGS_MISSING: (&str, &str) = (
    "MissingParameter.RegionId",
    "The parameter - RegionId should not be null.",
);

/// The action of that name.
pub(in crate::emulator) fn find(name: &str) -> Option<&'static Spec> {
    ACTIONS.iter().find(|spec| spec.name == name)
}

#[cfg(test)]
mod tests {
    use std::{collections::BTreeSet, fs, path::Path};

    use super::*;

    /// Every action that the cloud's own description is there for takes exactly its parameters.
    #[test]
    fn actions_take_the_parameters_of_the_clouds_own_description() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/ecs-openapi");
        let mut described = BTreeSet::new();
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.extension().is_none_or(|ending| ending != "json") {
                continue;
            }
            let action: serde_json::Value =
                serde_json::from_str(&fs::read_to_string(&path).unwrap()).unwrap();
            let name = action["name"].as_str().unwrap().to_owned();
            let spec = find(&name).unwrap_or_else(|| panic!("{name} is not there"));
            let wanted: BTreeSet<(String, bool)> = action["parameters"]
                .as_array()
                .unwrap()
                .iter()
                .map(|parameter| {
                    let text = |member: &str| parameter[member].as_str().unwrap().to_owned();
                    let list = matches!(&*text("type"), "RepeatList" | "Array");
                    (text("name"), list)
                })
                .collect();
            let mut taken: BTreeSet<(String, bool)> = spec
                .params
                .iter()
                .flat_map(|names| names.iter())
                .map(|name| match name.split_once('.') {
                    Some((array, _)) => (array.to_owned(), true),
                    None => ((*name).to_owned(), false),
                })
                .collect();
            if spec.missing_region.is_some() {
                taken.insert(("RegionId".into(), false));
            }
            if spec.client_token {
                taken.insert(("ClientToken".into(), false));
            }
            assert_eq!(taken, wanted, "{name}");
            described.insert(name);
        }
        let served: BTreeSet<String> = ACTIONS.iter().map(|spec| spec.name.to_owned()).collect();
        assert_eq!(served, described);
    }
}
