//! The answer of `explain` as text.

mod doubt;

use std::collections::BTreeMap;

pub use doubt::{Doubt, Effect};

use crate::{
    model::{Direction, GroupId, GroupKind, Lists, NicType, Peer, Policy, Rule, RuleIdentity},
    traffic::{
        clause::{self, Clause, Family, Interval, Resolve, Symbol},
        explain::{Answer, Fate, Part, Question, Unknown, Verdict, explain},
        platform::{among_members, default_policy, is_among_members},
        rank,
        reach::reach,
        speak::Statement,
    },
};

use super::text::{count, escape, width};

/// Most near misses that are named.
const MOST_NEAR: usize = 3;

/// How strongly the default counts.
const DEFAULT: (u8, Policy) = (u8::MAX, Policy::Accept);

/// Most rules that are named as those that decide together.
const MOST_DECIDERS: usize = 6;

/// A group whose rules are asked.
#[derive(Clone, Debug)]
pub struct Group {
    /// Name to show.
    pub name: String,
    /// Where its rules come from.
    pub source: Source,
    /// Basic or advanced: what becomes of packets that no rule matches.
    pub kind: GroupKind,
    /// Its id, when its members reach each other whatever its rules say.
    pub own: Option<GroupId>,
    /// Its rules, each with where it comes from.
    pub rules: Vec<(Rule, String)>,
    /// Lists, as far as their content is known.
    pub lists: Lists,
    /// What may change the answer.
    pub doubts: Vec<Doubt>,
}

/// Where the rules of a group come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// The files.
    Files,
    /// The cloud.
    Live,
}

/// What is asked, in words and as packets.
#[derive(Clone, Debug)]
pub struct Asked {
    /// Which way.
    pub direction: Direction,
    /// Which network interface.
    pub nic: NicType,
    /// Whether the interface is to be named.
    pub says_nic: bool,
    /// The services in words.
    pub service: String,
    /// The packets; what they leave open has not been told.
    pub boxes: Vec<Clause>,
    /// The far end; `None` asks for everyone who is admitted.
    pub peer: Option<Far>,
}

/// The far end of what is asked.
#[derive(Clone, Debug)]
pub struct Far {
    /// In words.
    pub text: String,
    /// What it belongs to beside its address.
    pub member_of: Vec<Symbol>,
}

/// The answers, a few lines each. All groups are those of one network interface: their rules count together.
pub fn answer(groups: &[Group], asked: &[Asked]) -> String {
    let mut sections: Vec<String> = asked
        .iter()
        .map(|asked| match &asked.peer {
            Some(peer) => about_packets(groups, asked, peer),
            None => about_services(groups, asked),
        })
        .collect();
    let direction = asked.first().map(|asked| asked.direction);
    let mut sources = String::new();
    for group in groups {
        let source = match group.source {
            Source::Files => "files",
            Source::Live => "live rules",
        };
        let rules = group.rules.iter();
        let rules = rules.filter(|(rule, _)| Some(rule.direction) == direction);
        let rules = count(
            rules.count(),
            &direction.map_or("rule".to_owned(), |direction| format!("{direction} rule")),
        );
        let line = format!("  {}: {source}, {rules}", group.name);
        sources.push_str(&format!("{}\n", escape(&line)));
    }
    sections.push(sources);
    sections.join("\n")
}

/// Groups of two kinds cannot be on one interface, so the first one's default is that of all.
fn default_of(groups: &[Group], direction: Direction) -> Policy {
    groups
        .first()
        .map_or(Policy::Drop, |group| default_policy(direction, group.kind))
}

fn lists_of(groups: &[Group]) -> Lists {
    let mut all = Lists::default();
    for group in groups {
        all.extend(group.lists.clone());
    }
    all
}

