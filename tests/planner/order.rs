//! A small universe of packets with a matcher that looks at each and shares no code with the planner, random rules in it, and plans made change by
//! change.

use std::{collections::BTreeSet, net::IpAddr};

use crate::rules::{desired, observed};
use ipnet::IpNet;
use proptest::prelude::*;
use rulekeep::{
    desired::{DesiredGroup, Mode},
    model::{
        Cidr, Direction, GroupId, Network, NicType, ObservedGroup, Peer, Policy, PortRange,
        PortSet, Ports, Priority, Protocol, Rule,
    },
    plan::{ChangeKind, Plan},
};

/// A packet as a security group sees it.
#[derive(Clone, Debug)]
pub struct Packet {
    direction: Direction,
    nic: NicType,
    /// The far end.
    address: IpAddr,
    /// The member's own address.
    own: IpAddr,
    groups: BTreeSet<&'static str>,
    protocol: u8,
    source: u16,
    port: u16,
}

const SYMBOLS: [&str; 2] = ["sg-x", "sg-y"];

/// Every packet of the universe, and in each dimension one that no border of [`arb_rule`] cuts off: a rule without a word about it is about
/// that one too. 2 directions, 5 IPv4 and 3 IPv6 addresses, 3 own addresses of each family, 4 sets of memberships, 4 protocols in each
/// family, 5 ports, 3 source ports.
pub fn packets(nics: &[NicType]) -> Vec<Packet> {
    let ported = |protocol| {
        (1..=5).flat_map(move |port| (1..=3).map(move |source| (protocol, port, source)))
    };
    let services = |icmp| {
        ported(6)
            .chain(ported(17))
            .chain([(icmp, 0, 0), (47, 0, 0)])
    };
    let mut packets = Vec::new();
    for direction in Direction::BOTH {
        for &nic in nics {
            for far in 0..8u8 {
                for own in 0..3u8 {
                    let (address, own) = if far < 5 {
                        (format!("10.0.0.{far}"), format!("10.0.1.{own}"))
                    } else {
                        (
                            format!("2001:db8::{}", far - 5),
                            format!("2001:db8:1::{own}"),
                        )
                    };
                    let (address, own) = (address.parse().unwrap(), own.parse().unwrap());
                    for members in 0..4u8 {
                        let groups: BTreeSet<&str> = (0..2)
                            .filter(|bit| members & (1 << bit) != 0)
                            .map(|bit| SYMBOLS[bit])
                            .collect();
                        for (protocol, port, source) in services(if far < 5 { 1 } else { 58 }) {
                            packets.push(Packet {
                                direction,
                                nic,
                                address,
                                own,
                                groups: groups.clone(),
                                protocol,
                                source,
                                port,
                            });
                        }
                    }
                }
            }
        }
    }
    packets
}

fn holds(net: IpNet, address: IpAddr) -> bool {
    match (net, address) {
        (IpNet::V4(net), IpAddr::V4(address)) => {
            u32::from(net.network()) <= u32::from(address)
                && u32::from(address) <= u32::from(net.broadcast())
        }
        (IpNet::V6(net), IpAddr::V6(address)) => {
            u128::from(net.network()) <= u128::from(address)
                && u128::from(address) <= u128::from(net.broadcast())
        }
        _ => false,
    }
}

/// Whether a rule is about a packet, written from the cloud's documentation and nothing else.
pub fn is_about(rule: &Rule, packet: &Packet) -> bool {
    let service = match &rule.protocol {
        Protocol::All => true,
        Protocol::Icmp => packet.protocol == 1,
        Protocol::Icmpv6 => packet.protocol == 58,
        Protocol::Tcp(ports) | Protocol::Udp(ports) => {
            let number = if matches!(rule.protocol, Protocol::Tcp(_)) {
                6
            } else {
                17
            };
            let within = |range: PortRange, port| range.first() <= port && port <= range.last();
            let PortSet::Range(destination) = &ports.destination else {
                panic!("not in the universe");
            };
            packet.protocol == number
                && within(*destination, packet.port)
                && ports
                    .source
                    .is_none_or(|range| within(range, packet.source))
        }
        other => panic!("not in the universe: {other}"),
    };
    let peer = match &rule.peer {
        Peer::Cidr(cidr) => holds(cidr.net(), packet.address),
        Peer::Group(group) => packet.groups.contains(group.as_str()),
        Peer::PrefixList(_) => panic!("not in the universe"),
    };
    let own = rule.local.is_none_or(|cidr| holds(cidr.net(), packet.own));
    rule.direction == packet.direction && rule.nic == packet.nic && service && peer && own
}

