//! The wire form of the ECS API, and what it means in the words of the model: the only files with the cloud's field names.
//!
//! The client reads these shapes and the emulator writes them, so that samples of the cloud's answers pin both.
//! `wire/read.rs` reads leniently, `wire/rule.rs` turns a permission into a rule and back, `wire/answer.rs` has the
//! other answers, `wire/request.rs` the parameters of requests.

pub mod answer;
mod read;
pub mod request;
mod rule;

use std::borrow::Cow;

use serde::Serialize;

pub use read::Reading;
pub use rule::{Interner, RuleError, from_json, observed, to_json};

/// Version of the ECS API that these shapes belong to.
pub const VERSION: &str = "2014-05-26";

/// [`Members`] that own their texts.
pub type Permission = Members<String>;

/// `Permissions.Permission` of DescribeSecurityGroupAttribute: every member, `""` where it does not apply. Older servers
/// leave members out; missing, `null` and `""` mean the same. A priority of 0 stands for a missing one.
///
/// Generic, because rules are read without a copy of any text: most of them are needed for a moment only.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "PascalCase")]
#[expect(
    missing_docs,
    reason = "the names are the cloud's; the page of DescribeSecurityGroupAttribute says what they are"
)]
pub struct Members<T> {
    pub security_group_rule_id: T,
    pub direction: T,
    pub ip_protocol: T,
    pub port_range: T,
    pub source_port_range: T,
    pub policy: T,
    pub priority: u8,
    pub nic_type: T,
    pub source_cidr_ip: T,
    #[serde(rename = "Ipv6SourceCidrIp")]
    pub ipv6_source_cidr_ip: T,
    pub source_group_id: T,
    pub source_group_name: T,
    pub source_group_owner_account: T,
    pub source_prefix_list_id: T,
    pub source_prefix_list_name: T,
    pub dest_cidr_ip: T,
    #[serde(rename = "Ipv6DestCidrIp")]
    pub ipv6_dest_cidr_ip: T,
    pub dest_group_id: T,
    pub dest_group_name: T,
    pub dest_group_owner_account: T,
    pub dest_prefix_list_id: T,
    pub dest_prefix_list_name: T,
    pub port_range_list_id: T,
    pub port_range_list_name: T,
    pub description: T,
    pub create_time: T,
}

macro_rules! text_members {
    ($count:literal: $($name:literal $field:ident,)*) => {
        impl<T: AsRef<str>> Members<T> {
            /// Every member but `Priority`, by the cloud's name for it.
            fn texts(&self) -> [(&'static str, &str); $count] {
                [$(($name, self.$field.as_ref()),)*]
            }

            /// Every member but `Priority` that is neither empty nor what `others` has, by the cloud's name for it.
            fn each_that_differs(&self, others: &Permission, mut tell: impl FnMut(&'static str, &str)) {
                $(
                    let text = self.$field.as_ref();
                    if !text.is_empty() && text != others.$field {
                        tell($name, text);
                    }
                )*
            }

            /// The same members, lent.
            fn lent(&self) -> Members<&str> {
                Members {
                    priority: self.priority,
                    $($field: self.$field.as_ref(),)*
                }
            }
        }

        impl<T> Members<T> {
            /// The member of a name; `None` for `Priority` and for what this program does not know.
            fn text_mut(&mut self, name: &str) -> Option<&mut T> {
                match name {
                    $($name => Some(&mut self.$field),)*
                    _ => None,
                }
            }
        }

        impl Permission {
            /// Empties every member and keeps its room.
            fn clear(&mut self) {
                self.priority = 0;
                $(self.$field.clear();)*
            }
        }

        impl Members<Cow<'_, str>> {
            /// With texts of its own.
            fn into_owned(self) -> Permission {
                Members {
                    priority: self.priority,
                    $($field: self.$field.into_owned(),)*
                }
            }
        }
    };
}

text_members! { 25:
    "SecurityGroupRuleId" security_group_rule_id,
    "Direction" direction,
    "IpProtocol" ip_protocol,
    "PortRange" port_range,
    "SourcePortRange" source_port_range,
    "Policy" policy,
    "NicType" nic_type,
    "SourceCidrIp" source_cidr_ip,
    "Ipv6SourceCidrIp" ipv6_source_cidr_ip,
    "SourceGroupId" source_group_id,
    "SourceGroupName" source_group_name,
    "SourceGroupOwnerAccount" source_group_owner_account,
    "SourcePrefixListId" source_prefix_list_id,
    "SourcePrefixListName" source_prefix_list_name,
    "DestCidrIp" dest_cidr_ip,
    "Ipv6DestCidrIp" ipv6_dest_cidr_ip,
    "DestGroupId" dest_group_id,
    "DestGroupName" dest_group_name,
    "DestGroupOwnerAccount" dest_group_owner_account,
    "DestPrefixListId" dest_prefix_list_id,
    "DestPrefixListName" dest_prefix_list_name,
    "PortRangeListId" port_range_list_id,
    "PortRangeListName" port_range_list_name,
    "Description" description,
    "CreateTime" create_time,
}

#[cfg(test)]
mod tests;