fn title(groups: &[Group], asked: &Asked) -> String {
    let names: Vec<&str> = groups.iter().map(|group| group.name.as_str()).collect();
    let interface = match asked.nic {
        _ if !asked.says_nic => "",
        NicType::Intranet => ", private interface",
        NicType::Internet => ", public interface",
    };
    format!("{}{interface}", names.join(" + "))
}

/// Rules of one direction and interface, a rule of several groups once.
struct Rules {
    rules: Vec<Rule>,
    among_members: Vec<Rule>,
}

impl Rules {
    fn new(groups: &[Group], asked: &Asked) -> Self {
        let rules = groups.iter().flat_map(|group| &group.rules);
        let rules = rules
            .map(|(rule, _)| rule)
            .filter(|rule| rule.direction == asked.direction && rule.nic == asked.nic);
        let mut once: BTreeMap<RuleIdentity<'_>, &Rule> = BTreeMap::new();
        for rule in rules {
            once.entry(rule.identity()).or_insert(rule);
        }
        let own = groups.iter().filter_map(|group| group.own.as_ref());
        let own = own.filter(|_| asked.nic == NicType::Intranet);
        Self {
            rules: once.into_values().cloned().collect(),
            among_members: own
                .map(|group| among_members(group, asked.direction))
                .collect(),
        }
    }

    fn all(&self) -> Vec<&Rule> {
        self.rules.iter().chain(&self.among_members).collect()
    }
}

/// Everywhere that a rule comes from.
fn place(groups: &[Group], rule: &Rule) -> String {
    let mut places = Vec::new();
    for group in groups {
        let own = group.rules.iter();
        let own: Vec<&str> = own
            .filter(|(own, _)| own.is_same_rule(rule))
            .map(|(_, place)| place.as_str())
            .collect();
        if own.is_empty() {
            continue;
        }
        places.push(if groups.len() > 1 {
            format!("{}: {}", group.name, own.join(", "))
        } else {
            own.join(", ")
        });
    }
    places.join("; ")
}

/// Lines of three columns.
#[derive(Default)]
struct Table(Vec<(String, String, String)>);

impl Table {
    fn line(&mut self, label: &str, what: impl Into<String>) {
        self.0.push((label.to_owned(), what.into(), String::new()));
    }

    fn rule(&mut self, label: &str, rule: &Rule, note: &str, groups: &[Group]) {
        if is_among_members(rule) {
            let peer = &rule.peer;
            self.line(
                label,
                format!("members of {peer} reach each other, whatever its rules say"),
            );
            return;
        }
        let text = format!("{rule}{note}");
        self.0.push((label.to_owned(), text, place(groups, rule)));
    }

    fn deciders(&mut self, label: &str, by: &[Option<&Rule>], default: Policy, groups: &[Group]) {
        for decider in by.iter().take(MOST_DECIDERS) {
            match decider {
                Some(rule) => self.rule(label, rule, "", groups),
                None => self.line(label, format!("no rule matches; the default is {default}")),
            }
        }
        if by.len() > MOST_DECIDERS {
            let more = count(by.len() - MOST_DECIDERS, "more rule");
            self.line(label, format!("and {more}"));
        }
    }

    fn draw(self) -> String {
        let with_place = self.0.iter().filter(|(.., place)| !place.is_empty());
        let widest = with_place.map(|(_, what, _)| width(what)).max();
        let mut text = String::new();
        for (label, what, place) in self.0 {
            let mut line = format!("  {label:<10}  {what}");
            if !place.is_empty() {
                let gap = widest.unwrap_or(0).saturating_sub(width(&what));
                line.push_str(&format!("{:gap$}  {place}", ""));
            }
            text.push_str(&escape(line.trim_end()));
            text.push('\n');
        }
        text
    }
}

