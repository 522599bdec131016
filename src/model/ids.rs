//! Names that must not mix are separate types.

use std::{fmt, sync::Arc};

macro_rules! id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
        #[serde(transparent)]
        pub struct $name(Arc<str>);

        impl $name {
            /// Takes the text as it is; the cloud is the judge of its own ids.
            pub fn new(text: impl AsRef<str>) -> Self {
                Self(Arc::from(text.as_ref()))
            }

            /// The text as the cloud writes it.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(&self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{:?}", &*self.0)
            }
        }
    };
}

id!(
    /// Id of a security group, `sg-…`.
    GroupId
);
id!(
    /// Name of a security group; the cloud does not keep names unique.
    GroupName
);
id!(
    /// Id of one rule, `sgr-…`; given by the cloud and kept when the rule is modified.
    RuleId
);
id!(
    /// Id of a prefix list, `pl-…`: a named set of CIDRs of one address family.
    PrefixListId
);
id!(
    /// Id of a port list, `prl-…`: a named set of port ranges.
    PortListId
);
id!(
    /// Id of a VPC, `vpc-…`.
    VpcId
);
id!(
    /// Name of an account in the project file, not the cloud's number for it.
    AccountName
);
id!(
    /// Id of a region, `cn-hangzhou`.
    RegionId
);
id!(
    /// The cloud's number for an account that owns a peer group, `1234567890123456`.
    OwnerId
);

impl GroupId {
    /// Whether a text has the shape of a group id rather than of a group name.
    pub fn looks_like(text: &str) -> bool {
        text.strip_prefix("sg-").is_some_and(|rest| {
            !rest.is_empty() && rest.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')
        })
    }
}
