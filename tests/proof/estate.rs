//! Random estates: live rules as a cloud keeps them, declared rules as people write them.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;
use rulekeep::{
    model::{
        Cidr, Direction, GroupId, NicType, ObservedRule, OwnerId, Peer, Policy, PortListId,
        PortRange, PortSet, Ports, PrefixListId, Priority, Protocol, Rule,
    },
    provider::alibaba::wire,
};
use serde_json::{Value, json};

use crate::yaml::{Node, Reach, Shuffle, document, items};

/// A group that others name as `group:base`.
pub const BASE: &str = "sg-bp1base000000000000";
/// A group that nobody declares.
pub const OTHER: &str = "sg-bp1other00000000000";
/// A group of the classic network that nobody declares.
pub const CLASSIC: &str = "sg-bp1classic000000000";
/// A group of another account, and the two accounts.
pub const FOREIGN: &str = "sg-bp1foreign000000000";
pub const OWNER: &str = "1234567890123456";
pub const FOREIGN_OWNER: &str = "1987654321098765";
pub const VPC: &str = "vpc-bp1proof0000000000";
const PREFIX_V4: &str = "pl-bp1office0000000000";
const PREFIX_V6: &str = "pl-bp1office6000000000";
const PORT_LIST: &str = "prl-bp1web000000000000";

/// What a group is; it decides which rules it may have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shape {
    Basic,
    Advanced,
    Classic,
}

/// A rule as the cloud returns it, without the members that are empty.
pub fn seeded(rule: &Rule) -> Value {
    let mut members = wire::to_json(&ObservedRule {
        rule: rule.clone(),
        id: None,
        facts: None,
    });
    members
        .as_object_mut()
        .unwrap()
        .retain(|_, value| *value != json!(""));
    members
}

fn cidr(text: &str) -> Cidr {
    text.parse().unwrap()
}

fn ports(first: u16, last: u16) -> PortRange {
    PortRange::new(first, last).unwrap()
}

fn protocol(shape: Shape) -> impl Strategy<Value = Protocol> {
    let destination = prop_oneof![
        4 => prop::sample::select(vec![(22, 22), (80, 80), (443, 443), (8000, 8010), (1, 65535)])
            .prop_map(|(first, last)| PortSet::Range(ports(first, last))),
        1 => Just(match shape {
            Shape::Classic => PortSet::Range(ports(3306, 3306)),
            Shape::Basic | Shape::Advanced => PortSet::List(PortListId::new(PORT_LIST)),
        }),
    ];
    let source = prop_oneof![
        5 => Just(None),
        1 => Just(Some(ports(1024, 65535))),
        1 => Just(Some(PortRange::ALL)),
    ];
    let ported = (destination, source).prop_map(|(destination, source)| Ports {
        destination,
        source,
    });
    prop_oneof![
        4 => ported.clone().prop_map(Protocol::Tcp),
        2 => ported.prop_map(Protocol::Udp),
        1 => Just(Protocol::All),
        1 => Just(Protocol::Icmp),
        1 => Just(Protocol::Icmpv6),
        1 => Just(Protocol::Gre),
    ]
}

fn peer(shape: Shape) -> impl Strategy<Value = (Peer, Option<OwnerId>)> {
    let mut pool: Vec<(Peer, Option<OwnerId>)> =
        ["0.0.0.0/0", "10.0.0.0/8", "10.1.0.0/16", "192.0.2.7/32"]
            .into_iter()
            .map(|text| (Peer::Cidr(cidr(text)), None))
            .collect();
    let group = |id: &str| (Peer::Group(GroupId::new(id)), None);
    match shape {
        Shape::Basic => {
            pool.extend([group(BASE), group(OTHER)]);
            let foreign = Peer::Group(GroupId::new(FOREIGN));
            pool.push((foreign, Some(OwnerId::new(FOREIGN_OWNER))));
        }
        Shape::Classic => pool.push(group(CLASSIC)),
        Shape::Advanced => {}
    }
    if shape != Shape::Classic {
        for text in ["::/0", "2001:db8::/32", "2001:db8::7/128"] {
            pool.push((Peer::Cidr(cidr(text)), None));
        }
        for list in [PREFIX_V4, PREFIX_V6] {
            pool.push((Peer::PrefixList(PrefixListId::new(list)), None));
        }
    }
    prop::sample::select(pool)
}

