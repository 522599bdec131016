//! Groups, references and lists when they succeed.

use serde_json::{Value, json};

use crate::cloud::Cloud;

fn ids(answer: &Value) -> Vec<&str> {
    answer["SecurityGroups"]["SecurityGroup"]
        .as_array()
        .unwrap()
        .iter()
        .map(|group| group["SecurityGroupId"].as_str().unwrap())
        .collect()
}

#[test]
fn groups_are_listed_by_token_and_by_number() {
    let cloud = Cloud::new();
    let mut all = Vec::new();
    let mut token = String::new();
    loop {
        let answer = cloud.ok(
            "DescribeSecurityGroups",
            &format!("MaxResults=3&NextToken={token}"),
        );
        assert!(answer.get("TotalCount").is_none());
        all.extend(ids(&answer).into_iter().map(str::to_owned));
        token = answer["NextToken"].as_str().unwrap().to_owned();
        if token.is_empty() {
            break;
        }
    }
    assert_eq!(
        all,
        [
            "sg-web",
            "sg-peer",
            "sg-other",
            "sg-managed",
            "sg-kept",
            "sg-classic",
            "sg-adv"
        ]
    );
    let answer = cloud.ok("DescribeSecurityGroups", "PageNumber=2&PageSize=5");
    assert_eq!(ids(&answer), ["sg-classic", "sg-adv"]);
    assert_eq!(
        (&answer["TotalCount"], &answer["PageNumber"]),
        (&json!(7), &json!(2))
    );
}

#[test]
fn every_filter_filters() {
    let cloud = Cloud::new();
    for (filter, expected) in [
        ("SecurityGroupId=sg-web", vec!["sg-web"]),
        ("SecurityGroupId=sg-none", vec![]),
        (
            r#"SecurityGroupIds=["sg-adv","sg-web","sg-none"]"#,
            vec!["sg-web", "sg-adv"],
        ),
        ("SecurityGroupName=web", vec!["sg-web"]),
        ("VpcId=vpc-2", vec!["sg-other"]),
        ("NetworkType=classic", vec!["sg-classic"]),
        ("SecurityGroupType=enterprise", vec!["sg-adv"]),
        ("ServiceManaged=true", vec!["sg-managed"]),
        ("Tag.1.Key=env&Tag.1.Value=prod", vec!["sg-web"]),
        ("Tag.1.key=env", vec!["sg-web"]),
        ("Tag.1.Key=env&Tag.1.Value=dev", vec![]),
        ("RegionId=cn-beijing", vec![]),
    ] {
        let answer = cloud.ok(
            "DescribeSecurityGroups",
            &format!("MaxResults=100&{filter}"),
        );
        assert_eq!(ids(&answer), expected, "{filter}");
    }
}

#[test]
fn a_group_lives_from_create_to_delete() {
    let cloud = Cloud::new();
    let created = cloud.ok(
        "CreateSecurityGroup",
        "VpcId=vpc-9&SecurityGroupName=new&Tag.1.Key=a&Tag.1.Value=b",
    );
    let id = created["SecurityGroupId"].as_str().unwrap();
    cloud.ok(
        "ModifySecurityGroupAttribute",
        &format!("SecurityGroupId={id}&Description=some text"),
    );
    cloud.ok(
        "ModifySecurityGroupPolicy",
        &format!("SecurityGroupId={id}&InnerAccessPolicy=drop"),
    );
    let listed = cloud.ok("DescribeSecurityGroups", &format!("SecurityGroupId={id}"));
    let mut group = listed["SecurityGroups"]["SecurityGroup"][0].clone();
    group["SecurityGroupId"].take();
    assert_eq!(
        group,
        json!({
            "SecurityGroupId": null, "SecurityGroupName": "new", "Description": "some text", "SecurityGroupType": "normal",
            "VpcId": "vpc-9", "CreationTime": "2026-01-02T03:04:05Z", "ResourceGroupId": "", "ServiceManaged": false,
            "ServiceID": 0, "EcsCount": 0, "AvailableInstanceAmount": 0, "RuleCount": 0, "GroupToGroupRuleCount": 0,
            "Tags": {"Tag": [{"TagKey": "a", "TagValue": "b"}]},
        })
    );
    let attribute = cloud.ok(
        "DescribeSecurityGroupAttribute",
        &format!("SecurityGroupId={id}"),
    );
    assert_eq!(attribute["InnerAccessPolicy"], "Drop");
    cloud.ok("DeleteSecurityGroup", &format!("SecurityGroupId={id}"));
    assert_eq!(
        cloud.refusal("DeleteSecurityGroup", &format!("SecurityGroupId={id}")),
        "404 InvalidSecurityGroup.NotFound"
    );
}

