//! What the cloud's documentation leaves open, as switches: the defaults are the best known answers.

use serde::{Deserialize, Serialize};

/// Variants of behaviour, so that clients can be exercised with each.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Switches {
    /// `Priority` in answers is a string instead of a number; both have been seen.
    pub priority_as_string: bool,
    /// Rules come back in an order that has nothing to do with the order they were added in.
    pub random_rule_order: bool,
    /// Which other order; the same number gives the same order.
    pub order_seed: u64,
    /// Members of a rule that do not apply are left out of answers instead of being empty, as older servers do.
    pub missing_members: bool,
    /// Revoking by attributes a rule that does not exist succeeds instead of failing.
    pub lenient_revoke: bool,
    /// Two rules that differ in their priority alone are two rules.
    pub identity_with_priority: bool,
    /// Advanced groups take drop rules.
    pub drop_in_advanced_groups: bool,
    /// The peer group of a rule must be in the same VPC.
    pub same_vpc: bool,
    /// Groups can be made in the classic network, as for accounts that still have it.
    pub classic_groups: bool,
    /// IPv4 and IPv6 peers come back as networks with a mask instead of as they were sent.
    pub normalise_cidrs: bool,
    /// A parameter that the action does not know is refused instead of ignored.
    pub strict_unknown_parameters: bool,
    /// DescribeSecurityGroups refuses `PageNumber` and `PageSize`.
    pub refuse_page_numbers: bool,
    /// Rules of one group, both directions, each with its weight.
    pub rules_per_group: usize,
    /// Rules of all groups of one network interface together, each with its weight.
    pub rules_per_interface: usize,
    /// Groups of one region; the cloud starts with 100 and raises it on request.
    pub groups_per_region: usize,
    /// Rules of a page of DescribeSecurityGroupAttribute when `MaxResults` is not given.
    pub default_rule_page: usize,
    /// Most rules of a page, whatever `MaxResults` says: smaller than 1,000 makes clients follow tokens.
    pub largest_rule_page: usize,
}

impl Default for Switches {
    fn default() -> Self {
        Self {
            priority_as_string: false,
            random_rule_order: false,
            order_seed: 0,
            missing_members: false,
            lenient_revoke: false,
            identity_with_priority: true,
            drop_in_advanced_groups: true,
            same_vpc: true,
            classic_groups: false,
            normalise_cidrs: false,
            strict_unknown_parameters: false,
            refuse_page_numbers: false,
            rules_per_group: 200,
            rules_per_interface: 1000,
            groups_per_region: 100_000,
            default_rule_page: 500,
            largest_rule_page: 1000,
        }
    }
}

impl Switches {
    /// What is set here, over what `text` (a JSON object of switches) sets, over the defaults.
    pub(super) fn over(&self, text: &serde_json::Value) -> Result<Self, String> {
        let map = |switches: &Self| {
            serde_json::to_value(switches).expect("switches have nothing that JSON cannot write")
        };
        let (own, usual) = (map(self), map(&Self::default()));
        let mut merged = text.clone();
        let members = merged.as_object_mut().ok_or("`switches` is an object")?;
        for (name, value) in own.as_object().into_iter().flatten() {
            if *value != usual[name] {
                members.insert(name.clone(), value.clone());
            }
        }
        serde_json::from_value(merged).map_err(|error| format!("switches: {error}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_configured_wins_over_what_the_seed_says() {
        let own = Switches {
            rules_per_group: 7,
            ..Switches::default()
        };
        let seed = serde_json::json!({"rules_per_group": 9, "priority_as_string": true});
        let merged = own.over(&seed).unwrap();
        assert_eq!(merged.rules_per_group, 7);
        assert!(merged.priority_as_string && merged.same_vpc);
        assert!(own.over(&serde_json::json!({"nonsense": 1})).is_err());
    }
}