fn description() -> impl Strategy<Value = Option<&'static str>> {
    prop_oneof![
        2 => Just(None),
        3 => prop::sample::select(vec![
            "web", "a: b # c", "数据库 访问", "it's \"quoted\"", "back\\slash", "- dash", "null", "1.5", "*", "{ x }",
        ])
        .prop_map(Some),
    ]
}

/// A rule that a group of a shape may have.
pub fn rule(shape: Shape) -> impl Strategy<Value = Rule> {
    let local = prop_oneof![5 => Just(0), 1 => Just(1), 1 => Just(2)];
    let priority = prop_oneof![3 => Just(1_i64), 2 => 1..=4_i64, 1 => Just(100)];
    (
        any::<bool>(),
        any::<bool>(),
        priority,
        prop::bool::weighted(0.3),
        protocol(shape),
        peer(shape),
        local,
        description(),
    )
        .prop_map(
            move |(
                egress,
                internet,
                priority,
                drop,
                protocol,
                (peer, peer_owner),
                local,
                description,
            )| {
                let ipv6 = match &peer {
                    Peer::Cidr(cidr) => Some(cidr.is_ipv6()),
                    Peer::PrefixList(list) => Some(list.as_str() == PREFIX_V6),
                    Peer::Group(_) => None,
                };
                let protocol = match (protocol, ipv6) {
                    (Protocol::Icmp, Some(true)) => Protocol::Icmpv6,
                    (Protocol::Icmpv6, Some(false)) => Protocol::Icmp,
                    (Protocol::Icmpv6, None) if shape == Shape::Classic => Protocol::Icmp,
                    (protocol, _) => protocol,
                };
                let local_v6 = ipv6.unwrap_or(protocol == Protocol::Icmpv6);
                let local = match (local, local_v6) {
                    (0, _) => None,
                    (1, false) => Some("172.16.0.0/24"),
                    (_, false) => Some("172.16.1.9/32"),
                    (_, true) => Some("2001:db8:ffff::/64"),
                };
                let internet =
                    shape == Shape::Classic && internet && !matches!(peer, Peer::Group(_));
                Rule {
                    direction: if egress {
                        Direction::Egress
                    } else {
                        Direction::Ingress
                    },
                    nic: if internet {
                        NicType::Internet
                    } else {
                        NicType::Intranet
                    },
                    priority: Priority::new(priority).unwrap(),
                    policy: if drop { Policy::Drop } else { Policy::Accept },
                    protocol,
                    peer,
                    local: local.map(cidr),
                    description: description.map(Into::into),
                    peer_owner,
                }
            },
        )
}

/// Which mode a direction has, if it is managed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Managed {
    No,
    Complete,
    Partial,
}

/// A group with what is live and what is declared.
#[derive(Clone, Debug)]
pub struct Group {
    pub id: &'static str,
    pub shape: Shape,
    pub live: Vec<Rule>,
    pub desired: Vec<Rule>,
    pub absent: Vec<Rule>,
    pub managed: [Managed; 2],
    pub keep_system: bool,
}

fn managed() -> impl Strategy<Value = Managed> {
    prop_oneof![
        4 => Just(Managed::Complete),
        3 => Just(Managed::Partial),
        1 => Just(Managed::No),
    ]
}

/// The identity without priority and verdict: declared rules are unique by it, so that none contradicts another.
fn key(rule: &Rule) -> impl Ord + use<> {
    (
        rule.direction,
        rule.nic,
        rule.protocol.clone(),
        rule.peer.clone(),
        rule.local,
    )
}