#[test]
fn a_group_is_free_to_go_when_the_last_reference_is() {
    let cloud = Cloud::new();
    let answer = cloud.ok(
        "DescribeSecurityGroupReferences",
        "SecurityGroupId.1=sg-peer&SecurityGroupId.2=sg-web",
    );
    assert_eq!(
        answer["SecurityGroupReferences"]["SecurityGroupReference"],
        json!([{"SecurityGroupId": "sg-peer", "ReferencingSecurityGroups": {"ReferencingSecurityGroup":
            [{"SecurityGroupId": "sg-web", "AliUid": "1000000000000001"}]}}])
    );
    cloud.ok(
        "RevokeSecurityGroup",
        "SecurityGroupId=sg-web&SecurityGroupRuleId.1=sgr-peer",
    );
    cloud.ok("DeleteSecurityGroup", "SecurityGroupId=sg-peer");
}

#[test]
fn prefix_lists_live_from_create_to_delete() {
    let cloud = Cloud::new();
    let created = cloud.ok(
        "CreatePrefixList",
        "PrefixListName=six&AddressFamily=IPv6&MaxEntries=3&Entry.1.Cidr=2001:0DB8::/32&Entry.1.Description=doc&Entry.2.Cidr=::1",
    );
    let id = created["PrefixListId"].as_str().unwrap();
    cloud.ok("ModifyPrefixList", &format!("PrefixListId={id}&AddEntry.1.Cidr=2001:db8::/32&AddEntry.1.Description=new&RemoveEntry.1.Cidr=::1/128"));
    let answer = cloud.ok(
        "DescribePrefixListAttributes",
        &format!("PrefixListId={id}"),
    );
    assert_eq!(
        answer["Entries"],
        json!({"Entry": [{"Cidr": "2001:db8::/32", "Description": "new"}]})
    );
    assert_eq!(answer["CreationTime"], "2026-01-02T03:04Z");
    cloud.ok("DeletePrefixList", &format!("PrefixListId={id}"));
    let listed = cloud.ok("DescribePrefixLists", "PrefixListName=four");
    let list = &listed["PrefixLists"]["PrefixList"][0];
    assert_eq!(
        (&list["PrefixListId"], &list["AssociationCount"]),
        (&json!("pl-four"), &json!(1))
    );
    let used = cloud.ok("DescribePrefixListAssociations", "PrefixListId=pl-four");
    assert_eq!(
        used["PrefixListAssociations"]["PrefixListAssociation"],
        json!([{"ResourceId": "sg-web", "ResourceType": "securitygroup"}])
    );
}

#[test]
fn port_lists_live_from_create_to_delete() {
    let cloud = Cloud::new();
    let created = cloud.ok(
        "CreatePortRangeList",
        "PortRangeListName=db&MaxEntries=2&Entry.1.PortRange=3306/3306",
    );
    let id = created["PortRangeListId"].as_str().unwrap();
    cloud.ok(
        "ModifyPortRangeList",
        &format!("PortRangeListId={id}&AddEntry.1.PortRange=5432/5432&PortRangeListName=dbs"),
    );
    let answer = cloud.ok(
        "DescribePortRangeListEntries",
        &format!("PortRangeListId={id}"),
    );
    assert_eq!(answer["Entries"][1]["PortRange"], "5432/5432");
    cloud.ok("DeletePortRangeList", &format!("PortRangeListId={id}"));
    let used = cloud.ok(
        "DescribePortRangeListAssociations",
        "PortRangeListId=prl-web",
    );
    assert_eq!(
        used["PortRangeListAssociations"],
        json!([{"ResourceId": "sg-web", "ResourceType": "SecurityGroup"}])
    );
    let first = cloud.ok("DescribePortRangeLists", "MaxResults=1");
    let token = first["NextToken"].as_str().unwrap();
    let second = cloud.ok(
        "DescribePortRangeLists",
        &format!("MaxResults=1&NextToken={token}"),
    );
    assert_eq!(second["PortRangeLists"][0]["PortRangeListId"], "prl-web");
    assert_eq!(second["NextToken"], "");
}

#[test]
fn regions_and_quota_can_be_asked() {
    let cloud = Cloud::new();
    let regions = cloud.ok("DescribeRegions", "");
    let regions = regions["Regions"]["Region"].as_array().unwrap();
    assert!(
        regions.iter().any(|r| r["RegionId"] == "cn-hangzhou"
            && r["RegionEndpoint"] == "ecs.cn-hangzhou.aliyuncs.com")
    );
    let quota = cloud.ok(
        "DescribeAccountAttributes",
        "AttributeName.1=max-security-groups",
    );
    assert_eq!(
        quota["AccountAttributeItems"]["AccountAttributeItem"][0]["AttributeName"],
        "max-security-groups"
    );
}
