//! What groups and rules say of each other: duplicates, contradictions, peers that are not declared.

use std::collections::{BTreeMap, HashMap};

use rayon::prelude::*;

use crate::{
    desired::{
        AbsentRule, DesiredGroup, DesiredPeer, DesiredRule, Selector, Template,
        fields::{Out, nearest},
    },
    diag::{Code, Diagnostic, Sources, Span},
    model::{AccountName, Cidr, Direction, GroupId, GroupName, NicType, Protocol, RegionId},
};

/// Declared groups by what `group:NAME` finds them by.
type Directory<'a> =
    HashMap<(&'a AccountName, &'a RegionId), BTreeMap<&'a GroupName, Vec<&'a DesiredGroup>>>;

/// Compares groups with each other and the rules of each group. `may_be_declared`: whether a document that could not be read may be about a
/// group of a name.
pub(super) fn check(
    groups: &[DesiredGroup],
    templates: &[Template],
    sources: &Sources,
    may_be_declared: &(dyn Fn(&GroupName) -> bool + Sync),
    out: &mut Out,
) {
    duplicate_groups(groups, out);
    let mut directory = Directory::new();
    for group in groups {
        if let Some(name) = group.declared_name() {
            directory
                .entry((&group.account, &group.region))
                .or_default()
                .entry(name)
                .or_default()
                .push(group);
        }
    }
    ambiguous_names(&directory, out);
    let bodies = templates.par_iter().map(|template| &template.body);
    let more: Vec<Out> = groups
        .par_iter()
        .chain(bodies)
        .map(|group| {
            let mut out = Out::new();
            let empty = BTreeMap::new();
            let names = directory
                .get(&(&group.account, &group.region))
                .unwrap_or(&empty);
            peers(group, names, (sources, may_be_declared), &mut out);
            collisions(group, names, &mut out);
            out
        })
        .collect();
    out.extend(more.into_iter().flatten());
}

fn duplicate_groups(groups: &[DesiredGroup], out: &mut Out) {
    let mut first: HashMap<(&AccountName, &RegionId, &Selector), Span> = HashMap::new();
    for group in groups {
        let key = (&group.account, &group.region, &group.selector);
        match first.get(&key) {
            None => {
                first.insert(key, group.span);
            }
            Some(first) => {
                let (first, second) = in_order(*first, group.span);
                out.push(
                    Diagnostic::error(
                        Code::DuplicateGroup,
                        format!("the group `{}` is declared twice", group.selector),
                    )
                    .label(second, "again here")
                    .label(first, "first here")
                    .help("join the two documents: a group has one list of rules per direction"),
                );
            }
        }
    }
}

fn ambiguous_names(directory: &Directory<'_>, out: &mut Out) {
    for (name, groups) in directory.values().flatten() {
        // Groups of one name in several VPCs are fine as long as no rule names them; an alias is a choice.
        let alias = groups.iter().find(|group| group.alias.is_some());
        let other = groups
            .iter()
            .find(|group| Some(group.span) != alias.map(|alias| alias.span));
        if let (Some(alias), Some(other)) = (alias, other)
            && alias.selector != other.selector
        {
            let (first, second) = in_order(alias.span, other.span);
            out.push(
                Diagnostic::error(
                    Code::DuplicateGroup,
                    format!("two groups are called `{name}`"),
                )
                .label(second, "this one")
                .label(first, "and this one")
                .help("give one of them another `name`"),
            );
        }
    }
}

fn in_order(a: Span, b: Span) -> (Span, Span) {
    if a <= b { (a, b) } else { (b, a) }
}