fn group(id: &'static str, shape: Shape) -> impl Strategy<Value = Group> {
    let rules = || prop::collection::vec(rule(shape), 0..10);
    // How a live rule is taken over: as it is, with another description or priority, not at all, forbidden.
    let taken = prop::collection::vec(0..6_u8, 10);
    let system = 0..4_u8;
    (
        rules(),
        rules(),
        taken,
        system,
        [managed(), managed()],
        any::<bool>(),
    )
        .prop_map(move |(live, wanted, taken, system, managed, keep_system)| {
            let mut seen = BTreeSet::new();
            let mut live: Vec<Rule> = live
                .into_iter()
                .filter(|rule| seen.insert((key(rule), rule.priority, rule.policy)))
                .collect();
            let mut keys = BTreeSet::new();
            let mut desired = Vec::new();
            let mut absent = Vec::new();
            for (rule, how) in live.iter().zip(taken) {
                if managed[usize::from(rule.direction == Direction::Egress)] == Managed::No {
                    continue;
                }
                let mut mine = rule.clone();
                match how {
                    0 | 1 => {}
                    2 => mine.description = Some("taken over".into()),
                    3 => mine.priority = Priority::new(50).unwrap(),
                    4 => {
                        let partial = managed[usize::from(rule.direction == Direction::Egress)];
                        if partial == Managed::Partial && keys.insert(key(rule)) {
                            absent.push(mine);
                        }
                        continue;
                    }
                    _ => continue,
                }
                if keys.insert(key(&mine)) {
                    desired.push(mine);
                }
            }
            desired.extend(wanted.into_iter().filter(|rule| {
                managed[usize::from(rule.direction == Direction::Egress)] != Managed::No
                    && keys.insert(key(rule))
            }));
            if system == 0 {
                // What the platform gave to groups before 2020.
                live.extend(Direction::BOTH.map(|direction| Rule {
                    direction,
                    nic: NicType::Intranet,
                    priority: Priority::observed(110),
                    policy: Policy::Accept,
                    protocol: Protocol::All,
                    peer: Peer::Cidr(cidr("0.0.0.0/0")),
                    local: None,
                    description: None,
                    peer_owner: None,
                }));
            }
            if system == 1 {
                live.push(Rule {
                    direction: Direction::Ingress,
                    nic: NicType::Intranet,
                    priority: Priority::new(7).unwrap(),
                    policy: Policy::Accept,
                    protocol: Protocol::Tcp(ports(9999, 9999).into()),
                    peer: Peer::Cidr(cidr("198.51.100.0/24")),
                    local: None,
                    description: Some("foreign controller".into()),
                    peer_owner: None,
                });
            }
            Group {
                id,
                shape,
                live,
                desired,
                absent,
                managed,
                keep_system,
            }
        })
}

/// A basic, an advanced and a classic group, and the groups and lists that their rules name.
#[derive(Clone, Debug)]
pub struct Estate {
    pub groups: [Group; 3],
}

/// Random estates.
pub fn estate() -> impl Strategy<Value = Estate> {
    (
        group("sg-bp1basic00000000000", Shape::Basic),
        group("sg-bp1advanced00000000", Shape::Advanced),
        group("sg-bp1oldnet0000000000", Shape::Classic),
    )
        .prop_map(|(basic, advanced, classic)| Estate {
            groups: [basic, advanced, classic],
        })
}

/// Lists that rules name, and groups that rules name, in the form of a seed.
pub fn seed(groups: Vec<Value>) -> Value {
    let mut all = vec![
        json!({"id": BASE, "name": "base-live", "vpc": VPC}),
        json!({"id": OTHER, "name": "other", "vpc": VPC}),
        json!({"id": CLASSIC, "name": "classic"}),
    ];
    all.extend(groups);
    json!({
        "version": 1,
        "owner": OWNER,
        "security_groups": all,
        "prefix_lists": [
            {"id": PREFIX_V4, "name": "office", "family": "IPv4", "max_entries": 5, "entries": [{"Cidr": "203.0.113.0/24"}]},
            {"id": PREFIX_V6, "name": "office6", "family": "IPv6", "max_entries": 3, "entries": [{"Cidr": "2001:db8:9::/48"}]},
        ],
        "port_lists": [
            {"id": PORT_LIST, "name": "web", "max_entries": 4, "entries": [{"PortRange": "80/80"}, {"PortRange": "443/443"}]},
        ],
    })
}

