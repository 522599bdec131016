//! The rules of the groups that are asked about, as declared or as they are, and what the files leave open.

use std::collections::{BTreeMap, BTreeSet};

use crate::{
    cli::{Failure, pass::Session},
    desired::{
        Desired, DesiredGroup, DesiredPeer, Ignore, Mode, Selector, SystemRules, Template, matches,
    },
    model::{
        Direction, GroupId, GroupKind, GroupName, Lists, NicType, ObservedGroup, Protocol, Rule,
    },
    reconcile,
    report::explain::{Doubt, Effect, Group, Source},
    traffic::platform::is_open_inside,
};

use super::question::Words;

/// Groups with their rules, the interfaces that are looked at and whether they are named, and the ids of declared groups.
pub(super) type Looked = (Vec<Group>, Vec<(NicType, bool)>, Names);

/// The ids of declared groups of one account and region by name, or what stands for them where only the cloud knows them.
#[derive(Default)]
pub(super) struct Names {
    ids: BTreeMap<GroupName, GroupId>,
    /// All that are declared.
    declared: BTreeSet<GroupName>,
    /// Declared, and not to be found.
    missing: BTreeSet<GroupName>,
    /// Those with an id that only stands for theirs.
    stand_ins: BTreeSet<GroupId>,
}

impl Names {
    /// As far as the files know them.
    pub(super) fn of_files(desired: &Desired, group: &DesiredGroup) -> Self {
        let mut names = Self::default();
        for (name, selector) in here(desired, group) {
            let id = match selector {
                Selector::Id(id) => id.clone(),
                Selector::Name { .. } => {
                    let id = GroupId::new(format!("group:{name}"));
                    names.stand_ins.insert(id.clone());
                    id
                }
            };
            names.declared.insert(name.clone());
            names.ids.insert(name.clone(), id);
        }
        names
    }

    /// Asks the cloud for those that the rules of some groups name, and the words.
    pub(super) async fn of_cloud(
        session: &Session,
        desired: &Desired,
        groups: &[DesiredGroup],
        words: &Words<'_>,
    ) -> Result<Self, Failure> {
        let network = words.peer.and_then(|peer| words.vocabulary.network(peer));
        let rules = groups.iter().flat_map(DesiredGroup::rules);
        let peers = rules
            .map(|rule| &rule.peer)
            .chain(network.into_iter().flatten());
        let mut wanted: BTreeSet<GroupName> = peers
            .filter_map(|peer| match peer {
                DesiredPeer::Declared(name) => Some(name.clone()),
                DesiredPeer::Cidr(_) | DesiredPeer::Group { .. } | DesiredPeer::PrefixList(_) => {
                    None
                }
            })
            .collect();
        wanted.extend(words.peer.map(bare));
        let mut names = Self::default();
        let declared = here(desired, &groups[0]);
        let declared: Vec<_> = declared
            .inspect(|(name, _)| {
                names.declared.insert((*name).clone());
            })
            .filter(|(name, _)| wanted.contains(*name))
            .collect();
        let selectors: Vec<Selector> = declared
            .iter()
            .map(|(_, selector)| (*selector).clone())
            .collect();
        let DesiredGroup {
            account, region, ..
        } = &groups[0];
        let found = session.find(account, region, &selectors).await?;
        for ((name, selector), found) in declared.into_iter().zip(found) {
            match (selector, &found[..]) {
                (Selector::Id(id), _) => {
                    names.ids.insert(name.clone(), id.clone());
                }
                (Selector::Name { .. }, [info]) => {
                    names.ids.insert(name.clone(), info.id.clone());
                }
                (Selector::Name { .. }, _) => {
                    names.missing.insert(name.clone());
                }
            }
        }
        Ok(names)
    }

    /// The id of a declared group.
    pub(super) fn id(&self, name: &GroupName) -> Option<GroupId> {
        self.ids.get(name).cloned()
    }

    /// Whether a group is declared but not in the cloud, or there more than once.
    pub(super) fn is_missing(&self, name: &GroupName) -> bool {
        self.missing.contains(name)
    }

    /// Declared names that look like one that no group has.
    pub(super) fn near(&self, name: &GroupName) -> Vec<String> {
        let declared = self.declared.iter().map(ToString::to_string);
        reconcile::near(name.as_str(), declared)
    }

