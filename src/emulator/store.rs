//! What the emulated account holds: groups with their rules, prefix lists and port lists. Keeps and finds, decides nothing.

mod diff;
mod file;
mod seed;
mod tokens;

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

pub(super) use self::diff::effect;
pub(super) use self::file::{StateFile, StoreError};
pub(super) use self::seed::{read as read_state, write as write_state};
pub(super) use self::tokens::{Tokens, Used};
use super::{
    Faults,
    rule::{Peer, Ports, Rule},
};

/// Accounts by their number.
pub(super) type Accounts = BTreeMap<Box<str>, Arc<Account>>;

/// Everything. A clone is cheap: it shares what does not change.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct State {
    /// The account of keys that name none.
    pub(super) primary: Box<str>,
    pub(super) accounts: Accounts,
    /// What the file sets of the switches, a JSON object.
    pub(super) switches: Option<serde_json::Value>,
    /// What the file lets go wrong.
    pub(super) faults: Option<Faults>,
    /// Client tokens that are remembered.
    pub(super) tokens: Tokens,
}

/// Everything of one account, in all its regions. A clone is cheap: it shares what does not change.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Account {
    /// The cloud's number for the account.
    pub(super) owner: Box<str>,
    pub(super) groups: BTreeMap<Box<str>, Arc<Group>>,
    pub(super) prefix_lists: BTreeMap<Box<str>, Arc<List>>,
    pub(super) port_lists: BTreeMap<Box<str>, Arc<List>>,
    /// Groups of each instance (`i-..`) and network interface (`eni-..`) that is in one.
    pub(super) interfaces: BTreeMap<Box<str>, BTreeSet<Box<str>>>,
}

/// A security group and its rules.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Group {
    pub(super) id: Box<str>,
    pub(super) name: Box<str>,
    pub(super) description: Box<str>,
    pub(super) region: Box<str>,
    /// `None` is the classic network.
    pub(super) vpc: Option<Box<str>>,
    /// Advanced (`enterprise`) instead of basic (`normal`).
    pub(super) advanced: bool,
    pub(super) service_managed: bool,
    pub(super) deletion_protection: bool,
    /// Members reach each other whatever the rules say.
    pub(super) inner_accept: bool,
    pub(super) resource_group: Box<str>,
    pub(super) tags: BTreeMap<String, String>,
    pub(super) created: i64,
    /// In the order of their `seq`.
    pub(super) rules: Vec<Rule>,
    /// The next rule's `seq`.
    pub(super) next_seq: u64,
}

impl Group {
    /// What the group's rules count in the quotas.
    pub(super) fn weight(&self, account: &Account) -> usize {
        self.rules.iter().map(|rule| rule.weight(account)).sum()
    }

    /// Adds a rule behind the others.
    pub(super) fn push(&mut self, mut rule: Rule, id: Box<str>, created: i64) {
        rule.seq = self.next_seq;
        rule.id = id;
        rule.created = created;
        self.next_seq += 1;
        self.rules.push(rule);
    }
}

/// A prefix list or a port list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct List {
    pub(super) id: Box<str>,
    pub(super) name: Box<str>,
    pub(super) description: Box<str>,
    pub(super) region: Box<str>,
    /// Of a prefix list: its one address family.
    pub(super) ipv6: bool,
    pub(super) max_entries: usize,
    pub(super) resource_group: Box<str>,
    pub(super) tags: BTreeMap<String, String>,
    pub(super) created: i64,
    /// CIDR or port range, and description.
    pub(super) entries: Vec<(Box<str>, Box<str>)>,
}

impl Account {
    /// An account with nothing in it.
    pub(super) fn of(owner: &str) -> Self {
        Self {
            owner: owner.into(),
            ..Self::default()
        }
    }

    /// Ids of the groups with a rule that names a group of the account `owner`.
    pub(super) fn referencing<'a>(
        &'a self,
        id: &'a str,
        owner: &'a str,
    ) -> impl Iterator<Item = &'a str> {
        let own = *self.owner == *owner;
        self.groups
            .values()
            .filter(move |group| {
                group.rules.iter().any(|rule| match &rule.peer {
                    Peer::Group {
                        id: peer,
                        owner: None,
                    } => own && **peer == *id,
                    Peer::Group {
                        id: peer,
                        owner: Some(other),
                    } => **other == *owner && **peer == *id,
                    _ => false,
                })
            })
            .map(|group| &*group.id)
    }

    /// Instances and interfaces in a group.
    pub(super) fn members<'a>(
        &'a self,
        group: &'a str,
    ) -> impl Iterator<Item = (&'a str, &'a BTreeSet<Box<str>>)> {
        self.interfaces
            .iter()
            .filter(move |(_, groups)| groups.contains(group))
            .map(|(id, groups)| (&**id, groups))
    }

    /// Ids of the groups with a rule that names a prefix list or a port list.
    pub(super) fn associated<'a>(&'a self, id: &'a str) -> impl Iterator<Item = &'a str> {
        self.groups
            .values()
            .filter(move |group| {
                group.rules.iter().any(|rule| {
                    matches!(&rule.peer, Peer::PrefixList(list) if **list == *id)
                        || matches!(&rule.ports, Ports::List(list) if **list == *id)
                })
            })
            .map(|group| &*group.id)
    }
}

/// An id that was never given before: 17 random letters and digits behind what real ids begin with.
pub(super) fn new_id(kind: &str) -> Box<str> {
    id_of(kind, uuid::Uuid::new_v4().as_u128())
}

/// An id from a number.
fn id_of(kind: &str, mut number: u128) -> Box<str> {
    const DIGITS: &[u8; 36] = b"0123456789abcdefghijklmnopqrstuvwxyz";
    let mut id = format!("{kind}-bp1");
    for _ in 0..17 {
        let digit = usize::try_from(number % 36).expect("below 36");
        id.push(char::from(DIGITS[digit]));
        number /= 36;
    }
    id.into()
}
