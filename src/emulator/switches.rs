//! What the cloud's documentation leaves open, as switches: the defaults are the best known answers.

/// Variants of behaviour, so that clients can be exercised with each.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Switches {
    /// `Priority` in answers is a string instead of a number; both have been seen.
    pub priority_as_string: bool,
    /// Rules come back in an order that has nothing to do with the order they were added in.
    pub random_rule_order: bool,
    /// Revoking by attributes a rule that does not exist succeeds instead of failing.
    pub lenient_revoke: bool,
    /// Two rules that differ in their priority alone are two rules.
    pub identity_with_priority: bool,
    /// Advanced groups take drop rules.
    pub drop_in_advanced_groups: bool,
    /// The peer group of a rule must be in the same VPC.
    pub same_vpc: bool,
    /// IPv4 and IPv6 peers come back as networks with a mask instead of as they were sent.
    pub normalise_cidrs: bool,
    /// A parameter that the action does not know is refused instead of ignored.
    pub strict_unknown_parameters: bool,
    /// DescribeSecurityGroups refuses `PageNumber` and `PageSize`.
    pub refuse_page_numbers: bool,
    /// Rules of one group, both directions, each with its weight.
    pub rules_per_group: usize,
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
            lenient_revoke: false,
            identity_with_priority: true,
            drop_in_advanced_groups: true,
            same_vpc: true,
            normalise_cidrs: false,
            strict_unknown_parameters: false,
            refuse_page_numbers: false,
            rules_per_group: 200,
            groups_per_region: 100_000,
            default_rule_page: 500,
            largest_rule_page: 1000,
        }
    }
}