/// The verdict of a set of rules on a packet: smallest priority number, at equal priority drop; by default inbound drop, and outbound, of
/// a basic group, accept.
pub fn admits<'a>(rules: impl Iterator<Item = &'a Rule>, packet: &Packet) -> bool {
    let mut verdict = (u8::MAX, packet.direction == Direction::Egress);
    for rule in rules.filter(|rule| is_about(rule, packet)) {
        let accept = rule.policy == Policy::Accept;
        if (rule.priority.get(), accept) < verdict {
            verdict = (rule.priority.get(), accept);
        }
    }
    verdict.1
}

fn arb_rule() -> impl Strategy<Value = Rule> {
    let cidr = |text: String| Cidr::parse_masking(&text).unwrap();
    let peer = prop_oneof![
        6 => (0u8..4, 30u8..=32)
            .prop_map(move |(last, length)| Peer::Cidr(cidr(format!("10.0.0.{last}/{length}")))),
        2 => (0u8..2, 127u8..=128)
            .prop_map(move |(last, length)| Peer::Cidr(cidr(format!("2001:db8::{last}/{length}")))),
        1 => prop::sample::select(SYMBOLS.to_vec()).prop_map(|group| Peer::Group(GroupId::new(group))),
    ];
    let source = prop_oneof![
        3 => Just(None),
        1 => (1u16..=2).prop_map(|port| Some(PortRange::new(port, port).unwrap())),
    ];
    let ports = move |first, last, source| Ports {
        source,
        ..PortRange::new(first, last).unwrap().into()
    };
    let protocol = prop_oneof![
        4 => (1u16..=4, 0u16..3, source.clone()).prop_map(move |(first, more, source)| {
            Protocol::Tcp(ports(first, (first + more).min(4), source))
        }),
        1 => (1u16..=4, source).prop_map(move |(port, source)| Protocol::Udp(ports(port, port, source))),
        1 => Just(Protocol::Icmp),
        1 => Just(Protocol::All),
    ];
    let policy = prop_oneof![2 => Just(Policy::Accept), 1 => Just(Policy::Drop)];
    let direction = prop_oneof![2 => Just(Direction::Ingress), 1 => Just(Direction::Egress)];
    let local = prop_oneof![3 => Just(None), 1 => (0u8..2, 0u8..2).prop_map(Some)];
    (direction, 1i64..=3, policy, protocol, peer, local).prop_map(
        move |(direction, priority, policy, protocol, peer, local)| {
            let ipv6 = matches!(&peer, Peer::Cidr(cidr) if cidr.is_ipv6());
            let local = local.map(|(last, wider)| {
                cidr(if ipv6 {
                    format!("2001:db8:1::{last}/{}", 128 - wider)
                } else {
                    format!("10.0.1.{last}/{}", 32 - wider)
                })
            });
            Rule {
                direction,
                nic: NicType::Intranet,
                priority: Priority::new(priority).unwrap(),
                policy,
                protocol: match protocol {
                    Protocol::Icmp if ipv6 => Protocol::Icmpv6,
                    other => other,
                },
                peer,
                local,
                description: None,
                peer_owner: None,
            }
        },
    )
}

/// The same rules in the classic network, which has no IPv6; those about groups are for the private interface.
pub fn classic(rules: Vec<Rule>, nics: u8) -> Vec<Rule> {
    let rules = rules
        .into_iter()
        .filter(|rule| !matches!(&rule.peer, Peer::Cidr(cidr) if cidr.is_ipv6()))
        .enumerate()
        .map(|(n, rule)| Rule {
            nic: if nics & (1 << (n % 8)) != 0 && matches!(rule.peer, Peer::Cidr(_)) {
                NicType::Internet
            } else {
                NicType::Intranet
            },
            ..rule
        });
    unique(rules.collect())
}

pub fn unique(rules: Vec<Rule>) -> Vec<Rule> {
    let rules: BTreeSet<Rule> = rules.into_iter().collect();
    rules.into_iter().collect()
}

