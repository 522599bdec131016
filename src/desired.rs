//! YAML text <-> [`Desired`], with every problem found; the only place that knows YAML.

mod assertions;
mod changes;
mod collide;
mod common;
mod declared;
pub mod edit;
mod fields;
pub mod fmt;
mod group;
mod ignore;
mod load;
mod names;
mod notify;
mod project;
mod protocol;
mod rule;
mod scalar;
mod schema;
mod services;
mod targets;
mod value;
mod vocabulary;
mod waivers;
mod windows;
pub mod write;
mod yaml;

use std::{
    collections::{BTreeMap, BTreeSet},
    path::{Path, PathBuf},
    sync::Arc,
};

pub use changes::{Changes, Gone, Why, changes};
pub use declared::{AbsentRule, DesiredPeer, DesiredRule};
pub use load::{
    Loaded, Loader, MAX_BYTES, SourceFile, is_group_file, load, load_as_far, load_files,
    load_project, project_as_far,
};
pub use scalar::{block_scalar, scalar};
pub use schema::{schema_group, schema_project};
pub use services::BUILT_IN;
pub use targets::{Listed, Matched, Targets, Template, matches, patterns_meet};
pub use vocabulary::{Vocabulary, named_groups};
pub use windows::{Opening, Windows};

use crate::{
    assertion::{Assertion, Waiver},
    diag::{Diagnostic, Sources, Span},
    fights,
    model::{AccountName, Direction, GroupId, GroupName, Policy, RegionId, VpcId},
    notify::Channel,
};

/// Everything that the files declare.
#[derive(Clone, Debug)]
pub struct Desired {
    /// The project file.
    pub project: Project,
    /// The groups, sorted by account, region and selector; no two that files name have the same.
    pub groups: Vec<DesiredGroup>,
    /// Documents for groups that match; which those are only the cloud knows.
    pub templates: Vec<Template>,
    /// What the cloud has said of those documents; nothing before it is asked.
    pub matched: Matched,
    /// The text of every file that was read.
    pub sources: Sources,
}

impl Desired {
    /// Every file that was read, with the SHA-256 of its text in hex: what a saved plan is fresh by.
    pub fn files(&self) -> impl Iterator<Item = (&Path, String)> {
        self.sources
            .iter()
            .map(|(_, source)| (source.path.as_path(), source.digest()))
    }

    /// Some groups and the declared groups that their rules and `ignore` patterns name, as indices into `groups`.
    pub fn with_peers(&self, selected: &BTreeSet<usize>) -> BTreeSet<usize> {
        let mut named: BTreeMap<(&AccountName, &RegionId, &GroupName), usize> = BTreeMap::new();
        for (at, group) in self.groups.iter().enumerate() {
            if let Some(name) = group.declared_name() {
                named.insert((&group.account, &group.region, name), at);
            }
        }
        let mut all = selected.clone();
        for at in selected {
            let group = &self.groups[*at];
            let peers = group.rules().map(|rule| &rule.peer);
            let ignored = group.ignore.iter().filter_map(|one| one.peer.as_ref());
            let asserted = group.assertions.iter().flat_map(|one| one.named_groups());
            all.extend(
                asserted.filter_map(|name| named.get(&(&group.account, &group.region, name))),
            );
            all.extend(peers.chain(ignored).filter_map(|peer| match peer {
                DesiredPeer::Declared(name) => named.get(&(&group.account, &group.region, name)),
                DesiredPeer::Cidr(_) | DesiredPeer::Group { .. } | DesiredPeer::PrefixList(_) => {
                    None
                }
            }));
        }
        all
    }
}

