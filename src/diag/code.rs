//! Stable names of diagnostics.

macro_rules! codes {
    ($($(#[$doc:meta])* $variant:ident = $name:literal,)*) => {
        /// Stable name of a kind of diagnostic; each is a heading of docs/diagnostics.md.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Code {
            $($(#[$doc])* $variant,)*
        }

        impl Code {
            /// Every code there is.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)*];

            /// The name in kebab-case.
            pub fn as_str(self) -> &'static str {
                match self {
                    $(Self::$variant => $name,)*
                }
            }
        }
    };
}

codes! {
    // Shape of the files.
    /// The text is no YAML.
    Syntax = "syntax",
    /// A tab where YAML needs spaces.
    Tab = "tab",
    /// Aliases that multiply, or nesting without end.
    Bomb = "bomb",
    /// A file cannot be read, is not UTF-8, or is too large.
    UnreadableFile = "unreadable-file",
    /// A file or folder that the project file names is not there, or no group file is.
    NoFiles = "no-files",
    /// A group file that declares nothing.
    EmptyFile = "empty-file",
    /// A key that is not known here.
    UnknownKey = "unknown-key",
    /// A key stands twice in one map.
    DuplicateKey = "duplicate-key",
    /// A key that must be there is not.
    MissingKey = "missing-key",
    /// A value of the wrong kind: a list where text is needed, say.
    WrongType = "wrong-type",
    /// A value of the right kind that is not one of those that are possible.
    InvalidValue = "invalid-value",

    /// A value stands twice in one list, which changes nothing.
    DuplicateValue = "duplicate-value",
    /// Lists multiply to more rules than any group can hold.
    TooManyRules = "too-many-rules",

    // Assertions.
    /// Two assertions have one id.
    DuplicateAssertion = "duplicate-assertion",
    /// The declared rules of a group violate an assertion.
    AssertionViolated = "assertion-violated",
    /// A waiver names an assertion or a group that there is not.
    WaiverNamesNothing = "waiver-names-nothing",
    /// A waiver excuses from nothing: the group does not violate the assertion.
    UnusedWaiver = "unused-waiver",
    /// A waiver is past its date.
    ExpiredWaiver = "expired-waiver",

    // Groups.
    /// An id or name that no security group can have.
    InvalidGroup = "invalid-group",
    /// Two documents declare the same group.
    DuplicateGroup = "duplicate-group",
    /// The account is not in the project file.
    UnknownAccount = "unknown-account",
    /// `mode` is missing.
    MissingMode = "missing-mode",
    /// `absent` or `ignore` in a mode in which it has no meaning.
    ModeMismatch = "mode-mismatch",
    /// A group of that id or name is not in the cloud.
    GroupNotFound = "group-not-found",
    /// Several groups have the name.
    AmbiguousGroup = "ambiguous-group",
    /// No live group matches the targets of a document.
    NoTargets = "no-targets",

    // Rules.
    /// Neither peer key, or `from` and `to` confused.
    PeerKey = "peer-key",
    /// An address or CIDR that is none.
    InvalidCidr = "invalid-cidr",
    /// Host bits are set in a CIDR.
    HostBits = "host-bits",
    /// Several values in one string, with commas.
    CommaInString = "comma-in-string",
    /// Ports that are none, or reversed.
    InvalidPorts = "invalid-ports",
    /// Ports on a protocol without ports, or none on one with.
    PortsMismatch = "ports-mismatch",
    /// A protocol that is not known.
    InvalidProtocol = "invalid-protocol",
    /// Address family and protocol do not fit.
    FamilyMismatch = "family-mismatch",
    /// A priority outside 1..100.
    InvalidPriority = "invalid-priority",
    /// A description that the cloud refuses.
    InvalidDescription = "invalid-description",
    /// A date or time that is none.
    InvalidDate = "invalid-date",
    /// The same rule is declared twice.
    DuplicateRule = "duplicate-rule",
    /// Two rules differ in their description only.
    ConflictingDescription = "conflicting-description",
    /// Two rules say the opposite of the same packets at the same priority.
    ContradictingRule = "contradicting-rule",
    /// Two rules differ in priority only.
    PriorityTwin = "priority-twin",
    /// A rule is both wanted and `absent`.
    WantedAndAbsent = "wanted-and-absent",
    /// A network that is not declared.
    UnknownNetwork = "unknown-network",
    /// Networks that name each other in a circle.
    NetworkCycle = "network-cycle",
    /// A service that is not declared.
    UnknownService = "unknown-service",
    /// Services that name each other in a circle.
    ServiceCycle = "service-cycle",
    /// A declared service has the name of a built-in one.
    ShadowedService = "shadowed-service",
    /// `group:NAME` names no declared group.
    UnknownPeerGroup = "unknown-peer-group",
    /// A group names itself as peer.
    SelfReference = "self-reference",

    // Rules that do nothing, or not what they say.
    /// Every packet that the rule matches is decided by stronger rules.
    NeverEffective = "never-effective",
    /// Accept and drop of one priority overlap.
    SamePriorityConflict = "same-priority-conflict",
    /// Without the rule every packet would fare the same.
    RedundantRule = "redundant-rule",

    // What the group in the cloud does not admit.
    /// A rule that a group of that type or network cannot hold.
    Unsupported = "unsupported",
    /// A rule of a classic-network group does not say which network interface it is for.
    MissingNic = "missing-nic",
    /// A prefix list or port list that is not there.
    ListNotFound = "list-not-found",
    /// A prefix list or port list that the cloud does not let these credentials read.
    UnreadList = "unread-list",
    /// A peer group in another VPC.
    PeerInOtherVpc = "peer-in-other-vpc",
    /// A declared rule decides nothing beside live rules that are left alone and say the opposite.
    OverruledRule = "overruled-rule",
    /// Old and new rules do not fit together, so that deletes go before adds.
    DeletesFirst = "deletes-first",
}

impl std::fmt::Display for Code {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::Code;
    use std::collections::BTreeSet;

    #[test]
    fn each_has_a_heading_with_meaning_example_and_mend() {
        let page = include_str!("../../docs/diagnostics.md");
        let sections: Vec<(&str, &str)> = page
            .split("\n### ")
            .skip(1)
            .map(|section| section.split_once('\n').unwrap())
            .collect();
        let headings: Vec<&str> = sections.iter().map(|(heading, _)| *heading).collect();
        let names: Vec<&str> = Code::ALL.iter().map(|code| code.as_str()).collect();
        assert_eq!(headings, names);
        for (heading, text) in sections {
            assert!(text.contains("```") && text.contains("Mend: "), "{heading}");
        }
    }

    #[test]
    fn names_are_unique_and_kebab_case() {
        let names: BTreeSet<_> = Code::ALL.iter().map(|code| code.as_str()).collect();
        assert_eq!(names.len(), Code::ALL.len());
        assert!(names.iter().all(|name| {
            name.split('-')
                .all(|word| !word.is_empty() && word.bytes().all(|b| b.is_ascii_lowercase()))
        }));
    }
}