/// Old and new rules of a group: unrelated, edited, or renumbered.
pub fn arb_change() -> impl Strategy<Value = (Vec<Rule>, Vec<Rule>)> {
    let rules = || prop::collection::vec(arb_rule(), 0..7).prop_map(unique);
    prop_oneof![
        (rules(), rules()),
        (rules(), rules(), any::<u8>()).prop_map(|(old, fresh, keep)| {
            let kept = old
                .iter()
                .enumerate()
                .filter(|(n, _)| keep & (1 << (n % 8)) != 0);
            let new = kept
                .map(|(_, rule)| rule.clone())
                .chain(fresh.into_iter().take(2))
                .collect();
            (old, unique(new))
        }),
        (rules(), prop::collection::vec(1i64..=3, 7)).prop_map(|(old, priorities)| {
            let renumbered = old.iter().zip(priorities);
            let new = renumbered
                .map(|(rule, n)| Rule {
                    priority: Priority::new(n).unwrap(),
                    ..rule.clone()
                })
                .collect();
            (old, unique(new))
        }),
    ]
}

/// Old and new rules of a group that differ in a field or two each, so that most become each other in place.
pub fn arb_edits() -> impl Strategy<Value = (Vec<Rule>, Vec<Rule>)> {
    let edit = (arb_rule(), arb_rule(), 0u8..6);
    prop::collection::vec(edit, 1..5).prop_map(|edits| {
        let edited = |(old, by, what): &(Rule, Rule, u8)| {
            let mut new = old.clone();
            match what {
                0 | 1 => new.protocol = by.protocol.clone(),
                2 | 3 => new.peer = by.peer.clone(),
                4 => new.policy = by.policy,
                _ => {}
            }
            if what % 2 == 1 {
                new.priority = by.priority;
            }
            // There is no ICMP of IPv6 peers, and a local address is of the peer's family.
            let family = |rule: &Rule| matches!(&rule.peer, Peer::Cidr(cidr) if cidr.is_ipv6());
            if family(&new) != family(old)
                || matches!(new.protocol, Protocol::Icmp | Protocol::Icmpv6)
            {
                new.protocol = old.protocol.clone();
                new.peer = old.peer.clone();
            }
            new
        };
        let new = edits.iter().map(edited).collect();
        let old = edits.iter().map(|(old, ..)| old.clone()).collect();
        (unique(old), unique(new))
    })
}

pub fn group(id: &str, old: &[Rule], new: &[Rule]) -> (DesiredGroup, ObservedGroup) {
    (
        desired(id, Mode::Complete, new.to_vec()),
        observed(id, old.to_vec()),
    )
}

/// The live rules of every group while a plan is applied.
pub struct State {
    pub rules: Vec<Vec<Rule>>,
}

impl State {
    pub fn before(plan: &Plan) -> Self {
        let live = |group: &rulekeep::plan::GroupPlan| {
            group
                .observed
                .rules
                .iter()
                .map(|seen| seen.rule.clone())
                .collect()
        };
        Self {
            rules: plan.groups.iter().map(live).collect(),
        }
    }

    pub fn make(&mut self, group: usize, change: &ChangeKind) {
        let rules = &mut self.rules[group];
        if let Some(old) = change.before() {
            let place = rules
                .iter()
                .position(|rule| *rule == old.rule)
                .expect("the rule is there");
            rules.remove(place);
        }
        if let Some(new) = change.after() {
            assert!(
                !rules.iter().any(|rule| rule.is_same_rule(new)),
                "collides: {new}"
            );
            rules.push(new.clone());
        }
    }

    pub fn verdicts(&self, groups: &[usize], packets: &[Packet]) -> Vec<bool> {
        packets
            .iter()
            .map(|packet| admits(groups.iter().flat_map(|&g| &self.rules[g]), packet))
            .collect()
    }
}

