//! What an account may read, found out by reading a little. Writes are not tried: the API has no way to try one without
//! its effect (`DryRun` of DescribeSecurityGroups is a read as well).

use serde_json::Value;

use super::{Alibaba, credentials::CredentialSource, endpoints::Endpoint, wire::request};
use crate::{model::RegionId, provider::ProviderError};

/// RAM actions that `apply` needs beyond the reads.
pub const WRITE_ACTIONS: [&str; 6] = [
    "ecs:AuthorizeSecurityGroup",
    "ecs:AuthorizeSecurityGroupEgress",
    "ecs:ModifySecurityGroupRule",
    "ecs:ModifySecurityGroupEgressRule",
    "ecs:RevokeSecurityGroup",
    "ecs:RevokeSecurityGroupEgress",
];

/// One read and what came of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Probed {
    /// Name of the action, which is its RAM action behind `ecs:`.
    pub action: &'static str,
    /// What came of it.
    pub access: Access,
}

/// What came of a read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Access {
    /// It was answered.
    Allowed,
    /// The cloud refused; with its reason.
    Denied(String),
    /// The answer says nothing about permissions: the cloud was busy or out of reach.
    Unknown(String),
    /// There is nothing in the region to ask about.
    NotAsked(&'static str),
}

/// A list, where the first id stands in its answer, and the action that takes such an id.
struct Pair {
    list: &'static str,
    first: &'static str,
    detail: &'static str,
    parameter: &'static str,
    none: &'static str,
}

const PAIRS: [Pair; 3] = [
    Pair {
        list: "DescribeSecurityGroups",
        first: "/SecurityGroups/SecurityGroup/0/SecurityGroupId",
        detail: "DescribeSecurityGroupAttribute",
        parameter: "SecurityGroupId",
        none: "no security group is there to ask about",
    },
    Pair {
        list: "DescribePrefixLists",
        first: "/PrefixLists/PrefixList/0/PrefixListId",
        detail: "DescribePrefixListAttributes",
        parameter: "PrefixListId",
        none: "no prefix list is there to ask about",
    },
    Pair {
        list: "DescribePortRangeLists",
        first: "/PortRangeLists/0/PortRangeListId",
        detail: "DescribePortRangeListEntries",
        parameter: "PortRangeListId",
        none: "no port list is there to ask about",
    },
];

impl Alibaba {
    /// Who signs.
    pub fn credentials(&self) -> &CredentialSource {
        self.api.credentials()
    }

    /// Where the requests for a region go.
    pub fn endpoint(&self, region: &RegionId) -> Result<Endpoint, ProviderError> {
        self.api.endpoint(region)
    }

    /// Tries every read that plans need, with as little of an answer as there can be.
    pub async fn probe(&self, region: &RegionId) -> Result<Vec<Probed>, ProviderError> {
        let mut probed = Vec::new();
        for pair in PAIRS {
            let (access, answer) = self
                .try_read(region, pair.list, ("MaxResults", "1"))
                .await?;
            let listed = access == Access::Allowed;
            probed.push(Probed {
                action: pair.list,
                access,
            });
            let id = answer.pointer(pair.first).and_then(Value::as_str);
            let access = match id {
                Some(id) => {
                    self.try_read(region, pair.detail, (pair.parameter, id))
                        .await?
                        .0
                }
                None if listed => Access::NotAsked(pair.none),
                None => Access::NotAsked("the list of what there is could not be had"),
            };
            probed.push(Probed {
                action: pair.detail,
                access,
            });
        }
        Ok(probed)
    }

    async fn try_read(
        &self,
        region: &RegionId,
        action: &'static str,
        parameter: (&str, &str),
    ) -> Result<(Access, Value), ProviderError> {
        let request = request::read(action, region, parameter);
        match self.api.read::<Value>(region, &request).await {
            Ok(answer) => Ok((Access::Allowed, answer)),
            Err(ProviderError::Refused {
                code,
                message,
                request_id,
            }) => {
                let reason = format!("{code}: {message} (request {request_id})");
                Ok((Access::Denied(reason), Value::Null))
            }
            Err(error @ (ProviderError::Credentials { .. } | ProviderError::NotSent { .. })) => {
                Err(error)
            }
            Err(error) => Ok((Access::Unknown(error.to_string()), Value::Null)),
        }
    }
}
