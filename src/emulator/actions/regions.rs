//! DescribeRegions and DescribeAccountAttributes: what there is around the groups.

use serde_json::{Value, json};

use super::Ctx;
use crate::emulator::{
    answer::Answer,
    error::{ApiError, absent, invalid_parameter},
    store::Account,
};

/// Regions of the public cloud.
const REGIONS: [&str; 35] = [
    "ap-northeast-1",
    "ap-northeast-2",
    "ap-south-1",
    "ap-southeast-1",
    "ap-southeast-2",
    "ap-southeast-3",
    "ap-southeast-5",
    "ap-southeast-6",
    "ap-southeast-7",
    "ap-southeast-8",
    "cn-beijing",
    "cn-beijing-finance-1",
    "cn-chengdu",
    "cn-fuzhou",
    "cn-guangzhou",
    "cn-hangzhou",
    "cn-heyuan",
    "cn-hongkong",
    "cn-huhehaote",
    "cn-nanjing",
    "cn-qingdao",
    "cn-shanghai",
    "cn-shanghai-finance-1",
    "cn-shenzhen",
    "cn-shenzhen-finance-1",
    "cn-wuhan-lr",
    "cn-wulanchabu",
    "cn-zhangjiakou",
    "eu-central-1",
    "eu-west-1",
    "me-central-1",
    "me-east-1",
    "na-south-1",
    "us-east-1",
    "us-west-1",
];

/// Whether there is such a region.
pub(super) fn exists(region: &str) -> bool {
    REGIONS.contains(&region)
}

pub(super) fn describe_regions(ctx: &Ctx<'_>, _: &Account) -> Result<Answer, ApiError> {
    if let Some(language) = ctx.params.get("AcceptLanguage")
        && !["zh-CN", "en-US", "ja"].contains(&language)
    {
        return Err(absent(
            "InvalidAcceptLanguage.NotFound",
            "The specified AcceptLanguage does not exist.",
        ));
    }
    if let Some(kind) = ctx.params.get("ResourceType")
        && !["instance", "disk", "reservedinstance", "scu"].contains(&kind)
    {
        return Err(absent(
            "InvalidResourceType.NotFound",
            "The ResourceType provided does not exist in our records.",
        ));
    }
    let regions: Vec<Value> = REGIONS
        .iter()
        .map(|region| {
            json!({
                "RegionId": region,
                "LocalName": region,
                "RegionEndpoint": format!("ecs.{region}.aliyuncs.com"),
                "Status": "available",
            })
        })
        .collect();
    Ok(Answer::of(json!({"Regions": {"Region": regions}})))
}

pub(super) fn describe_account_attributes(ctx: &Ctx<'_>, _: &Account) -> Result<Answer, ApiError> {
    const GROUPS: &str = "max-security-groups";
    let names = ctx.params.list("AttributeName", 8)?;
    if let Some(unknown) = names.iter().find(|name| **name != GROUPS) {
        return Err(invalid_parameter(&format!("AttributeName ({unknown})")));
    }
    Ok(Answer::of(json!({
        "AccountAttributeItems": {"AccountAttributeItem": [{
            "AttributeName": GROUPS,
            "AttributeValues": {"ValueItem": [{"Value": ctx.switches.groups_per_region.to_string()}]},
        }]},
    })))
}