/// Makes the changes of a plan one by one, those of a wave in an order taken from `shuffle`, and looks at every packet in between,
/// on interfaces in each group alone and in all of them.
pub fn check_every_state(plan: &Plan, shuffle: &[u32]) -> Result<(), TestCaseError> {
    let nics = match plan.groups[0].observed.info.network {
        Network::Vpc(_) => &[NicType::Intranet][..],
        Network::Classic => &[NicType::Intranet, NicType::Internet],
    };
    let packets = packets(nics);
    let mut interfaces: Vec<Vec<usize>> = (0..plan.groups.len()).map(|group| vec![group]).collect();
    interfaces.push((0..plan.groups.len()).collect());
    let mut state = State::before(plan);
    let verdicts = |state: &State| -> Vec<Vec<bool>> {
        interfaces
            .iter()
            .map(|groups| state.verdicts(groups, &packets))
            .collect()
    };
    let before = verdicts(&state);
    let changes: Vec<Vec<(usize, &ChangeKind)>> = plan
        .schedules
        .iter()
        .flat_map(|schedule| &schedule.waves)
        .map(|wave| {
            let mut changes: Vec<_> = wave
                .iter()
                .flat_map(|step| {
                    step.changes
                        .iter()
                        .map(|&n| (step.group, &plan.groups[step.group].changes[n].kind))
                })
                .enumerate()
                .collect();
            changes.sort_by_key(|(n, _)| {
                shuffle[n % shuffle.len()].rotate_left(u32::try_from(*n).unwrap())
            });
            changes.into_iter().map(|(_, change)| change).collect()
        })
        .collect();
    let mut end = State::before(plan);
    for (group, change) in changes.iter().flatten() {
        end.make(*group, change);
    }
    let after = verdicts(&end);
    for (group, change) in changes.into_iter().flatten() {
        state.make(group, change);
        for ((now, before), (after, groups)) in verdicts(&state)
            .iter()
            .zip(&before)
            .zip(after.iter().zip(&interfaces))
        {
            for (((now, before), after), packet) in now.iter().zip(before).zip(after).zip(&packets)
            {
                prop_assert!(
                    before != after || now == before,
                    "after {:?} of group {group}, on an interface in {groups:?}: {packet:?} is {now}, before and after {before}",
                    change,
                );
            }
        }
    }
    Ok(())
}

pub fn is_ordered(plan: &Plan) -> bool {
    plan.groups.iter().all(|group| group.passing.is_empty())
}

/// Long runs by `RULEKEEP_PROPERTY_CASES`.
pub fn cases(default: u32) -> u32 {
    std::env::var("RULEKEEP_PROPERTY_CASES")
        .ok()
        .and_then(|n| n.parse().ok())
        .unwrap_or(default)
}

/// Makes the changes of a plan one by one in the order given, and says whether some packet is, meanwhile, not what it is before and after.
pub fn breaks(plan: &Plan, order: &[(usize, usize)]) -> Option<String> {
    let packets = packets(&[NicType::Intranet]);
    let all: Vec<usize> = (0..plan.groups.len()).collect();
    let interfaces: Vec<Vec<usize>> = all
        .iter()
        .map(|group| vec![*group])
        .chain([all.clone()])
        .collect();
    let kind = |&(group, change): &(usize, usize)| &plan.groups[group].changes[change].kind;
    let verdicts = |state: &State| -> Vec<Vec<bool>> {
        interfaces
            .iter()
            .map(|groups| state.verdicts(groups, &packets))
            .collect()
    };
    let mut end = State::before(plan);
    order.iter().for_each(|at| end.make(at.0, kind(at)));
    let mut state = State::before(plan);
    let (before, after) = (verdicts(&state), verdicts(&end));
    for at in order {
        state.make(at.0, kind(at));
        for ((now, before), after) in verdicts(&state).iter().zip(&before).zip(&after) {
            for (((now, before), after), packet) in now.iter().zip(before).zip(after).zip(&packets)
            {
                if before == after && now != before {
                    return Some(format!("after {:?}: {packet:?} is {now}", kind(at)));
                }
            }
        }
    }
    None
}

/// Whether some packet's verdict changes more than once, on an interface in any of the groups or in all of them.
pub fn flaps(plan: &Plan) -> Option<String> {
    let packets = packets(&[NicType::Intranet]);
    let all: Vec<usize> = (0..plan.groups.len()).collect();
    let single = all.iter().map(|group| vec![*group]);
    let interfaces: Vec<Vec<usize>> = single.chain([all.clone()]).collect();
    let mut state = State::before(plan);
    let mut last: Vec<Vec<bool>> = Vec::new();
    let mut changed: Vec<Vec<u8>> = vec![vec![0; packets.len()]; interfaces.len()];
    let mut look = |state: &State, what: String| -> Option<String> {
        let now: Vec<Vec<bool>> = interfaces
            .iter()
            .map(|groups| state.verdicts(groups, &packets))
            .collect();
        let mut found = None;
        for (interface, last) in last.iter().enumerate() {
            for packet in 0..packets.len() {
                changed[interface][packet] += u8::from(now[interface][packet] != last[packet]);
                if changed[interface][packet] > 1 {
                    found = Some(format!("after {what}: {:?}", packets[packet]));
                }
            }
        }
        last = now;
        found
    };
    look(&state, "nothing".to_owned());
    let steps = plan
        .steps()
        .flat_map(|step| step.changes.iter().map(|change| (step.group, *change)));
    steps.into_iter().find_map(|(group, change)| {
        let kind = &plan.groups[group].changes[change].kind;
        state.make(group, kind);
        look(&state, format!("{kind:?}"))
    })
}