    /// Whether an id is a declared group's own.
    fn is_known(&self, id: &GroupId) -> bool {
        !self.stand_ins.contains(id) && self.ids.values().any(|own| own == id)
    }
}

/// The declared groups of an account and region that have a name.
fn here<'a>(
    desired: &'a Desired,
    group: &'a DesiredGroup,
) -> impl Iterator<Item = (&'a GroupName, &'a Selector)> {
    let all = desired
        .groups
        .iter()
        .filter(|other| (&other.account, &other.region) == (&group.account, &group.region));
    all.filter_map(|group| Some((group.declared_name()?, &group.selector)))
}

/// A group's name, with or without `group:` before it.
pub(super) fn bare(text: &str) -> GroupName {
    GroupName::new(text.strip_prefix("group:").unwrap_or(text))
}

/// Whether a document with `targets` may be about a group of a name.
pub(super) fn may_be_about(template: &Template, word: &str) -> bool {
    let pattern = template.targets.name.as_ref();
    !GroupId::looks_like(word) && pattern.is_some_and(|pattern| matches(pattern, word))
}

/// What a document with `targets` declares for a group of a name.
pub(super) fn of_template(template: &Template, word: &str) -> DesiredGroup {
    DesiredGroup {
        selector: Selector::Name {
            name: GroupName::new(word),
            vpc: template.targets.vpc.clone(),
        },
        ..template.body.clone()
    }
}

fn name_of(group: &DesiredGroup) -> String {
    group
        .declared_name()
        .map_or_else(|| group.selector.to_string(), ToString::to_string)
}

/// The rules that the files declare. Of the group itself the files do not tell the kind: a basic one is assumed.
pub(super) fn from_files(
    desired: &Desired,
    group: &DesiredGroup,
    names: &Names,
    words: &Words<'_>,
) -> Group {
    let now = jiff::Timestamp::now();
    let rules: Vec<(Rule, String)> = group
        .direction(words.direction)
        .unwrap_or_default()
        .iter()
        .filter(|rule| rule.is_live(now))
        .filter_map(|rule| {
            let nic = rule.nic.unwrap_or(NicType::Intranet);
            let bound = rule.bind(nic, |name| names.id(name))?;
            Some((bound, desired.sources.place(rule.span)))
        })
        .collect();
    Group {
        name: name_of(group),
        source: Source::Files,
        kind: GroupKind::Basic,
        own: None,
        doubts: doubts(desired, group, &rules, names, words),
        rules,
        lists: Lists::default(),
    }
}

/// What the files do not tell.
fn doubts(
    desired: &Desired,
    group: &DesiredGroup,
    rules: &[(Rule, String)],
    names: &Names,
    words: &Words<'_>,
) -> Vec<Doubt> {
    let direction = words.direction;
    let mut doubts = Vec::new();
    let mut doubt = |effect: Effect, text: String| doubts.push(Doubt { effect, text });
    let any = Effect::Rules {
        priority: 1,
        policy: None,
    };
    match (group.direction(direction), group.mode(direction)) {
        (None, _) => doubt(
            Effect::Any,
            format!("its live rules say otherwise, as {direction} is not managed: --live looks at them"),
        ),
        (Some(_), Mode::Partial) => doubt(
            any,
            "a live rule that is not declared says otherwise, as the mode is partial: --live looks at them"
                .to_owned(),
        ),
        (Some(_), Mode::Complete) => {
            let ignored = group.ignore.iter();
            for ignore in ignored.filter(|ignore| may_match(ignore, words)) {
                let place = desired.sources.place(ignore.span);
                doubt(
                    Effect::Rules {
                        priority: ignore.priority.unwrap_or(1),
                        policy: ignore.policy,
                    },
                    format!("a live rule that `ignore` leaves alone ({place}) says otherwise: --live looks at them"),
                );
            }
            if group.system_rules == Some(SystemRules::Keep) {
                doubt(
                    Effect::Rules {
                        priority: 110,
                        policy: None,
                    },
                    "a rule of priority 110 says otherwise, as `system_rules` keeps them: --live looks at them"
                        .to_owned(),
                );
            }
        }
    }
    if direction == Direction::Egress {
        doubt(
            Effect::ClosedByDefault,
            "it is an advanced group, which refuses what no egress rule admits: --live tells its kind"
                .to_owned(),
        );
    }
    let own = match &group.selector {
        Selector::Id(id) => Some(id.clone()),
        Selector::Name { name, .. } => names.id(name),
    };
    let text = "its members reach each other, as in a basic group from the start: --live tells";
    if let Some(own) = own {
        doubt(Effect::AmongMembers(own), text.to_owned());
    }
    if let Some(peer) = words.peer {
        doubts.extend(unclear_name(peer, rules, names));
    }
    let templates = desired.templates.iter();
    let mut templates = templates.filter(|template| template.body.span == group.span);
    if let Some(template) = templates.next() {
        let place = desired.sources.place(template.body.span);
        doubts.push(Doubt {
            effect: Effect::Any,
            text: format!(
                "the `targets` of {place} are not about {}: --live finds the groups that match",
                name_of(group)
            ),
        });
    }
    doubts
}