/// Peers that are groups: declared at all, by one group only, and not the group itself.
fn peers(
    group: &DesiredGroup,
    names: &BTreeMap<&GroupName, Vec<&DesiredGroup>>,
    (sources, may_be_declared): (&Sources, &(dyn Fn(&GroupName) -> bool + Sync)),
    out: &mut Out,
) {
    let mut told: Vec<(Span, &DesiredPeer)> = Vec::new();
    let patterns = group
        .ignore
        .iter()
        .filter_map(|pattern| Some((pattern.span, pattern.peer.as_ref()?)));
    let rules = group.rules().map(|rule| (rule.span, &rule.peer));
    for (span, peer) in rules.chain(patterns) {
        if matches!(peer, DesiredPeer::Cidr(_) | DesiredPeer::PrefixList(_))
            || told.contains(&(span, peer))
        {
            continue;
        }
        told.push((span, peer));
        let narrow = || sources.narrow(span, &peer.to_string());
        let itself = match peer {
            DesiredPeer::Group { id, .. } => {
                matches!(&group.selector, Selector::Id(own) if own == id)
            }
            DesiredPeer::Declared(name) => match names.get(name).map(Vec::as_slice) {
                None => {
                    if !may_be_declared(name) {
                        out.push(unknown_peer(group, name, narrow(), names));
                    }
                    false
                }
                Some([only]) => only.span == group.span,
                Some(several) => {
                    let mut diagnostic = Diagnostic::error(
                        Code::AmbiguousGroup,
                        format!("`group:{name}` may be {} groups", several.len()),
                    )
                    .label(narrow(), "which one?");
                    for one in several.iter().take(5) {
                        diagnostic = diagnostic.label(one.span, format!("{}", one.selector));
                    }
                    out.push(diagnostic.help("name the peer by its id, sg-.."));
                    false
                }
            },
            DesiredPeer::Cidr(_) | DesiredPeer::PrefixList(_) => false,
        };
        if itself {
            out.push(
                Diagnostic::error(
                    Code::SelfReference,
                    format!("the group names itself as peer, as `{peer}`"),
                )
                .label(narrow(), "the cloud refuses such a rule")
                .label(group.span, "the group")
                .help("members of a basic group reach each other without a rule while its inner access is `Accept`; otherwise name their addresses"),
            );
        }
    }
}

fn unknown_peer(
    group: &DesiredGroup,
    name: &GroupName,
    span: Span,
    names: &BTreeMap<&GroupName, Vec<&DesiredGroup>>,
) -> Diagnostic {
    let known = names.keys().map(|name| name.as_str());
    Diagnostic::error(
        Code::UnknownPeerGroup,
        format!(
            "no group called `{name}` is declared in {} {}",
            group.account, group.region
        ),
    )
    .label(span, "no such group")
    .help(match nearest(name.as_str(), known) {
        Some(near) => format!("did you mean `group:{near}`?"),
        None => "declare the group, or name it by its id, sg-..".to_owned(),
    })
}

/// What the cloud tells rules apart by, but for policy and priority.
#[derive(PartialEq, Eq, PartialOrd, Ord, Hash)]
struct Key<'a> {
    direction: Direction,
    nic: NicType,
    protocol: &'a Protocol,
    peer: PeerKey<'a>,
    local: Option<Cidr>,
}

/// A peer; a declared group that is known by its id is that id.
#[derive(PartialEq, Eq, PartialOrd, Ord, Hash)]
enum PeerKey<'a> {
    Id(&'a GroupId),
    Other(&'a DesiredPeer),
}

fn key<'a>(
    rule: &'a DesiredRule,
    names: &BTreeMap<&'a GroupName, Vec<&'a DesiredGroup>>,
) -> Key<'a> {
    let peer = match &rule.peer {
        DesiredPeer::Group { id, .. } => PeerKey::Id(id),
        DesiredPeer::Declared(name) => match names.get(name).map(Vec::as_slice) {
            Some(
                [
                    DesiredGroup {
                        selector: Selector::Id(id),
                        ..
                    },
                ],
            ) => PeerKey::Id(id),
            _ => PeerKey::Other(&rule.peer),
        },
        peer @ (DesiredPeer::Cidr(_) | DesiredPeer::PrefixList(_)) => PeerKey::Other(peer),
    };
    Key {
        direction: rule.direction,
        // In a VPC there is no other; a classic-network group must say it for every rule.
        nic: rule.nic.unwrap_or(NicType::Intranet),
        protocol: &rule.protocol,
        peer,
        local: rule.local,
    }
}