/// What the project file says, checked.
#[derive(Clone, Debug, Default)]
pub struct Project {
    /// Folder of the project file; relative paths start here.
    pub root: PathBuf,
    /// Folder of the group files, as written: absolute or relative to [`Project::root`].
    pub rules: PathBuf,
    /// When changes may be made by `watch` and `apply`; `None`: at any time.
    pub windows: Option<Windows>,
    /// Accounts by name.
    pub accounts: BTreeMap<AccountName, Account>,
    /// Assertions about every group: the file's own, then the built-in checks that it chooses.
    pub assertions: Arc<[Arc<Assertion>]>,
    /// Who is excused from an assertion.
    pub waivers: Vec<Arc<Waiver>>,
    /// Who is told of what.
    pub notify: Vec<Channel>,
    /// From when on repetition is a fight.
    pub fights: fights::Threshold,
    /// Every file that the project file names, for checks of where they lie.
    pub files: Vec<NamedFile>,
}

/// A file that the project file names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NamedFile {
    /// Under which key.
    pub key: &'static str,
    /// As written: absolute or relative to [`Project::root`].
    pub path: PathBuf,
    /// Where it is written.
    pub span: Span,
}

impl NamedFile {
    /// Whether it holds a secret, which belongs outside of the repository.
    pub fn is_secret(&self) -> bool {
        matches!(self.key, "url_file" | "secret_file")
    }
}

/// How to reach an account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Account {
    /// The embedded cloud.
    Local {
        /// File that holds its state; absolute or relative to [`Project::root`].
        state: PathBuf,
        /// What the state starts as when the file is not there yet.
        seed: Option<PathBuf>,
    },
    /// Alibaba Cloud, or something that speaks like it.
    Alibaba {
        /// Profile of the aliyun CLI; without one the default chain of credentials.
        profile: Option<String>,
        /// Role to assume with the credentials.
        role_arn: Option<String>,
        /// One endpoint for every region, in place of the cloud's own.
        endpoint: Option<String>,
        /// Which signature is sent.
        signature: SignatureVersion,
    },
}

/// How requests are signed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum SignatureVersion {
    /// HMAC-SHA1 in the query; deprecated by the cloud, still accepted.
    V1,
    /// ACS3-HMAC-SHA256 in the headers.
    #[default]
    V3,
}

/// One security group and the rules it shall have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DesiredGroup {
    /// Account that holds it.
    pub account: AccountName,
    /// Region that holds it.
    pub region: RegionId,
    /// Which group.
    pub selector: Selector,
    /// Local name of a group that is selected by id, for display and for `group:` peers.
    pub alias: Option<GroupName>,
    /// Where it is declared.
    pub span: Span,
    /// What becomes of rules that are not declared, per direction.
    pub mode: Modes,
    /// Rules per direction; `None`: the direction is not managed.
    pub ingress: Option<Vec<DesiredRule>>,
    /// As `ingress`.
    pub egress: Option<Vec<DesiredRule>>,
    /// Rules that must not exist, for partial mode; descriptions do not count.
    pub absent: Vec<AbsentRule>,
    /// Live rules that are not ours, for complete mode.
    pub ignore: Vec<Ignore>,
    /// Whether a direction that has rules may end with none.
    pub allow_empty: bool,
    /// What becomes of rules of priority 110; complete mode must say it when there are any.
    pub system_rules: Option<SystemRules>,
    /// Thresholds, those of the project overridden by those of the group.
    pub limits: Limits,
    /// Units of rules that the group may hold.
    pub quota: u32,
    /// Every assertion about it, those of the project first.
    pub assertions: Arc<[Arc<Assertion>]>,
    /// What it is excused from: the waivers of its file, then those of the project that may be for it.
    pub waivers: Vec<Arc<Waiver>>,
}

impl DesiredGroup {
    /// The rules of a direction; `None`: not managed.
    pub fn direction(&self, direction: Direction) -> Option<&[DesiredRule]> {
        match direction {
            Direction::Ingress => self.ingress.as_deref(),
            Direction::Egress => self.egress.as_deref(),
        }
    }

