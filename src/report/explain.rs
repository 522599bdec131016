//! The answer of `explain` as text.

use crate::{
    model::{Direction, GroupId, GroupKind, Lists, Policy, Rule},
    traffic::{
        clause::{Clause, Far, Interval, Resolve, Symbol},
        difference::default_policy,
        explain::{Explanation, Packet, Part, explain},
        reach::reach,
    },
};

use super::text::escape;

/// Most near misses that are named.
const MOST_NEAR: usize = 3;

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
    /// Lists whose content is known.
    pub lists: Lists,
    /// What the reader should know, a sentence each.
    pub caveats: Vec<String>,
}

/// Where the rules of a group come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// The files.
    Files,
    /// The cloud.
    Live,
}

/// What is asked.
#[derive(Clone, Debug)]
pub enum Asked {
    /// What becomes of one packet.
    Packet(Packet),
    /// Who can reach a service.
    Service {
        /// Which way.
        direction: Direction,
        /// IANA number.
        protocol: u8,
        /// Destination port.
        port: Option<u16>,
    },
}

/// The answer, a few lines. All groups are those of one network interface: their rules count together.
pub fn answer(groups: &[Group], asked: &Asked, service: &str, peer: Option<&str>) -> String {
    let (direction, mut text) = match asked {
        Asked::Packet(packet) => (
            packet.direction,
            about_packet(groups, packet, service, peer.unwrap_or("")),
        ),
        Asked::Service {
            direction,
            protocol,
            port,
        } => (
            *direction,
            about_service(groups, *direction, *protocol, *port, service),
        ),
    };
    let mut caveats: Vec<String> = Vec::new();
    for group in groups {
        let source = match group.source {
            Source::Files => "files",
            Source::Live => "live rules",
        };
        caveats.push(format!(
            "{}: {source}, {} rules",
            group.name,
            count(group, direction)
        ));
        caveats.extend(
            group
                .caveats
                .iter()
                .map(|caveat| format!("{}: {caveat}", group.name)),
        );
    }
    text.push('\n');
    for caveat in caveats {
        text.push_str(&format!("  {}\n", escape(&caveat)));
    }
    text
}

fn count(group: &Group, direction: Direction) -> String {
    format!(
        "{} {direction}",
        group
            .rules
            .iter()
            .filter(|(rule, _)| rule.direction == direction)
            .count()
    )
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
        all.prefix.extend(group.lists.prefix.clone());
        all.port.extend(group.lists.port.clone());
    }
    all
}

fn names(groups: &[Group]) -> String {
    groups
        .iter()
        .map(|group| group.name.as_str())
        .collect::<Vec<_>>()
        .join(" + ")
}

fn place<'a>(groups: &'a [Group], rule: &Rule) -> String {
    let several = groups.len() > 1;
    groups
        .iter()
        .flat_map(|group| {
            group
                .rules
                .iter()
                .map(move |(own, place)| (group, own, place))
        })
        .find(|(_, own, _)| own.is_same_rule(rule))
        .map_or_else(String::new, |(group, _, place): (&'a Group, _, _)| {
            if several {
                format!("{}, {place}", group.name)
            } else {
                place.clone()
            }
        })
}

fn about_packet(groups: &[Group], packet: &Packet, service: &str, peer: &str) -> String {
    let lists = lists_of(groups);
    let default = default_of(groups, packet.direction);
    let rules = groups
        .iter()
        .flat_map(|group| group.rules.iter().map(|(rule, _)| rule));
    let Explanation {
        mut policy,
        decides,
        beaten,
        near,
        depends_on,
    } = explain(rules, packet, default, Some(&lists));
    let among_members = groups
        .iter()
        .filter_map(|group| group.own.as_ref())
        .any(|own| packet.member_of.contains(&Symbol::Group(own.clone())));
    if among_members {
        policy = Policy::Accept;
    }
    let verdict = match (policy, depends_on.is_empty() || among_members) {
        (_, false) => "depends",
        (Policy::Accept, true) => "admitted",
        (Policy::Drop, true) => "refused",
    };
    let word = packet.direction.preposition();
    let mut lines: Vec<(&str, String, String)> = Vec::new();
    match decides {
        _ if among_members => {
            lines.push((
                "decided by",
                "members of the group reach each other, whatever its rules say".into(),
                String::new(),
            ));
        }
        Some(rule) => lines.push(("decided by", rule.to_string(), place(groups, rule))),
        None => lines.push((
            "decided by",
            format!("no rule matches; the default is {default}"),
            String::new(),
        )),
    }
    for rule in depends_on {
        lines.push(("unless in", rule.to_string(), place(groups, rule)));
    }
    for rule in &beaten {
        lines.push(("beats", rule.to_string(), place(groups, rule)));
    }
    for (rule, part) in near.iter().take(MOST_NEAR) {
        let why = match part {
            Part::Peer => "another peer",
            Part::Port => "another port",
            Part::Protocol => "another protocol",
            Part::SourcePort => "another source port",
            Part::Local => "another own address",
        };
        lines.push(("nearly", format!("{rule} ({why})"), place(groups, rule)));
    }
    let widest = lines
        .iter()
        .map(|(_, text, _)| text.chars().count())
        .max()
        .unwrap_or(0);
    let mut text = format!(
        "{verdict}: {} {} {word} {}, {}\n",
        packet.direction,
        escape(service),
        escape(peer),
        escape(&names(groups))
    );
    for (label, what, place) in lines {
        let line = format!("  {label:<10}  {what:<widest$}  {place}");
        text.push_str(&escape(line.trim_end()));
        text.push('\n');
    }
    text
}

fn about_service(
    groups: &[Group],
    direction: Direction,
    protocol: u8,
    port: Option<u16>,
    service: &str,
) -> String {
    let lists = lists_of(groups);
    let rules: Vec<&Rule> = groups
        .iter()
        .flat_map(|group| group.rules.iter().map(|(rule, _)| rule))
        .filter(|rule| rule.direction == direction)
        .collect();
    let one = |number: u16| -> Vec<Interval> { vec![(number.into(), number.into())] };
    let question = Clause {
        far: Far::Anyone,
        protocol: Some(protocol),
        destination: port.map(one),
        ..Clause::default(Policy::Drop)
    };
    let default = default_of(groups, direction);
    let found = reach(
        &rules,
        &question,
        Policy::Accept,
        default,
        &Resolve(Some(&lists)),
    );
    let word = direction.preposition();
    let mut text = format!(
        "{} {direction} {}\n",
        escape(&names(groups)),
        escape(service)
    );
    for group in groups.iter().filter_map(|group| group.own.as_ref()) {
        text.push_str(&format!(
            "  {word} members of {group} (they reach each other, whatever its rules say)\n"
        ));
    }
    if found.is_empty() {
        text.push_str(&format!("  {word} nobody\n"));
    }
    for statement in found {
        text.push_str(&format!("  {}\n", escape(&statement.text(direction))));
    }
    text
}