fn collisions<'a>(
    group: &'a DesiredGroup,
    names: &BTreeMap<&'a GroupName, Vec<&'a DesiredGroup>>,
    out: &mut Out,
) {
    let mut pairs = Pairs::default();
    let mut buckets: HashMap<Key<'_>, Vec<&DesiredRule>> = HashMap::new();
    for rule in group.ingress.iter().chain(&group.egress).flatten() {
        let others = buckets.entry(key(rule, names)).or_default();
        // Against one other rule each, so that many equal rules are as many problems, not their square.
        let find = |priority: bool, policy: bool| {
            others.iter().copied().find(|other| {
                (rule.priority == other.priority) == priority
                    && (rule.policy == other.policy) == policy
            })
        };
        if let Some(same) = find(true, true) {
            let code = if rule.description == same.description {
                Code::DuplicateRule
            } else {
                Code::ConflictingDescription
            };
            pairs.add(code, rule, same);
            continue;
        }
        // A weaker exception of another verdict is how priorities are used: nothing is said of it.
        if let Some(opposite) = find(true, false) {
            pairs.add(Code::ContradictingRule, rule, opposite);
        } else if let Some(twin) = find(false, true) {
            pairs.add(Code::PriorityTwin, rule, twin);
        }
        others.push(rule);
    }
    let mut absent: HashMap<Key<'_>, Vec<&DesiredRule>> = HashMap::new();
    for AbsentRule { rule, any_priority } in &group.absent {
        let key = key(rule, names);
        let wanted = buckets.get(&key).into_iter().flatten();
        for wanted in wanted {
            if (*any_priority || wanted.priority == rule.priority) && wanted.policy == rule.policy {
                pairs.add(Code::WantedAndAbsent, rule, wanted);
            }
        }
        let others = absent.entry(key).or_default();
        let same = others
            .iter()
            .find(|other| other.priority == rule.priority && other.policy == rule.policy);
        match same {
            Some(same) => pairs.add(Code::DuplicateValue, rule, same),
            None => others.push(rule),
        }
    }
    out.extend(pairs.diagnostics());
}

/// Colliding rules by the two places that declare them: lists may collide in many rules at once.
#[derive(Default)]
struct Pairs<'a> {
    found: BTreeMap<(Span, Span, Code), (&'a DesiredRule, &'a DesiredRule, usize)>,
}

impl<'a> Pairs<'a> {
    fn add(&mut self, code: Code, a: &'a DesiredRule, b: &'a DesiredRule) {
        // What must not exist points at the rule that wants it; otherwise the later place is the one to mend.
        let (first, second) = if code == Code::WantedAndAbsent || b.span <= a.span {
            (b, a)
        } else {
            (a, b)
        };
        self.found
            .entry((second.span, first.span, code))
            .and_modify(|(_, _, count)| *count += 1)
            .or_insert((first, second, 1));
    }

    fn diagnostics(self) -> impl Iterator<Item = Diagnostic> {
        self.found
            .into_iter()
            .map(|((_, _, code), (first, second, count))| describe(code, first, second, count))
    }
}

fn describe(code: Code, first: &DesiredRule, second: &DesiredRule, count: usize) -> Diagnostic {
    let DesiredRule {
        direction,
        protocol,
        peer,
        priority,
        policy,
        ..
    } = second;
    let what = format!("{direction} {protocol} {} {peer}", direction.preposition());
    let diagnostic = match code {
        Code::DuplicateRule => {
            Diagnostic::error(code, format!("the rule {what} is declared twice"))
                .label(second.span, "again here")
                .label(first.span, "first here")
                .help("keep one; the cloud stores a rule once")
        }
        Code::ConflictingDescription => {
            let show = |rule: &DesiredRule| match &rule.description {
                Some(text) => format!("described as \"{text}\""),
                None => "without a description".to_owned(),
            };
            Diagnostic::error(
                code,
                format!("the rule {what} is declared twice, with different descriptions"),
            )
            .label(second.span, show(second))
            .label(first.span, show(first))
            .help("keep one: to the cloud it is one rule, which has one description")
        }
        Code::ContradictingRule => Diagnostic::error(
            code,
            format!("{what} is both accepted and dropped at priority {priority}"),
        )
        .label(second.span, format!("{policy} here"))
        .label(first.span, format!("{} here", first.policy))
        .help("drop would win; remove one, or give the one that shall win the smaller `priority`"),
        Code::PriorityTwin => Diagnostic::warning(
            code,
            format!("two rules {policy} {what} and differ in priority only"),
        )
        .label(second.span, format!("priority {priority}"))
        .label(first.span, format!("priority {}", first.priority))
        .help("keep the one with the smaller number: the other never decides anything, and the cloud may take the two for one"),
        Code::WantedAndAbsent => Diagnostic::error(
            code,
            format!("{what} is wanted and must be absent"),
        )
        .label(second.span, "must not exist")
        .label(first.span, "wanted here")
        .help("remove one of the two"),
        _ => Diagnostic::warning(code, format!("{what} is under `absent` twice"))
            .label(second.span, "again here")
            .label(first.span, "first here")
            .help("remove one; it changes nothing"),
    };
    match count {
        1 => diagnostic,
        2 => diagnostic.help("1 more rule of these two places collides in the same way"),
        count => diagnostic.help(format!(
            "{} more rules of these two places collide in the same way",
            count - 1
        )),
    }
}
