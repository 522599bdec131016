//! Which live group a word on the command line means, and where it lives.

use std::collections::BTreeMap;

use crate::{
    desired::{
        Desired, DesiredGroup, Mode, Modes, Selector, Vocabulary, named_groups,
        write::{self, Document, Words, Written},
    },
    model::{
        AccountName, GroupId, GroupInfo, GroupName, Network, ObservedGroup, Peer, RegionId, Rule,
    },
};

use super::{Failure, pass::Session, project};

/// Where to look for groups.
#[derive(Clone, Debug, Default, clap::Args)]
pub(super) struct Place {
    /// Account that holds the group [default: that of the declared group, else the project's default]
    #[arg(long, value_name = "NAME", env = "RULEKEEP_ACCOUNT")]
    pub(super) account: Option<String>,
    /// Region that holds the group [default: that of the declared group, else the project's default]
    #[arg(long, value_name = "REGION", env = "RULEKEEP_REGION")]
    pub(super) region: Option<String>,
}

/// A group that was meant.
#[derive(Clone, Debug)]
pub(super) struct Meant<'a> {
    /// Its declaration, if it has one.
    pub(super) declared: Option<&'a DesiredGroup>,
    /// Account that holds it.
    pub(super) account: AccountName,
    /// Region that holds it.
    pub(super) region: RegionId,
    /// How to find it.
    pub(super) selector: Selector,
}

impl Place {
    /// The group that a word means: a declared one by its id or name, else any by id or name.
    pub(super) fn of<'a>(&self, desired: &'a Desired, word: &str) -> Result<Meant<'a>, Failure> {
        let declared = self.declared(desired, word)?;
        let (account, region) = match declared {
            Some(group) => (group.account.clone(), group.region.clone()),
            None => self.whole(desired, &format!("`{word}` is not declared"))?,
        };
        Ok(Meant {
            declared,
            account,
            region,
            selector: match declared {
                Some(group) => group.selector.clone(),
                None => selector(word),
            },
        })
    }

    /// The declared group that is meant, if one is.
    fn declared<'a>(
        &self,
        desired: &'a Desired,
        word: &str,
    ) -> Result<Option<&'a DesiredGroup>, Failure> {
        let fits = |wanted: &Option<String>, has: &str| {
            wanted.as_deref().is_none_or(|wanted| wanted == has)
        };
        let mut meant = desired.groups.iter().filter(|group| {
            project::is_meant(group, word)
                && fits(&self.account, group.account.as_str())
                && fits(&self.region, group.region.as_str())
        });
        let first = meant.next();
        if meant.next().is_some() {
            return Err(
                Failure::new(format!("several declared groups are called `{word}`"))
                    .help("say which one with --account, --region, or by its id"),
            );
        }
        Ok(first)
    }

    /// Account and region without a declared group; `why` begins the sentence when they are not clear.
    pub(super) fn whole(
        &self,
        desired: &Desired,
        why: &str,
    ) -> Result<(AccountName, RegionId), Failure> {
        let vocabulary = Vocabulary::of(&desired.sources);
        let unknown = |flag: &str| {
            Failure::usage(format!("{why}, and where to look is not clear"))
                .help(format!("say it with {flag}"))
        };
        let accounts = &desired.project.accounts;
        let account = match &self.account {
            Some(account) => AccountName::new(account),
            None => vocabulary
                .default_account
                .or_else(|| only(accounts.keys()))
                .ok_or_else(|| unknown("--account"))?,
        };
        if !accounts.contains_key(&account) {
            let known: Vec<_> = accounts.keys().map(AccountName::as_str).collect();
            return Err(
                Failure::usage(format!("the project has no account `{account}`"))
                    .help(format!("it has {}", known.join(", "))),
            );
        }
        let templates = desired.templates.iter().map(|template| &template.body);
        let region = match &self.region {
            Some(region) => RegionId::new(region),
            None => vocabulary
                .default_region
                .or_else(|| {
                    only(
                        desired
                            .groups
                            .iter()
                            .chain(templates)
                            .map(|group| &group.region),
                    )
                })
                .ok_or_else(|| unknown("--region"))?,
        };
        Ok((account, region))
    }
}

/// An id, or a name.
pub(super) fn selector(word: &str) -> Selector {
    if GroupId::looks_like(word) {
        Selector::Id(GroupId::new(word))
    } else {
        Selector::Name {
            name: GroupName::new(word),
            vpc: None,
        }
    }
}

/// The value that all have, if they all have one.
fn only<'a, T: Clone + PartialEq + 'a>(mut values: impl Iterator<Item = &'a T>) -> Option<T> {
    let first = values.next()?;
    values.all(|value| value == first).then(|| first.clone())
}

/// The groups of the account itself that the rules of a group name as peers.
pub(super) async fn own_groups(
    session: &Session,
    meant: &Meant<'_>,
    group: &ObservedGroup,
) -> Result<BTreeMap<GroupId, GroupInfo>, Failure> {
    let rules = group.rules.iter().map(|seen| &seen.rule);
    session.peers(&meant.account, &meant.region, rules).await
}

/// The group without the owners of peer groups that are the account's own: the cloud names an owner for every peer
/// group, files name it for groups of other accounts only.
pub(super) fn without_own(
    group: &ObservedGroup,
    own: &BTreeMap<GroupId, GroupInfo>,
) -> ObservedGroup {
    let mut group = group.clone();
    for seen in &mut group.rules {
        forget_own(&mut seen.rule, own);
    }
    group
}

/// Forgets the owner of a peer group that is the account's own.
pub(super) fn forget_own(rule: &mut Rule, own: &BTreeMap<GroupId, GroupInfo>) {
    if let Peer::Group(id) = &rule.peer
        && own.contains_key(id)
    {
        rule.peer_owner = None;
    }
}

/// A group file that declares the rules of a group: in complete mode, or, where they are only some of its rules, in
/// partial mode.
pub(super) fn group_file(
    desired: &Desired,
    meant: &Meant<'_>,
    group: &ObservedGroup,
    is_whole: bool,
) -> String {
    let (account, region) = (&meant.account, &meant.region);
    let vocabulary = Vocabulary::of(&desired.sources);
    let groups = named_groups(desired, account, region);
    let words = Words {
        vocabulary: &vocabulary,
        groups: &groups,
        classic: group.info.network == Network::Classic,
    };
    let rules: Vec<Written> = group
        .rules
        .iter()
        .filter(|seen| !seen.rule.priority.is_system_level())
        .map(|seen| Written::from(seen.rule.clone()))
        .collect();
    let mut head = vec![format!("{}, {}", group.info.name, group.info.network)];
    if !is_whole {
        head.push("some of its rules: complete mode would delete the others".to_owned());
    }
    let mode = if is_whole {
        Mode::Complete
    } else {
        Mode::Partial
    };
    let document = Document {
        head,
        selector: Selector::Id(group.info.id.clone()),
        alias: None,
        description: None,
        account: (vocabulary.default_account.as_ref() != Some(account)).then(|| account.clone()),
        region: (vocabulary.default_region.as_ref() != Some(region)).then(|| region.clone()),
        mode: Modes {
            ingress: mode,
            egress: mode,
        },
        keep_system_rules: rules.len() < group.rules.len(),
        rules,
    };
    write::document(&document, words)
}