/// Whether a pattern may match live rules about the packets in question; where they come from is not looked at.
fn may_match(ignore: &Ignore, words: &Words<'_>) -> bool {
    let is_of = |name: &String, protocol: &Protocol| {
        name.eq_ignore_ascii_case("all")
            || *protocol == Protocol::All
            || name.eq_ignore_ascii_case(&protocol.name())
    };
    let direction = ignore.direction;
    direction.is_none_or(|direction| direction == words.direction)
        && ignore
            .protocol
            .as_ref()
            .is_none_or(|name| words.protocols.iter().any(|protocol| is_of(name, protocol)))
}

/// A peer by its id where rules name peers that the files know by name only, or the other way round.
fn unclear_name(peer: &str, rules: &[(Rule, String)], names: &Names) -> Option<Doubt> {
    let named: BTreeSet<&GroupId> = rules
        .iter()
        .filter_map(|(rule, _)| match &rule.peer {
            crate::model::Peer::Group(id) => Some(id),
            _ => None,
        })
        .collect();
    let own = names.id(&bare(peer));
    let by_name = own.is_some_and(|id| names.stand_ins.contains(&id));
    let by_id = GroupId::looks_like(peer) && !names.is_known(&GroupId::new(peer));
    let is_other = |id: &&GroupId| {
        (by_name && !names.stand_ins.contains(*id) && !names.is_known(id))
            || (by_id && names.stand_ins.contains(*id))
    };
    let others = named.into_iter().filter(is_other);
    let others: Vec<String> = others.map(ToString::to_string).collect();
    if others.is_empty() {
        return None;
    }
    Some(Doubt {
        effect: Effect::Rules {
            priority: 1,
            policy: None,
        },
        text: format!(
            "{peer} is {}, which the files do not tell: --live knows the ids",
            others.join(" or ")
        ),
    })
}

/// The rules that the group has.
pub(super) fn live(
    desired: &Desired,
    group: &DesiredGroup,
    observed: &ObservedGroup,
    lists: &Lists,
    names: &Names,
) -> Group {
    // A document with `targets` that only the name fits is not about it.
    let mut templates = desired.templates.iter();
    let template = templates.find(|template| template.body.span == group.span);
    let is_about = template.is_none_or(|template| template.targets.admit(&observed.info));
    let declared = |rule: &Rule| {
        let declared = group.direction(rule.direction).filter(|_| is_about);
        let declared = declared.unwrap_or_default();
        let same = declared.iter().find(|own| {
            own.nic.is_none_or(|nic| nic == rule.nic)
                && own
                    .bind(rule.nic, |name| names.id(name))
                    .is_some_and(|bound| bound.is_same_rule(rule))
        });
        same.map(|own| desired.sources.place(own.span))
    };
    let rules = observed
        .rules
        .iter()
        .map(|seen| {
            let id = seen
                .id
                .as_ref()
                .map_or_else(|| "no id".to_owned(), ToString::to_string);
            let place =
                declared(&seen.rule).map_or_else(|| id.clone(), |place| format!("{id}, {place}"));
            (seen.rule.clone(), place)
        })
        .collect();
    let is_open = is_open_inside(observed.info.kind, observed.inner_access);
    Group {
        name: name_of(group),
        source: Source::Live,
        kind: observed.info.kind,
        own: is_open.then(|| observed.info.id.clone()),
        rules,
        lists: lists.clone(),
        doubts: Vec::new(),
    }
}
