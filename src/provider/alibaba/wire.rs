//! The wire form of the ECS API, and what it means in the words of the model: the only file with the cloud's field names.
//!
//! The client reads these shapes and the emulator writes them, so that samples of the cloud's answers pin both.

use serde::{Deserialize, Serialize};

/// `Permissions.Permission` of DescribeSecurityGroupAttribute: every member, `""` where it does not apply. Older servers
/// leave members out; missing, `null` and `""` mean the same.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
#[expect(
    missing_docs,
    reason = "the names are the cloud's; ecs-api.md 8.2 says what they are"
)]
pub struct Permission {
    pub security_group_rule_id: String,
    pub direction: String,
    pub ip_protocol: String,
    pub port_range: String,
    pub source_port_range: String,
    pub policy: String,
    pub priority: u8,
    pub nic_type: String,
    pub source_cidr_ip: String,
    #[serde(rename = "Ipv6SourceCidrIp")]
    pub ipv6_source_cidr_ip: String,
    pub source_group_id: String,
    pub source_group_name: String,
    pub source_group_owner_account: String,
    pub source_prefix_list_id: String,
    pub source_prefix_list_name: String,
    pub dest_cidr_ip: String,
    #[serde(rename = "Ipv6DestCidrIp")]
    pub ipv6_dest_cidr_ip: String,
    pub dest_group_id: String,
    pub dest_group_name: String,
    pub dest_group_owner_account: String,
    pub dest_prefix_list_id: String,
    pub dest_prefix_list_name: String,
    pub port_range_list_id: String,
    pub port_range_list_name: String,
    pub description: String,
    pub create_time: String,
}