fn about_packets(groups: &[Group], asked: &Asked, peer: &Far) -> String {
    let direction = asked.direction;
    let lists = lists_of(groups);
    let default = default_of(groups, direction);
    let rules = Rules::new(groups, asked);
    let question = Question {
        member_of: peer.member_of.clone(),
        boxes: asked.boxes.clone(),
    };
    let head = format!(
        "{direction} {} {} {}, {}",
        asked.service,
        direction.preposition(),
        peer.text,
        title(groups, asked)
    );
    let found = explain(&rules.all(), &question, default, &Resolve(Some(&lists)));
    let Some(found) = found else {
        return format!("nothing to explain: {}\n", escape(&head));
    };
    let verdict = match found.verdict {
        Verdict::Admitted => "admitted".to_owned(),
        Verdict::Refused => "refused".to_owned(),
        Verdict::Partly => "partly".to_owned(),
        Verdict::Depends => {
            let names: Vec<String> = found.unknown.iter().map(name).collect();
            format!("depends on {}", names.join(" and "))
        }
    };
    let mut table = Table::default();
    for doubt in doubts(groups) {
        if doubt.matters(&found, &question, default, asked.nic) {
            table.line("unless", &doubt.text);
        }
    }
    for unknown in &found.unknown {
        table.line("not told", next_step(unknown, groups));
    }
    match found.verdict {
        Verdict::Admitted | Verdict::Refused => {
            let mut by: Vec<Option<&Rule>> = Vec::new();
            for share in &found.shares {
                by.extend(
                    share
                        .by
                        .iter()
                        .filter(|rule| !by.contains(rule))
                        .copied()
                        .collect::<Vec<_>>(),
                );
            }
            table.deciders("decided by", &by, default, groups);
        }
        Verdict::Partly | Verdict::Depends => {
            parts(&mut table, &found, (asked, peer), default, groups);
        }
    }
    for rule in &found.beaten {
        table.rule("beats", rule, "", groups);
    }
    let opposite = match found.verdict {
        Verdict::Admitted => Some(Policy::Drop),
        Verdict::Refused => Some(Policy::Accept),
        Verdict::Partly | Verdict::Depends => None,
    };
    // Only what would have made the answer another, had it matched.
    let weakest = found
        .deciders()
        .map(|rule| rule.map(rank))
        .max_by_key(|rank| rank.unwrap_or(DEFAULT));
    let weakest = weakest.flatten().unwrap_or(DEFAULT);
    let near = found.near.iter();
    let mut near: Vec<_> = near
        .filter(|(rule, _)| Some(rule.policy) == opposite && rank(rule) < weakest)
        .filter(|(rule, _)| !is_among_members(rule))
        .collect();
    near.sort_by_key(|(_, part)| std::cmp::Reverse(*part));
    for (rule, part) in near.into_iter().take(MOST_NEAR) {
        let why = match (part, &rule.peer) {
            (Part::Peer, Peer::Group(_)) => " (for its members)",
            (Part::Peer, _) => " (another peer)",
            (Part::Port, _) => " (another port)",
            (Part::Protocol, _) => " (another protocol)",
            (Part::SourcePort, _) => " (another source port)",
            (Part::Local, _) => " (another own address)",
        };
        table.rule("nearly", rule, why, groups);
    }
    format!("{verdict}: {}\n{}", escape(&head), table.draw())
}

/// Every share of the packets with the rules that decide about it.
fn parts(
    table: &mut Table,
    found: &Answer<'_>,
    (asked, peer): (&Asked, &Far),
    default: Policy,
    groups: &[Group],
) {
    for share in &found.shares {
        let text = in_the_words_of(asked, peer, &share.what).text(asked.direction);
        match share.fate {
            Fate::Sure(policy) => {
                let label = match policy {
                    Policy::Accept => "admitted",
                    Policy::Drop => "refused",
                };
                table.line(label, text);
                table.deciders("  by", &share.by, default, groups);
            }
            Fate::Open { .. } => {
                table.line("depends", text);
                for rule in &share.perhaps {
                    table.rule("  if in", rule, "", groups);
                }
                table.deciders("  else", &share.by, default, groups);
            }
        }
    }
}