/// The group that others name.
pub const BASE_FILE: &str =
    "group: sg-bp1base000000000000\nname: base\nmode: partial\ningress: []\n";

impl Estate {
    /// The live side.
    pub fn seed(&self) -> Value {
        let groups = self.groups.iter().map(|group| {
            let rules: Vec<Value> = group.live.iter().map(seeded).collect();
            let mut entry = json!({"id": group.id, "name": group.id, "rules": rules});
            if group.shape != Shape::Classic {
                entry["vpc"] = json!(VPC);
            }
            if group.shape == Shape::Advanced {
                entry["type"] = json!("enterprise");
            }
            entry
        });
        seed(groups.collect())
    }

    /// The declared side: a file per group.
    pub fn files(&self, shuffle: &mut Shuffle, reach: Reach) -> Vec<(String, String)> {
        let mut files: Vec<(String, String)> = self
            .groups
            .iter()
            .map(|group| {
                let text = document(&group.entries(), shuffle, reach);
                (format!("rules/{}.yaml", group.id), text)
            })
            .collect();
        files.push(("rules/base.yaml".to_owned(), BASE_FILE.to_owned()));
        shuffle.apply(&mut files);
        files
    }

    /// As [`Estate::files`], everything in one file.
    pub fn file(&self, shuffle: &mut Shuffle) -> (String, String) {
        let files = self.files(shuffle, Reach::All);
        let texts: Vec<String> = files.into_iter().map(|(_, text)| text).collect();
        ("rules/all.yaml".to_owned(), texts.join("---\n"))
    }

    /// Ids of the live rules of priority 110, by group: how many there are.
    pub fn system_rules(&self) -> BTreeMap<&'static str, usize> {
        let count = |group: &Group| {
            let rules = group.live.iter();
            rules.filter(|rule| rule.priority.is_system_level()).count()
        };
        self.groups
            .iter()
            .map(|group| (group.id, count(group)))
            .collect()
    }
}

impl Group {
    fn entries(&self) -> Vec<(&'static str, Node)> {
        let classic = self.shape == Shape::Classic;
        let mode = |managed: Managed| {
            Node::Text(
                match managed {
                    Managed::Complete => "complete",
                    Managed::Partial | Managed::No => "partial",
                }
                .to_owned(),
            )
        };
        let [ingress, egress] = self.managed;
        let mut entries = vec![
            ("group", Node::Text(self.id.to_owned())),
            (
                "mode",
                Node::Map(vec![("ingress", mode(ingress)), ("egress", mode(egress))]),
            ),
            ("allow_empty", Node::Text("true".to_owned())),
        ];
        let of = |rules: &[Rule], direction: Direction| {
            let rules: Vec<Rule> = rules
                .iter()
                .filter(|rule| rule.direction == direction)
                .cloned()
                .collect();
            items(&rules, classic)
        };
        let mut absent = Vec::new();
        for (direction, key, managed) in [
            (Direction::Ingress, "ingress", ingress),
            (Direction::Egress, "egress", egress),
        ] {
            if managed != Managed::No {
                entries.push((key, Node::List(of(&self.desired, direction))));
            }
            let forbidden: Vec<Node> = of(&self.absent, direction);
            if !forbidden.is_empty() {
                absent.push((key, Node::List(forbidden)));
            }
        }
        if !absent.is_empty() {
            entries.push(("absent", Node::Map(absent)));
        }
        if self.managed.contains(&Managed::Complete) {
            let what = if self.keep_system { "keep" } else { "delete" };
            entries.push(("system_rules", Node::Text(what.to_owned())));
            let pattern = Node::Map(vec![("description", Node::quoted("foreign *"))]);
            entries.push(("ignore", Node::List(vec![pattern])));
        }
        entries
    }
}