    /// Every declared rule, those of `absent` too.
    pub fn rules(&self) -> impl Iterator<Item = &DesiredRule> {
        let wanted = self.ingress.iter().chain(&self.egress).flatten();
        wanted.chain(self.absent.iter().map(|absent| &absent.rule))
    }

    /// The mode of a direction.
    pub fn mode(&self, direction: Direction) -> Mode {
        match direction {
            Direction::Ingress => self.mode.ingress,
            Direction::Egress => self.mode.egress,
        }
    }

    /// Whether it may be the group that somebody calls so: by its name in the files, or by its id, which of a group that is selected by
    /// name only the cloud knows.
    pub fn may_be_called(&self, word: &str) -> bool {
        match &self.selector {
            Selector::Id(id) if id.as_str() == word => true,
            Selector::Name { .. } if GroupId::looks_like(word) => true,
            Selector::Id(_) | Selector::Name { .. } => self
                .declared_name()
                .is_some_and(|name| name.as_str() == word),
        }
    }

    /// What `group:NAME` finds it by, within its account and region.
    pub fn declared_name(&self) -> Option<&GroupName> {
        match &self.selector {
            Selector::Name { name, .. } => Some(name),
            Selector::Id(_) => self.alias.as_ref(),
        }
    }
}

/// How a group file names its group.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Selector {
    /// By id.
    Id(GroupId),
    /// By name, which must be unique in the region or in the VPC.
    Name {
        /// The name in the cloud.
        name: GroupName,
        /// Narrows the name to one VPC.
        vpc: Option<VpcId>,
    },
}

impl std::fmt::Display for Selector {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Id(id) => id.fmt(f),
            Self::Name { name, vpc: None } => name.fmt(f),
            Self::Name {
                name,
                vpc: Some(vpc),
            } => write!(f, "{name} in {vpc}"),
        }
    }
}

/// What becomes of live rules that are not declared.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Mode {
    /// They are deleted.
    Complete,
    /// They are left alone, and shown.
    Partial,
}

impl std::fmt::Display for Mode {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(match self {
            Self::Complete => "complete",
            Self::Partial => "partial",
        })
    }
}

/// The mode of each direction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Modes {
    /// Of ingress rules.
    pub ingress: Mode,
    /// Of egress rules.
    pub egress: Mode,
}

/// What becomes of rules of priority 110 in complete mode.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SystemRules {
    /// They stay.
    Keep,
    /// They are deleted, which cannot be undone as they were.
    Delete,
}

/// A pattern for live rules that are not ours: every field that is given must match.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ignore {
    /// Which way.
    pub direction: Option<Direction>,
    /// Verdict.
    pub policy: Option<Policy>,
    /// Rank; may be 110.
    pub priority: Option<u8>,
    /// `tcp`, `all`, ..: without ports.
    pub protocol: Option<String>,
    /// Printed form of the ports: `22`, `8000-8010`, `prl-…`.
    pub ports: Option<String>,
    /// The far end.
    pub peer: Option<DesiredPeer>,
    /// Shell pattern, `*` and `?`, over the description.
    pub description: Option<String>,
    /// Where it is declared.
    pub span: Span,
}

/// Thresholds of the guard.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Most deletes in one plan of one group.
    pub max_deletes: Threshold,
    /// Most changes to existing rules, modifies and deletes, in one plan of one group.
    pub max_changes: Threshold,
}

/// A share of a group's live rules that counts once a group has enough rules.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Threshold {
    /// Percent of the live rules of the group.
    pub percent: u8,
    /// From this number of affected rules on.
    pub from: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            max_deletes: Threshold {
                percent: 30,
                from: 10,
            },
            max_changes: Threshold {
                percent: 50,
                from: 10,
            },
        }
    }
}

/// Why nothing could be loaded.
#[derive(Debug)]
pub struct LoadError {
    /// The files as far as they were read.
    pub sources: Sources,
    /// What is wrong with them, errors and warnings.
    pub diagnostics: Vec<Diagnostic>,
}