/// Says all addresses of the question, or all of one family, as the question does, where that is shorter.
fn in_the_words_of(asked: &Asked, peer: &Far, what: &Statement) -> Statement {
    let mut wanted: BTreeMap<Family, &[Interval]> = BTreeMap::new();
    for clause in &asked.boxes {
        if let clause::Far::Addresses(family, addresses) = &clause.far {
            wanted.insert(*family, addresses);
        }
    }
    let mut what = what.clone();
    let mut peers = what.line.peers.iter();
    if peers.all(|(family, own)| wanted.get(family) == Some(&&own[..])) {
        let words = match what.line.peers.keys().collect::<Vec<_>>()[..] {
            [Family::V4] if wanted.len() > 1 => format!("the IPv4 addresses of {}", peer.text),
            [Family::V6] if wanted.len() > 1 => format!("the IPv6 addresses of {}", peer.text),
            _ => peer.text.clone(),
        };
        if words.len() < what.line.peers_text.len() {
            what.line.peers_text = words;
        }
    }
    what
}

fn name(unknown: &Unknown) -> String {
    match unknown {
        Unknown::SourcePort => "the source port".to_owned(),
        Unknown::Local => "the member's own address".to_owned(),
        Unknown::List(list) => list.to_string(),
    }
}

fn next_step(unknown: &Unknown, groups: &[Group]) -> String {
    let is_live = groups.iter().any(|group| group.source == Source::Live);
    match unknown {
        Unknown::SourcePort => "the source port: say it with --source-port PORT".to_owned(),
        Unknown::Local => "the member's own address: say it with --local ADDRESS".to_owned(),
        Unknown::List(list) if is_live => {
            let list = list.to_string();
            let unread = groups
                .iter()
                .find_map(|group| group.lists.unread.get(&*list));
            match unread {
                Some(why) => format!("what is in {list}: {why}"),
                None => format!("what is in {list}: the cloud shows this account no such list"),
            }
        }
        Unknown::List(list) => format!("what is in {list}: --live reads it"),
    }
}

fn doubts(groups: &[Group]) -> impl Iterator<Item = Doubt> + '_ {
    groups.iter().flat_map(|group| {
        let several = groups.len() > 1;
        group.doubts.iter().map(move |doubt| Doubt {
            effect: doubt.effect.clone(),
            text: if several {
                format!("{}: {}", group.name, doubt.text)
            } else {
                doubt.text.clone()
            },
        })
    })
}

fn about_services(groups: &[Group], asked: &Asked) -> String {
    let direction = asked.direction;
    let lists = lists_of(groups);
    let default = default_of(groups, direction);
    let rules = Rules::new(groups, asked);
    let found = reach(
        &rules.all(),
        &asked.boxes,
        Policy::Accept,
        default,
        &Resolve(Some(&lists)),
    );
    let word = direction.preposition();
    let mut table = Table::default();
    for doubt in doubts(groups) {
        let is_private = asked.nic == NicType::Intranet;
        if is_private || !matches!(doubt.effect, Effect::AmongMembers(_)) {
            table.line("perhaps", doubt.text);
        }
    }
    let mut text = format!(
        "{}: {direction} {}\n{}",
        escape(&title(groups, asked)),
        escape(&asked.service),
        table.draw()
    );
    if found.is_empty() {
        text.push_str(&format!("  {word} nobody\n"));
    }
    for statement in &found {
        text.push_str(&format!("  {}\n", escape(&statement.text(direction))));
    }
    for rule in &rules.among_members {
        let Peer::Group(group) = &rule.peer else {
            continue;
        };
        let own = Symbol::Group(group.clone());
        if found.iter().any(|one| one.world().contains(&own)) {
            text.push_str(&format!(
                "  members of {group} reach each other, whatever its rules say\n"
            ));
        }
    }
    text
}
